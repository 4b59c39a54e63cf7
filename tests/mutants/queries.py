"""Defects of reads: pages that are left out, come twice, or aren't counted."""

from __future__ import annotations

from typing import Final

from .mutant import Mutant

_PAGES: Final = "tests/query/test_pages.py"

MUTANTS: Final = (
    Mutant(
        name="query-count-unchecked",
        harm="A read that lost pages on the way gives the rest as if it were all.",
        file="query/pages/bulk.py",
        old="if self._is_all and n_rows != self.job.number_records_processed:",
        new="if self._is_all and n_rows > self.job.number_records_processed:",
        tests=(f"{_PAGES}::test_rows_that_are_nowhere_to_be_had_are_an_error_with_both_counts",),
    ),
    Mutant(
        name="too-many-rows-unchecked",
        harm="A read that got a page twice gives its rows twice.",
        file="query/pages/bulk.py",
        old="if self._is_all and n_rows != self.job.number_records_processed:",
        new="if self._is_all and n_rows < self.job.number_records_processed:",
        tests=(f"{_PAGES}::test_a_count_that_stays_wrong_is_an_error",),
    ),
    Mutant(
        name="list-of-pages-ends-early",
        harm="Of a large result the first list of pages is taken for all of it.",
        file="query/pages/addresses.py",
        old="        if following is None:\n",
        new="        if following is None or len(seen) > 2:\n",
        tests=(f"{_PAGES}::test_both_documented_names_of_the_next_list_are_understood",),
    ),
    Mutant(
        name="page-named-twice-read-twice",
        harm="A page that the org lists twice gives its rows twice.",
        file="query/pages/addresses.py",
        old="    if place in seen:\n",
        new="    if place in seen and not place:\n",
        tests=(f"{_PAGES}::test_a_page_that_is_listed_twice_is_an_error",),
    ),
    Mutant(
        name="lost-locators-end-the-read",
        harm="A locator that a proxy drops ends the read, though the list has the rest.",
        file="query/pages/addresses.py",
        old="if n_rows < job.info.number_records_processed and first is None:",
        new="if n_rows > job.info.number_records_processed and first is None:",
        tests=(f"{_PAGES}::test_a_missing_locator_ends_paging_and_the_list_has_what_is_left",),
    ),
    Mutant(
        name="rest-of-a-page-not-skipped",
        harm="Where paging goes on by the list, rows of a page that was begun come twice.",
        file="query/pages/addresses.py",
        old="page=page, skip=n_rows)",
        new="page=page)",
        tests=(f"{_PAGES}::test_what_is_left_may_begin_in_the_midst_of_a_listed_page",),
    ),
    Mutant(
        name="empty-page-that-should-have-rows-taken",
        harm="A page that came empty, and says that it should not be, counts as one without rows.",
        file="org/query_jobs.py",
        old="if n_records and not response.body.strip():",
        new="if n_records and not response.headers:",
        tests=("tests/org/test_query_jobs.py::test_a_page_that_stays_unreadable_is_an_error",),
    ),
    Mutant(
        name="jobs-of-others-aborted",
        harm="A read that takes up somebody's query job aborts it when it is left.",
        file="query/pages/job.py",
        old="is_ours=False)",
        new="is_ours=True)",
        tests=(f"{_PAGES}::test_a_job_of_somebody_else_is_never_aborted",),
    ),
)
