"""Dask: frames whose rows are spread over workers, loaded partition by partition. The only room that imports Dask.

Nothing of the rows passes through the client: the workers keep them and their fates, and so the results, on storage
that all of them reach.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import secrets
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from dask.base import compute
from dask.dataframe.extensions import register_dataframe_accessor
from dask.dataframe.utils import UNKNOWN_CATEGORIES
from dask.delayed import delayed

from sfframe import call_folder, partition
from sfframe.bridge import INTERRUPTED, in_own_thread, in_thread, run
from sfframe.call import Again
from sfframe.depot import Depot, FolderDepot, depot_of
from sfframe.disk import SpoolFolder
from sfframe.errors import Interrupted, JobTimeout, JournalError, OutcomeUnknown, PayloadError, ResultMismatch
from sfframe.frames import dask_read as dask_read  # registers itself
from sfframe.frames.pandas import PandasSource
from sfframe.front import Folder, Part, by_number, register_engine
from sfframe.gathered import firsts, problem_of, problems_of, result_of
from sfframe.ingest.echo import SUCCESSFUL, WORDS
from sfframe.ingest.outcomes import Outcomes
from sfframe.ingest.request import IngestRequest
from sfframe.ingest.run_file import told
from sfframe.listed import Listed
from sfframe.org.org import Org
from sfframe.partition import Begun, Finished, Spread
from sfframe.prepare import Prepared, payloads_of, prepare
from sfframe.problems import Problem, error_of, frame_of
from sfframe.result import IngestResult
from sfframe.sent import sent_of
from sfframe.shared_keys import Twice, check_fingerprints, merged, ranges
from sfframe.verbs import Bulk

T = TypeVar("T")

# Partitions that a task finishes at most: with some there is always one to work on; with more, a death costs more.
_IN_A_TASK = 8
_LOOKING_S = 60.0
_NO_NAME = "__null_dask_index__"  # what Dask calls an index without a name in files


class _Dask:
    """Sends Dask frames: looks at all partitions, and if nothing is wrong with any of them, sends them."""

    async def ingest(self, frame: dd.DataFrame, request: IngestRequest, org: Org) -> IngestResult[dd.DataFrame]:
        """Send a frame."""
        began = time.monotonic()
        _check_options(request)
        frame = frame.optimize()  # which may make other partitions: they are counted after it
        await org.transport.log_in()
        prepared = await prepare(frame._meta, request, lambda: org)
        place = await in_thread(_Place.of, prepared.request, org, frame.npartitions)
        try:
            try:
                spread = await in_thread(_spread, prepared, org, place)
                runs = await _begun(frame, spread, prepared)
            except BaseException as error:
                await in_thread(place.sent_nothing)
                if type(error) is JournalError and not place.is_new:
                    raise JournalError(f"{error} {place.how_to_begin}") from error
                raise
            ends = await _finished(runs, spread, place)
            if all(end.done.is_settled for end in ends):
                await in_thread(place.finished)
            return result_of(
                ends,
                _Views(frame, [_Kept(end, place.depot, place.holder) for end in ends]),
                prepared.request,
                sent=replace(sent_of(prepared), rows=None),
                again=Again(org, request),
                seconds=time.monotonic() - began,
                timeout=request.options.timeout,
                run=place.run,
                go_on=place.how_to_go_on,
            )
        except (JobTimeout, Interrupted, ResultMismatch) as error:
            if error.result is not None:  # the folder is named in the error
                place.keep()
            raise
        finally:
            await in_thread(place.close)

    async def check(self, frame: dd.DataFrame, request: IngestRequest, org: Callable[[], Org]) -> pd.DataFrame:
        """All problems of all partitions."""
        frame = frame.optimize()
        _, problems = await _problems_of(frame, request, org)
        return PandasSource(frame._meta).table(frame_of(problems))

    def payloads(self, frame: dd.DataFrame, request: IngestRequest, org: Callable[[], Org]) -> Iterator[bytes]:
        """The CSV of each job; the rows come to the client, a partition at a time."""
        frame = frame.optimize()
        begun, problems = run(_problems_of(frame, request, org))
        if _are_refused(problems, request):
            raise _error(problems, frame)
        return _payloads(frame, begun, problems, request, org)


def _payloads(
    frame: dd.DataFrame,
    begun: Sequence[Begun],
    problems: Sequence[Problem],
    request: IngestRequest,
    org: Callable[[], Org],
) -> Iterator[bytes]:
    bad = np.unique(np.concatenate([np.empty(0, np.int64), *(one.rows for one in problems if one.rows is not None)]))
    parts = frame.to_delayed(optimize_graph=False)
    for part, one, first in zip(parts, begun, firsts([one.n_rows for one in begun]), strict=True):
        prepared = run(prepare(part.compute(), partition.told_headers(request, one.told, frame), org))
        if prepared.report is not None:  # which knows its own partition alone
            mine = bad[(bad >= first) & (bad < first + one.n_rows)] - first
            prepared.report = replace(prepared.report, bad=mine)
        yield from payloads_of(prepared)


async def _problems_of(
    frame: dd.DataFrame, request: IngestRequest, org: Callable[[], Org]
) -> tuple[list[Begun], list[Problem]]:
    prepared = await prepare(frame._meta, request, org)
    place = await in_thread(_Place.for_a_look, prepared.request)
    try:
        the_org = org() if request.options.describe else None
        spread = await in_thread(_spread, prepared, the_org, place)
        begun = await _looked_at(frame, spread, sends=False)
        twice = await _twice(begun, spread)
        return begun, _all_problems(begun, twice, prepared)
    finally:
        await in_thread(place.close)


def _are_refused(problems: Sequence[Problem], request: IngestRequest) -> bool:
    return any(problem.rows is None for problem in problems) or bool(problems and request.options.invalid == "raise")


def _error(problems: Sequence[Problem], frame: dd.DataFrame) -> PayloadError:
    error = error_of(problems)
    error.problems = PandasSource(frame._meta).table(error.problems)
    return error


def _check_options(request: IngestRequest) -> None:
    if request.options.progress not in (None, False):
        raise ValueError("progress= isn't told for frames of Dask: its workers' dashboard shows how far they are")


def _spread(prepared: Prepared, org: Org | None, place: _Place) -> Spread:
    layout, options = prepared.layout, prepared.request.options
    has_key = layout is not None and layout.key is not None
    return Spread.over(
        place.depot,
        prepared.request,
        org,
        described=tuple(prepared.described),
        compares_keys=has_key and options.on_duplicate_key == "raise",
        trusts_storage=_trusts_storage(),
    )


# --- what the workers do ----------------------------------------------------------------------------------------------


def _begin(frame: pd.DataFrame, spread: Spread, number: int, sends: bool, headers: Mapping[str, str]) -> Begun:
    return _carried(partition.begin(frame, spread, number, sends=sends, headers=headers))


def _finish(runs: Sequence[str], spread: Spread) -> list[Finished]:
    return _carried(partition.finish_all(runs, spread))


def _compare(files: Sequence[str | None], spread: Spread, within: tuple[int, int]) -> Twice:
    return partition.compared(files, spread.depot, within)


def _carried(work: Coroutine[Any, Any, T]) -> T:
    try:
        return run(work)
    except (KeyboardInterrupt, asyncio.CancelledError) as interrupt:
        # A worker that gets one of these closes for good, with all that it has.
        raise RuntimeError(f"the call was stopped: {interrupt}") from None


async def _begun(frame: dd.DataFrame, spread: Spread, prepared: Prepared) -> list[str]:
    """The runs of all partitions, of which none has been sent.

    Raises:
        PayloadError: Something keeps rows, or all of them, from being sent.
        JournalError: They can't be kept, or an earlier try has sent other rows.
    """
    begun = await _looked_at(frame, spread, sends=True)
    # An earlier try may have left them out already. Where they are refused, there are some only if rows changed since.
    is_settled = spread.request.options.invalid == "report" and any(one.is_under_way for one in begun)
    twice = None if is_settled else await _twice(begun, spread)
    problems = _all_problems(begun, twice, prepared)
    if _are_refused(problems, prepared.request):
        raise _error(problems, frame)
    runs = [one.run for one in begun if one.run is not None]
    assert len(runs) == len(begun)
    if twice is not None and twice.rows:
        why = _duplicates(twice, begun, prepared)
        leave, shared = delayed(partition.leave_out, pure=False), _once(spread)
        await _computed([leave(runs[number], shared, rows, why) for number, rows in twice.rows.items()], spread)
    return runs


async def _looked_at(frame: dd.DataFrame, spread: Spread, *, sends: bool) -> list[Begun]:
    begin, shared, parts = delayed(_begin, pure=False), _once(spread), frame.to_delayed(optimize_graph=False)
    begun = await _computed([begin(part, shared, number, sends, {}) for number, part in enumerate(parts)], spread)
    # A column of objects without a value in its partition: others tell what it is.
    told = [(number, found) for number, one in enumerate(begun) if (found := _told_by_others(one, begun))]
    again = await _computed([begin(parts[number], shared, number, sends, found) for number, found in told], spread)
    for (number, _), one in zip(told, again, strict=True):
        begun[number] = one
    return begun


def _told_by_others(one: Begun, begun: Sequence[Begun]) -> dict[str, str]:
    """Where columns go of which a partition alone can't tell it; empty where nobody can."""
    lost = {problem.column for problem in one.problems if problem.rows is None and problem.column is not None}
    others = [each.headers for each in begun if not any(problem.rows is None for problem in each.problems)]
    found = {name: headers[name] for name in sorted(lost) for headers in others if name in headers}
    return found if len(found) == len(lost) else {}


def _all_problems(begun: Sequence[Begun], twice: Twice | None, prepared: Prepared) -> list[Problem]:
    problems = problems_of(begun, twice)
    return [*problems, _duplicates(twice, begun, prepared)] if twice is not None and twice.rows else problems


def _duplicates(twice: Twice, begun: Sequence[Begun], prepared: Prepared) -> Problem:
    assert prepared.layout is not None
    assert prepared.layout.key is not None
    key = prepared.layout.key
    return problem_of(twice, [one.n_rows for one in begun], key.name, key.header)


async def _twice(begun: Sequence[Begun], spread: Spread) -> Twice | None:
    """The keys that stand in several rows, of whatever partitions; each worker compares a range of their hashes."""
    files = [one.keys for one in begun]
    if not any(files):
        return None
    check_fingerprints([one.hashes for one in begun])
    compare, shared = delayed(_compare, pure=False), _once(spread)
    within = ranges(sum(one.n_rows for one in begun))
    return merged(await _computed([compare(files, shared, one) for one in within], spread))


async def _finished(runs: Sequence[str], spread: Spread, place: _Place) -> list[Finished]:
    finish, shared = delayed(_finish, pure=False), _once(spread)
    try:
        some = _evenly(runs, await in_thread(_n_threads))
        ends = await _computed([finish(mine, shared) for mine in some], spread, waits=True)
        return [one for mine in ends for one in mine]
    except Exception as error:
        place.keep()
        under_way: list[str] = []
        try:
            await in_thread(spread.stop)  # of tasks that run on
            for one in runs:
                under_way += await in_thread(partition.jobs_under_way, one, spread.depot)
            what = f"{len(under_way)} jobs were committed whose results weren't collected"
        except JournalError:  # for the same reason, as like as not
            what = f"which jobs were committed can't be read in {spread.depot} now"
        raise OutcomeUnknown(
            f"Dask gave up ({type(error).__name__}: {error}), and {what}. {place.how_to_go_on}",
            job_ids=under_way,
            run=place.run,
        ) from error


def _evenly(runs: Sequence[str], n_threads: int) -> list[list[str]]:
    """The runs of each task: something for each thread, and no task longer than another by more than one."""
    n = max(-(-len(runs) // _IN_A_TASK), min(len(runs), n_threads))
    edges = [at * len(runs) // n for at in range(n + 1)]
    return [list(runs[start:stop]) for start, stop in itertools.pairwise(edges)]


def _n_threads() -> int:
    """How many tasks may run at once."""
    try:
        from dask.distributed import get_client

        return max(1, sum(map(int, get_client().nthreads().values())))
    except (ImportError, ValueError):  # there is no cluster
        return os.cpu_count() or 1


def _once(spread: Spread) -> Any:
    """The call as a value of the graph: it travels to each worker once."""
    return delayed(spread, name=f"sfframe-call-{spread.name}", traverse=False)


async def _computed(tasks: list[Any], spread: Spread, *, waits: bool = False) -> list[Any]:
    """What tasks give, in their order.

    Args:
        tasks: The tasks.
        spread: The call; when it is interrupted, so are they.
        waits: Whether what they say then is waited for.
    """
    work = asyncio.ensure_future(in_own_thread(partial(compute, *tasks)))
    try:
        return list(await asyncio.shield(work))
    except asyncio.CancelledError as cancelled:
        await in_thread(spread.stop)
        if INTERRUPTED not in cancelled.args:
            raise
        # Also where it isn't told: asyncio would log an error that nobody asks for.
        await asyncio.gather(work, return_exceptions=True)
        if not waits:
            raise Interrupted("interrupted before anything was sent") from None
        return list(work.result())


# --- where it is recorded ---------------------------------------------------------------------------------------------


class _Place:
    """Where a call is recorded.

    Attributes:
        depot: Its own.
        is_new: Whether no earlier call was at it.
        holder: What keeps it, while there is somebody who needs it; `None`: the caller named where it is.
    """

    def __init__(
        self, root: Depot, depot: Depot, holder: SpoolFolder | None, *, is_new: bool = True, only_looks: bool = False
    ) -> None:
        self.depot = depot
        self.is_new = is_new
        self.holder = holder
        self._root = root
        self._only_looks = only_looks
        self._lock = depot.taken_within("", 0.0 if is_new else depot.dead_s)

    @classmethod
    def of(cls, request: IngestRequest, org: Org | None, n_partitions: int) -> _Place:
        """That of an unfinished call of the same kind in the journal's folder or store, or a new one.

        Raises:
            JournalError: None can be made, or the unfinished call has other partitions.
            JournalInUse: The unfinished call is being made.
        """
        options = request.options
        if options.journal is None:
            holder = SpoolFolder()
            root: Depot = FolderDepot(holder.path)
            return cls(root, call_folder.made(root, request, org, n_partitions), holder)
        root = _root_of(options.journal)
        looking = root.taken_within("", _LOOKING_S)
        try:
            found = None if options.new_run else call_folder.unfinished(root, request, org, n_partitions)
            made = found or call_folder.made(root, request, org, n_partitions)
            return cls(root, made, None, is_new=found is None)
        finally:
            looking.release()

    @classmethod
    def for_a_look(cls, request: IngestRequest) -> _Place:
        """One that goes when all was looked at, and nothing is recorded.

        Raises:
            JournalError: None can be made.
        """
        if request.options.journal is None:
            holder = SpoolFolder()
            return cls(FolderDepot(holder.path), FolderDepot(holder.path), holder)
        root = _root_of(request.options.journal)
        depot = root.below(f"look-{secrets.token_hex(8)}")
        with told(str(depot)):
            depot.write("look", b"")
        return cls(root, depot, None, only_looks=True)

    @property
    def run(self) -> Path | None:
        """The folder that the caller gets to know, if there is one of his."""
        return self.depot.folder if self.holder is None and isinstance(self.depot, FolderDepot) else None

    @property
    def how_to_go_on(self) -> str:
        """What to say to a caller whose call isn't finished."""
        return f"Finish it by the same call with journal={str(self._root)!r}; what was sent isn't sent again."

    @property
    def how_to_begin(self) -> str:
        """What to say to a caller whose call may be another one than the unfinished one that was found."""
        return (
            f"The call in {self.depot} isn't finished: if it is another one than this, say new_run=True to begin this "
            "one beside it."
        )

    def keep(self) -> None:
        """Have it stay, also where nobody asked for it: it isn't finished."""
        if self.holder is not None:
            self.holder.keep()

    def finished(self) -> None:
        """Note that nothing is left to do.

        Raises:
            JournalError: That can't be done.
        """
        try:
            call_folder.finished(self.depot)
        except JournalError as error:
            if self.holder is not None:
                raise
            raise JournalError(f"{error}. {self.how_to_go_on}") from error

    def sent_nothing(self) -> None:
        """Note, of a new call, that nobody has to go on with it; unless somebody else does already."""
        with suppress(JournalError):  # which would hide why nothing was sent
            if self.is_new and not self._lock.is_lost:
                call_folder.finished(self.depot)

    def close(self) -> None:
        """Let others have it."""
        self._lock.release()
        if self._only_looks:
            self.depot.clear()


def _root_of(journal: Path | str) -> Depot:
    """Where the caller has his calls recorded."""
    root = depot_of(journal, silent_s=dask.config.get("sfframe.silent-seconds", None))
    root.check(is_trusted=_trusts_storage())
    return root


def _trusts_storage() -> bool:
    return bool(dask.config.get("sfframe.trust-storage", False))


# --- what comes back --------------------------------------------------------------------------------------------------


class _Kept:
    """A partition's rows and their fates, where all reach them; on the client it holds their folder."""

    def __init__(self, end: Finished, depot: Depot, holder: Folder | None = None) -> None:
        self.depot = depot
        self.run = end.run
        self.fates = end.fates
        self.counts = end.counts
        self.is_temporary = holder is not None
        self._holder = holder

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_holder": None}

    def __dask_tokenize__(self) -> tuple[str, ...]:
        return str(self.depot), self.run, *self.fates.files


def _viewed(kept: _Kept, part: Part, nothing: pd.DataFrame | None, dtypes: Mapping[str, str]) -> pd.DataFrame:
    """A partition's rows of some outcomes; where there are none, without a look at its files, if it is known how."""
    if nothing is not None and not any(kept.counts[WORDS[outcome]] for outcome in part.outcomes):
        return nothing
    try:
        found: pd.DataFrame = partition.viewed(kept.depot, kept.run, kept.fates, part)
    except JournalError as error:
        if kept.is_temporary and not kept.depot.names():
            raise JournalError(
                f"the temporary folder of these rows went with the result ({kept.depot}): keep the result for as long "
                "as Dask is at work on it (persist(), client.compute()), or name a folder by journal="
            ) from error
        raise
    return found.astype(dtypes) if dtypes else found


def _says_all(meta: pd.DataFrame) -> bool:
    """Whether a frame without rows has the dtypes of those with some; Dask may not know which categories there are."""
    dtypes = [one for one in (meta.index.dtype, *meta.dtypes) if isinstance(one, pd.CategoricalDtype)]
    return all(UNKNOWN_CATEGORIES not in one.categories for one in dtypes)


class _Views:
    """The results of a Dask frame: Dask frames with its divisions, index and dtypes."""

    is_stream = True

    def __init__(self, frame: dd.DataFrame, kept: Sequence[_Kept]) -> None:
        self._meta: pd.DataFrame = frame._meta
        self._divisions = frame.divisions
        self._kept = kept

    @property
    def labels(self) -> Sequence[object]:
        return list(self._meta.columns)

    def view(self, outcomes: Outcomes, part: Part) -> dd.DataFrame:
        del outcomes  # each partition's are in its file
        # As in one frame of all rows, where it has gaps as soon as one of them wasn't successful.
        has_gaps = "sf__Created" in part.beside and any(
            kept.counts[WORDS[outcome]] for kept in self._kept for outcome in part.outcomes if outcome != SUCCESSFUL
        )
        dtypes = {"sf__Created": "boolean"} if has_gaps else {}
        meta = PandasSource(self._meta).view(Outcomes(0), part).astype(dtypes)
        nothing = meta if _says_all(meta) else None
        with dask.config.set({"dataframe.convert-string": False}):  # which makes text of every object
            found: dd.DataFrame = dd.from_map(
                _viewed,
                self._kept,
                part=part,
                nothing=nothing,
                dtypes=dtypes,
                meta=meta,
                divisions=self._divisions,
                label=part.name,
            )
        return found

    def table(self, table: pl.DataFrame) -> pd.DataFrame:
        return PandasSource(self._meta).table(table)

    def labelled(self, rows: Sequence[int]) -> Sequence[str]:
        return by_number(rows)

    def store(self, view: dd.DataFrame, path: Path) -> None:
        view.to_parquet(str(path), schema=_schema_of(view), overwrite=True)

    def listed(self, view: dd.DataFrame) -> Listed:
        return PandasSource(self._meta).listed(view.compute())


def _schema_of(view: dd.DataFrame) -> Any:
    """What a frame's files have in common. Dask knows it by the dtypes, but of objects, which all partitions tell."""
    label = view.index.name or _NO_NAME
    known = pa.Schema.from_pandas(view._meta.rename_axis(index=label), preserve_index=True)
    unknown = [one.name for one in known if pa.types.is_null(one.type)]
    if not unknown:
        return "infer"
    types, parts = delayed(_types_of, pure=False), view.to_delayed(optimize_graph=False)
    found = pa.unify_schemas(compute(*[types(part, label, unknown) for part in parts]), promote_options="permissive")
    for name in unknown:
        known = known.set(known.get_field_index(name), found.field(name))
    return known.remove_metadata()


def _types_of(frame: pd.DataFrame, label: str, names: Sequence[str]) -> pa.Schema:
    schema = pa.Schema.from_pandas(frame.rename_axis(index=label), preserve_index=True)
    return pa.schema([schema.field(name) for name in names])


@register_dataframe_accessor("sfbulk")
class DaskBulk(Bulk[dd.DataFrame]):
    """`ddf.sfbulk` on Dask frames."""


register_engine(lambda frame: isinstance(frame, dd.DataFrame), _Dask())
