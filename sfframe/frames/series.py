"""Series: Arrow columns as the engine has them, also where Arrow knows types that the engine doesn't."""

from __future__ import annotations

import decimal
import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from sfframe.front import Types
from sfframe.ingest.forms import NUMBERS, OFFSET_DATETIMES
from sfframe.problems import Problem

_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)$")
_UNFIT = (pl.exceptions.PolarsError, pl.exceptions.PanicException)  # it panics at some types
_MOST_DIGITS = 38  # of Arrow's smaller decimals


@dataclass(frozen=True, eq=False)
class Column:
    """A column, or why it can't be sent; both where some of its cells can't.

    Attributes:
        series: The column.
        mark: What its text stands for; see `ingest.forms`.
        problem: What is wrong with it.
    """

    series: pl.Series | None
    mark: str | None = None
    problem: Problem | None = None


def column_of(name: str, array: pa.Array[Any] | pa.ChunkedArray[Any]) -> Column:
    """An Arrow column as a series, or the problem that it is."""
    if panics_at(array.type, offsets=_offset(array.type) is None):
        return Column(None, problem=no_form(name, str(array.type)))
    try:
        if (offset := _offset(array.type)) is not None:
            return Column(_with_offset(array, offset).alias(name), OFFSET_DATETIMES)
        array, mark = _plain(array)
        return Column(_series(array).alias(name), mark)
    except (*_UNFIT, pa.ArrowException, KeyError, NotImplementedError, ValueError):
        return Column(None, problem=no_form(name, str(array.type)))


def types_of(found: Mapping[str, Column], series: dict[str, pl.Series]) -> Types:
    """What is said of columns before they are given; those that can be read are put into `series`."""
    series.update({name: column.series for name, column in found.items() if column.series is not None})
    return Types(
        dtypes={name: one.dtype for name, one in series.items()},
        marks={name: column.mark for name, column in found.items() if column.mark is not None},
        problems=[column.problem for column in found.values() if column.problem is not None],
    )


def panics_at(arrow_type: Any, *, offsets: bool = True) -> bool:
    """Whether the engine panics at a type, of which stderr would tell: intervals, unions, zones that it doesn't know.

    Args:
        arrow_type: The type, or one in which it is.
        offsets: Offsets are no zones.
    """
    if pa.types.is_interval(arrow_type) or pa.types.is_union(arrow_type):
        return True
    if pa.types.is_timestamp(arrow_type):
        return offsets and arrow_type.tz is not None and not _is_zone(arrow_type.tz)
    if isinstance(arrow_type, pa.DictionaryType | pa.RunEndEncodedType):
        return panics_at(arrow_type.value_type)
    return any(panics_at(arrow_type.field(at).type) for at in range(arrow_type.num_fields))


@functools.cache
def _is_zone(name: str) -> bool:
    try:
        pl.Series([], dtype=pl.Datetime("us")).dt.replace_time_zone(name)
    except pl.exceptions.PolarsError:
        return False
    return True


def no_form(name: str, what: str) -> Problem:
    """A column whose type can't be sent."""
    return Problem(
        column=name,
        code="NO_CSV_FORM",
        message=f"{what} values have no CSV form",
        remedy="Convert the column, or leave it out with columns={...: None}.",
        kind="type",
    )


def _series(array: Any) -> pl.Series:
    # By way of a table: of large lists alone some versions of Polars read what isn't there any more.
    frame = pl.from_arrow(pa.table({"": array}))
    assert isinstance(frame, pl.DataFrame)
    return frame.to_series()


def _plain(array: Any) -> tuple[Any, str | None]:
    """The same values in a type that the engine has."""
    t = array.type
    if pa.types.is_dictionary(t) and isinstance(t.value_type, pa.BaseExtensionType):
        raise NotImplementedError  # some versions of Polars panic
    if isinstance(t, pa.BaseExtensionType):
        if not _is_text(t.storage_type):
            raise NotImplementedError
        return array.cast(t.storage_type), None
    if pa.types.is_decimal256(t) or (pa.types.is_decimal(t) and t.scale < 0):
        return _decimals(array)
    if pa.types.is_date64(t):
        return array.cast(pa.date32()), None  # the engine would make a datetime of it
    if pa.types.is_run_end_encoded(t):
        return pc.call_function("run_end_decode", [array]), None
    if pa.types.is_list_view(t) or pa.types.is_large_list_view(t):
        return _large_lists(array), None
    if pa.types.is_float16(t) and not hasattr(pl, "Float16"):
        return array.cast(pa.float32()), None
    return array, None


def _large_lists(array: Any) -> Any:
    """List views as lists. Arrow's own cast takes the undefined places of nulls for real ones."""
    lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy()
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]))
    values = pc.list_flatten(array)
    nulls = array.is_null()
    if isinstance(array, pa.ChunkedArray):
        values, nulls = values.combine_chunks(), nulls.combine_chunks()
    return pa.LargeListArray.from_arrays(offsets, values, mask=nulls)


def _is_text(t: pa.DataType) -> bool:
    return pa.types.is_string(t) or pa.types.is_large_string(t) or pa.types.is_string_view(t)


def _decimals(array: Any) -> tuple[Any, str | None]:
    try:
        return array.cast(pa.decimal128(_MOST_DIGITS, max(array.type.scale, 0))), None
    except pa.ArrowInvalid:  # more digits than that
        digits: Iterable[decimal.Decimal | None] = array.to_pylist()
        return pa.array([None if d is None else format(d, "f") for d in digits], pa.large_string()), NUMBERS


def _offset(t: pa.DataType) -> str | None:
    return t.tz if isinstance(t, pa.TimestampType) and t.tz is not None and _OFFSET.match(t.tz) else None


def _with_offset(array: Any, offset: str) -> pl.Series:
    """Datetimes of one offset, which is no zone's name, as ISO text: it has their own date and the instant."""
    found = _OFFSET.match(offset)
    assert found is not None
    ahead = (int(found[2]) * 60 + int(found[3])) * (-1 if found[1] == "-" else 1)
    utc = _series(array.cast(pa.int64()).cast(pa.timestamp(array.type.unit))).alias("t")
    own = utc.to_frame("t").select(pl.col("t").dt.cast_time_unit("us") + pl.duration(minutes=ahead)).to_series()
    return own.dt.strftime("%Y-%m-%dT%H:%M:%S%.6f") + f"{found[1]}{found[2]}:{found[3]}"
