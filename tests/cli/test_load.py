"""`sfframe insert` and its siblings: rows in, every row back, and what is said where."""

from __future__ import annotations

import re
import shlex
import stat
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import sfframe
from sfframe.cli.load import VERBS
from sfframe.testing import Fault

from .conftest import UPSERT, Run


def ids(out: Path) -> pl.DataFrame:
    return pl.read_parquet(out / "successful.parquet").select(Id="sf__Id")


def test_every_row_comes_back_in_one_of_three_files_as_it_was(run: Run, contacts: Path, tmp_path: Path) -> None:
    ran = run("upsert", contacts, *UPSERT, "--out", tmp_path / "out")
    assert (ran.code, ran.out) == (1, "")
    good, bad, rest = (pl.read_parquet(tmp_path / "out" / f"{name}.parquet")
                       for name in ("successful", "failed", "unprocessed"))  # fmt: skip
    assert good.drop("sf__Id", "sf__Created").rows() == [
        ("C-1", "007", "ada@example.com", "two\nlines"),
        ("C-3", "1E5", None, None),
    ]
    assert good["sf__Created"].to_list() == [True, True]
    assert bad.select("ExternalId__c", "LastName").rows() == [("C-2", "NA")]
    assert bad["sf__Error"][0].startswith("INVALID_EMAIL_ADDRESS:")
    assert (rest.height, rest.columns) == (0, ["ExternalId__c", "LastName", "Email", "Description"])


def test_a_failure_says_how_many_why_where_and_what_next(run: Run, contacts: Path) -> None:
    told = run("upsert", contacts, *UPSERT, "--out", "out", "--separator", ",").err
    assert told.startswith("NOT OK  upsert Contact on 127.0.0.1:")
    assert "1 FAILED, 2 successful of 3 rows" in told
    assert "1 × INVALID_EMAIL_ADDRESS [Email], first in line 4\n" in told
    assert "failed rows, each with its reason in sf__Error: out/failed.parquet" in told
    assert "sfframe upsert out/failed.parquet Contact --external-id ExternalId__c --poll-interval 0.01\n" in told


def test_the_line_that_it_advises_sends_the_mended_rows(
    run: Run, local: sfframe.LocalOrg, contacts: Path, tmp_path: Path
) -> None:
    told = run("upsert", contacts, *UPSERT, "--columns", "Description=", "--nulls", "LastName=clear").err
    line = next(line for line in told.splitlines() if line.startswith("    sfframe upsert"))
    _, *words = shlex.split(line)
    failed = Path(words[1])
    assert failed.name == "failed.csv"  # what came as CSV can be mended as CSV
    failed.write_text(failed.read_text("utf-8").replace("n/a", "mended@example.com"), "utf-8")
    assert words[2:8] == ["Contact", "--external-id", "ExternalId__c", "--columns", "Description=", "--nulls"]
    assert run(*words).code == 0
    assert "mended@example.com" in local.rows("Contact").column("Email").to_pylist()
    assert set(local.rows("Contact").column("Description").to_pylist()) == {None}


def test_rows_that_failed_are_kept_though_nobody_said_where(run: Run, contacts: Path, tmp_path: Path) -> None:
    contacts.write_text(contacts.read_text("utf-8").replace("n/a", "a@example.com"), "utf-8")
    assert run("upsert", contacts, *UPSERT).code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["contacts.csv"]  # all is well: nothing is left
    contacts.write_text(contacts.read_text("utf-8").replace("a@example.com", "n/a"), "utf-8")
    assert run("upsert", contacts, *UPSERT).code == 1
    (folder,) = [path for path in tmp_path.iterdir() if path.is_dir()]
    assert re.fullmatch(r"sfframe-Contact-upsert-\d{8}-\d{6}", folder.name)
    assert sorted(path.name for path in folder.iterdir()) == ["failed.csv", "successful.csv", "unprocessed.csv"]
    assert "\nC-3,1E5,,,003" in (folder / "successful.csv").read_text("utf-8")


def test_calls_that_end_in_the_same_second_keep_their_failed_rows_apart(
    run: Run, contacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sfframe.cli.load._unasked", lambda *_: tmp_path / "kept")
    told = [run("upsert", contacts, *UPSERT).err for _ in range(2)]
    assert [(tmp_path / name / "failed.csv").is_file() for name in ("kept", "kept-2")] == [True, True]
    assert ["kept/failed.csv" in told[0], "kept-2/failed.csv" in told[1]] == [True, True]


def test_every_verb_does_what_its_name_says(run: Run, local: sfframe.LocalOrg, tmp_path: Path) -> None:
    pl.DataFrame({"LastName": ["Ng", "Lovelace"], "Title": ["x", "y"]}).write_csv("contacts.csv")
    assert run("insert", "contacts.csv", "Contact", "--out", "out").code == 0
    ids(tmp_path / "out").with_columns(Title=pl.lit("z")).write_csv("ids.csv")
    assert run("update", "ids.csv", "Contact").code == 0
    assert local.rows("Contact").column("Title").to_pylist() == ["z", "z"]
    assert run("delete", "ids.csv", "Contact").code == 0
    assert local.rows("Contact").column("IsDeleted").to_pylist() == [True, True]
    assert run("insert", "contacts.csv", "Contact", "--out", "out").code == 0
    ids(tmp_path / "out").write_csv("ids.csv")
    assert run("hard-delete", "ids.csv", "Contact").code == 0
    assert local.rows("Contact").num_rows == 2


def test_a_machine_gets_one_document_and_the_words_stay_on_stderr(run: Run, contacts: Path, tmp_path: Path) -> None:
    ran = run("upsert", contacts, *UPSERT, "--out", "out", "--json", "--journal", "journals")
    facts = ran.json
    assert facts["exit_code"] == ran.code == 1
    assert facts["counts"] == {"successful": 2, "failed": 1, "unprocessed": 0}
    assert (facts["ok"], facts["rows"]) == (False, 3)
    error = facts["errors"][0]
    assert {name: error[name] for name in ("code", "fields", "count", "row")} == {
        "code": "INVALID_EMAIL_ADDRESS", "fields": "Email", "count": 1, "row": 1,
    }  # fmt: skip
    assert error["cause"].startswith("Email takes one e-mail address")
    assert facts["jobs"][0]["state"] == "JobComplete"
    assert facts["files"]["failed"] == "out/failed.parquet"
    assert Path(facts["run"]).parent == tmp_path / "journals"
    assert "NOT OK" in ran.err


def test_a_note_on_rows_that_were_all_successful_is_told_and_is_no_failure(run: Run, local: sfframe.LocalOrg) -> None:
    local.faults.append(Fault("job", "fail", after_rows=0, error="InvalidBatch : LineEnding is invalid on user data"))
    Path("one.csv").write_text("ExternalId__c,LastName\nC-1,Lovelace\n", "utf-8")
    ran = run("upsert", "one.csv", *UPSERT, "--json")
    assert ran.err.startswith("OK, WITH NOTES  upsert Contact on 127.0.0.1:")
    assert "LineEnding is invalid" in ran.err
    facts = ran.json
    assert (ran.code, facts["ok"]) == (0, True)
    assert any("LineEnding is invalid" in note for note in facts["notes"])


def test_each_option_of_a_call_is_an_option_of_the_commands() -> None:
    named = {param.name for param in VERBS[0].params}
    assert set(sfframe.Options.__dataclass_fields__) - named == {"on_failure"}  # rows that failed are exit code 1


def test_columns_are_mapped_left_out_or_chosen(run: Run, local: sfframe.LocalOrg) -> None:
    pl.DataFrame({"surname": ["Ng"], "Last, first": ["Ng, A."], "junk": ["x"]}).write_csv("people.csv")
    assert run("insert", "people.csv", "Contact", "--columns", "surname=LastName,junk=,Last, first=Title").code == 0
    assert local.rows("Contact").select(["LastName", "Title"]).to_pylist() == [{"LastName": "Ng", "Title": "Ng, A."}]
    pl.DataFrame({"LastName": ["Hopper"], "junk": ["x"]}).write_csv("people.csv")
    assert run("insert", "people.csv", "Contact", "--columns", "LastName").code == 0
    ran = run("insert", "people.csv", "Contact", "--columns", "junk=Title", "--columns", "LastName")
    assert (ran.code, "'LastName' has no field" in ran.err) == (2, True)


def test_empty_cells_leave_fields_as_they_are_unless_told_to_clear(
    run: Run, local: sfframe.LocalOrg, tmp_path: Path
) -> None:
    def titles() -> list[dict[str, object]]:
        return local.rows("Contact").select(["Title", "Email"]).to_pylist()

    file = tmp_path / "c.csv"
    file.write_text("ExternalId__c,LastName,Title,Email\nC-1,Ng,Dr,ng@example.com\n", "utf-8")
    assert run("upsert", file, *UPSERT).code == 0
    file.write_text('ExternalId__c,Title,Email\nC-1,"",\n', "utf-8")
    assert run("upsert", file, *UPSERT).code == 0
    assert titles() == [{"Title": "Dr", "Email": "ng@example.com"}]
    assert run("upsert", file, *UPSERT, "--nulls", "Title=clear").code == 0
    assert titles() == [{"Title": None, "Email": "ng@example.com"}]
    assert run("upsert", file, *UPSERT, "--nulls", "clear").code == 0
    assert titles() == [{"Title": None, "Email": None}]
    assert "neither ignore nor clear" in run("upsert", file, *UPSERT, "--nulls", "wipe").err


def test_problems_are_told_by_the_lines_of_the_file_and_nothing_is_sent(
    run: Run, local: sfframe.LocalOrg, tmp_path: Path
) -> None:
    file = tmp_path / "c.csv"
    file.write_text('ExternalId__c,LastNam,Level__c\nC-1,"two\nlines",Gold\nC-2,x,Platinum\nC-2,y,Gold\n', "utf-8")
    ran = run("upsert", file, *UPSERT, "--json")
    assert ran.code == 2
    assert "nothing was sent: 3 problems" in ran.err
    assert "Did you mean 'LastName'" in ran.err
    assert re.search(r"'Level__c'.* in 1 row, first in line 4", ran.err)
    assert "--columns LastNam=Field" in ran.err
    assert "--on-duplicate-key send" in ran.err
    assert ran.json["error"]["type"] == "PayloadError"
    assert {problem["place"] for problem in ran.json["error"]["problems"]} == {None, "line 4"}
    assert local.count("create") == 0


def test_options_that_name_no_column_are_told_by_their_names_and_the_columns_of_the_file(
    run: Run, contacts: Path
) -> None:
    line = ("upsert", contacts, *UPSERT, "--columns", "Nam=LastName", "--nulls", "Emai=clear", "--group-by", "LastNam")
    told = run(*line).err
    columns = "The file has 'ExternalId__c', 'LastName', 'Email' and 'Description'."
    assert f"'Nam': --columns names it, but the file has no such column. {columns} Correct --columns." in told
    assert f"has no such column. Did you mean 'Email'? {columns} Correct --nulls." in told
    assert f"has no such column. Did you mean 'LastName'? {columns} Correct --group-by." in told


def test_a_column_that_is_like_no_field_is_told_with_where_the_fields_are(run: Run) -> None:
    Path("c.csv").write_text("LastName,Zzq\nNg,1\n", "utf-8")
    assert "has no field 'Zzq' that you may see. `sfframe describe Contact` lists the fields. Rename" in run(
        "insert", "c.csv", "Contact").err  # fmt: skip


@pytest.mark.parametrize(
    ("suffix", "place"), [("parquet", "row 1"), ("arrow", "row 1"), ("ndjson", "line 3"), ("csv", "line 3")]
)
def test_rows_are_told_by_lines_where_a_file_has_lines_and_else_as_results_count_them(
    run: Run, suffix: str, place: str
) -> None:
    people = pl.DataFrame({"LastName": ["Ng", "Hopper"], "Birthdate": ["2000-01-01", "yesterday"]})
    people.write_parquet("c.parquet")
    people.write_ipc("c.arrow")
    people.write_csv("c.csv")
    Path("c.ndjson").write_text(people.write_ndjson().replace("\n", "\n\n", 1), "utf-8")  # an empty line is no row
    ran = run("insert", f"c.{suffix}", "Contact", "--json")
    assert f"in 1 row, first in {place}. " in ran.err
    (problem,) = ran.json["error"]["problems"]
    assert (problem["row"], problem["place"]) == (1, place)


def test_each_kind_of_call_that_cannot_be_is_2_and_says_what_to_do(run: Run, contacts: Path, tmp_path: Path) -> None:
    (tmp_path / "contacts.json").write_bytes(b"[]")
    (tmp_path / "contacts.parquet").write_bytes(b"no parquet")
    (tmp_path / "afile").write_text("x")
    for words, told in (
        (["upsert", "contact.csv", *UPSERT], "did you mean 'contacts.csv'?"),
        (["upsert", tmp_path, *UPSERT], "is a folder: name a file in it"),
        (["upsert", "contacts.json", *UPSERT], "say what it is by --format csv|parquet|arrow|ndjson"),
        (["upsert", "contacts.parquet", *UPSERT], "can't be read as parquet"),
        (["upsert", contacts, "Contact"], "Missing option '--external-id'"),
        (["upsert", contacts, "Contakt", "--external-id", "ExternalId__c"], "did you mean"),
        (["upsert", contacts, *UPSERT, "--separator", "::"], "is no separator"),
        (["upsert", contacts, *UPSERT, "--naive-datetimes", "Mars"], "is no time zone name"),
        (["upsert", contacts, *UPSERT, "--max-records", "0"], "0 is not in the range"),
        (["upsert", contacts, *UPSERT, "--out", tmp_path / "afile" / "x"], "nothing was sent"),
        (["upsert", contacts, *UPSERT, "--colums", "a=b"], "--columns"),
        (["upser", contacts, *UPSERT], "No such command 'upser'"),
    ):  # fmt: skip
        ran = run(*words)
        assert (ran.code, ran.out) == (2, ""), words
        assert told in ran.err, ran.err


def test_a_call_that_failed_tells_a_machine_so_too(run: Run) -> None:
    ran = run("insert", "nowhere.csv", "Contact", "--json")
    assert ran.json == {
        "ok": False, "exit_code": 2,
        "error": {"type": "UsageError", "message": ran.json["error"]["message"]},
    }  # fmt: skip
    assert "there is no file 'nowhere.csv'" in ran.json["error"]["message"]
    assert run("insert", "--json").json["error"]["type"] == "UsageError"


def test_rows_that_cannot_be_sent_can_be_reported(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "c.csv"
    file.write_text("LastName,Birthdate\nNg,2000-01-01\nHopper,yesterday\n", "utf-8")
    assert run("insert", file, "Contact").code == 2
    assert run("insert", file, "Contact", "--invalid", "report", "--out", "out").code == 1
    assert pl.read_parquet("out/failed.parquet")["sf__Error"][0].startswith("NOT_SENT:")


def test_a_plan_tells_what_would_be_done_and_sends_nothing(run: Run, contacts: Path, local: sfframe.LocalOrg) -> None:
    ran = run("upsert", contacts, *UPSERT, "--plan")
    assert ran.code == 0
    assert ran.out.startswith("READY  upsert Contact by ExternalId__c on 127.0.0.1:")
    assert "3 to be sent" in ran.out
    assert "the same line without --plan sends it" in ran.err
    assert ".run()" not in ran.out + ran.err
    facts = run("upsert", contacts, *UPSERT, "--plan", "--json").json
    assert (facts["ok"], facts["rows"], facts["inserts"], facts["updates"], facts["jobs"]) == (True, 3, 3, 0, 1)
    assert f"about {facts['seconds']} s, at" in ran.out
    assert local.count("create") == 0


def test_a_plan_with_problems_is_2_and_tells_them_by_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("LastName,Birthdate\nNg,2000-01-01\nHopper,yesterday\n", "utf-8")
    ran = run("insert", "c.csv", "Contact", "--plan")
    assert (ran.code, ran.out) == (2, "")
    assert "first in line 3" in ran.err
    machine = run("insert", "c.csv", "Contact", "--plan", "--json")
    assert (machine.code, machine.json["problems"][0]["place"]) == (2, "line 3")
    (tmp_path / "typo.csv").write_text("LastNam\nNg\n", "utf-8")
    (typo,) = [
        one for one in run("insert", "typo.csv", "Contact", "--plan", "--json").json["problems"] if one["column"]
    ]
    assert "--columns LastNam=Field" in typo["remedy"]
    reported = run("insert", "c.csv", "Contact", "--plan", "--invalid", "report")
    assert (reported.code, "first in line 3" in reported.out) == (0, True)


def test_nothing_to_do_is_done(run: Run, local: sfframe.LocalOrg, tmp_path: Path) -> None:
    (tmp_path / "quiet.csv").write_text("ExternalId__c,LastName\n", "utf-8")
    assert run("upsert", "quiet.csv", *UPSERT, "--out", "out").code == 0
    assert pl.read_parquet("out/successful.parquet").columns == ["ExternalId__c", "LastName", "sf__Id", "sf__Created"]
    assert local.count("create") == 0


def test_a_full_disk_does_not_hide_what_became_of_the_rows(
    run: Run, contacts: Path, tmp_path: Path, local: sfframe.LocalOrg
) -> None:
    (tmp_path / "out" / "failed.parquet").mkdir(parents=True)  # so that no file of this name can be written
    ran = run("upsert", contacts, *UPSERT, "--out", "out")
    assert ran.code == 2
    assert "1 FAILED, 2 successful of 3 rows" in ran.err
    assert "the rows can't be written to out" in ran.err
    assert local.rows("Contact").num_rows == 2


def test_results_that_match_no_row_are_told_without_the_words_of_python(
    run: Run, contacts: Path, local: sfframe.LocalOrg
) -> None:
    local.faults.append(Fault("results", "truncate", looks_whole=True, times=None))
    ran = run("upsert", contacts, *UPSERT)
    assert ran.code == 2
    assert "Nothing was guessed: these rows count as unprocessed, though they may be in the org." in ran.err
    assert re.findall(r"\s\.[a-z_]+", ran.err) == []


def test_when_the_time_is_up_the_jobs_are_named_and_the_known_rows_written(
    run: Run, contacts: Path, local: sfframe.LocalOrg
) -> None:
    local.faults.append(Fault("job", "stuck", times=None))
    ran = run("upsert", contacts, *UPSERT, "--timeout", "4", "--out", "out", "--json", "--journal", "journals")
    assert ran.code == 2
    (job,) = ran.json["error"]["running_job_ids"]
    assert f"sfframe jobs show {job}" in ran.err
    assert f"Finish it, no row twice: sfframe resume {ran.json['error']['run']}" in ran.err
    assert ran.json["counts"] == {"successful": 0, "failed": 0, "unprocessed": 3}
    assert pl.read_parquet("out/running.parquet").height == 3
    assert pl.read_parquet("out/unprocessed.parquet").height == 0
    assert "org.ingest" not in ran.err


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_rows_that_may_be_in_the_org_are_not_among_those_to_send_again(
    run: Run, local: sfframe.LocalOrg, kind: str
) -> None:
    Path("many.csv").write_text("LastName\n" + "".join(f"N{i}\n" for i in range(7)), encoding="utf-8")
    local.faults.append(Fault("job", "stuck", nth=2, times=None))
    out = ("--out", "out", "--out-format", kind)
    ran = run(
        "insert", "many.csv", "Contact", "--timeout", "4", "--max-records", "3", "--max-concurrent-jobs", "1", *out
    )
    assert ran.code == 2
    read: Any = pl.read_csv if kind == "csv" else pl.read_parquet
    rows = {name: read(f"out/{name}.{kind}")["LastName"].to_list() for name in ("successful", "running", "unprocessed")}
    assert rows == {"successful": ["N0", "N1", "N2"], "running": ["N3", "N4", "N5"], "unprocessed": ["N6"]}
    assert f"don't send these again before you know: out/running.{kind}" in ran.err
    assert f"rows that the org didn't come to: out/unprocessed.{kind}" in ran.err
    assert re.search(rf"send them again:\n.* sfframe insert \S*out/unprocessed.{kind} ", ran.err)
    local.release_jobs()
    local.faults.clear()
    assert run("insert", f"out/unprocessed.{kind}", "Contact", *out).code == 0
    assert not Path(f"out/running.{kind}").exists()
    while len(found := local.rows("Contact")["LastName"].to_pylist()) < 7:
        pass  # the job that was stuck goes on
    assert sorted(map(str, found)) == [f"N{i}" for i in range(7)]


def test_a_run_that_is_open_is_finished_and_none_of_its_rows_offered_to_be_sent(
    run: Run, local: sfframe.LocalOrg
) -> None:
    Path("many.csv").write_text("LastName\n" + "".join(f"N{i}\n" for i in range(7)), encoding="utf-8")
    local.faults.append(Fault("job", "stuck", nth=2, times=None))
    options = ("--max-records", "3", "--max-concurrent-jobs", "1", "--out", "out", "--journal", "journals")
    ran = run("insert", "many.csv", "Contact", "--timeout", "4", *options, "--json")
    assert "send them again" not in ran.err
    resume = f"sfframe resume {ran.json['run']}"
    assert f"finish the run before any of these is sent; it sends the rows that weren't:\n    {resume}" in ran.err
    local.faults.clear()
    local.release_jobs()
    assert run("resume", ran.json["run"]).code == 0
    assert local.rows("Contact").num_rows == 7


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_is_130_names_the_jobs_and_how_to_go_on(run: Run, contacts: Path) -> None:
    ran = run("upsert", contacts, *UPSERT, "--journal", "journals", "--json")
    assert ran.code == 130
    assert ran.json["error"]["type"] == "Interrupted"
    assert re.search(r"may still run in the org: 750", ran.err)
    assert "sfframe resume" in ran.err


@pytest.mark.usefixtures("ctrl_c")
def test_the_same_line_goes_on_with_a_recorded_run(
    run: Run, contacts: Path, local: sfframe.LocalOrg, tmp_path: Path
) -> None:
    line = ("upsert", contacts, *UPSERT, "--journal", "journals")
    assert run(*line).code == 130
    while "InProgress" not in run("jobs", "list").out:
        pass  # a job that hasn't begun isn't stuck yet
    local.release_jobs()
    assert run(*line).code == 1
    assert local.count("create") == 1
    assert stat.S_IMODE((tmp_path / "journals").stat().st_mode) == 0o700


def test_a_bar_is_drawn_when_asked_for(run: Run, contacts: Path) -> None:
    assert "100%" in run("upsert", contacts, *UPSERT, "--progress").err
    assert "100%" not in run("upsert", contacts, *UPSERT).err


def test_messages_and_keys_are_for_people_and_not_for_logs(
    run: Run, contacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged = run("upsert", contacts, *UPSERT).err
    monkeypatch.setattr("sfframe.cli.words.a_person_looks_on", lambda: True)
    seen = run("upsert", contacts, *UPSERT).err
    for told in ("invalid email address: n/a", "cause: Email takes one e-mail address", "line 4: ExternalId__c 'C-2'"):
        assert told in seen
        assert told not in logged
