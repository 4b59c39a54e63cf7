"""Spark's writer without a cluster: what tasks and the driver do, called in this order and that."""

from __future__ import annotations

import logging
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

import sfframe
from sfframe.ingest import storage
from sfframe.testing import Fault

from .spark_cluster import ROOT, login_of

pytest.importorskip("pyspark")

from sfframe.frames.spark import SfframeDataSource, SfframeWriter
from sfframe.frames.spark_options import Login, reading_options, write_options
from sfframe.frames.spark_results import ResultsFolder

TYPES: dict[str, Any] = {"ExternalId__c": pa.string(), "LastName": pa.string(), "Visits__c": pa.int32()}
SCHEMA = pa.schema(TYPES)
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


@pytest.fixture(autouse=True)
def environment(local: sfframe.LocalOrg, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in login_of(local).items():
        monkeypatch.setenv(name, value)


def rows(*keys: int, name: str | None = "Lovelace") -> list[pa.RecordBatch]:
    columns: list[Any] = [[f"k{key}" for key in keys], [name] * len(keys), list(keys)]
    return [pa.record_batch(columns, schema=SCHEMA)]


def options(folder: Path, **more: Any) -> dict[str, str]:
    given = {"object": "Contact", "operation": "insert", "resultsPath": folder / "results", "pollInterval": 0, **more}
    return {name: str(value) for name, value in given.items() if value is not None}


def writer(folder: Path, **more: Any) -> SfframeWriter:
    return SfframeWriter.made(write_options(options(folder, **more)), SCHEMA)


def read(folder: Path, name: str) -> pl.DataFrame:
    return pl.read_parquet(folder / "results" / name / "part-*.parquet")


def state(folder: Path) -> Any:
    return read(folder, "summary")["state"].item()


def numbers(local: sfframe.LocalOrg) -> list[int]:
    return sorted(pl.DataFrame(local.rows("Contact"))["Visits__c"].cast(int)) if local.rows("Contact").num_rows else []


# --- tries ------------------------------------------------------------------------------------------------------------


def test_what_became_of_the_rows_is_in_folders_beside_a_summary(local: sfframe.LocalOrg, tmp_path: Path) -> None:
    one = writer(tmp_path)
    told = [one.write_partition(0, iter(rows(1, 2))), one.write_partition(1, iter(rows(3, name=None)))]
    told.append(one.write_partition(2, iter([])))
    one.commit(told)
    assert read(tmp_path, "successful_results").select("Visits__c", "sf__Created").rows() == [(1, True), (2, True)]
    assert read(tmp_path, "failed_results")["sf__Error"][0].startswith("REQUIRED_FIELD_MISSING")
    assert read(tmp_path, "unprocessed_records").is_empty()
    (summary,) = read(tmp_path, "summary").rows(named=True)
    assert (summary["state"], summary["rows"], summary["partitions"], summary["jobs"]) == ("committed", 4 - 1, 3, 2)
    assert read(tmp_path, "errors")["code"].to_list() == ["REQUIRED_FIELD_MISSING"]
    assert read(tmp_path, "jobs")["partition"].to_list() == [0, 1]
    assert not (tmp_path / "results" / "_runs").exists()
    first, *others = [pl.read_parquet(path) for path in (tmp_path / "results" / "failed_results").iterdir()]
    assert all(first.schema == other.schema for other in others)


@pytest.mark.parametrize("again", [(1, 2, 3), (3, 1, 2)], ids=["as-it-was", "in-another-order"])
def test_a_second_try_of_a_partition_sends_nothing_and_says_the_same(
    local: sfframe.LocalOrg, tmp_path: Path, again: Sequence[int]
) -> None:
    one = writer(tmp_path)
    first = one.write_partition(0, iter(rows(1, 2, 3)))
    second = pickle.loads(pickle.dumps(one)).write_partition(0, iter(rows(*again)))
    assert local.count("create") == 1
    assert first.finished is not None
    assert second.finished is not None
    assert first.finished.counts == second.finished.counts == {"successful": 3, "failed": 0, "unprocessed": 0}
    one.commit([second])
    assert read(tmp_path, "successful_results")["Visits__c"].to_list() == [1, 2, 3]


def test_a_second_try_with_other_rows_is_refused(local: sfframe.LocalOrg, tmp_path: Path) -> None:
    one = writer(tmp_path)
    one.write_partition(0, iter(rows(1, 2)))
    with pytest.raises(sfframe.JournalError, match="an earlier try of this partition has sent other rows"):
        one.write_partition(0, iter(rows(1, 3)))
    assert numbers(local) == [1, 2]


def test_a_try_after_one_whose_job_was_committed_collects(local: sfframe.LocalOrg, tmp_path: Path) -> None:
    local.faults.append(Fault("results", "status", status=403, error_code="INSUFFICIENT_ACCESS"))
    one = writer(tmp_path)
    with pytest.raises(sfframe.OutcomeUnknown):
        one.write_partition(0, iter(rows(1, 2)))
    told = one.write_partition(0, iter(rows(2, 1)))
    assert told.finished is not None
    assert told.finished.counts["successful"] == 2
    assert (local.count("create"), numbers(local)) == (1, [1, 2])


TRY = """
import pickle, sys
import pyarrow as pa
writer, batch = pickle.load(sys.stdin.buffer)
print(writer.write_partition(0, iter([batch])).finished.counts["successful"])
"""


def test_of_two_tries_at_once_one_sends_and_both_say_the_same(local: sfframe.LocalOrg, tmp_path: Path) -> None:
    given = pickle.dumps((writer(tmp_path), rows(*range(50))[0]))
    command = [sys.executable, "-c", TRY]
    tries = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    for one in tries:
        assert one.stdin is not None
        one.stdin.write(given)
        one.stdin.close()
        one.stdin = None
    ends = [one.communicate() for one in tries]
    assert [out.strip() for out, _ in ends] == [b"50"] * 3, ends
    assert (local.count("create"), numbers(local)) == (1, list(range(50)))


def test_a_partition_whose_rows_cannot_be_sent_is_told_when_the_others_are(
    local: sfframe.LocalOrg, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    one = writer(tmp_path, operation="upsert", externalIdField="ExternalId__c", journalPath=journal)
    told = [one.write_partition(0, iter(rows(1))), one.write_partition(1, iter(rows(2, 2)))]
    with pytest.raises(sfframe.PayloadError, match=r"1 of 2 partitions, of 2 rows, weren't sent.*\n.*several rows"):
        one.commit(told)
    one.abort(told)  # as Spark does then
    assert (state(tmp_path), numbers(local)) == ("incomplete", [1])
    mended = writer(tmp_path, operation="upsert", externalIdField="ExternalId__c", journalPath=journal)
    mended.commit([mended.write_partition(0, iter(rows(1))), mended.write_partition(1, iter(rows(2, 3)))])
    assert (state(tmp_path), numbers(local), local.count("create")) == ("committed", [1, 2, 3], 2)


# --- commit and abort -------------------------------------------------------------------------------------------------


def test_a_commit_raises_or_warns_of_failed_rows_as_it_was_told(
    local: sfframe.LocalOrg, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    loud = writer(tmp_path / "a", onFailure="raise")
    told = [loud.write_partition(0, iter(rows(1, name=None)))]
    with pytest.raises(sfframe.RecordsFailed, match="failed_results has these rows"):
        loud.commit(told)
    loud.abort(told)  # as Spark does then
    assert state(tmp_path / "a") == "committed"
    caplog.clear()
    warning = writer(tmp_path / "b")
    warning.commit([warning.write_partition(0, iter(rows(1, name=None)))])
    assert [record.levelno for record in caplog.records if record.name == "sfframe.spark"] == [logging.WARNING]
    assert "Lovelace" not in caplog.text


def test_an_abort_says_how_far_it_came_and_the_same_save_finishes(
    local: sfframe.LocalOrg, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    local.faults.append(Fault("results", "status", status=403, error_code="INSUFFICIENT_ACCESS", nth=4))
    one = writer(tmp_path)
    told = [one.write_partition(0, iter(rows(1, 2))), None, None]
    with pytest.raises(sfframe.OutcomeUnknown):
        one.write_partition(1, iter(rows(3)))
    one.abort(told)
    partitions = read(tmp_path, "partitions")
    assert partitions["state"].to_list() == ["ended", "open", "not begun"]
    assert len(partitions["jobs_under_way"][1]) == 1
    assert state(tmp_path) == "aborted"
    assert "1 of 3 partitions had ended (2 rows successful), 1 were begun and aren't finished" in caplog.text

    again = writer(tmp_path)
    assert again.earlier == {0, 1}
    ends = [again.write_partition(at, iter(rows(*keys))) for at, keys in enumerate([(2, 1), (3,), (4, 5)])]
    assert (ends[2].finished, local.count("create")) == (None, 2)  # sent when it is known that it is the same frame
    again.commit(ends)
    assert (state(tmp_path), numbers(local), local.count("create")) == ("committed", [1, 2, 3, 4, 5], 3)
    assert sorted(read(tmp_path, "successful_results")["Visits__c"]) == [1, 2, 3, 4, 5]


def test_an_abort_tells_of_what_tasks_send_while_they_come_to_an_end(local: sfframe.LocalOrg, tmp_path: Path) -> None:
    one = writer(tmp_path)
    is_sending, is_stopped = threading.Event(), threading.Event()

    def held(_: object) -> bool:
        is_sending.set()
        while not one.spread.is_stopped:
            is_stopped.wait(0.001)
        return False

    local.faults.append(Fault("put", "status", match=held))
    with ThreadPoolExecutor(1) as tasks:
        task = tasks.submit(one.write_partition, 0, iter(rows(1)))
        assert is_sending.wait(30)
        one.abort([None])
        task.exception()
    told = read(tmp_path, "partitions").row(0, named=True)
    assert bool(told["jobs"]) == bool(numbers(local)) == (told["state"] != "begun")


def test_an_abort_knows_of_a_partition_whose_task_ended_and_was_not_heard(
    local: sfframe.LocalOrg, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one = writer(tmp_path)
    one.write_partition(0, iter(rows(1)))
    one.abort([one.write_partition(1, iter(rows(2, 3))), None][::-1])
    told = read(tmp_path, "partitions")
    assert told["state"].to_list() == ["ended", "ended"]
    assert told["successful"].to_list() == [None, 2]
    assert "2 of 2 partitions had ended (2 rows successful, as far as their tasks said so)" in caplog.text


def test_a_summary_claims_nothing_of_rows_that_it_knows_nothing_of(local: sfframe.LocalOrg, tmp_path: Path) -> None:
    one = writer(tmp_path, operation="upsert", externalIdField="ExternalId__c")
    told = [one.write_partition(0, iter(rows(1))), one.write_partition(1, iter(rows(2, 2)))]
    one.abort([*told, None])
    assert read(tmp_path, "summary").select("rows", "successful", "not_sent").row(0) == (None, 1, None)
    again = writer(tmp_path, operation="upsert", externalIdField="ExternalId__c")
    with pytest.raises(sfframe.PayloadError):
        again.commit([again.write_partition(0, iter(rows(1))), again.write_partition(1, iter(rows(2, 2)))])
    (summary,) = read(tmp_path, "summary").rows(named=True)
    assert (summary["state"], summary["rows"], summary["not_sent"]) == ("incomplete", 3, 2)
    assert summary["message"].startswith("1 of 2 partitions, of 2 rows, weren't sent")


def test_the_rest_is_not_sent_of_a_frame_that_has_other_partitions(local: sfframe.LocalOrg, tmp_path: Path) -> None:
    one = writer(tmp_path)
    one.abort([None, None, one.write_partition(2, iter(rows(3)))])
    again = writer(tmp_path)
    told = [again.write_partition(0, iter(rows(1, 2))), again.write_partition(1, iter(rows(3)))]
    with pytest.raises(sfframe.JournalError, match=r"has sent the partition 2.*this frame has 2 partitions"):
        again.commit(told)
    assert numbers(local) == [3]


def test_a_task_that_comes_late_finds_that_it_was_stopped(local: sfframe.LocalOrg, tmp_path: Path) -> None:
    one = writer(tmp_path)
    one.abort([None])
    with pytest.raises(sfframe.Interrupted):
        one.write_partition(0, iter(rows(1)))
    two = writer(tmp_path / "other")
    two.commit([two.write_partition(0, iter(rows(2)))])
    with pytest.raises(sfframe.JournalError):  # its folder is gone with the call
        two.write_partition(0, iter(rows(2)))
    assert numbers(local) == [2]


def test_a_driver_that_another_save_has_replaced_says_so_and_changes_nothing(
    local: sfframe.LocalOrg, tmp_path: Path
) -> None:
    one = writer(tmp_path)
    told = [one.write_partition(0, iter(rows(1)))]  # freezes here, say
    two = writer(tmp_path)
    with pytest.raises(sfframe.JournalError, match=r"another save\(\) goes on with the call"):
        one.commit(told)
    one.abort(told)
    assert not (tmp_path / "results" / "summary").exists()
    two.commit([two.write_partition(0, iter(rows(1)))])
    assert (state(tmp_path), numbers(local), local.count("create")) == ("committed", [1], 1)


def test_results_of_another_save_are_not_written_over(local: sfframe.LocalOrg, tmp_path: Path) -> None:
    one = writer(tmp_path)
    one.commit([one.write_partition(0, iter(rows(1)))])
    with pytest.raises(FileExistsError, match=r"has results of an earlier save\(\)"):
        writer(tmp_path)
    (tmp_path / "b" / "results").mkdir(parents=True)
    (tmp_path / "b" / "results" / "mine.txt").touch()
    with pytest.raises(FileExistsError, match=r"has something in it \('mine.txt'"):
        writer(tmp_path / "b")
    assert [*(tmp_path / "b" / "results" / "_runs").glob("*-insert-*")] == []


def test_results_go_to_the_driver_s_folder_wherever_a_task_is_at_work(
    local: sfframe.LocalOrg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "worker").mkdir()
    monkeypatch.chdir(tmp_path)
    one = writer(tmp_path, resultsPath="results")
    monkeypatch.chdir(tmp_path / "worker")
    one.commit([one.write_partition(0, iter(rows(1)))])
    assert read(tmp_path, "successful_results")["Visits__c"].to_list() == [1]
    assert [*Path().iterdir()] == []


@pytest.mark.parametrize("call", [None, '{"call": "another"}'], ids=["a-disk-of-its-own", "another-save"])
def test_a_task_that_does_not_find_the_results_of_its_save_sends_nothing(
    local: sfframe.LocalOrg, tmp_path: Path, call: str | None
) -> None:
    one = writer(tmp_path, journalPath=tmp_path / "runs")
    known = tmp_path / "results" / "_call.json"
    known.write_text(call) if call is not None else known.unlink()
    with pytest.raises(sfframe.JournalError, match=r"doesn't find this save\(\) in resultsPath=.*so nothing was sent"):
        one.write_partition(0, iter(rows(1)))
    one.abort([None])
    assert not local.count("create")
    assert not (tmp_path / "results" / "summary").exists()


def test_a_check_sends_nothing_and_finds_keys_that_stand_in_several_partitions(
    local: sfframe.LocalOrg, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def check(*partitions: tuple[int, ...]) -> None:
        one = writer(tmp_path, operation="upsert", externalIdField="ExternalId__c", checkOnly=True)
        told = [one.write_partition(at, iter(rows(*keys))) for at, keys in enumerate(partitions)]
        try:
            one.commit(told)
        except sfframe.PayloadError:
            one.abort(told)  # as Spark does then
            raise

    check((1, 2), (3,))
    with pytest.raises(sfframe.PayloadError, match="1 key that stands in several rows in 2 rows, first in row 0"):
        check((1, 2), (3, 1))
    assert "committed" not in caplog.text
    assert (local.count("create"), [*(tmp_path / "results").glob("[!_]*")]) == (0, [])


# --- what is said -----------------------------------------------------------------------------------------------------


def test_all_that_is_wrong_with_options_is_told_at_once() -> None:
    with pytest.raises(ValueError, match="7 options can't be") as caught:
        write_options(
            {"objekt": "x", "clientsecret": "s3cret", "maxrecords": "many", "path": "/x", "externalidfield": "Key__c",
             "operation": "upsert", "silentseconds": "0"}
        )  # fmt: skip
    text = str(caught.value)
    for word in (
        "there is no option 'objekt'; did you mean 'object'?", "clientsecret=: a login is no option",
        "maxRecords='many': a whole number is needed", "call save() without a path", "resultsPath=", "sobject=",
        "silentSeconds='0': a number of seconds above 0 is needed",
    ):  # fmt: skip
        assert word in text
    assert "s3cret" not in text


def test_options_are_those_of_every_call_in_camel_case(tmp_path: Path) -> None:
    said = write_options(
        options(tmp_path, columns='{"a": "LastName", "b": null}', nulls='{"a": "clear"}', retryRows="UNKNOWN_EXCEPTION",
                groupBy="a, b", describe=False, onDuplicateKey="send", timeout="1.5", invalid="report")
    )  # fmt: skip
    known = said.request.options
    assert known.columns == {"a": "LastName", "b": None}
    assert (known.nulls, known.group_by, known.describe) == ({"a": "clear"}, ("a", "b"), False)
    assert (known.retry_rows, known.timeout, known.invalid) == ({"UNKNOWN_EXCEPTION": 2}, 1.5, "report")
    assert write_options(options(tmp_path, columns="a, b")).request.options.columns == ("a", "b")


def test_runs_are_beside_the_results_unless_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="journalPath=: a folder or store that driver and workers reach is needed"):
        write_options(options(tmp_path, resultsPath=None, checkOnly=True))
    said = write_options(options(tmp_path, resultsPath=(tmp_path / "a b").as_uri()))
    assert (said.journal, said.is_own_journal) == (tmp_path / "a b" / "_runs", True)
    said = write_options(options(tmp_path, resultsPath="s3://bucket/run1/"))
    assert (said.journal, said.is_own_journal) == ("s3://bucket/run1/_runs", True)
    said = write_options(options(tmp_path, journalPath="abfs://bucket/runs"))
    assert (said.journal, said.is_own_journal) == ("abfs://bucket/runs", False)


@pytest.mark.parametrize("option", ["resultsPath", "journalPath"])
@pytest.mark.parametrize(
    "address", ["s3://AKIA:hush@bucket/x", "s3a://AKIA:hu/sh@bucket/x", "s3://b/x?secret_key=hush"]
)
def test_a_login_in_the_address_of_a_store_is_refused_and_not_told(tmp_path: Path, option: str, address: str) -> None:
    with pytest.raises(ValueError, match=f"{option}=: a login in an address is seen by many") as caught:
        write_options(options(tmp_path, **{option: address}))
    assert "hu" not in str(caught.value)
    assert "AKIA" not in str(caught.value)
    for fine in ("abfs://container@account.dfs.core.windows.net/x", "s3://arn:aws:s3:eu-west-1:1:accesspoint/a/b"):
        assert write_options(options(tmp_path, **{option: fine})).results is not None


def test_a_store_for_runs_that_isnt_known_is_refused(local: sfframe.LocalOrg, tmp_path: Path) -> None:
    with pytest.raises(sfframe.JournalError, match=r"whether memory:// makes an object once isn't known.*trustStorage"):
        writer(tmp_path, resultsPath=f"memory://{tmp_path.name}")
    assert not local.count("create")


def test_only_appending_is_meant(tmp_path: Path) -> None:
    from pyspark.sql.types import StructType

    with pytest.raises(ValueError, match=r"say mode\('append'\)"):
        SfframeDataSource(options(tmp_path)).writer(StructType(), overwrite=True)


def test_columns_that_cannot_be_sent_are_told_before_any_task(local: sfframe.LocalOrg, tmp_path: Path) -> None:
    schema = pa.schema([("Nme", pa.string()), ("Emial", pa.string())])
    with pytest.raises(sfframe.SchemaError, match=r"3 problems.*\n.*'Nme'.*\n.*'Emial'.*\n.*LastName"):
        SfframeWriter.made(write_options(options(tmp_path)), schema)
    assert not (tmp_path / "results" / "_call.json").exists()


def test_no_secret_travels_to_the_tasks(local: sfframe.LocalOrg, tmp_path: Path) -> None:
    one = writer(tmp_path)
    one.write_partition(0, iter(rows(1)))
    assert local.client_secret.encode() not in pickle.dumps(one)
    assert local.client_secret not in repr(one)


def test_a_login_is_read_from_a_file_that_nobody_else_can_read(
    local: sfframe.LocalOrg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in login_of(local):
        monkeypatch.delenv(name)
    path = tmp_path / "secrets"
    path.write_text("# of the nightly job\n" + "".join(f"export {k}='{v}'\n" for k, v in login_of(local).items()))
    path.chmod(0o644)
    with pytest.raises(sfframe.NoOrgError, match=r"has the mode 0644.*chmod 600"):
        Login(secrets_file=path)()
    path.chmod(0o600)
    one = writer(tmp_path, secretsFile=path)
    one.commit([one.write_partition(0, iter(rows(1)))])
    assert numbers(local) == [1]
    path.write_text("PASSWORD=x")
    with pytest.raises(sfframe.NoOrgError, match=r"line 1 of secretsFile=.* is no SFFRAME_NAME=value") as caught:
        Login(secrets_file=path)()
    assert "x'" not in str(caught.value)


def test_reads_want_a_statement_or_an_object() -> None:
    with pytest.raises(ValueError, match="soql= or object=: one of the two is needed"):
        reading_options({"decimals": "true"})
    said = reading_options({"object": "Contact", "columns": "Id, LastName", "allrows": "true"})
    assert (said.sobject, said.columns, said.options) == ("Contact", ("Id", "LastName"), {"all_rows": True})


# --- storage ----------------------------------------------------------------------------------------------------------


def test_results_go_to_whatever_storage_fsspec_knows(local: sfframe.LocalOrg, tmp_path: Path) -> None:
    fsspec: Any = pytest.importorskip("fsspec")
    address = f"memory://{tmp_path.name}/run1"
    one = writer(tmp_path, resultsPath=address, journalPath=tmp_path / "journal")
    one.commit([one.write_partition(0, iter(rows(1, 2)))])
    with fsspec.open(f"{address}/successful_results/part-00000.parquet") as file:
        assert pl.read_parquet(file)["Visits__c"].to_list() == [1, 2]
    with pytest.raises(FileExistsError):
        ResultsFolder(address).claim(str(tmp_path), goes_on=False)


def test_such_a_storage_is_refused_unless_told_otherwise(
    local: sfframe.LocalOrg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path.with_name("mountinfo")
    mounts.write_text(f"1 1 0:1 / {tmp_path} rw - fuse.s3fs s3fs rw\n")
    monkeypatch.setattr(storage, "_MOUNTS", mounts)
    with pytest.raises(sfframe.JournalError, match=r"locks on fuse\.s3fs hold.*option trustStorage"):
        writer(tmp_path)
    one = writer(tmp_path, trustStorage=True)
    one.commit([one.write_partition(0, iter(rows(1)))])
    assert numbers(local) == [1]


@pytest.fixture(autouse=True)
def no_org_kept() -> Iterator[None]:
    yield
    sfframe.set_default_org(None)
