"""Every option of an ingest call once: its type, its default and its check."""

from __future__ import annotations

import difflib
import zoneinfo
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from os import PathLike
from pathlib import Path
from typing import Any, Literal, TypedDict
from urllib.parse import parse_qsl, urlsplit
from urllib.request import url2pathname

from sfframe.progress.listeners import IngestProgress, checked
from sfframe.spelled import spelling

Operation = Literal["insert", "update", "upsert", "delete", "hard_delete"]
Nulls = Literal["ignore", "clear"]

OPERATIONS: tuple[Operation, ...] = ("insert", "update", "upsert", "delete", "hard_delete")
# 150 MB after base64 (4/3 of the raw size) is the org's limit, so the vendor advises 100 MB of CSV (wire notes, 4.2).
MAX_PAYLOAD_BYTES = 100_000_000
# What an org takes in 24 hours (wire notes, 10): more can't be in one job.
MAX_RECORDS = 150_000_000
MAX_CONCURRENT_JOBS = 4
# Those that pass by themselves (wire notes, 5.2), and how often at most.
RETRY_ROWS: Mapping[str, int] = {
    "UNABLE_TO_LOCK_ROW": 4,
    "API_CURRENTLY_DISABLED": 2,
    "REQUEST_RUNNING_TOO_LONG": 2,
    "SERVER_UNAVAILABLE": 2,
    "UNKNOWN_EXCEPTION": 2,
}


# What an org's defaults may say beside options of ingest calls, which pass it over: those that reads alone have.
READS_ALONE = ("all_rows", "api", "decimals", "multiselect")


class IngestOptions(TypedDict, total=False):
    """The keyword options of every ingest call, as a type for `**options`; see `Options` for their meaning.

    For example:

        nightly: sfframe.IngestOptions = {"nulls": "clear", "on_failure": "return"}
        result = contacts.sfbulk.upsert("Contact", "ExternalId__c", **nightly)
    """

    columns: Mapping[str, str | None] | Sequence[str] | None
    nulls: Nulls | Mapping[str, Nulls]
    naive_datetimes: str
    describe: bool
    invalid: Literal["raise", "report"]
    on_duplicate_key: Literal["raise", "partition", "send"]
    assignment_rule_id: str | None
    max_payload_bytes: int
    max_records: int
    max_concurrent_jobs: int
    group_by: str | Sequence[str] | None
    retry_rows: Mapping[str, int] | Iterable[str] | None
    poll_interval: float | None
    timeout: float | None
    progress: IngestProgress
    journal: str | PathLike[str] | None
    new_run: bool
    on_failure: Literal["warn", "return", "raise"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """How a frame is sent and what becomes of the answer.

        result = contacts.sfbulk.upsert(
            "Contact",
            "ExternalId__c",
            columns={"Email": None},  # this column stays at home
            nulls="clear",
            on_failure="raise",
        )

    Attributes:
        columns: `{frame column: field}`; `None` for a field: the column is not sent; columns not named go as
            they are. A list: these alone are sent.
        nulls: `"ignore"` leaves the field as it is, `"clear"` sets it to null; or a dict, frame column to one
            of the two (columns not named: `"ignore"`).
        naive_datetimes: The time zone name in which datetimes without a zone are read, or `"error"`.
        describe: Check columns and values by the object's describe before anything is sent.
        invalid: `"raise"` refuses the call when rows can't be sent; `"report"` leaves these rows out and
            returns them in `failed_results` with `NOT_SENT:why:column --`.
        on_duplicate_key: What to do when several rows have the same key (or Id): `"raise"` or `"send"`. `"partition"`
            is `"raise"`, but that a frame of Dask is looked at partition by partition, and their keys aren't compared.
        assignment_rule_id: The assignment rule for Case and Lead.
        max_payload_bytes: UTF-8 bytes of CSV in one job, header included.
        max_records: Rows in one job.
        max_concurrent_jobs: Jobs in flight at once.
        group_by: Frame columns whose equal values are sent next to each other and in the same job.
        retry_rows: `{error code: how often at most}` of rows that are sent again in a new job; an iterable
            of codes gives each the default count.
        poll_interval: Seconds between looks at a job at first; `None` adapts to the job's size.
        timeout: Seconds for the whole call; `None` waits for as long as it takes.
        progress: `True`, `False`, a function that gets the events of `sfframe.progress`, or `None`: a bar where a
            person looks on.
        journal: A folder for runs: this call is recorded in a folder of its own in it, rows included, so that it can
            be finished after a crash: by the same call, or by `sfframe.resume`. `None`: nothing is written. For frames
            on many machines it may be an address in an object store, such as `s3://bucket/runs`.
        new_run: Begin a new run although one of the same object and operation isn't finished.
        on_failure: When rows failed or weren't processed: `"warn"`, `"return"` silently, or `"raise"`.
    """

    columns: Mapping[str, str | None] | tuple[str, ...] | None = None
    nulls: Nulls | Mapping[str, Nulls] = "ignore"
    naive_datetimes: str = "error"
    describe: bool = True
    invalid: Literal["raise", "report"] = "raise"
    on_duplicate_key: Literal["raise", "partition", "send"] = "raise"
    assignment_rule_id: str | None = None
    max_payload_bytes: int = MAX_PAYLOAD_BYTES
    max_records: int = MAX_RECORDS
    max_concurrent_jobs: int = MAX_CONCURRENT_JOBS
    group_by: tuple[str, ...] = ()
    retry_rows: Mapping[str, int] = field(default_factory=lambda: dict(RETRY_ROWS))
    poll_interval: float | None = None
    timeout: float | None = None
    progress: IngestProgress = None
    journal: Path | str | None = None
    new_run: bool = False
    on_failure: Literal["warn", "return", "raise"] = "warn"

    @classmethod
    def of(cls, given: Mapping[str, Any], defaults: Mapping[str, Any] | None = None) -> Options:
        """Options from keywords, over an org's defaults.

            options = sfframe.Options.of({"nulls": "clear"}, {"max_records": 10_000})
            print(options.nulls, options.max_records)
            # clear 10000

        Raises:
            TypeError: An option that doesn't exist.
            ValueError: A value that an option doesn't take.
        """
        of_org = {name: value for name, value in (defaults or {}).items() if name not in READS_ALONE}
        merged = {**of_org, **given}
        names = [f.name for f in fields(cls)]
        for name in merged:
            if name not in names:
                raise TypeError(f"there is no option {name!r}{did_you_mean(name, names)}")
        return cls(**{name: _TIDY.get(name, _as_is)(value) for name, value in merged.items()})

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name}={getattr(self, name)!r} is none of {', '.join(map(repr, allowed))}")
        for name in ("max_payload_bytes", "max_records", "max_concurrent_jobs"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name}={value!r}: a whole number of at least 1 is needed")
        for name in ("poll_interval", "timeout"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, int | float) and value >= 0):
                raise ValueError(f"{name}={value!r}: a number of seconds, or None")
        checked(self.progress)
        _check_nulls(self.nulls)
        _check_zone(self.naive_datetimes)

    def changed(self, given: Mapping[str, Any]) -> Options:
        """These options with some others in their place."""
        return Options.of(given, {f.name: getattr(self, f.name) for f in fields(self)})

    def clears(self, column: str) -> bool:
        """Whether a null in this frame column sets the field to null."""
        return (self.nulls if isinstance(self.nulls, str) else self.nulls.get(column, "ignore")) == "clear"


def checked_defaults(defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Options of an org's every call.

    Raises:
        TypeError: An option that neither loads nor reads have.
        ValueError: A value that an option doesn't take.
    """
    names = [*(f.name for f in fields(Options)), *READS_ALONE]
    for name in defaults:
        if name not in names:
            raise TypeError(f"defaults=: there is no option {name!r}{did_you_mean(name, names)}")
    Options.of({}, defaults)
    return dict(defaults)


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the closest of the names, or nothing."""
    by_folded = {n.casefold(): n for n in names}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    return f"; did you mean {by_folded[close[0]]!r}?" if close else ""


def operation_of(text: str) -> Operation:
    """The operation by its name in Python (`hard_delete`) or on the wire (`hardDelete`)."""
    name = {"hardDelete": "hard_delete"}.get(text, text)
    for operation in OPERATIONS:
        if name == operation:
            return operation
    raise ValueError(f"there is no operation {text!r}: {', '.join(OPERATIONS)}{did_you_mean(text, OPERATIONS)}")


_CHOICES: dict[str, tuple[Any, ...]] = {
    "invalid": ("raise", "report"),
    "on_duplicate_key": ("raise", "partition", "send"),
    "on_failure": ("warn", "return", "raise"),
    "describe": (True, False),
    "new_run": (True, False),
}


def _check_nulls(nulls: Any) -> None:
    values = nulls.values() if isinstance(nulls, Mapping) else (nulls,)
    for value in values:
        if value not in ("ignore", "clear"):
            raise ValueError(f"nulls={nulls!r}: 'ignore', 'clear', or a dict of column to one of the two")


# Files beside the zone database that its reader takes too; others know zones by their names alone.
_NO_NAMES = ("posix", "right/", "Factory", "localtime")


def _check_zone(name: str) -> None:
    if name == "error":
        return
    try:
        if name.startswith(_NO_NAMES):
            raise ValueError(name)
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"naive_datetimes={name!r} is no time zone name such as 'Europe/Berlin'") from error


def _as_is(value: Any) -> Any:
    return value


def _columns(value: Any) -> Any:
    if isinstance(value, str):
        raise TypeError(f"columns={value!r}: a list of columns, or a dict of column to field")
    if isinstance(value, Mapping):
        for column, target in value.items():
            if not isinstance(target, str | None):
                raise TypeError(f"columns={{{column!r}: {target!r}}}: the name of a field, or None")
    return value if value is None or isinstance(value, Mapping) else tuple(value)


def _group_by(value: Any) -> tuple[str, ...]:
    return () if value is None else (value,) if isinstance(value, str) else tuple(value)


def _retry_rows(value: Any) -> dict[str, int]:
    if isinstance(value, Mapping):
        return {str(code): int(times) for code, times in value.items()}
    codes = () if value is None else (value,) if isinstance(value, str) else value
    return {str(code): RETRY_ROWS.get(code, 4) for code in codes}


def check_address(name: str, address: str) -> None:
    """See that no login is in the address of a store.

    Args:
        name: Of the option that gives it.
        address: The address.

    Raises:
        ValueError: One is; it isn't quoted.
    """
    if _holds_login(address):
        raise ValueError(f"{name}=: a login in an address is seen by many; name it where the storage looks for it")


def _holds_login(address: str) -> bool:
    parts = urlsplit(address)
    if parts.scheme.startswith("s3") and not parts.netloc.startswith("arn:") and set(":@") & set(parts.netloc):
        return True  # no bucket's name has one; of a key with a slash, the @ comes later
    names = "&".join(name for name, _ in parse_qsl(parts.query)).lower()
    return ":" in parts.netloc.rpartition("@")[0] or any(
        word in names for word in ("key", "password", "secret", "sig", "token")
    )


def _journal(value: Any) -> Path | str | None:
    if isinstance(value, str) and "://" in value:
        address = urlsplit(value)
        check_address("journal", value)
        if address.scheme != "file":
            return value.rstrip("/")  # as frames on many machines know it
        value = url2pathname(address.path)
    # As it is meant now: a call may end, and a result be looked at, after a change of directory.
    return None if value is None else Path(value).absolute()


_TIDY: dict[str, Callable[[Any], Any]] = {
    "columns": _columns,
    "group_by": _group_by,
    "retry_rows": _retry_rows,
    "journal": _journal,
}

spelled_out = spelling(IngestOptions, {f.name: getattr(Options(), f.name) for f in fields(Options)})
