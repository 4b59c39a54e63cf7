"""Values: how a frame's column becomes what the CSV writer prints, and which of its rows can't.

Everything here is an expression over one column, so it runs in Polars' threads, batch by batch.
What a field takes is told in the table of `docs` "From frame to CSV"; the forms on the wire are the vendor's
(wire notes, 4.3 and 4.4).
"""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from sfframe.org.describe import Field

# Characters per field, as UTF-16 units (wire notes, 4.2).
MAX_FIELD_LENGTH = 131_072
DATETIME_FORMAT = "%Y-%m-%dT%H:%M:%S%.3fZ"
TIME_FORMAT = "%H:%M:%S%.3fZ"
CLEAR = "#N/A"

# How a front end marks text columns that it made of Python objects of one kind but several forms.
NUMBERS = "numbers"
OFFSET_DATETIMES = "datetimes of several offsets"


class Kind(StrEnum):
    """How the org reads a cell, and so how an echo is compared with it."""

    TEXT = "text"
    BOOLEAN = "boolean"
    INTEGER = "whole number"
    NUMBER = "number"
    DATE = "date"
    DATETIME = "datetime"
    TIME = "time"
    ID = "id"
    MULTI = "list of picklist values"


_KINDS = {
    "boolean": Kind.BOOLEAN,
    "int": Kind.INTEGER,
    "long": Kind.INTEGER,
    "double": Kind.NUMBER,
    "currency": Kind.NUMBER,
    "percent": Kind.NUMBER,
    "date": Kind.DATE,
    "datetime": Kind.DATETIME,
    "time": Kind.TIME,
    "id": Kind.ID,
    "reference": Kind.ID,
    "multipicklist": Kind.MULTI,
}
_TAKES = {
    Kind.TEXT: "text, numbers, booleans, dates or datetimes",
    Kind.BOOLEAN: "booleans, or the text true, false, 1, 0",
    Kind.INTEGER: "whole numbers",
    Kind.NUMBER: "numbers",
    Kind.DATE: "dates, datetimes, or text YYYY-MM-DD",
    Kind.DATETIME: "datetimes, or ISO 8601 text with a zone",
    Kind.TIME: "times, or text HH:MM[:SS[.fff]]",
    Kind.ID: "text of 15 or 18 characters",
    Kind.MULTI: "lists of strings, or text a;b",
}


@dataclass(frozen=True, eq=False)
class Flaw:
    """A way in which single rows of a column can't be sent.

    Attributes:
        bad: Per row, whether it is so; null counts as no.
        maybe: One value for the batch: false only if no row is bad. Cheaper than `bad` where that matters.
    """

    code: str
    message: str
    remedy: str
    bad: pl.Expr
    maybe: pl.Expr


@dataclass(frozen=True, eq=False)
class Value:
    """A column on its way into a field.

    Attributes:
        kind: How the org reads it.
        expr: What the CSV writer prints; null where there is no value.
        flaws: Which rows can't be sent.
    """

    kind: Kind
    expr: pl.Expr
    flaws: tuple[Flaw, ...] = ()


class NoFormError(Exception):
    """This dtype has no form for this field; the text says what the field takes."""

    def __init__(self, message: str, remedy: str, *, unsupported: bool) -> None:
        super().__init__(message)
        self.remedy = remedy
        self.unsupported = unsupported


def kind_of(field: Field) -> Kind:
    """How the org reads cells of this field."""
    return _KINDS.get(field.type, Kind.TEXT)


def value_of(
    column: pl.Expr, dtype: pl.DataType, *, field: Field | None, mark: str | None = None, zone: str = "error"
) -> Value:
    """How a column of this dtype goes into this field.

    Args:
        column: The column.
        dtype: Its Polars dtype.
        field: The field from describe; `None`: the dtype alone decides.
        mark: `NUMBERS` or `OFFSET_DATETIMES` for text that a front end made.
        zone: The time zone of datetimes without one, or `"error"`.

    Raises:
        NoFormError: The dtype has no CSV form, or none that the field takes.
    """
    form = _form(dtype, mark)
    if form is None:
        raise NoFormError(
            f"{_name(dtype)} values have no CSV form",
            "Convert the column, or leave it out with columns={...: None}.",
            unsupported=True,
        )
    kind = kind_of(field) if field is not None else _OWN_KIND[form]
    if form == "null":
        return Value(kind, pl.lit(None, pl.String))
    make = _MAKERS.get((form, kind))
    if make is None:
        raise NoFormError(
            f"{_name(dtype)} values don't go into a field of type {field.type if field else kind}",
            f"It takes {_TAKES[kind]}: convert the column, or leave it out with columns={{...: None}}.",
            unsupported=False,
        )
    return make(_Source(column, dtype, field, zone))


def as_text(value: Value, dtype: pl.DataType) -> pl.Expr:
    """The same text that the CSV writer prints, as strings; `dtype` is that of `value.expr`'s result."""
    return text_of(value.expr, dtype)


def text_of(expr: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """A column in the text that the CSV writer prints for it."""
    if dtype == pl.String:
        return expr
    if dtype.is_float():
        return expr.map_batches(float_text, return_dtype=pl.String)
    if isinstance(dtype, pl.Datetime):
        return expr.dt.strftime(DATETIME_FORMAT)
    if dtype == pl.Time:
        return expr.dt.strftime(TIME_FORMAT)
    return expr.cast(pl.String)


def float_text(numbers: pl.Series) -> pl.Series:
    """Floats as the shortest digits that read back to them: no exponent, no `.0`.

    Casting gives the shortest digits for each width, but an exponent for the very large and small; those
    few take a way through the CSV writer, which knows how to do without.
    """
    text = numbers.fill_nan(None).cast(pl.String).str.strip_suffix(".0")
    has_exponent = text.str.contains("e", literal=True)
    if not has_exponent.any():
        return text
    buffer = io.BytesIO()
    wide = text.filter(has_exponent).cast(pl.Float64).to_frame()
    wide.write_csv(buffer, include_header=False, float_scientific=False, quote_style="never")
    plain = pl.Series(buffer.getvalue().decode().split()).str.strip_suffix(".0")
    return text.scatter(has_exponent.fill_null(False).arg_true(), plain)


def utf16_length(text: pl.Expr) -> pl.Expr:
    """Length in UTF-16 units, which is how the org counts (wire notes, 4.2)."""
    return text.str.len_chars() + text.str.count_matches("[\U00010000-\U0010ffff]")


# --- from here on: one maker for each pair of form and kind -----------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Source:
    column: pl.Expr
    dtype: pl.DataType
    field: Field | None
    zone: str


def _form(dtype: pl.DataType, mark: str | None) -> str | None:
    if mark is not None:
        return mark
    if dtype in (pl.String, pl.Categorical, pl.Enum):
        return "text"
    if dtype.is_integer():
        return "integer"
    if dtype.is_float():
        return "float"
    if isinstance(dtype, pl.List | pl.Array):
        return "list" if dtype.inner in (pl.String, pl.Categorical, pl.Enum, pl.Null) else None
    return _FORMS.get(type(dtype))


_FORMS: dict[type[pl.DataType], str] = {
    pl.Decimal: "decimal",
    pl.Boolean: "boolean",
    pl.Date: "date",
    pl.Datetime: "datetime",
    pl.Time: "time",
    pl.Null: "null",
}
_OWN_KIND = {
    "text": Kind.TEXT,
    NUMBERS: Kind.NUMBER,
    OFFSET_DATETIMES: Kind.DATETIME,
    "integer": Kind.NUMBER,
    "float": Kind.NUMBER,
    "decimal": Kind.NUMBER,
    "boolean": Kind.BOOLEAN,
    "date": Kind.DATE,
    "datetime": Kind.DATETIME,
    "time": Kind.TIME,
    "list": Kind.MULTI,
    "null": Kind.TEXT,
}


def _name(dtype: pl.DataType) -> str:
    return str(dtype)


def _flaw(code: str, message: str, remedy: str, bad: pl.Expr, maybe: pl.Expr | None = None) -> Flaw:
    return Flaw(code, message, remedy, bad, bad.any() if maybe is None else maybe)


def _strings(source: _Source) -> pl.Expr:
    return source.column if source.dtype == pl.String else source.column.cast(pl.String)


def _filled(source: _Source) -> pl.Expr:
    """Text with the empty string as null, and `#N/A` too: what is left must have the field's form."""
    text = _strings(source)
    return pl.when((text != "") & (text != CLEAR)).then(text)


def _read(source: _Source, kind: Kind, out: pl.Expr, *more: Flaw, what: str, remedy: str) -> Value:
    """Text that was read into `out` (null where it has another form); `#N/A` passes."""
    text = _strings(source)
    bad = _filled(source).is_not_null() & out.is_null()
    form = _flaw("WRONG_FORM", f"text that is no {what}", remedy, bad)
    return Value(kind, pl.when(text == CLEAR).then(text).otherwise(out), (form, *more))


# text


def _text_from_text(source: _Source) -> Value:
    text = _strings(source)
    nul = _flaw(
        "NUL",
        "a NUL character, which the org doesn't take",
        "Remove it, e.g. with str.replace.",
        text.str.contains("\0", literal=True),
    )
    flaws = [nul, *_too_long(text, source.field), *_not_in_picklist(text, source.field)]
    return Value(Kind.TEXT, text, tuple(flaws))


def _too_long(text: pl.Expr, field: Field | None) -> Iterable[Flaw]:
    limit = (field.length if field is not None else 0) or MAX_FIELD_LENGTH
    of_what = f"{field.name} takes" if field is not None and field.length else "the org takes"
    yield _flaw(
        "TOO_LONG",
        f"text longer than the {limit:,} characters (UTF-16 units) that {of_what}",
        "Shorten it, or leave the rows out with invalid='report'.",
        utf16_length(text) > limit,
        text.str.len_bytes().max() > limit,  # bytes are never fewer than UTF-16 units
    )


def _not_in_picklist(text: pl.Expr, field: Field | None) -> Iterable[Flaw]:
    if field is not None and field.restricted_picklist and field.picklist_values:
        # The org compares API names without case; what it makes of another case is its own affair.
        known = [v.lower() for v in (*field.picklist_values, "", CLEAR)]
        yield _flaw(
            "NOT_IN_PICKLIST",
            f"a value that the restricted picklist doesn't have (it has {_listed(field.picklist_values)})",
            "Map the values to the picklist's API names.",
            ~text.str.to_lowercase().is_in(known),
        )


def _listed(values: Iterable[str], most: int = 8) -> str:
    values = list(values)
    return ", ".join(values[:most]) + (f" and {len(values) - most} more" if len(values) > most else "")


def _text_from(make: Callable[[_Source], Value]) -> Callable[[_Source], Value]:
    """A value of another kind into a text field: its own text, which must fit."""

    def text_from_other(source: _Source) -> Value:
        value = make(replace(source, field=None))
        field = source.field
        if field is None or not (0 < field.length < 40 or field.restricted_picklist):
            return Value(Kind.TEXT, value.expr, value.flaws)
        # The written dtype isn't known before the frame is, so the batch itself tells it.
        text = value.expr.map_batches(series_text, return_dtype=pl.String)
        return Value(Kind.TEXT, text, (*value.flaws, *_too_long(text, field), *_not_in_picklist(text, field)))

    return text_from_other


def series_text(series: pl.Series) -> pl.Series:
    """A series in the text that the CSV writer prints for it."""
    return series.to_frame("x").select(text_of(pl.col("x"), series.dtype)).to_series()


# booleans


def _boolean(source: _Source) -> Value:
    return Value(Kind.BOOLEAN, source.column)


def _boolean_from_text(source: _Source) -> Value:
    low = _filled(source).str.to_lowercase()
    out = pl.when(low.is_in(["true", "1"])).then(pl.lit("true")).when(low.is_in(["false", "0"])).then(pl.lit("false"))
    return _read(source, Kind.BOOLEAN, out, what="boolean", remedy="Write true, false, 1 or 0.")


# numbers


def _too_many_digits(number: pl.Expr, field: Field | None) -> Iterable[Flaw]:
    if field is None or field.precision <= 0:
        return
    digits = field.precision - field.scale
    yield _flaw(
        "TOO_MANY_DIGITS",
        f"a number with more than the {digits} integer digits that {field.name} takes",
        "Check the unit and the column.",
        number.abs() >= 10.0**digits,
    )


def _beyond_int(number: pl.Expr, field: Field | None) -> Iterable[Flaw]:
    bits = 63 if field is not None and field.type == "long" else 31
    yield _flaw(
        "OUT_OF_RANGE",
        f"a number outside the {bits + 1} bits of the field",
        "Check the column.",
        (number >= 2.0**bits) | (number < -(2.0**bits)),
    )


def _infinite(number: pl.Expr) -> Flaw:
    return _flaw("INFINITE", "infinite values", "Replace them by null.", number.is_infinite())


def _number_from_integer(source: _Source) -> Value:
    number = source.column
    return Value(Kind.NUMBER, number, tuple(_too_many_digits(number.cast(pl.Float64), source.field)))


def _integer_from_integer(source: _Source) -> Value:
    number = source.column
    return Value(Kind.INTEGER, number, tuple(_beyond_int(number.cast(pl.Float64), source.field)))


def _number_from_float(source: _Source) -> Value:
    number = source.column.fill_nan(None)
    # The writer widens a Float32 and prints the digits of the widened one; cast first, it keeps its own.
    out = number.map_batches(float_text, return_dtype=pl.String) if source.dtype == pl.Float32 else number
    return Value(Kind.NUMBER, out, (_infinite(number), *_too_many_digits(number, source.field)))


def _integer_from_float(source: _Source) -> Value:
    number = source.column.fill_nan(None)
    return Value(
        Kind.INTEGER,
        number.cast(pl.Int64, strict=False),
        (
            _infinite(number),
            _fraction(number.is_finite() & (number != number.floor())),
            *_beyond_int(pl.when(number.is_finite()).then(number), source.field),
        ),
    )


def _fraction(bad: pl.Expr) -> Flaw:
    return _flaw("FRACTION", "a number with a fraction for a field of whole numbers", "Round the column.", bad)


def _number_from_decimal(source: _Source) -> Value:
    flaws = _too_many_digits(source.column.cast(pl.Float64), source.field)
    return Value(Kind.NUMBER, source.column, tuple(flaws))


def _integer_from_decimal(source: _Source) -> Value:
    text = source.column.cast(pl.String)
    has_fraction = text.str.contains(r"\.0*[1-9]")
    return Value(
        Kind.INTEGER,
        text.str.replace(r"\.\d*$", ""),
        (_fraction(has_fraction), *_beyond_int(source.column.cast(pl.Float64), source.field)),
    )


_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_WHOLE = r"^[+-]?\d+(\.0*)?$"


def _number_from_text(source: _Source) -> Value:
    text = _filled(source)
    out = pl.when(text.str.contains(_NUMBER)).then(text)
    number = out.cast(pl.Float64, strict=False)
    return _read(
        source,
        Kind.NUMBER,
        out,
        _infinite(number),
        *_too_many_digits(number, source.field),
        what="number",
        remedy="Write digits with '.' as the point, without thousands marks, currency or percent signs.",
    )


def _integer_from_text(source: _Source) -> Value:
    text = _filled(source)
    whole = pl.when(text.str.contains(_WHOLE)).then(text)
    out = whole.str.replace(r"\.0*$", "").str.strip_prefix("+")
    return _read(
        source,
        Kind.INTEGER,
        out,
        *_beyond_int(out.cast(pl.Float64, strict=False), source.field),
        what="whole number",
        remedy="Write digits alone.",
    )


# dates and times


def _year_flaw(moment: pl.Expr) -> Flaw:
    first, last = dt.date(1, 1, 1), dt.date(9999, 12, 31)
    year = moment.dt.year()
    return _flaw(
        "OUT_OF_RANGE",
        "a year outside 1 to 9999, which has no form YYYY",
        "Check the column, or replace the values by null.",
        (year < 1) | (year > 9999),
        (moment.min() < first) | (moment.max() > last),  # the last day's hours are looked at one by one
    )


def _date(source: _Source) -> Value:
    return Value(Kind.DATE, source.column, (_year_flaw(source.column),))


def _date_from_datetime(source: _Source) -> Value:
    day = source.column.dt.date()  # in the value's own zone
    return Value(Kind.DATE, day, (_year_flaw(day),))


def _date_from_text(source: _Source) -> Value:
    text = _filled(source)
    shaped = pl.when(text.str.contains(r"^\d{4}-\d{2}-\d{2}$")).then(text)
    real = shaped.str.to_date("%Y-%m-%d", strict=False)
    out = pl.when(real.is_not_null()).then(shaped)
    return _read(source, Kind.DATE, out, what="date of the form YYYY-MM-DD", remedy="Parse the column to dates first.")


def _date_from_offsets(source: _Source) -> Value:
    return Value(Kind.DATE, source.column.str.slice(0, 10))


def _datetime(source: _Source) -> Value:
    assert isinstance(source.dtype, pl.Datetime)
    if source.dtype.time_zone is None:
        return _datetime_in_zone(source, source.column)
    moment = source.column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return Value(Kind.DATETIME, moment, (_year_flaw(moment),))


def _datetime_from_date(source: _Source) -> Value:
    midnight = source.column.cast(pl.Datetime("us"))
    if source.zone == "error":
        return Value(
            Kind.DATETIME,
            midnight,
            (
                _flaw(
                    "NO_ZONE",
                    "dates for a datetime field, without a time zone in which the day begins",
                    "Name it, e.g. naive_datetimes='Europe/Berlin', or convert the column to datetimes with a zone.",
                    midnight.is_not_null(),
                ),
            ),
        )
    return _datetime_in_zone(source, midnight)


def _datetime_in_zone(source: _Source, naive: pl.Expr) -> Value:
    if source.zone == "error":
        flaw = _flaw(
            "NO_ZONE",
            "datetimes without a time zone",
            "Say in which zone they are, e.g. naive_datetimes='Europe/Berlin' (or 'UTC'), or localise the column.",
            naive.is_not_null(),
        )
        return Value(Kind.DATETIME, naive, (flaw,))
    local = naive.dt.replace_time_zone(source.zone, ambiguous="null", non_existent="null")
    moment = local.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    twice = _flaw(
        "AMBIGUOUS_TIME",
        f"a clock time that {source.zone} has twice or not at all (the clock was changed)",
        "Localise the column yourself, saying which one is meant.",
        naive.is_not_null() & local.is_null(),
    )
    return Value(Kind.DATETIME, moment, (twice, _year_flaw(moment)))


_ISO = (
    r"^(?P<day>\d{4}-\d{2}-\d{2})[T ](?P<clock>\d{2}:\d{2}(?::\d{2})?)"
    r"(?:[.,](?P<part>\d+))?(?P<zone>[Zz]|[+-]\d{2}(?::?\d{2})?)$"
)


def moment_of_text(text: pl.Expr) -> pl.Expr:
    """ISO 8601 text with a zone as UTC datetimes in ms; null where it has another form."""
    parts = text.str.extract_groups(_ISO).struct
    clock = parts.field("clock")
    clock = pl.when(clock.str.len_bytes() == 5).then(clock + ":00").otherwise(clock)
    local = (parts.field("day") + "T" + clock).str.to_datetime("%Y-%m-%dT%H:%M:%S", time_unit="ms", strict=False)
    part = parts.field("part").fill_null("").str.slice(0, 3).str.pad_end(3, "0").cast(pl.Int64, strict=False)
    zone = parts.field("zone").str.replace(":", "", literal=True)
    minutes = zone.str.slice(1, 2).cast(pl.Int64, strict=False).fill_null(0) * 60
    minutes += zone.str.slice(3, 2).cast(pl.Int64, strict=False).fill_null(0)
    sign = pl.when(zone.str.starts_with("-")).then(-1).otherwise(1)
    return local - pl.duration(minutes=minutes * sign) + pl.duration(milliseconds=part)


def _datetime_from_text(source: _Source) -> Value:
    moment = moment_of_text(_filled(source))
    return _read(
        source,
        Kind.DATETIME,
        moment.dt.strftime(DATETIME_FORMAT),
        what="ISO 8601 datetime with a zone",
        remedy="Write e.g. 2026-01-31T08:00:00Z or 2026-01-31T08:00:00+01:00, or parse the column to datetimes.",
    )


def _time(source: _Source) -> Value:
    return Value(Kind.TIME, source.column)


def _time_from_text(source: _Source) -> Value:
    text = _filled(source)
    groups = text.str.extract_groups(r"^(?P<clock>\d{2}:\d{2}(?::\d{2})?)(?:\.(?P<part>\d+))?[Zz]?$").struct
    clock = groups.field("clock")
    clock = pl.when(clock.str.len_bytes() == 5).then(clock + ":00").otherwise(clock)
    part = groups.field("part").fill_null("").str.slice(0, 3).str.pad_end(3, "0")
    valid = clock.str.to_time("%H:%M:%S", strict=False).is_not_null()
    return _read(
        source,
        Kind.TIME,
        pl.when(valid).then(clock + "." + part + "Z"),
        what="time of the form HH:MM[:SS[.fff]]",
        remedy="Parse the column to times first.",
    )


# ids and lists


def _id_from_text(source: _Source) -> Value:
    text = _filled(source)
    out = pl.when(text.str.contains(r"^[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?$")).then(text)
    return _read(source, Kind.ID, out, what="id", remedy="An id has 15 or 18 letters and digits.")


def _multi_from_list(source: _Source) -> Value:
    items = source.column.arr.to_list() if isinstance(source.dtype, pl.Array) else source.column
    items = items.cast(pl.List(pl.String))
    element = pl.element()
    flaws = [
        _flaw(
            "SEPARATOR",
            "a list with a value that holds ';', is empty or null",
            "The org separates the values by ';' and has no escape for it.",
            items.list.eval(element.str.contains(";", literal=True) | (element == "") | element.is_null()).list.any(),
        ),
        *_items_not_in_picklist(items, source.field),
    ]
    joined = items.list.join(";")
    return Value(Kind.MULTI, pl.when(joined != "").then(joined), tuple(flaws))


def _multi_from_text(source: _Source) -> Value:
    text = _strings(source)
    items = _filled(source).str.split(";")
    base = _text_from_text(replace(source, field=None))
    return Value(Kind.MULTI, text, (*base.flaws, *_items_not_in_picklist(items, source.field)))


def _items_not_in_picklist(items: pl.Expr, field: Field | None) -> Iterable[Flaw]:
    if field is not None and field.restricted_picklist and field.picklist_values:
        known = [v.lower() for v in field.picklist_values]
        yield _flaw(
            "NOT_IN_PICKLIST",
            f"a value that the restricted list doesn't have (it has {_listed(field.picklist_values)})",
            "Map the values to the list's API names.",
            items.list.eval(~pl.element().str.to_lowercase().is_in(known)).list.any(),
        )


_MAKERS: dict[tuple[str, Kind], Callable[[_Source], Value]] = {
    ("text", Kind.TEXT): _text_from_text,
    (NUMBERS, Kind.TEXT): _text_from(_number_from_text),
    ("integer", Kind.TEXT): _text_from(_number_from_integer),
    ("float", Kind.TEXT): _text_from(_number_from_float),
    ("decimal", Kind.TEXT): _text_from(_number_from_decimal),
    ("boolean", Kind.TEXT): _text_from(_boolean),
    ("date", Kind.TEXT): _text_from(_date),
    ("datetime", Kind.TEXT): _text_from(_datetime),
    (OFFSET_DATETIMES, Kind.TEXT): _text_from(_datetime_from_text),
    ("time", Kind.TEXT): _text_from(_time),
    ("boolean", Kind.BOOLEAN): _boolean,
    ("text", Kind.BOOLEAN): _boolean_from_text,
    ("integer", Kind.INTEGER): _integer_from_integer,
    ("float", Kind.INTEGER): _integer_from_float,
    ("decimal", Kind.INTEGER): _integer_from_decimal,
    ("text", Kind.INTEGER): _integer_from_text,
    (NUMBERS, Kind.INTEGER): _integer_from_text,
    ("integer", Kind.NUMBER): _number_from_integer,
    ("float", Kind.NUMBER): _number_from_float,
    ("decimal", Kind.NUMBER): _number_from_decimal,
    ("text", Kind.NUMBER): _number_from_text,
    (NUMBERS, Kind.NUMBER): _number_from_text,
    ("date", Kind.DATE): _date,
    ("datetime", Kind.DATE): _date_from_datetime,
    ("text", Kind.DATE): _date_from_text,
    (OFFSET_DATETIMES, Kind.DATE): _date_from_offsets,
    ("datetime", Kind.DATETIME): _datetime,
    ("date", Kind.DATETIME): _datetime_from_date,
    ("text", Kind.DATETIME): _datetime_from_text,
    (OFFSET_DATETIMES, Kind.DATETIME): _datetime_from_text,
    ("time", Kind.TIME): _time,
    ("text", Kind.TIME): _time_from_text,
    ("text", Kind.ID): _id_from_text,
    ("list", Kind.MULTI): _multi_from_list,
    ("text", Kind.MULTI): _multi_from_text,
}
