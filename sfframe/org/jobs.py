"""Ingest jobs over REST: a method for each call, and for each whether it may be repeated (wire notes, 12)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import quote

from sfframe.errors import ApiError, AuthenticationError, OutcomeUnknown
from sfframe.org.answers import Response
from sfframe.org.job import JobInfo as JobInfo
from sfframe.org.job import JobState as JobState
from sfframe.org.retry import RetryPolicy
from sfframe.org.transport import Body, Repeat, Sink, Transport

ResultKind: TypeAlias = Literal["successful_results", "failed_results", "unprocessed_records"]

_PATHS: Final[dict[str, str]] = {
    "successful_results": "successfulResults",
    "failed_results": "failedResults",
    "unprocessed_records": "unprocessedrecords",  # lower case in the documents
}
_PASSING: Final = frozenset({420, 429, 500, 502, 503, 504})


class IngestJobs:
    """`org.ingest`: ingest jobs by hand. Bytes in, bytes out; every method is a coroutine.

    Each may raise `ApiError` (the org refused, or gave no answer) and `AuthenticationError`.
    """

    def __init__(self, transport: Transport, *, api_version: str, retry: RetryPolicy, org: Any = None) -> None:
        self._transport = transport
        self._api_version = api_version
        self._retry = retry
        self._org = org

    async def create_job(
        self,
        sobject: str,
        operation: str,
        *,
        external_id_field: str | None = None,
        assignment_rule_id: str | None = None,
        line_ending: Literal["LF", "CRLF"] = "LF",
        column_delimiter: str = "COMMA",
    ) -> JobInfo:
        """Create a job. It is `Open` then and waits for its data.

        A lost answer is followed by another request: the job that may stay behind is empty and can't run.
        """
        wish = {
            "object": sobject,
            "operation": "hardDelete" if operation == "hard_delete" else operation,
            "contentType": "CSV",
            "lineEnding": line_ending,
            "columnDelimiter": column_delimiter,
            "externalIdFieldName": external_id_field,
            "assignmentRuleId": assignment_rule_id,
        }
        wish = {key: value for key, value in wish.items() if value is not None}
        return _job_in(await self._transport.request("POST", self._path(), json=wish))

    async def upload_job_data(self, job_id: str, data: Body) -> JobInfo:
        """Give a job its data and close it: from here on the org processes it.

        See `put_job_data` and `close_job` for what can go wrong.
        """
        await self.put_job_data(job_id, data)
        return await self.close_job(job_id)

    async def put_job_data(self, job_id: str, data: Body) -> None:
        """Send a job's data, once: UTF-8 CSV as bytes, or the path of such a file.

        Never repeated, since a second PUT spoils a job. After an error the job can only be aborted, and
        another one made.
        """
        if not isinstance(data, bytes | bytearray | memoryview | Path):
            raise TypeError(f"data must be bytes or a Path, not {type(data).__name__}")
        headers = {"Content-Type": "text/csv; charset=UTF-8"}
        path = self._path(job_id, "batches")
        await self._transport.request("PUT", path, body=data, headers=headers, repeat=Repeat.NEVER, job_id=job_id)

    async def close_job(self, job_id: str) -> JobInfo:
        """Tell the org that a job's data is complete. Its rows may be written from this moment on.

        A lost answer is settled by looking at the job.

        Returns:
            The job, in a later state than `Open`. It may hold no more than `id` and `state`.

        Raises:
            ApiError: The org refused, or the job is still `Open` after many tries; nothing was written.
                See `is_spoiled`.
            OutcomeUnknown: The answer was lost, and the org can't be asked, or doesn't know the job any more.
        """
        return await self._move(job_id, JobState.UPLOAD_COMPLETE, lambda job: job.state != JobState.OPEN)

    async def abort_job(self, job_id: str) -> JobInfo:
        """Stop a job. Rows that were written stay written.

        Returns:
            The job in its final state, which is another one than `Aborted` if it had ended before.

        Raises:
            OutcomeUnknown: As in `close_job`.
        """
        return await self._move(job_id, JobState.ABORTED, lambda job: job.is_final)

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

    async def delete_job(self, job_id: str) -> None:
        """Remove a job and its results from the org. It must have ended."""
        path = self._path(job_id)
        await self._transport.request("DELETE", path, job_id=job_id, fine_when_repeated=(404,))

    async def successful_results(self, job_id: str, *, api_version: str | None = None) -> bytes:
        """The rows that were written: CSV with `sf__Id`, `sf__Created` and the columns sent, in any order."""
        return await self.download(job_id, "successful_results", api_version=api_version)

    async def failed_results(self, job_id: str, *, api_version: str | None = None) -> bytes:
        """The rows that were refused: CSV with `sf__Id`, `sf__Error` and the columns sent, in any order."""
        return await self.download(job_id, "failed_results", api_version=api_version)

    async def unprocessed_records(self, job_id: str, *, api_version: str | None = None) -> bytes:
        """The rows that weren't reached: CSV with the columns sent, in any order."""
        return await self.download(job_id, "unprocessed_records", api_version=api_version)

    async def download(
        self, job_id: str, kind: ResultKind, sink: Sink | None = None, *, api_version: str | None = None
    ) -> bytes:
        """One result file of a job.

        Args:
            job_id: The job.
            kind: `successful_results`, `failed_results` or `unprocessed_records`.
            sink: Takes the file, for large ones: a path, or a seekable binary file open for writing.
            api_version: That of the job, if it isn't the org's. Without it the job is asked when need be.

        Returns:
            The CSV; empty if there is a sink.
        """
        try:
            return await self._download(job_id, kind, sink, api_version or self._api_version)
        except ApiError as error:
            if error.status != 409 or api_version:
                raise
            refusal = error
        job = await self.get_job(job_id)
        if job.api_version in (None, self._api_version):
            raise refusal
        return await self._download(job_id, kind, sink, job.api_version)

    async def perform_operation(self, operation: str, sobject: str, frame: Any, **options: Any) -> Any:
        """All of it at once: `sfframe.ingest_async` on this org."""
        from sfframe.verbs import ingest_async

        return await ingest_async(frame, sobject, operation, org=self._org, **options)

    async def _download(self, job_id: str, kind: ResultKind, sink: Sink | None, api_version: str) -> bytes:
        path = self._path(job_id, _PATHS[kind], api_version=api_version)
        headers = {"Accept": "text/csv"}
        get = partial(self._transport.request, "GET", path, headers=headers, job_id=job_id)
        response = await get(sink=sink)
        body = response.body
        # No document speaks of pages here, and some third party does (wire notes, 5).
        asked: set[str] = set()
        while (locator := _locator(response)) and locator not in asked:
            asked.add(locator)
            response = await get(params={"locator": locator})
            if _locator(response) == locator:  # where locators aren't read, each answer is the whole file
                break
            page = response.body.partition(b"\n")[2]  # each page begins with the header
            body += _appended(page, sink)
        return body

    async def _move(self, job_id: str, state: str, has_arrived: Callable[[JobInfo], bool]) -> JobInfo:
        """Change a job's state, and be sure about it."""
        retry, tries = self._retry.patient(), 0
        while True:
            tries += 1
            try:
                response = await self._transport.request(
                    "PATCH", self._path(job_id), json={"state": state}, repeat=Repeat.NEVER, job_id=job_id
                )
                return _job_in(response, job_id)
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
                return _job_in(response, job_id)
            except ApiError:  # a page of the edge or of maintenance, which may come as a success (wire notes, 9.1)
                if tries >= retry.max_tries:
                    raise
            await asyncio.sleep(retry.wait_s(tries))

    def _path(self, *parts: str, api_version: str | None = None) -> str:
        base = f"/services/data/v{api_version or self._api_version}/jobs/ingest"
        return "/".join((base, *(quote(part, safe="") for part in parts)))


def is_spoiled(error: ApiError) -> bool:
    """Whether a job was refused at its closing for having got data twice: abort it, and make another."""
    return "contents for job" in error.message


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


def _job_in(response: Response, job_id: str | None = None) -> JobInfo:
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


def _appended(page: bytes, sink: Sink | None) -> bytes:
    if sink is None:
        return page
    if isinstance(sink, Path):
        with sink.open("ab") as file:
            file.write(page)
    else:
        sink.write(page)
    return b""


def _locator(response: Response) -> str | None:
    locator = response.headers.get("sforce-locator", "null")
    return None if locator in ("", "null") else locator
