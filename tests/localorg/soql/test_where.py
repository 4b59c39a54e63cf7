"""Which rows a WHERE finds (SOQL notes, 2, 4)."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

import pytest

from .world import World

ITEM = "SELECT Id FROM Item__c WHERE "


def items(world: World, field: str, *values: Any) -> None:
    """Items named a, b, c ... with these values of a field."""
    world.fill("Item__c", [{"Name": "abcdefghij"[n], field: value} for n, value in enumerate(values)])


# 2.1: null.


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("Text__c = null", "c"),
        ("Text__c = ''", "c"),
        ("Text__c != null", "ab"),
        ("Text__c <> ''", "ab"),
        ("Text__c = 'X'", "a"),
        ("Text__c != 'x'", "bc"),
        ("Text__c < 'y'", "a"),
        ("Text__c >= 'Y'", "b"),
        ("Text__c IN ('x')", "a"),
        ("Text__c IN ('x', null)", "ac"),
        ("Text__c IN ('x', '')", "ac"),
        ("Text__c IN (null)", "c"),
        ("Text__c NOT IN ('x')", "bc"),
        ("Text__c NOT IN ('x', null)", "b"),
        ("Text__c NOT IN (null)", "ab"),
        ("Text__c LIKE '%'", "ab"),
        ("(NOT Text__c LIKE 'x%')", "bc"),
        ("(NOT Text__c = 'x')", "bc"),
        ("(NOT Text__c != 'x')", "a"),
        ("(NOT (Text__c = 'x' OR Text__c < 'a'))", "bc"),
        ("Text__c = 'x' OR Text__c = null", "ac"),
        ("Text__c = 'x' AND Text__c = null", ""),
    ],
)
def test_nulls_are_kept_by_what_says_not(world: World, where: str, found: str) -> None:
    items(world, "Text__c", "x", "y", None)
    assert world.names(where) == set(found)


@pytest.mark.parametrize("operator", ["<", "<=", ">", ">="])
@pytest.mark.parametrize("null", ["null", "''"])
def test_nothing_is_more_or_less_than_null(world: World, operator: str, null: str) -> None:
    assert world.error(f"{ITEM}Text__c {operator} {null}")[0] == "INVALID_QUERY_FILTER_OPERATOR"


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("Flag__c = true", "a"),
        ("Flag__c = false", "bc"),
        ("Flag__c = null", "bc"),
        ("Flag__c != null", "a"),
        ("Flag__c != true", "bc"),
        ("Flag__c IN (TRUE, null)", "abc"),
        ("Flag__c NOT IN (false)", "a"),
        ("Boss__r.Flag__c = false", "abc"),
        ("(NOT Boss__r.Flag__c = true)", "abc"),
    ],
)
def test_a_boolean_is_never_null(world: World, where: str, found: str) -> None:
    items(world, "Flag__c", True, False, None)
    assert world.names(where) == set(found)


def test_a_missing_parent_has_nulls_for_fields(world: World) -> None:
    (boss,) = world.fill("Boss__c", [{"Text__c": "x"}])
    items(world, "Boss__c", boss, None)
    assert world.names("Boss__r.Text__c = null") == {"b"}
    assert world.names("Boss__r.Text__c != 'x'") == {"b"}
    assert world.names("Boss__r.Text__c = 'X'") == {"a"}
    assert world.names("Boss__c = null") == {"b"}
    assert world.names("Boss__r.Above__r.Text__c = null") == {"a", "b"}


def test_a_deleted_parent_is_no_parent_but_for_query_all(world: World) -> None:
    (boss,) = world.fill("Boss__c", [{"Text__c": "x", "IsDeleted": True}])
    items(world, "Boss__c", boss)
    assert world.names("Boss__r.Text__c = 'x'") == set()
    assert world.names("Boss__r.Text__c = 'x'", all_rows=True) == {"a"}


# 2.2: types.


def test_text_is_compared_without_case_but_not_without_accents(world: World) -> None:
    items(world, "Text__c", "Éa", "éA", "ea")
    assert world.names("Text__c = 'ÉA'") == {"a", "b"}
    assert world.names("Text__c IN ('éa', 'EA')") == {"a", "b", "c"}


def test_a_unique_field_that_says_so_is_exact(world: World) -> None:
    items(world, "Code__c", "x", "X")
    assert world.names("Code__c = 'X'") == {"b"}
    assert world.names("Code__c IN ('x')") == {"a"}
    assert world.names("Code__c LIKE 'X'") == {"a", "b"}


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("a%", "ac"),
        ("A_c", "ac"),
        ("%c", "ac"),
        (r"a\%c", "c"),
        (r"a\_c", ""),
        ("a%c%", "ac"),
        ("abc", "a"),
        ("b", ""),
        ("x_y", "d"),
        (r"back\\slash", "e"),
        (r"%\\%", "e"),
        (r"%\u005c%", "e"),
        (r"back\u005Cslash", "e"),
        (r"%\u005c", ""),
        (r"a\u0025c", "ac"),
        (r"it\'s", "f"),
        (r"\u00e9", "g"),
        ("_", "bg"),
    ],
)
def test_like_takes_the_whole_value(world: World, pattern: str, found: str) -> None:
    items(world, "Text__c", "Abc", "%", "a%c", "x\ny", "back\\slash", "it's", "É")
    assert world.names(f"Text__c LIKE '{pattern}'") == set(found)


def test_like_needs_something_to_look_for(world: World) -> None:
    assert world.error(ITEM + "Text__c LIKE ''") == ("MALFORMED_QUERY", "invalid LIKE value: ")
    assert world.error(ITEM + "Text__c LIKE null")[0] == "MALFORMED_QUERY"
    assert world.error(ITEM + "Text__c LIKE 3")[0] == "INVALID_FIELD"


@pytest.mark.parametrize("field", ["Int__c", "Day__c", "Moment__c", "Flag__c", "Multi__c", "Id", "Boss__c", "Clock__c"])
def test_like_is_for_text_alone(world: World, field: str) -> None:
    code, text = world.error(f"{ITEM}{field} LIKE 'x'")
    assert code == "INVALID_QUERY_FILTER_OPERATOR"
    assert text == f"invalid operator on {'id' if field in ('Id', 'Boss__c') else text.split()[3]} field"


def test_a_picklist_is_its_value_and_like_its_label(world: World) -> None:
    items(world, "Pick__c", "alpha", "Zeta", "unheard", None)
    assert world.names("Pick__c = 'ALPHA'") == {"a"}
    assert world.names("Pick__c = 'Erste'") == set()
    assert world.names("Pick__c = 'unheard'") == {"c"}
    assert world.names("Pick__c LIKE 'er%'") == {"a"}
    assert world.names("Pick__c LIKE 'alpha'") == set()
    assert world.names("Pick__c LIKE 'unhe%'") == {"c"}
    assert world.names("toLabel(Pick__c) = 'erste'") == {"a"}
    assert world.names("toLabel(Pick__c) = 'zeta'") == {"b"}


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("Multi__c INCLUDES ('Red')", "ab"),
        ("Multi__c includes ('red;GREEN')", "b"),
        ("Multi__c INCLUDES ('Red;Green', 'Blue')", "bc"),
        ("Multi__c INCLUDES ('')", "d"),
        ("Multi__c INCLUDES ('Green', null)", "bd"),
        ("Multi__c INCLUDES ('Re')", ""),
        ("Multi__c EXCLUDES ('Red')", "cd"),
        ("Multi__c EXCLUDES ('Red', 'Blue')", "d"),
        ("Multi__c EXCLUDES ('Green')", "acd"),
        ("Multi__c = 'Green;Red'", "b"),
        ("Multi__c = 'red;green'", "b"),
        ("Multi__c = 'Red'", "a"),
        ("Multi__c != 'Red'", "bcd"),
        ("Multi__c IN ('Green;Red', 'Blue')", "bc"),
        ("Multi__c NOT IN ('Red')", "bcd"),
        ("Multi__c = null", "d"),
    ],
)
def test_a_multipicklist_is_a_set(world: World, where: str, found: str) -> None:
    items(world, "Multi__c", "Red", "Red;Green", "Blue", None)
    assert world.names(where) == set(found)


@pytest.mark.parametrize(
    "where", ["Multi__c < 'a'", "Text__c INCLUDES ('a')", "Flag__c > true", "Int__c EXCLUDES ('a')"]
)
def test_other_operators_are_refused(world: World, where: str) -> None:
    assert world.error(ITEM + where)[0] == "INVALID_QUERY_FILTER_OPERATOR"


def test_numbers(world: World) -> None:
    items(world, "Double__c", 1.5, -2.0, 0.0, None)
    assert world.names("Double__c > 1.4") == {"a"}
    assert world.names("Double__c <= 0") == {"b", "c"}
    assert world.names("Double__c = -2") == {"b"}
    assert world.names("Double__c IN (+1.5, .0)") == {"a", "c"}
    assert world.names("Double__c != 1.5") == {"b", "c", "d"}
    items(world, "Int__c", 7, 8)
    assert world.names("Int__c >= 7.5") == {"b"}
    assert world.names("Int__c < 99999999999999999999999999") == {"a", "b"}
    assert world.names("Int__c = 007") == {"a"}


def test_long_lists_are_the_same_as_short_ones(world: World) -> None:
    items(world, "Text__c", "N7", "x", None)
    many = ", ".join(f"'n{n}'" for n in range(500))
    assert world.names(f"Text__c IN ({many})") == {"a"}
    assert world.names(f"Text__c IN ({many}, null)") == {"a", "c"}
    assert world.names(f"Text__c NOT IN ({many})") == {"b", "c"}
    assert world.names(f"Text__c NOT IN ({many}, null)") == {"b"}
    assert world.names(f"(NOT Text__c IN ({many})) OR Text__c = 'n7'") == {"a", "b", "c"}
    items(world, "Int__c", 7, 1000, None)
    numbers = ", ".join([*map(str, range(500)), "1.5"])
    assert world.names(f"Int__c IN ({numbers})") == {"a"}
    items(world, "Code__c", "n7", "N7")
    assert world.names(f"Code__c IN ({many})") == {"a"}


def test_days_and_moments(world: World) -> None:
    items(world, "Day__c", date(2026, 1, 31), date(2026, 2, 1), None)
    assert world.names("Day__c = 2026-01-31") == {"a"}
    assert world.names("Day__c > 2026-01-31") == {"b"}
    items(world, "Moment__c", datetime(2026, 1, 1, 10), datetime(2026, 1, 1, 10, 0, 1), None)
    assert world.names("Moment__c = 2026-01-01T10:00:00Z") == {"a"}
    assert world.names("Moment__c = 2026-01-01T11:00:00+01:00") == {"a"}
    assert world.names("Moment__c = 2026-01-01T05:30:00-0430") == {"a"}
    assert world.names("Moment__c != 2026-01-01T10:00:00Z") == {"b", "c"}


def test_milliseconds_of_a_literal_are_ignored(world: World) -> None:
    items(world, "Moment__c", datetime(2026, 1, 1, 10, 0, 7))
    assert world.names("Moment__c >= 2026-01-01T10:00:07.900Z") == {"a"}
    assert world.names("Moment__c = 2026-01-01T10:00:07.900Z") == {"a"}


def test_times(world: World) -> None:
    items(world, "Clock__c", time(8), time(23, 30), None)
    assert world.names("Clock__c = 08:00:00.000Z") == {"a"}
    assert world.names("Clock__c > 08:00:00Z") == {"b"}
    assert world.names("Clock__c = 00:30:00+01:00") == {"b"}


def test_ids_of_15_and_18_characters(world: World) -> None:
    (boss,) = world.fill("Boss__c", [{}])
    items(world, "Boss__c", boss, None)
    assert world.names(f"Boss__c = '{boss}'") == {"a"}
    assert world.names(f"Boss__c = '{boss[:15]}'") == {"a"}
    assert world.names(f"Boss__c != '{boss[:15]}'") == {"b"}
    assert world.names(f"Boss__r.Id IN ('{boss}')") == {"a"}
    assert world.names("Boss__c = ''") == {"b"}
    first, second = world.column("SELECT Id FROM Item__c ORDER BY Id")
    assert world.column(f"SELECT Id FROM Item__c WHERE Id > '{first}'") == [second]
    code = "INVALID_QUERY_FILTER_OPERATOR"
    assert world.error(ITEM + "Id = 'abc'") == (code, "invalid ID field: abc")
    assert world.error(ITEM + "Boss__c IN ('x')") == (code, "invalid ID field: x")


@pytest.mark.parametrize(
    ("where", "kind", "quotes"),
    [
        ("Text__c = 3", "string", "should be"),
        ("Text__c = true", "string", "should be"),
        ("Text__c = 2026-01-01", "string", "should be"),
        ("Text__c = TODAY", "string", "should be"),
        ("Pick__c = 3", "string", "should be"),
        ("Int__c = '3'", "int", "should not be"),
        ("Int__c = TODAY", "int", "should not be"),
        ("Double__c = '3'", "double", "should not be"),
        ("Money__c IN (1, '3')", "double", "should not be"),
        ("Flag__c = 'true'", "boolean", "should not be"),
        ("Flag__c = 1", "boolean", "should not be"),
        ("Day__c = '2026-01-01'", "date", "should not be"),
        ("Day__c = 2026-01-01T00:00:00Z", "date", "should not be"),
        ("Moment__c = 2026-01-01", "dateTime", "should not be"),
        ("Moment__c = '2026-01-01T00:00:00Z'", "dateTime", "should not be"),
        ("Clock__c = 2026-01-01", "time", "should not be"),
        ("Boss__c = 3", "ID", "should be"),
    ],
)
def test_a_value_of_another_type_is_refused(world: World, where: str, kind: str, quotes: str) -> None:
    field = where.split()[0]
    text = f"value of filter criterion for field '{field}' must be of type {kind} and {quotes} enclosed in quotes"
    assert world.error(ITEM + where) == ("INVALID_FIELD", text)


@pytest.mark.parametrize(
    "value",
    ["2026-02-30", "0001-01-01", "1699-12-31", "4001-01-01", "2026-13-01"],
)
def test_days_out_of_range_are_refused(world: World, value: str) -> None:
    assert world.error(f"{ITEM}Day__c = {value}")[0] == "MALFORMED_QUERY"


@pytest.mark.parametrize(
    "value",
    [
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:61:00Z",
        "1700-01-01T00:00:00+01:00",
        "4000-12-31T00:00:01Z",
        "2026-01-01T00:00:00+99:99",
        "9999-12-31T23:59:59-12:00",
    ],
)
def test_moments_out_of_range_are_refused(world: World, value: str) -> None:
    assert world.error(f"{ITEM}Moment__c = {value}")[0] == "MALFORMED_QUERY"


def test_the_edges_of_the_range_are_in_it(world: World) -> None:
    world.compile(ITEM + "Moment__c >= 1700-01-01T00:00:00Z AND Moment__c <= 4000-12-31T00:00:00Z")
    world.compile(ITEM + "Day__c >= 1700-01-01 AND Day__c <= 4000-12-31")


# 1: strings.


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"\n\N\r\t\b\f", "\n\n\r\t\b\f"),
        (r"\"\'\\", "\"'\\"),
        (r"\u00e9\u20AC", "é€"),
        (r"\ud83d\ude00", "\U0001f600"),
        ("\U0001f600", "\U0001f600"),
        ("a\tb", "a\tb"),
    ],
)
def test_escapes_in_strings(world: World, written: str, meant: str) -> None:
    items(world, "Code__c", meant)
    assert world.names(f"Code__c = '{written}'") == {"a"}


@pytest.mark.parametrize("written", [r"\q", r"\%", r"\_", r"\u12", r"\ud83d", r"\x41"])
def test_other_escapes_are_refused(world: World, written: str) -> None:
    code, text = world.error(f"{ITEM}Text__c = '{written}'")
    assert code == "MALFORMED_QUERY"
    assert text.startswith("Illegal character sequence")


def test_a_string_has_4000_characters_at_most(world: World) -> None:
    """SOQL notes, 4."""
    world.compile(f"{ITEM}Text__c = '{'x' * 4000}'")
    assert world.error(f"{ITEM}Text__c = '{'x' * 4001}'")[0] == "MALFORMED_QUERY"


def test_what_is_quoted_stays_a_value(world: World) -> None:
    items(world, "Text__c", "x' OR 1=1 --", "?", "$1")
    assert world.names(r"Text__c = 'x\' OR 1=1 --'") == {"a"}
    assert world.names("Text__c = '?'") == {"b"}
    assert world.names("Text__c IN ('$1', '?')") == {"b", "c"}


# 3 and 4: what may be filtered, rows of other objects.


@pytest.mark.parametrize("field", ["Long__c", "Secret__c", "Where__c"])
def test_some_fields_can_not_be_filtered(world: World, field: str) -> None:
    text = f"field '{field}' can not be filtered in a query call"
    assert world.error(f"{ITEM}{field} = null") == ("INVALID_FIELD", text)


def test_semi_and_anti_joins(world: World) -> None:
    big, small, _ = world.fill("Boss__c", [{"Int__c": 9}, {"Int__c": 1}, {"Int__c": 5}])
    items(world, "Boss__c", big, small, None)
    assert world.names("Boss__c IN (SELECT Id FROM Boss__c WHERE Int__c > 5)") == {"a"}
    assert world.names("Boss__c NOT IN (SELECT Id FROM Boss__c WHERE Int__c > 5)") == {"b", "c"}
    of_items = "SELECT Int__c FROM Boss__c WHERE Id {} (SELECT Boss__c FROM Item__c{})"
    assert sorted(world.column(of_items.format("IN", ""))) == [1, 9]
    assert world.column(of_items.format("NOT IN", "")) == [5]
    assert world.column(of_items.format("IN", " WHERE Boss__r.Int__c = 1")) == [1]
    some = "SELECT Id FROM Boss__c WHERE Int__c >"
    assert world.names(f"Boss__c IN ({some} 0) AND Boss__c NOT IN ({some} 5)") == {"b"}


def test_a_deleted_row_joins_nothing(world: World) -> None:
    (boss,) = world.fill("Boss__c", [{"IsDeleted": True}])
    items(world, "Boss__c", boss)
    assert world.names("Boss__c IN (SELECT Id FROM Boss__c)") == set()
    assert world.names("Boss__c IN (SELECT Id FROM Boss__c)", all_rows=True) == {"a"}


_BOSSES = "(SELECT Id FROM Boss__c)"


@pytest.mark.parametrize(
    ("where", "text"),
    [
        (f"Boss__c IN {_BOSSES} OR Text__c = 'x'", "Semi join sub-selects are not allowed with the 'OR' operator"),
        (f"(NOT Boss__c IN {_BOSSES})", "Semi join sub-selects are not allowed with the 'NOT' operator"),
        (
            f"Boss__c IN {_BOSSES} AND Boss__c IN {_BOSSES} AND Boss__c IN {_BOSSES}",
            "Maximum 2 semi join sub-selects are allowed.",
        ),
        (
            f"Boss__c IN (SELECT Id FROM Boss__c WHERE Above__c IN {_BOSSES})",
            "Nesting of semi join sub-selects is not supported",
        ),
        (
            "Boss__c IN (SELECT Id FROM Other__c)",
            "The selected field 'Id' in the subquery and the left operand field in the where expression in the outer"
            " query 'Boss__c' should point to the same object type",
        ),
        ("Id IN (SELECT Id FROM Item__c)", "The inner and outer selects should not be on the same object type"),
        (f"Boss__c IN {_BOSSES[:-1]} LIMIT 1)", "unexpected token: '1'"),
        (f"Boss__c IN {_BOSSES[:-1]} ORDER BY Name)", "unexpected token: 'Name'"),
        ("Boss__c IN (SELECT Id, Name FROM Boss__c)", "A semi join sub-select selects exactly one field"),
    ],
)
def test_limits_of_semi_joins(world: World, where: str, text: str) -> None:
    assert world.error(ITEM + where) == ("MALFORMED_QUERY", text)


@pytest.mark.parametrize(
    "where",
    [
        f"Text__c IN {_BOSSES}",
        f"Boss__r.Above__c IN {_BOSSES}",
        "Boss__c IN (SELECT Name FROM Boss__c)",
        "Boss__c IN (SELECT Above__r.Id FROM Boss__c)",
    ],
)
def test_both_sides_of_a_semi_join_are_references_of_their_own(world: World, where: str) -> None:
    assert world.error(ITEM + where)[0] in ("MALFORMED_QUERY", "INVALID_QUERY_FILTER_OPERATOR")


# 2.2, 6: what is polymorphic, and functions.


def test_polymorphic_parents_have_a_type_and_the_fields_of_name(world: World) -> None:
    (boss,) = world.fill("Boss__c", [{"Name": "B"}])
    (other,) = world.fill("Other__c", [{"Name": "O"}])
    items(world, "What__c", boss, other, None)
    assert world.names("What__r.Type = 'boss__c'") == {"a"}
    assert world.names("What__r.Type IN ('Boss__c', 'Other__c')") == {"a", "b"}
    assert world.names("What__r.Type != 'Boss__c'") == {"b", "c"}
    assert world.names("What__r.Type LIKE 'o%'") == {"b"}
    assert world.names("What__r.Name = 'o'") == {"b"}
    code, text = world.error(ITEM + "What__r.Int__c = 1")
    assert code == "INVALID_FIELD"
    assert text.startswith("No such column 'Int__c' on entity 'Name'.")


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("CALENDAR_YEAR", 2026),
        ("CALENDAR_QUARTER", 4),
        ("CALENDAR_MONTH", 12),
        ("DAY_IN_MONTH", 31),
        ("DAY_IN_WEEK", 5),
        ("DAY_IN_YEAR", 365),
        ("HOUR_IN_DAY", 23),
        ("WEEK_IN_MONTH", 5),
        ("WEEK_IN_YEAR", 53),
        ("FISCAL_YEAR", 2026),
        ("FISCAL_QUARTER", 4),
        ("FISCAL_MONTH", 12),
    ],
)
def test_functions_of_dates(world: World, function: str, expected: int) -> None:
    items(world, "Moment__c", datetime(2026, 12, 31, 23, 30), None)
    assert world.names(f"{function}(Moment__c) = {expected}") == {"a"}
    if function != "HOUR_IN_DAY":
        items(world, "Day__c", date(2026, 12, 31), None)
        assert world.names(f"{function.lower()}(Day__c) = {expected}") == {"a"}


def test_functions_go_by_the_users_clock_when_asked(world: World) -> None:
    items(world, "Moment__c", datetime(2026, 12, 31, 23, 30))
    zone = {"time_zone": "Europe/Berlin"}
    assert world.names("DAY_ONLY(Moment__c) = 2026-12-31", **zone) == {"a"}
    assert world.names("DAY_ONLY(convertTimezone(Moment__c)) = 2027-01-01", **zone) == {"a"}
    assert world.names("HOUR_IN_DAY(convertTimezone(Moment__c)) = 0", **zone) == {"a"}
    assert world.names("HOUR_IN_DAY(convertTimezone(Moment__c)) = 23") == {"a"}


def test_a_fiscal_year_is_named_by_its_end(world: World) -> None:
    items(world, "Day__c", date(2026, 1, 31), date(2026, 2, 1))
    assert world.names("FISCAL_YEAR(Day__c) = 2027", fiscal_year_start_month=2) == {"b"}
    assert world.names("FISCAL_QUARTER(Day__c) = 4", fiscal_year_start_month=2) == {"a"}
    assert world.names("FISCAL_MONTH(Day__c) = 1", fiscal_year_start_month=2) == {"b"}


@pytest.mark.parametrize(
    ("where", "code"),
    [
        ("CALENDAR_YEAR(Moment__c) = TODAY", "MALFORMED_QUERY"),
        ("DAY_ONLY(Moment__c) = TODAY", "MALFORMED_QUERY"),
        ("DAY_ONLY(Day__c) = 2026-01-01", "INVALID_FIELD"),
        ("HOUR_IN_DAY(Day__c) = 1", "INVALID_FIELD"),
        ("CALENDAR_YEAR(Text__c) = 1", "INVALID_FIELD"),
        ("CALENDAR_YEAR() = 1", "MALFORMED_QUERY"),
        ("CALENDAR_YEAR(Day__c, Day__c) = 1", "MALFORMED_QUERY"),
        ("CALENDAR_YEAR(DAY_ONLY(Moment__c)) = 1", "MALFORMED_QUERY"),
        ("NO_FUNCTION(Day__c) = 1", "INVALID_FIELD"),
        ("COUNT(Id) = 1", "MALFORMED_QUERY"),
        ("DISTANCE(Where__c) < 1", "NOT_IMPLEMENTED"),
    ],
)
def test_functions_that_do_not_fit(world: World, where: str, code: str) -> None:
    assert world.error(ITEM + where)[0] == code


def test_deleted_rows_are_left_out_unless_all_are_asked_for(world: World) -> None:
    world.fill("Item__c", [{"Name": "a"}, {"Name": "b", "IsDeleted": True}, {"Name": "c", "IsDeleted": None}])
    assert world.names("Id != null") == {"a", "c"}
    assert world.names("Id != null", all_rows=True) == {"a", "b", "c"}
    assert world.names("IsDeleted = true") == set()
    assert world.names("IsDeleted = true", all_rows=True) == {"b"}


def test_long_conditions_are_taken_up_to_a_bound(world: World) -> None:
    items(world, "Int__c", 7, 8, None)
    assert world.names(" AND ".join(f"Int__c != {n}" for n in range(8))) == {"b", "c"}
    assert world.names(" AND ".join(f"Int__c != {n}" for n in range(200) if n != 8)) == {"b", "c"}
    assert world.names(f"(NOT ({' AND '.join(f'Int__c != {n}' for n in range(200))}))") == {"a", "b"}
    assert world.names(" OR ".join(f"Int__c = {n}" for n in range(1_000))) == {"a", "b"}
    code, _ = world.error(ITEM + " OR ".join(["Int__c = 1"] * 5_001))
    assert code == "QUERY_TOO_COMPLICATED"
