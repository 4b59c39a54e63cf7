"""What a SELECT list gives: names as the schema has them, dtypes by describe, before anything is asked of the data."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

import sfframe

TEXT, INT, FLOAT, BOOL, DATE = pl.String(), pl.Int64(), pl.Float64(), pl.Boolean(), pl.Date()
MOMENT = pl.Datetime("us", "UTC")
VISIT = dt.datetime(2024, 2, 29, 12, 30, tzinfo=dt.UTC)


def insert(org: sfframe.Org, sobject: str, rows: Mapping[str, Any]) -> list[str]:
    """The ids of new records."""
    result = sfframe.bulk(pl.DataFrame(rows)).insert(sobject, org=org)
    assert result
    return result.successful_results["sf__Id"].to_list()


@pytest.fixture(scope="module")
def org(started_local: sfframe.LocalOrg, started_org: sfframe.Org) -> sfframe.Org:
    """Two accounts, contacts with and without one, opportunities, and tasks about an account, a case and nothing."""
    started_local.reset()
    org = started_org
    acme, beta = insert(
        org, "Account",
        {"Name": ["Acme", "Beta"], "Phone": ["1", None], "Industry": ["Banking", None],
         "AnnualRevenue": [16147805, None], "NumberOfEmployees": [5, None], "BillingCity": ["Rome", None]},
    )  # fmt: skip
    x, _, _ = insert(
        org, "Contact",
        {"LastName": ["x", "y", "z"], "AccountId": [acme, acme, None], "LastVisit__c": [VISIT, VISIT, None],
         "Languages__c": ["English;French", None, "German"], "Score__c": [1.5, None, 1e7],
         "MailingCity": ["Rome", None, None], "DoNotCall": [True, None, False]},
    )  # fmt: skip
    insert(
        org, "Opportunity",
        {"Name": ["o", "p"], "StageName": ["Closed Won"] * 2, "CloseDate": [VISIT.date()] * 2,
         "Amount": ["16147805.25", "0.01"], "AccountId": [acme, beta], "Probability": [10, 20]},
    )  # fmt: skip
    (case,) = insert(org, "Case", {"Subject": ["c"], "ContactId": [x]})
    insert(org, "Task", {"Subject": ["t", "u", "v"], "WhatId": [acme, case, None], "WhoId": [x, None, None]})
    return org


ACCOUNTS = pl.List(pl.Struct({"LastName": TEXT, "Score__c": FLOAT, "Account.Name": TEXT}))
PLACE = {"city", "country", "countryCode", "geocodeAccuracy", "latitude", "longitude", "postalCode", "state",
         "stateCode", "street"}  # fmt: skip

STATEMENTS: list[tuple[str, dict[str, pl.DataType], list[tuple[Any, ...]]]] = [
    (
        "SELECT LASTNAME, account.ANNUALREVENUE, lastvisit__c, languages__c, score__c, DONOTCALL FROM contact",
        {"LastName": TEXT, "Account.AnnualRevenue": FLOAT, "LastVisit__c": MOMENT, "Languages__c": TEXT,
         "Score__c": FLOAT, "DoNotCall": BOOL},
        [("x", 16147805.0, VISIT, "English;French", 1.5, True), ("y", 16147805.0, VISIT, None, None, False),
         ("z", None, None, "German", 1e7, False)],
    ),
    (
        "SELECT c.lastname, Contact.FirstName, a.Name, a.Owner.Name FROM Contact c, c.Account a WHERE c.LastName = 'x'",
        {"LastName": TEXT, "FirstName": TEXT, "Account.Name": TEXT, "Account.Owner.Name": TEXT},
        [("x", None, "Acme", "Integration User")],
    ),
    ("SELECT COUNT() FROM Contact WHERE LastName = 'x'", {"count": INT}, [(1,)]),
    (
        "SELECT COUNT(Id), MAX(LastVisit__c) m, SUM(Score__c), AVG(Score__c), MIN(LastName), COUNT_DISTINCT(AccountId) "
        "FROM Contact",
        {"expr0": INT, "m": MOMENT, "expr1": FLOAT, "expr2": FLOAT, "expr3": TEXT, "expr4": INT},
        [(3, VISIT, 10000001.5, 5000000.75, "x", 1)],
    ),
    ("SELECT SUM(NumberOfEmployees), AVG(NumberOfEmployees) a FROM Account", {"expr0": INT, "a": FLOAT}, [(5, 5.0)]),
    (
        "SELECT MIN(CloseDate), MAX(Amount) FROM Opportunity",
        {"expr0": DATE, "expr1": FLOAT},
        [(VISIT.date(), 16147805.25)],
    ),
    (
        "SELECT Account.Name, COUNT(Id) n FROM Contact GROUP BY Account.Name",
        {"Account.Name": TEXT, "n": INT},
        [(None, 1), ("Acme", 2)],
    ),
    (
        "SELECT Account.Name a, Owner.Name o, COUNT(Id) FROM Contact GROUP BY Account.Name, Owner.Name",
        {"a": TEXT, "o": TEXT, "expr0": INT},
        [(None, "Integration User", 1), ("Acme", "Integration User", 2)],
    ),
    (
        "SELECT CALENDAR_YEAR(LastVisit__c), DAY_ONLY(LastVisit__c) d, HOUR_IN_DAY(convertTimezone(LastVisit__c)), "
        "COUNT(Id) FROM Contact WHERE LastVisit__c != null "
        "GROUP BY CALENDAR_YEAR(LastVisit__c), DAY_ONLY(LastVisit__c), HOUR_IN_DAY(convertTimezone(LastVisit__c))",
        {"expr0": INT, "d": DATE, "expr1": INT, "expr2": INT},
        [(2024, VISIT.date(), 12, 2)],
    ),
    (
        "SELECT Industry, GROUPING(Industry) g, COUNT(Id) FROM Account WHERE Name = 'Acme' GROUP BY ROLLUP(Industry)",
        {"Industry": TEXT, "g": INT, "expr0": INT},
        [(None, 1, 1), ("Banking", 0, 1)],
    ),
    (
        "SELECT toLabel(Account.Industry) label, Account.Industry, FORMAT(Score__c), toLabel(Languages__c) "
        "FROM Contact WHERE LastName = 'x'",
        {"label": TEXT, "Account.Industry": TEXT, "Score__c": TEXT, "Languages__c": TEXT},
        [("Banking", "Banking", "1.50", "English;French")],
    ),
    (
        "SELECT FORMAT(MAX(Amount)) x, FORMAT(MAX(Amount)), SUM(Amount) FROM Opportunity",
        {"x": TEXT, "expr0": TEXT, "expr1": FLOAT},
        [("$16,147,805.25", "$16,147,805.25", 16147805.26)],
    ),
    (
        "SELECT convertCurrency(Amount), FORMAT(convertCurrency(Amount)) f FROM Opportunity WHERE Amount < 1",
        {"Amount": FLOAT, "f": TEXT},
        [(0.01, "$0.01")],
    ),
    (
        "SELECT Name, (SELECT LastName, Score__c, c.Account.Name FROM contacts c ORDER BY LastName) FROM Account",
        {"Name": TEXT, "Contacts": ACCOUNTS},
        [("Acme", [{"LastName": "x", "Score__c": 1.5, "Account.Name": "Acme"},
                   {"LastName": "y", "Score__c": None, "Account.Name": "Acme"}]),
         ("Beta", [])],
    ),
    (
        "SELECT Subject, TYPEOF What WHEN account THEN phone, NumberOfEmployees WHEN Case THEN Subject, IsDeleted "
        "ELSE Name END FROM Task",
        {"Subject": TEXT, "What.Phone": TEXT, "What.NumberOfEmployees": INT, "What.Subject": TEXT,
         "What.IsDeleted": BOOL, "What.Name": TEXT},
        [("t", "1", 5, None, None, None), ("u", None, None, "c", False, None), ("v", None, None, None, None, None)],
    ),
    (
        "SELECT TYPEOF What WHEN Account THEN Description WHEN Opportunity THEN Description END, "
        "TYPEOF Who WHEN Contact THEN CreatedDate ELSE Id END FROM Task WHERE Subject = 'v'",
        {"What.Description": TEXT, "Who.CreatedDate": MOMENT, "Who.Id": TEXT},
        [(None, None, None)],
    ),
    (
        "SELECT Subject, What.Name, What.type, Who.LastName, Owner.Name FROM Task WHERE What.Type = 'Account'",
        {"Subject": TEXT, "What.Name": TEXT, "What.Type": TEXT, "Who.LastName": TEXT, "Owner.Name": TEXT},
        [("t", "Acme", "Account", "x", "Integration User")],
    ),
    (
        "SELECT Contact.Account.Owner.Name, Contact.ReportsTo.ReportsTo.ReportsTo.ReportsTo.LastName FROM Case",
        {"Contact.Account.Owner.Name": TEXT, "Contact.ReportsTo.ReportsTo.ReportsTo.ReportsTo.LastName": TEXT},
        [("Integration User", None)],
    ),
    (
        "SELECT Parent__r.Parent__r.Account__r.AnnualRevenue, related__r.name FROM Everything__c",
        {"Parent__r.Parent__r.Account__r.AnnualRevenue": FLOAT, "Related__r.Name": TEXT},
        [],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("soql", "schema", "rows"), STATEMENTS, ids=[soql[:60] for soql, _, _ in STATEMENTS])
def test_names_dtypes_and_values(
    org: sfframe.Org, soql: str, schema: dict[str, pl.DataType], rows: list[tuple[Any, ...]]
) -> None:
    found = sfframe.read_soql(soql, org=org)
    assert list(found.schema.items()) == list(schema.items())
    assert sorted(found.rows(), key=repr) == sorted(rows, key=repr)


NOT_WITHOUT_ROWS = ("COUNT()", "MAX(", "SUM(", "MIN(", "ROLLUP")
EMPTY = [(soql, schema) for soql, schema, _ in STATEMENTS if not any(word in soql for word in NOT_WITHOUT_ROWS)]


@pytest.mark.parametrize(("soql", "schema"), EMPTY, ids=[soql[:60] for soql, _ in EMPTY])
def test_an_empty_result_has_the_same_schema(org: sfframe.Org, soql: str, schema: dict[str, pl.DataType]) -> None:
    head, grouped, tail = soql.partition(" GROUP BY ")
    condition = f"{'AND' if ' WHERE ' in head else 'WHERE'} CreatedDate = TOMORROW"
    found = sfframe.read_soql(f"{head} {condition}{grouped}{tail}", org=org)
    assert found.is_empty()
    assert list(found.schema.items()) == list(schema.items())


def test_decimals_and_lists_where_they_are_wished_for(org: sfframe.Org) -> None:
    soql = "SELECT SUM(Amount), MAX(Amount) m, AVG(Amount), MIN(Probability) FROM Opportunity"
    found = sfframe.read_soql(soql, org=org, decimals=True)
    assert found.schema == {
        "expr0": pl.Decimal(38, 2), "m": pl.Decimal(38, 2), "expr1": FLOAT, "expr2": pl.Decimal(38, 0),
    }  # fmt: skip
    assert found.row(0) == (Decimal("16147805.26"), Decimal("16147805.25"), 8073902.63, Decimal(10))
    soql = "SELECT Languages__c, toLabel(Languages__c) shown, Account.AnnualRevenue FROM Contact ORDER BY LastName"
    listed = sfframe.read_soql(soql, org=org, decimals=True, multiselect="list")
    assert listed["Languages__c"].to_list() == [["English", "French"], None, ["German"]]
    assert listed["shown"].equals(listed["Languages__c"].rename("shown"))
    assert listed["Account.AnnualRevenue"].to_list() == [Decimal(16147805), Decimal(16147805), None]


@pytest.mark.parametrize("kind", ["ALL", "standard", "Custom"])
@pytest.mark.parametrize("sobject", ["Account", "Contact", "Everything__c"])
def test_all_fields_of_a_kind(org: sfframe.Org, kind: str, sobject: str) -> None:
    found = sfframe.read_soql(f"SELECT FIELDS({kind}) FROM {sobject} LIMIT 200", org=org)
    described = sfframe.run(org.describe(sobject)).fields
    wanted = {"ALL": (True, False), "STANDARD": (False,), "CUSTOM": (True,)}[kind.upper()]
    assert found.columns == [field.name for field in described if field.custom in wanted]


def test_addresses_are_structs(org: sfframe.Org) -> None:
    found = sfframe.read_soql("SELECT MailingAddress, Account.BillingAddress FROM Contact ORDER BY LastName", org=org)
    for name, cities in (("MailingAddress", ["Rome", None, None]), ("Account.BillingAddress", ["Rome", "Rome", None])):
        assert found[name].struct.field("city").to_list() == cities
        assert set(found[name].struct.fields) == PLACE
    assert found["MailingAddress"].null_count() == 2


def test_a_blob_is_null_in_the_local_org(started_local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    started_local.define("Paper__c", {"Body__c": "base64", "Title__c": "string"})
    insert(org, "Paper__c", {"Title__c": ["t"]})
    assert sfframe.read_soql("SELECT Body__c, Title__c FROM Paper__c", org=org).rows() == [(None, "t")]
    assert "Body__c" in sfframe.read_soql("SELECT FIELDS(ALL) FROM Paper__c LIMIT 1", org=org).columns


@pytest.mark.parametrize(
    ("soql", "message"),
    [
        ("SELECT LastNam FROM Contact", "Contact has no field 'LastNam' that you may see. Did you mean 'LastName'"),
        ("SELECT Account.Nmae FROM Contact", "Account has no field 'Nmae' that you may see. Did you mean 'Name'"),
        ("SELECT Acount.Name FROM Contact", "no relationship 'Acount' that you may see. Did you mean 'Account'"),
        ("SELECT AccountId.Name FROM Contact", "no relationship 'AccountId' that you may see. Did you mean 'Account'"),
        ("SELECT Parent__c.Name FROM Everything__c", "Did you mean 'Parent__r'"),
        ("SELECT What.Industry FROM Task", "Name has no field 'Industry'.*TYPEOF gives others"),
        ("SELECT (SELECT Id FROM Contact) FROM Account", "no child relationship 'Contact'.*Did you mean 'Contacts'"),
        ("SELECT (SELECT Nmae FROM Contacts) FROM Account", "Contact has no field 'Nmae'"),
        ("SELECT TYPEOF What WHEN Lead THEN Phone END FROM Task", "never of type 'Lead': it is Account, Opportunity"),
        ("SELECT TYPEOF What WHEN Account THEN Phon END FROM Task", "Did you mean 'Phone'"),
        ("SELECT MAX(Scor__c) FROM Contact", "Did you mean 'Score__c'"),
        ("SELECT toLabel(Stats) FROM Case", "Did you mean 'Status'"),
        ("SELECT FIELDS(NONE) FROM Contact", "FIELDS takes one of ALL, CUSTOM, STANDARD"),
        ("SELECT Id, ID FROM Contact", "Id is selected twice"),
        ("SELECT Id, Contact.Id FROM Contact", "Id is selected twice"),
        ("SELECT Id, FIELDS(STANDARD) FROM Contact", "Id is selected twice"),
        ("SELECT Score__c, FORMAT(Score__c) FROM Contact", "Score__c is selected twice.*alias"),
        ("SELECT COUNT(Id) n, MAX(Id) N FROM Contact", "N is selected twice"),
        ("SELECT COUNT(Id), MAX(Id) expr0 FROM Contact", "expr0 is selected twice"),
        ("SELECT (SELECT Id, id FROM Contacts) FROM Account", "Id is selected twice"),
        (
            "SELECT Account.Name, Owner.Name FROM Contact GROUP BY Account.Name, Owner.Name",
            "Account.Name and Owner.Name both come as 'Name' in a grouped answer: give them aliases",
        ),
    ],
)
def test_what_cannot_be_selected_is_refused_before_anything_is_asked(
    started_local: sfframe.LocalOrg, org: sfframe.Org, soql: str, message: str
) -> None:
    before = started_local.count("rest"), started_local.count("query_create")
    with pytest.raises(sfframe.SoqlError, match=message):
        sfframe.read_soql(soql, org=org)
    assert (started_local.count("rest"), started_local.count("query_create")) == before


def test_an_object_that_is_not_there(org: sfframe.Org) -> None:
    with pytest.raises(sfframe.ApiError, match="no object 'Kontakt'"):
        sfframe.read_soql("SELECT Id FROM Kontakt", org=org)
