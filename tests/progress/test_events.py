"""Events: what a load tells, in the order in which it happens, and never a danger to the load."""

from __future__ import annotations

import dataclasses
import importlib
import logging
import pickle
import signal
import threading
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import sfframe
import sfframe.progress
from sfframe.localorg import Fault
from sfframe.progress import (
    Event,
    Finished,
    JobAbandoned,
    JobCreated,
    JobFinished,
    JobProgressed,
    JobTakenUp,
    PartUploaded,
    Preparing,
    RowsRetried,
    Started,
    Stopped,
    UploadProgressed,
)
from tests.at_once import org_of

JOB = importlib.import_module("sfframe.ingest.job")  # `sfframe.ingest` is the verb
FRAME = pl.DataFrame({"LastName": [f"n{n}" for n in range(10)], "Email": [*["a@b.de"] * 8, "?", "?"]})


def events_of(frame: Any, org: sfframe.Org, **options: Any) -> list[Any]:
    events: list[Any] = []
    sfframe.ingest(frame, "Contact", "insert", org=org, progress=events.append, on_failure="return", **options)
    return events


def test_events_come_in_the_order_of_what_happens(org: sfframe.Org) -> None:
    events = events_of(FRAME, org, max_records=4)
    assert events[0] == Preparing(host=org.host, sobject="Contact", operation="insert")
    assert events[1] == Started(host=org.host, sobject="Contact", operation="insert", rows=10)
    assert events[-1] == Finished(successful=8, failed=2, unprocessed=0)
    jobs = [event.job_id for event in events if isinstance(event, JobCreated)]
    assert len(jobs) == 3
    for job in jobs:
        kinds = [type(event) for event in events[2:-1] if event.job_id == job]
        assert kinds[:2] == [JobCreated, PartUploaded]
        assert kinds[-1] is JobFinished
        assert set(kinds[2:-1]) == {JobProgressed}
    finished = [event for event in events if isinstance(event, JobFinished)]
    assert sum(event.rows for event in finished) == 10
    assert sum(event.failed for event in finished) == 2


def test_that_the_org_is_through_with_a_job_is_told_before_its_results(org: sfframe.Org) -> None:
    events = events_of(FRAME, org)
    [last] = [event for event in events if isinstance(event, JobProgressed) and event.state == "JobComplete"]
    assert (last.rows_processed, last.rows_failed) == (10, 2)
    assert isinstance(events[events.index(last) + 1], JobFinished)


def test_a_job_in_salesforce_is_told_with_its_page(org: sfframe.Org, monkeypatch: pytest.MonkeyPatch) -> None:
    # The local org has no such page, and it is the one that runs the job.
    assert [event.page for event in events_of(FRAME, org) if isinstance(event, JobCreated)] == [None]
    monkeypatch.setattr(JOB, "job_page", lambda url, job_id: f"{url}/page/{job_id}")
    [created] = [event for event in events_of(FRAME, org) if isinstance(event, JobCreated)]
    assert created.page == f"{org.url}/page/{created.job_id}"


def test_events_are_frozen_pickle_and_hold_no_cell_and_no_secret(org: sfframe.Org, local: sfframe.LocalOrg) -> None:
    for event in events_of(FRAME, org):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(event, dataclasses.fields(event)[0].name, "other")
        assert pickle.loads(pickle.dumps(event)) == event
        assert "a@b.de" not in repr(event)
        assert local.client_secret not in repr(event)


def test_the_types_of_events_can_be_told_apart_by_their_unions() -> None:
    named = {getattr(sfframe.progress, name) for name in sfframe.progress.__all__}
    kinds = {one for one in named if isinstance(one, type)}
    assert {*sfframe.progress.IngestEvent.__args__, *sfframe.progress.ReadEvent.__args__} == kinds
    assert isinstance(Stopped(error="ApiError"), Event)


def test_rows_that_go_again_are_told(org: sfframe.Org, local: sfframe.LocalOrg) -> None:
    local.faults.append(Fault("rows", "lock", match="n3"))
    events = events_of(FRAME, org)
    again = [event for event in events if isinstance(event, RowsRetried)]
    assert again == [RowsRetried(rows=1, attempt=2)]
    assert [event.attempt for event in events if isinstance(event, JobCreated)] == [1, 2]
    assert events[-1] == Finished(successful=8, failed=2, unprocessed=0)


def test_rows_that_cant_be_sent_are_told_at_the_start(org: sfframe.Org) -> None:
    frame = FRAME[:8].with_columns(
        LastName=pl.when(pl.col("LastName") == "n3").then(pl.lit("x" * 300)).otherwise("LastName")
    )
    events = events_of(frame, org, invalid="report")
    [start] = [event for event in events if isinstance(event, Started)]
    assert (start.rows, start.rows_left_out) == (7, 1)
    assert events[-1] == Finished(successful=7, failed=1, unprocessed=0)


def test_no_rows_have_a_start_and_an_end(org: sfframe.Org) -> None:
    assert [type(event) for event in events_of(FRAME[:0], org)] == [Preparing, Started, Finished]


def test_bytes_that_go_up_are_told_while_they_go(org: sfframe.Org, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(JOB, "_TELL_EACH_S", 0.0)
    frame = pl.DataFrame({"LastName": ["x" * 70] * 10_000})
    events = events_of(frame, org, describe=False)
    sent = [event for event in events if isinstance(event, UploadProgressed)]
    assert [event.bytes_sent for event in sent] == sorted({event.bytes_sent for event in sent})
    assert len(sent) > 1
    [created] = [event for event in events if isinstance(event, JobCreated)]
    assert sent[-1].bytes_sent == sent[-1].payload_bytes == created.payload_bytes
    assert events.index(sent[-1]) < next(n for n, event in enumerate(events) if isinstance(event, PartUploaded))


def test_a_small_load_has_few_events(org: sfframe.Org) -> None:
    frame = pl.DataFrame({"LastName": ["x"] * 5_000})
    assert len(events_of(frame, org, describe=False)) < 20


def test_a_job_that_is_thrown_away_is_told_before_the_one_in_its_place(
    org: sfframe.Org, local: sfframe.LocalOrg
) -> None:
    local.faults.append(Fault("put", "drop"))
    events = events_of(FRAME, org)
    jobs = [event for event in events if isinstance(event, JobCreated | JobAbandoned)]
    assert [type(event) for event in jobs] == [JobCreated, JobAbandoned, JobCreated]
    assert jobs[0].job_id == jobs[1].job_id != jobs[2].job_id
    assert events[-1] == Finished(successful=8, failed=2, unprocessed=0)


def test_a_job_of_which_nobody_knows_the_end_is_given_up(local: sfframe.LocalOrg) -> None:
    local.faults.append(Fault("patch", "drop", when="before", times=100))
    events: list[Any] = []
    with pytest.raises(sfframe.OutcomeUnknown):
        sfframe.ingest(FRAME, "Contact", "insert", org=org_of(local), progress=events.append)
    [created] = [event for event in events if isinstance(event, JobCreated)]
    assert JobAbandoned(job_id=created.job_id, rows=10) in events
    assert isinstance(events[-1], Finished)


@pytest.mark.parametrize(
    ("options", "error"),
    [({"columns": {"LastName": "Nope__c"}}, "SchemaError"), ({"timeout": 0.0}, "JobTimeout")],
)
def test_a_call_that_ends_before_it_sends_tells_by_what(org: sfframe.Org, options: dict[str, Any], error: str) -> None:
    events: list[Any] = []
    with pytest.raises(sfframe.SfframeError):
        sfframe.ingest(FRAME, "Contact", "insert", org=org, progress=events.append, **options)
    assert events == [
        Preparing(host=org.host, sobject="Contact", operation="insert"),
        Stopped(error=error),
    ]


def test_a_job_that_is_taken_up_is_told(org: sfframe.Org, local: sfframe.LocalOrg, tmp_path: Path) -> None:
    local.faults.append(Fault("job", "stuck"))

    def ctrl_c(event: Event) -> None:
        if isinstance(event, PartUploaded):
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    with pytest.raises(sfframe.Interrupted) as caught:
        sfframe.ingest(FRAME, "Contact", "insert", org=org, journal=tmp_path, progress=ctrl_c)
    local.release_jobs()
    [job_id] = caught.value.job_ids
    events = events_of(FRAME, org, journal=tmp_path)
    assert JobTakenUp(job_id=job_id, rows=10) in events
    assert not [event for event in events if isinstance(event, JobCreated)]
    assert events[-1] == Finished(successful=8, failed=2, unprocessed=0)


@pytest.mark.parametrize("error", [RuntimeError("no paper in the printer"), KeyboardInterrupt(), SystemExit(3)])
def test_a_function_that_fails_never_endangers_a_load(
    org: sfframe.Org, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    calls = []

    def bad(event: Any) -> None:
        calls.append(event)
        raise error

    with caplog.at_level(logging.ERROR, "sfframe.progress"):
        result = sfframe.ingest(FRAME[:8], "Contact", "insert", org=org, progress=bad)
    assert result
    assert len(calls) == 1
    assert "gets no more events" in caplog.text


async def _async_function(event: Event) -> None: ...


@pytest.mark.parametrize("wish", ["bar", 1, _async_function])
def test_what_cant_be_told_is_refused_before_anything_is_sent(org: sfframe.Org, wish: Any) -> None:
    with pytest.raises(ValueError, match="progress="):
        sfframe.ingest(FRAME, "Contact", "insert", org=org, progress=wish)
    with pytest.raises(ValueError, match="progress="):
        sfframe.read_soql("SELECT Id FROM Contact", org=org, progress=wish)
