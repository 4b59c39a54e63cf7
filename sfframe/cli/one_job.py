"""One job: what the commands about it take, and how the org is asked about it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final, Literal, TypeVar

import click

import sfframe
from sfframe.cli.call_errors import CallError
from sfframe.cli.orgs import org_of, org_option

F = TypeVar("F", bound=Callable[..., Any])
Kind = Literal["ingest", "query"]

kind_option: Final = click.option(
    "--kind", type=click.Choice(["ingest", "query"]), default="ingest", show_default=True, help="Of which jobs."
)
json_option: Final = click.option("--json", "is_json", is_flag=True, help="As a JSON document.")


def jobs_of(org: sfframe.Org, kind: Kind) -> Any:
    """What asks about jobs of this kind."""
    return org.ingest if kind == "ingest" else org.query


def one_job(command: F) -> F:
    """What the commands about one job take."""
    for decorator in (org_option, json_option, kind_option, click.argument("job_id", metavar="ID")):
        command = decorator(command)
    return command


def asked(ask: Callable[[sfframe.Org], Any], org_name: str | None, kind: Kind) -> Any:
    """What the org that is meant says."""
    return answered(ask(org_of(org_name)), kind)


def answered(call: Coroutine[Any, Any, Any], kind: Kind) -> Any:
    """What the org says.

    Raises:
        CallError: It knows no such job.
    """
    try:
        return sfframe.run(call)
    except sfframe.ApiError as error:
        if error.status == 404 and error.job_id is not None:
            other = "query" if kind == "ingest" else "ingest"
            raise CallError(
                f"the org knows no {kind} job {error.job_id}: jobs are kept for seven days; is it a job of another "
                f"kind? --kind {other}",
                status=404,
            ) from error
        raise
