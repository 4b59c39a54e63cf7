"""What is selected, sorted and cut off (SOQL notes, 5, 7)."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

import pytest

from sfframe.localorg.soql import SoqlError

from .world import World


def items(world: World, field: str, *values: Any) -> None:
    world.fill("Item__c", [{"Name": "abcdefghij"[n], field: value} for n, value in enumerate(values)])


def order(world: World, by: str) -> str:
    return "".join(world.column(f"SELECT Name FROM Item__c ORDER BY {by}"))


def paths(world: World, soql: str) -> list[str]:
    return [".".join(output.path) for output in world.compile(soql).outputs]


def test_a_plain_statement_is_a_plain_scan(world: World) -> None:
    query = world.compile("SELECT id, name FROM item__C")
    assert (
        query.sql == 'SELECT r0."Id" AS o0, r0."Name" AS o1 FROM _records."Item__c" r0 WHERE r0.IsDeleted IS NOT TRUE'
    )
    assert [(output.path, output.type) for output in query.outputs] == [(("Id",), "id"), (("Name",), "string")]


def test_names_are_the_schemas_in_the_order_of_select(world: World) -> None:
    soql = "SELECT boss__R.above__r.TEXT__c, item__c.name, ID, Boss__r.Text__c FROM Item__c"
    assert paths(world, soql) == ["Boss__r.Above__r.Text__c", "Name", "Id", "Boss__r.Text__c"]


def test_parents_are_joined_once_each(world: World) -> None:
    query = world.compile("SELECT Boss__r.Above__r.Name, Boss__r.Name, boss__r.ABOVE__r.Text__c FROM Item__c")
    assert query.sql.count("LEFT JOIN") == 2
    assert [level.path for level in query.levels] == [(), ("Boss__r",), ("Boss__r", "Above__r")]


def test_five_levels_of_parents_are_the_most(world: World) -> None:
    up = "Boss__r" + ".Above__r" * 4
    assert paths(world, f"SELECT {up}.Name FROM Item__c") == [f"{up}.Name"]
    assert world.error(f"SELECT {up}.Above__r.Name FROM Item__c")[0] == "MALFORMED_QUERY"


@pytest.mark.parametrize("word", ["ASC", "desc", "EXCLUDES", "First", "HAVING", "INCLUDES", "LAST", "NULLS"])
@pytest.mark.parametrize(
    "soql",
    [
        "SELECT Id FROM Item__c {}",
        "SELECT Id FROM Item__c i, i.Boss__r {}",
        "SELECT Id, (SELECT Id FROM Items__r {}) FROM Boss__c",
        "SELECT Id FROM Boss__c WHERE Id IN (SELECT Boss__c FROM Item__c {})",
        "SELECT COUNT(Id) {} FROM Item__c",
    ],
)
def test_reserved_words_are_no_aliases(world: World, soql: str, word: str) -> None:
    """1; so HAVING without GROUP BY is one word too many (6)."""
    assert world.error(soql.format(word)) == ("MALFORMED_QUERY", f"unexpected token: '{word}'")


def test_aliases_of_from(world: World) -> None:
    (boss,) = world.fill("Boss__c", [{"Name": "B", "Text__c": "x"}])
    items(world, "Boss__c", boss, None)
    soql = "SELECT i.Name, b.Name FROM Item__c i, i.Boss__r b, b.Above__r c WHERE b.Text__c = 'x' AND c.Name = null"
    assert world.ask(soql) == [("a", "B")]
    assert paths(world, soql) == ["Name", "Boss__r.Name"]


@pytest.mark.parametrize(
    ("soql", "code", "text"),
    [
        ("SELECT Foo__c FROM Item__c", "INVALID_FIELD", "No such column 'Foo__c' on entity 'Item__c'."),
        ("SELECT Boss__r.Foo FROM Item__c", "INVALID_FIELD", "No such column 'Foo' on entity 'Boss__c'."),
        (
            "SELECT Boss__c.Name FROM Item__c",
            "INVALID_FIELD",
            "Didn't understand relationship 'Boss__c' in field path.",
        ),
        ("SELECT Id FROM Foo__c", "INVALID_TYPE", "sObject type 'Foo__c' is not supported."),
        ("SELECT Id FROM A.B", "INVALID_TYPE", "sObject type 'A.B' is not supported."),
        ("SELECT Id, iD FROM Item__c", "INVALID_FIELD", "duplicate field selected: Id"),
        ("SELECT Name, FIELDS(STANDARD) FROM Item__c", "INVALID_FIELD", "duplicate field selected: Name"),
        ("SELECT Name n FROM Item__c", "MALFORMED_QUERY", "only aggregate expressions use field aliasing"),
        ("SELECT DISTINCT Name FROM Item__c", "MALFORMED_QUERY", "only aggregate expressions use field aliasing"),
        ("SELECT toLabel(Pick__c) limit FROM Item__c", "MALFORMED_QUERY", "unexpected token: 'limit'"),
        ("SELECT toLabel(Pick__c) asc FROM Item__c", "MALFORMED_QUERY", "unexpected token: 'asc'"),
        ("SELECT toLabel(Pick__c), Pick__c FROM Item__c", "INVALID_FIELD", "duplicate field selected: Pick__c"),
        ("SELECT DAY_ONLY(Moment__c) FROM Item__c", "MALFORMED_QUERY", "Field must be grouped or aggregated"),
        ("SELECT Id FROM Item__c USING SCOPE mine", "NOT_IMPLEMENTED", "localorg does not speak USING SCOPE mine"),
        ("SELECT Id FROM Item__c WITH USER_MODE", "MALFORMED_QUERY", "unexpected token: 'USER_MODE'"),
        ("SELECT Id FROM Item__c FOR UPDATE", "MALFORMED_QUERY", "unexpected token: 'UPDATE'"),
        ("SELECT Id FROM Item__c ALL ROWS", "MALFORMED_QUERY", "unexpected token: 'ROWS'"),
    ],
)
def test_what_can_not_be_selected(world: World, soql: str, code: str, text: str) -> None:
    found, message = world.error(soql)
    assert (found, message[: len(text)]) == (code, text)


@pytest.mark.parametrize(
    ("soql", "column"),
    [
        ("SELECT Id, Boss__r.Foo FROM Item__c", 12),
        ("SELECT Id, Boss__r.Nobody__r.Foo FROM Item__c", 12),
        ("SELECT Id FROM Item__c WHERE Boss__r.Int__c = '3'", 30),
        ("SELECT Id FROM Item__c\nORDER BY Boss__r.Foo", 10),
    ],
)
def test_a_wrong_path_is_shown_where_it_begins(world: World, soql: str, column: int) -> None:
    """SOQL notes, 9."""
    with pytest.raises(SoqlError) as caught:
        world.compile(soql)
    line = caught.value.message.split("\n")[3]
    assert line == f"ERROR at Row:{1 + soql.count(chr(10))}:Column:{column}"


def test_fields_of_a_kind(world: World) -> None:
    standard = paths(world, "SELECT FIELDS(STANDARD) FROM Item__c")
    custom = paths(world, "SELECT FIELDS(custom) FROM Item__c LIMIT 200")
    every = paths(world, "SELECT FIELDS(ALL) FROM Item__c WHERE Id IN ('a02000000000001', 'a02000000000002')")
    assert {"Id", "Name", "CreatedDate", "OwnerId"} <= set(standard)
    assert "Text__c" in custom
    assert sorted([*standard, *custom]) == sorted(every)
    assert paths(world, "SELECT FIELDS(CUSTOM), Id FROM Item__c LIMIT 1") == [*custom, "Id"]


@pytest.mark.parametrize("tail", ["", " LIMIT 201", " WHERE Text__c IN ('a')", " WHERE Id = null OR Id != null"])
def test_all_fields_are_for_few_rows(world: World, tail: str) -> None:
    text = "The SOQL FIELDS function must have a LIMIT of at most 200"
    assert world.error(f"SELECT FIELDS(ALL) FROM Item__c{tail}") == ("MALFORMED_QUERY", text)


def test_no_fields_at_all_are_refused(world: World) -> None:
    text = "'FIELDS(CUSTOM)' expansion function must result in at least one field being selected."
    assert world.error("SELECT FIELDS(CUSTOM) FROM User LIMIT 1") == ("MALFORMED_QUERY", text)
    assert world.error("SELECT FIELDS(SOME) FROM User LIMIT 1")[0] == "MALFORMED_QUERY"


def test_labels_formats_and_currencies(world: World) -> None:
    row = {
        "Pick__c": "alpha",
        "Money__c": -1234.5,
        "Double__c": 1234.5,
        "Int__c": 1234567,
        "Day__c": date(2026, 1, 31),
        "Moment__c": datetime(2026, 1, 31, 15, 4),
        "Clock__c": time(15, 4),
    }
    world.fill("Item__c", [row])
    texts = "FORMAT(Money__c) m, FORMAT(Double__c), FORMAT(Int__c), FORMAT(Day__c), FORMAT(Moment__c), FORMAT(Clock__c)"
    money = "convertCurrency(Money__c), FORMAT(convertCurrency(Money__c)) c"
    soql = f"SELECT toLabel(Pick__c), {texts}, {money} FROM Item__c"
    (found,) = world.ask(soql)
    assert found[:4] == ("Erste", "-$1,234.50", "1,234.50", "1,234,567")
    assert found[4:] == ("1/31/2026", "1/31/2026, 3:04 PM", "3:04 PM", -1234.5, "-$1,234.50")
    assert paths(world, soql)[:3] == ["Pick__c", "m", "Double__c"]


def test_an_address_is_put_together_and_not_for_bulk(world: World) -> None:
    world.fill("Item__c", [{"Where__City__s": "Paris"}, {}])
    query = world.compile("SELECT Where__c FROM Item__c ORDER BY Where__City__s NULLS LAST")
    assert query.outputs[0].type == "address"
    first, second = world.column("SELECT Where__c FROM Item__c ORDER BY Where__City__s NULLS LAST")
    assert first["city"] == "Paris"
    assert second is None
    assert query.bulk_refusal is not None
    assert "FUNCTIONALITY_NOT_ENABLED: Selecting compound data not supported in Bulk Query" in query.bulk_refusal[1]


# 6.2 of the wire notes.


@pytest.mark.parametrize(
    "soql",
    [
        "SELECT COUNT() FROM Item__c",
        "SELECT COUNT(Id) FROM Item__c",
        "SELECT Name FROM Item__c GROUP BY Name",
        "SELECT Name FROM Item__c OFFSET 1",
        "SELECT FIELDS(STANDARD) FROM Item__c",
        "SELECT TYPEOF What__r WHEN Boss__c THEN Name END FROM Item__c",
    ],
)
def test_what_bulk_refuses(world: World, soql: str) -> None:
    refusal = world.compile(soql).bulk_refusal
    assert refusal is not None
    assert refusal[0] == "API_ERROR"


def test_bulk_refuses_children_in_data_loaders_words(world: World) -> None:
    refusal = world.compile("SELECT Id, (SELECT Id FROM Items__r) FROM Boss__c").bulk_refusal
    assert refusal == ("API_ERROR", "Aggregate Relationships not supported in Bulk Query")


def test_bulk_takes_the_rest(world: World) -> None:
    assert (
        world.compile("SELECT Id, Boss__r.Name FROM Item__c WHERE Int__c > 1 ORDER BY Id LIMIT 5").bulk_refusal is None
    )


# 5: ORDER BY, LIMIT, OFFSET.


def test_nulls_come_first_in_both_directions_unless_said_otherwise(world: World) -> None:
    items(world, "Int__c", 2, None, 1)
    assert order(world, "Int__c") == "bca"
    assert order(world, "Int__c DESC") == "bac"
    assert order(world, "Int__c NULLS LAST") == "cab"
    assert order(world, "Int__c DESC NULLS LAST") == "acb"
    assert order(world, "Int__c ASC NULLS FIRST") == "bca"


def test_text_goes_by_its_upper_case(world: World) -> None:
    items(world, "Text__c", "b", "A", "_", "a\u00e9", "aZ", None)
    assert order(world, "Text__c") == "fbedac"


def test_a_picklist_goes_by_its_definition_with_unknown_values_last(world: World) -> None:
    items(world, "Pick__c", "Mid", "alpha", "Zeta", "unheard", "Another", None)
    assert order(world, "Pick__c") == "fcbaed"
    assert order(world, "Pick__c DESC NULLS LAST") == "deabcf"


def test_booleans_have_no_nulls(world: World) -> None:
    items(world, "Flag__c", True, None, False)
    assert order(world, "Flag__c, Name") == "bca"


def test_on_a_lookup_nulls_is_ignored(world: World) -> None:
    boss, other = world.fill("Boss__c", [{}, {}])
    items(world, "Boss__c", other, None, boss)
    assert order(world, "Boss__c NULLS LAST") == "bca"


def test_rows_without_the_parent_are_kept(world: World) -> None:
    boss, other = world.fill("Boss__c", [{"Text__c": "x"}, {"Text__c": "a"}])
    items(world, "Boss__c", boss, None, other)
    assert order(world, "Boss__r.Text__c") == "bca"


@pytest.mark.parametrize("field", ["Multi__c", "Long__c", "Secret__c", "Where__c"])
def test_some_fields_can_not_be_sorted_by(world: World, field: str) -> None:
    text = f"field '{field}' can not be sorted in a query call"
    assert world.error(f"SELECT Id FROM Item__c ORDER BY {field}") == ("INVALID_FIELD", text)


@pytest.mark.parametrize("function", ["toLabel(Pick__c)", "convertCurrency(Money__c)", "FORMAT(Int__c)"])
def test_functions_are_nothing_to_sort_by(world: World, function: str) -> None:
    assert world.error(f"SELECT Id FROM Item__c ORDER BY {function}")[0] in ("MALFORMED_QUERY", "INVALID_FIELD")


def test_limit_and_offset(world: World) -> None:
    items(world, "Int__c", 0, 1, 2, 3)
    assert order(world, "Int__c LIMIT 2") == "ab"
    assert order(world, "Int__c LIMIT 2 OFFSET 1") == "bc"
    assert order(world, "Int__c OFFSET 3") == "d"
    assert order(world, "Int__c LIMIT 0") == ""
    assert order(world, "Int__c LIMIT 99999999999999999999999999") == "abcd"
    world.compile("SELECT Id FROM Item__c OFFSET 2000")
    text = "Maximum SOQL offset allowed for apiName Item__c is 2000"
    assert world.error("SELECT Id FROM Item__c OFFSET 2001") == ("NUMBER_OUTSIDE_VALID_RANGE", text)


@pytest.mark.parametrize("number", ["-1", "1.5", "+1", ".5"])
def test_limits_are_whole_numbers(world: World, number: str) -> None:
    assert world.error(f"SELECT Id FROM Item__c LIMIT {number}")[0] == "MALFORMED_QUERY"
    assert world.error(f"SELECT Id FROM Item__c OFFSET {number}")[0] == "MALFORMED_QUERY"


# 7, 4: children.


@pytest.mark.parametrize(
    ("soql", "code", "text"),
    [
        (
            "SELECT Id, (SELECT Id FROM Foos__r) FROM Boss__c",
            "INVALID_FIELD",
            "Didn't understand relationship 'Foos__r' in FROM part of query call.",
        ),
        (
            "SELECT Id, (SELECT Foo FROM Items__r) FROM Boss__c",
            "INVALID_FIELD",
            "No such column 'Foo' on entity 'Item__c'.",
        ),
        ("SELECT Id, (SELECT COUNT() FROM Items__r) FROM Boss__c", "MALFORMED_QUERY", "Aggregates are not allowed"),
        ("SELECT (SELECT Id FROM Items__r), (SELECT Id FROM items__R) FROM Boss__c", "INVALID_FIELD", "duplicate"),
        (
            f"SELECT {', '.join(['(SELECT Id FROM Items__r)'] * 21)} FROM Boss__c",
            "INVALID_FIELD",
            "duplicate relationship selected",
        ),
        ("SELECT COUNT(Id), (SELECT Id FROM Items__r) FROM Boss__c", "MALFORMED_QUERY", "Subqueries and TYPEOF"),
    ],
)
def test_subqueries_that_are_refused(world: World, soql: str, code: str, text: str) -> None:
    found, message = world.error(soql)
    assert (found, message[: len(text)]) == (code, text)


def test_five_levels_of_children_are_the_most(world: World) -> None:
    def nested(levels: int) -> str:
        inner = "SELECT Id FROM Boss__c"
        for _ in range(levels - 1):
            inner = f"SELECT Id, ({inner.replace('FROM Boss__c', 'FROM Bosss__r')}) FROM Boss__c"
        return inner

    name = next(
        told["relationshipName"]
        for told in world.compile("SELECT Id FROM Boss__c").sobject.answer["childRelationships"]
        if told["childSObject"] == "Boss__c"
    )
    world.compile(nested(5).replace("Bosss__r", name))
    assert world.error(nested(6).replace("Bosss__r", name))[0] == "MALFORMED_QUERY"
