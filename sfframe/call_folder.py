"""Call folder: where a call keeps the runs of its partitions, and which unfinished one a call goes on with."""

from __future__ import annotations

import json
import re
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from sfframe.depot import Depot
from sfframe.errors import JournalError
from sfframe.ingest.request import IngestRequest
from sfframe.ingest.run_file import told
from sfframe.org.org import Org

DepotT = TypeVar("DepotT", bound=Depot)

_CALL: Final = "call.json"


def made(root: DepotT, request: IngestRequest, org: Org | None, n_partitions: int | None) -> DepotT:
    """A new one beside those of other calls.

    Args:
        root: Where those of all calls are.
        request: The call.
        org: Where its rows go.
        n_partitions: How many there are, if that is known by now.

    Raises:
        JournalError: It can't be made.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    sobject = re.sub(r"\W", "_", request.sobject)[:60]
    folder = root.below(f"{stamp}-{sobject}-{request.operation}-{secrets.token_hex(3)}")
    try:
        _write(folder, _facts(request, org, n_partitions))
    except OSError as error:
        raise JournalError(f"no call can be recorded in {root}: {error}") from error
    return folder


def unfinished(root: DepotT, request: IngestRequest, org: Org | None, n_partitions: int | None) -> DepotT | None:
    """That of an unfinished call of the same kind; see `made`.

    Raises:
        JournalError: It has other partitions, or none can be looked for.
    """
    wanted = _facts(request, org, n_partitions)
    try:
        calls = [(folder, facts) for name in root.names() if (facts := _read(folder := root.below(name))) is not None]
    except OSError as error:
        raise JournalError(f"no calls can be looked for in {root}: {error}") from error
    for folder, facts in calls:
        if {**facts, "partitions": n_partitions} != wanted:
            continue
        if facts["partitions"] != n_partitions:
            raise JournalError(
                f"an unfinished call in {folder} has {facts['partitions']} partitions, and this frame has "
                f"{n_partitions}: finish it with the same frame, or say new_run=True to begin another one beside it"
            )
        return folder
    return None


def is_there(folder: Path) -> bool:
    """Whether a folder is that of a call over many machines, or has one in it."""
    return (folder / _CALL).exists() or any(folder.glob(f"*/{_CALL}"))


def is_finished(folder: Depot) -> bool:
    """Whether nothing is left to do; a folder that was taken away has nothing either.

    Raises:
        JournalError: That can't be seen.
    """
    with told(str(folder)):
        facts = _read(folder)
    return facts is None or bool(facts["state"] == "finished")


def finished(folder: Depot) -> None:
    """Note that nothing is left to do.

    Raises:
        JournalError: That can't be done.
    """
    with told(str(folder)):
        facts = _read(folder)
        assert facts is not None
        _write(folder, facts | {"state": "finished"})


def _read(folder: Depot) -> dict[str, Any] | None:
    try:
        return dict(json.loads(folder.read(_CALL)))
    except (FileNotFoundError, NotADirectoryError):
        return None


def _write(folder: Depot, facts: dict[str, Any]) -> None:
    folder.write(_CALL, json.dumps(facts).encode())


def _facts(request: IngestRequest, org: Org | None, n_partitions: int | None) -> dict[str, Any]:
    return {
        "sobject": request.sobject,
        "operation": request.operation,
        "external_id_field": request.external_id_field,
        "org": (org.org_id or org.host) if org is not None else None,
        "partitions": n_partitions,
        "state": "open",
    }
