"""Dask frames: what a cluster adds to the contract of all frames; `make test-engines` holds them to that too."""

from __future__ import annotations

import _thread
import datetime as dt
import decimal
import gc
import importlib
import os
import pickle
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dask
import dask.dataframe as dd
import pandas as pd
import pytest
from dask.delayed import delayed
from distributed import Client, LocalCluster
from pandas.testing import assert_frame_equal

import sfframe
import sfframe.frames.dask
from sfframe import LocalOrg, Org, partition
from sfframe.bridge import run
from sfframe.depot import FolderDepot
from sfframe.ingest import storage
from sfframe.partition import Spread
from sfframe.testing import Fault
from tests.conftest import column

from .conftest import spread_of

pytestmark = pytest.mark.filterwarnings("ignore::sfframe.RecordsFailedWarning")


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with (
        LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address=":0") as cluster,
        cluster.get_client() as client,
    ):
        client.run(importlib.import_module, "sfframe.frames.dask")  # which takes a while, and tests have timeouts
        yield client


@pytest.fixture(params=["distributed", "threads", "synchronous"])
def scheduler(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each of Dask's schedulers."""
    if request.param == "distributed":
        request.getfixturevalue("client")
    with dask.config.set({"dataframe.convert-string": False, "scheduler": request.param}):
        yield request.param


def contacts(n: int, npartitions: int, **more: Any) -> dd.DataFrame:
    data = {"ExternalId__c": [f"C-{i}" for i in range(n)], "LastName": [f"Name {i}" for i in range(n)], **more}
    found: dd.DataFrame = dd.from_pandas(pd.DataFrame(data), npartitions=npartitions)
    return found


def test_results_have_the_inputs_divisions_index_and_dtypes(org: Org, scheduler: str) -> None:
    n = 40
    index = pd.date_range("2026-01-01", periods=n, freq="D", tz="Europe/Berlin", name="day")
    frame = pd.DataFrame(
        {
            "LastName": pd.array([None if i % 9 == 8 else f"N{i}" for i in range(n)], dtype="string"),
            "Level__c": pd.Categorical(["Gold", "Silver"] * (n // 2), categories=["Silver", "Gold", "Bronze"]),
            "Visits__c": pd.array([None if i % 5 == 0 else i for i in range(n)], dtype="Int16"),
            "Score__c": pd.array([i / 4 for i in range(n)], dtype="float32"),
            "Birthdate": [dt.date(1990, 1, 1 + i % 28) for i in range(n)],
            "mine": [{"a": i} if i % 2 else None for i in range(n)],
            "price": [decimal.Decimal(i) for i in range(n)],
            "text": pd.array([str(i) for i in range(n)], dtype="string[pyarrow]"),
        },
        index=index,
    )
    options: dict[str, Any] = {"columns": {"mine": None, "price": None, "text": "Title"}, "on_failure": "return"}
    spread = dd.from_pandas(frame, npartitions=4)
    result = spread.sfbulk.insert("Contact", org=org, **options)
    whole = frame.sfbulk.insert("Contact", org=org, **options)
    assert result.counts == whole.counts
    for name in ("successful_results", "failed_results", "unprocessed_records"):
        found, expected = getattr(result, name), getattr(whole, name)
        assert isinstance(found, dd.DataFrame)
        assert found.divisions == spread.divisions
        here = found.compute()
        assert list(found.dtypes) == list(here.dtypes) == list(expected.dtypes)
        assert_frame_equal(_without_ids(here), _without_ids(expected), check_freq=False)
    assert result.rows_with("failed").tolist() == whole.rows_with("failed").tolist()


def test_all_rows_have_the_dtypes_of_the_same_frame_in_one_place(org: Org, scheduler: str) -> None:
    for names in (["a", "b", None, "d"], ["a", "b", "c", "d"]):  # of the first a partition has no failed row
        frame = pd.DataFrame({"LastName": pd.array(names, dtype="string")})
        found = dd.from_pandas(frame, npartitions=2).sfbulk.insert("Contact", org=org).to_frame()
        dtypes = list(frame.sfbulk.insert("Contact", org=org).to_frame().dtypes)
        assert list(found.dtypes) == dtypes
        assert [list(found.partitions[n].compute().dtypes) for n in (0, 1)] == [dtypes, dtypes]


def test_categories_that_dask_doesnt_know_are_those_of_the_partitions(org: Org, client: Client) -> None:
    frame = contacts(4, 2, Level__c=["Gold", "Silver"] * 2).astype({"Level__c": "category"})
    assert not frame["Level__c"].cat.known
    failed = frame.sfbulk.insert("Contact", org=org).failed_results
    assert failed.compute()["Level__c"].cat.categories.tolist() == ["Gold", "Silver"]


def _without_ids(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.drop(columns="sf__Id", errors="ignore")


def test_keys_that_stand_in_several_partitions_are_found_before_anything_is_sent(
    org: Org, local: LocalOrg, scheduler: str
) -> None:
    frame = contacts(30, 3)
    frame = dd.concat([frame, frame.partitions[1].assign(ExternalId__c=lambda part: part.ExternalId__c.str.lower())])
    with pytest.raises(sfframe.PayloadError, match="10 keys that stand in several rows in 20 rows, first in row 10"):
        frame.sfbulk.upsert("Contact", "ExternalId__c", org=org)
    assert not local.count("create")
    told = frame.sfbulk.check("Contact", "upsert", "ExternalId__c", org=org)
    assert told["code"].tolist() == ["DUPLICATE_KEY"]
    result = frame.sfbulk.upsert("Contact", "ExternalId__c", org=org, invalid="report")
    assert result.counts == {"successful": 20, "failed": 20, "unprocessed": 0}
    assert result.rows_with("failed").tolist() == [*range(10, 20), *range(30, 40)]
    assert set(column(result.failed_results, "sf__Error")) == {
        "NOT_SENT:DUPLICATE_KEY 10 keys that stand in several rows:ExternalId__c --"
    }


def test_payloads_are_without_the_rows_that_no_call_would_send(org: Org) -> None:
    frame = dd.concat([contacts(4, 2), contacts(3, 1)])
    found = frame.sfbulk.payloads("Contact", "upsert", "ExternalId__c", org=org, invalid="report")
    keys = [line.split(b",")[0] for csv in found for line in csv.splitlines()[1:]]
    assert [key.strip(b'"') for key in keys] == [b"C-3"]  # each other one stands in two partitions


def test_keys_are_compared_within_partitions_alone_on_request(org: Org, client: Client) -> None:
    frame = contacts(10, 1)
    twice = dd.concat([frame, frame])
    result = twice.sfbulk.upsert("Contact", "ExternalId__c", org=org, on_duplicate_key="partition")
    assert result.counts["successful"] == 20
    with pytest.raises(sfframe.PayloadError, match="10 keys"):
        twice.repartition(npartitions=1).sfbulk.upsert(
            "Contact", "ExternalId__c", org=org, on_duplicate_key="partition"
        )


def test_what_each_partition_counts_is_told_of_all(org: Org, client: Client) -> None:
    frame = contacts(12, 2, ExternalId__c=[f"C-{i % 3}" for i in range(6)] + [f"D-{i % 2}" for i in range(6)])
    with pytest.raises(sfframe.PayloadError, match="5 keys that stand in several rows in 12 rows, first in row 0"):
        frame.sfbulk.upsert("Contact", "ExternalId__c", org=org, on_duplicate_key="partition")
    with dask.config.set({"dataframe.convert-string": False}):
        mixed = contacts(4, 2, Title=pd.Series(["a", "b", 1, "c"], dtype=object))
        with pytest.raises(sfframe.PayloadError, match=r"number \(first in row 2\) and text \(first in row 3\)"):
            mixed.sfbulk.insert("Contact", org=org)


def test_keys_of_objects_are_one_whether_text_or_number(org: Org, client: Client) -> None:
    with dask.config.set({"dataframe.convert-string": False}):
        one = dd.from_pandas(pd.DataFrame({"ExternalId__c": pd.Series([17], dtype=object), "LastName": ["a"]}))
        other = dd.from_pandas(pd.DataFrame({"ExternalId__c": pd.Series(["17"], dtype=object), "LastName": ["b"]}))
        with pytest.raises(sfframe.PayloadError, match="1 key that stands in several rows"):
            dd.concat([one, other]).sfbulk.upsert("Contact", "ExternalId__c", org=org)


def test_keys_are_one_whether_whole_numbers_or_floats(org: Org, client: Client, tmp_path: Path) -> None:
    # As pandas writes files of numbers with and without gaps.
    pd.DataFrame({"ExternalId__c": [16, 17], "LastName": ["a", "b"]}).to_parquet(tmp_path / "0.parquet")
    pd.DataFrame({"ExternalId__c": [17.0, 1e15], "LastName": ["c", "d"]}).to_parquet(tmp_path / "1.parquet")
    frame = dd.from_map(pd.read_parquet, sorted(tmp_path.iterdir()))
    with pytest.raises(sfframe.PayloadError, match="1 key that stands in several rows in 2 rows, first in row 1"):
        frame.sfbulk.upsert("Contact", "ExternalId__c", org=org)


def test_all_problems_of_all_partitions_are_told_at_once(org: Org, local: LocalOrg, scheduler: str) -> None:
    frame = contacts(30, 3, Emial=["x"] * 30, Title=["x" * 200 if i in (3, 17, 18) else "t" for i in range(30)])
    with pytest.raises(sfframe.PayloadError) as raised:
        frame.sfbulk.insert("Contact", org=org)
    told = raised.value.problems
    assert isinstance(told, pd.DataFrame)
    assert told[["code", "rows", "row"]].fillna(-1).values.tolist() == [["UNKNOWN_FIELD", -1, -1], ["TOO_LONG", 3, 3]]
    assert not local.count("create")


@pytest.mark.parametrize("most", [1, 3])
def test_the_bound_of_jobs_holds_for_the_whole_cluster(org: Org, local: LocalOrg, client: Client, most: int) -> None:
    result = contacts(120, 8).sfbulk.insert("Contact", org=org, max_concurrent_jobs=most, max_records=10)
    assert len(result.jobs) == 16
    assert 1 <= _most_in_flight(local) <= most


def _most_in_flight(local: LocalOrg) -> int:
    """Jobs between their making and the last look at their results."""
    spans: dict[str, list[int]] = {}
    n_made = 0
    for at, request in enumerate(local.requests):
        if request.kind == "create":
            n_made += 1
        found = request.path.partition("/jobs/ingest/")[2].partition("/")[0]
        if found:
            spans.setdefault(found, []).append(at)
    ends = [(min(span), 1) for span in spans.values()] + [(max(span), -1) for span in spans.values()]
    most = now = 0
    for _, step in sorted(ends):
        now += step
        most = max(most, now)
    assert n_made == len(spans)
    return most


def test_a_worker_logs_in_once_and_describes_are_asked_for_once(local: LocalOrg, client: Client) -> None:
    # Of its own, so that no worker has it yet.
    org = Org(local.url, sfframe.ClientCredentials(local.client_id, local.client_secret), defaults={"timeout": 1e6})
    frame = contacts(80, 8)
    assert frame.sfbulk.upsert("Contact", "ExternalId__c", org=org)
    assert local.count("describe") == 1
    assert 2 <= local.count("token") <= 3  # this process, and each worker that got something to do


def test_nothing_of_the_login_is_in_what_people_see(org: Org, local: LocalOrg, client: Client) -> None:
    seen: list[str] = []
    frame = contacts(8, 2)
    result = frame.sfbulk.insert("Contact", org=org)
    story = client.run_on_scheduler(
        lambda dask_scheduler: repr([(key, task.run_spec) for key, task in dask_scheduler.tasks.items()])
    )
    seen += [story, repr(result), repr(result.successful_results), repr(result.successful_results.dask)]
    assert not [text for text in seen if local.client_secret in text]


def test_a_folder_that_a_worker_doesnt_have_is_told(org: Org, tmp_path: Path) -> None:
    spread = spread_of(org, FolderDepot(tmp_path))
    (tmp_path / f"running-{spread.name}").unlink()
    tmp_path.rmdir()
    with pytest.raises(sfframe.JournalError, match="doesn't have the folder"):
        run(partition.begin(contacts(3, 1).compute(), spread, 0))


def test_a_storage_whose_locks_may_not_hold_is_refused_unless_told(
    org: Org, local: LocalOrg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"1 1 0:1 / {tmp_path} rw - fuse.s3fs s3fs rw\n")
    monkeypatch.setattr(storage, "_MOUNTS", mounts)
    runs, frame = tmp_path / "runs", contacts(4, 2)
    with dask.config.set(scheduler="threads"):
        with pytest.raises(sfframe.JournalError, match=r"locks on fuse\.s3fs hold .* config sfframe\.trust-storage"):
            frame.sfbulk.insert("Contact", org=org, journal=runs)
        assert not local.count("create")
        with dask.config.set({"sfframe.trust-storage": True}):
            assert frame.sfbulk.insert("Contact", org=org, journal=runs)


def test_a_call_whose_time_was_up_is_finished_by_the_same_call(
    org: Org, local: LocalOrg, client: Client, tmp_path: Path
) -> None:
    local.faults.append(Fault("job", "stuck"))
    frame = contacts(40, 4).drop(columns="ExternalId__c")
    with pytest.raises(sfframe.JobTimeout, match="by the same call with journal=") as raised:
        frame.sfbulk.insert("Contact", org=org, journal=tmp_path, timeout=6)
    with pytest.raises(sfframe.JournalError, match="finish them by the same call with the same journal="):
        sfframe.resume(tmp_path, org=org)
    known = raised.value.result
    assert len(known) == 40
    assert len(known.running_job_ids) == 1
    assert len(known.running_rows) == 10
    local.release_jobs()
    result = frame.sfbulk.insert("Contact", org=org, journal=tmp_path)
    assert result.counts == {"successful": 40, "failed": 0, "unprocessed": 0}
    assert local.rows("Contact").num_rows == 40
    assert local.count("create") == 4
    assert frame.sfbulk.insert("Contact", org=org, journal=tmp_path)  # that one was finished, so this is another
    assert local.rows("Contact").num_rows == 80


def test_failed_rows_dont_leave_a_call_unfinished(org: Org, local: LocalOrg, client: Client, tmp_path: Path) -> None:
    frame = dd.from_pandas(pd.DataFrame({"FirstName": ["a", "b"], "LastName": ["x", None]}), npartitions=2)
    for n in (1, 2):
        with pytest.raises(sfframe.RecordsFailed):
            frame.sfbulk.insert("Contact", org=org, journal=tmp_path, on_failure="raise")
        assert local.rows("Contact").num_rows == n


def test_a_frame_of_other_partitions_isnt_the_same_call(
    org: Org, local: LocalOrg, client: Client, tmp_path: Path
) -> None:
    local.faults.append(Fault("job", "stuck"))
    frame = contacts(40, 4)
    with pytest.raises(sfframe.JobTimeout):
        frame.sfbulk.insert("Contact", org=org, journal=tmp_path, timeout=6)
    with pytest.raises(sfframe.JournalError, match="has 4 partitions, and this frame has 2"):
        frame.repartition(npartitions=2).sfbulk.insert("Contact", org=org, journal=tmp_path)
    other = contacts(40, 4, Title=["new"] * 40).drop(columns="ExternalId__c")
    with pytest.raises(sfframe.JournalError, match=r"has sent other rows[^$]*new_run=True"):
        other.sfbulk.insert("Contact", org=org, journal=tmp_path)
    local.release_jobs()
    assert other.sfbulk.insert("Contact", org=org, journal=tmp_path, new_run=True)


def test_a_call_that_has_sent_nothing_is_in_nobodys_way(org: Org, local: LocalOrg, tmp_path: Path) -> None:
    with dask.config.set(scheduler="threads"):
        with pytest.raises(sfframe.PayloadError):
            contacts(12, 3, Title=["x" * 300] * 12).sfbulk.upsert("Contact", "ExternalId__c", org=org, journal=tmp_path)
        assert contacts(12, 2).sfbulk.upsert("Contact", "ExternalId__c", org=org, journal=tmp_path)
    assert local.rows("Contact").num_rows == 12


def test_a_journal_that_cant_be_made_is_told(org: Org, local: LocalOrg, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with dask.config.set(scheduler="threads"), pytest.raises(sfframe.JournalError, match="no call can be recorded"):
        contacts(4, 2).sfbulk.insert("Contact", org=org, journal=tmp_path / "file")
    assert not local.count("create")


def test_rows_that_changed_before_a_call_goes_on_are_compared_again(org: Org, local: LocalOrg, tmp_path: Path) -> None:
    local.faults.append(Fault("job", "stuck"))
    options: dict[str, Any] = {"org": org, "journal": tmp_path, "max_concurrent_jobs": 1}
    with dask.config.set(scheduler="threads"):
        with pytest.raises(sfframe.JobTimeout):
            contacts(4, 2).sfbulk.upsert("Contact", "ExternalId__c", **options, timeout=6)
        n_made = local.count("create")
        for keys in (["C-0", "C-1", "C-2", "C-0"], ["C-3", "C-1", "C-2", "C-3"]):  # one of them was sent
            frame = contacts(4, 2, ExternalId__c=keys)
            with pytest.raises((sfframe.JournalError, sfframe.PayloadError)):
                frame.sfbulk.upsert("Contact", "ExternalId__c", **options, timeout=20)
        assert local.count("create") == n_made
        local.release_jobs()
        assert contacts(4, 2).sfbulk.upsert("Contact", "ExternalId__c", **options)
    assert local.rows("Contact").num_rows == 4


def test_ctrl_c_ends_the_workers_work_and_tells_what_is_known(org: Org, local: LocalOrg, client: Client) -> None:
    local.faults.append(Fault("job", "stuck", times=4))

    def interrupt() -> None:
        while local.count("patch") < 4:
            time.sleep(0.01)
        _thread.interrupt_main()

    watching = threading.Thread(target=interrupt, daemon=True)
    watching.start()
    with pytest.raises(sfframe.Interrupted, match="by the same call with journal=") as raised:
        contacts(60, 6).sfbulk.insert("Contact", org=org)
    assert len(raised.value.result) == 60
    assert 4 <= len(raised.value.result.running_job_ids) <= 6  # each looks for itself whether it is to stop
    local.release_jobs()


def test_ctrl_c_while_partitions_are_looked_at_ends_in_one_error(
    org: Org, local: LocalOrg, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stop, is_stopped = Spread.stop, threading.Event()

    def stopping(spread: Spread) -> None:
        stop(spread)
        is_stopped.set()

    def interrupting() -> pd.DataFrame:
        _thread.interrupt_main()
        is_stopped.wait(30)
        return pd.DataFrame({"LastName": ["a"]})

    monkeypatch.setattr(Spread, "stop", stopping)
    frame = dd.from_delayed([delayed(interrupting, pure=False)()], meta=pd.DataFrame({"LastName": ["a"]}))
    with dask.config.set(scheduler="threads"), pytest.raises(sfframe.Interrupted, match="before anything was sent"):
        frame.sfbulk.insert("Contact", org=org)
    gc.collect()
    assert "never retrieved" not in caplog.text
    assert not local.count("create")


def test_columns_of_objects_are_saved_as_what_they_hold(org: Org, client: Client, tmp_path: Path) -> None:
    n = 6
    objects = {
        "Birthdate": [None, None, dt.date(1990, 1, 2), None, None, None],
        "Wakeup__c": [None, None, None, dt.time(7, 30), dt.time(8), None],
        "price": [decimal.Decimal(i) / 4 for i in range(n)],
        "mine": [{"a": i} for i in range(n)],
        "none": [None] * n,
        "LastName": ["a", "b", "c", "d", None, "f"],
    }
    frame = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in objects.items()})
    options: dict[str, Any] = {"columns": dict.fromkeys(["price", "mine", "none"]), "on_failure": "return", "org": org}
    for index in (frame.index, pd.Index(list("abcdef"), dtype=object, name="letter")):
        here = frame.set_index(index)
        with dask.config.set({"dataframe.convert-string": False}):
            spread = dd.from_pandas(here, npartitions=3)
        folder = spread.sfbulk.insert("Contact", **options).save(tmp_path / "many")
        whole = here.sfbulk.insert("Contact", **options).save(tmp_path / "one")
        for name in ("successful_results", "failed_results"):
            found, expected = (pd.read_parquet(one / f"{name}.parquet") for one in (folder, whole))
            assert_frame_equal(_without_ids(found), _without_ids(expected), check_names=False, check_index_type=False)
        assert pd.read_parquet(folder / "unprocessed_records.parquet").empty


def test_what_a_result_has_besides_its_frames(org: Org, client: Client, tmp_path: Path) -> None:
    frame = contacts(20, 4, Email=["nobody" if i % 10 == 7 else "a@b.de" for i in range(20)])
    result = frame.sfbulk.upsert("Contact", "ExternalId__c", org=org)
    assert not result
    assert len(result) == 20
    assert result.errors[["code", "count", "row", "example"]].values.tolist() == [
        ["INVALID_EMAIL_ADDRESS", 2, 7, "index 7, ExternalId__c 'C-7'"]
    ]
    assert "e-mail" in result.errors["cause"][0]
    assert len(result.jobs) == 4
    assert set(result.timeline["stage"]) == {"sending", "processing", "collecting"}
    assert result.attempts.empty
    folder = result.save(tmp_path / "saved")
    assert len(pd.read_parquet(folder / "failed_results.parquet")) == 2
    result.to_excel(tmp_path / "result.xlsx")
    assert len(pd.read_excel(tmp_path / "result.xlsx", sheet_name="failed_results")) == 2
    result.plot()
    assert "INVALID_EMAIL_ADDRESS" in repr(result)
    assert "18 successful" in result._repr_html_()
    travelled = pickle.loads(pickle.dumps(result))
    assert travelled.counts == result.counts
    mended = result.failed_results.assign(Email="c@d.de")
    assert mended.sfbulk.upsert("Contact", "ExternalId__c", org=org)
    assert result.retry(columns={"Email": None})


def test_frames_that_come_of_a_result_keep_its_files(org: Org, client: Client) -> None:
    successful = contacts(12, 3).sfbulk.insert("Contact", org=org).successful_results
    renamed = successful.rename(columns={"sf__Id": "Id"})[["Id"]].assign(Title="new")
    del successful
    gc.collect()
    assert renamed.sfbulk.update("Contact", org=org).counts["successful"] == 12


def test_a_result_whose_journal_was_deleted_says_so(org: Org, tmp_path: Path) -> None:
    with dask.config.set(scheduler="threads"):
        result = contacts(4, 2).sfbulk.insert("Contact", org=org, journal=tmp_path)
        shutil.rmtree(tmp_path)
        with pytest.raises(sfframe.JournalError, match="can't be written or read"):
            result.rows_with("successful")
        with pytest.raises(sfframe.JournalError):
            result.successful_results.compute()


def test_a_frame_that_its_result_has_left_alone_says_what_to_do(org: Org) -> None:
    with dask.config.set(scheduler="threads"):
        result = contacts(4, 2).sfbulk.insert("Contact", org=org)
        sent = pickle.dumps(result.successful_results)  # as persist() does it
        del result
        gc.collect()
        with pytest.raises(sfframe.JournalError, match=r"went with the result.*: keep the result for as long as Dask"):
            pickle.loads(sent).compute()


def test_many_calls_at_once_dont_wait_for_each_other(org: Org, local: LocalOrg) -> None:
    n = (os.cpu_count() or 1) + 6  # more than asyncio has threads
    frames = [contacts(2, 1).drop(columns="ExternalId__c") for _ in range(n)]
    with dask.config.set(scheduler="threads"), ThreadPoolExecutor(n) as calls:
        results = list(calls.map(lambda frame: frame.sfbulk.insert("Contact", org=org, describe=False), frames))
    assert [result.counts["successful"] for result in results] == [2] * n


def test_events_are_told_by_dask_itself(org: Org) -> None:
    with pytest.raises(ValueError, match="dashboard"):
        contacts(2, 1).sfbulk.insert("Contact", org=org, progress=True)


def test_a_dask_frame_is_told_which_import_it_needs() -> None:
    code = """
import pandas as pd, dask.dataframe as dd, sfframe

org = sfframe.Org("https://acme.my.salesforce.com", sfframe.AccessToken("00Dx!y"))
try:
    sfframe.bulk(dd.from_pandas(pd.DataFrame({"LastName": ["a"]}))).insert("Contact", org=org)
except TypeError as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "sfframe.frames.dask is imported" in said


def test_what_dask_has_besides_frames_is_told_to_be_made_one(org: Org) -> None:
    frame = contacts(2, 1)
    for thing in (frame["LastName"], frame.index, frame.to_bag(), frame.to_delayed()[0]):
        with pytest.raises(TypeError, match=r"is no frame .*: make a dask\.dataframe of it"):
            sfframe.ingest(thing, "Contact", "insert", org=org)


def test_plans_and_lookups_say_that_they_are_for_frames_in_one_place(org: Org) -> None:
    frame = contacts(2, 1)
    with pytest.raises(TypeError, match="give what else there is a partition of it, computed"):
        frame.sfbulk.plan("Contact", "insert", org=org)
    with pytest.raises(TypeError, match="give what else there is a partition of it, computed"):
        frame.sfbulk.lookup("Contact", "ExternalId__c", ["LastName"], org=org)
