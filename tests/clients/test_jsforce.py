"""jsforce runs on the local org as it comes; `npm/client.mjs` is a script as its users write them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sfframe.localorg import Server

from .hard import GAPS, expected, ids, in_database, records, sent
from .node import NPM, needs, run_json

pytestmark = needs("jsforce")

INSERT = {"object": "Contact", "operation": "insert"}
SOQL = "SELECT Id, ExternalId__c, Description FROM Contact"
Deed = Callable[..., Any]


@pytest.fixture(params=["http", "https"])
def url(server: Server, request: pytest.FixtureRequest) -> str:
    return server.url.replace("http:", f"{request.param}:")


@pytest.fixture
def deed(server: Server, token: str, trusting: object) -> Deed:
    """Does one deed of the script over HTTPS, and gives its answer."""
    https = server.url.replace("http:", "https:")

    def do(name: str, url: str = https, **given: Any) -> Any:
        command = ["node", str(NPM / "client.mjs"), name]
        return run_json(command, given={"url": url, "token": token, **given})

    return do


def by_key(rows: list[dict[str, Any]], field: str = "Description") -> dict[str, Any]:
    return {row["ExternalId__c"]: row[field] or None for row in rows}


def test_bulk2_inserts_every_text(deed: Deed, server: Server, url: str) -> None:
    results = deed("load", url, options=INSERT, rows=records())
    assert in_database(server) == expected()
    assert by_key(results["successfulResults"], "sf__Id") == ids(server)
    assert {row["ExternalId__c"]: row["Description"] for row in results["successfulResults"]} == sent()
    assert (results["failedResults"], results["unprocessedRecords"]) == ([], [])


def test_bulk2_loads_step_by_step_and_deletes_the_job(deed: Deed, server: Server) -> None:
    done = deed("steps", options=INSERT, rows=[*records(), {"ExternalId__c": "nameless"}])
    assert done["state"] == "JobComplete"
    assert in_database(server) == expected()
    (failed,) = done["results"]["failedResults"]
    assert failed["ExternalId__c"] == "nameless"
    assert failed["sf__Error"].startswith("REQUIRED_FIELD_MISSING:")
    assert not server.org.jobs.page(0, None)[0]


def test_bulk2_updates_upserts_and_deletes(deed: Deed, server: Server) -> None:
    deed("load", options=INSERT, rows=[{**row, "Description": "before"} for row in records()])
    before = ids(server)
    rows = [{"Id": before[row["ExternalId__c"]], "Description": row["Description"]} for row in records()]
    deed("load", options={"object": "Contact", "operation": "update"}, rows=rows)
    assert in_database(server) == expected() | dict.fromkeys(GAPS, "before")
    rows = [{**row, "Description": row["Description"] or "#N/A"} for row in records()]
    key = {"object": "Contact", "operation": "upsert", "externalIdFieldName": "ExternalId__c"}
    deed("load", options=key, rows=[*rows, {"ExternalId__c": "new", "LastName": "New", "Description": "x\r\ny"}])
    assert in_database(server) == expected() | {"new": "x\r\ny"}
    gone = list(before)[::2]
    deed("load", options={"object": "Contact", "operation": "delete"}, rows=[{"Id": before[key]} for key in gone])
    assert set(in_database(server)) == {*before, "new"} - set(gone)


def test_bulk2_queries(deed: Deed, server: Server, url: str) -> None:
    deed("load", url, options=INSERT, rows=records())
    assert by_key(deed("bulkQuery", url, soql=SOQL)) == expected()
    deed("load", url, options={"object": "Contact", "operation": "delete"}, rows=[{"Id": ids(server)["emoji"]}])
    assert "emoji" not in by_key(deed("bulkQuery", url, soql=SOQL))
    assert by_key(deed("bulkQuery", url, soql=SOQL, all=True)) == expected()


def test_query_tells_nulls_and_blanks_apart(deed: Deed, server: Server, url: str) -> None:
    deed("load", url, options=INSERT, rows=records())
    answer = deed("query", url, soql=SOQL)
    assert {row["ExternalId__c"]: row["Description"] for row in answer["records"]} == expected()
    assert (answer["totalSize"], answer["done"]) == (len(records()), True)


def test_query_goes_on_page_by_page(deed: Deed, server: Server) -> None:
    rows = [{"LastName": f"Nr {n}", "ExternalId__c": f"{n:04}"} for n in range(4_500)]
    deed("load", options=INSERT, rows=rows)
    answer = deed("pages", soql="SELECT ExternalId__c FROM Contact ORDER BY ExternalId__c")
    assert (answer["sizes"], answer["total"]) == ([2_000, 2_000, 500], 4_500)
    assert [row["ExternalId__c"] for row in answer["records"]] == [row["ExternalId__c"] for row in rows]


def test_sobject_collections(deed: Deed, server: Server) -> None:
    rows = records()
    done = deed("rows", rows=rows)
    assert all(outcome["success"] for kind in ("created", "updated", "upserted", "gone") for outcome in done[kind])
    assert {row["ExternalId__c"]: row["Description"] for row in done["read"]} == expected()
    assert done["one"]["Description"] == expected()[rows[0]["ExternalId__c"]]
    assert [outcome["created"] for outcome in done["upserted"]] == [True, False]
    turned = dict(zip(sent(), [expected()[row["ExternalId__c"]] for row in reversed(rows)], strict=True))
    gone = [row["ExternalId__c"] for row in rows[1:3]]
    assert in_database(server) == {key: text for key, text in turned.items() if key not in gone} | {"new": None}


def test_sobject_rows(deed: Deed, server: Server, url: str) -> None:
    row = {"LastName": "Ng", "ExternalId__c": "k é", "Description": "a\rb\u2028c"}
    done = deed("one", url, row=row)
    assert done["made"]["success"]
    assert done["key"]["id"] == done["made"]["id"]
    found = {name: done["found"][name] for name in ("Title", "Department", "Description")}
    assert found == {"Title": 'Dr\n"x"', "Department": "R&D", "Description": "a\rb\u2028c"}
    assert done["left"] == 0
    assert server.rows("Contact")["IsDeleted"].to_pylist() == [True]


def test_identity_describe_and_limits(deed: Deed, server: Server) -> None:
    about = deed("about")
    assert about["identity"]["username"] == server.username
    assert {"LastName", "Description"} <= {field["name"] for field in about["described"]["fields"]}
    assert "Contact" in [sobject["name"] for sobject in about["all"]["sobjects"]]
    assert about["limits"]["DailyBulkApiBatches"]["Max"] == 15_000


def test_logins(deed: Deed, server: Server, url: str) -> None:
    given = {
        "loginUrl": url,
        "username": server.username,
        "password": server.password + server.security_token,
        "clientId": server.client_id,
        "clientSecret": server.client_secret,
        "refreshToken": server.refresh_token,
    }
    done = deed("login", url, **given)
    assert done["user"]["organizationId"] == server.org.org_id
    assert done["names"] == [server.username] * 3


def test_errors_keep_their_code(deed: Deed) -> None:
    assert deed("query", soql="SELECT Nonsense__c FROM Contact")["error"]["code"] == "INVALID_FIELD"
    refused = deed("load", options={"object": "Nonsense__c", "operation": "insert"}, rows=[{"Name": "x"}])
    assert "Unable to find object: Nonsense__c" in refused["error"]["message"]
