"""Addresses: where the pages of a job's result are, in order, asked for a few at a time (wire notes, 6.3, 6.4)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from sfframe.bridge import in_thread
from sfframe.errors import ApiError
from sfframe.org.query_jobs import ResultPage
from sfframe.query.pages.decode import count_records
from sfframe.query.pages.job import BulkJob
from sfframe.query.pages.trouble import has_no_result_pages, of_job

_FIRST_RECORDS: Final = 50_000  # of the first page by locator, before their size is known
_MOST_RECORDS: Final = 250_000
_PAGE_BYTES: Final = 24_000_000
_EMPTY_ONES: Final = 5  # lists without an address one after the other, before that is taken for an error

Ask = Callable[[], Awaitable[ResultPage]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """A page of the result.

    Attributes:
        ask: Asks for it, any number of times.
        page: The page, where it had to be read to know where the next one is.
        skip: How many of its first rows were in earlier pages.
    """

    ask: Ask = field(repr=False)
    page: ResultPage | None = field(default=None, repr=False)
    skip: int = 0


async def addresses(job: BulkJob) -> AsyncGenerator[list[Address], None]:
    """All pages of a complete job, in order: by the list that the org makes, by locators where it makes none.

    Raises:
        ApiError: The org refused, or named a page twice.
    """
    first = await _first_list(job)
    n_listed = 0
    if first is not None:
        async for urls in _by_list(job, *first):
            n_listed += len(urls)
            yield _at(job, urls)
    if n_listed:
        return
    n_rows = 0
    async for address, n_here in _by_locator(job):
        n_rows += n_here
        yield [address]
    await job.look_again(n_rows)
    if n_rows < job.info.number_records_processed and first is None:
        async for found in _remaining(job, n_rows):
            yield found


async def all_listed(job: BulkJob) -> AsyncGenerator[list[str], None]:
    """All pages of a complete job, in order, as addresses by the org's list; none where it makes none.

    Raises:
        ApiError: The org refused, or named a page twice.
    """
    first = await _first_list(job)
    if first is not None:
        async for urls in _by_list(job, *first):
            yield urls


async def addresses_at(job: BulkJob, urls: Sequence[str]) -> AsyncGenerator[list[Address], None]:
    """Pages of a complete job that `all_listed` gave."""
    yield _at(job, urls)


def _at(job: BulkJob, urls: Sequence[str]) -> list[Address]:
    return [Address(ask=partial(job.page_at, url)) for url in urls]


async def _first_list(job: BulkJob) -> tuple[list[str], str | None] | None:
    if not job.has_result_pages:
        return None
    try:
        return await job.listed()
    except ApiError as error:
        if not has_no_result_pages(error):
            raise
        return None


async def _by_list(job: BulkJob, urls: list[str], following: str | None) -> AsyncIterator[list[str]]:
    seen: set[str] = set()
    n_empty = 0
    while True:
        for url in urls:
            _refuse_double(job, url, seen)
        yield urls
        if following is None:
            return
        _refuse_double(job, following, seen)
        urls, following = await job.listed(following)
        n_empty = 0 if urls else n_empty + 1
        if n_empty > _EMPTY_ONES:
            raise of_job(ApiError(f"{n_empty} lists of pages in a row were empty, and none is the last"), job.id)


async def _by_locator(job: BulkJob) -> AsyncIterator[tuple[Address, int]]:
    """Pages one after the other, each with the number of its records: only the one before tells where one is."""
    locator: str | None = None
    most = _FIRST_RECORDS
    seen: set[str] = set()
    while True:
        ask = partial(job.page, locator=locator, max_records=most)
        page = await ask()
        n_records = await _n_records(page)
        yield Address(ask=ask, page=page), n_records
        locator = page.locator
        if locator is None:
            return
        _refuse_double(job, locator, seen)
        if n_records:
            most = min(_MOST_RECORDS, max(1, _PAGE_BYTES * n_records // len(page.data)))


async def _remaining(job: BulkJob, n_rows: int) -> AsyncIterator[list[Address]]:
    """What comes after so many rows, by the list of pages: for locators that were lost on the way."""
    first = await _first_list(job)
    if first is None:
        return
    async for urls in _by_list(job, *first):
        for address in _at(job, urls):
            if n_rows <= 0:
                yield [address]
                continue
            page = await address.ask()
            n_records = await _n_records(page)
            if n_records > n_rows:
                yield [Address(ask=address.ask, page=page, skip=n_rows)]
            n_rows -= n_records


def _refuse_double(job: BulkJob, place: str, seen: set[str]) -> None:
    if place in seen:
        raise of_job(ApiError(f"the org names a page of the result twice: {place}"), job.id)
    seen.add(place)


async def _n_records(page: ResultPage) -> int:
    return page.n_records if page.n_records is not None else await in_thread(count_records, page.data)
