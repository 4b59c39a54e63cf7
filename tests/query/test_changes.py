"""Changes: no gap and nothing twice, whatever happens in the org and whenever one looks."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import sfframe
from sfframe.localorg.objects.describe import describe_object
from sfframe.query.changes.cursor import Cursor, Mark
from sfframe.query.changes.given import Given
from tests.at_once import org_of
from tests.examples import scaled

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

    def of(self, sobject: str) -> World:
        """The same with another object."""
        return dataclasses.replace(self, sobject=sobject)

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

    def read(self, since: Any = None, **options: Any) -> sfframe.Changes[pl.DataFrame]:
        fields = options.pop("fields", FIELDS)
        return sfframe.read_changes(self.sobject, fields, since, org=self.org, **options)


def described(name: str, *, without: tuple[str, ...] = (), **attributes: Any) -> dict[str, Any]:
    """An object whose describe lacks some fields."""
    answer = describe_object(name, {"N__c": "int"}, key_prefix=f"a{name[0]}0")
    kept = [field for field in answer["fields"] if field["name"] not in without]
    return {**answer, "fields": kept, **attributes}


OBJECTS = [
    described("Person__c", without=("IsDeleted",)),
    described("Quiet__c", replicateable=False),
    described("Silent__c", without=("IsDeleted",), replicateable=False),
    described("Eternal__c", without=("IsDeleted",), replicateable=False, deletable=False),
    described("Modified__c", without=("SystemModstamp",)),
    described("Log__c", without=("SystemModstamp", "LastModifiedDate"), updateable=False, deletable=False),
    described("Unstamped__c", without=("SystemModstamp", "LastModifiedDate")),
]


@pytest.fixture(scope="module")
def started() -> Iterator[World]:
    clock = Clock()
    with sfframe.LocalOrg(clock=clock, objects=OBJECTS) as local:
        for name in ("Thing__c", "Seen__c"):
            parent = {"type": "reference", "referenceTo": [name]}
            moving = {"LastViewedDate": "datetime", "Sum__c": {"type": "double", "calculated": True}}
            local.define(name, {"N__c": "int", "Parent__c": parent, **moving})
        yield World(local, org_of(local), clock)


@pytest.fixture
def world(started: World) -> World:
    started.local.reset()
    started.clock.now = START
    return started


def ids(frame: pl.DataFrame) -> list[str]:
    return frame["Id"].to_list()


# --- the promise ------------------------------------------------------------------------------------------------------

WAITS_S = (0.3, 1, 9, 10, 11, 61, 899, 5000)
KINDS = ("read", "read", "read", "wait", "wait", "insert", "insert", "update", "update", "update", "delete", "undelete",
         "hard_delete")  # fmt: skip
# What happens; to which of the records, or for how long; and how late, in eighths of the margin.
STEPS = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 7), st.integers(0, 8)), min_size=4, max_size=18)
CHANGED_TWICE_IN_A_SECOND = [("insert", 0, 0), ("read", 0, 0), ("update", 0, 0)]
LOOKED_AT_TWICE_IN_A_SECOND = [("insert", 0, 0), ("read", 0, 0), ("read", 0, 0), ("wait", 5, 0), ("read", 0, 0)]
COMMITTED_LATE = [("insert", 0, 0), ("read", 0, 0), ("wait", 6, 0), ("read", 0, 0), ("insert", 0, 8)]


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
        """Change some record; its stamp is so many eighths of the margin older than the commit."""
        known = {"insert": [""], "undelete": self.bin, "hard_delete": self.bin + self.alive}.get(kind, self.alive)
        if not known:
            return
        record_id = known[which % len(known)]
        # A record is locked until a transaction ends: the next one's stamp is not before that.
        late_s = self.margin_s * late / 8
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


@settings(max_examples=scaled(20))
@example(steps=CHANGED_TWICE_IN_A_SECOND, lag=0, overlap=30)
@example(steps=LOOKED_AT_TWICE_IN_A_SECOND, lag=10, overlap=900)
@example(steps=COMMITTED_LATE, lag=1, overlap=900)
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
            started.clock.advance(WAITS_S[one])
        else:
            records.write(kind, one, other)
    started.clock.advance(lag + 1)
    copy.read()
    # Records that are deleted for good before their deletion was read leave no trace.
    lingering = {key: value for key, value in copy.table().items() if key not in records.vanished}
    assert lingering == started.table()
    assert copy.read() == 0


# --- what is given ----------------------------------------------------------------------------------------------------


def test_without_since_all_there_is_comes_the_newest_too_and_no_deletes(world: World) -> None:
    kept, gone = world.insert(1), world.insert(2)
    world.delete(gone)
    world.clock.advance(3600)
    new = world.insert(3)
    changes = world.read()
    assert sorted(changes.upserted.rows()) == sorted([(kept, 1), (new, 3)])
    assert changes.upserted.schema == {"Id": pl.String, "N__c": pl.Int64}
    assert changes.deleted.schema == {"Id": pl.String, "DeletedDate": pl.Datetime("us", "UTC")}
    assert changes.deleted.is_empty()
    assert changes.stamp == "SystemModstamp"


def test_an_empty_window_has_the_same_columns(world: World) -> None:
    first = world.read()
    second = world.read(first.cursor)
    assert second.upserted.is_empty()
    assert second.deleted.is_empty()
    assert second.upserted.schema == first.upserted.schema
    assert second.deleted.schema == first.deleted.schema


def test_columns_are_those_asked_for_in_their_order_and_the_schemas_case(world: World) -> None:
    parent = world.insert(1)
    world.request("POST", "/sobjects/Thing__c", {"N__c": 2, "Parent__c": parent})
    asked = world.read(fields=["parent__r.n__c", "systemmodstamp", "N__c"]).upserted
    assert asked.columns == ["Parent__r.N__c", "SystemModstamp", "N__c"]
    stamp = START.replace(microsecond=0)
    assert sorted(asked.rows(), key=lambda row: row[2]) == [(None, stamp, 1), (1, stamp, 2)]
    assert world.read(fields=["N__c"]).upserted.columns == ["N__c"]


def test_the_window_ends_behind_the_orgs_clock(world: World) -> None:
    cursor = world.read().cursor
    world.clock.advance(100)
    record = world.insert(1)
    world.clock.advance(9)
    early = world.read(cursor)
    assert early.upserted.is_empty()
    assert early.until == START.replace(microsecond=0) + 100 * SECOND
    world.clock.advance(1)
    assert ids(world.read(early.cursor).upserted) == [record]


def test_a_record_that_was_changed_and_then_deleted_is_only_deleted(world: World) -> None:
    record = world.insert(1)
    cursor = world.read().cursor
    world.clock.advance(60)
    world.update(record, 2)
    world.clock.advance(60)
    world.delete(record)
    world.clock.advance(60)
    changes = world.read(cursor)
    assert changes.upserted.is_empty()
    assert changes.deleted.rows() == [(record, START.replace(microsecond=0) + 120 * SECOND)]


def test_an_undeleted_record_is_upserted_and_deleted_again_if_it_is(world: World) -> None:
    record = world.insert(1)
    cursor = world.read().cursor
    for _ in range(2):
        world.clock.advance(60)
        world.delete(record)
        world.clock.advance(60)
        gone = world.read(cursor)
        assert ids(gone.deleted) == [record]
        world.sql("UPDATE TABLE SET IsDeleted = false, SystemModstamp = ? WHERE Id = ?", world.stamp, record)
        world.clock.advance(60)
        back = world.read(gone.cursor)
        assert (ids(back.upserted), ids(back.deleted)) == ([record], [])
        cursor = back.cursor


def test_since_a_moment_comes_what_changed_in_its_second_or_later(world: World) -> None:
    old, gone = world.insert(1), world.insert(2)
    world.clock.advance(60)
    new = world.insert(3)
    world.delete(gone)
    moment = world.clock.now + dt.timedelta(milliseconds=500)
    world.clock.advance(60)
    changes = world.read(moment.astimezone(dt.timezone(dt.timedelta(hours=5))))
    assert (ids(changes.upserted), ids(changes.deleted)) == ([new], [gone])
    assert old not in ids(changes.upserted)
    assert world.read(changes.cursor).upserted.is_empty()


def test_other_fields_than_before_bring_nothing_twice(world: World) -> None:
    world.insert(1)
    first = world.read(fields=["Id"])
    second = world.read(first.cursor, fields=["Id", "N__c"])
    assert second.upserted.is_empty()


def test_what_moves_without_the_record_being_changed_brings_nothing(world: World) -> None:
    seen = world.of("Seen__c")
    parent = seen.insert(1)
    child = seen.request("POST", "/sobjects/Seen__c", {"N__c": 2, "Parent__c": parent})["id"]
    fields = ["Id", "N__c", "LastViewedDate", "Sum__c", "Parent__r.N__c"]
    cursor = seen.read(fields=fields).cursor
    seen.sql("UPDATE TABLE SET LastViewedDate = now()::TIMESTAMP, Sum__c = 7 WHERE Id = ?", child)
    seen.sql("UPDATE TABLE SET N__c = 3 WHERE Id = ?", parent)
    assert ids(seen.read(cursor, fields=fields).upserted) == [parent]


def test_a_longer_overlap_than_before_brings_nothing_twice(world: World) -> None:
    world.insert(1)
    world.clock.advance(600)
    first = world.read(overlap=10 * SECOND)
    world.clock.advance(60)
    second = world.read(first.cursor, overlap=3600 * SECOND)
    assert second.upserted.is_empty()


def test_a_query_job_gives_the_same(world: World) -> None:
    record, gone = world.insert(1), world.insert(2)
    cursor = world.read(api="bulk").cursor
    world.clock.advance(60)
    world.update(record, 3)
    world.delete(gone)
    world.clock.advance(60)
    jobs = world.local.count("query_create")
    changes = world.read(cursor, api="bulk")
    assert (changes.upserted.rows(), ids(changes.deleted)) == ([(record, 3)], [gone])
    assert (jobs, world.local.count("query_create")) == (1, 2)


@pytest.mark.parametrize(("backend", "kind"), [("pandas", pd.DataFrame), ("pyarrow", pa.Table)])
def test_frames_are_those_of_the_backend(world: World, backend: Any, kind: type) -> None:
    world.insert(1)
    changes = world.read(backend=backend)
    assert isinstance(changes.upserted, kind)
    assert isinstance(changes.deleted, kind)
    assert len(changes.upserted) == 1


def test_options_of_the_org_count(world: World) -> None:
    world.insert(1)
    org = sfframe.Org(world.org.url, world.org.auth, poll=world.org.poll, defaults={"api": "bulk"})
    assert sfframe.read_changes("Thing__c", ["Id"], org=org).upserted.height == 1
    assert world.local.count("query_create") == 1


def test_the_async_twin_reads_the_same(world: World) -> None:
    record = world.insert(1)
    changes = sfframe.run(sfframe.read_changes_async("Thing__c", ["Id"], org=world.org))
    assert ids(changes.upserted) == [record]
    assert record not in repr(changes)
    assert record not in changes.cursor


# --- objects that lack something --------------------------------------------------------------------------------------


def changed_and_deleted(world: World) -> tuple[list[str], list[str]]:
    """What a reader is told of one change and one delete, and that it is told once."""
    record, gone = world.insert(1), world.insert(2)
    cursor = world.read().cursor
    world.clock.advance(60)
    world.update(record, 3)
    world.delete(gone)
    world.clock.advance(60)
    changes = world.read(cursor)
    assert (ids(changes.upserted), ids(changes.deleted)) == ([record], [gone])
    again = world.read(changes.cursor)
    return ids(again.upserted), ids(again.deleted)


def test_deletes_are_told_of_an_object_without_is_deleted(world: World) -> None:
    assert changed_and_deleted(world.of("Person__c")) == ([], [])


def test_deletes_of_an_object_without_a_log_come_from_the_bin(world: World) -> None:
    quiet = world.of("Quiet__c")
    assert changed_and_deleted(quiet) == ([], [])
    assert not [one for one in world.local.requests if "/deleted" in one.path]


def test_an_object_whose_records_cannot_be_deleted_has_no_deletes(world: World) -> None:
    eternal = world.of("Eternal__c")
    record = eternal.insert(1)
    changes = eternal.read()
    assert (ids(changes.upserted), ids(changes.deleted)) == ([record], [])


def test_an_object_that_does_not_tell_its_deletes_is_refused(world: World) -> None:
    with pytest.raises(sfframe.SoqlError, match="deleted: it isn't replicateable, and it has no IsDeleted"):
        world.of("Silent__c").read()


def test_without_system_modstamp_last_modified_date_tells(world: World) -> None:
    modified = world.of("Modified__c")
    assert modified.read().stamp == "LastModifiedDate"
    assert changed_and_deleted(modified) == ([], [])


def test_an_object_whose_records_are_only_made_is_told_by_created_date(world: World) -> None:
    log = world.of("Log__c")
    log.insert(1)
    first = log.read()
    world.clock.advance(60)
    second = log.insert(2)
    world.clock.advance(60)
    changes = log.read(first.cursor)
    assert (ids(changes.upserted), changes.stamp) == ([second], "CreatedDate")


def test_an_object_without_stamps_is_refused(world: World) -> None:
    with pytest.raises(sfframe.SoqlError, match="none of SystemModstamp, LastModifiedDate to filter by"):
        world.of("Unstamped__c").read()


def test_a_name_that_no_object_has_brings_those_that_are_close(world: World) -> None:
    with pytest.raises(sfframe.ApiError, match=r"no object 'Thingy__c'.*did you mean 'Thing__c'"):
        world.of("Thingy__c").read()


# --- how long the org remembers ---------------------------------------------------------------------------------------

DAYS = 24 * 3600


@pytest.mark.parametrize("sobject", ["Thing__c", "Quiet__c"])
def test_a_cursor_older_than_the_orgs_memory_of_deletes_is_refused(world: World, sobject: str) -> None:
    some = world.of(sobject)
    cursor = some.read().cursor
    world.clock.advance(14 * DAYS)
    record = some.insert(1)
    world.clock.advance(60)
    assert ids(some.read(cursor).upserted) == [record]
    world.clock.advance(2 * DAYS)
    with pytest.raises(sfframe.ChangesLost, match=r"since 2026-03-01 11:44Z.*15 days.*Updates have no.*since=None"):
        some.read(cursor)


def test_a_full_read_needs_no_memory_of_deletes(world: World) -> None:
    record = world.insert(1)
    changes = world.read(overlap=dt.timedelta(days=20))
    assert ids(changes.upserted) == [record]
    world.delete(record)
    world.clock.advance(60)
    assert ids(world.read(changes.cursor).deleted) == [record]


# --- cursors and other mistakes ---------------------------------------------------------------------------------------


def test_a_cursor_of_another_object_or_org_is_refused(world: World) -> None:
    cursor = world.read().cursor
    with pytest.raises(sfframe.CursorError, match="is of Thing__c, and Quiet__c is to be read"):
        world.of("Quiet__c").read(cursor)
    other = json.loads(cursor) | {"org": "00D000000000001EAA"}
    with pytest.raises(sfframe.CursorError, match="is of org 00D000000000001EAA, and this is 00D"):
        world.read(json.dumps(other))
    unnamed = json.loads(cursor) | {"org": None, "host": "acme.my.salesforce.com"}
    with pytest.raises(sfframe.CursorError, match=r"is of org acme\.my\.salesforce\.com, and this is 127"):
        world.read(json.dumps(unnamed))


@pytest.mark.parametrize("since", ["", "yesterday", "2026-01-01T00:00:00Z", "{}", "[1]", '{"sfframe_changes": 1}', "1"])
def test_a_text_that_is_no_cursor_is_refused(world: World, since: str) -> None:
    with pytest.raises(sfframe.CursorError, match="datetime with a zone, or since=None"):
        world.read(since)


def test_a_cursor_of_a_newer_form_is_refused(world: World) -> None:
    newer = json.loads(world.read().cursor) | {"sfframe_changes": 2}
    with pytest.raises(sfframe.CursorError, match="another version of sfframe"):
        world.read(json.dumps(newer))


@pytest.mark.parametrize("since", [dt.datetime(2026, 1, 1), dt.date(2026, 1, 1), 1767225600])
def test_a_moment_without_a_zone_is_refused(world: World, since: Any) -> None:
    with pytest.raises(sfframe.CursorError, match="zone"):
        world.read(since)


@pytest.mark.parametrize(
    ("since", "words"),
    [
        (pd.NaT, "NaT, which is no moment"),
        (dt.datetime.min.replace(tzinfo=dt.UTC), "1970 to 3999"),
        (dt.datetime.max.replace(tzinfo=dt.UTC), "1970 to 3999"),
    ],
)
def test_a_moment_that_no_change_can_have_is_refused(world: World, since: Any, words: str) -> None:
    with pytest.raises(sfframe.CursorError, match=words):
        world.read(since)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"fields": "Id"}, sfframe.SoqlError, "a list of names"),
        ({"fields": []}, sfframe.SoqlError, "a list of names"),
        ({"fields": ["Id", "COUNT(Id)"]}, sfframe.SoqlError, "'COUNT\\(Id\\)' is neither"),
        ({"fields": ["Id", "id"]}, sfframe.SoqlError, "selected twice"),
        ({"fields": ["N_c"]}, sfframe.SoqlError, "'N__c'"),
        ({"lag": -SECOND}, ValueError, "zero or more"),
        ({"overlap": -SECOND}, ValueError, "zero or more"),
        ({"backend": "excel"}, ValueError, "'excel'"),
    ],
)
def test_what_makes_no_sense_is_refused(
    world: World, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        world.read(**options)


@given(st.lists(st.binary(min_size=10, max_size=10)))
def test_fingerprints_come_back_from_their_text(prints: list[bytes]) -> None:
    given_before = Given.of(prints)
    assert Given.from_text(given_before.to_text()) == given_before
    assert all(given_before.has(one) for one in prints)


@given(st.data())
def test_a_cursor_that_was_cut_is_refused(data: st.DataObject) -> None:
    whole = Cursor(
        org_id=None,
        host="h",
        sobject="Thing__c",
        changed=Mark(settled=START, kept=START),
        deleted=Mark(settled=START, kept=START),
        until=START,
        given=Given.of([b"0123456789"]),
    ).to_text()
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    with pytest.raises(sfframe.CursorError):
        Cursor.from_text(cut)
