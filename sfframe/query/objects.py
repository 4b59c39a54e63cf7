"""Objects by the name that a user typed: found, or told what may have been meant."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from sfframe.errors import ApiError
from sfframe.org.describe import SObject
from sfframe.org.org import Org


async def object_named(org: Org, name: str) -> SObject:
    """The object of that name in whatever case.

    Raises:
        ApiError: The org has none that this user may see; names and labels close to it are told.
    """
    if not isinstance(name, str):
        raise TypeError(f"an object is named by text, such as 'Contact', not by {type(name).__name__}")
    try:
        return await org.describe(name)
    except ApiError as error:
        if error.status != 404:
            raise
        close = close_names(name, await org.rest.sobjects())
        hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
        raise ApiError(f"{error.message}{hint}", status=404, error_code=error.error_code) from error


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
