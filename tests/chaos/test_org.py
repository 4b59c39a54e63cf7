"""The small org answers as the local org does, which knows more (wire notes, 3 and 5)."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from sfframe.localorg import Server
from tests.chaos.org import RESULTS, Habits, Refusal, SmallOrg
from tests.localorg.client import JOBS, Client

DATA = 'Title,LastName,ExternalId__c,Score__c\nrow 0,Ng,key 0,1.5\nrow 1,,key 1,\nrow 2,"a ""b"", c",KEY 0,12\n'
CHANGED = "Title,LastName,ExternalId__c,Score__c\nrow 0,Ng,key 0,#N/A\nrow 1,Li,key 9,2\n"
Answer = tuple[Any, ...]

SCRIPTS = {
    "insert": ["create insert", f"put {DATA}", "close", "end", "look", "results", "delete", "look"],
    "upsert": ["create upsert", f"put {DATA}", "close", "end", "results",
               "create upsert", f"put {CHANGED}", "close", "end", "results"],
    "twice": ["create insert", f"put {DATA}", f"put {DATA}", "close", "look", "abort", "look"],
    "without data": ["create insert", "close", "end", "look", "results"],
    "aborted": ["create insert", f"put {DATA}", "abort", "close", f"put {DATA}", "abort", "look"],
    "too late": ["create insert", f"put {DATA}", "close", "end", "close", "abort", f"put {DATA}", "look"],
    "too early": ["create insert", "delete", "results"],
    "no such job": ["look", "close", "abort", "delete", "results"],
}  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(seed=5) as server:
        yield server


@pytest.mark.parametrize("name", SCRIPTS)
def test_it_answers_as_the_local_org_does(server: Server, name: str) -> None:
    server.reset()
    client = Client(server).log_in()
    try:
        expected = list(_local(client, SCRIPTS[name]))
    finally:
        client.close()
    assert list(_small(SCRIPTS[name])) == expected


def _local(client: Client, script: list[str]) -> Iterator[Answer]:
    job = "7505e00000Abc12AAB"
    for step in script:
        verb, _, argument = step.partition(" ")
        if verb == "create":
            key = {"externalIdFieldName": "ExternalId__c"} if argument == "upsert" else {}
            job = client.create(argument, **key).json["id"]
        elif verb == "put":
            yield _status(client.put(job, argument))
        elif verb in ("close", "abort"):
            yield _told(client.patch(job, "UploadComplete" if verb == "close" else "Aborted"))
        elif verb == "end":
            client.wait(job)
        elif verb == "look":
            yield _told(client.get(f"{JOBS}/{job}"))
        elif verb == "delete":
            yield _status(client.request("DELETE", f"{JOBS}/{job}"))
        else:
            for kind in RESULTS:
                reply = client.get(f"{JOBS}/{job}/{kind}", {"Accept": "text/csv"})
                yield _file(reply.body.decode()) if reply.status == 200 else _status(reply)


def _small(script: list[str]) -> Iterator[Answer]:
    to_come: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
    org = SmallOrg(lambda: 0.0, lambda _, act, *arguments: to_come.append((act, arguments)), Habits(), 0)
    job = "7505e00000Abc12AAB"
    for step in script:
        verb, _, argument = step.partition(" ")
        if verb == "create":
            key = {"externalIdFieldName": "ExternalId__c"} if argument == "upsert" else {}
            job = org.create({"object": "Contact", "operation": argument, **key}, "66.0")["id"]
        elif verb == "put":
            yield _asked(partial(org.upload, job, argument.encode()))
        elif verb in ("close", "abort"):
            state = "UploadComplete" if verb == "close" else "Aborted"
            yield _asked(partial(org.change, job, state), _said)
        elif verb == "end":
            while to_come:
                act, arguments = to_come.pop(0)
                act(*arguments)
        elif verb == "look":
            yield _asked(partial(org.look, job), _said)
        elif verb == "delete":
            yield _asked(partial(org.delete, job))
        else:
            for kind in RESULTS.values():
                yield _asked(partial(org.results, job, kind), _file)


def _asked(act: Callable[[], Any], read: Callable[[Any], Answer] = lambda _: ()) -> Answer:
    try:
        return read(act())
    except Refusal as refusal:
        return refusal.status // 100, refusal.status == 404


def _status(reply: Any) -> Answer:
    return () if reply.status < 300 else (reply.status // 100, reply.status == 404)


def _told(reply: Any) -> Answer:
    return _said(reply.json) if reply.status < 300 else _status(reply)


def _said(info: dict[str, Any]) -> Answer:
    return info["state"], info["operation"], info.get("numberRecordsProcessed"), info.get("numberRecordsFailed")


def _file(text: str) -> Answer:
    """The rows of a result file, without ids and the wording of errors; their order is nobody's business."""
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    told = [{**row, "sf__Id": len(row.get("sf__Id", "")), "sf__Error": "sf__Error" in row} for row in rows]
    return tuple(sorted(repr(sorted(row.items())) for row in told))
