"""Runs: the folders in which calls are recorded, and which of them a call goes on with."""

from __future__ import annotations

import json
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sfframe.disk import settle
from sfframe.errors import JournalError
from sfframe.front import Source, restored
from sfframe.ingest.journal import Journal
from sfframe.ingest.locked import Locked
from sfframe.ingest.mirror import Mirror
from sfframe.ingest.recorded import Intent, RunState, Stage
from sfframe.ingest.request import IngestRequest
from sfframe.ingest.run_file import counts_in, intent_in, is_run, state_in, told
from sfframe.ingest.same import same_rows, same_rows_in_any_order
from sfframe.ingest.store import Store
from sfframe.options import Options
from sfframe.org.org import Org
from sfframe.org.transport import CLIENT
from sfframe.prepare import Prepared

# Of the call and not of the rows: a run doesn't keep them.
_NOT_KEPT: Final = ("progress", "journal", "new_run", "timeout")
# Those that change what is sent: of another value, it is another run.
_OF_THE_ROWS: Final = (
    "columns", "nulls", "naive_datetimes", "describe", "invalid", "on_duplicate_key", "assignment_rule_id", "group_by",
    "retry_rows",
)  # fmt: skip
_NEVER_RAN: Final = (Stage.MADE, Stage.GIVEN_UP)
_LOOKING_S: Final = 600.0  # another call may be comparing millions of rows
_PAIRS: Final = "pairs"  # instead of a dict whose keys JSON would turn into text: labels of pandas can be anything


class RunFolder:
    """A folder for a run, for its owner alone (0700)."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def made(cls, journal: Path, request: IngestRequest) -> RunFolder:
        """A new one in the folder of journals, which is made if it isn't there.

        Raises:
            JournalError: It can't be made.
        """
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
        words = (stamp, re.sub(r"\W", "_", request.sobject)[:60], request.operation, secrets.token_hex(3))
        path = journal / "-".join(words)
        try:
            if is_run(journal):
                raise JournalError(f"{journal} is the folder of one run: name the folder above it")
            is_first = not journal.exists()
            journal.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.mkdir(mode=0o700)
            # Or a power loss might leave no trace of a run whose jobs go on.
            settle(journal)
            if is_first:
                settle(journal.parent)
        except OSError as error:
            raise JournalError(f"no run can be recorded in {journal}: {error}") from error
        return cls(path)

    def begin(self, intent: Intent, **more: Any) -> Journal:
        """Make it the folder of a new run; see `Journal.begin`."""
        return Journal.begin(self.path, intent, **more)

    def opened(self, path: Path) -> Journal:
        """Another run, that was begun earlier; see `Journal.open`."""
        return Journal.open(path)

    def discard(self) -> None:
        """Take it away, unless it has become a run."""
        if not is_run(self.path):
            shutil.rmtree(self.path, ignore_errors=True)


class StoredRunFolder(RunFolder):
    """A folder of this process for a run in a store, beside those of the runs that there are, of their databases alone.

    It has the name of the run that comes after those: of several who begin one at once, one does.
    """

    def __init__(self, path: Path, store: Store) -> None:
        super().__init__(path)
        self._store = store

    @classmethod
    def beside(cls, folder: Path, store: Store) -> StoredRunFolder:
        """A new one in the folder of those that there are."""
        path = folder / f"run-{len(runs_in(folder)) + 1:06}"
        path.mkdir(mode=0o700)
        return cls(path, store)

    def begin(self, intent: Intent, **more: Any) -> Journal:
        """Make it the folder of a new run, if there is none of its name by now; see `Journal.begin`."""
        with told(self._store.url):
            mirror = Mirror.begun(self._store.below(self.path.name))
        return Journal.begin(self.path, intent, mirror=mirror, **more)

    def opened(self, path: Path) -> Journal:
        """Another run, that was begun earlier; see `Journal.taken`."""
        return Journal.taken(self._store.below(path.name))


def run_for(prepared: Prepared, folder: RunFolder, org: Org, *, is_once: bool = False) -> Journal:
    """The run that a call is: an unfinished one of the same rows, or a new one in the folder.

    A frame that the org would take no longer may still be that of an unfinished run.

    Args:
        prepared: The frame.
        folder: For a new run.
        org: Where the rows go.
        is_once: A finished run of the same rows is this call too.

    Raises:
        JournalError: There is an unfinished run that isn't this call, or no run can be recorded.
        JournalInUse: Somebody is working on the unfinished run.
        PayloadError: The frame can't be sent, or has columns that can't be kept.
    """
    options, place = prepared.request.options, folder.path.parent
    if options.new_run or prepared.rows is None:
        return _begun(prepared, folder, org)
    looking = Locked(place, wait_s=_LOOKING_S)  # so that of two calls at once the second sees the first's run
    states = (RunState.OPEN, RunState.FINISHED) if is_once else (RunState.OPEN,)
    try:
        return _run_among(list(_runs_of(place, prepared.request, org)), states, prepared, folder, org)
    finally:
        looking.release()


def _run_among(
    runs: Sequence[Path], states: Sequence[RunState], prepared: Prepared, folder: RunFolder, org: Org
) -> Journal:
    reasons = []
    for path in runs:
        if state_in(path) not in (RunState.PREPARING, *states):
            continue
        journal = folder.opened(path)
        try:
            if journal.state not in states:  # it was finished meanwhile, or its call died before it could begin
                journal.close()
                continue
            why = _difference(journal, prepared, in_any_order=RunState.FINISHED in states)
            if why is None:
                return _gone_on_with(prepared, journal, folder)
            if _has_sent_nothing(journal) and not prepared.refused:
                journal.ended(RunState.DROPPED)
            else:
                reasons.append(f"{path}: {why}")
        except BaseException:
            journal.close()
            raise
        journal.close()
    if reasons and not prepared.refused:
        raise _other_run(reasons, is_once=RunState.FINISHED in states)
    return _begun(prepared, folder, org)


def request_of(intent: Intent) -> IngestRequest:
    """The call that a run is of."""
    return IngestRequest(
        sobject=intent.sobject,
        operation=intent.operation,  # type: ignore[arg-type]  # one was written
        external_id_field=intent.external_id_field,
        options=Options.of({name: _from_json(value) for name, value in intent.options.items()}),
    )


def frame_of(journal: Journal) -> Source[Any]:
    """The frame of a run.

    Raises:
        JournalError: It can't be read.
    """
    with told(journal.folder):
        return restored(journal.intent.kind, journal.folder)


def is_of(intent: Intent, org: Org) -> bool:
    """Whether a run is of this org."""
    if intent.org_id is not None and org.org_id is not None:
        return intent.org_id == org.org_id
    return intent.host == org.host


def runs_in(folder: Path) -> list[Path]:
    """The folders of runs in a folder of journals, the oldest first.

    Raises:
        JournalError: There is no such folder.
    """
    try:
        return sorted(path for path in folder.iterdir() if is_run(path))
    except FileNotFoundError as error:
        raise JournalError(f"there is no folder {folder}: give the one that the call had as journal=") from error
    except OSError as error:
        raise JournalError(f"no runs can be looked for in {folder}: {error}") from error


def facts_of(path: Path) -> dict[str, Any]:
    """What there is to know of a run at a glance; of one that can't be read its state alone."""
    try:
        intent, state, counts = intent_in(path), state_in(path), counts_in(path)
    except JournalError:
        return {"run": str(path), "state": "unreadable"}
    jobs: Mapping[Stage, int] = counts["jobs"]
    rows: Mapping[Stage, int] = counts["rows"]
    return {
        "run": str(path),
        "state": str(state),
        "sobject": intent.sobject,
        "operation": intent.operation,
        "rows": intent.n_rows,
        "jobs": sum(n for stage, n in jobs.items() if stage not in _NEVER_RAN),
        "rows_collected": rows.get(Stage.COLLECTED, 0),
        "begun": datetime.fromisoformat(intent.begun),
        "ended": datetime.fromisoformat(counts["ended"]) if counts["ended"] else None,
        "host": intent.host,
    }


def _runs_of(folder: Path, request: IngestRequest, org: Org) -> Iterator[Path]:
    for path in runs_in(folder):
        try:
            intent = intent_in(path)
        except JournalError:
            continue  # of a later version, or damaged: `journals` shows it
        if _is_same_call(intent, request) and is_of(intent, org):
            yield path


def _is_same_call(intent: Intent, request: IngestRequest) -> bool:
    def folded(text: str | None) -> str | None:
        return text.lower() if text is not None else None

    return (folded(intent.sobject), intent.operation, folded(intent.external_id_field)) == (
        folded(request.sobject), request.operation, folded(request.external_id_field)
    )  # fmt: skip


def _difference(journal: Journal, prepared: Prepared, *, in_any_order: bool) -> str | None:
    """What makes a run another one than the call; engines give a partition's rows in another order each time."""
    assert prepared.rows is not None
    kept, given = journal.intent.options, _as_json(prepared.request.options)
    others = [name for name in _OF_THE_ROWS if kept.get(name) != given[name]]
    if others:
        return "; ".join(f"{name}= was {kept.get(name)!r} and is {given[name]!r}" for name in others)
    names = list(prepared.rows.schema)
    if set(names) != set(journal.intent.sent):
        missing, more = set(journal.intent.sent) - set(names), set(names) - set(journal.intent.sent)
        texts = [f"{', '.join(sorted(which))} {what}" for which, what in ((missing, "missing"), (more, "new")) if which]
        return f"the columns sent aren't the same: {'; '.join(texts)}"
    source = frame_of(journal)
    source.types(names)
    same = same_rows_in_any_order if in_any_order else same_rows
    return same(source.rows(names, lambda: RunFolder(journal.folder)), prepared.rows)


def _has_sent_nothing(journal: Journal) -> bool:
    return all(job.stage in _NEVER_RAN for part in journal.parts() for job in part.jobs)


def _gone_on_with(prepared: Prepared, journal: Journal, folder: RunFolder) -> Journal:
    """The rest of a run. The caller's own frame is given back, but for streams, which were read when it began."""
    if prepared.source.is_stream:
        prepared.source = frame_of(journal)
    prepared.recorded = journal
    folder.discard()
    return journal


def _begun(prepared: Prepared, folder: RunFolder, org: Org) -> Journal:
    if prepared.refused:
        raise prepared.error()
    assert prepared.rows is not None
    if unkept := prepared.source.unkept():
        prepared.problems = [*prepared.problems, *unkept]
        raise prepared.error()
    ordered = prepared.in_sending_order() if prepared.request.options.group_by and prepared.folder is None else None
    intent = Intent(
        sobject=prepared.request.sobject,
        operation=prepared.request.operation,
        external_id_field=prepared.request.external_id_field,
        options=_as_json(prepared.request.options),
        host=org.host,
        org_id=org.org_id,
        kind=prepared.source.kind,
        n_rows=prepared.rows.n,
        sent=tuple(prepared.rows.schema),
        client=CLIENT.replace("/", " "),
    )
    order = ordered.numbers(0, ordered.n) if ordered is not None else None
    described = [sobject.as_json() for sobject in prepared.described]
    return folder.begin(intent, described=described, left_out=prepared.reasons(), order=order)


def _other_run(reasons: list[str], *, is_once: bool) -> JournalError:
    told = "\n".join(f"- {reason}" for reason in reasons)
    if is_once:
        return JournalError(
            f"an earlier try of this partition has sent other rows, so these weren't sent:\n{told}\n"
            "Where a frame isn't the same each time it is computed (random numbers, an unordered limit, ...), write it "
            "to files first, and load those."
        )
    return JournalError(
        f"an unfinished run of the same object and operation isn't this call:\n{told}\n"
        "Finish it with sfframe.resume(folder), which needs no frame; or say new_run=True to begin another one beside "
        "it."
    )


def _as_json(options: Options) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return (
                dict(value) if all(isinstance(name, str) for name in value) else {_PAIRS: [*map(list, value.items())]}
            )
        return list(value) if isinstance(value, tuple) else value

    given = {one.name: plain(getattr(options, one.name)) for one in fields(options) if one.name not in _NOT_KEPT}
    try:
        return dict(json.loads(json.dumps(given)))  # as it will be read
    except TypeError as error:
        raise JournalError(f"an option can't be kept in a journal, so nothing was sent: {error}") from error


def _from_json(value: Any) -> Any:
    if not isinstance(value, Mapping) or [*value] != [_PAIRS] or not isinstance(value[_PAIRS], list):
        return value
    return {tuple(name) if isinstance(name, list) else name: given for name, given in value[_PAIRS]}
