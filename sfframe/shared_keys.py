"""Shared keys: those that stand in several partitions, found by files that each partition writes; no row travels.

A partition's file has its keys by their hashes, ascending. Each range of hashes is compared by itself.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from sfframe.errors import JournalError
from sfframe.ingest.check import Hashes
from sfframe.ingest.fates import Files
from sfframe.ingest.printed import series_text
from sfframe.ingest.spool import Numbers

_ROWS_AT_ONCE: Final = 4_000_000  # keys that are compared in one task


@dataclass(frozen=True, kw_only=True, eq=False)
class Twice:
    """Keys of several rows.

    Attributes:
        n_keys: How many different ones.
        rows: By partition, the rows that have them, ascending.
    """

    n_keys: int
    rows: dict[int, Numbers]


def write_keys(keys: pl.Series, where: Files, partition: str) -> str:
    """Write a partition's keys: hashes, ascending, and their rows; and beside them the keys by rows.

    Args:
        keys: What the key of each row is compared by.
        where: Where to.
        partition: What the partition is called there.

    Returns:
        The file of the hashes; rows without a key aren't in it.
    """
    # As text: a column of objects may be numbers in one partition and text in another.
    texts = series_text(keys.alias("key"))
    hashes, rows = texts.hash().to_numpy(), np.arange(len(texts), dtype=np.uint64)
    if texts.null_count():
        has_key = texts.is_not_null().to_numpy()
        hashes, rows = hashes[has_key], rows[has_key]
    order = np.argsort(hashes)
    name = f"{partition}/keys-{secrets.token_hex(4)}.npy"
    with where.writing(_texts_of(name)) as path:
        texts.to_frame("key").write_parquet(path, compression="lz4", statistics=False)
    with where.writing(name) as path:
        np.save(path, np.stack([hashes[order], rows[order]]))
    return name


def _texts_of(name: str) -> str:
    return f"{name.rpartition('.')[0]}.parquet"


def fingerprint() -> int:
    """What tells whether another machine hashes as this one does: versions of Polars, and processors, may not."""
    return int(pl.Series(["C-1", "ä", ""]).hash().sum())


def ranges(n_rows: int) -> list[tuple[int, int]]:
    """The ranges of hashes, first and last, each of which has so few of the keys that they are compared in memory."""
    n = max(1, -(-n_rows // _ROWS_AT_ONCE))
    edges = [at * 2**64 // n for at in range(n + 1)]
    return [(low, high - 1) for low, high in itertools.pairwise(edges)]


def twice_in(files: Sequence[str | None], within: tuple[int, int], where: Files) -> Twice:
    """The keys of a range of hashes that stand in several rows, of whatever partitions.

    Args:
        files: Of each partition the file of its keys, if there is one.
        within: The first and the last hash.
        where: Where the files are.
    """
    with ExitStack() as opened:
        there = [(number, name) for number, name in enumerate(files) if name is not None]
        found = [(*one, *_within(opened.enter_context(where.reading(one[1])), within)) for one in there]
        return _twice_among(found, where)


def _twice_among(found: Sequence[tuple[int, str, Hashes, Hashes]], where: Files) -> Twice:
    """Those of some partitions: of each its number, the file of its keys, their hashes and rows."""
    # Of ascending pieces, which this kind of sorting merges.
    hashes = np.sort(np.concatenate([np.empty(0, np.uint64), *(hashes for *_, hashes, _ in found)]), kind="stable")
    twice = np.unique(hashes[1:][hashes[1:] == hashes[:-1]])
    if not len(twice):
        return Twice(n_keys=0, rows={})
    suspects = [(number, name, rows[np.isin(hashes, twice)]) for number, name, hashes, rows in found]
    keyed = [_with_keys(*one, where) for one in suspects if len(one[-1])]
    real = pl.concat(keyed).filter(pl.col("key").is_duplicated())
    rows = {
        int(number): np.sort(group["row"].to_numpy())
        for (number,), group in real.select("partition", "row").group_by("partition")
    }
    return Twice(n_keys=real["key"].n_unique() if real.height else 0, rows=rows)


def _within(path: Path, within: tuple[int, int]) -> tuple[Hashes, Hashes]:
    """The hashes of a range, ascending, and the rows that have them; of the file no more is read."""
    hashes, rows = np.load(path, mmap_mode="r")
    low, high = (np.uint64(edge) for edge in within)
    begin, end = np.searchsorted(hashes, low, "left"), np.searchsorted(hashes, high, "right")
    return hashes[begin:end], rows[begin:end]


def _with_keys(number: int, name: str, suspects: Hashes, where: Files) -> pl.DataFrame:
    """Rows of one partition with their keys beside them: hashes of different keys may be equal."""
    with where.reading(_texts_of(name)) as path:
        texts = pl.read_parquet(path, glob=False)["key"]
    rows = pl.Series("row", suspects.astype(np.int64))
    return pl.DataFrame([rows, texts.gather(rows)]).with_columns(pl.lit(number, pl.Int64).alias("partition"))


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
