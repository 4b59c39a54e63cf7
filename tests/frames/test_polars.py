"""Polars DataFrames: rows, dtypes and order stay the caller's."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from sfframe import Org, bulk

pytestmark = pytest.mark.filterwarnings("ignore::sfframe.RecordsFailedWarning")


def every_dtype() -> pl.DataFrame:
    """A frame of columns of every kind, `LastName` null in the second row."""
    return pl.DataFrame(
        {
            "LastName": ["a", None, "c"],
            "category": pl.Series(["x", None, "y"], dtype=pl.Categorical),
            "enum": pl.Series(["x", None, "y"], dtype=pl.Enum(["y", "x"])),
            "int8": pl.Series([1, None, 3], dtype=pl.Int8),
            "uint64": pl.Series([2**64 - 1, None, 3], dtype=pl.UInt64),
            "int128": pl.Series([2**100, None, 3], dtype=pl.Int128),
            "float32": pl.Series([0.1, None, float("nan")], dtype=pl.Float32),
            "float64": [0.1, None, float("nan")],
            "decimal": pl.Series([Decimal("1.50"), None, Decimal("3")], dtype=pl.Decimal(20, 2)),
            "bool": [True, None, False],
            "date": [dt.date(2026, 1, 31), None, dt.date(1, 1, 1)],
            "naive": pl.Series([dt.datetime(2026, 1, 31), None, None], dtype=pl.Datetime("ns")),
            "zoned": pl.Series([dt.datetime(2026, 1, 31), None, None], dtype=pl.Datetime("ms")).dt.replace_time_zone(
                "Asia/Kathmandu"
            ),
            "time": [dt.time(1, 2, 3, 456789), None, dt.time(0)],
            "duration": [dt.timedelta(1), None, dt.timedelta(microseconds=1)],
            "list": [["a"], None, []],
            "nested": [[["a"]], None, []],
            "array": pl.Series([[1, 2], None, [3, 4]], dtype=pl.Array(pl.Int64, 2)),
            "struct": [{"a": 1, "b": "x"}, None, {"a": 2, "b": None}],
            "binary": [b"\x00", None, b""],
            "null": pl.Series([None] * 3, dtype=pl.Null),
        }
    )


def test_every_column_comes_back_with_its_dtype_and_values(org: Org) -> None:
    frame = every_dtype()
    result = bulk(frame).insert("Contact", org=org, columns=["LastName"])
    assert_frame_equal(result.successful_results.drop("sf__Id", "sf__Created"), frame[[0, 2]])
    assert_frame_equal(result.failed_results.drop("sf__Id", "sf__Error"), frame[[1]])
    assert_frame_equal(result.unprocessed_records, frame.clear())


def test_result_columns_have_their_dtypes_also_in_empty_frames(org: Org) -> None:
    for names in (["a", None], []):
        frame = pl.DataFrame({"LastName": pl.Series(names, dtype=pl.String)})
        result = bulk(frame).insert("Contact", org=org)
        own = {"LastName": pl.String}
        assert result.successful_results.schema == {**own, "sf__Id": pl.String, "sf__Created": pl.Boolean}
        assert result.failed_results.schema == {**own, "sf__Id": pl.String, "sf__Error": pl.String}
        assert result.unprocessed_records.schema == own
        sf = {"sf__Outcome": pl.String, "sf__Id": pl.String, "sf__Created": pl.Boolean, "sf__Error": pl.String}
        assert result.to_frame().schema == {**own, **sf}


def test_a_frame_that_is_changed_in_place_leaves_the_result_alone(org: Org) -> None:
    frame = pl.DataFrame({"LastName": ["a", "b"]})
    result = bulk(frame).insert("Contact", org=org)
    frame[0, "LastName"] = "changed"
    frame.insert_column(0, pl.Series("new", [1, 2]))
    assert result.successful_results["LastName"].to_list() == ["a", "b"]
    assert result.successful_results.columns == ["LastName", "sf__Id", "sf__Created"]


def test_the_accessor_is_the_same_door(org: Org) -> None:
    assert pl.DataFrame({"LastName": ["a"]}).sfbulk.insert("Contact", org=org)  # type: ignore[attr-defined]


@pytest.mark.parametrize("nulls", ["clear", "ignore"])
def test_a_frame_of_columns_without_any_value_sends_every_row(org: Org, nulls: str) -> None:
    frame = pl.DataFrame({"Title": pl.Series([None] * 3, dtype=pl.Null), "LastName": [None] * 3})
    (payload,) = bulk(frame).payloads("Contact", "insert", org=org, nulls={"Title": nulls})  # type: ignore[dict-item]
    cell = b'"#N/A"' if nulls == "clear" else b'""'
    assert payload == b'"Title","LastName"\n' + (cell + b',""\n') * 3


def test_rows_without_a_key_are_all_found_where_the_column_has_no_dtype(org: Org) -> None:
    frame = pl.DataFrame({"ExternalId__c": [None] * 3, "LastName": list("abc")})
    told = bulk(frame).check("Contact", "upsert", "ExternalId__c", org=org)
    assert told.select("code", "rows").rows() == [("MISSING_KEY", 3)]
