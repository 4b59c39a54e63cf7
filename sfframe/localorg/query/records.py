"""Rows become records of JSON: members in the order of SELECT, parents and children inside (SOQL notes, 7)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import pyarrow as pa

from sfframe.localorg.objects.schema import NUMBER_TYPES
from sfframe.localorg.soql import Children, Query
from sfframe.localorg.wire import plain

# What a page has of a child relationship: for each parent's id, its part of the answer.
Families: TypeAlias = Mapping[tuple[str, ...], Mapping[str, dict[str, Any]]]


def json_value(kind: str, value: Any) -> Any:
    """A value as REST writes it, by the describe type of its field."""
    form = _FORMS.get(kind)
    return value if form is None else form(value)


def _double(value: float | None) -> float | None:
    # JSON has no infinity; a sum may reach it.
    return None if value is None or not math.isfinite(value) else float(value)


_FORMS: dict[str, Callable[[Any], Any]] = {
    "boolean": bool,  # never null (2.1)
    **dict.fromkeys(("datetime", "date", "time"), plain),
    **dict.fromkeys(NUMBER_TYPES, _double),
}


@dataclass(slots=True)
class _Node:
    """One record of each row: its members are outputs by their index, parents, or children."""

    level: int
    members: list[tuple[str, int | _Node | Children]] = field(default_factory=list)
    depends_on_type: bool = False


def _plan(query: Query) -> _Node:
    places = {level.path: n for n, level in enumerate(query.levels)}
    root = _Node(0)
    children = list(query.children)
    for n, output in enumerate(query.outputs):
        while children and children[0].place <= n:
            child = children.pop(0)
            root.members.append((child.path[0], child))
        node = root
        for depth in range(1, len(output.path)):
            node = _parent(node, output.path[depth - 1], places[output.path[:depth]])
        node.members.append((output.path[-1], n))
        node.depends_on_type = node.depends_on_type or bool(output.only_for)
    root.members += [(child.path[0], child) for child in children]
    return root


def _parent(node: _Node, member: str, level: int) -> _Node:
    for name, known in node.members:
        if name == member and isinstance(known, _Node):
            return known
    made = _Node(level)
    node.members.append((member, made))
    return made


def records_of(query: Query, rows: pa.Table, version: str, families: Families) -> list[dict[str, Any]]:
    """The rows of a page as records.

    Args:
        query: What was asked.
        rows: Of its `keyed_sql`.
        version: The API version that URLs name.
        families: The children of the records.
    """
    plan = _plan(query)
    columns = [
        [json_value(output.type, value) for value in rows[output.column].to_pylist()] for output in query.outputs
    ]
    keys = [rows[level.column].to_pylist() for level in query.levels]
    base = f"/services/data/v{version}/sobjects"

    def record(node: _Node, row: int) -> dict[str, Any] | None:
        key = keys[node.level][row]
        if key is None:
            return None
        level = query.levels[node.level]
        kind = level.types.get(key[:3], level.type)
        # A record behind a polymorphic relationship is called Name, unless TYPEOF asked what it is.
        name = kind if node.depends_on_type else level.type
        made: dict[str, Any] = {"attributes": {"type": name, "url": f"{base}/{kind}/{key}"}}
        for member, what in node.members:
            if isinstance(what, _Node):
                made[member] = record(what, row)
            elif isinstance(what, Children):
                made[member] = families.get(what.path, {}).get(key)
            elif not query.outputs[what].only_for or kind in query.outputs[what].only_for:
                made[member] = columns[what][row]
        # TYPEOF has nothing to say of this type (7).
        return None if node.depends_on_type and len(made) == 1 else made

    found = (record(plan, row) for row in range(rows.num_rows))
    return [made for made in found if made is not None]


def groups_of(query: Query, rows: pa.Table) -> list[dict[str, Any]]:
    """The rows of an aggregate query (6)."""
    columns = [
        [json_value(output.type, value) for value in rows[output.column].to_pylist()] for output in query.outputs
    ]
    names = [output.path[-1] for output in query.outputs]
    return [
        {"attributes": {"type": "AggregateResult"}, **dict(zip(names, values, strict=True))}
        for values in zip(*columns, strict=True)
    ]
