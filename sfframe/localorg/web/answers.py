"""Who answers which request, and what all answers share."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web

from sfframe.localorg.org import Org
from sfframe.localorg.web.routes import Route

T = TypeVar("T")
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


def find_answer(areas: tuple[Area, ...], route: Route) -> Answer:
    """The method that answers a route."""
    found = (getattr(area, route.answer, None) for area in areas)
    answer: Answer = next(method for method in found if method is not None)
    return answer


def json_of_version(answer: Any, version: str, headers: dict[str, str] | None = None) -> web.Response:
    """A JSON answer in which `{version}` stands for the API version that was asked."""
    text = json.dumps(answer).replace("v{version}", f"v{version}")
    return web.Response(text=text, content_type="application/json", headers=headers)


def accepts_csv(request: web.BaseRequest) -> bool:
    accepted = request.headers.get("Accept", "*/*").lower()
    return any(kind in accepted for kind in ("*/*", "text/*", "text/csv", "application/json"))
