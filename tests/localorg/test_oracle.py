"""Upserts and deletes at random, against a model in a few lines of Python (wire notes, 4.3, 4.7, 5.2)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sfframe.localorg import Server
from tests.examples import scaled

from .client import Client

KEYS = st.sampled_from(["", "k1", "K1", "k2", "k3"])
NAMES = st.sampled_from(["", "a", "b ", "#N/A", "x" * 81])
PHONES = st.sampled_from(["", "1", "#N/A", "  "])
ROWS = st.lists(st.tuples(KEYS, NAMES, PHONES), min_size=1, max_size=5)
FIELDS = ("LastName", "Phone", "ExternalId__c")

REQUIRED = "REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --"
Record = dict[str, str | None]


class Model:
    """Contacts by their folded key, as documents say that upserts treat them."""

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}

    def upsert(self, rows: list[tuple[str, str, str]]) -> list[str]:
        keys = [key.lower() for key, *_ in rows]
        errors = [self._error(row, keys) for row in rows]
        for (key, name, phone), error in zip(rows, errors, strict=True):
            if error is None:
                record = self.records.setdefault(key.lower(), {"LastName": None, "Phone": None})
                record["ExternalId__c"] = key
                record |= {"LastName": name.strip()} if name else {}
                record |= {"Phone": None if phone == "#N/A" else phone.strip() or None} if phone else {}
        return sorted(error for error in errors if error)

    def _error(self, row: tuple[str, str, str], keys: list[str]) -> str | None:
        key, name, _ = row
        if not key:
            return "MISSING_ARGUMENT:ExternalId__c not specified:--"
        if name == "#N/A":
            return REQUIRED
        if len(name) > 80:
            return f"STRING_TOO_LONG:Last Name: data value too large: {name} (max length=80):LastName --"
        if keys.count(key.lower()) > 1:
            return f"DUPLICATE_VALUE:Duplicate external id specified: {key}:ExternalId__c --"
        return REQUIRED if key.lower() not in self.records and not name else None


@settings(max_examples=scaled(12))
@given(st.lists(st.one_of(ROWS, st.sampled_from(["k1", "k2"])), min_size=1, max_size=4))
def test_the_org_agrees_with_the_model(one_server: Server, steps: list[list[tuple[str, str, str]] | str]) -> None:
    one_server.reset()
    client, model = Client(one_server).log_in(), Model()
    for step in steps:
        if isinstance(step, str):
            live = [record for record in client.records() if not record["IsDeleted"]]
            ids = [record["Id"] for record in live if record["ExternalId__c"].lower() == step]
            client.load("Id\n" + "".join(f"{record_id}\n" for record_id in ids), "delete")
            model.records.pop(step, None)
            continue
        data = "ExternalId__c,LastName,Phone\n" + "".join(f"{','.join(row)}\n" for row in step)
        done = client.upsert(data)
        assert done.errors == model.upsert(step)
        live = [record for record in client.records() if not record["IsDeleted"]]
        kept = {record["ExternalId__c"].lower(): {name: record[name] for name in FIELDS} for record in live}
        assert kept == model.records
    client.close()
