"""Forms: which forms of values go into which kinds of fields, and by which way.

The forms on the wire are the vendor's (wire notes, 4.3 and 4.4).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from sfframe.ingest import moments, numbers, texts
from sfframe.ingest.printed import series_text
from sfframe.ingest.values import Flaw, Kind, Source, Value, kind_of

if TYPE_CHECKING:
    from sfframe.org.describe import Field

# How a front end marks text columns that it made of values of one kind but several forms.
NUMBERS = "numbers"
OFFSET_DATETIMES = "datetimes of several offsets"

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
_TEXT_DTYPES = (pl.String, pl.Categorical, pl.Enum)
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


class NoFormError(Exception):
    """This dtype has no form for this field; the text says what the field takes."""

    def __init__(self, message: str, remedy: str, *, unsupported: bool) -> None:
        super().__init__(message)
        self.remedy = remedy
        self.unsupported = unsupported


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
        return Value(kind, column.cast(pl.String))
    make = _MAKERS.get((form, kind))
    if make is None:
        raise NoFormError(
            f"{mark or _name(dtype)} values don't go into a field of type {field.type if field else kind}",
            f"It takes {_TAKES[kind]}: convert the column, or leave it out with columns={{...: None}}.",
            unsupported=False,
        )
    return make(Source(column, dtype, field, zone))


def _form(dtype: pl.DataType, mark: str | None) -> str | None:
    if mark is not None:
        return mark
    if dtype in _TEXT_DTYPES:
        return "text"
    if dtype.is_integer():
        return "integer"
    if dtype.is_float():
        return "float"
    if isinstance(dtype, pl.List | pl.Array):
        return "list" if dtype.inner in (*_TEXT_DTYPES, pl.Null) else None
    return _FORMS.get(type(dtype))


def _name(dtype: pl.DataType) -> str:
    """A dtype's name, without the categories of an Enum: they are contents of cells."""
    if isinstance(dtype, pl.List | pl.Array):
        inner = dtype.inner() if isinstance(dtype.inner, type) else dtype.inner
        return f"{type(dtype).__name__}({_name(inner)})"
    return type(dtype).__name__ if dtype in _TEXT_DTYPES or isinstance(dtype, pl.Struct) else str(dtype)


# --- a value of another kind into a text field: its own text, which must fit ------------------------------------------

# No text of another form than these is longer; those of floats have up to 327 characters, of mixed numbers any.
_SHORT = 40
_UNBOUND = {"float", NUMBERS}


def _text_from(form: str, make: Callable[[Source], Value]) -> Callable[[Source], Value]:
    def text_from_other(source: Source) -> Value:
        value, field = make(replace(source, field=None)), source.field
        flaws = value.flaws
        if field is not None and (field.restricted_picklist or 0 < field.length < _SHORT):
            # The written dtype isn't known before the frame is, so the batch itself tells it.
            text = value.expr.map_batches(series_text, return_dtype=pl.String)
            flaws += (*texts.too_long(text, field), *texts.not_in_picklist(text, field))
        elif form in _UNBOUND:
            text = value.expr.map_batches(series_text, return_dtype=pl.String)
            maybe = _may_be_long(source.column) if form == "float" else None
            flaws += tuple(_if(flaw, maybe) for flaw in texts.too_long(text, field))
        return Value(Kind.TEXT, value.expr, flaws)

    return text_from_other


def _may_be_long(number: pl.Expr) -> pl.Expr:
    """Whether a float of the batch may be longer than `_SHORT`, by a look at its size."""
    size = number.fill_nan(None).abs()
    return (size.max() >= 1e20) | ((size > 0) & (size < 1e-15)).any()


def _if(flaw: Flaw, maybe: pl.Expr | None) -> Flaw:
    return flaw if maybe is None else replace(flaw, maybe=maybe)


_MAKERS: dict[tuple[str, Kind], Callable[[Source], Value]] = {
    ("text", Kind.TEXT): texts.text,
    (NUMBERS, Kind.TEXT): _text_from(NUMBERS, numbers.number_from_digits),
    ("integer", Kind.TEXT): _text_from("integer", numbers.number_from_integer),
    ("float", Kind.TEXT): _text_from("float", numbers.number_from_float),
    ("decimal", Kind.TEXT): _text_from("decimal", numbers.number_from_decimal),
    ("boolean", Kind.TEXT): _text_from("boolean", texts.boolean),
    ("date", Kind.TEXT): _text_from("date", moments.date),
    ("datetime", Kind.TEXT): _text_from("datetime", moments.datetime),
    (OFFSET_DATETIMES, Kind.TEXT): _text_from(OFFSET_DATETIMES, moments.datetime_from_text),
    ("time", Kind.TEXT): _text_from("time", moments.time),
    ("boolean", Kind.BOOLEAN): texts.boolean,
    ("text", Kind.BOOLEAN): texts.boolean_from_text,
    ("integer", Kind.INTEGER): numbers.integer_from_integer,
    ("float", Kind.INTEGER): numbers.integer_from_float,
    ("decimal", Kind.INTEGER): numbers.integer_from_decimal,
    ("text", Kind.INTEGER): numbers.integer_from_text,
    (NUMBERS, Kind.INTEGER): numbers.integer_from_digits,
    ("integer", Kind.NUMBER): numbers.number_from_integer,
    ("float", Kind.NUMBER): numbers.number_from_float,
    ("decimal", Kind.NUMBER): numbers.number_from_decimal,
    ("text", Kind.NUMBER): numbers.number_from_text,
    (NUMBERS, Kind.NUMBER): numbers.number_from_digits,
    ("date", Kind.DATE): moments.date,
    ("datetime", Kind.DATE): moments.date_from_datetime,
    ("text", Kind.DATE): moments.date_from_text,
    (OFFSET_DATETIMES, Kind.DATE): moments.date_from_offsets,
    ("datetime", Kind.DATETIME): moments.datetime,
    ("date", Kind.DATETIME): moments.datetime_from_date,
    ("text", Kind.DATETIME): moments.datetime_from_text,
    (OFFSET_DATETIMES, Kind.DATETIME): moments.datetime_from_text,
    ("time", Kind.TIME): moments.time,
    ("text", Kind.TIME): moments.time_from_text,
    ("text", Kind.ID): texts.id_from_text,
    ("list", Kind.MULTI): texts.multi_from_list,
    ("text", Kind.MULTI): texts.multi_from_text,
}
