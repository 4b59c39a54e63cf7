"""Locked: a folder that one process at a time works in; the lock goes with the process, however that ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from sfframe.errors import JournalError, JournalInUse


class Locked:
    """A folder, locked until `release`."""

    def __init__(self, folder: Path) -> None:
        """Lock it.

        Raises:
            JournalInUse: It is.
            JournalError: It can't be.
        """
        self._descriptor: int | None = None
        try:
            descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        except OSError as error:
            raise JournalError(f"no file can be made in {folder}: {error}") from error
        try:
            _lock(descriptor)
        except OSError as error:
            os.close(descriptor)
            raise JournalInUse(
                f"the run in {folder} is being worked on, by another process or another call of this one: wait for it"
            ) from error
        self._descriptor = descriptor

    def release(self) -> None:
        """Unlock it."""
        if self._descriptor is not None:
            os.close(self._descriptor)  # which unlocks it
            self._descriptor = None


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
