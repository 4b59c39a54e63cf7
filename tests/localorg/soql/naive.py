"""SOQL said a second time, row by row and as plainly as the notes say it; and random statements to say it about.

Nothing here knows the compiler: a statement is a value, which `written` turns into text and `holds` into a decision.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, TypeAlias

from .world import NOW

Row: TypeAlias = dict[str, Any]
PICKS = ("Zeta", "alpha", "Mid")
LABELS = {"alpha": "Erste"}
# What each path leads to.
KINDS = {
    "Text__c": "text",
    "Code__c": "exact",
    "Pick__c": "pick",
    "Multi__c": "multi",
    "Flag__c": "flag",
    "Int__c": "number",
    "Double__c": "number",
    "Day__c": "day",
    "Moment__c": "moment",
    "Clock__c": "clock",
    "Boss__c": "id",
    "Boss__r.Text__c": "text",
    "Boss__r.Flag__c": "flag",
    "Boss__r.Int__c": "number",
    "Boss__r.Above__r.Text__c": "text",
    "Boss__r.Above__r.Flag__c": "flag",
}
OPERATORS = {
    "text": ("=", "!=", "<", "<=", ">", ">=", "LIKE", "IN", "NOT IN"),
    "exact": ("=", "!=", "<", "<=", ">", ">=", "LIKE", "IN", "NOT IN"),
    "pick": ("=", "!=", "<", ">=", "LIKE", "IN", "NOT IN"),
    "multi": ("=", "!=", "INCLUDES", "EXCLUDES", "IN", "NOT IN"),
    "flag": ("=", "!="),
    "number": ("=", "!=", "<", "<=", ">", ">=", "IN", "NOT IN"),
    "day": ("=", "!=", "<", "<=", ">", ">=", "IN", "NOT IN"),
    "moment": ("=", "!=", "<", "<=", ">", ">=", "IN", "NOT IN"),
    "clock": ("=", "!=", "<", "<=", ">", ">=", "IN", "NOT IN"),
    "id": ("=", "!=", "IN", "NOT IN"),
}


@dataclass(frozen=True)
class Days:
    """A date literal: `unit` counts days, weeks ...; the days whose unit is `first` to `last` after today's."""

    text: str
    unit: str
    first: int
    last: int


@dataclass(frozen=True)
class Test:
    path: str
    operator: str
    values: tuple[Any, ...]

    __test__ = False


@dataclass(frozen=True)
class Logic:
    operator: str
    parts: tuple[Condition, ...]


Condition: TypeAlias = Test | Logic


# What is written.


def quoted(text: str) -> str:
    for char, escape in (("\\", "\\\\"), ("'", "\\'"), ("\n", "\\n"), ("\r", "\\r")):
        text = text.replace(char, escape)
    return f"'{text}'"


def value_text(value: Any, *, is_pattern: bool = False) -> str:
    if value is None:
        return "null"
    if isinstance(value, Days):
        return value.text
    if isinstance(value, str):
        # A pattern brings its own escapes.
        return "'" + value.replace("'", "\\'").replace("\n", "\\n") + "'" if is_pattern else quoted(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return f"{value.isoformat()}Z"
    if isinstance(value, time):
        return f"{value.isoformat(timespec='milliseconds')}Z"
    return value.isoformat() if isinstance(value, date) else f"{value}"


def written(condition: Condition) -> str:
    if isinstance(condition, Logic):
        if condition.operator == "NOT":
            return f"(NOT {_inside(condition.parts[0])})"
        return f" {condition.operator} ".join(_inside(part) for part in condition.parts)
    values = [value_text(value, is_pattern=condition.operator == "LIKE") for value in condition.values]
    if condition.operator in ("IN", "NOT IN", "INCLUDES", "EXCLUDES"):
        return f"{condition.path} {condition.operator} ({', '.join(values)})"
    return f"{condition.path} {condition.operator} {values[0]}"


def _inside(condition: Condition) -> str:
    text = written(condition)
    return f"({text})" if isinstance(condition, Logic) and condition.operator != "NOT" else text


# What is meant.


def value_of(row: Row | None, path: str, bosses: dict[str, Row]) -> Any:
    """A path's value; a missing parent has nulls, and a boolean is never null (2.1)."""
    *steps, last = path.split(".")
    for step in steps:
        row = bosses.get(row.get(step.replace("__r", "__c")) or "") if row is not None else None
    found = row.get(last) if row is not None else None
    return bool(found) if KINDS[path] == "flag" else found


def holds(condition: Condition, row: Row, bosses: dict[str, Row]) -> bool:
    if isinstance(condition, Logic):
        results = [holds(part, row, bosses) for part in condition.parts]
        if condition.operator == "NOT":
            return not results[0]
        return all(results) if condition.operator == "AND" else any(results)
    value = value_of(row, condition.path, bosses)
    kind, operator, wanted = KINDS[condition.path], condition.operator, condition.values
    if operator in ("IN", "NOT IN"):
        if value is None:
            return (None in wanted) == (operator == "IN")
        found = any(_equal(kind, value, one) for one in wanted if one is not None)
        return found == (operator == "IN")
    if operator in ("INCLUDES", "EXCLUDES"):
        return _has_items(value, operator, wanted)
    if operator == "LIKE":
        return value is not None and _is_like(LABELS.get(value, value) if kind == "pick" else value, wanted[0])
    return _compares(kind, value, operator, wanted[0])


def _compares(kind: str, value: Any, operator: str, wanted: Any) -> bool:
    if wanted is None:
        is_null = value is None or (kind == "flag" and value is False)
        return is_null == (operator == "=")
    if operator == "=":
        return value is not None and _equal(kind, value, wanted)
    if operator == "!=":
        return value is None or not _equal(kind, value, wanted)
    if value is None:
        return False
    if isinstance(wanted, Days):
        away = _units_away(wanted.unit, value)
        return {
            "<": away < wanted.first,
            ">": away > wanted.last,
            ">=": away >= wanted.first,
            "<=": away <= wanted.last,
        }[operator]
    left, right = _folded(kind, value), _folded(kind, wanted)
    return bool({"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[operator])


def _folded(kind: str, value: Any) -> Any:
    return value.casefold() if kind in ("text", "pick") else value


def _equal(kind: str, value: Any, wanted: Any) -> bool:
    if isinstance(wanted, Days):
        return wanted.first <= _units_away(wanted.unit, value) <= wanted.last
    if kind == "multi":
        return _items(value) == _items(wanted)
    if kind == "id":
        return bool(value[:15] == wanted[:15])
    return bool(_folded(kind, value) == _folded(kind, wanted))


def _items(text: str) -> set[str]:
    return set(text.casefold().split(";"))


def _has_items(value: str | None, operator: str, wanted: Sequence[str | None]) -> bool:
    if value is None:
        return (None in wanted) == (operator == "INCLUDES")
    there = _items(value)
    if operator == "INCLUDES":
        return any(_items(one) <= there for one in wanted if one is not None)
    return not any(_items(one) & there for one in wanted if one is not None)


def _is_like(value: str, pattern: str) -> bool:
    out, at = "", 0
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            at += 1
            out += re.escape(pattern[at])
        else:
            out += {"%": ".*", "_": "."}.get(char, re.escape(char))
        at += 1
    return re.fullmatch(out.casefold(), value.casefold(), re.DOTALL) is not None


def _units_away(unit: str, value: date) -> int:
    """How many units a day is after today's."""
    day = value.date() if isinstance(value, datetime) else value
    return _unit(unit, day) - _unit(unit, NOW.date())


def _unit(unit: str, day: date) -> int:
    if unit == "DAY":
        return day.toordinal()
    if unit == "WEEK":
        # 1 January of the year 1 was a Monday; weeks begin on Sunday.
        return (day.toordinal()) // 7
    months = day.year * 12 + day.month - 1
    return months // {"MONTH": 1, "QUARTER": 3, "YEAR": 12}[unit]


# In which order.


def sort_key(path: str, row: Row, bosses: dict[str, Row]) -> Any:
    value = value_of(row, path, bosses)
    kind = KINDS[path]
    if value is None:
        return None
    if kind == "pick":
        return (PICKS.index(value) if value in PICKS else len(PICKS), value.upper())
    return value.upper() if kind in ("text", "exact") else value


def in_order(rows: list[Row], sorts: Sequence[tuple[str, bool, bool]], bosses: dict[str, Row]) -> list[Row]:
    """Sorted by the last key first; nulls where they are said to be, and first on a lookup whatever is said (5)."""
    for path, is_descending, nulls_first in reversed(sorts):
        nulls_first = nulls_first or KINDS[path] == "id"
        keyed = [(sort_key(path, row, bosses), row) for row in rows]
        nulls = [row for key, row in keyed if key is None]
        others = [pair for pair in keyed if pair[0] is not None]
        others.sort(key=lambda pair: pair[0], reverse=is_descending)
        found = [row for _, row in others]
        rows = nulls + found if nulls_first else found + nulls
    return rows


# Groups.


def group_key(path: str, row: Row, bosses: dict[str, Row]) -> Any:
    value = value_of(row, path, bosses)
    return value.casefold() if KINDS[path] in ("text", "pick") and value is not None else value


def aggregate(kind: str, path: str, rows: list[Row], bosses: dict[str, Row]) -> Any:
    """One aggregate over the rows of a group; nulls don't count (6)."""
    values = [value for row in rows if (value := value_of(row, path, bosses)) is not None]
    if kind == "COUNT":
        return len(values)
    if kind == "COUNT_DISTINCT":
        return len({group_key(path, row, bosses) for row in rows} - {None})
    if not values:
        return None
    if kind == "SUM":
        return sum(values)
    if kind == "AVG":
        return sum(values) / len(values)
    pick = min if kind == "MIN" else max
    found = pick(sort_key(path, row, bosses) for row in rows if value_of(row, path, bosses) is not None)
    return found[1] if isinstance(found, tuple) else found
