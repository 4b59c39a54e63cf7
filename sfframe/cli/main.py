"""The command `sfframe`: all commands, and what becomes of their errors."""

from __future__ import annotations

import sys
import traceback
import warnings
from collections.abc import Sequence
from typing import Any, Final

import click

import sfframe
from sfframe.cli import streams, words
from sfframe.cli.call_errors import CALL_FAILED, EXPECTED, CallError, code_of, facts_of, text_of
from sfframe.cli.completion import completed, completion
from sfframe.cli.doctor import doctor
from sfframe.cli.jobs import jobs
from sfframe.cli.journals import journals, resume
from sfframe.cli.load import VERBS
from sfframe.cli.local_org import local_org
from sfframe.cli.looking import describe, limits
from sfframe.cli.outcome import as_json
from sfframe.cli.query import query
from sfframe.cli.streams import NotWrittenError
from sfframe.cli.taught import Command, Group

NAME: Final = "sfframe"


@click.group(
    NAME,
    cls=Group,
    examples=[
        ("what it does, on an org on this machine, in some seconds", "sfframe demo"),
        ("a file into your org, and every row back with its fate",
         "sfframe upsert contacts.csv Contact --external-id ExternalId__c --out results"),
        ("records into a file", 'sfframe query "SELECT Id, LastName FROM Contact" -o contacts.parquet'),
        ("is everything there that a load needs?", "sfframe doctor"),
    ],
    sections={
        "Loading": ["insert", "update", "upsert", "delete", "hard-delete"],
        "Reading": ["query"],
        "Looking after jobs": ["jobs", "journals", "resume"],
        "Your org": ["describe", "limits", "doctor"],
        "This machine": ["demo", "local-org", "completion"],
    },
)  # fmt: skip
@click.version_option(sfframe.__version__, prog_name=NAME)
def root() -> None:
    """Salesforce Bulk API 2.0 on files: rows in, and every row back with its fate."""


@click.command(
    "demo",
    cls=Command,
    examples=[("the whole story", "sfframe demo"), ("as it was told, for later", "sfframe demo > demo.txt")],
    short_help="Load a file into an org on this machine; takes some seconds.",
)
def demo() -> int:
    """A file of contacts, an org on this machine, and what became of every row. Nothing leaves this machine."""
    # Imported here, so that nothing else waits for it.
    from sfframe.demo import main as tell

    return tell()


for command in (*VERBS, query, describe, jobs, journals, resume, limits, doctor, demo, local_org, completion):
    root.add_command(command)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: Words of the command line; `None`: those of this process.

    Returns:
        The exit code.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    with streams.guarded():
        if (answered := completed(root, NAME, given)) is not None:
            return answered
        return _ended(given)


def _ended(given: list[str]) -> int:
    code = 0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default", FutureWarning)  # the ends of logins, for those who use them
            warnings.showwarning = _note
            code = _run(given)
        sys.stdout.flush()
    except BrokenPipeError:
        pass  # the reader had enough
    except NotWrittenError as lost:
        words.say(f"{NAME}: {lost}")
        code = max(code, CALL_FAILED)
    return code


def _run(given: list[str]) -> int:
    if not given:
        with root.make_context(NAME, [], resilient_parsing=True) as context:
            words.say(root.get_help(context))
        return CALL_FAILED
    try:
        with root.make_context(NAME, list(given)) as context:
            return int(root.invoke(context) or 0)
    except click.exceptions.Exit as over:
        return over.exit_code
    except BrokenPipeError:
        raise
    except click.ClickException as error:
        return _wrong_call(error, given)
    except (KeyboardInterrupt, click.Abort) as error:
        text = words.harmless(text_of(error)) if isinstance(error, sfframe.Interrupted) else "interrupted"
        return _failed(error, given, text)
    except (CallError, *EXPECTED) as error:
        return _failed(error, given, words.harmless(text_of(error)))
    except Exception as error:  # noqa: BLE001  # a defect is told too, by its own exit code
        traceback.print_exc()
        return _failed(error, given, "this is a defect of sfframe; please report it, the lines above say where it is")


def _failed(error: BaseException, given: Sequence[str], text: str) -> int:
    code = code_of(error)
    words.say(f"{' '.join([NAME, *_names(given)])}: {text}")
    return _told_machines(error, given, code)


def _wrong_call(error: click.ClickException, given: Sequence[str]) -> int:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else NAME
    words.say(f"{path}: {words.harmless(error.format_message())}\n`{path} --help` shows examples.")
    return _told_machines(error, given, CALL_FAILED)


def _told_machines(error: BaseException, given: Sequence[str], code: int) -> int:
    if "--json" in given:
        try:
            words.put(as_json({"ok": False, "exit_code": code, "error": facts_of(error)}))
        except NotWrittenError as lost:
            words.say(f"{NAME}: {lost}")
    return code


def _names(given: Sequence[str]) -> list[str]:
    """The names of the command and its subcommand among the words."""
    names: list[str] = []
    group: Any = root
    for word in given:
        if not isinstance(group, click.Group) or word not in group.commands:
            break
        names.append(word)
        group = group.commands[word]
    return names


def _note(message: Warning | str, *_: Any, **__: Any) -> None:
    words.say(f"{NAME}: note: {words.in_shell(str(message))}")
