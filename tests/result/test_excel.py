"""`to_excel`: three sheets, cells as values, nothing that Excel would run, round or lose."""

from __future__ import annotations

import sys
import zoneinfo
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.utils.escape import unescape

import sfframe
from sfframe import excel
from sfframe.failures import Mark
from sfframe.front import source_of
from sfframe.listed import Listed
from sfframe.localorg import Fault
from tests.conftest import MakeFrame


def sheets(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of each sheet, header first."""
    book = openpyxl.load_workbook(path)
    return {sheet.title: list(sheet.iter_rows(values_only=True)) for sheet in book.worksheets}


def cells(path: Path, frame: Any) -> list[tuple[Any, ...]]:
    """A frame's rows, header first, after a trip through a workbook."""
    with path.open("wb") as file:
        excel.write(file, [excel.sheet_of("rows", source_of(frame).listed(frame))])
    return sheets(path)["rows"]


def test_the_three_frames_are_three_sheets_with_the_error_beside_its_row(
    org: sfframe.Org, make_frame: MakeFrame, tmp_path: Path
) -> None:
    frame = make_frame({"LastName": ["x", "y"], "Email": ["a@b.de", "?"]})
    result = sfframe.ingest(frame, "Contact", "insert", org=org, on_failure="return")
    path = result.to_excel(tmp_path / "contacts.xlsx")
    assert path == tmp_path / "contacts.xlsx"
    found = sheets(path)
    assert list(found) == ["successful_results", "failed_results", "unprocessed_records"]
    header, row = found["successful_results"]
    assert header == ("LastName", "Email", "sf__Id", "sf__Created")
    assert row[:2] == ("x", "a@b.de")
    assert row[3] is True
    assert found["failed_results"] == [
        ("LastName", "Email", "sf__Id", "sf__Error"),
        ("y", "?", None, "INVALID_EMAIL_ADDRESS:Email: invalid email address: ?:Email --"),
    ]
    assert found["unprocessed_records"] == [("LastName", "Email")]


def test_a_reader_read_once_and_records_are_written_too(org: sfframe.Org, tmp_path: Path) -> None:
    reader = pa.table({"LastName": ["x"]}).to_reader()
    for frame in (reader, [{"LastName": "x"}]):
        result = sfframe.ingest(frame, "Contact", "insert", org=org)
        assert sheets(result.to_excel(str(tmp_path / "x.xlsx")))["successful_results"][1][0] == "x"


def test_text_is_never_a_formula_a_link_or_a_number(tmp_path: Path) -> None:
    texts = ["=1+1", "+49 30 1", "-1", "@SUM(A1)", "{=A1}", "https://example.com", "007", "1E5", "TRUE", " ", "a\nb"]
    path = tmp_path / "x.xlsx"
    assert [row[0] for row in cells(path, pl.DataFrame({"text": texts}))[1:]] == texts
    sheet = openpyxl.load_workbook(path).worksheets[0]
    assert {cell.data_type for (cell,) in sheet.iter_rows(min_row=2)} <= {"s", "inlineStr"}
    assert [cell.hyperlink for (cell,) in sheet.iter_rows(min_row=2)] == [None] * len(texts)


def test_cells_are_values(tmp_path: Path) -> None:
    row = {
        "int": 7, "float": 0.25, "bool": True, "date": date(2026, 3, 1), "naive": datetime(2026, 3, 1, 9, 30),
        "time": time(9, 30), "decimal": Decimal("12.50"), "list": ["a", "b"], "null": None,
    }  # fmt: skip
    _, found = cells(tmp_path / "x.xlsx", pl.DataFrame([row], strict=False))
    assert found == (7, 0.25, True, datetime(2026, 3, 1), datetime(2026, 3, 1, 9, 30), time(9, 30), 12.5, "a;b", None)


def test_what_excel_would_round_or_not_know_is_text(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "int": [1234567890123456789, -(10**15)],
            "decimal": [Decimal("1234567890123456.78"), Decimal("1.50")],
            "float": [float("inf"), float("nan")],
            "date": [date(1815, 12, 10), date(1900, 2, 28)],
        }
    )
    assert cells(tmp_path / "x.xlsx", frame)[1:] == [
        ("1234567890123456789", "1234567890123456.78", "inf", "1815-12-10"),
        ("-1000000000000000", 1.5, None, "1900-02-28"),
    ]


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_datetime_with_a_zone_keeps_its_clock_and_shows_its_zone(library: str, tmp_path: Path) -> None:
    berlin = zoneinfo.ZoneInfo("Europe/Berlin")
    times = [datetime(2026, 1, 1, 9, 30, tzinfo=berlin), datetime(2026, 7, 1, 9, 30, tzinfo=berlin), None]
    frame: Any = pl.DataFrame({"at": pl.Series(times, dtype=pl.Datetime("us", "Europe/Berlin")), "n": [1, 2, 3]})
    frame = frame.to_pandas() if library == "pandas" else frame
    assert [row[0] for row in cells(tmp_path / "x.xlsx", frame)[1:]] == [*(t and t.replace(tzinfo=None) for t in times)]
    sheet = openpyxl.load_workbook(tmp_path / "x.xlsx").worksheets[0]
    assert sheet["A2"].number_format == 'yyyy-mm-dd hh:mm:ss" +01:00"'
    assert sheet["A3"].number_format == 'yyyy-mm-dd hh:mm:ss" +02:00"'


@pytest.mark.parametrize(
    ("offset", "shown"),
    [(timedelta(0), "UTC"), (-timedelta(hours=3, minutes=30), "-03:30"), (timedelta(hours=5), "+05:00")],
)
def test_each_offset_is_shown_as_such(offset: timedelta, shown: str, tmp_path: Path) -> None:
    frame = pd.DataFrame({"at": pd.Series([datetime(2026, 1, 1, tzinfo=timezone(offset))], dtype=object)})
    cells(tmp_path / "x.xlsx", frame)
    assert openpyxl.load_workbook(tmp_path / "x.xlsx").worksheets[0]["A2"].number_format.endswith(f'" {shown}"')


def test_each_null_of_pandas_is_an_empty_cell_and_its_index_is_kept(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "object": [None, float("nan"), pd.NA, pd.NaT, "x"],
            "Int64": pd.array([1, None, 3, 4, 5], dtype="Int64"),
            "when": pd.to_datetime(pd.Series([None, "2026-01-01", None, None, None])).array,
            "category": pd.Categorical(["a", None, "b", "a", "a"]),
        },
        index=pd.Index(list("vwxyz"), name="key"),
    )
    assert cells(tmp_path / "x.xlsx", frame) == [
        ("key", "object", "Int64", "when", "category"),
        ("v", None, 1, None, "a"),
        ("w", None, None, datetime(2026, 1, 1), None),
        ("x", None, 3, None, "b"),
        ("y", None, 4, None, "a"),
        ("z", "x", 5, None, "a"),
    ]


def test_two_columns_of_one_name_are_both_written(tmp_path: Path) -> None:
    frame = pd.DataFrame([[1, 2]], columns=["a", "a"])
    assert cells(tmp_path / "x.xlsx", frame) == [("a", "a (2)"), (1, 2)]


@given(st.lists(st.text(max_size=20), min_size=1, max_size=5))
@settings(max_examples=40, deadline=None)
def test_any_text_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    path = tmp_path_factory.mktemp("excel") / "x.xlsx"
    found = cells(path, pl.DataFrame({"text": texts}))[1:]
    # An empty cell is as good as none; control characters are written as `_x0001_`.
    assert [unescape(cell or "") for (cell,) in found] == texts


def test_more_rows_than_a_sheet_holds_are_a_clear_error_and_no_file(tmp_path: Path, org: sfframe.Org) -> None:
    rows = [""] * excel.MAX_ROWS
    with pytest.raises(ValueError, match=r"1,048,576 rows.*\.save\(folder\)"):
        excel.sheet_of("failed_results", Listed([("a", rows)]))
    assert excel.sheet_of("failed_results", Listed([("a", rows[1:])])).height == excel.MAX_ROWS - 1


def test_too_many_rows_are_refused_before_they_are_taken_into_memory(
    org: sfframe.Org, make_frame: MakeFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(excel, "MAX_ROWS", 2)
    result = sfframe.ingest(make_frame({"LastName": ["x", "y"]}), "Contact", "insert", org=org)
    monkeypatch.setattr(type(result._source), "listed", lambda self, view: pytest.fail("it is read"))
    with pytest.raises(ValueError, match=r"successful_results has 2 rows.*\.save\(folder\)"):
        result.to_excel(tmp_path / "x.xlsx")
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    ("name", "error", "told"),
    [
        ("nodir/x.xlsx", FileNotFoundError, r"no folder '.*nodir' for x\.xlsx: make it first"),
        (".", IsADirectoryError, r"is a folder: a file's name is needed"),
        ("x.csv", ValueError, r"'x\.csv' doesn't end in \.xlsx, .*: rename it"),
        ("x", ValueError, r"'x' doesn't end in \.xlsx"),
    ],
)
def test_a_place_where_no_workbook_can_be_is_told(
    org: sfframe.Org, tmp_path: Path, name: str, error: type[Exception], told: str
) -> None:
    result = sfframe.ingest(pl.DataFrame({"LastName": ["x"]}), "Contact", "insert", org=org)
    with pytest.raises(error, match=told):
        result.to_excel(tmp_path / name)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="no folder where root can't write either")
def test_a_folder_that_takes_no_file_is_told_in_one_error(org: sfframe.Org) -> None:
    result = sfframe.ingest(pl.DataFrame({"LastName": ["x"]}), "Contact", "insert", org=org)
    with pytest.raises(OSError, match=r"no file .* in the folder '/proc' \(.*\): give 'x.xlsx' another place") as error:
        result.to_excel("/proc/x.xlsx")
    assert error.value.__suppress_context__


def test_a_workbook_that_could_not_be_made_leaves_the_one_before_as_it_was(org: sfframe.Org, tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    path.write_bytes(b"yesterday's")
    frame = pl.DataFrame({"LastName": ["x"], "Note": ["n" * 32_768]})
    result = sfframe.ingest(frame, "Contact", "insert", org=org, columns={"Note": None})
    with pytest.raises(ValueError, match="'Note'"):
        result.to_excel(path)
    assert path.read_bytes() == b"yesterday's"
    assert [*tmp_path.iterdir()] == [path]


def test_a_text_that_a_cell_cant_hold_is_a_clear_error_and_no_file(org: sfframe.Org, tmp_path: Path) -> None:
    frame = pl.DataFrame({"LastName": ["x", "y"], "Note": ["", "n" * 32_768]})
    result = sfframe.ingest(frame, "Contact", "insert", org=org, columns={"Note": None})
    with pytest.raises(ValueError, match=r"'Note' of successful_results.* 32,768 characters in row 1"):
        result.to_excel(tmp_path / "x.xlsx")
    assert not (tmp_path / "x.xlsx").exists()


# --- for the colleague who must mend the data -------------------------------------------------------------------------

RED = "FFFFC7CE"


def marked(sheet: Any) -> dict[str, Any]:
    """The marked cells of a sheet, and what they hold."""
    return {
        cell.coordinate: cell.value for row in sheet.iter_rows() for cell in row if cell.fill.start_color.rgb == RED
    }


def notes(sheet: Any) -> dict[str, str]:
    """What is noted at which cells."""
    return {cell.coordinate: cell.comment.text for row in sheet.iter_rows() for cell in row if cell.comment}


def test_the_cells_that_an_error_is_about_are_marked_and_the_cause_is_noted(
    org: sfframe.Org, make_frame: MakeFrame, tmp_path: Path
) -> None:
    frame = make_frame(
        {
            "Key": ["a", "b", "c", "d"],
            "Surname": ["x", None, "z", "w"],
            "Email": ["a@b.de", "a@b.de", "?", "a@b.de"],
            "Born": [date(1990, 1, 1)] * 4,
            "Account.ExternalId__c": [None, None, None, "A-9"],
        },
        Born=pl.Date,
    )
    columns = {"Key": "ExternalId__c", "Surname": "LastName", "Born": "Birthdate"}
    result = sfframe.ingest(frame, "Contact", "upsert", "ExternalId__c", org=org, on_failure="return", columns=columns)
    book = openpyxl.load_workbook(result.to_excel(tmp_path / "contacts.xlsx"))
    failed = book["failed_results"]
    assert marked(failed) == {"B2": None, "C3": "?", "E4": "A-9"}
    assert notes(failed) == {
        "B2": "LastName needs a value, and is empty in these rows",
        "C3": "Email takes one e-mail address; '?' has no @",
        "E4": "no Account has this ExternalId__c: load such an Account first, then .retry()",
    }
    assert marked(book["successful_results"]) == {}


def test_a_marked_date_is_a_date_still(org: sfframe.Org, local: sfframe.LocalOrg, tmp_path: Path) -> None:
    local.faults.append(Fault("rows", "error", error="FIELD_INTEGRITY_EXCEPTION:too early:Birthdate --"))
    frame = pl.DataFrame({"LastName": ["x"], "Birthdate": [date(1990, 1, 1)]})
    result = sfframe.ingest(frame, "Contact", "insert", org=org, on_failure="return")
    failed = openpyxl.load_workbook(result.to_excel(tmp_path / "x.xlsx"))["failed_results"]
    assert marked(failed) == {"B2": datetime(1990, 1, 1)}
    assert failed["B2"].number_format == "yyyy-mm-dd"


def test_a_cause_without_a_cell_is_noted_at_the_error(
    org: sfframe.Org, local: sfframe.LocalOrg, tmp_path: Path
) -> None:
    local.rules["Contact"] = lambda row: "No."
    frame = pd.DataFrame({"LastName": ["x"]}, index=pd.Index(["LastName"], name="LastName"))
    result = sfframe.ingest(frame, "Contact", "insert", org=org, on_failure="return")
    failed = openpyxl.load_workbook(result.to_excel(tmp_path / "x.xlsx"))["failed_results"]
    assert marked(failed) == {}
    assert notes(failed) == {"D2": "a validation rule of the org, which describe doesn't show"}


def test_the_failed_rows_are_in_front_under_a_frozen_header_with_a_filter(org: sfframe.Org, tmp_path: Path) -> None:
    frame = pl.DataFrame({"LastName": ["x", "y"], "Email": ["a@b.de", "?"]})
    result = sfframe.ingest(frame, "Contact", "insert", org=org, on_failure="return")
    book = openpyxl.load_workbook(result.to_excel(tmp_path / "x.xlsx"))
    assert book.active is not None
    assert book.active.title == "failed_results"
    for sheet in book.worksheets[:2]:
        assert sheet.freeze_panes == "A2"
        assert sheet.auto_filter.ref == "A1:D2"
    assert book["failed_results"].column_dimensions["D"].width >= 60


def test_a_workbook_without_failed_rows_opens_at_the_successful_ones(org: sfframe.Org, tmp_path: Path) -> None:
    result = sfframe.ingest(pl.DataFrame({"LastName": ["x"]}), "Contact", "insert", org=org)
    book = openpyxl.load_workbook(result.to_excel(tmp_path / "x.xlsx"))
    assert book.active is not None
    assert book.active.title == "successful_results"


def test_mended_in_the_workbook_it_is_sent_as_it_is(org: sfframe.Org, tmp_path: Path) -> None:
    frame = pl.DataFrame({"LastName": ["x", "y"], "Email": ["?", "!"]})
    path = sfframe.ingest(frame, "Contact", "insert", org=org, on_failure="return").to_excel(tmp_path / "x.xlsx")
    book = openpyxl.load_workbook(path)
    for row in (2, 3):
        book["failed_results"].cell(row, 2).value = "a@b.de"
    book.save(path)
    mended = pd.read_excel(path, sheet_name="failed_results")
    assert sfframe.ingest(mended, "Contact", "insert", org=org).counts["successful"] == 2


def test_many_marked_rows_have_notes_up_to_a_bound(tmp_path: Path) -> None:
    sheet = excel.sheet_of("failed_results", Listed([("a", range(1_500))]))
    marks = [Mark(columns=("a",), cause="because")] * 1_500
    with (tmp_path / "x.xlsx").open("wb") as file:
        excel.write(file, [sheet], marks={"failed_results": marks})
    [written] = openpyxl.load_workbook(tmp_path / "x.xlsx").worksheets
    assert len(marked(written)) == 1_500
    assert len(notes(written)) == 1_000


def test_without_xlsxwriter_the_error_says_what_to_install(
    org: sfframe.Org, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    result = sfframe.ingest(pl.DataFrame({"LastName": ["x"]}), "Contact", "insert", org=org)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'sfframe\[excel\]'"):
        result.to_excel(tmp_path / "x.xlsx")
