"""Kills processes of a Spark cluster at random moments, and holds the org to what the results say: each row once.

    python -m tests.engines.spark_kills 200

The org runs in this process; Spark's master and two workers are those of a local cluster, each executor a JVM of its
own with Python processes below it. What dies is one of all these, or one of the driver's Python processes, in which
the call is begun and committed. Where Spark gives a save() up, the same one is made again until it comes to an end. A
seed decides everything but the machine's own time.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

import sfframe
from sfframe.testing import Fault
from tests.engines.spark_cluster import login_of, spark_cluster
from tests.journal.kills import OPERATIONS, hold, prepared_frame

_LONGEST_LIFE_S = 2.5
_MOST_SAVES = 30


@dataclass
class Tally:
    """What was seen.

    Attributes:
        calls: How many calls there were.
        kills: How many processes died while one was made.
        executors: How many of these were executors; the others were Python processes.
        given_up: How often Spark gave a save() up, and it was made again.
        committed: How often it gave one up that was committed.
        jobs: How many jobs were made.
        jobs_run: How many of them had rows to process; what made the others died before.
    """

    calls: int = 0
    kills: int = 0
    executors: int = 0
    given_up: int = 0
    committed: int = 0
    jobs: int = 0
    jobs_run: int = 0


def main(n: int, *, first_seed: int = 0) -> Tally:
    """Kill until so many processes are dead."""
    tally = Tally()
    with sfframe.LocalOrg() as local, spark_cluster(login_of(local)) as spark:
        seed = first_seed
        while tally.kills < n:
            with tempfile.TemporaryDirectory() as folder:
                kill_while_it_saves(local, spark, Path(folder), seed, tally)
            seed += 1
            if seed % 5 == 0:
                sys.stdout.write(f"seed {seed}: {tally}\n")
    return tally


def kill_while_it_saves(local: sfframe.LocalOrg, spark: Any, folder: Path, seed: int, tally: Tally) -> None:
    """One call, made while processes die, and held to what the org has then."""
    chance = random.Random(seed)
    local.reset()
    operation = chance.choice(OPERATIONS)
    frame = prepared_frame(local, chance, seed, operation)
    spread = spark.createDataFrame(frame.to_pandas(), schema=_DDL[operation in ("insert", "upsert")])
    n = chance.randint(1, 6)
    # After a shuffle the rows of a partition come in another order each time.
    spread = spread.repartition(n) if chance.random() < 0.5 else spread.coalesce(n)
    results = folder / "results"
    options = {
        "object": "Contact",
        "operation": operation,
        "resultsPath": results if chance.random() < 0.5 else results.as_uri(),
        "maxRecords": chance.choice([7, 20, 1000]),
        "maxConcurrentJobs": chance.choice([1, 2, 4]),
        "pollInterval": 0.02,
        "onFailure": "return",
        **({"externalIdField": "ExternalId__c"} if operation == "upsert" else {}),
        **({"journalPath": folder / "journal"} if chance.random() < 0.5 else {}),
    }
    tally.calls += 1
    # Some jobs take a while, so that there is something to die in.
    local.faults = [Fault("job", "stuck", looks=chance.randint(2, 6), times=None)] if chance.random() < 0.7 else []
    before = local.count("create")
    over = threading.Event()
    killing = threading.Thread(target=_kill, args=(chance, tally, over))
    killing.start()
    try:
        _saved(spread, options, results, tally)
    finally:
        over.set()
        killing.join()
        local.faults = []
        tally.jobs += local.count("create") - before
    try:
        hold(local, frame, operation, _Whole(results, frame))
        tally.jobs_run += _hold_summary(results, frame)
    except AssertionError as error:
        kept = Path(tempfile.mkdtemp(prefix="kill-"))
        shutil.copytree(folder, kept, dirs_exist_ok=True)
        raise AssertionError(f"seed {seed}, {operation}, folder {kept}: {error}") from error


_DDL = {True: "ExternalId__c string, LastName string, Visits__c long",
        False: "Id string, LastName string, Visits__c long, ExternalId__c string"}  # fmt: skip


def _saved(spread: Any, options: dict[str, Any], results: Path, tally: Tally) -> None:
    for _ in range(_MOST_SAVES):
        try:
            spread.write.format("sfframe").mode("append").options(**options).save()
        except Exception as error:  # noqa: BLE001  # Spark has many words for that a process is gone
            tally.given_up += 1
            if _state(results) == "committed":  # and the process that had done it died before it could say so
                tally.committed += 1
                return
            last = error
        else:
            assert _state(results) == "committed"
            return
    raise AssertionError(f"save() came to no end in {_MOST_SAVES} tries") from last


def _state(results: Path) -> str | None:
    path = results / "summary" / "part-00000.parquet"
    return str(pl.read_parquet(path)["state"].item()) if path.exists() else None


def _kill(chance: random.Random, tally: Tally, over: threading.Event) -> None:
    for _ in range(chance.randint(1, 6)):
        if over.wait(chance.uniform(0, _LONGEST_LIFE_S)):
            return
        executors, pythons = list(_below("CoarseGrainedExecutorBackend")), list(_below("pyspark.daemon"))
        kind = executors if chance.random() < 0.25 else pythons
        if kind:
            with contextlib.suppress(ProcessLookupError):
                os.kill(chance.choice(kind), signal.SIGKILL)
                tally.kills += 1
                tally.executors += kind is executors


def _below(word: str) -> Iterator[int]:
    """Processes that this one has started, or one of them has, with a word in their command."""
    parents, commands = {}, {}
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parents[int(path.name)] = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            commands[int(path.name)] = (path / "cmdline").read_text().replace("\0", " ")
    for pid, command in commands.items():
        above = pid
        while above in parents and above != os.getpid():
            above = parents[above]
        if word in command and above == os.getpid():
            yield pid


def _hold_summary(results: Path, frame: pl.DataFrame) -> int:
    (summary,) = pl.read_parquet(results / "summary" / "part-00000.parquet").rows(named=True)
    counts = {name: _rows(results, name).height for name in _FOLDERS}
    assert summary["rows"] == frame.height == sum(counts.values()), "the summary counts other rows"
    assert [summary[name.partition("_")[0]] for name in _FOLDERS] == list(counts.values())
    jobs = pl.read_parquet(results / "jobs" / "part-00000.parquet")
    assert jobs["job_id"].is_unique().all()
    return jobs.height


_FOLDERS = ("successful_results", "failed_results", "unprocessed_records")


def _rows(results: Path, name: str) -> pl.DataFrame:
    return pl.read_parquet(results / name / "part-*.parquet")


class _Whole:
    """A result whose partitions are together, in the order of the frame's rows."""

    def __init__(self, results: Path, frame: pl.DataFrame) -> None:
        self._schema = frame.schema
        self.successful_results = self._read(results, "successful_results")
        self.failed_results = self._read(results, "failed_results")
        self.unprocessed_records = self._read(results, "unprocessed_records")

    def _read(self, results: Path, name: str) -> pl.DataFrame:
        found = _rows(results, name).sort("Visits__c")
        return found.with_columns(pl.col(name).cast(dtype) for name, dtype in self._schema.items())


if __name__ == "__main__":
    seen = main(int(sys.argv[1]), first_seed=int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    sys.stdout.write(f"{seen}\n")
