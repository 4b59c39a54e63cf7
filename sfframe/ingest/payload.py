"""Payload: rows as Salesforce CSV, cut into parts; no I/O but reading the rows.

Every cell is quoted, lines end as told, there is no BOM and no blank line (wire notes, 4.1).
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import polars as pl

from sfframe.errors import PayloadError
from sfframe.ingest.columns import Layout
from sfframe.ingest.printed import DATE_FORMAT, DATETIME_FORMAT, TIME_FORMAT
from sfframe.ingest.spool import CHUNK, Numbers, Rows

LineEnding = Literal["LF", "CRLF"]
_TERMINATORS: dict[LineEnding, str] = {"LF": "\n", "CRLF": "\r\n"}
_AT_ONCE = 32_768  # rows written at once: Polars buffers what it writes, and gives the memory back late
_LAST_ROWS = 256  # written at once when a part is nearly full
_GROUPED_CHUNK = 8 * CHUNK  # a group of up to so many rows is never cut


@dataclass(eq=False, kw_only=True)
class Part:
    """The rows of one job.

    Attributes:
        start, stop: Their positions in the rows they are taken from.
        positions: Position of each, in the order in which they are in the CSV.
        numbers: The caller's row number of each.
        data: The CSV, UTF-8; whoever has sent it sets it to an empty view, to free the memory.
    """

    start: int
    stop: int
    positions: Numbers
    numbers: Numbers
    data: memoryview = field(repr=False)

    @property
    def n_rows(self) -> int:
        """How many rows are in the CSV."""
        return len(self.numbers)


@dataclass(frozen=True, eq=False, kw_only=True)
class Cut:
    """How rows become parts.

    Attributes:
        max_bytes: Upper size of a part in UTF-8 bytes, header included.
        max_records: Upper number of rows in a part.
        left_out: Numbers of rows that aren't sent, ascending.
        group_by: Columns whose equal neighbours stay in one part where they fit.
    """

    max_bytes: int
    max_records: int
    left_out: Numbers = field(default_factory=lambda: np.empty(0, np.int64))
    group_by: tuple[str, ...] = ()


def parts(rows: Rows, layout: Layout, cut: Cut, start: int = 0, stop: int | None = None) -> Iterator[Part]:
    """Write the rows as CSV, split into parts.

    Args:
        rows, layout, cut: What is written, and how.
        start, stop: The positions of the first row and of the one after the last; `None`: all from the first.

    Yields:
        Parts in the order of the rows; each is made when it is asked for, has its own header and at least one row.

    Raises:
        PayloadError: One row alone exceeds `max_bytes`.
    """
    filling = _Filling(layout, cut)
    for chunk in _chunks(rows, cut, start, rows.n if stop is None else stop):
        rest: _Chunk | None = chunk
        while rest is not None:
            rest = filling.add(rest)
            if filling.is_full:
                yield filling.close()
    if filling.n:
        yield filling.close()


def part_of(rows: Rows, cut: Cut, start: int, stop: int) -> Part:
    """A part that was made earlier, without its CSV."""
    numbers, positions = rows.numbers(start, stop), np.arange(start, stop, dtype=np.int64)
    if len(cut.left_out):
        keep = ~np.isin(numbers, cut.left_out)
        numbers, positions = numbers[keep], positions[keep]
    return Part(start=start, stop=stop, positions=positions, numbers=numbers, data=memoryview(b""))


def written_again(rows: Rows, layout: Layout, cut: Cut, part: Part, line_ending: LineEnding = "LF") -> memoryview:
    """The CSV of a part once more, with lines that end as told."""
    buffer = io.BytesIO()
    _write_header(layout, buffer, line_ending)
    for chunk in _chunks(rows, cut, part.start, part.stop):
        _write(layout.native(chunk.frame), layout, buffer, line_ending)
    return _written(buffer)


def frame_of(rows: Rows, cut: Cut, part: Part, names: Sequence[str] | None = None) -> pl.DataFrame:
    """The rows of a part as they are in the frame, in the order of its CSV; `names` chooses columns."""
    frames = [chunk.frame for chunk in _chunks(rows, cut, part.start, part.stop, names)]
    return pl.concat(frames) if len(frames) > 1 else frames[0]


@dataclass(eq=False)
class _Chunk:
    position: int  # of its first row, left out ones counted
    frame: pl.DataFrame
    numbers: Numbers
    positions: Numbers
    group_starts: np.ndarray[tuple[int, ...], np.dtype[np.bool_]] | None

    def split(self, k: int) -> _Chunk:
        """All rows from the `k`-th on."""
        starts = None if self.group_starts is None else self.group_starts[k:]
        return _Chunk(int(self.positions[k]), self.frame.slice(k), self.numbers[k:], self.positions[k:], starts)


def _chunks(rows: Rows, cut: Cut, start: int, stop: int, names: Sequence[str] | None = None) -> Iterator[_Chunk]:
    position = start
    step = _GROUPED_CHUNK if cut.group_by else CHUNK
    while position < stop:
        end = min(position + step, stop)
        frame = rows.slice(position, end, names)
        starts = _group_starts(frame, cut.group_by) if cut.group_by and names is None else None
        if starts is not None and end < stop:  # the last group may go on: leave it to the next chunk
            last = int(np.flatnonzero(starts)[-1])
            if last:
                end = position + last
                frame, starts = frame.slice(0, last), starts[:last]
        numbers = rows.numbers(position, end)
        positions = np.arange(position, end, dtype=np.int64)
        if len(cut.left_out):
            keep = ~np.isin(numbers, cut.left_out)
            if starts is not None:
                starts = _moved_starts(starts, keep)
            frame, numbers, positions = frame.filter(pl.Series(keep)), numbers[keep], positions[keep]
        if len(numbers):
            yield _Chunk(position, frame, numbers, positions, starts)
        position = end


def _group_starts(frame: pl.DataFrame, by: tuple[str, ...]) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    ids = frame.select(pl.struct(by).rle_id()).to_series().to_numpy()
    return np.concatenate([[True], ids[1:] != ids[:-1]]) if len(ids) else np.empty(0, np.bool_)


def _moved_starts(
    starts: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
    keep: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Group starts among the rows that are kept."""
    ids = np.cumsum(starts)[keep]
    return np.concatenate([[True], ids[1:] != ids[:-1]]) if len(ids) else np.empty(0, np.bool_)


class _Filling:
    """The part that is being filled."""

    def __init__(self, layout: Layout, cut: Cut) -> None:
        self._layout = layout
        self._cut = cut
        self._open()

    def _open(self) -> None:
        self._buffer = io.BytesIO()
        _write_header(self._layout, self._buffer, "LF")
        self._numbers: list[Numbers] = []
        self._positions: list[Numbers] = []
        self._start: int | None = None
        self._stop = 0
        self.n = 0
        self.is_full = False

    def add(self, chunk: _Chunk) -> _Chunk | None:
        """Add rows as far as they fit; gives those that are left, for this part or, if it is full now, the next."""
        if self.n == 0:
            self._start = chunk.position
        begin = self._buffer.tell()
        fits = self._promising(chunk, begin)
        native = self._layout.native(chunk.frame.slice(0, fits))
        _write(native, self._layout, self._buffer, "LF")
        if self._buffer.tell() > self._cut.max_bytes:
            self.is_full = True
            fits = self._cut_back(begin)
        elif self.n + fits == self._cut.max_records:
            self.is_full = True
        if self.is_full and fits < len(chunk.numbers):
            fits = self._whole_groups(chunk, fits, begin)
        if self.is_full and fits == 0 and self.n == 0:
            raise PayloadError(f"row {int(chunk.numbers[0]):,} alone exceeds max_payload_bytes={self._cut.max_bytes:,}")
        self._numbers.append(chunk.numbers[:fits])
        self._positions.append(chunk.positions[:fits])
        self.n += fits
        if fits == len(chunk.numbers):
            self._stop = int(chunk.positions[-1]) + 1
            return None
        rest = chunk.split(fits)
        self._stop = rest.position
        return rest

    def _promising(self, chunk: _Chunk, begin: int) -> int:
        """How many rows to write next: close to the limit as many as are likely to fit, so that few are cut back."""
        fits = min(len(chunk.numbers), self._cut.max_records - self.n)
        if chunk.group_starts is not None:
            return fits
        fits = min(fits, _AT_ONCE)
        if not self.n:
            return fits
        likely = int((self._cut.max_bytes - begin) / (begin / self.n))
        return min(fits, max(_LAST_ROWS, likely))

    def _cut_back(self, begin: int) -> int:
        """Take back the rows that don't fit; how many of those written from `begin` on stay."""
        with self._buffer.getbuffer() as view:
            ends = row_ends(view[begin : max(begin, self._cut.max_bytes)])
        self._truncate(begin + (int(ends[-1]) if len(ends) else 0))
        return len(ends)

    def _whole_groups(self, chunk: _Chunk, fits: int, begin: int) -> int:
        starts = chunk.group_starts
        if starts is None or starts[fits]:
            return fits
        starts_before = np.flatnonzero(starts[: fits + 1])
        whole = int(starts_before[-1]) if len(starts_before) else 0
        if whole == 0 and self.n == 0:
            return fits  # a group larger than a part has to be cut
        with self._buffer.getbuffer() as view:
            ends = row_ends(view[begin:])
        self._truncate(begin + (int(ends[whole - 1]) if whole else 0))
        return whole

    def _truncate(self, size: int) -> None:
        self._buffer.seek(size)
        self._buffer.truncate()

    def close(self) -> Part:
        """The part, and a new one begun."""
        assert self._start is not None
        part = Part(
            start=self._start,
            stop=self._stop,
            positions=np.concatenate(self._positions),
            numbers=np.concatenate(self._numbers),
            data=_written(self._buffer),
        )
        self._open()
        return part


def _written(buffer: io.BytesIO) -> memoryview:
    """What was written, not copied. Some versions of CPython 3.12 crash if a view of the buffer itself is garbage."""
    return memoryview(buffer.getvalue())


def row_ends(csv: memoryview) -> Numbers:
    """Where rows end, as offsets behind their line ends; every cell is quoted, the text begins with a row."""
    text = np.frombuffer(csv, np.uint8)
    breaks = np.flatnonzero(text == ord("\n"))
    # Within a quoted cell the number of quotes before it is odd, also where it holds doubled ones.
    quotes = np.flatnonzero(text == ord('"'))
    outside = np.searchsorted(quotes, breaks) % 2 == 0
    ends: Numbers = (breaks[outside] + 1).astype(np.int64)
    return ends


def _write_header(layout: Layout, buffer: io.BytesIO, line_ending: LineEnding) -> None:
    names = ",".join('"' + c.header.replace('"', '""') + '"' for c in layout.columns)
    buffer.write((names + _TERMINATORS[line_ending]).encode())


def _write(native: pl.DataFrame, layout: Layout, buffer: io.BytesIO, line_ending: LineEnding) -> None:
    native.write_csv(
        buffer,
        include_header=False,
        quote_style="always",
        line_terminator=_TERMINATORS[line_ending],
        null_value=layout.null_text,
        datetime_format=DATETIME_FORMAT,
        date_format=DATE_FORMAT,
        time_format=TIME_FORMAT,
        float_scientific=False,
    )
