"""Objects by the name that a user typed: found, or told what may have been meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from sfframe.errors import ApiError, SfframeError
from sfframe.org.describe import SObject
from sfframe.org.org import Org

# As describe, a query and the creation of a job say that there is none.
_NO_OBJECT: Final = re.compile(r"has no object '|sObject type '.*' is not supported|Unable to find object")


async def object_named(org: Org, name: str) -> SObject:
    """The object of that name in whatever case.

    Raises:
        ApiError: The org has none that this user may see; names and labels close to it are told.
    """
    if not isinstance(name, str):
        raise TypeError(f"an object is named by text, such as 'Contact', not by {type(name).__name__}")
    async with telling_what_was_meant(org, name):
        return await org.describe(name)


def describing(org: Org, typed: str) -> Callable[[str], Awaitable[SObject]]:
    """The org's describes: of a name that a user typed it is told what may have been meant by it.

    What a describe refers to isn't misspelt.
    """

    async def describe(name: str) -> SObject:
        return await (object_named(org, name) if name == typed else org.describe(name))

    return describe


@asynccontextmanager
async def telling_what_was_meant(org: Org, name: str) -> AsyncGenerator[None, None]:
    """Where the org says in the block that it has no object of a name, names and labels close to it are told too.

    Raises:
        ApiError: As the block.
    """
    try:
        yield
    except ApiError as error:
        hint = await _hint(org, name, error)
        if not hint:
            raise
        told = f"{error.message}{hint}"
        raise ApiError(told, status=error.status, error_code=error.error_code, job_id=error.job_id) from error


async def _hint(org: Org, name: str, error: ApiError) -> str:
    if not _NO_OBJECT.search(error.message) or "did you mean" in error.message:
        return ""
    try:
        known = await org.rest.sobjects()
    except SfframeError:  # the first error is the one that counts
        return ""
    close = close_names(name, known)
    is_there = any(name.lower() == str(one["name"]).lower() for one in known)
    return f"; did you mean {' or '.join(map(repr, close))}?" if close and not is_there else ""


def close_names(name: str, known: Sequence[Mapping[str, Any]], *, most: int = 3) -> tuple[str, ...]:
    """Names of objects that may have been meant, the likeliest first. Labels count: `Contacts`.

    Args:
        name: What was typed.
        known: What the org says of each of its objects.
        most: How many names at most.
    """
    by_key = {
        _plain(str(one[key])): str(one["name"])
        for key in ("labelPlural", "label", "name")
        for one in known
        if one.get(key)
    }
    found = difflib.get_close_matches(_plain(name), by_key, n=2 * most)
    return tuple(dict.fromkeys(by_key[key] for key in found))[:most]


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower().removesuffix("__c")))
