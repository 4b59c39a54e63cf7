"""SOQL as far as a reader has to understand it: what is selected, from what, and which clauses there are. No I/O.

The org judges a statement; what isn't understood here goes there as it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from sfframe.errors import SoqlError

_TOKEN: Final = re.compile(
    r"""(?P<blank>\s+)
    | (?P<text>'(?:[^'\\]|\\.)*')
    | (?P<word>[A-Za-z_]\w*(?:\s*\.\s*[A-Za-z_]\w*)*(?::\d+)?)
    | (?P<bind>:\s*[A-Za-z_]\w*)
    | (?P<number>[+-]?[\d.][\w.:+-]*)
    | (?P<sign>[(),<>=!]|.)""",
    re.VERBOSE | re.DOTALL,
)
MAX_CHARACTERS: Final = 100_000  # SOQL notes, 4
_NUMBER: Final = re.compile(r"[0-9]{1,18}")
_CLAUSES: Final = frozenset(
    {"USING", "WHERE", "WITH", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "FOR", "UPDATE", "ALL"}
)
# Objects and fields may be called Group and Order.
_BEFORE_BY: Final = ("GROUP", "ORDER")
# An org has five levels of subqueries and fewer of functions; what reads a statement goes down by recursion.
_MAX_DEPTH: Final = 20


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a statement.

    Attributes:
        kind: `text` (quoted), `word` (a name or path, blanks taken out), `bind`, `number` (dates too) or `sign`.
        start, end: Where it stands.
    """

    kind: str
    value: str
    start: int
    end: int

    @property
    def word(self) -> str:
        """In capitals, if it is a word; else nothing."""
        return self.value.upper() if self.kind == "word" else ""


@dataclass(frozen=True, slots=True)
class Path:
    """A field, or a way to one: `Account.Owner.Name`."""

    parts: tuple[str, ...]
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A function of the SELECT list: `COUNT()`, `toLabel(Status) label`."""

    name: str
    arguments: tuple[Item, ...]
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class Literal:
    """A number or a text as an argument."""

    value: str


@dataclass(frozen=True, slots=True)
class Children:
    """A subquery: records of a child relationship."""

    statement: Statement


@dataclass(frozen=True, slots=True)
class TypeOf:
    """`TYPEOF What WHEN Account THEN Phone ELSE Name END`.

    Attributes:
        branches: Type and what is selected for it.
        otherwise: What is selected for all other types.
    """

    path: Path
    branches: tuple[tuple[str, tuple[Path, ...]], ...]
    otherwise: tuple[Path, ...] = ()


Item = Path | Call | Literal | Children | TypeOf


@dataclass(frozen=True, slots=True)
class Statement:
    """A SOQL statement.

    Attributes:
        text: As the org gets it.
        items: The SELECT list.
        sobject: What stands behind FROM: an object, or a child relationship in a subquery.
        aliases: Names of FROM in lower case, and the way from the object that each stands for.
        clauses: The first words of the clauses that follow FROM, in capitals.
        limit: The number behind LIMIT.
    """

    text: str
    items: tuple[Item, ...]
    sobject: str
    aliases: dict[str, tuple[str, ...]] = field(default_factory=dict)
    clauses: frozenset[str] = frozenset()
    limit: int | None = None

    @property
    def is_count(self) -> bool:
        """`SELECT COUNT() FROM ...`: a number, no records."""
        only = self.items[0] if len(self.items) == 1 else None
        return isinstance(only, Call) and only.name.upper() == "COUNT" and not only.arguments

    @property
    def is_grouped(self) -> bool:
        """Whether rows are aggregates rather than records."""
        return "GROUP" in self.clauses or any(map(_is_aggregate, self.items))


def _is_aggregate(item: Item) -> bool:
    return isinstance(item, Call) and (item.name.upper() in AGGREGATES or any(map(_is_aggregate, item.arguments)))


AGGREGATES: Final = frozenset({"COUNT", "COUNT_DISTINCT", "SUM", "AVG", "MIN", "MAX"})


def tokens(text: str) -> list[Token]:
    """The pieces of a statement, without blanks.

    Raises:
        SoqlError: A quoted text has no end, or is quoted by the wrong sign.
    """
    found = []
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "sign"
        if kind == "blank":
            continue
        value = re.sub(r"\s+", "", match[0]) if kind in ("word", "bind") else match[0]
        if kind == "sign" and value == "'":
            raise SoqlError(f"the quoted text that begins {_where(text, match.start())} has no end")
        if kind == "sign" and value == '"':
            raise SoqlError(f"SOQL quotes text by ', not by \" as {_where(text, match.start())}")
        found.append(Token(kind, value, match.start(), match.end()))
    return found


def parse(text: str) -> Statement:
    """Read a statement.

    Raises:
        SoqlError: It has no SELECT list and no FROM that could be read.
    """
    if not isinstance(text, str):
        raise TypeError(f"SOQL is text, not {type(text).__name__}")
    if len(text) > MAX_CHARACTERS:
        raise SoqlError(f"the statement has {len(text):,} characters, and an org takes {MAX_CHARACTERS:,}")
    pieces = tokens(text)
    if not pieces:
        raise SoqlError("there is no statement: the SOQL is empty")
    reader = _Reader(text, pieces)
    statement = reader.statement()
    if reader.here is not None:
        raise reader.error("the statement should end here")
    return statement


def _is_by(token: Token | None) -> bool:
    return token is not None and token.word == "BY"


def _where(text: str, position: int) -> str:
    line = text.count("\n", 0, position) + 1
    return f"in line {line}, column {position - text.rfind(chr(10), 0, position)}"


class _Reader:
    """Reads tokens from left to right."""

    def __init__(self, text: str, found: Sequence[Token]) -> None:
        self._text = text
        self._tokens = found
        self._at = 0
        self._depth = 0

    @property
    def here(self) -> Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def error(self, expected: str) -> SoqlError:
        token = self.here
        found = f"{token.value!r} {_where(self._text, token.start)}" if token else "the end"
        return SoqlError(f"can't read the SOQL at {found}: {expected}")

    def statement(self) -> Statement:
        """A whole statement, up to the end or the bracket that closes a subquery."""
        self._go_down()
        start = self.here.start if self.here else 0
        self._word("SELECT")
        items = [self._item()]
        while self._take(","):
            items.append(self._item())
        self._word("FROM")
        sobject = self._name("the object behind FROM")
        aliases = self._aliases(sobject)
        clauses, limit, end = self._rest()
        text = self._text[start:end]
        self._depth -= 1
        return Statement(text, tuple(items), sobject, aliases, clauses, limit)

    def _go_down(self) -> None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise self.error(f"subqueries and functions are nested deeper than {_MAX_DEPTH} levels")

    def _item(self) -> Item:
        if self._take("("):
            inner = self.statement()
            self._sign(")")
            return Children(inner)
        if self._is_word("TYPEOF"):
            return self._type_of()
        found = self._plain_item()
        if self.here and self.here.kind == "word" and self.here.word != "FROM":
            alias = self._name("an alias")
            return Path(found.parts, alias) if isinstance(found, Path) else Call(found.name, found.arguments, alias)
        return found

    def _plain_item(self) -> Path | Call:
        name = self._name("a field or a function")
        if not self._take("("):
            return Path(tuple(name.split(".")))
        self._go_down()
        arguments: list[Item] = []
        while not self._take(")"):
            if arguments:
                self._sign(",")
            arguments.append(self._argument())
        self._depth -= 1
        return Call(name, tuple(arguments))

    def _argument(self) -> Item:
        token = self.here
        if token is not None and token.kind in ("text", "number"):
            self._at += 1
            return Literal(token.value)
        return self._plain_item()

    def _type_of(self) -> TypeOf:
        self._word("TYPEOF")
        path = Path(tuple(self._name("the reference behind TYPEOF").split(".")))
        branches: list[tuple[str, tuple[Path, ...]]] = []
        otherwise: tuple[Path, ...] = ()
        while self._is_word("WHEN"):
            self._word("WHEN")
            kind = self._name("an object behind WHEN")
            self._word("THEN")
            branches.append((kind, self._paths()))
        if self._is_word("ELSE"):
            self._word("ELSE")
            otherwise = self._paths()
        self._word("END")
        return TypeOf(path, tuple(branches), otherwise)

    def _paths(self) -> tuple[Path, ...]:
        found = [self._name("a field")]
        while self._take(","):
            found.append(self._name("a field"))
        return tuple(Path(tuple(one.split("."))) for one in found)

    def _aliases(self, sobject: str) -> dict[str, tuple[str, ...]]:
        aliases: dict[str, tuple[str, ...]] = {sobject.lower(): ()}
        if alias := self._alias():
            aliases[alias.lower()] = ()
        while self._take(","):
            first, *way = self._name("a relationship").split(".")
            start = aliases.get(first.lower())
            whole = (*start, *way) if start is not None else (first, *way)
            aliases[(self._alias() or whole[-1]).lower()] = whole
        return aliases

    def _alias(self) -> str | None:
        if self._is_word("AS"):
            self._word("AS")
        token = self.here
        if token is None or token.kind != "word" or token.word in _CLAUSES:
            return None
        self._at += 1
        return token.value

    def _rest(self) -> tuple[frozenset[str], int | None, int]:
        """What follows FROM, up to the end or the bracket that closes a subquery."""
        depth, clauses, limit = 0, set(), None
        while (token := self.here) is not None:
            depth += (token.value == "(") - (token.value == ")") if token.kind == "sign" else 0
            if depth < 0:
                break
            if token.value == ";":
                raise self.error("SOQL has no ';', not at its end either")
            following = self._tokens[self._at + 1] if self._at + 1 < len(self._tokens) else None
            if depth == 0 and token.word in _CLAUSES and (token.word not in _BEFORE_BY or _is_by(following)):
                clauses.add(token.word)
            if depth == 0 and token.word == "LIMIT" and following is not None and _NUMBER.fullmatch(following.value):
                limit = int(following.value)
            self._at += 1
        return frozenset(clauses), limit, self._tokens[self._at - 1].end

    def _is_word(self, word: str) -> bool:
        return self.here is not None and self.here.word == word

    def _word(self, word: str) -> None:
        if not self._is_word(word):
            raise self.error(f"{word} should stand here")
        self._at += 1

    def _name(self, what: str) -> str:
        token = self.here
        if token is None or token.kind != "word" or token.word in ("FROM", "SELECT"):
            raise self.error(f"{what} should stand here")
        self._at += 1
        return token.value

    def _sign(self, sign: str) -> None:
        if not self._take(sign):
            raise self.error(f"{sign!r} should stand here")

    def _take(self, sign: str) -> bool:
        if self.here is None or self.here.kind != "sign" or self.here.value != sign:
            return False
        self._at += 1
        return True
