"""An org that is as odd as the notes leave it open: it evaluates conditions by whatever reading a test chooses.

What travels of a predicate has to find all its rows in each of them, and exactly those where it says so.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sfframe.localorg.soql import literals, tree
from sfframe.localorg.soql.grammar import parse

Row = Mapping[str, Any]


def _without_accents(text: str) -> str:
    return "".join(one for one in unicodedata.normalize("NFKD", text).casefold() if not unicodedata.combining(one))


def _turkish(text: str) -> str:
    return text.replace("I", "ı").replace("İ", "i").lower()


FOLDS: tuple[Callable[[str], str], ...] = (str, str.lower, str.casefold, str.upper, _turkish, _without_accents)


@dataclass(frozen=True, kw_only=True)
class Manner:
    """One reading of the notes.

    Attributes:
        fold: What is compared of a text.
        trims: Blanks around a literal are taken off.
        keeps_nulls: In `!=` and NOT IN.
        compares_floats: Numbers, in place of all their digits.
        sees_hidden: Filters see what is behind a lookup where the user sees nothing.
        misses_parents: A path without a parent is no null.
        empty_is_null: A formula's empty text.
    """

    fold: Callable[[str], str] = str.casefold
    trims: bool = False
    keeps_nulls: bool = True
    compares_floats: bool = False
    sees_hidden: bool = False
    misses_parents: bool = False
    empty_is_null: bool = True


def finds(condition: str, row: Row, manner: Manner) -> bool:
    """Whether a WHERE clause finds a row: paths and what is stored at them, none for a path without a parent."""
    where = parse(f"SELECT Id FROM Item__c WHERE {condition}").clauses.where
    assert where is not None
    return _holds(where, row, manner)


def _holds(condition: tree.Condition, row: Row, manner: Manner) -> bool:
    if isinstance(condition, tree.Logic):
        assert condition.operator != "NOT", "the negation of a prefilter loses rows"
        combine = all if condition.operator == "AND" else any
        return combine(_holds(part, row, manner) for part in condition.parts)
    assert isinstance(condition, tree.Comparison)
    assert isinstance(condition.operand, tree.Path)
    path = condition.operand.text
    stored = row.get(path)
    if stored == "" and manner.empty_is_null:
        stored = None
    if all(value.kind == "boolean" for value in condition.values):
        return bool(stored) is (str(condition.values[0].token).lower() == "true")
    if condition.values[0].kind == "null":
        is_null = stored is None and (path in row or not manner.misses_parents)
        return is_null is (condition.operator == "=")
    return _compares(condition, stored, manner)


def _compares(condition: tree.Comparison, stored: Any, manner: Manner) -> bool:
    operator = condition.operator
    if stored is None:
        return operator in ("!=", "NOT IN") and manner.keeps_nulls
    if operator == "LIKE":
        return _is_like(stored, literals.unquoted(str(condition.values[0].token), is_pattern=True), manner.fold)
    if operator == "INCLUDES":
        return any(_text(value, manner) in map(manner.fold, stored.split(";")) for value in condition.values)
    value, wanted = _value(stored, manner), [_wanted(one, stored, manner) for one in condition.values]
    match operator:
        case "=" | "IN":
            return value in wanted
        case "!=" | "NOT IN":
            return value not in wanted
        case "<":
            return bool(value < wanted[0])
        case "<=":
            return bool(value <= wanted[0])
        case ">":
            return bool(value > wanted[0])
        case ">=":
            return bool(value >= wanted[0])
    raise AssertionError(operator)


def _value(stored: Any, manner: Manner) -> Any:
    if isinstance(stored, str):
        return manner.fold(stored)
    if isinstance(stored, datetime):
        return stored.replace(tzinfo=None)
    return float(stored) if isinstance(stored, Decimal) and manner.compares_floats else stored


def _wanted(value: tree.Value, stored: Any, manner: Manner) -> Any:
    text = str(value.token)
    match stored:
        case str():
            return _text(value, manner)
        case datetime():
            return literals.moment(text)
        case date():
            return literals.day(text)
        case int():
            assert -(2**31) <= int(text) < 2**31
            return int(text)
    return float(text) if manner.compares_floats else Decimal(text)


def _text(value: tree.Value, manner: Manner) -> str:
    text = literals.unquoted(str(value.token))
    assert 0 < len(text) <= 4000
    return manner.fold(text.strip() if manner.trims else text)


def _is_like(stored: str, pattern: str, fold: Callable[[str], str]) -> bool:
    parts = re.findall(r"\\.|%|_|[^\\%_]+", pattern)
    written = (
        {"%": ".*", "_": "."}.get(part) or re.escape(fold(part[1:] if part[0] == "\\" else part)) for part in parts
    )
    return re.fullmatch("".join(written), fold(stored), re.DOTALL) is not None
