"""On the screen failure can't be overlooked, and nothing that the org says does harm."""

from __future__ import annotations

import re
import warnings
from html.parser import HTMLParser

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sfframe
from sfframe import screen
from sfframe.localorg import Fault
from sfframe.row_errors import counted, reasons
from tests.conftest import MakeFrame

EVIL = '<script>alert("x")</script><img src=x onerror=alert(1)>\x1b[2J\u202egood'


def picture(*errors: str, successful: int = 1, unprocessed: int = 0, notes: tuple[str, ...] = ()) -> screen.Picture:
    return screen.Picture(
        summary="upsert Contact on acme.my.salesforce.com",
        counts={"successful": successful, "failed": len(errors), "unprocessed": unprocessed},
        notes=notes,
        reasons=reasons(counted(pl.Series(errors, dtype=pl.String))),
        hints=["look at .failed_results"],
    )


class Tags(HTMLParser):
    """The tags and attributes of a page, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_one_failed_row_among_many_makes_the_whole_not_ok() -> None:
    bad = picture("X:y:--", successful=999_999)
    assert screen.text(bad).startswith("NOT OK")
    assert "NOT OK" in Tags(screen.page(bad)).text
    assert re.search(r"width:max\(6px,0\.000%\);background:#cf222e", screen.page(bad))


@pytest.mark.parametrize(
    "bad", [picture("X:y:--"), picture(unprocessed=1), picture(notes=("job 750 ended as Failed: no reason",))]
)
def test_failed_rows_unprocessed_rows_and_failed_jobs_are_never_ok(bad: screen.Picture) -> None:
    assert not bad.is_good
    assert screen.text(bad).startswith("NOT OK")


def test_a_clean_result_is_ok_and_has_nothing_red() -> None:
    good = picture()
    assert screen.text(good).startswith("OK  ")
    assert "#cf222e" not in screen.page(good)


def test_markup_and_control_characters_of_the_org_do_no_harm() -> None:
    bad = picture(f"X:{EVIL}:--", f"{EVIL}:y:--", notes=(f"job 750: {EVIL}",))
    page, text = screen.page(bad), screen.text(bad)
    tags = Tags(page)
    assert tags.tags == {"div", "b", "i", "table", "thead", "tbody", "tr", "th", "td"}
    assert tags.attributes <= {"style", "title"}
    assert "<script>" in tags.text, "it is shown as text"
    for shown in (page, text.replace("\n", "")):
        assert shown.isprintable()


@given(st.lists(st.text(), max_size=30), st.lists(st.text(), max_size=3))
def test_any_text_of_the_org_can_be_shown(errors: list[str], notes: list[str]) -> None:
    shown = picture(*errors, notes=tuple(notes))
    tags = Tags(screen.page(shown))
    assert tags.open == []
    assert tags.tags <= {"div", "b", "i", "code", "table", "thead", "tbody", "tr", "th", "td"}
    assert all(line.isprintable() for line in screen.text(shown).split("\n"))


def test_the_page_has_no_scripts_and_says_all_without_its_styles() -> None:
    bad = picture("INVALID_EMAIL_ADDRESS:Email: bad:Email --", unprocessed=2, notes=("job 750 ended as Aborted: x",))
    text = Tags(screen.page(bad)).text
    for word in ("NOT OK", "INVALID_EMAIL_ADDRESS", "Email: bad", "job 750 ended as Aborted", ".failed_results"):
        assert word in text
    assert "script" not in screen.page(bad)
    assert "<style" not in screen.page(bad)


def _contrast(one: str, other: str) -> float:
    """As the Web Content Accessibility Guidelines reckon it."""

    def light(color: str) -> float:
        parts = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
        r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


def test_it_can_be_read_on_light_and_on_dark() -> None:
    """Text has no color of its own but for white on the verdict's chip; bars stand out from either background."""
    page = screen.page(picture("X:y:--", successful=5, unprocessed=3))
    assert re.findall(r"[;\"]color:(#\w+)", page) == ["#ffffff"]
    chip, *bars = re.findall(r"background:(#\w+)", page)
    assert _contrast(chip, "#ffffff") >= 4.5
    assert len(bars) == 3
    for color in (chip, *bars):
        assert all(_contrast(color, background) >= 3 for background in ("#ffffff", "#111111"))


def test_many_reasons_are_cut_short_and_the_rest_is_counted() -> None:
    bad = picture(*(f"CODE_{chr(65 + n)}:y:--" for n in range(20)))
    assert "and 12 more reasons: see .errors" in screen.text(bad)
    assert "and 12 more reasons: see .errors" in Tags(screen.page(bad)).text


# --- of real calls ----------------------------------------------------------------------------------------------------


def test_a_result_says_what_was_done_where_and_what_to_do_next(
    local: sfframe.LocalOrg, org: sfframe.Org, make_frame: MakeFrame
) -> None:
    frame = make_frame({"ExternalId__c": ["1", "2"], "LastName": ["x", "y"], "Email": ["a@b.de", "<script>"]})
    result = sfframe.ingest(frame, "Contact", "upsert", "ExternalId__c", org=org, on_failure="return")
    first, *others = repr(result).splitlines()
    assert first.startswith(f"NOT OK  upsert Contact on {org.host}: 1 FAILED, 1 successful of 2 rows (1 job, ")
    assert "    1 × INVALID_EMAIL_ADDRESS [Email] Email: invalid email address: <script>" in others
    assert any(".failed_results" in line for line in others)
    assert "<script>" not in result._repr_html_()
    assert "&lt;script&gt;" in result._repr_html_()


def test_an_ok_result_has_no_errors_and_no_hints(org: sfframe.Org, make_frame: MakeFrame) -> None:
    result = sfframe.ingest(make_frame({"LastName": ["x"]}), "Contact", "insert", org=org)
    assert len(repr(result).splitlines()) == 1
    assert repr(result).startswith("OK  insert Contact on ")


def test_no_rows_are_ok_too(org: sfframe.Org) -> None:
    result = sfframe.ingest(pl.DataFrame(schema={"LastName": pl.String}), "Contact", "insert", org=org)
    assert repr(result).startswith("OK  insert Contact on ")
    assert "0 successful of 0 rows (0 jobs" in repr(result)
    assert "OK" in result._repr_html_()


def test_a_failed_job_and_its_unprocessed_rows_are_shown(local: sfframe.LocalOrg, org: sfframe.Org) -> None:
    local.faults.append(Fault("job", "fail", error="TooManyLockFailure : <b>too many</b>", after_rows=0))
    frame = pl.DataFrame({"LastName": ["x", "y"]})
    result = sfframe.ingest(frame, "Contact", "insert", org=org, on_failure="return")
    text, page = repr(result), result._repr_html_()
    assert "2 UNPROCESSED, 0 successful" in text
    assert f"! job {result.jobs[0].id} ended as Failed: TooManyLockFailure : <b>too many</b>" in text
    assert ".unprocessed_records" in text
    assert ".retry()" in text
    assert "&lt;b&gt;too many" in page


def test_warnings_and_exceptions_quote_no_rows(org: sfframe.Org) -> None:
    frame = pl.DataFrame({"LastName": ["x"], "Email": ["private@@example.com"]})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = sfframe.ingest(frame, "Contact", "insert", org=org)
    with pytest.raises(sfframe.RecordsFailed) as failed:
        sfframe.ingest(frame, "Contact", "insert", org=org, on_failure="raise")
    assert "private" in repr(result)
    for text in (str(caught[0].message), str(failed.value)):
        assert "1 × INVALID_EMAIL_ADDRESS [Email]" in text
        assert "private" not in text
