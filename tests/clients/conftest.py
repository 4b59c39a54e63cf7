"""What a stranger knows of a local org: its address, its authority, its credentials."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sfframe.localorg import Server


@pytest.fixture(scope="session")
def one_server() -> Iterator[Server]:
    with Server(seed=11) as server:
        yield server


@pytest.fixture
def server(one_server: Server) -> Server:
    """An org without records, jobs and faults."""
    one_server.faults.clear()
    one_server.reset()
    return one_server


@pytest.fixture(scope="session")
def authority(one_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the authority to trust."""
    path = tmp_path_factory.mktemp("authority") / "localorg.pem"
    path.write_text(one_server.certificate, encoding="ascii")
    return path


@pytest.fixture
def trusting(authority: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment of somebody who trusts the local org, has no proxy, and no traces of a real org."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name in ("CURL_CA_BUNDLE", "SSL_CERT_DIR"):
            monkeypatch.delenv(name)
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"):
        monkeypatch.setenv(name, str(authority))
    return monkeypatch


@pytest.fixture
def proxied(trusting: pytest.MonkeyPatch, server: Server) -> None:
    """And who takes the local org for the way to salesforce.com."""
    trusting.setenv("HTTPS_PROXY", server.url)


@pytest.fixture
def token(server: Server) -> str:
    return server.new_access_token()
