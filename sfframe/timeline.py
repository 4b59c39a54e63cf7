"""Timeline: when each part of a call was in which stage, noted down from the progress events."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import polars as pl

from sfframe.progress.events import FINAL, JobCreated, JobFinished, JobProgressed, PartUploaded, RowsRetried

Stage = Literal["sending", "processing", "collecting"]
STAGES: Final[tuple[Stage, ...]] = ("sending", "processing", "collecting")
SCHEMA: Final[dict[str, Any]] = {
    "job_id": pl.String,
    "attempt": pl.Int64,
    "stage": pl.String,
    "began": pl.Float64,
    "ended": pl.Float64,
    "rows": pl.Int64,
    "bytes": pl.Int64,
}


@dataclass(kw_only=True, slots=True)
class _Part:
    """A part in its job: when it came into which stage."""

    attempt: int
    rows: int | None = None
    n_bytes: int | None = None
    began: dict[Stage, float] = field(default_factory=dict)
    ended: dict[Stage, float] = field(default_factory=dict)

    def enter(self, stage: Stage | None, now: float) -> None:
        """Leave the stage that it is in; begin one, if it isn't over."""
        for other in self.began:
            self.ended.setdefault(other, now)
        if stage is not None:
            self.began.setdefault(stage, now)


class Timeline:
    """A listener that notes when each job came into which stage.

    A job that was thrown away before the org was told to process it is left out. One that an earlier process began
    is there from the call's beginning, as far as this call had to wait for it.

    Args:
        began: When the call began, by the clock.
        clock: Seconds that only go forward.
    """

    def __init__(self, began: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = began
        self._attempt = 1
        self._parts: dict[str, _Part] = {}

    def __call__(self, event: object) -> None:
        """Take the next event; those that tell of no stage are let by."""
        now = self._clock() - self._began
        match event:
            case RowsRetried():
                self._attempt = event.attempt
            case JobCreated():
                part = self._parts[event.job_id] = _Part(attempt=self._attempt)
                part.enter("sending", now)
            case PartUploaded():
                part = self._part(event.job_id)
                part.rows, part.n_bytes = event.rows, event.payload_bytes
                part.enter("processing", now)
            case JobProgressed():
                self._progressed(event.job_id, event.state, now)
            case JobFinished() if event.job_id in self._parts:
                part = self._parts[event.job_id]
                part.rows = event.rows
                part.enter(None, now)

    def _part(self, job_id: str) -> _Part:
        return self._parts.setdefault(job_id, _Part(attempt=self._attempt))

    def _progressed(self, job_id: str, state: str, now: float) -> None:
        part = self._part(job_id)
        if not part.began:  # an earlier process began it
            part.enter("processing", 0.0)
        if state in FINAL:
            part.enter("collecting", now)

    def frame(self) -> pl.DataFrame:
        """A row for each stage of each job, by the time when it began; an end that nobody saw is null.

        `job_id`, `attempt` (from 1), `stage` (`sending`, `processing`, `collecting`), `began` and `ended` (seconds
        since the call began), `rows` and `bytes` (of the part; null where this call doesn't know them).
        """
        rows = [
            (job_id, part.attempt, stage, began, part.ended.get(stage), part.rows, part.n_bytes)
            for job_id, part in self._parts.items()
            if set(part.began) - {"sending"}
            for stage, began in part.began.items()
        ]
        return pl.DataFrame(rows, schema=SCHEMA, orient="row").sort("began", maintain_order=True)


def no_timeline() -> pl.DataFrame:
    """That of a call of which nobody took the times."""
    return pl.DataFrame(schema=SCHEMA)
