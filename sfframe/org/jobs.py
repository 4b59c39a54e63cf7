"""Jobs over REST: what ingest and query jobs have in common, and how sure one can be of it (wire notes, 12)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final, Literal
from urllib.parse import quote

from sfframe.errors import ApiError, AuthenticationError, OutcomeUnknown
from sfframe.org.answers import Response
from sfframe.org.job import JobInfo as JobInfo
from sfframe.org.job import JobState as JobState
from sfframe.org.retry import RetryPolicy
from sfframe.org.transport import Repeat, Transport

_PASSING: Final = frozenset({420, 429, 500, 502, 503, 504})


class Jobs:
    """Jobs of one kind by hand; every method is a coroutine.

    Each may raise `ApiError` (the org refused, or gave no answer) and `AuthenticationError`.
    """

    _kind: Literal["ingest", "query"]

    def __init__(self, transport: Transport, *, api_version: str, retry: RetryPolicy) -> None:
        self._transport = transport
        self._api_version = api_version
        self._retry = retry

    async def get_job(self, job_id: str) -> JobInfo:
        """Look at a job."""
        return await self._look(job_id, self._retry)

    async def list_jobs(self, *, job_type: str | None = None) -> AsyncIterator[JobInfo]:
        """All jobs that this user may see, in no order; of other users, API versions and kinds too.

        Args:
            job_type: `V2Ingest`, `Classic` or `BigObjectIngest`: jobs of this kind alone.
        """
        params = {"jobType": job_type} if job_type else None
        path: str | None = self._path()
        while path:
            page = (await self._transport.request("GET", path, params=params)).json()
            for record in page.get("records") or ():
                yield JobInfo.from_json(record)
            path, params = page.get("nextRecordsUrl"), None

    async def abort_job(self, job_id: str) -> JobInfo:
        """Stop a job. Rows that were written stay written.

        Returns:
            The job in its final state, which is another one than `Aborted` if it had ended before.

        Raises:
            OutcomeUnknown: As in `close_job`.
        """
        return await self._move(job_id, JobState.ABORTED, lambda job: job.is_final)

    async def delete_job(self, job_id: str) -> None:
        """Remove a job and its results from the org. It must have ended."""
        path = self._path(job_id)
        await self._transport.request("DELETE", path, job_id=job_id, fine_when_repeated=(404,))

    async def _move(self, job_id: str, state: str, has_arrived: Callable[[JobInfo], bool]) -> JobInfo:
        """Change a job's state, and be sure about it."""
        retry, tries = self._retry.patient(), 0
        while True:
            tries += 1
            try:
                response = await self._transport.request(
                    "PATCH", self._path(job_id), json={"state": state}, repeat=Repeat.NEVER, job_id=job_id
                )
                return job_in(response, job_id)
            except ApiError as error:
                if not _is_doubtful(error):
                    raise
                doubt = error
            try:
                job = await self._look(job_id, retry)
            except (ApiError, AuthenticationError) as error:
                raise _unknown(job_id, error) from error
            if has_arrived(job):
                return job
            if tries >= retry.max_tries:
                raise doubt
            await asyncio.sleep(retry.wait_s(tries))

    async def _look(self, job_id: str, retry: RetryPolicy) -> JobInfo:
        tries = 0
        while True:
            tries += 1
            response = await self._transport.request("GET", self._path(job_id), job_id=job_id, retry=retry)
            try:
                return job_in(response, job_id)
            except ApiError:  # a page of the edge or of maintenance, which may come as a success (wire notes, 9.1)
                if tries >= retry.max_tries:
                    raise
            await asyncio.sleep(retry.wait_s(tries))

    def _path(self, *parts: str, api_version: str | None = None) -> str:
        base = f"/services/data/v{api_version or self._api_version}/jobs/{self._kind}"
        return "/".join((base, *(quote(part, safe="") for part in parts)))


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
    return error.status in _PASSING or is_concurrency_limit


def _code(error: ApiError) -> str:
    return (error.error_code or "").replace("_", "").upper()


def job_in(response: Response, job_id: str | None = None) -> JobInfo:
    """The job that an answer tells of.

    Raises:
        ApiError: It tells of none.
    """
    try:
        return JobInfo.from_json(response.json())
    except ValueError as error:
        raise ApiError("the answer tells of no job", status=response.status, job_id=job_id) from error


def _unknown(job_id: str, error: Exception) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"whether the org processes job {job_id} isn't known: {error}. "
        "Its rows may or may not be written; look at the job before you send them again.",
        job_ids=(job_id,),
    )


def locator_in(response: Response) -> str | None:
    """Where a result goes on; `None` after the last page, which the org says by the text `null`."""
    locator = response.headers.get("sforce-locator", "null")
    return None if locator in ("", "null") else locator
