"""No secret is in anything that a failure leaves behind: errors, their chains and frames, logs, debug output."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from sfframe.errors import AuthenticationError, SfframeError
from sfframe.org.auth import AccessToken, Auth, ClientCredentials, JwtBearer, RefreshToken, UsernamePassword
from sfframe.org.org import Org
from sfframe.org.retry import RetryPolicy, Timeouts
from sfframe.org.soap import SoapLogin
from sfframe.org.transport import Repeat
from tests.org.site import ORG_ID, TOKEN, Site, cut, drop, reply, stale, stall

from .authority import Authority
from .connect_proxy import ConnectProxy
from .shown import chain, found_in, of_error

LIMITS = "/services/data/v66.0/limits"
SOAP = "/services/Soap/u/64.0"
SECRETS: Final = {
    "client secret": 'S3CRET-of-the-app&<"+',
    "password": "S3CRET-pass w\u00f6rd",
    "security token": "S3CRET-security-token",
    "refresh token": "5Aep!S3CRET-refresh.token",
    "access token": f"{ORG_ID}!S3CRET-access.token" + "x" * 100,
    "proxy's password": "S3CRET@of:the/proxy",
}
(CLIENT_SECRET, PASSWORD, SECURITY_TOKEN, REFRESH_TOKEN, ACCESS_TOKEN, PROXY_PASSWORD) = SECRETS.values()
LOGINS: Final[dict[str, Auth]] = {
    "client credentials": ClientCredentials("app", CLIENT_SECRET),
    "refresh token": RefreshToken("app", REFRESH_TOKEN, CLIENT_SECRET),
    "password": UsernamePassword("app", CLIENT_SECRET, "ada", PASSWORD),
    "soap": SoapLogin("ada", PASSWORD, SECURITY_TOKEN),
}
SHORT: Final = Timeouts(connect_s=5, idle_s=0.05, upload_s=0.05)
ONCE: Final = RetryPolicy(max_tries=1)


def token_answer(**more: Any) -> dict[str, Any]:
    return {"access_token": ACCESS_TOKEN, "refresh_token": REFRESH_TOKEN, **more}


async def echo(request: web.Request) -> web.Response:
    """Everything that came, back again."""
    text = f"{dict(request.headers)} {(await request.read()).decode()}"
    return web.Response(status=500, text=text, reason="S3CRET")


async def echo_page(request: web.Request) -> web.Response:
    return web.Response(text=f"<html>{dict(request.headers)} {await request.text()}", content_type="text/html")


async def echo_error(request: web.Request) -> web.Response:
    text = f"{request.headers.get('Authorization')} {await request.text()}"
    body = [{"errorCode": text, "message": text, "error": text, "error_description": text}]
    return web.json_response(body, status=400)


async def echo_place(request: web.Request) -> web.Response:
    place = f"https://{request.headers['Authorization'].partition('!')[2]}.example/"
    return web.Response(status=302, headers={"Location": place})


async def nonsense(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.write(f"HTTP/1.1 200 OK\r\nBad header {request.headers}\r\n\r\n".encode())
    return web.Response()


@dataclass
class World:
    """What a failure happens in."""

    site: Site
    safe_site: Site
    authority: Authority
    folder: Path

    async def asked(self, auth: Auth | None = None, **settings: Any) -> None:
        """Log in and ask for the limits."""
        settings = {"retry": ONCE, "timeouts": SHORT, **settings}
        async with Org(settings.pop("url", self.site.url), auth or LOGINS["client credentials"], **settings) as org:
            await org.limits()

    async def put(self) -> None:
        """Log in and send a file."""
        async with Org(self.site.url, AccessToken(ACCESS_TOKEN), retry=ONCE, timeouts=SHORT) as org:
            await org.transport.request("PUT", LIMITS, body=bytes(600_000), repeat=Repeat.NEVER)


Failure = Callable[[World], Awaitable[None]]
FAILURES: dict[str, Failure] = {}


def with_token(name: str, *answers: Any) -> None:
    """A failure of a request that has a token."""

    async def fail(world: World) -> None:
        world.site.on("POST", TOKEN, reply(token_answer()))
        world.site.on("GET", LIMITS, *answers)
        await world.asked()

    FAILURES[name] = fail


def with_login(name: str, answer: Any, *logins: str) -> None:
    """A failure of logins."""
    for login in logins or LOGINS:

        async def fail(world: World, auth: Auth = LOGINS[login]) -> None:
            world.site.on("POST", TOKEN, answer)
            world.site.on("POST", SOAP, answer)
            await world.asked(auth)

        FAILURES[f"{name}, {login}"] = fail


def failing(name: str) -> Callable[[Failure], Failure]:
    def keep(fail: Failure) -> Failure:
        FAILURES[name] = fail
        return fail

    return keep


OAUTH = ("client credentials", "refresh token")
with_token("401 again", stale())
with_token("500 that echoes the request", echo)
with_token("400 that echoes the token in code and message", echo_error)
with_token("a redirect that echoes the token in its place", echo_place)
with_token("a page with the request in place of data", echo_page)
with_token("JSON that breaks off", reply(b'{"DailyApiRequests": {"Max": 1'))
with_token("a connection that breaks", drop)
with_token("an answer that breaks off", cut(b"x" * 100, after=50))
with_token("silence", stall)
with_token("no HTTP", nonsense)
with_login("refused", reply({"error": "invalid_grant", "error_description": "no"}, status=400))
with_login("500 that echoes the login", echo)
with_login("400 that echoes the login", echo_error)
with_login("a page with the login in place of a token", echo_page)
with_login("a connection that breaks", drop, "client credentials", "soap")
with_login("silence", stall, "client credentials", "soap")
with_login("no HTTP", nonsense, "client credentials", "soap")
with_login("a token in JSON that breaks off", reply(json.dumps(token_answer())[:-1]), *OAUTH)
with_login("a token for a foreign host", reply(token_answer(instance_url="https://evil.example")), *OAUTH)
with_login("a token without TLS", reply(token_answer(instance_url="http://evil.example")), *OAUTH)
with_login("a token for no address", reply(token_answer(instance_url=[ACCESS_TOKEN])), *OAUTH)
with_login("a token that is no text", reply(token_answer(access_token=[ACCESS_TOKEN])), *OAUTH)
with_login("a token with a line break", reply(token_answer(access_token=f"{ACCESS_TOKEN}\r\nX: y")), *OAUTH)
with_login("a token in an answer that breaks off", cut(json.dumps(token_answer()).encode(), after=90), *OAUTH)
SESSION = f"<r><sessionId>{ACCESS_TOKEN.replace('&', '')}</sessionId><serverUrl>%s</serverUrl>%s</r>"
with_login("a session for a foreign host", reply(SESSION % ("https://evil.example", "")), "soap")
with_login("a session for no address", reply(SESSION % ("nowhere:x:y", "")), "soap")
with_login("an expired password", reply(SESSION % ("x", "<passwordExpired>true</passwordExpired>")), "soap")
with_login("a session with a line break", reply(SESSION.replace("!", "!\n") % ("https://127.0.0.1", "")), "soap")


@failing("an upload that breaks")
async def _(world: World) -> None:
    world.site.on("PUT", LIMITS, drop)
    await world.put()


@failing("an upload that nobody answers")
async def _(world: World) -> None:
    world.site.on("PUT", LIMITS, stall)
    await world.put()


@failing("a host that can't prove itself")
async def _(world: World) -> None:
    await world.asked(url=world.safe_site.url)


@failing("a host that isn't there")
async def _(world: World) -> None:
    await world.asked(AccessToken(ACCESS_TOKEN), url="https://127.0.0.1:1")


@failing("a token that was read with its line end")
async def _(world: World) -> None:
    await world.asked(AccessToken(f"{ACCESS_TOKEN}\n"))


@failing("a proxy that refuses")
async def _(world: World) -> None:
    with ConnectProxy(refuses=b"HTTP/1.1 407 S3CRET%40of%3Athe%2Fproxy\r\nContent-Length: 0\r\n\r\n") as proxy:
        await world.asked(url=world.safe_site.url, proxy=with_password(proxy.url))


@failing("a proxy that isn't there")
async def _(world: World) -> None:
    await world.asked(url=world.safe_site.url, proxy=with_password("http://127.0.0.1:1"))


@failing("a proxy of another kind")
async def _(world: World) -> None:
    await world.asked(url=world.safe_site.url, proxy=with_password("socks5://127.0.0.1:1"))


@failing("a proxy's address that is none")
async def _(world: World) -> None:
    await world.asked(url=world.safe_site.url, proxy=with_password("http://[127.0.0.1:1"))


def with_password(url: str) -> str:
    return url.replace("//", "//ada:S3CRET%40of%3Athe%2Fproxy@")


@failing("a key that is none")
async def _(world: World) -> None:
    await world.asked(JwtBearer("app", "ada", "MIIS3CRET-of-a-key-without-its-first-line"))


@failing("a key that is broken")
async def _(world: World) -> None:
    await world.asked(JwtBearer("app", "ada", "-----BEGIN PRIVATE KEY-----\nS3CRETxx\n-----END PRIVATE KEY-----"))


@pytest.fixture
def world(site: Site, safe_site: Site, authority: Authority, tmp_path: Path) -> World:
    return World(site, safe_site, authority, tmp_path)


@pytest.mark.filterwarnings("ignore:Salesforce ends the SOAP login")
@pytest.mark.parametrize("name", FAILURES)
async def test_a_failure_shows_no_secret(world: World, name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    # Every callback is logged, with the repr of its task or of its arguments.
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = 0
    try:
        with pytest.raises((SfframeError, ValueError)) as caught:
            await FAILURES[name](world)
    finally:
        loop.set_debug(False)
    assert holding(of_error(caught.value)) == []
    assert holding(caplog.text) == []
    # Foreign frames may hold what was written, as bytes.
    foreign = [one for one in chain(caught.value) if type(one).__module__.startswith("aiohttp")]
    assert [one for one in foreign if one.__traceback__ is not None] == []


def holding(text: str) -> list[str]:
    """Lines of a text that hold a secret, and which."""
    parts = {**SECRETS, "a part of a secret": "S3CRET"}
    return [f"{names}: {line.strip()[:300]}" for line in text.split("\n") if (names := found_in(line, parts))]


@pytest.mark.parametrize("end", [asyncio.CancelledError, TimeoutError])
async def test_a_request_that_is_ended_from_outside_shows_no_secret(site: Site, end: type[BaseException]) -> None:
    arrived = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def hold(request: web.Request) -> web.StreamResponse:
        loop.call_soon_threadsafe(arrived.set)
        return await stall(request)

    site.on("GET", LIMITS, hold)
    async with Org(site.url, AccessToken(ACCESS_TOKEN)) as org:
        asking = asyncio.create_task(org.limits())
        await arrived.wait()
        if end is asyncio.CancelledError:
            asking.cancel()
        with pytest.raises(end) as caught:
            await (asyncio.wait_for(asking, 0) if end is TimeoutError else asking)
        assert holding(repr(asking)) == []
    assert holding(of_error(caught.value)) == []


async def test_a_login_that_is_ended_from_outside_shows_no_secret(site: Site) -> None:
    arrived = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def hold(request: web.Request) -> web.StreamResponse:
        loop.call_soon_threadsafe(arrived.set)
        return await stall(request)

    site.on("POST", TOKEN, hold)
    async with Org(site.url, LOGINS["password"]) as org:
        asking = asyncio.create_task(org.limits())
        await arrived.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await asking
    assert holding(of_error(caught.value)) == []


def test_a_login_by_certificate_that_is_refused_shows_neither_key_nor_assertion() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, form, plain).decode()
    line = pem.splitlines()[3]
    from sfframe.org.answers import Response

    flow = JwtBearer("app", "ada", pem).flow("https://acme.my.salesforce.com")
    sent: Any = next(flow)
    assertion = sent.body.decode().partition("assertion=")[2]
    with pytest.raises(AuthenticationError) as caught:
        flow.send(Response(400, {}, b'{"error": "invalid_grant"}').without(sent.secrets))
    text = of_error(caught.value)
    assert line not in text
    assert assertion.split(".")[1] not in text
    # A key of another kind is refused by libraries whose frames hold it.
    other = ec.generate_private_key(ec.SECP256R1())
    wrong = other.private_bytes(serialization.Encoding.PEM, form, plain).decode()
    with pytest.raises(AuthenticationError, match="isn't an RSA key") as caught:
        next(JwtBearer("app", "ada", wrong).flow("https://acme.my.salesforce.com"))
    assert wrong.splitlines()[1] not in of_error(caught.value)


# The Salesforce CLI, whose output holds its session.

CLI_ANSWERS: dict[str, str] = {
    "no JSON": ACCESS_TOKEN,
    "JSON that breaks off": f'{{"status": 0, "result": {{"accessToken": "{ACCESS_TOKEN}"',
    "no address": json.dumps({"status": 0, "result": {"accessToken": ACCESS_TOKEN}}),
    "an address without TLS": json.dumps(
        {"status": 0, "result": {"accessToken": ACCESS_TOKEN, "instanceUrl": "http://evil.example"}}
    ),
    "a failure": json.dumps({"status": 1, "message": "no", "result": {"accessToken": ACCESS_TOKEN}}),
}


@pytest.mark.parametrize("name", [*CLI_ANSWERS, "silence"])
async def test_a_failure_of_the_cli_shows_no_session(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "silence":  # the CLI writes, and doesn't end

        def never_ends(args: Any, **_: Any) -> None:
            raise subprocess.TimeoutExpired(args, 120, output=ACCESS_TOKEN.encode(), stderr=ACCESS_TOKEN.encode())

        monkeypatch.setattr(subprocess, "run", never_ends)
    program = tmp_path / "sf"
    answer = CLI_ANSWERS.get(name, "")
    program.write_text(f"#!{sys.executable}\nprint({answer!r})\nraise SystemExit({int(name == 'a failure')})\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AuthenticationError) as caught:
        async with Org.from_cli("dev", retry=ONCE) as org:
            await org.limits()
    assert holding(of_error(caught.value)) == []


async def test_the_cli_is_given_no_login_of_other_orgs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program, told = tmp_path / "sf", tmp_path / "told"
    program.write_text(
        f"#!{sys.executable}\nimport os, sys\nopen({str(told)!r}, 'w').write(repr((sys.argv, dict(os.environ))))\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("CLIENT_SECRET", "PASSWORD", "ACCESS_TOKEN", "REFRESH_TOKEN", "SECURITY_TOKEN", "PRIVATE_KEY"):
        monkeypatch.setenv(f"SFFRAME_{name}", "S3CRET")
    with pytest.raises(AuthenticationError, match="no readable answer"):
        async with Org.from_cli("dev", retry=ONCE) as org:
            await org.limits()
    assert "PATH" in told.read_text()
    assert holding(told.read_text()) == []
