"""`LocalOrg.define`: an object in one line, from a dict or from a frame of either library."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import sfframe
from sfframe.definition import fields_of

_VALUES: dict[str, list[Any]] = {
    "Id": ["a04", None],
    "Name": ["first", "second"],
    "Key__c": ["k1", "k2"],
    "Count__c": [2**40, -3],
    "Ratio__c": [1234.5678, None],
    "Price__c": [Decimal("12345.67"), Decimal("-0.01")],
    "Paid__c": [True, False],
    "Due__c": [dt.date(2026, 1, 31), None],
    "Seen__c": [dt.datetime(2026, 1, 31, 12, 30, tzinfo=dt.UTC), None],
    "At__c": [dt.time(8, 30), None],
    "Colours__c": [["Red", "Blue"], ["Blue"]],
    "Note__c": ["x" * 300, "é\U0001f600"],
    "Empty__c": [None, None],
}
_TYPES = {
    "Name": "string", "Key__c": "string", "Count__c": "double", "Ratio__c": "double", "Price__c": "currency",
    "Paid__c": "boolean", "Due__c": "date", "Seen__c": "datetime", "At__c": "time", "Colours__c": "multipicklist",
    "Note__c": "textarea", "Empty__c": "string",
}  # fmt: skip


def frame_of(library: str) -> Any:
    if library == "pandas":
        return pd.DataFrame(_VALUES)
    table = pa.table(_VALUES)
    return table if library == "pyarrow" else pl.DataFrame(_VALUES)


@pytest.fixture(scope="module")
def own_local() -> Iterator[sfframe.LocalOrg]:
    with sfframe.LocalOrg() as local:
        yield local


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_a_frames_dtypes_say_what_the_fields_are(library: str) -> None:
    specs = fields_of(frame_of(library))
    assert {name: spec.get("type", "string") for name, spec in specs.items()} == _TYPES
    assert specs["Name"]["nameField"] is True
    assert specs["Count__c"]["scale"] == 0
    assert (specs["Ratio__c"]["scale"], specs["Price__c"]["scale"], specs["Note__c"]["length"]) == (4, 2, 32_768)
    assert specs["Colours__c"]["values"] == ["Red", "Blue"]


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_the_frame_itself_goes_in_and_comes_back(own_local: sfframe.LocalOrg, library: str) -> None:
    frame = frame_of(library)
    own_local.define("Invoice__c", frame, external_id_field="Key__c")
    own_local.reset()
    sent = frame.drop(columns="Id") if library == "pandas" else frame.drop(["Id"]) if library == "polars" else None
    sent = frame.drop_columns("Id") if sent is None else sent
    result = sfframe.ingest(sent, "Invoice__c", "upsert", "Key__c", org=own_local.org)
    assert len(result.successful_results) == 2
    rows = {row["Key__c"]: row for row in own_local.rows("Invoice__c").to_pylist()}
    first, second = rows["k1"], rows["k2"]
    assert (first["Name"], first["Count__c"], first["Ratio__c"], first["Price__c"]) == (
        "first", float(2**40), 1234.5678, 12345.67,
    )  # fmt: skip
    assert (first["Due__c"], first["At__c"]) == (_VALUES["Due__c"][0], _VALUES["At__c"][0])
    assert first["Seen__c"].replace(tzinfo=dt.UTC) == _VALUES["Seen__c"][0]
    assert (first["Paid__c"], first["Colours__c"], first["Note__c"]) == (True, "Red;Blue", "x" * 300)
    assert (second["Note__c"], second["Empty__c"], second["Due__c"]) == ("é\U0001f600", None, None)


def test_a_dict_takes_an_external_id_by_name(own_local: sfframe.LocalOrg) -> None:
    own_local.define("Receipt__c", {"Total__c": "currency", "Ext__c": "string"}, external_id_field="Ext__c")
    result = sfframe.ingest(
        pl.DataFrame({"Ext__c": ["a"], "Total__c": [1.5]}),
        "Receipt__c",
        "upsert",
        external_id_field="Ext__c",
        org=own_local.org,
    )
    assert len(result.successful_results) == 1
    with pytest.raises(ValueError, match="'Foo__c' is none of the fields: Total__c"):
        own_local.define("Receipt__c", {"Total__c": "currency"}, external_id_field="Foo__c")


def test_categories_are_picklists_and_an_index_is_no_field() -> None:
    frame = pd.DataFrame(
        {"Level__c": pd.Categorical(["b", "a", None], categories=["a", "b", "c"])},
        index=pd.Index([5, 6, 7], name="Number__c"),
    )
    assert fields_of(frame) == {"Level__c": {"type": "picklist", "values": ["a", "b", "c"]}}
    levels = pl.DataFrame({"Level__c": ["a", "b"]}, schema={"Level__c": pl.Enum(["a", "b", "c"])})
    assert fields_of(levels) == {"Level__c": {"type": "picklist", "values": ["a", "b", "c"]}}


def test_floats_get_the_decimals_that_they_need() -> None:
    def scale(*values: float | None) -> int:
        return int(fields_of(pl.DataFrame({"X__c": values}, schema={"X__c": pl.Float64}))["X__c"]["scale"])

    assert scale(1.0, 2.5) == 2
    assert scale(0.125, -17.0625) == 4
    assert (scale(1e-7), scale(1e-12)) == (7, 10)
    assert scale(1e15) == 2
    assert scale(1e17 + 0.5) == 0
    assert scale(float("nan"), float("inf"), None) == 2
    assert scale() == 2


def test_what_no_field_holds_is_named() -> None:
    with pytest.raises(TypeError, match=r"column 'X__c' is struct<a: int64>, which no type of field holds"):
        fields_of(pa.table({"X__c": [{"a": 1}]}))
    with pytest.raises(TypeError, match="by a dict or a frame"):
        fields_of([1])
    with pytest.raises(TypeError, match="several kinds"):
        fields_of(pd.DataFrame({"X__c": ["a", 1]}, dtype=object))
    with pytest.raises(ValueError, match=r"column 'Account\.Name' names a field of another record"):
        fields_of(pa.table({"Account.Name": ["x"]}))
