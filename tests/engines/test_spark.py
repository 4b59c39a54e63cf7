"""Spark on two workers: what is written and read, and what happens when processes die."""

from __future__ import annotations

import os
import re
import runpy
from collections.abc import Iterator
from datetime import date, time
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import sfframe
from sfframe.testing import Fault

from . import spark_kills
from .spark_cluster import HAS_JAVA, ROOT, login_of, spark_cluster

pytest.importorskip("pyspark")

pytestmark = [
    pytest.mark.skipif(not HAS_JAVA, reason="Spark needs Java"),
    pytest.mark.skipif("PYTEST_XDIST_WORKER" in os.environ, reason="one cluster is enough: make test-engines"),
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::ResourceWarning", "ignore::DeprecationWarning"),
]
CONTACTS = "ExternalId__c string, LastName string, Visits__c int"


@pytest.fixture(scope="module")
def started_spark(started_local: sfframe.LocalOrg) -> Iterator[Any]:
    with spark_cluster(login_of(started_local), **{"spark.speculation": "true"}) as session:
        yield session


@pytest.fixture
def spark(local: sfframe.LocalOrg, started_spark: Any) -> Any:
    return started_spark


def contacts(spark: Any, n: int = 30) -> Any:
    rows = [(f"k{i}", None if i % 9 == 8 else f"Name {i}", i) for i in range(n)]
    return spark.createDataFrame(rows, CONTACTS)


def save(frame: Any, folder: Path, **more: Any) -> None:
    given = {"object": "Contact", "operation": "upsert", "externalIdField": "ExternalId__c", "resultsPath": folder,
             "pollInterval": 0.02, **more}  # fmt: skip
    frame.write.format("sfframe").mode("append").options(**given).save()


def there(local: sfframe.LocalOrg) -> list[str]:
    return sorted(pl.DataFrame(local.rows("Contact"))["ExternalId__c"])


def test_a_frame_is_written_and_its_results_are_frames_again(
    spark: Any, local: sfframe.LocalOrg, tmp_path: Path
) -> None:
    frame = contacts(spark).repartition(3)
    save(frame, tmp_path / "run")
    parts = {name: spark.read.parquet(str(tmp_path / "run" / name)) for name in
             ("successful_results", "failed_results", "unprocessed_records")}  # fmt: skip
    assert [part.count() for part in parts.values()] == [27, 3, 0]
    assert parts["unprocessed_records"].schema.simpleString() == frame.schema.simpleString()
    failed = parts["failed_results"].orderBy("Visits__c").collect()
    assert [row.Visits__c for row in failed] == [8, 17, 26]
    assert all(row.sf__Error.startswith("REQUIRED_FIELD_MISSING") for row in failed)
    by_key = {row.ExternalId__c: row.sf__Id for row in parts["successful_results"].collect()}
    org = pl.DataFrame(local.rows("Contact"))
    assert by_key == dict(org.select("ExternalId__c", "Id").rows())
    (summary,) = spark.read.parquet(str(tmp_path / "run" / "summary")).collect()
    assert (summary.state, summary.rows, summary.failed, summary.partitions) == ("committed", 30, 3, 3)


def test_types_of_spark_come_back_as_they_were(spark: Any, local: sfframe.LocalOrg, tmp_path: Path) -> None:
    frame = spark.sql(
        "SELECT 'a' LastName, date'2024-02-29' Birthdate, cast(1.5 as decimal(10,2)) d,"
        " timestamp'2024-01-01 12:00:00' t, timestamp_ntz'2024-01-01 12:00:00' n, null v, array(1, 2) a,"
        " struct(1 x, 'y' y) s, map('k', 1L) m, true b,"
        " cast(1 as tinyint) i8, binary('x') bin, cast(1.5 as float) f"
    )
    save(frame, tmp_path / "run", operation="insert", externalIdField="", columns="LastName, Birthdate")
    found = spark.read.parquet(str(tmp_path / "run" / "successful_results"))
    expected = {field.name: field.dataType.simpleString() for field in frame.schema} | {"v": "string"}
    types = {field.name: field.dataType.simpleString() for field in found.schema}
    assert types == {**expected, "sf__Id": "string", "sf__Created": "boolean"}
    assert found.select(frame.columns).collect()[0] == frame.collect()[0]


def test_what_is_wrong_before_the_first_row_fails_the_save(spark: Any, tmp_path: Path) -> None:
    frame = contacts(spark)
    with pytest.raises(Exception, match=r"there is no option 'objekt'; did you mean 'object'"):
        save(frame, tmp_path / "run", objekt="x")
    with pytest.raises(Exception, match="Contact has no field 'Nme'"):
        save(frame.withColumnRenamed("LastName", "Nme"), tmp_path / "run")
    with pytest.raises(Exception, match=r"say mode\('append'\)"):
        frame.write.format("sfframe").mode("overwrite").options(object="Contact", operation="insert").save()


def test_rows_that_failed_fail_the_save_where_that_is_wanted(spark: Any, tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"RecordsFailed: NOT OK  upsert Contact.*3 FAILED, 27 successful"):
        save(contacts(spark), tmp_path / "run", onFailure="raise")
    assert pl.read_parquet(tmp_path / "run" / "summary" / "*.parquet")["state"].item() == "committed"


def test_a_save_whose_task_failed_for_good_is_aborted_and_finished_by_the_same_save(
    spark: Any, local: sfframe.LocalOrg, tmp_path: Path
) -> None:
    local.faults.append(Fault("results", "status", status=403, error_code="INSUFFICIENT_ACCESS", times=None))
    with pytest.raises(Exception, match="OutcomeUnknown"):
        save(contacts(spark).repartition(2), tmp_path / "run")
    assert pl.read_parquet(tmp_path / "run" / "summary" / "*.parquet")["state"].item() == "aborted"
    local.faults.clear()
    begun = local.count("create")
    save(contacts(spark).repartition(2), tmp_path / "run")
    assert begun <= local.count("create") <= 2
    summary = pl.read_parquet(tmp_path / "run" / "summary" / "*.parquet").row(0, named=True)
    assert (summary["state"], summary["successful"], summary["failed"], summary["jobs"]) == ("committed", 27, 3, 2)


def test_a_job_that_takes_long_is_not_sent_twice_by_speculation(
    spark: Any, local: sfframe.LocalOrg, tmp_path: Path
) -> None:
    local.faults.append(Fault("job", "stuck", looks=12))
    save(contacts(spark, 40).repartition(4), tmp_path / "run", operation="insert", externalIdField="")
    assert local.count("create") == 4
    keys = there(local)
    assert len(keys) == len(set(keys)) == 36


def people(local: sfframe.LocalOrg, n: int) -> pl.DataFrame:
    """Contacts in the org; each seventh has no first name, and names differ in case."""
    frame = pl.DataFrame(
        {
            "ExternalId__c": [f"k{i}" for i in range(n)],
            "LastName": [("Lovelace", "LOVELACE", "Hopper", "O'Neil")[i % 4] for i in range(n)],
            "FirstName": [None if i % 7 == 0 else f"Ada {i}" for i in range(n)],
            "Birthdate": [date(1990, 1, 1 + i % 28) for i in range(n)],
            "Visits__c": list(range(n)),
            "DoNotCall": [i % 3 == 0 for i in range(n)],
            "Wakeup__c": [time(6, i % 60) for i in range(n)],
        }
    )
    sfframe.bulk(frame).insert("Contact", org=local.org)
    return frame


SOQL = (
    "SELECT ExternalId__c, LastName, FirstName, Birthdate, Visits__c, DoNotCall, Wakeup__c, Account.Name FROM Contact"
)


@pytest.mark.parametrize("api", ["rest", "bulk"])
def test_what_is_read_is_what_the_org_has(spark: Any, local: sfframe.LocalOrg, api: str) -> None:
    frame = people(local, 50)
    found = spark.read.format("sfframe").options(soql=SOQL, api=api).load()
    types = [field.dataType.simpleString() for field in found.schema]
    assert types == ["string", "string", "string", "date", "double", "boolean", "string", "string"]
    rows = sorted((tuple(row) for row in found.collect()), key=lambda row: row[4])
    expected = frame.with_columns(pl.col("Visits__c").cast(float), pl.col("Wakeup__c").dt.to_string("%H:%M:%S.000"))
    assert rows == [(*row, None) for row in expected.rows()]


def test_an_object_is_read_by_its_columns(spark: Any, local: sfframe.LocalOrg) -> None:
    people(local, 50)
    for columns, n in (("LastName", 50), ("ExternalId__c, Account.Name", 50)):
        found = spark.read.format("sfframe").options(object="contact", columns=columns, api="bulk").load()
        assert (found.columns, found.count()) == (columns.split(", "), n)
    everything = spark.read.format("sfframe").option("object", "Contact").load()
    assert {"Id", "LastName", "CreatedDate"} <= set(everything.columns)


FILTERS = (
    "LastName = 'Lovelace'",
    "LastName <> 'Lovelace'",
    "LastName in ('hopper', 'Hopper', 'O\\'Neil')",
    "FirstName is null",
    "FirstName is not null",
    "FirstName like 'Ada 1%'",
    "FirstName like '%3'",
    "LastName like '%vela%'",
    "Birthdate >= date'1990-01-20'",
    "Birthdate in (date'1990-01-02', date'1990-01-03')",
    "Visits__c < 10",
    "Visits__c = 10.5",
    "not (Visits__c > 3)",
    "DoNotCall",
    "not DoNotCall",
    "FirstName <=> null",
    "FirstName <=> 'Ada 1'",
    "not (FirstName <=> 'Ada 1')",
    "`Account.Name` is null",
    "Wakeup__c = '06:05:00.000'",
    "LastName = 'nobody'",
    "FirstName not in ('Ada 1', 'Ada 2')",
    "CreatedDate > timestamp'2001-01-01 00:00:00'",
)


def test_filters_that_travel_find_the_rows_that_spark_finds(spark: Any, local: sfframe.LocalOrg) -> None:
    people(local, 40)
    soql = SOQL.replace("Account.Name", "Account.Name, CreatedDate")

    def read() -> Any:
        return spark.read.format("sfframe").option("soql", soql).load()

    whole = read().cache()
    expected = {text: sorted(whole.where(text).select("Visits__c").collect()) for text in FILTERS}
    spark.conf.set("spark.sql.python.filterPushdown.enabled", "true")
    try:
        found = {text: sorted(read().where(text).select("Visits__c").collect()) for text in FILTERS}
        assert found == expected
        with_clauses = spark.read.format("sfframe").option("soql", f"{SOQL} WHERE Visits__c < 5").load()
        assert with_clauses.where("DoNotCall").count() == 2
    finally:
        spark.conf.unset("spark.sql.python.filterPushdown.enabled")


def test_no_secret_is_in_a_plan(spark: Any, local: sfframe.LocalOrg, capsys: pytest.CaptureFixture[str]) -> None:
    found = spark.read.format("sfframe").options(object="Contact", columns="LastName").load()
    found.explain(True)
    told = capsys.readouterr().out
    assert "sfframe" in told
    assert local.client_secret not in told


def test_a_script_loads_a_file_and_goes_on_with_it(
    spark: Any, local: sfframe.LocalOrg, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = runpy.run_path(str(ROOT / "docs" / "examples" / "load_with_spark.py"))
    assert script["main"]([str(ROOT / "docs" / "examples" / "customers.csv"), str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert re.findall(r"(\w+): (\d+) of (\d+) rows", out) == [("Account", "10", "10"), ("Contact", "12", "12")]
    assert "The org has" in out


def test_whatever_process_is_killed_each_row_is_written_once(
    spark: Any, local: sfframe.LocalOrg, tmp_path: Path
) -> None:
    tally = spark_kills.Tally()
    seed = 0
    while tally.kills < 4:
        folder = tmp_path / str(seed)
        folder.mkdir()
        spark_kills.kill_while_it_saves(local, spark, folder, seed, tally)
        seed += 1
