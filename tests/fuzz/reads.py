"""Reads: pages over REST and of query jobs, through all that makes frames of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import polars as pl

import sfframe
from sfframe.org.org import Org
from sfframe.query.pages.route import ReadRequest
from sfframe.query.pages.route import explain as route
from sfframe.query.schema.types import DATETIME
from tests.fuzz import good
from tests.fuzz.given import Given, Input, json_of
from tests.fuzz.org import DATA
from tests.fuzz.target import Target, Variant, is_finite, must

_PLAIN = "SELECT Id, LastName, Amount__c, Level__c, Birthdate, SystemModstamp, At__c, IsDeleted, Tags__c FROM Contact"
_MORE = f"{DATA}/query/01gx-2"
_PARENT = {"attributes": {"type": "Account"}, "Name": "Acme", "Rank__c": 1}
_CHILDREN = {"totalSize": 3, "done": False, "nextRecordsUrl": _MORE, "records": [good.contact(1), good.contact(2)]}
STATEMENTS: Sequence[tuple[str, tuple[Given, ...], tuple[Given, ...]]] = (
    (_PLAIN, (good.records(*map(good.contact, range(4))),), ()),
    (
        _PLAIN,
        (good.records(good.contact(0), good.contact(1), total=4, more=_MORE),),
        (good.records(good.contact(2), total=4, more=_MORE + "3"), good.records(good.contact(3), total=4)),
    ),
    ("SELECT COUNT() FROM Contact", (json_of({"totalSize": 17, "done": True, "records": []}),), ()),
    (
        "SELECT LastName, COUNT(Id) n, MAX(Amount__c) FROM Contact GROUP BY LastName",
        (good.records({"attributes": {"type": "AggregateResult"}, "LastName": "Ng", "n": 2, "expr0": 1.5}),),
        (),
    ),
    (
        "SELECT Id, Account.Name, Account.Rank__c, Owner.Name, MailingAddress FROM Contact",
        (
            good.records(
                {"Id": "003", "Account": _PARENT, "Owner": {"Name": "Ng"}, "MailingAddress": good.ADDRESS},
                {"Id": "004", "Account": None, "Owner": {"Name": "Ng"}, "MailingAddress": None},
            ),
        ),
        (),
    ),
    (
        "SELECT Id, (SELECT Id, LastName FROM Reports) FROM Contact",
        (good.records(good.contact(0, Reports=_CHILDREN), good.contact(1, Reports=None)),),
        (good.records(good.contact(3)),),
    ),
    (
        "SELECT Id, TYPEOF Account WHEN Account THEN Rank__c ELSE Name END FROM Contact",
        (good.records({"Id": "003", "Account": _PARENT}, {"Id": "004", "Account": {"Name": "x"}}),),
        (),
    ),
)


async def read_rest(org: Org, sent: Input) -> None:
    soql = STATEMENTS[sent.variant // 2][0]
    decimals, multiselect = bool(sent.variant % 2), "list" if sent.variant % 2 else "text"
    frame = await sfframe.read_soql_async(soql, api="rest", decimals=decimals, multiselect=multiselect, org=org)  # type: ignore[call-overload]
    must(frame.width >= 1 and is_finite(frame), "a number that is none")


async def explain(org: Org, sent: Input) -> None:
    must((await route(org, ReadRequest(soql=_PLAIN))).why, "no reason")


async def read_inside(org: Org, sent: Input) -> None:
    """A statement that is too long for an address."""
    soql = f"SELECT Id, LastName FROM Contact WHERE LastName IN ('{chr(39) + ',' + chr(39)}{'x' * 14_000}')"
    frame = await sfframe.read_soql_async(soql.replace("''", "'a'"), api="rest", org=org)
    must(is_finite(frame), "a number that is none")


async def read_bulk(org: Org, sent: Input) -> None:
    if sent.variant == 2:
        frame = await sfframe.read_soql_async(job_id=good.JOB_ID, org=org)
    else:
        frame = await sfframe.read_soql_async(_PLAIN, api="bulk", decimals=bool(sent.variant), org=org)
    must(is_finite(frame), "a number that is none")


def _bulk(info: dict[str, Any], *, listed: bool) -> good.Answers:
    first = good.PAGE if listed else Given(good.PAGE.body, 200, (*good.PAGE.headers[:-1], ("Sforce-Locator", "b")))
    answers = {
        **good.DESCRIBES,
        "create": (json_of(good.job("UploadComplete", kind="query")),),
        "job": (json_of(good.job("InProgress", kind="query")), json_of(info)),
        "patch": (json_of(good.job("Aborted", kind="query")),),
        "page": (first, good.LAST_PAGE),
    }
    return {**answers, "pages": (json_of(good.RESULT_PAGES),)} if listed else answers


async def changes(org: Org, sent: Input) -> None:
    since = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    found = await sfframe.read_changes_async("Contact", ["Id", "LastName"], since=since, org=org)
    must(found.deleted.schema == {"Id": pl.String, "DeletedDate": DATETIME}, "another frame of deletes")


_DELETED: dict[str, Any] = {
    "deletedRecords": [{"id": "003000000000009AAA", "deletedDate": "2026-01-02T20:00:00.000+0000"}]
}
_DELETED |= {
    "earliestDateAvailable": "2025-12-19T20:00:00.000+0000",
    "latestDateCovered": "2026-01-02T21:33:00.000+0000",
}


_ROWS = {**good.DESCRIBES, "query": STATEMENTS[0][1]}
_NOW = json_of({}, Date="Fri, 02 Jan 2026 21:33:43 GMT")
_INNER = {
    "body": {"totalSize": 1, "done": True, "records": [good.contact(1)]},
    "httpHeaders": {},
    "httpStatusCode": 200,
    "referenceId": "query",
}
TARGETS = (
    Target(
        "rest",
        [
            Variant(read_rest, {**good.DESCRIBES, "query": first, "more": more})
            for _, first, more in STATEMENTS
            for _ in "12"
        ],
    ),
    Target(
        "inside",
        [Variant(read_inside, {**good.DESCRIBES, "composite": (json_of({"compositeResponse": [_INNER]}),)})],
        3,
    ),
    Target(
        "explain",
        [Variant(explain, {**good.DESCRIBES, "query": (json_of({"totalSize": 4, "done": True, "records": []}),)})],
        3,
    ),
    Target(
        "bulk",
        [Variant(read_bulk, _bulk(good.job(kind="query"), listed=listed)) for listed in (True, False, True)],
        4,
    ),
    Target("changes", [Variant(changes, {**_ROWS, "now": (_NOW,), "deleted": (json_of(_DELETED),)})], 3),
)
