"""The scripts in docs/examples do what they say, and what they say of their bad days."""

from __future__ import annotations

import os
import re
import runpy
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import DEVNULL
from typing import Any

import duckdb
import openpyxl
import polars as pl
import pytest

import sfframe
from sfframe.testing import Fault

from . import nursery

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "docs" / "examples"
CUSTOMERS = EXAMPLES / "customers.csv"
SPOILT = ("ipek@example.com", "ipek at example.com")


@pytest.fixture(autouse=True)
def default_org(org: sfframe.Org) -> Iterator[None]:
    sfframe.set_default_org(org)
    yield
    sfframe.set_default_org(None)


def script(name: str) -> dict[str, Any]:
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))


def customers(folder: Path, *changes: tuple[str, str]) -> str:
    """The customers' file with other words in it."""
    text = CUSTOMERS.read_text("utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / "customers.csv").write_text(text, "utf-8")
    return str(folder / "customers.csv")


def refuse_once(local: sfframe.LocalOrg) -> None:
    """A job runs, and its results can't be had: the call ends, and what became of the job isn't known."""
    local.faults.append(Fault("results", "status", status=403, error_code="INSUFFICIENT_ACCESS"))


# --- etl_tasks --------------------------------------------------------------------------------------------------------


@pytest.fixture
def etl() -> dict[str, Any]:
    return script("etl_tasks")


def test_the_tasks_load_companies_and_the_people_who_name_them(
    etl: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    etl["flow"](str(CUSTOMERS), str(tmp_path))
    found = sfframe.read_soql("SELECT LastName, Description, Account.BillingPostalCode FROM Contact ORDER BY LastName")
    assert found.height == 12
    people = {name: (code, text) for name, text, code in found.rows()}
    assert people["Krüger"][0] == "01067"
    assert people["Null"] == ("LS1 4AP", "Her name is Null.")
    assert capsys.readouterr().out.count("'failed': 0") == 2


def test_a_load_that_is_tried_again_sends_nothing_twice(
    etl: dict[str, Any], local: sfframe.LocalOrg, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refuse_once(local)
    etl["flow"](str(CUSTOMERS), str(tmp_path))
    assert capsys.readouterr().err.count("load is tried again") == 1
    assert local.count("create") == 2
    assert (local.rows("Account").num_rows, local.rows("Contact").num_rows) == (10, 12)


def test_a_load_with_refused_rows_is_red_at_once_and_hands_them_over(
    etl: dict[str, Any], local: sfframe.LocalOrg, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(sfframe.RecordsFailed):
        etl["flow"](customers(tmp_path, SPOILT), str(tmp_path / "day"))
    assert local.count("create") == 2
    assert "tried again" not in capsys.readouterr().err
    sheet = openpyxl.load_workbook(tmp_path / "day" / "refused.xlsx")["failed_results"]
    assert any("INVALID_EMAIL_ADDRESS" in str(cell) for row in sheet.values for cell in row)


def test_a_workbook_that_cannot_be_written_does_not_hide_why_rows_failed(
    etl: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    with pytest.raises(sfframe.RecordsFailed) as caught:
        etl["flow"](customers(tmp_path, SPOILT), str(tmp_path / "day"))
    assert "pip install 'sfframe[excel]'" in caught.value.__notes__[0]


# --- nightly_upsert ---------------------------------------------------------------------------------------------------

Nightly = Callable[..., int]


@pytest.fixture
def nightly(tmp_path: Path) -> Nightly:
    main = script("nightly_upsert")["main"]

    def run(model: str, *more: str) -> int:
        code: int = main([model, "Contact", "ExternalId__c", "--state", str(tmp_path / "state"), *more])
        return code

    return run


def model(folder: Path, n: int = 3, *, email: str | None = None) -> str:
    """A model of so many contacts, the first of whom has this address."""
    names = [f"Åkesson {i}" for i in range(n)]
    frame = pl.DataFrame({"ExternalId__c": names, "LastName": names, "Email": [email] + [None] * (n - 1)})
    path = folder / "crm_contacts.parquet"
    frame.with_columns(pl.lit(7).alias("_loaded_at")).write_parquet(path)
    return str(path)


LEFT_OUT = ("--leave-out", "_loaded_at")


def test_a_night_without_a_bad_row_is_0(nightly: Nightly, local: sfframe.LocalOrg, tmp_path: Path) -> None:
    assert nightly(model(tmp_path), *LEFT_OUT) == 0
    assert local.rows("Contact").num_rows == 3
    assert not (tmp_path / "state" / "to_mend.xlsx").exists()


def test_refused_rows_are_1_and_wait_for_the_colleague(nightly: Nightly, tmp_path: Path) -> None:
    assert nightly(model(tmp_path, email="nobody"), *LEFT_OUT) == 1
    (sheet,) = openpyxl.load_workbook(tmp_path / "state" / "to_mend.xlsx")
    header, row = sheet.values
    refused = dict(zip(header, row, strict=True))
    assert (refused["LastName"], refused["_loaded_at"]) == ("Åkesson 0", 7)
    assert str(refused["sf__Error"]).startswith("INVALID_EMAIL_ADDRESS:")


def test_without_a_writer_of_workbooks_the_refused_rows_are_1_too_and_in_their_file(
    nightly: Nightly, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    assert nightly(model(tmp_path, email="nobody"), *LEFT_OUT) == 1
    assert "needs pip install 'sfframe[excel]'" in caplog.text
    file = tmp_path / "state" / "latest" / "failed_results.parquet"
    assert f"rows to mend: 1, in {file}" in caplog.text
    assert pl.read_parquet(file)["LastName"].to_list() == ["Åkesson 0"]


def test_a_job_that_failed_as_a_whole_is_2_and_its_rows_are_handed_over_in_their_file(
    nightly: Nightly, local: sfframe.LocalOrg, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    local.faults.append(Fault("job", "fail", times=None))
    assert nightly(model(tmp_path), *LEFT_OUT) == 2
    left = tmp_path / "state" / "latest" / "unprocessed_records.parquet"
    assert pl.read_parquet(left)["LastName"].to_list() == [f"Åkesson {i}" for i in range(3)]
    assert f"rows that the org didn't come to: 3, in {left}" in caplog.text
    assert "rows to mend" not in caplog.text
    assert not (tmp_path / "state" / "to_mend.xlsx").exists()


def test_a_load_that_cannot_be_is_2_and_says_why(
    nightly: Nightly, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert nightly(model(tmp_path)) == 2
    assert "Contact has no field '_loaded_at'" in caplog.text
    assert nightly(str(tmp_path / "none.parquet")) == 2


def test_a_table_of_a_database_is_a_model_too(nightly: Nightly, local: sfframe.LocalOrg, tmp_path: Path) -> None:
    with duckdb.connect(tmp_path / "warehouse.duckdb") as warehouse:
        warehouse.execute(f"CREATE SCHEMA marts; CREATE TABLE marts.crm AS FROM '{model(tmp_path)}'")
    assert nightly(f"{tmp_path / 'warehouse.duckdb'}#marts.crm", *LEFT_OUT) == 0
    assert local.rows("Contact").num_rows == 3


def test_an_earlier_night_is_finished_before_tonights_rows(
    nightly: Nightly, local: sfframe.LocalOrg, tmp_path: Path
) -> None:
    refuse_once(local)
    assert nightly(model(tmp_path, 3), *LEFT_OUT) == 2
    assert nightly(model(tmp_path, 5), *LEFT_OUT) == 0
    states = sfframe.journals(tmp_path / "state" / "journal")
    assert states.select("state", "rows").rows() == [("finished", 3), ("finished", 5)]
    assert local.count("create") == 2
    assert local.rows("Contact").num_rows == 5


def test_a_night_that_was_killed_is_gone_on_with(
    local: sfframe.LocalOrg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = {"URL": local.url, "CLIENT_ID": local.client_id, "CLIENT_SECRET": local.client_secret}
    env = {**os.environ, **{f"SFFRAME_{name}": value for name, value in login.items()}}
    command = ["-m", "docs.examples.nightly_upsert", model(tmp_path, 200), "Contact", "ExternalId__c",
               "--state", str(tmp_path / "state"), *LEFT_OUT]  # fmt: skip
    looked_at = threading.Event()

    def note(path: object) -> bool:
        looked_at.set()
        return True

    local.faults.append(Fault("get_job", "stall", match=note))
    with nursery.Child(command, env=env, cwd=ROOT, stdin=DEVNULL, stderr=DEVNULL) as killed:
        assert looked_at.wait(60)
        killed.kill()
        assert killed.wait() == -9
    monkeypatch.setattr("sys.argv", command[1:])
    with pytest.raises(SystemExit) as again:
        runpy.run_path(str(EXAMPLES / "nightly_upsert.py"), run_name="__main__")
    assert again.value.code == 0
    assert local.count("create") == 1
    assert local.rows("Contact").num_rows == 200


# --- from_duckdb ------------------------------------------------------------------------------------------------------


def test_a_relation_sends_what_is_new_and_then_what_has_changed(
    local: sfframe.LocalOrg, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main = script("from_duckdb")["main"]
    changed = customers(tmp_path, ("Seán", "Shane"), SPOILT)
    assert [main([export]) for export in (str(CUSTOMERS), str(CUSTOMERS), changed, changed)] == [0, 0, 1, 1]
    assert re.findall(r"Contact: .*", capsys.readouterr().out) == [
        "Contact: 12 new, 0 changed, 0 refused",
        "Contact: 0 new, 0 changed, 0 refused",
        "Contact: 0 new, 1 changed, 1 refused",
        "Contact: 0 new, 0 changed, 1 refused",
    ]
    assert local.count("create") == 4


def test_a_relation_whose_job_failed_as_a_whole_is_1_and_told(
    local: sfframe.LocalOrg, capsys: pytest.CaptureFixture[str]
) -> None:
    local.faults.append(Fault("job", "fail", times=None))
    assert script("from_duckdb")["main"]([str(CUSTOMERS)]) == 1
    assert re.search(r"Account: 0 new, 0 changed, 0 refused\n    10 unprocessed: .*Failed", capsys.readouterr().out)


# --- the page ---------------------------------------------------------------------------------------------------------


def test_the_page_names_every_script_and_each_says_how_it_is_run() -> None:
    page = (ROOT / "docs" / "examples.md").read_text("utf-8")
    scripts = sorted(path.name for path in EXAMPLES.glob("*.py"))
    assert sorted(set(re.findall(r"\(examples/(\w+\.py)\)", page))) == scripts
    for name in scripts:
        assert f"    python docs/examples/{name} " in (EXAMPLES / name).read_text("utf-8")


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.py")))
def test_a_script_without_its_arguments_says_how_it_is_used(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", [name])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    assert ended.value.code == 2
    assert f"usage: {name} " in capsys.readouterr().err
