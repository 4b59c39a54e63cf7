"""How many records the org has ever made: their ids and auto-numbers go on from there."""

from __future__ import annotations

import duckdb

from sfframe.localorg.data.sql import number, run

_KEY = "next_record"
_FIRST = 62**4 * 10


def next_number(db: duckdb.DuckDBPyConnection) -> int:
    """The number of the next new record."""
    return number(db, "SELECT value FROM _org.settings WHERE key = ?", [_KEY]) or _FIRST


def keep_number(db: duckdb.DuckDBPyConnection, following: int) -> None:
    """Remember the number after the last record that was made, in the transaction that made it."""
    run(db, "DELETE FROM _org.settings WHERE key = ?", [_KEY])
    run(db, "INSERT INTO _org.settings VALUES (?, ?)", [_KEY, str(following)])
