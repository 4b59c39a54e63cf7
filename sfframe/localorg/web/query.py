"""Query jobs over HTTP (wire notes, 6)."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from sfframe.localorg.ingest.scan import LINE_ENDS
from sfframe.localorg.query.job import QueryJob, query_info
from sfframe.localorg.query.pages import Page, Pages, make_locator, read_locator
from sfframe.localorg.web.answers import Area, accepts_csv, empty_answer, list_answer, list_offset
from sfframe.localorg.web.bodies import read_json, read_state
from sfframe.localorg.web.routes import Route
from sfframe.localorg.wire import Refusal

_URLS_IN_AN_ANSWER = 5


class QueryJobAnswers(Area):
    """One method for each kind of request about query jobs."""

    async def query_create(self, request: web.BaseRequest, route: Route) -> web.Response:
        body = await read_json(request)
        job = await self._run(self._org.queries.create, body, route.version)
        # The answer is made first: it says UploadComplete, however fast the job is.
        info = query_info(job)
        self._org.queries.launch(job)
        return web.json_response(info)

    async def query_get(self, request: web.BaseRequest, route: Route) -> web.Response:
        return web.json_response(query_info(self._org.queries.get(route.argument), counters=True))

    async def query_list(self, request: web.BaseRequest, route: Route) -> web.Response:
        jobs, following = self._org.queries.page(list_offset(request), request.query.get("jobType"))
        records = [query_info(job, listed=True) for job in jobs]
        return list_answer(records, following, f"/services/data/v{route.version}/jobs/query", self._org.org_id)

    async def query_patch(self, request: web.BaseRequest, route: Route) -> web.Response:
        job = self._org.queries.get(route.argument)
        await self._run(self._org.queries.change_state, job, await read_state(request))
        return web.json_response(query_info(job))

    async def query_delete(self, request: web.BaseRequest, route: Route) -> web.Response:
        await self._run(self._org.queries.delete, self._org.queries.get(route.argument))
        return web.Response(status=204)

    async def query_results(self, request: web.BaseRequest, route: Route) -> web.Response:
        job = self._org.queries.get(route.argument)
        if not accepts_csv(request):
            raise Refusal(406, "NOT_ACCEPTABLE", "Results are text/csv")
        page = await self._run(self._page, job, route.version, dict(request.query))
        locator = "null" if page.following is None else make_locator(job.id, page.following)
        headers = {"Sforce-NumberOfRecords": str(page.records), "Sforce-Locator": locator, "Content-Type": "text/csv"}
        if not page.records:
            return empty_answer(self._org.manners.empty_results, page.body, LINE_ENDS[job.line_ending], headers)
        return web.Response(body=page.body, headers=headers)

    async def query_pages(self, request: web.BaseRequest, route: Route) -> web.Response:
        job = self._org.queries.get(route.argument)
        return web.json_response(await self._run(self._pages, job, route.version, request.query.get("locator")))

    def _page(self, job: QueryJob, version: str, wish: dict[str, str]) -> Page:
        # Somebody may have deleted it meanwhile, and its file with it.
        with job.lock:
            pages = self._org.queries.results(self._org.queries.get(job.id), version)
            start = _start(job, pages, wish.get("locator"))
            return pages.page(start, min(self._org.manners.query_page_rows, _max_records(wish.get("maxRecords"))))

    def _pages(self, job: QueryJob, version: str, locator: str | None) -> dict[str, Any]:
        """Up to five pages that can be read at once, and where to ask for more (6.4)."""
        with job.lock:
            pages = self._org.queries.results(self._org.queries.get(job.id), version)
            starts = pages.starts(self._org.manners.query_page_rows)
            first = _start(job, pages, locator)
        here = [start for start in starts if start >= first]
        base = f"/services/data/v{version}/jobs/query/{job.id}"
        urls = [{"resultUrl": f"{base}/results?locator={make_locator(job.id, start)}"} for start in here]
        answer: dict[str, Any] = {"resultPages": urls[:_URLS_IN_AN_ANSWER]}
        if len(here) > _URLS_IN_AN_ANSWER:
            locator = make_locator(job.id, here[_URLS_IN_AN_ANSWER])
            answer["nextRecordsUrl"] = f"{base}/resultpages?locator={locator}"
        return {**answer, "done": "nextRecordsUrl" not in answer}


def _start(job: QueryJob, pages: Pages, locator: str | None) -> int:
    """The record with which the asked page begins."""
    if locator is None:
        return 0
    start = read_locator(job.id, locator)
    if start is None or not pages.has_record(start):
        raise Refusal(400, "INVALID_QUERY_LOCATOR", f"Invalid locator: {locator}")
    return start


def _max_records(text: str | None) -> int:
    if text is None:
        return 1 << 62
    if not (text.isascii() and text.isdecimal() and int(text[:19]) > 0 and len(text) < 19):
        raise Refusal(400, "API_ERROR", f"Invalid value: '{text}' supplied for property: 'maxRecords'")
    return int(text)
