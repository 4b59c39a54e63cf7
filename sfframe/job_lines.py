"""Job lines: the jobs of a call as a screen shows them: what became of each, how long it took, where its page is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from sfframe.org.job import JobInfo, JobState
from sfframe.org.job_page import job_page


@dataclass(frozen=True, kw_only=True, slots=True)
class JobLine:
    """A job on a screen.

    Attributes:
        id: The job.
        state: The org's word.
        rows: Rows that the org processed, failed ones included.
        failed: Of these, the failed ones.
        seconds: From when the org was told to process it until it was seen to have ended; else the org's own figure.
        attempt: Which try of its rows it was, from 1.
        page: Where the org shows it.
    """

    id: str
    state: str
    rows: int
    failed: int
    seconds: float
    attempt: int = 1
    page: str | None = None

    @property
    def is_good(self) -> bool:
        """Whether it came to its end."""
        return self.state == JobState.JOB_COMPLETE


def job_lines(jobs: Sequence[JobInfo], timeline: pl.DataFrame, attempts: pl.DataFrame, host: str) -> list[JobLine]:
    """The jobs, first those that didn't come to their end, then those of which rows failed, else in their order.

    Args:
        jobs: What the org said last of each.
        timeline: When each was in which stage, as far as somebody saw it.
        attempts: The tries of rows that went more than once.
        host: The org's.
    """
    watched = timeline.filter(stage="processing").with_columns(seconds=pl.col("ended") - pl.col("began"))
    seconds = {job: took for job, took in watched.select("job_id", "seconds").iter_rows() if took is not None}
    tries = dict(attempts.select("job_id", "attempt").unique().iter_rows())
    tries |= dict(timeline.select("job_id", "attempt").iter_rows())
    lines = [
        JobLine(
            id=job.id,
            state=job.state,
            rows=job.number_records_processed or 0,
            failed=job.number_records_failed or 0,
            seconds=seconds.get(job.id, (job.total_processing_time or 0) / 1000),
            attempt=tries.get(job.id, 1),
            page=job_page(host, job.id),
        )
        for job in jobs
    ]
    return sorted(lines, key=lambda line: (line.is_good, not line.failed))
