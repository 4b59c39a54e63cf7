"""Records are looked up by id or by a key of their own (REST guide: sObject Rows, Rows by External ID)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sfframe.localorg.data.sql import name, run
from sfframe.localorg.data.store import Store, records
from sfframe.localorg.objects.ids import normal_id
from sfframe.localorg.objects.schema import Field, SObject
from sfframe.localorg.rest.incoming import no_such_column
from sfframe.localorg.rest.shape import as_json, attributes
from sfframe.localorg.saving.cells import read_cell
from sfframe.localorg.saving.header import Column
from sfframe.localorg.saving.rows import fold
from sfframe.localorg.wire import Refusal, not_found

_RECENT = 25


class Lookup:
    """Finds records of the org and writes them as JSON.

    Args:
        store: Where they are kept.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def by_id(self, sobject: SObject, record_id: str, fields: str | None, version: str) -> dict[str, Any]:
        """A record with the fields of `?fields=`, or with all."""
        found = self.rows(sobject, [self.id_there(sobject, record_id)])
        return as_json(sobject, found[0], fields_of(sobject, fields), version)

    def id_there(self, sobject: SObject, text: str) -> str:
        """The id of a record that is there and isn't in the bin.

        Raises:
            Refusal: 404 in the form of what is wrong with it.
        """
        record_id = normal_id(text)
        if record_id is None:
            raise not_accessible(text)
        query = f"SELECT IsDeleted FROM {records(sobject)} WHERE Id = ?"
        with self._store.front() as db:
            found = run(db, query, [record_id])
        if not found:
            raise not_found()
        if found[0][0]:
            raise Refusal(404, "ENTITY_IS_DELETED", "entity is deleted", [])
        return record_id

    def by_key(self, sobject: SObject, key: Field, text: str) -> list[str]:
        """The ids of the records that hold this key; the bin is left out."""
        value = read_cell(Column(0, key.name, key), typed=True).value
        held = fold(key, name(key.name))
        query = f"""
            SELECT Id FROM {records(sobject)}
            WHERE NOT IsDeleted AND {held} = (SELECT {fold(key, value)} FROM (SELECT ?::VARCHAR AS c0)) ORDER BY Id"""
        with self._store.front() as db:
            return [str(row[0]) for row in run(db, query, [text])]

    def one_by_key(self, sobject: SObject, key: Field, text: str, version: str) -> str:
        """The id of the one record that holds this key.

        Raises:
            Refusal: 404, there is none.
            SeveralMatches: There are more.
        """
        found = self.by_key(sobject, key, text)
        if not found:
            raise not_found()
        check_single(sobject, found, version)
        return found[0]

    def rows(self, sobject: SObject, ids: Sequence[str]) -> list[dict[str, Any]]:
        """All that is stored of some records, in the order of `ids`; those that aren't there are left out."""
        fields = [field.name for field in sobject.stored]
        query = f"SELECT {', '.join(map(name, fields))} FROM {records(sobject)} WHERE Id IN (SELECT unnest(?))"
        with self._store.front() as db:
            found = [dict(zip(fields, row, strict=True)) for row in run(db, query, [list(ids)])]
        by_id = {record["Id"]: record for record in found}
        return [by_id[record_id] for record_id in ids if record_id in by_id]

    def recent(self, sobject: SObject, version: str) -> list[dict[str, Any]]:
        """The records that were changed last."""
        stamp = "LastModifiedDate" if sobject.field("LastModifiedDate") else "Id"
        title = sobject.name_field
        shown = name(title.name) if title else "NULL"
        query = f"""
            SELECT Id, {shown} FROM {records(sobject)} WHERE NOT IsDeleted
            ORDER BY {name(stamp)} DESC, Id DESC LIMIT {_RECENT}"""
        with self._store.front() as db:
            found = run(db, query)
        return [
            {"attributes": attributes(sobject, record_id, version), "Id": record_id}
            | ({title.name: text} if title else {})
            for record_id, text in found
        ]


class SeveralMatches(Refusal):
    """More records than one hold a key: 300, and no error but their URLs."""

    def __init__(self, urls: list[str]) -> None:
        super().__init__(300, "", f"{len(urls)} records")
        self.urls = urls

    def body(self) -> list[Any]:
        return self.urls


def check_single(sobject: SObject, found: Sequence[str], version: str) -> None:
    if len(found) > 1:
        raise SeveralMatches([attributes(sobject, record_id, version)["url"] for record_id in found])


def fields_of(sobject: SObject, wanted: str | None) -> list[Field]:
    """The fields that `?fields=A,B` names, Id last where it isn't named; all of them without.

    Raises:
        Refusal: There is no such field.
    """
    if wanted is None:
        return list(sobject.fields.values())
    fields: dict[str, Field] = {}
    for text in wanted.split(","):
        field = sobject.field(text.strip())
        if field is None:
            raise no_such_column(text.strip(), sobject)
        fields.setdefault(field.name, field)
    fields.setdefault("Id", sobject.fields["id"])
    return list(fields.values())


def not_accessible(text: str) -> Refusal:
    """What a path is answered that names neither an id nor a key."""
    message = f"Provided external ID field does not exist or is not accessible: {text}"
    return Refusal(404, "NOT_FOUND", message)
