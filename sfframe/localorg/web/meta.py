"""Who, where, what: tokens, versions, limits, describes (wire notes, 1, 2, 7)."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from aiohttp import web

from sfframe.localorg.login.identity import identity_url
from sfframe.localorg.login.tokens import OAuthError
from sfframe.localorg.objects.standard import name_object
from sfframe.localorg.web.answers import Area, basic_credentials, json_of_version, origin
from sfframe.localorg.web.bodies import read_form, read_text
from sfframe.localorg.web.routes import Route, versions
from sfframe.localorg.wire import Refusal

_RESOURCES = ("composite", "jobs", "limits", "query", "queryAll", "sobjects")


class Meta(Area):
    """What is asked before any data goes."""

    async def token(self, request: web.BaseRequest, route: Route) -> web.Response:
        tokens = self._org.tokens
        if route.detail == "soap":
            status, text = await self._run(tokens.soap, route.version, await read_text(request), origin(request))
            return web.Response(status=status, text=text, content_type="text/xml", charset="UTF-8")
        form = await read_form(request)
        try:
            return web.json_response(await self._run(tokens.answer, form, basic_credentials(request), origin(request)))
        except OAuthError as error:
            return web.json_response(error.body(), status=400)

    async def versions(self, request: web.BaseRequest, route: Route) -> web.Response:
        return web.json_response(versions())

    async def resources(self, request: web.BaseRequest, route: Route) -> web.Response:
        base = f"/services/data/v{route.version}"
        found = {name: f"{base}/{name}" for name in _RESOURCES}
        found["identity"] = identity_url(origin(request), self._org.org_id, self._org.user_id)
        return web.json_response(found)

    async def limits(self, request: web.BaseRequest, route: Route) -> web.Response:
        manners = self._org.manners
        if not manners.shows_limits:
            raise Refusal(403, "INSUFFICIENT_ACCESS", "insufficient access rights on cross-reference id")
        calls = manners.daily_api_requests - self._org.calls.used
        batches = manners.daily_batches - self._org.jobs.batches.used
        limits = {
            "DailyApiRequests": (manners.daily_api_requests, calls),
            "DailyBulkApiBatches": (manners.daily_batches, batches),
            "DailyBulkV2QueryFileStorageMB": (976_562, 976_562),
            "DailyBulkV2QueryJobs": (manners.daily_query_jobs, manners.daily_query_jobs - self._org.queries.today.used),
            "DataStorageMB": (1_024, 1_024),
            "FileStorageMB": (1_024, 1_024),
        }
        return web.json_response(
            {key: {"Max": most, "Remaining": max(0, left)} for key, (most, left) in limits.items()}
        )

    async def sobjects(self, request: web.BaseRequest, route: Route) -> web.Response:
        objects = sorted(self._org.store.objects.values(), key=lambda sobject: sobject.name)
        found = [sobject.basics for sobject in objects]
        return json_of_version({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": found}, route.version)

    async def describe(self, request: web.BaseRequest, route: Route) -> web.Response:
        if route.argument.lower() == "name" and self._org.store.sobject("Name") is None:
            return json_of_version(name_object(), route.version)
        sobject = self._org.store.existing(route.argument)
        modified = sobject.modified.astimezone(UTC).replace(microsecond=0)
        headers = {"Last-Modified": format_datetime(modified, usegmt=True)}
        since = _http_date(request.headers.get("If-Modified-Since"))
        if since is not None and modified <= since:
            return web.Response(status=304, headers=headers)
        return json_of_version(sobject.answer, route.version, headers)


def _http_date(text: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text) if text else None
    except ValueError:
        return None
    # A date without a zone, or with the one that says so, is UTC.
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)
