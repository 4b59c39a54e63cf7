"""Read: a statement becomes typed frames, over the transport that fits."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Any, Self, TypeVar

import polars as pl

from sfframe.bridge import in_thread
from sfframe.errors import ApiError, JobTimeout
from sfframe.org.org import Org
from sfframe.progress.events import PageRead, QueryAnswered, ReadEvent
from sfframe.progress.listeners import Listener, nobody
from sfframe.progress.log import apart
from sfframe.query.ahead import Ahead
from sfframe.query.form import POLARS, Form, RowsT
from sfframe.query.objects import describing, telling_what_was_meant
from sfframe.query.pages.begin import Begun, begin, begin_over_rest, take_up
from sfframe.query.pages.bulk import BulkPages
from sfframe.query.pages.decode import BadPage, header_of
from sfframe.query.pages.page import Page
from sfframe.query.pages.rest import RestPages
from sfframe.query.pages.route import Api as Api
from sfframe.query.pages.route import ReadRequest as ReadRequest
from sfframe.query.pages.route import Route, Transport, route_of
from sfframe.query.pages.trouble import is_failed_for_bulk, is_not_for_bulk, of_job, timed_out
from sfframe.query.schema.columns import Column, columns_of
from sfframe.query.schema.header import columns_of_header
from sfframe.query.schema.types import TypeOptions
from sfframe.query.soql.statement import Statement, parse

_log = logging.getLogger("sfframe.query")

T = TypeVar("T")


class Reading:
    """One read under way: columns first, then pages.

        await reading.open()
        while (page := await reading.next()) is not None:
            frame = reading.take(page.decode(reading.columns))      # on BadPage: page = await reading.again(...)
        reading.done()

    The coroutines are for one event loop, each in a task of its own if need be, and one `next` at a time; a page is
    decoded wherever it suits.

    Attributes:
        statement: What is read; `None` of a job that was taken up.
        columns: What the frames have, once it is open.
    """

    def __init__(
        self, org: Org, request: ReadRequest, *, job_id: str | None = None, tell: Listener[ReadEvent] = nobody
    ) -> None:
        """A read, not begun.

        Args:
            org: What is read.
            request: What is asked for.
            job_id: A query job to take up in place of the request's statement.
            tell: Gets the events from the first request on, up to the last page.

        Raises:
            SoqlError: The statement can't be read.
        """
        self._org = org
        self._request = request
        self._wanted_job = job_id
        self.statement: Statement | None = None if job_id else parse(request.soql)
        self.columns: tuple[Column, ...] = ()
        self._route: Route | None = None
        self._begun: Begun | None = None
        self._first: Page | None = None
        self._ahead: Ahead[Any] | None = None
        self._n_rows = 0
        self._n_bytes = 0  # of pages that haven't been told of
        self._tell = tell
        self._is_told = False
        self._began = time.monotonic()

    @classmethod
    def of_job(
        cls, org: Org, job_id: str, types: TypeOptions | None = None, tell: Listener[ReadEvent] = nobody
    ) -> Self:
        """A read of a query job that the org still holds; its columns are those of its result's first line."""
        return cls(org, ReadRequest(soql="", types=types or TypeOptions()), job_id=job_id, tell=tell)

    @classmethod
    def going_on(cls, org: Org, columns: Sequence[Column], pages: BulkPages) -> Self:
        """A read that is open already: of pages of a job that was made elsewhere."""
        reading = cls.of_job(org, pages.job.id)
        reading.columns = tuple(columns)
        reading._begun = Begun(pages=pages, transport="bulk", why=f"query job {pages.job.id} was made elsewhere")
        return reading

    @property
    def host(self) -> str:
        """Whose records are read."""
        return self._org.host

    @property
    def request(self) -> ReadRequest:
        """What is asked for."""
        return self._request

    @property
    def n_rows(self) -> int:
        """How many rows were taken."""
        return self._n_rows

    @property
    def transport(self) -> Transport | None:
        """`"rest"` or `"bulk"`, as soon as it is known."""
        return self._begun.transport if self._begun else None

    @property
    def why(self) -> str:
        """The reason for the transport, in a sentence; empty before it is known."""
        return self._begun.why if self._begun else ""

    @property
    def job_id(self) -> str | None:
        """The query job, if there is one."""
        pages = self._begun.pages if self._begun else None
        return pages.job.id if isinstance(pages, BulkPages) else self._wanted_job

    @property
    def n_expected(self) -> int | None:
        """How many rows there are in all, as the org says; `None` before it says so."""
        pages = self._begun.pages if self._begun else None
        if isinstance(pages, RestPages):
            return pages.n_total
        return pages.job.number_records_processed if isinstance(pages, BulkPages) and pages.job.is_final else None

    def is_not_for_bulk(self, error: ApiError) -> bool:
        """Whether an error of `next` says that the statement isn't for a query job, or that there are none here."""
        pages = self._begun.pages if self._begun else None
        return is_not_for_bulk(error) or (isinstance(pages, BulkPages) and is_failed_for_bulk(pages.job))

    async def open(self) -> None:
        """Ask for what the columns need: describes; of a job that is taken up its end and its first page too.

        Raises:
            SoqlError: Something is selected that isn't there, or `api="bulk"` is asked of what Bulk refuses.
            ApiError: The org refused.
        """
        if self._wanted_job is not None:
            await self._open_job(self._wanted_job)
            return
        assert self.statement is not None
        describe = describing(self._org, self.statement.sobject)
        self.columns = await columns_of(self.statement, describe, self._request.types)
        self._route = route_of(self._request, self.statement, self.columns)

    async def next(self) -> Page | None:
        """The next page, not decoded; `None` after the last one.

        Raises:
            ApiError: The org refused, or a page can't be had. Where there is a job, it is named.
            QuotaReserved: The read would use what `quota_reserve` keeps for others.
        """
        if self._first is not None:
            first, self._first = self._first, None
            return first
        page = await self._next(await self._begin())
        self._came(page)
        return page

    async def answered(self) -> RestPages | BulkPages:
        """In place of `open`: the pages of an answer that is there, whoever reads them.

        Over REST its first page has come, and a query job has ended well.

        Raises:
            SoqlError, ApiError, QuotaReserved: As `open` and `next`.
        """
        if self._wanted_job is not None:
            return await self._answered_job(self._wanted_job)
        await self.open()
        begun = await self._begin()
        if isinstance(begun.pages, BulkPages):
            try:
                await begun.pages.finish()
            except ApiError as error:
                begun = await self._over_rest(begun, error)
        self._came(None)
        return begun.pages

    async def again(self, page: Page, why: BadPage, tries: int) -> Page:
        """A page that wasn't what it should be, read once more after a wait.

        Args:
            page: The page.
            why: What was wrong with it.
            tries: How often it was read by now.

        Raises:
            ApiError: It was read often enough, or reading it again is of no use.
        """
        if page.again is None or tries >= self._org.retry.max_tries:
            often = f" after {tries} tries" if tries > 1 else ""
            error = ApiError(f"a page of the answer can't be read{often}: {why}", job_id=self.job_id)
            raise of_job(error, self.job_id) if self.job_id else error
        _log.info("a page is read again: %s", why, extra={"job_id": self.job_id})
        await asyncio.sleep(self._org.retry.wait_s(tries))
        return await page.again()

    def take(self, rows: RowsT) -> RowsT:
        """Count rows that were decoded."""
        self._n_rows += len(rows)
        n_bytes, self._n_bytes = self._n_bytes, 0
        self._tell(PageRead(rows=len(rows), n_bytes=n_bytes))
        return rows

    def done(self) -> None:
        """Compare the rows that were taken with the org's count, after the last page.

        Raises:
            ApiError: Some are missing, or too many. It names the job, if there is one.
        """
        if self._begun is not None:
            self._begun.pages.check(self._n_rows)

    async def close(self, *, abort: bool = True) -> None:
        """Stop, whatever still runs.

        Args:
            abort: Abort a query job that hasn't ended, if it was made for this read; otherwise it is left to be taken
                up later.
        """
        try:
            if self._ahead is not None:
                await self._ahead.close()
        finally:
            if self._begun is not None:
                await self._begun.pages.close(abort=abort)

    def timed_out(self, seconds: float | None) -> JobTimeout:
        """What to raise when the caller's time is up: it names the job, which is to be left running."""
        return timed_out(seconds, self.job_id)

    async def frames(self) -> AsyncIterator[pl.DataFrame]:
        """Typed frames, in order; at the end the rows are compared with the org's count."""
        while (frame := await self.next_rows(POLARS)) is not None:
            yield frame

    async def next_rows(self, form: Form[RowsT]) -> RowsT | None:
        """The rows of the next page, typed; `None` after the last one.

        Args:
            form: The same in each call.
        """
        if self._ahead is None:
            self._ahead = Ahead(self.next, partial(self._decoded, form))
        rows: RowsT | None = await self._ahead.next()
        if rows is None:
            self.done()
            return None
        return self.take(rows)

    async def _next(self, begun: Begun) -> Page | None:
        try:
            return await begun.pages.next()
        except ApiError as error:
            return await (await self._over_rest(begun, error)).pages.next()

    async def _begin(self) -> Begun:
        if self._begun is None:
            assert self.statement is not None
            async with telling_what_was_meant(self._org, self.statement.sobject):  # a COUNT() needs no describe
                self._begun = await begin(self._org, self._request, self.statement, self._route, self._tell)
        return self._begun

    async def _over_rest(self, begun: Begun, error: ApiError) -> Begun:
        """Go on over REST after an error that says that the statement isn't for a query job.

        Raises:
            ApiError: That error, if it says something else.
        """
        pages, spare = begun.pages, begun.spare
        if spare is None or not isinstance(pages, BulkPages) or not is_failed_for_bulk(pages.job):
            raise error
        await pages.close(abort=False)
        self._begun = await begin_over_rest(self._org, spare, f"the query job failed ({error.message})")
        return self._begun

    async def _answered_job(self, job_id: str) -> BulkPages:
        pages = await self._taken_up(job_id)
        await pages.finish()
        self._came(None)
        names = await self._readable(await pages.head(1), _header_of)
        self.columns = await columns_of_header(names, pages.job, self._org.describe, self._request.types)
        return pages

    async def _taken_up(self, job_id: str) -> BulkPages:
        self._begun = await take_up(self._org, job_id, self._tell)
        assert isinstance(self._begun.pages, BulkPages)
        return self._begun.pages

    async def _open_job(self, job_id: str) -> None:
        pages = await self._taken_up(job_id)
        page = await pages.next()
        self._came(page)
        if page is None:
            return
        names = await self._readable(page, self._header)
        self.columns = await columns_of_header(names, pages.job, self._org.describe, self._request.types)

    def _header(self, page: Page) -> list[str]:
        names = _header_of(page)
        self._first = page
        return names

    async def _decoded(self, form: Form[RowsT], page: Page) -> RowsT:
        return await self._readable(page, lambda page: form.decode(page, self.columns))

    async def _readable(self, page: Page, read: Callable[[Page], T]) -> T:
        """What a page is read as, in a worker thread."""
        tries = 1
        while True:
            try:
                return await in_thread(read, page)
            except BadPage as why:
                page = await self.again(page, why, tries)
            tries += 1

    def _came(self, page: Page | None) -> None:
        """A page is here, or there is none: tell of the first, and count the bytes of each."""
        assert self._begun is not None
        if not self._is_told:
            self._is_told = True
            self._log_transport(self._begun)
            # Of a COUNT() the number is the answer.
            n_rows = 1 if self.statement is not None and self.statement.is_count else self.n_expected
            self._tell(QueryAnswered(transport=self._begun.transport, rows=n_rows))
        self._n_bytes += page.n_bytes if page is not None else 0

    def _log_transport(self, begun: Begun) -> None:
        sobject = self.statement.sobject if self.statement else None
        if isinstance(begun.pages, BulkPages):
            sobject = begun.pages.job.object or sobject
        told = {
            "event": "QueryAnswered",
            "transport": begun.transport,
            "sobject": sobject,
            "rows": self.n_expected,
            "job_id": self.job_id,
            "host": self.host,
            "seconds": round(time.monotonic() - self._began, 3),
        }
        job = f" (query job {self.job_id})" if self.job_id else ""
        with apart():
            _log.info("%s over %s%s: %s", sobject, begun.transport, job, begun.why, extra={**told, "why": begun.why})


def _header_of(page: Page) -> list[str]:
    assert isinstance(page.content, bytes)
    return header_of(page.content)
