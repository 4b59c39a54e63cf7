"""Which org a command means, and that no secret of it is ever shown."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import sfframe
from sfframe.cli.call_errors import text_of
from sfframe.cli.orgs import is_address

from .conftest import UPSERT, Run


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("https://acme.my.salesforce.com", True),
        ("acme.my.salesforce.com", True),
        ("acme.my.salesforce.com/lightning/page/home", True),
        ("acme--box.sandbox.lightning.force.com", True),
        ("http://127.0.0.1:8123", True),
        ("127.0.0.1:8123", True),
        ("localhost:8123", True),
        ("prod", False),
        ("my-sandbox", False),
        ("ada@acme.com", False),
        ("ada@acme.com.uat", False),
        ("prod.eu", False),
    ],
)
def test_an_address_is_told_from_an_alias(name: str, address: bool) -> None:
    assert is_address(name) is address


def test_an_address_takes_the_login_of_the_variables(
    run: Run, local: sfframe.LocalOrg, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SFFRAME_URL", "https://nobody.my.salesforce.com")
    assert run("limits", "--org", local.url).code == 0
    monkeypatch.delenv("SFFRAME_URL")
    assert run("limits", "--org", local.url).code == 0
    assert run("limits").code == 2


def test_an_alias_is_the_salesforce_clis(
    run: Run, local: sfframe.LocalOrg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = {"accessToken": local.server.new_access_token(), "instanceUrl": local.url, "id": "00D000000000000AAA"}
    sf = tmp_path / "sf"  # a script says what the CLI would say
    sf.write_text(
        f"#!/bin/sh\ncase $* in *'--target-org prod '*) echo '{json.dumps({'status': 0, 'result': shown})}';; "
        """*) echo '{"status": 1, "name": "NamedOrgNotFoundError", "message": "No authorization found."}';; esac"""
    )
    sf.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("SFFRAME_URL", "https://nobody.my.salesforce.com")
    assert run("limits", "--org", "prod").code == 0
    refused = run("limits", "--org", "nope")
    assert (refused.code, "no session for 'nope'" in refused.err) == (2, True)
    told = run("doctor", "--org", "prod")
    assert (told.code, "--org prod, an alias or user name of the Salesforce CLI" in told.out) == (0, True)


def test_without_an_org_the_ways_to_name_one_are_told(
    run: Run, contacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("URL", "CLIENT_ID", "CLIENT_SECRET"):
        monkeypatch.delenv(f"SFFRAME_{name}")
    ran = run("upsert", contacts, *UPSERT)
    assert ran.code == 2
    for way in ("--org ALIAS", "export SFFRAME_URL=", "sfframe local-org", "`sfframe doctor`"):
        assert way in ran.err


def test_no_secret_is_shown_whatever_is_asked_and_however_it_fails(
    run: Run, local: sfframe.LocalOrg, contacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = "this-is-a-wrong-secret-0123456789"
    secrets = [local.client_secret, local.password, local.security_token, local.refresh_token, local.private_key, wrong]
    proxy = "http://ada:proxy-password-4711@127.0.0.1:1"
    logins: list[dict[str, str]] = [
        {"CLIENT_ID": local.client_id, "CLIENT_SECRET": local.client_secret},
        {"CLIENT_ID": local.client_id, "CLIENT_SECRET": wrong},
        {
            "CLIENT_ID": local.client_id,
            "CLIENT_SECRET": local.client_secret,
            "USERNAME": local.username,
            "PASSWORD": wrong,
        },
        {"CLIENT_ID": local.client_id, "REFRESH_TOKEN": wrong},
        {"CLIENT_ID": local.client_id, "USERNAME": local.username, "PRIVATE_KEY": wrong},
        {"ACCESS_TOKEN": wrong},
        {"USERNAME": local.username, "PASSWORD": wrong, "SECURITY_TOKEN": local.security_token},
        {"CLIENT_SECRET": wrong},  # no set is complete
    ]
    commands: list[list[object]] = [["doctor", "--json"], ["upsert", contacts, *UPSERT, "--json"]]
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    codes = []
    for login in logins:
        with monkeypatch.context() as patch:
            for name in ("CLIENT_ID", "CLIENT_SECRET"):
                patch.delenv(f"SFFRAME_{name}")
            for name, value in login.items():
                patch.setenv(f"SFFRAME_{name}", value)
            for command in commands:
                ran = run(*command)
                codes.append(ran.code)
                for secret in [*secrets, "proxy-password-4711"]:
                    assert secret not in ran.out + ran.err, command
    assert codes == [0, 1] + [2] * 14
    token = local.server.new_access_token()
    monkeypatch.setenv("SFFRAME_ACCESS_TOKEN", token)
    for command in commands:
        ran = run(*command)
        assert token not in ran.out + ran.err


def test_an_org_that_cant_be_reached_is_told_with_what_tells_more() -> None:
    login = sfframe.ClientCredentials("id", "secret")
    org = sfframe.Org("http://127.0.0.1:9", login, retry=sfframe.RetryPolicy(max_tries=1))
    with pytest.raises(sfframe.ApiError, match="can't be reached") as caught:
        sfframe.run(org.limits())
    assert "`sfframe doctor` tells" in text_of(caught.value)
