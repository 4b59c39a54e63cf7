"""Settle: a finished job's result files and the rows of its part become fates; no I/O but reading both."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass

import polars as pl

from sfframe.ingest.columns import Layout
from sfframe.ingest.echo import FAILED, FATE, SUCCESSFUL, UNPROCESSED, Compared, NotAnEchoError, read_echo
from sfframe.ingest.match import Matched, match_by_key, match_by_row, unprocessed
from sfframe.ingest.payload import Cut, Part, frame_of
from sfframe.ingest.spool import Rows
from sfframe.ingest.values import Kind

Files = Mapping[int, bytes | None]


@dataclass(frozen=True, eq=False, kw_only=True)
class Settled:
    """What the result files say.

    Attributes:
        matched: The rows whose fate they tell.
        is_readable: Whether successful and failed results could be read.
    """

    matched: Matched
    is_readable: bool

    @property
    def is_whole(self) -> bool:
        """Every row has its fate, and nothing is left over."""
        return self.is_readable and self.matched.is_whole


def settle(rows: Rows, layout: Layout, cut: Cut, part: Part, files: Files) -> Settled:
    """Find the row of the part that each result row is.

    Args:
        rows, layout, cut: What the part was made of.
        part: The rows sent.
        files: For each outcome its file; `None` where the org has none.
    """
    job = _Job(rows, layout, cut, part)
    read = job.read_by_key(files)
    quick = read.settle() if read is not None else None
    return quick if quick is not None and quick.is_whole else job.by_row(files, quick)


def read_by_key(
    rows: Rows, layout: Layout, cut: Cut, part: Part, files: MutableMapping[int, bytes | None]
) -> KeyRead | None:
    """What is needed to settle by the key alone; `None` if there is none, or the part hasn't each key once.

    Files are taken out as they are read, so that they don't lie in memory while their rows are matched.
    """
    return _Job(rows, layout, cut, part).read_by_key(files, taking_out=files)


@dataclass(frozen=True, eq=False, kw_only=True)
class KeyRead:
    """The keys that were sent, and the result rows with theirs."""

    sent: pl.DataFrame
    echo: pl.DataFrame
    header: str
    compared: Compared
    is_readable: bool

    def settle(self) -> Settled:
        """Find the row that each result row is, by its key."""
        matched = match_by_key(self.sent, self.echo, self.header, self.compared)
        return Settled(matched=matched, is_readable=self.is_readable)


def may_be_unprocessed(settled: Settled) -> bool:
    """Whether rows that no file names may be some that the org didn't come to.

    Not where it names others as such: then it names all of them, and counters can lag.
    """
    matched = settled.matched
    names_unprocessed = (matched.fates["outcome"] == UNPROCESSED).any()
    return bool(len(matched.lost)) and not (names_unprocessed or len(matched.strangers))


def not_processed(settled: Settled, n_processed: int) -> Settled:
    """For a job that ended before its end: rows that no file names weren't processed, if the counter agrees.

    Args:
        settled: What the files say.
        n_processed: How many rows the org says that it has processed.
    """
    matched = settled.matched
    # Where the counter lags or is missing, the files may do so too.
    if not may_be_unprocessed(settled) or n_processed != matched.fates.height:
        return settled
    fates = pl.concat([matched.fates, unprocessed(matched.lost)])
    whole = Matched(fates=fates, lost=matched.lost.clear(), strangers=matched.strangers)
    return Settled(matched=whole, is_readable=True)


def compared_of(layout: Layout) -> dict[str, Compared]:
    """How the texts of each column are compared."""
    return {
        c.header: Compared(
            c.kind,
            scale=c.field.scale if c.field is not None and c.kind is Kind.NUMBER else None,
            is_certain=c.field is not None,
        )
        for c in layout.columns
    }


class _Job:
    def __init__(self, rows: Rows, layout: Layout, cut: Cut, part: Part) -> None:
        self._rows, self._layout, self._cut, self._part = rows, layout, cut, part
        self._compared = compared_of(layout)
        self._is_readable = True

    def read_by_key(self, files: Files, taking_out: MutableMapping[int, bytes | None] | None = None) -> KeyRead | None:
        """By the key alone, if the part has each key once: neither files nor rows are read beyond it."""
        key = self._layout.key
        if key is None:
            return None
        narrow = Layout(columns=(key,), key=key)  # the rest needn't be read
        sent = narrow.text(frame_of(self._rows, self._cut, self._part, [key.name]))
        if not self._layout.key_is_unique and sent[key.header].n_unique() != sent.height:
            return None
        echo = self._echo(files, [key.header], taking_out)
        if key.header not in echo.columns or (key.header == "Id" and (echo["Id"] == "").any()):
            echo = _id_as_key(echo, key.header)
        return KeyRead(
            sent=sent,
            echo=echo,
            header=key.header,
            compared=self._compared[key.header],
            is_readable=self._is_readable,
        )

    def by_row(self, files: Files, quick: Settled | None) -> Settled:
        """By all that was sent; of rows that have found each other by their key already, nothing more."""
        sent = self._layout.text(frame_of(self._rows, self._cut, self._part))
        echo = self._echo(files, None)
        # Of a damaged file more lines may be rows when all columns are read: the numbers of strangers mean others then.
        if quick is None or quick.matched.fates.height + len(quick.matched.strangers) != echo.height:
            matched = match_by_row(sent, echo, self._compared)
        else:
            lost, strangers = quick.matched.lost, quick.matched.strangers
            rest = match_by_row(sent[lost], echo[strangers], self._compared)
            found = rest.fates.with_columns(lost.gather(rest.fates["row"]).alias("row"))
            matched = Matched(
                fates=pl.concat([quick.matched.fates, found]),
                lost=lost.gather(rest.lost),
                strangers=strangers.gather(rest.strangers),
            )
        return Settled(matched=matched, is_readable=self._is_readable)

    def _echo(
        self, files: Files, only: list[str] | None, taking_out: MutableMapping[int, bytes | None] | None = None
    ) -> pl.DataFrame:
        headers = [c.header for c in self._layout.columns]
        frames = []
        for outcome in (SUCCESSFUL, FAILED, UNPROCESSED):
            try:
                frames.append(read_echo(files.get(outcome) or b"", outcome, headers, only))
            except NotAnEchoError:
                # Unprocessed rows may not parse when that is why the job failed; the others must.
                self._is_readable = self._is_readable and outcome == UNPROCESSED
            if taking_out is not None:
                taking_out.pop(outcome, None)
        frames = [f for f in frames if f.height] or frames[:1] or [read_echo(b"", UNPROCESSED, headers)]
        if all(f.columns == frames[0].columns for f in frames):
            return pl.concat(frames)
        sent = pl.exclude(*FATE)
        return pl.concat(frames, how="diagonal", rechunk=True).with_columns(sent.fill_null(""))


def _id_as_key(echo: pl.DataFrame, header: str) -> pl.DataFrame:
    """Where the echo has no Id column of its own, `sf__Id` names the record just as well."""
    own = pl.col("sf__Id").fill_null("")
    if header in echo.columns:
        own = pl.when(pl.col(header) != "").then(pl.col(header)).otherwise(own)
    return echo.with_columns(own.alias(header)) if header == "Id" else echo.with_columns(pl.lit("").alias(header))
