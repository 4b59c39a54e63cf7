"""Query jobs: which states they go through, and what is refused (wire notes, 6.1 to 6.4)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from sfframe.localorg.allowance import Allowance
from sfframe.localorg.data.job_lines import JobLines
from sfframe.localorg.data.store import Store
from sfframe.localorg.ingest.job import TERMINAL
from sfframe.localorg.ingest.registry import (
    LIFE,
    Registry,
    already_ended,
    check_results,
    check_wish,
    no_such_state,
    not_ended,
)
from sfframe.localorg.manners import Manners
from sfframe.localorg.objects.ids import make_id
from sfframe.localorg.query.job import QueryJob
from sfframe.localorg.query.pages import Pages
from sfframe.localorg.soql import Query, SoqlError
from sfframe.localorg.wire import Refusal, timestamp


class Compile(Protocol):
    """Gives the query of a SOQL text; `all_rows`: deleted records too."""

    def __call__(self, soql: str, *, all_rows: bool) -> Query: ...


_MEMBERS = {"operation", "query", "contentType", "columnDelimiter", "lineEnding", "concurrencyMode"}


class QueryJobs(Registry[QueryJob]):
    """All query jobs of the org.

    Args:
        store: Where they are kept.
        manners: See there.
        now: The org's clock.
        user_id: Who makes them.
        compile_soql: See `Compile`.
        start: Called with a job that is ready to run.
    """

    def __init__(
        self,
        store: Store,
        manners: Manners,
        now: Callable[[], datetime],
        user_id: str,
        compile_soql: Compile,
        start: Callable[[QueryJob], None],
    ) -> None:
        super().__init__("V2Query", manners, now)
        self._store, self._user_id = store, user_id
        self._lines = JobLines(store, "queries")
        self._compile, self._start = compile_soql, start
        self._made = 0
        self.today = Allowance(now)

    # The life of the registry.

    def load(self) -> None:
        """Take up the jobs of an earlier life; those that hadn't ended are run anew."""
        lines, self._made = self._lines.load()
        for job_id, line in lines:
            if line:
                self._jobs[job_id] = QueryJob.from_line(line)
        for job in self._jobs.values():
            if job.state not in TERMINAL or (job.state == "JobComplete" and not self.pages(job).exists):
                self._start(job)

    def forget(self) -> None:
        """Know of no job any more; their ids aren't given again."""
        with self._lock:
            self._jobs.clear()
            self.today.clear()
            self._lines.forget(self._made)

    # What requests do.

    def create(self, body: dict[str, Any], version: str) -> QueryJob:
        """Make a job, or refuse as 6.1 and 6.2 tell."""
        query = self.compile(*_wish(body))
        if query.bulk_refusal is not None:
            raise Refusal(400, *query.bulk_refusal)
        stamp = timestamp(self._now())
        self._tidy_now_and_then()
        with self._lock:
            self._count()
            self._made += 1
            job = QueryJob(
                id=make_id("750", 62**4 * 12 + self._made),
                operation=body["operation"],
                object=query.sobject.name,
                soql=body["query"],
                api_version=version,
                created_by=self._user_id,
                created=stamp,
                modstamp=stamp,
                column_delimiter=body.get("columnDelimiter") or "COMMA",
                line_ending=body.get("lineEnding") or "LF",
            )
            self._jobs[job.id] = job
        self.record(job)
        return job

    def launch(self, job: QueryJob) -> None:
        """Let a new job run."""
        self._start(job)

    def change_state(self, job: QueryJob, state: str) -> None:
        """Abort a job; there is nothing else to be done to it."""
        if state != "Aborted":
            raise no_such_state(state)
        with job.lock:
            if job.state in TERMINAL:
                raise already_ended()
            self.end(job, "Aborted")

    def delete(self, job: QueryJob) -> None:
        with job.lock:
            if job.state not in TERMINAL:
                raise not_ended()
            self.vanish(job)

    def results(self, job: QueryJob, version: str) -> Pages:
        """The result file of a job that is complete.

        Raises:
            Refusal: The job isn't complete, or was made under another version (wire notes, 1, 6.3).
        """
        check_results(job, version, {"JobComplete"})
        return self.pages(job)

    # What the runner does.

    def compile(self, soql: str, all_rows: bool) -> Query:
        try:
            return self._compile(soql, all_rows=all_rows)
        except SoqlError as error:
            raise Refusal(400, error.code, error.message) from None

    def pages(self, job: QueryJob) -> Pages:
        return Pages(self._store.uploads / f"{job.id}.csv")

    def end(self, job: QueryJob, state: str, message: str | None = None) -> None:
        with job.lock:
            # The state is the last: who reads meanwhile takes no lock.
            job.error_message, job.modstamp, job.state = message, timestamp(self._now()), state
            self.record(job)

    def record(self, job: QueryJob) -> None:
        self._lines.append(job.id, job.line())

    def vanish(self, job: QueryJob) -> None:
        with self._lock:
            self._jobs.pop(job.id, None)
        self._lines.append(job.id, "")
        self.sweep(job)

    def sweep(self, job: QueryJob) -> None:
        """Take away a job's files."""
        for file in self._store.uploads.glob(f"{job.id}.*"):
            file.unlink(missing_ok=True)

    # Pieces.

    def _count(self) -> None:
        most, used = self._manners.daily_query_jobs, self.today.used
        if used >= most:
            text = f"Max bulk v2 query jobs ({most}) per 24 hrs has been reached ({used + 1})"
            raise Refusal(400, "LIMIT_EXCEEDED", text)
        self.today.add()

    def _age(self, job: QueryJob) -> None:
        """Jobs go some days after they have ended (10)."""
        if job.state in TERMINAL and job.modstamp <= timestamp(self._now() - LIFE):
            self.vanish(job)


def _wish(body: dict[str, Any]) -> tuple[str, bool]:
    """The SOQL that is asked for, and whether deleted records are meant too."""
    check_wish(body, _MEMBERS, ("query", "queryAll"))
    soql = body.get("query")
    if not isinstance(soql, str) or not soql.strip():
        raise Refusal(400, "API_ERROR", "Invalid value: '' supplied for property: 'query'")
    return soql, body["operation"] == "queryAll"
