"""What stands left of an operator, or behind ORDER BY or GROUP BY: a field or a function (SOQL notes, 2.2, 6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sfframe.localorg.objects.schema import TEXT_TYPES, Field
from sfframe.localorg.soql import tree
from sfframe.localorg.soql.errors import SoqlError, unspoken
from sfframe.localorg.soql.pieces import Sql, bind, put
from sfframe.localorg.soql.scope import Column, Scope

AGGREGATES = frozenset({"COUNT", "COUNT_DISTINCT", "SUM", "AVG", "MIN", "MAX", "GROUPING"})
# Functions of one date or datetime; `{}` is the day, or the moment where the hour counts.
DATE_FUNCTIONS = {
    "CALENDAR_MONTH": "month({})",
    "CALENDAR_QUARTER": "quarter({})",
    "CALENDAR_YEAR": "year({})",
    "DAY_IN_MONTH": "day({})",
    "DAY_IN_WEEK": "(dayofweek({}) + 1)",
    "DAY_IN_YEAR": "dayofyear({})",
    "DAY_ONLY": "({})::DATE",
    "HOUR_IN_DAY": "hour({})",
    "WEEK_IN_MONTH": "((day({}) - 1) // 7 + 1)",
    "WEEK_IN_YEAR": "((dayofyear({}) - 1) // 7 + 1)",
    "FISCAL_MONTH": "month({})",
    "FISCAL_QUARTER": "quarter({})",
    "FISCAL_YEAR": "year({})",
}
_DATETIME_ONLY = frozenset({"DAY_ONLY", "HOUR_IN_DAY"})


@dataclass(frozen=True, slots=True)
class Operand:
    """Something that has a value in each row.

    Attributes:
        sql: Its value.
        type: The describe type of the value.
        name: As messages call it.
        at: Where it stands.
        path: What its column is called.
        column: The field that it is, where it is one and nothing else.
        function: The function that it is, in capitals, else "".
    """

    sql: Sql
    type: str
    name: str
    at: tree.Token
    path: tuple[str, ...]
    column: Column | None = None
    function: str = ""

    @property
    def is_text(self) -> bool:
        return self.type in TEXT_TYPES and self.type != "multipicklist"

    @property
    def folded(self) -> Sql:
        """Its value as it is compared: without case, except in unique fields that say otherwise (2.2)."""
        return put("lower({})", self.sql) if self.ignores_case else self.sql

    @property
    def ignores_case(self) -> bool:
        known = self.column.field if self.column is not None else None
        return self.is_text and not (known is not None and known.unique and known.case_sensitive)


def field_operand(scope: Scope, path: tree.Path) -> Operand:
    column = scope.column(path)
    sql = Sql(column.sql)
    return Operand(sql, column.field.type, column.field.name, path.first, column.path, column)


def operand(scope: Scope, written: tree.Operand) -> Operand:
    """The field or the function of a field that is meant.

    Raises:
        SoqlError: There is no such field, function, or function of such a field.
    """
    if isinstance(written, tree.Path):
        return field_operand(scope, written)
    name = written.name.upper()
    if name in DATE_FUNCTIONS:
        return _date_function(scope, written, name)
    if name == "TOLABEL":
        return _label_of(scope, written)
    if name == "CONVERTCURRENCY":
        return _currency_of(scope, written)
    if name in ("DISTANCE", "GEOLOCATION"):
        raise unspoken(f"{name}()")
    if name in AGGREGATES:
        raise scope.fail(written.name, "MALFORMED_QUERY", f"Aggregate function {written.name} is not allowed here")
    raise scope.fail(written.name, "INVALID_FIELD", f"Unknown function: {written.name}")


def only_path(scope: Scope, call: tree.Call) -> tree.Path:
    """The one field that a function is of."""
    if len(call.arguments) == 1 and isinstance(call.arguments[0], tree.Path):
        return call.arguments[0]
    raise wrong_argument(scope, call)


def wrong_argument(scope: Scope, call: tree.Call) -> SoqlError:
    return scope.fail(call.name, "MALFORMED_QUERY", f"Invalid arguments of function {call.name}: {call.text[:200]}")


def _date_function(scope: Scope, call: tree.Call, name: str) -> Operand:
    inner = call.arguments[0] if len(call.arguments) == 1 else None
    by_clock = inner if isinstance(inner, tree.Call) and inner.name.upper() == "CONVERTTIMEZONE" else None
    of = field_operand(scope, only_path(scope, by_clock or call))
    if of.type not in ("date", "datetime") or (of.type == "date" and (name in _DATETIME_ONLY or by_clock)):
        raise scope.fail(of.at, "INVALID_FIELD", f"{name} can not be used on field '{of.name}' of type {of.type}")
    value = of.sql
    if by_clock:
        value = in_zone(scope, value)
    if name.startswith("FISCAL_"):
        # A fiscal year is named by the calendar year in which it ends.
        months = (13 - scope.context.fiscal_year_start_month) % 12
        value = put("({} + to_months({}))", value, Sql(str(months)))
    kind = "date" if name == "DAY_ONLY" else "int"
    spelled = ".".join((name, "IN_ZONE" if by_clock else "", *of.path))
    return Operand(put(DATE_FUNCTIONS[name], value), kind, call.text, call.name, (spelled,), function=name)


def in_zone(scope: Scope, value: Sql) -> Sql:
    """A stored moment, which is UTC, by the user's clock."""
    if scope.context.time_zone == "UTC":
        return value
    return put("timezone({}, timezone('UTC', {}::TIMESTAMP))", bind(scope.context.time_zone), value)


def labels(of: Operand) -> dict[str, str]:
    """The labels of a picklist's values that differ from the values."""
    if of.column is None:
        return {}
    for answer in of.column.sobject.answer["fields"]:
        if answer["name"] == of.column.field.name:
            values = answer.get("picklistValues") or ()
            return {v["value"]: v["label"] for v in values if v.get("label") and v["label"] != v["value"]}
    return {}


def labelled(of: Operand) -> Sql:
    """The labels of a picklist in place of its values; what describe doesn't list stays as it is."""
    found = labels(of)
    if not found or of.type == "multipicklist":
        return of.sql
    values, names = bind(list(found)), bind(list(found.values()))
    return put("coalesce(list_extract({}, list_position({}, {})), {})", names, values, of.sql, of.sql)


def _label_of(scope: Scope, call: tree.Call) -> Operand:
    of = field_operand(scope, only_path(scope, call))
    if not of.is_text and of.type != "multipicklist":
        raise scope.fail(of.at, "INVALID_FIELD", f"toLabel can not be used on field '{of.name}' of type {of.type}")
    kind = of.type if of.type == "multipicklist" else "string"
    return Operand(labelled(of), kind, of.name, of.at, of.path, of.column, "TOLABEL")


def _currency_of(scope: Scope, call: tree.Call) -> Operand:
    of = field_operand(scope, only_path(scope, call))
    if of.type != "currency":
        text = f"convertCurrency can not be used on field '{of.name}' of type {of.type}"
        raise scope.fail(of.at, "INVALID_FIELD", text)
    # The org has one currency, which is the user's too.
    return Operand(of.sql, of.type, of.name, of.at, of.path, of.column, "CONVERTCURRENCY")


def allowed(scope: Scope, of: Operand, use: str) -> Operand:
    """The same, where describe lets its field be used so (3).

    Args:
        scope: Where it stands.
        of: The operand.
        use: "filtered", "sorted" or "grouped".

    Raises:
        SoqlError: It doesn't.
    """
    known: Field | None = of.column.field if of.column is not None else None
    if known is None:
        return of
    may: dict[str, Any] = {"filtered": known.filterable, "sorted": known.sortable, "grouped": known.groupable}
    if not may[use] or not known.is_stored:
        raise scope.fail(of.at, "INVALID_FIELD", f"field '{of.name}' can not be {use} in a query call")
    return of
