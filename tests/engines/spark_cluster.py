"""A Spark cluster of two workers on this machine, for tests and for kills."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sfframe

ROOT = Path(__file__).parents[2]
HAS_JAVA = shutil.which("java") is not None


def login_of(local: sfframe.LocalOrg) -> dict[str, str]:
    """The variables that name an org."""
    return {
        "SFFRAME_URL": local.url,
        "SFFRAME_CLIENT_ID": local.client_id,
        "SFFRAME_CLIENT_SECRET": local.client_secret,
    }


@contextlib.contextmanager
def spark_cluster(variables: dict[str, str], *, master: str = "local-cluster[2,1,768]", **conf: str) -> Iterator[Any]:
    """A session whose driver and workers have these variables; each worker is a process with Python processes below."""
    from pyspark.sql import SparkSession

    from sfframe.frames.spark import SfframeDataSource

    # The JVM has the environment that it is started with, and its workers have it after it.
    environment = {
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "POLARS_MAX_THREADS": "1",
        **variables,
    }
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        settings = {
            "spark.driver.memory": "512m",
            "spark.executor.memory": "512m",
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.sql.shuffle.partitions": "3",
            "spark.sql.session.timeZone": "UTC",
            "spark.log.level": "ERROR",
            **conf,
        }
        builder = SparkSession.builder.master(master).appName("sfframe")
        for name, value in settings.items():
            builder = builder.config(name, value)
        session = builder.getOrCreate()
        try:
            session.dataSource.register(SfframeDataSource)
            yield session
        finally:
            session.stop()
            _end_the_jvm()
    finally:
        os.environ.clear()
        os.environ.update(before)


def _end_the_jvm() -> None:
    """Have the next session start a JVM of its own, with its own environment."""
    from pyspark import SparkContext

    gateway = SparkContext._gateway
    if gateway is not None:
        gateway.shutdown()
        if (process := getattr(gateway, "proc", None)) is not None:
            process.stdin.close()
            process.wait(30)
        SparkContext._gateway = None
        SparkContext._jvm = None
