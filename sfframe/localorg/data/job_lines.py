"""Job lines: what is kept of the jobs of a kind, so that the org's next life takes them up."""

from __future__ import annotations

from typing import Literal

import duckdb

from sfframe.localorg.data.sql import run
from sfframe.localorg.data.store import Store


class JobLines:
    """A line for each step of a job; the last one counts, and an empty one says that it is gone.

    They are appended and never changed, so writers of different threads can't conflict. An org in memory has no next
    life, and keeps none.

    Args:
        store: The database.
        table: Where the lines of these jobs are.
    """

    def __init__(self, store: Store, table: Literal["jobs", "queries"]) -> None:
        self._store, self._table = store, table

    def load(self) -> tuple[list[tuple[str, str]], int]:
        """The last line of each job, oldest job first, and how many jobs there ever were."""
        made = int(self._store.setting(f"{self._table}_made", lambda: "0"))
        query = f"SELECT id, arg_max(line, seq) FROM _org.{self._table} GROUP BY id ORDER BY min(seq)"
        with self._store.front() as db:
            lines = run(db, query)
        return lines, made + len(lines)

    def append(self, job_id: str, line: str, db: duckdb.DuckDBPyConnection | None = None) -> None:
        """Keep a step of a job.

        Args:
            job_id: The job.
            line: What is to be known of it; empty: that it is gone.
            db: The connection of a transaction that this is part of.
        """
        if not self._store.is_kept:
            return
        if db is None:
            with self._store.front() as front:
                self.append(job_id, line, front)
            return
        run(db, f"INSERT INTO _org.{self._table} VALUES (?, ?, ?)", [self._store.next_seq(), job_id, line])

    def forget(self, made: int) -> None:
        """Keep nothing of any job but how many there ever were."""
        if not self._store.is_kept:
            return
        self._store.set_setting(f"{self._table}_made", str(made))
        with self._store.front() as db:
            run(db, f"DELETE FROM _org.{self._table}")
