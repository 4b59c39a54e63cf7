"""Tables: what was read, as Arrow has it, in types that every library of Arrow knows."""

from __future__ import annotations

import polars as pl
import pyarrow as pa


def in_arrow(frame: pl.DataFrame) -> pa.Table:
    """The same columns as a table.

    Text is `large_string`, datetimes `timestamp[us, tz=UTC]`, dates `date32`, times `time64[us]`, decimals
    `decimal128`, lists `large_list`.
    """
    # Without views of strings, which aren't known everywhere.
    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    # The org has milliseconds; Python and pandas read no further than microseconds, and digits after these are cut.
    fields = [field.with_type(pa.time64("us")) if pa.types.is_time64(field.type) else field for field in table.schema]
    return table.cast(pa.schema(fields), safe=False)
