"""How many rows a second an org takes, by the jobs that it has finished."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sfframe.org.job import JobInfo
from sfframe.org.pace import _rate

_BEGAN = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)


def job(began_s: float, ended_s: float, n_rows: int, processing_ms: int = 0) -> JobInfo:
    facts: dict[str, Any] = {"number_records_processed": n_rows, "total_processing_time": processing_ms}
    began, ended = (_BEGAN + timedelta(seconds=seconds) for seconds in (began_s, ended_s))
    return JobInfo(id="750000000000001AAA", state="JobComplete", created_date=began, system_modstamp=ended, **facts)


@pytest.mark.parametrize(
    ("jobs", "rate"),
    [
        ([job(0, 10, 5_000)], 500.0),
        ([job(0, 10, 5_000), job(100, 110, 15_000)], 1_000.0),  # one after the other: the time between isn't theirs
        ([job(0, 10, 5_000), job(5, 20, 5_000)], 500.0),  # side by side they share it
        ([job(0, 20, 5_000), job(5, 10, 5_000)], 500.0),
        ([job(0, 0, 5_000, processing_ms=500)], 10_000.0),  # within one second the moments tell nothing
        ([job(0, 0, 5_000)], None),
        ([], None),
    ],
)
def test_the_rate_is_over_the_time_in_which_any_job_was_under_way(jobs: list[JobInfo], rate: float | None) -> None:
    assert _rate(jobs) == rate
