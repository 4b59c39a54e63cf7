"""Ledger: what the jobs of a run say of its rows, until each row has its last word.

Worker threads write here; what they bring after the run is over comes too late and is left out.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from sfframe.ingest.echo import FAILED, SUCCESSFUL, UNPROCESSED
from sfframe.ingest.outcomes import Outcomes
from sfframe.ingest.spool import Numbers
from sfframe.org.job import JobInfo, JobState

_ATTEMPTS = {"row": pl.Int64, "attempt": pl.Int64, "job_id": pl.String, "sf__Error": pl.String}


@dataclass(frozen=True, kw_only=True, eq=False)
class Again:
    """Rows that go again.

    Attributes:
        positions: Where they are in the rows of the run.
        numbers: The caller's numbers of them.
        errors: What the org said of each; null of those it didn't come to.
    """

    positions: Numbers
    numbers: Numbers
    errors: pl.Series

    @classmethod
    def nothing(cls) -> Again:
        """None."""
        none = np.empty(0, np.int64)
        return cls(positions=none, numbers=none, errors=pl.Series([], dtype=pl.String))

    def at(self, indices: Numbers) -> Again:
        """Some of them, in this order."""
        errors = self.errors.gather(indices)
        return Again(positions=self.positions[indices], numbers=self.numbers[indices], errors=errors)


class Ledger:
    """The fates of a run's rows, those that go again, and every try of theirs.

    Args:
        outcomes: Takes the last words.
        retry_rows: Error codes whose rows go again, and how often at most.
    """

    def __init__(self, outcomes: Outcomes, retry_rows: Mapping[str, int]) -> None:
        self.outcomes = outcomes
        self._retry_rows = retry_rows
        self._again: list[Again] = []
        self._held: list[pl.DataFrame] = []  # fates of rows that go again, in case they can't
        self._unknown: list[Numbers] = []
        self._attempts: list[pl.DataFrame] = []
        self._lock = threading.Lock()
        self._is_closed = False

    def take(self, job: JobInfo, fates: pl.DataFrame, *, numbers: Numbers, positions: Numbers, attempt: int) -> None:
        """Take what a job says of a part's rows; those that deserve another try wait for it.

        Args:
            job: The job, at its end. Where it broke off, the rows that it didn't come to deserve another try.
            fates: By index in the part.
            numbers: The caller's number of each row of the part.
            positions: Where each of them is in the rows of the run.
            attempt: Which try of its rows it was, from 1.
        """
        with self._lock:
            if self._is_closed:
                return
            numbered = fates.with_columns(pl.Series("row", numbers[fates["row"].to_numpy()]))
            goes_again = self._deserve_another(numbered, attempt, _has_broken_off(job, fates))
            if goes_again is None:
                if attempt > 1:
                    self._note_attempt(numbered, job.id, attempt)
                self.outcomes.add(numbered)
                return
            self._note_attempt(numbered if attempt > 1 else numbered.filter(goes_again), job.id, attempt)
            indices = fates["row"].filter(goes_again).to_numpy()
            errors = fates["sf__Error"].cast(pl.String).filter(goes_again)
            self._again.append(Again(positions=positions[indices], numbers=numbers[indices], errors=errors))
            self._held.append(numbered.filter(goes_again))
            self.outcomes.add(numbered.filter(~goes_again))

    def take_unknown(self, numbers: Numbers) -> None:
        """Take that nobody knows what became of these rows."""
        self._unknown.append(numbers)

    def take_again(self) -> Again | None:
        """The rows that go again, by position; each is given once."""
        if not self._again:
            return None
        positions = np.concatenate([one.positions for one in self._again])
        numbers = np.concatenate([one.numbers for one in self._again])
        errors = pl.concat([one.errors for one in self._again])
        self._again = []
        order = np.argsort(positions, kind="stable")
        return Again(positions=positions[order], numbers=numbers[order], errors=errors.gather(order))

    def close(self) -> None:
        """Give a fate to every row that has none: the last known one, else that it wasn't processed."""
        with self._lock:
            self._is_closed = True
        rows = pl.DataFrame({"row": self.outcomes.without_fate()})
        if not rows.height:
            return
        if self._held:
            unknown = pl.DataFrame({"row": np.concatenate([np.empty(0, np.int64), *self._unknown])})
            last = pl.concat(self._held).unique("row", keep="last")
            last = last.join(rows, on="row", how="semi").join(unknown, on="row", how="anti")
            self.outcomes.add(last)
            rows = rows.join(last, on="row", how="anti")
        self.outcomes.add(
            rows.with_columns(
                pl.lit(UNPROCESSED, pl.UInt8).alias("outcome"),
                *(pl.lit(None, pl.String).alias(name) for name in ("sf__Id", "sf__Created", "sf__Error")),
            )
        )

    def attempts(self) -> pl.DataFrame:
        """`row, attempt, job_id, sf__Error` of rows that went more than once."""
        return pl.concat([pl.DataFrame(schema=_ATTEMPTS), *self._attempts]).sort("row", "attempt")

    def _note_attempt(self, fates: pl.DataFrame, job_id: str, attempt: int) -> None:
        which = pl.lit(attempt, pl.Int64).alias("attempt"), pl.lit(job_id).alias("job_id")
        self._attempts.append(fates.select("row", *which, "sf__Error"))

    def _deserve_another(self, fates: pl.DataFrame, attempt: int, has_broken_off: bool) -> pl.Series | None:
        if not has_broken_off and not (fates["outcome"] == FAILED).any():
            return None
        codes = [code for code, times in self._retry_rows.items() if attempt <= times]
        code = pl.when(pl.col("outcome") == FAILED).then(pl.col("sf__Error").str.extract(r"^([^:]*)"))
        deserves = code.is_in(codes).fill_null(False)
        if has_broken_off and attempt <= max(self._retry_rows.values(), default=0):
            deserves = deserves | (pl.col("outcome") == UNPROCESSED)
        mask = fates.select(deserves).to_series() if codes else None
        return mask if mask is not None and mask.any() else None


def no_attempts() -> pl.DataFrame:
    """Attempts of a call whose rows went once, or not at all."""
    return pl.DataFrame(schema=_ATTEMPTS)


def has_failed(job: JobInfo, fates: pl.DataFrame) -> bool:
    """Whether a job failed as a whole: it didn't complete, and no row was processed."""
    return job.state != JobState.JOB_COMPLETE and not fates["outcome"].is_in([SUCCESSFUL, FAILED]).any()


def _has_broken_off(job: JobInfo, fates: pl.DataFrame) -> bool:
    """Whether a job failed when it had processed some of its rows, so that it isn't the rows as such that are wrong."""
    return job.state == JobState.FAILED and not has_failed(job, fates)
