"""What tests of the core share: a local org, an org that waits for nothing, one body for all frames."""

from __future__ import annotations

import gc
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from hypothesis import settings

import sfframe

from .at_once import org_of
from .examples import EXAMPLES, PHASES
from .org.site import Site

settings.register_profile("everyday", max_examples=EXAMPLES, deadline=None, phases=PHASES)
settings.load_profile("everyday")

MakeFrame = Callable[..., Any]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: some test always waits for a disk, a process or a clock."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is there before the first test stays to the end: looking for garbage in it took a tenth of the suite."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session")
def started_local() -> Iterator[sfframe.LocalOrg]:
    with sfframe.LocalOrg() as local:
        yield local


@pytest.fixture
def local(started_local: sfframe.LocalOrg) -> Iterator[sfframe.LocalOrg]:
    """A local org without records."""
    started_local.reset()
    yield started_local
    started_local.release_jobs()
    started_local.faults.clear()
    started_local.rules.clear()


@pytest.fixture(scope="session")
def started_org(started_local: sfframe.LocalOrg) -> sfframe.Org:
    """The session's org, for those that only ask it for describes."""
    return org_of(started_local)


@pytest.fixture
def org(local: sfframe.LocalOrg, started_org: sfframe.Org) -> sfframe.Org:
    """The local org, without records, seen by a client that waits for nothing."""
    return started_org


@pytest.fixture
def site() -> Iterator[Site]:
    """A server whose answers the test writes down."""
    with Site() as site:
        yield site


def _pandas(data: Mapping[str, Any], schema: Mapping[str, Any]) -> pd.DataFrame:
    # As a pandas user would have it: inferred, not by way of Arrow.
    return pd.DataFrame({name: _polars({name: v}, schema)[name].to_pandas() if name in schema else v
                         for name, v in data.items()})  # fmt: skip


def _polars(data: Mapping[str, Any], schema: Mapping[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(data, schema_overrides=dict(schema))


def _lazy(data: Mapping[str, Any], schema: Mapping[str, Any]) -> pl.LazyFrame:
    return _polars(data, schema).lazy()


def _arrow(data: Mapping[str, Any], schema: Mapping[str, Any]) -> pa.Table:
    return _polars(data, schema).to_arrow()


MAKERS: dict[str, Callable[[Mapping[str, Any], Mapping[str, Any]], Any]] = {
    "pandas": _pandas,
    "polars": _polars,
    "lazy": _lazy,
    "arrow": _arrow,
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--frames", choices=["local", "dask"], default="local", help="which frames make_frame makes")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    is_dask = metafunc.config.getoption("--frames") == "dask"
    for fixture, kinds in (("make_frame", ["dask"] if is_dask else list(MAKERS)), ("make_local_frame", list(MAKERS))):
        if fixture in metafunc.fixturenames:
            metafunc.parametrize(fixture, kinds, indirect=True)


@pytest.fixture
def make_frame(request: pytest.FixtureRequest) -> MakeFrame:
    """Makes a frame of each kind: `make_frame({"a": [1]}, b=pl.Date)`, dtypes by keyword."""
    maker = request.getfixturevalue("make_dask") if request.param == "dask" else MAKERS[request.param]

    def make(data: Mapping[str, Sequence[Any]], **schema: Any) -> Any:
        return maker(data, schema)

    return make


make_local_frame = make_frame  # of those kinds alone that have all verbs


@pytest.fixture(scope="session")
def make_dask() -> Iterator[Callable[[Mapping[str, Any], Mapping[str, Any]], Any]]:
    """Makes frames of Dask, of two partitions each, whose workers are processes."""
    import dask
    import dask.dataframe as dd
    from distributed import LocalCluster

    import sfframe.frames.dask  # noqa: F401  # which registers them

    def make(data: Mapping[str, Any], schema: Mapping[str, Any]) -> Any:
        return dd.from_pandas(_pandas(data, schema), npartitions=2)

    with (
        # Columns of objects stay what they are.
        dask.config.set({"dataframe.convert-string": False}),
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        cluster.get_client(),
    ):
        yield make


def column(frame: Any, name: str) -> list[Any]:
    """A column as a list, whatever frame it is in, with `None` for each kind of null."""
    if type(frame).__module__.startswith("dask"):
        frame = frame.compute()
    if isinstance(frame, pd.DataFrame):
        return [None if _is_null(value) else value for value in frame[name]]
    if isinstance(frame, pl.LazyFrame):
        frame = frame.select(name).collect()
    if isinstance(frame, ds.Dataset):
        frame = frame.to_table()
    values = frame[name]
    return list(values.to_pylist() if isinstance(values, pa.ChunkedArray) else values.to_list())


def in_one(frame: Any) -> Any:
    """The frame in a single partition, if it is one that has some."""
    return frame.repartition(npartitions=1) if hasattr(frame, "npartitions") else frame


def columns(frame: Any) -> list[str]:
    """The names of the columns in order."""
    if isinstance(frame, pl.LazyFrame):
        return frame.collect_schema().names()
    if isinstance(frame, pa.Table | ds.Dataset):
        return list(frame.schema.names)
    return list(frame.columns)


def _is_null(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))
