"""Frames: those of a read, one at a time, as they are asked for; however it ends, nothing is left running."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import polars as pl

from sfframe.bridge import in_thread, interrupt_in
from sfframe.query.decode import empty_frame
from sfframe.query.options import Asked

FrameT = TypeVar("FrameT")


async def pulled(asked: Asked, to_frame: Callable[[pl.DataFrame], FrameT]) -> AsyncGenerator[FrameT, None]:
    """Frames in the order of the rows.

    Closed early, it stops the downloads and aborts a job that still runs; when the time is up, the job is left running.

    Args:
        asked: The read.
        to_frame: Makes what is given of a Polars frame; runs in a worker thread.

    Yields:
        At least one frame; an empty one only if there is no row at all.

    Raises:
        JobTimeout: The org took longer, all waits taken together, than the call's timeout.
        KeyboardInterrupt: Ctrl-C reached a worker thread.
    """
    reading, patience = asked.reading, _Patience(asked.timeout)
    keeps_job = False
    try:
        async with patience.spent():
            await reading.open()
        one: list[FrameT] = []  # where it isn't held while somebody else works on it
        rows = reading.frames()
        n_given = 0
        while await _fill(one, rows, patience, to_frame):
            n_given += 1
            yield one.pop()
        if not n_given:
            yield to_frame(empty_frame(reading.columns))
    except _TimeIsUp:
        keeps_job = True
        raise reading.timed_out(asked.timeout) from None
    finally:
        await reading.close(abort=not keeps_job)


async def _fill(
    one: list[FrameT],
    frames: AsyncIterator[pl.DataFrame],
    patience: _Patience,
    to_frame: Callable[[pl.DataFrame], FrameT],
) -> bool:
    """Put the next frame that has rows into the list, if there is one."""
    with ctrl_c():
        while True:
            async with patience.spent():
                frame = await anext(frames, None)
            if frame is None:
                return False
            if frame.height:
                one.append(await in_thread(to_frame, frame))
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


async def finished(awaitable: Any) -> Any:
    """Wait for something that can't be broken off: when cancelled, not before it is done."""
    task = asyncio.ensure_future(awaitable)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
