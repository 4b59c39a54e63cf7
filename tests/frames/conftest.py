"""What tests of several front ends share."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path

import pytest

import sfframe
from sfframe.bridge import in_thread


@pytest.fixture
def spools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[Path]]:
    """The spool folders that are there now."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def now() -> list[Path]:
        for _ in range(5):  # until the loop's thread, and its workers, have let go of the last call
            sfframe.run(in_thread(gc.collect))
            if not (found := sorted(tmp_path.glob("sfframe-*"))):
                break
        return found

    return now
