"""A call that is killed at any moment is finished, each row once; `python -m tests.journal.kills 1000` kills more."""

from __future__ import annotations

import sys

import pytest

from . import kills


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes by /proc")
def test_each_row_is_written_once_whenever_a_process_is_killed() -> None:
    tally = kills.main(25)
    assert tally.kills >= 25
    assert tally.stages
