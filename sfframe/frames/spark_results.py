"""Spark results: the folder with what became of a call's rows: Parquet of each partition, and small tables of the call.

A file in it is there whole or not at all, and has the same name whoever writes it again.
"""

from __future__ import annotations

import json
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl
import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from sfframe.depot import Depot
from sfframe.disk import replaced, settle
from sfframe.errors import JournalError
from sfframe.frames.spark_options import RUNS, local_path
from sfframe.frames.streams import StreamSource
from sfframe.front import FAILED_RESULTS, SUCCESSFUL_RESULTS, UNPROCESSED_RECORDS, restored
from sfframe.ingest.fates import OutcomesInFiles
from sfframe.ingest.run_file import intent_in, told
from sfframe.partition import Finished

_CALL: Final = "_call.json"  # engines don't read what begins so
_PARTS: Final = (SUCCESSFUL_RESULTS, FAILED_RESULTS, UNPROCESSED_RECORDS)
_RENAMES: Final = ("local", "hdfs", "py::fsspec+file", "py::fsspec+local")  # the others put a file whole or not at all

SUMMARY: Final[dict[str, Any]] = {
    "state": pl.String,
    "operation": pl.String,
    "object": pl.String,
    "external_id_field": pl.String,
    "host": pl.String,
    "rows": pl.Int64,
    "successful": pl.Int64,
    "failed": pl.Int64,
    "unprocessed": pl.Int64,
    "not_sent": pl.Int64,
    "partitions": pl.Int64,
    "jobs": pl.Int64,
    "began": pl.Datetime("us", "UTC"),
    "ended": pl.Datetime("us", "UTC"),
    "message": pl.String,
}
PARTITIONS: Final[dict[str, Any]] = {
    "partition": pl.Int64,
    "state": pl.String,
    "rows": pl.Int64,
    "successful": pl.Int64,
    "failed": pl.Int64,
    "unprocessed": pl.Int64,
    "jobs": pl.List(pl.String),
    "jobs_under_way": pl.List(pl.String),
}
JOBS: Final[dict[str, Any]] = {
    "partition": pl.Int64,
    "job_id": pl.String,
    "state": pl.String,
    "rows_processed": pl.Int64,
    "rows_failed": pl.Int64,
    "error_message": pl.String,
}


@dataclass(frozen=True, slots=True)
class ResultsFolder:
    """The folder; it can travel, and holds nothing open.

    Attributes:
        address: A path, or the address of a folder of whatever storage Arrow or fsspec knows.
    """

    address: str

    def claim(self, call: str, *, goes_on: bool) -> None:
        """Take it for a call.

        Args:
            call: Where the call is recorded.
            goes_on: Whether the call was begun earlier, so that it may be there already.

        Raises:
            FileExistsError: Something else is in it.
        """
        there = self._names()
        known = self._read(_CALL) if _CALL in there else None
        if known is not None and known.get("call") == call and goes_on:
            return
        others = sorted(there - {RUNS})
        if others:
            what = "results of an earlier save()" if known is not None else f"something in it ({others[0]!r}, ...)"
            raise FileExistsError(f"resultsPath={self.address!r} has {what}: give each save() a folder of its own")
        with self._file(_CALL) as path:
            path.write_text(json.dumps({"call": call}), encoding="utf-8")

    def check(self, call: str) -> None:
        """See that this machine reaches the folder, and that it is that call's.

        Raises:
            JournalError: It doesn't, or another call has taken it.
        """
        if not self.is_of(call):
            raise JournalError(
                f"{socket.gethostname()} doesn't find this save() in resultsPath={self.address!r}, so nothing was "
                "sent: give each save() a folder of its own, which driver and workers reach under the same path"
            )

    def is_of(self, call: str) -> bool:
        """Whether it is that call's, as this machine sees it."""
        return _CALL in self._names() and self._read(_CALL).get("call") == call

    def put_rows(self, number: int, end: Finished, depot: Depot) -> None:
        """Write the rows of a partition, by what became of them.

        Args:
            number: Of the partition.
            end: How it ended.
            depot: Where its run is.
        """
        with depot.seen(end.run) as folder, told(folder), ExitStack() as files:
            source = restored(intent_in(folder).kind, folder)
            assert isinstance(source, StreamSource)
            writers = {}
            for part in _PARTS:
                path = files.enter_context(self._file(f"{part.name}/part-{number:05}.parquet"))
                schema = _plain(source.schema_of(part))
                writers[part.name] = files.enter_context(pq.ParquetWriter(path, schema, compression="snappy"))
            for part, table in source.tables(OutcomesInFiles(end.fates, end.counts), _PARTS):
                writers[part.name].write_table(table.cast(_plain(table.schema)))

    def put_table(self, name: str, table: pl.DataFrame) -> None:
        """Write a small table of the call."""
        with self._file(f"{name}/part-00000.parquet") as path:
            table.write_parquet(path, compression="snappy")

    def put_tables(
        self, summary: Mapping[str, Any], partitions: Sequence[Mapping[str, Any]], jobs: Sequence[Mapping[str, Any]],
        errors: pl.DataFrame,
    ) -> None:  # fmt: skip
        """Write all of them, the summary last: where it is, the others are."""
        self.put_table("errors", errors)
        self.put_table("jobs", pl.DataFrame(list(jobs), schema=JOBS))
        self.put_table("partitions", pl.DataFrame(list(partitions), schema=PARTITIONS))
        self.put_table("summary", pl.DataFrame([summary], schema=SUMMARY))

    # --- on whatever storage ------------------------------------------------------------------------------------------

    def _names(self) -> set[str]:
        system, root = self._storage()
        found = system.get_file_info(pafs.FileSelector(root, allow_not_found=True))
        return {info.base_name for info in found}

    def _read(self, name: str) -> dict[str, Any]:
        system, root = self._storage()
        with system.open_input_stream(f"{root}/{name}") as file:
            return dict(json.loads(file.read()))

    def _storage(self) -> tuple[Any, str]:
        path = local_path(self.address)
        if path is not None:
            return pafs.LocalFileSystem(), path.as_posix()
        return _storage_of(self.address)

    @contextmanager
    def _file(self, name: str) -> Iterator[Path]:
        """Where to write a file, which comes here once the block has ended well."""
        with tempfile.TemporaryDirectory(prefix="sfframe-") as beside:
            own = local_path(self.address)
            if own is not None:
                target = own / name
                target.parent.mkdir(parents=True, exist_ok=True)
                with replaced(target) as file:
                    yield Path(file.name)
                    settle(Path(file.name))
                settle(target.parent)
                return
            path = Path(beside) / "file"
            yield path
            self._upload(path, name)

    def _upload(self, path: Path, name: str) -> None:
        system, root = self._storage()
        target = f"{root}/{name}"
        system.create_dir(target.rpartition("/")[0], recursive=True)
        renames = system.type_name in _RENAMES
        place = f"{target.rpartition('/')[0]}/.{path.parent.name}.part" if renames else target
        with path.open("rb") as source, system.open_output_stream(place) as sink:
            shutil.copyfileobj(source, sink, 8 << 20)
        if renames:
            system.move(place, target)


def _storage_of(address: str) -> tuple[Any, str]:
    scheme, _, rest = address.partition("://")
    plain = "s3" if scheme in ("s3a", "s3n") else scheme  # as Hadoop writes it
    try:
        return _bare(pafs.FileSystem.from_uri(f"{plain}://{rest}"))
    except pa.ArrowInvalid as error:
        try:
            import fsspec
        except ImportError:
            raise ValueError(
                f"resultsPath={address!r}: Arrow knows no storage {scheme!r}, and fsspec isn't installed, which may"
            ) from error
    try:
        system, root = fsspec.core.url_to_fs(address)
    except (ImportError, ValueError) as error:
        raise ValueError(f"resultsPath={address!r}: {error}") from error
    handler: Any = pafs.FSSpecHandler
    return _bare((pafs.PyFileSystem(handler(system)), root))


def _bare(found: tuple[Any, str]) -> tuple[Any, str]:
    return found[0], found[1].rstrip("/")


def _plain(schema: pa.Schema) -> pa.Schema:
    """A schema that every reader of Parquet knows: a column of nulls alone has a type."""
    return pa.schema([one.with_type(pa.string()) if pa.types.is_null(one.type) else one for one in schema])
