"""`sfframe query`: records onto stdout or into a file."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

import sfframe

from .conftest import Run

SOQL = "SELECT LastName, Visits__c, DoNotCall, LastVisit__c FROM Contact ORDER BY LastName"


@pytest.fixture
def people(org: sfframe.Org) -> None:
    rows = [
        {"LastName": "Ng", "Visits__c": 3, "DoNotCall": True, "LastVisit__c": "2026-01-31T12:00:00Z"},
        {"LastName": "O'Neil", "Visits__c": None, "DoNotCall": False, "LastVisit__c": None},
    ]
    sfframe.ingest(rows, "Contact", "insert", org=org)


pytestmark = pytest.mark.usefixtures("people")


def test_records_go_to_stdout_as_csv(run: Run) -> None:
    ran = run("query", SOQL)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (
        "LastName,Visits__c,DoNotCall,LastVisit__c\nNg,3,true,2026-01-31T12:00:00.000Z\nO'Neil,,false,\n"
    )


def test_records_go_into_a_file_of_each_format(run: Run, org: sfframe.Org, tmp_path: Path) -> None:
    readers: dict[str, Callable[[Path], pl.DataFrame]] = {
        "parquet": pl.read_parquet, "arrow": pl.read_ipc, "csv": pl.read_csv, "ndjson": pl.read_ndjson,
    }  # fmt: skip
    expected = sfframe.read_soql(SOQL, org=org)
    for suffix, reader in readers.items():
        ran = run("query", SOQL, "-o", f"people.{suffix}")
        assert (ran.code, ran.out) == (0, "")
        assert "2 rows of 127.0.0.1:" in ran.err
        found = reader(tmp_path / f"people.{suffix}")
        if suffix in ("parquet", "arrow"):
            assert found.equals(expected)
        assert found.select("LastName", "Visits__c").equals(expected.select("LastName", "Visits__c"))


def test_what_a_query_writes_can_be_loaded_again(run: Run, local: sfframe.LocalOrg) -> None:
    for suffix in ("csv", "ndjson"):
        assert run("query", SOQL, "-o", f"people.{suffix}").code == 0
        assert run("insert", f"people.{suffix}", "Contact").code == 0
    records = local.rows("Contact").select(["LastName", "Visits__c", "DoNotCall", "LastVisit__c"]).to_pylist()
    assert len(records) == 8  # doubled twice
    assert len({tuple(map(str, record.values())) for record in records}) == 2


def test_a_machine_gets_records_as_ndjson_or_what_was_written(run: Run) -> None:
    records = [json.loads(line) for line in run("query", SOQL, "--json").out.splitlines()]
    assert [record["Visits__c"] for record in records] == [3, None]
    facts = run("query", SOQL, "--json", "-o", "people.parquet").json
    assert (facts["rows"], facts["file"], facts["format"]) == (2, "people.parquet", "parquet")


def test_other_formats_go_to_stdout_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw))
    assert run("query", SOQL, "--format", "parquet").code == 0
    assert pl.read_parquet(io.BytesIO(raw.getvalue())).height == 2


def test_values_are_bound_and_never_pasted(run: Run) -> None:
    where = "SELECT LastName FROM Contact WHERE"
    assert run("query", f"{where} LastName = :n", "--param", "n=O'Neil").out == '"LastName"\n"O\'Neil"\n'
    assert run("query", f"{where} Visits__c = :n", "--param", "n:=3").out == '"LastName"\n"Ng"\n'
    listed = run("query", f"{where} LastName IN :n", "--param", 'n:=["Ng", "x"]')
    assert listed.out == '"LastName"\n"Ng"\n'
    assert "behind := comes JSON" in run("query", where, "--param", "n:=x").err


def test_a_statement_comes_from_a_file_or_from_standard_input(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "people.soql").write_text(f"{SOQL}\n", "utf-8")
    monkeypatch.setattr("sys.stdin", io.StringIO(SOQL))
    assert run("query", "@people.soql").out == run("query", "-").out != ""


def test_deleted_records_and_a_query_job_are_read(run: Run, org: sfframe.Org) -> None:
    assert run("query", SOQL, "--api", "bulk", "--all-rows").out.count("\n") == 3
    (job,) = sfframe.run(_jobs(org))
    assert run("query", "--job-id", job.id).out.count("\n") == 3


async def _jobs(org: sfframe.Org) -> list[sfframe.JobInfo]:
    return [job async for job in org.query.list_jobs()]


def test_what_cannot_be_read_is_2_and_leaves_no_file(run: Run, tmp_path: Path) -> None:
    for arguments, told in (
        (["SELECT LastNam FROM Contact", "-o", "x.csv"], "Did you mean 'LastName'"),
        (["SELECT Foo FROM Contact"], "that you may see. `sfframe describe Contact` lists the fields."),
        (["SELECT Id FROM Contakt"], "did you mean 'Contact'?"),
        ([SOQL, "-o", "x.xlsx"], "ends in none of .csv, .parquet"),
        ([SOQL, "-o", "nowhere/x.csv"], "there is no folder"),
        (["@none.soql"], "there is no file 'none.soql'"),
        ([], "what to read?"),
        ([SOQL, "--job-id", "750000000000001AAA"], "what to read?"),
    ):
        ran = run("query", *arguments)
        assert (ran.code, ran.out) == (2, ""), arguments
        assert told in ran.err, ran.err
    assert list(tmp_path.iterdir()) == []
