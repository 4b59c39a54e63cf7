"""Errors are taken apart as the org writes them, whatever their message holds."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sfframe
from sfframe.row_errors import counted, parsed, reasons
from tests.conftest import MakeFrame, column

SAMPLES = {
    "REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --": (
        "REQUIRED_FIELD_MISSING", "Name", "Required fields are missing: [Name]"),
    "REQUIRED_FIELD_MISSING:Required fields are missing: [Name, City__c]:Name, City__c --": (
        "REQUIRED_FIELD_MISSING", "Name, City__c", "Required fields are missing: [Name, City__c]"),
    "INVALID_FIELD:Failed to deserialize. Due to, 'x' is not a valid value for the type xsd:date:CloseDate --": (
        "INVALID_FIELD", "CloseDate", "Failed to deserialize. Due to, 'x' is not a valid value for the type xsd:date"),
    "INVALID_FIELD:Foreign key external ID: a:b not found for field F in entity E:--": (
        "INVALID_FIELD", "", "Foreign key external ID: a:b not found for field F in entity E"),
    "DUPLICATE_EXTERNAL_ID:Ext__c: more than one record found for external id field: [001A, 001B]:--": (
        "DUPLICATE_EXTERNAL_ID", "", "Ext__c: more than one record found for external id field: [001A, 001B]"),
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY:Trg: AfterInsert\n\ncaused by: System.LimitException: 101\n:--": (
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "", "Trg: AfterInsert\n\ncaused by: System.LimitException: 101\n"),
    "FIELD_CUSTOM_VALIDATION_EXCEPTION:Say \"why\", please: now:Reason__c,Account.Ext__c --": (
        "FIELD_CUSTOM_VALIDATION_EXCEPTION", "Reason__c,Account.Ext__c", 'Say "why", please: now'),
    "UNKNOWN_EXCEPTION:a -- b: 12 things:--": ("UNKNOWN_EXCEPTION", "", "a -- b: 12 things"),
    "UNKNOWN_EXCEPTION:ends with a remark: 12 things --": ("UNKNOWN_EXCEPTION", "", "ends with a remark: 12 things"),
    "NOT_SENT:TOO_LONG 90 of 80 characters:Last name (new) --": (
        "NOT_SENT", "Last name (new)", "TOO_LONG 90 of 80 characters"),
    "NOT_SENT:NO_ID it is none:User:Owner.Username --": ("NOT_SENT", "User:Owner.Username", "NO_ID it is none"),
    "no code at all": ("", "", "no code at all"),
    "": ("", "", ""),
}  # fmt: skip


@pytest.mark.parametrize("text", SAMPLES)
def test_an_error_is_taken_apart_as_the_org_writes_it(text: str) -> None:
    assert parsed(pl.Series([text])).row(0) == SAMPLES[text]


def test_a_missing_error_is_an_empty_one() -> None:
    assert parsed(pl.Series([None], dtype=pl.String)).row(0) == ("", "", "")


names = st.from_regex(r"[A-Z][a-z]{0,5}(__c)?", fullmatch=True)
codes = st.from_regex(r"[A-Z][A-Z_]{2,12}", fullmatch=True).filter(lambda code: code != "NOT_SENT")


@given(code=codes, message=st.text(), fields=st.lists(names, max_size=3))
def test_any_message_comes_back_whole(code: str, message: str, fields: list[str]) -> None:
    text = f"{code}:{message}:{','.join(fields)}{' ' if fields else ''}--"
    assert parsed(pl.Series([text])).row(0) == (code, ",".join(fields), message)


@given(st.lists(st.text(alphabet="AB:,- \n[]x") | st.sampled_from(list(SAMPLES))))
def test_no_row_is_lost_whatever_the_org_writes(texts: list[str]) -> None:
    errors = counted(pl.Series(texts, dtype=pl.String))
    assert errors["count"].sum() == len(texts)
    assert reasons(errors)["count"].sum() == len(texts)
    assert errors["count"].is_sorted(descending=True)
    assert not errors.select("code", "fields", "message").is_duplicated().any()


def test_reasons_put_together_what_differs_by_the_rows_value_alone() -> None:
    texts = [f"INVALID_EMAIL_ADDRESS:Email: invalid email address: {n}:Email --" for n in range(5)] * 2
    errors = counted(pl.Series([*texts, "OTHER:x:--"]))
    assert errors.height == 6
    assert reasons(errors).rows() == [
        ("INVALID_EMAIL_ADDRESS", "Email", "Email: invalid email address: 0", 5, 10, 0),
        ("OTHER", "", "x", 1, 1, 10),
    ]


def test_errors_are_a_frame_of_the_callers_library(
    local: sfframe.LocalOrg, org: sfframe.Org, make_frame: MakeFrame
) -> None:
    local.rules["Contact"] = lambda row: "first: b, c\nor d" if row["FirstName"] != "Ada" else None
    frame = make_frame({"FirstName": ["Ada", "Bo", "Cy"], "LastName": ["x", "y", "z"], "Email": [None, None, "?"]})
    result = sfframe.ingest(frame, "Contact", "insert", org=org, on_failure="return")
    assert column(result.errors, "code") == ["FIELD_CUSTOM_VALIDATION_EXCEPTION", "INVALID_EMAIL_ADDRESS"]
    assert column(result.errors, "fields") == ["", "Email"]
    assert column(result.errors, "message") == ["first: b, c\nor d", "Email: invalid email address: ?"]
    assert column(result.errors, "count") == [1, 1]


def test_a_clean_result_has_an_empty_frame_of_errors(org: sfframe.Org, make_frame: MakeFrame) -> None:
    result = sfframe.ingest(make_frame({"LastName": ["x"]}), "Contact", "insert", org=org)
    assert column(result.errors, "count") == []
