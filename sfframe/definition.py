"""The fields that a frame's columns want: what `LocalOrg.define` makes of a frame."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

# What every record has of itself, and what results add; a frame that was read or that failed carries them along.
_NOT_OURS = frozenset(
    {
        "Id", "IsDeleted", "OwnerId", "CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById",
        "SystemModstamp", "sf__Id", "sf__Created", "sf__Error", "sf__Outcome",
    }
)  # fmt: skip
_TEXT, _LONG_TEXT, _LONGEST_TEXT = 255, 32_768, 131_072
_NAME_LENGTH = 80
_DIGITS = 18
_MOST_DECIMALS = 10

Spec = dict[str, Any]


def fields_of(frame: Any) -> dict[str, Spec]:
    """Describe attributes for the columns of a frame.

    Whole numbers become numbers without decimals, floats numbers with as many as their values need, decimals the
    same with their scale (currency where that is 2), lists of texts multipicklists, categories picklists, texts
    string fields or, where one is longer than 255 characters, long ones. `Name` is the object's name. Id, owner and
    stamps, which each object has anyway, are left out, and so are a pandas index and the sf__ columns.

    Args:
        frame: A pandas or Polars DataFrame, or anything else with `__arrow_c_stream__`.

    Raises:
        TypeError: It is no frame, or a column holds what no field can.
        ValueError: A column names another record's field, as `Account.Name` does: which object it is, no frame says.
    """
    table = _as_table(frame)
    index = (table.schema.pandas_metadata or {}).get("index_columns", [])
    skipped = _NOT_OURS | {name for name in index if isinstance(name, str)}
    specs: dict[str, Spec] = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if "." in name:
            lookup = '{"type": "reference", "referenceTo": ["Account"]}'
            raise ValueError(f"column {name!r} names a field of another record; define a lookup by a dict: {lookup}")
        if name not in skipped:
            specs[name] = _name_field(column) if name == "Name" else _field(name, column)
    return specs


def _as_table(frame: Any) -> pa.Table:
    if not hasattr(frame, "__arrow_c_stream__"):
        what = f"{type(frame).__module__}.{type(frame).__qualname__}"
        raise TypeError(f"fields are given by a dict or a frame with __arrow_c_stream__, not by {what}")
    try:
        return pa.RecordBatchReader.from_stream(frame).read_all()
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise TypeError(f"a column holds values of several kinds; give a dict of fields instead: {error}") from None


def _field(name: str, column: pa.ChunkedArray[Any]) -> Spec:
    kind = column.type
    for fits, spec in _KINDS:
        if fits(kind):
            return spec(column)
    raise TypeError(f"column {name!r} is {kind}, which no type of field holds; leave it out or define it by a dict")


def _name_field(column: pa.ChunkedArray[Any]) -> Spec:
    length = _NAME_LENGTH if _longest(column) <= _NAME_LENGTH else _TEXT
    return {"nameField": True, "length": length, "idLookup": True, "defaultedOnCreate": True}


def _of_type(name: str) -> Callable[[pa.ChunkedArray[Any]], Spec]:
    return lambda column: {"type": name}


def _whole(column: pa.ChunkedArray[Any]) -> Spec:
    return {"type": "double", "precision": _DIGITS, "scale": 0}


def _float(column: pa.ChunkedArray[Any]) -> Spec:
    """As many decimals as the values have, where their whole digits leave room."""
    found = pc.unique(column.cast(pa.float64())).to_pylist()
    values = [value for value in found if value is not None and math.isfinite(value)]
    # The shortest digits that mean the value, as it will be printed.
    decimals = max((-int(Decimal(repr(value)).as_tuple().exponent) for value in values), default=0)
    room = _DIGITS - len(f"{max(map(abs, values), default=0):.0f}")
    return {"type": "double", "precision": _DIGITS, "scale": max(0, min(max(decimals, 2), _MOST_DECIMALS, room))}


def _decimal(column: pa.ChunkedArray[Any]) -> Spec:
    kind = column.type
    name = "currency" if kind.scale == 2 else "double"
    return {"type": name, "precision": max(kind.precision, _DIGITS), "scale": max(kind.scale, 0)}


def _text(column: pa.ChunkedArray[Any]) -> Spec:
    longest = _longest(column)
    if longest <= _TEXT:
        return {"type": "string", "length": _TEXT}
    return {"type": "textarea", "length": _LONG_TEXT if longest <= _LONG_TEXT else _LONGEST_TEXT}


def _items(column: pa.ChunkedArray[Any]) -> Spec:
    items = (item for items in column.to_pylist() for item in items or ())
    return {"type": "multipicklist", "values": list(dict.fromkeys(item for item in items if item))}


def _categories(column: pa.ChunkedArray[Any]) -> Spec:
    chunks: list[Any] = column.chunks
    found = (value for chunk in chunks for value in chunk.dictionary.to_pylist())
    return {"type": "picklist", "values": list(dict.fromkeys(value for value in found if value))}


def _longest(column: pa.ChunkedArray[Any]) -> int:
    """UTF-16 units of the longest text, as the org counts; 0 for what isn't text."""
    if not _is_text(column.type):
        return 0
    return max((len(text.encode("utf-16-le", "surrogatepass")) // 2 for text in column.to_pylist() if text), default=0)


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _is_list_of_text(kind: Any) -> bool:
    lists = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    return bool(lists and _is_text(kind.value_type))


def _is_category(kind: Any) -> bool:
    return bool(pa.types.is_dictionary(kind) and _is_text(kind.value_type))


_KINDS: tuple[tuple[Callable[[Any], bool], Callable[[pa.ChunkedArray[Any]], Spec]], ...] = (
    (_is_text, _text),
    (pa.types.is_null, _text),
    (pa.types.is_boolean, _of_type("boolean")),
    (pa.types.is_integer, _whole),
    (pa.types.is_floating, _float),
    (pa.types.is_decimal, _decimal),
    (pa.types.is_date, _of_type("date")),
    (pa.types.is_timestamp, _of_type("datetime")),
    (pa.types.is_time, _of_type("time")),
    (_is_list_of_text, _items),
    (_is_category, _categories),
)
