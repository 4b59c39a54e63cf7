"""Play scenes of many seeds, or one of them again.

    python -m tests.chaos 100000                  seeds 0 to 99,999; broken off and called again, it goes on
    python -m tests.chaos 1000 --seed 5000        seeds 5,000 to 5,999
    python -m tests.chaos --only 225              one of them, and what happened in it
    python -m tests.chaos --only 225 --keep 0,3 --rows 2    what is left of it when it is shrunk

Ends with 1 if the law was broken; each such seed is told with the command that plays its smallest scene.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace

from tests.chaos.law import Broken
from tests.chaos.many import play_many, tell
from tests.chaos.play import play
from tests.chaos.scene import Scene

# What else would make two runs of one seed differ; and a thread more would only be in the other process's way.
_ENVIRONMENT = {"PYTHONHASHSEED": "0", "POLARS_MAX_THREADS": "1"}


def main(arguments: list[str]) -> int:
    """Run the command; gives its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos", description=__doc__.partition("\n")[0] if __doc__ else ""
    )
    parser.add_argument("n", nargs="?", type=int, default=1000, help="how many seeds")
    parser.add_argument("--seed", type=int, default=0, help="the first of them")
    parser.add_argument("--processes", type=int, default=2, help="how many at once")
    parser.add_argument("--anew", action="store_true", help="whatever an earlier run has played, and keep nothing")
    parser.add_argument("--only", type=int, help="this seed alone, told step by step")
    parser.add_argument("--keep", help="of its twists these alone, by number: 0,3")
    parser.add_argument("--rows", type=int, help="so many rows in place of its own")
    given = parser.parse_args(arguments)
    if given.only is None:
        return play_many(range(given.seed, given.seed + given.n), processes=given.processes, anew=given.anew)
    scene = Scene.of(given.only)
    if given.keep is not None:
        scene = scene.keeping(int(number) for number in given.keep.split(",") if number)
    if given.rows is not None:
        scene = replace(scene, n_rows=given.rows)
    return _one(scene)


def _one(scene: Scene) -> int:
    tell(f"{scene.verb}, {scene.n_rows} rows, seed {scene.seed}")
    for number, twist in enumerate(scene.twists):
        tell(f"  {number}: {twist.kind} {twist.value if twist.value is not None else ''}")
    try:
        played = play(scene)
    except Broken as broken:
        tell("\n".join(broken.story))
        tell(f"BROKEN: {broken}")
        return 1
    tell("\n".join(played.story))
    return 0


if __name__ == "__main__":
    if any(os.environ.get(name) != value for name, value in _ENVIRONMENT.items()):
        os.execve(sys.executable, [sys.executable, "-m", "tests.chaos", *sys.argv[1:]], {**os.environ, **_ENVIRONMENT})
    sys.exit(main(sys.argv[1:]))
