"""Kept: Arrow columns that are only there to be given back: chosen by row, kept on disk; not each type can be."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from sfframe.frames.series import panics_at
from sfframe.problems import Problem

Mask = np.ndarray[Any, np.dtype[np.bool_]]


def filtered(table: pa.Table, mask: Mask) -> pa.Table:
    """The rows where the mask is true, whatever types the columns have."""
    try:
        return table.filter(pa.array(mask))
    except pa.ArrowNotImplementedError:  # views and run-end encoded columns, for which slices will do
        columns = [_in_slices(column, mask) for column in table.columns]
        return pa.Table.from_arrays(columns, schema=table.schema)


def _in_slices(column: pa.ChunkedArray[Any], mask: Mask) -> pa.ChunkedArray[Any]:
    edges = np.flatnonzero(np.diff(mask, prepend=False, append=False))
    slices = [column.slice(start, stop - start) for start, stop in edges.reshape(-1, 2).tolist()]
    chunks = [chunk for one in slices for chunk in one.chunks]
    return pa.chunked_array([pa.concat_arrays(chunks)] if chunks else [], type=column.type)


def unkept(schema: pa.Schema, sent: Sequence[str]) -> Iterator[Problem]:
    """Columns of a stream that couldn't be given back: better said now than when the rows are in the org.

    Args:
        schema: That of the stream.
        sent: Columns that are sent; that one of these is there twice is said elsewhere.
    """
    for name, n in Counter(schema.names).items():
        if n > 1 and name not in sent:
            remedy = "Rename or drop all but one."
            yield _problem(name, "TWICE", f"the stream has {n} columns of this name", remedy, "schema")
    for field in schema:
        if not _can_be_kept(field.type, is_sent=field.name in sent):
            message = f"{field.type} values can't be kept on disk, where those of a stream have to be meanwhile"
            remedy = "Convert the column or drop it from the stream; or give a pyarrow Table, which stays in memory."
            yield _problem(field.name, "NOT_KEPT", message, remedy, "type")


# What Polars panics at in a file beside the rest: list views.
_PANICS = re.compile(r"list_view<")


def _can_be_kept(arrow_type: Any, *, is_sent: bool) -> bool:
    if _PANICS.search(str(arrow_type)) or panics_at(arrow_type):
        return False
    try:
        one = pa.table({"x": pa.nulls(1, arrow_type)})
        pq.write_table(one, file := io.BytesIO())
        pq.read_table(file).cast(one.schema)
        kept = io.BytesIO(file.getvalue())
        _ = pl.read_parquet(kept) if is_sent else pl.read_parquet_schema(kept)
    except (pa.ArrowException, OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return False
    return True


def _problem(column: str, code: str, message: str, remedy: str, kind: Literal["schema", "type"]) -> Problem:
    return Problem(column=column, code=code, message=message, remedy=remedy, kind=kind)
