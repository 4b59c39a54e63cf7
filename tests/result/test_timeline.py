"""`result.timeline`: when each part was in which stage."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

import sfframe
from sfframe.localorg import Fault
from sfframe.progress import JobCreated, JobFinished, JobProgressed, PartUploaded, RowsRetried
from sfframe.timeline import Timeline
from tests.conftest import MakeFrame, column, in_one

JOB, OTHER = "7505e00000A0001AAA", "7505e00000A0002AAA"


def created(job: str) -> JobCreated:
    return JobCreated(job_id=job, rows=5, payload_bytes=90)


def uploaded(job: str) -> PartUploaded:
    return PartUploaded(job_id=job, rows=5, payload_bytes=90)


def progressed(job: str, state: str) -> JobProgressed:
    return JobProgressed(job_id=job, state=state, rows_processed=5, rows_failed=0)


def finished(job: str) -> JobFinished:
    return JobFinished(job_id=job, state="JobComplete", rows=5, successful=5, failed=0, unprocessed=0)


def told(*events: Any) -> list[tuple[Any, ...]]:
    """The timeline of a call that began at 100, each event a second after the one before."""
    seconds = iter(range(101, 101 + len(events)))
    timeline = Timeline(100.0, lambda: next(seconds))
    for event in events:
        timeline(event)
    return timeline.frame().rows()


def test_each_stage_of_a_part_ends_where_the_next_one_begins() -> None:
    events = [created(JOB), uploaded(JOB), progressed(JOB, "InProgress"), progressed(JOB, "JobComplete"), finished(JOB)]
    assert told(*events) == [
        (JOB, 1, "sending", 1.0, 2.0, 5, 90),
        (JOB, 1, "processing", 2.0, 4.0, 5, 90),
        (JOB, 1, "collecting", 4.0, 5.0, 5, 90),
    ]


def test_a_job_that_was_thrown_away_before_it_was_committed_is_left_out() -> None:
    rows = told(created(OTHER), created(JOB), uploaded(JOB))
    assert {row[0] for row in rows} == {JOB}


def test_what_nobody_saw_the_end_of_has_none() -> None:
    assert told(created(JOB), uploaded(JOB))[-1] == (JOB, 1, "processing", 2.0, None, 5, 90)


def test_what_an_earlier_process_began_is_there_from_the_beginning() -> None:
    assert told(progressed(JOB, "InProgress"), progressed(JOB, "Failed"), finished(JOB)) == [
        (JOB, 1, "processing", 0.0, 2.0, 5, None),
        (JOB, 1, "collecting", 2.0, 3.0, 5, None),
    ]


def test_rows_that_go_again_are_another_try() -> None:
    first = [created(JOB), uploaded(JOB), progressed(JOB, "JobComplete"), finished(JOB)]
    again = [RowsRetried(rows=1, attempt=2), created(OTHER), uploaded(OTHER)]
    assert {(row[0], row[1]) for row in told(*first, *again)} == {(JOB, 1), (OTHER, 2)}


def test_the_timeline_of_a_call_is_a_frame_of_the_callers_library(
    local: sfframe.LocalOrg, org: sfframe.Org, make_frame: MakeFrame
) -> None:
    local.faults.append(Fault("rows", "lock", match="y"))
    frame = in_one(make_frame({"LastName": ["x", "y", "z"]}))
    result = sfframe.ingest(frame, "Contact", "insert", org=org, max_records=2)
    stages = list(zip(*(column(result.timeline, name) for name in ("job_id", "attempt", "stage", "rows")), strict=True))
    jobs = [job.id for job in result.jobs]
    assert sorted(stages) == sorted(
        (job, attempt, stage, rows)
        for job, attempt, rows in zip(jobs, (1, 1, 2), (2, 1, 1), strict=True)
        for stage in ("sending", "processing", "collecting")
    )
    began, ended = column(result.timeline, "began"), column(result.timeline, "ended")
    assert _ascends(began)
    assert all(0 <= start <= end <= result.seconds for start, end in zip(began, ended, strict=True))


def _ascends(numbers: Sequence[float]) -> bool:
    return list(numbers) == sorted(numbers)


def test_the_timeline_travels_with_the_result(org: sfframe.Org) -> None:
    result = sfframe.ingest(pl.DataFrame({"LastName": ["x"]}), "Contact", "insert", org=org)
    again: Any = pickle.loads(pickle.dumps(result))
    assert again.timeline.equals(result.timeline)


def test_a_finished_run_given_again_has_no_times_and_says_so(org: sfframe.Org, tmp_path: Path) -> None:
    frame = pl.DataFrame({"LastName": ["x"], "Email": ["?"]})
    sfframe.ingest(frame, "Contact", "insert", org=org, journal=tmp_path, on_failure="return")
    again: Any = sfframe.resume(tmp_path, org=org)
    assert again.timeline.height == 0
    assert "no times" in again.plot().to_json()
    assert "cause: Email takes one e-mail address; '?' has no @" in repr(again), "its describes were kept"
