"""Locked: a folder that one process at a time works in; the lock goes with the process, however that ends."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Final

from sfframe.errors import JournalError, JournalInUse

_BETWEEN_S: Final = 0.02


class Locked:
    """A folder, locked until `release`."""

    def __init__(self, folder: Path, *, wait_s: float = 0.0) -> None:
        """Lock it.

        Args:
            folder: The folder.
            wait_s: Seconds to wait where somebody else has it.

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
            _lock_within(descriptor, wait_s)
        except OSError as error:
            os.close(descriptor)
            raise JournalInUse(
                f"the folder {folder} is being worked on, by another process or another call of this one: wait for it"
            ) from error
        self._descriptor = descriptor

    def __del__(self) -> None:
        # A thread may get the lock when the call that asked for it has been interrupted, and nobody is left to have it.
        if getattr(self, "_descriptor", None) is not None:
            self.release()

    @property
    def is_lost(self) -> bool:
        """Whether somebody else has it: never, as long as this process lives."""
        return False

    def release(self) -> None:
        """Unlock it."""
        if self._descriptor is not None:
            os.close(self._descriptor)  # which unlocks it
            self._descriptor = None


def _lock_within(descriptor: int, wait_s: float) -> None:
    ends_at = time.monotonic() + wait_s
    while True:
        try:
            return _lock(descriptor)
        except OSError:
            if time.monotonic() >= ends_at:
                raise
        time.sleep(_BETWEEN_S)


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
