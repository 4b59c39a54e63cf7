"""Changes: what happened to an object's records since the last look, for copies of it that are kept up to date."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypedDict, TypeVar, Unpack, overload

import polars as pl

from sfframe.bridge import blocking, in_thread
from sfframe.front import BackendName, DtypeBackend, backend_of
from sfframe.org.org import Org, current_org
from sfframe.progress.events import QueryFinished, QueryStarted
from sfframe.progress.listeners import ReadProgress, telling
from sfframe.query.changes.window import ChangesRequest, changes
from sfframe.query.frames import ctrl_c
from sfframe.query.options import Multiselect, ReadOptions, with_defaults
from sfframe.query.pages.trouble import timed_out
from sfframe.query.read import Api
from sfframe.query.schema.types import TypeOptions

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

FrameT = TypeVar("FrameT")
T = TypeVar("T")

_LAG: Final = timedelta(seconds=10)
_OVERLAP: Final = timedelta(minutes=15)


@dataclass(frozen=True, kw_only=True, eq=False)
class Changes(Generic[FrameT]):
    """What happened to an object's records.

        changes = sfframe.read_changes("Contact", ["Id", "LastName"])
        later = sfframe.read_changes("Contact", ["Id", "LastName"], since=changes.cursor)
        print(later.upserted.height, later.deleted.height)
        # 0 0

    Attributes:
        upserted: The asked columns of each record that is new, changed or undeleted, as it is now. In no order.
        deleted: `Id` (string) and `DeletedDate` (datetime in UTC, microseconds) of each record that was deleted, by
            date. No record is in both frames.
        cursor: For the next call's `since`: a text of ASCII without Ids or values. It is the longer the more records
            changed within the last `overlap`: some 12 bytes for each.
        until: No change is given that the org stamped at this moment or later.
        stamp: The field that tells when a record changed: `SystemModstamp`; `LastModifiedDate` or `CreatedDate` where
            the object has no other.
    """

    upserted: FrameT = field(repr=False)
    deleted: FrameT = field(repr=False)
    cursor: str = field(repr=False)
    until: datetime
    stamp: str


class ChangesOptions(TypedDict, total=False):
    """The keyword options of `read_changes`, as a type for `**options`; see there."""

    lag: timedelta
    overlap: timedelta
    org: Org | None
    api: Api | None
    decimals: bool | None
    multiselect: Multiselect | None
    timeout: float | None
    progress: ReadProgress


Since = str | datetime | None


@overload
async def read_changes_async(
    sobject: str,
    fields: Sequence[str],
    since: Since = None,
    *,
    backend: Literal["polars"] = "polars",
    **options: Unpack[ChangesOptions],
) -> Changes[pl.DataFrame]: ...
@overload
async def read_changes_async(
    sobject: str,
    fields: Sequence[str],
    since: Since = None,
    *,
    backend: Literal["pandas"],
    dtype_backend: DtypeBackend | None = None,
    **options: Unpack[ChangesOptions],
) -> Changes[pd.DataFrame]: ...
@overload
async def read_changes_async(
    sobject: str,
    fields: Sequence[str],
    since: Since = None,
    *,
    backend: Literal["pyarrow"],
    **options: Unpack[ChangesOptions],
) -> Changes[pa.Table]: ...
@overload
async def read_changes_async(
    sobject: str,
    fields: Sequence[str],
    since: Since = None,
    *,
    backend: BackendName,
    dtype_backend: DtypeBackend | None = None,
    **options: Unpack[ChangesOptions],
) -> Changes[Any]: ...
async def read_changes_async(
    sobject: str,
    fields: Sequence[str],
    since: Since = None,
    *,
    lag: timedelta = _LAG,
    overlap: timedelta = _OVERLAP,
    backend: BackendName = "polars",
    dtype_backend: DtypeBackend | None = None,
    org: Org | None = None,
    api: Api | None = None,
    decimals: bool | None = None,
    multiselect: Multiselect | None = None,
    timeout: float | None = None,  # noqa: ASYNC109  # for the whole call, the blocking twin's too
    progress: ReadProgress = None,
) -> Changes[Any]:
    """Read which records of an object changed and which were deleted since the last call, without a gap.

        changes = sfframe.read_changes("Contact", ["Id", "LastName"])                    # everything
        changes = sfframe.read_changes("Contact", ["Id", "LastName"], changes.cursor)    # what is new since

    Put `upserted` into a copy by Id, take `deleted` out of it, then store the cursor together with the copy.

    The org's stamps tell when a record was saved, but it is seen only when its transaction commits. So a window
    ends `lag` behind the org's clock (the `Date` of an answer; this machine's clock is never asked) and begins
    `overlap` before the last one's end; what was given already, by Id and stamp, is taken out again. A transaction that
    takes longer than both together may be missed. Stamps are whole seconds: a record that changed twice in one is
    given again if its own stored fields among `fields` differ.

    Deletes come from the org's log of deletes (the `deleted` resource), which works for objects without `IsDeleted`
    too; where the org keeps no log of the object, from its recycle bin (`queryAll`). Both reach back 15 days, or less
    after a purge; updates have no such limit. A record that was changed and then deleted is in `deleted` alone.

    What can't be seen:
        - Formula fields: their values change without moving `SystemModstamp`, and so do fields of parents.
        - Records that were deleted for good before their deletion was read, and records that the user no longer sees.
        - Where `stamp` is `LastModifiedDate`: changes that were dated back, as some imports do.

    Args:
        sobject: The object's name.
        fields: Names, or paths such as `Account.Name`. Id and stamp are read in any case, and given if they are asked
            for.
        since: `None`: everything that is there now, with no deletes. A datetime with a zone: what changed in its second
            or later. An earlier `cursor`, of the same org and object; `fields` may be others.
        lag: How far behind the org's clock the window ends; a first read ends at the clock.
        overlap: For how long a transaction may be under way. If it is made longer, that counts from the next call on.
        backend: As in `read_soql`: whose frames are given.
        dtype_backend: As in `read_soql`.
        org: The org to use; without it the innermost `with org:`, the default org, or the environment decides.
        api: As in `read_soql`, as the rest: large windows are bulk jobs. `None`, here and below: the org's default.
        decimals: Currency and percent as decimals of describe's scale, in place of floats.
        multiselect: Multi-select picklists as `"text"` (`a;b`), or as a `"list"` of texts.
        timeout: Seconds for the whole call.
        progress: As in `read_soql`.

    Raises:
        ChangesLost: `since` is older than what the org knows of deletes.
        CursorError: `since` can't be used: no cursor, another org's or object's, a datetime without a zone.
        SoqlError: A field isn't there, or the object doesn't tell when its records change or are deleted.
        ApiError: There is no such object, or the org refuses or can't be reached.
        JobTimeout: The time was up; a query job that ran was aborted.
    """
    kind, bound = backend_of(backend, dtype_backend), current_org(org)
    given = {
        "api": api,
        "decimals": decimals,
        "multiselect": multiselect,
        "timeout": timeout,
        "progress": progress,
    }
    own: Any = {name: value for name, value in given.items() if value is not None}
    options: ReadOptions = with_defaults(own, bound)
    request = ChangesRequest(
        sobject=sobject,
        fields=fields,
        since=since,
        lag=lag,
        overlap=overlap,
        api=options["api"],
        types=TypeOptions(decimals=options["decimals"], multiselect=options["multiselect"]),
    )
    tell = telling(options["progress"], "query")
    tell(QueryStarted(host=bound.host, sobject=sobject))
    with ctrl_c():
        try:
            found = await _in_time(options["timeout"], changes(bound, request, tell))
        except BaseException as error:
            tell.stopped(error)
            raise
        tell(QueryFinished(rows=found.upserted.height + found.deleted.height))
        return Changes(
            upserted=await in_thread(kind.of, found.upserted),
            deleted=await in_thread(kind.of, found.deleted),
            cursor=await in_thread(found.cursor.to_text),
            until=found.cursor.until,
            stamp=found.stamp,
        )


read_changes = blocking(read_changes_async)


async def _in_time(seconds: float | None, work: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(seconds) as limit:
            return await work
    except TimeoutError:
        if limit.expired():
            raise timed_out(seconds, None) from None
        raise
