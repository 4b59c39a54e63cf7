"""The org that is read from, in a process of its own: ready pages, and as little else as a query job needs.

Its object has the benchmark's contacts over and over, up to as many records as it is told to have; pages are made
once and kept, so that an answer costs the org next to nothing. Each request can be held up, as a network would.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
from aiohttp import web

from tests.benchmarks.describe import CONTACT
from tests.benchmarks.echo import lines_of
from tests.benchmarks.serving import serve

_NUMBERS = itertools.count(1)
_MOMENT = "2026-01-02T21:33:43.000+0000"
_FIRST_ROWS = 2_000  # records on a page over REST
_URLS = 5  # addresses in an answer about pages


@dataclass
class Setting:
    """How large the object is, how large a page, and how long each request is held up."""

    rows: int = 1_000_000
    page_rows: int = 50_000
    delay_s: float = 0.0


@dataclass
class Org:
    """The contacts as CSV, as pages of the asked size, and as the first records over REST."""

    data: Path
    setting: Setting = field(default_factory=Setting)
    pages: list[bytes] = field(default_factory=list)
    first: bytes = b""
    requests: int = 0

    def prepare(self, setting: Setting) -> None:
        self.setting = setting
        rows = pl.read_parquet(self.data)
        header = (",".join(f'"{name}"' for name in rows.columns) + "\n").encode()
        chunk = min(setting.page_rows, len(rows))
        starts = range(0, min(len(rows), setting.rows), chunk)
        self.pages = [header + b"".join(lines_of(rows[start : start + chunk])) for start in starts]
        some = rows.head(min(_FIRST_ROWS, setting.rows))
        records = json.loads(some.with_columns(pl.col("LastVisit__c").dt.strftime("%Y-%m-%dT%H:%M:%S%.3f+0000"),
                                               pl.col("Birthdate").cast(pl.String)).write_json())  # fmt: skip
        is_whole = setting.rows <= _FIRST_ROWS
        answer = {"totalSize": setting.rows, "done": is_whole, "records": records}
        more = {} if is_whole else {"nextRecordsUrl": "/services/data/v66.0/query/01gxx0000000001AAA-2000"}
        self.first = json.dumps(answer | more).encode()

    @property
    def n_pages(self) -> int:
        return -(-self.setting.rows // self.setting.page_rows)

    async def set(self, request: web.Request) -> web.Response:
        await asyncio.to_thread(self.prepare, Setting(**await request.json()))
        self.requests = 0
        return web.json_response({"pages": self.n_pages})

    async def asked(self, _: web.Request) -> web.Response:
        return web.json_response({"requests": self.requests})

    async def describe(self, _: web.Request) -> web.Response:
        return web.json_response(CONTACT)

    async def query(self, _: web.Request) -> web.Response:
        return web.Response(body=self.first, content_type="application/json")

    async def create(self, request: web.Request) -> web.Response:
        asked = await request.json()
        return web.json_response(_info(f"750{next(_NUMBERS):012d}AAA", asked["operation"], "UploadComplete", 0))

    async def get(self, request: web.Request) -> web.Response:
        return web.json_response(_info(request.match_info["job"], "query", "JobComplete", self.setting.rows))

    async def result_pages(self, request: web.Request) -> web.Response:
        first = int(request.query.get("locator", "0"))
        base = request.path.rsplit("/", 1)[0]
        here = range(first, min(first + _URLS, self.n_pages))
        answer: dict[str, Any] = {"resultPages": [{"resultUrl": f"{base}/results?locator={n}"} for n in here]}
        if here.stop < self.n_pages:
            answer["nextRecordsUrl"] = f"{base}/resultPages?locator={here.stop}"
        return web.json_response(answer | {"done": here.stop >= self.n_pages})

    async def results(self, request: web.Request) -> web.Response:
        number = int(request.query.get("locator", "0"))
        size = self.setting.page_rows
        rows = min(size, self.setting.rows - number * size)
        following = str(number + 1) if number + 1 < self.n_pages else "null"
        headers = {"Sforce-Locator": following, "Sforce-NumberOfRecords": str(rows)}
        body = self.pages[number % len(self.pages)]
        return web.Response(body=body, headers=headers, content_type="text/csv")


def _info(job_id: str, operation: str, state: str, records: int) -> dict[str, Any]:
    return {
        "id": job_id, "operation": operation, "object": "Contact", "state": state, "createdDate": _MOMENT,
        "systemModstamp": _MOMENT, "concurrencyMode": "Parallel", "contentType": "CSV", "apiVersion": 66.0,
        "jobType": "V2Query", "lineEnding": "LF", "columnDelimiter": "COMMA", "numberRecordsProcessed": records,
        "retries": 0, "totalProcessingTime": 100,
    }  # fmt: skip


def app(org: Org) -> web.Application:
    @web.middleware
    async def counted(request: web.Request, handler: Any) -> web.StreamResponse:
        if request.path.startswith("/services"):
            org.requests += 1
            if org.setting.delay_s:
                await asyncio.sleep(org.setting.delay_s)
        answer: web.StreamResponse = await handler(request)
        return answer

    root = "/services/data/v{version}"
    job = root + "/jobs/query/{job}"
    served = web.Application(middlewares=[counted])
    served.add_routes(
        [
            web.get(root + "/sobjects/Contact/describe", org.describe),
            web.get(root + "/query", org.query),
            web.get(root + "/query/", org.query),
            web.post(root + "/jobs/query", org.create),
            web.get(job, org.get),
            web.get(job + "/resultPages", org.result_pages),
            web.get(job + "/results", org.results),
            web.post("/bench/set", org.set),
            web.get("/bench/asked", org.asked),
        ]
    )
    return served


if __name__ == "__main__":
    asyncio.run(serve(app(Org(Path(sys.argv[1])))))
