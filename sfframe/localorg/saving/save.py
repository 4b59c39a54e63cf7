"""Rows become records: `work` is checked against the records there are, and written (wire notes, 3.9, 4.7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from sfframe.localorg.data.sql import literal, name, run
from sfframe.localorg.data.store import records
from sfframe.localorg.objects.ids import make_ids
from sfframe.localorg.objects.schema import Field
from sfframe.localorg.saving import cells
from sfframe.localorg.saving.counter import FIRST, Counter
from sfframe.localorg.saving.delete import Deletion
from sfframe.localorg.saving.rows import Request, fold, missing_fields, work_table
from sfframe.localorg.saving.rules import Rule

RowFault = Callable[[pa.Table], Mapping[int, str]]
_OK = "error IS NULL"
# Eight digits, as a real org numbers its cases, and more when these are used up.
_PLACE = f"(number - {FIRST - 1})::VARCHAR"
_AUTO_NUMBER = f"lpad({_PLACE}, greatest(8, length({_PLACE}))::INTEGER, '0')"


@dataclass(frozen=True, slots=True)
class Saver:
    """Saves the rows of one job, many at a time, inside a transaction of the caller.

    Attributes:
        db: The connection of the caller's thread.
        request: The job.
        counter: Gives the numbers of new records.
        user_id: Who owns and makes records.
        rule: Looks at each record before it is saved and says what is wrong with it.
        row_fault: Picks rows that fail without any reason of their own.
    """

    db: duckdb.DuckDBPyConnection
    request: Request
    counter: Counter
    user_id: str
    rule: Rule | None = None
    row_fault: RowFault | None = None

    def save(self, rows: pa.Table, *, now: datetime) -> None:
        """Save rows and leave `work` with what became of them.

        Args:
            rows: Text cells and row numbers, from `parse`.
            now: The time that the records are stamped with.
        """
        gives_ids = self.request.operation in ("insert", "upsert")
        self.db.register("cells", self._with_ids(rows) if gives_ids else _without_ids(rows))
        try:
            beside = self.request.beside
            run(self.db, work_table(self.request), [beside] if beside else ())
        finally:
            self.db.unregister("cells")
        if self.row_fault is not None:
            self._fail(self.row_fault(rows))
        stamp = f"TIMESTAMP_MS '{now:%Y-%m-%d %H:%M:%S}'"
        rounds, makes, changes = self._rounds()
        for nth in range(rounds):
            if self.request.operation in ("delete", "hardDelete"):
                Deletion(self.db, self.request, self._stamps(stamp)).run()
                continue
            self._follow(nth)
            if makes:
                self._require(nth)
            for field in self._unique_fields():
                self._check_unique(field, nth)
            self._apply_rule(nth)
            if makes:
                self._insert(nth, stamp)
            if changes:
                self._update(nth, stamp)

    def _rounds(self) -> tuple[int, bool, bool]:
        """How often one record is named here at most, and whether any may be made, and changed; an insert names none.

        A statement costs the same whether it finds a row or not.
        """
        if self.request.key_column is None:
            return 1, True, False
        ((most, n_new, n_known),) = run(
            self.db, "SELECT max(nth), count(*) FILTER (target IS NULL), count(target) FROM work"
        )
        # Of a record that is named again, an earlier row may be what makes it.
        return (most or 0) + 1, bool(n_new) and self.request.operation != "update", bool(n_known or most)

    def _with_ids(self, rows: pa.Table) -> pa.Table:
        """Give each row the Id of the record that it may make; those of rows that make none are never used."""
        first = self.counter.take(rows.num_rows)
        numbers = pa.array(np.arange(first, first + rows.num_rows, dtype=np.int64))
        ids = make_ids(self.request.sobject.key_prefix, first, rows.num_rows)
        return rows.append_column("number", numbers).append_column("fresh", ids)

    def _fail(self, errors: Mapping[int, str]) -> None:
        if not errors:
            return
        picked = pa.table({"n": list(errors), "error": list(errors.values())})
        self.db.register("picked", picked)
        run(self.db, f"UPDATE work SET error = p.error FROM picked p WHERE p.n = work.n AND work.{_OK}")
        self.db.unregister("picked")

    # Checks that look at other records.

    def _follow(self, nth: int) -> None:
        """A key that an earlier chunk has just inserted is an update from then on."""
        if nth:
            run(
                self.db,
                f"""
                UPDATE work SET target = first.target
                FROM (
                    SELECT key, min(coalesce(target, fresh)) AS target
                    FROM work WHERE nth < {nth} AND {_OK} GROUP BY key
                ) first
                WHERE work.nth = {nth} AND work.target IS NULL AND work.key = first.key""",
            )

    def _require(self, nth: int) -> None:
        """Rows that make a record need values; those of an insert were looked at already."""
        if self.request.operation != "upsert":
            return
        if missing := missing_fields(self.request):
            run(
                self.db,
                f"""
                UPDATE work SET error = {cells.required_error(missing)}
                WHERE nth = {nth} AND {_OK} AND target IS NULL AND concat_ws('', {", ".join(missing)}) <> ''""",
            )

    def _unique_fields(self) -> list[Field]:
        key = self.request.key_column
        return [c.field for c in self.request.data_columns if c.field.unique and c is not key]

    def _check_unique(self, field: Field, nth: int) -> None:
        index = next(column.index for column in self.request.data_columns if column.field is field)
        value, held = fold(field, f"work.v{index}"), fold(field, f"o.{name(field.name)}")
        text = f"'DUPLICATE_VALUE:duplicate value found: {field.name} duplicates value on record with id: '"
        here = f"work.nth = {nth} AND work.{_OK} AND work.v{index} IS NOT NULL"
        run(
            self.db,
            f"""
            UPDATE work SET error = {text} || o.Id || ':--' FROM {records(self.request.sobject)} o
            WHERE {here} AND {held} = {value} AND NOT o.IsDeleted AND o.Id IS DISTINCT FROM work.target""",
        )
        run(
            self.db,
            f"""
            UPDATE work SET error = {text} || '<unknown>:--'
            FROM (
                SELECT n, row_number() OVER (PARTITION BY {value} ORDER BY n) AS place FROM work WHERE {here}
                AND {value} IN (SELECT {value} FROM work WHERE {here} GROUP BY 1 HAVING count(*) > 1)
            ) o
            WHERE o.n = work.n AND o.place > 1""",
        )

    # The customer's own rules: the one thing that is looked at row by row.

    def _apply_rule(self, nth: int) -> None:
        if self.rule is None:
            return
        fields = [f for f in self.request.sobject.stored if f.name not in ("IsDeleted", "SystemModstamp")]
        saved = [f"{self._value(field, 'NULL')} AS {name(field.name)}" for field in fields]
        rows = run(
            self.db,
            f"""
            SELECT work.n, {", ".join(saved)}
            FROM work LEFT JOIN {records(self.request.sobject)} r ON r.Id = work.target
            WHERE work.nth = {nth} AND work.{_OK} ORDER BY work.n""",
        )
        errors = {}
        for n, *values in rows:
            record = {field.name: value for field, value in zip(fields, values, strict=True)}
            if text := _judge(self.rule, record):
                errors[n] = text
        self._fail(errors)

    # Writes.

    def _insert(self, nth: int, stamp: str) -> None:
        sobject = self.request.sobject
        values = {field.name: self._new_value(field, stamp) for field in sobject.stored}
        values["IsDeleted"] = "false"
        columns = {field: value for field, value in values.items() if value is not None}
        run(
            self.db,
            f"""
            INSERT INTO {records(sobject)} ({", ".join(map(name, columns))})
            SELECT {", ".join(columns.values())} FROM work WHERE nth = {nth} AND {_OK} AND target IS NULL""",
        )

    def _new_value(self, field: Field, stamp: str) -> str | None:
        """SQL for a field of a new record; None: it stays null."""
        system = {
            "Id": "fresh",
            "CreatedDate": stamp,
            "LastModifiedDate": stamp,
            "SystemModstamp": stamp,
            "CreatedById": literal(self.user_id),
            "LastModifiedById": literal(self.user_id),
        }
        if field.name in system:
            return system[field.name]
        if field.auto_number:
            return _AUTO_NUMBER
        if field.name == "Name" and self.request.sobject.name_parts:
            return self._composed_name(lambda part: self._new_value(part, stamp) or "NULL")
        default = self._default(field)
        column = self._column(field)
        if column is None:
            return default
        # An explicit null is not filled in (wire notes, 4.3).
        return f"v{column}" if default is None else f"CASE WHEN g{column} THEN v{column} ELSE {default} END"

    def _default(self, field: Field) -> str | None:
        if field.type == "reference" and field.name == "OwnerId":
            return literal(self.user_id)
        if field.type == "boolean":
            return str(bool(field.default)).lower()
        if field is self.request.sobject.name_field and field.defaulted_on_create and field.is_text:
            # The name of a custom object's record that is given none is its id.
            return "fresh"
        if field.default is None:
            return None
        return f"TRY_CAST({literal(str(field.default))} AS {field.sql_type})"

    def _update(self, nth: int, stamp: str) -> None:
        sobject = self.request.sobject
        values = {column.field.name: self._value(column.field, "r") for column in self.request.data_columns}
        parts = sobject.name_parts
        if any(part.name in values for part in parts):
            values["Name"] = self._composed_name(lambda part: self._value(part, "r"))
        values |= {field: value for field, value in self._stamps(stamp).items() if sobject.field(field)}
        if not values:
            return
        assignments = ", ".join(f"{name(field)} = {value}" for field, value in values.items())
        run(
            self.db,
            f"""
            UPDATE {records(sobject)} AS r SET {assignments} FROM work
            WHERE r.Id = work.target AND work.nth = {nth} AND work.{_OK}""",
        )

    def _stamps(self, stamp: str) -> dict[str, str]:
        return {"LastModifiedDate": stamp, "SystemModstamp": stamp, "LastModifiedById": literal(self.user_id)}

    def _value(self, field: Field, _old: str) -> str:
        """SQL for a field as it is after an update: an empty cell leaves it alone."""
        column = self._column(field)
        old = f"r.{name(field.name)}"
        return old if column is None else f"CASE WHEN work.g{column} THEN work.v{column} ELSE {old} END"

    def _column(self, field: Field) -> int | None:
        return next((c.index for c in self.request.data_columns if c.field is field), None)

    def _composed_name(self, value: Callable[[Field], str]) -> str:
        parts = ", ".join(f"({value(part)})" for part in self.request.sobject.name_parts)
        return f"concat_ws(' ', {parts})"


def _without_ids(rows: pa.Table) -> pa.Table:
    nothing = pa.nulls(rows.num_rows)
    return rows.append_column("number", nothing.cast(pa.int64())).append_column("fresh", nothing.cast(pa.string()))


def _judge(rule: Rule, record: dict[str, Any]) -> str | None:
    try:
        text = rule(record)
    except Exception as error:  # noqa: BLE001  (a trigger that breaks fails its row, it doesn't end the org)
        what = f"{type(error).__name__}: {error}"
        return f"CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY:rule: execution of BeforeSave caused by: {what}:--"
    return f"FIELD_CUSTOM_VALIDATION_EXCEPTION:{text}:--" if text else None
