"""Sink: what was read, written page by page as Parquet, Arrow IPC or CSV."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, Protocol

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from sfframe.bridge import in_thread
from sfframe.disk import replaced as replaced
from sfframe.ingest.forms import NoFormError, value_of
from sfframe.ingest.printed import text_of
from sfframe.query.frames import ctrl_c

Format = Literal["parquet", "ipc", "csv"]

_SUFFIXES: Final[dict[str, Format]] = {
    ".parquet": "parquet",
    ".arrow": "ipc",
    ".feather": "ipc",
    ".ipc": "ipc",
    ".csv": "csv",
}
# Pages of REST are small: a row group, or a record batch, takes several.
_BATCH_BYTES: Final = 16_000_000


class Writer(Protocol):
    """Writes tables of one schema into a file, one after the other."""

    def write(self, table: pa.Table) -> None:
        """Append rows."""

    def close(self) -> None:
        """Write what is at the file's end; the file stays open."""

    def give_up(self) -> None:
        """The file won't be kept: let go of it."""


def format_of(path: Path, wanted: str | None) -> Format:
    """The format that is meant: the one wanted, else that of the suffix.

    Raises:
        ValueError: There is no such format, or none of that suffix.
    """
    if wanted is None:
        if (found := _SUFFIXES.get(path.suffix.lower())) is not None:
            return found
        raise ValueError(f"{path.name!r} ends in none of {', '.join(_SUFFIXES)}: rename it, or say format='csv'")
    for known in dict.fromkeys(_SUFFIXES.values()):
        if wanted == known:
            return known
    raise ValueError(f"format={wanted!r} is none of 'parquet', 'ipc', 'csv'")


def writer_of(wanted: Format, file: BinaryIO, schema: pa.Schema) -> Writer:
    """What writes tables of this schema."""
    return _Csv(file, schema) if wanted == "csv" else _Batches(wanted, file, schema)


async def written(tables: AsyncGenerator[pa.Table, None], kind: Format, file: BinaryIO) -> int:
    """Write all tables; gives the number of their rows."""
    writer: Writer | None = None
    n_rows = 0
    try:
        async with aclosing(tables):
            async for table in tables:
                writer = writer or writer_of(kind, file, table.schema)
                n_rows += table.num_rows
                with ctrl_c():
                    await _finished(in_thread(writer.write, table))
        assert writer is not None  # there is one table at least
        await _finished(in_thread(writer.close))
    except BaseException:
        if writer is not None:
            writer.give_up()
        raise
    return n_rows


class _Batches:
    """Parquet, or Arrow IPC: both have a schema and batches of rows."""

    def __init__(self, wanted: Literal["parquet", "ipc"], file: BinaryIO, schema: pa.Schema) -> None:
        self._writer: pq.ParquetWriter | pa.ipc.RecordBatchFileWriter = (
            pq.ParquetWriter(file, schema, compression="zstd") if wanted == "parquet" else pa.ipc.new_file(file, schema)  # type: ignore[arg-type]  # any file
        )
        self._waiting: list[pa.Table] = []
        self._n_bytes = 0

    def write(self, table: pa.Table) -> None:
        self._waiting.append(table)
        self._n_bytes += table.nbytes
        if self._n_bytes >= _BATCH_BYTES:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def give_up(self) -> None:
        # Arrow's writers would write into a closed file when they are collected.
        with suppress(OSError, pa.ArrowException):
            self._writer.close()

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.concat_tables(self._waiting).combine_chunks())
        self._waiting, self._n_bytes = [], 0


class _Csv:
    """CSV as `df.sfbulk` writes it: what it would send of such a frame."""

    def __init__(self, file: BinaryIO, schema: pa.Schema) -> None:
        self._file = file
        dtypes = pl.DataFrame(schema.empty_table()).schema
        self._cells = [_cell(name, dtype).alias(name) for name, dtype in dtypes.items()]
        pl.DataFrame(schema=dict.fromkeys(dtypes, pl.String)).write_csv(file, quote_style=self._quotes)

    @property
    def _quotes(self) -> Literal["always", "necessary"]:
        # A line without anything in it would be skipped by most readers.
        return "always" if len(self._cells) == 1 else "necessary"

    def write(self, table: pa.Table) -> None:
        values = pl.DataFrame(table).select(self._cells)
        texts = values.select(text_of(pl.col(name), dtype) for name, dtype in values.schema.items())
        texts.write_csv(self._file, include_header=False, quote_style=self._quotes)

    def close(self) -> None:
        self._file.flush()

    def give_up(self) -> None:
        """Nothing is held back."""


def _cell(name: str, dtype: pl.DataType) -> pl.Expr:
    """A column as the text of its cells; what has no such text, as JSON."""
    column = pl.col(name)
    try:
        value = value_of(column, dtype, field=None).expr
    except NoFormError:
        wrapped = pl.struct(column.alias("x")).struct.json_encode()
        return pl.when(column.is_not_null()).then(wrapped.str.slice(5, wrapped.str.len_chars() - 6))
    return value


async def _finished(awaitable: Any) -> Any:
    """Wait for something that can't be broken off: when cancelled, not before it is done."""
    task = asyncio.ensure_future(awaitable)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
