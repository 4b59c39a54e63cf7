"""Mutant: a defect as a replacement of text, what it would do to a user, and the tests that are to notice it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A defect that somebody could make.

    Attributes:
        name: A few words, joined by hyphens.
        harm: What it would do to a user, in one sentence.
        file: The file, from the package's folder on.
        old: A text that is in it exactly once, as short as is possible.
        new: What stands there instead.
        tests: What pytest is to run, in this order and until the first failure; few and quick ones.
    """

    name: str
    harm: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def path_in(self, root: Path) -> Path:
        """The file, in a copy of the project."""
        return root / "sfframe" / self.file

    def applied_to(self, text: str) -> str:
        """The file's text with the defect in it.

        Raises:
            ValueError: The old text isn't in it exactly once: the code has changed, and the list must follow.
        """
        if (n := text.count(self.old)) != 1:
            raise ValueError(f"{self.name}: {self.old!r} is {n} times in sfframe/{self.file}, and must be there once")
        return text.replace(self.old, self.new)
