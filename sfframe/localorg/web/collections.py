"""Collections of records over HTTP (REST guide: sObject Collections)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from sfframe.localorg.rest.outcome import Outcome
from sfframe.localorg.web.answers import Area
from sfframe.localorg.web.bodies import read_record
from sfframe.localorg.web.routes import Route
from sfframe.localorg.wire import Refusal


class CollectionAnswers(Area):
    """One method for each kind of request about many records. A request that can be read is 200, whatever fails."""

    async def many_create(self, request: web.BaseRequest, route: Route) -> web.Response:
        body, text = await read_record(request)
        return _answer(await self._run(self._org.collections.save, "insert", body, text))

    async def many_update(self, request: web.BaseRequest, route: Route) -> web.Response:
        body, text = await read_record(request)
        return _answer(await self._run(self._org.collections.save, "update", body, text))

    async def many_upsert(self, request: web.BaseRequest, route: Route) -> web.Response:
        body, text = await read_record(request)
        collections, key = self._org.collections, unquote(route.parts[1])
        return _answer(await self._run(collections.upsert, route.argument, key, body, text), upsert=True)

    async def many_delete(self, request: web.BaseRequest, route: Route) -> web.Response:
        ids, whole = request.query.get("ids"), request.query.get("allOrNone")
        return _answer(await self._run(self._org.collections.delete, ids, whole))

    async def many_get(self, request: web.BaseRequest, route: Route) -> web.Response:
        ids, fields = request.query.get("ids"), request.query.get("fields")
        if not ids:
            raise Refusal(400, "MISSING_ARGUMENT", "The ids parameter is required")
        return await self._retrieve(route, ids.split(","), fields.split(",") if fields else None)

    async def many_post_get(self, request: web.BaseRequest, route: Route) -> web.Response:
        """The same with ids and fields in the body, where more of them fit in."""
        body, _ = await read_record(request)
        return await self._retrieve(route, _texts(body, "ids"), _texts(body, "fields"))

    async def _retrieve(self, route: Route, ids: Sequence[str], fields: Sequence[str] | None) -> web.Response:
        found = await self._run(self._org.collections.retrieve, route.argument, ids, fields, route.version)
        return web.json_response(found)


def _answer(outcomes: Sequence[Outcome], *, upsert: bool = False) -> web.Response:
    return web.json_response([outcome.body(upsert=upsert) for outcome in outcomes])


def _texts(body: dict[str, Any], member: str) -> list[str]:
    texts = body.get(member)
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise Refusal(400, "JSON_PARSER_ERROR", f"A list of texts is expected in {member} at [line:1, column:1]")
    return texts
