"""Lookup: a caller's rows with fields of the org beside them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, TypeVar

from sfframe.bridge import in_thread
from sfframe.disk import SpoolFolder
from sfframe.errors import DuplicateKeys, JobTimeout, PayloadError, SoqlError
from sfframe.front import Source, source_of
from sfframe.ingest.choose import hint, schema_problem
from sfframe.org.org import Org
from sfframe.problems import Problem, error_of
from sfframe.progress.listeners import Telling, telling
from sfframe.query.frames import ctrl_c
from sfframe.query.lookup.keys import NotKeysError
from sfframe.query.lookup.rows import Lookup, LookupRequest
from sfframe.query.options import with_defaults
from sfframe.query.schema.types import TypeOptions

T = TypeVar("T")


async def look_up(
    frame: Any,
    sobject: str,
    key_field: str,
    fields: Sequence[str],
    *,
    on: str | None,
    suffix: str | None,
    org: Org,
    given: Mapping[str, Any],
) -> Any:
    """A frame's rows with the org's fields beside them; see `sfframe.verbs` for what is promised.

    Args:
        frame: The frame.
        sobject: The object.
        key_field: The field that tells its records apart.
        fields: What is wanted of them.
        on: The column of keys; `None`: the one that is named as the field.
        suffix: What is put behind the names of the org's columns that the frame has already.
        org: The org.
        given: Options of a read, `None` where the call doesn't say.
    """
    wanted = (fields,) if isinstance(fields, str) else tuple(fields)
    if not wanted:
        raise SoqlError("no field is wanted: name some, such as ['Id', 'OwnerId', 'Account.Name']")
    said: Any = {name: value for name, value in given.items() if value is not None}
    options = with_defaults(said, org)
    types = TypeOptions(decimals=options["decimals"], multiselect=options["multiselect"])
    request = LookupRequest(sobject=sobject, key_field=key_field, fields=wanted, api=options["api"], types=types)
    source, tell = source_of(frame), telling(options["progress"], "query")
    try:
        with ctrl_c():
            return await _in_time(options["timeout"], _look_up(source, request, org, on, suffix, tell))
    except BaseException as error:
        tell.stopped(error)
        if isinstance(error, PayloadError):
            error.problems = source.table(error.problems)
        elif isinstance(error, DuplicateKeys):
            error.records = source.table(error.records)
        raise


async def _in_time(seconds: float | None, work: Awaitable[T]) -> T:
    patience = asyncio.timeout(seconds)
    try:
        async with patience:
            return await work
    except TimeoutError:
        if not patience.expired():
            raise
        raise JobTimeout(f"timeout={seconds} s was up before all keys were looked up; no job goes on") from None


async def _look_up(
    source: Source[Any], request: LookupRequest, org: Org, on: str | None, suffix: str | None, tell: Telling
) -> Any:
    label = _key_label(source, request.key_field, on)
    lookup = await Lookup.open(org, request, tell)
    names = _names(source, [column.name for column in lookup.columns], suffix)
    types = await in_thread(source.types, [label])
    problems = [problem for problem in types.problems if problem.rows is None]
    if problems:
        raise error_of(problems)
    rows = await in_thread(source.rows, [label], SpoolFolder)
    keys = (await in_thread(rows.slice, 0, rows.n)).to_series()
    try:
        found = await lookup.find(keys, types.marks.get(label))
    except NotKeysError as error:
        raise error_of([error.problem]) from None
    return await in_thread(source.beside, found.rename(dict(zip(found.columns, names, strict=True))))


def _key_label(source: Source[Any], key_field: str, on: str | None) -> str:
    """The column of the keys.

    Raises:
        SchemaError: There is none, or several.
    """
    labels = [label for label in source.labels if isinstance(label, str)]
    wanted = on if on is not None else key_field
    found = [label for label in labels if label == wanted]
    if not found and on is None:
        found = [label for label in labels if label.lower() == wanted.lower()]
    if len(found) == 1 and not (found[0] == "*" or (found[0].startswith("^") and found[0].endswith("$"))):
        return found[0]
    raise error_of([_key_problem(source, wanted, labels, found, option=on is not None)])


def _key_problem(
    source: Source[Any], wanted: str, labels: Sequence[str], found: Sequence[str], *, option: bool
) -> Problem:
    if len(found) > 1:
        remedy = "Rename or drop all but one, or say which it is with on=."
        return schema_problem(wanted, "TWICE", "the frame has several columns of this name", remedy)
    if found:
        message = "the engine takes the name for a pattern of names"
        return schema_problem(wanted, "PATTERN", message, "Rename the column.")
    indexed = [name for name in source.index_names if isinstance(name, str) and name.lower() == wanted.lower()]
    if indexed:
        remedy = f"Make it a column, e.g. by assign(**{{{indexed[0]!r}: df.index}}), or call reset_index() first."
        return schema_problem(None, "KEY_IN_INDEX", f"the key {wanted!r} is in the index, not in a column", remedy)
    message = f"{'on= names ' if option else 'there is no key column '}{wanted!r}"
    message += ", but the frame has no such column" if option else ""
    remedy = f"{hint(wanted, labels)}Say which column holds the keys with on=."
    return schema_problem(None, "NO_KEY_COLUMN", message, remedy)


def _names(source: Source[Any], names: Sequence[str], suffix: str | None) -> list[str]:
    """What the org's columns are called: as a read calls them, with the suffix where the frame has that name already.

    Raises:
        SchemaError: A name would be there twice.
    """
    taken = set(source.labels)
    called = [f"{name}{suffix or ''}" if name in taken else name for name in names]
    clashes = [name for at, name in enumerate(called) if name in taken or name in called[:at]]
    if not clashes:
        return called
    remedy = "Take another suffix." if suffix else "Tell the org's column from it, e.g. with suffix='_org'."
    problems = [
        schema_problem(name, "TAKEN", "the frame has a column of this name, and the org's would be another", remedy)
        for name in dict.fromkeys(clashes)
    ]
    raise error_of(problems)
