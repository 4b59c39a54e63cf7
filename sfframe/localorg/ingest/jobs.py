"""Ingest jobs: which states they go through, and what is refused (wire notes, 3)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sfframe.localorg.allowance import Allowance
from sfframe.localorg.data.job_lines import JobLines
from sfframe.localorg.data.sql import run
from sfframe.localorg.data.store import Store
from sfframe.localorg.ingest.job import BATCH_ROWS, TERMINAL, Job
from sfframe.localorg.ingest.registry import (
    LIFE,
    Registry,
    already_ended,
    check_wish,
    no_such_state,
    not_ended,
)
from sfframe.localorg.manners import Manners
from sfframe.localorg.objects.ids import make_id, normal_id
from sfframe.localorg.objects.schema import SObject
from sfframe.localorg.wire import Refusal, moment_of, not_found, timestamp

OPERATIONS = ("insert", "update", "upsert", "delete", "hardDelete")
_NO_HARD_DELETE = (
    "FeatureNotEnabled : hardDelete operation requires special user profile permission,"
    " please contact your system administrator"
)
_OPEN_LIFE = timedelta(hours=24)
_DELETABLE = TERMINAL | {"UploadComplete"}
_MEMBERS = {
    "object",
    "operation",
    "contentType",
    "columnDelimiter",
    "lineEnding",
    "externalIdFieldName",
    "assignmentRuleId",
    "concurrencyMode",
}


class Jobs(Registry[Job]):
    """All ingest jobs of the org.

    Args:
        store: Where they are kept.
        manners: See there.
        now: The org's clock.
        user_id: Who makes them.
        start: Called with a job that is ready to run.
    """

    def __init__(
        self, store: Store, manners: Manners, now: Callable[[], datetime], user_id: str, start: Callable[[Job], None]
    ) -> None:
        super().__init__("V2Ingest", manners, now)
        self._store, self._user_id, self._start = store, user_id, start
        self.lines = JobLines(store, "jobs")
        self._made = 0
        self.batches = Allowance(now)
        self.records = Allowance(now)

    # The life of the registry.

    def load(self) -> None:
        """Take up the jobs of an earlier life; those that were closed are run to their end."""
        lines, self._made = self.lines.load()
        for job_id, line in lines:
            if line:
                self._jobs[job_id] = Job.from_line(line)
        for job in sorted(self._jobs.values(), key=lambda job: job.modstamp):
            self.batches.add(-(-job.processed // BATCH_ROWS), at=moment_of(job.modstamp))
            self.records.add(job.processed, at=moment_of(job.modstamp))
        for job in list(self._jobs.values()):
            if job.state in ("UploadComplete", "InProgress"):
                self._start(job)

    def forget(self) -> None:
        """Know of no job any more; their ids aren't given again."""
        for job in list(self._jobs.values()):
            # Nobody is in the midst of changing it, and who comes later sees that it is gone.
            with job.lock, self._lock:
                self._jobs.pop(job.id, None)
        with self._lock:
            self.batches.clear()
            self.records.clear()
            self.lines.forget(self._made)

    @property
    def records_left(self) -> int:
        """How many more records of jobs the org takes now (10)."""
        return self._manners.daily_records - self.records.used

    def upload_path(self, job: Job) -> Path:
        return self._store.uploads / f"{job.id}.csv"

    # What requests do.

    def create(self, body: dict[str, Any], version: str) -> Job:
        """Make an open job, or refuse as 3.1 tells."""
        job = self._make(body, version)
        self._add(job)
        return job

    def create_whole(self, body: dict[str, Any], version: str, spooled: Path) -> Job:
        """Make a job with its data that is closed already: all of it or nothing (3.2)."""
        job = self._make(body, version)
        spooled.replace(self.upload_path(job))
        job.state, job.uploads = "UploadComplete", 1
        self._add(job)
        self._start(job)
        return job

    def _make(self, body: dict[str, Any], version: str) -> Job:
        sobject, key = self._check(body)
        stamp = timestamp(self._now())
        self._tidy_now_and_then()
        if self.batches.used >= self._manners.daily_batches:
            raise Refusal(400, "EXCEEDEDQUOTA", "ExceededQuota : ApiBatchItems Limit exceeded.")
        with self._lock:
            self._made += 1
            made = self._made
        return Job(
            id=make_id("750", 62**4 * 11 + made),
            operation=body["operation"],
            object=sobject.name,
            api_version=version,
            created_by=self._user_id,
            created=stamp,
            modstamp=stamp,
            column_delimiter=body.get("columnDelimiter") or "COMMA",
            line_ending=body.get("lineEnding") or "LF",
            external_id_field=key,
            assignment_rule_id=body.get("assignmentRuleId"),
        )

    def _add(self, job: Job) -> None:
        """Know of a job once it is on disk."""
        self.record(job)
        with self._lock:
            self._jobs[job.id] = job

    def check_open_for_upload(self, job: Job) -> None:
        if job.state != "Open":
            text = f"InvalidJobState : Uploading data is not allowed for a job in state {job.state}"
            raise Refusal(400, "INVALIDJOBSTATE", text)
        if job.uploads and self._manners.second_put == "refuse":
            raise _uploaded_twice(job)

    def take_upload(self, job: Job, spooled: Path) -> None:
        with job.lock:
            self._check_known(job)
            self.check_open_for_upload(job)
            spooled.replace(self.upload_path(job))
            job.uploads += 1
            self.record(job)

    def change_state(self, job: Job, state: str) -> None:
        """Close or abort a job (3.4, 3.8)."""
        with job.lock:
            self._check_known(job)
            if state == "UploadComplete":
                self._close(job)
            elif state == "Aborted":
                self._abort(job)
            else:
                raise no_such_state(state)

    def delete(self, job: Job) -> None:
        with job.lock:
            self._check_known(job)
            if job.state not in _DELETABLE:
                raise not_ended()
            self.vanish(job)

    def vanish(self, job: Job) -> None:
        with job.lock:
            with self._lock:
                self._jobs.pop(job.id, None)
            with self._store.front() as db:
                db.begin()
                self.lines.append(job.id, "", db)
                run(db, "DELETE FROM _org.outcomes WHERE job = ?", [job.id])
                db.commit()
            for folder in {self._store.uploads, self._store.scratch}:
                for file in folder.glob(f"{job.id}.*"):
                    file.unlink(missing_ok=True)

    def commonest_errors(self, job_ids: list[str], most: int) -> dict[str, list[tuple[str, int]]]:
        """Of each job, the row errors that are met most often, with their numbers."""
        query = (
            "SELECT job, error, count(*) FROM _org.outcomes WHERE error IS NOT NULL AND list_contains(?, job)"
            " GROUP BY job, error QUALIFY row_number() OVER (PARTITION BY job ORDER BY count(*) DESC, error) <= ?"
            " ORDER BY job, count(*) DESC, error"
        )
        found: dict[str, list[tuple[str, int]]] = {}
        db = self._store.cursor()
        try:
            for job_id, error, count in run(db, query, [job_ids, most]):
                found.setdefault(job_id, []).append((error, count))
        finally:
            db.close()
        return found

    def record(self, job: Job) -> None:
        self.lines.append(job.id, job.line())

    def touch(self, job: Job) -> None:
        job.modstamp = timestamp(self._now())

    # Pieces.

    def _check_known(self, job: Job) -> None:
        if not self.is_known(job):
            raise not_found()

    def _close(self, job: Job) -> None:
        if job.state != "Open":
            raise Refusal(400, "INVALIDJOBSTATE", "Closing already Completed Job not allowed")
        if job.uploads > 1:
            raise _uploaded_twice(job)
        job.state = "UploadComplete"
        self.touch(job)
        self.record(job)
        self._start(job)

    def _abort(self, job: Job) -> None:
        if job.state in TERMINAL:
            raise already_ended()
        job.state = "Aborted"
        self.touch(job)
        self.record(job)

    def _age(self, job: Job) -> None:
        """A job may be open for a day, then it is aborted; any other is gone after seven (3.8, 10)."""
        now = self._now()
        since, life = (job.created, _OPEN_LIFE) if job.state == "Open" else (job.modstamp, LIFE)
        if since > timestamp(now - life):
            return
        with job.lock:
            if job.state == "Open":
                job.state, job.modstamp = "Aborted", timestamp(moment_of(job.created) + _OPEN_LIFE)
                self.record(job)
            if job.modstamp <= timestamp(now - LIFE):
                self.vanish(job)

    def _check(self, body: dict[str, Any]) -> tuple[SObject, str | None]:
        check_wish(body, _MEMBERS, OPERATIONS)
        rule = body.get("assignmentRuleId")
        if rule is not None and (not isinstance(rule, str) or normal_id(rule) is None):
            raise Refusal(400, "API_ERROR", "Invalid value supplied for property: 'assignmentRuleId'")
        wanted = body.get("object")
        sobject = self._store.sobject(wanted) if isinstance(wanted, str) else None
        if sobject is None:
            raise Refusal(400, "INVALIDJOB", f"InvalidJob : Unable to find object: {wanted or ''}")
        if not sobject.takes(body["operation"]):
            text = f"InvalidEntity : Entity '{sobject.name}' is not supported by the Bulk API."
            raise Refusal(400, "INVALIDENTITY", text)
        if body["operation"] == "hardDelete" and not self._manners.hard_delete:
            raise Refusal(400, "FEATURENOTENABLED", _NO_HARD_DELETE)
        return sobject, self._key(body, sobject)

    def _key(self, body: dict[str, Any], sobject: SObject) -> str | None:
        key = body.get("externalIdFieldName")
        if body["operation"] != "upsert":
            return key if isinstance(key, str) else None
        known = sobject.field(key) if isinstance(key, str) else None
        if known is None or not known.is_key:
            text = f"Field name provided, {key or ''} does not match an External ID for {sobject.name}"
            raise Refusal(400, "INVALIDJOB", f"InvalidJob : {text}")
        return known.name


def _uploaded_twice(job: Job) -> Refusal:
    text = (
        f"Found multipe contents for job: <{job.id[:15]}>, please 'Close' / 'Abort' / 'Delete' the current Job"
        " then create a new Job and make sure you only do 'PUT' once on a given Job."
    )
    return Refusal(400, "INVALIDJOB", text)
