"""LazyFrames: run once; the results are LazyFrames over files that live as long as they are needed."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import sfframe
from sfframe import Org, bulk
from tests.frames.test_polars import every_dtype

pytestmark = pytest.mark.filterwarnings("ignore::sfframe.RecordsFailedWarning")


def _frame(n: int = 10) -> pl.DataFrame:
    return pl.DataFrame(
        {"LastName": [None if i % 4 == 3 else f"n{i}" for i in range(n)], "Score__c": [float(i) for i in range(n)]}
    )


def _counted(frame: pl.DataFrame, runs: list[int]) -> pl.LazyFrame:
    def count(batch: pl.DataFrame) -> pl.DataFrame:
        runs.append(batch.height)
        return batch

    return frame.lazy().map_batches(count, schema=frame.schema)


def test_the_query_is_run_once_for_the_whole_call(org: Org) -> None:
    runs: list[int] = []
    result = bulk(_counted(_frame(), runs)).insert("Contact", org=org)
    result.failed_results.collect()
    result.to_frame().collect()
    assert runs == [10]


def test_results_are_lazy_and_equal_to_those_of_a_dataframe(org: Org) -> None:
    lazy = bulk(_frame().lazy()).insert("Contact", org=org)
    eager = bulk(_frame()).insert("Contact", org=org)
    for name in ("successful_results", "failed_results", "unprocessed_records"):
        got, expected = getattr(lazy, name), getattr(eager, name)
        assert isinstance(got, pl.LazyFrame)
        assert got.collect_schema() == expected.schema
        no_ids = [c for c in expected.columns if c != "sf__Id"]
        assert_frame_equal(got.collect().select(no_ids), expected.select(no_ids))


def test_every_column_comes_back_with_its_dtype_and_values(org: Org) -> None:
    frame = every_dtype()
    result = bulk(frame.lazy()).insert("Contact", org=org, columns=["LastName"])
    good = result.successful_results
    assert good.collect_schema() == {**frame.schema, "sf__Id": pl.String, "sf__Created": pl.Boolean}
    assert_frame_equal(good.drop("sf__Id", "sf__Created").collect(), frame[[0, 2]])
    assert_frame_equal(result.failed_results.drop("sf__Id", "sf__Error").collect(), frame[[1]])


def test_a_date_field_takes_the_date_in_the_values_own_zone(org: Org) -> None:
    frame = pl.DataFrame({"Birthdate": ["2026-01-31T23:30:00"], "LastName": ["a"]}).with_columns(
        pl.col("Birthdate").str.to_datetime().dt.replace_time_zone("America/New_York")
    )
    (payload,) = bulk(frame.lazy()).payloads("Contact", "insert", org=org)
    assert payload.splitlines()[1] == b'"2026-01-31","a"'


QUERIES: dict[str, Callable[[pl.LazyFrame], pl.LazyFrame]] = {
    "filter": lambda f: f.filter(pl.col("Score__c") > 3),
    "filter on a result column": lambda f: f.filter(pl.col("sf__Outcome") == "failed"),
    "head": lambda f: f.head(3),
    "row index alone": lambda f: f.with_row_index().select("index"),
    "head before filter": lambda f: f.head(5).filter(pl.col("Score__c") > 3),
    "filter before head": lambda f: f.filter(pl.col("Score__c") > 3).head(2),
    "head of nothing": lambda f: f.head(0),
    "tail": lambda f: f.tail(2),
    "slice": lambda f: f.slice(2, 3),
    "select": lambda f: f.select("Score__c"),
    "select a result column": lambda f: f.select("sf__Outcome"),
    "select in another order": lambda f: f.select("sf__Error", "LastName"),
    "len": lambda f: f.select(pl.len()),
    "len of a filter": lambda f: f.filter(pl.col("LastName").is_null()).select(pl.len()),
    "select then filter on another": lambda f: f.filter(pl.col("Score__c") > 3).select("LastName"),
    "with_columns": lambda f: f.with_columns(twice=pl.col("Score__c") * 2),
    "group_by": lambda f: f.group_by("sf__Outcome", maintain_order=True).agg(pl.col("Score__c").sum()),
    "sort": lambda f: f.sort("Score__c", descending=True),
    "self join": lambda f: f.join(f.select("Score__c", other="LastName"), on="Score__c", maintain_order="left"),
    "concat": lambda f: pl.concat([f, f]),
}


@pytest.fixture(scope="module")
def loaded(started_org: Org) -> pl.LazyFrame:
    """A result that lies in several pieces, over which one query after the other is run."""
    return bulk(_frame().lazy()).insert("Contact", org=started_org, max_records=3).to_frame()


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
def test_a_query_over_a_lazy_result_gives_what_it_gives_over_the_collected_one(
    query: Callable[[pl.LazyFrame], pl.LazyFrame], engine: Any, loaded: pl.LazyFrame
) -> None:
    expected = query(loaded.collect().lazy()).collect()
    assert_frame_equal(query(loaded).collect(engine=engine), expected, check_row_order=engine == "in-memory")


def test_the_folder_is_the_owners_alone_and_goes_with_the_last_frame(
    org: Org, spools: Callable[[], list[Path]]
) -> None:
    result = bulk(_frame().lazy()).insert("Contact", org=org)
    (folder,) = spools()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    derived = result.successful_results.filter(pl.col("Score__c") > 3).select("LastName")
    del result
    assert spools() == [folder]
    assert derived.collect()["LastName"].to_list() == ["n4", "n5", "n6", "n8", "n9"]
    del derived
    assert spools() == []


def test_no_folder_is_left_where_the_call_is_refused(org: Org, spools: Callable[[], list[Path]]) -> None:
    with pytest.raises(sfframe.PayloadError):
        bulk(pl.DataFrame({"LastName": ["x" * 81]}).lazy()).insert("Contact", org=org)
    assert spools() == []


def test_no_folder_is_left_by_payloads_and_checks(org: Org, spools: Callable[[], list[Path]]) -> None:
    assert len(list(bulk(_frame().lazy()).payloads("Contact", "insert", org=org))) == 1
    assert bulk(_frame().lazy()).check("Contact", "insert", org=org).height == 0
    assert spools() == []


def test_groups_over_a_spool_are_the_same_as_over_memory(org: Org) -> None:
    frame = pl.DataFrame({"LastName": [str(i) for i in range(50)], "Title": [f"g{i * 7 % 5}" for i in range(50)]})
    options: dict[str, Any] = {"org": org, "group_by": "Title", "max_records": 15}
    parts = [
        [p.decode().splitlines()[1:] for p in bulk(f).payloads("Contact", "insert", **options)]
        for f in (frame, frame.lazy())
    ]
    assert parts[0] == parts[1]
    result = bulk(frame.lazy()).insert("Contact", **options)
    assert result.successful_results.collect()["LastName"].to_list() == frame["LastName"].to_list()


def test_a_retry_of_a_lazy_result_outlives_it(org: Org, local: sfframe.LocalOrg) -> None:
    local.rules["Contact"] = lambda record: "not yet"
    result = bulk(_frame(3).lazy()).insert("Contact", org=org)
    local.rules.clear()
    again = result.retry()
    del result
    assert again.successful_results.collect()["LastName"].to_list() == ["n0", "n1", "n2"]
