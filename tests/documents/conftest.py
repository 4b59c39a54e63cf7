"""What a reader of the documents has at hand."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sfframe

from .shell import reader_s_files


@pytest.fixture
def reader(
    local: sfframe.LocalOrg, org: sfframe.Org, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[dict[str, Any]]:
    """An org without records, the environment's variables, a folder: a page is whole by itself."""
    monkeypatch.chdir(tmp_path)
    reader_s_files(tmp_path)
    for name, value in {"URL": local.url, "CLIENT_ID": local.client_id, "CLIENT_SECRET": local.client_secret}.items():
        monkeypatch.setenv(f"SFFRAME_{name}", value)
    sfframe.set_default_org(org)
    with _logging_as_before():
        yield {"__name__": "document"}
    sfframe.set_default_org(None)


@contextlib.contextmanager
def _logging_as_before() -> Iterator[None]:
    """What a document sets up of the log is gone after it."""
    root = logging.getLogger()
    handlers, level = [*root.handlers], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("sfframe.ingest").setLevel(logging.NOTSET)


@pytest.fixture
def strangers(local: sfframe.LocalOrg, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The way of other clients to salesforce.com leads to the local org, and they don't wait between looks at a job."""
    pytest.importorskip("simple_salesforce")
    perform: Any = pytest.importorskip("aiosalesforce.bulk.v2.ingest").BulkIngestClient.perform_operation
    authority = tmp_path / "authority.pem"
    authority.write_text(local.certificate, encoding="ascii")
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(authority))
    monkeypatch.setenv("HTTPS_PROXY", local.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setattr("simple_salesforce.bulk2.sleep", lambda seconds: None)
    monkeypatch.setattr(perform, "__defaults__", (*perform.__defaults__[:-1], 0.01))
