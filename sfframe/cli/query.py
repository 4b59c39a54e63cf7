"""`sfframe query`: records into a file, or onto stdout."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, get_args

import click
import polars as pl
import pyarrow as pa

import sfframe
from sfframe.cli import streams, words
from sfframe.cli.call_errors import CallError
from sfframe.cli.orgs import knowing_objects, org_of, org_option
from sfframe.cli.outcome import as_json
from sfframe.cli.taught import Command, option
from sfframe.sink import Writer, replaced, writer_of
from sfframe.written import count

OutputFormat = Literal["csv", "parquet", "arrow", "ndjson"]
OUTPUT_FORMATS: Final[tuple[OutputFormat, ...]] = get_args(OutputFormat)

_SUFFIXES: Final[dict[str, OutputFormat]] = {
    ".csv": "csv",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
}
_READING: Final = "Reading"
_OUTPUT: Final = "Output"


@click.command(
    "query",
    cls=Command,
    examples=[
        ("onto the screen, as CSV", 'sfframe query "SELECT Id, LastName FROM Contact LIMIT 5"'),
        ("into a file; .parquet, .arrow, .csv or .ndjson says of which kind",
         'sfframe query "SELECT Id, Account.Name FROM Contact" -o contacts.parquet'),
        ("values are escaped, never pasted",
         'sfframe query "SELECT Id FROM Contact WHERE Name = :n" --param n="Ms. O\'Neil"'),
        ("a statement in a file, or from another program",
         "sfframe query @contacts.soql -o contacts.csv"),
    ],
    epilog="Without -o the records go to stdout, as CSV, or as --format says. Exit codes: 0 done, 2 the call failed, "
    "130 interrupted.",
    short_help="Read records into a file, or onto stdout.",
)  # fmt: skip
@click.argument("soql", required=False, metavar="SOQL|@FILE|-")
@option("-o", "--output", "place", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", section=_OUTPUT,
         help="Where to; a file that is there is replaced by a whole one alone.")  # fmt: skip
@option("--format", "wanted", type=click.Choice(OUTPUT_FORMATS), section=_OUTPUT,
         help="Of the file, or of stdout.")  # fmt: skip
@option("--json", "is_json", is_flag=True, section=_OUTPUT,
         help="With -o: say as JSON what was written. Without: the records as NDJSON.")  # fmt: skip
@option("--param", "params", multiple=True, metavar="NAME=VALUE", section=_READING,
         help="The value of :NAME, a text; NAME:=VALUE is JSON: a number, true, null, a list for IN.")  # fmt: skip
@option("--all-rows", is_flag=True, section=_READING, help="Deleted and archived records too.")
@option("--api", type=click.Choice(["auto", "bulk", "rest"]), default="auto", show_default=True, section=_READING,
         help="A query job (bulk), REST, or whichever fits.")  # fmt: skip
@option("--job-id", metavar="ID", section=_READING,
         help="In place of SOQL: a query job that the org still holds.")  # fmt: skip
@option("--decimals", is_flag=True, section=_READING, help="Currency and percent as decimals.")
@option("--timeout", type=click.FloatRange(min=0), metavar="S", section=_READING, help="Seconds to wait in all.")
@option("--progress/--no-progress", default=None, section=_OUTPUT, help="A bar; by itself in a terminal alone.")
@org_option
def query(
    *,
    soql: str | None,
    place: Path | None,
    wanted: OutputFormat | None,
    is_json: bool,
    params: Sequence[str],
    all_rows: bool,
    api: Literal["auto", "bulk", "rest"],
    job_id: str | None,
    decimals: bool,
    timeout: float | None,
    progress: bool | None,
    org_name: str | None,
) -> int:
    """Read the records that a SOQL statement finds; larger than memory too.

    Cells of CSV are what a load takes: empty for null, 2026-05-31T12:00:00.000Z, true, digits without exponent.
    """
    kind = wanted or _kind_of(place, is_json)
    options: sfframe.ReadOptions = {
        "decimals": decimals, "timeout": timeout, "job_id": job_id, "progress": progress,
    }  # fmt: skip
    if job_id is None:
        options |= {"all_rows": all_rows, "api": api, "params": params_of(params) or None}
    statement = _statement(soql, job_id)
    options["org"] = org = org_of(org_name)
    tables = sfframe.iter_soql(statement, backend="pyarrow", **options)
    with knowing_objects(), _opened(place) as file:
        n_rows = _written(tables, kind, file)
    if place is not None:
        words.say(f"{count(n_rows, 'row')} of {org.host} in {place}")
        if is_json:
            words.put(as_json({"ok": True, "rows": n_rows, "file": str(place), "format": kind, "host": org.host}))
    return 0


def _statement(soql: str | None, job_id: str | None) -> str | None:
    if (soql is None) == (job_id is None):
        raise click.UsageError("what to read? A SOQL statement, @FILE with one, - for standard input; or --job-id ID")
    if soql == "-":
        return sys.stdin.read()
    if soql is not None and soql.startswith("@"):
        path = Path(soql[1:])
        if not path.is_file():
            raise CallError(f"there is no file {str(path)!r} with a statement")
        return path.read_text("utf-8-sig")
    return soql


def params_of(given: Sequence[str]) -> dict[str, Any]:
    """`name=text` and `name:=json` as values of a statement."""
    found: dict[str, Any] = {}
    for word in given:
        name, equals, value = word.partition("=")
        if not equals or not name.rstrip(":"):
            raise click.BadParameter(f"{word!r}: NAME=VALUE, or NAME:=JSON", param_hint="--param")
        found[name.rstrip(":")] = _json(word, value) if name.endswith(":") else value
    return found


def _json(word: str, value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        told = f'{word!r}: behind := comes JSON, such as 5, true, null or ["a", "b"]; a text comes behind ='
        raise click.BadParameter(told, param_hint="--param") from None


def _kind_of(place: Path | None, is_json: bool) -> OutputFormat:
    if place is None:
        return "ndjson" if is_json else "csv"
    if (kind := _SUFFIXES.get(place.suffix.lower())) is None:
        raise CallError(f"{place.name!r} ends in none of {', '.join(_SUFFIXES)}: rename it, or say --format")
    return kind


@contextmanager
def _opened(place: Path | None) -> Iterator[BinaryIO]:
    if place is None:
        yield streams.out()
        return
    with replaced(place) as file:
        yield file


def _written(tables: Iterable[pa.Table], kind: OutputFormat, file: BinaryIO) -> int:
    writer: Writer | None = None
    n_rows = 0
    # Polars writes into what is a file by itself, and calls a pipe that closed an error of its own.
    between = _Between(file) if kind in ("csv", "ndjson") else None
    for table in tables:
        writer = writer or _writer(kind, between or file, table.schema)
        writer.write(table)
        n_rows += table.num_rows
        if between is not None:
            between.pass_on()
    assert writer is not None  # there is one table at least
    writer.close()
    file.flush()
    return n_rows


class _Between(io.BytesIO):
    """Memory that is written to before a file, a table at a time."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file

    def pass_on(self) -> None:
        self._file.write(self.getvalue())
        self._file.flush()
        self.seek(0)
        self.truncate()


def _writer(kind: OutputFormat, file: BinaryIO, schema: pa.Schema) -> Writer:
    return _Ndjson(file) if kind == "ndjson" else writer_of("ipc" if kind == "arrow" else kind, file, schema)


class _Ndjson:
    """An object in each line."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, table: pa.Table) -> None:
        pl.DataFrame(table).write_ndjson(self._file)

    def close(self) -> None:
        self._file.flush()

    def give_up(self) -> None:
        """Nothing is held back."""
