"""The types that a user sees; mypy reads this file, nobody runs it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Literal, Unpack, assert_type

import dask.dataframe as dd
import pandas as pd
import polars as pl
import pyarrow as pa

import sfframe
from sfframe import Bulk, Changes, IngestOptions, IngestResult, JobInfo, Operation, Org, Plan
from sfframe.progress import Event, IngestEvent, JobCreated, JobFinished, ReadEvent


def blocking(org: Org, table: pa.Table) -> None:
    pandas_result = sfframe.bulk(pd.DataFrame()).insert("Contact", org=org)
    assert_type(pandas_result, IngestResult[pd.DataFrame])
    assert_type(pandas_result.failed_results, pd.DataFrame)
    assert_type(sfframe.bulk(pl.DataFrame()), Bulk[pl.DataFrame])
    plan = sfframe.bulk(pl.LazyFrame()).plan("Contact", "upsert", "Ext__c", org=org, nulls="clear")
    assert_type(plan, Plan[pl.LazyFrame])
    assert_type(plan.run(), IngestResult[pl.LazyFrame])
    assert_type(plan.updates, int | None)
    assert_type(sfframe.ingest(pl.DataFrame(), "Contact", "insert", org=org), IngestResult[pl.DataFrame])
    assert_type(sfframe.ingest(pl.LazyFrame(), "Contact", "insert").successful_results, pl.LazyFrame)
    assert_type(sfframe.ingest(table, "Contact", "upsert", "ExternalId__c"), IngestResult[pa.Table])
    assert_type(sfframe.ingest([{"LastName": "a"}], "Contact", "insert"), IngestResult[pl.DataFrame])
    assert_type(sfframe.bulk(pl.DataFrame()).upsert("Contact", "Ext__c", nulls="clear"), IngestResult[pl.DataFrame])
    assert_type(sfframe.bulk(pl.DataFrame()).payloads("Contact", "insert"), Iterator[bytes])
    assert_type(sfframe.bulk(pd.DataFrame()).lookup("Contact", "Ext__c", ["Id"], on="key"), pd.DataFrame)
    assert_type(sfframe.bulk(pl.LazyFrame()).lookup("Contact", "Ext__c", ("Id",), suffix="_org"), pl.LazyFrame)
    assert_type(sfframe.bulk(table).lookup("Contact", "Ext__c", ["Id"], org=org, api="bulk"), pa.Table)
    assert_type(sfframe.bulk([{"Ext__c": "a"}]).lookup("Contact", "Ext__c", ["Id"], timeout=60), pl.DataFrame)
    assert_type(pandas_result.raise_for_failures(), IngestResult[pd.DataFrame])
    assert_type(pandas_result.retry(), IngestResult[pd.DataFrame])
    assert_type(pandas_result.retry(org=org, nulls="clear", max_records=1_000), IngestResult[pd.DataFrame])
    assert_type(pandas_result.counts, dict[str, int])
    assert_type(pandas_result.jobs, tuple[JobInfo, ...])


def reading(org: Org, soql: str, name: Literal["polars", "pandas", "pyarrow"]) -> None:
    assert_type(sfframe.read_soql(soql), pl.DataFrame)
    assert_type(sfframe.read_soql(soql, backend="polars", org=org, api="bulk", params={"a": 1}), pl.DataFrame)
    assert_type(sfframe.read_soql(soql, backend="pandas", decimals=True), pd.DataFrame)
    assert_type(sfframe.read_soql(soql, backend="pandas", dtype_backend="pyarrow"), pd.DataFrame)
    assert_type(sfframe.read_soql(soql, backend="pyarrow", timeout=1.5), pa.Table)
    assert_type(sfframe.read_soql(soql, backend="dask", dtype_backend="pyarrow", timeout=60), dd.DataFrame)
    assert_type(sfframe.read_soql(soql, backend=name), pl.DataFrame | pd.DataFrame | pa.Table)
    assert_type(sfframe.read_soql(job_id="750000000000001AAA"), pl.DataFrame)
    assert_type(sfframe.iter_soql(soql), Generator[pl.DataFrame, None, None])
    assert_type(sfframe.iter_soql(soql, backend="pandas", multiselect="list"), Generator[pd.DataFrame, None, None])
    assert_type(next(sfframe.iter_soql(soql, backend="pyarrow")), pa.Table)
    assert_type(sfframe.sink_soql(soql, "a.parquet", all_rows=True), int)
    assert_type(sfframe.sink_soql(None, Path("a"), format="csv", job_id="750000000000001AAA"), int)


async def reading_awaited(org: Org, soql: str) -> None:
    assert_type(await sfframe.read_soql_async(soql, org=org), pl.DataFrame)
    assert_type(await sfframe.read_soql_async(soql, backend="pandas", dtype_backend="numpy_nullable"), pd.DataFrame)
    assert_type(await sfframe.read_soql_async(soql, backend="pyarrow"), pa.Table)
    async for frame in sfframe.iter_soql_async(soql, backend="pandas"):
        assert_type(frame, pd.DataFrame)
    assert_type(sfframe.iter_soql_async(soql), AsyncGenerator[pl.DataFrame, None])
    assert_type(await sfframe.sink_soql_async(soql, "a.csv"), int)


def changed(org: Org) -> None:
    assert_type(sfframe.read_changes("Contact", ["Id"], org=org), Changes[pl.DataFrame])
    assert_type(sfframe.read_changes("Contact", ["Id"], "cursor", backend="pandas").deleted, pd.DataFrame)
    assert_type(sfframe.read_changes("Contact", ["Id"], backend="pyarrow", decimals=True), Changes[pa.Table])


async def awaited(org: Org) -> None:
    assert_type(await sfframe.bulk(pl.DataFrame()).lookup_async("Contact", "Ext__c", ["Id"]), pl.DataFrame)
    assert_type(await sfframe.bulk(pl.DataFrame()).upsert_async("Contact", "Ext__c"), IngestResult[pl.DataFrame])
    assert_type(await sfframe.ingest_async(pd.DataFrame(), "Contact", "delete"), IngestResult[pd.DataFrame])
    assert_type(await org.ingest.create_job("Contact", "insert"), JobInfo)
    assert_type(await org.ingest.perform_operation("insert", "Contact", pl.DataFrame()), IngestResult[Any])
    async for job in org.ingest.list_jobs():
        assert_type(job, JobInfo)
    assert_type(await org.limits(), dict[str, Any])


def handed_on(frame: pl.DataFrame, operation: Operation, **options: Unpack[IngestOptions]) -> None:
    """A function of the user's own, with the options of every verb."""
    sfframe.bulk(frame).insert("Contact", **options)
    sfframe.ingest(frame, "Contact", operation, **options)


def wrong(org: Org, name: str) -> None:
    sfframe.bulk(pl.DataFrame()).insert("Contact", org=org, nulls="wipe")  # type: ignore[arg-type]  # no such choice
    sfframe.bulk(pl.DataFrame()).upsert("Contact", org=org)  # type: ignore[call-arg]  # an upsert needs its key
    sfframe.ingest(pl.DataFrame(), "Contact", "upset")  # type: ignore[call-overload]  # no such operation
    sfframe.bulk(pl.DataFrame()).check("Contact", name)  # type: ignore[arg-type]  # any text
    sfframe.bulk(pl.DataFrame()).insert("Contact").retry(max_record=1)  # type: ignore[call-arg]  # no such option
    sfframe.read_soql("", api="soap")  # type: ignore[call-overload]  # no such transport
    sfframe.sink_soql("", "a", format="xlsx")  # type: ignore[arg-type]  # no such format
    sfframe.bulk(pl.DataFrame()).lookup("Contact", "Ext__c", ["Id"], api="soap")  # type: ignore[arg-type]  # no such one


def any_event(event: Event) -> None: ...
def of_loads(event: IngestEvent) -> None: ...
def of_reads(event: ReadEvent) -> None: ...
def one_kind(event: JobFinished) -> None: ...
def anything(event: object) -> None: ...
async def an_async_one(event: Event) -> None: ...


def watching(frame: pl.DataFrame, soql: str, events: list[Event], queue: SimpleQueue[Event]) -> None:
    sfframe.ingest(frame, "Contact", "insert", progress=any_event)
    sfframe.ingest(frame, "Contact", "insert", progress=of_loads)
    sfframe.ingest(frame, "Contact", "insert", progress=anything)
    sfframe.ingest(frame, "Contact", "insert", progress=events.append)
    sfframe.ingest(frame, "Contact", "insert", progress=lambda event: queue.put(event))
    sfframe.ingest(frame, "Contact", "insert", progress=False)
    sfframe.read_soql(soql, progress=any_event)
    sfframe.read_soql(soql, progress=of_reads)
    sfframe.scan_sobject("Contact", progress=queue.put)
    sfframe.bulk(frame).lookup("Contact", "Ext__c", ["Id"], progress=of_reads)
    sfframe.read_changes("Contact", ["Id"], progress=print)
    # It would be called with events that it doesn't take.
    sfframe.ingest(frame, "Contact", "insert", progress=one_kind)  # type: ignore[call-overload]
    sfframe.ingest(frame, "Contact", "insert", progress=of_reads)  # type: ignore[call-overload]
    sfframe.read_soql(soql, progress=of_loads)  # type: ignore[arg-type]
    sfframe.ingest(frame, "Contact", "insert", progress=an_async_one)  # type: ignore[call-overload]
    for event in events:
        if isinstance(event, JobCreated):
            assert_type(event.page, str | None)
        elif isinstance(event, JobFinished):
            assert_type(event.failed, int)
