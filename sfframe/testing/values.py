"""What a field takes, as hypothesis strategies of plain Python values; whatever comes, the org gives it back as it was.

Text is `str`, whole numbers `int`, numbers `Decimal`, picklists of several values tuples, datetimes aware and in UTC.
"""

from __future__ import annotations

import datetime as dt
import string
from decimal import Decimal
from typing import Any, Final

from hypothesis import strategies as st

from sfframe.testing.fields import Field

SAFE_DIGITS: Final = 15
# Examples shrink to this day. From there a whole number of days or seconds leads anywhere: one draw, not seven.
_DAY = dt.date(2000, 1, 1)
_DAYS: Final = ((dt.date(1700, 1, 1) - _DAY).days, (dt.date(4000, 12, 31) - _DAY).days)
_MOMENT: Final = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
# What fits in 64 bits of nanoseconds, in seconds.
_SECONDS: Final = (-300 * 365 * 86_400, 261 * 365 * 86_400)
_CHARACTERS: Final = st.characters(codec="utf-8", exclude_characters="\0")
_TRICKY: Final = st.sampled_from(
    ['"', ",", "\n", "\r", "\r\n", "\u2028", "'", ";", "\t", " ", "\ufeff", "😀", "ß", "é"]
)
_DOMAINS: Final = ("@a.org", "@example.com", "@ex-ample.co.uk")
_TAGS: Final = ("", ".x", "+tag", "_1", "-a")
_MOST_CHOSEN: Final = 12
# Fields up to this length are sometimes filled to the last place; longer text would make examples heavy.
_MOST_FILLED: Final = 1_000
_SUFFIX: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_IN_IDS: Final = string.ascii_letters + string.digits


def values_of(field: Field, prefix: str) -> st.SearchStrategy[Any]:
    """Values for a field; gaps are `None`.

    Args:
        field: The field.
        prefix: That ids of its own object begin with.
    """
    made = _MAKERS[field.kind](field) if field.kind != "id" else ids(prefix)
    return st.none() | made if field.has_gaps else made


def utf16_length(text: str) -> int:
    """Length as the org counts it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut(text: str, length: int) -> str:
    """The text, or as much of it as has that length."""
    while utf16_length(text) > length:
        text = text[: length if len(text) > length else -1]
    return text


def kept(text: str) -> str:
    """A text like this that the org gives back as it is: it trims blanks, and takes some texts for none."""
    while text and _is_blank(text[0]):
        text = text[1:]
    while text and _is_blank(text[-1]):
        text = text[:-1]
    return text if text not in ("", "#N/A") else "0"


def _is_blank(character: str) -> bool:
    return character <= " " or character.isspace()


def texts(field: Field) -> st.SearchStrategy[str]:
    """Any text that fits: all of Unicode, line breaks and quotes within, now and then as long as may be."""
    size = min(12, field.length)
    free = st.text(_CHARACTERS, max_size=size)
    made = st.one_of(
        st.text(string.ascii_letters, min_size=1, max_size=min(8, field.length)),
        free,
        st.tuples(free, _TRICKY, free).map("".join),
    )
    if 0 < field.length <= _MOST_FILLED:
        made |= free.map(lambda text: kept(text) * field.length)
    return made.map(lambda text: kept(cut(kept(text), field.length)))


def _emails(field: Field) -> st.SearchStrategy[str]:
    domain = st.sampled_from([name for name in _DOMAINS if len(name) < field.length - 6])
    room = min(12, field.length - 20) if field.length > 24 else 1
    word = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=room)
    return st.tuples(word, st.sampled_from(_TAGS), domain).map("".join)


def _picklist(field: Field) -> st.SearchStrategy[str]:
    listed = st.sampled_from(field.values)
    return listed if field.is_restricted else listed | texts(field)


def _multi(field: Field) -> st.SearchStrategy[tuple[str, ...]]:
    if not field.values:
        word = st.text(string.ascii_letters, min_size=1, max_size=5)
        return st.lists(word, min_size=1, max_size=3, unique_by=str.lower).map(tuple)
    # In the order of the picklist, in which an org gives them back.
    known = field.values[:_MOST_CHOSEN]
    chosen = st.integers(1, 2 ** len(known) - 1)
    return chosen.map(lambda bits: tuple(value for place, value in enumerate(known) if bits >> place & 1))


def _whole(field: Field) -> st.SearchStrategy[int]:
    most = min(10**field.whole_digits - 1, 2 ** (field.bits - 1) - 1)
    return st.integers(-most, most)


def _number(field: Field) -> st.SearchStrategy[Decimal]:
    digits = min(field.whole_digits + field.scale, SAFE_DIGITS)
    most = 10**digits - 1
    exact = st.integers(-most, most).map(lambda number: Decimal(number).scaleb(-field.scale))
    whole = 10 ** min(field.whole_digits, SAFE_DIGITS) - 1
    return st.integers(-whole, whole).map(Decimal) | exact


def _dates(field: Field) -> st.SearchStrategy[dt.date]:
    return st.integers(*_DAYS).map(lambda days: _DAY + dt.timedelta(days=days))


def _datetimes(field: Field) -> st.SearchStrategy[dt.datetime]:
    # Whole seconds: an org keeps no part of one.
    return st.integers(*_SECONDS).map(lambda seconds: _MOMENT + dt.timedelta(seconds=seconds))


def _times(field: Field) -> st.SearchStrategy[dt.time]:
    return st.integers(0, 86_400_000 - 1).map(lambda ms: (_MOMENT + dt.timedelta(milliseconds=ms)).time())


def ids(prefix: str) -> st.SearchStrategy[str]:
    """Well-formed ids of an object; that there is such a record is another matter."""
    rest = 15 - len(prefix)
    return st.text(_IN_IDS, min_size=rest, max_size=rest).map(lambda text: _with_suffix(prefix + text))


def _with_suffix(short: str) -> str:
    groups = (short[start : start + 5] for start in (0, 5, 10))
    return short + "".join(_SUFFIX[sum(c.isupper() << i for i, c in enumerate(group))] for group in groups)


_MAKERS: Final = {
    "text": texts,
    "email": _emails,
    "picklist": _picklist,
    "multi": _multi,
    "boolean": lambda field: st.booleans(),
    "whole": _whole,
    "number": _number,
    "date": _dates,
    "datetime": _datetimes,
    "time": _times,
}
