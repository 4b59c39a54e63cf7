"""Outcomes: each row's fate once, in the order of rows, whether in memory or on the disk."""

from __future__ import annotations

import itertools
import tempfile
import tracemalloc
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from sfframe.ingest.echo import FAILED, SUCCESSFUL, UNPROCESSED
from sfframe.ingest.outcomes import Outcomes
from tests.examples import scaled

N = 9


@dataclass
class Here:
    """A folder."""

    path: Path


def fates(rows: list[int]) -> pl.DataFrame:
    outcomes = [(SUCCESSFUL, FAILED, UNPROCESSED)[row % 3] for row in rows]
    return pl.DataFrame(
        {"row": rows, "outcome": outcomes, "sf__Id": [f"id{row}" for row in rows],
         "sf__Created": ["true"] * len(rows), "sf__Error": [f"e{row}" for row in rows]},
        schema={"row": pl.Int64, "outcome": pl.UInt8, "sf__Id": pl.String, "sf__Created": pl.String,
                "sf__Error": pl.String},
    )  # fmt: skip


@settings(max_examples=scaled(25))
@given(st.permutations(range(N)), st.sets(st.integers(1, N - 1)), st.data())
def test_fates_come_in_the_order_of_rows_in_memory_and_on_disk(
    rows: list[int], borders: set[int], data: st.DataObject
) -> None:
    cuts = [0, *sorted(borders), N]
    parts = [rows[a:b] for a, b in itertools.pairwise(cuts)]
    start, stop = sorted((data.draw(st.integers(0, N)), data.draw(st.integers(0, N))))
    wanted = data.draw(st.sets(st.sampled_from([SUCCESSFUL, FAILED, UNPROCESSED])))
    whole = fates(list(range(N))).with_columns(pl.lit(True).alias("sf__Created"))
    with tempfile.TemporaryDirectory() as folder:
        for outcomes in (Outcomes(N), Outcomes(N, Here(Path(folder)))):
            for part in parts:
                outcomes.add(fates(part))
            assert_frame_equal(outcomes.all(), whole)
            assert_frame_equal(outcomes.between(start, stop), whole[start:stop])
            assert_frame_equal(outcomes.of(wanted), whole.filter(pl.col("outcome").is_in(list(wanted))))
            assert not len(outcomes.without_fate())
            assert set(outcomes.counts.values()) == {N // 3}


@pytest.mark.parametrize("second", [[2], [0, 2], [3, 3]])
def test_no_row_is_given_two_fates(second: list[int]) -> None:
    outcomes = Outcomes(4)
    outcomes.add(fates([1, 2]))
    with pytest.raises(ValueError, match="two fates"):
        outcomes.add(fates(second))
    assert outcomes.without_fate().tolist() == [0, 3]


def test_counting_and_choosing_takes_a_byte_or_two_for_a_row(tmp_path: Path) -> None:
    n = 1_000_000
    outcomes = Outcomes(n, Here(tmp_path))
    tracemalloc.start()
    try:
        assert sum(outcomes.counts.values()) == 0
        assert not outcomes.mask([SUCCESSFUL, FAILED]).any()
        assert tracemalloc.get_traced_memory()[1] < 3 * n
    finally:
        tracemalloc.stop()
