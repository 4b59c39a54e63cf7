"""Who is logged in, and logging out: identity URL, user info, revocation (OAuth guide; wire notes, 2.2)."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from sfframe.localorg.login.identity import identity, user_info
from sfframe.localorg.objects.ids import normal_id
from sfframe.localorg.web.answers import Area, origin
from sfframe.localorg.web.bodies import read_form
from sfframe.localorg.web.routes import Route


class Identity(Area):
    """Here errors are words, not the JSON of the data endpoints; the gate leaves the tokens to this room."""

    async def user_info(self, request: web.BaseRequest, route: Route) -> web.Response:
        if (refusal := await self._refusal(request)) is not None:
            return refusal
        return web.json_response(user_info(await self._user(), self._org.org_id, origin(request)))

    async def identity(self, request: web.BaseRequest, route: Route) -> web.Response:
        if (refusal := await self._refusal(request)) is not None:
            return refusal
        org_id, user_id = route.parts
        if normal_id(org_id) != self._org.org_id:
            return _words(403, "Wrong_Org")
        if normal_id(user_id) != self._org.user_id:
            return _words(404, "Bad_Id")
        return web.json_response(identity(await self._user(), self._org.org_id, origin(request)))

    async def revoke(self, request: web.BaseRequest, route: Route) -> web.Response:
        fields = request.query if request.method == "GET" else await read_form(request)
        if self._org.tokens.revoke(str(fields.get("token", ""))):
            return web.Response()
        return web.json_response({"error": "invalid_token", "error_description": "invalid token"}, status=400)

    async def _refusal(self, request: web.BaseRequest) -> web.Response | None:
        """A token comes in the header, in the query, or in a form."""
        fields = {**request.query, **(await read_form(request))}
        _, _, token = request.headers.get("Authorization", "").partition(" ")
        token = token or str(fields.get("access_token") or fields.get("oauth_token") or "")
        if not token:
            return _words(403, "Missing_OAuth_Token")
        return None if self._org.tokens.is_valid(token) else _words(403, "Bad_OAuth_Token")

    async def _user(self) -> dict[str, Any]:
        user = self._org.store.sobject("User")
        assert user is not None
        return await self._run(self._org.store.record, user, self._org.user_id) or {"Id": self._org.user_id}


def _words(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=text, content_type="text/html")
