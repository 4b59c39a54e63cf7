"""Streams: readers, relations, datasets: read once, into a folder; datasets come back."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from sfframe.frames import shelf
from sfframe.frames.kept import filtered, unkept
from sfframe.frames.series import column_of, no_form
from sfframe.frames.tables import SF_TYPES, listed_table, with_columns, with_fates
from sfframe.front import Folder, Part, Types, by_number, no_frame, own_labels, sf_columns
from sfframe.ingest.outcomes import Outcomes
from sfframe.ingest.spool import CHUNK, Rows, SpooledRows
from sfframe.listed import Listed
from sfframe.problems import Problem

if TYPE_CHECKING:
    import pyarrow.dataset as ds


# Rows of a result that are written at once: each is in memory several times meanwhile.
_AT_ONCE = 32_768

Opened = Callable[[], pa.RecordBatchReader]


class StreamSource:
    """A reader, a DuckDB relation, ...: read once, into a folder; the results are datasets in that folder.

    Args:
        opened: Opens the stream; `None` where it is spooled already.
        schema: Its schema.
        folder: Where its rows are, if they are spooled.
    """

    kind = "arrow-stream"
    is_stream = True
    index_names: Sequence[object] = ()

    def __init__(self, opened: Opened | None, schema: pa.Schema, folder: Folder | None = None) -> None:
        self._opened = opened
        self._schema = schema
        self._dtypes: dict[str, pl.DataType] = {}
        self._folder = folder
        self._views: shelf.ViewsFolder | None = None

    @property
    def is_once(self) -> bool:
        return self._opened is not None

    @property
    def labels(self) -> Sequence[object]:
        return self._schema.names

    def types(self, names: Sequence[str]) -> Types:
        problems: list[Problem] = []
        for name in names:
            arrow_type: Any = self._schema.types[self._schema.names.index(name)]
            column = column_of(name, pa.nulls(0, arrow_type))  # there is no array of unions otherwise
            if column.series is None or column.mark is not None:
                problems.append(column.problem or no_form(name, str(arrow_type)))
            else:
                self._dtypes[name] = column.series.dtype
        said = {problem.column for problem in problems}
        problems.extend(p for p in unkept(self._schema, names) if p.column not in said)
        return Types(dtypes=self._dtypes, problems=problems)

    def rows(self, names: Sequence[str], folder: Callable[[], Folder]) -> Rows:
        if self._opened is not None:
            self._folder = folder()
            with self._opened() as reader, pq.ParquetWriter(self._path, self._schema, **shelf.QUICK) as writer:
                for batch in reader:
                    writer.write_batch(batch, row_group_size=CHUNK)
        return SpooledRows(self._path, {name: self._dtypes[name] for name in names})

    @property
    def _path(self) -> Path:
        assert self._folder is not None
        return self._folder.path / shelf.ROWS

    def view(self, outcomes: Outcomes, part: Part) -> ds.Dataset:
        assert self._folder is not None
        # Not beside the rows: there may be those of another process, which knew less.
        self._views = self._views or shelf.ViewsFolder(self._folder)
        path = self._views.path / f"{part.name}.parquet"
        if not path.exists():
            self._write(path, outcomes, part)
        from sfframe.frames.files import dataset_in

        return dataset_in(self._views, path.name, self.schema_of(part))

    def schema_of(self, part: Part | None = None) -> pa.Schema:
        """That of the frame that `view` gives of a part; `None`: of the caller's own columns."""
        own = [self._schema.field(str(label)) for label in own_labels(self.labels)]
        beside = part.beside if part is not None else ()
        return pa.schema([*own, *(pa.field(name, SF_TYPES[name]) for name in beside)])

    def _write(self, path: Path, outcomes: Outcomes, part: Part) -> None:
        with pq.ParquetWriter(path, self.schema_of(part), compression="lz4") as writer:
            for _, table in self.tables(outcomes, [part]):
                writer.write_table(table)

    def tables(self, outcomes: Outcomes, parts: Sequence[Part]) -> Iterator[tuple[Part, pa.Table]]:
        """The rows of each of the parts as `view` gives them, a bounded number at once, in one passage."""
        own, schemas = self.schema_of(), [self.schema_of(part) for part in parts]
        with pq.ParquetFile(self._path, pre_buffer=False) as rows:  # else it holds what it has read
            start = 0
            for batch in rows.iter_batches(batch_size=_AT_ONCE, columns=own.names):
                fates = outcomes.between(start, start + batch.num_rows)
                for part, schema in zip(parts, schemas, strict=True):
                    has_it = fates["outcome"].is_in(list(part.outcomes))
                    if not has_it.any():
                        continue
                    table = filtered(pa.Table.from_batches([batch]), has_it.to_numpy())
                    yield part, with_fates(table, sf_columns(fates.filter(has_it), part)).cast(schema)
                start += batch.num_rows

    def beside(self, columns: pl.DataFrame) -> pa.Table:
        return with_columns(pq.read_table(self._path).cast(self._schema), columns)

    def table(self, table: pl.DataFrame) -> pa.Table:
        return table.to_arrow()

    def labelled(self, rows: Sequence[int]) -> Sequence[str]:
        return by_number(rows)

    def store(self, view: Any, path: Path) -> None:
        (file,) = view.files  # Parquet already
        shutil.copyfile(file, path)

    def listed(self, view: ds.Dataset) -> Listed:
        return listed_table(view.to_table())

    def unkept(self) -> Sequence[Problem]:
        # What files can't hold is refused by `types` in any case.
        bad = [field for field in self._schema if not shelf.can_be_kept(field.type)]
        return [shelf.not_kept(field.name, f"{field.type} values") for field in bad]

    def keep(self, folder: Path) -> None:
        shelf.put_rows(self._path, folder)
        shelf.write_schema(folder, self._schema)
        shelf.close(folder, self.kind, {})


def restored_stream(folder: Path) -> StreamSource:
    """The source that was kept in the folder."""
    with shelf.read_safely(folder):
        shelf.opened(folder, StreamSource.kind)
        schema, path = shelf.read_schema(folder), folder / shelf.ROWS
        if pq.read_schema(path).names != schema.names:
            raise shelf.KeptError(f"the columns of {path} aren't those of its schema")
        return StreamSource(None, schema, shelf.KeptFolder(folder))


def stream(given: Any) -> StreamSource:
    """The source of anything with `__arrow_c_stream__`.

    Raises:
        TypeError: It is a single column.
    """
    try:
        reader = pa.RecordBatchReader.from_stream(given)
    except pa.ArrowInvalid as error:  # a single column, such as a Series
        raise no_frame(given) from error
    return StreamSource(lambda: reader, reader.schema)


def relation(given: Any) -> StreamSource:
    """The source of a DuckDB relation. It isn't run before its rows are read: until then its connection is free."""
    schema = pa.RecordBatchReader.from_stream(given.limit(0)).schema
    return StreamSource(lambda: pa.RecordBatchReader.from_stream(given), schema)


def dataset(given: ds.Dataset) -> StreamSource:
    """The source of a pyarrow dataset."""
    from sfframe.frames.files import reader_of

    return StreamSource(lambda: reader_of(given), given.schema)
