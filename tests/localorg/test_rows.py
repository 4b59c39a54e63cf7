"""What becomes of each row (wire notes, 4.3 to 4.7, 5.2)."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from sfframe.localorg import Server
from sfframe.localorg.ingest import worker
from sfframe.localorg.objects.ids import make_id
from sfframe.localorg.saving.counter import FIRST

from .client import Client


def everything(client: Client, field: str, text: str) -> tuple[Any, str | None]:
    """The value that is kept for a cell, or the error of its row."""
    client.server.reset()
    quoted = '"' + text.replace('"', '""') + '"'
    done = client.load(f'"Text__c","{field}"\n"x",{quoted}\n', sobject="Everything__c")
    if done.errors:
        return None, done.errors[0]
    return client.records("Everything__c")[0][field], None


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("Checkbox__c", "TRUE", True),
        ("Checkbox__c", "0", False),
        ("Checkbox__c", "", False),
        ("Integer__c", "007", 7),
        ("Integer__c", "-12", -12),
        ("Double__c", "1E3", 1000.0),
        ("Double__c", ".5", 0.5),
        ("Double__c", "0.12345678", 0.123457),
        ("Currency__c", "9999999999999999.99", 9999999999999999.99),
        ("Currency__c", "-22.7631", -22.76),
        ("Date__c", "1940-06-07Z", dt.date(1940, 6, 7)),
        ("Datetime__c", "2026-01-02T03:04:05Z", dt.datetime(2026, 1, 2, 3, 4, 5)),
        ("Datetime__c", "2026-01-02T03:04:05.999+01:00", dt.datetime(2026, 1, 2, 2, 4, 5)),
        ("Datetime__c", "2026-01-02T03:04:05-0130", dt.datetime(2026, 1, 2, 4, 34, 5)),
        ("Time__c", "08:00:00.120Z", dt.time(8, 0, 0, 120_000)),
        ("Text__c", "", None),
        ("Email__c", "o'neil+tag@sub.example.com", "o'neil+tag@sub.example.com"),
        ("Picklist__c", "no such value", "no such value"),
        ("Restricted_Picklist__c", "Two", "Two"),
        ("Restricted_Multipicklist__c", "Red;Blue", "Red;Blue"),
        ("Multipicklist__c", "Red;Other", "Red;Other"),
        ("Long_Text__c", "\r\n a\n\tb\u2028c \x0b", "a\n\tb\u2028c"),
        ("Long_Text__c", "\u00a0a\u3000", "\u00a0a\u3000"),
        ("Long_Text__c", " \t\n ", None),
        ("Phone__c", "#N/A", None),
        ("Phone__c", "null", "null"),
    ],
)
def test_4_4_values_are_read_by_type(client: Client, field: str, text: str, value: Any) -> None:
    if field == "Text__c":
        field = "Long_Text__c"
    assert everything(client, field, text) == (value, None)


@pytest.mark.parametrize(
    ("field", "text", "xsd"),
    [
        ("Checkbox__c", "yes", "boolean"),
        ("Integer__c", "1.0", "int"),
        ("Integer__c", "2147483648", "int"),
        ("Double__c", "1,5", "double"),
        ("Double__c", "1_000", "double"),
        ("Double__c", "NaN", "double"),
        ("Double__c", "1e999", "double"),
        ("Double__c", " 1", "double"),
        ("Date__c", "2026-02-30", "date"),
        ("Date__c", "2026-01-02T03:04:05Z", "date"),
        ("Datetime__c", "2018-09-28", "dateTime"),
        ("Datetime__c", "2026-01-02T03:04:05", "dateTime"),
        ("Datetime__c", "2026-01-02 03:04:05Z", "dateTime"),
        ("Time__c", "24:00:00Z", "time"),
        ("Time__c", "null", "time"),
    ],
)
def test_4_4_text_of_the_wrong_kind_fails_its_row(client: Client, field: str, text: str, xsd: str) -> None:
    expected = (
        f"INVALID_FIELD:Failed to deserialize field at col 1. Due to, '{text}' is not a valid value for the type"
        f" xsd:{xsd}:{field} --"
    )
    assert everything(client, field, text) == (None, expected)


LONG = "x" * 256
FOREIGN = "INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:--"


@pytest.mark.parametrize(
    ("field", "text", "error"),
    [
        ("Url__c", LONG, f"STRING_TOO_LONG:Url: data value too large: {LONG} (max length=255):Url__c --"),
        ("Email__c", "a@b", "INVALID_EMAIL_ADDRESS:Email: invalid email address: a@b:Email__c --"),
        (
            "Restricted_Picklist__c",
            "Tin",
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST:bad value for restricted picklist field:"
            " Tin:Restricted_Picklist__c --",
        ),
        (
            "Restricted_Multipicklist__c",
            "Red;Tin;Lead",
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST:bad value for restricted picklist field:"
            " Tin:Restricted_Multipicklist__c --",
        ),
        (
            "Percent__c",
            "1000",
            "NUMBER_OUTSIDE_VALID_RANGE:Percent: value outside of valid range on numeric field: 1000.0:Percent__c --",
        ),
        ("Account__c", "0015e0000000000AAA", FOREIGN),
        (
            "Account__c",
            "0035e0000000000",
            "MALFORMED_ID:Account: id value of incorrect type: 0035e0000000000AAA:Account__c --",
        ),
        ("Account__c", "nonsense", "MALFORMED_ID:Account: id value of incorrect type: nonsense:Account__c --"),
        ("Checkbox__c", "#N/A", "REQUIRED_FIELD_MISSING:Required fields are missing: [Checkbox__c]:Checkbox__c --"),
        (
            "Formula__c",
            "1",
            "INVALID_FIELD_FOR_INSERT_UPDATE:Unable to create/update fields: Formula__c."
            " Please check the security settings of this field and verify that it is read/write for your profile"
            " or permission set.:Formula__c --",
        ),
    ],
)
def test_5_2_values_that_break_a_rule_of_their_field(client: Client, field: str, text: str, error: str) -> None:
    assert everything(client, field, text) == (None, error)


def test_4_2_length_counts_utf16_units(client: Client) -> None:
    assert everything(client, "Phone__c", "🦆" * 20)[1] is None
    assert (everything(client, "Phone__c", "🦆" * 20 + "x")[1] or "").startswith("STRING_TOO_LONG")
    assert everything(client, "Phone__c", "é" * 40)[1] is None


def test_5_2_all_missing_fields_are_named(client: Client) -> None:
    done = client.load("StageName,CloseDate\n,\n", sobject="Opportunity")
    names = "Name, StageName, CloseDate"
    assert done.errors == [f"REQUIRED_FIELD_MISSING:Required fields are missing: [{names}]:{names} --"]


def test_insert_stamps_owner_defaults_and_composed_names(client: Client) -> None:
    done = client.load("FirstName,LastName\nAda,Lovelace\n")
    (contact,), (user,) = client.records(), client.records("User")
    assert contact["Id"] == done.ids[0]
    assert contact["Name"] == "Ada Lovelace"
    assert contact["OwnerId"] == contact["CreatedById"] == user["Id"]
    assert contact["CreatedDate"] == contact["SystemModstamp"] == contact["LastModifiedDate"]
    assert (contact["DoNotCall"], contact["IsDeleted"]) == (False, False)
    client.load("LastName,Company\nx,y\n", sobject="Lead")
    client.load("Subject,Status\na,\nb,#N/A\n", sobject="Case")
    assert client.records("Lead")[0]["Status"] == "Open - Not Contacted"
    assert [case["Status"] for case in client.records("Case")] == ["New", None]
    assert len({case["CaseNumber"] for case in client.records("Case")}) == 2


def test_4_7_an_id_is_refused_on_insert(client: Client) -> None:
    done = client.load("Id,LastName\n0035e0000000000AAA,x\n,y\n")
    assert done.errors == ["INVALID_FIELD_FOR_INSERT_UPDATE:cannot specify Id in an insert call:Id --"]
    assert len(done.ids) == 1


def test_4_3_empty_leaves_alone_and_the_mark_clears(client: Client) -> None:
    (record_id,) = client.load("LastName,Email,Score__c\nNg,ng@example.com,1\n").ids
    done = client.load(f"Id,LastName,Email,Score__c\n{record_id[:15]},,#N/A,\n", "update")
    assert done.errors == []
    assert done.successful[0]["sf__Created"] == "false"
    (contact,) = client.records()
    assert (contact["LastName"], contact["Email"], contact["Score__c"]) == ("Ng", None, 1.0)
    done = client.load(f"Id,LastName\n{record_id},#N/A\n", "update")
    assert done.errors == ["REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --"]


def test_update_composes_names_anew(client: Client) -> None:
    (record_id,) = client.load("FirstName,LastName\nAda,Byron\n").ids
    client.load(f"Id,LastName\n{record_id},Lovelace\n", "update")
    assert client.records()[0]["Name"] == "Ada Lovelace"


def test_5_2_ids_that_name_nothing(client: Client) -> None:
    (gone,) = client.load("LastName\nx\n").ids
    client.load(f"Id\n{gone}\n", "delete")
    done = client.load(f"Id,LastName\n{gone},a\n,b\n0035e00000zzzzzAAA,c\n0015e0000000000AAA,d\nabc,e\n", "update")
    assert done.errors == [
        "ENTITY_IS_DELETED:entity is deleted:--",
        FOREIGN,
        "MALFORMED_ID:Id: id value of incorrect type: 0015e0000000000AAA:Id --",
        "MALFORMED_ID:Id: id value of incorrect type: abc:Id --",
        "MISSING_ARGUMENT:Id not specified in an update call:--",
    ]


def test_4_7_delete_marks_and_hard_delete_removes(client: Client) -> None:
    first, second = client.load("LastName\nx\ny\n").ids
    assert len(client.load(f"Id\n{first}\n{first}\n", "delete").errors) == 1
    assert {record["Id"]: record["IsDeleted"] for record in client.records()} == {first: True, second: False}
    assert client.load(f"Id\n{first}\n{second}\n", "hardDelete").errors == []
    assert client.records() == []


def test_4_7_upsert_inserts_updates_and_compares_without_case(client: Client) -> None:
    assert client.upsert("ExternalId__c,LastName\nk1,a\n").successful[0]["sf__Created"] == "true"
    done = client.upsert("ExternalId__c,LastName,Email\nK1,,new@example.com\nk2,b,\n,c,\n")
    assert sorted(row["sf__Created"] for row in done.successful) == ["false", "true"]
    assert done.errors == ["MISSING_ARGUMENT:ExternalId__c not specified:--"]
    assert sorted(record["LastName"] for record in client.records()) == ["a", "b"]


def test_4_7_a_case_sensitive_key_tells_case(client: Client) -> None:
    done = client.upsert("Code__c\nk\nK\n", "Everything__c", "Code__c")
    assert len(done.ids) == 2


def test_4_7_upsert_by_id(client: Client) -> None:
    (record_id,) = client.load("LastName\nx\n").ids
    done = client.upsert(f"Id,LastName\n{record_id},y\n,z\n", key="Id")
    assert sorted(row["sf__Created"] for row in done.successful) == ["false", "true"]
    assert sorted(record["LastName"] for record in client.records()) == ["y", "z"]


def test_5_2_a_key_twice_in_one_chunk_fails_all_its_rows(client: Client) -> None:
    done = client.upsert("ExternalId__c,LastName\nk1,a\nK1,b\nk2,c\n")
    assert done.errors == [
        f"DUPLICATE_VALUE:Duplicate external id specified: {key}:ExternalId__c --" for key in ("K1", "k1")
    ]
    assert len(done.ids) == 1


def test_13_a_key_in_two_chunks_updates_twice(client: Client) -> None:
    rows = [f"k{number},n{number}" for number in range(401)]
    rows[0], rows[200], rows[400] = "k0,first", "k0,", "K0,last"
    done = client.upsert("ExternalId__c,LastName\n" + "\n".join(rows) + "\n")
    assert done.errors == []
    created = [row["sf__Created"] for row in done.successful if row["ExternalId__c"].lower() == "k0"]
    assert sorted(created) == ["false", "false", "true"]
    assert len({row["sf__Id"] for row in done.successful}) == len(client.records()) == 399
    assert "last" in [record["LastName"] for record in client.records()]


def test_5_2_a_key_that_the_org_holds_twice(client: Client) -> None:
    ids = client.load("LastName,Email\na,a@example.com\nb,a@example.com\n").ids
    done = client.upsert("Email,LastName\na@example.com,c\n", key="Email")
    assert done.errors == [
        f"DUPLICATE_EXTERNAL_ID:Email: more than one record found for external id field: [{', '.join(sorted(ids))}]:--"
    ]


def test_5_2_unique_fields(client: Client) -> None:
    (first,) = client.load("LastName,ExternalId__c\na,k1\n").ids
    done = client.load("LastName,ExternalId__c\nb,K1\nc,k2\nd,k2\ne,\nf,\n")
    text = "DUPLICATE_VALUE:duplicate value found: ExternalId__c duplicates value on record with id:"
    assert done.errors == [f"{text} {first}:--", f"{text} <unknown>:--"]
    client.load(f"Id\n{first}\n", "delete")
    assert client.load("LastName,ExternalId__c\ng,k1\n").errors == []


def test_4_6_lookups_by_external_id(client: Client) -> None:
    (account,) = client.load("Name,ExternalId__c\nAcme,A1\n", sobject="Account").ids
    done = client.load("LastName,Account.ExternalId__c\na,a1\nb,a2\nc,\n")
    assert done.errors == [
        "INVALID_FIELD:Foreign key external ID: a2 not found for field ExternalId__c in entity Account:--"
    ]
    assert {record["LastName"]: record["AccountId"] for record in client.records()} == {"a": account, "c": None}


def test_4_6_polymorphic_lookups_name_the_type(client: Client) -> None:
    username = client.server.username
    done = client.load(f"Subject,User:Owner.Username\nhelp,{username.upper()}\n", sobject="Case")
    assert done.errors == []
    (contact,) = client.load("LastName,ExternalId__c\na,k\n").ids
    assert client.load("Subject,Contact:Who.ExternalId__c\nCall,k\n", sobject="Task").errors == []
    assert client.records("Task")[0]["WhoId"] == contact


def test_4_6_lookups_by_id(client: Client) -> None:
    (account,) = client.load("Name\nAcme\n", sobject="Account").ids
    (contact,) = client.load("LastName\na\n").ids
    done = client.load(f"LastName,AccountId\nx,{account[:15]}\ny,{contact}\n")
    assert done.errors == [f"MALFORMED_ID:Account ID: id value of incorrect type: {contact}:AccountId --"]
    assert client.load(f"Related__c\n{contact}\n", sobject="Everything__c").errors == []
    client.load(f"Id\n{account}\n", "delete", "Account")
    assert client.load(f"LastName,AccountId\nz,{account}\n").errors == [FOREIGN]


def test_4_5_fields_that_are_only_createable(client: Client) -> None:
    (record_id,) = client.load("Create_Only__c\nx\n", sobject="Everything__c").ids
    done = client.load(f"Id,Create_Only__c\n{record_id},y\n", "update", "Everything__c")
    assert done.errors[0].startswith("INVALID_FIELD_FOR_INSERT_UPDATE:Unable to create/update fields: Create_Only__c.")
    assert client.load(f"Id,Create_Only__c\n{record_id},\n", "update", "Everything__c").errors == []


def test_rules_of_the_customer(client: Client) -> None:
    client.server.rules["Contact"] = lambda record: "no @ in it" if "@" not in (record["Email"] or "@") else None
    client.server.rules["Account"] = lambda record: record["made up"]
    (record_id,) = client.load("LastName,Email\na,a@example.com\n").ids
    client.server.rules["Contact"] = lambda record: f"{record['LastName']} stays" if record["FirstName"] else None
    done = client.load(f"Id,FirstName\n{record_id},Ada\n", "update")
    assert done.errors == ["FIELD_CUSTOM_VALIDATION_EXCEPTION:a stays:--"]
    assert client.records()[0]["FirstName"] is None
    broken = client.load("Name\nx\n", sobject="Account").errors
    assert broken[0].startswith(
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY:rule: execution of BeforeSave caused by: KeyError"
    )


def rest(client: Client, method: str, path: str, **record: Any) -> Any:
    reply = client.request(method, f"/services/data/v66.0/sobjects/{path}", record)
    assert reply.status in (200, 201, 204), reply
    return reply.json.get("id") if reply.body else None


def test_7_1_children_fall_with_what_they_hang_on_when_describe_says_so(client: Client) -> None:
    account, other = (rest(client, "POST", "Account", Name=name) for name in "ab")
    ann = rest(client, "POST", "Contact", LastName="ann", AccountId=account)
    bob = rest(client, "POST", "Contact", LastName="bob", AccountId=other, ReportsToId=ann)
    call = rest(client, "POST", "Task", Subject="Call", WhoId=ann)
    thing = rest(client, "POST", "Everything__c", Account__c=account, Related__c=ann)
    assert client.load(f"Id\n{account}\n", "delete", "Account").errors == []
    assert {record["Id"]: record["IsDeleted"] for record in client.records()} == {ann: True, bob: False}
    assert [record["IsDeleted"] for record in client.records("Task")] == [True]
    assert client.records("Task")[0]["WhoId"] == ann
    # A plain lookup is cleared.
    assert [record["ReportsToId"] for record in client.records()] == [None, None]
    assert [record["AccountId"] for record in client.records()] == [account, other]
    (everything,) = client.records("Everything__c")
    assert (everything["Id"], everything["Account__c"], everything["Related__c"]) == (thing, None, None)
    stamps = {record["SystemModstamp"] for record in client.records("Task") + client.records("Account")[:1]}
    assert len(stamps) == 1
    assert client.load(f"Id\n{account}\n", "hardDelete", "Account").errors == []
    assert [record["Id"] for record in client.records()] == [bob]
    assert (client.records("Task"), [record["Id"] for record in client.records("Account")]) == ([], [other])
    assert call.startswith("00T")


def test_7_1_children_hold_what_they_hang_on_when_describe_says_so(client: Client) -> None:
    held, free = (rest(client, "POST", "Account", Name=name) for name in ("held", "free"))
    contact = rest(client, "POST", "Contact", LastName="ann", AccountId=held)
    cases = [rest(client, "POST", "Case", Subject="x", ContactId=contact) for _ in range(2)]
    numbers = [record["CaseNumber"] for record in client.records("Case")]
    text = f"could not be completed because it is associated with the following cases.: {', '.join(numbers)}:--"
    done = client.load(f"Id\n{held}\n{free}\n", "delete", "Account")
    assert (done.ids, done.errors) == ([free], [f"DELETE_FAILED:Your attempt to delete held {text}"])
    assert client.load(f"Id\n{contact}\n", "delete").errors == [f"DELETE_FAILED:Your attempt to delete ann {text}"]
    assert [record["IsDeleted"] for record in client.records()] == [False]
    client.load(f"Id\n{cases[0]}\n{cases[1]}\n", "delete", "Case")
    assert client.load(f"Id\n{held}\n", "delete", "Account").errors == []


def test_7_1_what_hangs_on_itself_falls_once(client: Client) -> None:
    spec = {"Up__c": {"type": "reference", "referenceTo": ["Node__c"], "cascadeDelete": True}}
    client.server.define("Node__c", spec)
    top = rest(client, "POST", "Node__c", Name="top")
    middle = rest(client, "POST", "Node__c", Name="middle", Up__c=top)
    bottom = rest(client, "POST", "Node__c", Name="bottom", Up__c=middle)
    rest(client, "PATCH", f"Node__c/{top}", Up__c=bottom)
    assert client.load(f"Id\n{middle}\n{bottom}\n", "delete", "Node__c").errors == []
    assert [record["IsDeleted"] for record in client.records("Node__c")] == [True, True, True]


def test_4_4_ids_whose_suffix_doesnt_fit_are_malformed(client: Client) -> None:
    account = rest(client, "POST", "Account", Name="a")
    (contact,) = client.load("LastName\nx\n").ids
    wrong = [contact[:15] + "ABC", contact.lower(), contact.upper(), contact[:15].lower()]
    done = client.load("Id,LastName\n" + "".join(f"{text},y\n" for text in wrong), "update")
    start = "MALFORMED_ID:Id: id value of incorrect type: "
    expected = [f"{start}{text}:Id --" for text in wrong[:3]] + [FOREIGN]
    assert done.errors == sorted(expected)
    assert client.load(f"Id,AccountId\n{contact[:15]},{account[:15]}\n", "update").errors == []
    assert client.records()[0]["AccountId"] == account
    done = client.load(f"LastName,AccountId\nx,{account[:15]}XYZ\n")
    assert done.errors == [f"MALFORMED_ID:Account ID: id value of incorrect type: {account[:15]}XYZ:AccountId --"]


def test_4_4_whole_numbers_have_a_number_of_digits(client: Client) -> None:
    done = client.load("Name,NumberOfEmployees\na,99999999\nb,100000000\nc,-100000000\n", sobject="Account")
    text = "NUMBER_OUTSIDE_VALID_RANGE:Employees: value outside of valid range on numeric field: "
    assert done.errors == [f"{text}-100000000:NumberOfEmployees --", f"{text}100000000:NumberOfEmployees --"]


def test_numbers_that_count_records_go_up_from_the_first(client: Client) -> None:
    numbers = []
    for text in ("a\nb\n", "c\n"):
        client.load(f"Subject\n{text}", sobject="Case")
        numbers = [record["CaseNumber"] for record in client.records("Case")]
    assert numbers == sorted(set(numbers))
    assert all(len(number) == 8 and int(number) < 1_000_000 for number in numbers)


def test_a_record_of_an_own_object_without_a_name_is_called_by_its_id(client: Client) -> None:
    first, second = client.load("Name,Text__c\n,x\nn,y\n", sobject="Everything__c").ids
    names = {record["Id"]: record["Name"] for record in client.records("Everything__c")}
    assert sorted(names.values()) == sorted([min(first, second), "n"])
    assert names[min(first, second)] == min(first, second)


def test_nobody_deletes_users(client: Client) -> None:
    (user,) = (record["Id"] for record in client.records("User"))
    reply = client.request("DELETE", f"/services/data/v66.0/sobjects/User/{user}")
    assert (reply.status, reply.json[0]["message"]) == (400, "entity type cannot be deleted: User")
    assert client.create("delete", "User").error == (400, "INVALIDENTITY")


def test_4_3_the_mark_empties_a_field_of_any_type(client: Client) -> None:
    values = dict.fromkeys(
        [
            "Text__c", "Long_Text__c", "Phone__c", "Url__c", "Picklist__c", "Multipicklist__c", "Combobox__c",
            "Encrypted__c", "Code__c",
        ],
        "x",
    ) | {
        "Email__c": "a@example.com", "Integer__c": "1", "Double__c": "1", "Currency__c": "1", "Percent__c": "1",
        "Date__c": "2026-01-02", "Datetime__c": "2026-01-02T03:04:05Z", "Time__c": "03:04:05Z",
        "Restricted_Picklist__c": "One", "Restricted_Multipicklist__c": "Red",
        "Account__c": rest(client, "POST", "Account", Name="a"),
        "Related__c": rest(client, "POST", "Contact", LastName="a"),
    }  # fmt: skip
    fields = ",".join(values)
    done = client.load(f"Name,{fields}\n" + f"x,{','.join(values.values())}\n", sobject="Everything__c")
    assert done.errors == []
    before = client.records("Everything__c")[0]
    assert [field for field in values if before[field] is None] == []
    marks = ",".join("#N/A" for _ in values)
    assert client.load(f"Id,{fields}\n{done.ids[0]},{marks}\n", "update", "Everything__c").errors == []
    after = client.records("Everything__c")[0]
    assert {field: after[field] for field in values if after[field] is not None} == {}
    assert after["Name"] == "x"


def test_4_3_the_mark_in_keys_and_in_lookups_by_key(client: Client) -> None:
    account = rest(client, "POST", "Account", Name="a", ExternalId__c="A")
    (contact,) = client.load("LastName,Account.ExternalId__c\nx,A\n").ids
    assert client.records()[0]["AccountId"] == account
    assert client.load(f"Id,Account.ExternalId__c\n{contact},\n", "update").errors == []
    assert client.records()[0]["AccountId"] == account
    assert client.load(f"Id,Account.ExternalId__c\n{contact},#N/A\n", "update").errors == []
    assert client.records()[0]["AccountId"] is None
    assert client.upsert("ExternalId__c,LastName\n#N/A,x\n").errors == [
        "MISSING_ARGUMENT:ExternalId__c not specified:--"
    ]
    text = "MISSING_ARGUMENT:Id not specified in an update call:--"
    assert client.load("Id,LastName\n#N/A,x\n", "update").errors == [text]


def test_4_7_what_is_in_the_bin_holds_no_key(client: Client) -> None:
    (first,) = client.upsert("ExternalId__c,LastName\nk,a\n").ids
    client.load(f"Id\n{first}\n", "delete")
    done = client.upsert("ExternalId__c,LastName\nk,b\n")
    assert done.successful[0]["sf__Created"] == "true"
    assert {record["Id"]: record["LastName"] for record in client.records()} == {first: "a", done.ids[0]: "b"}
    gone = client.upsert(f"Id,LastName\n{first},c\n", key="Id")
    assert gone.errors == ["ENTITY_IS_DELETED:entity is deleted:--"]


def test_3_9_a_key_in_two_batches_updates_twice(client: Client) -> None:
    keys = [f"k{number}" for number in range(10_150)]
    keys[10_100] = "K7"
    done = client.upsert("ExternalId__c,LastName\n" + "".join(f"{key},n{n}\n" for n, key in enumerate(keys)))
    assert done.errors == []
    ids = {row["sf__Id"] for row in done.successful if row["ExternalId__c"].lower() == "k7"}
    assert len(ids) == 1
    named = {record["Id"]: record["LastName"] for record in client.records()}
    assert (len(named), named[ids.pop()]) == (10_149, "n10100")


def test_3_9_a_row_cant_name_another_row_of_its_upload(client: Client) -> None:
    text = "INVALID_FIELD:Foreign key external ID: new not found for field ExternalId__c in entity Account:--"
    rows = "Name,ExternalId__c,Parent.ExternalId__c\nparent,new,\nchild,other,new\n"
    assert client.load(rows, sobject="Account").errors == [text]
    later = client.upsert(rows.replace("other", "third").replace("new", "newer"), "Account").errors
    assert later == [text.replace("ID: new", "ID: newer")]
    assert client.load("Name,Parent.ExternalId__c\nchild,new\n", sobject="Account").errors == []


def test_audit_fields_tell_of_changes_and_of_the_bin() -> None:
    now = [dt.datetime(2026, 1, 1, tzinfo=dt.UTC)]
    with Server(clock=lambda: now[0]) as server:
        client = Client(server).log_in()
        user = client.records("User")[0]["Id"]
        (contact,) = client.load("LastName\nx\n").ids
        made = client.records()[0]
        assert made["OwnerId"] == made["LastModifiedById"] == user
        for job in ((f"Id,Title\n{contact},y\n", "update"), (f"Id\n{contact}\n", "delete")):
            now[0] += dt.timedelta(minutes=1)
            client.load(*job)
            (record,) = client.records()
            stamp = now[0].replace(tzinfo=None)
            assert (record["LastModifiedDate"], record["SystemModstamp"]) == (stamp, stamp)
            assert (record["CreatedDate"], record["LastModifiedById"]) == (made["CreatedDate"], user)
        client.close()


def test_4_4_numbers_near_the_limit_are_not_moved_by_rounding(client: Client) -> None:
    """Doubles lie an eighth apart there: two digits after the point mean nothing any more."""
    numbers = ["999999999999998", "1234567890123456.78", "-9999999999999998", "0.005", "1.125"]
    assert client.load("LastName,Score__c\n" + "".join(f"x,{number}\n" for number in numbers)).errors == []
    assert [record["Score__c"] for record in client.records()] == [
        999999999999998.0, 1234567890123456.78, -9999999999999998.0, 0.01, 1.13,
    ]  # fmt: skip


def test_3_9_a_row_cant_name_what_an_earlier_part_of_its_upload_made(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jobs are saved in parts; where they begin is no matter of the rows. Others' records are found at any time."""
    monkeypatch.setattr(worker, "_STRIDE", 200)
    client.load("Name,ExternalId__c\nthere,old\n", sobject="Account")
    many = "".join(f"n{number},k{number},\n" for number in range(450))
    rows = f"Name,ExternalId__c,Parent.ExternalId__c\n{many}x,x,k7\ny,y,k201\nz,z,old\n"
    text = "INVALID_FIELD:Foreign key external ID: {} not found for field ExternalId__c in entity Account:--"
    assert client.load(rows, sobject="Account").errors == [text.format("k201"), text.format("k7")]
    # What another job has made is there.
    assert client.upsert(rows, "Account").errors == []
    parents = {record["ExternalId__c"]: record["ParentId"] for record in client.records("Account")}
    assert None not in (parents["x"], parents["y"], parents["z"])


def test_3_9_nor_by_an_id_that_was_guessed(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_STRIDE", 200)
    (first,) = client.load("Name\nfirst\n", sobject="Account").ids
    following = next(make_id("001", n) for n in range(FIRST, FIRST + 10**9) if make_id("001", n - 1) == first)
    many = "".join(f"n{number},\n" for number in range(300))
    done = client.load(f"Name,ParentId\n{many}x,{following}\ny,{first}\n", sobject="Account")
    assert done.errors == ["INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:--"]
    assert following in done.ids


def test_rules_are_found_in_any_case_and_for_known_objects_alone(client: Client) -> None:
    rules = client.server.rules
    rules["contact"] = lambda record: "no" if record["LastName"] == "x" else None
    assert client.load("LastName\nx\ny\n").errors == ["FIELD_CUSTOM_VALIDATION_EXCEPTION:no:--"]
    assert (list(rules), "CONTACT" in rules, "Contct" in rules) == (["Contact"], True, False)
    with pytest.raises(LookupError, match="no object 'Contct'"):
        rules["Contct"] = rules["Contact"]
    with pytest.raises(TypeError, match="function"):
        rules["Lead"] = "no"  # type: ignore[assignment]
    del rules["CONTACT"]
    assert client.load("LastName\nx\n").errors == []


def test_5_2_an_upsert_needs_what_is_required_for_new_records_alone(client: Client) -> None:
    assert client.upsert("ExternalId__c,LastName\nk,Ng\n").errors == []
    text = "REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --"
    done = client.upsert("ExternalId__c,FirstName\nk,Ann\nother,Bo\n")
    assert (done.errors, [row["sf__Created"] for row in done.successful]) == ([text], ["false"])
    assert [record["Name"] for record in client.records()] == ["Ann Ng"]


def test_5_2_a_record_may_keep_its_own_unique_value(client: Client) -> None:
    client.load("LastName,ExternalId__c\nAnn,a\nBo,b\n")
    ann, bo = (record["Id"] for record in sorted(client.records(), key=lambda record: str(record["LastName"])))
    done = client.load(f"Id,LastName,ExternalId__c\n{ann},Ann2,A\n{bo},Bo2,b\n", "update")
    assert (done.errors, sorted(record["LastName"] for record in client.records())) == ([], ["Ann2", "Bo2"])


def test_3_5_counters_tell_of_all_parts_of_a_job(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_STRIDE", 200)
    rows = "".join("Ng,\n" if number % 100 else ",x\n" for number in range(450))
    done = client.load(f"LastName,FirstName\n{rows}")
    assert (done.info["numberRecordsProcessed"], done.info["numberRecordsFailed"]) == (450, 5)
    assert (len(done.successful), len(done.failed), len(client.records())) == (445, 5, 445)
