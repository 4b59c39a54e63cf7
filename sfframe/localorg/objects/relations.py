"""Which records hang on which: what lookups say on one end, parents say on the other (wire notes, 7.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sfframe.localorg.objects.schema import Field, SObject

# Lookups by which nobody asks for children: a real org names no relationship for them.
_UNNAMED = frozenset({"OwnerId", "CreatedById", "LastModifiedById", "ReportsToId"})
_AUDIT = frozenset({"OwnerId", "CreatedById", "LastModifiedById"})
_NAMES = {("Account", "ParentId"): "ChildAccounts"}
# Standard lookups tell on the parent's side alone what becomes of the child.
_CASCADING = {("Contact", "AccountId"), ("Opportunity", "AccountId"), ("Task", "WhoId"), ("Task", "WhatId")}
_RESTRICTING = {("Case", "AccountId"), ("Case", "ContactId")}


@dataclass(frozen=True, slots=True)
class Relation:
    """A lookup, seen from the records that it names."""

    child: SObject
    field: Field
    is_cascading: bool
    is_restricting: bool


def with_children(objects: Iterable[SObject]) -> Iterator[SObject]:
    """The objects, each with all its `childRelationships`: those of its own answer, then what the lookups of the
    others add. One that gains some was changed when the latest of these lookups came."""
    known = list(objects)
    lookups = [(child, field) for child in known for field in child.stored if field.reference_to]
    for sobject in known:
        told: list[Mapping[str, Any]] = list(sobject.answer.get("childRelationships") or ())
        there = {(relation["childSObject"], relation["field"]) for relation in told}
        used = {relation.get("relationshipName") for relation in told}
        modified = sobject.modified
        for child, field in lookups:
            if sobject.name in field.reference_to and (child.name, field.name) not in there:
                relation = _relation(child, field, used)
                used.add(relation["relationshipName"])
                told.append(relation)
                modified = max(modified, child.modified)
        yield SObject({**sobject.answer, "childRelationships": told}, modified)


def relations(sobject: SObject, find: Callable[[str], SObject | None]) -> list[Relation]:
    """What hangs on the records of an object, as far as the org has it."""
    found = []
    for told in sobject.answer["childRelationships"]:
        child = find(told["childSObject"])
        field = child.field(told["field"]) if child else None
        if child is not None and field is not None and field.is_stored and field.name not in _AUDIT:
            cascades = bool(told.get("cascadeDelete"))
            # A lookup that can't be cleared holds its parent.
            restricts = not cascades and (bool(told.get("restrictedDelete")) or not field.nillable)
            found.append(Relation(child, field, cascades, restricts))
    return found


def _relation(child: SObject, field: Field, used: set[Any]) -> dict[str, Any]:
    return {
        "cascadeDelete": field.cascade_delete or (child.name, field.name) in _CASCADING,
        "childSObject": child.name,
        "deprecatedAndHidden": False,
        "field": field.name,
        "junctionIdListNames": [],
        "junctionReferenceTo": [],
        "relationshipName": _relationship_name(child, field, used),
        "restrictedDelete": field.restricted_delete or (child.name, field.name) in _RESTRICTING,
    }


def _relationship_name(child: SObject, field: Field, used: set[Any]) -> str | None:
    """`Contacts` for a standard lookup, `Invoices__r` for one that was made; with the field where that is taken."""
    if field.name in _UNNAMED:
        return None
    plural = str(child.answer.get("labelPlural") or child.name).replace(" ", "")
    plural = _NAMES.get((child.name, field.name), plural)
    tail = "__r" if field.custom else ""
    name = f"{plural}{tail}"
    return name if name not in used else f"{plural}_{field.name.removesuffix('__c')}{tail}"
