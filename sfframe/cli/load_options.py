"""Options of the commands that load: the same as those of calls, by the same names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from sfframe.cli import csv_file
from sfframe.cli.files import FORMATS
from sfframe.cli.orgs import org_option
from sfframe.cli.results import OUT_FORMATS
from sfframe.cli.taught import option

F = TypeVar("F", bound=Callable[..., Any])

FILE: Final = "File"
VALUES: Final = "Rows and values"
RESULTS: Final = "Results"
JOBS: Final = "Jobs"


def load_options(command: F) -> F:
    """All options of a command that loads, in the order of its help."""
    for one in reversed(_OPTIONS):
        command = one(command)
    return command


def options_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords of a call; what wasn't said is left out, so that defaults of the call, or the org, count."""
    named = {name: value for name, value in given.items() if value not in (None, (), [])}
    for name, read in _READERS.items():
        if name in named:
            named[name] = read(named[name])
    return named


def columns_of(words: Sequence[str]) -> dict[str, str | None] | list[str]:
    """`a=B` as a mapping, `a=` for a column that is left out; names alone: only these are sent.

    A comma sets them apart, unless what is before it has no `=` while others have: then it is part of a name.
    """
    pieces = [piece for word in words for piece in _pieces(word)]
    if not any("=" in piece for piece in pieces):
        return [piece.strip() for piece in pieces]
    if bare := [piece for piece in pieces if "=" not in piece]:
        raise click.BadParameter(
            f"{bare[0]!r} has no field: COLUMN=FIELD maps a column, COLUMN= leaves it out; names alone, without any =, "
            "send these columns and no others.",
            param_hint="--columns",
        )
    pairs = [piece.rpartition("=") for piece in pieces]
    return {column: field.strip() or None for column, _, field in pairs}


def _pieces(word: str) -> list[str]:
    found: list[str] = []
    for piece in word.split(","):
        if found and "=" in word and "=" not in found[-1]:
            found[-1] += f",{piece}"
        else:
            found.append(piece)
    return [piece.lstrip() for piece in found if piece.strip()]


def nulls_of(words: Sequence[str]) -> str | dict[str, str]:
    """`clear` for all columns, `Email=clear` for some."""
    if len(words) == 1 and "=" not in words[0]:
        return _null_word(words[0])
    pairs = [piece.rpartition("=") for word in words for piece in _pieces(word)]
    if bare := [word for column, _, word in pairs if not column]:
        raise click.BadParameter(
            f"{bare[0]!r}: say ignore or clear once, or COLUMN=clear for some", param_hint="--nulls"
        )
    return {column: _null_word(word) for column, _, word in pairs}


def _null_word(word: str) -> str:
    if word not in ("ignore", "clear"):
        raise click.BadParameter(f"{word!r} is neither ignore nor clear", param_hint="--nulls")
    return word


def retries_of(words: Sequence[str]) -> dict[str, int] | list[str]:
    """`CODE=TIMES`, or `CODE` alone for the usual number; `none` for none at all."""
    if list(words) == ["none"]:
        return {}
    pairs = [word.partition("=") for word in words]
    if all(not times for _, _, times in pairs):
        return [code for code, _, _ in pairs]
    if bad := [code for code, _, times in pairs if not re.fullmatch(r"\d{1,3}", times)]:
        raise click.BadParameter(
            f"{bad[0]!r}: how often? CODE=TIMES, such as UNABLE_TO_LOCK_ROW=8", param_hint="--retry-rows"
        )
    return {code: int(times) for code, _, times in pairs}


def _separator(context: click.Context, param: click.Parameter, value: str | None) -> str | None:
    try:
        return None if value is None else csv_file.separator_of(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "columns": columns_of,
    "nulls": nulls_of,
    "retry_rows": retries_of,
    "group_by": lambda words: [piece for word in words for piece in word.split(",")],
}
_AT_LEAST_1: Final = click.IntRange(min=1)
_SECONDS: Final = click.FloatRange(min=0)


json_option: Final = option(
    "--json", "as_json", is_flag=True, section=RESULTS, help="One JSON document on stdout, for machines."
)


def out_options(without: str) -> tuple[Callable[[F], F], Callable[[F], F]]:
    """`--out` and `--out-format`.

    Args:
        without: What becomes of the rows without them.
    """
    return (
        option("--out", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", section=RESULTS,
               help=f"Write successful.parquet, failed.parquet and unprocessed.parquet. Without it, {without}."),
        option("--out-format", type=click.Choice(OUT_FORMATS), section=RESULTS,
               help="Of these files; csv is for spreadsheets."),
    )  # fmt: skip


progress_option: Final = option(
    "--progress/--no-progress", default=None, section=RESULTS, help="A bar; by itself in a terminal alone."
)

_OPTIONS: Final = (
    option("--format", "wanted", type=click.Choice(FORMATS), section=FILE,
            help="What FILE is; without it, told by its suffix, of - by the first bytes."),
    option("--separator", metavar="CHAR", callback=_separator, section=FILE,
            help="What stands between cells of CSV, such as ';' or tab; without it a comma."),
    option("--encoding", default="utf-8", show_default=True, metavar="NAME", section=FILE,
            help="Of CSV, such as cp1252."),
    option("--columns", multiple=True, metavar="A=B,...", section=VALUES,
            help="COLUMN=FIELD maps a column, COLUMN= leaves it out; names alone: only these are sent."),
    option("--nulls", multiple=True, metavar="ignore|clear", section=VALUES,
            help="Empty cells leave the field as it is (ignore), or empty it (clear); COLUMN=clear for some."),
    option("--naive-datetimes", metavar="ZONE", section=VALUES,
            help="In which zone datetimes without one are read, such as Europe/Berlin."),
    option("--describe/--no-describe", default=None, section=VALUES,
            help="Check columns and values by the object's describe before anything is sent; the default."),
    option("--invalid", type=click.Choice(["raise", "report"]), section=VALUES,
            help="Rows that can't be sent end the call (raise), or come back as failed (report)."),
    option("--on-duplicate-key", type=click.Choice(["raise", "send"]), section=VALUES,
            help="The same key in several rows ends the call, or is sent."),
    org_option,
    option("--plan", "is_plan", is_flag=True, section=RESULTS,
           help="Tell what the call would do and cost; nothing is sent that writes."),
    *out_options("the same is written to a new folder here if rows failed"),
    json_option,
    progress_option,
    option("--journal", type=click.Path(file_okay=False), metavar="DIR", section=JOBS,
            help="Record the call, so that it can be finished after a crash: by the same line again, or by resume."),
    option("--new-run", is_flag=True, default=None, section=JOBS,
            help="Begin anew though a recorded run isn't finished."),
    option("--group-by", multiple=True, metavar="COLUMN,...", section=JOBS,
            help="Equal values go in one job, next to each other, against lock contention."),
    option("--retry-rows", multiple=True, metavar="CODE[=N]", section=JOBS,
            help="Error codes whose rows are sent again, at most N times; none for none."),
    option("--max-payload-bytes", type=_AT_LEAST_1, metavar="N", section=JOBS, help="Bytes of CSV in one job."),
    option("--max-records", type=_AT_LEAST_1, metavar="N", section=JOBS, help="Rows in one job."),
    option("--max-concurrent-jobs", type=_AT_LEAST_1, metavar="N", section=JOBS, help="Jobs in flight at once."),
    option("--poll-interval", type=_SECONDS, metavar="S", section=JOBS, help="Seconds between looks at a job."),
    option("--timeout", type=_SECONDS, metavar="S", section=JOBS, help="Seconds for the whole call."),
    option("--assignment-rule-id", metavar="ID", section=JOBS, help="The assignment rule for Case and Lead."),
)  # fmt: skip
