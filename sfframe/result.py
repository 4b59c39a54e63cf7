"""IngestResult: what became of every row of a call, and how it looks on a screen."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import polars as pl

from sfframe.errors import JobTimeout, RecordsFailed
from sfframe.front import (
    EVERY_ROW,
    FAILED_RESULTS,
    SUCCESSFUL_RESULTS,
    UNPROCESSED_RECORDS,
    Part,
    Source,
)
from sfframe.ingest.echo import FAILED
from sfframe.ingest.outcomes import Outcomes
from sfframe.ingest.request import IngestRequest
from sfframe.org.jobs import JobInfo

FrameT = TypeVar("FrameT")

_SHOWN = 8


class IngestResult(Generic[FrameT]):
    """The fate of every row of a call, whatever number of jobs it took.

    Truth value: whether every row was successful. Length: the number of rows.

    Attributes:
        jobs: `JobInfo` of each job that was given to the org to process, in the order of their making;
            those of retried rows included.
        running_job_ids: Jobs whose end isn't known: they may still run. Their rows are in
            `unprocessed_records` until you ask the org. Empty unless the call ended early.
        notes: What went wrong with jobs as such, as sentences.
        host: The org's host.
        seconds: How long the call took.
    """

    def __init__(
        self,
        *,
        source: Source[FrameT],
        outcomes: Outcomes,
        request: IngestRequest,
        host: str,
        seconds: float,
        jobs: Sequence[JobInfo] = (),
        attempts: pl.DataFrame,
        running_job_ids: Sequence[str] = (),
        notes: Sequence[str] = (),
        again: Callable[..., IngestResult[FrameT]],
    ) -> None:
        self._source = source
        self._outcomes = outcomes
        self._request = request
        self._attempts = attempts
        self._again = again
        self._views: dict[str, FrameT] = {}
        self.jobs = tuple(jobs)
        self.running_job_ids = tuple(running_job_ids)
        self.notes = tuple(notes)
        self.host = host
        self.seconds = seconds

    # --- rows ---------------------------------------------------------------------------------------------------------

    @property
    def successful_results(self) -> FrameT:
        """The rows that the org took: the caller's columns and row order, then `sf__Id` (string: the record's
        id of 18 characters) and `sf__Created` (boolean: whether the record is new)."""
        return self._view(SUCCESSFUL_RESULTS)

    @property
    def failed_results(self) -> FrameT:
        """The rows that the org refused, or that weren't sent because of `invalid="report"`: the caller's
        columns and row order, then `sf__Id` (string, mostly null) and `sf__Error` (string:
        `CODE:message:fields --`)."""
        return self._view(FAILED_RESULTS)

    @property
    def unprocessed_records(self) -> FrameT:
        """The rows that the org didn't come to, the caller's columns and row order, nothing more."""
        return self._view(UNPROCESSED_RECORDS)

    def to_frame(self) -> FrameT:
        """Every row once, in order: the caller's columns, then `sf__Outcome` (`successful`, `failed` or
        `unprocessed`), `sf__Id`, `sf__Created`, `sf__Error`."""
        return self._view(EVERY_ROW)

    def _view(self, part: Part) -> FrameT:
        if part.name not in self._views:
            self._views[part.name] = self._source.view(self._outcomes, part)
        return self._views[part.name]

    # --- figures ------------------------------------------------------------------------------------------------------

    @property
    def counts(self) -> dict[str, int]:
        """Rows by outcome: `successful`, `failed`, `unprocessed`."""
        return self._outcomes.counts

    def __len__(self) -> int:
        return self._outcomes.n

    def __bool__(self) -> bool:
        counts = self.counts
        return not counts["failed"] and not counts["unprocessed"]

    @property
    def errors(self) -> Any:
        """The errors of failed rows: a frame of the caller's library with `code`, `fields`, `message`, `count`,
        the most frequent first."""
        return self._source.table(self._errors())

    @property
    def attempts(self) -> Any:
        """The tries of rows that went more than once: a frame of the caller's library with `row` (counted
        from 0), `attempt` (from 1), `job_id`, and `sf__Error` (null where the try was successful)."""
        return self._source.table(self._attempts)

    def _errors(self) -> pl.DataFrame:
        text = self._outcomes.of((FAILED,)).select(pl.col("sf__Error").fill_null("").alias("text"))
        return (
            text.group_by("text")
            .len("count")
            .select(*_parsed(pl.col("text")), pl.col("count").cast(pl.Int64))
            .group_by("code", "fields", "message")
            .agg(pl.col("count").sum())
            .sort("count", "code", "fields", "message", descending=[True, False, False, False])
        )

    # --- what to do next ----------------------------------------------------------------------------------------------

    def raise_for_failures(self) -> IngestResult[FrameT]:
        """This result, if every row was successful.

        Raises:
            RecordsFailed: Rows failed or weren't processed; it carries this result.
        """
        if not self:
            raise RecordsFailed(self.summary(), result=self)
        return self

    def retry(self, **options: Any) -> IngestResult[FrameT]:
        """Send the failed and the unprocessed rows again.

        Args:
            options: Options that differ from those of the call, `org=` included.

        Returns:
            A result of just those rows.

        Raises:
            JobTimeout: Jobs of the call may still run, and an insert sent again could be doubled.
        """
        if self.running_job_ids and self._request.operation == "insert":
            raise JobTimeout(
                f"jobs {', '.join(self.running_job_ids)} may still run: sent again now, their rows could be "
                "inserted twice. Look at these jobs first.",
                job_ids=self.running_job_ids,
                result=self,
            )
        return self._again(self, **options)

    def save(self, folder: str | Path) -> Path:
        """Write the three frames as Parquet: `successful_results.parquet`, `failed_results.parquet`,
        `unprocessed_records.parquet`.

        Args:
            folder: Where to; it is made if it isn't there.

        Returns:
            The folder.
        """
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        for part in (SUCCESSFUL_RESULTS, FAILED_RESULTS, UNPROCESSED_RECORDS):
            self._source.store(self._view(part), target / f"{part.name}.parquet")
        return target

    # --- on the screen ------------------------------------------------------------------------------------------------

    def summary(self) -> str:
        """One line: what was done, and how many rows had which fate."""
        counts = self.counts
        bad = [f"{counts[word]:,} {word.upper()}" for word in ("failed", "unprocessed") if counts[word]]
        good = f"{counts['successful']:,} successful"
        what = f"{self._request.operation} {self._request.sobject} on {self.host}"
        jobs = f"{len(self.jobs)} job{'' if len(self.jobs) == 1 else 's'}"
        return f"{what}: {', '.join([*bad, good])} of {len(self):,} rows ({jobs}, {self.seconds:.1f} s)"

    def __repr__(self) -> str:
        lines = [f"{'OK' if self else 'NOT OK'}  {self.summary()}"]
        lines += [f"  ! {note}" for note in self.notes]
        errors = self._errors()
        if errors.height:
            lines.append("  errors:")
            lines += [f"    {line}" for line in _error_lines(errors)]
        lines += [f"  {hint}" for hint in self._hints()]
        return "\n".join(lines)

    def _hints(self) -> list[str]:
        counts = self.counts
        hints = []
        if self.running_job_ids:
            hints.append(f"jobs that may still run: {', '.join(self.running_job_ids)}")
        if counts["failed"]:
            hints.append("see .failed_results (your rows, with sf__Error); mend and send it again as it is")
        if counts["unprocessed"]:
            hints.append("see .unprocessed_records; .retry() sends these and the failed rows again")
        return hints

    def _repr_html_(self) -> str:
        counts = self.counts
        color = "#1a7f37" if self else "#cf222e"
        head = html.escape(f"{'OK' if self else 'NOT OK'} — {self.summary()}")
        parts = [
            f'<div style="border-left:6px solid {color};padding:2px 0 2px 10px">',
            f"<b>{head}</b>",
            _bar(counts),
        ]
        parts += [f'<div style="color:#cf222e">{html.escape(note)}</div>' for note in self.notes]
        errors = self._errors()
        if errors.height:
            parts.append(_error_table(errors))
        parts += [f"<div><i>{html.escape(hint)}</i></div>" for hint in self._hints()]
        return "".join([*parts, "</div>"])


def _parsed(text: pl.Expr) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    """`CODE:message:field1,field2 --` as its parts; the message may hold colons (wire notes, 5.2)."""
    code = text.str.extract(r"^([A-Z0-9_]+):").fill_null("")
    rest = text.str.replace(r"^[A-Z0-9_]+:", "").str.replace(r"\s*--\s*$", "")
    names = r":((?:[A-Za-z][\w.:]*(?:,\s*[A-Za-z][\w.:]*)*)?)\s*$"
    fields = rest.str.extract(names).fill_null("")
    message = rest.str.replace(names, "")
    return code.alias("code"), fields.alias("fields"), message.alias("message")


def _error_lines(errors: pl.DataFrame) -> list[str]:
    lines = []
    for row in errors.head(_SHOWN).iter_rows(named=True):
        fields = f" [{row['fields']}]" if row["fields"] else ""
        lines.append(f"{row['count']:,} × {row['code']}{fields} {_short(row['message'])}")
    if errors.height > _SHOWN:
        lines.append(f"and {errors.height - _SHOWN:,} more kinds: see .errors")
    return lines


def _short(text: str, most: int = 120) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def _bar(counts: dict[str, int]) -> str:
    colors = {"successful": "#2da44e", "failed": "#cf222e", "unprocessed": "#bf8700"}
    total = sum(counts.values()) or 1
    pieces = []
    for word, n in counts.items():
        if n:
            # Even one failed row among millions is seen.
            width = f"width:max(4px,{100 * n / total:.3f}%)"
            pieces.append(f'<div title="{n:,} {word}" style="{width};background:{colors[word]}"></div>')
    return f'<div style="display:flex;height:8px;max-width:480px;margin:4px 0">{"".join(pieces)}</div>'


def _error_table(errors: pl.DataFrame) -> str:
    head = "".join(f"<th style='text-align:left'>{name}</th>" for name in ("count", "code", "fields", "message"))
    rows = [
        "<tr>"
        + "".join(
            f"<td style='text-align:left'>{html.escape(text)}</td>"
            for text in (f"{row['count']:,}", row["code"], row["fields"], _short(row["message"], 300))
        )
        + "</tr>"
        for row in errors.head(_SHOWN).iter_rows(named=True)
    ]
    more = (
        f"<div>and {errors.height - _SHOWN:,} more kinds: see <code>.errors</code></div>"
        if errors.height > _SHOWN
        else ""
    )
    return f"<table><tr>{head}</tr>{''.join(rows)}</table>{more}"
