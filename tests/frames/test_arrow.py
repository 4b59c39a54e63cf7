"""Arrow: tables, batches, readers, relations, and sequences of dicts."""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pytest

import sfframe
from sfframe import Org, bulk
from tests.conftest import column, columns

pytestmark = pytest.mark.filterwarnings("ignore::sfframe.RecordsFailedWarning")

TABLE = pa.table(
    {
        "LastName": pa.array(["a", None, "c"]),
        "LastVisit__c": pa.array(
            [dt.datetime(2026, 1, 31, 23, 30, tzinfo=dt.UTC)] * 3, pa.timestamp("ms", "Asia/Tokyo")
        ),
        "Title": pa.array(["x", "y", "x"]).dictionary_encode(),
        "kept": pa.array([b"1", None, b"3"], pa.binary()),
    }
)
OWN: dict[str, Any] = {"columns": {"kept": None}}


def _reader(table: pa.Table = TABLE, rows: int = 2) -> pa.RecordBatchReader:
    return pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=rows))


# --- tables -----------------------------------------------------------------------------------------------------------


def test_a_table_comes_back_with_its_types(org: Org) -> None:
    result = bulk(TABLE).insert("Contact", org=org, **OWN)
    good = result.successful_results
    assert good.schema == TABLE.schema.append(pa.field("sf__Id", pa.string())).append(
        pa.field("sf__Created", pa.bool_())
    )
    assert good.select(TABLE.column_names).equals(TABLE.take(pa.array([0, 2])))
    assert result.failed_results.select(TABLE.column_names).equals(TABLE.slice(1, 1))
    assert result.failed_results.schema.types[-2:] == [pa.string(), pa.string()]
    assert result.unprocessed_records.schema == TABLE.schema


def test_a_record_batch_is_taken_as_a_table(org: Org) -> None:
    (batch,) = TABLE.to_batches()
    result = sfframe.ingest(batch, "Contact", "insert", org=org, **OWN)
    assert isinstance(result.successful_results, pa.Table)
    assert len(result.successful_results) == 2


def test_a_name_that_is_there_twice_is_an_error(org: Org) -> None:
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["LastName", "LastName"])
    with pytest.raises(sfframe.SchemaError, match="several columns of this name"):
        bulk(table).insert("Contact", org=org)


@pytest.mark.parametrize(
    "strange",
    [
        pa.month_day_nano_interval(),
        pa.dense_union([pa.field("a", pa.int8())]),
        pa.timestamp("us", "Nowhere/X"),
        pa.list_(pa.struct([("a", pa.month_day_nano_interval())])),
        pa.list_(pa.timestamp("us", "+05:30")),
    ],
    ids=str,
)
def test_a_type_at_which_the_engine_panics_is_refused_without_a_word_on_stderr(
    strange: Any, org: Org, capfd: pytest.CaptureFixture[str]
) -> None:
    table = pa.table({"LastName": pa.array(["a"]), "Description": pa.nulls(1, strange)})
    for frame in (table, table.to_reader()):
        with pytest.raises(sfframe.UnsupportedTypeError, match=rf"{re.escape(str(strange))} values have no CSV form"):
            sfframe.ingest(frame, "Contact", "insert", org=org)
    assert capfd.readouterr().err == ""


def test_an_interval_of_a_relation_is_refused_without_a_word_on_stderr(
    org: Org, capfd: pytest.CaptureFixture[str]
) -> None:
    relation = duckdb.sql("SELECT 'a' AS LastName, INTERVAL 1 DAY AS Description")
    with pytest.raises(sfframe.UnsupportedTypeError, match="month_day_nano_interval values have no CSV form"):
        sfframe.ingest(relation, "Contact", "insert", org=org)
    assert capfd.readouterr().err == ""


# --- what can be read once --------------------------------------------------------------------------------------------


def test_a_reader_is_read_once_and_datasets_come_back(org: Org) -> None:
    result = sfframe.ingest(_reader(), "Contact", "insert", org=org, **OWN)
    good = result.successful_results
    assert isinstance(good, ds.Dataset)
    assert columns(good) == [*TABLE.column_names, "sf__Id", "sf__Created"]
    assert good.to_table().select(TABLE.column_names).cast(TABLE.schema).equals(TABLE.take(pa.array([0, 2])))
    assert column(result.failed_results, "Title") == ["y"]
    assert result.unprocessed_records.count_rows() == 0


def test_a_reader_sends_the_bytes_that_its_table_sends(org: Org) -> None:
    options: dict[str, Any] = {"columns": {"kept": None, "LastVisit__c": "Birthdate"}, "org": org}
    from_reader = list(bulk(_reader()).payloads("Contact", "insert", **options))
    assert from_reader == list(bulk(TABLE).payloads("Contact", "insert", **options))
    assert b'"2026-02-01"' in from_reader[0]  # the date in Tokyo


def test_a_reader_isnt_read_for_a_call_that_wont_be_made(org: Org) -> None:
    batches = (pytest.fail("read") for _ in range(1))
    reader = pa.RecordBatchReader.from_batches(pa.schema([("Nope", pa.string())]), batches)
    with pytest.raises(sfframe.SchemaError):
        sfframe.ingest(reader, "Contact", "insert", org=org)


def test_an_empty_reader_gives_empty_datasets(org: Org) -> None:
    result = sfframe.ingest(_reader(TABLE.slice(0, 0)), "Contact", "insert", org=org, **OWN)
    assert columns(result.successful_results) == [*TABLE.column_names, "sf__Id", "sf__Created"]
    assert result.successful_results.count_rows() == 0


def test_a_duckdb_relation_is_sent_and_datasets_come_back(org: Org) -> None:
    with duckdb.connect() as connection:
        relation = connection.sql(
            "SELECT 'n' || i AS LastName, (i * 1.5)::DECIMAL(10, 2) AS Score__c, DATE '2026-01-31' AS Birthdate, "
            "i % 2 = 0 AS DoNotCall FROM range(5) t(i)"
        )
        result = sfframe.ingest(relation, "Contact", "insert", org=org)
        assert column(result.successful_results, "LastName") == ["n0", "n1", "n2", "n3", "n4"]
        assert connection.sql("SELECT 1").fetchall() == [(1,)]


def test_a_dataset_of_results_can_be_sent_again(org: Org) -> None:
    result = sfframe.ingest(_reader(), "Contact", "insert", org=org, **OWN)
    again = sfframe.ingest(result.successful_results.scanner().to_reader(), "Contact", "insert", org=org, **OWN)
    assert again.counts["successful"] == 2


def test_datasets_and_what_is_derived_from_them_hold_the_folder(org: Org, spools: Callable[[], list[Path]]) -> None:
    result = sfframe.ingest(_reader(), "Contact", "insert", org=org, **OWN)
    derived = result.successful_results.filter(pc.field("LastName") == "a")
    del result
    assert derived.to_table()["LastName"].to_pylist() == ["a"]
    assert len(spools()) == 1
    scanner = derived.scanner(columns=["LastName"])
    del derived
    assert scanner.to_table()["LastName"].to_pylist() == ["a"]
    del scanner
    deadline = time.monotonic() + 10  # Arrow's own threads let go of the files a little later
    while spools() and time.monotonic() < deadline:
        pass
    assert spools() == []


def test_datasets_are_queried_by_polars_and_duckdb(org: Org) -> None:
    good = sfframe.ingest(_reader(), "Contact", "insert", org=org, **OWN).successful_results
    assert pl.scan_pyarrow_dataset(good).filter(pl.col("LastName") == "c").collect().height == 1
    with duckdb.connect() as connection:
        assert connection.sql("SELECT LastName FROM good ORDER BY 1").fetchall() == [("a",), ("c",)]


# --- sequences of dicts -----------------------------------------------------------------------------------------------


def test_dicts_are_sent_and_a_polars_frame_comes_back(org: Org) -> None:
    records = [{"LastName": "a", "Score__c": 1}, {"LastName": None, "Title": "t"}, {"LastName": "c", "Score__c": 2.5}]
    result = sfframe.ingest(records, "Contact", "insert", org=org)
    assert isinstance(result.successful_results, pl.DataFrame)
    assert result.successful_results.columns == ["LastName", "Score__c", "Title", "sf__Id", "sf__Created"]
    assert result.successful_results["Score__c"].to_list() == [1, 2.5]
    assert result.failed_results["Title"].to_list() == ["t"]


def test_nested_dicts_are_lookups_and_missing_keys_null(org: Org) -> None:
    records = [
        {"LastName": "a", "Account": {"ExternalId__c": "k1"}},
        {"LastName": "b", "Account": None},
        {"LastName": "c"},
    ]
    (payload,) = bulk(records).payloads("Contact", "insert", org=org)
    assert payload.splitlines()[1:] == [b'"a","k1"', b'"b",""', b'"c",""']


def test_lists_in_dicts_are_multi_select_values(org: Org) -> None:
    records: list[dict[str, Any]] = [
        {"LastName": "a", "Languages__c": ["English", "French"]},
        {"LastName": "b", "Languages__c": ["German", "French"]},
    ]
    (payload,) = bulk(records).payloads("Contact", "insert", org=org)
    assert payload.splitlines()[1:] == [b'"a","English;French"', b'"b","German;French"']


def test_dicts_that_are_changed_afterwards_leave_the_result_alone(org: Org) -> None:
    records = [{"LastName": "a"}, {"LastName": "b"}]
    result = sfframe.ingest(records, "Contact", "insert", org=org)
    records[0]["LastName"] = "changed"
    records.pop()
    assert result.successful_results["LastName"].to_list() == ["a", "b"]


def test_broken_text_in_a_nested_dict_is_a_problem_of_its_row(org: Org) -> None:
    records = [
        {"LastName": "a", "Account": {"ExternalId__c": "k"}},
        {"LastName": "b", "Account": {"ExternalId__c": "\ud800"}},
    ]
    told = bulk(records).check("Contact", "insert", org=org)
    assert told.select("column", "code", "row").rows() == [("Account", "LONE_SURROGATE", 1)]


def test_numbers_of_several_types_in_a_nested_dict_keep_their_digits(org: Org) -> None:
    records = [{"LastName": "a", "Account": {"ExternalId__c": 1}}, {"LastName": "b", "Account": {"ExternalId__c": 2.0}}]
    (payload,) = bulk(records).payloads("Contact", "insert", org=org)
    assert payload.splitlines()[1:] == [b'"a","1"', b'"b","2"']


def test_a_sequence_with_something_else_in_it_is_refused(org: Org) -> None:
    with pytest.raises(TypeError, match="there is list in it"):
        sfframe.ingest([{"LastName": "a"}, ["b"]], "Contact", "insert", org=org)


@pytest.mark.parametrize(
    "nothing",
    [5, "text", None, {"LastName": ["a"]}, pl.Series(["a"]), object()],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_frame_is_refused(nothing: Any, org: Org) -> None:
    with pytest.raises(TypeError, match="is no frame that sfframe can send"):
        sfframe.ingest(nothing, "Contact", "insert", org=org)
