"""Query jobs over REST: a method for each call (wire notes, 6)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from sfframe.errors import ApiError
from sfframe.org.answers import Response
from sfframe.org.jobs import JobInfo, Jobs, job_in, locator_in


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

    Each may raise `ApiError` (the org refused, or gave no answer) and `AuthenticationError`.
    """

    _kind = "query"

    async def create_job(self, soql: str, operation: Literal["query", "queryAll"] = "query") -> JobInfo:
        """Create a job. The org begins with it at once.

        A lost answer is followed by another request: the job that may stay behind costs quota, and no more.

        Args:
            soql: The statement.
            operation: `"queryAll"`: deleted and archived records too.
        """
        wish = {"operation": operation, "query": soql, "contentType": "CSV", "columnDelimiter": "COMMA"}
        return job_in(await self._transport.request("POST", self._path(), json={**wish, "lineEnding": "LF"}))

    async def results(
        self,
        job_id: str,
        *,
        locator: str | None = None,
        max_records: int | None = None,
        api_version: str | None = None,
    ) -> ResultPage:
        """A page of the result of a job that is `JobComplete`.

        Args:
            job_id: The job.
            locator: `None`: the first page.
            max_records: The most records on the page; the org may give fewer.
            api_version: That of the job, if it isn't the org's.
        """
        wish = {"locator": locator, "maxRecords": None if max_records is None else str(max_records)}
        params = {name: value for name, value in wish.items() if value is not None}
        path = self._path(job_id, "results", api_version=api_version)
        headers = {"Accept": "text/csv"}
        return _page(await self._transport.request("GET", path, params=params, headers=headers, job_id=job_id))

    async def results_at(self, url: str, job_id: str) -> ResultPage:
        """The page at one of the addresses that `result_pages` gives."""
        return _page(await self._transport.request("GET", url, headers={"Accept": "text/csv"}, job_id=job_id))

    async def result_pages(
        self, job_id: str, *, url: str | None = None, api_version: str | None = None
    ) -> tuple[list[str], str | None]:
        """Addresses of pages that can be read at once, for `results_at`; API version 58.0 or newer.

        Args:
            job_id: The job.
            url: Where the last answer said that there are more; `None`: the first ones.
            api_version: That of the job, if it isn't the org's.

        Returns:
            The addresses in the order of the records, and where there are more; `None`: these are the last.
        """
        path = url or self._path(job_id, "resultPages", api_version=api_version)
        answer = (await self._transport.request("GET", path, job_id=job_id)).json()
        if not isinstance(answer, dict) or not isinstance(answer.get("resultPages"), list):
            raise ApiError("the answer lists no result pages", job_id=job_id)
        urls = [str(page["resultUrl"]) for page in answer["resultPages"] if isinstance(page, dict)]
        # The documents' table and sample have two names for it (wire notes, 6.4).
        following = answer.get("nextRecordsUrl") or answer.get("nextRecordUrl")
        return urls, None if answer.get("done") is True or following in (None, "null") else str(following)


def _page(response: Response) -> ResultPage:
    given = response.headers.get("sforce-numberofrecords", "")
    return ResultPage(
        data=response.body, n_records=int(given) if given.isdecimal() else None, locator=locator_in(response)
    )
