"""Gathered: what became of a call's partitions, as one result; rows are numbered through all of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from sfframe.conclude import conclude, notes_on
from sfframe.errors import OutcomeUnknown
from sfframe.failures import MOST, Failures, Reason
from sfframe.front import Views
from sfframe.ingest.check import DUPLICATE_KEY, duplicate_keys
from sfframe.ingest.outcomes import SCHEMA, Outcomes
from sfframe.ingest.request import IngestRequest
from sfframe.ingest.runner import Done
from sfframe.ingest.spool import Numbers
from sfframe.partition import Begun, Finished
from sfframe.problems import Problem
from sfframe.result import IngestResult
from sfframe.sent import Sent
from sfframe.shared_keys import Twice


def firsts(lengths: Sequence[int]) -> list[int]:
    """The number of each partition's first row."""
    return [0, *np.cumsum(lengths, dtype=np.int64).tolist()][:-1]


def problems_of(begun: Sequence[Begun], twice: Twice | None) -> list[Problem]:
    """All problems of a call, those that partitions have in common once.

    Args:
        begun: The partitions.
        twice: Keys that stand in several rows, of whatever partitions; `None`: each partition's own are all.
    """
    rows: dict[tuple[Any, ...], list[Numbers]] = {}
    found: dict[tuple[Any, ...], Problem] = {}
    n_keys = 0
    for first, one in zip(firsts([one.n_rows for one in begun]), begun, strict=True):
        for problem in one.problems:
            which = (problem.column, problem.code, problem.field, problem.rows is None)
            found.setdefault(which, _numbered_problem(problem, first))
            n_keys += problem.n_keys
            if problem.rows is not None:
                rows.setdefault(which, []).append(problem.rows + first)
    gathered = [
        _of_all(problem, np.concatenate(rows[which]), n_keys) if which in rows else problem
        for which, problem in found.items()
        if twice is None or problem.code != DUPLICATE_KEY
    ]
    gathered.sort(key=lambda p: int(p.rows[0]) if p.rows is not None else -1)
    return gathered


def _numbered_problem(problem: Problem, first: int) -> Problem:
    """A partition's, whose words may name rows by their numbers in it."""
    return replace(problem, kinds=tuple((kind, row + first) for kind, row in problem.kinds))


def _of_all(problem: Problem, rows: Numbers, n_keys: int) -> Problem:
    """A partition's problem, of the rows of all; what it counts besides them is counted through all, too."""
    if problem.code == DUPLICATE_KEY and problem.column is not None and problem.field is not None:
        return duplicate_keys(n_keys, problem.column, problem.field, rows)
    return replace(problem, rows=rows)


def problem_of(twice: Twice, lengths: Sequence[int], column: str, header: str) -> Problem:
    """That keys stand in several rows."""
    first = firsts(lengths)
    rows = np.concatenate([rows + first[number] for number, rows in sorted(twice.rows.items())])
    return duplicate_keys(twice.n_keys, column, header, rows)


def result_of(
    ends: Sequence[Finished],
    source: Views[Any],
    request: IngestRequest,
    *,
    sent: Sent,
    again: Callable[..., IngestResult[Any]],
    seconds: float,
    timeout: float | None,
    run: Path | None,
    go_on: str,
) -> IngestResult[Any]:
    """What a call's caller gets.

    Args:
        ends: The partitions' ends, in their order.
        source: The caller's frame.
        request: The call.
        sent: What was sent.
        again: Sends rows once more.
        seconds: How long the call took.
        timeout: The seconds that it had.
        run: The call's folder, if it is the caller's.
        go_on: How a call that isn't finished can be.

    Raises:
        What `conclude` raises.
    """
    result, done = gathered(ends, source, request, sent=sent, again=again, seconds=seconds, run=run)
    return conclude(result, done, on_failure=request.options.on_failure, timeout=timeout, go_on=go_on)


def gathered(
    ends: Sequence[Finished],
    source: Views[Any],
    request: IngestRequest,
    *,
    sent: Sent,
    again: Callable[..., IngestResult[Any]],
    seconds: float,
    run: Path | None,
) -> tuple[IngestResult[Any], Done]:
    """The result, and what is known at the call's end, for `conclude`; see `result_of`."""
    outcomes = GatheredOutcomes(ends)
    done = _done(ends, outcomes)
    result: IngestResult[Any] = IngestResult(
        source=source,
        outcomes=outcomes,
        request=request,
        host=ends[0].host,
        seconds=seconds,
        jobs=done.jobs,
        attempts=done.attempts,
        failures=_Failures(ends, outcomes, source, sent, request),
        timeline=_timeline(ends),
        running_job_ids=list(dict.fromkeys(job_id for one in ends for job_id in one.running)),
        running_rows=np.concatenate([np.empty(0, np.int64), *_numbered(ends, [one.running_rows for one in ends])]),
        notes=notes_on(done),
        again=again,
        run=run,
    )
    return result, done


def _numbered(ends: Sequence[Finished], rows: Sequence[Numbers]) -> list[Numbers]:
    return [numbers + first for first, numbers in zip(_firsts(ends), rows, strict=True)]


def _firsts(ends: Sequence[Finished]) -> list[int]:
    return firsts([sum(one.counts.values()) for one in ends])


def _done(ends: Sequence[Finished], outcomes: Outcomes) -> Done:
    """What all of them know at their ends, as if they were one."""
    done = Done(outcomes=outcomes, jobs=[], attempts=ends[0].done.attempts.clear())
    attempts = []
    for first, end in zip(_firsts(ends), ends, strict=True):
        one = end.done
        attempts.append(one.attempts.with_columns(pl.col("row") + first))
        done.jobs += one.jobs
        done.failed_jobs += one.failed_jobs
        done.notes += one.notes
        done.mismatches += [replace(each, rows=each.rows + first) for each in one.mismatches]
        done.running += one.running
        done.running_rows += [rows + first for rows in one.running_rows]
        done.ended_by = done.ended_by or one.ended_by
        for error in one.trouble:
            if isinstance(error, OutcomeUnknown) and len(error.rows):
                error.rows = error.rows + first
            done.trouble.append(error)
    done.attempts = pl.concat(attempts).sort("row", "attempt")
    return done


def _timeline(ends: Sequence[Finished]) -> pl.DataFrame | None:
    """All of them by one clock, which began when the first of them did."""
    began = min(one.began for one in ends)
    moved = [
        one.timeline.with_columns(pl.col("began", "ended") + (one.began - began))
        for one in ends
        if one.timeline is not None
    ]
    return pl.concat(moved) if moved else None


class GatheredOutcomes(Outcomes):
    """The fates of all rows, in the files of their partitions.

    Args:
        ends: The partitions' ends, in their order.
    """

    def __init__(self, ends: Sequence[Finished]) -> None:
        super().__init__(0)
        self.n = sum(sum(one.counts.values()) for one in ends)
        self._fates = list(zip(_firsts(ends), _stops(ends), [one.fates for one in ends], strict=True))
        self._counts = {word: sum(one.counts[word] for one in ends) for word in ends[0].counts}

    @property
    def counts(self) -> dict[str, int]:
        """How many rows have which outcome."""
        return dict(self._counts)

    def rows(self, outcome: int) -> Numbers:
        """Numbers of the rows with this outcome, ascending."""
        return self.of([outcome], ["row"])["row"].to_numpy()

    def of(self, wanted: Collection[int], columns: Sequence[str] = tuple(SCHEMA)) -> pl.DataFrame:
        """The fates of these outcomes, in row order; all columns, or some."""
        needed = list(dict.fromkeys([*columns, "outcome"]))

        def chosen(first: int, fates: pl.LazyFrame) -> pl.LazyFrame:
            numbered = fates.select(pl.col("row") + first if name == "row" else name for name in needed)
            return numbered.filter(pl.col("outcome").is_in(list(wanted))).select(columns)

        pieces = [fates.collect(partial(chosen, first)) for first, _, fates in self._fates]
        return pl.concat([pl.DataFrame(schema=SCHEMA).select(columns), *pieces])

    def all(self) -> pl.DataFrame:
        """All fates, in row order."""
        return self.between(0, self.n)

    def between(self, start: int, stop: int) -> pl.DataFrame:
        """The fates of rows `start` to `stop`, in row order."""

        def chosen(first: int, fates: pl.LazyFrame) -> pl.LazyFrame:
            numbered = fates.with_columns(pl.col("row") + first)
            return numbered.filter(pl.col("row").is_between(start, stop, closed="left"))

        within = [(first, fates) for first, end, fates in self._fates if first < stop and end > start]
        pieces = [fates.collect(partial(chosen, first)) for first, fates in within]
        return pl.concat([pl.DataFrame(schema=SCHEMA), *pieces])

    def chunks(self) -> Iterator[tuple[int, pl.DataFrame]]:
        """All fates in row order, a partition at once, as `(first row, fates)`."""
        for first, _, fates in self._fates:
            yield first, fates.all().with_columns(pl.col("row") + first)


def _stops(ends: Sequence[Finished]) -> list[int]:
    return [first + sum(one.counts.values()) for first, one in zip(_firsts(ends), ends, strict=True)]


class _Failures(Failures):
    """The failed rows by reason, each partition's counted where its rows are."""

    def __init__(self, ends: Sequence[Finished], *args: Any) -> None:
        super().__init__(*args)
        self._gathered = _errors(ends)

    def __getstate__(self) -> dict[str, Any]:
        return dict(self.__dict__)

    @cached_property
    def errors(self) -> pl.DataFrame:
        """`code`, `fields`, `message`, `count`, `row`, `example`, `cause` of the different errors."""
        return self._gathered

    @cached_property
    def shown(self) -> list[Reason]:
        """The most frequent reasons, as many as a screen has room for."""
        known = {row["row"]: row for row in self.errors.iter_rows(named=True)}
        return [
            Reason(**row, examples=[known[row["row"]]["example"]], cause=known[row["row"]]["cause"])
            for row in self.by_reason.head(MOST).iter_rows(named=True)
        ]

    @cached_property
    def _counted(self) -> pl.DataFrame:
        return self._gathered.drop("example", "cause")


def _errors(ends: Sequence[Finished]) -> pl.DataFrame:
    """The different errors of all partitions; the example of each is the first one's."""
    pieces = []
    for first, one in zip(_firsts(ends), ends, strict=True):
        errors = one.errors.with_columns(pl.col("row") + first)
        examples = [_numbered_example(text, first) for text in errors["example"]]
        pieces.append(errors.with_columns(pl.Series("example", examples, pl.String)))
    by = ["code", "fields", "message"]
    return (
        pl.concat(pieces)
        .sort("row")
        .group_by(by, maintain_order=True)
        .agg(pl.col("count").sum(), pl.col("row", "example", "cause").first())
        .sort("count", "row", descending=[True, False])
    )


_BY_NUMBER = re.compile(r"^row (\d+)")


def _numbered_example(text: str, first: int) -> str:
    """What a row is called that is named by its number in the partition."""
    return _BY_NUMBER.sub(lambda found: f"row {int(found[1]) + first}", text)
