"""What each row of an upload asks for, and why it can't have it: one table for many rows (wire notes, 4.7, 5.2).

The table is called `work`. Of each row it holds `n` (its number), `chunk`, `target` (the Id of the record that it
changes; null: a new one), `number` and `fresh` (number and Id of the record that it may make), `nth` (how many earlier
rows here name the same record), `error` (the first thing that is wrong, else null), and for the column i of the upload
`v<i>` (the value) and `g<i>` (whether the row sets it).

Nearly all rows name a record that no other row names and that is there once. Hence what is dear, as windows and lists
of ids, is worked out for the others alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sfframe.localorg.data.sql import coalesce, concat, literal, name
from sfframe.localorg.data.store import records
from sfframe.localorg.objects.schema import Field, SObject
from sfframe.localorg.saving import cells
from sfframe.localorg.saving.header import Column, FindObject, cell

CHUNK_ROWS = 200


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be done with some rows: a job, or a request over REST.

    Attributes:
        sobject: Whose records they become.
        operation: One of a job's.
        columns: What the rows hold.
        key: The field that an upsert goes by.
        find: Gives an object by its API name.
        typed: The cells come from JSON, see `read_cell`.
        made: First and last Id of what each earlier part of the same upload has made.
        beside: Of rows that came together with these and are saved apart, the cells that name their records.
    """

    sobject: SObject
    operation: str
    columns: tuple[Column, ...]
    key: Field | None
    find: FindObject
    typed: bool = False
    made: Sequence[tuple[str, str]] = ()
    beside: Sequence[str] = ()

    @property
    def looks_at_its_own(self) -> bool:
        """Rows may name records of the object that others of the same upload make."""
        is_own = any(self.sobject.name in column.field.reference_to for column in self.data_columns)
        return is_own and self.operation in ("insert", "upsert")

    @property
    def by_id(self) -> bool:
        return self.operation in ("update", "delete", "hardDelete") or (self.key is not None and self.key.name == "Id")

    @property
    def key_name(self) -> str | None:
        """The field that names the record of a row; an insert has none."""
        if self.operation == "insert":
            return None
        return "Id" if self.by_id or self.key is None else self.key.name

    @property
    def key_column(self) -> Column | None:
        if self.key_name is None:
            return None
        return next(column for column in self.columns if column.field.name == self.key_name and column.parent is None)

    @property
    def data_columns(self) -> tuple[Column, ...]:
        """The columns whose values are saved."""
        if self.operation in ("delete", "hardDelete"):
            return ()
        return tuple(column for column in self.columns if column.field.name != "Id")


def work_table(request: Request) -> str:
    """SQL that makes `work` of the view `cells`; where rows are saved apart, its one parameter is `request.beside`."""
    key = request.key_column
    key_value = fold(request.key, f"t.v{key.index}") if key else "NULL::VARCHAR"
    target, joins, key_errors = _target(request)
    nth, repeated = _repeats(request)
    kept = [f"{_resolved(column)} AS v{column.index}, t.g{column.index}" for column in request.data_columns]
    lookups = [_lookup(column, request) for column in request.data_columns if column.field.reference_to]
    errors = [
        "t.unreadable",
        *key_errors[:2],
        _read_only(request, target),
        *(cells.value_error(column, f"t.v{column.index}", f"t.g{column.index}") for column in request.data_columns),
        repeated,
        *key_errors[2:],
        *(error for _, error in lookups),
        *_required(request),
    ]
    columns = [
        "t.n",
        "t.chunk",
        "t.number",
        "t.fresh",
        f"{key_value} AS key",
        f"({target})::VARCHAR AS target",
        f"({nth})::BIGINT AS nth",
        f"{coalesce(*errors)}::VARCHAR AS error",
        *kept,
    ]
    return f"""
        CREATE OR REPLACE TEMP TABLE work AS
        WITH {_read(request)}{_repeated(request, key, key_value) if key else ""}
        SELECT {", ".join(columns)}
        FROM t {"LEFT JOIN repeated d ON d.n = t.n" if key else ""} {joins} {" ".join(join for join, _ in lookups)}
    """


def _read(request: Request) -> str:
    """SQL for `t`: the cells as values; each is read once, whatever is asked of it afterwards."""
    readers = {column: cells.read_cell(column, typed=request.typed) for column in request.columns}
    texts = [cell(column.index) for column in request.columns]
    values = [f"v{column.index}" for column in request.columns]
    read = [f"{reader.value} AS v{column.index}" for column, reader in readers.items()]
    given = [f"{reader.is_given} AS g{column.index}" for column, reader in readers.items()]
    unreadable = coalesce(*(reader.unreadable for reader in readers.values()), "NULL")
    return f"""
        readings AS (SELECT n, number, fresh, {", ".join([*texts, *read])} FROM cells),
        t AS MATERIALIZED (
            SELECT n, n // {CHUNK_ROWS} AS chunk, number, fresh, {unreadable}::VARCHAR AS unreadable,
                   {", ".join([*texts, *values, *given])}
            FROM readings
        )"""


def _repeated(request: Request, key: Column, key_value: str) -> str:
    """SQL for `repeated`: the rows whose record is named more than once, and how often before and in their chunk.

    Rows that are saved apart count as of the first chunk, and come after all others.
    """
    apart = ""
    if request.beside:
        value = cells.read_cell(key, typed=request.typed).value
        texts = f"(SELECT unnest(?::VARCHAR[]) AS {cell(key.index)})"
        apart = f"UNION ALL SELECT NULL, 0, {fold(request.key, 'v')} FROM (SELECT {value} AS v FROM {texts})"
    return f""",
        named AS MATERIALIZED (SELECT t.n, t.chunk, {key_value} AS k FROM t {apart}),
        repeated AS MATERIALIZED (
            SELECT n, row_number() OVER (PARTITION BY k ORDER BY n) - 1 AS nth,
                   count(*) OVER (PARTITION BY chunk, k) AS in_chunk
            FROM named WHERE k IN (SELECT k FROM named GROUP BY k HAVING count(*) > 1)
        )"""


def missing_fields(request: Request) -> list[str]:
    """SQL for the names of fields that a new record needs; each is null where the row gives a value."""
    columns = {column.field.name: column.index for column in request.data_columns}
    required = [field for field in request.sobject.stored if field.is_required and field.default is None]
    return [
        f"CASE WHEN v{columns[field.name]} IS NULL THEN {literal(field.name)} END"
        if field.name in columns
        else literal(field.name)
        for field in required
    ]


def _required(request: Request) -> list[str]:
    """What an insert lacks; of an upsert it is known later which rows make a record."""
    missing = missing_fields(request) if request.operation == "insert" else []
    if not missing:
        return []
    return [f"CASE WHEN concat_ws('', {', '.join(missing)}) <> '' THEN {cells.required_error(missing)} END"]


def fold(field: Field | None, value: str) -> str:
    """SQL for a key as it is compared: without regard to case unless describe says so."""
    if field is None or not field.is_text or field.case_sensitive:
        return value
    return f"lower({value})"


def _resolved(column: Column) -> str:
    return f"l{column.index}.id" if column.parent else f"t.v{column.index}"


def _target(request: Request) -> tuple[str, str, list[str]]:
    """SQL for the Id of the record that a row names, the join that finds it, and what can be wrong with it."""
    column, table = request.key_column, records(request.sobject)
    if column is None:
        forbidden = _id_forbidden(request)
        return "NULL", "", [forbidden] if forbidden else []
    value = f"t.v{column.index}"
    if request.by_id:
        return "o.Id", f"LEFT JOIN {table} o ON o.Id = {value}", _id_errors(request, value)
    key = request.key
    assert key is not None
    missing = f"CASE WHEN {value} IS NULL THEN {literal(f'MISSING_ARGUMENT:{key.name} not specified:--')} END"
    ambiguous = _ambiguous(key, "o")
    forbidden = _id_forbidden(request) or "NULL"
    return "o.id", _matches(request.sobject, key, column.index, "o"), [missing, forbidden, ambiguous]


def _id_errors(request: Request, value: str) -> list[str]:
    operation = request.operation
    article = "an" if operation[0] in "aeiou" else "a"
    missing = f"MISSING_ARGUMENT:Id not specified in {article} {operation} call:--"
    possible = cells.is_id_of(value, [request.sobject])
    malformed = cells.malformed_id("Id", "Id", value)
    gone = "o.IsDeleted" if operation != "hardDelete" else "false"
    return [
        f"CASE WHEN {value} IS NULL THEN {literal(missing)} END" if operation != "upsert" else "NULL",
        f"CASE WHEN {value} IS NOT NULL AND o.Id IS NULL AND NOT ({possible}) THEN {malformed} END",
        f"CASE WHEN {value} IS NOT NULL AND o.Id IS NULL"
        " THEN 'INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:--' END",
        f"CASE WHEN {gone} THEN 'ENTITY_IS_DELETED:entity is deleted:--' END",
    ]


def _id_forbidden(request: Request) -> str | None:
    column = next((column for column in request.columns if column.field.name == "Id"), None)
    if column is None:
        return None
    article = "an" if request.operation[0] in "aeiou" else "a"
    text = f"INVALID_FIELD_FOR_INSERT_UPDATE:cannot specify Id in {article} {request.operation} call:Id --"
    return f"CASE WHEN t.g{column.index} THEN {literal(text)} END"


def _repeats(request: Request) -> tuple[str, str]:
    """SQL for `nth`, and for the error of a record that is named twice in one chunk."""
    column = request.key_column
    if column is None:
        return "0", "NULL"
    if request.operation in ("delete", "hardDelete"):
        return "0", "CASE WHEN o.Id IS NOT NULL AND d.nth > 0 THEN 'ENTITY_IS_DELETED:entity is deleted:--' END"
    what = "id" if request.by_id else "external id"
    text = concat(
        literal(f"DUPLICATE_VALUE:Duplicate {what} specified: "),
        f"t.v{column.index}",
        literal(f":{column.field.name} --"),
    )
    return "coalesce(d.nth, 0)", f"CASE WHEN d.in_chunk > 1 THEN {text} END"


def _read_only(request: Request, target: str) -> str:
    """Fields that may not be written: which ones depends on whether the row makes a record or changes one."""
    created = {c.field.name: f"t.g{c.index}" for c in request.data_columns if not c.field.createable}
    changed = {c.field.name: f"t.g{c.index}" for c in request.data_columns if not c.field.updateable}
    if not (created or changed):
        return "NULL"
    new, old = cells.not_writeable(created), cells.not_writeable(changed)
    return f"CASE WHEN ({target}) IS NULL THEN {new} ELSE {old} END"


def _lookup(column: Column, request: Request) -> tuple[str, str]:
    """The join that finds the record which a lookup names, and the error of one that isn't there."""
    value, field, i = f"t.v{column.index}", column.field, column.index
    if column.parent is not None and column.parent_field is not None:
        parent_field, parent = column.parent_field, column.parent
        join = _matches(parent, parent_field, i, f"l{i}", _older(parent, request))
        where = f" not found for field {parent_field.name} in entity {parent.name}:--"
        missing = concat("'INVALID_FIELD:Foreign key external ID: '", f"t.{cell(i)}", literal(where))
        absent = f"CASE WHEN {value} IS NOT NULL AND l{i}.id IS NULL THEN {missing} END"
        return join, coalesce(absent, _ambiguous(parent_field, f"l{i}"))
    targets = [target for target in map(request.find, field.reference_to) if target is not None]
    joins = [
        f"LEFT JOIN {records(target)} {alias} ON {alias}.Id = {value} AND NOT {alias}.IsDeleted"
        + _older(target, request, f"{alias}.")
        for target, alias in ((target, f"r{i}_{k}") for k, target in enumerate(targets))
    ]
    found = coalesce(*(f"r{i}_{k}.Id" for k in range(len(targets))), "NULL")
    malformed = cells.malformed_id(field.label, field.name, value)
    error = f"""CASE WHEN {value} IS NOT NULL AND {found} IS NULL THEN
        CASE WHEN {cells.is_id_of(value, targets)} THEN 'INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:--'
        ELSE {malformed} END END"""
    return " ".join(joins), error


def _older(parent: SObject, request: Request, table: str = "") -> str:
    """SQL that leaves out what the upload itself has made: no row can name another one of it (wire notes, 3.9)."""
    if parent.name != request.sobject.name:
        return ""
    return "".join(f" AND {table}Id NOT BETWEEN {literal(first)} AND {literal(last)}" for first, last in request.made)


def _matches(sobject: SObject, field: Field, index: int, alias: str, condition: str = "") -> str:
    """The joins that find the records whose `field` is what a column of the upload says; `ids`: of several."""
    held, value = fold(field, name(field.name)), fold(field, f"v{index}")
    there = f"NOT IsDeleted{condition} AND {held} IN (SELECT {value} FROM t)"
    found = f"SELECT {held} AS k, Id FROM {records(sobject)} WHERE {there}"
    return f"""
        LEFT JOIN (
            WITH found AS MATERIALIZED ({found}),
            several AS MATERIALIZED (SELECT k FROM found GROUP BY k HAVING count(*) > 1)
            SELECT k, Id AS id, NULL AS ids FROM found ANTI JOIN several USING (k)
            UNION ALL
            SELECT k, min(Id), string_agg(Id, ', ' ORDER BY Id) FROM found SEMI JOIN several USING (k) GROUP BY k
        ) {alias} ON {alias}.k = {fold(field, f"t.v{index}")}"""


def _ambiguous(field: Field, alias: str) -> str:
    start = literal(f"DUPLICATE_EXTERNAL_ID:{field.name}: more than one record found for external id field: [")
    return f"CASE WHEN {alias}.ids IS NOT NULL THEN {concat(start, f'{alias}.ids', literal(']:--'))} END"
