"""Call folder: where a call keeps the runs of its partitions, and which unfinished one a call goes on with."""

from __future__ import annotations

import json
import os
import re
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sfframe.disk import replaced, settle
from sfframe.errors import JournalError
from sfframe.ingest.request import IngestRequest
from sfframe.org.org import Org

_CALL: Final = "call.json"


def made(root: Path, request: IngestRequest, org: Org | None, n_partitions: int | None) -> Path:
    """A new folder in the one for all calls.

    Args:
        root: The folder for all calls.
        request: The call.
        org: Where its rows go.
        n_partitions: How many there are, if that is known by now.

    Raises:
        JournalError: It can't be made.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    sobject = re.sub(r"\W", "_", request.sobject)[:60]
    folder = root / f"{stamp}-{sobject}-{request.operation}-{secrets.token_hex(3)}"
    try:
        folder.mkdir(mode=0o700)
        _write(folder / _CALL, _facts(request, org, n_partitions))
        settle(root)  # or a power loss might leave no trace of a call whose jobs go on
    except OSError as error:
        raise JournalError(f"no call can be recorded in {root}: {error}") from error
    return folder


def unfinished(root: Path, request: IngestRequest, org: Org | None, n_partitions: int | None) -> Path | None:
    """The folder of an unfinished call of the same kind; see `made`.

    Raises:
        JournalError: It has other partitions.
    """
    wanted = _facts(request, org, n_partitions)
    for path in sorted(root.glob(f"*/{_CALL}")):
        facts = json.loads(path.read_text())
        if {**facts, "partitions": n_partitions} != wanted:
            continue
        if facts["partitions"] != n_partitions:
            raise JournalError(
                f"an unfinished call in {path.parent} has {facts['partitions']} partitions, and this frame has "
                f"{n_partitions}: finish it with the same frame, or say new_run=True to begin another one beside it"
            )
        return path.parent
    return None


def is_there(folder: Path) -> bool:
    """Whether a folder is that of a call over many machines, or has one in it."""
    return (folder / _CALL).exists() or any(folder.glob(f"*/{_CALL}"))


def is_finished(folder: Path) -> bool:
    """Whether nothing is left to do; a folder that was taken away has nothing either."""
    try:
        return bool(json.loads((folder / _CALL).read_text())["state"] == "finished")
    except FileNotFoundError:
        return True


def finished(folder: Path) -> None:
    """Note that nothing is left to do."""
    path = folder / _CALL
    facts = json.loads(path.read_text()) | {"state": "finished"}
    _write(path, facts)


def _write(path: Path, facts: dict[str, Any]) -> None:
    with replaced(path) as file:
        file.write(json.dumps(facts).encode())
        file.flush()
        os.fsync(file.fileno())
    settle(path.parent)


def _facts(request: IngestRequest, org: Org | None, n_partitions: int | None) -> dict[str, Any]:
    return {
        "sobject": request.sobject,
        "operation": request.operation,
        "external_id_field": request.external_id_field,
        "org": (org.org_id or org.host) if org is not None else None,
        "partitions": n_partitions,
        "state": "open",
    }
