"""One request, one answer; this room and `sessions` alone know the HTTP library.

Nothing is repeated here, no redirect is followed, and no answer is judged.
"""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias
from urllib.parse import urlsplit

import aiohttp
from aiohttp import payload
from aiohttp.abc import AbstractStreamWriter
from yarl import URL

from sfframe.org.answers import Response
from sfframe.org.body import RESULT_BYTES, BadBodyError, Chunks, beginning, bounded, in_memory, into_file
from sfframe.org.lost import LostError, lost
from sfframe.org.patience import Patience
from sfframe.org.proxy import Proxy, proxy_for
from sfframe.org.retry import Timeouts
from sfframe.org.sessions import Sessions
from sfframe.org.trust import Authorities, context_for

_log = logging.getLogger("sfframe.org")

_CHUNK: Final = 2**18
_REFUSAL_BYTES: Final = 2**16

Body: TypeAlias = bytes | bytearray | memoryview | Path
Sink: TypeAlias = Path | BinaryIO


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What goes over the wire.

    Attributes:
        headers: May hold the token, so they are in no repr.
        body: Bytes, or the path of a file to send.
        sink: Where the body of a success goes instead of into the response: a path, which is (over)written,
            or a seekable binary file, which is written from `sink_start` on and cut there.
        is_upload: The answer may take long after the last byte.
        most_bytes: What the body of a success may have, unpacked.
        sent: Told how many bytes of the body have gone up, as they go.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: Body | None = field(default=None, repr=False)
    sink: Sink | None = None
    sink_start: int = 0
    is_upload: bool = False
    most_bytes: int = RESULT_BYTES
    sent: Callable[[int], None] | None = field(default=None, repr=False, compare=False)


class Wire:
    """Sends requests, on whatever loop is running."""

    def __init__(
        self,
        timeouts: Timeouts,
        *,
        user_agent: str,
        proxy: Proxy | None = None,
        ca: Authorities | None = None,
    ) -> None:
        self._timeouts = timeouts
        self._proxy = proxy
        self._ca = ca
        self._sessions = Sessions(user_agent=user_agent)

    async def exchange(self, request: Request) -> Response | LostError:
        """Send a request and read its answer; an error, which isn't raised, where no whole answer came."""
        started = time.perf_counter()
        path = urlsplit(request.url).path
        try:
            proxy, trusted = self._way(request.url)
        except ValueError as error:
            return LostError(str(error), was_sent=False, may_pass=False)
        try:
            session = await self._sessions.get()
            response = await self._exchange(session, request, proxy, trusted)
        except (aiohttp.ClientError, TimeoutError, ConnectionError, BadBodyError) as error:
            # A full disk is the caller's.
            failed = lost(error, request.url)
            _log.debug("%s %s: %s", request.method, path, failed.reason)
            return failed
        took_ms = (time.perf_counter() - started) * 1000
        _log.debug("%s %s: %d, %.0f ms", request.method, path, response.status, took_ms)
        return response

    async def close(self) -> None:
        """Close the running loop's session, if there is one."""
        await self._sessions.close()

    def _way(self, url: str) -> tuple[Proxy | None, ssl.SSLContext | bool]:
        """Through which proxy, and trusting whom."""
        return proxy_for(url, self._proxy), context_for(self._ca) if url.startswith("https:") else True

    async def _exchange(
        self,
        session: aiohttp.ClientSession,
        request: Request,
        proxy: Proxy | None,
        trusted: ssl.SSLContext | bool,
    ) -> Response:
        timeouts = self._timeouts
        patience_s = timeouts.upload_s if request.is_upload else timeouts.idle_s
        with _upload(request, timeouts.idle_s) as data:
            async with (
                Patience(patience_s) as patience,
                session.request(
                    request.method,
                    URL(request.url, encoded=True),
                    headers=request.headers,
                    data=data,
                    allow_redirects=False,
                    timeout=aiohttp.ClientTimeout(sock_connect=timeouts.connect_s, sock_read=patience_s),
                    ssl=trusted,
                    proxy=proxy.address if proxy else None,
                    proxy_headers=(proxy.headers or None) if proxy else None,
                    trace_request_ctx=patience,
                ) as answer,
            ):
                body = await _read(answer, request, patience)
                headers = {name.lower(): value for name, value in answer.headers.items()}
                return Response(answer.status, headers, body)


async def _read(answer: aiohttp.ClientResponse, request: Request, patience: Patience) -> bytes:
    encoding = answer.headers.get("Content-Encoding", "")
    pieces = bounded(_chunks(answer, patience), encoding=encoding, most_bytes=request.most_bytes)
    async with aclosing(pieces):
        if not 200 <= answer.status < 300:
            return await _refusal(pieces)
        length = answer.content_length
        if length and length > request.most_bytes:
            raise BadBodyError(f"is to have {length:,} bytes, more than such an answer may have", may_pass=False)
        if request.sink is None:
            return await in_memory(pieces, expected=None if encoding else length)
        if isinstance(request.sink, Path):
            with request.sink.open("wb") as file:
                await into_file(pieces, file)
        else:
            request.sink.seek(request.sink_start)
            request.sink.truncate()
            await into_file(pieces, request.sink)
        return b""


async def _chunks(answer: aiohttp.ClientResponse, patience: Patience) -> Chunks:
    async for chunk in answer.content.iter_any():
        patience.received(len(chunk))
        yield chunk


async def _refusal(pieces: Chunks) -> bytes:
    try:
        return await beginning(pieces, _REFUSAL_BYTES)
    except BadBodyError:
        return b""  # the status says enough


class _Upload(payload.Payload):
    """A body of known length, handed over in views of a few hundred kB, without a copy.

    aiohttp's own payload for bytes hands over all at once, which holds up the loop.
    """

    _autoclose = True

    def __init__(
        self, source: memoryview | BinaryIO, *, n_bytes: int, idle_s: float, sent: Callable[[int], None] | None
    ) -> None:
        super().__init__(source, content_type="application/octet-stream")
        self._size = n_bytes
        self._source = source
        self._idle_s = idle_s
        self._sent = sent

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        raise TypeError("an upload isn't text")

    async def write(self, writer: AbstractStreamWriter) -> None:
        n_sent = 0
        for chunk in self._chunks():
            # aiohttp itself would wait for ever for a peer that takes nothing.
            async with asyncio.timeout(self._idle_s):
                await writer.write(chunk)
            n_sent += len(chunk)
            if self._sent is not None:
                self._sent(n_sent)

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        await self.write(writer)

    def _chunks(self) -> Iterator[memoryview | bytes]:
        if isinstance(self._source, memoryview):
            for start in range(0, len(self._source), _CHUNK):
                yield self._source[start : start + _CHUNK]
        else:
            while chunk := self._source.read(_CHUNK):
                yield chunk


@contextmanager
def _upload(request: Request, idle_s: float) -> Iterator[_Upload | None]:
    if request.body is None:
        yield None
    elif isinstance(request.body, Path):
        with request.body.open("rb") as file:
            yield _Upload(file, n_bytes=os.fstat(file.fileno()).st_size, idle_s=idle_s, sent=request.sent)
    else:
        view = memoryview(request.body).cast("B")
        yield _Upload(view, n_bytes=view.nbytes, idle_s=idle_s, sent=request.sent)
