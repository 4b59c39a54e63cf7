"""Failures: the failed rows of a result by reason: how many, which of the caller's rows, and what is known of why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import polars as pl

from sfframe.causes import NO_PARENT_END, Case, cause_of, differs_by_message
from sfframe.field_facts import quoted
from sfframe.front import Views
from sfframe.ingest.echo import FAILED
from sfframe.ingest.outcomes import Outcomes
from sfframe.ingest.request import IngestRequest
from sfframe.row_errors import counted, parsed, reasons
from sfframe.sent import Sent

MOST: Final = 12
_ERRORS: Final = {
    **dict.fromkeys(("code", "fields", "message"), pl.String),
    **dict.fromkeys(("count", "row"), pl.Int64),
    **dict.fromkeys(("example", "cause"), pl.String),
}
_LEFT_BEHIND: Final = ("_counted", "_rows_by_kind")  # what was only needed to know the rest
_FEW: Final = 3  # rows of a reason that are all named
# Errors that have code and fields in common, but not their cause: another parent is missing, ...
_KIND: Final = (
    pl.when(pl.col("code") == "NOT_SENT")
    .then(pl.col("message").str.extract(r"^(\S+)"))
    .when(pl.col("code") == "INVALID_FIELD")
    .then(pl.col("message").str.extract(NO_PARENT_END))
    .fill_null("")
    .alias("kind")
)
# Messages of one kind that get a cause of their own; those after them, of fewer rows each, get one without values.
_LOOKED_AT: Final = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """Why rows failed.

    Attributes:
        code, fields: As the org wrote them.
        message: The most frequent one.
        messages: How many different ones there are.
        count: Rows.
        row: The first row with that message, counted from 0.
        examples: What the caller calls this row; where they are few, each of the rows.
        cause: What is known beyond the org's words.
    """

    code: str
    fields: str
    message: str
    messages: int = 1
    count: int = 1
    row: int = 0
    examples: Sequence[str] = ()
    cause: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """What is to be seen beside a failed row.

    Attributes:
        columns: The caller's columns that are meant.
        cause: What is known of the cause.
    """

    columns: tuple[str, ...]
    cause: str | None


class Failures:
    """The failed rows of a call. What is asked of all of them is reckoned once, and not before it is needed.

    Args:
        outcomes: The fates.
        source: The caller's frame.
        sent: What was sent of it.
        request: The call.
    """

    def __init__(self, outcomes: Outcomes, source: Views[Any], sent: Sent, request: IngestRequest) -> None:
        self._outcomes = outcomes
        self._source = source
        self._sent = sent
        self._request = request

    def __getstate__(self) -> dict[str, Any]:
        """The rows that were sent stay behind: the caller's frame travels, and once is enough."""
        known = {"errors": self.errors, "shown": self.shown, "_sent": replace(self._sent, rows=None)}
        return {name: value for name, value in self.__dict__.items() if name not in _LEFT_BEHIND} | known

    @cached_property
    def errors(self) -> pl.DataFrame:
        """`code`, `fields`, `message`, `count`, `row`, `example`, `cause` of the different errors."""
        examples = pl.Series("example", self._examples(self._counted["row"]), pl.String)
        return self._counted.with_columns(examples, pl.Series("cause", list(self._causes()), pl.String))

    @cached_property
    def shown(self) -> list[Reason]:
        """The most frequent reasons, as many as a screen has room for."""
        found = self.by_reason.head(MOST)
        causes = [cause_of(self._case(row)) for row in found.with_columns(_KIND).iter_rows(named=True)]
        return [
            Reason(**row, examples=self._examples(self._few(row)), cause=cause)
            for row, cause in zip(found.iter_rows(named=True), causes, strict=True)
        ]

    @cached_property
    def by_reason(self) -> pl.DataFrame:
        """`code`, `fields`, `message`, `messages`, `count`, `row`; see `row_errors.reasons`."""
        return reasons(self._counted)

    def located(self) -> pl.DataFrame:
        """Each failed row, in order: `row`, `code`, `fields`, `message`."""
        fates = self._fates()
        texts = fates["sf__Error"].unique()
        known = parsed(texts).with_columns(texts)
        return fates.join(known, on="sf__Error", how="left", maintain_order="left").drop("sf__Error")

    def marks(self) -> Iterator[Mark]:
        """What is to be seen beside each failed row, in order."""
        causes = {row[:3]: row[3] for row in self.errors.select("code", "fields", "message", "cause").iter_rows()}
        made: dict[tuple[str, str, str], Mark] = {}
        for row, *texts in self.located().iter_rows():
            code, fields, message = reason = (texts[0], texts[1], texts[2])
            if reason not in made:
                case = self._case({"code": code, "fields": fields, "message": message, "row": row, "kind": None})
                columns = tuple(column.name for column in case.columns)
                made[reason] = Mark(columns=columns, cause=causes.get(reason))
            yield made[reason]

    @cached_property
    def _counted(self) -> pl.DataFrame:
        fates = self._fates()
        return counted(fates["sf__Error"], fates["row"])

    def _fates(self) -> pl.DataFrame:
        return self._outcomes.of((FAILED,), ["row", "sf__Error"]).with_columns(pl.col("sf__Error").fill_null(""))

    def _few(self, reason: Mapping[str, Any]) -> pl.Series:
        """The rows of a reason if they are few, else the first."""
        if not 1 < reason["count"] <= _FEW:
            return pl.Series([reason["row"]])
        kinds = [kind for kind in self._rows_by_kind if kind[:2] == (reason["code"], reason["fields"])]
        return pl.concat([self._rows_by_kind[kind] for kind in kinds]).sort()

    def _examples(self, rows: pl.Series) -> list[str]:
        """What the caller calls these rows, and the keys that they have."""
        labels = self._source.labelled(rows.to_list())
        key = self._sent.key
        keys = self._sent.values(key, rows).to_list() if key is not None else []
        named = [f", {key} {quoted(value)}" if value is not None else "" for value in keys] or [""] * len(labels)
        return [f"{label}{name}" for label, name in zip(labels, named, strict=True)]

    def _causes(self) -> Iterator[str | None]:
        """The cause of each different error: of its own where it depends on the row's value, else of its kind."""
        shared: dict[tuple[str, str, str], str | None] = {}
        looked_at: Counter[tuple[str, str, str]] = Counter()
        for row in self._counted.with_columns(_KIND).iter_rows(named=True):
            kind = (row["code"], row["fields"], row["kind"])
            if differs_by_message(row["code"], row["message"]):
                looked_at[kind] += 1
                if looked_at[kind] <= _LOOKED_AT:
                    yield cause_of(self._case(row))
                    continue
                row["row"] = None  # what its own value is isn't looked at
            if kind not in shared:
                shared[kind] = cause_of(self._case(row))
            yield shared[kind]

    def _case(self, row: Mapping[str, Any]) -> Case:
        kind = (row["code"], row["fields"], row["kind"])
        return Case(
            code=row["code"],
            fields=row["fields"],
            message=row["message"],
            row=row["row"],
            rows=lambda: self._rows_by_kind.get(kind, pl.Series("row", [], pl.Int64)),
            sent=self._sent,
            request=self._request,
        )

    @cached_property
    def _rows_by_kind(self) -> dict[tuple[str, str, str], pl.Series]:
        grouped = self.located().with_columns(_KIND).group_by("code", "fields", "kind").agg("row")
        kinds = grouped.select("code", "fields", "kind").iter_rows()
        return {kind: grouped["row"][at] for at, kind in enumerate(kinds)}


def no_errors() -> pl.DataFrame:
    """What `Failures.errors` is where no row failed."""
    return pl.DataFrame(schema=_ERRORS)
