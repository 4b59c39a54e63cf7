"""Printed: the text that the CSV writer prints for a column, and how the org counts it."""

from __future__ import annotations

import io

import polars as pl

DATE_FORMAT = "%Y-%m-%d"
DATETIME_FORMAT = "%Y-%m-%dT%H:%M:%S%.3fZ"
TIME_FORMAT = "%H:%M:%S%.3fZ"


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


def series_text(series: pl.Series) -> pl.Series:
    """A series in the text that the CSV writer prints for it."""
    return series.to_frame("x").select(text_of(pl.col("x"), series.dtype)).to_series()


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
