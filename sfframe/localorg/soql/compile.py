"""A statement becomes SQL: which object, which columns, which rows."""

from __future__ import annotations

from sfframe.localorg.soql import tree
from sfframe.localorg.soql.errors import unspoken
from sfframe.localorg.soql.grammar import parse
from sfframe.localorg.soql.pieces import Sql, bind, join, put
from sfframe.localorg.soql.query import Context, Level, Output, Query
from sfframe.localorg.soql.scope import Scope, no_object


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
    root = select.sources[0].path
    sobject = context.find(root.text)
    if sobject is None:
        raise no_object(text, root.first)
    scope = Scope(text, context, sobject)
    columns = []
    for item in select.items:
        if not isinstance(item.what, tree.Path):
            raise unspoken("functions yet")
        columns.append(scope.column(item.what))
    outputs = tuple(
        Output(path=c.path, type=c.field.type, column=f"o{n}", level=c.record) for n, c in enumerate(columns)
    )
    conditions = [] if context.all_rows else [Sql(f"{scope.prefix}0.IsDeleted IS NOT TRUE")]
    if select.clauses.where is not None:
        conditions.append(_condition(scope, select.clauses.where))
    order = [_sort(scope, sort) for sort in select.clauses.order]
    shown = join(", ", (Sql(f"{c.sql} AS o{n}") for n, c in enumerate(columns)))
    keys = ", ".join(f"{record.key} AS k{n}" for n, record in enumerate(scope.records))
    tail = Sql(f" FROM {scope.tables}")
    if conditions:
        tail = put("{} WHERE {}", tail, join(" AND ", conditions))
    if order:
        tail = put("{} ORDER BY {}", tail, join(", ", order))
    if select.clauses.limit is not None:
        tail = put("{} LIMIT {}", tail, Sql(str(int(select.clauses.limit))))
    sql = put("SELECT {}{}", shown, tail)
    levels = tuple(
        Level(
            path=record.path,
            column=f"k{n}",
            types={known.key_prefix: name for name, (known, _) in record.tables.items()},
            type="Name" if record.is_polymorphic else record.only[0].name,
        )
        for n, record in enumerate(scope.records)
    )
    return Query(
        sobject=sobject,
        form="records",
        outputs=outputs,
        sql=sql.text,
        parameters=sql.parameters,
        keyed_sql=put("SELECT {}, {}{}", shown, Sql(keys), tail).text,
        levels=levels,
        is_ordered=bool(order),
    )


def _condition(scope: Scope, condition: tree.Condition) -> Sql:
    if isinstance(condition, tree.Logic) and condition.operator == "AND":
        return put("({})", join(" AND ", (_condition(scope, part) for part in condition.parts)))
    if isinstance(condition, tree.Comparison) and condition.operator == "=":
        column = scope.column(condition.operand)  # type: ignore[arg-type]
        value = condition.values[0]
        if value.kind == "string":
            return put("lower({}) = lower({})", Sql(column.sql), bind(value.token[1:-1]))
        if value.kind == "number":
            return put("{} = {}", Sql(column.sql), bind(float(value.token)))
        if value.kind == "boolean":
            return put("coalesce({}, false) = {}", Sql(column.sql), bind(value.token.lower() == "true"))
    raise unspoken("this condition yet")


def _sort(scope: Scope, sort: tree.Sort) -> Sql:
    column = scope.column(sort.operand)  # type: ignore[arg-type]
    direction = "DESC" if sort.descending else "ASC"
    return Sql(f"{column.sql} {direction} NULLS {'FIRST' if sort.nulls_first else 'LAST'}")
