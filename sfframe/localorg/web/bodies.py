"""What comes with a request: JSON, uploads, both at once; and how large it may be (wire notes, 3.2, 4.2)."""

from __future__ import annotations

import asyncio
import json
import re
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from sfframe.localorg.web.multipart import read_parts
from sfframe.localorg.wire import Refusal

# 150 MB after base64.
MAX_UPLOAD = 112_500_000
_MAX_MULTIPART = 100_000
# What so many characters may take, with the job beside them.
_MAX_MULTIPART_BYTES = 5 * _MAX_MULTIPART
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_FORM = "application/x-www-form-urlencoded"
_MAX_FORM, _MAX_FIELDS = 100_000, 100
_MAX_JSON = 1_000_000
# Two hundred records; REST itself takes 50 MB (REST guide: limits), this org keeps its memory small.
_MAX_RECORDS = 16_000_000
# So long a body may take that is held in memory; uploads may take longer, they go into files.
BODY_S = 60.0


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


async def read_state(request: web.BaseRequest) -> str:
    """The state that a job shall go into (3.4)."""
    state = (await read_json(request)).get("state")
    if not isinstance(state, str):
        raise Refusal(400, "API_ERROR", "Invalid value: '' supplied for property: 'state'")
    return state


async def read_record(request: web.BaseRequest) -> tuple[dict[str, Any], str]:
    """The object in a JSON body whose numbers keep the digits that were sent, and the body's text."""
    body = await _read_body(request, _MAX_RECORDS)
    return _parsed(body), body.decode("utf-8", "replace")


async def _read_body(request: web.BaseRequest, most: int) -> bytes:
    if request.content_type != "application/json":
        text = f"Unsupported content type {request.content_type}; this resource takes application/json"
        raise Refusal(415, "UNSUPPORTED_MEDIA_TYPE", text)
    return await _read_whole(request, most)


async def read_form(request: web.BaseRequest) -> dict[str, str]:
    """The fields of a form; of those that are there twice the last one. Another kind of body has none."""
    body = await _read_whole(request, _MAX_FORM)
    if request.content_type != _FORM:
        return {}
    try:
        return dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True, max_num_fields=_MAX_FIELDS))
    except ValueError:
        raise _body_too_large() from None


async def read_text(request: web.BaseRequest) -> bytes:
    """A body of no more than a form's size."""
    return await _read_whole(request, _MAX_FORM)


async def _read_whole(request: web.BaseRequest, most: int, refusal: Refusal | None = None) -> bytes:
    if (request.content_length or 0) > most:
        raise refusal or _body_too_large()
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for piece in request.content.iter_chunked(1 << 16):
                body += piece
                if len(body) > most:
                    raise refusal or _body_too_large()
    except TimeoutError:
        raise Refusal(408, "REQUEST_TIMEOUT", "The body of the request took too long to come") from None
    return bytes(body)


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        text = body.decode("utf-8-sig")
        parsed = json.loads(text, parse_float=Decimal, parse_constant=_no_constant)
        if _HALF.search(text):
            parsed = _without_halves(parsed)
    except InvalidOperation:
        raise Refusal(400, "JSON_PARSER_ERROR", "A number is out of range") from None
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "JSON_PARSER_ERROR", f"{error}") from None
    if not isinstance(parsed, dict):
        raise Refusal(400, "JSON_PARSER_ERROR", "An object is expected at [line:1, column:1]")
    return parsed


def _without_halves(value: Any) -> Any:
    """Halves of a surrogate pair that stand alone are no text; Java writes a replacement for them too."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_without_halves(name): _without_halves(inner) for name, inner in value.items()}
    return [_without_halves(inner) for inner in value] if isinstance(value, list) else value


def _no_constant(text: str) -> Any:
    raise ValueError(f"Unexpected token {text}")


async def read_multipart(request: web.BaseRequest) -> tuple[dict[str, Any], bytes]:
    """The job and the data of a multipart create (3.2)."""
    body = await _read_whole(request, _MAX_MULTIPART_BYTES, _too_large_multipart())
    try:
        parts = read_parts(request.headers.get("Content-Type", ""), body)
    except ValueError as error:
        raise Refusal(400, "API_ERROR", f"Malformed multipart content: {error}") from None
    if parts.keys() != {"job", "content"}:
        raise Refusal(400, "API_ERROR", "A multipart request has the parts 'job' and 'content'")
    if len(parts["content"].decode("utf-8", "replace")) > _MAX_MULTIPART:
        raise _too_large_multipart()
    return _parsed(parts["job"]), parts["content"]


def _body_too_large() -> Refusal:
    return Refusal(413, "REQUEST_TOO_LARGE", "The request body is too large")


def _too_large() -> Refusal:
    return Refusal(413, "REQUEST_TOO_LARGE", f"The data of a job is limited to {MAX_UPLOAD} bytes")


def _too_large_multipart() -> Refusal:
    return Refusal(413, "REQUEST_TOO_LARGE", f"Multipart content is limited to {_MAX_MULTIPART} characters")
