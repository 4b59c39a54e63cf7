"""What Polars hands over to a source is read for what it is, in each version of Polars; all else stays unknown."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterator
from datetime import UTC, date, datetime

import polars as pl
import pytest
from polars.io.plugins import register_io_source

from sfframe.query.pushdown.expressions import (
    UNKNOWN,
    Compare,
    Constant,
    Every,
    Flag,
    Has,
    Member,
    Node,
    Not,
    Null,
    OneOf,
    Operand,
    Some,
    conjuncts,
    read,
)

_SCHEMA: dict[str, pl.DataType] = {
    "text": pl.String(), "int": pl.Int64(), "float": pl.Float64(), "flag": pl.Boolean(), "day": pl.Date(),
    "moment": pl.Datetime("us", "UTC"), "list": pl.List(pl.String()),
}  # fmt: skip
_text, _int, _float, _flag, _day, _moment, _list = (pl.col(name) for name in _SCHEMA)


def handed_over(says: pl.Expr) -> pl.Expr:
    """A filter as a source gets it."""
    met: list[pl.Expr] = []

    def source(
        with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        assert predicate is not None
        met.append(predicate)
        yield pl.DataFrame(schema=_SCHEMA if with_columns is None else {name: _SCHEMA[name] for name in with_columns})

    register_io_source(source, schema=_SCHEMA).filter(says).collect()
    return met[0]


def told(node: Node) -> str:
    """A node in one line."""
    match node:
        case Compare():
            missing = " or null alike" if node.is_missing else ""
            return f"{_of(node.of)} {node.operator} {node.value.item()}{missing}"
        case Member():
            nulls = " or null alike" if node.nulls_equal else ""
            return f"{_of(node.of)} in {node.values.to_list()}{nulls}"
        case Has():
            return f"{_of(node.of)} {node.how} {node.text}"
        case Null():
            return f"{_of(node.of)} is null"
        case Flag():
            return _of(node.of)
        case Not():
            return f"not ({told(node.part)})"
        case Every() | Some():
            word = " and " if isinstance(node, Every) else " or "
            return f"({word.join(map(told, node.parts))})"
        case OneOf():
            return f"({told(node.left)} xor {told(node.right)})"
        case Constant():
            return str(node.value)
    return "unknown"


def _of(operand: Operand) -> str:
    part = f"{operand.name}.{operand.part}" if operand.part else operand.name
    return f"{part} as {operand.cast}" if operand.cast is not None else part


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        (pl.lit(1) == _int, "int == 1"),
        (pl.lit(1) != _int, "int != 1"),
        (pl.lit(1) < _int, "int > 1"),
        (pl.lit(1) <= _int, "int >= 1"),
        (pl.lit(1) > _int, "int < 1"),
        (pl.lit(1) >= _int, "int <= 1"),
    ],
)
def test_a_value_on_the_left_is_turned_round_where_polars_has_not_done_so(says: pl.Expr, expected: str) -> None:
    assert told(read(says)) == expected


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        (_text == "x", "text == x"),
        (_text != "x", "text != x"),
        (~(_text == "x"), "text != x"),
        (pl.lit("x") == _text, "text == x"),
        (_int < 1, "int < 1"),
        (_int <= 1, "int <= 1"),
        (pl.lit(1) < _int, "int > 1"),
        (_int >= 1, "int >= 1"),
        (_int.eq_missing(1), "int == 1 or null alike"),
        (_int.ne_missing(1), "not (int == 1 or null alike)"),
        (_text.eq_missing(pl.lit(None, dtype=pl.String)), "text is null"),
        (_int.cast(pl.Float64) > 1.5, "int as Float64 > 1.5"),
        (_day > datetime(2020, 1, 1), "day as Datetime(time_unit='us', time_zone=None) > 2020-01-01 00:00:00"),
        (_moment > date(2020, 1, 1), "moment > 2020-01-01 00:00:00+00:00"),
        (_moment.dt.year() == 2020, "moment.year == 2020"),
        (_moment.dt.date() == date(2020, 1, 1), "moment.date == 2020-01-01"),
        (
            _moment > pl.lit(datetime(2020, 1, 2, tzinfo=UTC)) - pl.duration(days=1),
            "moment > 2020-01-01 00:00:00+00:00",
        ),
        (_text.is_in(["x", "y"]), "text in ['x', 'y']"),
        (_text.is_in(pl.Series(["x", None]).implode(), nulls_equal=True), "text in ['x', None] or null alike"),
        (_int.is_between(1, 2), "(int >= 1 and int <= 2)"),
        (_int.is_between(1, 2, closed="none"), "(int > 1 and int < 2)"),
        (_int.is_between(1, 2, closed="left"), "(int >= 1 and int < 2)"),
        (_int.is_between(1, 2, closed="right"), "(int > 1 and int <= 2)"),
        (_text.is_null(), "text is null"),
        (_text.is_not_null(), "not (text is null)"),
        (_flag, "flag"),
        (~_flag, "not (flag)"),
        (_flag ^ (_int > 1), "(flag xor int > 1)"),
        (_flag | (_int > 1) | (_text == "x"), "(flag or int > 1 or text == x)"),
        ((_flag & (_int > 1)) | (_text == "x"), "((flag and int > 1) or text == x)"),
        (_flag | pl.lit(None, dtype=pl.Boolean), "(flag or None)"),
        (_text.str.starts_with("x"), "text starts_with x"),
        (_text.str.ends_with("x"), "text ends_with x"),
        (_text.str.contains("x.", literal=True), "text contains x."),
        (_text.str.contains("x y"), "text contains x y"),
        (_list.list.contains("x"), "list item x"),
    ],
)
def test_what_is_handed_over_is_read_for_what_it_is(says: pl.Expr, expected: str) -> None:
    assert told(read(handed_over(says))) == expected


@pytest.mark.parametrize(
    "says",
    [
        _text.str.to_lowercase() == "x",
        _text.str.contains("x."),
        _text.str.contains_any(["x"]),
        _text.str.len_chars() > 1,
        _text == _int.cast(pl.String),
        _int > _float,
        _int + 1 > 2,
        _int.cast(pl.Int32) > 2,
        (_int > 1).is_null(),
        (_int > 1).fill_null(False),
        _float.is_nan(),
        _moment.dt.month() == 1,
        _moment.dt.replace_time_zone(None) > datetime(2020, 1, 1),
        _moment.dt.truncate("1d") == datetime(2020, 1, 1, tzinfo=UTC),
        _list.list.len() > 1,
        pl.when(_flag).then(_int > 1).otherwise(_int > 2),
        pl.col("int").is_in(pl.concat_list("int")),
        _int.map_elements(lambda _: True, return_dtype=pl.Boolean),
    ],
)
def test_what_nothing_was_rebuilt_for_is_unknown(says: pl.Expr) -> None:
    assert read(handed_over(says)) is UNKNOWN


def test_conjuncts_are_taken_apart_in_their_order_and_long_chains_are_read() -> None:
    many = functools.reduce(operator.and_, [_int != n for n in range(300)])
    assert [told(read(one)) for one in conjuncts(many)] == [f"int != {n}" for n in range(300)]
    either = read(functools.reduce(operator.or_, [_int == n for n in range(300)]))
    assert isinstance(either, Some)
    assert len(either.parts) == 300


def test_what_is_nested_deeper_than_anyone_writes_is_unknown_inside() -> None:
    deep = _int > 0
    for n in range(200):
        deep = (deep | (_int > n)) & _flag
    assert "unknown" in told(read(deep))


def test_each_side_of_xor_is_asked_for_twice_so_a_chain_of_them_is_unknown_inside() -> None:
    chain = functools.reduce(operator.xor, [_int > n for n in range(10)])
    assert "unknown" in told(read(chain))
