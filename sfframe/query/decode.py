"""Decode: a page as it came, CSV or records, into a typed frame. No I/O.

All that isn't as it should be (a page of HTML, another header, a broken end) is a `BadPage`: worth reading again.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv

from sfframe.query.columns import Column
from sfframe.query.types import expression, typed

# Read by Polars' CSV reader itself; all else is quicker, or possible at all, by way of text.
_DIRECT: Final = (pl.Int64, pl.Float64, pl.Boolean, pl.Date)


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
        BadPage: It isn't that.
    """
    if not body.strip():
        return empty_frame(columns)
    header = header_of(body)
    by_name = {column.name.lower(): column for column in columns}
    if sorted(name.lower() for name in header) != sorted(by_name):
        raise BadPage(f"its first line isn't the header of {len(columns)} columns that was to come")
    ordered = [by_name[name.lower()] for name in header]
    if not body.endswith(b"\n"):
        _check_last_row(body, len(header))
    frame = _read(body, ordered)
    return frame.select(column.name for column in columns)


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


def decode_records(records: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> pl.DataFrame:
    """Records as REST gives them, numbers as the text that stood there (`parse_float=str`).

    Raises:
        BadPage: They aren't records with these members.
    """
    frame = {}
    for column in columns:
        values = [_at(record, column.way) for record in records]
        try:
            frame[column.name] = _column(column.name, values, column)
        except (pl.exceptions.PolarsError, TypeError) as error:
            raise BadPage(f"{column.name} holds what is no {column.dtype}") from error
    return pl.DataFrame(frame)


def _read(body: bytes, columns: Sequence[Column]) -> pl.DataFrame:
    names = [column.name for column in columns]
    texts = {column.name: pl.String() for column in columns}
    direct = {column.name: column.dtype for column in columns if isinstance(column.dtype, _DIRECT)}
    try:
        frame = _read_csv(body, {**texts, **direct})
    except pl.exceptions.PolarsError:
        direct = {}  # 23.0 as an integer, say
        try:
            frame = _read_csv(body, texts)
        except pl.exceptions.PolarsError as error:
            raise BadPage("it is no whole CSV of these columns") from error
    frame.columns = names
    try:
        return frame.with_columns(
            expression(column.name, column.dtype) for column in columns if column.name not in direct
        )
    except pl.exceptions.PolarsError as error:
        raise BadPage("a value isn't what describe says of its field") from error


def _read_csv(body: bytes, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    return pl.read_csv(
        io.BytesIO(body), has_header=False, skip_lines=1, schema=dict(schema), null_values=[""], glob=False
    )


def _check_last_row(body: bytes, n_columns: int) -> None:
    """Without a line's end at its end a page may have been cut within its last row, which Polars would fill up."""
    options = pa_csv.ParseOptions(newlines_in_values=True)
    try:
        pa_csv.read_csv(io.BytesIO(body), parse_options=options)
    except pa.ArrowException as error:
        raise BadPage(f"it breaks off within a row of {n_columns} columns") from error


def _at(record: Any, way: Sequence[str]) -> Any:
    for name in way:
        if record is None:
            return None
        record = record.get(name)
    return record


def _column(name: str, values: Sequence[Any], column: Column) -> pl.Series:
    if column.children is not None:
        return _lists(name, values, column)
    if isinstance(column.dtype, pl.Struct):
        fields = [
            _column(field.name, [_at(value, (field.name,)) for value in values],
                    Column(name=field.name, dtype=_instance(field.dtype), way=()))
            for field in column.dtype.fields
        ]  # fmt: skip
        struct = pl.DataFrame(fields).to_struct(name)
        mask = pl.Series([value is not None for value in values], dtype=pl.Boolean)
        return pl.select(pl.when(mask).then(struct).alias(name)).to_series() if len(values) else struct
    return typed(pl.Series(name, [_text(value) for value in values], dtype=pl.String), column.dtype)


def _lists(name: str, values: Sequence[Any], column: Column) -> pl.Series:
    children = column.children or ()
    rows = [None if value is None else decode_records(value["records"], children).to_dicts() for value in values]
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
