"""Single records over REST: what each method of a row's path does (REST guide: sObject Rows)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sfframe.localorg.objects.ids import normal_id
from sfframe.localorg.objects.schema import Field, SObject
from sfframe.localorg.rest.outcome import Outcome
from sfframe.localorg.rest.read import Lookup, check_single, not_accessible
from sfframe.localorg.rest.write import Change, Writer
from sfframe.localorg.wire import Refusal, not_found


class Records:
    """Reads and writes one record at a time.

    Args:
        lookup: Finds them.
        writer: Saves them.
    """

    def __init__(self, lookup: Lookup, writer: Writer) -> None:
        self._lookup, self._writer = lookup, writer

    def key(self, sobject: SObject, name: str) -> Field:
        """The key field of a path.

        Raises:
            Refusal: 404, it is no external id; 501, it is a record whose relations are asked for.
        """
        field = sobject.field(name)
        if field is None and normal_id(name) is not None:
            raise Refusal(
                501, "NOT_IMPLEMENTED", f"localorg does not speak what hangs on a record: {sobject.name} {name}"
            )
        if field is None or not field.is_key or not field.is_stored:
            raise not_accessible(name)
        return field

    def get(self, sobject: SObject, record_id: str, fields: str | None, version: str) -> dict[str, Any]:
        return self._lookup.by_id(sobject, record_id, fields, version)

    def get_by_key(self, sobject: SObject, key: Field, text: str, fields: str | None, version: str) -> dict[str, Any]:
        record_id = self._lookup.one_by_key(sobject, key, text, version)
        return self._lookup.by_id(sobject, record_id, fields, version)

    def basics(self, sobject: SObject, version: str) -> dict[str, Any]:
        """What there is to say of an object without its fields, and what was changed last."""
        return {"objectDescribe": sobject.basics, "recentItems": self._lookup.recent(sobject, version)}

    def create(self, sobject: SObject, record: Mapping[str, Any], body: str) -> Outcome:
        return self._one("insert", sobject, record, body)

    def update(self, sobject: SObject, record_id: str, record: Mapping[str, Any], body: str) -> Outcome:
        normal = self._lookup.id_there(sobject, record_id)
        _check_not_said(record, "Id")
        return self._one("update", sobject, {**record, "Id": normal}, body)

    def delete(self, sobject: SObject, record_id: str) -> Outcome:
        return self._one("delete", sobject, {"Id": self._lookup.id_there(sobject, record_id)}, "")

    def delete_by_key(self, sobject: SObject, key: Field, text: str, version: str) -> Outcome:
        return self.delete(sobject, self._lookup.one_by_key(sobject, key, text, version))

    def upsert(
        self, sobject: SObject, key: Field, text: str, record: Mapping[str, Any], body: str, version: str, *, only: bool
    ) -> Outcome:
        """Change the record that holds a key, or make one.

        Args:
            sobject: Its object.
            key: The key field.
            text: The key.
            record: What else it holds.
            body: The request's text.
            version: The API version that was asked.
            only: No record is made where there is none.

        Raises:
            SeveralMatches: More records than one hold the key.
            Refusal: It can't be saved.
        """
        _check_not_said(record, key.name)
        found = self._lookup.by_key(sobject, key, text)
        check_single(sobject, found, version)
        if only and not found:
            raise not_found()
        return self._one("upsert", sobject, {**record, key.name: text}, body, key)

    def _one(
        self, operation: str, sobject: SObject, record: Mapping[str, Any], body: str, key: Field | None = None
    ) -> Outcome:
        (outcome,) = self._writer.write(operation, [Change(sobject, dict(record))], body=body, key=key)
        if outcome.error is not None:
            raise outcome.error.refusal()
        return outcome


def _check_not_said(record: Mapping[str, Any], name: str) -> None:
    """What the path says may not be said again."""
    if name.lower() in (member.lower() for member in record):
        text = f"The {name} field should not be specified in the sobject data."
        raise Refusal(400, "INVALID_FIELD", text, [name])
