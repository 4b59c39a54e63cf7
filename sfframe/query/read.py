"""Read: a statement becomes typed frames, over the transport that fits."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final, Literal

import polars as pl

from sfframe.bridge import in_thread
from sfframe.errors import ApiError
from sfframe.org.org import Org
from sfframe.query.bulk_pages import BulkPages
from sfframe.query.columns import Column, columns_of
from sfframe.query.decode import BadPage
from sfframe.query.pages import Page, Pages
from sfframe.query.rest_pages import RestPages
from sfframe.query.soql import parse
from sfframe.query.types import TypeOptions

_log = logging.getLogger("sfframe.query")

Api = Literal["auto", "bulk", "rest"]
# What is small: REST gives it in a few requests, sooner than a job begins.
SMALL_ROWS: Final = 10_000
_TRIES: Final = 5  # for a page that isn't what it should be


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadRequest:
    """What one read asks for.

    Attributes:
        soql: The statement, values put in.
        all_rows: Deleted and archived records too.
        api: Over which transport.
        types: The choice of dtypes.
    """

    soql: str
    all_rows: bool = False
    api: Api = "auto"
    types: TypeOptions = field(default_factory=TypeOptions)


class Reading:
    """One read under way: columns first, then pages.

    Attributes:
        columns: What the frames have.
        transport: `"rest"` or `"bulk"`, as soon as it is known.
        why: The reason, in a sentence.
    """

    def __init__(self, org: Org, request: ReadRequest) -> None:
        self._org = org
        self._request = request
        self.statement = parse(request.soql)
        self.columns: tuple[Column, ...] = ()
        self.transport: Literal["rest", "bulk"] | None = None
        self.why = ""
        self._pages: Pages | None = None
        self._queue: list[Page] = []
        self._n_rows = 0

    async def open(self) -> None:
        """Ask for the describes that the columns need."""
        self.columns = await columns_of(self.statement, self._org.describe, self._request.types)

    async def next(self) -> Page | None:
        """The next page, not decoded; `None` after the last one."""
        if self._pages is None:
            self._pages = await self._begin()
        return await self._pages.next()

    async def again(self, page: Page, why: BadPage, tries: int) -> Page:
        """A page that wasn't what it should be, read once more."""
        if page.again is None or tries >= _TRIES:
            raise ApiError(f"a page of the answer can't be read: {why}")
        return await page.again()

    def done(self) -> None:
        """Compare the rows with the org's count."""
        if self._pages is not None:
            self._pages.check(self._n_rows)

    def take(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Count a frame that was decoded."""
        self._n_rows += frame.height
        return frame

    @property
    def job_id(self) -> str | None:
        """The query job, if there is one."""
        return self._pages.job.id if isinstance(self._pages, BulkPages) else None

    async def close(self, *, abort: bool = True) -> None:
        """Stop, whatever still runs; a query job that runs is aborted, or left to be taken up later."""
        if self._pages is not None:
            await self._pages.close(abort=abort)

    async def frames(self) -> AsyncIterator[pl.DataFrame]:
        """Typed frames, in order."""
        while (page := await self.next()) is not None:
            yield self.take(await self._decoded(page))
        self.done()

    async def _decoded(self, page: Page) -> pl.DataFrame:
        tries = 1
        while True:
            try:
                return await in_thread(page.decode, self.columns)
            except BadPage as why:
                page = await self.again(page, why, tries)
            tries += 1

    async def _begin(self) -> Pages:
        request, org = self._request, self._org
        if request.api != "bulk":
            first = await org.rest.query(request.soql, all_rows=request.all_rows)
            pages = RestPages(org.rest, first, is_count=self.statement.is_count)
            if request.api == "rest" or pages.is_whole or pages.n_total <= SMALL_ROWS:
                self.transport, self.why = "rest", f"{pages.n_total:,} rows"
                return pages
        job = await org.query.create_job(request.soql, "queryAll" if request.all_rows else "query")
        self.transport, self.why = "bulk", "large"
        return BulkPages(org, job)
