"""Record ids: 15 characters that tell upper from lower case, and 3 more that make this safe (wire notes, 13)."""

from __future__ import annotations

import re

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_POD = "5e"
_FORM = re.compile(r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?")


def with_suffix(id15: str) -> str:
    """The 18 character form of a 15 character id."""
    groups = (id15[start : start + 5] for start in (0, 5, 10))
    bits = (sum(1 << place for place, char in enumerate(group) if "A" <= char <= "Z") for group in groups)
    return id15 + "".join(_SUFFIX[number] for number in bits)


def make_id(prefix: str, number: int) -> str:
    """The id of the number-th record under a three character key prefix."""
    digits = ""
    for _ in range(10):
        number, digit = divmod(number, 62)
        digits = ALPHABET[digit] + digits
    return with_suffix(f"{prefix}{_POD}{digits}")


def normal_id(text: str) -> str | None:
    """The 18 character form of what looks like an id, else None."""
    if not _FORM.fullmatch(text):
        return None
    return with_suffix(text[:15]) if len(text) == 15 else text


def _digit(place: int) -> str:
    return f"substr('{ALPHABET}', 1 + ((number // {62**place}) % 62)::INTEGER, 1)"


def _group(start: int) -> str:
    chars = (f"substr(id15, {start + place + 1}, 1)" for place in range(5))
    bits = " + ".join(
        f"CASE WHEN {char} BETWEEN 'A' AND 'Z' THEN {1 << place} ELSE 0 END" for place, char in enumerate(chars)
    )
    return f"substr('{_SUFFIX}', 1 + {bits}, 1)"


# The same three functions for whole columns.
MACROS = (
    f"CREATE OR REPLACE MACRO org.with_suffix(id15) AS id15 || {_group(0)} || {_group(5)} || {_group(10)}",
    "CREATE OR REPLACE MACRO org.make_id(prefix, number) AS org.with_suffix("
    f"prefix || '{_POD}' || {' || '.join(_digit(place) for place in reversed(range(10)))})",
    "CREATE OR REPLACE MACRO org.normal_id(id) AS CASE WHEN length(id) = 15 THEN org.with_suffix(id) ELSE id END",
    "CREATE OR REPLACE MACRO org.is_id(id) AS regexp_full_match(id, '[0-9A-Za-z]{15}([0-9A-Za-z]{3})?')",
)
