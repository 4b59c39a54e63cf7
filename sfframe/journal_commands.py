"""`sfframe journals` and `sfframe resume`: runs that calls with `journal=` have recorded, on the command line."""

from __future__ import annotations

import argparse
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from sfframe import screen
from sfframe.errors import Interrupted, JobFailed, RecordsFailed, RecordsFailedWarning, SfframeError
from sfframe.org.org import Org
from sfframe.result import IngestResult
from sfframe.resuming import journals, resume

_LISTING: Final = """\
the runs in a folder, the oldest first:

  sfframe journals journals
"""
_FINISHING: Final = """\
after the call

  contacts.sfbulk.upsert("Contact", "ExternalId__c", journal="journals")

has died, its one unfinished run, in the org that the SFFRAME_... variables name:

  sfframe resume journals

one of several runs, in the org that the Salesforce CLI calls prod, with its rows beside:

  sfframe journals journals
  sfframe resume journals/20260301T020000123456-Contact-upsert-8c41aa --org prod --out results

Of a run that is finished the result is told once more, nothing is sent, and no org is needed.

exit code: 0 all rows were successful, 1 some were not, 2 the run couldn't be finished, 130 interrupted
"""


def add_commands(commands: Any) -> None:
    """Add both to the commands of a parser."""
    listing = commands.add_parser(
        "journals",
        help="list the runs that calls with journal=FOLDER have recorded",
        epilog=_LISTING,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    listing.add_argument("folder", metavar="FOLDER", help="what the calls were given as journal")
    finishing = commands.add_parser(
        "resume",
        help="finish a run that a call with journal=FOLDER has begun",
        epilog=_FINISHING,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    finishing.add_argument(
        "run",
        metavar="RUN|FOLDER",
        help="the run's folder; or the folder above it, for its one unfinished run, or else its latest one",
    )
    finishing.add_argument("--org", metavar="ALIAS", help="the org, by its alias or user name in the Salesforce CLI")
    finishing.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        help="where to write the rows: successful_results.parquet, failed_results.parquet, unprocessed_records.parquet",
    )


def list_runs(options: argparse.Namespace) -> int:
    """Tell the runs of a folder as a table.

    Returns:
        The exit code: 0, or 2 where there is no such folder.
    """
    try:
        runs = journals(options.folder).rows(named=True)
    except SfframeError as error:
        return _failed("journals", error)
    lines = [("STATE", "BEGUN (UTC)", "CALL", "ROWS", "COLLECTED", "RUN")]
    for run in runs:
        begun = f"{run['begun']:%Y-%m-%d %H:%M:%S}" if run["begun"] else ""
        call = f"{run['operation'] or ''} {run['sobject'] or ''}".strip()
        lines.append((run["state"], begun, call, _count(run["rows"]), _count(run["rows_collected"]), run["run"]))
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
    for line in lines:
        cells = [cell.rjust(width) if at in (3, 4) else cell.ljust(width)
                 for at, (cell, width) in enumerate(zip(line, widths, strict=True))]  # fmt: skip
        sys.stdout.write("  ".join(cells).rstrip() + "\n")
    return 0


def _count(n: int | None) -> str:
    return "" if n is None else f"{n:,}"


def finish_run(options: argparse.Namespace) -> int:
    """Finish a run, and tell on stderr what became of its rows.

    Returns:
        The exit code: 0 all rows were successful, 1 some were not, 2 the run couldn't be finished, 130 interrupted.
    """
    try:
        result = _finished(options.run, options.org)
        _write(result, options.out)
    except (SfframeError, Interrupted, OSError) as error:
        if (known := getattr(error, "result", None)) is not None:
            _write(known, options.out)
        return _failed("resume", error, code=130 if isinstance(error, Interrupted) else 2)
    sys.stderr.write(_told(result, options.out))
    return 0 if result else 1


def _finished(run: str, alias: str | None) -> IngestResult[Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RecordsFailedWarning)  # it is told anyway
            result: IngestResult[Any] = resume(run, org=Org.from_cli(alias) if alias is not None else None)
    except (RecordsFailed, JobFailed) as error:
        if error.result is None:
            raise
        return error.result  # type: ignore[no-any-return]  # errors know no results
    return result


def _write(result: IngestResult[Any], folder: Path | None) -> None:
    if folder is not None:
        result.save(folder)


def _told(result: IngestResult[Any], folder: Path | None) -> str:
    """What became of the rows, fit for logs."""
    hints = [f"the rows are in {folder}"] if folder is not None else []
    if not result and folder is None:
        hints = ["--out DIR writes the rows, each with its error"]
    return screen.text(replace(result._picture(), hints=hints), messages=False) + "\n"


def _failed(command: str, error: BaseException, *, code: int = 2) -> int:
    sys.stderr.write(f"sfframe {command}: {error}\n")
    return code
