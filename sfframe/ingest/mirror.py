"""Mirror: a run whose folder is one process's, and whose steps are in a store, where the next one finds them.

A step is an object with a number, made once: it has the run's database after it, and tells where the run's other files
are. Each is made before it is taken. So of two processes that believe to have a run one makes the next step, and the
other one is told that it is there: it takes no further step, and the run goes on from where that one has it.
"""

from __future__ import annotations

import json
import secrets
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from sfframe.errors import JournalInUse
from sfframe.ingest.run_file import FILE
from sfframe.ingest.store import Held, Store, is_held

_STEPS: Final = "steps"
_HELD: Final = "held"
FILES: Final = "files"


@dataclass(frozen=True, kw_only=True)
class Step:
    """A run as it is after a step.

    Attributes:
        number: From 1.
        holder: Who made it.
        files: The run's other files: which object each is.
        database: Its database.
    """

    number: int
    holder: str
    files: Mapping[str, str]
    database: bytes = field(repr=False)

    @classmethod
    def last_of(cls, run: Store) -> Self | None:
        """The last step of a run; `None`: there is no such run.

        Raises:
            OSError: It can't be read.
        """
        names = run.names(_STEPS)
        if not names:
            return None
        told, _, database = run.get(f"{_STEPS}/{names[-1]}").partition(b"\n")
        return cls(number=int(names[-1]), database=zlib.decompress(database), **json.loads(told))

    def make_in(self, run: Store) -> bool:
        """Make it; `False`: there is another one of that number."""
        told = json.dumps({"holder": self.holder, "files": dict(self.files)})
        return run.make(f"{_STEPS}/{self.number:09}", told.encode() + b"\n" + zlib.compress(self.database, 1))

    def write(self, run: Store, folder: Path) -> None:
        """Make the run's folder of it.

        Raises:
            OSError: A file can't be read or written.
        """
        self.write_database(folder)
        for name, stored in self.files.items():
            run.download(f"{FILES}/{stored}", folder / name)

    def write_database(self, folder: Path) -> None:
        """Put the run's database alone into a folder.

        Raises:
            OSError: It can't be written.
        """
        (folder / FILE).write_bytes(self.database)


class Mirror:
    """A run's steps in a store, taken by the one who holds it.

    Attributes:
        is_lost: Another process has the run: none of its steps is this one's any more.
    """

    def __init__(self, run: Store, holder: str, held: Held, number: int, files: Mapping[str, str]) -> None:
        """One of `begun` and `taken` makes it."""
        self._run = run
        self._holder = holder
        self._held = held
        self._number = number
        self._files = dict(files)
        self.is_lost = False

    @classmethod
    def begun(cls, run: Store) -> Self:
        """A new run; it is one when its first step is made.

        Raises:
            OSError: The store can't be reached.
        """
        holder = secrets.token_hex(8)
        return cls(run, holder, Held(run, f"{_HELD}/{holder}"), 0, {})

    @classmethod
    def taken(cls, run: Store, folder: Path) -> Self:
        """A run that was begun earlier; its files are put into the folder.

        Raises:
            JournalInUse: A process is at it.
            OSError: It can't be read.
        """
        last = Step.last_of(run)
        if last is None:
            raise FileNotFoundError(f"there is no run in {run.url}")
        if is_held(run, f"{_HELD}/{last.holder}"):
            raise _in_use(run)
        mirror = cls.begun(run)
        try:
            mirror._number, mirror._files = last.number, dict(last.files)
            mirror.step(last.database)  # the same again, by which it is this one's
            last.write(run, folder)
        except BaseException:
            mirror.release()
            raise
        return mirror

    @property
    def name(self) -> str:
        """What the run is called among others."""
        return self._run.url.rpartition("/")[2]

    def put(self, path: Path) -> None:
        """Have a file, which is whole, be part of the next step.

        Raises:
            OSError: The store can't be reached.
        """
        stored = f"{secrets.token_hex(8)}-{path.name}"
        self._run.upload(path, f"{FILES}/{stored}")
        self._files[path.name] = stored

    def put_new(self, paths: Sequence[Path]) -> None:
        """The same with those of other names than those before."""
        for path in paths:
            if path.name not in self._files:
                self.put(path)

    def step(self, database: bytes) -> None:
        """Make a step: when this returns, whoever takes the run knows of it.

        Raises:
            JournalInUse: Another process has the run.
            OSError: The store can't be reached. Whether the step was made isn't known, so no further one is.
        """
        if self.is_lost:
            raise _in_use(self._run)
        step = Step(number=self._number + 1, holder=self._holder, files=self._files, database=database)
        self.is_lost = True  # until it is told otherwise
        if not step.make_in(self._run):
            raise _in_use(self._run)
        self.is_lost = False
        self._number += 1

    def release(self) -> None:
        """Let other processes have it."""
        self._held.release()


def _in_use(run: Store) -> JournalInUse:
    return JournalInUse(f"the run in {run.url} is being worked on by another process: wait for it")


def runs_in(store: Store) -> Sequence[str]:
    """The names of the runs in a store, in the order in which they were begun."""
    return [name for name in store.names() if store.names(f"{name}/{_STEPS}")]


def kept_in(folder: Path) -> list[Path]:
    """The files of a run's folder but for its database, its lock and what isn't whole."""
    left = (FILE, f"{FILE}-wal", f"{FILE}-shm", f"{FILE}-journal", "lock")
    return [path for path in sorted(folder.iterdir()) if path.name not in left and path.suffix != ".new"]


def is_idle(run: Store) -> bool:
    """Whether nobody is working on a run.

    Raises:
        OSError: The store can't be reached.
    """
    last = Step.last_of(run)
    return last is None or not is_held(run, f"{_HELD}/{last.holder}")
