"""Who answers which request, and what all answers share."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web

from sfframe.localorg.org import Org
from sfframe.localorg.web.routes import Route
from sfframe.localorg.wire import Refusal

T = TypeVar("T")
_ID_FOR_LOCATORS = "01g"
_HOST = re.compile(r"([\w.-]+|\[[\da-f:.]+\])(:\d{1,5})?", re.ASCII | re.IGNORECASE)
Answer = Callable[[web.BaseRequest, Route], Awaitable[web.StreamResponse]]


class Area:
    """Answers of one kind: a method for each route, called as the route's `answer` says.

    Args:
        org: Who is asked.
        executor: Where everything runs that touches the database.
    """

    def __init__(self, org: Org, executor: Executor) -> None:
        self._org, self._executor = org, executor

    async def _run(self, call: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, call, *args)


class CsvFile(web.FileResponse):
    """A result file. Its charset isn't named, it is UTF-8 (5)."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, headers={"Content-Type": "text/csv"})
        self.path = path


def empty_answer(manner: str, header: bytes, line_end: str, headers: dict[str, str] | None = None) -> web.Response:
    """Results without rows, in one of the forms in which orgs give them (wire notes, 5.1 and 6.3).

    Args:
        manner: `Manners.empty_results`.
        header: The header line.
        line_end: The job's.
        headers: Of the answer.
    """
    if manner == "no_content":
        return web.Response(status=204, headers=headers)
    bodies = {"zero_bytes": b"", "blank_line": header + line_end.encode()}
    return web.Response(body=bodies.get(manner, header), headers={**(headers or {}), "Content-Type": "text/csv"})


def find_answer(areas: tuple[Area, ...], route: Route) -> Answer:
    """The method that answers a route."""
    found = (getattr(area, route.answer, None) for area in areas)
    answer: Answer = next(method for method in found if method is not None)
    return answer


def json_of_version(answer: Any, version: str, headers: dict[str, str] | None = None) -> web.Response:
    """A JSON answer in which `{version}` stands for the API version that was asked."""
    text = json.dumps(answer).replace("v{version}", f"v{version}")
    return web.Response(text=text, content_type="application/json", headers=headers)


def origin(request: web.BaseRequest) -> str:
    """Scheme and host by which a request has come; what is told to the client leads there."""
    host = request.headers.get("Host", "")
    if not _HOST.fullmatch(host):
        address, port = request.get_extra_info("sockname")[:2]
        host = f"{address}:{port}"
    return f"{request.scheme}://{host}"


def accepts_csv(request: web.BaseRequest) -> bool:
    accepted = request.headers.get("Accept", "*/*").lower()
    return any(kind in accepted for kind in ("*/*", "text/*", "text/csv", "application/json"))


def list_offset(request: web.BaseRequest) -> int:
    """Where the asked page of a job list begins (3.6)."""
    locator = request.query.get("queryLocator")
    if locator is None:
        return 0
    _, _, offset = locator.rpartition("-")
    if not (offset.isascii() and offset.isdecimal() and len(offset) < 19):
        raise Refusal(400, "INVALID_QUERY_LOCATOR", f"Invalid locator: {locator}")
    return int(offset)


def list_answer(records: list[dict[str, Any]], following: int | None, path: str, org_id: str) -> web.Response:
    """A page of a job list, with the link to the next one where there is one."""
    link = None if following is None else f"{path}?queryLocator={_ID_FOR_LOCATORS}{org_id[3:]}-{following}"
    return web.json_response({"done": link is None, "records": records, "nextRecordsUrl": link})


def basic_credentials(request: web.BaseRequest) -> tuple[str, str] | None:
    """User and password of HTTP Basic; None where the request has another authorization, or none."""
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, _, secret = base64.b64decode(credentials).decode().partition(":")
    except ValueError:
        return "", ""
    return user, secret
