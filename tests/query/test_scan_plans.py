"""Plans over scans in Polars' own threads: few of them, several scans at once, interrupted, any plan at all."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Literal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import sfframe
from sfframe import LocalOrg, bulk, scan_sobject
from sfframe.testing import Fault
from tests import nursery

from .filters import combined

NAMES = ["Id", "LastName", "Title", "Score__c", "Birthdate", "DoNotCall", "LastVisit__c", "Account.Name"]
HEAD = """
    import asyncio, os, signal, sys
    import polars as pl
    import sfframe

    url, client_id, client_secret = sys.argv[1:]
    org = sfframe.Org(url, sfframe.ClientCredentials(client_id, client_secret),
                      poll=sfframe.PollPolicy(first_wait_s=0.01, max_wait_s=0.05))
    scan = sfframe.scan_sobject("Contact", api="bulk", org=org).select("Id", "LastName", "AccountId", "Score__c")
    accounts = sfframe.scan_sobject("Account", api="bulk", org=org).select("Id", "Name")
"""


def script(local: LocalOrg, code: str, **env: str) -> list[str]:
    """What a program prints; it has a minute."""
    whole = textwrap.dedent(HEAD) + textwrap.dedent(code)
    command = ["-c", whole, local.url, local.client_id, local.client_secret]
    done = nursery.run(command, env={**os.environ, **env})
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.fixture(scope="module")
def village() -> Iterator[LocalOrg]:
    """Some contacts with all that SOQL and Polars see differently."""
    titles = ["a", "A", None, "Ä", "a%b", "a_b", "ab", "null", "B"]
    with LocalOrg() as local:
        accounts = bulk(pl.DataFrame({"Name": ["Acme", "acme", "Über"]})).insert("Account", org=local.org)
        ids = accounts.successful_results["sf__Id"].to_list()
        rows = range(45)
        contacts = pl.DataFrame(
            {
                "LastName": [f"{'Ll'[n % 2]}{n:02}" for n in rows],
                "Title": [titles[n % 9] for n in rows],
                "Score__c": [None if n % 7 == 0 else n % 10 / 4 for n in rows],
                "Birthdate": [None if n % 5 == 0 else date(2000, 1, 1 + n % 28) for n in rows],
                "DoNotCall": [n % 3 == 0 for n in rows],
                "LastVisit__c": [None if n % 4 == 0 else datetime(2024, 2, n % 25 + 1, n % 24, 30, tzinfo=UTC)
                                 for n in rows],
                "AccountId": [ids[n % 3] if n % 5 else None for n in rows],
            }
        )  # fmt: skip
        bulk(contacts).insert("Contact", org=local.org)
        yield local


@pytest.fixture(scope="module")
def table(village: LocalOrg) -> pl.DataFrame:
    found: pl.DataFrame = sfframe.read_soql(f"SELECT {', '.join(NAMES)} FROM Contact", org=village.org)
    return found


PLANS = """
    joined = scan.filter(pl.col("Score__c") > 1).join(accounts, left_on="AccountId", right_on="Id")
    by = accounts.rename({"Id": "AccountId"})
    plans = [
        scan.join(scan.select("Id"), on="Id").select(pl.len()),
        joined.group_by("Name").agg(pl.len()).select(pl.col("len").sum()),
        pl.concat([scan.select("Id"), scan.filter(pl.col("Score__c") > 1).select("Id"), accounts.select("Id")])
        .select(pl.len()),
        scan.join(by.filter(pl.col("Name") != "x"), on="AccountId").join(by, on="Name").select(pl.len()),
    ]
    for engine in ("in-memory", "streaming"):
        for plan in plans:
            print(plan.collect(engine=engine).item())
        print(*(frame.item() for frame in pl.collect_all(plans, engine=engine)))
"""


@pytest.mark.parametrize("n_threads", ["1", "2"])
def test_scans_at_once_do_not_wait_for_each_other(village: LocalOrg, table: pl.DataFrame, n_threads: str) -> None:
    above = table.filter(pl.col("Score__c") > 1)
    with_account = [frame["Account.Name"].count() for frame in (above, table)]
    counts = [table.height, with_account[0], table.height + above.height + 3, with_account[1]]
    assert script(village, PLANS, POLARS_MAX_THREADS=n_threads) == [str(n) for n in counts] * 4


STUCK = """
    async def collect(plan, engine):
        return plan.collect(engine=engine)

    scan.collect_schema()
    joined = scan.select("Id").join(accounts, left_on="Id", right_on="Id")
    for plan, engine in ((scan.head(2), "in-memory"), (joined, "in-memory"), (joined, "streaming")):
        try:
            sfframe.run(collect(plan, engine))
        except Exception as error:
            print("own_event_loop" if "own event loop" in str(error) else error)
    print(sfframe.run(asyncio.to_thread(scan.head(2).collect)).height)
"""


def test_a_collect_on_the_loop_that_scans_need_is_an_error(village: LocalOrg) -> None:
    assert script(village, STUCK) == ["own_event_loop"] * 3 + ["2"]


INTERRUPTED = """
    looks = 0
    get_job = type(org.query).get_job

    async def interrupting(self, *args, **options):
        global looks
        looks += 1
        if looks == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return await get_job(self, *args, **options)

    type(org.query).get_job = interrupting
    scan = sfframe.scan_sobject("Contact", api="bulk", org=org).select("Id", "AccountId")
    plan = {plan}
    was_interrupted = True
    try:
        try:
            plan.collect(engine="{engine}")
            was_interrupted = False
        except KeyboardInterrupt:
            sfframe.run(type(org).limits(org))  # where the second of two handlers speaks, Polars' and Python's
    except KeyboardInterrupt:
        pass
    print(was_interrupted)

    async def states():
        return {{job.state for job in [job async for job in org.query.list_jobs()]}}

    print(*(sfframe.run(states()) - {{"JobComplete"}}))
"""


@pytest.fixture
def stuck(village: LocalOrg) -> Iterator[LocalOrg]:
    """Query jobs don't end by themselves."""
    village.faults.append(Fault("job", "stuck", times=2))
    yield village
    village.faults.clear()


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize(
    ("plan", "engine"), [("scan", "in-memory"), ("scan.join(scan.select('Id'), on='Id')", "streaming")]
)
def test_ctrl_c_ends_a_scan_and_its_jobs(stuck: LocalOrg, plan: str, engine: str) -> None:
    assert script(stuck, INTERRUPTED.format(plan=plan, engine=engine)) == ["True", "Aborted"]


# Any plan.

Step = Callable[[pl.LazyFrame], pl.LazyFrame]


def conditions() -> st.SearchStrategy[pl.Expr]:
    titles = st.sampled_from(["a", "A", "ab", "Ä", "a%b", "null", "none", ""])
    moments = st.sampled_from([datetime(2024, 2, 5, 4, 30, tzinfo=UTC), datetime(2024, 2, 10, tzinfo=UTC)])
    days = st.sampled_from([date(2000, 1, 4), date(2000, 1, 20)])
    score, title = pl.col("Score__c"), pl.col("Title")
    leaves = st.one_of(
        titles.map(lambda text: title == text),
        titles.map(lambda text: title != text),
        titles.map(lambda text: title.str.starts_with(text)),
        st.lists(titles, max_size=3).map(lambda texts: title.is_in(pl.Series(texts, dtype=pl.String))),
        st.sampled_from([0.25, 1.0, 2.25]).map(lambda number: score > number),
        st.sampled_from([0.25, 1.0]).map(lambda number: score.ne_missing(number)),
        st.sampled_from([pl.col("DoNotCall"), score.is_null(), title.is_not_null(), score * 2 > 2]),
        days.map(lambda day: pl.col("Birthdate") <= day),
        moments.map(lambda moment: pl.col("LastVisit__c") >= moment),
        st.sampled_from(["Acme", "acme"]).map(lambda name: pl.col("Account.Name") == name),
    )
    return combined(leaves, max_leaves=4)


def steps() -> st.SearchStrategy[Step]:
    key = "LastName"  # each contact has its own
    return st.one_of(
        conditions().map(lambda condition: lambda lf: lf.filter(condition)),
        st.integers(0, 20).map(lambda n: lambda lf: lf.head(n)),
        st.integers(1, 9).map(lambda n: lambda lf: lf.sort(key).slice(n, 2 * n)),
        st.sampled_from(NAMES[2:7]).map(lambda name: lambda lf: lf.sort(name, key, nulls_last=True)),
        st.sampled_from(NAMES[2:]).map(lambda name: lambda lf: lf.with_columns(pl.col(name).is_null().alias("is"))),
    )


def ends() -> st.SearchStrategy[Callable[[pl.LazyFrame, pl.LazyFrame], pl.LazyFrame]]:
    def joined(lf: pl.LazyFrame, other: pl.LazyFrame) -> pl.LazyFrame:
        return lf.select("LastName", "Title").join(other.filter(pl.col("Score__c") > 1), on="Title")

    return st.one_of(
        st.lists(st.sampled_from(NAMES), min_size=1, unique=True).map(lambda names: lambda lf, _: lf.select(names)),
        st.just(joined),
        st.just(lambda lf, _: lf.group_by("Title", "DoNotCall").agg(pl.len(), pl.col("Score__c").max())),
        st.just(lambda lf, _: lf.select(pl.len())),
        st.just(lambda lf, other: pl.concat([lf.select("Id"), other.head(4).select("Id")])),
        st.just(lambda lf, _: lf.with_row_index().select("index")),
    )


@settings(max_examples=80, deadline=None)
@given(st.lists(steps(), max_size=4), ends(), st.sampled_from(["in-memory", "streaming"]))
def test_any_plan_gives_what_it_gives_on_the_table(
    village: LocalOrg,
    table: pl.DataFrame,
    walk: list[Step],
    end: Callable[[pl.LazyFrame, pl.LazyFrame], pl.LazyFrame],
    engine: Literal["in-memory", "streaming"],
) -> None:
    scan = scan_sobject("Contact", parents=["Account.Name"], org=village.org).select(NAMES)
    here = table.lazy()
    for step in walk:
        scan, here = step(scan), step(here)
    whole = scan_sobject("Contact", parents=["Account.Name"], org=village.org).select(NAMES)
    got = end(scan, whole).collect(engine=engine)
    assert_frame_equal(got, end(here, table.lazy()).collect(), check_row_order=False)
