"""Query jobs and SOQL over REST by hand: each call, and answers that can't be read."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sfframe.errors import ApiError, QuotaReserved
from sfframe.localorg.faults import Fault
from sfframe.localorg.server import Server
from sfframe.org.auth import ClientCredentials
from sfframe.org.job import JobInfo
from sfframe.org.org import Org
from sfframe.org.quota import keep_reserve
from tests.at_once import AT_ONCE

from .conftest import SHORT
from .site import Site, cut, job, refuse, reply

ID = "7505e00000Abc12AAB"
DATA = "/services/data/v66.0"
JOBS = f"{DATA}/jobs/query"
JOB = f"{JOBS}/{ID}"
SOQL = "SELECT LastName FROM Contact ORDER BY LastName"
PAGE = b'"LastName"\n"Ng"\n'
HTML = reply("<html>We are down for maintenance</html>", headers={"Content-Type": "text/html"})


@pytest.fixture
async def local(server: Server) -> AsyncIterator[Org]:
    login = ClientCredentials(server.client_id, server.client_secret)
    async with Org(server.url, login, retry=AT_ONCE, timeouts=SHORT) as org:
        made = await org.ingest.create_job("Contact", "insert")
        await org.ingest.upload_job_data(made.id, b"LastName\n" + b"".join(b"N%d\n" % n for n in range(7)))
        while not (await org.ingest.get_job(made.id)).is_final:
            pass
        yield org


async def finished(org: Org, job_id: str) -> JobInfo:
    """The job once it has ended; looking is what waits here."""
    while not (job := await org.query.get_job(job_id)).is_final:
        pass
    return job


# A job's life, on a local org.


async def test_a_query_job_goes_from_its_creation_to_its_deletion(local: Org) -> None:
    made = await local.query.create_job(SOQL)
    assert (made.state, made.object, made.operation, made.api_version) == (
        "UploadComplete", "Contact", "query", "66.0"
    )  # fmt: skip
    done = await finished(local, made.id)
    assert (done.state, done.job_type, done.number_records_processed) == ("JobComplete", "V2Query", 7)
    page = await local.query.results(made.id)
    assert (page.data.count(b"\n"), page.n_records, page.locator) == (8, 7, None)
    await local.query.delete_job(made.id)
    with pytest.raises(ApiError) as caught:
        await local.query.get_job(made.id)
    assert (caught.value.status, caught.value.job_id) == (404, made.id)


async def test_pages_follow_each_other_by_their_locators(local: Org) -> None:
    made = await local.query.create_job(SOQL)
    await finished(local, made.id)
    pages = [await local.query.results(made.id, max_records=3)]
    while pages[-1].locator:
        pages.append(await local.query.results(made.id, locator=pages[-1].locator, max_records=3))
    assert [page.n_records for page in pages] == [3, 3, 1]
    lines = b"".join(page.data.partition(b"\n")[2] for page in pages).split()
    assert lines == [b'"N%d"' % n for n in range(7)]


async def test_pages_are_listed_and_read_at_their_addresses(local: Org) -> None:
    made = await local.query.create_job(SOQL)
    await finished(local, made.id)
    (url,), following = await local.query.result_pages(made.id)
    assert following is None
    assert await local.query.results_at(url, made.id) == await local.query.results(made.id)


async def test_deleted_records_are_had_by_query_all_alone(local: Org, server: Server) -> None:
    gone = str(server.rows("Contact")["Id"][0])
    made = await local.ingest.create_job("Contact", "delete")
    await local.ingest.upload_job_data(made.id, f"Id\n{gone}\n".encode())
    while not (await local.ingest.get_job(made.id)).is_final:
        pass
    for operation, n in [("query", 6), ("queryAll", 7)]:
        job_id = (await local.query.create_job(SOQL, operation)).id  # type: ignore[arg-type]  # they are
        assert (await finished(local, job_id)).number_records_processed == n
    with pytest.raises(ValueError, match="'query' or 'queryAll', not 'all'"):
        await local.query.create_job(SOQL, "all")  # type: ignore[arg-type]  # that is the point


async def test_a_running_job_can_be_aborted(local: Org, server: Server) -> None:
    server.faults.append(Fault("job", "stuck"))
    made = await local.query.create_job(SOQL)
    while (await local.query.get_job(made.id)).state != "InProgress":
        pass  # aborted before it has begun, it would leave the fault to the next one
    assert (await local.query.abort_job(made.id)).state == "Aborted"
    done = await local.query.create_job(SOQL)
    await finished(local, done.id)
    assert (await local.query.abort_job(done.id)).state == "JobComplete"


async def test_jobs_are_listed_by_kind(local: Org) -> None:
    made = [(await local.query.create_job(SOQL)).id for _ in range(2)]
    assert {one.id async for one in local.query.list_jobs()} == set(made)
    assert {one.id async for one in local.query.list_jobs(job_type="V2Query")} == set(made)
    assert [one async for one in local.query.list_jobs(job_type="Classic")] == []


async def test_results_belong_to_the_version_of_their_job(local: Org, server: Server) -> None:
    login = ClientCredentials(server.client_id, server.client_secret)
    async with Org(server.url, login, api_version="62.0", retry=AT_ONCE) as older:
        made = await older.query.create_job(SOQL)
    assert (await finished(local, made.id)).api_version == "62.0"
    with pytest.raises(ApiError) as caught:
        await local.query.results(made.id)
    assert caught.value.status == 409
    assert (await local.query.results(made.id, api_version="62.0")).n_records == 7
    assert len((await local.query.result_pages(made.id, api_version="62.0"))[0]) == 1
    assert (await local.query.get_job(made.id, api_version="62.0")).id == made.id


# Requests, letter by letter.


async def test_a_query_job_is_created_as_documented(site: Site, org: Org) -> None:
    site.on("POST", JOBS, reply(job("UploadComplete")))
    await org.query.create_job(SOQL, "queryAll")
    assert json.loads(site.seen[-1].body) == {
        "operation": "queryAll",
        "query": SOQL,
        "contentType": "CSV",
        "columnDelimiter": "COMMA",
        "lineEnding": "LF",
    }


async def test_a_page_is_asked_for_as_documented(site: Site, org: Org) -> None:
    site.on("GET", f"{JOB}/results", reply(PAGE, headers={"Sforce-Locator": "null"}))
    page = await org.query.results(ID, locator="MDo=", max_records=9)
    assert (page.data, page.n_records, page.locator) == (PAGE, None, None)
    assert (site.seen[-1].query, site.seen[-1].headers["Accept"]) == ("locator=MDo%3D&maxRecords=9", "text/csv")


@pytest.mark.parametrize("status", [200, 204])
async def test_no_content_is_no_records(site: Site, org: Org, status: int) -> None:
    site.on("GET", f"{JOB}/results", reply(status=status))
    assert (await org.query.results(ID)).data == b""


# Answers that can't be read.


async def test_what_comes_in_place_of_an_answer_is_asked_for_again(site: Site, org: Org) -> None:
    site.on("POST", JOBS, HTML, cut(b'{"id": "750"}', after=3), reply(b'{"id": '), reply(job("UploadComplete")))
    assert (await org.query.create_job(SOQL)).id == ID
    site.on("GET", JOB, HTML, reply(b""), reply(job("JobComplete")))
    assert (await org.query.get_job(ID)).is_final
    promised = {"Sforce-NumberOfRecords": "1"}
    site.on("GET", f"{JOB}/results", HTML, reply(b"[]"), reply(b"", headers=promised), reply(PAGE, headers=promised))
    assert (await org.query.results(ID)).data == PAGE
    listed = {"resultPages": [{"resultUrl": "services/data/x"}], "done": True}
    site.on("GET", f"{JOB}/resultPages", HTML, reply({"resultPages": [{}]}), reply(["a"]), reply(listed))
    assert await org.query.result_pages(ID) == (["/services/data/x"], None)
    site.on("GET", JOBS, HTML, reply([]), reply({"done": True, "records": [job()]}))
    assert [one.id async for one in org.query.list_jobs()] == [ID]


@pytest.mark.parametrize(
    ("answer", "says"),
    [(HTML, "isn't CSV but 'We are down"), (reply(b"", headers={"Sforce-NumberOfRecords": "3"}), "should hold 3")],
)
async def test_a_page_that_stays_unreadable_is_an_error(site: Site, org: Org, answer: Any, says: str) -> None:
    site.on("GET", f"{JOB}/results", answer)
    with pytest.raises(ApiError, match=says) as caught:
        await org.query.results(ID)
    assert (caught.value.job_id, len(site.paths())) == (ID, AT_ONCE.max_tries)


# Lists of jobs.


async def test_a_list_that_goes_on_at_ingest_jobs_is_followed(site: Site, org: Org) -> None:
    """As in the documents' sample (wire notes, 3.6)."""
    more = f"{DATA}/jobs/ingest?queryLocator=01g-2"
    site.on("GET", JOBS, reply({"records": [job()], "nextRecordsUrl": more}))
    site.on("GET", f"{DATA}/jobs/ingest", reply({"records": [job(job_id="2")], "nextRecordsUrl": None}))
    assert [one.id async for one in org.query.list_jobs()] == [ID, "2"]


async def test_a_list_whose_next_page_isnt_at_ingest_jobs_goes_on_at_its_own_place(site: Site, org: Org) -> None:
    more = f"{DATA}/jobs/ingest?queryLocator=01g-2"
    first = reply({"records": [job()], "nextRecordsUrl": more})
    site.on("GET", JOBS, first, reply({"records": [job(job_id="2")]}))
    site.on("GET", f"{DATA}/jobs/ingest", refuse(400, "INVALID_QUERY_LOCATOR"))
    assert [one.id async for one in org.query.list_jobs()] == [ID, "2"]
    assert site.seen[-1].query == "queryLocator=01g-2"


async def test_a_list_that_names_a_page_twice_is_an_error(site: Site, org: Org) -> None:
    site.on("GET", JOBS, reply({"records": [], "nextRecordsUrl": f"{JOBS}?queryLocator=01g-2"}))
    with pytest.raises(ApiError, match="names a page twice"):
        _ = [one async for one in org.query.list_jobs()]


async def test_a_list_that_is_refused_is_an_error(site: Site, org: Org) -> None:
    site.on("GET", JOBS, reply({"records": [], "nextRecordsUrl": f"{JOBS}?queryLocator=1"}), refuse(400, "BAD"))
    with pytest.raises(ApiError, match="BAD"):
        _ = [one async for one in org.query.list_jobs()]


# SOQL over REST.

ANSWER = {"totalSize": 1, "done": True, "records": [{"Amount": 0.1}]}


async def test_numbers_come_as_the_text_that_stands_there(site: Site, org: Org) -> None:
    site.on(
        "GET", f"{DATA}/query", reply(b'{"totalSize":2,"done":true,"records":[{"a":12345678901234567890.10,"b":1}]}')
    )
    answer = await org.rest.query("SELECT a FROM b")
    assert answer["records"] == [{"a": "12345678901234567890.10", "b": "1"}]
    assert site.seen[-1].headers["Sforce-Query-Options"] == "batchSize=2000"


async def test_a_rest_answer_that_cant_be_read_is_asked_for_again(site: Site, org: Org) -> None:
    site.on("GET", f"{DATA}/queryAll", HTML, reply(b'{"totalSize": 1'), reply({"records": 1}), reply(ANSWER))
    assert (await org.rest.query("SELECT a FROM b", all_rows=True))["records"] == [{"Amount": "0.1"}]
    assert len(site.paths()) == 4


def inside(status: int, body: Any) -> dict[str, Any]:
    return {"compositeResponse": [{"body": body, "httpStatusCode": status, "referenceId": "query"}]}


async def test_a_long_statement_travels_inside_of_another_request(site: Site, org: Org) -> None:
    busy = inside(503, [{"errorCode": "SERVER_UNAVAILABLE", "message": "busy"}])
    site.on("POST", f"{DATA}/composite", reply({}), reply(busy), reply(inside(200, ANSWER)))
    soql = f"SELECT a FROM b WHERE c IN ({'é' * 3_000})"
    assert (await org.rest.query(soql))["records"] == [{"Amount": "0.1"}]
    (wish,) = json.loads(site.seen[-1].body)["compositeRequest"]
    assert wish["method"] == "GET"
    assert wish["url"].startswith(f"{DATA}/query?q=SELECT%20a%20FROM%20b")


@pytest.mark.parametrize("body", [[{"errorCode": "MALFORMED_QUERY", "message": "no such thing"}], None])
async def test_a_long_statement_that_is_refused_says_so(site: Site, org: Org, body: Any) -> None:
    site.on("POST", f"{DATA}/composite", reply(inside(400, body)))
    with pytest.raises(ApiError, match="no such thing" if body else "no explanation") as caught:
        await org.rest.query("x" * 20_000)
    assert (caught.value.status, len(site.paths())) == (400, 1)


# What is kept for others.


@pytest.mark.parametrize(
    ("need", "reserve", "is_kept"), [(10, 0.0, True), (11, 0.0, False), (5, 0.05, True), (6, 0.05, False)]
)
def test_a_reserve_is_a_share_of_the_whole(need: int, reserve: float, is_kept: bool) -> None:
    limits = {"DailyApiRequests": {"Max": 100, "Remaining": 10}}
    if is_kept:
        keep_reserve(limits, {"DailyApiRequests": need, "Unknown": 9}, reserve=reserve)
        return
    with pytest.raises(
        QuotaReserved, match=rf"the call would need about {need} of DailyApiRequests; 10 of 100 are left"
    ):
        keep_reserve(limits, {"DailyApiRequests": need}, reserve=reserve)


def test_a_limit_is_known_by_its_former_name_too() -> None:
    with pytest.raises(QuotaReserved, match=r"the read would need about 2 of DailyBulkApiBatches \(2 jobs\)"):
        keep_reserve(
            {"DailyBulkApiRequests": {"Max": 5, "Remaining": 1}},
            {"DailyBulkApiBatches": 2},
            reserve=0.1,
            who="the read",
            note="2 jobs",
        )
