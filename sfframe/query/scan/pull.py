"""Pull: a reading taken page by page from threads that Polars owns.

Downloads run on sfframe's loop, which never waits for Polars; what came is decoded in the calling thread, which waits
for nothing but the loop. So a pool of one thread is enough for any number of scans in a plan.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from typing import Any, Final, TypeVar

import polars as pl

from sfframe.bridge import LoopBlockedError, is_on_loop, loop_is_inside, run
from sfframe.org.org import Org
from sfframe.progress.events import ReadEvent
from sfframe.progress.listeners import Listener, nobody
from sfframe.query.pages.decode import BadPage
from sfframe.query.pages.page import Page
from sfframe.query.pages.route import ReadRequest
from sfframe.query.read import Reading

T = TypeVar("T")

# So many looks in a row, some ten a second, find the loop's thread inside Polars: it waits there for us.
_STUCK_AFTER: Final = 10
_ON_LOOP: Final = (
    "a scan was collected on sfframe's own event loop, which it needs itself and would wait for: collect in a thread, "
    "as in `await asyncio.to_thread(lf.collect)`."
)


def blocking(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on sfframe's loop from a thread of Polars', or from the one that called Polars.

    Raises:
        LoopBlockedError: The loop's own thread is the one that waits for Polars.
        KeyboardInterrupt: Ctrl-C.
    """
    if is_on_loop():
        coroutine.close()
        raise LoopBlockedError(_ON_LOOP)
    return run(coroutine, watch=_watch())


def _watch() -> Callable[[], None]:
    n_stuck = 0

    def watch() -> None:
        nonlocal n_stuck
        # A signal reaches the main thread alone, which waits in Polars: only a query sees that Ctrl-C was pressed. This
        # one takes no thread of the pool, not even in old Polars.
        pl.LazyFrame().collect(engine="in-memory")
        n_stuck = n_stuck + 1 if loop_is_inside("polars") else 0
        if n_stuck >= _STUCK_AFTER:
            raise LoopBlockedError(_ON_LOOP)

    return watch


class Pull(Iterator[pl.DataFrame]):
    """The typed frames of one statement, in order; no page and no frame is held between two of them.

    Whoever makes one closes it.

    Attributes:
        soql: The statement.
        reading: What is pulled.
    """

    def __init__(self, org: Org, request: ReadRequest, tell: Listener[ReadEvent] = nobody) -> None:
        self.soql: Final = request.soql
        self.reading: Final = Reading(org, request, tell=tell)
        self._first: Page | None = None

    def begin(self) -> None:
        """Ask for the first page: what the org refuses, it refuses here."""
        self._first = blocking(self._open())

    def __next__(self) -> pl.DataFrame:
        page, self._first = self._first, None
        if page is None:
            page = blocking(self.reading.next())
        if page is None:
            self.reading.done()
            raise StopIteration
        return self.reading.take(self._decoded(page))

    def close(self) -> None:
        """Stop; a job that still runs is aborted."""
        closing = self.reading.close()
        with suppress(RuntimeError):  # the loop is blocked, or gone: at the interpreter's end it closes all by itself
            blocking(closing)
        closing.close()

    async def _open(self) -> Page | None:
        await self.reading.open()
        return await self.reading.next()

    def _decoded(self, page: Page) -> pl.DataFrame:
        tries = 1
        while True:
            try:
                return page.decode(self.reading.columns)
            except BadPage as why:
                page = blocking(self.reading.again(page, why, tries))
            tries += 1
