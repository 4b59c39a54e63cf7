"""What a call uses of an org's allowances."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfframe.ingest.cost import PartSize, batches_of, looks_at
from sfframe.org.retry import PollPolicy

POLL = PollPolicy(first_wait_s=1, growth=2, max_wait_s=8)


@pytest.mark.parametrize(("n_rows", "n_batches"), [(1, 1), (10_000, 1), (10_001, 2), (25_000, 3)])
def test_each_begun_ten_thousand_is_a_batch(n_rows: int, n_batches: int) -> None:
    assert batches_of(n_rows) == PartSize(n_rows=n_rows, n_bytes=1).n_batches == n_batches


@pytest.mark.parametrize(
    ("n_rows", "seconds", "n_looks"),
    [
        (1, 0.0, 1),  # one look, however soon it is over
        (1, 1.0, 1),
        (1, 15.0, 4),  # after 1, 2, 4, 8 seconds
        (1, 31.0, 6),  # and from then on after 8 each
        (20_000, 6.0, 4),  # after 1, 2, and then, as the first batch has ended, 1 and 2 seconds
    ],
)
def test_looks_are_counted_as_the_policy_makes_them(n_rows: int, seconds: float, n_looks: int) -> None:
    assert looks_at(PartSize(n_rows=n_rows, n_bytes=1), seconds, POLL) == n_looks


@given(st.integers(1, 500_000), st.floats(0, 1e9), st.floats(0, 30))
def test_looks_at_a_job_have_an_end(n_rows: int, seconds: float, first_wait_s: float) -> None:
    poll = PollPolicy(first_wait_s=first_wait_s)
    assert 1 <= looks_at(PartSize(n_rows=n_rows, n_bytes=1), seconds, poll) <= 10_000
