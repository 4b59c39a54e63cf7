"""What the tests of security share: hosts that can prove who they are, and an environment that names no others."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.org.site import Site

from .authority import Authority

_FOREIGN = ("_PROXY", "_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture(autouse=True)
def nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().endswith(_FOREIGN) or name.startswith("SFFRAME_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Whom nobody trusts who isn't told to."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def started_safe_site(authority: Authority) -> Iterator[Site]:
    with Site(authority.server()) as site:
        yield site


@pytest.fixture
def safe_site(started_safe_site: Site) -> Site:
    """A server on https."""
    started_safe_site.forget()
    return started_safe_site


@pytest.fixture(scope="session")
def started_evil() -> Iterator[Site]:
    with Site() as site:
        yield site


@pytest.fixture
def evil(started_evil: Site) -> Iterator[Site]:
    """Somebody else's server, to which nothing may ever be sent."""
    started_evil.forget()
    yield started_evil
    assert started_evil.seen == []


@pytest.fixture(scope="session")
def pem_folder(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of authorities as OpenSSL reads it: each under the hash of its name."""
    import subprocess

    folder = tmp_path_factory.mktemp("authorities")
    command = ["openssl", "x509", "-hash", "-noout", "-in", str(authority.pem)]
    name = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    (folder / f"{name}.0").write_bytes(authority.pem.read_bytes())
    return folder
