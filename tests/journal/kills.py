"""Kills calls at random moments, resumes them, and holds the org to what the results say: each row once, none lost.

    python -m tests.journal.kills 1000

The org runs in this process. Calls run in processes of their own, which are forked off one that has imported everything
and used nothing, and die by SIGKILL; some resumed ones die again. A seed decides everything but the machine's own time.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

import sfframe

OPERATIONS = ("insert", "upsert", "update", "delete")
_LONGEST_LIFE_S = 0.6
_MOST_DEATHS = 3


@dataclass
class Tally:
    """What was seen.

    Attributes:
        calls: How many calls there were.
        kills: How many processes died before they had come to an end.
        never_begun: Calls that died before their run began.
        finished: Calls that came to an end before they could be killed.
    """

    calls: int = 0
    kills: int = 0
    never_begun: int = 0
    finished: int = 0
    stages: dict[str, int] = field(default_factory=dict)


class Nursery:
    """Where processes of calls come from."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.journal.kills", "--nursery"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def start(self, task: dict[str, Any]) -> int:
        """A process that does a task; gives its id."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def is_over(self, pid: int) -> bool:
        """Whether a process has come to an end; each is asked for until it has."""
        return not Path(f"/proc/{pid}").exists()

    def close(self) -> None:
        """No more of them."""
        self._process.communicate()


def frame_of(seed: int, n: int) -> pl.DataFrame:
    """Rows of a call; each ninth one is refused."""
    names = [None if i % 9 == 8 else f"Name {i}" for i in range(n)]
    keys = [f"s{seed}-{i}" for i in range(n)]
    return pl.DataFrame({"ExternalId__c": keys, "LastName": names, "Visits__c": list(range(n))})


def rows_of(local: sfframe.LocalOrg) -> pl.DataFrame:
    """What the org has."""
    wanted = ("Id", "ExternalId__c", "LastName", "Visits__c")
    return pl.DataFrame(local.rows("Contact")).filter(~pl.col("IsDeleted")).select(wanted)


def main(n: int, *, first_seed: int = 0) -> Tally:
    """Kill until so many processes are dead."""
    tally = Tally()
    with sfframe.LocalOrg() as local, contextlib.closing(Nursery()) as nursery:
        seed = first_seed
        while tally.kills < n:
            with tempfile.TemporaryDirectory() as folder:
                _one(local, nursery, Path(folder), seed, tally)
            seed += 1
    return tally


def _one(local: sfframe.LocalOrg, nursery: Nursery, folder: Path, seed: int, tally: Tally) -> None:
    chance = random.Random(seed)
    local.reset()
    operation = chance.choice(OPERATIONS)
    frame = prepared_frame(local, chance, seed, operation)
    frame.write_parquet(folder / "frame.parquet")
    task = {
        "url": local.url,
        "id": local.client_id,
        "secret": local.client_secret,
        "operation": operation,
        "folder": str(folder),
        "max_records": chance.choice([7, 20, 1000]),
    }
    tally.calls += 1
    journal = folder / "journal"
    for life in range(chance.randint(1, _MOST_DEATHS)):
        pid = nursery.start({**task, "resumes": life > 0 and _has_run(journal)})
        dies_at = time.monotonic() + chance.uniform(0, _LONGEST_LIFE_S)
        while time.monotonic() < dies_at and not nursery.is_over(pid):
            time.sleep(0.002)
        if nursery.is_over(pid):
            tally.finished += 1
        else:
            tally.kills += 1
            os.kill(pid, signal.SIGKILL)
        while not nursery.is_over(pid):
            time.sleep(0.001)
    org = _org(task)
    if not _has_run(journal):
        tally.never_begun += 1
        assert _untouched(local, frame, operation), f"seed {seed}: the org was changed by a run that never began"
        return
    _tell_stages(journal, tally)
    result = sfframe.resume(journal, org=org)
    try:
        hold(local, frame, operation, result)
    except AssertionError as error:
        kept = Path(tempfile.mkdtemp(prefix="kill-"))
        shutil.copytree(folder, kept, dirs_exist_ok=True)
        raise AssertionError(f"seed {seed}, {operation}, folder {kept}: {error}") from error


def prepared_frame(local: sfframe.LocalOrg, chance: random.Random, seed: int, operation: str) -> pl.DataFrame:
    """The rows of the call, after what they refer to was made."""
    frame = frame_of(seed, chance.choice([1, 50, 200]))
    if operation in ("insert", "upsert"):
        return frame
    made = sfframe.bulk(frame.with_columns(pl.col("LastName").fill_null("x"))).insert("Contact", org=local.org)
    ids = made.successful_results["sf__Id"].alias("Id")
    return frame.with_columns(ids, pl.col("Visits__c") + 1000).select("Id", "LastName", "Visits__c", "ExternalId__c")


def _untouched(local: sfframe.LocalOrg, frame: pl.DataFrame, operation: str) -> bool:
    there = rows_of(local)
    if operation in ("insert", "upsert"):
        return there.is_empty()
    return there.height == frame.height and bool((there["Visits__c"] < 1000).all())


def hold(local: sfframe.LocalOrg, frame: pl.DataFrame, operation: str, result: Any) -> None:
    """The three frames say what is in the org, and each row is in one of them."""
    successful, failed = result.successful_results, result.failed_results
    assert result.unprocessed_records.is_empty(), "rows weren't processed"
    taken = frame if operation in ("update", "delete") else frame.filter(pl.col("LastName").is_not_null())
    assert successful.select(frame.columns).equals(taken), "the successful rows are others"
    assert successful.height + failed.height == frame.height, "rows are lost, or doubled"
    there = rows_of(local).sort("ExternalId__c")
    if operation == "delete":
        assert there.is_empty(), f"{there.height} rows are still there"
        return
    if operation == "update":
        changed = there.filter(pl.col("Visits__c") >= 1000)
        assert sorted(changed["Id"]) == sorted(successful["sf__Id"]), "other rows were changed"
        assert there.height == frame.height, "rows were made, or are gone"
        return
    assert there["ExternalId__c"].is_unique().all(), "a row was made twice"
    expected = successful.sort("ExternalId__c")
    assert there["ExternalId__c"].equals(expected["ExternalId__c"]), "the org has other rows"
    assert there["Id"].equals(expected["sf__Id"].alias("Id")), "ids are those of other rows"


def _has_run(journal: Path) -> bool:
    return journal.exists() and sfframe.journals(journal).filter(pl.col("state") != "preparing").height > 0


def _tell_stages(journal: Path, tally: Tally) -> None:
    from sfframe.ingest.run_file import counts_in

    for path in map(Path, sfframe.journals(journal)["run"]):
        for stage, n in counts_in(path)["jobs"].items():
            tally.stages[stage] = tally.stages.get(stage, 0) + n


def _org(task: dict[str, Any]) -> sfframe.Org:
    poll = sfframe.PollPolicy(first_wait_s=0.01, max_wait_s=0.05)
    return sfframe.Org(task["url"], sfframe.ClientCredentials(task["id"], task["secret"]), poll=poll)


def _work(task: dict[str, Any]) -> None:
    folder = Path(task["folder"])
    if task["resumes"]:
        sfframe.resume(folder / "journal", org=_org(task))
        return
    operation = task["operation"]
    key = ["ExternalId__c"] if operation == "upsert" else []
    getattr(sfframe.bulk(pl.read_parquet(folder / "frame.parquet")), operation)(
        "Contact", *key, org=_org(task), journal=folder / "journal", max_records=task["max_records"],
        on_failure="return", progress=False,
    )  # fmt: skip


def _nursery() -> None:
    """Fork a process for each line; Polars isn't used in this one, so that its threads are each child's own."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead are nobody's business
    for line in _lines():
        task = json.loads(line)
        if pid := os.fork():
            sys.stdout.write(f"{pid}\n")
            sys.stdout.flush()
            continue
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        try:
            _work(task)
        finally:
            os._exit(0)


def _lines() -> Iterator[str]:
    # Not by iteration, which reads ahead, and a child would have it too.
    while line := sys.stdin.readline():
        yield line


if __name__ == "__main__":
    if sys.argv[1] == "--nursery":
        _nursery()
    else:
        found = main(int(sys.argv[1]), first_seed=int(sys.argv[2]) if len(sys.argv) > 2 else 0)
        sys.stdout.write(f"{found}\n")
