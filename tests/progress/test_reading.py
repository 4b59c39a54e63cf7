"""Reading: what each way of reading tells while it runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import sfframe
from sfframe.localorg import Fault
from sfframe.progress import (
    KeysLookedUp,
    LookupStarted,
    PageRead,
    QueryAnswered,
    QueryFinished,
    QueryJobCreated,
    QueryJobProgressed,
    QueryJobTakenUp,
    QueryStarted,
    Stopped,
)

SOQL = "SELECT Id, LastName FROM Contact"
ROWS = 2_500  # two pages over REST


@pytest.fixture(scope="module")
def stocked(started_local: sfframe.LocalOrg, started_org: sfframe.Org) -> sfframe.Org:
    """An org with contacts; the tests here change nothing."""
    started_local.reset()
    frame = pl.DataFrame({"LastName": [f"n{n}" for n in range(ROWS)], "ExternalId__c": [f"k{n}" for n in range(ROWS)]})
    sfframe.ingest(frame, "Contact", "insert", org=started_org, progress=False)
    return started_org


def kinds(events: list[Any]) -> list[str]:
    return [type(event).__name__ for event in events]


def test_a_read_over_rest_tells_how_many_rows_there_are_and_each_page(stocked: sfframe.Org) -> None:
    events: list[Any] = []
    sfframe.read_soql(SOQL, org=stocked, api="rest", progress=events.append)
    assert events[:2] == [
        QueryStarted(host=stocked.host, sobject="Contact"),
        QueryAnswered(transport="rest", rows=ROWS),
    ]
    assert [event.rows for event in events[2:-1]] == [2_000, 500]
    assert all(event.n_bytes > 60 * event.rows for event in events[2:-1])
    assert events[-1] == QueryFinished(rows=ROWS)


def test_a_read_by_a_query_job_tells_of_the_job_first(stocked: sfframe.Org) -> None:
    events: list[Any] = []
    sfframe.read_soql(SOQL, org=stocked, api="bulk", progress=events.append)
    assert list(dict.fromkeys(kinds(events))) == [
        "QueryStarted", "QueryJobCreated", "QueryJobProgressed", "QueryAnswered", "PageRead", "QueryFinished",
    ]  # fmt: skip
    whole = [event for event in events if isinstance(event, QueryJobProgressed)][-1]
    assert (whole.state, whole.rows_processed) == ("JobComplete", ROWS)
    assert sum(event.rows for event in events if isinstance(event, PageRead)) == ROWS
    assert sum(event.n_bytes for event in events if isinstance(event, PageRead)) > 20 * ROWS


def test_a_query_job_that_is_taken_up_tells_whose_rows_it_gives(stocked: sfframe.Org) -> None:
    made: list[Any] = []
    sfframe.read_soql(SOQL, org=stocked, api="bulk", progress=made.append)
    [created] = [event for event in made if isinstance(event, QueryJobCreated)]
    events: list[Any] = []
    sfframe.read_soql(org=stocked, job_id=created.job_id, progress=events.append)
    assert events[:2] == [
        QueryStarted(host=stocked.host, sobject=None),
        QueryJobTakenUp(job_id=created.job_id, sobject="Contact"),
    ]
    assert events[-1] == QueryFinished(rows=ROWS)


def test_frames_one_by_one_tell_their_end_when_nobody_wants_more(stocked: sfframe.Org) -> None:
    events: list[Any] = []
    frames = sfframe.iter_soql(SOQL, org=stocked, api="rest", progress=events.append)
    assert events == [], "nothing is asked for before a frame is"
    next(frames)
    frames.close()
    assert events[-1] == QueryFinished(rows=2_000)


def test_a_file_tells_as_a_frame_does(stocked: sfframe.Org, tmp_path: Path) -> None:
    events: list[Any] = []
    sfframe.sink_soql(SOQL, tmp_path / "contacts.parquet", org=stocked, api="rest", progress=events.append)
    assert kinds(events) == ["QueryStarted", "QueryAnswered", "PageRead", "PageRead", "QueryFinished"]


def test_a_count_is_one_row(stocked: sfframe.Org) -> None:
    events: list[Any] = []
    sfframe.read_soql("SELECT COUNT() FROM Contact", org=stocked, progress=events.append)
    assert QueryAnswered(transport="rest", rows=1) in events
    assert events[-1] == QueryFinished(rows=1)


def test_each_collect_of_a_scan_tells_anew(stocked: sfframe.Org) -> None:
    events: list[Any] = []
    scan = sfframe.scan_sobject("Contact", org=stocked, api="rest", progress=events.append).select("LastName")
    for _ in range(2):
        events.clear()
        assert scan.collect().height == ROWS
        assert kinds(events) == ["QueryStarted", "QueryAnswered", "PageRead", "PageRead", "QueryFinished"]


def test_a_head_of_a_scan_tells_its_end_too(stocked: sfframe.Org) -> None:
    events: list[Any] = []
    scan = sfframe.scan_sobject("Contact", org=stocked, progress=events.append)
    assert scan.select("LastName").head(3).collect().height == 3
    assert events[-1] == QueryFinished(rows=3)


def test_a_plan_travels_without_its_progress_function(stocked: sfframe.Org) -> None:
    here: list[Any] = []
    scan = sfframe.scan_sobject("Contact", org=stocked, progress=lambda event: here.append(event)).head(1)
    sfframe.explain_soql(scan)  # reads a pickled copy of it
    assert here == []


def test_a_lookup_counts_keys(stocked: sfframe.Org) -> None:
    frame = pl.DataFrame({"ExternalId__c": [f"k{n}" for n in range(2_100)] * 2 + [None]})
    events: list[Any] = []
    sfframe.bulk(frame).lookup(
        "Contact", "ExternalId__c", ["LastName"], org=stocked, api="rest", progress=events.append
    )
    assert events[0] == LookupStarted(host=stocked.host, sobject="Contact", keys=2_100)
    assert sum(event.keys for event in events if isinstance(event, KeysLookedUp)) == 2_100
    assert events[-1] == QueryFinished(rows=2_100)


def test_changes_tell_of_each_statement(stocked: sfframe.Org) -> None:
    events: list[Any] = []
    sfframe.read_changes("Contact", ["LastName"], org=stocked, progress=events.append)
    assert events[0] == QueryStarted(host=stocked.host, sobject="Contact")
    assert QueryAnswered(transport="rest", rows=ROWS) in events
    assert events[-1] == QueryFinished(rows=ROWS)


def _read(org: sfframe.Org, told: Callable[[Any], None]) -> object:
    return sfframe.read_soql("SELECT Nope__c FROM Contact", org=org, progress=told)


def _scan(org: sfframe.Org, told: Callable[[Any], None]) -> object:
    org_with_fault = sfframe.scan_sobject("Contact", org=org, api="rest", progress=told)
    return org_with_fault.select("LastName").collect()


def _look_up(org: sfframe.Org, told: Callable[[Any], None]) -> object:
    frame = pl.DataFrame({"ExternalId__c": ["k1"]})
    return sfframe.bulk(frame).lookup("Contact", "ExternalId__c", ["LastName"], org=org, api="rest", progress=told)


@pytest.mark.parametrize("read", [_read, _scan, _look_up])
def test_a_read_that_fails_tells_by_what(
    stocked: sfframe.Org, started_local: sfframe.LocalOrg, read: Callable[..., object]
) -> None:
    events: list[Any] = []
    fault = Fault("rest", "status", status=400, times=9)
    if read is not _read:
        started_local.faults.append(fault)
    with pytest.raises((sfframe.SfframeError, pl.exceptions.PolarsError)):
        read(stocked, events.append)
    started_local.faults.clear()
    assert isinstance(events[-1], Stopped)
    assert events[-1].error in ("SoqlError", "ApiError")
    assert not [event for event in events if isinstance(event, QueryFinished)]


@pytest.mark.parametrize("error", [RuntimeError("no paper in the printer"), KeyboardInterrupt()])
def test_a_function_that_fails_never_endangers_a_read(stocked: sfframe.Org, error: BaseException) -> None:
    calls = []

    def bad(event: Any) -> None:
        calls.append(event)
        raise error

    assert sfframe.read_soql(SOQL, org=stocked, api="rest", progress=bad).height == ROWS
    assert len(calls) == 1
