"""Results: the rows of a result as files, for people and for the next call."""

from __future__ import annotations

import tempfile
from itertools import count
from pathlib import Path
from typing import Any, Final, Literal, get_args

import pyarrow as pa
import pyarrow.parquet as pq

import sfframe
from sfframe.cli.call_errors import CallError
from sfframe.sink import replaced, writer_of

OutFormat = Literal["parquet", "csv"]
OUT_FORMATS: Final[tuple[OutFormat, ...]] = get_args(OutFormat)

# A file for each outcome, and what `result.save` calls it.
_FILES: Final = {
    "successful": "successful_results",
    "failed": "failed_results",
    "unprocessed": "unprocessed_records",
}
_BATCH: Final = 50_000


def made(folder: Path) -> Path:
    """A folder for results, before anything is sent.

    Raises:
        CallError: It can't be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise CallError(f"no results can be written to {str(folder)!r}: {error.strerror}; nothing was sent") from error


def new(wanted: Path) -> Path:
    """A folder that no other call has: of this name, or with a number behind it. Calls may end in the same second."""
    folder = wanted
    for number in count(2):
        try:
            folder.mkdir(parents=True)
            break
        except FileExistsError:
            folder = wanted.with_name(f"{wanted.name}-{number}")
    return folder


def write(result: sfframe.IngestResult[Any], folder: Path, kind: OutFormat) -> dict[str, Path]:
    """Write successful, failed and unprocessed rows; a file that is there is replaced by a whole one alone.

    Returns:
        The files by outcome.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = {outcome: folder / f"{outcome}.{kind}" for outcome in _FILES}
    with tempfile.TemporaryDirectory(prefix=".sfframe-", dir=folder) as beside:
        saved = result.save(beside)
        for outcome, name in _FILES.items():
            parquet = saved / f"{name}.parquet"
            if kind == "csv":
                _as_csv(parquet, files[outcome])
            else:
                parquet.replace(files[outcome])
    return files


def _as_csv(parquet: Path, path: Path) -> None:
    """Rows as `df.sfbulk` would send them; text as it stands."""
    with pq.ParquetFile(parquet) as source, replaced(path) as file:
        writer = writer_of("csv", file, source.schema_arrow)
        for batch in source.iter_batches(_BATCH):
            writer.write(pa.Table.from_batches([batch]))
        writer.close()
