"""A client of nothing but the standard library: what goes over the wire is written out here."""

from __future__ import annotations

import csv
import io
import json
import ssl
import time
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPMessage, HTTPSConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

from sfframe.localorg import Server

VERSION = "66.0"
JOBS = f"/services/data/v{VERSION}/jobs/ingest"
TOKEN = "/services/oauth2/token"
FORM = "application/x-www-form-urlencoded"
TERMINAL = ("JobComplete", "Failed", "Aborted")
DEADLINE_S = 20.0
_FIRST_LOOK_S, _LAST_LOOK_S = 0.001, 0.016

csv.field_size_limit(1 << 30)


@dataclass(frozen=True)
class Reply:
    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> tuple[int, str]:
        """Status and code of an error in the array shape."""
        (only,) = self.json
        assert set(only) == {"errorCode", "message"}
        return self.status, only["errorCode"]


@dataclass(frozen=True)
class Done:
    """A job that has ended, with its results as the org sent them."""

    info: dict[str, Any]
    successful_csv: str
    failed_csv: str
    unprocessed_csv: str

    @property
    def successful(self) -> list[dict[str, str]]:
        return rows(self.successful_csv)

    @property
    def failed(self) -> list[dict[str, str]]:
        return rows(self.failed_csv)

    @property
    def errors(self) -> list[str]:
        return sorted(row["sf__Error"] for row in self.failed)

    @property
    def ids(self) -> list[str]:
        return [row["sf__Id"] for row in self.successful]


def rows(text: str, delimiter: str = ",") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))


@dataclass
class Client:
    server: Server
    token: str = ""
    version: str = VERSION
    connection: HTTPConnection | None = field(default=None, repr=False)
    context: ssl.SSLContext | None = None

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        *,
        token: str | None = None,
    ) -> Reply:
        sent = {"Authorization": f"Bearer {self.token if token is None else token}"} if token != "" else {}
        if isinstance(body, dict):
            body, sent["Content-Type"] = json.dumps(body).encode(), "application/json; charset=UTF-8"
        sent |= headers or {}
        if self.connection is None:
            self.connection = self._connect()
        try:
            self.connection.request(method, path, body, sent)
            response = self.connection.getresponse()
            return Reply(response.status, response.headers, response.read())
        except BaseException:
            self.close()
            raise

    def _connect(self) -> HTTPConnection:
        url = urlsplit(self.server.url)
        if self.context is None and url.scheme == "http":
            return HTTPConnection(url.netloc, timeout=DEADLINE_S)
        return HTTPSConnection(url.netloc, timeout=DEADLINE_S, context=self.context)

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def get(self, path: str, headers: dict[str, str] | None = None) -> Reply:
        return self.request("GET", path, None, headers)

    def ask_token(self, authorization: str | None = None, **form: str) -> Reply:
        headers = {"Content-Type": FORM} | ({"Authorization": authorization} if authorization else {})
        return self.request("POST", TOKEN, urlencode(form), headers, token="")

    def log_in(self) -> Client:
        server = self.server
        reply = self.ask_token(
            grant_type="client_credentials", client_id=server.client_id, client_secret=server.client_secret
        )
        self.token = reply.json["access_token"]
        return self

    def create(self, operation: str = "insert", sobject: str = "Contact", **members: Any) -> Reply:
        return self.request("POST", JOBS, {"object": sobject, "operation": operation, **members})

    def put(self, job_id: str, data: str | bytes) -> Reply:
        body = data.encode() if isinstance(data, str) else data
        return self.request("PUT", f"{JOBS}/{job_id}/batches", body, {"Content-Type": "text/csv; charset=UTF-8"})

    def patch(self, job_id: str, state: str = "UploadComplete") -> Reply:
        return self.request("PATCH", f"{JOBS}/{job_id}", {"state": state})

    def job(self, job_id: str) -> dict[str, Any]:
        reply = self.get(f"{JOBS}/{job_id}")
        assert reply.status == 200, reply
        info: dict[str, Any] = reply.json
        return info

    def open_job(
        self, data: str | bytes | None = None, operation: str = "insert", sobject: str = "Contact", **m: Any
    ) -> str:
        reply = self.create(operation, sobject, **m)
        assert reply.status == 200, reply
        job_id: str = reply.json["id"]
        if data is not None:
            assert self.put(job_id, data).status == 201
        return job_id

    def wait(self, job_id: str, *states: str) -> dict[str, Any]:
        deadline, between_s = time.monotonic() + DEADLINE_S, _FIRST_LOOK_S
        while (info := self.job(job_id))["state"] not in (states or TERMINAL):
            assert time.monotonic() < deadline, info
            # Looks without end would take the org's time, in which it could have done the job.
            time.sleep(between_s)
            between_s = min(2 * between_s, _LAST_LOOK_S)
        return info

    def results(self, job_id: str) -> Done:
        info = self.job(job_id)
        texts = [
            self.get(f"{JOBS}/{job_id}/{kind}") for kind in ("successfulResults", "failedResults", "unprocessedrecords")
        ]
        assert [reply.status for reply in texts] == [200, 200, 200]
        return Done(info, *(reply.body.decode(errors="replace") for reply in texts))

    def load(self, data: str | bytes, operation: str = "insert", sobject: str = "Contact", **members: Any) -> Done:
        """A whole job, from create to the three results."""
        job_id = self.open_job(data, operation, sobject, **members)
        assert self.patch(job_id).status == 200
        self.wait(job_id)
        return self.results(job_id)

    def upsert(self, data: str, sobject: str = "Contact", key: str = "ExternalId__c") -> Done:
        return self.load(data, "upsert", sobject, externalIdFieldName=key)

    def records(self, sobject: str = "Contact") -> list[dict[str, Any]]:
        records: list[dict[str, Any]] = self.server.rows(sobject).to_pylist()
        return records
