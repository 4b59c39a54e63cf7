"""Pages become typed frames, and what is no whole page is noticed."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfframe.query.pages import decode
from sfframe.query.pages.decode import BadPage, decode_records, empty_frame
from sfframe.query.pages.page import Page
from sfframe.query.schema.columns import Column
from sfframe.query.schema.types import DATETIME
from sfframe.query.tables import in_arrow

TEXT, INT, FLOAT, BOOL = pl.String(), pl.Int64(), pl.Float64(), pl.Boolean()
UTC = dt.UTC


def columns(**dtypes: pl.DataType) -> tuple[Column, ...]:
    return tuple(Column(name=name, dtype=dtype, way=(name,)) for name, dtype in dtypes.items())


def decode_csv(body: bytes, kinds: Sequence[Column]) -> pl.DataFrame:
    """The rows as Polars has them; Arrow's types are always the same."""
    table = decode.decode_csv(body, kinds)
    assert table.schema == in_arrow(empty_frame(kinds)).schema
    frame = pl.DataFrame(table)
    assert frame.schema == {column.name: column.dtype for column in kinds}
    return frame


def page(rows: Sequence[Sequence[Any]], header: Sequence[str], end: str = "\n") -> bytes:
    """CSV as an org writes it: everything is quoted."""
    out = io.StringIO(newline="")
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator=end).writerows([header, *rows])
    return out.getvalue().encode()


def one(text: str, dtype: pl.DataType, *, beside: bool = True) -> Any:
    """What a text becomes: before another column, and as the last one."""
    first = decode_csv(page([[text, "x"]], ["A", "B"]), columns(A=dtype, B=TEXT))["A"]
    last = decode_csv(page([["x", text]], ["A", "B"]), columns(A=TEXT, B=dtype))["B"]
    alone = decode_csv(page([[text]], ["A"]), columns(A=dtype))["A"]
    assert first.dtype == last.dtype == alone.dtype == dtype
    assert first.to_list() == last.to_list() == alone.to_list()
    return first.to_list()[0]


VALUES: list[tuple[str, pl.DataType, Any]] = [
    ("23", INT, 23),
    ("23.0", INT, 23),
    ("-1.0E7", INT, -10_000_000),
    ("9223372036854775807", INT, 2**63 - 1),
    ("1.6147805824397E13", FLOAT, 16147805824397.0),
    ("1.0E-4", FLOAT, 0.0001),
    ("100.0", FLOAT, 100.0),
    ("0.30000000000000004", FLOAT, 0.1 + 0.2),
    ("4.9E-324", FLOAT, 5e-324),
    ("true", BOOL, True),
    ("False", BOOL, False),
    ("TRUE", BOOL, True),
    ("1700-01-01", pl.Date(), dt.date(1700, 1, 1)),
    ("4000-12-31", pl.Date(), dt.date(4000, 12, 31)),
    ("2024-04-16T19:00:00.123Z", DATETIME, dt.datetime(2024, 4, 16, 19, 0, 0, 123_000, UTC)),
    ("2024-04-16T19:00:00.000+0000", DATETIME, dt.datetime(2024, 4, 16, 19, tzinfo=UTC)),
    ("2024-04-16T19:00:00Z", DATETIME, dt.datetime(2024, 4, 16, 19, tzinfo=UTC)),
    ("2024-04-16T19:00:00.1Z", DATETIME, dt.datetime(2024, 4, 16, 19, 0, 0, 100_000, UTC)),
    ("1700-01-01T00:00:00.123456789Z", DATETIME, dt.datetime(1700, 1, 1, 0, 0, 0, 123_456, UTC)),
    ("08:00:00.020Z", pl.Time(), dt.time(8, 0, 0, 20_000)),
    ("08:00:00.123456789Z", pl.Time(), dt.time(8, 0, 0, 123_456)),
    ("a;b", pl.List(pl.String()), ["a", "b"]),
    ("19.9", pl.Decimal(38, 2), Decimal("19.90")),
    ("1.614780582E7", pl.Decimal(38, 2), Decimal("16147805.82")),
    ("0.125", pl.Decimal(38, 2), Decimal("0.13")),
    ("-0.125", pl.Decimal(38, 2), Decimal("-0.13")),
    ("0.1249999", pl.Decimal(38, 2), Decimal("0.12")),
    ("2.5", pl.Decimal(38, 0), Decimal(3)),
    *((text, TEXT, text) for text in ("NA", "null", "NaN", "None", "007", "1E5", "#N/A", " ", "\ufeff", "true")),
    ("a\nb\r\nc\rd", TEXT, "a\nb\r\nc\rd"),
    ('"', TEXT, '"'),
    ('say "hi", \n', TEXT, 'say "hi", \n'),
    ("a\0b\x01\x85\u2028", TEXT, "a\0b\x01\x85\u2028"),
    ("x" * 200_000, TEXT, "x" * 200_000),
]


@pytest.mark.parametrize(("text", "dtype", "value"), VALUES, ids=[f"{v[1]}-{v[0][:20]!r}" for v in VALUES])
def test_a_value_is_what_its_column_says_over_both_transports(text: str, dtype: pl.DataType, value: Any) -> None:
    assert one(text, dtype) == value
    assert repr(one(text, dtype)) == repr(value) or dtype == DATETIME
    given = {"true": True, "False": False, "TRUE": True}.get(text, text) if dtype == BOOL else text
    assert decode_records([{"A": given}], columns(A=dtype))["A"].to_list() == [value]


@pytest.mark.parametrize("dtype", {repr(dtype): dtype for _, dtype, _ in VALUES}.values(), ids=repr)
def test_only_the_empty_cell_is_null(dtype: pl.DataType) -> None:
    assert one("", dtype) is None
    found = decode_records([{"A": None}, {"A": ""}], columns(A=dtype))
    assert found["A"].to_list() == [None, None]
    assert found.schema == {"A": dtype}
    assert decode_records([], columns(A=dtype)).schema == {"A": dtype}


@pytest.mark.parametrize(
    ("text", "dtype"),
    [
        ("1.5", INT),
        ("9223372036854775808", INT),
        ("1.0E30", INT),
        ("0x10", INT),
        ("x", FLOAT),
        ("NaN", FLOAT),
        ("-Infinity", FLOAT),
        ("1e999", FLOAT),
        ("1", BOOL),
        ("2024-02-30", pl.Date()),
        ("0000-12-31", pl.Date()),
        ("9999-12-31T23:59:59-10:00", DATETIME),
        ("0001-01-01T00:00:00+10:00", DATETIME),
        ("2024-04-16T19:00:00", pl.Date()),
        ("2024-04-16", DATETIME),
        ("2024-04-16T19:00:00.000+25:00", DATETIME),
        ("2024-04-16T25:00:00.000Z", DATETIME),
        ("25:00:00.000Z", pl.Time()),
        ("x", pl.Decimal(38, 2)),
        ("1.0E60", pl.Decimal(38, 2)),
    ],
)
def test_what_is_no_value_of_its_column_is_never_a_null(text: str, dtype: pl.DataType) -> None:
    for body, kinds in (
        (page([[text, "secret"]], "AB"), columns(A=dtype, B=TEXT)),
        (page([["secret", text]], "AB"), columns(A=TEXT, B=dtype)),
    ):
        with pytest.raises(BadPage) as caught:
            decode_csv(body, kinds)
        assert text not in str(caught.value)
        assert "secret" not in str(caught.value)
    with pytest.raises(BadPage):
        decode_records([{"A": text}], columns(A=dtype))


TWO = columns(Id=TEXT, Name=TEXT)
ROWS = [["1", "a"], ["2", ""], ["", "c"]]
FRAME = pl.DataFrame({"Id": ["1", "2", None], "Name": ["a", None, "c"]})
WHOLE = page(ROWS, ["Id", "Name"])


@pytest.mark.parametrize(
    "body",
    [
        WHOLE,
        page(ROWS, ["Id", "Name"], end="\r\n"),
        page([row[::-1] for row in ROWS], ["NAME", "id"]),
        b"\xef\xbb\xbf" + WHOLE,
        WHOLE + b"\n",
        WHOLE + b"\r\n\n",
        WHOLE.rstrip(b"\n"),
        b"Id,Name\n1,a\n2,\n,c\n",
        b"Id,Name\n1,a\n2,\n,c",
        WHOLE.rstrip(b"\n") + b"\r",
    ],
)
def test_a_page_in_any_of_its_forms(body: bytes) -> None:
    assert decode_csv(body, TWO).equals(FRAME)


@pytest.mark.parametrize(
    "body", [b"", b"\n", b'"Id","Name"\n', b'"Id","Name"', b'"Name","ID"\r\n', b"\xef\xbb\xbfId,Name\n\n"]
)
def test_a_page_without_rows_has_the_columns(body: bytes) -> None:
    found = decode_csv(body, columns(Id=TEXT, Name=DATETIME))
    assert found.shape == (0, 2)
    assert found.schema == {"Id": TEXT, "Name": DATETIME}


@pytest.mark.parametrize(
    "body",
    [
        b"<html><body>Down for maintenance</body></html>",
        b"<html>\n<body>Down</body>\n</html>\n",
        b'{"error": "x"}',
        b'"Id"\n"1"\n',
        b'"Id","Name","Phone"\n"1","a","2"\n',
        b'"Id","Id"\n"1","a"\n',
        b'"Id","Phone"\n"1","a"\n',
        b'"Id","Name"\n"1"\n',
        b'"Id","Name"\n"1","a"\n"2"\n"3","c"\n',
        b'"Id","Name"\n"1","a"\n\n"3","c"\n',
        b'"Id","Name"\n"1","a"\n"2","b","c"\n',
        b'"Id","Name"\n"1","a"\n"2","',
        b'"Id","Name"\n"1","a"\n"2","b',
        b'"Id","Name"\n"1","a"\n"2","b\n',
        b'"Id","Name"\n"1","a"\n"2","b""',
        b'"Id","Name"\n"1","a"\n"2","b\nc',
        b'"Id","Name"\n"1","a"\n"2"',
        b'"Id","Name"\n"1","a"\n"2",',
        b'"Id","Name"\n"1","a"\n"2","b"x',
        b"Id,Name\n1,a\n2,",
        b'"Id","Name"\n"1","a"\n"2',
        b'"Id","Name"\n"1","\xff"\n',
        b'"Id","Na\xff"\n"1","a"\n',
        b'"Id","Name"\n"1","a"\n<html>timeout</html>\n',
    ],
)
def test_what_is_no_whole_page_is_noticed(body: bytes) -> None:
    with pytest.raises(BadPage):
        decode_csv(body, TWO)


def test_a_page_of_one_column_keeps_its_nulls() -> None:
    body = page([[""], ["x"], [""], [""]], ["Name"])
    assert decode_csv(body, columns(Name=TEXT))["Name"].to_list() == [None, "x", None, None]
    numbers = page([[""], ["1"], [""]], ["N"])
    assert decode_csv(numbers, columns(N=INT))["N"].to_list() == [None, 1, None]


def test_a_page_that_ends_between_two_rows_is_told_by_the_count() -> None:
    cut = WHOLE[: WHOLE.index(b'"2"')]
    assert Page(content=cut).decode(TWO).height == 1
    with pytest.raises(BadPage, match="it holds 1 rows, and the org says 3"):
        Page(content=cut, n_rows=3).decode(TWO)


def test_a_header_may_have_the_name_that_the_statement_has() -> None:
    kinds = (Column(name="Id", dtype=TEXT, way=("Id",), written="c.Id"), *columns(Name=TEXT))
    for name in ("Id", "c.id"):
        assert decode_csv(page(ROWS, [name, "Name"]), kinds).equals(FRAME)


CELLS = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=6),
    st.sampled_from(['"', '""', ",", "\n", "\r\n", "\r", '","', '"\n"', "\0", " "]),
)


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=8),
    end=st.sampled_from(["\n", "\r\n"]),
    data=st.data(),
)
def test_any_cells_come_back_and_any_cut_is_noticed(rows: list[list[str]], end: str, data: st.DataObject) -> None:
    names = ["A", "B", "C"]
    kinds = columns(A=TEXT, B=TEXT, C=TEXT)
    body = page(rows, names, end)
    expected = [tuple(cell or None for cell in row) for row in rows]
    assert decode_csv(body, kinds).rows() == expected

    cut = data.draw(st.integers(len(page([], names, end)) + 1, len(body) - 1), label="cut")
    try:
        found = Page(content=body[:cut], n_rows=len(rows)).decode(kinds).rows()
    except BadPage:
        return
    # All that can't be seen: nothing but the end of the last line is gone, or the second of two quotes.
    assert found[:-1] == expected[:-1]
    assert body[cut:] in {end.encode(), end[1:].encode()} or body[cut - 1 : cut + 1] == b'""'


def test_records_have_their_members_in_any_case_and_further_ones_are_nothing() -> None:
    records = [{"attributes": {"type": "Contact"}, "ID": "1", "name": "a"}, {"Id": "2", "Name": None}]
    assert decode_records(records, TWO).rows() == [("1", "a"), ("2", None)]


@pytest.mark.parametrize(
    "records", [[{"Id": "1"}], [{"Id": "1", "Name": "a"}, {}], ["x"], [None, 7], [{"Id": "1", "Name": "\ud800"}]]
)
def test_records_that_are_none_or_lack_a_member(records: list[Any]) -> None:
    with pytest.raises(BadPage):
        decode_records(records, TWO)


def test_parents_places_and_children_of_records() -> None:
    place = pl.Struct({"latitude": FLOAT, "longitude": FLOAT})
    child = columns(Name=TEXT, Amount=pl.Decimal(38, 2))
    family = pl.List(pl.Struct({"Name": TEXT, "Amount": pl.Decimal(38, 2)}))
    kinds = (
        Column(name="Account.Owner.Name", dtype=TEXT, way=("Account", "Owner", "Name")),
        Column(name="Place__c", dtype=place, way=("Place__c",)),
        Column(name="Kids", dtype=family, way=("Kids",), children=child),
        Column(name="What.Phone", dtype=TEXT, way=("What", "Phone"), is_optional=True),
    )
    text = """[
        {"Account": {"Owner": {"Name": "o"}}, "Place__c": {"latitude": 1.5, "longitude": null},
         "Kids": {"records": [{"Name": "k", "Amount": 1.005}, {"Name": null, "Amount": 1.6E7}]},
         "What": {"Phone": "1"}},
        {"Account": {"Owner": null}, "Place__c": null, "Kids": null, "What": {}},
        {"Account": null, "Place__c": {"latitude": 0.1}, "Kids": {"records": []}, "What": null}
    ]"""
    found = decode_records(json.loads(text, parse_float=str, parse_int=str), kinds)
    assert found.rows() == [
        ("o", {"latitude": 1.5, "longitude": None},
         [{"Name": "k", "Amount": Decimal("1.01")}, {"Name": None, "Amount": Decimal("16000000.00")}], "1"),
        (None, None, [], None),
        (None, {"latitude": 0.1, "longitude": None}, [], None),
    ]  # fmt: skip
    assert found.schema == decode_records([], kinds).schema == {column.name: column.dtype for column in kinds}


NUMBERS = st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(10**15), 10**15).map(float))


def java(value: float) -> str:
    """A double as an org writes it over Bulk."""
    text = repr(value)
    if 1e-3 <= abs(value) < 1e7 or value == 0:
        return text if "e" not in text else format(Decimal(text), "f")
    mantissa, _, exponent = format(Decimal(text), "E").partition("E")
    digits = mantissa.rstrip("0") if "." in mantissa else mantissa
    digits += "0" if digits.endswith(".") else "" if "." in digits else ".0"
    return f"{digits}E{int(exponent)}"


@settings(max_examples=150, deadline=None)
@given(values=st.lists(NUMBERS, min_size=1, max_size=20))
def test_floats_come_back_to_the_last_digit_over_both(values: list[float]) -> None:
    over_bulk = decode_csv(page([[java(value), "x"] for value in values], "AB"), columns(A=FLOAT, B=TEXT))["A"]
    records: Sequence[Mapping[str, str]] = [{"A": json.dumps(value)} for value in values]
    over_rest = decode_records(records, columns(A=FLOAT))["A"]
    assert over_bulk.to_list() == values
    assert over_rest.to_list() == values


@settings(max_examples=100, deadline=None)
@given(
    cents=st.lists(st.integers(-(10**15), 10**15), min_size=1, max_size=20),
    scale=st.integers(0, 6),
)
def test_decimals_are_exact_over_both(cents: list[int], scale: int) -> None:
    dtype = pl.Decimal(38, scale)
    values = [Decimal(cent).scaleb(-scale) for cent in cents]
    over_bulk = decode_csv(page([[java(float(value)), "x"] for value in values], "AB"), columns(A=dtype, B=TEXT))["A"]
    over_rest = decode_records([{"A": json.dumps(float(value))} for value in values], columns(A=dtype))["A"]
    assert over_bulk.to_list() == values
    assert over_rest.to_list() == values
