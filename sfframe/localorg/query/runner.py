"""The thread in which query jobs run, one after the other."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import pyarrow as pa

from sfframe.localorg.ingest.scan import DELIMITERS, LINE_ENDS
from sfframe.localorg.query.lines import header_line, line_query
from sfframe.localorg.wire import Refusal

if TYPE_CHECKING:
    from sfframe.localorg.data.store import Store
    from sfframe.localorg.desk import FaultDesk
    from sfframe.localorg.faults import Fault
    from sfframe.localorg.query.job import QueryJob
    from sfframe.localorg.query.jobs import QueryJobs

_BATCH_RECORDS = 50_000
_FAILED_HALFWAY = "QUERY_TIMEOUT : Your query request was running for too long."


class _Stopped(Exception):  # noqa: N818  (nothing went wrong: the job is aborted, or gone)
    """The job isn't wanted any more."""


class QueryRunner:
    """Runs query jobs: the records go from the database to the result file, batch by batch."""

    def __init__(self, store: Store, desk: FaultDesk) -> None:
        self._store, self._desk = store, desk
        self.jobs: QueryJobs | None = None
        self._waiting: queue.SimpleQueue[tuple[QueryJob, bool] | None] = queue.SimpleQueue()
        self._stuck: list[QueryJob] = []
        self._stopping = False
        # Held while a job runs; whoever empties the org takes it.
        self.busy = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="localorg-queries", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End; jobs that haven't are run when the database is opened again."""
        self._stopping = True
        self.clear()
        self._waiting.put(None)
        if self._thread.is_alive():
            self._thread.join()

    def run(self, job: QueryJob) -> None:
        self._waiting.put((job, False))

    def release(self, job_id: str | None = None) -> None:
        """Let stuck jobs go on, or the one of that id."""
        for job in [job for job in self._stuck if job_id in (None, job.id)]:
            self._stuck.remove(job)
            self._waiting.put((job, True))

    def clear(self) -> None:
        """Forget the jobs that wait or are stuck."""
        self._stuck.clear()
        with suppress(queue.Empty):
            while True:
                self._waiting.get_nowait()

    def _run(self) -> None:
        while (turn := self._waiting.get()) is not None:
            job, is_released = turn
            with self.busy:
                self._one(job, is_released)

    def _one(self, job: QueryJob, is_released: bool) -> None:
        assert self.jobs is not None
        with job.lock:
            if not self._is_wanted(job, "UploadComplete", "InProgress", "JobComplete"):
                return
            fault = None if is_released else self._desk.meet("job", f"query {job.object}")
            job.state = "InProgress"
        if fault is not None and self._spoil(job, fault):
            return
        try:
            self._write(job)
        except _Stopped:
            pass
        except Refusal as refusal:
            self._fail(job, f"{refusal.code} : {refusal.message}")
        except Exception as error:  # noqa: BLE001  (a job that breaks the org's own code ends, as it would there)
            self._fail(job, f"InternalServerError : {type(error).__name__}: {error}")
        if job.state in ("Aborted", "Failed") or not self.jobs.is_known(job):
            # Somebody may have deleted it before its file was written.
            self.jobs.sweep(job)
        elif fault is not None and fault.effect == "vanish":
            self.jobs.vanish(job)

    def _fail(self, job: QueryJob, message: str) -> None:
        """End a job that can't be run; what was aborted or deleted meanwhile stays so."""
        assert self.jobs is not None
        with job.lock:
            if self._is_wanted(job, "InProgress"):
                self.jobs.end(job, "Failed", message)

    def _spoil(self, job: QueryJob, fault: Fault) -> bool:
        """Let the fault have its way; says whether that was the end of it."""
        assert self.jobs is not None
        if fault.effect == "fail":
            self.jobs.end(job, "Failed", fault.error or _FAILED_HALFWAY)
        elif fault.effect == "abort":
            self.jobs.end(job, "Aborted")
        elif fault.effect == "stuck":
            self._stuck.append(job)
            self._desk.hold(job.id, fault)
        elif fault.when == "before":
            self.jobs.vanish(job)
        else:
            return False
        return True

    def _write(self, job: QueryJob) -> None:
        assert self.jobs is not None
        begun = time.monotonic()
        query = self.jobs.compile(job.soql, job.operation == "queryAll")
        delimiter, line_end = DELIMITERS[job.column_delimiter], LINE_ENDS[job.line_ending]
        db = self._store.cursor()
        try:
            found = db.sql(line_query(query, delimiter, line_end), params=list(query.parameters))
            batches = self._wanted(job, found.to_arrow_reader(_BATCH_RECORDS))
            job.records = self.jobs.pages(job).write(header_line(query, delimiter, line_end), batches)
        finally:
            db.close()
        with job.lock:
            if self._is_wanted(job, "InProgress"):
                job.total_ms = int((time.monotonic() - begun) * 1000)
                self.jobs.end(job, "JobComplete")

    def _wanted(self, job: QueryJob, batches: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        """The batches, as long as the job is wanted."""
        for batch in batches:
            if not self._is_wanted(job, "InProgress"):
                raise _Stopped
            yield batch

    def _is_wanted(self, job: QueryJob, *states: str) -> bool:
        if self.jobs is None or self._stopping:
            return False
        return job.state in states and self.jobs.is_known(job)
