"""Pages of an answer: several at once and in order, read again where they aren't whole, and never an endless loop."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Iterator
from typing import Any

import polars as pl
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

import sfframe
from sfframe.errors import ApiError
from sfframe.org.org import Org
from sfframe.query.form import POLARS
from sfframe.query.pages.bulk import at_once
from sfframe.query.pages.decode import BadPage, count_records
from sfframe.query.pages.page import Page
from sfframe.query.read import Reading, ReadRequest
from sfframe.testing import Fault, Manners
from tests.at_once import AT_ONCE, SOON, org_of
from tests.examples import scaled
from tests.org.site import Site, drop, refuse, reply, stall

from .conftest import contacts_named
from .result_site import CONTACT, DATA, JOB, JOB_ID, SOQL, Gate, Result, csv

SHORT = sfframe.Timeouts(idle_s=0.3)
N = 61  # rows of the local org, on pages of 5
ORDERED = "SELECT LastName FROM Contact ORDER BY LastName"
NAMES = [f"Näme {n:03}" for n in range(N)]


@pytest.fixture
async def org(site: Site) -> AsyncIterator[Org]:
    async with Org(site.url, sfframe.ClientCredentials("app", "secret"), retry=AT_ONCE, poll=SOON) as org:
        yield org


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each page comes by itself, however small."""
    monkeypatch.setattr("sfframe.query.pages.bulk.SMALL_BYTES", 0)


@pytest.fixture(scope="module")
def filled() -> Iterator[sfframe.LocalOrg]:
    """A local org that tests only read: 61 contacts, result pages of 5."""
    with contacts_named(NAMES, manners=Manners(query_page_rows=5, compress=True)) as local:
        yield local


@pytest.fixture
def local(only_read: sfframe.LocalOrg) -> sfframe.LocalOrg:
    return only_read


@pytest.fixture
async def local_org(local: sfframe.LocalOrg) -> AsyncIterator[Org]:
    async with org_of(local, timeouts=SHORT) as org:
        yield org


async def read(reading: Reading) -> pl.DataFrame:
    """All rows, however many frames they come in."""
    try:
        await reading.open()
        return pl.concat([frame async for frame in reading.frames()])
    finally:
        await reading.close()


async def names(org: Org, api: Any = "bulk", soql: str = ORDERED) -> list[str]:
    return (await read(Reading(org, ReadRequest(soql=soql, api=api))))["LastName"].to_list()


async def rows(org: Org) -> list[tuple[Any, ...]]:
    return (await read(bulk(org))).rows()


def bulk(org: Org) -> Reading:
    return Reading(org, ReadRequest(soql=SOQL, api="bulk"))


def downloads() -> list[asyncio.Task[Any]]:
    """The pages on their way."""
    return [one for one in asyncio.all_tasks() if one is not asyncio.current_task() and "_page" in repr(one.get_coro())]


# Several at once, in order.


async def test_five_pages_and_more_are_on_their_way_at_once_and_come_in_order(site: Site, org: Org) -> None:
    gate = Gate(5)  # no page comes before five are asked for
    result = Result(site, [3] * 23)
    result.spoil = gate.through
    assert await rows(org) == result.rows
    assert 5 <= gate.most <= 8


@pytest.mark.usefixtures("apart")
async def test_no_more_pages_are_held_than_the_window_has_room_for(site: Site, org: Org) -> None:
    result = Result(site, [2] * 30)
    reading = bulk(org)
    await reading.open()
    n_taken = 0
    while await reading.next() is not None:
        n_taken += 1
        await asyncio.gather(*downloads())
        assert len(result.asked) <= n_taken + 8
    assert n_taken == 30
    await reading.close()


@pytest.mark.parametrize(
    ("largest", "n"),
    [(0, 5), (1, 8), (18_000_000, 8), (25_000_000, 6), (30_000_000, 5), (40_000_000, 5), (50_000_000, 3), (2**30, 2)],
)
def test_the_window_is_bounded_in_bytes(largest: int, n: int) -> None:
    assert at_once(largest) == n


async def test_the_list_of_pages_goes_on_while_pages_are_on_their_way(site: Site, org: Org) -> None:
    result = Result(site, [1] * 23)
    listed = asyncio.Event()
    loop = asyncio.get_running_loop()

    def see(answer: dict[str, Any]) -> dict[str, Any]:
        if answer["done"]:
            loop.call_soon_threadsafe(listed.set)
        return answer

    async def wait(request: web.Request, answer: web.Response) -> None:
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(listed.wait(), loop))

    result.change_list, result.spoil = see, wait
    assert await rows(org) == result.rows  # no page came before the fifth and last list was asked for


async def test_a_call_that_is_cancelled_leaves_its_page_to_the_next(site: Site, org: Org) -> None:
    result = Result(site, [2] * 12)
    started, go = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    async def wait(request: web.Request, answer: web.Response) -> None:
        loop.call_soon_threadsafe(started.set)
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(go.wait(), loop))

    result.spoil = wait
    reading = bulk(org)
    await reading.open()
    waiting = asyncio.create_task(reading.next())
    await started.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    go.set()
    frames = [frame async for frame in reading.frames()]
    assert pl.concat(frames).rows() == result.rows
    await reading.close()


async def test_a_close_that_is_cancelled_leaves_no_download(site: Site, org: Org) -> None:
    loop, started = asyncio.get_running_loop(), asyncio.Event()

    async def never(request: web.Request, answer: web.Response) -> web.StreamResponse:
        loop.call_soon_threadsafe(started.set)
        return await stall(request)

    Result(site, [2] * 12).spoil = never
    reading = bulk(org)
    await reading.open()
    waiting = asyncio.create_task(reading.next_rows(POLARS))
    await started.wait()
    waiting.cancel()
    closing = asyncio.create_task(reading.close())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait({waiting, closing})
    assert closing.cancelled()
    assert not downloads()


# Where pages are.


@pytest.mark.parametrize("status", [400, 404, 405, 501])
async def test_pages_are_found_by_locators_where_the_org_has_no_list_of_them(site: Site, org: Org, status: int) -> None:
    result = Result(site, [3, 1, 4, 1, 5])
    site.on("GET", f"{JOB}/resultPages", refuse(status, "NOT_FOUND"))
    assert await rows(org) == result.rows
    assert result.asked == [0, 3, 4, 8, 9]


async def test_a_job_of_a_version_before_the_list_is_read_by_locators(site: Site, org: Org) -> None:
    result = Result(site, [3, 3])
    result.job = {"apiVersion": 57.0}
    old = JOB.replace("66.0", "57.0")
    site.on("GET", old, result._seen)
    site.on("GET", f"{old}/results", result._page)
    assert await rows(org) == result.rows
    assert result.listed == 0


@pytest.mark.parametrize("name", ["nextRecordsUrl", "nextRecordUrl"])
async def test_both_documented_names_of_the_next_list_are_understood(site: Site, org: Org, name: str) -> None:
    result = Result(site, [2] * 12)
    result.change_list = lambda answer: {name if key == "nextRecordsUrl" else key: v for key, v in answer.items()}
    assert await rows(org) == result.rows


@pytest.mark.parametrize(
    "odd",
    [
        lambda a: {key: value for key, value in a.items() if key != "done"},
        lambda a: {**a, "done": False},
        lambda a: {"nextRecordsUrl": None, **a},
        lambda a: {"nextRecordsUrl": "null", **a},
        lambda a: {**a, "resultPages": [{"resultUrl": one["resultUrl"][1:]} for one in a["resultPages"]]},
    ],
)
async def test_lists_that_are_written_oddly_are_read_to_their_end(site: Site, org: Org, odd: Any) -> None:
    result = Result(site, [2] * 12)
    result.change_list = odd
    assert await rows(org) == result.rows


async def test_a_list_without_pages_gives_way_to_locators(site: Site, org: Org) -> None:
    result = Result(site, [2, 2])
    result.change_list = lambda answer: {"resultPages": [], "done": True}
    assert await rows(org) == result.rows


async def test_empty_lists_without_end_are_an_error(site: Site, org: Org) -> None:
    result = Result(site, [2, 2])
    result.change_list = lambda _: {
        "resultPages": [], "done": False, "nextRecordsUrl": f"{JOB}/resultpages?locator={result.listed}"
    }  # fmt: skip
    with pytest.raises(ApiError, match="none is the last") as caught:
        await rows(org)
    assert caught.value.job_id == JOB_ID


@pytest.mark.parametrize("where", ["query_pages", "query_results"])
async def test_a_place_that_is_named_twice_is_an_error(local: sfframe.LocalOrg, local_org: Org, where: str) -> None:
    if where == "query_results":
        local.faults.append(Fault("query_pages", "status", status=404, times=None))
        local.faults.append(Fault(where, "repeat", times=None))
    else:
        local.faults.append(Fault(where, "repeat", times=None))
    with pytest.raises(ApiError, match=r"twice.*job_id="):
        await names(local_org)


async def test_a_page_that_is_listed_twice_is_an_error(site: Site, org: Org) -> None:
    result = Result(site, [2, 2, 2])
    result.change_list = lambda answer: {**answer, "resultPages": answer["resultPages"] * 2}
    with pytest.raises(ApiError, match="names a page of the result twice"):
        await rows(org)


# Headers that a proxy strips, counters that lag.


async def test_without_the_orgs_headers_the_list_and_the_jobs_count_decide(
    local: sfframe.LocalOrg, local_org: Org
) -> None:
    local.faults.append(Fault("query_results", "omit", names=("Sforce-*",), times=None))
    assert await names(local_org) == NAMES


async def test_a_missing_locator_ends_paging_and_the_list_has_what_is_left(site: Site, org: Org) -> None:
    result = Result(site, [3, 4, 5, 6, 7, 8])
    result.lists = 2  # refused twice, the second time when it was asked for in earnest, then there

    async def strip(_: web.Request, answer: web.Response) -> None:
        del answer.headers["Sforce-Locator"]
        del answer.headers["Sforce-NumberOfRecords"]

    result.spoil = strip
    assert await rows(org) == result.rows


async def test_what_is_left_may_begin_in_the_midst_of_a_listed_page(site: Site, org: Org) -> None:
    result = Result(site, [3, 4, 5])
    result.lists = 2

    async def strip(_: web.Request, answer: web.Response) -> None:
        del answer.headers["Sforce-Locator"]
        result.sizes = [5, 3, 4]  # the list has other borders

    result.spoil = strip
    assert await rows(org) == result.rows


async def test_rows_that_are_nowhere_to_be_had_are_an_error_with_both_counts(site: Site, org: Org) -> None:
    result = Result(site, [3, 4])
    result.lists = False

    async def strip(_: web.Request, answer: web.Response) -> None:
        del answer.headers["Sforce-Locator"]

    result.spoil = strip
    with pytest.raises(ApiError, match=rf"3 rows came.* has 7.*job_id='{JOB_ID}'") as caught:
        await rows(org)
    assert caught.value.job_id == JOB_ID


async def test_a_count_that_lags_is_looked_at_again(site: Site, org: Org) -> None:
    result = Result(site, [3, 4])
    result.count = [3, 3, 7]
    assert await rows(org) == result.rows


@pytest.mark.parametrize("count", [6, 8])
async def test_a_count_that_stays_wrong_is_an_error(site: Site, org: Org, count: int) -> None:
    result = Result(site, [3, 4])
    result.count = [count]
    with pytest.raises(ApiError, match=f"7 rows came, and the job says that it has {count}"):
        await rows(org)


@pytest.mark.parametrize("sizes", [[], [0], [1], [0, 3], [2, 0, 2]])
@pytest.mark.parametrize("lists", [True, False])
async def test_pages_without_rows_are_pages(site: Site, org: Org, sizes: list[int], lists: bool) -> None:
    result = Result(site, sizes)
    result.lists = lists
    if (sizes[:1] == [0] and len(sizes) > 1) or 0 in sizes[1:]:
        result.sizes = [size for size in sizes if size]  # one start for each page
    frame = await read(bulk(org))
    assert frame.rows() == result.rows
    assert frame.schema == {"LastName": pl.String, "Number__c": pl.Int64}


@given(st.lists(st.tuples(st.text(max_size=5), st.text(alphabet='a"\n\r,', max_size=5)), max_size=6), st.booleans())
def test_records_are_counted_as_a_csv_reader_counts_them(cells: list[tuple[str, str]], ends: bool) -> None:
    lines = [",".join('"' + cell.replace('"', '""') + '"' for cell in record) for record in [("A", "B"), *cells]]
    assert count_records(("\n".join(lines) + "\n" * ends).encode()) == len(cells)


# Pages that aren't whole.

FAULTS: dict[str, dict[str, Any]] = {
    "drop": {"effect": "drop"},
    "drop in the answer": {"effect": "drop", "when": "answering"},
    "reset": {"effect": "reset"},
    "stall": {"effect": "stall"},
    "stall in the answer": {"effect": "stall", "when": "answering"},
    "503": {"effect": "status", "status": 503},
    "420": {"effect": "status", "status": 420},
    "502 as HTML": {"effect": "html", "status": 502},
    "200 as HTML": {"effect": "html", "status": 200},
    "cut": {"effect": "truncate"},
    "cut in a row": {"effect": "truncate", "at": "middle"},
    "cut in chunks": {"effect": "truncate", "chunked": True},
    "cut and looking whole": {"effect": "truncate", "looks_whole": True},
    "cut in a row and looking whole": {"effect": "truncate", "looks_whole": True, "at": "middle", "chunked": True},
    "sent on": {"effect": "redirect"},
    "token dead": {"effect": "expire"},
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("where", ["query_create", "query_get", "query_pages", "query_results"])
async def test_no_fault_loses_or_doubles_a_row(local: sfframe.LocalOrg, local_org: Org, where: str, fault: str) -> None:
    local.faults.append(Fault(where, nth=2 if where == "query_results" else 1, **FAULTS[fault]))
    met = local.faults_met
    assert await names(local_org) == NAMES
    assert local.faults_met == met + 1


@pytest.mark.parametrize("fault", FAULTS)
async def test_no_fault_loses_or_doubles_a_row_over_rest(local: sfframe.LocalOrg, local_org: Org, fault: str) -> None:
    local.faults.append(Fault("rest", **FAULTS[fault]))
    met = local.faults_met
    assert await names(local_org, "rest") == NAMES
    assert local.faults_met == met + 1


@settings(max_examples=scaled(30))
@given(
    page_rows=st.integers(1, 70),
    lists=st.booleans(),
    faults=st.lists(
        st.tuples(
            st.sampled_from(["query_create", "query_get", "query_pages", "query_results"]),
            st.sampled_from([name for name in FAULTS if "stall" not in name]),
            st.integers(1, 4),
            st.integers(1, 2),
        ),
        max_size=3,
    ),
)
def test_whatever_passes_within_the_tries_the_rows_are_the_orgs_in_order(
    filled: sfframe.LocalOrg, page_rows: int, lists: bool, faults: list[tuple[str, str, int, int]]
) -> None:
    filled.server.org.manners = Manners(query_page_rows=page_rows, compress=bool(page_rows % 2))
    once = {"sent on", "token dead"}  # twice in a row that is no accident but a refusal
    seen: set[str] = set()
    for where, name, nth, times in faults:
        if name in once and once & seen:
            continue
        seen.add(name)
        filled.faults.append(Fault(where, nth=nth, times=1 if name in once else times, **FAULTS[name]))
    if not lists:
        filled.faults.append(Fault("query_pages", "status", status=404, times=None))
    try:
        patient = sfframe.RetryPolicy(first_wait_s=0, max_tries=8)  # all faults may meet the same request
        assert sfframe.run(names(org_of(filled, retry=patient, timeouts=SHORT))) == NAMES
    finally:
        filled.faults.clear()
        filled.server.org.manners = Manners(query_page_rows=5, compress=True)


@settings(max_examples=scaled(25))
@given(sizes=st.lists(st.integers(1, 9), min_size=1, max_size=14), lists=st.booleans(), data=st.data())
def test_pages_of_any_sizes_make_the_result(sizes: list[int], lists: bool, data: st.DataObject) -> None:
    bad = data.draw(st.dictionaries(st.sampled_from(range(len(sizes))), st.integers(1, 3)))
    with Site() as site:
        result = Result(site, sizes)
        result.lists = lists

        async def spoil(request: web.Request, answer: web.Response) -> web.StreamResponse | None:
            at = result.starts.index(int(request.query.get("locator", 0)))
            bad[at] = bad.get(at, 0) - 1
            if bad[at] < 0:
                return None
            assert isinstance(answer.body, bytes)
            cut = [answer.body[:-3], b"", answer.body.replace(b"LastName", b"FirstName")][at % 3]
            headers = {key: value for key, value in answer.headers.items() if key.startswith("Sforce")}
            return web.Response(body=cut, headers=headers, content_type="text/csv")

        result.spoil = spoil
        org = Org(site.url, sfframe.ClientCredentials("app", "secret"), retry=AT_ONCE, poll=SOON)
        assert sfframe.run(rows(org)) == result.rows


async def test_small_pages_that_are_here_come_as_one_and_are_asked_for_again_together(site: Site, org: Org) -> None:
    result = Result(site, [2] * 10)
    reading = bulk(org)
    await reading.open()
    found = []
    while (page := await reading.next()) is not None:
        found.append(page.decode(reading.columns))
        assert page.again is not None
        assert (await page.again()).decode(reading.columns).equals(found[-1])
        await asyncio.gather(*downloads())
    assert len(found) < 10
    assert pl.concat(found).rows() == result.rows
    assert sorted(result.asked) == sorted([*range(0, 20, 2)] * 2)
    await reading.close()


async def test_a_page_that_never_becomes_whole_is_an_error_that_names_the_job(site: Site, org: Org) -> None:
    result = Result(site, [3, 4, 5])

    async def cut(request: web.Request, answer: web.Response) -> web.StreamResponse | None:
        if request.query.get("locator") != "3":
            return None
        return web.Response(body=csv(range(3, 6)), headers={"Sforce-NumberOfRecords": "4"}, content_type="text/csv")

    result.spoil = cut
    with pytest.raises(ApiError, match=rf"after 6 tries: it holds 3 rows, and the org says 4.*job_id='{JOB_ID}'"):
        await rows(org)
    assert result.asked.count(3) == 6


async def test_a_page_of_html_that_stays_is_an_error_that_names_the_job(
    local: sfframe.LocalOrg, local_org: Org
) -> None:
    local.faults.append(Fault("query_results", "html", status=200, times=None))
    with pytest.raises(ApiError, match=r"isn't CSV but .*We are setting things up.*job_id="):
        await names(local_org)


@pytest.mark.parametrize("is_cut", [False, True])
async def test_compressed_pages_are_read_and_cut_ones_noticed(site: Site, org: Org, is_cut: bool) -> None:
    result = Result(site, [50, 50])
    seen = set()

    async def pack(request: web.Request, answer: web.Response) -> web.StreamResponse:
        assert "gzip" in request.headers["Accept-Encoding"]
        assert isinstance(answer.body, bytes)
        packed = gzip.compress(answer.body)
        if is_cut and request.query_string not in seen:
            seen.add(request.query_string)
            packed = packed[: len(packed) * 2 // 3]
        headers = {key: value for key, value in answer.headers.items() if key.startswith("Sforce")}
        return web.Response(body=packed, headers={**headers, "Content-Encoding": "gzip"}, content_type="text/csv")

    result.spoil = pack
    assert await rows(org) == result.rows
    assert len(result.asked) == (4 if is_cut else 2)


async def test_tokens_that_die_between_pages_are_renewed(local: sfframe.LocalOrg, local_org: Org) -> None:
    local.faults.append(Fault("query_pages", "status", status=404, times=None))  # one page after the other
    local.faults.extend(Fault("query_results", "expire", nth=nth) for nth in (2, 6, 11))
    before = local.count("token")
    assert await names(local_org) == NAMES
    assert local.count("token") == before + 4


# What a job comes to.


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (
            Fault("job", "fail", error="QUERY_TIMEOUT : too long"),
            r"ended as Failed: QUERY_TIMEOUT.*filter by an indexed",
        ),
        (Fault("job", "fail", error="InternalServerError"), r"ended as Failed: InternalServerError.*api='rest'"),
        (Fault("job", "abort"), r"ended as Aborted: the org gives no reason. Somebody aborted it"),
        (Fault("job", "vanish"), r"404 NOT_FOUND: the org has no query job 750.* kept for 7 days"),
        (Fault("job", "vanish", when="after"), r"404 NOT_FOUND: the org has no query job 750.* kept for 7 days"),
    ],
)
async def test_a_job_without_a_result_says_why(
    local: sfframe.LocalOrg, local_org: Org, fault: Fault, says: str
) -> None:
    local.faults.append(fault)
    with pytest.raises(ApiError, match=says) as caught:
        await names(local_org)
    assert caught.value.job_id is not None


async def test_a_job_that_is_gone_while_it_is_waited_for_is_named(site: Site, org: Org) -> None:
    Result(site, [3])
    site.on("GET", JOB, refuse(404, "NOT_FOUND", "The requested resource does not exist"))
    with pytest.raises(ApiError, match=f"no query job {JOB_ID} any more"):
        await rows(org)


async def test_a_job_that_failed_without_a_reason_is_an_error_all_the_same(site: Site, org: Org) -> None:
    result = Result(site, [3])
    site.on("GET", JOB, reply(result.info("Failed")))
    with pytest.raises(ApiError, match="ended as Failed: the org gives no reason"):
        await rows(org)


async def test_a_slow_job_is_looked_at_until_it_has_ended(local: sfframe.LocalOrg, local_org: Org) -> None:
    local.faults.append(Fault("job", "stuck", looks=5))
    before = local.count("query_get")
    assert await names(local_org) == NAMES
    assert local.count("query_get") >= before + 5


async def test_a_state_that_nobody_knows_is_waited_out(site: Site, org: Org) -> None:
    result = Result(site, [3])
    done = {**result.info(), "numberRecordsProcessed": 3}
    site.on("GET", JOB, reply(result.info("Pondering")), reply(result.info("InProgress")), reply(done))
    assert await rows(org) == result.rows


@pytest.mark.parametrize(
    ("status", "code"), [(400, "INVALIDJOBSTATE"), (412, "JOB_NOT_COMPLETE"), (400, "InvalidJobState")]
)
@pytest.mark.parametrize("where", ["results", "resultPages"])
async def test_results_that_are_asked_for_too_early_are_waited_for(
    site: Site, org: Org, where: str, status: int, code: str
) -> None:
    result = Result(site, [3, 3])
    then = result._page if where == "results" else result._list
    site.on("GET", f"{JOB}/{where}", refuse(status, code), refuse(status, code), then)
    assert await rows(org) == result.rows


async def test_another_api_version_than_the_jobs_is_named(site: Site, org: Org) -> None:
    Result(site, [3])
    site.on("GET", f"{JOB}/resultPages", refuse(409, "CONFLICT", "API version mismatch"))
    with pytest.raises(ApiError, match=r"409.*made under API version 66.0.*Org\(\.\.\., api_version=") as caught:
        await rows(org)
    assert (caught.value.status, caught.value.job_id) == (409, JOB_ID)


async def test_a_locator_that_the_org_has_forgotten_is_named(site: Site, org: Org) -> None:
    Result(site, [3, 3])
    site.on("GET", f"{JOB}/results", refuse(400, "INVALID_QUERY_LOCATOR", "invalid query locator"))
    with pytest.raises(ApiError, match=rf"doesn't know a page of the job.*job_id='{JOB_ID}'"):
        await rows(org)


@pytest.mark.usefixtures("apart")
async def test_the_first_error_in_the_order_of_pages_is_raised_and_stays(site: Site, org: Org) -> None:
    result = Result(site, [2] * 6)

    async def refuse_third(request: web.Request, answer: web.Response) -> web.StreamResponse | None:
        return web.Response(status=403) if request.query["locator"] == "4" else None

    result.spoil = refuse_third
    reading = bulk(org)
    await reading.open()
    assert [await reading.next() is not None for _ in range(2)] == [True, True]
    for _ in range(2):
        with pytest.raises(ApiError, match=f"job_id='{JOB_ID}'"):
            await reading.next()
    await reading.close()


# Leaving.


async def test_a_read_that_is_left_aborts_its_job_or_leaves_it(local: sfframe.LocalOrg, local_org: Org) -> None:
    local.faults.append(Fault("job", "stuck", times=None))
    for abort, states in [(True, {"Aborted"}), (False, {"UploadComplete", "InProgress"})]:
        reading = Reading(local_org, ReadRequest(soql=ORDERED, api="bulk"))
        await reading.open()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await reading.next()
        assert reading.job_id is not None
        await reading.close(abort=abort)
        assert (await local_org.query.get_job(reading.job_id)).state in states


async def test_a_read_that_is_closed_asks_for_nothing_more(site: Site, org: Org) -> None:
    result = Result(site, [2] * 40)
    reading = bulk(org)
    await reading.open()
    assert await reading.next() is not None
    await reading.close()
    asked = len(result.asked)
    assert await reading.next() is None
    assert len(result.asked) == asked < 40
    assert site.paths("PATCH") == []  # the job has ended


# Taking up a job.


async def test_a_job_is_taken_up_with_the_columns_of_its_result(local: sfframe.LocalOrg, local_org: Org) -> None:
    soql = "SELECT lastname, CreatedDate, Account.Name, HasOptedOutOfEmail FROM Contact ORDER BY LastName"
    job = await local_org.query.create_job(soql)
    taken = await read(Reading.of_job(local_org, job.id))
    assert taken["LastName"].to_list() == NAMES
    assert taken.equals(await read(Reading(local_org, ReadRequest(soql=soql, api="bulk"))))
    assert taken.dtypes == [pl.String, pl.Datetime("us", "UTC"), pl.String, pl.Boolean]


async def test_a_job_of_another_api_version_is_read_under_its_own(local: sfframe.LocalOrg, local_org: Org) -> None:
    async with org_of(local, api_version="62.0", timeouts=SHORT) as older:
        job = await older.query.create_job(ORDERED)
    assert (await read(Reading.of_job(local_org, job.id)))["LastName"].to_list() == NAMES


async def test_a_job_of_somebody_else_is_never_aborted(local: sfframe.LocalOrg, local_org: Org) -> None:
    local.faults.append(Fault("job", "stuck"))
    job = await local_org.query.create_job(ORDERED)
    reading = Reading.of_job(local_org, job.id)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await reading.open()
    assert reading.job_id == job.id
    await reading.close()
    assert (await local_org.query.get_job(job.id)).state != "Aborted"


async def test_a_job_that_the_org_doesnt_know_is_named(local_org: Org) -> None:
    with pytest.raises(ApiError, match="no query job 7505e00000Abc12AAB any more"):
        await read(Reading.of_job(local_org, JOB_ID))


async def test_a_column_that_describe_doesnt_know_is_text(site: Site, org: Org) -> None:
    result = Result(site, [2])

    async def rename(_: web.Request, answer: web.Response) -> None:
        assert isinstance(answer.body, bytes)
        answer.body = answer.body.replace(b"LastName", b"toLabel(Status)")

    result.spoil = rename
    frame = await read(Reading.of_job(org, JOB_ID))
    assert frame.schema == {"toLabel(Status)": pl.String, "Number__c": pl.Int64}


async def test_a_first_page_that_is_no_csv_is_read_again(site: Site, org: Org) -> None:
    result = Result(site, [2, 2])
    bad = [b'"Last\xff\n', b'"x"y\n']

    async def spoil(_: web.Request, answer: web.Response) -> None:
        if bad:
            answer.body = bad.pop()

    result.spoil = spoil
    result.lists = False
    assert (await read(Reading.of_job(org, JOB_ID))).rows() == result.rows


async def test_a_job_with_another_separator_is_refused(site: Site, org: Org) -> None:
    Result(site, [2]).job = {"columnDelimiter": "PIPE"}
    with pytest.raises(ApiError, match="separated by PIPE, and sfframe reads COMMA"):
        await read(Reading.of_job(org, JOB_ID))


async def test_a_job_about_something_that_is_no_object_is_refused(site: Site, org: Org) -> None:
    Result(site, [2]).job = {"object": "../limits?"}
    with pytest.raises(ApiError, match=r"about '\.\./limits\?', which is no object"):
        await read(Reading.of_job(org, JOB_ID))


# REST.

QUERY = f"{DATA}/query"
MORE = f"{DATA}/query/01g-"


def records(numbers: Any, **more: Any) -> Any:
    found = [{"attributes": {"type": "Contact"}, "LastName": str(n), "Number__c": n} for n in numbers]
    return reply({"totalSize": 4, "done": False, "records": found, **more})


@pytest.fixture
def over_rest(site: Site, org: Org) -> Reading:
    Result(site, [])
    return Reading(org, ReadRequest(soql=SOQL, api="rest"))


async def test_rest_pages_are_followed_to_their_end(site: Site, over_rest: Reading) -> None:
    site.on("GET", QUERY, records([0, 1], nextRecordsUrl=MORE + "2"))
    site.on("GET", MORE + "2", drop, records([], nextRecordsUrl=MORE + "3"))
    site.on("GET", MORE + "3", records([2, 3], done=True))
    assert (await read(over_rest))["Number__c"].to_list() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        ({"nextRecordsUrl": MORE + "2"}, records([2], nextRecordsUrl=MORE + "2"), "names a page twice"),
        ({}, None, "says that there are more rows, and not where"),
        ({"nextRecordsUrl": MORE + "2"}, refuse(400, "INVALID_QUERY_LOCATOR"), "keeps the place for 2 days"),
        ({"nextRecordsUrl": MORE + "2"}, refuse(403, "NO", "not any more"), "not any more"),
        ({"nextRecordsUrl": MORE + "2"}, reply({"done": True}), "no page of records"),
        ({"done": True}, None, r"2 of 4 rows came.*OFFSET"),
    ],
)
async def test_rest_pages_that_lead_nowhere_are_an_error(
    site: Site, over_rest: Reading, first: Any, second: Any, says: str
) -> None:
    site.on("GET", QUERY, records([0, 1], **first))
    if second is not None:
        site.on("GET", MORE + "2", second)
    with pytest.raises(ApiError, match=says):
        await read(over_rest)


def family(*members: Any, more: str | None = None) -> dict[str, Any]:
    """An answer to a subquery, whole or with more to come."""
    return {"totalSize": 2, "done": more is None, "records": list(members), "nextRecordsUrl": more}


async def test_pages_of_subqueries_are_followed_on_all_levels(site: Site, org: Org) -> None:
    children = [{"childSObject": "Contact", "relationshipName": "Kids"}]
    Result(site, [])
    site.on("GET", f"{DATA}/sobjects/Contact/describe", reply({**CONTACT, "childRelationships": children}))
    first, other = (
        {"LastName": name, "Kids": family({"LastName": f"{name}1"}, more=MORE + name)} for name in ("a", "b")
    )
    top = {"LastName": "top", "Kids": family(first, more=MORE + "top")}
    site.on("GET", QUERY, reply({"totalSize": 1, "done": True, "records": [top]}))
    site.on("GET", MORE + "top", reply(family(other)))
    for name in ("a", "b"):
        site.on("GET", MORE + name, reply(family({"LastName": f"{name}2"})))
    soql = "SELECT LastName, (SELECT LastName, (SELECT LastName FROM Kids) FROM Kids) FROM Contact"
    found = await read(Reading(org, ReadRequest(soql=soql, api="rest")))
    kids = [(kid["LastName"], [one["LastName"] for one in kid["Kids"]]) for kid in found["Kids"][0]]
    assert kids == [("a", ["a1", "a2"]), ("b", ["b1", "b2"])]


async def test_empty_rest_pages_without_end_are_an_error(site: Site, over_rest: Reading) -> None:
    async def more(request: web.Request) -> web.StreamResponse:
        n = int(request.path.rpartition("-")[2]) + 1
        site.on("GET", f"{MORE}{n}", more)
        return web.json_response({"totalSize": 4, "done": False, "records": [], "nextRecordsUrl": f"{MORE}{n}"})

    site.on("GET", QUERY, records([0, 1], nextRecordsUrl=MORE + "2"))
    site.on("GET", MORE + "2", more)
    with pytest.raises(ApiError, match="pages in a row held no record"):
        await read(over_rest)


async def test_a_rest_page_can_be_read_again_but_for_the_first(site: Site, over_rest: Reading) -> None:
    site.on("GET", QUERY, records([0, 1], nextRecordsUrl=MORE + "2"))
    site.on("GET", MORE + "2", records(["x"], nextRecordsUrl=MORE + "3"), records([2, 3], done=True))
    site.on("GET", MORE + "3", records([9], done=True))
    await over_rest.open()
    first, second = await over_rest.next(), await over_rest.next()
    assert isinstance(first, Page)
    assert isinstance(second, Page)
    with pytest.raises(ApiError, match="can't be read: strange"):
        await over_rest.again(first, BadPage("strange"), 1)
    again = await over_rest.again(second, BadPage("strange"), 1)
    assert [record["Number__c"] for record in again.content] == ["2", "3"]  # type: ignore[index]  # records
