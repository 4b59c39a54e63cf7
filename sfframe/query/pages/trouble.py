"""Trouble: what an org refuses while it is read, told with what to do about it (wire notes, 6.2, 9.2). No I/O."""

from __future__ import annotations

import re
from typing import Final

from sfframe.errors import ApiError, JobTimeout
from sfframe.org.job import JobInfo, JobState

_SPENT: Final = frozenset({"LIMITEXCEEDED", "EXCEEDEDQUOTA", "REQUESTLIMITEXCEEDED"})
_TOO_EARLY: Final = frozenset({"INVALIDJOBSTATE", "JOBNOTCOMPLETE"})
_TOO_LONG: Final = frozenset({"QUERYTIMEOUT", "REQUESTRUNNINGTOOLONG"})
# What a job fails by whose statement isn't for Bulk; others, such as QUERY_TIMEOUT, REST wouldn't spare.
_NOT_FOR_BULK: Final = re.compile(
    r"not supported (in|by) (the )?bulk|aggregate relationships|functionality_not_enabled|implementation restriction"
    r"|does not support query|invalidentity",
    re.IGNORECASE,
)
_NO_BULK_STATUS: Final = frozenset({400, 403, 404, 405, 501})


def is_spent(error: ApiError) -> bool:
    """A quota of the day is used up."""
    return _code(error) in _SPENT or "Max bulk v2 query" in error.message


def is_not_for_bulk(error: ApiError) -> bool:
    """The refusal of a new query job means the statement, or that there are none here; REST may do better."""
    return error.status in _NO_BULK_STATUS and not is_spent(error)


def is_too_early(error: ApiError) -> bool:
    """The results aren't there yet, whatever the job's state says (wire notes, 6.3)."""
    return error.status == 412 or (error.status == 400 and _code(error) in _TOO_EARLY)


def took_too_long(error: ApiError) -> bool:
    """The org gave up on a statement that it is to answer at once; a query job has more time."""
    return _code(error) in _TOO_LONG or "QUERY_TIMEOUT" in error.message


def has_no_result_pages(error: ApiError) -> bool:
    """The org doesn't know the resource."""
    return error.status in (400, 404, 405, 501) and not is_too_early(error) and not _is_lost_locator(error)


def not_created(error: ApiError, api: str) -> ApiError:
    """A query job was refused that was to be made."""
    if is_spent(error):
        is_of_calls = _code(error) == "REQUESTLIMITEXCEEDED"
        daily = "DailyApiRequests" if is_of_calls else "DailyBulkV2QueryJobs"
        also = "" if is_of_calls else ", or read with api='rest', which costs an API call for 2,000 rows"
        return _told(
            error,
            f"the org makes no more query jobs today: {error.message}. `await org.limits()` has what is left "
            f"({daily}); wait until it recovers{also}.",
        )
    if api == "bulk" and is_not_for_bulk(error):
        return _told(error, f"the Bulk API refuses the statement: {error.message}. If it is right, say api='rest'.")
    return error


def failed(job: JobInfo) -> ApiError:
    """A query job ended without a result."""
    reason = job.error_message or "the org gives no reason"
    if job.state == JobState.ABORTED:
        remedy = "Somebody aborted it; read again."
    elif "QUERY_TIMEOUT" in reason:
        remedy = "Ask for less at once: filter by an indexed field, leave ORDER BY out, select fewer fields."
    else:
        remedy = "Read again, or with api='rest'."
    return ApiError(f"the query job ended as {job.state}: {reason}. {remedy}", job_id=job.id)


def is_failed_for_bulk(job: JobInfo) -> bool:
    """A job failed because its statement isn't for Bulk."""
    return job.state == JobState.FAILED and _NOT_FOR_BULK.search(job.error_message or "") is not None


def of_job(error: ApiError, job_id: str, api_version: str | None = None) -> ApiError:
    """What went wrong with a query job that was made, with the job's name and what can be done."""
    if error.status == 404:
        text = (
            f"the org has no query job {job_id} any more: {error.message}. Jobs and their results are kept for 7 days "
            "after the end, unless somebody deletes them; read the statement again."
        )
        return _told(error, text, job_id)
    if error.status == 409:
        version = f"API version {api_version}" if api_version else "another API version"
        text = (
            f"the job was made under {version}, and the org gives its results under the version of the making alone: "
            f"{error.message}. Take it up by an Org(..., api_version=...) of that version."
        )
        return _told(error, text, job_id)
    if _is_lost_locator(error):
        return _told(
            error, f"the org doesn't know a page of the job any more: {error.message}. {resume(job_id)}", job_id
        )
    return _told(error, f"{error.message}{'' if error.message.endswith('.') else '.'} {resume(job_id)}", job_id)


def of_cursor(error: ApiError) -> ApiError:
    """What went wrong with a further page over REST."""
    if not _is_lost_locator(error):
        return error
    return _told(
        error,
        f"the org has forgotten where this read was: {error.message}. It keeps the place for 2 days, and lets go "
        "of the oldest where there are many; read again, without long pauses, or by a query job (api='bulk').",
    )


def wrong_count(job: JobInfo, n_rows: int) -> ApiError:
    """All pages are read, and are not what the job says."""
    return ApiError(
        f"{n_rows:,} rows came, and the job says that it has {job.number_records_processed:,}: pages are missing, or "
        f"came twice. {resume(job.id)}",
        job_id=job.id,
    )


def endless(job: JobInfo, n_rows: int) -> ApiError:
    """The org names ever more pages, and they bring nothing that is new."""
    return ApiError(
        f"the org names page after page of a result without an end: {n_rows:,} rows and more came, and the job says "
        f"that it has {job.number_records_processed:,}. {resume(job.id)}",
        job_id=job.id,
    )


def endless_list(job: JobInfo, n_pages: int) -> ApiError:
    """The org lists ever more pages."""
    return ApiError(
        f"the org lists {n_pages:,} pages and more of a result that has {job.number_records_processed:,} rows. "
        f"{resume(job.id)}",
        job_id=job.id,
    )


def timed_out(seconds: float | None, job_id: str | None) -> JobTimeout:
    """The time of a read was up; its job is left running."""
    if job_id is None:
        return JobTimeout(f"timeout={seconds} s was up; no query job is known to run for it")
    return JobTimeout(
        f"timeout={seconds} s was up; query job {job_id} is left to the org. {resume(job_id)}", job_ids=(job_id,)
    )


def resume(job_id: str) -> str:
    """How a read goes on that has lost its hold of a job."""
    return f"job_id={job_id!r} in place of the statement takes the job up, for 7 days after its end"


def _is_lost_locator(error: ApiError) -> bool:
    return _code(error) == "INVALIDQUERYLOCATOR"


def _told(error: ApiError, message: str, job_id: str | None = None) -> ApiError:
    return ApiError(message, status=error.status, error_code=error.error_code, job_id=job_id or error.job_id)


def _code(error: ApiError) -> str:
    return (error.error_code or "").replace("_", "").upper()
