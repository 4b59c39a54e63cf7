"""What is known of a cause beyond the org's own words: by describe, and by the values that were sent."""

from __future__ import annotations

import pickle
import shutil
import warnings
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sfframe
from sfframe.causes import Case, cause_of
from sfframe.failures import Failures
from sfframe.ingest.echo import FAILED
from sfframe.ingest.outcomes import Outcomes
from sfframe.ingest.request import ingest_request
from sfframe.ingest.spool import MemoryRows
from sfframe.options import Operation, Options
from sfframe.org.describe import Field, SObject
from sfframe.prepare import Prepared, prepare
from sfframe.row_errors import parsed
from sfframe.sent import Sent, SentColumn, sent_of
from tests.conftest import MakeFrame, column, in_one

ID = "0035e00000A0008AAB"
LEVELS = ("Bronze", "Silver", "Gold")
OPEN: dict[str, Any] = {"createable": True, "updateable": True}
FIELDS = {
    one.name: one
    for one in (
        Field(name="Id", type="id"),
        Field(name="LastName", length=80, nillable=False, **OPEN),
        Field(name="Email", type="email", length=80, **OPEN),
        Field(name="Level__c", type="picklist", picklist_values=LEVELS, restricted_picklist=True, **OPEN),
        Field(name="Tags__c", type="multipicklist", picklist_values=LEVELS, restricted_picklist=True, **OPEN),
        Field(name="AccountId", type="reference", reference_to=("Account",), relationship_name="Account", **OPEN),
        Field(name="WhoId", type="reference", reference_to=("Contact", "Lead"), relationship_name="Who", **OPEN),
        Field(name="Score__c", type="double", precision=7, scale=2, **OPEN),
        Field(name="Age__c", type="int", digits=3, **OPEN),
        Field(name="Birthdate", type="date", **OPEN),
        Field(name="Ext__c", length=20, external_id=True, unique=True, **OPEN),
        Field(name="Old__c", length=20, external_id=True, **OPEN),
        Field(name="Full__c", calculated=True),
        Field(name="Number__c", auto_number=True),
        Field(name="Fixed__c", createable=True),
        Field(name="CreatedById"),
    )
}


def sobject(name: str, key_prefix: str, fields: Mapping[str, Field], **flags: Any) -> SObject:
    by_name = {one.lower(): field for one, field in fields.items()}
    return SObject(name=name, key_prefix=key_prefix, fields=tuple(fields.values()), **flags, _by_name=by_name)


KEY = Field(name="Ext__c", length=20, external_id=True)
ACCOUNT = sobject("Account", "001", {"Ext__c": KEY})


def known(
    error: str,
    data: Mapping[str, list[Any]] | None = None,
    operation: Operation = "insert",
    labels: Mapping[str, str] | None = None,
    described: bool = True,
    **options: Any,
) -> str | None:
    """The cause of an error of row 0, where all rows of the frame failed so."""
    frame = pl.DataFrame(data or {}, strict=False)
    key = "Ext__c" if operation == "upsert" else None
    contact = sobject("Contact", "003", FIELDS, createable=True, updateable=True)
    columns = [
        SentColumn(
            name=name,
            header=name,
            field=(KEY if "." in name else FIELDS.get(name)) if described else None,
            is_lookup="." in name,
            labels=labels or {},
        )
        for name in frame.columns
    ]
    code, fields, message = parsed(pl.Series([error])).row(0)
    return cause_of(
        Case(
            code=code,
            fields=fields,
            message=message,
            row=0,
            rows=lambda: pl.Series(range(frame.height), dtype=pl.Int64),
            sent=Sent(
                columns=tuple(columns),
                key=key,
                described=(contact, ACCOUNT) if described else (),
                rows=MemoryRows(frame),
            ),
            request=ingest_request(
                "Contact", operation, "Ext__c" if operation == "upsert" else None, Options(**options)
            ),
        )
    )


LONG = "STRING_TOO_LONG:Last Name: data value too large: x (max length=80):LastName --"
BAD_VALUE = "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST:bad value for restricted picklist field: x:{} --"
NO_REF = "INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:--"
NO_PARENT = "INVALID_FIELD:Foreign key external ID: A-9 not found for field Ext__c in entity Account:--"
LOCKED = "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record or 200 records: 001A:--"

MISSING = "REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --"
NO_ACCESS = "INSUFFICIENT_ACCESS_OR_READONLY:insufficient access rights on object id:--"
TWICE = "DUPLICATE_VALUE:Duplicate external id specified: k:Ext__c --"
TAKEN = "DUPLICATE_VALUE:duplicate value found: Ext__c duplicates value on record with id: 003A:--"
SEVERAL = "DUPLICATE_EXTERNAL_ID:Old__c: more than one record found for external id field: [a, b]:--"
TOO_LARGE = "NUMBER_OUTSIDE_VALID_RANGE:x: value outside of valid range on numeric field: 1:{} --"
READ_ONLY = "INVALID_FIELD_FOR_INSERT_UPDATE:Unable to create/update fields: {0}:{0} --"
NO_DATE = "INVALID_FIELD:Failed to deserialize field at col 3. Due to, 'x' is not a date:Birthdate --"

CAUSES: dict[str, tuple[Callable[[], str | None], str | None]] = {
    "the field's length, and the longest value sent": (
        partial(known, LONG, {"LastName": ["x", "y" * 93, "😀" * 45]}),
        "LastName takes 80 characters; the longest value sent has 93",
    ),
    "the length in the org's units, where one sign may be two": (
        partial(known, LONG, {"LastName": ["😀" * 45]}),
        "LastName takes 80 characters; the longest value sent has 90",
    ),
    "the picklist's values, and the closest one": (
        partial(known, BAD_VALUE.format("Level__c"), {"Level__c": ["Glod"]}),
        "Level__c takes Bronze, Silver, Gold; 'Glod' is none of them: the closest is 'Gold'",
    ),
    "a value that is like none of the picklist's": (
        partial(known, BAD_VALUE.format("Level__c"), {"Level__c": ["xyz"]}),
        "Level__c takes Bronze, Silver, Gold; 'xyz' is none of them",
    ),
    "a label in place of a value": (
        partial(known, BAD_VALUE.format("Level__c"), {"Level__c": ["Edelmetall"]}, labels={"edelmetall": "Gold"}),
        "Level__c takes Bronze, Silver, Gold; 'Edelmetall' is the label of 'Gold', and the value is needed",
    ),
    "another case": (
        partial(known, BAD_VALUE.format("Level__c"), {"Level__c": ["GOLD"]}),
        "Level__c takes Bronze, Silver, Gold; 'GOLD' is written 'Gold' there",
    ),
    "a value that describe lists": (
        partial(known, BAD_VALUE.format("Level__c"), {"Level__c": ["Gold"]}),
        "Level__c takes Bronze, Silver, Gold; 'Gold' is one of them: the record's type may allow fewer, which describe "
        "doesn't show",
    ),
    "the one wrong value of several": (
        partial(known, BAD_VALUE.format("Tags__c"), {"Tags__c": ["Gold;Silvr"]}),
        "Tags__c takes Bronze, Silver, Gold; 'Silvr' is none of them: the closest is 'Silver'",
    ),
    "the one wrong value of a list": (
        partial(known, BAD_VALUE.format("Tags__c"), {"Tags__c": [["Gold", "Silvr"]]}),
        "Tags__c takes Bronze, Silver, Gold; 'Silvr' is none of them: the closest is 'Silver'",
    ),
    "sfframe's own check of a length": (
        partial(known, "NOT_SENT:TOO_LONG text longer than the 80 characters:LastName --", {"LastName": ["x" * 81]}),
        "LastName takes 80 characters; the longest value sent has 81",
    ),
    "sfframe's own check of a picklist": (
        partial(known, "NOT_SENT:NOT_IN_PICKLIST a value that it doesn't have:Level__c --", {"Level__c": ["Glod"]}),
        "Level__c takes Bronze, Silver, Gold; 'Glod' is none of them: the closest is 'Gold'",
    ),
    "a check of sfframe's that says it all": (
        partial(known, "NOT_SENT:WRONG_FORM text that is no date:Birthdate --", {"Birthdate": ["x"]}), None,
    ),
    "a required field that is empty": (
        partial(known, MISSING, {"LastName": [None]}),
        "LastName needs a value, and is empty in these rows",
    ),
    "a required field without a column": (
        partial(known, MISSING, {"Email": ["a@b.de"]}),
        "LastName needs a value, and no column goes there",
    ),
    "what a reference points to": (
        partial(known, "INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:AccountId --", {"AccountId": [ID]}),
        f"AccountId takes the id of an Account, which begins with 001; {ID!r} doesn't",
    ),
    "what a reference to several objects points to": (
        partial(known, "MALFORMED_ID:Who: id value of incorrect type: x:WhoId --", {"WhoId": [ID]}),
        "WhoId takes the id of a Contact, which begins with 003 or the id of a Lead",
    ),
    "the columns that hold ids, where the error names none": (
        partial(known, NO_REF, {"LastName": ["x"], "AccountId": ["001x"]}),
        "AccountId takes the id of an Account, which begins with 001",
    ),
    "the id of another object's record": (
        partial(known, NO_REF, {"Id": ["0015e00000A0008AAB"]}, "update"),
        "Id takes the id of a Contact, which begins with 003; '0015e00000A0008AAB' doesn't",
    ),
    "a parent that isn't there": (
        partial(known, NO_PARENT, {"Account.Ext__c": ["A-9", "A-8", "A-9"]}),
        "no Account has this Ext__c (2 different ones in these rows): load such an Account first, then .retry()",
    ),
    "a value that another record has": (
        partial(known, TAKEN, {"Ext__c": ["k"]}),
        "Ext__c is unique: no two records may have the same value",
    ),
    "a key that is sent several times": (
        partial(known, TWICE, {"Ext__c": ["k", "l", "k"]}, "upsert"),
        "Ext__c 'k' stands in 2 rows that failed: send one of them",
    ),
    "a key that the org has several times": (
        partial(known, SEVERAL, {"Old__c": ["k"]}),
        "Old__c isn't unique in the org, so several records can have the same one",
    ),
    "fields that can't be written": (
        partial(
            known,
            READ_ONLY.format("Full__c, Number__c, CreatedById"),
            {"Full__c": ["x"]},
        ),
        "Full__c is reckoned by the org: leave it out with columns={'Full__c': None}; Number__c is numbered by the "
        "org; CreatedById can't be set in a new record, nor changed later",
    ),
    "a field that can be written once": (
        partial(known, READ_ONLY.format("Fixed__c"), {"Fixed__c": ["x"]},
              "update"),
        "Fixed__c can't be changed once the record is there: leave it out with columns={'Fixed__c': None}",
    ),
    "a number that is too large": (
        partial(known, TOO_LARGE.format("Score__c"),
              {"Score__c": [1.5, -123456.0]}),
        "Score__c takes numbers of 5 digits before the point at most; the one farthest from zero that was sent is "
        "123456.0",
    ),
    "a whole number that is too large": (
        partial(known, TOO_LARGE.format("Age__c"), {"Age__c": [1234]}),
        "Age__c takes whole numbers of 3 digits at most; the one farthest from zero that was sent is 1234",
    ),
    "a value of another kind": (
        partial(known, NO_DATE, {"Birthdate": ["x"]}),
        "Birthdate takes a date, such as 2026-01-31",
    ),
    "a code that isn't known, of a field that is": (
        partial(known, "FIELD_INTEGRITY_EXCEPTION:something about it:AccountId --", {"AccountId": [ID]}),
        "AccountId takes the id of an Account",
    ),
    "rows that met a lock": (
        partial(known, LOCKED, {"LastName": ["x"], "AccountId": ["001A"]}),
        "rows that point to one record through AccountId lock it: group_by='AccountId' keeps such together",
    ),
    "rows that met a lock though they were grouped": (
        partial(known, LOCKED, {"AccountId": ["001A"]}, group_by=("AccountId",)),
        "somebody else was writing to the same record: rows were grouped by AccountId, so .retry() when that is over",
    ),
    "a validation rule": (
        partial(known, "FIELD_CUSTOM_VALIDATION_EXCEPTION:No.:--"),
        "a validation rule of the org, which describe doesn't show",
    ),
    "an operation that this user may not do": (
        partial(known, NO_ACCESS, {"Id": [ID]}, "delete"),
        "describe says that this user may not delete Contact",
    ),
    "an operation that this user may do, but not to these records": (
        partial(known, NO_ACCESS, {"Id": [ID]}, "update"),
        "describe says that this user may update Contact, so it is about these records",
    ),
    "nothing, where describe wasn't asked": (partial(known, LONG, {"LastName": ["x" * 81]}, described=False), None),
    "nothing, where the code isn't known": (partial(known, "UNKNOWN_EXCEPTION:x:--", {"LastName": ["x"]}), None),
}  # fmt: skip


@pytest.mark.parametrize("what", CAUSES)
def test_the_cause_tells(what: str) -> None:
    ask, expected = CAUSES[what]
    assert ask() == expected


EMAILS = {
    "n/a": "; 'n/a' has no @", "a@b@c.de": "; 'a@b@c.de' has several @",
    "jane doe@x.de": "; 'jane doe@x.de' has a blank in it",
    "jane@": "; 'jane@' has nothing after its @", "@x.de": "; '@x.de' has nothing before its @",
    "a@localhost": "; 'a@localhost' has no dot after its @", "a@b.de": "",
}  # fmt: skip


@pytest.mark.parametrize("value", EMAILS)
def test_what_is_wrong_with_an_address_is_said_where_it_shows(value: str) -> None:
    cause = known(f"INVALID_EMAIL_ADDRESS:Email: invalid email address: {value}:Email --", {"Email": [value]})
    assert cause == f"Email takes one e-mail address{EMAILS[value]}"


# --- of real calls ----------------------------------------------------------------------------------------------------


def failing(frame: Any, org: sfframe.Org, operation: Operation = "insert", key: str | None = None, **more: Any) -> Any:
    return sfframe.ingest(frame, "Contact", operation, key, org=org, on_failure="return", invalid="report", **more)


def test_errors_have_their_first_row_an_example_and_a_cause(org: sfframe.Org, make_frame: MakeFrame) -> None:
    data = {"Key": ["a", "b", "c"], "LastName": ["x", None, "z"], "Level__c": ["Gold", "Gold", "Glod"]}
    frame = in_one(make_frame(data))
    result = failing(frame, org, "upsert", "ExternalId__c", columns={"Key": "ExternalId__c"})
    rows = zip(*(column(result.errors, name) for name in ("code", "row", "example", "cause")), strict=True)
    assert list(rows) == [
        ("REQUIRED_FIELD_MISSING", 1, "row 1, Key 'b'", "LastName needs a value, and is empty in these rows"),
        ("NOT_SENT", 2, "row 2, Key 'c'",
         "Level__c takes Bronze, Silver, Gold; 'Glod' is none of them: the closest is 'Gold'"),
    ]  # fmt: skip


def test_errors_of_one_code_have_causes_of_their_own(org: sfframe.Org) -> None:
    good = "a@b.de"
    frame = pl.DataFrame(
        {
            "LastName": ["a", "b", "c", "d"],
            "Email": [good, "a@b@c", "n/a", good],
            "ReportsTo.ExternalId__c": [None, None, None, "C"],
            "Account.ExternalId__c": ["A", None, None, None],
        }
    )
    causes = dict(failing(frame, org).errors.select("message", "cause").iter_rows())
    missing = "Foreign key external ID: {} not found for field ExternalId__c in entity {}"
    assert causes == {
        "Email: invalid email address: a@b@c": "Email takes one e-mail address; 'a@b@c' has several @",
        "Email: invalid email address: n/a": "Email takes one e-mail address; 'n/a' has no @",
        missing.format("A", "Account"): "no Account has this ExternalId__c: load such an Account first, then .retry()",
        missing.format("C", "Contact"): "no Contact has this ExternalId__c: load such a Contact first, then .retry()",
    }


def test_without_describe_nothing_is_made_up(org: sfframe.Org) -> None:
    result = failing(pl.DataFrame({"LastName": ["x" * 81]}), org, describe=False)
    assert result.errors["code"].to_list() == ["STRING_TOO_LONG"]
    assert result.errors["cause"].to_list() == [None]


INDEXES: dict[str, tuple[Any, str]] = {
    "its number": (pd.RangeIndex(3), "row 1"),
    "the label of another range": (pd.RangeIndex(10, 13), "index 11"),
    "a text": (pd.Index(["p", "q", "r"], name="who"), "who 'q'"),
    "a moment": (pd.date_range("2026-01-01", periods=3, name="day"), "day 2026-01-02 00:00:00"),
    "a pair": (pd.MultiIndex.from_tuples([("p", 1), ("q", 2), ("r", 3)], names=["who", None]), "who 'q', index 2"),
}


@pytest.mark.parametrize("what", INDEXES)
def test_pandas_rows_are_called_by_their_index(what: str, org: sfframe.Org) -> None:
    index, name = INDEXES[what]
    frame = pd.DataFrame({"LastName": ["x", None, "z"]}, index=index)
    assert list(failing(frame, org).errors["example"]) == [name]


def test_a_few_failing_rows_among_thousands_are_all_named(org: sfframe.Org) -> None:
    emails = pl.Series("Email", ["a@b.de"] * 10_000).scatter([17, 4711, 9999], ["?", "!", "?"])
    result = failing(emails.to_frame().with_columns(LastName=pl.lit("x")), org)
    assert "    3 × INVALID_EMAIL_ADDRESS [Email] in row 17; row 4711; row 9999" in repr(result)
    assert "row 17; row 4711; row 9999" in result._repr_html_()


def test_a_result_that_has_travelled_knows_its_causes_and_carries_the_rows_once(org: sfframe.Org) -> None:
    frame = pl.DataFrame({"LastName": ["x", None], "Description": ["y" * 30_000, "z" * 30_000]})
    result = failing(pa.table(frame), org)
    before = pickle.dumps(result)
    assert len(before) < 60_000 + 60_000 + 40_000, "the rows as they came, and as they were sent"
    again: Any = pickle.loads(before)
    assert repr(again) == repr(result)
    assert again.errors == result.errors
    assert again.errors["cause"].to_pylist() == ["LastName needs a value, and is empty in these rows"]


def test_screens_look_at_the_rows_once(org: sfframe.Org, monkeypatch: pytest.MonkeyPatch) -> None:
    result = failing(pl.DataFrame({"LastName": ["x"], "Email": ["?"]}), org)
    first = repr(result), result._repr_html_()
    monkeypatch.setattr(Outcomes, "of", None)
    assert (repr(result), result._repr_html_()) == first


def test_what_rows_hold_stays_out_of_warnings_and_exceptions(org: sfframe.Org) -> None:
    data = {
        "ExternalId__c": ["key-secret", "k"],
        "LastName": ["x", "y"],
        "Level__c": ["value-secret", "Gold"],
        "Email": ["a@b.de", "mail-secret"],
    }
    frame = pd.DataFrame(data, index=["label-secret", "l"])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = sfframe.ingest(frame, "Contact", "upsert", "ExternalId__c", org=org, invalid="report")
    assert all(f"{word}-secret" in repr(result) for word in ("key", "value", "label", "mail"))
    with pytest.raises(sfframe.RecordsFailed) as failed:
        sfframe.ingest(frame, "Contact", "upsert", "ExternalId__c", org=org, invalid="report", on_failure="raise")
    for text in (str(caught[0].message), str(failed.value), result.report()):
        assert "[Level__c], first in row 0" in text
        assert "secret" not in text


def test_a_result_shows_itself_though_the_rows_of_its_run_were_deleted(org: sfframe.Org, tmp_path: Path) -> None:
    frame = pl.LazyFrame({"ExternalId__c": ["a"], "LastName": ["x"], "Email": ["?"]})
    result = sfframe.ingest(
        frame, "Contact", "upsert", "ExternalId__c", org=org, journal=tmp_path / "runs", on_failure="return"
    )
    shutil.rmtree(tmp_path / "runs")
    assert "    1 × INVALID_EMAIL_ADDRESS [Email] in row 0\n" in repr(result)


def test_a_key_that_is_no_text_stands_without_quotes(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    local.define("Thing__c", {"Number__c": {"type": "double", "externalId": True, "unique": True}})
    local.rules["Thing__c"] = lambda row: "No."
    frame = pl.DataFrame({"Number__c": [17]})
    result = sfframe.ingest(frame, "Thing__c", "upsert", "Number__c", org=org, on_failure="return")
    assert result.errors["example"].to_list() == ["row 0, Number__c 17"]


CODES = [
    "STRING_TOO_LONG", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "INVALID_EMAIL_ADDRESS", "REQUIRED_FIELD_MISSING",
    "NUMBER_OUTSIDE_VALID_RANGE", "INVALID_FIELD_FOR_INSERT_UPDATE", "INVALID_CROSS_REFERENCE_KEY", "NOT_SENT",
    "DUPLICATE_VALUE", "DUPLICATE_EXTERNAL_ID", "UNABLE_TO_LOCK_ROW", "INVALID_FIELD", "NO_CODE_OF_OURS",
]  # fmt: skip
MESSAGES = [
    "TOO_LONG x",
    "NOT_IN_PICKLIST x",
    "Duplicate external id specified: 1",
    "duplicate value found: Email duplicates value on record with id: 003A",
    "Foreign key external ID: x not found for field ExternalId__c in entity Account",
    "Score__c: more than one record found for external id field: [a, b]",
]
ANY = pl.DataFrame(
    {
        "ExternalId__c": ["a", "b"],
        "LastName": pl.Series(["x", None], dtype=pl.Categorical),
        "Email": ["?", "a@b.de"],
        "Score__c": [float("nan"), 1e300],
        "Visits__c": pl.Series([Decimal("1.5"), None]),
        "Languages__c": [["English", "Klingon"], None],
        "Level__c": [None, "Gold"],
        "Birthdate": [date(1990, 1, 1), None],
        "Account": [{"ExternalId__c": "A"}, None],
        "OwnerId": [None, "0055e0000090001AAA"],
    },
)


@pytest.fixture(scope="module")
def ready(started_org: sfframe.Org) -> Prepared:
    """A frame of all kinds of columns, ready to be sent."""
    request = ingest_request("Contact", "upsert", "ExternalId__c", Options(invalid="report"))
    return sfframe.run(prepare(ANY, request, lambda: started_org))


FIELDS_NAMED = st.lists(st.sampled_from([*ANY.columns, "No__c", "<b>"]), max_size=4)
ERRORS = st.tuples(st.sampled_from(CODES), st.sampled_from(MESSAGES) | st.text(max_size=20), FIELDS_NAMED)


@given(errors=st.lists(ERRORS, min_size=2, max_size=2))
def test_whatever_the_org_says_of_whatever_columns_is_shown(
    ready: Prepared, errors: list[tuple[str, str, list[str]]]
) -> None:
    texts = [f"{code}:{message}:{','.join(fields)} --" for code, message, fields in errors]
    told = {"row": [0, 1], "outcome": [FAILED] * 2, "sf__Id": None, "sf__Created": None, "sf__Error": texts}
    outcomes = Outcomes(2)
    outcomes.add(pl.DataFrame(told))
    failures = Failures(outcomes, ready.source, sent_of(ready), ready.request)
    assert failures.errors["count"].sum() == 2
    assert sum(reason.count for reason in failures.shown) == 2
    assert len(list(failures.marks())) == 2
