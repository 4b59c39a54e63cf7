"""Planned: what a load would do and cost, for `--plan`; nothing is sent that writes."""

from __future__ import annotations

from typing import Any

import polars as pl

import sfframe
from sfframe.cli import words
from sfframe.cli.call_errors import CALL_FAILED, DONE, problem_facts, problem_lines, problems_error
from sfframe.cli.files import Input
from sfframe.cli.outcome import as_json

_FIGURES = (
    "sobject", "operation", "host", "rows", "rows_left_out", "jobs", "batches", "bytes", "api_calls", "inserts",
    "updates", "deletes", "missing", "limits", "seconds", "basis", "notes",
)  # fmt: skip


def told(plan: sfframe.Plan[Any], rows: Input, *, is_json: bool) -> int:
    """Tell a plan on stdout.

    Returns:
        The exit code: 0, it could be sent; 2, it couldn't.

    Raises:
        CallError: It couldn't, and a person is to be told.
    """
    problems: pl.DataFrame = plan.problems
    place = rows.places(problems["row"].drop_nulls().to_list())
    if is_json:
        code = DONE if plan else CALL_FAILED
        figures = {name: getattr(plan, name) for name in _FIGURES}
        # As its text says it: the time is a guess, and the org takes a moment for the smallest job.
        figures["seconds"] = max(1, round(plan.seconds)) if plan.rows else 0
        words.put(as_json({"ok": bool(plan), "exit_code": code, **figures, "problems": problem_facts(problems, place)}))
        return code
    if not plan:
        raise problems_error(problems, place)
    # Its own lines count rows from 0, and its last one speaks of Python.
    first, *lines = [line for line in str(plan).splitlines() if not line.startswith("  - ") and ".run()" not in line]
    lines = [*(f"  {line}" for line in problem_lines(problems, place)), *lines]
    words.put("\n".join([first, *lines]) + "\n")
    words.say("nothing was sent yet: the same line without --plan sends it")
    return DONE
