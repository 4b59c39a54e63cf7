"""Shared keys: those that stand in several partitions, found by files that each partition writes; no row travels.

A partition's file has its keys by their hashes, ascending. Each range of hashes is compared by itself.
"""

from __future__ import annotations

import itertools
import secrets
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
_SCHEMA: Final = {"hash": pl.UInt64, "row": pl.Int64}


@dataclass(frozen=True, kw_only=True, eq=False)
class Twice:
    """Keys of several rows.

    Attributes:
        n_keys: How many different ones.
        rows: By partition, the rows that have them, ascending.
    """

    n_keys: int
    rows: dict[int, Numbers]


def write_keys(rows: Rows, layout: Layout, folder: Path) -> Path:
    """Write a partition's keys into a folder: `hash`, `row` by their hashes, and beside it `key` by rows.

    Returns:
        The file of the hashes; rows without a key aren't in it.
    """
    assert layout.key is not None
    expr = same_key(layout.key.value, ignores_case=layout.key_ignores_case)
    pieces = [pl.Series("key", [], pl.String)]
    for start in range(0, rows.n, CHUNK):
        native = rows.slice(start, min(start + CHUNK, rows.n), [layout.key.name]).select(expr.alias("key"))
        # As text: a column of objects may be numbers in one partition and text in another.
        pieces.append(native.select(text_of(pl.col("key"), native.schema["key"])).to_series())
    keys = pl.concat(pieces).to_frame()
    path = folder / f"keys-{secrets.token_hex(4)}.parquet"
    hashed = keys.select(pl.col("key").hash().alias("hash"), pl.int_range(pl.len(), dtype=pl.Int64).alias("row"))
    hashed = hashed.filter(keys["key"].is_not_null()).sort("hash")
    for table, place in ((keys, _texts_of(path)), (hashed, path)):
        table.write_parquet(place, compression="lz4", row_group_size=_GROUP)
        settle(place)
    return path


def _texts_of(path: Path) -> Path:
    return path.with_suffix(".text.parquet")


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
    suspects = pl.concat(pieces).filter(pl.col("hash").is_duplicated())
    keyed = [_with_keys(group, files[int(number)]) for (number,), group in suspects.group_by("partition")]
    if not keyed:
        return Twice(n_keys=0, rows={})
    real = pl.concat(keyed).filter(pl.col("key").is_duplicated())
    rows = {
        int(number): np.sort(group["row"].to_numpy())
        for (number,), group in real.select("partition", "row").group_by("partition")
    }
    return Twice(n_keys=real["key"].n_unique() if real.height else 0, rows=rows)


def _with_keys(suspects: pl.DataFrame, path: Path | None) -> pl.DataFrame:
    """Rows of one partition with their keys beside them: hashes of different keys may be equal."""
    assert path is not None
    texts = pl.read_parquet(_texts_of(path), glob=False)["key"]
    return suspects.with_columns(texts.gather(suspects["row"]).alias("key"))


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
