"""Pace: how fast something goes, and when it will be done. Pure: the time is given, in seconds by any clock."""

from __future__ import annotations

from collections import deque
from typing import Final

_LEAST_SHARE: Final = 0.01  # of the whole that has to be done before a guess at the rest is told
_LEAST_S: Final = 2.0  # and for how long


class Flow:
    """Bytes per second of late, from a total that grows."""

    def __init__(self, window_s: float = 5.0, least_s: float = 0.25) -> None:
        """Nothing has come yet.

        Args:
            window_s: How far back it looks.
            least_s: A shorter time tells nothing.
        """
        self._window_s = window_s
        self._least_s = least_s
        self._seen: deque[tuple[float, int]] = deque()

    def at(self, now: float, total: int) -> None:
        """It is so much by now; the first time says when it began."""
        self._seen.append((now, total))
        # One that is older than the window stays, as where the window begins.
        while len(self._seen) > 2 and self._seen[1][0] <= now - self._window_s:
            self._seen.popleft()

    def per_s(self, now: float) -> float | None:
        """The rate; `None` while there is none to tell, and when nothing came for as long as the window is."""
        if len(self._seen) < 2 or self._seen[-1][0] < now - self._window_s:
            return None
        (first_s, first), (_, last) = self._seen[0], self._seen[-1]
        began_s = max(first_s, now - self._window_s)
        return (last - first) / (now - began_s) if last > first and now - began_s >= self._least_s else None


class Remaining:
    """Seconds to the end, by the mean pace since the beginning, counted down between two signs of progress.

    Nothing is told before a hundredth is done and two seconds have passed, nor once the guess is used up: whoever waits
    longer than was said waits for something that nobody knows.
    """

    def __init__(self, began: float) -> None:
        """Nothing is done yet."""
        self._began = self._last = began
        self._done = 0

    def at(self, now: float, done: int) -> None:
        """So much is done by now. Less than before is no sign of progress: something is done again."""
        if done > self._done:
            self._last = now
        self._done = done

    def seconds(self, now: float, total: int) -> float | None:
        """How long the rest of so much will take."""
        took = self._last - self._began
        if took < _LEAST_S or self._done < max(1, total * _LEAST_SHARE) or self._done >= total:
            return None
        left = (total - self._done) * took / self._done - (now - self._last)
        return left if left >= 1 else None
