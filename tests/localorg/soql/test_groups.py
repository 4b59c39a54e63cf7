"""Aggregates (SOQL notes, 3, 6)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from .world import World


@pytest.fixture
def filled(world: World) -> World:
    boss, other = world.fill("Boss__c", [{"Text__c": "B"}, {"Text__c": "b"}])
    world.fill(
        "Item__c",
        [
            {"Text__c": "x", "Pick__c": "alpha", "Int__c": 1, "Double__c": 0.5, "Boss__c": boss, "Flag__c": True},
            {"Text__c": "X", "Pick__c": "Zeta", "Int__c": 2, "Double__c": None, "Boss__c": other, "Flag__c": False},
            {"Text__c": None, "Pick__c": "Mid", "Int__c": 4, "Double__c": 1.5, "Boss__c": None, "Flag__c": None},
        ],
    )
    return world


def rows(world: World, soql: str) -> list[tuple[Any, ...]]:
    return world.ask(soql)


def names(world: World, soql: str) -> list[str]:
    return [".".join(output.path) for output in world.compile(soql).outputs]


def test_count_stands_alone(filled: World) -> None:
    assert rows(filled, "SELECT COUNT() FROM Item__c") == [(3,)]
    assert rows(filled, "SELECT count() FROM Item__c WHERE Int__c > 1") == [(2,)]
    assert rows(filled, "SELECT COUNT() FROM Item__c LIMIT 2") == [(2,)]
    assert rows(filled, "SELECT COUNT() FROM Item__c LIMIT 5 OFFSET 1") == [(2,)]
    assert filled.compile("SELECT COUNT() FROM Item__c").form == "count"
    for wrong in ("COUNT(), Name", "COUNT() n", "Name, COUNT()"):
        assert filled.error(f"SELECT {wrong} FROM Item__c")[0] == "MALFORMED_QUERY"
    assert filled.error("SELECT COUNT() FROM Item__c ORDER BY Name")[0] == "MALFORMED_QUERY"
    assert filled.error("SELECT COUNT() FROM Item__c GROUP BY Name")[0] == "MALFORMED_QUERY"


def test_aggregates_skip_nulls(filled: World) -> None:
    soql = (
        "SELECT COUNT(Id), COUNT(Text__c), COUNT_DISTINCT(Text__c), SUM(Int__c), AVG(Int__c), SUM(Double__c),"
        " AVG(Double__c), MIN(Double__c), MAX(Int__c) FROM Item__c"
    )
    assert rows(filled, soql) == [(3, 2, 1, 7, 7 / 3, 2.0, 1.0, 0.5, 4)]
    assert [output.type for output in filled.compile(soql).outputs] == [
        "int", "int", "int", "long", "double", "double", "double", "double", "int",
    ]  # fmt: skip


def test_no_rows_are_one_row_without_group_by_and_none_with(world: World) -> None:
    assert rows(world, "SELECT COUNT(Id), SUM(Int__c), MAX(Text__c) FROM Item__c") == [(0, None, None)]
    assert rows(world, "SELECT Text__c, COUNT(Id) FROM Item__c GROUP BY Text__c") == []


def test_what_columns_are_called(filled: World) -> None:
    soql = (
        "SELECT Boss__r.Text__c, Pick__c, COUNT(Id), COUNT(Id) n, MAX(Int__c), CALENDAR_YEAR(CreatedDate)"
        " FROM Item__c GROUP BY Boss__r.Text__c, Pick__c, CALENDAR_YEAR(CreatedDate)"
    )
    assert names(filled, soql) == ["Text__c", "Pick__c", "expr0", "n", "expr1", "expr2"]
    aliased = "SELECT Boss__r.Text__c t, Text__c FROM Item__c GROUP BY Text__c, Boss__r.Text__c"
    assert names(filled, aliased) == ["t", "Text__c"]
    assert filled.error(aliased.replace(" t,", ",")) == ("MALFORMED_QUERY", "duplicate alias: Text__c")


def test_nulls_are_a_group_and_text_folds_case(filled: World) -> None:
    found = rows(filled, "SELECT Text__c, COUNT(Id) FROM Item__c GROUP BY Text__c ORDER BY Text__c")
    assert found == [(None, 1), (found[1][0], 2)]
    assert found[1][0] in ("x", "X")
    assert rows(filled, "SELECT Flag__c, COUNT(Id) FROM Item__c GROUP BY Flag__c ORDER BY Flag__c") == [
        (False, 2),
        (True, 1),
    ]
    by_boss = rows(filled, "SELECT Boss__r.Text__c, COUNT(Id) FROM Item__c GROUP BY Boss__r.Text__c ORDER BY COUNT(Id)")
    assert [count for _, count in by_boss] == [1, 2]


@pytest.mark.parametrize("values", [["new", "Old", None], ["Old", None, "new"], [None, "new", "Old", "new"]])
def test_values_that_no_picklist_has_are_last_and_told_apart_as_text_is(world: World, values: list[str | None]) -> None:
    world.fill("Item__c", [{"Name": str(n), "Pick__c": value} for n, value in enumerate(values)])
    assert rows(world, "SELECT MIN(Pick__c), MAX(Pick__c) FROM Item__c") == [("new", "Old")]
    world.fill("Item__c", [{"Name": str(n), "Pick__c": value} for n, value in enumerate([*values, "Mid"])])
    assert rows(world, "SELECT MIN(Pick__c), MAX(Pick__c) FROM Item__c") == [("Mid", "Old")]


def test_picklists_are_least_and_most_by_their_definition(filled: World) -> None:
    assert rows(filled, "SELECT MIN(Pick__c), MAX(Pick__c) FROM Item__c") == [("Zeta", "Mid")]
    assert [row[0] for row in rows(filled, "SELECT Pick__c FROM Item__c GROUP BY Pick__c ORDER BY Pick__c")] == [
        "Zeta",
        "alpha",
        "Mid",
    ]


def test_having(filled: World) -> None:
    grouped = "SELECT Text__c, COUNT(Id) n FROM Item__c GROUP BY Text__c HAVING "
    assert [row[1] for row in rows(filled, grouped + "COUNT(Id) > 1")] == [2]
    assert [row[1] for row in rows(filled, grouped + "COUNT() = 1 OR SUM(Int__c) = 3")] != []
    assert rows(filled, grouped + "Text__c = null") == [(None, 1)]
    assert [row[1] for row in rows(filled, grouped + "Text__c LIKE 'X%'")] == [2]
    assert [row[1] for row in rows(filled, grouped + "(NOT MAX(Text__c) = 'x')")] == [1]
    assert [row[1] for row in rows(filled, grouped + "MIN(Double__c) = null")] == []
    wrong = "Field must be grouped or aggregated: Int__c"
    assert filled.error(grouped + "Int__c > 1") == ("MALFORMED_QUERY", wrong)
    assert filled.error(grouped + "COUNT(Id) = '1'")[0] == "INVALID_FIELD"
    nested = "Boss__c IN (SELECT Id FROM Boss__c)"
    text = "Semi join sub-selects are not allowed in a HAVING clause"
    assert filled.error(grouped + nested) == ("MALFORMED_QUERY", text)


def test_date_literals_in_having(world: World) -> None:
    moments = [datetime(2026, 3, 18, 9), datetime(2026, 3, 17, 9)]
    world.fill("Item__c", [{"Text__c": f"{n}", "Moment__c": moment} for n, moment in enumerate(moments)])
    grouped = "SELECT Text__c FROM Item__c GROUP BY Text__c HAVING MAX(Moment__c)"
    assert rows(world, f"{grouped} = TODAY") == [("0",)]
    assert rows(world, f"{grouped} < TODAY") == [("1",)]


def test_groups_of_dates(world: World) -> None:
    days = [date(2026, 1, 31), date(2026, 1, 1), date(2025, 1, 1), None]
    world.fill("Item__c", [{"Day__c": day} for day in days])
    year = "CALENDAR_YEAR(Day__c)"
    soql = f"SELECT {year} y, COUNT(Id) FROM Item__c GROUP BY calendar_year(Day__c) ORDER BY {year} DESC NULLS LAST"
    assert rows(world, soql) == [(2026, 2), (2025, 1), (None, 1)]
    soql = "SELECT DAY_ONLY(CreatedDate), COUNT(Id) FROM Item__c GROUP BY DAY_ONLY(CreatedDate)"
    assert world.compile(soql).outputs[0].type == "date"
    assert world.error(f"SELECT {year} FROM Item__c GROUP BY CALENDAR_MONTH(Day__c)")[0] == "MALFORMED_QUERY"
    zoned = "CALENDAR_YEAR(convertTimezone(CreatedDate))"
    assert world.error(f"SELECT {zoned} FROM Item__c GROUP BY CALENDAR_YEAR(CreatedDate)")[0] == "MALFORMED_QUERY"


def test_rollup_and_cube(filled: World) -> None:
    soql = (
        "SELECT Text__c, Flag__c, GROUPING(Text__c) gt, GROUPING(Flag__c) gf, COUNT(Id) n FROM Item__c"
        " GROUP BY {}(Text__c, Flag__c) ORDER BY GROUPING(Text__c), GROUPING(Flag__c), Text__c, Flag__c"
    )
    found = [(text and text.lower(), *rest) for text, *rest in rows(filled, soql.format("ROLLUP"))]
    fine = [(None, False, 0, 0, 1), ("x", False, 0, 0, 1), ("x", True, 0, 0, 1)]
    assert found == [*fine, (None, None, 0, 1, 1), ("x", None, 0, 1, 2), (None, None, 1, 1, 3)]
    found = [(text and text.lower(), *rest) for text, *rest in rows(filled, soql.format("cube"))]
    assert (None, False, 1, 0, 2) in found
    assert len(found) == 8
    four = "ROLLUP(Text__c, Flag__c, Pick__c, Int__c)"
    assert filled.error(f"SELECT COUNT(Id) FROM Item__c GROUP BY {four}")[0] == "MALFORMED_QUERY"
    assert filled.error("SELECT GROUPING(Text__c) FROM Item__c GROUP BY Text__c")[0] == "MALFORMED_QUERY"
    assert filled.error("SELECT COUNT(Id) FROM Item__c GROUP BY Text__c, ROLLUP(Flag__c)")[0] != ""


def test_limits_of_groups(filled: World) -> None:
    grouped = "SELECT Int__c FROM Item__c GROUP BY Int__c ORDER BY Int__c"
    assert rows(filled, f"{grouped} LIMIT 1 OFFSET 1") == [(2,)]
    text = "Non-grouped query that uses overall aggregate functions cannot also use LIMIT"
    assert filled.error("SELECT COUNT(Id) FROM Item__c LIMIT 5") == ("MALFORMED_QUERY", text)
    assert filled.error("SELECT Name, COUNT(Id) FROM Item__c")[0] == "MALFORMED_QUERY"
    assert filled.error("SELECT COUNT(Id) FROM Item__c ORDER BY Name")[0] == "MALFORMED_QUERY"


@pytest.mark.parametrize(
    "field", ["Moment__c", "Clock__c", "Double__c", "Money__c", "Multi__c", "Long__c", "Secret__c"]
)
def test_what_can_not_be_grouped(world: World, field: str) -> None:
    text = f"field '{field}' can not be grouped in a query call"
    assert world.error(f"SELECT {field} FROM Item__c GROUP BY {field}") == ("INVALID_FIELD", text)


@pytest.mark.parametrize(
    ("aggregate", "field"),
    [
        ("COUNT", "Flag__c"),
        ("MAX", "Clock__c"),
        ("COUNT", "Where__c"),
        ("MIN", "Multi__c"),
        ("COUNT", "Secret__c"),
        ("COUNT_DISTINCT", "Long__c"),
        ("SUM", "Text__c"),
        ("AVG", "Day__c"),
        ("SUM", "Id"),
    ],
)
def test_what_can_not_be_aggregated(world: World, aggregate: str, field: str) -> None:
    text = f"field {field} does not support aggregate operator {aggregate}"
    assert world.error(f"SELECT {aggregate}({field}) FROM Item__c") == ("MALFORMED_QUERY", text)


def test_formats_of_aggregates(filled: World) -> None:
    assert rows(filled, "SELECT FORMAT(SUM(Int__c)) s FROM Item__c") == [("7",)]
