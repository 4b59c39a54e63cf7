"""The command `sfframe`, also `python -m sfframe`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from sfframe.serve import add_arguments, serve


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: Words of the command line; `None`: those of this process.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog="sfframe", description="Salesforce Bulk API 2.0 in your dataframes.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("demo", help="load a file into an org on this machine; takes some seconds")
    add_arguments(
        commands.add_parser(
            "local-org",
            help="serve an org on this machine to any client, until Ctrl-C",
            description="An org on this machine, for any client: a Salesforce of your own, on loopback alone.",
        )
    )
    journals = commands.add_parser("journals", help="list the runs that calls with journal=FOLDER have recorded")
    journals.add_argument("folder", metavar="FOLDER", help="what the calls were given as journal")
    options = parser.parse_args(arguments)
    _write_what_the_terminal_can()
    try:
        match options.command:
            case "local-org":
                return serve(options)
            case "journals":
                return _journals(options.folder)
        return _demo()
    except BrokenPipeError:
        # The reader had enough (`| head`). What is left must not be written at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _demo() -> int:
    # Imported here, so that nothing else waits for it.
    from sfframe.demo import main as tell

    try:
        return tell()
    except ModuleNotFoundError as error:
        sys.stderr.write(f"sfframe demo: {error}\n")
        return 2


def _journals(folder: str) -> int:
    # Likewise.
    from sfframe.errors import JournalError
    from sfframe.resuming import journals

    try:
        runs = journals(folder).rows(named=True)
    except JournalError as error:
        sys.stderr.write(f"sfframe journals: {error}\n")
        return 2
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


def _write_what_the_terminal_can() -> None:
    """A name in an alphabet that the terminal lacks is no reason to stop."""
    for stream in (sys.stdout, sys.stderr):
        if (reconfigure := getattr(stream, "reconfigure", None)) is not None:
            reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    sys.exit(main())
