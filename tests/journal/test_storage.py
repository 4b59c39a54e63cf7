"""Storages: where a lock is one for all machines, and where nobody can tell."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import polars as pl
import pytest

import sfframe
from sfframe.ingest import storage

LINES = """\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:40 / /mnt/team rw,relatime - nfs4 files:/team rw,vers=4.2,local_lock=none,addr=10.0.0.1
31 22 0:41 / /mnt/own rw,relatime - nfs files:/own rw,vers=3,nolock,local_lock=all
32 22 0:42 / /mnt/bucket rw,nosuid - fuse.s3fs s3fs rw,user_id=0
33 22 0:43 / /mnt/with\\040blank rw,relatime - lustre mgs@tcp:/fs rw,localflock
35 22 0:45 / /mnt/lustre rw - lustre mgs@tcp:/fs rw,flock
36 22 0:46 / /mnt/unlocked rw - lustre mgs@tcp:/fs rw
37 22 0:47 / /dbfs rw - fuse dbfs rw
34 22 0:44 / /mnt/ceph rw shared:7 - ceph mon:/ rw,name=admin
"""


@pytest.fixture
def mounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mountinfo"
    path.write_text(LINES)
    monkeypatch.setattr(storage, "_MOUNTS", path)
    monkeypatch.setattr(storage, "_locks_out", lambda folder: True)


@pytest.mark.parametrize(
    ("folder", "why"),
    [
        ("/home/me/runs", None),
        ("/mnt/team/runs", None),
        ("/mnt/teams", None),
        ("/mnt/ceph", None),
        ("/mnt/own/runs", "mounted with local_lock=all, nolock"),
        ("/mnt/bucket/runs", "locks on fuse.s3fs hold"),
        ("/mnt/with blank", "mounted with localflock"),
        ("/mnt/lustre", None),
        ("/mnt/unlocked", "mounted with noflock"),
        ("/dbfs/runs", "locks on fuse hold"),
    ],
)
@pytest.mark.usefixtures("mounts")
def test_locks_are_trusted_where_one_keeps_them_for_all(folder: str, why: str | None) -> None:
    found = storage.why_unsafe(Path(folder))
    assert found is None if why is None else why in (found or "")


def test_the_disk_of_this_machine_keeps_its_locks(tmp_path: Path) -> None:
    assert storage.why_unsafe(tmp_path) is None
    assert not [*tmp_path.iterdir()]


def test_a_folder_that_isnt_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(sfframe.JournalError, match="no file can be made"):
        storage.why_unsafe(tmp_path / "nowhere")


@pytest.mark.usefixtures("local")
def test_a_run_that_other_machines_may_read_shares_no_memory_with_them(
    org: sfframe.Org, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"1 1 0:1 / {tmp_path} rw - nfs4 files:/runs rw,vers=4.2\n")
    frame = pl.DataFrame({"LastName": ["Ada", "Alan"]})
    for name, mode in (("here", "wal"), ("there", "delete")):
        sfframe.bulk(frame).insert("Contact", org=org, journal=tmp_path / name)
        monkeypatch.setattr(storage, "_MOUNTS", mounts)
        (run,) = [path for path in (tmp_path / name).iterdir() if path.is_dir()]
        with contextlib.closing(sqlite3.connect(run / "run.sqlite")) as db:
            assert db.execute("PRAGMA journal_mode").fetchone() == (mode,)
        assert sfframe.resume(run, org=org).counts["successful"] == 2
