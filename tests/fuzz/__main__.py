"""`python -m tests.fuzz 100000`: so many answers, from a seed on; tells how to repeat what it finds."""

from __future__ import annotations

import argparse
import logging
import resource
import subprocess
import sys
import time
from collections import Counter

from tests.fuzz.given import Input
from tests.fuzz.run import Feeder, smaller
from tests.fuzz.seeds import make
from tests.fuzz.targets import TARGETS

_BATCH = 5_000
_MAX_RSS_MB = 1_500
_TOLD_ALIKE = 2  # of findings at the same place


class Run:
    """Feeds the inputs of some seeds.

    Args:
        only: One target.
        tells: Gets a text for each finding.
    """

    def __init__(self, only: str | None = None) -> None:
        self.only = only
        self.kinds: Counter[str] = Counter()
        self.findings: list[str] = []
        self._alike: Counter[str] = Counter()
        self._feeder = Feeder()

    def feed(self, seeds: range) -> None:
        for seed in seeds:
            sent = make(seed, self.only)
            self.kinds[sent.target] += 1
            if found := self._feeder.feed(sent):
                self._note(seed, sent, found)

    def judge(self, sent: Input) -> str | None:
        """What is wrong with what the client makes of an input."""
        return self._feeder.feed(sent)

    def close(self) -> None:
        self._feeder.close()

    def _note(self, seed: int, sent: Input, found: str) -> None:
        place = _place(sent, found)
        self._alike[place] += 1
        if self._alike[place] > _TOLD_ALIKE:
            self.findings.append(f"seed {seed}: once more {place}")
            return
        least = smaller(sent, lambda other: _place(other, self._feeder.feed(other) or "") == place)
        only = f" --only {self.only}" if self.only else ""
        self.findings.append(
            f"{sent.target}: {found}\n   python -m tests.fuzz 1 --seed {seed}{only}\n"
            f"   made smaller: {_shown(least)}\n   python -m tests.fuzz --replay {least.line()}"
        )


def _place(sent: Input, found: str) -> str:
    """What two findings have in common that are one."""
    kind, _, rest = found.partition(":")
    return f"{sent.target}: {kind}{rest.rpartition(' > ')[2] if ' > ' in rest else rest[:40]}"


def _shown(sent: Input) -> str:
    good = TARGETS[sent.target].variants[sent.variant].answers
    changed = {kind: given for kind, given in sent.answers.items() if given != good.get(kind)}
    return f"variant {sent.variant}, {changed!r:.1500}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=10_000)
    parser.add_argument("--seed", type=int, default=0, help="of the first input; the others follow")
    parser.add_argument("--only", choices=list(TARGETS), help="one target")
    parser.add_argument("--processes", type=int, default=1, help="each has a share of the seeds")
    parser.add_argument("--replay", help="one input, as a finding tells it")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    if options.processes > 1:
        return _shared_out(options)
    run = Run(options.only)
    if options.replay:
        found = run.judge(Input.from_line(options.replay))
        run.close()
        _say(found or "a result, or an SfframeError: as it should be")
        return bool(found)
    stop, began = options.seed + options.count, time.monotonic()
    for start in range(options.seed, stop, _BATCH):
        told, done = len(run.findings), min(start + _BATCH, stop)
        run.feed(range(start, done))
        for finding in run.findings[told:]:
            _say(f"\n!! {finding}")
        _say(f"{done:>9,} of {stop:,}   {time.monotonic() - began:6.0f} s")
    run.close()
    mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    _say(f"{run.kinds.total():,} inputs {dict(run.kinds)}, {len(run.findings)} findings, at most {mb:,} MB")
    return 1 if run.findings or mb > _MAX_RSS_MB else 0


def _shared_out(options: argparse.Namespace) -> int:
    share = -(-options.count // options.processes)
    starts = range(options.seed, options.seed + options.count, share)
    command = [sys.executable, "-m", "tests.fuzz", *(["--only", options.only] if options.only else [])]
    running = [
        subprocess.Popen([*command, str(min(share, options.seed + options.count - start)), "--seed", str(start)])
        for start in starts
    ]
    return max([process.wait() for process in running])


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
