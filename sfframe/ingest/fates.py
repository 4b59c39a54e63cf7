"""Fates: those of a run that has ended, in files, for whoever has to do with its rows later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import polars as pl

from sfframe.ingest.outcomes import SCHEMA, WAS_CREATED, Outcomes
from sfframe.ingest.run_file import fates_in
from sfframe.ingest.spool import CHUNK


@dataclass(frozen=True, slots=True)
class Fates:
    """Where they are, in the order of rows. It can travel.

    Attributes:
        files: The files.
        are_jobs: Whether each is what the journal has of a job.
    """

    files: tuple[Path, ...]
    are_jobs: bool

    @classmethod
    def in_run(cls, run: Path) -> Self | None:
        """Those that the journal of a finished run has; `None`: what it has aren't simply those of all rows in order.

        Raises:
            JournalError: It can't be read.
        """
        names = fates_in(run)
        return cls(tuple(run / name for name in names), are_jobs=True) if names is not None else None

    @classmethod
    def written(cls, outcomes: Outcomes, path: Path) -> Self:
        """Those of whatever run, written into a file; on the disk when this returns.

        Raises:
            OSError: It can't be written.
        """
        outcomes.write(path)
        return cls((path,), are_jobs=False)

    def scan(self) -> pl.LazyFrame:
        """`row`, `outcome`, `sf__Id`, `sf__Created`, `sf__Error` of all rows."""
        nothing = pl.LazyFrame(schema=SCHEMA)
        return pl.concat([nothing, *(pl.scan_parquet(path, glob=False).select(self._columns) for path in self.files)])

    @property
    def _columns(self) -> list[pl.Expr]:
        if not self.are_jobs:
            return [pl.col(name) for name in SCHEMA]
        told = {"row": pl.col("number").alias("row"), "sf__Created": WAS_CREATED}
        return [told.get(name, pl.col(name)) for name in SCHEMA]


class OutcomesInFiles(Outcomes):
    """The fates of all rows, in files, of which few are in memory at once.

    Args:
        fates: The files.
        counts: How many rows have which outcome.
    """

    def __init__(self, fates: Fates, counts: Mapping[str, int]) -> None:
        super().__init__(0)
        self.n = sum(counts.values())
        self._fates = fates
        self._told = dict(counts)
        self._window = 0, pl.DataFrame(schema=SCHEMA)  # what was read last, and the first row of it

    @property
    def counts(self) -> dict[str, int]:
        """How many rows have which outcome."""
        return dict(self._told)

    def between(self, start: int, stop: int) -> pl.DataFrame:
        """The fates of rows `start` to `stop`, in row order; whoever asks for few after few has them read together."""
        first, window = self._window
        if not first <= start <= stop <= first + window.height:
            first, window = start, self._fates.scan().slice(start, max(CHUNK, stop - start)).collect()
            self._window = first, window
        return window.slice(start - first, stop - start)

    def all(self) -> pl.DataFrame:
        """All fates, in row order."""
        return self._fates.scan().collect()
