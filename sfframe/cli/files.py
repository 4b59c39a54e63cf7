"""Files: what a command is given, as a LazyFrame; larger than memory too."""

from __future__ import annotations

import difflib
import gzip
import json
import shutil
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Literal, get_args

import polars as pl
import pyarrow as pa

from sfframe.cli import csv_file
from sfframe.cli.call_errors import CallError
from sfframe.cli.lazily import lazy_over
from sfframe.cli.words import numbered

Format = Literal["csv", "parquet", "arrow", "ndjson"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)

_SUFFIXES: Final[dict[str, Format]] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
}
_SHEETS: Final = (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods")
_PARQUET: Final = b"PAR1"
_ARROW_FILE: Final = b"ARROW1"
_ARROW_STREAM: Final = b"\xff\xff\xff\xff"
_GZIP: Final = b"\x1f\x8b"


@dataclass(frozen=True, kw_only=True)
class Input:
    """Rows that a command was given.

    Attributes:
        name: What they are, for people.
        kind: Their format.
        frame: The rows. May be run several times, until the stack that holds its files is closed.
        places: Where rows are, by their numbers from 0.
    """

    name: str
    kind: Format
    frame: pl.LazyFrame
    places: Callable[[Iterable[int]], dict[int, str]]


def opened(given: str, wanted: str | None, dialect: csv_file.Dialect, stack: ExitStack) -> Input:
    """What a command is given.

    Args:
        given: A path, or `-` for standard input, which is kept in a temporary file meanwhile.
        wanted: Its format; `None`: told by the suffix, of standard input by the first bytes.
        dialect: How CSV is written.
        stack: What is closed when the rows are no longer needed.

    Raises:
        CallError: It isn't there, or can't be read as what it is.
    """
    path, name, suffix = _on_disk(given, stack)
    kind = wanted or _told_by(suffix, name) or _sniffed(path)
    if path.stat().st_size == 0:
        raise CallError(f"{name} is empty: a file of columns and rows is expected")
    if suffix == ".tsv" and dialect.separator is None:
        dialect = csv_file.Dialect("\t", dialect.encoding)
    try:
        return _read(path, name, kind, dialect)
    except (pl.exceptions.PolarsError, pa.ArrowException, OSError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise CallError(f"{name} can't be read as {kind}: {first}\nAnother format is named by --format.") from error


def _read(path: Path, name: str, kind: str, dialect: csv_file.Dialect) -> Input:
    match kind:
        case "csv":
            shape = csv_file.checked(path, name, dialect)
            frame = csv_file.scanned(path, shape)
            return Input(name=name, kind="csv", frame=frame, places=lambda rows: csv_file.places(path, shape, rows))
        case "parquet":
            frame = pl.scan_parquet(path, glob=False, hive_partitioning=False)
        case "arrow":
            frame = _arrow(path)
        case _:
            frame = _ndjson(path, name)
            return Input(name=name, kind="ndjson", frame=frame, places=lambda rows: _lines(path, list(rows)))
    frame.collect_schema()
    return Input(name=name, kind="arrow" if kind == "arrow" else "parquet", frame=frame, places=numbered)


# --- on the disk ------------------------------------------------------------------------------------------------------


def _on_disk(given: str, stack: ExitStack) -> tuple[Path, str, str]:
    """Path, name and suffix of plain bytes on the disk, without the suffix of a packing."""
    if given == "-":
        if sys.stdin.isatty():
            sys.stderr.write("sfframe: reading rows from the terminal; Ctrl-D ends them\n")
        return _unpacked(_spooled(sys.stdin.buffer, stack), stack), "standard input", ""
    path = Path(given)
    if not path.exists():
        raise CallError(f"there is no file {given!r}{_near(path)}")
    if path.is_dir():
        raise CallError(f"{given!r} is a folder: name a file in it")
    packed = path.suffix.lower() == ".gz"
    suffix = Path(path.stem).suffix.lower() if packed else path.suffix.lower()
    # What isn't a plain file can be read only once; and Polars takes some names for patterns.
    if not path.is_file() or any(c in str(path.absolute()) for c in "*?["):
        with path.open("rb") as file:
            path = _spooled(file, stack)
    return _unpacked(path, stack), str(given), suffix


def _spooled(source: BinaryIO, stack: ExitStack) -> Path:
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="sfframe-"))  # for its owner alone
    path = Path(folder) / "rows"
    with path.open("wb") as file:
        shutil.copyfileobj(source, file, 1 << 20)
    return path


def _unpacked(path: Path, stack: ExitStack) -> Path:
    with path.open("rb") as file:
        if file.read(2) != _GZIP:
            return path
    try:
        with gzip.open(path) as file:
            return _spooled(file, stack)  # type: ignore[arg-type]  # a binary file
    except (OSError, EOFError, zlib.error) as error:
        raise CallError(f"{path} can't be unpacked by gzip: {error}") from error


def _near(path: Path) -> str:
    names = [one.name for one in path.parent.iterdir() if one.is_file()] if path.parent.is_dir() else []
    close = difflib.get_close_matches(path.name, names, n=1, cutoff=0.6)
    return f"; did you mean {str(path.with_name(close[0]))!r}?" if close else f" (in {Path.cwd()})"


def _told_by(suffix: str, name: str) -> Format | None:
    if name == "standard input":
        return None
    if suffix in _SHEETS:
        raise CallError(
            f"{name!r} is a workbook, whose cells aren't read as they stand: save the sheet as CSV in UTF-8"
        )
    if suffix not in _SUFFIXES:
        known = ", ".join(_SUFFIXES)
        raise CallError(f"{name!r} ends in none of {known}: say what it is by --format {'|'.join(FORMATS)}")
    return _SUFFIXES[suffix]


def _sniffed(path: Path) -> Format:
    with path.open("rb") as file:
        head = file.read(4096)
    if head.startswith(_PARQUET):
        return "parquet"
    if head.startswith((_ARROW_FILE, _ARROW_STREAM)):
        return "arrow"
    return "ndjson" if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{") else "csv"


# --- formats ----------------------------------------------------------------------------------------------------------


def _arrow(path: Path) -> pl.LazyFrame:
    with path.open("rb") as file:
        if file.read(len(_ARROW_FILE)) == _ARROW_FILE:
            return pl.scan_ipc(path, glob=False)
    with path.open("rb") as file, pa.ipc.open_stream(file) as reader:
        schema = pl.DataFrame(reader.schema.empty_table()).schema

    def batches() -> Iterable[pl.DataFrame]:
        with path.open("rb") as file, pa.ipc.open_stream(file) as reader:
            for batch in reader:
                yield pl.DataFrame(pa.Table.from_batches([batch]))

    return lazy_over(batches, schema)


def _ndjson(path: Path, name: str) -> pl.LazyFrame:
    try:
        # All rows say what a column is, not the first hundred.
        frame = pl.scan_ndjson(path, infer_schema_length=None)
        frame.collect_schema()
    except pl.exceptions.PolarsError as error:
        raise CallError(f"{name} isn't NDJSON, an object in each line: {_bad_line(path, error)}") from error
    return frame


def _lines(path: Path, rows: Sequence[int]) -> dict[int, str]:
    """In which lines rows are, of which empty ones hold none; of a file that has gone: their numbers."""
    places, last = numbered(rows), max(rows, default=-1)
    with suppress(OSError), path.open("rb") as file:
        full = (number for number, line in enumerate(file, 1) if line.strip())
        for row, number in zip(range(last + 1), full, strict=False):
            if row in places:
                places[row] = f"line {number:,}"
    return places


def _bad_line(path: Path, error: Exception) -> str:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                if line.strip() and not isinstance(json.loads(line), dict):
                    return f"line {number} is no object"
            except ValueError as wrong:
                return f"line {number}: {wrong}"
    return str(error).splitlines()[0]
