"""Answers as no document has them: each is a right frame in the end, or an error of ours that names the job."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from aiohttp import web

import sfframe
from sfframe.errors import ApiError
from sfframe.org.org import Org
from sfframe.query.read import Reading, ReadRequest
from tests.at_once import AT_ONCE, SOON
from tests.org.site import Site, refuse, reply

from .result_site import CONTACT, DATA, JOB, JOB_ID, SOQL, Result
from .test_pages import read, rows

QUERY, NEXT = f"{DATA}/query", f"{DATA}/query/01gD-2000"


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as site:
        site.on("GET", f"{DATA}/sobjects/Contact/describe", reply(CONTACT))
        yield site


@pytest.fixture
async def org(site: Site) -> AsyncIterator[Org]:
    async with Org(site.url, sfframe.ClientCredentials("app", "secret"), retry=AT_ONCE, poll=SOON) as org:
        yield org


def records(*numbers: int) -> list[dict[str, Any]]:
    return [{"LastName": f"Ng {n}", "Number__c": n} for n in numbers]


async def over_rest(org: Org, soql: str = SOQL) -> list[tuple[Any, ...]]:
    return (await read(Reading(org, ReadRequest(soql=soql, api="rest")))).rows()


# Query jobs.


@pytest.mark.parametrize("is_empty", [True, False])
@pytest.mark.parametrize("is_listed", [True, False])
async def test_ever_new_pages_come_to_an_end(site: Site, org: Org, is_empty: bool, is_listed: bool) -> None:
    result = Result(site, [0] if is_empty else [2])
    result.lists, result.count = is_listed, [4]

    def listed(answer: dict[str, Any]) -> dict[str, Any]:
        more = f"{JOB}/resultpages?locator=0&after={result.listed}"
        return {"resultPages": [{"resultUrl": f"{JOB}/results?of={result.listed}"}], "nextRecordsUrl": more}

    async def page(_: web.Request) -> web.Response:
        answer = web.Response(body=b'"LastName","Number__c"\n' + b'"a","1"\n' * sum(result.sizes))
        answer.headers["Sforce-NumberOfRecords"] = str(sum(result.sizes))
        answer.headers["Sforce-Locator"] = str(len(site.seen))
        return answer

    result.change_list = listed
    site.on("GET", f"{JOB}/results", page)
    with pytest.raises(ApiError, match=f"without an end.*job_id='{JOB_ID}'"):
        await rows(org)


@pytest.mark.parametrize(
    "url",
    ["https://elsewhere.example/x", "https://127.0.0.1@elsewhere.example/", f"{JOB}/results\r\nX: y", 5, {"a": 1}],
)
async def test_an_address_that_is_none_or_elsewhere_is_not_asked(site: Site, org: Org, url: Any) -> None:
    result = Result(site, [2])
    result.change_list = lambda answer: {"resultPages": [{"resultUrl": url}], "done": True}
    with pytest.raises(ApiError, match=r"no request to|address what is none") as raised:
        await rows(org)
    assert raised.value.job_id == JOB_ID
    assert result.asked == []


@pytest.mark.parametrize("body", [b"", b"Service Unavailable", b'"LastName","Number__c"\n'])
@pytest.mark.parametrize("is_taken_up", [False, True])
async def test_a_page_without_a_row_or_a_count_is_asked_for_again(
    site: Site, org: Org, body: bytes, is_taken_up: bool
) -> None:
    result = Result(site, [2])

    async def spoil(_: web.Request, answer: web.Response) -> web.Response | None:
        return web.Response(body=body, content_type="text/csv") if len(result.asked) < 3 else None

    result.spoil = spoil
    found = (await read(Reading.of_job(org, JOB_ID))).rows() if is_taken_up else await rows(org)
    assert found == result.rows


@pytest.mark.parametrize("told", [5, {"a": 1}, ["x"]])
async def test_a_reason_that_is_no_text_is_none(site: Site, org: Org, told: Any) -> None:
    Result(site, [2]).job = {"state": "Failed", "errorMessage": told}
    with pytest.raises(ApiError, match="the org gives no reason") as raised:
        await rows(org)
    assert raised.value.job_id == JOB_ID


async def test_numbers_without_end_are_none(site: Site, org: Org) -> None:
    result = Result(site, [2])
    result.job = {"retries": 10**400}

    async def spoil(_: web.Request, answer: web.Response) -> None:
        answer.headers["Sforce-NumberOfRecords"] = "9" * 5000

    result.spoil = spoil
    assert await rows(org) == result.rows


async def test_a_job_whose_result_has_a_column_twice_is_an_error(site: Site, org: Org) -> None:
    Result(site, [1])
    site.on("GET", f"{JOB}/results", reply(b'"LastName","LastName"\n"a","b"\n'))
    with pytest.raises(ApiError, match="the header"):
        await read(Reading.of_job(org, JOB_ID))


# REST.


@pytest.mark.parametrize("url", [NEXT[1:], "{site}" + NEXT])
async def test_the_next_address_may_be_written_oddly(site: Site, org: Org, url: str) -> None:
    first = {"totalSize": "3", "nextRecordsUrl": url.format(site=site.url), "records": records(1, 2)}
    site.on("GET", QUERY, reply(first))
    site.on("GET", NEXT, reply({"totalSize": 3.0, "done": True, "records": records(3)}))
    assert await over_rest(org) == [("Ng 1", 1), ("Ng 2", 2), ("Ng 3", 3)]


@pytest.mark.parametrize("total", [None, "x", "4.0", 2.0, 10**400, {"a": 1}, -1])
async def test_a_total_that_is_no_number_is_none(site: Site, org: Org, total: Any) -> None:
    site.on("GET", QUERY, reply({"totalSize": total, "done": True, "records": records(1, 2, 3, 4)}))
    assert len(await over_rest(org)) == 4


@pytest.mark.parametrize("total", [None, "x", {"a": 1}])
async def test_a_count_without_a_number_is_an_error(site: Site, org: Org, total: Any) -> None:
    site.on("GET", QUERY, reply({"totalSize": total, "done": True, "records": []}))
    with pytest.raises(ApiError, match="holds no number"):
        await over_rest(org, "SELECT COUNT() FROM Contact")


@pytest.mark.parametrize("more", [{}, {"nextRecordsUrl": "null"}, {"done": "false"}])
async def test_a_last_page_that_isnt_said_to_be_it_is_an_error_if_rows_are_missing(
    site: Site, org: Org, more: dict[str, Any]
) -> None:
    site.on("GET", QUERY, reply({"totalSize": 5, "done": False, "nextRecordsUrl": NEXT, "records": records(1, 2)}))
    site.on("GET", NEXT, reply({"totalSize": 5, "records": records(3), **more}))
    with pytest.raises(ApiError, match="3 of 5 rows"):
        await over_rest(org)


async def test_ever_new_pages_over_rest_come_to_an_end(site: Site, org: Org) -> None:
    async def page(_: web.Request) -> web.Response:
        url = f"{NEXT}?after={len(site.seen)}"
        return web.json_response({"totalSize": 4, "done": False, "nextRecordsUrl": url, "records": records(1, 2)})

    site.on("GET", QUERY, page)
    site.on("GET", NEXT, page)
    with pytest.raises(ApiError, match="page after page"):
        await over_rest(org)


async def test_a_record_that_is_null_is_an_error(site: Site, org: Org) -> None:
    site.on("GET", QUERY, reply({"totalSize": 2, "done": True, "records": [None, *records(1)]}))
    with pytest.raises(ApiError, match="null"):
        await over_rest(org)


# What else is asked.


@pytest.mark.parametrize("wait", ["²", "9" * 400, "-1", "soon"])
async def test_a_wait_that_is_no_number_is_our_own(site: Site, org: Org, wait: str) -> None:
    site.on("GET", f"{DATA}/sobjects", refuse(429, "X", headers={"Retry-After": wait}), reply({"sobjects": []}))
    assert await org.rest.sobjects() == []


@pytest.mark.parametrize("answer", [[], {}, {"sobjects": 5}, {"sobjects": [5]}])
async def test_a_list_of_objects_that_is_none_is_an_error(site: Site, org: Org, answer: Any) -> None:
    site.on("GET", f"{DATA}/sobjects", reply(answer))
    with pytest.raises(ApiError):
        await org.rest.sobjects()


@pytest.mark.parametrize("answer", [5, {"records": [{}]}, {"records": 5}, {"records": [], "nextRecordsUrl": 5}])
async def test_a_list_of_jobs_that_is_none_is_an_error(site: Site, org: Org, answer: Any) -> None:
    site.on("GET", f"{DATA}/jobs/query", reply(answer))
    with pytest.raises(ApiError):
        [job async for job in org.query.list_jobs()]
