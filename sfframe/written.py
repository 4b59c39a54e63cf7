"""Written: how figures, verdicts, and words that others wrote, stand on whatever screen there is. Pure."""

from __future__ import annotations

from typing import Final

MOST: Final = 1_000  # characters of whatever is shown as one text
_UNITS: Final = ("B", "kB", "MB", "GB")


def harmless(words: str, *, lines: bool = False) -> str:
    """A text without control characters, which could move a terminal's cursor or turn text around.

    Args:
        words: The text.
        lines: Line feeds stay.
    """
    if words.isprintable():
        return words
    return "".join(c if c.isprintable() or (lines and c == "\n") else f"\\u{ord(c):04x}" for c in words)


def short(words: str, most: int = MOST) -> str:
    """One harmless line of a text, at most so long."""
    line = harmless(" ".join(words.split()))
    return line if len(line) <= most else line[: most - 1] + "…"


def count(n: int, one: str, many: str | None = None) -> str:
    """`1 row`, `2,000 rows`; the plural is given where it is more than an `s`."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def verdict(*, is_ok: bool, has_notes: bool) -> str:
    """The first words of whatever tells of a result."""
    if not is_ok:
        return "NOT OK"
    return "OK, WITH NOTES" if has_notes else "OK"


def size(n_bytes: float) -> str:
    """A number of bytes with its unit, in three digits or fewer: `950 B`, `1.2 MB`, `120 MB`."""
    power = 0
    while n_bytes >= 999.5 and power < len(_UNITS) - 1:
        n_bytes, power = n_bytes / 1000, power + 1
    return f"{n_bytes:.1f} {_UNITS[power]}" if power and n_bytes < 9.95 else f"{n_bytes:,.0f} {_UNITS[power]}"
