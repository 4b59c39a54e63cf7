"""One pass over the bytes of an upload: is it CSV as the job says, and where do its records lie (wire notes, 4.1)?

The pass goes piece by piece and keeps the place of one record in a thousand, so that it holds little, however many
records there are. In each piece the bytes are picked that mean something; all else is asked of these alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sfframe.localorg.saving.header import StructureError

QUOTE, LF, CR = 0x22, 0x0A, 0x0D
DELIMITERS = {"COMMA": ",", "BACKQUOTE": "`", "CARET": "^", "PIPE": "|", "SEMICOLON": ";", "TAB": "\t"}
LINE_ENDS = {"LF": "\n", "CRLF": "\r\n"}
_STEP = 1 << 20
_EVERY = 1000
_MAX_RECORD = 400_000
_MAX_HEADER = 32_000
# Kinds of flaws, the gravest first.
_TEXT, _QUOTES, _BREAKS, _HEADER, _LENGTH, _SHAPE = range(6)

Bytes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things are in an upload.

    Attributes:
        header: The first record's bytes, without its line end.
        names: What the header's cells say.
        rows: How many records there are after the header, blank lines left out.
        marks: Byte offset of every thousandth of these.
        longest: Bytes of the longest record.
        delimiter: Between cells.
    """

    header: bytes
    names: tuple[str, ...]
    rows: int
    marks: Places
    longest: int
    delimiter: str

    def start_of(self, row: int, file: BinaryIO) -> int:
        """The byte offset of a row, from 0."""
        mark = int(self.marks[row // _EVERY])
        before = row % _EVERY
        for records in _records(file, ord(self.delimiter), mark):
            if before < len(records.starts):
                return int(records.starts[before])
            before -= len(records.starts)
        raise IndexError(row)


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
        return Layout(b"", (), 0, np.empty(0, np.int64), 0, DELIMITERS[delimiter])
    with path.open("rb") as file, path.open("rb") as again:
        survey = _Survey(again, ord(DELIMITERS[delimiter]), line_ending, strict)
        for records in _records(file, ord(DELIMITERS[delimiter])):
            survey.look(records)
        return survey.layout()


@dataclass(slots=True)
class _Records:
    """The records that end in one piece, and the piece.

    Attributes:
        starts: Their byte offsets; of each `lengths` has the bytes without the line feed, `cells` the number of cells.
        piece: The bytes, with one neighbour before and one behind.
        places: Where in `piece` quotes, line breaks and delimiters are; of each `outside` says whether it isn't quoted.
        has_stray_quote: A value opens or closes at another place than the ends of its cell.
    """

    starts: Places
    lengths: Places
    cells: Places
    piece: Bytes
    places: Places
    outside: Flags
    has_stray_quote: bool


def _records(file: BinaryIO, delimiter: int, start: int = 0) -> Iterator[_Records]:
    """Give the records from the one that starts at an offset, blank lines left out."""
    inside, begun, end, open_cells = 0, start, start, 0
    for base, piece in _pieces(file, delimiter, start):
        places, kinds = _specials(piece, delimiter)
        outside, inside, has_stray_quote = _quoting(piece, delimiter, places, kinds, inside)
        ends = places[outside & (kinds == LF)] + (base - 1)
        starts = np.concatenate(([begun], ends[:-1] + 1)) if len(ends) else ends
        cuts = kinds[outside & (kinds != CR)] == LF
        feeds = np.flatnonzero(cuts)
        cells = np.diff(feeds, prepend=-1 - open_cells)
        open_cells = len(cuts) - 1 - int(feeds[-1]) if len(feeds) else open_cells + len(cuts)
        begun = int(ends[-1]) + 1 if len(ends) else begun
        end = base + len(piece) - 2
        records = _Records(starts, ends - starts, cells, piece, places, outside, has_stray_quote)
        yield _without_blank_lines(records, base)
    if begun < end:
        starts, lengths, cells = (np.array([value], np.int64) for value in (begun, end - begun, open_cells + 1))
        nothing = np.empty(0, np.int64)
        yield _Records(starts, lengths, cells, nothing.astype(np.uint8), nothing, nothing.astype(bool), bool(inside))


def _pieces(file: BinaryIO, delimiter: int, start: int) -> Iterator[tuple[int, Bytes]]:
    """The offset of each piece, and its bytes with one neighbour on either side: a delimiter beyond the ends."""
    file.seek(start)
    beyond = bytes([delimiter])
    before, block = beyond, file.read(_STEP)
    while block:
        following = file.read(_STEP)
        yield start, np.frombuffer(b"".join((before, block, following[:1] or beyond)), np.uint8)
        start, before, block = start + len(block), block[-1:], following


def _specials(piece: Bytes, delimiter: int) -> tuple[Places, Bytes]:
    """Where quotes, line breaks and delimiters are in a piece, and which of them; its neighbours don't count."""
    picked = piece == delimiter
    for kind in (QUOTE, LF, CR):
        picked |= piece == kind
    picked[0] = picked[-1] = False
    places = np.flatnonzero(picked)
    return places, piece[places]


def _quoting(piece: Bytes, delimiter: int, places: Places, kinds: Bytes, inside: int) -> tuple[Flags, int, bool]:
    """Which specials are not quoted, whether a quote is open after the piece, and whether a quote is astray."""
    is_quote = kinds == QUOTE
    if not is_quote.any():
        return np.full(len(places), not inside), inside, False
    # Odd after a byte: that byte lies inside a quoted value (or opens one).
    odd = np.cumsum(is_quote, dtype=np.uint8)
    odd += np.uint8(inside)
    odd &= 1
    quotes = places[is_quote]
    beside = np.where(odd[is_quote] == 1, piece[quotes - 1], piece[quotes + 1])
    fits = np.zeros(256, np.bool_)
    fits[[delimiter, LF, CR, QUOTE]] = True
    return (odd == 0) & ~is_quote, int(odd[-1]), not fits[beside].all()


def _without_blank_lines(records: _Records, base: int) -> _Records:
    """A blank line is no record (a one-column row without a value is `""`)."""
    is_short = records.lengths <= 1
    if is_short.any():
        first = records.piece[np.maximum(records.starts - (base - 1), 0)]
        kept = ~is_short | ((records.lengths == 1) & (first != CR))
        records.starts, records.lengths, records.cells = (
            values[kept] for values in (records.starts, records.lengths, records.cells)
        )
    return records


class _Survey:
    """What is known of an upload after its records were looked at; of its flaws the gravest kind is told, the first.

    Args:
        file: The upload, to read single records again.
        delimiter: Between cells.
        line_ending: The job's lineEnding, by name.
        strict: As in `scan`.
    """

    def __init__(self, file: BinaryIO, delimiter: int, line_ending: str, strict: bool) -> None:
        self._file, self._delimiter, self._line_ending, self._strict = file, delimiter, line_ending, strict
        self._flaws: dict[int, str] = {}
        self._header, self._n_cells = b"", -1
        self._rows = self._longest = 0
        self._marks: list[Places] = [np.empty(0, np.int64)]
        self._cut_character = b""

    def look(self, records: _Records) -> None:
        self._check_text(records)
        if records.has_stray_quote:
            text = "Found unescaped quote. A value with quote should be within a quote"
            self._note(_QUOTES, f"InvalidBatch : Failed to parse CSV. {text}")
        self._check_breaks(records)
        if self._n_cells < 0 and len(records.starts):
            self._read_header(records)
        self._check_shape(records)
        self._marks.append(records.starts[-self._rows % _EVERY :: _EVERY])
        self._rows += len(records.starts)
        self._longest = max(self._longest, int(records.lengths.max(initial=0)))

    def layout(self) -> Layout:
        self._check_encoding(self._cut_character)
        if self._flaws:
            raise StructureError(self._flaws[min(self._flaws)])
        delimiter = chr(self._delimiter)
        names = _cells(self._header.decode(), delimiter) if self._n_cells >= 0 else ()
        return Layout(self._header, names, self._rows, np.concatenate(self._marks), self._longest, delimiter)

    def _note(self, kind: int, text: str) -> None:
        self._flaws.setdefault(kind, text)

    def _check_text(self, records: _Records) -> None:
        """Pieces may end within a character: what begins one at the end waits for the next piece."""
        text = self._cut_character + records.piece[1:-1].tobytes()
        if 0 in text:
            self._note(_TEXT, "InvalidBatch : Failed to parse CSV. Found a NUL character")
        ends = range(len(text) - 1, max(len(text) - 4, -1), -1)
        cut = next((place for place in ends if text[place] >= 0xC0), len(text))
        self._cut_character = text[cut:]
        self._check_encoding(text[:cut])

    def _check_encoding(self, text: bytes) -> None:
        try:
            offsets = pa.py_buffer(np.array([0, len(text)], np.int32).tobytes())
            pa.Array.from_buffers(pa.binary(), 1, [None, offsets, pa.py_buffer(text)]).cast(pa.string())
        except pa.ArrowInvalid:
            self._note(_TEXT, "InvalidBatch : Failed to parse CSV. The data is not UTF-8")

    def _check_breaks(self, records: _Records) -> None:
        piece, places = records.piece, records.places
        judged = places if self._strict else places[records.outside]
        kinds = piece[judged]
        returns = judged[kinds == CR]
        if self._line_ending == "LF":
            is_bad = len(returns) > 0
        else:
            feeds = judged[kinds == LF]
            is_bad = bool((piece[feeds - 1] != CR).any() or (piece[returns + 1] != LF).any())
        if is_bad:
            text = f"LineEnding is invalid on user data. Current LineEnding setting is {self._line_ending}"
            self._note(_BREAKS, f"ClientInputError : {text}")

    def _read_header(self, records: _Records) -> None:
        """Take the first record away from the others."""
        start, length = int(records.starts[0]), int(records.lengths[0])
        self._n_cells = int(records.cells[0])
        if self._is_longer(start, length, _MAX_HEADER):
            self._note(_HEADER, f"InvalidBatch : Header is longer than {_MAX_HEADER} characters")
        else:
            self._header = self._record(start, length)
        records.starts, records.lengths, records.cells = records.starts[1:], records.lengths[1:], records.cells[1:]

    def _check_shape(self, records: _Records) -> None:
        for index in np.flatnonzero(records.lengths > _MAX_RECORD):
            if self._is_longer(int(records.starts[index]), int(records.lengths[index]), _MAX_RECORD):
                row = self._rows + int(index) + 1
                self._note(_LENGTH, f"InvalidBatch : Record {row} is longer than {_MAX_RECORD} characters")
        odd = np.flatnonzero(records.cells != self._n_cells)
        if len(odd):
            row, cells = self._rows + int(odd[0]) + 1, records.cells[odd[0]]
            what = f"Record {row} has {cells} values, the header has {self._n_cells}"
            self._note(_SHAPE, f"InvalidBatch : Failed to parse CSV. {what}")

    def _is_longer(self, start: int, length: int, limit: int) -> bool:
        """Whether a record has more than so many UTF-16 units, each of which takes three bytes at most."""
        if not limit < length <= 3 * limit:
            return length > limit
        return len(self._record(start, length).decode("utf-8", "replace").encode("utf-16-le")) // 2 > limit

    def _record(self, start: int, length: int) -> bytes:
        self._file.seek(start)
        return self._file.read(length).removesuffix(b"\r")


def _cells(record: str, delimiter: str) -> tuple[str, ...]:
    """The cells of one record whose quotes are known to be in order."""
    cells: list[str] = []
    for piece in record.split(delimiter):
        if cells and cells[-1].count('"') % 2:
            cells[-1] += delimiter + piece
        else:
            cells.append(piece)
    return tuple(cell[1:-1].replace('""', '"') if cell.startswith('"') else cell for cell in cells)
