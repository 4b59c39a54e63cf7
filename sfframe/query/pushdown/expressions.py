"""Expressions: a Polars predicate read into a small tree of what SOQL may have words for. No I/O.

Polars shows of an expression what it is made of (`Expr.meta.pop`), not what it does with it. So each operation that
is of use is rebuilt from the parts and compared (`Expr.meta.eq`): whatever equals none of them is `Unknown`, in this
version of Polars and in any other. The forms are those that Polars hands over to an IO source, which come with
literals typed and casts put in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import polars as pl

Operator = Literal["==", "!=", "<", "<=", ">", ">="]
_Joint: TypeAlias = Callable[[pl.Expr, pl.Expr], pl.Expr]

# Deeper ones are left alone: a tree is read by calls within calls.
_MAX_DEPTH: Final = 60
_XOR_DEPTH: Final = 20


@dataclass(frozen=True, slots=True)
class Operand:
    """What stands on the left: a column, or what is made of one.

    Attributes:
        part: The year or the date of it.
        cast: What it was cast to before it is compared.
    """

    name: str
    part: Literal["", "year", "date"] = ""
    cast: pl.DataType | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """Something that isn't understood."""


@dataclass(frozen=True, slots=True)
class Constant:
    value: bool | None


@dataclass(frozen=True, slots=True)
class Flag:
    """A boolean column itself."""

    of: Operand


@dataclass(frozen=True, slots=True)
class Null:
    """`is_null`, never null itself."""

    of: Operand


@dataclass(frozen=True, eq=False, slots=True)
class Compare:
    """A column against a value that isn't null, in a series of its own.

    Attributes:
        is_missing: `eq_missing`: false in place of null; its operator is `==`.
    """

    operator: Operator
    of: Operand
    value: pl.Series
    is_missing: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class Member:
    """`is_in`."""

    of: Operand
    values: pl.Series
    nulls_equal: bool


@dataclass(frozen=True, slots=True)
class Has:
    """Text in a text, or an item in a list of texts."""

    how: Literal["starts_with", "ends_with", "contains", "item"]
    of: Operand
    text: str


@dataclass(frozen=True, slots=True)
class Not:
    part: Node


@dataclass(frozen=True, slots=True)
class Every:
    """All of them, by the three-valued logic of Polars."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Some:
    """One of them, by the three-valued logic of Polars."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class OneOf:
    """`xor`."""

    left: Node
    right: Node


Leaf: TypeAlias = Flag | Null | Compare | Member | Has
Node: TypeAlias = Leaf | Unknown | Constant | Not | Every | Some | OneOf

UNKNOWN: Final = Unknown()
_FLIPPED: Final[dict[Operator, Operator]] = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_COMPARISONS: Final[dict[Operator, _Joint]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
_CLOSED: Final[dict[Literal["both", "left", "right", "none"], tuple[Operator, Operator]]] = {
    "both": (">=", "<="),
    "left": (">=", "<"),
    "right": (">", "<="),
    "none": (">", "<"),
}
_HAS: Final[dict[Literal["starts_with", "ends_with"], _Joint]] = {
    "starts_with": lambda a, b: a.str.starts_with(b),
    "ends_with": lambda a, b: a.str.ends_with(b),
}
_CASTS: Final[tuple[pl.DataType, ...]] = (
    pl.Float64(), pl.Int64(), pl.Datetime("us"), pl.Datetime("ms"), pl.Datetime("us", "UTC"), pl.Datetime("ms", "UTC"),
)  # fmt: skip
# These mean the same in a regular expression as in a plain text.
_PLAIN: Final = frozenset(" !\"%&',/:;<=>@_`~") | {chr(n) for n in range(128) if chr(n).isalnum()}


def conjuncts(predicate: pl.Expr) -> list[pl.Expr]:
    """The expressions that `&` joins to a predicate, in order."""
    return _joined(predicate, lambda a, b: a & b)


def read(expression: pl.Expr, *, depth: int = 0) -> Node:
    """What a boolean expression asks."""
    parts = _parts(expression)
    if depth > _MAX_DEPTH:
        return UNKNOWN
    if (value := _literal(expression)) is not None:
        return Constant(value.item()) if value.dtype in (pl.Boolean, pl.Null) and len(value) == 1 else UNKNOWN
    if not parts:
        return Flag(operand) if (operand := _operand(expression)) is not None else UNKNOWN
    if len(parts) == 1:
        return _of_one(expression, parts[0], depth)
    if len(parts) == 2:
        return _logic(expression, parts[0], parts[1], depth) or _of_two(expression, parts[0], parts[1])
    return _between(expression, parts) if len(parts) == 3 else UNKNOWN


def _of_one(expression: pl.Expr, part: pl.Expr, depth: int) -> Node:
    if _same(expression, lambda: ~part):
        return Not(read(part, depth=depth + 1))
    operand = _operand(part)
    if operand is None:
        return UNKNOWN
    if _same(expression, part.is_null):
        return Null(operand)
    return Not(Null(operand)) if _same(expression, part.is_not_null) else UNKNOWN


def _logic(expression: pl.Expr, left: pl.Expr, right: pl.Expr, depth: int) -> Node | None:
    for kind, joint in _LOGIC:
        if _same(expression, lambda: joint(left, right)):  # noqa: B023  # called at once
            return kind(tuple(read(part, depth=depth + 1) for part in _joined(expression, joint)))
    if _same(expression, lambda: left ^ right):
        # Each of its sides is asked for twice.
        return OneOf(read(left, depth=depth + _XOR_DEPTH), read(right, depth=depth + _XOR_DEPTH))
    return None


_LOGIC: Final[tuple[tuple[type[Every | Some], _Joint], ...]] = (
    (Every, lambda a, b: a & b),
    (Some, lambda a, b: a | b),
)


def _of_two(expression: pl.Expr, left: pl.Expr, right: pl.Expr) -> Node:
    for operator, joint in _COMPARISONS.items():
        if _same(expression, lambda: joint(left, right)):  # noqa: B023  # called at once
            return _compared(operator, left, right)
    if _same(expression, lambda: left.eq_missing(right)):
        return _compared("==", left, right, is_missing=True)
    if _same(expression, lambda: left.ne_missing(right)):
        found = _compared("==", left, right, is_missing=True)
        return found if found is UNKNOWN else Not(found)
    operand, value = _operand(left), _literal(right)
    if operand is None or value is None:
        return UNKNOWN
    return _member(expression, operand, left, right, value) or _has(expression, operand, left, right, value)


def _compared(operator: Operator, left: pl.Expr, right: pl.Expr, *, is_missing: bool = False) -> Node:
    operand, value = _operand(left), _literal(right)
    if operand is None:
        operand, value, operator = _operand(right), _literal(left), _FLIPPED[operator]
    if operand is None or value is None or len(value) != 1:
        return UNKNOWN
    if value.item() is None:
        return Null(operand) if is_missing else Constant(None)
    return Compare(operator, operand, value, is_missing)


def _member(
    expression: pl.Expr, operand: Operand, left: pl.Expr, right: pl.Expr, value: pl.Series
) -> Member | Unknown | None:
    for nulls_equal in (False, True):
        if _same(expression, lambda: left.is_in(right, nulls_equal=nulls_equal)):  # noqa: B023  # called at once
            if value.dtype != pl.List:
                return Member(operand, value, nulls_equal)
            return (
                Member(operand, value.item(), nulls_equal) if len(value) == 1 and value.null_count() == 0 else UNKNOWN
            )
    return None


def _has(expression: pl.Expr, operand: Operand, left: pl.Expr, right: pl.Expr, value: pl.Series) -> Node:
    if value.dtype != pl.String or len(value) != 1 or value.item() is None:
        return UNKNOWN
    text: str = value.item()
    for how, joint in _HAS.items():
        if _same(expression, lambda: joint(left, right)):  # noqa: B023  # called at once
            return Has(how, operand, text)
    if any(_same(expression, lambda: left.list.contains(right, nulls_equal=one)) for one in (False, True)):  # noqa: B023
        return Has("item", operand, text)
    strict = (True, False)
    if any(_same(expression, lambda: left.str.contains(right, literal=True, strict=one)) for one in strict):  # noqa: B023
        return Has("contains", operand, text)
    if _PLAIN.issuperset(text) and any(
        _same(expression, lambda: left.str.contains(right, literal=False, strict=one))  # noqa: B023
        for one in strict
    ):
        return Has("contains", operand, text)
    return UNKNOWN


def _between(expression: pl.Expr, parts: Sequence[pl.Expr]) -> Node:
    of, low, high = parts
    if _operand(of) is None:
        return UNKNOWN
    for closed, (above, below) in _CLOSED.items():
        if _same(expression, lambda: of.is_between(low, high, closed=closed)):  # noqa: B023  # called at once
            ends = (_compared(above, of, low), _compared(below, of, high))
            # With a bound that is null it is null, which the two together needn't be.
            return Every(ends) if all(isinstance(end, Compare) for end in ends) else UNKNOWN
    return UNKNOWN


def _operand(expression: pl.Expr) -> Operand | None:
    parts = _parts(expression)
    if not parts:
        return Operand(expression.meta.output_name()) if expression.meta.is_column() else None
    if len(parts) != 1:
        return None
    inner = _operand(parts[0])
    if inner is None or inner.cast is not None:
        return None
    if not inner.part and _same(expression, parts[0].dt.year):
        return Operand(inner.name, "year")
    if not inner.part and _same(expression, parts[0].dt.date):
        return Operand(inner.name, "date")
    for dtype in _CASTS:
        for strict in (False, True):
            if _same(expression, lambda: parts[0].cast(dtype, strict=strict)):  # noqa: B023  # called at once
                return Operand(inner.name, inner.part, dtype)
    return None


def _literal(expression: pl.Expr) -> pl.Series | None:
    """The value of an expression that is made of literals alone, or `None`."""
    if not _is_literal(expression):
        return None
    try:
        return pl.select(expression).to_series()
    except pl.exceptions.PolarsError:
        return None


def _is_literal(expression: pl.Expr) -> bool:
    waiting = [expression]
    while waiting:
        one = waiting.pop()
        parts = _parts(one)
        if not parts and not one.meta.is_literal():
            return False
        waiting += parts
    return True


def _joined(expression: pl.Expr, joint: _Joint) -> list[pl.Expr]:
    """What a joint joins, from left to right; many of them may hang in a long chain."""
    waiting, found = [expression], []
    while waiting:
        one = waiting.pop()
        parts = _parts(one)
        if len(parts) == 2 and _same(one, lambda: joint(parts[0], parts[1])):  # noqa: B023  # called at once
            waiting += reversed(parts)
        else:
            found.append(one)
    return found


def _parts(expression: pl.Expr) -> list[pl.Expr]:
    """What an expression is made of, from left to right."""
    return list(reversed(expression.meta.pop()))


def _same(expression: pl.Expr, rebuild: Callable[[], pl.Expr]) -> bool:
    try:
        return expression.meta.eq(rebuild())
    except (pl.exceptions.PolarsError, TypeError):
        return False
