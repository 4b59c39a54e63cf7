"""Shelf: what a front end keeps of a frame in a folder, and reads again without trust in what is there.

`frame.parquet` has the rows, its columns named by their places; `others.arrow` the columns that Parquet can't hold;
`schema.arrow` the types, which Parquet doesn't keep each of; `kept.json` what no column says; `small.arrow` short
columns of other lengths, such as categories.
"""

from __future__ import annotations

import errno
import functools
import json
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from sfframe.disk import settle
from sfframe.front import Folder
from sfframe.ingest.spool import CHUNK
from sfframe.problems import Problem

FRAME = "frame.parquet"
ROWS = "rows.parquet"
SCHEMA = "schema.arrow"
_KEPT = "kept.json"
_SMALL = "small.arrow"
_OTHERS = "others.arrow"
_VERSION = 1
# How Arrow writes rows that are read whole: neither dictionaries nor statistics, which take half the time.
QUICK: Any = {"compression": "lz4", "use_dictionary": False, "write_statistics": False, "write_batch_size": 16_384}
# What is met where a file is well-formed and says something else than it did.
_TORN = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, pa.ArrowException)

Arrays = list[Any]


class KeptError(ValueError):
    """What is in a folder isn't what was kept there."""


def write_rows(folder: Path, schema: pa.Schema, batches: Iterator[Arrays]) -> None:
    """Write rows, batch by batch, each a row group; and their schema.

    Args:
        folder: Where to.
        schema: Names and types of the columns; names may be there twice.
        batches: Arrays in the order of the schema, each of its type.
    """
    write_schema(folder, schema)
    stored = pa.schema([pa.field(str(at), arrow_type) for at, arrow_type in enumerate(schema.types)])
    places = [at for at, arrow_type in enumerate(schema.types) if _fits_parquet(arrow_type)]
    others = [at for at in range(len(schema)) if at not in places]
    with ExitStack() as files:
        write = [(places, _parquet_writer(folder, _some(stored, places), files))]
        if others:
            write.append((others, _arrow_writer(folder, _some(stored, others), files)))
        for arrays in batches:
            for mine, writer in write:
                if mine:
                    writer(pa.Table.from_arrays([arrays[at] for at in mine], schema=_some(stored, mine)))


def _some(schema: pa.Schema, places: Sequence[int]) -> pa.Schema:
    return pa.schema([schema.field(at) for at in places])


def _parquet_writer(folder: Path, schema: pa.Schema, files: ExitStack) -> Callable[[pa.Table], None]:
    writer = files.enter_context(pq.ParquetWriter(folder / FRAME, schema, **QUICK))
    return lambda table: writer.write_table(table, row_group_size=CHUNK)


def _arrow_writer(folder: Path, schema: pa.Schema, files: ExitStack) -> Callable[[pa.Table], None]:
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    return files.enter_context(pa.ipc.new_file(str(folder / _OTHERS), schema, options=options)).write_table


def read_rows(folder: Path) -> pa.Table:
    """The rows, with their schema."""
    schema = read_schema(folder)
    tables = [pq.read_table(folder / FRAME)]
    if (folder / _OTHERS).exists():
        with pa.ipc.open_file((folder / _OTHERS).read_bytes()) as file:
            tables.append(file.read_all())
    stored = {name: table.column(name) for table in tables for name in table.column_names}
    columns = [_of_type(stored[str(at)], arrow_type) for at, arrow_type in enumerate(schema.types)]
    return pa.Table.from_arrays(columns, schema=schema)


def _of_type(column: pa.ChunkedArray[Any], arrow_type: pa.DataType) -> pa.ChunkedArray[Any]:
    return column if column.type == arrow_type else column.cast(arrow_type)


@functools.lru_cache
def _fits_parquet(arrow_type: Any) -> bool:
    """Whether a column of this type comes back from Parquet as it was."""
    try:
        schema = pa.schema([pa.field("0", arrow_type)])
        pq.write_table(pa.table([pa.nulls(1, arrow_type)], schema=schema), sink := pa.BufferOutputStream())
        _of_type(pq.read_table(pa.BufferReader(sink.getvalue())).column(0), arrow_type)
    except (pa.ArrowException, OSError):
        return False
    return True


def can_be_kept(arrow_type: Any) -> bool:
    """Whether another process knows this type: those of Arrow, but none that is written in Python."""
    if isinstance(arrow_type, pa.ExtensionType):
        return False
    inner = [arrow_type.value_type] if pa.types.is_dictionary(arrow_type) else []
    inner += [arrow_type.field(at).type for at in range(arrow_type.num_fields)]
    return all(map(can_be_kept, inner))


@dataclass(frozen=True, eq=False)
class KeptFolder:
    """A folder that nobody removes but its owner."""

    path: Path


class ViewsFolder:
    """A folder within another that it holds, gone when the last one who holds this object is."""

    def __init__(self, outer: Folder) -> None:
        self._outer = outer
        self.path = Path(tempfile.mkdtemp(prefix="views-", dir=outer.path))
        self._finalizer = weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def put_rows(path: Path, folder: Path) -> None:
    """Have the spooled rows of a stream in the folder, and on the disk; they aren't written twice."""
    target = folder / ROWS
    if not target.exists() or not path.samefile(target):
        target.unlink(missing_ok=True)
        try:
            target.hardlink_to(path)
        except OSError:  # on another disk, or one that has no such links
            shutil.copyfile(path, target)


def write_schema(folder: Path, schema: pa.Schema) -> None:
    """Write a schema: an Arrow IPC file of no rows."""
    with pa.ipc.new_file(str(folder / SCHEMA), schema):
        pass


def read_schema(folder: Path) -> pa.Schema:
    """The schema."""
    with pa.ipc.open_file((folder / SCHEMA).read_bytes()) as file:
        return file.schema


def write_polars_schema(folder: Path, schema: Mapping[str, pl.DataType]) -> None:
    """Write a schema of Polars, likewise."""
    pl.DataFrame(schema=dict(schema)).write_ipc(folder / SCHEMA)


def read_polars_schema(folder: Path) -> pl.Schema:
    """The schema of Polars."""
    return pl.read_ipc(folder / SCHEMA).schema


def write_small(folder: Path, columns: Sequence[Arrays]) -> None:
    """Write short columns of any lengths, each a list of arrays: the parts that it has."""
    if not columns:
        return
    arrays = [
        pa.LargeListArray.from_arrays(pa.array([0, len(array)], pa.int64()), array)
        for parts in columns
        for array in parts
    ]
    names = [f"{at}.{part}" for at, parts in enumerate(columns) for part in range(len(parts))]
    batch = pa.record_batch(arrays, names=names)
    with pa.ipc.new_file(str(folder / _SMALL), batch.schema) as writer:
        writer.write_batch(batch)


def read_small(folder: Path) -> dict[str, Any]:
    """The short columns again, named `column.part`."""
    if not (folder / _SMALL).exists():
        return {}
    with pa.ipc.open_file((folder / _SMALL).read_bytes()) as file:
        batch: Any = file.get_batch(0)
    return {name: array.flatten() for name, array in zip(batch.schema.names, batch.columns, strict=True)}


def close(folder: Path, kind: str, said: Mapping[str, Any]) -> None:
    """Write what no column says, as the last of all, and wait until the disk has it all.

    Args:
        folder: Where to.
        kind: The source's kind.
        said: What JSON has.
    """
    files = [name for name in (FRAME, ROWS, SCHEMA, _SMALL, _OTHERS) if (folder / name).exists()]
    text = json.dumps({"kind": kind, "version": _VERSION, "files": files, **said})
    (folder / _KEPT).write_text(text, encoding="ascii")
    for name in [*files, _KEPT]:
        settle(folder / name)
    settle(folder)


def opened(folder: Path, kind: str) -> dict[str, Any]:
    """What `close` wrote.

    Raises:
        ValueError: It is of another kind, or was written by another version.
    """
    said = json.loads((folder / _KEPT).read_text(encoding="ascii"))
    if not isinstance(said, dict) or said.get("kind") != kind:
        raise KeptError(f"{folder} doesn't hold rows of a {kind} frame")
    if said.get("version") != _VERSION:
        raise KeptError(f"the rows in {folder} were kept by another version of sfframe: finish the run with that one")
    for name in said["files"]:
        if not (folder / name).exists():
            raise FileNotFoundError(errno.ENOENT, "missing", name)
    return said


@contextmanager
def read_safely(folder: Path) -> Iterator[None]:
    """Make plain errors of what is raised where files are torn or changed."""
    try:
        yield
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"the rows kept in {folder} aren't whole: {Path(error.filename or '').name} is missing"
        ) from error
    except KeptError:
        raise
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, *_TORN) as error:
        what = type(error).__name__
        raise KeptError(
            f"the rows kept in {folder} can't be read: a file there is torn or was changed ({what})"
        ) from error
    except OSError as error:  # Arrow's word for much of the same
        raise OSError(f"the rows kept in {folder} can't be read: {error}") from error


def not_kept(column: object, what: str) -> Problem:
    """A column that couldn't be given back by another process."""
    return Problem(
        column=None if column is None else str(column),
        code="NOT_KEPT",
        message=f"{what} can't be kept in a journal, from which another process would have to give them back",
        remedy="Convert the column or drop it from the frame; or leave out journal=.",
        kind="type",
    )
