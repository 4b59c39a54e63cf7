"""`python -m tests.packaging.lowest`: whether an environment has the lowest versions that are declared."""

from __future__ import annotations

import importlib.metadata as metadata
import sys
from collections.abc import Iterator

from packaging.requirements import Requirement
from packaging.version import Version

NOT_HERE = {"docs", "engines", "spark"}  # extras that are tried elsewhere


def declared(name: str) -> Iterator[Requirement]:
    """What a distribution asks for on this platform, its extras included."""
    extras = {"", *(metadata.metadata(name).get_all("Provides-Extra") or ())} - NOT_HERE
    for line in metadata.requires(name) or ():
        one = Requirement(line)
        if one.name != name and any(one.marker is None or one.marker.evaluate({"extra": extra}) for extra in extras):
            yield one


def lowest(one: Requirement) -> Version:
    """The lowest version that a requirement takes.

    Raises:
        ValueError: It doesn't tell.
    """
    found = [Version(part.version) for part in one.specifier if part.operator == ">="]
    if not found:
        raise ValueError(f"{one} has no lower bound: say which version is the lowest that is tried")
    return max(found)


def main() -> int:
    wrong = 0
    for one in sorted(declared("sfframe"), key=str):
        found = Version(metadata.version(one.name))
        if found != lowest(one):
            wrong += 1
            sys.stderr.write(
                f"{one.name} {found} is installed, and {lowest(one)} is declared. Declare the lowest version that can "
                "be had, or hold back what asks for a newer one in tests/packaging/lowest.txt.\n"
            )
    sys.stdout.write(f"{sum(1 for _ in declared('sfframe')) - wrong} dependencies in their lowest versions\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
