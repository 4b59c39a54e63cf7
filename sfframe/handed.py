"""Handed: what was prepared of a partition, from who looked at it to who sends it, where both are one process.

So its rows needn't be read again. They are on the disk in any case: whoever doesn't find them here reads them there.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Final

from sfframe.prepare import Prepared

MOST_BYTES: Final = 256 << 20  # of all that waits to be sent


@dataclass(frozen=True, eq=False, slots=True)
class _Waiting:
    prepared: Prepared
    n_bytes: int


class Handed:
    """Partitions of one call that wait to be sent; of an earlier call nothing stays. Any thread may use it.

    Args:
        most_bytes: Of all of them together; what doesn't fit isn't taken.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._call = ""
        self._waiting: dict[str, _Waiting] = {}
        self._lock = threading.Lock()

    def begin(self, call: str) -> None:
        """Forget what is of another call."""
        with self._lock:
            if call != self._call:
                self._call = call
                self._waiting.clear()

    def put(self, call: str, run: str, prepared: Prepared) -> None:
        """Leave what was prepared for a run, whose rows are kept."""
        n_bytes = _size_of(prepared)
        with self._lock:
            taken = sum(one.n_bytes for one in self._waiting.values())
            if call == self._call and taken + n_bytes <= self._most_bytes:
                self._waiting[run] = _Waiting(prepared, n_bytes)

    def take(self, call: str, run: str) -> Prepared | None:
        """What was prepared for a run, once; `None`: it isn't here."""
        with self._lock:
            found = self._waiting.pop(run, None) if call == self._call else None  # another's runs have the same names
        return found.prepared if found is not None else None


def _size_of(prepared: Prepared) -> int:
    """About: the engine's columns, and as much again for the caller's; a stream's rows are in files."""
    if prepared.rows is None or prepared.source.is_stream:
        return 0
    return 2 * int(prepared.rows.slice(0, prepared.rows.n).estimated_size())
