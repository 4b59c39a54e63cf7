"""`sfframe jobs`: what the org holds of jobs, to look at, to stop, and to collect."""

from __future__ import annotations

from typing import Final

import click

import sfframe
from sfframe.cli import words
from sfframe.cli.job_results import job_results
from sfframe.cli.one_job import Kind, asked, jobs_of, json_option, kind_option, one_job
from sfframe.cli.orgs import org_of, org_option
from sfframe.cli.outcome import as_json, job_facts
from sfframe.cli.taught import Command, Group

# Those that the org names (wire notes, 3.1).
_STATES: Final = ("Open", "UploadComplete", "InProgress", "JobComplete", "Failed", "Aborted")
_TYPES: Final = {"ingest": "V2Ingest", "query": "V2Query"}


def _state(context: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """A state as the org writes it. `click.Choice` would name them in lower case."""
    if value is None:
        return None
    if found := [one for one in _STATES if one.casefold() == value.casefold()]:
        return found[0]
    raise click.BadParameter(f"{value!r} is no state of a job: {', '.join(_STATES)}")


def _states_like(context: click.Context, param: click.Parameter, typed: str) -> list[str]:
    return [one for one in _STATES if one.casefold().startswith(typed.casefold())]


@click.group(
    "jobs",
    cls=Group,
    invoke_without_command=True,
    examples=[
        ("the latest jobs", "sfframe jobs"),
        ("all about one", "sfframe jobs show 750xx0000000001AAA"),
        (
            "its rows, whoever made the load",
            "sfframe jobs results 750xx0000000001AAA --out results",
        ),
    ],
    short_help="List, show, abort and delete jobs, and collect their rows.",
)
@click.pass_context
def jobs(context: click.Context) -> int:
    """Jobs that the org holds; those that have ended are kept for seven days. Without a command they are listed."""
    if context.invoked_subcommand is None:
        return int(context.invoke(list_jobs, kind="ingest", most=20, org_name=None, is_json=False, state=None))
    return 0


@jobs.command(
    "list",
    cls=Command,
    examples=[
        ("the latest ingest jobs, of other users too", "sfframe jobs list"),
        ("query jobs; those that failed", "sfframe jobs list --kind query --state Failed"),
        ("all of them, for a machine", "sfframe jobs list --last 0 --json"),
    ],
    short_help="List the latest jobs.",
)
@kind_option
@click.option("--state", callback=_state, shell_complete=_states_like, metavar="STATE",
              help=f"Only those in one of these: {', '.join(_STATES)}.")  # fmt: skip
@click.option("--last", "most", type=click.IntRange(min=0), default=20, show_default=True, help="How many; 0: all.")
@json_option
@org_option
def list_jobs(kind: Kind, state: str | None, most: int, is_json: bool, org_name: str | None) -> int:
    """The jobs that the org lists for this user, the latest first."""
    org = org_of(org_name)
    found = sfframe.run(_listed(org, kind))
    if state is not None:
        found = [job for job in found if job.state == state]
    found.sort(key=lambda job: (str(job.created_date or ""), job.id), reverse=True)
    shown = found[:most] if most else found
    if is_json:
        words.put(as_json([job_facts(job) for job in shown]))
        return 0
    rows = [
        (
            job.id,
            job.state,
            job.operation,
            job.object,
            _moment(job),
        )
        for job in shown
    ]
    words.put(words.table(("ID", "STATE", "OPERATION", "OBJECT", "CREATED (UTC)"), rows))
    if len(found) > len(shown):
        words.say(f"{len(shown):,} of {len(found):,} jobs; --last 0 lists all")
    return 0


def _moment(job: sfframe.JobInfo) -> str:
    return f"{job.created_date:%Y-%m-%d %H:%M:%S}" if job.created_date else ""


async def _listed(org: sfframe.Org, kind: Kind) -> list[sfframe.JobInfo]:
    return [job async for job in jobs_of(org, kind).list_jobs(job_type=_TYPES[kind])]


@jobs.command(
    "show",
    cls=Command,
    examples=[
        ("what the org says of a job", "sfframe jobs show 750xx0000000001AAA"),
        ("of a query job, for a machine", "sfframe jobs show 750xx0000000001AAA --kind query --json"),
    ],
    short_help="Show all that the org says of a job.",
)
@one_job
def show(job_id: str, kind: Kind, is_json: bool, org_name: str | None) -> int:
    """All that the org says of a job."""
    return _tell(asked(lambda org: jobs_of(org, kind).get_job(job_id), org_name, kind), is_json)


@jobs.command(
    "abort",
    cls=Command,
    examples=[("rows that were written stay written", "sfframe jobs abort 750xx0000000001AAA")],
    short_help="Stop a job.",
)
@one_job
def abort(job_id: str, kind: Kind, is_json: bool, org_name: str | None) -> int:
    """Stop a job. Rows that were written stay written; what wasn't reached is among its unprocessed rows."""
    job = asked(lambda org: jobs_of(org, kind).abort_job(job_id), org_name, kind)
    if job.state != "Aborted":
        words.say(f"nothing was stopped: job {job.id} had ended before, as {job.state}")
    return _tell(job, is_json)


@jobs.command(
    "delete",
    cls=Command,
    examples=[("its rows stay, its results go", "sfframe jobs delete 750xx0000000001AAA")],
    short_help="Remove a job and its results from the org.",
)
@one_job
def delete(job_id: str, kind: Kind, is_json: bool, org_name: str | None) -> int:
    """Remove a job and its results from the org; it must have ended. Records that it wrote stay."""
    asked(lambda org: jobs_of(org, kind).delete_job(job_id), org_name, kind)
    words.say(f"job {job_id} is deleted")
    if is_json:
        words.put(as_json({"ok": True, "id": job_id}))
    return 0


def _tell(job: sfframe.JobInfo, is_json: bool) -> int:
    facts = job_facts(job)
    if is_json:
        words.put(as_json(facts))
        return 0
    words.put(words.table(("FIELD", "VALUE"), list(facts.items()), most=200))
    return 0


jobs.add_command(job_results)
