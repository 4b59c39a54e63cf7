"""Ask: what Polars wants of a scan, as SOQL statements. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import polars as pl

from sfframe.query.columns import Column

Where = Literal["sent", "prefilter", "local"]

ID: Final = "Id"


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What becomes of one predicate.

    Attributes:
        predicate: As Polars writes it.
        where: The org filters by it exactly; the org leaves out some rows, Polars the rest; Polars alone.
        reason: Why.
        soql: The condition that travels; `None` for none.
    """

    predicate: str
    where: Where
    reason: str
    soql: str | None = None


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
        return self.predicate.meta.eq(other.predicate)


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
    limit = "" if n_rows is None else f" LIMIT {n_rows}"
    return Ask(
        names=names, predicate=predicate, n_rows=n_rows, selected=selected,
        verdicts=_verdicts(predicate, n_rows),
        statements=() if n_rows == 0 else (base + limit,),
        begins_over_rest=may_end_early and ID in selected,
    )  # fmt: skip


def _verdicts(predicate: pl.Expr | None, n_rows: int | None) -> tuple[Verdict, ...]:
    if predicate is None:
        return ()
    reason = "a head comes before it, and SOQL's LIMIT behind WHERE" if n_rows is not None else "all filters are"
    return (Verdict(predicate=str(predicate), where="local", reason=reason),)


def chosen(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Columns of a frame for Polars, which may want none of them and yet the number of the rows."""
    # A selection without columns has no rows; a frame that lost them has, in the releases that ask for it.
    return frame[list(names)] if names else frame.drop(frame.columns)
