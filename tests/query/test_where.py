"""Predicates as WHERE clauses: whatever travels, the rows are those that Polars gives on the whole table."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

import sfframe
from sfframe.localorg.objects.ids import make_id
from sfframe.org.describe import SObject
from sfframe.query.pushdown.expressions import conjuncts
from sfframe.query.schema.columns import Column
from sfframe.query.schema.types import TypeOptions
from tests.localorg.soql.world import World

from .filters import BOSSES, NAMES, bosses, filters, rows
from .odd_org import FOLDS, Manner, finds
from .scanned import scan
from .shipped import EXACT, PLAIN, Case, columns_of, hard_org, report

_PARENTS = ("Boss__r.Text__c", "Boss__r.Flag__c", "Boss__r.Int__c")


# A local org full of what is hard.


@pytest.fixture(scope="module")
def cases() -> Sequence[Case]:
    with hard_org() as hard:
        return list(hard.cases())


def test_no_predicate_gives_a_wrong_answer(cases: Sequence[Case]) -> None:
    assert len(cases) >= 60
    for one in cases:
        assert one.scanned.rows.equals(one.expected), one.predicate


def test_what_becomes_of_each_predicate(cases: Sequence[Case]) -> None:
    # Polars may change the order of conjuncts.
    found = [(str(one.predicate.says), "+".join(sorted(v.where for v in one.scanned.verdicts))) for one in cases]
    assert found == [(str(one.predicate.says), one.predicate.where) for one in cases]


def test_what_is_sent_ships_no_row_in_vain_and_what_ships_more_has_its_reason(cases: Sequence[Case]) -> None:
    for one in cases:
        wheres = {verdict.where for verdict in one.scanned.verdicts}
        if wheres == {"sent"}:
            assert one.scanned.n_shipped == one.expected.height, one.predicate
        assert one.scanned.n_shipped == one.expected.height or one.predicate.why, report([one])


# Any filter on any data, in the local org.


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    world = World()
    yield world
    world.store.close()


@functools.cache
def _world_columns(options: TypeOptions) -> dict[str, Column]:
    world = World()
    known = {name: world.store.sobject(name) for name in ("Item__c", "Boss__c")}
    world.store.close()
    described = {name: SObject.from_json(one.answer) for name, one in known.items() if one is not None}

    async def describe(name: str) -> SObject:
        return described[name]

    return sfframe.run(columns_of("Item__c", NAMES, describe, options))


def _numbered(items: Sequence[Mapping[str, Any]], parents: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Records with their ids and what is behind the lookup."""
    known = dict(zip(BOSSES, parents, strict=True))
    return [
        {"Id": make_id("a02", n), **item, **{f"Boss__r.{name}": value for name, value in boss.items()}}
        for n, item in enumerate(items, start=1)
        for boss in (known.get(item["Boss__c"], {}),)
    ]


def _shown(stored: Sequence[Mapping[str, Any]], columns: Mapping[str, Column], rounding: str) -> pl.DataFrame:
    """The frame that a user sees of stored records."""
    return pl.DataFrame(
        {name: pl.Series([_seen(row.get(name), column.dtype, rounding) for row in stored], dtype=column.dtype)
         for name, column in columns.items()}
    )  # fmt: skip


def _seen(value: Any, dtype: pl.DataType, rounding: str) -> Any:
    match value, dtype:
        case None, _:
            return None
        case Decimal(), pl.Decimal():
            # As text of the float that it is on its way, too.
            return Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-dtype.scale), rounding)
        case Decimal(), _:
            return float(value)
        case str(), pl.List():
            return value.split(";")
    return value or None if value == "" else value


@given(data=st.data(), items=rows(), parents=bosses(), options=st.sampled_from([PLAIN, EXACT]))
@examples(max_examples=40, deadline=None)
def test_any_filter_gives_the_rows_that_it_gives_on_the_whole_table(
    world: World, data: st.DataObject, items: list[dict[str, Any]], parents: list[dict[str, Any]], options: TypeOptions
) -> None:
    columns = _world_columns(options)
    items = [{**item, **{name: _as_float(item[name], options) for name in ("Double__c", "Money__c")}} for item in items]
    says = data.draw(filters(decimals=options.decimals, lists=options.multiselect == "list"))
    world.fill("Boss__c", parents)
    world.fill("Item__c", items)
    exact = [{**row, **{name: _decimal(row[name]) for name in ("Double__c", "Money__c")}}
             for row in _numbered(items, parents)]  # fmt: skip
    table = _shown(exact, columns, ROUND_HALF_EVEN)

    def ask(where: str | None) -> pl.DataFrame:
        found = world.column("SELECT Id FROM Item__c" + (f" WHERE {where}" if where else ""))
        return table.filter(pl.col("Id").is_in(found)) if found else table.clear()

    scanned = scan(says, columns, ask, max_chars=data.draw(st.sampled_from([60, 200, 80_000])))
    assert scanned.rows.equals(table.filter(says))


def _as_float(text: str | None, options: TypeOptions) -> float | None:
    return None if text is None else round(float(text), 2) if options.decimals else float(text)


def _decimal(number: float | None) -> Decimal | None:
    return None if number is None else Decimal(repr(number))


# Any filter on any data, in orgs that are as odd as the notes leave open.


_MANNERS = st.builds(
    Manner,
    fold=st.sampled_from(FOLDS),
    trims=st.booleans(),
    keeps_nulls=st.booleans(),
    compares_floats=st.booleans(),
    sees_hidden=st.booleans(),
    misses_parents=st.booleans(),
    empty_is_null=st.booleans(),
)


@given(data=st.data(), items=rows(), parents=bosses(), manner=_MANNERS, options=st.sampled_from([PLAIN, EXACT]))
@examples(max_examples=100, deadline=None)
def test_what_travels_finds_all_rows_whatever_the_org_makes_of_the_doubts(
    data: st.DataObject,
    items: list[dict[str, Any]],
    parents: list[dict[str, Any]],
    manner: Manner,
    options: TypeOptions,
) -> None:
    calculated = data.draw(st.sets(st.sampled_from(["Text__c", "Int__c", "Double__c", "Day__c"]), max_size=2))
    columns = {name: _calculated(column) if name in calculated else column
               for name, column in _world_columns(options).items()}  # fmt: skip
    stored = [_in_digits(row) for row in _numbered(items, parents)]
    if "Text__c" in calculated:
        stored = [{**row, "Text__c": row["Text__c"] or ""} for row in stored]
    shown = [{**row, **dict.fromkeys(_PARENTS)} for row in stored] if manner.sees_hidden else stored
    table = _shown(shown, columns, data.draw(st.sampled_from([ROUND_HALF_EVEN, ROUND_DOWN])))
    says = data.draw(filters(decimals=options.decimals, lists=options.multiselect == "list"))

    def found(where: str | None) -> pl.Series:
        return pl.Series([where is None or finds(where, row, manner) for row in stored], dtype=pl.Boolean)

    scanned = scan(
        says, columns, lambda where: table.filter(found(where)), max_chars=data.draw(st.sampled_from([60, 999]))
    )
    assert scanned.rows.equals(table.filter(says))
    for conjunct, verdict in zip(_conjuncts(scanned.predicate), scanned.verdicts, strict=True):
        if verdict.where == "sent":
            assert table.filter(found(verdict.soql)).equals(table.filter(conjunct)), verdict


def _conjuncts(predicate: pl.Expr | None) -> list[pl.Expr]:
    return [] if predicate is None else conjuncts(predicate)


def _in_digits(row: Mapping[str, Any]) -> dict[str, Any]:
    texts = {name: row[name] for name in ("Double__c", "Money__c")}
    return {**row, **{name: None if text is None else Decimal(text) for name, text in texts.items()}}


def _calculated(column: Column) -> Column:
    assert column.field is not None
    return replace(column, field=replace(column.field, calculated=True))
