"""One ingest job: what is known of it, and how answers tell it (wire notes, 3.1, 3.5)."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

BATCH_ROWS = 10_000
TERMINAL = frozenset({"JobComplete", "Failed", "Aborted"})


@dataclass(slots=True)
class Job:
    """One ingest job. `lock` is held by whoever changes its state or saves its rows.

    `made` has the first and last Id of each part of the records that it made, where its rows could name them.
    """

    id: str
    operation: str
    object: str
    api_version: str
    created_by: str
    created: str
    modstamp: str
    column_delimiter: str = "COMMA"
    line_ending: str = "LF"
    external_id_field: str | None = None
    assignment_rule_id: str | None = None
    state: str = "Open"
    uploads: int = 0
    rows: int = 0
    processed: int = 0
    failed: int = 0
    total_ms: int = 0
    active_ms: int = 0
    error_message: str | None = None
    made: Sequence[tuple[str, str]] = ()
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False, compare=False)

    @property
    def has_started(self) -> bool:
        return self.state not in ("Open", "UploadComplete")

    def take(self, other: Job) -> None:
        """Be as another version of this job. The state is the last, for who reads meanwhile takes no lock."""
        for name in self.__slots__:
            if name not in ("lock", "state"):
                setattr(self, name, getattr(other, name))
        self.state = other.state

    def line(self) -> str:
        """The job as it is kept in the database."""
        values = {key: getattr(self, key) for key in self.__slots__ if key != "lock"}
        return json.dumps(values)

    @classmethod
    def from_line(cls, line: str) -> Job:
        return cls(**json.loads(line))


def job_info(job: Job, *, counters: bool = False, listed: bool = False) -> dict[str, Any]:
    """The JobInfo of an answer, its members in the documented order."""
    info: dict[str, Any] = {
        "id": job.id,
        "operation": job.operation,
        "object": job.object,
        "createdById": job.created_by,
        "createdDate": job.created,
        "systemModstamp": job.modstamp,
        "state": job.state,
        "externalIdFieldName": job.external_id_field,
        "assignmentRuleId": job.assignment_rule_id,
        "concurrencyMode": "Parallel",
        "contentType": "CSV",
        "apiVersion": float(job.api_version),
        "contentUrl": None,
        "lineEnding": job.line_ending,
        "columnDelimiter": job.column_delimiter,
    }
    if job.state == "Open":
        # Relative, without a slash in front (3.1).
        info["contentUrl"] = f"services/data/v{job.api_version}/jobs/ingest/{job.id}/batches"
    info = {key: value for key, value in info.items() if value is not None}
    if counters or listed:
        info["jobType"] = "V2Ingest"
    if counters:
        info |= _counters(job)
    return info


def _counters(job: Job) -> dict[str, Any]:
    counters: dict[str, Any] = {}
    if job.has_started:
        counters = {"numberRecordsProcessed": job.processed, "numberRecordsFailed": job.failed}
    counters |= {
        "retries": 0,
        "totalProcessingTime": job.total_ms,
        "apiActiveProcessingTime": job.active_ms,
        "apexProcessingTime": 0,
    }
    if job.error_message is not None:
        counters["errorMessage"] = job.error_message
    return counters
