"""Ahead: pages decoded before somebody asks for their rows, in order, and two at once where that is worth a thread."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

from sfframe.query.pages.page import Page

T = TypeVar("T")

_AT_ONCE: Final = 2  # each is a page in memory, as text and as values
_LARGE: Final = 1_000_000  # bytes of CSV: smaller pages are decoded faster than a thread is woken


class Ahead(Generic[T]):
    """What pages are decoded to, one after the other; the calls are made one at a time.

    Pages are asked for when somebody waits for rows. The one after a large page is asked for, and decoded, as soon as
    that page came: CSV is decoded without Python's lock, so a second thread takes half of the time away.
    """

    def __init__(self, page: Callable[[], Awaitable[Page | None]], decode: Callable[[Page], Awaitable[T]]) -> None:
        """Nothing is asked for yet.

        Args:
            page: Gives the next page, `None` after the last one; called by one task at a time.
            decode: Makes rows of it.
        """
        self._page = page
        self._decode = decode
        self._begun: deque[asyncio.Task[T | None]] = deque()
        self._is_worth_another = False

    async def next(self) -> T | None:
        """The rows of the next page; `None` after the last one. A call that is cancelled leaves them to the next one.

        Raises:
            Whatever was raised for the page, in this call and in each later one: no rows come after it.
        """
        if not self._begun:
            self._begin()
        head = self._begun[0]
        await asyncio.wait({head})  # not awaited: who is cancelled mustn't cancel it
        if head.cancelled() or head.exception() is not None:
            await self._leave(after=1)
        elif self._begun:  # else it was closed meanwhile
            self._begun.popleft()
            if self._is_worth_another:
                self._begin()
        return head.result()

    async def close(self) -> None:
        """Leave what was begun."""
        await self._leave(after=0)

    async def _leave(self, *, after: int) -> None:
        begun = [self._begun.pop() for _ in range(len(self._begun) - after)]
        for task in begun:
            task.cancel()
        await asyncio.gather(*begun, return_exceptions=True)

    def _begin(self) -> None:
        self._is_worth_another = False
        self._begun.append(asyncio.get_running_loop().create_task(self._one()))

    async def _one(self) -> T | None:
        page = await self._page()
        if page is None:
            return None
        # Only now: a page is asked for when the one before is here.
        self._is_worth_another = isinstance(page.content, bytes) and len(page.content) >= _LARGE
        if self._is_worth_another and len(self._begun) < _AT_ONCE:
            self._begin()
        return await self._decode(page)
