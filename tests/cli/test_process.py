"""What only a process of its own shows: streams that are closed or full, pipes that close early, and Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

import sfframe
from sfframe.testing import Fault
from tests import nursery

from .conftest import UPSERT, variables_of

DEADLINE_S = 30


# As a shell does by `>&-`.
_WITHOUT = """
import os, sys
for number, name in enumerate(("stdin", "stdout", "stderr")):
    if name in {closed!r}:
        os.close(number)
        setattr(sys, name, None)
from sfframe.__main__ import main
sys.exit(main({words!r}))
"""


def begun(local: sfframe.LocalOrg, folder: Path, *words: str, without: str = "", full: str = "") -> nursery.Child:
    """A command.

    Args:
        local: Its org.
        folder: Where it begins.
        words: Its words.
        without: Which streams are closed.
        full: Which of its streams goes to a disk without room.
    """
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SFFRAME_")}
    command = ["-c", _WITHOUT.format(closed=without.split(), words=words)] if without else ["-m", "sfframe", *words]
    streams = dict.fromkeys(("stdout", "stderr"), subprocess.PIPE)
    room = Path("/dev/full").open("wb") if full else None  # noqa: SIM115  # closed below
    if room is not None:
        streams[full] = room.fileno()
    try:
        return nursery.Child(
            command, cwd=folder, env={**clean, **variables_of(local)}, stdin=subprocess.DEVNULL, **streams
        )
    finally:
        if room is not None:
            room.close()


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


needs_dev_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk without room is needed")


@pytest.mark.parametrize(
    ("words", "how"),
    [
        (("query", "SELECT Id FROM Contact"), {"without": "stdout"}),
        pytest.param(("limits", "--json"), {"full": "stdout"}, marks=needs_dev_full),
    ],
)
def test_what_stdout_does_not_take_is_2_and_told(
    local: sfframe.LocalOrg, tmp_path: Path, words: Sequence[str], how: dict[str, str]
) -> None:
    with begun(local, tmp_path, *words, **how) as process:
        code, _, err = ended(process)
    reason = "it is closed" if "without" in how else "No space left on device"
    assert (code, err) == (
        2, f"sfframe {words[0]}: stdout can't be written to: {reason}. Let it go elsewhere, such as > FILE\n",
    )  # fmt: skip


@needs_dev_full
def test_rows_that_are_lost_at_the_very_end_are_no_success(
    local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path
) -> None:
    """A few bytes are taken, and only then, when they are to go on, there is no room."""
    job = sfframe.ingest(pl.DataFrame({"LastName": ["Ng"]}), "Contact", "insert", org=org).jobs[0].id
    with begun(local, tmp_path, "jobs", "results", job, "--which", "successful", full="stdout") as process:
        code, _, err = ended(process)
    assert (code, err.partition(". ")[0]) == (2, "sfframe: stdout can't be written to: No space left on device")


def test_a_load_whose_document_is_lost_tells_what_became_of_its_rows(
    local: sfframe.LocalOrg, contacts: Path, tmp_path: Path
) -> None:
    with begun(local, tmp_path, "upsert", contacts.name, *UPSERT, "--json", without="stdin stdout") as process:
        code, _, err = ended(process)
    assert code == 2
    assert "1 FAILED, 2 successful of 3 rows" in err
    assert err.splitlines()[-1].endswith("What became of the rows is told above.")
    assert local.rows("Contact").num_rows == 2


@pytest.mark.parametrize("how", [{"without": "stderr"}, pytest.param({"full": "stderr"}, marks=needs_dev_full)])
def test_a_stderr_that_takes_nothing_changes_neither_the_work_nor_its_code(
    local: sfframe.LocalOrg, contacts: Path, tmp_path: Path, how: dict[str, str]
) -> None:
    with begun(local, tmp_path, "upsert", contacts.name, *UPSERT, "--json", "--progress", **how) as process:
        code, out, _ = ended(process)
    assert (code, json.loads(out)["exit_code"]) == (1, 1)
    assert local.rows("Contact").num_rows == 2


def test_ctrl_c_while_the_libraries_are_imported_is_130_and_quiet(local: sfframe.LocalOrg, tmp_path: Path) -> None:
    """The script that pip makes imports what pyproject.toml names; a library of this name is interrupted in it."""
    (tmp_path / "aiohttp.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nprint('went on')\n")
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
    module, _, function = project["scripts"]["sfframe"].partition(":")
    script = (
        "import sys\nfor name in [name for name in sys.modules if name.partition('.')[0] == 'aiohttp']:\n"
        f"    del sys.modules[name]\nfrom {module} import {function}\nsys.exit({function}())"
    )
    process = nursery.run(["-c", script], cwd=tmp_path)
    assert (process.returncode, process.stdout, process.stderr) == (130, "", "")


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
