"""Rows: the caller's rows by number, in memory or spooled on disk, for as many passes as a call needs.

A stream or a LazyFrame is run once; what it gave is written to Parquet and read from there. Positions count
rows in the order in which they are sent, numbers count them in the caller's order; both from 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import polars as pl
import pyarrow.parquet as pq
from polars import selectors

Numbers = np.ndarray[Any, np.dtype[np.int64]]

CHUNK = 131_072  # rows read, written and checked at once: large enough for Polars' threads, some MB in memory
_PARTITION = 1_000_000  # rows that `grouped` sorts in memory


class Rows(Protocol):
    """Rows that can be read by position as often as needed."""

    @property
    def n(self) -> int:
        """How many rows."""

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """The columns and their dtypes."""

    def slice(self, start: int, stop: int, names: Sequence[str] | None = None) -> pl.DataFrame:
        """The rows at positions `start` to `stop`, without `stop`; all columns, or those named."""

    def take(self, positions: Numbers, names: Sequence[str] | None = None) -> pl.DataFrame:
        """The rows at these positions, in the order given; all columns, or those named."""

    def numbers(self, start: int, stop: int) -> Numbers:
        """The caller's row numbers of positions `start` to `stop`."""


class MemoryRows:
    """Rows of a frame that is in memory."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame

    @property
    def n(self) -> int:
        return self._frame.height

    @property
    def schema(self) -> dict[str, pl.DataType]:
        return dict(self._frame.schema)

    def slice(self, start: int, stop: int, names: Sequence[str] | None = None) -> pl.DataFrame:
        frame = self._frame if names is None else self._frame.select(names)
        return frame.slice(start, stop - start)

    def take(self, positions: Numbers, names: Sequence[str] | None = None) -> pl.DataFrame:
        frame = self._frame if names is None else self._frame.select(names)
        return frame[positions]

    def numbers(self, start: int, stop: int) -> Numbers:
        return np.arange(start, min(stop, self.n), dtype=np.int64)


class SpooledRows:
    """Rows of a Parquet file.

    Args:
        path: The file.
        schema: The columns to read, and what dtypes they have: Parquet doesn't keep each of them.
        number_column: A column of row numbers; `None`: the file is in the caller's order.
    """

    def __init__(self, path: Path, schema: Mapping[str, pl.DataType], *, number_column: str | None = None) -> None:
        self._scan = pl.scan_parquet(path, glob=False)
        self._number_column = number_column
        self.n: int = self._scan.select(pl.len()).collect().item()  # from the file's metadata
        self.schema = dict(schema)
        stored = self._scan.collect_schema()
        self._casts = {name: dtype for name, dtype in schema.items() if stored[name] != dtype}

    def slice(self, start: int, stop: int, names: Sequence[str] | None = None) -> pl.DataFrame:
        wanted = list(self.schema) if names is None else list(names)
        # By selector: names alone, such as ^x$, would be taken for patterns.
        frame = self._scan.select(selectors.by_name(*wanted)).slice(start, stop - start).collect()
        casts = {name: dtype for name, dtype in self._casts.items() if name in wanted}
        return frame.cast(casts) if casts else frame  # type: ignore[arg-type]  # a dict is invariant

    def take(self, positions: Numbers, names: Sequence[str] | None = None) -> pl.DataFrame:
        order = np.argsort(positions, kind="stable")
        ascending = positions[order]
        pieces = []
        for start in range(0, self.n, CHUNK):
            low, high = np.searchsorted(ascending, [start, start + CHUNK])
            if low < high:
                pieces.append(self.slice(start, start + CHUNK, names)[ascending[low:high] - start])
        if not pieces:
            return self.slice(0, 0, names)
        return pl.concat(pieces)[np.argsort(order, kind="stable")]

    def numbers(self, start: int, stop: int) -> Numbers:
        stop = min(stop, self.n)
        if self._number_column is None:
            return np.arange(start, stop, dtype=np.int64)
        column = self._scan.select(self._number_column).slice(start, stop - start).collect()
        return column.to_series().to_numpy()


class SomeRows:
    """Some rows of others, in an order of their own.

    Args:
        rows: The others.
        positions: Which of them.
        numbers: The caller's numbers of these rows; `None`: their positions in `rows`.
    """

    def __init__(self, rows: Rows, positions: Numbers, numbers: Numbers | None = None) -> None:
        self._rows = rows
        self._positions = positions
        self._numbers = positions if numbers is None else numbers

    @property
    def n(self) -> int:
        return len(self._positions)

    @property
    def schema(self) -> dict[str, pl.DataType]:
        return self._rows.schema

    def slice(self, start: int, stop: int, names: Sequence[str] | None = None) -> pl.DataFrame:
        return self._rows.take(self._positions[start:stop], names)

    def take(self, positions: Numbers, names: Sequence[str] | None = None) -> pl.DataFrame:
        return self._rows.take(self._positions[positions], names)

    def numbers(self, start: int, stop: int) -> Numbers:
        return self._numbers[start:stop]


def chunks(
    rows: Rows, start: int = 0, stop: int | None = None, names: Sequence[str] | None = None
) -> Iterator[tuple[int, pl.DataFrame]]:
    """The rows in order, as `(first position, frame)`, a bounded number at once."""
    end = rows.n if stop is None else stop
    for position in range(start, end, CHUNK):
        yield position, rows.slice(position, min(position + CHUNK, end), names)


def grouped(rows: Rows, by: Sequence[str], folder: Path | None) -> Rows:
    """The same rows, equal values of the columns next to each other; within a group the order stays.

    Args:
        rows: The rows, in the caller's order.
        by: The columns.
        folder: Where to spool; `None`: in memory.
    """
    if folder is None:
        keys = rows.slice(0, rows.n).select(by)
        order = keys.with_row_index("sf__row").sort(by, maintain_order=True)["sf__row"]
        return SomeRows(rows, order.to_numpy().astype(np.int64))
    path = folder / "grouped.parquet"
    if not path.exists():
        beside = path.with_name(f"{path.name}.new")
        _write_grouped(rows, by, beside)
        beside.rename(path)
    return SpooledRows(path, rows.schema, number_column="sf__row")


def _write_grouped(rows: Rows, by: Sequence[str], path: Path) -> None:
    """One partition of groups after the other, each sorted in memory: flat memory for a few reads more."""
    n_partitions = max(1, math.ceil(rows.n / _PARTITION))
    writer: pq.ParquetWriter | None = None
    for partition in range(n_partitions):
        pieces = []
        for start, frame in chunks(rows):
            number = pl.int_range(start, start + frame.height, dtype=pl.Int64).alias("sf__row")
            mine = pl.struct(by).hash() % n_partitions == partition
            pieces.append(frame.with_columns(number).filter(mine))
        table = pl.concat(pieces).sort(by, maintain_order=True).to_arrow()
        writer = writer or pq.ParquetWriter(path, table.schema, compression="lz4")
        writer.write_table(table, row_group_size=CHUNK)
    if writer is not None:
        writer.close()
