"""One method for each kind of request: what is asked for, and the answer in its HTTP shape."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import secrets
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web

from sfframe.localorg.bodies import check_length, read_json, read_multipart, spool
from sfframe.localorg.job import Job, job_info
from sfframe.localorg.org import Org
from sfframe.localorg.results import KINDS
from sfframe.localorg.routes import Route, versions
from sfframe.localorg.tokens import OAuthError
from sfframe.localorg.wire import Refusal, not_found

T = TypeVar("T")
Answer = Callable[[web.BaseRequest, Route], Awaitable[web.StreamResponse]]

_ID_FOR_LOCATORS = "01g"


class CsvFile(web.FileResponse):
    """A result file. Its charset isn't named, it is UTF-8 (5)."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, headers={"Content-Type": "text/csv"})
        self.path = path


class Answers:
    """The answers of one org. Whatever touches the database runs in the executor."""

    def __init__(self, org: Org, executor: Executor) -> None:
        self._org, self._executor = org, executor

    def of(self, kind: str) -> Answer:
        return getattr(self, f"_{kind}")  # type: ignore[no-any-return]  # the methods below, by the names of the routes

    async def _run(self, call: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, call, *args)

    # Who, where, what.

    async def _token(self, request: web.BaseRequest, route: Route) -> web.Response:
        tokens = self._org.tokens
        if route.detail == "soap":
            status, text = await self._run(tokens.soap, route.version, await request.read())
            return web.Response(status=status, text=text, content_type="text/xml", charset="UTF-8")
        form = {key: value for key, value in (await request.post()).items() if isinstance(value, str)}
        try:
            return web.json_response(await self._run(tokens.answer, form, _basic(request)))
        except OAuthError as error:
            return web.json_response(error.body(), status=400)

    async def _versions(self, request: web.BaseRequest, route: Route) -> web.Response:
        return web.json_response(versions())

    async def _resources(self, request: web.BaseRequest, route: Route) -> web.Response:
        base = f"/services/data/v{route.version}"
        return web.json_response({name: f"{base}/{name}" for name in ("jobs", "limits", "sobjects")})

    async def _limits(self, request: web.BaseRequest, route: Route) -> web.Response:
        manners = self._org.manners
        calls = manners.daily_api_requests - self._org.api_calls
        batches = manners.daily_batches - self._org.jobs.batches_today
        limits = {
            "DailyApiRequests": (manners.daily_api_requests, calls),
            "DailyBulkApiBatches": (manners.daily_batches, batches),
            "DailyBulkV2QueryFileStorageMB": (976_562, 976_562),
            "DailyBulkV2QueryJobs": (10_000, 10_000),
            "DataStorageMB": (1_024, 1_024),
            "FileStorageMB": (1_024, 1_024),
        }
        return web.json_response(
            {key: {"Max": most, "Remaining": max(0, left)} for key, (most, left) in limits.items()}
        )

    async def _sobjects(self, request: web.BaseRequest, route: Route) -> web.Response:
        keep = {"name", "label", "labelPlural", "keyPrefix", "custom", "customSetting", "createable", "updateable"}
        keep |= {"deletable", "undeletable", "queryable", "retrieveable", "mergeable", "searchable", "urls"}
        found = [
            {key: value for key, value in sobject.answer.items() if key in keep}
            for sobject in sorted(self._org.store.objects.values(), key=lambda sobject: sobject.name)
        ]
        return _json_of_version({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": found}, route.version)

    async def _describe(self, request: web.BaseRequest, route: Route) -> web.Response:
        sobject = self._org.store.sobject(route.argument)
        if sobject is None:
            raise not_found()
        modified = sobject.modified.astimezone(UTC).replace(microsecond=0)
        headers = {"Last-Modified": format_datetime(modified, usegmt=True)}
        since = _http_date(request.headers.get("If-Modified-Since"))
        if since is not None and modified <= since:
            return web.Response(status=304, headers=headers)
        return _json_of_version(sobject.answer, route.version, headers)

    # Ingest jobs.

    async def _create(self, request: web.BaseRequest, route: Route) -> web.Response:
        if request.content_type == "multipart/form-data":
            return await self._create_whole(request, route)
        body = await read_json(request)
        job = await self._run(self._org.jobs.create, body, route.version)
        return web.json_response(job_info(job))

    async def _create_whole(self, request: web.BaseRequest, route: Route) -> web.Response:
        """Job, data and closing in one request (3.2)."""
        job_part, content = await read_multipart(request)
        job = await self._run(self._make_whole, job_part, route.version, content)
        return web.json_response(job)

    def _make_whole(self, body: dict[str, Any], version: str, content: bytes) -> dict[str, Any]:
        jobs = self._org.jobs
        job = jobs.create(body, version)
        spooled = self._spool_path()
        spooled.write_bytes(content)
        with job.lock:
            jobs.take_upload(job, spooled)
            jobs.change_state(job, "UploadComplete")
            return job_info(job)

    async def _put(self, request: web.BaseRequest, route: Route) -> web.Response:
        jobs = self._org.jobs
        job = jobs.get(route.argument)
        if request.content_type != "text/csv":
            text = f"Unsupported content type {request.content_type}; the data of a job is text/csv"
            raise Refusal(415, "UNSUPPORTED_MEDIA_TYPE", text)
        jobs.check_open_for_upload(job)
        check_length(request)
        spooled = self._spool_path()
        try:
            await spool(request, spooled)
            await self._run(jobs.take_upload, job, spooled)
        finally:
            spooled.unlink(missing_ok=True)
        return web.Response(status=201)

    async def _patch(self, request: web.BaseRequest, route: Route) -> web.Response:
        job = self._org.jobs.get(route.argument)
        body = await read_json(request)
        if not isinstance(body.get("state"), str):
            raise Refusal(400, "API_ERROR", "Invalid value: '' supplied for property: 'state'")
        return web.json_response(await self._run(self._change_state, job, body["state"]))

    def _change_state(self, job: Job, state: str) -> dict[str, Any]:
        with job.lock:
            self._org.jobs.change_state(job, state)
            return job_info(job)

    async def _get_job(self, request: web.BaseRequest, route: Route) -> web.Response:
        return web.json_response(job_info(self._org.jobs.get(route.argument), counters=True))

    async def _list(self, request: web.BaseRequest, route: Route) -> web.Response:
        offset = _offset(request.query.get("queryLocator"))
        jobs, following = self._org.jobs.page(offset, request.query.get("jobType"))
        link = None
        if following is not None:
            locator = f"{_ID_FOR_LOCATORS}{self._org.org_id[3:]}-{following}"
            link = f"/services/data/v{route.version}/jobs/ingest?queryLocator={locator}"
        records = [job_info(job, listed=True) for job in jobs]
        return web.json_response({"done": link is None, "records": records, "nextRecordsUrl": link})

    async def _delete(self, request: web.BaseRequest, route: Route) -> web.Response:
        job = self._org.jobs.get(route.argument)
        await self._run(self._org.jobs.delete, job)
        return web.Response(status=204)

    async def _results(self, request: web.BaseRequest, route: Route) -> web.StreamResponse:
        job = self._org.jobs.get(route.argument)
        if not _accepts_csv(request):
            raise Refusal(406, "NOT_ACCEPTABLE", "Results are text/csv")
        kind = KINDS[route.detail]
        path = await self._run(self._org.results.path, job, kind, route.version)
        return self._results_answer(
            path, is_empty=not self._org.results.rows(job, kind), crlf=job.line_ending == "CRLF"
        )

    def _results_answer(self, path: Path, *, is_empty: bool, crlf: bool) -> web.StreamResponse:
        """A file, or one of the forms in which there's nothing (5.1)."""
        manner = self._org.manners.empty_results if is_empty else "header"
        if manner == "no_content":
            return web.Response(status=204)
        if manner == "zero_bytes":
            return web.Response(body=b"", content_type="text/csv")
        if manner == "blank_line":
            return web.Response(body=path.read_bytes() + (b"\r\n" if crlf else b"\n"), content_type="text/csv")
        return CsvFile(path)

    def _spool_path(self) -> Path:
        return self._org.store.uploads / f"750-{secrets.token_hex(8)}.part"


def _json_of_version(answer: Any, version: str, headers: dict[str, str] | None = None) -> web.Response:
    text = json.dumps(answer).replace("v{version}", f"v{version}")
    return web.Response(text=text, content_type="application/json", headers=headers)


def _basic(request: web.BaseRequest) -> tuple[str, str] | None:
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, _, secret = base64.b64decode(credentials).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return user, secret


def _http_date(text: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(text) if text else None
    except ValueError:
        return None


def _offset(locator: str | None) -> int:
    if locator is None:
        return 0
    _, _, offset = locator.rpartition("-")
    if not offset.isdecimal():
        raise Refusal(400, "INVALID_QUERY_LOCATOR", f"Invalid locator: {locator}")
    return int(offset)


def _accepts_csv(request: web.BaseRequest) -> bool:
    accepted = request.headers.get("Accept", "*/*").lower()
    return any(kind in accepted for kind in ("*/*", "text/*", "text/csv", "application/json"))
