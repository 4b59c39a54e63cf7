"""A query job in the org: waited for, and asked for its results as often as it takes (wire notes, 6)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final, Self, TypeVar

from sfframe.errors import ApiError, AuthenticationError, SfframeError
from sfframe.org.job import JobInfo, JobState
from sfframe.org.org import Org
from sfframe.org.query_jobs import ResultPage
from sfframe.org.retry import RetryPolicy
from sfframe.progress.events import QueryJobProgressed, ReadEvent
from sfframe.progress.listeners import Listener, nobody
from sfframe.query.pages.trouble import failed, is_too_early, of_job, resume

_log = logging.getLogger("sfframe.query")

_PAGES_SINCE: Final = 58  # the first API version with resultPages
_LOOKS: Final = 3  # at a count that doesn't fit: counters may lag
_TIDY_S: Final = 10.0
_EARLY_S: Final = 5.0  # for a list that was asked for early: an org may leave one unanswered that came too early

T = TypeVar("T")
Listed = tuple[list[str], str | None]


class BulkJob:
    """One query job. Whatever is asked of it is asked under its own API version.

    What goes wrong names the job, and how to take it up where that is of use.

    Attributes:
        info: The job, as it was last seen.
    """

    def __init__(self, org: Org, info: JobInfo, *, is_ours: bool = True, tell: Listener[ReadEvent] = nobody) -> None:
        """A job that is there.

        Args:
            org: Whose job it is.
            info: What the org said of it.
            is_ours: It was made for this read; others are never aborted.
            tell: Gets the events of its progress.
        """
        self._org = org
        self._is_ours = is_ours
        self._early: asyncio.Task[Listed] | None = None  # the first list of pages, asked for on the off chance
        self._is_list_asked_for = False
        self._tell = tell
        self._told_last: tuple[str, int] | None = None
        self.info = info

    @classmethod
    async def found(cls, org: Org, job_id: str, tell: Listener[ReadEvent] = nobody) -> Self:
        """Take up a job that was made earlier, perhaps elsewhere.

        Raises:
            ApiError: The org has no such query job, or no longer.
        """
        try:
            return cls(org, await org.query.get_job(job_id), tell=tell, is_ours=False)
        except ApiError as error:
            raise of_job(error, job_id) from error

    @property
    def id(self) -> str:
        """The job's id."""
        return self.info.id

    @property
    def has_result_pages(self) -> bool:
        """Its API version has a list of pages."""
        return self.info.api_version is None or float(self.info.api_version) >= _PAGES_SINCE

    async def finish(self) -> None:
        """Wait for the job's end; looks are far between while nothing changes.

        With the very first look the first list of pages is asked for: of a small job both are there by then, and one
        wait for the network is spared.

        Raises:
            ApiError: It ended without a result, or is gone.
        """
        wait_s: float | None = None
        pause_s = 0.0  # a small job is done when it is made
        while not self.info.is_final:
            await asyncio.sleep(pause_s)
            before = self.info
            self._ask_early()
            try:
                await self.look()
            finally:
                if self.info.state != JobState.JOB_COMPLETE:
                    await self.forget_list()
            self._tell_progress()
            pause_s = wait_s = self._org.poll.next_s(wait_s, changed=_progress(self.info) != _progress(before))
        self._tell_progress()
        if self.info.state != JobState.JOB_COMPLETE:
            raise failed(self.info)

    def _tell_progress(self) -> None:
        if self._told_last != (progress := _progress(self.info)):
            self._told_last = progress
            state, n_rows = progress
            self._tell(QueryJobProgressed(job_id=self.id, state=state, rows_processed=n_rows))

    async def look(self) -> None:
        """See how the job is."""
        try:
            self.info = await self._told(partial(self._org.query.get_job, self.id, **self._version()))
        except AuthenticationError as error:
            error.add_note(resume(self.id))
            raise

    async def look_again(self, n_rows: int | None) -> None:
        """See whether the job's count is the expected one by now; counters may lag.

        Args:
            n_rows: How many rows came; `None`: that isn't known here.
        """
        wait_s: float | None = None
        for _ in range(_LOOKS if n_rows is not None else 1):
            if n_rows == self.info.number_records_processed:
                return
            wait_s = self._org.poll.next_s(wait_s)
            await asyncio.sleep(wait_s)
            try:
                await self.look()
            except ApiError as error:  # it may be gone by now, and all of it is here
                _log.info("query job %s can't be looked at again: %s", self.id, error)
                return

    async def page(self, *, locator: str | None, max_records: int) -> ResultPage:
        """The page at a locator."""
        ask = partial(self._org.query.results, self.id, locator=locator, max_records=max_records, **self._version())
        return await self._with_rows(ask)

    async def page_at(self, url: str) -> ResultPage:
        """The page at an address."""
        return await self._with_rows(partial(self._org.query.results_at, url, self.id))

    async def listed(self, url: str | None = None) -> Listed:
        """Addresses of pages, and where there are more."""
        self._is_list_asked_for = True
        if url is None and (found := await self._early_one()) is not None:
            return found
        return await self._complete(partial(self._list, url))

    async def forget_list(self) -> None:
        """Leave the list of pages that was asked for early, if there is one."""
        early, self._early = self._early, None
        if early is not None:
            early.cancel()
            await asyncio.gather(early, return_exceptions=True)

    async def abort(self) -> None:
        """Stop the job, if it was made for this read and still runs."""
        if not self._is_ours or self.info.is_final:
            return
        try:
            async with asyncio.timeout(_TIDY_S):
                self.info = await self._org.query.abort_job(self.id)
        except (SfframeError, TimeoutError) as error:
            _log.info("query job %s could not be aborted: %s", self.id, error)

    def _ask_early(self) -> None:
        # Once: later looks are those of pages that wait for the job, each by itself.
        if self.has_result_pages and not self._is_list_asked_for:
            self._is_list_asked_for = True
            once = replace(self._org.retry, max_tries=1)
            self._early = asyncio.get_running_loop().create_task(self._list(retry=once))

    async def _early_one(self) -> Listed | None:
        """The list that was asked for early, unless it is to be asked for again: it met a fault, or came too early."""
        if self._early is not None:
            await asyncio.wait({self._early}, timeout=_EARLY_S)
        early = self._early
        await self.forget_list()
        if early is None or early.cancelled() or early.exception() is not None:
            return None
        urls, following = early.result()
        return (urls, following) if urls else None

    async def _list(self, url: str | None = None, retry: RetryPolicy | None = None) -> Listed:
        return await self._org.query.result_pages(self.id, url=url, retry=retry, **self._version())

    async def _with_rows(self, ask: Callable[[], Awaitable[ResultPage]]) -> ResultPage:
        """A page; one that has no row and doesn't say so is asked for again, since the job has some."""
        tries = 0
        while True:
            tries += 1
            page = await self._complete(ask)
            is_odd = page.n_records is None and b"\n" not in page.data.strip() and self.info.number_records_processed
            if not is_odd or tries >= self._org.retry.max_tries:
                return page
            await asyncio.sleep(self._org.retry.wait_s(tries))

    async def _complete(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What the org answers, once it takes the job for complete."""
        tries, wait_s = 0, None
        while True:
            tries += 1
            try:
                return await ask()
            except AuthenticationError as error:
                error.add_note(resume(self.id))
                raise
            except ApiError as error:
                if not is_too_early(error) or tries >= self._org.retry.max_tries:
                    raise of_job(error, self.id, self.info.api_version) from error
            wait_s = self._org.poll.next_s(wait_s)
            await asyncio.sleep(wait_s)
            await self.look()
            await self.finish()

    async def _told(self, ask: Callable[[], Awaitable[T]]) -> T:
        try:
            return await ask()
        except ApiError as error:
            raise of_job(error, self.id, self.info.api_version) from error

    def _version(self) -> dict[str, Any]:
        return {"api_version": self.info.api_version}


def _progress(job: JobInfo) -> tuple[str, int]:
    return job.state, job.number_records_processed
