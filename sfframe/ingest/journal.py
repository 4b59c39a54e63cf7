"""Journal: what a run was asked to do, what it has done and what came of it, on disk, without secrets.

Each step that can't be undone is written, and on the disk, before it is taken (wire notes, 12). So whoever reads a
journal of a run that died knows of each part of its rows: never sent; sent in a job that never ran; or given to a job
that the org can be asked about.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import polars as pl

from sfframe.disk import SpoolFolder, settle
from sfframe.ingest.locked import Locked
from sfframe.ingest.mirror import Mirror, kept_in
from sfframe.ingest.payload import LineEnding, Part
from sfframe.ingest.recorded import Intent, KnownJob, KnownPart, RunState, Stage, now
from sfframe.ingest.run_file import FILE, FORMAT, ORDER, connected, intent_in, state_in, told, write
from sfframe.ingest.spool import Numbers
from sfframe.ingest.store import Store
from sfframe.org.job import JobInfo

_LEFT_OUT: Final = "left_out.parquet"
_SCHEMA: Final = """
CREATE TABLE run (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE parts (
    part INTEGER PRIMARY KEY, attempt INTEGER NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL,
    n_rows INTEGER NOT NULL, positions BLOB, numbers BLOB
);
CREATE TABLE jobs (
    job_id TEXT PRIMARY KEY, part INTEGER NOT NULL REFERENCES parts, line_ending TEXT NOT NULL, api_version TEXT,
    stage TEXT NOT NULL, info TEXT NOT NULL, digest TEXT, fates TEXT
);
"""


class Journal:
    """The journal of one run, open for this process alone until `close`.

    Any thread may write.

    Attributes:
        folder: The run's folder.
        intent: What the run is for.
    """

    def __init__(
        self, folder: Path, lock: Locked, db: sqlite3.Connection, intent: Intent, mirror: Mirror | None = None
    ) -> None:
        """One of `begin`, `open` and `taken` makes it."""
        self.folder = folder
        self.intent = intent
        self._lock = lock
        self._db = db
        self._mirror = mirror
        self._scratch: SpoolFolder | None = None
        self._writing = threading.Lock()

    @classmethod
    def begin(
        cls,
        folder: Path,
        intent: Intent,
        *,
        described: Sequence[Mapping[str, Any]],
        left_out: pl.DataFrame,
        order: Numbers | None = None,
        mirror: Mirror | None = None,
    ) -> Self:
        """A new run. No job may be closed before its frame is kept too; see `keep`.

        Args:
            folder: The run's folder.
            intent: What it is for.
            described: The describes by which the columns were laid out.
            left_out: `row`, `sf__Error` of rows that aren't sent.
            order: The caller's row numbers in the order in which they are sent, where that isn't their own.
            mirror: What has its steps and files in a store, too.

        Raises:
            JournalInUse: Another process has just begun this one.
            JournalError: It can't be written.
        """
        lock = Locked(folder)  # which goes with this object, should the rest fail
        with told(folder):
            write(left_out, folder / _LEFT_OUT)
            if order is not None:
                write(pl.DataFrame({"row": order}), folder / ORDER)
            beside = folder / f"{FILE}.new"
            beside.unlink(missing_ok=True)
            db = sqlite3.connect(beside)
            db.execute("PRAGMA synchronous = OFF")  # it becomes a run by its name, when all of it is on the disk
            db.executescript(_SCHEMA)
            known = {
                "format": FORMAT,
                "state": RunState.PREPARING,
                "intent": asdict(intent),
                "described": list(described),
            }
            rows = [(name, json.dumps(value)) for name, value in known.items()]
            db.executemany("INSERT INTO run VALUES (?, ?)", rows)
            db.commit()
            db.close()
            settle(beside)
            beside.rename(folder / FILE)
            settle(folder)
        journal = cls(folder, lock, connected(folder), intent, mirror)
        if mirror is not None:
            try:
                with told(folder):
                    journal._put()
                    mirror.step(journal._db.serialize())
            except BaseException:
                journal.close()
                raise
        return journal

    @classmethod
    def open(cls, folder: Path) -> Self:
        """A run that was begun earlier, perhaps by another process.

        Raises:
            JournalInUse: A process is at it.
            JournalError: It can't be read, or is of a newer version.
        """
        lock = Locked(folder)
        try:
            with told(folder):
                intent = intent_in(folder)
                db = connected(folder)
        except BaseException:
            lock.release()
            raise
        return cls(folder, lock, db, intent)

    @classmethod
    def taken(cls, run: Store) -> Self:
        """A run in a store that was begun earlier, in a folder that goes with the journal.

        Raises:
            JournalInUse: A process is at it.
            JournalError: It can't be read, or is of a newer version.
        """
        scratch = SpoolFolder()
        with told(run.url):
            mirror = Mirror.taken(run, scratch.path)
        try:
            journal = cls.open(scratch.path)
        except BaseException:
            mirror.release()
            raise
        journal._mirror, journal._scratch = mirror, scratch
        return journal

    def __del__(self) -> None:
        # A thread may open it when the call that asked for it has been interrupted, and nobody is left to have it.
        self._db.close()

    def close(self) -> None:
        """Let other processes have it."""
        with self._writing:
            self._db.close()
        self._lock.release()
        if self._mirror is not None:
            self._mirror.release()

    @property
    def name(self) -> str:
        """What the run is called among those of a partition."""
        return self._mirror.name if self._mirror is not None else self.folder.name

    @property
    def is_lost(self) -> bool:
        """Whether another process has taken the run, which can be where it is in a store: then it goes on there."""
        return self._mirror is not None and self._mirror.is_lost

    # --- what is written ----------------------------------------------------------------------------------------------

    def keep(self, write: Callable[[Path], None]) -> None:
        """Write the frame into the run's folder: from here on the run can be finished by others.

        Args:
            write: Writes it, and returns when it is on the disk.
        """
        with told(self.folder):
            write(self.folder)
            self._put()
        with self._step() as db:
            db.execute("UPDATE run SET value = ? WHERE name = 'state'", (json.dumps(RunState.OPEN),))

    def leave_out(self, rows: pl.DataFrame) -> None:
        """Leave further rows out, before any was sent.

        Args:
            rows: `row`, `sf__Error`.
        """
        known = self.left_out()
        more = rows.join(known, on="row", how="anti")
        with told(self.folder):
            write(pl.concat([known, more]).sort("row"), self.folder / _LEFT_OUT)
        with self._step():  # by which others know of it
            if self._mirror is not None:
                self._mirror.put(self.folder / _LEFT_OUT)

    def part_begun(self, part: Part, positions: Numbers, attempt: int) -> int:
        """Rows will be sent.

        Args:
            part: The rows.
            positions: Where they are in the rows of the run.
            attempt: Which try of them it is.

        Returns:
            The part's number.
        """
        blobs = (None, None) if attempt == 1 else (_packed(positions), _packed(part.numbers))
        with self._step() as db:
            return int(
                db.execute(
                    "INSERT INTO parts (attempt, start, stop, n_rows, positions, numbers) "
                    "VALUES (?, ?, ?, ?, ?, ?) RETURNING part",
                    (attempt, part.start, part.stop, part.n_rows, *blobs),
                ).fetchone()[0]
            )

    def job_made(self, job: JobInfo, number: int, line_ending: LineEnding) -> None:
        """The org has made a job for a part."""
        with self._step() as db:
            db.execute(
                "INSERT INTO jobs (job_id, part, line_ending, api_version, stage, info) VALUES (?, ?, ?, ?, ?, ?)",
                (job.id, number, line_ending, job.api_version, Stage.MADE, _as_json(job)),
            )

    def uploaded(self, job_id: str, data: memoryview) -> None:
        """What a job was given: the SHA-256 of its CSV, which has to be known before the job is closed."""
        digest = hashlib.sha256(data).hexdigest()
        with self._step() as db:
            db.execute("UPDATE jobs SET digest = ? WHERE job_id = ?", (digest, job_id))

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
        fates = fates if fates["row"].is_sorted() else fates.sort("row")
        with told(self.folder):
            write(fates.with_columns(pl.Series("number", numbers[fates["row"].to_numpy()])), self.folder / name)
            self._put()
        with self._step() as db:
            values = (Stage.COLLECTED, _as_json(job), name, job.id)
            db.execute("UPDATE jobs SET stage = ?, info = ?, fates = ? WHERE job_id = ?", values)

    def ended(self, state: RunState) -> None:
        """There is nothing left to do."""
        with self._step() as db:
            db.execute("UPDATE run SET value = ? WHERE name = 'state'", (json.dumps(state),))
            db.execute("INSERT OR REPLACE INTO run VALUES ('ended', ?)", (json.dumps(now()),))

    # --- what is read -------------------------------------------------------------------------------------------------

    @property
    def state(self) -> RunState:
        """Whether there is something left to do."""
        return state_in(self.folder)

    @property
    def described(self) -> Sequence[Mapping[str, Any]]:
        """The describes by which the columns were laid out when the run began."""
        with told(self.folder), self._writing:
            [(text,)] = self._db.execute("SELECT value FROM run WHERE name = 'described'").fetchall()
            return list(json.loads(text))

    def parts(self) -> list[KnownPart]:
        """All parts that were begun, in the order of their beginning."""
        with told(self.folder), self._writing:
            jobs: dict[int, list[KnownJob]] = {}
            for part, line_ending, stage, info, fates in self._db.execute(
                "SELECT part, line_ending, stage, info, fates FROM jobs ORDER BY rowid"
            ):
                job = KnownJob(info=_job_in(info), line_ending=line_ending, stage=Stage(stage), fates=fates)
                jobs.setdefault(part, []).append(job)
            return [
                KnownPart(
                    number=row[0], attempt=row[1], start=row[2], stop=row[3], n_rows=row[4],
                    positions=_unpacked(row[5]), numbers=_unpacked(row[6]), jobs=tuple(jobs.get(row[0], ())),
                )
                for row in self._db.execute(
                    "SELECT part, attempt, start, stop, n_rows, positions, numbers FROM parts ORDER BY part"
                )
            ]  # fmt: skip

    def fates_of(self, job: KnownJob) -> tuple[pl.DataFrame, Numbers]:
        """What `collected` was given: the fates and the caller's number of each of these rows, by index in the part."""
        assert job.fates is not None
        with told(self.folder):
            found = pl.read_parquet(self.folder / job.fates)
        numbers = np.full(found.height and int(found["row"].max()) + 1, -1, np.int64)  # type: ignore[arg-type]
        numbers[found["row"].to_numpy()] = found["number"].to_numpy()
        return found.drop("number"), numbers

    def left_out(self) -> pl.DataFrame:
        """`row`, `sf__Error` of the rows that aren't sent."""
        with told(self.folder):
            return pl.read_parquet(self.folder / _LEFT_OUT)

    def order(self) -> Numbers | None:
        """The row numbers in the order in which they are sent; `None`: the caller's order."""
        path = self.folder / ORDER
        with told(self.folder):
            return pl.read_parquet(path)["row"].to_numpy() if path.exists() else None

    @contextmanager
    def _step(self) -> Iterator[sqlite3.Connection]:
        """One step: whole and on the disk when it is over, or not there."""
        with told(self.folder), self._writing:
            with self._db:
                yield self._db
            if self._mirror is not None:
                self._mirror.step(self._db.serialize())

    def _put(self) -> None:
        """Have the files that are new be where the steps are."""
        if self._mirror is not None:
            self._mirror.put_new(kept_in(self.folder))


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
