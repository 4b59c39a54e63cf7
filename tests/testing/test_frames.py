"""Frames that an object takes, and frames that it must refuse: by sfframe's check, and by the local org itself."""

# mypy: disable-error-code="attr-defined"
# Accessors are invisible to type checkers, and here they are called as users call them.

from __future__ import annotations

import datetime as dt
import json
import math
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

import sfframe
from sfframe.testing import Refused, frames
from sfframe.testing.fields import wanted_fields
from sfframe.testing.refused import spoilers
from sfframe.testing.values import cut, kept, utf16_length
from tests.examples import scaled

BACKENDS: Any = ("pandas", "polars", "arrow")
OBJECTS = ("Account", "Contact", "Lead", "Case", "Opportunity", "User", "Task", "Everything__c", "Everything__c")
# The session's server is emptied for each example; time is the machine's affair.
FEW = settings(max_examples=scaled(6), deadline=None, suppress_health_check=[HealthCheck.too_slow])
Frame = pd.DataFrame | pl.DataFrame | pa.Table


def some(strategy: st.SearchStrategy[Any], is_wanted: Callable[[Any], bool] = lambda frame: True) -> Any:
    """An example like this, as it comes."""
    return find(strategy, is_wanted, settings=settings(phases=[Phase.generate], database=None, max_examples=1_000))


def plain(frame: Frame) -> dict[str, list[Any]]:
    """The columns as lists, all kinds of gaps as `None`."""
    if isinstance(frame, pd.DataFrame):
        return {name: [None if _is_gap(value) else value for value in frame[name]] for name in frame.columns}
    if isinstance(frame, pl.DataFrame):
        return {name: frame[name].to_list() for name in frame.columns}
    return {name: frame[name].to_pylist() for name in frame.column_names}


def _is_gap(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))


def n_rows(frame: Frame) -> int:
    return frame.num_rows if isinstance(frame, pa.Table) else len(frame)


def _moment(value: Any) -> dt.datetime:
    moment = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
    if isinstance(moment, pd.Timestamp):
        moment = moment.to_pydatetime()
    assert isinstance(moment, dt.datetime)
    return moment.astimezone(dt.UTC).replace(tzinfo=None)


def _day(value: Any) -> dt.date:
    if isinstance(value, str):
        return dt.date.fromisoformat(value)
    return value.date() if isinstance(value, dt.datetime) else dt.date(value.year, value.month, value.day)


# What a value means to a field of that type.
MEANING: Mapping[str, Callable[[Any], Any]] = {
    "boolean": lambda value: value == "true" if isinstance(value, str) else bool(value),
    "int": lambda value: int(float(value)) if isinstance(value, float) else int(value),
    "double": float, "currency": float, "percent": float,
    "date": _day, "datetime": _moment,
    "time": lambda value: dt.time.fromisoformat(value) if isinstance(value, str) else value,
    "multipicklist": lambda value: value if isinstance(value, str) else ";".join(value),
}  # fmt: skip


def meant(columns: Mapping[str, list[Any]], types: Mapping[str, str]) -> Counter[Any]:
    """The rows as what they mean, in no order."""
    read = [
        [None if value is None else MEANING.get(types[name], str)(value) for value in values]
        for name, values in sorted(columns.items())
    ]
    return Counter(zip(*read, strict=True))


def types_of(local: sfframe.LocalOrg, sobject: str) -> dict[str, str]:
    return {field["name"]: field["type"] for field in local.describe(sobject)["fields"]}


def in_org(local: sfframe.LocalOrg, sobject: str, names: Any) -> dict[str, list[Any]]:
    rows = local.rows(sobject)
    mine = rows.slice(1) if sobject == "User" else rows  # the running user is there from the start
    return {name: mine[name].to_pylist() for name in names}


def ingest(frame: Frame, sobject: str, operation: Any, org: sfframe.Org, key: str | None = None) -> Any:
    return sfframe.ingest(frame, sobject, operation, key, org=org, on_failure="return", progress=False)


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_given_is_taken_and_comes_back(sfframe_server: sfframe.LocalOrg, backend: Any) -> None:
    @settings(FEW, max_examples=scaled(9))
    @given(given=st.sampled_from(OBJECTS).flatmap(lambda name: st.tuples(st.just(name), frames(name, backend=backend))))
    def check(given: tuple[str, Frame]) -> None:
        sobject, frame = given
        with sfframe_server.fresh() as org:
            problems = sfframe.bulk(frame).check(sobject, "insert", org=org)
            assert n_rows(problems) == 0, plain(problems)
            result = ingest(frame, sobject, "insert", org)
            assert n_rows(result.successful_results) == n_rows(frame), plain(result.failed_results)
            sent, types = plain(frame), types_of(sfframe_server, sobject)
            assert meant(in_org(sfframe_server, sobject, sent), types) == meant(sent, types)

    check()


# Each key and each kind of frame; how a key is compared has nothing to do with what the frame is.
@pytest.mark.parametrize(("key", "backend"), [("ExternalId__c", "pandas"), ("Code__c", "polars"), ("Code__c", "arrow")])
def test_an_upsert_takes_each_key_once(sfframe_server: sfframe.LocalOrg, key: str, backend: Any) -> None:
    types = types_of(sfframe_server, "Everything__c")

    @FEW
    @given(frame=frames("Everything__c", "upsert", key, backend=backend, min_size=1))
    def check(frame: Frame) -> None:
        with sfframe_server.fresh() as org:
            for created in (True, False):
                result = ingest(frame, "Everything__c", "upsert", org, key)
                assert plain(result.successful_results)["sf__Created"] == [created] * n_rows(frame)
            sent = plain(frame)
            assert meant(in_org(sfframe_server, "Everything__c", sent), types) == meant(sent, types)

    check()


@pytest.mark.parametrize("operation", ["update", "delete"])
def test_records_that_are_there_can_be_named(sfframe_server: sfframe.LocalOrg, operation: Any) -> None:
    with sfframe_server.fresh() as org:
        made = pd.DataFrame({"LastName": list("abcdefgh")}).sfbulk.insert("Contact", org=org).successful_results
        accounts = pd.DataFrame({"Name": list("xyz")}).sfbulk.insert("Account", org=org).successful_results
        ids: dict[str, list[str]] = {"Id": list(made["sf__Id"])}
        if operation == "update":
            ids["AccountId"] = list(accounts["sf__Id"])

        @FEW
        @given(frame=frames("Contact", operation, backend="polars", values=ids, min_size=1, max_size=5))
        def check(frame: pl.DataFrame) -> None:
            assert set(ids) <= set(frame.columns)
            assert frame["Id"].is_unique().all()
            if operation == "delete":
                assert frame.columns == ["Id"]
                assert n_rows(sfframe.bulk(frame).check("Contact", "delete", org=org)) == 0
            else:
                assert n_rows(ingest(frame, "Contact", operation, org).successful_results) == n_rows(frame)

        check()


@pytest.mark.parametrize("operation", ["update", "delete", "hard_delete"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_made_up_ids_have_the_form_of_ids(sfframe_server: sfframe.LocalOrg, operation: Any, backend: Any) -> None:
    with sfframe_server.fresh() as org:

        @FEW
        @given(frame=frames("Contact", operation, backend=backend))
        def check(frame: Frame) -> None:
            problems = sfframe.bulk(frame).check("Contact", operation, org=org)
            assert n_rows(problems) == 0, plain(problems)
            assert all(len(value) == 18 and value.startswith("003") for value in plain(frame)["Id"])

        check()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("sobject", "operation", "key"),
    [("Everything__c", "insert", None), ("Everything__c", "upsert", "ExternalId__c"), ("Contact", "insert", None),
     ("Contact", "update", None), ("Opportunity", "upsert", "ExternalId__c"), ("Contact", "delete", None)],
)  # fmt: skip
def test_what_must_be_refused_is_refused_for_that_reason(
    sfframe_server: sfframe.LocalOrg, sobject: str, operation: Any, key: str | None, backend: Any
) -> None:
    with sfframe_server.fresh() as org:

        @settings(FEW, max_examples=scaled(9))
        @given(refused=frames(sobject, operation, key, backend=backend, invalid=True))
        def check(refused: Refused) -> None:
            found = plain(sfframe.bulk(refused.frame).check(sobject, operation, key, org=org))
            named = list(zip(found["column"], found["code"], strict=True))
            assert (refused.column, refused.code) in named, (refused, named)
            assert all(refused.column in (column, None) for column, _ in named), (refused, named)
            # A type that can't be sent at all has nothing to do with the field.
            assert refused.field in found["field"] or refused.code == "NO_CSV_FORM", (refused, found)
            with pytest.raises(sfframe.PayloadError):
                ingest(refused.frame, sobject, operation, org, key)

        check()
        assert sfframe_server.count("create") == 0


def test_every_reason_to_refuse_is_thought_of(sfframe_server: sfframe.LocalOrg) -> None:
    codes: set[str] = set()
    for sobject, operation, key in (("Everything__c", "upsert", "ExternalId__c"), ("Contact", "insert", None)):
        wanted = wanted_fields(sfframe_server.describe(sobject), operation, key, {})  # type: ignore[arg-type]
        fields = (*wanted.needed, *wanted.free)
        codes |= {spoiler.code for spoiler in spoilers(wanted, fields, {field.name: [None] * 2 for field in fields})}
    assert codes == {
        "NUL", "TOO_LONG", "NOT_IN_PICKLIST", "SEPARATOR", "OUT_OF_RANGE", "FRACTION", "TOO_MANY_DIGITS", "INFINITE",
        "NO_ZONE", "WRONG_FORM", "MISSING_KEY", "DUPLICATE_KEY", "UNKNOWN_FIELD", "NOT_WRITABLE", "SAME_FIELD",
        "WRONG_TYPE", "NO_CSV_FORM", "REQUIRED_MISSING",
    }  # fmt: skip


# --- any object -------------------------------------------------------------------------------------------------------


def test_objects_of_ones_own_are_known_by_the_local_org_a_file_or_their_describe(tmp_path: Path) -> None:
    with sfframe.LocalOrg() as local:
        local.define("Invoice__c", {"Total__c": {"type": "currency", "nillable": False}, "Paid__c": "boolean"})
        answer = local.describe("Invoice__c")
        (path := tmp_path / "invoice.json").write_text(json.dumps(answer), "utf-8")
        one: Any = {"backend": "polars", "min_size": 1, "max_size": 1}
        ways: list[st.SearchStrategy[Any]] = [
            frames("Invoice__c", **one, org=local),
            frames("invoice__c", **one, objects=[path]),
            frames("Invoice__c", **one, objects=[answer]),
            frames(answer, **one),
        ]
        for way in ways:
            frame = some(way, lambda frame: "Paid__c" in frame.columns)
            assert frame.height == 1
            assert "Total__c" in frame.columns
            assert n_rows(sfframe.bulk(frame).check("Invoice__c", "insert", org=local.org)) == 0
        local.define("Invoice__c", {"Total__c": "currency", "New__c": {"type": "int", "nillable": False}})
        assert "New__c" in some(ways[0]).columns


def test_frames_shrink_to_next_to_nothing() -> None:
    # Plain columns are found whatever stands beside them, rows that aren't needed go. What each value has to do with it
    # is nothing that is asked here, and would take three quarters of the time.
    phases, strategy = [Phase.generate, Phase.shrink], frames("Contact", backend="polars")
    frame = find(strategy, lambda frame: len(frame) > 1 and "Score__c" in frame.columns,
                 settings=settings(phases=phases, database=None, max_examples=2_000))  # fmt: skip
    assert frame.columns == ["LastName", "Score__c"]
    assert (frame.height, frame["LastName"].str.len_chars().to_list()) == (2, [1, 1])
    assert frame["Score__c"].null_count() == 2


def test_sizes_are_as_wanted() -> None:
    sizes = set[int]()

    @settings(max_examples=30, database=None, deadline=None)
    @given(frames("Contact", backend="polars", min_size=3, max_size=4))
    def look(frame: pl.DataFrame) -> None:
        sizes.add(frame.height)

    look()
    assert sizes == {3, 4}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"sobject": "Contcat"}, "no object 'Contcat'; known are Account, Contact"),
        ({"sobject": "Contact", "operation": "merge"}, "no operation 'merge'"),
        ({"sobject": "Contact", "operation": "upsert"}, "needs external_id_field, one of"),
        ({"sobject": "Contact", "backend": "dask"}, "no backend 'dask'; known are pandas, polars, arrow"),
        ({"sobject": "Contact", "min_size": 3, "max_size": 2}, "there is no frame of 3 to 2 rows"),
        ({"sobject": "Contact", "values": {"Nmae": ["x"]}}, "Contact has no field Nmae"),
        ({"sobject": "Contact", "values": {"CreatedDate": []}}, "insert takes no CreatedDate"),
    ],
)
def test_what_cannot_be_given_is_said_at_once(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        frames(**arguments)


def test_a_lookup_that_is_required_has_to_be_told() -> None:
    fields = [{"name": "Id", "type": "id"}, {"name": "Parent__c", "type": "reference", "nillable": False}]
    with pytest.raises(ValueError, match=r"Child__c.Parent__c is required.*give values=\{'Parent__c': ...\}"):
        frames({"name": "Child__c", "fields": fields})
    ids = ["a00000000000001AAA", "a00000000000002AAA"]
    strategy = frames({"name": "Child__c", "fields": fields}, values={"Parent__c": ids}, min_size=1)
    assert set(some(strategy)["Parent__c"]) <= set(ids)


# --- values -----------------------------------------------------------------------------------------------------------


def test_text_is_as_long_as_may_be_in_the_orgs_units(sfframe_server: sfframe.LocalOrg) -> None:
    lengths = {field["name"]: field["length"] for field in sfframe_server.describe("Contact")["fields"]}

    def is_full(frame: pl.DataFrame) -> bool:
        return any(utf16_length(value) == lengths["LastName"] for value in frame["LastName"])

    some(frames("Contact", backend="polars"), is_full)


@given(st.text(), st.integers(0, 10))
def test_cut_text_fits_and_is_a_beginning(text: str, length: int) -> None:
    short = cut(text, length)
    assert text.startswith(short)
    assert utf16_length(short) <= length
    assert short == text or utf16_length(text[: len(short) + 1]) > length


@pytest.mark.parametrize(
    ("text", "given"),
    [("", "0"), (" a", "a"), ("a\n", "a"), ("#N/A", "0"), ("\u00a0", "0"), ("\x01a b\t", "a b"), ("a\nb", "a\nb")],
)
def test_text_that_an_org_changes_is_not_given(text: str, given: str) -> None:
    assert kept(text) == given


def test_unique_values_differ_by_the_fields_own_rule(sfframe_server: sfframe.LocalOrg) -> None:
    wanted = wanted_fields(sfframe_server.describe("Everything__c"), "insert", None, {})
    unique = {field.name: field for field in wanted.free if field.is_unique}
    folding, strict = unique["ExternalId__c"], unique["Code__c"]
    assert folding.identity("Straße") == folding.identity("STRASSE") == folding.identity("straſſe")
    assert folding.identity("\u212a") == folding.identity("k") == folding.identity("K")
    assert strict.identity("a") != strict.identity("A")
    assert strict.identity(None) != strict.identity(None)
