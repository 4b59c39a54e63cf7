"""Sent: what a result must know of what was sent, to say why rows failed and which of the caller's rows they are."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from sfframe.ingest.columns import Column
from sfframe.ingest.spool import Rows
from sfframe.org.describe import Field, SObject
from sfframe.prepare import Prepared


@dataclass(frozen=True, kw_only=True)
class SentColumn:
    """A column that was sent.

    Attributes:
        name: Its name in the frame.
        header: The field, or the path to a parent's key, that it went to.
        field: The field from describe; for a lookup by external id the parent's key.
        is_lookup: Whether the header is such a path.
        labels: What people see of the values of a picklist, in lower case, and these values.
    """

    name: str
    header: str
    field: Field | None = None
    is_lookup: bool = False
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)

    @property
    def target(self) -> str:
        """The last part of the header: `ExternalId__c` of `Account.ExternalId__c`."""
        return self.header.rpartition(".")[2]


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What was sent.

    Attributes:
        columns: The columns, in the frame's order.
        key: The column that names a row's record; `None` for an insert.
        described: The object, then those that its lookups point to; empty without describe.
        rows: The rows in the caller's order; `None` in a result that has travelled.
    """

    columns: tuple[SentColumn, ...] = ()
    key: str | None = None
    described: tuple[SObject, ...] = ()
    rows: Rows | None = dataclasses.field(default=None, repr=False, compare=False)

    @property
    def sobject(self) -> SObject | None:
        """The object that the rows go to."""
        return self.described[0] if self.described else None

    def object(self, name: str) -> SObject | None:
        """The describe of an object, by name."""
        return next((one for one in self.described if one.name.lower() == name.lower()), None)

    def column(self, name: str) -> SentColumn | None:
        """The column that went to a field, or the one of that name in the frame."""
        low = name.strip().lower()
        going_there = (one for one in self.columns if one.header.lower() == low)
        return next(going_there, None) or next((one for one in self.columns if one.name == name.strip()), None)

    def lookups(self, *, key: str, parent: str) -> list[SentColumn]:
        """The columns that look a parent up by this key."""
        found = [one for one in self.columns if one.is_lookup and one.target.lower() == key.lower()]
        return [one for one in found if parent in self._parents(one)] or found

    def _parents(self, column: SentColumn) -> tuple[str, ...]:
        relationship = column.header.rpartition(":")[2].partition(".")[0]
        reference = self.sobject.relationship(relationship) if self.sobject is not None else None
        return reference.reference_to if reference is not None else ()

    def values(self, column: str, numbers: Sequence[int] | pl.Series) -> pl.Series:
        """The cells of some rows, as they were before they became text; none where these are gone."""
        if self.rows is None or column not in self.rows.schema:
            return pl.Series(column, [], dtype=pl.String)
        try:
            found = self.rows.take(np.asarray(numbers, dtype=np.int64), [column])[column]
        except (OSError, pl.exceptions.PolarsError):  # the journal's folder, where a stream's rows are, was deleted
            return pl.Series(column, [], dtype=pl.String)
        is_struct = isinstance(found.dtype, pl.Struct)  # a lookup: its one field is the parent's key
        return found.struct.unnest().to_series() if is_struct else found


def sent_of(prepared: Prepared) -> Sent:
    """What is sent of a frame that is ready for it."""
    layout = prepared.layout
    columns = layout.columns if layout is not None else ()
    labels = _labels(prepared.described[0] if prepared.described else None, columns)
    return Sent(
        columns=tuple(
            SentColumn(
                name=one.name,
                header=one.header,
                field=one.field,
                is_lookup=one.is_lookup,
                labels=labels.get(one.header, {}),
            )
            for one in columns
        ),
        key=layout.key.name if layout is not None and layout.key is not None else None,
        # The answer as it came is large, and would travel with each pickled result.
        described=tuple(replace(one, raw={}) for one in prepared.described),
        rows=prepared.rows,
    )


def _labels(sobject: SObject | None, columns: Sequence[Column]) -> dict[str, dict[str, str]]:
    """By field, the labels of picklists that are sent: whoever copies from a screen sends them for values."""
    wanted = {one.header for one in columns if one.field is not None and one.field.picklist_values}
    described = sobject.raw.get("fields") or [] if sobject is not None and wanted else []
    return {
        one["name"]: {
            entry["label"].lower(): entry["value"]
            for entry in one.get("picklistValues") or []
            if isinstance(entry.get("label"), str) and entry.get("active", True)
        }
        for one in described
        if one["name"] in wanted
    }
