"""Objects and fields as frames."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest

import sfframe
from sfframe.query.objects import close_names
from sfframe.testing import Fault


def test_every_object_of_the_org_has_a_row(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    local.define("Invoice__c", {"Total__c": "currency"})
    objects = sfframe.list_sobjects(org=org)
    contact = objects.row(by_predicate=pl.col("name") == "Contact", named=True)
    expected = {"label": "Contact", "label_plural": "Contacts", "custom": False, "key_prefix": "003", "queryable": True}
    assert contact.items() >= expected.items()
    assert objects.filter(custom=True, name="Invoice__c").height == 1
    assert not objects.filter(name="User")["deletable"].item()
    assert objects["name"].is_duplicated().sum() == 0
    assert set(objects.drop("name", "label", "label_plural", "key_prefix").dtypes) == {pl.Boolean}


def test_every_field_of_an_object_has_a_row_in_the_orgs_order(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    fields = sfframe.describe_sobject("contact", org=org)
    assert fields["name"].to_list() == [one["name"] for one in local.describe("Contact")["fields"]]
    by_name = {row["name"]: row for row in fields.iter_rows(named=True)}
    assert by_name["AccountId"]["reference_to"] == ["Account"]
    assert by_name["AccountId"]["relationship_name"] == "Account"
    assert by_name["Level__c"]["picklist_values"] == ["Bronze", "Silver", "Gold"]
    assert by_name["Score__c"].items() >= {"type": "double", "precision": 18, "scale": 2, "custom": True}.items()
    assert by_name["ExternalId__c"].items() >= {"external_id": True, "unique": True, "length": 255}.items()
    assert by_name["Id"].items() >= {"createable": False, "nillable": False, "filterable": True}.items()


def test_only_active_picklist_values_are_listed(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    values = ["New", {"value": "Old", "active": False}]
    local.define("Ticket__c", {"State__c": {"type": "picklist", "values": values}})
    org.forget_describes()
    fields = sfframe.describe_sobject("Ticket__c", org=org)
    assert fields.filter(name="State__c")["picklist_values"].to_list() == [["New"]]


def test_dtypes_do_not_depend_on_what_is_there(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    local.define("Bare__c", {})
    bare, contact = sfframe.describe_sobject("Bare__c", org=org), sfframe.describe_sobject("Contact", org=org)
    assert bare.schema == contact.schema
    assert bare.schema["reference_to"] == bare.schema["picklist_values"] == pl.List(pl.String)
    assert bare["picklist_values"].null_count() == 0


def test_frames_are_those_of_the_backend(org: sfframe.Org) -> None:
    table = sfframe.list_sobjects(backend="pyarrow", org=org)
    assert table["name"].to_pylist() == sfframe.list_sobjects(backend="pandas", org=org)["name"].to_list()
    described = sfframe.describe_sobject("Contact", backend="pandas", org=org)
    assert list(described.set_index("name").loc["AccountId", "reference_to"]) == ["Account"]


def test_the_async_twins_give_the_same(org: sfframe.Org) -> None:
    assert sfframe.run(sfframe.list_sobjects_async(org=org)).equals(sfframe.list_sobjects(org=org))
    fields = sfframe.run(sfframe.describe_sobject_async("Contact", org=org))
    assert fields.equals(sfframe.describe_sobject("Contact", org=org))


@pytest.mark.parametrize("name", ["Contacts", "Contact__c", "Kontact", "contcat"])
def test_an_unknown_object_brings_those_that_are_close(name: str, org: sfframe.Org) -> None:
    with pytest.raises(sfframe.ApiError, match=f"404 .*no object '{name}' that this user may see; did you mean 'Cont"):
        sfframe.describe_sobject(name, org=org)


ROWS = pl.DataFrame({"LastName": ["Ng"]})
MISSPELT: dict[str, Callable[[sfframe.Org], object]] = {
    "insert": lambda org: sfframe.bulk(ROWS).insert("Contacts", org=org),
    "insert without describe": lambda org: sfframe.bulk(ROWS).insert("Contacts", org=org, describe=False),
    "lookup": lambda org: sfframe.bulk(ROWS).lookup("Contacts", "LastName", ["Id"], org=org),
    "read over REST": lambda org: sfframe.read_soql("SELECT Id FROM Contacts", org=org, api="rest"),
    "read by a query job": lambda org: sfframe.read_soql("SELECT Id FROM Contacts", org=org, api="bulk"),
    "count": lambda org: sfframe.read_soql("SELECT COUNT() FROM Contacts", org=org),
    "explain": lambda org: sfframe.explain_soql("SELECT Id FROM Contacts", org=org),
    "changes": lambda org: sfframe.read_changes("Contacts", ["Id"], org=org),
}


@pytest.mark.parametrize("way", MISSPELT)
def test_a_misspelt_object_is_answered_with_those_that_may_have_been_meant(way: str, org: sfframe.Org) -> None:
    with pytest.raises(sfframe.ApiError, match=r"Contacts.*; did you mean 'Contact'"):
        MISSPELT[way](org)


def test_a_scan_of_a_misspelt_object_has_the_same_text_in_polars_own_error(org: sfframe.Org) -> None:
    with pytest.raises(pl.exceptions.ComputeError, match=r"no object 'Contacts' .*; did you mean 'Contact'"):
        sfframe.scan_sobject("Contacts", org=org).collect()


def test_a_list_of_objects_that_cannot_be_had_leaves_the_error_as_it_was(
    org: sfframe.Org, local: sfframe.LocalOrg
) -> None:
    local.faults.append(Fault("any", "status", match=r"/sobjects(?!/)", status=403))
    with pytest.raises(sfframe.ApiError, match=r"404 .*no object 'Contacts' that this user may see$"):
        sfframe.describe_sobject("Contacts", org=org)
    assert local.faults_met == 1


def test_what_is_close_to_nothing_brings_no_guess(org: sfframe.Org) -> None:
    with pytest.raises(sfframe.ApiError, match=r"may see$"):
        sfframe.describe_sobject("Xyzzy__c", org=org)
    with pytest.raises(TypeError, match="named by text"):
        sfframe.describe_sobject(7, org=org)  # type: ignore[arg-type]  # on purpose


def test_labels_count_when_a_name_is_looked_for() -> None:
    known: list[dict[str, str | None]] = [
        {"name": "Inv__c", "label": "Invoice", "labelPlural": "Invoices"},
        {"name": "Lead", "label": None},
    ]
    assert close_names("invoices", known) == ("Inv__c",)


def test_another_library_that_does_not_exist_is_told_before_the_org_is_asked(org: sfframe.Org) -> None:
    before = org.requests_made
    with pytest.raises(ValueError, match="'excel'"):
        sfframe.list_sobjects(backend="excel", org=org)  # type: ignore[arg-type]  # on purpose
    assert org.requests_made == before
