"""Fates: those of a run that has ended, in files, for whoever has to do with its rows later."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import polars as pl

from sfframe.ingest.outcomes import SCHEMA, WAS_CREATED, Outcomes
from sfframe.ingest.run_file import ORDER, fates_in, told
from sfframe.ingest.spool import CHUNK


class Files(Protocol):
    """Where runs and other files are; it can travel. See `sfframe.depot`."""

    def database(self, run: str) -> AbstractContextManager[tuple[Path, Mapping[str, str]]]:
        """A folder with a run's database, to be read, and the names of its files here, by those in its own folder."""

    def writing(self, name: str) -> AbstractContextManager[Path]:
        """A file that is to be written."""

    def reading(self, name: str) -> AbstractContextManager[Path]:
        """A file, to be read."""


@dataclass(frozen=True, slots=True)
class Fates:
    """Where they are, in the order of rows. It can travel.

    Attributes:
        where: Where the files are.
        files: Their names there.
        are_jobs: Whether each is what the journal has of a job.
    """

    where: Files
    files: tuple[str, ...]
    are_jobs: bool

    @classmethod
    def in_run(cls, where: Files, run: str) -> Self | None:
        """Those that the journal of a finished run has; `None`: what it has aren't simply those of all rows in order.

        Raises:
            JournalError: It can't be read.
        """
        with where.database(run) as (folder, files):
            names = fates_in(folder) if ORDER not in files else None
        return cls(where, tuple(files[name] for name in names), are_jobs=True) if names is not None else None

    @classmethod
    def written(cls, where: Files, outcomes: Outcomes, name: str) -> Self:
        """Those of whatever run, written into a file; where all reach it when this returns.

        Raises:
            OSError: It can't be written.
        """
        with where.writing(name) as path:
            outcomes.write(path)
        return cls(where, (name,), are_jobs=False)

    def collect(self, what: Callable[[pl.LazyFrame], pl.LazyFrame]) -> pl.DataFrame:
        """Something of `row`, `outcome`, `sf__Id`, `sf__Created`, `sf__Error` of all rows.

        Raises:
            JournalError: They can't be read.
        """
        with told(str(self.where)), ExitStack() as opened:
            paths = [opened.enter_context(self.where.reading(name)) for name in self.files]
            scans = [pl.scan_parquet(path, glob=False).select(self._columns) for path in paths]
            return what(pl.concat([pl.LazyFrame(schema=SCHEMA), *scans])).collect()

    def all(self) -> pl.DataFrame:
        """All of it."""
        return self.collect(lambda fates: fates)

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
            n = max(CHUNK, stop - start)
            first, window = start, self._fates.collect(lambda fates: fates.slice(start, n))
            self._window = first, window
        return window.slice(start - first, stop - start)

    def all(self) -> pl.DataFrame:
        """All fates, in row order."""
        return self._fates.all()
