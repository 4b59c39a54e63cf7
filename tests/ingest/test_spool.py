"""Rows by number: the same whether they are in memory or on the disk, in whatever order they are asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from sfframe.ingest import spool
from sfframe.ingest.spool import MemoryRows, SomeRows, SpooledRows

N = 10


@pytest.mark.parametrize("positions", [[], [0], [9, 0, 5], [3, 3, 2], [*range(9, -1, -1)], [7, 1, 8, 2, 0]], ids=str)
def test_rows_are_taken_in_the_order_asked_for(
    tmp_path: Path, positions: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "CHUNK", 4)
    frame = pl.DataFrame({"n": range(N), "text": [f"t{i}" for i in range(N)]})
    frame.write_parquet(tmp_path / "rows.parquet")
    spooled = SpooledRows(tmp_path / "rows.parquet", dict(frame.schema))
    wanted = np.array(positions, np.int64)
    for rows in (MemoryRows(frame), spooled):
        assert_frame_equal(rows.take(wanted), frame[positions])
        some = SomeRows(rows, wanted)
        assert_frame_equal(some.slice(1, 3), frame[positions[1:3]])
        assert some.numbers(0, some.n).tolist() == positions
