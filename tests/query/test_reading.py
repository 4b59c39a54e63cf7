"""The face of reading: frames whole, one after the other, or straight into a file; sync and async."""

from __future__ import annotations

import asyncio
import contextvars
import csv
import datetime as dt
import gc
import inspect
import io
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sfframe
from sfframe.localorg.query.pages import make_locator
from sfframe.query.tables import in_arrow
from sfframe.sink import writer_of
from sfframe.testing import Fault, Manners
from tests import nursery

ALL = "SELECT Id, LastName, Birthdate FROM Contact ORDER BY LastName"
NAMES = [f"n{i:05}" for i in range(2_500)]


@pytest.fixture(scope="module")
def started() -> Iterator[tuple[sfframe.LocalOrg, sfframe.Org]]:
    """A local org with more contacts than a page of REST or of a query job holds."""
    with sfframe.LocalOrg(manners=Manners(query_page_rows=300)) as local:
        login = sfframe.ClientCredentials(local.client_id, local.client_secret)
        poll = sfframe.PollPolicy(first_wait_s=0.001, max_wait_s=0.01)
        org = sfframe.Org(local.url, login, retry=sfframe.RetryPolicy(first_wait_s=0), poll=poll)
        frame = pl.DataFrame({"LastName": NAMES, "Birthdate": [dt.date(1990, 2, 28)] * len(NAMES)})
        sfframe.bulk(frame).insert("Contact", org=org).raise_for_failures()
        yield local, org


@pytest.fixture
def faults(started: tuple[sfframe.LocalOrg, sfframe.Org]) -> Iterator[list[Fault]]:
    yield started[0].faults
    started[0].faults.clear()


@pytest.fixture
def people(started: tuple[sfframe.LocalOrg, sfframe.Org], faults: list[Fault]) -> sfframe.Org:
    """That org; tests read, and write nothing."""
    sfframe.run(_without_jobs(started[1]))
    return started[1]


async def _without_jobs(org: sfframe.Org) -> None:
    for job_id in [job.id async for job in org.query.list_jobs() if job.operation == "query"]:
        with suppress(sfframe.ApiError):
            await org.query.abort_job(job_id)
        await org.query.delete_job(job_id)


def states(org: sfframe.Org) -> dict[str, str]:
    """The states of the org's query jobs."""

    async def listed() -> dict[str, str]:
        return {job.id: str(job.state) async for job in org.query.list_jobs() if job.operation == "query"}

    return sfframe.run(listed())


# --- read_soql --------------------------------------------------------------------------------------------------------


def test_a_count_is_one_number(sfframe_org: sfframe.Org) -> None:
    sfframe.bulk(pl.DataFrame({"LastName": ["a", "b", "c"]})).insert("Contact")
    assert sfframe.read_soql("SELECT COUNT() FROM Contact").item() == 3


@pytest.mark.parametrize("api", ["auto", "bulk", "rest"])
def test_rows_come_whole_and_in_order_over_each_transport(people: sfframe.Org, api: Any) -> None:
    frame = sfframe.read_soql(ALL, org=people, api=api)
    assert frame["LastName"].to_list() == NAMES
    assert frame.schema == {"Id": pl.String, "LastName": pl.String, "Birthdate": pl.Date}


async def test_the_async_twin_gives_the_same(people: sfframe.Org) -> None:
    assert (await sfframe.read_soql_async(ALL, org=people)).equals(sfframe.read_soql(ALL, org=people))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"api": "soap"}, "api='soap' is none of 'auto', 'bulk', 'rest'"),
        ({"backend": "dask2"}, "backend='dask2' is none of 'pandas', 'polars', 'pyarrow'"),
        ({"dtype_backend": "pyarrow"}, "say backend='pandas' too"),
        ({"backend": "pandas", "dtype_backend": "numpy"}, "dtype_backend='numpy' is none of"),
        ({"multiselect": "set"}, "multiselect='set' is none of 'text', 'list'"),
        ({"timeout": -1}, "timeout=-1: a number of seconds, or None"),
        ({"timeout": "soon"}, "timeout='soon': a number of seconds, or None"),
        ({"decimals": "yes"}, "decimals='yes' is none of True, False"),
    ],
)
@pytest.mark.parametrize("read", [sfframe.read_soql, sfframe.iter_soql])
def test_a_value_that_an_option_does_not_take_is_told_before_any_request(
    people: sfframe.Org, read: Callable[..., Any], options: dict[str, Any], said: str
) -> None:
    before = people.requests_made
    with pytest.raises(ValueError, match=said.replace("[", r"\[")):
        read(ALL, org=people, **options)
    assert people.requests_made == before


def test_an_option_that_does_not_exist_is_told_with_the_one_that_was_meant(people: sfframe.Org) -> None:
    with pytest.raises(TypeError, match="did you mean 'all_rows'"):
        sfframe.read_soql(ALL, org=people, all_row=True)  # type: ignore[call-overload]  # on purpose


def test_defaults_of_the_org_hold_for_reads(people: sfframe.Org) -> None:
    org = sfframe.Org(people.url, people.auth, defaults={"timeout": 0, "on_failure": "raise"})
    with pytest.raises(sfframe.JobTimeout):
        sfframe.read_soql(ALL, org=org)
    assert sfframe.read_soql(ALL, org=org, timeout=None).height == len(NAMES)


def test_a_notebook_completes_the_options() -> None:
    names = ("read_soql", "read_soql_async", "iter_soql", "iter_soql_async", "sink_soql", "sink_soql_async")
    for name in names:
        parameters = inspect.signature(getattr(sfframe, name)).parameters
        assert {"org", "params", "all_rows", "api", "decimals", "multiselect", "timeout"} <= set(parameters)
        assert "options" not in parameters


# --- timeout and job_id -----------------------------------------------------------------------------------------------


@pytest.fixture
async def time_passes(monkeypatch: pytest.MonkeyPatch) -> Callable[[object], bool]:
    """Call it, from any thread, and the running loop's clock is ahead by a minute or two."""
    loop = asyncio.get_running_loop()
    ahead_s, now = [0.0], loop.time
    monkeypatch.setattr(loop, "time", lambda: now() + ahead_s[0])

    def pass_by(_: object = None) -> bool:
        ahead_s[0] += 100  # more than a call may take, less than an answer may
        loop.call_soon_threadsafe(lambda: None)  # it may be asleep
        return False

    return pass_by


async def test_a_timeout_names_the_job_and_leaves_it_running(
    people: sfframe.Org, faults: list[Fault], time_passes: Callable[[object], bool]
) -> None:
    faults[:] = [Fault("job", "stuck", match="query Contact"), Fault("query_get", "status", match=time_passes)]
    with pytest.raises(sfframe.JobTimeout) as raised:
        await sfframe.read_soql_async(ALL, org=people, api="bulk", timeout=50)
    (job_id,) = raised.value.job_ids
    assert f"job_id={job_id!r} in place of the statement" in str(raised.value)
    assert (await people.query.get_job(job_id)).state in ("UploadComplete", "InProgress")


async def test_a_read_that_ran_out_of_time_goes_on_by_its_job(
    people: sfframe.Org, faults: list[Fault], time_passes: Callable[[object], bool]
) -> None:
    faults[:] = [Fault("query_results", "status", match=time_passes), Fault("query_results", "stall", times=None)]
    with pytest.raises(sfframe.JobTimeout) as raised:
        await sfframe.read_soql_async(ALL, org=people, api="bulk", timeout=50)
    faults.clear()
    (job_id,) = raised.value.job_ids
    assert (await sfframe.read_soql_async(job_id=job_id, org=people))["LastName"].to_list() == NAMES


async def test_what_is_done_with_frames_does_not_count_as_waiting(
    people: sfframe.Org, time_passes: Callable[[], bool]
) -> None:
    n_rows = 0
    async for frame in sfframe.iter_soql_async(ALL, org=people, api="rest", timeout=50):
        n_rows += frame.height
        time_passes()
    assert n_rows == len(NAMES)


def test_a_timeout_without_a_job_says_so(people: sfframe.Org) -> None:
    with pytest.raises(sfframe.JobTimeout, match="no query job is known") as raised:
        sfframe.read_soql(ALL, org=people, timeout=0)
    assert raised.value.job_ids == ()


def test_a_job_is_taken_up_by_its_id(people: sfframe.Org, tmp_path: Path) -> None:
    job = sfframe.run(people.query.create_job(ALL))
    frame = sfframe.read_soql(ALL, org=people)
    assert sfframe.read_soql(job_id=job.id, org=people).equals(frame)
    assert pl.concat(sfframe.iter_soql(job_id=job.id, org=people)).equals(frame)
    assert sfframe.sink_soql(None, tmp_path / "a.parquet", job_id=job.id, org=people) == len(NAMES)


@pytest.mark.parametrize(
    ("soql", "options", "error", "said"),
    [
        (None, {}, TypeError, "or give job_id= in its place"),
        (ALL, {"job_id": "7505e00000Abc12AAB"}, TypeError, "give one of them"),
        (None, {"job_id": "0035e00000Abc12AAB"}, ValueError, "which begins with 750"),
        (None, {"job_id": 750}, ValueError, "which begins with 750"),
        (None, {"job_id": "7505e00000Abc12AAB", "api": "bulk"}, ValueError, "the job's own counts"),
        (None, {"job_id": "7505e00000Abc12AAB", "params": {"a": 1}}, ValueError, "the job's own counts"),
    ],
)
def test_a_statement_or_a_job_not_both(
    people: sfframe.Org, soql: Any, options: dict[str, Any], error: type[Exception], said: str
) -> None:
    before = people.requests_made
    with pytest.raises(error, match=said):
        sfframe.read_soql(soql, org=people, **options)
    assert people.requests_made == before


# --- iter_soql --------------------------------------------------------------------------------------------------------


def test_frames_come_page_by_page_in_order(people: sfframe.Org) -> None:
    frames = list(sfframe.iter_soql(ALL, org=people, api="rest"))
    assert [frame.height for frame in frames] == [2_000, 500]
    assert pl.concat(frames)["LastName"].to_list() == NAMES


@pytest.mark.parametrize("api", ["rest", "bulk"])
def test_no_record_is_one_empty_typed_frame(people: sfframe.Org, api: Any) -> None:
    (frame,) = sfframe.iter_soql(f"{ALL[:-18]} WHERE LastName = 'nobody'", org=people, api=api)
    assert frame.is_empty()
    assert frame.schema == sfframe.read_soql(ALL, org=people).schema


async def test_the_async_twin_gives_the_same_frames(people: sfframe.Org) -> None:
    frames = [frame async for frame in sfframe.iter_soql_async(ALL, org=people, api="rest", backend="pyarrow")]
    assert [frame.num_rows for frame in frames] == [2_000, 500]


def test_the_org_is_bound_by_the_call(people: sfframe.Org) -> None:
    with people:
        frames = sfframe.iter_soql(ALL)
    assert contextvars.Context().run(lambda: sum(frame.height for frame in frames)) == len(NAMES)


def test_nothing_is_sent_before_a_frame_is_asked_for(people: sfframe.Org) -> None:
    before = people.requests_made
    frames = sfframe.iter_soql(ALL, org=people)
    assert people.requests_made == before
    frames.close()
    assert list(frames) == []


@pytest.mark.parametrize(
    ("soql", "error"), [("SELECT FROM", sfframe.SoqlError), (None, TypeError), (f"{ALL} LIMIT :n", sfframe.SoqlError)]
)
def test_a_statement_that_makes_no_sense_is_told_by_the_call(
    people: sfframe.Org, soql: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        sfframe.iter_soql(soql, org=people, params={"x": 1})


def test_many_threads_read_at_once(people: sfframe.Org) -> None:
    def names(_: int) -> list[str]:
        frames = sfframe.iter_soql(ALL, org=people, api="rest")
        return [name for frame in frames for name in frame["LastName"]]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(names, range(8))) == [NAMES] * 8


async def test_it_works_where_a_loop_runs_already(people: sfframe.Org) -> None:
    assert sum(frame.height for frame in sfframe.iter_soql(ALL, org=people, api="rest")) == len(NAMES)


# --- left early -------------------------------------------------------------------------------------------------------


def stuck(faults: list[Fault]) -> threading.Event:
    """Let query jobs run for ever; the event tells that one is being looked at."""
    looked = threading.Event()

    def seen(_: str) -> bool:
        looked.set()
        return False

    faults[:] = [
        Fault("job", "stuck", match="query Contact"),
        Fault("query_get", "status", match=seen),
    ]
    return looked


async def test_a_cancelled_read_aborts_its_job(people: sfframe.Org, faults: list[Fault]) -> None:
    looked = stuck(faults)
    task = asyncio.create_task(anext(sfframe.iter_soql_async(ALL, org=people, api="bulk")))
    await asyncio.to_thread(looked.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert set((await asyncio.to_thread(states, people)).values()) == {"Aborted"}


@pytest.mark.parametrize("read", ["read_soql", "iter_soql", "sink_soql"])
def test_ctrl_c_aborts_the_job(
    people: sfframe.Org, faults: list[Fault], read: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    looked = stuck(faults)
    calls: dict[str, Callable[[], Any]] = {
        "read_soql": lambda: sfframe.read_soql(ALL, org=people, api="bulk"),
        "iter_soql": lambda: next(sfframe.iter_soql(ALL, org=people, api="bulk")),
        "sink_soql": lambda: sfframe.sink_soql(ALL, tmp_path / "x.csv", org=people, api="bulk"),
    }
    main = threading.main_thread().ident
    assert main is not None

    is_over = threading.Event()

    def interrupt() -> None:
        looked.wait()
        # Polars in a thread of the org's, if it runs just then, takes the signal for its own: then it comes again.
        signal.pthread_kill(main, signal.SIGINT)
        while not is_over.wait(5):
            signal.pthread_kill(main, signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            calls[read]()
    finally:
        is_over.set()
    assert set(states(people).values()) == {"Aborted"}
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def is_later_page(path: str) -> bool:
    found = re.search(r"query/(\w+)/results\?locator=([\w-]+)", path)
    return found is not None and found[2] != make_locator(found[1], 0)


LATER_PAGES_STALL = Fault("query_results", "stall", times=None, match=is_later_page)


def n_tasks() -> int:
    """How many tasks the background loop has, this one aside."""

    async def counted() -> int:
        return len(asyncio.all_tasks() - {asyncio.current_task()})

    return sfframe.run(counted())


def ends_with(n: int) -> bool:
    """Whether the loop comes down to so many tasks: closing is waited for, but not for as long as it may take."""
    ends_at = time.monotonic() + 20
    while n_tasks() != n and time.monotonic() < ends_at:
        pass
    return n_tasks() == n


@pytest.mark.parametrize("way", ["close", "garbage", "cycle"])
def test_left_early_no_download_goes_on(people: sfframe.Org, faults: list[Fault], way: str) -> None:
    faults[:] = [LATER_PAGES_STALL]
    before = n_tasks()
    frames = sfframe.iter_soql(ALL, org=people, api="bulk")
    assert next(frames).height == 300
    assert n_tasks() > before
    if way == "close":
        frames.close()
        assert list(frames) == []
    keeper: list[Any] = [frames]
    if way == "cycle":
        keeper.append(keeper)
    del keeper, frames
    gc.collect()
    assert ends_with(before)


def test_garbage_of_the_loops_own_thread_is_closed_too(people: sfframe.Org, faults: list[Fault]) -> None:
    faults[:] = [LATER_PAGES_STALL]
    before = n_tasks()
    kept = [sfframe.iter_soql(ALL, org=people, api="bulk")]
    next(kept[0])

    async def let_go() -> None:
        kept.clear()
        await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()})

    sfframe.run(let_go())
    assert n_tasks() == before


def test_at_the_end_of_the_program_an_open_read_is_closed(
    started: tuple[sfframe.LocalOrg, sfframe.Org], faults: list[Fault]
) -> None:
    local = started[0]
    faults[:] = [LATER_PAGES_STALL]
    code = f"""
import sfframe
org = sfframe.Org({local.url!r}, sfframe.ClientCredentials({local.client_id!r}, {local.client_secret!r}))
frames = sfframe.iter_soql({ALL!r}, org=org, api="bulk")
print(next(frames).height)
"""
    done = nursery.run(["-c", code])
    assert (done.stdout, done.stderr, done.returncode) == ("300\n", "", 0)


# --- sink_soql --------------------------------------------------------------------------------------------------------

TYPED = "SELECT Id, LastName, Birthdate, CreatedDate, IsDeleted FROM Contact"
READERS: dict[str, Callable[[Path], pl.DataFrame]] = {
    "a.parquet": pl.read_parquet,
    "a.arrow": pl.read_ipc,
    "a.feather": pl.read_ipc,
    "a.IPC": pl.read_ipc,
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("where", ["", " WHERE LastName = 'nobody'"])
def test_a_file_has_rows_and_dtypes_of_the_frame(people: sfframe.Org, tmp_path: Path, name: str, where: str) -> None:
    soql = f"{TYPED}{where} ORDER BY LastName"
    frame = sfframe.read_soql(soql, org=people)
    assert sfframe.sink_soql(soql, tmp_path / name, org=people, api="bulk") == frame.height
    found = READERS[name](tmp_path / name)
    assert found.equals(frame)
    assert found.schema == frame.schema
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_small_pages_share_a_row_group(people: sfframe.Org, tmp_path: Path) -> None:
    sfframe.sink_soql(ALL, tmp_path / "a.parquet", org=people, api="bulk")
    assert pq.ParquetFile(tmp_path / "a.parquet").num_row_groups == 1


async def test_the_async_twin_writes_csv_as_a_frame_would_be_sent(people: sfframe.Org, tmp_path: Path) -> None:
    n_rows = await sfframe.sink_soql_async(f"{TYPED} ORDER BY LastName LIMIT 1", str(tmp_path / "a.csv"), org=people)
    text = (tmp_path / "a.csv").read_bytes().decode()
    assert n_rows == 1
    moment = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z"
    header = "Id,LastName,Birthdate,CreatedDate,IsDeleted"
    assert re.fullmatch(rf"{header}\n\w{{18}},n00000,1990-02-28,{moment},false\n", text)


def test_a_csv_without_rows_has_its_header(people: sfframe.Org, tmp_path: Path) -> None:
    assert sfframe.sink_soql(f"{TYPED} LIMIT 0", tmp_path / "a.csv", org=people) == 0
    assert (tmp_path / "a.csv").read_bytes() == b"Id,LastName,Birthdate,CreatedDate,IsDeleted\n"


def test_a_format_that_is_named_beats_the_suffix(people: sfframe.Org, tmp_path: Path) -> None:
    sfframe.sink_soql(ALL, tmp_path / "a.csv", org=people, format="parquet")
    assert pl.read_parquet(tmp_path / "a.csv").height == len(NAMES)


@pytest.mark.parametrize(
    ("name", "options", "error", "said"),
    [
        ("a.xlsx", {}, ValueError, r"'a.xlsx' ends in none of .parquet, .arrow, .feather, .ipc, .csv"),
        ("a", {}, ValueError, r"ends in none of"),
        ("a.csv", {"format": "excel"}, ValueError, r"format='excel' is none of 'parquet', 'ipc', 'csv'"),
        ("none/a.csv", {}, FileNotFoundError, r"there is no folder .*none' for a.csv: make it first"),
        ("folder.csv", {}, IsADirectoryError, "a file's name is needed"),
    ],
)
def test_a_place_that_takes_no_file_is_told_before_any_request(
    people: sfframe.Org, tmp_path: Path, name: str, options: dict[str, Any], error: type[Exception], said: str
) -> None:
    (tmp_path / "folder.csv").mkdir()
    before = people.requests_made
    with pytest.raises(error, match=said):
        sfframe.sink_soql(ALL, tmp_path / name, org=people, **options)
    assert people.requests_made == before
    assert [path.name for path in tmp_path.iterdir()] == ["folder.csv"]


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow", "a.csv"])
def test_after_an_error_the_old_file_is_there_and_nothing_else(
    people: sfframe.Org, faults: list[Fault], tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text("old")
    faults[:] = [Fault("query_results", "status", status=400, error_code="NO", times=None, match=is_later_page)]
    with pytest.raises(sfframe.ApiError):
        sfframe.sink_soql(ALL, tmp_path / name, org=people, api="bulk")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "old"


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_a_link_stays_a_link(people: sfframe.Org, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "a.csv").symlink_to(tmp_path / "real" / "b.csv")
    sfframe.sink_soql(ALL, tmp_path / "a.csv", org=people)
    assert (tmp_path / "a.csv").is_symlink()
    assert [path.name for path in (tmp_path / "real").iterdir()] == ["b.csv"]


def csv_of(frame: pl.DataFrame) -> str:
    buffer = io.BytesIO()
    table = in_arrow(frame)
    writer = writer_of("csv", buffer, table.schema)
    writer.write(table[:1])
    writer.write(table[1:])
    writer.close()
    return buffer.getvalue().decode()


CELLS = st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)


@given(rows=st.lists(st.tuples(CELLS, CELLS), min_size=1))
@settings(max_examples=60)
def test_any_text_comes_back_from_csv(rows: list[tuple[str | None, str | None]]) -> None:
    frame = pl.DataFrame(rows, schema={"a": pl.String, "b": pl.String}, orient="row")
    for part in (frame, frame[["a"]]):
        header, *cells = csv.reader(io.StringIO(csv_of(part), newline=""), strict=True)
        assert header == part.columns
        assert cells == [[cell or "" for cell in row] for row in part.rows()]


def test_csv_has_a_text_for_each_kind_of_value() -> None:
    frame = pl.DataFrame(
        {
            "float": [1.0, 1e21, 2.5e-7, None],
            "decimal": [Decimal("1.50"), Decimal("-0.25"), None, None],
            "time": [dt.time(1, 2, 3, 4000), None, None, None],
            "list": [["a", "b"], [], None, ["c"]],
            "place": [{"x": 1.5, "y": 'a"b'}, None, None, {"x": None, "y": None}],
            "many": [[{"d": dt.date(2024, 2, 29)}], None, [], None],
        }
    )
    assert list(csv.reader(io.StringIO(csv_of(frame)))) == [
        frame.columns,
        ["1", "1.50", "01:02:03.004Z", "a;b", '{"x":1.5,"y":"a\\"b"}', '[{"d":"2024-02-29"}]'],
        ["1000000000000000000000", "-0.25", "", "", "", ""],
        ["0.00000025", "", "", "", "", "[]"],
        ["", "", "", "c", '{"x":null,"y":null}', ""],
    ]
