"""The arithmetic of a bar: what it shows follows from the events and their times."""

from __future__ import annotations

import pytest

from sfframe.progress import (
    Event,
    Finished,
    JobAbandoned,
    JobCreated,
    JobFinished,
    JobProgressed,
    JobTakenUp,
    KeysLookedUp,
    LookupStarted,
    PageRead,
    PartUploaded,
    Preparing,
    QueryAnswered,
    QueryFinished,
    QueryJobCreated,
    QueryJobProgressed,
    QueryJobTakenUp,
    QueryStarted,
    RowsRetried,
    Started,
    Stopped,
    UploadProgressed,
)
from sfframe.progress.drawing import Drawing, clock
from sfframe.progress.pace import Flow, Remaining
from sfframe.progress.tally import Tally
from sfframe.written import size

CHECKING = Preparing(host="acme", sobject="Contact", operation="upsert")
QUERY = QueryStarted(host="acme", sobject="Contact")


def start(rows: int, left_out: int = 0) -> Started:
    return Started(host="acme", sobject="Contact", operation="upsert", rows=rows, rows_left_out=left_out)


def created(job_id: str, rows: int, page: str | None = None) -> JobCreated:
    return JobCreated(job_id=job_id, rows=rows, payload_bytes=1_000_000, page=page)


def uploaded(job_id: str, rows: int) -> PartUploaded:
    return PartUploaded(job_id=job_id, rows=rows, payload_bytes=1_000_000)


def progressed(job_id: str, done: int, failed: int = 0, state: str = "InProgress") -> JobProgressed:
    return JobProgressed(job_id=job_id, state=state, rows_processed=done, rows_failed=failed)


def finished(job_id: str, rows: int, failed: int = 0) -> JobFinished:
    return JobFinished(
        job_id=job_id, state="JobComplete", rows=rows, successful=rows - failed, failed=failed, unprocessed=0
    )


def drawings(*events: Event) -> list[Drawing]:
    """One after each event, which come a second apart."""
    tally, found = Tally(), []
    for now, event in enumerate(events):
        tally.take(event, now)
        found.append(tally.drawing(now))
    return found


def last(*events: Event) -> Drawing:
    return drawings(*events)[-1]


# --- sending ----------------------------------------------------------------------------------------------------------


def test_the_stage_is_what_is_waited_for() -> None:
    found = drawings(
        CHECKING, start(10),
        created("a", 10), uploaded("a", 10), progressed("a", 5), progressed("a", 10, 1, "JobComplete"),
        finished("a", 10, 1), RowsRetried(rows=1, attempt=2),
        created("b", 1), uploaded("b", 1), finished("b", 1), Finished(successful=10, failed=0, unprocessed=0),
    )  # fmt: skip
    assert [one.stage for one in found] == [
        "checking", "sending", "sending", "processing", "processing", "collecting", "collecting", "sending again",
        "sending again", "processing", "collecting", "done",
    ]  # fmt: skip


def test_rows_sent_done_and_failed_follow_the_events() -> None:
    found = drawings(
        start(10), created("a", 6), created("b", 4), uploaded("a", 6), progressed("a", 3, 1), uploaded("b", 4),
        finished("b", 4, 2), finished("a", 6, 1), RowsRetried(rows=3, attempt=2), created("c", 3), uploaded("c", 3),
        progressed("c", 3, 1), finished("c", 3, 1), Finished(successful=9, failed=1, unprocessed=0),
    )  # fmt: skip
    assert [one.sent for one in found] == [0, 0, 0, 6, 6, 10, 10, 10, 7, 7, 10, 10, 10, 10]
    assert [one.done for one in found] == [0, 0, 0, 0, 3, 3, 7, 10, 7, 7, 7, 10, 10, 10]
    assert [one.failed for one in found] == [0, 0, 0, 0, 1, 1, 3, 3, 0, 0, 0, 1, 1, 1]
    assert [one.n_jobs for one in found] == [0, 1, 2, 2, 2, 2, 1, 0, 0, 1, 1, 1, 0, 0]


def test_rows_that_were_left_out_have_failed_from_the_start() -> None:
    begun, *_, end = drawings(start(8, 2), created("a", 8), uploaded("a", 8), finished("a", 8),
                              Finished(successful=8, failed=2, unprocessed=0))  # fmt: skip
    assert (begun.total, begun.done, begun.failed) == (10, 2, 2)
    assert (end.total, end.done, end.failed) == (10, 10, 2)


def test_a_bar_never_goes_past_its_end() -> None:
    assert last(start(10), progressed("a", 99, 99)).done == 10
    assert last(start(10), progressed("a", 99, 99)).failed == 10


def test_a_job_that_is_given_up_is_in_flight_no_more_and_its_rows_arent_sent() -> None:
    lost = last(start(10), created("a", 10), uploaded("a", 10), progressed("a", 5), JobAbandoned(job_id="a", rows=10))
    assert (lost.n_jobs, lost.sent, lost.done) == (0, 0, 0)
    assert last(start(10), created("a", 10), JobAbandoned(job_id="a", rows=10)).n_jobs == 0


def test_a_job_that_is_taken_up_has_its_rows() -> None:
    taken = last(start(10), JobTakenUp(job_id="a", rows=6))
    assert (taken.sent, taken.stage, taken.n_jobs) == (6, "processing", 1)


def test_jobs_in_flight_are_linked_and_at_the_end_all_that_have_a_page() -> None:
    found = drawings(
        start(10), created("a", 5, "https://acme/a"), created("b", 5), uploaded("a", 5), finished("a", 5),
        Finished(successful=5, failed=0, unprocessed=5),
    )  # fmt: skip
    assert [[link.job_id for link in one.links] for one in found] == [[], ["a"], ["a"], ["a"], [], ["a"]]


def test_what_stops_a_call_is_named() -> None:
    stopped = last(CHECKING, Stopped(error="JobTimeout"))
    assert (stopped.is_over, stopped.is_good, stopped.words) == (True, False, "stopped by JobTimeout")


def test_bytes_per_second_are_those_of_late_and_none_at_the_end() -> None:
    up = UploadProgressed(job_id="a", bytes_sent=500_000, payload_bytes=1_000_000)
    found = drawings(start(9), created("a", 9), up, uploaded("a", 9), Finished(successful=9, failed=0, unprocessed=0))
    assert [one.bytes_per_s for one in found] == [None, None, 500_000, 500_000, None]


def test_an_event_costs_the_same_however_many_jobs_there_were() -> None:
    tally = Tally()
    tally.take(start(10_000), 0.0)
    for n in range(10_000):
        for event in (created(str(n), 1), uploaded(str(n), 1), finished(str(n), 1)):
            tally.take(event, float(n))
    assert len(tally._jobs) == 0
    assert tally.drawing(10_000.0).count == "10,000/10,000 rows"


# --- reading ----------------------------------------------------------------------------------------------------------


def test_a_read_counts_rows_of_those_that_the_org_told() -> None:
    found = drawings(
        QUERY, QueryAnswered(transport="rest", rows=300), PageRead(rows=200, n_bytes=9), PageRead(rows=100, n_bytes=9),
        QueryFinished(rows=300),
    )  # fmt: skip
    assert [one.stage for one in found] == ["asking", "reading", "reading", "reading", "done"]
    assert [(one.done, one.total) for one in found] == [(0, None), (0, 300), (200, 300), (300, 300), (300, 300)]
    assert {one.title for one in found} == {"read Contact on acme"}


def test_a_query_job_is_waited_for_and_then_read() -> None:
    found = drawings(
        QUERY, QueryJobCreated(job_id="a"), QueryJobProgressed(job_id="a", state="InProgress", rows_processed=0),
        QueryJobProgressed(job_id="a", state="JobComplete", rows_processed=300),
        QueryAnswered(transport="bulk", rows=300),
    )  # fmt: skip
    assert [one.stage for one in found] == ["asking", "processing", "processing", "processing", "reading"]
    assert [one.n_jobs for one in found] == [0, 1, 1, 0, 0]


def test_a_query_job_that_is_taken_up_gives_the_object_s_name() -> None:
    taken: list[Event] = [QueryStarted(host="acme", sobject=None), QueryJobTakenUp(job_id="a", sobject="Contact")]
    assert [one.title for one in drawings(*taken)] == ["read a query job on acme", "read Contact on acme"]


def test_several_statements_of_one_call_add_up() -> None:
    answers: list[Event] = [QueryAnswered(transport="rest", rows=10), PageRead(rows=10, n_bytes=9)] * 2
    assert (last(QUERY, *answers).done, last(QUERY, *answers).total) == (20, 20)


def test_a_read_that_is_left_early_is_whole_with_what_it_gave() -> None:
    end = last(QUERY, QueryAnswered(transport="rest", rows=300), PageRead(rows=200, n_bytes=9), QueryFinished(rows=200))
    assert end.count == "200/200 rows"


def test_a_lookup_counts_keys_whichever_way_it_takes() -> None:
    begun = LookupStarted(host="acme", sobject="Contact", keys=300)
    assert last(begun, KeysLookedUp(keys=200)).count == "200/300 keys"
    by_job: list[Event] = [
        QueryJobCreated(job_id="a"),
        QueryAnswered(transport="bulk", rows=9_000),
        PageRead(rows=9_000, n_bytes=9),
    ]
    assert last(begun, *by_job).count == "0/300 keys"
    assert last(begun, *by_job, QueryFinished(rows=280)).count == "300/300 keys"


# --- times ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "now", "rate"),
    [
        ([], 0.0, None),
        ([(0.0, 0)], 9.0, None),
        ([(0.0, 0), (0.1, 50)], 0.1, None),  # too short a time
        ([(0.0, 0), (2.0, 50)], 2.0, 25.0),
        ([(0.0, 0), (2.0, 50)], 4.0, 12.5),  # nothing came since
        ([(0.0, 0), (2.0, 50)], 7.5, None),
        ([(0.0, 0), (9.0, 900), (10.0, 1_000), (11.0, 1_100), (14.0, 1_400)], 14.0, 100.0),
        ([(0.0, 0), (100.0, 0), (101.0, 70)], 101.0, 14.0),  # a wait counts for as long as is looked back
    ],
)
def test_a_flow_is_what_came_within_a_few_seconds(
    seen: list[tuple[float, int]], now: float, rate: float | None
) -> None:
    flow = Flow()
    for when, total in seen:
        flow.at(when, total)
    assert flow.per_s(now) == rate


@pytest.mark.parametrize(
    ("seen", "now", "left"),
    [
        ([], 60.0, None),  # nothing is done
        ([(1.0, 500)], 1.0, None),  # too soon
        ([(10.0, 9)], 10.0, None),  # too little
        ([(10.0, 500)], 10.0, 10.0),
        ([(10.0, 500)], 14.0, 6.0),  # counted down
        ([(10.0, 500)], 21.0, None),  # and not below zero
        ([(10.0, 500), (20.0, 800)], 20.0, 5.0),
        ([(10.0, 1_000), (12.0, 900)], 12.0, None),  # some go again, and the guess is used up
        ([(10.0, 1_000)], 10.0, None),
    ],
)
def test_the_time_left_goes_by_the_mean_pace(seen: list[tuple[float, int]], now: float, left: float | None) -> None:
    remaining = Remaining(0.0)
    for when, done in seen:
        remaining.at(when, done)
    found = remaining.seconds(now, 1_000)
    assert found == (pytest.approx(left) if left is not None else None)


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [(0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (1_234_567, "1.2 MB"), (9_960_000, "10 MB"), (999_600, "1.0 MB"),
     (123_456_789, "123 MB"), (4e12, "4,000 GB")],
)  # fmt: skip
def test_bytes_are_written_short(n_bytes: float, text: str) -> None:
    assert size(n_bytes) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (5.4, "0:05"), (59.6, "1:00"), (750, "12:30"), (3_723, "1:02:03"), (-1, "0:00")]
)
def test_times_are_written_as_clocks_do(seconds: float, text: str) -> None:
    assert clock(seconds) == text
