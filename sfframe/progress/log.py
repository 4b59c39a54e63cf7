"""Log: the stages of a call as lines of `logging`, each with what it says as fields of the record."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import Any, Final, Literal

from sfframe.progress.events import (
    FINAL,
    Event,
    Finished,
    JobAbandoned,
    JobCreated,
    JobFinished,
    JobProgressed,
    JobTakenUp,
    KeysLookedUp,
    LookupStarted,
    PageRead,
    PartUploaded,
    Preparing,
    QueryAnswered,
    QueryFinished,
    QueryJobCreated,
    QueryJobProgressed,
    QueryJobTakenUp,
    QueryStarted,
    RowsRetried,
    Started,
    Stopped,
    UploadProgressed,
)
from sfframe.written import size

# Parts of a stage, for those who look closer; of an answer the read itself tells at INFO, with the reason for its way.
_STEPS: Final = (UploadProgressed, PageRead, KeysLookedUp, QueryAnswered)


class Log:
    """Writes one line a stage, at INFO, and one for each step of it, at DEBUG.

    A record's fields are those of the event, with `event` (its class), `seconds` (since the call began), and the
    `host`, `sobject` and `operation` of the call.
    """

    def __init__(self, kind: Literal["ingest", "query"], clock: Callable[[], float] = time.monotonic) -> None:
        self._log = logging.getLogger(f"sfframe.{kind}")
        self._clock = clock
        self._began: float | None = None
        self._call: dict[str, Any] = {} if kind == "ingest" else {"operation": "read"}

    def __call__(self, event: Event) -> None:
        """Take the next event; with the first one the call begins."""
        self._began = self._clock() if self._began is None else self._began
        told = {field.name: getattr(event, field.name) for field in fields(event)}
        if isinstance(event, LookupStarted):
            self._call["operation"] = "look up"
        self._call |= {name: told[name] for name in ("host", "sobject", "operation") if told.get(name)}
        level = logging.DEBUG if _is_step(event) else logging.INFO
        if not self._log.isEnabledFor(level):
            return
        seconds = round(self._clock() - self._began, 3)
        extra = {**self._call, **told, "event": type(event).__name__, "seconds": seconds}
        with apart():
            self._log.log(level, "%s: %s", self._title, sentence(event, seconds), extra=extra)

    @property
    def _title(self) -> str:
        named = [self._call.get("operation"), self._call.get("sobject") or "a query job"]
        return f"{' '.join(filter(None, named))} on {self._call.get('host', 'the org')}"


def _is_step(event: Event) -> bool:
    is_under_way = isinstance(event, JobProgressed | QueryJobProgressed) and event.state not in FINAL
    return is_under_way or isinstance(event, _STEPS)


def sentence(event: Event, seconds: float) -> str:
    """What an event says, in words."""
    match event:
        case Preparing():
            return "the frame is checked"
        case Started():
            left_out = f"; {event.rows_left_out:,} can't be sent" if event.rows_left_out else ""
            return f"{event.rows:,} rows are sent{left_out}"
        case JobCreated():
            page = f", {event.page}" if event.page else ""
            return f"job {event.job_id} for {event.rows:,} rows, {size(event.payload_bytes)}{page}"
        case JobTakenUp():
            return f"job {event.job_id} of {event.rows:,} rows is taken up"
        case UploadProgressed():
            return f"job {event.job_id}: {event.bytes_sent:,} of {event.payload_bytes:,} bytes are sent"
        case PartUploaded():
            return f"job {event.job_id} has its {event.rows:,} rows"
        case JobProgressed():
            return f"job {event.job_id} is {event.state}: {event.rows_processed:,} rows, {event.rows_failed:,} failed"
        case JobFinished():
            counts = f"{event.successful:,} successful, {event.failed:,} failed, {event.unprocessed:,} unprocessed"
            return f"job {event.job_id} is over: {counts}"
        case JobAbandoned():
            return f"job {event.job_id} of {event.rows:,} rows is given up"
        case RowsRetried():
            return f"{event.rows:,} rows are sent again, try {event.attempt}"
        case Finished():
            counts = f"{event.successful:,} successful, {event.failed:,} failed, {event.unprocessed:,} unprocessed"
            return f"{counts}, after {seconds:.1f} s"
        case Stopped():
            return f"stopped by {event.error} after {seconds:.1f} s"
        case _:
            return _of_read(event, seconds)


def _of_read(event: Event, seconds: float) -> str:
    match event:
        case QueryStarted():
            return "the query begins"
        case LookupStarted():
            return f"{event.keys:,} keys are looked up"
        case QueryJobCreated():
            return f"query job {event.job_id}" + (f", {event.page}" if event.page else "")
        case QueryJobTakenUp():
            return f"query job {event.job_id} is taken up"
        case QueryJobProgressed():
            return f"query job {event.job_id} is {event.state}: {event.rows_processed:,} rows"
        case QueryAnswered():
            rows = "rows" if event.rows is None else f"{event.rows:,} rows"
            return f"{rows} come over {event.transport}"
        case PageRead():
            return f"{event.rows:,} rows are here, {size(event.n_bytes)}"
        case KeysLookedUp():
            return f"{event.keys:,} more keys are asked for"
        case QueryFinished():
            return f"{event.rows:,} rows, after {seconds:.1f} s"
    return type(event).__name__


@contextmanager
def apart() -> Iterator[None]:
    """Where a bar is drawn on a terminal, a line goes above it, not into it."""
    tqdm = getattr(sys.modules.get("tqdm"), "tqdm", None)
    if tqdm is None or not getattr(tqdm, "_instances", None):
        yield
        return
    with tqdm.external_write_mode(file=sys.stderr):
        yield
