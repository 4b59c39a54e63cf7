"""The door of the small org: real HTTP over a Unix socket, and all that can go wrong on the way in and out."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

import aiohappyeyeballs
from aiohttp import web

from tests.chaos.faults import BEFORE, LATER, LOGIN, MESSAGES, ORG, STRANGER, Fault, Outage
from tests.chaos.loop import SimulatedLoop
from tests.chaos.org import DESCRIBE, RESULTS, SOBJECT, Refusal, SmallOrg

CLIENT_ID, SECRET, TOKEN = "the client", "HUSH-secret", "HUSH-token"
_LONGEST_WAY_S = 0.3


class Door:
    """Where requests come in.

    Attributes:
        faults: What goes wrong; those that came to pass are taken out.
        outages: When nothing gets through.
        leaks: Where a secret was seen that had no business there.
        n_requests: How many requests there were.
    """

    def __init__(self, org: SmallOrg, loop: SimulatedLoop, seed: int) -> None:
        self._org, self._loop = org, loop
        self._dice = Random(f"door {seed}")
        self._began = loop.time()
        self.seen: Counter[str] = Counter()
        self._valid: set[str] = set()
        self._client: list[socket.socket] = []
        self._later: set[asyncio.Task[None]] = set()
        self._servers: list[tuple[asyncio.Server, web.Server]] = []
        self._places: dict[int, str] = {}
        self._is_client_dead = False
        self._n_served = 0
        self.faults: list[Fault] = []
        self.outages: list[Outage] = []
        self.leaks: list[str] = []
        self.n_requests = 0
        self.told: list[str] = []

    @contextlib.asynccontextmanager
    async def open(self, folder: Path) -> Any:
        """Serve, and bring this process's connections here."""
        for address, handler in ((LOGIN, self._login), (ORG, self._serve), (STRANGER, self._strange)):
            port = int(address.rpartition(":")[2])
            self._places[port] = str(folder / f"{port}")
            server = web.Server(handler, access_log=None)
            self._servers.append((await self._loop.create_unix_server(server, self._places[port]), server))
        with _connections_by(self._connect):
            try:
                yield
            finally:
                await self.quiet()
                for listening, server in self._servers:
                    listening.close()
                    await server.shutdown(1)
                    await listening.wait_closed()

    # --- the client's end ---------------------------------------------------------------------------------------------

    def kill_client(self) -> None:
        """The process that calls is dead: what it has sent is on its way, and nothing more will come."""
        self._is_client_dead = True
        for one in self._client:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._client.clear()

    def tell(self, text: str) -> None:
        """Note what happens, for who looks at one scene."""
        self.told.append(f"{self._loop.time() - self._began:12.2f} s, step {self._loop.steps:5}: {text}")

    def new_client(self) -> None:
        """Another process calls from now on."""
        self._is_client_dead = False

    async def quiet(self) -> None:
        """Until nothing is on its way any more."""
        while self._later or self._n_served:  # noqa: ASYNC110  (time passes by itself)
            await asyncio.sleep(10)

    async def _connect(self, addr_infos: Any, **options: Any) -> socket.socket:
        del options
        if self._is_client_dead:
            raise ConnectionRefusedError("a dead process connects to nothing")
        fault = self._fault("connect")
        if fault is not None and fault.what == "silent":
            await asyncio.sleep(100_000)
        if fault is not None or ((outage := self._outage()) is not None and not outage.answers):
            raise ConnectionRefusedError("nobody is there")
        one = socket.socket(socket.AF_UNIX)
        one.setblocking(False)
        one.connect(self._places[addr_infos[0][4][1]])
        self._client.append(one)
        return one

    # --- the org's end ------------------------------------------------------------------------------------------------

    async def _strange(self, request: web.BaseRequest) -> web.StreamResponse:
        self.leaks.append(f"{request.method} to a stranger")
        return web.Response(status=404)

    async def _login(self, request: web.BaseRequest) -> web.StreamResponse:
        if TOKEN in str(request.headers):
            self.leaks.append("a token at the login's host")
        return await self._pass(request, "token", self._new_token)

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        if SECRET in f"{request.headers} {request.path_qs}":
            self.leaks.append("the secret at the org's host")
        try:
            body = await request.read()
        except OSError:  # the client went away in the midst of it
            return web.Response(status=400)
        kind, act = self._meant(request, body)
        return await self._pass(request, kind, act)

    def _meant(self, request: web.BaseRequest, body: bytes) -> tuple[str, Callable[[], web.Response]]:
        """What a request is, and what it does."""
        parts = request.path.removeprefix("/services/data/v").split("/")
        version, place = parts[0], parts[1:]
        match request.method, place:
            case "GET", ["sobjects", name, "describe"] if name == SOBJECT:
                return "describe", lambda: web.Response(body=DESCRIBE, content_type="application/json")
            case "POST", ["jobs", "ingest"]:
                return "create", lambda: web.json_response(self._org.create(json.loads(body), version))
            case "PUT", ["jobs", "ingest", job, "batches"]:
                return "upload", lambda: self._uploaded(job, body)
            case "PATCH", ["jobs", "ingest", job]:
                state = json.loads(body).get("state")
                kind = "close" if state == "UploadComplete" else "abort"
                return kind, lambda: web.json_response(self._org.change(job, state))
            case "GET", ["jobs", "ingest", job]:
                return "look", lambda: web.json_response(self._org.look(job))
            case "GET", ["jobs", "ingest", job, kind] if kind in RESULTS:
                wanted = RESULTS[kind]
                return wanted, lambda: _file(self._org.results(job, wanted))
        return "other", lambda: web.Response(status=404)

    def _uploaded(self, job: str, body: bytes) -> web.Response:
        self._org.upload(job, body)
        return web.Response(status=201)

    def _new_token(self) -> web.Response:
        token = f"{TOKEN}-{len(self._valid)}"
        self._valid.add(token)
        answer = {"access_token": token, "instance_url": ORG, "token_type": "Bearer", "issued_at": "1767225600000"}
        return web.json_response(answer | {"id": f"{LOGIN}/id/00D000000000001AAA/005000000000001AAA"})

    async def _pass(self, request: web.BaseRequest, kind: str, act: Callable[[], web.Response]) -> web.StreamResponse:
        self.n_requests += 1
        self._n_served += 1
        try:
            return await self._served(request, kind, act)
        finally:
            self._n_served -= 1

    async def _served(self, request: web.BaseRequest, kind: str, act: Callable[[], web.Response]) -> web.StreamResponse:
        await self._on_the_way()
        if self._outage() is not None:
            return await self._instead(request, "503", kind)
        fault = self._fault(kind)
        what = fault.what if fault is not None else ""
        if what in BEFORE:
            self.tell(f"{kind} {request.path.rpartition('ingest')[2]}: {what}, before its effect")
            return await self._instead(request, what, kind)
        if fault is not None and what in LATER:
            self._do_later(fault.seconds, request, kind, act)
            if what == "slow":
                await asyncio.sleep(2 * fault.seconds)
            return _gone(request)
        answer = self._answer(request, kind, act)
        self.tell(f"{kind} {request.path.rpartition('ingest')[2]} -> {answer.status} {what}")
        await self._on_the_way()
        return await self._spoilt(request, answer, fault) if fault is not None else answer

    def _answer(self, request: web.BaseRequest, kind: str, act: Callable[[], web.Response]) -> web.Response:
        if kind != "token" and request.headers.get("Authorization", "")[7:] not in self._valid:
            return _refusal(401, "INVALID_SESSION_ID", "Session expired or invalid")
        try:
            return act()
        except Refusal as refusal:
            return _refusal(refusal.status, refusal.code, str(refusal))

    async def _instead(self, request: web.BaseRequest, what: str, kind: str) -> web.StreamResponse:
        if what == "refused":
            return _gone(request)
        if what == "expired":
            self._valid.clear()
            return _refusal(401, "INVALID_SESSION_ID", "Session expired or invalid")
        found = BEFORE[what]
        assert found is not None
        status, code, headers = found
        if code is None:
            page = "<html><body>Please wait.</body></html>"
            return web.Response(status=status, text=page, content_type="text/html", headers=headers)
        return _refusal(status, code, MESSAGES.get(what, "not now"), headers)

    def _do_later(self, seconds: float, request: web.BaseRequest, kind: str, act: Callable[[], web.Response]) -> None:
        async def later() -> None:
            await asyncio.sleep(seconds)
            answer = self._answer(request, kind, act)
            self.tell(f"{kind} {request.path.rpartition('ingest')[2]} -> {answer.status}, {seconds} s too late")

        task = self._loop.create_task(later())
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def _spoilt(self, request: web.BaseRequest, answer: web.Response, fault: Fault) -> web.StreamResponse:
        body = answer.body if isinstance(answer.body, bytes) else b""
        match fault.what:
            case "half" if body and request.transport is not None and not request.transport.is_closing():
                half = web.StreamResponse(status=answer.status, headers={"Content-Length": str(len(body))})
                await half.prepare(request)
                await half.write(body[: len(body) // 2])
                return _gone(request, half)
            case "late":
                await asyncio.sleep(fault.seconds)
                return answer
            case "504 after" | "500 after":
                return web.Response(status=int(fault.what[:3]), text="<html>no answer</html>")
            case "short":
                lines = body.splitlines(keepends=True)
                keep = lines if len(lines) < 2 or answer.status != 200 else lines[:-1]
                return _file(b"".join(keep).decode()) if answer.status == 200 else answer
        return _gone(request)

    async def _on_the_way(self) -> None:
        await asyncio.sleep(self._dice.random() * _LONGEST_WAY_S)

    def _fault(self, kind: str) -> Fault | None:
        self.seen[kind] += 1
        found = next((one for one in self.faults if (one.request, one.nth) == (kind, self.seen[kind])), None)
        if found is not None:
            self.faults.remove(found)
        return found

    def _outage(self) -> Outage | None:
        now = self._loop.time() - self._began
        return next((one for one in self.outages if one.begin <= now < one.end), None)


def _file(text: str) -> web.Response:
    return web.Response(body=text.encode(), content_type="text/csv")


def _refusal(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.json_response([{"errorCode": code, "message": message}], status=status, headers=headers)


def _gone(request: web.BaseRequest, begun: web.StreamResponse | None = None) -> web.StreamResponse:
    """No answer, or no more of it."""
    if request.transport is not None:
        request.transport.abort()
    return begun or web.Response()


@contextlib.contextmanager
def _connections_by(connect: Callable[..., Awaitable[socket.socket]]) -> Iterator[None]:
    """Have aiohttp's connections made by a function. All else of it stays as it is."""
    usual = aiohappyeyeballs.start_connection
    aiohappyeyeballs.start_connection = connect  # type: ignore[assignment]
    try:
        yield
    finally:
        aiohappyeyeballs.start_connection = usual
