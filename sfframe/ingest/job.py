"""Job: one part on its way to the org and back.

The commit point is the job's closing: whatever is uncertain before it is thrown away and made anew, the closing
itself is settled by looking at the job (wire notes, 12). So no fault of the network sends a row twice.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sfframe.bridge import in_thread
from sfframe.errors import ApiError, AuthenticationError, JournalError, OutcomeUnknown
from sfframe.ingest.collect import Collector
from sfframe.ingest.journal import Journal
from sfframe.ingest.payload import Cut, LineEnding, Part, written_again
from sfframe.ingest.recorded import KnownJob, KnownPart, Stage
from sfframe.ingest.run import Run, never_ran, unknown
from sfframe.ingest.spool import Numbers, Rows
from sfframe.ingest.taken_up import look, may_go_again, note_on_lost, take_up
from sfframe.org.ingest_jobs import most_result_bytes
from sfframe.org.job_page import job_page
from sfframe.org.jobs import JobInfo, JobState, is_plain_refusal
from sfframe.progress.events import (
    IngestEvent,
    JobAbandoned,
    JobCreated,
    JobProgressed,
    JobTakenUp,
    PartUploaded,
    UploadProgressed,
)
from sfframe.progress.listeners import Listener
from sfframe.progress.log import apart

_log = logging.getLogger("sfframe.ingest")

_TELL_EACH_S = 0.25  # of what has gone up


class PartJob:
    """One part on its way: sent, watched, collected."""

    def __init__(
        self,
        run: Run,
        rows: Rows,
        cut: Cut,
        part: Part,
        positions: Numbers,
        *,
        attempt: int,
        payloads: asyncio.Semaphore,
        again: asyncio.Semaphore,
        known: KnownPart | None = None,
    ) -> None:
        self._run = run
        self._ingest = run.org.ingest
        self._rows = rows
        self._cut = cut
        self._part = part
        self._positions = positions
        self._attempt = attempt
        self._payload = payloads
        self._again = again
        self._known = known
        self._number = known.number if known is not None else None
        self._place = attempt, int(positions[0])
        self._collector = Collector(run, rows, cut, part, positions, attempt=attempt)
        self._told_of: str | None = None  # the job of which events were told, and its end not yet

    async def run(self) -> None:
        """Whatever goes wrong with this job is noted; its siblings go on."""
        try:
            if self._known is None:
                await self._send_and_collect()
            else:
                await self._go_on(self._known)
        except OutcomeUnknown as error:
            self._run.ledger.take_unknown(self._part.numbers)
            error.rows = np.sort(self._part.numbers)
            self._run.trouble.append(error)
            self._tell_abandoned()
        except (ApiError, AuthenticationError, JournalError) as error:
            self._run.trouble.append(error)
            self._tell_abandoned()
            # What kept this part from being sent would keep the others too.
            self._run.no_more_parts = True
        finally:
            self._part.data = memoryview(b"")

    async def _send_and_collect(self) -> None:
        await self._collector.collect(await self._again_by_crlf(await self._commit_and_watch("LF")))

    async def _go_on(self, known: KnownPart) -> None:
        """A part that another process began: as far as that came, and no step twice."""
        self._recall(known.jobs)
        try:
            found = await take_up(self._run, known)
            if found.known is not None:
                await self._take_known(found.known)
                return
            if found.job is not None:
                self._note(found.job)
                self._tell_taken_up(found.job)
                await self._collector.collect(await self._again_by_crlf(await self._watch(found.job)))
                return
        except OutcomeUnknown as error:
            if not may_go_again(self._run, error):
                raise
            await self._forget(error)
        if self._run.no_more_parts:
            return  # what keeps others from being sent keeps this one too
        await self._payload_again()
        await self._send_and_collect()

    def _recall(self, jobs: Sequence[KnownJob]) -> None:
        """What an earlier process would have told of the jobs that this part has had."""
        for job in jobs:
            if job.stage is Stage.REFUSED:
                self._note(job.info)
            elif job.stage is Stage.LOST:
                self._run.notes.append(note_on_lost(job.info.id, self._part.n_rows))

    async def _forget(self, error: OutcomeUnknown) -> None:
        run = self._run
        for job_id in error.job_ids:
            await run.record_taken(Journal.reached, job_id, Stage.LOST)
            run.running.pop(job_id, None)
            run.closing.discard(job_id)
            run.jobs.pop(job_id, None)
            run.notes.append(note_on_lost(job_id, self._part.n_rows))

    def _note(self, job: JobInfo) -> None:
        """A job that was committed, as the org tells of it."""
        self._run.jobs[job.id] = job
        self._run.places[job.id] = self._place

    async def _take_known(self, known: KnownJob) -> None:
        run = self._run
        assert run.journal is not None
        fates, _ = await in_thread(run.journal.fates_of, known)
        self._note(known.info)
        await self._collector.give(known.info, fates)

    async def _again_by_crlf(self, job: JobInfo) -> JobInfo:
        if not _is_line_ending_failure(job):
            return job
        # Nothing was processed, so nothing can double (wire notes, 4.1).
        self._tell_abandoned()
        self._run.running.pop(job.id, None)
        await self._run.record(Journal.reached, job.id, Stage.REFUSED, job)
        await self._payload_again()
        return await self._commit_and_watch("CRLF")

    async def _commit_and_watch(self, line_ending: LineEnding) -> JobInfo:
        try:
            job = await self._commit(line_ending)
        finally:
            self._part.data = memoryview(b"")
            self._payload.release()
        return await self._watch(job)

    async def _payload_again(self) -> None:
        self._payload = self._again
        await self._payload.acquire()

    # --- up -----------------------------------------------------------------------------------------------------------

    async def _commit(self, line_ending: LineEnding) -> JobInfo:
        """Make a job, give it the rows, close it. After a doubt about the rows: another job, the same rows."""
        if line_ending != "LF" or not len(self._part.data):
            self._part.data = await in_thread(
                written_again, self._rows, self._run.layout, self._cut, self._part, line_ending
            )
        self._collector.most_bytes = most_result_bytes(len(self._part.data), self._part.n_rows)
        run, retry, tries = self._run, self._run.org.retry, 0
        if self._number is None:
            self._number = await run.record(Journal.part_begun, self._part, self._positions, self._attempt)
        while True:
            tries += 1
            job = await self._create(line_ending)
            try:
                await run.record(Journal.job_made, job, self._number or 0, line_ending)
                await self._upload(job)
                return await self._close(job)
            except JournalError:
                await run.abort(job.id)
                raise
            except ApiError as error:
                may_be_closed = job.id in run.closing
                stage = Stage.GIVEN_UP_CLOSING if may_be_closed else Stage.GIVEN_UP
                await run.record_taken(Journal.reached, job.id, stage)
                self._tell_abandoned()
                aborted = await (run.abort_closing if may_be_closed else run.abort)(job.id)
                if may_be_closed and not never_ran(aborted):
                    raise unknown(job.id, self._part.n_rows, str(error)) from error
                run.closing.discard(job.id)
                # A refusal stands after a second hearing; an answer that didn't come may come next time.
                patience = 2 if is_plain_refusal(error) else retry.max_tries
                if tries >= patience:
                    raise
                with apart():
                    _log.info("job %s was thrown away before it was committed (%s); another is made", job.id, error)
                await asyncio.sleep(retry.wait_s(tries))

    async def _create(self, line_ending: LineEnding) -> JobInfo:
        request = self._run.request
        key = self._run.layout.key
        job = await self._ingest.create_job(
            request.sobject,
            request.wire_operation,
            external_id_field=key.header if request.operation == "upsert" and key is not None else None,
            assignment_rule_id=request.options.assignment_rule_id,
            line_ending=line_ending,
        )
        self._run.uncommitted.add(job.id)
        self._told_of = job.id
        self._run.tell(
            JobCreated(
                job_id=job.id,
                rows=self._part.n_rows,
                payload_bytes=len(self._part.data),
                attempt=self._attempt,
                page=job_page(self._run.org.url, job.id),
            )
        )
        return job

    async def _upload(self, job: JobInfo) -> None:
        noting = asyncio.create_task(self._run.record(Journal.uploaded, job.id, self._part.data))
        try:
            await self._ingest.put_job_data(job.id, self._part.data, sent=_Sent(self._run.tell, job.id, self._part))
        finally:
            await asyncio.wait({noting})  # a thread is at it, which can't be called off
            noting.result()

    async def _close(self, job: JobInfo) -> JobInfo:
        run = self._run
        await run.kept()
        await run.record(Journal.reached, job.id, Stage.CLOSING)
        run.uncommitted.discard(job.id)
        run.closing.add(job.id)
        run.rows_of[job.id] = self._part.numbers
        closed = await self._ingest.close_job(job.id)
        run.closing.discard(job.id)
        run.running[job.id] = None
        job = replace(job, state=closed.state)
        self._note(job)
        await run.record_taken(Journal.reached, job.id, Stage.CLOSED, job)
        run.tell(PartUploaded(job_id=job.id, rows=self._part.n_rows, payload_bytes=len(self._part.data)))
        return job

    # --- meanwhile ----------------------------------------------------------------------------------------------------

    async def _watch(self, job: JobInfo) -> JobInfo:
        """Look at the job until it has ended; less often while nothing changes.

        Once at least: of a job that had ended when it was closed, or long ago, nobody knows its counters, nor that the
        org has it still.
        """
        interval = self._run.request.options.poll_interval
        poll = self._run.org.poll if interval is None else self._run.org.poll.starting_at(interval)
        wait_s: float | None = None
        changed = False
        while True:
            if not job.is_final:
                wait_s = poll.next_s(wait_s, changed=changed)
                await asyncio.sleep(wait_s)
            seen = await look(self._run, job, self._part.n_rows)
            changed = _progress(seen) != _progress(job)
            job = seen
            self._note(job)
            if changed or job.is_final:
                state, processed, failed = _progress(seen)
                self._run.tell(JobProgressed(job_id=job.id, state=state, rows_processed=processed, rows_failed=failed))
            if job.is_final:
                return job

    # --- what is told -------------------------------------------------------------------------------------------------

    def _tell_taken_up(self, job: JobInfo) -> None:
        self._told_of = job.id
        page = job_page(self._run.org.url, job.id)
        self._run.tell(JobTakenUp(job_id=job.id, rows=self._part.n_rows, page=page))

    def _tell_abandoned(self) -> None:
        job_id, self._told_of = self._told_of, None
        if job_id is not None:
            self._run.tell(JobAbandoned(job_id=job_id, rows=self._part.n_rows))


class _Sent:
    """Tells of the bytes that have gone up, but not of each piece of them."""

    def __init__(self, tell: Listener[IngestEvent], job_id: str, part: Part) -> None:
        self._tell = tell
        self._job_id = job_id
        self._n_bytes = len(part.data)
        self._told_s = time.monotonic()

    def __call__(self, n_bytes: int) -> None:
        now = time.monotonic()
        if now - self._told_s < _TELL_EACH_S:
            return
        self._told_s = now
        self._tell(UploadProgressed(job_id=self._job_id, bytes_sent=n_bytes, payload_bytes=self._n_bytes))


def _progress(job: JobInfo) -> tuple[str, int, int]:
    return job.state, job.number_records_processed or 0, job.number_records_failed or 0


def _is_line_ending_failure(job: JobInfo) -> bool:
    return (
        job.state == JobState.FAILED
        and "lineending" in (job.error_message or "").lower()
        and not job.number_records_processed
    )
