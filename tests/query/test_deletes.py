"""The org's log of deletes: what a scripted org says of its bounds is kept to."""

from __future__ import annotations

import datetime as dt
from typing import Any
from urllib.parse import parse_qs

import polars as pl
import pytest
from aiohttp import web

import sfframe
from sfframe.localorg.objects.describe import describe_object
from tests.org.site import Answer, Site, refuse, reply, stall

BASE = "/services/data/v66.0"
DELETED = f"{BASE}/sobjects/Thing__c/deleted/"
MINUTE = dt.timedelta(minutes=1)
NOW = dt.datetime(2026, 3, 1, 12, 30, 20, tzinfo=dt.UTC)
NONE: dict[str, Any] = {"done": True, "totalSize": 0, "records": []}


@pytest.fixture
def site(site: Site) -> Site:
    site.on("GET", f"{BASE}/sobjects/Thing__c/describe", reply(describe_object("Thing__c", {}, key_prefix="a00")))
    site.on("GET", f"{BASE}/query", reply(NONE))
    site.on("GET", f"{BASE}/queryAll", reply(NONE))
    return site


@pytest.fixture
def org(site: Site) -> sfframe.Org:
    return sfframe.Org(site.url, sfframe.ClientCredentials("app", "secret"), retry=sfframe.RetryPolicy(first_wait_s=0))


def at(site: Site, moment: dt.datetime) -> None:
    """The org's clock."""
    site.on("GET", f"{BASE}/", reply({}, headers={"Date": f"{moment:%a, %d %b %Y %H:%M:%S GMT}"}))


def log(*deletes: tuple[int, dt.datetime], covered: dt.datetime | None = None, earliest: str = "2026-02-20") -> Answer:
    """An answer that covers what was asked for, unless it is said."""

    async def answer(request: web.Request) -> web.StreamResponse:
        records = [{"id": f"{n:018}", "deletedDate": f"{moment:%Y-%m-%dT%H:%M:%S.000+0000}"} for n, moment in deletes]
        until = f"{covered:%Y-%m-%dT%H:%M:%S.000+0000}" if covered else request.query["end"]
        body = {"deletedRecords": records, "earliestDateAvailable": f"{earliest}T00:00:00.000+0000"}
        return web.json_response({**body, "latestDateCovered": until})

    return answer


def windows(site: Site) -> list[tuple[str, str]]:
    """The hours and minutes between which the log was asked for."""
    queries = [parse_qs(one.query) for one in site.seen if one.path == DELETED]
    return [(query["start"][0][11:16], query["end"][0][11:16]) for query in queries]


def read(org: sfframe.Org, since: Any = NOW - 20 * MINUTE, **options: Any) -> sfframe.Changes[pl.DataFrame]:
    return sfframe.read_changes("Thing__c", ["Id"], since, org=org, **options)


def test_the_log_is_asked_for_whole_minutes_more_than_one_apart(site: Site, org: sfframe.Org) -> None:
    at(site, NOW)
    site.on("GET", DELETED, log())
    read(org)
    read(org, NOW - dt.timedelta(seconds=15))
    at(site, NOW - dt.timedelta(seconds=11))
    assert read(org).until == NOW - dt.timedelta(seconds=20)
    assert windows(site) == [("12:10", "12:30"), ("12:28", "12:30"), ("12:10", "12:29")]


def test_deletes_outside_of_the_window_are_left_for_the_next_one(site: Site, org: sfframe.Org) -> None:
    at(site, NOW)
    inside, outside = NOW - dt.timedelta(seconds=10), NOW - dt.timedelta(seconds=9)
    site.on("GET", DELETED, log((1, NOW - 20 * MINUTE - dt.timedelta(seconds=1)), (2, inside), (3, outside)))
    changes = read(org)
    assert changes.deleted.rows() == [(f"{2:018}", inside)]
    at(site, NOW + MINUTE)
    assert read(org, changes.cursor).deleted.rows() == [(f"{3:018}", outside)]


def test_while_a_transaction_is_under_way_the_next_window_begins_where_it_did(site: Site, org: sfframe.Org) -> None:
    at(site, NOW)
    began = NOW - 12 * MINUTE
    known = (1, NOW - 11 * MINUTE)
    site.on("GET", DELETED, log(known, covered=began))
    changes = read(org, overlap=MINUTE)
    at(site, NOW + MINUTE)
    site.on("GET", DELETED, log((2, began + dt.timedelta(seconds=5)), known))
    late = read(org, changes.cursor, overlap=MINUTE)
    assert windows(site)[-1] == ("12:17", "12:31")
    assert late.deleted["Id"].to_list() == [f"{2:018}"]


def test_a_log_that_begins_after_the_window_is_a_gap(site: Site, org: sfframe.Org) -> None:
    at(site, NOW)
    site.on("GET", DELETED, log(earliest="2026-03-02"))
    with pytest.raises(sfframe.ChangesLost, match=r"since 2026-03-01 12:10Z .*its log of deletes begins at 2026-03-02"):
        read(org)


def test_a_full_read_goes_on_from_where_the_log_begins(site: Site, org: sfframe.Org) -> None:
    at(site, NOW)
    site.on("GET", DELETED, log(earliest="2026-03-01"), log(earliest="2026-03-01"))
    cursor = read(org, None, overlap=dt.timedelta(days=2)).cursor
    at(site, NOW + MINUTE)
    assert read(org, cursor, overlap=dt.timedelta(days=2)).deleted.is_empty()
    assert windows(site)[-1] == ("00:00", "12:31")


def test_too_many_deletes_are_asked_for_in_halves(site: Site, org: sfframe.Org) -> None:
    at(site, NOW)
    too_many = refuse(400, "EXCEEDED_ID_LIMIT")
    twice = (2, NOW - 10 * MINUTE)
    site.on("GET", DELETED, too_many, log((1, NOW - 15 * MINUTE), twice), too_many, log(twice), log((3, NOW - MINUTE)))
    assert read(org).deleted["Id"].to_list() == [f"{n:018}" for n in (1, 2, 3)]
    assert windows(site) == [("12:10", "12:30"), ("12:10", "12:20"), ("12:20", "12:30"), ("12:20", "12:25"),
                             ("12:25", "12:30")]  # fmt: skip


def test_more_deletes_than_the_org_gives_for_the_shortest_window_are_an_error(site: Site, org: sfframe.Org) -> None:
    at(site, NOW)
    site.on("GET", DELETED, refuse(400, "EXCEEDED_ID_LIMIT"))
    with pytest.raises(sfframe.ApiError, match="EXCEEDED_ID_LIMIT"):
        read(org)
    assert ("12:10", "12:12") in windows(site)


def test_where_the_log_is_refused_the_bin_is_read(site: Site, org: sfframe.Org) -> None:
    at(site, NOW)
    site.on("GET", DELETED, refuse(400, "INVALID_TYPE"))
    gone = {"Id": f"{1:018}", "SystemModstamp": f"{NOW - MINUTE:%Y-%m-%dT%H:%M:%S.000+0000}"}
    site.on("GET", f"{BASE}/queryAll", reply({"done": True, "totalSize": 1, "records": [gone]}))
    assert read(org).deleted.rows() == [(f"{1:018}", NOW - MINUTE)]
    (asked,) = [parse_qs(one.query)["q"][0] for one in site.seen if one.path == f"{BASE}/queryAll"]
    assert asked == (
        "SELECT Id, SystemModstamp FROM Thing__c WHERE IsDeleted = TRUE"
        " AND SystemModstamp >= 2026-03-01T12:10:20Z AND SystemModstamp < 2026-03-01T12:30:11Z"
    )


def test_a_record_in_the_log_that_is_there_was_undeleted(site: Site, org: sfframe.Org) -> None:
    at(site, NOW)
    site.on("GET", DELETED, log((1, NOW - 2 * MINUTE)))
    there = {"Id": f"{1:018}", "SystemModstamp": f"{NOW - MINUTE:%Y-%m-%dT%H:%M:%S.000+0000}"}
    site.on("GET", f"{BASE}/query", reply({"done": True, "totalSize": 1, "records": [there]}))
    changes = read(org)
    assert (changes.upserted["Id"].to_list(), changes.deleted.height) == ([f"{1:018}"], 0)


def test_a_clock_that_goes_back_does_not_move_the_window_back(site: Site, org: sfframe.Org) -> None:
    at(site, NOW)
    site.on("GET", DELETED, log())
    first = read(org, None)
    at(site, NOW - 2 * MINUTE)
    assert read(org, first.cursor).until == first.until


def test_an_org_that_does_not_tell_its_time_is_an_error(site: Site, org: sfframe.Org) -> None:
    site.on("GET", f"{BASE}/", reply({}, headers={"Date": "soon"}))
    with pytest.raises(sfframe.ApiError, match="no Date header that could be read, but 'soon'"):
        read(org)


def test_a_call_ends_when_its_time_is_up(site: Site, org: sfframe.Org) -> None:
    site.on("GET", f"{BASE}/", stall)
    with pytest.raises(sfframe.JobTimeout, match=r"timeout=0\.05 s was up"):
        read(org, timeout=0.05)
