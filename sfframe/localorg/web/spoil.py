"""What a client meets when a request goes wrong (wire notes, 9 and 12)."""

from __future__ import annotations

import asyncio
import socket
import struct

from aiohttp import web

from sfframe.localorg.faults import Fault
from sfframe.localorg.wire import Refusal

_HTML = (
    "<html><head><title>We are down for maintenance</title></head><body><h1>We are setting things up</h1></body></html>"
)
_LOOK_AGAIN_S = 0.02


async def spoil(fault: Fault, request: web.BaseRequest, stopping: asyncio.Event) -> web.StreamResponse:
    """Answer a request as the fault wants; its effect in the org has happened, or won't."""
    headers = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:g}"}
    if fault.effect == "status":
        body = Refusal(fault.status, fault.error_code, "The request met a fault of the local org").body()
        return web.json_response(body, status=fault.status, headers=headers)
    if fault.effect == "html":
        return web.Response(text=_HTML, content_type="text/html", status=fault.status, headers=headers)
    if fault.effect == "redirect":
        return web.Response(status=302, headers={"Location": fault.location + request.raw_path})
    if fault.effect == "stall":
        await _until_gone(request, stopping)
    _hang_up(request, abruptly=fault.effect == "reset")
    return web.Response()


async def send_cut(
    fault: Fault, request: web.BaseRequest, body: bytes, response: web.StreamResponse
) -> web.StreamResponse:
    """Send a part of an answer."""
    kept = _cut(body, fault.at)
    cut = web.StreamResponse(status=response.status, headers=response.headers)
    cut.content_length = len(kept) if fault.looks_whole else len(body)
    await cut.prepare(request)
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
