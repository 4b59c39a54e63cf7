"""Tally: what a call has come to, by its events. Pure: the time of each is given."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from sfframe.progress.drawing import Drawing, JobLink, Stage
from sfframe.progress.events import (
    FINAL,
    Event,
    Finished,
    IngestEvent,
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
    ReadEvent,
    RowsRetried,
    Started,
    Stopped,
    UploadProgressed,
)
from sfframe.progress.pace import Flow, Remaining

_JobStage: TypeAlias = Literal["sending", "processing", "collecting"]


@dataclass(kw_only=True, slots=True)
class _Job:
    """One job in flight.

    Attributes:
        processed, failed: Rows of it that are through, and those of them that failed.
        n_bytes: What went up for it.
    """

    stage: _JobStage = "sending"
    processed: int = 0
    failed: int = 0
    n_bytes: int = 0


@dataclass(slots=True)
class Tally:
    """Counts the events of one call. One at a time; another time than the last one's is never earlier.

    Jobs that are over are kept as sums: an event costs the same, however many there were.
    """

    _began: float | None = None
    _state: Drawing = field(default_factory=lambda: Drawing(what=""))
    _jobs: dict[str, _Job] = field(default_factory=dict)
    _links: dict[str, JobLink] = field(default_factory=dict)
    _over: _Job = field(default_factory=_Job)
    _left_out: int = 0
    _again: int = 0
    _n_bytes: int = 0
    _flow: Flow = field(default_factory=Flow)
    _remaining: Remaining | None = None

    @property
    def is_begun(self) -> bool:
        """Whether there is something to show."""
        return bool(self._state.what)

    def take(self, event: Event, now: float) -> None:
        """The next event; with the first one the call begins."""
        self._began = now if self._began is None else self._began
        if isinstance(event, Stopped):
            self._state = replace(self._state, stage="stopped", error=event.error, n_jobs=0)
        elif isinstance(event, IngestEvent):
            self._take_of_ingest(event, now)
        else:
            self._take_of_read(event, now)

    def drawing(self, now: float) -> Drawing:
        """What there is to show at that time."""
        elapsed_s = now - self._began if self._began is not None else 0.0
        state = replace(self._state, elapsed_s=elapsed_s, links=self._shown_links())
        if state.is_over:
            return state
        left = self._remaining.seconds(now, state.total - self._left_out) if self._remaining and state.total else None
        return replace(state, bytes_per_s=self._flow.per_s(now), left_s=left)

    # --- sending ------------------------------------------------------------------------------------------------------

    def _take_of_ingest(self, event: IngestEvent, now: float) -> None:
        match event:
            case Preparing():
                what = f"{event.operation} {event.sobject}"
                self._state = Drawing(what=what, host=event.host, stage="checking")
                return
            case Started():
                self._start(event, now)
            case JobCreated():
                self._begin(event.job_id, "sending", event.page)
                self._flow.at(now, self._n_bytes)
            case JobTakenUp():
                self._begin(event.job_id, "processing", event.page)
                self._add(sent=event.rows)
            case UploadProgressed():
                self._upload(event.job_id, event.bytes_sent, now)
            case PartUploaded():
                self._upload(event.job_id, event.payload_bytes, now)
                self._job(event.job_id).stage = "processing"
                self._add(sent=event.rows)
            case JobProgressed():
                job = self._job(event.job_id)
                job.processed, job.failed = event.rows_processed, event.rows_failed
                job.stage = "collecting" if event.state in FINAL else "processing"
            case JobFinished():
                self._jobs.pop(event.job_id, None)
                self._over.processed += event.rows
                self._over.failed += event.failed + event.unprocessed
            case JobAbandoned():
                self._abandon(event)
            case RowsRetried():
                self._again += event.rows
                self._add(sent=-event.rows)
            case Finished():
                done = event.successful + event.failed
                self._state = replace(
                    self._state, stage="done", n_jobs=0, done=done, failed=event.failed, unprocessed=event.unprocessed
                )
                return
        self._count(now)

    def _start(self, event: Started, now: float) -> None:
        what = f"{event.operation} {event.sobject}"
        self._state = Drawing(
            what=what, host=event.host, stage="sending", total=event.rows + event.rows_left_out, sent=0
        )
        self._left_out = event.rows_left_out
        self._remaining = Remaining(now)

    def _abandon(self, event: JobAbandoned) -> None:
        job = self._jobs.pop(event.job_id, None)
        if job is not None and job.stage != "sending":
            self._add(sent=-event.rows)

    def _begin(self, job_id: str, stage: _JobStage, page: str | None) -> None:
        self._jobs[job_id] = _Job(stage=stage)
        if page is not None:
            self._links[job_id] = JobLink(job_id=job_id, page=page)

    def _upload(self, job_id: str, n_bytes: int, now: float) -> None:
        job = self._job(job_id)
        self._n_bytes += max(0, n_bytes - job.n_bytes)
        job.n_bytes = max(n_bytes, job.n_bytes)
        self._flow.at(now, self._n_bytes)

    def _job(self, job_id: str) -> _Job:
        return self._jobs.setdefault(job_id, _Job())

    def _add(self, *, sent: int) -> None:
        self._state = replace(self._state, sent=max(0, (self._state.sent or 0) + sent))

    def _count(self, now: float) -> None:
        jobs = [self._over, *self._jobs.values()]
        most = self._state.total or 0
        done = sum(job.processed for job in jobs) - self._again
        failed = sum(job.failed for job in jobs) - self._again
        if self._remaining is not None:
            self._remaining.at(now, done)
        self._state = replace(
            self._state,
            stage=self._stage(),
            done=max(0, min(done + self._left_out, most)),
            failed=max(0, min(failed + self._left_out, most)),
            sent=min(self._state.sent or 0, most),
            n_jobs=len(self._jobs),
        )

    def _stage(self) -> Stage:
        """What is waited for: rows that go up before those that the org is at, before those that come back."""
        found = {job.stage for job in self._jobs.values()}
        if not found and 0 < (self._state.total or 0) <= self._over.processed - self._again + self._left_out:
            return "collecting"  # no row is left to be sent
        if "sending" not in found and "processing" in found:
            return "processing"
        if "sending" not in found and "collecting" in found:
            return "collecting"
        return "sending again" if self._again else "sending"

    # --- reading ------------------------------------------------------------------------------------------------------

    def _take_of_read(self, event: ReadEvent, now: float) -> None:
        state = self._state
        match event:
            case QueryStarted():
                state = Drawing(what=f"read {event.sobject or 'a query job'}", host=event.host, stage="asking")
            case LookupStarted():
                state = Drawing(what=f"look up {event.sobject}", host=event.host, stage="looking up", unit="keys")
                state = replace(state, total=event.keys)
                self._remaining = Remaining(now)
            case QueryJobCreated():
                self._begin(event.job_id, "processing", event.page)
                state = replace(state, stage="processing")
            case QueryJobTakenUp():
                self._begin(event.job_id, "processing", event.page)
                state = replace(state, what=f"read {event.sobject}", stage="processing")
            case QueryJobProgressed():
                if event.state in FINAL:
                    self._jobs.pop(event.job_id, None)
            case QueryAnswered():
                state = self._answered(event, now)
            case PageRead():
                state = self._page(event, now)
            case KeysLookedUp():
                state = replace(state, done=min(state.done + event.keys, state.total or 0))
            case QueryFinished():
                done = state.total or 0 if state.unit == "keys" else event.rows
                total = done if state.total is not None else None
                state = replace(state, stage="done", done=done, total=total, n_jobs=0)
        if self._remaining is not None and not state.is_over:
            self._remaining.at(now, state.done)
        self._state = replace(state, n_jobs=0 if state.is_over else len(self._jobs))

    def _answered(self, event: QueryAnswered, now: float) -> Drawing:
        state = self._state
        self._flow.at(now, self._n_bytes)
        self._remaining = self._remaining or Remaining(now)
        if state.unit == "keys":
            return state
        total = None if event.rows is None else (state.total or 0) + event.rows
        return replace(state, stage="reading", total=total)

    def _page(self, event: PageRead, now: float) -> Drawing:
        self._n_bytes += event.n_bytes
        self._flow.at(now, self._n_bytes)
        if self._state.unit == "keys":  # rows of a table in which the keys are looked for
            return self._state
        done = self._state.done + event.rows
        total = self._state.total
        return replace(self._state, done=done, total=None if total is None else max(total, done))

    def _shown_links(self) -> tuple[JobLink, ...]:
        if self._state.is_over:
            return tuple(self._links.values())
        return tuple(self._links[job_id] for job_id in self._jobs if job_id in self._links)
