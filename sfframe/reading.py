"""Reading: SOQL in, typed frames of the caller's library or a file out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from sfframe.bridge import blocking, in_thread
from sfframe.front import BackendName, DtypeBackend, backend_of, reader_of
from sfframe.query.form import ARROW, RowsT
from sfframe.query.frames import ctrl_c, in_turn, pulled
from sfframe.query.options import ReadOptions, asked, spelled_out
from sfframe.sink import Format, format_of, replaced, written

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa
    from dask.dataframe import DataFrame as DaskFrame


@overload
async def read_soql_async(
    soql: str | None = None, *, backend: Literal["polars"] = "polars", **options: Unpack[ReadOptions]
) -> pl.DataFrame: ...
@overload
async def read_soql_async(
    soql: str | None = None,
    *,
    backend: Literal["pandas"],
    dtype_backend: DtypeBackend | None = None,
    **options: Unpack[ReadOptions],
) -> pd.DataFrame: ...
@overload
async def read_soql_async(
    soql: str | None = None, *, backend: Literal["pyarrow"], **options: Unpack[ReadOptions]
) -> pa.Table: ...
@overload
async def read_soql_async(
    soql: str | None = None,
    *,
    backend: Literal["dask"],
    dtype_backend: DtypeBackend | None = None,
    **options: Unpack[ReadOptions],
) -> DaskFrame: ...
@overload
async def read_soql_async(
    soql: str | None = None,
    *,
    backend: BackendName,
    dtype_backend: DtypeBackend | None = None,
    **options: Unpack[ReadOptions],
) -> pl.DataFrame | pd.DataFrame | pa.Table: ...
@spelled_out
async def read_soql_async(
    soql: str | None = None,
    *,
    backend: BackendName | Literal["dask"] = "polars",
    dtype_backend: DtypeBackend | None = None,
    **options: Unpack[ReadOptions],
) -> Any:
    """Read records into a typed frame.

        df = sfframe.read_soql("SELECT Id, Account.Name FROM Contact WHERE Name = :name", params={"name": "O'Neil"})

    Args:
        soql: The statement.
        backend: `"polars"`, `"pandas"` or `"pyarrow"`: whose frame is given; or `"dask"`, see below.
        dtype_backend: Of pandas and Dask: `None`, `"numpy_nullable"` or `"pyarrow"`, as in pandas' own readers.
        options: See `sfframe.ReadOptions`.

    Returns:
        A row for each record, in the order in which the org gives them; without `ORDER BY` that is none to rely on.

        A column for each item of the SELECT list, in its order, named as it stands there but in the case of the
        schema (`Account.Name`); `Contact.Id` of a query of Contact is `Id`; an alias as it stands; an aggregate without
        one `expr0`, `expr1`, ... as the org names it. `SELECT COUNT()` gives one row and the column `count`.

        dtypes are those of the fields as the org describes them, never guessed from the data, so the frame of no record
        has them too. In Polars: id, text, picklist and phone `String`; boolean `Boolean`; integer `Int64`; double,
        currency and percent `Float64` (see `decimals`); date `Date`; datetime `Datetime("us", "UTC")`; time `Time`;
        addresses and locations `Struct`; a subquery a `List` of `Struct`. The same in pyarrow: `large_string`,
        `bool`, `int64`, `double`, `date32`, `timestamp[us, tz=UTC]`, `time64[us]`, ... In pandas: its own text dtype,
        `boolean`, `Int64`, `float64`, `datetime64[us, UTC]`, for dates `datetime64[us]` at midnight without a zone (a
        day is never shifted, and `df.sfbulk` sends it as that date into a date field), `object` for times, decimals,
        lists and structs; with `dtype_backend=` `Float64` and `string`, or Arrow's types throughout. pandas frames
        have a `RangeIndex`.

        Only an empty cell is null: `NA`, `null`, `007` and `1E5` in text stay what they are.

        With `backend="dask"`, once `sfframe.frames.dask` is imported, a Dask frame with the dtypes of pandas. The call
        has the org make the answer, and waits for that; the pages are fetched and decoded by the workers when the frame
        is computed, some a partition, each time that it is: within 7 days, which is how long the org keeps them. More
        than the first page over REST (see `api`) is asked for anew then. Divisions aren't known, and each partition
        has a `RangeIndex` of its own from 0: the org doesn't say how many rows are on a page. The last partition is
        given once all are counted, and are as many rows as the org says. The login travels to the workers.

    Raises:
        SoqlError: The statement can't be read, selects what isn't there, or doesn't fit its params; it wasn't sent.
        TypeError, ValueError: An option that doesn't exist, or a value that it doesn't take; nothing was sent.
        NoOrgError: It isn't known which org is meant.
        AuthenticationError: No token could be had.
        ApiError: The org refused the query or can't be reached, or what it gave isn't whole.
        JobTimeout: `timeout` was up; names the query job that is left to the org.
        QuotaReserved: The read would use what the org's `quota_reserve` keeps for others.
    """
    if (reader := reader_of(backend)) is not None:
        return await reader(soql, options, dtype_backend)
    kind = backend_of(backend, dtype_backend)
    pages = [rows async for rows in pulled(asked(soql, options), kind.form, _as_they_are)]
    whole = kind.form.concat(pages)
    del pages
    with ctrl_c():
        return await in_thread(kind.to_frame, whole)


read_soql = blocking(read_soql_async)


@overload
def iter_soql_async(
    soql: str | None = None, *, backend: Literal["polars"] = "polars", **options: Unpack[ReadOptions]
) -> AsyncGenerator[pl.DataFrame, None]: ...
@overload
def iter_soql_async(
    soql: str | None = None,
    *,
    backend: Literal["pandas"],
    dtype_backend: DtypeBackend | None = None,
    **options: Unpack[ReadOptions],
) -> AsyncGenerator[pd.DataFrame, None]: ...
@overload
def iter_soql_async(
    soql: str | None = None, *, backend: Literal["pyarrow"], **options: Unpack[ReadOptions]
) -> AsyncGenerator[pa.Table, None]: ...
@overload
def iter_soql_async(
    soql: str | None = None,
    *,
    backend: BackendName,
    dtype_backend: DtypeBackend | None = None,
    **options: Unpack[ReadOptions],
) -> AsyncGenerator[Any, None]: ...
@spelled_out
def iter_soql_async(
    soql: str | None = None,
    *,
    backend: BackendName = "polars",
    dtype_backend: DtypeBackend | None = None,
    **options: Unpack[ReadOptions],
) -> AsyncGenerator[Any, None]:
    """Read records as frames that come one after the other; see `iter_soql`.

        async for batch in sfframe.iter_soql_async("SELECT Id, Name FROM Contact"):
            ...

    Leave it early by `aclose()`, or in `contextlib.aclosing`.
    """
    kind = backend_of(backend, dtype_backend)
    return pulled(asked(soql, options), kind.form, kind.to_frame)


@overload
def iter_soql(
    soql: str | None = None, *, backend: Literal["polars"] = "polars", **options: Unpack[ReadOptions]
) -> Generator[pl.DataFrame, None, None]: ...
@overload
def iter_soql(
    soql: str | None = None,
    *,
    backend: Literal["pandas"],
    dtype_backend: DtypeBackend | None = None,
    **options: Unpack[ReadOptions],
) -> Generator[pd.DataFrame, None, None]: ...
@overload
def iter_soql(
    soql: str | None = None, *, backend: Literal["pyarrow"], **options: Unpack[ReadOptions]
) -> Generator[pa.Table, None, None]: ...
@overload
def iter_soql(
    soql: str | None = None,
    *,
    backend: BackendName,
    dtype_backend: DtypeBackend | None = None,
    **options: Unpack[ReadOptions],
) -> Generator[Any, None, None]: ...
@spelled_out
def iter_soql(
    soql: str | None = None,
    *,
    backend: BackendName = "polars",
    dtype_backend: DtypeBackend | None = None,
    **options: Unpack[ReadOptions],
) -> Generator[Any, None, None]:
    """Read records as frames that come one after the other, in memory that doesn't grow with their number.

        for batch in sfframe.iter_soql("SELECT Id, Name FROM Contact"):
            ...

    The arguments are checked and the org is bound by this call; requests are made once frames are asked for. To leave
    it early (`break`, `close()`) stops the downloads and aborts a query job that still runs.

    Args:
        soql: The statement.
        backend: As in `read_soql`.
        dtype_backend: As in `read_soql`.
        options: See `sfframe.ReadOptions`.

    Yields:
        Frames as `read_soql` gives one: the same columns and dtypes, rows in the org's order, as many in each as a page
        of the answer has. No frame is empty, except the only one of an answer without records. Each pandas frame has
        an index of its own from 0.

    Raises:
        SoqlError, TypeError, ValueError, NoOrgError: At the call. The rest when frames are asked for, as `read_soql`.
    """
    return in_turn(iter_soql_async(soql, backend=backend, dtype_backend=dtype_backend, **options))


@spelled_out
async def sink_soql_async(
    soql: str | None,
    path: str | PathLike[str],
    *,
    format: Format | None = None,  # noqa: A002  # as pandas, Polars and Arrow name it
    **options: Unpack[ReadOptions],
) -> int:
    """Read records straight into a file, in memory that doesn't grow with their number.

        n_rows = sfframe.sink_soql("SELECT Id, Name FROM Contact", "contacts.parquet")

    The file is written beside its place and renamed at the end: one that is there is replaced by a whole one alone, and
    after an error nothing is left behind.

    Args:
        soql: The statement.
        path: Where the file is to be.
        format: `"parquet"`, `"ipc"` (Arrow) or `"csv"`; `None`: told by the suffix, `.parquet`, `.arrow`, `.feather`
            or `.ipc`, `.csv`.
        options: See `sfframe.ReadOptions`.

    Returns:
        How many rows were written. Without any the file has the schema, or the header, all the same.

        Parquet and Arrow files have the dtypes of `read_soql`. CSV has a header and what `df.sfbulk` would send: nulls
        are empty, datetimes `2024-05-31T12:00:00.000Z`, dates `2024-05-31`, times `12:00:00.000Z`, booleans `true` and
        `false`, numbers digits without an exponent, lists `a;b`; structs are JSON. UTF-8, lines end in LF.

    Raises:
        ValueError: The format isn't known; nothing was sent.
        OSError: The file can't be made or written.

    The rest as `read_soql`.
    """
    place = Path(path)
    call, kind = asked(soql, options), format_of(place, format)
    with replaced(place) as file:
        return await written(pulled(call, ARROW, _as_they_are), kind, file)


sink_soql = blocking(sink_soql_async)


def _as_they_are(rows: RowsT) -> RowsT:
    return rows
