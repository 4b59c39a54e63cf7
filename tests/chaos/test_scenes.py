"""Two thousand scenes; `make chaos` plays a hundred thousand, and tells how to see one again that breaks the law."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.chaos.law import Broken, check_org
from tests.chaos.org import Habits, SmallOrg
from tests.chaos.scene import Scene

N = 500


@pytest.mark.parametrize("first", range(0, 2_000, N))
def test_no_scene_breaks_the_law(first: int) -> None:
    command = [sys.executable, "-m", "tests.chaos", str(N), "--seed", str(first), "--processes", "1", "--anew"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"{ended.stdout[-3000:]}\n{ended.stderr[-3000:]}"
    assert f"{N:,} seeds" in ended.stdout
    assert " deaths" in ended.stdout


def test_scenes_that_broke_the_law_once_do_so_no_more() -> None:
    ended = subprocess.run([sys.executable, "-m", "tests.chaos.broke"], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-3000:]


def test_a_seed_is_one_scene() -> None:
    assert Scene.of(7) == Scene.of(7)
    assert len({repr(Scene.of(seed)) for seed in range(50)}) == 50


def test_the_law_knows_a_row_that_is_there_twice() -> None:
    org = SmallOrg(lambda: 0.0, lambda *_: None, Habits(), 0)
    org.saved["row 1"] = org.inserted["row 1"] = 2
    with pytest.raises(Broken, match="inserted 2 times"):
        check_org("insert", org, sent_again=())
