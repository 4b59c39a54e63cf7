"""Whole jobs: what they are made with, and the CSV that goes up."""

from __future__ import annotations

import json
from typing import Any

from tests.localorg.fuzz.inputs import Input, encoded
from tests.localorg.fuzz.words import OBJECTS, Dice, field, mutated_bytes, value

_OWN = {"Contact": "{contact}", "Account": "{account}", "User": "{user}"}
_NAMES = {"Contact": "LastName", "Lead": "LastName", "Case": "Subject", "Task": "Subject", "User": "LastName"}
_DELIMITERS = {"COMMA": ",", "BACKQUOTE": "`", "CARET": "^", "PIPE": "|", "SEMICOLON": ";", "TAB": "\t"}


def members_of_job(random: Dice, kind: str) -> str:
    if kind == "query":
        members: dict[str, Any] = {"operation": random.choice(("query", "query", "queryAll"))}
    else:
        operation = random.choice(("insert", "insert", "insert", "update", "upsert", "upsert", "delete", "hardDelete"))
        members = {
            "object": random.choice(("Contact", "Contact", "Account", "Everything__c", *OBJECTS)),
            "operation": operation,
        }
        if operation == "upsert":
            members["externalIdFieldName"] = random.choice(("ExternalId__c", "Id", "Email"))
    if random.random() < 0.2:
        members["lineEnding"] = random.choice(("LF", "CRLF"))
    if random.random() < 0.2:
        members["columnDelimiter"] = random.choice(list(_DELIMITERS))
    return json.dumps(members)


def load(random: Dice) -> Input:
    job = members_of_job(random, "ingest")
    members = json.loads(job)
    data = encoded(_csv(random, members))
    if random.goes_wild():
        data = mutated_bytes(random, data)
    if random.goes_wild(0.3):
        data = random.choice((b"\xef\xbb\xbf", b"\xff\xfe", b"\n", b"\r\n", b"")) + data
    return Input("load", body=data, job=job)


def _csv(random: Dice, members: dict[str, Any]) -> str:
    name, end = members["object"], "\r\n" if members.get("lineEnding") == "CRLF" else "\n"
    delimiter = _DELIMITERS[members.get("columnDelimiter", "COMMA")]
    columns = [field(random, name, can="updateable") for _ in range(random.choice((1, 2, 3, 6)))]
    if members["operation"] in ("update", "delete", "hardDelete") and not random.goes_wild(0.5):
        columns = [("Id", "own")] if "elete" in members["operation"] else [("Id", "own"), *columns]
    elif not random.goes_wild():
        columns.append((_NAMES.get(name, "Name"), "string"))
    if members["operation"] == "upsert" and not random.goes_wild():
        columns.append((members["externalIdFieldName"], "own" if members["externalIdFieldName"] == "Id" else "string"))
    if not random.goes_wild():
        columns = list(dict(columns).items())
    lines = [[header for header, _ in columns]]
    own = _OWN.get(name, "{gone}")
    lines += [
        [own if kind == "own" and not random.goes_wild() else value(random, kind) for _, kind in columns]
        for _ in range(random.choice((0, 1, 1, 2, 3, 6, *([201] if random.goes_wild(0.5) else []))))
    ]
    if random.goes_wild(0.3):
        lines[-1] = lines[-1][:-1] or ["", ""]
    ending = random.choice((end, end, end, ""))
    return end.join(delimiter.join(_cell(random, cell, delimiter) for cell in line) for line in lines) + ending


def _cell(random: Dice, text: str, delimiter: str) -> str:
    if random.goes_wild(0.2):
        return text
    needs = any(character in text for character in (delimiter, '"', "\n", "\r"))
    return '"' + text.replace('"', '""') + '"' if needs or random.random() < 0.2 else text
