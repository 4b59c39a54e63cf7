"""Lookups: columns that name a parent by its external id, such as `Account.Ext__c` (wire notes, 4.6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from sfframe.ingest.choose import hint
from sfframe.ingest.columns import Given
from sfframe.org.describe import Field, SObject

# The platform looks these up by name though describe doesn't call them idLookup (wire notes, 4.6).
_RECORD_TYPE_KEYS = ("name", "developername")


@dataclass(frozen=True)
class Path:
    """`Account.Ext__c` or `User:Owner.Username` as its parts."""

    relationship: str
    key: str
    prefix: str | None

    def header(self, relationship: str, key: str | None, prefix: str | None) -> str:
        """The header, with the org's exact names where they are known."""
        return f"{prefix}:" * bool(prefix) + f"{relationship}.{key or self.key}"


def path_of(target: str, dtype: pl.DataType | None) -> Path | None:
    """What a wanted field says of a parent, or a struct column `Account{Ext__c}`; `None`: it is a field's name."""
    before, colon, rest = target.partition(":")
    name, dot, key = (rest if colon else target).partition(".")
    prefix = before if colon else None
    if dot:
        return Path(name, key, prefix)
    if isinstance(dtype, pl.Struct) and len(dtype.fields) == 1:
        return Path(name, dtype.fields[0].name, prefix)
    return None


def parents_wanted(given: Given, wanted: Mapping[str, str], sobject: SObject) -> set[str]:
    """Names of the objects whose describe is needed to read the lookups among the columns."""
    names: set[str] = set()
    for label, target in wanted.items():
        path = path_of(target, given.dtypes.get(label))
        if path is not None:
            reference = sobject.relationship(path.relationship)
            names |= set(reference.reference_to) if reference is not None else set()
    return names


@dataclass(frozen=True)
class Target:
    """The parent that a path means.

    Attributes:
        header: The column's header.
        key: The parent's key field; `None`: its describe can't be had.
    """

    header: str
    key: Field | None


class NoTargetError(Exception):
    """It isn't clear which parent a path means."""

    def __init__(self, code: str, message: str, remedy: str) -> None:
        super().__init__(message)
        self.code = code
        self.remedy = remedy


def reference_of(path: Path, sobject: SObject) -> Field:
    """The reference field that a path begins with.

    Raises:
        NoTargetError: The object has no such relationship.
    """
    reference = sobject.relationship(path.relationship)
    if reference is not None:
        return reference
    names = [f.relationship_name for f in sobject.fields if f.relationship_name]
    raise NoTargetError(
        "UNKNOWN_RELATIONSHIP",
        f"{sobject.name} has no relationship {path.relationship!r}",
        f"{hint(path.relationship, names)}The part before the dot is a relationship's name, such as Account or "
        "Parent__r.",
    )


def target_of(path: Path, reference: Field, parents: Mapping[str, SObject]) -> Target:
    """The parent that a path means, its `Type:` prefix added where the relationship is polymorphic.

    Args:
        path: The path.
        reference: The reference field that it begins with.
        parents: Describes of the objects that it may point to; those that could be had.

    Raises:
        NoTargetError: It isn't clear, or the key is none.
    """
    names = list(reference.reference_to)
    name = reference.relationship_name or path.relationship
    wanted = names if path.prefix is None else [n for n in names if n.lower() == path.prefix.lower()]
    if not wanted:
        message = f"{name} doesn't point to {path.prefix!r}"
        raise NoTargetError("UNKNOWN_PARENT", message, f"It points to {', '.join(names)}.")
    keys = {n: _key_in(parents.get(n), path.key) for n in wanted}
    usable = [n for n, key in keys.items() if key is not None]
    if not usable and len(wanted) == 1 and wanted[0] not in parents:
        usable = wanted  # its describe can't be had: as it stands
    if len(usable) == 1:
        key = keys[usable[0]]
        is_polymorphic = len(names) > 1  # the rule of the wire notes, 4.6
        return Target(path.header(name, key.name if key else None, usable[0] if is_polymorphic else None), key)
    if usable:
        raise NoTargetError(
            "AMBIGUOUS_PARENT",
            f"{name} can point to {', '.join(usable)}, which all have {path.key}",
            f"Say which, e.g. '{usable[0]}:{name}.{path.key}'.",
        )
    raise NoTargetError(
        "NO_EXTERNAL_ID",
        f"{path.key!r} is no external id (or idLookup) field of {' or '.join(wanted)}",
        "Use such a field of the parent, or send the parent's id.",
    )


def _key_in(parent: SObject | None, name: str) -> Field | None:
    found = parent.field(name) if parent is not None else None
    if parent is None or found is None:
        return None
    is_key = found.external_id or found.id_lookup or found.name == "Id"
    return found if is_key or (parent.name == "RecordType" and name.lower() in _RECORD_TYPE_KEYS) else None
