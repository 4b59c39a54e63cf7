"""Collect: a job's results come down, are matched to the rows of its part, and give each of them its fate."""

from __future__ import annotations

import asyncio
from typing import TypeAlias, cast

import numpy as np
import polars as pl

from sfframe.bridge import in_thread
from sfframe.errors import ApiError, AuthenticationError, OutcomeUnknown
from sfframe.ingest.echo import FAILED, SUCCESSFUL, UNPROCESSED
from sfframe.ingest.journal import Journal
from sfframe.ingest.ledger import has_failed
from sfframe.ingest.payload import Cut, Part
from sfframe.ingest.run import Mismatch, Run
from sfframe.ingest.settle import Settled, may_be_unprocessed, not_processed, read_by_key, settle
from sfframe.ingest.spool import Numbers, Rows
from sfframe.ingest.taken_up import look
from sfframe.org.body import RESULT_BYTES
from sfframe.org.ingest_jobs import ResultKind
from sfframe.org.jobs import JobInfo, JobState
from sfframe.progress.events import JobFinished

_KINDS: dict[int, ResultKind] = {
    SUCCESSFUL: "successful_results",
    FAILED: "failed_results",
    UNPROCESSED: "unprocessed_records",
}
_Files: TypeAlias = dict[int, bytes | None]

# Looks at result files that don't add up before they are taken as they are.
_DOWNLOADS = 3


class Collector:
    """Collects the jobs of one part.

    Args:
        run: The run.
        rows, cut, part: The part, and what it is cut of.
        positions: Where its rows are in those of the run.
        attempt: Which try of them it is.

    Attributes:
        most_bytes: Of a result file; less as soon as it is known what was sent.
    """

    def __init__(self, run: Run, rows: Rows, cut: Cut, part: Part, positions: Numbers, *, attempt: int) -> None:
        self._run = run
        self._rows = rows
        self._cut = cut
        self._part = part
        self._positions = positions
        self._attempt = attempt
        self.most_bytes = RESULT_BYTES

    async def collect(self, job: JobInfo) -> None:
        """Download the results, match them, read again what doesn't add up."""
        run = self._run
        parts = (self._rows, run.layout, self._cut, self._part)
        async with run.turns.downloading:
            files = await self._download(job)
            # Nearly always the key does; then the files needn't be kept.
            by_key = await in_thread(read_by_key, *parts, files)
            await run.turns.matching.acquire()
        try:
            settled = await in_thread(by_key.settle) if by_key is not None else None
            settled = await self._settle(job, settled, files)
            if not settled.is_whole:
                self._note_mismatch(job, settled, files)
            await self.give(job, settled.matched.fates)
        finally:
            run.turns.matching.release()
        if settled.is_whole:
            await run.record_taken(Journal.collected, job, settled.matched.fates, self._part.numbers)

    async def give(self, job: JobInfo, fates: pl.DataFrame) -> None:
        """The rows have their fates, as far as this job goes."""
        run = self._run
        await in_thread(
            run.ledger.take,
            job,
            fates,
            numbers=self._part.numbers,
            positions=self._positions,
            attempt=self._attempt,
        )
        run.running.pop(job.id, None)
        run.rows_of.pop(job.id, None)
        if has_failed(job, fates):
            run.failed_jobs.append(job)
        outcomes = np.bincount(fates["outcome"].to_numpy(), minlength=4)
        run.tell(
            JobFinished(
                job_id=job.id,
                state=job.state,
                rows=self._part.n_rows,
                successful=int(outcomes[SUCCESSFUL]),
                failed=int(outcomes[FAILED]),
                unprocessed=self._part.n_rows - int(outcomes[SUCCESSFUL]) - int(outcomes[FAILED]),
            )
        )

    async def _settle(self, job: JobInfo, settled: Settled | None, files: _Files) -> Settled:
        """Match the results by all that they hold where the key didn't do.

        `files` holds at the end those that were read last.
        """
        run = self._run
        for attempt in range(_DOWNLOADS):
            if settled is not None:
                if settled.is_whole:
                    return settled
                # Results can lag, or break off where it doesn't show.
                await asyncio.sleep(run.org.retry.wait_s(attempt) if attempt else 0)
            if attempt or not files:
                files.update(await self._download(job))
            settled = await in_thread(settle, self._rows, run.layout, self._cut, self._part, files)
        assert settled is not None
        return await self._with_unprocessed(job, settled)

    async def _with_unprocessed(self, job: JobInfo, settled: Settled) -> Settled:
        """Only at the end: results that come late, and a counter that does too, look like rows left out."""
        if job.state == JobState.JOB_COMPLETE or not may_be_unprocessed(settled):
            return settled
        try:
            seen = await look(self._run, job, self._part.n_rows)
        except OutcomeUnknown:  # what the files say is known all the same
            return settled
        return not_processed(settled, seen.number_records_processed or 0)

    async def _download(self, job: JobInfo) -> _Files:
        bodies = await asyncio.gather(*(self._file(job, outcome) for outcome in _KINDS), return_exceptions=True)
        for body in bodies:
            if isinstance(body, BaseException):
                raise body
        return dict(zip(_KINDS, cast("list[bytes | None]", bodies), strict=True))

    async def _file(self, job: JobInfo, outcome: int) -> bytes | None:
        try:
            return await self._run.org.ingest.download(
                job.id, _KINDS[outcome], api_version=job.api_version, most_bytes=self.most_bytes
            )
        except (ApiError, AuthenticationError) as error:
            # A job that failed or was aborted needn't have results of each kind (wire notes, 5.4).
            status = error.status if isinstance(error, ApiError) else None
            if job.state != JobState.JOB_COMPLETE and status in (400, 404):
                return None
            raise OutcomeUnknown(
                f"job {job.id} has ended as {job.state}, but its results can't be read ({error}). Its "
                f"{self._part.n_rows:,} rows may or may not be in the org; the results are kept there for 7 days.",
                job_ids=(job.id,),
            ) from error

    def _note_mismatch(self, job: JobInfo, settled: Settled, files: _Files) -> None:
        raw: dict[str, bytes] = {_KINDS[outcome]: body for outcome, body in files.items() if body is not None}
        rows = self._part.numbers[settled.matched.lost.to_numpy()]
        self._run.ledger.take_unknown(rows)
        self._run.mismatches.append(
            Mismatch(job_id=job.id, files=raw, rows=np.sort(rows), n_strangers=len(settled.matched.strangers))
        )
