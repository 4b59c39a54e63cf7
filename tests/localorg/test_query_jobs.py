"""Query jobs over plain HTTP (wire notes, 6)."""

from __future__ import annotations

import csv
import io
import math
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfframe.localorg import Fault, Manners, Server
from sfframe.localorg.query.pages import make_locator, read_locator
from sfframe.localorg.soql import Query
from sfframe.localorg.wire import Refusal

from .client import DEADLINE_S, Client, Reply

QUERIES = "/services/data/v66.0/jobs/query"


def create(client: Client, soql: str, operation: str = "query", **members: Any) -> Reply:
    return client.request("POST", QUERIES, {"operation": operation, "query": soql, **members})


def look(client: Client, job_id: str) -> dict[str, Any]:
    reply = client.get(f"{QUERIES}/{job_id}")
    assert reply.status == 200, reply
    info: dict[str, Any] = reply.json
    return info


def finished(client: Client, soql: str, operation: str = "query", **members: Any) -> dict[str, Any]:
    reply = create(client, soql, operation, **members)
    assert reply.status == 200, reply
    return wait(client, reply.json["id"])


def wait(client: Client, job_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + DEADLINE_S
    while (info := look(client, job_id))["state"] not in ("JobComplete", "Failed", "Aborted"):
        assert time.monotonic() < deadline, info
    return info


def page(client: Client, job_id: str, query: str = "") -> Reply:
    return client.get(f"{QUERIES}/{job_id}/results{query}", {"Accept": "text/csv"})


def all_rows(client: Client, job_id: str, max_records: int) -> list[list[str]]:
    """All records, page by page, each page with its own header."""
    found: list[list[str]] = []
    locator = None
    while locator != "null":
        query = f"?maxRecords={max_records}" + (f"&locator={locator}" if locator else "")
        reply = page(client, job_id, query)
        header, *records = cells(reply)
        assert len(records) == int(reply.headers["Sforce-NumberOfRecords"]) <= max_records
        found += records
        locator = reply.headers["Sforce-Locator"]
    return [header, *found]


def cells(reply: Reply, delimiter: str = ",") -> list[list[str]]:
    assert reply.status == 200, reply
    return list(csv.reader(io.StringIO(reply.body.decode(), newline=""), delimiter=delimiter))


def contacts(n: int) -> str:
    return "LastName,ExternalId__c\n" + "".join(f"N{i},K{i:05}\n" for i in range(n))


def test_a_created_job_is_upload_complete_at_once_and_does_not_echo_the_soql(client: Client) -> None:
    """6.1"""
    reply = create(client, "SELECT Id FROM Contact")
    assert reply.status == 200
    info = reply.json
    assert list(info) == [
        "id", "operation", "object", "createdById", "createdDate", "systemModstamp", "state", "concurrencyMode",
        "contentType", "apiVersion", "lineEnding", "columnDelimiter",
    ]  # fmt: skip
    assert (info["operation"], info["object"], info["state"]) == ("query", "Contact", "UploadComplete")
    assert info["id"].startswith("750")
    assert len(info["id"]) == 18
    assert info["createdDate"].endswith("+0000")
    done = wait(client, info["id"][:15])
    assert done["state"] == "JobComplete"
    assert (done["jobType"], done["numberRecordsProcessed"], done["isPkChunkingSupported"]) == ("V2Query", 0, True)
    assert "query" not in done


def test_no_records_is_one_header_line(client: Client) -> None:
    """6.5"""
    reply = page(client, finished(client, "select id, Account.name from contact")["id"])
    assert reply.body == b'"Id","Account.Name"\n'
    assert reply.headers["Sforce-NumberOfRecords"] == "0"
    assert reply.headers["Sforce-Locator"] == "null"
    assert reply.headers["Content-Type"] == "text/csv"
    assert reply.headers["Sforce-Limit-Info"].startswith("api-usage=")


@pytest.mark.parametrize(
    ("manner", "status", "body"),
    [("zero_bytes", 200, b""), ("blank_line", 200, b'"Id"\n\n'), ("no_content", 204, b""), ("header", 200, b'"Id"\n')],
)
def test_no_records_has_all_the_forms_that_are_reported(manner: Any, status: int, body: bytes) -> None:
    """6.3, 6.5"""
    with Server(manners=Manners(empty_results=manner)) as server:
        client = Client(server).log_in()
        reply = page(client, finished(client, "SELECT Id FROM Contact")["id"])
        client.close()
    assert (reply.status, reply.body) == (status, body)
    assert (reply.headers["Sforce-NumberOfRecords"], reply.headers["Sforce-Locator"]) == ("0", "null")


def test_values_come_out_in_the_forms_of_the_bulk_api(client: Client) -> None:
    """6.5"""
    header = (
        "ExternalId__c,Text__c,Checkbox__c,Integer__c,Double__c,Currency__c,"
        "Date__c,Datetime__c,Time__c,Multipicklist__c"
    )
    client.load(
        f"{header}\n"
        'a,"q"",\né\r\n☃",true,23,912260031,0.5,2026-01-31,2024-04-16T19:00:00.999Z,08:00:00.000Z,Red;Blue\n'
        "b,,,,0.0001,100,,,,\n",
        sobject="Everything__c",
    )
    soql = f"SELECT {header} FROM Everything__c ORDER BY ExternalId__c"
    sent = cells(page(client, finished(client, soql)["id"]))
    assert sent[0] == header.split(",")
    assert sent[1] == [
        "a", 'q",\né\r\n☃', "true", "23", "9.12260031E8", "0.5", "2026-01-31", "2024-04-16T19:00:00.000Z",
        "08:00:00.000Z", "Red;Blue",
    ]  # fmt: skip
    assert sent[2] == ["b", "", "false", "", "1.0E-4", "100.0", "", "", "", ""]


@pytest.mark.parametrize(("delimiter", "character"), [("PIPE", "|"), ("TAB", "\t"), ("SEMICOLON", ";")])
def test_delimiter_and_line_ending_are_the_jobs(client: Client, delimiter: str, character: str) -> None:
    client.load("LastName,FirstName\nNg,Ada\n")
    soql = "SELECT LastName, FirstName FROM Contact"
    job = finished(client, soql, columnDelimiter=delimiter, lineEnding="CRLF")
    assert page(client, job["id"]).body.decode() == f'"LastName"{character}"FirstName"\r\n"Ng"{character}"Ada"\r\n'


@pytest.mark.parametrize("size", [1, 7, 50, 51, 1000])
def test_pages_together_are_the_whole_result_and_may_be_read_again(client: Client, size: int) -> None:
    """6.3"""
    client.load(contacts(51))
    job = finished(client, "SELECT ExternalId__c FROM Contact ORDER BY ExternalId__c")
    assert job["numberRecordsProcessed"] == 51
    wanted = [["ExternalId__c"], *([f"K{i:05}"] for i in range(51))]
    assert all_rows(client, job["id"], size) == wanted
    assert all_rows(client, job["id"], size) == wanted


def test_the_org_has_a_page_size_of_its_own_and_lists_pages_for_parallel_download() -> None:
    """6.3, 6.4"""
    with Server(manners=Manners(query_page_rows=3)) as server:
        client = Client(server).log_in()
        client.load(contacts(17))
        job = finished(client, "SELECT ExternalId__c FROM Contact ORDER BY ExternalId__c")
        answers = [client.get(f"{QUERIES}/{job['id']}/resultPages").json]
        while not answers[-1]["done"]:
            answers.append(client.get(answers[-1]["nextRecordsUrl"]).json)
        assert [len(answer["resultPages"]) for answer in answers] == [5, 1]
        assert "nextRecordsUrl" not in answers[-1]
        urls = [page["resultUrl"] for answer in answers for page in answer["resultPages"]]
        pages = [cells(client.get(url))[1:] for url in urls]
        assert [len(rows) for rows in pages] == [3, 3, 3, 3, 3, 2]
        assert [row for rows in pages for row in rows] == [[f"K{i:05}"] for i in range(17)]
        assert len(cells(page(client, job["id"], "?maxRecords=1000"))) == 4
        assert client.get(f"{QUERIES.replace('66', '57')}/{job['id']}/resultPages").status == 404
        client.close()


def test_an_empty_result_has_one_page(client: Client) -> None:
    job = finished(client, "SELECT Id FROM Contact")
    (only,) = client.get(f"{QUERIES}/{job['id']}/resultPages").json["resultPages"]
    assert cells(client.get(only["resultUrl"])) == [["Id"]]


def test_a_locator_of_another_job_or_of_ones_own_making_is_refused(client: Client) -> None:
    client.load(contacts(5))
    one, two = (finished(client, "SELECT Id FROM Contact")["id"] for _ in range(2))
    locator = page(client, one, "?maxRecords=2").headers["Sforce-Locator"]
    assert page(client, one, f"?locator={locator}").status == 200
    for job, wrong in [(two, locator), (one, "2"), (one, "MDow"), (one, "é"), (one, ""), (one, "null")]:
        reply = page(client, job, f"?locator={wrong.encode().hex() if wrong == 'é' else wrong}")
        assert reply.error == (400, "INVALID_QUERY_LOCATOR"), wrong


@given(st.text(max_size=30), st.integers(0, 10**12))
def test_locators_round_trip_and_nothing_else_is_one(text: str, number: int) -> None:
    locator = make_locator("750000000000001AAA", number)
    assert read_locator("750000000000001AAA", locator) == number
    assert read_locator("750000000000002AAA", locator) is None
    assert text == locator or read_locator("750000000000001AAA", text) is None


@pytest.mark.parametrize("wrong", ["0", "-1", "x", "1.5", "1" * 30, "%C2%B2"])
def test_a_max_records_that_is_no_number_is_refused(client: Client, wrong: str) -> None:
    job = finished(client, "SELECT Id FROM Contact")
    assert page(client, job["id"], f"?maxRecords={wrong}").error == (400, "API_ERROR")


def test_query_all_has_the_deleted_records_too(client: Client) -> None:
    """6.1"""
    ids = client.load("LastName\nA\nB\n").ids
    client.load(f"Id\n{ids[0]}\n", "delete")
    soql = "SELECT Id, IsDeleted FROM Contact"
    assert cells(page(client, finished(client, soql)["id"]))[1:] == [[ids[1], "false"]]
    both = cells(page(client, finished(client, soql, "queryAll")["id"]))[1:]
    assert sorted(both) == sorted([[ids[0], "true"], [ids[1], "false"]])


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT Id FROM Nothing", "INVALID_TYPE"),
        ("SELECT Nothing FROM Contact", "INVALID_FIELD"),
        ("SELECT FROM Contact", "MALFORMED_QUERY"),
        ("SELECT COUNT() FROM Contact", "API_ERROR"),
        ("SELECT LastName, COUNT(Id) FROM Contact GROUP BY LastName", "API_ERROR"),
        ("SELECT Id FROM Contact LIMIT 5 OFFSET 5", "API_ERROR"),
        ("SELECT Id, (SELECT Id FROM Contacts) FROM Account", "API_ERROR"),
        ("SELECT MailingAddress FROM Contact", "API_ERROR"),
    ],
)
def test_what_bulk_does_not_take_is_refused_at_create(client: Client, soql: str, code: str) -> None:
    """6.2"""
    assert create(client, soql).error == (400, code)
    assert client.get(QUERIES).json["records"] == []


@pytest.mark.parametrize(
    ("member", "value"),
    [("operation", "insert"), ("contentType", "XML"), ("columnDelimiter", ","), ("lineEnding", "CR"), ("query", "")],
)
def test_a_wrong_member_is_refused(client: Client, member: str, value: str) -> None:
    body = {"operation": "query", "query": "SELECT Id FROM Contact", member: value}
    reply = client.request("POST", QUERIES, body)
    assert reply.error == (400, "API_ERROR")
    assert reply.json[0]["message"] == f"Invalid value: '{value}' supplied for property: '{member}'"


def test_unknown_members_and_queries_that_are_no_text_are_refused(client: Client) -> None:
    assert create(client, "SELECT Id FROM Contact", object="Contact").error == (400, "JSON_PARSER_ERROR")
    assert client.request("POST", QUERIES, {"operation": "query", "query": 5}).error == (400, "API_ERROR")


def test_results_belong_to_the_version_of_the_job(client: Client) -> None:
    """1"""
    job = finished(client, "SELECT Id FROM Contact")
    assert client.get(f"{QUERIES.replace('66', '65')}/{job['id']}/results").status == 409


def test_jobs_are_listed_by_their_own_kind(client: Client) -> None:
    """6.1, 3.6"""
    ingest = client.open_job()
    query = finished(client, "SELECT Id FROM Contact")["id"]
    assert [job["id"] for job in client.get(QUERIES).json["records"]] == [query]
    assert [job["id"] for job in client.get(f"{QUERIES}?jobType=V2Query").json["records"]] == [query]
    assert client.get(f"{QUERIES}?jobType=Classic").json == {"done": True, "records": [], "nextRecordsUrl": None}
    assert client.get(f"{QUERIES}/{ingest}").error == (404, "NOT_FOUND")


def test_a_stuck_job_has_no_results_and_can_be_aborted_and_deleted(client: Client, server: Server) -> None:
    """6.1, 6.3"""
    server.faults.append(Fault("job", "stuck", match="^query"))
    job_id = create(client, "SELECT Id FROM Contact").json["id"]
    deadline = time.monotonic() + DEADLINE_S
    while look(client, job_id)["state"] != "InProgress":
        assert time.monotonic() < deadline
    assert page(client, job_id).error == (400, "INVALIDJOBSTATE")
    assert client.request("DELETE", f"{QUERIES}/{job_id}").error == (400, "API_ERROR")
    reply = client.request("PATCH", f"{QUERIES}/{job_id}", {"state": "Aborted"})
    assert (reply.status, reply.json["state"]) == (200, "Aborted")
    again = client.request("PATCH", f"{QUERIES}/{job_id}", {"state": "Aborted"})
    assert again.error == (400, "INVALIDJOBSTATE")
    assert client.request("DELETE", f"{QUERIES}/{job_id}").status == 204
    assert client.get(f"{QUERIES}/{job_id}").error == (404, "NOT_FOUND")


def test_a_released_job_goes_on(client: Client, server: Server) -> None:
    server.faults.append(Fault("job", "stuck", match="^query"))
    job_id = create(client, "SELECT Id FROM Contact").json["id"]
    while look(client, job_id)["state"] != "InProgress":
        continue
    server.release_jobs()
    assert wait(client, job_id)["state"] == "JobComplete"


def test_a_failed_job_says_why(client: Client, server: Server) -> None:
    server.faults.append(Fault("job", "fail", match="^query"))
    info = finished(client, "SELECT Id FROM Contact")
    assert (info["state"], info["errorMessage"].partition(" ")[0]) == ("Failed", "QUERY_TIMEOUT")
    assert page(client, info["id"]).error == (400, "INVALIDJOBSTATE")


def test_results_that_are_not_accepted_as_csv_are_refused(client: Client) -> None:
    """6.3"""
    job = finished(client, "SELECT Id FROM Contact")
    assert client.get(f"{QUERIES}/{job['id']}/results", {"Accept": "application/xml"}).status == 406


def test_the_days_query_jobs_are_counted_and_the_day_goes_by() -> None:
    """6.2, 10"""
    hour = [datetime(2026, 1, 1, tzinfo=UTC)]
    with Server(manners=Manners(daily_query_jobs=2, session_seconds=math.inf), clock=lambda: hour[0]) as server:
        client = Client(server).log_in()
        for _ in range(2):
            finished(client, "SELECT Id FROM Contact")
        reply = create(client, "SELECT Id FROM Contact")
        assert reply.error == (400, "LIMIT_EXCEEDED")
        assert reply.json[0]["message"] == "Max bulk v2 query jobs (2) per 24 hrs has been reached (3)"
        left = client.get("/services/data/v66.0/limits").json["DailyBulkV2QueryJobs"]
        assert left == {"Max": 2, "Remaining": 0}
        hour[0] += timedelta(hours=24)
        job = finished(client, "SELECT Id FROM Contact")
        hour[0] += timedelta(days=7)
        assert client.get(f"{QUERIES}/{job['id']}").status == 404
        client.close()


def test_jobs_and_their_results_outlive_the_server(tmp_path: Any) -> None:
    with Server(tmp_path / "org.db") as server:
        client = Client(server).log_in()
        client.load(contacts(3))
        job = finished(client, "SELECT ExternalId__c FROM Contact ORDER BY ExternalId__c")
        client.close()
    with Server(tmp_path / "org.db") as server:
        client = Client(server).log_in()
        assert cells(page(client, job["id"])) == [["ExternalId__c"], ["K00000"], ["K00001"], ["K00002"]]
        other = finished(client, "SELECT Id FROM Contact")
        assert other["id"] != job["id"]
        client.close()


@pytest.mark.parametrize("goes_wrong", [False, True])
@pytest.mark.parametrize("is_deleted", [False, True])
def test_a_job_that_is_stopped_while_it_runs_stays_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, goes_wrong: bool, is_deleted: bool
) -> None:
    """6.1"""
    with Server(tmp_path / "org.db") as server:
        client = Client(server).log_in()
        client.load(contacts(3))
        jobs = server.org.queries
        compiled = jobs.compile

        def stopped_meanwhile(soql: str, all_rows: bool) -> Query:
            if threading.current_thread().name == "localorg-queries" and "Title" in soql:
                (job,) = (job for job in jobs.latest(9) if job.state == "InProgress")
                jobs.change_state(job, "Aborted")
                if is_deleted:
                    jobs.delete(job)
                if goes_wrong:
                    raise Refusal(400, "INVALID_FIELD", "it was there a moment ago")
            return compiled(soql, all_rows)

        monkeypatch.setattr(jobs, "compile", stopped_meanwhile)
        stopped = create(client, "SELECT Title FROM Contact").json["id"]
        # Jobs run one after the other: when this one has ended, the one before it has.
        assert finished(client, "SELECT Id FROM Contact")["state"] == "JobComplete"
        assert list(server.org.store.uploads.glob(f"{stopped}*")) == []
        client.close()
    with Server(tmp_path / "org.db") as server:
        client = Client(server).log_in()
        reply = client.get(f"{QUERIES}/{stopped}")
        assert reply.status == 404 if is_deleted else reply.json["state"] == "Aborted"
        client.close()


def test_a_page_is_bounded_in_bytes_whatever_is_asked_for(client: Client) -> None:
    """Rows of 100 KB each: some 300 fill a page."""
    wide = "x" * 100_000
    client.load("ExternalId__c,Long_Text__c\n" + "".join(f"K{i},{wide}\n" for i in range(400)),
                sobject="Everything__c")  # fmt: skip
    job = finished(client, "SELECT ExternalId__c, Long_Text__c FROM Everything__c")
    reply = page(client, job["id"], "?maxRecords=1000")
    assert len(reply.body) < 40_000_000
    assert reply.headers["Sforce-Locator"] != "null"
    assert len(all_rows(client, job["id"], 1000)) == 401
