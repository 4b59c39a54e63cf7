"""Conclude: what a run's end is to its caller: a result, a warning, an error."""

from __future__ import annotations

import sys
import threading
import warnings
from types import FrameType
from typing import Any, Literal, NoReturn

import numpy as np

from sfframe import bridge
from sfframe.errors import (
    Interrupted,
    JobFailed,
    JobTimeout,
    OutcomeUnknown,
    RecordsFailed,
    RecordsFailedWarning,
    ResultMismatch,
)
from sfframe.ingest.echo import UNPROCESSED
from sfframe.ingest.run import Mismatch
from sfframe.ingest.runner import Done
from sfframe.ingest.spool import Numbers
from sfframe.result import IngestResult


def conclude(
    result: IngestResult[Any],
    done: Done,
    *,
    on_failure: Literal["warn", "return", "raise"],
    timeout: float | None,
    go_on: str | None = None,
) -> IngestResult[Any]:
    """Raise, warn, or give the result, as the run ended and the options say.

    Args:
        result: What is known.
        done: How the run ended.
        on_failure: See `Options`.
        timeout: The seconds that it had.
        go_on: How a run that isn't finished can be; `None`: as every run that has a folder.
    """
    go_on = "\n" + go_on if go_on is not None else _how_to_go_on(result)
    if done.ended_by is not None:
        _ended_early(result, done, timeout, go_on)
    unknown = [error for error in done.trouble if isinstance(error, OutcomeUnknown)]
    if unknown:
        texts = "\n".join([*map(str, unknown), *map(_not_matched, done.mismatches)])
        rows = np.unique(np.concatenate([error.rows for error in unknown] + [one.rows for one in done.mismatches]))
        raise OutcomeUnknown(
            f"{texts}{go_on}", job_ids=result.running_job_ids, result=result, run=result.run, rows=rows
        ) from unknown[0]
    if done.mismatches:
        raise _mismatch(result, done, go_on)
    if done.trouble and not done.jobs:
        raise done.trouble[0]  # nothing was committed: the call didn't happen
    if on_failure == "return":
        return result
    if done.trouble or done.failed_jobs:
        job = done.failed_jobs[0] if done.failed_jobs else None
        cause = done.trouble[0] if done.trouble else None
        raise JobFailed("\n".join([*result.notes, result.summary()]), job=job, result=result) from cause
    if not result:
        if on_failure == "raise":
            raise RecordsFailed(result.report(), result=result)
        _warn(result.report())
    return result


def _ended_early(result: IngestResult[Any], done: Done, timeout: float | None, go_on: str) -> NoReturn:
    running = result.running_job_ids
    if running:
        left = (
            f"These jobs were committed, and may still run or haven't told it all: {', '.join(running)}. Look at one "
            "with org.ingest.get_job(id) and collect it with org.ingest.successful_results(id), failed_results(id) "
            "and unprocessed_records(id); their rows count as unprocessed in .result."
        )
    else:
        left = "No committed job is left running."
    known = f"What is known so far is in .result: {result.summary()}{go_on}"
    if isinstance(done.ended_by, TimeoutError):
        text = f"timeout={timeout} s was up. {left}\n{known}"
        raise JobTimeout(text, job_ids=running, result=result, run=result.run) from None
    raise Interrupted(f"interrupted. {left}\n{known}", job_ids=running, result=result, run=result.run) from None


def _how_to_go_on(result: IngestResult[Any]) -> str:
    return f"\nFinish it with sfframe.resume({str(result.run)!r}), or by the same call again." if result.run else ""


def _mismatch(result: IngestResult[Any], done: Done, go_on: str) -> ResultMismatch:
    rows = np.sort(np.concatenate([m.rows for m in done.mismatches]))
    jobs = ", ".join(m.job_id for m in done.mismatches)
    strangers = sum(m.n_strangers for m in done.mismatches)
    return ResultMismatch(
        f"the results of job {jobs} can't be matched to the rows sent: {len(rows):,} rows without a result, "
        f"{strangers:,} results without a row. Nothing was guessed: .rows has the numbers of these rows (they "
        "count as unprocessed in .result, though they may be in the org), .raw_results the org's own files.\n"
        f"{result.summary()}{go_on}",
        result=result,
        raw_results={m.job_id: m.files for m in done.mismatches},
        rows=rows,
    )


def running_in(done: Done) -> list[str]:
    """The jobs of which some rows may be in the org, without that it has been told."""
    named = [job_id for error in done.trouble if isinstance(error, OutcomeUnknown) for job_id in error.job_ids]
    return list(dict.fromkeys([*done.running, *named, *(one.job_id for one in done.mismatches)]))


def running_rows_in(done: Done) -> Numbers:
    """The rows of these jobs that have no fate, by the caller's numbers, ascending."""
    unknown = [error.rows for error in done.trouble if isinstance(error, OutcomeUnknown)]
    rows = np.concatenate([*done.running_rows, *unknown, *(one.rows for one in done.mismatches), np.empty(0, np.int64)])
    return np.intersect1d(rows, done.outcomes.rows(UNPROCESSED))


def notes_on(done: Done) -> list[str]:
    notes = [
        f"job {job.id} ended as {job.state}: {job.error_message or 'the org gives no reason'}"
        for job in done.jobs
        if job.state in ("Failed", "Aborted")
    ]
    notes += done.notes
    notes += [str(error) for error in done.trouble]
    return [*notes, *map(_not_matched, done.mismatches)]


def _not_matched(one: Mismatch) -> str:
    return f"results of job {one.job_id} can't be matched: {len(one.rows):,} rows, {one.n_strangers:,} results"


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
