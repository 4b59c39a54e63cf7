"""Forms: the ways in which a column of values may stand in a frame, one list for each frame library.

The first form of a list takes any values of its kind and is the plainest, so that examples shrink to it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

Values = Sequence[Any]
ZONES: Final = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata")
NANOSECONDS_END: Final = dt.date(2262, 1, 1)
# Up to here each whole number is a float.
_FLOAT_WHOLE: Final = 2**53


def _any(values: Values) -> bool:
    return True


@dataclass(frozen=True)
class Form:
    """One way to hold a column.

    Attributes:
        make: Makes the column.
        takes: Whether it holds these values as they are.
    """

    make: Callable[[Values], Any]
    takes: Callable[[Values], bool] = _any


class Backend(Protocol):
    """A frame library: its forms by kind of value, and how columns become a frame.

    Besides the kinds of fields there are "float" (numbers with infinite ones), "naive" (datetimes without a zone),
    "list" (lists, whatever is in them) and "bytes": they are for frames that must be refused.
    """

    @property
    def forms(self) -> Mapping[str, Sequence[Form]]:
        """The forms of each kind."""

    @property
    def indexes(self) -> Sequence[str]:
        """The kinds of labels that rows may have."""

    def frame(self, columns: Mapping[str, Any], n_rows: int, index: str) -> Any:
        """A frame of these columns."""


def has_no_gaps(values: Values) -> bool:
    return None not in values


def all_whole(values: Values) -> bool:
    return all(value is None or value == int(value) for value in values)


def fit(low: int, high: int) -> Callable[[Values], bool]:
    """Whether whole numbers are within these."""
    return lambda values: all(value is None or low <= value <= high for value in values)


def both(*tests: Callable[[Values], bool]) -> Callable[[Values], bool]:
    return lambda values: all(test(values) for test in tests)


fit_float = fit(-_FLOAT_WHOLE, _FLOAT_WHOLE)


def before_nanoseconds_end(values: Values) -> bool:
    return all(value is None or value < NANOSECONDS_END for value in values)


def each(convert: Callable[[Any], Any]) -> Callable[[Values], list[Any]]:
    """The same conversion for all but gaps."""
    return lambda values: [None if value is None else convert(value) for value in values]


def by(convert: Callable[[Values], Values], make: Callable[[Values], Any]) -> Callable[[Values], Any]:
    """Makes a column of values that are converted before."""
    return lambda values: make(convert(values))


def scale_of(values: Values) -> int:
    """The most decimals of decimal numbers."""
    exponents = [value.as_tuple().exponent for value in values if isinstance(value, Decimal)]
    return max((-exponent for exponent in exponents if isinstance(exponent, int)), default=0)


def as_text(value: Any) -> str:
    """The text that an org takes for a value."""
    if isinstance(value, tuple):
        return ";".join(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dt.datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0") + "Z"
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, dt.time):
        return value.isoformat(timespec="milliseconds")
    return str(value)


texts = each(as_text)
floats = each(float)
decimals = each(Decimal)
midnights = each(lambda day: dt.datetime(day.year, day.month, day.day))
naive = each(lambda moment: moment.replace(tzinfo=None))
lists = each(list)


def in_zones(values: Values) -> list[Any]:
    """Each moment in another zone."""
    zones = [ZoneInfo(name) for name in ZONES]
    return [value and value.astimezone(zones[place % len(zones)]) for place, value in enumerate(values)]


def in_offset(values: Values) -> list[Any]:
    """Text of the same moments, half an hour off UTC."""
    zone = dt.timezone(dt.timedelta(hours=5, minutes=30))
    return [value and value.astimezone(zone).isoformat() for value in values]
