"""Causes: what is known of why rows failed, beyond the org's own words: by describe, and by the values that were sent.

Only facts. What describe doesn't show, such as validation rules, is said to be that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import polars as pl

from sfframe.field_facts import (
    article,
    listed,
    not_listed,
    not_writeable,
    prefixes_of,
    quoted,
    takes,
    wrong_in_email,
)
from sfframe.ingest.printed import utf16_length
from sfframe.ingest.request import IngestRequest
from sfframe.org.describe import Field
from sfframe.sent import Sent, SentColumn

_NAMED: Final = 3  # fields of one error that are told about
NO_PARENT_END: Final = r"(not found for field \w+ in entity \w+)"
_NO_PARENT: Final = re.compile(r"Foreign key external ID: .* not found for field (\w+) in entity (\w+)", re.DOTALL)
_TWICE: Final = re.compile(r"duplicate value found: (\w+) duplicates")
_KEY_TWICE: Final = re.compile(r"Duplicate (?:external )?id specified", re.IGNORECASE)
_SEVERAL: Final = re.compile(r"(\w+): more than one record found")
_OWN: Final = {"TOO_LONG": "STRING_TOO_LONG", "NOT_IN_PICKLIST": "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"}


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """A reason why rows failed, with one of its messages.

    Attributes:
        code, fields, message: As the org wrote them.
        row: The first row of this message; `None`: its values don't count.
        rows: Gives all rows of the kind, whatever their message.
        sent: What was sent.
        request: The call.
    """

    code: str
    fields: str
    message: str
    row: int | None
    rows: Callable[[], pl.Series]
    sent: Sent
    request: IngestRequest

    @property
    def names(self) -> list[str]:
        """The fields that the error names, or that its message does."""
        if self.code == "NOT_SENT":  # it names a column, whatever is in its name
            return [self.fields] if self.fields else []
        named = [name.strip() for name in self.fields.split(",") if name.strip()]
        found = _TWICE.search(self.message) or (_SEVERAL.match(self.message) if not named else None)
        return named or ([found[1]] if found else [])

    @property
    def columns(self) -> list[SentColumn]:
        """The caller's columns that are meant."""
        if found := _NO_PARENT.search(self.message):
            return self.sent.lookups(key=found[1], parent=found[2])
        named = [column for name in self.names if (column := self.sent.column(name)) is not None]
        is_key = self.code in ("MISSING_ARGUMENT", "ENTITY_IS_DELETED") or _KEY_TWICE.search(self.message)
        key = self.sent.column(self.sent.key) if is_key and not named and self.sent.key else None
        return [*named, *filter(None, [key])]

    def field(self, name: str) -> Field | None:
        """The field of that name, or the one to which the column of that name went."""
        column = self.sent.column(name)
        if column is not None:
            return column.field
        return self.sent.sobject.field(name) if self.sent.sobject is not None else None

    def fields_named(self) -> Iterator[tuple[Field, SentColumn | None]]:
        """The fields that the error names and describe knows, and their columns."""
        for name in self.names[:_NAMED]:
            if (field := self.field(name)) is not None:
                yield field, self.sent.column(name)

    def value(self, column: SentColumn | None) -> object:
        """What the caller's frame has in the first row of the message."""
        if column is None or self.row is None:
            return None
        found = self.sent.values(column.name, [self.row])
        return found[0] if len(found) else None

    def values(self, column: SentColumn | None) -> pl.Series:
        """What it has in all rows of the reason, without gaps."""
        return self.sent.values(column.name, self.rows()).drop_nulls() if column is not None else pl.Series([])


def cause_of(case: Case) -> str | None:
    """What is known of the cause, as one sentence without a full stop; `None`: nothing beyond the org's words."""
    if case.code == "NOT_SENT":
        code = _OWN.get(case.message.partition(" ")[0])
        return _CAUSES[code](case) if code else None
    if case.code == "INVALID_FIELD" and _NO_PARENT.search(case.message):
        return _no_parent(case)
    return _CAUSES.get(case.code, _by_field)(case)


def differs_by_message(code: str, message: str) -> bool:
    """Whether the cause of such an error depends on the row's own value."""
    return code in _BY_VALUE or (code == "NOT_SENT" and _OWN.get(message.partition(" ")[0]) in _BY_VALUE)


# --- values that a field doesn't take ---------------------------------------------------------------------------------


def _joined(sentences: Sequence[str | None]) -> str | None:
    return "; ".join(filter(None, sentences)) or None


def _by_field(case: Case) -> str | None:
    return _joined([takes(field) for field, _ in case.fields_named()])


def _too_long(case: Case) -> str | None:
    sentences = []
    for field, column in case.fields_named():
        texts = case.values(column)
        if field.length and texts.dtype == pl.String and len(texts):
            longest = texts.to_frame("x").select(utf16_length(pl.col("x")).max()).item()
            sentences.append(f"{takes(field)}; the longest value sent has {longest:,}")
        elif field.length:
            sentences.append(takes(field))
    return _joined(sentences)


def _not_in_picklist(case: Case) -> str | None:
    for field, column in case.fields_named():
        if not field.picklist_values:
            continue
        bad = list(_strangers(field, case.value(column)))
        labels = column.labels if column is not None else {}
        told = [not_listed(field, value, labels) for value in bad[:_NAMED]]
        return _joined([f"{field.name} takes {listed(field.picklist_values)}", *told])
    return None


def _strangers(field: Field, value: object) -> list[str]:
    """The values of a cell, those that the picklist doesn't have; where it has all of them, these."""
    if value is None:
        return []
    items = value if isinstance(value, list | pl.Series) else str(value).split(";")
    given = [str(item) for item in items] if field.type == "multipicklist" else [str(value)]
    return [item for item in given if item not in field.picklist_values] or given


def _email(case: Case) -> str | None:
    sentences = []
    for field, column in case.fields_named():
        value = case.value(column)
        sentences += [takes(field), wrong_in_email(value) if isinstance(value, str) else None]
    return _joined(sentences)


def _number(case: Case) -> str | None:
    sentences = []
    for field, column in case.fields_named():
        values = case.values(column)
        largest = str(values.abs().max()) if values.dtype.is_numeric() and len(values) else ""
        far = f"; the one farthest from zero that was sent is {largest}" if largest else ""
        sentences.append(f"{takes(field)}{far}")
    return _joined(sentences)


def _required(case: Case) -> str | None:
    sentences = []
    for name in case.names[:_NAMED]:
        column = case.sent.column(name)
        where = "no column goes there" if column is None else "is empty in these rows"
        sentences.append(f"{name} needs a value, and {where}")
    return _joined(sentences)


def _not_writeable(case: Case) -> str | None:
    sentences = []
    for field, column in case.fields_named():
        if why := not_writeable(field, case.request.operation):
            leave = f": leave it out with columns={{{column.name!r}: None}}" if column is not None else ""
            sentences.append(f"{why}{leave}")
    return _joined(sentences)


# --- other records ----------------------------------------------------------------------------------------------------


def _reference(case: Case) -> str | None:
    prefixes = prefixes_of(case.sent.described)
    sentences = []
    for column in (case.columns or _id_columns(case))[: _NAMED + 1]:
        field = column.field
        if field is None or column.is_lookup:
            continue
        sobject = case.sent.sobject
        if field.type == "id" and sobject is not None:
            field = replace(field, reference_to=(sobject.name,))
        told = takes(field, prefixes)
        known = [prefixes[name] for name in field.reference_to if name in prefixes]
        value = case.value(column)
        if known and len(known) == len(field.reference_to) and value and str(value)[:3] not in known:
            told += f"; {quoted(value)} doesn't"
        sentences.append(told)
    return _joined(sentences)


def _id_columns(case: Case) -> list[SentColumn]:
    """The columns that hold ids: one of them is meant where the error names none."""
    return [c for c in case.sent.columns if c.field is not None and c.field.type in ("id", "reference")]


def _no_parent(case: Case) -> str | None:
    found = _NO_PARENT.search(case.message)
    assert found is not None
    key, entity = found.groups()
    n = sum(case.values(column).n_unique() for column in case.columns)
    many = f" ({n:,} different ones in these rows)" if n > 1 else ""
    return f"no {entity} has this {key}{many}: load such {article(entity)} {entity} first, then .retry()"


def _duplicate(case: Case) -> str | None:
    if _KEY_TWICE.search(case.message) and case.columns:
        column = case.columns[0]
        value = case.value(column)
        n = case.values(column).eq(value).sum() if value is not None else 0
        return f"{column.name} {quoted(value)} stands in {n:,} rows that failed: send one of them" if n > 1 else None
    unique = [field.name for field, _ in case.fields_named() if field.unique]
    return f"{', '.join(unique)} is unique: no two records may have the same value" if unique else None


def _several(case: Case) -> str | None:
    names = [field.name for field, _ in case.fields_named() if not field.unique]
    return f"{names[0]} isn't unique in the org, so several records can have the same one" if names else None


def _locked(case: Case) -> str | None:
    groups = case.request.options.group_by
    if groups:
        who = "somebody else was writing to the same record"
        return f"{who}: rows were grouped by {', '.join(groups)}, so .retry() when that is over"
    points = [c.name for c in case.sent.columns if c.is_lookup or (c.field is not None and c.field.type == "reference")]
    if not points:
        return None
    return f"rows that point to one record through {listed(points)} lock it: group_by={points[0]!r} keeps such together"


def _access(case: Case) -> str | None:
    sobject, operation = case.sent.sobject, case.request.operation
    if sobject is None:
        return None
    may = {
        "insert": sobject.createable, "update": sobject.updateable, "upsert": sobject.createable and sobject.updateable,
        "delete": sobject.deletable, "hard_delete": sobject.deletable,
    }[operation]  # fmt: skip
    word = operation.replace("_", " ")
    if not may:
        return f"describe says that this user may not {word} {sobject.name}"
    return f"describe says that this user may {word} {sobject.name}, so it is about these records"


def _always(sentence: str) -> Callable[[Case], str | None]:
    return lambda case: sentence


_BY_VALUE: Final = frozenset({"INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "INVALID_EMAIL_ADDRESS", "DUPLICATE_VALUE"})
_CAUSES: Final[Mapping[str, Callable[[Case], str | None]]] = {
    "STRING_TOO_LONG": _too_long,
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": _not_in_picklist,
    "INVALID_EMAIL_ADDRESS": _email,
    "NUMBER_OUTSIDE_VALID_RANGE": _number,
    "REQUIRED_FIELD_MISSING": _required,
    "INVALID_FIELD_FOR_INSERT_UPDATE": _not_writeable,
    "INVALID_CROSS_REFERENCE_KEY": _reference,
    "MALFORMED_ID": _reference,
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": _reference,
    "DUPLICATE_VALUE": _duplicate,
    "DUPLICATE_EXTERNAL_ID": _several,
    "UNABLE_TO_LOCK_ROW": _locked,
    "INSUFFICIENT_ACCESS_OR_READONLY": _access,
    "MISSING_ARGUMENT": _always("each row names its record, and these name none"),
    "ENTITY_IS_DELETED": _always("the record is in the recycle bin, or gone"),
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": _always("a validation rule of the org, which describe doesn't show"),
    "DUPLICATES_DETECTED": _always("a duplicate rule of the org, which describe doesn't show"),
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": _always("a trigger or flow of the org, which describe doesn't show"),
}
