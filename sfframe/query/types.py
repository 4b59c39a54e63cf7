"""Types: what a field's type in describe is as a dtype, and how its text becomes values. No I/O.

Whatever way a value comes, it passes here as text: so both transports give the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import polars as pl

from sfframe.org.describe import Field

DATETIME: Final = pl.Datetime("us", "UTC")
_ADDRESS: Final = (
    "city", "country", "countryCode", "geocodeAccuracy", "postalCode", "state", "stateCode", "street",
)  # fmt: skip
_PLAIN: Final[dict[str, pl.DataType]] = {
    "boolean": pl.Boolean(),
    "int": pl.Int64(),
    "long": pl.Int64(),
    "double": pl.Float64(),
    "currency": pl.Float64(),
    "percent": pl.Float64(),
    "date": pl.Date(),
    "datetime": DATETIME,
    "time": pl.Time(),
    "address": pl.Struct({**dict.fromkeys(_ADDRESS, pl.String()), "latitude": pl.Float64(), "longitude": pl.Float64()}),
    "location": pl.Struct({"latitude": pl.Float64(), "longitude": pl.Float64()}),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class TypeOptions:
    """Where a user has a choice of dtypes.

    Attributes:
        decimals: Currency and percent as decimals of describe's scale, in place of floats.
        multiselect: Multi-select picklists as the org writes them, `a;b`, or as lists of texts.
    """

    decimals: bool = False
    multiselect: Literal["text", "list"] = "text"


def dtype_of(field: Field, options: TypeOptions) -> pl.DataType:
    """The dtype of a field's column."""
    if field.type in ("currency", "percent") and options.decimals:
        return pl.Decimal(38, field.scale)
    if field.type == "multipicklist" and options.multiselect == "list":
        return pl.List(pl.String())
    return _PLAIN.get(field.type, pl.String())


def typed(texts: pl.Series, dtype: pl.DataType) -> pl.Series:
    """A column of texts, where empty ones and nulls are null, as its values.

    Args:
        texts: Strings, as the org writes them.
        dtype: What `dtype_of` gives.

    Raises:
        polars.exceptions.PolarsError: A text isn't of the kind.
    """
    column = pl.col(texts.name)
    return texts.to_frame().select(pl.when(column != "").then(column)).select(expression(texts.name, dtype))[texts.name]


def expression(name: str, dtype: pl.DataType) -> pl.Expr:
    """Makes values of a column of texts without empty ones."""
    column = pl.col(name)
    match dtype:
        case pl.Boolean():
            return column.str.to_lowercase().replace_strict({"true": True, "false": False}, return_dtype=pl.Boolean)
        case pl.Int64():
            # Whole numbers may come with a point.
            return column.str.replace(r"\.0+$", "").cast(pl.Int64)
        case pl.Datetime():
            plain = column.str.replace(r"(\+0000|\+00:00|Z)$", "")
            return plain.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us").dt.replace_time_zone("UTC")
        case pl.Date():
            return column.str.to_date("%Y-%m-%d")
        case pl.Time():
            return column.str.replace("Z$", "").str.to_time("%H:%M:%S%.f")
        case pl.List():
            return column.str.split(";")
        case pl.String():
            return column
        case _:
            return column.cast(dtype)
