"""Some inputs of the search in each run of the suite, and what it has found before."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from sfframe.localorg import Server
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


@pytest.mark.parametrize("start", range(0, 2000, 500))
def test_no_input_brings_a_500_a_hang_or_a_dead_worker(run: Run, start: int) -> None:
    run.send(range(start, start + 500))
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
