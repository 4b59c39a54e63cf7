"""Who gets a token, and what it opens (wire notes, 2)."""

from __future__ import annotations

import base64
import json
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from sfframe.localorg import Manners, Server

from .client import JOBS, Client

JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def assertion(server: Server, **changes: Any) -> str:
    claims = {
        "iss": server.client_id,
        "sub": server.username,
        "aud": "https://login.salesforce.com",
        "exp": int(time.time()) + 180,
        **changes,
    }
    return jwt.encode(claims, server.private_key, algorithm="RS256")


def soap_login(client: Client, password: str, version: str = "64.0") -> Any:
    envelope = f"""<?xml version="1.0" encoding="utf-8"?>
        <env:Envelope xmlns:env="http://schemas.xmlsoap.org/soap/envelope/" xmlns:n1="urn:partner.soap.sforce.com">
        <env:Body><n1:login><n1:username>{client.server.username}</n1:username><n1:password>{password}</n1:password>
        </n1:login></env:Body></env:Envelope>"""
    headers = {"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": "login"}
    return client.request("POST", f"/services/Soap/u/{version}", envelope, headers, token="")


def test_2_2_a_token_answer_has_the_documented_members(client: Client) -> None:
    server = client.server
    answer = client.ask_token(
        grant_type="client_credentials", client_id=server.client_id, client_secret=server.client_secret
    ).json
    assert set(answer) == {"access_token", "signature", "scope", "instance_url", "id", "token_type", "issued_at"}
    assert answer["instance_url"] == server.url
    assert answer["issued_at"].isdecimal()
    *_, org_id, user_id = answer["id"].split("/")
    assert org_id[:3] == "00D"
    assert user_id == client.records("User")[0]["Id"]


def test_2_1_every_grant_gives_a_token_that_opens_the_org(client: Client) -> None:
    server = client.server
    app = {"client_id": server.client_id, "client_secret": server.client_secret}
    password = server.password + server.security_token
    basic = base64.b64encode(f"{server.client_id}:{server.client_secret}".encode()).decode()
    replies = [
        client.ask_token(grant_type="client_credentials", **app),
        client.ask_token(grant_type="client_credentials", authorization=f"Basic {basic}"),
        client.ask_token(grant_type="refresh_token", refresh_token=server.refresh_token, **app),
        client.ask_token(grant_type="refresh_token", refresh_token=server.refresh_token, client_id=server.client_id),
        client.ask_token(grant_type="password", username=server.username, password=password, **app),
        client.ask_token(grant_type=JWT, assertion=assertion(server)),
        client.ask_token(grant_type=JWT, assertion=assertion(server, exp=str(int(time.time()) + 180))),
    ]
    for reply in replies:
        assert reply.status == 200, reply
        assert client.request("GET", JOBS, token=reply.json["access_token"]).status == 200


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": "authorization_code"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "invalid_request"),
        ({"grant_type": "client_credentials", "client_id": "x", "client_secret": "y"}, "invalid_client_id"),
        ({"grant_type": "client_credentials", "client_id": "ID", "client_secret": "y"}, "invalid_client"),
        ({"grant_type": "client_credentials", "client_id": "ID"}, "invalid_client"),
        ({"grant_type": "refresh_token", "client_id": "ID", "refresh_token": "y"}, "invalid_grant"),
        (
            {"grant_type": "password", "client_id": "ID", "client_secret": "SECRET", "username": "u", "password": "p"},
            "invalid_grant",
        ),
        ({"grant_type": JWT, "assertion": "a.b.c"}, "invalid_grant"),
    ],
)
def test_2_2_refusals_are_objects_not_arrays(client: Client, form: dict[str, str], error: str) -> None:
    known = {"ID": client.server.client_id, "SECRET": client.server.client_secret}
    reply = client.ask_token(**{key: known.get(value, value) for key, value in form.items()})
    assert reply.status == 400
    assert set(reply.json) == {"error", "error_description"}
    assert reply.json["error"] == error


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"exp": int(time.time()) - 1}, "invalid_grant"),
        ({"aud": "https://elsewhere.example"}, "invalid_grant"),
        ({"sub": "nobody"}, "invalid_grant"),
        ({"iss": "no app"}, "invalid_client_id"),
    ],
)
def test_2_1_jwt_claims_are_checked(client: Client, changes: dict[str, Any], error: str) -> None:
    reply = client.ask_token(grant_type=JWT, assertion=assertion(client.server, **changes))
    assert (reply.status, reply.json["error"]) == (400, error)


def test_2_1_a_jwt_of_another_key_or_algorithm_is_refused(client: Client) -> None:
    head, body, signature = assertion(client.server).split(".")
    other = base64.urlsafe_b64encode(json.dumps({"alg": "none"}).encode()).decode().rstrip("=")
    for forged in (f"{head}.{body}.{signature[:-8]}AAAAAAAA", f"{other}.{body}."):
        assert client.ask_token(grant_type=JWT, assertion=forged).json["error"] == "invalid_grant"


def test_2_1_without_cryptography_the_jwt_flow_is_refused_by_name(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = assertion(client.server)
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)
    reply = client.ask_token(grant_type=JWT, assertion=signed)
    assert reply.json["error"] == "unsupported_grant_type"
    assert "'cryptography'" in reply.json["error_description"]


def test_2_5_a_dead_session_is_401_in_the_array_shape(client: Client) -> None:
    client.server.expire_tokens()
    assert client.get(JOBS).error == (401, "INVALID_SESSION_ID")
    assert client.request("GET", JOBS, token="made up").error == (401, "INVALID_SESSION_ID")
    assert client.request("GET", JOBS, token="").error == (401, "INVALID_AUTH_HEADER")
    client.log_in()
    assert client.get(JOBS).status == 200


def test_2_2_a_session_ends_when_it_was_not_used_for_its_life() -> None:
    now = [datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)]
    with Server(clock=lambda: now[0], manners=Manners(session_seconds=900)) as server:
        client = Client(server).log_in()
        for minutes, status in ((10, 200), (10, 200), (15, 401)):
            now[0] += timedelta(minutes=minutes)
            assert client.get(JOBS).status == status
        client.close()


def test_2_1_refresh_tokens_may_rotate() -> None:
    with Server(manners=Manners(rotate_refresh_tokens=True, client_secret_for_refresh=True)) as server:
        client, old = Client(server), server.refresh_token
        form = {"grant_type": "refresh_token", "client_id": server.client_id}
        assert client.ask_token(**form, refresh_token=old).json["error"] == "invalid_client"
        form["client_secret"] = server.client_secret
        new = client.ask_token(**form, refresh_token=old).json["refresh_token"]
        assert client.ask_token(**form, refresh_token=old).json["error"] == "invalid_grant"
        assert client.ask_token(**form, refresh_token=new).status == 200
        client.close()


def test_2_3_soap_login_gives_a_session_of_the_same_kind(client: Client) -> None:
    reply = soap_login(client, client.server.password + client.server.security_token)
    text = reply.body.decode()
    assert reply.status == 200
    session = text.partition("<sessionId>")[2].partition("</sessionId>")[0]
    assert f"<serverUrl>{client.server.url}/" in text
    assert client.request("GET", JOBS, token=session).status == 200


def test_2_3_soap_faults(client: Client) -> None:
    wrong = soap_login(client, client.server.password)
    late = soap_login(client, client.server.password + client.server.security_token, "65.0")
    assert (wrong.status, late.status) == (500, 500)
    assert b"<faultcode>INVALID_LOGIN</faultcode>" in wrong.body
    assert b"UNSUPPORTED_API_VERSION" in late.body


def test_13_credentials_are_random_and_stay_with_their_database(tmp_path: Any) -> None:
    names = ("client_id", "client_secret", "username", "password", "security_token", "refresh_token", "private_key")

    def credentials(database: Any) -> list[str]:
        with Server(database) as server:
            return [getattr(server, name) for name in names]

    first = credentials(tmp_path / "a.db")
    assert credentials(tmp_path / "a.db") == first
    assert not set(first) & set(credentials(tmp_path / "b.db"))
