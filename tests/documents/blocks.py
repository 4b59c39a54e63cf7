"""The blocks of code that a document holds."""

from __future__ import annotations

import itertools
import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
PAGES = sorted((ROOT / "docs").rglob("*.md"))
HOST = "acme.my.salesforce.com"
OURS = "sfframe"

_FENCE = re.compile(r'^```(\w*)(?: title="([^"]*)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A block of code.

    Attributes:
        kind: The language, as the fence names it.
        tool: Whose code it is: the block's title where it is another tool's, else `sfframe`.
        line: Where it begins.
        printed: What the document says it prints; `None` where no such block follows.
    """

    kind: str
    tool: str
    code: str
    line: int
    printed: str | None = None

    @property
    def at_its_line(self) -> str:
        """The code, so that a traceback names the line of the document."""
        return "\n" * self.line + self.code


def blocks(document: Path) -> list[Block]:
    """All blocks of a document but those that tell what the one before them prints."""
    text = document.read_text("utf-8")
    found = [
        (match[1], match[2] or OURS, textwrap.dedent(match[3]), text.count("\n", 0, match.start()) + 1)
        for match in _FENCE.finditer(text)
    ]
    return [
        Block(*block, printed=following[2] if following[0] == "text" else None)
        for block, following in itertools.pairwise([*found, ("", "", "", 0)])
        if block[0] != "text"
    ]


def plain(text: str) -> str:
    """Without times, ids of jobs, and the null of text that each version of pandas writes in its own way."""
    text = text.replace("<NA>", " NaN")
    if pd.__version__ < "3":
        text = text.replace("None", " NaN")
    return re.sub(r"\b750\w{15}\b", "7505e00000B0001AAB", re.sub(r"\d+\.\d s\b", "0.0 s", text))
