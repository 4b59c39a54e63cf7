"""Names become columns: fields of a statement's object, and of the parents that paths lead to (SOQL notes, 2.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from sfframe.localorg.data.sql import coalesce, literal, name
from sfframe.localorg.data.store import records
from sfframe.localorg.objects.schema import Field, SObject
from sfframe.localorg.soql import tree
from sfframe.localorg.soql.errors import SoqlError, located, unexpected, unspoken
from sfframe.localorg.soql.pieces import Sql
from sfframe.localorg.soql.query import Context

_MAX_DEPTH = 5
_NO_COLUMN = (
    "No such column '{}' on entity '{}'. If you are attempting to use a custom field, be sure to append the '__c' after"
    " the custom field name. Please reference your WSDL or the describe call for the appropriate names."
)
_NO_RELATIONSHIP = (
    "Didn't understand relationship '{}' in field path. If you are attempting to use a custom relationship, be sure to"
    " append the '__r' after the custom relationship name. Please reference your WSDL or the describe call for the"
    " appropriate names."
)
_NO_OBJECT = (
    "sObject type '{}' is not supported. If you are attempting to use a custom object, be sure to append the '__c'"
    " after the entity name. Please reference your WSDL or the describe call for the appropriate names."
)
# What no alias is called (1).
_RESERVED = re.compile(
    "AND|ASC|DESC|EXCLUDES|FIRST|FROM|GROUP|HAVING|IN|INCLUDES|LAST|LIKE|LIMIT|NOT|NULL|NULLS|OR|SELECT|USING|WHERE|WITH",
    re.IGNORECASE,
)
# What may be asked behind a polymorphic relationship: the fields of the object Name (2.2).
_NAME_FIELDS = {
    field.lower(): field
    for field in ("Id", "Name", "Type", "FirstName", "LastName", "Email", "Phone", "Title", "Username", "Alias")
}


@dataclass(frozen=True, slots=True)
class Column:
    """A field that a path leads to.

    Attributes:
        path: Its names in the schema's case.
        field: What describe says of it.
        sobject: Whose field it is; of a polymorphic parent's fields, the first such object.
        sql: Its value.
        record: The record that has it, by its place among the scope's records.
        is_far: It belongs to a parent, which may be missing.
    """

    path: tuple[str, ...]
    field: Field
    sobject: SObject
    sql: str
    record: int

    @property
    def is_far(self) -> bool:
        return len(self.path) > 1


@dataclass(frozen=True, slots=True)
class Record:
    """A table, or the several tables that a polymorphic relationship may lead to, by their objects' names."""

    path: tuple[str, ...]
    tables: Mapping[str, tuple[SObject, str]]
    joins: tuple[str, ...]
    is_polymorphic: bool

    @property
    def key(self) -> str:
        return coalesce(*(f"{alias}.Id" for _, alias in self.tables.values()))

    @property
    def only(self) -> tuple[SObject, str]:
        return next(iter(self.tables.values()))


@dataclass(slots=True)
class Scope:
    """The tables of one SELECT; parents join when a path first asks for them.

    Attributes:
        text: The whole statement, for error messages.
        context: See there.
        sobject: The object of FROM.
        prefix: Begins the names of its tables; a subquery has another.
        aliases: Names given in FROM, in lower case, and the paths that they stand for.
        records: The record itself, then parents in the order of their first use.
    """

    text: str
    context: Context
    sobject: SObject
    prefix: str = "r"
    aliases: dict[str, tuple[str, ...]] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.records.append(Record((), {self.sobject.name: (self.sobject, f"{self.prefix}0")}, (), False))

    def fail(self, at: tree.Token, code: str, message: str) -> SoqlError:
        return located(self.text, at.start_pos or 0, code, message)

    @property
    def tables(self) -> str:
        """What follows FROM."""
        sobject, alias = self.records[0].only
        joins = (join for record in self.records for join in record.joins)
        return " ".join((f"{records(sobject)} {alias}", *joins))

    @property
    def visible(self) -> list[Sql]:
        """What holds for the rows that may be seen at all: deleted ones are answers of `queryAll` alone."""
        return [] if self.context.all_rows else [Sql(f"{self.prefix}0.IsDeleted IS NOT TRUE")]

    def check_alias(self, alias: tree.Token) -> None:
        """
        Raises:
            SoqlError: It is a reserved word.
        """
        if _RESERVED.fullmatch(alias):
            raise unexpected(self.text, alias.start_pos or 0)

    def name_sources(self, sources: tuple[tree.Source, ...]) -> None:
        """Take down the aliases of FROM, and the paths that its further sources are."""
        for nth, source in enumerate(sources):
            path = self._expand(source.path.names) if nth else ()
            self.parent(path)
            if source.alias is not None:
                self.check_alias(source.alias)
                self.aliases[source.alias.lower()] = tuple(path)

    def column(self, path: tree.Path) -> Column:
        """The column that a path of names leads to.

        Raises:
            SoqlError: There is no such field or relationship, or it is too far away.
        """
        names = self._expand(path.names)
        if not names:
            raise self.fail(path.first, "INVALID_FIELD", _NO_COLUMN.format(path.text, self.sobject.name))
        place = self.parent(names[:-1])
        return self.field_of(self.records[place], place, names[-1], path.first)

    def field_of(self, record: Record, place: int, written: tree.Token, at: tree.Token | None = None) -> Column:
        """A field of a record; what is wrong with it is shown at the beginning of its path.

        Raises:
            SoqlError: It has none of that name.
        """
        find = self._far_field if record.is_polymorphic else self._field
        found = find(record, written, place)
        if found is None:
            entity = "Name" if record.is_polymorphic else record.only[0].name
            raise self.fail(at or written, "INVALID_FIELD", _NO_COLUMN.format(written, entity))
        return found

    def parent(self, names: tuple[tree.Token, ...]) -> int:
        """The place of the record that relationships lead to."""
        if len(names) > _MAX_DEPTH:
            text = f"Relationship paths may have at most {_MAX_DEPTH} levels: {'.'.join(names[:10])}"
            raise self.fail(names[0], "MALFORMED_QUERY", text)
        place = 0
        for relationship in names:
            place = self._step(place, relationship, names[0])
        return place

    def _expand(self, names: tuple[tree.Token, ...]) -> tuple[tree.Token, ...]:
        """Without the alias or the object's own name in front."""
        first = names[0].lower()
        if first in self.aliases and (len(names) > 1 or self.aliases[first]):
            return tuple(tree.at(names[0], name) for name in self.aliases[first]) + names[1:]
        if len(names) > 1 and first == self.sobject.name.lower() and self._reference(self.records[0], first) is None:
            return names[1:]
        return names

    def _field(self, record: Record, name_: str, place: int) -> Column | None:
        sobject, alias = record.only
        known = sobject.field(name_)
        if known is None:
            return None
        return Column((*record.path, known.name), known, sobject, f"{alias}.{name(known.name)}", place)

    def _far_field(self, record: Record, name_: str, place: int) -> Column | None:
        """A field of the object Name: whichever record it is, some fields are the same."""
        wanted = name_.lower()
        tables = record.tables.values()
        if wanted == "type":
            kinds = (f"WHEN {alias}.Id IS NOT NULL THEN {literal(sobject.name)}" for sobject, alias in tables)
            known = Field.from_describe({"name": "Type", "type": "string"})
            return Column((*record.path, "Type"), known, record.only[0], f"CASE {' '.join(kinds)} END", place)
        if wanted not in _NAME_FIELDS:
            return None
        found = [
            (sobject, field_, f"{alias}.{name(field_.name)}")
            for sobject, alias in tables
            if (field_ := name_field(sobject) if wanted == "name" else sobject.field(wanted)) is not None
        ]
        if not found:
            # Name has the field, these records don't.
            known = Field.from_describe({"name": _NAME_FIELDS[wanted], "type": "string"})
            return Column((*record.path, known.name), known, record.only[0], "NULL::VARCHAR", place)
        sobject, field_, _ = found[0]
        path = (*record.path, "Name" if wanted == "name" else field_.name)
        return Column(path, field_, sobject, coalesce(*(sql for _, _, sql in found)), place)

    def _reference(self, record: Record, relationship: str) -> Field | None:
        if record.is_polymorphic:
            return None
        fields = record.only[0].fields.values()
        wanted = relationship.lower()
        return next((f for f in fields if (f.relationship_name or "").lower() == wanted and f.reference_to), None)

    def _step(self, place: int, relationship: tree.Token, at: tree.Token) -> int:
        record = self.records[place]
        reference = self._reference(record, relationship)
        if reference is None or reference.relationship_name is None:
            raise self.fail(at, "INVALID_FIELD", _NO_RELATIONSHIP.format(relationship))
        path = (*record.path, reference.relationship_name)
        for known, other in enumerate(self.records):
            if other.path == path:
                return known
        self.records.append(self._join(record, reference, path))
        return len(self.records) - 1

    def _join(self, record: Record, reference: Field, path: tuple[str, ...]) -> Record:
        found = [sobject for target in reference.reference_to if (sobject := self.context.find(target)) is not None]
        if not found:
            raise unspoken(f"{'.'.join(path)}: it has no object {' or '.join(reference.reference_to)}")
        tables: dict[str, tuple[SObject, str]] = {}
        joins = []
        key = f"{record.only[1]}.{name(reference.name)}"
        for nth, sobject in enumerate(found):
            alias = f"{self.prefix}{len(self.records)}" + (f"_{nth}" if nth else "")
            there = "" if self.context.all_rows else f" AND {alias}.IsDeleted IS NOT TRUE"
            joins.append(f"LEFT JOIN {records(sobject)} {alias} ON {alias}.Id = {key}{there}")
            tables[sobject.name] = sobject, alias
        return Record(path, tables, tuple(joins), len(reference.reference_to) > 1)


def find_object(text: str, context: Context, path: tree.Path) -> SObject:
    """The object that FROM names.

    Raises:
        SoqlError: The org has none of that name.
    """
    found = context.find(path.text)
    if found is None:
        raise located(text, path.first.start_pos or 0, "INVALID_TYPE", _NO_OBJECT.format(path.text))
    return found


def name_field(sobject: SObject) -> Field | None:
    """The field by which people know a record: Name, CaseNumber, Subject."""
    for answer in sobject.answer["fields"]:
        if answer.get("nameField"):
            return sobject.field(answer["name"])
    return sobject.field("Name")
