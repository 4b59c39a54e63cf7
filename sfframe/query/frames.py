"""Frames: those of a read, one at a time, as they are asked for; however it ends, nothing is left running."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar

from sfframe.bridge import in_thread, interrupt_in, run, tidy
from sfframe.progress.events import QueryFinished, QueryStarted
from sfframe.query.form import Form, RowsT
from sfframe.query.options import Asked
from sfframe.query.pages.decode import empty_frame
from sfframe.query.read import Reading

FrameT = TypeVar("FrameT")


async def pulled(asked: Asked, form: Form[RowsT], to_frame: Callable[[RowsT], FrameT]) -> AsyncGenerator[FrameT, None]:
    """Frames in the order of the rows.

    Closed early, it stops the downloads and aborts a job that still runs; when the time is up, the job is left running.

    Args:
        asked: The read.
        form: What the rows of a page are decoded to.
        to_frame: Makes what is given of that; runs in a worker thread.

    Yields:
        At least one frame; an empty one only if there is no row at all.

    Raises:
        JobTimeout: The org took longer, all waits taken together, than the call's timeout.
        KeyboardInterrupt: Ctrl-C reached a worker thread.
    """
    reading, patience, tell = asked.reading, _Patience(asked.timeout), asked.tell
    keeps_job = False
    tell(QueryStarted(host=reading.host, sobject=reading.statement.sobject if reading.statement else None))
    try:
        async with patience.spent():
            await reading.open()
        one: list[FrameT] = []  # where it isn't held while somebody else works on it
        is_empty = True
        while await _fill(one, reading, patience, form, to_frame):
            is_empty = False
            yield one.pop()
        if is_empty:
            yield to_frame(form.of(empty_frame(reading.columns)))
        tell(QueryFinished(rows=reading.n_rows))
    except _TimeIsUp:
        keeps_job = True
        error = reading.timed_out(asked.timeout)
        tell.stopped(error)
        raise error from None
    except GeneratorExit:  # nobody wants more
        tell(QueryFinished(rows=reading.n_rows))
        raise
    except BaseException as error:
        tell.stopped(error)
        raise
    finally:
        await reading.close(abort=not keeps_job)


def in_turn(frames: AsyncGenerator[FrameT, None]) -> Generator[FrameT, None, None]:
    """The same frames to a caller without a loop; left early, they are closed."""
    one: list[FrameT] = []
    try:
        while (frame := run(_next(frames))) is not None:
            one.append(frame)
            del frame
            yield one.pop()
    finally:
        tidy(frames.aclose)


async def _next(frames: AsyncGenerator[FrameT, None]) -> FrameT | None:
    return await anext(frames, None)


async def _fill(
    one: list[FrameT],
    reading: Reading,
    patience: _Patience,
    form: Form[RowsT],
    to_frame: Callable[[RowsT], FrameT],
) -> bool:
    """Put the next frame that has rows into the list, if there is one."""
    with ctrl_c():
        while True:
            async with patience.spent():
                rows = await reading.next_rows(form)
            if rows is None:
                return False
            if len(rows):
                one.append(await in_thread(to_frame, rows))
                return True


class _TimeIsUp(Exception):  # noqa: N818  # a finding; the caller gets a JobTimeout
    """The patience is spent."""


class _Patience:
    """Seconds that several waits share. A timeout of asyncio must not be open while a generator is left."""

    def __init__(self, seconds: float | None) -> None:
        self._left_s = seconds

    @asynccontextmanager
    async def spent(self) -> AsyncIterator[None]:
        clock = asyncio.get_running_loop().time
        began = clock()
        limit = asyncio.timeout(self._left_s)
        try:
            async with limit:
                yield
        except TimeoutError:
            if limit.expired():
                raise _TimeIsUp from None
            raise
        finally:
            if self._left_s is not None:
                self._left_s -= clock() - began


@contextmanager
def ctrl_c() -> Iterator[None]:
    """Ctrl-C that reached a worker thread comes out as what it is."""
    try:
        yield
    except BaseException as error:
        if interrupt_in(error):
            raise KeyboardInterrupt from None
        raise
