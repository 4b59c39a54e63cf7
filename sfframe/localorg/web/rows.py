"""Single records over HTTP (REST guide: sObject Basic Information, sObject Rows, Rows by External ID)."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from aiohttp import web

from sfframe.localorg.objects.schema import SObject
from sfframe.localorg.rest.outcome import Outcome
from sfframe.localorg.web.answers import Area, json_of_version
from sfframe.localorg.web.bodies import read_record
from sfframe.localorg.web.routes import Route

# From here on an upsert that changes a record says which one.
_UPSERT_ANSWERS = 46.0


class Rows(Area):
    """One method for each kind of request about a record."""

    async def object_info(self, request: web.BaseRequest, route: Route) -> web.Response:
        records, sobject = self._org.records, self._sobject(route)
        return json_of_version(await self._run(records.basics, sobject, route.version), route.version)

    async def row_create(self, request: web.BaseRequest, route: Route) -> web.Response:
        records, sobject = self._org.records, self._sobject(route)
        record, body = await read_record(request)
        outcome = await self._run(records.create, sobject, record, body)
        return self._created(outcome, route)

    async def row_get(self, request: web.BaseRequest, route: Route) -> web.Response:
        records, sobject = self._org.records, self._sobject(route)
        fields = request.query.get("fields")
        return web.json_response(await self._run(records.get, sobject, unquote(route.parts[1]), fields, route.version))

    async def row_update(self, request: web.BaseRequest, route: Route) -> web.Response:
        records, sobject = self._org.records, self._sobject(route)
        record, body = await read_record(request)
        await self._run(records.update, sobject, unquote(route.parts[1]), record, body)
        return web.Response(status=204)

    async def row_delete(self, request: web.BaseRequest, route: Route) -> web.Response:
        records, sobject = self._org.records, self._sobject(route)
        await self._run(records.delete, sobject, unquote(route.parts[1]))
        return web.Response(status=204)

    # By a key of the record's own.

    async def key_get(self, request: web.BaseRequest, route: Route) -> web.Response:
        records, sobject = self._org.records, self._sobject(route)
        key, text = records.key(sobject, unquote(route.parts[1])), unquote(route.parts[2])
        fields = request.query.get("fields")
        return web.json_response(await self._run(records.get_by_key, sobject, key, text, fields, route.version))

    async def key_upsert(self, request: web.BaseRequest, route: Route) -> web.Response:
        records, sobject = self._org.records, self._sobject(route)
        key, text = records.key(sobject, unquote(route.parts[1])), unquote(route.parts[2])
        record, body = await read_record(request)
        only = request.query.get("updateOnly", "").lower() == "true"
        outcome = await self._run(lambda: records.upsert(sobject, key, text, record, body, route.version, only=only))
        if outcome.created:
            return self._created(outcome, route, created=True)
        if float(route.version) < _UPSERT_ANSWERS:
            return web.Response(status=204)
        return web.json_response(outcome.body(upsert=True))

    async def key_delete(self, request: web.BaseRequest, route: Route) -> web.Response:
        records, sobject = self._org.records, self._sobject(route)
        key, text = records.key(sobject, unquote(route.parts[1])), unquote(route.parts[2])
        await self._run(records.delete_by_key, sobject, key, text, route.version)
        return web.Response(status=204)

    # What has changed.

    async def updated(self, request: web.BaseRequest, route: Route) -> web.Response:
        return await self._changes(request, route, self._org.changes.updated)

    async def deleted(self, request: web.BaseRequest, route: Route) -> web.Response:
        return await self._changes(request, route, self._org.changes.deleted)

    async def _changes(self, request: web.BaseRequest, route: Route, answer: Any) -> web.Response:
        sobject = self._sobject(route)
        start, end = request.query.get("start"), request.query.get("end")
        return web.json_response(await self._run(answer, sobject, start, end))

    def _sobject(self, route: Route) -> SObject:
        return self._org.store.existing(route.argument)

    def _created(self, outcome: Outcome, route: Route, *, created: bool = False) -> web.Response:
        sobject = self._sobject(route)
        url = f"/services/data/v{route.version}/sobjects/{sobject.name}/{outcome.id}"
        return web.json_response(outcome.body(upsert=created), status=201, headers={"Location": url})
