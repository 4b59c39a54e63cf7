"""Store: objects under an address that all machines reach, each of which can be made once; by fsspec.

An object store has no locks. It can make an object that isn't there yet, and refuse a second one of that name; what has
to be one process's at a time is built on that.
"""

from __future__ import annotations

import itertools
import os
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from sfframe.errors import JournalError, JournalInUse

# Where of several that make an object at once one does, and the others are told so (their vendors' documents, and
# `mode="create"` of s3fs, gcsfs and adlfs).
_MAKES_ONCE: Final = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az"})
HOW: Final = (
    "give a folder that all workers reach, or an address of S3 (s3://), Google Cloud (gs://) or Azure (abfs://)"
)
_AGAIN: Final = " (once it can be reached, make the same call again: what was sent isn't sent again)"
_TRIES: Final = 4
_BETWEEN_S: Final = 0.2
_FREE: Final = b"free"
BEATS: Final = 6  # that may be missed until a holder counts as dead


@dataclass(frozen=True, slots=True)
class Store:
    """Objects under an address.

    What a storage library raises, whatever it is, is an `OSError` here.

    Attributes:
        url: The address; a login isn't in it, but where the storage's library looks for it.
        silent_s: Seconds that a holder may be silent until it counts as dead; see `Held`.
    """

    url: str
    silent_s: float = 30.0

    def below(self, name: str) -> Store:
        """The objects of a part of it."""
        return Store(f"{self.url}/{name}", self.silent_s)

    def get(self, name: str) -> bytes:
        """An object.

        Raises:
            FileNotFoundError: There is none.
        """
        with self._reached() as (fs, place):
            return bytes(fs.cat_file(f"{place}/{name}"))

    def put(self, name: str, data: bytes) -> None:
        """An object, in the place of the one that was there, whole or not at all."""
        with self._reached() as (fs, place):
            fs.pipe_file(f"{place}/{name}", data)

    def make(self, name: str, data: bytes) -> bool:
        """An object, if there is none: of several who ask for it at once, or after each other, one is told `True`.

        Args:
            name: Its name.
            data: What is in it: something that nobody else would write.
        """
        for tries in itertools.count(1):
            try:
                with self._reached() as (fs, place):
                    fs.pipe_file(f"{place}/{name}", data, mode="create")
                return True
            except FileExistsError:
                return self.get(name) == data  # ours: it was made, and its answer was lost on the way
            except OSError:
                if tries == _TRIES:
                    raise
            time.sleep(_BETWEEN_S * tries)
        raise AssertionError

    def exists(self, name: str) -> bool:
        """Whether there is such an object."""
        with self._reached() as (fs, place):
            return bool(fs.exists(f"{place}/{name}"))

    def remove(self, name: str) -> None:
        """Take an object away, if it is there."""
        with suppress(FileNotFoundError), self._reached() as (fs, place):
            fs.rm_file(f"{place}/{name}")

    def clear(self) -> None:
        """Take all objects away."""
        with suppress(FileNotFoundError), self._reached() as (fs, place):
            fs.rm(place, recursive=True)

    def names(self, name: str = "") -> list[str]:
        """What is below a name, or below the address: names of objects, and of what has objects below it."""
        with self._reached() as (fs, place):
            above = f"{place}/{name}".rstrip("/")
            try:
                found = fs.ls(above, detail=False)
            except FileNotFoundError:
                return []
            return sorted(str(one).rstrip("/").rpartition("/")[2] for one in found if str(one).rstrip("/") != above)

    def upload(self, path: Path, name: str) -> None:
        """A file as an object."""
        with self._reached() as (fs, place):
            fs.put_file(str(path), f"{place}/{name}")

    def download(self, name: str, path: Path) -> None:
        """An object as a file, which is there when all of it is."""
        beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
        with self._reached() as (fs, place):
            fs.get_file(f"{place}/{name}", str(beside))
        beside.rename(path)

    @property
    def is_known(self) -> bool:
        """Whether its kind is known to make an object once, of however many who ask for it at once."""
        return self.url.partition("://")[0] in _MAKES_ONCE

    def makes_once(self) -> bool:
        """Whether an object that is there isn't made again, which the library has to see to as well.

        Raises:
            OSError: It can't be reached, or there is no library for it.
        """
        name = f"made-once-{secrets.token_hex(8)}"
        found = [self.make(name, data) for data in (b"first", b"second")]
        self.remove(name)
        return found == [True, False]

    @contextmanager
    def _reached(self) -> Iterator[tuple[Any, str]]:
        try:
            yield _reached(self.url, os.getpid())
        except (FileExistsError, FileNotFoundError):
            raise
        except Exception as error:
            raise OSError(f"{self.url}: {type(error).__name__}: {error}{_AGAIN}") from error


@lru_cache(maxsize=256)
def _reached(url: str, process: int) -> tuple[Any, str]:
    """The file system of an address, and the place in it; a process that was forked has its own."""
    del process
    import fsspec  # it takes a while, and is there where an engine is

    fs, place = fsspec.url_to_fs(url, use_listings_cache=False)  # others write there
    return fs, str(place).rstrip("/")


class Held:
    """That somebody has something in a store: an object that changes while he is alive.

    Whether he has it alone isn't told by this, but by an object that was made once. This tells others when to stop
    waiting; one who was silent and lives finds out when he makes the next object, which is there then.
    """

    def __init__(self, store: Store, name: str) -> None:
        self._is_over = threading.Event()
        store.put(name, b"0")
        beats = (store, name, self._is_over)
        self._beating = threading.Thread(target=_beat, args=beats, name="sfframe-held", daemon=True)
        self._beating.start()

    def release(self) -> None:
        """Let others have it at once."""
        self._is_over.set()
        self._beating.join()

    def __del__(self) -> None:
        # One who was interrupted leaves it to nobody; and it isn't waited for here.
        self._is_over.set()


def _beat(store: Store, name: str, is_over: threading.Event) -> None:
    for beat in itertools.count(1):
        is_last = is_over.wait(store.silent_s / BEATS)
        with suppress(OSError):  # where the last one fails, others wait until it counts as dead
            store.put(name, _FREE if is_last else b"%d" % beat)
        if is_last:
            return


_seen: Final[dict[tuple[str, str], tuple[bytes, float]]] = {}
_seeing: Final = threading.Lock()


def is_held(store: Store, name: str) -> bool:
    """Whether somebody has it still; one who didn't change for long, as this process saw it, has it no more."""
    try:
        beat = store.get(name)
    except FileNotFoundError:
        beat = b""  # not yet, or never
    where, now = (store.url, name), time.monotonic()
    with _seeing:
        if beat == _FREE:
            _seen.pop(where, None)
            return False
        known = _seen.get(where)
        if known is None or known[0] != beat:
            _seen[where] = (beat, now)
            return True
        if now - known[1] <= store.silent_s:
            return True
        del _seen[where]
        return False


class Lease:
    """A name in a store that one has at a time, as long as he is alive; no more is promised of one who was silent."""

    def __init__(self, store: Store, name: str) -> None:
        """Take it.

        Raises:
            JournalInUse: Somebody has it.
            JournalError: The store can't be reached.
        """
        try:
            taken = store.names(name)
            if taken and is_held(store, f"{name}-held/{store.get(f'{name}/{taken[-1]}').decode()}"):
                raise _in_use(store, name)
            holder = secrets.token_hex(8)
            held = Held(store, f"{name}-held/{holder}")
            try:
                if not store.make(f"{name}/{len(taken) + 1:09}", holder.encode()):
                    raise _in_use(store, name)
            except BaseException:
                held.release()
                raise
        except OSError as error:
            raise JournalError(f"{name} can't be had in {store.url}: {error}") from error
        self._store, self._name, self._holder = store, name, holder
        self._held = held

    @property
    def is_lost(self) -> bool:
        """Whether somebody else has taken it, who took this one for dead.

        Raises:
            JournalError: That can't be seen.
        """
        try:
            last = self._store.names(self._name)[-1]
            return self._store.get(f"{self._name}/{last}") != self._holder.encode()
        except (OSError, IndexError) as error:
            raise JournalError(f"who has {self._name} in {self._store.url} can't be seen: {error}") from error

    def release(self) -> None:
        """Let others have it."""
        self._held.release()


def _in_use(store: Store, name: str) -> JournalInUse:
    return JournalInUse(f"{store.url}/{name} is being worked on, by another process or another call of this one: wait")
