"""A comparison becomes SQL, by the type of what is compared and by SOQL's ideas of null and case (SOQL notes, 2)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time

from sfframe.localorg.objects.ids import normal_id
from sfframe.localorg.soql import literals, tree
from sfframe.localorg.soql.errors import SoqlError, unexpected
from sfframe.localorg.soql.operands import DATE_FUNCTIONS, Operand, labelled
from sfframe.localorg.soql.pieces import Sql, bind, join, put
from sfframe.localorg.soql.scope import Scope

_NUMBERS = frozenset({"int", "long", "double", "currency", "percent"})
_IDS = frozenset({"id", "reference"})
# Describe's types as messages call them; what isn't here is text.
_TYPE_NAMES = {
    "int": "int",
    "long": "long",
    "datetime": "dateTime",
    "date": "date",
    "time": "time",
    "boolean": "boolean",
}
_TYPE_NAMES |= dict.fromkeys(("double", "currency", "percent"), "double")
_LONG_LIST = 32
_Range = tuple[date, date] | tuple[datetime, datetime]
_Known = str | int | float | bool | date | datetime | time | tuple[date, date] | tuple[datetime, datetime]


def comparison(scope: Scope, of: Operand, written: tree.Comparison) -> Sql:
    """SQL that is true for the rows that the comparison finds; it may be null for others.

    Raises:
        SoqlError: The operator or a value doesn't fit what is compared.
    """
    operator = written.operator
    if of.type == "boolean":
        return _boolean(scope, of, written)
    if operator == "LIKE":
        return _like(scope, of, written)
    if operator in ("INCLUDES", "EXCLUDES"):
        return _includes(scope, of, written)
    if of.type == "multipicklist" and operator not in ("=", "!=", "IN", "NOT IN"):
        raise _wrong_operator(scope, of, written)
    if of.function in DATE_FUNCTIONS and any(value.kind == "literal" for value in written.values):
        raise unexpected(scope.text, written.values[0].token.start_pos or 0)
    values = [_value(scope, of, value) for value in written.values]
    if operator in ("IN", "NOT IN"):
        return _in(of, [v for v in values if v is not None], None in values, negated=operator == "NOT IN")
    value = values[0]
    if value is None:
        if operator not in ("=", "!="):
            raise _wrong_operator(scope, of, written)
        return put("{} IS NULL" if operator == "=" else "{} IS NOT NULL", of.sql)
    if isinstance(value, tuple):
        return _against_range(of.sql, operator, value)
    if of.type == "multipicklist":
        return put("{} = {}" if operator == "=" else "{} IS DISTINCT FROM {}", _set(of.sql), _set(bind(value)))
    if operator == "!=":
        return put("{} IS DISTINCT FROM {}", of.folded, _folded(of, value))
    return put(f"{{}} {operator} {{}}", of.folded, _folded(of, value))


def _folded(of: Operand, value: _Known) -> Sql:
    return put("lower({})", bind(value)) if of.ignores_case else bind(value)


def _wrong_operator(scope: Scope, of: Operand, written: tree.Comparison) -> SoqlError:
    kind = "id" if of.type in _IDS else of.type
    return scope.fail(written.at, "INVALID_QUERY_FILTER_OPERATOR", f"invalid operator on {kind} field")


# Values.


def _value(scope: Scope, of: Operand, value: tree.Value) -> _Known | None:
    """What a value means to what it is compared with; None is null, as is the empty string (2.1)."""
    text = str(value.token)
    if value.kind == "null" or text == "''":
        return None
    if value.kind == "currency":
        # Only an org with several currencies knows these (1).
        raise unexpected(scope.text, value.token.start_pos or 0)
    try:
        if value.kind == "literal":
            found = literals.date_range(text, scope.context)
            if found is None:
                raise unexpected(scope.text, value.token.start_pos or 0)
            if of.type == "datetime":
                return literals.midnight(found[0], scope.context), literals.midnight(found[1], scope.context)
            if of.type == "date":
                return found
            raise _wrong_type(scope, of)
        return _plain_value(scope, of, value.kind, text)
    except ValueError as error:
        raise scope.fail(value.token, "MALFORMED_QUERY", f"{error}") from None


def _plain_value(scope: Scope, of: Operand, kind: tree.ValueKind, text: str) -> _Known:
    if of.type in _IDS and kind == "string":
        found = normal_id(literals.unquoted(text))
        if found is None:
            raise scope.fail(of.at, "INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {text[1:-1]}")
        return found
    if (of.is_text or of.type == "multipicklist") and kind == "string":
        return literals.unquoted(text)
    if of.type in _NUMBERS and kind == "number":
        return _number(text, whole=of.type in ("int", "long"))
    if of.type == "date" and kind == "date":
        return literals.day(text)
    if of.type == "datetime" and kind == "datetime":
        return literals.moment(text)
    if of.type == "time" and kind == "time":
        return literals.clock_time(text)
    raise _wrong_type(scope, of)


def _number(text: str, *, whole: bool) -> int | float:
    number = float(text)
    return int(text) if whole and text.lstrip("+-").isdigit() and abs(number) < 2**62 else number


def _wrong_type(scope: Scope, of: Operand) -> SoqlError:
    kind = _TYPE_NAMES.get(of.type)
    quotes = "should not be enclosed in quotes" if kind else "should be enclosed in quotes"
    wanted = kind or ("ID" if of.type in _IDS else "string")
    text = f"value of filter criterion for field '{of.name}' must be of type {wanted} and {quotes}"
    return scope.fail(of.at, "INVALID_FIELD", text)


# Operators.


def _boolean(scope: Scope, of: Operand, written: tree.Comparison) -> Sql:
    """Never null: what is missing is false (2.1)."""
    if written.operator not in ("=", "!=", "IN", "NOT IN"):
        raise _wrong_operator(scope, of, written)
    if any(value.kind not in ("boolean", "null") for value in written.values):
        raise _wrong_type(scope, of)
    wanted = sorted({value.token.lower() == "true" for value in written.values})
    found = put("coalesce({}, false)", of.sql)
    inside = put("{} IN ({})", found, join(", ", map(bind, wanted)))
    return put("NOT {}", inside) if written.operator in ("!=", "NOT IN") else inside


def _like(scope: Scope, of: Operand, written: tree.Comparison) -> Sql:
    if not of.is_text:
        raise _wrong_operator(scope, of, written)
    value = written.values[0]
    if value.kind not in ("string", "null"):
        raise _wrong_type(scope, of)
    if value.kind == "null" or value.token == "''":
        raise scope.fail(value.token, "MALFORMED_QUERY", "invalid LIKE value: ")
    try:
        pattern = literals.like_pattern(literals.unquoted(value.token, is_pattern=True))
    except ValueError as error:
        raise scope.fail(value.token, "MALFORMED_QUERY", f"{error}") from None
    # A picklist is compared by what its user reads (2.2).
    text = put("lower({})", labelled(of) if of.type == "picklist" and not of.function else of.sql)
    if "\\" in pattern:
        return put("{} LIKE lower({}) ESCAPE '\\'", text, bind(pattern))
    return put("{} LIKE lower({})", text, bind(pattern))


def _includes(scope: Scope, of: Operand, written: tree.Comparison) -> Sql:
    if of.type != "multipicklist":
        raise _wrong_operator(scope, of, written)
    values = [_value(scope, of, value) for value in written.values]
    items = put("string_split(lower({}), ';')", of.sql)
    wanted = [[part for part in str(value).split(";") if part] for value in values if value is not None]
    if written.operator == "EXCLUDES":
        singles = sorted({part for parts in wanted for part in parts})
        found = [put("list_has_any({}, {})", items, _lowered(singles))] if singles else []
    else:
        found = [put("list_has_all({}, {})", items, _lowered(parts)) for parts in wanted if parts]
    if None in values:
        found.append(put("{} IS NULL", of.sql))
    some = put("coalesce({}, false)", put("({})", join(" OR ", found)) if found else Sql("false"))
    return put("NOT {}", some) if written.operator == "EXCLUDES" else some


def _lowered(items: list[str]) -> Sql:
    return put("[{}]", join(", ", (put("lower({})", bind(item)) for item in items)))


def _set(text: Sql) -> Sql:
    """The items of a multipicklist in an order of their own: `a;b` is `b;a` (2.2)."""
    return put("list_sort(list_distinct(string_split(lower({}), ';')))", text)


def _in(of: Operand, values: list[_Known], has_null: bool, *, negated: bool) -> Sql:
    parts = list(_members(of, values))
    if not parts:
        return put("{} IS NOT NULL" if negated else "{} IS NULL", of.sql)
    found = put("({})", join(" OR ", parts))
    if not negated:
        return put("({} OR {} IS NULL)", found, of.sql) if has_null else found
    if has_null:
        return put("({} IS NOT NULL AND NOT {})", of.sql, found)
    return put("({} IS NULL OR NOT {})", of.sql, found)


def _members(of: Operand, values: list[_Known]) -> Iterable[Sql]:
    """Conditions of which one holds for a member of the list."""
    if of.type == "multipicklist":
        yield from (put("{} = {}", _set(of.sql), _set(bind(value))) for value in values)
        return
    yield from (_against_range(of.sql, "=", value) for value in values if isinstance(value, tuple))
    singles = [value for value in values if not isinstance(value, tuple)]
    if not singles:
        return
    if len(singles) <= _LONG_LIST:
        yield put("{} IN ({})", of.folded, join(", ", (_folded(of, value) for value in singles)))
        return
    # Looked up in a table made once, in place of thousands of comparisons in each row.
    if any(isinstance(value, float) for value in singles):
        singles = [float(value) if isinstance(value, int) else value for value in singles]
    listed = put("unnest({})", bind(singles))
    yield put("{} IN (SELECT {})", of.folded, put("lower({})", listed) if of.ignores_case else listed)


def _against_range(value: Sql, operator: str, days: _Range) -> Sql:
    """A date literal is a range of days, the end no longer in it."""
    start, end = bind(days[0]), bind(days[1])
    if operator == "=":
        return put("({} >= {} AND {} < {})", value, start, value, end)
    if operator == "!=":
        return put("({} IS NULL OR {} < {} OR {} >= {})", value, value, start, value, end)
    return {
        "<": put("{} < {}", value, start),
        ">": put("{} >= {}", value, end),
        ">=": put("{} >= {}", value, start),
        "<=": put("{} < {}", value, end),
    }[operator]
