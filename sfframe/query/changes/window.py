"""Changes: windows of time over an object's stamps, without a gap and with nothing twice (SOQL notes, 10).

Stamps are given when a record is saved, and seen when its transaction commits. So a window begins some time before the
end of the last one, and what was given already is taken out again.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import polars as pl

from sfframe.bridge import in_thread
from sfframe.errors import ChangesLost, CursorError, SoqlError
from sfframe.org.describe import SObject
from sfframe.org.org import Org
from sfframe.progress.events import ReadEvent
from sfframe.progress.listeners import Listener, nobody
from sfframe.query.changes.cursor import Cursor, Mark, whole_second
from sfframe.query.changes.deletes import DELETED, Deletes, Window, deletes_of, lost_before, soql_moment
from sfframe.query.changes.given import Given, digest_of, fingerprints, since
from sfframe.query.objects import object_named
from sfframe.query.pages.decode import empty_frame
from sfframe.query.read import Api, Reading, ReadRequest
from sfframe.query.schema.columns import Column
from sfframe.query.schema.types import DATETIME, TypeOptions

_log = logging.getLogger("sfframe.query")

_STAMPS: Final = ("SystemModstamp", "LastModifiedDate", "CreatedDate")
_PATH: Final = re.compile(r"[A-Za-z]\w*(\.[A-Za-z]\w*)*")
# They move when a user looks at a record: no change of it, and no stamp tells it.
_VIEWS: Final = frozenset({"LastViewedDate", "LastReferencedDate"})
_SECOND: Final = timedelta(seconds=1)
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
_END: Final = 4000  # the first year that SOQL doesn't know whole (SOQL notes, 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangesRequest:
    """What one look at an object's changes asks for.

    Attributes:
        sobject: The object's name.
        fields: Fields and paths to parents' fields.
        since: A cursor's text, a moment, or `None` for everything.
        lag: How far behind the org's clock the window ends.
        overlap: How long before the last window's end it begins.
        api: Over which transport.
        types: The choice of dtypes.
    """

    sobject: str
    fields: Sequence[str]
    since: str | datetime | None
    lag: timedelta
    overlap: timedelta
    api: Api
    types: TypeOptions


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What one look found.

    Attributes:
        upserted: The asked columns of records that are new or changed.
        deleted: `Id` and `DeletedDate`.
        cursor: Where to go on.
        stamp: The field that tells when a record changed.
    """

    upserted: pl.DataFrame
    deleted: pl.DataFrame
    cursor: Cursor
    stamp: str


async def changes(org: Org, request: ChangesRequest, tell: Listener[ReadEvent] = nobody) -> Found:
    """What changed since, up to `lag` before the org's time.

    Args:
        org: The org.
        request: What is asked for.
        tell: Gets the events of each statement.

    Raises:
        SoqlError: The request makes no sense, or the object's changes can't be told.
        CursorError: `since` isn't of this org and object, or no cursor at all.
        ChangesLost: The org no longer knows all deletes since then.
    """
    _check(request)
    sobject = await object_named(org, request.sobject)
    look = _Look(org, request, sobject, stamp_of(sobject), tell)
    return await look.run(await org.rest.now())


def stamp_of(sobject: SObject) -> str:
    """The field that tells when a record changed.

    Raises:
        SoqlError: None does.
    """
    found = {name: sobject.field(name) for name in _STAMPS}
    names = [name for name, one in found.items() if one is not None and one.filterable and one.type == "datetime"]
    if not names or (names[0] == "CreatedDate" and sobject.updateable):
        raise SoqlError(
            f"{sobject.name} doesn't tell when a record changed: it has none of {', '.join(_STAMPS[:2])} to filter by. "
            "Read it whole with read_soql each time"
        )
    return names[0]


class _Look:
    """One look: deletes first, then records. So a record that is there was not deleted, or it was undeleted."""

    def __init__(
        self, org: Org, request: ChangesRequest, sobject: SObject, stamp: str, tell: Listener[ReadEvent]
    ) -> None:
        self._org, self._request, self._sobject, self._stamp, self._tell = org, request, sobject, stamp, tell
        self._columns: tuple[Column, ...] = ()

    async def run(self, now: datetime) -> Found:
        request = self._request
        before = self._before()
        asked, soql = await self._statement()
        settled, until = _end(now, request.lag, before)
        begin = before.changed.begin(request.overlap) if before else None
        begin_of_deletes = before.deleted.begin(request.overlap) if before else settled - request.overlap
        deletes = await self._deletes(before, Window(begin=begin_of_deletes, end=until), now)
        rows = await self._rows(soql, Window(begin=begin or _BEGINNING, end=until), bounded=begin is not None)
        kept = settled - request.overlap
        cursor = Cursor(
            org_id=self._org.org_id,
            host=self._org.host,
            sobject=self._sobject.name,
            changed=Mark(settled=settled, kept=max(kept, begin) if begin else kept),
            deleted=_deletes_mark(min(settled, deletes.until), deletes, request.overlap),
            until=until,
            looks=self._looks,
        )
        return await in_thread(self._conclude, asked, rows, deletes, before, cursor)

    def _before(self) -> Cursor | None:
        given = self._request.since
        if given is None:
            return None
        org_id, host, name = self._org.org_id, self._org.host, self._sobject.name
        if isinstance(given, datetime):
            mark = Mark(settled=whole_second(given), kept=whole_second(given))
            return Cursor(
                org_id=org_id, host=host, sobject=name, changed=mark, deleted=mark, until=mark.settled, looks=""
            )
        cursor = Cursor.from_text(given)
        cursor.check(org_id=org_id, host=host, sobject=name)
        return cursor

    async def _statement(self) -> tuple[list[str], str]:
        """The names of the asked columns, and a statement that has Id and stamp besides."""
        reading = self._reading(f"SELECT {', '.join(self._request.fields)} FROM {self._sobject.name}")
        await reading.open()
        asked = [column.name for column in reading.columns]
        besides = [name for name in ("Id", self._stamp) if name not in asked]
        self._columns = reading.columns
        return asked, f"SELECT {', '.join([*self._request.fields, *besides])} FROM {self._sobject.name}"

    async def _rows(self, soql: str, window: Window, *, bounded: bool) -> pl.DataFrame:
        upper = f"{self._stamp} < {soql_moment(window.end)}"
        frame = await self._read(f"{soql} WHERE {window.condition(self._stamp) if bounded else upper}")
        stamp = pl.col(self._stamp)
        return frame.filter(stamp >= pl.lit(window.begin, DATETIME), stamp < pl.lit(window.end, DATETIME))

    async def _deletes(self, before: Cursor | None, window: Window, now: datetime) -> Deletes:
        name = self._sobject.name
        try:
            found = await deletes_of(
                self._sobject, window, rest=self._org.rest, read_all=self._read_all, stamp=self._stamp, now=now
            )
        except ChangesLost:
            if before is not None:
                raise
            # Who reads everything misses no delete; what the org tells from now on is all that is needed.
            return Deletes(frame=pl.DataFrame(schema=DELETED), since=now, until=window.end)
        if before is not None and found.since > window.begin:
            raise lost_before(name, found, window.begin)
        return found

    def _conclude(
        self, asked: list[str], rows: pl.DataFrame, deletes: Deletes, before: Cursor | None, cursor: Cursor
    ) -> Found:
        """Take out what was given, and note what is given now as far as the next window may see it again."""
        contents = self._contents
        deleted = deletes.frame.join(rows.select("Id"), on="Id", how="anti", maintain_order="left")
        if before is None:
            upserted, deleted = rows, deleted.clear()
        else:
            by_looks = before.looks == cursor.looks
            upserted = _not_given(rows, self._stamp, contents, before, by_looks=by_looks)
            deleted = _not_given(deleted, "DeletedDate", (), before, by_looks=True)
        late = fingerprints(since(rows, self._stamp, cursor.changed.kept), self._stamp, contents)
        gone = fingerprints(since(deletes.frame, "DeletedDate", cursor.deleted.kept), "DeletedDate", ())
        noted = replace(cursor, given=Given.of([*late, *gone]))
        _log.debug("%s: %d changed, %d deleted, up to %s", cursor.sobject, upserted.height, deleted.height, noted.until)
        return Found(upserted=upserted.select(asked), deleted=deleted, cursor=noted, stamp=self._stamp)

    @property
    def _contents(self) -> list[str]:
        """Columns that can't differ without the record having changed."""
        without = {*_VIEWS, "Id", self._stamp}
        return [
            column.name
            for column in self._columns
            if column.field is not None
            and not (column.through or column.field.calculated or column.field.is_compound)
            and column.name not in without
        ]

    @property
    def _looks(self) -> str:
        dtypes = {column.name: str(column.dtype) for column in self._columns}
        return digest_of(repr([(name, dtypes[name]) for name in sorted(self._contents)]))

    def _reading(self, soql: str, *, all_rows: bool = False) -> Reading:
        request = ReadRequest(soql=soql, all_rows=all_rows, api=self._request.api, types=self._request.types)
        return Reading(self._org, request, tell=self._tell)

    async def _read(self, soql: str, *, all_rows: bool = False) -> pl.DataFrame:
        reading = self._reading(soql, all_rows=all_rows)
        await reading.open()
        try:
            found = [frame async for frame in reading.frames()]
        finally:
            await reading.close()
        return pl.concat(found) if found else empty_frame(reading.columns)

    async def _read_all(self, soql: str) -> pl.DataFrame:
        return await self._read(soql, all_rows=True)


def _check(request: ChangesRequest) -> None:
    given = request.since
    if not (given is None or isinstance(given, str | datetime)):
        raise CursorError(f"since is None, a datetime with a zone, or an earlier cursor, not {type(given).__name__}")
    if isinstance(given, datetime):
        _check_moment(given)
    if request.lag < timedelta(0) or request.overlap < timedelta(0):
        raise ValueError("lag and overlap are times of zero or more")
    if isinstance(request.fields, str) or not request.fields:
        raise SoqlError("fields is a list of names, such as ['Id', 'LastName']")
    if wrong := [name for name in request.fields if not _PATH.fullmatch(str(name))]:
        raise SoqlError(f"fields are names or paths like Account.Name, and {wrong[0]!r} is neither")


def _check_moment(since: datetime) -> None:
    if since != since:  # pandas' NaT, which is a datetime and has no parts
        raise CursorError("since is NaT, which is no moment: give a datetime with a zone, or None for everything")
    if since.utcoffset() is None:
        raise CursorError("since is a datetime without a zone: give it one, such as tzinfo=datetime.UTC")
    if not _BEGINNING.year <= since.year < _END:
        raise CursorError(
            f"since is a moment outside of the years {_BEGINNING.year} to {_END - 1}, and records change within them"
        )


def _end(now: datetime, lag: timedelta, before: Cursor | None) -> tuple[datetime, datetime]:
    """Before when all is settled, and before when what is there is given.

    The second of `now - lag` itself is given, and looked at once more next time, for it may not be over.
    """
    settled = whole_second(now - lag)
    if before is None:
        # Everything is wanted, the newest too.
        return settled, now + _SECOND
    # Clocks of an org's servers differ: a window never ends before the last one.
    settled = max(settled, before.changed.settled)
    return settled, max(settled + _SECOND, before.until)


def _deletes_mark(settled: datetime, deletes: Deletes, overlap: timedelta) -> Mark:
    return Mark(settled=settled, kept=max(settled - overlap, deletes.since))


def _not_given(
    frame: pl.DataFrame, stamp: str, contents: Sequence[str], before: Cursor, *, by_looks: bool
) -> pl.DataFrame:
    is_new = pl.col(stamp) >= pl.lit(before.until, DATETIME)
    seen_part = frame.filter(~is_new)
    known = [before.given.has(one, by_content=by_looks) for one in fingerprints(seen_part, stamp, contents)]
    return pl.concat([seen_part.filter(~pl.Series(known, dtype=pl.Boolean)), frame.filter(is_new)])
