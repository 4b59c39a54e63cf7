"""Some answers of the search in each run of the suite, and what it has found before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from sfframe.errors import SfframeError
from tests.fuzz import good
from tests.fuzz.__main__ import Run
from tests.fuzz.given import Given, Input, csv_of, json_of
from tests.fuzz.org import DATA, EndlessError
from tests.fuzz.run import Feeder, smaller
from tests.fuzz.seeds import make
from tests.fuzz.targets import TARGETS


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    run = Run()
    yield run
    run.close()


@pytest.fixture(scope="module")
def feeder() -> Iterator[Feeder]:
    feeder = Feeder()
    yield feeder
    feeder.close()


# `make fuzz` feeds more, and others.
def test_no_answer_brings_another_exception_a_hang_or_a_wrong_result(run: Run) -> None:
    run.feed(range(800))
    assert run.findings == []
    assert set(run.kinds) == set(TARGETS)


@pytest.mark.parametrize("by_socket", [False, True])
@pytest.mark.parametrize("name", TARGETS)
def test_good_answers_give_a_result(feeder: Feeder, name: str, by_socket: bool) -> None:
    refusals = {("soap", 1), ("cli", 2), ("objects", 1), *(("refusal", n) for n in range(20))}
    for variant, one in enumerate(TARGETS[name].variants):
        sent = Input(name, variant, one.answers, by_socket=by_socket and name != "cli")
        if (name, variant) in refusals:
            with pytest.raises(SfframeError):
                feeder.call(sent)
        else:
            feeder.call(sent)


def test_a_seed_always_makes_the_same_input_and_a_line_tells_it() -> None:
    made = [make(seed) for seed in range(200)]
    assert made == [make(seed) for seed in range(200)]
    assert [Input.from_line(one.line()) for one in made] == made
    assert {make(seed, "soap").target for seed in range(20)} == {"soap"}


def test_an_input_is_made_smaller_while_it_fails() -> None:
    sent = Input("job", 0, {"job": (Given(b"x" * 500 + b"!" + b"y" * 500, 500, (("A", "b"),)),)}, by_socket=True)
    least = smaller(sent, lambda one: b"!" in one.answers["job"][0].body)
    assert least.answers["job"][0].body == b"!"
    assert (least.by_socket, least.answers["job"][0].headers) == (False, good_headers())


def good_headers() -> Any:
    return TARGETS["job"].variants[0].answers["job"][0].headers


# --- found by it ------------------------------------------------------------------------------------------------------

DEEP = b"[" * 100_000
JOB = good.job()
FOUND: dict[str, tuple[str, int, str, Given, str]] = {
    "JSON as deep as the stack": ("job", 0, "job", Given(DEEP), "JSON that can.t be read"),
    "a refusal as deep as the stack": ("refusal", 0, "any", Given(DEEP, 400), "400: "),
    "a refusal that takes long to read": ("refusal", 0, "any", Given(b"<" * 60_000, 400), "400: <<<"),
    "a message that can't be printed": ("job", 0, "job", Given(b'[{"message":"\\ud800"}]', 409), "409: "),
    "a code that is an object": ("refusal", 0, "any", json_of({"errorCode": [{}], "message": "no"}, 400), "400: no"),
    "a redirect to nowhere": ("refusal", 0, "any", Given(b"", 302, (("Location", "http://["),)), "another address"),
    "a locator of bytes": ("results", 0, "failed", Given(b"x", 200, (("Sforce-Locator", "\udcff"),)), "what is none"),
    "an address that is none": ("rest", 0, "query", good.records(total=9, more="http://["), "an address what is none"),
    "a job of another id": ("job", 0, "job", json_of({**JOB, "id": "7505e00000Xyz12AAB"}), "another job"),
    "a job whose id is a path": ("moves", 0, "create", json_of({**JOB, "id": "../../x"}), "tells of no job"),
    "no list of jobs": ("jobs", 0, "list", json_of({"done": True}), "no list of jobs"),
    "a list that goes on nowhere": ("jobs", 0, "list", json_of({"done": False, "records": []}), "not where"),
    "a token of numbers": ("token", 0, "token", json_of({"access_token": 5}), "holds no token"),
    "a token of two lines": ("token", 0, "token", json_of({"access_token": "a\r\nb: c"}), "a line break"),
    "a token as deep as the stack": ("token", 0, "token", Given(b'{"a":' * 100_000), "holds no token"),
    "SOAP from nowhere": (
        "soap", 0, "soap", Given(b"<a><sessionId>x</sessionId><serverUrl>http://[</serverUrl></a>"), "holds no token",
    ),
    "SOAP in no encoding": ("soap", 0, "soap", Given(b'<?xml version="1.0" encoding="nope"?><a/>'), "no SOAP answer"),
    "SOAP with a hidden DTD": (
        "soap", 0, "soap", Given('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'.encode("utf-16")), "no SOAP answer",
    ),
    "a CLI with nothing to say": ("cli", 2, "sf", json_of({"status": 1, "message": " "}, 1), "no readable answer"),
    "a CLI's address": (
        "cli", 0, "sf", json_of({"status": 0, "result": {"accessToken": "x", "instanceUrl": ["y"]}}, 0), "no session",
    ),
    "a field of odd kind": (
        "describe", 0, "describe Contact", json_of({"name": "X", "fields": [{"name": "A", "length": "x"}]}), "length",
    ),
    "an object without fields": ("describe", 0, "describe Contact", json_of({"name": "X", "fields": ""}), "describe"),
    "an object of odd kind": ("objects", 0, "sobjects", json_of({"sobjects": [{"name": "A", "custom": 1}]}), "odd"),
    "objects without names": ("objects", 1, "sobjects", json_of({"sobjects": [{"label": "x"}]}), "no object 'Contact"),
    "limits that are a list": ("limits", 0, "limits", json_of([1]), "isn't what was asked for"),
    "a limit of words": ("limits", 0, "limits", json_of({"DailyApiRequests": {"Max": "x"}}), "no numbers"),
    "a total of words": ("explain", 0, "query", json_of({"totalSize": "x", "records": []}), "holds no number"),
    "a subquery without records": ("rest", 10, "query", good.records({"Id": "x", "Reports": {"a": 1}}), "Reports"),
    "a number that is none": (
        "rest", 0, "query", Given(b'{"totalSize":1,"done":true,"records":[{"Amount__c":NaN}]}'), "JSON that can",
    ),
    "a stamp that is a text": (
        "changes", 0, "describe Contact",
        json_of({"name": "Contact", "fields": [{"name": "Id"}, {"name": "SystemModstamp", "filterable": True}]}),
        "doesn't tell when",
    ),
    "deletes that aren't listed": ("changes", 0, "deleted", json_of({}), "list of deletes"),
    "deletes without ids": ("changes", 0, "deleted", json_of({"deletedRecords": [{"x": 1}]}), "list of deletes"),
    "an address without end": (
        "token", 0, "token", json_of({"access_token": "x", "instance_url": "9" * 5_000}), "holds no token",
    ),
    "a job's column twice": ("bulk", 2, "page", csv_of('"Id","id"\n"1","2"\n'), "twice"),
    "a date after all dates": (
        "changes", 0, "now", json_of({}, Date="Fri, 31 Dec 9999 23:59:59 -2359"), "no Date header",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FOUND)
def test_what_was_found_is_told(feeder: Feeder, name: str) -> None:
    target, variant, kind, given, told = FOUND[name]
    answers = {**TARGETS[target].variants[variant].answers, kind: (given,)}
    sent = Input(target, variant, answers)
    with pytest.raises(SfframeError, match=told):
        feeder.call(sent)
    assert feeder.feed(sent) is None  # nor is anything wrong with the error


BORNE: dict[str, tuple[str, int, str, Given]] = {
    "a result file that is read in two ways": (
        "ingest", 1, "unprocessed", csv_of('"LastName","ExternalId__c"\n"",l,"'),
    ),
    "an abort that is none, of a job that has ended": ("moves", 2, "patch", json_of({**JOB, "state": "Odd"})),
    "a usage beyond numbers": (
        "job", 0, "job", json_of(JOB, Sforce_Limit_Info="api-usage=" + "9" * 5_000 + "/1"),
    ),
    "counters of odd kinds": ("job", 0, "job", json_of({**JOB, "retries": 1e300, "numberRecordsFailed": -1})),
    "a version that is none": ("job", 0, "job", json_of({**JOB, "apiVersion": "nan"})),
    "half a pair in a text": ("job", 0, "job", json_of({**JOB, "object": "\ud800"})),
}  # fmt: skip


@pytest.mark.parametrize("name", BORNE)
def test_what_doesnt_matter_is_borne(feeder: Feeder, name: str) -> None:
    target, variant, kind, given = BORNE[name]
    feeder.call(Input(target, variant, {**TARGETS[target].variants[variant].answers, kind: (given,)}))


def test_a_wait_beyond_dates_is_no_wait(feeder: Feeder) -> None:
    given = Given(b"", 429, (("Retry-After", "Mon, 01 Jan 2024 00:00:00 -" + "9" * 40),))
    with pytest.raises(SfframeError, match="429"):
        feeder.call(Input("refusal", 0, {"any": (given,)}))


def test_pages_that_name_ever_new_pages_come_to_an_end(feeder: Feeder) -> None:
    """Of jobs, and of a subquery; each page is another one, and holds nothing."""
    empty = [json_of({"done": False, "records": [], "nextRecordsUrl": f"{DATA}/jobs/ingest?l={n}"}) for n in range(100)]
    with pytest.raises(SfframeError, match="none is the last"):
        feeder.call(Input("jobs", 0, {"list": tuple(empty)}))
    more = [replace(good.records(total=9, more=f"{DATA}/query/01g-{n}")) for n in range(100)]
    sent = Input("rest", 10, {**TARGETS["rest"].variants[10].answers, "more": tuple(more)})
    with pytest.raises(SfframeError, match="without an end"):
        feeder.call(sent)
    assert EndlessError.__name__ not in (feeder.feed(sent) or "")


def test_subqueries_deeper_than_any_statement_are_refused(feeder: Feeder) -> None:
    record: dict[str, Any] = {}
    for _ in range(50):
        record = {"Reports": {"records": [record], "done": True}}
    sent = Input("rest", 10, {**TARGETS["rest"].variants[10].answers, "query": (good.records(record),)})
    with pytest.raises(SfframeError, match="deeper"):
        feeder.call(sent)
