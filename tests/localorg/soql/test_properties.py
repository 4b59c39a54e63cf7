"""Whatever is asked of whatever rows: the compiler and a naive evaluator find the same (SOQL notes, 2, 5, 6)."""

from __future__ import annotations

import math
import os
from datetime import date, datetime, time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sfframe.localorg.objects.ids import make_id
from sfframe.localorg.soql import Query, SoqlError

from . import naive
from .naive import KINDS, OPERATORS, Condition, Days, Logic, Row, Test
from .world import World

# A longer search for a quiet hour: SOQL_EXAMPLES=5000 pytest tests/localorg/soql/test_properties.py
EXAMPLES = int(os.environ.get("SOQL_EXAMPLES", "35"))
SETTINGS = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

# Letters of which upper, lower and folded forms agree; and what a pattern or a quote could trip over.
LETTERS = st.text(st.sampled_from("aAbBéÉ%_\\'; \n1"), min_size=1, max_size=4).filter(lambda text: text == text.strip())
# Few enough that equal ones meet.
TEXTS = st.sampled_from(["a", "A", "aB", "Ab", "b", "_", "É", "é", "%", "a%"]) | LETTERS
BOSSES = [make_id("a01", number) for number in range(1, 5)]
DAYS = st.sampled_from(
    [
        *(date(2026, 3, day) for day in (1, 14, 15, 18, 19, 22)),
        *(date(2026, month, 1) for month in (1, 4)),
        *(date(2026, 2, 28), date(2025, 12, 31), date(2024, 2, 29), date(2027, 1, 1)),
    ]
)
MOMENTS = st.builds(
    datetime.combine, DAYS, st.sampled_from([time(0), time(23, 59, 59), time(12, 30, 15), time(12, 30, 16)])
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "text": TEXTS,
    "exact": TEXTS,
    "pick": st.sampled_from(["Zeta", "alpha", "Mid", "Old", "new"]),
    "multi": st.lists(st.sampled_from(["Red", "Green", "Blue"]), min_size=1, unique=True).map(";".join),
    "flag": st.booleans(),
    "number": st.sampled_from([-2, 0, 1, 2, 7]),
    "day": DAYS,
    "moment": MOMENTS,
    "clock": st.sampled_from([time(0), time(8), time(23, 59, 59, 999000)]),
    "id": st.sampled_from(BOSSES),
}


def _literals() -> list[Days]:
    """Date literals as the notes' table has them."""
    found = [Days("TODAY", "DAY", 0, 0), Days("YESTERDAY", "DAY", -1, -1), Days("TOMORROW", "DAY", 1, 1)]
    found += [Days("LAST_90_DAYS", "DAY", -90, 0), Days("NEXT_90_DAYS", "DAY", 1, 90)]
    for unit in ("WEEK", "MONTH", "QUARTER", "YEAR"):
        for which, away in (("THIS", 0), ("LAST", -1), ("NEXT", 1)):
            found.append(Days(f"{which}_{unit}", unit, away, away))
    for unit in ("DAY", "WEEK", "MONTH", "QUARTER", "YEAR"):
        for n in (1, 3):
            found.append(Days(f"LAST_N_{unit}S:{n}", unit, -n, 0 if unit == "DAY" else -1))
            found.append(Days(f"NEXT_N_{unit}S:{n}", unit, 1, n))
            found.append(Days(f"N_{unit}S_AGO:{n}", unit, -n, -n))
    return found


LITERALS = st.sampled_from(_literals())
PATTERN_PARTS = st.sampled_from(["%", "_", r"\%", r"\_", r"\\", "a", "B", "é", "1", ";", "'", "Er", "alpha"])
PATTERNS = st.lists(PATTERN_PARTS, min_size=1, max_size=4).map("".join)


@st.composite
def comparisons(draw: st.DrawFn) -> Test:
    path, operator = draw(st.sampled_from([(path, word) for path, kind in KINDS.items() for word in OPERATORS[kind]]))
    kind = KINDS[path]
    if operator == "LIKE":
        return Test(path, operator, (draw(PATTERNS),))
    value = VALUES[kind]
    if path == "Double__c":
        value = st.sampled_from([-0.5, 0.0, 1.25, 2.0])
    if kind in ("day", "moment"):
        value = value | LITERALS
    if kind == "text" or kind == "id":
        value = value.map(lambda text: text[:15] if text in BOSSES else text)
    if operator in ("IN", "NOT IN", "INCLUDES", "EXCLUDES"):
        size = draw(st.sampled_from([1, 2, 3, 40 if operator in ("IN", "NOT IN") else 4]))
        values = draw(st.lists(value | st.none(), min_size=1, max_size=size))
        return Test(path, operator, tuple(values))
    if operator in ("=", "!="):
        value = value | st.none()
    return Test(path, operator, (draw(value),))


def _logic(parts: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    several = st.lists(parts, min_size=2, max_size=3).map(tuple)
    return st.builds(Logic, st.sampled_from(["AND", "OR"]), several) | st.builds(
        Logic, st.just("NOT"), st.tuples(parts)
    )


CONDITIONS: st.SearchStrategy[Condition] = st.recursive(comparisons(), _logic, max_leaves=8)


@st.composite
def rows(draw: st.DrawFn) -> list[Row]:
    count = draw(st.sampled_from([8, 7, 6, 5, 3, 2, 1, 0]))
    return [
        {path: draw(strategy) for path, strategy in OWN.items()}
        | {
            "Id": make_id("a02", n + 1),
            "Name": f"n{n}",
            "IsDeleted": draw(st.sampled_from([False, False, False, True])),
        }
        for n in range(count)
    ]


OWN = {path: VALUES[kind] | st.none() for path, kind in KINDS.items() if "." not in path}
OWN["Double__c"] = st.sampled_from([-0.5, 0.0, 1.25, 2.0, None])
ITEMS = rows()
PARENTS = st.lists(
    st.fixed_dictionaries(
        {
            "Text__c": TEXTS | st.none(),
            "Flag__c": st.booleans(),
            "Int__c": VALUES["number"] | st.none(),
            "Above__c": st.sampled_from([*BOSSES, None]),
        }
    ),
    min_size=1,
    max_size=4,
)
SORTS = st.lists(
    st.tuples(
        st.sampled_from(sorted(path for path, kind in KINDS.items() if kind != "multi")), st.booleans(), st.booleans()
    ),
    max_size=3,
    unique_by=lambda sort: sort[0],
)


def fill(world: World, items: list[Row], parents: list[Row]) -> tuple[list[Row], dict[str, Row]]:
    """The items that aren't deleted, and the parents by id."""
    ids = world.fill("Boss__c", parents)
    world.fill("Item__c", items)
    live = [item for item in items if not item["IsDeleted"]]
    return live, dict(zip(ids, parents, strict=True))


@SETTINGS
@given(items=ITEMS, parents=PARENTS, conditions=st.lists(CONDITIONS, min_size=1, max_size=5))
def test_where_finds_the_rows_for_which_it_holds(
    world: World, items: list[Row], parents: list[Row], conditions: list[Condition]
) -> None:
    live, bosses = fill(world, items, parents)
    for condition in conditions:
        expected = {item["Name"] for item in live if naive.holds(condition, item, bosses)}
        assert world.names(naive.written(condition)) == expected


@SETTINGS
@given(
    items=ITEMS,
    parents=PARENTS,
    sorts=SORTS,
    limit=st.none() | st.integers(0, 5),
    offset=st.none() | st.integers(0, 5),
)
def test_order_limit_and_offset(
    world: World,
    items: list[Row],
    parents: list[Row],
    sorts: list[tuple[str, bool, bool]],
    limit: int | None,
    offset: int | None,
) -> None:
    live, bosses = fill(world, items, parents)
    keys = [f"{path} {'DESC' if down else 'ASC'} NULLS {'FIRST' if first else 'LAST'}" for path, down, first in sorts]
    soql = f"SELECT Name FROM Item__c ORDER BY {', '.join([*keys, 'Id'])}"
    soql += "" if limit is None else f" LIMIT {limit}"
    soql += "" if offset is None else f" OFFSET {offset}"
    expected = [item["Name"] for item in naive.in_order(live, sorts, bosses)]
    start = offset or 0
    assert world.column(soql) == expected[start : None if limit is None else start + limit]


GROUPABLE = [path for path, kind in KINDS.items() if kind not in ("multi", "moment", "clock") and path != "Double__c"]
AGGREGATES = [(kind, path) for kind in ("SUM", "AVG", "MIN", "MAX", "COUNT") for path in ("Int__c", "Double__c")]
AGGREGATES += [(kind, path) for kind in ("MIN", "MAX") for path in ("Text__c", "Pick__c", "Day__c", "Moment__c")]
AGGREGATES += [("COUNT_DISTINCT", path) for path in ("Text__c", "Pick__c", "Boss__c", "Int__c", "Boss__r.Text__c")]


def _alike(path: str, value: Any) -> Any:
    """A value of which the spelling doesn't matter, and a number of which the last bits don't."""
    if isinstance(value, str) and KINDS[path] in ("text", "pick", "exact"):
        return value.upper().lower()
    return round(value, 9) if isinstance(value, float) and math.isfinite(value) else value


@SETTINGS
@given(
    items=ITEMS,
    parents=PARENTS,
    condition=st.none() | CONDITIONS,
    keys=st.lists(st.sampled_from(sorted(GROUPABLE)), max_size=2, unique=True),
    wanted=st.lists(st.sampled_from(AGGREGATES), min_size=1, max_size=3),
    least=st.none() | st.integers(0, 3),
)
def test_groups_and_their_aggregates(
    world: World,
    items: list[Row],
    parents: list[Row],
    condition: Condition | None,
    keys: list[str],
    wanted: list[tuple[str, str]],
    least: int | None,
) -> None:
    live, bosses = fill(world, items, parents)
    where = "" if condition is None else f" WHERE {naive.written(condition)}"
    found = [item for item in live if condition is None or naive.holds(condition, item, bosses)]
    groups: dict[tuple[Any, ...], list[Row]] = {} if keys else {(): []}
    for item in found:
        groups.setdefault(tuple(naive.group_key(path, item, bosses) for path in keys), []).append(item)
    having = "" if least is None or not keys else f" HAVING COUNT(Id) > {least}"
    expected = [
        (*key, *(_alike(path, naive.aggregate(kind, path, group, bosses)) for kind, path in wanted))
        for key, group in groups.items()
        if not having or least is None or len(group) > least
    ]
    calls = [f"{kind}({path}) a{n}" for n, (kind, path) in enumerate(wanted)]
    named = [f"{path} k{n}" for n, path in enumerate(keys)]
    group_by = f" GROUP BY {', '.join(keys)}" if keys else ""
    rows_ = world.ask(f"SELECT {', '.join([*named, *calls])} FROM Item__c{where}{group_by}{having}")
    names = [*keys, *(path for _, path in wanted)]
    got = [tuple(_alike(path, value) for path, value in zip(names, row, strict=True)) for row in rows_]
    assert sorted(got, key=repr) == sorted(
        [tuple(_alike(path, value) for path, value in zip(names, row, strict=True)) for row in expected], key=repr
    )


@SETTINGS
@given(items=ITEMS, parents=PARENTS, condition=comparisons(), negated=st.booleans())
def test_semi_joins(world: World, items: list[Row], parents: list[Row], condition: Test, negated: bool) -> None:
    _, bosses = fill(world, items, parents)
    live = [item for item in items if not item["IsDeleted"]]
    named = {item["Boss__c"] for item in live if naive.holds(condition, item, bosses)} - {None}
    word = "NOT IN" if negated else "IN"
    soql = f"SELECT Id FROM Boss__c WHERE Id {word} (SELECT Boss__c FROM Item__c WHERE {naive.written(condition)})"
    assert set(world.column(soql)) == {key for key in bosses if (key in named) != negated}


# Whatever is sent, what comes is an answer or a refusal.

WORDS = """
    SELECT FROM WHERE AND OR NOT IN LIKE INCLUDES EXCLUDES GROUP BY HAVING ORDER ASC DESC NULLS FIRST LAST LIMIT OFFSET
    FOR VIEW USING SCOPE WITH TYPEOF WHEN THEN ELSE END COUNT ( ) , . = != < <= > >= 'x' '' 3 -1 .5 2026-01-31
    2026-01-31T00:00:00Z 12:00:00Z TODAY LAST_N_DAYS:3 null true Id Name Text__c Int__c Day__c Moment__c Multi__c
    Flag__c Boss__c Boss__r What__r Item__c Other__c Items__r FIELDS ALL STANDARD toLabel FORMAT SUM MAX DAY_ONLY
    convertTimezone ROLLUP GROUPING USD5 x
"""
NOISE = st.lists(st.sampled_from(WORDS.split()) | st.text(max_size=3), max_size=25).map(" ".join)
NEARLY = st.tuples(
    NOISE, st.sampled_from(["Id", "Name, Text__c", "COUNT(Id)", "COUNT()", "(SELECT Id FROM Items__r)"])
).map(lambda parts: f"SELECT {parts[1]} FROM Item__c WHERE {parts[0]}")


@settings(max_examples=8 * EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=NOISE | NEARLY | st.text(max_size=60))
def test_any_text_is_answered_or_refused(world: World, text: str) -> None:
    query = answered(world, text)
    if query is not None:
        with world.store.front() as db:
            db.execute(query.sql, query.parameters).fetchall()
            if query.form == "records":
                db.execute(query.keyed_sql, query.parameters).fetchall()


def answered(world: World, text: str) -> Query | None:
    """The query of a text, or None where it is refused as SOQL is refused."""
    try:
        return world.compile(text)
    except SoqlError:
        return None


@pytest.mark.parametrize("text", ["\x00", "SELECT Id FROM Item__c WHERE Text__c = '\x00'", "\ud800", "'" * 99_999])
def test_odd_characters(world: World, text: str) -> None:
    query = answered(world, text)
    if query is not None:
        with world.store.front() as db:
            assert db.execute(query.sql, query.parameters).fetchall() == []
