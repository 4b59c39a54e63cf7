"""What a query's columns are, for clients that ask with `columns=true` before they draw a table."""

from __future__ import annotations

from typing import Any

from sfframe.localorg.objects.schema import NUMBER_TYPES
from sfframe.localorg.soql import Children, Output, Query

_APEX = {
    "id": "Id",
    "reference": "Id",
    "boolean": "Boolean",
    "int": "Integer",
    "long": "Long",
    "date": "Date",
    "datetime": "Datetime",
    "time": "Time",
    "address": "Address",
    "location": "Location",
    **dict.fromkeys(NUMBER_TYPES, "Double"),
}
_NO_TEXT = {*_APEX, "base64"}
Column = dict[str, Any]


def columns_of(query: Query) -> dict[str, Any]:
    """The answer: columns in the order of SELECT, those of parents and children within one of their own."""
    return {
        "columnMetadata": _columns(query),
        "entityName": query.sobject.name,
        "groupBy": query.form == "aggregates",
        "idSelected": any(output.path == ("Id",) for output in query.outputs),
        "keyPrefix": query.sobject.key_prefix,
    }


def _columns(query: Query) -> list[Column]:
    made: list[Column] = []
    children = list(query.children)
    for nth, output in enumerate(query.outputs):
        while children and children[0].place <= nth:
            made.append(_child(children.pop(0)))
        _put(made, output, query)
    return made + [_child(child) for child in children]


def _put(among: list[Column], output: Output, query: Query) -> None:
    for name in output.path[:-1]:
        parent = next((column for column in among if column["columnName"] == name and column["joinColumns"]), None)
        if parent is None:
            parent = _column(name, name, "SObject")
            among.append(parent)
        among = parent["joinColumns"]
    field = query.sobject.field(output.path[-1]) if len(output.path) == 1 and not output.function else None
    column = _column(output.path[-1], output.function or output.path[-1], _APEX.get(output.type, "String"))
    among.append(
        column
        | {
            "aggregate": bool(output.function),
            "booleanType": output.type == "boolean",
            "custom": output.path[-1].endswith("__c"),
            "foreignKeyName": field.relationship_name if field else None,
            "insertable": field is not None and field.createable,
            "numberType": output.type in NUMBER_TYPES or output.type in ("int", "long"),
            "textType": output.type not in _NO_TEXT,
            "updatable": field is not None and field.updateable,
        }
    )


def _child(child: Children) -> Column:
    made = _column(child.path[0], child.path[0], "SObject")
    return made | {"aggregate": True, "joinColumns": _columns(child.query)}


def _column(name: str, shown: str, apex_type: str) -> Column:
    return {
        "aggregate": False,
        "apexType": apex_type,
        "booleanType": False,
        "columnName": name,
        "custom": name.endswith(("__c", "__r")),
        "displayName": shown,
        "foreignKeyName": None,
        "insertable": False,
        "joinColumns": [],
        "numberType": False,
        "textType": False,
        "updatable": False,
    }
