"""Keys of several partitions: those that stand in several rows are found, in whatever partition and range they are."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfframe import shared_keys
from sfframe.depot import FolderDepot
from sfframe.shared_keys import merged, ranges, twice_in, write_keys
from tests.examples import scaled

KEYS = st.one_of(st.none(), st.sampled_from(["", "a", "b", "ä", "C-1", "C-2"]), st.text(max_size=3))


@settings(max_examples=scaled(50))
@given(st.lists(st.lists(KEYS, max_size=8), min_size=1, max_size=4), st.integers(1, 5))
def test_keys_of_several_rows_are_found_in_all_partitions(partitions: list[list[str | None]], n_ranges: int) -> None:
    counts = Counter(key for keys in partitions for key in keys if key is not None)
    wanted = {
        number: rows
        for number, keys in enumerate(partitions)
        if (rows := [row for row, key in enumerate(keys) if counts[key or ""] > 1 and key is not None])
    }
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(shared_keys, "_ROWS_AT_ONCE", 7)
        depot = FolderDepot(Path(folder))
        files = [write_keys(pl.Series(keys, dtype=pl.String), depot, "part") for keys in partitions]
        found = merged([twice_in([*files, None], one, depot) for one in ranges(7 * n_ranges)])
    assert {number: rows.tolist() for number, rows in found.rows.items()} == wanted
    assert found.n_keys == sum(n > 1 for n in counts.values())


def test_keys_of_one_hash_are_told_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pl.Series, "hash", lambda self: pl.Series([7] * len(self), dtype=pl.UInt64))
    files = [write_keys(pl.Series(keys), FolderDepot(tmp_path), "part") for keys in (["a", "b"], ["c", "b"])]
    found = twice_in(files, (0, 2**64 - 1), FolderDepot(tmp_path))
    assert {number: rows.tolist() for number, rows in found.rows.items()} == {0: [1], 1: [1]}
    assert found.n_keys == 1


def test_a_number_and_its_text_are_one_key(tmp_path: Path) -> None:
    files = [write_keys(keys, FolderDepot(tmp_path), "part") for keys in (pl.Series([1, 2]), pl.Series(["3", "2"]))]
    assert twice_in(files, (0, 2**64 - 1), FolderDepot(tmp_path)).rows.keys() == {0, 1}
