"""Subqueries of SELECT: the records below each record, found for many parents at once (SOQL notes, 4, 7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from sfframe.localorg.data.sql import name
from sfframe.localorg.objects.schema import Field, SObject
from sfframe.localorg.soql import tree
from sfframe.localorg.soql.order import window
from sfframe.localorg.soql.pieces import Sql, join, put
from sfframe.localorg.soql.scope import Scope

FamilyParts: TypeAlias = tuple[Sql, list[Sql], list[Sql]]
_PARENTS = "SELECT unnest(?::VARCHAR[])"
MAX_CHILDREN = 20
MAX_DEPTH = 5
_NO_RELATIONSHIP = (
    "Didn't understand relationship '{}' in FROM part of query call. If you are attempting to use a custom"
    " relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL or the"
    " describe call for the appropriate names."
)


@dataclass(frozen=True, slots=True)
class Relation:
    """Records of an object below others, by a lookup of theirs."""

    name: str
    child: SObject
    field: Field


def find_relation(scope: Scope, path: tree.Path) -> Relation:
    """The child relationship that FROM of a subquery names.

    Raises:
        SoqlError: The object above has none of that name.
    """
    *before, last = path.names
    above = before[0].lower() if len(before) == 1 else ""
    if before and above != scope.sobject.name.lower() and scope.aliases.get(above) != ():
        raise scope.fail(path.first, "INVALID_FIELD", _NO_RELATIONSHIP.format(path.text))
    for told in scope.sobject.answer.get("childRelationships") or ():
        named = told.get("relationshipName")
        child = scope.context.find(told["childSObject"]) if named and named.lower() == last.lower() else None
        field = child.field(told["field"]) if child is not None else None
        if child is not None and field is not None and field.is_stored:
            return Relation(named, child, field)
    raise scope.fail(last, "INVALID_FIELD", _NO_RELATIONSHIP.format(last))


def family_sql(scope: Scope, relation: Relation, clauses: tree.Clauses, parts: FamilyParts) -> Sql:
    """The children of a list of parents, each with its place among those of its parent.

    Args:
        scope: The tables of the subquery.
        relation: How they hang below their parents.
        clauses: Of the subquery.
        parts: Its columns, conditions and order.
    """
    shown, conditions, order = parts
    parent = f"{scope.prefix}0.{name(relation.field.name)}"
    # The id makes the order one, which further pages rely on.
    key = join(", ", [*order, Sql(f"{scope.prefix}0.Id")])
    place = put(f"row_number() OVER (PARTITION BY {parent} ORDER BY {{}}) AS place", key)
    total = Sql(f"count(*) OVER (PARTITION BY {parent}) AS total")
    found = join(" AND ", [*conditions, Sql(f"{parent} IN ({_PARENTS})")])
    sql = put(
        "SELECT {}, {}, {}, {} FROM {} WHERE {}",
        shown,
        Sql(f"{parent} AS parent"),
        place,
        total,
        Sql(scope.tables),
        found,
    )
    limit, offset = window(scope, clauses)
    if limit is None and not offset:
        return sql
    rest = f"greatest(total - {offset}, 0)"
    total_left = rest if limit is None else f"least({rest}, {limit})"
    last = "" if limit is None else f" AND place <= {offset + limit}"
    return put(
        f"SELECT * REPLACE (place - {offset} AS place, {total_left} AS total) FROM ({{}}) WHERE place > {offset}{last}",
        sql,
    )


def sizes_sql(scope: Scope, relation: Relation, clauses: tree.Clauses, conditions: list[Sql]) -> Sql:
    """How many children each of a list of parents has; no more than are wanted."""
    parent = f"{scope.prefix}0.{name(relation.field.name)}"
    limit, _ = window(scope, clauses)
    number = "count(*)" if limit is None else f"least(count(*), {limit})"
    found = join(" AND ", [*conditions, Sql(f"{parent} IN ({_PARENTS})")])
    return put(f"SELECT {parent}, {number} FROM {scope.tables} WHERE {{}} GROUP BY {parent}", found)
