"""A simulated org and its clock, for loads that would take hours; and what this process holds."""

from __future__ import annotations

import gc
import os
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sfframe
from tests.chaos.faults import LOGIN
from tests.chaos.loop import SimulatedLoop
from tests.chaos.org import Habits, SmallOrg
from tests.chaos.server import CLIENT_ID, SECRET, Door

_STATM = Path("/proc/self/statm")


@dataclass(frozen=True)
class World:
    """Where loads are tried.

    Attributes:
        loop: The loop, whose time passes by itself.
        small: The org.
        door: Its door.
        org: The client's.
        folder: A place for files.
    """

    loop: SimulatedLoop
    small: SmallOrg
    door: Door
    org: sfframe.Org
    folder: Path


@dataclass(frozen=True)
class Held:
    """What this process has.

    Attributes:
        memory_mb: Memory, as the system counts it.
        files: Files and sockets.
        threads: Threads.
    """

    memory_mb: float
    files: int
    threads: int

    @classmethod
    def now(cls) -> Held:
        """At this moment, without garbage."""
        gc.collect()
        resident = int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
        return cls(resident / 1e6, len(os.listdir("/proc/self/fd")), threading.active_count())  # noqa: PTH208


def simulated(story: Callable[[World], Coroutine[Any, Any, Any]], habits: Habits | None = None) -> Any:
    """Let something happen in a world of its own; gives what it gives."""
    loop = SimulatedLoop(0)
    try:
        with tempfile.TemporaryDirectory() as folder:
            return loop.run_until_complete(_told(story, loop, habits or Habits(), Path(folder)))
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


async def _told(
    story: Callable[[World], Coroutine[Any, Any, Any]], loop: SimulatedLoop, habits: Habits, folder: Path
) -> Any:
    async with _world(loop, habits, folder) as world:
        return await story(world)


@asynccontextmanager
async def _world(loop: SimulatedLoop, habits: Habits, folder: Path) -> AsyncIterator[World]:
    small = SmallOrg(loop.time, loop.call_later, habits, 0)
    door = Door(small, loop, 0)
    async with door.open(folder):
        org = sfframe.Org(LOGIN, sfframe.ClientCredentials(CLIENT_ID, SECRET))
        try:
            yield World(loop, small, door, org, folder)
        finally:
            await org.aclose()
