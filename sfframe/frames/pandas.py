"""pandas: frames in, frames out, index kept. The only room that imports pandas."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

from sfframe.frames.objects import nulls_in, read_column
from sfframe.frames.pandas_kept import Packing, read_frame
from sfframe.frames.series import Column, column_of, no_form, types_of
from sfframe.frames.shelf import read_safely
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
from sfframe.ingest.spool import MemoryRows, Rows
from sfframe.listed import Column as ListedColumn
from sfframe.listed import Listed
from sfframe.problems import Problem
from sfframe.query.form import ARROW
from sfframe.query.tables import in_arrow
from sfframe.verbs import Bulk

# With copy on write a shallow copy is a snapshot: what the caller does to the frame later stays out of it.
_COPY_ON_WRITE = int(pd.__version__.partition(".")[0]) >= 3
# The dtype that text has by default in this version, and booleans without gaps.
_TEXT = pd.StringDtype("pyarrow", na_value=np.nan) if _COPY_ON_WRITE else pd.StringDtype("pyarrow")
_NULLABLE_TEXT = pd.StringDtype("pyarrow")


class PandasSource:
    """A pandas DataFrame."""

    kind = "pandas"
    is_stream = False
    is_once = False

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame.copy(deep=not _COPY_ON_WRITE)
        self._columns: dict[str, pl.Series] = {}
        self._packing: Packing | None = None

    @property
    def labels(self) -> Sequence[object]:
        return list(self._frame.columns)

    @property
    def index_names(self) -> Sequence[object]:
        return [name for name in self._frame.index.names if name is not None]

    def types(self, names: Sequence[str]) -> Types:
        # By position: a name may be there twice, which is a problem of its own.
        places = {name: self.labels.index(name) for name in names}
        return types_of({n: _read(n, self._frame.iloc[:, place]) for n, place in places.items()}, self._columns)

    def rows(self, names: Sequence[str], folder: Callable[[], Folder]) -> Rows:
        # By name: of a list of Series Polars looks up what makes a frame of it, which threads can't do at once.
        return MemoryRows(pl.DataFrame({name: self._columns[name] for name in names}))

    def view(self, outcomes: Outcomes, part: Part) -> pd.DataFrame:
        frame = self._frame
        if len(own_labels(self.labels)) < len(self.labels):
            frame = frame.loc[:, [label in own_labels([label]) for label in self.labels]]
        mask = outcomes.mask(part.outcomes)
        if not mask.all():
            frame = frame[mask]
        beside = {column.name: _array(column) for column in columns_beside(outcomes, part)}
        return frame.assign(**beside) if beside else frame.copy(deep=not _COPY_ON_WRITE)

    def beside(self, columns: pl.DataFrame) -> pd.DataFrame:
        made = in_arrow(columns)
        return self._frame.assign(**{name: _default(made[name]) for name in made.column_names})

    def table(self, table: pl.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({name: _array(table[name]) for name in table.columns})

    def labelled(self, rows: Sequence[int]) -> Sequence[str]:
        index = self._frame.index
        if isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1 and index.name is None:
            return by_number(rows)
        names = ["index" if name is None else str(name) for name in index.names]
        chosen = index[np.asarray(rows, dtype=np.intp)]
        levels = [chosen.get_level_values(level).tolist() for level in range(index.nlevels)]
        return [", ".join(map(_named, names, label)) for label in zip(*levels, strict=True)]

    def store(self, view: pd.DataFrame, path: Path) -> None:
        view.to_parquet(path)

    def listed(self, view: pd.DataFrame) -> Listed:
        # By position: a label may be there twice.
        columns = [(str(label), _values(view.iloc[:, at])) for at, label in enumerate(view.columns)]
        return Listed(columns, list(_levels(view.index)))

    def unkept(self) -> Sequence[Problem]:
        self._packing = self._packing or Packing(self._frame)
        return self._packing.problems

    def keep(self, folder: Path) -> None:
        packing = self._packing or Packing(self._frame)
        self._packing = None  # it holds arrays
        packing.write(folder)


def _named(name: str, label: object) -> str:
    return f"{name} {label!r}" if isinstance(label, str | int | float) else f"{name} {label}"


def _levels(index: pd.Index[Any]) -> Iterator[ListedColumn]:
    """An index as columns."""
    # A row count stays one when rows are left out of it, whatever type it then has.
    if index.nlevels == 1 and index.name is None and index.dtype.kind == "i":
        return
    for level, name in enumerate(index.names):
        unnamed = "index" if index.nlevels == 1 else f"level_{level}"
        yield unnamed if name is None else str(name), _values(index.get_level_values(level))


def _values(column: Any) -> list[Any]:
    nulls = column.isna()
    return [None if is_null is True else value for value, is_null in zip(column.tolist(), nulls.tolist(), strict=True)]


def _restored(folder: Path) -> PandasSource:
    with read_safely(folder):
        return PandasSource(read_frame(folder))


def _read(name: str, column: pd.Series[Any]) -> Column:
    if isinstance(column.dtype, pd.SparseDtype):
        column = pd.Series(column.array.to_dense())
    if isinstance(column.dtype, pd.CategoricalDtype) and column.cat.categories.dtype.kind != "O":
        column = column.astype(column.cat.categories.dtype if not column.hasnans else "object")
    if column.dtype == object:
        return _read_objects(name, column)
    try:
        return column_of(name, pa.array(column, from_pandas=True))
    except (pa.ArrowException, TypeError, ValueError):
        # Text that is no Unicode, mixtures, zones that Arrow doesn't know.
        if isinstance(column.dtype, pd.StringDtype | pd.CategoricalDtype | pd.DatetimeTZDtype):
            return _read_objects(name, column)
        return Column(None, problem=no_form(name, str(column.dtype)))


def _read_objects(name: str, column: pd.Series[Any]) -> Column:
    return read_column(name, column.to_numpy(dtype=object), _nulls(column))


def _nulls(column: pd.Series[Any]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    nulls = column.isna().to_numpy(dtype=np.bool_)
    return nulls if nulls.ndim == 1 else nulls_in(column.to_numpy(dtype=object))


def _array(column: pl.Series) -> Any:
    """A column of results as pandas has such columns by default."""
    if column.dtype == pl.String:
        return _extension(_TEXT, column.to_arrow())
    if column.null_count():
        return pd.array(column.to_list(), dtype="boolean" if column.dtype == pl.Boolean else "Int64")
    return column.to_numpy()


@pd.api.extensions.register_dataframe_accessor("sfbulk")
class PandasBulk(Bulk[pd.DataFrame]):
    """`df.sfbulk` on pandas frames."""


register(lambda frame: isinstance(frame, pd.DataFrame), PandasSource)
register_kind(PandasSource.kind, _restored)


def _frame(table: pa.Table, column: Callable[[pa.ChunkedArray[Any]], Any]) -> pd.DataFrame:
    """What was read: dtypes by the columns' dtypes alone, so that gaps and empty frames change none."""
    return pd.DataFrame({name: column(table[name]) for name in table.column_names}, copy=False)


def _default(column: pa.ChunkedArray[Any]) -> Any:
    """As pandas has such a column by default, but nullable where it would make floats or objects of gaps."""
    if pa.types.is_floating(column.type):
        return _own(column)
    return _extension(_TEXT, column) if pa.types.is_large_string(column.type) else _other(column)


def _nullable(column: pa.ChunkedArray[Any]) -> Any:
    if pa.types.is_floating(column.type):
        return _extension(pd.Float64Dtype(), column)
    return _extension(_NULLABLE_TEXT, column) if pa.types.is_large_string(column.type) else _other(column)


def _other(column: pa.ChunkedArray[Any]) -> Any:
    kind = column.type
    if pa.types.is_int64(kind):
        return _extension(pd.Int64Dtype(), column)
    if pa.types.is_boolean(kind):
        return _extension(pd.BooleanDtype(), column)
    if pa.types.is_date(kind):
        return _own(column.cast(pa.timestamp("us")))
    if pa.types.is_timestamp(kind):
        return pd.array(_own(column.cast(pa.timestamp("us"))), dtype=pd.DatetimeTZDtype("us", "UTC"))
    return np.fromiter(column.to_pylist(), np.object_, len(column))


def _own(column: pa.ChunkedArray[Any]) -> Any:
    """The values in an array that can be written to; gaps are NaN and NaT."""
    values = column.to_numpy()
    return values if values.flags.writeable else values.copy()


def _extension(dtype: Any, column: pa.ChunkedArray[Any] | pa.Array[Any]) -> Any:
    return dtype.__from_arrow__(_in_one_piece(column))


def _arrow(column: pa.ChunkedArray[Any]) -> Any:
    return pd.arrays.ArrowExtensionArray(_in_one_piece(column))


def _in_one_piece(column: pa.ChunkedArray[Any] | pa.Array[Any]) -> Any:
    """Of many pages a column comes in many pieces, and what takes or sorts rows of it would be twice as slow."""
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) and column.num_chunks > 1 else column


register_backend(
    "pandas",
    ARROW,
    partial(_frame, column=_default),
    numpy_nullable=partial(_frame, column=_nullable),
    pyarrow=partial(_frame, column=_arrow),
)
