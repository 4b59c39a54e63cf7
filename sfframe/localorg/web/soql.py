"""SOQL over REST: `/query`, `/queryAll` and their further pages (SOQL notes, 7, 8)."""

from __future__ import annotations

import json
import re
from typing import Any

from aiohttp import web

from sfframe.localorg.query.columns import columns_of
from sfframe.localorg.query.cursor import MAX_BATCH
from sfframe.localorg.soql import Query, SoqlError
from sfframe.localorg.web.answers import Area
from sfframe.localorg.web.routes import Route
from sfframe.localorg.wire import Refusal

_MIN_BATCH = 200
_WISH = re.compile(r"\bbatchSize\s*=\s*(\d{1,9})(?!\d)", re.IGNORECASE)


class RestQueries(Area):
    """One method for each kind of request."""

    async def query(self, request: web.BaseRequest, route: Route) -> web.Response:
        return await self._first(request, route, all_rows=False)

    async def query_all(self, request: web.BaseRequest, route: Route) -> web.Response:
        return await self._first(request, route, all_rows=True)

    async def query_more(self, request: web.BaseRequest, route: Route) -> web.Response:
        return _json(await self._run(self._more, route, _batch(request)))

    async def _first(self, request: web.BaseRequest, route: Route, *, all_rows: bool) -> web.Response:
        if "explain" in request.query:
            raise Refusal(501, "NOT_IMPLEMENTED", "localorg does not speak query plans: explain")
        soql = request.query.get("q")
        if soql is None:
            raise Refusal(400, "MALFORMED_QUERY", "A query string has to be specified")
        if request.query.get("columns", "").lower() == "true":
            return _json(await self._run(self._columns, soql, all_rows))
        return _json(await self._run(self._open, soql, all_rows, route, _batch(request)))

    def _open(self, soql: str, all_rows: bool, route: Route, batch: int) -> bytes:
        return _written(self._org.cursors.open(self._compiled(soql, all_rows), route.version, batch))

    def _columns(self, soql: str, all_rows: bool) -> bytes:
        return _written(columns_of(self._compiled(soql, all_rows)))

    def _compiled(self, soql: str, all_rows: bool) -> Query:
        try:
            return self._org.compile(soql, all_rows=all_rows)
        except SoqlError as error:
            raise Refusal(error.status, error.code, error.message) from None

    def _more(self, route: Route, batch: int) -> bytes:
        return _written(self._org.cursors.more(route.argument, route.version, batch))


def _batch(request: web.BaseRequest) -> int:
    """How many records a page may have; what the client wishes is no more than a wish (8)."""
    found = _WISH.search(request.headers.get("Sforce-Query-Options", ""))
    return min(MAX_BATCH, max(_MIN_BATCH, int(found[1]))) if found else MAX_BATCH


def _written(answer: dict[str, Any]) -> bytes:
    return json.dumps(answer, separators=(",", ":")).encode()


def _json(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json", charset="UTF-8")
