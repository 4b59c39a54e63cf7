"""Bodies of several parts, taken apart (RFC 2046, 5.1; RFC 7578)."""

from __future__ import annotations

import re

_BOUNDARY = re.compile(r';\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))', re.IGNORECASE)
_NAME = re.compile(rb'^content-disposition:.*;\s*name=(?:"([^"]*)"|([^\s;"]+))', re.IGNORECASE | re.MULTILINE)
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")


def read_parts(content_type: str, body: bytes) -> dict[str, bytes]:
    """The parts of a form by their names; those who write lines by LF alone are understood too.

    Args:
        content_type: The header, with the boundary.
        body: All of it.

    Raises:
        ValueError: It is no such body, is cut, or two parts have one name.
    """
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise ValueError("no boundary is named")
    boundary = re.escape((found[1] or found[2]).encode())
    pieces = re.split(rb"(?:\A|\r?\n)--" + boundary + rb"(--)?[ \t]*(?:\r?\n|\Z)", body)
    # Before the first boundary, then in turns whether it was the last one, and what follows it.
    ends, contents = pieces[1::2], pieces[2::2]
    if not ends or ends[-1] is None or any(ends[:-1]):
        raise ValueError("the last boundary isn't there")
    parts: dict[str, bytes] = {}
    for content in contents[:-1]:
        name, value = _part(content)
        if name in parts:
            raise ValueError("two parts have one name")
        parts[name] = value
    return parts


def _part(content: bytes) -> tuple[str, bytes]:
    head, *value = _BLANK_LINE.split(content, 1)
    name = _NAME.search(head)
    if name is None or not value:
        raise ValueError("a part has no name")
    return (name[1] or name[2] or b"").decode("utf-8", "replace"), value[0]
