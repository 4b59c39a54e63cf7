"""Some inputs of the search in each run of the suite, and what it has found before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from sfframe.localorg import Server
from sfframe.localorg.ingest.job import Job
from tests.localorg.client import Client
from tests.localorg.fuzz.__main__ import Run
from tests.localorg.fuzz.seeds import make

DATA = "/services/data/v66.0"


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    with Server(seed=1) as server:
        run = Run(server, users=4)
        yield run
        run.close()


# `make fuzz` sends more, and others.
@pytest.mark.parametrize("start", range(0, 450, 150))
def test_no_input_brings_a_500_a_hang_or_a_dead_worker(run: Run, start: int) -> None:
    run.send(range(start, start + 150))
    assert run.findings == []


def test_a_seed_always_makes_the_same_input() -> None:
    assert [make(seed) for seed in range(300)] == [make(seed) for seed in range(300)]
    assert {make(seed).kind for seed in range(300)} == {"request", "wire", "load", "query"}


# --- found by it ------------------------------------------------------------------------------------------------------


def test_the_list_of_resources_may_be_asked_for_within_a_batch(client: Client) -> None:
    body = {"batchRequests": [{"method": "GET", "url": "v66.0"}, {"method": "GET", "url": "v66.0/limits"}]}
    reply = client.request("POST", f"{DATA}/composite/batch", body)
    assert [result["statusCode"] for result in reply.json["results"]] == [200, 200]
    assert json.dumps(reply.json).count("/id/00D") == 1
    assert client.server.url in reply.json["results"][0]["result"]["identity"]


def test_a_compound_field_has_no_form_of_a_locale(client: Client) -> None:
    reply = client.get(f"{DATA}/query?q=SELECT+FORMAT(MailingAddress)+x+FROM+Contact")
    assert reply.error == (400, "INVALID_FIELD")


def test_a_number_beyond_decimals_is_no_accident(client: Client) -> None:
    body = b'{"LastName": "Ng", "Level__c": 1e-%b}' % (b"9" * 400)
    reply = client.request("POST", f"{DATA}/sobjects/Contact", body, {"Content-Type": "application/json"})
    assert reply.error == (400, "JSON_PARSER_ERROR")


def test_a_rollup_of_nothing_is_refused(client: Client) -> None:
    reply = client.get(f"{DATA}/query?q=SELECT+MAX(Title)+FROM+Lead+GROUP+BY+ROLLUP()")
    assert reply.error == (400, "MALFORMED_QUERY")


def test_a_job_has_its_counters_before_it_has_ended() -> None:
    """Found as `JobComplete` with 0 records: answers are written while the job's thread goes on."""
    seen: list[tuple[str, int]] = []

    class Watched(Job):
        def __setattr__(self, name: str, value: object) -> None:
            super().__setattr__(name, value)
            if name != "lock" and hasattr(self, "processed"):
                seen.append((self.state, self.processed))

    members = ("1", "insert", "Contact", "66.0", "x", "x", "x")
    job = Watched(*members, state="InProgress")
    job.take(Job(*members, state="JobComplete", processed=3))
    assert seen[-1] == ("JobComplete", 3)
    assert ("JobComplete", 0) not in seen


def test_half_a_pair_of_surrogates_gets_nowhere(client: Client) -> None:
    requests = [{"method": "DELETE", "url": f"{DATA}/sobjects/Lead/ExternalId__c/\ud800", "referenceId": "r0"}]
    reply = client.request("POST", f"{DATA}/composite", {"compositeRequest": requests})
    assert [part["httpStatusCode"] for part in reply.json["compositeResponse"]] == [404]
    created = client.request("POST", f"{DATA}/sobjects/Contact", {"LastName": "x\udc00y \ud83d\ude00"})
    assert created.status == 201
    assert client.records()[0]["LastName"] == "x\ufffdy \U0001f600"


def test_results_of_a_job_that_is_deleted_meanwhile_are_not_found(server: Server, client: Client) -> None:
    """Each of many readers gets the results or a 404, whenever the job is deleted."""
    for _ in range(10):
        done = client.load("LastName\nNg\n").info["id"]
        asked = client.request("POST", f"{DATA}/jobs/query", {"operation": "query", "query": "SELECT Id FROM Contact"})
        query = asked.json["id"]
        while client.get(f"{DATA}/jobs/query/{query}").json["state"] != "JobComplete":
            pass
        paths = [f"query/{query}/results", f"query/{query}/resultPages", f"ingest/{done}/successfulResults"] * 2
        with ThreadPoolExecutor(8) as pool:
            readers = [pool.submit(read_once, client, path) for path in paths]
            for path in (f"query/{query}", f"ingest/{done}"):
                assert client.request("DELETE", f"{DATA}/jobs/{path}").status == 204
        assert {reader.result() for reader in readers} <= {200, 404}


def read_once(client: Client, path: str) -> int:
    other = Client(client.server, client.token)
    try:
        return other.get(f"{DATA}/jobs/{path}").status
    finally:
        other.close()
