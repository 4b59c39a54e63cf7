"""A statement becomes SQL: which object, which columns, which rows, in which order."""

from __future__ import annotations

from sfframe.localorg.soql import tree
from sfframe.localorg.soql.errors import SoqlError, unexpected, unspoken
from sfframe.localorg.soql.grammar import parse
from sfframe.localorg.soql.operands import Operand, allowed, operand
from sfframe.localorg.soql.pieces import Sql, bind, join, put
from sfframe.localorg.soql.query import Context, Level, Output, Query
from sfframe.localorg.soql.scope import Scope, find_object
from sfframe.localorg.soql.where import where

MAX_OFFSET = 2_000


def compile_soql(text: str, context: Context) -> Query:
    """Check a statement against what the org knows, and turn it into SQL.

    Args:
        text: One SOQL statement.
        context: Who asks, when, and what the org knows.

    Returns:
        SQL with bound values; no text of the statement is in it.

    Raises:
        SoqlError: The org refuses the statement.
    """
    select = parse(text)
    scope = Scope(text, context, find_object(text, context, select.sources[0].path))
    scope.name_sources(select.sources)
    _check_clauses(scope, select.clauses)
    operands = []
    for item in select.items:
        if not isinstance(item.what, tree.Path | tree.Call):
            raise unspoken("subqueries yet")
        operands.append(operand(scope, item.what))
    shown = join(", ", (put(f"{{}} AS o{n}", of.sql) for n, of in enumerate(operands)))
    outputs = tuple(
        Output(path=of.path, type=of.type, column=f"o{n}", level=of.column.record if of.column else 0)
        for n, of in enumerate(operands)
    )
    conditions = where(scope, select.clauses.where)
    order = [sort_key(scope, sort) for sort in select.clauses.order]
    return records_query(scope, select.clauses, outputs, shown, conditions, order)


def records_query(
    scope: Scope,
    clauses: tree.Clauses,
    outputs: tuple[Output, ...],
    shown: Sql,
    conditions: list[Sql],
    order: list[Sql],
) -> Query:
    """The query of records, with and without the ids of the records on the way."""
    tail = Sql(f" FROM {scope.tables}")
    if conditions:
        tail = put("{} WHERE {}", tail, join(" AND ", conditions))
    if order:
        tail = put("{} ORDER BY {}", tail, join(", ", order))
    tail = put("{}{}", tail, _window(scope, clauses))
    keys = Sql(", ".join(f"{record.key} AS k{n}" for n, record in enumerate(scope.records)))
    sql = put("SELECT {}{}", shown, tail)
    return Query(
        sobject=scope.sobject,
        form="records",
        outputs=outputs,
        sql=sql.text,
        parameters=sql.parameters,
        keyed_sql=put("SELECT {}, {}{}", shown, keys, tail).text,
        levels=levels(scope),
        has_offset=clauses.offset is not None,
        is_ordered=bool(order),
    )


def levels(scope: Scope) -> tuple[Level, ...]:
    return tuple(
        Level(
            path=record.path,
            column=f"k{n}",
            types={sobject.key_prefix: sobject.name for sobject, _ in record.tables.values()},
            type="Name" if record.is_polymorphic else record.only[0].name,
        )
        for n, record in enumerate(scope.records)
    )


def sort_key(scope: Scope, sort: tree.Sort) -> Sql:
    of = allowed(scope, operand(scope, sort.operand), "sorted")
    if of.function:
        raise scope.fail(of.at, "MALFORMED_QUERY", f"field '{of.name}' can not be sorted in a query call")
    # On a lookup NULLS is ignored (5).
    nulls_first = sort.nulls_first or of.type == "reference"
    return directed(of, descending=sort.descending, nulls_first=nulls_first)


def directed(of: Operand, *, descending: bool, nulls_first: bool) -> Sql:
    direction = f"{'DESC' if descending else 'ASC'} NULLS {'FIRST' if nulls_first else 'LAST'}"
    parts = [put(f"{{}} {direction}", key) for key in sorting(of)]
    return join(", ", parts)


def sorting(of: Operand) -> list[Sql]:
    """Text by its upper-case form, picklists in the order of their definition, then what isn't in it (5)."""
    if of.type == "picklist" and of.column is not None and of.column.field.picklist:
        values = list(of.column.field.picklist)
        place = put("list_position({}, {})", bind(values), of.sql)
        return [
            put(f"CASE WHEN {{}} IS NOT NULL THEN coalesce({{}}, {len(values) + 1}) END", of.sql, place),
            put("upper({})", of.sql),
        ]
    if of.type == "boolean":
        return [put("coalesce({}, false)", of.sql)]
    return [put("upper({})", of.sql)] if of.is_text else [of.sql]


def _window(scope: Scope, clauses: tree.Clauses) -> Sql:
    window = Sql("")
    if clauses.limit is not None:
        window = put("{} LIMIT {}", window, bind(_whole(scope, clauses.limit)))
    if clauses.offset is not None:
        offset = _whole(scope, clauses.offset)
        if offset > MAX_OFFSET:
            text = f"Maximum SOQL offset allowed for apiName {scope.sobject.name} is {MAX_OFFSET}"
            raise scope.fail(clauses.offset, "NUMBER_OUTSIDE_VALID_RANGE", text)
        window = put("{} OFFSET {}", window, bind(offset))
    return window


def _whole(scope: Scope, number: tree.Token) -> int:
    if not number.isdigit():
        raise unexpected(scope.text, number.start_pos or 0)
    return min(int(number), 2**31 - 1) if len(number) < 4_000 else 2**31 - 1


def _check_clauses(scope: Scope, clauses: tree.Clauses) -> None:
    """What may follow FROM beside conditions and order, and means nothing here, or isn't spoken."""
    if clauses.scope is not None and clauses.scope.lower() != "everything":
        raise unspoken(f"USING SCOPE {clauses.scope}")
    if clauses.security is not None:
        raise _apex(scope, clauses.security, "WITH")
    if clauses.purpose is not None and clauses.purpose.upper() not in ("VIEW", "REFERENCE"):
        raise unexpected(scope.text, clauses.purpose.start_pos or 0)


def _apex(scope: Scope, at: tree.Token, what: str) -> SoqlError:
    if at.upper() in ("SECURITY_ENFORCED", "USER_MODE", "SYSTEM_MODE"):
        return unexpected(scope.text, at.start_pos or 0)
    return unspoken(f"{what} {at}")
