"""Dask frames of what an org answers: pages that workers fetch, equal to what pandas gets, dtypes and order too."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import dask.dataframe as dd
import pandas as pd
import polars as pl
import pytest
from dask.base import compute as computed
from distributed import Client, LocalCluster
from pandas.testing import assert_frame_equal

import sfframe
import sfframe.frames.dask
from sfframe.errors import ApiError, JobTimeout, SoqlError
from sfframe.progress import QueryJobCreated
from sfframe.query.pages.bulk import BulkPages
from sfframe.testing import Fault, Manners
from tests.at_once import org_of

FIELDS: dict[str, Any] = {
    "Number__c": {"type": "int"},
    "Text__c": "string",
    "Money__c": {"type": "currency", "precision": 18, "scale": 2},
    "Flag__c": "boolean",
    "Day__c": "date",
    "Moment__c": "datetime",
    "Time__c": "time",
    "Many__c": {"type": "multipicklist", "values": ["a", "b", "c"]},
}
N = 230  # records, 20 a page
SOQL = f"SELECT Id, {', '.join(FIELDS)} FROM Thing__c ORDER BY Number__c"
ROWS = pl.DataFrame(
    {
        "Number__c": range(N),
        "Text__c": [None if n % 7 == 0 else f'Täxt "{n}",\nof {n}' for n in range(N)],
        "Money__c": [n / 4 if n % 3 else None for n in range(N)],
        "Flag__c": [n % 2 == 0 for n in range(N)],
        "Day__c": [dt.date(1900 + n, 2, 28) if n % 5 else None for n in range(N)],
        "Moment__c": [dt.datetime(1950 + n, 1, 1, 23, tzinfo=dt.UTC) for n in range(N)],
        "Time__c": [dt.time(n % 24, 59, 1) if n % 4 else None for n in range(N)],
        "Many__c": [["a", "c"] if n % 2 else None for n in range(N)],
    },
    schema_overrides={"Many__c": pl.List(pl.String)},
)

Compute = Callable[[Any], Any]


@pytest.fixture(scope="module")
def filled() -> Iterator[sfframe.LocalOrg]:
    with sfframe.LocalOrg(manners=Manners(query_page_rows=20)) as local:
        local.define("Thing__c", FIELDS)
        sfframe.bulk(ROWS).insert("Thing__c", org=local.org).raise_for_failures()
        yield local


@pytest.fixture
def local(filled: sfframe.LocalOrg) -> Iterator[sfframe.LocalOrg]:
    filled.requests.clear()
    yield filled
    filled.release_jobs()
    filled.faults.clear()


@pytest.fixture
def org(local: sfframe.LocalOrg) -> sfframe.Org:
    return org_of(local)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Client]:
    """Two workers, each a process of its own."""
    with (
        LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address=":0") as workers,
        Client(workers, set_as_default=False) as client,
    ):
        yield client


@pytest.fixture(params=["threads", "cluster"])
def compute(request: pytest.FixtureRequest) -> Compute:
    scheduler = request.getfixturevalue("cluster") if request.param == "cluster" else request.param
    return lambda frame: computed(frame, scheduler=scheduler)[0]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A partition has two pages."""
    monkeypatch.setattr("sfframe.frames.dask_read.PARTITION_BYTES", 5_000)


def read(org: sfframe.Org, soql: str | None = SOQL, **options: Any) -> dd.DataFrame:
    found: dd.DataFrame = sfframe.read_soql(soql, **{"backend": "dask", "org": org, "api": "bulk", **options})
    return found


def rows(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.reset_index(drop=True)


@pytest.mark.parametrize("dtype_backend", [None, "numpy_nullable", "pyarrow"])
def test_rows_order_and_dtypes_are_those_of_pandas(org: sfframe.Org, compute: Compute, dtype_backend: Any) -> None:
    options = {"decimals": True, "multiselect": "list", "dtype_backend": dtype_backend}
    frame = read(org, **options)
    expected = sfframe.read_soql(SOQL, org=org, **{"backend": "pandas", **options})
    assert 4 < frame.npartitions < 12
    assert_frame_equal(rows(compute(frame)), expected)
    assert frame.dtypes.equals(expected.dtypes)


def test_each_partition_counts_its_rows_from_0_and_no_division_is_known(org: sfframe.Org) -> None:
    frame = read(org)
    assert not frame.known_divisions
    for part in computed(*frame.to_delayed(), scheduler="threads"):
        assert isinstance(part.index, pd.RangeIndex)
        assert part.index.start == 0


def test_no_page_is_read_before_a_partition_is_wanted(org: sfframe.Org, local: sfframe.LocalOrg) -> None:
    frame = read(org)
    assert local.count("query_results") == 1  # a sample
    assert frame.head(3)["Number__c"].tolist() == [0, 1, 2]
    assert local.count("query_results") <= 4


def test_the_frame_may_be_worked_on_where_its_rows_are(org: sfframe.Org, compute: Compute) -> None:
    frame = read(org)
    assert compute(frame["Money__c"].sum()) == pytest.approx(ROWS["Money__c"].sum())
    assert compute(frame[frame["Number__c"] >= 225].tail(2, compute=False))["Number__c"].tolist() == [228, 229]
    assert len(compute(frame.groupby("Flag__c")["Id"].count())) == 2


def test_a_process_logs_in_once(cluster: Client, local: sfframe.LocalOrg) -> None:
    org = org_of(local, quota_reserve=0.01)  # another than those before
    frame = read(org)
    local.requests.clear()
    for _ in range(2):
        assert len(computed(frame, scheduler=cluster)[0]) == N
    assert local.count("token") <= 2


@pytest.mark.parametrize(
    "soql", ["SELECT COUNT() FROM Thing__c", "SELECT Flag__c, MAX(Day__c) FROM Thing__c GROUP BY Flag__c"]
)
def test_what_is_not_for_query_jobs_is_a_frame_of_one_partition(org: sfframe.Org, compute: Compute, soql: str) -> None:
    frame = read(org, soql, api="auto")
    assert frame.npartitions == 1
    assert_frame_equal(compute(frame), sfframe.read_soql(soql, backend="pandas", org=org))


@pytest.mark.parametrize("api", ["auto", "bulk", "rest"])
def test_no_record_is_one_empty_partition(org: sfframe.Org, api: Any) -> None:
    soql = SOQL.replace("ORDER", "WHERE Text__c = 'x' ORDER")
    frame = read(org, soql, api=api)
    assert frame.npartitions == 1
    assert_frame_equal(frame.compute(), sfframe.read_soql(soql, backend="pandas", org=org))


def test_a_job_that_was_made_earlier_becomes_a_frame(org: sfframe.Org, compute: Compute) -> None:
    made = sfframe.run(org.query.create_job(SOQL))
    frame = sfframe.read_soql(job_id=made.id, backend="dask", org=org)
    assert frame.npartitions > 1
    assert_frame_equal(rows(compute(frame)), sfframe.read_soql(SOQL, backend="pandas", org=org))


async def test_the_async_twin_gives_the_same(org: sfframe.Org) -> None:
    frame = await sfframe.read_soql_async(SOQL, backend="dask", org=org, params=None)
    assert frame.npartitions == 1  # few enough for REST
    assert frame["Number__c"].compute().tolist() == list(range(N))


def test_it_can_be_loaded_again(org: sfframe.Org) -> None:
    frame = read(org)[["Id", "Money__c"]]
    problems = frame.sfbulk.check("Thing__c", "update", org=org)
    assert len(problems) == 0


# What goes wrong.


@pytest.mark.parametrize("effect", ["truncate", "status", "html", "expire"])
def test_a_page_that_is_refused_once_is_asked_for_again(
    local: sfframe.LocalOrg, org: sfframe.Org, compute: Compute, effect: str
) -> None:
    frame, n_met = read(org), local.faults_met
    local.faults.append(Fault("query_results", effect, nth=3))
    assert len(compute(frame)) == N
    assert local.faults_met == n_met + 1


def test_a_job_that_is_gone_when_the_frame_is_computed_is_named(org: sfframe.Org, compute: Compute) -> None:
    events: list[Any] = []
    frame = read(org, progress=events.append)
    (job_id,) = [event.job_id for event in events if isinstance(event, QueryJobCreated)]
    sfframe.run(org.query.delete_job(job_id))
    with pytest.raises(ApiError, match=f"no query job {job_id} any more") as caught:
        compute(frame)
    assert caught.value.job_id == job_id


def test_rows_that_no_page_has_are_an_error_of_the_whole(
    org: sfframe.Org, compute: Compute, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = BulkPages.listed

    async def cut(self: BulkPages) -> list[str]:
        return (await listed(self))[:-1]

    monkeypatch.setattr(BulkPages, "listed", cut)
    frame = read(org)
    assert len(compute(frame.partitions[0])) > 0
    with pytest.raises(ApiError, match=r"220 rows came, and the job says that it has 230"):
        compute(frame)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"soql": "SELECT Nothing FROM Thing__c"}, SoqlError),
        ({"dtype_backend": "numpy"}, ValueError),
        ({"api": "soap"}, ValueError),
        ({"pages": 1}, TypeError),
    ],
)
def test_what_cannot_be_read_is_told_at_the_call(org: sfframe.Org, options: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        read(org, **options)


def test_a_timeout_is_that_of_the_call(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    local.faults.append(Fault("job", "stuck", match="query Thing__c"))
    with pytest.raises(JobTimeout, match="is left to the org"):
        read(org, timeout=0.3)


def test_other_reads_say_that_they_do_not_give_it(org: sfframe.Org) -> None:
    with pytest.raises(ValueError, match="backend='dask' is one of read_soql alone"):
        sfframe.iter_soql(SOQL, backend="dask", org=org)  # type: ignore[call-overload]


def test_before_its_room_is_imported_the_error_names_it() -> None:
    code = "import sfframe; sfframe.read_soql('SELECT Id FROM Contact', backend='dask')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "backend='dask' is known once sfframe.frames.dask is imported" in done.stderr


# Secrets.


def test_no_secret_shows_in_the_frame_its_plan_or_its_graph(org: sfframe.Org, local: sfframe.LocalOrg) -> None:
    frame = read(org, "SELECT Id FROM Thing__c WHERE Text__c != :name", params={"name": "Hidden"})
    assert org.transport.token is not None
    plan = frame.expr.tree_repr() if callable(getattr(frame.expr, "tree_repr", None)) else str(frame.expr)
    graph = {str(key): repr(task) for key, task in dict(frame.__dask_graph__()).items()}
    for shown in (repr(frame), frame._repr_html_(), plan, repr(frame.expr), repr(graph)):
        for secret in (local.client_secret, org.transport.token.access_token, "Hidden"):
            assert secret not in shown
