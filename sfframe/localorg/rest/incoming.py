"""Records in JSON as the cells that a save takes (REST guide: Create, Update, Upsert a record)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pyarrow as pa

from sfframe.localorg.objects.schema import NUMBER_TYPES, Field, SObject
from sfframe.localorg.saving.cells import JSON_ERROR, not_writeable_text
from sfframe.localorg.saving.header import ROW, Column, FindObject, cell
from sfframe.localorg.wire import Refusal

_WHOLE = frozenset({"int", "long"})
_TOKENS = {bool: "VALUE_{0}", int: "VALUE_NUMBER_INT", Decimal: "VALUE_NUMBER_FLOAT", str: "VALUE_STRING"}


@dataclass(frozen=True, slots=True)
class Incoming:
    """A record as it came: which fields it sets, and to what; "" empties a field."""

    columns: tuple[Column, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the records of one request.

    Attributes:
        find: Gives an object by its API name.
        body: The request's text; errors tell where in it they are.
    """

    find: FindObject
    body: str

    def record(self, record: Mapping[str, Any], sobject: SObject) -> Incoming:
        """The members of a record as cells.

        Raises:
            Refusal: A member is no field, or holds another kind of value; the whole request is refused then.
        """
        pairs = [self._member(name, value, sobject) for name, value in record.items() if name != "attributes"]
        seen: dict[str, Column] = {}
        for column, _ in pairs:
            other = seen.setdefault(column.field.name, column)
            if other is not column:
                raise _named_twice(column.field)
        return Incoming(tuple(column for column, _ in pairs), tuple(text for _, text in pairs))

    def _member(self, name: str, value: Any, sobject: SObject) -> tuple[Column, str]:
        field = sobject.field(name)
        if field is not None and field.is_stored:
            return Column(0, field.name, field), self._text(name, value, field)
        if field is not None:
            # A compound field, or one whose content goes elsewhere.
            raise Refusal(400, "INVALID_FIELD_FOR_INSERT_UPDATE", not_writeable_text(field.name), [field.name])
        return self._lookup(name, value, sobject)

    def _lookup(self, name: str, value: Any, sobject: SObject) -> tuple[Column, str]:
        """`{"Account": {"ExternalId__c": "x"}}` names the parent by a key of its own."""
        field = sobject.relationship(name)
        if field is None:
            raise no_such_column(name, sobject)
        if value is None:
            return Column(0, field.name, field), ""
        if not isinstance(value, Mapping):
            raise self._wrong_type(name, value, "reference")
        parent = self._parent(field, value)
        keys = [(key, text) for key, text in value.items() if key not in ("attributes", "type")]
        if len(keys) != 1:
            text = f"The relationship {name} takes one external ID field of {parent.name}"
            raise Refusal(400, "INVALID_FIELD", text, [name])
        (key, text), target = keys[0], parent.field(keys[0][0])
        if target is None:
            raise no_such_column(key, parent)
        if not target.is_key:
            raise Refusal(400, "INVALID_FIELD", not_a_key(key, parent), [name])
        header = f"{parent.name}:{field.relationship_name}.{target.name}"
        return Column(0, header, field, parent, target), self._text(key, text, target)

    def _parent(self, field: Field, value: Mapping[str, Any]) -> SObject:
        attributes = value.get("attributes")
        wanted = attributes.get("type") if isinstance(attributes, Mapping) else value.get("type")
        if wanted is None and len(field.reference_to) == 1:
            wanted = field.reference_to[0]
        if not isinstance(wanted, str):
            text = f"The relationship {field.relationship_name} is polymorphic: its type belongs into attributes"
            raise Refusal(400, "INVALID_FIELD", text, [field.name])
        known = {target.lower() for target in field.reference_to}
        parent = self.find(wanted) if wanted.lower() in known else None
        if parent is None:
            raise unsupported(wanted)
        return parent

    def _text(self, name: str, value: Any, field: Field) -> str:
        if value is None:
            return ""
        if isinstance(value, str):
            # Halves of a pair that stand alone are no text; Java writes them so too.
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        fits = field.is_text
        if isinstance(value, bool):
            fits |= field.type == "boolean"
            value_text = str(value).lower()
        elif isinstance(value, int | Decimal):
            fits |= field.type in NUMBER_TYPES or (field.type in _WHOLE and isinstance(value, int))
            value_text = str(value)
        if isinstance(value, Mapping | list) or not fits:
            raise self._wrong_type(name, value, field.type)
        return value_text

    def _wrong_type(self, name: str, value: Any, kind: str) -> Refusal:
        tail = f" value {value} or request may be missing a required field"
        if isinstance(value, Mapping | list):
            token, tail = ("START_OBJECT", " value {") if isinstance(value, Mapping) else ("START_ARRAY", " value [")
        elif isinstance(value, bool):
            token, tail = f"VALUE_{value}".upper(), tail.lower()
        else:
            token = _TOKENS.get(type(value), "VALUE_STRING")
        return self.parser_error(f"Cannot deserialize instance of {kind} from {token}{tail}", name)

    def parser_error(self, text: str, name: str) -> Refusal:
        """A JSON_PARSER_ERROR that tells where the member is."""
        found = re.search(rf'"{re.escape(name)}"\s*:\s*', self.body, re.IGNORECASE)
        before = self.body[: found.end()] if found else ""
        line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
        return Refusal(400, JSON_ERROR, f"{text} at [line:{line}, column:{column}]")


def same_columns(records: Sequence[Incoming]) -> bool:
    """Whether each field is filled in one way only, so that the records can be saved together."""
    ways: dict[str, str] = {}
    return all(
        not text or ways.setdefault(column.field.name, column.header) == column.header
        for record in records
        for column, text in zip(record.columns, record.texts, strict=True)
    )


def as_rows(records: Sequence[Incoming]) -> tuple[tuple[Column, ...], pa.Table]:
    """The columns that the records have together, and their cells with row numbers."""
    ways: dict[str, Column] = {}
    for record in records:
        for column, text in zip(record.columns, record.texts, strict=True):
            # One that is emptied goes by the name under which others fill it.
            if text or column.field.name not in ways:
                ways[column.field.name] = column
    columns = tuple(replace(column, index=index) for index, column in enumerate(ways.values()))
    found = [dict(zip((c.field.name for c in record.columns), record.texts, strict=True)) for record in records]
    cells = {cell(c.index): pa.array([texts.get(c.field.name) for texts in found], pa.string()) for c in columns}
    return columns, pa.table({**cells, ROW: pa.array(range(len(records)), pa.int64())})


def texts(records: Sequence[Incoming], name: str | None) -> list[str]:
    """What records give a field of their own, those that don't name it left out."""
    return [
        text
        for record in records
        for column, text in zip(record.columns, record.texts, strict=True)
        if column.field.name == name and column.parent is None
    ]


def no_such_column(name: str, sobject: SObject) -> Refusal:
    return Refusal(400, "INVALID_FIELD", f"No such column '{name}' on sobject of type {sobject.name}")


def not_a_key(name: str, sobject: SObject) -> str:
    return f"Field name provided, {name} does not match an External ID for {sobject.name}"


def unsupported(name: str) -> Refusal:
    return Refusal(
        400,
        "INVALID_TYPE",
        f"sObject type '{name}' is not supported. If you are attempting to use a custom object, be sure to append the"
        " '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names.",
    )


def _named_twice(field: Field) -> Refusal:
    text = f"Cannot specify both an external ID reference {field.relationship_name} and a salesforce id, {field.name}"
    return Refusal(400, "INVALID_FIELD", text, [field.name])
