"""Decode: a page as it came, CSV or records, into a typed frame. No I/O.

All that isn't as it should be (a page of HTML, another header, a broken end) is a `BadPage`: worth reading again.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv

from sfframe.org.body import RESULT_BYTES
from sfframe.query.schema.columns import Column
from sfframe.query.schema.types import is_sound, typed, valued
from sfframe.query.tables import in_arrow

# Dtypes that the CSV reader gives by itself; all others come by way of text.
_DIRECT: Final[Mapping[type[pl.DataType], pa.DataType]] = {
    pl.Int64: pa.int64(),
    pl.Float64: pa.float64(),
    pl.Boolean: pa.bool_(),
    pl.Date: pa.date32(),
    pl.Datetime: pa.timestamp("us", "UTC"),
    pl.String: pa.large_string(),
}
_DOUBTFUL: Final = (pa.float64(), pa.date32(), pa.timestamp("us", "UTC"))
_QUOTE: Final = ord('"')
_CHUNK: Final = 1 << 20


class BadPage(Exception):  # noqa: N818  # a finding: whoever reads pages decides what becomes of it
    """A page isn't what it should be; the text says why, and quotes no value."""


def empty_frame(columns: Sequence[Column]) -> pl.DataFrame:
    """No rows, all columns."""
    return pl.DataFrame(schema={column.name: column.dtype for column in columns})


def decode_csv(body: bytes, columns: Sequence[Column]) -> pa.Table:
    """A page of a query job's result.

    Args:
        body: UTF-8 CSV with a header line; nothing at all is taken for no records.
        columns: What the page holds, whatever the header's case and order.

    Returns:
        The rows as `in_arrow` gives a frame of them, each column in one piece.

    Raises:
        BadPage: It isn't that, or breaks off within a row. A page that ends between two rows is whole by itself: only
            the org's count tells.
    """
    if not body or body.isspace():
        return in_arrow(empty_frame(columns))
    header = header_of(body)
    by_name = {name.lower(): column for column in columns for name in (column.written, column.name) if name}
    ordered = [by_name.get(name.lower()) for name in header]
    found = [column for column in ordered if column is not None]
    names = {column.name for column in columns}
    if len(header) != len(names) or {column.name for column in found} != names:
        raise BadPage(f"its first line isn't the header of {len(columns)} columns that was to come")
    if body.endswith((b"\n\n", b"\n\r\n")):
        body = body.rstrip(b"\r\n") + b"\n"
    if body.find(b"\n") in (-1, len(body) - 1):
        return in_arrow(empty_frame(columns))
    _check_end(body)
    return _read(body, found).select([column.name for column in columns])


def header_of(body: bytes) -> list[str]:
    """The names in the first line.

    Raises:
        BadPage: It isn't text.
    """
    line = body[: body.find(b"\n") + 1 or len(body)]
    try:
        return next(csv.reader([line.decode("utf-8-sig").strip()], strict=True), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadPage("its first line is no header") from error


def count_records(body: bytes) -> int:
    """Records of CSV with a header line and doubled quotes, for answers whose header doesn't say.

    Line breaks within quotes are none; nor is a blank line a record.
    """
    at = np.frombuffer(body, np.uint8)
    quotes = np.flatnonzero(at == ord('"'))
    breaks = np.flatnonzero(at == ord("\n"))
    ends = breaks[np.searchsorted(quotes, breaks) % 2 == 0]
    starts, stops = np.concatenate([[0], ends + 1]), np.concatenate([ends, [len(body)]])
    is_blank = (stops - starts <= 1) & np.isin(np.append(at, 0)[starts], (0, ord("\n"), ord("\r")))
    return max(0, int((~is_blank).sum()) - 1)


def decode_records(records: Sequence[Any], columns: Sequence[Column]) -> pl.DataFrame:
    """Records as REST gives them, numbers as the text that stood there (`parse_float=str`).

    A member that was selected and isn't there is no null: an org writes these out. Only TYPEOF leaves members away.

    Raises:
        BadPage: They aren't records with these members, or a value isn't of its column's kind.
    """
    if any(record is None for record in records):
        raise BadPage("one of its records is null")
    frame = {}
    for column in columns:
        try:
            frame[column.name] = _column(column.name, _members(records, column), column)
        except (pl.exceptions.PolarsError, TypeError, ValueError, AttributeError, LookupError, RecursionError) as error:
            raise BadPage(f"{column.name} holds what is no {column.dtype}") from error
    return pl.DataFrame(frame)


# CSV.


def _check_end(body: bytes) -> None:
    """Find out what was cut within a row.

    Within quoted values quotes are doubled, so there is an even number of them all in all. The last line may do without
    its end, and then still ends with a value.
    """
    signs = np.frombuffer(body, np.uint8)
    n_quotes = sum(
        int(np.count_nonzero(signs[start : start + _CHUNK] == _QUOTE)) for start in range(0, len(signs), _CHUNK)
    )
    if n_quotes % 2:
        raise BadPage("it breaks off within a quoted value")
    is_quoted = body.startswith((b'"', b'\xef\xbb\xbf"'))
    if body.endswith(b",") or (is_quoted and not body.endswith((b'"', b"\n", b'"\r'))):
        raise BadPage("it breaks off within a row")


def _read(body: bytes, columns: Sequence[Column]) -> pa.Table:
    direct = {column.name: _DIRECT[type(column.dtype)] for column in columns if type(column.dtype) in _DIRECT}
    if b"0x" in body or b"0X" in body:  # Arrow takes 0x10 for a number
        direct = {name: dtype for name, dtype in direct.items() if dtype != pa.int64()}
    try:
        table = _table(body, columns, direct)
    except pa.ArrowInvalid:
        direct = {}  # 23.0 as an integer, say
        try:
            table = _table(body, columns, direct)
        except pa.ArrowInvalid as error:
            raise BadPage("it is no whole CSV of these columns") from error
    # An empty line is a row of nulls to Arrow. Mostly such lines are within a text.
    if (b"\n\n" in body or b"\n\r\n" in body) and count_records(body) != table.num_rows:
        raise BadPage("some of its lines are empty")
    if not all(is_sound(pl.Series(table[name])) for name in direct if direct[name] in _DOUBTFUL):
        raise BadPage("a number is infinite or none, or a date is in no year of a calendar")
    by_text = {column.name: column.dtype for column in columns if column.name not in direct}
    try:
        return _with_values(table, by_text) if by_text else table
    except pl.exceptions.PolarsError as error:
        raise BadPage("a value isn't what describe says of its field") from error


def _with_values(table: pa.Table, dtypes: Mapping[str, pl.DataType]) -> pa.Table:
    """The table with the values of columns that are texts in it."""
    texts = pl.DataFrame(table.select(list(dtypes)))
    values = in_arrow(pl.DataFrame({name: valued(texts[name], dtype) for name, dtype in dtypes.items()}))
    for field, column in zip(values.schema, values.columns, strict=True):
        table = table.set_column(table.schema.get_field_index(field.name), field, column)
    return table


def _table(body: bytes, columns: Sequence[Column], direct: Mapping[str, pa.DataType]) -> pa.Table:
    """By Arrow's reader: it takes no thread of Polars' pool, and refuses rows that are short, which Polars fills up."""
    names = [column.name for column in columns]
    source: Any = pa.BufferReader(body)  # in place
    return pa_csv.read_csv(
        source,
        # One block, so that no value is longer than a block, and each column comes in one piece.
        pa_csv.ReadOptions(column_names=names, skip_rows=1, block_size=min(len(body), RESULT_BYTES), use_threads=False),
        pa_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        pa_csv.ConvertOptions(
            column_types={name: direct.get(name, pa.large_string()) for name in names},
            null_values=[""],
            strings_can_be_null=True,
            true_values=["true"],
            false_values=["false"],
        ),
    )


# Records.


def _members(values: Sequence[Any], column: Column) -> Sequence[Any]:
    for name in column.way:
        values = _step(values, name, is_optional=column.is_optional)
    return values


def _step(values: Sequence[Any], name: str, *, is_optional: bool = False) -> list[Any]:
    """A member of each record; nulls stay."""
    try:
        return [value if value is None else value[name] for value in values]
    except KeyError:
        return [value if value is None else _member(value, name, is_optional=is_optional) for value in values]


def _member(record: Mapping[str, Any], name: str, *, is_optional: bool) -> Any:
    if name in record:
        return record[name]
    wanted = name.lower()
    found = next((value for key, value in record.items() if key.lower() == wanted), _MISSING)
    if found is _MISSING and not is_optional:
        raise BadPage(f"a record has no member {name}")
    return None if found is _MISSING else found


_MISSING: Final = object()


def _column(name: str, values: Sequence[Any], column: Column) -> pl.Series:
    if column.children is not None:
        return _lists(name, values, column)
    if isinstance(column.dtype, pl.Struct):
        return _structs(name, values, column.dtype)
    return typed(pl.Series(name, [_text(value) for value in values], dtype=pl.String), column.dtype)


def _structs(name: str, values: Sequence[Any], dtype: pl.Struct) -> pl.Series:
    """Addresses and places; orgs differ in what these have, so a member that isn't there is null."""
    parts = [
        typed(
            pl.Series(field.name, map(_text, _step(values, field.name, is_optional=True)), dtype=pl.String),
            _instance(field.dtype),
        )
        for field in dtype.fields
    ]
    struct = pl.DataFrame(parts).to_struct(name)
    is_there = pl.Series([value is not None for value in values], dtype=pl.Boolean)
    return pl.select(pl.when(is_there).then(struct).alias(name)).to_series() if len(values) else struct


def _lists(name: str, values: Sequence[Any], column: Column) -> pl.Series:
    """The records of a subquery; none is an empty list, whether the org writes null or an empty answer."""
    families = [[] if value is None else value["records"] for value in values]
    everyone = [record for family in families for record in family]
    children = decode_records(everyone, column.children or ()).to_struct(name)
    rows, start = [], 0
    for family in families:
        rows.append(children.slice(start, len(family)))
        start += len(family)
    return pl.Series(name, rows, dtype=column.dtype)


def _instance(dtype: Any) -> pl.DataType:
    whole: pl.DataType = dtype() if isinstance(dtype, type) else dtype
    return whole


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)
