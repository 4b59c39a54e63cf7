"""The ledger: in whatever order jobs end, the rows that go again are those that failed, each with what is its own."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from sfframe.ingest.echo import FAILED, SUCCESSFUL
from sfframe.ingest.ledger import Ledger
from sfframe.ingest.outcomes import Outcomes
from sfframe.org.job import JobInfo, JobState
from tests.examples import scaled

PART = 3
JOB = JobInfo(id="750", state=JobState.JOB_COMPLETE)


@settings(max_examples=scaled(25))
@given(st.data())
def test_rows_that_go_again_come_by_position_with_their_own_numbers_and_errors(data: st.DataObject) -> None:
    numbers = np.array(data.draw(st.permutations(range(4 * PART))))  # at each position, the caller's number
    locked = data.draw(st.sets(st.sampled_from(range(4 * PART)), min_size=1))
    ledger = Ledger(Outcomes(4 * PART), {"LOCK": 1})
    for part in data.draw(st.permutations(range(4))):
        positions = np.arange(part * PART, (part + 1) * PART)
        ledger.take(JOB, _fates(positions, locked), numbers=numbers[positions], positions=positions, attempt=1)
    again = ledger.take_again()
    assert again is not None
    assert again.positions.tolist() == sorted(locked)
    assert again.numbers.tolist() == numbers[sorted(locked)].tolist()
    assert again.errors.to_list() == [f"LOCK:{position}:--" for position in sorted(locked)]
    assert ledger.outcomes.rows(SUCCESSFUL).tolist() == sorted(set(range(4 * PART)) - set(again.numbers.tolist()))
    assert ledger.take_again() is None


def test_what_comes_after_the_end_is_left_out() -> None:
    """A thread that nobody waits for any more may bring it."""
    positions = np.arange(PART)
    ledger = Ledger(Outcomes(PART), {})
    ledger.close()
    ledger.take(JOB, _fates(positions, set()), numbers=positions, positions=positions, attempt=1)
    assert ledger.outcomes.counts == {"successful": 0, "failed": 0, "unprocessed": PART}


def _fates(positions: np.ndarray[tuple[int, ...], np.dtype[np.int64]], locked: set[int]) -> pl.DataFrame:
    errors = [f"LOCK:{position}:--" if position in locked else None for position in positions.tolist()]
    return pl.DataFrame(
        {
            "row": range(len(errors)),
            "outcome": [FAILED if error else SUCCESSFUL for error in errors],
            "sf__Id": [None if error else "id" for error in errors],
            "sf__Created": [None if error else "true" for error in errors],
            "sf__Error": errors,
        },
        schema={"row": pl.UInt32, "outcome": pl.UInt8, "sf__Id": pl.String, "sf__Created": pl.String,
                "sf__Error": pl.String},
    )  # fmt: skip
