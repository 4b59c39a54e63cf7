"""Date literals (SOQL notes, 1): each is a range of days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from .world import NOW, World

# NOW is Wednesday, 2026-03-18.
RANGES = {
    "TODAY": ("2026-03-18", "2026-03-19"),
    "today": ("2026-03-18", "2026-03-19"),
    "YESTERDAY": ("2026-03-17", "2026-03-18"),
    "TOMORROW": ("2026-03-19", "2026-03-20"),
    "N_DAYS_AGO:5": ("2026-03-13", "2026-03-14"),
    "LAST_N_DAYS:3": ("2026-03-15", "2026-03-19"),
    "LAST_90_DAYS": ("2025-12-18", "2026-03-19"),
    "NEXT_N_DAYS:3": ("2026-03-19", "2026-03-22"),
    "NEXT_90_DAYS": ("2026-03-19", "2026-06-17"),
    "THIS_WEEK": ("2026-03-15", "2026-03-22"),
    "LAST_WEEK": ("2026-03-08", "2026-03-15"),
    "NEXT_WEEK": ("2026-03-22", "2026-03-29"),
    "LAST_N_WEEKS:2": ("2026-03-01", "2026-03-15"),
    "NEXT_N_WEEKS:2": ("2026-03-22", "2026-04-05"),
    "N_WEEKS_AGO:2": ("2026-03-01", "2026-03-08"),
    "THIS_MONTH": ("2026-03-01", "2026-04-01"),
    "LAST_MONTH": ("2026-02-01", "2026-03-01"),
    "NEXT_MONTH": ("2026-04-01", "2026-05-01"),
    "LAST_N_MONTHS:3": ("2025-12-01", "2026-03-01"),
    "NEXT_N_MONTHS:2": ("2026-04-01", "2026-06-01"),
    "N_MONTHS_AGO:3": ("2025-12-01", "2026-01-01"),
    "THIS_QUARTER": ("2026-01-01", "2026-04-01"),
    "LAST_QUARTER": ("2025-10-01", "2026-01-01"),
    "NEXT_QUARTER": ("2026-04-01", "2026-07-01"),
    "LAST_N_QUARTERS:2": ("2025-07-01", "2026-01-01"),
    "NEXT_N_QUARTERS:2": ("2026-04-01", "2026-10-01"),
    "N_QUARTERS_AGO:2": ("2025-07-01", "2025-10-01"),
    "THIS_YEAR": ("2026-01-01", "2027-01-01"),
    "LAST_YEAR": ("2025-01-01", "2026-01-01"),
    "NEXT_YEAR": ("2027-01-01", "2028-01-01"),
    "LAST_N_YEARS:2": ("2024-01-01", "2026-01-01"),
    "NEXT_N_YEARS:2": ("2027-01-01", "2029-01-01"),
    "N_YEARS_AGO:2": ("2024-01-01", "2025-01-01"),
    "THIS_FISCAL_QUARTER": ("2026-01-01", "2026-04-01"),
    "THIS_FISCAL_YEAR": ("2026-01-01", "2027-01-01"),
}
# The fiscal year begins in February.
FISCAL = {
    "THIS_FISCAL_QUARTER": ("2026-02-01", "2026-05-01"),
    "LAST_FISCAL_QUARTER": ("2025-11-01", "2026-02-01"),
    "NEXT_FISCAL_QUARTER": ("2026-05-01", "2026-08-01"),
    "LAST_N_FISCAL_QUARTERS:2": ("2025-08-01", "2026-02-01"),
    "NEXT_N_FISCAL_QUARTERS:1": ("2026-05-01", "2026-08-01"),
    "N_FISCAL_QUARTERS_AGO:1": ("2025-11-01", "2026-02-01"),
    "THIS_FISCAL_YEAR": ("2026-02-01", "2027-02-01"),
    "LAST_FISCAL_YEAR": ("2025-02-01", "2026-02-01"),
    "NEXT_FISCAL_YEAR": ("2027-02-01", "2028-02-01"),
    "LAST_N_FISCAL_YEARS:2": ("2024-02-01", "2026-02-01"),
    "NEXT_N_FISCAL_YEARS:1": ("2027-02-01", "2028-02-01"),
    "N_FISCAL_YEARS_AGO:1": ("2025-02-01", "2026-02-01"),
    "THIS_YEAR": ("2026-01-01", "2027-01-01"),
}


def days_around(world: World, start: str, end: str) -> None:
    """Items on the last day before a range, its first, its last, and the first after it; one without a day."""
    first, after = date.fromisoformat(start), date.fromisoformat(end)
    one = timedelta(days=1)
    days = {"before": first - one, "first": first, "last": after - one, "after": after, "none": None}
    world.fill("Item__c", [{"Name": name, "Day__c": day} for name, day in days.items()])


@pytest.mark.parametrize(("literal", "days"), RANGES.items())
def test_a_literal_is_its_range_of_days(world: World, literal: str, days: tuple[str, str]) -> None:
    days_around(world, *days)
    assert world.names(f"Day__c = {literal}") == {"first", "last"}


@pytest.mark.parametrize(("literal", "days"), FISCAL.items())
def test_fiscal_literals_go_by_the_orgs_year(world: World, literal: str, days: tuple[str, str]) -> None:
    days_around(world, *days)
    assert world.names(f"Day__c = {literal}", fiscal_year_start_month=2) == {"first", "last"}


@pytest.mark.parametrize(
    ("operator", "found"),
    [
        ("=", {"first", "last"}),
        ("!=", {"before", "after", "none"}),
        ("<", {"before"}),
        (">", {"after"}),
        (">=", {"first", "last", "after"}),
        ("<=", {"before", "first", "last"}),
    ],
)
def test_operators_against_a_range(world: World, operator: str, found: set[str]) -> None:
    days_around(world, "2026-02-01", "2026-03-01")
    assert world.names(f"Day__c {operator} LAST_MONTH") == found


def test_literals_in_lists(world: World) -> None:
    days_around(world, "2026-02-01", "2026-03-01")
    assert world.names("Day__c IN (LAST_MONTH, 2026-03-01)") == {"first", "last", "after"}
    assert world.names("Day__c NOT IN (LAST_MONTH, 2026-03-01)") == {"before", "none"}
    assert world.names("Day__c NOT IN (LAST_MONTH, null)") == {"before", "after"}


def test_the_week_begins_when_it_is_said(world: World) -> None:
    days_around(world, "2026-03-16", "2026-03-23")
    assert world.names("Day__c = THIS_WEEK", week_start=1) == {"first", "last"}


def test_moments_are_compared_with_days_of_the_users_zone(world: World) -> None:
    moments = [datetime(2026, 3, 17, 22, 59, 59), datetime(2026, 3, 17, 23), datetime(2026, 3, 18, 23)]
    world.fill("Item__c", [{"Name": f"{n}", "Moment__c": moment} for n, moment in enumerate(moments)])
    assert world.names("Moment__c = TODAY", time_zone="Europe/Berlin") == {"1"}
    assert world.names("Moment__c = TODAY") == {"2"}


def test_today_is_the_users_day(world: World) -> None:
    world.fill("Item__c", [{"Name": "a", "Day__c": date(2026, 3, 19)}])
    late = datetime(2026, 3, 18, 23, 30, tzinfo=UTC)
    assert world.names("Day__c = TODAY", now=late) == set()
    assert world.names("Day__c = TODAY", now=late, time_zone="Europe/Berlin") == {"a"}


@pytest.mark.parametrize(
    "literal",
    [
        "LAST_N_DAYS:99999999",
        "NEXT_N_YEARS:9999999999999999999999",
        "N_MONTHS_AGO:999999",
        "LAST_N_DAYS",
        "THIS_DECADE",
        "TODAY:3",
        "LAST_N_DAYS:" + "9" * 5000,
    ],
)
def test_literals_that_mean_no_days_are_refused(world: World, literal: str) -> None:
    assert world.error(f"SELECT Id FROM Item__c WHERE Day__c = {literal}")[0] == "MALFORMED_QUERY"
    assert world.error(f"SELECT Id FROM Item__c WHERE Moment__c = {literal}")[0] == "MALFORMED_QUERY"


def test_the_end_of_a_range_may_be_written_with_blanks(world: World) -> None:
    world.fill("Item__c", [{"Name": "a", "Day__c": NOW.date()}])
    assert world.names("Day__c = LAST_N_DAYS : 1") == {"a"}
