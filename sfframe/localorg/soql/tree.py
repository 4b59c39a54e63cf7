"""A statement as it was written: what the grammar makes of the text, before any name is looked up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from lark import Token as Token

ValueKind = Literal["string", "number", "date", "datetime", "time", "boolean", "null", "currency", "literal"]


def at(token: Token, text: str) -> Token:
    """A word that stands for another one: at its place in the statement."""
    return type(token)(token.type, text, start_pos=token.start_pos)


@dataclass(frozen=True, slots=True)
class Path:
    """`Account.Owner.Name`, as typed."""

    names: tuple[Token, ...]

    @property
    def first(self) -> Token:
        return self.names[0]

    @property
    def text(self) -> str:
        return ".".join(self.names)


@dataclass(frozen=True, slots=True)
class Call:
    """`COUNT(Id)`, `DAY_ONLY(convertTimezone(CreatedDate))`."""

    name: Token
    arguments: tuple[Operand, ...]

    @property
    def first(self) -> Token:
        return self.name

    @property
    def text(self) -> str:
        return f"{self.name}({','.join(argument.text for argument in self.arguments)})"


Operand: TypeAlias = Path | Call


@dataclass(frozen=True, slots=True)
class Value:
    kind: ValueKind
    token: Token


@dataclass(frozen=True, slots=True)
class Comparison:
    """`operator` in capitals; `values` is a single one except for lists."""

    operand: Operand
    operator: str
    at: Token
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class SemiJoin:
    operand: Operand
    operator: Literal["IN", "NOT IN"]
    at: Token
    query: Select


@dataclass(frozen=True, slots=True)
class Logic:
    """Conditions put together; NOT has one part."""

    operator: Literal["AND", "OR", "NOT"]
    parts: tuple[Condition, ...]


Condition: TypeAlias = Comparison | SemiJoin | Logic


@dataclass(frozen=True, slots=True)
class TypeOf:
    """`TYPEOF What WHEN Account THEN Phone ELSE Name END`."""

    at: Token
    path: Path
    branches: tuple[tuple[Token, tuple[Path, ...]], ...]
    otherwise: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that is selected."""

    what: Path | Call | TypeOf | Select
    alias: Token | None = None


@dataclass(frozen=True, slots=True)
class Source:
    path: Path
    alias: Token | None = None


@dataclass(frozen=True, slots=True)
class Sort:
    operand: Operand
    descending: bool
    nulls_first: bool


@dataclass(frozen=True, slots=True)
class Clauses:
    """What follows FROM."""

    where: Condition | None = None
    group: tuple[Operand, ...] = ()
    having: Condition | None = None
    order: tuple[Sort, ...] = ()
    limit: Token | None = None
    offset: Token | None = None
    scope: Token | None = None
    purpose: Token | None = None  # of FOR VIEW, FOR REFERENCE
    security: Token | None = None  # of WITH


@dataclass(frozen=True, slots=True)
class Select:
    at: Token
    items: tuple[Item, ...]
    sources: tuple[Source, ...]
    clauses: Clauses
