"""CSV: cells are text, verbatim; what isn't CSV is an error that names the line, before anything is sent.

Python's reader judges the file, since it knows lines; Arrow's reads it, since it is five times as fast. What the first
takes in its strict mode both read alike.
"""

from __future__ import annotations

import codecs
import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import polars as pl
import pyarrow as pa
from pyarrow import csv as arrow_csv

from sfframe.cli.call_errors import CallError
from sfframe.cli.lazily import lazy_over
from sfframe.cli.words import numbered

_LONGEST: Final = 8_000_000  # characters of a cell; a long text area has 131,072
# Bytes that Arrow reads at once, several times over: more makes it no faster. A row must fit.
_BLOCK: Final = 1 << 20


@dataclass(frozen=True)
class Dialect:
    """How CSV is written: what stands between cells (`None`: a comma), and the encoding."""

    separator: str | None = None
    encoding: str = "utf-8"


@dataclass(frozen=True)
class Shape:
    """A file that was looked through; `longest` is the number of characters in the longest row."""

    columns: tuple[str, ...]
    n_rows: int
    longest: int
    separator: str
    encoding: str


def checked(path: Path, name: str, dialect: Dialect) -> Shape:
    """Look through a file.

    Raises:
        CallError: It isn't CSV of this dialect, its rows have not all as many cells as there are columns, or columns
            have no name or the same.
    """
    separator, encoding = dialect.separator or ",", dialect.encoding
    begins = 1
    try:
        with _long_cells(), _text(path, encoding) as file:
            reader = csv.reader(file, delimiter=separator, strict=True)
            columns: list[str] = []
            n_rows, longest = -1, 0
            for cells in reader:
                # A blank line is no row.
                if cells:
                    columns = columns or _columns(cells, name, separator)
                    if len(cells) != len(columns):
                        raise CallError(_ragged(name, begins, len(cells), len(columns)))
                    n_rows += 1
                    longest = max(longest, sum(map(len, cells)))
                begins = reader.line_num + 1
    except csv.Error as error:
        raise CallError(f"{name}, line {begins:,}: {_reason(error)}") from None
    except UnicodeDecodeError:
        raise CallError(_not_in(name, path, encoding)) from None
    except LookupError:
        raise CallError(f"there is no encoding {encoding!r}: utf-8, cp1252 and utf-16 are common ones") from None
    if not columns:
        raise CallError(f"{name} holds no line: a header and rows are expected")
    return Shape(tuple(columns), n_rows, longest, separator, encoding)


def scanned(path: Path, shape: Shape) -> pl.LazyFrame:
    """The rows of a file that was looked through; an empty cell, quoted or not, is null."""
    schema = dict.fromkeys(shape.columns, pl.String())
    # A character has up to four bytes, a cell two quotes and a separator; each could be a quote, which is doubled.
    row_bytes = 8 * shape.longest + 3 * len(shape.columns) + 2
    if not shape.n_rows:
        return pl.LazyFrame(schema=schema)

    def batches() -> Iterator[pl.DataFrame]:
        with arrow_csv.open_csv(
            path,
            read_options=arrow_csv.ReadOptions(block_size=max(_BLOCK, row_bytes), encoding=_for_arrow(shape.encoding)),
            parse_options=arrow_csv.ParseOptions(delimiter=shape.separator, newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(shape.columns, pa.large_string()),
                null_values=[""],
                strings_can_be_null=True,
            ),
        ) as reader:
            for batch in reader:
                yield pl.DataFrame(pa.Table.from_batches([batch]))

    return lazy_over(batches, schema)


def places(path: Path, shape: Shape, rows: Iterable[int]) -> dict[int, str]:
    """The lines in which rows begin; their numbers, if the file is gone meanwhile or was changed."""
    wanted = set(rows)
    try:
        return numbered(wanted) | _lines(path, shape, wanted)
    except (OSError, ValueError, csv.Error):  # what became of the rows has to be told all the same
        return numbered(wanted)


def _lines(path: Path, shape: Shape, wanted: set[int]) -> dict[int, str]:
    found: dict[int, str] = {}
    with _long_cells(), _text(path, shape.encoding) as file:
        reader = csv.reader(file, delimiter=shape.separator, strict=True)
        begins, number = 1, -1  # the header
        for cells in reader:
            if cells:
                if number in wanted:
                    found[number] = f"line {begins:,}"
                number += 1
            begins = reader.line_num + 1
            if len(found) == len(wanted):
                break
    return found


def separator_of(given: str) -> str:
    """What stands between cells, as it is typed in a shell.

    Raises:
        ValueError: It is no single character.
    """
    found = {"tab": "\t", "\\t": "\t", "semicolon": ";", "comma": ",", "pipe": "|"}.get(given, given)
    if len(found) != 1 or found in '"\r\n' or ord(found) > 127:
        raise ValueError(f"{given!r} is no separator: one character, such as ';' or '|', or the word tab")
    return found


@contextmanager
def _long_cells() -> Iterator[None]:
    """Python's reader takes cells of any length that is sensible."""
    before = csv.field_size_limit(_LONGEST)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _text(path: Path, encoding: str) -> IO[str]:
    """A file as text, line ends as they are, without a byte order mark."""
    return path.open(encoding="utf-8-sig" if _is_utf8(encoding) else encoding, newline="")


def _is_utf8(encoding: str) -> bool:
    return encoding.lower().replace("_", "-") in ("utf-8", "utf8", "utf-8-sig")


def _for_arrow(encoding: str) -> str:
    return "utf8" if _is_utf8(encoding) else encoding


def _columns(cells: list[str], name: str, separator: str) -> list[str]:
    if len(cells) == 1 and separator == "," and (other := next((c for c in ";\t|" if c in cells[0]), None)):
        typed = "tab" if other == "\t" else f"'{other}'"
        raise CallError(
            f"{name} has one column, {cells[0]!r}: if its cells are set apart otherwise, say --separator {typed}"
        )
    for number, one in enumerate(cells, 1):
        if not one.strip():
            raise CallError(f"{name}: column {number} has no name in the header; give it one, or take it out")
    twice = [one for one, n in Counter(cells).items() if n > 1]
    if twice:
        raise CallError(f"{name}: the header names {twice[0]!r} twice; rename one of these columns, or take it out")
    return cells


def _ragged(name: str, line: int, n_cells: int, n_columns: int) -> str:
    more = "a separator in a text needs quotes around the text" if n_cells > n_columns else "are some missing?"
    return f"{name}, line {line:,}: {n_cells} cells, and the header has {n_columns} columns; {more}"


def _reason(error: csv.Error) -> str:
    text = str(error)
    if "unexpected end of data" in text:
        return "a quote that is opened in the row that begins here is never closed"
    if "field larger" in text:
        return f"a cell of more than {_LONGEST:,} characters begins here: is its quote never closed?"
    if "expected after" in text:
        return 'text behind a closing quote in the row that begins here; a quote in a quoted text is written twice: ""'
    return text


def _not_in(name: str, path: Path, encoding: str) -> str:
    with path.open("rb") as file:
        is_utf_16 = file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        file.seek(0)
        number = next((n for n, line in enumerate(file, 1) if not _decodes(line, encoding)), 1)
    advice = "save it as UTF-8, or name its encoding: --encoding cp1252 is common in Western Europe and America"
    if is_utf_16:
        advice = "it begins as UTF-16 does: --encoding utf-16"
    return f"{name}, line {number:,}: not written in {encoding}; {advice}"


def _decodes(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
