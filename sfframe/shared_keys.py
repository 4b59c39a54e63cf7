"""Shared keys: those that stand in several partitions, found by files that each partition writes; no row travels.

A partition's file has its keys by their hashes, ascending. Each range of hashes is compared by itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from sfframe.disk import settle
from sfframe.errors import JournalError
from sfframe.ingest.columns import Layout
from sfframe.ingest.printed import text_of
from sfframe.ingest.spool import CHUNK, Numbers, Rows
from sfframe.ingest.values import same_key

_ROWS_AT_ONCE: Final = 4_000_000  # keys that are compared in one task
_GROUP: Final = 65_536
_SCHEMA: Final = {"hash": pl.UInt64, "row": pl.Int64, "key": pl.String}


@dataclass(frozen=True, kw_only=True, eq=False)
class Twice:
    """Keys of several rows.

    Attributes:
        n_keys: How many different ones.
        rows: By partition, the rows that have them, ascending.
    """

    n_keys: int
    rows: dict[int, Numbers]


def write_keys(rows: Rows, layout: Layout, path: Path) -> None:
    """Write a partition's keys: `hash`, `row`, `key`, by their hashes; rows without a key have none."""
    assert layout.key is not None
    expr = same_key(layout.key.value, ignores_case=layout.key_ignores_case)
    pieces = [pl.DataFrame(schema=_SCHEMA)]
    for start in range(0, rows.n, CHUNK):
        native = rows.slice(start, min(start + CHUNK, rows.n), [layout.key.name]).select(expr.alias("key"))
        # As text: a column of objects may be numbers in one partition and text in another.
        text = native.select(text_of(pl.col("key"), native.schema["key"]))
        row = pl.int_range(start, start + text.height, dtype=pl.Int64)
        numbered = text.select(pl.col("key").hash().alias("hash"), row.alias("row"), "key")
        pieces.append(numbered.filter(pl.col("key").is_not_null()))
    pl.concat(pieces).sort("hash").write_parquet(path, compression="lz4", row_group_size=_GROUP)
    settle(path)


def fingerprint() -> int:
    """What tells whether another machine hashes as this one does: versions of Polars, and processors, may not."""
    return int(pl.Series(["C-1", "ä", ""]).hash().sum())


def ranges(n_rows: int) -> list[tuple[int, int]]:
    """The ranges of hashes, first and last, each of which has so few of the keys that they are compared in memory."""
    n = max(1, -(-n_rows // _ROWS_AT_ONCE))
    edges = [at * 2**64 // n for at in range(n + 1)]
    return [(low, high - 1) for low, high in itertools.pairwise(edges)]


def twice_in(files: Sequence[Path | None], within: tuple[int, int]) -> Twice:
    """The keys of a range of hashes that stand in several rows, of whatever partitions.

    Args:
        files: Of each partition the file of its keys, if there is one.
        within: The first and the last hash.
    """
    low, high = (pl.lit(edge, pl.UInt64) for edge in within)
    pieces = [pl.DataFrame(schema={"partition": pl.Int64, **_SCHEMA})]
    for number, path in enumerate(files):
        if path is not None:
            found = pl.scan_parquet(path, glob=False).filter(pl.col("hash").is_between(low, high)).collect()
            pieces.append(found.select(pl.lit(number, pl.Int64).alias("partition"), *_SCHEMA))
    keys = pl.concat(pieces)
    suspects = keys.filter(pl.col("hash").is_duplicated())
    real = suspects.filter(pl.col("key").is_duplicated())
    rows = {
        int(number): np.sort(group["row"].to_numpy())
        for (number,), group in real.select("partition", "row").group_by("partition")
    }
    return Twice(n_keys=real["key"].n_unique() if real.height else 0, rows=rows)


def merged(found: Sequence[Twice]) -> Twice:
    """Those of all ranges."""
    numbers = sorted({number for one in found for number in one.rows})
    rows = {n: np.sort(np.concatenate([one.rows[n] for one in found if n in one.rows])) for n in numbers}
    return Twice(n_keys=sum(one.n_keys for one in found), rows=rows)


def check_fingerprints(seen: Sequence[int]) -> None:
    """See that all machines hash alike.

    Raises:
        JournalError: They don't.
    """
    if len(set(seen)) > 1:
        raise JournalError(
            "the workers hash keys in different ways, so keys of different partitions can't be compared, and nothing "
            "was sent: install the same version of Polars on all of them, or say on_duplicate_key='partition' to "
            "compare the keys of each partition alone"
        )
