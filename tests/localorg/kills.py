"""Kills an org under load again and again, and holds what is left of it to what it had answered (wire notes, 3.8, 12).

    python -m tests.localorg.kills 200

Several clients work on an org in a process of its own until it is killed. Each writes down what it asks before it asks,
and what was answered. After one to three such lives the database is opened, and looked at.
"""

from __future__ import annotations

import contextlib
import http.client
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sfframe.localorg import Server
from tests import nursery

from .client import JOBS, VERSION, Client

SERVE = """
import sys
from sfframe.localorg import Server
from tests import nursery
with Server(sys.argv[1]) as server:
    print(server.url, server.client_id, server.client_secret, flush=True)
    sys.stdin.read()
"""
_CLIENTS = 4
_LONGEST_LIFE_S = 1.5
_KILLS_OF_A_DATABASE = 25
_AGAIN = 0.05  # of the promises that were held before are looked at once more
_ROW = f"/services/data/v{VERSION}/sobjects/Contact"
_LOST = (http.client.HTTPException, OSError)


@dataclass
class Told:
    """What another process said when it began."""

    url: str
    client_id: str
    client_secret: str


@dataclass
class Promise:
    """One job, or one record over REST: what was asked and what was answered.

    Attributes:
        keys: External ids of the rows that it writes.
        text: The LastName that they have afterwards.
        job_id: None: the create wasn't answered, or it is no job.
        closing: The PATCH was sent; `closed`: and answered with 200.
        complete: The job was seen `JobComplete`.
        deleting: The DELETE was sent; `deleted`: and answered with 204.
        held: It was looked at before.
    """

    keys: list[str]
    text: str
    job_id: str | None = None
    closing: bool = False
    closed: bool = False
    complete: bool = False
    deleting: bool = False
    deleted: bool = False
    held: bool = False


Ledger = list[Promise]


class Worker(threading.Thread):
    """A client that works until the org is gone."""

    def __init__(self, told: Told, ledger: Ledger, name: str, seed: int) -> None:
        super().__init__(name=name)
        self._client, self._ledger = Client(told), ledger  # type: ignore[arg-type]  # as far as it is used
        self._random = random.Random(seed)
        self.broken: BaseException | None = None

    def run(self) -> None:
        work: list[Callable[[], None]] = [self._insert, self._insert, self._upsert, self._leave_open, self._record]
        try:
            with contextlib.suppress(*_LOST):
                self._client.log_in()
                while True:
                    self._random.choice(work)()
        except BaseException as error:  # noqa: BLE001  (told by whoever waits for the thread)
            self.broken = error
        finally:
            self._client.close()

    def _promise(self, rows: int) -> Promise:
        start = f"{self.name}-{len(self._ledger)}-{self._random.randrange(10**9)}"
        promise = Promise([f"{start}-{row}" for row in range(rows)], f"first {start}")
        self._ledger.append(promise)
        return promise

    def _insert(self) -> None:
        promise = self._promise(self._random.choice([1, 3, 150, 450, 3000]))
        self._run(promise, "insert")
        if promise.complete and self._random.random() < 0.2:
            promise.deleting = True
            _expect(self._client.request("DELETE", f"{JOBS}/{promise.job_id}").status, 204)
            promise.deleted = True

    def _upsert(self) -> None:
        """Change half of the rows, and make as many new ones: those whose keys end in x."""
        promise = self._promise(self._random.choice([2, 100, 1000]))
        self._run(promise, "insert")
        half = promise.keys[: len(promise.keys) // 2]
        changed = Promise([*half, *(f"{key}x" for key in half)], f"second {promise.keys[0]}")
        self._ledger.append(changed)
        self._run(changed, "upsert", externalIdFieldName="ExternalId__c")

    def _leave_open(self) -> None:
        promise = self._promise(10)
        promise.job_id = self._client.open_job(_csv(promise) if self._random.random() < 0.5 else None)

    def _record(self) -> None:
        promise = self._promise(1)
        promise.closing = True
        reply = self._client.request("POST", _ROW, {"LastName": promise.text, "ExternalId__c": promise.keys[0]})
        _expect(reply.status, 201)
        promise.closed = True

    def _run(self, promise: Promise, operation: str, **members: str) -> None:
        promise.job_id = self._client.open_job(None, operation, **members)
        _expect(self._client.put(promise.job_id, _csv(promise)).status, 201)
        promise.closing = True
        _expect(self._client.patch(promise.job_id).status, 200)
        promise.closed = True
        info = self._client.wait(promise.job_id)
        _expect((info["state"], info["numberRecordsFailed"]), ("JobComplete", 0))
        promise.complete = True


def _csv(promise: Promise) -> str:
    return "LastName,ExternalId__c\n" + "".join(f"{promise.text},{key}\n" for key in promise.keys)


def _expect(found: object, wanted: object) -> None:
    if found != wanted:
        raise AssertionError(f"{found} where {wanted} was promised")


def _live_and_die(database: Path, ledger: Ledger, chance: random.Random) -> None:
    """One life of the org: it serves some clients, and is killed at a random moment of its work."""
    command = ["-c", SERVE, str(database)]
    with nursery.Child(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        told = Told(*process.stdout.readline().split())
        workers = [Worker(told, ledger, f"w{n}", chance.randrange(10**9)) for n in range(_CLIENTS)]
        for worker in workers:
            worker.start()
        time.sleep(chance.random() * _LONGEST_LIFE_S)
        process.kill()
        for worker in workers:
            worker.join()
    for worker in workers:
        if worker.broken is not None:
            raise worker.broken


def _check(database: Path, ledger: Ledger, chance: random.Random) -> None:
    """Open the database again and hold it to all that was promised."""
    with Server(database) as server:
        client = Client(server).log_in()
        try:
            for promise in ledger:
                if not promise.held or chance.random() < _AGAIN:
                    _settle(client, promise)
            records = server.rows("Contact").select(["ExternalId__c", "LastName"]).to_pylist()
        finally:
            client.close()
    found = {record["ExternalId__c"]: record["LastName"] for record in records}
    _expect(len(records), len(found))
    expected: dict[str, str] = {}
    for promise in ledger:
        if promise.closing and not promise.closed:
            # A record over REST: the answer was lost.
            promise.closing = promise.closed = promise.keys[0] in found
        if promise.closed:
            expected |= dict.fromkeys(promise.keys, promise.text)
        promise.held = True
    _expect(found == expected, True)


def _settle(client: Client, promise: Promise) -> None:
    """Hold the job to its promise, once it has ended if it does; what was unknown is known then."""
    if promise.job_id is None:
        return
    reply = client.get(f"{JOBS}/{promise.job_id}")
    if promise.deleted or (promise.deleting and reply.status == 404):
        _expect(reply.status, 404)
        return
    _expect(reply.status, 200)
    if reply.json["state"] == "Open":
        _expect(promise.closed, False)
        promise.closing = False
        return
    _expect(promise.closing, True)
    if promise.complete:
        _expect(reply.json["state"], "JobComplete")
    info = client.wait(promise.job_id)
    _expect((info["state"], info["numberRecordsProcessed"]), ("JobComplete", len(promise.keys)))
    done = client.results(promise.job_id)
    _expect(sorted(row["ExternalId__c"] for row in done.successful), sorted(promise.keys))
    _expect(done.failed, [])
    promise.closed = promise.complete = True


def main(kills: int, folder: Path, seed: int = 0) -> int:
    """Kill so often; gives the number of promises that were held to.

    Raises:
        AssertionError: One was broken; the message says what was found.
    """
    chance, left, held = random.Random(seed), kills, 0
    while left:
        database = folder / f"org{left}.db"
        ledger: Ledger = []
        of_this = min(left, _KILLS_OF_A_DATABASE)
        left -= of_this
        while of_this:
            lives = min(of_this, chance.randint(1, 3))
            for _ in range(lives):
                _live_and_die(database, ledger, chance)
            _check(database, ledger, chance)
            of_this -= lives
        held += len(ledger)
        sys.stderr.write(f"{kills - left} kills, {held} jobs and records\n")
    return held


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as kept:
        main(int(sys.argv[1]), Path(kept), seed=int(time.time()))
