"""An org that answers what an input says: within the process, or over a connection as a server."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import urlsplit

from sfframe.org.answers import Response
from sfframe.org.wire import Request
from tests.fuzz.given import Given, Input

DATA = "/services/data/v66.0"
URL = "http://127.0.0.1:1"
_MOST_REQUESTS = 2_000
_MOST_LOOKS = 50
_NOTHING = Given(b'[{"errorCode":"NOT_FOUND","message":"not written down"}]', 404)
_LAST_WORDS = {
    "resultpages": "pages",
    "results": "page",
    "batches": "upload",
    "limits": "limits",
    "sobjects": "sobjects",
    "deleted": "deleted",
    "composite": "composite",
    "token": "token",
    "64.0": "soap",
    "v66.0": "now",
    "successfulresults": "successful",
    "failedresults": "failed",
    "unprocessedrecords": "unprocessed",
}


class EndlessError(Exception):
    """The client asks on and on."""


class Answers:
    """What is answered to the requests of one call, one after the other.

    Args:
        sent: The input.
        good: What the target's seed answers: after many looks at a job that doesn't end, it does.
    """

    def __init__(self, sent: Input, good: Mapping[str, tuple[Given, ...]]) -> None:
        self._sent, self._good = sent, good
        self._asked: Counter[str] = Counter()

    async def exchange(self, request: Request) -> Response:
        """In the place of `Wire.exchange`."""
        return self.next(request.method, request.url).response()

    async def close(self) -> None:
        """In the place of `Wire.close`."""

    def next(self, method: str, url: str) -> Given:
        """The answer to a request."""
        kind = kind_of(method, url)
        nth = self._asked[kind]
        self._asked[kind] += 1
        if self._asked.total() > _MOST_REQUESTS:
            raise EndlessError(f"{method} {url[:200]} after {_MOST_REQUESTS:,} requests")
        given = self._sent.answers.get(kind, (_NOTHING,))
        if kind == "job" and nth > _MOST_LOOKS:
            given = self._good.get(kind, given)
        return given[min(nth, len(given) - 1)]


def kind_of(method: str, url: str) -> str:
    """What a request asks for."""
    words = urlsplit(url).path.strip("/").split("/")
    last = words[-1].lower()
    if last == "describe":
        return f"describe {words[-2]}"
    if last in _LAST_WORDS:
        return _LAST_WORDS[last]
    if last in ("query", "queryall"):
        return {"POST": "create"}.get(method, "list" if words[-2] == "jobs" else "query")
    if last == "ingest":
        return {"POST": "create"}.get(method, "list")
    if "jobs" in words:
        return {"PATCH": "patch", "DELETE": "delete"}.get(method, "job")
    return "more" if len(words) > 4 else "any"


class Server:
    """A server for one input at a time."""

    def __init__(self) -> None:
        self.answers: Answers | None = None
        self.trouble: Exception | None = None
        self.url = ""
        self._answering: set[asyncio.Task[None] | None] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        self._server.close()
        await self.rest()

    async def rest(self) -> None:
        """Wait until nobody is being answered."""
        await asyncio.gather(*filter(None, self._answering), return_exceptions=True)
        self._answering.clear()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._answering.add(asyncio.current_task())
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            method, url, _ = head.split(" ", 2)
            lengths = [line for line in head.lower().split("\r\n") if line.startswith("content-length:")]
            await reader.readexactly(int(lengths[0].partition(":")[2]) if lengths else 0)
            assert self.answers is not None
            try:
                writer.write(self.answers.next(method, url).sent())
            except EndlessError as error:
                self.trouble = error
            writer.close()
            await writer.wait_closed()
