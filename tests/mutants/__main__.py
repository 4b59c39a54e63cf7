"""`python -m tests.mutants`: puts each defect into a copy of the project, and tells which test notices it."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .every import MUTANTS
from .mutant import Mutant
from .trial import ALL_S, Verdict, copied, play, run, try_out


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--only", action="append", metavar="NAME", help="those whose name holds this; more than once")
    parser.add_argument("--processes", type=int, default=2, help="so many at once")
    parser.add_argument("--scenes", type=int, metavar="N", help="by so many of the simulator's, in place of the tests")
    parser.add_argument("--list", action="store_true", help="tell what they are, and run nothing")
    options = parser.parse_args()
    mutants = [one for one in MUTANTS if not options.only or any(part in one.name for part in options.only)]
    if options.list:
        for mutant in mutants:
            _say(f"{mutant.name}\n    {mutant.harm}\n    sfframe/{mutant.file}")
        return 0
    if not mutants:
        parser.error("no mutant has such a name")
    began = time.monotonic()
    with copied() as source:
        healthy = run(_tests_of(mutants), source, ALL_S) if options.scenes is None else play(options.scenes, source)
        if healthy.is_noticed:
            _say(f"there is something to notice without a defect too: {healthy.by}")
            return 1
        _say(f"without a defect nothing is noticed ({healthy.seconds:.0f} s)")
        survivors = _survivors(mutants, source, options)
    minutes = (time.monotonic() - began) / 60
    _say(f"{len(mutants)} mutants, {len(survivors)} survived, {minutes:.1f} minutes")
    for mutant in survivors:
        _say(f"SURVIVED {mutant.name}: {mutant.harm}")
    return 1 if survivors else 0


def _tests_of(mutants: Iterable[Mutant]) -> list[str]:
    """Each test once; not those of a file that is named as a whole."""
    tests = dict.fromkeys(test for mutant in mutants for test in mutant.tests)
    return [test for test in tests if test == test.partition("::")[0] or test.partition("::")[0] not in tests]


def _survivors(mutants: Sequence[Mutant], source: Path, options: argparse.Namespace) -> list[Mutant]:
    width = max(len(mutant.name) for mutant in mutants)
    survivors = []
    pool = ThreadPoolExecutor(options.processes)
    try:
        verdicts = pool.map(lambda one: _tried(one, source, options.scenes), mutants)
        for mutant, verdict in zip(mutants, verdicts, strict=True):
            _say(f"{mutant.name:<{width}}  {verdict.seconds:4.0f} s  {verdict.by}")
            if not verdict.is_noticed:
                survivors.append(mutant)
    finally:
        pool.shutdown(cancel_futures=True)
    return survivors


def _tried(mutant: Mutant, source: Path, n_scenes: int | None) -> Verdict:
    try:
        return try_out(mutant, source, n_scenes=n_scenes)
    except (ValueError, RuntimeError) as error:
        return Verdict(is_noticed=False, by=str(error), seconds=0.0)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
