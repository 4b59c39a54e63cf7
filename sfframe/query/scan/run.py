"""Run: what one call of a scan reads, statement after statement, frame after frame."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Final

import polars as pl

from sfframe.errors import ApiError
from sfframe.progress.events import QueryFinished, QueryStarted
from sfframe.progress.listeners import telling
from sfframe.query.pages.route import SMALL_ROWS, Api, Transport, by_size
from sfframe.query.pages.trouble import took_too_long
from sfframe.query.scan.ask import ID, Ask, chosen
from sfframe.query.scan.pull import Pull

if TYPE_CHECKING:
    from sfframe.query.scan.source import Source

# Iterators of frames one after the other; ended, it closes what they read from.
Parts = Generator[Iterator[pl.DataFrame], None, None]

_log = logging.getLogger("sfframe.query")

# Polars asks some batches ahead. The first page comes in so many, so that a head is full before more is asked for.
_SLICES: Final = 16


@dataclass(kw_only=True, slots=True)
class Run:
    """What one call of a scan brought, so far.

    Attributes:
        ask: What was wanted.
        transport: `"rest"` or `"bulk"`, whichever came last.
        why: The reason.
        rows_shipped: Rows that came from the org.
        rows_given: Rows that Polars got.
        refused: What the org said to a statement with filters, which was then sent without.
    """

    ask: Ask
    transport: Transport | None = None
    why: str = ""
    rows_shipped: int = 0
    rows_given: int = 0
    refused: str | None = None


class Frames(Iterator[pl.DataFrame]):
    """The frames of one run; between two of them none is held."""

    def __init__(self, source: Source, run: Run) -> None:
        self._source = source
        self._run = run
        self._tell = telling(source.progress, "query", is_foreign=True)
        self._parts = self._statements()
        self._raw = chain.from_iterable(self._parts)

    def first(self) -> pl.DataFrame:
        """The first frame: there is one, if only an empty one."""
        frame = next(self, None)
        if frame is not None:
            return frame
        schema = self._source.schema()
        return pl.DataFrame(schema={name: schema[name] for name in self._run.ask.names})

    def __next__(self) -> pl.DataFrame:
        try:
            return self._given(next(self._raw))
        except StopIteration:
            self._parts.close()
            raise
        except BaseException as error:
            self._tell.stopped(error)
            self._parts.close()
            raise

    def _given(self, frame: pl.DataFrame) -> pl.DataFrame:
        ask = self._run.ask
        if ask.predicate is not None:
            frame = frame.filter(ask.predicate)
        self._run.rows_given += frame.height
        return chosen(frame, ask.names)

    def _statements(self) -> Parts:
        self._tell(QueryStarted(host=self._source.org.host, sobject=self._source.sobject))
        try:
            for soql in self._run.ask.statements:
                yield from self._statement(soql)
                if self._run.refused is not None:
                    return  # that one brought all rows
        except GeneratorExit:  # nobody wants more
            raise
        except BaseException as error:
            self._tell.stopped(error)
            raise
        finally:
            self._tell(QueryFinished(rows=self._run.rows_shipped))

    def _statement(self, soql: str) -> Parts:
        first = self._begun(soql)
        ids: pl.Series | None = None
        job: Pull | None = None
        try:
            if self._is_more(first):
                # Whether a head stands behind the filter isn't told: a page may be all that Polars wants.
                self._run.why = (
                    f"{first.reading.n_expected:,} rows, and the first page over REST had all that was wanted"
                )
                page = self._shipped(next(first))
                ids = page[ID]
                yield iter(_slices(page))
                del page
                job = self._job(first)
            elif self._begins_here(first):
                self._run.why = by_size(soql, first.reading.n_expected or 0).why
            if job is None:
                yield map(self._shipped, first)
        finally:
            first.close()
        if job is None or ids is None:
            return
        try:
            yield map(partial(_without, ids), map(self._shipped, job))
        finally:
            job.close()

    def _begun(self, soql: str) -> Pull:
        ask = self._run.ask
        try:
            return self._opened(soql)
        except ApiError as error:
            # Encrypted fields, say, can't be filtered by, and describe doesn't tell.
            if error.status != 400 or ask.unfiltered is None or self._run.rows_shipped:
                raise
            self._run.refused = str(error)
            _log.info("%s: the org refused the filters, so all rows are read: %s", self._source.sobject, error)
        return self._opened(ask.unfiltered)

    def _opened(self, soql: str) -> Pull:
        """A statement with its first page: over REST where that comes before a query job, if REST has the time."""
        if not self._run.ask.begins_over_rest:
            return self._pull(soql)
        try:
            return self._pull(soql, "rest")
        except ApiError as error:
            if not took_too_long(error):
                raise
            code = error.error_code
        job = self._pull(soql, "bulk")
        self._run.why = f"REST hadn't the time to answer ({code}), and a query job has"
        return job

    def _begins_here(self, first: Pull) -> bool:
        return self._run.ask.begins_over_rest and first.reading.transport == "rest"

    def _is_more(self, first: Pull) -> bool:
        n_total = first.reading.n_expected
        return self._begins_here(first) and n_total is not None and n_total > SMALL_ROWS

    def _job(self, first: Pull) -> Pull | None:
        """What the first page is a part of, by a query job; `None` if the org takes no such job."""
        n_total = first.reading.n_expected
        job = self._made(first.soql, "bulk")
        try:
            self._begin(job)
        except ApiError as error:
            if not job.reading.is_not_for_bulk(error):
                raise
            self._run.transport, self._run.why = "rest", f"the org refused a query job: {error}"
            return None
        self._run.why = f"{n_total:,} rows: the first page over REST, then a query job"
        return job

    def _pull(self, soql: str, api: Api | None = None) -> Pull:
        pull = self._made(soql, api)
        self._begin(pull)
        return pull

    def _made(self, soql: str, api: Api | None) -> Pull:
        return Pull(self._source.org, self._source.request(soql, api), self._tell)

    def _begin(self, pull: Pull) -> None:
        try:
            pull.begin()
        except BaseException:
            pull.close()
            raise
        self._run.transport, self._run.why = pull.reading.transport, pull.reading.why

    def _shipped(self, frame: pl.DataFrame) -> pl.DataFrame:
        self._run.rows_shipped += frame.height
        return frame


def _slices(page: pl.DataFrame) -> list[pl.DataFrame]:
    size = -(-page.height // _SLICES) or 1
    return [page.slice(start, size) for start in range(0, page.height, size)]


def _without(ids: pl.Series, frame: pl.DataFrame) -> pl.DataFrame:
    """The rows that weren't there before."""
    return frame.filter(~pl.col(ID).is_in(ids.implode()))
