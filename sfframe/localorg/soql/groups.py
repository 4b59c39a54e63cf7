"""Aggregates: COUNT(), GROUP BY, HAVING (SOQL notes, 6).

Fields and functions become columns of an inner SELECT; the groups are made around it, out of names alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sfframe.localorg.objects.schema import NUMBER_TYPES
from sfframe.localorg.soql import tree
from sfframe.localorg.soql.errors import SoqlError
from sfframe.localorg.soql.operands import AGGREGATES, Operand, allowed, field_operand, only_path, operand
from sfframe.localorg.soql.order import directed, sorting, window, windowed
from sfframe.localorg.soql.pieces import Sql, join, put
from sfframe.localorg.soql.query import Output, Query
from sfframe.localorg.soql.scope import Scope
from sfframe.localorg.soql.select import localized
from sfframe.localorg.soql.where import Filter, source, where

_MAX_ROLLUP = 3
_WITH_LIMIT = "Non-grouped query that uses overall aggregate functions cannot also use LIMIT"
_NO_JOINS = "Semi join sub-selects are not allowed in a HAVING clause"
_UNGROUPED = "Field must be grouped or aggregated: {}"


def is_aggregate(select: tree.Select) -> bool:
    """Whether groups are asked for rather than records."""
    calls = [item.what for item in select.items if isinstance(item.what, tree.Call)]
    calls += [inner for call in calls for inner in call.arguments if isinstance(inner, tree.Call)]
    return bool(select.clauses.group) or any(call.name.upper() in AGGREGATES for call in calls)


def is_count(select: tree.Select) -> bool:
    return any(_is_bare_count(item.what) for item in select.items)


def count_query(scope: Scope, select: tree.Select) -> Query:
    """The query of `SELECT COUNT()`.

    Raises:
        SoqlError: Something stands beside it.
    """
    first = select.items[0]
    if len(select.items) > 1 or select.clauses.group:
        raise scope.fail(select.at, "MALFORMED_QUERY", "COUNT() must stand alone: no other fields, no GROUP BY")
    if first.alias is not None:
        raise scope.fail(first.alias, "MALFORMED_QUERY", f"unexpected token: '{first.alias}'")
    if select.clauses.order:
        at = select.clauses.order[0].operand.first
        raise scope.fail(at, "MALFORMED_QUERY", "COUNT() can not be used with ORDER BY")
    conditions = where(scope, select.clauses.where)
    limit, offset = window(scope, select.clauses)
    if limit is None and not offset:
        sql = put("SELECT count(*) AS o0{}", source(scope, conditions))
    else:
        rows = windowed(put("SELECT 1{}", source(scope, conditions)), limit, offset)
        sql = put("SELECT count(*) AS o0 FROM ({})", rows)
    output = Output(path=("expr0",), type="int", column="o0", function="count()")
    return _query(scope, "count", (output,), sql, select)


def _spelled(of: Operand) -> str:
    """A function with what it is of: `max(Amount)`; empty for a field."""
    head, _, argument = of.name.partition("(")
    return f"{of.function.lower()}({argument or f'{head})'}" if of.function else ""


def _is_bare_count(what: object) -> bool:
    return isinstance(what, tree.Call) and what.name.upper() == "COUNT" and not what.arguments


def _query(
    scope: Scope, form: str, outputs: tuple[Output, ...], sql: Sql, select: tree.Select, *, is_ordered: bool = False
) -> Query:
    return Query(
        sobject=scope.sobject,
        form="count" if form == "count" else "aggregates",
        outputs=outputs,
        sql=sql.text,
        parameters=sql.parameters,
        keyed_sql=sql.text,
        levels=(),
        bulk_refusal=("API_ERROR", "Aggregate queries (GROUP BY, COUNT, SUM ...) are not supported in Bulk Query"),
        has_offset=select.clauses.offset is not None,
        is_ordered=is_ordered,
    )


@dataclass(slots=True)
class Groups:
    """One aggregate query.

    Attributes:
        scope: Its tables.
        columns: What the inner SELECT gives: c0, c1, ...
        keys: What is grouped by: operands over the inner columns, by what they are of.
        rollup: "ROLLUP", "CUBE" or "".
        expressions: How many outputs have no name of their own yet.
    """

    scope: Scope
    columns: list[Sql] = field(default_factory=list)
    keys: dict[tuple[str, ...], tuple[Operand, str]] = field(default_factory=dict)
    rollup: str = ""
    expressions: int = 0

    def query(self, select: tree.Select) -> Query:
        clauses, scope = select.clauses, self.scope
        self._group_by(clauses.group)
        if not self.keys and clauses.limit is not None:
            raise scope.fail(clauses.limit, "MALFORMED_QUERY", _WITH_LIMIT)
        named = [self._output(nth, item) for nth, item in enumerate(select.items)]
        self._check_names(select, [output for output, _ in named])
        shown = join(", ", [put(f"{{}} AS {output.column}", sql) for output, sql in named])
        having = None
        if clauses.having is not None:
            having = Filter(scope, self._find, None, _NO_JOINS).condition(clauses.having)
        order = [directed(self._find(scope, sort.operand), sort) for sort in clauses.order]
        inner = join(", ", [put(f"{{}} AS c{nth}", column) for nth, column in enumerate(self.columns)] or [Sql("1")])
        rows = source(scope, where(scope, clauses.where))
        sql = put("SELECT {} FROM (SELECT {}{})", shown, inner, rows)
        if self.keys:
            keys = ", ".join(key for _, key in self.keys.values())
            sql = put("{} GROUP BY {}", sql, Sql(f"{self.rollup}({keys})" if self.rollup else keys))
        if having is not None:
            sql = put("{} HAVING {}", sql, having)
        if order:
            sql = put("{} ORDER BY {}", sql, join(", ", order))
        sql = windowed(sql, *window(scope, clauses))
        outputs = tuple(output for output, _ in named)
        return _query(scope, "aggregates", outputs, sql, select, is_ordered=bool(order))

    # The inner SELECT.

    def _column(self, sql: Sql) -> str:
        if sql not in self.columns:
            self.columns.append(sql)
        return f"c{self.columns.index(sql)}"

    def _group_by(self, written: tuple[tree.Operand, ...]) -> None:
        if len(written) == 1 and isinstance(written[0], tree.Call) and written[0].name.upper() in ("ROLLUP", "CUBE"):
            call = written[0]
            self.rollup = call.name.upper()
            written = call.arguments
            if not 1 <= len(written) <= _MAX_ROLLUP:
                text = f"GROUP BY {self.rollup} takes 1 to {_MAX_ROLLUP} fields"
                raise self.scope.fail(written[-1].first if written else call.name, "MALFORMED_QUERY", text)
        for part in written:
            self._add_key(part)

    def _add_key(self, written: tree.Operand) -> None:
        scope = self.scope
        of = allowed(scope, operand(scope, written), "grouped")
        if of.function in ("TOLABEL", "CONVERTCURRENCY"):
            raise scope.fail(of.at, "MALFORMED_QUERY", f"{written.first} can not be used in GROUP BY")
        if of.type == "boolean":
            # Never null (2.1).
            of = Operand(put("coalesce({}, false)", of.sql), of.type, of.name, of.at, of.path, of.column)
        key = self._column(of.folded)
        shown = f"min({self._column(of.sql)})" if of.ignores_case else key
        if self.rollup and of.ignores_case:
            # A subtotal is over all of them.
            shown = f"CASE WHEN grouping({key}) = 0 THEN {shown} END"
        self.keys[_same(of)] = Operand(Sql(shown), of.type, of.name, of.at, of.path, of.column, of.function), key

    # What the groups give.

    def _find(self, scope: Scope, written: tree.Operand) -> Operand:
        """A grouped field, or an aggregate."""
        if isinstance(written, tree.Call) and written.name.upper() in AGGREGATES:
            return self._aggregate(written)
        of = operand(scope, written)
        found = self.keys.get(_same(of))
        if found is None:
            raise scope.fail(of.at, "MALFORMED_QUERY", _UNGROUPED.format(of.name))
        return found[0]

    def _aggregate(self, call: tree.Call) -> Operand:
        scope, kind = self.scope, call.name.upper()
        if kind == "COUNT" and not call.arguments:
            return Operand(Sql("count(*)"), "int", call.text, call.name, ("",), function=kind)
        if kind == "GROUPING":
            return self._grouping(call)
        of = field_operand(scope, only_path(scope, call))
        known = of.column.field if of.column is not None else None
        may = known is not None and known.aggregatable and known.is_stored
        is_number = of.type in NUMBER_TYPES or of.type in ("int", "long")
        if not may or (kind in ("SUM", "AVG") and not is_number):
            text = f"field {of.name} does not support aggregate operator {kind}"
            raise scope.fail(of.at, "MALFORMED_QUERY", text)
        sql, result = self._aggregated(kind, of, is_whole=of.type in ("int", "long"))
        # Described as the field, so that text is compared as text; what it is called is the call.
        return Operand(Sql(sql), result, call.text, call.name, ("",), function=kind)

    def _aggregated(self, kind: str, of: Operand, *, is_whole: bool) -> tuple[str, str]:
        if kind == "COUNT":
            return f"count({self._column(of.sql)})", "int"
        if kind == "COUNT_DISTINCT":
            return f"count(DISTINCT {self._column(of.folded)})", "int"
        if kind == "AVG":
            return f"avg({self._column(of.sql)})", "double"
        if kind == "SUM":
            value = self._column(of.sql)
            return (f"sum({value})::BIGINT", "long") if is_whole else (f"sum({value})", of.type)
        which = "min" if kind == "MIN" else "max"
        if of.is_text:
            # As ORDER BY compares them: a picklist's values by the order of its definition (2.2).
            compared = ", ".join(self._column(key) for key in sorting(of))
            return f"arg_{which}({self._column(of.sql)}, row({compared}))", of.type
        return f"{which}({self._column(of.sql)})", of.type

    def _grouping(self, call: tree.Call) -> Operand:
        if len(call.arguments) != 1 or not self.rollup:
            text = "GROUPING is only for a field of GROUP BY ROLLUP or CUBE"
            raise self.scope.fail(call.name, "MALFORMED_QUERY", text)
        of = operand(self.scope, call.arguments[0])
        found = self.keys.get(_same(of))
        if found is None:
            raise self.scope.fail(of.at, "MALFORMED_QUERY", _UNGROUPED.format(of.name))
        return Operand(Sql(f"grouping({found[1]})"), "int", call.text, call.name, ("",), function="GROUPING")

    def _output(self, nth: int, item: tree.Item) -> tuple[Output, Sql]:
        scope, what = self.scope, item.what
        if not isinstance(what, tree.Path | tree.Call):
            at = what.at
            raise scope.fail(at, "MALFORMED_QUERY", "Subqueries and TYPEOF are not allowed in an aggregate query")
        if item.alias is not None:
            scope.check_alias(item.alias)
        of = self._shown(what)
        if item.alias is not None:
            called = str(item.alias)
        elif of.function:
            called = f"expr{self.expressions}"
            self.expressions += 1
        else:
            called = of.path[-1]
        return Output(path=(called,), type=of.type, column=f"o{nth}", function=_spelled(of)), of.sql

    def _shown(self, what: tree.Path | tree.Call) -> Operand:
        if isinstance(what, tree.Call) and what.name.upper() == "FORMAT" and len(what.arguments) == 1:
            of = self._find(self.scope, what.arguments[0])
            return Operand(localized(self.scope, of), "string", of.name, of.at, of.path, function="FORMAT")
        return self._find(self.scope, what)

    def _check_names(self, select: tree.Select, outputs: list[Output]) -> None:
        seen = set()
        for item, output in zip(select.items, outputs, strict=True):
            called = output.path[0].lower()
            if called in seen:
                raise self._duplicate(item, output.path[0])
            seen.add(called)

    def _duplicate(self, item: tree.Item, called: str) -> SoqlError:
        at = item.alias or (item.what.first if isinstance(item.what, tree.Path | tree.Call) else item.what.at)
        return self.scope.fail(at, "MALFORMED_QUERY", f"duplicate alias: {called}")


def _same(of: Operand) -> tuple[str, ...]:
    """What an operand is of, however it was written."""
    return tuple(part.lower() for part in of.path)
