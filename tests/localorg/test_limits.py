"""No request makes the org fall over, fills memory or reads a file; what is too much gets an error (wire notes, 9)."""

from __future__ import annotations

import gzip
import json
import logging
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from sfframe.localorg import Server

from .client import JOBS, TOKEN, Client

FORM = "Content-Type: application/x-www-form-urlencoded\r\n"
JSON = "Content-Type: application/json\r\n"
CSV = "Content-Type: text/csv\r\n"
XML = "Content-Type: text/xml\r\n"
MULTIPART = "Content-Type: multipart/form-data; boundary=a\r\n"
SOAP = "/services/Soap/u/60.0"
VERSIONS = "/services/data/"
LAUGHS = "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(8))
SECRET = "Bearer-of-a-secret"


class Wire:
    """One connection, over which anything goes."""

    def __init__(self, client: Client) -> None:
        place = urlsplit(client.server.url)
        self.sock = socket.create_connection((place.hostname, place.port), timeout=20)
        self.file = self.sock.makefile("rb")
        self.token = client.token

    def close(self) -> None:
        self.file.close()
        self.sock.close()

    def send(self, method: str, path: str, headers: str = "", body: bytes = b"", length: object = None) -> None:
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self.token}\r\n{headers}"
            f"Content-Length: {len(body) if length is None else length}\r\n\r\n"
        )
        self.sock.sendall(head.encode("latin-1") + body)

    def answer(self) -> tuple[int, str, bytes]:
        """Status, content type and body of the next answer."""
        status = int(self.file.readline().split()[1])
        headers = {}
        while line := self.file.readline().strip():
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        body = self.file.read(int(headers.get("content-length", 0)))
        return status, headers.get("content-type", ""), body


@pytest.fixture
def wire(client: Client) -> Iterator[Wire]:
    wire = Wire(client)
    yield wire
    wire.close()


@pytest.fixture(autouse=True)
def _unharmed(client: Client, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever came: nothing was logged as an accident, and the next job runs."""
    caplog.set_level(logging.DEBUG)
    yield
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert SECRET not in caplog.text
    assert client.token not in caplog.text
    assert client.load("LastName\nNg\n").info["numberRecordsProcessed"] == 1


def error(reply: tuple[int, str, bytes]) -> tuple[int, str]:
    status, kind, body = reply
    assert kind.startswith("application/json"), reply
    (only,) = json.loads(body)
    return status, only["errorCode"]


# --- heads ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        (VERSIONS + "?" + "a" * 17_000, "", 414),
        (VERSIONS + "?" + "a" * 200_000, "", 414),
        (VERSIONS, f"X-Long: {SECRET}{'a' * 17_000}\r\n", 431),
        (VERSIONS, f"X-Long: {SECRET}{'a' * 200_000}\r\n", 431),
        (VERSIONS, "".join(f"X-{n}: {'a' * 300}\r\n" for n in range(60)), 431),
        (VERSIONS, "".join(f"X-{n}: a\r\n" for n in range(300)), 431),
        (VERSIONS, f"no header {SECRET}\r\n", 400),
        (VERSIONS, "Transfer-Encoding: nonsense\r\n", 400),
        (VERSIONS, "Transfer-Encoding: chunked\r\n", 400),  # beside a length
        (JOBS + "/\0", "", 400),
        (JOBS + "/\xe9", "", 400),
    ],
)
def test_a_head_that_is_too_long_or_none_gets_the_edges_page(wire: Wire, path: str, headers: str, status: int) -> None:
    wire.send("GET", path, headers)
    got, kind, body = wire.answer()
    assert (got, kind) == (status, "text/html; charset=utf-8")
    assert body.startswith(f"<h1>Bad Message {status}</h1>".encode())
    assert SECRET.encode() not in body


def test_an_address_of_the_limits_length_is_taken(wire: Wire) -> None:
    wire.send("GET", VERSIONS + "?" + "a" * 16_000)
    assert wire.answer()[0] == 200


@pytest.mark.parametrize("sent", [b"hello\r\n\r\n", bytes(range(256)) * 70, b"GET / HTTP/7.7\r\n\r\n", b"GET\r\n\r\n"])
def test_what_is_no_http_gets_an_answer(client: Client, wire: Wire, sent: bytes) -> None:
    wire.sock.sendall(sent)
    assert wire.answer()[0] == 400


def test_old_clients_and_those_that_ask_ahead_are_answered(wire: Wire) -> None:
    for _ in range(20):
        wire.send("GET", "/services/data/v66.0/limits")
    assert [wire.answer()[0] for _ in range(20)] == [200] * 20
    wire.sock.sendall(b"GET /services/data/ HTTP/1.0\r\n\r\n")
    assert wire.answer()[0] == 200
    assert wire.file.read() == b""


@pytest.mark.parametrize(
    "path",
    [
        "/services/data/../../etc/passwd", "/services/data/v66.0/%2e%2e/%2e%2e/etc/passwd", JOBS + "/%00",
        JOBS + "/..%2f..%2f..%2fetc%2fpasswd/successfulResults", JOBS + "/7505e00000B0001AAB%2f..", "/etc/passwd",
        "/services/data/v" + "9" * 5000 + ".0/limits", "http://127.0.0.1/services/data/", JOBS + "/750*/failedResults",
    ],
)  # fmt: skip
def test_no_path_leads_anywhere_else(wire: Wire, path: str) -> None:
    wire.send("GET", path)
    assert error(wire.answer()) == (404, "NOT_FOUND")


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "PROPFIND", "PUT"])
def test_a_method_that_isnt_taken_is_named(wire: Wire, method: str) -> None:
    wire.send(method, VERSIONS)
    assert error(wire.answer()) == (405, "METHOD_NOT_ALLOWED")


@pytest.mark.parametrize("since", ["Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 -0000", "x", "Sun, 99 Foo"])
def test_an_odd_date_is_no_accident(wire: Wire, since: str) -> None:
    wire.send("GET", "/services/data/v66.0/sobjects/Contact/describe", f"If-Modified-Since: {since}\r\n")
    assert wire.answer()[0] == 200


# --- bodies -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 400_000, b'{"a":' * 100_000, b'{"object":' + b"1" * 10_000 + b"}", b'{"object":"\xff"}', b"[]", b"",
        b'{"object":NaN}',
        b'{"object":1e%b}' % (b"9" * 400), b'{"\\ud800":1}',
        b'{"object":"Contact","operation":"insert","unknown":1}', b"null",
    ],
)  # fmt: skip
def test_json_that_cant_be_read_is_said(wire: Wire, body: bytes) -> None:
    wire.send("POST", JOBS, JSON, body)
    assert error(wire.answer()) == (400, "JSON_PARSER_ERROR")


@pytest.mark.parametrize(
    "members",
    [
        {"operation": ["insert"]}, {"operation": {}}, {"columnDelimiter": [1]}, {"lineEnding": {"a": 1}},
        {"assignmentRuleId": {"a": [1]}}, {"assignmentRuleId": "x" * 900_000}, {"contentType": 1},
    ],
)  # fmt: skip
def test_members_of_another_kind_are_refused(client: Client, members: dict[str, object]) -> None:
    body = {"object": "Contact", "operation": "insert", **members}
    assert client.request("POST", JOBS, body).error == (400, "API_ERROR")


def test_an_object_or_key_or_state_of_another_kind_is_refused(client: Client) -> None:
    upsert = {"object": "Contact", "operation": "upsert", "externalIdFieldName": ["Id"]}
    assert client.request("POST", JOBS, upsert).error == (400, "INVALIDJOB")
    assert client.request("POST", JOBS, {"object": [], "operation": "insert"}).error == (400, "INVALIDJOB")
    states: tuple[object, ...] = (1, None, [], {}, "\ud800")
    for state in states:
        assert client.request("PATCH", f"{JOBS}/{client.open_job()}", {"state": state}).error == (400, "API_ERROR")


def test_a_body_that_is_too_large_is_refused_before_it_is_read(wire: Wire, client: Client) -> None:
    job = client.open_job()
    for method, path, kind in (
        ("POST", JOBS, JSON), ("POST", JOBS, MULTIPART), ("PUT", f"{JOBS}/{job}/batches", CSV), ("POST", TOKEN, FORM),
        ("POST", SOAP, XML),
    ):  # fmt: skip
        one = Wire(client)
        one.send(method, path, kind, length=10**10)
        assert error(one.answer()) == (413, "REQUEST_TOO_LARGE")
        one.close()
    assert client.job(job)["state"] == "Open"


def chunked(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(body), body)


@pytest.mark.parametrize(
    ("path", "kind", "body"),
    [(JOBS, JSON, b" " * 3_000_000), (TOKEN, FORM, b"a" * 3_000_000), (JOBS, MULTIPART, b"--a\r\n" * 600_000)],
)
def test_a_body_that_doesnt_tell_its_length_is_cut_off(wire: Wire, path: str, kind: str, body: bytes) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {wire.token}\r\n{kind}Transfer-Encoding: chunked"
    wire.sock.sendall(f"{head}\r\n\r\n".encode())
    try:
        for _ in range(100):
            wire.sock.sendall(chunked(body))
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert error(wire.answer()) == (413, "REQUEST_TOO_LARGE")


def test_a_small_body_that_grows_when_it_is_unpacked_is_cut_off(wire: Wire) -> None:
    body = gzip.compress(b" " * 50_000_000)
    assert len(body) < 100_000
    wire.send("POST", JOBS, f"{JSON}Content-Encoding: gzip\r\n", body)
    assert error(wire.answer()) == (413, "REQUEST_TOO_LARGE")


def test_a_body_that_isnt_what_it_says_is_refused(wire: Wire, client: Client) -> None:
    wire.send("POST", JOBS, f"{JSON}Content-Encoding: gzip\r\n", b"no gzip at all, but long enough to be looked at")
    assert error(wire.answer()) == (400, "API_ERROR")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (FORM, b"grant_type=%ff%fe&client_id=%00"), (FORM, b"\xff=\xfe"), (FORM, b"&&&===;"), ("", b"grant_type=x"),
        (FORM.replace("\r\n", "; charset=nonsense\r\n"), b"grant_type=x"), (MULTIPART, b"x"), (JSON, b"{}"),
        (FORM, b"grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion=W10.W10.W10"),
        (FORM, b"grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion=%C3%A9.a.b"),
    ],
)  # fmt: skip
def test_forms_that_are_none_are_refused_as_tokens_are(wire: Wire, kind: str, body: bytes) -> None:
    wire.send("POST", TOKEN, kind, body)
    status, _, answer = wire.answer()
    assert status == 400
    assert set(json.loads(answer)) == {"error", "error_description"}


@pytest.mark.parametrize("credentials", ["\xff\xfe", "%%%", "w7w6w7w=", "", "Og==", "//79"])
def test_odd_basic_credentials_are_wrong_ones(client: Client, credentials: str) -> None:
    one = Wire(client)
    body = b"grant_type=client_credentials"
    head = f"POST {TOKEN} HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {credentials}\r\n{FORM}"
    one.sock.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode("latin-1") + body)
    assert one.answer()[0] == 400
    one.close()


@pytest.mark.parametrize(
    "text",
    [
        f'<!DOCTYPE l [<!ENTITY a "{"a" * 1000}">{LAUGHS}]><l>&i;</l>',
        '<!DOCTYPE l [<!ENTITY a SYSTEM "file:///etc/passwd">]><l>&a;</l>',
        '<!DOCTYPE l SYSTEM "http://127.0.0.1:1/x.dtd"><l/>', '<?xml version="1.0" encoding="nonsense"?><a/>',
        '<?xml version="1.0" encoding="rot13"?><a/>', "<a>" * 30_000, "<a>" * 14_000 + "</a>" * 14_000, "", "\0",
    ],
)  # fmt: skip
def test_xml_reads_nothing_and_doesnt_grow(wire: Wire, text: str) -> None:
    wire.send("POST", SOAP, XML, text.encode())
    status, kind, body = wire.answer()
    assert (status, kind) == (500, "text/xml; charset=UTF-8")
    assert b"<soapenv:Fault>" in body
    assert len(body) < 1000


def part(name: str, content: str, end: str = "\r\n") -> str:
    head = f'Content-Disposition: form-data; name="{name}"'
    return f"--a{end}{head}{end}Content-Type: x/y{end}{end}{content}{end}"


JOB = '{"object":"Contact","operation":"insert"}'


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_a_multipart_body_is_read_to_the_byte(client: Client, end: str) -> None:
    rows = 'LastName,Description\n"--a","x\n\n--ab\n"\n'
    body = f"preamble{end}{part('job', JOB, end)}{part('content', rows, end)}--a--{end}epilogue"
    reply = client.request("POST", JOBS, body.encode(), {"Content-Type": 'multipart/form-data; boundary="a"'})
    assert reply.status == 200, reply
    client.wait(reply.json["id"])
    assert client.records()[0]["Description"] == "x\n\n--ab"


@pytest.mark.parametrize(
    "body",
    [
        "", "x", "--a\r\n\r\n--a--", part("job", JOB), part("job", JOB) + "--a--", part("job", JOB) * 2 + "--a--",
        "--a\r\nnonsense\r\n\r\nx\r\n--a--", "--a\r\nContent-Disposition: ;;;===\r\n\r\nx\r\n--a--", "--a--",
        part("job", JOB) + part("content", "LastName\n") + part("third", "x") + "--a--",
        part("job", JOB) + part("content", "LastName\n") + "--b--",
        '--a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n\r\n--b--\r\n--a--',
    ],
)  # fmt: skip
def test_a_multipart_body_that_is_none_is_refused(wire: Wire, body: str) -> None:
    wire.send("POST", JOBS, MULTIPART, body.encode())
    assert error(wire.answer()) == (400, "API_ERROR")
    wire.send("POST", JOBS, "Content-Type: multipart/form-data\r\n", body.encode())
    assert error(wire.answer()) == (400, "API_ERROR")


# --- time and number --------------------------------------------------------------------------------------------------


def test_those_who_send_slowly_or_never_hold_nobody_up(client: Client) -> None:
    waiting = []
    for number in range(30):
        one = Wire(client)
        if number % 2:
            one.send("PUT", f"{JOBS}/{client.open_job()}/batches", CSV, b"LastName\n", length=1000)
        else:
            one.sock.sendall(b"GET /services/da")
        waiting.append(one)
    assert client.load("LastName\nNg\n").info["numberRecordsProcessed"] == 1
    for one in waiting:
        one.close()


def test_a_server_with_slow_clients_stops_at_once(caplog: pytest.LogCaptureFixture) -> None:
    with Server() as server:
        client = Client(server).log_in()
        one = Wire(client)
        one.send("PUT", f"{JOBS}/{client.open_job()}/batches", CSV, b"LastName\n", length=1000)
        client.close()
    one.close()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_logins_dont_fill_memory(client: Client) -> None:
    tokens = client.server.org.tokens
    first = tokens.new_token()
    for _ in range(10_000):
        assert tokens.is_valid(client.token)
        tokens.new_token()
    assert not tokens.is_valid(first)
    assert tokens.is_valid(client.token)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_text('/etc/passwd')", "SELECT * FROM '/etc/passwd.csv'", "ATTACH '/tmp/x'", "LOAD httpfs",
        "COPY (SELECT 1) TO '/tmp/x.csv'", "INSTALL httpfs", "SET enable_external_access = true",
    ],
)  # fmt: skip
def test_no_statement_of_the_database_can_reach_out(server: Server, statement: str) -> None:
    """The second wall: even SQL that got there could read no file."""
    with server.org.store.front() as db, pytest.raises(Exception, match=r"[Dd]isabled|Cannot"):
        db.execute(statement)


def test_large_bodies_wait_for_each_other_and_the_slow_ones_do_not_hold_them_up_for_ever(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three are read at once. Here they are clients that begin and say no more."""
    monkeypatch.setattr("sfframe.localorg.web.bodies.BODY_S", 0.3)
    path, kind = "/services/data/v66.0/sobjects/Contact", "Content-Type: application/json\r\n"
    slow = [Wire(client) for _ in range(3)]
    for wire in slow:
        wire.send("POST", path, kind, b'{"LastName":', length=2_000_000)
    # What is small goes by them meanwhile.
    assert client.request("POST", path, {"LastName": "Small"}).status == 201
    large = client.request("POST", path, {"LastName": "Large", "Description": "x" * 1_500_000})
    assert (large.status, large.json[0]["errorCode"]) == (400, "STRING_TOO_LONG")
    assert [wire.answer()[0] for wire in slow] == [408, 408, 408]
    for wire in slow:
        wire.close()
