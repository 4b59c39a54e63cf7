"""Recorded: what a journal holds, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sfframe.ingest.payload import LineEnding
from sfframe.ingest.spool import Numbers
from sfframe.org.job import JobInfo


def now() -> str:
    """This moment, in UTC, as text."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Stage(StrEnum):
    """How far a job has come. Up to `MADE` it surely never ran; from `CLOSING` on only the org knows."""

    MADE = "made"
    CLOSING = "closing"
    CLOSED = "closed"
    GIVEN_UP = "given up"
    GIVEN_UP_CLOSING = "given up while closing"
    COLLECTED = "collected"
    REFUSED = "refused"  # the org processed none of its rows because of their line ends: they go in another job
    LOST = "lost"  # the org doesn't know it any more, and its rows may go in another job


class RunState(StrEnum):
    """Whether there is something left to do."""

    PREPARING = "preparing"  # the frame isn't on the disk yet, and nothing was given to the org
    OPEN = "open"
    FINISHED = "finished"
    DROPPED = "dropped"  # another call took its place; nothing of it had been given to the org


@dataclass(frozen=True, kw_only=True)
class Intent:
    """What a run is for.

    Attributes:
        sobject, operation, external_id_field: The call.
        options: Its options, as JSON values.
        host, org_id: The org.
        kind: The kind of frame; see `front`.
        n_rows: Rows of the frame.
        sent: The frame's columns that are sent.
        begun: When, in UTC.
        client: Name and version of who wrote it.
    """

    sobject: str
    operation: str
    external_id_field: str | None
    options: Mapping[str, Any]
    host: str
    org_id: str | None
    kind: str
    n_rows: int
    sent: tuple[str, ...]
    client: str
    begun: str = field(default_factory=now)


@dataclass(frozen=True, kw_only=True)
class KnownJob:
    """A job of the run, as the journal has it."""

    info: JobInfo
    line_ending: LineEnding
    stage: Stage
    fates: str | None


@dataclass(frozen=True, kw_only=True, eq=False)
class KnownPart:
    """A part of the rows that was begun.

    Attributes:
        number: Its number, from 1.
        attempt: Which try of its rows it is, from 1.
        start, stop: Of a first try: the rows' positions, those that are left out counted.
        n_rows: How many rows are in its CSV.
        positions, numbers: Of later tries: the rows themselves.
        jobs: Its jobs, in the order of their making.
    """

    number: int
    attempt: int
    start: int
    stop: int
    n_rows: int
    positions: Numbers | None
    numbers: Numbers | None
    jobs: tuple[KnownJob, ...] = ()

    @property
    def place(self) -> tuple[int, int]:
        """Where it is among all parts: by their tries, then by their rows."""
        return self.attempt, self.start if self.positions is None else int(self.positions[0])
