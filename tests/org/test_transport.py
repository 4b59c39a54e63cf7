"""Requests: the token, repetition, redirects, bodies up and down, errors."""

from __future__ import annotations

import asyncio
import io
import logging
import os
import subprocess
import sys
import textwrap
import threading
import traceback
import zlib
from pathlib import Path

import pytest
from aiohttp import web

from sfframe.errors import ApiError, AuthenticationError
from sfframe.org.auth import AccessToken, ClientCredentials
from sfframe.org.body import RESULT_BYTES
from sfframe.org.org import Org
from sfframe.org.retry import RetryPolicy, Timeouts
from sfframe.org.transport import Repeat
from tests.at_once import AT_ONCE

from .conftest import SHORT
from .site import Site, by_token, cut, drop, refuse, reply, stale, stall

PATH = "/services/data/v66.0/limits"


async def test_a_request_carries_token_client_and_what_it_accepts(site: Site, org: Org) -> None:
    site.on("GET", PATH, reply({}))
    await org.transport.request("GET", PATH)
    headers = site.seen[-1].headers
    assert headers["Authorization"] == "Bearer 00D000000000001EAA!token-1"
    assert headers["Sforce-Call-Options"].startswith("client=sfframe")
    assert headers["Accept"] == "application/json"
    assert headers["Accept-Encoding"] == "identity, gzip;q=0.5"  # on loopback there is nothing to gain


async def test_nothing_is_sent_before_the_first_call(site: Site) -> None:
    org = Org(site.url, ClientCredentials("app", "secret"))
    assert (org.api_usage, org.org_id, org.requests_made) == (None, None, 0)
    assert site.seen == []


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_a_dead_token_is_renewed_once_and_the_same_request_sent_again(site: Site, org: Org, method: str) -> None:
    site.on(method, "/x", by_token(token_1=stale(), token_2=reply(b"done")))
    body = b"a,b" if method in ("POST", "PUT", "PATCH") else None
    response = await org.transport.request(method, "/x", body=body, repeat=Repeat.NEVER)
    assert response.body == b"done"
    assert [one.body for one in site.seen if one.path == "/x"] == [body or b""] * 2
    assert site.tokens_made() == 2


async def test_a_fresh_token_that_is_refused_too_is_an_authentication_error(site: Site, org: Org) -> None:
    site.on("GET", PATH, stale())
    with pytest.raises(AuthenticationError, match="Session expired") as caught:
        await org.transport.request("GET", PATH)
    assert caught.value.error_code == "INVALID_SESSION_ID"
    assert (len(site.paths()), site.tokens_made()) == (2, 2)


async def test_a_token_made_elsewhere_isnt_tried_twice(site: Site) -> None:
    site.on("GET", PATH, stale())
    async with Org(site.url, AccessToken("x" * 20), retry=AT_ONCE) as org:
        with pytest.raises(AuthenticationError):
            await org.transport.request("GET", PATH)
    assert site.paths() == [PATH]


async def test_many_waiters_share_one_new_token(site: Site, org: Org) -> None:
    site.on("GET", PATH, by_token(token_1=stale(), token_2=reply({})))
    await asyncio.gather(*(org.transport.request("GET", PATH) for _ in range(20)))
    assert site.tokens_made() == 2


def test_loops_in_several_threads_share_one_token(site: Site) -> None:
    site.on("GET", PATH, by_token(token_1=stale(), token_2=reply({})))
    org = Org(site.url, ClientCredentials("app", "secret"), retry=AT_ONCE)

    async def ask() -> None:
        async with org:
            await asyncio.gather(*(org.transport.request("GET", PATH) for _ in range(4)))

    threads = [threading.Thread(target=lambda: asyncio.run(ask())) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert site.tokens_made() == 2
    assert sum(one.token.endswith("token-2") for one in site.seen) == 24


async def test_when_the_one_who_fetches_the_token_is_cancelled_another_takes_over(site: Site, org: Org) -> None:
    fetching = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def first_stalls(request: web.Request) -> web.StreamResponse:
        loop.call_soon_threadsafe(fetching.set)
        return await stall(request)

    site.on("POST", "/services/oauth2/token", first_stalls, reply({"access_token": "second"}))
    site.on("GET", PATH, reply({}))
    first = asyncio.create_task(org.transport.request("GET", PATH))
    await fetching.wait()
    second = asyncio.create_task(org.transport.request("GET", PATH))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).status == 200
    assert site.seen[-1].token == "second"


async def test_all_who_wait_for_a_token_learn_why_there_is_none(site: Site, org: Org) -> None:
    refusal = {"error": "invalid_client", "error_description": "invalid client credentials"}
    site.on("POST", "/services/oauth2/token", reply(refusal, status=400))
    outcomes = await asyncio.gather(*(org.transport.request("GET", PATH) for _ in range(3)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {AuthenticationError}
    assert len({id(outcome) for outcome in outcomes}) == 3
    assert site.tokens_made() == 1
    assert "Look at client id and client secret" in str(outcomes[0])


@pytest.mark.parametrize("status", [420, 429, 500, 502, 503, 504])
async def test_a_passing_fault_is_followed_by_the_same_request(site: Site, org: Org, status: int) -> None:
    site.on("GET", PATH, reply("<h1>busy</h1>", status=status), reply(b"there"))
    assert (await org.transport.request("GET", PATH)).body == b"there"


@pytest.mark.parametrize("fault", [drop, stall])
async def test_a_lost_answer_is_followed_by_the_same_request(site: Site, org: Org, fault: object) -> None:
    site.on("GET", PATH, fault, reply(b"there"))  # type: ignore[arg-type]  # both are answers
    assert (await org.transport.request("GET", PATH)).body == b"there"


async def test_not_acceptable_passes_a_few_times_on_get(site: Site, org: Org) -> None:
    site.on("GET", PATH, reply(status=406))
    with pytest.raises(ApiError) as caught:
        await org.transport.request("GET", PATH)
    assert (caught.value.status, len(site.paths())) == (406, 3)


async def test_the_tries_come_to_an_end(site: Site, org: Org) -> None:
    site.on("GET", PATH, reply("<html><head><title>Down</title></head><p>for maintenance", status=503))
    with pytest.raises(ApiError, match="Down for maintenance") as caught:
        await org.transport.request("GET", PATH)
    assert (caught.value.status, len(site.paths())) == (503, AT_ONCE.max_tries)


async def test_the_last_lost_answer_is_an_api_error_with_its_cause(site: Site, org: Org) -> None:
    site.on("GET", PATH, drop)
    with pytest.raises(ApiError, match=r"connection to 127\.0\.0\.1") as caught:
        await org.transport.request("GET", PATH, job_id="750x")
    assert (caught.value.status, caught.value.job_id) == (None, "750x")
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize("fault", [drop, reply(status=503), stall, cut(b"....", after=1)])
async def test_what_may_not_be_repeated_is_sent_once(site: Site, org: Org, method: str, fault: object) -> None:
    site.on(method, "/x", fault)  # type: ignore[arg-type]  # all are answers
    with pytest.raises(ApiError):
        await org.transport.request(method, "/x", body=b"a", repeat=Repeat.NEVER)
    assert site.paths() == ["/x"]


async def test_a_put_on_a_connection_kept_alive_is_sent_once_too(site: Site, org: Org) -> None:
    site.on("GET", PATH, reply({}))
    site.on("PUT", "/x", drop)
    await org.transport.request("GET", PATH)
    with pytest.raises(ApiError):
        await org.transport.request("PUT", "/x", body=b"a", repeat=Repeat.NEVER)
    assert site.paths("PUT") == ["/x"]


async def test_a_request_that_found_no_connection_is_sent_again_whatever_it_is(
    site: Site, unused_tcp_port: int
) -> None:
    refused = Timeouts(connect_s=1)
    nowhere = Org(f"http://127.0.0.1:{unused_tcp_port}", AccessToken("t" * 20), retry=AT_ONCE, timeouts=refused)
    async with nowhere:
        with pytest.raises(ApiError, match="can't be reached"):
            await nowhere.transport.request("PATCH", "/x", json={}, repeat=Repeat.NEVER)
    assert nowhere.requests_made == AT_ONCE.max_tries


async def test_the_concurrent_request_limit_passes_and_that_of_the_day_doesnt(site: Site, org: Org) -> None:
    code = "REQUEST_LIMIT_EXCEEDED"
    site.on(
        "GET",
        PATH,
        refuse(403, code, "ConcurrentRequests (Concurrent API Requests) Limit exceeded."),
        reply(),
    )
    await org.transport.request("GET", PATH)
    site.on("GET", PATH, refuse(403, code, "TotalRequests Limit exceeded."))
    with pytest.raises(ApiError) as caught:
        await org.transport.request("GET", PATH)
    assert caught.value.error_code == code
    assert len(site.paths()) == 3


async def test_the_wait_is_the_one_that_the_org_asks_for(site: Site) -> None:
    site.on("GET", PATH, reply(status=429, headers={"Retry-After": "0"}), reply(b"there"))
    impatient = RetryPolicy(first_wait_s=3600, max_wait_s=3600)  # would never end
    async with Org(site.url, AccessToken("t" * 20), retry=impatient) as org:
        assert (await org.transport.request("GET", PATH)).body == b"there"


async def test_a_success_is_never_searched_for_error_texts(site: Site, org: Org) -> None:
    text = b'"sf__Id","sf__Error"\n"","UNABLE_TO_LOCK_ROW:REQUEST_LIMIT_EXCEEDED INVALID_SESSION_ID:--"\n'
    site.on("GET", PATH, reply(text))
    assert (await org.transport.request("GET", PATH)).body == text
    assert len(site.paths()) == 1


async def test_a_redirect_isnt_followed_and_a_get_asks_a_fresh_token_where_the_org_is(site: Site, org: Org) -> None:
    away = reply(status=302, headers={"Location": "https://elsewhere.example/login?t=secret"})
    site.on("GET", PATH, by_token(token_1=away, token_2=reply(b"home")))
    assert (await org.transport.request("GET", PATH)).body == b"home"
    site.on("GET", PATH, away)
    with pytest.raises(ApiError, match=r"elsewhere\.example") as caught:
        await org.transport.request("GET", PATH)
    assert caught.value.status == 302
    assert "secret" not in str(caught.value)


async def test_a_post_that_may_be_repeated_asks_where_the_org_is_too(site: Site, org: Org) -> None:
    away = reply(status=302, headers={"Location": "https://elsewhere.example/"})
    site.on("POST", PATH, by_token(token_1=away, token_2=reply(b"home")))
    assert (await org.transport.request("POST", PATH, json={})).body == b"home"


async def test_a_write_that_is_redirected_is_reported(site: Site, org: Org) -> None:
    site.on("PUT", "/x", reply(status=307, headers={"Location": "https://elsewhere.example/x"}))
    with pytest.raises(ApiError, match=r"elsewhere\.example"):
        await org.transport.request("PUT", "/x", body=b"a", repeat=Repeat.NEVER)
    assert site.paths() == ["/x"]


async def test_the_token_goes_to_its_own_host_alone(site: Site, org: Org) -> None:
    site.on("GET", PATH, reply(b"mine"))
    assert (await org.transport.request("GET", site.url + PATH)).body == b"mine"
    for address in ("https://evil.example" + PATH, site.url + ".evil.example/", "@evil.example/", "x"):
        with pytest.raises(ApiError, match="alone"):
            await org.transport.request("GET", address)
    assert len(site.paths()) == 1


async def test_requests_go_where_the_newest_token_says(site: Site) -> None:
    with Site() as moved:
        moved.on("GET", PATH, reply(b"new home"))
        site.on("GET", PATH, stale())
        answer = {"access_token": "t", "instance_url": site.url}
        site.on("POST", "/services/oauth2/token", reply(answer), reply({**answer, "instance_url": moved.url}))
        async with Org(site.url, ClientCredentials("app", "secret"), retry=AT_ONCE) as org:
            assert (await org.transport.request("GET", PATH)).body == b"new home"
            assert org.url == moved.url


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (b'[{"errorCode":"INVALIDJOB","message":"InvalidJob : no"}]', "INVALIDJOB", "InvalidJob : no"),
        (b'{"error":"unsupported","error_description":"not here"}', "unsupported", "not here"),
        (b"<h1>Bad</h1><pre>reason: a &amp; b</pre>", None, "Bad reason: a & b"),
        (b"", None, "no explanation was given"),
        (b"x" * 5000, None, "x" * 399 + "…"),
        (b"[]", None, "[]"),
    ],
)  # fmt: skip
async def test_a_refusal_of_any_shape_is_an_api_error(
    site: Site, org: Org, body: bytes, code: str | None, message: str
) -> None:
    site.on("GET", PATH, reply(body, status=400))
    with pytest.raises(ApiError) as caught:
        await org.transport.request("GET", PATH)
    assert (caught.value.status, caught.value.error_code, caught.value.message) == (400, code, message)


async def test_an_error_that_repeats_the_token_is_shown_without_it(site: Site, org: Org) -> None:
    async def echo(request: web.Request) -> web.StreamResponse:
        return web.Response(status=400, text=f"bad header: {request.headers['Authorization']}")

    site.on("GET", PATH, echo)
    with pytest.raises(ApiError) as caught:
        await org.transport.request("GET", PATH)
    assert caught.value.message == "bad header: Bearer …"


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, "file"])
async def test_an_upload_has_a_length_and_arrives_as_it_is(
    site: Site, org: Org, kind: object, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    data = os.urandom(3_000_001)
    path = tmp_path / "part.csv"
    path.write_bytes(data)
    site.on("PUT", "/x", reply(status=201))
    body = path if kind == "file" else kind(data)  # type: ignore[operator]  # one of three constructors
    await org.transport.request("PUT", "/x", body=body, repeat=Repeat.NEVER)
    seen = site.seen[-1]
    assert seen.headers["Content-Length"] == str(len(data))
    assert "Transfer-Encoding" not in seen.headers
    assert seen.body == data
    assert not recwarn.list


async def test_an_upload_that_nobody_takes_ends(site: Site) -> None:
    writers = []

    def take_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)

    listener = await asyncio.start_server(take_nothing, "127.0.0.1", 0, limit=1024)
    port = listener.sockets[0].getsockname()[1]
    async with Org(f"http://127.0.0.1:{port}", AccessToken("t" * 20), retry=AT_ONCE, timeouts=SHORT) as org:
        with pytest.raises(ApiError, match="silent"):
            await org.transport.request("PUT", "/x", body=bytes(50_000_000), repeat=Repeat.NEVER)
    listener.close()
    for writer in writers:
        writer.transport.abort()
        await asyncio.sleep(0)


@pytest.mark.parametrize("kind", ["path", "file"])
async def test_a_sink_takes_a_large_answer_and_a_broken_one_is_read_anew(
    site: Site, org: Org, kind: str, tmp_path: Path
) -> None:
    data = os.urandom(2_000_000)
    site.on("GET", PATH, cut(data, after=1_500_000), reply(b"<busy>", status=503), reply(data))
    path = tmp_path / "results.csv"
    if kind == "path":
        response = await org.transport.request("GET", PATH, sink=path)
        assert path.read_bytes() == data
    else:
        with io.BytesIO() as file:
            file.write(b"before ")
            response = await org.transport.request("GET", PATH, sink=file)
            assert file.getvalue() == b"before " + data
    assert response.body == b""


async def test_an_answer_that_breaks_off_isnt_taken_for_whole(site: Site, org: Org) -> None:
    site.on("GET", PATH, cut(b"line\n" * 1000, after=2500))
    with pytest.raises(ApiError, match="broke off"):
        await org.transport.request("GET", PATH)


async def test_a_full_disk_is_the_callers_own_error(site: Site, org: Org, tmp_path: Path) -> None:
    site.on("GET", PATH, reply(b"data"))
    with pytest.raises(FileNotFoundError):
        await org.transport.request("GET", PATH, sink=tmp_path / "nowhere" / "x")


async def test_compressed_answers_are_read_whatever_their_ratio(site: Site, org: Org) -> None:
    data = b'"0035e000001","true","Ng"\n' * 2_000_000
    packer = zlib.compressobj(wbits=31)
    packed = packer.compress(data) + packer.flush()
    site.on("GET", PATH, reply(packed, headers={"Content-Encoding": "gzip"}))
    assert (await org.transport.request("GET", PATH, most_bytes=RESULT_BYTES)).body == data


async def test_usage_and_requests_are_counted(site: Site, org: Org) -> None:
    limit = {"Sforce-Limit-Info": "api-usage=123/15000; per-app-api-usage=17/250(appName=x)"}
    site.on("GET", PATH, reply({}, headers=limit), reply({}))
    await org.transport.request("GET", PATH)
    await org.transport.request("GET", PATH)
    assert org.api_usage is not None
    assert (org.api_usage.used, org.api_usage.max) == (123, 15000)
    assert org.requests_made == 3


async def test_the_log_names_requests_and_no_secret(site: Site, org: Org, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    site.on("GET", PATH, by_token(token_1=stale(), token_2=reply({})))
    await org.transport.request("GET", PATH, params={"locator": "hidden-in-the-query"})
    assert f"GET {PATH}: 401" in caplog.text
    for secret in ("app-secret", "token-1", "token-2", "hidden-in-the-query"):
        assert secret not in caplog.text


def test_connections_are_closed_when_a_loop_of_ones_own_ends(site: Site) -> None:
    site.on("GET", PATH, reply({}))
    org = Org(site.url, ClientCredentials("app", "secret"))
    asyncio.run(_ask(org))
    asyncio.run(_ask(org))  # warnings are errors in this suite: an open session would be one
    assert len(site.paths()) == 2


async def _ask(org: Org) -> None:
    await org.transport.request("GET", PATH)


def test_a_process_ends_without_a_word_about_open_connections(site: Site) -> None:
    site.on("GET", PATH, reply({}))
    code = f"""
        import asyncio, logging
        from sfframe.bridge import run
        from sfframe.org.auth import ClientCredentials
        from sfframe.org.org import Org
        # How long a callback takes is the machine's affair.
        logging.getLogger("asyncio").addFilter(lambda record: not record.msg.startswith("Executing"))
        org = Org("{site.url}", ClientCredentials("app", "secret"))
        run(org.limits())
        run(Org("{site.url}", ClientCredentials("app", "secret")).limits())     # garbage at once
        asyncio.run(org.limits())
        print(org.requests_made)
    """
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", textwrap.dedent(code)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("3\n", "")


async def test_the_last_block_to_end_closes_the_connections(site: Site, org: Org) -> None:
    site.on("GET", PATH, reply({}))
    async with org:
        await _ask(org)
    await _ask(org)  # the outer block of the fixture holds them still
    assert len(org.transport._wire._sessions) == 1


async def test_a_proxy_of_the_environment_is_used_with_its_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    proxy = await asyncio.start_server(listen, "127.0.0.1", 0)
    port = proxy.sockets[0].getsockname()[1]
    monkeypatch.setenv("HTTPS_PROXY", f"http://ada:l%40ce@127.0.0.1:{port}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    once = RetryPolicy(max_tries=1)
    async with Org("https://acme.my.salesforce.com", AccessToken("t" * 20), retry=once) as org:
        with pytest.raises(ApiError, match="the proxy doesn't let requests to acme") as caught:
            await org.limits()
    proxy.close()
    assert heard[0].startswith("CONNECT acme.my.salesforce.com:443 ")
    assert "Basic YWRhOmxAY2U=" in heard[0]
    assert "Bearer" not in heard[0]
    assert caught.value.__cause__ is None  # aiohttp's own error would hold the headers
    assert "YWRhOmxAY2U" not in "".join(traceback.format_exception(caught.value))


async def test_this_machine_is_never_asked_through_a_proxy(
    site: Site, org: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    site.on("GET", PATH, reply(b"direct"))
    assert (await org.transport.request("GET", PATH)).body == b"direct"


async def test_credentials_in_netrc_stay_there(
    site: Site, org: Org, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ada password lace\n")
    monkeypatch.setenv("NETRC", str(netrc))
    site.on("GET", PATH, reply({}))
    await org.transport.request("GET", PATH)
    assert site.seen[-1].token.endswith("token-1")


@pytest.mark.parametrize("from_file", [False, True])
async def test_an_upload_refused_before_its_end_is_sent_again_whole(from_file: bool, tmp_path: Path) -> None:
    data = os.urandom(20_000_000)
    (tmp_path / "part.csv").write_bytes(data)
    whole: list[bool] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if b"/token" in head:
            await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split()[0]))
            writer.write(b'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 20\r\n\r\n{"access_token":"t"}')
        elif not whole:
            whole.append(False)
            writer.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\n[]")
            while await reader.read(2**20):
                pass
        else:
            whole.append(await reader.readexactly(len(data)) == data)
            writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    listener = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    async with Org(url, ClientCredentials("app", "secret"), retry=AT_ONCE) as org:
        body = tmp_path / "part.csv" if from_file else data
        response = await org.transport.request("PUT", "/x", body=body, repeat=Repeat.NEVER)
    listener.close()
    assert (response.status, whole) == (201, [False, True])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_has_connections_of_its_own_and_the_same_token(site: Site) -> None:
    site.on("GET", PATH, reply({}))
    code = f"""
        import gc, logging, os, warnings
        warnings.simplefilter("ignore", DeprecationWarning)   # Python 3.12 warns of forks of threaded processes
        from sfframe.bridge import run
        from sfframe.org.auth import ClientCredentials
        from sfframe.org.org import Org
        # How long a callback takes is the machine's affair.
        logging.getLogger("asyncio").addFilter(lambda record: not record.msg.startswith("Executing"))
        org = Org("{site.url}", ClientCredentials("app", "secret"))
        run(org.limits())
        if not (pid := os.fork()):
            run(org.limits())
            del org
            gc.collect()
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        run(org.limits())
    """
    command = [sys.executable, "-X", "dev", "-c", textwrap.dedent(code)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("0\n", "")
    assert site.paths() == [PATH] * 3
    assert site.tokens_made() == 1
