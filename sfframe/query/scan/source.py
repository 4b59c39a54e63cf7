"""Scan: an object of the org as a source of Polars' own, read when and as far as Polars wants it."""

from __future__ import annotations

import logging
import threading
import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any, Final
from weakref import WeakValueDictionary

import polars as pl

from sfframe.errors import SoqlError
from sfframe.org.describe import Field
from sfframe.org.org import Org
from sfframe.progress.listeners import ReadProgress
from sfframe.query.objects import object_named
from sfframe.query.pages.decode import empty_frame
from sfframe.query.pages.route import Api, ReadRequest
from sfframe.query.scan.ask import Ask, ask_for, chosen
from sfframe.query.scan.pull import blocking
from sfframe.query.scan.run import Frames, Run
from sfframe.query.schema.columns import Column, Finder
from sfframe.query.schema.types import TypeOptions

_log = logging.getLogger("sfframe.query")

_NOT_GIVEN: Final = frozenset({"base64", "complexvalue", "junctionidlist"})
_KEPT_RUNS: Final = 16


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
        progress: ReadProgress = None,
    ) -> None:
        self.org: Final = org
        self.sobject: Final = sobject
        self.parents: Final = parents
        self.all_rows: Final = all_rows
        self.api: Final = api
        self.types: Final = types or TypeOptions()
        self.uid: Final = uid or uuid.uuid4().hex
        self.progress: Final = progress  # stays behind when the source is pickled for another process
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
        sobject = await object_named(self.org, self.sobject)
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
