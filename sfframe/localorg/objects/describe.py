"""Short object definitions, written out as the describe answers of a real org (wire notes, 7.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FieldSpec = str | Mapping[str, Any]

_SOAP_TYPES = {
    "id": "tns:ID",
    "reference": "tns:ID",
    "boolean": "xsd:boolean",
    "int": "xsd:int",
    "long": "xsd:long",
    "double": "xsd:double",
    "currency": "xsd:double",
    "percent": "xsd:double",
    "date": "xsd:date",
    "datetime": "xsd:dateTime",
    "time": "xsd:time",
    "address": "urn:address",
    "location": "urn:location",
    "base64": "xsd:base64Binary",
}
_LENGTHS = {
    "id": 18,
    "reference": 18,
    "string": 255,
    "picklist": 255,
    "combobox": 255,
    "multipicklist": 4099,
    "textarea": 32000,
    "email": 80,
    "phone": 40,
    "url": 255,
    "encryptedstring": 175,
}
_NUMBERS = {"double": (18, 6), "currency": (18, 2), "percent": (18, 2)}
_DIGITS = {"int": 9, "long": 18}
_LONG_TEXT = 255
_NOT_FILTERED = frozenset({"longtext", "base64", "encryptedstring"})
_NOT_AGGREGATED = _NOT_FILTERED | {"boolean", "time", "address", "location", "multipicklist"}
_NOT_GROUPED = (_NOT_AGGREGATED - {"boolean"}) | {"datetime", "double", "currency", "percent", "combobox"}
_KNOWN_TYPES = _SOAP_TYPES.keys() | _LENGTHS.keys()

_FIELD: dict[str, Any] = {
    "aggregatable": True,
    "aiPredictionField": False,
    "autoNumber": False,
    "byteLength": 0,
    "calculated": False,
    "calculatedFormula": None,
    "cascadeDelete": False,
    "caseSensitive": False,
    "compoundFieldName": None,
    "controllerName": None,
    "createable": True,
    "custom": False,
    "defaultValue": None,
    "defaultValueFormula": None,
    "defaultedOnCreate": False,
    "dependentPicklist": False,
    "deprecatedAndHidden": False,
    "digits": 0,
    "displayLocationInDecimal": False,
    "encrypted": False,
    "externalId": False,
    "extraTypeInfo": None,
    "filterable": True,
    "filteredLookupInfo": None,
    "formulaTreatNullNumberAsZero": False,
    "groupable": True,
    "highScaleNumber": False,
    "htmlFormatted": False,
    "idLookup": False,
    "inlineHelpText": None,
    "label": "",
    "length": 0,
    "mask": None,
    "maskType": None,
    "name": "",
    "nameField": False,
    "namePointing": False,
    "nillable": True,
    "permissionable": True,
    "picklistValues": [],
    "polymorphicForeignKey": False,
    "precision": 0,
    "queryByDistance": False,
    "referenceTargetField": None,
    "referenceTo": [],
    "relationshipName": None,
    "relationshipOrder": None,
    "restrictedDelete": False,
    "restrictedPicklist": False,
    "scale": 0,
    "searchPrefilterable": False,
    "soapType": "xsd:string",
    "sortable": True,
    "type": "string",
    "unique": False,
    "updateable": True,
    "writeRequiresMasterRead": False,
}

READ_ONLY: dict[str, Any] = {"createable": False, "updateable": False, "permissionable": False}
_STAMP = {**READ_ONLY, "nillable": False, "defaultedOnCreate": True}
_BY_USER = {"type": "reference", "referenceTo": ["User"], **_STAMP}

HEAD: dict[str, FieldSpec] = {
    "Id": {"type": "id", "idLookup": True, **_STAMP},
    "IsDeleted": {"type": "boolean", "defaultValue": False, **_STAMP},
}
TAIL: dict[str, FieldSpec] = {
    "CreatedDate": {"type": "datetime", **_STAMP},
    "CreatedById": {**_BY_USER, "relationshipName": "CreatedBy"},
    "LastModifiedDate": {"type": "datetime", **_STAMP},
    "LastModifiedById": {**_BY_USER, "relationshipName": "LastModifiedBy"},
    "SystemModstamp": {"type": "datetime", **_STAMP},
}


# Records that are given no name go by their id.
_NAME: dict[str, Any] = {"nameField": True, "length": 80, "idLookup": True, "defaultedOnCreate": True}


def owner(*targets: str) -> dict[str, Any]:
    return {
        "type": "reference",
        "label": "Owner ID",
        "referenceTo": list(targets),
        "relationshipName": "Owner",
        "nillable": False,
        "defaultedOnCreate": True,
        "permissionable": False,
    }


def describe_field(name: str, spec: FieldSpec) -> dict[str, Any]:
    """One field of a describe answer.

    Args:
        name: The API name.
        spec: A type, or describe attributes that differ from the type's usual ones. `values` is short for
            `picklistValues`: the values as text, the first one being no default.

    Raises:
        ValueError: The type or an attribute is unknown.
    """
    given = {"type": spec} if isinstance(spec, str) else dict(spec)
    values = given.pop("values", None)
    kind = given.setdefault("type", "string")
    if kind not in _KNOWN_TYPES:
        raise ValueError(f"field {name!r}: unknown type {kind!r}; known are {', '.join(sorted(_KNOWN_TYPES))}")
    if unknown := given.keys() - _FIELD.keys():
        raise ValueError(f"field {name!r}: unknown describe attributes {', '.join(sorted(unknown))}")
    custom = name.endswith("__c")
    field = {**_FIELD, "name": name, "label": _label(name, kind), "custom": custom, **_of_type(name, kind)}
    field |= _uses(kind, {**field, **given})
    field |= given
    if values is not None:
        field["picklistValues"] = [_picklist_value(value) for value in values]
    elif all(isinstance(value, str) for value in field["picklistValues"]):
        field["picklistValues"] = [_picklist_value(value) for value in field["picklistValues"]]
    if field["externalId"] or name == "Id":
        field["idLookup"] = True
    field["byteLength"] = given.get("byteLength", 18 if field["soapType"] == "tns:ID" else 3 * field["length"])
    field["polymorphicForeignKey"] = field["namePointing"] = len(field["referenceTo"]) > 1
    return field


def describe_object(
    name: str, fields: Mapping[str, FieldSpec], *, key_prefix: str, label: str | None = None
) -> dict[str, Any]:
    """A whole describe answer; the fields that every object has are added where they are missing."""
    custom = name.endswith("__c")
    specs: dict[str, FieldSpec] = {**HEAD, **fields}
    if custom and not any(spec_is_name(spec) for spec in specs.values()):
        specs = {**HEAD, "Name": _NAME, **specs}
    if custom:
        specs.setdefault("OwnerId", owner("Group", "User"))
    specs |= {key: spec for key, spec in TAIL.items() if key not in specs}
    label = label or _label(name, "")
    base = f"/services/data/v{{version}}/sobjects/{name}"
    return {
        "name": name,
        "label": label,
        "labelPlural": _plural(label),
        "keyPrefix": key_prefix,
        "custom": custom,
        "customSetting": False,
        "activateable": False,
        "createable": True,
        "updateable": True,
        "deletable": True,
        "undeletable": True,
        "mergeable": name in ("Account", "Contact", "Lead", "Case"),
        "queryable": True,
        "retrieveable": True,
        "replicateable": True,
        "searchable": True,
        "layoutable": True,
        "triggerable": True,
        "feedEnabled": False,
        "deprecatedAndHidden": False,
        "hasSubtypes": False,
        "isSubtype": False,
        "isInterface": False,
        "fields": [describe_field(field, spec) for field, spec in specs.items()],
        "childRelationships": [],
        "recordTypeInfos": [],
        "supportedScopes": [],
        "urls": {"sobject": base, "describe": f"{base}/describe", "rowTemplate": f"{base}/{{ID}}"},
    }


def spec_is_name(spec: FieldSpec) -> bool:
    return not isinstance(spec, str) and bool(spec.get("nameField"))


def _of_type(name: str, kind: str) -> dict[str, Any]:
    attributes: dict[str, Any] = {"soapType": _SOAP_TYPES.get(kind, "xsd:string")}
    attributes["length"] = _LENGTHS.get(kind, 0)
    attributes["precision"], attributes["scale"] = _NUMBERS.get(kind, (0, 0))
    attributes["digits"] = _DIGITS.get(kind, 0)
    if kind == "boolean":
        attributes |= {"nillable": False, "defaultedOnCreate": True, "defaultValue": False}
    if kind == "reference":
        attributes["relationshipName"] = _relationship(name)
    if attributes["soapType"].startswith("urn:") or kind == "base64":
        attributes |= {"createable": False, "updateable": False}
    return attributes


def _uses(kind: str, field: Mapping[str, Any]) -> dict[str, bool]:
    """What a query may do with a field of this type (SOQL notes, 3)."""
    kind = "longtext" if kind == "textarea" and field["length"] > _LONG_TEXT else kind
    return {
        "filterable": kind not in _NOT_FILTERED,
        "sortable": kind not in _NOT_FILTERED | {"multipicklist", "address", "location"},
        "groupable": kind not in _NOT_GROUPED and not field["autoNumber"],
        "aggregatable": kind not in _NOT_AGGREGATED,
    }


def _relationship(name: str) -> str | None:
    if name.endswith("__c"):
        return f"{name[:-3]}__r"
    return name[:-2] if name.endswith("Id") else None


def _picklist_value(value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return {"active": True, "defaultValue": False, "label": value.get("value"), "validFor": None, **value}
    return {"active": True, "defaultValue": False, "label": value, "validFor": None, "value": value}


def _plural(label: str) -> str:
    if label.endswith("y") and label[-2:-1] not in "aeiou":
        return f"{label[:-1]}ies"
    return f"{label}es" if label.endswith(("s", "x", "ch", "sh")) else f"{label}s"


def _label(name: str, kind: str) -> str:
    """`LastName` -> `Last Name`, `AccountId` -> `Account ID`, `Last_Visit__c` -> `Last Visit`."""
    stem = name.removesuffix("__c").replace("_", " ")
    if kind in ("id", "reference") and stem.endswith("Id"):
        stem = f"{stem[:-2]} ID"
    spaced = [
        f" {letter}" if letter.isupper() and before.islower() else letter
        for before, letter in zip(f" {stem}", stem, strict=False)
    ]
    return "".join(spaced).replace("  ", " ").strip()
