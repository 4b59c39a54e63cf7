"""The types that a user sees; mypy reads this file, nobody runs it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, assert_type

import pandas as pd
import polars as pl
import pyarrow as pa

import sfframe
from sfframe import Bulk, IngestResult, JobInfo, Org


def blocking(org: Org, table: pa.Table) -> None:
    pandas_result = sfframe.bulk(pd.DataFrame()).insert("Contact", org=org)
    assert_type(pandas_result, IngestResult[pd.DataFrame])
    assert_type(pandas_result.failed_results, pd.DataFrame)
    assert_type(sfframe.bulk(pl.DataFrame()), Bulk[pl.DataFrame])
    assert_type(sfframe.ingest(pl.DataFrame(), "Contact", "insert", org=org), IngestResult[pl.DataFrame])
    assert_type(sfframe.ingest(pl.LazyFrame(), "Contact", "insert").successful_results, pl.LazyFrame)
    assert_type(sfframe.ingest(table, "Contact", "upsert", "ExternalId__c"), IngestResult[pa.Table])
    assert_type(sfframe.ingest([{"LastName": "a"}], "Contact", "insert"), IngestResult[pl.DataFrame])
    assert_type(sfframe.bulk(pl.DataFrame()).upsert("Contact", "Ext__c", nulls="clear"), IngestResult[pl.DataFrame])
    assert_type(sfframe.bulk(pl.DataFrame()).payloads("Contact", "insert"), Iterator[bytes])
    assert_type(pandas_result.raise_for_failures(), IngestResult[pd.DataFrame])
    assert_type(pandas_result.retry(), IngestResult[pd.DataFrame])
    assert_type(pandas_result.counts, dict[str, int])
    assert_type(pandas_result.jobs, tuple[JobInfo, ...])


async def awaited(org: Org) -> None:
    assert_type(await sfframe.bulk(pl.DataFrame()).upsert_async("Contact", "Ext__c"), IngestResult[pl.DataFrame])
    assert_type(await sfframe.ingest_async(pd.DataFrame(), "Contact", "delete"), IngestResult[pd.DataFrame])
    assert_type(await org.ingest.create_job("Contact", "insert"), JobInfo)
    async for job in org.ingest.list_jobs():
        assert_type(job, JobInfo)
    assert_type(await org.limits(), dict[str, Any])


def wrong(org: Org) -> None:
    sfframe.bulk(pl.DataFrame()).insert("Contact", org=org, nulls="wipe")  # type: ignore[arg-type]  # no such choice
    sfframe.bulk(pl.DataFrame()).upsert("Contact", org=org)  # type: ignore[call-arg]  # an upsert needs its key
