"""The org as a LazyFrame: what travels, when, and that the rows are those of the whole object."""

from __future__ import annotations

import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import sfframe
from sfframe import LocalOrg, scan_sobject
from sfframe.org.query_jobs import QueryJobs
from sfframe.org.rest import Rest
from tests.query.conftest import MANY

Engine = Literal["in-memory", "streaming"]
JOB = ["query_create", "query_get", "query_pages", "query_results"]


@pytest.fixture
def scan(crowd: LocalOrg, asked: list[str]) -> pl.LazyFrame:
    crowd.requests.clear()
    names = ["Id", "LastName", "AccountId", "Score__c", "Description", "Account.Name", "Owner.Name"]
    return scan_sobject("Contact", parents=names[-2:], org=crowd.org).select(names)


@pytest.fixture(scope="module")
def whole(crowd: LocalOrg) -> pl.DataFrame:
    """The same as a table."""
    soql = "SELECT Id, LastName, AccountId, Score__c, Description, Account.Name, Owner.Name FROM Contact"
    found: pl.DataFrame = sfframe.read_soql(soql, api="bulk", org=crowd.org)
    return found


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that are sent, over whichever transport; each says which."""
    found: list[str] = []
    query, create_job = Rest.query, QueryJobs.create_job

    async def spied_query(self: Rest, soql: str, **options: Any) -> Any:
        found.append(f"rest: {soql}")
        return await query(self, soql, **options)

    async def spied_job(self: QueryJobs, soql: str, *options: Any) -> Any:
        found.append(f"bulk: {soql}")
        return await create_job(self, soql, *options)

    monkeypatch.setattr(Rest, "query", spied_query)
    monkeypatch.setattr(QueryJobs, "create_job", spied_job)
    return found


@pytest.fixture(params=["in-memory", "streaming"])
def engine(request: pytest.FixtureRequest) -> Engine:
    found: Engine = request.param
    return found


def kinds(local: LocalOrg) -> list[str]:
    """The kinds of the requests for data, each once, in order."""
    return list(dict.fromkeys(one.kind for one in local.requests if one.kind not in ("token", "describe")))


def test_nothing_is_asked_before_the_schema_is_and_describe_alone_before_collect(crowd: LocalOrg) -> None:
    with crowd.org:
        org = sfframe.Org(crowd.url, sfframe.ClientCredentials(crowd.client_id, crowd.client_secret))
    crowd.requests.clear()
    lf = scan_sobject("contact", parents=["account.name"], org=org)
    lf = lf.select("LastName", "Account.Name").filter(pl.col("LastName") == "L1")
    assert not crowd.requests
    assert lf.collect_schema() == {"LastName": pl.String, "Account.Name": pl.String}
    assert {one.kind for one in crowd.requests} == {"token", "describe"}


def test_the_columns_are_those_that_queries_give_by_describe_then_the_parents(crowd: LocalOrg) -> None:
    scan = scan_sobject("Everything__c", parents=["owner.name"], decimals=True, multiselect="list", org=crowd.org)
    schema = scan.collect_schema()
    described = {field["name"]: field["type"] for field in crowd.describe("Everything__c")["fields"]}
    left_out = {"address", "location"}
    assert left_out & set(described.values())
    assert schema.names() == [*(name for name, type_ in described.items() if type_ not in left_out), "Owner.Name"]
    dtypes = {described[name]: dtype for name, dtype in schema.items() if name in described}
    assert dtypes["multipicklist"] == pl.List(pl.String)
    assert isinstance(dtypes["currency"], pl.Decimal)
    assert dtypes["datetime"] == pl.Datetime("us", "UTC")


def test_a_collect_gives_all_rows_with_the_columns_of_the_schema(scan: pl.LazyFrame, engine: Engine) -> None:
    frame = scan.collect(engine=engine)
    assert frame.schema == scan.collect_schema()
    assert frame["LastName"].n_unique() == frame.height == MANY
    assert frame["Account.Name"].null_count() == MANY // 7


def test_the_select_list_is_what_the_plan_uses(asked: list[str], scan: pl.LazyFrame, engine: Engine) -> None:
    frame = scan.select("LastName", pl.col("Account.Name").str.to_uppercase().alias("a")).head(3).collect(engine=engine)
    assert frame.columns == ["LastName", "a"]
    assert asked == ["rest: SELECT LastName, Account.Name FROM Contact LIMIT 3"]


def test_a_head_before_the_filter_travels_and_the_filter_does_not(
    asked: list[str], scan: pl.LazyFrame, engine: Engine
) -> None:
    frame = scan.select("LastName").head(20).filter(pl.col("LastName") == "none").collect(engine=engine)
    assert frame.height == 0
    assert asked == ["rest: SELECT LastName FROM Contact LIMIT 20"]


def test_a_head_of_nothing_asks_for_no_rows(crowd: LocalOrg, scan: pl.LazyFrame, engine: Engine) -> None:
    assert scan.head(0).collect(engine=engine).shape == (0, len(scan.collect_schema()))
    assert kinds(crowd) == []


def test_a_large_head_is_a_job_with_a_limit(crowd: LocalOrg, scan: pl.LazyFrame, engine: Engine) -> None:
    assert scan.select("Id").head(10_200).collect(engine=engine)["Id"].n_unique() == 10_200
    assert kinds(crowd) == ["rest", *JOB]


def test_a_head_behind_a_filter_is_full_with_the_first_page_and_makes_no_job(
    crowd: LocalOrg, scan: pl.LazyFrame
) -> None:
    assert scan.filter(pl.col("LastName").str.contains("[13579]$")).head(50).collect(engine="streaming").height == 50
    assert kinds(crowd) == ["rest"]
    assert crowd.count("rest") == 1


def test_the_first_page_and_the_job_after_it_give_each_row_once(
    crowd: LocalOrg, scan: pl.LazyFrame, engine: Engine
) -> None:
    frame = scan.filter(pl.col("LastName") != "L77").select("LastName").collect(engine=engine)
    assert sorted(frame["LastName"]) == sorted(f"L{n}" for n in range(MANY) if n != 77)
    assert kinds(crowd) == ["rest", *JOB]


def test_a_count_ships_one_narrow_column(asked: list[str], scan: pl.LazyFrame, engine: Engine) -> None:
    assert scan.select(pl.len()).collect(engine=engine).item() == MANY
    assert not any("," in soql for soql in asked)


@pytest.mark.parametrize("api", ["rest", "bulk"])
def test_the_transport_can_be_chosen(crowd: LocalOrg, api: Literal["rest", "bulk"], engine: Engine) -> None:
    crowd.requests.clear()
    scan = scan_sobject("Contact", api=api, org=crowd.org)
    filtered = scan.filter(pl.col("Score__c") == 7).select("LastName")
    assert filtered.collect(engine=engine).height == sum(n % 100 == 7 and n % 11 != 0 for n in range(MANY))
    assert kinds(crowd) == (["rest"] if api == "rest" else JOB)


@pytest.mark.parametrize(("n_names", "n_statements"), [(300, 1), (2_000, 3), (20_000, 2)])
def test_a_long_list_is_split_and_gives_each_row_once(
    asked: list[str], scan: pl.LazyFrame, n_names: int, n_statements: int
) -> None:
    names = [f"{letter}{n}" for n in range(n_names // 2) for letter in "Ll"]  # SOQL can't tell these apart
    found = scan.filter(pl.col("LastName").is_in(names)).select("LastName").collect()
    assert sorted(found["LastName"]) == sorted(f"L{n}" for n in range(min(n_names // 2, MANY)))
    assert len([soql for soql in asked if soql.startswith("rest:")]) == n_statements
    assert max(len(soql.removeprefix("rest: ")) for soql in asked) <= 100_000


PLANS: dict[str, Any] = {
    "filter head": lambda lf: lf.filter(pl.col("Score__c") > 50).head(5).select(pl.len()),
    "head filter": lambda lf: lf.sort("LastName").head(5).filter(pl.col("Score__c") > 50),
    "tail": lambda lf: lf.tail(7).select(pl.len()),
    "slice": lambda lf: lf.slice(5, 9).select(pl.len()),
    "sort": lambda lf: lf.sort("Score__c", "LastName", nulls_last=True).tail(4),
    "row index": lambda lf: lf.with_row_index().filter(pl.col("index") >= MANY - 3).select("index"),
    "unique": lambda lf: lf.select("Account.Name").unique(),
    "group by": lambda lf: lf.group_by("Account.Name").agg(pl.len(), pl.col("Score__c").sum()),
    "literal": lambda lf: lf.select(pl.lit(1)),
    "literal column": lambda lf: lf.with_columns(one=pl.lit(1)).select(pl.col("one").sum()),
    "no columns": lambda lf: lf.select(),
    "self join": lambda lf: lf.select("Id", "LastName").join(lf.filter(pl.col("Score__c") == 3), on="Id"),
    "same scan twice": lambda lf: pl.concat([lf, lf]).select(pl.len(), pl.col("LastName").n_unique()),
    "null": lambda lf: lf.filter(pl.col("Account.Name").is_null(), pl.col("Description").is_not_null()),
}


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_gives_what_it_gives_on_the_whole_table(
    crowd: LocalOrg, whole: pl.DataFrame, scan: pl.LazyFrame, engine: Engine, name: str
) -> None:
    plan = PLANS[name]
    assert_frame_equal(plan(scan).collect(engine=engine), plan(whole.lazy()).collect(), check_row_order=False)


def test_batches_come_as_they_are_asked_for(crowd: LocalOrg, scan: pl.LazyFrame) -> None:
    batches = scan.select("Id", "LastName").collect_batches(engine="streaming")
    assert sum(batch.height for batch in batches) == MANY


def test_a_scan_goes_to_a_file(crowd: LocalOrg, scan: pl.LazyFrame, whole: pl.DataFrame, tmp_path: Path) -> None:
    scan.filter(pl.col("Score__c") < 50).sink_parquet(tmp_path / "few.parquet")
    found = pl.read_parquet(tmp_path / "few.parquet")
    assert_frame_equal(found, whole.filter(pl.col("Score__c") < 50), check_row_order=False)


def test_scans_are_collected_together(crowd: LocalOrg, scan: pl.LazyFrame) -> None:
    first, second = pl.collect_all([scan.select(pl.len()), scan.filter(pl.col("LastName") == "L5").select("LastName")])
    assert (first.item(), second.item()) == (MANY, "L5")


async def test_a_scan_is_collected_in_asyncio_code(crowd: LocalOrg, scan: pl.LazyFrame) -> None:
    assert scan.head(3).collect().height == 3
    assert (await scan.head(3).collect_async()).height == 3


def _count(pickled: bytes) -> int:
    found: int = pickle.loads(pickled).select(pl.len()).collect().item()
    return found


def test_a_pickled_scan_works_in_another_process(scan: pl.LazyFrame) -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert pool.submit(_count, pickle.dumps(scan.filter(pl.col("LastName") == "L7"))).result(60) == 1


def test_a_scan_that_was_serialized_is_read_again(scan: pl.LazyFrame, tmp_path: Path) -> None:
    scan.head(2).serialize(tmp_path / "plan")
    assert pl.LazyFrame.deserialize(tmp_path / "plan").collect().height == 2


def test_the_org_is_settled_by_the_call(crowd: LocalOrg) -> None:
    with crowd.org:
        scan = scan_sobject("Account")
    assert scan.collect().height == 5


def test_options_are_those_of_the_org_where_the_call_has_none(crowd: LocalOrg) -> None:
    auth = sfframe.ClientCredentials(crowd.client_id, crowd.client_secret)
    org = sfframe.Org(crowd.url, auth, defaults={"multiselect": "list"})
    assert scan_sobject("Contact", org=org).collect_schema()["Languages__c"] == pl.List(pl.String)
    assert scan_sobject("Contact", multiselect="text", org=org).collect_schema()["Languages__c"] == pl.String


def test_an_option_that_can_not_be_is_refused_at_the_call(org: sfframe.Org) -> None:
    with pytest.raises(ValueError, match="api='soap' is none of"):
        scan_sobject("Contact", api="soap", org=org)  # type: ignore[arg-type]  # what a notebook doesn't check


def test_an_unknown_parent_is_told_with_what_may_be_meant(crowd: LocalOrg) -> None:
    with pytest.raises(pl.exceptions.ComputeError, match=r"SoqlError: .*Did you mean 'Name'"):
        scan_sobject("Contact", parents=["Account.Nmae"], org=crowd.org).collect_schema()


@pytest.mark.parametrize(
    ("parents", "expected"),
    [
        (["Name"], "no path to a field of a parent"),
        ("Account.Name", "give a list of paths"),
        (["A.B.C.D.E.F.Name"], "over 6 parents: SOQL goes over 5"),
        (["Account.Name FROM User"], "no path"),
    ],
)
def test_parents_that_can_not_be_are_refused_at_the_call(org: sfframe.Org, parents: Any, expected: str) -> None:
    with pytest.raises(sfframe.SoqlError, match=expected):
        scan_sobject("Contact", parents=parents, org=org)


def test_a_statement_is_no_object(org: sfframe.Org) -> None:
    with pytest.raises(sfframe.SoqlError, match="no name of an object"):
        scan_sobject("SELECT Id FROM Contact", org=org)
