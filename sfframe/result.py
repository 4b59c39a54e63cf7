"""IngestResult: what became of every row of a call, and how it looks on a screen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, Unpack

import numpy as np
import polars as pl

from sfframe import chart, excel, page, screen
from sfframe.disk import replaced
from sfframe.errors import JobTimeout, RecordsFailed
from sfframe.failures import Failures
from sfframe.front import (
    EVERY_ROW,
    FAILED_RESULTS,
    SUCCESSFUL_RESULTS,
    UNPROCESSED_RECORDS,
    Part,
    Views,
)
from sfframe.ingest.echo import WORDS
from sfframe.ingest.outcomes import Outcomes
from sfframe.ingest.request import IngestRequest
from sfframe.ingest.spool import Numbers
from sfframe.job_lines import JobLine, job_lines
from sfframe.options import IngestOptions
from sfframe.org.jobs import JobInfo
from sfframe.org.org import Org
from sfframe.sent import Sent
from sfframe.spelled import spelling
from sfframe.timeline import no_timeline
from sfframe.written import count

FrameT = TypeVar("FrameT")


class IngestResult(Generic[FrameT]):
    """The fate of every row of a call, whatever number of jobs it took.

        result = contacts.sfbulk.upsert("Contact", "ExternalId__c")
        print(bool(result), len(result), result.counts)
        # False 3 {'successful': 2, 'failed': 1, 'unprocessed': 0}

    Truth value: whether every row was successful. Length: the number of rows.

    Attributes:
        jobs: `JobInfo` of each job that was given to the org to process, in the order of their rows; those of
            later tries come after the first ones.
        running_job_ids: Jobs that may still run, or whose results couldn't be read or matched. Rows of theirs that
            have no fate are in `unprocessed_records` until you ask the org. Empty unless the call ended by an error.
        running_rows: Which rows these are: int64, counted from 0, ascending. The org may have them; of the other rows
            of `unprocessed_records` it has none.
        notes: What went wrong with jobs as such, as sentences.
        host: The org's host.
        seconds: How long the call took.
        run: The run's folder, if the call has a journal; `None` otherwise.
    """

    def __init__(
        self,
        *,
        source: Views[FrameT],
        outcomes: Outcomes,
        request: IngestRequest,
        host: str,
        seconds: float,
        jobs: Sequence[JobInfo] = (),
        attempts: pl.DataFrame,
        sent: Sent | None = None,
        failures: Failures | None = None,
        timeline: pl.DataFrame | None = None,
        running_job_ids: Sequence[str] = (),
        running_rows: Numbers | None = None,
        notes: Sequence[str] = (),
        again: Callable[..., IngestResult[FrameT]],
        run: Path | None = None,
    ) -> None:
        self._source = source
        self._outcomes = outcomes
        self._request = request
        self._attempts = attempts
        self._again = again
        self._failures = failures or Failures(outcomes, source, sent or Sent(), request)
        self._timeline = no_timeline() if timeline is None else timeline
        self._views: dict[str, FrameT] = {}
        self.jobs = tuple(jobs)
        self.running_job_ids = tuple(running_job_ids)
        self.running_rows = np.empty(0, np.int64) if running_rows is None else running_rows
        self.notes = tuple(notes)
        self.host = host
        self.seconds = seconds
        self.run = run

    # --- rows ---------------------------------------------------------------------------------------------------------

    @property
    def successful_results(self) -> FrameT:
        """The rows that the org took: the caller's columns and row order, then `sf__Id` (string: the record's
        id of 18 characters) and `sf__Created` (boolean: whether the record is new).

            print(result.successful_results.select("ExternalId__c", "sf__Created").rows())
            # [('C-1', True), ('C-2', True)]
        """
        return self._view(SUCCESSFUL_RESULTS)

    @property
    def failed_results(self) -> FrameT:
        """The rows that the org refused, or that weren't sent because of `invalid="report"`: the caller's
        columns and row order, then `sf__Id` (string, mostly null) and `sf__Error` (string:
        `CODE:message:fields --`).

            print(result.failed_results.select("ExternalId__c", "sf__Error").rows())
            # [('C-3', 'INVALID_EMAIL_ADDRESS:Email: invalid email address: n/a:Email --')]
        """
        return self._view(FAILED_RESULTS)

    @property
    def unprocessed_records(self) -> FrameT:
        """The rows that the org didn't come to, the caller's columns and row order, nothing more.

        For example:

            print(result.unprocessed_records.height)
            # 0
        """
        return self._view(UNPROCESSED_RECORDS)

    def to_frame(self) -> FrameT:
        """Every row once, in order: the caller's columns, then `sf__Outcome` (`successful`, `failed` or
        `unprocessed`), `sf__Id`, `sf__Created`, `sf__Error`.

            print(result.to_frame().select("ExternalId__c", "sf__Outcome").rows())
            # [('C-1', 'successful'), ('C-2', 'successful'), ('C-3', 'failed')]
        """
        return self._view(EVERY_ROW)

    def _view(self, part: Part) -> FrameT:
        if part.name not in self._views:
            self._views[part.name] = self._source.view(self._outcomes, part)
        return self._views[part.name]

    def _untouched(self, part: Part) -> FrameT:
        """The same for ourselves: the caller may have mended his in place. Those of a stream are files, and stay."""
        return self._view(part) if self._source.is_stream else self._source.view(self._outcomes, part)

    def rows_with(self, outcome: Literal["successful", "failed", "unprocessed"]) -> Numbers:
        """Which rows have an outcome: their numbers in the frame, int64, counted from 0, ascending.

        For example:

            print(result.rows_with("failed").tolist())
            # [2]

        Raises:
            ValueError: There is no such outcome.
        """
        numbers = {word: number for number, word in WORDS.items()}
        if outcome not in numbers:
            raise ValueError(f"{outcome!r} is none of {', '.join(map(repr, numbers))}")
        return self._outcomes.rows(numbers[outcome])

    # --- figures ------------------------------------------------------------------------------------------------------

    @property
    def counts(self) -> dict[str, int]:
        """Rows by outcome: `successful`, `failed`, `unprocessed`.

        For example:

            print(result.counts["failed"])
            # 1
        """
        return self._outcomes.counts

    def __len__(self) -> int:
        return self._outcomes.n

    def __bool__(self) -> bool:
        counts = self.counts
        return not counts["failed"] and not counts["unprocessed"]

    @property
    def errors(self) -> Any:
        """The errors of failed rows: a frame of the caller's library with `code`, `fields`, `message`, `count`,
        the most frequent first.

            print(result.errors.select("code", "fields", "count").rows())
            # [('INVALID_EMAIL_ADDRESS', 'Email', 1)]

        Then `row` (the first of these rows, counted from 0), `example` (what you call that row: its number or index,
        and its key) and `cause`: what is known of the cause beyond the org's words, by describe and by the values that
        were sent; null where nothing is. With `describe=False` that is next to nothing.

            print(result.errors["cause"][0])
            # Email takes one e-mail address; 'n/a' has no @
        """
        return self._source.table(self._failures.errors)

    @property
    def attempts(self) -> Any:
        """The tries of rows that went more than once: a frame of the caller's library with `row` (counted
        from 0), `attempt` (from 1), `job_id`, and `sf__Error` (null where the try was successful).

            from sfframe.testing import Fault

            local.faults = [Fault("rows", "lock", match="Hopper")]
            result = contacts.sfbulk.upsert("Contact", "ExternalId__c")
            print(result.attempts.select("row", "attempt").rows())
            # [(1, 1), (1, 2)]
        """
        return self._source.table(self._attempts)

    @property
    def timeline(self) -> Any:
        """When each part was in which stage: a frame of the caller's library with `job_id`, `attempt` (from 1),
        `stage` (`sending`, `processing`, `collecting`), `began` and `ended` (seconds since the call began; null where
        nobody saw it), `rows`, `bytes`.

        Empty for a result that was given again by a journal: the times of that call weren't kept.

            print(result.timeline["stage"].to_list())
            # ['sending', 'processing', 'collecting']
        """
        return self._source.table(self._timeline)

    # --- what to do next ----------------------------------------------------------------------------------------------

    def raise_for_failures(self) -> IngestResult[FrameT]:
        """This result, if every row was successful.

            try:
                result.raise_for_failures()
            except sfframe.RecordsFailed as error:
                print(error.result.counts["failed"])
            # 1

        Raises:
            RecordsFailed: Rows failed or weren't processed; it carries this result.
        """
        if not self:
            raise RecordsFailed(self.summary(), result=self)
        return self

    @spelling(IngestOptions)
    def retry(self, *, org: Org | None = None, **options: Unpack[IngestOptions]) -> IngestResult[FrameT]:
        """Send the failed and the unprocessed rows again.

            again = result.retry(on_failure="return")
            print(len(again))
            # 1

        Args:
            org: The org to use; without it the call's.
            options: Options that differ from those of the call; see `sfframe.Options`.

        Returns:
            A result of just those rows.

        Raises:
            JobTimeout: Jobs of the call may still run, and an insert sent again could be doubled.
        """
        if self.running_job_ids and self._request.operation == "insert":
            raise JobTimeout(
                f"jobs {', '.join(self.running_job_ids)} may still run, or haven't told it all: sent again now, their "
                "rows could be inserted twice. Look at these jobs first.",
                job_ids=self.running_job_ids,
                result=self,
            )
        return self._again(self, org=org, **options)

    def save(self, folder: str | Path) -> Path:
        """Write the three frames as Parquet: `successful_results.parquet`, `failed_results.parquet`,
        `unprocessed_records.parquet`.

            folder = result.save("results")
            print(sorted(path.name for path in folder.iterdir()))
            # ['failed_results.parquet', 'successful_results.parquet', 'unprocessed_records.parquet']

        Args:
            folder: Where to; it is made if it isn't there.

        Returns:
            The folder.
        """
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        for part in (SUCCESSFUL_RESULTS, FAILED_RESULTS, UNPROCESSED_RECORDS):
            self._source.store(self._untouched(part), target / f"{part.name}.parquet")
        return target

    def to_excel(self, path: str | Path) -> Path:
        """Write the three frames as sheets of one workbook: `successful_results`, `failed_results` (with
        `sf__Error` beside the rows), `unprocessed_records`. Needs `pip install 'sfframe[excel]'`.

            result.to_excel("contacts.xlsx")

        It opens at the rows that failed. The cells that an error is about are red, and a note on them says what is
        known of the cause.

        Cells are values, text is never a formula. A datetime with a zone keeps its own wall clock, and the zone is
        shown behind it. Whole numbers of more than 15 digits, which Excel would round, are text.

        Args:
            path: The file, such as `"contacts.xlsx"`; it is replaced if it is there, once the new one is whole.

        Returns:
            The path.

        Raises:
            ValueError: The name doesn't end in `.xlsx`; a frame has more rows (1,048,575) or a text more characters
                (32,767) than Excel takes.
            OSError: No file can be made there: `FileNotFoundError`, `IsADirectoryError`, `PermissionError`, ...
            ModuleNotFoundError: xlsxwriter isn't installed.
        """
        target = excel.path_of(path)
        with replaced(target) as file:
            sheets = [self._sheet(part) for part in (SUCCESSFUL_RESULTS, FAILED_RESULTS, UNPROCESSED_RECORDS)]
            excel.write(file, sheets, marks={FAILED_RESULTS.name: self._failures.marks()})
        return target

    def _sheet(self, part: Part) -> excel.Sheet:
        # Counted before it is taken into memory.
        excel.check_height(part.name, sum(self.counts[WORDS[outcome]] for outcome in part.outcomes))
        return excel.sheet_of(part.name, self._source.listed(self._untouched(part)))

    def plot(self) -> Any:
        """The result as an Altair chart: when each part was in which stage, why rows failed and where they are in the
        frame, and rows by outcome. Needs `pip install 'sfframe[plot]'`.

            chart = result.plot()
            chart.save("contacts.html")

        Raises:
            ModuleNotFoundError: Altair isn't installed.
        """
        return chart.chart(
            title=self.summary(),
            counts=self.counts,
            reasons=self._failures.by_reason,
            located=self._failures.located(),
            timeline=self._timeline,
            jobs=self._job_lines(),
            seconds=self.seconds,
        )

    # --- on the screen ------------------------------------------------------------------------------------------------

    def summary(self) -> str:
        """One line: what was done, and how many rows had which fate.

        For example:

            print(result.summary())
            # upsert Contact on acme.my.salesforce.com: 1 FAILED, 2 successful of 3 rows (1 job, 0.0 s)
        """
        counts = self.counts
        bad = [f"{counts[word]:,} {word.upper()}" for word in ("failed", "unprocessed") if counts[word]]
        good = f"{counts['successful']:,} successful"
        what = f"{self._request.operation} {self._request.sobject} on {self.host}"
        jobs = f"{count(len(self.jobs), 'job')}, {self.seconds:.1f} s"
        return f"{what}: {', '.join([*bad, good])} of {count(len(self), 'row')} ({jobs})"

    def report(self) -> str:
        """The text of this result without the org's messages, which quote values of rows: fit for logs.

        For example:

            print(result.report().splitlines()[2].strip())
            # 1 × INVALID_EMAIL_ADDRESS [Email], first in row 2
        """
        return screen.report(self._picture())

    def __repr__(self) -> str:
        return screen.text(self._picture())

    def _repr_html_(self) -> str:
        return page.page(self._picture())

    def _picture(self) -> screen.Picture:
        return screen.Picture(
            summary=self.summary(),
            counts=self.counts,
            notes=self.notes,
            reasons=self._failures.shown,
            n_reasons=self._failures.by_reason.height,
            jobs=self._job_lines(),
            hints=self._hints(),
        )

    def _job_lines(self) -> list[JobLine]:
        return job_lines(self.jobs, self._timeline, self._attempts, self.host)

    def _hints(self) -> list[str]:
        counts = self.counts
        hints = []
        if self.running_job_ids:
            hints.append(f"these jobs may still run, so look at them first: {', '.join(self.running_job_ids)}")
            hints.append(
                f".running_rows numbers the {count(len(self.running_rows), 'row')} of theirs that have no fate"
            )
        if counts["failed"]:
            hints.append(".failed_results has these rows with sf__Error beside them: mend it and send it as it is")
            hints.append(".errors counts every message; .to_excel('failed.xlsx') marks the cells that are wrong")
        if counts["unprocessed"] > len(self.running_rows):
            hints.append(".unprocessed_records has the rows that the org didn't come to")
        if not self.running_job_ids and not self:
            hints.append(".retry() sends all of these rows again, unchanged")
        return hints
