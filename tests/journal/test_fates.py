"""Fates of a run's rows as somebody else reads them: of the journal where it has them, and the same in any case."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import sfframe
from sfframe.depot import FolderDepot
from sfframe.ingest.fates import Fates, OutcomesInFiles
from sfframe.testing import Fault

from .test_deaths import N, call, contacts

# Cases, and whether the journal's files are the fates of all rows in order.
CASES: dict[str, tuple[dict[str, Any], bool]] = {
    "one job": ({}, True),
    "many jobs": ({"max_records": 5}, True),
    "grouped": ({"group_by": "LastName"}, False),
    "left out": ({"invalid": "report"}, False),
}


def both_ways(result: Any, folder: Path) -> tuple[Fates | None, Fates]:
    depot = FolderDepot(folder)
    return Fates.in_run(depot, result.run.name), Fates.written(depot, result._outcomes, "fates.parquet")


@pytest.mark.parametrize(("options", "is_there"), CASES.values(), ids=CASES)
def test_fates_are_those_of_the_result_whoever_reads_them(
    org: sfframe.Org, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], is_there: bool
) -> None:
    frame = contacts()
    if "invalid" in options:
        frame = frame.with_columns(pl.col("ExternalId__c").replace({"k4": None}))
    result = call(frame, "upsert", org, tmp_path, **options)
    in_run, written = both_ways(result, tmp_path)
    assert (in_run is not None) == is_there
    monkeypatch.setattr(importlib.import_module("sfframe.ingest.fates"), "CHUNK", 4)  # sfframe.ingest is a function
    for fates in (in_run, written) if in_run is not None else (written,):
        outcomes = OutcomesInFiles(fates, result.counts)
        assert_frame_equal(outcomes.all(), result._outcomes.all())
        for start, stop in ((3, 17), (4, 5), (17, N), (0, 4), (2, 2), (N, N)):
            assert_frame_equal(outcomes.between(start, stop), result._outcomes.between(start, stop))
        assert outcomes.counts == result.counts


def test_a_journal_that_has_several_fates_of_a_row_isnt_read_for_them(
    local: sfframe.LocalOrg, org: sfframe.Org, tmp_path: Path
) -> None:
    local.faults.append(Fault("rows", "lock", match="Näme 2$|Näme 2,"))
    result = call(contacts(), "insert", org, tmp_path, retry_rows={"UNABLE_TO_LOCK_ROW": 1})
    assert result.attempts.height
    in_run, written = both_ways(result, tmp_path)
    assert in_run is None
    assert_frame_equal(written.all(), result._outcomes.all())
    assert written.collect(lambda fates: fates.select(pl.len())).item() == N
