"""Rows that go again: by parent, in small jobs, fewer at once."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfframe.ingest.again import at_once, by_parent, cut_again
from sfframe.ingest.columns import Column, Layout
from sfframe.ingest.payload import Cut
from sfframe.ingest.spool import MemoryRows
from sfframe.ingest.values import Kind, Value

CUT = Cut(max_bytes=1_000_000, max_records=150_000_000)
ACCOUNTS = [f"001{letter * 12}AAA" for letter in "abc"]


def layout(*lookups: str, plain: tuple[str, ...] = ("LastName",)) -> Layout:
    def column(name: str, *, is_lookup: bool) -> Column:
        value = Value(expr=pl.col(name), kind=Kind.TEXT, flaws=())
        return Column(name=name, header=name, value=value, is_lookup=is_lookup)

    columns = [column(name, is_lookup=False) for name in plain] + [column(name, is_lookup=True) for name in lookups]
    return Layout(columns=tuple(columns))


def locked(ids: list[str]) -> str:
    return f"UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record or 2 records: {','.join(ids)}:--"


@given(parents=st.lists(st.sampled_from([None, *ACCOUNTS]), min_size=1, max_size=30), data=st.data())
def test_each_row_goes_once_and_those_of_one_parent_side_by_side(
    parents: list[str | None], data: st.DataObject
) -> None:
    rows = MemoryRows(pl.DataFrame({"LastName": [str(i) for i in range(len(parents))], "Account": parents},
                                   schema={"LastName": pl.String, "Account": pl.String}))  # fmt: skip
    some = sorted(data.draw(st.sets(st.integers(0, len(parents) - 1), min_size=1)))
    positions = np.array(some, np.int64)
    errors = pl.Series([locked(ACCOUNTS)] * len(some), dtype=pl.String)
    parent, order = by_parent(rows, layout("Account"), CUT, positions, errors)
    assert parent == "Account"
    assert sorted(order.tolist()) == list(range(len(some)))
    given_parents = pl.Series([parents[at] for at in positions[order]], dtype=pl.String)
    assert given_parents.rle_id().max() == given_parents.n_unique() - 1


def test_the_parent_is_the_one_that_the_error_names() -> None:
    frame = pl.DataFrame({"LastName": list("abcd"), "Owner": ["x"] * 4, "Account": [ACCOUNTS[i % 2] for i in range(4)]})
    rows, positions = MemoryRows(frame), np.arange(4)
    errors = pl.Series([locked([ACCOUNTS[0][:15]]), None, locked([ACCOUNTS[0]]), None], dtype=pl.String)
    assert by_parent(rows, layout("Owner", "Account"), CUT, positions, errors)[0] == "Account"
    unnamed = pl.Series([None] * 4, dtype=pl.String)
    assert (
        by_parent(rows, layout("Account", "Owner"), CUT, positions, unnamed)[0] == "Owner"
    )  # the one with most in common


def test_without_a_parent_and_in_groups_of_the_callers_the_order_stays() -> None:
    rows = MemoryRows(pl.DataFrame({"LastName": ["b", "a"], "Account": ["y", "x"]}))
    errors = pl.Series([None, None], dtype=pl.String)
    for cut, where in ((CUT, layout()), (Cut(max_bytes=1, max_records=1, group_by=("LastName",)), layout("Account"))):
        parent, order = by_parent(rows, where, cut, np.arange(2), errors)
        assert parent is None
        assert order.tolist() == [0, 1]


def test_jobs_are_small_and_nobody_is_left_out_twice() -> None:
    cut = Cut(max_bytes=7, max_records=1_000_000, left_out=np.array([3]))
    again = cut_again(cut, "Account")
    assert (again.max_bytes, again.max_records, again.group_by) == (7, 10_000, ("Account",))
    assert not len(again.left_out)
    assert cut_again(Cut(max_bytes=7, max_records=5, group_by=("x",)), "Account").group_by == ("x",)
    assert cut_again(Cut(max_bytes=7, max_records=5), None).max_records == 5


@pytest.mark.parametrize(("attempt", "expected"), [(1, 8), (2, 4), (3, 2), (4, 1), (5, 1), (60, 1)])
def test_fewer_go_at_once_with_each_try(attempt: int, expected: int) -> None:
    assert at_once(8, attempt) == expected
