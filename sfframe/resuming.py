"""Resuming: runs of a journal looked through, and finished by whoever comes later."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any, Final

import polars as pl

from sfframe import call_folder
from sfframe.bridge import blocking, in_thread
from sfframe.call import Call, Ended, concluded, report_left_out
from sfframe.disk import SpoolFolder
from sfframe.errors import Interrupted, JobTimeout, JournalError
from sfframe.front import BackendName, DtypeBackend, backend_of
from sfframe.ingest.journal import Journal
from sfframe.ingest.ledger import Ledger, has_failed
from sfframe.ingest.outcomes import Outcomes
from sfframe.ingest.recorded import RunState, Stage
from sfframe.ingest.run import Turns
from sfframe.ingest.run_file import is_run, state_in
from sfframe.ingest.runner import Done
from sfframe.ingest.slots import Slots
from sfframe.ingest.taken_up import note_on_lost
from sfframe.org.org import Org, current_org
from sfframe.prepare import Prepared, prepare_again
from sfframe.progress.listeners import IngestProgress
from sfframe.result import IngestResult
from sfframe.runs import RunFolder, facts_of, frame_of, is_of, request_of, runs_in
from sfframe.sent import sent_of

_FACTS: Final[dict[str, pl.DataType]] = {
    "run": pl.String(),
    "state": pl.String(),
    "sobject": pl.String(),
    "operation": pl.String(),
    "rows": pl.Int64(),
    "jobs": pl.Int64(),
    "rows_collected": pl.Int64(),
    "begun": pl.Datetime("ms", "UTC"),
    "ended": pl.Datetime("ms", "UTC"),
    "host": pl.String(),
}


async def resume_async(
    run: str | PathLike[str] | JobTimeout | Interrupted, *, org: Org | None = None, progress: IngestProgress = None
) -> Any:
    """Finish a run that a call with `journal=` has begun, from this process or another one.

        contacts.sfbulk.upsert("Contact", "ExternalId__c", journal="journals")
        result = sfframe.resume("journals")

    The org is asked about each job that may have run; what it has processed is collected, and the rest is sent. Rows of
    which nobody knows whether the org has them are never sent again, but for those of an upsert by an external id whose
    job the org doesn't know any more: records are found by that id, so that sending them again makes none twice.

    Args:
        run: The run's folder; or the folder above it: then its one unfinished run, or else its latest one; or the
            `JobTimeout` or `Interrupted` of the call.
        org: The org, the same as the call's; without it the innermost `with org:`, the default org, or the environment
            decides. A finished run needs none.
        progress: As in the call, which doesn't decide it for others.

    Returns:
        The `IngestResult` that the call would have given, in frames of the same kind; of a finished run the same result
        again, and nothing is sent.

    Raises:
        JournalError: There is no such run, several are unfinished, it can't be read, or it is another org's.
        JournalInUse: Somebody is working on it.

    The rest as the call.
    """
    journal = await in_thread(_opened, run)
    return await resumed(journal, org, {"progress": progress})


def _opened(run: str | PathLike[str] | JobTimeout | Interrupted) -> Journal:
    return Journal.open(_folder_of(run))


async def resumed(
    journal: Journal,
    org: Org | None,
    options: Mapping[str, Any],
    *,
    prepared: Prepared | None = None,
    note: Callable[[Ended], None] | None = None,
    slots: Slots | None = None,
    turns: Turns | None = None,
) -> IngestResult[Any]:
    """Finish a run whose journal is open, and close it; see `resume_async`.

    Args:
        journal: The run's journal.
        org: The org; `None`: the one that a call would mean.
        options: Options that a run doesn't keep.
        prepared: What this process prepared when it began the run, and has kept there; `None`: it is read.
        note: Told how the run ended, whatever is raised then.
        slots: Bounds the jobs in flight beside those of other processes.
        turns: What jobs do one after the other with those of runs beside it; `None`: with its own.
    """
    folder = journal.folder
    try:
        state = await in_thread(lambda: journal.state)
        if state is RunState.FINISHED:
            return await _given_again(journal, org, note)
        if state is RunState.DROPPED:
            raise JournalError(
                f"the run in {folder} had sent nothing, and a later call took its place: there is nothing to finish"
            )
        if state is RunState.PREPARING:
            raise JournalError(
                f"the run in {folder} ended before its rows were on the disk and before any was given to the org: "
                "make the call again"
            )
        the_org = current_org(org)
        request = request_of(journal.intent)
        call = Call(replace(request, options=request.options.changed(options)), the_org, note, slots, turns)
        found = prepared if prepared is not None else await in_thread(frame_of, journal)
        await call.before_sending(the_org.transport.log_in())
        _check_org(journal, the_org)
    except BaseException:
        await in_thread(journal.close)
        raise
    return await call.go_on(found, journal)


resume = blocking(resume_async)


def journals(
    folder: str | PathLike[str], *, backend: BackendName = "polars", dtype_backend: DtypeBackend | None = None
) -> Any:
    """The runs that are recorded in a folder, one row each, the oldest first.

        contacts.sfbulk.upsert("Contact", "ExternalId__c", journal="journals")
        print(sfframe.journals("journals").select("state", "rows").rows())
        # [('finished', 3)]

    Args:
        folder: What calls were given as `journal`.
        backend: As in `read_soql`: whose frame is given.
        dtype_backend: As in `read_soql`.

    Returns:
        Strings `run` (its folder), `state` (`preparing`: nothing was given to the org, and its rows aren't on the disk
        yet, or never will be; `open`: something is left to do, or a process is doing it; `finished`; `dropped`: it had
        sent nothing, and another call took its place; `unreadable`), `sobject`, `operation`;
        integers `rows` (of the frame), `jobs` (that were given rows to process), `rows_collected` (whose fates are on
        the disk); datetimes in UTC `begun`, `ended`; and the string `host`.

        Runs stay until somebody deletes their folders, which hold the rows.

    Raises:
        JournalError: There is no such folder.
    """
    _check_folder(folder)
    facts = [facts_of(path) for path in runs_in(Path(folder))]
    table = pl.DataFrame(facts, schema=_FACTS) if facts else pl.DataFrame(schema=_FACTS)
    return backend_of(backend, dtype_backend).of(table)


def _folder_of(run: str | PathLike[str] | JobTimeout | Interrupted) -> Path:
    if isinstance(run, JobTimeout | Interrupted):
        if run.run is None:
            raise JournalError("that call had no journal, so there is no run to finish: say journal= next time")
        return run.run
    _check_folder(run)
    folder = Path(run).absolute()
    if is_run(folder):
        return folder
    found = runs_in(folder)
    states = {path: state_in(path) for path in found}
    unfinished = [path for path in found if states[path] is RunState.OPEN]
    if len(unfinished) > 1:
        names = ", ".join(str(path) for path in unfinished)
        raise JournalError(f"{len(unfinished)} runs in {folder} aren't finished; name one of them: {names}")
    if not found and call_folder.is_there(folder):
        raise _of_many_machines(folder)
    if not found:
        raise JournalError(f"there is no run in {folder}: give the folder that the call had as journal=")
    finished = [path for path in found if states[path] is RunState.FINISHED]
    return (unfinished or finished or found)[-1]


def _check_folder(path: str | PathLike[str]) -> None:
    if "://" in str(path):
        raise _of_many_machines(path)


def _of_many_machines(path: str | PathLike[str]) -> JournalError:
    return JournalError(
        f"the runs in {path} are those of partitions of a frame on many machines: finish them by the same call with "
        "the same journal="
    )


def _check_org(journal: Journal, org: Org) -> None:
    if not is_of(journal.intent, org):
        raise JournalError(
            f"the run in {journal.folder} is of the org {journal.intent.host} and can't be finished in {org.host}: "
            "name its org by org="
        )


async def _given_again(journal: Journal, org: Org | None, note: Callable[[Ended], None] | None) -> IngestResult[Any]:
    """The result of a finished run, by its journal alone."""
    began = time.monotonic()
    intent, request = journal.intent, request_of(journal.intent)
    try:
        source = await in_thread(frame_of, journal)
        prepared = await prepare_again(source, request, journal, RunFolder(journal.folder))
        done = await in_thread(_all_done, journal, prepared)
    finally:
        await in_thread(journal.close)
    ended = Ended(done=done, host=intent.host, seconds=time.monotonic() - began, run=journal.folder)
    if note is not None:
        note(ended)
    return concluded(ended, source, request, org=org, sent=sent_of(prepared))


def _all_done(journal: Journal, prepared: Prepared) -> Done:
    outcomes = Outcomes(journal.intent.n_rows, SpoolFolder() if prepared.source.is_stream else None)
    report_left_out(journal.left_out(), outcomes)
    return _done_again(journal, Ledger(outcomes, prepared.request.options.retry_rows))


def _done_again(journal: Journal, ledger: Ledger) -> Done:
    jobs, failed, notes = [], [], []
    for part in sorted(journal.parts(), key=lambda part: part.place):
        *earlier, last = part.jobs
        jobs += [job.info for job in earlier if job.stage is Stage.REFUSED]
        notes += [note_on_lost(job.info.id, part.n_rows) for job in earlier if job.stage is Stage.LOST]
        fates, numbers = journal.fates_of(last)
        ledger.take(last.info, fates, numbers=numbers, positions=numbers, attempt=part.attempt)
        jobs.append(last.info)
        if has_failed(last.info, fates):
            failed.append(last.info)
    ledger.close()
    return Done(outcomes=ledger.outcomes, jobs=jobs, attempts=ledger.attempts(), failed_jobs=failed, notes=notes)
