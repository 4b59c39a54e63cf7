"""Scan: an object of the org as a source of Polars' own, read when and as far as Polars wants it."""

from __future__ import annotations

import logging
import threading
import uuid
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, Final
from weakref import WeakValueDictionary

import polars as pl

from sfframe.errors import ApiError, SoqlError
from sfframe.org.describe import Field
from sfframe.org.org import Org
from sfframe.query.pages.decode import empty_frame
from sfframe.query.pages.route import SMALL_ROWS, Api, ReadRequest, Transport, by_size
from sfframe.query.pages.trouble import took_too_long
from sfframe.query.scan.ask import ID, Ask, ask_for, chosen
from sfframe.query.scan.pull import Pull, blocking
from sfframe.query.schema.columns import Column, Finder
from sfframe.query.schema.types import TypeOptions

# Iterators of frames one after the other; ended, it closes what they read from.
Parts = Generator[Iterator[pl.DataFrame], None, None]

_log = logging.getLogger("sfframe.query")

_NOT_GIVEN: Final = frozenset({"base64", "complexvalue", "junctionidlist"})
_KEPT_RUNS: Final = 16
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


class Source:
    """An object of an org, as `polars.io.plugins.register_io_source` wants a source. Pickles, login included."""

    def __init__(
        self,
        org: Org,
        sobject: str,
        *,
        parents: tuple[str, ...] = (),
        all_rows: bool = False,
        api: Api = "auto",
        types: TypeOptions | None = None,
        uid: str | None = None,
    ) -> None:
        self.org: Final = org
        self.sobject: Final = sobject
        self.parents: Final = parents
        self.all_rows: Final = all_rows
        self.api: Final = api
        self.types: Final = types or TypeOptions()
        self.uid: Final = uid or uuid.uuid4().hex
        self._runs: Final[deque[Run]] = deque(maxlen=_KEPT_RUNS)
        _sources[self.uid] = self

    def schema(self) -> pl.Schema:
        """The columns and their dtypes, by describe.

        Raises:
            SoqlError: A parent isn't there.
            ApiError: The object isn't, or the org can't be asked.
        """
        return pl.Schema({column.name: column.dtype for column in self.columns().values()})

    def columns(self) -> dict[str, Column]:
        """The columns by name, in order. The org keeps its describes, so this rarely asks it."""
        return blocking(self._columns())

    def ask(self, with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None) -> Ask:
        """What a call of Polars' wants of the org."""
        columns = self.columns()
        # A reserve is kept by knowing at once what the whole read takes.
        may_begin_over_rest = self.api == "auto" and self.org.quota_reserve is None
        return ask_for(
            self.sobject,
            columns,
            with_columns=with_columns,
            predicate=predicate,
            n_rows=n_rows,
            may_begin_over_rest=may_begin_over_rest,
        )

    def request(self, soql: str, api: Api | None = None) -> ReadRequest:
        """One of its statements as a read."""
        return ReadRequest(soql=soql, all_rows=self.all_rows, api=api or self.api, types=self.types)

    def last_run(self, ask: Ask) -> Run | None:
        """The last run that wanted the same."""
        return next((one for one in reversed(list(self._runs)) if one.ask.is_like(ask)), None)

    def __call__(
        self, with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        del batch_size
        ask = self.ask(with_columns, predicate, n_rows)
        self._runs.append(run := Run(ask=ask))
        frames = Frames(self, run)
        # In old Polars an error keeps its class if the call itself raises it: so the first requests are made here.
        return chain(iter([frames.first()]), frames)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, self.state

    @property
    def state(self) -> tuple[Any, ...]:
        """What it is made of."""
        return self.uid, self.org, self.sobject, self.parents, self.all_rows, self.api, self.types

    async def _columns(self) -> dict[str, Column]:
        sobject = await self.org.describe(self.sobject)
        finder = Finder(sobject, self.org.describe, self.types)
        found = [await finder.field((field.name,)) for field in sobject.fields if _is_given(field)]
        for parent in self.parents:
            column = await finder.field(parent.split("."))
            if column.field is not None and not _is_given(column.field):
                raise SoqlError(f"{column.name} is of type {column.field.type}, which a query can't give as a column")
            found.append(column)
        columns = {column.name: column for column in found}
        if len(columns) < len(found):
            raise SoqlError("parents= names a column twice, or a field of the object itself")
        return columns


_sources: WeakValueDictionary[str, Source] = WeakValueDictionary()
_probing = threading.local()


def _same(
    uid: str, org: Org, sobject: str, parents: tuple[str, ...], all_rows: bool, api: Api, types: TypeOptions
) -> Source:
    # Polars pickles the schema's callable and the source one by one: they become one source again, with one Org.
    source = _sources.get(uid)
    return source or Source(org, sobject, parents=parents, all_rows=all_rows, api=api, types=types, uid=uid)


def _restored(*state: Any) -> Source | Probe:
    source = _same(*state)
    probes: list[Probe] | None = getattr(_probing, "probes", None)
    if probes is None:
        return source
    probes.append(probe := Probe(source, probes))
    return probe


class SchemaOf:
    """The schema of a source, asked for when it is called."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def __call__(self) -> pl.Schema:
        return self._source.schema()

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored_schema, self._source.state


def _restored_schema(*state: Any) -> SchemaOf:
    return SchemaOf(_same(*state))


class _AllAskedError(Exception):
    """Ends the run of a plan's copy."""


class Probe:
    """Stands for a source in the copy of a plan: learns what the source would be asked for, and gives no rows.

    When all probes of the copy were called it ends the run.

    Attributes:
        source: The one that it stands for.
        asks: What it was asked for.
    """

    def __init__(self, source: Source, siblings: Sequence[Probe]) -> None:
        self.source: Final = source
        self.asks: Final[list[Ask]] = []
        self._siblings = siblings

    def __call__(
        self, with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        del batch_size
        self.asks.append(ask := self.source.ask(with_columns, predicate, n_rows))
        if all(one.asks for one in self._siblings):
            raise _AllAskedError
        return iter([chosen(empty_frame(list(self.source.columns().values())), ask.names)])


@contextmanager
def probing() -> Iterator[list[Probe]]:
    """Sources that are unpickled in the block, by this thread, are probes, which are listed in order."""
    before = getattr(_probing, "probes", None)
    probes: list[Probe] = []
    _probing.probes = probes
    try:
        yield probes
    finally:
        _probing.probes = before


def _is_given(field: Field) -> bool:
    """Whether queries of both kinds give it as a column (wire notes, 7.1)."""
    return not field.is_compound and field.type.lower() not in _NOT_GIVEN


class Frames(Iterator[pl.DataFrame]):
    """The frames of one run; between two of them none is held."""

    def __init__(self, source: Source, run: Run) -> None:
        self._source = source
        self._run = run
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
        except BaseException:  # the end, too
            self._parts.close()
            raise

    def _given(self, frame: pl.DataFrame) -> pl.DataFrame:
        ask = self._run.ask
        if ask.predicate is not None:
            frame = frame.filter(ask.predicate)
        self._run.rows_given += frame.height
        return chosen(frame, ask.names)

    def _statements(self) -> Parts:
        for soql in self._run.ask.statements:
            yield from self._statement(soql)
            if self._run.refused is not None:
                return  # that one brought all rows

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
        return Pull(self._source.org, self._source.request(soql, api))

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
