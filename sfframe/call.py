"""Call: one call from the caller's frame to its result: prepare, run, conclude."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from sfframe import bridge
from sfframe.bridge import INTERRUPTED, in_thread, interrupt_in
from sfframe.conclude import conclude, notes_on, running_in, running_rows_in
from sfframe.disk import SpoolFolder
from sfframe.errors import Interrupted, JobTimeout, JournalError, NoOrgError
from sfframe.front import NOT_SUCCESSFUL, Folder, Source, engine_of
from sfframe.ingest.cost import API_REQUESTS, BATCHES, batches_of, calls_for
from sfframe.ingest.echo import FAILED
from sfframe.ingest.journal import Journal
from sfframe.ingest.ledger import Ledger, no_attempts
from sfframe.ingest.outcomes import Outcomes
from sfframe.ingest.recorded import RunState
from sfframe.ingest.request import IngestRequest
from sfframe.ingest.run import Run, Turns
from sfframe.ingest.runner import Done, run_rows
from sfframe.ingest.slots import Slots
from sfframe.org.org import Org
from sfframe.org.quota import keep_reserve
from sfframe.prepare import Prepared, go_on_with, prepare, prepare_again
from sfframe.progress.events import Finished, Preparing, Started
from sfframe.progress.listeners import telling
from sfframe.query.objects import telling_what_was_meant
from sfframe.result import IngestResult
from sfframe.runs import RunFolder, run_for
from sfframe.sent import Sent, sent_of
from sfframe.timeline import Timeline

T = TypeVar("T")

_LOOKS = 12  # at a job, if nothing is known of how long it will take


async def ingest(frame: Any, request: IngestRequest, org: Org) -> IngestResult[Any]:
    """Send a frame and give every row back with its fate; see `sfframe.verbs` for what is promised."""
    if (engine := engine_of(frame)) is not None:
        result: IngestResult[Any] = await engine.ingest(frame, request, org)
        return result
    return await sent(partial(prepare, frame), request, org)


@dataclass(frozen=True, kw_only=True, eq=False)
class Ended:
    """How a call ended: all that its result is made of, but for the frame.

    Attributes:
        done: All that the run knows at its end.
        host: Of whom the result tells.
        seconds: How long the call took.
        timeout: The seconds that it had.
        run: The run's folder, if there is a journal.
        timeline: When each part was in which stage; `None`: nobody saw it.
    """

    done: Done
    host: str
    seconds: float
    timeout: float | None = None
    run: Path | None = None
    timeline: pl.DataFrame | None = None


async def sent(
    preparing: Callable[..., Awaitable[Prepared]],
    request: IngestRequest,
    org: Org,
    *,
    note: Callable[[Ended], None] | None = None,
) -> IngestResult[Any]:
    """Send what is prepared, and give every row back with its fate.

    Args:
        preparing: Gives it, as `prepare` does of a frame; where there is a journal, with `folder=` too.
        request: The call.
        org: Where the rows go.
        note: Told how the call ended, if anything may have been sent, whatever is raised then.
    """
    async with telling_what_was_meant(org, request.sobject):  # the org itself says so where it isn't asked to describe
        return await _sent(preparing, Call(request, org, note), request, org)


async def _sent(
    preparing: Callable[..., Awaitable[Prepared]], call: Call, request: IngestRequest, org: Org
) -> IngestResult[Any]:
    journals = request.options.journal
    if journals is None:
        prepared = await call.prepared(preparing)
        if prepared.refused:
            raise prepared.error()
        return await call.finish(prepared)
    if not isinstance(journals, Path):
        raise ValueError(  # noqa: TRY004  # of the right type, for others
            f"journal={journals!r}: journals need locks, so name a folder; those of frames on many machines can be "
            "objects in a store"
        )
    folder = await in_thread(RunFolder.made, journals, request)
    try:
        prepared = await call.prepared(partial(preparing, folder=lambda: folder))
        if not prepared.refused:
            await call.before_sending(org.transport.log_in())  # before that one address may stand for any org
        journal = await call.before_sending(in_thread(run_for, prepared, folder, org))
    except BaseException:
        await in_thread(folder.discard)
        raise
    return await (call.finish(prepared, journal) if prepared.recorded is None else call.go_on(prepared.source, journal))


class Call:
    """One call on its way: its clock, its org, and who is told.

    Args:
        request: The call.
        org: Where the rows go.
        note: Told how the call ended, if anything may have been sent, whatever is raised then.
        slots: Bounds the jobs in flight beside those of other processes.
        turns: What jobs do one after the other with those of calls beside it; `None`: with its own.
    """

    def __init__(
        self,
        request: IngestRequest,
        org: Org,
        note: Callable[[Ended], None] | None = None,
        slots: Slots | None = None,
        turns: Turns | None = None,
    ) -> None:
        timeout = request.options.timeout
        self._request = request
        self._org = org
        self._note = note
        self._slots = slots
        self._turns = turns or Turns()
        self._began = time.monotonic()
        self._ends_at = None if timeout is None else asyncio.get_running_loop().time() + timeout
        self._timeline = Timeline(self._began)
        self._tell = telling(request.options.progress, "ingest", self._timeline)

    async def prepared(self, prepare: Callable[..., Awaitable[Prepared]]) -> Prepared:
        """The frame prepared, within the call's time and the org's quota."""
        request = self._request
        self._tell(Preparing(host=self._org.host, sobject=request.sobject, operation=request.operation))
        prepared = await self.before_sending(self._prepared(prepare))
        if prepared.refused:
            self._tell.stopped(prepared.error())
        return prepared

    async def before_sending(self, work: Awaitable[T]) -> T:
        """Something that is done before anything is sent; how it is ended early is told so."""
        try:
            return await self._before_sending(work)
        except BaseException as error:
            self._tell.stopped(error)
            raise

    async def _before_sending(self, work: Awaitable[T]) -> T:
        patience = asyncio.timeout_at(self._ends_at)
        try:
            async with patience:
                return await work
        except BaseException as error:
            if interrupt_in(error) or (isinstance(error, asyncio.CancelledError) and INTERRUPTED in error.args):
                raise Interrupted("interrupted before anything was sent") from None
            if isinstance(error, TimeoutError) and patience.expired():
                raise JobTimeout(f"timeout={self._request.options.timeout} s was up before anything was sent") from None
            raise

    async def go_on(self, found: Source[Any] | Prepared, journal: Journal) -> IngestResult[Any]:
        """Finish a run that was begun earlier.

        Args:
            found: Its frame, or what this very process prepared of it when it began.
            journal: The run's journal.
        """

        async def preparing(request: IngestRequest, _: Callable[[], Org]) -> Prepared:
            if isinstance(found, Prepared):
                return go_on_with(found, request, journal)
            return await prepare_again(found, request, journal, RunFolder(journal.folder))

        try:
            prepared = await self.prepared(preparing)
            if prepared.refused:
                why = "\n".join(f"- {problem}" for problem in prepared.hopeless)
                raise JournalError(
                    f"the run in {journal.folder} was begun by {journal.intent.client}: finish it with that one, for "
                    f"this one would refuse columns of it.\n{why}"
                )
        except BaseException:
            await in_thread(journal.close)
            raise
        return await self.finish(prepared, journal)

    async def finish(self, prepared: Prepared, journal: Journal | None = None) -> IngestResult[Any]:
        """Send the rows, or what is left of them, and conclude."""
        rows = prepared.rows
        assert rows is not None
        outcomes = Outcomes(rows.n, self._folder_for(prepared, journal))
        keeping = _keeping(prepared, journal)
        try:
            left_out = await in_thread(prepared.reasons)
            report_left_out(left_out, outcomes)
            n_sent = rows.n - left_out.height
            self._tell(self._started(prepared.request, n_sent, left_out.height))
            done = await self._run(prepared, outcomes, journal, keeping) if n_sent else _nothing_to_do(outcomes)
            self._tell(Finished(**outcomes.counts))
            if journal is not None and done.is_settled:
                if keeping is not None:
                    await keeping
                await in_thread(journal.ended, RunState.FINISHED)
        except BaseException as error:
            self._tell.stopped(error)
            raise
        finally:
            if keeping is not None:
                await asyncio.wait({keeping})
                keeping.exception()
            if journal is not None:
                await in_thread(journal.close)
        ended = Ended(
            done=done,
            host=self._org.host,
            seconds=time.monotonic() - self._began,
            timeout=self._request.options.timeout,
            run=journal.folder if journal is not None else None,
            timeline=self._timeline.frame(),
        )
        if self._note is not None:
            self._note(ended)
        return concluded(ended, prepared.source, prepared.request, org=self._org, sent=sent_of(prepared))

    def _started(self, request: IngestRequest, n_sent: int, n_left_out: int) -> Started:
        return Started(
            host=self._org.host,
            sobject=request.sobject,
            operation=request.operation,
            rows=n_sent,
            rows_left_out=n_left_out,
        )

    @staticmethod
    def _folder_for(prepared: Prepared, journal: Journal | None) -> Folder | None:
        """Where fates are kept, if not in memory: beside the rows, but not in a run, which may have several results."""
        if prepared.folder is None or journal is None:
            return prepared.folder
        return SpoolFolder()

    async def _prepared(self, prepare: Callable[..., Awaitable[Prepared]]) -> Prepared:
        prepared = await prepare(self._request, lambda: self._org)
        if self._org.quota_reserve is not None and not prepared.refused:
            await _keep_reserve(prepared, self._org, self._org.quota_reserve)
        return prepared

    async def _run(
        self,
        prepared: Prepared,
        outcomes: Outcomes,
        journal: Journal | None,
        keeping: asyncio.Task[None] | None,
    ) -> Done:
        assert prepared.layout is not None
        rows = await in_thread(prepared.in_sending_order)
        run = Run(
            org=self._org,
            request=prepared.request,
            layout=prepared.layout,
            ledger=Ledger(outcomes, prepared.request.options.retry_rows),
            tell=self._tell,
            journal=journal,
            keeping=keeping,
            slots=self._slots,
            turns=self._turns,
        )
        return await run_rows(run, rows, prepared.cut(), ends_at=self._ends_at)


def concluded(
    ended: Ended,
    source: Source[Any],
    request: IngestRequest,
    *,
    org: Org | None,
    sent: Sent,
    notes: Sequence[str] = (),
) -> IngestResult[Any]:
    """What a call's end is to its caller.

    Args:
        ended: How it ended.
        source: The caller's frame.
        request: The call.
        org: Where rows that are sent again go.
        sent: What was sent.
        notes: What else the result has to say.

    Raises:
        What `conclude` raises.
    """
    done = ended.done
    result: IngestResult[Any] = IngestResult(
        source=source,
        outcomes=done.outcomes,
        request=request,
        host=ended.host,
        seconds=ended.seconds,
        jobs=done.jobs,
        attempts=done.attempts,
        sent=sent,
        timeline=ended.timeline,
        running_job_ids=running_in(done),
        running_rows=running_rows_in(done),
        notes=[*notes, *notes_on(done)],
        again=Again(org, request),
        run=ended.run,
    )
    return conclude(result, done, on_failure=request.options.on_failure, timeout=ended.timeout)


def _keeping(prepared: Prepared, journal: Journal | None) -> asyncio.Task[None] | None:
    """Keep the frame of a new run, while its first rows are made ready and go up."""
    if journal is None or prepared.recorded is not None:
        return None
    return asyncio.get_running_loop().create_task(in_thread(journal.keep, prepared.source.keep))


def report_left_out(reasons: pl.DataFrame, outcomes: Outcomes) -> None:
    """Give the rows that weren't sent their fate: failed, for that reason."""
    if not reasons.height:
        return
    outcomes.add(
        reasons.with_columns(
            pl.lit(FAILED, pl.UInt8).alias("outcome"),
            pl.lit(None, pl.String).alias("sf__Id"),
            pl.lit(None, pl.String).alias("sf__Created"),
        )
    )


def _nothing_to_do(outcomes: Outcomes) -> Done:
    return Done(outcomes=outcomes, jobs=[], attempts=no_attempts())


async def _keep_reserve(prepared: Prepared, org: Org, reserve: float) -> None:
    """Refuse the call if it would go below the share of the day's quota that is kept for others."""
    assert prepared.rows is not None
    assert prepared.layout is not None
    n_rows = prepared.rows.n - len(prepared.left_out())
    if not n_rows:
        return
    row_bytes = await in_thread(_row_bytes, prepared)
    options = prepared.request.options
    n_jobs = max(1, math.ceil(n_rows * row_bytes / options.max_payload_bytes), math.ceil(n_rows / options.max_records))
    needs = {API_REQUESTS: n_jobs * calls_for(_LOOKS), BATCHES: batches_of(n_rows) + n_jobs - 1}
    keep_reserve(await org.limits(), needs, reserve=reserve, note=f"{n_jobs:,} jobs")


def _row_bytes(prepared: Prepared) -> float:
    """Bytes of CSV per row, by the first thousands of them."""
    assert prepared.rows is not None
    assert prepared.layout is not None
    text = prepared.layout.text(prepared.rows.slice(0, 5_000))
    n_bytes = text.select(pl.sum_horizontal(pl.all().str.len_bytes().sum())).item() or 0
    return 3 * text.width + n_bytes / max(1, text.height)


class Again:
    """Sends the rows of a result that weren't successful once more; pickled, it leaves the org behind."""

    def __init__(self, org: Org | None, request: IngestRequest) -> None:
        self._org = org
        self._request = request

    def __reduce__(self) -> tuple[Any, ...]:
        # A pickled Org carries its login, and a result may travel where secrets must not.
        return Again, (None, self._request)

    def __call__(self, result: IngestResult[Any], *, org: Org | None = None, **options: Any) -> IngestResult[Any]:
        the_org = org or self._org
        if the_org is None:
            raise NoOrgError(f"no login travels with a pickled result: say retry(org=...), an Org for {result.host}")
        frame = result._source.view(result._outcomes, NOT_SUCCESSFUL)
        request = replace(self._request, options=self._request.options.changed(options))
        return bridge.run(ingest(frame, request, the_org))
