"""simple-salesforce runs on the local org as it comes."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sfframe.localorg import Server

from .hard import GAPS, TEXTS, Record, expected, ids, in_database, records, saved, sent

# Its objects are made of names as they are used, which types can't tell.
simple_salesforce: Any = pytest.importorskip("simple_salesforce")
requests: Any = pytest.importorskip("requests")

# It sleeps as long before it looks at a job for the first time.
QUICK = 0.01


@pytest.fixture
def salesforce(server: Server, token: str, trusting: object) -> Iterator[Any]:
    salesforce = simple_salesforce.Salesforce(instance_url=server.url, session_id=token)
    yield salesforce
    salesforce.session.close()


def load(salesforce: Any, operation: str, rows: list[Record] | None, **options: Any) -> list[Any]:
    """Records through `bulk2`, all columns quoted as the notes advise for text with line breaks."""
    method = getattr(salesforce.bulk2.Contact, operation)
    options = {"quoting": csv.QUOTE_ALL, "wait": QUICK, **options}
    results: list[Any] = method(records=rows, **options)
    return results


def test_bulk2_inserts_every_text(salesforce: Any, server: Server) -> None:
    (result,) = load(salesforce, "insert", records())
    assert result["numberRecordsTotal"] == result["numberRecordsProcessed"] == len(records())
    assert result["numberRecordsFailed"] == 0
    assert in_database(server) == expected()


def test_bulk2_inserts_in_batches(salesforce: Any, server: Server) -> None:
    results = load(salesforce, "insert", records(), batch_size=7)
    assert [result["numberRecordsTotal"] for result in results] == [7, 7, 7, 4]
    assert in_database(server) == expected()


def test_bulk2_reads_a_file_with_another_delimiter_and_line_end(
    salesforce: Any, server: Server, tmp_path: Path
) -> None:
    path = tmp_path / "contacts.csv"
    rows = [
        {"ExternalId__c": key, "LastName": "Ng", "Description": text.replace("\n", " ")} for key, text in TEXTS.items()
    ]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=";", lineterminator="\r\n", quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(row for row in rows if "\r" not in row["Description"])
    load(salesforce, "insert", None, csv_file=str(path), column_delimiter="SEMICOLON", line_ending="CRLF")
    assert in_database(server) == {
        row["ExternalId__c"]: saved(row["Description"]) for row in rows if "\r" not in row["Description"]
    }


def test_bulk2_updates(salesforce: Any, server: Server) -> None:
    load(salesforce, "insert", [{**row, "Description": "before"} for row in records()])
    rows = [{"Id": ids(server)[row["ExternalId__c"]], "Description": row["Description"]} for row in records()]
    load(salesforce, "update", rows)
    # An empty cell leaves the field alone.
    assert in_database(server) == expected() | dict.fromkeys(GAPS, "before")


def test_bulk2_upserts(salesforce: Any, server: Server) -> None:
    load(salesforce, "insert", [{**row, "Description": "before"} for row in records()[::2]])
    load(salesforce, "upsert", [{**row, "Description": row["Description"] or "#N/A"} for row in records()],
         external_id_field="ExternalId__c")  # fmt: skip
    assert in_database(server) == expected()


def test_bulk2_deletes(salesforce: Any, server: Server) -> None:
    load(salesforce, "insert", records())
    gone = dict(list(ids(server).items())[::2])
    load(salesforce, "delete", [{"Id": record_id} for record_id in gone.values()])
    assert in_database(server) == {key: text for key, text in expected().items() if key not in gone}
    deleted = [row["ExternalId__c"] for row in server.rows("Contact").to_pylist() if row["IsDeleted"]]
    assert set(deleted) == set(gone)


def test_bulk2_deletes_for_good(salesforce: Any, server: Server) -> None:
    load(salesforce, "insert", records())
    load(salesforce, "hard_delete", [{"Id": record_id} for record_id in ids(server).values()])
    assert server.rows("Contact").num_rows == 0


def test_bulk2_tells_what_became_of_each_row(salesforce: Any, server: Server) -> None:
    (result,) = load(salesforce, "insert", [*records(), {"ExternalId__c": "nameless", "Description": "x\ny"}])
    assert (result["numberRecordsProcessed"], result["numberRecordsFailed"]) == (len(records()) + 1, 1)
    job, bulk = result["job_id"], salesforce.bulk2.Contact
    # The org doesn't name the charset of results (5), and the client then takes them for Latin-1.
    succeeded = parsed(bulk.get_successful_records(job).encode("latin-1").decode())
    assert {row["ExternalId__c"]: row["sf__Id"] for row in succeeded} == ids(server)
    assert {row["ExternalId__c"]: row["Description"] for row in succeeded} == sent()
    (failed,) = parsed(bulk.get_failed_records(job))
    assert failed["sf__Error"].startswith("REQUIRED_FIELD_MISSING:")
    assert failed["Description"] == "x\ny"
    assert parsed(bulk.get_unprocessed_records(job)) == []


def test_bulk2_downloads_the_results_to_files(salesforce: Any, server: Server, tmp_path: Path) -> None:
    (result,) = load(salesforce, "insert", records())
    path = tmp_path / "ok.csv"
    salesforce.bulk2.Contact.get_successful_records(result["job_id"], file=str(path))
    rows = parsed(path.read_bytes().decode())
    assert {row["ExternalId__c"]: row["sf__Id"] for row in rows} == ids(server)
    assert {row["ExternalId__c"]: row["Description"] for row in rows} == sent()


def test_bulk2_raises_for_a_job_that_fails(salesforce: Any) -> None:
    with pytest.raises(simple_salesforce.exceptions.SalesforceOperationError, match="InvalidBatch"):
        load(salesforce, "insert", [{"LastName": "Ng", "Nonsense__c": "x"}])


def test_bulk2_raises_for_a_job_that_is_refused(salesforce: Any) -> None:
    with pytest.raises(
        simple_salesforce.exceptions.SalesforceMalformedRequest, match="Unable to find object: Nonsense__c"
    ):
        salesforce.bulk2.Nonsense__c.insert(records=[{"Name": "x"}], wait=QUICK)


def test_the_old_bulk_api_is_refused_by_name(salesforce: Any) -> None:
    with pytest.raises(simple_salesforce.exceptions.SalesforceGeneralError, match="does not speak Bulk API 1"):
        salesforce.bulk.Contact.insert([{"LastName": "Ng"}])


def test_bulk2_queries_in_pages(salesforce: Any, server: Server) -> None:
    load(salesforce, "insert", records())
    soql = "SELECT ExternalId__c, Description, LastName FROM Contact"
    pages = list(salesforce.bulk2.Contact.query(soql, max_records=10, wait=QUICK))
    assert [len(parsed(page)) for page in pages] == [10, 10, 5]
    rows = [row for page in pages for row in parsed(page)]
    assert {row["ExternalId__c"]: row["Description"] or None for row in rows} == expected()


def test_bulk2_queries_deleted_rows_too(salesforce: Any, server: Server) -> None:
    load(salesforce, "insert", records())
    load(salesforce, "delete", [{"Id": ids(server)["emoji"]}])
    soql = "SELECT ExternalId__c FROM Contact WHERE IsDeleted = true"
    (page,) = salesforce.bulk2.Contact.query_all(soql, wait=QUICK)
    assert parsed(page) == [{"ExternalId__c": "emoji"}]
    (page,) = salesforce.bulk2.Contact.query(soql, wait=QUICK)
    assert parsed(page) == []


def test_bulk2_downloads_a_query_in_pages(salesforce: Any, server: Server, tmp_path: Path) -> None:
    load(salesforce, "insert", records())
    soql = "SELECT ExternalId__c, Description FROM Contact"
    files = salesforce.bulk2.Contact.download(soql, str(tmp_path), max_records=20, wait=QUICK)
    assert [file["number_of_records"] for file in files] == [20, 5]
    rows = [row for file in files for row in parsed(Path(file["file"]).read_bytes().decode())]
    assert {row["ExternalId__c"]: row["Description"] or None for row in rows} == expected()


# REST.

SOQL = "SELECT Id, ExternalId__c, Description FROM Contact"


def texts(rows: list[dict[str, Any]]) -> dict[str, str | None]:
    return {row["ExternalId__c"]: row["Description"] for row in rows}


def test_query(salesforce: Any, server: Server) -> None:
    load(salesforce, "insert", records())
    answer = salesforce.query(SOQL)
    assert texts(answer["records"]) == expected()
    assert (answer["totalSize"], answer["done"]) == (len(records()), True)
    assert salesforce.query("SELECT COUNT() FROM Contact")["totalSize"] == len(records())


def test_query_finds_a_text_that_is_formatted_into_it(salesforce: Any, server: Server) -> None:
    """`format_soql` writes quotes and breaks as SOQL wants them; long text isn't filterable, a title is."""
    sent = {key: text for key, text in TEXTS.items() if saved(text) == text and len(text) < 100}
    load(salesforce, "insert", [{"LastName": "Ng", "ExternalId__c": key, "Title": text} for key, text in sent.items()])
    for key, text in sent.items():
        soql = simple_salesforce.format_soql("SELECT ExternalId__c FROM Contact WHERE Title = {}", text)
        assert [row["ExternalId__c"] for row in salesforce.query(soql)["records"]] == [key]


def test_query_all_takes_all_pages(salesforce: Any, server: Server) -> None:
    rows = [{"LastName": f"Nr {n}", "ExternalId__c": f"{n:04}"} for n in range(4_100)]
    load(salesforce, "insert", rows)
    first = salesforce.query("SELECT ExternalId__c FROM Contact ORDER BY ExternalId__c")
    assert (len(first["records"]), first["totalSize"], first["done"]) == (2_000, 4_100, False)
    more = salesforce.query_more(first["nextRecordsUrl"], identifier_is_url=True)
    assert more["records"][0]["ExternalId__c"] == "2000"
    answer = salesforce.query_all("SELECT ExternalId__c FROM Contact ORDER BY ExternalId__c")
    assert [row["ExternalId__c"] for row in answer["records"]] == [row["ExternalId__c"] for row in rows]


def test_query_all_with_deleted(salesforce: Any, server: Server) -> None:
    load(salesforce, "insert", records())
    load(salesforce, "delete", [{"Id": record_id} for record_id in ids(server).values()])
    assert salesforce.query_all(SOQL)["records"] == []
    assert texts(salesforce.query_all(SOQL, include_deleted=True)["records"]) == expected()


def test_sobject_rows_are_made_read_changed_and_deleted(salesforce: Any, server: Server) -> None:
    contacts = salesforce.Contact
    made = {
        row["ExternalId__c"]: contacts.create({**row, "Description": row["Description"] or None}) for row in records()
    }
    assert all(answer["success"] for answer in made.values())
    assert in_database(server) == expected()
    assert texts([contacts.get(answer["id"]) for answer in made.values()]) == expected()
    record_id = made["emoji"]["id"]
    assert contacts.update(record_id, {"Description": TEXTS["every break"]}) == 204
    assert in_database(server)["emoji"] == TEXTS["every break"]
    assert contacts.delete(record_id) == 204
    assert "emoji" not in in_database(server)
    with pytest.raises(simple_salesforce.exceptions.SalesforceResourceNotFound, match="ENTITY_IS_DELETED"):
        contacts.get(record_id)


def test_sobject_rows_by_their_own_key(salesforce: Any, server: Server) -> None:
    contacts, key = salesforce.Contact, "ExternalId__c"
    for text in ("k", "k/é ?&%", "日本"):
        path = f"{key}/{requests.utils.quote(text, safe='')}"
        assert contacts.upsert(path, {"LastName": "Ng"}) == 201
        assert contacts.upsert(path, {"LastName": "Li"}) == 200
        assert server.rows("Contact")["LastName"].to_pylist()[-1] == "Li"
    assert contacts.get_by_custom_id(key, "日本")["LastName"] == "Li"
    assert set(ids(server)) == {"k", "k/é ?&%", "日本"}


def test_sobject_rows_that_are_wrong_are_refused(salesforce: Any) -> None:
    with pytest.raises(simple_salesforce.exceptions.SalesforceMalformedRequest, match="REQUIRED_FIELD_MISSING"):
        salesforce.Contact.create({"FirstName": "Nameless"})
    with pytest.raises(simple_salesforce.exceptions.SalesforceMalformedRequest, match="INVALID_FIELD"):
        salesforce.query("SELECT Nonsense FROM Contact")


def test_what_was_changed_and_deleted_lately(salesforce: Any, server: Server) -> None:
    load(salesforce, "insert", records())
    gone = ids(server)["emoji"]
    salesforce.Contact.delete(gone)
    now = datetime.now(UTC)
    start, end = now - timedelta(days=1), now + timedelta(minutes=2)
    assert set(salesforce.Contact.updated(start, end)["ids"]) >= set(ids(server).values()) - {gone}
    assert [row["id"] for row in salesforce.Contact.deleted(start, end)["deletedRecords"]] == [gone]


def test_describes_limits_and_the_org(salesforce: Any, server: Server) -> None:
    assert "Contact" in [sobject["name"] for sobject in salesforce.describe()["sobjects"]]
    fields = {field["name"]: field for field in salesforce.Contact.describe()["fields"]}
    assert fields["Description"]["type"] == "textarea"
    assert salesforce.Contact.metadata()["objectDescribe"]["keyPrefix"] == "003"
    assert salesforce.limits()["DailyBulkApiBatches"]["Max"] == 15_000
    assert salesforce.is_sandbox() is False
    usage = salesforce.api_usage["api-usage"]
    assert 0 < usage.used < usage.total
    assert salesforce.oauth2("userinfo")["preferred_username"] == server.username


# Logging in. It knows hosts of salesforce.com alone; the local org stands for them as a proxy.


def logins(server: Server) -> dict[str, dict[str, str]]:
    person = {"username": server.username, "password": server.password}
    app = {"consumer_key": server.client_id, "consumer_secret": server.client_secret}
    return {
        "soap": {**person, "security_token": server.security_token},
        "password": {"username": server.username, "password": server.password + server.security_token, **app},
        "client credentials": {**app, "domain": "acme.my"},
        "jwt": {
            "username": server.username, "consumer_key": server.client_id, "privatekey": server.private_key,
        },
    }  # fmt: skip


@pytest.mark.usefixtures("proxied")
@pytest.mark.parametrize("flow", ["soap", "password", "client credentials", "jwt"])
def test_each_login_opens_a_session(server: Server, flow: str) -> None:
    with requests.Session() as session:
        salesforce = simple_salesforce.Salesforce(**logins(server)[flow], session=session)
        assert salesforce.sf_instance.endswith(".salesforce.com")
        assert salesforce.Contact.describe()["name"] == "Contact"


@pytest.mark.usefixtures("proxied")
def test_a_wrong_password_is_told_as_such(server: Server) -> None:
    wrong = {**logins(server)["soap"], "password": "wrong"}
    with (
        requests.Session() as session,
        pytest.raises(simple_salesforce.exceptions.SalesforceAuthenticationFailed, match="INVALID_LOGIN"),
    ):
        simple_salesforce.Salesforce(**wrong, session=session)


SCRIPT = """
import os
from simple_salesforce import Salesforce

salesforce = Salesforce(
    username=os.environ["USERNAME"], password=os.environ["PASSWORD"], security_token=os.environ["SECURITY_TOKEN"]
)
(result,) = salesforce.bulk2.Contact.insert(records=[{"LastName": "Lovelace"}], wait=0)
print(result["numberRecordsProcessed"])
"""


@pytest.mark.usefixtures("proxied")
def test_a_script_made_for_production_runs_with_two_variables(server: Server) -> None:
    """`HTTPS_PROXY` and `REQUESTS_CA_BUNDLE`, which the fixture sets; no word about it in the script."""
    person = {"USERNAME": server.username, "PASSWORD": server.password, "SECURITY_TOKEN": server.security_token}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=os.environ | person, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout.strip()) == (0, "1"), done.stderr
    assert server.rows("Contact")["LastName"].to_pylist() == ["Lovelace"]


def parsed(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))
