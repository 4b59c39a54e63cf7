"""The command `sfframe`, also `python -m sfframe`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from sfframe.journal_commands import add_commands, finish_run, list_runs
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
    add_commands(commands)
    options = parser.parse_args(arguments)
    _write_what_the_terminal_can()
    try:
        match options.command:
            case "local-org":
                return serve(options)
            case "journals":
                return list_runs(options)
            case "resume":
                return finish_run(options)
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


def _write_what_the_terminal_can() -> None:
    """A name in an alphabet that the terminal lacks is no reason to stop."""
    for stream in (sys.stdout, sys.stderr):
        if (reconfigure := getattr(stream, "reconfigure", None)) is not None:
            reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    sys.exit(main())
