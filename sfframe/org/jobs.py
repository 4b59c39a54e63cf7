"""Jobs over REST: what ingest and query jobs have in common, and how sure one can be of it (wire notes, 12)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

from sfframe.errors import ApiError, AuthenticationError, OutcomeUnknown
from sfframe.org import names
from sfframe.org.answers import PASSING, Response, path_of
from sfframe.org.job import JobInfo as JobInfo
from sfframe.org.job import JobState as JobState
from sfframe.org.readable import readable
from sfframe.org.retry import RetryPolicy
from sfframe.org.transport import Repeat, Transport

_EMPTY_ONES: Final = 10  # pages without a job one after the other, before that is taken for an error


class Jobs:
    """Jobs of one kind by hand; every method is a coroutine.

    Each may raise `ApiError` (the org refused, or gave no answer), `AuthenticationError`, and `ValueError` before
    anything is sent: an id, a version or a locator can't be one.
    """

    _kind: Literal["ingest", "query"]

    def __init__(self, transport: Transport, *, api_version: str, retry: RetryPolicy) -> None:
        self._transport = transport
        self._api_version = api_version
        self._retry = retry

    async def get_job(self, job_id: str, *, api_version: str | None = None) -> JobInfo:
        """Look at a job.

            job = await org.ingest.get_job(result.jobs[0].id)
            print(job.state)
            # JobComplete

        Args:
            job_id: The job.
            api_version: That of the job, if it isn't the org's.
        """
        return await self._look(job_id, self._retry, api_version)

    async def list_jobs(self, *, job_type: str | None = None) -> AsyncIterator[JobInfo]:
        """All jobs that this user may see, in no order; of other users, API versions and kinds too.

            async for job in org.ingest.list_jobs(job_type="V2Ingest"):
                assert job.state == "JobComplete"

        Args:
            job_type: `V2Ingest`, `V2Query`, `Classic` or `BigObjectIngest`: jobs of this kind alone.

        Raises:
            ApiError: The org refused, gave no answer, or named a page of the list twice.
        """
        params = {"jobType": job_type} if job_type else None
        path: str | None = self._base()
        asked: set[str] = set()
        n_empty = 0
        while path:
            page = await self._page_of_list(path, params)
            n_empty = 0 if page.jobs else n_empty + 1
            if n_empty > _EMPTY_ONES:
                raise ApiError(f"{n_empty} pages of the list of jobs in a row were empty, and none is the last")
            for job in page.jobs:
                yield job
            path, params = page.following, None
            if path in asked:
                raise ApiError(f"the list of jobs names a page twice as the next one: {path}")
            asked |= {path} if path else set()

    async def abort_job(self, job_id: str, *, api_version: str | None = None) -> JobInfo:
        """Stop a job. Rows that were written stay written.

            job = await org.ingest.create_job("Contact", "insert")
            print((await org.ingest.abort_job(job.id)).state)
            # Aborted

        Args:
            job_id: The job.
            api_version: That of the job, if it isn't the org's.

        Returns:
            The job in its final state, which is another one than `Aborted` if it had ended before.

        Raises:
            OutcomeUnknown: As in `close_job`.
        """
        return await self._move(job_id, JobState.ABORTED, lambda job: job.is_final, api_version)

    async def delete_job(self, job_id: str) -> None:
        """Remove a job and its results from the org. It must have ended.

        For example:

            await org.ingest.delete_job(result.jobs[0].id)
        """
        path = self._path(job_id)
        await self._transport.request("DELETE", path, job_id=job_id, fine_when_repeated=(404,))

    async def _move(
        self, job_id: str, state: str, has_arrived: Callable[[JobInfo], bool], api_version: str | None = None
    ) -> JobInfo:
        """Change a job's state, and be sure about it."""
        retry, tries = self._retry.patient(), 0
        path = self._path(job_id, api_version=api_version)
        while True:
            tries += 1
            try:
                response = await self._transport.request(
                    "PATCH", path, json={"state": state}, repeat=Repeat.NEVER, job_id=job_id
                )
                job = job_in(response, job_id)
                if not has_arrived(job):
                    raise ApiError(f"the org took the change to {state}, and tells of a job {job.state}", job_id=job_id)
                return job
            except ApiError as error:
                if not _is_doubtful(error):
                    raise
                doubt = error
            try:
                job = await self._look(job_id, retry, api_version)
            except (ApiError, AuthenticationError) as error:
                raise _unknown(job_id, error) from error
            if has_arrived(job):
                return job
            if tries >= retry.max_tries:
                raise doubt
            await asyncio.sleep(retry.wait_s(tries))

    async def _look(self, job_id: str, retry: RetryPolicy, api_version: str | None = None) -> JobInfo:
        path = self._path(job_id, api_version=api_version)
        ask = partial(self._transport.request, "GET", path, job_id=job_id, retry=retry)
        return await readable(ask, partial(job_in, job_id=job_id), retry)

    async def _page_of_list(self, path: str, params: Mapping[str, str] | None) -> _JobList:
        try:
            return await self._list_at(path, params)
        except ApiError as error:
            own = re.sub(r"/jobs/(ingest|query)(?=\?)", f"/jobs/{self._kind}", path)
            if own == path or not is_plain_refusal(error):
                raise
        # The documents' sample of query jobs goes on at jobs/ingest, which needn't know the locator (wire notes, 3.6).
        return await self._list_at(own, params)

    async def _list_at(self, path: str, params: Mapping[str, str] | None) -> _JobList:
        return await readable(partial(self._transport.request, "GET", path, params=params), _list_in, self._retry)

    def _base(self, api_version: str | None = None) -> str:
        return f"/services/data/v{names.api_version(api_version or self._api_version)}/jobs/{self._kind}"

    def _path(self, job_id: str, part: str = "", *, api_version: str | None = None) -> str:
        path = f"{self._base(api_version)}/{names.job_id(job_id)}"
        return f"{path}/{part}" if part else path


@dataclass(frozen=True, slots=True)
class _JobList:
    """A page of the list of jobs, and where the next one is."""

    jobs: Sequence[JobInfo]
    following: str | None


def is_plain_refusal(error: ApiError) -> bool:
    """Whether the org said no, and would say so again: neither a lost answer nor a state of the moment."""
    return error.status is not None and 300 <= error.status < 500 and not _passes(error)


def _is_doubtful(error: ApiError) -> bool:
    """Whether a change of state may have happened in spite of the error."""
    if error.status is None or error.status < 300 or _passes(error):
        return True
    return _code(error) == "INVALIDJOBSTATE"  # also what a repetition gets whose predecessor was carried out


def _passes(error: ApiError) -> bool:
    # The day's limit is a plain refusal, that of the moment passes.
    is_concurrency_limit = _code(error) == "REQUESTLIMITEXCEEDED" and "concurrent" in error.message.lower()
    return error.status in PASSING or is_concurrency_limit


def _code(error: ApiError) -> str:
    return (error.error_code or "").replace("_", "").upper()


def job_in(response: Response, job_id: str | None = None) -> JobInfo:
    """The job that an answer tells of.

    Raises:
        ApiError: It tells of none.
    """
    try:
        job = JobInfo.from_json(response.json())
    except ValueError as error:
        raise ApiError("the answer tells of no job", status=response.status, job_id=job_id) from error
    if job_id is not None and job.id[:15] != job_id[:15]:  # 15 characters and 18 are the same id
        raise ApiError(f"the answer tells of another job, {job.id}", status=response.status, job_id=job_id)
    return job


def _list_in(response: Response) -> _JobList:
    answer = response.json()
    records = answer.get("records") if isinstance(answer, dict) else None
    if not isinstance(records, list):
        raise ApiError("the answer is no list of jobs", status=response.status)
    try:
        jobs = [JobInfo.from_json(record) for record in records]
    except ValueError as error:
        raise ApiError("the answer is no list of jobs", status=response.status) from error
    following = answer.get("nextRecordsUrl")
    if answer.get("done") is False and not following:
        raise ApiError("the org says that there are more jobs, and not where", status=response.status)
    return _JobList(jobs, path_of(following) if following else None)


def _unknown(job_id: str, error: Exception) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"whether the org processes job {job_id} isn't known: {error}. "
        "Its rows may or may not be written; look at the job before you send them again.",
        job_ids=(job_id,),
    )


def locator_in(response: Response) -> str | None:
    """Where a result goes on; `None` after the last page, which the org says by the text `null`.

    Raises:
        ApiError: It can't be a locator.
    """
    locator = response.headers.get("sforce-locator", "null")
    if locator in ("", "null"):
        return None
    if not names.is_locator(locator):
        raise ApiError("the answer names as the next page's locator what is none", status=response.status)
    return locator
