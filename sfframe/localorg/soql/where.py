"""Conditions put together: AND, OR, NOT, and rows of other objects (SOQL notes, 2.1, 4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from sfframe.localorg.soql import tree
from sfframe.localorg.soql.comparisons import comparison
from sfframe.localorg.soql.errors import SoqlError, unexpected
from sfframe.localorg.soql.operands import Operand, allowed, field_operand, operand
from sfframe.localorg.soql.pieces import Sql, join, put
from sfframe.localorg.soql.scope import Column, Scope, find_object

_MAX_SEMI_JOINS = 2
# Where an org draws the line isn't documented; here it is what a request may cost.
_MAX_COMPARISONS = 5_000
_MANY = 50
_TOO_COMPLICATED = "Query is either selecting too many fields or the filter conditions are too complicated."


@dataclass(slots=True)
class Filter:
    """One WHERE or HAVING.

    Attributes:
        scope: Its tables.
        find: What an operand means; HAVING knows aggregates too.
        joins: Semi-joins so far; None where they aren't allowed.
        no_joins: What is said there.
        comparisons: How many there are so far.
    """

    scope: Scope
    find: Callable[[Scope, tree.Operand], Operand]
    joins: list[tree.SemiJoin] | None
    no_joins: str = "Nesting of semi join sub-selects is not supported"
    comparisons: int = 0

    def condition(self, written: tree.Condition, above: str = "") -> Sql:
        if isinstance(written, tree.Comparison):
            self.comparisons += 1
            if self.comparisons > _MAX_COMPARISONS:
                raise SoqlError("QUERY_TOO_COMPLICATED", _TOO_COMPLICATED)
            return comparison(self.scope, self.find(self.scope, written.operand), written)
        if isinstance(written, tree.SemiJoin):
            return self._semi_join(written, above)
        if written.operator == "NOT":
            # Two-valued: what isn't known to be true is false, so NOT keeps rows of nulls.
            return put("(NOT coalesce({}, false))", self.condition(written.parts[0], "NOT"))
        if written.operator == "OR":
            return put("({})", join(" OR ", [self.condition(part, above or "OR") for part in written.parts]))
        every = put("({})", join(" AND ", [self.condition(part, above) for part in written.parts]))
        # Of so many conditions the database would look at each beside each other one; as a value they are one.
        return put("coalesce({}, false)", every) if len(written.parts) > _MANY else every

    def _semi_join(self, written: tree.SemiJoin, above: str) -> Sql:
        left = self._left(written, above)
        inner, right = self._right(written, left)
        conditions = [Sql(f"{right.sql} IS NOT NULL"), *inner.conditions]
        where = join(" AND ", conditions)
        rows = put("SELECT {} FROM {} WHERE {}", Sql(right.sql), Sql(inner.scope.tables), where)
        if written.operator == "IN":
            return put("{} IN ({})", left.sql, rows)
        return put("({} IS NULL OR {} NOT IN ({}))", left.sql, left.sql, rows)

    def _left(self, written: tree.SemiJoin, above: str) -> Operand:
        scope, at = self.scope, written.query.at
        if self.joins is None:
            raise scope.fail(at, "MALFORMED_QUERY", self.no_joins)
        if above:
            text = f"Semi join sub-selects are not allowed with the '{above}' operator"
            raise scope.fail(at, "MALFORMED_QUERY", text)
        self.joins.append(written)
        if len(self.joins) > _MAX_SEMI_JOINS:
            text = f"Maximum {_MAX_SEMI_JOINS} semi join sub-selects are allowed."
            raise scope.fail(at, "MALFORMED_QUERY", text)
        left = self.find(scope, written.operand)
        if left.column is None or left.column.is_far or left.type not in ("id", "reference"):
            text = f"The left operand '{left.name}' in the where expression should be an id or a foreign key"
            raise scope.fail(left.at, "INVALID_QUERY_FILTER_OPERATOR", text)
        return left

    def _right(self, written: tree.SemiJoin, left: Operand) -> tuple[_Inner, Column]:
        """The tables of a sub-select, and the column that it gives."""
        query, outer = written.query, self.scope
        _only_where(outer.text, query)
        sobject = find_object(outer.text, outer.context, query.sources[0].path)
        if sobject is outer.sobject:
            text = "The inner and outer selects should not be on the same object type"
            raise outer.fail(query.sources[0].path.first, "MALFORMED_QUERY", text)
        prefix = f"{outer.prefix}{'s' * len(self.joins or ())}"
        scope = Scope(outer.text, outer.context, sobject, prefix)
        scope.name_sources(query.sources)
        what = query.items[0].what
        if len(query.items) != 1 or not isinstance(what, tree.Path):
            raise outer.fail(query.at, "MALFORMED_QUERY", "A semi join sub-select selects exactly one field")
        right = field_operand(scope, what).column
        assert right is not None
        assert left.column is not None
        if right.is_far or right.field.type not in ("id", "reference"):
            text = f"The selected field '{what.text}' in a semi join sub-select should be an id or a foreign key"
            raise outer.fail(what.first, "MALFORMED_QUERY", text)
        if not _targets(left.column) & _targets(right):
            raise outer.fail(what.first, "MALFORMED_QUERY", _DIFFERENT.format(right.field.name, left.name))
        conditions = scope.visible
        if query.clauses.where is not None:
            conditions.append(Filter(scope, filtered, None).condition(query.clauses.where))
        return _Inner(scope, conditions), right


_DIFFERENT = (
    "The selected field '{}' in the subquery and the left operand field in the where expression in the outer query '{}'"
    " should point to the same object type"
)


@dataclass(frozen=True, slots=True)
class _Inner:
    scope: Scope
    conditions: list[Sql]


def filtered(scope: Scope, written: tree.Operand) -> Operand:
    """A field or a function of one, where it may be asked for in a WHERE."""
    return allowed(scope, operand(scope, written), "filtered")


def source(scope: Scope, conditions: list[Sql]) -> Sql:
    """FROM and WHERE; after all else that may bring further tables in."""
    tables = Sql(f" FROM {scope.tables}")
    return put("{} WHERE {}", tables, join(" AND ", conditions)) if conditions else tables


def where(scope: Scope, written: tree.Condition | None) -> list[Sql]:
    """What a WHERE and the recycle bin let through; all of it has to hold."""
    conditions = scope.visible
    if written is not None:
        conditions.append(Filter(scope, filtered, []).condition(written))
    return conditions


def _only_where(text: str, query: tree.Select) -> None:
    clauses = query.clauses
    if clauses != replace(tree.Clauses(), where=clauses.where):
        first = clauses.limit or clauses.offset or clauses.scope or clauses.purpose or clauses.security
        first = first or (clauses.order[0].operand.first if clauses.order else clauses.group[0].first)
        raise unexpected(text, first.start_pos or 0)


def _targets(column: Column) -> set[str]:
    """The objects that a column's ids belong to."""
    if column.field.type == "id":
        return {column.sobject.name.lower()}
    return {target.lower() for target in column.field.reference_to}
