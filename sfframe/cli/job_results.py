"""`sfframe jobs results`: the rows of a job, whoever made it, as the org's own CSV."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final, Literal

import click

import sfframe
from sfframe.cli import results, streams, words
from sfframe.cli.one_job import Kind, answered, asked, one_job
from sfframe.cli.orgs import org_of
from sfframe.cli.outcome import as_json
from sfframe.cli.taught import Command, Option
from sfframe.sink import replaced

Which = Literal["successful", "failed", "unprocessed"]

_FILES: Final[dict[Which, Any]] = {
    "successful": "successful_results",
    "failed": "failed_results",
    "unprocessed": "unprocessed_records",
}


@click.command(
    "results",
    cls=Command,
    examples=[
        ("the three files of a load, as the org has them", "sfframe jobs results 750xx0000000001AAA --out results"),
        ("one of them, to look at", "sfframe jobs results 750xx0000000001AAA --which failed"),
        ("the records of a query job", "sfframe jobs results 750xx0000000001AAA --kind query > contacts.csv"),
    ],
    short_help="Collect the rows of a job, as CSV.",
)
@one_job
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
        csv = asked(lambda org: org.ingest.download(job_id, _FILES[which]), org_name, kind)
        streams.out().write(csv)
        return 0
    else:
        assert out is not None
        files = {name: out / f"{name}.csv" for name in _FILES}
        asked(lambda org: _downloaded(org, job_id, files), org_name, kind)
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
        page = answered(org.query.results(job_id), "query")
        file.write(page.data)
        while page.locator:
            page = answered(org.query.results(job_id, locator=page.locator), "query")
            file.write(page.data.partition(b"\n")[2])
        file.flush()
    return {} if path is None else {"records": path}
