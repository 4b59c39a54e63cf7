"""`sfframe jobs`, `limits`, `describe`, `journals`: what the org and the disk hold, to look at and to collect."""

from __future__ import annotations

from pathlib import Path

import pytest

import sfframe

from .conftest import UPSERT, Run


@pytest.fixture
def job(run: Run, contacts: Path) -> str:
    """A load of three rows, one of which failed."""
    return str(run("upsert", contacts, *UPSERT, "--json").json["jobs"][0]["id"])


def test_jobs_are_listed_the_latest_first(run: Run, contacts: Path, job: str) -> None:
    later = run("upsert", contacts, *UPSERT, "--json").json["jobs"][0]["id"]
    lines = run("jobs").out.splitlines()
    assert lines[0].split() == ["ID", "STATE", "OPERATION", "OBJECT", "CREATED", "(UTC)"]
    assert [line.split()[0] for line in lines[1:]] == [later, job]
    assert run("jobs", "list").out.splitlines() == lines
    assert [one["id"] for one in run("jobs", "list", "--last", "1", "--json").json] == [lines[1].split()[0]]
    assert "1 of 2 jobs; --last 0 lists all" in run("jobs", "list", "--last", "1").err
    assert run("jobs", "list", "--state", "aborted").out.count("\n") == 1
    assert run("jobs", "list", "--state", "JOBCOMPLETE").out.splitlines() == lines
    assert run("jobs", "list", "--kind", "query").out.count("\n") == 1


def test_a_state_that_is_none_is_refused_and_those_that_are_named(run: Run) -> None:
    ran = run("jobs", "list", "--state", "Complete")
    assert (ran.code, ran.out) == (2, "")
    assert "'Complete' is no state of a job: Open, UploadComplete, InProgress, JobComplete, Failed, Aborted" in ran.err


def test_a_job_is_shown(run: Run, job: str) -> None:
    shown = dict(line.split(maxsplit=1) for line in run("jobs", "show", job).out.splitlines())
    assert (shown["state"], shown["number_records_processed"], shown["number_records_failed"]) == (
        "JobComplete",
        "3",
        "1",
    )
    assert run("jobs", "show", job, "--json").json["state"] == "JobComplete"


def test_the_rows_of_a_job_are_collected(run: Run, job: str, tmp_path: Path) -> None:
    ran = run("jobs", "results", job, "--out", "results", "--json")
    assert ran.json["files"] == {name: f"results/{name}.csv" for name in ("successful", "failed", "unprocessed")}
    assert "INVALID_EMAIL_ADDRESS" in (tmp_path / "results" / "failed.csv").read_text("utf-8")
    assert (tmp_path / "results" / "successful.csv").read_text("utf-8").count('"003') == 2
    assert run("jobs", "results", job, "--which", "failed").out == (tmp_path / "results" / "failed.csv").read_text(
        "utf-8"
    )
    assert "which rows?" in run("jobs", "results", job).err


def test_the_records_of_a_query_job_are_collected_page_by_page(run: Run, job: str, org: sfframe.Org) -> None:
    asked = sfframe.run(org.query.create_job("SELECT LastName FROM Contact ORDER BY LastName"))
    while not sfframe.run(org.query.get_job(asked.id)).is_final:
        pass
    assert run("jobs", "results", asked.id, "--kind", "query").out == '"LastName"\n"007"\n"1E5"\n'
    assert run("jobs", "results", asked.id, "--kind", "query", "--out", "results").code == 0
    assert "--json goes with --out" in run("jobs", "results", asked.id, "--kind", "query", "--json").err
    assert Path("results/records.csv").read_text("utf-8") == '"LastName"\n"007"\n"1E5"\n'


def test_records_that_could_not_be_collected_leave_no_file_that_looks_whole(run: Run, job: str) -> None:
    assert run("jobs", "results", job, "--kind", "query", "--out", "results").code == 2
    assert list(Path("results").iterdir()) == []


@pytest.mark.usefixtures("ctrl_c")
def test_a_job_is_aborted_and_deleted(run: Run, contacts: Path) -> None:
    ran = run("upsert", contacts, *UPSERT, "--json")
    (job,) = ran.json["running_job_ids"]
    aborted = run("jobs", "abort", job)
    assert ("Aborted" in aborted.out, aborted.err) == (True, "")
    deleted = run("jobs", "delete", job, "--json")
    assert (deleted.json, deleted.err) == ({"ok": True, "id": job}, f"job {job} is deleted\n")
    gone = run("jobs", "show", job)
    assert (gone.code, "is it a job of another kind? --kind query" in gone.err) == (2, True)


def test_a_job_that_had_ended_is_not_said_to_be_stopped(run: Run, job: str) -> None:
    ran = run("jobs", "abort", job)
    assert (ran.code, ran.err) == (0, f"nothing was stopped: job {job} had ended before, as JobComplete\n")


def test_what_can_be_no_id_is_refused(run: Run) -> None:
    for command in ("show", "abort", "delete"):
        assert run("jobs", command, "../limits").code == 2
    assert "No such command 'sho'" in run("jobs", "sho").err


def test_limits_are_told_those_of_loads_first(run: Run) -> None:
    few, all_of_them = run("limits"), run("limits", "--all")
    assert few.out.splitlines()[1].split()[0] == "DailyApiRequests"
    assert len(all_of_them.out.splitlines()) > len(few.out.splitlines())
    assert all_of_them.out.startswith(few.out.splitlines()[0].split()[0])
    assert run("limits", "--json").json["DailyApiRequests"]["Max"] > 0


def test_an_object_is_described_and_so_are_all(run: Run) -> None:
    told = run("describe", "contact").out
    assert any(line.split()[:3] == ["LastName", "string(80)", "required"] for line in told.splitlines())
    assert any(line.startswith("ExternalId__c") and "external id" in line for line in told.splitlines())
    assert {"name", "type", "picklist_values"} <= set(run("describe", "Contact", "--json").json[0])
    assert any(line.startswith("Contact ") for line in run("describe").out.splitlines())
    assert "Contact" in [one["name"] for one in run("describe", "--json").json]
    assert "did you mean 'Contact'?" in run("describe", "Contakt").err
    assert "'Nope' that this user may see; `sfframe describe` lists the objects" in run("describe", "Nope").err


def test_runs_are_listed(run: Run, contacts: Path) -> None:
    run("upsert", contacts, *UPSERT, "--journal", "journals")
    assert "finished" in run("journals", "journals").out
    (found,) = run("journals", "journals", "--json").json
    assert (found["state"], found["operation"], found["rows"]) == ("finished", "upsert", 3)
    assert run("journals", "nowhere").code == 2
