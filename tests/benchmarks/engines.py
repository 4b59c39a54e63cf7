"""What the benchmarks of both engines share: what is told while they run, and what may be asked for."""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from .measure import measured

ROUNDS: Final = 5
CACHE: Final = Path(__file__).parents[2] / ".bench"
BETWEEN_S: Final = 0.3  # looks at a job of the slow org, at first


def told(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def timed(call: Callable[[], Any]) -> float:
    """Seconds that a call takes."""
    return measured(call)[1].wall_s


def beside(name: str, engine: str, calls: Mapping[str, Callable[[int], Any]], clear: Callable[[], Any]) -> None:
    """Tell how much longer one of the calls takes than each of the others.

    Args:
        name: Of the org.
        engine: The call that is compared.
        calls: By name; each takes the number of the round.
        clear: Empties the org, before each.
    """
    ratios: dict[str, list[float]] = {kind: [] for kind in calls if kind != engine}
    for at in range(ROUNDS):
        took = {}
        for kind, call in calls.items():
            clear()
            took[kind] = timed(partial(call, at))
        for kind, found in ratios.items():
            found.append(took[engine] / took[kind])
        told(f"{name}: " + ", ".join(f"{kind} {seconds:.1f} s" for kind, seconds in took.items()))
    for kind, found in ratios.items():
        told(f"{name}: beside {kind} {statistics.median(found):.2f} times as long, {min(found):.2f} at best")


def main(document: str | None, overhead: Callable[[int], None], speedup: Callable[[], None]) -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=(document or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only", choices=("overhead", "speedup"))
    chosen = parser.parse_args()
    if chosen.only != "speedup":
        overhead(chosen.rows)
    if chosen.only != "overhead":
        speedup()
