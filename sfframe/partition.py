"""Partition: a part of a frame that an engine has spread over machines, as a run of its own on storage that all reach.

`begin` looks at its rows and keeps them; `finish` sends them and says what became of each. An engine may ask for either
any number of times, also at once: what is begun is begun once, and what was sent isn't sent again.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence, Sized
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final, TypeVar
from weakref import WeakValueDictionary

import polars as pl

from sfframe.bridge import INTERRUPTED, in_thread
from sfframe.call import Ended
from sfframe.conclude import running_in, running_rows_in
from sfframe.depot import Depot, within
from sfframe.errors import Interrupted, JobTimeout, JournalError, JournalInUse, PayloadError, SfframeError
from sfframe.failures import no_errors
from sfframe.front import Part, restored
from sfframe.handed import Handed
from sfframe.ingest.check import Report
from sfframe.ingest.echo import UNPROCESSED
from sfframe.ingest.fates import Fates
from sfframe.ingest.journal import Journal
from sfframe.ingest.ledger import Ledger, no_attempts
from sfframe.ingest.outcomes import Outcomes
from sfframe.ingest.recorded import Stage
from sfframe.ingest.request import IngestRequest
from sfframe.ingest.run import Turns
from sfframe.ingest.run_file import intent_in, stages_in, told
from sfframe.ingest.runner import Done
from sfframe.ingest.slots import Slots
from sfframe.ingest.spool import Numbers
from sfframe.org.carried import Carried
from sfframe.org.describe import SObject
from sfframe.org.org import Org, current_org
from sfframe.prepare import Prepared, prepare
from sfframe.problems import Problem
from sfframe.resuming import resumed
from sfframe.runs import RunFolder, run_for
from sfframe.shared_keys import Twice, fingerprint, twice_in, write_keys

T = TypeVar("T")

_log: Final = logging.getLogger("sfframe.engines")
_handed: Final = Handed()
_turns: Final[WeakValueDictionary[tuple[str, asyncio.AbstractEventLoop], Turns]] = WeakValueDictionary()
_HANDED_S: Final = 600.0
_AT_ONCE: Final = 3  # more would only use more memory
_PLACE: Final = "running"
_LOOKS_S: Final = 0.25  # for whether the call was stopped
_UNKNOWN: Final = (Stage.CLOSING, Stage.GIVEN_UP_CLOSING, Stage.CLOSED)
_NOTHING: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, kw_only=True)
class Spread:
    """One call, as each of its partitions needs it; it travels to whoever has the partition.

    Attributes:
        request: The call. Its options are those of a partition: nobody is told of progress, and nothing raised.
        org: What says, on the machine that asks, where the rows go: the same Org each time in a process, so that
            partitions share its token; `None`: it isn't asked.
        depot: Of this call.
        name: Of this call alone.
        described: The describes that its columns were laid out by.
        compares_keys: Keys are compared over the borders of partitions.
        ends_at: When its time is up, in seconds since the epoch; `None`: never.
        trusts_storage: The caller says that locks in the folder hold for all machines.
    """

    request: IngestRequest
    org: Callable[[], Org] | None = field(repr=False)
    depot: Depot
    name: str
    described: Sequence[SObject] = field(default=(), repr=False)
    compares_keys: bool = False
    ends_at: float | None = None
    trusts_storage: bool = False

    @classmethod
    def over(cls, depot: Depot, request: IngestRequest, org: Org | Callable[[], Org] | None, **more: Any) -> Spread:
        """A call in a depot.

        Raises:
            JournalError: The depot can't be used.
        """
        name = secrets.token_hex(8)
        options = request.options
        ends_at = None if options.timeout is None else time.time() + options.timeout
        quiet = options.changed({"on_failure": "return", "progress": False, "timeout": None, "new_run": False})
        says = Carried(org) if isinstance(org, Org) else org
        call = cls(request=replace(request, options=quiet), org=says, depot=depot, name=name, ends_at=ends_at, **more)
        call.check_depot()
        with told(str(depot)):
            depot.write(call._running, b"")
        return call

    @property
    def left_s(self) -> float | None:
        """The seconds that are left; `None`: as many as it takes."""
        return None if self.ends_at is None else max(0.0, self.ends_at - time.time())

    @property
    def _running(self) -> str:
        return f"{_PLACE}-{self.name}"

    def stop(self) -> None:
        """Have all who are at it come to an end: what isn't committed is aborted, nothing more is sent."""
        with told(str(self.depot)):
            self.depot.remove(self._running)

    @property
    def is_stopped(self) -> bool:
        """Whether it is to come to an end."""
        with told(str(self.depot)):
            return not self.depot.exists(self._running)

    @property
    def slots(self) -> Slots:
        """Bounds the jobs of the whole call."""
        return Slots(self.depot.taken, self.request.options.max_concurrent_jobs, self.depot.looks_s / 2)

    def the_org(self) -> Org:
        """The org.

        Raises:
            NoOrgError: It isn't known.
        """
        return current_org(self.org() if self.org is not None else None)

    def check_depot(self) -> None:
        """See that this machine reaches the depot, and that each row is sent once there.

        Raises:
            JournalError: It doesn't, or it may not be.
        """
        self.depot.check(is_trusted=self.trusts_storage)


def part_name(number: int) -> str:
    """What a partition is called where its runs are."""
    return f"part-{number:06}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Begun:
    """A partition that was looked at.

    Attributes:
        n_rows: Its rows.
        problems: What keeps it, or rows of it, from being sent.
        run: Its run; `None`: it can't be sent, or wasn't to be.
        is_under_way: An earlier try has sent something of it.
        headers: Where its columns go; see `Layout`.
        told: Where those go of which others had to tell it.
        keys: The file of its keys, if they are to be compared.
        hashes: How keys are hashed here; see `shared_keys.fingerprint`.
    """

    n_rows: int
    problems: Sequence[Problem] = ()
    run: str | None = None
    is_under_way: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    told: Mapping[str, str] = field(default_factory=dict)
    keys: str | None = None
    hashes: int = field(default_factory=fingerprint)


@dataclass(frozen=True, kw_only=True, eq=False)
class Finished:
    """What became of a partition's rows, but for the rows.

    Attributes:
        run: Its run.
        fates: Where those of its rows are.
        counts: Rows by outcome.
        done: All that the run knows at its end; its outcomes are in those files instead.
        errors: The different errors; see `Failures.errors`.
        running: Jobs of which some rows may be in the org, without that it has been told.
        running_rows: The rows of these.
        host: Of whom this tells.
        began: When, in seconds since the epoch.
        seconds: How long it took.
        timeline: When each part was in which stage.
    """

    run: str
    fates: Fates
    counts: Mapping[str, int]
    done: Done = field(repr=False)
    errors: pl.DataFrame = field(repr=False)
    running: Sequence[str]
    running_rows: Numbers = field(repr=False)
    host: str
    began: float
    seconds: float
    timeline: pl.DataFrame | None = field(repr=False)


async def begin(
    frame: Any, spread: Spread, number: int, *, sends: bool = True, headers: Mapping[str, str] = _NOTHING
) -> Begun:
    """Look at a partition's rows, and keep them where whoever finishes it finds them.

    Args:
        frame: The partition's rows.
        spread: The call.
        number: Of the partition.
        sends: Whether it will be finished; otherwise it is only looked at.
        headers: Where columns go that have no value in this partition to tell it by; other partitions' have.

    Raises:
        JournalError: The folder can't be used; or an earlier try has sent other rows.
        ApiError: The org refused, or can't be reached; nothing was sent.
        JobTimeout: The call's time is up.
    """
    return await _in_time(_begun(frame, spread, number, sends=sends, headers=headers), spread)


async def _begun(frame: Any, spread: Spread, number: int, *, sends: bool, headers: Mapping[str, str]) -> Begun:
    await in_thread(spread.check_depot)
    if await in_thread(lambda: spread.is_stopped):
        raise Interrupted("interrupted before anything of this partition was sent")
    _handed.begin(spread.name)
    request, name = told_headers(spread.request, headers, frame), part_name(number)
    run, is_under_way = None, False
    async with _in_threads(spread.depot.beginning(name, request)) as folder:
        prepared = await prepare(
            frame, request, spread.the_org, lambda: folder, spread.described, keeps_keys=spread.compares_keys
        )
        keys = await in_thread(_keys, prepared, spread.depot, name)
        if sends:
            org = spread.the_org()
            await org.transport.log_in()
            with suppress(PayloadError):  # which is told with those of the others
                run, is_under_way = await _run(prepared, folder, org, spread, name)
    return Begun(
        n_rows=prepared.rows.n if prepared.rows is not None else len(frame) if isinstance(frame, Sized) else 0,
        problems=[] if run is not None else list(map(_for_an_engine, prepared.problems)),
        run=run,
        is_under_way=is_under_way,
        headers={one.name: one.header for one in prepared.layout.columns} if prepared.layout is not None else {},
        told=headers,
        keys=keys,
    )


@asynccontextmanager
async def _in_threads(place: AbstractContextManager[T]) -> AsyncGenerator[T, None]:
    """A place that other threads than the loop's make and clear away."""
    found = await in_thread(place.__enter__)
    try:
        yield found
    finally:
        await in_thread(place.__exit__, None, None, None)


def told_headers(request: IngestRequest, headers: Mapping[str, str], frame: Any) -> IngestRequest:
    """The request of a partition, where others have told where some of its columns go."""
    if not headers:
        return request
    columns: Any = request.options.columns or {}
    if isinstance(columns, tuple):
        columns = {label: None for label in frame.columns if label not in columns}
    return replace(request, options=request.options.changed({"columns": {**columns, **headers}}))


def _for_an_engine(problem: Problem) -> Problem:
    """A column that can't be kept: there is no way around that here."""
    if problem.code != "NOT_KEPT":
        return problem
    message = problem.message.replace("in a journal, from which another process", "in files, from which other workers")
    return replace(problem, message=message, remedy="Convert the column or drop it from the frame.")


def _keys(prepared: Prepared, depot: Depot, partition: str) -> str | None:
    """The file of the keys, if they were to be kept."""
    report = prepared.report
    if report is None or report.keys is None:
        return None
    prepared.report = replace(report, keys=None)
    with told(str(depot)):
        return write_keys(report.keys, depot, partition)


async def _run(prepared: Prepared, folder: RunFolder, org: Org, spread: Spread, partition: str) -> tuple[str, bool]:
    """The partition's run, with its rows where others find them; and whether something of it was sent."""
    journal = await _patiently(lambda: run_for(prepared, folder, org, is_once=True), spread.depot)
    run = f"{partition}/{journal.name}"
    try:
        if prepared.recorded is None:
            await in_thread(journal.keep, prepared.source.keep)
            if spread.depot.has_folders or not prepared.source.is_stream:
                _handed.put(spread.name, run, prepared)
                # If nobody takes it here.
                asyncio.get_running_loop().call_later(_HANDED_S, _handed.take, spread.name, run)
        return run, bool(await in_thread(journal.parts))
    finally:
        await in_thread(journal.close)


def leave_out(run: str, spread: Spread, rows: Numbers, why: Problem) -> None:
    """Leave further rows out of a run that hasn't sent anything.

    Args:
        run: The partition's run.
        spread: The call.
        rows: Their numbers in the partition.
        why: The problem that they have.
    """
    journal = within(lambda: spread.depot.opened(run), spread.depot.dead_s, spread.depot.looks_s)
    try:
        journal.leave_out(Report([replace(why, rows=rows)], rows).reasons())
    finally:
        journal.close()


async def finish(run: str, spread: Spread) -> Finished:
    """Send a partition's rows, or what is left of them; of one that was sent, say again what became of it.

    Where another try is at it, wait until that has come to an end.

    Args:
        run: The partition's run, as `begin` gave it.
        spread: The call.

    Returns:
        What became of the rows; also where nothing could be sent, for whatever reason.
    """
    began = time.time()
    while (found := await _finished_by(run, spread, began)) is None:
        _log.info("another try goes on with %s", run)
    return found


async def _finished_by(run: str, spread: Spread, began: float) -> Finished | None:
    """The same; `None`: another try has taken the run meanwhile."""
    ends: list[Ended] = []
    journal: Journal | None = None
    result: Any = None
    failed: BaseException | None = None
    try:
        await in_thread(spread.check_depot)
        if await in_thread(lambda: spread.is_stopped):
            raise Interrupted("interrupted before anything of this partition was sent")
        journal = await _in_time(_patiently(partial(spread.depot.opened, run), spread.depot), spread)
        options = {"progress": False, "timeout": spread.left_s}
        async with _stopping(spread):
            result = await resumed(
                journal,
                spread.the_org(),
                options,
                prepared=_handed.take(spread.name, run),
                note=ends.append,
                slots=spread.slots,
                turns=_turns_of(spread),
            )
    except (SfframeError, KeyboardInterrupt, asyncio.CancelledError) as error:
        if isinstance(error, asyncio.CancelledError) and INTERRUPTED not in error.args:
            raise
        result, failed = getattr(error, "result", None), error
    if journal is not None and journal.is_lost:
        return None
    if failed is not None and (not ends or result is None):
        return await in_thread(_not_sent, run, spread.depot, failed, began)
    return await in_thread(_finished, run, spread.depot, ends[0], result._failures.errors, began)


async def finish_all(runs: Sequence[str], spread: Spread) -> list[Finished]:
    """Finish some partitions, a few of them at once: while one waits for the org, another works; see `finish`."""
    at_once = asyncio.Semaphore(_AT_ONCE)

    async def one(run: str) -> Finished:
        async with at_once:
            return await finish(run, spread)

    return list(await asyncio.gather(*(asyncio.create_task(one(run)) for run in runs)))


def _turns_of(spread: Spread) -> Turns:
    """What all partitions of a call that are finished here do one after the other."""
    return _turns.setdefault((spread.name, asyncio.get_running_loop()), Turns())


@asynccontextmanager
async def _stopping(spread: Spread) -> AsyncGenerator[None, None]:
    """Interrupt what is done in the block once the call is stopped."""
    here = asyncio.current_task()
    assert here is not None

    async def watch() -> None:
        is_stopped = False
        while not is_stopped:
            with suppress(JournalError):  # another machine says so: where it can't be heard, it may be next time
                is_stopped = await in_thread(lambda: spread.is_stopped)
            if not is_stopped:
                await asyncio.sleep(max(_LOOKS_S, spread.depot.looks_s))
        here.cancel(INTERRUPTED)

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()


def _finished(run: str, depot: Depot, ended: Ended, errors: pl.DataFrame, began: float) -> Finished:
    done = ended.done
    return Finished(
        run=run,
        fates=_fates_of(run, depot, done),
        counts=done.outcomes.counts,
        done=replace(done, outcomes=Outcomes(0)),
        errors=errors,
        running=running_in(done),
        running_rows=running_rows_in(done),
        host=ended.host,
        began=began,
        seconds=ended.seconds,
        timeline=ended.timeline,
    )


def _fates_of(run: str, depot: Depot, done: Done) -> Fates:
    """Where those are: in the run itself, if they are simply those of all rows in order, or else in a file beside."""
    with told(str(depot)):
        fates = Fates.in_run(depot, run) if done.is_settled else None
        name = f"{run.rpartition('/')[0]}/fates-{secrets.token_hex(4)}.parquet"
        return fates or Fates.written(depot, done.outcomes, name)


def _not_sent(run: str, depot: Depot, error: BaseException, began: float) -> Finished:
    """That nothing was sent now; what an earlier try has sent isn't asked for."""
    with depot.database(run) as (folder, _):
        intent, running = intent_in(folder), under_way(stages_in(folder))
    ledger = Ledger(Outcomes(intent.n_rows), {})
    ledger.close()
    done = Done(outcomes=ledger.outcomes, jobs=[], attempts=no_attempts(), running=running)
    if done.running:
        done.running_rows.append(done.outcomes.rows(UNPROCESSED))
    if isinstance(error, JobTimeout):
        done.ended_by = TimeoutError()
    elif isinstance(error, SfframeError):
        done.trouble.append(error)
    else:
        done.ended_by = error
    ended = Ended(done=done, host=intent.host, seconds=time.time() - began)
    return _finished(run, depot, ended, no_errors(), began)


def viewed(depot: Depot, run: str, fates: Fates, part: Part) -> Any:
    """The rows of a partition that have some outcomes, with the sf__ columns beside them.

    Args:
        depot: That of the call.
        run: The partition's run.
        fates: Those of its rows.
        part: Which rows, and which columns.

    Raises:
        JournalError: The files can't be read.
    """
    with depot.seen(run) as folder, told(folder):
        source = restored(intent_in(folder).kind, folder)
        return source.view(Outcomes.of_all(fates.all()), part)


def compared(keys: Sequence[str | None], depot: Depot, within: tuple[int, int]) -> Twice:
    """The keys of a range of hashes that stand in several rows; see `shared_keys.twice_in`.

    Args:
        keys: Of each partition the file of its keys, if there is one.
        depot: That of the call.
        within: The first and the last hash.
    """
    with told(str(depot)):
        return twice_in(keys, within, depot)


def jobs_under_way(run: str, depot: Depot) -> list[str]:
    """Jobs of a partition that may run, or ran, and whose results aren't in its run; it may be another process's."""
    with depot.database(run) as (folder, _):
        return under_way(stages_in(folder))


def under_way(stages: Mapping[str, Stage]) -> list[str]:
    """Those jobs of a run, by their stages, that may run, or ran, and whose results aren't in it."""
    return [job_id for job_id, stage in stages.items() if stage in _UNKNOWN]


async def _patiently(work: Callable[[], T], depot: Depot) -> T:
    """Do it as soon as no other try is at it."""
    while True:
        try:
            return await in_thread(work)
        except JournalInUse:
            await asyncio.sleep(depot.looks_s)


async def _in_time(work: Awaitable[T], spread: Spread) -> T:
    patience = asyncio.timeout(spread.left_s)
    try:
        async with patience:
            return await work
    except TimeoutError:
        if patience.expired():
            raise JobTimeout("the time of timeout= was up before anything of this partition was sent") from None
        raise
