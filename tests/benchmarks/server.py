"""The org of the benchmark, in a process of its own: it keeps what is uploaded and answers with ready lines.

It speaks what clients need of the Bulk API 2.0 and nothing else, and does as little as it can while a clock
runs: an upload is kept as it comes, its rows are known by the keys at its ends, and its results lie ready.
What was uploaded is read cell by cell afterwards, at `/bench/check`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
from aiohttp import web

from . import uploads
from .describe import CONTACT, FIELDS
from .echo import FAILED, SUCCESSFUL, Echo, n_failed, ready
from .measure import cpu_s
from .serving import serve

JOB_S = 0.1  # from the PATCH to JobComplete, for every job: done by any client's first look
PIECE_BYTES = 262_144
_NOW = "2026-01-02T21:33:43.000+0000"
_NUMBERS = itertools.count(1)
_COLUMNS = [column["name"] for column in FIELDS if column["name"] != "Id"]


@dataclass(kw_only=True)
class Job:
    """One ingest job; `rows` and `done_at` are there once it is closed."""

    id: str
    asked: dict[str, Any]
    version: float
    upload: list[bytes] = field(default_factory=list)
    rows: tuple[int, int] | None = None
    done_at: float = float("inf")

    def state(self) -> str:
        if self.rows is None:
            return "Open"
        return "JobComplete" if time.monotonic() >= self.done_at else "InProgress"

    def info(self) -> dict[str, Any]:
        first, last = self.rows if self.rows and self.state() == "JobComplete" else (0, 0)
        version = f"v{self.version}"
        return self.asked | {
            "id": self.id,
            "state": self.state(),
            "apiVersion": self.version,
            "jobType": "V2Ingest",
            "concurrencyMode": "Parallel",
            "contentUrl": f"services/data/{version}/jobs/ingest/{self.id}/batches",
            "createdById": "005000000000001AAA",
            "createdDate": _NOW,
            "systemModstamp": _NOW,
            "retries": 0,
            "numberRecordsProcessed": last - first,
            "numberRecordsFailed": n_failed(first, last),
            "totalProcessingTime": 100,
            "apiActiveProcessingTime": 100,
            "apexProcessingTime": 0,
        }


@dataclass(frozen=True)
class Org:
    data: Path
    echo: Echo
    jobs: dict[str, Job] = field(default_factory=dict)

    async def token(self, request: web.Request) -> web.Response:
        url = str(request.url.origin())
        return web.json_response({"access_token": "00D!bench", "instance_url": url, "token_type": "Bearer"})

    async def versions(self, _: web.Request) -> web.Response:
        return web.json_response([{"label": "newest", "version": "66.0", "url": "/services/data/v66.0"}])

    async def describe(self, _: web.Request) -> web.Response:
        return web.json_response(CONTACT)

    async def limits(self, _: web.Request) -> web.Response:
        return web.json_response({"DailyApiRequests": {"Max": 100_000, "Remaining": 100_000}})

    async def create(self, request: web.Request) -> web.Response:
        defaults = {"contentType": "CSV", "lineEnding": "LF", "columnDelimiter": "COMMA"}
        job = Job(
            id=f"750{next(_NUMBERS):012d}AAA",
            asked=defaults | await request.json(),
            version=float(request.match_info["version"]),
        )
        self.jobs[job.id] = job
        return web.json_response(job.info())

    async def upload(self, request: web.Request) -> web.Response:
        upload = self._job(request).upload
        async for chunk in request.content.iter_any():
            upload.append(chunk)
        return web.Response(status=201)

    async def close(self, request: web.Request) -> web.Response:
        job = self._job(request)
        columns = uploads.header(job.upload).replace(b'"', b"").decode().split(",")
        if await request.json() != {"state": "UploadComplete"} or columns != _COLUMNS:
            raise web.HTTPBadRequest(text=json.dumps([{"errorCode": "API_ERROR", "message": f"{columns}"}]))
        job.rows = uploads.row_range(job.upload)
        job.done_at = time.monotonic() + JOB_S
        return web.json_response(job.info())

    async def get(self, request: web.Request) -> web.Response:
        return web.json_response(self._job(request).info())

    async def results(self, request: web.Request) -> web.StreamResponse:
        job = self._job(request)
        columns = uploads.header(job.upload) + b"\n"
        first, last = job.rows or (0, 0)
        match request.match_info["results"].lower():
            case "successfulresults":
                pieces = [memoryview(SUCCESSFUL + columns), *self.echo.successful.of(first, last)]
            case "failedresults":
                pieces = [memoryview(FAILED + columns), *self.echo.failed.of(first, last)]
            case _:
                pieces = [memoryview(columns)]
        return await _csv(request, pieces)

    async def clear(self, _: web.Request) -> web.Response:
        self.jobs.clear()
        return web.json_response({"cpu_s": cpu_s()})

    async def cpu(self, _: web.Request) -> web.Response:
        return web.json_response({"cpu_s": cpu_s()})

    async def check(self, _: web.Request) -> web.Response:
        """What is wrong with all that was uploaded since `clear`: an empty object if nothing is."""
        return web.json_response(await asyncio.to_thread(self._wrong))

    def _wrong(self) -> dict[str, Any]:
        jobs = [job for job in self.jobs.values() if job.rows]
        n_rows = pl.scan_parquet(self.data).select(pl.len()).collect().item()
        ranges = [job.rows for job in jobs if job.rows]
        wrong: dict[str, Any] = {} if uploads.is_whole(ranges, n_rows) else {"rows": sorted(ranges)}
        for job in jobs:
            wrong |= uploads.differences(job.upload, self.data)
        return wrong

    def _job(self, request: web.Request) -> Job:
        if (job := self.jobs.get(request.match_info["job"])) is None:
            raise web.HTTPNotFound(text='[{"errorCode":"NOT_FOUND","message":"The requested resource does not exist"}]')
        return job


async def _csv(request: web.Request, pieces: Iterable[memoryview]) -> web.StreamResponse:
    pieces = list(pieces)
    response = web.StreamResponse(headers={"Content-Type": "text/csv; charset=UTF-8"})
    response.content_length = sum(map(len, pieces))
    await response.prepare(request)
    for piece in pieces:
        for start in range(0, len(piece), PIECE_BYTES):
            await response.write(piece[start : start + PIECE_BYTES])
    await response.write_eof()
    return response


def app(org: Org) -> web.Application:
    root = "/services/data/v{version}"
    job = root + "/jobs/ingest/{job}"
    served = web.Application()
    served.add_routes(
        [
            web.post("/services/oauth2/token", org.token),
            web.get("/services/data", org.versions),
            web.get(root + "/sobjects/Contact/describe", org.describe),
            web.get(root + "/limits", org.limits),
            web.post(root + "/jobs/ingest", org.create),
            web.put(job + "/batches", org.upload),
            web.patch(job, org.close),
            web.get(job, org.get),
            web.get(job + "/{results}", org.results),
            web.get("/bench/clear", org.clear),
            web.get("/bench/cpu", org.cpu),
            web.get("/bench/check", org.check),
        ]
    )
    return served


if __name__ == "__main__":
    asyncio.run(serve(app(Org(Path(sys.argv[1]), ready(Path(sys.argv[1]))))))
