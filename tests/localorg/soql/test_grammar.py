"""What parses and what doesn't, with the words and places of the org's errors (SOQL notes, 1, 4, 9)."""

from __future__ import annotations

import pytest

from sfframe.localorg.soql.errors import SoqlError
from sfframe.localorg.soql.grammar import parse

WHERE = "SELECT Id FROM Account WHERE "


def refusal(text: str) -> SoqlError:
    with pytest.raises(SoqlError) as caught:
        parse(text)
    assert caught.value.code == "MALFORMED_QUERY"
    return caught.value


@pytest.mark.parametrize(
    "text",
    [
        "select id from account",
        "SELECT\tId\r\nFROM Account",
        "SELECT Id FROM Group",
        "SELECT Id FROM Order",
        "SELECT Case, End, Order FROM Case",
        WHERE + "A<=1",
        WHERE + "A < = 1",
        WHERE + "A IN('x')LIMIT 3",
        WHERE + "A = -1 AND A = +1 AND A = .5 AND A = -.5 AND A = 007",
        WHERE + "A = USD500 OR A = eur500.25",
        WHERE + "A = 2024-01-31 OR A = 2024-01-31T00:00:00Z OR A = 2024-01-31T00:00:00.1234567+0100",
        WHERE + "A = 12:00:00Z OR A = 12:00:00.5-08:00",
        WHERE + "A IN (TODAY, last_n_days:3)",
        WHERE + r"A = 'it\'s' AND B LIKE '\%\_\\'",
        WHERE + "A = 'a\tb'",
        WHERE + "A = 1 AND (NOT B = 1)",
        WHERE + "(NOT A = 1) OR (NOT (B = 1))",
        WHERE + "NOT A = 1",
        "SELECT Id FROM Account USING SCOPE everything WHERE A = 1 ORDER BY A DESC NULLS LAST LIMIT 1 OFFSET 2",
        "SELECT Id FROM Account LIMIT 1 FOR VIEW",
        "SELECT TYPEOF What WHEN Account THEN Phone, Name ELSE Name END FROM Task",
        "SELECT A, COUNT(Id) n FROM Account GROUP BY A, DAY_ONLY(convertTimezone(B)) HAVING COUNT(Id) > 1",
    ],
)
def test_what_parses(text: str) -> None:
    parse(text)


@pytest.mark.parametrize(
    ("text", "word", "column"),
    [
        ("SELECT Id", "<EOF>", 10),
        ("SELECT Limit FROM Account", "Limit", 8),
        ("SELECT Id FROM From", "From", 16),
        ("SELECT Id, From Account", "From", 12),
        ("SELECT Id FROM Account;", ";", 23),
        ("SELECT Id FROM Account -- all", "-", 24),
        ("SELECT Id /* x */ FROM Account", "/", 11),
        ("SELECT * FROM Account", "*", 8),
        ("SELECT COUNT(*) FROM Account", "*", 14),
        ("SELECT Id FROM Account OFFSET 5 LIMIT 1", "LIMIT", 33),
        ("SELECT Id FROM Account ORDER BY 1", "1", 33),
        ("SELECT Id FROM Account group", "<EOF>", 29),
        (WHERE + "A IS NULL", "IS", 32),
        (WHERE + "A BETWEEN 1 AND 2", "BETWEEN", 32),
        (WHERE + "A NOT LIKE 'x'", "LIKE", 36),
        (WHERE + "A NOT INCLUDES ('x')", "INCLUDES", 36),
        (WHERE + "A == 1", "=", 33),
        (WHERE + "A = 1 && B = 2", "&", 36),
        (WHERE + "A IN ()", ")", 36),
        (WHERE + "A INCLUDES 'x'", "'x'", 41),
        (WHERE + "A = 1.", "1", 34),
        (WHERE + "A = 1e5", "1e5", 34),
        (WHERE + "A = 1_000", "1_000", 34),
        (WHERE + "A = 1,5", ",", 35),
        (WHERE + "A = 0x1", "0x1", 34),
        (WHERE + "A = -USD5", "-", 34),
        (WHERE + "A = USD 5", "5", 38),
        (WHERE + 'A = "x"', '"', 34),
        (WHERE + "A = 'x'''", "''", 37),
        (WHERE + "A = 'x\ny'", "'", 34),
        (WHERE + "A = 2024-01-01T00:00:00", "-", 38),
        (WHERE + "A = 2024-1-1", "-", 38),
        (WHERE + "A = 1 AND B = 2 OR C = 3", "OR", 46),
        (WHERE + "A = 1 AND NOT B = 2", "NOT", 40),
        (WHERE + "NOT A = 1 AND B = 2", "AND", 40),
        (WHERE + "NOT (A = 1) AND B = 2", "AND", 42),
        (WHERE + "NOT NOT A = 1", "NOT", 34),
    ],
)
def test_what_does_not(text: str, word: str, column: int) -> None:
    message = refusal(text).message
    lines = message.split("\n")
    assert lines[-1] == f"unexpected token: '{word}'"
    if "\n" not in text:
        assert lines[-2] == f"ERROR at Row:1:Column:{column}"
        assert lines[0] == ""
        assert lines[2].endswith("^")
        if word != "<EOF>":
            assert lines[1][len(lines[2]) - 1 :].startswith(word)


def test_binds_belong_to_apex() -> None:
    assert refusal(WHERE + "A = :x").message.endswith("Bind variables only allowed in Apex code")


def test_the_row_is_counted_and_only_its_line_shown() -> None:
    message = refusal("SELECT Id\nFROM Account\r\nWHERE A IS NULL").message
    assert message == "\nWHERE A IS NULL\n        ^\nERROR at Row:3:Column:9\nunexpected token: 'IS'"


def test_a_long_line_is_shown_in_part() -> None:
    fields = ", ".join(["LastModifiedById"] * 30)
    lines = refusal(f"SELECT {fields}, From Account").message.split("\n")
    assert len(lines[1]) < 90
    assert lines[1][len(lines[2]) - 1 :].startswith("From")


def test_a_hundred_thousand_characters_are_taken_and_no_more() -> None:
    text = WHERE + "A = 'x" + "y" * 1000 + "'"
    parse(text + " " * (100_000 - len(text)))
    assert "100000" in refusal(text + " " * (100_001 - len(text))).message
    names = ", ".join(["'abcdefghijkl'"] * 6_000)
    parse(f"{WHERE}A IN ({names})")


def test_deep_nesting_is_refused_before_it_costs_anything() -> None:
    parse(WHERE + "(" * 50 + "A = 1" + ")" * 50)
    assert "nested" in refusal(WHERE + "(" * 50_000 + "A = 1" + ")" * 49_000).message
    refusal(WHERE + "A = " + "f(" * 30_000)


def test_a_string_without_an_end_costs_no_time() -> None:
    refusal(WHERE + "A = '" + "\\'" * 49_000)
    refusal("'" * 99_999)


@pytest.mark.parametrize("text", ["", " ", "\n\t"])
def test_nothing_is_no_statement(text: str) -> None:
    assert refusal(text).message == "SOQL statements cannot be empty or null"
