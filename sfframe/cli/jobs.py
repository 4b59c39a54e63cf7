"""`sfframe jobs`: what the org holds of jobs, to look at, to stop, and to collect."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import click

import sfframe
from sfframe.cli import results, streams, words
from sfframe.cli.call_errors import CallError
from sfframe.cli.orgs import org_of, org_option
from sfframe.cli.outcome import as_json, job_facts
from sfframe.cli.taught import Command, Group, Option
from sfframe.sink import replaced

F = TypeVar("F", bound=Callable[..., Any])
Kind = Literal["ingest", "query"]
Which = Literal["successful", "failed", "unprocessed"]

# Those that the org names (wire notes, 3.1).
_STATES: Final = ("Open", "UploadComplete", "InProgress", "JobComplete", "Failed", "Aborted")
_TYPES: Final = {"ingest": "V2Ingest", "query": "V2Query"}
_FILES: Final[dict[Which, Any]] = {
    "successful": "successful_results",
    "failed": "failed_results",
    "unprocessed": "unprocessed_records",
}

kind_option: Final = click.option(
    "--kind", type=click.Choice(["ingest", "query"]), default="ingest", show_default=True, help="Of which jobs."
)
json_option: Final = click.option("--json", "is_json", is_flag=True, help="As a JSON document.")


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
    return [job async for job in _of(org, kind).list_jobs(job_type=_TYPES[kind])]


def _of(org: sfframe.Org, kind: Kind) -> Any:
    return org.ingest if kind == "ingest" else org.query


def _one_job(command: F) -> F:
    """What the commands about one job take."""
    for decorator in (org_option, json_option, kind_option, click.argument("job_id", metavar="ID")):
        command = decorator(command)
    return command


@jobs.command(
    "show",
    cls=Command,
    examples=[
        ("what the org says of a job", "sfframe jobs show 750xx0000000001AAA"),
        ("of a query job, for a machine", "sfframe jobs show 750xx0000000001AAA --kind query --json"),
    ],
    short_help="Show all that the org says of a job.",
)
@_one_job
def show(job_id: str, kind: Kind, is_json: bool, org_name: str | None) -> int:
    """All that the org says of a job."""
    return _tell(_asked(lambda org: _of(org, kind).get_job(job_id), org_name, kind), is_json)


@jobs.command(
    "abort",
    cls=Command,
    examples=[("rows that were written stay written", "sfframe jobs abort 750xx0000000001AAA")],
    short_help="Stop a job.",
)
@_one_job
def abort(job_id: str, kind: Kind, is_json: bool, org_name: str | None) -> int:
    """Stop a job. Rows that were written stay written; what wasn't reached is among its unprocessed rows."""
    job = _asked(lambda org: _of(org, kind).abort_job(job_id), org_name, kind)
    if job.state != "Aborted":
        words.say(f"nothing was stopped: job {job.id} had ended before, as {job.state}")
    return _tell(job, is_json)


@jobs.command(
    "delete",
    cls=Command,
    examples=[("its rows stay, its results go", "sfframe jobs delete 750xx0000000001AAA")],
    short_help="Remove a job and its results from the org.",
)
@_one_job
def delete(job_id: str, kind: Kind, is_json: bool, org_name: str | None) -> int:
    """Remove a job and its results from the org; it must have ended. Records that it wrote stay."""
    _asked(lambda org: _of(org, kind).delete_job(job_id), org_name, kind)
    words.say(f"job {job_id} is deleted")
    if is_json:
        words.put(as_json({"ok": True, "id": job_id}))
    return 0


@jobs.command(
    "results",
    cls=Command,
    examples=[
        ("the three files of a load, as the org has them", "sfframe jobs results 750xx0000000001AAA --out results"),
        ("one of them, to look at", "sfframe jobs results 750xx0000000001AAA --which failed"),
        ("the records of a query job", "sfframe jobs results 750xx0000000001AAA --kind query > contacts.csv"),
    ],
    short_help="Collect the rows of a job, as CSV.",
)
@_one_job
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", cls=Option,
              help="Write successful.csv, failed.csv and unprocessed.csv; of a query job records.csv.")  # fmt: skip
@click.option("--which", type=click.Choice(list(_FILES)), cls=Option, help="Onto stdout: one of the files of a load.")
def job_results(
    job_id: str, kind: Kind, is_json: bool, org_name: str | None, out: Path | None, which: Which | None
) -> int:
    """The rows of a job, as the org's own CSV: what was sent, and sf__Id, sf__Created or sf__Error."""
    if kind == "ingest" and (out is None) == (which is None):
        raise click.UsageError("which rows? --out DIR writes all three files; --which failed puts one onto stdout")
    if is_json and out is None:
        raise click.UsageError("stdout is for the rows: --json goes with --out DIR")
    if out is not None:
        results.made(out)
    if kind == "query":
        files: Mapping[Any, Path] = _records(job_id, org_name, out)
    elif which is not None:
        csv = _asked(lambda org: org.ingest.download(job_id, _FILES[which]), org_name, kind)
        streams.out().write(csv)
        return 0
    else:
        assert out is not None
        files = {name: out / f"{name}.csv" for name in _FILES}
        _asked(lambda org: _downloaded(org, job_id, files), org_name, kind)
    for path in files.values():
        words.say(str(path))
    if is_json:
        words.put(as_json({"ok": True, "id": job_id, "files": {name: str(path) for name, path in files.items()}}))
    return 0


async def _downloaded(org: sfframe.Org, job_id: str, files: Mapping[Which, Path]) -> None:
    for which, path in files.items():
        with replaced(path) as file:
            await org.ingest.download(job_id, _FILES[which], file)


def _records(job_id: str, org_name: str | None, out: Path | None) -> dict[str, Path]:
    """The pages of a query job below one header."""
    org = org_of(org_name)
    path = None if out is None else out / "records.csv"
    with nullcontext(streams.out()) if path is None else replaced(path) as file:
        page = _answered(org.query.results(job_id), "query")
        file.write(page.data)
        while page.locator:
            page = _answered(org.query.results(job_id, locator=page.locator), "query")
            file.write(page.data.partition(b"\n")[2])
        file.flush()
    return {} if path is None else {"records": path}


def _asked(ask: Callable[[sfframe.Org], Any], org_name: str | None, kind: Kind) -> Any:
    return _answered(ask(org_of(org_name)), kind)


def _answered(call: Coroutine[Any, Any, Any], kind: Kind) -> Any:
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


def _tell(job: sfframe.JobInfo, is_json: bool) -> int:
    facts = job_facts(job)
    if is_json:
        words.put(as_json(facts))
        return 0
    words.put(words.table(("FIELD", "VALUE"), list(facts.items()), most=200))
    return 0
