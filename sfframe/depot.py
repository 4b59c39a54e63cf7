"""Depot: where a call over many machines keeps what all of them need: a folder that they share, or objects in a store.

What is in it is named by where it is, with slashes. A run is worked on in a folder of the file system all the same: the
shared one, or one of this process, whose steps and files are in the store too.
"""

from __future__ import annotations

import os
import shutil
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, Protocol, Self, TypeVar

from sfframe.disk import SpoolFolder, replaced, settle
from sfframe.errors import JournalError, JournalInUse
from sfframe.ingest import mirror, storage, store
from sfframe.ingest.journal import Journal
from sfframe.ingest.locked import Locked
from sfframe.ingest.mirror import FILES, Step
from sfframe.ingest.request import IngestRequest
from sfframe.ingest.run_file import told
from sfframe.ingest.slots import Slot
from sfframe.ingest.store import Lease, Store
from sfframe.runs import RunFolder, StoredRunFolder, runs_in

T = TypeVar("T")

SILENT_S: Final = 30.0
_LOOKS_AT_FOLDERS_S: Final = 0.1
_LOOKS_AT_STORES_S: Final = 1.0
_TRUST: Final = (
    "If you know that they hold, say so: by Dask's config sfframe.trust-storage, or Spark's option trustStorage."
)


class Released(Slot, Protocol):
    """What one process has at a time, and may have lost."""

    @property
    def is_lost(self) -> bool:
        """Whether another one has it by now, which took this one for dead."""


class Depot(ABC):
    """Where a call keeps what all its machines need.

    Attributes:
        looks_s: Seconds between two looks for what others change.
        has_folders: Whether a run's folder stays where it was begun.
        dead_s: Seconds after which it is seen that a process died which had something.
    """

    looks_s: float
    has_folders: bool

    @property
    @abstractmethod
    def dead_s(self) -> float: ...

    @abstractmethod
    def __str__(self) -> str:
        """Its address."""

    @abstractmethod
    def below(self, name: str) -> Self:
        """A part of it."""

    @abstractmethod
    def names(self) -> list[str]:
        """What is directly below it, in order."""

    @abstractmethod
    def read(self, name: str) -> bytes:
        """A small file.

        Raises:
            FileNotFoundError: There is none.
        """

    @abstractmethod
    def write(self, name: str, data: bytes) -> None:
        """A small file, in the place of the one that was there: whole, and not to be lost, when this returns."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Take a small file away, if it is there."""

    @abstractmethod
    def exists(self, name: str) -> bool:
        """Whether there is such a file."""

    @abstractmethod
    def taken(self, name: str = "") -> Released:
        """A name, or all of it, that one process has at a time, until it is released, or the process dies.

        Raises:
            JournalInUse: Another one has it.
            JournalError: It can't be had.
        """

    def taken_within(self, name: str, wait_s: float) -> Released:
        """The same as soon as it is free, if that is within some seconds."""
        return within(lambda: self.taken(name), wait_s, self.looks_s)

    @abstractmethod
    def check(self, *, is_trusted: bool) -> None:
        """See that this machine reaches it, and that no two processes get there what one has at a time.

        Raises:
            JournalError: It doesn't, or they may.
        """

    @abstractmethod
    def clear(self) -> None:
        """Take all of it away, as far as that can be done."""

    # --- runs ---------------------------------------------------------------------------------------------------------

    @abstractmethod
    def beginning(self, partition: str, request: IngestRequest) -> AbstractContextManager[RunFolder]:
        """A folder for a run of a partition, beside those that there are; it goes if it doesn't become one.

        Raises:
            JournalError: It can't be made.
        """

    @abstractmethod
    def runs(self, partition: str) -> list[str]:
        """The runs of a partition, in the order in which they were begun."""

    @abstractmethod
    def is_idle(self, run: str) -> bool:
        """Whether nobody is working on a run."""

    @abstractmethod
    def opened(self, run: str) -> Journal:
        """The journal of a run, for this process alone; whoever asks for it closes it.

        Raises:
            JournalInUse: Another process is at it.
            JournalError: It can't be read.
        """

    @abstractmethod
    def seen(self, run: str) -> AbstractContextManager[Path]:
        """A run's folder, to be read; somebody may be working on it.

        Raises:
            JournalError: It can't be read.
        """

    @abstractmethod
    def database(self, run: str) -> AbstractContextManager[tuple[Path, Mapping[str, str]]]:
        """A folder with a run's database, to be read, and what `reading` calls the run's files, by their names there.

        Raises:
            JournalError: It can't be read.
        """

    # --- other files of partitions ------------------------------------------------------------------------------------

    @abstractmethod
    def writing(self, name: str) -> AbstractContextManager[Path]:
        """A file that is to be written: all reach it once the block is left. None of its name was there."""

    @abstractmethod
    def reading(self, name: str) -> AbstractContextManager[Path]:
        """A file that was written."""


@dataclass(frozen=True, slots=True)
class FolderDepot(Depot):
    """A folder that all machines reach under the same path.

    Attributes:
        folder: The folder.
    """

    folder: Path
    looks_s = _LOOKS_AT_FOLDERS_S
    has_folders = True
    dead_s = 0.0

    def __str__(self) -> str:
        return str(self.folder)

    def below(self, name: str) -> FolderDepot:
        return FolderDepot(self.folder / name)

    def names(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir()) if self.folder.exists() else []

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def write(self, name: str, data: bytes) -> None:
        path = self.folder / name
        if not path.parent.is_dir():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            settle(path.parent.parent)  # or a power loss might leave no trace of it
        with replaced(path) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        settle(path.parent)

    def remove(self, name: str) -> None:
        (self.folder / name).unlink(missing_ok=True)

    def exists(self, name: str) -> bool:
        return (self.folder / name).exists()

    def taken(self, name: str = "") -> Released:
        folder = self.folder / name
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise JournalError(f"no folder can be made in {self.folder}: {error}") from error
        return Locked(folder)

    def check(self, *, is_trusted: bool) -> None:
        if not self.folder.is_dir():
            raise JournalError(
                f"{socket.gethostname()} doesn't have the folder {self.folder} of this call, so nothing was sent: "
                "give journal= a folder that all workers reach under the same path"
            )
        why = None if is_trusted else _why_folder_is_unsafe(self.folder)
        if why is not None:
            raise JournalError(
                f"{socket.gethostname()} can't lock {self.folder} for all machines ({why}), by which each row is sent "
                f"once, so nothing was sent: {storage.HOW}. {_TRUST}"
            )

    @contextmanager
    def beginning(self, partition: str, request: IngestRequest) -> Iterator[RunFolder]:
        folder = RunFolder.made(self.folder / partition, request)
        try:
            yield folder
        finally:
            folder.discard()

    def clear(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def runs(self, partition: str) -> list[str]:
        folder = self.folder / partition
        return [f"{partition}/{path.name}" for path in runs_in(folder)] if folder.exists() else []

    def is_idle(self, run: str) -> bool:
        try:
            Locked(self.folder / run).release()
        except JournalInUse:
            return False
        return True

    def opened(self, run: str) -> Journal:
        return Journal.open(self.folder / run)

    @contextmanager
    def seen(self, run: str) -> Iterator[Path]:
        yield self.folder / run

    @contextmanager
    def database(self, run: str) -> Iterator[tuple[Path, Mapping[str, str]]]:
        folder = self.folder / run
        with told(str(folder)):
            files = {path.name: f"{run}/{path.name}" for path in folder.iterdir()}
        yield folder, files

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        path = self.folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        yield path
        settle(path)

    @contextmanager
    def reading(self, name: str) -> Iterator[Path]:
        yield self.folder / name


@dataclass(frozen=True, slots=True)
class StoreDepot(Depot):
    """Objects in a store.

    Attributes:
        store: The store.
    """

    store: Store
    looks_s = _LOOKS_AT_STORES_S
    has_folders = False

    @property
    def dead_s(self) -> float:
        return 1.5 * self.store.silent_s

    def __str__(self) -> str:
        return self.store.url

    def below(self, name: str) -> StoreDepot:
        return StoreDepot(self.store.below(name))

    def names(self) -> list[str]:
        return self.store.names()

    def read(self, name: str) -> bytes:
        return self.store.get(name)

    def write(self, name: str, data: bytes) -> None:
        self.store.put(name, data)

    def remove(self, name: str) -> None:
        self.store.remove(name)

    def exists(self, name: str) -> bool:
        return self.store.exists(name)

    def taken(self, name: str = "") -> Released:
        return Lease(self.store, name or "lock")

    def check(self, *, is_trusted: bool) -> None:
        try:
            makes_once = _makes_once(self.store)
        except OSError as error:
            host = socket.gethostname()
            raise JournalError(f"{host} can't keep runs in {self}, so nothing was sent: {error}") from error
        why = f"whether {self.store.url.partition('://')[0]}:// makes an object once isn't known"
        if not makes_once:
            why = "an object there can be made twice, with the library that is installed"
        elif self.store.is_known or is_trusted:
            return
        raise JournalError(
            f"{socket.gethostname()} can't rely on {self} ({why}), by which each row is sent once, so nothing was "
            f"sent: {store.HOW}." + (f" {_TRUST}" if makes_once else "")
        )

    @contextmanager
    def beginning(self, partition: str, request: IngestRequest) -> Iterator[RunFolder]:
        del request
        below = self.store.below(partition)
        with _scratch() as folder:
            with told(below.url):
                for name in mirror.runs_in(below):
                    last = Step.last_of(below.below(name))
                    assert last is not None
                    (folder / name).mkdir(mode=0o700)
                    last.write_database(folder / name)
            yield StoredRunFolder.beside(folder, below)

    def clear(self) -> None:
        with suppress(OSError):
            self.store.clear()

    def runs(self, partition: str) -> list[str]:
        with told(str(self)):
            return [f"{partition}/{name}" for name in mirror.runs_in(self.store.below(partition))]

    def is_idle(self, run: str) -> bool:
        with told(str(self)):
            return mirror.is_idle(self.store.below(run))

    def opened(self, run: str) -> Journal:
        return Journal.taken(self.store.below(run))

    @contextmanager
    def seen(self, run: str) -> Iterator[Path]:
        with self._last_step(run) as (last, folder):
            with told(str(self)):
                last.write(self.store.below(run), folder)
            yield folder

    @contextmanager
    def database(self, run: str) -> Iterator[tuple[Path, Mapping[str, str]]]:
        with self._last_step(run) as (last, folder):
            with told(str(self)):
                last.write_database(folder)
            yield folder, {name: f"{run}/{FILES}/{stored}" for name, stored in last.files.items()}

    @contextmanager
    def _last_step(self, run: str) -> Iterator[tuple[Step, Path]]:
        """That of a run, and a folder for it."""
        stored = self.store.below(run)
        with told(stored.url):
            last = Step.last_of(stored)
        if last is None:
            raise JournalError(f"there is no run in {stored.url}")
        with _scratch() as folder:
            yield last, folder

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        with _scratch() as folder:
            path = folder / name.rpartition("/")[2]
            yield path
            self.store.upload(path, name)

    @contextmanager
    def reading(self, name: str) -> Iterator[Path]:
        with _scratch() as folder:
            path = folder / name.rpartition("/")[2]
            self.store.download(name, path)
            yield path


@contextmanager
def _scratch() -> Iterator[Path]:
    folder = SpoolFolder()
    try:
        yield folder.path
    finally:
        folder.discard()


def within(take: Callable[[], T], wait_s: float, looks_s: float) -> T:
    """What somebody else may have as yet, as soon as it is free, if that is within some seconds."""
    ends_at = time.monotonic() + wait_s
    while True:
        try:
            return take()
        except JournalInUse:
            if time.monotonic() >= ends_at:
                raise
        time.sleep(looks_s)


def depot_of(journal: Path | str, *, silent_s: float | None = None) -> Depot:
    """What is at a path, or at the address of a store.

    Args:
        journal: The path, whose folder is made if it isn't there, or the address.
        silent_s: Seconds after which one who has something in a store, and is silent, counts as dead: 30, if not said.

    Raises:
        JournalError: There can't be a folder.
    """
    if isinstance(journal, str):
        return StoreDepot(Store(journal, SILENT_S if silent_s is None else silent_s))
    try:
        journal.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise JournalError(f"no call can be recorded in {journal}: {error}") from error
    return FolderDepot(journal)


# For each partition again.
_why_folder_is_unsafe = lru_cache(maxsize=64)(storage.why_unsafe)
_makes_once = lru_cache(maxsize=64)(Store.makes_once)
