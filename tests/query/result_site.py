"""A query job on a scripted server: pages of any size, and every oddity of lists, locators, headers and counters."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiohttp import web

from tests.org.site import Site, reply

DATA = "/services/data/v66.0"
JOB_ID = "7505e00000Abc12AAB"
JOB = f"{DATA}/jobs/query/{JOB_ID}"
SOQL = "SELECT LastName, Number__c FROM Contact"
CONTACT = {
    "name": "Contact",
    "fields": [{"name": "LastName", "type": "string"}, {"name": "Number__c", "type": "int"}],
}

Spoil = Callable[[web.Request, web.Response], Awaitable[web.StreamResponse | None]]


class Result:
    """The result of one job, in pages of given sizes; its rows are numbered.

    Attributes:
        lists: There is a `resultPages`; a number: that many requests of it are refused first.
        count: What the job says of its rows; several: one after the other, the last one again and again.
        asked: The starts of the pages that were asked for, in order.
        listed: How many lists were asked for.
        spoil: Gets each page's request and answer, and may give another one.
        change_list: Gets each list and may change it.
    """

    def __init__(self, site: Site, sizes: Sequence[int]) -> None:
        self.sizes = list(sizes)
        self.lists: bool | int = True
        self.count: list[int] = [sum(sizes)]
        self.job: dict[str, Any] = {}
        self.asked: list[int] = []
        self.listed = 0
        self.spoil: Spoil | None = None
        self.change_list: Callable[[dict[str, Any]], dict[str, Any]] = lambda answer: answer
        site.on("GET", f"{DATA}/sobjects/Contact/describe", reply(CONTACT))
        site.on("POST", f"{DATA}/jobs/query", self._created)
        site.on("GET", JOB, self._seen)
        site.on("GET", f"{JOB}/resultPages", self._list)
        site.on("GET", f"{JOB}/resultpages", self._list)
        site.on("GET", f"{JOB}/results", self._page)

    @property
    def rows(self) -> list[tuple[str, int]]:
        return [row(n) for n in range(sum(self.sizes))]

    @property
    def starts(self) -> list[int]:
        return [sum(self.sizes[:n]) for n in range(max(1, len(self.sizes)))]

    def info(self, state: str = "JobComplete") -> dict[str, Any]:
        told = {"id": JOB_ID, "operation": "query", "object": "Contact", "state": state, "apiVersion": 66.0}
        return {**told, **self.job}

    async def _created(self, _: web.Request) -> web.Response:
        return web.json_response(self.info("UploadComplete"))

    async def _seen(self, _: web.Request) -> web.Response:
        count = self.count.pop(0) if len(self.count) > 1 else self.count[0]
        return web.json_response({**self.info(), "numberRecordsProcessed": count})

    async def _list(self, request: web.Request) -> web.StreamResponse:
        self.listed += 1
        if self.lists is False or self.listed <= int(self.lists is not True and self.lists):
            return web.json_response([{"errorCode": "NOT_FOUND", "message": "no such resource"}], status=404)
        first = int(request.query.get("locator", 0))
        here, following = self.starts[first : first + 5], first + 5
        answer: dict[str, Any] = {"resultPages": [{"resultUrl": f"{JOB}/results?locator={n}"} for n in here]}
        answer["done"] = following >= len(self.starts)
        if not answer["done"]:
            answer["nextRecordsUrl"] = f"{JOB}/resultpages?locator={following}"
        return web.json_response(self.change_list(answer))

    async def _page(self, request: web.Request) -> web.StreamResponse:
        start = int(request.query.get("locator", 0))
        at = self.starts.index(start)
        self.asked.append(start)
        size = self.sizes[at] if self.sizes else 0
        following = str(self.starts[at + 1]) if at + 1 < len(self.starts) else "null"
        headers = {"Sforce-NumberOfRecords": str(size), "Sforce-Locator": following, "Content-Type": "text/csv"}
        answer = web.Response(body=csv(range(start, start + size)), headers=headers)
        other = await self.spoil(request, answer) if self.spoil else None
        return answer if other is None else other


def row(n: int) -> tuple[str, int]:
    return f'Ng "{n}",\nof {n}', n


def csv(numbers: Sequence[int]) -> bytes:
    lines = [f'"{name.replace(chr(34), chr(34) * 2)}","{n}"\n' for name, n in map(row, numbers)]
    return ('"LastName","Number__c"\n' + "".join(lines)).encode()


class Gate:
    """Lets nobody through before so many have come."""

    def __init__(self, n: int) -> None:
        self._n = n
        self._open: asyncio.Event | None = None
        self.most = 0
        self._here = 0

    async def through(self, request: web.Request, answer: web.Response) -> None:
        self._open = self._open or asyncio.Event()
        self._here += 1
        self.most = max(self.most, self._here)
        if self.most >= self._n:
            self._open.set()
        await self._open.wait()
        self._here -= 1
