"""Files: datasets, read few rows at a time; and those over a folder that is there for as long as any of them is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NoReturn

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs as fs

from sfframe.front import Folder
from sfframe.ingest.spool import CHUNK

_LITTLE: Final[Any] = {"batch_readahead": 1, "fragment_readahead": 1}


def dataset_in(folder: Folder, name: str, schema: pa.Schema) -> ds.Dataset:
    """A dataset over one Parquet file of the folder; with a schema, since Parquet doesn't keep each type.

    Arrow knows files by their names alone; so the file system, which every derived dataset and scanner shares,
    holds the folder.
    """
    kind = ds.ParquetFileFormat(default_fragment_scan_options=ds.ParquetFragmentScanOptions(pre_buffer=False))
    path = str(folder.path / name)
    return ds.dataset(path, schema=schema, format=kind, filesystem=fs.PyFileSystem(_Holding(folder)))


def reader_of(dataset: ds.Dataset) -> pa.RecordBatchReader:
    """The rows in order, a few of them in memory at once.

    By itself Arrow reads ahead up to a gigabyte, and holds all bytes that it has read of a Parquet file until it is
    through with it. So each file is read in pieces, each of them to its end before the next is begun.
    """
    return pa.RecordBatchReader.from_batches(dataset.schema, _batches(dataset))


def _batches(dataset: ds.Dataset) -> Iterator[pa.RecordBatch]:
    try:
        fragments = dataset.get_fragments()
    except ValueError:  # of what is filtered Arrow gives none
        yield from dataset.to_batches(**_LITTLE)
        return
    for fragment in fragments:
        for piece in _pieces(fragment):
            yield from piece.to_batches(schema=dataset.schema, **_LITTLE)


def _pieces(fragment: Any) -> Iterator[Any]:
    """The fragment in runs of row groups that have as many rows as are read at once, or in one where it has none."""
    if not isinstance(fragment, ds.ParquetFileFragment):
        yield fragment
        return
    run: list[int] = []
    n_rows = 0
    for group in fragment.row_groups:
        if run and n_rows + group.num_rows > CHUNK:
            yield fragment.subset(row_group_ids=run)
            run, n_rows = [], 0
        run.append(group.id)
        n_rows += group.num_rows
    if run:
        yield fragment.subset(row_group_ids=run)


class _Holding(fs.FileSystemHandler):
    """The local files, read only, and the folder that holds them."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._files = fs.LocalFileSystem()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Holding) and other._folder is self._folder

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # type: ignore[assignment]  # as the base class

    def get_type_name(self) -> str:
        return "sfframe"

    def normalize_path(self, path: str) -> str:
        return self._files.normalize_path(path)

    def get_file_info(self, paths: str | list[str]) -> list[fs.FileInfo]:
        return self._files.get_file_info([paths] if isinstance(paths, str) else paths)

    def get_file_info_selector(self, selector: fs.FileSelector) -> list[fs.FileInfo]:
        return self._files.get_file_info(selector)

    def open_input_stream(self, path: str) -> Any:
        return self._files.open_input_stream(path)

    def open_input_file(self, path: str) -> Any:
        return self._files.open_input_file(path)

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise OSError("results are read only; save them with result.save(folder)")

    create_dir = delete_dir = delete_dir_contents = delete_root_dir_contents = delete_file = _refuse
    move = copy_file = open_output_stream = open_append_stream = _refuse
