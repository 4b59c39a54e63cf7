"""Up to two hundred records in one request (REST guide: sObject Collections)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sfframe.localorg.data.store import Store
from sfframe.localorg.objects.ids import normal_id
from sfframe.localorg.rest.incoming import not_a_key, unsupported
from sfframe.localorg.rest.outcome import Outcome, RowError
from sfframe.localorg.rest.read import Lookup, fields_of
from sfframe.localorg.rest.shape import as_json
from sfframe.localorg.rest.write import Change, Writer
from sfframe.localorg.wire import Refusal

_MOST_RECORDS = 200
_MOST_IDS = 2_000


class Collections:
    """Reads and writes many records in one request, each with an outcome of its own.

    Args:
        store: Where they are kept.
        lookup: Finds them.
        writer: Saves them.
    """

    def __init__(self, store: Store, lookup: Lookup, writer: Writer) -> None:
        self._store, self._lookup, self._writer = store, lookup, writer

    def save(self, operation: str, request: Mapping[str, Any], body: str) -> list[Outcome]:
        """Insert or update records of any objects: `{"allOrNone": false, "records": [{"attributes": ...}]}`."""
        changes = [self._change(record) for record in _records(request)]
        if operation == "update":
            _name_key(changes, "Id")
        return self._writer.write(operation, changes, body=body, whole=_whole(request.get("allOrNone")))

    def upsert(self, object_name: str, key_name: str, request: Mapping[str, Any], body: str) -> list[Outcome]:
        """Upsert records of one object by one of its keys."""
        sobject = self._store.existing(object_name)
        key = sobject.field(key_name)
        if key is None or not key.is_key:
            raise Refusal(400, "INVALID_FIELD", not_a_key(key_name, sobject))
        changes = [self._change(record) for record in _records(request)]
        if other := next((change.sobject for change in changes if change.sobject is not sobject), None):
            text = f"The records are of {sobject.name}, one is of {other.name}"
            raise Refusal(400, "INVALID_TYPE", text)
        _name_key(changes, key.name)
        whole = _whole(request.get("allOrNone"))
        return self._writer.write("upsert", changes, body=body, key=key, whole=whole)

    def delete(self, ids: str | None, whole: str | None) -> list[Outcome]:
        """Put records of any objects into the bin."""
        if not ids:
            raise Refusal(400, "MISSING_ARGUMENT", "The ids parameter is required")
        texts = ids.split(",")
        _check_count(texts, _MOST_RECORDS)
        changes = [self._deletion(text.strip()) for text in texts]
        return self._writer.write("delete", changes, body="", whole=_whole(whole == "true"))

    def retrieve(
        self, object_name: str, ids: Sequence[str], fields: Sequence[str] | None, version: str
    ) -> list[dict[str, Any] | None]:
        """Records in the order of their ids; null for those that aren't there."""
        sobject = self._store.existing(object_name)
        _check_count(ids, _MOST_IDS)
        wanted = fields_of(sobject, ",".join(fields) if fields else None)
        normal = [normal_id(text) for text in ids]
        found = self._lookup.rows(sobject, [record_id for record_id in normal if record_id])
        there = {record["Id"]: record for record in found if not record.get("IsDeleted")}
        return [
            as_json(sobject, there[record_id], wanted, version) if record_id in there else None for record_id in normal
        ]

    def _change(self, record: Any) -> Change:
        attributes = record.get("attributes") if isinstance(record, Mapping) else None
        name = attributes.get("type") if isinstance(attributes, Mapping) else None
        sobject = self._store.sobject(name) if isinstance(name, str) else None
        if sobject is None:
            raise unsupported(name if isinstance(name, str) else "")
        return Change(sobject, dict(record))

    def _deletion(self, text: str) -> Change | RowError:
        record_id = normal_id(text)
        sobject = self._store.of_id(record_id) if record_id else None
        if record_id is None or sobject is None:
            return RowError("MALFORMED_ID", f"malformed id {text}")
        return Change(sobject, {"Id": record_id})


def _records(request: Mapping[str, Any]) -> list[Any]:
    records = request.get("records")
    if not isinstance(records, list):
        raise Refusal(400, "JSON_PARSER_ERROR", "A list of records is expected at [line:1, column:1]")
    _check_count(records, _MOST_RECORDS)
    return records


def _name_key(changes: Sequence[Change], key: str) -> None:
    """A record without its key is refused for that alone, the others are saved."""
    for change in changes:
        if key.lower() not in (member.lower() for member in change.record):
            change.record[key] = None


def _whole(value: Any) -> bool:
    if value not in (None, True, False):
        raise Refusal(400, "JSON_PARSER_ERROR", "allOrNone is true or false at [line:1, column:1]")
    return bool(value)


def _check_count(records: Sequence[Any], most: int) -> None:
    if len(records) > most:
        text = f"record limit reached. cannot submit more than {most} records into this call"
        raise Refusal(400, "EXCEEDED_ID_LIMIT", text)
