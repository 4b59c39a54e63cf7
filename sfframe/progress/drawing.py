"""Drawing: what a bar shows at one moment, and how its figures are written. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sfframe.written import count as counted
from sfframe.written import size

Stage = Literal[
    "checking",
    "sending",
    "sending again",
    "processing",
    "collecting",
    "asking",
    "reading",
    "looking up",
    "done",
    "stopped",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class JobLink:
    """A job and its page in the org."""

    job_id: str
    page: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawing:
    """What a bar shows.

    Attributes:
        what: The call, such as `"upsert Contact"`.
        host: The org.
        stage: What is waited for.
        unit: What is counted: `"rows"`, or the `"keys"` of a lookup.
        total: How many there are; `None`: that isn't known.
        done: How many of them have gone through the org, failed ones included.
        sent: How many the org was given; `None` of a read.
        failed: How many the org refused, as far as it has told.
        unprocessed: How many it never came to; known at the end.
        n_jobs: Jobs in flight.
        bytes_per_s: What goes up, or comes down, of late.
        elapsed_s: Since the call began.
        left_s: Until its end, if there is a guess.
        links: Jobs that have a page: those in flight, at the end all.
        error: What ended the call early: an error's class.
    """

    what: str
    host: str = ""
    stage: Stage = "checking"
    unit: Literal["rows", "keys"] = "rows"
    total: int | None = None
    done: int = 0
    sent: int | None = None
    failed: int = 0
    unprocessed: int = 0
    n_jobs: int = 0
    bytes_per_s: float | None = None
    elapsed_s: float = 0.0
    left_s: float | None = None
    links: tuple[JobLink, ...] = ()
    error: str | None = None

    @property
    def is_over(self) -> bool:
        """Whether this is the last one of its call."""
        return self.stage in ("done", "stopped")

    @property
    def is_good(self) -> bool:
        """Whether nothing has gone wrong so far."""
        return not (self.failed or self.unprocessed or self.error)

    @property
    def title(self) -> str:
        """What is done, and where."""
        return f"{self.what} on {self.host}" if self.host else self.what

    @property
    def words(self) -> str:
        """The stage, and what ended it if it was ended."""
        return f"stopped by {self.error}" if self.error else self.stage

    @property
    def share(self) -> float:
        """How much is done, from 0 to 1; before the total is known none, at a good end all."""
        if self.total:
            return min(1.0, self.done / self.total)
        return 1.0 if self.stage == "done" else 0.0

    @property
    def count(self) -> str:
        """How much of how much is done; empty before anything is known of it."""
        if self.total is not None:
            return f"{self.done:,}/{self.total:,} {self.unit}"
        return f"{self.done:,} {self.unit}" if self.done or self.stage == "done" else ""

    @property
    def trouble(self) -> list[str]:
        """Rows that will need somebody."""
        return [f"{n:,} {word}" for n, word in ((self.failed, "failed"), (self.unprocessed, "unprocessed")) if n]

    @property
    def sending(self) -> str:
        """How much the org was given, until that is all."""
        is_told = self.sent is not None and self.total is not None and not self.is_over and self.sent > 0
        return f"{self.sent:,} sent" if is_told else ""

    @property
    def jobs(self) -> str:
        """How many jobs are in flight."""
        return counted(self.n_jobs, "job") if self.n_jobs else ""

    @property
    def rate(self) -> str:
        """Bytes per second."""
        return f"{size(self.bytes_per_s)}/s" if self.bytes_per_s is not None else ""

    @property
    def elapsed(self) -> str:
        """The time since the call began."""
        return clock(self.elapsed_s)

    @property
    def left(self) -> str:
        """The time to its end."""
        return f"{clock(self.left_s)} left" if self.left_s is not None else ""


def clock(seconds: float) -> str:
    """A time as `0:05`, `12:30` or `1:02:03`."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
