"""What the wire notes say of every org. Also asked of a real one, where `SFFRAME_TEST_ORG_URL` and
`SFFRAME_TEST_ORG_TOKEN` name it: records are made under names of their own, and taken away again."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest

from sfframe.localorg import Server

from .client import JOBS, TERMINAL, VERSION, Client, Done

BASE = f"/services/data/v{VERSION}"
_REAL = ("SFFRAME_TEST_ORG_URL", "SFFRAME_TEST_ORG_TOKEN")
_PATIENCE_S = 300.0


class Org(Client):
    """An org, whichever it is. Names that begin with `mark` are this test's own."""

    mark = ""

    def wait(self, job_id: str, *states: str) -> dict[str, Any]:
        deadline = time.monotonic() + _PATIENCE_S
        while (info := self.job(job_id))["state"] not in (states or TERMINAL):
            assert time.monotonic() < deadline, info
        return info

    def soql(self, text: str, resource: str = "query") -> Any:
        reply = self.get(f"{BASE}/{resource}?q={quote(text)}")
        assert reply.status == 200, reply
        return reply.json

    def found(self, fields: str, condition: str = "", sobject: str = "Contact") -> list[dict[str, Any]]:
        name = "Name" if sobject == "Account" else "LastName"
        more = f" AND ({condition})" if condition else ""
        records = self.soql(f"SELECT {fields} FROM {sobject} WHERE {name} LIKE '{self.mark}%'{more} ORDER BY {name}")
        return [{key: value for key, value in row.items() if key != "attributes"} for row in records["records"]]

    def contacts(self, header: str, *rows: str) -> Done:
        """Insert contacts; the first column is LastName, its values get the mark."""
        return self.load(header + "\n" + "".join(f"{self.mark}{row}\n" for row in rows))

    def tidy(self) -> None:
        for sobject in ("Contact", "Account"):
            ids = "".join(f"{row['Id']}\n" for row in self.found("Id", sobject=sobject))
            if ids:
                self.load(f"Id\n{ids}", "delete", sobject)


@pytest.fixture(params=["local", *(["real"] if all(name in os.environ for name in _REAL) else [])])
def org(request: pytest.FixtureRequest) -> Iterator[Org]:
    if request.param == "local":
        server: Server = request.getfixturevalue("server")
        org = Org(server)
        org.log_in()
    else:
        org = Org(SimpleNamespace(url=os.environ[_REAL[0]]), token=os.environ[_REAL[1]])  # type: ignore[arg-type]
    org.mark = f"sff{secrets.token_hex(4)}"
    try:
        yield org
        org.tidy()
    finally:
        org.close()


def test_1_versions_are_listed_without_a_token_oldest_first(org: Org) -> None:
    versions = org.request("GET", "/services/data/", token="").json
    assert set(versions[0]) == {"label", "url", "version"}
    assert versions == sorted(versions, key=lambda version: float(version["version"]))
    assert f"{BASE}" in [version["url"] for version in versions]


def test_2_5_a_dead_token_is_told_by_status_and_code(org: Org) -> None:
    reply = org.request("GET", f"{BASE}/limits", token="00D000000000000!dead")
    assert reply.error == (401, "INVALID_SESSION_ID")
    assert reply.json[0]["message"] == "Session expired or invalid"


def test_3_trailing_slashes_are_taken_double_ones_are_not(org: Org) -> None:
    assert org.get(f"{JOBS}/").status == 200
    assert org.get(f"{BASE}//jobs/ingest").status == 404


def test_3_1_create_answers_an_open_job(org: Org) -> None:
    info = org.create().json
    assert (info["state"], info["object"], info["operation"]) == ("Open", "Contact", "insert")
    assert (info["contentType"], info["lineEnding"], info["columnDelimiter"]) == ("CSV", "LF", "COMMA")
    assert info["contentUrl"].endswith(f"/jobs/ingest/{info['id']}/batches")
    assert not info["contentUrl"].startswith("/")
    assert info["createdDate"].endswith("+0000")
    assert org.job(info["id"][:15])["id"] == info["id"]
    assert org.patch(info["id"], "Aborted").json["state"] == "Aborted"


def test_3_1_create_refuses_by_name(org: Org) -> None:
    unknown = org.create(sobject="Nothing__c")
    assert unknown.error == (400, "INVALIDJOB")
    assert unknown.json[0]["message"] == "InvalidJob : Unable to find object: Nothing__c"
    assert org.create(operation="").error == (400, "API_ERROR")
    assert org.create("upsert", externalIdFieldName="LastName").error == (400, "INVALIDJOB")


def test_3_4_an_ended_job_can_be_neither_closed_nor_aborted(org: Org) -> None:
    job_id = org.contacts("LastName", "A").info["id"]
    for state in ("UploadComplete", "Aborted"):
        assert org.patch(job_id, state).error == (400, "INVALIDJOBSTATE")


def test_3_5_unknown_jobs_are_not_found(org: Org) -> None:
    reply = org.get(f"{JOBS}/7505e000000AAAAAA5")
    assert reply.error == (404, "NOT_FOUND")
    assert reply.json[0]["message"] == "The requested resource does not exist"


def test_3_7_an_open_job_is_aborted_before_it_is_deleted(org: Org) -> None:
    job_id = org.open_job()
    assert org.request("DELETE", f"{JOBS}/{job_id}").error == (400, "API_ERROR")
    assert org.patch(job_id, "Aborted").status == 200
    assert org.request("DELETE", f"{JOBS}/{job_id}").status == 204
    assert org.get(f"{JOBS}/{job_id}").status == 404


@pytest.mark.parametrize(
    ("csv", "text"),
    [
        ("LastName,Nothing__c\nA,b\n", "InvalidBatch : Field name not found : Nothing__c"),
        ("LastName;FirstName\nA;b\n", "InvalidBatch : Field name not found : LastName;FirstName"),
        (
            "LastName\r\nA\r\n",
            "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is LF",
        ),
        ('\ufeff"LastName"\n"A"\n', "InvalidBatch : Failed to parse CSV. Found unescaped quote."),
        ("\ufeffLastName\nA\n", "InvalidBatch : Field name not found : "),
        ("LastName,Nowhere.Name\nA,b\n", "InvalidBatch : Unable to find relationship: Nowhere"),
        ("LastName,Account:Account.Id\nA,b\n", "InvalidBatch : type is not needed for non polymorphic"),
    ],
)
def test_5_4_what_is_wrong_with_the_whole_file_shows_in_the_job_alone(org: Org, csv: str, text: str) -> None:
    job_id = org.open_job(csv)
    assert org.patch(job_id).status == 200
    info = org.wait(job_id)
    assert (info["state"], info.get("numberRecordsProcessed", 0)) == ("Failed", 0)
    assert text in info["errorMessage"]


def test_13_rows_have_fates_of_their_own(org: Org) -> None:
    done = org.contacts("LastName,Email", "Ng,ng@example.com", "Ada,not an address")
    assert done.info["state"] == "JobComplete"
    assert (done.info["numberRecordsProcessed"], done.info["numberRecordsFailed"]) == (2, 1)
    assert done.successful_csv.startswith('"sf__Id","sf__Created",LastName,Email\n')
    (good,), (bad,) = done.successful, done.failed
    assert (good["sf__Created"], good["LastName"]) == ("true", f"{org.mark}Ng")
    assert len(good["sf__Id"]) == 18
    assert bad["sf__Error"].startswith("INVALID_EMAIL_ADDRESS:")
    assert bad["sf__Error"].endswith(":Email --")
    assert done.unprocessed_csv.strip() == "LastName,Email"


def test_4_3_an_empty_cell_leaves_alone_and_the_null_mark_clears(org: Org) -> None:
    (record_id,) = org.contacts("LastName,FirstName,Title", "A,Ada,Countess").ids
    org.load(f"Id,FirstName,Title\n{record_id},,#N/A\n", "update")
    assert org.found("FirstName, Title") == [{"FirstName": "Ada", "Title": None}]


def test_4_1_values_are_taken_as_they_are_quoted(org: Org) -> None:
    org.contacts("LastName,Description", '1,"a ""b"", c\nd"', "2,NULL", "3,007")
    assert [row["Description"] for row in org.found("Description")] == ['a "b", c\nd', "NULL", "007"]


def test_5_3_doubles_come_back_in_the_form_of_java(org: Org) -> None:
    done = org.load(f"Name,AnnualRevenue,NumberOfEmployees\n{org.mark},912260031,23\n", sobject="Account")
    assert (done.successful[0]["AnnualRevenue"], done.successful[0]["NumberOfEmployees"]) == ("9.12260031E8", "23")


def test_4_7_deleted_records_lie_in_the_recycle_bin(org: Org) -> None:
    (record_id,) = org.contacts("LastName", "A").ids
    org.load(f"Id\n{record_id}\n", "delete")
    assert org.found("Id") == []
    (kept,) = org.soql(f"SELECT Id, IsDeleted FROM Contact WHERE Id = '{record_id}'", "queryAll")["records"]
    assert (kept["Id"], kept["IsDeleted"]) == (record_id, True)
    again = org.load(f"Id\n{record_id}\n", "delete")
    assert again.errors == ["ENTITY_IS_DELETED:entity is deleted:--"]


def test_6_a_query_job_gives_pages_with_headers(org: Org) -> None:
    org.contacts("LastName", "A", "B", "C")
    soql = f"SELECT LastName, Account.Name FROM Contact WHERE LastName LIKE '{org.mark}%' ORDER BY LastName"
    created = org.request("POST", f"{BASE}/jobs/query", {"operation": "query", "query": soql}).json
    assert (created["state"], created["object"]) == ("UploadComplete", "Contact")
    path = f"{BASE}/jobs/query/{created['id']}"
    deadline = time.monotonic() + _PATIENCE_S
    while (info := org.get(path).json)["state"] not in TERMINAL:
        assert time.monotonic() < deadline, info
    first = org.get(f"{path}/results?maxRecords=2", {"Accept": "text/csv"})
    assert first.headers["Sforce-NumberOfRecords"] == "2"
    last = org.get(f"{path}/results?maxRecords=2&locator={first.headers['Sforce-Locator']}", {"Accept": "text/csv"})
    assert (last.headers["Sforce-NumberOfRecords"], last.headers["Sforce-Locator"]) == ("1", "null")
    assert last.body.decode() == f'"LastName","Account.Name"\n"{org.mark}C",""\n'


def test_soql_2_1_unequal_keeps_nulls_and_the_empty_text_is_null(org: Org) -> None:
    org.contacts("LastName,Title", "1,a", "2,B", "3,")

    def names(where: str) -> list[str]:
        return [row["LastName"][-1] for row in org.found("LastName", where)]

    assert names("Title = 'A'") == ["1"]
    assert names("Title != 'a'") == ["2", "3"]
    assert names("Title NOT IN ('a', 'b')") == ["3"]
    assert names("Title = null") == names("Title = ''") == ["3"]
    assert names("(NOT Title LIKE 'a%')") == ["2", "3"]


def test_soql_6_count_is_in_total_size(org: Org) -> None:
    org.contacts("LastName", "1", "2")
    answer = org.soql(f"SELECT COUNT() FROM Contact WHERE LastName LIKE '{org.mark}%'")
    assert (answer["totalSize"], answer["done"], answer["records"]) == (2, True, [])


def test_soql_9_errors_show_where(org: Org) -> None:
    reply = org.get(f"{BASE}/query?q={quote('SELECT Id, Nothing__c FROM Contact')}")
    assert reply.error == (400, "INVALID_FIELD")
    assert "\nERROR at Row:1:Column:12\nNo such column 'Nothing__c' on entity 'Contact'" in reply.json[0]["message"]


def test_7_1_a_describe_that_has_not_changed_is_not_sent_again(org: Org) -> None:
    first = org.get(f"{BASE}/sobjects/Contact/describe")
    assert {"name", "label", "keyPrefix", "fields", "createable", "queryable"} <= set(first.json)
    again = org.get(f"{BASE}/sobjects/Contact/describe", {"If-Modified-Since": first.headers["Last-Modified"]})
    assert again.status == 304
    assert org.get(f"{BASE}/sobjects/Nothing__c/describe").error == (404, "NOT_FOUND")


def test_7_2_limits_tell_what_is_left(org: Org) -> None:
    limits = org.get(f"{BASE}/limits").json
    for key in ("DailyApiRequests", "DailyBulkApiBatches", "DailyBulkV2QueryJobs", "DataStorageMB"):
        assert 0 <= limits[key]["Remaining"] <= limits[key]["Max"]


def test_9_4_usage_is_told_with_every_answer(org: Org) -> None:
    assert org.get(f"{BASE}/limits").headers["Sforce-Limit-Info"].startswith("api-usage=")
