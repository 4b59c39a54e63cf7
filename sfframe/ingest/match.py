"""Match: which row of a part each row of the org's results is; no I/O.

Rows are found by their key where the part has each key once, else by all that was sent, compared by meaning,
and equal rows are told apart by count. Each step is exact or not taken: what no step settles is left over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from sfframe.ingest.echo import UNPROCESSED, Compared, any_meaning, canonical, meaning, stored

_FATE = ("outcome", "sf__Id", "sf__Created", "sf__Error")


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
        matching.counted(there, stored)
    if not matching.is_done:
        matching.unambiguous(there, any_meaning, strict=dict(compared))
    if not matching.is_done:
        # Columns that the echo has lost (it leaves out the values of a header in another case, wire notes 4.5).
        blank = matching.blank_columns(there)
        kept = {header: how for header, how in there.items() if header not in blank}
        matching.unambiguous(kept, any_meaning, strict=dict(compared))
    matching.alike()
    return matching.result()


def _folded(header: str, compared: Compared) -> pl.Expr:
    return stored(header, compared).str.to_lowercase().alias(header)


Form = Callable[[str, Compared], pl.Expr]


class _Matching:
    """Rows sent and rows echoed that haven't found each other yet."""

    def __init__(self, sent: pl.DataFrame, echo: pl.DataFrame) -> None:
        self._sent = sent.with_columns(pl.int_range(sent.height, dtype=pl.UInt32).alias("sf__row"))
        self._echo = echo.with_columns(pl.int_range(echo.height, dtype=pl.UInt32).alias("sf__echo"))
        self._pairs: list[pl.DataFrame] = []

    @property
    def is_done(self) -> bool:
        return not self._sent.height or not self._echo.height

    def result(self) -> Matched:
        empty = pl.DataFrame(
            schema={"row": pl.UInt32, "outcome": pl.UInt8, **dict.fromkeys(_FATE[1:], pl.String)}
        )
        fates = pl.concat(self._pairs) if self._pairs else empty
        return Matched(fates=fates, lost=self._sent["sf__row"], strangers=self._echo["sf__echo"])

    def unique(self, compared: Mapping[str, Compared], form: Form) -> None:
        """Pair rows whose canonical texts stand exactly once on each side."""
        (header,) = compared
        ours, theirs = self._forms(compared, form)
        left = pl.DataFrame({"k": ours[header], "s": np.arange(ours.height, dtype=np.uint32)})
        right = pl.DataFrame({"k": theirs[header], "e": np.arange(theirs.height, dtype=np.uint32)})
        left, right = left.drop_nulls("k"), right.drop_nulls("k")
        if left["k"].n_unique() != left.height:
            left = left.filter(~pl.col("k").is_duplicated())
        if right["k"].n_unique() != right.height:
            right = right.filter(~pl.col("k").is_duplicated())
        both = right.join(left, on="k", how="inner")
        self._pair(both["s"].to_numpy(), both["e"].to_numpy())

    def counted(self, compared: Mapping[str, Compared], form: Form) -> None:
        """Pair rows whose canonical texts are equal, equal ones by count."""
        if self.is_done:
            return
        ours, theirs = self._forms(compared, form)
        s, e = _equal_by_count(ours, theirs)
        self._pair(s, e)

    def unambiguous(
        self, compared: Mapping[str, Compared], form: Form, *, strict: Mapping[str, Compared]
    ) -> None:
        """Pair rows whose canonical texts are equal, where it doesn't matter which of them is which.

        That is so where a group has as many rows on both sides and either one row alone, or rows that are
        equal by meaning, or one and the same fate without an id.
        """
        if self.is_done or not compared:
            return
        ours, theirs = self._forms(compared, form)
        exact = canonical(
            self._sent, {h: how for h, how in strict.items() if h in self._sent.columns}, meaning
        )
        left = pl.DataFrame({"h": ours.hash_rows(), "x": exact.hash_rows()}).group_by("h")
        right = pl.DataFrame(
            {"h": theirs.hash_rows(), "f": self._echo.select(_FATE).hash_rows(), "id": self._echo["sf__Id"]}
        )
        groups = left.agg(pl.len().alias("n"), pl.col("x").n_unique()).join(
            right.group_by("h").agg(pl.len().alias("m"), pl.col("f").n_unique(), pl.col("id").count()), on="h"
        )
        same_fate = (pl.col("f") == 1) & (pl.col("id") == 0)
        clear = groups.filter((pl.col("n") == pl.col("m")) & ((pl.col("x") == 1) | same_fate))["h"].implode()
        mine = np.flatnonzero(ours.hash_rows().is_in(clear).to_numpy())
        their = np.flatnonzero(theirs.hash_rows().is_in(clear).to_numpy())
        s, e = _equal_by_count(ours[mine], theirs[their])
        self._pair(mine[s], their[e])

    def blank_columns(self, compared: Mapping[str, Compared]) -> set[str]:
        """Columns that have values among the rows sent but none in the echo."""
        return {h for h in compared if (self._sent[h] != "").any() and not (self._echo[h] != "").any()}

    def alike(self) -> None:
        """Where what is left has one and the same fate, and as many rows on both sides, no matching is needed."""
        if self.is_done or self._sent.height != self._echo.height:
            return
        fates = self._echo.select(_FATE)
        if fates["sf__Id"].null_count() == fates.height and fates.n_unique() == 1:
            everyone = np.arange(fates.height)
            self._pair(everyone, everyone)

    def _forms(self, compared: Mapping[str, Compared], form: Form) -> tuple[pl.DataFrame, pl.DataFrame]:
        return canonical(self._sent, compared, form), canonical(self._echo, compared, form)

    def _pair(self, sent: np.ndarray, echo: np.ndarray) -> None:  # type: ignore[type-arg]  # indices of any width
        if not len(sent):
            return
        fates = self._echo.select(_FATE)[echo]
        self._pairs.append(fates.insert_column(0, self._sent["sf__row"].gather(sent).alias("row")))
        self._sent = self._sent.filter(_all_but(sent, self._sent.height))
        self._echo = self._echo.filter(_all_but(echo, self._echo.height))


def _all_but(positions: np.ndarray, n: int) -> pl.Series:  # type: ignore[type-arg]  # indices of any width
    keep = np.ones(n, dtype=np.bool_)
    keep[positions] = False
    return pl.Series(keep)


def _equal_by_count(left: pl.DataFrame, right: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]  # indices
    """Positions of equal rows, the first with the first, the second with the second, and so on."""
    keyed = []
    for frame, name in ((left, "s"), (right, "e")):
        hashed = pl.DataFrame({"h": frame.hash_rows(), name: np.arange(frame.height, dtype=np.uint32)})
        nth = pl.int_range(pl.len(), dtype=pl.UInt32).over("h")
        has_equals = hashed["h"].n_unique() != hashed.height
        keyed.append(hashed.with_columns((nth if has_equals else pl.lit(0, pl.UInt32)).alias("nth")))
    both = keyed[1].join(keyed[0], on=["h", "nth"], how="inner")
    s, e = both["s"].to_numpy(), both["e"].to_numpy()
    # Hashes find, values decide.
    same = pl.Series(np.ones(len(s), dtype=np.bool_))
    for a, b in zip(left[s].iter_columns(), right[e].iter_columns(), strict=True):
        same &= a.eq_missing(b)
    if not same.all():
        keep = same.to_numpy()
        s, e = s[keep], e[keep]
    return s, e


def unprocessed(rows: pl.Series) -> pl.DataFrame:
    """Fates of rows (indices in a part) of which it is known that the org didn't process them."""
    return pl.DataFrame(
        {"row": rows.cast(pl.UInt32)},
    ).with_columns(
        pl.lit(UNPROCESSED, pl.UInt8).alias("outcome"),
        *(pl.lit(None, pl.String).alias(name) for name in _FATE[1:]),
    )
