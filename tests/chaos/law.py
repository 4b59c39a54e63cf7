"""What must hold whatever happens: the org has what the three frames say, and nobody knows more than is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import polars as pl

from sfframe.errors import Interrupted, JobTimeout, OutcomeUnknown, ResultMismatch
from tests.chaos.org import SOBJECT, SmallOrg
from tests.chaos.server import SECRET, TOKEN

_OUTCOMES = ("successful", "failed", "unprocessed")
Row = tuple[Any, ...]


class Broken(AssertionError):  # noqa: N818  (as it is said)
    """The law is broken.

    Attributes:
        story: What has happened until then, a line each.
    """

    story: list[str]

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.story = []


def must(holds: object, text: str) -> None:
    """One sentence of the law."""
    if not holds:
        raise Broken(text)


@dataclass(kw_only=True)
class Told:
    """What a call has told of its rows, by their names.

    Attributes:
        successful: With the ids of their records.
        failed: With their errors.
        unprocessed: Those that the org didn't come to, or of which nobody knows.
        unknown: Those of them of which nobody knows.
        rows: All of them, as they came back, in some order.
    """

    successful: Mapping[str, str]
    failed: Mapping[str, str]
    unprocessed: Collection[str]
    unknown: Collection[str]
    rows: list[Row]


def told_of(result: Any, error: BaseException | None, frame: pl.DataFrame, name: str, org: SmallOrg) -> Told:
    """What a result tells, and the error that carries it.

    Args:
        result: The result.
        error: What the call ended with in place of it.
        frame: The call's rows.
        name: The column that tells them apart.
        org: The org.
    """
    more: tuple[list[str], ...] = (["sf__Id", "sf__Created"], ["sf__Id", "sf__Error"], [])
    views = (result.successful_results, result.failed_results, result.unprocessed_records)
    parts = [_rows(view, [*frame.columns, *sf]) for view, sf in zip(views, more, strict=True)]
    at = frame.columns.index(name)
    names = [row[at] for part in parts for row in part]
    must(Counter(names) == Counter(frame[name].to_list()), f"rows aren't each in one frame: {sorted(names)}")
    must([result.counts[one] for one in _OUTCOMES] == [len(part) for part in parts], f"counts: {result.counts}")
    good, bad, rest = parts
    unprocessed = {row[at] for row in rest}
    for outcome, part in zip(_OUTCOMES, parts, strict=True):
        numbered = [frame[name][int(number)] for number in result.rows_with(outcome)]
        must(Counter(numbered) == Counter(row[at] for row in part), f"the numbers of {outcome} rows are others")
    return Told(
        successful={row[at]: row[-2] for row in good},
        failed={row[at]: row[-1] for row in bad},
        unprocessed=unprocessed,
        unknown=_unknown(result, error, frame[name].to_list(), org) & unprocessed,
        rows=[row[: frame.width] for part in parts for row in part],
    )


def _unknown(result: Any, error: BaseException | None, names: list[str], org: SmallOrg) -> set[str]:
    """The rows that are told to be of jobs that may still run; any other one that is in the org breaks the law."""
    unknown: set[str] = set()
    if isinstance(error, OutcomeUnknown | ResultMismatch):
        must(error.rows is not None, "unknown rows have no numbers")
        unknown.update(names[number] for number in error.rows)
    running = {names[number] for number in result.running_rows}
    jobs = [org.ever[job_id] for job_id in result.running_job_ids]
    # Of a job that has ended some rows may be known not to have been processed.
    run = {name for job in jobs if job.state in ("UploadComplete", "InProgress") for name in job.names}
    unprocessed = {names[number] for number in result.rows_with("unprocessed")}
    missing = (unknown | run) & unprocessed - running
    must(not missing, f"rows that may be in the org aren't among those of running jobs: {sorted(missing)}")
    others = running - unknown - {name for job in jobs for name in job.names}
    must(not others and running <= unprocessed, f"rows of no running job are said to be of one: {sorted(others)}")
    if isinstance(error, JobTimeout | Interrupted):
        must(set(error.job_ids) == set(result.running_job_ids), "the error names other jobs than its result")
    return running


def check_told(told: Told, frame: pl.DataFrame, verb: str, org: SmallOrg, *, sent_again: Collection[str]) -> None:
    """Hold what was told to what the org has.

    Args:
        told: It.
        frame: The call's rows.
        verb: What was done with them.
        org: The org.
        sent_again: Rows that were told to have been sent again without knowing the fate of a first try.
    """
    records = org.model.records[SOBJECT]
    for row, record_id in told.successful.items():
        must(org.saved[row], f"{row!r} is said to be saved, and isn't")
        if verb == "hard_delete":
            must(record_id not in records, f"{row!r} is said to be gone, and isn't")
            continue
        must(record_id in records, f"{row!r} is said to be record {record_id!r}, which isn't there")
        is_it = records[record_id]["IsDeleted"] if verb == "delete" else records[record_id]["Title"] == row
        must(is_it, f"{row!r} is said to be record {record_id!r}, which is another one")
    for row, error in told.failed.items():
        must(row in sent_again or not org.saved[row], f"{row!r} is said to have failed ({error}), and is saved")
    for row in set(told.unprocessed) - set(told.unknown):
        must(row in sent_again or not org.saved[row], f"{row!r} is said not to be processed, and is saved")
    must(Counter(told.rows) == Counter(frame.rows()), "rows came back as others than they were given")


def check_inserts(org: SmallOrg) -> None:
    """No row inserted twice, whatever anybody was told."""
    for row, times in org.inserted.items():
        must(times <= 1, f"{row!r} was inserted {times} times")


def check_org(verb: str, org: SmallOrg, *, sent_again: Collection[str]) -> None:
    """No row twice, but for upserts of which was told that they would be."""
    check_inserts(org)
    for row, times in org.saved.items():
        must(times <= 1 or (verb == "upsert" and row in sent_again), f"{row!r} was saved {times} times")


def check_silence(texts: Iterable[str]) -> None:
    """No secret in what can be read."""
    for text in texts:
        must(SECRET not in text and TOKEN not in text, f"a secret is in {text[:300]!r}")


def _rows(frame: Any, columns: list[str]) -> list[Row]:
    """A frame of any kind as tuples, each null as `None`."""
    if isinstance(frame, pd.DataFrame):
        found = [*frame.columns]
        tuples = frame.itertuples(index=False, name=None)
        rows = [tuple(None if pd.isna(value) else value for value in row) for row in tuples]
    else:
        own = frame.collect() if isinstance(frame, pl.LazyFrame) else pl.DataFrame(frame)
        found, rows = own.columns, own.rows()
    must(found == columns, f"columns are {found}, not {columns}")
    return rows
