"""What a client meets when a request goes wrong (wire notes, 9 and 12)."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from fnmatch import fnmatch
from typing import Any

from aiohttp import web

from sfframe.localorg.faults import Fault
from sfframe.localorg.web.answers import CsvFile
from sfframe.localorg.wire import Refusal

_HTML = (
    "<html><head><title>We are down for maintenance</title></head><body><h1>We are setting things up</h1></body></html>"
)
# The usual code of a status; those that come from the edge or a gateway have no body (wire notes, 9.1, 9.2).
_CODES = {
    400: "API_ERROR",
    401: "INVALID_SESSION_ID",
    403: "REQUEST_LIMIT_EXCEEDED",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    500: "UNKNOWN_EXCEPTION",
    **dict.fromkeys((406, 420, 502, 504), ""),
}
_MET = "The request met a fault of the local org"
_LOOK_AGAIN_S = 0.02


async def spoil(fault: Fault, request: web.BaseRequest, stopping: asyncio.Event) -> web.StreamResponse:
    """Answer a request as the fault wants; its effect in the org has happened, or won't."""
    headers = {} if fault.retry_after is None else {"Retry-After": _retry_after(fault.retry_after)}
    if fault.effect == "status":
        return _error(fault, request, headers)
    if fault.effect == "html":
        return web.Response(text=_HTML, content_type="text/html", status=fault.status, headers=headers)
    if fault.effect == "redirect":
        status = fault.status if 300 <= fault.status < 400 else 302
        return web.Response(status=status, headers={"Location": fault.location + request.raw_path})
    if fault.when == "uploading":
        await _read_half(request)
    await _break_off(fault, request, stopping)
    return web.Response()


async def spoil_answer(
    fault: Fault, request: web.BaseRequest, response: web.StreamResponse, stopping: asyncio.Event
) -> web.StreamResponse:
    """Send another answer than the one that the org has made."""
    if fault.effect == "truncate":
        return await _send_cut(fault, request, response)
    if fault.when == "answering":
        body = _body(response)
        sent = await _start_answer(request, response, len(body))
        await sent.write(body[: len(body) // 2])
        await _break_off(fault, request, stopping)
        return sent
    if fault.effect == "omit":
        for header in [name for name in response.headers if _is_named(name, fault.names)]:
            del response.headers[header]
    if fault.effect == "repeat" and "Sforce-Locator" in response.headers:
        response.headers["Sforce-Locator"] = request.query.get("locator", "null")
    _change_json(fault, request, response)
    return response


# Answers that are changed.


def _change_json(fault: Fault, request: web.BaseRequest, response: web.StreamResponse) -> None:
    if not isinstance(response, web.Response) or response.content_type != "application/json":
        return
    answer = json.loads(_body(response) or b"null")
    if not isinstance(answer, dict):
        return
    if fault.effect == "omit":
        answer = {name: value for name, value in answer.items() if not _is_named(name, fault.names)}
    elif fault.effect == "lag":
        answer = {name: _lagging(name, value) for name, value in answer.items()}
    elif fault.effect == "repeat" and answer.get("nextRecordsUrl"):
        answer["nextRecordsUrl"] = request.raw_path
    response.body = json.dumps(answer).encode()


def _lagging(name: str, value: Any) -> Any:
    return value // 2 if name.startswith("numberRecords") and isinstance(value, int) else value


def _is_named(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(name.lower(), pattern.lower()) for pattern in patterns)


def _retry_after(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _error(fault: Fault, request: web.BaseRequest, headers: dict[str, str]) -> web.Response:
    """An error in the shape of who gives it."""
    code = fault.error_code
    if code is None:
        code = _CODES.get(fault.status, "SERVER_UNAVAILABLE")
    if not code:
        return web.Response(status=fault.status, headers=headers)
    text = fault.error or _MET
    body: Any = Refusal(fault.status, code, text).body()
    if request.path.startswith("/services/oauth2/"):
        body = {"error": code.lower(), "error_description": text}
    return web.json_response(body, status=fault.status, headers=headers)


# Answers that end too soon.


def _body(response: web.StreamResponse) -> bytes:
    if isinstance(response, CsvFile):
        return response.path.read_bytes()
    body = response.body if isinstance(response, web.Response) else None
    return bytes(body) if isinstance(body, bytes | bytearray | memoryview) else b""


async def _start_answer(
    request: web.BaseRequest, response: web.StreamResponse, length: int | None
) -> web.StreamResponse:
    """The answer's head; of that length, or in chunks."""
    headers = response.headers.copy()
    headers.popall("Content-Length", None)
    started = web.StreamResponse(status=response.status, headers=headers)
    if length is None:
        started.enable_chunked_encoding()
    else:
        started.content_length = length
    await started.prepare(request)
    return started


async def _send_cut(fault: Fault, request: web.BaseRequest, response: web.StreamResponse) -> web.StreamResponse:
    body = _body(response)
    kept = _cut(body, fault.at)
    promised = len(kept) if fault.looks_whole else len(body)
    cut = await _start_answer(request, response, None if fault.chunked else promised)
    await cut.write(kept)
    if not fault.looks_whole:
        _hang_up(request, abruptly=False)
    return cut


def _cut(body: bytes, at: str) -> bytes:
    """About a half: up to a row's end, or into a row."""
    end = body.rfind(b"\n", 0, max(1, len(body) // 2 + 1)) + 1
    if end == 0:
        end = body.find(b"\n") + 1 or len(body) // 2
    if at == "row" and end < len(body):
        return body[:end]
    return body[: min(end + (len(body) - end) // 2, len(body) - 1)].rstrip(b"\r\n")[:-1]


# Connections.


async def _read_half(request: web.BaseRequest) -> None:
    wanted, size = (request.content_length or 0) // 2, 0
    while size < wanted and not request.content.at_eof():
        size += len(await request.content.readany())


async def _break_off(fault: Fault, request: web.BaseRequest, stopping: asyncio.Event) -> None:
    if fault.effect == "stall":
        await _until_gone(request, stopping)
    _hang_up(request, abruptly=fault.effect == "reset")


async def _until_gone(request: web.BaseRequest, stopping: asyncio.Event) -> None:
    while not stopping.is_set() and request.transport is not None and not request.transport.is_closing():
        try:
            await asyncio.wait_for(stopping.wait(), _LOOK_AGAIN_S)
        except TimeoutError:
            continue


def _hang_up(request: web.BaseRequest, *, abruptly: bool) -> None:
    transport = request.transport
    if transport is None:
        return
    if abruptly:
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    else:
        transport.close()
