"""One port for plain HTTP, for TLS, and for clients that take it for the proxy to their org."""

from __future__ import annotations

import errno
import gzip
import socket
import ssl
import time
from collections.abc import Iterator
from http.client import HTTPSConnection, IncompleteRead, RemoteDisconnected
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

import sfframe
from sfframe.localorg import Fault, Server
from sfframe.localorg.web import port

from .client import DEADLINE_S, FORM, JOBS, TOKEN, Client

DESCRIBE = "/services/data/v66.0/sobjects/Contact/describe"
LOGIN = "/services/Soap/u/64.0"


def test_a_port_that_is_taken_is_named_with_what_to_do(server: Server) -> None:
    taken = urlsplit(server.url).port
    assert taken is not None
    with pytest.raises(OSError, match=f"port {taken} is taken; name another one, or none to get a free one") as caught:
        sfframe.LocalOrg(port=taken).__enter__()
    assert caught.value.errno == errno.EADDRINUSE


def trusting(server: Server) -> ssl.SSLContext:
    """What a strict client has that trusts this org's authority and no other."""
    context = ssl.create_default_context(cadata=server.certificate)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


@pytest.fixture(params=["http", "https"])
def client(server: Server, request: pytest.FixtureRequest) -> Iterator[Client]:
    client = Client(server, context=trusting(server) if request.param == "https" else None).log_in()
    yield client
    client.close()


def test_a_job_runs_from_create_to_results(client: Client) -> None:
    done = client.load("LastName\nNg\n")
    assert len(done.ids) == 1
    assert [row["LastName"] for row in client.records()] == ["Ng"]


def test_a_connection_is_kept(client: Client) -> None:
    kept = client.connection
    assert kept is not None
    sock = kept.sock
    for _ in range(3):
        assert client.get("/services/data").status == 200
    assert kept.sock is sock


def test_a_large_upload_and_its_results_come_through_whole(client: Client) -> None:
    text = "x" * 30_000
    done = client.load("LastName,Description\n" + f"Ng,{text}\n" * 200)
    assert [row["Description"] == text for row in done.successful] == [True] * 200


def test_json_may_be_gzipped(client: Client) -> None:
    """Data Loader sends the bodies of create and PATCH so (8), and the CSV plain."""
    gzipped = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    body = gzip.compress(b'{"object": "Contact", "operation": "insert", "contentType": "CSV"}')
    job_id = client.request("POST", f"{JOBS}/", body, gzipped).json["id"]
    assert client.put(job_id, "LastName\nNg\n").status == 201
    assert (
        client.request("PATCH", f"{JOBS}/{job_id}/", gzip.compress(b'{"state": "UploadComplete"}'), gzipped).status
        == 200
    )
    assert client.wait(job_id)["numberRecordsProcessed"] == 1


def test_an_upload_waits_for_continue(client: Client) -> None:
    """Data Loader sends `Expect: 100-continue` (3.3), and a slash at the end (3)."""
    job_id = client.open_job()
    body = b"LastName\nNg\n"
    head = (
        f"PUT {JOBS}/{job_id}/batches/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {client.token}\r\n"
        f"Content-Type: text/csv\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
    )
    with raw_connection(client) as sock:
        sock.sendall(head.encode())
        assert sock.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(body)
        assert sock.recv(1000).startswith(b"HTTP/1.1 201 ")
    client.patch(job_id)
    assert client.wait(job_id)["numberRecordsProcessed"] == 1


@pytest.mark.parametrize("effect", ["drop", "reset"])
def test_a_fault_hangs_up(client: Client, server: Server, effect: str) -> None:
    server.faults.append(Fault("get_job", effect, times=1))
    job_id = client.open_job()
    with pytest.raises((ConnectionError, RemoteDisconnected, ssl.SSLError)):
        client.get(f"{JOBS}/{job_id}")
    assert client.job(job_id)["state"] == "Open"


def test_a_fault_cuts_an_answer(client: Client, server: Server) -> None:
    whole = client.get(DESCRIBE).body
    server.faults.append(Fault("describe", "truncate", times=1, looks_whole=True))
    cut = client.get(DESCRIBE).body
    assert 0 < len(cut) < len(whole)
    assert whole.startswith(cut)


def test_a_cut_answer_ends_before_its_length(client: Client, server: Server) -> None:
    server.faults.append(Fault("describe", "truncate", times=1))
    with pytest.raises(IncompleteRead):
        client.get(DESCRIBE)


def test_a_page_of_html_comes_through(client: Client, server: Server) -> None:
    server.faults.append(Fault("describe", "html", status=503, times=1))
    reply = client.get(DESCRIBE)
    assert (reply.status, reply.body[:6]) == (503, b"<html>")


def test_the_answers_lead_where_the_request_went(client: Client, server: Server) -> None:
    scheme = "http" if client.context is None else "https"
    url = f"{scheme}://{urlsplit(server.url).netloc}"
    answer = client.ask_token(
        grant_type="client_credentials", client_id=server.client_id, client_secret=server.client_secret
    ).json
    assert answer["instance_url"] == url
    assert answer["id"].startswith(f"{url}/id/00D")
    assert f"<serverUrl>{url}/services/Soap/u/64.0/00D" in soap_login(client)


def test_a_host_is_told_back_only_where_it_is_one(client: Client, server: Server) -> None:
    text = soap_login(client, {"Host": "<evil/>"})
    assert "evil" not in text
    assert f"://{urlsplit(server.url).netloc}/services" in text
    assert "://localhost:9/services" in soap_login(client, {"Host": "localhost:9"})


def test_the_certificate_is_good_for_each_name_of_this_machine(server: Server) -> None:
    for host in ("localhost", "127.0.0.1", "::1", "acme--box.sandbox.my.salesforce.com", "login.salesforce.com"):
        shake_hands(server, host).close()
    for host in ("example.com", "salesforce.com.example.com"):
        with pytest.raises(ssl.SSLCertVerificationError, match="match"):
            shake_hands(server, host)


def test_who_does_not_trust_the_authority_gets_nowhere_and_disturbs_nobody(server: Server, client: Client) -> None:
    with pytest.raises(ssl.SSLCertVerificationError), socket.create_connection(address(server)) as plain:
        ssl.create_default_context().wrap_socket(plain, server_hostname="localhost")
    assert client.get("/services/data").status == 200


def test_old_versions_of_tls_are_refused(server: Server) -> None:
    """9.4: TLS 1.2 or newer only."""
    context = trusting(server)
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionError)), socket.create_connection(address(server)) as plain:
        context.wrap_socket(plain, server_hostname="localhost")


def test_the_authority_is_kept_in_the_database_and_is_no_other_orgs(tmp_path: Path, server: Server) -> None:
    with Server(tmp_path / "a.db") as first:
        authority = first.certificate
    with Server(tmp_path / "a.db") as again:
        assert again.certificate == authority
        shake_hands(again, "localhost").close()
    assert authority != server.certificate
    assert authority.count("BEGIN") == 1
    assert authority.startswith("-----BEGIN CERTIFICATE-----")
    assert not list(tmp_path.rglob("*.pem"))


@pytest.mark.parametrize("first", [b"", b"\x16", b"\x16\x03\x01\x00\x05hello", b"CONN", b"\x00\xff", b"GET /"])
def test_half_a_beginning_holds_up_neither_others_nor_the_end(first: bytes) -> None:
    with Server() as server:
        half = socket.create_connection(address(server))
        half.sendall(first)
        idle = shake_hands(server, "localhost")
        client = Client(server)
        assert client.get("/services/data").status == 200
        client.close()
        started = time.monotonic()
    assert time.monotonic() - started < 5
    half.close()
    idle.close()


@pytest.mark.parametrize(
    ("host", "grant", "answer"),
    [
        ("acme.my.salesforce.com", "client_credentials", '"instance_url": "https://acme.my.salesforce.com"'),
        ("login.salesforce.com", "client_credentials", "request not supported on this domain"),
        ("test.salesforce.com", "refresh_token", '"instance_url": "https://localorg.my.salesforce.com"'),
    ],
)
def test_clients_come_through_it_as_through_a_proxy(server: Server, host: str, grant: str, answer: str) -> None:
    """Clients that know hosts of salesforce.com alone reach the local org with `HTTPS_PROXY`.

    2.1: client credentials are for a My Domain host alone; 2.2: the answer tells where the org is.
    """
    form = {"client_id": server.client_id, "client_secret": server.client_secret}
    body = urlencode(form | {"grant_type": grant, "refresh_token": server.refresh_token})
    connection = HTTPSConnection(*address(server), context=trusting(server), timeout=DEADLINE_S)
    connection.set_tunnel(host, 443)
    connection.request("POST", TOKEN, body, {"Content-Type": FORM})
    assert answer in connection.getresponse().read().decode()
    connection.close()


@pytest.mark.parametrize(
    "host", ["example.com:443", "salesforce.com.example.com:443", "acme.my.salesforce.com:80", "169.254.169.254:443"]
)
def test_as_a_proxy_it_leads_nowhere_else(server: Server, host: str) -> None:
    with socket.create_connection(address(server)) as sock:
        sock.sendall(f"CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        assert sock.recv(1000).startswith(b"HTTP/1.1 403 ")
        assert sock.recv(1000) == b""


def test_a_proxy_request_without_end_is_given_up(server: Server) -> None:
    with socket.create_connection(address(server), timeout=DEADLINE_S) as sock, pytest.raises(ConnectionError):
        sock.sendall(b"CONNECT " + b"x" * 50_000_000)


def address(server: Server) -> tuple[str, int]:
    parts = urlsplit(server.url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


def raw_connection(client: Client) -> socket.socket:
    plain = socket.create_connection(address(client.server), timeout=DEADLINE_S)
    return client.context.wrap_socket(plain, server_hostname="localhost") if client.context else plain


def shake_hands(server: Server, host: str) -> ssl.SSLSocket:
    plain = socket.create_connection(address(server), timeout=DEADLINE_S)
    try:
        return trusting(server).wrap_socket(plain, server_hostname=host)
    except BaseException:
        plain.close()
        raise


def soap_login(client: Client, headers: dict[str, str] | None = None) -> str:
    server = client.server
    envelope = (
        '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>'
        f'<login xmlns="urn:partner.soap.sforce.com"><username>{server.username}</username>'
        f"<password>{server.password}{server.security_token}</password></login></e:Body></e:Envelope>"
    )
    reply = client.request("POST", LOGIN, envelope, {"Content-Type": "text/xml", **(headers or {})}, token="")
    assert reply.status == 200
    return reply.body.decode()


def test_who_says_nothing_is_let_go(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(port, "_SILENCE_S", 0.05)
    with socket.create_connection(("127.0.0.1", urlsplit(server.url).port), timeout=DEADLINE_S) as silent:
        assert silent.recv(1) == b""
