"""The same SOQL gives the same frame over REST and a query job, to the dtype and the last digit."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sfframe
from tests.examples import scaled

MOMENTS = [dt.datetime(1700, 1, 2), dt.datetime(2024, 2, 29, 23, 59, 59), dt.datetime(3999, 12, 31), None]
TEXTS = ["NA", "null", "007", "1E5", 'say "hi",\nyou', "a\r\nb", "é😀\u2028", None, "x;y", "'", "\\", "true"]
NUMBERS = [
    0.0,
    -0.000001,
    0.0001,
    1e7,
    161478058243.97,
    123456.789,
    0.1,
    None,
    9999999.999,
    1234567890.12,
    100.0,
    3e11,
]


@pytest.fixture(scope="module")
def org(started_local: sfframe.LocalOrg, started_org: sfframe.Org) -> sfframe.Org:
    """Values that tools change, in every type, and some that have parents of two kinds."""
    started_local.reset()
    accounts = pl.DataFrame({"Name": ["Acme", "Beta"], "AnnualRevenue": [16147805824397, None]})
    acme, beta = sfframe.bulk(accounts).insert("Account", org=started_org).successful_results["sf__Id"]
    people = pl.DataFrame({"LastName": ["x", "y"], "AccountId": [acme, None], "Phone": ["007", None]})
    x, _ = sfframe.bulk(people).insert("Contact", org=started_org).successful_results["sf__Id"]
    n = len(TEXTS)
    frame = pl.DataFrame(
        {
            "Text__c": TEXTS,
            "Long_Text__c": [text and text * 3 for text in TEXTS],
            "Phone__c": TEXTS[:4] * 3,
            "Email__c": ["a@b.org", None, "c@d.org"] * 4,
            "Checkbox__c": [True, False, None] * 4,
            "Integer__c": [0, -5, None, 99_999_999] * 3,
            "Double__c": NUMBERS,
            "Currency__c": [None if value is None else round(value, 2) for value in NUMBERS],
            "Percent__c": [0.5, 12.25, None, -100.0] * 3,
            "Date__c": [moment and moment.date() for moment in MOMENTS] * 3,
            "Datetime__c": pl.Series(MOMENTS * 3).dt.replace_time_zone("UTC"),
            "Time__c": [dt.time(0), dt.time(23, 59, 59, 999_000), None] * 4,
            "Picklist__c": ["One", None, "Three"] * 4,
            "Multipicklist__c": ["Red;Blue", None, "Green"] * 4,
            "Account__c": [acme, beta, None] * 4,
            "Related__c": [x, None] * 6,
        }
    )
    made = sfframe.bulk(frame).insert("Everything__c", org=started_org).successful_results
    child = pl.DataFrame({"Parent__c": made["sf__Id"], "Text__c": [f"child {i}" for i in range(n)]})
    assert sfframe.bulk(child).insert("Everything__c", org=started_org)
    return started_org


def same(soql: str, org: sfframe.Org, **options: Any) -> pl.DataFrame:
    rest = sfframe.read_soql(soql, api="rest", org=org, **options)
    bulk = sfframe.read_soql(soql, api="bulk", org=org, **options)
    assert list(rest.schema.items()) == list(bulk.schema.items())
    assert rest.equals(bulk)
    # A sum of all digits, since a float may be equal and still another one: 0.0 and -0.0.
    assert rest.select(pl.col(pl.Float64)).rows().__repr__() == bulk.select(pl.col(pl.Float64)).rows().__repr__()
    assert isinstance(rest, pl.DataFrame)
    return rest


STATEMENTS = [
    "SELECT Id FROM Everything__c",
    "SELECT text__c FROM Everything__c",
    "SELECT Long_Text__c, Text__c FROM Everything__c",
    "SELECT Phone__c, Email__c, Url__c FROM Everything__c",
    "SELECT Checkbox__c FROM Everything__c",
    "SELECT Integer__c, Double__c FROM Everything__c",
    "SELECT DOUBLE__C, currency__c, Percent__c FROM Everything__c",
    "SELECT Date__c FROM Everything__c",
    "SELECT Datetime__c FROM Everything__c",
    "SELECT Time__c FROM Everything__c",
    "SELECT Time__c, Datetime__c, Date__c, Checkbox__c, Integer__c FROM Everything__c",
    "SELECT Picklist__c, Multipicklist__c, Restricted_Picklist__c FROM Everything__c",
    "SELECT Account__c, Related__c, OwnerId FROM Everything__c",
    "SELECT Account__r.Name, Account__r.AnnualRevenue FROM Everything__c",
    "SELECT Parent__r.Double__c, Parent__r.Datetime__c, Parent__r.Time__c FROM Everything__c",
    "SELECT Parent__r.Account__r.Owner.Name, Parent__r.Parent__r.Text__c FROM Everything__c",
    "SELECT Parent__r.Checkbox__c, Parent__r.Integer__c FROM Everything__c",
    "SELECT Related__r.Name, Related__r.Type, Related__r.Phone FROM Everything__c",
    "SELECT Parent__r.Related__r.LastName, Owner.Name, Owner.Type FROM Everything__c",
    "SELECT CreatedDate, SystemModstamp, LastModifiedById, IsDeleted FROM Everything__c",
    "SELECT Name, Number__c, Formula__c FROM Everything__c",
    "SELECT Everything__c.Id, e.text__c, a.Name FROM Everything__c e, e.Account__r a",
    "SELECT toLabel(Picklist__c), toLabel(Multipicklist__c) shown FROM Everything__c",
    "SELECT FORMAT(Double__c), FORMAT(Datetime__c) shown, Datetime__c FROM Everything__c",
    "SELECT convertCurrency(Currency__c), FORMAT(convertCurrency(Currency__c)) shown FROM Everything__c",
    "SELECT Text__c FROM Everything__c WHERE Text__c = 'NA' OR Double__c > 1000000",
    "SELECT Text__c, Double__c FROM Everything__c WHERE Parent__r.Text__c LIKE '%0%'",
    "SELECT Date__c FROM Everything__c WHERE Date__c >= 2000-01-01 AND Checkbox__c = true",
    "SELECT Datetime__c FROM Everything__c WHERE Datetime__c < 2000-01-01T00:00:00Z",
    "SELECT Multipicklist__c FROM Everything__c WHERE Multipicklist__c INCLUDES ('Red', 'Green')",
    "SELECT Text__c FROM Everything__c WHERE Account__c IN (SELECT Id FROM Account WHERE Name = 'Acme')",
    "SELECT Name, Account.Name, Phone, Birthdate, Visits__c FROM Contact",
    "SELECT Id, Double__c FROM Everything__c WHERE Text__c = 'nobody'",
]


@pytest.mark.parametrize("soql", STATEMENTS)
def test_both_transports_give_the_same(org: sfframe.Org, soql: str) -> None:
    found = same(f"{soql} ORDER BY Id", org)
    assert found.is_empty() == ("nobody" in soql)
    condition = f"{'AND' if ' WHERE ' in soql and ' OR ' not in soql else 'WHERE'} Id = null"
    if " OR " not in soql:
        assert same(f"{soql} {condition}", org).schema == found.schema


def test_what_tools_mangle_stays_as_it_is(org: sfframe.Org) -> None:
    found = same("SELECT Text__c, Double__c FROM Everything__c WHERE Parent__c = null ORDER BY Id", org)
    assert found["Text__c"].to_list() == TEXTS
    assert found["Double__c"].to_list() == NUMBERS


def fields(org: sfframe.Org, sobject: str, before: str = "") -> list[str]:
    described = sfframe.run(org.describe(sobject)).fields
    return [f"{before}{field.name}" for field in described if not field.is_compound]


@st.composite
def statements(draw: st.DrawFn, paths: list[str]) -> str:
    """Any selection, each name in a case of its own."""
    chosen = draw(st.lists(st.sampled_from(paths), min_size=1, max_size=12, unique=True))
    written = [draw(st.sampled_from([path, path.upper(), path.lower(), f"e.{path}"])) for path in chosen]
    wanted = draw(st.sampled_from(["", "WHERE Parent__c = null ", "WHERE Double__c != null ", "WHERE Id = null "]))
    limit = draw(st.sampled_from(["", " LIMIT 1", " LIMIT 7"]))
    return f"SELECT {', '.join(written)} FROM Everything__c e {wanted}ORDER BY Id{limit}"


def test_any_selection_is_the_same_over_both(org: sfframe.Org) -> None:
    paths = [
        *fields(org, "Everything__c"),
        *fields(org, "Everything__c", "Parent__r."),
        *fields(org, "Account", "Parent__r.Account__r."),
        *fields(org, "Name", "Related__r."),
    ]

    @settings(max_examples=scaled(15))
    @given(
        soql=statements(paths),
        decimals=st.booleans(),
        multiselect=st.sampled_from(["text", "list"]),
    )
    def check(soql: str, decimals: bool, multiselect: Any) -> None:
        found = same(soql, org, decimals=decimals, multiselect=multiselect)
        names = [name.strip().removeprefix("e.").lower() for name in soql[7 : soql.index(" FROM ")].split(",")]
        assert [name.lower() for name in found.columns] == names

    check()
