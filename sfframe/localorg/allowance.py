"""What may be used within 24 hours, and how much of it was (wire notes, 10)."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

_DAY = timedelta(hours=24)


class Allowance:
    """Counts what was used in the last 24 hours of the org's clock, to the second.

    Args:
        now: The org's clock.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._uses: deque[tuple[datetime, int]] = deque()
        self._used = 0

    def add(self, count: int = 1, at: datetime | None = None) -> None:
        """Count a use; now, or at a moment that is not before those counted already."""
        moment = (at or self._now()).replace(microsecond=0)
        with self._lock:
            if self._uses and self._uses[-1][0] == moment:
                moment, before = self._uses.pop()
                self._uses.append((moment, before + count))
            else:
                self._uses.append((moment, count))
            self._used += count

    @property
    def used(self) -> int:
        since = self._now() - _DAY
        with self._lock:
            while self._uses and self._uses[0][0] <= since:
                self._used -= self._uses.popleft()[1]
            return self._used

    def clear(self) -> None:
        with self._lock:
            self._uses.clear()
            self._used = 0
