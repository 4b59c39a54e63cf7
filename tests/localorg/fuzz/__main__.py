"""`python -m tests.localorg.fuzz 100000`: so many inputs, from a seed on; tells how to repeat what it finds."""

from __future__ import annotations

import argparse
import logging
import resource
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from sfframe.localorg import Server
from tests.localorg.fuzz.drive import Complaints, Driver, Finding, Target
from tests.localorg.fuzz.seeds import make

_BATCH = 500
_AFRESH = 5_000
_MAX_RSS_MB = 2_000


class Run:
    """Sends the inputs of some seeds over several connections at once.

    Args:
        server: Whom they are sent to.
        users: So many connections.
    """

    def __init__(self, server: Server, users: int) -> None:
        self.target = Target(server)
        self.kinds: Counter[str] = Counter()
        self.findings: list[tuple[int, str]] = []
        self._users, self._local = users, threading.local()
        self._complaints = Complaints()
        logging.getLogger().addHandler(self._complaints)

    def send(self, seeds: range) -> None:
        """A batch, and then a valid job."""
        with ThreadPoolExecutor(self._users) as pool:
            list(pool.map(self._one, seeds))
        try:
            self.target.check_alive()
        except (Finding, AssertionError) as finding:
            self.findings.append((seeds.start, f"after {seeds}: {finding}"))
        if text := self._complaints.take():
            self.findings.append((seeds.start, f"logged in {seeds}: {text}"))

    def close(self) -> None:
        logging.getLogger().removeHandler(self._complaints)
        self.target.client.close()

    def _one(self, seed: int) -> None:
        sent = make(seed)
        driver = Driver(self.target)
        try:
            driver.send(sent)
        except Finding as finding:
            self.findings.append((seed, str(finding)))
        except Exception as error:  # noqa: BLE001  (an answer that can't be read is a finding too)
            self.findings.append((seed, f"{type(error).__name__}: {error}"))
        finally:
            driver.close()
        self.kinds[sent.kind] += 1


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.localorg.fuzz", description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=2_000)
    parser.add_argument("--seed", type=int, default=0, help="of the first input; the others follow")
    parser.add_argument("--users", type=int, default=6, help="connections at once")
    parser.add_argument("--processes", type=int, default=1, help="each has an org and a share of the seeds")
    options = parser.parse_args()
    if options.processes > 1:
        return _shared_out(options)
    logging.basicConfig(level=logging.CRITICAL)
    stop, began = options.seed + options.count, time.monotonic()
    with Server(seed=1) as server:
        run = Run(server, options.users)
        for start in range(options.seed, stop, _BATCH):
            done = min(start + _BATCH, stop)
            told = len(run.findings)
            run.send(range(start, done))
            _tell(run.findings[told:])
            _say(f"{done:>9,} of {stop:,}   {time.monotonic() - began:6.0f} s")
            if (start - options.seed) % _AFRESH == _AFRESH - _BATCH:
                run.target.prepare()
        run.close()
    mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    _say(f"{sum(run.kinds.values()):,} inputs {dict(run.kinds)}, {len(run.findings)} findings, at most {mb:,} MB")
    return 1 if run.findings or mb > _MAX_RSS_MB else 0


def _shared_out(options: argparse.Namespace) -> int:
    share = -(-options.count // options.processes)
    starts = range(options.seed, options.seed + options.count, share)
    command = [sys.executable, "-m", "tests.localorg.fuzz", "--users", str(options.users)]
    running = [
        subprocess.Popen([*command, str(min(share, options.seed + options.count - start)), "--seed", str(start)])
        for start in starts
    ]
    return max([process.wait() for process in running])


def _tell(findings: list[tuple[int, str]]) -> None:
    for seed, finding in findings:
        _say(f"\n!! {finding}\n   {make(seed)!r:.3000}\n   python -m tests.localorg.fuzz 1 --seed {seed}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
