"""Paged: an answer's pages, for whoever reads them, wherever.

The org makes the answer once, when it is asked for; its pages are then read by other processes, each some of them, in
any order and any number of times. What travels is a `Paged` and an `Org` (see `org.carried`).

    answer = await paged(org, "SELECT Id, LastName FROM Contact", {})
    ...  # anywhere, for each of answer.refs:
    table = await read_page(org, answer, ref)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final

import pyarrow as pa

from sfframe.bridge import in_thread
from sfframe.org.job import JobInfo
from sfframe.org.org import Org
from sfframe.progress.events import QueryFinished, QueryStarted
from sfframe.query.form import ARROW
from sfframe.query.frames import ctrl_c
from sfframe.query.options import ReadOptions, asked
from sfframe.query.pages.bulk import BulkPages
from sfframe.query.pages.decode import count_records, empty_frame
from sfframe.query.pages.job import BulkJob
from sfframe.query.pages.page import Page
from sfframe.query.pages.trouble import wrong_count
from sfframe.query.read import Reading, ReadRequest
from sfframe.query.schema.columns import Column
from sfframe.query.tables import in_arrow

TARGET_BYTES: Final = 32_000_000
_SAMPLE: Final = 1_000  # records by whose length that of the others is estimated


@dataclass(frozen=True, kw_only=True, slots=True)
class PageRef:
    """A part of an answer: some of its pages, one after the other.

    Attributes:
        number: Its place among all parts, from 0 on; their rows are in that order.
        urls: Where its pages are; none: it is the whole answer.
        n_rows: How many rows it has, where that is known before they are read: of an answer that is one part.
    """

    number: int
    urls: tuple[str, ...] = ()
    n_rows: int | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Paged:
    """An answer that is there. It can be pickled, holds no secret, and its repr nothing of records or conditions.

    Attributes:
        columns: What its rows have.
        refs: Its parts, at least one.
        n_rows: How many rows the org says that there are.
        job: The query job, which has ended well; the org keeps its pages for 7 days. `None`: it isn't one of a job.
        request: What is asked for over REST, each time that the only part is read; `None`: it isn't.
        rows: The rows themselves, if the org gave them all with its first answer.
    """

    columns: tuple[Column, ...] = field(repr=False)
    refs: tuple[PageRef, ...] = field(repr=False)
    n_rows: int
    job: JobInfo | None = field(default=None, repr=False)
    request: ReadRequest | None = field(default=None, repr=False)
    rows: pa.Table | None = field(default=None, repr=False)

    @property
    def job_id(self) -> str | None:
        """The id of the query job, if there is one."""
        return self.job.id if self.job is not None else None

    @property
    def schema(self) -> pa.Schema:
        """That of each table which `read_page` gives."""
        return self.empty().schema

    def empty(self) -> pa.Table:
        """No rows, all columns."""
        return in_arrow(empty_frame(self.columns))


async def paged(org: Org, soql: str | None, options: ReadOptions, *, target_bytes: int = TARGET_BYTES) -> Paged:
    """Have an org answer a statement, and tell where the answer's pages are. No page of a query job is read.

    The transport is the one that `read_soql` takes. Of a query job the end is waited for; its pages are shared out by
    the length of its first records. Where the org has no list of pages, and over REST, the answer is one part. What
    the org gives with its first answer over REST is `Paged.rows`; more over REST is asked for anew by whoever reads it,
    so that its rows are those of that time.

    Args:
        org: What is read.
        soql: The statement; `None` with `job_id`.
        options: Those of `read_soql`; `org` doesn't count. `timeout` and `progress` are those of this wait.
        target_bytes: About how many bytes of CSV a part is to be; no page is cut.

    Raises:
        SoqlError, TypeError, ValueError, AuthenticationError, ApiError, JobTimeout, QuotaReserved: As `read_soql`.
    """
    call = asked(soql, {**options, "org": org})
    reading, tell = call.reading, call.tell
    keeps_job = False
    tell(QueryStarted(host=reading.host, sobject=reading.statement.sobject if reading.statement else None))
    try:
        with ctrl_c():
            async with asyncio.timeout(call.timeout) as limit:
                found = await _found(reading, target_bytes)
        tell(QueryFinished(rows=found.n_rows))
    except TimeoutError as why:
        keeps_job = limit.expired()
        error = reading.timed_out(call.timeout) if keeps_job else why
        tell.stopped(error)
        raise error from None
    except BaseException as error:
        tell.stopped(error)
        raise
    finally:
        await reading.close(abort=not keeps_job)
    return found


async def read_page(org: Org, answer: Paged, ref: PageRef) -> pa.Table:
    """The typed rows of one part, in order.

    A page that isn't whole, or isn't what it should be, is asked for again. Each is held to the number of records that
    the org says of it; if the part is the whole answer, its rows are held to the job's count.

    Args:
        org: The org that gave the answer, perhaps logged in anew.
        answer: The answer.
        ref: Which part of it.

    Raises:
        ApiError: The org refused, or has no such job any more, or what it gave isn't whole.
        AuthenticationError: No token could be had.
    """
    async with aclosing(read_pages(org, answer, ref)) as pages:
        return pa.concat_tables([rows async for rows in pages])


async def read_pages(org: Org, answer: Paged, ref: PageRef) -> AsyncGenerator[pa.Table, None]:
    """The same in tables that come one after the other, some pages each; an empty one only if there is no row at all.

    Further pages are asked for while somebody works on a table. `query.frames.in_turn` gives them without a loop.
    """
    if answer.rows is not None:
        yield answer.rows
        return
    reading = await _reading(org, answer, ref)
    is_empty = True
    try:
        while (rows := await _next(reading)) is not None:
            if len(rows):
                is_empty = False
                yield rows
    finally:
        await reading.close()
    if is_empty:
        yield answer.empty()


async def check(org: Org, answer: Paged, n_rows: int) -> None:
    """Compare how many rows all parts had with the job's count, which is looked at again if it doesn't fit.

    Each part by itself is checked when it is read; this finds a list of pages that wasn't whole.

    Raises:
        ApiError: Some are missing, or too many.
    """
    if answer.job is None:
        return
    job = BulkJob(org, answer.job, is_ours=False)
    await job.look_again(n_rows)
    if n_rows != job.info.number_records_processed:
        raise wrong_count(job.info, n_rows)


async def _found(reading: Reading, target_bytes: int) -> Paged:
    pages = await reading.answered()
    columns = tuple(_plain(column) for column in reading.columns)
    if isinstance(pages, BulkPages):
        urls = await pages.listed()
        n_parts = 1 if len(urls) < 2 else await _n_parts(await pages.head(_SAMPLE), pages.job, target_bytes)
        return Paged(
            columns=columns,
            refs=_refs(urls, n_parts, pages.job.number_records_processed),
            n_rows=pages.job.number_records_processed,
            job=pages.job,
        )
    if pages.is_whole:
        rows = await reading.next_rows(ARROW)
        await reading.next_rows(ARROW)  # there is none: the rows are held to the org's count
        assert rows is not None
        return Paged(columns=columns, refs=_refs((), 1, len(rows)), n_rows=len(rows), rows=rows)
    request = replace(reading.request, api="rest")
    return Paged(columns=columns, refs=(PageRef(number=0),), n_rows=pages.n_total, request=request)


def _plain(column: Column) -> Column:
    """What of a column reading needs; all that describe says of its field is much for each of many readers."""
    children = column.children and tuple(map(_plain, column.children))
    return replace(column, field=None, through=(), children=children)


async def _n_parts(head: Page, job: JobInfo, target_bytes: int) -> int:
    assert isinstance(head.content, bytes)
    n_records = head.n_rows if head.n_rows is not None else await in_thread(count_records, head.content)
    n_bytes = len(head.content) * job.number_records_processed / max(1, n_records)
    return max(1, round(n_bytes / target_bytes))


def _refs(urls: Sequence[str], n_parts: int, n_rows: int) -> tuple[PageRef, ...]:
    """Pages shared out as evenly as can be."""
    n = min(n_parts, len(urls)) or 1
    bounds = [len(urls) * at // n for at in range(n + 1)]
    shares = [tuple(urls[start:stop]) for start, stop in pairwise(bounds)]
    return tuple(PageRef(number=at, urls=share, n_rows=n_rows if n == 1 else None) for at, share in enumerate(shares))


async def _reading(org: Org, answer: Paged, ref: PageRef) -> Reading:
    if answer.job is not None:
        job = BulkJob(org, answer.job, is_ours=False)
        return Reading.going_on(org, answer.columns, BulkPages(job, ref.urls, is_all=len(answer.refs) == 1))
    assert answer.request is not None
    reading = Reading(org, answer.request)
    await reading.open()
    reading.columns = answer.columns
    return reading


async def _next(reading: Reading) -> pa.Table | None:
    with ctrl_c():
        return await reading.next_rows(ARROW)
