"""Scans of many rows in an org where something goes wrong, or changes, between the first page and the query job."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Literal

import polars as pl
import pytest

from sfframe import LocalOrg, bulk, explain_soql, scan_sobject
from sfframe.errors import ApiError
from sfframe.org.query_jobs import QueryJobs
from sfframe.testing import Fault
from sfframe.verbs import ingest_async

N = 10_050  # more than what is read over REST alone
PAGE = 2_000
LATE = "REST hadn't the time to answer (QUERY_TIMEOUT), and a query job has"

Engine = Literal["in-memory", "streaming"]


@pytest.fixture(scope="module")
def filled() -> Iterator[LocalOrg]:
    with LocalOrg() as local:
        local.define("Thing__c", {"N__c": "int", "Text__c": "string"})
        bulk(pl.DataFrame({"N__c": range(N), "Text__c": "x"})).insert("Thing__c", org=local.org)
        yield local


@pytest.fixture
def local(filled: LocalOrg) -> Iterator[LocalOrg]:
    filled.requests.clear()
    yield filled
    filled.faults.clear()


@pytest.fixture
def scan(local: LocalOrg) -> pl.LazyFrame:
    lf = scan_sobject("Thing__c", org=local.org).select("Id", "N__c", "Text__c")
    lf.collect_schema()
    local.requests.clear()
    return lf


@pytest.fixture(params=["in-memory", "streaming"])
def engine(request: pytest.FixtureRequest) -> Engine:
    found: Engine = request.param
    return found


def too_long() -> Fault:
    return Fault("rest", "status", status=400, error_code="QUERY_TIMEOUT", error="too long")


def are_all(frame: pl.DataFrame) -> bool:
    return sorted(frame["N__c"]) == list(range(N))


@pytest.mark.parametrize("is_filtered", [True, False])
def test_a_first_page_that_takes_too_long_leaves_it_to_a_job_with_the_filter(
    local: LocalOrg, scan: pl.LazyFrame, is_filtered: bool
) -> None:
    plan = scan.filter(pl.col("Text__c") == "x") if is_filtered else scan
    local.faults.append(too_long())
    assert are_all(plan.collect())
    assert [local.count(kind) for kind in ("rest", "query_create")] == [1, 1]
    told = explain_soql(plan)
    assert (told.transport, told.why, told.rows_shipped) == ("bulk", LATE, N)
    assert ("Text__c = 'x'" in told.soql) == is_filtered


def test_explaining_expects_a_job_where_the_count_takes_too_long(local: LocalOrg, scan: pl.LazyFrame) -> None:
    local.faults.append(too_long())
    told = explain_soql(scan.select("N__c").filter(pl.col("N__c") < 8))
    assert told.transport == "bulk"
    assert told.why.startswith("REST hadn't the time to count the rows (QUERY_TIMEOUT)")
    assert told.soql.endswith("WHERE N__c <= 7")


def test_few_rows_of_such_a_job_are_all_there_is(local: LocalOrg, scan: pl.LazyFrame) -> None:
    local.faults.append(too_long())
    plan = scan.filter(pl.col("N__c") < 7)
    assert plan.collect()["N__c"].sum() == 21
    assert (explain_soql(plan).why, local.count("rest"), local.count("query_create")) == (LATE, 1, 1)


def test_a_job_that_fails_since_it_is_not_for_bulk_leaves_the_rest_to_rest(local: LocalOrg, scan: pl.LazyFrame) -> None:
    local.faults.append(Fault("job", "fail", error="InvalidBatch : not supported in Bulk"))
    plan = scan.filter(pl.col("Text__c") == "x")
    assert are_all(plan.collect())
    told = explain_soql(plan)
    assert (told.transport, told.rows_shipped) == ("rest", N)
    assert "not supported in Bulk" in told.why


def test_a_job_that_fails_otherwise_is_an_error(local: LocalOrg, scan: pl.LazyFrame) -> None:
    local.faults.append(Fault("job", "fail", error="QUERY_TIMEOUT : too long"))
    # Old releases of Polars give it as an error of their own, with the text of ours.
    with pytest.raises((ApiError, pl.exceptions.ComputeError), match="ended as Failed: QUERY_TIMEOUT"):
        scan.filter(pl.col("Text__c") == "x").collect()


def test_why_there_was_no_job_is_told_where_the_first_page_was_enough(local: LocalOrg, scan: pl.LazyFrame) -> None:
    plan = scan.filter(pl.col("Text__c") == "x").head(10)
    assert plan.collect(engine="streaming").height == 10
    assert local.count("query_create") == 0
    told = explain_soql(plan)
    assert (told.transport, told.rows_shipped) == ("rest", PAGE)
    assert told.why == f"{N:,} rows, and the first page over REST had all that was wanted"


@pytest.mark.parametrize(
    "faults",
    [
        lambda: [Fault("rest", "truncate", looks_whole=True), Fault("query_results", "drop", when="answering")],
        lambda: [Fault("rest", "html"), Fault("query_results", "truncate", looks_whole=True)],
        lambda: [Fault("query_results", "truncate", at="middle", looks_whole=True), Fault("query_create", "expire")],
        lambda: [Fault("query_get", "drop"), Fault("query_results", "expire")],
        lambda: [Fault("job", "vanish")],
    ],
)
def test_faults_neither_lose_a_row_nor_give_one_twice(
    local: LocalOrg, scan: pl.LazyFrame, engine: Engine, faults: Callable[[], list[Fault]]
) -> None:
    local.faults.extend(faults())
    assert are_all(scan.filter(pl.col("Text__c") == "x").collect(engine=engine))


def test_what_changes_between_the_first_page_and_the_job_is_given_once(
    local: LocalOrg, scan: pl.LazyFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = scan.filter(pl.col("Text__c") == "x")
    ids = scan.sort("Id").select("Id").collect()["Id"].to_list()  # the org gives them in this order
    early, late, last = ids[0], ids[-1], ids[-2]

    async def change() -> None:
        await ingest_async(pl.DataFrame({"Id": [early, late], "Text__c": "X"}), "Thing__c", "update", org=local.org)
        await ingest_async(pl.DataFrame({"N__c": [N], "Text__c": ["x"]}), "Thing__c", "insert", org=local.org)
        await ingest_async(pl.DataFrame({"Id": [ids[1], last]}), "Thing__c", "delete", org=local.org)

    _before_the_job(monkeypatch, change)
    try:
        found = plan.collect()
    finally:
        _repair(local, [early, late], [ids[1], last])
    # Those of the first page are given as they were there, the others as the job saw them.
    assert found["Id"].is_unique().all()
    assert set(ids) - set(found["Id"]) == {late, last}
    assert found.filter(pl.col("N__c") == N).height == 1


def _before_the_job(monkeypatch: pytest.MonkeyPatch, act: Callable[[], Awaitable[None]]) -> None:
    create_job = QueryJobs.create_job
    waiting = [act]

    async def acting(self: QueryJobs, soql: str, *options: Any) -> Any:
        if waiting:
            await waiting.pop()()
        return await create_job(self, soql, *options)

    monkeypatch.setattr(QueryJobs, "create_job", acting)


def _repair(local: LocalOrg, changed: list[str], gone: list[str]) -> None:
    """As it was, but for ids."""
    bulk(pl.DataFrame({"Id": changed, "Text__c": "x"})).update("Thing__c", org=local.org)
    bulk(scan_sobject("Thing__c", org=local.org).filter(pl.col("N__c") == N).select("Id").collect()).delete(
        "Thing__c", org=local.org
    )
    whole = scan_sobject("Thing__c", org=local.org).select("N__c").collect()["N__c"]
    missing = sorted(set(range(N)) - set(whole))
    assert len(missing) == len(gone)
    bulk(pl.DataFrame({"N__c": missing, "Text__c": "x"})).insert("Thing__c", org=local.org)
