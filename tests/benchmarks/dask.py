"""What Dask costs beside a plain call, and what a second worker brings.

    python -m tests.benchmarks.dask            # a million rows; --rows 100000 for fewer

The first compares `ddf.sfbulk` on one worker with the same rows by `df.sfbulk` in Polars, and in pandas, which Dask's
partitions are, reading the file included: beside an org that does as little as it can, and beside a local org, which
parses and stores them. A small call comes
first. The second has an org whose jobs take long, and one worker or two. Only ratios of one run mean something.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.dataframe as dd
import pandas as pd
import polars as pl
from distributed import LocalCluster

import sfframe
import sfframe.frames.dask
from sfframe.testing import Fault

from . import data, org
from .engines import BETWEEN_S, CACHE, beside, main, timed, told

PARTITIONS = 16
LOOKS = 14  # at a job of the slow org, which so takes some seconds


def overhead(rows: int) -> None:
    """One worker beside Polars, against both orgs."""
    path = data.contacts(rows, CACHE)
    with LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address=":0") as cluster, cluster.get_client():
        with org.running(path) as bench:
            known = sfframe.Org(bench.url, sfframe.AccessToken("bench"))
            _beside("an org that does nothing", path, known, lambda: bench.ask("clear"))
        with sfframe.LocalOrg() as local:
            _beside("a local org", path, local.org, local.reset)


def _beside(name: str, path: Path, known: sfframe.Org, clear: Callable[[], Any]) -> None:
    options: dict[str, Any] = {"org": known, "on_failure": "return"}

    def plain(**more: Any) -> Any:
        return sfframe.bulk(pl.read_parquet(path)).upsert("Contact", data.KEY, **options, **more)

    def in_pandas() -> Any:
        frame = pd.read_parquet(path)
        return sfframe.bulk(frame).upsert("Contact", data.KEY, **options)

    def spread() -> Any:
        return dd.read_parquet(str(path), split_row_groups=True).sfbulk.upsert("Contact", data.KEY, **options)

    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "small.parquet"
        pl.read_parquet(path, n_rows=1_000).write_parquet(small)
        clear()
        dd.read_parquet(str(small)).sfbulk.upsert("Contact", data.KEY, **options)
        calls = {
            "Dask": lambda _: spread(),
            "a plain call": lambda _: plain(),
            "one with a journal": lambda at: plain(journal=Path(folder) / f"{at}"),
            "one in pandas": lambda _: in_pandas(),
        }
        beside(name, "Dask", calls, clear)


def speedup() -> None:
    """Two workers beside one, where jobs take long."""
    took = {}
    names = pd.DataFrame({"LastName": [f"Name {i}" for i in range(80)]})
    with sfframe.LocalOrg() as local:
        for n in (1, 2):
            with (
                LocalCluster(n_workers=n, threads_per_worker=1, dashboard_address=":0") as cluster,
                cluster.get_client(),
            ):

                def load() -> None:
                    frame = dd.from_pandas(names, npartitions=PARTITIONS)
                    frame.sfbulk.insert("Contact", org=local.org, poll_interval=BETWEEN_S, max_concurrent_jobs=8)

                load()
                local.faults = [Fault("job", "stuck", looks=LOOKS, times=None)]
                took[n] = timed(load)
                local.faults = []
                told(f"{PARTITIONS} slow jobs, {n} worker{'s' if n > 1 else ''}: {took[n]:.1f} s")
    told(f"two are {took[1] / took[2]:.2f} times as fast")


if __name__ == "__main__":
    main(__doc__, overhead, speedup)
