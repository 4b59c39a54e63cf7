"""Numbers: into fields of numbers and of whole numbers, with no digit more or less than they have."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import polars as pl

from sfframe.ingest.printed import float_text
from sfframe.ingest.values import Flaw, Kind, Source, Value, flaw, read

if TYPE_CHECKING:
    from sfframe.org.describe import Field

_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_WHOLE = r"^[+-]?[0-9]+(\.0*)?$"
_FRACTION = r"^[+-]?[0-9]*\.[0-9]*[1-9][0-9]*$"
# Whole numbers up to these many digits can be compared with a limit as they are.
_MOST_DIGITS = 18


def number_from_integer(source: Source) -> Value:
    """Integers into a field of numbers: digits."""
    return Value(Kind.NUMBER, source.column, tuple(_too_many_digits(source)))


def number_from_float(source: Source) -> Value:
    """Floats into a field of numbers: the shortest digits that read back to them."""
    number = source.column.fill_nan(None)
    # The writer widens smaller floats and prints the digits of the widened ones; as text they keep their own.
    narrow = source.dtype != pl.Float64
    out = number.map_batches(float_text, return_dtype=pl.String) if narrow else number
    return Value(Kind.NUMBER, out, (_infinite(number.is_infinite()), *_too_many_digits(source)))


def number_from_decimal(source: Source) -> Value:
    """Decimals into a field of numbers: digits, in the column's scale."""
    return Value(Kind.NUMBER, source.column, tuple(_too_many_digits(source)))


def number_from_text(source: Source) -> Value:
    """Text into a field of numbers, exponents too."""
    text = source.filled()
    out = pl.when(text.str.contains(_NUMBER)).then(text)
    return read(
        source,
        Kind.NUMBER,
        out,
        _infinite(out.cast(pl.Float64, strict=False).is_infinite()),
        *_too_many_digits_of_text(out, source.field),
        what="number",
        remedy="Write digits with '.' as the point, without thousands marks, currency or percent signs.",
    )


def number_from_digits(source: Source) -> Value:
    """Digits that a front end wrote for numbers of several types."""
    text = source.strings()
    return Value(Kind.NUMBER, text, (_infinite(_is_infinity(text)), *_too_many_digits_of_text(text, source.field)))


# --- whole numbers ----------------------------------------------------------------------------------------------------


def integer_from_integer(source: Source) -> Value:
    """Integers into a field of whole numbers: digits."""
    return Value(Kind.INTEGER, source.column, (_beyond(_outside(source.column, source.dtype, source.field)),))


def integer_from_float(source: Source) -> Value:
    """Whole floats into a field of whole numbers."""
    number = source.column.fill_nan(None)
    finite = pl.when(number.is_finite()).then(number)
    return Value(
        Kind.INTEGER,
        number.cast(pl.Int64, strict=False),
        (
            _infinite(number.is_infinite()),
            _fraction(finite != finite.floor()),
            _beyond(_outside(finite, source.dtype, source.field)),
        ),
    )


def integer_from_decimal(source: Source) -> Value:
    """Whole decimals into a field of whole numbers."""
    text = source.column.cast(pl.String)
    return Value(
        Kind.INTEGER,
        text.str.replace(r"\.[0-9]*$", ""),
        (
            _fraction(text.str.contains(_FRACTION)),
            _beyond(_outside(source.column.cast(pl.Float64), pl.Float64(), source.field)),
        ),
    )


def integer_from_text(source: Source) -> Value:
    """Text of a whole number into such a field."""
    text = source.filled()
    fraction = text.str.contains(_FRACTION)
    whole = _whole(text)
    return read(
        source,
        Kind.INTEGER,
        whole.fill_null(pl.when(fraction).then(text)),
        _fraction(fraction),
        _beyond(_outside(whole.cast(pl.Float64, strict=False), pl.Float64(), source.field)),
        what="whole number",
        remedy="Write digits alone.",
    )


def integer_from_digits(source: Source) -> Value:
    """Digits that a front end wrote for numbers of several types, into a field of whole numbers."""
    text = source.strings()
    number = pl.when(~_is_infinity(text)).then(text).cast(pl.Float64, strict=False)
    flaws = (
        _infinite(_is_infinity(text)),
        _fraction(text.str.contains(_FRACTION)),
        _beyond(_outside(number, pl.Float64(), source.field)),
    )
    return Value(Kind.INTEGER, _whole(text), flaws)


def _whole(text: pl.Expr) -> pl.Expr:
    whole = pl.when(text.str.contains(_WHOLE)).then(text)
    return whole.str.replace(r"\.0*$", "").str.strip_prefix("+")


# --- flaws ------------------------------------------------------------------------------------------------------------


def _infinite(bad: pl.Expr) -> Flaw:
    return flaw("INFINITE", "infinite values", "Replace them by null.", bad)


def _is_infinity(text: pl.Expr) -> pl.Expr:
    return text.str.ends_with("Infinity")


def _fraction(bad: pl.Expr) -> Flaw:
    return flaw("FRACTION", "a number with a fraction for a field of whole numbers", "Round the column.", bad)


def _outside(number: pl.Expr, dtype: pl.DataType, field: Field | None) -> tuple[int, pl.Expr, pl.Expr]:
    """The field's bits, which numbers have more, and whether there may be such."""
    bits = 64 if field is not None and field.type == "long" else 32
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    if dtype.is_float():
        # The highest number of 64 bits is no float; the next one is.
        above, below = pl.lit(float(high + 1)), pl.lit(float(low))
        return bits, (number >= above) | (number < below), (number.max() >= above) | (number.min() < below)
    if dtype.is_unsigned_integer():
        most = pl.lit(high, pl.UInt64)
        return bits, number > most, number.max() > most
    most, least = pl.lit(high, pl.Int64), pl.lit(low, pl.Int64)
    return bits, (number > most) | (number < least), (number.max() > most) | (number.min() < least)


def _beyond(outside: tuple[int, pl.Expr, pl.Expr]) -> Flaw:
    bits, bad, maybe = outside
    return flaw("OUT_OF_RANGE", f"a number outside the {bits} bits of the field", "Check the column.", bad, maybe)


def _too_many_digits(source: Source) -> Iterable[Flaw]:
    digits, number = _integer_digits(source.field), source.column
    if digits is None:
        return
    if source.dtype.is_float():
        limit = pl.lit(10.0**digits)
        number = number.fill_nan(None)
        bad = (number.abs() >= limit) & number.is_finite()
        yield _digits_flaw(source.field, digits, bad, (number.max() >= limit) | (number.min() <= -limit))
    elif isinstance(source.dtype, pl.Decimal) or digits > _MOST_DIGITS:
        high, low = number.max().cast(pl.Float64), number.min().cast(pl.Float64)
        bad = _has_more_digits(number.cast(pl.String), digits)
        yield _digits_flaw(source.field, digits, bad, (high >= 10.0**digits) | (low <= -(10.0**digits)))
    elif source.dtype.is_unsigned_integer():
        most = pl.lit(10**digits, pl.UInt64)
        yield _digits_flaw(source.field, digits, number >= most, number.max() >= most)
    else:
        most, least = pl.lit(10**digits, pl.Int64), pl.lit(-(10**digits), pl.Int64)
        bad = (number >= most) | (number <= least)
        yield _digits_flaw(source.field, digits, bad, (number.max() >= most) | (number.min() <= least))


def _too_many_digits_of_text(text: pl.Expr, field: Field | None) -> Iterable[Flaw]:
    digits = _integer_digits(field)
    if digits is None:
        return
    number = text.cast(pl.Float64, strict=False)
    # As floats some numbers just below the limit are the limit; their digits tell.
    has_exponent = text.str.contains("[eE]")
    large = (number.abs() >= 10.0**digits) & number.is_finite()
    bad = pl.when(has_exponent).then(large).otherwise(_has_more_digits(text, digits) & number.is_finite())
    yield _digits_flaw(field, digits, bad, number.abs().max() >= 10.0**digits)


def _has_more_digits(text: pl.Expr, digits: int) -> pl.Expr:
    return text.str.extract(r"^[+-]?0*([0-9]*)").str.len_bytes() > digits


def _integer_digits(field: Field | None) -> int | None:
    """How many digits the field takes before the point; `None`: that isn't known."""
    return field.precision - field.scale if field is not None and field.precision > 0 else None


def _digits_flaw(field: Field | None, digits: int, bad: pl.Expr, maybe: pl.Expr) -> Flaw:
    assert field is not None
    message = f"a number with more than the {digits} integer digits that {field.name} takes"
    return flaw("TOO_MANY_DIGITS", message, "Check the unit and the column.", bad, maybe)
