"""Same: whether two calls are about the same rows."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import polars as pl

from sfframe.ingest.spool import CHUNK, Rows

_SEEDS: Final = (0x9E37, 0x79B9)  # two hashes of 64 bits: that rows differ and neither does isn't to be met


def same_rows(a: Rows, b: Rows) -> str | None:
    """Whether `b` has the rows that `a` has, a bounded number in memory at once.

    Null equals null, NaN equals NaN, and every other float itself alone (-0.0 is 0.0).

    Returns:
        `None` if so, or else the first difference, of columns before rows, as a sentence about `b`, "the other":
        with a column and a row number counted from 0, and no cell's content.
    """
    return _columns_differ(a.schema, b.schema) or _cells_differ(a, b) or _lengths_differ(a.n, b.n)


def same_rows_in_any_order(a: Rows, b: Rows) -> str | None:
    """Whether `b` has the rows that `a` has, each as often, by hashes of theirs: 16 bytes a row in memory.

    Returns:
        As `same_rows`, whose difference is told.
    """
    why = same_rows(a, b)
    if why is None or _columns_differ(a.schema, b.schema) or a.n != b.n:
        return why
    try:
        return None if np.array_equal(_hashes(a, list(a.schema)), _hashes(b, list(a.schema))) else why
    except pl.exceptions.PolarsError:  # a dtype that it doesn't hash
        return why


def _hashes(rows: Rows, names: list[str]) -> np.ndarray[Any, Any]:
    """Hashes of all rows, ascending."""
    found = np.empty((rows.n, len(_SEEDS)), np.uint64)
    for start in range(0, rows.n, CHUNK):
        chunk = rows.slice(start, min(start + CHUNK, rows.n), names)
        for at, seed in enumerate(_SEEDS):
            found[start : start + chunk.height, at] = chunk.hash_rows(seed=seed).to_numpy()
    return found[np.lexsort(found.T)]


def _columns_differ(a: dict[str, pl.DataType], b: dict[str, pl.DataType]) -> str | None:
    if missing := [name for name in a if name not in b]:
        return f"the other has no column {missing[0]!r}"
    if more := [name for name in b if name not in a]:
        return f"the other has a column {more[0]!r} more"
    for name, dtype in a.items():
        if dtype != b[name]:
            # Without categories, fields or zones: those of an Enum are contents of cells.
            if type(dtype) is type(b[name]):
                return f"column {name!r} is another {type(dtype).__name__} there"
            return f"column {name!r} is {type(dtype).__name__} here and {type(b[name]).__name__} there"
    return None


def _lengths_differ(a: int, b: int) -> str | None:
    if a == b:
        return None
    n = abs(a - b)
    return f"the other has {n:,} {'more' if b > a else 'fewer'} row{'' if n == 1 else 's'}"


def _cells_differ(a: Rows, b: Rows) -> str | None:
    names = list(a.schema)
    for start in range(0, min(a.n, b.n), CHUNK):
        stop = min(start + CHUNK, a.n, b.n)
        here, there = a.slice(start, stop, names), b.slice(start, stop, names)
        found = [(at, name) for name in names if (at := _first(here[name], there[name])) is not None]
        if found:
            at, name = min(found, key=lambda one: one[0])
            return f"column {name!r} differs first in row {start + at:,}"
    return None


def _first(a: pl.Series, b: pl.Series) -> int | None:
    """Where two series of one dtype and length differ first."""
    # By expressions: series of some nested dtypes have no such comparison in some versions.
    both = pl.DataFrame({"a": a, "b": b})
    differs = both.select(pl.col("a").ne_missing(pl.col("b"))).to_series()
    return differs.arg_max() if differs.any() else None
