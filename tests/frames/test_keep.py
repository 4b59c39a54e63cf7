"""Sources that are kept in a folder: another process gets the very same frame again, or is told beforehand."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import math
import os
import tempfile
import time
import zoneinfo
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from sfframe.frames.cells import cells_of, made_of
from sfframe.frames.shelf import KeptFolder
from sfframe.front import (
    EVERY_ROW,
    FAILED_RESULTS,
    SUCCESSFUL_RESULTS,
    UNPROCESSED_RECORDS,
    Source,
    restored,
    source_of,
)
from sfframe.ingest.outcomes import Outcomes
from sfframe.ingest.same import same_rows
from sfframe.testing import frames
from tests.examples import scaled
from tests.frames.test_kept import IN_MEMORY, KEPT, since
from tests.frames.test_polars import every_dtype

PARTS = (SUCCESSFUL_RESULTS, FAILED_RESULTS, UNPROCESSED_RECORDS, EVERY_ROW)
NEW_PANDAS = int(pd.__version__.partition(".")[0]) >= 3
to_datetime: Any = pd.to_datetime
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")


@pytest.fixture(autouse=True, scope="module")
def no_waiting() -> Iterator[list[tuple[int, int]]]:
    """The disk isn't waited for; what would have been, by device and inode."""
    with pytest.MonkeyPatch.context() as patch:
        found: list[tuple[int, int]] = []
        patch.setattr("os.fsync", lambda fd: found.append((os.fstat(fd).st_dev, os.fstat(fd).st_ino)))
        yield found


def sendable(source: Source[Any]) -> list[str]:
    """The columns that can be sent, of those that have a name of their own."""
    labels = list(source.labels)
    names = [label for label in labels if isinstance(label, str) and labels.count(label) == 1]
    types = source.types(names)
    whole = {p.column for p in types.problems if p.rows is None}
    return [name for name in names if name in types.dtypes and name not in whole]


def fates(n: int) -> Outcomes:
    """Every third row failed, some not processed."""
    outcomes = Outcomes(n)
    rows = pl.int_range(n, dtype=pl.Int64, eager=True)
    outcome = (rows % 3 + 1).replace_strict([1, 2, 3], sorted({o for part in PARTS[:3] for o in part.outcomes}))
    text = pl.Series(["x"] * n, dtype=pl.String)
    outcomes.add(
        pl.DataFrame({"row": rows, "outcome": outcome, "sf__Id": text, "sf__Created": text, "sf__Error": text})
    )
    return outcomes


def kept_and_restored(source: Source[Any], folder: Path) -> tuple[Source[Any], list[str]]:
    names = sendable(source)
    source.rows(names, lambda: KeptFolder(folder))
    source.keep(folder)
    again = restored(source.kind, folder)
    assert sendable(again) == names
    return again, names


def assert_comes_back(frame: Any, same: Callable[[Any, Any], None]) -> None:
    """That a frame is kept and comes back, in all that a source gives."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as another:
        source = source_of(frame)
        assert list(source.unkept()) == []
        again, names = kept_and_restored(source, Path(one))
        assert_same_source(source, again, names, same)
        # What was restored can be kept again.
        third, _ = kept_and_restored(again, Path(another))
        same(third.beside(pl.DataFrame()), again.beside(pl.DataFrame()))


def assert_same_source(
    source: Source[Any], again: Source[Any], names: list[str], same: Callable[[Any, Any], None]
) -> None:
    assert again.kind == source.kind
    assert again.is_stream == source.is_stream
    assert repr(again.labels) == repr(source.labels)
    assert repr(again.index_names) == repr(source.index_names)
    before, after = source.types(names), again.types(names)
    assert (after.dtypes, after.marks) == (before.dtypes, before.marks)
    assert [str(p) for p in after.problems] == [str(p) for p in before.problems]
    if not names:
        return
    # A stream's rows were spooled, and are asked for again where they are.
    rows = again.rows(names, lambda: pytest.fail("spooled again"))
    if not source.is_stream:
        assert same_rows(source.rows(names, lambda: pytest.fail("spooled")), rows) is None
    outcomes = fates(rows.n)
    for part in PARTS:
        same(source.view(outcomes, part), again.view(outcomes, part))
    beside = pl.DataFrame({"beside": range(rows.n)})
    same(source.beside(beside), again.beside(beside))


# --- pandas -----------------------------------------------------------------------------------------------------------


def same_pandas(a: pd.DataFrame, b: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(told(a), told(b), check_flags=True, check_exact=True)
    pd.testing.assert_index_equal(a.columns, b.columns, exact=True)
    pd.testing.assert_index_equal(a.index, b.index, exact=True)


def told(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with the words of `exactly` in place of objects: pandas can't compare each of them."""
    frame = frame.copy()
    for at in [at for at, dtype in enumerate(frame.dtypes) if str(dtype) == "object"]:
        words = [repr(exactly(value)) for value in frame.iloc[:, at]]
        frame.isetitem(at, np.array(words, dtype=object))
    return frame


def exactly(value: Any) -> Any:
    """A value and its type, and those of what is in it, as text."""
    if isinstance(value, list | tuple):
        return type(value), [exactly(one) for one in value]
    if isinstance(value, dict):
        return dict, [(exactly(key), exactly(one)) for key, one in value.items()]
    if isinstance(value, set | frozenset):
        return type(value), sorted(map(repr, value))
    zone = getattr(value, "tzinfo", None)
    return type(value), repr(value), repr(zone) if not type(zone).__module__.startswith("pytz") else str(zone)


@settings(max_examples=scaled(8))
@given(frames("Contact", backend="pandas"))
def test_any_pandas_frame_comes_back(frame: pd.DataFrame) -> None:
    assert_comes_back(frame, same_pandas)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=3)
    | st.binary(max_size=3)
    | st.decimals(allow_nan=False)
    | st.dates()
    | st.times()
    | st.datetimes(
        timezones=st.none() | st.just(BERLIN) | st.just(dt.UTC) | st.just(dt.timezone(dt.timedelta(hours=1)))
    )
    | st.timedeltas()
    | st.uuids()
    | st.sampled_from([pd.NA, pd.NaT, float("nan"), np.float32(0.1), np.int8(3), np.datetime64("2026-01-31", "D")])
    | st.sampled_from(
        [
            pd.Timestamp("2026-01-31 08:00:00.123456789"),
            pd.Timestamp("2026-10-25 00:30", tz="UTC").tz_convert("Europe/Berlin"),
            pd.Timestamp("2026-01-31").as_unit("s"),
            pd.Timedelta(5, "ns"),
            pd.Period("2026-01", "M"),
            pd.Interval(1, 2.5, closed="left"),
        ]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=2).map(tuple)
        | st.dictionaries(st.text(max_size=2) | st.integers(), inner, max_size=2)
    ),
    max_leaves=4,
)
ONE_KIND = st.sampled_from(
    [
        st.text(st.characters(), max_size=3),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(),
        st.dates(),
        st.datetimes(),
        st.decimals(),
        st.binary(max_size=3),
        st.lists(st.none() | st.text(st.characters(), max_size=2), max_size=2),
        st.dictionaries(
            st.text(st.characters(), max_size=1), st.none() | st.text(st.characters(), max_size=2), max_size=2
        ),
    ]
).flatmap(lambda kind: st.lists(kind | st.sampled_from([None, float("nan"), pd.NA, pd.NaT]), max_size=6))


@given(ONE_KIND | st.lists(VALUES, max_size=6))
def test_any_column_of_objects_comes_back_with_each_ones_type(values: list[Any]) -> None:
    cells = cells_of(values)
    odd: dict[int, str] = {}
    arrays = cells.arrays(values, odd)
    assert [array.type for array in arrays] == cells.types
    again = made_of(cells.form, list(cells.gaps)).values(arrays, odd)
    assert [exactly(value) for value in again] == [exactly(value) for value in values]


@given(st.lists(VALUES, max_size=4))
@settings(max_examples=scaled(8))
def test_any_objects_in_a_frame_come_back(values: list[Any]) -> None:
    column = pd.Series([*values, "x"], dtype=object)
    assert_comes_back(pd.DataFrame({"LastName": ["x"] * len(column), "kept": column}), same_pandas)


def _series(*values: Any, dtype: Any = None) -> Any:
    return pd.Series(list(values), dtype=dtype)


TUPLES: Any = [(0, 1.5), None, (2, 3)]
LOOP: list[Any] = []
LOOP.append(LOOP)
PANDAS: dict[str, Any] = {
    "category": _series("a", None, "b", dtype="category"),
    "ordered": pd.Series(pd.Categorical([1, None, 3], categories=[3, 2, 1], ordered=True)),
    "categories of dates": pd.Series(to_datetime(["2026-01-31", None, "2026-02-01"])).astype("category"),
    "categories of intervals": pd.cut(_series(1, 2, 3), 2),
    "no category": _series(None, None, None, dtype="category"),
    "spans": pd.Series(pd.to_timedelta([1, None, 3], unit="D")),
    "spans in seconds": _series(1, None, 3, dtype="timedelta64[s]"),
    "datetimes": pd.Series(to_datetime(["2026-01-31", None, "2026-02-01"])),
    "seconds": pd.Series(np.array(["2026-01-31", "NaT", "-9999-01-01"], "datetime64[s]")),
    "zoned": pd.Series(to_datetime(["2026-01-31", None, "2026-10-25"])).dt.tz_localize("UTC").dt.tz_convert(BERLIN),
    "by name": pd.Series(to_datetime(["2026-01-31", None, None])).dt.tz_localize("Asia/Tokyo"),
    "utc": pd.Series(to_datetime(["2026-01-31", None, None])).dt.tz_localize("UTC").astype("datetime64[ms, UTC]"),
    "offset": pd.Series(to_datetime(["2026-01-31", None, None])).dt.tz_localize(dt.timezone(dt.timedelta(hours=5.5))),
    "period": pd.Series(pd.PeriodIndex(["2026-01", None, "2026-03"], freq="M")),
    "weeks": pd.Series(pd.PeriodIndex(["2026-01-05", None, "2026-03-03"], freq="W-TUE")),
    "interval": pd.Series(pd.arrays.IntervalArray.from_tuples(TUPLES, closed="both")),
    "interval of days": pd.Series(pd.interval_range(pd.Timestamp("2026-01-01", tz="UTC"), periods=3)),
    "sparse": pd.Series(pd.arrays.SparseArray([0.0, np.nan, 1])),
    "sparse zeros": pd.Series(pd.arrays.SparseArray([0, 0, 1], fill_value=0)),
    "float16": _series(1.5, np.nan, -0.0, dtype="float16"),
    "float32": _series(0.1, np.nan, np.inf, dtype="float32"),
    "complex": _series(1 + 2j, np.nan, 3, dtype="complex64"),
    "uint64": _series(2**64 - 1, 0, 1, dtype="uint64"),
    "bool": _series(True, False, True),
    "Int8": _series(1, None, 3, dtype="Int8"),
    "UInt64": _series(2**64 - 1, None, 3, dtype="UInt64"),
    "Float32": _series(0.1, None, 3, dtype="Float32"),
    "Float64 with NaN": pd.Series(_series(0.0, None, 3, dtype="Float64") / 0),
    "boolean": _series(True, None, False, dtype="boolean"),
    "string": _series("a", None, "", dtype="string"),
    "string of Python": _series("a", None, "b\ud800", dtype=pd.StringDtype("python")),
    "string of Arrow": _series("a", None, "\0", dtype=pd.StringDtype("pyarrow")),
    "decimal of Arrow": _series(Decimal("1.50"), None, Decimal(3), dtype=pd.ArrowDtype(pa.decimal128(20, 2))),
    "list of Arrow": _series(["a"], None, [], dtype=pd.ArrowDtype(pa.list_(pa.string()))),
    "struct of Arrow": _series({"a": 1}, None, {"a": None}, dtype=pd.ArrowDtype(pa.struct([("a", pa.int8())]))),
    "seconds of Arrow": _series(
        dt.datetime(2026, 1, 31), None, None, dtype=pd.ArrowDtype(pa.timestamp("s", "Europe/Berlin"))
    ),
    "negative scale of Arrow": pd.Series(pd.arrays.ArrowExtensionArray(IN_MEMORY["negative scale"])),
    "dictionary of Arrow": pd.Series(pd.arrays.ArrowExtensionArray(pa.array(["a", None, "b"]).dictionary_encode())),
    "bytes of Arrow": _series(b"\0", None, b"", dtype=pd.ArrowDtype(pa.binary())),
    "lists": _series(["a", None], None, [], dtype=object),
    "dicts": _series({"x": {"y": (1, 2.0)}}, None, {}, dtype=object),
    "mixture": _series(1, "1", Decimal("1.0"), dtype=object),
    "gaps": _series(None, np.nan, pd.NaT, dtype=object),
    "text and gaps": _series("a", pd.NA, None, dtype=object),
    "arrays": _series(np.array([1, 2]), None, np.array(["a", {1}], dtype=object), dtype=object),
    "sets": _series({1, 2}, frozenset("a"), UUID(int=5), dtype=object),
    "large integers": _series(2**64, -1, None, dtype=object),
}
if NEW_PANDAS:
    PANDAS["str"] = _series("a", None, "b")
    PANDAS["str of Python"] = _series("a", None, "b\ud800", dtype=pd.StringDtype("python", na_value=np.nan))


@pytest.mark.parametrize("rows", [slice(None), slice(1, 2), slice(0, 0)], ids=["all", "gaps", "none"])
def test_pandas_columns_of_each_dtype_come_back(rows: slice) -> None:
    frame = pd.DataFrame({"LastName": ["a", None, "c"], **PANDAS}).iloc[rows]
    assert_comes_back(frame, same_pandas)


@pytest.mark.parametrize("name", PANDAS)
def test_a_column_and_an_index_of_each_dtype_come_back(name: str, tmp_path: Path) -> None:
    frame = pd.DataFrame({"kept": PANDAS[name]})
    if name not in ("float16", "Float64 with NaN"):  # pandas has no such index
        frame = frame.set_axis(pd.Index(PANDAS[name], dtype=PANDAS[name].dtype, name=("of", 1)), axis=0)
    source_of(frame).keep(tmp_path)
    same_pandas(restored("pandas", tmp_path).beside(pl.DataFrame()), frame)


INDEXES: dict[str, Any] = {
    "range": pd.RangeIndex(10, 16, 2, name="nr"),
    "numbers": pd.Index([7, 7, -1], name=0),
    "small numbers": pd.Index([7, 7, -1], dtype="int8"),
    "multi": pd.MultiIndex.from_tuples([("a", 1), ("a", None), ("b", 1)], names=["one", None]),
    "levels not used": pd.MultiIndex.from_product([["a", "b"], [dt.date(2026, 1, 31), 2]])[[0, 3, 0]],
    "with freq": pd.date_range("2026-01-01", periods=3, freq="MS", tz="Europe/Berlin", name="day"),
    "tuples": pd.Index([("a", 1), ("b",), None], tupleize_cols=False, dtype=object),
}


@pytest.mark.parametrize("index", INDEXES.values(), ids=INDEXES)
def test_an_index_of_each_class_comes_back(index: Any) -> None:
    assert_comes_back(pd.DataFrame({"LastName": ["a", None, "c"]}, index=index), same_pandas)


LABELS: dict[str, Any] = {
    "twice": ["LastName", "note", "note"],
    "no text": pd.Index(["LastName", 1, ("x", "y")], dtype=object),
    "numbers": [0, 1, 2],
    "range": pd.RangeIndex(3),
    "gaps": pd.Index(["LastName", pd.NA, None], dtype=object),
    "two levels": pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)], names=["x", "y"]),
    "dates": pd.date_range("2026-01-01", periods=3, name="day"),
    "categories": pd.CategoricalIndex(["LastName", "b", "c"], name="kind"),
    "patterns": ["^x$", "*", ""],
    "half characters": pd.Index(["LastName", "\ud800", "x"], dtype=object),
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_labels_come_back_whatever_they_are(labels: Any) -> None:
    frame = pd.DataFrame([["a", 1, None], ["b", 2, 0.5]])
    frame.columns = labels
    source = source_of(frame)
    with tempfile.TemporaryDirectory() as folder:
        source.keep(Path(folder))
        again = restored("pandas", Path(folder))
    outcomes = fates(2)
    for part in PARTS:
        if "LastName" in labels:
            same_pandas(source.view(outcomes, part), again.view(outcomes, part))
    assert repr(again.labels) == repr(source.labels)
    same_pandas(source.view(outcomes, UNPROCESSED_RECORDS), again.view(outcomes, UNPROCESSED_RECORDS))


def test_attributes_come_back_where_they_are_plain(tmp_path: Path) -> None:
    frame = pd.DataFrame({"LastName": ["a"]})
    frame.attrs = {"source": {"path": ("x", 1)}}
    source_of(frame).keep(tmp_path)
    assert restored("pandas", tmp_path).view(fates(1), EVERY_ROW).attrs == frame.attrs
    frame.attrs["own"] = object()
    source_of(frame).keep(tmp_path)
    assert restored("pandas", tmp_path).view(fates(1), EVERY_ROW).attrs == {}


class _Own:
    pass


class _Frame(pd.DataFrame):
    @property
    def _constructor(self) -> Callable[..., pd.DataFrame]:
        return _Frame


class _OwnType(pa.ExtensionType):
    def __init__(self) -> None:
        super().__init__(pa.int64(), "tests.own")

    def __arrow_ext_serialize__(self) -> bytes:
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage_type: pa.DataType, serialized: bytes) -> _OwnType:
        return cls()


OWN_TYPE: Any = pa.ExtensionArray.from_storage(_OwnType(), pa.array([1]))
UNKEPT: dict[str, Any] = {
    "objects": pd.DataFrame({"LastName": ["a", "b"], "kept": [1, _Own()]}),
    "within": pd.DataFrame({"LastName": ["a"], "kept": [[{"a": _Own()}]]}),
    "categories": pd.DataFrame({"LastName": ["a"], "kept": pd.Categorical([_Own()])}),
    "a list in itself": pd.DataFrame({"LastName": ["a"], "kept": pd.Series([LOOP], dtype=object)}),
    "a type of one's own": pa.table({"LastName": ["a"], "kept": OWN_TYPE}),
    "that in a list": pa.table(
        {"LastName": ["a"], "kept": pa.ListArray.from_arrays(pa.array([0, 1], pa.int32()), OWN_TYPE)}
    ),
    "that in pandas": pd.DataFrame({"LastName": ["a"], "kept": pd.arrays.ArrowExtensionArray(OWN_TYPE)}),
    "dicts": [{"LastName": "a", "kept": _Own()}],
    "polars": pl.DataFrame({"LastName": ["a"], "kept": pl.Series([_Own()], dtype=pl.Object)}),
    "lazy": pl.LazyFrame({"LastName": ["a"], "kept": pl.Series([_Own()], dtype=pl.Object)}),
}


@pytest.mark.parametrize("frame", UNKEPT.values(), ids=UNKEPT)
def test_what_couldnt_come_back_is_told_by_column(frame: Any) -> None:
    (problem,) = source_of(frame).unkept()
    assert (problem.column, problem.code, problem.kind) == ("kept", "NOT_KEPT", "type")


def test_a_streams_type_of_ones_own_is_told() -> None:
    pa.register_extension_type(_OwnType())  # type: ignore[arg-type]  # its stubs know an older class alone
    try:
        (problem,) = source_of(pa.table({"LastName": ["a"], "kept": OWN_TYPE}).to_reader()).unkept()
    finally:
        pa.unregister_extension_type("tests.own")
    assert (problem.column, problem.code) == ("kept", "NOT_KEPT")


@pytest.mark.filterwarnings("ignore:Passing a BlockManager:DeprecationWarning")  # older pandas of its own doing
def test_an_index_labels_and_classes_that_couldnt_come_back_are_told() -> None:
    frame: Any = pd.DataFrame([["a"]], index=[_Own()], columns=pd.Index([_Own()], dtype=object))
    assert [p.column for p in source_of(frame).unkept()] == [None, None]
    (problem,) = source_of(_Frame({"LastName": ["a"]})).unkept()
    assert "a _Frame" in problem.message


# --- Polars -----------------------------------------------------------------------------------------------------------


def same_polars(a: Any, b: Any) -> None:
    assert a.lazy().collect_schema() == b.lazy().collect_schema()
    assert_frame_equal(a.lazy().collect(), b.lazy().collect(), check_exact=True)


@settings(max_examples=scaled(8))
@given(frames("Contact", backend="polars"), st.booleans())
def test_any_polars_frame_comes_back(frame: pl.DataFrame, lazy: bool) -> None:
    assert_comes_back(frame.lazy() if lazy else frame, same_polars)


def more_dtypes() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "^x$": pl.Series([1, None, 3], dtype=pl.UInt128) if hasattr(pl, "UInt128") else [1, None, 3],
            "": pl.Series(["a", None, "b"], dtype=pl.Categorical("lexical")),
            "own categories": pl.Series(["a", None, "b"], dtype=pl.Categorical(pl.Categories("mine"))),
            "categories in lists": pl.Series([["a"], None, ["b"]], dtype=pl.List(pl.Categorical)),
            "enum in structs": pl.Series([{"a": "a"}, None, {"a": None}], dtype=pl.Struct({"a": pl.Enum(["b", "a"])})),
            "arrays": pl.Series([[[1, 2], [3, None]], None, None], dtype=pl.Array(pl.Int8, (2, 2))),
            "spans": pl.Series([1, None, 3], dtype=pl.Duration("ms")),
            "nothing in lists": pl.Series([[None], None, []], dtype=pl.List(pl.Null)),
            "large": pl.Series([Decimal(10**37), None, Decimal(0)], dtype=pl.Decimal(38, 0)),
            "decimals in lists": pl.Series([[Decimal("1.5")], None, []], dtype=pl.List(pl.Decimal(38, 2))),
            "large in lists": pl.Series([[2**100], None, []], dtype=pl.List(pl.Int128)),
        }
    )


@pytest.mark.parametrize("lazy", [False, True], ids=["frame", "lazy"])
@pytest.mark.parametrize("rows", [slice(None), slice(1, 2), slice(0, 0)], ids=["all", "nulls", "none"])
def test_polars_columns_of_each_dtype_come_back(rows: slice, lazy: bool) -> None:
    frame = every_dtype().hstack(more_dtypes())[rows]
    if lazy and not since("1.38", pl):  # which itself takes such a name of a LazyFrame's for a pattern
        frame = frame.rename({"^x$": "x"}).drop("arrays")  # it panics at these of its own Python sources
    assert_comes_back(frame.lazy() if lazy else frame, same_polars)


@pytest.mark.parametrize("rows", [slice(None), slice(1, 2), slice(0, 0)], ids=["all", "nulls", "none"])
def test_polars_columns_of_plain_dtypes_come_back_under_any_names(rows: slice) -> None:
    """These alone are written in another way."""
    names = ("LastName", "float32", "float64", "bool", "date", "naive", "zoned", "time", "binary")
    whole = (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64)
    more = {f"{dtype}": pl.Series([0, None, 2**7 - 1], dtype=dtype) for dtype in whole}
    more["most"] = pl.Series([2**64 - 1, None, 0], dtype=pl.UInt64)
    odd: dict[str, Any] = {"": [-0.0, None, math.inf], "a.b": ["\0", None, ""], "^x$": [dt.date.max, None, dt.date.min],
                           "us": pl.Series([-(2**60), None, 2**60]).cast(pl.Datetime("us", "UTC"))}  # fmt: skip
    frame = every_dtype().select(*names).hstack(pl.DataFrame({**more, **odd}))[rows]
    assert_comes_back(frame, same_polars)


# --- Arrow ------------------------------------------------------------------------------------------------------------


def same_arrow(a: Any, b: Any) -> None:
    a, b = (one.to_table() if isinstance(one, ds.Dataset) else one for one in (a, b))
    assert a.schema.equals(b.schema, check_metadata=True)
    assert str(a.to_pydict()) == str(b.to_pydict())


@settings(max_examples=scaled(8))
@given(frames("Contact", backend="arrow"), st.booleans())
def test_any_table_comes_back(table: pa.Table, stream: bool) -> None:
    source = source_of(table.to_reader() if stream else table)
    if stream and source.types(table.column_names).problems:
        return  # refused in any case
    assert_comes_back(table.to_reader() if stream else table, same_arrow)


@pytest.mark.parametrize("kept", [*KEPT, *IN_MEMORY])
def test_a_tables_column_comes_back_whatever_its_type(kept: str) -> None:
    column = {**KEPT, **IN_MEMORY}[kept]
    name = pa.field("LastName", pa.string(), nullable=False, metadata={"a": "b"})
    schema = pa.schema([name, pa.field("kept", column.type)], metadata={"who": "me"})
    table = pa.Table.from_arrays([pa.array(["a", "b", "c"]), column], schema=schema)
    assert_comes_back(table, same_arrow)


def test_a_tables_columns_of_one_name_come_back() -> None:
    names = ["LastName", "kept", "kept"]
    table = pa.table([pa.array(["a", "b"]), pa.array([1, 2]), pa.array(["x", "y"]).dictionary_encode()], names=names)
    assert_comes_back(table, same_arrow)


@pytest.mark.parametrize("kept", [k for k in KEPT if k not in ("string view", "binary view", "many digits")])
def test_a_streams_column_comes_back(kept: str) -> None:
    assert_comes_back(pa.table({"LastName": ["a", None, "c"], "kept": KEPT[kept]}).to_reader(), same_arrow)


def test_views_of_a_stream_are_those_of_what_is_known_now(tmp_path: Path) -> None:
    source = source_of(pa.table({"LastName": ["a", "b", "c"]}).to_reader())
    again, names = kept_and_restored(source, tmp_path)
    first: Any = source.view(fates(3), SUCCESSFUL_RESULTS)
    every = Outcomes(3)
    text = pl.Series(["x"] * 3, dtype=pl.String)
    every.add(pl.DataFrame({"row": [0, 1, 2], "outcome": list(SUCCESSFUL_RESULTS.outcomes) * 3, "sf__Id": text,
                            "sf__Created": text, "sf__Error": text}))  # fmt: skip
    assert again.view(every, SUCCESSFUL_RESULTS).count_rows() == 3
    assert first.count_rows() == 1
    del first, source, again, names
    ends_at = time.monotonic() + 10
    while [*tmp_path.glob("views-*")] and time.monotonic() < ends_at:
        pass  # a thread of Arrow's may hold the last of it for a moment
    assert not list(tmp_path.glob("views-*"))


# --- dicts ------------------------------------------------------------------------------------------------------------


@given(
    st.lists(st.dictionaries(st.sampled_from(["LastName", "Title", "\ud800", 5]), VALUES | st.just("x")), max_size=5)
)
def test_any_dicts_come_back(records: list[dict[Any, Any]]) -> None:
    source = source_of(records)
    with tempfile.TemporaryDirectory() as folder:
        assert list(source.unkept()) == []
        source.keep(Path(folder))
        again = restored("dicts", Path(folder))
    assert list(again.labels) == list(source.labels)
    assert vars(again)["_n"] == len(records)
    for label in source.labels:
        before, after = (vars(one)["_given"][label] for one in (source, again))
        assert [exactly(v) for v in after] == [exactly(v) for v in before]


def test_views_of_dicts_are_the_same() -> None:
    records = [{"LastName": "a", "Score__c": 1, "Account": {"ExternalId__c": "k"}}, {"LastName": None, "x": [1, 2]}]
    assert_comes_back(records, same_polars)


# --- what is in the folder --------------------------------------------------------------------------------------------

FRAMES: dict[str, Callable[[], Any]] = {
    "pandas": lambda: pd.DataFrame({"LastName": pd.Categorical(["a", "b"])}),
    "polars": lambda: pl.DataFrame({"LastName": ["a", "b"]}),
    "polars-lazy": lambda: pl.LazyFrame({"LastName": ["a", "b"]}),
    "arrow": lambda: pa.table({"LastName": ["a", "b"]}),
    "arrow-stream": lambda: pa.table({"LastName": ["a", "b"]}).to_reader(),
    "dicts": lambda: [{"LastName": "a"}, {"LastName": "b"}],
}


@pytest.mark.parametrize("kind", FRAMES)
def test_files_that_are_missing_torn_or_changed_are_plain_errors(kind: str, tmp_path: Path) -> None:
    source = source_of(FRAMES[kind]())
    assert source.kind == kind
    kept_and_restored(source, tmp_path)
    for path in [path for path in sorted(tmp_path.iterdir()) if path.is_file()]:
        whole = path.read_bytes()
        for content in (whole[: len(whole) // 2], b"", b"x" * len(whole), b"{}", b"[]"):
            path.write_bytes(content)
            with pytest.raises((OSError, ValueError), match=str(tmp_path)):
                restored(kind, tmp_path)
        path.unlink()
        if path.name != "small.arrow" or kind == "pandas":
            with pytest.raises(FileNotFoundError, match=f"{path.name} is missing"):
                restored(kind, tmp_path)
        path.write_bytes(whole)
    restored(kind, tmp_path)


@pytest.mark.parametrize("kind", FRAMES)
def test_the_disk_has_each_file_and_the_folder_once_it_is_kept(
    kind: str, tmp_path: Path, no_waiting: list[tuple[int, int]]
) -> None:
    kept_and_restored(source_of(FRAMES[kind]()), tmp_path)
    for path in [tmp_path, *tmp_path.iterdir()]:
        assert (path.stat().st_dev, path.stat().st_ino) in no_waiting


@pytest.mark.filterwarnings("ignore:Allowing arbitrary scalar:FutureWarning")
def test_what_is_changed_in_the_file_of_words_is_a_plain_error_if_it_is_one(tmp_path: Path) -> None:
    names = ("ordered", "seconds", "zoned", "period", "interval", "sparse zeros", "complex", "Int8", "mixture", "gaps")
    frame = pd.DataFrame({"LastName": ["a", "b", "c"], **{name: PANDAS[name] for name in names}})
    frame = frame.set_index(INDEXES["multi"])
    source_of(frame).keep(tmp_path)
    said = json.loads((tmp_path / "kept.json").read_text())
    changed = 0
    others: Iterator[Any] = itertools.cycle([None, "x", 5, [], {"x": 1}, -1, 0.5])
    for holder, key in list(places(said)):
        was = holder[key]
        for other in itertools.islice(others, 2):
            holder[key] = other
            (tmp_path / "kept.json").write_text(json.dumps(said))
            try:
                restored("pandas", tmp_path)
            except (ValueError, OSError) as error:
                assert str(tmp_path) in str(error)  # noqa: PT017  # most changes are errors, some are none
                changed += 1
        holder[key] = was
    assert changed > 50


def places(thing: Any) -> Iterator[tuple[Any, Any]]:
    """Each place in JSON, as what it is in, and its key there."""
    for key, value in thing.items() if isinstance(thing, dict) else enumerate(thing):
        if isinstance(value, dict | list):
            yield from places(value)
        else:
            yield thing, key


def test_rows_of_another_kind_or_version_are_refused(tmp_path: Path) -> None:
    source_of(FRAMES["polars"]()).keep(tmp_path)
    with pytest.raises(ValueError, match="doesn't hold rows of a pandas frame"):
        restored("pandas", tmp_path)
    with pytest.raises(ValueError, match="'spark' is none of the kinds"):
        restored("spark", tmp_path)
    said = json.loads((tmp_path / "kept.json").read_text())
    (tmp_path / "kept.json").write_text(json.dumps({**said, "version": 99}))
    with pytest.raises(ValueError, match="another version"):
        restored("polars", tmp_path)


def test_a_streams_rows_arent_written_twice(tmp_path: Path) -> None:
    one, another = tmp_path / "one", tmp_path / "another"
    one.mkdir()
    another.mkdir()
    source = source_of(FRAMES["polars-lazy"]())
    again, _ = kept_and_restored(source, one)
    assert sorted(path.name for path in one.glob("*.parquet")) == ["rows.parquet"]
    again.keep(another)
    assert (one / "rows.parquet").samefile(another / "rows.parquet")


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("pandas_kept", "arrow", "dicts", "polars", "streams", "shelf"):
        monkeypatch.setattr(f"sfframe.frames.{module}.CHUNK", 2)


@pytest.mark.usefixtures("small_chunks")
def test_frames_of_several_chunks_come_back() -> None:
    odd = ["a", None, "b\ud800", "c", float("nan"), "d\udfff", "e"]
    dates = [dt.datetime(2026, 1, n + 1) for n in range(7)]
    frame = pd.DataFrame({"LastName": [f"n{n}" for n in range(7)], "kept": pd.Series(odd, dtype=object)}, index=dates)
    frame["interval"] = pd.arrays.IntervalArray.from_breaks(range(8))
    frame["category"] = pd.Categorical(list("abcabca"))
    frame["sparse"] = pd.arrays.SparseArray([0, 0, 1, 0, 0, 2, 0])
    frame["text"] = pd.Series(
        [text if isinstance(text, str) else None for text in odd], dtype=pd.StringDtype("python"), index=dates
    )
    assert_comes_back(frame, same_pandas)
    assert_comes_back(frame[["LastName", "kept"]].to_dict("records"), same_polars)
    names = pa.chunked_array([["a"], ["b", "c", "d"], ["e"]])
    table = pa.Table.from_arrays([names, pa.array([1, 2, 3, 4, 5])], names=["LastName", "kept"])
    assert_comes_back(table, same_arrow)
    assert_comes_back(table.to_reader(), same_arrow)
    assert_comes_back(pl.from_arrow(table), same_polars)
