"""Call: one call from the caller's frame to its result: prepare, run, conclude."""

from __future__ import annotations

import asyncio
import math
import shutil
import sys
import tempfile
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TypeVar

import numpy as np
import polars as pl

from sfframe import bridge
from sfframe.bridge import INTERRUPTED, in_thread, interrupt_in
from sfframe.errors import (
    ApiError,
    Interrupted,
    JobFailed,
    JobTimeout,
    OutcomeUnknown,
    PayloadError,
    QuotaReserved,
    RecordsFailed,
    RecordsFailedWarning,
    ResultMismatch,
)
from sfframe.front import NOT_SUCCESSFUL, Source, source_of
from sfframe.ingest.check import Report, check
from sfframe.ingest.choose import chosen
from sfframe.ingest.columns import Given, Layout
from sfframe.ingest.echo import FAILED
from sfframe.ingest.layout import lay_out
from sfframe.ingest.ledger import Ledger, no_attempts
from sfframe.ingest.lookups import parents_wanted
from sfframe.ingest.outcomes import Outcomes
from sfframe.ingest.payload import Cut, parts
from sfframe.ingest.request import IngestRequest
from sfframe.ingest.run import Run
from sfframe.ingest.runner import Done, run_rows
from sfframe.ingest.spool import Numbers, Rows, grouped
from sfframe.org.describe import SObject
from sfframe.org.org import Org
from sfframe.problems import Problem, error_of
from sfframe.progress import Finished, Started, listener
from sfframe.result import IngestResult

FrameT = TypeVar("FrameT")

# What a job costs beside its rows: create, PUT, PATCH, three results, and a dozen looks at it.
_CALLS_PER_JOB = 18
_BATCH = 10_000  # rows that the org processes as one batch (wire notes, 3.9)


class SpoolFolder:
    """A folder for its owner alone (0700), gone when the last one who holds this object is."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="sfframe-"))
        self._finalizer = weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


@dataclass(eq=False, kw_only=True)
class Prepared:
    """A frame that is ready to be sent, or not: then `problems` says why.

    Attributes:
        rows: The rows in the caller's order; `None` where they weren't read because of problems.
        layout: Where the columns go; `None` where there are problems of columns.
        problems: All that were found.
        report: What was found about rows.
        folder: Where a stream was spooled.
        request: The request, with the object's exact name.
    """

    source: Source[Any]
    request: IngestRequest
    rows: Rows | None = None
    layout: Layout | None = None
    problems: list[Problem] = field(default_factory=list)
    report: Report | None = None
    folder: SpoolFolder | None = None

    @property
    def hopeless(self) -> list[Problem]:
        """Problems that keep the whole frame from being sent, whatever `invalid` says."""
        return [p for p in self.problems if p.rows is None]

    @property
    def refused(self) -> bool:
        """Whether nothing of the frame is sent."""
        return bool(self.hopeless or (self.problems and self.request.options.invalid == "raise"))

    def error(self) -> PayloadError:
        """All problems as one error."""
        error = error_of(self.problems)
        error.problems = self.source.table(error.problems)
        return error

    def left_out(self) -> Numbers:
        """Rows that aren't sent because they can't be."""
        return self.report.bad if self.report is not None else np.empty(0, np.int64)

    def cut(self) -> Cut:
        """How the rows become parts."""
        options = self.request.options
        return Cut(
            max_bytes=options.max_payload_bytes,
            max_records=options.max_records,
            left_out=self.left_out(),
            group_by=options.group_by,
        )

    def in_sending_order(self) -> Rows:
        """The rows, grouped if the call asks for it."""
        assert self.rows is not None
        if not self.request.options.group_by:
            return self.rows
        return grouped(self.rows, self.request.options.group_by, self.folder.path if self.folder else None)


async def prepare(frame: Any, request: IngestRequest, org: Callable[[], Org]) -> Prepared:
    """Find each column's field and every problem. Asks the org for describes alone, or for nothing.

    Args:
        frame: The caller's frame.
        request: The call.
        org: Gives the org; not asked with `describe=False`.
    """
    sobject = await org().describe(request.sobject) if request.options.describe else None
    if sobject is not None:
        request = replace(request, sobject=sobject.name)
    source = source_of(frame)
    wanted, problems = chosen(source.labels, request)
    groups = [name for name in request.options.group_by if name in source.labels]
    names = list(dict.fromkeys([*wanted, *groups]))
    types = await in_thread(source.types, names)
    given = Given(labels=source.labels, dtypes=types.dtypes, marks=types.marks, index_names=source.index_names)
    parents = await _parents(org, parents_wanted(given, wanted, sobject)) if sobject is not None else {}
    layout, column_problems = lay_out(given, wanted, request, sobject, parents)
    prepared = Prepared(
        source=source, request=request, layout=layout, problems=[*problems, *types.problems, *column_problems]
    )
    readable = [name for name in names if name in types.dtypes]
    if layout.columns and not (source.is_once and prepared.hopeless):
        # A reader that can be read once isn't read for a call that won't be made.
        await in_thread(_look_at_rows, prepared, layout, readable, types.problems)
    return prepared


async def _parents(org: Callable[[], Org], names: set[str]) -> dict[str, SObject]:
    async def one(name: str) -> SObject | None:
        try:
            return await org().describe(name)
        except ApiError as error:
            if error.status in (403, 404):  # not for this user: the org will have to judge
                return None
            raise

    found = await asyncio.gather(*(one(name) for name in sorted(names)))
    return {sobject.name: sobject for sobject in found if sobject is not None}


def _look_at_rows(prepared: Prepared, layout: Layout, names: list[str], known: Any) -> None:
    def folder() -> SpoolFolder:
        prepared.folder = SpoolFolder()
        return prepared.folder

    prepared.rows = prepared.source.rows(names, folder)
    report = check(prepared.rows, layout, prepared.request)
    cells = [p for p in known if p.rows is not None]
    prepared.problems = [*prepared.problems, *report.problems]
    bad = np.unique(np.concatenate([report.bad, *(p.rows for p in cells)])) if cells else report.bad
    prepared.report = Report([*cells, *report.problems], bad)


def payloads_of(prepared: Prepared) -> Iterator[bytes]:
    """The CSV of each part."""
    if prepared.layout is None or prepared.rows is None:
        return
    for part in parts(prepared.in_sending_order(), prepared.layout, prepared.cut()):
        yield bytes(part.data)


async def ingest(frame: Any, request: IngestRequest, org: Org) -> IngestResult[Any]:
    """Send a frame and give every row back with its fate; see `sfframe.verbs` for what is promised."""
    began = time.monotonic()
    tell = listener(request.options.progress)
    try:
        prepared = await prepare(frame, request, lambda: org)
    except BaseException as error:
        if interrupt_in(error) or (isinstance(error, asyncio.CancelledError) and INTERRUPTED in error.args):
            raise Interrupted("interrupted before anything was sent") from None
        raise
    if prepared.refused:
        raise prepared.error()
    rows, layout = prepared.rows, prepared.layout
    assert rows is not None
    assert layout is not None
    outcomes = Outcomes(rows.n, prepared.folder.path if prepared.folder else None)
    _report_left_out(prepared, outcomes)
    n_sent = rows.n - len(prepared.left_out())
    tell(Started(host=org.host, sobject=prepared.request.sobject, operation=request.operation, rows=n_sent))
    done = await _run(prepared, outcomes, org, tell) if n_sent else _nothing_to_do(outcomes)
    tell(Finished(**outcomes.counts))
    result: IngestResult[Any] = IngestResult(
        source=prepared.source,
        outcomes=outcomes,
        request=prepared.request,
        host=org.host,
        seconds=time.monotonic() - began,
        jobs=done.jobs,
        attempts=done.attempts,
        running_job_ids=_running(done),
        notes=_notes(done),
        again=_Again(org, request),
    )
    return conclude(result, done, prepared.request)


def _report_left_out(prepared: Prepared, outcomes: Outcomes) -> None:
    if prepared.report is None or not len(prepared.report.bad):
        return
    outcomes.add(
        prepared.report.reasons().with_columns(
            pl.lit(FAILED, pl.UInt8).alias("outcome"),
            pl.lit(None, pl.String).alias("sf__Id"),
            pl.lit(None, pl.String).alias("sf__Created"),
        )
    )


async def _run(prepared: Prepared, outcomes: Outcomes, org: Org, tell: Callable[[Any], None]) -> Done:
    assert prepared.layout is not None
    if org.quota_reserve is not None:
        await _keep_reserve(prepared, org, org.quota_reserve)
    rows = await in_thread(prepared.in_sending_order)
    run = Run(
        org=org,
        request=prepared.request,
        layout=prepared.layout,
        ledger=Ledger(outcomes, prepared.request.options.retry_rows),
        folder=prepared.folder.path if prepared.folder else None,
        tell=tell,
    )
    return await run_rows(run, rows, prepared.cut())


def _nothing_to_do(outcomes: Outcomes) -> Done:
    return Done(outcomes=outcomes, jobs=[], attempts=no_attempts())


async def _keep_reserve(prepared: Prepared, org: Org, reserve: float) -> None:
    """Refuse the call if it would go below the share of the day's quota that is kept for others."""
    assert prepared.rows is not None
    assert prepared.layout is not None
    n_rows = prepared.rows.n - len(prepared.left_out())
    row_bytes = await in_thread(_row_bytes, prepared)
    options = prepared.request.options
    n_jobs = max(1, math.ceil(n_rows * row_bytes / options.max_payload_bytes), math.ceil(n_rows / options.max_records))
    needs = {
        "DailyApiRequests": n_jobs * _CALLS_PER_JOB,
        "DailyBulkApiBatches": max(n_jobs, math.ceil(n_rows / _BATCH) + n_jobs - 1),
    }
    limits = await org.limits()
    for name, need in needs.items():
        limit = limits.get(name) or limits.get({"DailyBulkApiBatches": "DailyBulkApiRequests"}.get(name, name))
        if limit and limit["Remaining"] - need < reserve * limit["Max"]:
            raise QuotaReserved(
                f"the call would need about {need:,} of {name} ({n_jobs:,} jobs); {limit['Remaining']:,} of "
                f"{limit['Max']:,} are left today, and quota_reserve={reserve} keeps "
                f"{math.ceil(reserve * limit['Max']):,} for others. Nothing was sent."
            )


def _row_bytes(prepared: Prepared) -> float:
    """Bytes of CSV per row, by the first thousands of them."""
    assert prepared.rows is not None
    assert prepared.layout is not None
    text = prepared.layout.text(prepared.rows.slice(0, 5_000))
    n_bytes = text.select(pl.sum_horizontal(pl.all().str.len_bytes().sum())).item() or 0
    return 3 * text.width + n_bytes / max(1, text.height)


# --- the end ----------------------------------------------------------------------------------------------------------


def conclude(result: IngestResult[Any], done: Done, request: IngestRequest) -> IngestResult[Any]:
    """Raise, warn, or give the result, as the run ended and the options say."""
    if done.ended_by is not None:
        _ended_early(result, done, request)
    unknown = [error for error in done.trouble if isinstance(error, OutcomeUnknown)]
    if unknown:
        texts = "\n".join(str(error) for error in unknown)
        raise OutcomeUnknown(texts, job_ids=result.running_job_ids, result=result) from unknown[0]
    if done.mismatches:
        raise _mismatch(result, done)
    if done.trouble and not done.jobs:
        raise done.trouble[0]  # nothing was committed: the call didn't happen
    if request.options.on_failure == "return":
        return result
    if done.trouble or done.failed_jobs:
        job = done.failed_jobs[0] if done.failed_jobs else None
        cause = done.trouble[0] if done.trouble else None
        raise JobFailed("\n".join([*result.notes, result.summary()]), job=job, result=result) from cause
    if not result:
        if request.options.on_failure == "raise":
            raise RecordsFailed(result.report(), result=result)
        _warn(result.report())
    return result


def _ended_early(result: IngestResult[Any], done: Done, request: IngestRequest) -> NoReturn:
    running = result.running_job_ids
    if running:
        left = (
            f"These jobs were committed and may still run: {', '.join(running)}. Look at one with "
            "org.ingest.get_job(id) and collect it with org.ingest.successful_results(id), failed_results(id) "
            "and unprocessed_records(id); their rows count as unprocessed in .result."
        )
    else:
        left = "No committed job is left running."
    known = f"What is known so far is in .result: {result.summary()}"
    if isinstance(done.ended_by, TimeoutError):
        text = f"timeout={request.options.timeout} s was up. {left}\n{known}"
        raise JobTimeout(text, job_ids=running, result=result) from None
    raise Interrupted(f"interrupted. {left}\n{known}", job_ids=running, result=result) from None


def _mismatch(result: IngestResult[Any], done: Done) -> ResultMismatch:
    rows = np.sort(np.concatenate([m.rows for m in done.mismatches]))
    jobs = ", ".join(m.job_id for m in done.mismatches)
    strangers = sum(m.n_strangers for m in done.mismatches)
    return ResultMismatch(
        f"the results of job {jobs} can't be matched to the rows sent: {len(rows):,} rows without a result, "
        f"{strangers:,} results without a row. Nothing was guessed: .rows has the numbers of these rows (they "
        "count as unprocessed in .result, though they may be in the org), .raw_results the org's own files.\n"
        f"{result.summary()}",
        result=result,
        raw_results={m.job_id: m.files for m in done.mismatches},
        rows=rows,
    )


def _running(done: Done) -> list[str]:
    named = [job_id for error in done.trouble if isinstance(error, OutcomeUnknown) for job_id in error.job_ids]
    return list(dict.fromkeys([*done.running, *named]))


def _notes(done: Done) -> list[str]:
    notes = [
        f"job {job.id} ended as {job.state}: {job.error_message or 'the org gives no reason'}"
        for job in done.jobs
        if job.state in ("Failed", "Aborted")
    ]
    notes += [str(error) for error in done.trouble]
    notes += [
        f"results of job {m.job_id} can't be matched: {len(m.rows):,} rows, {m.n_strangers:,} results"
        for m in done.mismatches
    ]
    return notes


class _Again:
    """Sends the rows of a result that weren't successful once more."""

    def __init__(self, org: Org, request: IngestRequest) -> None:
        self._org = org
        self._request = request

    def __call__(self, result: IngestResult[Any], *, org: Org | None = None, **options: Any) -> IngestResult[Any]:
        frame = result._source.view(result._outcomes, NOT_SUCCESSFUL)
        request = replace(self._request, options=self._request.options.changed(options))
        return bridge.run(ingest(frame, request, org or self._org))


def _warn(text: str) -> None:
    """Warn on each call, also the second one at the same line: the registry of what was shown is left out."""
    filename, lineno, module = _caller()
    warnings.warn_explicit(RecordsFailedWarning(text), None, filename, lineno, module=module, registry={})


def _caller() -> tuple[str, int, str]:
    """Where the call was made, as `warnings` wants it."""
    found = bridge.caller()
    if found is not None:
        return found
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if not name.startswith(("sfframe.", "asyncio")) and name != "sfframe":
            return frame.f_code.co_filename, frame.f_lineno, name
        frame = frame.f_back
    return "sfframe", 1, threading.current_thread().name
