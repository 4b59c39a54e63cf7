"""Orgs: which org a command means: an alias of the Salesforce CLI, an address, or what the environment says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import click

import sfframe
from sfframe.cli.taught import Option

F = TypeVar("F", bound=Callable[..., Any])

WAYS: Final = """\
Name an org in one of these ways:
  --org ALIAS                     an org that the Salesforce CLI knows (see `sf org list`)
  export SFFRAME_URL=https://acme.my.salesforce.com SFFRAME_CLIENT_ID=... SFFRAME_CLIENT_SECRET=...
  --org URL                       the address by hand, the login from the SFFRAME_... variables
  sfframe local-org               an org on this machine, to try things; it prints the line to set"""

_NO_OBJECT: Final = re.compile(r"the org has no object '(\w+)'")
# A user name has an @; an alias hardly ends as hosts of Salesforce do.
_ADDRESS: Final = re.compile(
    r"[a-z]+://.*|(localhost|[\d.]{7,15})(:\d+)?(/.*)?|[^@\s/]+\.(com|mil|cn)(:\d+)?(/.*)?", re.IGNORECASE | re.DOTALL
)


def org_option(command: F) -> F:
    """`--org ALIAS|URL`."""
    return click.option(
        "--org",
        "org_name",
        metavar="ALIAS|URL",
        cls=Option,
        section="Org",
        help="An alias or user name of the Salesforce CLI; or an address, with the login of the SFFRAME_... variables. "
        "Without it, the variables say both.",
    )(command)


@contextmanager
def knowing_objects() -> Iterator[None]:
    """Where the org hasn't an object, and none has a name like it, it is told how to see which it has.

    Raises:
        ApiError: As the block.
    """
    try:
        yield
    except sfframe.ApiError as error:
        if not _NO_OBJECT.search(error.message) or "did you mean" in error.message:
            raise
        told = f"{error.message}; `sfframe describe` lists the objects"
        raise sfframe.ApiError(told, status=error.status, error_code=error.error_code) from None


def is_address(name: str) -> bool:
    """Whether a name is an address rather than an alias."""
    return _ADDRESS.fullmatch(name.strip()) is not None


def org_of(name: str | None, *, retry: sfframe.RetryPolicy | None = None) -> sfframe.Org:
    """The org that is meant; nothing is sent.

    Args:
        name: What `--org` says.
        retry: How passing faults are met, if not as usual.

    Raises:
        NoOrgError: None is named, or its login is incomplete.
        ValueError: The name can be neither an alias nor an address.
    """
    if name is None:
        return sfframe.Org.from_env(retry=retry)
    if is_address(name):
        return sfframe.Org.from_env(name, retry=retry)
    return sfframe.Org.from_cli(name, retry=retry)
