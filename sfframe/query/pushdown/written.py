"""Written: values of a predicate as SOQL writes them, where it can't misunderstand them. No I/O."""

from __future__ import annotations

import math
import re
import string
import unicodedata
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from itertools import pairwise
from typing import Final, Literal

from sfframe.query.soql.literals import MAX_TEXT, quote_soql

_LIKE_ESCAPES: Final = {"'": "\\'", "%": "\\%", "_": "\\_"}
# Finer than any field's scale, so that a bound near zero isn't hundreds of digits.
_FINEST: Final = Decimal(1).scaleb(-20)
_DIGITS: Final = Context(prec=60)
_ID: Final = re.compile(r"[A-Za-z0-9]{15}[A-Z0-5]{3}")
_SIMPLE: Final = re.compile(r"[A-Za-z0-9]+([ .@_-][A-Za-z0-9]+)*")  # most are, and lists are long
_CAPITALS: Final = {ord(char): "1" if char.isupper() else "0" for char in string.ascii_letters + string.digits}
_ID_DIGITS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
# Letters that some collations take for plain ones, though Unicode doesn't take them apart.
_LETTERS: Final = str.maketrans({"ı": "i", "ø": "o", "đ": "d", "ł": "l", "ħ": "h", "ŧ": "t", "ð": "d", "þ": "th",
                                 "æ": "ae", "œ": "oe"})  # fmt: skip


def is_sound(text: str) -> bool:
    """Whether a text can be stored as it stands: in one form of Unicode, without NUL."""
    return "\0" not in text and unicodedata.is_normalized("NFC", text)


def text_literal(text: str) -> str | None:
    """A string in quotes; `None` if the org may take it for something else (SOQL notes, 1; 11, note 2).

    That is: for null, if it is empty; for what is left of it without the blanks at its ends; for another form of it.
    """
    if _SIMPLE.fullmatch(text) and len(text) <= MAX_TEXT:
        return f"'{text}'"
    if not text or text != text.strip() or not is_sound(text) or len(text) > MAX_TEXT:
        return None
    written = quote_soql(text)
    return written if len(written) <= MAX_TEXT else None


def like_literal(text: str, how: Literal["starts_with", "ends_with", "contains"]) -> str | None:
    """A pattern in quotes that finds what has a text in it: doubtful characters and outer blanks are `%` (note 10).

    Returns:
        `None` if nothing is left that could be looked for, or it is too long.
    """
    inner = "".join(_of_pattern(char, after) for char, after in pairwise(f"{text.strip()} "))
    before = "" if how == "starts_with" and not text[:1].isspace() else "%"
    after = "" if how == "ends_with" and not text[-1:].isspace() else "%"
    pattern = re.sub(r"(?<!\\)%+", "%", f"{before}{inner}{after}")
    return f"'{pattern}'" if pattern.strip("%") and len(pattern) <= MAX_TEXT else None


def id_literal(text: str) -> str | None:
    """An id in quotes; `None` for what is no id of 18 characters with the right suffix, which no row has."""
    if not _ID.fullmatch(text):
        return None
    capitals = text[14::-1].translate(_CAPITALS)
    suffix = (_ID_DIGITS[int(capitals[start : start + 5], 2)] for start in (10, 5, 0))
    return f"'{text}'" if text[15:] == "".join(suffix) else None


def widened(number: float) -> tuple[Decimal, Decimal]:
    """Bounds around a float, two units in its last place away."""
    low = high = number
    for _ in range(2):
        low, high = math.nextafter(low, -math.inf), math.nextafter(high, math.inf)
    return (
        Decimal(repr(low)).quantize(_FINEST, ROUND_FLOOR, _DIGITS),
        Decimal(repr(high)).quantize(_FINEST, ROUND_CEILING, _DIGITS),
    )


def alike(text: str) -> str:
    """A key that is the same for texts that any org might take for equal: without case, accents, width, kana kind."""
    if text.isascii() and text.isprintable():
        return text.lower()
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold().translate(_LETTERS))
    kept = (char for char in plain if unicodedata.category(char) not in ("Mn", "Cf", "Cc"))
    return "".join(chr(ord(char) - 0x60) if "ァ" <= char <= "ヶ" else char for char in kept)


def _of_pattern(char: str, after: str) -> str:
    # Together with an accent behind it, a letter may be another one.
    if not " " <= char <= "~" or char == "\\" or unicodedata.combining(after):
        return "%"
    return _LIKE_ESCAPES.get(char, char)
