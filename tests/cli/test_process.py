"""What only a process of its own shows: pipes that close early, and Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import polars as pl

import sfframe
from sfframe.testing import Fault
from tests import nursery

from .conftest import UPSERT, variables_of

DEADLINE_S = 30


def begun(local: sfframe.LocalOrg, folder: Path, *words: str) -> nursery.Child:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SFFRAME_")}
    return nursery.Child(
        ["-m", "sfframe", *words], cwd=folder, env={**clean, **variables_of(local)},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def ended(process: nursery.Child) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=DEADLINE_S)
    return process.wait(), out, err


def test_a_reader_that_had_enough_ends_it_quietly(local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path) -> None:
    people = pl.DataFrame({"LastName": ["Ng"] * 2_000, "Description": ["x" * 200] * 2_000})  # more than a pipe holds
    sfframe.ingest(people, "Contact", "insert", org=org)
    with begun(local, tmp_path, "query", "SELECT LastName, Description FROM Contact") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "LastName,Description\n"
        process.stdout.close()
        process.stdout = None
        code, _, err = ended(process)
    assert (code, err) == (0, ""), err


def test_rows_that_failed_are_1_though_nobody_reads_the_document(
    local: sfframe.LocalOrg, contacts: Path, tmp_path: Path
) -> None:
    with begun(local, tmp_path, "upsert", contacts.name, *UPSERT, "--json") as process:
        assert process.stdout is not None
        process.stdout.close()
        process.stdout = None
        code, _, err = ended(process)
    assert code == 1
    assert err.startswith("NOT OK")
    assert "Traceback" not in err


def test_ctrl_c_is_130_and_what_was_begun_can_be_finished(local: sfframe.LocalOrg, tmp_path: Path) -> None:
    local.faults.append(Fault("job", "stuck", times=None))
    (tmp_path / "contacts.csv").write_text("LastName\nNg\n", "utf-8")
    line: Sequence[str] = ("insert", "contacts.csv", "Contact", "--journal", "journals")
    with begun(local, tmp_path, *line, "--json") as process:
        ends = time.monotonic() + DEADLINE_S
        while not local.count("get_job") and time.monotonic() < ends:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        code, out, err = ended(process)
    assert code == json.loads(out)["exit_code"] == 130
    assert "Traceback" not in err
    assert re.search(r"These jobs may still run in the org: 750\w+", err)
    found = re.search(r"sfframe resume (\S+)", err)
    assert found is not None
    local.release_jobs()
    with begun(local, tmp_path, "resume", found[1]) as process:
        assert ended(process)[0] == 0
    assert local.rows("Contact").num_rows == 1
