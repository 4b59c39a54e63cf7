"""Values: a column on its way into a field, and which of its rows can't go there.

Everything is an expression over one column, so it runs in Polars' threads, batch by batch. Which forms of
values go into which kinds of fields is said in `forms`; how they do, in `texts`, `numbers` and `moments`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import polars as pl

from sfframe.ingest.printed import series_text

if TYPE_CHECKING:
    from sfframe.org.describe import Field

# What sets a field to null (wire notes, 4.3).
CLEAR = "#N/A"


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


def kind_of(field: Field) -> Kind:
    """How the org reads cells of this field."""
    return _KINDS.get(field.type, Kind.TEXT)


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


def flaw(code: str, message: str, remedy: str, bad: pl.Expr, maybe: pl.Expr | None = None) -> Flaw:
    """A flaw; without `maybe` every row is looked at."""
    return Flaw(code, message, remedy, bad, bad.any() if maybe is None else maybe)


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


@dataclass(frozen=True, eq=False)
class Source:
    """Where a value comes from, and into which field it goes.

    Attributes:
        column: The frame's column.
        dtype: Its dtype.
        field: The field from describe; `None`: not known.
        zone: The time zone of datetimes without one, or `"error"`.
    """

    column: pl.Expr
    dtype: pl.DataType
    field: Field | None = None
    zone: str = "error"

    def strings(self) -> pl.Expr:
        """The column as strings, as it stands."""
        return self.column if self.dtype == pl.String else self.column.cast(pl.String)

    def filled(self) -> pl.Expr:
        """Text with the empty string as null, and `#N/A` too: what is left must have the field's form."""
        text = self.strings()
        return pl.when((text != "") & (text != CLEAR)).then(text)


def read(source: Source, kind: Kind, out: pl.Expr, *more: Flaw, what: str, remedy: str) -> Value:
    """Text that was read into `out` (null where it has another form); `#N/A` passes."""
    text = source.strings()
    bad = source.filled().is_not_null() & out.is_null()
    form = flaw("WRONG_FORM", f"text that is no {what}", remedy, bad)
    return Value(kind, pl.when(text == CLEAR).then(text).otherwise(out), (form, *more))


def same_key(value: Value, *, ignores_case: bool) -> pl.Expr:
    """A key such that two of them name one record exactly if their values here are equal; null without a key."""
    if value.kind is Kind.INTEGER:
        return value.expr.cast(pl.Int64, strict=False)
    if value.kind is Kind.NUMBER:
        return value.expr.cast(pl.Float64, strict=False)
    # As it is printed: a whole number is one key, be it an integer in one partition and a float in another.
    text = value.expr.map_batches(series_text, return_dtype=pl.String)
    text = pl.when(text != "").then(text)
    if value.kind is Kind.ID:
        return text.str.slice(0, 15)  # the 15 and the 18 character form of an id are one
    # The lower case of a capital sigma depends on where it stands.
    return text.str.to_lowercase().str.replace_all("ς", "σ", literal=True) if ignores_case else text
