"""Literals: values as SOQL writes them, each by its type (SOQL notes, 1). No I/O."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Final

from sfframe.errors import SoqlError

MAX_TEXT: Final = 4_000  # SOQL notes, 4
_YEARS: Final = range(1700, 4001)
_MAX_DIGITS: Final = 308
_TOO_LARGE: Final = 10 ** (_MAX_DIGITS + 1)
_TOO_MANY_DIGITS: Final = "it has more digits than a number of an org can have"
_ESCAPES: Final = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_NULLS: Final = ("NAType", "NaTType")


def quote_soql(value: Any) -> str:
    """A value as SOQL writes it, for those who build a statement's text; `params=` does it for you.

        print(sfframe.quote_soql("O'Neil"), sfframe.quote_soql([1, 2]), sfframe.quote_soql(None))
        # 'O\\'Neil' (1, 2) null

    Args:
        value: Text (quoted and escaped; at most 4,000 characters), a number (never with an exponent), a boolean, a date
            or a time, a datetime with a zone (written in UTC, cut to the millisecond; an org compares whole seconds),
            `None` or pandas' nulls (`null`), or several of these in a list, tuple, set, series or array: they are
            written in brackets, as `IN` wants them, equal ones once. In a pattern of `LIKE`, `%` and `_` are wildcards.
            An empty text is written `''`, which SOQL takes for null.

    Raises:
        SoqlError: SOQL has no way to write it: NaN, an infinite number, a datetime without a zone, a year outside of
            1700 to 4000, text with a NUL or half a surrogate pair, an empty list, any other type.
    """
    try:
        found = bound(value)
    except UnwritableError as error:
        raise SoqlError(str(error)) from None
    if not found.literals:
        raise SoqlError("SOQL has no empty list: leave the condition out, or use params, which know what it means")
    return f"({', '.join(found.literals)})" if found.is_list else found.literals[0]


class UnwritableError(ValueError):
    """There is no such value in SOQL; the text says what to do, and doesn't quote it."""


@dataclass(frozen=True, slots=True)
class Bound:
    """What a value is in SOQL: one literal, or those of a list."""

    literals: tuple[str, ...]
    is_list: bool = False


def bound(value: Any) -> Bound:
    """What a value is in SOQL; see `quote_soql` for what values there are. An empty list has no literals.

    Raises:
        UnwritableError: It has no form in SOQL.
    """
    if not _is_list(value):
        return Bound((_literal(value),))
    literals = []
    # Among texts and objects pandas' null is NaN; among numbers NaN is none.
    nan_is_null = getattr(getattr(value, "dtype", None), "kind", "") == "O"
    for one in value:
        if _is_list(one):
            raise UnwritableError("a list inside of a list is nothing that SOQL can write")
        literals.append("null" if nan_is_null and isinstance(one, float) and one != one else _literal(one))
    unique = dict.fromkeys(literals)
    return Bound(tuple(sorted(unique) if isinstance(value, set | frozenset) else unique), is_list=True)


def _is_list(value: Any) -> bool:
    is_frame = isinstance(value, Mapping) or hasattr(value, "columns")
    if isinstance(value, str | bytes | bytearray) or is_frame or getattr(value, "ndim", 1) == 0:
        return False
    return isinstance(value, Iterable)


def _literal(value: Any) -> str:
    value = _plain(value)
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            if abs(value) >= _TOO_LARGE:  # Python itself refuses to write the largest
                raise UnwritableError(_TOO_MANY_DIGITS)
            return str(int(value))
        case float() | Decimal():
            return _number(Decimal(float.__repr__(value)) if isinstance(value, float) else value)
        case str():
            return _text(str.__str__(value))
        case datetime():
            return _moment(value)
        case date():
            _check_year(value.year)
            return value.isoformat()
        case time():
            return _time(value)
    raise UnwritableError(
        f"{type(value).__name__} is nothing that SOQL can write: give text, a number, a boolean, a date, a datetime "
        "with a zone, a time, None, or a list of these"
    )


def _plain(value: Any) -> Any:
    """A scalar of numpy, pandas or pyarrow as Python's own; nulls of whatever kind as `None`."""
    if hasattr(value, "as_py"):
        value = value.as_py()
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    if type(value).__name__ in _NULLS or (kind in "mM" and kind and str(value) == "NaT"):
        return None
    if kind == "M":
        raise UnwritableError(_NAIVE)
    if kind == "f" and not isinstance(value, float):
        return Decimal(str(value))  # the digits of its own width
    return value.item() if kind and kind in "biuf" else value


def _number(value: Decimal) -> str:
    if not value.is_finite():
        raise UnwritableError("it is no finite number, and SOQL has no other: use None for null, or leave it out")
    if value and abs(value.adjusted()) > _MAX_DIGITS:
        raise UnwritableError(_TOO_MANY_DIGITS)
    digits = format(value, "f")
    digits = digits.rstrip("0").rstrip(".") if "." in digits else digits
    return "0" if not value else digits


def _text(value: str) -> str:
    if len(value) > MAX_TEXT:
        raise UnwritableError(f"it has {len(value):,} characters, and a text in a condition at most {MAX_TEXT:,}")
    return "'" + "".join(map(_character, value)) + "'"


def _character(one: str) -> str:
    if one in _ESCAPES:
        return _ESCAPES[one]
    if one == "\0" or "\ud800" <= one <= "\udfff":
        raise UnwritableError("it has a NUL or half of a surrogate pair, which no text of an org has")
    return f"\\u{ord(one):04X}" if unicodedata.category(one) == "Cc" else one


_NAIVE: Final = (
    "it is a datetime without a time zone, and none is ever assumed: give it one, as "
    "value.replace(tzinfo=datetime.timezone.utc) does"
)


def _moment(value: datetime) -> str:
    if value.utcoffset() is None:
        raise UnwritableError(_NAIVE)
    try:
        moment = value.astimezone(UTC)
    except (OverflowError, ValueError):
        moment = value
    _check_year(moment.year)
    milliseconds = moment.microsecond // 1000
    fraction = f".{milliseconds:03}" if milliseconds else ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}Z"


def _time(value: time) -> str:
    if value.tzinfo is not None and value.utcoffset():
        raise UnwritableError("it is a time of day in a zone, and an org has times of day without one")
    milliseconds = value.microsecond // 1000
    fraction = f".{milliseconds:03}" if milliseconds else ""
    return f"{value:%H:%M:%S}{fraction}Z"


def _check_year(year: int) -> None:
    if year not in _YEARS:
        raise UnwritableError(f"its year is outside of {_YEARS[0]} to {_YEARS[-1]}, which is all that an org knows")
