"""Outcomes: the fate of every row of a call, each told exactly once; in memory, or on disk beside a spool."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from sfframe.disk import settle
from sfframe.ingest.echo import FAILED, SUCCESSFUL, UNPROCESSED, WORDS
from sfframe.ingest.spool import CHUNK, Numbers

Mask = np.ndarray[Any, np.dtype[np.bool_]]

SCHEMA: dict[str, pl.DataType] = {
    "row": pl.Int64(),
    "outcome": pl.UInt8(),
    "sf__Id": pl.String(),
    "sf__Created": pl.Boolean(),
    "sf__Error": pl.String(),
}
# Of fates as the org's files tell them: in words.
WAS_CREATED = pl.col("sf__Created").is_in(["true", "True", "TRUE"]).alias("sf__Created")


class Folder(Protocol):
    """A folder that lives as long as this object."""

    @property
    def path(self) -> Path:
        """Where it is."""


class Outcomes:
    """What became of each of `n` rows.

    Args:
        n: Rows of the call.
        folder: Where to keep them; `None`: in memory.

    Attributes:
        n: Rows of the call.
        folder: Where they are, and where views of them may be put.
    """

    def __init__(self, n: int, folder: Folder | None = None) -> None:
        self.n = n
        self.folder = folder
        self._state = np.zeros(n, np.uint8)
        self._frames: list[pl.DataFrame] = []
        self._files: list[tuple[int, int, Path]] = []
        self._whole: pl.DataFrame | None = None

    @classmethod
    def of_all(cls, fates: pl.DataFrame) -> Self:
        """Those of which everything is known: what `all` gave."""
        outcomes = cls(fates.height)
        outcomes._state = fates["outcome"].to_numpy().copy()
        outcomes._whole = fates
        outcomes._frames = [fates]
        return outcomes

    def write(self, path: Path) -> None:
        """Write what `all` gives as Parquet, for another process; on the disk when this returns."""
        schema = pl.DataFrame(schema=SCHEMA).to_arrow().schema
        quick: Any = {"compression": "lz4", "use_dictionary": False, "write_statistics": False}
        with pq.ParquetWriter(path, schema, **quick) as writer:
            for start in range(0, self.n, CHUNK):
                fates = self.all().slice(start, CHUNK) if self.folder is None else self.between(start, start + CHUNK)
                writer.write_table(fates.to_arrow())
        settle(path)

    def add(self, fates: pl.DataFrame) -> None:
        """Take the fates of some rows.

        Args:
            fates: `row` (the caller's row numbers), `outcome`, `sf__Id`, `sf__Created`, `sf__Error` as text.

        Raises:
            ValueError: A row has a fate already: the sum would not be right.
        """
        if not fates.height:
            return
        fates = fates.select(
            pl.col("row").cast(pl.Int64),
            pl.col("outcome").cast(pl.UInt8),
            pl.col("sf__Id").cast(pl.String),
            WAS_CREATED,
            pl.col("sf__Error").cast(pl.String),
        )
        if not fates["row"].is_sorted():
            fates = fates.sort("row")
        rows = fates["row"].to_numpy()
        if self._state[rows].any() or (rows[1:] == rows[:-1]).any():
            raise ValueError("a row was given two fates")
        self._state[rows] = fates["outcome"].to_numpy()
        self._whole = None
        if self.folder is None:
            self._frames.append(fates)
        else:
            path = self.folder.path / f"fates-{len(self._files):06}.parquet"
            fates.write_parquet(path, compression="lz4", row_group_size=CHUNK)
            self._files.append((int(rows[0]), int(rows[-1]), path))

    def without_fate(self) -> Numbers:
        """Numbers of the rows that have none yet, ascending."""
        return np.flatnonzero(self._state == 0)

    def rows(self, outcome: int) -> Numbers:
        """Numbers of the rows with this outcome, ascending."""
        return np.flatnonzero(self._state == outcome)

    @property
    def counts(self) -> dict[str, int]:
        """How many rows have which outcome; their sum is the number of rows once all have one."""
        return {WORDS[o]: int(np.count_nonzero(self._state == o)) for o in (SUCCESSFUL, FAILED, UNPROCESSED)}

    def mask(self, wanted: Collection[int]) -> Mask:
        """For each row whether it has one of these outcomes."""
        mask = np.zeros(self.n, np.bool_)
        for outcome in wanted:  # `np.isin` would take eight bytes for each row
            mask |= self._state == outcome
        return mask

    def of(self, wanted: Collection[int], columns: Sequence[str] = tuple(SCHEMA)) -> pl.DataFrame:
        """The fates of these outcomes, in row order; all columns, or some."""
        mask = self.mask(wanted)
        if not mask.any():
            return pl.DataFrame(schema=SCHEMA).select(columns)
        has_it = pl.col("outcome").is_in(list(wanted))
        if self.folder is not None:
            needed = list(dict.fromkeys(["row", *columns]))  # what is filtered holds the text that it is filtered from
            scans = [pl.scan_parquet(path, glob=False) for *_, path in self._files]
            pieces = [scan.filter(has_it).select(needed).collect() for scan in scans]
            return pl.concat([pl.DataFrame(schema=SCHEMA).select(needed), *pieces]).sort("row").select(columns)
        fates = self.all()
        if fates.height == self.n:  # then the state is in the same order
            return fates.select(columns) if mask.all() else fates.select(columns).filter(pl.Series(mask))
        return fates.filter(has_it).select(columns)

    def all(self) -> pl.DataFrame:
        """All fates, in row order."""
        if self.folder is not None:
            return self.between(0, self.n)
        if self._whole is None:
            whole = pl.concat([pl.DataFrame(schema=SCHEMA), *self._frames])
            self._whole = whole if whole["row"].is_sorted() else whole.sort("row")
            self._frames = [self._whole]
        return self._whole

    def between(self, start: int, stop: int) -> pl.DataFrame:
        """The fates of rows `start` to `stop`, in row order."""
        if self.folder is None:
            return self.all().filter(pl.col("row").is_between(start, stop, closed="left"))
        pieces = [
            pl.scan_parquet(path, glob=False).filter(pl.col("row").is_between(start, stop, closed="left")).collect()
            for low, high, path in self._files
            if low < stop and high >= start
        ]
        return pl.concat([pl.DataFrame(schema=SCHEMA), *pieces]).sort("row")

    def chunks(self) -> Iterator[tuple[int, pl.DataFrame]]:
        """All fates in row order, a bounded number at once, as `(first row, fates)`."""
        for start in range(0, self.n, CHUNK):
            yield start, self.between(start, start + CHUNK)
