"""What the org answers, ready before any client starts: one line of results for each row, and where it lies.

Every client sends the same rows in the same order, so an upload is a run of rows and its results are slices
of a file that is mapped into memory. Rows come back shuffled within blocks, the blocks last to first, and
numbers as Java writes doubles (wire notes, 5.3).
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from .data import KEY

BLOCK_ROWS = 10_000
FAILED_EVERY = 1_000
FAILED_REST = 7
ERROR = 'FIELD_CUSTOM_VALIDATION_EXCEPTION:Score is "too low", see the handbook:Score__c --'
SUCCESSFUL = b'"sf__Id","sf__Created",'
FAILED = b'"sf__Id","sf__Error",'

_ORDER: npt.NDArray[np.int64] = np.random.default_rng(1).permutation(BLOCK_ROWS)
_EXPONENT_FROM = 1e7


def record_ids(key: pl.Expr) -> pl.Expr:
    """The org's id of a record, made of its key alone; digits only, so its checksum is `AAA`."""
    return "003" + key.str.slice(2).str.zfill(12) + "AAA"


def n_failed(first: int, last: int) -> int:
    """How many of the rows `first <= row < last` the org refuses."""
    return _n_failed_before(last) - _n_failed_before(first)


def _n_failed_before(row: int) -> int:
    return (row - FAILED_REST + FAILED_EVERY - 1) // FAILED_EVERY


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of a file, one a row (empty where the row is in the other file), in the order of `_ORDER`."""

    text: memoryview
    ends: npt.NDArray[np.int64]

    def of(self, first: int, last: int) -> Iterator[memoryview]:
        """The lines of the rows `first <= row < last`, in as few pieces as their shuffling allows."""
        n_rows = len(self.ends) - 1
        for start in reversed(range(first - first % BLOCK_ROWS, last, BLOCK_ROWS)):
            end = min(start + BLOCK_ROWS, n_rows)
            if first <= start and end <= last:
                yield self._between(start, end)
            else:
                yield memoryview(b"".join(self._some(start, end, first, last)))

    def _some(self, start: int, end: int, first: int, last: int) -> Iterator[memoryview]:
        rows = start + _order(end - start)
        for place in (np.flatnonzero((rows >= first) & (rows < last)) + start).tolist():
            yield self._between(place, place + 1)

    def _between(self, start: int, end: int) -> memoryview:
        return self.text[self.ends[start] : self.ends[end]]


@dataclass(frozen=True, slots=True)
class Echo:
    successful: Lines
    failed: Lines


def _order(rows: int) -> npt.NDArray[np.int64]:
    return _ORDER if rows == BLOCK_ROWS else _ORDER[rows > _ORDER]


def ready(data: Path) -> Echo:
    """The answers for a file of contacts, written beside it on the first call."""
    folder = data.with_suffix(".echo")
    if not folder.exists():
        unfinished = folder.with_suffix(".part")
        unfinished.mkdir(exist_ok=True)
        _write(data, unfinished)
        unfinished.rename(folder)
    return Echo(_mapped(folder, "successful"), _mapped(folder, "failed"))


def _mapped(folder: Path, name: str) -> Lines:
    with (folder / f"{name}.csv").open("rb") as file:
        text = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return Lines(memoryview(text), np.load(folder / f"{name}.npy"))


def _write(data: Path, folder: Path) -> None:
    lengths: dict[str, list[pl.Series]] = {"successful": [], "failed": []}
    first = 0
    for batch in pq.ParquetFile(data).iter_batches(BLOCK_ROWS):
        lines = _lines(pl.DataFrame(batch), first)
        first += len(lines)
        for name, sizes in lengths.items():
            sizes.append(lines[name].str.len_bytes())
            with (folder / f"{name}.csv").open("ab") as file:
                file.write(_bytes(lines[name]))
    for name, sizes in lengths.items():
        np.save(folder / f"{name}.npy", np.concatenate([[0], pl.concat(sizes).to_numpy()]).cumsum())


def _bytes(lines: pl.Series) -> memoryview:
    buffer = lines.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(pa.large_string()).buffers()[2]
    return memoryview(buffer or b"")[: int(lines.str.len_bytes().sum())]


def _lines(rows: pl.DataFrame, first: int) -> pl.DataFrame:
    """The two lines of each row of a block, shuffled; one of them is empty."""
    number = pl.int_range(first, first + len(rows))
    refused = number % FAILED_EVERY == FAILED_REST
    created = pl.when(number % 3 == 0).then(pl.lit("true")).otherwise(pl.lit("false"))
    echoed = [_quoted(cell) for cell in _cells(rows)]
    successful = _line([_quoted(record_ids(pl.col(KEY))), _quoted(created), *echoed])
    failed = _line([pl.lit('""'), _quoted(pl.lit(ERROR)), *echoed])
    lines = rows.select(
        successful=pl.when(refused).then(pl.lit("")).otherwise(successful),
        failed=pl.when(refused).then(failed).otherwise(pl.lit("")),
    )
    return lines[_order(len(rows))]


def lines_of(rows: pl.DataFrame) -> Iterator[memoryview]:
    """The rows as a query's result has them: CSV, a line each, without a header."""
    for block in rows.iter_slices(BLOCK_ROWS):
        yield _bytes(block.select(line=_line([_quoted(cell) for cell in _cells(block)]))["line"])


def _quoted(text: pl.Expr) -> pl.Expr:
    return '"' + text.str.replace_all('"', '""', literal=True) + '"'


def _line(cells: list[pl.Expr]) -> pl.Expr:
    return pl.concat_str([*cells[:-1], cells[-1] + "\n"], separator=",")


def _cells(rows: pl.DataFrame) -> Iterator[pl.Expr]:
    for name, dtype in rows.schema.items():
        yield _cell(pl.col(name), dtype).fill_null("")


def _cell(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    if dtype == pl.Datetime:
        return column.dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
    if dtype.is_numeric():
        number = column.cast(pl.Float64)
        large = number.map_elements(java_double, return_dtype=pl.String)
        return pl.when(number.abs() < _EXPONENT_FROM).then(number.cast(pl.String)).otherwise(large)
    return column.cast(pl.String)


def java_double(value: float) -> str:
    """A double as `Double.toString` writes it: `9.12260031E8`, but `123.45`."""
    if abs(value) < _EXPONENT_FROM:
        return repr(value)
    exact = Decimal(repr(value)).normalize()
    digits = "".join(map(str, exact.as_tuple().digits))
    return f"{'-' if value < 0 else ''}{digits[0]}.{digits[1:] or '0'}E{exact.adjusted()}"
