"""After any sequence of jobs and REST writes the org holds what a simple model holds (wire notes, 4.3 to 4.7, 5.2).

See `tests.localorg.model` for what the model is.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sfframe.localorg import Server
from tests.examples import scaled

from .client import Client
from .model import REQUIRED, TAG, Model, Row, Save, blank, take_away

DATA = "/services/data/v66.0"
BEGIN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

# Values that a field takes are drawn more often than those that fail the row.
GOOD_TEXTS = ["", "#N/A", "a", " b\t", "\U0001f600" * 20, '"q",\n', "   ", "null"]
TEXTS = [*GOOD_TEXTS * 3, "x" * 129, "\U0001f600" * 65]
NAMES = [*["n", "m", " b\t", "\U0001f600" * 40, "null", ""] * 3, "#N/A", "  ", "x" * 81, "\U0001f600" * 41]
KEYS = ["k1", "K1", "k2", "k3", "k4", "k5", " k6 "]
CELLS: dict[str, list[str]] = {
    "Name": [*NAMES[:-2], "x" * 256],
    "FirstName": [*GOOD_TEXTS * 3, "x" * 41],
    "LastName": NAMES,
    "ExternalId__c": ["", "#N/A", *KEYS],
    "Score__c": [*["", "#N/A", "1", "2.756", "1e3"] * 3, "x"],
    "DoNotCall": [*["", "true", "0"] * 4, "#N/A", "yes"],
    "Level__c": [*["", "#N/A", "Gold"] * 3, "Tin"],
    "Account.ExternalId__c": ["", "#N/A", *KEYS[:3]],
}
OBJECTS = st.sampled_from(["Account", "Contact", "Contact"])
CHANGES = st.sampled_from(["insert", "update", "upsert"])


class OrgAgainstModel(RuleBasedStateMachine):
    """Jobs and REST requests, one after the other, each at a second of its own."""

    server: Server
    clock: list[dt.datetime]

    @initialize()
    def empty(self) -> None:
        self.server.reset()
        self.client = Client(self.server).log_in()
        self.model = Model()
        self.ids: dict[str, list[str]] = {"Account": ["0015e0000000000AAA"], "Contact": ["abc"]}
        # Something to change and to take away, so that few steps reach far.
        self._insert("Account", [{"Name": name, "ExternalId__c": name} for name in ("k1", "k2")])
        contacts = [
            {"LastName": "x", "ExternalId__c": key, "Account.ExternalId__c": "k1"} for key in ("k1", "k2", "k3")
        ]
        self._insert("Contact", contacts)

    def _insert(self, sobject: str, rows: list[Row]) -> None:
        rows = [row | {TAG[sobject]: f"tag {n}"} for n, row in enumerate(rows)]
        save = self._save(sobject, "insert", rows)
        save.run(rows)
        done = self.client.load(as_csv(rows), "insert", sobject)
        self._learn(save, {int(row[TAG[sobject]][4:]): row["sf__Id"] for row in done.successful})

    def teardown(self) -> None:
        if hasattr(self, "client"):
            self.client.close()

    @rule(data=st.data(), sobject=OBJECTS, operation=CHANGES)
    def job_of_changes(self, data: st.DataObject, sobject: str, operation: str) -> None:
        rows = self._draw(data, sobject, operation)
        save = self._save(sobject, operation, rows)
        save.run(rows)
        key = {"externalIdFieldName": "ExternalId__c"} if save.key else {}
        done = self.client.load(as_csv(rows), operation, sobject, **key)
        assert done.info["state"] == "JobComplete"
        tags = {row[TAG[sobject]]: n for n, row in enumerate(rows)}
        assert {tags[row[TAG[sobject]]] for row in done.failed} == save.failed
        ids = {tags[row[TAG[sobject]]]: row["sf__Id"] for row in done.successful}
        self._learn(save, ids)

    @rule(data=st.data(), sobject=OBJECTS, operation=CHANGES, whole=st.booleans())
    def collection_over_rest(self, data: st.DataObject, sobject: str, operation: str, whole: bool) -> None:
        rows = self._draw(data, sobject, operation)
        before = self.model.copy()
        save = self._save(sobject, operation, rows)
        save.run(rows)
        records = [as_json(row) | {"attributes": {"type": sobject}} for row in rows]
        path = f"{DATA}/composite/sobjects" + (f"/{sobject}/ExternalId__c" if save.key else "")
        method = "POST" if operation == "insert" else "PATCH"
        reply = self.client.request(method, path, {"allOrNone": whole, "records": records})
        assert reply.status == (400 if save.unreadable else 200)
        if save.unreadable or (whole and save.failed):
            self.model = before
            return
        failed = {n for n, outcome in enumerate(reply.json) if not outcome["success"]}
        assert failed == save.failed
        self._learn(save, {n: outcome.get("id") for n, outcome in enumerate(reply.json)})

    @rule(data=st.data(), sobject=OBJECTS, operation=CHANGES)
    def one_over_rest(self, data: st.DataObject, sobject: str, operation: str) -> None:
        (row,) = self._draw(data, sobject, operation, most=1)
        save = self._save(sobject, operation, [row])
        save.run([row])
        record = as_json(row)
        path, method = f"{DATA}/sobjects/{sobject}", "POST"
        if operation == "update":
            path, method = f"{path}/{record.pop('Id', None) or 'none'}", "PATCH"
        if operation == "upsert":
            key = record.pop("ExternalId__c", None)
            if not (key or "").strip():
                return  # such a path is another resource
            path, method = f"{path}/ExternalId__c/{key.replace(' ', '%20')}", "PATCH"
        reply = self.client.request(method, path, record)
        assert (reply.status >= 400) == bool(save.failed)
        self._learn(save, {0: reply.json["id"]} if reply.status in (200, 201) else {})

    @rule(
        data=st.data(), sobject=OBJECTS, operation=st.sampled_from(["delete", "hardDelete"]), over_rest=st.booleans()
    )  # fmt: skip
    def deletion(self, data: st.DataObject, sobject: str, operation: str, over_rest: bool) -> None:
        known = st.sampled_from([*self.model.live(sobject), *self.model.records[sobject], *self.ids[sobject]])
        ids = data.draw(st.lists(st.one_of(known, known.map(lambda text: text[:15])), min_size=1, max_size=3), "ids")
        self._tick()
        if over_rest:
            expected = take_away(self.model, sobject, "delete", ids, self.clock[0])
            reply = self.client.request("DELETE", f"{DATA}/composite/sobjects?ids={','.join(ids)}")
            assert [outcome["success"] for outcome in reply.json].count(False) == expected
            return
        expected = take_away(self.model, sobject, operation, ids, self.clock[0])
        done = self.client.load("Id\n" + "".join(f"{text}\n" for text in ids), operation, sobject)
        assert len(done.failed) == expected

    @invariant()
    def the_org_holds_what_the_model_holds(self) -> None:
        if not hasattr(self, "model"):
            return
        for sobject, expected in self.model.records.items():
            fields = [*blank(sobject), "CreatedDate", "LastModifiedDate", *(["Name"] if sobject == "Contact" else [])]
            found = {row["Id"]: {name: row[name] for name in fields} for row in self.client.records(sobject)}
            stamped = {
                record_id: record
                | {name: record[name].replace(tzinfo=None) for name in ("CreatedDate", "LastModifiedDate")}
                for record_id, record in expected.items()
            }
            assert found == stamped

    def _draw(self, data: st.DataObject, sobject: str, operation: str, most: int = 5) -> list[Row]:
        """Rows with all their cells: a tag of their own, what they are known by, and some more."""
        headers = {"Account": ["Name", "ExternalId__c"], "Contact": list(CELLS)[1:]}[sobject]
        known = {"upsert": ["ExternalId__c"], "update": ["Id"], "insert": [REQUIRED[sobject]]}[operation]
        if sobject == "Contact":
            lookup = data.draw(st.sampled_from(["AccountId", "Account.ExternalId__c"]))
            headers = [*(header for header in headers if header != "Account.ExternalId__c"), lookup]
        chosen = data.draw(st.lists(st.sampled_from(headers), unique=True, max_size=4), "columns")
        columns = [*known, *(header for header in chosen if header not in known)]
        there = {name: [*self.model.live(name)] * 3 for name in ("Account", sobject)}
        cells = {**CELLS, "AccountId": ["", "#N/A", *there["Account"], *self.ids["Account"]]}
        cells["Id"] = ["", *there[sobject], *self.ids[sobject]]
        row = st.fixed_dictionaries({header: st.sampled_from(cells[header]) for header in columns})
        rows = data.draw(st.lists(row, min_size=1, max_size=most), "rows")
        return [row | {TAG[sobject]: f"tag {n} {self.clock[0]:%j %H:%M:%S}"} for n, row in enumerate(rows)]

    def _save(self, sobject: str, operation: str, rows: list[Row]) -> Save:
        self._tick()
        key = "ExternalId__c" if operation == "upsert" else None
        return Save(self.model, sobject, operation, key, self.clock[0])

    def _tick(self) -> None:
        self.clock[0] += dt.timedelta(seconds=1)

    def _learn(self, save: Save, ids: dict[int, Any]) -> None:
        """New records get the ids that the org gave them; no id is given twice."""
        for n, record in save.made:
            record_id = ids[n]
            assert record_id not in self.ids[save.sobject]
            self.ids[save.sobject].append(record_id)
            self.model.records[save.sobject][record_id] = record
        assert max(Counter(self.ids[save.sobject]).values()) == 1


def as_csv(rows: list[Row]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def as_json(row: Row) -> dict[str, Any]:
    """The same in JSON: what isn't said isn't there, and null empties."""
    record: dict[str, Any] = {}
    for header, text in row.items():
        if text == "":
            continue
        value = None if text == "#N/A" else text
        parent, dot, key = header.partition(".")
        record[parent] = {key: value} if dot and value is not None else value
    return record


@pytest.fixture(scope="module", autouse=True)
def server_for_the_model() -> Iterator[None]:
    OrgAgainstModel.clock = [BEGIN]
    with Server(seed=3, clock=lambda: OrgAgainstModel.clock[0]) as server:
        OrgAgainstModel.server = server
        yield


TestOrgAgainstModel = OrgAgainstModel.TestCase
TestOrgAgainstModel.settings = settings(
    max_examples=scaled(6), stateful_step_count=8, deadline=None, suppress_health_check=list(HealthCheck)
)
