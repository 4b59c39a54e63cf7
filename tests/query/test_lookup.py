"""Lookup: a frame's rows with fields of the org beside them."""

from __future__ import annotations

import datetime as dt
import itertools
import pickle
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sfframe
from sfframe import Org
from sfframe.query.lookup import keys
from sfframe.query.lookup import rows as lookup
from sfframe.query.read import Api
from sfframe.testing import Fault
from tests.conftest import MakeFrame, column, columns
from tests.examples import scaled


def insert(sobject: str, org: Org, **data: Any) -> list[str]:
    """Records, and their ids."""
    result = pl.DataFrame(data).sfbulk.insert(sobject, org=org).raise_for_failures()  # type: ignore[attr-defined]  # accessors are invisible to type checkers
    ids: list[str] = result.successful_results["sf__Id"].to_list()
    return ids


def look(frame: pl.DataFrame, *args: Any, **options: Any) -> pl.DataFrame:
    return sfframe.bulk(frame).lookup(*args, **options)


def dtypes(frame: Any) -> dict[str, Any]:
    """The dtypes of a frame of whatever kind."""
    if isinstance(frame, pd.DataFrame):
        return {str(name): dtype for name, dtype in frame.dtypes.items()}
    if isinstance(frame, pa.Table):
        return {field.name: field.type for field in frame.schema}
    return dict(frame.collect_schema())


@pytest.fixture
def contacts(org: Org) -> list[str]:
    """Ids of Ada of Acme, Alan of no account, and one without a key."""
    (acme,) = insert("Account", org, Name=["Acme"])
    return insert(
        "Contact",
        org,
        LastName=["Lovelace", "Turing", "Nobody"],
        ExternalId__c=["Ada-1", "alan-2", None],
        AccountId=[acme, None, None],
    )


@pytest.fixture(params=["rest", "bulk"])
def api(request: pytest.FixtureRequest) -> Api:
    found: Api = request.param
    return found


def test_the_orgs_fields_stand_beside_the_frames_own_rows(
    org: Org, contacts: list[str], make_local_frame: MakeFrame, api: Api
) -> None:
    frame = make_local_frame({"n": [5, 4, 3, 2, 1], "ExternalId__c": ["alan-2", "nobody", None, "Ada-1", "alan-2"]})
    fields = ["Id", "LastName", "Account.Name"]
    found = sfframe.bulk(frame).lookup("Contact", "ExternalId__c", fields, org=org, api=api)
    assert type(found) is type(frame)
    assert columns(found) == ["n", "ExternalId__c", *fields]
    assert column(found, "n") == [5, 4, 3, 2, 1]
    assert column(found, "ExternalId__c") == ["alan-2", "nobody", None, "Ada-1", "alan-2"]
    assert column(found, "Id") == [contacts[1], None, None, contacts[0], contacts[1]]
    assert column(found, "LastName") == ["Turing", None, None, "Lovelace", "Turing"]
    assert column(found, "Account.Name") == [None, None, None, "Acme", None]


@pytest.mark.parametrize("made", ["reader", "batch", "relation", "dicts"])
def test_streams_come_back_as_tables_and_dicts_as_a_polars_frame(org: Org, contacts: list[str], made: str) -> None:
    table = pa.table({"ExternalId__c": ["alan-2", None], "n": [1, 2]})
    with duckdb.connect() as connection:
        frames: dict[str, Callable[[], Any]] = {
            "reader": table.to_reader,
            "batch": lambda: table.to_batches()[0],
            "relation": lambda: connection.from_arrow(table),
            "dicts": table.to_pylist,
        }
        found = sfframe.bulk(frames[made]()).lookup("Contact", "ExternalId__c", ["Id"], org=org)
    assert type(found) is (pl.DataFrame if made == "dicts" else pa.Table)
    assert (column(found, "n"), column(found, "Id")) == ([1, 2], [contacts[1], None])


def test_a_lazy_frame_is_run_once_and_what_comes_back_is_lazy(org: Org, contacts: list[str]) -> None:
    runs = []

    def note(frame: pl.DataFrame) -> pl.DataFrame:
        runs.append(frame.height)
        return frame

    lazy = pl.LazyFrame({"n": [1, 2, 3], "ExternalId__c": ["ada-1", "alan-2", "who"]}).map_batches(note)
    found = sfframe.bulk(lazy).lookup("Contact", "ExternalId__c", ["LastName", "Id"], org=org)
    runs.clear()
    assert found.select("Id").head(2).collect().to_series().to_list() == contacts[:2]
    assert found.filter(pl.col("LastName") == "Turing").collect().rows() == [(2, "alan-2", "Turing", contacts[1])]
    assert found.select(pl.len()).collect().item() == 3
    assert not runs


def test_pandas_keeps_index_attrs_and_dtypes_and_new_columns_are_those_of_a_read(org: Org) -> None:
    insert("Everything__c", org, ExternalId__c=["a"], Integer__c=[1], Checkbox__c=[True], Date__c=[dt.date(2026, 1, 2)])
    fields = ["Integer__c", "Checkbox__c", "Date__c", "Double__c", "ExternalId__c", "CreatedDate"]
    frame = pd.DataFrame(
        {"key": pd.Categorical(["a", "b", "a"]), "small": np.array([1, 2, 3], np.int8), 7: [object()] * 3},
        index=pd.MultiIndex.from_tuples([("x", 1), ("y", 2), ("x", 1)], names=["i", "j"]),
    )
    frame.attrs["source"] = "crm"
    found = sfframe.bulk(frame).lookup("Everything__c", "ExternalId__c", fields, on="key", org=org)
    pd.testing.assert_frame_equal(found[["key", "small", 7]], frame, check_column_type=False)
    assert found.attrs == {"source": "crm"}
    read = sfframe.read_soql(f"SELECT {', '.join(fields)} FROM Everything__c", backend="pandas", org=org)
    assert found[fields].dtypes.to_dict() == read.dtypes.to_dict()
    pd.testing.assert_frame_equal(found[fields].iloc[[2]].reset_index(drop=True), read, check_column_type=False)
    assert list(frame.columns) == ["key", "small", 7]


# --- which keys are one -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "stored", "asked", "is_there"),
    [
        ("ExternalId__c", "Ab", "aB", True),
        ("ExternalId__c", "ΑΣ", "ασ", True),
        ("ExternalId__c", "İ", "i", False),  # the local org finds it, and so may others
        ("ExternalId__c", "Ab", " \tAb\n", True),
        ("ExternalId__c", "\u00a0Ab", "Ab", False),
        ("ExternalId__c", "\u00a0Ab", "\u00a0ab", True),
        ("ExternalId__c", "007", 7, False),
        ("ExternalId__c", "7", 7, True),
        ("ExternalId__c", "7", 7.0, True),
        ("ExternalId__c", "7", Decimal("7"), True),
        ("ExternalId__c", "true", True, True),
        ("ExternalId__c", "2026-01-02", dt.date(2026, 1, 2), True),
        ("ExternalId__c", 'O\'Neil \\ "a" \n%_\t\u0001b 😀', 'o\'neil \\ "A" \n%_\t\u0001B 😀', True),
        ("ExternalId__c", "#N/A", "#n/a", False),  # is never stored
        ("Code__c", "Ab", "Ab", True),
        ("Code__c", "Ab", "ab", False),
        ("Text__c", "Ab", "ab", True),
        ("Email__c", "A@example.com", "a@EXAMPLE.com", True),
        ("Picklist__c", "One", "one", True),
        ("Integer__c", 7, "7", True),
        ("Integer__c", 7, "07.0", True),
        ("Integer__c", 7, 7.0, True),
        ("Integer__c", 7, Decimal("7.00"), True),
        ("Double__c", 1.0, 1, True),
        ("Double__c", 0.1, 0.1, True),
        ("Double__c", 0.1, "1e-1", True),
        ("Double__c", 0.0, -0.0, True),
        ("Double__c", 123456789.5, Decimal("123456789.50"), True),
        ("Double__c", 1e11, 1e11, True),
        ("Date__c", dt.date(2026, 1, 2), dt.date(2026, 1, 2), True),
        ("Date__c", dt.date(2026, 1, 2), "2026-01-02", True),
        ("Date__c", dt.date(2026, 1, 2), dt.date(2026, 1, 3), False),
        ("Datetime__c", "2026-01-02T03:04:05Z", dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC), True),
        ("Datetime__c", "2026-01-02T03:04:05Z", "2026-01-02T05:04:05.25+02:00", True),
    ],
)
def test_keys_are_compared_as_the_field_does_it(org: Org, field: str, stored: Any, asked: Any, is_there: bool) -> None:
    (record,) = insert("Everything__c", org, **{field: [stored]})
    apis: tuple[Api, ...] = ("rest", "bulk")
    for api in apis:
        found = look(pl.DataFrame({"key": [asked]}), "Everything__c", field, ["Id"], on="key", org=org, api=api)
        assert found["Id"].to_list() == [record if is_there else None], api


def test_the_two_forms_of_an_id_are_one_key(org: Org, contacts: list[str]) -> None:
    id_ = contacts[0]
    frame = pl.DataFrame({"id": [id_, id_[:15], f" {id_}", id_[:15].swapcase(), None]})
    found = look(frame, "Contact", "Id", ["LastName"], org=org)
    assert found["LastName"].to_list() == ["Lovelace", "Lovelace", "Lovelace", None, None]


def test_a_reference_can_be_the_key(org: Org, contacts: list[str]) -> None:
    account = sfframe.read_soql("SELECT Id FROM Account", org=org)["Id"]
    found = look(account.to_frame(), "Contact", "AccountId", ["LastName"], on="Id", org=org)
    assert found["LastName"].to_list() == ["Lovelace"]


def test_integers_that_pandas_made_floats_are_found_by_their_digits(org: Org) -> None:
    (record,) = insert("Contact", org, LastName=["a"], ExternalId__c=["12"])
    frame = pd.DataFrame({"ExternalId__c": [12, None]})
    found = sfframe.bulk(frame).lookup("Contact", "ExternalId__c", ["Id"], org=org)
    assert column(found, "Id") == [record, None]


@pytest.mark.parametrize(
    ("field", "keys"),
    [
        ("ExternalId__c", ["a\0", "a" * 5000, "", "  ", None]),
        ("Id", ["", "abc", "x" * 16, "0035e00000A000!", "0035e00000A0002aab", "0035e00000a0002AAB"]),
        ("Account__c", ["abc"]),
        ("Integer__c", ["a", "1.5", "99999999999", "1e400"]),
        ("Integer__c", [1.5, float("inf"), float("nan"), 1e12]),
        ("Double__c", ["a", "-", "1,5"]),
        ("Double__c", [float("inf"), float("-inf"), float("nan"), 1e300]),
        ("Date__c", ["2026-02-30", "today", "0001-01-01", "9999-01-01"]),
        ("Date__c", [dt.date(1, 1, 1), dt.date(4000, 1, 1)]),
        ("Datetime__c", ["2026-01-01", "2026-01-01T00:00:00", "0001-01-01T00:00:00Z"]),
        ("Text__c", [None, None]),
    ],
)
def test_keys_that_the_org_cant_hold_are_not_asked_for(
    local: sfframe.LocalOrg, org: Org, field: str, keys: list[Any]
) -> None:
    insert("Everything__c", org, ExternalId__c=["a"])
    org.forget_describes()
    frame = pl.DataFrame({"key": keys})
    before = len(local.requests)
    found = look(frame, "Everything__c", field, ["CreatedDate", "Integer__c"], on="key", org=org)
    assert [request.kind for request in list(local.requests)[before:]] == ["describe"]
    assert found["CreatedDate"].null_count() == len(keys)
    assert found.schema == {"key": frame["key"].dtype, "CreatedDate": pl.Datetime("us", "UTC"), "Integer__c": pl.Int64}


def test_an_empty_frame_has_the_same_columns_as_a_full_one(
    local: sfframe.LocalOrg, org: Org, contacts: list[str], make_local_frame: MakeFrame
) -> None:
    fields = ["Id", "CreatedDate", "Account.Name", "Account.NumberOfEmployees"]
    before = local.count("rest")
    empty = sfframe.bulk(make_local_frame({"ExternalId__c": []}, ExternalId__c=pl.String))
    found = empty.lookup("Contact", "ExternalId__c", fields, org=org)
    assert local.count("rest") == before
    full = sfframe.bulk(make_local_frame({"ExternalId__c": ["ada-1"]})).lookup(
        "Contact", "ExternalId__c", fields, org=org
    )
    assert columns(found) == columns(full) == ["ExternalId__c", *fields]
    assert dtypes(found) == dtypes(full)


def test_money_can_be_decimal_and_lists_lists(org: Org, api: Api) -> None:
    insert("Everything__c", org, ExternalId__c=["a"], Currency__c=[1.5], Multipicklist__c=["Red;Blue"])
    found = sfframe.bulk(pl.DataFrame({"ExternalId__c": ["a", "b"]})).lookup(
        "Everything__c",
        "ExternalId__c",
        ["Currency__c", "Multipicklist__c"],
        org=org,
        decimals=True,
        multiselect="list",
    )
    assert found.rows() == [("a", Decimal("1.50"), ["Red", "Blue"]), ("b", None, None)]


# --- a key that the org holds twice -----------------------------------------------------------------------------------


def test_a_key_that_the_org_holds_twice_is_an_error_that_names_it(
    org: Org, make_local_frame: MakeFrame, api: Api
) -> None:
    ids = insert("Contact", org, LastName=["Ng", "ng", "Li", "Li", "Oe"])
    frame = make_local_frame({"LastName": ["NG", "Oe"]})
    with pytest.raises(sfframe.DuplicateKeys, match="Contact has several records with the same LastName") as caught:
        sfframe.bulk(frame).lookup("Contact", "LastName", ["Id"], org=org, api=api)
    assert all(id_ in str(caught.value) for id_ in ids[:2])
    assert "Li" not in str(caught.value)
    assert sorted(column(caught.value.records, "Id")) == sorted(ids[:2])
    assert sorted(column(caught.value.records, "LastName")) == ["Ng", "ng"]


def test_of_many_such_keys_some_are_named(org: Org) -> None:
    insert("Contact", org, LastName=[f"n{n}" for n in range(7) for _ in range(5)])
    frame = pl.DataFrame({"LastName": [f"n{n}" for n in range(7)]})
    with pytest.raises(sfframe.DuplicateKeys, match=r"and 4 more\.") as caught:
        look(frame, "Contact", "LastName", ["Id"], org=org)
    assert len(str(caught.value)) < 600
    assert caught.value.records.height == 35
    assert pickle.loads(pickle.dumps(caught.value)).records.height == 35


def test_a_record_whose_key_is_asked_for_in_two_spellings_is_no_duplicate(
    monkeypatch: pytest.MonkeyPatch, org: Org, contacts: list[str]
) -> None:
    monkeypatch.setattr(keys, "MOST_KEYS", 1)
    found = look(pl.DataFrame({"ExternalId__c": ["ADA-1", "ada-1"]}), "Contact", "ExternalId__c", ["Id"], org=org)
    assert found["Id"].to_list() == [contacts[0]] * 2


# --- columns ----------------------------------------------------------------------------------------------------------


def test_a_column_that_the_frame_has_already_is_an_error_or_gets_the_suffix(
    local: sfframe.LocalOrg, org: Org, contacts: list[str], make_local_frame: MakeFrame
) -> None:
    frame = make_local_frame({"ExternalId__c": ["ADA-1"], "LastName": ["Byron"]})
    fields = ["id", "lastname", "externalid__c"]
    before = local.count("rest")
    with pytest.raises(sfframe.SchemaError, match=r"'LastName'.*suffix='_org'") as caught:
        sfframe.bulk(frame).lookup("Contact", "ExternalId__c", fields, org=org)
    assert column(caught.value.problems, "column") == ["LastName", "ExternalId__c"]
    assert local.count("rest") == before
    found = sfframe.bulk(frame).lookup("Contact", "ExternalId__c", fields, suffix="_org", org=org)
    assert columns(found) == ["ExternalId__c", "LastName", "Id", "LastName_org", "ExternalId__c_org"]
    assert column(found, "LastName_org") == ["Lovelace"]
    assert column(found, "ExternalId__c_org") == ["Ada-1"]


def test_a_suffix_that_doesnt_help_is_an_error(org: Org) -> None:
    frame = pl.DataFrame({"Id": ["x"], "Id_": ["y"]})
    with pytest.raises(sfframe.SchemaError, match=r"'Id_'.*another suffix"):
        look(frame, "Contact", "Id", ["Id"], suffix="_", org=org)


def test_the_key_column_may_have_another_name_or_case(org: Org, contacts: list[str]) -> None:
    for frame, on in (({"EXTERNALID__C": ["ada-1"]}, None), ({"k": ["ada-1"], "ExternalId__c": [1]}, "k")):
        assert look(pl.DataFrame(frame), "Contact", "ExternalId__c", ["Id"], on=on, org=org)["Id"].item() == contacts[0]


@pytest.mark.parametrize(
    ("frame", "on", "message"),
    [
        (pl.DataFrame({"Extern": ["a"]}), None, "no key column 'ExternalId__c'.*Did you mean 'Extern'.*on="),
        (pl.DataFrame({"keys": ["a"]}), "key", "on= names 'key', but the frame has no such column.*mean 'keys'"),
        (pl.DataFrame({"EXTERNALID__C": ["a"], "externalid__c": ["a"]}), None, "several columns.*on="),
        (pd.DataFrame([["a", "b"]], columns=["ExternalId__c"] * 2), None, "several columns"),
        (pd.DataFrame({"a": [1]}, index=pd.Index(["x"], name="ExternalId__c")), None, "in the index.*reset_index"),
        (pl.DataFrame({"^k$": ["a"]}), "^k$", "pattern"),
    ],
)
def test_a_frame_without_a_column_of_keys_is_told_before_anything_is_asked(
    local: sfframe.LocalOrg, org: Org, frame: Any, on: str | None, message: str
) -> None:
    before = len(local.requests)
    with pytest.raises(sfframe.SchemaError, match=message) as caught:
        sfframe.bulk(frame).lookup("Contact", "ExternalId__c", ["Id"], on=on, org=org)
    assert type(caught.value.problems) is type(frame)
    assert len(local.requests) == before


@pytest.mark.parametrize(
    ("key", "fields", "message"),
    [
        ("ExternalId__c", ["LastNme"], "LastNme.*Did you mean 'LastName'"),
        ("ExternalId__c", ["Account.Nam"], "Did you mean 'Name'"),
        ("ExternalId__c", ["Id", "ID"], "Id is wanted twice"),
        ("ExternalId__c", ["Id FROM Contact"], "is no field"),
        ("ExternalId__c", ["COUNT(Id)"], "is no field"),
        ("ExternalId__c", [], "no field is wanted"),
        ("ExternalId", ["Id"], "no field 'ExternalId'.*Did you mean 'ExternalId__c'"),
        ("Description", ["Id"], "no records can be looked up.*ExternalId__c"),
        ("HasOptedOutOfEmail", ["Id"], "boolean"),
        ("MailingAddress", ["Id"], "address"),
    ],
)
def test_what_the_object_cant_give_is_told_before_data_is_asked_for(
    local: sfframe.LocalOrg, org: Org, key: str, fields: list[str], message: str
) -> None:
    before = local.count("rest")
    with pytest.raises(sfframe.SoqlError, match=message):
        look(pl.DataFrame({key: ["a"]}), "Contact", key, fields, org=org)
    assert local.count("rest") == before


@pytest.mark.parametrize(
    ("field", "values", "message"),
    [
        ("ExternalId__c", pl.Series([b"a"]), "Binary"),
        ("ExternalId__c", pl.Series([["a"]]), "List"),
        ("Integer__c", pl.Series([dt.date(2026, 1, 1)]), "Date values"),
        ("Id", pl.Series([1]), "Int64 values"),
        ("Datetime__c", pl.Series([dt.datetime(2026, 1, 1)]), "without a time zone.*Localise"),
        ("Text__c", pd.Series([1, "a"], dtype=object), "several kinds"),
    ],
)
def test_values_that_are_no_keys_of_the_field_are_told(org: Org, field: str, values: Any, message: str) -> None:
    frame = pl.DataFrame({"k": values}) if isinstance(values, pl.Series) else pd.DataFrame({"k": values})
    with pytest.raises(sfframe.UnsupportedTypeError, match=f"'k'.*{message}"):
        sfframe.bulk(frame).lookup("Everything__c", field, ["CreatedDate"], on="k", org=org)


# --- how the org is asked ---------------------------------------------------------------------------------------------


def requests_of(local: sfframe.LocalOrg, before: int) -> list[str]:
    """The kinds of the requests since then; looks at a job and pages left out."""
    kinds = [request.kind for request in list(local.requests)[before:]]
    return [kind for kind in kinds if kind in ("rest", "query_create")]


def test_each_key_is_asked_for_once_in_one_request(local: sfframe.LocalOrg, org: Org, contacts: list[str]) -> None:
    frame = pl.DataFrame({"ExternalId__c": ["ada-1", "ada-1 ", None, "alan-2"] * 2000})
    before = len(local.requests)
    found = look(frame, "Contact", "ExternalId__c", ["Id"], org=org)
    assert requests_of(local, before) == ["rest"]
    assert found["Id"].to_list() == [contacts[0], contacts[0], None, contacts[1]] * 2000


def test_two_thousand_keys_are_one_request_and_more_come_some_at_once(local: sfframe.LocalOrg, org: Org) -> None:
    names = [f"a key of some length {n:05d}" for n in range(4_100)]
    ids = insert("Contact", org, LastName=names, ExternalId__c=names)
    frame = pl.DataFrame({"ExternalId__c": names})
    before = len(local.requests)
    found = look(frame, "Contact", "ExternalId__c", ["Id"], org=org)
    assert found["Id"].to_list() == ids
    assert requests_of(local, before) == ["rest"] * 3


def test_long_keys_go_in_statements_that_the_org_takes(local: sfframe.LocalOrg, org: Org) -> None:
    names = [f"{n:03d}{chr(39) * 125}{chr(0x4E00) * 125}" for n in range(300)]
    ids = insert("Everything__c", org, Text__c=names)
    before = len(local.requests)
    found = look(pl.DataFrame({"Text__c": names}), "Everything__c", "Text__c", ["Id"], org=org)
    assert found["Id"].to_list() == ids
    assert requests_of(local, before) == ["rest"] * 2


@pytest.mark.parametrize(
    ("job_requests", "records_for_a_request", "expected"),
    [
        (4, 1, ["rest"] * 4),
        (3, 100, ["rest", "query_create"]),
        (3, 9, ["rest"] * 5),  # that of COUNT() too
        (3, 10, ["rest"] * 5),
        (3, 11, ["rest", "query_create"]),
    ],
)
def test_a_job_is_made_where_it_costs_less_than_the_batches(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    local: sfframe.LocalOrg,
    org: Org,
    job_requests: int,
    records_for_a_request: int,
    expected: list[str],
) -> None:
    ids = insert("Contact", org, LastName=["x"] * 12, ExternalId__c=[f"k{n}" if n < 10 else None for n in range(12)])
    monkeypatch.setattr(keys, "MOST_KEYS", 2)
    monkeypatch.setattr(lookup, "JOB_REQUESTS", job_requests)
    monkeypatch.setattr(lookup, "RECORDS_FOR_A_REQUEST", records_for_a_request)
    before = len(local.requests)
    frame = pl.DataFrame({"ExternalId__c": [f"K{n}" for n in range(8)]})
    with caplog.at_level("INFO", "sfframe.query"):
        found = look(frame, "Contact", "ExternalId__c", ["Id"], org=org)
    assert found["Id"].to_list() == ids[:8]
    assert requests_of(local, before) == expected
    assert f"over {'bulk' if 'query_create' in expected else 'rest'}:" in caplog.text


def test_compound_fields_come_over_rest_however_many_keys_there_are(
    monkeypatch: pytest.MonkeyPatch, local: sfframe.LocalOrg, org: Org
) -> None:
    insert("Contact", org, LastName=["x"] * 3, ExternalId__c=["a", "b", "c"], MailingCity=["Rome", None, "Oslo"])
    monkeypatch.setattr(keys, "MOST_KEYS", 1)
    monkeypatch.setattr(lookup, "JOB_REQUESTS", 0)
    frame = pl.DataFrame({"ExternalId__c": ["a", "b", "c"]})
    found = look(frame, "Contact", "ExternalId__c", ["MailingAddress"], org=org)
    assert found["MailingAddress"].struct.field("city").to_list() == ["Rome", None, "Oslo"]


def test_one_failed_batch_is_one_plain_error(
    monkeypatch: pytest.MonkeyPatch, local: sfframe.LocalOrg, org: Org, contacts: list[str]
) -> None:
    monkeypatch.setattr(keys, "MOST_KEYS", 1)
    local.faults.append(Fault("rest", "status", status=400, nth=2, times=1))
    with pytest.raises(sfframe.ApiError):
        look(pl.DataFrame({"ExternalId__c": list("abcdefgh")}), "Contact", "ExternalId__c", ["Id"], org=org)


def test_what_the_org_reserves_for_others_is_kept(
    monkeypatch: pytest.MonkeyPatch, local: sfframe.LocalOrg, contacts: list[str]
) -> None:
    monkeypatch.setattr(keys, "MOST_KEYS", 1)
    auth = sfframe.ClientCredentials(local.client_id, local.client_secret)
    sparing = Org(local.url, auth, quota_reserve=0.999999)
    before = local.count("rest")
    with pytest.raises(sfframe.QuotaReserved, match="the lookup would need about 2 of DailyApiRequests"):
        look(pl.DataFrame({"ExternalId__c": ["a", "b"]}), "Contact", "ExternalId__c", ["Id"], org=sparing)
    assert local.count("rest") == before


def test_passing_faults_are_borne(org: Org, local: sfframe.LocalOrg, contacts: list[str], api: Api) -> None:
    local.faults.extend(Fault(kind, "drop", times=1) for kind in ("rest", "query_create", "query_results"))
    frame = pl.DataFrame({"ExternalId__c": ["ada-1"]})
    assert look(frame, "Contact", "ExternalId__c", ["Id"], org=org, api=api)["Id"].item() == contacts[0]
    assert local.faults_met


def test_the_time_for_all_of_it_can_be_bounded(org: Org, contacts: list[str]) -> None:
    frame = pl.DataFrame({"ExternalId__c": ["ada-1"]})
    with pytest.raises(sfframe.JobTimeout, match="timeout=0 s was up"):
        sfframe.bulk(frame).lookup("Contact", "ExternalId__c", ["Id"], org=org, timeout=0)


def test_the_orgs_defaults_hold_where_the_call_says_nothing(local: sfframe.LocalOrg, org: Org) -> None:
    insert("Everything__c", org, ExternalId__c=["a"], Currency__c=[1.5])
    frame = pl.DataFrame({"ExternalId__c": ["a"]})
    exact = Org(local.url, org.auth, defaults={"decimals": True})
    for the_org, decimals, dtype in (
        (org, None, pl.Float64),
        (exact, None, pl.Decimal(38, 2)),
        (exact, False, pl.Float64),
    ):
        found = look(frame, "Everything__c", "ExternalId__c", ["Currency__c"], org=the_org, decimals=decimals)
        assert found.schema["Currency__c"] == dtype


def test_an_option_takes_no_other_values(local: sfframe.LocalOrg, org: Org) -> None:
    before = len(local.requests)
    with pytest.raises(ValueError, match="api='soap' is none of"):
        look(pl.DataFrame({"Id": []}), "Contact", "Id", ["LastName"], org=org, api="soap")
    assert len(local.requests) == before


async def test_it_can_be_awaited(org: Org, contacts: list[str]) -> None:
    frame = pl.DataFrame({"ExternalId__c": ["ada-1"]})
    found = await sfframe.bulk(frame).lookup_async("Contact", "ExternalId__c", ["Id"], org=org)
    assert found["Id"].item() == contacts[0]


# --- for any keys and any table ---------------------------------------------------------------------------------------

TEXTS = st.text(st.sampled_from("aAbBéÉ'\\%_ \n\u00a0σΣß1"), max_size=4)


def folded(text: str | None, *, ignores_case: bool) -> str | None:
    """A key as the field compares it, in plain Python; `None`: it is none."""
    plain = (text or "").strip("".join(map(chr, range(33))))
    return (plain.lower().replace("ς", "σ") if ignores_case else plain) or None


@settings(max_examples=scaled(20), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    stored=st.lists(TEXTS, max_size=12),
    asked=st.lists(st.none() | TEXTS, max_size=12),
    field=st.sampled_from(["ExternalId__c", "Code__c", "Text__c"]),
    api=st.sampled_from(["rest", "bulk"]),
    most=st.integers(1, 4),
)
def test_it_is_a_join_by_the_fields_rule(
    started_local: sfframe.LocalOrg, stored: list[str], asked: list[str | None], field: str, api: Api, most: int
) -> None:
    ignores_case = field != "Code__c"
    table = {key: text for text in stored if (key := folded(text, ignores_case=ignores_case))}
    with started_local.fresh() as org, pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys, "MOST_KEYS", most)
        ids = insert("Everything__c", org, **{field: list(table.values())}) if table else []
        by_key = dict(zip(table, ids, strict=True))
        frame = pl.DataFrame({"key": asked}, schema={"key": pl.String})
        found = look(frame, "Everything__c", field, ["Id"], on="key", org=org, api=api)
    assert found["key"].to_list() == asked
    assert found["Id"].to_list() == [by_key.get(folded(text, ignores_case=ignores_case) or "") for text in asked]


@given(lengths=st.lists(st.integers(2, 60), max_size=40), room=st.integers(60, 200))
def test_batches_fit_and_hold_each_key_once_in_order(lengths: list[int], room: int) -> None:
    given_keys = [f"{n:{'0'}>{length}}" for n, length in enumerate(lengths)]
    made = keys.batches(given_keys, room)
    assert [key for batch in made for key in batch] == given_keys
    assert all(len(",".join(batch)) <= room for batch in made)
    assert all(len(",".join((*one, other[0]))) > room for one, other in itertools.pairwise(made))
