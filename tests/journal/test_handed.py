"""What one process prepares of a partition and sends too: rows are read once, the same ones go, by turns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sfframe import LocalOrg, Options, Org, partition
from sfframe.bridge import run
from sfframe.depot import FolderDepot
from sfframe.front import SUCCESSFUL_RESULTS
from sfframe.handed import Handed
from sfframe.ingest.collect import Collector
from sfframe.ingest.request import IngestRequest, ingest_request
from sfframe.org.jobs import JobInfo
from sfframe.partition import Begun, Spread
from sfframe.prepare import Prepared, prepare

FRAME = "frame.parquet"


def contacts(n: int = 6) -> pd.DataFrame:
    return pd.DataFrame({"ExternalId__c": [f"C-{i}" for i in range(n)], "LastName": [f"Näme {i}" for i in range(n)]})


def request() -> IngestRequest:
    return ingest_request("Contact", "upsert", "ExternalId__c", Options.of({}))


def begun(org: Org, folder: Path) -> tuple[Begun, Spread]:
    spread = Spread.over(FolderDepot(folder), request(), org)
    return run(partition.begin(contacts(), spread, 0)), spread


def sent(local: LocalOrg) -> list[str]:
    return sorted(str(name) for name in local.rows("Contact")["LastName"].to_pylist())


def test_rows_that_this_process_looked_at_arent_read_again(org: Org, local: LocalOrg, tmp_path: Path) -> None:
    one, spread = begun(org, tmp_path)
    assert one.run is not None
    kept = (tmp_path / one.run / FRAME).read_bytes()
    (tmp_path / one.run / FRAME).unlink()
    end = run(partition.finish(one.run, spread))
    assert end.counts == {"successful": 6, "failed": 0, "unprocessed": 0}
    assert sent(local) == contacts()["LastName"].to_list()
    (tmp_path / one.run / FRAME).write_bytes(kept)
    view = partition.viewed(spread.depot, one.run, end.fates, SUCCESSFUL_RESULTS)
    assert view["LastName"].to_list() == contacts()["LastName"].to_list()


def test_after_another_calls_begin_rows_come_from_the_disk(org: Org, local: LocalOrg, tmp_path: Path) -> None:
    one, spread = begun(org, tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    begun(org, other)
    assert one.run is not None
    (tmp_path / one.run / FRAME).unlink()
    end = run(partition.finish(one.run, spread))
    assert end.counts == {"successful": 0, "failed": 0, "unprocessed": 6}
    assert "frame.parquet is missing" in str(end.done.trouble[0])
    assert local.rows("Contact").num_rows == 0


def test_a_frame_that_changes_after_it_was_looked_at_changes_nothing(org: Org, local: LocalOrg, tmp_path: Path) -> None:
    frame = contacts()
    spread = Spread.over(FolderDepot(tmp_path), request(), org)
    one = run(partition.begin(frame, spread, 0))
    frame.loc[0, "LastName"] = "Somebody else"
    assert one.run is not None
    run(partition.finish(one.run, spread))
    assert sent(local) == contacts()["LastName"].to_list()


def test_partitions_that_are_finished_beside_each_other_collect_one_after_the_other(
    org: Org, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spread = Spread.over(FolderDepot(tmp_path), request(), org)
    runs = [run(partition.begin(contacts(), spread, number)).run for number in range(4)]
    under_way, seen, download = 0, [], Collector._download

    async def counted(self: Collector, job: JobInfo) -> Any:
        nonlocal under_way
        under_way += 1
        seen.append(under_way)
        found = await download(self, job)
        under_way -= 1
        return found

    monkeypatch.setattr(Collector, "_download", counted)
    ends = run(partition.finish_all([one for one in runs if one is not None], spread))
    assert seen == [1] * len(ends) == [1] * 4


def prepared(org: Org) -> Prepared:
    return run(prepare(contacts(), request(), lambda: org))


def test_what_is_handed_is_handed_once(org: Org) -> None:
    handed, given = Handed(), prepared(org)
    handed.begin("a")
    handed.put("a", "run", given)
    assert handed.take("a", "run") is given
    assert handed.take("a", "run") is None


@pytest.mark.parametrize(("most_bytes", "n"), [(0, 0), (250, 2), (1 << 20, 9)])
def test_no_more_waits_than_may(org: Org, most_bytes: int, n: int) -> None:
    handed, given = Handed(most_bytes), prepared(org)
    handed.begin("a")
    for number in range(9):
        handed.put("a", str(number), given)
    assert sum(handed.take("a", str(number)) is not None for number in range(9)) == n


def test_nothing_stays_of_an_earlier_call(org: Org) -> None:
    handed, given = Handed(), prepared(org)
    handed.begin("a")
    handed.put("a", "run", given)
    handed.begin("b")
    handed.put("a", "late", given)
    handed.put("b", "run", prepared(org))
    for name in ("run", "late"):
        assert handed.take("a", name) is None  # nor what is another call's by the same name
    assert handed.take("b", "late") is None
