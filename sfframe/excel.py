"""Excel: frames of rows as the sheets of one workbook, cells as values; needs `pip install 'sfframe[excel]'`.

Where a row failed, the cells that the error is about are marked, and a note says what is known of the cause: whoever
has to mend them sees at once which they are. Notes rather than a column: the sheet can be read and sent as it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, Final

from sfframe.failures import Mark
from sfframe.listed import Listed

# What a sheet holds, says Microsoft ("Excel specifications and limits").
MAX_ROWS: Final = 1_048_576
MAX_COLUMNS: Final = 16_384
MAX_TEXT: Final = 32_767
# Excel's numbers are doubles that show 15 digits: a longer one, such as an account number, stays whole as text.
_MAX_WHOLE: Final = 10**15
_FIRST_DAY: Final = date(1900, 3, 1)  # before it Excel's calendar has a day that never was
_WIDTHS: Final = (8, 60)
_LOOKED_AT: Final = 200  # rows that decide how wide a column is
_NOTES: Final = 1_000  # rows whose marks have a note: each is a shape, which Excel draws
_BAD: Final = {"bg_color": "#FFC7CE", "font_color": "#9C0006"}  # as Excel's own style "Bad"
_NOTHING: Final = Mark(columns=(), cause=None)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A frame as columns of Python values, `None` for a null.

    Attributes:
        name: Its name.
        columns: The columns, each under a name of its own.
        places: Where each column of the frame, by its label as text, is among them; the index has none.
    """

    name: str
    columns: Mapping[str, Sequence[Any]]
    places: Mapping[str, int] = field(default_factory=dict)

    @property
    def height(self) -> int:
        return max((len(values) for values in self.columns.values()), default=0)


def path_of(path: str | Path) -> Path:
    """Where a workbook is to be.

    Raises:
        ValueError: By its name it would be something else.
    """
    target = Path(path)
    if target.suffix.lower() != ".xlsx" and not target.is_dir():  # of a folder the disk has a word of its own
        raise ValueError(f"{target.name!r} doesn't end in .xlsx, and an Excel workbook is what is written: rename it")
    return target


def sheet_of(name: str, frame: Listed) -> Sheet:
    """A frame as a sheet; an index comes first.

    Raises:
        ValueError: More rows or columns than a sheet holds, or a text that is too long for a cell.
    """
    check_height(name, frame.height)
    places = {label: at for at, (label, _) in reversed(list(enumerate(frame.columns, start=len(frame.index))))}
    sheet = Sheet(name, dict(_unique([*frame.index, *frame.columns])), places)
    if len(sheet.columns) > MAX_COLUMNS:
        raise ValueError(f"{name} has {len(sheet.columns):,} columns, a sheet of Excel holds {MAX_COLUMNS:,}")
    _check_texts(sheet)
    return sheet


def write(file: BinaryIO, sheets: Iterable[Sheet], marks: Mapping[str, Iterable[Mark]] | None = None) -> None:
    """Write a workbook.

    Args:
        file: An empty one, open for writing.
        sheets: Its sheets.
        marks: What is to be seen beside each row, by the name of a sheet. The first of these that has rows is in front
            when the workbook is opened.

    Raises:
        ModuleNotFoundError: xlsxwriter isn't installed.
    """
    workbook = _workbook_class()(file, {"constant_memory": True, "in_memory": False})
    try:
        styles = _Styles(workbook)
        for sheet in sheets:
            worksheet = workbook.add_worksheet(sheet.name)
            marked = (marks or {}).get(sheet.name)
            if marked is not None and sheet.height:
                worksheet.set_tab_color(_BAD["font_color"])
                worksheet.activate()
            _write_sheet(worksheet, sheet, styles, marked or ())
    finally:
        workbook.close()


def _workbook_class() -> Any:
    try:
        from xlsxwriter import Workbook
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "to_excel needs xlsxwriter, which is not installed: pip install 'sfframe[excel]'", name="xlsxwriter"
        ) from error
    return Workbook


# --- from frames ------------------------------------------------------------------------------------------------------


def _unique(columns: Iterable[tuple[str, Sequence[Any]]]) -> Iterator[tuple[str, Sequence[Any]]]:
    """Columns under names that differ, as a header may hold the same one twice."""
    seen: set[str] = set()
    for name, values in columns:
        free, n = name, 2
        while free in seen:
            free, n = f"{name} ({n})", n + 1
        seen.add(free)
        yield free, values


def check_height(name: str, n_rows: int) -> None:
    """Refuse more rows than a sheet holds.

    Raises:
        ValueError: There are more.
    """
    if n_rows >= MAX_ROWS:
        raise ValueError(
            f"{name} has {n_rows:,} rows, a sheet of Excel holds {MAX_ROWS:,}, its header included. "
            "Use .save(folder), which writes Parquet, or write the frame in pieces."
        )


def _check_texts(sheet: Sheet) -> None:
    for column, values in sheet.columns.items():
        for n, value in enumerate(values):
            if isinstance(value, str) and len(value) > MAX_TEXT:
                raise ValueError(
                    f"column {column!r} of {sheet.name} holds a text of {len(value):,} characters in row {n}, a cell "
                    f"of Excel {MAX_TEXT:,} at most. Use .save(folder), which writes Parquet."
                )


# --- to cells ---------------------------------------------------------------------------------------------------------


class _Styles:
    """The formats of a workbook, each made once."""

    def __init__(self, workbook: Any) -> None:
        self._workbook = workbook
        self._made: dict[tuple[str, bool], Any] = {}
        self.head = workbook.add_format({"bold": True, "bottom": 1})

    def cell(self, pattern: str, *, is_bad: bool) -> Any:
        """The format of a cell; `None`: it needs none.

        Args:
            pattern: How a number is shown; empty: as it is.
            is_bad: The cell is marked.
        """
        if not pattern and not is_bad:
            return None
        if (pattern, is_bad) not in self._made:
            shown = {"num_format": pattern} if pattern else {}
            self._made[pattern, is_bad] = self._workbook.add_format(shown | (_BAD if is_bad else {}))
        return self._made[pattern, is_bad]


def _write_sheet(worksheet: Any, sheet: Sheet, styles: _Styles, marks: Iterable[Mark]) -> None:
    worksheet.freeze_panes(1, 0)
    for number, (name, values) in enumerate(sheet.columns.items()):
        texts = (str(value).split("\n", 1)[0] for value in [name, *values[:_LOOKED_AT]] if value is not None)
        worksheet.set_column(number, number, min(max(*_WIDTHS[:1], *(len(text) + 2 for text in texts)), _WIDTHS[1]))
    for number, name in enumerate(sheet.columns):
        worksheet.write_string(0, number, name[:MAX_TEXT], styles.head)
    # Row by row, as constant_memory wants it.
    marked = iter(marks)
    for n, row in enumerate(zip(*sheet.columns.values(), strict=True), start=1):
        mark = next(marked, _NOTHING)
        bad = [sheet.places[name] for name in mark.columns if name in sheet.places]
        for number, value in enumerate(row):
            _write(worksheet, n, number, value, styles, is_bad=number in bad)
        if mark.cause and n <= _NOTES:
            where = bad[0] if bad else sheet.places.get("sf__Error", 0)
            worksheet.write_comment(n, where, mark.cause, {"x_scale": 2.2, "y_scale": 1.2})
    if sheet.columns:
        worksheet.autofilter(0, 0, sheet.height, len(sheet.columns) - 1)


def _write(worksheet: Any, row: int, column: int, value: Any, styles: _Styles, *, is_bad: bool) -> None:
    """One cell. Never `worksheet.write`, which would take `=...` for a formula and `http...` for a link."""
    plain = styles.cell("", is_bad=is_bad)
    match value:
        case None:
            if is_bad:
                worksheet.write_blank(row, column, None, plain)
        case bool():
            worksheet.write_boolean(row, column, value, plain)
        case int() if abs(value) < _MAX_WHOLE:
            worksheet.write_number(row, column, value, plain)
        case float() if math.isnan(value):
            if is_bad:
                worksheet.write_blank(row, column, None, plain)
        case float() if math.isfinite(value):
            worksheet.write_number(row, column, value, plain)
        case Decimal() if value.is_finite() and len(value.normalize().as_tuple().digits) <= 15:
            worksheet.write_number(row, column, float(value), plain)
        case datetime() if value.date() >= _FIRST_DAY:
            shown = styles.cell(_pattern(value), is_bad=is_bad)
            worksheet.write_datetime(row, column, value.replace(tzinfo=None), shown)
        case date() if not isinstance(value, datetime) and value >= _FIRST_DAY:
            worksheet.write_datetime(row, column, value, styles.cell("yyyy-mm-dd", is_bad=is_bad))
        case time():
            shown = styles.cell("hh:mm:ss", is_bad=is_bad)
            worksheet.write_datetime(row, column, value.replace(tzinfo=None), shown)
        case _:
            worksheet.write_string(row, column, _text(value), plain)


def _pattern(value: datetime) -> str:
    """How a datetime is shown: its own wall clock, and the zone, which Excel doesn't know, as text behind it."""
    digits = "yyyy-mm-dd hh:mm:ss.000" if value.microsecond else "yyyy-mm-dd hh:mm:ss"
    offset = value.utcoffset()
    if offset is None:
        return digits
    sign, minutes = ("-", -offset) if offset < timedelta(0) else ("+", offset)
    hours, rest = divmod(int(minutes.total_seconds()) // 60, 60)
    return f'{digits}" {sign}{hours:02}:{rest:02}"' if offset else f'{digits}" UTC"'


def _text(value: Any) -> str:
    """Any other value as text: lists as multi-select picklists have them."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, list | tuple | set | frozenset):
        return ";".join("" if item is None else str(item) for item in value)
    return str(value)
