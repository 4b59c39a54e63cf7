"""How many records the org has ever made: their ids and auto-numbers go on from there."""

from __future__ import annotations

import threading

from sfframe.localorg.data.store import Store

_KEY = "next_record"
FIRST = 62**4 * 10
# So many numbers are taken down as given before they are: an org that was killed leaves a gap, and gives none twice.
_AHEAD = 10_000


class Counter:
    """Gives numbers to new records, to those that fail too."""

    def __init__(self, store: Store) -> None:
        self._store, self._lock = store, threading.Lock()
        self._next = self._kept = int(store.setting(_KEY, lambda: str(FIRST)))

    def take(self, count: int) -> int:
        """The first of so many numbers that nobody else gets."""
        with self._lock:
            first = self._next
            self._next += count
            if self._next > self._kept:
                self._keep(self._next + _AHEAD)
            return first

    def close(self) -> None:
        """Leave no gap."""
        with self._lock:
            self._keep(self._next)

    def _keep(self, number: int) -> None:
        if number != self._kept:
            self._store.set_setting(_KEY, str(number))
            self._kept = number
