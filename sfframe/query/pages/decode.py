"""Decode: a page as it came, CSV or records, into a typed frame. No I/O.

All that isn't as it should be (a page of HTML, another header, a broken end) is a `BadPage`: worth reading again.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv

from sfframe.query.schema.columns import Column
from sfframe.query.schema.types import filled, typed, valued

# Read by Polars' CSV reader itself; all else is quicker, or possible at all, by way of text.
_DIRECT: Final = (pl.Int64, pl.Float64, pl.Boolean, pl.Date)
_QUOTE: Final = ord('"')
_CHUNK: Final = 1 << 20
_MAX_BLOCK: Final = 2**31 - 1


class BadPage(Exception):  # noqa: N818  # a finding: whoever reads pages decides what becomes of it
    """A page isn't what it should be; the text says why, and quotes no value."""


def empty_frame(columns: Sequence[Column]) -> pl.DataFrame:
    """No rows, all columns."""
    return pl.DataFrame(schema={column.name: column.dtype for column in columns})


def decode_csv(body: bytes, columns: Sequence[Column]) -> pl.DataFrame:
    """A page of a query job's result.

    Args:
        body: UTF-8 CSV with a header line; nothing at all is taken for no records.
        columns: What the page holds, whatever the header's case and order.

    Raises:
        BadPage: It isn't that, or breaks off within a row. A page that ends between two rows is whole by itself: only
            the org's count tells.
    """
    if not body or body.isspace():
        return empty_frame(columns)
    header = header_of(body)
    by_name = {name.lower(): column for column in columns for name in (column.written, column.name) if name}
    ordered = [by_name.get(name.lower()) for name in header]
    found = [column for column in ordered if column is not None]
    if len(header) != len(columns) or {column.name for column in found} != {column.name for column in columns}:
        raise BadPage(f"its first line isn't the header of {len(columns)} columns that was to come")
    if body.endswith((b"\n\n", b"\n\r\n")):
        body = body.rstrip(b"\r\n") + b"\n"
    if body.find(b"\n") in (-1, len(body) - 1):
        return empty_frame(columns)
    _check_end(body)
    read = {series.name: series for series in _read(body, found)}
    return pl.DataFrame([read[column.name] for column in columns])


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
    frame = {}
    for column in columns:
        try:
            frame[column.name] = _column(column.name, _members(records, column), column)
        except (pl.exceptions.PolarsError, TypeError, ValueError, AttributeError) as error:
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


def _read(body: bytes, columns: Sequence[Column]) -> list[pl.Series]:
    texts = {column.name: pl.String() for column in columns}
    # The last column is always read as text: only there an empty value, "", and one that is missing differ.
    direct = {column.name: column.dtype for column in columns[:-1] if isinstance(column.dtype, _DIRECT)}
    try:
        frame = _read_csv(body, {**texts, **direct})
    except pl.exceptions.PolarsError:
        direct = {}  # 23.0 as an integer, say
        try:
            frame = _read_csv(body, texts)
        except pl.exceptions.PolarsError as error:
            raise BadPage("it is no whole CSV of these columns") from error
    if len(columns) > 1 and frame[columns[-1].name].null_count():
        _check_rows(body, len(columns), frame.height)
    named = frame.with_columns(filled(column.name) for column in columns if column.name not in direct)
    try:
        # Column by column: another step of Polars' would cost more than the work on a small page.
        return [
            series if series.name in direct else valued(series, column.dtype)
            for series, column in zip(named.get_columns(), columns, strict=True)
        ]
    except pl.exceptions.PolarsError as error:
        raise BadPage("a value isn't what describe says of its field") from error


def _read_csv(body: bytes, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    return pl.read_csv(io.BytesIO(body), has_header=False, skip_lines=1, schema=dict(schema), glob=False)


def _check_rows(body: bytes, n_columns: int, n_rows: int) -> None:
    """Polars fills short rows up with nulls. Where the last value of a row is missing, look whether its comma is too.

    Raises:
        BadPage: A row is short.
    """
    names = [str(number) for number in range(n_columns)]
    block_size = min(max(len(body), _CHUNK), _MAX_BLOCK)  # no value may be longer than a block
    try:
        table = pa_csv.read_csv(
            io.BytesIO(body),
            pa_csv.ReadOptions(column_names=names, skip_rows=1, block_size=block_size),
            pa_csv.ParseOptions(newlines_in_values=True),
            pa_csv.ConvertOptions(include_columns=names[:1], column_types={names[0]: pa.binary()}),
        )
    except pa.ArrowException as error:
        raise BadPage(f"some of its rows have fewer than {n_columns} values") from error
    if table.num_rows != n_rows:
        raise BadPage("some of its lines are empty")


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
