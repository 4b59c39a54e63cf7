"""A small org: jobs of `Contact`, as far as clients see them (wire notes, 3 and 5). What rows become, a model says."""

from __future__ import annotations

import csv
import datetime as dt
import io
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from sfframe.localorg.objects.ids import make_id
from sfframe.localorg.objects.standard import standard_objects
from tests.localorg.model import Model, Save, take_away

SOBJECT = "Contact"
OPERATIONS = ("insert", "update", "upsert", "delete", "hardDelete")
RESULTS = {"successfulResults": "successful", "failedResults": "failed", "unprocessedrecords": "unprocessed"}
_ENDED = frozenset({"JobComplete", "Failed", "Aborted"})
_CLOSED = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
_LIFE_S = 7 * 86_400.0
_OPEN_LIFE_S = 86_400.0
_SHORT_S = 0.5  # nobody could see through a counter that lags for long
_FIELDS = ("Id", "FirstName", "LastName", "Title", "ExternalId__c", "Score__c", "IsDeleted", "AccountId", "Email")
_WHOLE = next(answer for answer in standard_objects() if answer["name"] == SOBJECT)
DESCRIBE = json.dumps(_WHOLE | {"fields": [one for one in _WHOLE["fields"] if one["name"] in _FIELDS]}).encode()


class Refusal(Exception):  # noqa: N818  (an answer, not an accident)
    """What the org answers in place of what was wanted."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True, kw_only=True)
class Habits:
    """How this org treats jobs.

    Attributes:
        batch_rows: Rows that are saved at once.
        batch_s: Seconds for that; and until a job begins.
        locked: Rows that can't be had at first, by their name: how often.
        codes: Of them, the error that is told.
        echo: `stored`: successful rows come back as they are stored; `verbatim`: as they were sent.
        fails: Jobs that fail, by the number of their closing: after how many batches.
        aborted: Jobs that somebody aborts: after how many batches.
        deleted: Jobs that somebody deletes once they have ended: after how many seconds.
        stalls: Jobs that do nothing for a time, once they are closed: how long.
        results_lag_s: How long a job's results lack rows, once it has ended.
        counters_lag_s: How long its counters do.
        names_rest: It has files of unprocessed rows; where it hasn't, nothing but its counters tells of them.
        refuses_lf: Jobs with this line end fail, and nothing of them is processed.
    """

    batch_rows: int = 200
    batch_s: float = 0.4
    locked: dict[str, int] = field(default_factory=dict)
    codes: tuple[str, ...] = ("UNABLE_TO_LOCK_ROW",)
    echo: str = "stored"
    fails: dict[int, int] = field(default_factory=dict)
    aborted: dict[int, int] = field(default_factory=dict)
    deleted: dict[int, float] = field(default_factory=dict)
    stalls: dict[int, float] = field(default_factory=dict)
    results_lag_s: float = 0.0
    counters_lag_s: float = 0.0
    names_rest: bool = True
    refuses_lf: bool = False


@dataclass
class Job:
    """One ingest job."""

    id: str
    operation: str
    key: str | None
    line_ending: str
    api_version: str
    made_at: float
    state: str = "Open"
    uploads: list[bytes] = field(default_factory=list)
    rows: list[dict[str, str]] = field(default_factory=list)
    fates: list[tuple[str, bool, str] | None] = field(default_factory=list)  # id, is it new, error
    n_done: int = 0
    number: int = 0
    ended_at: float = 0.0
    message: str | None = None

    @property
    def names(self) -> list[str]:
        """What its rows are called."""
        return [name_of(row) for row in self.rows]


def name_of(row: dict[str, str]) -> str:
    """What tells a row from all others: its tag, or the id of what it takes away."""
    return row.get("Title") or row.get("Id", "")


class SmallOrg:
    """All of it.

    Args:
        now: The clock, in seconds.
        later: Calls something after some seconds.
        habits: How it treats jobs.
        seed: Decides the order of results.

    Attributes:
        model: What it holds.
        jobs: Those that it knows.
        ever: Those that it ever knew.
        saved: How often each row was saved, by its name.
        inserted: Of these, how often it made a record.
    """

    def __init__(self, now: Callable[[], float], later: Callable[..., object], habits: Habits, seed: int) -> None:
        self._now, self._later, self.habits = now, later, habits
        self._dice = Random(f"org {seed}")
        self._locked = dict(habits.locked)
        self._ids = itertools.count(1)
        self.model = Model()
        self.jobs: dict[str, Job] = {}
        self.ever: dict[str, Job] = {}
        self.saved: Counter[str] = Counter()
        self.inserted: Counter[str] = Counter()
        self._n_closed = 0

    # --- what requests do ---------------------------------------------------------------------------------------------

    def create(self, wish: dict[str, Any], api_version: str) -> dict[str, Any]:
        """Make a job."""
        if wish.get("object") != SOBJECT or wish.get("operation") not in OPERATIONS:
            raise Refusal(400, "INVALIDJOB", "InvalidJob : Unable to find object")
        job = Job(
            id=make_id("750", next(self._ids)),
            operation=wish["operation"],
            key=wish.get("externalIdFieldName"),
            line_ending=wish.get("lineEnding", "LF"),
            api_version=api_version,
            made_at=self._now(),
        )
        self.jobs[job.id] = self.ever[job.id] = job
        return self._info(job)

    def upload(self, job_id: str, data: bytes) -> None:
        """Take a job's data."""
        job = self._job(job_id)
        if job.state != "Open":
            raise Refusal(400, "INVALIDJOBSTATE", f"InvalidJobState : no data for a job in state {job.state}")
        job.uploads.append(data)

    def change(self, job_id: str, state: Any) -> dict[str, Any]:
        """Close a job, or abort it."""
        job = self._job(job_id)
        if state == "UploadComplete":
            self._close(job)
        elif state == "Aborted":
            if job.state in _ENDED:
                raise Refusal(400, "INVALIDJOBSTATE", "Aborting already Completed Job not allowed")
            self._end(job, "Aborted")
        else:
            raise Refusal(400, "INVALIDJOBSTATE", "no such state")
        return self._info(job)

    def look(self, job_id: str) -> dict[str, Any]:
        """How a job is."""
        job = self._job(job_id)
        info = self._info(job) | {"jobType": "V2Ingest", "retries": 0, "totalProcessingTime": 5}
        if job.state not in ("Open", "UploadComplete"):
            lag_s = self.habits.counters_lag_s if self.habits.names_rest else min(self.habits.counters_lag_s, _SHORT_S)
            lags = job.state in _ENDED and self._now() < job.ended_at + lag_s
            done = job.fates[: job.n_done]
            info["numberRecordsProcessed"] = 0 if lags else job.n_done
            info["numberRecordsFailed"] = 0 if lags else sum(1 for fate in done if fate and fate[2])
        return info | ({"errorMessage": job.message} if job.message else {})

    def results(self, job_id: str, kind: str) -> str:
        """One of a job's three files."""
        job = self._job(job_id)
        if job.state not in _ENDED:
            raise Refusal(400, "INVALIDJOBSTATE", "the job hasn't ended")
        n_done = job.n_done
        if self._now() < job.ended_at + self.habits.results_lag_s:
            n_done //= 2
        sent = list(job.rows[0]) if job.rows else []
        if kind == "unprocessed":
            if not self.habits.names_rest and job.state != "JobComplete":
                raise Refusal(404, "NOT_FOUND", "The requested resource does not exist")
            return _csv([sent, *([row[name] for name in sent] for row in job.rows[job.n_done :])]) if sent else ""
        wants_failed = kind == "failed"
        lines = []
        for row, fate in zip(job.rows[:n_done], job.fates, strict=False):
            if fate is not None and bool(fate[2]) == wants_failed:
                record_id, is_new, error = fate
                values = [row[name] if wants_failed else self._echo(name, row[name]) for name in sent]
                lines.append([record_id, error if wants_failed else str(is_new).lower(), *values])
        self._dice.shuffle(lines)
        return _csv([["sf__Id", "sf__Error" if wants_failed else "sf__Created", *sent], *lines])

    def delete(self, job_id: str) -> None:
        """Forget a job."""
        job = self._job(job_id)
        if job.state not in _ENDED:
            raise Refusal(400, "API_ERROR", "the job hasn't ended")
        del self.jobs[job_id]

    # --- what it does by itself ---------------------------------------------------------------------------------------

    def _close(self, job: Job) -> None:
        if job.state != "Open":
            raise Refusal(400, "INVALIDJOBSTATE", "Closing already Completed Job not allowed")
        if len(job.uploads) > 1:
            raise Refusal(400, "API_ERROR", f"Found multiple contents for job: <{job.id}>, please 'Close' / 'Abort'")
        self._n_closed += 1
        job.number, job.state = self._n_closed, "UploadComplete"
        text = b"".join(job.uploads).decode()
        job.rows = list(csv.DictReader(io.StringIO(text, newline="")))
        job.fates = [None] * len(job.rows)
        self._later(self.habits.batch_s + self.habits.stalls.get(job.number, 0.0), self._begin, job)

    def _begin(self, job: Job) -> None:
        if job.state != "UploadComplete":
            return
        job.state = "InProgress"
        if self.habits.refuses_lf and job.line_ending == "LF":
            job.message = "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is LF"
            self._end(job, "Failed")
        else:
            self._batch(job, 0)

    def _batch(self, job: Job, n_batches: int) -> None:
        if job.state != "InProgress":
            return
        if n_batches == self.habits.fails.get(job.number, -1):
            job.message = "InternalServerError : retries used up"
            self._end(job, "Failed")
            return
        if n_batches == self.habits.aborted.get(job.number, -1):
            self._end(job, "Aborted")
            return
        first, last = job.n_done, min(job.n_done + self.habits.batch_rows, len(job.rows))
        self._save(job, first, last)
        job.n_done = last
        if last == len(job.rows):
            self._end(job, "JobComplete")
        else:
            self._later(self.habits.batch_s, self._batch, job, n_batches + 1)

    def _end(self, job: Job, state: str) -> None:
        job.state, job.ended_at = state, self._now()
        if job.number in self.habits.deleted and state != "Open":
            self._later(self.habits.deleted[job.number], self.jobs.pop, job.id, None)

    def _save(self, job: Job, first: int, last: int) -> None:
        free = []
        for n in range(first, last):
            name = name_of(job.rows[n])
            if self._locked.get(name, 0) > 0:
                self._locked[name] -= 1
                code = self.habits.codes[n % len(self.habits.codes)]
                job.fates[n] = "", False, f"{code}:unable to obtain exclusive access to this record:--"
            else:
                free.append(n)
        fates = (self._taken_away if job.operation in ("delete", "hardDelete") else self._written)(job, free)
        for n, fate in zip(free, fates, strict=True):
            job.fates[n] = fate
            if not fate[2]:
                self.saved[name_of(job.rows[n])] += 1
                self.inserted[name_of(job.rows[n])] += fate[1]

    def _written(self, job: Job, numbers: list[int]) -> list[tuple[str, bool, str]]:
        save = Save(self.model, SOBJECT, job.operation, "ExternalId__c" if job.operation == "upsert" else None, _CLOSED)
        save.run([job.rows[n] for n in numbers])
        made = {n: self.add(record) for n, record in save.made}
        error = "REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --"
        return [
            (made.get(i, save.changed.get(i, "")), i in made, error if i in save.failed else "")
            for i in range(len(numbers))
        ]

    def _taken_away(self, job: Job, numbers: list[int]) -> list[tuple[str, bool, str]]:
        fates = []
        for n in numbers:
            record_id = job.rows[n]["Id"]
            failed = take_away(self.model, SOBJECT, job.operation, [record_id], _CLOSED)
            fates.append((record_id, False, "ENTITY_IS_DELETED:entity is deleted:--" if failed else ""))
        return fates

    def add(self, record: dict[str, Any]) -> str:
        """Put a record into the org; gives its id."""
        record_id = make_id("003", next(self._ids))
        self.model.records[SOBJECT][record_id] = record
        return record_id

    # --- pieces -------------------------------------------------------------------------------------------------------

    def _job(self, job_id: str) -> Job:
        job = self.jobs.get(job_id)
        if job is not None and job.state == "Open" and self._now() > job.made_at + _OPEN_LIFE_S:
            self._end(job, "Aborted")
        if job is not None and job.state in _ENDED and self._now() > job.ended_at + _LIFE_S:
            del self.jobs[job_id]
            job = None
        if job is None:
            raise Refusal(404, "NOT_FOUND", "The requested resource does not exist")
        return job

    def _info(self, job: Job) -> dict[str, Any]:
        return {
            "id": job.id,
            "operation": job.operation,
            "object": SOBJECT,
            "createdById": make_id("005", 1),
            "createdDate": "2026-01-01T00:00:00.000+0000",
            "systemModstamp": "2026-01-01T00:00:00.000+0000",
            "state": job.state,
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": float(job.api_version),
            "lineEnding": job.line_ending,
            "columnDelimiter": "COMMA",
        } | ({"externalIdFieldName": job.key} if job.key else {})

    def _echo(self, name: str, text: str) -> str:
        if self.habits.echo == "verbatim" or text in ("", "#N/A"):
            return "" if text == "#N/A" and self.habits.echo != "verbatim" else text
        return str(float(text)) if name == "Score__c" else text


def _csv(lines: Iterable[Iterable[str]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(lines)
    return text.getvalue()
