"""Again: rows that deserve another try, in the order and in the jobs in which they are least in each other's way.

Rows fail for locks where parallel work meets at one parent (wire notes, 5.2). So those of one parent go next to each
other in one job, the jobs are of one batch, which the org works through row by row, and with each try fewer go at once.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import polars as pl

from sfframe.ingest.columns import Layout
from sfframe.ingest.payload import Cut
from sfframe.ingest.spool import Numbers, Rows

_ONE_BATCH: Final = 10_000  # rows that the org processes one chunk after the other (wire notes, 3.9)
# Every object has these; that they are locked is never the reason.
_NOT_PARENTS: Final = frozenset({"ownerid", "recordtypeid", "createdbyid", "lastmodifiedbyid"})
_RECORD_IDS: Final = r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?"


def at_once(most: int, attempt: int) -> int:
    """How many jobs go at once, of the most that may: half as many with each try."""
    return max(1, most >> (attempt - 1))


def cut_again(cut: Cut, parent: str | None) -> Cut:
    """How rows that go again become parts.

    Args:
        cut: How those of the first try did.
        parent: The column whose equal values stay together, if there is one.
    """
    return replace(
        cut,
        max_records=min(cut.max_records, _ONE_BATCH),
        left_out=np.empty(0, np.int64),
        group_by=cut.group_by or ((parent,) if parent is not None else ()),
    )


def by_parent(
    rows: Rows, layout: Layout, cut: Cut, positions: Numbers, errors: pl.Series
) -> tuple[str | None, Numbers]:
    """Which parent rows that failed have in common, and these rows by it.

    Args:
        rows: The rows of the run.
        layout: Where their columns go.
        cut: How those of the first try became parts; groups that the caller wants stay as they are.
        positions: Which of them go again, ascending.
        errors: What the org said of each.

    Returns:
        The frame's column that refers to the parent, `None` if none does; and the order to send them in, as indices.
    """
    columns = {
        c.name: c.header for c in layout.columns if c.is_lookup or (c.field is not None and c.field.reference_to)
    }
    names = [name for name, header in columns.items() if header.lower() not in _NOT_PARENTS]
    if cut.group_by or not names:
        return None, np.arange(len(positions), dtype=np.int64)
    parents = rows.take(positions, names).select(pl.col(name).cast(pl.String, strict=False) for name in names)
    best = max(names, key=lambda name: (_named(parents[name], errors), -parents[name].n_unique()))
    order = parents[best].arg_sort().to_numpy().astype(np.int64)
    return best, order


def _named(parents: pl.Series, errors: pl.Series) -> int:
    """How many rows' parents the org names as locked."""
    both = pl.DataFrame({"parent": parents.str.slice(0, 15), "ids": errors.str.extract_all(_RECORD_IDS)})
    ids = pl.col("ids").list.eval(pl.element().str.slice(0, 15))
    return int(both.select(ids.list.contains(pl.col("parent")).fill_null(False).sum()).item())
