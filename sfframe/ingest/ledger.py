"""Ledger: what the jobs of a run say of its rows, until each row has its last word.

Worker threads write here; what they bring after the run is over comes too late and is left out.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

import numpy as np
import polars as pl

from sfframe.ingest.echo import FAILED, UNPROCESSED
from sfframe.ingest.outcomes import Outcomes
from sfframe.ingest.spool import Numbers

_ATTEMPTS = {"row": pl.Int64, "attempt": pl.Int64, "job_id": pl.String, "sf__Error": pl.String}


class Ledger:
    """The fates of a run's rows, those that go again, and every try of theirs.

    Args:
        outcomes: Takes the last words.
        retry_rows: Error codes whose rows go again, and how often at most.
    """

    def __init__(self, outcomes: Outcomes, retry_rows: Mapping[str, int]) -> None:
        self.outcomes = outcomes
        self._retry_rows = retry_rows
        self._again: list[tuple[Numbers, Numbers]] = []
        self._held: list[pl.DataFrame] = []  # fates of rows that go again, in case they can't
        self._unknown: list[Numbers] = []
        self._attempts: list[pl.DataFrame] = []
        self._lock = threading.Lock()
        self._is_closed = False

    def take(self, fates: pl.DataFrame, *, numbers: Numbers, positions: Numbers, job_id: str, attempt: int) -> None:
        """Take the fates of a part's rows; those that deserve another try wait for it.

        Args:
            fates: By index in the part.
            numbers: The caller's number of each row of the part.
            positions: Where each of them is in the rows of the run.
            job_id: The job.
            attempt: Which try of its rows it was, from 1.
        """
        with self._lock:
            if not self._is_closed:
                self._take(fates, numbers, positions, job_id, attempt)

    def take_unknown(self, numbers: Numbers) -> None:
        """Take that nobody knows what became of these rows."""
        self._unknown.append(numbers)

    def take_again(self) -> tuple[Numbers, Numbers] | None:
        """Positions and numbers of the rows that go again, by position; each is given once."""
        if not self._again:
            return None
        positions, numbers = (np.concatenate(arrays) for arrays in zip(*self._again, strict=True))
        self._again = []
        order = np.argsort(positions, kind="stable")
        return positions[order], numbers[order]

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

    def _take(self, fates: pl.DataFrame, numbers: Numbers, positions: Numbers, job_id: str, attempt: int) -> None:
        numbered = fates.with_columns(pl.Series(numbers).gather(fates["row"]).alias("row"))
        goes_again = self._deserve_another(numbered, attempt)
        if goes_again is None:
            if attempt > 1:
                self._note_attempt(numbered, job_id, attempt)
            self.outcomes.add(numbered)
            return
        self._note_attempt(numbered if attempt > 1 else numbered.filter(goes_again), job_id, attempt)
        indices = fates["row"].filter(goes_again).to_numpy()
        self._again.append((positions[indices], numbers[indices]))
        self._held.append(numbered.filter(goes_again))
        self.outcomes.add(numbered.filter(~goes_again))

    def _note_attempt(self, fates: pl.DataFrame, job_id: str, attempt: int) -> None:
        which = pl.lit(attempt, pl.Int64).alias("attempt"), pl.lit(job_id).alias("job_id")
        self._attempts.append(fates.select("row", *which, "sf__Error"))

    def _deserve_another(self, fates: pl.DataFrame, attempt: int) -> pl.Series | None:
        codes = [code for code, times in self._retry_rows.items() if attempt <= times]
        failed = fates["outcome"] == FAILED
        if not codes or not failed.any():
            return None
        code = pl.when(failed).then(pl.col("sf__Error").str.extract(r"^([^:]*)"))
        mask = fates.select(code.is_in(codes).fill_null(False)).to_series()
        return mask if mask.any() else None


def no_attempts() -> pl.DataFrame:
    """Attempts of a call whose rows went once, or not at all."""
    return pl.DataFrame(schema=_ATTEMPTS)
