"""Lazily: a LazyFrame over batches that are made anew each time it is run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import polars as pl
from polars.io.plugins import register_io_source


def lazy_over(batches: Callable[[], Iterable[pl.DataFrame]], schema: Mapping[str, pl.DataType]) -> pl.LazyFrame:
    """A LazyFrame over frames of this schema, one in memory at a time."""

    def source(
        with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        left = n_rows
        for batch in batches():
            frame = batch if left is None else batch.head(left)
            left = None if left is None else left - frame.height
            frame = frame if with_columns is None else frame[with_columns]
            yield frame if predicate is None else frame.filter(predicate)
            if left == 0:
                return

    return register_io_source(source, schema=dict(schema))
