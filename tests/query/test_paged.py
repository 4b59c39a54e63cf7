"""Pages of an answer that others read: each part by itself, from its pickled form; together what `read_soql` gives."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from aiohttp import web

import sfframe
from sfframe.errors import ApiError, JobTimeout, SoqlError
from sfframe.org.carried import Carried
from sfframe.org.org import Org
from sfframe.paged import Paged, check, paged, read_page, read_pages
from sfframe.testing import Fault, Manners
from tests.at_once import AT_ONCE, SOON, org_of
from tests.org.site import Site, refuse

from .conftest import contacts_named
from .result_site import JOB, JOB_ID, SOQL, Result

N = 61  # rows of the local org, on pages of 5
ORDERED = "SELECT LastName, Birthdate, Score__c FROM Contact ORDER BY LastName"
NAMES = [f"Näme {n:03}" for n in range(N)]
TINY = 1  # bytes of a part: a page is one


@pytest.fixture(scope="module")
def filled() -> Iterator[sfframe.LocalOrg]:
    with contacts_named(NAMES, manners=Manners(query_page_rows=5)) as local:
        yield local


@pytest.fixture
def local(only_read: sfframe.LocalOrg) -> sfframe.LocalOrg:
    return only_read


@pytest.fixture
async def local_org(local: sfframe.LocalOrg) -> AsyncIterator[Org]:
    async with org_of(local) as org:
        yield org


@pytest.fixture
async def org(site: Site) -> AsyncIterator[Org]:
    async with Org(site.url, sfframe.ClientCredentials("app", "secret"), retry=AT_ONCE, poll=SOON) as org:
        yield org


async def all_of(org: Org, answer: Paged, numbers: Sequence[int] | None = None) -> pa.Table:
    """The rows of all parts, each read from what was pickled, in any order."""
    answer = pickle.loads(pickle.dumps(answer))
    order = list(numbers if numbers is not None else range(len(answer.refs)))
    tables = {number: await read_page(org, answer, answer.refs[number]) for number in order}
    return pa.concat_tables([tables[number] for number in sorted(tables)])


# Parts.


async def test_each_page_may_be_a_part_and_all_are_what_read_soql_gives(local_org: Org) -> None:
    answer = await paged(local_org, ORDERED, {"api": "bulk"}, target_bytes=TINY)
    assert (len(answer.refs), answer.n_rows) == (13, N)
    found = await all_of(local_org, answer, [12, *range(12)])
    assert found.equals(await sfframe.read_soql_async(ORDERED, backend="pyarrow", org=local_org))
    assert found.schema == answer.schema


async def test_small_pages_are_one_part(local_org: Org) -> None:
    answer = await paged(local_org, ORDERED, {"api": "bulk"})
    (ref,) = answer.refs
    assert (len(ref.urls), ref.n_rows) == (13, N)
    assert (await read_page(local_org, answer, ref))["LastName"].to_pylist() == NAMES


@pytest.mark.parametrize("n_parts", [2, 5, 12])
async def test_pages_are_shared_out_evenly_by_the_length_of_the_first_records(local_org: Org, n_parts: int) -> None:
    one = await paged(local_org, ORDERED, {"api": "bulk"})
    n_bytes = sum([len((await local_org.query.results_at(url, str(one.job_id))).data) for url in one.refs[0].urls])
    answer = await paged(local_org, ORDERED, {"api": "bulk"}, target_bytes=n_bytes // n_parts)
    sizes = [len(ref.urls) for ref in answer.refs]
    assert sum(sizes) == 13
    assert max(sizes) - min(sizes) <= 1
    assert len(sizes) == pytest.approx(n_parts, abs=2)
    assert (await all_of(local_org, answer))["LastName"].to_pylist() == NAMES


async def test_a_part_comes_in_tables_and_may_be_left_early(site: Site, org: Org, monkeypatch: Any) -> None:
    monkeypatch.setattr("sfframe.query.pages.bulk.SMALL_BYTES", 0)
    result = Result(site, [3] * 40)
    answer = await paged(org, SOQL, {"api": "bulk"})
    pages = read_pages(org, answer, answer.refs[0])
    assert (await anext(pages)).num_rows == 3
    await pages.aclose()
    assert len(result.asked) < 40


async def test_no_page_is_read_before_somebody_reads_its_part(site: Site, org: Org) -> None:
    result = Result(site, [3] * 12)
    answer = await paged(org, SOQL, {"api": "bulk"}, target_bytes=TINY)
    assert result.asked == [0]  # a sample of its first records
    result.asked.clear()
    await read_page(org, answer, answer.refs[7])
    assert result.asked == [21]


async def test_where_the_org_has_no_list_the_answer_is_one_part(site: Site, org: Org) -> None:
    result = Result(site, [3, 1, 4])
    site.on("GET", f"{JOB}/resultPages", refuse(404, "NOT_FOUND"))
    answer = await paged(org, SOQL, {"api": "bulk"}, target_bytes=TINY)
    assert [(ref.urls, ref.n_rows) for ref in answer.refs] == [((), 8)]
    assert result.asked == []
    assert pl.DataFrame(await all_of(org, answer)).rows() == result.rows


@pytest.mark.parametrize("api", ["auto", "bulk", "rest"])
async def test_no_record_is_one_part_without_rows(local_org: Org, api: Any) -> None:
    answer = await paged(local_org, "SELECT Id, Birthdate FROM Contact WHERE LastName = 'x'", {"api": api})
    assert (len(answer.refs), answer.n_rows) == (1, 0)
    assert (await all_of(local_org, answer)).equals(answer.empty())


async def test_a_job_that_was_made_earlier_is_shared_out_too(local_org: Org) -> None:
    made = await paged(local_org, ORDERED, {"api": "bulk"})
    answer = await paged(local_org, None, {"job_id": str(made.job_id)}, target_bytes=TINY)
    assert len(answer.refs) == 13
    assert (await all_of(local_org, answer)).equals(await all_of(local_org, made))


# What isn't for query jobs.


@pytest.mark.parametrize(
    "soql",
    ["SELECT COUNT() FROM Contact", "SELECT COUNT(Id) n FROM Contact", "SELECT LastName FROM Contact LIMIT 7 OFFSET 3"],
)
async def test_what_the_org_gives_at_once_travels_with_the_answer(local_org: Org, soql: str) -> None:
    answer = await paged(local_org, soql, {})
    assert answer.job is None
    n_requests = local_org.requests_made
    found = await all_of(local_org, answer)
    assert local_org.requests_made == n_requests
    assert found.equals(await sfframe.read_soql_async(soql, backend="pyarrow", org=local_org))


async def test_more_pages_over_rest_are_read_by_whoever_wants_them(crowd: sfframe.LocalOrg) -> None:
    soql = "SELECT LastName, Account.Name FROM Contact ORDER BY LastName"
    async with org_of(crowd) as org:
        answer = await paged(org, soql, {"api": "rest", "decimals": True})
        (ref,) = answer.refs
        assert (ref.urls, ref.n_rows, answer.rows, answer.job) == ((), None, None, None)
        assert answer.n_rows == 10_500
        assert (await all_of(org, answer)).equals(await sfframe.read_soql_async(soql, backend="pyarrow", org=org))


async def test_a_statement_that_a_job_fails_by_is_read_over_rest(crowd: sfframe.LocalOrg) -> None:
    crowd.faults.append(Fault("query_create", "status", status=400, error_code="API_ERROR", times=None))
    try:
        async with org_of(crowd) as org:
            answer = await paged(org, "SELECT LastName FROM Contact", {})
            assert answer.job is None
            assert (await all_of(org, answer)).num_rows == 10_500
    finally:
        crowd.faults.clear()


@pytest.mark.parametrize(
    ("soql", "options", "error"),
    [
        ("SELECT Nothing FROM Contact", {}, SoqlError),
        ("SELECT COUNT() FROM Contact", {"api": "bulk"}, SoqlError),
        ("SELECT Id FROM Contact", {"api": "soap"}, ValueError),
        ("SELECT Id FROM Contact", {"pages": 2}, TypeError),
        ("SELECT Id FROM Contact WHERE LastName = 3", {}, ApiError),
        (None, {}, TypeError),
    ],
)
async def test_what_cannot_be_read_is_told_at_the_call(
    local_org: Org, soql: Any, options: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await paged(local_org, soql, options)


# What travels.


async def test_nothing_secret_is_in_it_and_no_value_in_its_repr(local_org: Org) -> None:
    soql = "SELECT LastName, Name FROM Contact WHERE LastName != :name ORDER BY LastName"
    for api in ("bulk", "rest"):
        answer = await paged(local_org, soql, {"api": api, "params": {"name": "Hidden"}})
        await all_of(local_org, answer)
        token = local_org.transport.token
        assert token is not None
        for secret in (token.access_token, "secret"):
            assert secret.encode() not in pickle.dumps(answer)
        assert "Hidden" not in repr(answer)
        assert "Näme" not in repr(answer)


async def test_what_travels_is_small_whatever_the_fields_are(local_org: Org) -> None:
    answer = await paged(local_org, "SELECT Id, LeadSource, Salutation FROM Contact", {"api": "bulk"})
    assert len(pickle.dumps(answer)) < 6_000


async def test_a_process_that_gets_an_org_several_times_has_it_once(local_org: Org) -> None:
    sent = pickle.dumps(Carried(local_org))
    one, two = pickle.loads(sent), pickle.loads(sent)
    assert one() is two()
    assert one() == local_org
    assert Carried(local_org)() is local_org
    other = pickle.loads(pickle.dumps(Carried(Org(local_org.url, local_org.auth, quota_reserve=0.1))))
    assert other() is not one()
    assert repr(one) == "Carried()"


# What may go wrong.


@pytest.mark.parametrize(
    "fault",
    [
        Fault("query_results", "truncate", nth=3),
        Fault("query_results", "status", status=503, nth=3),
        Fault("query_results", "drop", nth=3),
        Fault("query_results", "html", nth=3),
        Fault("query_results", "expire", nth=3),
    ],
    ids=lambda fault: fault.effect,
)
async def test_a_page_that_is_not_whole_is_asked_for_again(
    local: sfframe.LocalOrg, local_org: Org, fault: Fault
) -> None:
    answer = await paged(local_org, ORDERED, {"api": "bulk"}, target_bytes=TINY)
    n_met = local.faults_met
    local.faults.append(fault)
    assert (await all_of(local_org, answer))["LastName"].to_pylist() == NAMES
    assert local.faults_met == n_met + 1


async def test_a_page_that_stays_bad_is_an_error_that_names_the_job(site: Site, org: Org) -> None:
    result = Result(site, [3] * 4)
    answer = await paged(org, SOQL, {"api": "bulk"}, target_bytes=TINY)

    async def cut(_: web.Request, answer: web.Response) -> web.Response:
        return web.Response(body=bytes(answer.body)[:-20], headers={"Sforce-NumberOfRecords": "3"})  # type: ignore[arg-type]

    result.spoil = cut
    with pytest.raises(ApiError, match="can't be read after") as caught:
        await read_page(org, answer, answer.refs[2])
    assert caught.value.job_id == JOB_ID
    assert result.asked.count(6) == AT_ONCE.max_tries


async def test_a_job_that_was_deleted_meanwhile_is_named(local_org: Org) -> None:
    answer = await paged(local_org, ORDERED, {"api": "bulk"}, target_bytes=TINY)
    await local_org.query.delete_job(str(answer.job_id))
    with pytest.raises(ApiError, match=f"no query job {answer.job_id} any more.*read the statement again") as caught:
        await read_page(local_org, answer, answer.refs[3])
    assert caught.value.status == 404


@pytest.mark.parametrize("count", [6, 8])
async def test_an_answer_of_one_part_is_held_to_the_jobs_count(site: Site, org: Org, count: int) -> None:
    result = Result(site, [3, 4])
    result.count = [count]
    answer = await paged(org, SOQL, {"api": "bulk"})
    with pytest.raises(ApiError, match=f"7 rows came, and the job says that it has {count}"):
        await read_page(org, answer, answer.refs[0])


async def test_the_rows_of_all_parts_are_held_to_the_jobs_count_by_who_has_counted(site: Site, org: Org) -> None:
    Result(site, [3, 4])
    answer = await paged(org, SOQL, {"api": "bulk"}, target_bytes=TINY)
    n_rows = sum([(await read_page(org, answer, ref)).num_rows for ref in answer.refs])
    await check(org, answer, n_rows)
    with pytest.raises(ApiError, match="4 rows came, and the job says that it has 7"):
        await check(org, answer, 4)


async def test_a_count_that_lagged_is_looked_at_again(site: Site, org: Org) -> None:
    result = Result(site, [3, 4])
    result.count = [3, 3, 7]
    answer = await paged(org, SOQL, {"api": "bulk"}, target_bytes=TINY)
    assert answer.n_rows == 3
    await check(org, answer, 7)


async def test_a_list_without_an_end_is_an_error(site: Site, org: Org) -> None:
    result = Result(site, [1] * 5)

    def ever_more(answer: dict[str, Any]) -> dict[str, Any]:
        pages = [{"resultUrl": f"{JOB}/results?locator={result.listed}x{n}"} for n in range(5)]
        return {"resultPages": pages, "done": False, "nextRecordsUrl": f"{JOB}/resultpages?locator=0&n={result.listed}"}

    result.change_list = ever_more
    with pytest.raises(ApiError, match=r"lists \d+ pages and more") as caught:
        await paged(org, SOQL, {"api": "bulk"})
    assert caught.value.job_id == JOB_ID


async def test_a_timeout_leaves_the_job_and_names_it(local: sfframe.LocalOrg, local_org: Org) -> None:
    local.faults.append(Fault("job", "stuck", match="query Contact"))
    with pytest.raises(JobTimeout, match=r"timeout=0\.3 s was up") as caught:
        await paged(local_org, ORDERED, {"api": "bulk", "timeout": 0.3})
    (job_id,) = caught.value.job_ids
    assert not (await local_org.query.get_job(job_id)).is_final


async def test_a_call_that_is_cancelled_aborts_its_job(local: sfframe.LocalOrg, local_org: Org) -> None:
    local.faults.append(Fault("job", "stuck", match="query Contact"))
    created, events = asyncio.Event(), list[Any]()

    def see(event: Any) -> None:
        events.append(event)
        if isinstance(event, sfframe.progress.QueryJobCreated):
            created.set()

    work = asyncio.create_task(paged(local_org, ORDERED, {"api": "bulk", "progress": see}))
    await created.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    (made,) = [event.job_id for event in events if isinstance(event, sfframe.progress.QueryJobCreated)]
    assert (await local_org.query.get_job(made)).state == "Aborted"


async def test_events_tell_of_the_answer_and_of_the_end(local_org: Org) -> None:
    events: list[Any] = []
    await paged(local_org, ORDERED, {"api": "bulk", "progress": events.append})
    names = list(dict.fromkeys(type(event).__name__ for event in events))
    assert names == ["QueryStarted", "QueryJobCreated", "QueryJobProgressed", "QueryAnswered", "QueryFinished"]
    assert events[-1].rows == N
