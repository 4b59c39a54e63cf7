"""What a user writes, for type checkers that have nothing but the wheel: no stubs, no sources beside it."""

from __future__ import annotations

from typing import Unpack, assert_type

import polars as pl

import sfframe
from sfframe import Bulk, IngestOptions, IngestResult, Operation, Org


def nightly(org: Org, operation: Operation, **options: Unpack[IngestOptions]) -> pl.DataFrame:
    contacts = sfframe.read_soql("SELECT Id, LastName FROM Contact", org=org)
    assert_type(contacts, pl.DataFrame)
    assert_type(sfframe.bulk(contacts), Bulk[pl.DataFrame])
    result = sfframe.bulk(contacts).upsert("Contact", "ExternalId__c", org=org, nulls="clear")
    assert_type(result, IngestResult[pl.DataFrame])
    assert_type(sfframe.ingest(contacts.lazy(), "Contact", operation), IngestResult[pl.LazyFrame])
    assert_type(sfframe.ingest([{"LastName": "Ng"}], "Contact", operation), IngestResult[pl.DataFrame])
    sfframe.ingest(contacts, "Contact", operation, **options)
    return result.retry(on_failure="return").failed_results


def mistaken(contacts: pl.DataFrame) -> None:
    sfframe.bulk(contacts).insert("Contact", nulls="wipe")  # type: ignore[arg-type]  # no such choice
    sfframe.ingest(contacts, "Contact", "upset")  # type: ignore[call-overload]  # no such operation
