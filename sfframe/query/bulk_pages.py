"""An answer by a query job: waited for, then several pages at once, handed on in order (wire notes, 6)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Final

from sfframe.errors import ApiError
from sfframe.org.job import JobInfo, JobState
from sfframe.org.org import Org
from sfframe.org.query_jobs import ResultPage
from sfframe.query.pages import Page

AT_ONCE: Final = 8
_PAGES_SINCE: Final = 58  # the first API version with resultPages


class BulkPages:
    """The pages of one query job.

    Attributes:
        job: The job, as it was last seen.
    """

    def __init__(self, org: Org, job: JobInfo) -> None:
        self._org = org
        self.job = job
        self._asking: deque[asyncio.Task[Page]] = deque()
        self._ways: AsyncIterator[Callable[[], Awaitable[ResultPage]]] | None = None

    async def next(self) -> Page | None:
        if self._ways is None:
            await self._wait()
            self._ways = self._addresses()
        while len(self._asking) < AT_ONCE:
            way = await anext(self._ways, None)
            if way is None:
                break
            self._asking.append(asyncio.create_task(self._page(way)))
        return await self._asking.popleft() if self._asking else None

    async def close(self, *, abort: bool = True) -> None:
        for task in self._asking:
            task.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)
        self._asking.clear()
        if abort and not self.job.is_final:
            with suppress(ApiError):
                self.job = await self._org.query.abort_job(self.job.id)

    def check(self, n_rows: int) -> None:
        if n_rows != self.job.number_records_processed:
            raise ApiError(
                f"{n_rows:,} rows came, and the org says {self.job.number_records_processed:,}", job_id=self.job.id
            )

    async def _wait(self) -> None:
        wait_s: float | None = None
        while not self.job.is_final:
            wait_s = self._org.poll.next_s(wait_s)
            await asyncio.sleep(wait_s)
            self.job = await self._org.query.get_job(self.job.id)
        if self.job.state != JobState.JOB_COMPLETE:
            reason = self.job.error_message or "the org gives no reason"
            raise ApiError(f"the query job ended as {self.job.state}: {reason}", job_id=self.job.id)

    async def _addresses(self) -> AsyncIterator[Callable[[], Awaitable[ResultPage]]]:
        url: str | None = None
        while True:
            urls, url = await self._org.query.result_pages(self.job.id, url=url)
            for one in urls:
                yield partial(self._org.query.results_at, one, self.job.id)
            if url is None:
                return

    async def _page(self, way: Callable[[], Awaitable[ResultPage]]) -> Page:
        page = await way()
        return Page(content=page.data, n_rows=page.n_records, again=lambda: self._page(way))
