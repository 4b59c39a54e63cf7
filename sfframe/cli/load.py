"""`sfframe insert`, `update`, `upsert`, `delete`, `hard-delete`: the rows of a file into an org."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

import click

import sfframe
from sfframe.cli import csv_file, planned, results
from sfframe.cli.call_errors import problems_error
from sfframe.cli.files import Input, opened
from sfframe.cli.load_options import load_options, options_of
from sfframe.cli.orgs import knowing_objects, org_of
from sfframe.cli.outcome import Wish, concluded
from sfframe.cli.taught import Command, Examples, Option

Operation = Literal["insert", "update", "upsert", "delete", "hard_delete"]

# Options that say where rows come from and go to; a later call with the failed rows has its own.
_OF_THIS_CALL: Final = frozenset(
    {"file", "sobject", "external_id_field", "wanted", "separator", "encoding", "out", "out_format", "as_json",
     "is_plan", "journal", "new_run", "progress"}
)  # fmt: skip
_FILE: Final = "FILE is CSV (every cell as it stands), Parquet, Arrow or NDJSON; - is standard input."
_EXIT_CODES: Final = """\
Exit codes: 0 all rows done, 1 some rows failed, 2 the call itself failed, 130 interrupted.
Words go to stderr; stdout is for data alone (--json).
"""


def _verb(operation: Operation, brief: str, summary: str, examples: Examples) -> click.Command:
    """The command of a verb."""

    def load(**given: Any) -> int:
        return _load(operation, **given)

    load.__doc__ = f"{summary}\n\n{_FILE}"
    command = load_options(load)
    if operation == "upsert":
        command = click.option(
            "--external-id",
            "external_id_field",
            metavar="FIELD",
            required=True,
            cls=Option,
            section="Rows and values",
            help="The key: a field marked as external id, which must be among the columns.",
        )(command)
    command = click.argument("sobject", metavar="OBJECT")(command)
    command = click.argument("file", type=click.Path(allow_dash=True), metavar="FILE")(command)
    name = operation.replace("_", "-")
    return click.command(name, cls=Command, examples=examples, epilog=_EXIT_CODES, short_help=brief)(command)


def _load(
    operation: Operation,
    *,
    file: str,
    sobject: str,
    external_id_field: str | None = None,
    wanted: str | None,
    separator: str | None,
    encoding: str,
    org_name: str | None,
    out: Path | None,
    out_format: results.OutFormat | None,
    as_json: bool,
    is_plan: bool,
    **given: Any,
) -> int:
    org = org_of(org_name)
    options = options_of(given)
    with ExitStack() as stack, knowing_objects():
        rows = opened(file, wanted, csv_file.Dialect(separator, encoding), stack)
        if is_plan:
            plan = sfframe.bulk(rows.frame).plan(sobject, operation, external_id_field, org=org, **options)
            return planned.told(plan, rows, is_json=as_json)
        if out is not None:
            results.made(out)
        wish = Wish(
            command=operation.replace("_", "-"),
            out=out,
            kind=out_format,
            unasked=_unasked(sobject, operation),
            kind_unasked="csv" if rows.kind == "csv" else "parquet",
            as_json=as_json,
            places=rows.places,
            again=_again(operation, sobject, external_id_field),
        )
        return concluded(lambda: _sent(rows, sobject, operation, external_id_field, org, options), wish)


def _sent(
    rows: Input,
    sobject: str,
    operation: Operation,
    external_id_field: str | None,
    org: sfframe.Org,
    options: dict[str, Any],
) -> sfframe.IngestResult[Any]:
    options["on_failure"] = "return"  # what failed is told here, and by the exit code
    try:
        return sfframe.ingest(rows.frame, sobject, operation, external_id_field, org=org, **options)
    except sfframe.PayloadError as error:
        if error.problems is None:
            raise
        raise problems_error(error.problems, rows.places(error.problems["row"].drop_nulls().to_list())) from None


def _unasked(sobject: str, operation: str) -> Path:
    """Where rows go that failed, if nobody said where to."""
    words = "".join(c for c in sobject if c.isalnum() or c == "_")[:60]
    return Path(f"sfframe-{words}-{operation}-{datetime.now().astimezone():%Y%m%d-%H%M%S}")


def _again(operation: str, sobject: str, external_id_field: str | None) -> Callable[[Path], Sequence[str]]:
    """What sends a file of failed rows once more: this call's options, but for where rows come from and go to."""
    context = click.get_current_context()
    kept = [*(["--external-id", external_id_field] if external_id_field else []), *_typed(context)]
    return lambda path: ["sfframe", operation.replace("_", "-"), str(path), sobject, *kept]


def _typed(context: click.Context) -> Iterable[str]:
    """The options that were typed, as words."""
    for param in context.command.params:
        name = param.name or ""
        if name in _OF_THIS_CALL or context.get_parameter_source(name) is not click.core.ParameterSource.COMMANDLINE:
            continue
        value = context.params[name]
        if isinstance(param, click.Option) and param.is_flag:
            yield param.opts[0] if value else param.secondary_opts[0]
        else:
            for one in value if param.multiple else [value]:
                yield from (param.opts[0], str(one))


insert = _verb(
    "insert",
    "Make a record of every row.",
    "Make a record of every row.",
    [
        ("a CSV into the org that the SFFRAME_... variables name", "sfframe insert contacts.csv Contact"),
        ("into an org that the Salesforce CLI knows; a column's name isn't the field's",
         "sfframe insert leads.parquet Lead --org my-sandbox --columns mail=Email"),
        ("from another program", "cat contacts.csv | sfframe insert - Contact --out results"),
    ],
)  # fmt: skip
update = _verb(
    "update",
    "Change the records that the column Id names.",
    "Change the records that the column Id names; the other columns are written, and only they.",
    [
        ("a gap leaves the field as it is", "sfframe update contacts.csv Contact"),
        ("a gap empties the field", "sfframe update contacts.csv Contact --nulls clear"),
    ],
)
upsert = _verb(
    "upsert",
    "Change records by an external id, or make them.",
    "Change the records that an external id names, and make those that aren't there.",
    [
        ("a CSV, every cell as it stands; failed rows come back with their reasons",
         "sfframe upsert contacts.csv Contact --external-id ExternalId__c --out results"),
        ("what would it do? Nothing is sent",
         "sfframe upsert contacts.csv Contact --external-id ExternalId__c --plan"),
        ("then mend what failed, and send it as it is",
         "sfframe upsert results/failed.parquet Contact --external-id ExternalId__c"),
        ("for a nightly job: recorded, to be finished after a crash; told to a machine",
         "sfframe upsert contacts.parquet Contact --external-id ExternalId__c \\\n    --journal journals --json"),
    ],
)  # fmt: skip
delete = _verb(
    "delete",
    "Move records to the recycle bin.",
    "Move the records that the column Id names to the recycle bin. Other columns are not sent.",
    [
        ("Ids in a file", "sfframe delete old.csv Contact"),
        (
            "what a query finds",
            'sfframe query "SELECT Id FROM Contact WHERE Email = null" |\n    sfframe delete - Contact',
        ),
    ],
)
hard_delete = _verb(
    "hard_delete",
    "Delete records for good.",
    "Delete the records that the column Id names for good; needs the permission Bulk API Hard Delete.",
    [("Ids in a file", "sfframe hard-delete old.csv Contact")],
)
VERBS: Final = (insert, update, upsert, delete, hard_delete)
