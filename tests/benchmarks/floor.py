"""The least that an upsert can cost: the requests alone with ready bytes, and the work on the frame alone."""

from __future__ import annotations

import asyncio
import io
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import polars as pl

from sfframe.options import MAX_CONCURRENT_JOBS
from sfframe.org.retry import PollPolicy

from .data import KEY

_POLL = PollPolicy()


# No repr: Python 3.11 makes one of what a main task returns, and of 100 MB that takes half a second.
@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """The raw results of one job, nothing parsed."""

    successful: bytes
    failed: bytes
    unprocessed: bytes


def send(url: str, parts: list[bytes]) -> list[Answer]:
    """Send ready parts, one job each, as sfframe does, and keep the bytes that come back."""
    return asyncio.run(_send(f"{url}/services/data/v66.0", parts))


async def _send(url: str, parts: list[bytes]) -> list[Answer]:
    free = asyncio.Semaphore(MAX_CONCURRENT_JOBS)
    async with aiohttp.ClientSession(headers={"Authorization": "Bearer bench"}) as session:
        async with session.get(f"{url}/sobjects/Contact/describe") as answer:
            await answer.read()
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_job(session, url, part, free)) for part in parts]
    return [task.result() for task in tasks]


async def _job(session: aiohttp.ClientSession, url: str, part: bytes, free: asyncio.Semaphore) -> Answer:
    asked = {"object": "Contact", "operation": "upsert", "externalIdFieldName": KEY, "contentType": "CSV"}
    async with free:
        async with session.post(f"{url}/jobs/ingest", json=asked) as answer:
            job = f"{url}/jobs/ingest/{(await answer.json())['id']}"
        async with session.put(f"{job}/batches", data=io.BytesIO(part), headers={"Content-Type": "text/csv"}) as answer:
            await answer.read()
        async with session.patch(job, json={"state": "UploadComplete"}) as answer:
            await answer.read()
        await _completed(session, job)
        names = ("successfulResults", "failedResults", "unprocessedrecords")
        return Answer(*await asyncio.gather(*(_bytes(session, f"{job}/{name}") for name in names)))


async def _completed(session: aiohttp.ClientSession, job: str) -> None:
    wait_s: float | None = None
    while True:
        wait_s = _POLL.next_s(wait_s)
        await asyncio.sleep(wait_s)
        async with session.get(job) as answer:
            if (await answer.json())["state"] == "JobComplete":
                return


async def _bytes(session: aiohttp.ClientSession, url: str) -> bytes:
    async with session.get(url) as answer:
        return await answer.read()


def write_and_read(frame: pl.DataFrame, successful: bytes, failed: bytes) -> int:
    """Write a frame as one CSV and parse all results, nothing matched; gives the number of results."""
    frame.write_csv(io.BytesIO(), quote_style="always", datetime_format="%Y-%m-%dT%H:%M:%S%.3fZ")
    return sum(len(pl.read_csv(results, infer_schema=False)) for results in (successful, failed))


def parts_in(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.glob("*.csv"))]
