"""What Spark costs beside a plain call, and what a second worker brings.

    python -m tests.benchmarks.spark            # a million rows; --rows 100000 for fewer

The first compares `df.write` on one worker with the same rows by `df.sfbulk` in Polars, which has them from Spark, or
from the file, and saves the results: beside an org that does as little as it can, and beside a local org, which parses
and stores the rows. The start of the JVM is left out: a small call comes first. The second has an org whose jobs take
long, and one worker or two. Only ratios of one run mean something.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

import sfframe
from sfframe.testing import Fault
from tests.engines.spark_cluster import login_of, spark_cluster

from . import data, org
from .engines import BETWEEN_S, CACHE, beside, main, timed, told

PARTITIONS = 8
LOOKS = 7  # at a job of the slow org, which so takes some seconds


def overhead(rows: int) -> None:
    """Spark on one worker beside Polars, against both orgs."""
    path = data.contacts(rows, CACHE)
    with org.running(path) as bench:
        login = {"SFFRAME_URL": bench.url, "SFFRAME_ACCESS_TOKEN": "bench"}
        known = sfframe.Org(bench.url, sfframe.AccessToken("bench"))
        _beside("an org that does nothing", path, login, known, lambda: bench.ask("clear"))
    with sfframe.LocalOrg() as local:
        _beside("a local org", path, login_of(local), local.org, local.reset)


def _beside(name: str, path: Path, login: dict[str, str], known: sfframe.Org, clear: Callable[[], Any]) -> None:
    login = {**login, "POLARS_MAX_THREADS": str(os.cpu_count())}
    with (
        tempfile.TemporaryDirectory() as folder,
        spark_cluster(login, master="local[1]", **{"spark.driver.memory": "2g"}) as spark,
    ):

        def by_spark(results: str, n: int | None = None) -> None:
            frame = spark.read.parquet(str(path))
            frame = frame if n is None else frame.limit(n)
            frame.coalesce(1).write.format("sfframe").mode("append").options(
                object="Contact", operation="upsert", externalIdField=data.KEY, onFailure="return",
                resultsPath=Path(folder) / results,
            ).save()  # fmt: skip

        def plain(results: str, frame: pl.DataFrame) -> None:
            result = sfframe.bulk(frame).upsert("Contact", data.KEY, org=known, on_failure="return")
            result.save(Path(folder) / results)

        def of_spark() -> pl.DataFrame:
            found = pl.from_arrow(spark.read.parquet(str(path)).toArrow())
            assert isinstance(found, pl.DataFrame)
            return found

        told(f"{name}: the first call, of 1,000 rows: {timed(lambda: by_spark('first', 1_000)):.1f} s")
        calls = {
            "Spark": lambda at: by_spark(f"spark-{at}"),
            "Polars of the file": lambda at: plain(f"file-{at}", pl.read_parquet(path)),
            "Polars of Spark": lambda at: plain(f"of-spark-{at}", of_spark()),
        }
        beside(name, "Spark", calls, clear)


def speedup() -> None:
    """Two workers beside one, where jobs take long."""
    took = {}
    with sfframe.LocalOrg() as local, tempfile.TemporaryDirectory() as folder:
        for n in (1, 2):
            with spark_cluster(login_of(local), master=f"local-cluster[{n},1,768]") as spark:
                frame = spark.range(0, 80, numPartitions=PARTITIONS).selectExpr("concat('Name ', id) LastName")

                def save(name: str, frame: Any = frame) -> None:
                    frame.write.format("sfframe").mode("append").options(
                        object="Contact", operation="insert", resultsPath=Path(folder) / name, pollInterval=BETWEEN_S
                    ).save()

                save(f"first-{n}")
                local.faults = [Fault("job", "stuck", looks=LOOKS, times=None)]
                took[n] = timed(lambda n=n, save=save: save(f"slow-{n}"))  # type: ignore[misc]
                local.faults = []
                told(f"{PARTITIONS} slow jobs, {n} worker{'s' if n > 1 else ''}: {took[n]:.1f} s")
    told(f"two are {took[1] / took[2]:.2f} times as fast")


if __name__ == "__main__":
    main(__doc__, overhead, speedup)
