"""Every option of a read once: its type, its default and its check; and the read that they make."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypedDict

from sfframe.options import did_you_mean
from sfframe.org.org import Org, current_org
from sfframe.progress.listeners import ReadProgress, Telling, checked, telling
from sfframe.query.read import Api, Reading, ReadRequest
from sfframe.query.schema.types import TypeOptions
from sfframe.query.soql.params import bind
from sfframe.spelled import spelling

Multiselect = Literal["text", "list"]


class ReadOptions(TypedDict, total=False):
    """The keyword options of every read, as a type for `**options`.

        soql = "SELECT LastName FROM Contact WHERE LastName IN :names"
        people = sfframe.read_soql(soql, params={"names": ["Hopper"]})
        print(people["LastName"].to_list())
        # ['Hopper']

    Attributes:
        org: The org to use; without it the innermost `with org:`, the default org, or the environment decides.
        params: Values for the `:names` of the statement: text, numbers, booleans, dates, datetimes with a zone, `None`,
            and lists for `IN`. They are escaped and typed, never pasted.
        all_rows: Deleted and archived records too.
        api: `"auto"`: what the Bulk API refuses and what is small goes over REST, the rest is a query job; `"bulk"` or
            `"rest"`: that one alone.
        decimals: Currency and percent as decimals of describe's scale, in place of floats.
        multiselect: Multi-select picklists as `"text"` (`a;b`), or as a `"list"` of texts.
        job_id: In place of the statement: a query job that the org still holds, made earlier or elsewhere. `params`,
            `all_rows` and `api` are settled by it; the columns are as it selects them.
        timeout: Seconds that the call may wait for the org in all; what is done with its frames meanwhile doesn't
            count. `None`: as long as it takes.
        progress: `True`, `False`, a function that gets the events of `sfframe.progress`, or `None`: a bar where a
            person looks on, for reads that take longer than half a second.
    """

    org: Org | None
    params: Mapping[str, Any] | None
    all_rows: bool
    api: Api
    decimals: bool
    multiselect: Multiselect
    job_id: str | None
    timeout: float | None
    progress: ReadProgress


DEFAULTS: Final[ReadOptions] = {
    "org": None,
    "params": None,
    "all_rows": False,
    "api": "auto",
    "decimals": False,
    "multiselect": "text",
    "job_id": None,
    "timeout": None,
    "progress": None,
}
spelled_out = spelling(ReadOptions, DEFAULTS)
_JOB_ID: Final = re.compile(r"750[a-zA-Z0-9]{12}(?:[a-zA-Z0-9]{3})?")
_CHOICES: Final[Mapping[str, tuple[Any, ...]]] = {
    "all_rows": (True, False),
    "api": ("auto", "bulk", "rest"),
    "decimals": (True, False),
    "multiselect": ("text", "list"),
}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One call's read, not begun, and how it is to be waited for.

    Attributes:
        reading: The read.
        timeout: Seconds for the org, in all.
        tell: Who is told of its events.
    """

    reading: Reading
    timeout: float | None = None
    tell: Telling


def asked(soql: str | None, given: ReadOptions) -> Asked:
    """The read that a call asks for; nothing is sent.

    Raises:
        TypeError: An option that doesn't exist; neither a statement nor a job, or both.
        ValueError: A value that an option doesn't take.
        SoqlError: The statement can't be read, or doesn't fit its params.
        NoOrgError: It isn't known which org is meant.
    """
    _check_names(given)
    _check_what(soql, given)
    org = current_org(given.get("org"))
    options = with_defaults(given, org)
    types = TypeOptions(decimals=options["decimals"], multiselect=options["multiselect"])
    tell = telling(options["progress"], "query")
    return Asked(reading=_reading(soql, org, options, types, tell), timeout=options["timeout"], tell=tell)


def _reading(soql: str | None, org: Org, options: ReadOptions, types: TypeOptions, tell: Telling) -> Reading:
    job_id = options["job_id"]
    if job_id is not None:
        return Reading.of_job(org, job_id, types, tell)
    text = bind(soql or "", options["params"])
    request = ReadRequest(soql=text, all_rows=options["all_rows"], api=options["api"], types=types)
    return Reading(org, request, tell=tell)


def with_defaults(given: ReadOptions, org: Org) -> ReadOptions:
    """All options: the call's own, else those of the org that reads have too.

    Raises:
        ValueError: A value that an option doesn't take.
    """
    of_org = {name: value for name, value in org.defaults.items() if name in DEFAULTS}
    options: ReadOptions = {**DEFAULTS, **of_org, **given}  # type: ignore[typeddict-item]  # names were checked
    for name, allowed in _CHOICES.items():
        if (value := options[name]) not in allowed:  # type: ignore[literal-required]  # names of options
            raise ValueError(f"{name}={value!r} is none of {', '.join(map(repr, allowed))}")
    checked(options["progress"])
    timeout: Any = options["timeout"]
    if timeout is not None and not (isinstance(timeout, int | float) and timeout >= 0):
        raise ValueError(f"timeout={timeout!r}: a number of seconds, or None")
    return options


def _check_names(given: Mapping[str, Any]) -> None:
    for name in given:
        if name not in DEFAULTS:
            raise TypeError(f"there is no option {name!r}{did_you_mean(name, list(DEFAULTS))}")


def _check_what(soql: object, given: ReadOptions) -> None:
    job_id: Any = given.get("job_id")
    if job_id is None:
        if not isinstance(soql, str):
            raise TypeError(f"SOQL is text, not {type(soql).__name__}; or give job_id= in its place")
        return
    if soql is not None:
        raise TypeError("a statement and job_id= are two reads: give one of them")
    if not isinstance(job_id, str) or not _JOB_ID.fullmatch(job_id):
        raise ValueError(f"job_id={job_id!r}: an id of 15 or 18 letters and digits, which begins with 750")
    settled = [name for name in ("params", "all_rows", "api") if name in given]
    if settled:
        raise ValueError(f"{settled[0]}= belongs to a statement; with job_id= the job's own counts")
