"""Answers as orgs give them, from which the odd ones are made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.fuzz.given import Given, csv_of, json_of
from tests.fuzz.org import DATA

JOB_ID = "7505e00000Abc12AAB"
ORG_ID, USER_ID = "00D000000000001EAA", "005000000000001AAA"
TOKEN = "00D000000000001!AQEAQ.x_y"
Answers = Mapping[str, tuple[Given, ...]]


def job(state: str = "JobComplete", *, kind: str = "ingest", **more: Any) -> dict[str, Any]:
    """A job as documents show it."""
    own: dict[str, Any] = {"jobType": "V2Ingest", "contentUrl": f"services/data/v66.0/jobs/ingest/{JOB_ID}/batches"}
    own |= {"apexProcessingTime": 0, "apiActiveProcessingTime": 70, "numberRecordsFailed": 0}
    return {
        "id": JOB_ID,
        "operation": "insert" if kind == "ingest" else "query",
        "object": "Contact",
        "createdById": USER_ID,
        "createdDate": "2026-01-02T21:33:43.000+0000",
        "systemModstamp": "2026-01-02T21:33:45.000+0000",
        "state": state,
        "concurrencyMode": "Parallel",
        "contentType": "CSV",
        "apiVersion": 66.0,
        "lineEnding": "LF",
        "columnDelimiter": "COMMA",
        "numberRecordsProcessed": 4,
        "retries": 0,
        "totalProcessingTime": 105,
        **(own if kind == "ingest" else {"jobType": "V2Query", "isPkChunkingSupported": True}),
        **more,
    }


def a_field(name: str, kind: str = "string", **more: Any) -> dict[str, Any]:
    """A field as describe shows it."""
    whole: dict[str, Any] = {
        "label": name,
        "soapType": "xsd:string",
        "length": 80 if kind == "string" else 0,
        "byteLength": 240,
    }
    whole |= {"precision": 0, "scale": 0, "digits": 0, "nillable": True, "createable": True, "updateable": True}
    whole |= {"defaultedOnCreate": False, "externalId": False, "idLookup": False, "unique": False}
    whole |= {"caseSensitive": False, "extraTypeInfo": None, "referenceTo": [], "relationshipName": None}
    whole |= {
        "picklistValues": [],
        "restrictedPicklist": False,
        "filterable": True,
        "calculated": False,
        "compoundFieldName": None,
    }
    return {"name": name, "type": kind, **whole, **more}


CONTACT = {
    "name": "Contact",
    "label": "Contact",
    "keyPrefix": "003",
    "custom": False,
    "createable": True,
    "updateable": True,
    "deletable": True,
    "queryable": True,
    "replicateable": True,
    "childRelationships": [
        {"childSObject": "Contact", "field": "ReportsToId", "relationshipName": "Reports"},
        {"childSObject": "Note", "field": "ParentId", "relationshipName": None},
    ],
    "fields": [
        a_field("Id", "id", length=18, createable=False, updateable=False, idLookup=True),
        a_field("LastName", length=80, nillable=False, nameField=True),
        a_field("ExternalId__c", length=40, externalId=True, idLookup=True, unique=True, custom=True),
        a_field("Amount__c", "currency", precision=18, scale=2),
        a_field("Ratio__c", "double", precision=18, scale=4),
        a_field("Level__c", "int", digits=9),
        a_field("Birthdate", "date"),
        a_field("SystemModstamp", "datetime", createable=False, updateable=False),
        a_field("At__c", "time"),
        a_field("IsDeleted", "boolean", nillable=False, createable=False),
        a_field("Tags__c", "multipicklist", picklistValues=[{"value": "a", "active": True}, {"value": "b"}]),
        a_field("MailingAddress", "address", soapType="urn:address", createable=False, updateable=False),
        a_field("AccountId", "reference", length=18, referenceTo=["Account"], relationshipName="Account"),
        a_field("OwnerId", "reference", length=18, referenceTo=["User", "Group"], relationshipName="Owner"),
        a_field("ReportsToId", "reference", length=18, referenceTo=["Contact"], relationshipName="ReportsTo"),
    ],
}
ACCOUNT = {
    **CONTACT,
    "name": "Account",
    "fields": [a_field("Id", "id", length=18), a_field("Name", length=255), a_field("Rank__c", "int", digits=9)],
}
NAME = {**ACCOUNT, "name": "Name", "fields": [a_field("Id", "id"), a_field("Name"), a_field("Type")]}
DESCRIBES: Answers = {
    "describe Contact": (json_of(CONTACT, Last_Modified="Fri, 02 Jan 2026 21:33:43 GMT"),),
    "describe Account": (json_of(ACCOUNT),),
    "describe Name": (json_of(NAME),),
}
ADDRESS = {"city": "Köln", "country": "DE", "geocodeAccuracy": None, "latitude": 50.9, "longitude": 6.9}
ADDRESS |= {"postalCode": "50667", "state": None, "street": "Dom 1"}


def contact(nth: int, **more: Any) -> dict[str, Any]:
    """A record over REST."""
    return {
        "attributes": {"type": "Contact", "url": f"{DATA}/sobjects/Contact/003{nth:012}AAA"},
        "Id": f"003{nth:012}AAA",
        "LastName": ("Ng", 'O"Hara', "two\nlines", "Ünal")[nth % 4],
        "Amount__c": (1.5, 1e7, None, 12345678901234.25)[nth % 4],
        "Level__c": (1, None, -7, 123456789)[nth % 4],
        "Birthdate": "1990-02-28",
        "SystemModstamp": "2026-01-02T21:33:43.000+0000",
        "At__c": "23:59:59.999Z",
        "IsDeleted": False,
        "Tags__c": "a;b",
        **more,
    }


def records(*found: Mapping[str, Any], total: int | None = None, more: str | None = None) -> Given:
    """A page over REST."""
    answer = {"totalSize": len(found) if total is None else total, "done": more is None, "records": list(found)}
    return json_of(answer if more is None else {**answer, "nextRecordsUrl": more})


def lines(*rows: str) -> str:
    """CSV as orgs write it."""
    return "".join(f"{row}\n" for row in rows)


RESULT_HEADER = '"Id","LastName","Amount__c","Level__c","Birthdate","SystemModstamp","At__c","IsDeleted","Tags__c"'
RESULT_ROWS = [
    f'"003{n:012}AAA","{name}","{amount}","{level}","1990-02-28","2026-01-02T21:33:43.000Z","23:59:59.999Z","false","a;b"'
    for n, (name, amount, level) in enumerate(
        [("Ng", "1.5", "1"), ('O""Hara', "1.0E7", ""), ("two\nlines", "", "-7"), ("Ünal, 3", "12345678901234.25", "9")]
    )
]
PAGE = csv_of(lines(RESULT_HEADER, *RESULT_ROWS[:2]), Sforce_NumberOfRecords="2", Sforce_Locator="null")
LAST_PAGE = csv_of(lines(RESULT_HEADER, *RESULT_ROWS[2:]), Sforce_NumberOfRecords="2", Sforce_Locator="null")
RESULT_PAGES = {
    "resultPages": [
        {"resultUrl": f"services/data/v66.0/jobs/query/{JOB_ID}/results?locator=a"},
        {"resultUrl": f"services/data/v66.0/jobs/query/{JOB_ID}/results?locator=b"},
    ],
    "nextRecordsUrl": None,
    "done": True,
}
SUCCESSFUL = csv_of(lines('"sf__Id","sf__Created","LastName","ExternalId__c"', '"003000000000001AAA","true","Ng","A-1"',
                          '"003000000000002AAA","false","O""Hara","A-2"'))  # fmt: skip
FAILED = csv_of(lines('"sf__Id","sf__Error","LastName","ExternalId__c"',
                      '"","STRING_TOO_LONG:too long: x (max length=80):LastName --","two\nlines","A-3"'))  # fmt: skip
UNPROCESSED = csv_of(lines('"LastName","ExternalId__c"', '"Ünal","A-4"'))
