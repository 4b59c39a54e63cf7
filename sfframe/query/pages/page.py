"""Pages: the two ways in which an answer comes, REST and a query job, as pages in the order of the rows.

What a page is worth is known when it is decoded, which is up to whoever takes it: in a worker thread, or in one of
Polars' own. So a page can be asked for again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, TypeVar

import polars as pl
import pyarrow as pa

from sfframe.query.pages.decode import BadPage, count_records, decode_csv, decode_records
from sfframe.query.schema.columns import Column
from sfframe.query.tables import in_arrow

RowsT = TypeVar("RowsT", pl.DataFrame, pa.Table)


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """Some rows in a row.

    Attributes:
        content: CSV, or records of REST.
        n_rows: How many there should be; `None` if the org doesn't say.
        skip: How many of the first ones were given by earlier pages.
        again: Asks the org for the page once more; `None`: that would be of no use.
        parts: The pages that were made one, if it is several.
        json_bytes: As how many bytes the records came.
    """

    content: bytes | Sequence[Any] = field(repr=False)
    n_rows: int | None = None
    skip: int = 0
    again: Callable[[], Awaitable[Page]] | None = field(default=None, repr=False)
    parts: tuple[Page, ...] = field(default=(), repr=False)
    json_bytes: int = 0

    @property
    def n_bytes(self) -> int:
        """How long it was, unpacked."""
        return len(self.content) if isinstance(self.content, bytes) else self.json_bytes

    def decode(self, columns: Sequence[Column]) -> pl.DataFrame:
        """The typed rows.

        Raises:
            BadPage: It isn't what it should be.
        """
        if isinstance(self.content, bytes):
            return pl.DataFrame(self.in_arrow(columns))
        return self._checked(decode_records(self.content, columns))

    def in_arrow(self, columns: Sequence[Column]) -> pa.Table:
        """The same rows as `tables.in_arrow` gives them, without the way through Polars.

        Raises:
            BadPage: It isn't what it should be.
        """
        if not isinstance(self.content, bytes):
            return in_arrow(self.decode(columns))
        try:
            return self._checked(decode_csv(self.content, columns))
        except BadPage:
            if not self.parts:
                raise
        return pa.concat_tables([part.in_arrow(columns) for part in self.parts])  # which tells what is wrong, and where

    def _checked(self, rows: RowsT) -> RowsT:
        """The rows that aren't in earlier pages, if there are as many as the org says."""
        if self.n_rows is not None and len(rows) != self.n_rows:
            raise BadPage(f"it holds {len(rows):,} rows, and the org says {self.n_rows:,}")
        return rows.slice(self.skip) if self.skip else rows


def joined(pages: Sequence[Page]) -> Page:
    """Pages that `may_join`, as one: reading small ones each by itself costs more than their rows are worth."""
    if len(pages) == 1:
        return pages[0]
    contents = [page.content for page in pages if isinstance(page.content, bytes)]
    rows = [content[content.find(b"\n") + 1 :] for content in contents[1:]]
    n_rows = sum(page.n_rows or 0 for page in pages)
    again = partial(_joined_again, pages)
    return Page(content=b"".join([contents[0], *rows]), n_rows=n_rows, again=again, parts=tuple(pages))


def may_join(first: Page, other: Page) -> bool:
    """Whether two pages in a row are whole lines under the same header, each with a number of rows."""
    one, two = first.content, other.content
    if not isinstance(one, bytes) or not isinstance(two, bytes):
        return False
    header = one[: one.find(b"\n") + 1]
    is_counted = first.n_rows is not None and other.n_rows is not None and not first.skip and not other.skip
    return is_counted and bool(header) and two.startswith(header) and one.endswith(b"\n") and two.endswith(b"\n")


async def _joined_again(pages: Sequence[Page]) -> Page:
    """The pages with those asked for once more that haven't their number of rows; if each has it, with all of them."""
    wrong = [page for page in pages if isinstance(page.content, bytes) and count_records(page.content) != page.n_rows]
    asked = [page for page in wrong or pages if page.again is not None]
    again = dict(
        zip(map(id, asked), await asyncio.gather(*(page.again() for page in asked if page.again)), strict=True)
    )
    found = [again.get(id(page), page) for page in pages]
    if all(may_join(found[0], page) for page in found):
        return joined(found)
    n_rows = sum(page.n_rows or 0 for page in pages)
    return Page(content=b"", n_rows=n_rows, again=partial(_joined_again, found), parts=tuple(found))


class Pages(Protocol):
    """Pages in order. Whoever takes them closes them, however it ends.

    Each call may be made in another task, of the same loop.
    """

    async def next(self) -> Page | None:
        """The next page; `None` after the last one."""

    async def close(self, *, abort: bool = True) -> None:
        """Stop: nothing more is asked for; a job that still runs is aborted, or left running."""

    def check(self, n_rows: int) -> None:
        """Compare how many rows there were with what the org says of all of them.

        Raises:
            ApiError: Some are missing, or too many.
        """
