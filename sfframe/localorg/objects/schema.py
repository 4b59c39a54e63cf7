"""A describe answer as values: what the org itself reads of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

TEXT_TYPES = frozenset(
    {
        "string",
        "textarea",
        "email",
        "phone",
        "url",
        "picklist",
        "multipicklist",
        "combobox",
        "encryptedstring",
        "anyType",
        "DataCategoryGroupReference",
        "json",
        "complexvalue",
    }
)
NUMBER_TYPES = frozenset({"double", "currency", "percent"})
ID_TYPES = frozenset({"id", "reference"})
_SQL_TYPES = {
    "boolean": "BOOLEAN",
    "int": "INTEGER",
    "long": "BIGINT",
    "date": "DATE",
    "datetime": "TIMESTAMP_MS",
    "time": "TIME",
    **dict.fromkeys(NUMBER_TYPES, "DOUBLE"),
}
XSD_TYPES = {
    "boolean": "xsd:boolean",
    "int": "xsd:int",
    "long": "xsd:long",
    "date": "xsd:date",
    "datetime": "xsd:dateTime",
    "time": "xsd:time",
    **dict.fromkeys(NUMBER_TYPES, "xsd:double"),
}


@dataclass(frozen=True, slots=True)
class Field:
    """What a save looks at; `default` is the value that an insert without the field gets."""

    name: str
    label: str
    type: str
    length: int
    precision: int
    scale: int
    digits: int
    nillable: bool
    createable: bool
    updateable: bool
    defaulted_on_create: bool
    default: Any
    external_id: bool
    id_lookup: bool
    unique: bool
    case_sensitive: bool
    reference_to: tuple[str, ...]
    cascade_delete: bool
    restricted_delete: bool
    relationship_name: str | None
    picklist: tuple[str, ...]
    restricted: bool
    auto_number: bool
    custom: bool
    part_of: str | None
    is_stored: bool
    filterable: bool
    sortable: bool
    groupable: bool
    aggregatable: bool

    @property
    def is_text(self) -> bool:
        return self.type in TEXT_TYPES

    @property
    def is_required(self) -> bool:
        return self.createable and not self.nillable and not self.defaulted_on_create and self.type != "boolean"

    @property
    def is_key(self) -> bool:
        return self.external_id or self.id_lookup or self.type == "id"

    @property
    def sql_type(self) -> str:
        return _SQL_TYPES.get(self.type, "VARCHAR")

    @classmethod
    def from_describe(cls, answer: Mapping[str, Any]) -> Field:
        values = [value for value in answer.get("picklistValues") or () if value.get("active", True)]
        default = answer.get("defaultValue")
        if default is None:
            default = next((value["value"] for value in values if value.get("defaultValue")), None)
        kind = answer["type"]
        soap_type = answer.get("soapType") or ""
        return cls(
            name=answer["name"],
            label=answer.get("label") or answer["name"],
            type=kind,
            length=answer.get("length") or 0,
            precision=answer.get("precision") or 0,
            scale=answer.get("scale") or 0,
            digits=answer.get("digits") or 0,
            nillable=answer.get("nillable", True),
            createable=answer.get("createable", True),
            updateable=answer.get("updateable", True),
            defaulted_on_create=answer.get("defaultedOnCreate", False),
            default=default,
            external_id=answer.get("externalId", False),
            id_lookup=answer.get("idLookup", False),
            unique=answer.get("unique", False),
            case_sensitive=answer.get("caseSensitive", False),
            reference_to=tuple(answer.get("referenceTo") or ()),
            cascade_delete=answer.get("cascadeDelete", False),
            restricted_delete=answer.get("restrictedDelete", False),
            relationship_name=answer.get("relationshipName"),
            picklist=tuple(value["value"] for value in values),
            restricted=answer.get("restrictedPicklist", False),
            auto_number=answer.get("autoNumber", False),
            custom=answer.get("custom", False),
            part_of=answer.get("compoundFieldName"),
            is_stored=not (kind in ("address", "location", "base64") or soap_type.startswith("urn:")),
            filterable=answer.get("filterable", True),
            sortable=answer.get("sortable", True),
            groupable=answer.get("groupable", True),
            aggregatable=answer.get("aggregatable", True),
        )


_NEEDED = {"insert": ("createable",), "update": ("updateable",), "upsert": ("createable", "updateable")}


@dataclass(frozen=True, eq=False)  # the answer is a dict, which has no hash; columns that name an object need one
class SObject:
    """One object of the org: its describe answer, when it was last changed, and its fields by lower-case name."""

    answer: Mapping[str, Any]
    modified: datetime

    @property
    def name(self) -> str:
        return str(self.answer["name"])

    @property
    def key_prefix(self) -> str:
        return str(self.answer["keyPrefix"])

    @property
    def basics(self) -> dict[str, Any]:
        """What the list of objects tells of it: everything but its fields and other lists."""
        return {key: value for key, value in self.answer.items() if not isinstance(value, list)}

    @cached_property
    def fields(self) -> dict[str, Field]:
        fields = (Field.from_describe(answer) for answer in self.answer["fields"])
        return {field.name.lower(): field for field in fields}

    @cached_property
    def stored(self) -> tuple[Field, ...]:
        return tuple(field for field in self.fields.values() if field.is_stored)

    @cached_property
    def name_field(self) -> Field | None:
        """The field that a record is called by."""
        named = next((answer["name"] for answer in self.answer["fields"] if answer.get("nameField")), "")
        return self.field(named)

    @cached_property
    def name_parts(self) -> tuple[Field, ...]:
        """The fields that a person's Name is composed of, in their order; empty for everything else."""
        name = self.fields.get("name")
        if name is None or name.createable:
            return ()
        parts = (self.fields.get(part) for part in ("firstname", "middlename", "lastname", "suffix"))
        return tuple(part for part in parts if part is not None and part.part_of in ("Name", None))

    def takes(self, operation: str) -> bool:
        """Whether records may be made, changed or deleted at all; the operation is one of a job's."""
        needed = _NEEDED.get(operation, ("deletable",))
        return all(self.answer.get(attribute, True) for attribute in needed)

    def field(self, name: str) -> Field | None:
        return self.fields.get(name.lower())

    def relationship(self, name: str) -> Field | None:
        """The lookup that a relationship name belongs to: `Account` -> AccountId."""
        fields = (field for field in self.stored if field.reference_to and field.relationship_name)
        return next((field for field in fields if str(field.relationship_name).lower() == name.lower()), None)


def read_describe(source: str | Path | Mapping[str, Any]) -> dict[str, Any]:
    """A describe answer from a file or a dict.

    Raises:
        ValueError: It isn't the describe answer of one object with a key prefix.
    """
    where = "a dict" if isinstance(source, Mapping) else str(source)
    try:
        answer = source if isinstance(source, Mapping) else json.loads(Path(source).read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"no JSON in UTF-8: {where}: {error}") from None
    if not isinstance(answer, Mapping) or not {"name", "fields"} <= answer.keys():
        raise ValueError(f"not a describe answer with name and fields: {where}")
    if not isinstance(answer["fields"], list) or not all(_has_name_and_type(field) for field in answer["fields"]):
        raise ValueError(f"not a describe answer, for some fields have no name or no type: {where}")
    if not any(field["name"] == "Id" for field in answer["fields"]):
        raise ValueError(f"the describe answer of {answer['name']} has no Id field")
    named = {"label": answer["name"], "labelPlural": answer["name"], "custom": answer["name"].endswith("__c")}
    base = f"/services/data/v{{version}}/sobjects/{answer['name']}"
    urls = answer.get("urls") or {"sobject": base, "describe": f"{base}/describe", "rowTemplate": f"{base}/{{ID}}"}
    return {**named, **answer, "urls": urls}


def _has_name_and_type(field: object) -> bool:
    return isinstance(field, Mapping) and isinstance(field.get("name"), str) and isinstance(field.get("type"), str)
