"""The public names, and the examples in their docstrings."""

from __future__ import annotations

import inspect
import itertools
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sfframe
import sfframe.progress
import sfframe.testing
from sfframe.org.ingest_jobs import IngestJobs
from sfframe.org.query_jobs import QueryJobs

_HEADING = re.compile(r"[A-Z].*:")
_BUILT_IN = {name for kind in (object, tuple, dict) for name in vars(kind)}

# Asked for by the house itself, in the middle of a call: nobody writes them.
INNER = {
    "AccessToken.flow", "AccessToken.user", "ClientCredentials.flow", "ClientCredentials.user", "JwtBearer.flow",
    "JwtBearer.user", "RefreshToken.flow", "RefreshToken.rotated", "RefreshToken.user", "SoapLogin.flow",
    "SoapLogin.user", "UsernamePassword.flow", "UsernamePassword.user", "PollPolicy.next_s", "PollPolicy.starting_at",
    "RetryPolicy.patient", "RetryPolicy.slow", "RetryPolicy.wait_s", "Options.changed", "Options.clears",
    "JobInfo.from_json", "Fault.fits", "Fault.is_about_answer", "LocalOrg.server",
}  # fmt: skip


@dataclass(frozen=True)
class Example:
    """An example in a docstring.

    Attributes:
        of: Whose docstring it is.
        code: The example.
        printed: What its comments below `print(...)` say that it prints.
    """

    of: str
    code: str
    printed: str


def public() -> dict[str, Any]:
    """All that has a docstring which users see: names, and the methods and properties of classes, by dotted name."""
    found: dict[str, Any] = {name: getattr(sfframe, name) for name in sfframe.__all__}
    for room in (sfframe.testing, sfframe.progress):
        found |= {name: getattr(room, name) for name in room.__all__}
    found |= {"IngestJobs": IngestJobs, "QueryJobs": QueryJobs}
    for name, one in list(found.items()):
        if inspect.isclass(one):
            found |= {f"{name}.{member}": value for member, value in _members(one).items()}
    kinds = (type, property, classmethod, staticmethod)
    return {
        name: one
        for name, one in found.items()
        if name not in INNER and (isinstance(one, kinds) or inspect.isroutine(one))
    }


def _members(kind: type) -> Mapping[str, Any]:
    own = [base for base in kind.__mro__ if base.__module__.startswith("sfframe")]
    return {
        name: value
        for base in reversed(own)
        for name, value in vars(base).items()
        if not name.startswith("_") and name not in _BUILT_IN and not _is_plain(value)
    }


def _is_plain(value: object) -> bool:
    """An attribute, which the docstring of its class is about."""
    return not (isinstance(value, property | classmethod | staticmethod) or inspect.isfunction(value))


def examples(name: str, one: Any) -> Iterator[Example]:
    """The indented blocks of a docstring that stand in none of its sections."""
    lines = (inspect.getdoc(one) or "").splitlines()
    block: list[str] = []
    is_section = False
    for line, following in itertools.pairwise([*lines, "end", ""]):
        if line.startswith("    "):
            block += [] if is_section else [line]
        elif not line.strip():
            block += [""] if block else []
        else:
            if block:
                yield _example(name, block)
            block, is_section = [], bool(_HEADING.fullmatch(line)) and following.startswith("    ")


def _example(name: str, block: list[str]) -> Example:
    code = textwrap.dedent("\n".join(block)).strip() + "\n"
    printed, is_told = [], False
    for line in code.splitlines():
        is_comment = line.lstrip().startswith("# ")
        if is_told and is_comment:
            printed.append(line.lstrip().removeprefix("# "))
        is_told = line.lstrip().startswith("print(") or (is_told and is_comment)
    return Example(name, code, "".join(f"{line}\n" for line in printed))
