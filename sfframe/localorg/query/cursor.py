"""Answers of REST queries, page by page: what doesn't fit into the first one waits in a file (SOQL notes, 8)."""

from __future__ import annotations

import bisect
import re
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from sfframe.localorg.data.sql import number, run
from sfframe.localorg.data.store import Store
from sfframe.localorg.objects.ids import make_id, normal_id
from sfframe.localorg.query.records import groups_of, records_of
from sfframe.localorg.soql import Children, Query
from sfframe.localorg.wire import Refusal

MAX_BATCH = 2_000
_LIFE = timedelta(days=2)
_MOST_CURSORS = 1_000
# More would be a page that nobody has memory for; pages of wide rows are shorter, as they are in an org.
_PAGE_BYTES = 32_000_000
_PAGE_CHILDREN = 20_000
_LOCATOR = re.compile(r"([0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?)-(\d{1,10})")
_TOO_MANY_GROUPS = "Aggregate query does not support queryMore(), use LIMIT to restrict the results to a single batch"


@dataclass(frozen=True, slots=True)
class _Cursor:
    """A whole answer in a file of Arrow batches; `starts` are the rows at which they begin."""

    query: Query
    file: Path
    starts: tuple[int, ...]
    total: int
    made: datetime

    def rows(self, start: int, count: int) -> pa.Table:
        with pa.memory_map(str(self.file)) as source:
            reader = pa.ipc.open_file(source)
            first = bisect.bisect_right(self.starts, start) - 1
            last = bisect.bisect_left(self.starts, start + count)
            batches = [reader.get_batch(nth) for nth in range(first, last)]
            table = pa.Table.from_batches(batches, reader.schema)
            return table.slice(start - self.starts[first], count)


class _Rows:
    """The rows of a statement, read batch by batch; what was looked at stays to be read again."""

    def __init__(self, db: duckdb.DuckDBPyConnection, sql: str, parameters: Sequence[Any]) -> None:
        reader = db.sql(sql, params=list(parameters)).to_arrow_reader(MAX_BATCH)
        self.schema = reader.schema
        self._seen: list[pa.RecordBatch] = []
        self._rest = (batch for batch in reader if batch.num_rows)

    def head(self, count: int) -> tuple[pa.Table, bool]:
        """The first so many rows, and whether these are all."""
        seen = 0
        for batch in self._rest:
            self._seen.append(batch)
            seen += batch.num_rows
            if seen > count:
                break
        return pa.Table.from_batches(self._seen, self.schema).slice(0, count), seen <= count

    def all(self) -> Iterator[pa.RecordBatch]:
        yield from self._seen
        self._seen.clear()
        yield from self._rest


class Cursors:
    """Runs REST queries and keeps what is still to be fetched of them.

    Args:
        store: Whose records are asked for.
        now: The org's clock.
    """

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now
        self._lock = threading.Lock()
        self._cursors: dict[str, _Cursor] = {}
        # A locator of an earlier life of the org must not meet a cursor of this one.
        self._made = secrets.randbelow(62**9)

    def forget(self) -> None:
        """Take away everything that waits to be fetched."""
        with self._lock:
            gone = list(self._cursors)
            for key in gone:
                self._drop(key)

    def open(self, query: Query, version: str, batch: int = MAX_BATCH) -> dict[str, Any]:
        """The first page of an answer, as JSON.

        Args:
            query: What is asked.
            version: The API version that URLs name.
            batch: The most records of a page.

        Raises:
            Refusal: There are more groups than a page holds.
        """
        db = self._store.cursor()
        try:
            if query.form == "count":
                return _answer(number(db, query.sql, query.parameters), [])
            if query.form == "aggregates":
                return self._groups(db, query)
            return self._first(db, query, version, batch)
        finally:
            db.close()

    def more(self, locator: str, version: str, batch: int = MAX_BATCH) -> dict[str, Any]:
        """A further page, which may be asked for again.

        Raises:
            Refusal: The locator leads nowhere, or its life of two days is over.
        """
        found = _LOCATOR.fullmatch(locator)
        key = normal_id(found[1]) if found else None
        with self._lock:
            self._tidy()
            cursor = self._cursors.get(key or "")
        if found is None or key is None or cursor is None or int(found[2]) >= cursor.total:
            raise Refusal(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        db = self._store.cursor()
        try:
            return self._page(db, key, cursor, int(found[2]), version, batch)
        except FileNotFoundError:
            # Its life ended in this moment.
            raise Refusal(400, "INVALID_QUERY_LOCATOR", "invalid query locator") from None
        finally:
            db.close()

    # Pages.

    def _first(self, db: duckdb.DuckDBPyConnection, query: Query, version: str, batch: int) -> dict[str, Any]:
        rows = _Rows(db, query.keyed_sql, query.parameters)
        head, is_all = rows.head(min(batch, query.max_batch))
        if is_all or query.has_offset:
            records, taken = self._records(db, query, head, version, batch)
            if taken == head.num_rows or query.has_offset:
                return _answer(taken, records)
        cursor = self._keep(query, rows)
        return self._page(db, self._register(cursor), cursor, 0, version, batch)

    def _page(
        self, db: duckdb.DuckDBPyConnection, key: str, cursor: _Cursor, start: int, version: str, batch: int
    ) -> dict[str, Any]:
        rows = cursor.rows(start, min(batch, cursor.query.max_batch))
        records, taken = self._records(db, cursor.query, rows, version, batch)
        following = start + taken
        url = f"/services/data/v{version}/query/{key}-{following}" if following < cursor.total else None
        return _answer(cursor.total, records, url)

    def _groups(self, db: duckdb.DuckDBPyConnection, query: Query) -> dict[str, Any]:
        rows, is_all = _Rows(db, query.sql, query.parameters).head(MAX_BATCH)
        if not is_all:
            raise Refusal(400, "EXCEEDED_ID_LIMIT", _TOO_MANY_GROUPS)
        return _answer(rows.num_rows, groups_of(query, rows))

    def _records(
        self, db: duckdb.DuckDBPyConnection, query: Query, rows: pa.Table, version: str, batch: int
    ) -> tuple[list[dict[str, Any]], int]:
        """The records of as many of the rows as a page has room for, and how many these are."""
        while rows.nbytes > _PAGE_BYTES and rows.num_rows > 1:
            rows = rows.slice(0, rows.num_rows // 2)
        families = {}
        for child in query.children:
            keys: list[Any] = rows["k0"].to_pylist()
            families[child.path], parents = self._family(db, child, keys, version, batch)
            rows = rows.slice(0, parents)
        return records_of(query, rows, version, families), rows.num_rows

    # Children.

    def _family(
        self, db: duckdb.DuckDBPyConnection, child: Children, parents: list[str], version: str, batch: int
    ) -> tuple[dict[str, dict[str, Any]], int]:
        """The children of the first parents, of as many as a page has room for; and how many parents these are."""
        sql = f"SELECT * FROM ({child.query.keyed_sql}) WHERE place <= ? ORDER BY parent, place"
        most = min(batch, child.query.max_batch)
        parents = _roomy(parents, dict(run(db, child.sizes_sql, (*child.sizes_parameters, parents))), most)
        while True:
            rows, is_all = _Rows(db, sql, (*child.query.parameters, parents, most)).head(_PAGE_CHILDREN)
            if is_all or len(parents) == 1:
                records, taken = self._records(db, child.query, rows, version, batch)
                if taken == rows.num_rows or len(parents) == 1:
                    break
            # Rather fewer parents than parents with some of their children.
            parents = parents[: len(parents) // 2]
        keys: list[Any] = rows["parent"].to_pylist()
        totals: list[Any] = rows["total"].to_pylist()
        found = {key: _answer(total, []) for key, total in zip(keys, totals, strict=True)}
        for key, record in zip(keys[:taken], records, strict=True):
            found[key]["records"].append(record)
        for key, answer in found.items():
            if len(answer["records"]) < answer["totalSize"]:
                found[key] = self._long_family(child, key, answer, version)
        return found, len(parents)

    def _long_family(self, child: Children, parent: str, answer: dict[str, Any], version: str) -> dict[str, Any]:
        """Children that don't fit come by a locator of their own."""
        db = self._store.cursor()
        try:
            sql = f"SELECT * FROM ({child.query.keyed_sql}) ORDER BY place"
            cursor = self._keep(child.query, _Rows(db, sql, (*child.query.parameters, [parent])))
        finally:
            db.close()
        url = f"/services/data/v{version}/query/{self._register(cursor)}-{len(answer['records'])}"
        return _answer(answer["totalSize"], answer["records"], url)

    # Files.

    def _keep(self, query: Query, rows: _Rows) -> _Cursor:
        file = self._store.scratch / f"cursor-{secrets.token_hex(8)}.arrow"
        starts: list[int] = []
        total = 0
        with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, rows.schema) as writer:
            for batch in rows.all():
                writer.write_batch(batch)
                starts.append(total)
                total += batch.num_rows
        return _Cursor(query, file, tuple(starts), total, self._now())

    def _register(self, cursor: _Cursor) -> str:
        with self._lock:
            self._tidy()
            self._made += 1
            key = make_id("01g", self._made)
            self._cursors[key] = cursor
            return key

    def _tidy(self) -> None:
        now = self._now()
        old = [key for key, cursor in self._cursors.items() if now - cursor.made >= _LIFE]
        surplus = list(self._cursors)[: max(0, len(self._cursors) - _MOST_CURSORS)]
        for key in {*old, *surplus}:
            self._drop(key)

    def _drop(self, key: str) -> None:
        self._cursors.pop(key).file.unlink(missing_ok=True)


def _roomy(parents: list[str], sizes: dict[str, int], most: int) -> list[str]:
    """As many of the parents as a page has room for with their children; one at least."""
    room = _PAGE_CHILDREN
    for nth, parent in enumerate(parents):
        room -= min(sizes.get(parent, 0), most)
        if room < 0:
            return parents[: max(1, nth)]
    return parents


def _answer(total: int, records: list[dict[str, Any]], following: str | None = None) -> dict[str, Any]:
    answer: dict[str, Any] = {"totalSize": total, "done": following is None}
    if following is not None:
        answer["nextRecordsUrl"] = following
    return {**answer, "records": records}
