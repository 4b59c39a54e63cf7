"""What a journal says is on the disk before the org hears of it, and files before they have their names."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import sfframe
from sfframe.ingest import run_file
from sfframe.ingest.journal import Journal
from sfframe.ingest.recorded import Stage
from sfframe.testing import Fault

from .test_deaths import call, check, contacts


def seen_in(folder: Path) -> tuple[str, int, list[str]]:
    """What somebody else sees: the run's state, how many parts it has begun, and the stages of its jobs."""
    [run] = [path for path in folder.iterdir() if path.is_dir()]
    with closing(sqlite3.connect(f"{(run / 'run.sqlite').as_uri()}?mode=ro", uri=True)) as db:
        [(state,)] = db.execute("SELECT value FROM run WHERE name = 'state'").fetchall()
        [(parts,)] = db.execute("SELECT count(*) FROM parts").fetchall()
        return state.strip('"'), parts, [stage for (stage,) in db.execute("SELECT stage FROM jobs ORDER BY rowid")]


def test_each_step_is_in_the_journal_when_the_org_hears_of_it(
    local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path
) -> None:
    told: list[tuple[str, int, list[str]]] = []

    def listen(where: str) -> Fault:
        def note(_: Any) -> bool:
            _, parts, stages = seen_in(tmp_path)
            if not told or told[-1] != (where, parts, stages):
                told.append((where, parts, stages))
            return False

        return Fault(where, "status", match=note)

    local.faults += [listen("create"), listen("put"), listen("patch"), listen("get_job"), listen("results")]
    call(contacts(14), "insert", org, tmp_path, max_concurrent_jobs=1)
    assert told == [
        (where, n, ["collected"] * (n - 1) + stages)
        for n in (1, 2)
        for where, stages in [
            ("create", []),
            ("put", ["made"]),
            ("patch", ["closing"]),
            ("get_job", ["closed"]),
            ("results", ["closed"]),
        ]
    ]
    assert seen_in(tmp_path) == ("finished", 2, ["collected"] * 2)


def test_what_a_job_was_given_is_known_before_it_is_closed(
    local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path
) -> None:
    told: list[Any] = []

    def note(_: Any) -> bool:
        [run] = [path.parent for path in tmp_path.glob("*/run.sqlite")]
        with closing(run_file.connected(run)) as db:
            told.append([digest for (digest,) in db.execute("SELECT digest FROM jobs ORDER BY rowid")])
        return False

    local.faults.append(Fault("patch", "status", match=note))
    frame = contacts(14)
    call(frame, "insert", org, tmp_path, max_concurrent_jobs=1)
    parts = sfframe.bulk(frame).payloads("Contact", "insert", org=org, columns={"own": None}, max_records=7)
    digests = [hashlib.sha256(part).hexdigest() for part in parts]
    assert told == [digests[:1], digests]


def test_a_run_is_open_when_its_rows_are_kept_and_not_before(
    local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a job is collected when its fates are kept."""
    told: list[Any] = []
    keep, write = Journal.keep, run_file.write

    def keeping(self: Journal, keep_rows: Any) -> None:
        def rows(folder: Path) -> None:
            told.append(seen_in(tmp_path)[0])
            keep_rows(folder)
            told.append(seen_in(tmp_path)[0])

        keep(self, rows)

    def writing(frame: pl.DataFrame, path: Path) -> None:
        if path.name.startswith("fates"):
            told.append(seen_in(tmp_path)[2])
        write(frame, path)

    monkeypatch.setattr(Journal, "keep", keeping)
    monkeypatch.setattr(sys.modules[Journal.__module__], "write", writing)
    call(contacts(7), "insert", org, tmp_path)
    assert told == ["preparing", "preparing", ["closed"]]


def test_no_job_is_closed_before_its_rows_are_kept(
    local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long that takes, though they go up meanwhile."""
    keep, is_uploaded, told = Journal.keep, threading.Event(), []

    def keeping(self: Journal, write: Any) -> None:
        assert is_uploaded.wait(20)
        told.append(f"{local.count('patch')} closed")
        keep(self, write)

    def put(_: Any) -> bool:
        is_uploaded.set()
        return False

    def closed(_: Any) -> bool:
        told.append(seen_in(tmp_path)[0])
        return False

    monkeypatch.setattr(Journal, "keep", keeping)
    local.faults += [Fault("put", "status", when="after", match=put), Fault("patch", "status", match=closed)]
    check(call(contacts(7), "insert", org, tmp_path), contacts(7), local)
    assert told[:2] == ["0 closed", "open"]


def test_commits_wait_for_the_disk(org: sfframe.Org, tmp_path: Path) -> None:
    result = call(contacts(7), "insert", org, tmp_path)
    with closing(run_file.connected(result.run)) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL: not at checkpoints alone


def test_files_and_the_folders_they_are_in_are_on_the_disk(
    org: sfframe.Org, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file before it has its name; and its folder after that, or the name might be gone."""
    synced: list[int] = []
    named: dict[str, int] = {}
    fsync, rename = os.fsync, Path.rename

    def syncing(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    def naming(self: Path, target: Path) -> Path:
        assert self.stat().st_ino in synced, target.name
        named[target.name] = len(synced)
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", syncing)
    monkeypatch.setattr(Path, "rename", naming)
    result = call(contacts(7), "insert", org, tmp_path / "journals")
    folders = [result.run, result.run.parent, tmp_path]
    kept = [path for path in result.run.iterdir() if path.suffix in (".parquet", ".json", ".arrow")]
    assert {path.name for path in kept} > {"left_out.parquet", "frame.parquet"}
    for path in (*folders, *kept):
        assert path.stat().st_ino in synced, path.name
    assert {name.partition("-")[0] for name in named} == {"left_out.parquet", "run.sqlite", "fates"}
    for n_before in named.values():
        assert result.run.stat().st_ino in synced[n_before:]


def test_a_closing_is_not_written_over_a_later_stage(org: sfframe.Org, tmp_path: Path) -> None:
    """A thread that nobody waits for any more may write it late."""
    result = call(contacts(7), "insert", org, tmp_path)
    run = Journal.open(result.run)
    try:
        for stage in (Stage.MADE, Stage.CLOSING, Stage.GIVEN_UP, Stage.CLOSING):
            run.reached(result.jobs[0].id, stage)
    finally:
        run.close()
    assert seen_in(tmp_path)[2] == ["given up"]
