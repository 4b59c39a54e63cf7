"""Encrypted and verified by default; authorities and proxies by argument, or as the environment names them."""

from __future__ import annotations

import copy
import pickle
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from sfframe.errors import ApiError
from sfframe.org.auth import AccessToken, ClientCredentials
from sfframe.org.org import Org
from sfframe.org.proxy import Proxy, proxy_for
from sfframe.org.retry import RetryPolicy
from sfframe.org.secret import Secret
from sfframe.org.trust import context_for
from tests.at_once import AT_ONCE
from tests.org.site import TOKEN, Site, reply

from .authority import Authority
from .connect_proxy import ConnectProxy

LIMITS = "/services/data/v66.0/limits"
ACME = "https://acme.my.salesforce.com"
LOGIN = ClientCredentials("app", "s3cret-of-the-app")
ADA = "http://ada:l%40ce%2fx@proxy.example.com:3128"


async def asked(url: str, **settings: Any) -> Org:
    """An org that was asked for its limits."""
    async with Org(url, LOGIN, retry=AT_ONCE, **settings) as org:
        await org.limits()
    return org


# Whom a host has to convince.


@pytest.fixture(scope="module")
def bad_sites(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Site]]:
    """Servers that can't prove what they say they are, to those who trust the authority."""
    unknown = Authority(tmp_path_factory.mktemp("unknown"), "somebody")
    contexts = {
        "expired": authority.server(days=-2),
        "of another name": authority.server("login.example.com"),
        "of an unknown authority": unknown.server(),
    }
    sites = {name: Site(context) for name, context in contexts.items()}
    for site in sites.values():
        site.__enter__()
    yield sites
    for site in sites.values():
        site.__exit__()


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("expired", "certificate has expired"),
        ("of another name", "IP address mismatch"),
        ("of an unknown authority", "unable to get local issuer certificate|self-signed certificate"),
    ],
)
async def test_a_host_that_cant_prove_itself_is_told_nothing(
    bad_sites: dict[str, Site], authority: Authority, host: str, said: str
) -> None:
    site = bad_sites[host]
    async with Org(site.url, LOGIN, retry=AT_ONCE, ca=authority.pem) as org:
        with pytest.raises(ApiError, match=f"no secure connection to 127.0.0.1:.*({said})") as caught:
            await org.limits()
    assert (site.seen, org.requests_made, caught.value.status) == ([], 1, None)


async def test_an_old_protocol_isnt_spoken(authority: Authority) -> None:
    old = authority.server()
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="deprecated"):
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=_shake_hands, args=(listener, old), daemon=True)
        server.start()
        with pytest.raises(ApiError, match=r"no secure connection to 127\.0\.0\.1:.*PROTOCOL"):
            await asked(f"https://127.0.0.1:{listener.getsockname()[1]}", ca=authority.pem)
        server.join()
    assert context_for(None).minimum_version == ssl.TLSVersion.TLSv1_2


def _shake_hands(listener: socket.socket, context: ssl.SSLContext) -> None:
    connection, _ = listener.accept()
    with connection, suppress(ssl.SSLError):
        context.wrap_socket(connection, server_side=True).close()


async def test_nobody_is_trusted_who_isnt_named(safe_site: Site) -> None:
    with pytest.raises(ApiError, match="no secure connection"):
        await asked(safe_site.url)
    assert safe_site.seen == []


@pytest.mark.parametrize("kind", [str, Path, "context"])
async def test_authorities_are_named_by_argument(safe_site: Site, authority: Authority, kind: Any) -> None:
    safe_site.on("GET", LIMITS, reply({}))
    context = ssl.create_default_context(cafile=authority.pem)
    await asked(safe_site.url, ca=context if kind == "context" else kind(authority.pem))
    assert [one.path for one in safe_site.seen] == [TOKEN, LIMITS]


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
async def test_authorities_are_named_by_the_environment(
    safe_site: Site, authority: Authority, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    safe_site.on("GET", LIMITS, reply({}))
    monkeypatch.setenv(name, str(authority.pem))
    await asked(safe_site.url)
    # The argument counts before, and alone.
    other = Authority(tmp_path, "other")
    with pytest.raises(ApiError, match="no secure connection"):
        await asked(safe_site.url, ca=other.pem)


async def test_openssls_own_variables_count_before_others_and_may_name_a_folder(
    safe_site: Site, authority: Authority, pem_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    safe_site.on("GET", LIMITS, reply({}))
    monkeypatch.setenv("SSL_CERT_DIR", str(pem_folder))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(Authority(tmp_path, "other").pem))
    await asked(safe_site.url)
    monkeypatch.delenv("SSL_CERT_DIR")
    with pytest.raises(ApiError, match="no secure connection"):
        await asked(safe_site.url)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pem_folder))
    await asked(safe_site.url)


@pytest.mark.parametrize("name", ["ca", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
async def test_authorities_that_arent_there_are_an_error_that_names_them(
    safe_site: Site, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    missing = tmp_path / "nowhere.pem"
    settings = {"ca": missing} if name == "ca" else {}
    if name != "ca":
        monkeypatch.setenv(name, str(missing))
    with pytest.raises(ApiError, match=f"{name} names .*nowhere.pem, which isn't there"):
        await asked(safe_site.url, **settings)
    assert safe_site.seen == []


async def test_a_file_without_certificates_is_an_error_that_names_it(safe_site: Site, tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing\n")
    with pytest.raises(ApiError, match=r"ca names .*empty\.pem, which holds no certificate"):
        await asked(safe_site.url, ca=empty)


def test_authorities_of_another_kind_are_refused() -> None:
    for wrong in (False, True, 5, b"x.pem"):
        with pytest.raises(TypeError, match=r"ca is the path of a PEM file or an ssl\.SSLContext"):
            Org(ACME, LOGIN, ca=wrong)  # type: ignore[arg-type]  # that is the point


def test_an_org_with_authorities_is_a_value(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(authority.pem.parent)
    org = Org(ACME, LOGIN, ca=authority.pem.name)
    assert pickle.loads(pickle.dumps(org)) == org == Org(ACME, LOGIN, ca=authority.pem)
    assert org.ca == authority.pem.absolute()  # good in another folder, too
    assert org != Org(ACME, LOGIN)
    context = ssl.create_default_context()
    assert Org(ACME, LOGIN, ca=context) == Org(ACME, LOGIN, ca=context) != Org(ACME, LOGIN)
    for copied in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError, match="can't be pickled: give ca= the path"):
            copied(Org(ACME, LOGIN, ca=context))


# Through which proxy.


async def test_a_proxy_passes_on_what_it_cant_read(safe_site: Site, authority: Authority) -> None:
    safe_site.on("GET", LIMITS, reply({}))
    with ConnectProxy() as proxy:
        address = proxy.url.replace("//", "//ada:l%40ce@")
        await asked(safe_site.url, ca=authority.pem, proxy=address)
    host = safe_site.url.removeprefix("https://")
    assert {head.split("\r\n")[0] for head in proxy.asked} == {f"CONNECT {host} HTTP/1.1"}
    assert all("Proxy-Authorization: Basic YWRhOmxAY2U=" in head for head in proxy.asked)
    told = "".join(proxy.asked).encode() + proxy.passed
    for secret in (b"Bearer", b"token-", b"s3cret-of-the-app", b"client_secret", b"limits"):
        assert secret not in told
    assert [one.path for one in safe_site.seen] == [TOKEN, LIMITS]
    assert not [one for one in safe_site.seen if "Proxy-Authorization" in one.headers]


async def test_a_proxy_is_spoken_to_by_tls_where_its_address_says_so(safe_site: Site, authority: Authority) -> None:
    safe_site.on("GET", LIMITS, reply({}))
    with ConnectProxy(authority.server()) as proxy:
        await asked(safe_site.url, ca=authority.pem, proxy=proxy.url)
        assert len(safe_site.seen) == 2
    with ConnectProxy(authority.server("elsewhere.example")) as strange:
        with pytest.raises(ApiError, match=r"no secure connection|can't be reached"):
            await asked(safe_site.url, ca=authority.pem, proxy=strange.url.replace("//", "//ada:secret@"))
        assert strange.asked == []


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (b"HTTP/1.1 407 l@ce is wrong\r\nContent-Length: 0\r\n\r\n", "407 Proxy Authentication Required$"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://evil.example/\r\nContent-Length: 0\r\n\r\n", "302 Found$"),
        (b"HTTP/1.1 999 odd\r\nContent-Length: 0\r\n\r\n", "999$"),
    ],
)
async def test_a_proxy_that_refuses_is_an_error_in_words_of_ours(
    safe_site: Site, authority: Authority, refusal: bytes, status: str
) -> None:
    once = RetryPolicy(max_tries=1)
    with ConnectProxy(refuses=refusal) as proxy:
        async with Org(safe_site.url, LOGIN, retry=once, ca=authority.pem, proxy=proxy.url) as org:
            with pytest.raises(ApiError, match=f"the proxy doesn't let requests to 127.0.0.1:[0-9]+ through: {status}"):
                await org.limits()
    assert safe_site.seen == []


async def test_what_isnt_encrypted_goes_through_no_proxy(site: Site) -> None:
    site.on("GET", LIMITS, reply({}))
    with ConnectProxy() as proxy:
        await asked(site.url, proxy=proxy.url)
    assert proxy.asked == []


@pytest.mark.parametrize(
    ("variables", "url", "used"),
    [
        ({"HTTPS_PROXY": "http://p:1"}, ACME, "http://p:1"),
        ({"https_proxy": "http://p:1"}, ACME, "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1", "https_proxy": "http://q:1"}, ACME, "http://q:1"),
        ({"ALL_PROXY": "http://p:1"}, ACME, "http://p:1"),
        ({"all_proxy": "http://p:1"}, ACME, "http://p:1"),
        ({"ALL_PROXY": "http://p:1", "HTTPS_PROXY": "http://q:1"}, ACME, "http://q:1"),
        ({"HTTP_PROXY": "http://p:1"}, ACME, None),  # for addresses without TLS, of which there are none
        ({"HTTP_PROXY": "http://p:1", "ALL_PROXY": "http://p:1"}, "http://127.0.0.1:8123", None),
        ({"HTTPS_PROXY": ""}, ACME, None),
        ({"HTTPS_PROXY": "p.example.com:3128"}, ACME, "http://p.example.com:3128"),
        ({"HTTPS_PROXY": "https://p.example.com"}, ACME, "https://p.example.com:443"),
        ({"HTTPS_PROXY": "http://[::1]:3128"}, ACME, "http://[::1]:3128"),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "acme.my.salesforce.com"}, ACME, None),
        ({"HTTPS_PROXY": "http://p:1", "no_proxy": ".salesforce.com"}, ACME, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "example.com, salesforce.com"}, ACME, None),
        ({"ALL_PROXY": "http://p:1", "NO_PROXY": "*"}, ACME, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "example.com"}, ACME, "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1"}, "https://localhost:8443", None),
        ({"HTTPS_PROXY": "http://p:1"}, "https://127.0.0.1:8443", None),
    ],
)
def test_the_environment_names_a_proxy(
    variables: dict[str, str], url: str, used: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = proxy_for(url)
    assert (found.address if found else None) == used


def test_the_argument_counts_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://p:1")
    monkeypatch.setenv("NO_PROXY", "*")
    given = Proxy.named(Secret(ADA))
    assert proxy_for(ACME, given) is given
    assert given.headers == {"Proxy-Authorization": "Basic YWRhOmxAY2UveA=="}
    assert proxy_for("https://127.0.0.1:8443", given) is given
    assert proxy_for("http://127.0.0.1:8123", given) is None


WRONG_PROXIES = [
    "", " ", "http://", "http://:3128", "socks5://u:s3cr3t@p:1", "ftp://u:s3cr3t@p", "http://u:s3cr3t@p:x",
    "http://u:s3cr3t@[p", "http://u:s3cr3t@p\r\nX: y", "http://u:s3cr3t p:1", "file:///s3cr3t",
]  # fmt: skip


@pytest.mark.parametrize("text", WRONG_PROXIES)
def test_a_proxy_that_is_none_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(ValueError, match="a proxy looks like") as caught:
        Org(ACME, LOGIN, proxy=text)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("text", WRONG_PROXIES[4:7])
async def test_a_proxy_of_the_environment_that_cant_be_used_isnt_passed_by(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", text)
    with pytest.raises(ApiError, match=r"what ALL_PROXY names can't be used: .*a proxy looks like") as caught:
        await asked(ACME)
    assert "s3cr3t" not in str(caught.value)


def test_an_org_with_a_proxy_is_a_value_that_doesnt_show_its_password() -> None:
    org = Org(ACME, AccessToken("t" * 20), proxy=ADA)
    again: Org = pickle.loads(pickle.dumps(org))
    assert again == org != Org(ACME, AccessToken("t" * 20))
    assert hash(again) == hash(org)
    assert org.proxy == again.proxy == "http://proxy.example.com:3128"
    assert "l%40ce" not in f"{org!r}{org}{vars(org)}{org._state()}"
    assert Org(ACME, AccessToken("t" * 20)).proxy is None
