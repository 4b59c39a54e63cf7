from __future__ import annotations

from collections.abc import Iterator

import pytest

from sfframe.localorg import Server

from .client import Client


@pytest.fixture(scope="session")
def one_server() -> Iterator[Server]:
    with Server(seed=7) as server:
        yield server


@pytest.fixture
def server(one_server: Server) -> Server:
    """An org without records, jobs, faults and rules."""
    one_server.faults.clear()
    one_server.rules.clear()
    one_server.reset()
    return one_server


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    client = Client(server).log_in()
    yield client
    client.close()
