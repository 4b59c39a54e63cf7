"""What the tests of the org floor share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from sfframe.localorg.server import Server
from sfframe.org.auth import ClientCredentials
from sfframe.org.org import Org, set_default_org
from sfframe.org.retry import Timeouts
from tests.at_once import AT_ONCE

from .site import Site

SHORT = Timeouts(connect_s=5, idle_s=0.3, upload_s=0.3)


@pytest.fixture(autouse=True)
def no_org_from_outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    import os

    for name in [name for name in os.environ if name.startswith("SFFRAME_")]:
        monkeypatch.delenv(name)
    yield
    set_default_org(None)


@pytest.fixture
async def org(site: Site) -> AsyncIterator[Org]:
    org = Org(site.url, ClientCredentials("app", "app-secret"), retry=AT_ONCE, timeouts=SHORT)
    async with org:
        yield org


@pytest.fixture(scope="session")
def local_server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture
def server(local_server: Server) -> Iterator[Server]:
    local_server.reset()
    yield local_server
    local_server.faults.clear()
