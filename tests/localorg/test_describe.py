"""Objects and limits (wire notes, 1, 7)."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sfframe.localorg import Manners, Server

from .client import Client

DATA = "/services/data/v66.0"
ATTRIBUTES = """
    aggregatable aiPredictionField autoNumber byteLength calculated calculatedFormula cascadeDelete
    caseSensitive compoundFieldName controllerName createable custom defaultValue defaultValueFormula
    defaultedOnCreate dependentPicklist deprecatedAndHidden digits displayLocationInDecimal encrypted
    externalId extraTypeInfo filterable filteredLookupInfo formulaTreatNullNumberAsZero groupable
    highScaleNumber htmlFormatted idLookup inlineHelpText label length mask maskType name nameField
    namePointing nillable permissionable picklistValues polymorphicForeignKey precision queryByDistance
    referenceTargetField referenceTo relationshipName relationshipOrder restrictedDelete
    restrictedPicklist scale searchPrefilterable soapType sortable type unique updateable
    writeRequiresMasterRead
""".split()  # noqa: SIM905  (sixty lines otherwise)


def describe(client: Client, sobject: str) -> dict[str, dict[str, object]]:
    answer = client.get(f"{DATA}/sobjects/{sobject}/describe").json
    return {field["name"]: field for field in answer["fields"]}


def test_1_versions_are_listed_without_a_token_oldest_first(client: Client) -> None:
    versions = client.request("GET", "/services/data/", token="").json
    assert versions[-1] == {"label": "Summer '26", "url": "/services/data/v67.0", "version": "67.0"}
    assert {"label": "Spring '23", "url": "/services/data/v57.0", "version": "57.0"} in versions
    assert {"label": "Winter '26", "url": "/services/data/v65.0", "version": "65.0"} in versions
    assert [float(version["version"]) for version in versions] == sorted(float(v["version"]) for v in versions)


@pytest.mark.parametrize(
    "sobject", ["Account", "Contact", "Lead", "Case", "Opportunity", "User", "Task", "Everything__c", "Name"]
)
def test_7_1_each_field_has_all_attributes(client: Client, sobject: str) -> None:
    for field in describe(client, sobject).values():
        assert sorted(field) == sorted(ATTRIBUTES)


def test_7_1_polymorphy_shows_in_the_number_of_targets(client: Client) -> None:
    assert describe(client, "Contact")["OwnerId"]["referenceTo"] == ["User"]
    assert describe(client, "Case")["OwnerId"]["referenceTo"] == ["Group", "User"]
    assert describe(client, "Task")["WhoId"]["referenceTo"] == ["Contact", "Lead"]
    assert describe(client, "Task")["WhatId"]["referenceTo"] == ["Account", "Opportunity", "Case"]


def test_7_1_if_modified_since(client: Client) -> None:
    path = f"{DATA}/sobjects/Contact/describe"
    modified = client.get(path).headers["Last-Modified"]
    reply = client.get(path, {"If-Modified-Since": modified})
    assert (reply.status, reply.body) == (304, b"")
    assert client.get(path, {"If-Modified-Since": "Thu, 01 Jan 2015 00:00:00 GMT"}).status == 200


def test_7_1_unknown_objects_are_404(client: Client) -> None:
    assert client.get(f"{DATA}/sobjects/Foo__c/describe").error == (404, "NOT_FOUND")


def test_8_answers_are_compressed_for_those_who_ask() -> None:
    with Server(manners=Manners(compress=True)) as server:
        client = Client(server).log_in()
        path = f"{DATA}/sobjects/Contact/describe"
        plain, small = client.get(path), client.get(path, {"Accept-Encoding": "gzip"})
        assert "Content-Encoding" not in plain.headers
        assert small.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(small.body) == plain.body
        done = client.load("LastName\n" + "x\n" * 500)
        results = client.get(f"{DATA}/jobs/ingest/{done.info['id']}/successfulResults", {"Accept-Encoding": "gzip"})
        assert gzip.decompress(results.body).decode() == done.successful_csv
        job = f"{DATA}/jobs/ingest/{client.open_job()}"
        headers = {"Accept-Encoding": "gzip", "Content-Type": "text/csv"}
        assert client.request("PUT", f"{job}/batches", b"LastName\nx\n", headers).status == 201  # without a body
        client.close()


def test_7_2_limits_and_the_usage_header(client: Client) -> None:
    before = client.get(f"{DATA}/limits")
    assert {"DailyApiRequests", "DailyBulkApiBatches", "DailyBulkV2QueryJobs"} <= before.json.keys()
    client.load("LastName\nNg\n")
    after = client.get(f"{DATA}/limits")
    assert after.json["DailyBulkApiBatches"]["Remaining"] == before.json["DailyBulkApiBatches"]["Remaining"] - 1
    used = 1_000_000 - after.json["DailyApiRequests"]["Remaining"]
    assert after.headers["Sforce-Limit-Info"] == f"api-usage={used}/1000000"


def test_defined_objects_are_described_and_take_rows() -> None:
    fields: dict[str, str | dict[str, object]] = {
        "Total__c": "currency",
        "Ext__c": {"type": "string", "externalId": True, "unique": True},
    }
    with Server() as server:
        server.define("Invoice__c", fields)
        client = Client(server).log_in()
        described = describe(client, "Invoice__c")
        assert described["Total__c"]["scale"] == 2
        assert described["Ext__c"]["idLookup"] is True
        done = client.upsert("Ext__c,Total__c\na,1.5\n", "Invoice__c", "Ext__c")
        assert done.errors == []
        (record,) = client.records("Invoice__c")
        assert (record["Ext__c"], record["Total__c"], record["Id"][:2]) == ("a", 1.5, "a0")
        listed = client.get(f"{DATA}/sobjects").json["sobjects"]
        assert "Invoice__c" in [sobject["name"] for sobject in listed]
        client.close()


@pytest.mark.parametrize("spec", ["nonsense", {"type": "string", "lenght": 3}])
def test_definitions_with_mistakes_are_refused(spec: object) -> None:
    with Server() as server, pytest.raises(ValueError, match=r"unknown (type|describe attributes)"):
        server.define("X__c", {"A__c": spec})  # type: ignore[dict-item]  # the mistake


def test_objects_come_from_describe_answers_as_dicts_and_files(tmp_path: Path, client: Client) -> None:
    answer = client.get(f"{DATA}/sobjects/Account/describe").json
    answer["fields"] = [field for field in answer["fields"] if field["name"] != "Website"]
    own = {**answer, "name": "Own__c", "keyPrefix": "a77"}
    path = tmp_path / "own.json"
    path.write_text(json.dumps(own))
    with Server(objects=[answer, path], manners=Manners()) as server:
        other = Client(server).log_in()
        assert "Website" not in describe(other, "Account")
        assert other.load("Name\nx\n", sobject="Own__c").ids[0].startswith("a77")
        other.close()


def children(client: Client, sobject: str) -> dict[tuple[str, str], str | None]:
    answer = client.get(f"{DATA}/sobjects/{sobject}/describe").json
    return {(told["childSObject"], told["field"]): told["relationshipName"] for told in answer["childRelationships"]}


def test_7_1_parents_tell_of_all_lookups_that_name_them(client: Client) -> None:
    account = children(client, "Account")
    assert account["Contact", "AccountId"] == "Contacts"
    assert account["Opportunity", "AccountId"] == "Opportunities"
    assert account["Case", "AccountId"] == "Cases"
    assert account["Account", "ParentId"] == "ChildAccounts"
    assert account["Task", "WhatId"] == "Tasks"
    assert account["Everything__c", "Account__c"] == "Everythings__r"
    assert children(client, "User")["Contact", "OwnerId"] is None
    for sobject in ("Account", "Contact", "Lead", "User", "Everything__c", "Case", "Opportunity"):
        names = [name for name in children(client, sobject).values() if name is not None]
        assert len(names) == len(set(names))


def test_7_1_parents_learn_of_objects_that_come_later_and_keep_it(tmp_path: Path) -> None:
    now = [datetime(2026, 1, 1, tzinfo=UTC)]
    with Server(tmp_path / "org.db", clock=lambda: now[0]) as server:
        client = Client(server).log_in()
        path = f"{DATA}/sobjects/Account/describe"
        before = client.get(path).headers["Last-Modified"]
        now[0] = datetime(2026, 1, 1, 0, 10, tzinfo=UTC)
        server.define(
            "Invoice__c",
            {
                "Payer__c": {"type": "reference", "referenceTo": ["Account"], "cascadeDelete": True},
                "Payee__c": {"type": "reference", "referenceTo": ["Account"]},
            },
        )
        found = children(client, "Account")
        assert found["Invoice__c", "Payer__c"] == "Invoices__r"
        assert found["Invoice__c", "Payee__c"] == "Invoices_Payee__r"
        reply = client.get(path, {"If-Modified-Since": before})
        assert (reply.status, reply.headers["Last-Modified"]) == (200, "Thu, 01 Jan 2026 00:10:00 GMT")
        now[0] = datetime(2026, 1, 1, 0, 20, tzinfo=UTC)
        server.define("Invoice__c", {"Payer__c": {"type": "reference", "referenceTo": ["Account"]}})
        assert ("Invoice__c", "Payee__c") not in children(client, "Account")
        client.close()
    with Server(tmp_path / "org.db") as server:
        client = Client(server).log_in()
        assert children(client, "Account")["Invoice__c", "Payer__c"] == "Invoices__r"
        assert client.get(path).headers["Last-Modified"] == "Thu, 01 Jan 2026 00:20:00 GMT"
        client.close()


def test_a_field_changes_its_kind_while_no_record_has_a_value() -> None:
    with Server() as server:
        client = Client(server).log_in()
        server.define("X__c", {"A__c": "string", "B__c": "string"})
        client.load("A__c\nx\n", sobject="X__c")
        server.define("X__c", {"A__c": "string", "B__c": "double"})
        assert client.load("B__c\n1\n", sobject="X__c").errors == []
        with pytest.raises(ValueError, match=r"X__c\.A__c is kept as VARCHAR, a double needs DOUBLE"):
            server.define("X__c", {"A__c": "double", "B__c": "double"})
        assert [record["A__c"] for record in client.records("X__c")] == ["x", None]
        client.close()


_PECULIAR: list[dict[str, Any]] = [
    {"name": "Id", "type": "id", "createable": False, "updateable": False, "nillable": False},
    {"name": "Name", "type": "string", "length": 121, "nameField": True, "createable": False, "updateable": False},
    {"name": "LastName", "type": "string", "length": 80, "nillable": False, "compoundFieldName": "Name"},
    {"name": "FirstName", "type": "string", "length": 40, "compoundFieldName": "Name"},
    {"name": "OwnerId", "type": "reference", "referenceTo": None, "relationshipName": None, "nillable": False,
     "defaultedOnCreate": True},
    {"name": "NowhereId", "type": "reference", "referenceTo": ["Nowhere"], "relationshipName": "Nowhere"},
    {"name": "RecordTypeId", "type": "reference", "referenceTo": ["RecordType"], "relationshipName": "RecordType"},
    {"name": "Formula__c", "type": "double", "calculated": True, "createable": False, "updateable": False,
     "calculatedFormula": "1 + 1", "precision": 18, "scale": 2},
    {"name": "Secret__c", "type": "encryptedstring", "length": 20, "encrypted": True, "mask": "X"},
    {"name": "Address", "type": "address", "createable": False, "updateable": False, "soapType": "urn:address"},
    {"name": "Street", "type": "textarea", "length": 255, "compoundFieldName": "Address"},
    {"name": "City", "type": "string", "length": 40, "compoundFieldName": "Address"},
    {"name": "Place__c", "type": "location", "createable": False, "updateable": False, "soapType": "urn:location"},
    {"name": "Place__Latitude__s", "type": "double", "precision": 18, "scale": 15, "compoundFieldName": "Place__c"},
    {"name": "Place__Longitude__s", "type": "double", "precision": 18, "scale": 15, "compoundFieldName": "Place__c"},
    {"name": "Body", "type": "base64"},
    {"name": "Any__c", "type": "anyType", "createable": False, "updateable": False},
    {"name": "Number", "type": "string", "length": 30, "autoNumber": True, "createable": False, "updateable": False},
    {"name": "Level__c", "type": "picklist", "length": 255, "picklistValues": None, "restrictedPicklist": True},
    {"name": "IsOpen", "type": "boolean", "nillable": False, "defaultedOnCreate": True, "defaultValue": None},
    {"name": "Size__c", "type": "int", "length": None, "digits": None},
]  # fmt: skip


def test_7_1_answers_with_all_peculiarities_of_real_orgs_make_objects_that_work() -> None:
    answer = {
        "name": "Peculiar__c", "label": "Peculiar", "keyPrefix": None, "fields": _PECULIAR, "urls": None,
        "childRelationships": [{"childSObject": "Nowhere", "field": "PeculiarId", "relationshipName": None}],
        "recordTypeInfos": [{"available": True, "master": True, "name": "Master", "recordTypeId": "01200"}],
    }  # fmt: skip
    with Server(objects=[answer]) as server:
        client = Client(server).log_in()
        header = "FirstName,LastName,Secret__c,City,Place__Latitude__s,Place__Longitude__s,Size__c"
        done = client.load(f"{header}\nAda,Byron,abc,Bonn,50.7374,7.0982,3\n,,,,,,\n", sobject="Peculiar__c")
        assert done.errors == ["REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --"]
        (record_id,) = done.ids
        path = f"{DATA}/sobjects/Peculiar__c/{record_id}"
        record = client.get(path).json
        assert (record["Name"], record["Number"], record["IsOpen"]) == ("Ada Byron", "00000001", False)
        assert record["Place__c"] == {"latitude": 50.7374, "longitude": 7.0982}
        assert record["Address"]["city"] == "Bonn"
        assert record["OwnerId"] == client.records("User")[0]["Id"]
        assert (record["Formula__c"], record["Body"], "IsDeleted" in record) == (None, f"{path}/Body", False)
        nowhere = client.load("LastName,NowhereId\nx,0015e0000000000AAA\n", sobject="Peculiar__c")
        assert nowhere.errors[0].startswith("MALFORMED_ID:")
        assert client.upsert(f"Id,LastName\n{record_id},Lovelace\n", "Peculiar__c", "Id").errors == []
        assert client.get(path).json["Name"] == "Ada Lovelace"
        found = client.get(f"{DATA}/query?q=SELECT+Id,Name,Secret__c+FROM+Peculiar__c+WHERE+LastName='lovelace'").json
        assert [row["Id"] for row in found["records"]] == [record_id]
        for name in ("Peculiar__c", "Account"):
            assert client.get(f"{DATA}/sobjects/{name}/describe").status == 200
        assert client.load(f"Id\n{record_id}\n", "delete", "Peculiar__c").errors == []
        assert client.get(path).json[0]["errorCode"] == "ENTITY_IS_DELETED"
        assert client.load(f"Id\n{record_id}\n", "hardDelete", "Peculiar__c").errors == []
        assert client.records("Peculiar__c") == []
        client.close()


def test_7_1_the_list_of_objects_tells_of_each_what_describe_tells(client: Client) -> None:
    listed = client.get(f"{DATA}/sobjects").json
    assert (listed["encoding"], listed["maxBatchSize"]) == ("UTF-8", 200)
    names = [sobject["name"] for sobject in listed["sobjects"]]
    assert {"Account", "Contact", "Lead", "Case", "Opportunity", "User", "Task", "Everything__c"} <= set(names)
    for sobject in listed["sobjects"]:
        described = client.get(f"{DATA}/sobjects/{sobject['name']}/describe").json
        assert {key: described[key] for key in sobject} == sobject
        assert sobject["urls"]["describe"] == f"{DATA}/sobjects/{sobject['name']}/describe"
        plain = {key for key, value in described.items() if isinstance(value, bool | str)}
        assert plain <= set(sobject), plain - set(sobject)
