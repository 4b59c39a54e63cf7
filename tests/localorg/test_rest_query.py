"""`/query`, `/queryAll` and their pages over plain HTTP (SOQL notes, 7, 8)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from sfframe.localorg import Server

from .client import VERSION, Client, Reply

BASE = f"/services/data/v{VERSION}"


def ask(client: Client, soql: str, resource: str = "query", headers: dict[str, str] | None = None) -> Reply:
    return client.get(f"{BASE}/{resource}/?{urlencode({'q': soql})}", headers)


def answer(client: Client, soql: str, resource: str = "query") -> dict[str, Any]:
    reply = ask(client, soql, resource)
    assert reply.status == 200, reply
    found: dict[str, Any] = reply.json
    return found


def error(client: Client, soql: str) -> tuple[int, str, str]:
    reply = ask(client, soql)
    (only,) = reply.json
    return reply.status, only["errorCode"], only["message"].split("\n")[-1]


def load(client: Client, data: str, sobject: str) -> list[str]:
    done = client.load(data, "insert", sobject)
    assert done.failed == []
    return done.ids


def test_a_record_has_attributes_first_and_members_in_the_order_of_select(client: Client) -> None:
    (account,) = load(client, "Name\nAcme\n", "Account")
    (contact,) = load(client, f"LastName,AccountId\nNg,{account}\n", "Contact")
    reply = ask(client, "select name, ID, account.name, Account.Owner.Alias, DoNotCall from contact")
    assert reply.headers["Content-Type"].lower().replace(" ", "") == "application/json;charset=utf-8"
    (record,) = reply.json["records"]
    assert list(record) == ["attributes", "Name", "Id", "Account", "DoNotCall"]
    assert list(record["attributes"].items()) == [
        ("type", "Contact"),
        ("url", f"{BASE}/sobjects/Contact/{contact}"),
    ]
    assert record["Account"] == {
        "attributes": {"type": "Account", "url": f"{BASE}/sobjects/Account/{account}"},
        "Name": "Acme",
        "Owner": {
            "attributes": {"type": "User", "url": f"{BASE}/sobjects/User/{client.server.org.user_id}"},
            "Alias": "integ",
        },
    }
    assert (record["Name"], record["DoNotCall"]) == ("Ng", False)
    assert list(reply.json) == ["totalSize", "done", "records"]


def test_a_missing_parent_is_null(client: Client) -> None:
    load(client, "LastName\nNg\n", "Contact")
    (record,) = answer(client, "SELECT Account.Name, Account.Owner.Name FROM Contact")["records"]
    assert record["Account"] is None


def test_values_have_the_forms_of_json(client: Client) -> None:
    data = (
        "Text__c,Integer__c,Double__c,Checkbox__c,Date__c,Datetime__c,Time__c,Multipicklist__c\n"
        '"a ""b"", é\U0001f600",7,100,true,2026-01-31,2026-01-31T10:11:12+01:00,08:00:00.000Z,Green;Red\n'
        ",,,,,,,\n"
    )
    load(client, data, "Everything__c")
    fields = "Text__c,Integer__c,Double__c,Checkbox__c,Date__c,Datetime__c,Time__c,Multipicklist__c"
    soql = f"SELECT {fields} FROM Everything__c ORDER BY Text__c NULLS LAST"
    first, second = answer(client, soql)["records"]
    del first["attributes"], second["attributes"]
    assert list(first.values()) == [
        'a "b", é\U0001f600',
        7,
        100.0,
        True,
        "2026-01-31",
        "2026-01-31T09:11:12.000+0000",
        "08:00:00.000Z",
        first["Multipicklist__c"],
    ]
    assert sorted(first["Multipicklist__c"].split(";")) == ["Green", "Red"]
    assert b'"Integer__c":7,"Double__c":100.0,' in ask(client, soql).body
    assert list(second.values()) == [None, None, None, False, None, None, None, None]


def test_urls_name_the_version_that_was_asked(client: Client) -> None:
    load(client, "Name\nAcme\n", "Account")
    reply = client.get(f"/services/data/v58.0/query?{urlencode({'q': 'SELECT Id FROM Account'})}")
    assert reply.json["records"][0]["attributes"]["url"].startswith("/services/data/v58.0/sobjects/Account/001")


@pytest.fixture
def many(client: Client) -> Client:
    load(client, "LastName\n" + "".join(f"n{n:04}\n" for n in range(4_500)), "Contact")
    return client


def pages(client: Client, soql: str, headers: dict[str, str] | None = None) -> Iterator[dict[str, Any]]:
    page = ask(client, soql, headers=headers).json
    yield page
    while not page["done"]:
        page = client.get(page["nextRecordsUrl"], headers).json
        yield page
    assert "nextRecordsUrl" not in page


def test_pages_have_2000_records_and_the_whole_count(many: Client) -> None:
    found = list(pages(many, "SELECT LastName FROM Contact ORDER BY LastName"))
    assert [len(page["records"]) for page in found] == [2000, 2000, 500]
    assert {page["totalSize"] for page in found} == {4500}
    names = [record["LastName"] for page in found for record in page["records"]]
    assert names == [f"n{n:04}" for n in range(4_500)]
    assert found[0]["nextRecordsUrl"].startswith(f"{BASE}/query/01g")
    assert found[0]["nextRecordsUrl"].endswith("-2000")


@pytest.mark.parametrize(("wish", "size"), [("batchSize=500", 500), ("batchSize=1", 200), ("batchSize=99999", 2000)])
def test_the_batch_size_is_a_wish_between_200_and_2000(many: Client, wish: str, size: int) -> None:
    headers = {"Sforce-Query-Options": wish}
    found = list(pages(many, "SELECT LastName FROM Contact ORDER BY LastName", headers))
    assert len(found[0]["records"]) == size
    names = [record["LastName"] for page in found for record in page["records"]]
    assert names == [f"n{n:04}" for n in range(4_500)]


def test_a_page_may_be_read_again(many: Client) -> None:
    url = answer(many, "SELECT Id FROM Contact")["nextRecordsUrl"]
    assert many.get(url).json == many.get(url).json


def test_total_size_counts_what_limit_leaves(many: Client) -> None:
    assert answer(many, "SELECT Id FROM Contact LIMIT 2500")["totalSize"] == 2500
    found = answer(many, "SELECT Id FROM Contact LIMIT 7")
    assert (found["totalSize"], found["done"], len(found["records"])) == (7, True, 7)


def test_with_offset_only_the_first_batch_comes(many: Client) -> None:
    """SOQL notes, 5."""
    found = answer(many, "SELECT LastName FROM Contact ORDER BY LastName LIMIT 2100 OFFSET 3")
    assert (found["done"], len(found["records"]), found["records"][0]["LastName"]) == (True, 2000, "n0003")
    assert error(many, "SELECT Id FROM Contact OFFSET 2001") == (
        400,
        "NUMBER_OUTSIDE_VALID_RANGE",
        "Maximum SOQL offset allowed for apiName Contact is 2000",
    )


@pytest.mark.parametrize("locator", ["01g5e0000000001AAA-2000", "nonsense", "01g-1", "x" * 400])
def test_an_unknown_locator_is_refused(client: Client, locator: str) -> None:
    assert client.get(f"{BASE}/query/{locator}").error == (400, "INVALID_QUERY_LOCATOR")


def test_a_locator_lives_for_two_days() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    with Server(clock=lambda: now) as server:
        client = Client(server).log_in()
        load(client, "LastName\n" + "x\n" * 2_001, "Contact")
        url = answer(client, "SELECT Id FROM Contact")["nextRecordsUrl"]
        now += timedelta(days=1, hours=23)
        client.log_in()
        assert len(client.get(url).json["records"]) == 1
        now += timedelta(hours=1)
        client.log_in()
        assert client.get(url).error == (400, "INVALID_QUERY_LOCATOR")
        client.close()


def test_query_all_has_deleted_rows_too(client: Client) -> None:
    first, _ = load(client, "Name\nA\nB\n", "Account")
    client.load(f"Id\n{first}\n", "delete", "Account")
    assert answer(client, "SELECT Id FROM Account")["totalSize"] == 1
    assert answer(client, "SELECT Id FROM Account WHERE IsDeleted = true")["totalSize"] == 0
    assert answer(client, "SELECT Id FROM Account", "queryAll")["totalSize"] == 2
    (gone,) = answer(client, "SELECT Id FROM Account WHERE IsDeleted = true", "queryAll")["records"]
    assert gone["Id"] == first


@pytest.mark.parametrize("query", ["", "?q=", "?q=%20", "?p=SELECT"])
def test_without_a_statement_there_is_nothing_to_do(client: Client, query: str) -> None:
    assert client.get(f"{BASE}/query{query}").error == (400, "MALFORMED_QUERY")


def test_what_is_not_spoken_is_refused_by_its_name(client: Client) -> None:
    reply = client.get(f"{BASE}/query?{urlencode({'explain': 'SELECT Id FROM Account'})}")
    assert reply.error == (501, "NOT_IMPLEMENTED")
    assert client.request("POST", f"{BASE}/query", {"q": "SELECT Id FROM Account"}).status == 405


def test_errors_are_an_array_with_the_place(client: Client) -> None:
    """SOQL notes, 9."""
    reply = ask(client, "SELECT Id, Foo__c FROM Account")
    assert reply.error == (400, "INVALID_FIELD")
    message = reply.json[0]["message"]
    place = "\nSELECT Id, Foo__c FROM Account\n           ^\nERROR at Row:1:Column:12\n"
    assert message.startswith(f"{place}No such column")
    assert error(client, "SELECT Id FROM Nothing__c")[:2] == (400, "INVALID_TYPE")


def test_a_long_statement_fits_into_the_uri(client: Client) -> None:
    names = ",".join(f"'{n:012}'" for n in range(700))
    assert answer(client, f"SELECT Id FROM Account WHERE Name IN ({names})")["totalSize"] == 0


# Aggregates (6).


def test_count_is_the_total_size(client: Client) -> None:
    load(client, "LastName\nA\nB\n", "Contact")
    reply = ask(client, "SELECT COUNT() FROM Contact")
    assert reply.body == b'{"totalSize":2,"done":true,"records":[]}'


def test_groups_are_aggregate_results(client: Client) -> None:
    load(client, "LastName,Score__c,Visits__c\nA,1.5,1\na,2,2\nB,,\n", "Contact")
    found = answer(
        client, "SELECT LastName, COUNT(Id), AVG(Score__c) a FROM Contact GROUP BY LastName ORDER BY LastName"
    )
    assert (found["totalSize"], found["done"]) == (2, True)
    first, second = found["records"]
    assert first["attributes"] == {"type": "AggregateResult"}
    assert list(first) == ["attributes", "LastName", "expr0", "a"]
    assert (first["LastName"].lower(), first["expr0"], first["a"]) == ("a", 2, 1.75)
    assert (second["LastName"], second["expr0"], second["a"]) == ("B", 1, None)


def test_more_than_2000_groups_are_refused(many: Client) -> None:
    grouped = "SELECT LastName, COUNT(Id) FROM Contact GROUP BY LastName"
    text = "Aggregate query does not support queryMore(), use LIMIT to restrict the results to a single batch"
    assert error(many, grouped) == (400, "EXCEEDED_ID_LIMIT", text)
    assert answer(many, f"{grouped} LIMIT 2000")["totalSize"] == 2000


# Children and types (7).


def family(client: Client) -> tuple[list[str], list[str]]:
    accounts = load(client, "Name\nA\nB\nC\n", "Account")
    by_name = {row["Name"]: row["Id"] for row in client.records("Account")}
    data = "".join(f"x{n},{by_name['A']}\n" for n in range(3)) + f"y,{by_name['B']}\n"
    return accounts, load(client, f"LastName,AccountId\n{data}", "Contact")


def test_children_are_answers_inside_and_null_where_there_are_none(client: Client) -> None:
    family(client)
    soql = "SELECT Name, (SELECT LastName FROM Contacts ORDER BY LastName DESC), Id FROM Account ORDER BY Name"
    a, b, c = answer(client, soql)["records"]
    assert list(a) == ["attributes", "Name", "Contacts", "Id"]
    assert (a["Contacts"]["totalSize"], a["Contacts"]["done"]) == (3, True)
    assert [child["LastName"] for child in a["Contacts"]["records"]] == ["x2", "x1", "x0"]
    assert a["Contacts"]["records"][0]["attributes"]["type"] == "Contact"
    assert [child["LastName"] for child in b["Contacts"]["records"]] == ["y"]
    assert c["Contacts"] is None


def test_children_are_filtered_and_cut_off_for_each_parent(client: Client) -> None:
    family(client)
    children = "SELECT LastName FROM Account.Contacts c WHERE c.LastName != 'x0' ORDER BY LastName LIMIT 1"
    a, b, c = answer(client, f"SELECT ({children}) FROM Account ORDER BY Name")["records"]
    assert [child["LastName"] for child in a["Contacts"]["records"]] == ["x1"]
    assert a["Contacts"]["totalSize"] == 1
    assert [child["LastName"] for child in b["Contacts"]["records"]] == ["y"]
    assert c["Contacts"] is None
    skipping = answer(
        client, "SELECT (SELECT LastName FROM Contacts ORDER BY LastName OFFSET 2) FROM Account ORDER BY Name"
    )
    a, b, _ = skipping["records"]
    assert [child["LastName"] for child in a["Contacts"]["records"]] == ["x2"]
    assert b["Contacts"] is None


def test_children_of_children(client: Client) -> None:
    family(client)
    contact = next(row["Id"] for row in client.records() if row["LastName"] == "y")
    load(client, f"Subject,ContactId\ns,{contact}\n", "Case")
    soql = "SELECT Name, (SELECT LastName, Account.Name, (SELECT Subject FROM Cases) FROM Contacts) FROM Account"
    records = {record["Name"]: record for record in answer(client, soql)["records"]}
    (y,) = records["B"]["Contacts"]["records"]
    assert y["Account"]["Name"] == "B"
    assert [case["Subject"] for case in y["Cases"]["records"]] == ["s"]
    assert {child["Cases"] for child in records["A"]["Contacts"]["records"]} == {None}


def test_many_children_come_by_a_locator_of_their_own(client: Client) -> None:
    (account,) = load(client, "Name\nA\n", "Account")
    load(client, "LastName,AccountId\n" + "".join(f"n{n:04},{account}\n" for n in range(4_100)), "Contact")
    soql = "SELECT Name, (SELECT LastName FROM Contacts ORDER BY LastName) FROM Account"
    found = answer(client, soql)
    assert (found["totalSize"], found["done"]) == (1, True)
    page = found["records"][0]["Contacts"]
    names = [record["LastName"] for record in page["records"]]
    while not page["done"]:
        assert page["totalSize"] == 4_100
        page = client.get(page["nextRecordsUrl"]).json
        names += [record["LastName"] for record in page["records"]]
    assert names == [f"n{n:04}" for n in range(4_100)]


def test_many_parents_with_many_children_come_in_shorter_pages(client: Client) -> None:
    load(client, "Name\n" + "".join(f"a{n:02}\n" for n in range(60)), "Account")
    ids = [row["Id"] for row in client.records("Account")]
    load(client, "LastName,AccountId\n" + "".join(f"x,{key}\n" for key in ids for _ in range(500)), "Contact")
    page = answer(client, "SELECT Name, (SELECT Id FROM Contacts) FROM Account ORDER BY Name")
    names: list[str] = []
    for _ in range(60):
        assert page["totalSize"] == 60
        names += [record["Name"] for record in page["records"]]
        assert {len(record["Contacts"]["records"]) for record in page["records"]} == {500}
        if page["done"]:
            break
        page = client.get(page["nextRecordsUrl"]).json
    assert names == [f"a{n:02}" for n in range(60)]


def test_what_is_polymorphic_is_a_name_unless_typeof_asks(client: Client) -> None:
    (account,) = load(client, "Name,Phone\nA,1\n", "Account")
    (lead,) = load(client, "LastName,Company\nL,Co\n", "Lead")
    load(client, f"Subject,WhatId,WhoId\ns,{account},{lead}\n", "Task")
    (record,) = answer(client, "SELECT What.Name, What.Type, Who.Type FROM Task")["records"]
    assert record["What"] == {
        "attributes": {"type": "Name", "url": f"{BASE}/sobjects/Account/{account}"},
        "Name": "A",
        "Type": "Account",
    }
    assert record["Who"]["Type"] == "Lead"
    typed = "TYPEOF What WHEN Account THEN Phone, Name WHEN Opportunity THEN Amount END"
    other = "TYPEOF Who WHEN Contact THEN LastName ELSE Name END"
    (record,) = answer(client, f"SELECT {typed}, {other} FROM Task")["records"]
    assert record["What"] == {
        "attributes": {"type": "Account", "url": f"{BASE}/sobjects/Account/{account}"},
        "Phone": "1",
        "Name": "A",
    }
    assert record["Who"]["Name"] == "L"
    (record,) = answer(client, "SELECT TYPEOF What WHEN Opportunity THEN Amount END FROM Task")["records"]
    assert record["What"] is None
    assert error(client, "SELECT TYPEOF Owner WHEN User THEN Name END FROM Task")[:2] == (400, "MALFORMED_QUERY")


def test_pages_of_long_texts_are_short(client: Client) -> None:
    server = client.server
    server.define("Wide__c", {name: {"type": "textarea", "length": 32000} for name in ("A__c", "B__c")})
    load(client, "A__c,B__c\n" + "x,y\n" * 450, "Wide__c")
    found = list(pages(client, "SELECT A__c, B__c FROM Wide__c"))
    assert [len(page["records"]) for page in found] == [200, 200, 50]
    assert [len(page["records"]) for page in pages(client, "SELECT A__c FROM Wide__c")] == [450]


def test_pages_are_short_where_their_bytes_are_many(client: Client) -> None:
    server = client.server
    server.define("Heavy__c", {"A__c": {"type": "textarea", "length": 131072}})
    with server.org.store.front() as db:
        db.execute(
            "INSERT INTO _records.Heavy__c BY NAME SELECT 'a0Z' || lpad(i::VARCHAR, 15, '0') AS Id, false AS IsDeleted,"
            " repeat('x', 131072) AS A__c FROM range(600) t(i)"
        ).fetchall()
    found = list(pages(client, "SELECT A__c FROM Heavy__c"))
    assert sum(len(page["records"]) for page in found) == 600
    assert len(found) > 1


def test_a_reset_org_knows_no_locators(many: Client) -> None:
    url = answer(many, "SELECT Id FROM Contact")["nextRecordsUrl"]
    many.server.reset()
    assert many.get(url).error == (400, "INVALID_QUERY_LOCATOR")


@pytest.mark.parametrize(
    "where", ["= 'k1'", "IN ('x', 'k1')", "LIKE 'k_'", f"IN ({', '.join(repr(f'k{n}') for n in range(40))})"]
)
def test_a_unique_field_ignores_case_unless_it_says_otherwise(client: Client, where: str) -> None:
    """2.2"""
    load(client, "LastName,ExternalId__c\nNg,K1\n", "Contact")
    load(client, "Name,Code__c\nx,K1\n", "Everything__c")
    assert answer(client, f"SELECT Id FROM Contact WHERE ExternalId__c {where}")["totalSize"] == 1
    is_pattern = where.startswith("LIKE")
    assert answer(client, f"SELECT Id FROM Everything__c WHERE Code__c {where}")["totalSize"] == is_pattern
