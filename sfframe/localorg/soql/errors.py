"""What is wrong with a statement, and where: snippet, caret, row and column (SOQL notes, 9)."""

from __future__ import annotations

import re

_BEFORE, _AFTER = 40, 40
_TOKEN = re.compile(r"'(?:[^'\\\r\n]|\\.)*'|\w+|[<>!]=|\S", re.DOTALL)


class SoqlError(Exception):
    """A statement that the org refuses.

    Attributes:
        code: The org's error code.
        message: Its text, with snippet, caret and place where the org shows them.
        status: The HTTP status that goes with it; 501 for what a real org would answer and this one doesn't speak.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status = code, message, status


def unspoken(what: str) -> SoqlError:
    """What a real org knows and this one doesn't, refused by its name."""
    return SoqlError("NOT_IMPLEMENTED", f"localorg does not speak {what}", status=501)


def located(text: str, at: int, code: str, message: str) -> SoqlError:
    """An error with the place where it was found.

    Args:
        text: The statement.
        at: The offset of the offending word.
        code: The org's error code.
        message: What is wrong there.
    """
    row = text.count("\n", 0, at) + 1
    start = text.rfind("\n", 0, at) + 1
    end = text.find("\n", at)
    line = text[start : end if end >= 0 else len(text)].rstrip("\r")
    column = at - start
    first = max(0, column - _BEFORE)
    if first:
        # The snippet begins with a whole word where there is one.
        blank = line.find(" ", first - 1, column)
        first = blank + 1 if blank >= 0 else first
    snippet = line[first : column + _AFTER]
    place = f"ERROR at Row:{row}:Column:{column + 1}"
    return SoqlError(code, f"\n{snippet}\n{' ' * (column - first)}^\n{place}\n{message}")


def unexpected(text: str, at: int) -> SoqlError:
    """The word that no rule of the grammar takes there."""
    found = _TOKEN.search(text, at)
    if found is None:
        return located(text, len(text.rstrip()), "MALFORMED_QUERY", "unexpected token: '<EOF>'")
    word = found[0]
    if word == ":":
        return located(text, found.start(), "MALFORMED_QUERY", "Bind variables only allowed in Apex code")
    return located(text, found.start(), "MALFORMED_QUERY", f"unexpected token: '{word[:80]}'")
