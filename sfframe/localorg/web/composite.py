"""Requests within a request (REST guide: Composite, Composite Batch)."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import Executor
from typing import Any, cast
from urllib.parse import parse_qsl

from aiohttp import web
from multidict import CIMultiDict, MultiDict

from sfframe.localorg.org import Org
from sfframe.localorg.web.answers import Area, find_answer
from sfframe.localorg.web.bodies import read_json
from sfframe.localorg.web.routes import Route, find_route
from sfframe.localorg.wire import Refusal

_MOST = 25
_REFERENCE = re.compile(r"@\{([A-Za-z0-9_]+)((?:\.[A-Za-z0-9_]+|\[\d+\])*)\}")
_STEP = re.compile(r"\.([A-Za-z0-9_]+)|\[(\d+)\]")
# Areas that a request may reach from within another: records, their descriptions and queries, but no jobs.
_WITHIN = frozenset({"rest", "describe", "limits", "sobjects", "resources"})


class CompositeAnswers(Area):
    """Answers requests that come in one body, one after the other, each as if it had come by itself.

    Args:
        org: Who is asked.
        executor: Where everything runs that touches the database.
        areas: What answers the requests within.
    """

    def __init__(self, org: Org, executor: Executor, areas: tuple[Area, ...]) -> None:
        super().__init__(org, executor)
        self._areas = areas

    async def composite(self, request: web.BaseRequest, route: Route) -> web.Response:
        """Requests that may name what earlier ones answered: `@{ref.id}`."""
        body = await read_json(request)
        if body.get("allOrNone"):
            raise Refusal(501, "NOT_IMPLEMENTED", "localorg does not speak allOrNone in a composite request")
        answered: dict[str, Any] = {}
        answers = []
        for inner in _requests(body, "compositeRequest"):
            reference = inner.get("referenceId")
            if not isinstance(reference, str) or reference in answered:
                raise Refusal(400, "INVALID_INPUT", f"Each request needs a referenceId of its own: {reference}")
            try:
                wanted = _resolved({"url": inner.get("url"), "body": inner.get("body")}, answered)
                status, content, headers = await self._answer(
                    request, inner.get("method"), wanted["url"], wanted["body"], inner.get("httpHeaders")
                )
            except Refusal as refusal:
                status, content, headers = refusal.status, refusal.body(), {}
            answered[reference] = content if status < 400 else None
            shown = {name: value for name, value in headers.items() if name == "Location"}
            answers.append({"body": content, "httpHeaders": shown, "httpStatusCode": status, "referenceId": reference})
        return web.json_response({"compositeResponse": answers})

    async def composite_batch(self, request: web.BaseRequest, route: Route) -> web.Response:
        """Requests that know nothing of each other."""
        body = await read_json(request)
        results: list[dict[str, Any]] = []
        has_errors = False
        for inner in _requests(body, "batchRequests"):
            if has_errors and body.get("haltOnError"):
                halted = Refusal(412, "BATCH_PROCESSING_HALTED", "Batch processing halted per request")
                results.append({"statusCode": halted.status, "result": halted.body()})
                continue
            url = inner.get("url")
            if isinstance(url, str) and not url.startswith("/services/"):
                url = f"/services/data/{url.lstrip('/')}"
            status, content, _ = await self._answer(request, inner.get("method"), url, inner.get("richInput"), None)
            has_errors |= status >= 400
            results.append({"statusCode": status, "result": content})
        return web.json_response({"hasErrors": has_errors, "results": results})

    async def _answer(
        self, outer: web.BaseRequest, method: Any, url: Any, body: Any, headers: Any
    ) -> tuple[int, Any, Mapping[str, str]]:
        try:
            if not isinstance(method, str) or not isinstance(url, str):
                raise Refusal(400, "INVALID_INPUT", "A request needs a method and a url")
            path, _, query = url.partition("?")
            route = find_route(method, path)
            if route.kind not in _WITHIN or route.answer.startswith("composite"):
                text = f"localorg does not speak this within another request: {method} {path}"
                raise Refusal(501, "NOT_IMPLEMENTED", text)
            inner = cast(web.BaseRequest, Inner(outer, method, url, query, body, headers))
            answer = await find_answer(self._areas, route)(inner, route)
        except Refusal as refusal:
            return refusal.status, refusal.body(), {}
        said = answer.text if isinstance(answer, web.Response) else None
        return answer.status, json.loads(said) if said else None, answer.headers


class Inner:
    """A request that came within another, as far as the areas look at it."""

    def __init__(self, outer: web.BaseRequest, method: str, url: str, query: str, body: Any, headers: Any) -> None:
        self.scheme, self.get_extra_info = outer.scheme, outer.get_extra_info
        self.method, self.raw_path, self.path_qs = method, url, url
        self.query = MultiDict(parse_qsl(query, keep_blank_values=True))
        given = headers if isinstance(headers, Mapping) else {}
        self.headers = CIMultiDict({str(name): str(value) for name, value in given.items()})
        # It has come by the way of the outer one.
        self.headers["Host"] = outer.headers.get("Host", "")
        self.content_type = "application/json"
        self._body = b"" if body is None else json.dumps(body, default=str).encode()
        self.content_length = len(self._body)
        self.content = self

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        for start in range(0, len(self._body), size):
            yield self._body[start : start + size]

    async def read(self) -> bytes:
        return self._body


def _requests(body: Mapping[str, Any], member: str) -> list[Mapping[str, Any]]:
    requests = body.get(member)
    if not isinstance(requests, list) or not all(isinstance(inner, Mapping) for inner in requests):
        raise Refusal(400, "JSON_PARSER_ERROR", f"A list of requests is expected in {member} at [line:1, column:1]")
    if len(requests) > _MOST:
        raise Refusal(400, "LIMIT_EXCEEDED", f"The request limit of {_MOST} was exceeded")
    return requests


def _resolved(value: Any, answered: Mapping[str, Any]) -> Any:
    """A value in which references to earlier answers are replaced."""
    if isinstance(value, str):
        return _REFERENCE.sub(lambda match: _referred(match[1], match[2], answered), value)
    if isinstance(value, Mapping):
        return {key: _resolved(inner, answered) for key, inner in value.items()}
    return [_resolved(inner, answered) for inner in value] if isinstance(value, list) else value


def _referred(reference: str, path: str, answered: Mapping[str, Any]) -> str:
    found: Any = answered.get(reference)
    for step in _STEP.finditer(path):
        if step[1] is not None:
            found = found.get(step[1]) if isinstance(found, Mapping) else None
        else:
            place = int(step[2])
            found = found[place] if isinstance(found, list) and place < len(found) else None
    if found is None or isinstance(found, Mapping | list):
        text = f"Invalid reference specified. No value for {reference}{path} found in {reference}"
        raise Refusal(400, "PROCESSING_HALTED", text)
    return str(found)
