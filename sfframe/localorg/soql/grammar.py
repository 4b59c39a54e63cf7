"""The grammar: a statement's text becomes a tree, or an error that shows the word which doesn't fit (SOQL notes, 1, 4).

Lark's LALR parser takes time in proportion to the text and no stack, whatever the nesting; its contextual lexer knows
a keyword only where one may stand, so `FROM Order` and a field `End` are names, as in an org. (sqlglot was looked at:
it has no dialect for SOQL, and its parser takes most of SQL, where an org refuses it.)
"""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any

from sfframe.localorg.soql import tree
from sfframe.localorg.soql.errors import SoqlError, located, unexpected

if TYPE_CHECKING:
    from lark import Lark, Token

MAX_CHARACTERS = 100_000
_MAX_DEPTH = 100

# AND and OR don't mix without parentheses, and NOT stands alone in its own (4): the rules say it, nothing else does.
_GRAMMAR = r"""
start: select
select: SELECT items _FROM sources clauses
items: item ("," item)*
item: (path | call) [NAME] | "(" select ")" | typeof
typeof: TYPEOF path branch+ [_ELSE paths] _END
branch: _WHEN NAME _THEN paths
paths: path ("," path)*
sources: source ("," source)*
source: path [NAME]
path: NAME ("." NAME)*
call: NAME "(" [operands] ")"
operands: operand ("," operand)*
?operand: path | call

clauses: [scope] [where] [security] [group] [order] [limit] [offset] [purpose]
scope: _USING _SCOPE NAME
where: _WHERE condition
security: _WITH NAME
group: _GROUP _BY operands [having]
having: _HAVING condition
order: _ORDER _BY sort ("," sort)*
sort: operand [ASC | DESC] [_NULLS (FIRST | LAST)]
limit: _LIMIT NUMBER
offset: _OFFSET NUMBER
purpose: _FOR NAME

?condition: simple | conjunction | disjunction | negation
conjunction: simple (_AND simple)+
disjunction: simple (_OR simple)+
negation: NOT simple
?simple: "(" condition ")" -> group_of | comparison | semijoin
comparison: operand (OPERATOR | LIKE) value -> compare
    | operand (INCLUDES | EXCLUDES) values -> compare_list
    | operand [NOT] IN values -> compare_in
semijoin: operand [NOT] IN "(" select ")"
values: "(" value ("," value)* ")"
value: STRING | DATETIME | DATE | TIME | NUMBER | CURRENCY | TRUE | FALSE | NULL | LITERAL

SELECT.9: /select\b/i
_FROM.9: /from\b/i
_USING.9: /using\b/i
_SCOPE.9: /scope\b/i
_WHERE.9: /where\b/i
_WITH.9: /with\b/i
_GROUP.9: /group\b/i
_BY.9: /by\b/i
_HAVING.9: /having\b/i
_ORDER.9: /order\b/i
ASC.9: /asc\b/i
DESC.9: /desc\b/i
_NULLS.9: /nulls\b/i
FIRST.9: /first\b/i
LAST.9: /last\b/i
_LIMIT.9: /limit\b/i
_OFFSET.9: /offset\b/i
_FOR.9: /for\b/i
_AND.9: /and\b/i
_OR.9: /or\b/i
NOT.9: /not\b/i
IN.9: /in\b/i
LIKE.9: /like\b/i
INCLUDES.9: /includes\b/i
EXCLUDES.9: /excludes\b/i
TYPEOF.9: /typeof\b/i
_WHEN.9: /when\b/i
_THEN.9: /then\b/i
_ELSE.9: /else\b/i
_END.9: /end\b/i
TRUE.9: /true\b/i
FALSE.9: /false\b/i
NULL.9: /null\b/i
OPERATOR: /<\s*=|>\s*=|!\s*=|<\s*>|[=<>]/
STRING: /'(?:[^'\\\r\n]|\\.)*'/
DATETIME.4: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)(?![\w.])/i
DATE.3: /\d{4}-\d\d-\d\d(?![\w.:-])/
TIME.3: /\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)(?![\w.])/i
NUMBER.2: /[+-]?(?:\d+(?:\.\d+)?|\.\d+)(?![\w.:])/
CURRENCY.2: /[a-z]{3}\d+(?:\.\d+)?(?![\w.])/i
LITERAL.1: /[a-z]\w*(?:\s*:\s*\d+)?(?![\w.])/i
NAME: /(?!(?:select|from|where|limit|like|and|or|not|in|null|true|false)\b)[a-z]\w*/i
%ignore /[ \t\r\n]+/
"""
_KINDS: dict[str, tree.ValueKind] = {
    "STRING": "string",
    "DATETIME": "datetime",
    "DATE": "date",
    "TIME": "time",
    "NUMBER": "number",
    "CURRENCY": "currency",
    "TRUE": "boolean",
    "FALSE": "boolean",
    "NULL": "null",
    "LITERAL": "literal",
}


def parse(text: str) -> tree.Select:
    """The tree of a statement.

    Raises:
        SoqlError: The text is too long, nested too deeply, or no SOQL.
    """
    if len(text) > MAX_CHARACTERS:
        raise SoqlError("MALFORMED_QUERY", f"SOQL statements cannot be longer than {MAX_CHARACTERS} characters.")
    if not text.strip():
        raise SoqlError("MALFORMED_QUERY", "SOQL statements cannot be empty or null")
    _measure(text)
    from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedToken

    try:
        found = _parser().parse(text)
    except UnexpectedCharacters as error:
        at: Any = error.pos_in_stream  # typed as None in lark
        raise unexpected(text, at) from None
    except UnexpectedToken as error:
        at = len(text) if error.token.type == "$END" else error.token.start_pos
        raise unexpected(text, len(text) if at is None else at) from None
    except UnexpectedEOF:
        raise unexpected(text, len(text)) from None
    assert isinstance(found, tree.Select)
    return found


def _measure(text: str) -> None:
    """Refuse nesting that would cost whoever walks the tree its stack; what is quoted doesn't count."""
    depth, at = 0, 0
    for word in _BRACKETS.finditer(text):
        at = word.start()
        depth += {"(": 1, ")": -1}.get(word[0], 0)
        if depth > _MAX_DEPTH:
            raise located(text, at, "MALFORMED_QUERY", f"conditions are nested deeper than {_MAX_DEPTH} levels")


# A string that never ends takes the rest with it; looking for its end from each quote anew would take for ever.
_BRACKETS = re.compile(r"'(?:[^'\\]|\\.)*'?|[()]", re.DOTALL)
_lock = threading.Lock()
_kept: list[Lark] = []


def _parser() -> Lark:
    """The parser, built when it is first asked for: who sends no SOQL doesn't wait for it."""
    with _lock:
        if not _kept:
            from lark import Lark

            made = Lark(_GRAMMAR, parser="lalr", lexer="contextual", transformer=_Builder(), maybe_placeholders=True)
            _kept.append(made)
        return _kept[0]


def _list(children: list[Any]) -> tuple[Any, ...]:
    return tuple(children)


def _only(children: list[Any]) -> Any:
    return children[0]


class _Builder:
    """A method for each rule of the grammar; it gets what the rule's parts became."""

    start = scope = where = security = having = limit = offset = purpose = group_of = staticmethod(_only)
    items = paths = sources = operands = values = order = staticmethod(_list)

    def select(self, children: list[Any]) -> tree.Select:
        at, items, sources, clauses = children
        return tree.Select(at, items, sources, clauses)

    def item(self, children: list[Any]) -> tree.Item:
        return tree.Item(*children)

    def typeof(self, children: list[Any]) -> tree.TypeOf:
        at, path, *branches, otherwise = children
        return tree.TypeOf(at, path, tuple(branches), otherwise or ())

    def branch(self, children: list[Any]) -> tuple[Token, tuple[tree.Path, ...]]:
        return children[0], children[1]

    def source(self, children: list[Any]) -> tree.Source:
        return tree.Source(*children)

    def path(self, children: list[Any]) -> tree.Path:
        return tree.Path(tuple(children))

    def call(self, children: list[Any]) -> tree.Call:
        return tree.Call(children[0], children[1] or ())

    def clauses(self, children: list[Any]) -> tree.Clauses:
        scope, where, security, group, order, limit, offset, purpose = children
        operands, having = group or ((), None)
        return tree.Clauses(where, operands, having, order or (), limit, offset, scope, purpose, security)

    def group(self, children: list[Any]) -> tuple[tuple[tree.Operand, ...], tree.Condition | None]:
        return children[0], children[1]

    def sort(self, children: list[Any]) -> tree.Sort:
        operand, *words = children
        kinds = {word.type for word in words if word is not None}
        # Nulls come first in both directions, unless it is said otherwise (5).
        return tree.Sort(operand, "DESC" in kinds, "LAST" not in kinds)

    def conjunction(self, children: list[Any]) -> tree.Logic:
        return tree.Logic("AND", tuple(children))

    def disjunction(self, children: list[Any]) -> tree.Logic:
        return tree.Logic("OR", tuple(children))

    def negation(self, children: list[Any]) -> tree.Logic:
        return tree.Logic("NOT", (children[1],))

    def compare(self, children: list[Any]) -> tree.Comparison:
        operand, operator, value = children
        spelled = "".join(operator.split()).upper()
        return tree.Comparison(operand, "!=" if spelled == "<>" else spelled, operator, (value,))

    def compare_list(self, children: list[Any]) -> tree.Comparison:
        operand, operator, values = children
        return tree.Comparison(operand, operator.upper(), operator, values)

    def compare_in(self, children: list[Any]) -> tree.Comparison:
        operand, negation, word, values = children
        return tree.Comparison(operand, "NOT IN" if negation else "IN", negation or word, values)

    def semijoin(self, children: list[Any]) -> tree.SemiJoin:
        operand, negation, word, query = children
        return tree.SemiJoin(operand, "NOT IN" if negation else "IN", negation or word, query)

    def value(self, children: list[Any]) -> tree.Value:
        token = children[0]
        return tree.Value(_KINDS[token.type], token)
