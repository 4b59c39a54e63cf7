"""The first list of pages, asked for with the first look at a job: a spared wait, and never another result."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import polars as pl
import pytest
from aiohttp import web

import sfframe
from sfframe.errors import ApiError, AuthenticationError
from sfframe.org.org import Org
from sfframe.query.read import Reading, ReadRequest
from tests.at_once import AT_ONCE, SOON
from tests.org.site import Answer, Site, drop, refuse, reply, stale, stall

from .result_site import JOB, SOQL, Result

LIST = f"{JOB}/resultPages"


@pytest.fixture
async def org(site: Site) -> AsyncIterator[Org]:
    login, silence = sfframe.ClientCredentials("app", "secret"), sfframe.Timeouts(idle_s=60)
    async with Org(site.url, login, retry=AT_ONCE, poll=SOON, timeouts=silence) as org:
        yield org


@contextmanager
def nothing_left() -> Iterator[None]:
    """No task is left, and no failure of one that nobody took."""
    loop, odd, before = asyncio.get_running_loop(), list[Any](), asyncio.all_tasks()
    loop.set_exception_handler(lambda _, context: odd.append(context))
    yield
    assert asyncio.all_tasks() == before
    gc.collect(1)
    assert odd == []


async def rows(org: Org) -> list[tuple[Any, ...]]:
    reading = Reading(org, ReadRequest(soql=SOQL, api="bulk"))
    with nothing_left():
        try:
            async with asyncio.timeout(20):  # else it would hang where it fails
                await reading.open()
                return pl.concat([frame async for frame in reading.frames()]).rows()
        finally:
            await reading.close()


def n_lists(site: Site) -> int:
    """How often the first list was asked for."""
    return site.paths().count(LIST)


def seen_as(site: Site, result: Result, *states: str) -> None:
    """What the org says of the job, one look after the other, the last one again and again."""
    told = [{**result.info(state), "numberRecordsProcessed": result.count[0]} for state in states]
    site.on("GET", JOB, *map(reply, told))


def hold_looks_back(site: Site) -> None:
    """A look at the job isn't answered before a list was asked for."""
    lists, looks = site._answers["GET", LIST], site._answers["GET", JOB]
    asked: list[asyncio.Event] = []

    def is_asked() -> asyncio.Event:
        asked[:] = asked or [asyncio.Event()]  # of the server's loop
        return asked[0]

    def tells(answer: Answer) -> Answer:
        async def told(request: web.Request) -> web.StreamResponse:
            is_asked().set()
            return await answer(request)

        return told

    def waits(answer: Answer) -> Answer:
        async def waited(request: web.Request) -> web.StreamResponse:
            await is_asked().wait()
            return await answer(request)

        return waited

    site.on("GET", LIST, *map(tells, lists))
    site.on("GET", JOB, *map(waits, looks))


async def test_the_list_is_asked_for_before_the_first_look_is_answered_and_once(site: Site, org: Org) -> None:
    result = Result(site, [2] * 7)
    hold_looks_back(site)
    assert await rows(org) == result.rows
    assert (n_lists(site), result.listed) == (1, 2)


async def test_a_job_that_is_not_done_at_the_first_look_is_asked_again_when_it_is(site: Site, org: Org) -> None:
    result = Result(site, [2] * 7)
    early = [refuse(400, "INVALIDJOBSTATE"), result._list]
    site.on("GET", LIST, *early)
    seen_as(site, result, "UploadComplete", "InProgress", "InProgress", "JobComplete")
    hold_looks_back(site)
    assert await rows(org) == result.rows
    assert (n_lists(site), site.paths().count(JOB)) == (2, 4)


@pytest.mark.parametrize(
    "early",
    [
        refuse(400, "INVALIDJOBSTATE"), refuse(400, "ANY"), refuse(404, "NOT_FOUND"), refuse(409, "CONFLICT"),
        refuse(500, "UNKNOWN"), refuse(503, "BUSY"), reply("<html>"), reply({"resultPages": [], "done": True}), drop,
        stale(),
    ],
)  # fmt: skip
async def test_whatever_an_org_answers_too_early_it_is_asked_once_more_and_no_more(
    site: Site, org: Org, early: Any
) -> None:
    result = Result(site, [2] * 7)
    site.on("GET", LIST, early, result._list)
    assert await rows(org) == result.rows
    assert n_lists(site) == 2


async def test_a_list_that_never_comes_is_asked_for_again(
    site: Site, org: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sfframe.query.pages.job._EARLY_S", 0)
    result = Result(site, [2] * 7)
    site.on("GET", LIST, stall, result._list)
    hold_looks_back(site)
    assert await rows(org) == result.rows
    assert n_lists(site) == 2


async def test_a_list_that_came_before_the_job_was_done_is_not_taken_for_the_result(site: Site, org: Org) -> None:
    result = Result(site, [2] * 7)
    too_few = {"resultPages": [{"resultUrl": f"{JOB}/results?locator=0"}], "done": True}
    site.on("GET", LIST, reply(too_few), result._list)
    seen_as(site, result, "InProgress", "JobComplete")
    hold_looks_back(site)
    assert await rows(org) == result.rows


async def test_a_job_of_a_version_without_lists_is_asked_for_none(site: Site, org: Org) -> None:
    result = Result(site, [2, 2])
    result.job = {"apiVersion": 57.0}
    old = JOB.replace("66.0", "57.0")
    site.on("GET", old, result._seen)
    site.on("GET", f"{old}/results", result._page)
    assert await rows(org) == result.rows
    assert not any("resultpages" in path.lower() for path in site.paths())


async def test_a_list_that_never_comes_is_left_when_the_job_is_not_done(site: Site, org: Org) -> None:
    result = Result(site, [2] * 7)
    site.on("GET", LIST, stall, result._list)
    seen_as(site, result, "InProgress", "JobComplete")
    hold_looks_back(site)
    assert await rows(org) == result.rows
    assert n_lists(site) == 2


@pytest.mark.parametrize("answer", [refuse(503, "BUSY"), reply("<html>"), drop])
async def test_an_org_that_has_no_list_at_all_is_asked_no_longer_for_it(site: Site, org: Org, answer: Any) -> None:
    Result(site, [2])
    site.on("GET", LIST, answer)
    with pytest.raises(ApiError):
        await rows(org)
    assert n_lists(site) == 1 + AT_ONCE.max_tries


async def test_a_session_that_is_refused_is_what_is_told(site: Site, org: Org) -> None:
    Result(site, [2])
    site.on("GET", LIST, stale())
    with pytest.raises(AuthenticationError) as caught:
        await rows(org)
    assert "takes the job up" in caught.value.__notes__[0]


@pytest.mark.parametrize("state", ["Failed", "Aborted"])
async def test_a_job_that_failed_leaves_its_list(site: Site, org: Org, state: str) -> None:
    result = Result(site, [2])
    site.on("GET", LIST, stall)
    seen_as(site, result, state)
    with pytest.raises(ApiError, match=f"ended as {state}"):
        await rows(org)


async def test_a_look_that_is_refused_leaves_the_list(site: Site, org: Org) -> None:
    Result(site, [2])
    site.on("GET", LIST, stall)
    site.on("GET", JOB, refuse(404, "NOT_FOUND"))
    with pytest.raises(ApiError, match="no query job"):
        await rows(org)


@pytest.mark.parametrize("stalls", [LIST, JOB])
async def test_a_read_that_is_cancelled_leaves_the_list(site: Site, org: Org, stalls: str) -> None:
    Result(site, [2])
    site.on("PATCH", JOB, reply({"id": JOB[-18:], "state": "Aborted", "operation": "query"}))
    loop, here = asyncio.get_running_loop(), asyncio.Event()

    async def never(request: web.Request) -> web.StreamResponse:
        loop.call_soon_threadsafe(here.set)
        return await stall(request)

    site.on("GET", stalls, never)
    with nothing_left():
        reading = asyncio.create_task(rows(org))
        await here.wait()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading


async def test_pages_that_wait_for_the_job_once_more_ask_for_no_list(
    site: Site, org: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sfframe.query.pages.bulk.SMALL_BYTES", 0)
    result = Result(site, [1] * 90)  # so many that lists come while pages do
    seen_as(site, result, "JobComplete", *["InProgress"] * 4, "JobComplete")
    refused: list[str] = []

    async def too_early(request: web.Request, _: web.Response) -> web.StreamResponse | None:
        if len(refused) >= 4:
            return None
        refused.append(request.path)
        return await refuse(400, "INVALIDJOBSTATE")(request)

    result.spoil = too_early
    assert await rows(org) == result.rows
    assert result.listed == 18
