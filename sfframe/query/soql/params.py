"""Params: values put into SOQL, each as SOQL writes its type; never pasted. No I/O."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sfframe.errors import SoqlError
from sfframe.query.soql.literals import Bound, UnwritableError, bound
from sfframe.query.soql.statement import MAX_CHARACTERS, Token, tokens

_LISTS: Final = ("IN", "INCLUDES", "EXCLUDES")
_COUNTED_DAYS: Final = re.compile(r"(LAST|NEXT)_N_[A-Z_]+|N_[A-Z_]+_AGO")


def bind(soql: str, params: Mapping[str, Any] | None) -> str:
    """A statement with its `:names` replaced by values.

    A list goes behind `IN`, `INCLUDES` or `EXCLUDES`, with or without brackets around the name. Where it is empty the
    whole condition gives way to one that is never true (`NOT IN` and `EXCLUDES`: always true), for no list in SOQL is
    empty. What is quoted in the statement stays as it is, and so do date literals such as `LAST_N_DAYS:30`; their
    number may be a name too.

    Args:
        soql: The statement.
        params: A value for each name; see `quote_soql` for what values there are.

    Raises:
        SoqlError: A name too many or too few, a value that SOQL can't write or that can't stand where its name does.
            All that is wrong is told at once.
    """
    if not isinstance(soql, str):
        raise TypeError(f"SOQL is text, not {type(soql).__name__}")
    if params is not None and not isinstance(params, Mapping):
        raise TypeError(f"params is a dict of names and values, not {type(params).__name__}")
    binder = _Binder(soql, params or {})
    whole = binder.text()
    if binder.problems:
        raise SoqlError("; ".join(dict.fromkeys(binder.problems)))
    if len(whole) > MAX_CHARACTERS >= len(soql):
        raise SoqlError(
            f"with its params the statement has {len(whole):,} characters, and an org takes {MAX_CHARACTERS:,}: "
            "read in several goes, each with a part of the list"
        )
    return whole


class _Binder:
    """Finds the names of one statement and puts the values in.

    Attributes:
        problems: What can't be, a sentence each.
    """

    def __init__(self, soql: str, params: Mapping[str, Any]) -> None:
        self._soql = soql
        self._tokens: Sequence[Token] = tokens(soql)
        self.problems: list[str] = []
        names = {token.value.removeprefix(":") for token in self._tokens if token.kind == "bind"}
        self._check_names(names, params)
        self._values = dict(self._read({name: params[name] for name in params if name in names}))

    def _check_names(self, names: set[str], params: Mapping[str, Any]) -> None:
        given = [str(name) for name in params]
        missing = sorted(names - set(given))
        unused = [name for name in given if name not in names]
        if missing:
            close = [one for name in missing for one in difflib.get_close_matches(name, unused, n=1)]
            hint = f" (did you mean {', '.join(f':{name}' for name in close)}?)" if close else ""
            self.problems.append(f"params has no value for {', '.join(f':{name}' for name in missing)}{hint}")
        if unused:
            self.problems.append(f"the statement has no {', '.join(f':{name}' for name in unused)}, which params names")

    def _read(self, params: Mapping[str, Any]) -> Iterator[tuple[str, Bound]]:
        for name, value in params.items():
            try:
                yield name, bound(value)
            except UnwritableError as error:
                self.problems.append(f":{name}: {error}")

    def text(self) -> str:
        """The statement with the values; as far as there are any."""
        out: list[str] = []
        done = at = 0
        while at < len(self._tokens):
            edit = self._edit(at)
            if edit is None:
                at += 1
                continue
            start, end, new, at = edit
            out += [self._soql[done:start], new]
            done = end
        return "".join([*out, self._soql[done:]])

    def _edit(self, at: int) -> tuple[int, int, str, int] | None:
        """What becomes of the token there: which part of the text is replaced by what, and the next token."""
        token = self._tokens[at]
        if token.word in _LISTS and (after := self._list_end(at)) is not None:
            return self._list(at, after)
        if token.kind != "bind":
            return None
        new = self._single(at)
        return None if new is None else (token.start, token.end, new, at + 1)

    def _single(self, at: int) -> str | None:
        """What a name gives way to where one value can stand; `None`: there is none that could."""
        name = self._tokens[at].value.removeprefix(":")
        value = self._values.get(name)
        if value is None:
            return None
        if value.is_list:
            self.problems.append(f":{name} is a list, and only behind IN, INCLUDES or EXCLUDES can one stand")
            return None
        before = self._tokens[at - 1].word if at else ""
        literal = value.literals[0]
        if not _COUNTED_DAYS.fullmatch(before):
            # `LIMIT:n` must not become `LIMIT5`, which is an alias and no limit.
            return f" {literal}" if before and self._tokens[at - 1].end == self._tokens[at].start else literal
        if not literal.isdigit():
            self.problems.append(f":{name} is no whole number, which {before} needs")
        return f":{literal}"

    def _list_end(self, at: int) -> int | None:
        """Where the list behind IN ends that has names in it; `None`: there is no such list."""
        following = self._tokens[at + 1 : at + 2]
        if not following:
            return None
        if following[0].kind == "bind":
            return at + 2
        if following[0].value != "(":
            return None
        has_names = False
        for place in range(at + 2, len(self._tokens)):
            token = self._tokens[place]
            if token.value == ")":
                return place + 1 if has_names else None
            if token.word == "SELECT" or token.value == "(":
                return None
            has_names = has_names or token.kind == "bind"
        return None

    def _list(self, at: int, after: int) -> tuple[int, int, str, int]:
        members: list[str] = []
        is_known = True
        for first, last in self._members(at + 1, after):
            only = self._tokens[first] if first == last else None
            if only is not None and only.kind == "bind":
                found = self._values.get(only.value.removeprefix(":"))
                is_known = is_known and found is not None
                members += found.literals if found is not None else ()
            else:
                members.append(self._member(first, last))
        end = self._tokens[after - 1].end
        if members or not is_known:
            return self._tokens[at].end, end, f" ({', '.join(dict.fromkeys(members))})", after
        is_negated = self._tokens[at].word == "EXCLUDES" or (at > 0 and self._tokens[at - 1].word == "NOT")
        start = self._operand(at - 1 - (is_negated and self._tokens[at].word == "IN"))
        return self._tokens[start].start, end, self._constant(at, always=is_negated), after

    def _members(self, start: int, after: int) -> Iterator[tuple[int, int]]:
        """The first and the last token of each member of a list."""
        first: int | None = None
        for place in range(start, after):
            token = self._tokens[place]
            if token.kind != "sign" or token.value not in "(,)":
                first = place if first is None else first
            elif first is not None:
                yield first, place - 1
                first = None
        if first is not None:
            yield first, after - 1

    def _member(self, first: int, last: int) -> str:
        """A member as it stands in the statement, but for a name within."""
        out, done = [], self._tokens[first].start
        for place in range(first, last + 1):
            token = self._tokens[place]
            if token.kind == "bind" and (new := self._single(place)) is not None:
                out += [self._soql[done : token.start], new]
                done = token.end
        return "".join([*out, self._soql[done : self._tokens[last].end]])

    def _operand(self, last: int) -> int:
        """The first token of the field or function that ends there."""
        depth, at = 0, last
        while at > 0:
            value = self._tokens[at].value
            depth += (value == ")") - (value == "(")
            if depth == 0:
                return at - 1 if value == "(" else at
            at -= 1
        return max(at, 0)

    def _constant(self, at: int, *, always: bool) -> str:
        """A condition that holds always or never, in the clause that the token is in.

        It is one comparison, so that it fits wherever the one did that it stands for: beside AND, OR, NOT. The Id is
        never null; booleans, formulas and fields of missing parents have rules of their own for null (SOQL notes, 2.1).
        """
        if self._clause(at) == "HAVING":
            return "COUNT(Id) >= 0" if always else "COUNT(Id) < 0"
        return "Id != null" if always else "Id = null"

    def _clause(self, at: int) -> str:
        """`WHERE`, `HAVING` or `SELECT`, whichever the token is in; those of subqueries before it aren't its own."""
        depth = 0
        for token in reversed(self._tokens[:at]):
            # A bracket that opens around the token is no subquery that ended before it.
            depth = max(0, depth + (token.value == ")") - (token.value == "("))
            if depth == 0 and token.word in ("WHERE", "HAVING", "SELECT"):
                return token.word
        return ""
