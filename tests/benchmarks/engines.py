"""What the benchmarks of both engines share: what is told while they run, and what may be asked for."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from .measure import measured

CACHE: Final = Path(__file__).parents[2] / ".bench"
BETWEEN_S: Final = 0.3  # looks at a job of the slow org, at first


def told(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def timed(call: Callable[[], Any]) -> float:
    """Seconds that a call takes."""
    return measured(call)[1].wall_s


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
