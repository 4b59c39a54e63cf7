"""Payloads: any CSV reader sees the frame's own texts, all frames send the same bytes, the cut changes nothing."""

from __future__ import annotations

import csv
import datetime as dt
import gc
import io
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sfframe import bulk
from sfframe.ingest.columns import Given
from sfframe.ingest.layout import lay_out
from sfframe.ingest.payload import Cut, parts
from sfframe.ingest.request import ingest_request
from sfframe.ingest.spool import MemoryRows
from sfframe.options import Options
from tests.examples import scaled

some = settings(max_examples=scaled(40))
BREAKS = ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]
pieces = st.sampled_from(
    [*BREAKS, '"', '""', ",", "\t", " ", "", "#N/A", "\ufeff", "é", "\U0001f600", "a", "\\", "'", ";"]
)
texts = st.one_of(
    st.lists(pieces, max_size=6).map("".join),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12),
)


def payloads(frame: Any, **options: Any) -> list[bytes]:
    return list(bulk(frame).payloads("Thing__c", "insert", describe=False, **options))


def rows_of(payload: bytes) -> list[list[str]]:
    """A CSV without its header, read strictly by another reader than the one that wrote it."""
    return list(csv.reader(io.StringIO(payload.decode(), newline=""), strict=True))[1:]


def line(cells: Iterable[str]) -> bytes:
    return (",".join('"' + cell.replace('"', '""') + '"' for cell in cells) + "\n").encode()


# --- any text ---------------------------------------------------------------------------------------------------------


@some
@given(st.lists(st.tuples(st.none() | texts, texts), min_size=1, max_size=20))
@example([("\r", ""), ("", "")])
@example([(None, "")])
def test_another_csv_reader_sees_the_texts_of_the_frame(rows: list[tuple[str | None, str]]) -> None:
    frame = pl.DataFrame(
        {"a": [a for a, _ in rows], "b": [b for _, b in rows]}, schema={"a": pl.String, "b": pl.String}
    )
    (payload,) = payloads(frame)
    assert rows_of(payload) == [[a or "", b] for a, b in rows]


@some
@given(st.lists(texts, min_size=1, max_size=20))
def test_one_column_never_makes_a_blank_line(values: list[str]) -> None:
    (payload,) = payloads(pl.DataFrame({"a": values}))
    assert rows_of(payload) == [[value] for value in values]
    assert payload == line(["a"]) + b"".join(line([value]) for value in values)


def test_there_is_no_byte_order_mark_and_the_last_line_ends() -> None:
    assert payloads(pl.DataFrame({"a": ["x"]})) == [b'"a"\n"x"\n']


# --- every kind of frame ----------------------------------------------------------------------------------------------

small = st.integers(-(2**40), 2**40)
moments = st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1)).map(lambda m: m.replace(tzinfo=dt.UTC))
COLUMNS: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "text": (pa.string(), texts),
    "whole": (pa.int64(), small),
    "small": (pa.int8(), st.integers(-128, 127)),
    "float": (pa.float64(), st.floats(allow_infinity=False)),
    "single": (pa.float32(), st.floats(allow_infinity=False, width=32)),
    "flag": (pa.bool_(), st.booleans()),
    "decimal": (pa.decimal128(20, 3), st.decimals(-(10**16), 10**16, places=3)),
    "day": (pa.date32(), st.dates()),
    "moment": (pa.timestamp("us", "UTC"), moments),
    "berlin": (pa.timestamp("ns", "Europe/Berlin"), moments),
    "clock": (pa.time64("us"), st.times()),
    "list": (pa.list_(pa.string()), st.lists(st.sampled_from(["x", "y", "z,"]), max_size=3)),
}


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    names = draw(st.lists(st.sampled_from(list(COLUMNS)), min_size=1, max_size=5, unique=True))
    n = draw(st.integers(1, 8))
    columns = {}
    for name in names:
        arrow_type, values = COLUMNS[name]
        columns[name] = pa.array(draw(st.lists(st.none() | values, min_size=n, max_size=n)), arrow_type)
    return pa.table(columns)


@some
@given(tables())
def test_frames_of_every_kind_send_the_same_bytes(table: pa.Table) -> None:
    expected = payloads(table)
    for kind, frame in {
        "polars": pl.DataFrame(table),
        "lazy": pl.DataFrame(table).lazy(),
        "pandas": table.to_pandas(),
        "pandas of Arrow": table.to_pandas(types_mapper=pd.ArrowDtype),
        "reader": table.to_reader(max_chunksize=3),
    }.items():
        assert payloads(frame) == expected, kind


@some
@given(tables())
def test_python_objects_send_what_their_columns_send(table: pa.Table) -> None:
    table = table.drop_columns([name for name in table.column_names if name == "single"])  # as objects they are wide
    for kind, frame in {
        "pandas": table.to_pandas(types_mapper=pd.ArrowDtype).astype(object),
        "dicts": table.to_pylist(),
    }.items():
        assert not table.num_columns or payloads(frame) == payloads(table), kind


# --- the cut ----------------------------------------------------------------------------------------------------------


@some
@example([("a", "b")] * 5, 400, 2)  # full by their rows
@example([("a", "b")] * 5, 0, 5)  # full by their bytes
@given(
    st.lists(st.tuples(texts, st.sampled_from(["", "x" * 30])), min_size=1, max_size=40),
    st.integers(0, 400),
    st.integers(1, 50),
)
def test_the_cut_loses_nothing_and_fills_its_parts(rows: list[tuple[str, str]], spare: int, max_records: int) -> None:
    lines, header = [line(row) for row in rows], line("ab")
    max_bytes = len(header) + max(map(len, lines)) + spare
    frame = pl.DataFrame({"a": [a for a, _ in rows], "b": [b for _, b in rows]})
    parts = payloads(frame, max_payload_bytes=max_bytes, max_records=max_records)
    assert [part[: len(header)] for part in parts] == [header] * len(parts)
    assert b"".join(part[len(header) :] for part in parts) == b"".join(lines)
    sent = 0
    for part in parts:
        n = len(rows_of(part))
        sent += n
        assert 1 <= n <= max_records
        assert len(part) <= max_bytes
        assert sent == len(rows) or n == max_records or len(part) + len(lines[sent]) > max_bytes


def test_a_part_may_have_exactly_as_many_bytes_as_are_allowed() -> None:
    frame = pl.DataFrame({"a": ["x"] * 6})
    three = len(line(["a"]) + 3 * line(["x"]))
    assert [len(rows_of(part)) for part in payloads(frame, max_payload_bytes=three)] == [3, 3]
    assert [len(rows_of(part)) for part in payloads(frame, max_payload_bytes=three - 1)] == [2, 2, 2]
    assert [len(rows_of(part)) for part in payloads(frame, max_payload_bytes=three + 1)] == [3, 3]
    assert [len(rows_of(part)) for part in payloads(frame.head(3), max_payload_bytes=three)] == [3]
    assert [len(rows_of(part)) for part in payloads(frame.head(3), max_payload_bytes=three - 1)] == [2, 1]


def test_many_rows_are_cut_as_few_are() -> None:
    n, max_bytes = 300_000, 1_000_003
    names = pl.Series([f'{i}"\n' if i % 7 == 0 else str(i) for i in range(n)])
    parts = payloads(pl.DataFrame({"a": names}), max_payload_bytes=max_bytes)
    assert [value for part in parts for (value,) in rows_of(part)] == names.to_list()
    assert all(max_bytes - 20 < len(part) <= max_bytes for part in parts[:-1])


def test_a_row_that_fits_into_no_part_is_a_problem_before_anything_is_sent() -> None:
    frame = pl.DataFrame({"a": ["x", "y" * 100, "z"], "n": [1.0, 2.0, 3.0]})
    told = bulk(frame).check("Thing__c", "insert", describe=False, max_payload_bytes=60)
    assert told.select("code", "rows", "row").rows() == [("ROW_EXCEEDS_PAYLOAD", 1, 1)]


@pytest.mark.parametrize("number", [1e300, 5e-324], ids=str)
def test_a_long_number_that_fits_into_no_part_is_found_as_well(number: float) -> None:
    told = bulk(pl.DataFrame({"n": [1.0, number]})).check("Thing__c", "insert", describe=False, max_payload_bytes=200)
    assert told.select("code", "rows", "row").rows() == [("ROW_EXCEEDS_PAYLOAD", 1, 1)]


def test_a_record_longer_than_the_org_takes_is_a_problem() -> None:
    frame = pl.DataFrame({name: ["\U0001f600" * 60_000, "x"] for name in "abcd"})  # 480,000 UTF-16 units in all
    told = bulk(frame).check("Thing__c", "insert", describe=False)
    assert told.select("code", "rows", "row").rows() == [("RECORD_TOO_LONG", 1, 0)]


# --- groups -----------------------------------------------------------------------------------------------------------


@some
@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", "c", None]), st.sampled_from(["", "x" * 25])), min_size=1, max_size=40
    ),
    st.integers(0, 300),
    st.integers(1, 20),
    st.booleans(),
)
def test_groups_that_fit_into_a_part_are_in_one_part_and_keep_their_order(
    rows: list[tuple[str | None, str]], spare: int, max_records: int, is_lazy: bool
) -> None:
    lines = [line([str(i), group or "", text]) for i, (group, text) in enumerate(rows)]
    header = line(["n", "group", "text"])
    max_bytes = len(header) + max(map(len, lines)) + spare
    frame = pl.DataFrame(
        {"n": range(len(rows)), "group": [g for g, _ in rows], "text": [t for _, t in rows]},
        schema={"n": pl.Int64, "group": pl.String, "text": pl.String},
    )
    options: dict[str, Any] = {"group_by": "group", "max_payload_bytes": max_bytes, "max_records": max_records}
    parts = [rows_of(part) for part in payloads(frame.lazy() if is_lazy else frame, **options)]
    assert sorted(int(n) for part in parts for n, _, _ in part) == list(range(len(rows)))
    sizes = Counter(group or "" for group, _ in rows)
    n_bytes: Counter[str] = Counter()
    for text, (group, _) in zip(lines, rows, strict=True):
        n_bytes[group or ""] += len(text)
    for group, n in sizes.items():
        holding = [[int(i) for i, g, _ in part if g == group] for part in parts if any(g == group for _, g, _ in part)]
        in_order = [i for part in holding for i in part]
        assert in_order == sorted(in_order)
        if n <= max_records and len(header) + n_bytes[group] <= max_bytes:
            assert len(holding) == 1


def test_groups_of_two_columns_are_of_both() -> None:
    frame = pl.DataFrame({"a": [1, 2, 1, 2, 1], "b": ["x", "x", "x", "x", "y"], "n": range(5)})
    parts = payloads(frame, group_by=["a", "b"], max_records=2)
    assert [[int(n) for *_, n in rows_of(part)] for part in parts] == [[0, 2], [4], [1, 3]]


def test_rows_left_out_are_in_no_part_and_groups_stay_together() -> None:
    frame = pl.DataFrame({"g": list("abcabc"), "text": ["1", "\0", "3", "4", "5", "6"]})
    result = payloads(frame, group_by="g", max_records=2, invalid="report")
    assert [rows_of(part) for part in result] == [[["a", "1"], ["a", "4"]], [["b", "5"]], [["c", "3"], ["c", "6"]]]


def test_decimals_of_the_same_scale_are_sent_alike_by_all() -> None:
    values = [Decimal("1.50"), None, Decimal("-0.01")]
    assert payloads(pd.DataFrame({"d": values})) == payloads(pl.DataFrame({"d": values}))


def test_payloads_that_are_found_as_garbage_do_no_harm() -> None:
    """CPython 3.12.1 dies if the view of a file in memory is found so, as after a call that was broken off."""
    frame = pl.DataFrame({"a": ["1", "2"]})
    request = ingest_request("Thing__c", "insert", None, Options(describe=False))
    layout, _ = lay_out(Given(labels=["a"], dtypes=dict(frame.schema)), {"a": "a"}, request, None, {})

    def broken_off() -> None:
        sent: list[Any] = list(parts(MemoryRows(frame), layout, Cut(max_bytes=1000, max_records=1)))
        assert [bytes(part.data) for part in sent] == [b'"a"\n"1"\n', b'"a"\n"2"\n']
        sent.append(sent)

    for _ in range(100):
        broken_off()
    gc.collect()
