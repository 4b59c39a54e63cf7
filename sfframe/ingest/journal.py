"""Journal: what a run was asked to do, what it has done and what came of it, on disk, without secrets.

Each step that can't be undone is written, and on the disk, before it is taken (wire notes, 12). So whoever reads a
journal of a run that died knows of each part of its rows: never sent; sent in a job that never ran; or given to a job
that the org can be asked about.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import polars as pl

from sfframe.disk import settle
from sfframe.errors import JournalError, JournalInUse
from sfframe.ingest.locked import Locked
from sfframe.ingest.payload import LineEnding, Part
from sfframe.ingest.spool import Numbers
from sfframe.org.job import JobInfo

FILE: Final = "run.sqlite"
_LEFT_OUT: Final = "left_out.parquet"
_ORDER: Final = "order.parquet"
_FORMAT: Final = 1
_SCHEMA: Final = """
CREATE TABLE run (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE parts (
    part INTEGER PRIMARY KEY, attempt INTEGER NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL,
    n_rows INTEGER NOT NULL, digest TEXT NOT NULL, positions BLOB, numbers BLOB
);
CREATE TABLE jobs (
    job_id TEXT PRIMARY KEY, part INTEGER NOT NULL REFERENCES parts, line_ending TEXT NOT NULL, api_version TEXT,
    stage TEXT NOT NULL, info TEXT NOT NULL, fates TEXT
);
"""
# What a full disk, a torn file or somebody else's hands make of it.
_TROUBLE: Final = (
    OSError, sqlite3.Error, pl.exceptions.PolarsError, pl.exceptions.PanicException, ValueError, KeyError, TypeError,
)  # fmt: skip


class Stage(StrEnum):
    """How far a job has come. Up to `MADE` it surely never ran; from `CLOSING` on only the org knows."""

    MADE = "made"
    CLOSING = "closing"
    CLOSED = "closed"
    GIVEN_UP = "given up"
    GIVEN_UP_CLOSING = "given up while closing"
    COLLECTED = "collected"


class RunState(StrEnum):
    """Whether there is something left to do."""

    PREPARING = "preparing"  # the frame isn't on the disk yet, and nothing was given to the org
    OPEN = "open"
    FINISHED = "finished"
    DROPPED = "dropped"  # another call took its place; nothing of it had been given to the org


@dataclass(frozen=True, kw_only=True)
class Intent:
    """What a run is for.

    Attributes:
        sobject, operation, external_id_field: The call.
        options: Its options, as JSON values.
        host, org_id: The org.
        kind: The kind of frame; see `front`.
        n_rows: Rows of the frame.
        sent: The frame's columns that are sent.
        begun: When, in UTC.
        client: Name and version of who wrote it.
    """

    sobject: str
    operation: str
    external_id_field: str | None
    options: Mapping[str, Any]
    host: str
    org_id: str | None
    kind: str
    n_rows: int
    sent: tuple[str, ...]
    client: str
    begun: str = field(default_factory=lambda: _now())


@dataclass(frozen=True, kw_only=True)
class KnownJob:
    """A job of the run, as the journal has it."""

    info: JobInfo
    line_ending: LineEnding
    stage: Stage
    fates: str | None


@dataclass(frozen=True, kw_only=True, eq=False)
class KnownPart:
    """A part of the rows that was begun.

    Attributes:
        number: Its number, from 1.
        attempt: Which try of its rows it is, from 1.
        start, stop: Of a first try: the rows' positions, those that are left out counted.
        n_rows: How many rows are in its CSV.
        digest: Of the CSV.
        positions, numbers: Of later tries: the rows themselves.
        jobs: Its jobs, in the order of their making.
    """

    number: int
    attempt: int
    start: int
    stop: int
    n_rows: int
    digest: str
    positions: Numbers | None
    numbers: Numbers | None
    jobs: tuple[KnownJob, ...] = ()


class Journal:
    """The journal of one run, open for this process alone until `close`.

    Any thread may write.

    Attributes:
        folder: The run's folder.
        intent: What the run is for.
    """

    def __init__(self, folder: Path, lock: Locked, db: sqlite3.Connection, intent: Intent) -> None:
        """One of `begin` and `open` makes it."""
        self.folder = folder
        self.intent = intent
        self._lock = lock
        self._db = db
        self._writing = threading.Lock()

    @classmethod
    def begin(cls, folder: Path, intent: Intent, *, left_out: pl.DataFrame, order: Numbers | None = None) -> Self:
        """A new run. No job may be closed before its frame is kept too; see `keep`.

        Args:
            folder: The run's folder.
            intent: What it is for.
            left_out: `row`, `sf__Error` of rows that aren't sent.
            order: The caller's row numbers in the order in which they are sent, where that isn't their own.

        Raises:
            JournalError: It can't be written.
        """
        lock = Locked(folder)  # which goes with this object, should the rest fail
        with _told(folder):
            _write(left_out, folder / _LEFT_OUT)
            if order is not None:
                _write(pl.DataFrame({"row": order}), folder / _ORDER)
            beside = folder / f"{FILE}.new"
            beside.unlink(missing_ok=True)
            db = sqlite3.connect(beside)
            db.executescript(_SCHEMA)
            known = {"format": _FORMAT, "state": RunState.PREPARING, "intent": asdict(intent)}
            rows = [(name, json.dumps(value)) for name, value in known.items()]
            db.executemany("INSERT INTO run VALUES (?, ?)", rows)
            db.commit()
            db.close()
            settle(beside)
            beside.rename(folder / FILE)
            settle(folder)
        return cls(folder, lock, _connected(folder), intent)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """A run that was begun earlier, perhaps by another process.

        Raises:
            JournalInUse: A process is at it.
            JournalError: It can't be read, or is of a newer version.
        """
        lock = Locked(folder)
        try:
            with _told(folder):
                intent = intent_in(folder)
                db = _connected(folder)
        except BaseException:
            lock.release()
            raise
        return cls(folder, lock, db, intent)

    def close(self) -> None:
        """Let other processes have it."""
        with self._writing:
            self._db.close()
        self._lock.release()

    # --- what is written ----------------------------------------------------------------------------------------------

    def keep(self, write: Callable[[Path], None]) -> None:
        """Write the frame into the run's folder: from here on the run can be finished by others.

        Args:
            write: Writes it, and returns when it is on the disk.
        """
        with _told(self.folder):
            write(self.folder)
        with self._step() as db:
            db.execute("UPDATE run SET value = ? WHERE name = 'state'", (json.dumps(RunState.OPEN),))

    def part_begun(self, part: Part, positions: Numbers, attempt: int) -> int:
        """Rows will be sent, as this CSV.

        Args:
            part: The rows and their CSV.
            positions: Where they are in the rows of the run.
            attempt: Which try of them it is.

        Returns:
            The part's number.
        """
        digest = hashlib.sha256(part.data).hexdigest()
        blobs = (None, None) if attempt == 1 else (_packed(positions), _packed(part.numbers))
        with self._step() as db:
            return int(
                db.execute(
                    "INSERT INTO parts (attempt, start, stop, n_rows, digest, positions, numbers) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING part",
                    (attempt, part.start, part.stop, part.n_rows, digest, *blobs),
                ).fetchone()[0]
            )

    def part_again(self, number: int, data: memoryview) -> None:
        """Rows of a part, of which the org has processed nothing, will be sent as this CSV."""
        with self._step() as db:
            db.execute("UPDATE parts SET digest = ? WHERE part = ?", (hashlib.sha256(data).hexdigest(), number))

    def job_made(self, job: JobInfo, number: int, line_ending: LineEnding) -> None:
        """The org has made a job for a part."""
        with self._step() as db:
            db.execute(
                "INSERT INTO jobs (job_id, part, line_ending, api_version, stage, info) VALUES (?, ?, ?, ?, ?, ?)",
                (job.id, number, line_ending, job.api_version, Stage.MADE, _as_json(job)),
            )

    def reached(self, job_id: str, stage: Stage, job: JobInfo | None = None) -> None:
        """A job comes to a stage: written before the step that leads there."""
        with self._step() as db:
            # A closing that was called off may be written late, by a thread that nobody waits for.
            only = f" AND stage = '{Stage.MADE}'" if stage is Stage.CLOSING else ""
            db.execute(f"UPDATE jobs SET stage = ? WHERE job_id = ?{only}", (stage, job_id))
            if job is not None:
                db.execute("UPDATE jobs SET info = ? WHERE job_id = ?", (_as_json(job), job_id))

    def collected(self, job: JobInfo, fates: pl.DataFrame, numbers: Numbers) -> None:
        """What became of a job's rows.

        Args:
            job: The job, at its end.
            fates: `row` (by index in the part), `outcome`, `sf__Id`, `sf__Created`, `sf__Error`.
            numbers: The caller's number of each row of the part.
        """
        # Not the id itself: it is the org's text, and 15 characters of it differ by case, which some disks ignore.
        name = f"fates-{hashlib.sha256(job.id.encode()).hexdigest()[:24]}.parquet"
        with _told(self.folder):
            _write(fates.with_columns(pl.Series("number", numbers).gather(fates["row"])), self.folder / name)
        with self._step() as db:
            values = (Stage.COLLECTED, _as_json(job), name, job.id)
            db.execute("UPDATE jobs SET stage = ?, info = ?, fates = ? WHERE job_id = ?", values)

    def ended(self, state: RunState) -> None:
        """There is nothing left to do."""
        with self._step() as db:
            db.execute("UPDATE run SET value = ? WHERE name = 'state'", (json.dumps(state),))
            db.execute("INSERT OR REPLACE INTO run VALUES ('ended', ?)", (json.dumps(_now()),))

    # --- what is read -------------------------------------------------------------------------------------------------

    @property
    def state(self) -> RunState:
        """Whether there is something left to do."""
        return state_in(self.folder)

    def parts(self) -> list[KnownPart]:
        """All parts that were begun, in the order of their beginning."""
        with _told(self.folder), self._writing:
            jobs: dict[int, list[KnownJob]] = {}
            for part, line_ending, stage, info, fates in self._db.execute(
                "SELECT part, line_ending, stage, info, fates FROM jobs ORDER BY rowid"
            ):
                job = KnownJob(info=_job_in(info), line_ending=line_ending, stage=Stage(stage), fates=fates)
                jobs.setdefault(part, []).append(job)
            return [
                KnownPart(
                    number=row[0], attempt=row[1], start=row[2], stop=row[3], n_rows=row[4], digest=row[5],
                    positions=_unpacked(row[6]), numbers=_unpacked(row[7]), jobs=tuple(jobs.get(row[0], ())),
                )
                for row in self._db.execute(
                    "SELECT part, attempt, start, stop, n_rows, digest, positions, numbers FROM parts ORDER BY part"
                )
            ]  # fmt: skip

    def fates_of(self, job: KnownJob) -> tuple[pl.DataFrame, Numbers]:
        """What `collected` was given: the fates and the caller's number of each of these rows, by index in the part."""
        assert job.fates is not None
        with _told(self.folder):
            found = pl.read_parquet(self.folder / job.fates)
        numbers = np.full(found.height and int(found["row"].max()) + 1, -1, np.int64)  # type: ignore[arg-type]
        numbers[found["row"].to_numpy()] = found["number"].to_numpy()
        return found.drop("number"), numbers

    def left_out(self) -> pl.DataFrame:
        """`row`, `sf__Error` of the rows that aren't sent."""
        with _told(self.folder):
            return pl.read_parquet(self.folder / _LEFT_OUT)

    def order(self) -> Numbers | None:
        """The row numbers in the order in which they are sent; `None`: the caller's order."""
        path = self.folder / _ORDER
        with _told(self.folder):
            return pl.read_parquet(path)["row"].to_numpy() if path.exists() else None

    @contextmanager
    def _step(self) -> Iterator[sqlite3.Connection]:
        """One step: whole and on the disk when it is over, or not there."""
        with _told(self.folder), self._writing, self._db:
            yield self._db


def intent_in(folder: Path) -> Intent:
    """What the run in a folder is for. It needn't be this process's.

    Raises:
        JournalError: It can't be read, or is of a newer version.
    """
    known = _facts(folder)
    if known.get("format") != _FORMAT:
        raise JournalError(f"the journal in {folder} is of format {known.get('format')}: a newer sfframe wrote it")
    given = known["intent"]
    wanted = {one.name for one in fields(Intent)}
    return Intent(**{**{name: value for name, value in given.items() if name in wanted}, "sent": tuple(given["sent"])})


def state_in(folder: Path) -> RunState:
    """The state of the run in a folder."""
    return RunState(_facts(folder)["state"])


def counts_in(folder: Path) -> dict[str, Any]:
    """How far the run in a folder has come: its jobs by stage, the rows of those, and when it ended."""
    with _told(folder):
        db = _connected(folder, read_only=True)
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


def is_run(folder: Path) -> bool:
    """Whether a folder holds a run that was begun."""
    return (folder / FILE).is_file()


# --- on the disk ------------------------------------------------------------------------------------------------------


def _facts(folder: Path) -> dict[str, Any]:
    with _told(folder):
        if not is_run(folder):
            raise JournalError(f"there is no run in {folder}")
        db = _connected(folder, read_only=True)
        try:
            return {name: json.loads(value) for name, value in db.execute("SELECT name, value FROM run")}
        finally:
            db.close()


def _connected(folder: Path, *, read_only: bool = False) -> sqlite3.Connection:
    address = f"{(folder / FILE).absolute().as_uri()}?mode=rw"  # never made by a look at it
    db = sqlite3.connect(address, uri=True, check_same_thread=False)
    if read_only:
        # Not opened as such: then what a process that died has left in the log could not be read.
        db.execute("PRAGMA query_only = ON")
        return db
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")  # each commit is on the disk when it returns
    return db


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """What keeps a journal from being written or read, as our error."""
    try:
        yield
    except JournalError:
        raise
    except _TROUBLE as error:
        why = f"{type(error).__name__}: {error}"
        raise JournalError(f"the journal in {folder} can't be written or read: {why}") from error


def _write(frame: pl.DataFrame, path: Path) -> None:
    """A file that is whole, and on the disk, or isn't there."""
    # Of its own name: a thread of a call that was interrupted may still be at it when the next one goes on.
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    frame.write_parquet(beside, compression="lz4", statistics=False)
    settle(beside)
    beside.rename(path)
    settle(path.parent)


def _packed(numbers: Numbers) -> bytes:
    return zlib.compress(np.ascontiguousarray(numbers, np.int64).tobytes(), 1)


def _unpacked(blob: bytes | None) -> Numbers | None:
    return None if blob is None else np.frombuffer(zlib.decompress(blob), np.int64)


def _as_json(job: JobInfo) -> str:
    return json.dumps(asdict(job), default=str)


def _job_in(text: str) -> JobInfo:
    given = json.loads(text)
    for name in ("created_date", "system_modstamp"):
        given[name] = datetime.fromisoformat(given[name]) if given.get(name) else None
    known = {one.name for one in fields(JobInfo)}
    return JobInfo(**{name: value for name, value in given.items() if name in known})


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


__all__ = ["Intent", "Journal", "JournalInUse", "KnownJob", "KnownPart", "RunState", "Stage"]
