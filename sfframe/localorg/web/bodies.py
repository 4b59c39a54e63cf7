"""What comes with a request: JSON, uploads, both at once; and how large it may be (wire notes, 3.2, 4.2)."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from aiohttp import BodyPartReader, web

from sfframe.localorg.wire import Refusal

# 150 MB after base64.
MAX_UPLOAD = 112_500_000
_MAX_MULTIPART = 100_000
_MAX_JSON = 1_000_000
# Two hundred records; REST itself takes 50 MB (REST guide: limits), this org keeps its memory small.
_MAX_RECORDS = 16_000_000


def check_length(request: web.BaseRequest) -> None:
    """Refuse an upload that says that it is too large, before it comes."""
    if (request.content_length or 0) > MAX_UPLOAD:
        raise _too_large()


async def spool(request: web.BaseRequest, path: Path) -> None:
    """Put an upload into a file."""
    size = 0
    with path.open("wb") as file:
        async for piece in request.content.iter_chunked(1 << 20):
            size += len(piece)
            if size > MAX_UPLOAD:
                raise _too_large()
            file.write(piece)


async def read_json(request: web.BaseRequest) -> dict[str, Any]:
    """The object in a JSON body; gzipped ones are decoded by the HTTP library (wire notes, 8)."""
    return _parsed(await _read_body(request, _MAX_JSON))


async def read_record(request: web.BaseRequest) -> tuple[dict[str, Any], str]:
    """The object in a JSON body whose numbers keep the digits that were sent, and the body's text."""
    body = await _read_body(request, _MAX_RECORDS)
    return _parsed(body), body.decode("utf-8", "replace")


async def _read_body(request: web.BaseRequest, most: int) -> bytes:
    if request.content_type != "application/json":
        text = f"Unsupported content type {request.content_type}; this resource takes application/json"
        raise Refusal(415, "UNSUPPORTED_MEDIA_TYPE", text)
    body = bytearray()
    async for piece in request.content.iter_chunked(1 << 16):
        body += piece
        if len(body) > most:
            raise Refusal(413, "REQUEST_TOO_LARGE", "The request body is too large")
    return bytes(body)


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "JSON_PARSER_ERROR", f"{error}") from None
    if not isinstance(parsed, dict):
        raise Refusal(400, "JSON_PARSER_ERROR", "An object is expected at [line:1, column:1]")
    return parsed


def _no_constant(text: str) -> Any:
    raise ValueError(f"Unexpected token {text}")


async def read_multipart(request: web.BaseRequest) -> tuple[dict[str, Any], bytes]:
    """The job and the data of a multipart create (3.2)."""
    try:
        parts = await _read_parts(request)
    except ValueError as error:
        raise Refusal(400, "API_ERROR", f"Malformed multipart content: {error}") from None
    if parts.keys() != {"job", "content"}:
        raise Refusal(400, "API_ERROR", "A multipart request has the parts 'job' and 'content'")
    if len(parts["content"].decode("utf-8", "replace")) > _MAX_MULTIPART:
        raise _too_large_multipart()
    return _parsed(parts["job"]), parts["content"]


async def _read_parts(request: web.BaseRequest) -> dict[str, bytes]:
    parts: dict[str, bytes] = {}
    size = 0
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            raise Refusal(400, "API_ERROR", "Nested multipart content is not accepted")
        content = bytes(await part.read())
        size += len(content)
        if size > 4 * _MAX_MULTIPART:
            raise _too_large_multipart()
        parts[part.name or ""] = content
    return parts


def _too_large() -> Refusal:
    return Refusal(413, "REQUEST_TOO_LARGE", f"The data of a job is limited to {MAX_UPLOAD} bytes")


def _too_large_multipart() -> Refusal:
    return Refusal(413, "REQUEST_TOO_LARGE", f"Multipart content is limited to {_MAX_MULTIPART} characters")
