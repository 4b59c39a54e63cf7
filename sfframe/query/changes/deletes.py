"""Deletes: what was deleted in a window of time, from the org's log of deletes or its recycle bin (SOQL notes, 10)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import polars as pl

from sfframe.errors import ApiError, ChangesLost, SoqlError
from sfframe.org.describe import SObject
from sfframe.org.rest import Rest
from sfframe.query.schema.types import DATETIME

DELETED: Final[dict[str, pl.DataType]] = {"Id": pl.String(), "DeletedDate": DATETIME}
REACH: Final = timedelta(days=15)
_MINUTE: Final = timedelta(minutes=1)
_SECOND: Final = timedelta(seconds=1)
_TOO_MANY: Final = "EXCEEDED_ID_LIMIT"
_TOO_OLD: Final = "INVALID_REPLICATION_DATE"

# Reads a statement over deleted records too.
ReadAll = Callable[[str], Awaitable[pl.DataFrame]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Deletes:
    """The deletes of a window.

    Attributes:
        frame: `Id` and `DeletedDate`, by date; each Id once, with its last date.
        since: From when on they are all there: the window's begin, or later where the org knows no more.
        until: Before when they are all there: the window's end, or earlier while a transaction is under way.
    """

    frame: pl.DataFrame
    since: datetime
    until: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """From `begin` on, and before `end`; both whole seconds in UTC."""

    begin: datetime
    end: datetime

    def condition(self, stamp: str) -> str:
        """As SOQL: whole seconds, for the org ignores smaller ones (2.2)."""
        return f"{stamp} >= {soql_moment(self.begin)} AND {stamp} < {soql_moment(self.end)}"


async def deletes_of(
    sobject: SObject, window: Window, *, rest: Rest, read_all: ReadAll, stamp: str, now: datetime
) -> Deletes:
    """What was deleted in the window: from the log where the org keeps one of the object, else from the bin.

    Args:
        sobject: Of which object.
        window: When.
        rest: The org's REST API.
        read_all: Reads the bin.
        stamp: The field that moves when a record is deleted.
        now: The org's time.

    Raises:
        ChangesLost: The org can't tell any more.
        SoqlError: It never can, for this object.
        ApiError: It doesn't.
    """
    has_bin = sobject.field("IsDeleted") is not None and stamp != "CreatedDate"
    refused: ApiError | None = None
    if sobject.replicateable:
        try:
            return await _from_log(sobject.name, window, rest)
        except ApiError as error:
            if error.status not in (400, 403, 404) or error.error_code == _TOO_MANY:
                raise
            refused = error
    if has_bin:
        return await _from_bin(sobject.name, window, read_all, stamp, now)
    if sobject.raw.get("deletable") is False:
        return Deletes(frame=pl.DataFrame(schema=DELETED), since=window.begin, until=window.end)
    if refused is not None:
        raise refused
    raise SoqlError(
        f"the org doesn't tell which records of {sobject.name} were deleted: it isn't replicateable, and it has no "
        "IsDeleted together with SystemModstamp or LastModifiedDate. Read it whole with read_soql each time"
    )


async def _from_log(name: str, window: Window, rest: Rest) -> Deletes:
    # Both minutes count with all their seconds, and they must be more than one apart.
    last = _minute(window.end - _SECOND)
    first = min(_minute(window.begin), last - 2 * _MINUTE)
    try:
        answers = await _answers(name, first, last, rest)
    except ApiError as error:
        if error.error_code == _TOO_OLD:
            raise _lost(name, window.begin, "its log of deletes reaches back 15 days, or to its last purge") from error
        raise
    earliest = max(_moment(answer, "earliestDateAvailable", window.begin) for _, answer in answers)
    records = [one for _, answer in answers for one in _records(answer)]
    frame = pl.DataFrame(
        {"Id": [one["id"] for one in records], "DeletedDate": [_moment(one, "deletedDate") for one in records]},
        schema=DELETED,
    )
    return Deletes(frame=_tidy(frame, window), since=max(window.begin, earliest), until=_covered(answers, window))


async def _answers(name: str, first: datetime, last: datetime, rest: Rest) -> list[tuple[datetime, Mapping[str, Any]]]:
    """The answers of the log in the order of time, each with the last minute that was asked for."""
    try:
        return [(last, await rest.deleted(name, first, last))]
    except ApiError as error:
        half = _minute(first + (last - first) / 2)
        if error.error_code != _TOO_MANY or min(half - first, last - half) < 2 * _MINUTE:
            raise
    return [*await _answers(name, first, half, rest), *await _answers(name, half, last, rest)]


def _records(answer: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    listed = answer.get("deletedRecords")
    is_whole = isinstance(listed, list) and all(
        isinstance(one, dict) and isinstance(one.get("id"), str) for one in listed
    )
    if not isinstance(listed, list) or not is_whole:
        raise ApiError("the org's list of deletes isn't what it should be")
    return listed


def _covered(answers: list[tuple[datetime, Mapping[str, Any]]], window: Window) -> datetime:
    """Up to when the log is complete. A transaction that is under way makes it end where that one began."""
    for last, answer in answers:
        covered = _moment(answer, "latestDateCovered", last)
        if covered < last:
            return covered
    return window.end


async def _from_bin(name: str, window: Window, read_all: ReadAll, stamp: str, now: datetime) -> Deletes:
    if window.begin < now - REACH:
        raise _lost(name, window.begin, "its recycle bin holds records for 15 days")
    soql = f"SELECT Id, {stamp} FROM {name} WHERE IsDeleted = TRUE AND {window.condition(stamp)}"
    found = await read_all(soql)
    frame = found.select("Id", pl.col(stamp).alias("DeletedDate"))
    return Deletes(frame=_tidy(frame, window), since=window.begin, until=window.end)


def _tidy(frame: pl.DataFrame, window: Window) -> pl.DataFrame:
    date = pl.col("DeletedDate")
    inside = frame.filter(date >= pl.lit(window.begin, DATETIME), date < pl.lit(window.end, DATETIME))
    return inside.sort("DeletedDate", "Id").unique("Id", keep="last", maintain_order=True)


def _lost(name: str, begin: datetime, why: str) -> ChangesLost:
    return ChangesLost(
        f"what was deleted of {name} since {begin:%Y-%m-%d %H:%M}Z can't be told any more: {why}. Updates have no such "
        "limit, but deletes would be missing. Read everything again with since=None"
    )


def lost_before(name: str, deletes: Deletes, begin: datetime) -> ChangesLost:
    """What is raised where the org knows deletes only from some moment after the window's begin."""
    return _lost(name, begin, f"its log of deletes begins at {deletes.since:%Y-%m-%d %H:%M}Z")


def soql_moment(moment: datetime) -> str:
    """A moment in UTC as SOQL writes it."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _moment(answer: Mapping[str, Any], name: str, default: datetime | None = None) -> datetime:
    text = answer.get(name)
    if text is None and default is not None:
        return default
    try:
        moment = datetime.fromisoformat(str(text))
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ApiError(f"{name} in the org's list of deletes is no datetime") from None


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
