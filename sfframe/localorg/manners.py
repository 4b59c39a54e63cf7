"""Where sources leave a choice: which of the reported behaviours this org shows (wire notes, 11 and 13)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class Manners:
    """How the org behaves where documents are silent or disagree. The defaults are nearest to what is reported.

        from sfframe.testing import Manners

        local = sfframe.LocalOrg(manners=Manners(daily_batches=10, time_zone="Europe/Berlin"))

    Attributes:
        second_put: What becomes of a second upload into a job: it is taken and closing the job is refused, or it
            is refused itself (3.3).
        strict_line_endings: A line break inside a quoted value also has to be the job's own (4.1).
        echo: Values of successful rows as the org stored them (`Double.toString`, datetimes with milliseconds), or
            the text that was sent (5.3).
        failed_columns_sorted: Failed results have their columns in alphabetical order (5.1).
        drop_wrong_case: Failed results have no values in columns whose header isn't in the field's case (4.5).
        empty_results: What a result file without rows looks like (5.1).
        failed_ids: `sf__Id` of failed rows holds the record's id where there is one (5.2).
        hard_delete: The user has the permission for `hardDelete` (3.1).
        shows_limits: The user has the permission "View Setup and Configuration", which the limits need (7.2).
        rotate_refresh_tokens: Each use of a refresh token brings a new one and ends the old one (2.1).
        client_secret_for_refresh: Refreshing a token needs the client secret too (2.1).
        compress: Answers are compressed for those who accept gzip (8).
        list_page_size: Jobs on one page of the job list (3.6).
        fiscal_year_start_month: Where fiscal years begin, for date literals and functions (SOQL).
        week_start: The first day of a week, 1 (Monday) to 7 (Sunday), for date literals (SOQL).
        time_zone: The user's, in which date literals are meant (SOQL).
        session_seconds: Life of a token (2.2).
        daily_api_requests: Calls in 24 hours of the org's clock; beyond them the org refuses (10).
        query_page_rows: Records on one page of the results of a query job, at most (6.3).
        daily_query_jobs: Query jobs in 24 hours; beyond them no job is made (10).
        daily_batches: Batches of up to 10,000 rows, likewise; beyond them no ingest job is made (10).
        daily_records: Records of ingest jobs, likewise; beyond them a job fails and the rest is unprocessed (3.9).
    """

    second_put: Literal["accept", "refuse"] = "accept"
    strict_line_endings: bool = False
    echo: Literal["java", "verbatim"] = "java"
    failed_columns_sorted: bool = False
    drop_wrong_case: bool = True
    empty_results: Literal["header", "blank_line", "zero_bytes", "no_content"] = "header"
    failed_ids: bool = False
    hard_delete: bool = True
    shows_limits: bool = True
    rotate_refresh_tokens: bool = False
    client_secret_for_refresh: bool = False
    compress: bool = False
    list_page_size: int = 1000
    fiscal_year_start_month: int = 1
    week_start: int = 7
    time_zone: str = "UTC"
    session_seconds: float = 7200.0
    daily_api_requests: int = 1_000_000
    daily_batches: int = 15_000
    daily_records: int = 150_000_000
    query_page_rows: int = 100_000
    daily_query_jobs: int = 10_000
