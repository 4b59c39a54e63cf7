"""A simple model of an org: a dict for each object (wire notes, 4.3 to 4.7, 5.2).

It decides for each row whether it is saved, and what of; it knows no SQL, and of the errors no more than that there is
one.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

BLANKS = "".join(map(chr, range(33)))
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

    def copy(self) -> Model:
        """As it is now; it isn't touched by what becomes of this one."""
        return Model({name: {key: {**record} for key, record in kept.items()} for name, kept in self.records.items()})

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
    """One request: which of its rows are saved, and the model afterwards.

    Attributes:
        failed: The rows that aren't saved, by number.
        unreadable: Whether one of them isn't even a value of its type.
        made: New records; who runs it gives them their ids, and puts them into the model.
        changed: The record that each other row has changed.
    """

    model: Model
    sobject: str
    operation: str
    key: str | None
    now: dt.datetime
    failed: set[int] = field(default_factory=set)
    unreadable: bool = False
    made: list[tuple[int, Record]] = field(default_factory=list)
    changed: dict[int, str] = field(default_factory=dict)

    def run(self, rows: list[Row]) -> None:
        before = self.model  # nothing is written before all rows are judged
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
            self.changed[n] = target
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
