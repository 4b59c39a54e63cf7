"""Tables: Arrow tables with columns put beside theirs, and as lists."""

from __future__ import annotations

import polars as pl
import pyarrow as pa

from sfframe.listed import Listed
from sfframe.query.tables import in_arrow

SF_TYPES: dict[str, pa.DataType] = {
    "sf__Outcome": pa.string(),
    "sf__Id": pa.string(),
    "sf__Created": pa.bool_(),
    "sf__Error": pa.string(),
}


def with_fates(table: pa.Table, fates: pl.DataFrame) -> pa.Table:
    """The table with the sf__ columns of its rows' fates beside it."""
    for name in fates.columns:
        if name in SF_TYPES:
            table = table.append_column(name, fates[name].to_arrow().cast(SF_TYPES[name]))
    return table


def with_columns(table: pa.Table, columns: pl.DataFrame) -> pa.Table:
    """The table with other columns beside it."""
    made = in_arrow(columns)
    for field, column in zip(made.schema, made.columns, strict=True):
        table = table.append_column(field, column)
    return table


def listed_table(table: pa.Table) -> Listed:
    """The table as lists of Python values."""
    return Listed([(name, table.column(at).to_pylist()) for at, name in enumerate(table.column_names)])
