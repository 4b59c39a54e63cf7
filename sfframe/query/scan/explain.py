"""Explain: what a plan would ask the org for, found out by a copy of the plan whose scans only listen."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from html import escape

import polars as pl

from sfframe.errors import ApiError
from sfframe.query.pages.route import Transport, explain
from sfframe.query.pushdown.where import Verdict
from sfframe.query.scan.ask import Ask
from sfframe.query.scan.pull import blocking
from sfframe.query.scan.run import Run
from sfframe.query.scan.source import Probe, Source, probing

_PREDICATES = {"predicate": pl.String(), "where": pl.String(), "reason": pl.String()}


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Explanation:
    """What a statement or a plan asks the org for. Of a plan with several scans it tells the first; `scans` has all.

        told = sfframe.explain_soql("SELECT COUNT() FROM Contact")
        print(told.transport)
        # rest

    Attributes:
        soql: The statement; the first of them where a list had to be split; empty if nothing is asked.
        transport: `"rest"` or `"bulk"`; of several statements the first one's, after a run the last one's.
        why: The reason.
        predicates: A row for each part of the filter: `predicate`, as Polars writes it; `where`: `"sent"` (the org
            filters by just that), `"prefilter"` (the org filters by something wider, Polars again), `"local"` (Polars
            alone); `reason`.
        rows_shipped: Rows that came from the org in the last run of this plan; `None` before.
        rows_given: Rows of those that were right, likewise.
        statements: All statements, in order.
        scans: For a plan, an explanation for each of its scans.
    """

    soql: str
    transport: Transport
    why: str
    predicates: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_PREDICATES))
    rows_shipped: int | None = None
    rows_given: int | None = None
    statements: tuple[str, ...] = ()
    scans: tuple[Explanation, ...] = ()

    def __repr__(self) -> str:
        if len(self.scans) < 2:
            return "\n".join(self._lines())
        parts = (f"scan {n} of {len(self.scans)}\n{one!r}" for n, one in enumerate(self.scans, 1))
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        return f"<pre>{escape(repr(self))}</pre>"

    def _lines(self) -> list[str]:
        more = f" (the first of {len(self.statements)} statements)" if len(self.statements) > 1 else ""
        lines = [f"{_shortened(self.soql)}{more}" if self.soql else "nothing is asked"]
        lines.append(f"  {'a query job' if self.transport == 'bulk' else 'REST'}: {self.why}")
        for predicate, where, reason in self.predicates.iter_rows():
            lines.append(f"  {where:<9}  {_shortened(predicate)}  ({reason})")
        if self.rows_shipped is not None:
            lines.append(f"  {self.rows_shipped:,} rows came, {self.rows_given:,} of them were wanted")
        return lines


def explain_plan(plan: pl.LazyFrame) -> Explanation:
    """What the scans in a plan ask for. The org may be asked for describes and a `COUNT()`, never for rows.

    The plan itself isn't run: a copy is, whose scans give no rows, until each of them was asked. Frames in memory are
    copied with it, and files that it reads may be opened.

    Raises:
        ValueError: There is no scan of sfframe in it, or it can't be copied, or it writes a file.
    """
    if any(line.lstrip().startswith("SINK") for line in plan.explain().splitlines()):
        raise ValueError("the plan writes a file: explain it as it is before the sink")
    probes = _probed(plan)
    if not probes:
        raise ValueError("the plan asks no org: there is no sfframe.scan_sobject(...) in it")
    scans = tuple(_explained(probe.source, ask) for probe in probes for ask in probe.asks)
    if not scans:
        return Explanation(soql="", transport="rest", why="Polars needs neither rows nor columns of the scan")
    return replace(scans[0], scans=scans)


def _probed(plan: pl.LazyFrame) -> Sequence[Probe]:
    with probing() as probes:
        try:
            copy = pl.LazyFrame.deserialize(io.BytesIO(plan.serialize()))
        except Exception as error:
            raise ValueError(f"the plan can't be explained, since Polars can't copy it: {error}") from error
    if not probes:
        return ()
    try:
        copy.collect(engine="in-memory")
    except Exception as error:
        if not all(probe.asks for probe in probes):
            raise ValueError(f"the plan can't be explained, since it fails without rows: {error}") from error
    return probes


def _explained(source: Source, ask: Ask) -> Explanation:
    run = source.last_run(ask)
    verdicts, statements = ask.verdicts, ask.statements
    if run is not None and run.refused is not None and ask.unfiltered is not None:
        reason = f"the org refused to filter by it: {run.refused}"
        verdicts = tuple(Verdict(predicate=one.predicate, where="local", reason=reason, soql=None) for one in verdicts)
        statements = (ask.unfiltered,)
    transport, why = _transport(source, ask, run)
    return Explanation(
        soql=statements[0] if statements else "",
        transport=transport,
        why=why,
        predicates=pl.DataFrame(
            [(one.predicate, one.where, one.reason) for one in verdicts], schema=_PREDICATES, orient="row"
        ),
        rows_shipped=run.rows_shipped if run else None,
        rows_given=run.rows_given if run else None,
        statements=statements,
    )


def _transport(source: Source, ask: Ask, run: Run | None) -> tuple[Transport, str]:
    if not ask.statements:
        return "rest", "no row is wanted"
    n = len(ask.statements)
    if run is not None and run.transport is not None:
        is_last = n > 1 and run.refused is None
        return run.transport, f"{run.why} (the last of {n} statements)" if is_last else run.why
    try:
        route = blocking(explain(source.org, source.request(ask.statements[0])))
    except ApiError as error:
        if error.status != 400 or ask.unfiltered is None:
            raise
        route = blocking(explain(source.org, source.request(ask.unfiltered)))
    if route.transport == "bulk" and ask.begins_over_rest:
        return "bulk", f"{route.why}; the first page comes over REST before it"
    return route.transport, f"{route.why} (the first of {n} statements)" if n > 1 else route.why


def _shortened(text: str, most: int = 400) -> str:
    return text if len(text) <= most else f"{text[:most]} ... ({len(text):,} characters)"
