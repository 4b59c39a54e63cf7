"""Ingest jobs over HTTP (wire notes, 3 and 5)."""

from __future__ import annotations

import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiohttp import web

from sfframe.localorg.ingest.job import Job, job_info
from sfframe.localorg.ingest.results import KINDS
from sfframe.localorg.ingest.scan import LINE_ENDS
from sfframe.localorg.web.answers import Area, CsvFile, accepts_csv, empty_answer, list_answer, list_offset
from sfframe.localorg.web.bodies import check_length, read_json, read_multipart, read_state, spool
from sfframe.localorg.web.routes import Route
from sfframe.localorg.wire import Refusal


class IngestJobs(Area):
    """One method for each kind of request about ingest jobs."""

    async def create(self, request: web.BaseRequest, route: Route) -> web.Response:
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
        spooled = self._spool_path()
        spooled.write_bytes(content)
        try:
            job = self._org.jobs.create_whole(body, version, spooled)
        finally:
            spooled.unlink(missing_ok=True)
        # It may run already; what is answered is how it was made.
        return job_info(replace(job, state="UploadComplete"))

    async def put(self, request: web.BaseRequest, route: Route) -> web.Response:
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

    async def patch(self, request: web.BaseRequest, route: Route) -> web.Response:
        job = self._org.jobs.get(route.argument)
        return web.json_response(await self._run(self._change_state, job, await read_state(request)))

    def _change_state(self, job: Job, state: str) -> dict[str, Any]:
        with job.lock:
            self._org.jobs.change_state(job, state)
            return job_info(job)

    async def get_job(self, request: web.BaseRequest, route: Route) -> web.Response:
        return web.json_response(job_info(self._org.jobs.get(route.argument), counters=True))

    async def list(self, request: web.BaseRequest, route: Route) -> web.Response:
        # Chunks by primary key are a matter of API 1's queries: no ingest job has them (3.6).
        is_chunked = request.query.get("isPkChunkingEnabled", "").lower() == "true"
        job_type = "Chunked" if is_chunked else request.query.get("jobType")
        jobs, following = self._org.jobs.page(list_offset(request), job_type)
        records = [job_info(job, listed=True) for job in jobs]
        return list_answer(records, following, f"/services/data/v{route.version}/jobs/ingest", self._org.org_id)

    async def delete(self, request: web.BaseRequest, route: Route) -> web.Response:
        job = self._org.jobs.get(route.argument)
        await self._run(self._org.jobs.delete, job)
        return web.Response(status=204)

    async def results(self, request: web.BaseRequest, route: Route) -> web.StreamResponse:
        job = self._org.jobs.get(route.argument)
        if not accepts_csv(request):
            raise Refusal(406, "NOT_ACCEPTABLE", "Results are text/csv")
        kind = KINDS[route.detail]
        path = await self._run(self._org.results.path, job, kind, route.version)
        manner = self._org.manners.empty_results
        if manner == "header" or self._org.results.rows(job, kind):
            return CsvFile(path)
        return empty_answer(manner, path.read_bytes(), LINE_ENDS[job.line_ending])

    def _spool_path(self) -> Path:
        return self._org.store.uploads / f"750-{secrets.token_hex(8)}.part"
