"""Kills workers of a Dask cluster at random moments, and holds the org to what the results say: each row once.

    python -m tests.engines.dask_kills 200
    python -m tests.engines.dask_kills 200 --store      # with the runs in an object store, not in a folder

The org and Dask's scheduler run in this process, two workers in processes of their own. Where Dask gives a call up, the
same call is made again, until it comes to an end. A seed decides everything but the machine's own time.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dask
import dask.dataframe as dd
import polars as pl
from distributed import LocalCluster

import sfframe
import sfframe.frames.dask
from tests.journal.kills import OPERATIONS, hold, prepared_frame

from .object_store import object_store

_LONGEST_LIFE_S = 1.5


@dataclass
class Tally:
    """What was seen.

    Attributes:
        calls: How many calls there were.
        kills: How many workers died while one was made.
        given_up: How often Dask gave up, and the call was made again.
    """

    calls: int = 0
    kills: int = 0
    given_up: int = 0


@contextlib.contextmanager
def cluster_of_two() -> Iterator[LocalCluster]:
    """Two workers, each a process, that are started again when they die."""
    with (
        # Otherwise one that happens to be down a while after another death is given up for good.
        dask.config.set({"distributed.deploy.lost-worker-timeout": "1h", "sfframe.silent-seconds": 1}),
        LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address=":0", silence_logs=50) as cluster,
    ):
        yield cluster


def main(n: int, *, first_seed: int = 0, in_store: bool = False) -> Tally:
    """Kill until so many workers are dead."""
    tally = Tally()
    with (
        object_store() if in_store else contextlib.nullcontext() as bucket,
        sfframe.LocalOrg() as local,
        cluster_of_two() as cluster,
        cluster.get_client(),
    ):
        seed = first_seed
        while tally.kills < n:
            with tempfile.TemporaryDirectory() as folder:
                _one(local, cluster, f"{bucket}/{seed}" if bucket else folder, seed, tally)
            seed += 1
            sys.stdout.write(f"after seed {seed - 1}: {tally}\n")
            sys.stdout.flush()
    return tally


def _one(local: sfframe.LocalOrg, cluster: Any, journal: str, seed: int, tally: Tally) -> None:
    chance = random.Random(seed)
    local.reset()
    operation = chance.choice(OPERATIONS)
    frame = prepared_frame(local, chance, seed, operation)
    spread = dd.from_pandas(frame.to_pandas(), npartitions=chance.randint(1, 6))
    over, killed = threading.Event(), threading.Thread(target=_kill, args=(cluster, chance, tally))
    options = {
        "max_records": chance.choice([7, 20, 1000]),
        "max_concurrent_jobs": chance.choice([1, 2, 4]),
        "on_failure": "return",
        "journal": journal,
    }
    key = ["ExternalId__c"] if operation == "upsert" else []
    tally.calls += 1
    killed.start()
    while not over.is_set():
        try:
            result = getattr(spread.sfbulk, operation)("Contact", *key, org=_org(local), **options)
            over.set()
        except sfframe.OutcomeUnknown:
            tally.given_up += 1
    killed.join()
    try:
        hold(local, frame, operation, _Whole(result, frame))
    except AssertionError as error:
        raise AssertionError(f"seed {seed}, {operation}: {error}") from error


def _kill(cluster: Any, chance: random.Random, tally: Tally) -> None:
    for _ in range(chance.randint(1, 3)):
        time.sleep(chance.uniform(0, _LONGEST_LIFE_S))
        # One that is killed before it is up isn't started again.
        known = cluster.scheduler.workers
        pids = [nanny.pid for nanny in cluster.workers.values() if nanny.pid and nanny.worker_address in known]
        if pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(chance.choice(pids), signal.SIGKILL)
                tally.kills += 1


def _org(local: sfframe.LocalOrg) -> sfframe.Org:
    poll = sfframe.PollPolicy(first_wait_s=0.01, max_wait_s=0.05)
    return sfframe.Org(local.url, sfframe.ClientCredentials(local.client_id, local.client_secret), poll=poll)


class _Whole:
    """A result whose frames came here, as frames of Polars with the dtypes of what was sent."""

    def __init__(self, result: Any, frame: pl.DataFrame) -> None:
        self._schema = frame.schema
        self.successful_results = self._here(result.successful_results)
        self.failed_results = self._here(result.failed_results)
        self.unprocessed_records = self._here(result.unprocessed_records)

    def _here(self, frame: Any) -> pl.DataFrame:
        found: pl.DataFrame = pl.from_pandas(frame.compute())
        return found.with_columns(pl.col(name).cast(dtype) for name, dtype in self._schema.items())


if __name__ == "__main__":
    said = [word for word in sys.argv[1:] if word != "--store"]
    first = int(said[1]) if len(said) > 1 else 0
    seen = main(int(said[0]), first_seed=first, in_store="--store" in sys.argv)
    sys.stdout.write(f"{seen}\n")
