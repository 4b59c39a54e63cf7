"""The local org over plain HTTP, in a process of its own with a file as database, beside what DuckDB takes alone.

All rows go up in one job: written without needless quotes a million of them are 97 MB, and a job takes 112.5 MB.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import polars as pl

from .data import KEY, contacts
from .describe import FIELDS
from .serving import ROOT
from .table import Measure

_JOBS = "/services/data/v66.0/jobs/ingest"
_QUERIES = "/services/data/v66.0/jobs/query"
_POLL_S, _SMALL_POLL_S = 0.02, 0.002  # pauses between looks at a job
_READS, _LOADS, _STARTS, _SMALL_JOBS = 3, 2, 7, 60
_SELECTED = [column["name"] for column in FIELDS if column["name"] != "Id"]
_ONE_ROW = b"LastName\nLovelace\n"


@dataclass
class Box:
    """One org and the connection to it."""

    connection: HTTPConnection
    pid: int
    headers: dict[str, str]
    answered: HTTPMessage = field(default_factory=HTTPMessage)

    def ask(self, method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> bytes:
        self.connection.request(method, path, body, {**self.headers, "Content-Type": kind})
        response = self.connection.getresponse()
        self.answered, answer = response.headers, response.read()
        if response.status >= 300:
            raise SystemExit(f"{method} {path}: {response.status} {answer[:500]!r}")
        return answer

    def load(self, data: bytes, *, poll_s: float = 0, **job: str) -> tuple[float, str]:
        """Seconds from the PUT to `JobComplete`, and the job's id."""
        job_id = self._create(job)
        begun = time.perf_counter()
        info = self._run(job_id, data, poll_s)
        seconds = time.perf_counter() - begun
        if info["state"] != "JobComplete" or info["numberRecordsFailed"]:
            raise SystemExit(f"the job ended otherwise than it should: {info}")
        return seconds, job_id

    def small_job(self) -> float:
        """Seconds from the create of a job of one row to the last of its results."""
        begun = time.perf_counter()
        job_id = self._create({"object": "Contact", "operation": "insert"})
        self._run(job_id, _ONE_ROW, _SMALL_POLL_S)
        self.results(job_id)
        return time.perf_counter() - begun

    def results(self, job_id: str) -> int:
        """The bytes of the three results."""
        kinds = ("successfulResults", "failedResults", "unprocessedrecords")
        return sum(len(self.ask("GET", f"{_JOBS}/{job_id}/{kind}")) for kind in kinds)

    def peak_mb(self) -> float:
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6

    def _create(self, job: dict[str, str]) -> str:
        job_id: str = json.loads(self.ask("POST", _JOBS, json.dumps(job).encode()))["id"]
        return job_id

    def _run(self, job_id: str, data: bytes, poll_s: float) -> dict[str, Any]:
        path = f"{_JOBS}/{job_id}"
        self.ask("PUT", f"{path}/batches", data, "text/csv")
        self.ask("PATCH", path, b'{"state":"UploadComplete"}')
        info: dict[str, Any] = {"state": ""}
        while info["state"] not in ("JobComplete", "Failed", "Aborted"):
            time.sleep(poll_s)
            info = json.loads(self.ask("GET", path))
        return info


@contextlib.contextmanager
def box(database: Path) -> Iterator[Box]:
    """An org on a new file, with a token; its process ends with the block."""
    process = subprocess.Popen(_command("serve", database), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin
    assert process.stdout
    try:
        told = json.loads(process.stdout.readline())
        with contextlib.closing(HTTPConnection(urlsplit(told["url"]).netloc, timeout=600)) as connection:
            yield Box(connection, process.pid, {"Authorization": f"Bearer {_token(connection, told)}"})
    finally:
        process.stdin.close()
        process.wait()


def _token(connection: HTTPConnection, told: dict[str, str]) -> str:
    form = {"grant_type": "client_credentials", "client_id": told["client_id"], "client_secret": told["client_secret"]}
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/services/oauth2/token", urlencode(form), kind)
    token: str = json.loads(connection.getresponse().read())["access_token"]
    return token


def _command(what: str, *paths: Path) -> list[str]:
    return [sys.executable, "-m", f"{__package__}.localorg_process", what, *map(str, paths)]


def _told(what: str, *paths: Path) -> dict[str, Any]:
    out = subprocess.run(_command(what, *paths), cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    told: dict[str, Any] = json.loads(out)
    return told


def measures(rows: int, folder: Path) -> list[Measure]:
    """All figures of the local org; DuckDB's own are of the same run."""
    csv = folder / f"contacts-{rows}.csv"
    pl.read_parquet(contacts(rows, folder)).write_csv(csv, datetime_format="%Y-%m-%dT%H:%M:%S%.3fZ")
    with tempfile.TemporaryDirectory(dir=folder) as kept:
        room = Path(kept)
        read_s = _least_s("read", rows, room, csv)
        times, peaks = [], []
        for n in range(_LOADS):
            with box(room / f"large{n}.db") as org:
                times.append(_loads(org, csv.read_bytes()))
                if n == _LOADS - 1:
                    query = _query(org, rows, _least_s("write", rows, room, csv))
                peaks.append(org.peak_mb())
        found = [*_load_measures(times, read_s), query]
        found.append(Measure(name="local org: peak memory", value=max(peaks), must=1200, aim=600, unit=" MB"))
        with box(room / "small.db") as org:
            found += _small_jobs(org)
        starts = [_told("start", room / f"start{n}.db")["seconds"] for n in range(_STARTS)]
    name = "local org: start to first answer"
    return [*found, Measure(name=name, value=statistics.median(starts), must=0.6, aim=0.3, unit=" s")]


def _least_s(what: str, rows: int, room: Path, csv: Path) -> float:
    """DuckDB's seconds alone, to read or to write: the least of some runs, as a busy machine costs nobody."""
    told = [_told(what, room / f"{what}{n}.db", csv) for n in range(_READS)]
    if any(one["rows"] != rows for one in told):
        raise SystemExit(f"DuckDB found other rows than there are: {told}")
    return min(float(one["seconds"]) for one in told)


def _loads(org: Box, data: bytes) -> tuple[float, float]:
    """Seconds of an insert, and of an upsert of the same rows; the results of both are read, for the memory."""
    insert_s, job_id = org.load(data, poll_s=_POLL_S, object="Contact", operation="insert")
    org.results(job_id)
    upsert = {"object": "Contact", "operation": "upsert", "externalIdFieldName": KEY}
    upsert_s, job_id = org.load(data, poll_s=_POLL_S, **upsert)
    org.results(job_id)
    return insert_s, upsert_s


def _load_measures(times: list[tuple[float, float]], read_s: float) -> Iterator[Measure]:
    insert_s, upsert_s = (min(several) for several in zip(*times, strict=True))
    name = f"local org: insert ({insert_s:.2f} s) / read_csv ({read_s:.2f} s)"
    yield Measure(name=name, value=insert_s / read_s, must=8, aim=4, unit="x")
    name = f"local org: upsert of existing keys ({upsert_s:.2f} s) / read_csv"
    yield Measure(name=name, value=upsert_s / read_s, must=12, aim=6, unit="x")


def _query(org: Box, rows: int, write_s: float) -> Measure:
    """All records, by a query job: from the create to the last byte of the last page."""
    begun = time.perf_counter()
    asked = {"operation": "query", "query": f"SELECT {', '.join(_SELECTED)} FROM Contact"}
    job_id = json.loads(org.ask("POST", _QUERIES, json.dumps(asked).encode()))["id"]
    while json.loads(org.ask("GET", f"{_QUERIES}/{job_id}"))["state"] != "JobComplete":
        time.sleep(_POLL_S)
    found, locator = 0, ""
    while locator != "null":
        page = f"{_QUERIES}/{job_id}/results" + (f"?locator={locator}" if locator else "")
        org.ask("GET", page)
        found += int(org.answered["Sforce-NumberOfRecords"])
        locator = org.answered["Sforce-Locator"]
    seconds = time.perf_counter() - begun
    if found != rows:
        raise SystemExit(f"{found} records were queried of {rows}")
    name = f"local org: query and download ({seconds:.2f} s) / COPY TO csv ({write_s:.2f} s)"
    return Measure(name=name, value=seconds / write_s, must=5, aim=3, unit="x")


def _small_jobs(org: Box) -> Iterator[Measure]:
    for _ in range(5):  # the first ones find everything cold
        org.small_job()
    times = sorted(1000 * org.small_job() for _ in range(_SMALL_JOBS))
    for what, value in (("median", statistics.median(times)), ("p90", times[len(times) * 9 // 10])):
        name = f"local org: a job of one row, create to results, {what}"
        yield Measure(name=name, value=value, must=60, aim=25, unit=" ms")
