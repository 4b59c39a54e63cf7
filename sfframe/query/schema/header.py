"""Header: the columns of a result whose statement isn't known, by the names in its first line."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from sfframe.errors import ApiError, SoqlError
from sfframe.org.job import JobInfo
from sfframe.org.names import is_name
from sfframe.query.schema.columns import Column, Describe, Finder
from sfframe.query.schema.types import TypeOptions


async def columns_of_header(
    names: Sequence[str], job: JobInfo, describe: Describe, types: TypeOptions
) -> tuple[Column, ...]:
    """The columns in the header's order, typed by describe; what it doesn't know (a function's column) is text.

    Args:
        names: The header: fields, and paths such as `Account.Name`.
        job: The job whose result it is.
        describe: Gives objects.
        types: The choice of dtypes.

    Raises:
        ApiError: A name is there twice, the result isn't separated by commas, or its object can't be described.
    """
    folded = [name.lower() for name in names]
    if twice := next((name for name in names if folded.count(name.lower()) > 1), None):
        raise ApiError(f"the header of the result names {twice[:80]!r} twice", job_id=job.id)
    if job.column_delimiter not in (None, "COMMA"):
        raise ApiError(
            f"the job's values are separated by {job.column_delimiter}, and sfframe reads COMMA: "
            "`org.query.results` has the text",
            job_id=job.id,
        )
    if not job.object:
        raise ApiError("the org doesn't say which object the job is about: no column has a type", job_id=job.id)
    if not is_name(job.object):  # it will stand in a path
        raise ApiError(f"the org says that the job is about {job.object[:80]!r}, which is no object", job_id=job.id)
    finder = Finder(await describe(job.object), describe, types)
    return tuple([await _column(finder, name) for name in names])


async def _column(finder: Finder, name: str) -> Column:
    try:
        return await finder.field(name.split("."))
    except SoqlError:
        return Column(name=name, dtype=pl.String(), way=tuple(name.split(".")))
