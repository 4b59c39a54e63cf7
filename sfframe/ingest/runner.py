"""Runner: parts become jobs, jobs become fates; a bounded number at once, none ever twice.

The commit point of a job is its closing: whatever is uncertain before it is thrown away and made anew, the
closing itself is settled by looking at the job (wire notes, 12). So no fault of the network sends a row twice.
What goes wrong with a job is a value here; its siblings finish, and the caller decides what to raise.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from sfframe.bridge import INTERRUPTED, in_thread, interrupt_in
from sfframe.errors import ApiError, AuthenticationError, OutcomeUnknown, SfframeError
from sfframe.ingest.columns import Layout
from sfframe.ingest.echo import FAILED, SUCCESSFUL, UNPROCESSED
from sfframe.ingest.outcomes import Outcomes
from sfframe.ingest.payload import Cut, LineEnding, Part, parts, written_again
from sfframe.ingest.request import IngestRequest
from sfframe.ingest.settle import Settled, not_processed, settle
from sfframe.ingest.spool import Numbers, Rows, SomeRows
from sfframe.org.jobs import JobInfo, JobState, ResultKind
from sfframe.progress import JobCreated, JobFinished, JobProgressed, Listener, PartUploaded, RowsRetried

if TYPE_CHECKING:
    from sfframe.org.org import Org

_log = logging.getLogger("sfframe.ingest")

_KINDS: dict[int, ResultKind] = {
    SUCCESSFUL: "successful_results",
    FAILED: "failed_results",
    UNPROCESSED: "unprocessed_records",
}
# Payloads in memory at once, made or on the wire: one goes up while the next is made.
_PAYLOADS = 2
# Looks at result files that don't add up before they are taken as they are.
_DOWNLOADS = 3
_TIDY_S = 10.0


@dataclass(eq=False, kw_only=True)
class Mismatch:
    """A job whose results couldn't be matched: its files, and the rows whose fate is open."""

    job_id: str
    files: Mapping[str, bytes]
    rows: Numbers
    n_strangers: int


@dataclass(eq=False, kw_only=True)
class Done:
    """All that a run knows at its end.

    Attributes:
        outcomes: The fate of every row; rows of jobs that still run count as unprocessed.
        jobs: Every job that was given to the org to process, in the order of their making.
        attempts: `row, attempt, job_id, sf__Error` of rows that went more than once.
        failed_jobs: Jobs of which the org processed no row, though it was given them.
        trouble: What kept parts from being sent or collected, as the errors they are.
        mismatches: Jobs whose results couldn't be matched.
        running: Jobs that may still run in the org.
        ended_by: `None`, or what ended the run early.
    """

    outcomes: Outcomes
    jobs: list[JobInfo]
    attempts: pl.DataFrame
    failed_jobs: list[JobInfo] = field(default_factory=list)
    trouble: list[SfframeError] = field(default_factory=list)
    mismatches: list[Mismatch] = field(default_factory=list)
    running: list[str] = field(default_factory=list)
    ended_by: BaseException | None = None


class Runner:
    """One run of a request over its rows.

    Args:
        org: Where the rows go.
        request: What is asked for.
        rows: The rows, in the order in which they are sent.
        layout: Where their columns go.
        cut: How they become parts.
        outcomes: Takes their fates.
        folder: Where result files are kept while they are read; `None`: in memory.
        tell: Gets the progress events.
    """

    def __init__(
        self,
        *,
        org: Org,
        request: IngestRequest,
        rows: Rows,
        layout: Layout,
        cut: Cut,
        outcomes: Outcomes,
        folder: Path | None,
        tell: Listener,
    ) -> None:
        self._org = org
        self._request = request
        self._rows = rows
        self._layout = layout
        self._cut = cut
        self._outcomes = outcomes
        self._folder = folder
        self._tell = tell
        self._jobs: dict[str, JobInfo] = {}
        self._uncommitted: set[str] = set()  # made, not closed: safe to abort
        self._closing: set[str] = set()  # being closed: nobody knows
        self._running: dict[str, None] = {}  # closed, not collected; in order
        self._trouble: list[SfframeError] = []
        self._mismatches: list[Mismatch] = []
        self._unknown: list[Numbers] = []
        self._held: list[pl.DataFrame] = []  # fates of rows that go again, in case they can't
        self._again: list[tuple[Numbers, Numbers]] = []  # positions and numbers of such rows
        self._attempts: list[pl.DataFrame] = []
        self._failed_jobs: list[JobInfo] = []
        self._no_more_parts = False
        self._lock = threading.Lock()
        self._is_over = False  # what a thread still brings after that comes too late
        # One job's results come down while another's are matched; more at once would only use more memory.
        self._downloading, self._matching = asyncio.Semaphore(1), asyncio.Semaphore(1)

    async def run(self) -> Done:
        """Send all rows and collect their fates. Faults of jobs, the time's end and Ctrl-C are in the result."""
        ended_by: BaseException | None = None
        try:
            async with asyncio.timeout(self._request.options.timeout):
                await self._rounds()
        except TimeoutError as timeout:
            ended_by = timeout
            await self._tidy()
        except asyncio.CancelledError as cancelled:
            await self._tidy()
            if INTERRUPTED not in cancelled.args:
                raise
            ended_by = cancelled
        except BaseException as error:
            await self._tidy()
            interrupt = interrupt_in(error)
            if interrupt is None:
                raise
            ended_by = interrupt
        await in_thread(self._complete)
        return Done(
            outcomes=self._outcomes,
            jobs=list(self._jobs.values()),
            attempts=self._all_attempts(),
            failed_jobs=self._failed_jobs,
            trouble=self._trouble,
            mismatches=self._mismatches,
            running=[*self._closing, *self._running],
            ended_by=ended_by,
        )

    # --- rounds and parts ---------------------------------------------------------------------------------------------

    async def _rounds(self) -> None:
        await self._send(self._rows, attempt=1)
        attempt = 1
        while self._again and not self._no_more_parts:
            positions, numbers = (np.concatenate(arrays) for arrays in zip(*self._again, strict=True))
            order = np.argsort(positions, kind="stable")
            self._again = []
            await asyncio.sleep(self._org.retry.wait_s(attempt))
            attempt += 1
            self._tell(RowsRetried(rows=len(numbers), attempt=attempt))
            positions, numbers = positions[order], numbers[order]
            await self._send(SomeRows(self._rows, positions, numbers), attempt=attempt, positions=positions)

    async def _send(self, rows: Rows, *, attempt: int, positions: Numbers | None = None) -> None:
        """Send rows, part by part; `positions` says where they are in the rows of the run, if they aren't all."""
        jobs = asyncio.Semaphore(self._request.options.max_concurrent_jobs)
        payloads = asyncio.Semaphore(_PAYLOADS)
        cut = self._cut if attempt == 1 else replace(self._cut, left_out=np.empty(0, np.int64))
        to_send = parts(rows, self._layout, cut)
        async with asyncio.TaskGroup() as group:
            while True:
                await jobs.acquire()
                await payloads.acquire()
                part = None if self._no_more_parts else await in_thread(_next, to_send)
                if part is None:
                    break
                where = part.positions if positions is None else positions[part.positions]
                job = _Job(self, rows, cut, part, where, attempt=attempt, payloads=payloads)
                group.create_task(job.run()).add_done_callback(lambda _: jobs.release())

    # --- what the jobs report -----------------------------------------------------------------------------------------

    def _complete(self) -> None:
        """Give a fate to every row that has none: the last known one, else that it wasn't processed."""
        with self._lock:
            self._is_over = True
        left = self._outcomes.without_fate()
        if not len(left):
            return
        open_rows = pl.DataFrame({"row": left})
        if self._held:
            unknown = pl.DataFrame({"row": np.concatenate(self._unknown) if self._unknown else np.empty(0, np.int64)})
            last = pl.concat(self._held).unique("row", keep="last")
            last = last.join(open_rows, on="row", how="semi").join(unknown, on="row", how="anti")
            self._outcomes.add(last)
            open_rows = open_rows.join(last, on="row", how="anti")
        self._outcomes.add(
            open_rows.with_columns(
                pl.lit(UNPROCESSED, pl.UInt8).alias("outcome"),
                *(pl.lit(None, pl.String).alias(name) for name in ("sf__Id", "sf__Created", "sf__Error")),
            )
        )

    def _all_attempts(self) -> pl.DataFrame:
        schema = {"row": pl.Int64, "attempt": pl.Int64, "job_id": pl.String, "sf__Error": pl.String}
        return pl.concat([pl.DataFrame(schema=schema), *self._attempts]).sort("row", "attempt")

    def _take(self, fates: pl.DataFrame, numbers: Numbers, positions: Numbers, job_id: str, attempt: int) -> None:
        """Take the fates of a part's rows; those that deserve another try wait for it.

        Args:
            fates: By index in the part.
            numbers: The caller's number of each row of the part.
            positions: Where each of them is in the rows of the run.
            job_id, attempt: Which job it was, and the how manieth try of its rows.
        """
        with self._lock:
            if not self._is_over:
                self._take_now(fates, numbers, positions, job_id, attempt)

    def _take_now(self, fates: pl.DataFrame, numbers: Numbers, positions: Numbers, job_id: str, attempt: int) -> None:
        numbered = fates.with_columns(pl.Series(numbers).gather(fates["row"]).alias("row"))
        goes_again = self._deserve_another(numbered, attempt)
        if attempt > 1 or goes_again is not None:
            seen = numbered if goes_again is None or attempt > 1 else numbered.filter(goes_again)
            self._attempts.append(
                seen.select(
                    "row",
                    pl.lit(attempt, pl.Int64).alias("attempt"),
                    pl.lit(job_id).alias("job_id"),
                    "sf__Error",
                )
            )
        if goes_again is None:
            self._outcomes.add(numbered)
            return
        indices = fates["row"].filter(goes_again).to_numpy()
        self._again.append((positions[indices], numbers[indices]))
        self._held.append(numbered.filter(goes_again))
        self._outcomes.add(numbered.filter(~goes_again))

    def _deserve_another(self, fates: pl.DataFrame, attempt: int) -> pl.Series | None:
        codes = [code for code, times in self._request.options.retry_rows.items() if attempt <= times]
        if not codes:
            return None
        failed = fates["outcome"] == FAILED
        if not failed.any():
            return None
        code = pl.when(failed).then(pl.col("sf__Error").str.extract(r"^([^:]*)"))
        mask = fates.select(code.is_in(codes).fill_null(False)).to_series()
        return mask if mask.any() else None

    # --- the end ------------------------------------------------------------------------------------------------------

    async def _tidy(self) -> None:
        """Abort what surely has not begun; what may run is left alone."""
        try:
            async with asyncio.timeout(_TIDY_S), asyncio.TaskGroup() as group:
                for job_id in [*self._uncommitted]:
                    group.create_task(self._abort(job_id))
                for job_id in [*self._closing]:
                    group.create_task(self._abort_if_open(job_id))
        except TimeoutError:
            _log.warning("jobs not yet committed could not be aborted in time; they hold no running work")

    async def _abort(self, job_id: str) -> JobInfo | None:
        """Abort a job that isn't committed; the job as it is then, if the org tells."""
        self._uncommitted.discard(job_id)
        try:
            return await self._org.ingest.abort_job(job_id)
        except SfframeError as error:
            _log.info("job %s, never committed, could not be aborted: %s", job_id, error)
            return None

    async def _abort_if_open(self, job_id: str) -> None:
        try:
            job = await self._org.ingest.get_job(job_id)
        except SfframeError as error:
            _log.info("whether job %s was committed could not be seen: %s", job_id, error)
            return
        if job.state == JobState.OPEN:
            await self._abort(job_id)
            self._closing.discard(job_id)


class _Job:
    """One part on its way: sent, watched, collected."""

    def __init__(
        self,
        run: Runner,
        rows: Rows,
        cut: Cut,
        part: Part,
        positions: Numbers,
        *,
        attempt: int,
        payloads: asyncio.Semaphore,
    ) -> None:
        self._run = run
        self._ingest = run._org.ingest
        self._rows = rows
        self._cut = cut
        self._part = part
        self._positions = positions
        self._attempt = attempt
        self._payloads = payloads
        self._id: str | None = None

    async def run(self) -> None:
        """Whatever goes wrong with this job is noted; its siblings go on."""
        try:
            job = await self._commit_and_watch("LF")
            if _is_line_ending_failure(job):
                # Nothing was processed, so nothing can double (wire notes, 4.1).
                self._run._running.pop(job.id, None)
                await self._payloads.acquire()
                job = await self._commit_and_watch("CRLF")
            await self._collect(job)
        except OutcomeUnknown as unknown:
            self._run._unknown.append(self._part.numbers)
            self._run._trouble.append(unknown)
        except (ApiError, AuthenticationError) as error:
            self._run._trouble.append(error)
            # What kept this part from being sent would keep the others too.
            self._run._no_more_parts = True
        finally:
            self._part.data = memoryview(b"")

    async def _commit_and_watch(self, line_ending: LineEnding) -> JobInfo:
        try:
            job = await self._commit(line_ending)
        finally:
            self._part.data = memoryview(b"")
            self._payloads.release()
        return await self._watch(job)

    # --- up -----------------------------------------------------------------------------------------------------------

    async def _commit(self, line_ending: LineEnding) -> JobInfo:
        """Make a job, give it the rows, close it. After a doubt about the rows: another job, the same rows."""
        if line_ending != "LF" or not len(self._part.data):
            self._part.data = await in_thread(
                written_again, self._rows, self._run._layout, self._cut, self._part, line_ending
            )
        retry, tries = self._run._org.retry, 0
        while True:
            tries += 1
            job = await self._create(line_ending)
            try:
                await self._ingest.put_job_data(job.id, self._part.data)
                return await self._close(job)
            except ApiError as error:
                may_be_closed = job.id in self._run._closing
                aborted = await self._run._abort(job.id)
                self._run._closing.discard(job.id)
                if may_be_closed and not _never_ran(aborted):
                    raise _unknown(job.id, self._part.n_rows, str(error)) from error
                # A refusal stands after a second hearing; an answer that didn't come may come next time.
                patience = 2 if error.status is not None and error.status < 500 else retry.max_tries
                if tries >= patience:
                    raise
                _log.info("job %s was thrown away before it was committed (%s); another is made", job.id, error)
                await asyncio.sleep(retry.wait_s(tries))

    async def _create(self, line_ending: LineEnding) -> JobInfo:
        request = self._run._request
        key = self._run._layout.key
        job = await self._ingest.create_job(
            request.sobject,
            request.wire_operation,
            external_id_field=key.header if request.operation == "upsert" and key is not None else None,
            assignment_rule_id=request.options.assignment_rule_id,
            line_ending=line_ending,
        )
        self._run._uncommitted.add(job.id)
        self._run._tell(JobCreated(job_id=job.id, rows=self._part.n_rows, payload_bytes=len(self._part.data)))
        return job

    async def _close(self, job: JobInfo) -> JobInfo:
        run = self._run
        run._uncommitted.discard(job.id)
        run._closing.add(job.id)
        closed = await self._ingest.close_job(job.id)
        run._closing.discard(job.id)
        run._running[job.id] = None
        run._jobs[job.id] = job = replace(job, state=closed.state)
        run._tell(PartUploaded(job_id=job.id, rows=self._part.n_rows, payload_bytes=len(self._part.data)))
        return job

    # --- meanwhile ----------------------------------------------------------------------------------------------------

    async def _watch(self, job: JobInfo) -> JobInfo:
        """Look at the job until it has ended; less often while nothing changes."""
        interval = self._run._request.options.poll_interval
        poll = self._run._org.poll if interval is None else self._run._org.poll.starting_at(interval)
        wait_s: float | None = None
        changed = False
        while not job.is_final:
            wait_s = poll.next_s(wait_s, changed=changed)
            await asyncio.sleep(wait_s)
            seen = await self._look(job)
            changed = _progress(seen) != _progress(job)
            self._run._jobs[job.id] = job = seen
            if changed:
                state, processed, failed = _progress(seen)
                self._run._tell(JobProgressed(job_id=job.id, state=state, rows_processed=processed, rows_failed=failed))
        return job

    async def _look(self, job: JobInfo) -> JobInfo:
        try:
            return await self._ingest.get_job(job.id)
        except (ApiError, AuthenticationError) as error:
            gone = isinstance(error, ApiError) and error.status == 404
            why = "the org doesn't know it any more" if gone else f"the org can't be asked: {error}"
            raise _unknown(job.id, self._part.n_rows, why) from error

    # --- down ---------------------------------------------------------------------------------------------------------

    async def _collect(self, job: JobInfo) -> None:
        """Download the results, match them, read again what doesn't add up."""
        run = self._run
        async with run._downloading:
            files = await self._download(job)
            await run._matching.acquire()
        try:
            settled = await in_thread(self._settle, job, files)
            for attempt in range(1, _DOWNLOADS):
                if settled.is_whole:
                    break
                await asyncio.sleep(run._org.retry.wait_s(attempt))
                files = await self._download(job)
                settled = await in_thread(self._settle, job, files)
            matched = settled.matched
            if not settled.is_whole:
                await in_thread(self._note_mismatch, job, settled, files)
            numbers = self._part.numbers
            await in_thread(run._take, matched.fates, numbers, self._positions, job.id, self._attempt)
            self._forget(files)
        finally:
            run._matching.release()
        run._running.pop(job.id, None)
        if job.state != JobState.JOB_COMPLETE and not matched.fates["outcome"].is_in([SUCCESSFUL, FAILED]).any():
            run._failed_jobs.append(job)
        outcomes = np.bincount(matched.fates["outcome"].to_numpy(), minlength=4)
        run._tell(
            JobFinished(
                job_id=job.id,
                state=job.state,
                rows=self._part.n_rows,
                successful=int(outcomes[SUCCESSFUL]),
                failed=int(outcomes[FAILED]),
                unprocessed=self._part.n_rows - int(outcomes[SUCCESSFUL]) - int(outcomes[FAILED]),
            )
        )

    def _settle(self, job: JobInfo, files: dict[int, bytes | Path | None]) -> Settled:
        settled = settle(self._rows, self._run._layout, self._cut, self._part, files)
        if settled.is_whole or job.state == JobState.JOB_COMPLETE:
            return settled
        return not_processed(settled, job.number_records_processed or 0)

    async def _download(self, job: JobInfo) -> dict[int, bytes | Path | None]:
        bodies = await asyncio.gather(*(self._file(job, outcome) for outcome in _KINDS))
        return dict(zip(_KINDS, bodies, strict=True))

    async def _file(self, job: JobInfo, outcome: int) -> bytes | Path | None:
        sink = self._run._folder / f"{job.id}-{_KINDS[outcome]}.csv" if self._run._folder is not None else None
        try:
            body = await self._ingest.download(job.id, _KINDS[outcome], sink, api_version=job.api_version)
        except ApiError as error:
            # A job that failed or was aborted needn't have results of each kind (wire notes, 5.4).
            if job.state != JobState.JOB_COMPLETE and error.status in (400, 404):
                return None
            raise OutcomeUnknown(
                f"job {job.id} has ended as {job.state}, but its results can't be read ({error}). Its "
                f"{self._part.n_rows:,} rows may or may not be in the org; the results are kept there for 7 days.",
                job_ids=(job.id,),
            ) from error
        return body if sink is None else sink

    def _note_mismatch(self, job: JobInfo, settled: Settled, files: dict[int, bytes | Path | None]) -> None:
        raw: dict[str, bytes] = {
            _KINDS[outcome]: body.read_bytes() if isinstance(body, Path) else body
            for outcome, body in files.items()
            if body is not None
        }
        rows = self._part.numbers[settled.matched.lost.to_numpy()]
        self._run._unknown.append(rows)
        self._run._mismatches.append(
            Mismatch(job_id=job.id, files=raw, rows=np.sort(rows), n_strangers=len(settled.matched.strangers))
        )

    @staticmethod
    def _forget(files: dict[int, bytes | Path | None]) -> None:
        for body in files.values():
            if isinstance(body, Path):
                body.unlink(missing_ok=True)
        files.clear()


def _unknown(job_id: str, n_rows: int, why: str) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"what became of job {job_id} isn't known ({why}). Its {n_rows:,} rows may or may not be in the org: "
        "ask it before you send inserts again.",
        job_ids=(job_id,),
    )


def _never_ran(aborted: JobInfo | None) -> bool:
    return aborted is not None and aborted.state == JobState.ABORTED and not aborted.number_records_processed


def _next(to_send: Iterator[Part]) -> Part | None:
    return next(to_send, None)


def _progress(job: JobInfo) -> tuple[str, int, int]:
    return job.state, job.number_records_processed or 0, job.number_records_failed or 0


def _is_line_ending_failure(job: JobInfo) -> bool:
    return (
        job.state == JobState.FAILED
        and "lineending" in (job.error_message or "").lower()
        and not job.number_records_processed
    )
