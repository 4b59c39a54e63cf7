"""Partitions, in a folder or in a store: what is sent once, whoever tries it how often."""

from __future__ import annotations

import threading
from pathlib import Path

import pandas as pd
import pytest

import sfframe
from sfframe import LocalOrg, Org, partition
from sfframe.bridge import run
from sfframe.depot import Depot, FolderDepot, StoreDepot
from sfframe.ingest.store import Store
from sfframe.testing import Fault

from .conftest import spread_of


@pytest.fixture(params=["folder", "store"])
def depot(request: pytest.FixtureRequest, tmp_path: Path) -> Depot:
    """Each place where a call may keep what all machines need."""
    if request.param == "folder":
        return FolderDepot(tmp_path)
    return StoreDepot(Store(f"{request.getfixturevalue('bucket')}/{tmp_path.name}", 0.6))


def contacts(n: int) -> pd.DataFrame:
    return pd.DataFrame({"ExternalId__c": [f"C-{i}" for i in range(n)], "LastName": [f"Näme {i}" for i in range(n)]})


def test_a_second_try_of_a_partition_sends_nothing_again(org: Org, local: LocalOrg, depot: Depot) -> None:
    frame = contacts(10)
    spread = spread_of(org, depot)
    begun = run(partition.begin(frame, spread, 0))
    assert begun.run is not None
    first = run(partition.finish(begun.run, spread))
    again = run(partition.begin(frame.copy(), spread, 0))
    assert again.run == begun.run
    second = run(partition.finish(begun.run, spread))
    assert first.counts == second.counts == {"successful": 10, "failed": 0, "unprocessed": 0}
    assert [job.id for job in first.done.jobs] == [job.id for job in second.done.jobs]
    assert local.count("create") == 1


def test_of_two_tries_at_once_one_sends(org: Org, local: LocalOrg, depot: Depot) -> None:
    frame = contacts(100)
    spread = spread_of(org, depot, max_records=10)
    found: list[partition.Finished] = []

    def attempt() -> None:
        begun = run(partition.begin(frame, spread, 0))
        assert begun.run is not None
        found.append(run(partition.finish(begun.run, spread)))

    tries = [threading.Thread(target=attempt) for _ in range(3)]
    for one in tries:
        one.start()
    for one in tries:
        one.join()
    assert len(found) == 3
    assert {tuple(job.id for job in one.done.jobs) for one in found} == {tuple(job.id for job in found[0].done.jobs)}
    assert local.count("create") == 10
    assert local.rows("Contact").num_rows == 100


def test_a_job_in_a_slot_waits_for_none_that_waits_for_a_slot(org: Org, local: LocalOrg, depot: Depot) -> None:
    local.faults.append(Fault("put", "stall", times=None))
    first = spread_of(org, depot, max_records=1, max_concurrent_jobs=4, timeout=3)
    begun = run(partition.begin(contacts(8), first, 0))
    assert begun.run is not None
    assert not run(partition.finish(begun.run, first)).done.is_settled  # it has left jobs that never ran
    local.faults.clear()
    second = spread_of(org, depot, max_records=1, max_concurrent_jobs=4, timeout=30)
    others = [run(second.slots.take()) for _ in range(3)]
    end = run(partition.finish(begun.run, second))
    assert end.counts == {"successful": 8, "failed": 0, "unprocessed": 0}
    for slot in others:
        slot.release()


def test_other_rows_in_a_second_try_are_refused(org: Org, local: LocalOrg, depot: Depot) -> None:
    spread = spread_of(org, depot)
    begun = run(partition.begin(contacts(10), spread, 0))
    assert begun.run is not None
    run(partition.finish(begun.run, spread))
    with pytest.raises(sfframe.JournalError, match="an earlier try of this partition has sent other rows"):
        run(partition.begin(contacts(11), spread, 0))
    assert local.rows("Contact").num_rows == 10
