"""What is known of jobs, whether they load or query: finding, listing, ageing, and what all of them refuse."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar

from sfframe.localorg.ingest.scan import DELIMITERS, LINE_ENDS
from sfframe.localorg.manners import Manners
from sfframe.localorg.objects.ids import normal_id
from sfframe.localorg.wire import Refusal, check_enum, not_found

# Of a job that has ended, and of its results (10).
LIFE = timedelta(days=7)
_TIDY_EVERY = timedelta(minutes=1)


class Kept(Protocol):
    """What every job has."""

    @property
    def id(self) -> str: ...
    @property
    def api_version(self) -> str: ...
    @property
    def state(self) -> str: ...


J = TypeVar("J", bound=Kept)


class Registry(ABC, Generic[J]):
    """The jobs of one kind, oldest first.

    Args:
        kind: Their `jobType`.
        manners: See there.
        now: The org's clock.
    """

    def __init__(self, kind: str, manners: Manners, now: Callable[[], datetime]) -> None:
        self._kind, self._manners, self._now = kind, manners, now
        self._lock = threading.Lock()
        self._jobs: dict[str, J] = {}
        self._tidied = now()

    def get(self, job_id: str) -> J:
        """The job of an id in either form.

        Raises:
            Refusal: There is none, or its time is over.
        """
        job = self._jobs.get(normal_id(job_id) or "")
        if job is not None:
            self._age(job)
        if job is None or not self.is_known(job):
            raise not_found()
        return job

    def is_known(self, job: J) -> bool:
        return self._jobs.get(job.id) is job

    def page(self, offset: int, job_type: str | None = None) -> tuple[list[J], int | None]:
        """One page of the list, and where the next one starts."""
        self._tidy()
        jobs = list(self._jobs.values()) if job_type in (None, "", self._kind) else []
        stop = offset + self._manners.list_page_size
        return jobs[offset:stop], stop if stop < len(jobs) else None

    def latest(self, most: int) -> list[J]:
        """The jobs that were made last, the last one first."""
        return list(self._jobs.values())[: -most - 1 : -1]

    @abstractmethod
    def _age(self, job: J) -> None:
        """Do to a job what its time demands (3.8, 10)."""

    def _tidy_now_and_then(self) -> None:
        if abs(self._now() - self._tidied) >= _TIDY_EVERY:
            self._tidy()

    def _tidy(self) -> None:
        self._tidied = self._now()
        for job in list(self._jobs.values()):
            self._age(job)


def check_wish(body: dict[str, Any], members: Collection[str], operations: tuple[str, ...]) -> None:
    """Refuse what no job can be made of (3.1, 6.1).

    Args:
        body: What is wished.
        members: The members that such a job has.
        operations: The values of `operation`.
    """
    if unknown := body.keys() - set(members):
        raise Refusal(400, "JSON_PARSER_ERROR", f'Unrecognized field "{sorted(unknown)[0]}"')
    check_enum(body, "operation", operations, needed=True)
    check_enum(body, "contentType", ("CSV",))
    check_enum(body, "columnDelimiter", tuple(DELIMITERS))
    check_enum(body, "lineEnding", tuple(LINE_ENDS))
    check_enum(body, "concurrencyMode", ("Parallel",))


def check_results(job: Kept, version: str, states: Collection[str]) -> None:
    """Refuse results that are asked for under another version (1), or in another state than these."""
    if version != job.api_version:
        text = f"API version {version} does not match the version {job.api_version} of the job"
        raise Refusal(409, "API_VERSION_MISMATCH", text)
    if job.state not in states:
        text = f"InvalidJobState : Results are not available while the job is in state {job.state}"
        raise Refusal(400, "INVALIDJOBSTATE", text)


def no_such_state(state: str) -> Refusal:
    return Refusal(400, "API_ERROR", f"Invalid value: '{state}' supplied for property: 'state'")


def already_ended() -> Refusal:
    return Refusal(400, "INVALIDJOBSTATE", "Aborting already Completed Job not allowed")


def not_ended() -> Refusal:
    text = "Error encountered when deleting the job because the job is not terminated"
    return Refusal(400, "API_ERROR", text)
