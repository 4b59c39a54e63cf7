"""The org's describe of Contact, with the fields of the benchmark's rows and no others."""

from __future__ import annotations

from typing import Any

_TRUE = "aggregatable createable filterable groupable nillable sortable updateable"
_FALSE = (
    "autoNumber calculated caseSensitive custom defaultedOnCreate dependentPicklist externalId idLookup"
    " polymorphicForeignKey restrictedPicklist unique"
)
_ZERO = "byteLength digits length precision scale"
_NULL = "compoundFieldName controllerName defaultValue relationshipName"
_FIELD: dict[str, Any] = (
    dict.fromkeys(_TRUE.split(), True)
    | dict.fromkeys(_FALSE.split(), False)
    | dict.fromkeys(_ZERO.split(), 0)
    | dict.fromkeys(_NULL.split())
    | {"picklistValues": [], "referenceTo": []}
)


def _field(name: str, kind: str, soap_type: str, **others: Any) -> dict[str, Any]:
    same = {"name": name, "label": name, "type": kind, "soapType": soap_type, "custom": name.endswith("__c")}
    return _FIELD | same | others


def _text(name: str, length: int, kind: str = "string", **others: Any) -> dict[str, Any]:
    return _field(name, kind, "xsd:string", length=length, byteLength=3 * length, **others)


def _record_id() -> dict[str, Any]:
    fixed = dict.fromkeys(["nillable", "createable", "updateable"], False)
    return _field("Id", "id", "tns:ID", length=18, byteLength=18, idLookup=True, defaultedOnCreate=True, **fixed)


FIELDS = [
    _record_id(),
    _text("ExternalId__c", 40, externalId=True, unique=True, idLookup=True),
    _text("FirstName", 40),
    _text("LastName", 80, nillable=False),
    _text("Email", 80, "email", idLookup=True),
    _text("Description", 32_000, "textarea", filterable=False, sortable=False, groupable=False),
    _field("Birthdate", "date", "xsd:date"),
    _field("LastVisit__c", "datetime", "xsd:dateTime"),
    _field("Score__c", "double", "xsd:double", precision=18, scale=2),
    _field("Visits__c", "double", "xsd:double", precision=18, scale=0),
    _field("DoNotCall", "boolean", "xsd:boolean", nillable=False, defaultedOnCreate=True),
]

_ABLE = "createable updateable deletable queryable retrieveable undeletable mergeable searchable replicateable"

CONTACT: dict[str, Any] = {
    "name": "Contact",
    "label": "Contact",
    "labelPlural": "Contacts",
    "keyPrefix": "003",
    "custom": False,
    "fields": FIELDS,
    "childRelationships": [],
    "recordTypeInfos": [],
    "urls": {},
} | dict.fromkeys(_ABLE.split(), True)
