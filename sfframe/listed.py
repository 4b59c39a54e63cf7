"""Listed: a frame as lists of Python values, for what is written cell by cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

Column = tuple[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Listed:
    """A frame of any library.

    Attributes:
        columns: Of each column, in order, its label as text and its values, `None` for a null; a label may be there
            twice.
        index: The same of the frame's index, where it is more than a count of rows.
    """

    columns: Sequence[Column]
    index: Sequence[Column] = ()

    @property
    def height(self) -> int:
        """How many rows."""
        return max((len(values) for _, values in [*self.index, *self.columns]), default=0)


def listed(frame: pl.DataFrame) -> Listed:
    """A Polars frame."""
    return Listed([(series.name, series.to_list()) for series in frame.iter_columns()])
