"""What the columns of a query are, for clients that ask with `columns=true`; the command line of Salesforce does."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from .client import Client

Tree = list[tuple[str, "Tree"]]


def columns(client: Client, soql: str) -> Any:
    reply = client.get(f"/services/data/v66.0/query?{urlencode({'q': soql, 'columns': 'true'})}")
    assert reply.status == 200, reply
    return reply.json


def names(found: list[dict[str, Any]]) -> Tree:
    return [(column["columnName"], names(column["joinColumns"])) for column in found]


def test_columns_come_in_the_order_of_select_without_any_record(client: Client) -> None:
    answer = columns(client, "SELECT lastname, Id, Score__c, DoNotCall FROM Contact")
    assert names(answer["columnMetadata"]) == [("LastName", []), ("Id", []), ("Score__c", []), ("DoNotCall", [])]
    name, record_id, score, flag = answer["columnMetadata"]
    assert (name["textType"], name["numberType"], name["booleanType"], name["apexType"]) == (
        True,
        False,
        False,
        "String",
    )
    assert (name["insertable"], name["updatable"], name["custom"]) == (True, True, False)
    assert (record_id["apexType"], record_id["insertable"], record_id["textType"]) == ("Id", False, False)
    assert (score["numberType"], score["custom"], score["apexType"]) == (True, True, "Double")
    assert flag["booleanType"] is True
    assert (answer["entityName"], answer["keyPrefix"]) == ("Contact", "003")
    assert (answer["groupBy"], answer["idSelected"]) == (False, True)


def test_columns_of_parents_and_children_are_within_one(client: Client) -> None:
    found = columns(client, "SELECT Account.Owner.Name, Id, Account.Name FROM Contact")["columnMetadata"]
    assert names(found) == [("Account", [("Owner", [("Name", [])]), ("Name", [])]), ("Id", [])]
    assert found[0]["aggregate"] is False
    found = columns(client, "SELECT Name, (SELECT Id, LastName FROM Contacts) FROM Account")["columnMetadata"]
    assert names(found) == [("Name", []), ("Contacts", [("Id", []), ("LastName", [])])]
    assert found[1]["aggregate"] is True


def test_columns_of_groups_tell_their_functions(client: Client) -> None:
    answer = columns(client, "SELECT LastName, COUNT(Id), MAX(Score__c) best FROM Contact GROUP BY LastName")
    shown = [(c["columnName"], c["displayName"], c["aggregate"]) for c in answer["columnMetadata"]]
    assert shown == [("LastName", "LastName", False), ("expr0", "count(Id)", True), ("best", "max(Score__c)", True)]
    assert answer["groupBy"] is True


def test_a_bad_statement_is_refused_as_ever(client: Client) -> None:
    reply = client.get("/services/data/v66.0/query?columns=true&q=SELECT+Nonsense+FROM+Contact")
    assert reply.error == (400, "INVALID_FIELD")
