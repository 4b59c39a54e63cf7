"""The demo runs for anyone, tells the whole story, and its file is what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import polars as pl
import pytest

import sfframe
from sfframe import demo
from sfframe.__main__ import main

from . import nursery

FOLDER = Path(__file__).parents[1]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command as a newcomer runs it, without a terminal and without a word of SFFRAME_... around."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SFFRAME_")}
    return nursery.run(["-m", "sfframe", *arguments], cwd=FOLDER, env={**clean, **environment})


@pytest.fixture(scope="module")
def told() -> str:
    ran = run("demo")
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


def test_the_story_has_the_call_the_frames_the_reasons_and_how_to_go_on(told: str) -> None:
    for words in (
        '>>> result = contacts.sfbulk.upsert("Contact", "ExternalId__c", org=org)',
        "NOT OK  upsert Contact on 127.0.0.1:",
        "successful_results", "failed_results", "unprocessed_records",
        "INVALID_EMAIL_ADDRESS", "Foreign key external ID: A-90", "REQUIRED_FIELD_MISSING",
        "A gold contact needs an e-mail address or a phone.",
        "result.retry()",
        "pd.read_csv(", "pl.read_csv(",
        "events: Preparing, Started, JobCreated, PartUploaded,",
        "4,000 contacts.",
        "sfframe.Org.from_cli(",
    ):  # fmt: skip
        assert words in told


def test_the_mended_rows_are_all_taken_and_nothing_is_made_twice(told: str) -> None:
    assert re.search(r"OK  upsert Contact on \S+: (\d+) successful of \1 rows", told)
    assert re.search(r'"sf__Created"\]\.sum\(\)\n0\n', told)


def test_no_line_is_too_wide_to_read(told: str) -> None:
    assert max(map(len, told.splitlines())) <= 140


def test_it_runs_on_a_terminal_without_unicode() -> None:
    ran = run("demo", PYTHONIOENCODING="ascii")
    assert ran.returncode == 0, ran.stderr


def test_its_reader_may_stop_listening() -> None:
    ran = subprocess.run(
        ["bash", "-c", f"'{sys.executable}' -m sfframe demo | head -1; echo ${{PIPESTATUS[0]}}"],
        cwd=FOLDER, capture_output=True, encoding="utf-8", check=True,
    )  # fmt: skip
    assert ran.stdout.splitlines()[-1] == "0"
    assert ran.stderr == ""


def test_without_the_local_org_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing() -> int:
        raise ModuleNotFoundError("the local org needs duckdb, which is not installed: pip install 'sfframe[local]'")

    monkeypatch.setattr(demo, "main", missing)
    assert main(["demo"]) == 2
    assert "pip install 'sfframe[local]'" in capsys.readouterr().err


# --- the file ---------------------------------------------------------------------------------------------------------


def test_the_same_seed_makes_the_same_file(tmp_path: Path) -> None:
    one, other = (demo.write_contacts(tmp_path / name, n=300).read_bytes() for name in "ab")
    assert one == other
    assert demo.write_contacts(tmp_path / "c", n=300, seed=1).read_bytes() != one


def test_the_file_holds_what_is_hard_about_files(tmp_path: Path) -> None:
    path = demo.write_contacts(tmp_path / "contacts.csv")
    text = path.read_bytes().decode("utf-8")
    for hard in ("Müller", '""', "\n", "NA", "Null", "=SUM", "01067", "García, hijo"):
        assert hard in text
    frame = demo.read_pandas(path)
    assert len(frame) == demo.CONTACTS == frame["ExternalId__c"].nunique()
    assert frame["Email"].isna().any()
    assert {"NA", "Null"} <= set(frame["LastName"].dropna())
    assert str(frame["LastVisit__c"].dt.tz) == "UTC"


def test_pandas_and_polars_read_the_same_and_send_the_same(tmp_path: Path, started_org: sfframe.Org) -> None:
    path = demo.write_contacts(tmp_path / "contacts.csv", n=500)
    sent = [
        list(read(path).sfbulk.payloads("Contact", "upsert", "ExternalId__c", org=started_org))
        for read in (demo.read_pandas, demo.read_polars)
    ]
    assert sent[0] == sent[1]
    assert isinstance(demo.read_pandas(path), pd.DataFrame)
    assert isinstance(demo.read_polars(path), pl.DataFrame)
