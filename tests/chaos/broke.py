"""Scenes that have broken the law once, as they were when they were shrunk: `python -m tests.chaos.broke`."""

from __future__ import annotations

from tests.chaos.faults import Fault, Outage
from tests.chaos.play import play
from tests.chaos.scene import Death, Scene, Twist

BROKE = {
    "its results are late and so is its counter": Scene(
        seed=58833,
        verb="insert",
        n_rows=2,
        twists=(
            Twist("habit", ("batch_rows", 1)),
            Twist("habit", ("fails", {1: 1})),
            Twist("habit", ("results_lag_s", 30.0)),
            Twist("habit", ("counters_lag_s", 3.0)),
        ),
    ),
    "it broke off, which only its closing told, and is gone": Scene(
        seed=90955,
        verb="update",
        n_rows=3,
        twists=(
            Twist("journal", None),
            Twist("habit", ("batch_rows", 2)),
            Twist("habit", ("fails", {1: 1})),
            Twist("fault", Fault(request="close", nth=1, what="504 after", seconds=0.1)),
            Twist("outage", Outage(begin=1.1155, end=1.6155, answers=True)),
            Twist("death", Death(step=130, gap_s=691_200.0, by_call=False, torn=100)),
        ),
    ),
}

if __name__ == "__main__":
    for scene in BROKE.values():
        play(scene)
