"""Partition: a part of a frame that an engine has spread over machines, as a run of its own on storage that all reach.

`begin` looks at its rows and keeps them; `finish` sends them and says what became of each. An engine may ask for either
any number of times, also at once: what is begun is begun once, and what was sent isn't sent again.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence, Sized
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final, TypeVar
from weakref import WeakValueDictionary

import polars as pl

from sfframe.bridge import INTERRUPTED, in_thread
from sfframe.call import Ended
from sfframe.conclude import running_in, running_rows_in
from sfframe.disk import settle
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
from sfframe.ingest.storage import HOW, why_unsafe
from sfframe.org.carried import Carried
from sfframe.org.describe import SObject
from sfframe.org.org import Org, current_org
from sfframe.prepare import Prepared, prepare
from sfframe.problems import Problem
from sfframe.resuming import resumed
from sfframe.runs import RunFolder, run_for
from sfframe.shared_keys import fingerprint, write_keys

T = TypeVar("T")

_handed = Handed()
_turns: WeakValueDictionary[tuple[str, asyncio.AbstractEventLoop], Turns] = WeakValueDictionary()
_why_unsafe = lru_cache(maxsize=64)(why_unsafe)  # for each partition again

_BETWEEN_S: Final = 0.1  # looks at a partition that another try has
_HANDED_S: Final = 600.0
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
        folder: Of this call, on storage that all machines reach.
        name: Of this call alone.
        described: The describes that its columns were laid out by.
        compares_keys: Keys are compared over the borders of partitions.
        ends_at: When its time is up, in seconds since the epoch; `None`: never.
        trusts_storage: The caller says that locks in the folder hold for all machines.
    """

    request: IngestRequest
    org: Callable[[], Org] | None = field(repr=False)
    folder: Path
    name: str
    described: Sequence[SObject] = field(default=(), repr=False)
    compares_keys: bool = False
    ends_at: float | None = None
    trusts_storage: bool = False

    @classmethod
    def over(cls, folder: Path, request: IngestRequest, org: Org | Callable[[], Org] | None, **more: Any) -> Spread:
        """A call in a folder.

        Raises:
            JournalError: The folder can't be used.
        """
        name = secrets.token_hex(8)
        (folder / f"{_PLACE}-{name}").touch(mode=0o600)
        settle(folder)
        options = request.options
        ends_at = None if options.timeout is None else time.time() + options.timeout
        quiet = options.changed({"on_failure": "return", "progress": False, "timeout": None, "new_run": False})
        says = Carried(org) if isinstance(org, Org) else org
        call = cls(request=replace(request, options=quiet), org=says, folder=folder, name=name, ends_at=ends_at, **more)
        call.check_folder()
        return call

    @property
    def left_s(self) -> float | None:
        """The seconds that are left; `None`: as many as it takes."""
        return None if self.ends_at is None else max(0.0, self.ends_at - time.time())

    def stop(self) -> None:
        """Have all who are at it come to an end: what isn't committed is aborted, nothing more is sent."""
        (self.folder / f"{_PLACE}-{self.name}").unlink(missing_ok=True)

    @property
    def is_stopped(self) -> bool:
        """Whether it is to come to an end."""
        return not (self.folder / f"{_PLACE}-{self.name}").exists()

    def partition(self, number: int) -> Path:
        """Where the runs of a partition are."""
        return self.folder / f"part-{number:06}"

    @property
    def slots(self) -> Slots:
        """Bounds the jobs of the whole call."""
        return Slots(self.folder / "slots", self.request.options.max_concurrent_jobs)

    def the_org(self) -> Org:
        """The org.

        Raises:
            NoOrgError: It isn't known.
        """
        return current_org(self.org() if self.org is not None else None)

    def check_folder(self) -> None:
        """See that this machine has the folder, and that locks in it hold for all.

        Raises:
            JournalError: It hasn't, or they may not.
        """
        if not self.folder.is_dir():
            raise JournalError(
                f"{socket.gethostname()} doesn't have the folder {self.folder} of this call, so nothing was sent: "
                "give journal= a folder that all workers reach under the same path"
            )
        why = None if self.trusts_storage else _why_unsafe(self.folder)
        if why is not None:
            raise JournalError(
                f"{socket.gethostname()} can't lock {self.folder} for all machines ({why}), by which each row is sent "
                f"once, so nothing was sent: {HOW}. If you know that they hold, say so: by Dask's config "
                "sfframe.trust-storage, or Spark's option trustStorage."
            )


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
        worker: Who looked at it, as the engine calls it: it is finished there with less work.
    """

    n_rows: int
    problems: Sequence[Problem] = ()
    run: Path | None = None
    is_under_way: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    told: Mapping[str, str] = field(default_factory=dict)
    keys: Path | None = None
    hashes: int = field(default_factory=fingerprint)
    worker: str | None = None


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

    run: Path
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
    await in_thread(spread.check_folder)
    if spread.is_stopped:
        raise Interrupted("interrupted before anything of this partition was sent")
    _handed.begin(spread.name)
    request = told_headers(spread.request, headers, frame)
    request = replace(request, options=request.options.changed({"journal": spread.partition(number)}))
    folder = await in_thread(RunFolder.made, spread.partition(number), request)
    run, is_under_way = None, False
    try:
        prepared = await prepare(
            frame, request, spread.the_org, lambda: folder, spread.described, keeps_keys=spread.compares_keys
        )
        keys = await in_thread(_keys, prepared, spread.partition(number))
        if sends:
            org = spread.the_org()
            await org.transport.log_in()
            with suppress(PayloadError):  # which is told with those of the others
                run, is_under_way = await _run(prepared, folder, org, spread)
    finally:
        await in_thread(folder.discard)
    return Begun(
        n_rows=prepared.rows.n if prepared.rows is not None else len(frame) if isinstance(frame, Sized) else 0,
        problems=[] if run is not None else list(map(_for_an_engine, prepared.problems)),
        run=run,
        is_under_way=is_under_way,
        headers={one.name: one.header for one in prepared.layout.columns} if prepared.layout is not None else {},
        told=headers,
        keys=keys,
    )


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


def _keys(prepared: Prepared, folder: Path) -> Path | None:
    """The file of the keys, if they were to be kept."""
    report = prepared.report
    if report is None or report.keys is None:
        return None
    prepared.report = replace(report, keys=None)
    return write_keys(report.keys, folder)


async def _run(prepared: Prepared, folder: RunFolder, org: Org, spread: Spread) -> tuple[Path, bool]:
    """The partition's run, with its rows on the disk; and whether something of it was sent."""
    journal = await _patiently(lambda: run_for(prepared, folder, org, is_once=True))
    try:
        if prepared.recorded is None:
            await in_thread(journal.keep, prepared.source.keep)
            _handed.put(spread.name, journal.folder, prepared)
            asyncio.get_running_loop().call_later(_HANDED_S, _handed.take, journal.folder)  # if nobody takes it here
        return journal.folder, bool(await in_thread(journal.parts))
    finally:
        await in_thread(journal.close)


def leave_out(run: Path, rows: Numbers, why: Problem) -> None:
    """Leave further rows out of a run that hasn't sent anything.

    Args:
        run: The partition's run.
        rows: Their numbers in the partition.
        why: The problem that they have.
    """
    journal = Journal.open(run)
    try:
        journal.leave_out(Report([replace(why, rows=rows)], rows).reasons())
    finally:
        journal.close()


async def finish(run: Path, spread: Spread) -> Finished:
    """Send a partition's rows, or what is left of them; of one that was sent, say again what became of it.

    Where another try is at it, wait until that has come to an end.

    Args:
        run: The partition's run, as `begin` gave it.
        spread: The call.

    Returns:
        What became of the rows; also where nothing could be sent, for whatever reason.
    """
    began = time.time()
    ends: list[Ended] = []
    result: Any = None
    try:
        await in_thread(spread.check_folder)
        if spread.is_stopped:
            raise Interrupted("interrupted before anything of this partition was sent")
        journal = await _in_time(_patiently(partial(Journal.open, run)), spread)
        options = {"progress": False, "timeout": spread.left_s}
        async with _stopping(spread):
            result = await resumed(
                journal,
                spread.the_org(),
                options,
                prepared=_handed.take(run),
                note=ends.append,
                slots=spread.slots,
                turns=_turns_of(spread),
            )
    except (SfframeError, KeyboardInterrupt, asyncio.CancelledError) as error:
        if isinstance(error, asyncio.CancelledError) and INTERRUPTED not in error.args:
            raise
        result = getattr(error, "result", None)
        if not ends or result is None:
            return await in_thread(_not_sent, run, error, began)
    return await in_thread(_finished, run, ends[0], result._failures.errors, began)


async def finish_all(runs: Sequence[Path], spread: Spread) -> list[Finished]:
    """Finish some partitions at once: while one waits for the org, another works; see `finish`."""
    return list(await asyncio.gather(*(asyncio.create_task(finish(run, spread)) for run in runs)))


def _turns_of(spread: Spread) -> Turns:
    """What all partitions of a call that are finished here do one after the other."""
    return _turns.setdefault((spread.name, asyncio.get_running_loop()), Turns())


@asynccontextmanager
async def _stopping(spread: Spread) -> AsyncGenerator[None, None]:
    """Interrupt what is done in the block once the call is stopped."""
    here = asyncio.current_task()
    assert here is not None

    async def watch() -> None:
        while not await in_thread(lambda: spread.is_stopped):  # noqa: ASYNC110  # another machine says so
            await asyncio.sleep(_LOOKS_S)
        here.cancel(INTERRUPTED)

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()


def _finished(run: Path, ended: Ended, errors: pl.DataFrame, began: float) -> Finished:
    done = ended.done
    with told(run.parent):
        fates = Fates.in_run(run) if done.is_settled else None
        fates = fates or Fates.written(done.outcomes, run.parent / f"fates-{secrets.token_hex(4)}.parquet")
    return Finished(
        run=run,
        fates=fates,
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


def _not_sent(run: Path, error: BaseException, began: float) -> Finished:
    """That nothing was sent now; what an earlier try has sent isn't asked for."""
    intent = intent_in(run)
    ledger = Ledger(Outcomes(intent.n_rows), {})
    ledger.close()
    done = Done(outcomes=ledger.outcomes, jobs=[], attempts=no_attempts(), running=jobs_under_way(run))
    if done.running:
        done.running_rows.append(done.outcomes.rows(UNPROCESSED))
    if isinstance(error, JobTimeout):
        done.ended_by = TimeoutError()
    elif isinstance(error, SfframeError):
        done.trouble.append(error)
    else:
        done.ended_by = error
    return _finished(run, Ended(done=done, host=intent.host, seconds=time.time() - began), no_errors(), began)


def viewed(run: Path, fates: Fates, part: Part) -> Any:
    """The rows of a partition that have some outcomes, with the sf__ columns beside them.

    Args:
        run: The partition's run.
        fates: Those of its rows.
        part: Which rows, and which columns.

    Raises:
        JournalError: The files can't be read.
    """
    with told(run):
        source = restored(intent_in(run).kind, run)
        return source.view(Outcomes.of_all(fates.scan().collect()), part)


def jobs_under_way(run: Path) -> list[str]:
    """Jobs of a partition that may run, or ran, and whose results aren't in its run; it may be another process's."""
    return [job_id for job_id, stage in stages_in(run).items() if stage in _UNKNOWN]


async def _patiently(work: Callable[[], T]) -> T:
    """Do it as soon as no other try is at it."""
    while True:
        try:
            return await in_thread(work)
        except JournalInUse:
            await asyncio.sleep(_BETWEEN_S)


async def _in_time(work: Awaitable[T], spread: Spread) -> T:
    patience = asyncio.timeout(spread.left_s)
    try:
        async with patience:
            return await work
    except TimeoutError:
        if patience.expired():
            raise JobTimeout("the time of timeout= was up before anything of this partition was sent") from None
        raise
