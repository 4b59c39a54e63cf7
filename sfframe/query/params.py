"""Params: values put into SOQL, each as SOQL writes its type; never pasted. No I/O."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Final

from sfframe.errors import SoqlError
from sfframe.query.soql import MAX_CHARACTERS, Token, tokens

# SOQL notes, 4.
MAX_TEXT: Final = 4_000
_YEARS: Final = range(1700, 4001)
_MAX_DIGITS: Final = 308
_ESCAPES: Final = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_LISTS: Final = ("IN", "INCLUDES", "EXCLUDES")
_COUNTED_DAYS: Final = re.compile(r"(LAST|NEXT)_N_[A-Z_]+|N_[A-Z_]+_AGO")


def quote_soql(value: Any) -> str:
    """A value as SOQL writes it, for those who build a statement's text; `params=` does it for you.

    Args:
        value: Text (quoted and escaped; at most 4,000 characters), a number (never with an exponent), a boolean, a date
            or a time, a datetime with a zone (written in UTC, cut to the millisecond; an org compares whole seconds),
            `None` or pandas' nulls (`null`), or several of these in a list, tuple, set, series or array: they are
            written in brackets, as `IN` wants them, equal ones once. In a pattern of `LIKE`, `%` and `_` are wildcards.
            An empty text is written `''`, which SOQL takes for null.

    Raises:
        SoqlError: SOQL has no way to write it: NaN, an infinite number, a datetime without a zone, a year outside of
            1700 to 4000, text with a NUL or half a surrogate pair, an empty list, any other type.
    """
    try:
        found = _bound(value)
    except _UnwritableError as error:
        raise SoqlError(str(error)) from None
    if not found.literals:
        raise SoqlError("SOQL has no empty list: leave the condition out, or use params, which know what it means")
    return f"({', '.join(found.literals)})" if found.is_list else found.literals[0]


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
    bound = binder.text()
    if binder.problems:
        raise SoqlError("; ".join(dict.fromkeys(binder.problems)))
    if len(bound) > MAX_CHARACTERS >= len(soql):
        raise SoqlError(
            f"with its params the statement has {len(bound):,} characters, and an org takes {MAX_CHARACTERS:,}: "
            "read in several goes, each with a part of the list"
        )
    return bound


class _UnwritableError(ValueError):
    """There is no such value in SOQL; the text says what to do, and doesn't quote it."""


@dataclass(frozen=True, slots=True)
class _Bound:
    """What a value is in SOQL: one literal, or those of a list."""

    literals: tuple[str, ...]
    is_list: bool = False


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

    def _read(self, params: Mapping[str, Any]) -> Iterator[tuple[str, _Bound]]:
        for name, value in params.items():
            try:
                yield name, _bound(value)
            except _UnwritableError as error:
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
            return literal
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
        words = (token.word for token in reversed(self._tokens[:at]))
        if next((word for word in words if word in ("WHERE", "HAVING", "SELECT")), "") == "HAVING":
            return "COUNT(Id) >= 0" if always else "COUNT(Id) < 0"
        return "Id != null" if always else "Id = null"


def _bound(value: Any) -> _Bound:
    if not _is_list(value):
        return _Bound((_literal(value),))
    literals = []
    for one in value:
        if _is_list(one):
            raise _UnwritableError("a list inside of a list is nothing that SOQL can write")
        literals.append(_literal(one))
    unique = dict.fromkeys(literals)
    return _Bound(tuple(sorted(unique) if isinstance(value, set | frozenset) else unique), is_list=True)


def _is_list(value: Any) -> bool:
    is_frame = isinstance(value, Mapping) or hasattr(value, "columns")
    if isinstance(value, str | bytes | bytearray) or is_frame or getattr(value, "ndim", 1) == 0:
        return False
    return isinstance(value, Iterable)


def _literal(value: Any) -> str:
    value = _plain(value)
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(int(value))
        case float() | Decimal():
            return _number(Decimal(float.__repr__(value)) if isinstance(value, float) else value)
        case str():
            return _text(str.__str__(value))
        case datetime():
            return _moment(value)
        case date():
            _check_year(value.year)
            return value.isoformat()
        case time():
            return _time(value)
    raise _UnwritableError(
        f"{type(value).__name__} is nothing that SOQL can write: give text, a number, a boolean, a date, a datetime "
        "with a zone, a time, None, or a list of these"
    )


def _plain(value: Any) -> Any:
    """A scalar of numpy, pandas or pyarrow as Python's own; nulls of whatever kind as `None`."""
    if hasattr(value, "as_py"):
        value = value.as_py()
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    if type(value).__name__ in ("NAType", "NaTType") or (kind in "mM" and kind and str(value) == "NaT"):
        return None
    if kind == "M":
        raise _UnwritableError(_NAIVE)
    if kind == "f" and not isinstance(value, float):
        return Decimal(str(value))  # the digits of its own width
    return value.item() if kind and kind in "biuf" else value


def _number(value: Decimal) -> str:
    if not value.is_finite():
        raise _UnwritableError("it is no finite number, and SOQL has no other: use None for null, or leave it out")
    if value and abs(value.adjusted()) > _MAX_DIGITS:
        raise _UnwritableError("it has more digits than a number of an org can have")
    digits = format(value, "f")
    digits = digits.rstrip("0").rstrip(".") if "." in digits else digits
    return "0" if not value else digits


def _text(value: str) -> str:
    if len(value) > MAX_TEXT:
        raise _UnwritableError(f"it has {len(value):,} characters, and a text in a condition at most {MAX_TEXT:,}")
    return "'" + "".join(map(_character, value)) + "'"


def _character(one: str) -> str:
    if one in _ESCAPES:
        return _ESCAPES[one]
    if one == "\0" or "\ud800" <= one <= "\udfff":
        raise _UnwritableError("it has a NUL or half of a surrogate pair, which no text of an org has")
    return f"\\u{ord(one):04X}" if unicodedata.category(one) == "Cc" else one


_NAIVE: Final = (
    "it is a datetime without a time zone, and none is ever assumed: give it one, as "
    "value.replace(tzinfo=datetime.timezone.utc) does"
)


def _moment(value: datetime) -> str:
    if value.utcoffset() is None:
        raise _UnwritableError(_NAIVE)
    try:
        moment = value.astimezone(UTC)
    except (OverflowError, ValueError):
        moment = value
    _check_year(moment.year)
    milliseconds = moment.microsecond // 1000
    fraction = f".{milliseconds:03}" if milliseconds else ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}Z"


def _time(value: time) -> str:
    if value.tzinfo is not None and value.utcoffset():
        raise _UnwritableError("it is a time of day in a zone, and an org has times of day without one")
    milliseconds = value.microsecond // 1000
    fraction = f".{milliseconds:03}" if milliseconds else ""
    return f"{value:%H:%M:%S}{fraction}Z"


def _check_year(year: int) -> None:
    if year not in _YEARS:
        raise _UnwritableError(f"its year is outside of {_YEARS[0]} to {_YEARS[-1]}, which is all that an org knows")
