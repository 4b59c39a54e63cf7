"""On the screen failure can't be overlooked, and nothing that the org says does harm."""

from __future__ import annotations

import re
import warnings
from html.parser import HTMLParser
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sfframe
from sfframe import markup, page, screen
from sfframe.failures import MOST, Reason
from sfframe.ingest.ledger import no_attempts
from sfframe.job_lines import JobLine, job_lines
from sfframe.localorg import Fault
from sfframe.org.job import JobInfo
from sfframe.org.job_page import job_page
from sfframe.row_errors import counted, reasons
from sfframe.timeline import no_timeline
from tests.conftest import MakeFrame, in_one
from tests.result.contrast import contrast

EVIL = '<script>alert("x")</script><img src=x onerror=alert(1)>\x1b[2J\u202egood'


def picture(
    *errors: str,
    successful: int = 1,
    unprocessed: int = 0,
    notes: tuple[str, ...] = (),
    example: str | None = None,
    cause: str | None = None,
    jobs: tuple[JobLine, ...] = (),
) -> screen.Picture:
    found = reasons(counted(pl.Series(errors, dtype=pl.String)))
    more: dict[str, Any] = {"examples": [example] if example else [], "cause": cause}
    return screen.Picture(
        summary="upsert Contact on acme.my.salesforce.com",
        counts={"successful": successful, "failed": len(errors), "unprocessed": unprocessed},
        notes=notes,
        reasons=[Reason(**row, **more) for row in found.head(MOST).iter_rows(named=True)],
        n_reasons=found.height,
        jobs=jobs,
        hints=["look at .failed_results"],
    )


def job(n: int, state: str = "JobComplete", failed: int = 0, **more: Any) -> JobLine:
    return JobLine(id=f"7505e00000A{n:04}AAA", state=state, rows=10_000, failed=failed, seconds=1.25, **more)


TAGS = {"div", "b", "wbr", "span", "code", "table", "thead", "tbody", "tr", "th", "td", "ul", "li"} | {
    "details", "summary", "a"
}  # fmt: skip


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
        if tag != "wbr":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_one_failed_row_among_many_makes_the_whole_not_ok() -> None:
    bad = picture("X:y:--", successful=999_999)
    assert screen.text(bad).startswith("NOT OK")
    assert "NOT OK" in Tags(page.page(bad)).text
    assert "flex:1 0 6px;background:#cf222e" in page.page(bad)
    assert re.search(r"\[x={39}\] x <0.01% failed, = 99.9% successful", screen.text(bad))


@pytest.mark.parametrize("bad", [picture("X:y:--"), picture(unprocessed=1), picture("X:y:--", notes=("a note",))])
def test_failed_and_unprocessed_rows_are_never_ok(bad: screen.Picture) -> None:
    assert not bad.is_good
    assert screen.text(bad).startswith("NOT OK")
    assert markup.BAD in page.page(bad)


def test_what_is_to_be_known_of_rows_that_were_all_successful_is_told_and_is_no_failure() -> None:
    noted = picture(notes=("job 750 ended as Failed: no reason",))
    assert not noted.is_good
    for text in (screen.text(noted), screen.report(noted), Tags(page.page(noted)).text):
        assert text.startswith("OK, WITH NOTES")
        assert "! job 750 ended as Failed: no reason" in text
    assert markup.NOTED in page.page(noted)
    assert markup.BAD not in page.page(noted)


def test_a_clean_result_is_ok_and_has_nothing_red() -> None:
    good = picture()
    assert screen.text(good).startswith("OK  ")
    assert "#cf222e" not in page.page(good)


def test_markup_and_control_characters_of_the_org_do_no_harm() -> None:
    jobs = (job(1, EVIL), JobLine(id=EVIL, state="Failed", rows=0, failed=0, seconds=0, page=f"https://x/{EVIL}"))
    errors = (f"X:{EVIL}:--", f"{EVIL}:y:--", f"NOT_SENT:TOO_LONG x:{EVIL} --")
    bad = picture(*errors, notes=(f"job 750: {EVIL}",), example=EVIL, cause=EVIL, jobs=jobs)
    html, text = page.page(bad), screen.text(bad)
    tags = Tags(html)
    assert tags.tags == TAGS
    assert tags.attributes <= {"style", "title", "open", "href", "target", "rel"}
    assert tags.text.count("<script>") >= 9, "it is shown as text"
    for shown in (html, text.replace("\n", ""), screen.report(bad).replace("\n", "")):
        assert shown.isprintable()


@given(st.lists(st.text(), max_size=30), st.lists(st.text(), max_size=3))
def test_any_text_of_the_org_can_be_shown(errors: list[str], notes: list[str]) -> None:
    shown = picture(*errors, notes=tuple(notes))
    tags = Tags(page.page(shown))
    assert tags.open == []
    assert tags.tags <= TAGS
    assert all(line.isprintable() for line in screen.text(shown).split("\n"))


def test_the_page_has_no_scripts_and_says_all_without_its_styles() -> None:
    bad = picture("INVALID_EMAIL_ADDRESS:Email: bad:Email --", unprocessed=2, notes=("job 750 ended as Aborted: x",))
    text = Tags(page.page(bad)).text
    for word in ("NOT OK", "INVALID_EMAIL_ADDRESS", "Email: bad", "job 750 ended as Aborted", ".failed_results"):
        assert word in text
    assert "script" not in page.page(bad)
    assert "<style" not in page.page(bad)


def test_it_can_be_read_on_light_and_on_dark() -> None:
    """Text has no color of its own but for white on the verdict's chip; bars stand out from either background."""
    html = page.page(picture("X:y:--", successful=5, unprocessed=3, jobs=(job(1),)))
    assert set(re.findall(r"[;\"]color:([^;\"]+)", html)) == {"#ffffff", "inherit"}
    chip, *bars = re.findall(r"background:(#\w+)", html)
    assert contrast(chip, "#ffffff") >= 4.5
    assert len(bars) == 3
    assert set(re.findall(r"background:([^;\"]+)", html)) == {chip, *bars, "transparent"}
    for color in (chip, *bars):
        assert all(contrast(color, background) >= 3 for background in ("#ffffff", "#111111"))


def test_of_many_jobs_the_bad_ones_are_shown_first_and_the_rest_is_counted() -> None:
    jobs = tuple(job_lines(
        [JobInfo(id=f"750{n:012}AAA", state="JobComplete", number_records_processed=9) for n in range(7)]
        + [JobInfo(id="750000000000007AAA", state="JobComplete", number_records_processed=9, number_records_failed=2)]
        + [JobInfo(id="750000000000008AAA", state="Aborted")],
        no_timeline(), no_attempts(), "acme.my.salesforce.com",
    ))  # fmt: skip
    bad = picture("X:y:--", "X:y:--", jobs=jobs)
    lines = screen.text(bad).splitlines()
    at = lines.index("  jobs:")
    assert lines[at + 1 : at + 7] == [
        "    750000000000008AAA  Aborted      0 rows            0.0 s",
        "    750000000000007AAA  JobComplete  9 rows  2 FAILED  0.0 s",
        "    750000000000000AAA  JobComplete  9 rows            0.0 s",
        "    750000000000001AAA  JobComplete  9 rows            0.0 s",
        "    750000000000002AAA  JobComplete  9 rows            0.0 s",
        "    and 4 more: see .jobs",
    ]
    html = page.page(bad)
    assert f'href="{job_page("acme.my.salesforce.com", "750000000000008AAA")}"' in html
    assert "and 4 more: see .jobs" in html


def test_every_line_but_the_first_fits_a_terminal_of_80_columns() -> None:
    words = "a message of the org that goes on and on " * 5
    bad = picture(*[f"CODE_{n}:{words}:Field__c --" for n in "ABC"], example="row 7", cause=words, jobs=(job(1),))
    assert all(len(line) <= 80 for line in screen.text(bad).splitlines()[1:])


def test_many_reasons_are_cut_short_and_the_rest_is_counted() -> None:
    bad = picture(*(f"CODE_{chr(65 + n)}:y:--" for n in range(20)))
    assert "and 12 more reasons: see .errors" in screen.text(bad)
    assert "and 12 more reasons: see .errors" in Tags(page.page(bad)).text


# --- of real calls ----------------------------------------------------------------------------------------------------


def test_a_result_says_what_was_done_where_and_what_to_do_next(
    local: sfframe.LocalOrg, org: sfframe.Org, make_frame: MakeFrame
) -> None:
    data = {"ExternalId__c": ["1", "2"], "LastName": ["x", "y"], "Email": ["a@b.de", "<script>"]}
    frame = in_one(make_frame(data))
    result = sfframe.ingest(frame, "Contact", "upsert", "ExternalId__c", org=org, on_failure="return")
    text = re.sub(r"\d+\.\d s", "0.0 s", repr(result)).replace(result.jobs[0].id, "7505e0000000001AAA")
    assert text.splitlines() == [
        f"NOT OK  upsert Contact on {org.host}: 1 FAILED, 1 successful of 2 rows (1 job, 0.0 s)",
        "  [xxxxxxxxxxxxxxxxxxxx====================] x 50.0% failed, = 50.0% successful",
        "  errors:",
        "    1 × INVALID_EMAIL_ADDRESS [Email] in row 1, ExternalId__c '2'",
        "        Email: invalid email address: <script>",
        "        cause: Email takes one e-mail address; '<script>' has no @",
        "  jobs:",
        "    7505e0000000001AAA  JobComplete  2 rows  1 FAILED  0.0 s",
        "  how to go on:",
        "    - .failed_results has these rows with sf__Error beside them: mend it and",
        "      send it as it is",
        "    - .errors counts every message; .to_excel('failed.xlsx') marks the cells",
        "      that are wrong",
        "    - .retry() sends all of these rows again, unchanged",
    ]
    html = result._repr_html_()
    assert "<script>" not in html
    shown = Tags(html).text
    for words in (
        "NOT OK",
        "1 FAILED",
        "'<script>' has no @",
        "row 1, ExternalId__c '2'",
        result.jobs[0].id,
        ".retry()",
    ):
        assert words in shown


def test_a_long_key_is_broken_in_its_cell_and_leaves_the_error_its_width(org: sfframe.Org) -> None:
    frame = pl.DataFrame({"ExternalId__c": ["Z" * 40], "LastName": ["x"], "Email": ["?"]})
    result = sfframe.ingest(frame, "Contact", "upsert", "ExternalId__c", org=org, on_failure="return")
    assert re.search(r'<div style="overflow-wrap:anywhere;[^"]*">row 0, ExternalId__c .*Z{40}', result._repr_html_())


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
    text, html = repr(result), result._repr_html_()
    assert "2 UNPROCESSED, 0 successful" in text
    assert f"! job {result.jobs[0].id} ended as Failed: TooManyLockFailure : <b>too many</b>" in text
    assert ".unprocessed_records" in text
    assert ".retry()" in text
    assert "&lt;b&gt;too many" in html
    assert re.search(rf"{result.jobs[0].id}  Failed  0 rows", text)
    assert "<details open" in html, "a failed job is seen without a click"


def test_warnings_and_exceptions_quote_no_rows(org: sfframe.Org) -> None:
    frame = pl.DataFrame({"LastName": ["x"], "Email": ["private@@example.com"]})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = sfframe.ingest(frame, "Contact", "insert", org=org)
    with pytest.raises(sfframe.RecordsFailed) as failed:
        sfframe.ingest(frame, "Contact", "insert", org=org, on_failure="raise")
    assert "private" in repr(result)
    for text in (str(caught[0].message), str(failed.value)):
        assert "1 × INVALID_EMAIL_ADDRESS [Email], first in row 0" in text
        assert "private" not in text
