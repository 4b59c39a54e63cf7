"""Files: datasets over a folder that is there for as long as any of them, or what is derived from them, is."""

from __future__ import annotations

from typing import Any, NoReturn

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs as fs

from sfframe.front import Folder


def dataset_in(folder: Folder, name: str, schema: pa.Schema) -> ds.Dataset:
    """A dataset over one Parquet file of the folder; with a schema, since Parquet doesn't keep each type.

    Arrow knows files by their names alone; so the file system, which every derived dataset and scanner shares,
    holds the folder.
    """
    return ds.dataset(str(folder.path / name), schema=schema, filesystem=fs.PyFileSystem(_Holding(folder)))


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
