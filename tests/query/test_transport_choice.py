"""Which transport a read takes: one request decides, or the statement itself; and what is said about it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import polars as pl
import pytest

import sfframe
from sfframe.errors import ApiError, QuotaReserved, SoqlError
from sfframe.org.org import Org
from sfframe.query.pages.route import by_size, count_of, explain
from sfframe.query.read import Reading, ReadRequest
from sfframe.query.soql.statement import parse
from sfframe.testing import Fault, Manners
from tests.at_once import org_of

from .conftest import contacts_named

N = 2_100  # more than a page of REST
ORDERED = "SELECT LastName FROM Contact ORDER BY LastName"
NAMES = [f"N{n:04}" for n in range(N)]


@pytest.fixture(scope="module")
def filled() -> Iterator[sfframe.LocalOrg]:
    """A local org that tests only read."""
    with contacts_named(NAMES) as local:
        yield local


@pytest.fixture
def local(only_read: sfframe.LocalOrg) -> sfframe.LocalOrg:
    return only_read


@pytest.fixture
async def org(local: sfframe.LocalOrg) -> AsyncIterator[Org]:
    async with org_of(local) as org:
        yield org


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """What counts as small is less than the org holds."""
    monkeypatch.setattr("sfframe.query.pages.route.SMALL_ROWS", 2_050)


async def read(org: Org, soql: str, **options: Any) -> tuple[Reading, pl.DataFrame]:
    reading = Reading(org, ReadRequest(soql=soql, **options))
    try:
        await reading.open()
        return reading, pl.concat([frame async for frame in reading.frames()])
    finally:
        await reading.close()


class Count:
    """Requests since it was made."""

    def __init__(self, local: sfframe.LocalOrg) -> None:
        self._local = local
        self._before: dict[str, int] = {kind: local.count(kind) for kind in ("rest", "query_create", "limits")}

    def __getitem__(self, kind: str) -> int:
        return int(self._local.count(kind)) - self._before[kind]


# By size.


async def test_a_small_result_costs_one_request_and_no_job(local: sfframe.LocalOrg, org: Org) -> None:
    count = Count(local)
    reading, frame = await read(org, "SELECT LastName FROM Contact WHERE LastName < 'N0500' ORDER BY LastName")
    assert frame["LastName"].to_list() == NAMES[:500]
    assert (count["rest"], count["query_create"]) == (1, 0)
    assert (reading.transport, reading.job_id, reading.n_expected) == ("rest", None, 500)
    assert reading.why.startswith("500 rows are no more than 10,000")


async def test_a_result_of_a_few_pages_stays_on_rest(local: sfframe.LocalOrg, org: Org) -> None:
    count = Count(local)
    reading, frame = await read(org, ORDERED)
    assert frame["LastName"].to_list() == NAMES
    assert (reading.transport, count["rest"], count["query_create"]) == ("rest", 2, 0)


@pytest.mark.usefixtures("small")
async def test_a_large_result_is_a_query_job(local: sfframe.LocalOrg, org: Org) -> None:
    count = Count(local)
    reading, frame = await read(org, ORDERED)
    assert frame["LastName"].to_list() == NAMES
    assert (reading.transport, count["rest"], count["query_create"]) == ("bulk", 1, 1)
    assert reading.job_id is not None
    assert reading.why.startswith("2,100 rows are more than 2,050")


@pytest.mark.parametrize(("n", "transport"), [(0, "rest"), (10_000, "rest"), (10_001, "bulk"), (10**9, "bulk")])
def test_ten_thousand_rows_are_small(n: int, transport: str) -> None:
    route = by_size(ORDERED, n)
    assert (route.soql, route.transport) == (ORDERED, transport)
    assert f"{n:,} rows" in route.why


@pytest.mark.parametrize("api", ["rest", "bulk"])
async def test_a_transport_that_is_asked_for_is_taken(local: sfframe.LocalOrg, org: Org, api: Any) -> None:
    count = Count(local)
    reading, frame = await read(org, ORDERED, api=api)
    assert frame["LastName"].to_list() == NAMES
    assert (reading.transport, reading.why) == (api, f"api='{api}' was asked for")
    assert (count["rest"], count["query_create"]) == ((2, 0) if api == "rest" else (0, 1))


@pytest.mark.parametrize("api", ["rest", "bulk"])
async def test_all_rows_are_deleted_ones_too_over_both(api: Any) -> None:
    with sfframe.LocalOrg() as local:
        made = pl.DataFrame({"LastName": ["A", "B"]})
        ids = made.sfbulk.insert("Contact", org=local.org).successful_results  # type: ignore[attr-defined]  # as above
        ids.head(1).select(Id="sf__Id").sfbulk.delete("Contact", org=local.org)
        async with org_of(local) as org:
            for all_rows, n in [(False, 1), (True, 2)]:
                assert (await read(org, "SELECT LastName FROM Contact", api=api, all_rows=all_rows))[1].height == n


async def test_a_first_page_that_takes_too_long_leaves_it_to_a_job(local: sfframe.LocalOrg, org: Org) -> None:
    local.faults.append(Fault("rest", "status", status=400, error_code="QUERY_TIMEOUT", error="too long"))
    reading, frame = await read(org, ORDERED)
    assert frame["LastName"].to_list() == NAMES
    assert (reading.transport, reading.why[:24]) == ("bulk", "REST hadn't the time to ")


# By what Bulk takes.

REFUSED = {
    "SELECT COUNT() FROM Contact": "COUNT()",
    "SELECT COUNT(Id) n FROM Contact": "COUNT(), an aggregate",
    "SELECT LastName, MAX(CreatedDate) m FROM Contact GROUP BY LastName LIMIT 9": "GROUP BY",
    "SELECT LastName FROM Contact ORDER BY Id LIMIT 5 OFFSET 5": "OFFSET",
    "SELECT FIELDS(STANDARD) FROM Contact": "FIELDS()",
    "SELECT Id, (SELECT Id FROM Contacts) FROM Account": "subqueries",
    "SELECT TYPEOF Owner WHEN User THEN Name END FROM Contact": "TYPEOF",
    "SELECT MailingAddress FROM Contact": "the compound field MailingAddress",
}


@pytest.mark.parametrize("soql", REFUSED)
async def test_what_bulk_refuses_stays_on_rest_and_says_so(local: sfframe.LocalOrg, org: Org, soql: str) -> None:
    count = Count(local)
    route = await explain(org, ReadRequest(soql=soql))
    assert (count["rest"], route.transport) == (0, "rest")
    assert f"the Bulk API doesn't take {REFUSED[soql]}" in route.why
    with pytest.raises(SoqlError, match=r"Bulk API doesn't take .*api='rest'"):
        await read(org, soql, api="bulk")
    assert (count["rest"], count["query_create"]) == (0, 0)


@pytest.mark.parametrize(
    ("soql", "why"),
    [
        ("SELECT LastName FROM Contact LIMIT 10000", "LIMIT 10,000 asks for no more"),
        ("SELECT toLabel(LeadSource) FROM Contact", "what a query job calls a column of toLabel() isn't documented"),
    ],
)
async def test_what_is_surely_small_or_unsure_stays_on_rest(org: Org, soql: str, why: str) -> None:
    route = await explain(org, ReadRequest(soql=soql))
    assert route.transport == "rest"
    assert route.why.startswith(why)


async def test_a_refusal_of_the_orgs_own_is_told_with_a_way_out(local: sfframe.LocalOrg, org: Org) -> None:
    text = "InvalidEntity : Entity 'Contact' is not supported by the Bulk API."
    local.faults.append(Fault("query_create", "status", status=400, error_code="INVALIDENTITY", error=text))
    with pytest.raises(ApiError, match=r"the Bulk API refuses the statement: InvalidEntity.*api='rest'") as caught:
        await read(org, ORDERED, api="bulk")
    assert (caught.value.status, caught.value.error_code) == (400, "INVALIDENTITY")


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    "fault",
    [
        Fault(
            "query_create", "status", status=400, error_code="INVALIDENTITY", error="is not supported by the Bulk API"
        ),
        Fault(
            "query_create", "status", status=403, error_code="API_DISABLED_FOR_ORG", error="not supported by the Bulk"
        ),
        Fault("job", "fail", error="InvalidBatch : Aggregate Relationships not supported in Bulk Query"),
    ],
)
async def test_a_refused_job_goes_on_over_rest_with_the_page_that_is_there(
    local: sfframe.LocalOrg, org: Org, fault: Fault
) -> None:
    local.faults.append(fault)
    count = Count(local)
    reading, frame = await read(org, ORDERED)
    assert frame["LastName"].to_list() == NAMES
    assert (reading.transport, reading.job_id, count["rest"], count["query_create"]) == ("rest", None, 2, 1)
    assert "supported" in reading.why


@pytest.mark.usefixtures("small")
async def test_a_job_that_failed_for_another_reason_is_an_error(local: sfframe.LocalOrg, org: Org) -> None:
    local.faults.append(Fault("job", "fail", error="QUERY_TIMEOUT : too long"))
    with pytest.raises(ApiError, match="ended as Failed: QUERY_TIMEOUT"):
        await read(org, ORDERED)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("api", ["auto", "bulk"])
@pytest.mark.parametrize("code", ["LIMIT_EXCEEDED", "EXCEEDEDQUOTA"])
async def test_a_spent_quota_is_named_and_nothing_else_is_tried(
    local: sfframe.LocalOrg, org: Org, api: Any, code: str
) -> None:
    text = "Max bulk v2 query jobs (10000) per 24 hrs has been reached (10021)"
    local.faults.append(Fault("query_create", "status", status=400, error_code=code, error=text))
    count = Count(local)
    with pytest.raises(ApiError, match=r"10021.*DailyBulkV2QueryJobs.*api='rest'") as caught:
        await read(org, ORDERED, api=api)
    assert caught.value.error_code == code
    assert (count["rest"], count["query_create"]) == (int(api == "auto"), 1)


# Statements that can't be sent as they are.


def test_a_transport_that_there_isnt_is_refused() -> None:
    with pytest.raises(ValueError, match="api='soap' is none of 'auto', 'bulk', 'rest'"):
        ReadRequest(soql=ORDERED, api="soap")  # type: ignore[arg-type]  # that is the point


def test_a_statement_that_no_org_takes_is_refused() -> None:
    with pytest.raises(SoqlError, match="has 100,001 characters, and the org takes 100,000"):
        ReadRequest(soql="x" * 100_001)


@pytest.mark.parametrize("api", ["auto", "rest", "bulk"])
async def test_a_statement_too_long_for_an_address_is_sent_another_way(
    local: sfframe.LocalOrg, org: Org, api: Any
) -> None:
    listed = ", ".join(f"'{name}'" for name in [*NAMES, *(f"none {n}" for n in range(3_000))])
    reading, frame = await read(
        org, f"SELECT LastName FROM Contact WHERE LastName IN ({listed}) ORDER BY LastName", api=api
    )
    assert frame["LastName"].to_list() == NAMES
    assert reading.transport == ("bulk" if api == "bulk" else "rest")


async def test_a_long_statement_that_the_org_refuses_says_why(org: Org) -> None:
    with pytest.raises(ApiError, match="MALFORMED_QUERY") as caught:
        await read(org, f"SELECT LastName FROM Contact WHERE LastName IN ({', '.join(['oops'] * 4_000)})")
    assert caught.value.status == 400


# Told beforehand, and after.


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("soql", [ORDERED, f"{ORDERED} LIMIT 2060", "SELECT Id FROM Contact WHERE LastName < 'N0007'"])
async def test_what_is_explained_is_what_is_done(local: sfframe.LocalOrg, org: Org, soql: str) -> None:
    count = Count(local)
    route = await explain(org, ReadRequest(soql=soql))
    assert (count["rest"], count["query_create"]) == (1, 0)
    reading, _ = await read(org, soql)
    assert (route.soql, route.transport, route.why) == (soql, reading.transport, reading.why)


@pytest.mark.parametrize(
    ("soql", "counted"),
    [
        ("SELECT Id FROM Contact", "SELECT COUNT() FROM Contact"),
        ("select Id from Contact c where c.Name = 'ORDER BY' order by Id limit 5 for view",
         "SELECT COUNT() from Contact c where c.Name = 'ORDER BY'"),
        ("SELECT Id FROM Contact WHERE AccountId IN (SELECT Id FROM Account WHERE Name = 'x') LIMIT 9",
         "SELECT COUNT() FROM Contact WHERE AccountId IN (SELECT Id FROM Account WHERE Name = 'x')"),
    ],
)  # fmt: skip
def test_records_are_counted_by_the_statements_own_conditions(soql: str, counted: str) -> None:
    assert count_of(parse(soql)) == counted


@pytest.mark.usefixtures("small")
async def test_the_transport_is_logged_once_with_its_reason(org: Org, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "sfframe.query"):
        reading, _ = await read(org, ORDERED)
    (record,) = caplog.records
    assert record.getMessage() == f"Contact over bulk (query job {reading.job_id}): {reading.why}"
    told = {name: getattr(record, name) for name in ("transport", "sobject", "rows", "job_id", "why")}
    assert told == {
        "transport": "bulk", "sobject": "Contact", "rows": N, "job_id": reading.job_id, "why": reading.why
    }  # fmt: skip


# What is kept for others.


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("manners", "api", "limit"),
    [
        (Manners(daily_query_jobs=0), "auto", "DailyBulkV2QueryJobs"),
        (Manners(daily_query_jobs=0), "bulk", "DailyBulkV2QueryJobs"),
        (Manners(daily_api_requests=2_000), "rest", "DailyApiRequests"),
        (Manners(daily_api_requests=2_000), "auto", "DailyApiRequests"),
    ],
)
async def test_a_reserve_is_kept_before_a_job_or_more_pages(
    local: sfframe.LocalOrg, manners: Manners, api: Any, limit: str
) -> None:
    local.server.org.manners = manners
    count = Count(local)
    async with org_of(local, quota_reserve=0.999) as org:
        with pytest.raises(QuotaReserved, match=f"the read would need about .* of {limit}"):
            await read(org, ORDERED, api=api)
        assert count["query_create"] == 0
        assert count["rest"] <= 1


async def test_one_page_asks_for_no_limits(local: sfframe.LocalOrg) -> None:
    count = Count(local)
    async with org_of(local, quota_reserve=0.5) as org:
        await read(org, "SELECT Id FROM Contact LIMIT 3")
        assert count["limits"] == 0
        assert (await read(org, ORDERED))[1].height == N
        assert count["limits"] == 1
