"""Credentials from the environment and from the Salesforce CLI."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sfframe.errors import AuthenticationError, NoOrgError
from sfframe.org.auth import (
    AccessToken,
    Auth,
    ClientCredentials,
    JwtBearer,
    RefreshToken,
    UsernamePassword,
)
from sfframe.org.login import CliSession, from_env
from sfframe.org.org import Org
from sfframe.org.soap import SoapLogin
from tests.at_once import AT_ONCE

from .site import Site, by_token, reply, stale

URL = "https://acme.my.salesforce.com"
LIMITS = "/services/data/v66.0/limits"
COMPLETE: list[tuple[dict[str, str], Auth]] = [
    ({"ACCESS_TOKEN": "t"}, AccessToken("t")),
    ({"CLIENT_ID": "c", "REFRESH_TOKEN": "r"}, RefreshToken("c", "r")),
    ({"CLIENT_ID": "c", "REFRESH_TOKEN": "r", "CLIENT_SECRET": "s"}, RefreshToken("c", "r", "s")),
    ({"CLIENT_ID": "c", "USERNAME": "u", "PRIVATE_KEY": "k.pem"}, JwtBearer("c", "u", "k.pem")),
    (
        {"CLIENT_ID": "c", "CLIENT_SECRET": "s", "USERNAME": "u", "PASSWORD": "p"},
        UsernamePassword("c", "s", "u", "p"),
    ),
    ({"CLIENT_ID": "c", "CLIENT_SECRET": "s"}, ClientCredentials("c", "s")),
    ({"USERNAME": "u", "PASSWORD": "p"}, SoapLogin("u", "p")),
    ({"USERNAME": "u", "PASSWORD": "p", "SECURITY_TOKEN": "x"}, SoapLogin("u", "p", "x")),
    ({"CLI_ALIAS": "dev"}, CliSession("dev")),
]


def environ(**names: str) -> dict[str, str]:
    return {f"SFFRAME_{name}": value for name, value in names.items()} | {"HOME": "/root"}


@pytest.mark.parametrize(("names", "auth"), COMPLETE, ids=lambda value: type(value).__name__)
def test_each_complete_set_of_variables_is_a_login(names: dict[str, str], auth: Auth) -> None:
    assert from_env(environ(URL=URL, **names)).auth == auth


@pytest.mark.parametrize(("names", "auth"), COMPLETE, ids=lambda value: type(value).__name__)
def test_the_variables_that_decide_are_named(names: dict[str, str], auth: Auth) -> None:
    found = from_env(environ(URL=URL, API_VERSION="65.0", **names, PASSWORT="x"))
    url = () if isinstance(auth, CliSession) else ("SFFRAME_URL",)
    assert set(found.variables) == {*(f"SFFRAME_{name}" for name in names), "SFFRAME_API_VERSION", *url}


def test_an_address_may_be_given_beside_the_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environ(URL="https://other.my.salesforce.com", ACCESS_TOKEN="t", CLI_ALIAS="dev").items():
        monkeypatch.setenv(name, value)
    assert Org.from_env(URL).url == URL
    monkeypatch.delenv("SFFRAME_URL")
    assert Org.from_env(URL).auth == AccessToken("t")  # the CLI's session has an address of its own
    monkeypatch.delenv("SFFRAME_ACCESS_TOKEN")
    with pytest.raises(NoOrgError, match="SFFRAME_ACCESS_TOKEN: missing SFFRAME_ACCESS_TOKEN"):
        Org.from_env(URL)


@pytest.mark.parametrize("index", range(len(COMPLETE)))
def test_the_first_complete_set_counts(index: int) -> None:
    names = {name: value for given, _ in COMPLETE[index:] for name, value in given.items()}
    kinds = [type(auth) for _, auth in COMPLETE]
    assert kinds.index(type(from_env(environ(URL=URL, **names)).auth)) <= index


def test_url_and_version_come_from_the_environment_too(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environ(URL=f"{URL}/lightning/", ACCESS_TOKEN="t", API_VERSION="65").items():
        monkeypatch.setenv(name, value)
    org = Org.from_env()
    assert (org.url, org.api_version) == (URL, "65.0")
    assert Org.from_env(api_version="64.0").api_version == "64.0"


def test_an_empty_variable_is_as_good_as_none() -> None:
    found = from_env(environ(URL=URL, ACCESS_TOKEN=" ", CLIENT_ID="c", CLIENT_SECRET="s", USERNAME=""))
    assert found.auth == ClientCredentials("c", "s")


def test_the_cli_alias_needs_no_url_and_everything_else_does() -> None:
    assert from_env(environ(CLI_ALIAS="dev")).auth == CliSession("dev")
    assert from_env(environ(ACCESS_TOKEN="t", CLI_ALIAS="dev")).auth == CliSession("dev")
    with pytest.raises(NoOrgError, match="SFFRAME_ACCESS_TOKEN: missing SFFRAME_URL"):
        from_env(environ(ACCESS_TOKEN="t"))


def test_an_incomplete_environment_is_told_what_each_set_begun_lacks() -> None:
    with pytest.raises(NoOrgError) as caught:
        from_env(environ(URL=URL, USERNAME="u-value", CLIENT_ID="c-value"))
    lines = str(caught.value).splitlines()[1:]
    assert [line.strip() for line in lines] == [
        "SFFRAME_CLIENT_ID + SFFRAME_REFRESH_TOKEN: missing SFFRAME_REFRESH_TOKEN",
        "SFFRAME_CLIENT_ID + SFFRAME_USERNAME + SFFRAME_PRIVATE_KEY: missing SFFRAME_PRIVATE_KEY",
        "SFFRAME_CLIENT_ID + SFFRAME_CLIENT_SECRET + SFFRAME_USERNAME + SFFRAME_PASSWORD: "
        "missing SFFRAME_CLIENT_SECRET, SFFRAME_PASSWORD",
        "SFFRAME_CLIENT_ID + SFFRAME_CLIENT_SECRET: missing SFFRAME_CLIENT_SECRET",
        "SFFRAME_USERNAME + SFFRAME_PASSWORD: missing SFFRAME_PASSWORD",
    ]
    assert "-value" not in str(caught.value)


def test_an_address_without_any_login_is_told_all_of_them() -> None:
    with pytest.raises(NoOrgError) as caught:
        from_env(environ(URL=URL))
    assert "SFFRAME_CLI_ALIAS" in str(caught.value)


def test_an_environment_without_a_word_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SFFRAME_")]:
        monkeypatch.delenv(name)
    with pytest.raises(NoOrgError) as caught:
        Org.from_env()
    first, *others = re.findall(r"SFFRAME_(\w+)", str(caught.value))
    assert from_env(environ(URL=URL, **dict.fromkeys(others[:-1], "x"))).auth == ClientCredentials("x", "x")
    assert from_env(environ(**{others[-1]: "dev"})).auth == CliSession("dev")
    assert first == "URL"


# The Salesforce CLI, played by a script on the PATH.

FakeCli = Callable[[dict[str, object]], Path]


@pytest.fixture
def fake_cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCli:
    """Puts an `sf` on the PATH that gives one answer for each command and keeps a list of its calls."""

    def install(answers: dict[str, object]) -> Path:
        calls, program = tmp_path / "calls", tmp_path / "sf"
        program.write_text(
            f"#!{sys.executable}\n"
            "import json, sys\n"
            f"open({str(calls)!r}, 'a').write(' '.join(sys.argv[1:]) + chr(10))\n"
            f"answers = json.loads({json.dumps(json.dumps(answers))})\n"
            "command = ' '.join(sys.argv[1:sys.argv.index('--target-org')])\n"
            "answer = answers.get(command, {'status': 2, 'name': 'CommandNotFound', 'message': 'not a command'})\n"
            "print(answer if isinstance(answer, str) else json.dumps(answer, indent=1))\n"
            "sys.exit(0 if isinstance(answer, str) else answer['status'])\n"
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        return calls

    return install


def shown(url: str, token: str) -> dict[str, object]:
    result = {"id": "00D000000000001EAA", "accessToken": token, "instanceUrl": url, "username": "a@b.c"}
    return {"status": 0, "result": result, "warnings": []}


async def limits_by_cli(alias: str = "dev") -> Org:
    async with Org.from_cli(alias, retry=AT_ONCE) as org:
        await org.limits()
    return org


async def test_the_session_of_an_older_cli_is_used(site: Site, fake_cli: FakeCli) -> None:
    site.on("GET", LIMITS, reply({}))
    calls = fake_cli({"org display": shown(site.url, "old!token")})
    org = Org.from_cli("dev", retry=AT_ONCE)
    assert not calls.exists()
    assert repr(org) == "<Org cli:dev (CliSession)>"
    async with org:
        await org.limits()
    assert site.seen[-1].token == "old!token"
    assert calls.read_text() == "org display --target-org dev --json\n"
    assert (org.url, org.org_id) == (site.url, "00D000000000001EAA")


async def test_a_newer_cli_is_asked_for_the_token_it_hides(site: Site, fake_cli: FakeCli) -> None:
    site.on("GET", LIMITS, reply({}))
    hidden = shown(site.url, "[REDACTED] Use 'sf org auth show-access-token' to view")
    token = {"status": 0, "result": {"accessToken": "new!token"}}
    calls = fake_cli({"org display": hidden, "org auth show-access-token": token})
    await limits_by_cli()
    assert site.seen[-1].token == "new!token"
    assert calls.read_text().splitlines()[1] == "org auth show-access-token --target-org dev --json"


async def test_warnings_and_colours_before_the_answer_are_passed_over(site: Site, fake_cli: FakeCli) -> None:
    site.on("GET", LIMITS, reply({}))
    answer = json.dumps(shown(site.url, "t"))
    fake_cli({"org display": f"\x1b[33mWarning: an update is there\x1b[39m\n\x1b[97m{answer}\x1b[39m\nbye"})
    await limits_by_cli()
    assert site.seen[-1].token == "t"


async def test_the_cli_is_asked_again_when_the_session_is_dead(site: Site, fake_cli: FakeCli) -> None:
    site.on("GET", LIMITS, stale(), reply({}))
    calls = fake_cli({"org display": shown(site.url, "t")})
    await limits_by_cli()
    assert len(calls.read_text().splitlines()) == 2


async def test_an_alias_that_the_cli_doesnt_know_is_named_with_its_words(fake_cli: FakeCli) -> None:
    fake_cli({"org display": {"status": 1, "name": "NoOrgFound", "message": "No org for alias dev.\nmore"}})
    with pytest.raises(AuthenticationError, match=r"'dev': No org for alias dev\.$") as caught:
        await limits_by_cli()
    assert caught.value.error_code == "NoOrgFound"


async def test_a_cli_that_says_nothing_readable_is_an_error(fake_cli: FakeCli) -> None:
    fake_cli({"org display": "Segmentation fault"})
    with pytest.raises(AuthenticationError, match="no readable answer"):
        await limits_by_cli()


async def test_a_session_without_a_token_says_how_to_log_in(site: Site, fake_cli: FakeCli) -> None:
    fake_cli({"org display": shown(site.url, ""), "org auth show-access-token": {"status": 0, "result": {}}})
    with pytest.raises(AuthenticationError, match="sf org login web --alias dev"):
        await limits_by_cli()


async def test_a_missing_cli_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AuthenticationError, match="`sf` isn't installed"):
        await limits_by_cli()


async def test_the_session_is_no_secret_of_the_value(site: Site, fake_cli: FakeCli) -> None:
    site.on("GET", LIMITS, by_token(x=reply({})))
    fake_cli({"org display": shown(site.url, "00D!x")})
    org = await limits_by_cli()
    assert "00D!x" not in repr(org) + repr(org.auth) + repr(org.transport.token)
