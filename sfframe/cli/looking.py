"""`sfframe limits` and `sfframe describe`: what the org allows, and what its objects are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import click

import sfframe
from sfframe.cli import words
from sfframe.cli.orgs import knowing_objects, org_of, org_option
from sfframe.cli.outcome import as_json
from sfframe.cli.taught import Command

# Those that loads and reads use.
OF_LOADS: Final = (
    "DailyApiRequests", "DailyBulkApiBatches", "DailyBulkV2QueryJobs", "DailyBulkV2QueryFileStorageMB", "DataStorageMB",
)  # fmt: skip

json_option: Final = click.option("--json", "is_json", is_flag=True, help="As a JSON document.")


@click.command(
    "limits",
    cls=Command,
    examples=[
        ("what is left today", "sfframe limits"),
        ("of another org, for a machine", "sfframe limits --org my-sandbox --json"),
    ],
    short_help="Show what is left of the org's limits.",
)
@click.option("--all", "is_all", is_flag=True, help="All of them, not those of loads and reads alone.")
@json_option
@org_option
def limits(is_all: bool, is_json: bool, org_name: str | None) -> int:
    """What is left of the org's limits: first of those that loads and reads use."""
    found = sfframe.run(org_of(org_name).limits())
    if is_json:
        words.put(as_json(found))
        return 0
    names: list[str] = [name for name in OF_LOADS if name in found]
    names += sorted(set(found) - set(names)) if is_all else []
    rows = [(name, *_numbers(found[name])) for name in names]
    words.put(words.table(("LIMIT", "LEFT", "OF", "USED"), rows, right=(1, 2, 3)))
    if not is_all:
        words.say(f"{len(found) - len(names):,} others; --all shows them")
    return 0


def left_of(limit: Any) -> tuple[int, int] | None:
    """What is left of a limit, and the limit; `None`: the org doesn't say it as two numbers."""
    left, most = (limit.get(word) for word in ("Remaining", "Max")) if isinstance(limit, Mapping) else (None, None)
    return (left, most) if isinstance(left, int) and isinstance(most, int) else None


def _numbers(limit: Any) -> tuple[str, str, str]:
    if (found := left_of(limit)) is None:
        return "", "", ""
    left, most = found
    return f"{left:,}", f"{most:,}", f"{(most - left) / most:.0%}" if most else ""


@click.command(
    "describe",
    cls=Command,
    examples=[
        ("the fields of an object", "sfframe describe Contact"),
        ("which objects are there?", "sfframe describe"),
        ("for a machine", "sfframe describe Contact --json"),
    ],
    short_help="Show an object's fields, or all objects.",
)  # fmt: skip
@click.argument("sobject", metavar="[OBJECT]", required=False)
@json_option
@org_option
def describe(sobject: str | None, is_json: bool, org_name: str | None) -> int:
    """The fields of OBJECT that the user may see; without it, the objects of the org."""
    org = org_of(org_name)
    with knowing_objects():
        frame = sfframe.list_sobjects(org=org) if sobject is None else sfframe.describe_sobject(sobject, org=org)
    rows = frame.rows(named=True)
    if is_json:
        words.put(as_json(rows))
        return 0
    if sobject is None:
        shown = [(row["name"], row["label"], row["key_prefix"], _may(row)) for row in rows]
        words.put(words.table(("OBJECT", "LABEL", "PREFIX", "MAY BE"), shown))
        return 0
    fields = [(row["name"], _type(row), _marks(row), _more(row)) for row in rows]
    words.put(words.table(("FIELD", "TYPE", "MARKS", "REFERS TO, VALUES"), fields))
    return 0


def _may(row: Mapping[str, Any]) -> str:
    verbs = {"createable": "created", "updateable": "updated", "deletable": "deleted", "queryable": "read"}
    return ", ".join(verb for name, verb in verbs.items() if row[name])


def _type(row: Mapping[str, Any]) -> str:
    if row["type"] in ("double", "currency", "percent"):
        return f"{row['type']}({row['precision']},{row['scale']})"
    has_length = row["type"] in ("string", "textarea", "email", "phone", "url", "encryptedstring") and row["length"]
    return f"{row['type']}({row['length']})" if has_length else str(row["type"])


def _marks(row: Mapping[str, Any]) -> str:
    is_required = not row["nillable"] and row["createable"] and not row["defaulted_on_create"]
    marks = {
        "required": is_required,
        "external id": row["external_id"],
        "unique": row["unique"],
        "read only": not row["createable"] and not row["updateable"],
        "create only": row["createable"] and not row["updateable"],
    }
    return ", ".join(word for word, holds in marks.items() if holds)


def _more(row: Mapping[str, Any]) -> str:
    return ", ".join(row["reference_to"] or row["picklist_values"])
