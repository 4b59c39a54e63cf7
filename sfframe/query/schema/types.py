"""Types: what a field's type in describe is as a dtype, and how its text becomes values. No I/O.

Whatever way a value comes, it passes here as text, but the plain ones of CSV, which Arrow's reader makes values of: so
both transports give the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final, Literal

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

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
_OLDEST: Final = pl.CompatLevel.oldest()
_MAX_EXACT: Final = 2.0**53
_US_PER_DAY: Final = 86_400_000_000
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896  # 0001-01-01 and 9999-12-31, from 1970 on
_EXPONENT: Final = "[eE]"


@dataclass(frozen=True, kw_only=True, slots=True)
class TypeOptions:
    """Where a user has a choice of dtypes.

    Attributes:
        decimals: Currency and percent as decimals of describe's scale, in place of floats. Digits beyond the scale are
            rounded half up, as an org shows them.
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
    """A column of texts as its values; empty texts, which an org doesn't tell from nulls, are null.

    Args:
        texts: Strings, as the org writes them.
        dtype: What `dtype_of` gives, but no struct.

    Raises:
        polars.exceptions.PolarsError: A text isn't of the kind.
    """
    column = pl.col(texts.name)
    return valued(texts.to_frame().select(pl.when(column != "").then(column)).to_series(), dtype)


def valued(texts: pl.Series, dtype: pl.DataType) -> pl.Series:
    """What `typed` does, of texts of which none is empty."""
    values = _read(texts, dtype)
    if not is_sound(values):
        raise pl.exceptions.ComputeError("a number is infinite or none, or a date is in no year of a calendar")
    return values


def is_sound(values: pl.Series) -> bool:
    """Whether all numbers are finite and all days in the years 1 to 9999, as an org's are: readers take others too."""
    if values.dtype.is_float():
        return bool(values.is_finite().all())
    per_day = {pl.Date: 1, pl.Datetime: _US_PER_DAY}.get(values.dtype.base_type())
    if per_day is None:
        return True
    low, high = values.to_physical().min(), values.to_physical().max()
    return low is None or bool(_FIRST_DAY * per_day <= low and high < (_LAST_DAY + 1) * per_day)  # type: ignore[operator]  # integers


def _read(texts: pl.Series, dtype: pl.DataType) -> pl.Series:
    match dtype:
        case pl.String():
            return texts
        case pl.Boolean():
            words = {"true": True, "false": False}
            return texts.str.to_lowercase().replace_strict(words, return_dtype=pl.Boolean)
        case pl.Int64():
            return _whole(texts)
        case pl.Datetime():
            return _moments(texts)
        case pl.Date():
            return texts.str.to_date("%Y-%m-%d")
        case pl.Time():
            return texts.str.replace("Z$", "").str.to_time("%H:%M:%S%.f")
        case pl.List():
            return texts.str.split(";")
        case pl.Decimal():
            return _decimals(texts, dtype)
    return texts.cast(dtype)


def _whole(texts: pl.Series) -> pl.Series:
    """Whole numbers may come with a point, and large ones with an exponent."""
    plain = texts.str.replace(r"\.0+$", "")
    if not plain.str.contains(_EXPONENT).any():
        return plain.cast(pl.Int64)
    floats = plain.cast(pl.Float64)
    if ((floats.round(0) != floats) | (floats.abs() >= _MAX_EXACT)).any():
        raise pl.exceptions.ComputeError("a number is not whole")
    return floats.cast(pl.Int64)


def _moments(texts: pl.Series) -> pl.Series:
    try:
        # Arrow reads the usual forms of ISO 8601 ten times as fast as Polars.
        moments = pc.cast(texts.to_arrow(compat_level=_OLDEST), pa.timestamp("us", "UTC"))
    except pa.ArrowInvalid:
        plain = texts.str.replace(r"(\+0000|\+00:00|Z)$", "")
        return plain.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us").dt.replace_time_zone("UTC")
    return pl.Series(texts.name, moments, dtype=DATETIME)


def _decimals(texts: pl.Series, dtype: pl.Decimal) -> pl.Series:
    """Polars reads no exponents in all its versions, and cuts or rounds to even what is beyond the scale."""
    too_long = rf"\.\d{{{dtype.scale + 1},}}"
    odd = texts.filter(texts.str.contains(f"{_EXPONENT}|{too_long}")).unique()
    if len(odd):
        texts = texts.replace(odd, pl.Series([_digits(text, dtype.scale) for text in odd]))
    return texts.cast(dtype)


def _digits(text: Any, scale: int) -> str:
    try:
        return format(Decimal(text).quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP), "f")
    except ArithmeticError as error:
        raise pl.exceptions.ComputeError("a text is no number") from error
