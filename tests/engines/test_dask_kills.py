"""Workers of Dask killed at any moment; `python -m tests.engines.dask_kills 200` kills more."""

from __future__ import annotations

import sys

import pytest

from . import dask_kills


@pytest.mark.skipif(sys.platform != "linux", reason="kills by the ids of processes")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of connections to the dead
@pytest.mark.parametrize("in_store", [False, True], ids=["runs in a folder", "runs in a store"])
def test_each_row_is_written_once_whenever_a_worker_is_killed(in_store: bool) -> None:
    assert dask_kills.main(5, in_store=in_store).kills >= 5
