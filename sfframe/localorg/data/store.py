"""The org's database: records, definitions, jobs and credentials in one DuckDB file, or in memory."""

from __future__ import annotations

import itertools
import json
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from sfframe.localorg.data.sql import MACROS as VALUE_MACROS
from sfframe.localorg.data.sql import literal, name, number, run
from sfframe.localorg.objects.ids import MACROS as ID_MACROS
from sfframe.localorg.objects.relations import with_children
from sfframe.localorg.objects.schema import SObject
from sfframe.localorg.wire import not_found

# A file's name is the name of its catalog, which a schema must not share: hence names that no file is given.
_TABLES = (
    "CREATE SCHEMA IF NOT EXISTS _org",
    "CREATE SCHEMA IF NOT EXISTS _records",
    "CREATE TABLE IF NOT EXISTS _org.settings (key VARCHAR, value VARCHAR)",
    "CREATE TABLE IF NOT EXISTS _org.objects (seq BIGINT, modified TIMESTAMPTZ, answer VARCHAR)",
    "CREATE TABLE IF NOT EXISTS _org.jobs (seq BIGINT, id VARCHAR, line VARCHAR)",
    "CREATE TABLE IF NOT EXISTS _org.queries (seq BIGINT, id VARCHAR, line VARCHAR)",
    "CREATE TABLE IF NOT EXISTS _org.outcomes (job VARCHAR, n BIGINT, id VARCHAR, created BOOLEAN, error VARCHAR)",
)

_in_use: set[Path | None] = set()
_reserving = threading.Lock()
_KEPT = "SELECT path FROM duckdb_databases() WHERE database_name = current_database() AND path IS NOT NULL"
_LAST_SEQ = (
    "SELECT greatest((SELECT max(seq) FROM _org.jobs), (SELECT max(seq) FROM _org.queries),"
    " (SELECT max(seq) FROM _org.objects))"
)
_USED_TABLES = "SELECT table_name FROM duckdb_tables() WHERE schema_name = '_records' AND estimated_size > 0"


class Store:
    """Owner of the database and of the folder with uploads and results.

    Args:
        database: A file, made where there is none; None: everything in memory, gone at `close`.

    Raises:
        OSError: The file can't be opened: it isn't a database, its folder isn't there, or another org has it.
    """

    def __init__(self, database: str | Path | None = None) -> None:
        self._uploads = Path(tempfile.mkdtemp(prefix="localorg-") if database is None else f"{database}.uploads")
        # Beside the file, so that what a killed org left there is found by the next one.
        self._scratch = self._uploads if database is None else self._uploads / "scratch"
        self._file = None if database is None else Path(database).resolve()
        try:
            _reserve(self._file)
            try:
                self._db = _opened(database, self._scratch)
                self._tidy()
            except BaseException:
                _in_use.discard(self._file)
                raise
        except BaseException:
            if database is None:
                shutil.rmtree(self._scratch, ignore_errors=True)
            raise
        self._lock = threading.Lock()
        self._defined: dict[str, SObject] = {}
        self.objects: dict[str, SObject] = {}
        for statement in (*_TABLES, *ID_MACROS, *VALUE_MACROS):
            run(self._db, statement)
        self._seq = itertools.count(number(self._db, _LAST_SEQ) + 1 if self.is_kept else 1)

    @property
    def is_kept(self) -> bool:
        """Whether there is a file, which another org may open after this one."""
        return self._file is not None

    @property
    def uploads(self) -> Path:
        """The folder of uploads; made again where somebody has tidied up the temporary files of this machine."""
        self._uploads.mkdir(mode=0o700, exist_ok=True)
        return self._uploads

    @property
    def scratch(self) -> Path:
        """The folder of what can be made again, as results; likewise."""
        _ = self.uploads
        self._scratch.mkdir(mode=0o700, exist_ok=True)
        return self._scratch

    def _tidy(self) -> None:
        for unfinished in self.uploads.glob("750-*.part"):
            unfinished.unlink()
        if self._scratch != self._uploads:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def files(self) -> list[Path]:
        """What there is now of uploads and results; not what is being uploaded."""
        found = (file for folder in {self.uploads, self.scratch} for file in folder.glob("750*"))
        return [file for file in found if file.suffix != ".part"]

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own for one thread; the caller closes it."""
        return self._db.cursor()

    @contextmanager
    def front(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The connection for short statements of any thread, one at a time."""
        with self._lock:
            yield self._db

    def close(self) -> None:
        self._db.close()
        _in_use.discard(self._file)
        shutil.rmtree(self._scratch, ignore_errors=True)

    # Settings: credentials and counters.

    def setting(self, key: str, make: Callable[[], str]) -> str:
        """What is kept under a key; made and kept where nothing is."""
        with self.front() as db:
            if rows := run(db, "SELECT value FROM _org.settings WHERE key = ?", [key]):
                return str(rows[0][0])
            value = make()
            run(db, "INSERT INTO _org.settings VALUES (?, ?)", [key, value])
            return value

    def set_setting(self, key: str, value: str) -> None:
        with self.front() as db:
            ((changed,),) = run(db, "UPDATE _org.settings SET value = ? WHERE key = ?", [value, key])
            if not changed:
                run(db, "INSERT INTO _org.settings VALUES (?, ?)", [key, value])

    # Objects.

    def load_objects(self) -> None:
        with self.front() as db:
            rows = run(db, "SELECT modified, answer FROM _org.objects ORDER BY seq")
        self._know(*(SObject(json.loads(answer), modified) for modified, answer in rows))

    def define(self, answer: Mapping[str, Any], modified: datetime) -> SObject:
        """Add an object, or replace the definition of one whose records then keep what still fits.

        Raises:
            ValueError: A field that records have changes its kind of value.
        """
        sobject = SObject(answer, modified)
        with self.front() as db:
            db.begin()
            try:
                self._shape(db, sobject)
                seq = next(self._seq)
                run(db, "INSERT INTO _org.objects VALUES (?, ?, ?)", [seq, modified, json.dumps(answer)])
            except BaseException:
                db.rollback()
                raise
            db.commit()
        self._know(sobject)
        return self.objects[sobject.name.lower()]

    def sobject(self, api_name: str) -> SObject | None:
        return self.objects.get(api_name.lower())

    def existing(self, api_name: str) -> SObject:
        """The object that a path names.

        Raises:
            Refusal: 404, there is none.
        """
        sobject = self.sobject(api_name)
        if sobject is None:
            raise not_found()
        return sobject

    def of_id(self, record_id: str) -> SObject | None:
        """The object whose records have ids like this one."""
        return next((found for found in self.objects.values() if found.key_prefix == record_id[:3]), None)

    def is_defined(self, answer: Mapping[str, Any]) -> bool:
        """Whether an object was defined by just this answer."""
        known = self._defined.get(answer["name"].lower())
        return known is not None and known.answer == answer

    def _know(self, *defined: SObject) -> None:
        self._defined |= {sobject.name.lower(): sobject for sobject in defined}
        # Set at once, never emptied: requests of other threads look at it.
        self.objects = {sobject.name.lower(): sobject for sobject in with_children(self._defined.values())}

    def _shape(self, db: duckdb.DuckDBPyConnection, sobject: SObject) -> None:
        table = records(sobject)
        if self.sobject(sobject.name) is None:
            columns = ", ".join(f"{name(field.name)} {field.sql_type}" for field in sobject.stored)
            run(db, f"CREATE TABLE IF NOT EXISTS {table} ({columns})")
        has = dict(
            run(
                db,
                "SELECT lower(column_name), data_type FROM duckdb_columns() "
                "WHERE schema_name = '_records' AND lower(table_name) = ?",
                [sobject.name.lower()],
            )
        )
        # Some describe answers have no IsDeleted (User, some custom objects); the recycle bin needs it all the same.
        if "isdeleted" not in has:
            run(db, f"ALTER TABLE {table} ADD COLUMN IsDeleted BOOLEAN")
            has["isdeleted"] = "BOOLEAN"
        for field in sobject.stored:
            there = has.get(field.name.lower())
            if there is None:
                run(db, f"ALTER TABLE {table} ADD COLUMN {name(field.name)} {field.sql_type}")
            elif there != field.sql_type:
                if not run(db, f"SELECT 1 FROM {table} WHERE {name(field.name)} IS NOT NULL LIMIT 1"):
                    change = f"ALTER {name(field.name)} TYPE {field.sql_type} USING NULL::{field.sql_type}"
                    run(db, f"ALTER TABLE {table} {change}")
                    continue
                raise ValueError(
                    f"{sobject.name}.{field.name} is kept as {there}, a {field.type} needs {field.sql_type}"
                )

    # Lines that are kept in their order.

    def next_seq(self) -> int:
        """The number of the next line that is kept of anything."""
        return next(self._seq)

    # Records.

    def rows(self, sobject: SObject) -> pa.Table:
        with self.front() as db:
            table: pa.Table = db.sql(f"SELECT * FROM {records(sobject)} ORDER BY Id").to_arrow_table()
            return table

    def record(self, sobject: SObject, record_id: str) -> dict[str, Any] | None:
        """One record with all its fields."""
        with self.front() as db:
            found: pa.Table = db.sql(
                f"SELECT * FROM {records(sobject)} WHERE Id = ?", params=[record_id]
            ).to_arrow_table()
        return next(iter(found.to_pylist()), None)

    def count(self, sobject: SObject) -> int:
        with self.front() as db:
            return number(db, f"SELECT count(*) FROM {records(sobject)} WHERE NOT IsDeleted")

    def counts(self) -> dict[SObject, tuple[int, int]]:
        """Of each object: how many records there are, and how many more lie in the recycle bin."""
        objects = list(self.objects.values())
        queries = (
            f"SELECT {n}, count(*) FILTER (WHERE IsDeleted IS NOT TRUE), count(*) FILTER (WHERE IsDeleted)"
            f" FROM {records(sobject)}"
            for n, sobject in enumerate(objects)
        )
        db = self.cursor()
        try:
            return {objects[n]: (kept, deleted) for n, kept, deleted in run(db, " UNION ALL ".join(queries))}
        finally:
            db.close()

    def empty(self, *keep: str) -> None:
        """Take away what became of jobs, and all records but some: those of the running user and of the org itself."""
        with self.front() as db:
            db.begin()
            kept = ", ".join(map(literal, keep))
            # Asking which tables have rows takes no longer than emptying one.
            for (table,) in run(db, _USED_TABLES):
                run(db, f"DELETE FROM _records.{name(table)} WHERE Id NOT IN ({kept})")
            run(db, "DELETE FROM _org.outcomes")
            db.commit()


def _reserve(file: Path | None) -> None:
    """Within one process DuckDB itself would let two orgs have one file, and each would give the same ids."""
    with _reserving:
        if file is not None and file in _in_use:
            raise OSError(f"the database {file} is in use by another local org of this process")
        _in_use.add(file)


def _opened(database: str | Path | None, scratch: Path) -> duckdb.DuckDBPyConnection:
    # The default of 16 MB would write the whole table anew after every few thousand rows, in memory too.
    config: dict[str, Any] = {
        "checkpoint_threshold": "1GB",
        "temp_directory": str(scratch),
        # What is beyond goes to that folder for a while.
        "memory_limit": "1GB",
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "python_enable_replacements": False,
    }
    try:
        db = duckdb.connect(":memory:" if database is None else str(database), config=config)
        # A second wall: no statement can name a file or an address, fetch an extension or see a variable of Python.
        run(db, "SET enable_external_access = false")
    except duckdb.ConnectionException:
        raise OSError(f"the database {database} is in use by another local org of this process") from None
    except duckdb.IOException as error:
        if "lock" in str(error):
            raise OSError(f"the database {database} is in use by another process, perhaps a local org") from None
        raise OSError(f"the database {database} can't be opened. {error}") from None
    if database is not None and not run(db, _KEPT):
        # DuckDB shows a CSV or JSON file as tables beside a database in memory: all would be lost at the end.
        db.close()
        raise OSError(
            f"the database {database} can't be opened: it is no DuckDB file (without a name all is in memory)"
        )
    return db


def records(sobject: SObject) -> str:
    """The table of an object's records, deleted ones included."""
    return f"_records.{name(sobject.name)}"
