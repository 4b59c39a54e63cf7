"""Runner: rows become parts, parts become jobs; a bounded number at once.

What goes wrong with a job is a value here; its siblings finish, and the caller decides what to raise.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from sfframe.bridge import INTERRUPTED, in_thread, interrupt_in
from sfframe.errors import JournalError, SfframeError
from sfframe.ingest.again import at_once, by_parent, cut_again
from sfframe.ingest.job import PartJob
from sfframe.ingest.ledger import Again
from sfframe.ingest.outcomes import Outcomes
from sfframe.ingest.payload import Cut, Part, part_of, parts
from sfframe.ingest.recorded import KnownPart, Stage
from sfframe.ingest.run import Mismatch, Run
from sfframe.ingest.slots import Slot
from sfframe.ingest.spool import Numbers, Rows, SomeRows
from sfframe.org.jobs import JobInfo
from sfframe.progress.events import RowsRetried

# Payloads in memory at once, made or on the wire: one goes up while the next is made.
_PAYLOADS = 2


@dataclass(eq=False, kw_only=True)
class Done:
    """All that a run knows at its end.

    Attributes:
        outcomes: The fate of every row; rows of jobs that still run count as unprocessed.
        jobs: Every job that was given to the org to process, in the order of their rows, later tries after the first.
        attempts: `row, attempt, job_id, sf__Error` of rows that went more than once.
        failed_jobs: Jobs of which the org processed no row, though it was given them.
        trouble: What kept parts from being sent or collected, as the errors they are.
        notes: What else the caller should know, as sentences.
        mismatches: Jobs whose results couldn't be matched.
        running: Jobs that may still run in the org.
        running_rows: Which rows these have, by the caller's numbers.
        ended_by: `None`, or what ended the run early.
    """

    outcomes: Outcomes
    jobs: list[JobInfo]
    attempts: pl.DataFrame
    failed_jobs: list[JobInfo] = field(default_factory=list)
    trouble: list[SfframeError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    mismatches: list[Mismatch] = field(default_factory=list)
    running: list[str] = field(default_factory=list)
    running_rows: list[Numbers] = field(default_factory=list)
    ended_by: BaseException | None = None

    @property
    def is_settled(self) -> bool:
        """Whether every row has the org's word: nothing is left to do, or to be found out."""
        return self.ended_by is None and not self.trouble and not self.mismatches


async def run_rows(run: Run, rows: Rows, cut: Cut, *, ends_at: float | None = None) -> Done:
    """Send all rows and collect their fates. Faults of jobs, the time's end and Ctrl-C are in the result.

    Args:
        run: The run, fresh.
        rows: The rows, in the order in which they are sent.
        cut: How they become parts.
        ends_at: When the call's time is up, by the running loop's clock; `None`: never.
    """
    ended_by: BaseException | None = None
    try:
        async with asyncio.timeout_at(ends_at):
            await _rounds(run, rows, cut)
    except TimeoutError as timeout:
        ended_by = timeout
        await run.tidy()
    except asyncio.CancelledError as cancelled:
        await run.tidy()
        if INTERRUPTED not in cancelled.args:
            raise
        ended_by = cancelled
    except BaseException as error:
        await run.tidy()
        ended_by = interrupt_in(error)
        if ended_by is None:
            raise
    running = [*run.closing, *run.running]
    running_rows = [run.rows_of[job_id] for job_id in running if job_id in run.rows_of]
    for numbers in running_rows:
        run.ledger.take_unknown(numbers)  # an error for which they were sent again isn't their last word
    await in_thread(run.ledger.close)
    return Done(
        outcomes=run.ledger.outcomes,
        jobs=run.jobs_in_order(),
        attempts=run.ledger.attempts(),
        failed_jobs=run.failed_jobs,
        trouble=run.trouble,
        notes=run.notes,
        mismatches=run.mismatches,
        running=running,
        running_rows=running_rows,
        ended_by=ended_by,
    )


async def _rounds(run: Run, rows: Rows, cut: Cut) -> None:
    """All rows once, then those that deserve it again and again; after what an earlier process has begun of each."""
    begun = await in_thread(_begun_by_attempt, run)
    await in_thread(_note_committed, run, rows, cut, begun)
    most = run.request.options.max_concurrent_jobs
    await _send(run, _Round(rows=rows, cut=cut, known=begun.get(1, ()), n_at_once=most))
    attempt = 1
    while (again := None if run.no_more_parts else run.ledger.take_again()) or attempt < max(begun, default=0):
        attempt += 1
        known = begun.get(attempt, ())
        again = _without(again or Again.nothing(), known)
        if len(again.numbers):
            await asyncio.sleep(run.org.retry.wait_s(attempt - 1))
            run.tell(RowsRetried(rows=len(again.numbers), attempt=attempt))
        parent, order = await in_thread(by_parent, rows, run.layout, cut, again.positions, again.errors)
        again = again.at(order)
        await _send(
            run,
            _Round(
                rows=rows,
                cut=cut_again(cut, parent),
                known=known,
                n_at_once=at_once(most, attempt),
                attempt=attempt,
                again=again,
            ),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Round:
    """One try of some rows.

    Attributes:
        rows: All rows of the run.
        cut: How those of this try become parts.
        known: Parts that an earlier process began. Of the first try they are among the rows to be sent.
        n_at_once: Jobs at once.
        attempt: Which try it is.
        again: The rows of a later try, without those of `known`.
    """

    rows: Rows
    cut: Cut
    known: Sequence[KnownPart]
    n_at_once: int
    attempt: int = 1
    again: Again | None = None

    @property
    def rows_to_send(self) -> Rows:
        """The rows of this try."""
        return self.rows if self.again is None else SomeRows(self.rows, self.again.positions, self.again.numbers)


def _begun_by_attempt(run: Run) -> dict[int, list[KnownPart]]:
    found: dict[int, list[KnownPart]] = {}
    for part in run.journal.parts() if run.journal is not None else []:
        found.setdefault(part.attempt, []).append(part)
    return found


def _note_committed(run: Run, rows: Rows, cut: Cut, begun: Mapping[int, Sequence[KnownPart]]) -> None:
    """Name the jobs that may run from the first: a call that ends before it has come to them tells of them too."""
    for part in itertools.chain.from_iterable(begun.values()):
        last = part.jobs[-1] if part.jobs else None
        if last is not None and last.stage is Stage.CLOSED:
            run.running[last.info.id] = None
        elif last is not None and last.stage in (Stage.CLOSING, Stage.GIVEN_UP_CLOSING):
            run.closing.add(last.info.id)
        if last is not None and part.numbers is not None:
            run.rows_of[last.info.id] = part.numbers
        elif last is not None:
            run.rows_of[last.info.id] = part_of(rows, cut, part.start, part.stop).numbers


def _without(again: Again, known: Sequence[KnownPart]) -> Again:
    """The rows that aren't in a part that was begun."""
    begun = [part.positions for part in known if part.positions is not None]
    left = ~np.isin(again.positions, np.concatenate([np.empty(0, np.int64), *begun]))
    return again.at(np.flatnonzero(left))


async def _send(run: Run, this: _Round) -> None:
    """Send the rows of one try, part by part, after the parts that were begun."""
    jobs = asyncio.Semaphore(this.n_at_once)
    payloads = asyncio.Semaphore(_PAYLOADS)
    # Of jobs in a slot already: those that wait for one with their payloads would let them wait for ever.
    again = asyncio.Semaphore(_PAYLOADS) if run.slots is not None else payloads
    rows = this.rows_to_send
    to_send = _parts_between(run, rows, this.cut, this.known if this.again is None else ())
    async with asyncio.TaskGroup() as group:
        for begun in this.known:
            await jobs.acquire()
            job = _job_of(run, this, begun, payloads, again)
            group.create_task(_in_slot(job, await _slot(run))).add_done_callback(lambda _: jobs.release())
        while True:
            await jobs.acquire()
            await payloads.acquire()
            async with run.turns.making:
                part = None if run.no_more_parts else await in_thread(_next, to_send)
                if part is None:
                    break
                slot = await _slot(run)  # a payload that waits for one is in memory
                if slot is None and run.no_more_parts:
                    break
            where = part.positions if this.again is None else this.again.positions[part.positions]
            job = PartJob(run, rows, this.cut, part, where, attempt=this.attempt, payloads=payloads, again=again)
            group.create_task(_in_slot(job, slot)).add_done_callback(lambda _: jobs.release())


async def _slot(run: Run) -> Slot | None:
    """What lets a job be one of those that all processes may have in flight; if it can't be had, no more is sent."""
    try:
        return await run.slots.take() if run.slots is not None else None
    except JournalError as error:  # those that are in flight are finished
        run.trouble.append(error)
        run.no_more_parts = True
        return None


async def _in_slot(job: PartJob, slot: Slot | None) -> None:
    try:
        await job.run()
    finally:
        if slot is not None:
            await in_thread(slot.release)  # which may have to be told far away


def _parts_between(run: Run, rows: Rows, cut: Cut, known: Sequence[KnownPart]) -> Iterator[Part]:
    """All rows that aren't in a part that was begun: an earlier process may have begun a later part first."""
    start = 0
    for begun in sorted(known, key=lambda part: part.start):
        yield from parts(rows, run.layout, cut, start, begun.start)
        start = begun.stop
    yield from parts(rows, run.layout, cut, start)


def _job_of(run: Run, this: _Round, known: KnownPart, payloads: asyncio.Semaphore, again: asyncio.Semaphore) -> PartJob:
    rows, cut = this.rows, this.cut
    if known.positions is None or known.numbers is None:
        part = part_of(rows, cut, known.start, known.stop)
        where = part.positions
    else:
        where = known.positions
        rows = SomeRows(rows, known.positions, known.numbers)
        part = part_of(rows, cut, 0, rows.n)
    return PartJob(run, rows, cut, part, where, attempt=known.attempt, payloads=payloads, again=again, known=known)


def _next(to_send: Iterator[Part]) -> Part | None:
    return next(to_send, None)
