"""Ask: what Polars wants of a scan, as SOQL statements. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final
from urllib.parse import quote

import polars as pl

from sfframe.org.rest import MAX_URI_BYTES
from sfframe.query.pages.route import MAX_CHARACTERS
from sfframe.query.pushdown.expressions import conjuncts
from sfframe.query.pushdown.where import Verdict, fitted, verdicts, where_clauses
from sfframe.query.schema.columns import Column

ID: Final = "Id"
# More requests than for so many parts of a list cost more than they spare.
_MOST_STATEMENTS: Final = 100
# So many addresses are preferred to fewer statements that have to be posted.
_MOST_ADDRESSES: Final = 8
_ADDRESS_BYTES: Final = MAX_URI_BYTES - 100  # the way to the resource is counted there too


@dataclass(frozen=True, kw_only=True, eq=False)
class Ask:
    """What one call of a scan wants, and the statements that bring it.

    Attributes:
        names: The columns that are given, in order.
        predicate: What the rows are filtered by here, after they came.
        n_rows: The most rows that are read, before any filter.
        selected: The columns that are read.
        verdicts: What becomes of each part of the predicate.
        statements: One after the other they bring each row once; several where a list had to be split.
        unfiltered: One that brings all rows; `None` if `statements` does so.
        begins_over_rest: The first page is to come before a query job is made; its rows can be told by `Id`.
    """

    names: tuple[str, ...]
    predicate: pl.Expr | None
    n_rows: int | None
    selected: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    statements: tuple[str, ...]
    unfiltered: str | None = None
    begins_over_rest: bool = False

    def is_like(self, other: Ask) -> bool:
        """Whether the two want the same."""
        if (self.names, self.n_rows) != (other.names, other.n_rows):
            return False
        if self.predicate is None or other.predicate is None:
            return self.predicate is other.predicate
        # Old Polars joins the parts of a filter in any order.
        mine, others = (sorted(conjuncts(one), key=str) for one in (self.predicate, other.predicate))
        return len(mine) == len(others) and all(one.meta.eq(two) for one, two in zip(mine, others, strict=True))


def ask_for(
    sobject: str,
    columns: Mapping[str, Column],
    *,
    with_columns: Sequence[str] | None,
    predicate: pl.Expr | None,
    n_rows: int | None,
    may_begin_over_rest: bool,
) -> Ask:
    """Turn a call of Polars' into statements.

    Args:
        sobject: The object.
        columns: All columns of the scan by name.
        with_columns: Those that Polars wants; `None` for all. The predicate's are among them as a rule.
        predicate: The filter, if Polars hands one over.
        n_rows: The most rows to read. With a predicate it is a head that came before the filter: the org would
            filter first, so the filter stays here.
        may_begin_over_rest: The first page may come before a query job is made. Filtered rows are read with their
            `Id` then, so that the job's can be told from the page's.
    """
    names = tuple(columns if with_columns is None else with_columns)
    needed = dict.fromkeys((*names, *(predicate.meta.root_names() if predicate is not None else ())))
    may_end_early = may_begin_over_rest and n_rows is None and ID in columns
    if may_end_early and predicate is not None:
        needed[ID] = None
    selected = tuple(needed) or (ID if ID in columns else next(iter(columns)),)
    base = f"SELECT {', '.join(selected)} FROM {sobject}"
    ask = partial(Ask, names=names, predicate=predicate, n_rows=n_rows, selected=selected)
    if n_rows is not None:
        found = _local(predicate, "a head comes before it, and SOQL cuts after the filter")
        return ask(verdicts=found, statements=(f"{base} LIMIT {n_rows}",) if n_rows else ())
    judged = verdicts(predicate, columns, sobject=sobject) if predicate is not None else ()
    found, clauses = _travelling(judged, base)
    return ask(
        verdicts=found,
        statements=tuple(f"{base} WHERE {clause}" for clause in clauses) or (base,),
        unfiltered=base if clauses else None,
        begins_over_rest=may_end_early and ID in selected,
    )


def _local(predicate: pl.Expr | None, reason: str) -> tuple[Verdict, ...]:
    if predicate is None:
        return ()
    return (Verdict(predicate=str(predicate), where="local", reason=reason, soql=None),)


def _travelling(found: Sequence[Verdict], base: str) -> tuple[tuple[Verdict, ...], tuple[str, ...]]:
    """The WHERE clauses, with the verdicts as they are in these: as few as may be, and in addresses if not many."""
    start = f"{base} WHERE "
    room = MAX_CHARACTERS - len(start)
    by_post = fitted(found, max_chars=room)
    clauses = where_clauses(by_post, max_chars=room)
    if len(clauses) > _MOST_STATEMENTS:
        return _travelling(_without_longest(by_post), base)
    room = _ADDRESS_BYTES - _encoded(start)
    if not any(_encoded(clause) > room for clause in clauses):
        return by_post, clauses
    by_address = fitted(found, max_chars=max(room, 0), measure=_encoded)
    if [one.where for one in by_address] == [one.where for one in by_post]:
        short = where_clauses(by_address, max_chars=room, measure=_encoded)
        if len(short) <= _MOST_ADDRESSES:
            return by_address, short
    return by_post, clauses


def _without_longest(found: Sequence[Verdict]) -> tuple[Verdict, ...]:
    longest = max(found, key=lambda one: len(one.soql or ""))
    reason = "the list is so long that reading all rows costs less"
    local = Verdict(predicate=longest.predicate, where="local", reason=reason, soql=None)
    return tuple(local if one is longest else one for one in found)


def _encoded(text: str) -> int:
    return len(quote(text, safe=""))


def chosen(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Columns of a frame for Polars, which may want none of them and yet the number of the rows."""
    # A selection without columns has no rows; a frame that lost them has, in the releases that ask for it.
    return frame[list(names)] if names else frame.drop(frame.columns)
