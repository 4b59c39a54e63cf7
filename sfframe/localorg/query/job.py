"""One query job: what is known of it, and how answers tell it (wire notes, 6.1)."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class QueryJob:
    """One query job. `lock` is held by whoever changes its state."""

    id: str
    operation: str
    object: str
    soql: str
    api_version: str
    created_by: str
    created: str
    modstamp: str
    column_delimiter: str = "COMMA"
    line_ending: str = "LF"
    state: str = "UploadComplete"
    records: int = 0
    total_ms: int = 0
    error_message: str | None = None
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False, compare=False)

    def line(self) -> str:
        """The job as it is kept in the database."""
        return json.dumps({key: getattr(self, key) for key in self.__slots__ if key != "lock"})

    @classmethod
    def from_line(cls, line: str) -> QueryJob:
        return cls(**json.loads(line))


def query_info(job: QueryJob, *, counters: bool = False, listed: bool = False) -> dict[str, Any]:
    """The JobInfo of an answer, its members in the documented order; the SOQL is in none."""
    info: dict[str, Any] = {
        "id": job.id,
        "operation": job.operation,
        "object": job.object,
        "createdById": job.created_by,
        "createdDate": job.created,
        "systemModstamp": job.modstamp,
        "state": job.state,
        "concurrencyMode": "Parallel",
        "contentType": "CSV",
        "apiVersion": float(job.api_version),
    }
    if counters or listed:
        info["jobType"] = "V2Query"
    info |= {"lineEnding": job.line_ending, "columnDelimiter": job.column_delimiter}
    if counters:
        info |= {
            "numberRecordsProcessed": job.records,
            "retries": 0,
            "totalProcessingTime": job.total_ms,
            "isPkChunkingSupported": True,
        }
        if job.error_message is not None:
            info["errorMessage"] = job.error_message
    return info
