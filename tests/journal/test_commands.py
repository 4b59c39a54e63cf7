"""`sfframe resume`: what it takes, what it says where, and its exit codes; all in the local org."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import sfframe
from sfframe.__main__ import main
from sfframe.testing import Fault

from .test_deaths import contacts
from .test_runs import dead

# A file of each outcome, and what the result calls these rows.
NAMES = {"successful": "successful_results", "failed": "failed_results", "unprocessed": "unprocessed_records"}


@pytest.fixture
def environment(local: sfframe.LocalOrg, monkeypatch: pytest.MonkeyPatch) -> None:
    """The org, by the variables of this process."""
    variables = {"URL": local.url, "CLIENT_ID": local.client_id, "CLIENT_SECRET": local.client_secret}
    for name in [name for name in os.environ if name.startswith("SFFRAME_")]:
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(f"SFFRAME_{name}", value)


@pytest.mark.usefixtures("environment")
def test_a_run_is_finished_and_its_rows_are_written(
    local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    dead(org, tmp_path / "journals")
    assert main(["resume", str(tmp_path / "journals"), "--out", str(tmp_path / "rows")]) == 1
    out, told = capfd.readouterr()
    assert out == ""
    assert "NOT OK  insert Contact" in told
    assert told.startswith("7 of 24 rows had been collected before, 2 jobs sent now\n")
    assert "6 FAILED, 18 successful of 24 rows" in told
    assert "REQUIRED_FIELD_MISSING" in told
    assert f"failed rows, each with its reason in sf__Error: {tmp_path / 'rows' / 'failed.parquet'}" in told
    assert "RecordsFailedWarning" not in told
    result = sfframe.resume(tmp_path / "journals")
    for file, name in NAMES.items():
        assert_frame_equal(pl.read_parquet(tmp_path / "rows" / f"{file}.parquet"), getattr(result, name))
    assert local.rows("Contact").num_rows == 18


@pytest.mark.usefixtures("environment")
def test_a_run_whose_rows_are_all_well_is_0_also_the_second_time(
    org: sfframe.Org, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = dead(org, tmp_path, frame=contacts().with_columns(pl.col("LastName").fill_null("x")))
    assert main(["resume", str(run)]) == 0
    monkeypatch.delenv("SFFRAME_URL")  # a finished one needs no org
    assert main(["resume", str(run)]) == 0
    told = capsys.readouterr().err
    assert told.count("OK  insert Contact") == 2
    assert told.count("nothing was sent: the run had been finished, and this is its result once more\nOK") == 1


@pytest.mark.usefixtures("environment")
def test_a_bar_is_drawn_while_a_run_is_finished_if_asked_for(
    org: sfframe.Org, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dead(org, tmp_path / "with")
    dead(org, tmp_path / "without")
    main(["resume", str(tmp_path / "with"), "--progress"])
    assert "100%" in capsys.readouterr().err
    main(["resume", str(tmp_path / "without"), "--no-progress"])
    assert "100%" not in capsys.readouterr().err


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("on_failure", ["raise", "return"])
def test_failed_rows_are_1_whatever_the_call_wanted(
    org: sfframe.Org, tmp_path: Path, capsys: pytest.CaptureFixture[str], on_failure: str
) -> None:
    dead(org, tmp_path, on_failure=on_failure)
    assert main(["resume", str(tmp_path)]) == 1
    assert "--out DIR writes the rows" in capsys.readouterr().err


@pytest.mark.usefixtures("environment")
def test_what_cannot_be_finished_is_2_and_says_why(
    local: sfframe.LocalOrg,
    org: sfframe.Org,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert main(["resume", str(tmp_path)]) == 2
    assert f"there is no run in {tmp_path}: give the folder that the call had as --journal\n" in capsys.readouterr().err
    dead(org, tmp_path)
    local.faults.append(Fault("get_job", "status", status=404, error_code="NOT_FOUND", times=None))
    assert main(["resume", str(tmp_path), "--out", str(tmp_path / "rows")]) == 2
    assert "may or may not be in the org" in capsys.readouterr().err
    known = [pl.read_parquet(path).height for path in (tmp_path / "rows").iterdir()]
    assert sum(known) == 24  # what is known is written all the same
    monkeypatch.delenv("SFFRAME_URL")
    assert main(["resume", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert "SFFRAME_URL" in told
    assert "--org URL" in told
    assert "org=" not in told


@pytest.mark.usefixtures("environment")
def test_ctrl_c_is_130_and_names_the_jobs_that_still_run(
    local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    local.faults.append(Fault("job", "stuck", times=None))
    dead(org, tmp_path, step=5)
    pressed: list[object] = []

    def press(path: object) -> bool:
        if not pressed:  # when the job is looked at
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        pressed.append(path)
        return False

    local.faults.append(Fault("get_job", "drop", match=press))
    assert main(["resume", str(tmp_path)]) == 130
    told = capsys.readouterr().err
    assert "sfframe resume: interrupted" in told
    assert re.search(r"may still run in the org: 750", told)
    assert f"sfframe resume {tmp_path}" in told


def test_the_org_may_be_one_that_the_salesforce_cli_knows(
    local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = dead(org, tmp_path / "journals")
    token = org.transport.token
    assert token is not None
    shown = {"accessToken": token.access_token, "instanceUrl": local.url, "id": org.org_id}
    sf = tmp_path / "sf"  # a script says what the CLI would say
    sf.write_text(
        f"#!/bin/sh\ncase $* in *'--target-org prod '*) echo '{json.dumps({'status': 0, 'result': shown})}';; esac"
    )
    sf.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert main(["resume", str(run), "--org", "prod"]) == 1
    assert local.rows("Contact").num_rows == 18


def test_the_help_says_what_becomes_of_the_rows_without_a_folder_for_them(capfd: pytest.CaptureFixture[str]) -> None:
    told = []
    for command in ("resume", "upsert"):
        assert main([command, "--help"]) == 0
        told.append(" ".join(capfd.readouterr().out.split()))
    assert "Without it, nothing is written." in told[0]
    assert "Without it, the same is written to a new folder here if rows failed." in told[1]
