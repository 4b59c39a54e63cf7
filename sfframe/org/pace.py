"""Pace: how many rows a second an org takes, by the jobs that it has finished."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sfframe.errors import ApiError
from sfframe.org.ingest_jobs import IngestJobs
from sfframe.org.jobs import JobInfo, JobState

_JOBS: Final = 8  # the latest ones: of longer ago the object may have had other triggers
_LEAST_ROWS: Final = 1_000  # of a smaller job, waiting and making ready are most of the time
_LISTED: Final = 2_000  # of a list that is longer the rest isn't asked for
# Nobody promises it: objects with triggers take a fraction of it, bare ones several times as many.
_ASSUMED: Final = 1_000.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """How fast rows are taken.

    Attributes:
        rows_per_second: Over all jobs at once.
        basis: Where that comes from, as a part of a sentence.
    """

    rows_per_second: float
    basis: str


async def pace_of(jobs: IngestJobs, sobject: str, wire_operation: str) -> Pace:
    """The pace of an operation on an object: by the org's latest jobs of that kind, else by others, else assumed.

    Args:
        jobs: The org's jobs. They are listed, and some of them looked at.
        sobject: The object.
        wire_operation: The operation as the Bulk API writes it.
    """
    try:
        listed = await _listed(jobs)
        for fits, words in _kinds(sobject, wire_operation):
            found = await _latest(jobs, [job for job in listed if fits(job)])
            rate = _rate(found)
            if rate:
                n = f"{len(found)} finished job{'' if len(found) == 1 else 's'}"
                return Pace(rows_per_second=rate, basis=f"as the org's latest {words} took it ({n})")
    except ApiError as error:
        return _assumed(f"the org doesn't show its jobs ({error.error_code or error.status})")
    return _assumed("the org has no finished job of some thousand rows to go by")


def _assumed(why: str) -> Pace:
    return Pace(rows_per_second=_ASSUMED, basis=f"assumed, for {why}")


def _kinds(sobject: str, wire_operation: str) -> Iterable[tuple[Callable[[JobInfo], bool], str]]:
    def is_same(job: JobInfo) -> bool:
        return (job.object or "").lower() == sobject.lower()

    yield lambda job: is_same(job) and job.operation == wire_operation, f"{wire_operation} of {sobject}"
    yield is_same, f"jobs on {sobject}"
    yield lambda job: True, "jobs on other objects"


async def _listed(jobs: IngestJobs) -> list[JobInfo]:
    found: list[JobInfo] = []
    async for job in jobs.list_jobs(job_type="V2Ingest"):
        found.append(job)
        if len(found) == _LISTED:
            break
    return [job for job in found if job.state == JobState.JOB_COMPLETE and job.created_date is not None]


async def _latest(jobs: IngestJobs, listed: Sequence[JobInfo]) -> list[JobInfo]:
    """The latest jobs, as far as they had rows enough, with all that the org says of them; a list tells no counts."""
    latest = sorted(listed, key=_began, reverse=True)[:_JOBS]
    found = await asyncio.gather(*(jobs.get_job(job.id, api_version=job.api_version) for job in latest))
    return [job for job in found if job.number_records_processed >= _LEAST_ROWS]


def _began(job: JobInfo) -> float:
    return job.created_date.timestamp() if job.created_date else 0.0


def _rate(jobs: Sequence[JobInfo]) -> float | None:
    """Rows a second while at least one of the jobs ran; the org's moments are whole seconds."""
    n_rows = sum(job.number_records_processed for job in jobs)
    seconds = _covered(jobs)
    if seconds < 1:
        seconds = sum(job.total_processing_time for job in jobs) / 1_000
    return n_rows / seconds if n_rows and seconds > 0 else None


def _covered(jobs: Sequence[JobInfo]) -> float:
    """Seconds in which any of the jobs was in the org and not finished."""
    covered, end = 0.0, 0.0
    for job in sorted(jobs, key=_began):
        began = _began(job)
        ended = job.system_modstamp.timestamp() if job.system_modstamp else began
        covered += max(0.0, ended - max(began, end))
        end = max(end, ended)
    return covered
