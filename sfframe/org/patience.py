"""Patience: how long one request may take without getting on. No HTTP library.

aiohttp counts from the last byte that came, whatever it was. A head without an end, ever more answers of the kind
`100 Continue`, or a byte a minute would be waited for as long as they come.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final, Self

# What one expects of the slowest network. Who sends less is as good as silent, and would never be done.
_LEAST_PER_S: Final = 100.0


class Patience:
    """A limit to the time between two signs of progress: a piece of the request sent, a piece of the body received."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._limit = asyncio.timeout(None)
        self._is_over = False
        self._begun_s: float | None = None
        self._n_bytes = 0

    def sent(self) -> None:
        """Begin to wait anew, for the first piece of a body or for more of the request to be taken."""
        # The task that sends may outlive the wait, where the answer comes before all was sent.
        if not self._is_over and not self._limit.expired():
            self._limit.reschedule(asyncio.get_running_loop().time() + self._seconds)

    def received(self, n_bytes: int) -> None:
        """Begin to wait anew, for the next piece of a body.

        Raises:
            TimeoutError: They come too slowly.
        """
        self.sent()
        now_s = asyncio.get_running_loop().time()
        if self._begun_s is None:
            self._begun_s = now_s
        self._n_bytes += n_bytes
        if now_s - self._begun_s >= self._seconds:
            if self._n_bytes < self._seconds * _LEAST_PER_S:
                raise TimeoutError
            self._begun_s, self._n_bytes = now_s, 0

    async def __aenter__(self) -> Self:
        await self._limit.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_over = True
        await self._limit.__aexit__(kind, error, traceback)
