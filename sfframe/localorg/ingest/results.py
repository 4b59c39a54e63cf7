"""Result files, made when they are first asked for and kept until the job goes (wire notes, 5)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sfframe.localorg.data.store import Store
from sfframe.localorg.ingest.echo import Echo
from sfframe.localorg.ingest.job import TERMINAL, Job
from sfframe.localorg.ingest.jobs import Jobs
from sfframe.localorg.ingest.registry import check_results
from sfframe.localorg.ingest.scan import Layout, scan
from sfframe.localorg.ingest.worker import request_of
from sfframe.localorg.manners import Manners
from sfframe.localorg.objects.schema import SObject
from sfframe.localorg.saving.header import Column, StructureError
from sfframe.localorg.wire import Refusal, not_found

KINDS = {"successfulresults": "successful", "failedresults": "failed", "unprocessedrecords": "unprocessed"}


class Results:
    """Gives the result files of ended jobs."""

    def __init__(self, store: Store, jobs: Jobs, manners: Manners, seed: int) -> None:
        self._store, self._jobs, self._manners, self._seed = store, jobs, manners, seed

    def path(self, job: Job, kind: str, version: str) -> Path:
        """The file of one kind.

        Args:
            job: A job.
            kind: A value of KINDS.
            version: The API version under which it is asked for.

        Raises:
            Refusal: The job hasn't ended, or was made under another version (wire notes, 1).
        """
        check_results(job, version, TERMINAL)
        files = {kind: self._store.scratch / f"{job.id}.{kind}" for kind in KINDS.values()}
        with job.lock:
            if not self._jobs.is_known(job):
                # Somebody has deleted it meanwhile.
                raise not_found()
            if not all(file.exists() for file in files.values()):
                self._make(job, files)
        return files[kind]

    def rows(self, job: Job, kind: str) -> int:
        return {
            "successful": job.processed - job.failed,
            "failed": job.failed,
            "unprocessed": max(0, job.rows - job.processed) if job.rows else int(job.state == "Failed"),
        }[kind]

    def _make(self, job: Job, files: dict[str, Path]) -> None:
        upload = self._jobs.upload_path(job)
        if job.processed and not upload.exists():
            raise Refusal(500, "UNKNOWN_EXCEPTION", "The data of the job is gone from the disk")
        layout, columns = self._read(job, upload, self._store.sobject)
        if layout is not None:
            # Of a job that was aborted before it ran nobody has counted them yet.
            job.rows = layout.rows
        db = self._store.cursor()
        try:
            echo = Echo(db, self._manners, upload, layout, columns, job.column_delimiter, job.line_ending)
            echo.write(files["successful"], files["failed"], job_id=job.id, seed=self._seed, done=job.processed)
            echo.write_unprocessed(files["unprocessed"], done=job.processed)
        finally:
            db.close()

    def _read(
        self, job: Job, upload: Path, find: Callable[[str], SObject | None]
    ) -> tuple[Layout | None, tuple[Column, ...]]:
        try:
            layout = scan(
                upload,
                delimiter=job.column_delimiter,
                line_ending=job.line_ending,
                strict=self._manners.strict_line_endings,
            )
        except StructureError:
            return None, ()
        sobject = find(job.object)
        try:
            return layout, request_of(job, layout, sobject, find).columns if sobject else ()
        except StructureError:
            return layout, ()
