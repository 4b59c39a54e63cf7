"""Ingest jobs over REST: a method for each call, and for each whether it may be repeated (wire notes, 12)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, Unpack

from sfframe.errors import ApiError
from sfframe.options import IngestOptions, Operation, spelled_out
from sfframe.org import names
from sfframe.org.body import RESULT_BYTES
from sfframe.org.jobs import JobInfo, Jobs, JobState, job_in, locator_in
from sfframe.org.retry import RetryPolicy
from sfframe.org.transport import Body, Repeat, Sink, Transport

if TYPE_CHECKING:
    from sfframe.result import IngestResult

ResultKind: TypeAlias = Literal["successful_results", "failed_results", "unprocessed_records"]

_PATHS: Final[dict[str, str]] = {
    "successful_results": "successfulResults",
    "failed_results": "failedResults",
    "unprocessed_records": "unprocessedrecords",  # lower case in the documents
}

_EMPTY_ONES: Final = 10  # pages without a row one after the other, before that is taken for an error


class IngestJobs(Jobs):
    """`org.ingest`: ingest jobs by hand. Bytes in, bytes out; every method is a coroutine.

        job = await org.ingest.create_job("Contact", "insert")
        job = await org.ingest.upload_job_data(job.id, b"LastName\\nNg\\n")
        while not job.is_final:
            job = await org.ingest.get_job(job.id)
        print(job.state, (await org.ingest.failed_results(job.id)).decode().splitlines()[0])
        # JobComplete "sf__Id","sf__Error",LastName

    Each may raise `ApiError` (the org refused, or gave no answer) and `AuthenticationError`.
    """

    _kind = "ingest"

    def __init__(self, transport: Transport, *, api_version: str, retry: RetryPolicy, org: Any = None) -> None:
        super().__init__(transport, api_version=api_version, retry=retry)
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

            job = await org.ingest.create_job("Contact", "upsert", external_id_field="ExternalId__c")
            print(job.state)
            # Open

        A lost answer is followed by another request: the job that may stay behind is empty and can't run.

        Raises:
            ValueError: `sobject` or `external_id_field` can't be a name; nothing was sent.
        """
        names.sobject_name(sobject)
        if external_id_field is not None:
            names.field_name(external_id_field)
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
        return job_in(await self._transport.request("POST", self._base(), json=wish))

    async def upload_job_data(self, job_id: str, data: Body) -> JobInfo:
        """Give a job its data and close it: from here on the org processes it.

            job = await org.ingest.create_job("Contact", "insert")
            job = await org.ingest.upload_job_data(job.id, b"LastName\\nNg\\n")
            print(job.state)
            # UploadComplete

        See `put_job_data` and `close_job` for what can go wrong.
        """
        await self.put_job_data(job_id, data)
        return await self.close_job(job_id)

    async def put_job_data(self, job_id: str, data: Body, *, sent: Callable[[int], None] | None = None) -> None:
        """Send a job's data, once: UTF-8 CSV as bytes, or the path of such a file.

            job = await org.ingest.create_job("Contact", "insert")
            await org.ingest.put_job_data(job.id, b"LastName\\nNg\\n")
            job = await org.ingest.get_job(job.id)
            print(job.state)
            # Open

        Never repeated, since a second PUT spoils a job. After an error the job can only be aborted, and
        another one made.

        Args:
            job_id: The job.
            data: What goes up.
            sent: Told how many bytes of it have gone up, each time that some hundred thousand have.

        Raises:
            ApiError: The org refused, or nobody knows whether it has the data: no answer came, or one that isn't the
                org's 201, such as the page of a proxy.
        """
        if not isinstance(data, bytes | bytearray | memoryview | Path):
            raise TypeError(f"data must be bytes or a Path, not {type(data).__name__}")
        headers = {"Content-Type": "text/csv; charset=UTF-8"}
        path = self._path(job_id, "batches")
        put = partial(self._transport.request, "PUT", path, body=data, sent=sent, headers=headers, repeat=Repeat.NEVER)
        response = await put(job_id=job_id)
        if response.status != HTTPStatus.CREATED:
            text = f"the upload was answered by {response.status} in place of 201, which isn't the org's word"
            raise ApiError(text, job_id=job_id)

    async def close_job(self, job_id: str) -> JobInfo:
        """Tell the org that a job's data is complete. Its rows may be written from this moment on.

            job = await org.ingest.create_job("Contact", "insert")
            await org.ingest.put_job_data(job.id, b"LastName\\nNg\\n")
            job = await org.ingest.close_job(job.id)
            print(job.state)
            # UploadComplete

        A lost answer is settled by looking at the job.

        Returns:
            The job, in a later state than `Open`. It may hold no more than `id` and `state`.

        Raises:
            ApiError: The org refused, or the job is still `Open` after many tries; nothing was written.
                See `is_spoiled`.
            OutcomeUnknown: The answer was lost, and the org can't be asked, or doesn't know the job any more.
        """
        return await self._move(job_id, JobState.UPLOAD_COMPLETE, lambda job: job.state != JobState.OPEN)

    async def successful_results(self, job_id: str, *, api_version: str | None = None) -> bytes:
        """The rows that were written: CSV with `sf__Id`, `sf__Created` and the columns sent, in any order.

        For example:

            csv = await org.ingest.successful_results(result.jobs[0].id)
            print(csv.decode().splitlines()[0])
            # "sf__Id","sf__Created","ExternalId__c","LastName","Email"
        """
        return await self.download(job_id, "successful_results", api_version=api_version)

    async def failed_results(self, job_id: str, *, api_version: str | None = None) -> bytes:
        """The rows that were refused: CSV with `sf__Id`, `sf__Error` and the columns sent, in any order.

        For example:

            csv = await org.ingest.failed_results(result.jobs[0].id)
            print(csv.decode().splitlines()[0])
            # "sf__Id","sf__Error","ExternalId__c","LastName","Email"
        """
        return await self.download(job_id, "failed_results", api_version=api_version)

    async def unprocessed_records(self, job_id: str, *, api_version: str | None = None) -> bytes:
        """The rows that weren't reached: CSV with the columns sent, in any order.

        For example:

            csv = await org.ingest.unprocessed_records(result.jobs[0].id)
            print(csv.decode().splitlines())
            # ['"ExternalId__c","LastName","Email"']
        """
        return await self.download(job_id, "unprocessed_records", api_version=api_version)

    async def download(
        self,
        job_id: str,
        kind: ResultKind,
        sink: Sink | None = None,
        *,
        api_version: str | None = None,
        most_bytes: int = RESULT_BYTES,
    ) -> bytes:
        """One result file of a job.

            from pathlib import Path

            path = Path("failed.csv")
            await org.ingest.download(result.jobs[0].id, "failed_results", path)
            print(path.read_text("utf-8").splitlines()[0])
            # "sf__Id","sf__Error","ExternalId__c","LastName","Email"

        Args:
            job_id: The job.
            kind: `successful_results`, `failed_results` or `unprocessed_records`.
            sink: Takes the file, for large ones: a path, or a seekable binary file open for writing.
            api_version: That of the job, if it isn't the org's. Without it the job is asked when need be.
            most_bytes: What the file may have; see `most_result_bytes`.

        Returns:
            The CSV; empty if there is a sink.
        """
        try:
            return await self._download(job_id, kind, sink, api_version or self._api_version, most_bytes)
        except ApiError as error:
            if error.status != 409 or api_version:
                raise
            refusal = error
        job = await self.get_job(job_id)
        if job.api_version in (None, self._api_version):
            raise refusal
        return await self._download(job_id, kind, sink, job.api_version, most_bytes)

    @spelled_out
    async def perform_operation(
        self,
        operation: Operation,
        sobject: str,
        frame: Any,
        external_id_field: str | None = None,
        **options: Unpack[IngestOptions],
    ) -> IngestResult[Any]:
        """All of it at once: `sfframe.ingest_async` on this org.

        For example:

            leads = pl.DataFrame({"LastName": ["Ng"], "Company": ["Ng & Co"]})
            result = await org.ingest.perform_operation("insert", "Lead", leads)
            print(result.counts["successful"])
            # 1
        """
        from sfframe.verbs import ingest_async

        result: IngestResult[Any] = await ingest_async(
            frame, sobject, operation, external_id_field, org=self._org, **options
        )
        return result

    async def _download(
        self, job_id: str, kind: ResultKind, sink: Sink | None, api_version: str, most_bytes: int
    ) -> bytes:
        path = self._path(job_id, _PATHS[kind], api_version=api_version)
        headers = {"Accept": "text/csv"}
        get = partial(self._transport.request, "GET", path, headers=headers, job_id=job_id)
        response = await get(sink=sink, most_bytes=most_bytes)
        body = [response.body]
        # No document speaks of pages here, and some third party does (wire notes, 5).
        asked: set[str] = set()
        left, n_empty = most_bytes, 0
        while (locator := locator_in(response)) and locator not in asked:
            asked.add(locator)
            response = await get(params={"locator": locator}, most_bytes=left)
            if locator_in(response) == locator:  # where locators aren't read, each answer is the whole file
                break
            page = response.body.partition(b"\n")[2]  # each page begins with the header
            left -= len(page)
            n_empty = 0 if page else n_empty + 1
            if n_empty > _EMPTY_ONES:
                raise ApiError(f"{n_empty} pages of results in a row were empty, and none is the last", job_id=job_id)
            body.append(_appended(page, sink))
        return b"".join(body)


def most_result_bytes(n_bytes: int, n_rows: int) -> int:
    """What one result file may have of so many rows that were sent in so many bytes.

    Values come back in the org's own form, which is longer than what was sent at times: `1` as `1.0`, a date as the
    datetime that it became. Each row has an id, and a reason if it was refused.
    """
    return min(RESULT_BYTES, 8 * n_bytes + 4_000 * n_rows + 2**20)


def is_spoiled(error: ApiError) -> bool:
    """Whether a job was refused at its closing for having got data twice: abort it, and make another."""
    return "contents for job" in error.message


def _appended(page: bytes, sink: Sink | None) -> bytes:
    if sink is None:
        return page
    if isinstance(sink, Path):
        with sink.open("ab") as file:
            file.write(page)
    else:
        sink.write(page)
    return b""
