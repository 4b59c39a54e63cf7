"""Ingest jobs by hand: each call, and what becomes of it when its answer is lost."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sfframe.errors import ApiError, AuthenticationError, OutcomeUnknown
from sfframe.localorg.faults import Fault
from sfframe.localorg.server import Server
from sfframe.org.auth import ClientCredentials
from sfframe.org.ingest_jobs import is_spoiled
from sfframe.org.jobs import JobInfo, JobState
from sfframe.org.org import Org
from sfframe.org.retry import PollPolicy
from tests.at_once import AT_ONCE

from .conftest import SHORT
from .site import JOBS, Site, drop, job, refuse, reply, stale

ID = "7505e00000Abc12AAB"
JOB = f"{JOBS}/{ID}"
CSV = b'"LastName","Email"\n"Ng","ng@example.com"\n"","x@example.com"\n'
INVALID_STATE = refuse(400, "INVALIDJOBSTATE", "Closing already Completed Job not allowed")


@pytest.fixture
async def local(server: Server) -> AsyncIterator[Org]:
    login = ClientCredentials(server.client_id, server.client_secret)
    async with Org(server.url, login, retry=AT_ONCE, timeouts=SHORT) as org:
        yield org


async def finished(org: Org, job_id: str) -> JobInfo:
    """The job once it has ended. The local org runs it at once; looking is what waits here."""
    while not (job := await org.ingest.get_job(job_id)).is_final:
        pass
    return job


# A job's life, on a local org.


async def test_a_job_goes_from_its_creation_to_its_results(local: Org) -> None:
    ingest = local.ingest
    made = await ingest.create_job("Contact", "insert")
    assert (made.state, made.object, made.operation, made.api_version) == ("Open", "Contact", "insert", "66.0")
    assert made.created_date is not None
    assert made.created_date.tzinfo is UTC
    sent = await ingest.upload_job_data(made.id, CSV)
    assert sent.state != JobState.OPEN
    done = await finished(local, made.id)
    assert (done.state, done.number_records_processed, done.number_records_failed) == ("JobComplete", 2, 1)
    assert (await ingest.successful_results(made.id)).startswith(b'"sf__Id","sf__Created",')
    assert b"REQUIRED_FIELD_MISSING:" in await ingest.failed_results(made.id)
    assert b"Ng" not in await ingest.unprocessed_records(made.id)
    assert made.id in [one.id async for one in ingest.list_jobs()]
    await ingest.delete_job(made.id)
    with pytest.raises(ApiError) as caught:
        await ingest.get_job(made.id)
    assert (caught.value.status, caught.value.job_id) == (404, made.id)


async def test_a_job_can_be_fed_from_a_file_and_read_into_one(local: Org, tmp_path: Path) -> None:
    given, taken = tmp_path / "given.csv", tmp_path / "taken.csv"
    given.write_bytes(CSV)
    made = await local.ingest.create_job("Contact", "insert")
    await local.ingest.upload_job_data(made.id, given)
    await finished(local, made.id)
    assert await local.ingest.download(made.id, "successful_results", taken) == b""
    assert taken.read_bytes() == await local.ingest.successful_results(made.id)


async def test_an_open_job_can_be_aborted(local: Org) -> None:
    made = await local.ingest.create_job("Contact", "insert")
    aborted = await local.ingest.abort_job(made.id)
    assert (aborted.state, aborted.is_final) == ("Aborted", True)


async def test_aborting_a_job_that_has_ended_tells_how_it_ended(local: Org) -> None:
    made = await local.ingest.create_job("Contact", "insert")
    await local.ingest.upload_job_data(made.id, CSV)
    await finished(local, made.id)
    assert (await local.ingest.abort_job(made.id)).state == "JobComplete"


EFFECTS = ["drop", "reset", "stall", "status", "html", "expire"]
WHERE = ["create", "patch", "get_job", "results"]


# What a request had done already is what could be done twice; before it has done anything, one request is like another.
@pytest.mark.parametrize(
    ("where", "effect", "when"),
    [*((where, effect, "after") for where in WHERE for effect in EFFECTS),
     *((WHERE[n % len(WHERE)], effect, "before") for n, effect in enumerate(EFFECTS))],
)  # fmt: skip
async def test_no_single_fault_of_the_network_writes_a_row_twice_or_never(
    server: Server, local: Org, where: str, effect: str, when: Any
) -> None:
    server.faults.append(Fault(where, effect, when=when))
    made = await local.ingest.create_job("Contact", "insert")
    await local.ingest.upload_job_data(made.id, CSV)
    await finished(local, made.id)
    assert (await local.ingest.successful_results(made.id)).count(b"\n") == 2
    assert len(server.rows("Contact")) == 1


@pytest.mark.parametrize("effect", ["drop", "reset", "stall", "status", "html"])
async def test_a_put_with_a_lost_answer_is_left_alone(server: Server, local: Org, effect: str) -> None:
    server.faults.append(Fault("put", effect, when="after"))
    made = await local.ingest.create_job("Contact", "insert")
    with pytest.raises(ApiError) as caught:
        await local.ingest.upload_job_data(made.id, CSV)
    assert caught.value.job_id == made.id
    assert (server.faults_met, server.count("patch")) == (1, 0)


async def test_a_put_after_a_dead_session_is_sent_again(server: Server, local: Org) -> None:
    made = await local.ingest.create_job("Contact", "insert")
    server.expire_tokens()
    await local.ingest.upload_job_data(made.id, CSV)
    assert (await finished(local, made.id)).state == "JobComplete"


async def test_a_job_that_got_data_twice_is_recognised_when_closed(local: Org) -> None:
    made = await local.ingest.create_job("Contact", "insert")
    await local.ingest.put_job_data(made.id, CSV)
    await local.ingest.put_job_data(made.id, CSV)
    with pytest.raises(ApiError) as caught:
        await local.ingest.close_job(made.id)
    assert is_spoiled(caught.value)


# Requests, letter by letter.


async def test_a_job_is_created_as_asked(site: Site, org: Org) -> None:
    site.on("POST", JOBS, reply(job()))
    await org.ingest.create_job(
        "Case", "hard_delete", external_id_field="Ext__c", assignment_rule_id="01Q", line_ending="CRLF"
    )
    assert json.loads(site.seen[-1].body) == {
        "object": "Case",
        "operation": "hardDelete",
        "contentType": "CSV",
        "lineEnding": "CRLF",
        "columnDelimiter": "COMMA",
        "externalIdFieldName": "Ext__c",
        "assignmentRuleId": "01Q",
    }


async def test_data_is_utf8_csv(site: Site, org: Org) -> None:
    site.on("PUT", f"{JOB}/batches", reply(status=201))
    await org.ingest.put_job_data(ID, CSV)
    assert site.seen[-1].headers["Content-Type"] == "text/csv; charset=UTF-8"
    with pytest.raises(TypeError, match="bytes or a Path, not str"):
        await org.ingest.put_job_data(ID, "a,b")  # type: ignore[arg-type]  # that is the point


async def test_an_upload_that_something_else_has_answered_is_in_doubt(site: Site, org: Org) -> None:
    site.on("PUT", f"{JOB}/batches", reply(b"<html>Please log in to the network</html>"))
    with pytest.raises(ApiError, match="200 in place of 201") as caught:
        await org.ingest.put_job_data(ID, CSV)
    assert (caught.value.status, caught.value.job_id, len(site.paths("PUT"))) == (None, ID, 1)


async def test_unprocessed_records_are_asked_for_as_documented(site: Site, org: Org) -> None:
    site.on("GET", f"{JOB}/unprocessedrecords", reply(b"a\n"))
    assert await org.ingest.unprocessed_records(ID) == b"a\n"
    assert site.seen[-1].headers["Accept"] == "text/csv"


async def test_an_answer_without_content_is_an_empty_result(site: Site, org: Org) -> None:
    site.on("GET", f"{JOB}/failedResults", reply(status=204))
    assert await org.ingest.failed_results(ID) == b""


async def test_a_lists_pages_are_followed_wherever_they_lead(site: Site, org: Org) -> None:
    more = "/services/data/v66.0/jobs/elsewhere"
    site.on("GET", JOBS, reply({"done": False, "records": [job()], "nextRecordsUrl": f"{more}?queryLocator=01g-1"}))
    site.on("GET", more, reply({"done": True, "records": [job("Strange", "2")], "nextRecordsUrl": None}))
    found = [one async for one in org.ingest.list_jobs(job_type="V2Ingest")]
    assert [one.id for one in found] == [ID, "2"]
    assert [one.query for one in site.seen[1:]] == ["jobType=V2Ingest", "queryLocator=01g-1"]


# The commit point.


async def test_a_closing_whose_answer_is_lost_is_settled_by_looking(site: Site, org: Org) -> None:
    site.on("PATCH", JOB, drop)
    site.on("GET", JOB, reply(job("InProgress")))
    assert (await org.ingest.close_job(ID)).state == "InProgress"
    assert site.paths("PATCH") == [JOB]


async def test_a_closing_that_never_arrived_is_repeated(site: Site, org: Org) -> None:
    site.on("PATCH", JOB, drop, reply(status=503), reply(job("UploadComplete")))
    site.on("GET", JOB, reply(job("Open")))
    assert (await org.ingest.close_job(ID)).state == "UploadComplete"
    assert len(site.paths("PATCH")) == 3


async def test_a_repeated_closing_that_is_refused_was_a_success(site: Site, org: Org) -> None:
    site.on("PATCH", JOB, drop, INVALID_STATE)
    site.on("GET", JOB, reply(job("Open")), reply(job("JobComplete")))
    assert (await org.ingest.close_job(ID)).state == "JobComplete"


async def test_an_unreadable_answer_to_a_closing_is_settled_by_looking(site: Site, org: Org) -> None:
    site.on("PATCH", JOB, reply("<html>a proxy's page</html>"))
    site.on("GET", JOB, reply(job("UploadComplete")))
    assert (await org.ingest.close_job(ID)).state == "UploadComplete"


async def test_a_job_that_stays_open_is_an_error_and_nothing_was_written(site: Site, org: Org) -> None:
    site.on("PATCH", JOB, drop)
    site.on("GET", JOB, reply(job("Open")))
    with pytest.raises(ApiError, match="connection"):
        await org.ingest.close_job(ID)
    assert len(site.paths("PATCH")) == 2 * AT_ONCE.max_tries


@pytest.mark.parametrize("code", ["INVALIDJOB", "API_ERROR", "REQUEST_LIMIT_EXCEEDED"])
async def test_a_plain_refusal_of_a_closing_is_final(site: Site, org: Org, code: str) -> None:
    site.on("PATCH", JOB, refuse(400, code, "TotalRequests Limit exceeded."))
    with pytest.raises(ApiError, match=code):
        await org.ingest.close_job(ID)
    assert site.paths() == [JOB]


@pytest.mark.parametrize("look", [drop, refuse(404, "NOT_FOUND"), reply(status=503), stale()])
async def test_a_closing_that_cant_be_settled_says_so(site: Site, org: Org, look: Any) -> None:
    site.on("PATCH", JOB, drop)
    site.on("GET", JOB, look)
    with pytest.raises(OutcomeUnknown, match=f"whether the org processes job {ID} isn't known") as caught:
        await org.ingest.close_job(ID)
    assert caught.value.job_ids == (ID,)
    assert isinstance(caught.value.__cause__, ApiError | AuthenticationError)


async def test_an_abort_with_a_lost_answer_is_settled_too(site: Site, org: Org) -> None:
    site.on("PATCH", JOB, drop, reply(job("Aborted")))
    site.on("GET", JOB, reply(job("InProgress")))
    assert (await org.ingest.abort_job(ID)).state == "Aborted"


async def test_a_repeated_delete_that_finds_nothing_has_worked(site: Site, org: Org) -> None:
    site.on("DELETE", JOB, drop, refuse(404, "NOT_FOUND"))
    await org.ingest.delete_job(ID)
    site.on("DELETE", JOB, refuse(404, "NOT_FOUND"))
    with pytest.raises(ApiError, match="NOT_FOUND"):
        await org.ingest.delete_job(ID)


# Results and versions.


async def test_results_are_asked_for_under_the_jobs_own_version(site: Site, org: Org) -> None:
    older = JOB.replace("66.0", "62.0")
    site.on("GET", f"{JOB}/successfulResults", refuse(409, "API_VERSION"))
    site.on("GET", JOB, reply(job(apiVersion=62)))
    site.on("GET", f"{older}/successfulResults", reply(b"mine"))
    assert await org.ingest.successful_results(ID) == b"mine"
    assert await org.ingest.successful_results(ID, api_version="62.0") == b"mine"
    assert len(site.paths()) == 4


async def test_a_conflict_of_another_kind_stays_one(site: Site, org: Org) -> None:
    site.on("GET", f"{JOB}/successfulResults", refuse(409, "CONFLICT"))
    site.on("GET", JOB, reply(job()))
    with pytest.raises(ApiError, match="CONFLICT"):
        await org.ingest.successful_results(ID)


async def test_results_in_pages_are_one_file(site: Site, org: Org, tmp_path: Path) -> None:
    first = reply(b'"sf__Id"\n"1"\n', headers={"Sforce-Locator": "MQ"})
    second = reply(b'"sf__Id"\n"2"\n', headers={"Sforce-Locator": "Mg"})
    last = reply(b'"sf__Id"\n"3"\n', headers={"Sforce-Locator": "null"})
    whole = b'"sf__Id"\n"1"\n"2"\n"3"\n'
    path, file = tmp_path / "results.csv", io.BytesIO()
    site.on("GET", f"{JOB}/successfulResults", *(first, second, last) * 3)
    assert await org.ingest.download(ID, "successful_results") == whole
    await org.ingest.download(ID, "successful_results", path)
    await org.ingest.download(ID, "successful_results", file)
    assert path.read_bytes() == file.getvalue() == whole
    assert [one.query for one in site.seen[1:4]] == ["", "locator=MQ", "locator=Mg"]


async def test_a_locator_that_leads_to_itself_ends_the_file(site: Site, org: Org) -> None:
    site.on("GET", f"{JOB}/successfulResults", reply(b'"sf__Id"\n"1"\n', headers={"Sforce-Locator": "MQ"}))
    assert await org.ingest.successful_results(ID) == b'"sf__Id"\n"1"\n'


NO_JOBS: list[Any] = [[], {}, {"id": ID}, {"state": "Open"}, None, "<h1>We are setting things up</h1>"]


@pytest.mark.parametrize("answer", NO_JOBS)
async def test_a_look_that_shows_no_job_is_taken_again(site: Site, org: Org, answer: Any) -> None:
    site.on("GET", JOB, reply(answer), reply(job("InProgress")))
    assert (await org.ingest.get_job(ID)).state == "InProgress"


@pytest.mark.parametrize("answer", NO_JOBS)
async def test_an_answer_that_tells_of_no_job_is_an_api_error_in_the_end(site: Site, org: Org, answer: Any) -> None:
    site.on("GET", JOB, reply(answer))
    site.on("POST", JOBS, reply(answer))
    with pytest.raises(ApiError):
        await org.ingest.get_job(ID)
    with pytest.raises(ApiError):
        await org.ingest.create_job("Contact", "insert")


# JobInfo.


def test_what_cant_be_read_as_it_should_be_is_kept_as_the_org_wrote_it() -> None:
    odd: dict[str, Any] = {
        "createdDate": "yesterday",
        "systemModstamp": 1767225600000,
        "apiVersion": "v66",
        "retries": [1],
    }
    info = JobInfo.from_json(job(**odd, numberRecordsProcessed="7"))
    assert (info.created_date, info.system_modstamp, info.api_version, info.retries) == (None, None, None, 0)
    assert info.number_records_processed == 7
    assert info.extra == odd


def test_a_job_is_read_with_all_its_fields_and_those_to_come() -> None:
    answer = {
        "id": ID, "operation": "upsert", "object": "Contact", "createdById": "005x", "state": "InProgress",
        "createdDate": "2026-01-02T21:33:43.123+0000", "systemModstamp": "2026-01-02T21:33:44.000Z",
        "externalIdFieldName": "Ext__c", "assignmentRuleId": "01Q", "concurrencyMode": "Parallel",
        "contentType": "CSV", "apiVersion": 66.0, "contentUrl": "services/data", "lineEnding": "LF",
        "columnDelimiter": "COMMA", "jobType": "V2Ingest", "numberRecordsProcessed": 7, "numberRecordsFailed": 1,
        "retries": 2, "totalProcessingTime": 3, "apiActiveProcessingTime": 4, "apexProcessingTime": 5,
        "errorMessage": "because", "isPkChunkingSupported": True, "somethingNew": [1],
    }  # fmt: skip
    info = JobInfo.from_json(answer)
    assert info.created_date == datetime(2026, 1, 2, 21, 33, 43, 123000, tzinfo=UTC)
    assert info.system_modstamp == datetime(2026, 1, 2, 21, 33, 44, tzinfo=UTC)
    assert (info.api_version, info.number_records_processed, info.apex_processing_time) == ("66.0", 7, 5)
    assert info.extra == {"somethingNew": [1]}
    assert None not in [getattr(info, name) for name in JobInfo.__slots__]


@pytest.mark.parametrize("version", [59, 59.0, "59.0", "59"])
def test_a_version_is_read_as_number_or_text(version: object) -> None:
    assert JobInfo.from_json(job(apiVersion=version)).api_version == "59.0"


def test_a_job_with_id_and_state_alone_is_one() -> None:
    info = JobInfo.from_json({"id": ID, "state": "UploadComplete", "retries": None})
    assert (info.retries, info.number_records_failed, info.created_date, info.extra) == (0, 0, None, {})


@pytest.mark.parametrize("state", ["Open", "UploadComplete", "InProgress", "SomethingNew"])
def test_an_unknown_state_counts_as_still_going(state: str) -> None:
    assert not JobInfo.from_json(job(state)).is_final


def test_looks_come_seldom_while_nothing_changes_and_closer_when_something_does() -> None:
    poll = PollPolicy(first_wait_s=0.2, growth=1.5, max_wait_s=20)
    waits = [poll.next_s()]
    while waits[-1] < 20:
        waits.append(poll.next_s(waits[-1]))
    assert waits[0] == 0.2
    assert waits == sorted(waits)
    assert sum(waits) > 60
    assert len(waits) < 15  # polls are API calls
    assert poll.next_s(9, changed=True) == 4
    assert poll.next_s(0.2, changed=True) == 0.2
    assert poll.starting_at(60).next_s(60) == 60
    assert poll.starting_at(5).next_s() == 5


# All of it at once.


async def test_a_whole_operation_runs_on_its_own_org(local: Org) -> None:
    frame = pl.DataFrame({"LastName": ["Ng", "Ito"]})
    result = await local.ingest.perform_operation("insert", "Contact", frame)
    assert result.counts["successful"] == 2
