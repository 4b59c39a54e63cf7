"""Spark options: what is said as text in `df.write.options(...)` and `spark.read.options(...)`, as values."""

from __future__ import annotations

import functools
import json
import math
import os
import stat
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from sfframe.errors import NoOrgError
from sfframe.ingest.request import IngestRequest, ingest_request
from sfframe.options import Options, check_address, did_you_mean, operation_of
from sfframe.org import login
from sfframe.org.org import Org, OrgSettings
from sfframe.query.options import ReadOptions

Given = Mapping[str, str | None]

RUNS: Final = "_runs"  # in the results
_LOGIN_WORDS: Final = (
    "password", "secret", "token", "privatekey", "clientid", "username", "credential", "apikey", "authorization",
)  # fmt: skip
_HOW_TO_LOG_IN: Final = (
    "a login is no option, for options are shown in plans and in Spark's UI. Set the SFFRAME_... variables in the "
    "environment of the driver and of the workers (spark.executorEnv.SFFRAME_CLIENT_SECRET, ...), or name by "
    "secretsFile= a file of theirs"
)
_ELSEWHERE: Final = {
    "path": "call save() without a path: resultsPath= says where results go; and load() without one: object= or soql= "
    "says what is read",
    "progress": "Spark's UI shows how far its tasks are",
    "journal": "name the folder for runs by journalPath=",
    "sobject": "name the object by object=",
    "query": "name the statement by soql=",
    "dbtable": "name the object by object=",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """Where a login is found on the machine that asks: it holds no secret, and may travel and be shown.

    Attributes:
        url: The org's address in place of `SFFRAME_URL`.
        secrets_file: A file of `SFFRAME_NAME=value` lines in place of the environment.
    """

    url: str | None = None
    secrets_file: Path | None = None

    def __call__(self) -> Org:
        """The org, one in each process.

        Raises:
            NoOrgError: No login is complete, or the file can't be used.
        """
        variables = os.environ if self.secrets_file is None else _secrets_in(self.secrets_file)
        known = {name: value for name, value in variables.items() if name.startswith(login.PREFIX)}
        return _org(self.url, tuple(sorted(known.items())))


@functools.lru_cache(maxsize=8)
def _org(url: str | None, variables: tuple[tuple[str, str], ...]) -> Org:
    found = login.from_env(dict(variables), url=url)
    return Org(found.url, found.auth, **_settings(found.api_version))


def _settings(api_version: str | None) -> OrgSettings:
    return {"api_version": api_version} if api_version else {}


def _secrets_in(path: Path) -> dict[str, str]:
    try:
        with path.open(encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            if sys.platform != "win32" and stat.S_IMODE(mode) & 0o077:
                raise NoOrgError(
                    f"secretsFile={str(path)!r} has the mode {stat.S_IMODE(mode):04o}, so that others can read it: "
                    f"chmod 600 {path}"
                )
            lines = file.read().splitlines()
    except OSError as error:
        raise NoOrgError(f"secretsFile={str(path)!r} can't be read here: {error.strerror}") from error
    found = {}
    for number, line in enumerate(lines, 1):
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not equals or not name.strip().startswith(login.PREFIX):
            raise NoOrgError(f"line {number} of secretsFile={str(path)!r} is no SFFRAME_NAME=value")
        value = value.strip()
        is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
        found[name.strip()] = value[1:-1] if is_quoted else value
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class WriteOptions:
    """What `df.write.format("sfframe")` was told.

    Attributes:
        request: The call.
        login: Where rows go.
        results: Where results go, as it was given; `None` where nothing is sent.
        journal: The folder for runs, or its address in a store.
        is_own_journal: Whether it is in the results, and goes when they are whole.
        only_checks: Whether nothing is sent.
        trusts_storage: Whether the caller says that what one process has there no other one gets.
        silent_s: Seconds after which one who has something in a store, and is silent, counts as dead; `None`: as usual.
    """

    request: IngestRequest
    login: Login
    results: str | None
    journal: Path | str
    is_own_journal: bool
    only_checks: bool
    trusts_storage: bool
    silent_s: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadingOptions:
    """What `spark.read.format("sfframe")` was told.

    Attributes:
        soql: The statement; `None`: it is made of the object and the columns.
        sobject: The object.
        columns: Its fields that are wanted; none: all that it has.
        login: What is read.
        options: As those of `read_soql`.
    """

    soql: str | None
    sobject: str | None
    columns: tuple[str, ...]
    login: Login
    options: ReadOptions


def write_options(given: Given) -> WriteOptions:
    """The options of a write.

    Raises:
        ValueError: Those that there aren't, or that make no sense: all of them.
    """
    said = _Said(given, _WRITE)
    results, journal = said.own("results_path"), said.own("journal_path")
    only_checks = said.own("check_only", False)
    beside = f"{results.rstrip('/')}/{RUNS}" if results else None
    place = place_of(journal or beside)
    if results is None and not only_checks:
        said.wrong("resultsPath=: where the results go is needed, such as 's3://bucket/run1'")
    elif place is None:
        said.wrong(
            "journalPath=: a folder or store that driver and workers reach is needed, for there is no resultsPath="
        )
    for name in ("results_path", "journal_path"):
        said.tried(functools.partial(check_address, camel(name), said.own(name, "")))
    request = said.tried(lambda: _request(said))
    login = Login(url=said.own("url"), secrets_file=said.own("secrets_file"))
    said.check()
    assert place is not None
    return WriteOptions(
        request=request,
        login=login,
        results=None if only_checks or results is None else str(place_of(results)),
        journal=place,
        is_own_journal=journal is None,
        only_checks=only_checks,
        trusts_storage=said.own("trust_storage", False),
        silent_s=said.own("silent_seconds"),
    )


def reading_options(given: Given) -> ReadingOptions:
    """The options of a read.

    Raises:
        ValueError: Those that there aren't, or that make no sense: all of them.
    """
    said = _Said(given, _READ)
    soql, sobject = said.own("soql"), said.own("object")
    columns = said.own("columns") or ()
    if isinstance(columns, Mapping):
        said.wrong("columns=: a list of fields is needed")
    if (soql is None) == (sobject is None):
        said.wrong("soql= or object=: one of the two is needed")
    elif soql is not None and columns:
        said.wrong("columns= goes with object=: with soql= the statement's own list counts")
    login = Login(url=said.own("url"), secrets_file=said.own("secrets_file"))
    names = ("all_rows", "api", "decimals", "multiselect", "timeout")
    options: Any = {name: said.own(name) for name in names if said.own(name) is not None}
    said.check()
    return ReadingOptions(soql=soql, sobject=sobject, columns=tuple(columns), login=login, options=options)


def place_of(address: str | None) -> Path | str | None:
    """A folder of the file system, or the address of what is in a store."""
    return local_path(address) or (address.rstrip("/") if address else None)


def local_path(path: str | None) -> Path | None:
    """A folder of the file system, by its path or as a file:// address; `None`: it is something else."""
    if not path:
        return None
    parts = urlsplit(path)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return Path(unquote(parts.path)).absolute()
    is_drive = len(parts.scheme) == 1
    return Path(path).absolute() if not parts.scheme or is_drive else None


def _request(said: _Said) -> IngestRequest:
    given = {name: value for name, value in said.values.items() if name in _INGEST}
    options = Options.of(given)
    operation = said.own("operation")
    if operation is None:
        raise ValueError("operation=: one of insert, update, upsert, delete and hard_delete is needed")
    return ingest_request(said.own("object") or "", operation_of(operation), said.own("external_id_field"), options)


# --- one by one -------------------------------------------------------------------------------------------------------


class _Said:
    """The options by their names in Python, and what is wrong with them."""

    def __init__(self, given: Given, known: Mapping[str, Callable[[str], Any]]) -> None:
        self.values: dict[str, Any] = {}
        self._problems: list[str] = []
        by_folded = {_folded(name): name for name in known}
        for key, value in given.items():
            folded = _folded(key)
            if folded in by_folded:
                self._take(by_folded[folded], value, known)
            elif any(word in folded for word in _LOGIN_WORDS):
                self.wrong(f"{key}=: {_HOW_TO_LOG_IN}")
            elif folded in _ELSEWHERE:
                self.wrong(f"{key}=: {_ELSEWHERE[folded]}")
            else:
                self.wrong(f"there is no option {key!r}{did_you_mean(key, map(camel, known))}")

    def _take(self, name: str, value: str | None, known: Mapping[str, Callable[[str], Any]]) -> None:
        if value is None or not value.strip():
            return
        try:
            self.values[name] = known[name](value.strip())
        except ValueError as error:
            self.wrong(f"{camel(name)}={value!r}: {error}")

    def own(self, name: str, otherwise: Any = None) -> Any:
        """What was said of one."""
        return self.values.get(name, otherwise)

    def tried(self, work: Callable[[], Any]) -> Any:
        """What is made of them, unless that can't be."""
        try:
            return work()
        except (TypeError, ValueError) as error:
            self.wrong(str(error))
            return None

    def wrong(self, text: str) -> None:
        self._problems.append(text)

    def check(self) -> None:
        """Raise all that is wrong."""
        if len(self._problems) == 1:
            raise ValueError(self._problems[0])
        if self._problems:
            raise ValueError(
                "\n".join([f"{len(self._problems)} options can't be:", *(f"- {p}" for p in self._problems)])
            )


def camel(name: str) -> str:
    """`max_records` as `maxRecords`."""
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))


def _folded(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def _bool(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError("true or false is needed")
    return text.lower() == "true"


def _int(text: str) -> int:
    try:
        return int(text.replace("_", ""))
    except ValueError:
        raise ValueError("a whole number is needed") from None


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError("a number of seconds is needed") from None


def _some_seconds(text: str) -> float:
    seconds = _seconds(text)
    if not 0 < seconds < math.inf:
        raise ValueError("a number of seconds above 0 is needed")
    return seconds


def _listed(text: str) -> Any:
    """A JSON object or array, or texts between commas."""
    return _json(text) if text[0] in "[{" else [one.strip() for one in text.split(",") if one.strip()]


def _worded(text: str) -> Any:
    """A word, or a JSON object."""
    return _json(text) if text[0] == "{" else text


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"it begins as JSON and isn't ({error})") from None


_FORMS: Final[Mapping[str, Callable[[str], Any]]] = {
    "columns": _listed,
    "nulls": _worded,
    "describe": _bool,
    "max_payload_bytes": _int,
    "max_records": _int,
    "max_concurrent_jobs": _int,
    "group_by": _listed,
    "retry_rows": _listed,
    "poll_interval": _seconds,
    "timeout": _seconds,
    "new_run": _bool,
}
_INGEST: Final[Mapping[str, Callable[[str], Any]]] = {
    one.name: _FORMS.get(one.name, str) for one in fields(Options) if one.name not in ("progress", "journal")
}
_BOTH: Final[Mapping[str, Callable[[str], Any]]] = {"object": str, "url": str, "secrets_file": Path}
_WRITE: Final[Mapping[str, Callable[[str], Any]]] = {
    **_BOTH,
    **_INGEST,
    "operation": str,
    "external_id_field": str,
    "results_path": str,
    "journal_path": str,
    "check_only": _bool,
    "trust_storage": _bool,
    "silent_seconds": _some_seconds,
}
_READ: Final[Mapping[str, Callable[[str], Any]]] = {
    **_BOTH,
    "soql": str,
    "columns": _listed,
    "all_rows": _bool,
    "api": str,
    "decimals": _bool,
    "multiselect": str,
    "timeout": _seconds,
}
