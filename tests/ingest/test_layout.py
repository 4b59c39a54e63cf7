"""Columns and fields: all that doesn't fit is told at once, by column, with a remedy."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

import sfframe
from sfframe import Operation, Org, bulk

GOOD_ID = "003000000000001"


def told(
    data: dict[str, list[Any]], operation: Operation, org: Org, sobject: str = "Contact", **options: Any
) -> list[tuple[str | None, str]]:
    """The problems of a call, as `(column, code)`."""
    key = options.pop("key", None)
    problems = bulk(pl.DataFrame(data)).check(sobject, operation, key, org=org, **options)
    return [(column, code) for column, code in problems.select("column", "code").rows()]


NAME = {"LastName": ["a"]}
CASES: list[tuple[str, dict[str, list[Any]], str, dict[str, Any], list[tuple[str | None, str]]]] = [
    ("an Id on insert", {**NAME, "Id": [GOOD_ID]}, "insert", {}, [("Id", "ID_NOT_TAKEN")]),
    (
        "an Id on upsert by another key",
        {**NAME, "ExternalId__c": ["k"], "id": [GOOD_ID]},
        "upsert",
        {"key": "ExternalId__c"},
        [("id", "ID_NOT_TAKEN")],
    ),
    ("an Id on upsert by Id", {**NAME, "Id": [GOOD_ID]}, "upsert", {"key": "Id"}, []),
    ("a compound field", {**NAME, "MailingAddress": ["x"]}, "insert", {}, [("MailingAddress", "COMPOUND")]),
    (
        "a read-only field",
        {**NAME, "CreatedDate": ["2026-01-01T00:00:00Z"]},
        "insert",
        {},
        [("CreatedDate", "NOT_WRITABLE")],
    ),
    ("a required field left out", {"FirstName": ["a"]}, "insert", {}, [(None, "REQUIRED_MISSING")]),
    ("a required field left out of an update", {"Id": [GOOD_ID], "Title": ["a"]}, "update", {}, []),
    ("no Id on update", {"Title": ["a"]}, "update", {}, [(None, "KEY_MISSING")]),
    ("no Id on delete", {"Title": ["a"]}, "delete", {}, [(None, "KEY_MISSING")]),
    ("no key on upsert", NAME, "upsert", {"key": "ExternalId__c"}, [(None, "KEY_MISSING")]),
    ("a key that isn't there", NAME, "upsert", {"key": "ExternalID__c"}, [(None, "KEY_MISSING")]),
    ("a key that the object hasn't", NAME, "upsert", {"key": "Externl__c"}, [(None, "UNKNOWN_KEY")]),
    ("a key that is none", NAME, "upsert", {"key": "LastName"}, [(None, "NO_KEY")]),
    ("a key in another case", {**NAME, "externalid__C": ["k"]}, "upsert", {"key": "EXTERNALID__c"}, []),
    ("a mapped key", {**NAME, "k": ["k"]}, "upsert", {"key": "ExternalId__c", "columns": {"k": "ExternalId__c"}}, []),
    (
        "a row without a key",
        {**NAME, "ExternalId__c": [" "]},
        "upsert",
        {"key": "ExternalId__c"},
        [("ExternalId__c", "MISSING_KEY")],
    ),
    (
        "a key that clears",
        {**NAME, "ExternalId__c": ["#N/A"]},
        "upsert",
        {"key": "ExternalId__c"},
        [("ExternalId__c", "MISSING_KEY")],
    ),
    ("two columns for one field", {**NAME, "LASTNAME": ["b"]}, "insert", {}, [("LASTNAME", "SAME_FIELD")]),
    (
        "two columns mapped to one field",
        {**NAME, "x": ["b"]},
        "insert",
        {"columns": {"x": "LastName"}},
        [("x", "SAME_FIELD")],
    ),
    (
        "a mapped column that isn't there",
        NAME,
        "insert",
        {"columns": {"Lastname": "LastName"}},
        [("Lastname", "NO_COLUMN")],
    ),
    ("a listed column that isn't there", NAME, "insert", {"columns": ["LastName", "Titel"]}, [("Titel", "NO_COLUMN")]),
    ("a group that isn't there", NAME, "insert", {"group_by": "region"}, [("region", "NO_COLUMN")]),
    ("nulls of a column that isn't there", NAME, "insert", {"nulls": {"Titel": "clear"}}, [("Titel", "NO_COLUMN")]),
    ("a name kept for results", {**NAME, "sf__Mine": ["x"]}, "insert", {}, [("sf__Mine", "RESERVED")]),
    (
        "columns of results",
        {**NAME, "sf__Id": ["x"], "sf__Error": ["y"], "sf__Created": [True], "sf__Outcome": ["z"]},
        "insert",
        {},
        [],
    ),
    (
        "a null that would clear a required field",
        {**NAME, "ExternalId__c": ["k"], "Title": [None]},
        "upsert",
        {"key": "ExternalId__c", "nulls": "clear"},
        [],
    ),
    (
        "a relationship that the object hasn't",
        {**NAME, "Acount.ExternalId__c": ["k"]},
        "insert",
        {},
        [("Acount.ExternalId__c", "UNKNOWN_RELATIONSHIP")],
    ),
    (
        "a parent's field that is no key",
        {**NAME, "Account.Industry": ["k"]},
        "insert",
        {},
        [("Account.Industry", "NO_EXTERNAL_ID")],
    ),
    (
        "a parent of another type",
        {**NAME, "Lead:Account.ExternalId__c": ["k"]},
        "insert",
        {},
        [("Lead:Account.ExternalId__c", "UNKNOWN_PARENT")],
    ),
]


@pytest.mark.parametrize(
    ("data", "operation", "options", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_what_doesnt_fit_is_told_and_nothing_else(
    data: dict[str, list[Any]],
    operation: Operation,
    options: dict[str, Any],
    expected: list[tuple[str | None, str]],
    started_org: Org,
) -> None:
    assert told(data, operation, started_org, **options) == expected


def test_a_field_that_can_be_set_but_not_changed_is_taken_on_insert_alone(started_org: Org) -> None:
    data: dict[str, list[Any]] = {"Create_Only__c": ["x"]}
    assert told(data, "insert", started_org, "Everything__c") == []
    assert told({**data, "Id": [GOOD_ID]}, "update", started_org, "Everything__c") == [
        ("Create_Only__c", "NOT_WRITABLE")
    ]


def test_a_null_that_would_clear_a_required_field_is_told(started_org: Org) -> None:
    data: dict[str, list[Any]] = {"ExternalId__c": ["k", "l"], "LastName": ["a", None]}
    assert told(data, "upsert", started_org, key="ExternalId__c", nulls="clear") == [("LastName", "NOT_NILLABLE")]
    assert told(data, "upsert", started_org, key="ExternalId__c") == []


def test_too_many_columns_and_too_long_a_header_are_told() -> None:
    wide = pl.DataFrame({f"Field_{i}__c": ["x"] for i in range(5_001)})
    problems = bulk(wide).check("Thing__c", "insert", describe=False)
    assert problems["code"].to_list() == ["TOO_MANY_FIELDS", "HEADER_TOO_LONG"]


def test_an_object_that_the_org_hasnt_is_an_api_error(started_org: Org) -> None:
    with pytest.raises(sfframe.ApiError, match="'Contakt'"):
        bulk(pl.DataFrame(NAME)).check("Contakt", "insert", org=started_org)


def test_the_objects_name_is_taken_in_any_case(org: Org) -> None:
    result = bulk(pl.DataFrame(NAME)).insert("contact", org=org)
    assert result.jobs[0].object == "Contact"


def test_a_text_tells_the_first_twenty_problems_and_that_there_are_more(started_org: Org) -> None:
    frame = pl.DataFrame({**NAME, **{f"x{i}": [1] for i in range(30)}})
    with pytest.raises(sfframe.SchemaError, match=r"and 10 more; all are in `\.problems`") as raised:
        bulk(frame).insert("Contact", org=started_org)
    assert raised.value.problems.height == 30


def test_categories_of_an_enum_are_in_no_message(started_org: Org) -> None:
    secret = pl.Enum(["secret"])
    frame = pl.DataFrame({**NAME, "Title": pl.Series([["secret"]], dtype=pl.List(secret))})
    with pytest.raises(
        sfframe.SchemaError, match=r"List\(Enum\) values don't go into a field of type string"
    ) as raised:
        bulk(frame).insert("Contact", org=started_org)
    assert "secret" not in str(raised.value)
