"""Who is logged in, the org itself, and logging out (OAuth guide; wire notes, 2.2)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from sfframe.localorg import Server

from .client import FORM, Client

INFO = "/services/oauth2/userinfo"
REVOKE = "/services/oauth2/revoke"


def identity_path(client: Client) -> str:
    answer = client.ask_token(
        grant_type="client_credentials", client_id=client.server.client_id, client_secret=client.server.client_secret
    )
    return str(urlsplit(answer.json["id"]).path)


def test_user_info_names_the_user_and_the_org(client: Client, server: Server) -> None:
    answer = client.get(INFO).json
    (user,) = client.records("User")
    assert answer["preferred_username"] == server.username
    assert answer["user_id"] == user["Id"]
    assert answer["organization_id"] == server.org.org_id
    assert (answer["given_name"], answer["family_name"], answer["name"]) == ("Integration", "User", "Integration User")
    assert answer["sub"] == f"{server.url}/id/{server.org.org_id}/{user['Id']}"
    assert answer["urls"]["rest"] == f"{server.url}/services/data/v{{version}}/"
    assert client.request("POST", INFO, "", {"Content-Type": FORM}).json == answer


def test_the_id_of_a_token_answer_leads_to_the_person(client: Client, server: Server) -> None:
    """2.2: the `id` ends with org id and user id; a GET there tells more."""
    path = identity_path(client)
    answer = client.get(path).json
    assert answer["id"] == f"{server.url}{path}"
    assert (answer["username"], answer["user_id"]) == (server.username, path.rpartition("/")[2])
    assert answer["asserted_user"] is True
    resources = client.get("/services/data/v66.0/").json
    assert resources["identity"] == answer["id"]
    assert resources["query"] == "/services/data/v66.0/query"


def test_two_slashes_behind_the_host_are_one(client: Client) -> None:
    """The CLI's requests have them after a login by access token; within a path they are a 404 (3)."""
    assert client.get("//services/data/v66.0/query?q=SELECT+Id+FROM+User").json["totalSize"] == 1
    assert client.get("/services/data/v66.0//query?q=SELECT+Id+FROM+User").error == (404, "NOT_FOUND")


def test_short_ids_lead_there_too(client: Client) -> None:
    _, kind, org, user = identity_path(client).split("/")
    assert client.get(f"/{kind}/{org[:15]}/{user[:15]}").status == 200


@pytest.mark.parametrize("name", ["access_token", "oauth_token"])
def test_a_token_may_come_in_the_query(client: Client, name: str) -> None:
    path = f"{identity_path(client)}?{urlencode({'format': 'json', name: client.token})}"
    assert client.request("GET", path, token="").status == 200


@pytest.mark.parametrize(("token", "text"), [("", b"Missing_OAuth_Token"), ("00D!nonsense", b"Bad_OAuth_Token")])
def test_without_a_good_token_there_is_a_word(client: Client, token: str, text: bytes) -> None:
    for path in (INFO, identity_path(client)):
        reply = client.request("GET", path, token=token)
        assert (reply.status, reply.body) == (403, text)


def test_another_org_or_user_is_a_word_too(client: Client) -> None:
    _, kind, org, user = identity_path(client).split("/")
    assert client.get(f"/{kind}/00D000000000001/{user}").body == b"Wrong_Org"
    assert client.get(f"/{kind}/{org}/005000000000001").status == 404


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_revoked_token_is_none_any_more(client: Client, server: Server, method: str) -> None:
    other = Client(server).log_in()
    other.close()
    form = urlencode({"token": client.token})
    path, body = (f"{REVOKE}?{form}", None) if method == "GET" else (REVOKE, form)
    assert client.request(method, path, body, {"Content-Type": FORM}, token="").status == 200
    assert client.get("/services/data/v66.0/limits").error == (401, "INVALID_SESSION_ID")
    again = client.request(method, path, body, {"Content-Type": FORM}, token="")
    assert (again.status, again.json["error"]) == (400, "invalid_token")
    assert client.request("GET", "/services/data/v66.0/limits", token=other.token).status == 200


def test_a_refresh_token_takes_all_others_with_it(client: Client, server: Server) -> None:
    form = urlencode({"token": server.refresh_token})
    assert client.request("POST", REVOKE, form, {"Content-Type": FORM}, token="").status == 200
    assert client.get("/services/data/v66.0/limits").error == (401, "INVALID_SESSION_ID")


def test_the_org_is_a_record(client: Client, server: Server) -> None:
    server.reset()
    found: Any = client.get("/services/data/v66.0/query?q=SELECT+Id,Name,IsSandbox,OrganizationType+FROM+Organization")
    (record,) = found.json["records"]
    assert record["Id"] == server.org.org_id
    assert (record["IsSandbox"], record["OrganizationType"]) == (False, "Developer Edition")


@pytest.mark.parametrize("operation", ["insert", "update", "delete", "hardDelete"])
def test_the_org_is_nobodys_to_change(client: Client, operation: str) -> None:
    """9.2: `INVALIDENTITY` where an object isn't for Bulk."""
    reply = client.create(operation, "Organization")
    assert reply.error == (400, "INVALIDENTITY")
    assert "Entity 'Organization' is not supported by the Bulk API." in reply.json[0]["message"]


def test_the_org_is_nobodys_to_change_over_rest(client: Client, server: Server) -> None:
    path = "/services/data/v66.0/sobjects/Organization"
    for method, where in (("POST", path), ("DELETE", f"{path}/{server.org.org_id}")):
        reply = client.request(method, where, {"Name": "Mine"} if method == "POST" else None)
        assert (reply.status, reply.json[0]["errorCode"]) == (400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY")
    assert len(client.records("Organization")) == 1


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/services/async/59.0/job", "Bulk API 1"),
        ("/services/Soap/m/59.0", "SOAP"),
        ("/services/apexrest/mine", "Apex"),
        ("/services/oauth2/introspect", "OAuth"),
    ],
)
def test_other_apis_are_refused_by_name(client: Client, path: str, name: str) -> None:
    reply = client.request("POST", path, "{}", {"Content-Type": "application/json"})
    assert reply.error == (501, "NOT_IMPLEMENTED")
    assert name in reply.json[0]["message"]
