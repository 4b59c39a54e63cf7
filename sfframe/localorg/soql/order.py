"""In which order rows come, and which part of them (SOQL notes, 5)."""

from __future__ import annotations

from sfframe.localorg.soql import tree
from sfframe.localorg.soql.errors import unexpected
from sfframe.localorg.soql.operands import Operand, allowed, operand
from sfframe.localorg.soql.pieces import Sql, bind, join, put
from sfframe.localorg.soql.scope import Scope

MAX_OFFSET = 2_000
_MAX_LIMIT = 2**31 - 1


def sort_key(scope: Scope, sort: tree.Sort) -> Sql:
    """One field of ORDER BY.

    Raises:
        SoqlError: It is no field by which rows may be sorted.
    """
    of = allowed(scope, operand(scope, sort.operand), "sorted")
    if of.function:
        raise scope.fail(of.at, "MALFORMED_QUERY", f"field '{of.name}' can not be sorted in a query call")
    return directed(of, sort)


def directed(of: Operand, sort: tree.Sort) -> Sql:
    # On a lookup NULLS is ignored.
    nulls_first = sort.nulls_first or of.type == "reference"
    direction = f"{'DESC' if sort.descending else 'ASC'} NULLS {'FIRST' if nulls_first else 'LAST'}"
    return join(", ", [put(f"{{}} {direction}", key) for key in sorting(of)])


def sorting(of: Operand) -> list[Sql]:
    """What rows are compared by: text by its upper-case form, picklists by the order of their values."""
    if of.type == "picklist" and of.column is not None and of.column.field.picklist:
        return [place_in_list(of), put("upper({})", of.sql)]
    if of.type == "boolean":
        return [put("coalesce({}, false)", of.sql)]
    return [put("upper({})", of.sql)] if of.is_text else [of.sql]


def place_in_list(of: Operand) -> Sql:
    """The place of a picklist's value among those of its definition; values that aren't there come last."""
    assert of.column is not None
    values = list(of.column.field.picklist)
    place = put("coalesce(list_position({}, {}), {})", bind(values), of.sql, Sql(str(len(values) + 1)))
    return put("CASE WHEN {} IS NOT NULL THEN {} END", of.sql, place)


def window(scope: Scope, clauses: tree.Clauses) -> tuple[int | None, int]:
    """The most rows that are wanted, and how many are left out before them.

    Raises:
        SoqlError: These are no whole numbers, or too many rows are left out.
    """
    limit = None if clauses.limit is None else _whole(scope, clauses.limit)
    offset = 0 if clauses.offset is None else _whole(scope, clauses.offset)
    if clauses.offset is not None and offset > MAX_OFFSET:
        text = f"Maximum SOQL offset allowed for apiName {scope.sobject.name} is {MAX_OFFSET}"
        raise scope.fail(clauses.offset, "NUMBER_OUTSIDE_VALID_RANGE", text)
    return limit, offset


def windowed(rows: Sql, limit: int | None, offset: int) -> Sql:
    rows = rows if limit is None else put("{} LIMIT {}", rows, Sql(str(limit)))
    return put("{} OFFSET {}", rows, Sql(str(offset))) if offset else rows


def _whole(scope: Scope, number: tree.Token) -> int:
    if not number.isdigit():
        raise unexpected(scope.text, number.start_pos or 0)
    return min(int(number[-20:]), _MAX_LIMIT) if len(number.lstrip("0")) <= 20 else _MAX_LIMIT
