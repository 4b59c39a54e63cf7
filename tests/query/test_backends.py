"""Frames of each library: the same values, dtypes that never depend on them, and a way back into the org."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sfframe
from sfframe.front import backend_of
from tests.conftest import column
from tests.examples import scaled

BACKENDS = [("polars", None), ("pyarrow", None), ("pandas", None), ("pandas", "numpy_nullable"), ("pandas", "pyarrow")]
FIELDS: dict[str, Any] = {
    "Text__c": "string",
    "Whole__c": {"type": "int"},
    "Number__c": {"type": "double", "precision": 18, "scale": 6},
    "Money__c": {"type": "currency", "precision": 18, "scale": 2},
    "Flag__c": "boolean",
    "Day__c": "date",
    "Moment__c": "datetime",
    "Time__c": "time",
    "Many__c": {"type": "multipicklist", "values": ["a", "b", "c"]},
}
OWN = ", ".join(FIELDS)
ROWS = pl.DataFrame(
    {
        "Text__c": ["NA", "null", "007", "1E5", "in  between", 'a "b"\nc', "Ünï 𝄞", None],
        "Whole__c": [0, 1, -1, 9_999_999, None, 5, 6, 7],
        "Number__c": [0.1, -2.5, 1e11, None, 0.000001, 3.0, 4.0, 5.0],
        "Money__c": [0.1, 19.99, None, 1e15, -5.0, 1.0, 2.0, 3.25],
        "Flag__c": [True, False, True, False, True, True, False, True],
        "Day__c": [dt.date(1900, 1, 1), dt.date(2024, 2, 29), None, dt.date(2024, 3, 31), *[dt.date(3999, 12, 31)] * 4],
        "Moment__c": [dt.datetime(2024, 3, 31, 1, 30, 0, 999000, dt.UTC), None,
                      *[dt.datetime(1950, 1, 1, 23, tzinfo=dt.UTC)] * 6],
        "Time__c": [dt.time(0), dt.time(23, 59, 59, 999000), None, dt.time(12), *[dt.time(1, 2, 3)] * 4],
        "Many__c": [["a"], ["a", "b", "c"], None, ["c"], *[["b"]] * 4],
    },
    schema_overrides={"Many__c": pl.List(pl.String)},
)  # fmt: skip


@pytest.fixture(scope="module")
def started() -> Iterator[sfframe.LocalOrg]:
    with sfframe.LocalOrg() as local:
        local.define("Thing__c", FIELDS)
        yield local


@pytest.fixture(scope="module")
def things(started: sfframe.LocalOrg) -> Iterator[sfframe.Org]:
    """An org with records of every kind of field, some of them empty; who changes them puts them back."""
    with started.fresh() as org:
        sfframe.bulk(ROWS).insert("Thing__c").raise_for_failures()
        accounts = pl.DataFrame({"Name": ["a", "b"], "BillingCity": ["Ulm", None]})
        sfframe.bulk(accounts).insert("Account").raise_for_failures()
        yield org


def read(soql: str, backend: Any, dtype_backend: Any, **options: Any) -> Any:
    more = {} if dtype_backend is None else {"dtype_backend": dtype_backend}
    return sfframe.read_soql(soql, backend=backend, **more, **options)


def dtypes(frame: Any) -> dict[str, str]:
    if isinstance(frame, pa.Table):
        return {field.name: str(field.type) for field in frame.schema}
    found = frame.schema if isinstance(frame, pl.DataFrame) else frame.dtypes.to_dict()
    return {name: str(dtype) for name, dtype in found.items()}


# --- dtypes -----------------------------------------------------------------------------------------------------------

TEXT = str(pd.Series(["a"]).dtype) if int(pd.__version__[0]) >= 3 else "string"
DTYPES: dict[tuple[str, str | None], list[str]] = {
    ("polars", None): ["String", "Int64", "Float64", "Float64", "Boolean", "Date",
                       "Datetime(time_unit='us', time_zone='UTC')", "Time", "String"],
    ("pyarrow", None): ["large_string", "int64", "double", "double", "bool", "date32[day]",
                        "timestamp[us, tz=UTC]", "time64[us]", "large_string"],
    ("pandas", None): [TEXT, "Int64", "float64", "float64", "boolean", "datetime64[us]",
                       "datetime64[us, UTC]", "object", TEXT],
    ("pandas", "numpy_nullable"): ["string", "Int64", "Float64", "Float64", "boolean", "datetime64[us]",
                                   "datetime64[us, UTC]", "object", "string"],
    ("pandas", "pyarrow"): [f"{name}[pyarrow]" for name in (
                            "large_string", "int64", "double", "double", "bool", "date32[day]",
                            "timestamp[us, tz=UTC]", "time64[us]", "large_string")],
}  # fmt: skip


@pytest.mark.parametrize(("backend", "dtype_backend"), BACKENDS)
def test_dtypes_are_those_of_the_fields_whatever_the_data(
    things: sfframe.Org, backend: str, dtype_backend: str | None
) -> None:
    expected = dict(zip(FIELDS, DTYPES[backend, dtype_backend], strict=True))
    all_of_them = f"SELECT {OWN} FROM Thing__c"
    for where in ("", " WHERE Text__c = 'NA'", " WHERE Text__c = null", " WHERE Text__c = 'nobody'"):
        for api in ("rest", "bulk"):
            assert dtypes(read(all_of_them + where, backend, dtype_backend, api=api)) == expected


@pytest.mark.parametrize(("backend", "dtype_backend"), BACKENDS)
def test_decimals_and_lists_are_those_of_the_library(
    things: sfframe.Org, backend: str, dtype_backend: str | None
) -> None:
    soql = "SELECT Money__c, Many__c FROM Thing__c WHERE Text__c IN ('NA', 'null', '007') ORDER BY Text__c"
    frame = read(soql, backend, dtype_backend, decimals=True, multiselect="list")
    money, many = dtypes(frame).values()
    assert column(frame, "Money__c") == [None, Decimal("0.10"), Decimal("19.99")]
    assert [value if value is None else list(value) for value in column(frame, "Many__c")] == [
        None, ["a"], ["a", "b", "c"]]  # fmt: skip
    if backend == "pandas" and dtype_backend != "pyarrow":
        assert (money, many) == ("object", "object")
        assert isinstance(column(frame, "Many__c")[1], list)
    else:
        assert "ecimal" in money
        assert "ist" in many


@pytest.mark.parametrize(("backend", "dtype_backend"), BACKENDS)
def test_an_address_is_a_struct_or_a_dict(things: sfframe.Org, backend: str, dtype_backend: str | None) -> None:
    places = column(read("SELECT BillingAddress FROM Account ORDER BY Name", backend, dtype_backend), "BillingAddress")
    assert places[0]["city"] == "Ulm"
    assert places[1] is None


# --- values -----------------------------------------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """A value as Python has it, whatever library it comes from."""
    if isinstance(value, pd.Timestamp):
        # A date has no zone.
        return value.to_pydatetime() if value.tzinfo else value.date()
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value.item() if isinstance(value, np.generic) else value


MOMENTS = st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(4000, 12, 31), timezones=st.just(dt.UTC))
VALUES: dict[str, tuple[pl.DataType, st.SearchStrategy[Any]]] = {
    "text": (pl.String(), st.text(st.characters(codec="utf-8"))),
    "whole": (pl.Int64(), st.integers(-(2**63), 2**63 - 1)),
    "float": (pl.Float64(), st.floats(allow_nan=False)),
    "flag": (pl.Boolean(), st.booleans()),
    "day": (pl.Date(), st.dates(dt.date(1700, 1, 1), dt.date(4000, 12, 31))),
    "moment": (pl.Datetime("us", "UTC"), MOMENTS),
    "time": (pl.Time(), st.times()),
    "decimal": (pl.Decimal(38, 2), st.decimals(-(10**15), 10**15, places=2)),
    "list": (pl.List(pl.String()), st.lists(st.sampled_from("abc"), min_size=1, max_size=2)),
}
ANY_ROWS = st.lists(st.tuples(*(st.none() | values for _, values in VALUES.values())), max_size=4)


@pytest.mark.parametrize(("backend", "dtype_backend"), BACKENDS)
@given(pages=st.lists(ANY_ROWS, min_size=1, max_size=3))
@settings(max_examples=scaled(25))
def test_any_values_are_the_same_in_each_library(backend: str, dtype_backend: str | None, pages: list[Any]) -> None:
    schema = {name: dtype for name, (dtype, _) in VALUES.items()}
    frame = pl.concat(pl.DataFrame(page, schema=schema, orient="row") for page in pages)
    made = backend_of(backend, dtype_backend).of(frame)
    assert dtypes(made) == dtypes(backend_of(backend, dtype_backend).of(frame.clear()))
    for name in schema:
        assert [plain(value) for value in column(made, name)] == frame[name].to_list(), name


@pytest.mark.parametrize("dtype_backend", [None, "numpy_nullable", "pyarrow"])
def test_a_pandas_frame_is_its_own_and_can_be_written(things: sfframe.Org, dtype_backend: Any) -> None:
    soql = f"SELECT {OWN} FROM Thing__c"
    frame = read(soql, "pandas", dtype_backend)
    assert isinstance(frame.index, pd.RangeIndex)
    for name in ("Whole__c", "Number__c", "Flag__c", "Day__c", "Moment__c"):
        frame.loc[0, name] = frame.loc[7, name]
    assert frame.loc[0, "Number__c"] == 5.0
    frame["Number__c"] *= 2
    assert frame.loc[7, "Number__c"] == 10.0


@pytest.mark.parametrize("dtype_backend", [None, "numpy_nullable", "pyarrow"])
def test_a_pandas_column_of_many_pages_is_in_one_piece(dtype_backend: str | None) -> None:
    kind = backend_of("pandas", dtype_backend)
    frame = kind.to_frame(kind.form.concat([kind.form.of(ROWS)] * 3))
    for name in ROWS.columns:
        assert pa.Table.from_pandas(frame[[name]])[name].num_chunks == 1
        assert [plain(value) for value in column(frame, name)] == ROWS[name].to_list() * 3


# --- and back ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"decimals": True, "multiselect": "list"}], ids=["plain", "exact"])
@pytest.mark.parametrize(("backend", "dtype_backend"), BACKENDS)
def test_what_was_read_is_sent_back_the_same(
    things: sfframe.Org, backend: str, dtype_backend: str | None, options: dict[str, Any]
) -> None:
    soql = f"SELECT Id, {OWN} FROM Thing__c ORDER BY Id"
    before = sfframe.read_soql(soql)
    frame = read(soql, backend, dtype_backend, **options)
    empty = before.with_columns(pl.lit(None, dtype=dtype).alias(name) for name, dtype in before.schema.items()
                                if name not in ("Id", "Flag__c")).with_columns(~pl.col("Flag__c"))  # fmt: skip
    sfframe.bulk(empty).update("Thing__c", nulls="clear").raise_for_failures()
    assert sfframe.read_soql(soql).equals(empty)
    sfframe.ingest(frame, "Thing__c", "update").raise_for_failures()
    assert sfframe.read_soql(soql).equals(before)
