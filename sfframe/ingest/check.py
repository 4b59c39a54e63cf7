"""Check: every problem of rows that can be known before the first request; no I/O but reading the rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from sfframe.ingest.columns import Column, Layout
from sfframe.ingest.printed import utf16_length
from sfframe.ingest.request import IngestRequest
from sfframe.ingest.spool import Numbers, Rows, chunks
from sfframe.ingest.values import CLEAR, Flaw, Kind, flaw, same_key
from sfframe.problems import Problem

Hashes = np.ndarray[tuple[int, ...], np.dtype[np.uint64]]

DUPLICATE_KEY = "DUPLICATE_KEY"
# Characters per record (wire notes, 4.2).
MAX_RECORD_LENGTH = 400_000
# What a cell that isn't text takes at most, its quotes and separator included: a float has up to 327 characters.
_WIDEST_FLOAT, _WIDEST_VALUE = 330, 48


@dataclass(eq=False)
class Report:
    """What was found.

    Attributes:
        problems: All problems of rows.
        bad: Numbers of the rows that can't be sent, ascending.
        keys: What the key of each row is compared by, if that was to be kept; see `same_key`.
    """

    problems: list[Problem]
    bad: Numbers = field(default_factory=lambda: np.empty(0, np.int64))
    keys: pl.Series | None = None

    def reasons(self) -> pl.DataFrame:
        """The rows that can't be sent, each with its first problem: `row`, `sf__Error`, in row order."""
        row_numbers = [p.rows for p in self.problems if p.rows is not None]
        texts = [f"NOT_SENT:{p.code} {p.message}:{p.column or ''} --" for p in self.problems if p.rows is not None]
        if not row_numbers:
            return pl.DataFrame(schema={"row": pl.Int64, "sf__Error": pl.String})
        return (
            pl.DataFrame(
                {
                    "row": np.concatenate(row_numbers),
                    "sf__Error": pl.Series(texts).gather(
                        np.repeat(np.arange(len(texts)), [len(r) for r in row_numbers])
                    ),
                }
            )
            .unique("row", keep="first", maintain_order=True)
            .sort("row")
        )


def check(rows: Rows, layout: Layout, request: IngestRequest, *, keeps_keys: bool = False) -> Report:
    """Look at every row once.

    Args:
        rows: The rows, in the caller's order.
        layout: Where its columns go.
        request: The call.
        keeps_keys: Whether somebody else compares the keys too; then they have to fit into memory.
    """
    flaws = [(c, f) for c in layout.columns for f in (*c.value.flaws, *_missing(c))]
    found: list[list[Numbers]] = [[] for _ in flaws]
    too_long = _TooLong(layout, request.options.max_payload_bytes)
    compares_keys = layout.key is not None and request.options.on_duplicate_key != "send"
    keys = _Keys(layout, rows.n, keeps_keys=keeps_keys) if compares_keys else None
    for start, frame in chunks(rows):
        for i in _suspects(frame, flaws):
            bad = frame.select(flaws[i][1].bad.fill_null(False)).to_series().arg_true().to_numpy()
            if len(bad):
                found[i].append(bad.astype(np.int64) + start)
        too_long.look(start, frame)
        if keys is not None:
            keys.look(start, frame)
    problems = [_problem(*flaws[i], np.concatenate(hits)) for i, hits in enumerate(found) if hits]
    problems.extend(too_long.problems())
    problems.extend(keys.problems(rows) if keys is not None else ())
    problems.sort(key=lambda p: int(p.rows[0]) if p.rows is not None else -1)
    bad_rows = [p.rows for p in problems if p.rows is not None]
    bad = np.unique(np.concatenate(bad_rows)) if bad_rows else np.empty(0, np.int64)
    return Report(problems, bad, keys.kept() if keys is not None and keeps_keys else None)


def _suspects(frame: pl.DataFrame, flaws: list[tuple[Column, Flaw]]) -> list[int]:
    """Which flaws may be in this batch: one pass over all columns in parallel."""
    if not flaws:
        return []
    found = frame.select(flaw.maybe.fill_null(False).alias(str(i)) for i, (_, flaw) in enumerate(flaws))
    return [i for i, hit in enumerate(found.row(0)) if hit]


def _problem(column: Column, flaw: Flaw, rows: Numbers) -> Problem:
    target = column.field.name if column.field is not None and not column.is_lookup else column.header
    return Problem(
        column=column.name, field=target, code=flaw.code, message=flaw.message, remedy=flaw.remedy, rows=rows
    )


def _missing(column: Column) -> Iterator[Flaw]:
    """Rows without a value that they need."""
    empty = column.value.expr.is_null()
    if column.kind in (Kind.TEXT, Kind.MULTI, Kind.ID):
        text = column.value.expr.cast(pl.String)
        empty = empty | (text == "") | (text.str.strip_chars() == "") | (text == CLEAR)
    if column.is_key:
        # A key of a wrong form is a problem already, and no missing one.
        for other in column.value.flaws:
            empty = empty & ~other.bad.fill_null(False)
        remedy = "Fill it, drop the rows, or leave them out with invalid='report'."
        yield flaw("MISSING_KEY", "rows without a key", remedy, empty)
    elif column.clears and column.field is not None and not column.field.nillable and not column.is_lookup:
        what = "nulls that would clear a field which can't be null"
        remedy = f"Use nulls={{{column.name!r}: 'ignore'}}, or fill the values."
        yield flaw("NOT_NILLABLE", what, remedy, empty)


class _TooLong:
    """Rows that are longer than a record, or a payload, may be."""

    def __init__(self, layout: Layout, max_bytes: int) -> None:
        self._layout = layout
        header = sum(len(c.header.encode()) + 3 for c in layout.columns)
        self._max_bytes = max(0, max_bytes - header)
        self._dtypes: dict[str, pl.DataType] | None = None
        self._records: list[Numbers] = []
        self._payloads: list[Numbers] = []

    def look(self, start: int, frame: pl.DataFrame) -> None:
        if not frame.height or self._widest(frame) <= min(MAX_RECORD_LENGTH, self._max_bytes):
            return
        text = self._layout.text(frame)
        quotes = pl.sum_horizontal(pl.all().str.count_matches('"', literal=True) + 3)
        n_bytes = text.select(pl.sum_horizontal(pl.all().str.len_bytes()) + quotes).to_series()
        units = text.select(pl.sum_horizontal(utf16_length(pl.all()))).to_series()
        for lengths, limit, found in (
            (units, MAX_RECORD_LENGTH, self._records),
            (n_bytes, self._max_bytes, self._payloads),
        ):
            hits = (lengths > limit).arg_true().to_numpy().astype(np.int64)
            if len(hits):
                found.append(hits + start)

    def _widest(self, frame: pl.DataFrame) -> int:
        """An upper bound for the bytes of a row, without writing one: a quote may double each byte."""
        values = {c.header: c.value.expr for c in self._layout.columns}
        if self._dtypes is None:
            self._dtypes = dict(frame.clear().select(v.alias(h) for h, v in values.items()).schema)
        texts = [h for h, dtype in self._dtypes.items() if dtype in (pl.String, pl.Categorical, pl.Enum)]
        longest = (values[h].cast(pl.String).str.len_bytes().max().fill_null(0).alias(h) for h in texts)
        text = sum(2 * n + 3 for n in frame.select(longest).row(0)) if texts else 0
        others = (dtype for h, dtype in self._dtypes.items() if h not in texts)
        return int(text) + sum(_WIDEST_FLOAT if dtype.is_float() else _WIDEST_VALUE for dtype in others)

    def problems(self) -> Iterator[Problem]:
        if self._records:
            yield Problem(
                column=None,
                code="RECORD_TOO_LONG",
                message=f"records of more than the {MAX_RECORD_LENGTH:,} characters that the org takes",
                remedy="Shorten them, or send the long columns in a call of their own.",
                rows=np.concatenate(self._records),
            )
        if self._payloads:
            yield Problem(
                column=None,
                code="ROW_EXCEEDS_PAYLOAD",
                message="single rows whose CSV is larger than max_payload_bytes allows",
                remedy="Raise max_payload_bytes, or shorten the rows.",
                rows=np.concatenate(self._payloads),
            )


class _Keys:
    """Keys that stand in several rows: found by 64-bit hash, hits verified by the keys themselves.

    Of a row its hash is kept, and no more, unless that is asked for: there may be more rows than memory holds.
    """

    def __init__(self, layout: Layout, n: int, *, keeps_keys: bool) -> None:
        assert layout.key is not None
        self._key = layout.key
        self._expr = same_key(layout.key.value, ignores_case=layout.key_ignores_case)
        self._hashes = np.empty(n, np.uint64)
        self._kept: list[pl.Series] = []
        self._keeps_keys = keeps_keys

    def look(self, start: int, frame: pl.DataFrame) -> None:
        keys = self._of(frame)
        if self._keeps_keys:
            self._kept.append(keys)
        hashes = self._hashes[start : start + len(keys)]
        hashes[:] = keys.hash().to_numpy()
        if keys.null_count():  # nulls are a problem of their own and equal to nothing: give each its own hash
            nulls = keys.is_null().to_numpy()
            hashes[nulls] = np.random.default_rng(start).integers(0, 2**63, int(nulls.sum()), dtype=np.uint64)

    def kept(self) -> pl.Series | None:
        return pl.concat(self._kept) if self._kept else None

    def problems(self, rows: Rows) -> Iterator[Problem]:
        self._hashes.sort()
        twice = np.unique(self._hashes[1:][self._hashes[1:] == self._hashes[:-1]])
        if not len(twice):
            return
        suspects = np.concatenate([*self._with(twice, rows)])
        keys = self._of(rows.take(suspects, [self._key.name]))
        real = (keys.is_duplicated() & keys.is_not_null()).to_numpy()
        if real.any():
            n = keys.filter(pl.Series(real)).n_unique()
            yield duplicate_keys(n, self._key.name, self._key.header, suspects[real])

    def _of(self, frame: pl.DataFrame) -> pl.Series:
        return frame.select(self._expr.alias("key")).to_series()

    def _with(self, hashes: Hashes, rows: Rows) -> Iterator[Numbers]:
        """The rows whose key has one of these hashes: their own were sorted, and are made again."""
        for start, frame in chunks(rows, names=[self._key.name]):
            yield np.flatnonzero(np.isin(self._of(frame).hash().to_numpy(), hashes)).astype(np.int64) + start


def duplicate_keys(n: int, column: str, header: str, rows: Numbers) -> Problem:
    """That so many keys stand in several rows."""
    return Problem(
        column=column,
        field=header,
        code=DUPLICATE_KEY,
        message=f"{n:,} key{'s' if n != 1 else ''} that stand{'' if n != 1 else 's'} in several rows",
        remedy="Drop all but one row of each key, or send them all with on_duplicate_key='send'.",
        rows=rows,
        n_keys=n,
    )


def all_problems(*groups: Iterable[Problem]) -> list[Problem]:
    """Problems of columns first, then of rows, as they were found."""
    return [p for group in groups for p in group]
