"""An answer over REST `/query`: page by page, since only the org knows where the next one is (SOQL notes, 8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sfframe.errors import ApiError
from sfframe.org.rest import Rest
from sfframe.query.pages import Page


class RestPages:
    """The pages of one statement.

    Attributes:
        n_total: How many rows there are in all, as the first page says.
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
        self.n_total = int(first.get("totalSize") or 0)
        self.is_whole = self._following is None

    async def next(self) -> Page | None:
        answer, self._first = self._first, None
        if answer is None:
            if self._following is None:
                return None
            answer = await self._more(self._following)
            self._following = _following(answer)
        if self._is_count:
            return Page(content=[{"count": str(self.n_total)}], n_rows=1)
        await self._complete_children(answer["records"])
        return Page(content=answer["records"])

    async def close(self, *, abort: bool = True) -> None:
        """Nothing runs in the org."""

    def check(self, n_rows: int) -> None:
        """The org's total is no promise: later pages may correct it (SOQL notes, 8)."""

    async def _more(self, url: str) -> Mapping[str, Any]:
        if url in self._asked:
            raise ApiError(f"the org names a page twice as the next one: {url}")
        self._asked.add(url)
        return await self._rest.more(url)

    async def _complete_children(self, records: Sequence[Any]) -> None:
        """Subqueries have pages of their own."""
        for record in records:
            for value in record.values() if isinstance(record, dict) else ():
                while isinstance(value, dict) and isinstance(value.get("records"), list) and _following(value):
                    page = await self._more(str(_following(value)))
                    value["records"] += page["records"]
                    value.update(done=page.get("done"), nextRecordsUrl=page.get("nextRecordsUrl"))


def _following(answer: Mapping[str, Any]) -> str | None:
    return None if answer.get("done") is True else answer.get("nextRecordsUrl")
