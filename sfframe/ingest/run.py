"""Run: what the jobs of one call share, and which of them are in which stage."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from sfframe.bridge import in_thread
from sfframe.errors import JournalError, OutcomeUnknown, SfframeError
from sfframe.ingest.columns import Layout
from sfframe.ingest.journal import Journal
from sfframe.ingest.ledger import Ledger
from sfframe.ingest.recorded import Stage
from sfframe.ingest.request import IngestRequest
from sfframe.ingest.slots import Slots
from sfframe.ingest.spool import Numbers
from sfframe.org.jobs import JobInfo, JobState
from sfframe.progress.events import IngestEvent
from sfframe.progress.listeners import Listener

if TYPE_CHECKING:
    from sfframe.org.org import Org

_log = logging.getLogger("sfframe.ingest")

P = ParamSpec("P")
T = TypeVar("T")

_TIDY_S = 10.0


@dataclass(eq=False, kw_only=True)
class Mismatch:
    """A job whose results couldn't be matched: its files, and the rows whose fate is open."""

    job_id: str
    files: Mapping[str, bytes]
    rows: Numbers
    n_strangers: int


def _one_at_once() -> asyncio.Semaphore:
    return asyncio.Semaphore(1)


@dataclass(eq=False, kw_only=True)
class Turns:
    """What jobs do one after the other: more at once would take as long together, and more memory.

    Of several runs beside each other, jobs that took no turns would all compute, and then all wait for the org.

    Attributes:
        making: Writing the payload.
        downloading, matching: One job's results come down while another's are matched.
    """

    making: asyncio.Semaphore = field(default_factory=_one_at_once)
    downloading: asyncio.Semaphore = field(default_factory=_one_at_once)
    matching: asyncio.Semaphore = field(default_factory=_one_at_once)


@dataclass(eq=False, kw_only=True)
class Run:
    """One run of a request.

    Attributes:
        org: Where the rows go.
        request: What is asked for.
        layout: Where their columns go.
        ledger: Takes their fates.
        tell: Gets the progress events.
        jobs: What the org said last of each job that was committed.
        places: Where each of these is among them: its try of rows, and the first of its rows.
        uncommitted: Jobs that are made and not closed: safe to abort.
        closing: Jobs that are being closed: nobody knows.
        running: Jobs that are closed and not collected, in order.
        rows_of: Which rows jobs have that may run, by the caller's numbers.
        failed_jobs: Jobs of which the org processed no row, though it was given them.
        trouble: What kept parts from being sent or collected, as the errors they are.
        mismatches: Jobs whose results couldn't be matched.
        notes: What else the caller should know, as sentences.
        journal: Where each step is written before it is taken; `None`: nowhere.
        keeping: What keeps the frame beside the journal, which has to be done before a job is closed; `None`: it is.
        slots: Bounds the jobs in flight beside those of other processes; `None`: there are none.
        no_more_parts: Something keeps every further part from being sent.
        turns: What its jobs do one after the other, perhaps with those of other runs.
    """

    org: Org
    request: IngestRequest
    layout: Layout
    ledger: Ledger
    tell: Listener[IngestEvent]
    jobs: dict[str, JobInfo] = field(default_factory=dict)
    places: dict[str, tuple[int, int]] = field(default_factory=dict)
    uncommitted: set[str] = field(default_factory=set)
    closing: set[str] = field(default_factory=set)
    running: dict[str, None] = field(default_factory=dict)
    rows_of: dict[str, Numbers] = field(default_factory=dict)
    failed_jobs: list[JobInfo] = field(default_factory=list)
    trouble: list[SfframeError] = field(default_factory=list)
    mismatches: list[Mismatch] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    journal: Journal | None = None
    keeping: asyncio.Task[None] | None = None
    slots: Slots | None = None
    no_more_parts: bool = False
    turns: Turns = field(default_factory=Turns)

    def jobs_in_order(self) -> list[JobInfo]:
        """The jobs by their tries, then by their rows: whatever came first, and in whatever process."""
        return sorted(self.jobs.values(), key=lambda job: self.places[job.id])

    async def record(self, step: Callable[Concatenate[Journal, P], T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """Write a step that is about to be taken into the journal, if there is one.

        Raises:
            JournalError: It can't be written, so the step mustn't be taken.
        """
        return None if self.journal is None else await in_thread(step, self.journal, *args, **kwargs)

    async def kept(self) -> None:
        """Wait until the frame is kept beside the journal.

        Raises:
            JournalError: It can't be.
        """
        if self.keeping is not None:
            await asyncio.wait({self.keeping})  # not awaited: one job that is cancelled must not cancel it
            self.keeping.result()

    async def record_taken(self, step: Callable[Concatenate[Journal, P], T], *args: P.args, **kwargs: P.kwargs) -> None:
        """Write a step that was taken. Where that can't be done, nothing more is sent, and what runs is finished."""
        try:
            await self.record(step, *args, **kwargs)
        except JournalError as error:
            self.trouble.append(error)
            self.no_more_parts = True

    async def tidy(self) -> None:
        """Abort what surely has not begun; what may run is left alone."""
        try:
            async with asyncio.timeout(_TIDY_S), asyncio.TaskGroup() as group:
                for job_id in [*self.uncommitted]:
                    group.create_task(self._give_up(job_id))
                for job_id in [*self.closing]:
                    group.create_task(self._abort_if_open(job_id))
        except TimeoutError:
            _log.warning("jobs not yet committed could not be aborted in time; they hold no running work")

    async def abort(self, job_id: str, *, api_version: str | None = None) -> JobInfo | None:
        """Abort a job that isn't committed; the job as it is then, if the org tells."""
        self.uncommitted.discard(job_id)
        try:
            return await self.org.ingest.abort_job(job_id, api_version=api_version)
        except SfframeError as error:
            _log.info("job %s, never committed, could not be aborted: %s", job_id, error)
            return None

    async def abort_closing(self, job_id: str, *, api_version: str | None = None) -> JobInfo | None:
        """Abort a job whose closing may be on its way still; the job after that, if the org tells.

        The answer to an abort needn't hold the counters, and rows that a closed job has saved stay saved.
        """
        if await self.abort(job_id, api_version=api_version) is None:
            return None
        try:
            return await self.org.ingest.get_job(job_id, api_version=api_version)
        except SfframeError as error:
            _log.info("job %s was aborted; whether it had run could not be seen: %s", job_id, error)
            return None

    async def _give_up(self, job_id: str) -> None:
        # Its closing may have been announced already, and then never came.
        await self.record_taken(Journal.reached, job_id, Stage.GIVEN_UP)
        await self.abort(job_id)

    async def _abort_if_open(self, job_id: str) -> None:
        try:
            job = await self.org.ingest.get_job(job_id)
        except SfframeError as error:
            _log.info("whether job %s was committed could not be seen: %s", job_id, error)
            return
        if job.state == JobState.OPEN:
            await self.record_taken(Journal.reached, job_id, Stage.GIVEN_UP_CLOSING)
            if never_ran(await self.abort_closing(job_id)):
                self.closing.discard(job_id)


def unknown(job_id: str, n_rows: int, why: str) -> OutcomeUnknown:
    """That nobody knows what became of a job's rows."""
    return OutcomeUnknown(
        f"what became of job {job_id} isn't known ({why}). Its {n_rows:,} rows may or may not be in the org: "
        "ask it before you send inserts again.",
        job_ids=(job_id,),
    )


def never_ran(aborted: JobInfo | None) -> bool:
    """Whether a job surely processed no row, as the org told after its abort."""
    return aborted is not None and aborted.state == JobState.ABORTED and not aborted.number_records_processed
