"""Taken up: where a part of an earlier process's run is now, by its journal and by what the org says of its job.

A job that was not about to be closed surely never ran. Any other one is asked for: an insert is never sent again
while the fate of its predecessor isn't known (wire notes, 12).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sfframe.errors import ApiError, AuthenticationError, OutcomeUnknown
from sfframe.ingest.journal import Journal
from sfframe.ingest.recorded import KnownJob, KnownPart, Stage
from sfframe.ingest.run import Run, never_ran, unknown
from sfframe.org.jobs import JobInfo, JobState


@dataclass(frozen=True, kw_only=True)
class TakenUp:
    """How a part goes on.

    Attributes:
        job: The job to watch and to collect; `None`: the part is to be sent.
        known: The job whose results the journal has; `None`: there are none yet.
    """

    job: JobInfo | None = None
    known: KnownJob | None = None


async def take_up(run: Run, part: KnownPart) -> TakenUp:
    """See where a part is.

    Raises:
        OutcomeUnknown: The org can't be asked about its job.
        JournalError: The journal can't be written.
    """
    if not part.jobs:
        return TakenUp()
    last = part.jobs[-1]
    job = last.info
    if last.stage is Stage.COLLECTED:
        return TakenUp(job=job, known=last)
    if last.stage is Stage.REFUSED:
        return TakenUp(job=job)
    if last.stage is Stage.LOST:
        return TakenUp()
    if last.stage is Stage.CLOSED:
        run.running[job.id] = None
        return TakenUp(job=job)
    if last.stage in (Stage.CLOSING, Stage.GIVEN_UP_CLOSING):
        run.closing.add(job.id)
        seen = await look(run, job, part.n_rows)
        if seen.state != JobState.OPEN and not (last.stage is Stage.GIVEN_UP_CLOSING and never_ran(seen)):
            return await _was_closed(run, seen)
        await run.record(Journal.reached, job.id, Stage.GIVEN_UP_CLOSING)
        if seen.state == JobState.OPEN and not never_ran(await run.abort_closing(job.id, api_version=job.api_version)):
            raise unknown(job.id, part.n_rows, "it was open, and could not be aborted")
        run.closing.discard(job.id)
        return TakenUp()
    ran = await _abort(run, job)
    if ran is not None:
        return await _was_closed(run, ran)
    await run.record(Journal.reached, job.id, Stage.GIVEN_UP)
    return TakenUp()


async def _was_closed(run: Run, job: JobInfo) -> TakenUp:
    """Note that a job was closed after all, whatever the journal says."""
    await run.record_taken(Journal.reached, job.id, Stage.CLOSED, job)
    run.closing.discard(job.id)
    run.running[job.id] = None
    return TakenUp(job=job)


async def _abort(run: Run, job: JobInfo) -> JobInfo | None:
    """Abort a job that wasn't closed. The job, if it was all the same: some disks lose what they said they had."""
    if never_ran(await run.abort(job.id, api_version=job.api_version)):
        return None
    try:
        seen = await run.org.ingest.get_job(job.id, api_version=job.api_version)
    except (ApiError, AuthenticationError):
        return None
    return None if seen.state == JobState.OPEN or never_ran(seen) else replace(seen, api_version=job.api_version)


async def look(run: Run, job: JobInfo, n_rows: int) -> JobInfo:
    """See how a job is that may run.

    Raises:
        OutcomeUnknown: The org can't be asked, or doesn't know it any more.
    """
    try:
        seen = await run.org.ingest.get_job(job.id, api_version=job.api_version)
    except (ApiError, AuthenticationError) as error:
        gone = isinstance(error, ApiError) and error.status == 404
        why = "the org doesn't know it any more" if gone else f"the org can't be asked: {error}"
        raise unknown(job.id, n_rows, why) from error
    return replace(seen, api_version=job.api_version)


def may_go_again(run: Run, error: OutcomeUnknown) -> bool:
    """Whether the rows of a job may be sent again although nobody knows what became of them.

    That is so for upserts by an external id, whose records are found by it, once the job is gone for good.
    """
    key = run.layout.key
    cause = error.__cause__
    is_gone = isinstance(cause, ApiError) and cause.status == 404
    return is_gone and run.request.operation == "upsert" and key is not None and key.header.lower() != "id"


def note_on_lost(job_id: str, n_rows: int) -> str:
    """What the caller should know of rows that went again because their job is gone."""
    return (
        f"the org doesn't know job {job_id} any more: its {n_rows:,} rows were upserted again by their external id, so "
        "records that it had made count as not created"
    )
