"""What files hold is what is sent: each format, cells of CSV verbatim; what can't be read is told by its line."""

from __future__ import annotations

import csv
import gzip
import io
import json
import stat
import string
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import hypothesis
import polars as pl
import pytest
from hypothesis import strategies as st

import sfframe
from sfframe.cli import csv_file, files
from sfframe.cli.call_errors import CallError

from .conftest import Run

Dialect = csv_file.Dialect


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def read(path: Path | str, stack: ExitStack, dialect: Dialect | None = None, wanted: str | None = None) -> pl.DataFrame:
    return files.opened(str(path), wanted, dialect or Dialect(), stack).frame.collect()


ROWS = pl.DataFrame({"LastName": ["Ng", None], "Visits__c": [3, 1], "DoNotCall": [True, False]})


def written(path: Path, frame: pl.DataFrame = ROWS) -> Path:
    match path.name.partition(".")[2]:
        case "parquet":
            frame.write_parquet(path)
        case "arrow" | "feather" | "ipc":
            frame.write_ipc(path)
        case "stream":
            frame.write_ipc_stream(path)
        case "ndjson" | "jsonl":
            frame.write_ndjson(path)
        case "csv" | "tsv":
            frame.write_csv(path, separator="\t" if path.suffix == ".tsv" else ",")
        case "ndjson.gz":
            path.write_bytes(gzip.compress(frame.write_ndjson().encode()))
        case "csv.gz":
            path.write_bytes(gzip.compress(frame.write_csv().encode()))
    return path


@pytest.mark.parametrize("suffix", ["parquet", "arrow", "feather", "ipc", "ndjson", "jsonl", "ndjson.gz"])
def test_formats_with_types_keep_them(tmp_path: Path, stack: ExitStack, suffix: str) -> None:
    assert read(written(tmp_path / f"rows.{suffix}"), stack).equals(ROWS)


@pytest.mark.parametrize("suffix", ["csv", "tsv", "csv.gz"])
def test_cells_of_csv_are_text(tmp_path: Path, stack: ExitStack, suffix: str) -> None:
    expected = pl.DataFrame({"LastName": ["Ng", None], "Visits__c": ["3", "1"], "DoNotCall": ["true", "false"]})
    assert read(written(tmp_path / f"rows.{suffix}"), stack).equals(expected)


def test_an_arrow_stream_is_read_under_any_name_and_twice(tmp_path: Path, stack: ExitStack) -> None:
    given = files.opened(str(written(tmp_path / "rows.stream")), "arrow", Dialect(), stack)
    assert given.frame.collect().equals(given.frame.collect())
    assert given.frame.head(1).select("Visits__c").collect().equals(ROWS.head(1).select("Visits__c"))


def test_nested_objects_of_ndjson_are_lookups(run: Run, local: sfframe.LocalOrg, tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_text('{"ExternalId__c": "A-1", "Name": "Acme"}\n', "utf-8")
    assert run("insert", "a.ndjson", "Account").code == 0
    late = [json.dumps({"LastName": "x"})] * 200 + [json.dumps({"LastName": "Ng", "Account": {"ExternalId__c": "A-1"}})]
    (tmp_path / "c.ndjson").write_text("\n".join(late), "utf-8")
    assert run("insert", "c.ndjson", "Contact").code == 0
    (account,) = local.rows("Account").column("Id").to_pylist()
    assert local.rows("Contact").column("AccountId").to_pylist().count(account) == 1


# --- CSV --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "cells"),
    [
        ("a,b\n007,NA\n1E5,null\n", [("007", "NA"), ("1E5", "null")]),
        ("a,b\n  x  ,\ty\n", [("  x  ", "\ty")]),
        ('a,b\n"",\n', [(None, None)]),
        ('\ufeffa,b\r\n1,"x\r\ny"\r\n', [("1", "x\r\ny")]),
        ('\ufeff"a",b\n1,2\n', [("1", "2")]),
        ("a,b\n\n1,2\n\n\n", [("1", "2")]),  # blank lines are no rows
        ("a,b\n1,2", [("1", "2")]),
        ('a,b\n5" pipe,"say ""hi"""\n', [('5" pipe', 'say "hi"')]),
        ("a,b\n=1+1,true\n", [("=1+1", "true")]),
        ("a,b\n2026-01-31,2026-01-31T00:00:00Z\n", [("2026-01-31", "2026-01-31T00:00:00Z")]),
        ("a,b\nx\x00y,\u2028\n", [("x\x00y", "\u2028")]),
        ("a,b\r1,2\r", [("1", "2")]),
        ("a,b\n", []),
    ],
)
def test_a_cell_of_csv_stays_what_it_is(
    tmp_path: Path, stack: ExitStack, content: str, cells: list[tuple[str | None, ...]]
) -> None:
    (tmp_path / "x.csv").write_bytes(content.encode())
    assert read(tmp_path / "x.csv", stack).rows() == cells


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("a,b\n1,2\n3\n", "line 3: 1 cells, and the header has 2 columns"),
        ('a,b\n1,"x\ny"\n3,4,5\n', "line 4: 3 cells, and the header has 2 columns; a separator in a text needs quotes"),
        ('a,b\n1,"x\ny\n3,4\n', "line 2: a quote that is opened in the row that begins here is never closed"),
        ('a,b\n1,2\n"say "hi"",3\n', "line 3: text behind a closing quote"),
        ("a,a\n1,2\n", "the header names 'a' twice"),
        ("a,,c\n1,2,3\n", "column 2 has no name"),
        ("a;b\n1;2\n", "say --separator ';'"),
        ("a\tb\n1\t2\n", "say --separator tab"),
        ("\n\n", "holds no line"),
        ("", "is empty"),
    ],
)
def test_what_is_no_csv_is_told_by_its_line(tmp_path: Path, stack: ExitStack, content: str, told: str) -> None:
    (tmp_path / "x.csv").write_bytes(content.encode())
    with pytest.raises(CallError) as refused:
        read(tmp_path / "x.csv", stack)
    assert told in str(refused.value)


def test_another_encoding_is_named_or_told_with_the_line(tmp_path: Path, stack: ExitStack) -> None:
    for encoding in ("cp1252", "utf-16"):
        (tmp_path / "x.csv").write_text("a,b\n1,2\nMüller,€\n", encoding)
        assert read(tmp_path / "x.csv", stack, Dialect(encoding=encoding)).rows() == [("1", "2"), ("Müller", "€")]
    with pytest.raises(CallError, match=r"not written in utf-8; it begins as UTF-16 does: --encoding utf-16"):
        read(tmp_path / "x.csv", stack)
    (tmp_path / "x.csv").write_text("a,b\n1,2\nMüller,€\n", "cp1252")
    with pytest.raises(CallError, match=r"line 3: not written in utf-8; .*--encoding cp1252"):
        read(tmp_path / "x.csv", stack)
    with pytest.raises(CallError, match="there is no encoding 'klingon'"):
        read(tmp_path / "x.csv", stack, Dialect(encoding="klingon"))


def test_a_row_may_be_larger_than_what_is_read_at_once(tmp_path: Path, stack: ExitStack) -> None:
    long = '"é' * 900_000
    (tmp_path / "x.csv").write_text(pl.DataFrame({"a": ["x", long, "y"]}).write_csv(), "utf-8")
    assert read(tmp_path / "x.csv", stack)["a"].to_list() == ["x", long, "y"]


def test_the_line_of_a_row_is_told_however_long_its_cells_are(tmp_path: Path, stack: ExitStack) -> None:
    (tmp_path / "x.csv").write_text(f'Id,Note\n1,"a\nb"\n2,{"x" * 200_000}\n3,c\n', "utf-8")
    rows = files.opened(str(tmp_path / "x.csv"), None, Dialect(), stack)
    assert rows.places([1, 2]) == {1: "line 4", 2: "line 5"}


def test_of_a_file_that_is_gone_rows_are_told_by_number(tmp_path: Path, stack: ExitStack) -> None:
    rows = files.opened(str(written(tmp_path / "x.csv")), None, Dialect(), stack)
    (tmp_path / "x.csv").unlink()
    assert rows.places([1]) == {1: "row 1"}


def test_a_separator_may_be_typed_as_a_word(tmp_path: Path, stack: ExitStack) -> None:
    for typed, separator in ((";", ";"), ("tab", "\t"), ("\\t", "\t"), ("|", "|")):
        (tmp_path / "x.csv").write_text(f"a{separator}b\n1{separator}2,3\n", "utf-8")
        assert read(tmp_path / "x.csv", stack, Dialect(csv_file.separator_of(typed))).rows() == [("1", "2,3")]


_TEXT = st.text(st.sampled_from(string.ascii_letters + string.digits + " ,;\"'\n\r\t=€é\u2028😀"), max_size=6)


_ROWS = st.lists(st.lists(_TEXT, min_size=3, max_size=3), max_size=8)


@hypothesis.given(rows=_ROWS, line_end=st.sampled_from(["\n", "\r\n"]), always=st.booleans())
def test_what_a_writer_writes_is_read_as_it_was(rows: list[list[str]], line_end: str, always: bool) -> None:
    # Where lines end in LF, Python's writer takes a CR for no reason to quote.
    rows = [[cell if always else cell.replace("\r", "") for cell in row] for row in rows]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=line_end, quoting=csv.QUOTE_ALL if always else csv.QUOTE_MINIMAL)
    writer.writerows([["a", "b", "c"], *rows])
    assert _read(text.getvalue()) == [tuple(cell or None for cell in row) for row in rows]


_PIECES = st.sampled_from(
    ["a", "b", ",", '"', '""', "\n", "\r\n", "\r", " ", "é", "\x00", '"a"', "\n\n", "x,y", "\u2028"]
)


@hypothesis.given(pieces=st.lists(_PIECES, max_size=14), header=st.sampled_from(["h", "h,k"]))
def test_whatever_is_taken_is_read_as_pythons_own_reader_does(pieces: list[str], header: str) -> None:
    text = f"{header}\n{''.join(pieces)}"
    try:
        found = _read(text)
    except CallError:
        return
    _, *rows = (row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row)
    assert found == [tuple(cell or None for cell in row) for row in rows]


def _read(text: str) -> list[Any]:
    with tempfile.NamedTemporaryFile(suffix=".csv") as file, ExitStack() as stack:
        file.write(text.encode())
        file.flush()
        return read(file.name, stack).rows()


# --- other trouble ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("x.ndjson", b'{"a": 1}\n{"a": \n', "line 2"),
        ("x.ndjson", b"[1, 2]\n", "line 1 is no object"),
        ("x.parquet", b"PAR1 and no more", "can't be read as parquet"),
        ("x.arrow", b"ARROW1 and no more", "can't be read as arrow"),
        ("x.csv.gz", b"\x1f\x8b and no more", "can't be unpacked by gzip"),
        ("x.csv.gz", b"\x1f\x8b\x08" + bytes(7) + b"\xff" * 20, "can't be unpacked by gzip"),
        ("x.json", b"[]", "ends in none of .csv, .tsv, .parquet"),
        ("x.xlsx", b"PK", "save the sheet as CSV in UTF-8"),
    ],
)
def test_what_is_not_what_its_name_says_is_told(
    tmp_path: Path, stack: ExitStack, name: str, content: bytes, told: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CallError) as refused:
        read(tmp_path / name, stack)
    assert told in str(refused.value)


def test_names_that_look_like_patterns_are_names(tmp_path: Path, stack: ExitStack) -> None:
    for suffix in ("ndjson", "parquet", "arrow", "csv"):
        written(tmp_path / f"a*[1]?.{suffix}")
        written(tmp_path / f"ab1x.{suffix}", ROWS.head(1))
        assert read(tmp_path / f"a*[1]?.{suffix}", stack).height == 2


# --- standard input ---------------------------------------------------------------------------------------------------


def given(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_standard_input_is_told_by_its_first_bytes(stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pl.DataFrame({"LastName": ["Ng", "Hopper"]})
    parquet, file, stream = io.BytesIO(), io.BytesIO(), io.BytesIO()
    frame.write_parquet(parquet)
    frame.write_ipc(file)
    frame.write_ipc_stream(stream)
    texts = [frame.write_csv().encode(), frame.write_ndjson().encode(), gzip.compress(frame.write_csv().encode())]
    for content in (*texts, parquet.getvalue(), file.getvalue(), stream.getvalue()):
        given(content, monkeypatch)
        assert read("-", stack).equals(frame)
    given(b'{"a": 1}\n', monkeypatch)
    assert read("-", stack, wanted="csv").columns == ['{"a": 1}']  # --format counts more


def test_what_is_kept_of_standard_input_is_for_its_owner_alone(
    tmp_path: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    given(b"a,b\n1,2\n", monkeypatch)
    assert read("-", stack).rows() == [("1", "2")]
    (folder,) = tmp_path.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    stack.close()
    assert list(tmp_path.iterdir()) == []
