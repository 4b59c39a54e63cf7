"""Single records over REST (REST guide: sObject Rows, Rows by External ID; SOQL notes, 7 and 10)."""

from __future__ import annotations

import datetime as dt
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sfframe.localorg import Fault

from .client import Client, Reply

DATA = "/services/data/v66.0"
SOBJECTS = f"{DATA}/sobjects"
NOBODY = "0035e00000zzzzzAAA"


def create(client: Client, sobject: str = "Contact", **record: Any) -> str:
    reply = client.request("POST", f"{SOBJECTS}/{sobject}", record)
    assert reply.status == 201, reply
    record_id: str = reply.json["id"]
    return record_id


def get(client: Client, record_id: str, sobject: str = "Contact") -> dict[str, Any]:
    reply = client.get(f"{SOBJECTS}/{sobject}/{record_id}")
    assert reply.status == 200, reply
    record: dict[str, Any] = reply.json
    return record


def error(reply: Reply) -> tuple[int, str, str, list[str] | None]:
    (only,) = reply.json
    return reply.status, only["errorCode"], only["message"], only.get("fields")


def test_a_new_record_is_answered_with_its_id_and_place(client: Client) -> None:
    reply = client.request("POST", f"{SOBJECTS}/Contact", {"LastName": "Ng", "Email": "ng@example.com"})
    assert reply.status == 201
    record_id = reply.json["id"]
    assert reply.json == {"id": record_id, "success": True, "errors": []}
    assert (record_id[:3], len(record_id)) == ("003", 18)
    assert reply.headers["Location"] == f"{SOBJECTS}/Contact/{record_id}"
    (contact,) = client.records()
    assert (contact["Id"], contact["LastName"], contact["Email"]) == (record_id, "Ng", "ng@example.com")


def test_a_record_comes_with_all_fields_of_describe_in_their_order(client: Client) -> None:
    record_id = create(client, FirstName="Ada", LastName="Lovelace", Score__c=5, LastVisit__c="2026-01-02T03:04:05Z")
    record = get(client, record_id)
    described = client.get(f"{SOBJECTS}/Contact/describe").json["fields"]
    assert list(record) == ["attributes", *(field["name"] for field in described)]
    assert record["attributes"] == {"type": "Contact", "url": f"{SOBJECTS}/Contact/{record_id}"}
    assert (record["Name"], record["Score__c"], record["DoNotCall"]) == ("Ada Lovelace", 5.0, False)
    assert record["LastVisit__c"] == "2026-01-02T03:04:05.000+0000"
    assert (record["MailingAddress"], record["Email"], record["IsDeleted"]) == (None, None, False)


def test_compound_fields_are_objects(client: Client) -> None:
    record_id = create(client, "Account", Name="Acme", BillingCity="Bonn", BillingStreet="a\nb")
    assert get(client, record_id, "Account")["BillingAddress"] == {
        "city": "Bonn", "country": None, "geocodeAccuracy": None, "latitude": None, "longitude": None,
        "postalCode": None, "state": None, "street": "a\nb",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("field", "sent", "answered"),
    [
        ("Checkbox__c", True, True),
        ("Checkbox__c", "true", True),
        ("Integer__c", 7, 7),
        ("Integer__c", "7", 7),
        ("Double__c", 0.12345678, 0.123457),
        ("Double__c", 7, 7.0),
        ("Double__c", "1E3", 1000.0),
        ("Currency__c", "9999999999999999.99", 9999999999999999.99),
        ("Date__c", "2026-01-31", "2026-01-31"),
        ("Datetime__c", "2026-01-02T03:04:05.999+01:00", "2026-01-02T02:04:05.000+0000"),
        ("Time__c", "08:00:00.120Z", "08:00:00.120Z"),
        ("Long_Text__c", "#N/A", "#N/A"),
        ("Long_Text__c", " a\r\n\"'b\u2028\U0001f600 ", "a\r\n\"'b\u2028\U0001f600"),
        ("Long_Text__c", "  ", None),
        ("Long_Text__c", "", None),
        ("Long_Text__c", 12, "12"),
        ("Picklist__c", "Two", "Two"),
        ("Multipicklist__c", "Red;Blue", "Red;Blue"),
        ("Email__c", None, None),
    ],
)
def test_values_keep_what_they_mean(client: Client, field: str, sent: Any, answered: Any) -> None:
    record_id = create(client, "Everything__c", **{field: sent})
    value = get(client, record_id, "Everything__c")[field]
    assert (value, type(value)) == (answered, type(answered))


@pytest.mark.parametrize(
    ("field", "sent", "what"),
    [
        ("Integer__c", "forty", "int from VALUE_STRING value forty"),
        ("Integer__c", 1.5, "int from VALUE_NUMBER_FLOAT value 1.5"),
        ("Double__c", True, "double from VALUE_TRUE value true"),
        ("Date__c", "2020-04-30T13:19:18.000+02:00", "date from VALUE_STRING value 2020-04-30T13:19:18.000+02:00"),
        ("Date__c", 20200430, "date from VALUE_NUMBER_INT value 20200430"),
        ("Datetime__c", "2017-10-17 00:00:00", "datetime from VALUE_STRING value 2017-10-17 00:00:00"),
        ("Checkbox__c", "ja", "boolean from VALUE_STRING value ja"),
    ],
)
def test_9_values_of_another_kind_are_mistakes_in_the_json(client: Client, field: str, sent: Any, what: str) -> None:
    reply = client.request("POST", f"{SOBJECTS}/Everything__c", {field: sent})
    place = len(f'{{"{field}": ') + 1
    text = f"Cannot deserialize instance of {what} or request may be missing a required field"
    assert error(reply) == (400, "JSON_PARSER_ERROR", f"{text} at [line:1, column:{place}]", None)
    assert client.records("Everything__c") == []


def test_9_objects_and_lists_are_no_values(client: Client) -> None:
    reply = client.request("POST", f"{SOBJECTS}/Everything__c", {"Multipicklist__c": ["Red"]})
    start = "Cannot deserialize instance of multipicklist from START_ARRAY value ["
    assert error(reply)[1:3] == ("JSON_PARSER_ERROR", f"{start} at [line:1, column:22]")
    reply = client.request("POST", f"{SOBJECTS}/Contact", {"LastName": {"a": 1}})
    start = "Cannot deserialize instance of string from START_OBJECT value {"
    assert error(reply)[1:3] == ("JSON_PARSER_ERROR", f"{start} at [line:1, column:14]")


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"LastName": NaN}', b"[" * 100_000, b"", b'"\xff"', b"{}x"])
def test_9_what_is_no_json_object_is_refused(client: Client, body: bytes) -> None:
    reply = client.request("POST", f"{SOBJECTS}/Contact", body, {"Content-Type": "application/json"})
    assert reply.error == (400, "JSON_PARSER_ERROR")


def test_9_other_content_is_refused(client: Client) -> None:
    reply = client.request("POST", f"{SOBJECTS}/Contact", b"LastName=x", {"Content-Type": "text/plain"})
    assert reply.error == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_errors_of_a_record_name_code_text_and_fields(client: Client) -> None:
    def post(**record: Any) -> tuple[int, str, str, list[str] | None]:
        return error(client.request("POST", f"{SOBJECTS}/Contact", record))

    assert post(Foo=1) == (400, "INVALID_FIELD", "No such column 'Foo' on sobject of type Contact", None)
    missing = "Required fields are missing: [LastName]"
    assert post(FirstName="x") == (400, "REQUIRED_FIELD_MISSING", missing, ["LastName"])
    assert post() == (400, "REQUIRED_FIELD_MISSING", missing, ["LastName"])
    long = f"Last Name: data value too large: {'x' * 81} (max length=80)"
    assert post(LastName="x" * 81) == (400, "STRING_TOO_LONG", long, ["LastName"])
    email = "Email: invalid email address: a:b"
    assert post(LastName="x", Email="a:b") == (400, "INVALID_EMAIL_ADDRESS", email, ["Email"])
    level = "bad value for restricted picklist field: Tin"
    restricted = (400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", level, ["Level__c"])
    assert post(LastName="x", Level__c="Tin") == restricted
    assert post(LastName="x", CreatedDate="2026-01-01T00:00:00Z")[1] == "INVALID_FIELD_FOR_INSERT_UPDATE"
    assert post(LastName="x", MailingAddress="x")[1::2] == ("INVALID_FIELD_FOR_INSERT_UPDATE", ["MailingAddress"])
    specified = (400, "INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call", ["Id"])
    assert post(LastName="x", Id=NOBODY) == specified
    assert client.records() == []


def test_lookups_by_the_parents_key_are_nested(client: Client) -> None:
    account = create(client, "Account", Name="Acme", ExternalId__c="A1")
    contact = create(client, LastName="x", Account={"ExternalId__c": "a1"}, ExternalId__c="c1")
    assert get(client, contact)["AccountId"] == account
    task = create(client, "Task", Who={"attributes": {"type": "Contact"}, "ExternalId__c": "C1"})
    assert get(client, task, "Task")["WhoId"] == contact

    def post(sobject: str = "Contact", **record: Any) -> tuple[int, str, str, list[str] | None]:
        return error(client.request("POST", f"{SOBJECTS}/{sobject}", {"LastName": "x", **record}))

    gone = "Foreign key external ID: zz not found for field ExternalId__c in entity Account"
    assert post(Account={"ExternalId__c": "zz"}) == (400, "INVALID_FIELD", gone, [])
    no_key = "Field name provided, Name does not match an External ID for Account"
    assert post(Account={"Name": "Acme"})[1:3] == ("INVALID_FIELD", no_key)
    assert post(Account={"Foo": "x"})[2] == "No such column 'Foo' on sobject of type Account"
    assert post(Account="x")[1] == "JSON_PARSER_ERROR"
    both = "Cannot specify both an external ID reference Account and a salesforce id, AccountId"
    assert post(AccountId=account, Account={"ExternalId__c": "a1"})[1:3] == ("INVALID_FIELD", both)
    reply = client.request("POST", f"{SOBJECTS}/Task", {"Who": {"ExternalId__c": "c1"}})
    assert reply.json[0]["errorCode"] == "INVALID_FIELD"
    client.request("PATCH", f"{SOBJECTS}/Contact/{contact}", {"Account": None})
    assert get(client, contact)["AccountId"] is None


def test_an_update_changes_what_it_says_and_null_clears(client: Client) -> None:
    record_id = create(client, FirstName="Ada", LastName="Byron", Email="a@example.com", Title="x")
    reply = client.request("PATCH", f"{SOBJECTS}/Contact/{record_id[:15]}", {"LastName": "Lovelace", "Email": None})
    assert (reply.status, reply.body) == (204, b"")
    record = get(client, record_id)
    assert (record["Name"], record["Email"], record["Title"]) == ("Ada Lovelace", None, "x")
    client.request("PATCH", f"{SOBJECTS}/Contact/{record_id}", {"Title": ""})
    assert get(client, record_id)["Title"] is None
    reply = client.request("PATCH", f"{SOBJECTS}/Contact/{record_id}", {"LastName": None})
    text = "Required fields are missing: [LastName]"
    assert error(reply) == (400, "REQUIRED_FIELD_MISSING", text, ["LastName"])
    reply = client.request("PATCH", f"{SOBJECTS}/Contact/{record_id}", {"Id": record_id, "Title": "x"})
    text = "The Id field should not be specified in the sobject data."
    assert error(reply) == (400, "INVALID_FIELD", text, ["Id"])


def test_delete_puts_into_the_bin(client: Client) -> None:
    record_id = create(client, LastName="x")
    reply = client.request("DELETE", f"{SOBJECTS}/Contact/{record_id}")
    assert (reply.status, reply.body) == (204, b"")
    (record,) = client.records()
    assert record["IsDeleted"] is True
    for method, body in (("GET", None), ("PATCH", {"Title": "x"}), ("DELETE", None)):
        reply = client.request(method, f"{SOBJECTS}/Contact/{record_id}", body)
        assert error(reply) == (404, "ENTITY_IS_DELETED", "entity is deleted", [])


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_what_isnt_there_is_404(client: Client, method: str) -> None:
    body = {"LastName": "x"} if method == "PATCH" else None
    account = create(client, "Account", Name="x")
    for record_id in (NOBODY, account):
        assert client.request(method, f"{SOBJECTS}/Contact/{record_id}", body).error == (404, "NOT_FOUND")
    reply = client.request(method, f"{SOBJECTS}/Contact/abc", body)
    text = "Provided external ID field does not exist or is not accessible: abc"
    assert error(reply) == (404, "NOT_FOUND", text, None)
    assert client.request(method, f"{SOBJECTS}/Foo__c/{NOBODY}", body).error == (404, "NOT_FOUND")


def test_the_wanted_fields_alone(client: Client) -> None:
    record_id = create(client, LastName="Ng", Email="ng@example.com")
    reply = client.get(f"{SOBJECTS}/Contact/{record_id}?fields=lastname,Email")
    url = f"{SOBJECTS}/Contact/{record_id}"
    assert reply.json == {
        "attributes": {"type": "Contact", "url": url}, "LastName": "Ng", "Email": "ng@example.com", "Id": record_id,
    }  # fmt: skip
    reply = client.get(f"{SOBJECTS}/Contact/{record_id}?fields=Foo")
    assert error(reply)[:3] == (400, "INVALID_FIELD", "No such column 'Foo' on sobject of type Contact")


def test_head_is_get_without_a_body(client: Client) -> None:
    record_id = create(client, LastName="Ng")
    reply = client.request("HEAD", f"{SOBJECTS}/Contact/{record_id}")
    assert (reply.status, reply.body, reply.headers["Content-Type"]) == (200, b"", "application/json; charset=utf-8")
    assert client.request("HEAD", f"{SOBJECTS}/Contact/{NOBODY}").status == 404


def test_an_object_is_told_of_with_its_last_records(client: Client) -> None:
    first, second = create(client, LastName="a"), create(client, LastName="b")
    info = client.get(f"{SOBJECTS}/Contact").json
    assert (info["objectDescribe"]["name"], info["objectDescribe"]["keyPrefix"]) == ("Contact", "003")
    assert info["objectDescribe"]["urls"]["rowTemplate"] == f"{SOBJECTS}/Contact/{{ID}}"
    assert "fields" not in info["objectDescribe"]
    url = f"{SOBJECTS}/Contact/{second}"
    newest = {"attributes": {"type": "Contact", "url": url}, "Id": second, "Name": "b"}
    assert (info["recentItems"][0], info["recentItems"][1]["Id"]) == (newest, first)
    assert client.get(f"{SOBJECTS}/Foo__c").error == (404, "NOT_FOUND")


def test_upsert_makes_then_changes(client: Client) -> None:
    path = f"{SOBJECTS}/Contact/ExternalId__c/k%2F1%20%C3%A9"
    reply = client.request("PATCH", path, {"LastName": "a"})
    record_id = reply.json["id"]
    assert reply.status == 201
    assert reply.json == {"id": record_id, "success": True, "errors": [], "created": True}
    assert reply.headers["Location"] == f"{SOBJECTS}/Contact/{record_id}"
    assert get(client, record_id)["ExternalId__c"] == "k/1 é"
    reply = client.request("PATCH", path, {"Title": "x"})
    assert (reply.status, reply.json) == (
        200, {"id": record_id, "success": True, "errors": [], "created": False},
    )  # fmt: skip
    old = path.replace("v66.0", "v45.0")
    reply = client.request("PATCH", old, {"Title": "y"})
    assert (reply.status, reply.body) == (204, b"")
    assert client.get(path).json["Title"] == "y"
    assert client.get(f"{path}?fields=Id").json["Id"] == record_id
    assert client.request("DELETE", path).status == 204
    assert client.get(path).error == (404, "NOT_FOUND")


def test_upsert_refuses_the_key_in_the_body_and_keys_that_are_none(client: Client) -> None:
    path = f"{SOBJECTS}/Contact/ExternalId__c/k"
    reply = client.request("PATCH", path, {"LastName": "a", "ExternalId__c": "k"})
    text = "The ExternalId__c field should not be specified in the sobject data."
    assert error(reply) == (400, "INVALID_FIELD", text, ["ExternalId__c"])
    for method in ("GET", "PATCH", "DELETE"):
        reply = client.request(method, f"{SOBJECTS}/Contact/Title/x", {"LastName": "a"} if method == "PATCH" else None)
        text = "Provided external ID field does not exist or is not accessible: Title"
        assert error(reply) == (404, "NOT_FOUND", text, None)
    assert client.request("PATCH", f"{path}?updateOnly=true", {"LastName": "a"}).error == (404, "NOT_FOUND")
    assert client.records() == []


def test_a_key_that_several_records_hold_is_answered_with_their_places(client: Client) -> None:
    ids = sorted(create(client, LastName=name, Email="a@example.com") for name in "ab")
    for method in ("GET", "PATCH", "DELETE"):
        body = {"Title": "x"} if method == "PATCH" else None
        reply = client.request(method, f"{SOBJECTS}/Contact/Email/A%40example.com", body)
        assert (reply.status, reply.json) == (300, [f"{SOBJECTS}/Contact/{record_id}" for record_id in ids])
    assert [record["IsDeleted"] for record in client.records()] == [False, False]


def test_upsert_by_id(client: Client) -> None:
    record_id = create(client, LastName="a")
    reply = client.request("PATCH", f"{SOBJECTS}/Contact/Id/{record_id}", {"LastName": "b"})
    assert (reply.status, get(client, record_id)["LastName"]) == (200, "b")
    assert client.request("POST", f"{SOBJECTS}/Contact/Id", {"LastName": "c"}).status == 201
    reply = client.request("PATCH", f"{SOBJECTS}/Contact/Id/{NOBODY}", {"LastName": "b"})
    assert error(reply) == (400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [])


def test_methods_that_a_row_hasnt_are_405_and_what_isnt_spoken_is_named(client: Client) -> None:
    assert client.request("PUT", f"{SOBJECTS}/Contact/{NOBODY}", {}).error == (405, "METHOD_NOT_ALLOWED")
    assert client.request("DELETE", f"{SOBJECTS}/Contact").error == (405, "METHOD_NOT_ALLOWED")
    for path in (
        "describe/layouts/012000000000000",
        "describe/layouts",
        "listviews",
        f"{NOBODY}/Account",
        f"{NOBODY}/a/b",
    ):
        reply = client.get(f"{SOBJECTS}/Contact/{path}")
        assert (reply.status, reply.json[0]["errorCode"]) == (501, "NOT_IMPLEMENTED")
        assert reply.json[0]["message"].startswith("localorg does not speak ")


def test_rules_and_faults_hold_for_single_records_too(client: Client) -> None:
    client.server.rules["Contact"] = lambda record: "no: not so" if record["LastName"] == "x" else None
    reply = client.request("POST", f"{SOBJECTS}/Contact", {"LastName": "x"})
    assert error(reply) == (400, "FIELD_CUSTOM_VALIDATION_EXCEPTION", "no: not so", [])
    client.server.faults.append(Fault("rows", "lock"))
    reply = client.request("POST", f"{SOBJECTS}/Contact", {"LastName": "y", "Email": None})
    assert error(reply)[:2] == (400, "UNABLE_TO_LOCK_ROW")
    client.server.faults.append(Fault("rest", "status", when="before"))
    assert client.get(f"{SOBJECTS}/Contact").error == (503, "SERVER_UNAVAILABLE")
    assert client.records() == []
    assert create(client, LastName="y", Email=None)


def test_10_updated_and_deleted_by_whole_minutes(client: Client) -> None:
    kept, gone = create(client, LastName="a"), create(client, LastName="b")
    client.request("DELETE", f"{SOBJECTS}/Contact/{gone}")
    stamps = {record["Id"]: record["SystemModstamp"] for record in client.records()}
    minute = stamps[kept].replace(second=0)

    def ask(what: str, start: dt.datetime, end: dt.datetime) -> Any:
        texts = (quote(f"{moment:%Y-%m-%dT%H:%M:%S}+00:00") for moment in (start, end))
        return client.get(f"{SOBJECTS}/Contact/{what}/?start={next(texts)}&end={next(texts)}")

    one = dt.timedelta(minutes=1)
    answer = ask("updated", minute - one + dt.timedelta(seconds=59), minute + one).json
    assert answer["ids"] == [kept]
    assert answer["latestDateCovered"] <= f"{minute + one:%Y-%m-%dT%H:%M:%S}.000+0000"
    assert ask("updated", minute - 5 * one, minute - one).json["ids"] == []
    answer = ask("deleted", minute - one, minute + 2 * one).json
    deleted = f"{stamps[gone]:%Y-%m-%dT%H:%M:%S}.000+0000"
    assert answer["deletedRecords"] == [{"deletedDate": deleted, "id": gone}]
    assert set(answer) == {"deletedRecords", "earliestDateAvailable", "latestDateCovered"}
    assert ask("updated", minute, minute).error == (400, "INVALID_REPLICATION_DATE")
    assert ask("updated", minute - dt.timedelta(days=29), minute).status == 200
    assert ask("updated", minute - dt.timedelta(days=31), minute).error == (400, "INVALID_REPLICATION_DATE")
    assert ask("deleted", minute - dt.timedelta(days=16), minute).error == (400, "INVALID_REPLICATION_DATE")
    assert client.get(f"{SOBJECTS}/Contact/updated/").error == (400, "MISSING_ARGUMENT")
    bad = client.get(f"{SOBJECTS}/Contact/deleted/?start=2026-01-01&end=x")
    assert bad.error == (400, "INVALID_REPLICATION_DATE")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_characters="\x00")).filter(lambda text: len(text) < 200))
def test_text_comes_back_as_it_went_but_for_blanks_at_its_ends(client: Client, text: str) -> None:
    record_id = create(client, "Everything__c", Long_Text__c=text)
    # What stands alone of a pair of surrogates is no text.
    sound = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    kept = sound.strip("".join(map(chr, range(33)))) or None
    assert get(client, record_id, "Everything__c")["Long_Text__c"] == kept
