"""Route: over which transport a statement goes, and why; a sentence that tells it (wire notes, 6.2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, get_args

from sfframe.errors import ApiError, SoqlError
from sfframe.org.org import Org
from sfframe.org.rest import total_of
from sfframe.query.objects import describing
from sfframe.query.pages.trouble import took_too_long
from sfframe.query.schema.columns import Column, columns_of
from sfframe.query.schema.types import TypeOptions
from sfframe.query.soql.statement import AGGREGATES, Call, Children, Statement, TypeOf, parse, tokens

Api: TypeAlias = Literal["auto", "bulk", "rest"]
Transport: TypeAlias = Literal["rest", "bulk"]

# What is small: REST gives it in a few requests, sooner than a job begins.
SMALL_ROWS: Final = 10_000
MAX_CHARACTERS: Final = 100_000  # of a statement (SOQL notes, 4)
# Describe types that a query job doesn't give.
_NOT_IN_BULK: Final = frozenset({"base64", "junctionidlist"})
# Where the conditions of a statement end.
_AFTER_CONDITIONS: Final = frozenset({"ORDER", "LIMIT", "OFFSET", "FOR", "UPDATE", "ALL"})


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadRequest:
    """What one read asks for.

    Attributes:
        soql: The statement, values put in.
        all_rows: Deleted and archived records too.
        api: Over which transport.
        types: The choice of dtypes.

    Raises:
        ValueError: There is no such `api`.
        SoqlError: The statement is longer than the org takes.
    """

    soql: str
    all_rows: bool = False
    api: Api = "auto"
    types: TypeOptions = field(default_factory=TypeOptions)

    def __post_init__(self) -> None:
        if self.api not in get_args(Api):
            raise ValueError(f"api={self.api!r} is none of {', '.join(map(repr, get_args(Api)))}")
        if len(self.soql) > MAX_CHARACTERS:
            raise SoqlError(
                f"the statement has {len(self.soql):,} characters, and the org takes {MAX_CHARACTERS:,}: "
                "split a long IN list, or filter by something shorter"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """The way that a statement takes.

    Attributes:
        soql: The statement, as the org gets it.
        transport: `"rest"` or `"bulk"`.
        why: The reason, in a sentence, with the figures that it comes from.
    """

    soql: str
    transport: Transport
    why: str


async def explain(org: Org, request: ReadRequest) -> Route:
    """Tell the route of a statement before it is read. No row is read, and no job is made.

    Where the statement itself doesn't decide, the org is asked once for the `COUNT()` of its conditions: reading
    does without that, since its first page tells the number of rows.

    Raises:
        SoqlError: The statement can't be read, or `api="bulk"` is asked of one that Bulk refuses.
        ApiError: The org refuses the statement.
    """
    statement = parse(request.soql)
    columns = await columns_of(statement, describing(org, statement.sobject), request.types)
    known = route_of(request, statement, columns)
    if known is not None:
        return known
    try:
        answer = await org.rest.query(count_of(statement), all_rows=request.all_rows)
    except ApiError as error:
        if not took_too_long(error):
            raise
        why = f"REST hadn't the time to count the rows ({error.error_code}), and a query job has"
        return Route(soql=request.soql, transport="bulk", why=why)
    n_rows = total_of(answer)
    if n_rows is None:
        raise ApiError("the answer to COUNT() holds no number")
    return by_size(request.soql, n_rows if statement.limit is None else min(n_rows, statement.limit))


def route_of(request: ReadRequest, statement: Statement, columns: Sequence[Column]) -> Route | None:
    """The route that is sure before anything is asked; `None`: the number of rows decides.

    Raises:
        SoqlError: `api="bulk"` is asked of what Bulk refuses.
    """
    refused = bulk_refusal(statement, columns)
    if request.api == "rest":
        return Route(soql=request.soql, transport="rest", why="api='rest' was asked for")
    if request.api == "bulk":
        if refused is not None:
            raise SoqlError(f"the Bulk API doesn't take {refused}: read this with api='rest', or with api='auto'")
        return Route(soql=request.soql, transport="bulk", why="api='bulk' was asked for")
    why = None
    if refused is not None:
        why = f"the Bulk API doesn't take {refused}"
    elif statement.limit is not None and statement.limit <= SMALL_ROWS:
        why = f"LIMIT {statement.limit:,} asks for no more than {SMALL_ROWS:,} rows"
    elif (unsure := _unnamed_in_bulk(statement)) is not None:
        why = f"what a query job calls a column of {unsure}() isn't documented"
    return None if why is None else Route(soql=request.soql, transport="rest", why=why)


def by_size(soql: str, n_rows: int) -> Route:
    """The route that the number of rows decides."""
    if n_rows <= SMALL_ROWS:
        why = f"{n_rows:,} rows are no more than {SMALL_ROWS:,}: REST has them sooner than a job begins"
        return Route(soql=soql, transport="rest", why=why)
    why = f"{n_rows:,} rows are more than {SMALL_ROWS:,}: a query job gives them in parallel pages"
    return Route(soql=soql, transport="bulk", why=why)


def bulk_refusal(statement: Statement, columns: Sequence[Column]) -> str | None:
    """What of a statement a query job wouldn't take, in words; `None`: nothing that is known.

    Args:
        statement: The statement.
        columns: Its columns, by the org's describes.
    """
    return next(_refused(statement, columns), None)


def _refused(statement: Statement, columns: Sequence[Column]) -> Iterator[str]:
    if statement.is_count:
        yield "COUNT()"
    for clause in ("GROUP", "OFFSET"):
        if clause in statement.clauses:
            yield {"GROUP": "GROUP BY"}.get(clause, clause)
    for item in statement.items:
        if isinstance(item, Call) and item.name.upper() in AGGREGATES:
            yield f"{item.name.upper()}(), an aggregate"
        elif isinstance(item, Call) and item.name.upper() == "FIELDS":
            yield "FIELDS()"
        elif isinstance(item, Children):
            yield "subqueries"
        elif isinstance(item, TypeOf):
            yield "TYPEOF"
    for column in columns:
        if column.field is not None and column.field.is_compound:
            yield f"the compound field {column.name} (its parts it does)"
        elif column.field is not None and column.field.type.lower() in _NOT_IN_BULK:
            yield f"{column.name}, a field of type {column.field.type}"


def _unnamed_in_bulk(statement: Statement) -> str | None:
    """A function of the SELECT list."""
    return next((item.name for item in statement.items if isinstance(item, Call)), None)


def count_of(statement: Statement) -> str:
    """`SELECT COUNT()` of the same records; order and LIMIT are left out."""
    depth, begin, end = 0, None, len(statement.text)
    for token in tokens(statement.text):
        depth += (token.value == "(") - (token.value == ")") if token.kind == "sign" else 0
        if depth == 0 and token.word == "FROM" and begin is None:
            begin = token.start
        elif depth == 0 and token.word in _AFTER_CONDITIONS and begin is not None:
            end = token.start
            break
    return f"SELECT COUNT() {statement.text[begin:end].rstrip()}"
