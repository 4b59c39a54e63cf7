"""Which fields of an object a frame may fill, and what each of them takes: read from a describe answer."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

Operation = Literal["insert", "update", "upsert", "delete", "hard_delete"]
# What a value is, whatever its field is called by the org.
Kind = Literal["text", "email", "picklist", "multi", "boolean", "whole", "number", "date", "datetime", "time", "id"]

OPERATIONS: Final = ("insert", "update", "upsert", "delete", "hard_delete")
_KINDS: Final[dict[str, Kind]] = {
    "string": "text", "textarea": "text", "phone": "text", "url": "text", "encryptedstring": "text",
    "combobox": "picklist", "picklist": "picklist", "multipicklist": "multi", "email": "email",
    "boolean": "boolean", "int": "whole", "long": "whole", "double": "number", "currency": "number",
    "percent": "number", "date": "date", "datetime": "datetime", "time": "time", "id": "id", "reference": "id",
}  # fmt: skip
# A double holds so many decimal digits of any number; with more a value wouldn't come back as it was sent.
_SAFE_DIGITS: Final = 15


@dataclass(frozen=True, kw_only=True)
class Field:
    """A field that a frame may have a column for.

    Attributes:
        name: The API name.
        kind: What its values are.
        type: The type by describe.
        has_gaps: A row may be without a value, and then has none in the org either.
        length: UTF-16 units of a text at most.
        whole_digits: Digits before the point at most.
        scale: Digits after the point at most.
        bits: Of a whole number.
        values: Of a picklist, in the org's order.
        is_restricted: There are no other values.
        is_unique: No two rows may have the same value.
        folds_case: For that, case makes no difference.
        is_required: An insert isn't taken without it.
    """

    name: str
    kind: Kind
    type: str
    has_gaps: bool = True
    length: int = 0
    whole_digits: int = _SAFE_DIGITS
    scale: int = 0
    bits: int = 32
    values: tuple[str, ...] = ()
    is_restricted: bool = False
    is_unique: bool = False
    folds_case: bool = True
    is_required: bool = False

    def identity(self, value: Any) -> Hashable:
        """Two rows may both be there if this differs. Wider than any org's rule: what may be the same, is."""
        if value is None:
            return object()
        if not isinstance(value, str):
            return value  # type: ignore[no-any-return]  # values of rows that are no text are numbers or moments
        if self.kind == "id":
            return value[:15]
        plain = unicodedata.normalize("NFKC", value)
        return plain.casefold().upper().casefold() if self.folds_case else plain


@dataclass(frozen=True)
class Wanted:
    """The fields of one operation.

    Attributes:
        sobject: The object's name.
        operation: What is to be done with the rows.
        key: The field that names a row's record.
        prefix: That its ids begin with.
        needed: Fields without which no row is taken.
        free: Fields that may be left out.
        read_only: Names of fields that the operation doesn't take.
    """

    sobject: str
    operation: Operation
    key: str | None
    prefix: str
    needed: tuple[Field, ...]
    free: tuple[Field, ...]
    read_only: tuple[str, ...]


def wanted_fields(
    answer: Mapping[str, Any], operation: Operation, key: str | None, own: Mapping[str, object]
) -> Wanted:
    """The fields of an operation.

    Args:
        answer: The object's describe answer.
        operation: What is to be done with the rows.
        key: The external id field of an upsert.
        own: Fields that the caller has values for; lookups are filled by these alone.

    Raises:
        ValueError: There can be no such frame; the text says why.
    """
    described = {field["name"].lower(): field for field in answer["fields"]}
    if unknown := [name for name in own if name.lower() not in described]:
        raise ValueError(f"{answer['name']} has no field {', '.join(unknown)}")
    own_names = {name.lower() for name in own}
    key_name = _key_name(answer, described, operation, key)
    can_write = _WRITABLE[operation]
    needed: list[Field] = []
    free: list[Field] = []
    for name, raw in described.items():
        if name == key_name:
            needed.append(_key(raw))
        elif _is_written(raw, can_write):
            field = _field(raw)
            is_required = operation in ("insert", "upsert") and _is_required(raw)
            if field is not None and (name in own_names or _can_be_made_up(field)):
                (needed if is_required or name in own_names else free).append(field)
            elif is_required:
                raise ValueError(
                    f"{answer['name']}.{raw['name']} is required, but nothing is known that it takes: "
                    f"give values={{{raw['name']!r}: ...}}"
                )
    if stray := [name for name in own if name.lower() not in {field.name.lower() for field in (*needed, *free)}]:
        raise ValueError(f"{operation} takes no {', '.join(stray)}")
    taken = {field.name for field in (*needed, *free)}
    locked = (raw for raw in described.values() if not can_write(raw) and not _is_compound(raw) and raw["name"] != "Id")
    read_only = tuple(raw["name"] for raw in locked if raw["name"] not in taken and operation in ("insert", "update"))
    prefix = answer.get("keyPrefix") or "a00"
    key_field = None if key_name is None else str(described[key_name]["name"])
    return Wanted(answer["name"], operation, key_field, prefix, tuple(needed), tuple(free), read_only)


_WRITABLE: Final[Mapping[str, Callable[[Mapping[str, Any]], bool]]] = {
    "insert": lambda raw: bool(raw.get("createable", True)),
    "update": lambda raw: bool(raw.get("updateable", True)),
    # Nobody knows which of them a row will be.
    "upsert": lambda raw: bool(raw.get("createable", True) and raw.get("updateable", True)),
    "delete": lambda raw: False,
    "hard_delete": lambda raw: False,
}


def _key_name(
    answer: Mapping[str, Any], described: Mapping[str, Mapping[str, Any]], operation: str, key: str | None
) -> str | None:
    if operation not in OPERATIONS:
        raise ValueError(f"no operation {operation!r}; known are {', '.join(OPERATIONS)}")
    if operation == "insert":
        return None
    if operation != "upsert":
        return "id"
    found = described.get((key or "").lower())
    if found is None or not (found.get("externalId") or found.get("idLookup")):
        keys = [raw["name"] for raw in described.values() if raw.get("externalId") or raw.get("idLookup")]
        raise ValueError(f"upsert needs external_id_field, one of {', '.join(keys)}; not {key!r}")
    return str(found["name"]).lower()


def _is_written(raw: Mapping[str, Any], can_write: Callable[[Mapping[str, Any]], bool]) -> bool:
    return can_write(raw) and raw["type"] in _KINDS and raw["name"] != "Id" and not _is_compound(raw)


def _is_compound(raw: Mapping[str, Any]) -> bool:
    return str(raw.get("soapType") or "").startswith("urn:")


def _is_required(raw: Mapping[str, Any]) -> bool:
    return not raw.get("nillable", True) and not raw.get("defaultedOnCreate") and raw["type"] != "boolean"


def _can_be_made_up(field: Field) -> bool:
    return field.kind != "id" and not (field.is_restricted and not field.values)


def _key(raw: Mapping[str, Any]) -> Field:
    field = _field(raw)
    if field is None:
        raise ValueError(f"{raw['name']} is of type {raw['type']}, for which no keys can be made up")
    known = {name: getattr(field, name) for name in Field.__dataclass_fields__}
    return Field(**{**known, "has_gaps": False, "is_unique": True})


def _field(raw: Mapping[str, Any]) -> Field | None:
    kind = _KINDS.get(raw["type"])
    if kind is None:
        return None
    active = [value for value in raw.get("picklistValues") or () if value.get("active", True)]
    values = tuple(str(value["value"]) for value in active)
    if kind == "picklist" and not values and not raw.get("restrictedPicklist"):
        kind = "text"
    has_default = raw.get("defaultedOnCreate") or raw.get("defaultValue") is not None or any(
        value.get("defaultValue") for value in active
    )  # fmt: skip
    return Field(
        name=raw["name"],
        kind=kind,
        type=raw["type"],
        has_gaps=bool(raw.get("nillable", True)) and not has_default and kind != "boolean",
        length=raw.get("length") or 255,
        whole_digits=_whole_digits(raw, kind),
        scale=raw.get("scale") or 0,
        bits=64 if raw["type"] == "long" else 32,
        values=values,
        is_restricted=bool(raw.get("restrictedPicklist")),
        is_unique=bool(raw.get("unique")),
        folds_case=not raw.get("caseSensitive"),
        is_required=bool(raw.get("createable", True)) and _is_required(raw),
    )


def _whole_digits(raw: Mapping[str, Any], kind: Kind) -> int:
    if kind == "whole":
        return int(raw.get("digits") or 18)
    precision, scale = raw.get("precision") or 18, raw.get("scale") or 0
    return int(precision - scale)
