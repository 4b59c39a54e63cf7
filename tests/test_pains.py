"""What hurts people in the tools of today, each pain by its name. Logins have theirs in `org/`."""

# mypy: disable-error-code="attr-defined"
# Accessors are invisible to type checkers, and here they are called as users call them.

from __future__ import annotations

import datetime as dt
import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import sfframe
from sfframe.localorg.faults import Fault
from sfframe.localorg.manners import Manners
from sfframe.progress import Event, JobCreated, JobFinished, PartUploaded

from .conftest import MakeFrame, column, in_one


def stored(local: sfframe.LocalOrg, name: str, sobject: str = "Contact") -> list[Any]:
    return list(local.rows(sobject)[name].to_pylist())


def test_every_row_was_rejected_and_the_run_is_green(org: sfframe.Org, make_frame: MakeFrame) -> None:
    frame = make_frame({"LastName": ["a", "b"], "Email": ["no mail", "none either"]})
    with pytest.warns(sfframe.RecordsFailedWarning, match="2 FAILED"):
        result = (
            frame.sfbulk.insert("Contact", org=org)
            if hasattr(frame, "sfbulk")
            else sfframe.ingest(frame, "Contact", "insert", org=org)
        )
    assert not result
    assert repr(result).startswith("NOT OK")
    with pytest.raises(sfframe.RecordsFailed):
        result.raise_for_failures()


def test_which_of_my_rows_failed_and_which_got_which_id(
    local: sfframe.LocalOrg, org: sfframe.Org, make_frame: MakeFrame
) -> None:
    names = [f"n{i}" for i in range(500)]
    mails = ["bad" if i % 7 == 0 else f"{i}@example.com" for i in range(500)]
    frame = make_frame({"LastName": names, "Email": mails, "FirstName": ["same"] * 500})
    result = sfframe.ingest(frame, "Contact", "insert", org=org, on_failure="return")
    assert column(result.failed_results, "LastName") == [n for n, m in zip(names, mails, strict=True) if m == "bad"]
    ids = dict(zip(stored(local, "LastName"), stored(local, "Id"), strict=True))
    good = column(result.successful_results, "LastName")
    assert good == [n for n, m in zip(names, mails, strict=True) if m != "bad"]
    assert column(result.successful_results, "sf__Id") == [ids[name] for name in good]


def test_nan_nat_and_none_reach_salesforce_as_text(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    frame = pd.DataFrame(
        {
            "LastName": ["a", "b", "c"],
            "Score__c": [np.nan, 1.5, None],
            "Birthdate": [pd.NaT, pd.Timestamp("2020-02-29"), None],
            "FirstName": pd.array([None, "x", pd.NA], dtype="string"),
            "Visits__c": pd.array([1, None, 3], dtype="Int64"),
            "Title": pd.Series([None, float("nan"), "t"], dtype=object),
        }
    )
    assert frame.sfbulk.insert("Contact", org=org)
    assert stored(local, "Score__c") == [None, 1.5, None]
    assert stored(local, "Birthdate") == [None, dt.date(2020, 2, 29), None]
    assert stored(local, "FirstName") == [None, "x", None]
    assert stored(local, "Title") == [None, None, "t"]


def test_do_not_wipe_my_fields_against_how_do_i_clear_a_field(
    local: sfframe.LocalOrg, org: sfframe.Org, make_frame: MakeFrame
) -> None:
    first = make_frame({"ExternalId__c": ["k"], "LastName": ["a"], "Phone": ["1"], "Title": ["t"]})
    assert sfframe.ingest(first, "Contact", "upsert", "ExternalId__c", org=org)
    gaps = make_frame({"ExternalId__c": ["k"], "Phone": [None], "Title": [None]}, Phone=pl.String, Title=pl.String)
    assert sfframe.ingest(gaps, "Contact", "upsert", "ExternalId__c", org=org)
    assert (stored(local, "Phone"), stored(local, "Title")) == (["1"], ["t"])
    assert sfframe.ingest(gaps, "Contact", "upsert", "ExternalId__c", org=org, nulls={"Phone": "clear"})
    assert (stored(local, "Phone"), stored(local, "Title")) == ([None], ["t"])
    assert sfframe.ingest(gaps, "Contact", "upsert", "ExternalId__c", org=org, nulls="clear")
    assert (stored(local, "Phone"), stored(local, "Title")) == ([None], [None])


def test_line_breaks_and_odd_separators_break_or_vanish(
    local: sfframe.LocalOrg, org: sfframe.Org, make_frame: MakeFrame
) -> None:
    texts = [
        f"one{sep}two"
        for sep in ["\n", "\r\n", "\r", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029", ",;|\t\"'"]
    ]
    frame = make_frame({"LastName": [f"{i:02}" for i in range(len(texts))], "Description": texts})
    result = sfframe.ingest(frame, "Contact", "insert", org=org)
    assert result
    assert column(result.successful_results, "Description") == texts
    assert [
        text for _, text in sorted(zip(stored(local, "LastName"), stored(local, "Description"), strict=True))
    ] == texts


def test_big_loads_hold_no_more_than_two_payloads(org: sfframe.Org) -> None:
    frame = pl.DataFrame({"LastName": [f"n{i}" for i in range(400)]})
    held: set[str] = set()
    most = 0

    def watch(event: Event) -> None:
        nonlocal most
        if isinstance(event, JobCreated):
            held.add(event.job_id)
            most = max(most, len(held))
        if isinstance(event, PartUploaded):
            held.discard(event.job_id)

    result = frame.sfbulk.insert("Contact", org=org, max_records=20, max_concurrent_jobs=10, progress=watch)
    assert len(result.jobs) == 20
    assert 1 <= most <= 2


@pytest.mark.parametrize("max_payload_bytes", [60, 61, 97, 300])
def test_over_the_limit_fails_or_the_last_row_at_an_edge_is_lost(
    local: sfframe.LocalOrg, org: sfframe.Org, max_payload_bytes: int
) -> None:
    frame = pl.DataFrame({"LastName": [f"n{i}" for i in range(20)], "Title": ["ü" * (i % 9) for i in range(20)]})
    result = frame.sfbulk.insert("Contact", org=org, max_payload_bytes=max_payload_bytes)
    assert result
    assert len(result.jobs) > 1
    assert sorted(stored(local, "LastName")) == sorted(frame["LastName"])


def test_unable_to_lock_row(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    local.faults.append(Fault("rows", "lock", match="b", times=1))
    result = pl.DataFrame({"LastName": ["a", "b", "c"]}).sfbulk.insert("Contact", org=org)
    assert result
    assert sorted(stored(local, "LastName")) == ["a", "b", "c"]


def test_rows_of_one_parent_lock_each_other_unless_they_go_together(org: sfframe.Org) -> None:
    frame = pl.DataFrame({"LastName": [f"n{i}" for i in range(90)], "Title": [f"g{i % 9}" for i in range(90)]})
    parts = list(frame.sfbulk.payloads("Contact", "insert", org=org, group_by="Title", max_records=25))
    groups = [set(pl.read_csv(part)["Title"]) for part in parts]
    assert sum(map(len, groups)) == 9  # no group is in two parts
    assert [len(g) for g in groups] == [2, 2, 2, 2, 1]


def test_the_token_dies_in_a_long_run(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    local.faults.append(Fault("results", "expire"))
    assert pl.DataFrame({"LastName": ["a"]}).sfbulk.insert("Contact", org=org)


def test_polling_times_out_and_the_job_is_lost(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    local.faults.append(Fault("job", "stuck", after_rows=0))
    with pytest.raises(sfframe.JobTimeout) as caught:
        pl.DataFrame({"LastName": ["a"]}).sfbulk.insert("Contact", org=org, timeout=0.3)
    (job_id,) = caught.value.job_ids
    assert job_id in str(caught.value)
    local.release_jobs()

    async def collect() -> bytes:
        while not (await org.ingest.get_job(job_id)).is_final:
            pass
        return await org.ingest.successful_results(job_id)

    assert b'"a"' in sfframe.run(collect())


def test_integers_with_gaps_become_text_with_a_point(org: sfframe.Org) -> None:
    frame = pd.DataFrame({"LastName": ["a", "b", "c"], "Visits__c": [1, None, 12_345_678]})
    assert frame["Visits__c"].dtype == float
    (payload,) = frame.sfbulk.payloads("Contact", "insert", org=org)
    assert payload == b'"LastName","Visits__c"\n"a","1"\n"b",""\n"c","12345678"\n'


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Honolulu", "Europe/Berlin"])
def test_dates_are_shifted_by_a_day(local: sfframe.LocalOrg, org: sfframe.Org, zone: str) -> None:
    midnight = pd.Timestamp("2024-03-31")
    frame = pd.DataFrame(
        {
            "LastName": ["naive", "aware", "date"],
            "Birthdate": pd.Series([midnight, midnight, midnight]).dt.tz_localize(zone),
        }
    )
    assert frame.sfbulk.insert("Contact", org=org)
    assert pd.DataFrame({"LastName": ["x"], "Birthdate": [midnight]}).sfbulk.insert("Contact", org=org)
    assert pd.DataFrame({"LastName": ["y"], "Birthdate": [midnight.date()]}).sfbulk.insert("Contact", org=org)
    assert set(stored(local, "Birthdate")) == {dt.date(2024, 3, 31)}


def test_no_zone_is_ever_assumed(org: sfframe.Org) -> None:
    frame = pd.DataFrame({"LastName": ["a"], "LastVisit__c": [pd.Timestamp("2024-03-31 12:00")]})
    with pytest.raises(sfframe.PayloadError, match="naive_datetimes='Europe/Berlin'"):
        frame.sfbulk.insert("Contact", org=org)
    (payload,) = frame.sfbulk.payloads("Contact", "insert", org=org, naive_datetimes="Europe/Berlin")
    assert b"2024-03-31T10:00:00.000Z" in payload


def test_a_typo_in_a_column_kills_the_job_after_the_upload(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    before = local.count("create")
    with pytest.raises(sfframe.SchemaError, match="Did you mean 'LastName'"):
        pl.DataFrame({"LastNam": ["a"], "FirstName": ["b"]}).sfbulk.insert("Contact", org=org)
    assert local.count("create") == before


def test_a_column_in_the_wrong_case_loads_and_vanishes_from_the_results(
    org: sfframe.Org, make_frame: MakeFrame
) -> None:
    frame = in_one(make_frame({"LASTNAME": ["a", "b"], "eMail": ["no mail", "b@example.com"]}))
    result = sfframe.ingest(frame, "contact", "insert", org=org, on_failure="return")
    assert column(result.failed_results, "LASTNAME") == ["a"]
    assert column(result.failed_results, "eMail") == ["no mail"]
    (payload,) = sfframe.bulk(frame).payloads("contact", "insert", org=org)
    assert payload.startswith(b'"LastName","Email"\n')


def test_zero_rows_crash_or_lose_the_columns(local: sfframe.LocalOrg, org: sfframe.Org, make_frame: MakeFrame) -> None:
    frame = make_frame({"LastName": [], "Visits__c": []}, LastName=pl.String, Visits__c=pl.Int64)
    before = local.count("create")
    result = sfframe.ingest(frame, "Contact", "insert", org=org)
    assert local.count("create") == before
    assert column(result.successful_results, "LastName") == []
    assert column(result.failed_results, "sf__Error") == []
    with pytest.raises(sfframe.SchemaError):
        sfframe.ingest(make_frame({"LastNam": []}, LastNam=pl.String), "Contact", "insert", org=org)


def test_fields_over_131072_characters_crash_the_reader_after_the_job_has_succeeded(
    local: sfframe.LocalOrg, org: sfframe.Org
) -> None:
    local.define("Letter__c", {"Body__c": {"type": "textarea", "length": 131_072}, "Ext__c": "string"})
    frame = pl.DataFrame({"Body__c": ["x\n" * 65_536, "é" * 131_072], "Ext__c": ["1", "2"]})
    result = frame.sfbulk.insert("Letter__c", org=org)
    assert result
    assert result.successful_results["Body__c"].equals(frame["Body__c"])
    with pytest.raises(sfframe.PayloadError, match="131,072"):
        pl.DataFrame({"Body__c": ["x" * 131_073]}).sfbulk.insert("Letter__c", org=org)


def test_the_same_external_id_twice(org: sfframe.Org, make_frame: MakeFrame) -> None:
    frame = make_frame({"ExternalId__c": ["a", "b", "A"], "LastName": ["1", "2", "3"]})
    with pytest.raises(sfframe.PayloadError, match="several rows") as caught:
        sfframe.ingest(frame, "Contact", "upsert", "ExternalId__c", org=org)
    assert column(caught.value.problems, "code") == ["DUPLICATE_KEY"]
    assert column(caught.value.problems, "rows") == [2]


def test_delete_fails_because_of_other_columns(
    local: sfframe.LocalOrg, org: sfframe.Org, make_frame: MakeFrame
) -> None:
    made = sfframe.ingest(make_frame({"LastName": ["a", "b"]}), "Contact", "insert", org=org)
    ids = column(made.successful_results, "sf__Id")
    frame = make_frame({"Id": ids, "no such field": [1, 2]})
    assert sfframe.ingest(frame, "Contact", "delete", org=org)
    assert stored(local, "IsDeleted") == [True, True]


async def test_this_event_loop_is_already_running(org: sfframe.Org) -> None:
    """A blocking call inside a running loop, as in a notebook's cell."""
    assert pl.DataFrame({"LastName": ["a"]}).sfbulk.insert("Contact", org=org)


def test_polling_eats_the_api_quota(local: sfframe.LocalOrg) -> None:
    local.faults.append(Fault("job", "stuck", after_rows=0))
    org = sfframe.Org(
        local.url,
        sfframe.ClientCredentials(local.client_id, local.client_secret),
        poll=sfframe.PollPolicy(first_wait_s=0.01, growth=2.0),
    )
    with pytest.raises(sfframe.JobTimeout):
        pl.DataFrame({"LastName": ["a"]}).sfbulk.insert("Contact", org=org, timeout=1.0)
    assert local.count("get_job") <= 8  # 0.01 + 0.02 + ... + 0.64 s
    assert org.api_usage is not None
    assert org.api_usage.used >= local.count("get_job")
    local.release_jobs()


def test_a_loop_of_failing_calls_warns_each_time(org: sfframe.Org) -> None:
    bad = pd.DataFrame({"LastName": ["a"], "Email": ["no mail"]})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(4):
            bad.sfbulk.insert("Contact", org=org)
    assert len(caught) == 4


def test_other_jobs_finish_when_one_fails(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    local.faults.append(Fault("job", "fail", nth=1, after_rows=0))
    finished: list[str] = []

    def watch(event: Event) -> None:
        if isinstance(event, JobFinished):
            finished.append(event.state)

    frame = pl.DataFrame({"LastName": [f"n{i}" for i in range(40)]})
    with pytest.raises(sfframe.JobFailed) as caught:
        frame.sfbulk.insert("Contact", org=org, max_records=10, progress=watch)
    assert sorted(finished) == ["Failed", "JobComplete", "JobComplete", "JobComplete"]
    assert caught.value.result.counts["successful"] == 30


# --- reading ----------------------------------------------------------------------------------------------------------

BOTH = pytest.mark.parametrize("api", ["rest", "bulk"])
ANY_BACKEND = pytest.mark.parametrize("backend", ["polars", "pandas", "pyarrow"])


@BOTH
@ANY_BACKEND
def test_na_null_007_and_1e5_are_mangled_on_read(org: sfframe.Org, api: Any, backend: Any) -> None:
    texts = ["NA", "null", "007", "1E5", "NaN", "None", "true", "1.0", "-", "#VALUE!", "2024-01-01"]
    assert pl.DataFrame({"LastName": texts}).sfbulk.insert("Contact", org=org)
    frame = sfframe.read_soql("SELECT LastName FROM Contact ORDER BY Id", api=api, backend=backend, org=org)
    assert column(frame, "LastName") == texts


@BOTH
def test_integers_with_gaps_are_read_as_floats(org: sfframe.Org, api: Any) -> None:
    frame = pl.DataFrame({"Name": ["a", "b", "c"], "NumberOfEmployees": [1, None, 12_345_678]})
    assert frame.sfbulk.insert("Account", org=org)
    found = sfframe.read_soql("SELECT NumberOfEmployees FROM Account ORDER BY Name", api=api, org=org)
    assert found.schema == {"NumberOfEmployees": pl.Int64()}
    assert found["NumberOfEmployees"].to_list() == [1, None, 12_345_678]


@BOTH
@ANY_BACKEND
def test_dates_are_shifted_by_a_day_on_read(org: sfframe.Org, api: Any, backend: Any) -> None:
    days = [dt.date(1700, 1, 2), dt.date(2024, 2, 29), dt.date(3999, 12, 31)]
    moment = dt.datetime(2024, 3, 31, 0, 30, tzinfo=dt.UTC)
    frame = pl.DataFrame({"LastName": ["a", "b", "c"], "Birthdate": days, "LastVisit__c": [moment] * 3})
    assert frame.sfbulk.insert("Contact", org=org)
    soql = "SELECT Birthdate, LastVisit__c FROM Contact ORDER BY LastName"
    found = sfframe.read_soql(soql, api=api, backend=backend, org=org)
    assert [f"{day:%Y-%m-%d}" for day in column(found, "Birthdate")] == [f"{day:%Y-%m-%d}" for day in days]
    assert column(found, "LastVisit__c") == [moment] * 3


@BOTH
def test_line_breaks_and_odd_separators_break_or_vanish_on_read(org: sfframe.Org, api: Any) -> None:
    texts = [f"one{sep}two" for sep in ["\n", "\r\n", "\r", "\x0b", "\x1c", "\x85", "\u2028", '",;|\t"""\'\\']]
    frame = pl.DataFrame({"LastName": [f"{i:02}" for i in range(len(texts))], "Description": texts})
    assert frame.sfbulk.insert("Contact", org=org)
    found = sfframe.read_soql("SELECT Description FROM Contact ORDER BY LastName", api=api, org=org)
    assert found["Description"].to_list() == texts


@BOTH
@ANY_BACKEND
def test_no_row_loses_the_columns_on_read(org: sfframe.Org, api: Any, backend: Any) -> None:
    soql = "SELECT Id, lastname, Birthdate, Score__c, Account.Name FROM Contact"
    empty = sfframe.read_soql(soql, api=api, backend=backend, org=org)
    assert pl.DataFrame({"LastName": ["a"], "Score__c": [1.5]}).sfbulk.insert("Contact", org=org)
    full = sfframe.read_soql(soql, api=api, backend=backend, org=org)
    if backend == "pyarrow":
        assert empty.schema == full.schema
    else:
        assert list(empty.columns) == ["Id", "LastName", "Birthdate", "Score__c", "Account.Name"]
        assert list(empty.dtypes) == list(full.dtypes)


@BOTH
def test_fields_over_131072_characters_crash_the_reader(local: sfframe.LocalOrg, org: sfframe.Org, api: Any) -> None:
    local.define("Letter__c", {"Body__c": {"type": "textarea", "length": 131_072}, "Ext__c": "string"})
    bodies = ["x\n" * 65_535 + "xx", "é" * 131_072]
    assert pl.DataFrame({"Body__c": bodies, "Ext__c": ["1", "2"]}).sfbulk.insert("Letter__c", org=org)
    found = sfframe.read_soql("SELECT Body__c FROM Letter__c ORDER BY Ext__c", api=api, org=org)
    assert found["Body__c"].to_list() == bodies


def test_a_typo_in_a_select_list_kills_the_job_after_it_ran(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    with pytest.raises(sfframe.SoqlError, match="Did you mean 'LastName'"):
        sfframe.read_soql("SELECT LastNam FROM Contact", org=org)
    assert local.count("query_create") == local.count("rest") == 0


def test_a_quote_in_a_name_breaks_the_statement_or_becomes_a_part_of_it(org: sfframe.Org) -> None:
    names = ["O'Neil", "x' OR LastName != '", "back\\", "\\' OR Id != null"]
    assert pl.DataFrame({"LastName": names}).sfbulk.insert("Contact", org=org)
    for name in names:
        found = sfframe.read_soql("SELECT LastName FROM Contact WHERE LastName = :n", params={"n": name}, org=org)
        assert found["LastName"].to_list() == [name]


@pytest.mark.parametrize("is_stripped", [False, True])
def test_a_bulk_query_gives_text_of_the_first_page_only(is_stripped: bool) -> None:
    """And where a proxy strips `Sforce-*` headers, an endless loop or no rows."""
    with sfframe.LocalOrg(manners=Manners(query_page_rows=40)) as local:
        frame = pl.DataFrame({"LastName": [f"n{i:03}" for i in range(100)], "Score__c": [i / 4 for i in range(100)]})
        assert frame.sfbulk.insert("Contact", org=local.org)
        if is_stripped:
            local.faults.append(Fault("query_results", "omit", times=None, names=("Sforce-*",)))
        soql = "SELECT LastName, Score__c FROM Contact ORDER BY LastName"
        assert sfframe.read_soql(soql, api="bulk", org=local.org).equals(frame)
