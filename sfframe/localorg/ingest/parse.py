"""The rows of an upload, every cell as the text that was sent (wire notes, 4.1)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from sfframe.localorg.ingest.scan import DELIMITERS, Layout
from sfframe.localorg.saving.header import ROW, cell


def read_rows(
    path: Path, layout: Layout, *, delimiter: str, start: int = 0, stride: int = 50_000
) -> Iterator[pa.Table]:
    """Give the rows of an upload, in its order and in bounded memory.

    Args:
        path: The bytes as they were sent, found sound by `scan`.
        layout: What `scan` said of them.
        delimiter: The job's columnDelimiter, by name.
        start: The first row that is wanted.
        stride: Rows in one table.

    Yields:
        Tables with the columns c0, c1, ... (text, never null) and `n`, the row number from 0.
    """
    if start >= layout.rows:
        return
    names = [cell(index) for index in range(len(layout.names))]
    with path.open("rb") as file:
        # From the line end before it: a first cell that begins with a BOM would lose it at the start of a file.
        file.seek(layout.start_of(start, file) - 1)
        reader = pa_csv.open_csv(
            file,
            pa_csv.ReadOptions(column_names=names, use_threads=True, block_size=max(1 << 20, 2 * layout.longest + 16)),
            # A record's cells are all there (`scan` has counted), and blank lines are no records.
            pa_csv.ParseOptions(
                delimiter=DELIMITERS[delimiter],
                quote_char='"',
                double_quote=True,
                escape_char=False,
                newlines_in_values=True,
                ignore_empty_lines=True,
            ),
            pa_csv.ConvertOptions(
                check_utf8=False,
                column_types=dict.fromkeys(names, pa.string()),
                strings_can_be_null=False,
                quoted_strings_can_be_null=False,
                null_values=[],
            ),
        )
        yield from _strides(reader, start, stride)


def _strides(reader: pa_csv.CSVStreamingReader, row: int, stride: int) -> Iterator[pa.Table]:
    waiting: list[pa.RecordBatch] = []
    count = 0
    for batch in reader:
        while batch.num_rows:
            taken = batch.slice(0, stride - count)
            batch = batch.slice(taken.num_rows)
            waiting.append(taken)
            count += taken.num_rows
            if count == stride:
                yield _numbered(waiting, row)
                row, count, waiting = row + count, 0, []
    if count:
        yield _numbered(waiting, row)


def _numbered(batches: list[pa.RecordBatch], row: int) -> pa.Table:
    table = pa.Table.from_batches(batches)
    return table.append_column(ROW, pa.array(np.arange(row, row + table.num_rows, dtype=np.int64)))
