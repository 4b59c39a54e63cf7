"""Disk: files that are there whole or not at all, and what was written is there also after a power loss."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def settle(path: Path) -> None:
    """Wait until the disk has a file's contents, or a folder's names."""
    if os.name == "nt" and path.is_dir():
        return  # folders can't be opened there, and need it not
    descriptor = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def replaced(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of the one at the path once it is whole; after an error nothing is left of it.

    Raises:
        OSError: No file can be made there.
    """
    place = path.resolve()  # what a link leads to, not the link
    if place.is_dir():
        raise IsADirectoryError(f"{str(path)!r} is a folder: a file's name is needed")
    if not place.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {str(place.parent)!r} for {place.name}: make it first")
    beside = place.with_name(f".{place.name}.{uuid.uuid4().hex[:12]}.part")
    try:
        file = beside.open("xb")
    except OSError as error:
        why = f"no file can be made in the folder {str(place.parent)!r} ({error.strerror})"
        raise type(error)(f"{why}: give {place.name!r} another place") from None
    try:
        with file:
            yield file
        beside.replace(place)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


class SpoolFolder:
    """A folder for its owner alone (0700), gone when the last one who holds this object is."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="sfframe-"))
        self._finalizer = weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)

    def discard(self) -> None:
        """Have it go now."""
        self._finalizer()

    def keep(self) -> None:
        """Have it stay: somebody else is to find it."""
        self._finalizer.detach()
