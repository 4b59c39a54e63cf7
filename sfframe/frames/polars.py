"""Polars: DataFrames in memory, LazyFrames over files on disk."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
from polars.io.plugins import register_io_source

from sfframe.frames import shelf
from sfframe.front import (
    SF_SCHEMA,
    Folder,
    Part,
    Types,
    by_number,
    columns_beside,
    own_labels,
    register,
    register_backend,
    register_kind,
    sf_columns,
)
from sfframe.ingest.outcomes import Outcomes
from sfframe.ingest.spool import CHUNK, MemoryRows, Rows, SpooledRows
from sfframe.listed import Listed, listed
from sfframe.problems import Problem
from sfframe.query.form import POLARS
from sfframe.query.scan.ask import chosen
from sfframe.verbs import Bulk

# How rows are written that are read whole: without statistics, which are for those who look for something.
_QUICK: Any = {"compression": "lz4", "statistics": False, "row_group_size": CHUNK}


class PolarsSource:
    """A Polars DataFrame."""

    kind = "polars"
    is_stream = False
    is_once = False
    index_names: Sequence[object] = ()

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame.clone()  # a snapshot, at no cost

    @property
    def labels(self) -> Sequence[object]:
        return self._frame.columns

    def types(self, names: Sequence[str]) -> Types:
        schema = self._frame.schema  # made anew at each look
        return Types(dtypes={name: schema[name] for name in names})

    def rows(self, names: Sequence[str], folder: Callable[[], Folder]) -> Rows:
        return MemoryRows(self._frame.select(names))

    def view(self, outcomes: Outcomes, part: Part) -> pl.DataFrame:
        # By index: a selection would take names such as ^x$ for patterns.
        frame = self._frame[[str(label) for label in own_labels(self.labels)]]
        mask = outcomes.mask(part.outcomes)
        if not mask.all():
            frame = frame.filter(pl.Series(mask))  # much faster than to gather
        return frame.hstack(columns_beside(outcomes, part))

    def beside(self, columns: pl.DataFrame) -> pl.DataFrame:
        return self._frame.hstack(columns)

    def table(self, table: pl.DataFrame) -> pl.DataFrame:
        return table

    def labelled(self, rows: Sequence[int]) -> Sequence[str]:
        return by_number(rows)

    def store(self, view: pl.DataFrame, path: Path) -> None:
        view.write_parquet(path)

    def listed(self, view: pl.DataFrame) -> Listed:
        return listed(view)

    def unkept(self) -> Sequence[Problem]:
        return _unkept(self._frame.schema)

    def keep(self, folder: Path) -> None:
        _write(self._frame, folder / shelf.FRAME)
        shelf.write_polars_schema(folder, self._frame.schema)
        shelf.close(folder, self.kind, {})


def _write(frame: pl.DataFrame, path: Path) -> None:
    """Write a frame that nearly always nobody reads again, so it costs as little time as can be.

    Arrow's one thread takes half of what Polars' threads take together, but not each dtype comes back from it.
    """
    if not frame.width or not all(dtype in _SIMPLE or dtype == pl.Datetime for dtype in frame.dtypes):
        frame.write_parquet(path, **{**_QUICK, "compression": "uncompressed"})
        return
    with pq.ParquetWriter(path, frame.clear().to_arrow().schema, **{**shelf.QUICK, "compression": "none"}) as writer:
        for chunk in frame.iter_slices(CHUNK):
            writer.write_table(chunk.to_arrow(), row_group_size=CHUNK)


def _restored(folder: Path) -> PolarsSource:
    with shelf.read_safely(folder):
        shelf.opened(folder, PolarsSource.kind)
        frame, schema = pl.read_parquet(folder / shelf.FRAME, glob=False), shelf.read_polars_schema(folder)
        if frame.columns != list(schema):
            raise shelf.KeptError(f"the columns in {folder} aren't those of its schema")
        return PolarsSource(frame if frame.schema == schema else frame.cast(schema))


def _unkept(schema: Mapping[str, pl.DataType]) -> list[Problem]:
    bad = [name for name, dtype in schema.items() if dtype not in _SIMPLE and not _can_be_kept(dtype)]
    return [shelf.not_kept(name, f"{schema[name].base_type().__name__} values") for name in bad]


_SIMPLE = {pl.String, pl.Boolean, pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64,
           pl.Float32, pl.Float64, pl.Date, pl.Time, pl.Binary}  # fmt: skip


def _can_be_kept(dtype: pl.DataType) -> bool:
    one = pl.DataFrame({"x": pl.Series([None], dtype=dtype)})
    try:
        rows, types = io.BytesIO(), io.BytesIO()
        one.write_parquet(rows)
        one.clear().write_ipc(types)
        for file in (rows, types):
            file.seek(0)
        found = pl.read_ipc(types).schema
        return found == one.schema and pl.read_parquet(rows).cast(found).equals(one)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return False


class LazySource:
    """A Polars LazyFrame: run once, into a folder; the results are LazyFrames over that folder.

    Args:
        frame: The frame; `None` where its rows are spooled already.
        schema: Its schema.
        folder: Where its rows are, if they are spooled.
    """

    kind = "polars-lazy"
    is_stream = True
    is_once = False
    index_names: Sequence[object] = ()

    def __init__(
        self, frame: pl.LazyFrame | None, schema: Mapping[str, pl.DataType], folder: Folder | None = None
    ) -> None:
        self._frame = frame
        self._schema = dict(schema)
        self._folder = folder

    @property
    def labels(self) -> Sequence[object]:
        return list(self._schema)

    def types(self, names: Sequence[str]) -> Types:
        return Types(dtypes={name: self._schema[name] for name in names})

    def rows(self, names: Sequence[str], folder: Callable[[], Folder]) -> Rows:
        if self._frame is not None:
            self._folder = folder()
            path = self._folder.path / shelf.ROWS
            self._frame.sink_parquet(path, **_QUICK, maintain_order=True)
        path = self._path
        return SpooledRows(path, {name: self._schema[name] for name in names})

    @property
    def _path(self) -> Path:
        assert self._folder is not None
        return self._folder.path / shelf.ROWS

    def view(self, outcomes: Outcomes, part: Part) -> pl.LazyFrame:
        folder = self._folder
        assert folder is not None
        own = {str(label): self._schema[str(label)] for label in own_labels(self.labels)}
        schema = {**own, **{name: SF_SCHEMA[name] for name in part.beside}}

        def views(names: Sequence[str]) -> Iterator[pl.DataFrame]:
            rows = SpooledRows(folder.path / shelf.ROWS, own)  # also what holds the folder
            return _views(rows, outcomes, part, names, own)

        return _lazy(views, schema)

    def beside(self, columns: pl.DataFrame) -> pl.LazyFrame:
        folder = self._folder
        assert folder is not None
        own = self._schema

        def pieces(names: Sequence[str]) -> Iterator[pl.DataFrame]:
            rows = SpooledRows(folder.path / shelf.ROWS, own)
            own_names = [name for name in names if name in own]
            for start in range(0, rows.n, CHUNK):
                frame = columns.slice(start, CHUNK)
                if own_names:
                    frame = rows.slice(start, start + CHUNK, own_names).hstack(frame)
                yield chosen(frame, names)

        return _lazy(pieces, {**own, **columns.schema})

    def table(self, table: pl.DataFrame) -> pl.DataFrame:
        return table

    def labelled(self, rows: Sequence[int]) -> Sequence[str]:
        return by_number(rows)

    def store(self, view: pl.LazyFrame, path: Path) -> None:
        view.sink_parquet(path)

    def listed(self, view: pl.LazyFrame) -> Listed:
        return listed(view.collect())

    def unkept(self) -> Sequence[Problem]:
        return _unkept(self._schema)

    def keep(self, folder: Path) -> None:
        shelf.put_rows(self._path, folder)
        shelf.write_polars_schema(folder, self._schema)
        shelf.close(folder, self.kind, {})


def _restored_lazy(folder: Path) -> LazySource:
    with shelf.read_safely(folder):
        shelf.opened(folder, LazySource.kind)
        schema, path = shelf.read_polars_schema(folder), folder / shelf.ROWS
        if pl.scan_parquet(path, glob=False).collect_schema().names() != list(schema):
            raise shelf.KeptError(f"the columns of {path} aren't those of its schema")
        return LazySource(None, schema, shelf.KeptFolder(folder))


def _lazy(pieces: Callable[[Sequence[str]], Iterator[pl.DataFrame]], schema: Mapping[str, pl.DataType]) -> pl.LazyFrame:
    """A LazyFrame over pieces, which are made anew, with the columns needed, each time it is run."""

    def source(
        with_columns: list[str] | None,
        predicate: pl.Expr | None,
        n_rows: int | None,
        batch_size: int | None,
    ) -> Iterator[pl.DataFrame]:
        left = n_rows
        for frame in pieces(list(schema) if with_columns is None else with_columns):
            # `n_rows` comes from a head before the filter, so it counts unfiltered rows.
            frame = frame if left is None else frame.head(left)
            left = None if left is None else left - frame.height
            yield frame if predicate is None else frame.filter(predicate)
            if left == 0:
                return

    return register_io_source(source, schema=dict(schema))


def _views(
    rows: Rows, outcomes: Outcomes, part: Part, names: Sequence[str], own: Mapping[str, pl.DataType]
) -> Iterator[pl.DataFrame]:
    own_names = [name for name in names if name in own]
    for start, fates in outcomes.chunks():
        mine = fates.filter(pl.col("outcome").is_in(list(part.outcomes)))
        if not mine.height:
            continue
        beside = sf_columns(mine, part)
        frame = beside.select(name for name in names if name not in own)
        if own_names:
            read = rows.slice(start, start + CHUNK, own_names)
            read = read if mine.height == read.height else read[mine["row"] - start]
            frame = read.hstack(frame)
        yield chosen(frame if names else mine, names)


@pl.api.register_dataframe_namespace("sfbulk")
class PolarsBulk(Bulk[pl.DataFrame]):
    """`df.sfbulk` on Polars DataFrames."""


@pl.api.register_lazyframe_namespace("sfbulk")
class LazyBulk(Bulk[pl.LazyFrame]):
    """`lf.sfbulk` on Polars LazyFrames."""


register(lambda frame: isinstance(frame, pl.DataFrame), PolarsSource)
register(lambda frame: isinstance(frame, pl.LazyFrame), lambda frame: LazySource(frame, frame.collect_schema()))
register_kind(PolarsSource.kind, _restored)
register_kind(LazySource.kind, _restored_lazy)

register_backend("polars", POLARS, lambda frame: frame)
