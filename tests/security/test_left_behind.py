"""No secret is in what a call leaves behind: results, errors, events, bars, pickles, reprs, pages, journals, logs."""

from __future__ import annotations

import logging
import pickle
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import sfframe
from sfframe.progress.bar import Bar
from sfframe.progress.terminal import TerminalPainter
from sfframe.testing import Fault
from tests.at_once import AT_ONCE, SOON

from .shown import found_in, of_error, plain_texts

PROXY_PASSWORD = "S3CRET-of-the-proxy"
ROWS = pl.DataFrame({"ExternalId__c": ["S-1", "S-2"], "LastName": ["Ng", None]})


@dataclass
class World:
    """An org that is logged in, and all that is secret about it."""

    local: sfframe.LocalOrg
    org: sfframe.Org
    events: list[Any] = field(default_factory=list)

    @property
    def secrets(self) -> dict[str, str]:
        names = ("client_secret", "password", "security_token", "refresh_token")
        token = self.org.transport.token
        return {
            **{name: getattr(self.local, name) for name in names},
            "private key": self.local.private_key.splitlines()[5],
            "proxy": PROXY_PASSWORD,
            **({"token": token.access_token} if token else {}),
        }

    def holding(self, *texts: str | bytes) -> list[list[str]]:
        return [found for text in texts if (found := found_in(text, self.secrets))]

    def upsert(self, **options: Any) -> sfframe.IngestResult[pl.DataFrame]:
        settings = {"progress": self.events.append, "on_failure": "return", **options}
        return sfframe.ingest(ROWS, "Contact", "upsert", "ExternalId__c", org=self.org, **settings)


def logins(local: sfframe.LocalOrg) -> dict[str, Any]:
    app, secret = local.client_id, local.client_secret
    return {
        "client credentials": sfframe.ClientCredentials(app, secret),
        "password": sfframe.UsernamePassword(app, secret, local.username, local.password + local.security_token),
        "refresh token": sfframe.RefreshToken(app, local.refresh_token, secret),
        "jwt": sfframe.JwtBearer(app, local.username, local.private_key),
        "soap": sfframe.SoapLogin(local.username, local.password, local.security_token),
    }


@pytest.fixture(params=["client credentials", "password", "refresh token", "jwt", "soap"])
def world(request: pytest.FixtureRequest, local: sfframe.LocalOrg, caplog: pytest.LogCaptureFixture) -> Iterator[World]:
    caplog.set_level(logging.DEBUG)
    login = logins(local)[request.param]
    proxy = f"http://ada:{PROXY_PASSWORD}@127.0.0.1:1"  # never met: nothing goes through it without TLS
    org = sfframe.Org(local.url, login, retry=AT_ONCE, poll=SOON, proxy=proxy)
    world = World(local, org)
    yield world
    assert world.holding(caplog.text) == []


@pytest.mark.filterwarnings("ignore:Salesforce ends the SOAP login")
def test_a_call_with_a_journal_leaves_no_secret(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = world.upsert(journal=tmp_path)
    again = sfframe.resume(tmp_path, org=world.org)
    assert (result.counts["successful"], result.counts["failed"]) == (1, 1)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert world.holding(*(path.read_bytes() for path in files), *map(str, files)) == []
    for one in (result, again):
        shown = (repr(one), str(one), one._repr_html_(), one.report(), one.summary(), repr(vars(one)))
        assert world.holding(*shown, pickle.dumps(one), *map(repr, one.jobs)) == []
        assert world.holding(*plain_texts(one)) == []
        for frame in (one.successful_results, one.failed_results, one.errors, one.attempts):
            assert world.holding(frame.write_csv(), frame._repr_html_()) == []
    assert len(world.events) > 3
    assert world.holding(*map(repr, world.events), pickle.dumps(world.events), *plain_texts(world.events)) == []
    bar = Bar(TerminalPainter())
    for event in world.events:
        bar(event)
    assert world.holding(*capsys.readouterr()) == []


@pytest.mark.filterwarnings("ignore:Salesforce ends the SOAP login")
def test_an_org_that_is_logged_in_shows_no_secret_and_pickles_only_its_login(world: World) -> None:
    sfframe.read_soql("SELECT Id FROM Contact", org=world.org)
    org, token = world.org, world.org.transport.token
    assert token is not None
    assert (
        world.holding(repr(org), str(org), repr(vars(org)), repr(org.auth), repr(token), repr(vars(org.transport)))
        == []
    )
    assert world.holding(*plain_texts([org.auth, token, org._state()])) == []
    pickled = found_in(pickle.dumps(org), world.secrets)
    assert "token" not in pickled
    assert "proxy" in pickled  # as is told of an Org's pickles
    assert pickle.loads(pickle.dumps(org)) == org


FAULTS: dict[str, tuple[Fault | None, type[Exception], dict[str, Any]]] = {
    "a lost answer": (Fault("patch", "drop", when="before", times=100), sfframe.OutcomeUnknown, {}),
    "a job that failed": (Fault("job", "fail"), sfframe.JobFailed, {"on_failure": "raise"}),
    "a job that is stuck": (Fault("job", "stuck"), sfframe.JobTimeout, {"timeout": 0.5}),
    "a refusal": (Fault("create", "status", status=403, times=100), sfframe.ApiError, {}),
    "rows that failed": (None, sfframe.RecordsFailed, {"on_failure": "raise"}),
}


@pytest.mark.parametrize("name", FAULTS)
def test_an_error_of_a_call_leaves_no_secret(
    name: str, local: sfframe.LocalOrg, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    fault, kind, options = FAULTS[name]
    world = World(local, sfframe.Org(local.url, logins(local)["client credentials"], retry=AT_ONCE, poll=SOON))
    local.faults[:] = [fault] if fault else []
    with pytest.raises(kind) as caught:
        world.upsert(journal=tmp_path, **options)
    local.faults.clear()
    local.release_jobs()
    error = caught.value
    assert world.secrets["token"]
    assert world.holding(of_error(error), pickle.dumps(error), caplog.text, *plain_texts(error)) == []
    assert world.holding(*(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())) == []
    assert world.holding(repr(world.events), repr(getattr(error, "result", None))) == []


def test_an_interrupt_leaves_no_secret(local: sfframe.LocalOrg, tmp_path: Path) -> None:
    world = World(local, sfframe.Org(local.url, logins(local)["password"], retry=AT_ONCE, poll=SOON))

    def interrupt(event: Any) -> None:
        if type(event).__name__ == "PartUploaded":
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    with pytest.raises(sfframe.Interrupted) as caught:
        world.upsert(journal=tmp_path, progress=interrupt)
    error = caught.value
    assert world.holding(of_error(error), *plain_texts(error)) == []


def test_the_search_finds_what_it_looks_for(local: sfframe.LocalOrg) -> None:
    """A search that finds nothing is of no use if it can find nothing."""
    secret = local.client_secret
    secrets = {"it": secret}
    login = sfframe.ClientCredentials(local.client_id, secret)
    assert found_in(pickle.dumps(login), secrets) == ["it"]
    assert found_in(f"Basic {__import__('base64').b64encode(f'app:{secret}'.encode()).decode()}", secrets) == ["it"]
    assert found_in(repr({"client_secret": str(secret)}), secrets) == ["it"]
    assert found_in(of_error(_raised(str(secret))), secrets) == ["it"]
    plain = [text for text in plain_texts({"a": [login, (str(secret),)]}) if found_in(text, secrets)]
    assert plain == [secret]


def _raised(secret: str) -> BaseException:
    space: dict[str, Any] = {}
    exec(compile("def fail(hidden):\n    raise ValueError('no')\n", "elsewhere.py", "exec"), space)
    try:
        space["fail"](secret)
    except ValueError as error:
        return error
    raise AssertionError
