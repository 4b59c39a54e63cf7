"""`GET /`: what is in the org, for a person in a browser; nothing that is asked there changes anything (api, 8)."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote_plus

import pytest

from sfframe.localorg import Server

from .client import JOBS, Client, Reply

QUERIES = JOBS.replace("ingest", "query")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
EVIL = """<script>document.title='x'</script><img src=x onerror=alert(1)>'"&amp;</textarea></td>"""
POLICY = ("default-src 'none'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'")


class Seen(HTMLParser):
    """What a reader sees: the texts of cells row by row, other texts, and every tag."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.text = ""
        self._in_cell = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        self._in_cell &= tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._in_cell:
            self.rows[-1][-1] += data

    def row(self, first: str) -> list[str]:
        return next(row for row in self.rows if row[0] == first)


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    client = Client(server).log_in()
    yield client
    client.close()


def basic(server: Server, user: str | None = None, secret: str | None = None) -> dict[str, str]:
    pair = f"{server.client_id if user is None else user}:{server.client_secret if secret is None else secret}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def look(client: Client, query: str = "", **headers: str) -> Reply:
    return client.request("GET", f"/{query}", None, basic(client.server) | headers, token="")


def see(client: Client, soql: str | None = None, more: str = "") -> Seen:
    reply = look(client, "" if soql is None else f"?soql={quote_plus(soql)}{more}")
    assert reply.status == 200, reply
    return Seen(reply.body.decode())


# --- who may look -----------------------------------------------------------------------------------------------------


def test_it_asks_for_client_id_and_secret(client: Client) -> None:
    server = client.server
    for headers in (
        {}, basic(server, user="x"), basic(server, secret="x"), basic(server, user=""), basic(server, "", ""),
        {"Authorization": f"Bearer {client.token}"}, {"Authorization": "Basic"}, {"Authorization": "Basic %%%"},
        basic(server, user="ü", secret="\ud800".encode("utf-8", "surrogatepass").decode("latin-1")),
    ):  # fmt: skip
        reply = client.request("GET", "/", None, headers, token="")
        assert reply.status == 401
        assert reply.headers["WWW-Authenticate"] == 'Basic realm="sfframe local org", charset="UTF-8"'
        assert b"Contact" not in reply.body
    assert look(client).status == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example",
                                  "", "[::2]", "127.0.0.1@evil.example", "10.0.0.1"])  # fmt: skip
def test_a_name_that_was_bent_to_this_machine_shows_nothing(client: Client, host: str) -> None:
    reply = look(client, Host=host)
    assert reply.status == 421
    assert b"Contact" not in reply.body


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8123", "127.0.0.1:1", "[::1]:8123"])
def test_the_names_of_this_machine_are_its_own(client: Client, host: str) -> None:
    assert look(client, Host=host).status == 200


def test_the_browser_is_told_to_load_and_run_nothing(client: Client) -> None:
    reply = look(client)
    policy = reply.headers["Content-Security-Policy"]
    assert all(rule in policy for rule in POLICY)
    assert "unsafe" not in policy
    (style,) = re.findall(rb"<style>(.*?)</style>", reply.body, re.DOTALL)
    assert f"style-src 'sha256-{base64.b64encode(hashlib.sha256(style).digest()).decode()}'" in policy
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Cache-Control"] == "no-store"
    tags = Seen(reply.body.decode()).tags
    assert not any(tag == "script" or any(name.startswith("on") or name == "style" for name in a) for tag, a in tags)
    for _, attributes in tags:
        for name in ("src", "href", "action"):
            assert (attributes.get(name) or "?").startswith(("?", "data:,"))


def test_nothing_but_get_is_taken(client: Client) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert client.request(method, "/", b"soql=x", basic(client.server), token="").error == (
            405,
            "METHOD_NOT_ALLOWED",
        )


# --- what is there ----------------------------------------------------------------------------------------------------


def test_objects_and_their_counts(client: Client) -> None:
    ids = client.load("Name\n" + "a\n" * 1234, sobject="Account").ids
    client.load("Id\n" + "".join(f"{one}\n" for one in ids[:3]), "delete", "Account")
    seen = see(client)
    assert seen.row("Account") == ["Account", "Account", "1,231", "3"]
    assert seen.row("Contact") == ["Contact", "Contact", "0", ""]


def test_the_link_of_each_object_shows_its_records(client: Client) -> None:
    links = [a["href"] for tag, a in see(client).tags if tag == "a"]
    assert len(links) == len(client.server.org.store.objects)
    for link in links:
        reply = look(client, link or "")
        assert reply.status == 200
        assert not [a for tag, a in Seen(reply.body.decode()).tags if tag == "pre"], link


def test_the_last_jobs_with_states_and_errors(client: Client) -> None:
    complete = client.load("LastName,Email\nNg,nope\n,\n,\nNg,n@example.com\n").info["id"]
    failed = client.load("LastName,Nope__c\nNg,1\n").info["id"]
    waiting = client.open_job()
    query = client.request("POST", QUERIES, {"operation": "query", "query": "SELECT Id FROM Contact"}).json["id"]
    while client.get(f"{QUERIES}/{query}").json["state"] != "JobComplete":
        pass
    seen = see(client)
    shown = [row[0] for row in seen.rows if row[0].startswith("750")]
    assert sorted(shown) == sorted([query, waiting, failed, complete])
    assert [job for job in shown if job != query] == [waiting, failed, complete]
    assert seen.row(query)[1:] == ["query Contact", "JobComplete", "1", "", ""]
    assert seen.row(waiting)[1:5] == ["insert Contact", "Open", "0", ""]
    assert seen.row(failed)[2:] == ["Failed", "0", "", "InvalidBatch : Field name not found : Nope__c"]
    assert seen.row(complete)[2:5] == ["JobComplete", "4", "3"]
    assert "2 × REQUIRED_FIELD_MISSING" in seen.row(complete)[5]
    assert "1 × INVALID_EMAIL_ADDRESS" in seen.row(complete)[5]


def test_a_statement_is_answered_by_a_table(client: Client) -> None:
    (acme,) = client.load("Name\nAcme\n", sobject="Account").ids
    client.load(
        f"LastName,Account.Name,Phone,AccountId\nNg,,1,{acme}\n".replace("Account.Name,", "").replace("Ng,,", "Ng,")
    )
    seen = see(client, "SELECT LastName, Account.Name, Email, CreatedDate FROM Contact")
    assert seen.rows[0] == ["LastName", "Account.Name", "Email", "CreatedDate"]
    last, name, email, created = seen.rows[1]
    assert (last, name, email) == ("Ng", "Acme", "null")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", created)
    assert "One record." in seen.text
    assert "No records." in see(client, "SELECT Id FROM Lead").text


def test_it_shows_two_hundred_rows_and_says_that_there_are_more(client: Client) -> None:
    client.load("LastName\n" + "".join(f"n{n:04}\n" for n in range(201)))
    seen = see(client, "SELECT LastName FROM Contact ORDER BY LastName")
    assert [row[0] for row in seen.rows[1:201]] == [f"n{n:04}" for n in range(200)]
    assert seen.rows[201][0] == "Object"
    assert "The first 200 records; there are more." in seen.text
    assert "200 records." in see(client, "SELECT LastName FROM Contact LIMIT 200").text


def test_deleted_records_are_shown_when_asked_for(client: Client) -> None:
    (one,) = client.load("LastName\nGone\n").ids
    client.load(f"Id\n{one}\n", "delete")
    statement = "SELECT LastName FROM Contact WHERE LastName = 'Gone'"
    assert "No records." in see(client, statement).text
    seen = see(client, statement, "&all=on")
    assert seen.rows[1] == ["Gone"]
    assert ("input", {"type": "checkbox", "name": "all", "value": "on", "checked": None}) in seen.tags


def test_what_is_wrong_with_a_statement_is_said(client: Client) -> None:
    assert "INVALID_FIELD" in see(client, "SELECT Nope FROM Contact").text
    assert "INVALID_TYPE" in see(client, "SELECT Id FROM Nope").text
    assert "MALFORMED_QUERY" in see(client, "SELECT").text
    reply = look(client, "?soql=" + "x" * 7000)
    assert reply.status == 200


def test_every_value_is_escaped(client: Client) -> None:
    cell = '"' + EVIL.replace('"', '""') + '"'
    client.load(f"LastName,Description,Email\nx,{cell},\nx,,{cell}\n")
    client.load(f"{cell}\nx\n")
    for statement in ("SELECT Description FROM Contact WHERE LastName = 'x'", EVIL, f"SELECT {EVIL} FROM Contact"):
        reply = look(client, f"?soql={quote_plus(statement)}")
        html = reply.body.decode()
        assert "<script" not in html
        assert "<img" not in html
        seen = Seen(html)
        assert EVIL.lower() in seen.text.lower().replace("document.title='x'</script>", "document.title='x'</script>")
        assert [tag for tag, _ in seen.tags].count("textarea") == 1
    assert [EVIL] in see(client, "SELECT Description FROM Contact WHERE LastName = 'x'").rows


def test_a_long_value_is_cut(client: Client) -> None:
    client.load("LastName,Description\nx," + "ä" * 20_000 + "\n")
    seen = see(client, "SELECT Description FROM Contact")
    assert seen.rows[1] == ["ä" * 500 + "…"]


def test_looking_changes_nothing(client: Client) -> None:
    org = client.server.org
    client.load("LastName\nx\n")
    before = (client.records(), org.calls.used, len(org.jobs.latest(99)), org.store.counts())
    for soql in ("SELECT Id FROM Contact", "DELETE FROM Contact", "x'; DROP TABLE _org.jobs; --"):
        see(client, soql)
    assert (client.records(), org.calls.used, len(org.jobs.latest(99)), org.store.counts()) == before


# --- in a browser -----------------------------------------------------------------------------------------------------


def chromium(folder: Path, url: str, *arguments: str) -> str:
    assert CHROMIUM is not None
    ran = subprocess.run(
        [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
            f"--user-data-dir={folder / 'profile'}", *arguments, url,
        ],
        capture_output=True, encoding="utf-8", check=True, timeout=60,
    )  # fmt: skip
    return ran.stdout


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_browser_shows_it(client: Client, tmp_path: Path) -> None:
    """The DOM as Chromium has it after parsing: nothing of the values became a tag, and no script has run."""
    server = client.server
    client.load(f'LastName,Description\nx,"{EVIL.replace(chr(34), chr(34) * 2)}"\n')
    address = server.url.replace("://", f"://{server.client_id}:{server.client_secret}@")
    dom = chromium(tmp_path, f"{address}/?soql={quote_plus('SELECT LastName, Description FROM Contact')}", "--dump-dom")
    seen = Seen(dom)
    assert ["x", EVIL] in seen.rows
    assert seen.row("Contact")[2] == "1"
    assert not [tag for tag, _ in seen.tags if tag in ("script", "img")]
    assert "<title>Local org</title>" in dom


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_browser_without_the_secret_sees_nothing(server: Server, tmp_path: Path) -> None:
    dom = chromium(tmp_path, server.url.replace("://", f"://{server.client_id}:wrong@"), "--dump-dom")
    assert "Contact" not in dom
