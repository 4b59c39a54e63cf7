"""What a statement is compiled with, and what it is compiled to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sfframe.localorg.objects.schema import SObject


@dataclass(frozen=True, kw_only=True)
class Context:
    """Who asks, when, and what the org knows.

    Attributes:
        find: The object of a name, whatever its case.
        now: The time that date literals count from, with a zone.
        user_id: The running user.
        all_rows: Deleted rows are answers too (`queryAll`).
        fiscal_year_start_month: 1 is January.
        week_start: First day of a week, 1 is Monday, 7 is Sunday.
        time_zone: The user's; date literals and dates of datetime fields go by it.
    """

    find: Callable[[str], SObject | None]
    now: datetime
    user_id: str = ""
    all_rows: bool = False
    fiscal_year_start_month: int = 1
    week_start: int = 7
    time_zone: str = "UTC"


@dataclass(frozen=True, kw_only=True)
class Output:
    """One column of the answer.

    Attributes:
        path: Its name, in the schema's case: `("Account", "Name")`, an alias, or `("expr0",)`.
        type: The describe type of its values; their form in CSV and JSON follows from it.
        column: Its name in the result of the SQL.
        level: The index of the record that it is a member of.
        function: Which function of what an aggregate is: `count(Id)`; empty for fields.
        only_for: The types of that record which have the member, where TYPEOF says so; empty: all.
    """

    path: tuple[str, ...]
    type: str
    column: str
    level: int = 0
    function: str = ""
    only_for: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Level:
    """A record in a row: the one that was asked for, or one of its parents.

    Attributes:
        path: The relationships that lead there; empty for the record itself.
        column: The column of its id in the result of `keyed_sql`; null where there is no such parent.
        types: Names of objects by key prefix.
        type: What `attributes` call it: the object, or `Name` behind a polymorphic relationship.
    """

    path: tuple[str, ...]
    column: str
    types: Mapping[str, str]
    type: str


@dataclass(frozen=True, kw_only=True)
class Children:
    """A subquery: the records below each record.

    Attributes:
        path: The member that holds them: the relationship's name.
        query: Its `keyed_sql` takes a further last parameter, the list of the parents' ids, and gives three further
            columns: `parent`, `place` (from 1, among the parent's children) and `total` (of these).
        sizes_sql: How many children each parent has, at most: rows of a parent's id and a number.
        sizes_parameters: Its values, but for the last one, the list of the parents' ids.
        place: Where it stands among the outputs: before the output of that index.
    """

    path: tuple[str, ...]
    query: Query
    sizes_sql: str
    sizes_parameters: tuple[Any, ...]
    place: int


@dataclass(frozen=True, kw_only=True)
class Query:
    """A statement, ready to be run.

    Attributes:
        sobject: The object of FROM.
        form: Whether records, a number or groups are asked for.
        outputs: The columns, in the order of SELECT.
        sql: One column for each output, raw typed values; for "count" one row of one column.
        parameters: The values of its `?`.
        keyed_sql: The same, followed by the id of each level; it takes the same parameters.
        levels: The records that a row consists of.
        children: Subqueries of SELECT.
        bulk_refusal: Code and message with which Bulk refuses the query at its creation (wire notes, 6.2).
        has_offset: Then only the first batch comes (5).
        is_ordered: The rows have an order.
        max_batch: The most records of a page of REST; fewer where records are wide (8).
    """

    sobject: SObject
    form: Literal["records", "count", "aggregates"]
    outputs: tuple[Output, ...]
    sql: str
    parameters: tuple[Any, ...]
    keyed_sql: str
    levels: tuple[Level, ...]
    children: tuple[Children, ...] = ()
    bulk_refusal: tuple[str, str] | None = None
    has_offset: bool = False
    is_ordered: bool = False
    max_batch: int = 2_000
