"""Changes: no gap and nothing twice, whatever happens in the org and whenever one looks."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sfframe

START = dt.datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=dt.UTC)
FIELDS = ["Id", "N__c"]
SECOND = dt.timedelta(seconds=1)


class Clock:
    """The org's time, which a test sets."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> dt.datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += dt.timedelta(seconds=seconds)

    @contextmanager
    def back(self, seconds: float) -> Iterator[None]:
        """What is saved in the block carries an earlier stamp: its transaction began then, and commits now."""
        now = self.now
        self.now -= dt.timedelta(seconds=seconds)
        try:
            yield
        finally:
            self.now = now


@dataclasses.dataclass
class World:
    """A local org whose time is set, and how records change in it."""

    local: sfframe.LocalOrg
    org: sfframe.Org
    clock: Clock
    sobject: str = "Thing__c"

    def request(self, method: str, path: str, json: Any = None) -> Any:
        whole = f"{self.org.base_path}{path}"
        answer = sfframe.run(self.org.transport.request(method, whole, json=json))
        return answer.json() if answer.body else None

    def insert(self, n: int) -> str:
        return str(self.request("POST", f"/sobjects/{self.sobject}", {"N__c": n})["id"])

    def update(self, record_id: str, n: int) -> None:
        self.request("PATCH", f"/sobjects/{self.sobject}/{record_id}", {"N__c": n})

    def delete(self, record_id: str) -> None:
        self.request("DELETE", f"/sobjects/{self.sobject}/{record_id}")

    def sql(self, statement: str, *values: Any) -> list[Any]:
        """Do it in the org's own database: what REST has no way for, such as undelete; and quicker, for many writes."""
        with self.local.server.org.store.front() as db:
            return db.execute(statement.replace("TABLE", f'_records."{self.sobject}"'), values).fetchall()

    @property
    def stamp(self) -> dt.datetime:
        """What a record is stamped with that is saved now."""
        return self.clock.now.replace(microsecond=0, tzinfo=None)

    def table(self) -> dict[str, int]:
        """The records that are there."""
        return dict(self.sql("SELECT Id, N__c FROM TABLE WHERE NOT IsDeleted"))

    def read(self, since: Any = None, **options: Any) -> sfframe.Changes:
        fields = options.pop("fields", FIELDS)
        return sfframe.read_changes(self.sobject, fields, since, org=self.org, **options)


@pytest.fixture(scope="module")
def started() -> Iterator[World]:
    clock = Clock()
    with sfframe.LocalOrg(clock=clock) as local:
        local.define("Thing__c", {"N__c": "int"})
        org = sfframe.Org(
            local.url,
            sfframe.ClientCredentials(local.client_id, local.client_secret),
            retry=sfframe.RetryPolicy(first_wait_s=0),
            poll=sfframe.PollPolicy(first_wait_s=0.001, max_wait_s=0.01),
        )
        yield World(local, org, clock)


@pytest.fixture
def world(started: World) -> World:
    started.local.reset()
    started.clock.now = START
    return started


def ids(frame: pl.DataFrame) -> list[str]:
    return frame["Id"].to_list()


# --- the promise ------------------------------------------------------------------------------------------------------

WRITES = ("insert", "update", "delete", "undelete", "hard_delete")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.just(0), st.just(0)),
        st.tuples(st.just("wait"), st.sampled_from([0.3, 1, 2, 9, 10, 11, 40, 61, 899, 901, 5000]), st.just(0)),
        st.tuples(st.sampled_from(WRITES), st.integers(0, 5), st.integers(0, 1000)),
    ),
    max_size=25,
)


class Copy:
    """What a reader keeps, by what it is given, and nothing else."""

    def __init__(self, world: World, **options: Any) -> None:
        self.world, self.options = world, options
        self.cursor: str | None = None
        self.held: dict[str, tuple[int, dt.datetime]] = {}
        self.gone: set[tuple[str, dt.datetime]] = set()

    def read(self) -> int:
        changes = self.world.read(self.cursor, fields=[*FIELDS, "SystemModstamp"], **self.options)
        for record_id, number, stamp in changes.upserted.iter_rows():
            assert self.held.get(record_id) != (number, stamp), "given twice"
            self.held[record_id] = (number, stamp)
        for deletion in changes.deleted.iter_rows():
            assert deletion not in self.gone, "a delete was given twice"
            self.gone.add(deletion)
            self.held.pop(deletion[0], None)
        assert not set(ids(changes.upserted)) & set(ids(changes.deleted))
        self.cursor = changes.cursor
        return int(changes.upserted.height + changes.deleted.height)

    def table(self) -> dict[str, int]:
        return {record_id: number for record_id, (number, _) in self.held.items()}


class Records:
    """The org's records as a test changes them, which it picks by number."""

    def __init__(self, world: World, margin_s: float) -> None:
        self.world, self.margin_s, self.n = world, margin_s, 0
        self.alive: list[str] = []
        self.bin: list[str] = []
        self.vanished: set[str] = set()
        self.committed: dict[str, dt.datetime] = {}

    def write(self, kind: str, which: int, late: int) -> None:
        """Change some record; its stamp is up to so many thousandths of the margin older than the commit."""
        known = {"insert": [""], "undelete": self.bin, "hard_delete": self.bin + self.alive}.get(kind, self.alive)
        if not known:
            return
        record_id = known[which % len(known)]
        # A record is locked until a transaction ends: the next one's stamp is not before that.
        late_s = self.margin_s * late / 1000
        if before := self.committed.get(record_id):
            late_s = min(late_s, (self.world.clock.now - before).total_seconds())
        with self.world.clock.back(late_s):
            record_id = self._save(kind, record_id)
        self.committed[record_id] = self.world.clock.now

    def _save(self, kind: str, record_id: str) -> str:
        self.n += 1
        world, stamp = self.world, self.world.stamp
        if kind == "insert":
            record_id = f"a00000000000{self.n:03}AAA"
            world.sql("INSERT INTO TABLE (Id, N__c, SystemModstamp, IsDeleted) VALUES (?, ?, ?, false)",
                      record_id, self.n, stamp)  # fmt: skip
            self.alive.append(record_id)
        elif kind == "update":
            world.sql("UPDATE TABLE SET N__c = ?, SystemModstamp = ? WHERE Id = ?", self.n, stamp, record_id)
        elif kind == "hard_delete":
            world.sql("DELETE FROM TABLE WHERE Id = ?", record_id)
            (self.alive if record_id in self.alive else self.bin).remove(record_id)
            self.vanished.add(record_id)
        else:
            goes = kind == "delete"
            world.sql("UPDATE TABLE SET IsDeleted = ?, SystemModstamp = ? WHERE Id = ?", goes, stamp, record_id)
            ways = (self.alive, self.bin) if goes else (self.bin, self.alive)
            ways[0].remove(record_id)
            ways[1].append(record_id)
        return record_id


@settings(max_examples=80, deadline=None)
@given(steps=STEPS, lag=st.sampled_from([0, 1, 10]), overlap=st.sampled_from([0, 30, 900]))
def test_replaying_the_changes_gives_the_orgs_table_and_nothing_comes_twice(
    started: World, steps: list[Any], lag: int, overlap: int
) -> None:
    started.sql("DELETE FROM TABLE")
    started.clock.now = START
    copy = Copy(started, lag=lag * SECOND, overlap=overlap * SECOND)
    records = Records(started, margin_s=lag + overlap)
    for kind, one, other in steps:
        if kind == "read":
            copy.read()
        elif kind == "wait":
            started.clock.advance(one)
        else:
            records.write(kind, one, other)
    started.clock.advance(lag + 1)
    copy.read()
    # Records that are deleted for good before their deletion was read leave no trace.
    lingering = {key: value for key, value in copy.table().items() if key not in records.vanished}
    assert lingering == started.table()
    assert copy.read() == 0
