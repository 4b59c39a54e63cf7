"""The figures of reading: time beside the bare requests and another client, flat memory, requests, a slow network."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.data import contacts
from tests.benchmarks.measure import Cost
from tests.benchmarks.serving import ROOT, served_by
from tests.benchmarks.table import Measure

REPEATS = 3
_KEPT_ROWS = 1_000_000  # the object repeats these
_FLAT_ROWS = 10_000_000


@dataclass(frozen=True, slots=True)
class ReadOrg:
    """The running org and where its readers may write."""

    url: str
    folder: Path

    def set(self, *, rows: int, page_rows: int = 50_000, delay_s: float = 0.0) -> None:
        """What the org has from now on; requests are counted anew."""
        body = json.dumps({"rows": rows, "page_rows": page_rows, "delay_s": delay_s}).encode()
        request = urllib.request.Request(f"{self.url}/bench/set", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            answer.read()

    def requests(self) -> int:
        with urllib.request.urlopen(f"{self.url}/bench/asked") as answer:
            return int(json.load(answer)["requests"])

    def best(self, name: str, rows: int, repeats: int = REPEATS) -> Cost:
        """The run with the least wall time, so that a busy machine costs nobody."""
        sys.stderr.write(f"... reading {rows:,} rows: {name}\n")
        return min((self._once(name, rows) for _ in range(repeats)), key=lambda cost: cost.wall_s)

    def _once(self, name: str, rows: int) -> Cost:
        command = [sys.executable, "-m", f"{__package__}.clients", name, self.url, str(self.folder)]
        out = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
        answer: dict[str, Any] = json.loads(out.splitlines()[-1])
        if (came := answer.pop("rows")) != rows:
            raise SystemExit(f"{name}: {came:,} rows came, {rows:,} there are")
        return Cost(**answer)


@contextlib.contextmanager
def running(folder: Path) -> Iterator[ReadOrg]:
    """The org, and a room for what is written."""
    data = contacts(_KEPT_ROWS, folder)
    with served_by(f"{__package__}.server", data) as url, tempfile.TemporaryDirectory(dir=folder) as room:
        yield ReadOrg(url, Path(room))


def measures(rows: int, folder: Path, *, with_peers: bool) -> list[Measure]:
    """All figures of reading, of one run."""
    with running(folder) as org:
        found = [*_speed(org, rows, with_peers=with_peers), *_small(org), _slow_network(org)]
        return [*found, *_flat(org, 10 * rows)]


def _speed(org: ReadOrg, rows: int, *, with_peers: bool) -> Iterator[Measure]:
    org.set(rows=rows)
    floor, polars = org.best("floor", rows), org.best("polars", rows)
    name = f"read: Polars ({polars.wall_s:.2f} s) / bare GET + read_csv ({floor.wall_s:.2f} s)"
    yield Measure(name=name, value=polars.wall_s / floor.wall_s, must=1.5, aim=1.1)
    if with_peers:
        pandas, peer = org.best("pandas", rows), org.best("simple-salesforce", rows, repeats=2)
        name = f"read: pandas ({pandas.wall_s:.2f} s), times faster than simple-salesforce ({peer.wall_s:.2f} s)"
        yield Measure(name=name, value=peer.wall_s / pandas.wall_s, must=2.5, aim=3.5, sense=">=", unit="x")


def _small(org: ReadOrg) -> Iterator[Measure]:
    org.set(rows=500)
    org.best("polars", 500, repeats=1)
    yield Measure(name="read: requests of 500 rows, the describe included", value=org.requests(), must=2)


def _slow_network(org: ReadOrg) -> Measure:
    org.set(rows=100_000, page_rows=1_000, delay_s=0.02)
    several, single = (org.best(name, 100_000, repeats=2).wall_s for name in ("polars", "page by page"))
    name = f"read: 100 pages, 20 ms a request: times faster than page by page ({single:.2f} s)"
    return Measure(name=name, value=single / several, must=4, sense=">=", unit="x")


def _flat(org: ReadOrg, rows: int) -> Iterator[Measure]:
    org.set(rows=rows)
    for name, what in (("iter", "iter_soql"), ("sink", "sink_soql to Parquet"), ("scan", "scan_sobject to Parquet")):
        cost = org.best(name, rows, repeats=1)
        title = f"read: {what}, {rows:,} rows ({cost.wall_s:.1f} s): memory above the start"
        yield Measure(name=title, value=cost.peak_mb, must=500, aim=250, unit=" MB")
