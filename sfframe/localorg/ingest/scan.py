"""One pass over the bytes of an upload: is it CSV as the job says, and where do its records end (wire notes, 4.1)?"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sfframe.localorg.saving.header import StructureError

QUOTE, LF, CR, NUL = 0x22, 0x0A, 0x0D, 0x00
DELIMITERS = {"COMMA": ",", "BACKQUOTE": "`", "CARET": "^", "PIPE": "|", "SEMICOLON": ";", "TAB": "\t"}
LINE_ENDS = {"LF": "\n", "CRLF": "\r\n"}
_STEP = 1 << 22
_MAX_RECORD = 400_000
_MAX_HEADER = 32_000

Bytes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things are in an upload.

    Attributes:
        header: The first record's bytes, without its line end.
        names: What the header's cells say.
        record_starts: Byte offset of each record after the header, blank lines left out.
        longest: Bytes of the longest record.
    """

    header: bytes
    names: tuple[str, ...]
    record_starts: Places
    longest: int

    @property
    def rows(self) -> int:
        return len(self.record_starts)


EMPTY = Layout(b"", (), np.empty(0, np.int64), 0)


def scan(path: Path, *, delimiter: str, line_ending: str, strict: bool = False) -> Layout:
    """Find the records of an upload.

    Args:
        path: The bytes as they were sent.
        delimiter: The job's columnDelimiter, by name.
        line_ending: The job's lineEnding, by name.
        strict: Line breaks inside quotes have to be the job's own too.

    Raises:
        StructureError: With the text that the job fails with.
    """
    if not path.exists() or path.stat().st_size == 0:
        return EMPTY
    data = np.memmap(path, np.uint8, "r")
    try:
        _check_text(data)
        marks = _Marks(data, ord(DELIMITERS[delimiter]), line_ending, strict)
        return marks.layout()
    finally:
        # The map goes with its last view; the arrays of the layout are their own.
        del data


def _check_text(data: Bytes) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(data), _STEP):
            piece = data[start : start + _STEP]
            decoder.decode(piece.tobytes())
            if (piece == NUL).any():
                raise StructureError("InvalidBatch : Failed to parse CSV. Found a NUL character")
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise StructureError("InvalidBatch : Failed to parse CSV. The data is not UTF-8") from None


class _Marks:
    """Delimiters and line ends outside of quotes, found chunk by chunk."""

    def __init__(self, data: Bytes, delimiter: int, line_ending: str, strict: bool) -> None:
        self.data = data
        self.delimiter = delimiter
        self.line_ending = line_ending
        self.strict = strict
        self.inside = 0
        self.bad_ending = False
        self.ends: list[Places] = []
        self.delimiters: list[Places] = []
        self.seen = 0
        for start in range(0, len(data), _STEP):
            self._chunk(start, min(start + _STEP, len(data)))
        if self.inside:
            raise _unescaped_quote()
        if self.bad_ending:
            text = f"LineEnding is invalid on user data. Current LineEnding setting is {line_ending}"
            raise StructureError(f"ClientInputError : {text}")

    def _chunk(self, start: int, stop: int) -> None:
        chunk = self.data[start:stop]
        is_quote = chunk == QUOTE
        # Odd after a byte: that byte lies inside a quoted value (or opens one).
        odd = np.cumsum(is_quote, dtype=np.uint8)
        odd += self.inside
        odd &= 1
        self._check_quotes(start, is_quote, odd)
        outside = (odd == 0) & ~is_quote
        self._check_endings(start, chunk, outside)
        ends = np.flatnonzero((chunk == LF) & outside) + start
        found = np.flatnonzero((chunk == self.delimiter) & outside) + start
        # Per record, the number of delimiters up to its end: enough to count its cells.
        self.delimiters.append(self.seen + np.searchsorted(found, ends))
        self.ends.append(ends)
        self.seen += len(found)
        self.inside = int(odd[-1])

    def _check_quotes(self, start: int, is_quote: npt.NDArray[np.bool_], odd: Bytes) -> None:
        places = np.flatnonzero(is_quote)
        opening = odd[places] == 1
        before = places[opening] + start - 1
        after = places[~opening] + start + 1
        left = self.data[before[before >= 0]]
        right = self.data[after[after < len(self.data)]]
        fits_left = (left == self.delimiter) | (left == LF) | (left == QUOTE) | (left == CR)
        fits_right = (right == self.delimiter) | (right == LF) | (right == QUOTE) | (right == CR)
        if not (fits_left.all() and fits_right.all()):
            raise _unescaped_quote()

    def _check_endings(self, start: int, chunk: Bytes, outside: npt.NDArray[np.bool_]) -> None:
        judged = np.ones_like(outside) if self.strict else outside
        returns = np.flatnonzero((chunk == CR) & judged) + start
        if self.line_ending == "LF":
            self.bad_ending |= bool(len(returns))
            return
        feeds = np.flatnonzero((chunk == LF) & judged) + start
        before, after = feeds - 1, returns + 1
        self.bad_ending |= bool((before < 0).any() or (self.data[before] != CR).any())
        self.bad_ending |= bool((after >= len(self.data)).any()) or bool((self.data[after] != LF).any())

    def layout(self) -> Layout:
        ends, seen = np.concatenate(self.ends), np.concatenate(self.delimiters)
        if not len(ends) or ends[-1] != len(self.data) - 1:
            ends, seen = np.append(ends, len(self.data)), np.append(seen, self.seen)
        starts = np.concatenate(([0], ends[:-1] + 1))
        lengths = ends - starts
        # A blank line is no record (a one-column row without a value is `""`).
        lone_return = (lengths == 1) & (self.data[np.minimum(starts, len(self.data) - 1)] == CR)
        kept = (lengths > 0) & ~lone_return
        cells = np.diff(seen, prepend=0) + 1
        starts, lengths, cells = starts[kept], lengths[kept], cells[kept]
        if not len(starts):
            return EMPTY
        self._check_shape(starts, lengths, cells)
        header = self._record(int(starts[0]), int(lengths[0]))
        names = _cells(header.decode(), chr(self.delimiter))
        return Layout(header, names, starts[1:], int(lengths.max()))

    def _check_shape(self, starts: Places, lengths: Places, cells: Places) -> None:
        if lengths[0] > _MAX_HEADER and _units(self._record(int(starts[0]), int(lengths[0]))) > _MAX_HEADER:
            raise StructureError(f"InvalidBatch : Header is longer than {_MAX_HEADER} characters")
        for row in np.flatnonzero(lengths > _MAX_RECORD):
            if _units(self._record(int(starts[row]), int(lengths[row]))) > _MAX_RECORD:
                raise StructureError(f"InvalidBatch : Record {row} is longer than {_MAX_RECORD} characters")
        if (cells != cells[0]).any():
            odd = int(np.flatnonzero(cells != cells[0])[0])
            what = f"Record {odd} has {cells[odd]} values, the header has {cells[0]}"
            raise StructureError(f"InvalidBatch : Failed to parse CSV. {what}")

    def _record(self, start: int, length: int) -> bytes:
        return self.data[start : start + length].tobytes().removesuffix(b"\r")


def _units(record: bytes) -> int:
    return len(record.decode().encode("utf-16-le")) // 2


def _unescaped_quote() -> StructureError:
    text = "Found unescaped quote. A value with quote should be within a quote"
    return StructureError(f"InvalidBatch : Failed to parse CSV. {text}")


def _cells(record: str, delimiter: str) -> tuple[str, ...]:
    """The cells of one record whose quotes are known to be in order."""
    cells: list[str] = []
    for piece in record.split(delimiter):
        if cells and cells[-1].count('"') % 2:
            cells[-1] += delimiter + piece
        else:
            cells.append(piece)
    return tuple(cell[1:-1].replace('""', '"') if cell.startswith('"') else cell for cell in cells)
