"""Scanning: an object of the org as a Polars LazyFrame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Unpack

import polars as pl
from polars.io.plugins import register_io_source

from sfframe.bridge import run
from sfframe.errors import SoqlError
from sfframe.org.org import Org, current_org
from sfframe.progress.listeners import ReadProgress
from sfframe.query.options import Multiselect, ReadOptions, spelled_out, with_defaults
from sfframe.query.pages.route import Api, ReadRequest, explain
from sfframe.query.scan.explain import Explanation, explain_plan
from sfframe.query.scan.source import SchemaOf, Source
from sfframe.query.schema.types import TypeOptions
from sfframe.query.soql.params import bind

_MOST_LEVELS = 5  # of a path to a parent (SOQL notes, 4)


def scan_sobject(
    sobject: str,
    *,
    parents: Sequence[str] = (),
    all_rows: bool | None = None,
    api: Api | None = None,
    decimals: bool | None = None,
    multiselect: Multiselect | None = None,
    progress: ReadProgress = None,
    org: Org | None = None,
) -> pl.LazyFrame:
    """An object of the org as a LazyFrame: what the plan needs of it travels to the org as SOQL, when it is collected.

        lf = sfframe.scan_sobject("Contact").filter(pl.col("LastName") == "Hopper").select("LastName", "Email")
        print(lf.collect().rows())
        # [('Hopper', None)]

    Nothing is asked before that but describe, when the schema is. The columns that the plan uses are the SELECT list;
    `head()` right after it is LIMIT; filters go to the org where SOQL means the same by them, or something wider, and
    are applied here again, so that the rows are those that Polars would find in the whole object. `explain_soql` tells
    what becomes of each. Rows come in no particular order, and each collect reads anew.

    With `api="auto"` a filtered scan gives the first page over REST before it makes a query job, which `head()` behind
    a filter spares with the streaming engine (`collect(engine="streaming")`): it stops reading when it has enough.

    Polars gives what goes wrong in the schema as its own `ComputeError`, with the text of ours; old releases of it so
    give what goes wrong later, too.

    Args:
        sobject: The object, such as `"Contact"`.
        parents: Paths of parents' fields as further columns: `["Account.Name", "Owner.Email"]`, up to five levels.
        all_rows: Deleted and archived records too. `None`, here and below: as in `read_soql`.
        api: `"auto"`: what is small (up to 10,000 rows) over REST, the rest by a query job; or `"bulk"`, or `"rest"`.
        decimals: Currency and percent as decimals of describe's scale, in place of floats.
        multiselect: Multi-select picklists as `"text"` (`a;b`), or as a `"list"` of texts.
        progress: As in `read_soql`, for each collect; events come from threads that Polars owns, from which marimo's
            notebooks draw no bar. It stays behind when the plan is pickled for another process.
        org: The org; which one is settled by this call.

    Returns:
        One column for each field that queries give (no compound addresses and locations, no files), in describe's
        order and case, with the dtypes that `read_soql` gives; then the parents.

    Raises:
        NoOrgError: Which org?
        SoqlError: A name makes no sense.
        ValueError: An option makes no sense.
    """
    bound = current_org(org)
    given = {
        "all_rows": all_rows,
        "api": api,
        "decimals": decimals,
        "multiselect": multiselect,
        "progress": progress,
    }
    own: Any = {name: value for name, value in given.items() if value is not None}
    options: ReadOptions = with_defaults(own, bound)
    source = Source(
        bound,
        checked_name(sobject),
        parents=checked_parents(parents),
        all_rows=options["all_rows"],
        api=options["api"],
        types=TypeOptions(decimals=options["decimals"], multiselect=options["multiselect"]),
        progress=options["progress"],
    )
    return register_io_source(source, schema=SchemaOf(source))


@spelled_out
def explain_soql(query: str | pl.LazyFrame, **options: Unpack[ReadOptions]) -> Explanation:
    """Tell what a statement, or a plan over `scan_sobject`, asks the org for, over which transport, and why.

    No row is read and no job is made: the org may be asked for describes, and once for a `COUNT()` where that decides.
    For a plan it tells what becomes of each filter too, and after a run of it how many rows came and how many of them
    were wanted; the transport is that of the last run then. A copy of the plan
    tells it, run without rows of the org: frames in memory are copied with it, and files that it reads may be opened.

        lf = sfframe.scan_sobject("Contact").filter(pl.col("LastName") == "Ng")
        sfframe.explain_soql(lf)

    Args:
        query: SOQL, or a LazyFrame. Scans in a LazyFrame have their org and options already.
        options: `org`, `params`, `all_rows` and `api`, as for `read_soql`.

    Raises:
        SoqlError: The statement can't be read.
        ValueError: The LazyFrame has no scan of an org, or can't be copied, or writes a file.
    """
    if isinstance(query, pl.LazyFrame):
        if options:
            raise TypeError("a LazyFrame has its org and options from scan_sobject: none can be given here")
        return explain_plan(query)
    org = current_org(options.get("org"))
    settled = with_defaults(options, org)
    request = ReadRequest(soql=bind(query, settled["params"]), all_rows=settled["all_rows"], api=settled["api"])
    route = run(explain(org, request))
    return Explanation(soql=route.soql, transport=route.transport, why=route.why, statements=(route.soql,))


def checked_name(name: object) -> str:
    """A name that may be an object's.

    Raises:
        SoqlError: It isn't.
    """
    if not isinstance(name, str) or not name.isidentifier():
        raise SoqlError(f"{name!r} is no name of an object, such as 'Contact'")
    return name


def checked_parents(parents: Iterable[object]) -> tuple[str, ...]:
    """Paths that may be those of parents' fields.

    Raises:
        SoqlError: One can't be.
    """
    if isinstance(parents, str):
        raise SoqlError(f"parents={parents!r} is one text: give a list of paths, [{parents!r}]")
    return tuple(_path(parent) for parent in parents)


def _path(parent: object) -> str:
    parts = parent.split(".") if isinstance(parent, str) else []
    if len(parts) < 2 or not all(part.isidentifier() for part in parts):
        raise SoqlError(f"{parent!r} is no path to a field of a parent, such as 'Account.Name'")
    if len(parts) > _MOST_LEVELS + 1:
        raise SoqlError(f"{parent!r} goes over {len(parts) - 1} parents: SOQL goes over {_MOST_LEVELS} at most")
    return ".".join(parts)
