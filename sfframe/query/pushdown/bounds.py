"""Bounds: what a predicate asks of a number, a date or a moment, as bounds that SOQL can be asked for. No I/O.

Where a frame shows less than the org stores (a float its first digits) or the org ignores a part of what is written
(a moment's milliseconds), a bound is moved outward: a condition may find more, never less (SOQL notes, 11, 5 and 6).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from typing import Final

from sfframe.query.pushdown.condition import NEVER, Choice, Condition, Subject, exactly, more, nothing
from sfframe.query.pushdown.expressions import Operator
from sfframe.query.pushdown.written import widened
from sfframe.query.soql.literals import quote_soql

_DIGITS: Final = Context(prec=80)
_MORE_DIGITS: Final = "the org may store more digits than the frame shows"
_SECONDS: Final = "SOQL compares whole seconds"
_MOST: Final = 10**15
_LEAST: Final = 1e-250  # SOQL takes 308 digits, and what is nearer to zero may have more behind the point
EPOCH: Final = date(1970, 1, 1).toordinal()
_DAY: Final = 86_400
_OUT_OF_REACH: Final = "the value is outside of what SOQL takes"


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """Values that stand apart: whole numbers, days.

    Attributes:
        low: The least value.
        high: The greatest value.
        is_all: No row has a value outside.
        write: A value as SOQL writes it.
    """

    low: int
    high: int
    is_all: bool
    write: Callable[[int], str]


INTS: Final = Grid(low=-(2**31), high=2**31 - 1, is_all=True, write=str)
LONGS: Final = Grid(low=-(2**63), high=2**63 - 1, is_all=True, write=str)
DAYS: Final = Grid(
    low=date(1701, 1, 1).toordinal(),
    high=date(3999, 12, 31).toordinal(),
    is_all=False,
    write=lambda n: date.fromordinal(n).isoformat(),
)


def on_grid(of: Subject, operator: Operator, value: Fraction, grid: Grid) -> Condition:
    """A comparison with a value that may lie between two of the grid."""
    floor, ceiling = math.floor(value), math.ceil(value)
    if not grid.is_all and not grid.low <= floor <= ceiling <= grid.high:
        return nothing(_OUT_OF_REACH)
    is_there = floor == ceiling and grid.low <= floor <= grid.high
    match operator:
        case "==":
            return exactly(f"{of.path} = {grid.write(floor)}") if is_there else NEVER
        case "!=":
            return exactly(of.guarded(f"{of.path} != {grid.write(floor)}")) if is_there else of.present()
        case "<" | "<=":
            bound = floor if operator == "<=" else ceiling - 1
            if bound < grid.low:
                return NEVER if grid.is_all else nothing(_OUT_OF_REACH)
            is_bound = bound < grid.high or not grid.is_all
            return exactly(f"{of.path} <= {grid.write(bound)}") if is_bound else of.present()
        case _:
            bound = ceiling if operator == ">=" else floor + 1
            if bound > grid.high:
                return NEVER if grid.is_all else nothing(_OUT_OF_REACH)
            is_bound = bound > grid.low or not grid.is_all
            return exactly(f"{of.path} >= {grid.write(bound)}") if is_bound else of.present()


def among_grid(of: Subject, values: Iterable[Fraction], grid: Grid, *, wanted: bool) -> Condition:
    """Membership of a list, or none of it."""
    whole = sorted({math.floor(value) for value in values if value.denominator == 1})
    there = [value for value in whole if grid.low <= value <= grid.high]
    if not grid.is_all and there != whole:
        return nothing(_OUT_OF_REACH)
    if not there:
        return NEVER if wanted else of.present()
    texts = tuple(map(grid.write, there))
    if not wanted:
        return exactly(of.guarded(f"{of.path} NOT IN ({', '.join(texts)})"))
    narrower = f"({of.path} >= {texts[0]} AND {of.path} <= {texts[-1]})"
    return listed(of, texts, exactly(""), narrower=narrower)


def listed(of: Subject, texts: Sequence[str], kind: Condition, *, narrower: str = "") -> Condition:
    """`IN`, as exact as `kind`, which may be cut between any two of the texts."""
    choice = Choice(head=f"{of.path} IN (", members=tuple(texts), joint=", ", tail=")")
    return replace(kind, soql=choice.soql(texts), choice=choice, narrower=narrower)


# Floats and decimals: a stored value lies between two bounds around the one that is shown.


@dataclass(frozen=True, kw_only=True, slots=True)
class Numbers:
    """Numbers with a fraction.

    Attributes:
        scale: Of a decimal column; `None`: floats.
    """

    scale: int | None

    def around(self, value: float | Decimal) -> tuple[Decimal, Decimal] | None:
        """Bounds around what is stored in rows that show a value; `None` if none of them can show it."""
        low, high = widened(value) if isinstance(value, float) else (value, value)
        if self.scale is None:
            return low, high
        unit = Decimal(1).scaleb(-self.scale)
        first, last = _rounded(low, unit, ROUND_CEILING), _rounded(high, unit, ROUND_FLOOR)
        if first > last:
            return None
        return _slack(_less(first, unit), self.scale), _slack(_less(last.copy_negate(), unit), self.scale).copy_negate()

    def above(self, value: float | Decimal, *, is_over: bool) -> Decimal:
        """The bound of stored values in rows that show no less than a value, or more."""
        if self.scale is None or isinstance(value, float):
            value, is_over = widened(float(value))[0], False
        if self.scale is None:
            return value
        unit = Decimal(1).scaleb(-self.scale)
        bound = _rounded(value, unit, ROUND_FLOOR) if is_over else _less(_rounded(value, unit, ROUND_CEILING), unit)
        return _slack(bound, self.scale)

    def below(self, value: float | Decimal, *, is_under: bool) -> Decimal:
        """The bound of stored values in rows that show no more than a value, or less."""
        negated = value.copy_negate() if isinstance(value, Decimal) else -value
        return self.above(negated, is_over=is_under).copy_negate()

    @property
    def signs(self) -> tuple[str, str]:
        """What stands before the lower and the upper bound."""
        # Whatever is a whole unit away from what is shown is shown as something else.
        return (">=", "<=") if self.scale is None else (">", "<")


def _is_tiny(value: float | Decimal) -> bool:
    return value != 0 and -_LEAST < value < _LEAST


def number(of: Subject, operator: Operator, value: float | Decimal, kind: Numbers) -> Condition:
    """A comparison with a number."""
    if not -_MOST < value < _MOST:
        return nothing(_OUT_OF_REACH)
    over, under = kind.signs
    match operator:
        case "==":
            around = kind.around(value)
            return more(_between(of, around, kind), _MORE_DIGITS) if around else NEVER
        case "!=":
            if _is_tiny(value):
                return nothing(_OUT_OF_REACH)
            return more(of.guarded(f"{of.path} != {quote_soql(value)}"), _MORE_DIGITS)
        case "<" | "<=":
            bound = kind.below(value, is_under=operator == "<")
            return more(f"{of.path} {under} {quote_soql(bound)}", _MORE_DIGITS)
        case _:
            bound = kind.above(value, is_over=operator == ">")
            return more(f"{of.path} {over} {quote_soql(bound)}", _MORE_DIGITS)


def among_numbers(of: Subject, values: Sequence[float | Decimal], kind: Numbers, *, wanted: bool) -> Condition:
    """Membership of a list, or none of it."""
    if not all(-_MOST < value < _MOST for value in values):
        return nothing(_OUT_OF_REACH)
    if not wanted:
        if any(map(_is_tiny, values)):
            return nothing(_OUT_OF_REACH)
        texts = ", ".join(dict.fromkeys(map(quote_soql, values)))
        return more(of.guarded(f"{of.path} NOT IN ({texts})"), _MORE_DIGITS) if texts else of.present()
    spans = _merged(around for value in values if (around := kind.around(value)) is not None)
    if len(spans) < 2:
        return more(_between(of, spans[0], kind), _MORE_DIGITS) if spans else NEVER
    members = tuple(_between(of, span, kind) for span in spans)
    choice = Choice(head="(", members=members, joint=" OR ", tail=")")
    narrower = _between(of, (spans[0][0], spans[-1][1]), kind)
    return Condition(soql=choice.soql(members), reason=_MORE_DIGITS, choice=choice, narrower=narrower)


def _between(of: Subject, bounds: tuple[Decimal, Decimal], kind: Numbers) -> str:
    over, under = kind.signs
    return f"({of.path} {over} {quote_soql(bounds[0])} AND {of.path} {under} {quote_soql(bounds[1])})"


def _merged(spans: Iterable[tuple[Decimal, Decimal]]) -> list[tuple[Decimal, Decimal]]:
    """Spans in order, none of which touches the next."""
    found: list[tuple[Decimal, Decimal]] = []
    for low, high in sorted(spans):
        if found and low <= found[-1][1]:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return found


def _rounded(value: Decimal, unit: Decimal, how: str) -> Decimal:
    return value.quantize(unit, how, _DIGITS)


def _less(value: Decimal, unit: Decimal) -> Decimal:
    return _DIGITS.subtract(value, unit)


def _slack(bound: Decimal, scale: int) -> Decimal:
    """A lower bound, lower still where a float, as which the org may write a number, has no digits for the scale."""
    return bound if abs(bound) < Decimal(10) ** (15 - scale) else widened(float(bound))[0]


# Moments and calendar units: from a second on until before another.


def in_seconds(
    of: Subject, operator: Operator, start: int, end: int, *, is_day: bool = False, exact: bool
) -> Condition:
    """A comparison with a stretch of time.

    Args:
        start: Its first second, or day, since 1970.
        end: The one after its last.
        is_day: Days, of a date field; or seconds.
        exact: All that lies in it is meant, or a moment in it.
    """
    first, last = _written(start, is_day=is_day), _written(end, is_day=is_day)
    if first is None or last is None:
        return nothing(_OUT_OF_REACH)
    path = of.path
    match operator:
        case "==":
            soql = f"({path} >= {first} AND {path} < {last})"
        case "!=":
            if not exact:
                return of.present(_SECONDS)
            soql = f"({path} < {first} OR {path} >= {last})"
        case "<":
            soql = f"{path} < {first if exact else last}"
        case "<=":
            soql = f"{path} < {last}"
        case ">":
            soql = f"{path} >= {last if exact else first}"
        case _:
            soql = f"{path} >= {first}"
    return exactly(soql) if is_day else more(soql, _SECONDS)


def _written(n: int, *, is_day: bool) -> str | None:
    ordinal = EPOCH + (n if is_day else n // _DAY)
    if not DAYS.low <= ordinal <= DAYS.high:
        return None
    day = date.fromordinal(ordinal).isoformat()
    clock = n % _DAY
    return day if is_day else f"{day}T{clock // 3600:02}:{clock // 60 % 60:02}:{clock % 60:02}Z"
