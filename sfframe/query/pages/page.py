"""Pages: the two ways in which an answer comes, REST and a query job, as pages in the order of the rows.

What a page is worth is known when it is decoded, which is up to whoever takes it: in a worker thread, or in one of
Polars' own. So a page can be asked for again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import polars as pl

from sfframe.query.pages.decode import BadPage, decode_csv, decode_records
from sfframe.query.schema.columns import Column


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """Some rows in a row.

    Attributes:
        content: CSV, or records of REST.
        n_rows: How many there should be; `None` if the org doesn't say.
        skip: How many of the first ones were given by earlier pages.
        again: Asks the org for the page once more; `None`: that would be of no use.
    """

    content: bytes | Sequence[Any] = field(repr=False)
    n_rows: int | None = None
    skip: int = 0
    again: Callable[[], Awaitable[Page]] | None = field(default=None, repr=False)

    def decode(self, columns: Sequence[Column]) -> pl.DataFrame:
        """The typed rows.

        Raises:
            BadPage: It isn't what it should be.
        """
        try:
            frame = self._frame(columns)
        except pl.exceptions.PanicException as error:  # no PolarsError; its CSV reader does that with odd ends
            raise BadPage("it is no whole CSV of these columns") from error
        if self.n_rows is not None and frame.height != self.n_rows:
            raise BadPage(f"it holds {frame.height:,} rows, and the org says {self.n_rows:,}")
        return frame.slice(self.skip) if self.skip else frame

    def _frame(self, columns: Sequence[Column]) -> pl.DataFrame:
        if not isinstance(self.content, bytes):
            return decode_records(self.content, columns)
        if not self.content.endswith(b"\n") and self.content.count(b'"') % 2:
            raise BadPage("it breaks off within a quoted value")
        return decode_csv(self.content, columns)


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
