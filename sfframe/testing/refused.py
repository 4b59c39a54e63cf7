"""Frames that must be refused before anything is sent: one thing is wrong with each, and it is known what."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from sfframe.testing.fields import Field, Wanted
from sfframe.testing.forms import as_text

Columns = Mapping[str, list[Any]]
# Longer text would make examples heavy.
_LONGEST: Final = 5_000
_NO_SUCH_FIELD: Final = "No_Such_Field__c"
_WRONG: Final = {
    "number": "12,5", "whole": "twelve", "boolean": "yes", "date": "31.12.2026", "datetime": "2026-12-31 noon",
    "time": "noon", "id": "no id",
}  # fmt: skip


@dataclass(frozen=True)
class Refused:
    """A frame that the object doesn't take.

        from hypothesis import given, settings
        from sfframe.testing import frames

        @settings(max_examples=5, deadline=None)
        @given(refused=frames("Contact", invalid=True))
        def test_a_bad_frame_is_refused(refused):
            problems = refused.frame.sfbulk.check("Contact", "insert")
            assert refused.code in set(problems["code"])

    Attributes:
        frame: The frame.
        column: Its column that is wrong; `None`: one is missing.
        field: The field in question; `None`: there is none.
        code: What sfframe calls this, as in `df.sfbulk.check(...)`.
        reason: The same in words.
    """

    frame: Any
    column: str | None
    field: str | None
    code: str
    reason: str


@dataclass(frozen=True)
class Spoiler:
    """One way to spoil some columns.

    Attributes:
        column, field, code, reason: See `Refused`.
        apply: From the columns and the row to spoil to the spoilt columns.
        kinds: Of the columns that hold values of another kind afterwards, or are new.
    """

    column: str | None
    field: str | None
    code: str
    reason: str
    apply: Callable[[Columns, int], dict[str, list[Any]]]
    kinds: Mapping[str, str] = dataclasses.field(default_factory=dict)


def spoilers(wanted: Wanted, fields: Sequence[Field], columns: Columns) -> list[Spoiler]:
    """All that can be done to these columns; there is at least one row."""
    return [
        *(spoiler for one in fields for spoiler in _of_cells(one)),
        *_of_keys(wanted, fields, columns),
        *_of_columns(wanted, fields),
    ]


# --- a cell -----------------------------------------------------------------------------------------------------------


def _of_cells(one: Field) -> Iterator[Spoiler]:
    if one.kind in ("text", "email") or (one.kind == "picklist" and not one.is_restricted):
        yield _cell(one, "NUL", "a NUL character", "a\0b")
        if one.length <= _LONGEST:
            yield _cell(one, "TOO_LONG", f"more than {one.length} characters", "x" * (one.length + 1))
    if one.kind == "picklist" and one.is_restricted:
        yield _cell(one, "NOT_IN_PICKLIST", "a value that the picklist doesn't have", "no such value")
    if one.kind == "multi":
        yield _cell(one, "SEPARATOR", "a list with a value that holds ';'", ("a;b",), "list")
        if one.is_restricted:
            yield _cell(one, "NOT_IN_PICKLIST", "a value that the list doesn't have", ("no such value",))
    if one.kind == "whole":
        yield _cell(one, "OUT_OF_RANGE", f"more than {one.bits} bits", 2**62 if one.bits == 32 else 2**70, "text"
                    if one.bits == 64 else None)  # fmt: skip
        yield _cell(one, "FRACTION", "a fraction", Decimal("0.5"), "float")
    if one.kind == "number":
        too_large = Decimal(10) ** one.whole_digits
        yield _cell(one, "TOO_MANY_DIGITS", f"more than {one.whole_digits} digits before the point", too_large)
        yield _cell(one, "INFINITE", "an infinite number", float("inf"), "float")
    if one.kind == "datetime":
        yield _whole_column(one, "NO_ZONE", "datetimes without a zone", "naive")
    if one.kind in _WRONG:
        yield _cell(one, "WRONG_FORM", f"text that is no {one.type}", _WRONG[one.kind], "text")


def _cell(one: Field, code: str, reason: str, value: Any, kind: str | None = None) -> Spoiler:
    def apply(columns: Columns, row: int) -> dict[str, list[Any]]:
        spoilt = [as_text(v) if kind == "text" and v is not None else v for v in columns[one.name]]
        spoilt[row] = as_text(value) if kind == "text" else value
        return {**columns, one.name: spoilt}

    return Spoiler(one.name, one.name, code, reason, apply, {one.name: kind} if kind else {})


def _whole_column(one: Field, code: str, reason: str, kind: str) -> Spoiler:
    def apply(columns: Columns, row: int) -> dict[str, list[Any]]:
        spoilt = list(columns[one.name])
        spoilt[row] = spoilt[row] or dt.datetime(2026, 1, 31, tzinfo=dt.UTC)
        return {**columns, one.name: spoilt}

    return Spoiler(one.name, one.name, code, reason, apply, {one.name: kind})


# --- keys -------------------------------------------------------------------------------------------------------------


def _of_keys(wanted: Wanted, fields: Sequence[Field], columns: Columns) -> Iterator[Spoiler]:
    for one in fields:
        if one.name != wanted.key:
            continue
        if not (wanted.operation == "upsert" and one.name == "Id"):
            yield _cell(one, "MISSING_KEY", "a row without a key", None)
        if len(columns[one.name]) > 1:
            yield _twice(one)


def _twice(one: Field) -> Spoiler:
    def apply(columns: Columns, row: int) -> dict[str, list[Any]]:
        keys = list(columns[one.name])
        keys[row] = keys[row - 1]
        return {**columns, one.name: keys}

    return Spoiler(one.name, one.name, "DUPLICATE_KEY", "the same key in two rows", apply)


# --- columns ----------------------------------------------------------------------------------------------------------


def _of_columns(wanted: Wanted, fields: Sequence[Field]) -> Iterator[Spoiler]:
    if wanted.operation not in ("delete", "hard_delete"):  # these send no other column than the Id
        yield _added(_NO_SUCH_FIELD, None, "UNKNOWN_FIELD", "the object has no such field")
    for name in wanted.read_only:
        yield _added(name, name, "NOT_WRITABLE", f"{wanted.operation} can't write this field")
    for one in fields:
        if one.name.lower() != one.name:
            yield _added(one.name.lower(), one.name, "SAME_FIELD", "two columns go into one field")
        if one.kind in ("date", "datetime", "time", "boolean", "multi"):
            yield _filled(one, "WRONG_TYPE", "floats don't go into this field", 1.5, "float")
        yield _filled(one, "NO_CSV_FORM", "bytes have no form in CSV", "x", "bytes")
        if one in wanted.needed and wanted.operation == "insert" and one.is_required and len(fields) > 1:
            yield _dropped(one)


def _added(column: str, name: str | None, code: str, reason: str) -> Spoiler:
    def apply(columns: Columns, row: int) -> dict[str, list[Any]]:
        n_rows = len(next(iter(columns.values())))
        return {**columns, column: ["x"] * n_rows}

    return Spoiler(column, name, code, reason, apply, {column: "text"})


def _filled(one: Field, code: str, reason: str, value: Any, kind: str) -> Spoiler:
    def apply(columns: Columns, row: int) -> dict[str, list[Any]]:
        return {**columns, one.name: [value] * len(columns[one.name])}

    return Spoiler(one.name, one.name, code, reason, apply, {one.name: kind})


def _dropped(one: Field) -> Spoiler:
    def apply(columns: Columns, row: int) -> dict[str, list[Any]]:
        return {name: values for name, values in columns.items() if name != one.name}

    return Spoiler(None, one.name, "REQUIRED_MISSING", "a required field has no column", apply)
