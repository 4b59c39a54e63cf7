"""The thread in which jobs run, in turns, so that a large one doesn't hold up a small one (wire notes, 3.8, 3.9)."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa

from sfframe.localorg.data.sql import number, run
from sfframe.localorg.ingest.job import BATCH_ROWS, Job
from sfframe.localorg.ingest.parse import read_rows
from sfframe.localorg.ingest.scan import Layout, scan
from sfframe.localorg.objects.schema import SObject
from sfframe.localorg.saving.counter import Counter
from sfframe.localorg.saving.header import Column, StructureError, read_header
from sfframe.localorg.saving.rows import CHUNK_ROWS, Request
from sfframe.localorg.saving.rules import Rules
from sfframe.localorg.saving.save import Saver

if TYPE_CHECKING:
    from sfframe.localorg.data.store import Store
    from sfframe.localorg.desk import FaultDesk
    from sfframe.localorg.faults import Fault
    from sfframe.localorg.ingest.jobs import Jobs
    from sfframe.localorg.manners import Manners

# One of the database's row groups and a little: it goes to the file at once, not by the log.
_STRIDE = 13 * BATCH_ROWS
End = tuple[str, str | None]
_TOO_MANY_RECORDS = "ExceededQuota : Daily limit of records to ingest exceeded. Remaining records are unprocessed."
_FAILED_HALFWAY = "TooManyLockFailure : Too many lock failures for one batch. Batch will not be retried."


class Worker:
    """Runs jobs. Rows are saved stride by stride; each stride is one transaction with the job's progress in it."""

    def __init__(
        self,
        store: Store,
        counter: Counter,
        manners: Manners,
        desk: FaultDesk,
        rules: Rules,
        now: Callable[[], datetime],
        user_id: str,
    ) -> None:
        self._store, self._counter, self._manners, self._desk = store, counter, manners, desk
        self._rules, self._now, self._user_id = rules, now, user_id
        self.jobs: Jobs | None = None
        self._turns: deque[tuple[Job, Iterator[bool]]] = deque()
        self._stuck: list[Job] = []
        self._wake = threading.Condition()
        self._stopping = False
        # Held while a stride is saved; whoever empties the org takes it.
        self.busy = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="localorg-worker", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join()

    def run(self, job: Job) -> None:
        with self._wake:
            self._turns.append((job, self._steps(job)))
            self._wake.notify()

    def release(self, job_id: str | None = None) -> None:
        """Let stuck jobs go on, or the one of that id."""
        with self._wake:
            stuck = [job for job in self._stuck if job_id in (None, job.id)]
            self._stuck = [job for job in self._stuck if job not in stuck]
            self._turns.extend((job, self._steps(job, is_released=True)) for job in stuck)
            self._wake.notify()

    def clear(self) -> None:
        with self._wake:
            self._turns.clear()
            self._stuck.clear()

    def _run(self) -> None:
        self._db = self._store.cursor()
        try:
            while (turn := self._next_turn()) is not None:
                job, steps = turn
                if self._step(job, steps):
                    with self._wake:
                        self._turns.append(turn)
        finally:
            self._db.close()

    def _next_turn(self) -> tuple[Job, Iterator[bool]] | None:
        with self._wake:
            while not self._turns and not self._stopping:
                self._wake.wait()
            return None if self._stopping else self._turns.popleft()

    def _step(self, job: Job, steps: Iterator[bool]) -> bool:
        """Do one piece of a job; says whether there is more."""
        with self.busy, job.lock:
            try:
                return next(steps, False)
            except Exception as error:  # noqa: BLE001  (a job that breaks the org's own code ends, as it would there)
                self._end(job, "Failed", f"InternalServerError : {type(error).__name__}: {error}")
                return False

    # One job, piece by piece; every yield is a place where others may have their turn, or abort.

    def _steps(self, job: Job, *, is_released: bool = False) -> Iterator[bool]:
        assert self.jobs is not None
        jobs, started = self.jobs, time.monotonic()
        if job.state not in ("UploadComplete", "InProgress") or not jobs.is_known(job):
            return
        fault = None if is_released else self._desk.meet("job", job.object)
        if fault is not None and fault.effect == "vanish" and fault.when == "before":
            jobs.vanish(job)
            return
        # Not recorded: at reopening a job that is closed and one that had started are taken up alike.
        job.state = "InProgress"
        jobs.touch(job)
        try:
            layout, request = self._read(job)
        except StructureError as error:
            self._end(job, "Failed", str(error))
            return
        job.rows = layout.rows
        stop, end = _stop_row(fault, layout.rows), _end_of(fault)
        if job.processed >= stop:
            jobs.batches.add(1 if not layout.rows else 0)
        while job.processed < stop:
            if jobs.records_left <= 0:
                self._end(job, "Failed", _TOO_MANY_RECORDS)
                return
            self._save(job, layout, request, stop, end, started)
            if job.processed < stop:
                yield True
                if job.state != "InProgress" or not jobs.is_known(job):
                    return
        if job.state == "InProgress":
            self._conclude(job, fault, end)

    def _conclude(self, job: Job, fault: Fault | None, end: End | None) -> None:
        """What is left to do for a job whose rows are done."""
        assert self.jobs is not None
        if end is not None:
            self._end(job, *end)
            return
        assert fault is not None
        if fault.effect == "vanish":
            self.jobs.vanish(job)
        else:
            self._stuck.append(job)
            self._desk.hold(job.id, fault)

    def _read(self, job: Job) -> tuple[Layout, Request]:
        assert self.jobs is not None
        sobject = self._store.sobject(job.object)
        if sobject is None:
            raise StructureError(f"InvalidJob : Unable to find object: {job.object}")
        upload = self.jobs.upload_path(job)
        if job.uploads and not upload.exists():
            raise StructureError("InternalServerError : The data of the job is gone from the disk")
        layout = scan(
            upload,
            delimiter=job.column_delimiter,
            line_ending=job.line_ending,
            strict=self._manners.strict_line_endings,
        )
        return layout, request_of(job, layout, sobject, self._store.sobject)

    def _save(self, job: Job, layout: Layout, request: Request, stop: int, end: End | None, started: float) -> None:
        """Save the next stride, and with the last one what the job's end is: in one transaction."""
        assert self.jobs is not None
        begun, after = time.monotonic(), copy(job)
        # Opened for each stride: of the jobs that wait for their turn none holds any rows.
        upload, most = self.jobs.upload_path(job), min(_STRIDE, stop - job.processed, self.jobs.records_left)
        rows = next(read_rows(upload, layout, delimiter=job.column_delimiter, start=job.processed, stride=most))
        rule = self._rules.get(request.sobject.name)
        request = replace(request, made=job.made)
        saver = Saver(self._db, request, self._counter, self._user_id, rule, self._desk.for_rows(layout.names))
        self._db.begin()
        try:
            after.failed += self._save_stride(job, saver, rows)
            if request.looks_at_its_own:
                after.made = (*job.made, *run(self._db, "SELECT min(fresh), max(fresh) FROM work"))
            after.processed += rows.num_rows
            if after.processed == stop and end is not None:
                after.state, after.error_message = end
                self.jobs.touch(after)
            after.active_ms += _ms_since(begun)
            after.total_ms = max(_ms_since(started), after.active_ms)
            self.jobs.lines.append(job.id, after.line(), self._db)
        except BaseException:
            self._db.rollback()
            raise
        self._db.commit()
        if rows.num_rows > BATCH_ROWS:
            # The next stride needs the room.
            run(self._db, "DROP TABLE work")
        self.jobs.batches.add(_batches(after.processed) - _batches(job.processed))
        self.jobs.records.add(rows.num_rows)
        job.take(after)

    def _save_stride(self, job: Job, saver: Saver, rows: pa.Table) -> int:
        saver.save(rows, now=self._now().astimezone(UTC))
        failed_id = "target" if self._manners.failed_ids else "NULL"
        run(
            self._db,
            f"INSERT INTO _org.outcomes SELECT ?, n, CASE WHEN error IS NULL THEN coalesce(target, fresh)"
            f" ELSE {failed_id} END, error IS NULL AND target IS NULL, error FROM work",
            [job.id],
        )
        return number(self._db, "SELECT count(*) FROM work WHERE error IS NOT NULL")

    def _end(self, job: Job, state: str, message: str | None = None) -> None:
        assert self.jobs is not None
        # The state is the last: who reads meanwhile takes no lock.
        job.error_message = message
        self.jobs.touch(job)
        job.state = state
        self.jobs.record(job)


def request_of(job: Job, layout: Layout, sobject: SObject, find: Callable[[str], SObject | None]) -> Request:
    """The job with its columns resolved.

    Raises:
        StructureError: The header can't be used.
    """
    key = sobject.field(job.external_id_field) if job.external_id_field else None
    columns: tuple[Column, ...] = ()
    if layout.names:
        columns = read_header(
            layout.names, sobject, find, operation=job.operation, key=key.name if key is not None else None
        )
    return Request(sobject, job.operation, columns, key, find)


def _stop_row(fault: Fault | None, rows: int) -> int:
    """The row before which a job stops; half of its chunks where the fault doesn't say."""
    if fault is None or fault.effect == "vanish":
        return rows
    if fault.after_rows is not None:
        return min(fault.after_rows, rows)
    return rows // CHUNK_ROWS // 2 * CHUNK_ROWS if rows > CHUNK_ROWS else 0


def _end_of(fault: Fault | None) -> End | None:
    """State and message in which a job ends once its rows are done; None: it doesn't."""
    if fault is None:
        return "JobComplete", None
    if fault.effect == "abort":
        return "Aborted", None
    return ("Failed", fault.error or _FAILED_HALFWAY) if fault.effect == "fail" else None


def _batches(rows: int) -> int:
    return -(-rows // BATCH_ROWS)


def _ms_since(moment: float) -> int:
    return int((time.monotonic() - moment) * 1000)
