"""Many records in one request (REST guide: sObject Collections, Composite, Batch)."""

from __future__ import annotations

from typing import Any

import pytest

from .client import Client, Reply

DATA = "/services/data/v66.0"
MANY = f"{DATA}/composite/sobjects"
NOBODY = "0035e00000zzzzzAAA"
ROLLED_BACK = {
    "statusCode": "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    "message": "Record rolled back because not all records were valid and the request was using AllOrNone header",
    "fields": [],
}


def of(sobject: str, **members: Any) -> dict[str, Any]:
    return {"attributes": {"type": sobject}, **members}


def send(client: Client, method: str, path: str, *records: Any, whole: Any = False) -> Reply:
    return client.request(method, path, {"allOrNone": whole, "records": list(records)})


def codes(reply: Reply) -> list[str | None]:
    """What each record was refused for."""
    assert reply.status == 200, reply
    return [row["errors"][0]["statusCode"] if row["errors"] else None for row in reply.json]


def test_records_of_several_objects_are_made_and_each_has_its_outcome(client: Client) -> None:
    reply = send(
        client, "POST", MANY,
        of("Contact", LastName="a"), of("Account", Name="b"), of("Contact", FirstName="c"), of("Contact", LastName="d"),
    )  # fmt: skip
    assert reply.status == 200
    first, second, third, fourth = reply.json
    for outcome, prefix in ((first, "003"), (second, "001"), (fourth, "003")):
        assert outcome == {"id": outcome["id"], "success": True, "errors": []}
        assert outcome["id"].startswith(prefix)
    text = "Required fields are missing: [LastName]"
    error = {"statusCode": "REQUIRED_FIELD_MISSING", "message": text, "fields": ["LastName"]}
    assert third == {"success": False, "errors": [error]}
    assert [record["LastName"] for record in client.records()] == ["a", "d"]


def test_all_or_none_leaves_nothing_behind(client: Client) -> None:
    reply = send(
        client, "POST", MANY,
        of("Account", Name="a"), of("Contact", LastName="b"), of("Contact", FirstName="c"), whole=True,
    )  # fmt: skip
    assert codes(reply) == [ROLLED_BACK["statusCode"], ROLLED_BACK["statusCode"], "REQUIRED_FIELD_MISSING"]
    assert reply.json[0] == {"success": False, "errors": [ROLLED_BACK]}
    assert client.records() == client.records("Account") == []


def test_updates_name_their_records(client: Client) -> None:
    account, contact = (
        row["id"] for row in send(client, "POST", MANY, of("Account", Name="a"), of("Contact", LastName="b")).json
    )
    reply = send(
        client, "PATCH", MANY,
        of("Account", id=account, Phone="1"), of("Contact", Id=contact, Title=None, LastName="x"),
        of("Contact", LastName="y"), of("Contact", id=NOBODY, LastName="z"), of("Contact", id=account, LastName="z"),
    )  # fmt: skip
    assert codes(reply) == [None, None, "MISSING_ARGUMENT", "INVALID_CROSS_REFERENCE_KEY", "MALFORMED_ID"]
    assert (client.records("Account")[0]["Phone"], client.records()[0]["LastName"]) == ("1", "x")
    assert codes(send(client, "PATCH", MANY, of("Contact", LastName="y"))) == ["MISSING_ARGUMENT"]
    reply = send(
        client, "PATCH", MANY, of("Contact", id=contact, LastName="q"), of("Account", id=NOBODY), whole=True
    )  # fmt: skip
    assert codes(reply) == [ROLLED_BACK["statusCode"], "MALFORMED_ID"]
    assert client.records()[0]["LastName"] == "x"


def test_an_id_twice_in_one_request_is_refused_both_times(client: Client) -> None:
    (contact,) = (row["id"] for row in send(client, "POST", MANY, of("Contact", LastName="b")).json)
    reply = send(client, "PATCH", MANY, of("Contact", Id=contact, Title="x"), of("Contact", Id=contact, Title="y"))
    assert codes(reply) == ["DUPLICATE_VALUE", "DUPLICATE_VALUE"]


def test_an_id_twice_is_refused_though_one_of_its_records_empties_a_lookup(client: Client) -> None:
    (account,) = send(client, "POST", MANY, of("Account", Name="Acme", ExternalId__c="a")).json
    (made,) = send(client, "POST", MANY, of("Contact", LastName="x", AccountId=account["id"])).json
    filled, emptied = ({"Id": made["id"], "Account": parent} for parent in ({"ExternalId__c": "a"}, None))
    for pair in ((filled, emptied), (emptied, filled)):
        reply = send(client, "PATCH", MANY, *(of("Contact", **record) for record in pair))
        assert codes(reply) == ["DUPLICATE_VALUE", "DUPLICATE_VALUE"]
    (other,) = send(client, "POST", MANY, of("Contact", LastName="y")).json
    reply = send(client, "PATCH", MANY, of("Contact", **emptied), of("Contact", **filled | {"Id": other["id"]}))
    assert codes(reply) == [None, None]
    assert {row["LastName"]: row["AccountId"] for row in client.records()} == {"x": None, "y": account["id"]}


@pytest.mark.parametrize("between", [(), (of("Account", Id=NOBODY),)], ids=["neighbours", "apart"])
def test_an_id_twice_is_refused_however_its_records_name_a_lookup(client: Client, between: tuple[Any, ...]) -> None:
    (account,) = send(client, "POST", MANY, of("Account", Name="Acme", ExternalId__c="a")).json
    (made,) = send(client, "POST", MANY, of("Contact", LastName="x")).json
    by_id = of("Contact", Id=made["id"], AccountId=account["id"])
    by_key = of("Contact", Id=made["id"][:15], Account={"ExternalId__c": "a"})
    for pair in ((by_id, *between, by_key), (by_key, *between, by_id)):
        found = codes(send(client, "PATCH", MANY, *pair))
        assert (found[0], found[-1]) == ("DUPLICATE_VALUE", "DUPLICATE_VALUE")
    assert client.records()[0]["AccountId"] is None


def test_a_key_twice_is_refused_however_its_records_name_a_lookup(client: Client) -> None:
    (account,) = send(client, "POST", MANY, of("Account", Name="Acme", ExternalId__c="a")).json
    reply = send(
        client, "PATCH", f"{MANY}/Contact/ExternalId__c",
        of("Contact", ExternalId__c="k", LastName="x", AccountId=account["id"]),
        of("Contact", ExternalId__c="K", LastName="y", Account={"ExternalId__c": "a"}),
    )  # fmt: skip
    assert codes(reply) == ["DUPLICATE_VALUE", "DUPLICATE_VALUE"]
    assert client.records() == []


def test_upserts_say_what_they_made(client: Client) -> None:
    path = f"{MANY}/Contact/ExternalId__c"
    send(client, "POST", MANY, of("Contact", LastName="a", ExternalId__c="k1"))
    reply = send(
        client, "PATCH", path,
        of("Contact", ExternalId__c="K1", Title="x"), of("Contact", ExternalId__c="k2", LastName="b"),
        of("Contact", LastName="c"),
    )  # fmt: skip
    assert codes(reply) == [None, None, "MISSING_ARGUMENT"]
    assert [row["created"] for row in reply.json] == [False, True, False]
    assert sorted(record["LastName"] for record in client.records()) == ["a", "b"]
    refused = send(client, "PATCH", f"{MANY}/Contact/Title", of("Contact", Title="x"))
    assert refused.error == (400, "INVALID_FIELD")
    assert send(client, "PATCH", path, of("Account", ExternalId__c="x")).error == (400, "INVALID_TYPE")
    assert client.request("PATCH", path.replace("v66", "v45"), {"records": []}).error == (404, "NOT_FOUND")


def test_lookups_by_id_and_by_key_in_one_request(client: Client) -> None:
    (account,) = (row["id"] for row in send(client, "POST", MANY, of("Account", Name="a", ExternalId__c="A")).json)
    reply = send(
        client, "POST", MANY,
        of("Contact", LastName="a", AccountId=account), of("Contact", LastName="b", Account={"ExternalId__c": "a"}),
        of("Contact", LastName="c", Account={"ExternalId__c": "zz"}), of("Contact", LastName="d", AccountId=NOBODY),
    )  # fmt: skip
    assert codes(reply) == [None, None, "INVALID_FIELD", "MALFORMED_ID"]
    assert [record["AccountId"] for record in client.records()] == [account, account]


def test_deletes_by_id(client: Client) -> None:
    ids = [row["id"] for row in send(client, "POST", MANY, *(of("Contact", LastName=name) for name in "abc")).json]
    (account,) = (row["id"] for row in send(client, "POST", MANY, of("Account", Name="x")).json)
    reply = client.request("DELETE", f"{MANY}?ids={ids[0]},{account},abc,zzz5e0000000000AAA,{NOBODY}&allOrNone=false")
    assert codes(reply) == [None, None, "MALFORMED_ID", "MALFORMED_ID", "INVALID_CROSS_REFERENCE_KEY"]
    assert reply.json[0] == {"id": ids[0], "success": True, "errors": []}
    malformed = {"statusCode": "MALFORMED_ID", "message": "malformed id abc", "fields": []}
    assert reply.json[2] == {"success": False, "errors": [malformed]}
    reply = client.request("DELETE", f"{MANY}?ids={ids[0]},{ids[1]}&allOrNone=true")
    assert codes(reply) == ["ENTITY_IS_DELETED", ROLLED_BACK["statusCode"]]
    assert {record["Id"]: record["IsDeleted"] for record in client.records()} == dict(
        zip(ids, [True, False, False], strict=True)
    )
    assert client.request("DELETE", MANY).error == (400, "MISSING_ARGUMENT")


def test_records_come_in_the_order_of_their_ids(client: Client) -> None:
    ids = [row["id"] for row in send(client, "POST", MANY, *(of("Contact", LastName=name) for name in "abc")).json]
    client.request("DELETE", f"{MANY}?ids={ids[1]}")
    wanted = [ids[2], NOBODY, ids[0][:15], ids[1], "abc"]
    reply = client.get(f"{MANY}/Contact?ids={','.join(wanted)}&fields=LastName")
    assert [row and row["LastName"] for row in reply.json] == ["c", None, "a", None, None]
    assert list(reply.json[0]) == ["attributes", "LastName", "Id"]
    posted = client.request("POST", f"{MANY}/Contact", {"ids": wanted, "fields": ["LastName"]})
    assert (posted.status, posted.json) == (200, reply.json)
    refused = client.request("POST", f"{MANY}/Contact", {"ids": wanted, "fields": ["Foo"]})
    assert refused.error == (400, "INVALID_FIELD")
    assert client.request("POST", f"{MANY}/Contact", {"ids": "x", "fields": []}).error == (400, "JSON_PARSER_ERROR")


def test_limits(client: Client) -> None:
    reply = send(client, "POST", MANY, *[of("Contact", LastName="x")] * 201)
    assert (reply.status, reply.json[0]["errorCode"]) == (400, "EXCEEDED_ID_LIMIT")
    text = "record limit reached. cannot submit more than 200 records into this call"
    assert reply.json[0]["message"] == text
    assert client.records() == []
    assert codes(send(client, "POST", MANY, *[of("Contact", LastName="x")] * 200)) == [None] * 200
    assert client.request("DELETE", f"{MANY}?ids={','.join(['x'] * 201)}").error == (400, "EXCEEDED_ID_LIMIT")
    assert client.request("POST", f"{MANY}/Contact", {"ids": ["x"] * 2001, "fields": ["Id"]}).error == (
        400, "EXCEEDED_ID_LIMIT",
    )  # fmt: skip
    assert send(client, "POST", MANY).json == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"records": [{"LastName": "x"}]}, "INVALID_TYPE"),
        ({"records": [{"attributes": {"type": "Foo__c"}}]}, "INVALID_TYPE"),
        ({"records": [None]}, "INVALID_TYPE"),
        ({"records": {}}, "JSON_PARSER_ERROR"),
        ({}, "JSON_PARSER_ERROR"),
        ({"records": [], "allOrNone": "maybe"}, "JSON_PARSER_ERROR"),
        ({"records": [{"attributes": {"type": "Contact"}, "Score__c": "x"}]}, "JSON_PARSER_ERROR"),
    ],
)
def test_requests_that_cant_be_read_are_refused_as_a_whole(client: Client, body: Any, code: str) -> None:
    reply = client.request("POST", MANY, body)
    assert reply.error == (400, code)
    assert client.records() == []


def test_an_unknown_field_refuses_the_whole_request(client: Client) -> None:
    reply = send(client, "POST", MANY, of("Contact", LastName="a"), of("Contact", LastName="b", Foo=1))
    assert reply.json[0]["message"] == "No such column 'Foo' on sobject of type Contact"
    assert client.records() == []


def test_trees_and_graphs_are_refused_by_name(client: Client) -> None:
    for path in ("tree/Contact", "graph"):
        reply = client.request("POST", f"{DATA}/composite/{path}", {"records": []})
        assert reply.error == (501, "NOT_IMPLEMENTED")
        assert reply.json[0]["message"].startswith("localorg does not speak trees and graphs of records: POST ")


def compose(client: Client, *requests: dict[str, Any], **members: Any) -> Reply:
    return client.request("POST", f"{DATA}/composite", {"compositeRequest": list(requests), **members})


def test_a_composite_request_names_what_earlier_ones_made(client: Client) -> None:
    path = f"{DATA}/sobjects"
    reply = compose(
        client,
        {"method": "POST", "url": f"{path}/Account", "referenceId": "acc", "body": {"Name": "Acme"}},
        {
            "method": "POST", "url": f"{path}/Contact", "referenceId": "con",
            "body": {"LastName": "x", "AccountId": "@{acc.id}", "Score__c": 1.5},
        },
        {"method": "GET", "url": f"{path}/Contact/@{{con.id}}?fields=AccountId,Score__c", "referenceId": "read"},
        {"method": "PATCH", "url": f"{path}/Contact/@{{con.id}}", "referenceId": "change", "body": {"Title": "t"}},
        {"method": "DELETE", "url": f"{path}/Account/@{{read.AccountId}}", "referenceId": "delete"},
    )  # fmt: skip
    assert reply.status == 200
    answers = {answer["referenceId"]: answer for answer in reply.json["compositeResponse"]}
    assert [answer["httpStatusCode"] for answer in answers.values()] == [201, 201, 200, 204, 204]
    account = answers["acc"]["body"]["id"]
    assert answers["acc"]["httpHeaders"] == {"Location": f"{path}/Account/{account}"}
    assert (answers["read"]["body"]["AccountId"], answers["read"]["body"]["Score__c"]) == (account, 1.5)
    assert (answers["change"]["body"], answers["change"]["httpHeaders"]) == (None, {})
    assert client.records("Account")[0]["IsDeleted"] is True


def test_what_a_failed_request_would_have_said_cant_be_named(client: Client) -> None:
    reply = compose(
        client,
        {"method": "POST", "url": f"{DATA}/sobjects/Account", "referenceId": "a", "body": {}},
        {"method": "POST", "url": f"{DATA}/sobjects/Contact", "referenceId": "b", "body": {"LastName": "@{a.id}"}},
        {"method": "POST", "url": f"{DATA}/sobjects/Contact", "referenceId": "c", "body": {"LastName": "x"}},
        {"method": "GET", "url": f"{DATA}/jobs/ingest", "referenceId": "d"},
        {"method": "GET", "url": "nowhere", "referenceId": "e"},
        {"method": "GET", "referenceId": "f"},
    )
    answers = reply.json["compositeResponse"]
    assert [answer["httpStatusCode"] for answer in answers] == [400, 400, 201, 501, 404, 400]
    assert answers[0]["body"][0]["errorCode"] == "REQUIRED_FIELD_MISSING"
    assert answers[1]["body"][0]["errorCode"] == "PROCESSING_HALTED"
    assert [record["LastName"] for record in client.records()] == ["x"]


def test_composite_limits_and_what_it_doesnt_speak(client: Client) -> None:
    inner = {"method": "GET", "url": f"{DATA}/limits"}
    assert compose(client, *({**inner, "referenceId": f"r{n}"} for n in range(26))).error == (400, "LIMIT_EXCEEDED")
    assert compose(client, {**inner, "referenceId": "a"}, {**inner, "referenceId": "a"}).error == (400, "INVALID_INPUT")
    assert compose(client, inner, allOrNone=True).error == (501, "NOT_IMPLEMENTED")
    assert client.request("POST", f"{DATA}/composite", {}).error == (400, "JSON_PARSER_ERROR")


def test_a_batch_runs_to_its_end_or_halts_at_the_first_error(client: Client) -> None:
    requests = [
        {"method": "POST", "url": "v66.0/sobjects/Contact", "richInput": {"LastName": "a"}},
        {"method": "GET", "url": f"v66.0/sobjects/Contact/{NOBODY}"},
        {"method": "POST", "url": "v66.0/sobjects/Contact", "richInput": {"LastName": "b"}},
    ]
    reply = client.request("POST", f"{DATA}/composite/batch", {"batchRequests": requests})
    assert (reply.status, reply.json["hasErrors"]) == (200, True)
    assert [result["statusCode"] for result in reply.json["results"]] == [201, 404, 201]
    assert reply.json["results"][1]["result"][0]["errorCode"] == "NOT_FOUND"
    reply = client.request("POST", f"{DATA}/composite/batch", {"batchRequests": requests, "haltOnError": True})
    assert [result["statusCode"] for result in reply.json["results"]] == [201, 404, 412]
    assert len(client.records()) == 3


def test_a_value_that_cant_be_read_takes_back_what_was_saved_of_other_objects(client: Client) -> None:
    records = [
        {"attributes": {"type": "Account"}, "Name": "A"},
        {"attributes": {"type": "Contact"}, "LastName": "B", "Birthdate": "never"},
    ]
    reply = client.request("POST", MANY, {"records": records})
    assert reply.error == (400, "JSON_PARSER_ERROR")
    assert (client.records("Account"), client.records()) == ([], [])
