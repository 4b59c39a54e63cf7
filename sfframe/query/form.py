"""Form: whose columns rows are read into, Polars' or Arrow's; no library's frames go the way through another's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import polars as pl
import pyarrow as pa

from sfframe.query.pages.page import Page
from sfframe.query.schema.columns import Column
from sfframe.query.tables import in_arrow

RowsT = TypeVar("RowsT", pl.DataFrame, pa.Table)


@dataclass(frozen=True, slots=True)
class Form(Generic[RowsT]):
    """Rows in columns of one library.

    Attributes:
        decode: The rows of a page; runs in a worker thread.
        concat: Those of several pages, in order, as one.
        of: Those of a Polars frame.
    """

    decode: Callable[[Page, Sequence[Column]], RowsT]
    concat: Callable[[Sequence[RowsT]], RowsT]
    of: Callable[[pl.DataFrame], RowsT]


POLARS: Final[Form[pl.DataFrame]] = Form(Page.decode, pl.concat, lambda frame: frame)
ARROW: Final[Form[pa.Table]] = Form(Page.in_arrow, pa.concat_tables, in_arrow)
