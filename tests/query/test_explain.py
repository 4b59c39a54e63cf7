"""What a plan would ask the org for, told beforehand; and afterwards what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import polars as pl
import pytest

import sfframe
from sfframe import LocalOrg, Org, PollPolicy, bulk, explain_soql, scan_sobject
from sfframe.org.auth import ClientCredentials

FEW = 40


@pytest.fixture(scope="module")
def village() -> Iterator[LocalOrg]:
    """A few contacts."""
    with LocalOrg() as local:
        names = {"LastName": [f"L{n}" for n in range(FEW)], "Score__c": [float(n % 10) for n in range(FEW)]}
        bulk(pl.DataFrame(names)).insert("Contact", org=local.org)
        yield local


@pytest.fixture
def scan(village: LocalOrg) -> pl.LazyFrame:
    lf = scan_sobject("Contact", parents=["Account.Name"], org=village.org)
    lf.collect_schema()
    village.requests.clear()
    return lf


def kinds(local: LocalOrg) -> set[str]:
    return {one.kind for one in local.requests} - {"token", "describe"}


def test_each_part_of_a_filter_has_a_row_that_tells_what_becomes_of_it(scan: pl.LazyFrame) -> None:
    told = explain_soql(
        scan.filter(
            pl.col("LastName") == "L5", pl.col("Birthdate").is_null(), pl.col("Title").str.len_chars() == 3
        ).select("Score__c")
    )
    assert set(told.predicates["where"]) == {"sent", "prefilter", "local"}
    assert told.predicates.columns == ["predicate", "where", "reason"]
    assert "Birthdate" in told.predicates.filter(pl.col("where") == "sent")["predicate"].item()
    assert told.soql.startswith("SELECT ")
    assert "Birthdate = null" in told.soql
    assert "LastName = 'L5'" in told.soql
    assert "Title" not in told.soql.partition(" WHERE ")[2]


def test_explaining_reads_no_row_and_makes_no_job(village: LocalOrg, scan: pl.LazyFrame) -> None:
    told = explain_soql(scan.filter(pl.col("LastName") == "L5"))
    assert told.transport == "rest"
    assert told.why.startswith("1 rows")
    assert village.count("rest") == 1  # the COUNT()
    assert kinds(village) == {"rest"}


def test_a_head_needs_no_count(village: LocalOrg, scan: pl.LazyFrame) -> None:
    told = explain_soql(scan.head(7).filter(pl.col("LastName") == "L5").select("LastName"))
    assert told.soql == "SELECT LastName FROM Contact LIMIT 7"
    # Polars 1 keeps such a filter to itself.
    assert all(where == "local" and "head" in reason for _, where, reason in told.predicates.iter_rows())
    assert not village.requests


def test_rows_are_told_after_a_run_of_the_plan(village: LocalOrg, scan: pl.LazyFrame) -> None:
    plan = scan.filter(pl.col("LastName") == "L5", pl.col("Title").str.len_chars().is_null()).select("Id")
    before = explain_soql(plan)
    assert (before.rows_shipped, before.rows_given) == (None, None)
    assert plan.collect().height == 1
    after = explain_soql(plan)
    assert (after.rows_shipped, after.rows_given) == (1, 1)
    assert after.why == before.why
    other = explain_soql(scan.filter(pl.col("LastName") == "L6").select("Id"))
    assert other.rows_shipped is None


def test_rows_that_came_and_were_not_wanted_are_counted(scan: pl.LazyFrame) -> None:
    plan = scan.filter(pl.col("LastName").str.to_lowercase() == "l5").select("Id")
    plan.collect()
    told = explain_soql(plan)
    assert (told.rows_shipped, told.rows_given) == (FEW, 1)
    assert "40 rows came, 1 of them were wanted" in repr(told)


def test_of_a_list_that_is_split_the_reason_tells_which_statement_is_meant(scan: pl.LazyFrame) -> None:
    plan = scan.filter(pl.col("LastName").is_in([f"L{n} {'x' * 50}" for n in range(400)] + ["L7"]))
    before = explain_soql(plan)
    n = len(before.statements)
    assert n > 1
    assert before.why.endswith(f"(the first of {n} statements)")
    assert plan.collect().height == 1
    after = explain_soql(plan)
    assert after.why.endswith(f"(the last of {n} statements)")
    assert after.rows_shipped == 1


def test_a_plan_with_several_scans_tells_of_each(scan: pl.LazyFrame, village: LocalOrg) -> None:
    accounts = scan_sobject("Account", org=village.org).select("Id", "Name")
    plan = scan.filter(pl.col("LastName") == "L5").join(accounts, left_on="AccountId", right_on="Id")
    told = explain_soql(plan)
    assert [one.soql.partition(" FROM ")[2].split()[0] for one in told.scans] == ["Contact", "Account"]
    assert told.soql == told.scans[0].soql
    assert "scan 2 of 2" in repr(told)


def test_a_scan_that_is_used_twice_is_told_twice(scan: pl.LazyFrame) -> None:
    plan = scan.select("Id", "LastName").join(scan.filter(pl.col("Score__c") == 3).select("Id"), on="Id")
    assert ["WHERE" in one.soql for one in explain_soql(plan).scans] == [False, True]


def test_the_rest_of_a_plan_is_not_run_further_than_needed(scan: pl.LazyFrame) -> None:
    def never(frame: pl.DataFrame) -> pl.DataFrame:
        raise AssertionError("the plan's own steps were run")

    plan = scan.select("Id").map_batches(never, schema={"Id": pl.String})
    assert explain_soql(plan).soql == "SELECT Id FROM Contact"


def test_a_plan_without_a_scan_is_refused(tmp_path: Path, scan: pl.LazyFrame) -> None:
    with pytest.raises(ValueError, match=r"no sfframe\.scan_sobject"):
        explain_soql(pl.LazyFrame({"a": [1]}).filter(pl.col("a") > 0))


def test_a_plan_that_writes_a_file_is_refused(tmp_path: Path, scan: pl.LazyFrame) -> None:
    path = tmp_path / "kept.parquet"
    path.write_text("mine")
    with pytest.raises(ValueError, match="before the sink"):
        explain_soql(scan.sink_parquet(path, lazy=True))
    assert path.read_text() == "mine"


def test_a_plan_that_needs_nothing_of_the_scan_asks_nothing(scan: pl.LazyFrame) -> None:
    assert "nothing is asked" in repr(explain_soql(scan.head(0)))


def test_options_belong_to_the_scan(scan: pl.LazyFrame, village: LocalOrg) -> None:
    with pytest.raises(TypeError, match="from scan_sobject"):
        explain_soql(scan, org=village.org)


def test_a_statement_is_told_with_its_values(village: LocalOrg) -> None:
    soql = "SELECT Id FROM Contact WHERE LastName = :name"
    told = explain_soql(soql, params={"name": "O'Neil"}, org=village.org)
    assert told.soql == r"SELECT Id FROM Contact WHERE LastName = 'O\'Neil'"
    assert (told.transport, told.scans, told.predicates.height) == ("rest", (), 0)
    assert explain_soql("SELECT Id FROM Contact", api="bulk", org=village.org).transport == "bulk"


def test_the_page_is_escaped(scan: pl.LazyFrame) -> None:
    html = explain_soql(scan.filter(pl.col("LastName") == "<script>"))._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


@pytest.fixture
def secret(village: LocalOrg) -> Org:
    """An org that knows an object with a field that looks as if it could be filtered by, and can't."""
    org = Org(village.url, ClientCredentials(village.client_id, village.client_secret), poll=PollPolicy(first_wait_s=0))
    village.define("Secret__c", {"Code__c": "string", "N__c": "int"})
    sfframe.run(org.describe("Secret__c"))
    village.define("Secret__c", {"Code__c": {"type": "string", "filterable": False}, "N__c": "int"})
    bulk(pl.DataFrame({"Code__c": ["a", "b", "A"], "N__c": [1, 2, 3]})).insert("Secret__c", org=village.org)
    return org


@pytest.mark.parametrize(("api", "kind"), [("auto", "rest"), ("rest", "rest"), ("bulk", "query_create")])
def test_a_filter_that_the_org_refuses_is_applied_here_and_told_so(
    secret: Org, village: LocalOrg, api: Literal["auto", "rest", "bulk"], kind: str
) -> None:
    scan = scan_sobject("Secret__c", api=api, org=secret)
    plan = scan.filter(pl.col("Code__c") == "a", pl.col("N__c") > 0).select("N__c").unique()
    village.requests.clear()
    assert plan.collect()["N__c"].to_list() == [1]
    assert [one.status for one in village.requests if one.kind == kind] == [400, 200]
    told = explain_soql(plan)
    assert told.predicates["where"].to_list() == ["local", "local"]
    assert "can not be filtered" in told.predicates["reason"][0]
    assert "WHERE" not in told.soql


def test_a_statement_that_is_wrong_without_its_filter_too_is_an_error(secret: Org, village: LocalOrg) -> None:
    plan = scan_sobject("Secret__c", org=secret).filter(pl.col("Code__c") == "a")
    village.define("Secret__c", {"N__c": "int"})
    with pytest.raises(sfframe.ApiError, match="No such column"):
        plan.collect()
