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
import pyarrow.parquet as pq
import pytest

import sfframe
from sfframe import Org, bulk
from sfframe.frames import files
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


# --- datasets and relations larger than memory ------------------------------------------------------------------------


@pytest.fixture
def numbered(tmp_path: Path) -> Path:
    """A folder of files, of which one is empty and one has many row groups; DuckDB wrote them."""
    with duckdb.connect() as connection:
        for at, (start, stop, group) in enumerate([(0, 5_000, 2_048), (5_000, 5_000, 2_048), (5_000, 5_007, 2_048)]):
            connection.execute(
                "COPY (SELECT 'n' || i AS LastName, (i * 1.5)::DECIMAL(10, 2) AS Score__c, i AS kept, "
                "i % 3 = 0 AS odd, TIMESTAMP '2026-01-31 10:00:00' + to_seconds(i) AS at "
                f"FROM range({start}, {stop}) t(i)) "
                f"TO '{tmp_path}/part-{at}.parquet' (ROW_GROUP_SIZE {group})"
            )
    return tmp_path


SOME: dict[str, Any] = {"columns": ["LastName", "Score__c"]}


def _same_rows(view: Any, given: pa.Table) -> None:
    assert isinstance(view, ds.Dataset)
    assert view.schema.names == [*given.column_names, "sf__Id", "sf__Created"]
    assert view.to_table().select(given.column_names).equals(given)


def test_a_dataset_of_many_files_comes_back_as_it_was_row_by_row(org: Org, numbered: Path) -> None:
    given = ds.dataset(numbered)
    result = sfframe.ingest(given, "Contact", "insert", org=org, max_records=2_000, **SOME)
    _same_rows(result.successful_results, given.to_table())
    assert given.to_table()["kept"].to_pylist() == [*range(5_007)]


def test_a_dataset_in_hive_partitions_comes_back_with_their_columns(org: Org, tmp_path: Path) -> None:
    with duckdb.connect() as connection:
        rows = "SELECT 'n' || i AS LastName, i % 3 AS Title, i % 2 AS year FROM range(12) t(i)"
        connection.execute(f"COPY ({rows}) TO '{tmp_path}/hive' (FORMAT parquet, PARTITION_BY (year, Title))")
    types: dict[str, pa.DataType] = {"year": pa.int32(), "Title": pa.string()}
    hive = ds.partitioning(pa.schema(types), flavor="hive", dictionaries=None)
    given = ds.dataset(tmp_path / "hive", partitioning=hive)
    result = sfframe.ingest(given, "Contact", "insert", org=org, columns={"year": None})
    _same_rows(result.successful_results, given.to_table())


@pytest.mark.parametrize(
    "of",
    [
        lambda paths, tmp_path: ds.dataset(paths).filter(pc.field("odd")),
        lambda paths, tmp_path: ds.dataset([ds.dataset(paths), ds.dataset(ds.dataset(paths).to_table())]),
        lambda paths, tmp_path: ds.dataset(ds.dataset(paths).to_table().to_batches(max_chunksize=700)),
        lambda paths, tmp_path: _written(ds.dataset(paths), tmp_path / "feather"),
        lambda paths, tmp_path: ds.dataset(paths, schema=ds.dataset(paths).schema.append(pa.field("new", pa.int8()))),
    ],
    ids=["filtered", "a union", "in memory", "feather", "a column that no file has"],
)
def test_each_kind_of_dataset_comes_back_as_it_was(of: Any, org: Org, numbered: Path, tmp_path: Path) -> None:
    given = of(sorted(map(str, numbered.glob("*.parquet"))), tmp_path)
    result = sfframe.ingest(given, "Contact", "insert", org=org, **SOME)
    _same_rows(result.successful_results, given.to_table())


def _written(dataset: ds.Dataset, folder: Path) -> ds.Dataset:
    ds.write_dataset(dataset, folder, format="feather")
    return ds.dataset(folder, format="feather")


def test_of_a_dataset_a_few_rows_at_a_time_are_in_memory(tmp_path: Path) -> None:
    table = pa.table({"LastName": [f"{i:0>100}" for i in range(20_000)]})
    groups = 20
    for at in range(3):
        pq.write_table(table, tmp_path / f"{at}.parquet", row_group_size=20_000 // groups, compression="none")
    dataset, before, most = ds.dataset(tmp_path), pa.total_allocated_bytes(), 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "CHUNK", 2_000)
        for batch in files.reader_of(dataset):
            most = max(most, pa.total_allocated_bytes() - before)
            del batch
    assert most < table.nbytes  # a third of all


def test_an_ordered_relation_comes_back_in_its_order(org: Org, numbered: Path) -> None:
    with duckdb.connect() as connection:
        relation = connection.sql(f"FROM '{numbered}/*.parquet' ORDER BY kept % 10, LastName DESC")
        given = relation.to_arrow_table()
        _same_rows(sfframe.ingest(relation, "Contact", "insert", org=org, **SOME).successful_results, given)


def test_the_connection_of_a_relation_is_free_when_its_rows_are_read(org: Org, numbered: Path) -> None:
    used: list[Any] = []

    def use(event: Any) -> None:
        if not isinstance(event, sfframe.progress.Preparing):
            used.append(connection.sql("SELECT 1").fetchall())

    with duckdb.connect() as connection:
        relation = connection.sql(f"FROM '{numbered}/*.parquet'")
        result = sfframe.ingest(relation, "Contact", "insert", org=org, max_records=2_000, progress=use, **SOME)
        connection.register("good", result.successful_results)
        assert connection.sql("SELECT count(*) FROM good").fetchall() == [(5_007,)]
    assert used[0] == [(1,)]


def test_a_relation_isnt_run_for_a_call_that_wont_be_made(org: Org) -> None:
    with duckdb.connect() as connection:
        relation = connection.sql("SELECT i AS Nope FROM range(1_000_000) t(i)")
        with pytest.raises(sfframe.SchemaError) as refused:
            sfframe.ingest(relation, "Contact", "insert", org=org)
        assert connection.sql("SELECT 1").fetchall() == [(1,)]  # though what was refused is still at hand
    assert "Nope" in str(refused.value)


def test_every_type_of_a_relation_is_known_before_it_is_run() -> None:
    with duckdb.connect() as connection:
        kinds = connection.sql("FROM test_all_types()")
        assert pa.RecordBatchReader.from_stream(kinds.limit(0)).schema.equals(kinds.to_arrow_table().schema)


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
