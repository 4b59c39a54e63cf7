"""A scan in small: a lazy frame whose source asks for what travels of a predicate, and filters the rows again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl
from polars.io.plugins import register_io_source

from sfframe.query.pushdown.where import Verdict, verdicts, where_clauses
from sfframe.query.schema.columns import Column


@dataclass(frozen=True)
class Scanned:
    """What a scan gave.

    Attributes:
        rows: By Id.
        verdicts: Of what Polars handed over.
        predicate: That, if it handed something over.
        n_shipped: Rows that were asked for.
    """

    rows: pl.DataFrame
    verdicts: Sequence[Verdict]
    predicate: pl.Expr | None
    n_shipped: int


def scan(
    says: pl.Expr,
    columns: Mapping[str, Column],
    ask: Callable[[str | None], pl.DataFrame],
    *,
    max_chars: int = 80_000,
) -> Scanned:
    """Filter a lazy frame over an org.

    Args:
        says: The filter.
        columns: All columns; one is Id.
        ask: The rows that a WHERE clause finds; without one, all.
        max_chars: Of a clause.
    """
    judged: list[Verdict] = []
    met: list[pl.Expr] = []
    shipped: list[int] = []

    def source(
        with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        if predicate is not None:
            judged.extend(verdicts(predicate, columns))
            met.append(predicate)
        for clause in where_clauses(judged, max_chars=max_chars) or (None,):
            assert clause is None or len(clause) <= max_chars
            rows = ask(clause)
            shipped.append(rows.height)
            rows = rows if predicate is None else rows.filter(predicate)
            yield rows if with_columns is None else rows.select(with_columns)

    schema = {name: column.dtype for name, column in columns.items()}
    lazy = register_io_source(source, schema=schema, validate_schema=True, is_pure=False)
    rows = lazy.filter(says).collect().sort("Id")
    return Scanned(rows, tuple(judged), met[0] if met else None, sum(shipped))
