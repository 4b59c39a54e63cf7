"""Same rows: what makes two calls the same, and the first difference, told without any cell's content."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sfframe.ingest.same import same_rows, same_rows_in_any_order
from sfframe.ingest.spool import MemoryRows, SomeRows, SpooledRows
from tests.frames.test_polars import every_dtype


def rows(**columns: Any) -> MemoryRows:
    return MemoryRows(pl.DataFrame(columns))


NAN = float("nan")


@pytest.mark.parametrize(
    ("a", "b", "told"),
    [
        ({"A": ["x", None]}, {"A": ["x", None]}, None),
        ({"A": [NAN, 0.0, None]}, {"A": [NAN, -0.0, None]}, None),
        ({"A": [0.1]}, {"A": [0.1 + 2**-54]}, "column 'A' differs first in row 0"),
        ({"A": [NAN, NAN]}, {"A": [NAN, None]}, "column 'A' differs first in row 1"),
        ({"A": [1, 2, 3], "B": [1, 5, 3]}, {"A": [1, 2, 4], "B": [1, 2, 3]}, "column 'B' differs first in row 1"),
        ({"A": [1, 2], "B": [1, 2]}, {"B": [1, 2], "A": [1, 2]}, None),
        ({"A": ["secret"]}, {"A": ["secret", "b", "c"]}, "the other has 2 more rows"),
        ({"A": ["a", "b"]}, {"A": ["a"]}, "the other has 1 fewer row"),
        ({"A": [1], "B": [1]}, {"A": [1]}, "the other has no column 'B'"),
        ({"A": [1]}, {"A": [1], "B": [1]}, "the other has a column 'B' more"),
        ({"A": [1]}, {"A": ["secret"]}, "column 'A' is Int64 here and String there"),
        ({"A": pl.Series(["a"], dtype=pl.Enum(["a", "secret"]))}, {"A": pl.Series(["a"], dtype=pl.Enum(["a"]))},
         "column 'A' is another Enum there"),
        ({"A": [{"x": [NAN]}]}, {"A": [{"x": [NAN]}]}, None),
        ({"A": [{"x": 1}, {"x": 2}]}, {"A": [{"x": 1}, None]}, "column 'A' differs first in row 1"),
    ],
)  # fmt: skip
def test_the_first_difference_is_told(a: dict[str, Any], b: dict[str, Any], told: str | None) -> None:
    assert same_rows(rows(**a), rows(**b)) == told


@pytest.mark.parametrize("name", every_dtype().drop("null").columns)
def test_a_change_in_a_column_of_any_dtype_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[same_rows.__module__], "CHUNK", 2)
    frame = every_dtype()
    changed = frame.with_columns(pl.when(pl.int_range(3) == 2).then(pl.col(name).first()).otherwise(pl.col(name)))
    if changed[2, name] is None:  # of each column, one of the two is no null
        changed = frame.with_columns(pl.col(name).shift(1))
    assert same_rows(MemoryRows(frame), MemoryRows(frame.clone())) is None
    assert str(same_rows(MemoryRows(frame), MemoryRows(changed))).startswith(f"column {name!r} differs first in row ")


def test_rows_on_disk_are_compared_with_those_in_memory(tmp_path: Path) -> None:
    frame = every_dtype()
    frame.write_parquet(tmp_path / "rows.parquet")
    spooled = SpooledRows(tmp_path / "rows.parquet", dict(frame.schema))
    assert same_rows(MemoryRows(frame), spooled) is None
    backwards = pl.Series([2, 1, 0]).to_numpy()
    told = same_rows(spooled, SomeRows(MemoryRows(frame), backwards))
    assert told == "column 'LastName' differs first in row 0"


@pytest.mark.parametrize(
    ("a", "b", "told"),
    [
        ({"A": ["x", None, "y"]}, {"A": ["y", "x", None]}, None),
        ({"A": [1, 2], "B": ["p", "q"]}, {"B": ["q", "p"], "A": [2, 1]}, None),
        ({"A": [1, 2], "B": ["p", "q"]}, {"A": [1, 2], "B": ["q", "p"]}, "column 'B' differs first in row 0"),
        ({"A": [1, 1, 2]}, {"A": [2, 2, 1]}, "column 'A' differs first in row 0"),
        ({"A": [NAN, 0.0, 1.0]}, {"A": [1.0, NAN, -0.0]}, None),
        ({"A": [1, 2]}, {"A": [2, 1, 1]}, "column 'A' differs first in row 0"),
        ({"A": [{"x": 1}, None]}, {"A": [None, {"x": 1}]}, None),
        ({"A": [[1], None]}, {"A": [None, [1]]}, None),
        ({"A": [[1], None]}, {"A": [None, [2]]}, "column 'A' differs first in row 0"),
    ],
)
def test_rows_in_another_order_are_the_same_where_order_means_nothing(
    a: dict[str, Any], b: dict[str, Any], told: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[same_rows.__module__], "CHUNK", 2)
    assert same_rows_in_any_order(rows(**a), rows(**b)) == told
