"""A job as the org tells of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, Final


class JobState:
    """The states that a job is known to have. One that isn't here counts as still going."""

    OPEN: Final = "Open"
    UPLOAD_COMPLETE: Final = "UploadComplete"
    IN_PROGRESS: Final = "InProgress"
    JOB_COMPLETE: Final = "JobComplete"
    FAILED: Final = "Failed"
    ABORTED: Final = "Aborted"


_FINAL: Final = frozenset({JobState.JOB_COMPLETE, JobState.FAILED, JobState.ABORTED})


@dataclass(frozen=True, kw_only=True, slots=True)
class JobInfo:
    """What the org says of a job; the words are Salesforce's. Which fields it fills depends on the request.

    Attributes:
        id: 18 characters.
        state: See `JobState`.
        api_version: The version that the job was created with, as `66.0`. Its results can be had with this
            one only.
        number_records_processed: Rows done, failed ones included. The result files are the truth, this is a
            check.
        number_records_failed: Rows failed.
        total_processing_time: Milliseconds, like the other two.
        error_message: Why the job failed, if the org says so.
        extra: What a newer API version adds, under the org's names.
    """

    id: str
    state: str
    operation: str | None = None
    object: str | None = None
    created_by_id: str | None = None
    created_date: datetime | None = None
    system_modstamp: datetime | None = None
    external_id_field_name: str | None = None
    assignment_rule_id: str | None = None
    concurrency_mode: str | None = None
    content_type: str | None = None
    api_version: str | None = None
    content_url: str | None = None
    line_ending: str | None = None
    column_delimiter: str | None = None
    job_type: str | None = None
    number_records_processed: int = 0
    number_records_failed: int = 0
    retries: int = 0
    total_processing_time: int = 0
    api_active_processing_time: int = 0
    apex_processing_time: int = 0
    error_message: str | None = None
    is_pk_chunking_supported: bool | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def is_final(self) -> bool:
        """The job has ended, well or not."""
        return self.state in _FINAL

    @classmethod
    def from_json(cls, answer: Mapping[str, Any]) -> JobInfo:
        known = {_NAMES[key]: value for key, value in answer.items() if key in _NAMES and value is not None}
        for name in ("created_date", "system_modstamp"):
            if name in known:
                known[name] = _moment(known[name])
        if "api_version" in known:
            known["api_version"] = f"{float(known['api_version']):.1f}"  # a number in answers, text in documents
        extra = {key: value for key, value in answer.items() if key not in _NAMES}
        return cls(**known, extra=extra)


def _camel(name: str) -> str:
    return re.sub(r"_(\w)", lambda found: found[1].upper(), name)


_NAMES: Final = {_camel(one.name): one.name for one in fields(JobInfo) if one.name != "extra"}


def _moment(text: str) -> datetime:
    """A moment in UTC; the org writes `2026-01-02T21:33:43.000+0000`, other places `Z`."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
