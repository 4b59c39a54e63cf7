"""Result files, in every form in which orgs were seen to give them."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfframe.ingest.echo import FAILED, SUCCESSFUL, UNPROCESSED, NotAnEchoError, read_echo

from .test_payload import texts

some = settings(max_examples=80, deadline=None)


def _file(rows: list[list[str]], end: str) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator=end).writerows(rows)
    return out.getvalue().encode()


@some
@given(st.lists(st.tuples(texts, texts), max_size=8), st.sampled_from(["\n", "\r\n"]))
def test_texts_are_read_as_they_were_written(rows: list[tuple[str, str]], end: str) -> None:
    body = _file([["sf__Id", "sf__Error", "A__c", "B__c"], *(["i", "e", *row] for row in rows)], end)
    echo = read_echo(body, FAILED, ["A__c", "B__c"])
    assert echo.select("A__c", "B__c").rows() == rows
    assert echo["outcome"].to_list() == [FAILED] * len(rows)


@some
@given(st.lists(texts, max_size=8))
def test_unprocessed_rows_of_one_column_are_read_as_they_were_written(values: list[str]) -> None:
    echo = read_echo(_file([["A__c"], *([v] for v in values)], "\n"), UNPROCESSED, ["A__c"])
    assert echo["A__c"].to_list() == values


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n",
        b'"sf__Id","sf__Error",A__c\n',
        b'"sf__Id","sf__Error",A__c\n\n',
        b'"sf__Id","sf__Error",A__c\r\n\r\n',
    ],
    ids=["zero bytes", "a line end", "header alone", "blank second line", "blank second line, CRLF"],
)
def test_a_file_without_rows_has_none(body: bytes) -> None:
    echo = read_echo(body, FAILED, ["A__c"])
    assert echo.height == 0
    assert echo.columns[:4] == ["outcome", "sf__Id", "sf__Created", "sf__Error"]


def test_columns_are_read_by_name_in_any_order_and_case() -> None:
    body = b'"sf__Id","sf__Created","b__C","A__C"\n"1","true","b","a"\n'
    echo = read_echo(body, SUCCESSFUL, ["A__c", "B__c"])
    assert echo.select("A__c", "B__c", "sf__Id", "sf__Created").rows() == [("a", "b", "1", "true")]


def test_a_file_that_has_none_of_the_columns_sent_still_has_its_rows() -> None:
    for body in (b'"sf__Id","sf__Error"\n"","x"\n"","y"\n', b'"sf__Id","sf__Error","Other"\n"","x","1"\n"","y","2"\n'):
        echo = read_echo(body, FAILED, ["A__c"])
        assert echo["sf__Error"].to_list() == ["x", "y"]


def test_a_line_of_empty_cells_is_a_row_and_a_blank_one_is_none() -> None:
    """Not every org quotes a cell without a value."""
    body = b'A__c,B__c\n\n,\nx,\n"",""\n\n,"two\n\nlines"\n,\n\n'
    echo = read_echo(body, UNPROCESSED, ["A__c", "B__c"])
    assert echo.select("A__c", "B__c").rows() == [("", ""), ("x", ""), ("", ""), ("", "two\n\nlines"), ("", "")]
    echo = read_echo(body.replace(b"\n", b"\r\n"), UNPROCESSED, ["A__c", "B__c"], ["A__c"])
    assert echo["A__c"].to_list() == ["", "x", "", "", ""]
    assert read_echo(b'A__c\n\n""\n\nx\n', UNPROCESSED, ["A__c"])["A__c"].to_list() == ["", "x"]


def test_a_row_whose_other_columns_are_not_read_is_a_row() -> None:
    body = b'"LastName",""\n"","4"\n,"4"'
    assert read_echo(body, UNPROCESSED, ["LastName", "ExternalId__c"])["LastName"].to_list() == ["", ""]


def test_long_values_and_unquoted_ones_are_read() -> None:
    body = b'sf__Id,sf__Error,A__c\n,E:m:--,"' + b"x" * 200_000 + b'"\n1,E:m:--,y\n'
    echo = read_echo(body, FAILED, ["A__c"])
    assert [len(v) for v in echo["A__c"]] == [200_000, 1]
    assert echo["sf__Id"].to_list() == [None, "1"]


@pytest.mark.parametrize(
    "body", [b"<html><body>Bad gateway</body></html>", b'{"message": "no"}', b'"Id","Name"\n"1","x"\n']
)
def test_what_is_no_result_file_is_refused(body: bytes) -> None:
    with pytest.raises(NotAnEchoError):
        read_echo(body, SUCCESSFUL, ["Name"])
