"""Runner: rows become parts, parts become jobs; a bounded number at once.

What goes wrong with a job is a value here; its siblings finish, and the caller decides what to raise.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from sfframe.bridge import INTERRUPTED, in_thread, interrupt_in
from sfframe.errors import SfframeError
from sfframe.ingest.job import PartJob
from sfframe.ingest.outcomes import Outcomes
from sfframe.ingest.payload import Cut, Part, parts
from sfframe.ingest.run import Mismatch, Run
from sfframe.ingest.spool import Numbers, Rows, SomeRows
from sfframe.org.jobs import JobInfo
from sfframe.progress import RowsRetried

# Payloads in memory at once, made or on the wire: one goes up while the next is made.
_PAYLOADS = 2


@dataclass(eq=False, kw_only=True)
class Done:
    """All that a run knows at its end.

    Attributes:
        outcomes: The fate of every row; rows of jobs that still run count as unprocessed.
        jobs: Every job that was given to the org to process, in the order of their commits.
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
    await in_thread(run.ledger.close)
    return Done(
        outcomes=run.ledger.outcomes,
        jobs=list(run.jobs.values()),
        attempts=run.ledger.attempts(),
        failed_jobs=run.failed_jobs,
        trouble=run.trouble,
        mismatches=run.mismatches,
        running=[*run.closing, *run.running],
        ended_by=ended_by,
    )


async def _rounds(run: Run, rows: Rows, cut: Cut) -> None:
    """All rows once, then those that deserve it again and again."""
    await _send(run, rows, cut, attempt=1)
    attempt = 1
    while not run.no_more_parts and (again := run.ledger.take_again()) is not None:
        positions, numbers = again
        await asyncio.sleep(run.org.retry.wait_s(attempt))
        attempt += 1
        run.tell(RowsRetried(rows=len(numbers), attempt=attempt))
        some = SomeRows(rows, positions, numbers)
        await _send(run, some, replace(cut, left_out=np.empty(0, np.int64)), attempt=attempt, positions=positions)


async def _send(run: Run, rows: Rows, cut: Cut, *, attempt: int, positions: Numbers | None = None) -> None:
    """Send rows, part by part; `positions` says where they are in the rows of the run, if they aren't all."""
    jobs = asyncio.Semaphore(run.request.options.max_concurrent_jobs)
    payloads = asyncio.Semaphore(_PAYLOADS)
    to_send = parts(rows, run.layout, cut)
    async with asyncio.TaskGroup() as group:
        while True:
            await jobs.acquire()
            await payloads.acquire()
            part = None if run.no_more_parts else await in_thread(_next, to_send)
            if part is None:
                break
            where = part.positions if positions is None else positions[part.positions]
            job = PartJob(run, rows, cut, part, where, attempt=attempt, payloads=payloads)
            group.create_task(job.run()).add_done_callback(lambda _: jobs.release())


def _next(to_send: Iterator[Part]) -> Part | None:
    return next(to_send, None)
