"""The loads: each gives what it saw, and fails where something was lost, doubled, left open, or grew."""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import polars as pl

import sfframe
from sfframe.options import IngestOptions
from tests.chaos.faults import AFTER, REQUESTS, Fault
from tests.chaos.org import SOBJECT, Habits
from tests.load.world import Held, World, simulated

_HOUR_S = 3600.0
_ROWS = 20
_LOOKS = 20
_SLACK_MB = 30.0
_QUIET: IngestOptions = {"progress": False, "on_failure": "return"}


def jobs(n: int = 1000) -> str:
    """So many calls at once over one Org, a job each."""

    async def story(world: World) -> str:
        calls = [sfframe.ingest_async(_frame(i, 3), SOBJECT, "insert", org=world.org, **_QUIET) for i in range(n)]
        results = await asyncio.gather(*calls)
        assert all(result.counts["successful"] == 3 for result in results)
        assert set(world.small.inserted.values()) == {1}
        assert len(world.small.inserted) == 3 * n
        assert (world.door.seen["token"], world.door.seen["describe"]) == (1, 1), dict(world.door.seen)
        return f"{n:,} jobs, {world.door.n_requests:,} requests, {world.door.seen['connect']} connections"

    text, grown = _watched(lambda: simulated(story))
    return f"{text}; {grown}"


def threads(n: int = 100, calls: int = 3) -> str:
    """So many threads at once over one Org, with a few calls each, against the local org."""
    with sfframe.LocalOrg() as local, ThreadPoolExecutor(n) as pool:
        frames = [_frame(i, 5) for i in range(n * calls)]
        results = list(pool.map(lambda frame: frame.sfbulk.insert(SOBJECT, org=local.org, **_QUIET), frames))
        assert all(result.counts["successful"] == 5 for result in results)
        titles = sorted(row["Title"] for row in local.rows(SOBJECT).to_pylist())
        assert titles == sorted(title for frame in frames for title in frame["Title"])
        return f"{n} threads, {n * calls} calls, {local.org.requests_made:,} requests"


def parts(n: int = 10_000) -> str:
    """One call of so many parts, a row each."""

    options: IngestOptions = {**_QUIET, "max_records": 1, "max_concurrent_jobs": 25}

    async def story(world: World) -> str:
        result = await sfframe.ingest_async(_frame(0, n), SOBJECT, "insert", org=world.org, **options)
        assert result.counts == {"successful": n, "failed": 0, "unprocessed": 0}
        assert len(result.jobs) == len(world.small.inserted) == n
        return f"{n:,} parts, {world.door.n_requests:,} requests, {world.door.seen['connect']} connections"

    text, grown = _watched(lambda: simulated(story))
    return f"{text}; {grown}"


def soak(hours: float = 2.0) -> str:
    """One process that loads and reads its results for hours, with a journal, through faults of every kind."""
    dice = random.Random("soak")
    seen: list[Held] = []

    async def story(world: World) -> str:
        began, calls, unknown = world.loop.time(), 0, 0
        while (gone := (world.loop.time() - began) / (hours * _HOUR_S)) < 1:
            if gone * _LOOKS >= len(seen):
                seen.append(Held.now())
            if dice.random() < 0.3:
                request, what = dice.choice(REQUESTS), dice.choice((*AFTER, "refused", "503", "expired"))
                nth = world.door.seen[request] + 1
                world.door.faults.append(Fault(request=request, nth=nth, what=what, seconds=200.0))
            options: IngestOptions = {**_QUIET, "max_records": 8}
            if dice.random() < 0.5:
                options["journal"] = world.folder / "journal"
            try:
                await sfframe.ingest_async(_frame(calls, _ROWS), SOBJECT, "insert", org=world.org, **options)
            except sfframe.SfframeError:
                unknown += 1
            calls += 1
            await asyncio.sleep(5)
        assert max(world.small.inserted.values()) == 1
        return f"{hours:g} hours, {calls:,} calls ({unknown} ended by errors), {world.door.n_requests:,} requests"

    text, grown = _watched(lambda: simulated(story, Habits(batch_s=0.5)))
    early, late = seen[len(seen) // 4], seen[-1]
    assert late.files <= early.files + 2, f"files: {[one.files for one in seen]}"
    assert late.threads <= early.threads, f"threads: {[one.threads for one in seen]}"
    assert late.memory_mb <= early.memory_mb + _SLACK_MB, f"memory: {[round(one.memory_mb) for one in seen]}"
    return f"{text}; memory after a quarter {early.memory_mb:.0f} MB, at the end {late.memory_mb:.0f} MB; {grown}"


def _frame(number: int, n: int) -> pl.DataFrame:
    titles = [f"{number}-{i}" for i in range(n)]
    return pl.DataFrame({"Title": titles, "LastName": ["Ng"] * n, "Score__c": [0.5] * n})


@functools.cache
def _warm_up() -> None:
    """Have the libraries open what they keep open."""

    async def story(world: World) -> None:
        await sfframe.ingest_async(_frame(0, 2), SOBJECT, "insert", org=world.org, **_QUIET)

    simulated(story)


def _watched(load: Callable[[], Any]) -> tuple[Any, str]:
    """What it gives, and what this process has more than before."""
    _warm_up()
    before = Held.now()
    given = load()
    after = Held.now()
    assert after.files <= before.files, f"left open: {after} after {before}"
    assert after.threads <= before.threads, f"left running: {after} after {before}"
    return given, f"{after.memory_mb - before.memory_mb:+.0f} MB, no file and no thread more"
