"""What an object is made of, and how often the org is asked for it."""

from __future__ import annotations

import asyncio
import json
import pickle
from typing import Any

import pytest

from sfframe.errors import ApiError
from sfframe.local import LocalOrg
from sfframe.localorg.server import Server
from sfframe.org import describe
from sfframe.org.auth import ClientCredentials
from sfframe.org.describe import Field, SObject
from sfframe.org.org import Org

from .site import Site, refuse, reply

PATH = "/services/data/v66.0/sobjects/Contact/describe"


def field(name: str, **attributes: Any) -> dict[str, Any]:
    return {"name": name, "label": name, "type": "string", "nillable": True, **attributes}


FIELDS: list[dict[str, Any]] = [
    field("Id", type="id", length=18, idLookup=True, nillable=False, defaultedOnCreate=True),
    field("LastName", label="Last Name", length=80, nillable=False, createable=True, updateable=True),
    field("IsVip__c", label="VIP?", type="boolean", nillable=False, createable=True),
    field("Code__c", label="Customer Code", externalId=True, unique=True, caseSensitive=True, length=20),
    field("Score__c", type="double", precision=18, scale=2, soapType="xsd:double"),
    field("Visits__c", type="int", digits=9, filterable=True, sortable=True),
    field("MailingAddress", type="address", soapType="urn:address"),
    field("MailingCity", compoundFieldName="MailingAddress", relationshipName=None),
    field("OwnerId", type="reference", referenceTo=["Group", "User"], relationshipName="Owner"),
    field(
        "Level__c",
        type="picklist",
        restrictedPicklist=True,
        picklistValues=[
            {"value": "gold", "label": "Gold", "active": True},
            {"value": "old", "label": "Old", "active": False},
            {"value": "plain", "label": "Plain"},
        ],
    ),
]
CONTACT = {
    "name": "Contact",
    "label": "Contact",
    "keyPrefix": "003",
    "custom": False,
    "createable": True,
    "updateable": True,
    "deletable": True,
    "queryable": True,
    "childRelationships": [{"childSObject": "Case"}],
    "fields": FIELDS,
}


@pytest.fixture
def contact() -> SObject:
    return SObject.from_json(CONTACT)


def named(contact: SObject, name: str) -> Field:
    found = contact.field(name)
    assert found is not None
    return found


def test_an_object_keeps_what_the_org_said(contact: SObject) -> None:
    assert (contact.name, contact.key_prefix, contact.createable, contact.deletable) == ("Contact", "003", True, True)
    assert [one.name for one in contact.fields] == [one["name"] for one in FIELDS]
    assert contact.raw["childRelationships"] == [{"childSObject": "Case"}]


def test_every_attribute_that_matters_is_read(contact: SObject) -> None:
    code = named(contact, "Code__c")
    assert (code.external_id, code.unique, code.case_sensitive, code.length) == (True, True, True, 20)
    assert (named(contact, "Score__c").precision, named(contact, "Score__c").scale) == (18, 2)
    visits = named(contact, "Visits__c")
    assert (visits.digits, visits.filterable, visits.sortable) == (9, True, True)
    assert named(contact, "Id").id_lookup
    assert named(contact, "MailingCity").compound_field_name == "MailingAddress"
    owner = named(contact, "OwnerId")
    assert (owner.reference_to, owner.relationship_name) == (("Group", "User"), "Owner")


def test_fields_and_relationships_are_found_in_any_case(contact: SObject) -> None:
    assert named(contact, "LASTNAME").name == "LastName"
    assert contact.field("Nope") is None
    assert contact.relationship("owner") is contact.field("OwnerId")
    assert contact.relationship("OwnerId") is None
    assert contact.relationship("") is None


def test_a_picklist_has_its_active_values(contact: SObject) -> None:
    level = named(contact, "Level__c")
    assert (level.picklist_values, level.restricted_picklist) == (("gold", "plain"), True)


def test_required_is_what_an_insert_cant_do_without(contact: SObject) -> None:
    assert [one.name for one in contact.fields if one.is_required_on_insert] == ["LastName"]


def test_compound_fields_and_text_are_told_from_others(contact: SObject) -> None:
    assert [one.name for one in contact.fields if one.is_compound] == ["MailingAddress"]
    text = [one.name for one in contact.fields if one.is_text]
    assert text == ["LastName", "Code__c", "MailingCity", "Level__c"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("Last Name", "LastName"),
        ("last_name", "LastName"),
        ("Lastnmae", "LastName"),
        ("Code", "Code__c"),
        ("Customer Code", "Code__c"),
        ("custmer code", "Code__c"),
        ("Mailing City", "MailingCity"),
    ],
)
def test_a_mistyped_name_finds_the_one_that_was_meant(contact: SObject, typed: str, meant: str) -> None:
    assert contact.close_names(typed)[0] == meant


def test_a_name_far_from_all_finds_none(contact: SObject) -> None:
    assert contact.close_names("xyzzy") == ()


def test_a_describe_is_a_value_that_pickles(contact: SObject) -> None:
    again: SObject = pickle.loads(pickle.dumps(contact))
    assert again == contact
    assert again.field("lastname") == contact.field("LastName")


def test_a_describe_is_read_again_from_what_it_says_as_json(contact: SObject, started_local: LocalOrg) -> None:
    described = [SObject.from_json(started_local.describe(name)) for name in ("Account", "Contact", "Case", "User")]
    for one in [contact, *described]:
        again = SObject.from_json(json.loads(json.dumps(one.as_json())))
        assert again == one
        assert again.field(one.fields[-1].name.upper()) == one.fields[-1]


@pytest.mark.parametrize("answer", [{}, {"name": "X"}, {"fields": []}, {"name": "X", "fields": [{}]}])
def test_what_isnt_a_describe_is_refused(answer: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not an object's describe"):
        SObject.from_json(answer)


@pytest.mark.parametrize("answer", [[1], {"name": "Contact"}, "<html>"])
async def test_an_answer_that_is_no_describe_is_an_api_error(site: Site, org: Org, answer: Any) -> None:
    site.on("GET", PATH, reply(answer))
    with pytest.raises(ApiError):
        await org.describe("Contact")


async def test_an_object_is_asked_for_once_whatever_its_case(site: Site, org: Org) -> None:
    site.on("GET", PATH, reply(CONTACT))
    assert await org.describe("Contact") is await org.describe("contact")
    assert site.paths() == [PATH]


async def test_many_at_once_ask_for_an_object_once(site: Site, org: Org) -> None:
    site.on("GET", PATH, refuse(503, "SERVER_UNAVAILABLE", "busy"), reply(CONTACT))
    found = await asyncio.gather(*(org.describe("Contact") for _ in range(20)))
    assert all(one is found[0] for one in found)
    assert len(site.paths("GET")) == 2
    first, second = asyncio.create_task(org.describe("Lead")), asyncio.create_task(org.describe("Lead"))
    await asyncio.sleep(0)
    first.cancel()  # whoever asks may go; the others don't wait for him
    site.on("GET", PATH.replace("Contact", "Lead"), reply({**CONTACT, "name": "Lead"}))
    assert (await second).name == "Lead"


async def test_an_old_describe_is_asked_for_again_only_if_it_changed(
    site: Site, org: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(describe, "_MAX_AGE_S", 0.0)
    stamp = "Wed, 01 Jul 2026 10:00:00 GMT"
    renamed = {**CONTACT, "label": "Person"}
    site.on("GET", PATH, reply(CONTACT, headers={"Last-Modified": stamp}), reply(status=304), reply(renamed))
    first = await org.describe("Contact")
    assert await org.describe("Contact") is first
    assert (await org.describe("Contact")).label == "Person"
    assert [one.headers.get("If-Modified-Since") for one in site.seen[1:]] == [None, stamp, stamp]


async def test_an_unknown_object_is_named(site: Site, org: Org) -> None:
    site.on(
        "GET", PATH.replace("Contact", "Contcat"), refuse(404, "NOT_FOUND", "The requested resource does not exist")
    )
    with pytest.raises(ApiError, match="no object 'Contcat' that this user may see") as caught:
        await org.describe("Contcat")
    assert (caught.value.status, caught.value.error_code) == (404, "NOT_FOUND")


async def test_a_name_cant_lead_to_another_path(site: Site, org: Org) -> None:
    with pytest.raises(ValueError, match="no API name of an object"):
        await org.describe("../../limits?x=")
    assert site.seen == []


async def test_the_standard_objects_of_a_local_org_are_read(server: Server) -> None:
    async with Org(server.url, ClientCredentials(server.client_id, server.client_secret)) as org:
        contact = await org.describe("Contact")
        assert contact.field("LastName") is not None
        assert contact.relationship("Account") is not None
