"""The ways to a token: what is sent, what is read, what is refused."""

from __future__ import annotations

import asyncio
import builtins
import html
import json
import pickle
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote_plus

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sfframe.errors import ApiError, AuthenticationError
from sfframe.localorg.server import Server
from sfframe.org.answers import Response
from sfframe.org.auth import (
    AccessToken,
    Auth,
    ClientCredentials,
    JwtBearer,
    RefreshToken,
    Token,
    TokenRequest,
    UsernamePassword,
)
from sfframe.org.org import Org
from sfframe.org.soap import SoapLogin
from tests.at_once import AT_ONCE

from .conftest import SHORT
from .site import ORG_ID, TOKEN, USER_ID, Site, by_token, drop, reply, stale

LIMITS = "/services/data/v66.0/limits"
MY_DOMAIN = "https://acme.my.salesforce.com"
GIVEN = Response(200, {}, b'{"access_token":"00D!t","instance_url":"https://acme.my.salesforce.com/"}')


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def pem(key: rsa.RSAPrivateKey) -> str:
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, plain).decode()


@pytest.fixture
def no_end_is_near() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def asked(auth: Auth, url: str = MY_DOMAIN) -> TokenRequest:
    """What a login sends first."""
    step = next(auth.flow(url))
    assert isinstance(step, TokenRequest)
    return step


def form(auth: Auth, url: str = MY_DOMAIN) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(asked(auth, url).body.decode()).items()}


def answered(auth: Auth, response: Response, url: str = MY_DOMAIN) -> Token:
    """The token that a login makes of an answer."""
    flow = auth.flow(url)
    next(flow)
    with pytest.raises(StopIteration) as end:
        flow.send(response)
    assert isinstance(end.value.value, Token)
    return end.value.value


# What is sent.


def test_client_credentials_are_a_form() -> None:
    sent = asked(ClientCredentials("app", "s&cret"))
    assert sent.url == f"{MY_DOMAIN}/services/oauth2/token"
    assert sent.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert form(ClientCredentials("app", "s&cret")) == {
        "grant_type": "client_credentials",
        "client_id": "app",
        "client_secret": "s&cret",
    }


@pytest.mark.parametrize("host", ["login", "test"])
def test_client_credentials_at_a_shared_login_host_are_refused_before_sending(host: str) -> None:
    with pytest.raises(AuthenticationError, match="the org's own address"):
        asked(ClientCredentials("app", "secret"), f"https://{host}.salesforce.com")


def test_a_refresh_token_goes_with_a_secret_only_if_there_is_one() -> None:
    bare = {"grant_type": "refresh_token", "client_id": "app", "refresh_token": "r"}
    assert form(RefreshToken("app", "r")) == bare
    assert form(RefreshToken("app", "r", "s")) == {**bare, "client_secret": "s"}


def test_username_and_password_are_a_form() -> None:
    assert form(UsernamePassword("app", "s", "ada@example.com", "pw+token")) == {
        "grant_type": "password",
        "client_id": "app",
        "client_secret": "s",
        "username": "ada@example.com",
        "password": "pw+token",
    }


def test_a_jwt_claims_what_the_org_wants_to_know(key: rsa.RSAPrivateKey, pem: str) -> None:
    sent = form(JwtBearer("app", "ada@example.com", pem))
    assert sent["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    claims = jwt.decode(
        sent["assertion"], key.public_key(), algorithms=["RS256"], audience="https://login.salesforce.com"
    )
    assert (claims["iss"], claims["sub"]) == ("app", "ada@example.com")
    assert time.time() < claims["exp"] <= time.time() + 180


@pytest.mark.parametrize(
    ("url", "audience"),
    [
        ("https://login.salesforce.com", "https://login.salesforce.com"),
        ("https://test.salesforce.com", "https://test.salesforce.com"),
        ("https://acme.my.salesforce.com", "https://login.salesforce.com"),
        ("https://acme--box.sandbox.my.salesforce.com", "https://test.salesforce.com"),
        ("https://acme--box.cs12.my.salesforce.com", "https://test.salesforce.com"),
        ("https://orgfarm-1.scratch.my.salesforce.com", "https://test.salesforce.com"),
        ("http://127.0.0.1:8123", "https://login.salesforce.com"),
    ],
)
def test_the_audience_goes_by_the_host(url: str, audience: str, pem: str) -> None:
    assertion = form(JwtBearer("app", "ada", pem), url)["assertion"]
    assert jwt.decode(assertion, options={"verify_signature": False})["aud"] == audience


def test_the_audience_can_be_given(pem: str) -> None:
    auth = JwtBearer("app", "ada", pem, audience="https://site.example.com")
    claims = jwt.decode(form(auth)["assertion"], options={"verify_signature": False})
    assert claims["aud"] == "https://site.example.com"


def test_a_private_key_may_be_a_path_or_text_with_escaped_line_ends(pem: str, tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_text(pem)
    for given in (path, str(path), pem.replace("\n", "\\n")):
        assert form(JwtBearer("app", "ada", given))["assertion"]


@pytest.mark.parametrize(
    "given", ["MIIEvQIBADANBg-a-key-without-its-first-line", "/nowhere/key.pem", "a\0b", "x" * 5000]
)
def test_a_key_that_cant_be_read_isnt_shown(given: str) -> None:
    with pytest.raises(AuthenticationError, match="private_key is neither PEM text") as caught:
        asked(JwtBearer("app", "ada", given))
    assert given not in shown(caught.value)


def test_a_key_of_another_kind_isnt_shown() -> None:
    broken = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----"
    with pytest.raises(AuthenticationError, match="isn't an RSA key") as caught:
        asked(JwtBearer("app", "ada", broken))
    assert "c2VjcmV0" not in shown(caught.value)


def test_a_missing_jwt_library_is_named(monkeypatch: pytest.MonkeyPatch, pem: str) -> None:
    real = builtins.__import__

    def without_jwt(name: str, *rest: Any) -> Any:
        if name == "jwt":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_jwt)
    with pytest.raises(AuthenticationError, match=r"pip install 'sfframe\[jwt\]'"):
        asked(JwtBearer("app", "ada", pem))


def test_a_soap_login_is_escaped_pinned_to_its_last_version_and_warns_of_its_end() -> None:
    auth = SoapLogin("a<b>&c", 'p"<&>', "T0K")
    with pytest.warns(FutureWarning, match="Summer '27"):
        sent = asked(auth)
    assert sent.url.endswith("/services/Soap/u/64.0")
    assert sent.headers["SOAPAction"] == "login"
    assert b'<username>a&lt;b&gt;&amp;c</username><password>p"&lt;&amp;&gt;T0K</password>' in sent.body


# What is read.


def test_a_token_needs_no_more_than_itself_and_knows_org_and_user_if_told() -> None:
    auth = ClientCredentials("app", "secret")
    assert answered(auth, GIVEN) == Token("00D!t", MY_DOMAIN)
    full = f'{{"access_token":"t","id":"https://login.salesforce.com/id/{ORG_ID}/{USER_ID}","issued_at":"17"}}'
    assert answered(auth, Response(200, {}, full.encode())) == Token("t", MY_DOMAIN, ORG_ID, USER_ID)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b"<html>log in</html>", b'{"access_token":"t","instance_url":"http://x.example"}'],
)
def test_an_answer_without_a_usable_token_is_refused(body: bytes) -> None:
    flow = ClientCredentials("app", "secret").flow(MY_DOMAIN)
    next(flow)
    with pytest.raises(AuthenticationError, match="no token"):
        flow.send(Response(200, {}, body))


def test_a_refusal_keeps_the_orgs_words() -> None:
    flow = ClientCredentials("app", "secret").flow(MY_DOMAIN)
    next(flow)
    with pytest.raises(
        AuthenticationError, match=r"acme\.my\.salesforce\.com.*invalid_grant: user is locked"
    ) as caught:
        flow.send(Response(400, {}, b'{"error":"invalid_grant","error_description":"user is locked"}'))
    assert caught.value.error_code == "invalid_grant"


SOAP = (
    '<?xml version="1.0"?><e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns="urn:partner.soap.sforce.com" xmlns:sf="urn:fault.partner.soap.sforce.com">'
    "<e:Body>{}</e:Body></e:Envelope>"
)


def soap(content: str, status: int = 200) -> Response:
    return Response(status, {}, SOAP.format(content).encode())


@pytest.mark.usefixtures("no_end_is_near")
def test_a_soap_session_is_a_token_for_the_host_of_its_server() -> None:
    result = (
        "<loginResponse><result><passwordExpired>false</passwordExpired><sessionId>00D!s</sessionId>"
        "<serverUrl>https://acme.my.salesforce.com/services/Soap/u/64.0/00D</serverUrl>"
        f"<userInfo><organizationId>{ORG_ID}</organizationId><userId>{USER_ID}</userId></userInfo>"
        "</result></loginResponse>"
    )
    assert answered(SoapLogin("a", "b"), soap(result)) == Token("00D!s", MY_DOMAIN, ORG_ID, USER_ID)


LAUGHS = (
    '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE x [<!ENTITY a "00D!s">]>'
    "<x><sessionId>&a;</sessionId><serverUrl>https://acme.my.salesforce.com</serverUrl></x>"
)


@pytest.mark.usefixtures("no_end_is_near")
@pytest.mark.parametrize(
    ("response", "code", "message"),
    [
        (
            soap(
                "<e:Fault><faultcode>sf:INVALID_LOGIN</faultcode><faultstring>Wrong</faultstring><detail>"
                "<sf:exceptionCode>INVALID_LOGIN</sf:exceptionCode>"
                "<sf:exceptionMessage>Invalid username</sf:exceptionMessage></detail></e:Fault>",
                500,
            ),
            "INVALID_LOGIN",
            "Invalid username",
        ),
        (
            soap("<e:Fault><faultcode>sf:NO_ACCESS</faultcode><faultstring>no</faultstring></e:Fault>", 500),
            "NO_ACCESS",
            "no",
        ),
        (Response(500, {}, b"<html>oops"), None, "no SOAP answer"),
        (Response(200, {}, b'<!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>'), None, "no SOAP answer"),
        (Response(200, {}, LAUGHS.encode("utf-16")), None, "no SOAP answer"),
    ],
)
def test_a_soap_fault_keeps_the_orgs_words(response: Response, code: str | None, message: str) -> None:
    flow = SoapLogin("a", "b").flow(MY_DOMAIN)
    next(flow)
    with pytest.raises(AuthenticationError, match=message) as caught:
        flow.send(response)
    assert caught.value.error_code == code


# Over the wire.


async def test_every_flow_logs_in_to_a_local_org(server: Server) -> None:
    given: list[Auth] = [
        ClientCredentials(server.client_id, server.client_secret),
        JwtBearer(server.client_id, server.username, server.private_key),
        RefreshToken(server.client_id, server.refresh_token, server.client_secret),
        UsernamePassword(
            server.client_id, server.client_secret, server.username, server.password + server.security_token
        ),
        SoapLogin(server.username, server.password, server.security_token),
    ]
    for auth in given:
        async with Org(server.url, auth) as org:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)
                assert "DailyApiRequests" in await org.limits()
            assert org.org_id is not None


async def test_a_rotated_refresh_token_is_used_for_the_life_of_the_org(site: Site) -> None:
    answer = {"access_token": "t1", "instance_url": site.url, "refresh_token": "second"}
    site.on("POST", TOKEN, reply(answer), reply({**answer, "access_token": "t2"}))
    site.on("GET", LIMITS, stale(), reply({}))
    auth = RefreshToken("app", "first")
    async with Org(site.url, auth, retry=AT_ONCE) as org:
        await org.limits()
        assert [one.form["refresh_token"] for one in site.seen if one.path == TOKEN] == ["first", "second"]
        assert org.auth == RefreshToken("app", "first")


@pytest.mark.parametrize("fault", [drop, reply("<h1>busy", status=503), reply(status=500)])
async def test_a_login_host_in_trouble_is_asked_again(site: Site, org: Org, fault: Any) -> None:
    site.on("POST", TOKEN, fault, reply({"access_token": "t"}))
    site.on("GET", LIMITS, reply({}))
    await org.limits()
    assert site.tokens_made() == 2


async def test_too_many_logins_are_waited_out(site: Site, org: Org) -> None:
    site.on("POST", TOKEN, reply({"error": "rate_limit_exceeded"}, status=400), reply({"access_token": "t"}))
    site.on("GET", LIMITS, reply({}))
    await org.limits()
    assert site.tokens_made() == 2


@pytest.mark.usefixtures("no_end_is_near")
async def test_a_soap_fault_is_final_though_its_status_is_500(site: Site) -> None:
    fault = soap("<e:Fault><faultcode>sf:INVALID_LOGIN</faultcode><faultstring>no</faultstring></e:Fault>").body
    site.on("POST", "/services/Soap/u/64.0", reply(fault, status=500))
    async with Org(site.url, SoapLogin("ada", "pw"), retry=AT_ONCE) as org:
        with pytest.raises(AuthenticationError, match="INVALID_LOGIN"):
            await org.limits()
    assert len(site.seen) == 1


async def test_a_login_host_that_cant_be_reached_is_no_refusal(unused_tcp_port: int) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}"
    async with Org(url, ClientCredentials("app", "secret"), retry=AT_ONCE, timeouts=SHORT) as org:
        with pytest.raises(ApiError, match="can't be reached") as caught:
            await org.limits()
    assert caught.value.status is None


async def test_a_login_that_is_redirected_says_where_to_and_sends_nothing_there(site: Site, org: Org) -> None:
    away = reply(status=302, headers={"Location": "https://moved.example/?x=1"})
    site.on("POST", TOKEN, away)
    with pytest.raises(AuthenticationError, match=r"moved\.example"):
        await org.limits()


async def test_a_login_answer_that_repeats_the_secret_is_shown_without_it(site: Site) -> None:
    async def echo(request: Any) -> Any:
        return web.Response(status=400, text=f"can't read {(await request.post())['client_secret']}")

    site.on("POST", TOKEN, echo)
    async with Org(site.url, ClientCredentials("app", "s3cret-value"), retry=AT_ONCE) as org:
        with pytest.raises(AuthenticationError) as caught:
            await org.limits()
    assert "s3cret-value" not in shown(caught.value)
    assert "can't read …" in str(caught.value)


@pytest.mark.parametrize("write", [str, quote_plus, html.escape, lambda text: json.dumps({"message": text})])
async def test_an_answer_that_repeats_an_escaped_secret_is_shown_without_it(
    site: Site, write: Callable[[str], str]
) -> None:
    secret = 'hün&ter<2> "+'

    async def echo(_: web.Request) -> web.Response:
        return web.Response(status=400, text=write(f"can't read {secret}"))

    site.on("POST", TOKEN, echo)
    async with Org(site.url, ClientCredentials("app", secret), retry=AT_ONCE) as org:
        with pytest.raises(AuthenticationError) as caught:
            await org.limits()
    assert secret not in shown(caught.value)
    assert "ter" not in str(caught.value)


# Secrets.

SECRET = "hunter2-and-more"
ALL = [
    AccessToken(SECRET),
    ClientCredentials("app", SECRET),
    JwtBearer("app", "ada", SECRET),
    RefreshToken("app", SECRET, SECRET),
    UsernamePassword("app", SECRET, "ada", SECRET),
    SoapLogin("ada", SECRET, SECRET),
]


@pytest.mark.parametrize("auth", ALL, ids=lambda auth: type(auth).__name__)
def test_a_login_is_a_value_that_hides_its_secrets(auth: Auth) -> None:
    assert SECRET not in repr(auth)
    assert SECRET not in str(auth)
    assert SECRET not in f"{Org(MY_DOMAIN, auth)!r}"
    assert pickle.loads(pickle.dumps(auth)) == auth
    assert hash(auth) == hash(pickle.loads(pickle.dumps(auth)))
    with pytest.raises(AttributeError):
        setattr(auth, fields(auth)[0].name, "other")  # type: ignore[arg-type]  # all are dataclasses


def test_no_step_of_a_login_shows_a_secret() -> None:
    assert SECRET not in repr(asked(ClientCredentials("app", SECRET)))
    assert SECRET not in repr(Token(SECRET, MY_DOMAIN, refresh_token=SECRET))


@pytest.mark.parametrize("auth", ALL[3:5], ids=lambda auth: type(auth).__name__)
async def test_a_failed_login_shows_no_secret_anywhere(
    site: Site, auth: Auth, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    site.on("POST", TOKEN, reply({"error": "invalid_grant", "error_description": "no"}, status=400))
    async with Org(site.url, auth, retry=AT_ONCE) as org:
        with pytest.raises(AuthenticationError) as caught:
            await org.limits()
    assert SECRET not in shown(caught.value)
    assert SECRET.encode() not in pickle.dumps(caught.value)
    assert SECRET not in caplog.text


def test_a_pickled_org_carries_no_fetched_token(site: Site) -> None:
    org = Org(site.url, ClientCredentials("app", SECRET), retry=AT_ONCE)
    site.on("GET", LIMITS, by_token(token_1=reply({}), token_2=reply({})))
    asyncio.run(limits(org))
    pickled = pickle.dumps(org)
    assert b"token-1" not in pickled
    again: Org = pickle.loads(pickled)
    assert again == org
    asyncio.run(limits(again))
    assert site.tokens_made() == 2


async def limits(org: Org) -> None:
    await org.limits()


def shown(error: BaseException) -> str:
    """All that a traceback or a logger would print of an error, its causes included."""
    return "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
