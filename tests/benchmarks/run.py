"""One run, one table: every client in a fresh process against the same org, then what follows from it."""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import localorg, reading
from .clients import Setting
from .data import contacts
from .measure import Cost
from .org import RunningOrg, running
from .serving import ROOT
from .table import Measure, table

OURS = ("polars", "journal", "pandas", "floor", "work")
PEERS = ("aiosalesforce", "simple-salesforce")
STREAMS = ("lazy", "dataset", "relation")  # of sizes that show whether memory grows
NAMES = (*OURS, *PEERS, *STREAMS, "import", "localorg", "reading")
TITLES = {
    "polars": "sfframe, from Polars",
    "journal": "sfframe, with a journal",
    "pandas": "sfframe, from pandas",
    "floor": "floor: the requests alone",
    "work": "work: one write, one read",
    "lazy": "sfframe, from Parquet",
    "dataset": "sfframe, from a dataset",
    "relation": "sfframe, from a relation",
}
REPEATS = 3
MANY_ROWS = 2_000_000  # measured once, as the peers are
IMPORT_REPEATS = 7

_IMPORT = """
import polars, pandas, pyarrow, aiohttp, tqdm
import sys, time
start = time.perf_counter()
import sfframe
taken = time.perf_counter() - start
print(taken, *(name for name in ("duckdb", "sfframe.localorg") if name in sys.modules))
"""


@dataclass(frozen=True, slots=True)
class Sample:
    """The best of some runs of one client over so many rows; `server_s` is the org's CPU in that run."""

    name: str
    rows: int
    cost: Cost
    server_s: float
    runs: int

    def cells(self) -> dict[str, str]:
        cost = self.cost
        return {
            "client": TITLES.get(self.name, self.name),
            "rows": f"{self.rows:,}",
            "wall s": f"{cost.wall_s:.2f}",
            "CPU s": f"{cost.cpu_s:.2f}",
            "org's CPU s": f"{self.server_s:.2f}",
            "wall µs/row": f"{1e6 * cost.wall_s / self.rows:.2f}",
            "CPU µs/row": f"{1e6 * cost.cpu_s / self.rows:.2f}",
            "MB before": f"{cost.before_mb:.0f}",
            "MB above": f"{cost.peak_mb:.0f}",
            "best of": str(self.runs),
        }


@dataclass(frozen=True, slots=True)
class Bench:
    """The rows of one size, the org that serves them, and a place for parts."""

    setting: Setting
    org: RunningOrg

    def best(self, name: str, repeats: int = REPEATS) -> Sample:
        """The run with the least wall time, so that a busy machine costs nobody."""
        _tell(f"{TITLES.get(name, name)}, {self.setting.rows:,} rows")
        samples = [self._once(name) for _ in range(repeats)]
        cost, server_s = min(samples, key=lambda sample: sample[0].wall_s)
        return Sample(name, self.setting.rows, cost, server_s, repeats)

    def write_parts(self) -> int:
        """Write the parts that sfframe sends; gives their bytes."""
        return int(self._client("parts")["rows"])

    def _once(self, name: str) -> tuple[Cost, float]:
        before = self.org.ask("clear")["cpu_s"]
        answer = self._client(name)
        server_s = self.org.ask("cpu")["cpu_s"] - before
        if (rows := answer.pop("rows")) != self.setting.rows:
            raise SystemExit(f"{name}: outcomes of {rows} rows, {self.setting.rows} were sent")
        if name != "work" and (wrong := self.org.ask("check")):
            raise SystemExit(f"{name}: what it uploaded isn't what the rows hold: {wrong}")
        return Cost(**answer), server_s

    def _client(self, name: str) -> dict[str, Any]:
        argument = json.dumps(dataclasses.asdict(self.setting))
        out = _python("-m", f"{__package__}.clients", name, argument)
        answer: dict[str, Any] = json.loads(out.splitlines()[-1])
        return answer


def _python(*arguments: str) -> str:
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def _tell(what: str) -> None:
    sys.stderr.write(f"... {what}\n")


def import_ms() -> tuple[float, list[str]]:
    """The median time of `import sfframe` after its dependencies, and what it loaded though it shouldn't."""
    _tell("import sfframe")
    outs = [_python("-c", _IMPORT).split() for _ in range(IMPORT_REPEATS)]
    return 1000 * statistics.median(float(out[0]) for out in outs), outs[0][1:]


def samples_of(rows: int, names: Sequence[str], folder: Path) -> tuple[list[Sample], int]:
    """The clients called `names` over `rows` rows, and the bytes of sfframe's parts."""
    data = contacts(rows, folder)
    with running(data) as org, tempfile.TemporaryDirectory(dir=folder) as parts:
        bench = Bench(Setting(url=org.url, data=str(data), rows=rows, parts=parts), org)
        part_bytes = bench.write_parts() if {"floor", "polars", "pandas"} & set(names) else 0
        return [bench.best(name, _repeats(name, rows)) for name in names], part_bytes


def _repeats(name: str, rows: int) -> int:
    return 1 if name in PEERS or rows > MANY_ROWS else REPEATS


def flat_samples(rows: int, names: Sequence[str], folder: Path) -> list[Sample]:
    """From streams at a tenth, at `rows` and at ten times as many rows; by stream."""
    sizes = (rows // 10, rows, 10 * rows)
    found = [sample for size in sizes for sample in samples_of(size, names, folder)[0]]
    return sorted(found, key=lambda sample: names.index(sample.name))


def measures(samples: Sequence[Sample], part_bytes: int, flat: Sequence[Sample]) -> Iterator[Measure]:
    """All that can be said of the clients that ran."""
    cost = {sample.name: sample.cost for sample in samples}
    yield from _speed(cost)
    yield from _memory(cost, part_bytes)
    for _, of_stream in itertools.groupby(flat, key=lambda sample: sample.name):
        yield from _scale([*of_stream])


def _speed(cost: dict[str, Cost]) -> Iterator[Measure]:
    if "polars" not in cost:
        return
    wall_s = cost["polars"].wall_s
    if "floor" in cost and "work" in cost:
        least_s = cost["floor"].wall_s + cost["work"].wall_s
        yield Measure(name="wall, Polars / (floor + work)", value=wall_s / least_s, must=1.3, aim=0.9)
    for peer in PEERS:
        if peer in cost:
            times = cost[peer].wall_s / wall_s
            yield Measure(name=f"wall, times faster than {peer}", value=times, must=10, aim=20, sense=">=", unit="x")
    if "aiosalesforce" in cost:
        share = cost["polars"].cpu_s / cost["aiosalesforce"].cpu_s
        yield Measure(name="CPU, Polars / aiosalesforce", value=share, must=0.1, aim=0.05)
    if "journal" in cost:
        yield Measure(name="wall, with a journal / without", value=cost["journal"].wall_s / wall_s, must=1.15)
    if "pandas" in cost:
        yield Measure(name="wall, pandas / Polars", value=cost["pandas"].wall_s / wall_s, must=1.6, aim=1.2)


def _memory(cost: dict[str, Cost], part_bytes: int) -> Iterator[Measure]:
    if "polars" in cost and part_bytes:
        times = cost["polars"].peak_mb * 1e6 / part_bytes
        yield Measure(name="memory above the frame / CSV, Polars", value=times, must=3.5, aim=2.5, unit="x")


def _scale(flat: Sequence[Sample]) -> Iterator[Measure]:
    largest = flat[-1]
    title = TITLES[largest.name].removeprefix("sfframe, ")
    name = f"memory above the start, {largest.rows:,} rows {title}"
    yield Measure(name=name, value=largest.cost.peak_mb, must=900, aim=500, unit=" MB")
    for small, large in itertools.pairwise(flat):
        growth = (large.cost.cpu_s / large.rows) / (small.cost.cpu_s / small.rows) - 1
        name = f"CPU per row, {large.rows:,} rows against {small.rows:,}, {title}"
        yield Measure(name=name, value=100 * growth, must=20, unit=" %")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the clients' frame (%(default)s)")
    parser.add_argument("--only", action="append", choices=NAMES, metavar="NAME", help=f"some of {', '.join(NAMES)}")
    parser.add_argument("--quick", action="store_true", help="100,000 rows, without the other clients")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to a file too")
    parser.add_argument("--folder", type=Path, default=ROOT / ".bench", help="where rows and answers are kept")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    options = _options(arguments)
    rows = 100_000 if options.quick else options.rows
    names = options.only or [name for name in NAMES if not (options.quick and name in PEERS)]
    folder = _kept_out_of_git(options.folder)
    clients = [name for name in NAMES if name in names and name not in (*STREAMS, "import", "localorg", "reading")]
    samples, part_bytes = samples_of(rows, clients, folder) if clients else ([], 0)
    streams = [name for name in STREAMS if name in names]
    flat = flat_samples(rows, streams, folder) if streams else []
    found, shipped = list(measures(samples, part_bytes, flat)), ""
    if "import" in names:
        own_ms, loaded = import_ms()
        found += [Measure(name="import sfframe, beyond its dependencies", value=own_ms, must=150, unit=" ms"),
                  Measure(name=f"modules it must not load {loaded}", value=len(loaded), must=0)]  # fmt: skip
    if "localorg" in names:
        _tell(f"the local org, {rows:,} rows")
        found += localorg.measures(rows, folder)
    if "reading" in names:
        found += reading.measures(rows, folder, with_peers=not options.quick)
        answers, shipped = reading.of_predicates()
        found += answers
    sys.stdout.write(_report(rows, [*samples, *flat], part_bytes, found))
    if shipped:
        sys.stdout.write(f"\nRows shipped and given by each predicate of a scan, and why they differ.\n{shipped}\n")
    if options.json:
        options.json.write_text(_json([*samples, *flat], found))


def _kept_out_of_git(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".gitignore").write_text("*\n")
    return folder


def _report(rows: int, samples: Sequence[Sample], part_bytes: int, found: Sequence[Measure]) -> str:
    size = f", {part_bytes / 1e6:.0f} MB of CSV, upserted by external id" if part_bytes else ""
    head = (
        f"{rows:,} contacts x 10 columns{size}.\n"
        f"{os.cpu_count()} cores, shared by each client and the org's process;"
        " each client polls as it does by default.\n"
        "Bounds are meant for 1,000,000 rows."
    )
    tables = [table([line.cells() for line in lines]) for lines in (samples, found) if lines]
    return "\n\n".join([head, *tables]) + "\n"


def _json(samples: Sequence[Sample], found: Sequence[Measure]) -> str:
    both = {
        "samples": [dataclasses.asdict(sample) for sample in samples],
        "measures": [dataclasses.asdict(measure) | {"verdict": measure.verdict} for measure in found],
    }
    return json.dumps(both, indent=2)


if __name__ == "__main__":
    main()
