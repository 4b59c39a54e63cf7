"""Results: the rows of a result as files, for people and for the next call."""

from __future__ import annotations

import tempfile
from itertools import count
from pathlib import Path
from typing import Any, Final, Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import sfframe
from sfframe.cli.call_errors import CallError
from sfframe.sink import replaced, writer_of

OutFormat = Literal["parquet", "csv"]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
OUT_FORMATS: Final[tuple[OutFormat, ...]] = get_args(OutFormat)

# A file for each outcome, and what `result.save` calls it.
_FILES: Final = {
    "successful": "successful_results",
    "failed": "failed_results",
    "unprocessed": "unprocessed_records",
}
# Rows that may be in the org are no rows to send again: they are kept apart from those that it didn't come to.
_RUNNING: Final = "running"
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
        The files by outcome; `running` too if there are rows of jobs that may still run, which aren't `unprocessed`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = {outcome: folder / f"{outcome}.{kind}" for outcome in (*_FILES, _RUNNING)}
    with tempfile.TemporaryDirectory(prefix=".sfframe-", dir=folder) as beside:
        saved = result.save(beside)
        for outcome, name in _FILES.items():
            parquet = saved / f"{name}.parquet"
            if outcome == "unprocessed" and len(result.running_rows):
                runs = np.isin(result.rows_with("unprocessed"), result.running_rows)
                _copied(parquet, files[_RUNNING], kind, runs)
                _copied(parquet, files[outcome], kind, ~runs)
            elif kind == "csv":
                _copied(parquet, files[outcome], kind)
            else:
                parquet.replace(files[outcome])
    if not len(result.running_rows):
        files.pop(_RUNNING).unlink(missing_ok=True)  # an older call's
    return files


def _copied(parquet: Path, path: Path, kind: OutFormat, wanted: Mask | None = None) -> None:
    """Rows, all or some; in CSV as `df.sfbulk` would send them, text as it stands."""
    with pq.ParquetFile(parquet, pre_buffer=False) as source, replaced(path) as file:
        writer, start = writer_of(kind, file, source.schema_arrow), 0
        for batch in source.iter_batches(_BATCH):
            chosen = batch if wanted is None else batch.filter(pa.array(wanted[start : start + len(batch)]))
            writer.write(pa.Table.from_batches([chosen]))
            start += len(batch)
        writer.close()
