"""Match: which row of a part each row of the org's results is; no I/O.

Rows are found by their key where the part has each key once, else by all that was sent, compared by meaning,
and equal rows are told apart by count. Each step is exact or not taken: what no step settles is left over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from sfframe.ingest.echo import FAILED, FATE, SUCCESSFUL, UNPROCESSED, Compared, any_meaning, canonical, meaning, stored

Indices = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, eq=False, kw_only=True)
class Matched:
    """What the results say of the rows of a part.

    Attributes:
        fates: `row` (UInt32, index in the part), `outcome`, `sf__Id`, `sf__Created`, `sf__Error`; each row at
            most once.
        lost: Rows of the part that no result row was found for (UInt32 indices, ascending).
        strangers: Result rows (UInt32 indices) that belong to no row of the part, or not to one alone.
    """

    fates: pl.DataFrame
    lost: pl.Series
    strangers: pl.Series

    @property
    def is_whole(self) -> bool:
        """Each row sent has one result row, and each result row a row sent."""
        return not len(self.lost) and not len(self.strangers)


def match_by_key(sent: pl.DataFrame, echo: pl.DataFrame, key: str, compared: Compared) -> Matched:
    """Match by one column that has no value twice among the rows sent.

    Args:
        sent: The key's texts, one row per row of the part.
        echo: Result rows with that column; see `read_echo`.
        key: Its header.
        compared: How its texts are compared.
    """
    matching = _Matching(sent, echo)
    for form in (meaning, stored, _folded):
        if not matching.is_done:
            matching.unique({key: compared}, form)
    return matching.result()


def match_by_row(sent: pl.DataFrame, echo: pl.DataFrame, compared: Mapping[str, Compared]) -> Matched:
    """Match by all that was sent.

    Args:
        sent: The texts sent, one column per header.
        echo: Result rows; columns may be missing.
        compared: How the texts of each header are compared.
    """
    there = {header: how for header, how in compared.items() if header in echo.columns}
    matching = _Matching(sent, echo)
    if len(there) == len(compared):
        matching.counted(there, meaning)
        matching.refused(there)
        matching.counted(there, stored)
    if not matching.is_done:
        matching.unambiguous(there, any_meaning, strict=dict(compared))
    if not matching.is_done:
        # Columns that the echo has lost (it leaves out the values of a header in another case, wire notes 4.5).
        blank = matching.blank_columns(there)
        kept = {header: how for header, how in there.items() if header not in blank}
        if kept:
            matching.unambiguous(kept, any_meaning, strict=dict(compared))
        else:
            matching.alike()
    return matching.result()


def _folded(header: str, compared: Compared) -> pl.Expr:
    return stored(header, compared).str.to_lowercase().alias(header)


Form = Callable[[str, Compared], pl.Expr]


class _Matching:
    """Rows sent and rows echoed that haven't found each other yet."""

    def __init__(self, sent: pl.DataFrame, echo: pl.DataFrame) -> None:
        self._all_echo = echo
        self._sent, self._echo = sent, echo
        # Where the rows that are left stand among all.
        self._sent_at, self._echo_at = np.arange(sent.height), np.arange(echo.height)
        self._pairs: list[tuple[Indices, Indices]] = []

    @property
    def is_done(self) -> bool:
        return not self._sent.height or not self._echo.height

    def result(self) -> Matched:
        nobody: Indices = np.empty(0, np.int64)
        sent = np.concatenate([nobody, *(s for s, _ in self._pairs)])
        echo = np.concatenate([nobody, *(e for _, e in self._pairs)])
        if (sent[1:] < sent[:-1]).any():
            order = np.argsort(sent)
            sent, echo = sent[order], echo[order]
        fates = self._all_echo.select(FATE)[echo]
        return Matched(
            fates=fates.insert_column(0, pl.Series("row", sent.astype(np.uint32))),
            lost=pl.Series(self._sent_at.astype(np.uint32)),
            strangers=pl.Series(self._echo_at.astype(np.uint32)),
        )

    def unique(self, compared: Mapping[str, Compared], form: Form) -> None:
        """Pair rows whose canonical texts stand exactly once on each side; a row without one pairs with none."""
        ours, theirs = self._forms(compared, form)
        pairs = _all_once(ours, theirs)
        if pairs is not None:
            self._pair(*pairs)
            return
        mine, their = (_once(frame.to_series()) for frame in (ours, theirs))
        s, e = _equal_by_count(ours[mine], theirs[their])
        self._pair(mine[s], their[e])

    def counted(self, compared: Mapping[str, Compared], form: Form) -> None:
        """Pair rows whose canonical texts are equal, equal ones by count."""
        if not self.is_done:
            self._pair(*_equal_by_count(*self._forms(compared, form)))

    def refused(self, compared: Mapping[str, Compared]) -> None:
        """Pair rows that weren't saved, which come back as they were sent.

        So of rows that the org made alike by saving some of them, the others find theirs first. Not where
        columns of failed rows may have lost their values: then they aren't as they were sent.
        """
        if self.is_done:
            return
        at = np.flatnonzero((self._echo["outcome"] != SUCCESSFUL).to_numpy())
        ours, theirs = (canonical(rows, compared, meaning) for rows in (self._sent, self._echo[at]))
        failed = theirs.filter(self._echo["outcome"][at] == FAILED)
        if not any(_is_empty(failed[h]) and not _is_empty(ours[h]) for h in compared):
            s, e = _equal_by_count(ours, theirs)
            self._pair(s, at[e])

    def unambiguous(self, compared: Mapping[str, Compared], form: Form, *, strict: Mapping[str, Compared]) -> None:
        """Pair rows whose canonical texts are equal, where it doesn't matter which of them is which.

        That is so where a group has as many rows on both sides and either one row alone, or rows that are
        equal by meaning, or one and the same fate without an id.
        """
        if self.is_done or not compared:
            return
        ours, theirs = self._forms(compared, form)
        ours_hashed, theirs_hashed = ours.hash_rows(), theirs.hash_rows()
        left = pl.DataFrame({"h": ours_hashed, "x": canonical(self._sent, strict, meaning).hash_rows()})
        right = pl.DataFrame({"h": theirs_hashed, "f": self._echo.select(FATE).hash_rows(), "id": self._echo["sf__Id"]})
        groups = (
            left.group_by("h")
            .agg(pl.len().alias("n"), pl.col("x").n_unique())
            .join(right.group_by("h").agg(pl.len().alias("m"), pl.col("f").n_unique(), pl.col("id").count()), on="h")
        )
        same_fate = (pl.col("f") == 1) & (pl.col("id") == 0)
        clear = groups.filter((pl.col("n") == pl.col("m")) & ((pl.col("x") == 1) | same_fate))["h"].to_numpy()
        mine = np.flatnonzero(np.isin(ours_hashed.to_numpy(), clear))
        their = np.flatnonzero(np.isin(theirs_hashed.to_numpy(), clear))
        s, e = _equal_by_count(ours[mine], theirs[their])
        self._pair(mine[s], their[e])

    def blank_columns(self, compared: Mapping[str, Compared]) -> set[str]:
        """Columns that have values among the rows sent but none in the echo."""
        return {h for h in compared if (self._sent[h] != "").any() and not (self._echo[h] != "").any()}

    def alike(self) -> None:
        """Of rows that can't be compared: where all have the same fate, and both sides as many, nothing is guessed."""
        if self.is_done or self._sent.height != self._echo.height:
            return
        fates = self._echo.select(FATE)
        if fates["sf__Id"].null_count() == fates.height and fates.n_unique() == 1:
            everyone = np.arange(fates.height)
            self._pair(everyone, everyone)

    def _forms(self, compared: Mapping[str, Compared], form: Form) -> tuple[pl.DataFrame, pl.DataFrame]:
        return canonical(self._sent, compared, form), canonical(self._echo, compared, form)

    def _pair(self, sent: Indices, echo: Indices) -> None:
        if not len(sent):
            return
        self._pairs.append((self._sent_at[sent], self._echo_at[echo]))
        self._sent, self._sent_at = _without(self._sent, self._sent_at, sent)
        self._echo, self._echo_at = _without(self._echo, self._echo_at, echo)


def _is_empty(texts: pl.Series) -> bool:
    return len(texts) > 0 and texts.null_count() == len(texts)


def _without(frame: pl.DataFrame, at: Indices, gone: Indices) -> tuple[pl.DataFrame, Indices]:
    if len(gone) == frame.height:
        return frame.clear(), at[:0]
    keep = np.ones(frame.height, dtype=np.bool_)
    keep[gone] = False
    return frame.filter(pl.Series(keep)), at[keep]


def _all_once(left: pl.DataFrame, right: pl.DataFrame) -> tuple[Indices, Indices] | None:
    """Positions of equal rows, if both frames have the same rows and none twice; that is nearly always so."""
    if left.height != right.height or left.to_series().null_count():
        return None
    hashes = _hashes(left), _hashes(right)
    s, e = (np.argsort(h) for h in hashes)
    ordered = hashes[0][s]
    if not np.array_equal(ordered, hashes[1][e]) or (ordered[1:] == ordered[:-1]).any():
        return None
    # In the order of the left side: only the right one is then read at random.
    there = np.empty_like(e)
    there[s] = e
    in_order = np.arange(left.height)
    return (in_order, there) if _are_equal(left, right, None, there).all() else None


def _once(keys: pl.Series) -> Indices:
    """Positions of the values that are there once and aren't null."""
    return np.flatnonzero((keys.is_unique() & keys.is_not_null()).to_numpy())


def _equal_by_count(left: pl.DataFrame, right: pl.DataFrame) -> tuple[Indices, Indices]:
    """Positions of equal rows, the first with the first, the second with the second; see `_equal_hashes`."""
    s, e = _equal_hashes(_hashes(left), _hashes(right))
    same = _are_equal(left, right, s, e)
    return (s, e) if same.all() else (s[same], e[same])


def _are_equal(
    left: pl.DataFrame, right: pl.DataFrame, s: Indices | None, e: Indices
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Whether the rows of each pair are equal: hashes find, values decide. No `s`: all on the left, in order."""
    same = np.ones(len(e), dtype=np.bool_)
    for name in left.columns if len(e) else ():
        ours, theirs = left[name] if s is None else left[name][s], right[name][e]
        has_null = ours.null_count() or theirs.null_count()
        same &= (ours.eq_missing(theirs) if has_null else ours == theirs).to_numpy()
    return same


def _hashes(frame: pl.DataFrame) -> np.ndarray[Any, np.dtype[np.uint64]]:
    hashed = frame.to_series().hash() if frame.width == 1 else frame.hash_rows()
    return hashed.to_numpy()


def _equal_hashes(
    left: np.ndarray[Any, np.dtype[np.uint64]], right: np.ndarray[Any, np.dtype[np.uint64]]
) -> tuple[Indices, Indices]:
    """Positions of equal hashes in two arrays, the n-th of each with the n-th; none where the right has more.

    More results than rows of one kind are no match: some of them belong to other rows, and nobody knows which.
    """
    left_order, right_order = np.argsort(left, kind="stable"), np.argsort(right, kind="stable")
    left, right = left[left_order], right[right_order]
    if np.array_equal(left, right):
        return left_order, right_order
    begin, end = np.searchsorted(right, left, "left"), np.searchsorted(right, left, "right")
    first = np.searchsorted(left, left, "left")
    nth, n = np.arange(len(left)) - first, np.searchsorted(left, left, "right") - first
    there = (begin + nth < end) & (end - begin <= n)
    return left_order[there], right_order[(begin + nth)[there]]


def unprocessed(rows: pl.Series) -> pl.DataFrame:
    """Fates of rows (indices in a part) of which it is known that the org didn't process them."""
    return pl.DataFrame(
        {"row": rows.cast(pl.UInt32)},
    ).with_columns(
        pl.lit(UNPROCESSED, pl.UInt8).alias("outcome"),
        *(pl.lit(None, pl.String).alias(name) for name in FATE[1:]),
    )
