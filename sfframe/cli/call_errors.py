"""Call errors: what a call that failed says, to people and to machines, and its exit code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import click
import polars as pl
import pyarrow as pa

import sfframe
from sfframe.cli import words
from sfframe.cli.orgs import WAYS
from sfframe.written import count

DONE: Final = 0
ROWS_FAILED: Final = 1
CALL_FAILED: Final = 2
INTERRUPTED: Final = 130
_SHOWN: Final = 20
_WHICH_ORG: Final = "`sfframe doctor` tells which org would be used and why."
_WAYS_OF_PYTHON: Final = re.compile(r"(?<=which org\?) .*\.from_env\)\.|; sfframe\.Org\.from_env tells all")
_ATTRIBUTES: Final = re.compile(r": \.rows has .* own files\.", re.DOTALL)
_OUT_OF_REACH: Final = re.compile(r"can't be reached: |^no secure connection to ")

# What isn't a defect of sfframe: bad input, a bad org, a full disk.
EXPECTED: Final = (sfframe.SfframeError, OSError, ValueError, TypeError, ModuleNotFoundError, pl.exceptions.PolarsError,
                   pa.ArrowException)  # fmt: skip


class CallError(Exception):
    """The call can't be made as it stands.

    Attributes:
        facts: What a machine may want to know, by name.
    """

    def __init__(self, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.facts = facts


def text_of(error: BaseException) -> str:
    """What was found, what was expected, and what to do next."""
    if isinstance(error, sfframe.JobTimeout | sfframe.Interrupted):
        return _ended_early(error)
    text = words.in_shell(str(error)) or type(error).__name__
    if isinstance(error, sfframe.NoOrgError):
        return f"{_WAYS_OF_PYTHON.sub('', text)}\n{WAYS}\n{_WHICH_ORG}"
    if isinstance(error, sfframe.ResultMismatch):
        return _ATTRIBUTES.sub(": these rows count as unprocessed, though they may be in the org.", text)
    if isinstance(error, sfframe.AuthenticationError):
        return f"{text}\n`sfframe doctor` tells which login was used, and why."
    if isinstance(error, sfframe.ApiError) and _OUT_OF_REACH.search(text):
        return f"{text}\nIs the address right? `sfframe doctor` tells it, and which proxy and certificates are used."
    return text


def facts_of(error: BaseException) -> dict[str, Any]:
    """The same for machines."""
    facts: dict[str, Any] = {"type": _type_of(error), "message": text_of(error)}
    for name in ("status", "error_code", "job_id"):
        if (value := getattr(error, name, None)) is not None:
            facts[name] = value
    if isinstance(error, CallError):
        facts |= error.facts
    if job_ids := getattr(error, "job_ids", ()):
        facts["running_job_ids"] = list(job_ids)
    if (run := getattr(error, "run", None)) is not None:
        facts["run"] = str(run)
    return facts


def code_of(error: BaseException) -> int:
    """The exit code."""
    return INTERRUPTED if isinstance(error, KeyboardInterrupt | click.Abort) else CALL_FAILED


def _type_of(error: BaseException) -> str:
    if isinstance(error, click.UsageError | CallError):
        return "UsageError"
    return type(error).__name__


def _ended_early(error: sfframe.JobTimeout | sfframe.Interrupted) -> str:
    """A call that was broken off: which jobs still run, and how to go on."""
    lines = [words.in_shell(str(error).splitlines()[0].partition(" Look at ")[0].partition(" These jobs ")[0])]
    if isinstance(error, sfframe.OutcomeUnknown):
        lines = [words.in_shell(str(error).splitlines()[0])]
    if error.job_ids:
        lines.append(f"These jobs may still run in the org: {', '.join(error.job_ids)}")
        lines.append(f"  look at one:         {words.line_of('sfframe', 'jobs', 'show', error.job_ids[0])}")
        one = words.line_of("sfframe", "jobs", "results", error.job_ids[0], "--out", "results")
        lines.append(f"  its rows, once done: {one}")
    if error.run is not None:
        lines.append(f"Finish it, no row twice: {words.line_of('sfframe', 'resume', error.run)}")
    return "\n".join(lines)


def problems_error(problems: pl.DataFrame, place: Mapping[int, str]) -> CallError:
    """Problems found before anything was sent, told by the places in a file.

    Args:
        problems: As `PayloadError.problems`.
        place: Where rows are in the file, by their number from 0.
    """
    head = f"nothing was sent: {count(problems.height, 'problem')} found before the first request."
    text = "\n".join([head, *problem_lines(problems, place)])
    return CallError(text, type="PayloadError", problems=problem_facts(problems, place))


def problem_lines(problems: pl.DataFrame, place: Mapping[int, str]) -> list[str]:
    """A line for each problem, up to some."""
    lines = [f"- {_problem(row, place)}" for row in problems.head(_SHOWN).iter_rows(named=True)]
    return [*lines, *([f"- and {problems.height - _SHOWN:,} more"] if problems.height > _SHOWN else [])]


def problem_facts(problems: pl.DataFrame, place: Mapping[int, str]) -> list[dict[str, Any]]:
    """The same for machines."""
    return [
        {**row, **{name: words.in_shell(row[name]) for name in ("message", "remedy")}, "place": place.get(row["row"])}
        for row in problems.iter_rows(named=True)
    ]


def _problem(row: Mapping[str, Any], place: Mapping[int, str]) -> str:
    where = f"column {row['column']!r}" if row["column"] is not None else "the file"
    field = f" (field {row['field']})" if row["field"] and row["field"] != row["column"] else ""
    rows = ""
    if row["rows"] is not None:
        first = place.get(row["row"], f"row {row['row']:,}")
        rows = f" in {count(row['rows'], 'row')}, first in {first}"
    told = words.in_shell(f"{row['message']}{rows}. {row['remedy']}")
    return words.harmless(f"{where}{field}: {told}")
