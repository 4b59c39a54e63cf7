"""An answer over REST `/query`: page by page, since only the org knows where the next one is (SOQL notes, 8)."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sfframe.errors import ApiError
from sfframe.org.answers import path_of
from sfframe.org.rest import Records, Rest, total_of
from sfframe.query.pages.page import Page
from sfframe.query.pages.trouble import of_cursor

_log = logging.getLogger("sfframe.query")

_BEYOND: Final = 100  # pages after as many rows as there are in all, before the answer is taken for endless
_DEEPEST: Final = 6  # subqueries within each other; SOQL has five
_MOST_CHILDREN: Final = 50_000_000  # of one record; no answer has more
_EMPTY_ONES: Final = 10  # pages without a record one after the other, before that is taken for an error


class RestPages:
    """The pages of one statement.

    Attributes:
        n_total: How many rows there are in all, as the last page says.
        n_first: How many are on the first page.
        is_whole: The first page is the only one.
    """

    def __init__(self, rest: Rest, first: Mapping[str, Any], *, is_count: bool = False) -> None:
        """Begin with the first page's answer.

        Args:
            rest: The org's REST API.
            first: What `rest.query` gave.
            is_count: The statement is a `COUNT()`: the number is the answer.
        """
        self._rest = rest
        self._first: Mapping[str, Any] | None = first
        self._is_count = is_count
        self._following = _following(first)
        self._asked: set[str] = set()
        self._n_empty = 0
        self._n_rows = self._n_beyond = 0
        self._is_told_done = False
        total = total_of(first)
        if total is None and is_count:
            raise ApiError("the answer to COUNT() holds no number")
        self.n_total = total or 0
        self.n_first = len(first["records"])
        self.is_whole = self._following is None

    async def next(self) -> Page | None:
        url, answer = None, self._first
        if answer is None:
            url = self._following
            if url is None:
                return None
            answer = await self._more(url)
            self._asked.add(url)
            self._n_empty = 0 if answer["records"] else self._n_empty + 1
            if self._n_empty > _EMPTY_ONES:
                raise ApiError(f"{self._n_empty} pages in a row held no record, and the org says that there are more")
        if self._is_count:
            self._first, self._following = None, None
            return Page(content=[{"count": str(self.n_total)}], n_rows=1)
        page = await self._page(url, answer)
        # Only now: a call that is cancelled before this may be made again.
        self._first, self._following = None, _following(answer)
        self.n_total = total_of(answer) or self.n_total
        self._is_told_done = answer.get("done") in (True, "true")
        self._n_rows += len(answer["records"])
        self._n_beyond += self._n_rows > self.n_total
        if self._n_beyond > _BEYOND:
            raise ApiError(
                f"{self._n_rows:,} rows came of {self.n_total:,}, and the org names page after page: read again"
            )
        return page

    async def close(self, *, abort: bool = True) -> None:
        """Nothing runs in the org."""

    def check(self, n_rows: int) -> None:
        """Compare with the org's total.

        Of several pages it is no promise: records may go while they are read (SOQL notes, 8). Of one page it is, but
        with OFFSET no second one comes (5).
        """
        if self._is_count or n_rows >= self.n_total:
            return
        if self.is_whole:
            raise ApiError(
                f"{n_rows:,} of {self.n_total:,} rows came, and no more are to be had: with OFFSET only the first page "
                "comes. Ask for fewer at once (LIMIT), or go on by a condition on Id in place of OFFSET."
            )
        if not self._is_told_done:
            raise ApiError(
                f"{n_rows:,} of {self.n_total:,} rows came, and the last page doesn't say that it is the last"
            )
        _log.warning("%s rows came, and the org counted %s when the read began", n_rows, self.n_total)

    async def _page(self, url: str | None, answer: Mapping[str, Any]) -> Page:
        await self._complete_children(answer["records"])
        n_bytes = answer.n_bytes if isinstance(answer, Records) else 0
        if url is None:  # asked for again, the org would run the statement anew
            return Page(content=answer["records"], json_bytes=n_bytes)
        return Page(content=answer["records"], again=lambda: self._again(url), json_bytes=n_bytes)

    async def _again(self, url: str) -> Page:
        return await self._page(url, await self._ask(url))

    async def _more(self, url: str) -> Mapping[str, Any]:
        if url in self._asked:
            raise ApiError(f"the org names a page twice as the next one: {url}")
        return await self._ask(url)

    async def _ask(self, url: str) -> Mapping[str, Any]:
        try:
            return await self._rest.more(url)
        except ApiError as error:
            raise of_cursor(error) from error

    async def _complete_children(self, records: Sequence[Any], depth: int = 1) -> None:
        """Subqueries have pages of their own."""
        if depth > _DEEPEST:
            raise ApiError("the records hold subqueries within subqueries, deeper than any statement's")
        for record in records:
            for value in record.values() if isinstance(record, dict) else ():
                await self._complete(value, depth)

    async def _complete(self, value: Any, depth: int) -> None:
        if not isinstance(value, dict) or not isinstance(value.get("records"), list):
            return
        await self._complete_children(value["records"], depth + 1)  # which may have subqueries of their own
        asked: set[str] = set()
        n_empty = 0
        while url := _following(value):
            if url in asked:
                raise ApiError(f"the org names a page of a subquery twice as the next one: {url}")
            page = await self._ask(url)
            asked.add(url)
            n_empty = 0 if page["records"] else n_empty + 1
            if n_empty > _EMPTY_ONES or len(value["records"]) > _MOST_CHILDREN:
                raise ApiError("the org names page after page of a subquery without an end: read again")
            await self._complete_children(page["records"], depth + 1)
            value["records"] += page["records"]
            value.update(done=page.get("done"), nextRecordsUrl=page.get("nextRecordsUrl"))


def _following(answer: Mapping[str, Any]) -> str | None:
    if answer.get("done") is True:
        return None
    following = answer.get("nextRecordsUrl")
    following = None if following == "null" else following
    if answer.get("done") is False and not following:
        raise ApiError("the org says that there are more rows, and not where")
    return path_of(following) if following else None
