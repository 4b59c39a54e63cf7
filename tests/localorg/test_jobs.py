"""The life of an ingest job over HTTP (wire notes, 1, 3, 9)."""

from __future__ import annotations

import gzip
import json
import socket
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from sfframe.localorg import Fault, Manners, Server
from sfframe.localorg.wire import Refusal

from .client import JOBS, Client

CONTACTS = "LastName,Email\nNg,ng@example.com\n,x@example.com\n"


def test_13_the_minimal_happy_path(client: Client) -> None:
    done = client.load('"LastName","Email"\n"Ng","ng@example.com"\n"","x@example.com"\n')
    assert done.info["state"] == "JobComplete"
    assert (done.info["numberRecordsProcessed"], done.info["numberRecordsFailed"]) == (2, 1)
    (record_id,) = done.ids
    assert done.successful_csv == (
        f'"sf__Id","sf__Created","LastName","Email"\n"{record_id}","true","Ng","ng@example.com"\n'
    )
    assert done.failed_csv == (
        '"sf__Id","sf__Error","LastName","Email"\n'
        '"","REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --","","x@example.com"\n'
    )
    assert done.unprocessed_csv == '"LastName","Email"\n'


def test_3_1_a_created_job_looks_as_documented(client: Client) -> None:
    info = client.create("upsert", externalIdFieldName="ExternalId__c").json
    assert list(info) == [
        "id", "operation", "object", "createdById", "createdDate", "systemModstamp", "state", "externalIdFieldName",
        "concurrencyMode", "contentType", "apiVersion", "contentUrl", "lineEnding", "columnDelimiter",
    ]  # fmt: skip
    assert info["id"].startswith("750")
    assert len(info["id"]) == 18
    assert info["apiVersion"] == 66.0
    assert info["createdDate"].endswith(".000+0000")
    assert info["contentUrl"] == f"services/data/v66.0/jobs/ingest/{info['id']}/batches"
    assert "contentUrl" not in client.patch(info["id"], "Aborted").json


@pytest.mark.parametrize(
    ("members", "code", "text"),
    [
        ({"object": "Foo__c"}, "INVALIDJOB", "InvalidJob : Unable to find object: Foo__c"),
        ({"operation": ""}, "API_ERROR", "Invalid value: '' supplied for property: 'operation'"),
        ({"operation": "Insert"}, "API_ERROR", "Invalid value: 'Insert' supplied for property: 'operation'"),
        ({"lineEnding": "CR"}, "API_ERROR", "Invalid value: 'CR' supplied for property: 'lineEnding'"),
        ({"contentType": "JSON"}, "API_ERROR", "Invalid value: 'JSON' supplied for property: 'contentType'"),
        (
            {"operation": "upsert", "externalIdFieldName": "LastName"},
            "INVALIDJOB",
            "InvalidJob : Field name provided, LastName does not match an External ID for Contact",
        ),
        ({"operation": "upsert"}, "INVALIDJOB", "InvalidJob : Field name provided,  does not match an External ID"),
        ({"made_up": 1}, "JSON_PARSER_ERROR", "made_up"),
        ({"concurrencyMode": "Serial"}, "API_ERROR", "'Serial' supplied for property: 'concurrencyMode'"),
        ({"assignmentRuleId": 1}, "API_ERROR", "assignmentRuleId"),
    ],
)
def test_3_1_refusals_of_create(client: Client, members: dict[str, Any], code: str, text: str) -> None:
    reply = client.request("POST", JOBS, {"object": "Contact", "operation": "insert", **members})
    assert reply.error == (400, code)
    assert text in reply.json[0]["message"]


def test_3_1_bodies_that_are_not_json_objects(client: Client) -> None:
    as_json = {"Content-Type": "application/json"}
    assert client.request("POST", JOBS, b"{", as_json).error == (400, "JSON_PARSER_ERROR")
    assert client.request("POST", JOBS, b"[]", as_json).error == (400, "JSON_PARSER_ERROR")
    assert client.request("POST", JOBS, b"{}", {"Content-Type": "text/plain"}).error == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_3_1_hard_delete_needs_a_permission() -> None:
    with Server(manners=Manners(hard_delete=False)) as server:
        client = Client(server).log_in()
        assert client.create("hardDelete").error == (400, "FEATURENOTENABLED")
        client.close()


def multipart(content: str) -> tuple[bytes, dict[str, str]]:
    job = json.dumps({"object": "Contact", "operation": "insert", "contentType": "CSV"})
    body = (
        '--B\r\nContent-Type: application/json\r\nContent-Disposition: form-data; name="job"\r\n\r\n'
        f"{job}\r\n--B\r\nContent-Type: text/csv\r\n"
        f'Content-Disposition: form-data; name="content"; filename="content"\r\n\r\n{content}\r\n--B--\r\n'
    )
    return body.encode(), {"Content-Type": "multipart/form-data; boundary=B"}


def test_3_2_multipart_create_runs_at_once(client: Client) -> None:
    reply = client.request("POST", JOBS, *multipart(CONTACTS))
    assert reply.status == 200
    assert reply.json["state"] == "UploadComplete"
    assert "contentUrl" not in reply.json
    client.wait(reply.json["id"])
    assert len(client.results(reply.json["id"]).ids) == 1


def test_3_2_a_multipart_create_that_is_refused_leaves_nothing(client: Client) -> None:
    body, headers = multipart(CONTACTS)
    assert client.request("POST", JOBS, body.replace(b"insert", b"insrt"), headers).error == (400, "API_ERROR")
    assert client.get(JOBS).json["records"] == []
    assert not list(client.server.org.store.uploads.glob("750*"))


def test_3_2_multipart_create_is_limited_in_characters(client: Client) -> None:
    fits, too_long = "LastName\n" + "é" * 99_991, "LastName\n" + "é" * 99_992
    assert client.request("POST", JOBS, *multipart(fits)).status == 200
    assert client.request("POST", JOBS, *multipart(too_long)).error == (413, "REQUEST_TOO_LARGE")


def test_3_2_malformed_multipart_content_is_refused(client: Client) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=B"}
    assert client.request("POST", JOBS, b"nonsense", headers).error == (400, "API_ERROR")
    one_part = b'--B\r\nContent-Disposition: form-data; name="job"\r\n\r\n{}\r\n--B--\r\n'
    assert client.request("POST", JOBS, one_part, headers).error == (400, "API_ERROR")


def test_3_3_put_takes_anything_and_says_nothing(client: Client) -> None:
    job_id = client.open_job()
    reply = client.put(job_id, b"\xff\x00 no CSV at all")
    assert (reply.status, reply.body) == (201, b"")


def test_3_3_a_second_put_is_taken_and_closing_refused(client: Client) -> None:
    job_id = client.open_job(CONTACTS)
    assert client.put(job_id, CONTACTS).status == 201
    reply = client.patch(job_id)
    assert reply.error == (400, "INVALIDJOB")
    assert f"contents for job: <{job_id[:15]}>" in reply.json[0]["message"]
    assert client.patch(job_id, "Aborted").status == 200


def test_3_3_a_second_put_may_be_refused_itself() -> None:
    with Server(manners=Manners(second_put="refuse")) as server:
        client = Client(server).log_in()
        job_id = client.open_job(CONTACTS)
        assert client.put(job_id, CONTACTS).error == (400, "INVALIDJOB")
        assert client.patch(job_id).status == 200
        client.close()


def test_3_3_put_on_jobs_that_are_not_open(client: Client) -> None:
    assert client.put(client.load(CONTACTS).info["id"], CONTACTS).error == (400, "INVALIDJOBSTATE")
    assert client.put("7505e00000ZZZZZAAA", CONTACTS).error == (404, "NOT_FOUND")


def test_3_3_a_put_that_breaks_off_leaves_nothing(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    job_id = client.open_job()
    with socket.create_connection(("127.0.0.1", urlsplit(client.server.url).port or 0)) as sock:
        head = f"PUT {JOBS}/{job_id}/batches HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {client.token}\r\n"
        sock.sendall(f"{head}Content-Type: text/csv\r\nContent-Length: 1000\r\n\r\nLastName\n".encode())
    assert client.put(job_id, CONTACTS).status == 201
    assert client.patch(job_id).status == 200
    assert client.wait(job_id)["numberRecordsProcessed"] == 2
    assert caplog.records == []


def test_3_3_expect_100_continue_is_answered(client: Client) -> None:
    job_id = client.open_job()
    with socket.create_connection(("127.0.0.1", urlsplit(client.server.url).port or 0), timeout=5) as sock:
        head = f"PUT {JOBS}/{job_id}/batches HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {client.token}\r\n"
        head += f"Content-Type: text/csv\r\nContent-Length: {len(CONTACTS)}\r\nExpect: 100-continue\r\n\r\n"
        sock.sendall(head.encode())
        assert sock.recv(100).startswith(b"HTTP/1.1 100")
        sock.sendall(CONTACTS.encode())
        assert sock.recv(100).startswith(b"HTTP/1.1 201")


def test_4_2_a_put_beyond_the_limit_is_refused_before_it_is_sent(client: Client) -> None:
    job_id = client.open_job()
    with socket.create_connection(("127.0.0.1", urlsplit(client.server.url).port or 0), timeout=5) as sock:
        head = f"PUT {JOBS}/{job_id}/batches HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {client.token}\r\n"
        sock.sendall(f"{head}Content-Type: text/csv\r\nContent-Length: 112500001\r\n\r\n".encode())
        assert sock.recv(100).startswith(b"HTTP/1.1 413")


def test_3_4_transitions_that_are_not_allowed(client: Client) -> None:
    done = client.load(CONTACTS).info["id"]
    assert client.patch(done).json[0]["message"] == "Closing already Completed Job not allowed"
    assert client.patch(done, "Aborted").json[0]["message"] == "Aborting already Completed Job not allowed"
    assert client.patch(done).error == (400, "INVALIDJOBSTATE")
    assert client.patch(done, "Open").error == (400, "API_ERROR")
    assert client.request("PATCH", f"{JOBS}/{done}", {}).error == (400, "API_ERROR")


def test_3_5_open_jobs_have_no_record_counters(client: Client) -> None:
    info = client.job(client.open_job())
    assert info["jobType"] == "V2Ingest"
    assert not {"numberRecordsProcessed", "numberRecordsFailed", "errorMessage"} & info.keys()
    assert {"retries", "totalProcessingTime", "apiActiveProcessingTime", "apexProcessingTime"} <= info.keys()


def test_3_5_both_forms_of_an_id_are_taken(client: Client) -> None:
    job_id = client.open_job()
    assert client.job(job_id[:15])["id"] == job_id


def test_3_6_the_list_comes_in_pages() -> None:
    with Server(manners=Manners(list_page_size=3)) as server:
        client = Client(server).log_in()
        made = {client.open_job() for _ in range(7)}
        listed: list[str] = []
        path: str | None = JOBS
        while path:
            page = client.get(path).json
            listed += [info["id"] for info in page["records"]]
            path = page["nextRecordsUrl"]
            assert page["done"] is (path is None)
        assert sorted(listed) == sorted(made)
        assert client.get(f"{JOBS}?jobType=Classic").json["records"] == []
        assert client.get(f"{JOBS}?isPkChunkingEnabled=true").json["records"] == []
        assert len(client.get(f"{JOBS}?jobType=V2Ingest&isPkChunkingEnabled=false").json["records"]) == 3
        assert client.get(f"{JOBS}?queryLocator=x").error == (400, "INVALID_QUERY_LOCATOR")
        client.close()


def test_3_7_delete_takes_ended_jobs_alone(client: Client) -> None:
    job_id = client.open_job(CONTACTS)
    assert client.request("DELETE", f"{JOBS}/{job_id}").error == (400, "API_ERROR")
    client.patch(job_id, "Aborted")
    reply = client.request("DELETE", f"{JOBS}/{job_id}")
    assert (reply.status, reply.body) == (204, b"")
    for path in (f"{JOBS}/{job_id}", f"{JOBS}/{job_id}/failedResults"):
        assert client.get(path).error == (404, "NOT_FOUND")
    assert client.request("DELETE", f"{JOBS}/{job_id}").error == (404, "NOT_FOUND")


def test_3_trailing_slashes_and_the_case_of_unprocessed_records(client: Client) -> None:
    job_id = client.load(CONTACTS).info["id"]
    for path in (f"{JOBS}/", f"{JOBS}/{job_id}/", f"{JOBS}/{job_id}/failedResults/", "/services/data/"):
        assert client.get(path).status == 200
    assert client.get(f"{JOBS}/{job_id}/unprocessedRecords").status == 200
    assert client.get(f"{JOBS}//{job_id}").error == (404, "NOT_FOUND")


def test_1_results_under_another_version_are_409(client: Client) -> None:
    job_id = client.load(CONTACTS).info["id"]
    path = f"{JOBS}/{job_id}/successfulResults".replace("v66.0", "v60.0")
    assert client.get(path).status == 409


def test_5_results_before_the_end_are_refused(client: Client) -> None:
    assert client.get(f"{JOBS}/{client.open_job(CONTACTS)}/successfulResults").error == (400, "INVALIDJOBSTATE")


def test_8_gzipped_json_bodies_are_read(client: Client) -> None:
    body = gzip.compress(json.dumps({"object": "Contact", "operation": "insert"}).encode())
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert client.request("POST", JOBS, body, headers).status == 200


@pytest.mark.parametrize("data", [None, "", "LastName,Email\n", "LastName,Email"])
def test_4_8_jobs_without_rows_complete(client: Client, data: str | None) -> None:
    job_id = client.open_job(data)
    assert client.patch(job_id).status == 200
    assert client.wait(job_id)["state"] == "JobComplete"
    done = client.results(job_id)
    assert (done.successful, done.failed, done.info["numberRecordsProcessed"]) == ([], [], 0)


def test_3_8_counters_grow_while_in_progress_and_aborting_keeps_what_is_saved(client: Client) -> None:
    client.server.faults.append(Fault("job", "stuck"))
    rows = [f"N{number}" for number in range(1000)]
    job_id = client.open_job("LastName\n" + "\n".join(rows) + "\n")
    client.patch(job_id)
    info = client.wait(job_id, "InProgress")
    while info["numberRecordsProcessed"] < 400:
        info = client.job(job_id)
    assert client.patch(job_id, "Aborted").json["state"] == "Aborted"
    done = client.results(job_id)
    assert len(done.ids) == 400
    assert done.unprocessed_csv == "LastName\n" + "\n".join(rows[400:]) + "\n"
    assert len(client.records()) == 400


def test_9_2_methods_and_paths_that_are_not_there(client: Client) -> None:
    reply = client.request("PUT", JOBS)
    assert reply.error == (405, "METHOD_NOT_ALLOWED")
    assert reply.json[0]["message"] == "HTTP Method 'PUT' not allowed. Allowed are GET, POST"
    assert client.get("/services/data/v66.0/nowhere").error == (404, "NOT_FOUND")
    assert client.get("/services/data/v99.0/limits").error == (404, "NOT_FOUND")
    assert client.get("/services/data/v20.0/limits").error == (410, "UNSUPPORTED_API_VERSION")
    assert client.get("/services/data/v40.0/jobs/ingest").error == (404, "NOT_FOUND")


@pytest.mark.parametrize("path", ["sobjects/Contact/listviews", "composite/tree/X"])
def test_what_is_not_spoken_is_refused_by_name(client: Client, path: str) -> None:
    reply = client.get(f"/services/data/v66.0/{path}")
    assert reply.error == (501, "NOT_IMPLEMENTED")
    assert "localorg does not speak" in reply.json[0]["message"]


def test_10_quotas_end_in_refusals() -> None:
    with Server(manners=Manners(daily_api_requests=8, daily_batches=1)) as server:
        client = Client(server).log_in()
        job_id = client.open_job(CONTACTS)
        client.patch(job_id)
        while client.create().status == 200:
            pass
        assert client.create().json[0]["errorCode"] in ("EXCEEDEDQUOTA", "REQUEST_LIMIT_EXCEEDED")
        while client.get(JOBS).status == 200:
            pass
        assert client.get(JOBS).error == (403, "REQUEST_LIMIT_EXCEEDED")
        client.close()


def test_5_4_a_job_aborted_while_open_has_all_its_rows_unprocessed() -> None:
    with Server(manners=Manners(empty_results="no_content")) as server:
        client = Client(server).log_in()
        job_id = client.open_job(CONTACTS)
        client.patch(job_id, "Aborted")
        assert client.get(f"{JOBS}/{job_id}/successfulResults").status == 204
        assert client.get(f"{JOBS}/{job_id}/unprocessedrecords").body == CONTACTS.encode()
        client.close()


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 2, 21, 33, 43, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def turn(self, **time: float) -> None:
        self.now += timedelta(**time)


def test_3_8_a_job_stays_open_for_a_day_and_seven_days_more() -> None:
    clock = Clock()
    with Server(clock=clock, manners=Manners(session_seconds=1e9)) as server:
        client = Client(server).log_in()
        job_id, other_id = client.open_job(CONTACTS), client.open_job()
        assert client.job(job_id)["createdDate"] == "2026-01-02T21:33:43.000+0000"
        clock.turn(hours=23, minutes=59, seconds=59)
        assert client.job(job_id)["state"] == "Open"
        clock.turn(seconds=1)
        assert [info["state"] for info in client.get(JOBS).json["records"]] == ["Aborted", "Aborted"]
        assert client.job(job_id)["systemModstamp"] == "2026-01-03T21:33:43.000+0000"
        assert client.patch(job_id).error == (400, "INVALIDJOBSTATE")
        assert client.results(job_id).unprocessed_csv == CONTACTS
        clock.turn(days=6, hours=23, minutes=59, seconds=59)
        assert client.job(job_id)["state"] == "Aborted"
        clock.turn(seconds=1)
        assert client.get(f"{JOBS}/{job_id}").error == (404, "NOT_FOUND")
        assert client.get(f"{JOBS}/{other_id}/failedResults").error == (404, "NOT_FOUND")
        assert client.get(JOBS).json["records"] == []
        assert not list(server.org.store.uploads.glob("750*"))
        client.close()


def test_3_8_an_ended_job_goes_after_seven_days_with_its_results_and_its_records_stay(tmp_path: Path) -> None:
    clock = Clock()
    with Server(tmp_path / "dev.db", clock=clock, manners=Manners(session_seconds=1e9)) as server:
        client = Client(server).log_in()
        old = client.load(CONTACTS)
        clock.turn(days=3)
        new = client.load(CONTACTS)
        clock.turn(days=4)
        for kind in ("successfulResults", "failedResults", "unprocessedrecords"):
            assert client.get(f"{JOBS}/{old.info['id']}/{kind}").error == (404, "NOT_FOUND")
        assert client.results(new.info["id"]).ids == new.ids
        assert {record["Id"] for record in client.records()} == {*old.ids, *new.ids}
        client.close()
    clock.turn(days=3)
    with Server(tmp_path / "dev.db", clock=clock) as server:
        client = Client(server).log_in()
        assert client.get(JOBS).json["records"] == []
        client.close()


def test_10_quotas_are_those_of_the_last_24_hours() -> None:
    clock = Clock()
    with Server(clock=clock, manners=Manners(daily_api_requests=1500, daily_batches=3, session_seconds=1e9)) as server:
        client = Client(server).log_in()
        client.load(CONTACTS)
        client.load("LastName\n")
        clock.turn(hours=12)
        failing = client.open_job("Nothing\n1\n")
        client.patch(failing)
        assert client.wait(failing)["state"] == "Failed"
        client.load(CONTACTS)
        assert client.create().error == (400, "EXCEEDEDQUOTA")
        clock.turn(hours=12)
        client.open_job()
        clock.turn(hours=12)
        while client.get(JOBS).status == 200:
            pass
        assert client.get(JOBS).error == (403, "REQUEST_LIMIT_EXCEEDED")
        clock.turn(hours=24)
        reply = client.get(JOBS)
        assert (reply.status, reply.headers["Sforce-Limit-Info"]) == (200, "api-usage=1/1500")
        client.close()


@pytest.mark.parametrize(
    ("fault", "batches"), [(Fault("job", "fail", after_rows=400), 1), (Fault("job", "fail", after_rows=0), 0)]
)
def test_10_batches_that_were_never_begun_do_not_count(client: Client, fault: Fault, batches: int) -> None:
    client.server.faults.append(fault)
    client.load("LastName\n" + "n\n" * 10_001)
    limits = client.get("/services/data/v66.0/limits").json["DailyBulkApiBatches"]
    assert limits["Max"] - limits["Remaining"] == batches


def test_reset_leaves_no_record_and_no_job(client: Client) -> None:
    job_id = client.load(CONTACTS).info["id"]
    waiting = client.open_job(CONTACTS)
    client.server.reset()
    assert client.records() == []
    assert len(client.records("User")) == 1
    assert client.get(JOBS).json["records"] == []
    for gone in (job_id, waiting):
        assert client.get(f"{JOBS}/{gone}").error == (404, "NOT_FOUND")
    assert [served.kind for served in client.server.requests] == ["list", "get_job", "get_job"]


def test_3_9_many_jobs_at_once_keep_their_rows_apart(client: Client) -> None:
    job_ids = [client.open_job(f"LastName\nof {number}\n" + f"n{number}\n" * 500) for number in range(8)]
    for job_id in job_ids:
        client.patch(job_id)
    for number, job_id in enumerate(job_ids):
        assert client.wait(job_id)["numberRecordsProcessed"] == 501
        assert {row["LastName"] for row in client.results(job_id).successful} == {f"of {number}", f"n{number}"}
    assert len({record["Id"] for record in client.records()}) == 8 * 501


def test_9_1_what_breaks_in_the_org_itself_is_500_in_the_usual_shape(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client.server.org.jobs, "page", None)
    assert client.get(JOBS).error == (500, "UNKNOWN_EXCEPTION")


def test_3_9_beyond_the_days_records_a_job_fails_and_the_rest_is_unprocessed() -> None:
    clock = Clock()
    with Server(clock=clock, manners=Manners(daily_records=500, session_seconds=1e9)) as server:
        client = Client(server).log_in()
        client.load("LastName\n" + "Ng\n" * 300)
        done = client.load("LastName\n" + "".join(f"n{number}\n" for number in range(300)))
        text = "ExceededQuota : Daily limit of records to ingest exceeded. Remaining records are unprocessed."
        assert (done.info["state"], done.info["errorMessage"]) == ("Failed", text)
        assert (len(done.successful), done.unprocessed_csv.count("\n") - 1, len(client.records())) == (200, 100, 500)
        assert client.load("LastName\nNg\n").info["numberRecordsProcessed"] == 0
        clock.turn(hours=24)
        assert client.load("LastName\nNg\n").info["state"] == "JobComplete"
        client.close()


def test_what_comes_for_a_job_that_a_reset_took_away_finds_none(tmp_path: Path) -> None:
    """Such a request has found its job before the reset, and goes on after it."""
    spooled = tmp_path / "upload"
    spooled.write_text(CONTACTS)
    with Server(tmp_path / "org.duckdb") as server:
        client = Client(server).log_in()
        jobs = server.org.jobs
        job = jobs.get(client.open_job(CONTACTS))
        server.reset()
        late = (partial(jobs.change_state, job, "Aborted"), partial(jobs.take_upload, job, spooled))
        for request in (*late, partial(jobs.delete, job)):
            with pytest.raises(Refusal, match="does not exist"):
                request()
        client.close()
    with Server(tmp_path / "org.duckdb") as server:
        client = Client(server).log_in()
        assert client.get(JOBS).json["records"] == []
        client.close()


def test_a_job_made_while_the_org_is_emptied_keeps_its_upload(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    client, made = Client(server).log_in(), []
    empty = server.org.store.empty

    def and_meanwhile(*keep: str) -> None:
        made.append(client.open_job(CONTACTS))
        empty(*keep)

    monkeypatch.setattr(server.org.store, "empty", and_meanwhile)
    server.reset()
    client.patch(made[0])
    assert client.wait(made[0])["numberRecordsProcessed"] == 2
    client.close()


def test_what_breaks_within_a_part_of_a_job_leaves_none_of_it(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(server).log_in()
    job_id = client.open_job(CONTACTS)
    append = server.org.jobs.lines.append

    def fail_once(job: str, line: str, db: Any = None) -> None:
        if json.loads(line)["processed"] and json.loads(line)["state"] == "JobComplete":
            raise RuntimeError("no room")
        append(job, line, db)

    monkeypatch.setattr(server.org.jobs.lines, "append", fail_once)
    client.patch(job_id)
    info = client.wait(job_id)
    assert (info["state"], info["numberRecordsProcessed"], client.records()) == ("Failed", 0, [])
    client.close()
