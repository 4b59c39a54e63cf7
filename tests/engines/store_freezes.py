"""Freezes and kills processes that finish one partition at once, in a store that fails, and holds the org to the rows.

    python -m tests.engines.store_freezes 50

A frozen process is taken for dead by the others, and goes on when it wakes. A seed decides everything but the machine's
own time.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

import sfframe
from sfframe import partition
from sfframe.bridge import run
from sfframe.depot import StoreDepot
from sfframe.ingest.request import ingest_request
from sfframe.ingest.store import Store
from sfframe.partition import Spread

from .dask_kills import _org
from .object_store import object_store
from .store_faults import RandomFaults, proxy
from .store_faults import Tally as Faulted

_SILENT_S = 0.6
_AT_IT_S = 12.0
_HANGS_S = 120.0


@dataclass
class Tally:
    """What was seen.

    Attributes:
        partitions: How many there were.
        kills, freezes: How many processes died, or slept a while.
        ends: How tries ended.
        faulted: What failed in the store.
    """

    partitions: int = 0
    kills: int = 0
    freezes: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    faulted: Faulted = field(default_factory=Faulted)


def main(n: int, *, first_seed: int = 0) -> Tally:
    """Send so many partitions."""
    tally = Tally()
    faults = RandomFaults(tally.faulted)
    with sfframe.LocalOrg() as local, object_store() as address, proxy(faults):
        for seed in range(first_seed, first_seed + n):
            _one(local, f"{address}/runs-{seed}", faults, seed, tally)
            sys.stdout.write(f"after seed {seed}: {tally}\n")
            sys.stdout.flush()
    return tally


def _one(local: sfframe.LocalOrg, address: str, faults: RandomFaults, seed: int, tally: Tally) -> None:
    chance = random.Random(seed)
    local.reset()
    n = chance.choice([1, 60, 200])
    frame = pd.DataFrame({"ExternalId__c": [f"s{seed}-{i}" for i in range(n)], "LastName": [f"N{i}" for i in range(n)]})
    options = {"max_records": chance.choice([10, 20]), "max_concurrent_jobs": chance.choice([1, 2, 4])}
    request = ingest_request("Contact", "insert", None, sfframe.Options.of(options))
    spread = Spread.over(StoreDepot(Store(address, _SILENT_S)), request, _org(local))
    tally.partitions += 1
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([f"{__package__}.store_freezes"])  # as __main__ it isn't loaded
    told = Path(tempfile.mkstemp(prefix="freezes-")[1])
    made = [processes.Process(target=_work, args=(frame, spread, told)) for _ in range(3)]
    for one in made:
        one.start()
    faults.set(chance, chance.choice([0.0, 0.01, 0.03]))
    frozen: list[Any] = []
    ends_at = time.monotonic() + _AT_IT_S
    may_die = chance.choice([True, False])
    while time.monotonic() < ends_at:
        time.sleep(chance.uniform(0, 1.2))
        _wake([one for one in frozen if chance.random() < 0.6])
        up = [one for one in made if one.is_alive()]
        if not up:
            break
        one = chance.choice(up)
        if may_die and chance.random() < 0.2 and len(up) > 1:
            one.kill()
            tally.kills += 1
        else:
            _signal(one, signal.SIGSTOP)
            frozen.append(one)
            tally.freezes += 1
    faults.set(chance, 0.0)
    faulthandler.dump_traceback_later(2 * _HANGS_S, exit=True)
    if chance.random() < 0.5:
        _wake(made)
    begun = run(partition.begin(frame, spread, 0))
    assert begun.run is not None
    end = run(partition.finish(begun.run, spread))
    _wake(made)
    deadline = time.monotonic() + _HANGS_S
    for one in made:
        one.join(max(0.0, deadline - time.monotonic()))
        if one.is_alive():
            _signal(one, signal.SIGUSR1)
            time.sleep(1)
            raise AssertionError(f"seed {seed}: a process hangs")
    faulthandler.cancel_dump_traceback_later()
    jobs = [job.id for job in end.done.jobs]
    for line in told.read_text().splitlines():
        word, theirs = json.loads(line)
        tally.ends[word] += 1
        assert theirs is None or theirs == jobs, f"seed {seed}: others' jobs were {theirs}, not {jobs}"
    told.unlink()
    assert end.counts == {"successful": n, "failed": 0, "unprocessed": 0}, f"seed {seed}: {end.counts}"
    assert end.done.is_settled, f"seed {seed}: {end.done.trouble}"
    keys: list[Any] = local.rows("Contact")["ExternalId__c"].to_pylist()
    assert sorted(keys) == sorted(frame["ExternalId__c"]), f"seed {seed}: {n} rows, and {len(keys)} in the org"


def _wake(processes: list[Any]) -> None:
    for one in processes:
        _signal(one, signal.SIGCONT)


def _signal(process: Any, what: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, what)


def _tell(told: Path, word: str, jobs: list[str] | None = None) -> None:
    with told.open("a") as file:  # no lock, with which somebody may die
        file.write(json.dumps([word, jobs]) + "\n")


def _work(frame: pd.DataFrame, spread: Spread, told: Path) -> None:
    faulthandler.register(signal.SIGUSR1)
    for _ in range(200):
        try:
            begun = run(partition.begin(frame, spread, 0))
            assert begun.run is not None
            end = run(partition.finish(begun.run, spread))
        except sfframe.SfframeError as error:
            _tell(told, type(error).__name__)
            continue
        if end.done.is_settled:
            _tell(told, "settled", [job.id for job in end.done.jobs])
            return
        _tell(told, type(end.done.trouble[0]).__name__ if end.done.trouble else "unsettled")
    _tell(told, "gave up")


if __name__ == "__main__":
    seen = main(int(sys.argv[1]), first_seed=int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    sys.stdout.write(f"{seen}\n")
