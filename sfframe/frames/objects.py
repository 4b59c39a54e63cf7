"""Objects: columns of Python objects, told by their types; no frame library but Arrow.

Arrow's own inference makes dates of datetimes, drops zones and reads naive datetimes as UTC, all in silence. One
pass over the types decides first what a column is; then Arrow converts it, told what to make.
"""

from __future__ import annotations

import datetime as dt
import decimal
import numbers
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from sfframe.frames.series import Column, column_of, no_form
from sfframe.ingest.forms import NUMBERS, OFFSET_DATETIMES
from sfframe.problems import Problem

Objects = np.ndarray[Any, np.dtype[np.object_]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True, eq=False)
class Read:
    """A column of objects as Arrow has it; or why not, in which case bad cells are null."""

    array: pa.Array[Any] | None
    mark: str | None = None
    problem: Problem | None = None


def read_column(name: str, values: Objects, is_null: Mask) -> Column:
    """A column of Python objects as the engine has it; see `read_objects`."""
    read = read_objects(name, values, is_null)
    if read.array is None:
        return Column(None, problem=read.problem)
    column = column_of(name, read.array)
    return replace(column, mark=read.mark or column.mark, problem=read.problem or column.problem)


def read_objects(name: str, values: Objects, is_null: Mask) -> Read:
    """A column of Python objects.

    Args:
        name: The column's name, for problems.
        values: The objects.
        is_null: Which of them stand for no value.
    """
    present = values[~is_null]
    kinds: dict[str, type] = {}
    for cls in dict.fromkeys(map(type, present)):
        for kind in _kinds_of(cls, present):
            kinds.setdefault(kind, cls)
    if not kinds:
        return Read(pa.nulls(len(values)))
    if len(kinds) > 1:
        return Read(None, problem=_mixture(name, values, is_null, list(kinds)))
    (kind,) = kinds
    make = _MAKERS.get(kind)
    if make is None:
        return Read(None, problem=no_form(name, kind))
    filled = values.copy()
    filled[is_null] = None
    try:
        return _told_of(name, make(filled, present))
    except UnicodeEncodeError:
        return _without_surrogates(name, filled)
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        return Read(None, problem=no_form(name, f"{kind}s of types that don't go together, or out of range: such"))


def _told_of(name: str, read: Read) -> Read:
    """The same, with this column's name where a problem was found within its values."""
    return read if read.problem is None else replace(read, problem=replace(read.problem, column=name))


def _mixture(name: str, values: Objects, is_null: Mask, kinds: list[str]) -> Problem:
    firsts: dict[str, int] = {}
    for row, (value, null) in enumerate(zip(values, is_null, strict=True)):
        if not null:
            firsts.setdefault(_kind_of(value), row)
            if len(firsts) == len(kinds):
                break
    return Problem(
        column=name,
        code="MIXED_TYPES",
        message="values of several kinds",
        remedy="Convert the column to one kind.",
        kind="type",
        kinds=tuple(firsts.items()),
    )


# --- kinds ------------------------------------------------------------------------------------------------------------


def _kinds_of(cls: type, present: Objects) -> set[str]:
    if issubclass(cls, dt.datetime):
        return {_kind_of(value) for value in present if type(value) is cls}
    return {_kind_of_type(cls)}


def _kind_of(value: Any) -> str:
    if isinstance(value, dt.datetime):
        return "datetime without a zone" if value.tzinfo is None else "datetime with a zone"
    return _kind_of_type(type(value))


def _kind_of_type(cls: type) -> str:
    for kind, classes in _KINDS:
        if issubclass(cls, classes):
            return kind
    return cls.__name__


_KINDS: tuple[tuple[str, tuple[type, ...]], ...] = (
    ("text", (str,)),
    ("boolean", (bool, np.bool_)),
    ("duration", (dt.timedelta, np.timedelta64)),
    ("number", (int, float, decimal.Decimal, np.integer, np.floating)),
    ("date", (dt.date,)),
    ("time", (dt.time,)),
    ("list", (list, tuple, np.ndarray)),
    ("dict", (dict,)),
    ("binary", (bytes, bytearray, memoryview)),
)


# --- makers -----------------------------------------------------------------------------------------------------------


def _typed(arrow_type: pa.DataType) -> Callable[[Objects, Objects], Read]:
    def make(values: Objects, present: Objects) -> Read:
        return Read(pa.array(values, type=arrow_type, from_pandas=True))

    return make


def _numbers(values: Objects, present: Objects) -> Read:
    types = set(map(type, present))
    try:
        if all(issubclass(t, int | np.integer) for t in types):
            return Read(pa.array(values, type=pa.int64(), from_pandas=True))
        if types <= {float, np.float64}:
            return Read(pa.array(values, type=pa.float64(), from_pandas=True))
    except (OverflowError, pa.ArrowInvalid):
        pass  # beyond 64 bits: as digits
    # Several number types, or decimals of several scales: each with its own digits.
    return Read(pa.array([None if v is None else _digits(v) for v in values], type=pa.large_string()), NUMBERS)


def _digits(number: Any) -> str:
    if isinstance(number, numbers.Integral):
        return str(int(number))
    exact = number if isinstance(number, decimal.Decimal) else decimal.Decimal(str(number))
    text = format(exact, "f")
    return text.removesuffix(".0") if not isinstance(number, decimal.Decimal) else text


def _datetimes(values: Objects, present: Objects) -> Read:
    zones = {id(value.tzinfo): value.tzinfo for value in present}  # those of dateutil have no hash
    names = {_zone_name(zone) for zone in zones.values()}
    (name,) = names if len(names) == 1 else (None,)
    if name is None:
        texts = [None if v is None else v.isoformat() for v in values]
        return Read(pa.array(texts, type=pa.large_string()), OFFSET_DATETIMES)
    return Read(pa.array(values, type=pa.timestamp("us", tz=name), from_pandas=True))


def _zone_name(zone: Any) -> str | None:
    """The zone's name in the zone database, if it is one of these: `key` of zoneinfo, `zone` of pytz."""
    if zone is dt.UTC:
        return "UTC"
    name = getattr(zone, "key", None) or getattr(zone, "zone", None)
    return name if isinstance(name, str) else None


def _lists(values: Objects, present: Objects) -> Read:
    return Read(pa.array(list(values), type=pa.large_list(pa.large_string()), from_pandas=True))


def _structs(values: Objects, present: Objects) -> Read:
    names = list(dict.fromkeys(str(key) for value in present for key in value))
    if len(names) != 1:
        # Not a lookup: the layout says so, by the struct's fields.
        return Read(pa.array(list(values), from_pandas=True))
    (name,) = names
    inner = objects([None if v is None else v.get(name) for v in values])
    read = read_objects(name, inner, nulls_in(inner))
    array = None if read.array is None else pa.StructArray.from_arrays([read.array], names=[name])
    return Read(array, read.mark, read.problem)


def _is_null(value: Any) -> bool:
    if isinstance(value, decimal.Decimal):
        return value.is_nan()  # a signalling one can't even be compared
    return value is None or value != value or type(value).__name__ in ("NAType", "NaTType")


def _without_surrogates(name: str, values: Objects) -> Read:
    """Text that is no Unicode: the cells are told, and left empty."""
    bad = [row for row, value in enumerate(values) if not _encodes(value)]
    values[bad] = None
    problem = Problem(
        column=name,
        code="LONE_SURROGATE",
        message="text with half a surrogate pair, which has no UTF-8 form",
        remedy="It comes from decoding with surrogateescape: decode the source with its real encoding.",
        rows=np.array(bad, np.int64),
    )
    return replace(read_objects(name, values, nulls_in(values)), problem=problem)


def _encodes(value: Any) -> bool:
    if isinstance(value, list | tuple | np.ndarray):
        return all(map(_encodes, value))
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return False
    return True


_MAKERS: dict[str, Callable[[Objects, Objects], Read]] = {
    "text": _typed(pa.large_string()),
    "boolean": _typed(pa.bool_()),
    "number": _numbers,
    "date": _typed(pa.date32()),
    "time": _typed(pa.time64("us")),
    "datetime without a zone": _typed(pa.timestamp("us")),
    "datetime with a zone": _datetimes,
    "list": _lists,
    "dict": _structs,
}


def objects(values: Sequence[Any]) -> Objects:
    """A sequence as an array of objects, lists in it left whole."""
    return np.fromiter(values, dtype=np.object_, count=len(values))


def nulls_in(values: Objects) -> Mask:
    """Which objects stand for no value: `None`, NaN, NaT, NA."""
    nulls = (not isinstance(v, list | tuple | dict | np.ndarray) and _is_null(v) for v in values)
    return np.fromiter(nulls, np.bool_, len(values))
