"""A drawing in words: one line that fits, and a page without scripts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfframe.progress.drawing import Drawing, JobLink
from sfframe.progress.line import line_of
from sfframe.progress.page import html_of, text_of

BUSY = Drawing(
    what="upsert Contact",
    host="acme--box.sandbox.my.salesforce.com",
    stage="processing",
    total=1_000_000,
    done=450_000,
    sent=800_000,
    failed=1_234,
    n_jobs=4,
    bytes_per_s=3_200_000,
    elapsed_s=75,
    left_s=92,
)
PAGE = "https://acme.my.salesforce.com/lightning/setup/AsyncApiJobStatus/page?address=%2F750"


@pytest.mark.parametrize(
    ("n_columns", "before", "after"),
    [
        (
            160,
            "upsert Contact on acme--box.sandbox.my.salesforce.com: processing",
            "450,000/1,000,000 rows, 1,234 failed, 800,000 sent, 4 jobs, 3.2 MB/s, 1:32 left",
        ),
        (120, "upsert Contact on acme--box: processing", "450,000/1,000,000 rows, 1,234 failed, 4 jobs, 1:32 left"),
        (80, "upsert Contact: processing", "450,000/1,000,000 rows, 1,234 failed"),
        (60, "upsert Contact", "450,000/1,000,000 rows, 1,234 failed"),
    ],
)
def test_what_is_worth_least_is_left_out_first(n_columns: int, before: str, after: str) -> None:
    line = line_of(BUSY, n_columns)
    assert (line.before, line.after) == (before, after)
    assert line.n_columns <= n_columns


def test_all_of_it_is_there_where_there_is_room() -> None:
    assert line_of(BUSY, 250).after == (
        "450,000/1,000,000 rows, 1,234 failed, 800,000 sent, 4 jobs, 3.2 MB/s, 1:32 left, 1:15"
    )


@given(st.integers(20, 200), st.integers(0, 10**7), st.integers(0, 10**7))
def test_how_much_failed_is_never_left_out(n_columns: int, failed: int, total: int) -> None:
    line = line_of(replace(BUSY, failed=failed, total=total), n_columns)
    assert f"/{total:,} rows" in line.after
    assert (f"{failed:,} failed" in line.after) == (failed > 0)


def test_an_ip_address_isnt_cut_at_its_first_dot() -> None:
    drawing = replace(BUSY, host="127.0.0.1:8080")
    assert "127.0.0.1:8080" in line_of(drawing, 110).before


def test_before_the_number_of_rows_is_known_there_is_no_bar() -> None:
    line = line_of(Drawing(what="upsert Contact", host="acme"), 80)
    assert (line.before, line.has_bar) == ("upsert Contact on acme: checking", False)


def test_text_for_those_who_show_no_html_tells_all() -> None:
    assert text_of(BUSY) == (
        "upsert Contact on acme--box.sandbox.my.salesforce.com: processing, 450,000/1,000,000 rows, 1,234 failed, "
        "800,000 sent, 4 jobs, 3.2 MB/s, 1:15, 1:32 left"
    )


def test_a_page_links_jobs_safely_and_not_all_of_them() -> None:
    links = tuple(JobLink(job_id=f"750{n}", page=f"{PAGE}{n}") for n in range(7))
    page = html_of(replace(BUSY, links=links))
    assert f'<a href="{PAGE}0" target="_blank" rel="noopener noreferrer" ' in page
    assert ">7500</a>" in page
    assert page.count("<a ") == 5
    assert "2 more" in page


def test_a_link_is_never_shortened() -> None:
    long = f"{PAGE}?retURL={'x' * 2_000}"
    assert f'<a href="{long}" ' in html_of(replace(BUSY, links=(JobLink(job_id="7500", page=long),)))


def test_a_page_shows_failed_rows_in_the_bar_however_few() -> None:
    few = html_of(replace(BUSY, failed=1))
    assert "background:#cf222e;min-width:4px" in few
    assert "#cf222e" not in html_of(replace(BUSY, failed=0))
