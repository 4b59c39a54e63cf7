"""A real server on a real port whose answers a test writes down. It runs in a thread of its own."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import parse_qs

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
JOBS = "/services/data/v66.0/jobs/ingest"
TOKEN = "/services/oauth2/token"
ORG_ID, USER_ID = "00D000000000001EAA", "005000000000001AAA"


@dataclass(frozen=True)
class Seen:
    """A request that arrived."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return {key: values[0] for key, values in parse_qs(self.body.decode()).items()}

    @property
    def token(self) -> str:
        return self.headers.get("Authorization", "").removeprefix("Bearer ")


class Site:
    """Answers each (method, path) with what was written down for it, the last one again and again."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.seen: list[Seen] = []
        self._answers: dict[tuple[str, str], list[Answer]] = defaultdict(list)
        self._given = 0
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="site", daemon=True)

    def on(self, method: str, path: str, *answers: Answer) -> None:
        self._answers[method, path] = list(answers)

    def forget(self) -> None:
        """Nothing was seen, and nothing is written down."""
        self.seen.clear()
        self._answers.clear()

    def paths(self, method: str | None = None) -> list[str]:
        """The paths that were asked for, the token's aside."""
        return [one.path for one in self.seen if one.path != TOKEN and method in (None, one.method)]

    def tokens_made(self) -> int:
        return sum(one.path == TOKEN for one in self.seen)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application(client_max_size=2**30)
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        server = runner.server
        assert server is not None
        door = await self._loop.create_server(server, "127.0.0.1", 0, ssl=self._tls)
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{door.sockets[0].getsockname()[1]}"
        self._ready.set()
        await self._stop.wait()
        # A client that has been let in but isn't a connection yet, when the door is closed, would stay open for ever.
        for socket in door.sockets:
            self._loop.remove_reader(socket.fileno())
        for _ in range(3):
            await asyncio.sleep(0)
        door.close()
        await runner.cleanup()
        for late in server.connections:  # made while the others were closed
            if late.transport is not None:
                late.transport.abort()
        await asyncio.sleep(0)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.seen.append(Seen(request.method, request.path, request.query_string, dict(request.headers), body))
        answers = self._answers.get((request.method, request.path))
        if not answers:
            if request.path == TOKEN:
                return await self._token(request)
            return web.json_response([{"errorCode": "NOT_FOUND", "message": "not written down"}], status=404)
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        return await answer(request)

    async def _token(self, request: web.Request) -> web.StreamResponse:
        self._given += 1
        return web.json_response(
            {
                "access_token": f"{ORG_ID}!token-{self._given}",
                "instance_url": self.url,
                "id": f"https://login.salesforce.com/id/{ORG_ID}/{USER_ID}",
            }
        )


def reply(content: Any = None, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """Bytes and text as they are, anything else as JSON."""

    async def answer(_: web.Request) -> web.StreamResponse:
        body = content if isinstance(content, bytes) else b""
        if isinstance(content, str):
            body = content.encode()
        elif content is not None and not isinstance(content, bytes):
            body = json.dumps(content).encode()
        return web.Response(status=status, body=body, headers=headers)

    return answer


def refuse(status: int, code: str, message: str = "no", *, headers: Mapping[str, str] | None = None) -> Answer:
    return reply([{"errorCode": code, "message": message}], status=status, headers=headers)


def stale() -> Answer:
    return refuse(401, "INVALID_SESSION_ID", "Session expired or invalid")


async def drop(request: web.Request) -> web.StreamResponse:
    """Close the connection without an answer."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def stall(request: web.Request) -> web.StreamResponse:
    """Say nothing until the client goes away."""
    await asyncio.Event().wait()
    raise AssertionError


def cut(body: bytes, *, after: int, status: int = 200) -> Answer:
    """Promise a body and break off in the midst of it."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=status, headers={"Content-Length": str(len(body))})
        await response.prepare(request)
        await response.write(body[:after])
        assert request.transport is not None
        request.transport.close()
        return response

    return answer


def by_token(**answers: Answer) -> Answer:
    """One answer for each token: `by_token(token_1=stale(), token_2=reply(...))`."""

    async def answer(request: web.Request) -> web.StreamResponse:
        name = request.headers["Authorization"].rpartition("!")[2].replace("-", "_")
        return await answers[name](request)

    return answer


def job(state: str = "Open", job_id: str = "7505e00000Abc12AAB", **more: Any) -> dict[str, Any]:
    return {
        "id": job_id,
        "operation": "insert",
        "object": "Contact",
        "state": state,
        "apiVersion": 66.0,
        **more,
    }
