"""Before a request is one: what can't be read or is too long is refused as by the org's edge (wire notes, 9)."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

_logger = logging.getLogger(__name__)
# The address, and all headers with it (9.2). One more for the latter tells in an error which of the two it was.
_MAX_HEAD = 16_384
_MAX_FIELD = _MAX_HEAD + 1
# More are refused by newer versions of aiohttp itself.
_MAX_HEADERS = 128


class Front(web.Server):
    """Makes the protocol of each connection.

    Args:
        handle: Answers a request.
    """

    def __init__(self, handle: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> None:
        super().__init__(handle, access_log=None, max_line_size=_MAX_HEAD, max_field_size=_MAX_FIELD)

    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


class _Connection(web.RequestHandler):
    """aiohttp would answer and log what was sent, credentials and all."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if request.writer.output_size > 0:
            raise ConnectionError("a part of the answer is sent already")
        if isinstance(exc, LineTooLong):
            status = 414 if str(exc.args[1]) == str(_MAX_HEAD) else 431
        elif "Too many headers" in str(message):
            status = 431
        answer = bad_message(status)
        answer.force_close()
        return answer

    def log_exception(self, *args: Any, **kw: Any) -> None:
        error = kw.get("exc_info")
        _logger.debug("a connection of the local org ended: %s", type(error).__name__)


def is_too_long(request: web.BaseRequest) -> bool:
    """Whether address and headers are longer than an org takes."""
    size = len(request.raw_path) + sum(len(name) + len(value) + 4 for name, value in request.raw_headers)
    return size > _MAX_HEAD or len(request.raw_headers) > _MAX_HEADERS


def bad_message(status: int) -> web.Response:
    """The page by which the edge refuses (9.1)."""
    reason = HTTPStatus(status).phrase
    text = f"<h1>Bad Message {status}</h1><pre>reason: {reason}</pre>"
    return web.Response(status=status, text=text, content_type="text/html")
