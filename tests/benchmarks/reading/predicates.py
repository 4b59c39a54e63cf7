"""What filters of a scan ship: over hard data, each against Polars on the whole table."""

from __future__ import annotations

from tests.benchmarks.table import Measure
from tests.query.shipped import hard_org, report


def of_predicates() -> tuple[list[Measure], str]:
    """Wrong answers of all predicates, and what each ships and gives, with its reason where that differs."""
    with hard_org() as hard:
        cases = list(hard.cases())
    wrong = sum(not case.scanned.rows.equals(case.expected) for case in cases)
    return [Measure(name=f"read: wrong answers of {len(cases)} predicates", value=wrong, must=0)], report(cases)
