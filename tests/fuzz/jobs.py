"""Jobs: what the org tells of them, lists of them, what it refuses."""

from __future__ import annotations

import datetime as dt
from dataclasses import fields

from sfframe.org.job import JobInfo
from sfframe.org.names import is_job_id
from sfframe.org.org import Org
from tests.fuzz import good
from tests.fuzz.given import Given, Input, json_of
from tests.fuzz.org import DATA
from tests.fuzz.target import Target, Variant, must


def is_whole_job(job: JobInfo, *, of: str | None = good.JOB_ID) -> None:
    must(of is None or job.id[:15] == of[:15], f"another job: {job.id[:40]!r}")
    must(job.state, "a job without a state")
    must(is_job_id(job.id), f"no id: {job.id[:40]!r}")
    for one in fields(JobInfo):
        value = getattr(job, one.name)
        match str(one.type):
            case "int":
                must(type(value) is int and 0 <= value < 2**63, f"{one.name} is {value!r:.40}")
            case "str" | "str | None":
                must(isinstance(value, str | None), f"{one.name} is {value!r:.40}")
            case "bool | None":
                must(value in (None, True, False), f"{one.name} is {value!r:.40}")
            case "datetime | None":
                must(value is None or value.utcoffset() == dt.timedelta(0), f"{one.name} is {value!r:.40}")
    hash(job)


async def get_job(org: Org, sent: Input) -> None:
    is_whole_job(await (org.ingest if sent.variant == 0 else org.query).get_job(good.JOB_ID))


async def list_jobs(org: Org, sent: Input) -> None:
    async for job in (org.ingest if sent.variant == 0 else org.query).list_jobs():
        is_whole_job(job, of=None)


async def move_job(org: Org, sent: Input) -> None:
    if sent.variant == 0:
        is_whole_job(await org.ingest.create_job("Contact", "insert"), of=None)
    elif sent.variant == 1:
        must((await org.ingest.upload_job_data(good.JOB_ID, b"x")).state != "Open", "closed and open")
    else:
        must((await org.query.abort_job(good.JOB_ID)).is_final, "aborted and going on")
        await org.query.delete_job(good.JOB_ID)


_JOBS = json_of({"done": False, "records": [good.job(), good.job("Open")], "nextRecordsUrl": f"{DATA}/jobs/ingest?l=x"})
_MORE_JOBS = json_of({"done": True, "records": [good.job("Failed", errorMessage="no")], "nextRecordsUrl": None})


async def refused(org: Org, sent: Input) -> None:
    try:
        await org.transport.request("GET", f"{DATA}/any")
    finally:
        must(org.api_usage is None or org.api_usage.used >= 0, "a usage below zero")


_REFUSALS = (
    json_of([{"errorCode": "INVALIDJOBSTATE", "message": "no", "fields": ["a"]}], 400),
    json_of([{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "ConcurrentRequests exceeded"}], 403),
    json_of({"error": "invalid_grant", "error_description": "no"}, 400),
    json_of({"errorCode": "X", "message": "no"}, 500, Retry_After="120", Sforce_Limit_Info="api-usage=1/15000"),
    Given(b"<html><head><title>Down</title></head><body>for maintenance &amp; more</body></html>", 503),
    Given(b'<?xml version="1.0"?><Errors><Error><errorCode>X</errorCode></Error></Errors>', 400),
    Given(b"", 302, (("Location", "https://elsewhere.example/x"),)),
    Given(b"", 429, (("Retry-After", "Fri, 02 Jan 2026 21:33:43 GMT"),)),
    Given("Größe überschritten".encode("latin-1"), 413, (("Content-Type", "text/plain; charset=latin-1"),)),
)


async def results(org: Org, sent: Input) -> None:
    if sent.variant == 0:
        must(isinstance(await org.ingest.failed_results(good.JOB_ID), bytes), "no bytes")
    elif sent.variant == 1:
        await org.query.results(good.JOB_ID)
    else:
        urls, following = await org.query.result_pages(good.JOB_ID)
        must(all(isinstance(url, str) for url in (*urls, following or "")), "addresses that are no text")


TARGETS = (
    Target("job", [Variant(get_job, {"job": (json_of(good.job(kind=kind)),)}) for kind in ("ingest", "query")], 20),
    Target("jobs", [Variant(list_jobs, {"list": (_JOBS, _MORE_JOBS)})] * 2),
    Target(
        "moves",
        [
            Variant(move_job, {"create": (json_of(good.job("Open")),)}),
            Variant(
                move_job,
                {
                    "upload": (Given(status=201),),
                    "patch": (json_of(good.job("UploadComplete")),),
                    "job": (json_of(good.job("InProgress")),),
                },
            ),
            Variant(
                move_job,
                {
                    "patch": (json_of(good.job("Aborted")),),
                    "job": (json_of(good.job("Aborted")),),
                    "delete": (Given(status=204),),
                },
            ),
        ],
    ),
    Target("refusal", [Variant(refused, {"any": (one,)}) for one in _REFUSALS], 20),
    Target(
        "results",
        [
            Variant(results, {"failed": (good.FAILED,)}),
            Variant(results, {"page": (good.PAGE,)}),
            Variant(results, {"pages": (json_of(good.RESULT_PAGES),)}),
        ],
    ),
)
