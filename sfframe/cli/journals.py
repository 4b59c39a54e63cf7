"""`sfframe journals` and `sfframe resume`: runs that calls with a journal have recorded."""

from __future__ import annotations

from pathlib import Path

import click

import sfframe
from sfframe.cli import results, words
from sfframe.cli.load_options import json_option, out_options
from sfframe.cli.orgs import org_of, org_option
from sfframe.cli.outcome import Wish, as_json, concluded
from sfframe.cli.taught import Command


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
@out_options[0]
@out_options[1]
@json_option
def resume(
    run: str, org_name: str | None, out: Path | None, out_format: results.OutFormat | None, as_json: bool
) -> int:
    """Finish a run; no row is sent twice, and none is lost.

    RUN is its folder; or the folder above it, for its one unfinished run, or else its latest one.
    """
    if out is not None:
        results.made(out)
    org = org_of(org_name) if org_name is not None else None
    wish = Wish(command="resume", out=out, kind=out_format, as_json=as_json)
    return concluded(lambda: sfframe.resume(run, org=org), wish)
