"""Spark's reader without a cluster: what of Spark's filters travels, and that pages are partitions."""

from __future__ import annotations

import pickle
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

import sfframe

from .spark_cluster import login_of

pytest.importorskip("pyspark")

from sfframe.frames import spark_read
from sfframe.frames.spark import SfframeDataSource
from sfframe.frames.spark_read import SfframeReader

datasource: Any = pytest.importorskip("pyspark.sql.datasource")
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


@pytest.fixture(autouse=True)
def environment(local: sfframe.LocalOrg, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in login_of(local).items():
        monkeypatch.setenv(name, value)


FIELDS = "Id, LastName, FirstName, Birthdate, Visits__c, DoNotCall, CreatedDate, Description, Account.Name"


def reader(soql: str = f"SELECT {FIELDS} FROM Contact", **more: str) -> SfframeReader:
    source = SfframeDataSource({"soql": soql, **more})
    return source.reader(source.schema())


def travelling(*filters: Any, soql: str = f"SELECT {FIELDS} FROM Contact") -> str:
    """What is asked besides the statement after Spark has handed these over."""
    one = reader(soql)
    assert list(one.pushFilters(list(filters))) == list(filters)  # Spark applies all of them again
    return one._asked.where(one._conditions).removeprefix(soql).strip()


def of(kind: str, name: str, *value: Any) -> Any:
    return getattr(datasource, kind)((name,), *value)


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (of("EqualTo", "LastName", "O'Neil"), r"WHERE LastName = 'O\'Neil'"),
        (of("EqualNullSafe", "LastName", "x"), "WHERE LastName = 'x'"),
        (of("EqualNullSafe", "LastName", None), "WHERE LastName = null"),
        (of("In", "LastName", ("a", "b")), "WHERE LastName IN ('a', 'b')"),
        (of("IsNull", "FirstName"), "WHERE FirstName = null"),
        (of("IsNotNull", "FirstName"), "WHERE FirstName != null"),
        (of("EqualTo", "DoNotCall", True), "WHERE DoNotCall = true"),
        (of("GreaterThanOrEqual", "Birthdate", date(2001, 2, 3)), "WHERE Birthdate >= 2001-02-03"),
        (of("LessThan", "CreatedDate", datetime(2001, 2, 3, tzinfo=UTC)), "WHERE "),
        (of("StringStartsWith", "LastName", "Lo"), "WHERE LastName LIKE 'Lo%'"),
        (of("EqualTo", "LastName", 1), ""),  # Spark compares text with numbers by rules of its own
        (of("EqualTo", "Visits__c", Decimal("1.5")), ""),
        (of("EqualTo", "Nme", "x"), ""),
        (of("EqualTo", "Description", "x"), ""),  # the org can't filter it
        (datasource.EqualTo(("Account", "Name"), "x"), ""),
    ],
)
def test_a_filter_travels_where_soql_has_words_for_it(found: Any, told: str) -> None:
    asked = travelling(found)
    assert asked.startswith(told)
    assert bool(asked) == bool(told)


def test_several_travel_together_and_negated_ones_keep_the_nulls_of_spark() -> None:
    many = travelling(of("IsNotNull", "LastName"), of("GreaterThan", "Birthdate", date(2001, 2, 3)))
    assert many.startswith("WHERE LastName != null AND ")
    assert "Birthdate >= 2001-02-04" in many
    assert travelling(datasource.Not(of("IsNull", "FirstName"))) == "WHERE FirstName != null"
    assert "Birthdate != null" in travelling(datasource.Not(of("EqualTo", "Birthdate", date(2001, 2, 3))))


@pytest.mark.parametrize("clause", [" WHERE LastName = 'x'", " LIMIT 5", " ORDER BY LastName"])
def test_a_statement_with_clauses_of_its_own_is_asked_as_it_is(clause: str) -> None:
    assert travelling(of("EqualTo", "LastName", "x"), soql=f"SELECT {FIELDS} FROM Contact{clause}") == ""


def test_a_reader_passes_for_one_without_filters_where_spark_does_not_allow_them() -> None:
    assert reader().pushFilters.__func__ is datasource.DataSourceReader.pushFilters


def names(one: SfframeReader, parts: list[Any]) -> list[str]:
    return [str(name) for part in parts for batch in one.read(part) for name in batch.column(0).to_pylist()]


def test_no_secret_travels_and_what_travels_reads(local: sfframe.LocalOrg) -> None:
    frame = pl.DataFrame({"LastName": [f"Name {i}" for i in range(50)]})
    sfframe.bulk(frame).insert("Contact", org=local.org)
    one = reader("SELECT LastName FROM Contact", api="bulk")
    pickled = pickle.dumps((one, one.partitions()))
    assert local.client_secret.encode() not in pickled
    again, parts = pickle.loads(pickled)
    assert sorted(names(again, parts)) == sorted(frame["LastName"])


def test_filters_that_the_org_refuses_are_left_to_spark(
    local: sfframe.LocalOrg, monkeypatch: pytest.MonkeyPatch
) -> None:
    sfframe.bulk(pl.DataFrame({"LastName": ["a", "b"]})).insert("Contact", org=local.org)
    monkeypatch.setattr(spark_read, "soql_of", lambda *_: "Nothing__c = 1")
    one = reader("SELECT LastName FROM Contact")
    one.pushFilters([of("EqualTo", "LastName", "a")])
    assert sorted(names(one, one.partitions())) == ["a", "b"]


def test_a_schema_of_ones_own_is_refused() -> None:
    from pyspark.sql.types import StructType

    source = SfframeDataSource({"soql": "SELECT LastName FROM Contact"})
    with pytest.raises(ValueError, match="the columns and their types are the org's"):
        source.reader(StructType())
