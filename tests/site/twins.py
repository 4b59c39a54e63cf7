"""Lets the reference show what `blocking(...)` derives: the blocking twin, with the signature and the docstring.

The reference is made of the source as it stands, without running it; a twin is `upsert = blocking(upsert_async)` there.
"""

from __future__ import annotations

import copy
import re
from typing import Any

import griffe

_DERIVED = re.compile(r"blocking\((\w+)\)")


class Twins(griffe.Extension):  # type: ignore[misc]  # griffe is in the environment of the site alone
    """Puts a function in the place of each attribute that is a derived twin."""

    def on_package(self, *, pkg: griffe.Module, **kwargs: Any) -> None:
        """Called by griffe once a package is loaded."""
        del kwargs
        _give_twins(pkg)


def _give_twins(room: griffe.Module | griffe.Class) -> None:
    for member in list(room.members.values()):
        if member.is_alias:
            continue
        if isinstance(member, griffe.Module | griffe.Class):
            _give_twins(member)
        elif isinstance(member, griffe.Attribute) and (derived := _DERIVED.fullmatch(str(member.value))):
            origin = room.members[derived[1]]
            assert isinstance(origin, griffe.Function)
            room.set_member(member.name, _twin(origin, member.name))


def _twin(origin: griffe.Function, name: str) -> griffe.Function:
    twin = copy.copy(origin)
    twin.name = name
    twin.labels = origin.labels - {"async"}
    twin.overloads = [_twin(overload, name) for overload in origin.overloads or ()] or None
    if origin.docstring is not None:
        twin.docstring = copy.copy(origin.docstring)
        twin.docstring.parent = twin
    return twin
