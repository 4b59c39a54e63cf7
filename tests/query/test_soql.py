"""SOQL is read as far as a reader needs it: the SELECT list, FROM, and which clauses there are."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sfframe
from sfframe.query.soql.statement import Call, Children, Literal, Path, Statement, TypeOf, parse, tokens


def test_paths_aliases_and_clauses_in_any_case_and_over_lines() -> None:
    statement = parse(
        "select Id,\n\tAccount . Owner.Name\r\n from Contact\nwhere Name = 'a from b' order by Id limit 10"
    )
    assert statement.items == (Path(("Id",)), Path(("Account", "Owner", "Name")))
    assert statement.sobject == "Contact"
    assert statement.clauses == {"WHERE", "ORDER", "LIMIT"}
    assert statement.limit == 10
    assert not statement.is_grouped


@pytest.mark.parametrize("name", ["Group", "Order", "Case", "Select__c", "Limit__c", "Order_Item__c"])
def test_objects_named_like_keywords(name: str) -> None:
    assert parse(f"SELECT Id FROM {name}").sobject == name
    grouped = parse(f"SELECT End, COUNT(Id) n FROM {name} GROUP BY End ORDER BY COUNT(Id)")
    assert grouped.sobject == name
    assert grouped.clauses == {"GROUP", "ORDER"}
    assert not parse(f"SELECT Id FROM {name} WHERE Group = 'x' AND Order > 1").is_grouped


def test_aliases_of_from() -> None:
    statement = parse(
        "SELECT c.Id, a.Name FROM Contact c, c.Account AS a, a.Owner, Contact.ReportsTo r WHERE r.Id = ''"
    )
    assert statement.aliases == {
        "contact": (), "c": (), "a": ("Account",), "owner": ("Account", "Owner"), "r": ("ReportsTo",),
    }  # fmt: skip


def test_functions_within_functions_and_their_aliases() -> None:
    statement = parse(
        "SELECT FORMAT(convertCurrency(Amount)) shown, CALENDAR_YEAR(convertTimezone(CreatedDate)), "
        "DISTANCE(Place__c, GEOLOCATION(37.7,-122), 'mi') d FROM Opportunity GROUP BY ROLLUP(a, b)"
    )
    assert statement.items == (
        Call("FORMAT", (Call("convertCurrency", (Path(("Amount",)),)),), "shown"),
        Call("CALENDAR_YEAR", (Call("convertTimezone", (Path(("CreatedDate",)),)),)),
        Call(
            "DISTANCE",
            (Path(("Place__c",)), Call("GEOLOCATION", (Literal("37.7"), Literal("-122"))), Literal("'mi'")),
            "d",
        ),
    )
    assert statement.is_grouped


def test_subqueries_and_typeof() -> None:
    statement = parse(
        "SELECT Id, (SELECT Id, (SELECT Id FROM Tasks) FROM a.Contacts WHERE (Name = ')') LIMIT 3), "
        "TYPEOF What WHEN Account THEN Phone, Website WHEN Case THEN Subject ELSE Name END FROM Account a"
    )
    _, children, kinds = statement.items
    assert isinstance(children, Children)
    assert children.statement.text == "SELECT Id, (SELECT Id FROM Tasks) FROM a.Contacts WHERE (Name = ')') LIMIT 3"
    assert (children.statement.sobject, children.statement.limit) == ("a.Contacts", 3)
    assert kinds == TypeOf(
        Path(("What",)),
        (("Account", (Path(("Phone",)), Path(("Website",)))), ("Case", (Path(("Subject",)),))),
        (Path(("Name",)),),
    )
    assert statement.limit is None


@pytest.mark.parametrize(
    ("soql", "is_count", "is_grouped"),
    [
        ("SELECT COUNT() FROM Contact", True, True),
        ("SELECT count ( ) FROM Contact", True, True),
        ("SELECT COUNT(Id) FROM Contact", False, True),
        ("SELECT FORMAT(MAX(Amount)) FROM Opportunity", False, True),
        ("SELECT toLabel(Status) FROM Case", False, False),
        ("SELECT FIELDS(ALL) FROM Case LIMIT 200", False, False),
    ],
)
def test_counts_and_groups(soql: str, is_count: bool, is_grouped: bool) -> None:
    assert (parse(soql).is_count, parse(soql).is_grouped) == (is_count, is_grouped)


@pytest.mark.parametrize(
    ("soql", "message"),
    [
        ("", "the SOQL is empty"),
        (" \n", "the SOQL is empty"),
        ("UPDATE Contact", "'UPDATE' in line 1, column 1: SELECT should stand here"),
        ("SELECT Id", "the end: FROM should stand here"),
        ("SELECT Id FROM", "the end: the object behind FROM"),
        ("SELECT FROM Contact", "'FROM' in line 1, column 8: a field or a function"),
        ("SELECT Id,\nName, FROM Contact", "'FROM' in line 2, column 7"),
        ("SELECT * FROM Contact", "column 8"),
        ("SELECT Id FROM Contact;", "SOQL has no ';'"),
        ("SELECT Id FROM Contact)", "the statement should end here"),
        ("SELECT Id FROM Contact WHERE Name = 'a", "begins in line 1, column 37 has no end"),
        ('SELECT Id FROM Contact WHERE Name = "a"', "quotes text by '"),
        ("SELECT Id, (SELECT Id FROM Contacts FROM Account", "'[)]' should stand here"),
        ("SELECT TYPEOF What WHEN Account Phone END FROM Task", "THEN should stand here"),
        ("SELECT :name FROM Contact", "a field or a function"),
        ("SELECT " + "F(" * 50 + "x" + ")" * 50 + " FROM A", "deeper than 20 levels"),
    ],
)
def test_what_cannot_be_read_is_shown_by_line_and_column(soql: str, message: str) -> None:
    with pytest.raises(sfframe.SoqlError, match=message):
        parse(soql)


def test_soql_is_text() -> None:
    with pytest.raises(TypeError, match="not bytes"):
        parse(b"SELECT Id FROM Contact")  # type: ignore[arg-type]  # that is what is tested


SOUP = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "SELECT ", "FROM ", "Contact ", "Id ", "Name", ".", ",", "(", ")", "'", '"', "\\", ":", ":x ", ";",
                "\n", " ", "WHERE ", "GROUP ", "BY ", "LIMIT ", "9" * 40, "1.5 ", "-", "TYPEOF ", "WHEN ", "THEN ",
                "ELSE ", "END ", "COUNT()", "AS ", "'a'", "\0", "é", "٣",
            ]
        ),
        st.text(max_size=4),
    ),
    max_size=40,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(before=st.sampled_from(["", "SELECT ", "SELECT Id FROM Contact "]), soup=SOUP)
def test_any_text_is_a_statement_or_a_soql_error(before: str, soup: list[str]) -> None:
    text = before + "".join(soup)
    try:
        assert isinstance(parse(text), Statement)
    except sfframe.SoqlError:
        return
    assert "".join(token.value for token in tokens(text)) == "".join(text.split()) or "'" in text


@pytest.mark.parametrize(
    "piece",
    ["a ", "a . ", "(", "'", "\\'", "'\\", " ", "a.", "F(", "(SELECT ", "1:", ":", "SELECT Id FROM A,", ". .", "'a' "],
)
def test_a_long_text_is_read_at_once(piece: str) -> None:
    """An expression that looks at each character again for each other one would need minutes for this."""
    with pytest.raises(sfframe.SoqlError):
        parse("SELECT Id FROM A WHERE " + piece * (90_000 // len(piece)) + ";")


def test_a_text_longer_than_an_org_takes() -> None:
    with pytest.raises(sfframe.SoqlError, match="100,001 characters"):
        parse(f"SELECT Id FROM A WHERE B = '{'x' * 99_972}'")
