"""`sfframe journals` and `sfframe resume`: runs that calls with a journal have recorded."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

import sfframe
from sfframe.cli import results, words
from sfframe.cli.load_options import json_option, out_options, progress_option
from sfframe.cli.orgs import org_of, org_option
from sfframe.cli.outcome import Wish, as_json, concluded
from sfframe.cli.taught import Command
from sfframe.written import count


@click.command(
    "journals",
    cls=Command,
    examples=[
        ("the runs in a folder, the oldest first", "sfframe journals journals"),
        ("for machines", "sfframe journals journals --json"),
    ],
    short_help="List the runs that calls with a journal have recorded.",
)
@click.argument("folder", type=click.Path(file_okay=False))
@click.option("--json", "is_json", is_flag=True, help="As a JSON document.")
def journals(folder: str, is_json: bool) -> int:
    """The runs in FOLDER, which calls were given as their journal."""
    runs = sfframe.journals(folder).rows(named=True)
    if is_json:
        words.put(as_json(runs))
        return 0
    rows = [
        (run["state"], f"{run['begun']:%Y-%m-%d %H:%M:%S}" if run["begun"] else "",
         f"{run['operation'] or ''} {run['sobject'] or ''}".strip(), _count(run["rows"]), _count(run["rows_collected"]),
         run["run"])
        for run in runs
    ]  # fmt: skip
    head = ("STATE", "BEGUN (UTC)", "CALL", "ROWS", "COLLECTED", "RUN")
    words.put(words.table(head, rows, right=(3, 4), most=1_000))
    return 0


def _count(n: int | None) -> str:
    return "" if n is None else f"{n:,}"


_OUT, _OUT_FORMAT = out_options("nothing is written")


@click.command(
    "resume",
    cls=Command,
    examples=[
        ("the one unfinished run of a folder",
         "sfframe resume journals"),
        ("which runs are there?", "sfframe journals journals"),
        ("one of several, in the org that the Salesforce CLI calls prod",
         "sfframe resume journals/20260301T020000123456-Contact-upsert-8c41aa \\\n    --org prod --out results"),
    ],
    epilog="Of a run that is finished the result is told once more, nothing is sent, and no org is needed.\n\n"
    "Exit codes: 0 all rows were successful, 1 some were not, 2 the run couldn't be finished, 130 interrupted.",
    short_help="Finish a run that a call with a journal has begun.",
)  # fmt: skip
@click.argument("run", type=click.Path(file_okay=False), metavar="RUN|FOLDER")
@org_option
@_OUT
@_OUT_FORMAT
@json_option
@progress_option
def resume(
    *,
    run: str,
    org_name: str | None,
    out: Path | None,
    out_format: results.OutFormat | None,
    as_json: bool,
    progress: bool | None,
) -> int:
    """Finish a run; no row is sent twice, and none is lost.

    RUN is its folder; or the folder above it, for its one unfinished run, or else its latest one.
    """
    if out is not None:
        results.made(out)
    org = org_of(org_name) if org_name is not None else None
    wish = Wish(command="resume", out=out, kind=out_format, as_json=as_json)
    return concluded(lambda: _finished(run, org, progress), wish)


def _finished(run: str, org: sfframe.Org | None, progress: bool | None) -> sfframe.IngestResult[Any]:
    before = _runs_at(run)
    try:
        result: sfframe.IngestResult[Any] = sfframe.resume(run, org=org, progress=progress)
    except (sfframe.RecordsFailed, sfframe.JobFailed) as error:  # as the recorded call wanted it
        _tell_what_was_left(before, error.result)
        raise
    _tell_what_was_left(before, result)
    return result


def _runs_at(given: str) -> Mapping[str, Mapping[str, Any]]:
    """What there is to know of a run, and of its neighbours, by its folder or the one above."""
    path = Path(given).absolute()
    for folder in (path, path.parent):
        with suppress(sfframe.JournalError):  # it is told by those who open it
            if found := {one["run"]: one for one in sfframe.journals(folder).rows(named=True)}:
                return found
    return {}


def _tell_what_was_left(before: Mapping[str, Mapping[str, Any]], result: sfframe.IngestResult[Any]) -> None:
    name = str(result.run)
    was, now = before.get(name, {}), _runs_at(name).get(name, {})
    if was.get("state") == "finished":
        words.say("nothing was sent: the run had been finished, and this is its result once more")
    elif was and now:
        n_jobs = now["jobs"] - was["jobs"]
        anew = f"{count(n_jobs, 'job')} sent now" if n_jobs else "nothing sent anew"
        words.say(f"{was['rows_collected']:,} of {count(was['rows'], 'row')} had been collected before, {anew}")
