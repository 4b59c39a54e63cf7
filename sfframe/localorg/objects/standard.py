"""The objects an org has from the start: a useful part of each standard object, and one of every type."""

from __future__ import annotations

from typing import Any

from sfframe.localorg.objects.describe import READ_ONLY, FieldSpec, describe_field, describe_object, owner

_REQUIRED = {"nillable": False}
_EXTERNAL_ID = {"type": "string", "externalId": True, "unique": True}
_PERSON = {
    "LastName": {"length": 80, "compoundFieldName": "Name", "extraTypeInfo": "personname", **_REQUIRED},
    "FirstName": {"length": 40, "compoundFieldName": "Name", "extraTypeInfo": "personname"},
}
_COMPOSED_NAME = {"length": 121, "nameField": True, "extraTypeInfo": "personname", "nillable": False}
_SALUTATION = {
    "type": "picklist",
    "length": 40,
    "values": ["Mr.", "Ms.", "Mrs.", "Dr.", "Prof.", "Mx."],
    "compoundFieldName": "Name",
    "extraTypeInfo": "personname",
}
_SOURCES = ["Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other"]
_INDUSTRIES = ["Agriculture", "Banking", "Chemicals", "Education", "Energy", "Healthcare", "Technology", "Other"]
_PRIORITIES = ["High", {"value": "Normal", "defaultValue": True}, "Low"]


def _reference(*targets: str, **attributes: Any) -> dict[str, Any]:
    return {"type": "reference", "referenceTo": list(targets), **attributes}


def _address(prefix: str) -> dict[str, FieldSpec]:
    compound = f"{prefix}Address"
    parts: dict[str, dict[str, Any]] = {
        f"{prefix}Street": {"type": "textarea", "length": 255},
        f"{prefix}City": {"length": 40},
        f"{prefix}State": {"length": 80},
        f"{prefix}PostalCode": {"length": 20},
        f"{prefix}Country": {"length": 80},
    }
    named = {name: {**spec, "compoundFieldName": compound} for name, spec in parts.items()}
    return {**named, compound: {"type": "address", **READ_ONLY}}


_ACCOUNT: dict[str, FieldSpec] = {
    "Name": {"length": 255, "nameField": True, "label": "Account Name", **_REQUIRED},
    "Type": {"type": "picklist", "values": ["Prospect", "Customer", "Partner", "Other"]},
    "ParentId": _reference("Account", relationshipName="Parent"),
    **_address("Billing"),
    "Phone": "phone",
    "AccountNumber": {"length": 40},
    "Website": "url",
    "Industry": {"type": "picklist", "values": _INDUSTRIES},
    "AnnualRevenue": {"type": "currency", "precision": 18, "scale": 0},
    "NumberOfEmployees": {"type": "int", "digits": 8, "label": "Employees"},
    "Description": "textarea",
    "OwnerId": owner("User"),
    "ExternalId__c": _EXTERNAL_ID,
}

_CONTACT: dict[str, FieldSpec] = {
    "AccountId": _reference("Account"),
    **_PERSON,
    "Salutation": _SALUTATION,
    "Name": {**_COMPOSED_NAME, **READ_ONLY, "label": "Full Name"},
    **_address("Mailing"),
    "Phone": {"type": "phone", "label": "Business Phone"},
    "MobilePhone": "phone",
    "Email": {"type": "email", "idLookup": True},
    "Title": {"length": 128},
    "Department": {"length": 80},
    "LeadSource": {"type": "picklist", "values": _SOURCES},
    "Birthdate": "date",
    "Description": "textarea",
    "DoNotCall": "boolean",
    "HasOptedOutOfEmail": {"type": "boolean", "label": "Email Opt Out"},
    "OwnerId": owner("User"),
    "ReportsToId": _reference("Contact"),
    "ExternalId__c": _EXTERNAL_ID,
    "Score__c": {"type": "double", "precision": 18, "scale": 2},
    "Visits__c": {"type": "double", "precision": 9, "scale": 0},
    "Level__c": {"type": "picklist", "values": ["Bronze", "Silver", "Gold"], "restrictedPicklist": True},
    "Languages__c": {"type": "multipicklist", "values": ["English", "French", "German", "Spanish"]},
    "LastVisit__c": "datetime",
    "Wakeup__c": "time",
}

_LEAD: dict[str, FieldSpec] = {
    **_PERSON,
    "Salutation": _SALUTATION,
    "Name": {**_COMPOSED_NAME, **READ_ONLY, "label": "Full Name"},
    "Company": {"length": 255, **_REQUIRED},
    "Title": {"length": 128},
    "Phone": "phone",
    "Email": {"type": "email", "idLookup": True},
    "LeadSource": {"type": "picklist", "values": _SOURCES},
    "Status": {
        "type": "picklist",
        "values": [{"value": "Open - Not Contacted", "defaultValue": True}, "Working - Contacted", "Closed"],
        "nillable": False,
        "defaultedOnCreate": True,
    },
    "Industry": {"type": "picklist", "values": _INDUSTRIES},
    "AnnualRevenue": {"type": "currency", "precision": 18, "scale": 0},
    "NumberOfEmployees": {"type": "int", "digits": 8, "label": "Employees"},
    "Description": "textarea",
    "OwnerId": owner("Group", "User"),
    "ExternalId__c": _EXTERNAL_ID,
}

_CASE: dict[str, FieldSpec] = {
    "CaseNumber": {"length": 30, "nameField": True, "autoNumber": True, "nillable": False, **READ_ONLY},
    "ContactId": _reference("Contact"),
    "AccountId": _reference("Account"),
    "ParentId": _reference("Case", relationshipName="Parent"),
    "Subject": {"length": 255},
    "Description": "textarea",
    "Status": {"type": "picklist", "values": [{"value": "New", "defaultValue": True}, "Working", "Closed"]},
    "Priority": {"type": "picklist", "values": ["High", {"value": "Medium", "defaultValue": True}, "Low"]},
    "Origin": {"type": "picklist", "values": ["Phone", "Email", "Web"]},
    "SuppliedEmail": "email",
    "OwnerId": owner("Group", "User"),
    "ExternalId__c": _EXTERNAL_ID,
}

_STAGES = ["Prospecting", "Qualification", "Proposal/Price Quote", "Closed Won", "Closed Lost"]
_OPPORTUNITY: dict[str, FieldSpec] = {
    "AccountId": _reference("Account"),
    "Name": {"length": 120, "nameField": True, **_REQUIRED},
    "Description": "textarea",
    "StageName": {"type": "picklist", "values": _STAGES, "label": "Stage", **_REQUIRED},
    "Amount": {"type": "currency", "precision": 18, "scale": 2},
    "Probability": {"type": "percent", "precision": 3, "scale": 0},
    "CloseDate": {"type": "date", **_REQUIRED},
    "Type": {"type": "picklist", "values": ["Existing Business", "New Business"]},
    "LeadSource": {"type": "picklist", "values": _SOURCES},
    "OwnerId": owner("User"),
    "ExternalId__c": _EXTERNAL_ID,
}

_USER: dict[str, FieldSpec] = {
    "Username": {"length": 80, "unique": True, "idLookup": True, **_REQUIRED},
    **_PERSON,
    "Name": {**_COMPOSED_NAME, **READ_ONLY, "label": "Full Name"},
    "Email": {"type": "email", "length": 128, "idLookup": True, **_REQUIRED},
    "Alias": {"length": 8, **_REQUIRED},
    "IsActive": {"type": "boolean", "defaultValue": True},
}

# The org itself; one record, which is nobody's to change.
_ORGANIZATION: dict[str, FieldSpec] = {
    "Name": {"length": 80, "nameField": True, "nillable": False, **READ_ONLY},
    "OrganizationType": {"length": 40, **READ_ONLY},
    "IsSandbox": {"type": "boolean", **READ_ONLY},
    "InstanceName": {"length": 5, **READ_ONLY},
    "NamespacePrefix": {"length": 15, **READ_ONLY},
    "TrialExpirationDate": {"type": "datetime", **READ_ONLY},
    "LanguageLocaleKey": {"length": 40, **READ_ONLY},
    "DefaultLocaleSidKey": {"length": 40, **READ_ONLY},
    "TimeZoneSidKey": {"length": 40, **READ_ONLY},
    "FiscalYearStartMonth": {"type": "int", **READ_ONLY},
}

_TASK: dict[str, FieldSpec] = {
    "WhoId": _reference("Contact", "Lead", relationshipName="Who"),
    "WhatId": _reference("Account", "Opportunity", "Case", relationshipName="What"),
    "Subject": {"type": "combobox", "values": ["Call", "Send Letter", "Other"], "nameField": True},
    "ActivityDate": {"type": "date", "label": "Due Date Only"},
    "Status": {
        "type": "picklist",
        "values": [{"value": "Not Started", "defaultValue": True}, "In Progress", "Completed"],
        "nillable": False,
        "defaultedOnCreate": True,
    },
    "Priority": {"type": "picklist", "values": _PRIORITIES, "nillable": False, "defaultedOnCreate": True},
    "Description": "textarea",
    "OwnerId": owner("User"),
    "ExternalId__c": _EXTERNAL_ID,
}

_EVERYTHING: dict[str, FieldSpec] = {
    "ExternalId__c": _EXTERNAL_ID,
    "Code__c": {**_EXTERNAL_ID, "caseSensitive": True},
    "Text__c": {"type": "string", "length": 255},
    "Long_Text__c": {"type": "textarea", "length": 131072},
    "Email__c": "email",
    "Phone__c": "phone",
    "Url__c": "url",
    "Checkbox__c": "boolean",
    "Integer__c": "int",
    "Double__c": {"type": "double", "precision": 18, "scale": 6},
    "Currency__c": {"type": "currency", "precision": 18, "scale": 2},
    "Percent__c": {"type": "percent", "precision": 5, "scale": 2},
    "Date__c": "date",
    "Datetime__c": "datetime",
    "Time__c": "time",
    "Picklist__c": {"type": "picklist", "values": ["One", "Two", "Three"]},
    "Restricted_Picklist__c": {"type": "picklist", "values": ["One", "Two"], "restrictedPicklist": True},
    "Multipicklist__c": {"type": "multipicklist", "values": ["Red", "Green", "Blue"]},
    "Restricted_Multipicklist__c": {
        "type": "multipicklist",
        "values": ["Red", "Green", "Blue"],
        "restrictedPicklist": True,
    },
    "Combobox__c": {"type": "combobox", "values": ["A", "B"]},
    "Encrypted__c": "encryptedstring",
    "Account__c": _reference("Account"),
    "Related__c": _reference("Contact", "Lead", relationshipName="Related__r"),
    "Parent__c": _reference("Everything__c", relationshipName="Parent__r"),
    "Place__c": {"type": "location", **READ_ONLY},
    "Formula__c": {"type": "double", "calculated": True, **READ_ONLY},
    "Number__c": {"type": "string", "length": 30, "autoNumber": True, "nillable": False, **READ_ONLY},
    "Create_Only__c": {"type": "string", "updateable": False},
}

USER_PREFIX = "005"
_NOT_FOR_CHANGES = dict.fromkeys(("createable", "updateable", "deletable", "undeletable"), False)


def standard_objects() -> list[dict[str, Any]]:
    """Describe answers of the objects that each new org has."""
    short = [
        ("Account", "001", _ACCOUNT),
        ("Contact", "003", _CONTACT),
        ("Lead", "00Q", _LEAD),
        ("Case", "500", _CASE),
        ("Opportunity", "006", _OPPORTUNITY),
        ("User", USER_PREFIX, _USER),
        ("Task", "00T", _TASK),
        ("Everything__c", "a00", _EVERYTHING),
    ]
    answers = [describe_object(name, fields, key_prefix=prefix) for name, prefix, fields in short]
    # Nobody can delete a user.
    answers = [{**answer, "deletable": answer["name"] != "User"} for answer in answers]
    return [*answers, describe_object("Organization", _ORGANIZATION, key_prefix="00D") | _NOT_FOR_CHANGES]


def name_object() -> dict[str, Any]:
    """The describe answer of `Name`: what may be asked of any record behind a reference to several objects.

    There are no such records; nobody queries them or writes any (SOQL notes, 2.2).
    """
    fields: dict[str, FieldSpec] = {
        "Id": {"type": "id", **READ_ONLY, "nillable": False},
        "Name": {"length": 255, "nameField": True, **READ_ONLY},
        "LastName": {"length": 80, **READ_ONLY},
        "FirstName": {"length": 40, **READ_ONLY},
        "Type": {"type": "picklist", "length": 40, **READ_ONLY},
        "Alias": {"length": 8, **READ_ONLY},
        "Title": {"length": 128, **READ_ONLY},
        "Email": {"type": "email", **READ_ONLY},
        "Phone": {"type": "phone", **READ_ONLY},
        "Username": {"length": 80, **READ_ONLY},
    }
    answer = describe_object("Name", {}, key_prefix="")
    described = [describe_field(name, spec) for name, spec in fields.items()]
    closed = dict.fromkeys(("queryable", "retrieveable", "replicateable", "searchable", "layoutable"), False)
    return answer | _NOT_FOR_CHANGES | closed | {"keyPrefix": None, "triggerable": False, "fields": described}
