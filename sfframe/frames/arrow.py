"""Arrow: tables, readers, everything else with `__arrow_c_stream__`, and sequences of dicts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from sfframe.frames.kept import filtered, unkept
from sfframe.frames.objects import nulls_in, objects, read_column
from sfframe.frames.series import Column, column_of, no_form
from sfframe.front import (
    Folder,
    Part,
    Types,
    columns_beside,
    no_frame,
    own_labels,
    register,
    register_backend,
    sf_columns,
)
from sfframe.ingest.outcomes import Outcomes
from sfframe.ingest.spool import CHUNK, MemoryRows, Rows, SpooledRows
from sfframe.problems import Problem
from sfframe.query.form import ARROW
from sfframe.query.tables import in_arrow

if TYPE_CHECKING:
    import pyarrow.dataset as ds

_SF_TYPES = {
    "sf__Outcome": pa.string(),
    "sf__Id": pa.string(),
    "sf__Created": pa.bool_(),
    "sf__Error": pa.string(),
}


class TableSource:
    """A pyarrow Table or RecordBatch: tables come back."""

    is_stream = False
    is_once = False
    index_names: Sequence[object] = ()

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self._columns: dict[str, pl.Series] = {}

    @property
    def labels(self) -> Sequence[object]:
        return self._table.column_names

    def types(self, names: Sequence[str]) -> Types:
        marks: dict[str, str] = {}
        problems: list[Problem] = []
        for name in names:
            # By position: a name may be there twice, which is a problem of its own.
            column = column_of(name, self._table.column(self._table.column_names.index(name)))
            _note(column, name, self._columns, marks, problems)
        return Types(dtypes={name: s.dtype for name, s in self._columns.items()}, marks=marks, problems=problems)

    def rows(self, names: Sequence[str], folder: Callable[[], Folder]) -> Rows:
        return MemoryRows(pl.DataFrame([self._columns[name] for name in names]))

    def view(self, outcomes: Outcomes, part: Part) -> pa.Table:
        # By position: a name that isn't sent may be there twice.
        table = self._table.select([at for at, label in enumerate(self.labels) if own_labels([label])])
        mask = outcomes.mask(part.outcomes)
        if not mask.all():
            table = filtered(table, mask)
        return _beside(table, columns_beside(outcomes, part))

    def beside(self, columns: pl.DataFrame) -> pa.Table:
        return _with_columns(self._table, columns)

    def table(self, table: pl.DataFrame) -> pa.Table:
        return table.to_arrow()

    def store(self, view: pa.Table, path: Path) -> None:
        pq.write_table(view, path)


class StreamSource:
    """A reader, a DuckDB relation, ...: read once, into a folder; the results are datasets in that folder."""

    is_stream = True
    is_once = True
    index_names: Sequence[object] = ()

    def __init__(self, stream: Any) -> None:
        try:
            self._reader = pa.RecordBatchReader.from_stream(stream)
        except pa.ArrowInvalid as error:  # a single column, such as a Series
            raise no_frame(stream) from error
        self._dtypes: dict[str, pl.DataType] = {}
        self._folder: Folder | None = None

    @property
    def labels(self) -> Sequence[object]:
        return self._reader.schema.names

    def types(self, names: Sequence[str]) -> Types:
        problems: list[Problem] = []
        for name in names:
            arrow_type = self._reader.schema.types[self._reader.schema.names.index(name)]
            column = column_of(name, pa.array([], type=arrow_type))
            if column.series is None or column.mark is not None:
                problems.append(column.problem or no_form(name, str(arrow_type)))
            else:
                self._dtypes[name] = column.series.dtype
        said = {problem.column for problem in problems}
        problems.extend(p for p in unkept(self._reader.schema, names) if p.column not in said)
        return Types(dtypes=self._dtypes, problems=problems)

    def rows(self, names: Sequence[str], folder: Callable[[], Folder]) -> Rows:
        self._folder = folder()
        with pq.ParquetWriter(self._path, self._reader.schema, compression="lz4") as writer:
            for batch in self._reader:
                writer.write_batch(batch, row_group_size=CHUNK)
        return SpooledRows(self._path, {name: self._dtypes[name] for name in names})

    @property
    def _path(self) -> Path:
        assert self._folder is not None
        return self._folder.path / "rows.parquet"

    def view(self, outcomes: Outcomes, part: Part) -> ds.Dataset:
        folder = self._folder
        assert folder is not None
        path = folder.path / f"{part.name}.parquet"
        if not path.exists():
            self._write(path, outcomes, part)
        from sfframe.frames.files import dataset_in

        return dataset_in(folder, path.name, self._schema(part))

    def _schema(self, part: Part | None = None) -> pa.Schema:
        own = [self._reader.schema.field(str(label)) for label in own_labels(self.labels)]
        beside = part.beside if part is not None else ()
        return pa.schema([*own, *(pa.field(name, _SF_TYPES[name]) for name in beside)])

    def _write(self, path: Path, outcomes: Outcomes, part: Part) -> None:
        own, schema = self._schema(), self._schema(part)
        with pq.ParquetFile(self._path) as rows, pq.ParquetWriter(path, schema, compression="lz4") as writer:
            start = 0
            for batch in rows.iter_batches(batch_size=CHUNK, columns=own.names):
                fates = outcomes.between(start, start + batch.num_rows)
                has_it = fates["outcome"].is_in(list(part.outcomes))
                mine = fates.filter(has_it)
                table = filtered(pa.Table.from_batches([batch]), has_it.to_numpy())
                writer.write_table(_beside(table, sf_columns(mine, part)).cast(schema))
                start += batch.num_rows

    def beside(self, columns: pl.DataFrame) -> pa.Table:
        return _with_columns(pq.read_table(self._path).cast(self._reader.schema), columns)

    def table(self, table: pl.DataFrame) -> pa.Table:
        return table.to_arrow()

    def store(self, view: ds.Dataset, path: Path) -> None:
        with pq.ParquetWriter(path, view.schema) as writer:
            for batch in view.to_batches():
                writer.write_batch(batch)


class DictsSource:
    """A sequence of dicts: a Polars frame comes back."""

    is_stream = False
    is_once = False
    index_names: Sequence[object] = ()

    def __init__(self, records: Sequence[Mapping[str, Any]]) -> None:
        # A snapshot: what the caller does to the dicts later stays out of it.
        self._records = [dict(record) for record in records]
        self._labels = list(dict.fromkeys(key for record in records for key in record))
        self._columns: dict[str, pl.Series] = {}

    @property
    def labels(self) -> Sequence[object]:
        return self._labels

    def types(self, names: Sequence[str]) -> Types:
        marks: dict[str, str] = {}
        problems: list[Problem] = []
        for name in names:
            values = objects([record.get(name) for record in self._records])
            _note(read_column(name, values, nulls_in(values)), name, self._columns, marks, problems)
        return Types(dtypes={n: s.dtype for n, s in self._columns.items()}, marks=marks, problems=problems)

    def rows(self, names: Sequence[str], folder: Callable[[], Folder]) -> Rows:
        return MemoryRows(pl.DataFrame([self._columns[name] for name in names]))

    def beside(self, columns: pl.DataFrame) -> pl.DataFrame:
        return pl.DataFrame([self._series(label) for label in self._labels]).hstack(columns)

    def view(self, outcomes: Outcomes, part: Part) -> pl.DataFrame:
        own = pl.DataFrame([self._series(label) for label in own_labels(self._labels)])
        beside = columns_beside(outcomes, part)
        return own.filter(pl.Series(outcomes.mask(part.outcomes))).hstack(beside) if own.width else beside

    def table(self, table: pl.DataFrame) -> pl.DataFrame:
        return table

    def store(self, view: pl.DataFrame, path: Path) -> None:
        view.write_parquet(path)

    def _series(self, label: object) -> pl.Series:
        name, values = str(label), [record.get(label) for record in self._records]  # type: ignore[call-overload]  # any key
        try:
            if any(isinstance(value, dict | list | tuple) for value in values):
                # A Series would take the keys of its first dict for all that there are.
                return pl.from_dicts([{name: value} for value in values], infer_schema_length=None)[name]
            return pl.Series(name, values)
        except (TypeError, pl.exceptions.PolarsError):  # values of several types
            has_only_numbers = {type(value) for value in values} <= {int, float, type(None)}
            return pl.Series(name, values, dtype=pl.Float64 if has_only_numbers else pl.Object)


def _note(
    column: Column, name: str, series: dict[str, pl.Series], marks: dict[str, str], problems: list[Problem]
) -> None:
    if column.series is not None:
        series[name] = column.series
    if column.mark is not None:
        marks[name] = column.mark
    if column.problem is not None:
        problems.append(column.problem)


def _beside(table: pa.Table, fates: pl.DataFrame) -> pa.Table:
    for name in fates.columns:
        if name in _SF_TYPES:
            table = table.append_column(name, fates[name].to_arrow().cast(_SF_TYPES[name]))
    return table


def _with_columns(table: pa.Table, columns: pl.DataFrame) -> pa.Table:
    made = in_arrow(columns)
    for field, column in zip(made.schema, made.columns, strict=True):
        table = table.append_column(field, column)
    return table


def _is_records(frame: Any) -> bool:
    if not isinstance(frame, Sequence) or isinstance(frame, str | bytes):
        return False
    strangers = [type(record).__name__ for record in frame if not isinstance(record, Mapping)]
    if strangers:
        raise TypeError(f"a sequence of dicts is needed; there is {strangers[0]} in it")
    return True


def _table(frame: Any) -> TableSource:
    return TableSource(pa.Table.from_batches([frame]) if isinstance(frame, pa.RecordBatch) else frame)


register(_is_records, DictsSource)
register(lambda frame: hasattr(frame, "__arrow_c_stream__"), StreamSource)


def _is_dataset(frame: Any) -> bool:
    # Its module takes a while to import; where there is a dataset, somebody has done so.
    module = sys.modules.get("pyarrow.dataset")
    return module is not None and isinstance(frame, module.Dataset)


register(_is_dataset, lambda frame: StreamSource(frame.scanner().to_reader()))
register(lambda frame: isinstance(frame, pa.Table | pa.RecordBatch), _table)
register_backend("pyarrow", ARROW, lambda table: table)
