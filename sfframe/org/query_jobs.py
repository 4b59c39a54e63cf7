"""Query jobs over REST: a method for each call (wire notes, 6)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from sfframe.errors import ApiError
from sfframe.org import names
from sfframe.org.answers import Response, path_of, refusal
from sfframe.org.body import RESULT_BYTES
from sfframe.org.jobs import JobInfo, Jobs, job_in, locator_in
from sfframe.org.readable import readable
from sfframe.org.retry import RetryPolicy


@dataclass(frozen=True, kw_only=True, slots=True)
class ResultPage:
    """A page of a query job's result.

    Attributes:
        data: CSV, header line included; UTF-8.
        n_records: How many records the org says are in it; `None` if it doesn't say.
        locator: Where the next page is; `None` after the last one.
    """

    data: bytes = field(repr=False)
    n_records: int | None = None
    locator: str | None = None


class QueryJobs(Jobs):
    """`org.query`: query jobs by hand. SOQL in, CSV out; every method is a coroutine.

        job = await org.query.create_job("SELECT LastName FROM Contact ORDER BY LastName")
        while not job.is_final:
            job = await org.query.get_job(job.id)
        page = await org.query.results(job.id)
        print(page.data.decode().splitlines())
        # ['"LastName"', '"Hopper"', '"Lovelace"']

        page = await org.query.results(job.id, max_records=1)
        while page.locator:
            page = await org.query.results(job.id, locator=page.locator)

    Each may raise `ApiError` (the org refused, or gave no answer) and `AuthenticationError`.
    """

    _kind = "query"

    async def create_job(self, soql: str, operation: Literal["query", "queryAll"] = "query") -> JobInfo:
        """Create a job. The org begins with it at once.

            job = await org.query.create_job("SELECT Id FROM Contact", "queryAll")
            print(job.operation, job.state)
            # queryAll UploadComplete

        A lost answer is followed by another request: the job that may stay behind costs quota, and no more.

        Args:
            soql: The statement.
            operation: `"queryAll"`: deleted and archived records too.
        """
        if operation not in ("query", "queryAll"):
            raise ValueError(f"operation is 'query' or 'queryAll', not {operation!r}")
        wish = {"operation": operation, "query": soql, "contentType": "CSV", "columnDelimiter": "COMMA"}
        ask = partial(self._transport.request, "POST", self._base(), json={**wish, "lineEnding": "LF"})
        return await readable(ask, job_in, self._retry)

    async def results(
        self,
        job_id: str,
        *,
        locator: str | None = None,
        max_records: int | None = None,
        api_version: str | None = None,
    ) -> ResultPage:
        """A page of the result of a job that is `JobComplete`.

            job = await org.query.create_job("SELECT LastName FROM Contact")
            while not job.is_final:
                job = await org.query.get_job(job.id)
            page = await org.query.results(job.id, max_records=1)
            print(page.n_records, page.locator is None)
            # 1 False

        Args:
            job_id: The job.
            locator: `None`: the first page.
            max_records: The most records on the page; the org may give fewer.
            api_version: That of the job, if it isn't the org's.

        Returns:
            The page. Whether it is whole shows by its number of records alone.

        Raises:
            ApiError: 409: the job was made under another API version; 400 or 412: it isn't complete, or doesn't know
                the locator; 404: it is gone. Or there is time and again something that isn't CSV.
        """
        if locator is not None:
            names.locator(locator)
        wish = {"locator": locator, "maxRecords": None if max_records is None else str(max_records)}
        params = {name: value for name, value in wish.items() if value is not None}
        return await self._csv(self._path(job_id, "results", api_version=api_version), job_id, params)

    async def results_at(self, url: str, job_id: str) -> ResultPage:
        """The page at one of the addresses that `result_pages` gives; otherwise as `results`.

        For example:

            job = await org.query.create_job("SELECT LastName FROM Contact ORDER BY LastName")
            while not job.is_final:
                job = await org.query.get_job(job.id)
            addresses, _ = await org.query.result_pages(job.id)
            for address in addresses:
                page = await org.query.results_at(address, job.id)
                print(page.data.decode().splitlines()[1])
            # "Hopper"
        """
        return await self._csv(url, job_id)

    async def result_pages(
        self,
        job_id: str,
        *,
        url: str | None = None,
        api_version: str | None = None,
        retry: RetryPolicy | None = None,
    ) -> tuple[list[str], str | None]:
        """Addresses of pages that can be read at once, for `results_at`; API version 58.0 or newer.

            job = await org.query.create_job("SELECT LastName FROM Contact")
            while not job.is_final:
                job = await org.query.get_job(job.id)
            addresses, following = await org.query.result_pages(job.id)
            page = await org.query.results_at(addresses[0], job.id)
            print(len(addresses), following, page.n_records)
            # 1 None 2

        Args:
            job_id: The job, which is `JobComplete`.
            url: Where the last answer said that there are more; `None`: the first ones.
            api_version: That of the job, if it isn't the org's.
            retry: In place of the org's own policy.

        Returns:
            The addresses in the order of the records, at most five; and where there are more. `None`: these are the
            last.
        """
        path = url or self._path(job_id, "resultPages", api_version=api_version)
        ask = partial(self._transport.request, "GET", path, job_id=job_id, retry=retry)
        return await readable(ask, partial(_addresses_in, job_id=job_id), retry or self._retry)

    async def _csv(self, path: str, job_id: str, params: Mapping[str, str] | None = None) -> ResultPage:
        headers = {"Accept": "text/csv"}
        ask = partial(
            self._transport.request,
            "GET",
            path,
            params=params,
            headers=headers,
            job_id=job_id,
            most_bytes=RESULT_BYTES,
        )
        return await readable(ask, partial(_page_in, job_id=job_id), self._retry)


def _page_in(response: Response, *, job_id: str) -> ResultPage:
    given = response.headers.get("sforce-numberofrecords", "")
    n_records = int(given) if re.fullmatch(r"[0-9]{1,18}", given) else None
    if _is_of_another_kind(response):
        raise ApiError(f"the page isn't CSV but {refusal(response)[1]!r}", status=response.status, job_id=job_id)
    if n_records and not response.body.strip():
        raise ApiError(f"the page is empty and should hold {n_records:,} records", job_id=job_id)
    return ResultPage(data=response.body, n_records=n_records, locator=locator_in(response))


def _is_of_another_kind(response: Response) -> bool:
    kind = response.headers.get("content-type", "")
    return "html" in kind or "json" in kind or response.body[:64].lstrip()[:1] in (b"<", b"[", b"{")


def _addresses_in(response: Response, *, job_id: str) -> tuple[list[str], str | None]:
    answer = response.json()
    listed = answer.get("resultPages") if isinstance(answer, dict) else None
    if not isinstance(listed, list) or not all(isinstance(one, dict) and one.get("resultUrl") for one in listed):
        raise ApiError("the answer lists no result pages", status=response.status, job_id=job_id)
    # The documents' table and sample have two names for it (wire notes, 6.4).
    following = answer.get("nextRecordsUrl") or answer.get("nextRecordUrl")
    is_last = answer.get("done") is True or following in (None, "null")
    return [path_of(one["resultUrl"]) for one in listed], None if is_last else path_of(following)
