"""A record as JSON (REST guide: sObject Rows; wire notes, 6.5 tells how Bulk differs)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sfframe.localorg.objects.schema import Field, SObject
from sfframe.localorg.wire import plain

_ALWAYS = ("City", "Country", "GeocodeAccuracy", "Latitude", "Longitude", "PostalCode", "State", "Street")


def attributes(sobject: SObject, record_id: str, version: str) -> dict[str, str]:
    return {"type": sobject.name, "url": f"/services/data/v{version}/sobjects/{sobject.name}/{record_id}"}


def as_json(sobject: SObject, record: Mapping[str, Any], fields: Sequence[Field], version: str) -> dict[str, Any]:
    """A record's answer.

    Args:
        sobject: The object.
        record: All that is stored, by field name.
        fields: What is wanted, in the order of the answer.
        version: The API version that was asked.
    """
    answer: dict[str, Any] = {"attributes": attributes(sobject, record["Id"], version)}
    for field in fields:
        answer[field.name] = value_of(sobject, field, record, version)
    return answer


def value_of(sobject: SObject, field: Field, record: Mapping[str, Any], version: str) -> Any:
    if field.is_stored:
        return plain(record.get(field.name))
    if field.type == "base64":
        return f"/services/data/v{version}/sobjects/{sobject.name}/{record['Id']}/{field.name}"
    return _compound(sobject, field, record)


def _compound(sobject: SObject, field: Field, record: Mapping[str, Any]) -> dict[str, Any] | None:
    """The parts of an address or a place together; null where there are none."""
    parts = [part for part in sobject.stored if part.part_of == field.name]
    # A place has parts `Place__Latitude__s`, an address those that its own name begins with.
    stem = field.name.removesuffix("__c").removesuffix("Address")
    named = {
        part.name.removesuffix("__s").removeprefix(stem).lstrip("_"): plain(record.get(part.name)) for part in parts
    }
    if all(value is None for value in named.values()):
        return None
    known = dict.fromkeys(_ALWAYS) if field.type == "address" else {}
    return {name[:1].lower() + name[1:]: value for name, value in sorted((known | named).items())}
