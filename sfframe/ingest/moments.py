"""Moments: dates, datetimes and times; no zone is ever assumed, digits below the millisecond are cut."""

from __future__ import annotations

import datetime as dt

import polars as pl

from sfframe.ingest.printed import DATETIME_FORMAT
from sfframe.ingest.values import Flaw, Kind, Source, Value, flaw, read

_ISO = (
    r"^(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})[T ](?P<clock>[0-9]{2}:[0-9]{2}(?::[0-5][0-9])?)(?:[.,](?P<part>[0-9]+))?"
    r"(?P<zone>[Zz]|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9](?::?[0-5][0-9])?)?)$"
)
_CLOCK = r"^(?P<clock>[0-9]{2}:[0-9]{2}(?::[0-5][0-9])?)(?:\.(?P<part>[0-9]+))?[Zz]?$"


def _year_flaw(moment: pl.Expr) -> Flaw:
    first, last = dt.date(1, 1, 1), dt.date(9999, 12, 31)
    year = moment.dt.year()
    return flaw(
        "OUT_OF_RANGE",
        "a year outside 1 to 9999, which has no form YYYY",
        "Check the column, or replace the values by null.",
        (year < 1) | (year > 9999),
        (moment.min() < first) | (moment.max() > last),  # the last day's hours are looked at one by one
    )


# --- dates ------------------------------------------------------------------------------------------------------------


def date(source: Source) -> Value:
    """Dates."""
    return Value(Kind.DATE, source.column, (_year_flaw(source.column),))


def date_from_datetime(source: Source) -> Value:
    """Datetimes into a date field: the date in the value's own zone."""
    day = source.column.dt.date()
    return Value(Kind.DATE, day, (_year_flaw(day),))


def date_from_text(source: Source) -> Value:
    """Text `YYYY-MM-DD` into a date field."""
    text = source.filled()
    shaped = pl.when(text.str.contains(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")).then(text)
    day = shaped.str.to_date("%Y-%m-%d", strict=False)
    out = pl.when(day.is_not_null()).then(shaped)
    what, remedy = "date of the form YYYY-MM-DD", "Parse the column to dates first."
    return read(source, Kind.DATE, out, _year_flaw(day), what=what, remedy=remedy)


def date_from_offsets(source: Source) -> Value:
    """ISO text that a front end wrote for datetimes of several offsets: each one's own date."""
    return Value(Kind.DATE, source.column.str.slice(0, 10))


# --- datetimes --------------------------------------------------------------------------------------------------------


def datetime(source: Source) -> Value:
    """Datetimes: the same instants in UTC."""
    assert isinstance(source.dtype, pl.Datetime)
    if source.dtype.time_zone is None:
        return _in_zone(source, source.column)
    moment = source.column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return Value(Kind.DATETIME, moment, (_year_flaw(moment),))


def datetime_from_date(source: Source) -> Value:
    """Dates into a datetime field: midnight in the zone that is named."""
    midnight = source.column.cast(pl.Datetime("ms"))
    if source.zone != "error":
        return _in_zone(source, midnight)
    no_zone = flaw(
        "NO_ZONE",
        "dates for a datetime field, without a time zone in which the day begins",
        "Name it, e.g. naive_datetimes='Europe/Berlin', or convert the column to datetimes with a zone.",
        midnight.is_not_null(),
    )
    return Value(Kind.DATETIME, midnight, (no_zone,))


def _in_zone(source: Source, naive: pl.Expr) -> Value:
    if source.zone == "error":
        no_zone = flaw(
            "NO_ZONE",
            "datetimes without a time zone",
            "Say in which zone they are, e.g. naive_datetimes='Europe/Berlin' (or 'UTC'), or localise the column.",
            naive.is_not_null(),
        )
        return Value(Kind.DATETIME, naive, (no_zone,))
    local = naive.dt.replace_time_zone(source.zone, ambiguous="null", non_existent="null")
    moment = local.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    twice = flaw(
        "AMBIGUOUS_TIME",
        f"a clock time that {source.zone} has twice or not at all (the clock was changed)",
        "Localise the column yourself, saying which one is meant.",
        naive.is_not_null() & local.is_null(),
    )
    return Value(Kind.DATETIME, moment, (twice, _year_flaw(moment)))


def datetime_from_text(source: Source) -> Value:
    """ISO 8601 text with a zone into a datetime field."""
    moment = moment_of_text(source.filled())
    return read(
        source,
        Kind.DATETIME,
        moment.dt.strftime(DATETIME_FORMAT),
        _year_flaw(moment),
        what="ISO 8601 datetime with a zone",
        remedy="Write e.g. 2026-01-31T08:00:00Z or 2026-01-31T08:00:00+01:00, or parse the column to datetimes.",
    )


def moment_of_text(text: pl.Expr) -> pl.Expr:
    """ISO 8601 text with a zone as UTC datetimes in ms; null where it has another form."""
    parts = text.str.extract_groups(_ISO).struct
    local = (parts.field("day") + "T" + _with_seconds(parts.field("clock"))).str.to_datetime(
        "%Y-%m-%dT%H:%M:%S", time_unit="ms", strict=False
    )
    part = _milliseconds(parts.field("part")).cast(pl.Int64, strict=False)
    zone = parts.field("zone").str.replace_all(":", "", literal=True)
    hours, minutes, seconds = (
        zone.str.slice(at, 2).cast(pl.Int64, strict=False).fill_null(0) for at in (1, 3, 5)
    )  # `Z` has none of them
    ahead = (hours * 60 + minutes) * 60 + seconds
    sign = pl.when(zone.str.starts_with("-")).then(-1).otherwise(1)
    return local - pl.duration(seconds=ahead * sign) + pl.duration(milliseconds=part)


def _with_seconds(clock: pl.Expr) -> pl.Expr:
    return pl.when(clock.str.len_bytes() == 5).then(clock + ":00").otherwise(clock)


def _milliseconds(part: pl.Expr) -> pl.Expr:
    """A fraction's first three digits."""
    return part.fill_null("").str.slice(0, 3).str.pad_end(3, "0")


# --- times ------------------------------------------------------------------------------------------------------------


def time(source: Source) -> Value:
    """Times."""
    return Value(Kind.TIME, source.column)


def time_from_text(source: Source) -> Value:
    """Text `HH:MM[:SS[.fff]]` into a time field."""
    groups = source.filled().str.extract_groups(_CLOCK).struct
    clock = _with_seconds(groups.field("clock"))
    valid = clock.str.to_time("%H:%M:%S", strict=False).is_not_null()
    out = pl.when(valid).then(clock + "." + _milliseconds(groups.field("part")) + "Z")
    what, remedy = "time of the form HH:MM[:SS[.fff]]", "Parse the column to times first."
    return read(source, Kind.TIME, out, what=what, remedy=remedy)
