"""Reading: SOQL in, typed frames of the caller's library out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack

import polars as pl

from sfframe.bridge import run
from sfframe.front import BackendName, backend_of
from sfframe.org.org import Org, current_org
from sfframe.query.decode import empty_frame
from sfframe.query.params import bind
from sfframe.query.read import Api, Reading, ReadRequest
from sfframe.query.types import TypeOptions

if TYPE_CHECKING:
    pass


class ReadOptions(TypedDict, total=False):
    """The keyword options of every read, as a type for `**options`.

    Attributes:
        all_rows: Deleted and archived records too.
        params: Values for the `:names` of the statement: text, numbers, booleans, dates, datetimes with a zone, `None`,
            and lists for `IN`.
        api: `"auto"`, `"bulk"` or `"rest"`.
        decimals: Currency and percent as decimals of describe's scale, in place of floats.
        multiselect: Multi-select picklists as `"text"` (`a;b`), or as a `"list"` of texts.
        timeout: Seconds for the whole call.
    """

    all_rows: bool
    params: Mapping[str, Any] | None
    api: Api
    decimals: bool
    multiselect: Literal["text", "list"]
    timeout: float | None


def reading_of(soql: str | None, org: Org, options: ReadOptions, *, job_id: str | None = None) -> Reading:
    """A read, not begun.

    Raises:
        SoqlError: The statement or its params make no sense.
    """
    types = TypeOptions(decimals=options.get("decimals", False), multiselect=options.get("multiselect", "text"))
    text = bind(soql or "", options.get("params"))
    request = ReadRequest(
        soql=text, all_rows=options.get("all_rows", False), api=options.get("api", "auto"), types=types
    )
    return Reading(org, request)


async def read_soql_async(
    soql: str,
    *,
    backend: BackendName = "polars",
    dtype_backend: str | None = None,
    org: Org | None = None,
    **options: Unpack[ReadOptions],
) -> Any:
    """The twin."""
    to_frame = backend_of(backend, dtype_backend)
    reading = reading_of(soql, current_org(org), options)
    async with asyncio.timeout(options.get("timeout")):
        await reading.open()
        frames = [frame async for frame in reading.frames()]
    return to_frame(pl.concat(frames) if frames else empty_frame(reading.columns))


def read_soql(
    soql: str,
    *,
    backend: BackendName = "polars",
    dtype_backend: str | None = None,
    org: Org | None = None,
    **options: Unpack[ReadOptions],
) -> Any:
    """Read."""
    return run(read_soql_async(soql, backend=backend, dtype_backend=dtype_backend, org=org, **options))
