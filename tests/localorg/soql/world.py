"""A small org without HTTP: objects with a field of each kind, filled with what a test says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from sfframe.localorg.data.sql import run
from sfframe.localorg.data.store import Store, records
from sfframe.localorg.objects.describe import FieldSpec, describe_object
from sfframe.localorg.objects.ids import make_id
from sfframe.localorg.soql import Context, Query, SoqlError, compile_soql

NOW = datetime(2026, 3, 18, 12, 30, 15, tzinfo=UTC)  # a Wednesday

_BOSS: dict[str, FieldSpec] = {
    "Text__c": {"length": 255},
    "Flag__c": "boolean",
    "Int__c": "int",
    "Above__c": {"type": "reference", "referenceTo": ["Boss__c"], "relationshipName": "Above__r"},
}
_ITEM: dict[str, FieldSpec] = {
    "Text__c": {"length": 255},
    "Code__c": {"length": 40, "unique": True, "caseSensitive": True, "externalId": True},
    "Pick__c": {
        "type": "picklist",
        "values": ["Zeta", {"value": "alpha", "label": "Erste"}, "Mid", {"value": "Old", "active": False}],
    },
    "Multi__c": {"type": "multipicklist", "values": ["Red", "Green", "Blue"]},
    "Flag__c": "boolean",
    "Int__c": "int",
    "Double__c": {"type": "double", "precision": 18, "scale": 2},
    "Money__c": "currency",
    "Day__c": "date",
    "Moment__c": "datetime",
    "Clock__c": "time",
    "Long__c": {"type": "textarea", "length": 32000},
    "Secret__c": "encryptedstring",
    "Boss__c": {"type": "reference", "referenceTo": ["Boss__c"], "relationshipName": "Boss__r"},
    "What__c": {"type": "reference", "referenceTo": ["Boss__c", "Other__c"], "relationshipName": "What__r"},
    "Where__Street__s": {"length": 80, "compoundFieldName": "Where__c"},
    "Where__City__s": {"length": 80, "compoundFieldName": "Where__c"},
    "Where__c": {"type": "address", "createable": False},
}
_OTHER: dict[str, FieldSpec] = {"Int__c": "int", "Size__c": "double"}
_PREFIXES = {"Boss__c": "a01", "Item__c": "a02", "Other__c": "a03", "User": "005"}
_USER: dict[str, FieldSpec] = {"Name": {"nameField": True}, "Alias": {"length": 8}}


def _without_zone(column: pa.Field[Any]) -> pa.Field[Any]:
    """The oldest DuckDB casts no datetime that has a zone."""
    is_zoned = pa.types.is_timestamp(column.type) and column.type.tz is not None
    return column.with_type(pa.timestamp(column.type.unit)) if is_zoned else column


@dataclass
class World:
    """Objects Boss__c, Item__c (a field of each kind), Other__c and User."""

    store: Store = field(default_factory=Store)

    def __post_init__(self) -> None:
        for name, fields in (("User", _USER), ("Boss__c", _BOSS), ("Other__c", _OTHER), ("Item__c", _ITEM)):
            self.store.define(describe_object(name, fields, key_prefix=_PREFIXES[name]), NOW)

    def id(self, sobject: str, number: int) -> str:
        return make_id(_PREFIXES[sobject], number)

    def fill(self, sobject: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        """Records instead of those that were there; their ids, which count from 1, unless they say otherwise."""
        known = self.store.sobject(sobject)
        assert known is not None
        with self.store.front() as db:
            run(db, f"DELETE FROM {records(known)}")
            if not rows:
                return []
            ids = [self.id(sobject, number) for number in range(1, len(rows) + 1)]
            full = [{"Id": id_, "IsDeleted": False, **row} for id_, row in zip(ids, rows, strict=True)]
            table = pa.table({key: [row.get(key) for row in full] for key in {key for row in full for key in row}})
            db.register("filling", table.cast(pa.schema(map(_without_zone, table.schema))))
            run(db, f"INSERT INTO {records(known)} BY NAME SELECT * FROM filling")
            db.unregister("filling")
        return [row["Id"] for row in full]

    def context(self, **context: Any) -> Context:
        return Context(find=self.store.sobject, **{"now": NOW, **context})

    def compile(self, soql: str, **context: Any) -> Query:
        return compile_soql(soql, self.context(**context))

    def ask(self, soql: str, **context: Any) -> list[tuple[Any, ...]]:
        """The rows of a statement, by the SQL that has the outputs alone."""
        query = self.compile(soql, **context)
        with self.store.front() as db:
            return run(db, query.sql, query.parameters)

    def column(self, soql: str, **context: Any) -> list[Any]:
        return [value for (value,) in self.ask(soql, **context)]

    def names(self, where: str, **context: Any) -> set[str]:
        """The Name of each item that a WHERE finds."""
        found = self.column(f"SELECT Name FROM Item__c WHERE {where}", **context)
        assert len(found) == len(set(found))
        return set(found)

    def error(self, soql: str, **context: Any) -> tuple[str, str]:
        """Code and last line of the message with which a statement is refused."""
        try:
            self.compile(soql, **context)
        except SoqlError as error:
            return error.code, error.message.split("\n")[-1]
        raise AssertionError(f"not refused: {soql}")
