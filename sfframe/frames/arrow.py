"""Arrow: tables, readers, everything else with `__arrow_c_stream__`, and sequences of dicts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from sfframe.frames import shelf
from sfframe.frames.dicts import DictsSource, is_records, records, restored_records
from sfframe.frames.kept import filtered
from sfframe.frames.series import column_of, types_of
from sfframe.frames.streams import StreamSource, dataset, relation, restored_stream, stream
from sfframe.frames.tables import listed_table, with_columns, with_fates
from sfframe.front import (
    Folder,
    Part,
    Types,
    by_number,
    columns_beside,
    own_labels,
    register,
    register_backend,
    register_kind,
)
from sfframe.ingest.outcomes import Outcomes
from sfframe.ingest.spool import CHUNK, MemoryRows, Rows
from sfframe.listed import Listed
from sfframe.problems import Problem
from sfframe.query.form import ARROW


class TableSource:
    """A pyarrow Table or RecordBatch: tables come back."""

    kind = "arrow"
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
        # By position: a name may be there twice, which is a problem of its own.
        places = {name: self._table.column_names.index(name) for name in names}
        found = {name: column_of(name, self._table.column(place)) for name, place in places.items()}
        return types_of(found, self._columns)

    def rows(self, names: Sequence[str], folder: Callable[[], Folder]) -> Rows:
        return MemoryRows(pl.DataFrame({name: self._columns[name] for name in names}))

    def view(self, outcomes: Outcomes, part: Part) -> pa.Table:
        # By position: a name that isn't sent may be there twice.
        table = self._table.select([at for at, label in enumerate(self.labels) if own_labels([label])])
        mask = outcomes.mask(part.outcomes)
        if not mask.all():
            table = filtered(table, mask)
        return with_fates(table, columns_beside(outcomes, part))

    def beside(self, columns: pl.DataFrame) -> pa.Table:
        return with_columns(self._table, columns)

    def table(self, table: pl.DataFrame) -> pa.Table:
        return table.to_arrow()

    def labelled(self, rows: Sequence[int]) -> Sequence[str]:
        return by_number(rows)

    def store(self, view: pa.Table, path: Path) -> None:
        pq.write_table(view, path)

    def listed(self, view: pa.Table) -> Listed:
        return listed_table(view)

    def unkept(self) -> Sequence[Problem]:
        bad = [field for field in self._table.schema if not shelf.can_be_kept(field.type)]
        return [shelf.not_kept(field.name, f"{field.type} values") for field in bad]

    def keep(self, folder: Path) -> None:
        starts = range(0, self._table.num_rows, CHUNK)
        shelf.write_rows(folder, self._table.schema, (self._table.slice(start, CHUNK).columns for start in starts))
        shelf.close(folder, self.kind, {})


def _restored_table(folder: Path) -> TableSource:
    with shelf.read_safely(folder):
        shelf.opened(folder, TableSource.kind)
        return TableSource(shelf.read_rows(folder))


def _table(frame: Any) -> TableSource:
    return TableSource(pa.Table.from_batches([frame]) if isinstance(frame, pa.RecordBatch) else frame)


register(is_records, records)
register(lambda frame: hasattr(frame, "__arrow_c_stream__"), stream)


def _is_of(module: str, name: str) -> Callable[[Any], bool]:
    """Whether a frame is of a class of a library that somebody has imported if there is such a frame."""
    return lambda frame: isinstance(frame, getattr(sys.modules.get(module), name, ()))


register(_is_of("pyarrow.dataset", "Dataset"), dataset)
register(_is_of("duckdb", "DuckDBPyRelation"), relation)
register(lambda frame: isinstance(frame, pa.Table | pa.RecordBatch), _table)
register_kind(TableSource.kind, _restored_table)
register_kind(StreamSource.kind, restored_stream)
register_kind(DictsSource.kind, restored_records)
register_backend("pyarrow", ARROW, lambda table: table)
