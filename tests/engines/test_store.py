"""Runs in an object store: made once, had by one at a time, and gone on with by whoever comes after one that died."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import dask.dataframe as dd
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from distributed import Client, LocalCluster

import sfframe
import sfframe.frames.dask
from sfframe import LocalOrg, Org, call_folder, partition
from sfframe.bridge import run
from sfframe.depot import StoreDepot
from sfframe.errors import JournalError, JournalInUse
from sfframe.frames.dask import _Place
from sfframe.ingest.mirror import Mirror, Step
from sfframe.ingest.request import ingest_request
from sfframe.ingest.store import Lease, Store
from sfframe.partition import Spread
from sfframe.testing import Fault

from . import store_faults, store_freezes
from .conftest import spread_of
from .object_store import files
from .spark_cluster import login_of
from .store_faults import proxy

QUICK_S = 0.6  # until one who is silent counts as dead


@pytest.fixture
def store(bucket: str, tmp_path: Path) -> Store:
    return Store(f"{bucket}/{tmp_path.name}", QUICK_S)


@pytest.fixture(scope="module")
def client(bucket: str) -> Iterator[Client]:
    with (
        dask.config.set({"distributed.deploy.lost-worker-timeout": "1h", "sfframe.silent-seconds": QUICK_S}),
        LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address=":0", silence_logs=50) as cluster,
        cluster.get_client() as client,
    ):
        yield client


def contacts(n: int, npartitions: int) -> dd.DataFrame:
    keys = [f"C-{i}" for i in range(n)]
    frame = pd.DataFrame({"ExternalId__c": keys, "LastName": [f"Näme {i}" for i in range(n)]})
    made: dd.DataFrame = dd.from_pandas(frame, npartitions=npartitions)
    return made


# --- the store --------------------------------------------------------------------------------------------------------


def test_of_many_who_make_an_object_at_once_one_does(store: Store) -> None:
    made: list[int] = []

    def go(who: int) -> None:
        made.extend(number for number in range(10) if store.make(f"once/{number}", b"%d" % who))

    threads = [threading.Thread(target=go, args=(who,)) for who in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(made) == list(range(10))
    assert store.names("once") == sorted(map(str, range(10)))


def test_one_whose_answer_was_lost_on_the_way_has_made_it(store: Store) -> None:
    assert store.make("a", b"mine")
    assert store.make("a", b"mine")
    assert not store.make("a", b"another's")
    assert store.get("a") == b"mine"


def test_what_there_is_in_a_store(store: Store) -> None:
    assert store.names() == []
    store.put("a/b/c", b"1")
    store.put("d", b"2")
    assert store.names() == ["a", "d"]
    assert store.names("a") == ["b"]
    assert store.below("a").get("b/c") == b"1"
    assert store.exists("d")
    store.remove("d")
    store.remove("d")
    assert not store.exists("d")
    with pytest.raises(FileNotFoundError):
        store.get("d")
    store.clear()
    assert store.names() == []


def test_a_lease_is_one_processs_until_it_is_let_go_or_its_holder_is_silent(store: Store) -> None:
    first = Lease(store, "slot")
    with pytest.raises(JournalInUse):
        Lease(store, "slot")
    first.release()
    second = Lease(store, "slot")
    second._held._is_over.set()  # dies, and says nothing any more
    second._held._beating.join()
    store.put(f"slot-held/{store.get('slot/000000002').decode()}", b"7")
    with pytest.raises(JournalInUse):
        Lease(store, "slot")
    third = None
    while third is None:
        with contextlib.suppress(JournalInUse):
            third = Lease(store, "slot")
    assert store.names("slot") == ["000000001", "000000002", "000000003"]
    third.release()


def test_a_store_that_cant_be_reached_is_told_before_anything_is_sent(org: Org, local: LocalOrg, bucket: str) -> None:
    with pytest.raises(JournalError, match="can't keep runs in s3://there-is-none/runs"):
        contacts(4, 2).sfbulk.insert("Contact", org=org, journal="s3://there-is-none/runs")
    with pytest.raises(JournalError, match="can't keep runs in nope://runs"):
        contacts(4, 2).sfbulk.insert("Contact", org=org, journal="nope://runs")
    assert not local.count("create")


def test_a_store_that_isnt_known_is_refused_unless_told(org: Org, local: LocalOrg, tmp_path: Path) -> None:
    options: dict[str, Any] = {"org": org, "journal": f"memory://{tmp_path.name}/runs"}
    with dask.config.set(scheduler="threads"):
        with pytest.raises(JournalError, match=r"whether memory:// makes an object once isn't known.*trust-storage"):
            contacts(4, 2).sfbulk.insert("Contact", **options)
        assert not local.count("create")
        with dask.config.set({"sfframe.trust-storage": True}):
            result = contacts(4, 2).sfbulk.insert("Contact", **options)
    assert result.counts == {"successful": 4, "failed": 0, "unprocessed": 0}


def test_a_store_is_for_frames_on_many_machines(org: Org, local: LocalOrg) -> None:
    frame = contacts(4, 1).compute()
    with pytest.raises(ValueError, match=r"journal='s3://warehouse/runs': journals need locks"):
        sfframe.bulk(frame).insert("Contact", org=org, journal="s3://warehouse/runs")
    with pytest.raises(JournalError, match="by the same call with the same journal="):
        sfframe.resume("s3://warehouse/runs", org=org)
    for address in (
        "s3://key:hidden@warehouse/runs",
        "s3://key:hid/den@warehouse/runs",
        "s3://warehouse/runs?secret=den",
    ):
        with pytest.raises(ValueError, match="a login in an address") as raised:
            sfframe.bulk(frame).insert("Contact", org=org, journal=address)
        assert "den" not in str(raised.value)
    assert not local.count("create")


# --- runs -------------------------------------------------------------------------------------------------------------


def test_one_who_was_silent_takes_no_step_more(store: Store, tmp_path: Path) -> None:
    first = Mirror.begun(store)
    first.step(b"one")
    first._held._is_over.set()
    first._held._beating.join()  # lets it go; and goes on all the same
    second = Mirror.taken(store, tmp_path)
    with pytest.raises(JournalInUse):
        first.step(b"two")
    assert first.is_lost
    with pytest.raises(JournalInUse):
        first.step(b"three")
    second.step(b"mine")
    last = Step.last_of(store)
    assert last is not None
    assert (last.number, last.database) == (3, b"mine")
    second.release()


def test_a_try_that_another_one_has_taken_the_run_from_tells_what_that_one_did(
    org: Org, local: LocalOrg, store: Store
) -> None:
    local.faults.append(Fault("job", "stuck"))
    spread = spread_of(org, StoreDepot(store))
    begun = run(partition.begin(contacts(10, 1).compute(), spread, 0))
    assert begun.run is not None
    name, ends = begun.run, []
    first = threading.Thread(target=lambda: ends.append(run(partition.finish(name, spread))))
    first.start()
    while not local.count("patch"):
        first.join(0.01)
    below = store.below(name)
    while (last := Step.last_of(below)) is None or not _next(last, "other").make_in(below):
        pass  # until nobody has made the one after it: then he was taken for dead
    below.put("held/other", b"free")
    with _released(local):
        first.join()
    [end] = ends
    assert end.done.is_settled
    assert end.counts == {"successful": 10, "failed": 0, "unprocessed": 0}
    assert local.rows("Contact").num_rows == 10


@pytest.mark.parametrize("wakes", [True, False], ids=["wakes later", "never wakes"])
def test_what_a_frozen_process_had_begun_is_finished_by_another(
    org: Org, local: LocalOrg, store: Store, wakes: bool
) -> None:
    local.faults.append(Fault("job", "stuck"))
    spread = spread_of(org, StoreDepot(store), max_records=10, max_concurrent_jobs=2)
    begun = run(partition.begin(contacts(40, 1).compute(), spread, 0))
    assert begun.run is not None
    processes = multiprocessing.get_context("spawn")
    told = processes.SimpleQueue()
    frozen = processes.Process(target=_finish_there, args=(begun.run, spread, told))
    frozen.start()
    assert frozen.pid is not None
    while local.count("patch") < 2:
        frozen.join(0.01)
    os.kill(frozen.pid, signal.SIGSTOP)
    with _released(local):
        end = run(partition.finish(begun.run, spread))
    assert end.counts == {"successful": 40, "failed": 0, "unprocessed": 0}
    if wakes:
        os.kill(frozen.pid, signal.SIGCONT)
        assert told.get() == (end.counts, [job.id for job in end.done.jobs])
    frozen.kill()
    frozen.join()
    assert local.rows("Contact").num_rows == 40
    assert local.count("create") == 4


def _finish_there(name: str, spread: Spread, told: Any) -> None:
    end = run(partition.finish(name, spread))
    told.put((end.counts, [job.id for job in end.done.jobs]))


@contextlib.contextmanager
def _released(local: LocalOrg) -> Iterator[None]:
    """Jobs go on that are stuck, also those that only get there meanwhile: their requests are told before."""
    is_over = threading.Event()

    def release() -> None:
        while not is_over.wait(0.05):
            local.release_jobs()

    releasing = threading.Thread(target=release, daemon=True)
    releasing.start()
    try:
        yield
    finally:
        is_over.set()
        releasing.join()


def _next(last: Step, holder: str) -> Step:
    return Step(number=last.number + 1, holder=holder, files=last.files, database=last.database)


# --- Dask -------------------------------------------------------------------------------------------------------------


def test_a_call_whose_runs_are_in_a_store(org: Org, local: LocalOrg, client: Client, store: Store) -> None:
    frame = contacts(60, 6).assign(Email=lambda frame: frame["LastName"].where(frame["LastName"] != "Näme 7", "n/a"))
    frame["Email"] = frame["Email"].where(frame["Email"] == "n/a", "a@example.com")
    result = frame.sfbulk.upsert("Contact", "ExternalId__c", org=org, journal=store.url, on_failure="return")
    assert result.counts == {"successful": 59, "failed": 1, "unprocessed": 0}
    assert result.failed_results.compute().index.tolist() == [7]
    assert result.errors["code"].to_list() == ["INVALID_EMAIL_ADDRESS"]
    pd.testing.assert_frame_equal(
        result.successful_results.compute().drop(columns=["sf__Id", "sf__Created"]), frame.compute().drop(7)
    )
    assert local.rows("Contact").num_rows == 59


def test_keys_of_several_partitions_are_found_in_a_store(
    org: Org, local: LocalOrg, client: Client, store: Store
) -> None:
    frame = dd.concat([contacts(4, 2), contacts(2, 1)])
    options: dict[str, Any] = {"org": org, "journal": store.url}
    found = frame.sfbulk.check("Contact", "upsert", "ExternalId__c", **options)
    assert found["code"].to_list() == ["DUPLICATE_KEY"]
    assert not store.names()
    with pytest.raises(sfframe.PayloadError, match="2 keys that stand in several rows"):
        frame.sfbulk.upsert("Contact", "ExternalId__c", **options)
    assert not local.count("create")
    result = frame.sfbulk.upsert("Contact", "ExternalId__c", **options, invalid="report", on_failure="return")
    assert result.counts == {"successful": 2, "failed": 4, "unprocessed": 0}


def test_a_call_that_ran_out_of_time_is_finished_by_the_same_one(
    org: Org, local: LocalOrg, client: Client, store: Store
) -> None:
    local.faults.append(Fault("job", "stuck"))
    frame = contacts(40, 4).drop(columns="ExternalId__c")
    with pytest.raises(sfframe.JobTimeout, match=f"by the same call with journal='{store.url}'") as raised:
        frame.sfbulk.insert("Contact", org=org, journal=store.url, timeout=6)
    assert len(raised.value.result.running_rows) == 10
    local.release_jobs()
    result = frame.sfbulk.insert("Contact", org=org, journal=store.url)
    assert result.counts == {"successful": 40, "failed": 0, "unprocessed": 0}
    assert local.rows("Contact").num_rows == 40


@pytest.mark.parametrize("n_killed", [1, 2])
def test_what_workers_had_begun_is_finished_by_others(
    org: Org, local: LocalOrg, client: Client, store: Store, n_killed: int
) -> None:
    local.faults.append(Fault("job", "stuck", times=2))

    def kill() -> None:
        while local.count("patch") < 2:
            waiting.wait(0.01)
        cluster: Any = client.cluster
        busy = [state.address for state in cluster.scheduler.workers.values() if state.processing]
        nannies = sorted(cluster.workers.values(), key=lambda one: one.worker_address not in busy)
        for one in nannies[:n_killed]:
            os.kill(one.pid, signal.SIGKILL)
        with _released(local):
            ended.wait()

    waiting, ended, killing = threading.Event(), threading.Event(), threading.Thread(target=kill, daemon=True)
    killing.start()
    result = contacts(40, 4).sfbulk.insert("Contact", org=org, journal=store.url, columns={"ExternalId__c": None})
    ended.set()
    killing.join()
    assert result.counts == {"successful": 40, "failed": 0, "unprocessed": 0}
    assert local.rows("Contact").num_rows == 40


def test_nothing_secret_is_in_a_store(org: Org, local: LocalOrg, client: Client, store: Store) -> None:
    contacts(6, 2).sfbulk.upsert("Contact", "ExternalId__c", org=org, journal=store.url)
    found = files()
    for path in found.find(store.url):
        data = found.cat_file(path)
        assert local.client_secret.encode() not in data
        assert b"Bearer" not in data


# --- a store that fails -----------------------------------------------------------------------------------------------


def test_slots_that_cant_be_had_end_a_try_and_not_the_jobs_that_have_some(
    org: Org, local: LocalOrg, store: Store
) -> None:
    with proxy(lambda _, path: "refused" if "/slots/" in path and local.count("patch") else None):
        spread = spread_of(org, StoreDepot(store), max_records=10, max_concurrent_jobs=2)
        begun = run(partition.begin(contacts(40, 1).compute(), spread, 0))
        assert begun.run is not None
        end = run(partition.finish(begun.run, spread))
    assert [type(error) for error in end.done.trouble] == [JournalError]
    assert not end.done.running
    assert end.counts["successful"] == local.rows("Contact").num_rows
    assert 0 < end.counts["successful"] < 40
    end = run(partition.finish(begun.run, spread))
    assert end.done.is_settled
    assert end.counts == {"successful": 40, "failed": 0, "unprocessed": 0}
    assert local.rows("Contact").num_rows == 40


def test_a_call_is_stopped_though_the_store_failed_for_a_while(org: Org, local: LocalOrg, store: Store) -> None:
    local.faults.append(Fault("job", "stuck"))
    refused: list[str] = []

    def refuse(_: str, path: str) -> str | None:
        if "running-" not in path or not local.count("patch") or len(refused) == 3:
            return None
        refused.append(path)
        return "refused"

    with proxy(refuse):
        spread = spread_of(org, StoreDepot(store))
        begun = run(partition.begin(contacts(10, 1).compute(), spread, 0))
        assert begun.run is not None
        name, ends = begun.run, []
        finishing = threading.Thread(target=lambda: ends.append(run(partition.finish(name, spread))), daemon=True)
        finishing.start()
        while len(refused) < 3:
            finishing.join(0.01)
        spread.stop()
        finishing.join(30)
    [end] = ends
    assert isinstance(end.done.ended_by, (sfframe.Interrupted, asyncio.CancelledError))
    assert len(end.done.running) == 1


def test_what_an_org_took_is_told_by_the_same_call_when_the_store_failed_at_its_end(
    org: Org, local: LocalOrg, store: Store
) -> None:
    options: dict[str, Any] = {"org": org, "journal": store.url}
    with dask.config.set({"scheduler": "threads", "sfframe.silent-seconds": QUICK_S}):
        with (
            proxy(lambda _, path: "refused" if "call.json" in path and local.count("patch") == 2 else None),
            pytest.raises(JournalError, match=r"Finish it by the same call with journal='s3://"),
        ):
            contacts(20, 2).sfbulk.upsert("Contact", "ExternalId__c", **options)
        result = contacts(20, 2).sfbulk.upsert("Contact", "ExternalId__c", **options)
    assert result.counts == {"successful": 20, "failed": 0, "unprocessed": 0}
    assert local.count("create") == 2


def test_a_problem_of_the_rows_is_told_though_the_store_fails(org: Org, store: Store) -> None:
    failing = threading.Event()

    def refuse(command: str, path: str) -> str | None:
        if "keys-" in path and command == "GET" and "list-type" not in path:
            failing.set()  # from here on
        return "refused" if failing.is_set() and "call.json" in path else None

    with dask.config.set({"scheduler": "threads", "sfframe.silent-seconds": QUICK_S}), proxy(refuse):
        with pytest.raises(sfframe.PayloadError, match="2 keys that stand in several rows"):
            dd.concat([contacts(4, 2), contacts(2, 1)]).sfbulk.upsert(
                "Contact", "ExternalId__c", org=org, journal=store.url
            )
        assert failing.is_set()


def test_a_call_that_another_one_took_over_isnt_ended_by_the_one_that_was_silent(org: Org, store: Store) -> None:
    request = ingest_request("Contact", "insert", None, sfframe.Options.of({"journal": store.url}))
    with dask.config.set({"sfframe.silent-seconds": QUICK_S}):
        silent = _Place.of(request, org, 2)
        held: Any = silent._lock
        held._held._is_over.set()  # frozen, and taken for dead
        held._held._beating.join()
        second = _Place.of(request, org, 2)
    assert (str(second.depot), second.is_new) == (str(silent.depot), False)
    silent.sent_nothing()
    assert not call_folder.is_finished(second.depot)
    second.close()
    silent.close()


def test_each_row_is_written_once_by_whatever_store_that_fails() -> None:
    assert store_faults.main(4, first_seed=100).faults


@pytest.mark.skipif(sys.platform != "linux", reason="freezes processes by signals")
def test_each_row_is_written_once_by_processes_that_freeze() -> None:
    assert store_freezes.main(1).freezes


# --- Spark ------------------------------------------------------------------------------------------------------------

TYPES: dict[str, Any] = {"LastName": pa.string(), "Visits__c": pa.int32()}
ROWS = pa.schema(TYPES)


def test_a_save_whose_results_and_runs_are_in_a_store(local: LocalOrg, store: Store, monkeypatch: Any) -> None:
    one = _writer(local, store, monkeypatch)
    assert one.spread.depot.store.silent_s == QUICK_S
    told = [one.write_partition(0, _rows("Lovelace", "Hopper")), one.write_partition(1, _rows(None))]
    assert len(store.names("_runs")) == 1 + 2  # and what keeps others out
    one.commit(told)
    found = files()
    names = found.glob(f"{store.url}/successful_results/*.parquet")
    assert sorted(name for path in names for name in _read(found, path)["LastName"]) == ["Hopper", "Lovelace"]
    assert _read(found, f"{store.url}/summary/part-00000.parquet")["state"].item() == "committed"
    assert not store.names("_runs")
    assert local.rows("Contact").num_rows == 2


def test_a_save_in_a_store_that_was_given_up_is_finished_by_the_same_one(
    local: LocalOrg, store: Store, monkeypatch: Any
) -> None:
    local.faults.append(Fault("job", "stuck"))
    one = _writer(local, store, monkeypatch, timeout=3)
    with pytest.raises(sfframe.JobTimeout):
        one.write_partition(0, _rows("Lovelace"))
    one.abort([None, None])
    summary = _read(files(), f"{store.url}/summary/part-00000.parquet")
    assert summary["state"].item() == "aborted"
    assert "1 were begun and aren't finished; these jobs may run" in summary["message"].item()
    local.release_jobs()
    again = _writer(local, store, monkeypatch)
    again.commit([again.write_partition(0, _rows("Lovelace")), again.write_partition(1, _rows("Hopper"))])
    assert _read(files(), f"{store.url}/summary/part-00000.parquet")["state"].item() == "committed"
    assert local.rows("Contact").num_rows == 2
    assert local.count("create") == 2


def _writer(local: LocalOrg, store: Store, monkeypatch: pytest.MonkeyPatch, **more: Any) -> Any:
    pytest.importorskip("pyspark")
    from sfframe.frames.spark import SfframeWriter
    from sfframe.frames.spark_options import write_options

    for name, value in login_of(local).items():
        monkeypatch.setenv(name, value)
    given = {"object": "Contact", "operation": "insert", "resultsPath": store.url, "pollInterval": 0,
             "silentSeconds": QUICK_S, **more}  # fmt: skip
    options = write_options({name: str(value) for name, value in given.items()})
    return SfframeWriter.made(options, ROWS)


def _rows(*names: str | None) -> Iterator[pa.RecordBatch]:
    columns: list[Any] = [list(names), list(range(len(names)))]
    return iter([pa.record_batch(columns, schema=ROWS)])


def _read(found: Any, path: str) -> pl.DataFrame:
    return pl.read_parquet(found.cat_file(path))
