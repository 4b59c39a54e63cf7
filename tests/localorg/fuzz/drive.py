"""Sends inputs to a local org and looks at what comes back."""

from __future__ import annotations

import base64
import csv
import io
import json
import logging
import re
import socket
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any
from urllib.parse import urlsplit

from sfframe.localorg import Server
from tests.localorg.client import JOBS, TERMINAL, Client
from tests.localorg.fuzz.inputs import Input

HANG_S = 30.0
_QUIET_S = 0.2
_QUERIES = JOBS.replace("ingest", "query")
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
_BROKEN = (b"UNKNOWN_EXCEPTION", b"InternalServerError", b"Traceback")
_KINDS = ("successfulResults", "failedResults", "unprocessedrecords")


class Finding(Exception):  # noqa: N818  (what the search is for)
    """An input that brought what none may bring."""


class Complaints(logging.Handler):
    """What the server has logged as an accident."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        # The emulator tells so of whoever leaves in mid-handshake, which is no accident.
        self.texts.append(self.format(record))

    def take(self) -> str:
        texts, self.texts = self.texts, []
        return "\n".join(texts)


class Target:
    """An org with some records to aim at."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.client = Client(server).log_in()
        self.names: dict[str, str] = {}
        self.prepare()

    def prepare(self) -> None:
        """Empty the org, and put in what inputs name."""
        self.server.reset()
        client = self.client
        rows = "Name,ExternalId__c\n" + "".join(f"Acme {n},A-{n}\n" for n in range(1, 4))
        accounts = client.load(rows, sobject="Account")
        contacts = client.load("LastName,ExternalId__c,Email\nNg,A-1,ng@example.com\nO'Hara,A-2,\nGone,A-3,\n")
        client.load(f"Id\n{contacts.ids[2]}\n", "delete")
        query = client.request("POST", _QUERIES, {"operation": "query", "query": "SELECT Id FROM Contact"}).json["id"]
        self.names = {
            "{account}": accounts.ids[0],
            "{contact}": contacts.ids[0],
            "{gone}": contacts.ids[2],
            "{job}": contacts.info["id"],
            "{query}": query,
            "{user}": self.server.org.user_id,
            "{token}": client.token,
            "{basic}": self._basic(),
        }

    def check_alive(self) -> None:
        """A valid job still runs to its end."""
        done = self.client.load("LastName\nAlive\n")
        if (done.info["state"], len(done.successful)) != ("JobComplete", 1):
            raise Finding(f"a valid job ends as {done.info}")

    def filled(self, text: str) -> str:
        for name, meant in self.names.items():
            text = text.replace(name, meant)
        return text

    def filled_bytes(self, data: bytes) -> bytes:
        for name, meant in self.names.items():
            data = data.replace(name.encode(), meant.encode())
        return data

    def _basic(self) -> str:
        pair = f"{self.server.client_id}:{self.server.client_secret}"
        return "Basic " + base64.b64encode(pair.encode()).decode()


class Driver:
    """One user's connection.

    Args:
        target: Whom it is sent to.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._place = urlsplit(target.server.url).netloc
        self._connection: HTTPConnection | None = None

    def send(self, sent: Input) -> None:
        """Send an input.

        Raises:
            Finding: What came back is no answer of an org in its senses.
        """
        {"request": self._request, "wire": self._wire, "load": self._load, "query": self._query}[sent.kind](sent)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[HTTPResponse, bytes]:
        if self._connection is None:
            self._connection = HTTPConnection(self._place, timeout=HANG_S)
        named = {"Authorization": f"Bearer {self._target.names['{token}']}"} | (headers or {})
        try:
            # What http.client finds unfit for a header or a path isn't sent by this way.
            self._connection.request(method, path, body, {k: v.encode("latin-1") for k, v in named.items()})
            response = self._connection.getresponse()
            answer = response.read()
        except TimeoutError:
            self.close()
            raise Finding(f"{method} {path}: no answer in {HANG_S} s") from None
        except BaseException:
            self.close()
            raise
        self._judge(response, answer)
        return response, answer

    def _judge(self, response: HTTPResponse, answer: bytes) -> None:
        is_broken = response.status >= 500 and response.status != 501
        if b"<soapenv:Fault>" not in answer and (is_broken or any(word in answer for word in _BROKEN)):
            raise Finding(f"status {response.status}: {answer[:2000]!r}")
        kind = response.headers.get("Content-Type", "")
        if response.status >= 400 and kind.startswith("application/json") and answer:
            errors = json.loads(answer)
            shaped = isinstance(errors, dict) and "error" in errors
            if not shaped and not all({"errorCode", "message"} <= set(error) for error in errors):
                raise Finding(f"an error of another shape: {answer[:2000]!r}")

    def _request(self, sent: Input) -> None:
        fill = self._target.filled
        headers = {name: fill(text) for name, text in sent.headers}
        try:
            self._ask(sent.method, fill(sent.path), self._target.filled_bytes(sent.body), headers)
        except (HTTPException, ValueError, ConnectionError):
            # Not sendable, or refused in the middle of a body that was too long.
            self.close()

    def _wire(self, sent: Input) -> None:
        host, _, port = self._place.partition(":")
        data = self._target.filled_bytes(sent.body)
        with socket.create_connection((host, int(port)), timeout=HANG_S) as sock:
            answer = b"".join(_exchanged(sock, data))
        statuses = {int(status) for status in _STATUS.findall(answer)}
        if b"<soapenv:Fault>" not in answer and (
            any(status >= 500 and status != 501 for status in statuses) or any(word in answer for word in _BROKEN)
        ):
            raise Finding(f"{answer[:2000]!r}")

    def _load(self, sent: Input) -> None:
        response, answer = self._ask("POST", JOBS, sent.job.encode(), {"Content-Type": "application/json"})
        if response.status != 200:
            return
        job = f"{JOBS}/{json.loads(answer)['id']}"
        self._ask("PUT", f"{job}/batches", self._target.filled_bytes(sent.body), {"Content-Type": "text/csv"})
        self._ask("PATCH", job, b'{"state":"UploadComplete"}', {"Content-Type": "application/json"})
        info = self._ended(job)
        rows = {kind: self._rows(f"{job}/{kind}", sent.job) for kind in _KINDS}
        told = (info["numberRecordsProcessed"] - info["numberRecordsFailed"], info["numberRecordsFailed"])
        if info["state"] == "JobComplete" and (
            rows["successfulResults"],
            rows["failedResults"],
            rows["unprocessedrecords"],
        ) != (*told, 0):
            raise Finding(f"{info} has results of {rows} rows")
        self._ask("DELETE", job)

    def _query(self, sent: Input) -> None:
        body = json.dumps(json.loads(sent.job) | {"query": sent.body.decode("utf-8", "surrogatepass")})
        response, answer = self._ask("POST", _QUERIES, body.encode(), {"Content-Type": "application/json"})
        if response.status != 200:
            return
        job = f"{_QUERIES}/{json.loads(answer)['id']}"
        info = self._ended(job)
        if info["state"] != "JobComplete":
            raise Finding(f"a query that was taken ends as {info}")
        if (rows := self._rows(f"{job}/results", sent.job)) != info["numberRecordsProcessed"]:
            raise Finding(f"{info} has results of {rows} rows")
        self._ask("DELETE", job)

    def _ended(self, job: str) -> dict[str, Any]:
        deadline = time.monotonic() + HANG_S
        while True:
            info: dict[str, Any] = json.loads(self._ask("GET", job)[1])
            if info["state"] in TERMINAL:
                return info
            if time.monotonic() > deadline:
                raise Finding(f"the job doesn't end: {info}")
            time.sleep(0.002)

    def _rows(self, path: str, job: str) -> int:
        response, answer = self._ask("GET", path)
        if response.status != 200:
            raise Finding(f"GET {path}: {response.status} {answer[:2000]!r}")
        delimiter = _DELIMITERS[json.loads(job).get("columnDelimiter", "COMMA")]
        text = io.StringIO(answer.decode("utf-8", "replace"), newline="")
        return max(0, sum(1 for row in csv.reader(text, delimiter=delimiter, strict=False) if row) - 1)


_DELIMITERS = {"COMMA": ",", "BACKQUOTE": "`", "CARET": "^", "PIPE": "|", "SEMICOLON": ";", "TAB": "\t"}


def _exchanged(sock: socket.socket, data: bytes) -> Iterator[bytes]:
    """What comes for some bytes; once it is quiet, it is said that there are no more."""
    try:
        sock.sendall(data)
        sock.settimeout(_QUIET_S)
        try:
            while piece := sock.recv(1 << 16):
                yield piece
        except TimeoutError:
            sock.settimeout(HANG_S)
            sock.shutdown(socket.SHUT_WR)
            while piece := sock.recv(1 << 16):
                yield piece
    except TimeoutError:
        raise Finding(f"no end in {HANG_S} s") from None
    except ConnectionError:
        return
