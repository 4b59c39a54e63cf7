"""Excel: frames of rows as the sheets of one workbook, cells as values; needs `pip install 'sfframe[excel]'`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import polars as pl

# What a sheet holds, says Microsoft ("Excel specifications and limits").
MAX_ROWS: Final = 1_048_576
MAX_COLUMNS: Final = 16_384
MAX_TEXT: Final = 32_767
# Excel's numbers are doubles that show 15 digits: a longer one, such as an account number, stays whole as text.
_MAX_WHOLE: Final = 10**15
_FIRST_DAY: Final = date(1900, 3, 1)  # before it Excel's calendar has a day that never was
_WIDTHS: Final = (8, 60)
_LOOKED_AT: Final = 200  # rows that decide how wide a column is


@dataclass(frozen=True, slots=True)
class Sheet:
    """A frame as columns of Python values, `None` for a null."""

    name: str
    columns: Mapping[str, Sequence[Any]]

    @property
    def height(self) -> int:
        return max((len(values) for values in self.columns.values()), default=0)


def sheet_of(name: str, frame: Any) -> Sheet:
    """A frame of any library as a sheet; a pandas index that isn't a mere row count comes first.

    Raises:
        ValueError: More rows or columns than a sheet holds, or a text that is too long for a cell.
    """
    if isinstance(frame, pl.LazyFrame):
        _check_height(name, frame.select(pl.len()).collect().item())
        frame = frame.collect()
    elif hasattr(frame, "count_rows"):  # a pyarrow dataset
        _check_height(name, frame.count_rows())
        frame = frame.to_table()
    _check_height(name, len(frame))
    sheet = Sheet(name, dict(_unique(_columns(frame))))
    if len(sheet.columns) > MAX_COLUMNS:
        raise ValueError(f"{name} has {len(sheet.columns):,} columns, a sheet of Excel holds {MAX_COLUMNS:,}")
    _check_texts(sheet)
    return sheet


def write(path: Path, sheets: Iterable[Sheet]) -> None:
    """Write a workbook; where it was, it is replaced.

    Raises:
        ModuleNotFoundError: xlsxwriter isn't installed.
    """
    workbook = _workbook_class()(str(path), {"constant_memory": True, "in_memory": False})
    try:
        styles = _Styles(workbook)
        for sheet in sheets:
            _write_sheet(workbook.add_worksheet(sheet.name), sheet, styles)
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


def _columns(frame: Any) -> Iterator[tuple[str, Sequence[Any]]]:
    if isinstance(frame, pl.DataFrame):
        yield from ((series.name, series.to_list()) for series in frame.iter_columns())
    elif hasattr(frame, "column_names"):  # a pyarrow table
        yield from ((name, frame.column(i).to_pylist()) for i, name in enumerate(frame.column_names))
    else:  # pandas, which only its own room imports
        index = frame.index
        # A row count stays one when rows are left out of it, whatever type it then has.
        if not (index.nlevels == 1 and index.name is None and index.dtype.kind == "i"):
            names = [
                n if n is not None else ("index" if index.nlevels == 1 else f"level_{i}")
                for i, n in enumerate(index.names)
            ]
            levels = (index.get_level_values(level) for level in range(index.nlevels))
            yield from ((str(name), _values(level)) for name, level in zip(names, levels, strict=True))
        for position, label in enumerate(frame.columns):
            yield str(label), _values(frame.iloc[:, position])


def _values(column: Any) -> list[Any]:
    nulls = column.isna()
    return [None if is_null is True else value for value, is_null in zip(column.tolist(), nulls.tolist(), strict=True)]


def _unique(columns: Iterable[tuple[str, Sequence[Any]]]) -> Iterator[tuple[str, Sequence[Any]]]:
    """Columns under names that differ, as a header may hold the same one twice."""
    seen: set[str] = set()
    for name, values in columns:
        free, n = name, 2
        while free in seen:
            free, n = f"{name} ({n})", n + 1
        seen.add(free)
        yield free, values


def _check_height(name: str, n_rows: int) -> None:
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
        self._made: dict[str, Any] = {}
        self.head = workbook.add_format({"bold": True, "bottom": 1})

    def number(self, pattern: str) -> Any:
        if pattern not in self._made:
            self._made[pattern] = self._workbook.add_format({"num_format": pattern})
        return self._made[pattern]


def _write_sheet(worksheet: Any, sheet: Sheet, styles: _Styles) -> None:
    worksheet.freeze_panes(1, 0)
    for number, (name, values) in enumerate(sheet.columns.items()):
        texts = (str(value).split("\n", 1)[0] for value in [name, *values[:_LOOKED_AT]] if value is not None)
        worksheet.set_column(number, number, min(max(*_WIDTHS[:1], *(len(text) + 2 for text in texts)), _WIDTHS[1]))
    for number, name in enumerate(sheet.columns):
        worksheet.write_string(0, number, name[:MAX_TEXT], styles.head)
    # Row by row, as constant_memory wants it.
    for n, row in enumerate(zip(*sheet.columns.values(), strict=True), start=1):
        for number, value in enumerate(row):
            if value is not None:
                _write(worksheet, n, number, value, styles)
    if sheet.columns:
        worksheet.autofilter(0, 0, sheet.height, len(sheet.columns) - 1)


def _write(worksheet: Any, row: int, column: int, value: Any, styles: _Styles) -> None:
    """One cell. Never `worksheet.write`, which would take `=...` for a formula and `http...` for a link."""
    match value:
        case bool():
            worksheet.write_boolean(row, column, value)
        case int() if abs(value) < _MAX_WHOLE:
            worksheet.write_number(row, column, value)
        case float() if math.isnan(value):
            pass
        case float() if math.isfinite(value):
            worksheet.write_number(row, column, value)
        case Decimal() if value.is_finite() and len(value.normalize().as_tuple().digits) <= 15:
            worksheet.write_number(row, column, float(value))
        case datetime() if value.date() >= _FIRST_DAY:
            worksheet.write_datetime(row, column, value.replace(tzinfo=None), styles.number(_pattern(value)))
        case date() if not isinstance(value, datetime) and value >= _FIRST_DAY:
            worksheet.write_datetime(row, column, value, styles.number("yyyy-mm-dd"))
        case time():
            worksheet.write_datetime(row, column, value.replace(tzinfo=None), styles.number("hh:mm:ss"))
        case _:
            worksheet.write_string(row, column, _text(value))


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
