"""A statement becomes SQL: which object, which columns, which rows, in which order."""

from __future__ import annotations

from sfframe.localorg.soql import tree
from sfframe.localorg.soql.children import MAX_CHILDREN, MAX_DEPTH, family_sql, find_relation, sizes_sql
from sfframe.localorg.soql.errors import SoqlError, unexpected, unspoken
from sfframe.localorg.soql.grammar import parse
from sfframe.localorg.soql.groups import Groups, count_query, is_aggregate, is_count
from sfframe.localorg.soql.order import sort_key, window, windowed
from sfframe.localorg.soql.pieces import Sql, join, put
from sfframe.localorg.soql.query import Children, Context, Level, Query
from sfframe.localorg.soql.scope import Scope, find_object
from sfframe.localorg.soql.select import Selection
from sfframe.localorg.soql.where import source, where

_MAX_PARENTS = 55
_WIDE_BATCH = 200
_NO_CHILDREN = ("API_ERROR", "Aggregate Relationships not supported in Bulk Query")
_NO_OFFSET = ("API_ERROR", "OFFSET is not supported in Bulk Query")


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
    if is_count(select):
        return count_query(scope, select)
    if is_aggregate(select):
        return Groups(scope).query(select)
    return _records(scope, select)


def _records(scope: Scope, select: tree.Select) -> Query:
    clauses = select.clauses
    selection, children = _selected(scope, select, depth=1)
    conditions = where(scope, clauses.where)
    order = [sort_key(scope, sort) for sort in clauses.order]
    limit, offset = window(scope, clauses)
    _check_parents(scope, select)
    tail = source(scope, conditions)
    if order:
        tail = put("{} ORDER BY {}", tail, join(", ", order))
    tail = windowed(tail, limit, offset)
    # Where only children are asked for, there is still a row for each parent.
    columns = [put(f"{{}} AS o{nth}", sql) for nth, sql in enumerate(selection.shown)]
    sql = put("SELECT {}{}", join(", ", columns or [Sql("1")]), tail)
    refusal = selection.bulk_refusal
    if children:
        refusal = _NO_CHILDREN
    elif clauses.offset is not None:
        refusal = refusal or _NO_OFFSET
    return Query(
        sobject=scope.sobject,
        form="records",
        outputs=tuple(selection.outputs),
        sql=sql.text,
        parameters=sql.parameters,
        keyed_sql=put("SELECT {}{}", join(", ", [*columns, _keys(scope)]), tail).text,
        levels=levels(scope),
        children=children,
        bulk_refusal=refusal,
        has_offset=clauses.offset is not None,
        is_ordered=bool(order),
        max_batch=_max_batch(selection),
    )


def _selected(scope: Scope, select: tree.Select, *, depth: int) -> tuple[Selection, tuple[Children, ...]]:
    selection = Selection(scope)
    children: list[Children] = []
    for item in select.items:
        if isinstance(item.what, tree.Select):
            children.append(_children(scope, item.what, len(selection.outputs), depth))
            if len(children) > MAX_CHILDREN:
                text = f"The number of relationship subqueries may not exceed {MAX_CHILDREN}"
                raise scope.fail(item.what.at, "MALFORMED_QUERY", text)
            if children[-1].path in [child.path for child in children[:-1]]:
                text = f"duplicate relationship selected: {children[-1].path[0]}"
                raise scope.fail(item.what.at, "INVALID_FIELD", text)
        else:
            selection.take(item, select.clauses)
    return selection, tuple(children)


def _children(above: Scope, select: tree.Select, place: int, depth: int) -> Children:
    """A subquery: its rows are found for a list of parents, which is the last parameter."""
    if depth >= MAX_DEPTH:
        text = f"Relationship subqueries may be nested {MAX_DEPTH} levels deep at most"
        raise above.fail(select.at, "MALFORMED_QUERY", text)
    if is_aggregate(select):
        raise above.fail(select.at, "MALFORMED_QUERY", "Aggregates are not allowed in a relationship subquery")
    relation = find_relation(above, select.sources[0].path)
    scope = Scope(above.text, above.context, relation.child)
    scope.name_sources(select.sources)
    _check_clauses(scope, select.clauses)
    selection, children = _selected(scope, select, depth=depth + 1)
    conditions = where(scope, select.clauses.where)
    order = [sort_key(scope, sort) for sort in select.clauses.order]
    columns = [put(f"{{}} AS o{nth}", sql) for nth, sql in enumerate(selection.shown)]
    shown = join(", ", [*columns, _keys(scope)])
    sql = family_sql(scope, relation, select.clauses, (shown, conditions, order))
    query = Query(
        sobject=relation.child,
        form="records",
        outputs=tuple(selection.outputs),
        sql=sql.text,
        parameters=sql.parameters,
        keyed_sql=sql.text,
        levels=levels(scope),
        children=children,
        is_ordered=bool(order),
        max_batch=_max_batch(selection),
    )
    sizes = sizes_sql(scope, relation, select.clauses, conditions)
    return Children(
        path=(relation.name,), query=query, sizes_sql=sizes.text, sizes_parameters=sizes.parameters, place=place
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


def _keys(scope: Scope) -> Sql:
    return Sql(", ".join(f"{record.key} AS k{n}" for n, record in enumerate(scope.records)))


def _max_batch(selection: Selection) -> int:
    """Pages with several long text fields are short (8)."""
    return _WIDE_BATCH if selection.long_texts > 1 else Query.max_batch


def _check_parents(scope: Scope, select: tree.Select) -> None:
    if len(scope.records) - 1 > _MAX_PARENTS:
        text = f"A query may not refer to more than {_MAX_PARENTS} parent relationships"
        raise scope.fail(select.at, "MALFORMED_QUERY", text)


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
