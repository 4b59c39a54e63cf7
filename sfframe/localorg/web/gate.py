"""Every request comes through here: it is admitted, answered or spoilt, counted and logged (wire notes, 9)."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import nullcontext, suppress
from datetime import UTC
from email.utils import format_datetime
from typing import NamedTuple

from aiohttp import web

from sfframe.localorg.faults import Fault
from sfframe.localorg.org import Org
from sfframe.localorg.web.answers import Area, find_answer
from sfframe.localorg.web.front import bad_message, is_too_long
from sfframe.localorg.web.routes import Route, find_route
from sfframe.localorg.web.spoil import spoil, spoil_answer
from sfframe.localorg.wire import Refusal

_logger = logging.getLogger(__name__)
_LOOKS = frozenset({"get_job", "query_get"})
_NEEDS_NO_TOKEN = frozenset({"token", "versions", "page", "identity"})
# Of a path in the request log.
_LONGEST_PATH = 1000
# Records of one request may be 16 MB and ten times that when they are read: the others wait, unread.
_LARGE_BYTES = 1_000_000
_LARGE_AT_ONCE = 3


class Served(NamedTuple):
    """One line of the request log; status 0 where there was no answer."""

    kind: str
    method: str
    path: str
    status: int


class Gate:
    """Handles the requests of one org.

    Args:
        org: Who is asked.
        areas: What it says.
        log: Gets a line for each request.
        stopping: Set when the server ends; nobody is kept waiting then.
    """

    def __init__(self, org: Org, areas: tuple[Area, ...], log: deque[Served], stopping: asyncio.Event) -> None:
        self._org, self._areas, self._log, self._stopping = org, areas, log, stopping
        self._large = asyncio.Semaphore(_LARGE_AT_ONCE)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if is_too_long(request):
            return bad_message(431)
        path = request.raw_path.partition("?")[0]
        route: Route | None = None
        fault: Fault | None = None
        try:
            route = find_route(request.method, path)
            fault = self._org.desk.meet(route.kind, request.raw_path)
            response = await self._routed(request, route, fault)
        except Refusal as refusal:
            response = web.json_response(refusal.body(), status=refusal.status)
        except (ConnectionError, web.RequestPayloadError):
            # The client went away in the middle of its request and nobody reads this, or the body isn't what it says.
            unread = Refusal(400, "API_ERROR", "The body of the request can't be read")
            response = web.json_response(unread.body(), status=400)
        except Exception as error:
            # Whatever it is, the client gets an answer in the usual shape.
            _logger.exception("%s %s failed in the local org", request.method, path)
            broken = Refusal(500, "UNKNOWN_EXCEPTION", f"An unexpected error occurred. {type(error).__name__}: {error}")
            response = web.json_response(broken.body(), status=500)
        if not response.prepared:
            self._finish(request, path, response)
            if fault is not None and fault.is_about_answer:
                with suppress(ConnectionError):
                    response = await spoil_answer(fault, request, response, self._stopping)
        gone = request.transport is None or request.transport.is_closing()
        kind = route.kind if route else "unknown"
        self._log.append(Served(kind, request.method, path[:_LONGEST_PATH], 0 if gone else response.status))
        return response

    def _finish(self, request: web.BaseRequest, path: str, response: web.StreamResponse) -> None:
        # Not the machine's: clients tell the org's time by it.
        response.headers["Date"] = format_datetime(self._org.clock().astimezone(UTC), usegmt=True)
        if path.startswith("/services/data/"):
            usage = f"api-usage={self._org.calls.used}/{self._org.manners.daily_api_requests}"
            response.headers["Sforce-Limit-Info"] = usage
        # The HTTP library can't compress what isn't there.
        has_body = not isinstance(response, web.Response) or bool(response.body)
        if has_body and self._org.manners.compress and "gzip" in request.headers.get("Accept-Encoding", ""):
            response.enable_compression(web.ContentCoding.gzip)

    async def _routed(self, request: web.BaseRequest, route: Route, fault: Fault | None) -> web.StreamResponse:
        if fault is not None and not fault.is_about_answer and fault.when != "after":
            if fault.effect != "expire":
                return await spoil(fault, request, self._stopping)
            self._org.tokens.expire()
        try:
            response = await self._answer(request, route)
        except Refusal as refusal:
            response = web.json_response(refusal.body(), status=refusal.status)
        if fault is not None and not fault.is_about_answer and fault.when == "after":
            if fault.effect != "expire":
                return await spoil(fault, request, self._stopping)
            self._org.tokens.expire()
        return response

    async def _answer(self, request: web.BaseRequest, route: Route) -> web.StreamResponse:
        if route.kind not in _NEEDS_NO_TOKEN:
            self._admit(request)
        if request.headers.get("Expect", "").lower() == "100-continue":
            # Data Loader waits for it (wire notes, 3.3).
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0
        async with self._large if _is_large(request, route) else nullcontext():
            response = await find_answer(self._areas, route)(request, route)
        if route.kind in _LOOKS:
            self._org.looked(route.argument)
        return response

    def _admit(self, request: web.BaseRequest) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme not in ("Bearer", "OAuth"):
            raise Refusal(401, "INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE")
        if not self._org.tokens.is_valid(token):
            raise Refusal(401, "INVALID_SESSION_ID", "Session expired or invalid")
        if self._org.calls.used >= self._org.manners.daily_api_requests:
            raise Refusal(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        self._org.calls.add()


def _is_large(request: web.BaseRequest, route: Route) -> bool:
    """Whether the body may fill memory. Uploads go into files, and other bodies have smaller bounds."""
    if route.kind != "rest" or not request.can_read_body:
        return False
    length = request.content_length
    return length is None or length > _LARGE_BYTES or "Content-Encoding" in request.headers
