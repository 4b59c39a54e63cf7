"""An answer by a query job: waited for, then several pages at once, handed on in order (wire notes, 6)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Coroutine, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, TypeVar

from sfframe.org.job import JobInfo
from sfframe.query.pages.addresses import Address, addresses, addresses_at, all_listed
from sfframe.query.pages.job import BulkJob
from sfframe.query.pages.page import Page, joined, may_join
from sfframe.query.pages.trouble import endless, endless_list, wrong_count

# Pages on their way or waiting to be taken: five and more, and not more bytes than memory has to spare.
_AT_ONCE: Final = 8
_LEAST_AT_ONCE: Final = 5
_BYTES_AT_ONCE: Final = 150_000_000
SMALL_BYTES: Final = 4_000_000  # of pages that are read as one
_HUGE: Final = 40_000_000  # a page of which not even five are taken at once
# Addresses beyond those: the list goes on in steps of five, each a request, and downloads mustn't wait for it.
_AHEAD: Final = 40
# Pages in a row that bring nothing, or come after as many rows as the job has, before the result is taken for endless.
_IN_VAIN: Final = 100


T = TypeVar("T")


def at_once(largest: int) -> int:
    """How many pages may be on their way or waiting, by the bytes of the largest one so far."""
    if not largest:
        return _LEAST_AT_ONCE
    fitting = _BYTES_AT_ONCE // largest
    return max(2, fitting) if largest > _HUGE else min(_AT_ONCE, max(_LEAST_AT_ONCE, fitting))


class BulkPages:
    """The pages of one query job.

    Downloads go on by themselves, within a window, whether or not somebody waits for a page: each that ends starts
    what there is room for then. All of it belongs to this object, and ends with `close`.
    """

    def __init__(self, job: BulkJob, urls: Sequence[str] = (), *, is_all: bool = True) -> None:
        """Nothing is asked for yet.

        Args:
            job: The job.
            urls: Addresses of pages that are known; without them the org is asked for all.
            is_all: These are all pages, so that the job's count is that of their rows.
        """
        self._job = job
        self._urls = urls
        self._is_all = is_all
        self._addresses: AsyncGenerator[list[Address], None] | None = None
        self._step: asyncio.Task[list[Address] | None] | None = None
        self._found: deque[Address] = deque()
        self._asking: deque[asyncio.Task[Page]] = deque()
        self._is_stepwise = False  # pages come with their addresses
        self._is_listed = False
        self._largest = 0
        self._n_rows: int | None = 0
        self._n_least = 0  # rows, where the org doesn't say how many: one a page
        self._n_in_vain = 0
        self._is_last_empty = False
        self._trouble: BaseException | None = None
        self._is_stopped = False

    @property
    def job(self) -> JobInfo:
        """The job, as it was last seen."""
        return self._job.info

    async def finish(self) -> None:
        """Wait for the job's end.

        Raises:
            ApiError: It ended without a result.
        """
        await self._job.finish()

    async def head(self, n_records: int) -> Page:
        """The first records of a result that is there, by themselves."""
        return await self._page(Address(ask=partial(self._job.page, locator=None, max_records=n_records)))

    async def listed(self) -> list[str]:
        """The addresses of all pages of a result that is there; none where the org has no list of them.

        Raises:
            ApiError: The org refused, or names pages without an end.
        """
        found: list[str] = []
        async for some in all_listed(self._job):
            found += some
            if len(found) > self.job.number_records_processed + _IN_VAIN:
                raise endless_list(self.job, len(found))
        return found

    async def next(self) -> Page | None:
        """The next page; `None` after the last one. The first call waits for the job's end.

        Raises:
            ApiError: The job ended without a result, or a page can't be had. So does each later call.
        """
        if self._is_stopped:
            if self._trouble is not None:
                raise self._trouble
            return None
        await self._job.finish()
        self._fill()
        while not self._asking:
            if self._trouble is not None:
                raise self._trouble
            if self._step is None:
                if self._is_all:
                    await self._job.look_again(self._n_rows)
                return None
            await asyncio.wait({self._step})
            self._fill()
        # Waited for, not awaited: a call that is cancelled leaves the page to the next one.
        head = self._asking[0]
        await asyncio.wait({head})
        self._asking.popleft()
        try:
            page = head.result()
        except BaseException as error:
            self._trouble = error
            await self._stop()
            raise
        pages = [page, *self._small_ones_after(page)]
        self._fill()
        for one in pages:
            self._count(one)
        if self._n_in_vain > _IN_VAIN:
            await self._end_in_vain()
        return joined(pages)

    async def close(self, *, abort: bool = True) -> None:
        """Stop; a job that still runs is aborted if it was made for this read, or left running."""
        try:
            await self._stop()
        finally:
            await self._job.forget_list()
        if abort:
            await self._job.abort()

    def check(self, n_rows: int) -> None:
        """Compare with the job's count, which was looked at again if it didn't fit."""
        if self._is_all and n_rows != self.job.number_records_processed:
            raise wrong_count(self.job, n_rows)

    # The window.

    def _fill(self) -> None:
        """Start what there is room for. Runs on the loop, after each task that ends too."""
        if self._step is not None and self._step.done():
            self._take_step()
        # First the list's next part: the parts come one after the other, and that is what a slow network shows.
        if self._step is None and not self._is_listed and self._wants_addresses():
            if self._addresses is None:
                self._addresses = addresses_at(self._job, self._urls) if self._urls else addresses(self._job)
            self._step = self._started(_next_of(self._addresses))
        while self._found and len(self._asking) < at_once(self._largest):
            self._asking.append(self._started(self._page(self._found.popleft())))

    def _small_ones_after(self, first: Page) -> Iterator[Page]:
        """The pages that are here already and are small enough to be read together with the one before them."""
        if not may_join(first, first):
            return
        n_bytes = len(first.content)
        while self._asking and (task := self._asking[0]).done() and not task.cancelled() and not task.exception():
            page = task.result()
            n_bytes += len(page.content)
            if n_bytes > SMALL_BYTES or not may_join(first, page):
                return
            self._asking.popleft()
            yield page

    def _take_step(self) -> None:
        assert self._step is not None
        step, self._step = self._step, None
        error = step.exception() if not step.cancelled() else asyncio.CancelledError()
        if error is not None:
            self._trouble, self._is_listed = error, True
            return
        found = step.result()
        self._is_listed = found is None
        self._is_stepwise = any(address.page is not None for address in found or ())
        self._found.extend(found or ())

    def _wants_addresses(self) -> bool:
        ahead = 0 if self._is_stepwise else _AHEAD
        return len(self._found) + len(self._asking) < at_once(self._largest) + ahead

    def _started(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(lambda _: None if self._is_stopped else self._fill())
        return task

    async def _stop(self) -> None:
        self._is_stopped = self._is_listed = True
        self._found.clear()
        tasks: list[asyncio.Task[Any]] = [*self._asking, *([self._step] if self._step else [])]
        self._asking.clear()
        self._step = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._addresses is not None:
            await self._addresses.aclose()

    # Pages.

    async def _page(self, address: Address) -> Page:
        page = address.page or await address.ask()
        self._largest = max(self._largest, len(page.data))
        return Page(
            content=page.data, n_rows=page.n_records, skip=address.skip, again=partial(self._page_again, address)
        )

    async def _page_again(self, address: Address) -> Page:
        return await self._page(replace(address, page=None))

    def _count(self, page: Page) -> None:
        self._n_rows = None if self._n_rows is None or page.n_rows is None else self._n_rows + page.n_rows - page.skip
        n_least = int(b"\n" in bytes(page.content).strip()) if page.n_rows is None else page.n_rows
        self._n_least += n_least
        self._is_last_empty = not n_least
        is_in_vain = not n_least or self._n_least > self.job.number_records_processed
        self._n_in_vain = self._n_in_vain + 1 if is_in_vain else 0

    async def _end_in_vain(self) -> None:
        """Give up a result without an end, unless it was the job's count that lagged.

        Raises:
            ApiError: It was not.
        """
        await self._job.look_again(self._n_rows)
        if self._is_last_empty or self._n_least > self.job.number_records_processed:
            self._trouble = endless(self.job, self._n_least)
            await self._stop()
            raise self._trouble
        self._n_in_vain = 0


async def _next_of(steps: AsyncGenerator[list[Address], None]) -> list[Address] | None:
    return await anext(steps, None)
