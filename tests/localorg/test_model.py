"""After any sequence of jobs and REST writes the org holds what a simple model holds (wire notes, 4.3 to 4.7, 5.2).

The model is a dict for each object. It decides for each row whether it is saved, and what of; it knows no SQL, and
of the errors no more than that there is one.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sfframe.localorg import Server
from tests.examples import scaled

from .client import Client

DATA = "/services/data/v66.0"
BLANKS = "".join(map(chr, range(33)))
BEGIN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
Row = dict[str, str]
Record = dict[str, Any]

# What is kept of each object, and how long its texts may be.
LENGTHS = {
    "Account": {"Name": 255, "ExternalId__c": 255, "Phone": 40},
    "Contact": {"FirstName": 40, "LastName": 80, "ExternalId__c": 255, "Title": 128},
}
REQUIRED = {"Account": "Name", "Contact": "LastName"}
TAG = {"Account": "Phone", "Contact": "Title"}  # tells the rows of a request apart
LEVELS = ("Bronze", "Silver", "Gold")


class Refused(Exception):  # noqa: N818  (what becomes of a row, not an accident)
    """The row isn't saved."""


class Unreadable(Refused):
    """It isn't even a value of its type; REST refuses the request as a whole then."""


@dataclass
class Model:
    """What the org holds."""

    records: dict[str, dict[str, Record]] = field(default_factory=lambda: {"Account": {}, "Contact": {}})

    def live(self, sobject: str) -> dict[str, Record]:
        return {key: record for key, record in self.records[sobject].items() if not record["IsDeleted"]}

    def by_key(self, sobject: str, key: str) -> list[str]:
        found = self.live(sobject).items()
        return [record_id for record_id, record in found if (record["ExternalId__c"] or "").lower() == key.lower()]


def value_of(sobject: str, name: str, text: str, model: Model) -> Any:
    """What a cell with something in it means."""
    if name in LENGTHS[sobject]:
        text = text.strip(BLANKS)
        if len(text.encode("utf-16-le")) // 2 > LENGTHS[sobject][name]:
            raise Refused
        return text or None
    if name == "Score__c":
        try:
            return round(float(text), 2)
        except ValueError:
            raise Unreadable from None
    if name == "DoNotCall":
        if text.lower() not in ("true", "false", "1", "0"):
            raise Unreadable
        return text.lower() in ("true", "1")
    if name == "Level__c":
        if text not in LEVELS:
            raise Refused
        return text
    accounts = model.live("Account")
    found = (
        [known for known in accounts if text in (known, known[:15])]
        if name == "AccountId"
        else model.by_key("Account", text)
    )
    if not found:
        raise Refused
    return found[0]


def field_of(header: str) -> str:
    return "AccountId" if header == "Account.ExternalId__c" else header


def said(sobject: str, row: Row, model: Model) -> Record:
    """What a row says: only cells with something in them count, and the mark empties."""
    values: Record = {}
    problems: list[Refused] = []
    for header, text in row.items():
        if header == "Id" or text == "":
            continue
        name = field_of(header)
        try:
            values[name] = None if text == "#N/A" else value_of(sobject, header, text, model)
        except Refused as refused:
            problems.append(refused)
    if problems:
        raise next((problem for problem in problems if isinstance(problem, Unreadable)), problems[0])
    if any(values.get(name, "") is None for name in (REQUIRED[sobject], "DoNotCall")):
        raise Refused
    return values


@dataclass
class Save:
    """One request: which of its rows are saved, and the model afterwards."""

    model: Model
    sobject: str
    operation: str
    key: str | None
    now: dt.datetime
    failed: set[int] = field(default_factory=set)
    unreadable: bool = False
    made: list[tuple[int, Record]] = field(default_factory=list)

    def run(self, rows: list[Row]) -> None:
        before = deepcopy(self.model)
        wanted: dict[int, tuple[str | None, Record]] = {}
        for n, row in enumerate(rows):
            try:
                values = said(self.sobject, row, before)
                wanted[n] = self._target(n, row, rows, before), values
                if wanted[n][0] is None and not values.get(REQUIRED[self.sobject]):
                    raise Refused
                self._check_unique(wanted[n][0], values, before)
            except Refused as refused:
                wanted.pop(n, None)
                self.failed.add(n)
                self.unreadable |= isinstance(refused, Unreadable)
        if self.key is None:
            self._first_of_each_key(wanted)
        for n, (target, values) in wanted.items():
            self._write(n, target, values)

    def _target(self, n: int, row: Row, rows: list[Row], before: Model) -> str | None:
        """The record that a row changes; None: it makes one."""
        if self.operation == "insert":
            return None
        if self.operation == "update":
            named = [text[:15] for text in (other.get("Id", "") for other in rows)]
            found = [known for known in before.live(self.sobject) if row["Id"] in (known, known[:15])]
            if not found or named.count(row["Id"][:15]) > 1:
                raise Refused
            return found[0]
        key = row["ExternalId__c"].strip(BLANKS)
        keys = [other["ExternalId__c"].strip(BLANKS).lower() for other in rows]
        if key in ("", "#N/A") or keys.count(key.lower()) > 1:
            raise Refused
        return next(iter(before.by_key(self.sobject, key)), None)

    def _check_unique(self, target: str | None, values: Record, before: Model) -> None:
        key = values.get("ExternalId__c")
        if self.key is None and key and set(before.by_key(self.sobject, key)) - {target}:
            raise Refused

    def _first_of_each_key(self, wanted: dict[int, tuple[str | None, Record]]) -> None:
        seen: set[str] = set()
        for n in sorted(wanted):
            key = (wanted[n][1].get("ExternalId__c") or "").lower()
            if key and key in seen:
                del wanted[n]
                self.failed.add(n)
            seen.add(key)

    def _write(self, n: int, target: str | None, values: Record) -> None:
        if target is None:
            record = blank(self.sobject) | values | {"CreatedDate": self.now, "LastModifiedDate": self.now}
            self.made.append((n, record))
        else:
            record = self.model.records[self.sobject][target]
            record |= values | {"LastModifiedDate": self.now}
        if self.sobject == "Contact":
            record["Name"] = " ".join(part for part in (record["FirstName"], record["LastName"]) if part)


def blank(sobject: str) -> Record:
    own = {"Score__c": None, "Level__c": None, "AccountId": None, "DoNotCall": False} if sobject == "Contact" else {}
    return {**dict.fromkeys(LENGTHS[sobject]), **own, "IsDeleted": False}


def take_away(model: Model, sobject: str, operation: str, ids: list[str], now: dt.datetime) -> int:
    """Delete records as far as they are there; says how many rows fail."""
    failed, done = 0, set()
    for text in ids:
        there = model.records[sobject] if operation == "hardDelete" else model.live(sobject)
        found = next((known for known in there if text in (known, known[:15])), None)
        if found is None or found in done:
            failed += 1
            continue
        done.add(found)
        _fall(model, sobject, operation, found, now)
    return failed


def _fall(model: Model, sobject: str, operation: str, record_id: str, now: dt.datetime) -> None:
    """A record goes, and with an account its contacts."""
    if sobject == "Account":
        there = model.records["Contact"] if operation == "hardDelete" else model.live("Contact")
        for child in [known for known, record in there.items() if record["AccountId"] == record_id]:
            _fall(model, "Contact", operation, child, now)
    if operation == "hardDelete":
        del model.records[sobject][record_id]
    else:
        model.records[sobject][record_id] |= {"IsDeleted": True, "LastModifiedDate": now}


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
        before = deepcopy(self.model)
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
    max_examples=scaled(10), stateful_step_count=8, deadline=None, suppress_health_check=list(HealthCheck)
)
