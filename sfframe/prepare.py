"""Prepare: from the caller's frame to rows with a layout, or to every reason why they can't be sent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl

from sfframe.bridge import in_thread
from sfframe.disk import SpoolFolder
from sfframe.errors import (
    ApiError,
    PayloadError,
)
from sfframe.front import Folder, Source, source_of
from sfframe.ingest.check import Report, check
from sfframe.ingest.choose import chosen
from sfframe.ingest.columns import Given, Layout
from sfframe.ingest.journal import Journal
from sfframe.ingest.layout import lay_out
from sfframe.ingest.lookups import parents_wanted
from sfframe.ingest.payload import Cut, parts
from sfframe.ingest.request import IngestRequest
from sfframe.ingest.spool import Numbers, Rows, SomeRows, grouped
from sfframe.org.describe import SObject
from sfframe.org.org import Org
from sfframe.problems import Problem, error_of
from sfframe.query.objects import describing


@dataclass(eq=False, kw_only=True)
class Prepared:
    """A frame that is ready to be sent, or not: then `problems` says why.

    Attributes:
        source: The frame.
        described: The object that the rows go to, and those that its lookups may point to; without `describe` none.
        rows: The rows in the caller's order; `None` where they weren't read because of problems.
        layout: Where the columns go; `None` where there are problems of columns.
        problems: All that were found.
        report: What was found about rows.
        folder: Where a stream was spooled.
        request: The request, with the object's exact name.
        recorded: The run that is gone on with: which rows are left out, and in what order the others are sent, was
            settled when it began.
    """

    source: Source[Any]
    request: IngestRequest
    described: Sequence[SObject] = ()
    rows: Rows | None = None
    layout: Layout | None = None
    problems: list[Problem] = field(default_factory=list)
    report: Report | None = None
    folder: Folder | None = None
    recorded: Journal | None = None

    @property
    def hopeless(self) -> list[Problem]:
        """Problems that keep the whole frame from being sent, whatever `invalid` says."""
        return [p for p in self.problems if p.rows is None]

    @property
    def refused(self) -> bool:
        """Whether nothing of the frame is sent."""
        of_rows = self.recorded is None and self.request.options.invalid == "raise"
        return bool(self.hopeless or (self.problems and of_rows))

    def error(self) -> PayloadError:
        """All problems as one error."""
        error = error_of(self.problems)
        error.problems = self.source.table(error.problems)
        return error

    def left_out(self) -> Numbers:
        """Rows that aren't sent because they can't be, ascending."""
        if self.recorded is not None:
            return self.reasons()["row"].to_numpy()
        return self.report.bad if self.report is not None else np.empty(0, np.int64)

    def reasons(self) -> pl.DataFrame:
        """`row`, `sf__Error` of these rows."""
        if self.recorded is not None:
            return self.recorded.left_out()
        return self.report.reasons() if self.report is not None else Report([], np.empty(0, np.int64)).reasons()

    def cut(self) -> Cut:
        """How the rows become parts."""
        options = self.request.options
        return Cut(
            max_bytes=options.max_payload_bytes,
            max_records=options.max_records,
            left_out=self.left_out(),
            group_by=options.group_by,
        )

    def in_sending_order(self) -> Rows:
        """The rows, grouped if the call asks for it."""
        assert self.rows is not None
        if not self.request.options.group_by:
            return self.rows
        order = self.recorded.order() if self.recorded is not None else None
        if order is not None:
            return SomeRows(self.rows, order)
        return grouped(self.rows, self.request.options.group_by, self.folder.path if self.folder else None)


async def prepare(
    frame: Any,
    request: IngestRequest,
    org: Callable[[], Org],
    folder: Callable[[], Folder] = SpoolFolder,
    described: Sequence[SObject] = (),
    *,
    keeps_keys: bool = False,
) -> Prepared:
    """Find each column's field and every problem. Asks the org for describes alone, or for nothing.

    Args:
        frame: The caller's frame.
        request: The call.
        org: Gives the org; not asked with `describe=False`.
        folder: Gives the folder where a stream is spooled.
        described: Describes that are known already.
        keeps_keys: Whether the report is to have the rows' keys.
    """
    known = {sobject.name.lower(): sobject for sobject in described}

    async def describe(name: str) -> SObject:
        return known.get(name.lower()) or await describing(org(), request.sobject)(name)

    return await _prepare(source_of(frame), request, describe, folder, keeps_keys=keeps_keys)


async def prepare_again(source: Source[Any], request: IngestRequest, journal: Journal, folder: Folder) -> Prepared:
    """Lay the frame of a recorded run out as it was when the run began, whatever the org says of the object by now.

    Its rows were looked at then. Those that were given to the org have to be collected in any case, and the others
    are the org's to judge.

    Args:
        source: The frame.
        request: The call.
        journal: The run.
        folder: Where a stream was spooled.
    """
    described = {sobject["name"].lower(): SObject.from_json(sobject) for sobject in journal.described}

    async def describe(name: str) -> SObject:
        if name.lower() not in described:
            raise ApiError(f"{name} wasn't there for this user when the run began", status=404)
        return described[name.lower()]

    prepared = await _prepare(source, request, describe, lambda: folder, recorded=journal)
    if source.is_stream:
        prepared.folder = folder
    return prepared


def go_on_with(prepared: Prepared, request: IngestRequest, journal: Journal) -> Prepared:
    """What was prepared when a run began, for this very process to finish it: as `prepare_again` of the rows kept."""
    return replace(prepared, request=replace(request, sobject=prepared.request.sobject), recorded=journal)


_Describe = Callable[[str], Awaitable[SObject]]


async def _prepare(
    source: Source[Any],
    request: IngestRequest,
    describe: _Describe,
    folder: Callable[[], Folder],
    *,
    recorded: Journal | None = None,
    keeps_keys: bool = False,
) -> Prepared:
    sobject = await describe(request.sobject) if request.options.describe else None
    if sobject is not None:
        request = replace(request, sobject=sobject.name)
    wanted, problems = chosen(source.labels, request)
    groups = [name for name in request.options.group_by if name in source.labels]
    names = list(dict.fromkeys([*wanted, *groups]))
    types = await in_thread(source.types, names)
    given = Given(labels=source.labels, dtypes=types.dtypes, marks=types.marks, index_names=source.index_names)
    parents = await _parents(describe, parents_wanted(given, wanted, sobject)) if sobject is not None else {}
    layout, column_problems = lay_out(given, wanted, request, sobject, parents)
    prepared = Prepared(
        source=source,
        request=request,
        described=[sobject, *(parents.values())] if sobject is not None else [],
        layout=layout,
        problems=[*problems, *types.problems, *column_problems],
        recorded=recorded,
    )
    readable = [name for name in names if name in types.dtypes]
    if layout.columns and not (source.is_once and prepared.hopeless):
        # A reader that can be read once isn't read for a call that won't be made.
        await in_thread(_look_at_rows, prepared, layout, readable, types.problems, folder, keeps_keys=keeps_keys)
    return prepared


async def _parents(describe: _Describe, names: set[str]) -> dict[str, SObject]:
    async def one(name: str) -> SObject | None:
        try:
            return await describe(name)
        except ApiError as error:
            if error.status in (403, 404):  # not for this user: the org will have to judge
                return None
            raise

    found = await asyncio.gather(*(one(name) for name in sorted(names)))
    return {sobject.name: sobject for sobject in found if sobject is not None}


def _look_at_rows(
    prepared: Prepared,
    layout: Layout,
    names: list[str],
    known: Any,
    folder: Callable[[], Folder],
    *,
    keeps_keys: bool,
) -> None:
    def spool() -> Folder:
        prepared.folder = folder()
        return prepared.folder

    prepared.rows = prepared.source.rows(names, spool)
    if prepared.recorded is not None:
        return  # they were looked at when the run began
    report = check(prepared.rows, layout, prepared.request, keeps_keys=keeps_keys)
    cells = [p for p in known if p.rows is not None]
    prepared.problems = [*prepared.problems, *report.problems]
    bad = np.unique(np.concatenate([report.bad, *(p.rows for p in cells)])) if cells else report.bad
    prepared.report = Report([*cells, *report.problems], bad, report.keys)


def payloads_of(prepared: Prepared) -> Iterator[bytes]:
    """The CSV of each part."""
    if prepared.layout is None or prepared.rows is None:
        return
    for part in parts(prepared.in_sending_order(), prepared.layout, prepared.cut()):
        yield bytes(part.data)
