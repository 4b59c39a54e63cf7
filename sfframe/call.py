"""Call: one call from the caller's frame to its result: prepare, run, conclude."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import polars as pl

from sfframe import bridge
from sfframe.bridge import INTERRUPTED, in_thread, interrupt_in
from sfframe.conclude import conclude, notes_on, running_in
from sfframe.errors import Interrupted, JobTimeout, NoOrgError
from sfframe.front import NOT_SUCCESSFUL
from sfframe.ingest.echo import FAILED
from sfframe.ingest.ledger import Ledger, no_attempts
from sfframe.ingest.outcomes import Outcomes
from sfframe.ingest.request import IngestRequest
from sfframe.ingest.run import Run
from sfframe.ingest.runner import Done, run_rows
from sfframe.org.org import Org
from sfframe.org.quota import keep_reserve
from sfframe.prepare import Prepared, prepare
from sfframe.progress import Finished, Started, listener
from sfframe.result import IngestResult

# What a job costs beside its rows: create, PUT, PATCH, three results, and a dozen looks at it.
_CALLS_PER_JOB = 18
_BATCH = 10_000  # rows that the org processes as one batch (wire notes, 3.9)


async def ingest(frame: Any, request: IngestRequest, org: Org) -> IngestResult[Any]:
    """Send a frame and give every row back with its fate; see `sfframe.verbs` for what is promised."""
    began = time.monotonic()
    timeout = request.options.timeout
    ends_at = None if timeout is None else asyncio.get_running_loop().time() + timeout
    tell = listener(request.options.progress)
    prepared = await _ready(frame, request, org, ends_at)
    rows, layout = prepared.rows, prepared.layout
    assert rows is not None
    assert layout is not None
    outcomes = Outcomes(rows.n, prepared.folder.path if prepared.folder else None)
    _report_left_out(prepared, outcomes)
    n_sent = rows.n - len(prepared.left_out())
    tell(Started(host=org.host, sobject=prepared.request.sobject, operation=request.operation, rows=n_sent))
    done = await _run(prepared, outcomes, org, tell, ends_at) if n_sent else _nothing_to_do(outcomes)
    tell(Finished(**outcomes.counts))
    result: IngestResult[Any] = IngestResult(
        source=prepared.source,
        outcomes=outcomes,
        request=prepared.request,
        host=org.host,
        seconds=time.monotonic() - began,
        jobs=done.jobs,
        attempts=done.attempts,
        running_job_ids=running_in(done),
        notes=notes_on(done),
        again=_Again(org, request),
    )
    return conclude(result, done, prepared.request)


async def _ready(frame: Any, request: IngestRequest, org: Org, ends_at: float | None) -> Prepared:
    """The frame prepared, and nothing that speaks against sending it."""
    patience = asyncio.timeout_at(ends_at)
    try:
        async with patience:
            prepared = await prepare(frame, request, lambda: org)
            if org.quota_reserve is not None and not prepared.refused:
                await _keep_reserve(prepared, org, org.quota_reserve)
    except BaseException as error:
        if interrupt_in(error) or (isinstance(error, asyncio.CancelledError) and INTERRUPTED in error.args):
            raise Interrupted("interrupted before anything was sent") from None
        if isinstance(error, TimeoutError) and patience.expired():
            raise JobTimeout(f"timeout={request.options.timeout} s was up before anything was sent") from None
        raise
    if prepared.refused:
        raise prepared.error()
    return prepared


def _report_left_out(prepared: Prepared, outcomes: Outcomes) -> None:
    if prepared.report is None or not len(prepared.report.bad):
        return
    outcomes.add(
        prepared.report.reasons().with_columns(
            pl.lit(FAILED, pl.UInt8).alias("outcome"),
            pl.lit(None, pl.String).alias("sf__Id"),
            pl.lit(None, pl.String).alias("sf__Created"),
        )
    )


async def _run(
    prepared: Prepared, outcomes: Outcomes, org: Org, tell: Callable[[Any], None], ends_at: float | None
) -> Done:
    assert prepared.layout is not None
    rows = await in_thread(prepared.in_sending_order)
    run = Run(
        org=org,
        request=prepared.request,
        layout=prepared.layout,
        ledger=Ledger(outcomes, prepared.request.options.retry_rows),
        tell=tell,
    )
    return await run_rows(run, rows, prepared.cut(), ends_at=ends_at)


def _nothing_to_do(outcomes: Outcomes) -> Done:
    return Done(outcomes=outcomes, jobs=[], attempts=no_attempts())


async def _keep_reserve(prepared: Prepared, org: Org, reserve: float) -> None:
    """Refuse the call if it would go below the share of the day's quota that is kept for others."""
    assert prepared.rows is not None
    assert prepared.layout is not None
    n_rows = prepared.rows.n - len(prepared.left_out())
    if not n_rows:
        return
    row_bytes = await in_thread(_row_bytes, prepared)
    options = prepared.request.options
    n_jobs = max(1, math.ceil(n_rows * row_bytes / options.max_payload_bytes), math.ceil(n_rows / options.max_records))
    needs = {
        "DailyApiRequests": n_jobs * _CALLS_PER_JOB,
        "DailyBulkApiBatches": max(n_jobs, math.ceil(n_rows / _BATCH) + n_jobs - 1),
    }
    keep_reserve(await org.limits(), needs, reserve=reserve, note=f"{n_jobs:,} jobs")


def _row_bytes(prepared: Prepared) -> float:
    """Bytes of CSV per row, by the first thousands of them."""
    assert prepared.rows is not None
    assert prepared.layout is not None
    text = prepared.layout.text(prepared.rows.slice(0, 5_000))
    n_bytes = text.select(pl.sum_horizontal(pl.all().str.len_bytes().sum())).item() or 0
    return 3 * text.width + n_bytes / max(1, text.height)


class _Again:
    """Sends the rows of a result that weren't successful once more; pickled, it leaves the org behind."""

    def __init__(self, org: Org | None, request: IngestRequest) -> None:
        self._org = org
        self._request = request

    def __reduce__(self) -> tuple[Any, ...]:
        # A pickled Org carries its login, and a result may travel where secrets must not.
        return _Again, (None, self._request)

    def __call__(self, result: IngestResult[Any], *, org: Org | None = None, **options: Any) -> IngestResult[Any]:
        the_org = org or self._org
        if the_org is None:
            raise NoOrgError(f"no login travels with a pickled result: say retry(org=...), an Org for {result.host}")
        frame = result._source.view(result._outcomes, NOT_SUCCESSFUL)
        request = replace(self._request, options=self._request.options.changed(options))
        return bridge.run(ingest(frame, request, the_org))
