"""Columns of rare types and names: sent as what they mean, given back as they are, or refused beforehand."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import dateutil.tz  # type: ignore[import-untyped]  # its stubs are a package of their own
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import sfframe
from sfframe import Org, bulk

pytestmark = pytest.mark.filterwarnings("ignore::sfframe.RecordsFailedWarning")
UNSENT: dict[str, Any] = {"columns": {"kept": None}, "on_failure": "return"}
KEPT: dict[str, pa.Array[Any]] = {
    "string view": pa.array(["x", None, "z"], pa.string_view()),
    "binary view": pa.array([b"x", None, b"z"], pa.binary_view()),
    "seconds": pa.array([dt.datetime(2026, 1, 31), None, dt.datetime(2026, 2, 1)], pa.timestamp("s", "UTC")),
    "date64": pa.array([dt.date(2026, 1, 31), None, dt.date(2026, 2, 1)], pa.date64()),
    "many digits": pa.array([Decimal("1.5"), None, Decimal(2)], pa.decimal256(50, 2)),
    "time32": pa.array([dt.time(8), None, dt.time(9)], pa.time32("s")),
}
IN_MEMORY: dict[str, pa.Array[Any]] = {
    "run ends": pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), pa.array(["x", "z"])),
    "list view": pa.array([["x"], None, ["z", "y"]], pa.list_view(pa.string())),
    "numbers in a dictionary": pa.array([1, None, 3]).dictionary_encode(),
    "offset": pa.array([dt.datetime(2026, 1, 31)] * 3, pa.timestamp("us", "+05:30")),
    "negative scale": pa.array([Decimal(1500)] * 3, pa.decimal128(5, -2)),
    "interval": pa.array([(1, 2, 3)] * 3, pa.month_day_nano_interval()),
    "union": pa.UnionArray.from_dense(
        pa.array([0, 1, 0], pa.int8()), pa.array([0, 0, 1], pa.int32()), [pa.array(["x", "z"]), pa.array([1])]
    ),
}


def with_bad_row(kept: pa.Array[Any]) -> pa.Table:
    return pa.table({"LastName": ["a", None, "c"], "kept": kept})


def as_they_were(found: pa.Table, table: pa.Table) -> bool:
    whole = table["kept"].to_pylist()
    kept = found["kept"]
    return kept.type == table["kept"].type and bool(kept.to_pylist() == [whole[0], whole[2]])


@pytest.mark.parametrize("kept", [*KEPT, *IN_MEMORY])
def test_a_tables_unsent_columns_come_back_whatever_they_are(kept: str, org: Org) -> None:
    table = with_bad_row({**KEPT, **IN_MEMORY}[kept])
    result = sfframe.ingest(table, "Contact", "insert", org=org, invalid="report", **UNSENT)
    assert as_they_were(result.successful_results, table)


def since(version: str, module: Any) -> bool:
    return tuple(map(int, module.__version__.split(".")[:2])) >= tuple(map(int, version.split(".")))


# What Parquet files of older Arrows can't hold is refused beforehand, as those of IN_MEMORY are.
_NEWER = {"string view": "21.0", "binary view": "21.0", "many digits": "26.0"}


@pytest.mark.parametrize("kept", [kept for kept in KEPT if since(_NEWER.get(kept, "0.0"), pa)])
def test_a_streams_unsent_columns_come_back_with_their_types(kept: str, org: Org) -> None:
    table = with_bad_row(KEPT[kept])
    result: Any = sfframe.ingest(table.to_reader(), "Contact", "insert", org=org, invalid="report", **UNSENT)
    assert as_they_were(result.successful_results.to_table(), table)


@pytest.mark.parametrize("kept", IN_MEMORY)
def test_a_streams_column_that_couldnt_be_given_back_is_refused_beforehand(kept: str, org: Org) -> None:
    with pytest.raises(sfframe.UnsupportedTypeError, match=r"'kept': .* can't be kept on disk"):
        sfframe.ingest(with_bad_row(IN_MEMORY[kept]).to_reader(), "Contact", "insert", org=org, **UNSENT)


def test_a_streams_sent_column_that_couldnt_be_read_again_is_refused_beforehand(org: Org) -> None:
    table = pa.table({"LastName": ["a"], "Visits__c": pa.array([Decimal(1)], pa.decimal256(50, 0))})
    with pytest.raises(sfframe.UnsupportedTypeError, match=r"'Visits__c': .* can't be kept on disk"):
        sfframe.ingest(table.to_reader(), "Contact", "insert", org=org)


def test_unsent_columns_of_one_name_come_back_from_a_table_and_are_refused_in_a_stream(org: Org) -> None:
    names = ["LastName", "kept", "kept"]
    table = pa.table([pa.array(["a", "b"]), pa.array([1, 2]), pa.array([3, 4])], names=names)
    result = sfframe.ingest(table, "Contact", "insert", org=org, **UNSENT)
    assert result.successful_results.column_names == [*names, "sf__Id", "sf__Created"]
    with pytest.raises(sfframe.PayloadError, match="'kept': the stream has 2 columns of this name"):
        sfframe.ingest(table.to_reader(), "Contact", "insert", org=org, **UNSENT)


@pytest.mark.parametrize("view", [pa.list_view, pa.large_list_view], ids=["list view", "large list view"])
def test_list_views_are_sent_whatever_lies_at_their_nulls(view: Any) -> None:
    field = "Langs__c"
    table = pa.table({field: pa.array([["x"], None, ["a", "b"], [], ["c"]], view(pa.string()))}).slice(1)
    (payload,) = bulk(table).payloads("Contact", "insert", describe=False)
    assert payload == b'"Langs__c"\n""\n"a;b"\n""\n"c"\n'


@pytest.mark.parametrize(
    "zone",
    [dateutil.tz.gettz("Europe/Berlin"), dateutil.tz.tzoffset(None, 3600), dt.timezone(dt.timedelta(seconds=3661))],
    ids=["zone", "offset", "with seconds"],
)
@pytest.mark.parametrize("dtype", [None, object], ids=["datetimes", "objects"])
def test_datetimes_of_any_zone_are_sent_as_their_instant(zone: dt.tzinfo, dtype: Any) -> None:
    moment = dt.datetime(2026, 1, 31, 8, tzinfo=zone)
    frame = pd.DataFrame({"Moment__c": pd.Series([moment, None], dtype=dtype)})
    (payload,) = bulk(frame).payloads("Contact", "insert", describe=False)
    instant = moment.astimezone(dt.UTC)
    assert payload.decode() == f'"Moment__c"\n"{instant:%Y-%m-%dT%H:%M:%S}.000Z"\n""\n'


@pytest.mark.parametrize("name", ["^Last.*$", "*"])
@pytest.mark.parametrize("lazy", [False, True], ids=["frame", "lazy"])
def test_a_name_that_looks_like_a_pattern_comes_back_and_is_never_sent(name: str, lazy: bool, org: Org) -> None:
    frame = pl.DataFrame({"LastName": ["a", None], name: ["mine", "too"]})
    if lazy and not since("1.38", pl):
        pytest.skip("this Polars itself takes the names of a LazyFrame's columns for patterns")
    given: Any = frame.lazy() if lazy else frame
    result: Any = sfframe.ingest(
        given, "Contact", "insert", org=org, columns=["LastName"], invalid="report", on_failure="return"
    )
    assert result.successful_results.lazy().collect()[name].to_list() == ["mine"]
    with pytest.raises(sfframe.SchemaError, match="takes the name for a pattern"):
        bulk(given).payloads("Contact", "insert", describe=False, columns={name: "Title"})


def test_labels_that_cant_be_compared_are_no_hindrance(org: Org) -> None:
    frame = pd.DataFrame([["a", 1]], columns=pd.Index(["LastName", pd.NA], dtype=object))
    result = sfframe.ingest(frame, "Contact", "insert", org=org, columns=["LastName"])
    assert list(result.successful_results.columns[2:]) == ["sf__Id", "sf__Created"]


def test_dicts_within_dicts_keep_each_of_their_keys(org: Org) -> None:
    records: list[dict[str, Any]] = [
        {"LastName": "a", "kept": {"x": 1}, "list": [{"x": 1}]},
        {"LastName": "b", "kept": {"y": 2}, "list": [{"y": 2}]},
    ]
    result = sfframe.ingest(records, "Contact", "insert", org=org, columns=["LastName"])
    assert result.successful_results["kept"].to_list() == [{"x": 1, "y": None}, {"x": None, "y": 2}]
    assert result.successful_results["list"].to_list() == [[{"x": 1, "y": None}], [{"x": None, "y": 2}]]
