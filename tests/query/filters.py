"""Rows of a small org, and filters over them, for hypothesis: each value is there to be met, or nearly."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
from hypothesis import strategies as st

from sfframe.localorg.objects.ids import make_id

BOSSES = tuple(make_id("a01", n) for n in (1, 2))
TEXTS = (
    "a", "A", "ab", "Ab", "a b", "a%b", "a_b", "axb", "%", "_", "\\", "a\\b", "'", "O'Neil", "o'neil", "é", "É", "e",
    "e\u0301", "ß", "ss", "SS", "ı", "i", "I", "İ", "ſ", "s", "K", "\u212a", "k", "x\u00a0y", "日本", "ﾆ", "ニ", "に",
    "a;b", "null", "1",
)  # fmt: skip
_DOUBTFUL = ("", " a", "a ", "\u00a0a", "a\nb", "a\tb", "a" * 4001)
PICKS = ("Zeta", "alpha", "Mid", "Old", "zeta", "Erste")
SETS = ("Red", "Green", "Blue", "Red;Green", "Red;Blue", "Red;Green;Blue")
INTS = (-2, -1, 0, 1, 2, 3, 2**31 - 1, -(2**31))
NUMBERS = (
    "0", "0.1", "0.10000000000000001", "0.1000000000000000055", "0.3", "0.30000000000000004", "1", "1.5", "-1.5",
    "2.675", "19.99", "19.994", "19.995", "19.996", "20", "-0.1", "123456789012345.67", "99999999999999.99", "0.005",
)  # fmt: skip
DAYS = (date(2019, 12, 31), date(2020, 1, 1), date(2020, 12, 31), date(2024, 2, 29), date(1970, 1, 1))
_NOON = datetime(2020, 1, 1, 12, tzinfo=UTC)
MOMENTS = (
    _NOON, _NOON + timedelta(seconds=1), _NOON - timedelta(seconds=1), datetime(2020, 1, 1, tzinfo=UTC),
    datetime(2019, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC),
)  # fmt: skip
_BOSS = "Boss__r."

# What a column's values, and what is compared with it, are taken from.
STORED: Mapping[str, tuple[Any, ...]] = {
    "Text__c": TEXTS,
    "Pick__c": PICKS,
    "Multi__c": SETS,
    "Flag__c": (True, False),
    "Int__c": INTS,
    "Double__c": NUMBERS,
    "Money__c": NUMBERS,
    "Day__c": DAYS,
    "Moment__c": MOMENTS,
    "Boss__c": BOSSES,
}
OF_BOSS = {"Text__c": TEXTS, "Flag__c": (True, False), "Int__c": INTS}
NAMES = ("Id", *STORED, *(f"{_BOSS}{name}" for name in OF_BOSS))


def rows() -> st.SearchStrategy[list[dict[str, Any]]]:
    """Records of the object, without ids."""
    fields = {name: st.sampled_from(values) if name == "Flag__c" else st.none() | st.sampled_from(values)
              for name, values in STORED.items()}  # fmt: skip
    return st.lists(st.fixed_dictionaries(fields), min_size=1, max_size=8)


def bosses() -> st.SearchStrategy[list[dict[str, Any]]]:
    """The two records that `Boss__c` leads to."""
    fields = {name: st.sampled_from(values) if name == "Flag__c" else st.none() | st.sampled_from(values)
              for name, values in OF_BOSS.items()}  # fmt: skip
    return st.lists(st.fixed_dictionaries(fields), min_size=2, max_size=2)


@functools.cache
def filters(*, decimals: bool, lists: bool) -> st.SearchStrategy[pl.Expr]:
    """Expressions over all columns, for a frame with decimals or floats, lists of texts or texts."""
    leaves = st.one_of(
        _texts("Text__c"), _texts(f"{_BOSS}Text__c"), _picks(), _sets(lists), _flags("Flag__c"),
        _flags(f"{_BOSS}Flag__c"), _ints("Int__c"), _ints(f"{_BOSS}Int__c"), _numbers("Double__c", float),
        _numbers("Money__c", Decimal if decimals else float), _days(), _moments(), _ids("Boss__c"), _ids("Id"),
        _odd(),
    )  # fmt: skip
    return combined(leaves, max_leaves=5)


def combined(leaves: st.SearchStrategy[pl.Expr], *, max_leaves: int) -> st.SearchStrategy[pl.Expr]:
    """Conditions, and what not, and, or and xor make of them."""
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            inner.map(lambda one: ~one),
            st.tuples(inner, inner).map(lambda two: two[0] & two[1]),
            st.tuples(inner, inner).map(lambda two: two[0] | two[1]),
            st.tuples(inner, inner).map(lambda two: two[0] ^ two[1]),
        ),
        max_leaves=max_leaves,
    )


_Made = st.SearchStrategy[pl.Expr]


def _equal(column: pl.Expr, values: st.SearchStrategy[Any], dtype: Any = None) -> _Made:
    """Equality of all kinds, membership and nulls, which every column has."""

    def among(values: list[Any], nulls_equal: bool) -> pl.Expr:
        listed = pl.Series(values, dtype=dtype) if dtype is not None else pl.Series(values)
        return column.is_in(listed.implode(), nulls_equal=nulls_equal)

    def lit(value: Any) -> Any:
        return pl.lit(value, dtype=dtype) if dtype is not None else value

    return st.one_of(
        values.map(lambda value: column == lit(value)),
        values.map(lambda value: column != lit(value)),
        values.map(lambda value: column.eq_missing(lit(value))),
        values.map(lambda value: column.ne_missing(lit(value))),
        st.builds(among, st.lists(values, min_size=1, max_size=4), st.booleans()),
        st.builds(among, st.lists(values | st.none(), min_size=1, max_size=3), st.booleans())
        if dtype
        else st.nothing(),
        st.sampled_from([column.is_null(), column.is_not_null()]),
    )


def _ordered(column: pl.Expr, values: st.SearchStrategy[Any]) -> _Made:
    closed = st.sampled_from(("both", "left", "right", "none"))
    return st.one_of(
        values.map(lambda value: column < value),
        values.map(lambda value: column <= value),
        values.map(lambda value: column > value),
        values.map(lambda value: column >= value),
        values.map(lambda value: pl.lit(value) > column),
        st.builds(
            lambda low, high, how: column.is_between(pl.lit(low), pl.lit(high), closed=how), values, values, closed
        ),
    )


def _texts(name: str) -> _Made:
    column, values = pl.col(name), st.sampled_from(TEXTS + _DOUBTFUL)
    return st.one_of(
        _equal(column, values, pl.String),
        _ordered(column, values),
        values.map(column.str.starts_with),
        values.map(column.str.ends_with),
        values.map(lambda value: column.str.contains(value, literal=True)),
        st.sampled_from(["a", "s", "1", "e", " ", "b"]).map(column.str.contains),
        values.map(lambda value: column.str.to_lowercase() == value),
    )


def _picks() -> _Made:
    column, values = pl.col("Pick__c"), st.sampled_from(PICKS)
    return st.one_of(_equal(column, values, pl.String), _ordered(column, values), values.map(column.str.starts_with))


def _sets(lists: bool) -> _Made:
    column = pl.col("Multi__c")
    if lists:
        return st.one_of(
            st.sampled_from(("Red", "Green", "Blue", "red", "Pink", "Red;Green", "")).map(column.list.contains),
            st.sampled_from([column.is_null(), column.is_not_null()]),
        )
    return _equal(column, st.sampled_from((*SETS, "Blue;Red", "Red;Pink", "red", "Red;", "")), pl.String)


def _flags(name: str) -> _Made:
    column = pl.col(name)
    return st.one_of(st.just(column), _equal(column, st.booleans(), pl.Boolean))


def _ints(name: str) -> _Made:
    column = pl.col(name)
    values = st.sampled_from((*INTS, 2**40, -(2**40), 2**53, 2**62))
    with_floats = values | st.sampled_from((0.5, 1.0, -1.5, 2.0**31, 1e300, float("inf"), float("nan")))
    return st.one_of(_equal(column, values, pl.Int64), _ordered(column, with_floats), _ordered(column, values))


def _numbers(name: str, kind: Callable[[str], Any]) -> _Made:
    column = pl.col(name)
    floats = st.sampled_from([float(text) for text in NUMBERS] + [1e15, 1e300, float("nan"), float("inf"), 5e-324])
    dtype = pl.Float64 if kind is float else pl.Decimal(38, 2)
    if kind is float:
        return st.one_of(_equal(column, floats, dtype), _ordered(column, floats))
    decimals = st.sampled_from([Decimal(text).quantize(Decimal("0.01")) for text in NUMBERS])
    fine = st.sampled_from([Decimal("19.995"), Decimal("0.004"), Decimal("19.99"), Decimal("-0.1")])
    return st.one_of(_equal(column, decimals, dtype), _ordered(column, fine), _ordered(column, floats))


def _days() -> _Made:
    column = pl.col("Day__c")
    values = st.sampled_from((*DAYS, date(1600, 1, 1), date(4000, 1, 1)))
    naive = st.sampled_from((datetime(2020, 1, 1), datetime(2019, 12, 31, 12), datetime(2024, 2, 29)))
    years = st.sampled_from((2019, 2020, 2024, 1500, 4000))
    return st.one_of(
        _equal(column, values, pl.Date), _ordered(column, values), _ordered(column, naive),
        _ordered(column.dt.year(), years), years.map(lambda year: column.dt.year() == year),
        years.map(lambda year: column.dt.year() != year),
        st.lists(years, min_size=1, max_size=2).map(lambda two: column.dt.year().is_in(two)),
    )  # fmt: skip


def _moments() -> _Made:
    column = pl.col("Moment__c")
    values = st.sampled_from((*MOMENTS, _NOON + timedelta(milliseconds=900), datetime(1500, 1, 1, tzinfo=UTC)))
    days, years = st.sampled_from(DAYS), st.sampled_from((2019, 2020, 1969))
    return st.one_of(
        _equal(column, values, pl.Datetime("us", "UTC")), _ordered(column, values), _ordered(column, days),
        days.map(lambda day: column.dt.date() == day), _ordered(column.dt.date(), days),
        years.map(lambda year: column.dt.year() == year), _ordered(column.dt.year(), years),
        st.lists(days, min_size=1, max_size=2).map(lambda two: column.dt.date().is_in(two)),
        values.map(lambda value: column > pl.lit(value) - timedelta(days=1)),
    )  # fmt: skip


def _ids(name: str) -> _Made:
    column = pl.col(name)
    known = (*BOSSES, *(make_id("a02", n) for n in (1, 2, 3)))
    values = st.sampled_from((*known, BOSSES[0][:15], known[2].lower(), "nonsense", ""))
    return st.one_of(_equal(column, values, pl.String), _ordered(column, values))


def _odd() -> _Made:
    """What isn't understood, or not of use."""
    text, number, flag = pl.col("Text__c"), pl.col("Int__c"), pl.col("Flag__c")
    return st.sampled_from(
        [
            pl.lit(True), pl.lit(False), pl.lit(None, dtype=pl.Boolean), text.str.len_chars() > 1, number % 2 == 0,
            text == pl.col("Pick__c"), (number > 0).is_null(), (number > 0).fill_null(False),
            pl.when(flag).then(number > 0).otherwise(text == "a"), flag == pl.col("Boss__r.Flag__c"),
            number.is_in([]), text.str.contains("^a|b$"), number.cast(pl.String) == "1", number > pl.col("Double__c"),
        ]
    )  # fmt: skip
