"""A job as the org tells of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, Final

from sfframe.org import names


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

        job = result.jobs[0]
        print(job.state, job.is_final, job.number_records_processed, job.number_records_failed)
        # JobComplete True 3 1

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
    def from_json(cls, answer: Any) -> JobInfo:
        """Read what the org says of a job. What can't be read as what it should be goes into `extra`.

        Raises:
            ValueError: It isn't a job: no object, or one without id and state, or the id can't be one.
        """
        if not isinstance(answer, Mapping) or not all(isinstance(answer.get(name), str) for name in ("id", "state")):
            raise ValueError("not a job: it has no id and state")
        if not re.fullmatch(r"\w{1,40}", answer["state"], re.ASCII):
            raise ValueError("not a job: its state is none")
        if not names.is_job_id(answer["id"]):  # it will stand in paths
            raise ValueError("not a job: its id is none")
        known: dict[str, Any] = {}
        extra: dict[str, Any] = {}
        for key, value in answer.items():
            name = _NAMES.get(key)
            if name is None:
                extra[key] = value
            elif value is not None:
                try:
                    known[name] = _READERS[name](value) if name in _READERS else value
                except (TypeError, ValueError, OverflowError):
                    extra[key] = value
        return cls(**known, extra=extra)


def _camel(name: str) -> str:
    return re.sub(r"_(\w)", lambda found: found[1].upper(), name)


_NAMES: Final = {_camel(one.name): one.name for one in fields(JobInfo) if one.name != "extra"}


def _moment(text: str) -> datetime:
    """A moment in UTC; the org writes `2026-01-02T21:33:43.000+0000`, other places `Z`."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _text(given: Any) -> str:
    if not isinstance(given, str):
        raise TypeError("no text")
    return given


def _version(given: float | str) -> str:
    """A number in answers, text in documents."""
    return names.api_version(f"{float(given):.1f}")


def _count(given: Any) -> int:
    """A number of rows or milliseconds, in some answers as text."""
    count = int(given) if isinstance(given, int | float) or re.fullmatch(r"[0-9]{1,19}", str(given)) else -1
    if isinstance(given, bool) or count != float(given) or not 0 <= count < 2**63:
        raise ValueError("no count")
    return count


def _truth(given: Any) -> bool:
    if not isinstance(given, bool):
        raise TypeError("neither true nor false")
    return given


_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    **{one.name: _text for one in fields(JobInfo) if str(one.type).startswith("str")},
    "created_date": _moment,
    "system_modstamp": _moment,
    "api_version": _version,
    "is_pk_chunking_supported": _truth,
    **{one.name: _count for one in fields(JobInfo) if one.type == "int"},
}
