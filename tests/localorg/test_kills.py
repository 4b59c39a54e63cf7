"""What was answered survives a kill at any moment; `python -m tests.localorg.kills 200` kills more often."""

from __future__ import annotations

from pathlib import Path

from . import kills


def test_what_was_answered_is_there_after_kills_and_each_row_once(tmp_path: Path) -> None:
    assert kills.main(3, tmp_path) > 0
    (uploads,) = tmp_path.glob("*.uploads")
    assert not [left for left in uploads.iterdir() if left.suffix == ".part" or left.name == "scratch"]
