"""The local org in a process of its own, and DuckDB in another: what `localorg` measures.

    python -m tests.benchmarks.localorg_process serve FILE     an org, until stdin ends
    python -m tests.benchmarks.localorg_process start FILE     seconds from nothing to its first answer
    python -m tests.benchmarks.localorg_process read FILE CSV  seconds that DuckDB takes for the same CSV
    python -m tests.benchmarks.localorg_process write FILE CSV seconds that it takes to write it from its table

Each prints one JSON line.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import urlopen


def serve(database: Path) -> None:
    """Run until stdin ends, so never longer than who started it lives."""
    from sfframe.localorg import Server

    with Server(database) as server:
        _say({"url": server.url, "client_id": server.client_id, "client_secret": server.client_secret})
        sys.stdin.read()


def start(database: Path) -> None:
    """From a process that has what every user of the package has loaded, to an answer over HTTP."""
    for name in ("polars", "pandas", "pyarrow"):
        importlib.import_module(name)
    begun = time.perf_counter()
    importlib.import_module("sfframe")
    from sfframe.localorg import Server

    with Server(database) as server, urlopen(f"{server.url}/services/data") as answer:
        answer.read()
        _say({"seconds": time.perf_counter() - begun})


def read(database: Path, csv: Path) -> None:
    """What the work is measured by: one statement that reads the CSV into a table of a file."""
    import duckdb

    db = duckdb.connect(str(database))
    begun = time.perf_counter()
    db.execute("CREATE TABLE uploaded AS SELECT * FROM read_csv(?)", [str(csv)]).fetchall()
    seconds = time.perf_counter() - begun
    (rows,) = db.execute("SELECT count(*) FROM uploaded").fetchall()[0]
    db.close()
    _say({"seconds": seconds, "rows": rows})


def write(database: Path, csv: Path) -> None:
    """What a query is measured by: one statement that writes such a table as CSV."""
    import duckdb

    db = duckdb.connect(str(database))
    db.execute("CREATE TABLE uploaded AS SELECT * FROM read_csv(?)", [str(csv)]).fetchall()
    begun = time.perf_counter()
    ((rows,),) = db.execute(f"COPY uploaded TO '{database.with_suffix('.csv')}'").fetchall()
    seconds = time.perf_counter() - begun
    db.close()
    _say({"seconds": seconds, "rows": rows})


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    parts: dict[str, Callable[..., None]] = {"serve": serve, "start": start, "read": read, "write": write}
    parts[sys.argv[1]](*map(Path, sys.argv[2:]))
