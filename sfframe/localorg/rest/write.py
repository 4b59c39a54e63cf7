"""Records that come over REST are saved by the rules of the jobs, in one transaction (REST guide: sObject Rows)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import duckdb
import pyarrow as pa

from sfframe.localorg.data.sql import run
from sfframe.localorg.data.store import Store
from sfframe.localorg.desk import FaultDesk
from sfframe.localorg.objects.schema import Field, SObject
from sfframe.localorg.rest.incoming import Incoming, Reader, as_rows, same_columns, texts
from sfframe.localorg.rest.outcome import ROLLED_BACK, Outcome, RowError
from sfframe.localorg.saving.cells import JSON_ERROR
from sfframe.localorg.saving.counter import Counter
from sfframe.localorg.saving.header import ROW
from sfframe.localorg.saving.rows import Request
from sfframe.localorg.saving.rules import Rules
from sfframe.localorg.saving.save import RowFault, Saver

_ROLLED_BACK = RowError(
    ROLLED_BACK, "Record rolled back because not all records were valid and the request was using AllOrNone header"
)


@dataclass(frozen=True, slots=True)
class Change:
    """What is to become of one record: its object and its members as they came."""

    sobject: SObject
    record: dict[str, Any]


class Writer:
    """Saves records of one request at a time, between the strides of running jobs.

    Args:
        store: Where they are kept.
        counter: Gives the numbers of new records.
        busy: Held by whoever saves.
        desk: Picks rows that fail.
        rules: The customer's, by object.
        now: The org's clock.
        user_id: Who makes and changes records.
    """

    def __init__(
        self,
        store: Store,
        counter: Counter,
        busy: threading.Lock,
        desk: FaultDesk,
        rules: Rules,
        now: Callable[[], datetime],
        user_id: str,
    ) -> None:
        self._store, self._busy, self._desk, self._rules = store, busy, desk, rules
        self._counter, self._now, self._user_id = counter, now, user_id

    def write(
        self,
        operation: str,
        changes: Sequence[Change | RowError],
        *,
        body: str,
        key: Field | None = None,
        whole: bool = False,
    ) -> list[Outcome]:
        """Save records; what is answered is on disk.

        Args:
            operation: "insert", "update", "upsert" or "delete".
            changes: What is wanted, at most a chunk of 200; errors stand for what can't be tried at all.
            body: The request's text, for errors that tell a place in it.
            key: The field that an upsert goes by.
            whole: All of them or none.

        Returns:
            An outcome for each, in the order of `changes`.

        Raises:
            Refusal: The request as a whole can't be read; nothing is saved then.
        """
        changes = [_allowed(operation, change) for change in changes]
        reader = Reader(self._store.sobject, body)
        possible = [change for change in changes if isinstance(change, Change)]
        runs = list(_runs([(one.sobject, reader.record(one.record, one.sobject)) for one in possible]))
        saved: list[Outcome] = []
        with self._busy, closing(self._store.cursor()) as db:
            db.begin()
            try:
                for sobject, together in runs:
                    request = Request(sobject, operation, (), key, self._store.sobject, typed=True)
                    apart = [one for other, run in runs if other is sobject and run is not together for one in run]
                    saved += self._save(db, request, together, apart)
                    _check_readable(saved, reader)
                outcomes = _merged(changes, saved)
                is_spoilt = whole and any(outcome.error for outcome in outcomes)
            except BaseException:
                db.rollback()
                raise
            if is_spoilt:
                db.rollback()
                return [outcome if outcome.error else Outcome(None, error=_ROLLED_BACK) for outcome in outcomes]
            db.commit()
        return outcomes

    def _save(
        self, db: duckdb.DuckDBPyConnection, request: Request, records: Sequence[Incoming], apart: Sequence[Incoming]
    ) -> list[Outcome]:
        columns, rows = as_rows(records)
        request = replace(request, columns=columns, beside=texts(apart, request.key_name))
        fault = _filled(self._desk.for_rows(tuple(column.header for column in columns)))
        saver = Saver(db, request, self._counter, self._user_id, self._rules.get(request.sobject.name), fault)
        saver.save(rows, now=self._now().astimezone(UTC))
        saved = run(db, "SELECT coalesce(target, fresh), error IS NULL AND target IS NULL, error FROM work ORDER BY n")
        return [
            Outcome(record_id, created, RowError.from_text(error) if error else None)
            for record_id, created, error in saved
        ]


def _allowed(operation: str, change: Change | RowError) -> Change | RowError:
    if isinstance(change, RowError) or change.sobject.takes(operation):
        return change
    done = {"insert": "inserted", "delete": "deleted"}.get(operation, "updated")
    return RowError(
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", f"entity type cannot be {done}: {change.sobject.answer['label']}"
    )


def _runs(records: Sequence[tuple[SObject, Incoming]]) -> Iterator[tuple[SObject, list[Incoming]]]:
    """Neighbours that can be saved together: of one object, and each field named in one way."""
    run_of: list[Incoming] = []
    current: SObject | None = None
    for sobject, record in records:
        if current is not None and (sobject is not current or not same_columns([*run_of, record])):
            yield current, run_of
            run_of = []
        current = sobject
        run_of.append(record)
    if current is not None:
        yield current, run_of


def _merged(changes: Sequence[Change | RowError], saved: Sequence[Outcome]) -> list[Outcome]:
    """The outcomes in the order of the request."""
    following = iter(saved)
    return [next(following) if isinstance(change, Change) else Outcome(None, error=change) for change in changes]


def _check_readable(outcomes: Sequence[Outcome], reader: Reader) -> None:
    """A value that isn't one of its field's kind refuses the whole request, as any mistake in JSON does."""
    for outcome in outcomes:
        if outcome.error is not None and outcome.error.code == JSON_ERROR:
            raise reader.parser_error(outcome.error.message, outcome.error.fields[0])


def _filled(fault: RowFault | None) -> RowFault | None:
    """A fault that sees members which aren't there as empty cells, like those of an upload."""
    if fault is None:
        return None

    def pick(rows: pa.Table) -> Mapping[int, str]:
        for place, column in enumerate(rows.column_names):
            if column != ROW:
                texts = [text or "" for text in rows.column(column).to_pylist()]
                rows = rows.set_column(place, column, pa.array(texts, pa.string()))
        return fault(rows)

    return pick
