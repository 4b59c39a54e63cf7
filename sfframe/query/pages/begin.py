"""Begin: the first request of a read, which decides over which transport it goes on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from sfframe.errors import ApiError
from sfframe.org.job_page import job_page
from sfframe.org.org import Org
from sfframe.org.quota import keep_reserve
from sfframe.progress.events import QueryJobCreated, QueryJobTakenUp, ReadEvent
from sfframe.progress.listeners import Listener, nobody
from sfframe.query.pages.bulk import BulkPages
from sfframe.query.pages.job import BulkJob
from sfframe.query.pages.rest import RestPages
from sfframe.query.pages.route import ReadRequest, Route, Transport, by_size
from sfframe.query.pages.trouble import is_not_for_bulk, not_created, took_too_long
from sfframe.query.soql.statement import Statement

# What a query job costs beside its pages: create and a dozen looks.
_CALLS_PER_JOB: Final = 14
# A cautious guess at a page's rows, and what an address of five costs.
_ROWS_PER_PAGE: Final = 20_000
_CALLS_PER_PAGE: Final = 1.2


@dataclass(frozen=True, kw_only=True, eq=False)
class Begun:
    """A read whose transport is known.

    Attributes:
        pages: Its pages.
        transport: `"rest"` or `"bulk"`.
        why: The reason, in a sentence.
        spare: The same over REST, begun already, should the org's query job turn out not to take the statement.
    """

    pages: RestPages | BulkPages
    transport: Transport
    why: str
    spare: RestPages | None = None


async def begin(
    org: Org,
    request: ReadRequest,
    statement: Statement,
    route: Route | None,
    tell: Listener[ReadEvent] = nobody,
) -> Begun:
    """Ask for the first page over REST, and go on as it tells; or make a query job at once.

    Args:
        org: What is read.
        request: What is asked for.
        statement: The same, read.
        route: The way that is sure beforehand; `None`: the number of rows decides.
        tell: Gets the events of a query job.

    Raises:
        ApiError: The org refused the statement, or makes no more query jobs.
        QuotaReserved: The read would use what is kept for others.
    """
    if route is not None and route.transport == "bulk":
        return await _begin_job(org, request, route.why, tell=tell)
    try:
        first = await org.rest.query(request.soql, all_rows=request.all_rows)
    except ApiError as error:
        if route is not None or not took_too_long(error):
            raise
        why = f"REST hadn't the time to answer ({error.error_code}), and a query job has"
        return await _begin_job(org, request, why, tell=tell)
    pages = RestPages(org.rest, first, is_count=statement.is_count)
    route = route or by_size(request.soql, pages.n_total)
    if route.transport == "rest" or pages.is_whole:
        return await begin_over_rest(org, pages, route.why)
    return await _begin_job(org, request, route.why, n_rows=pages.n_total, spare=pages, tell=tell)


async def begin_over_rest(org: Org, pages: RestPages, why: str) -> Begun:
    """Go on over REST.

    Raises:
        QuotaReserved: The further pages would use what is kept for others.
    """
    if org.quota_reserve is not None and not pages.is_whole:
        n_pages = math.ceil(pages.n_total / max(1, pages.n_first)) - 1
        needs = {"DailyApiRequests": n_pages}
        keep_reserve(
            await org.limits(), needs, reserve=org.quota_reserve, who="the read", note=f"{pages.n_total:,} rows"
        )
    return Begun(pages=pages, transport="rest", why=why)


async def take_up(org: Org, job_id: str, tell: Listener[ReadEvent] = nobody) -> Begun:
    """Go on with a query job that was made earlier.

    Raises:
        ApiError: The org has no such query job, or no longer.
    """
    job = await BulkJob.found(org, job_id, tell)
    page = job_page(org.url, job.id)
    tell(QueryJobTakenUp(job_id=job.id, sobject=job.info.object or "", page=page))
    return Begun(pages=BulkPages(job), transport="bulk", why=f"query job {job.id} was taken up")


async def _begin_job(
    org: Org,
    request: ReadRequest,
    why: str,
    *,
    tell: Listener[ReadEvent],
    n_rows: int | None = None,
    spare: RestPages | None = None,
) -> Begun:
    if org.quota_reserve is not None:
        n_calls = _CALLS_PER_JOB + math.ceil((n_rows or 0) / _ROWS_PER_PAGE * _CALLS_PER_PAGE)
        needs = {"DailyBulkV2QueryJobs": 1, "DailyApiRequests": n_calls}
        keep_reserve(await org.limits(), needs, reserve=org.quota_reserve, who="the read", note="one query job")
    try:
        info = await org.query.create_job(request.soql, "queryAll" if request.all_rows else "query")
    except ApiError as error:
        if spare is None or not is_not_for_bulk(error):
            raise not_created(error, request.api) from error
        return await begin_over_rest(org, spare, f"{why}, but the org refuses one ({error.message})")
    tell(QueryJobCreated(job_id=info.id, page=job_page(org.url, info.id)))
    return Begun(pages=BulkPages(BulkJob(org, info, tell=tell)), transport="bulk", why=why, spare=spare)
