"""HTTP sessions, one for each event loop; opened when needed, closed when nobody can use them any more."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Final

import aiohttp

_CONNECTIONS: Final = 100
_READ_BUFFER: Final = 2**20
_HEADER_BYTES: Final = 2**16


class Sessions:
    """The sessions of one org.

    A session lives in an async generator. So it is closed not only by `close`, but also when its loop ends:
    `asyncio.run` and sfframe's own loop close their generators. And it is closed when the Sessions are garbage.
    """

    def __init__(self, *, user_agent: str) -> None:
        self._user_agent = user_agent
        self._open: dict[asyncio.AbstractEventLoop, _Session] = {}

    def __len__(self) -> int:
        return len(self._open)

    async def get(self) -> aiohttp.ClientSession:
        """The session of the running loop."""
        loop = asyncio.get_running_loop()
        if (held := self._open.get(loop)) and not held.session.closed:
            return held.session
        for other in list(self._open):
            if (other is loop or other.is_closed()) and (ended := self._open.pop(other, None)):
                ended.when_garbage.detach()
        keeper = _keep_session(self._user_agent)
        session = await anext(keeper)
        # The registry of finalizers holds the session until then: it must not be garbage along with its owner.
        when_garbage = weakref.finalize(self, _close_soon, loop, keeper)
        when_garbage.atexit = False
        self._open[loop] = _Session(session, keeper, when_garbage)
        return session

    async def close(self) -> None:
        """Close the session of the running loop, if there is one."""
        if held := self._open.pop(asyncio.get_running_loop(), None):
            held.when_garbage.detach()
            await held.keeper.aclose()


@dataclass(frozen=True, slots=True)
class _Session:
    session: aiohttp.ClientSession
    keeper: AsyncGenerator[aiohttp.ClientSession, None]
    when_garbage: weakref.finalize[..., Sessions]


def _close_soon(loop: asyncio.AbstractEventLoop, keeper: AsyncGenerator[aiohttp.ClientSession, None]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(lambda: loop.create_task(_close_now(keeper)))


async def _close_now(keeper: AsyncGenerator[aiohttp.ClientSession, None]) -> None:
    await keeper.aclose()


async def _keep_session(user_agent: str) -> AsyncGenerator[aiohttp.ClientSession, None]:
    trace = aiohttp.TraceConfig()
    trace.on_connection_create_start.append(_send_once)
    trace.on_connection_reuseconn.append(_send_once)
    trace.on_request_headers_sent.append(_wait_anew)
    trace.on_request_chunk_sent.append(_wait_anew)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=_CONNECTIONS),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": user_agent},
        read_bufsize=_READ_BUFFER,
        auto_decompress=False,
        max_line_size=_HEADER_BYTES,
        max_field_size=_HEADER_BYTES,
        trace_configs=[trace],
    ) as session:
        # The trace above stays for versions that don't know this; it costs the pooled connection that was to be used.
        session._retry_connection = False
        yield session


async def _send_once(session: object, context: SimpleNamespace, params: object) -> None:
    # When a connection breaks, aiohttp by itself sends what it takes for idempotent once more, PUT and DELETE
    # included. But a second PUT spoils a job (wire notes, 3.3), and a second DELETE finds nothing: whether to
    # repeat isn't decided here.
    if getattr(context, "was_sent", False):
        raise aiohttp.ClientConnectionError("no answer came")
    context.was_sent = True


async def _wait_anew(session: object, context: SimpleNamespace, params: object) -> None:
    context.trace_request_ctx.sent()
