"""Run file: a run's folder as it is on the disk, and what can be read of it without working on it."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import polars as pl

from sfframe.disk import settle
from sfframe.errors import JournalError
from sfframe.ingest.recorded import Intent, RunState, Stage
from sfframe.ingest.storage import is_of_many

FILE: Final = "run.sqlite"
ORDER: Final = "order.parquet"
FORMAT: Final = 1
# What a full disk, a torn file or somebody else's hands make of it.
_TROUBLE: Final = (
    OSError, sqlite3.Error, pl.exceptions.PolarsError, pl.exceptions.PanicException, ValueError, KeyError, TypeError,
)  # fmt: skip


def intent_in(folder: Path) -> Intent:
    """What the run in a folder is for. It needn't be this process's.

    Raises:
        JournalError: It can't be read, or is of a newer version.
    """
    known = _facts(folder)
    if known.get("format") != FORMAT:
        raise JournalError(f"the journal in {folder} is of format {known.get('format')}: a newer sfframe wrote it")
    given = known["intent"]
    wanted = {one.name for one in fields(Intent)}
    return Intent(**{**{name: value for name, value in given.items() if name in wanted}, "sent": tuple(given["sent"])})


def state_in(folder: Path) -> RunState:
    """The state of the run in a folder."""
    return RunState(_facts(folder)["state"])


def counts_in(folder: Path) -> dict[str, Any]:
    """How far the run in a folder has come: its jobs by stage, the rows of those, and when it ended."""
    with told(folder):
        db = connected(folder, read_only=True)
        try:
            found = db.execute(
                "SELECT stage, count(*), sum(n_rows) FROM jobs JOIN parts USING (part) GROUP BY stage"
            ).fetchall()
            ended = db.execute("SELECT value FROM run WHERE name = 'ended'").fetchone()
        finally:
            db.close()
    return {
        "jobs": {Stage(stage): n for stage, n, _ in found},
        "rows": {Stage(stage): n for stage, _, n in found},
        "ended": json.loads(ended[0]) if ended else None,
    }


def stages_in(folder: Path) -> dict[str, Stage]:
    """The jobs of the run in a folder, and how far each has come."""
    with told(folder):
        db = connected(folder, read_only=True)
        try:
            found = db.execute("SELECT job_id, stage FROM jobs ORDER BY rowid").fetchall()
        finally:
            db.close()
    return {job_id: Stage(stage) for job_id, stage in found}


def fates_in(folder: Path) -> list[str] | None:
    """The files with the fates of a run's rows, which one after the other are all rows in the order of their sending.

    `None`: they aren't, for rows were left out, or sent more than once, or have no fate.
    """
    with told(folder):
        db = connected(folder, read_only=True)
        try:
            parts = db.execute("SELECT attempt, n_rows FROM parts").fetchall()
            files = db.execute(
                "SELECT fates FROM jobs JOIN parts USING (part) WHERE fates IS NOT NULL ORDER BY start"
            ).fetchall()
        finally:
            db.close()
    once = all(attempt == 1 for attempt, _ in parts) and len(files) == len(parts)
    is_whole = once and sum(n_rows for _, n_rows in parts) == intent_in(folder).n_rows
    return [name for (name,) in files] if is_whole else None


def is_run(folder: Path) -> bool:
    """Whether a folder holds a run that was begun."""
    return (folder / FILE).is_file()


def _facts(folder: Path) -> dict[str, Any]:
    with told(folder):
        if not is_run(folder):
            raise JournalError(f"there is no run in {folder}")
        db = connected(folder, read_only=True)
        try:
            return {name: json.loads(value) for name, value in db.execute("SELECT name, value FROM run")}
        finally:
            db.close()


def connected(folder: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """The run's database; whoever asks for it closes it."""
    address = f"{(folder / FILE).absolute().as_uri()}?mode=rw"  # never made by a look at it
    db = sqlite3.connect(address, uri=True, check_same_thread=False)
    if read_only:
        # Not opened as such: then what a process that died has left in the log could not be read.
        db.execute("PRAGMA query_only = ON")
        return db
    # Its index is memory that all processes share, which those of several machines can't.
    db.execute(f"PRAGMA journal_mode = {'TRUNCATE' if is_of_many(folder) else 'WAL'}")
    db.execute("PRAGMA synchronous = FULL")  # each commit is on the disk when it returns
    return db


@contextmanager
def told(folder: Path | str) -> Iterator[None]:
    """What keeps a journal from being written or read, as our error."""
    try:
        yield
    except JournalError:
        raise
    except _TROUBLE as error:
        why = f"{type(error).__name__}: {error}"
        raise JournalError(f"the journal in {folder} can't be written or read: {why}") from error


def write(frame: pl.DataFrame, path: Path) -> None:
    """A file that is whole, and on the disk, or isn't there."""
    # Of its own name: a thread of a call that was interrupted may still be at it when the next one goes on.
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    frame.write_parquet(beside, compression="lz4", statistics=False)  # less to wait for than as it is
    settle(beside)
    beside.rename(path)
    settle(path.parent)
