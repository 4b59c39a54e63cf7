"""Dicts: sequences of dicts; Polars frames come back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from sfframe.frames import shelf
from sfframe.frames.cells import Cells, cells_of, made_of
from sfframe.frames.objects import nulls_in, objects, read_column
from sfframe.frames.series import types_of
from sfframe.frames.tagged import NoFormError, of_json, to_json
from sfframe.front import Folder, Part, Types, by_number, columns_beside, own_labels
from sfframe.ingest.outcomes import Outcomes
from sfframe.ingest.spool import CHUNK, MemoryRows, Rows
from sfframe.listed import Listed, listed
from sfframe.problems import Problem


class DictsSource:
    """A sequence of dicts: a Polars frame comes back.

    Args:
        columns: The values by key, `None` where a dict hasn't it: a snapshot of the caller's.
        n: How many dicts.
    """

    kind = "dicts"
    is_stream = False
    is_once = False
    index_names: Sequence[object] = ()

    def __init__(self, columns: Mapping[object, list[Any]], n: int) -> None:
        self._given = columns
        self._n = n
        self._labels = list(columns)
        self._columns: dict[str, pl.Series] = {}
        self._cells: dict[object, tuple[str, Cells]] = {}

    @property
    def labels(self) -> Sequence[object]:
        return self._labels

    def types(self, names: Sequence[str]) -> Types:
        values = {name: objects(self._given[name]) for name in names}
        found = {name: read_column(name, objects_, nulls_in(objects_)) for name, objects_ in values.items()}
        return types_of(found, self._columns)

    def rows(self, names: Sequence[str], folder: Callable[[], Folder]) -> Rows:
        return MemoryRows(pl.DataFrame({name: self._columns[name] for name in names}))

    def beside(self, columns: pl.DataFrame) -> pl.DataFrame:
        return pl.DataFrame([self._series(label) for label in self._labels]).hstack(columns)

    def view(self, outcomes: Outcomes, part: Part) -> pl.DataFrame:
        own = pl.DataFrame([self._series(label) for label in own_labels(self._labels)])
        beside = columns_beside(outcomes, part)
        return own.filter(pl.Series(outcomes.mask(part.outcomes))).hstack(beside) if own.width else beside

    def table(self, table: pl.DataFrame) -> pl.DataFrame:
        return table

    def labelled(self, rows: Sequence[int]) -> Sequence[str]:
        return by_number(rows)

    def store(self, view: pl.DataFrame, path: Path) -> None:
        view.write_parquet(path)

    def listed(self, view: pl.DataFrame) -> Listed:
        return listed(view)

    def unkept(self) -> Sequence[Problem]:
        problems = []
        for label, values in self._given.items():
            try:
                self._cells[label] = (to_json(label), cells_of(values))
            except NoFormError as error:
                problems.append(shelf.not_kept(label, f"Python objects of type {error}"))
        return problems

    def keep(self, folder: Path) -> None:
        if len(self._cells) < len(self._given):
            self.unkept()
        columns = [(self._given[label], *self._cells[label]) for label in self._labels]
        odd: list[dict[int, str]] = [{} for _ in columns]

        def batches() -> Iterator[list[Any]]:
            for start in range(0, self._n if columns else 0, CHUNK):
                arrays = []
                for (values, _, cells), found in zip(columns, odd, strict=True):
                    here: dict[int, str] = {}
                    arrays += cells.arrays(values[start : start + CHUNK], here)
                    found.update({start + at: text for at, text in here.items()})
                yield arrays

        types = [arrow_type for _, _, cells in columns for arrow_type in cells.types]
        schema = pa.schema([pa.field(str(at), arrow_type) for at, arrow_type in enumerate(types)])
        shelf.write_rows(folder, schema, batches())
        said = [
            {"label": label, "form": cells.form, "gaps": cells.gaps, "odd": found}
            for (_, label, cells), found in zip(columns, odd, strict=True)
        ]
        shelf.close(folder, self.kind, {"rows": self._n, "columns": said})

    def _series(self, label: object) -> pl.Series:
        name, values = str(label), self._given[label]
        try:
            if any(isinstance(value, dict | list | tuple) for value in values):
                # A Series would take the keys of its first dict for all that there are.
                return pl.from_dicts([{name: value} for value in values], infer_schema_length=None)[name]
            return pl.Series(name, values)
        except (TypeError, pl.exceptions.PolarsError):  # values of several types
            has_only_numbers = {type(value) for value in values} <= {int, float, type(None)}
            return pl.Series(name, values, dtype=pl.Float64 if has_only_numbers else pl.Object)


def is_records(frame: Any) -> bool:
    """Whether it is a sequence of dicts.

    Raises:
        TypeError: It is one of dicts and something else.
    """
    if not isinstance(frame, Sequence) or isinstance(frame, str | bytes):
        return False
    strangers = [type(record).__name__ for record in frame if not isinstance(record, Mapping)]
    if strangers:
        raise TypeError(f"a sequence of dicts is needed; there is {strangers[0]} in it")
    return True


def records(given: Sequence[Mapping[str, Any]]) -> DictsSource:
    """The source of a sequence of dicts; what the caller does to them later stays out of it."""
    labels: list[str] = list(dict.fromkeys(key for record in given for key in record))
    return DictsSource({label: [record.get(label) for record in given] for label in labels}, len(given))


def restored_records(folder: Path) -> DictsSource:
    """The source that was kept in the folder."""
    with shelf.read_safely(folder):
        said = shelf.opened(folder, DictsSource.kind)
        arrays = shelf.read_rows(folder).columns[::-1]
        columns = {}
        for one in said["columns"]:
            cells = made_of(one["form"], one["gaps"])
            mine = [arrays.pop() for _ in cells.types]
            odd = {int(row): text for row, text in one["odd"].items()}
            columns[of_json(one["label"])] = cells.values(mine, odd)
        return DictsSource(columns, int(said["rows"]))
