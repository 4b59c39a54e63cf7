"""Columns: the columns that are sent, under the org's exact field names, and how they become text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from sfframe.ingest.printed import text_of
from sfframe.ingest.values import CLEAR, Kind, Value
from sfframe.org.describe import Field

# A set: labels can be anything, and some, such as NA, can't be compared.
RESULT_COLUMNS = frozenset({"sf__Id", "sf__Created", "sf__Error", "sf__Outcome"})


@dataclass(frozen=True, eq=False, kw_only=True)
class Column:
    """One column on its way.

    Attributes:
        name: Its name in the frame.
        header: Its header in the CSV.
        value: How it is written, and which rows can't be.
        clears: Whether a null sets the field to null.
        field: The field from describe; for a lookup by external id the parent's key field.
        is_lookup: Whether the header is a path to a parent's key.
        is_key: Whether every row needs a value here, because it names the row's record.
    """

    name: str
    header: str
    value: Value
    clears: bool = False
    field: Field | None = None
    is_lookup: bool = False
    is_key: bool = False

    @property
    def kind(self) -> Kind:
        """How the org reads it."""
        return self.value.kind


@dataclass(frozen=True, eq=False, kw_only=True)
class Layout:
    """The columns that are sent, in the frame's order.

    Attributes:
        columns: The columns.
        key: The column of the upsert key or of `Id`; `None` for an insert.
        key_ignores_case: Whether two keys that differ in case alone are one.
        key_is_unique: Whether it is known that no two rows have the same key.
    """

    columns: tuple[Column, ...]
    key: Column | None = None
    key_ignores_case: bool = False
    key_is_unique: bool = False

    def native(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows as the CSV writer takes them: headers as names, null where there is no value.

        Where some columns clear on null and others don't, the clearing ones are text with `#N/A` in it;
        `null_text` says what the writer prints for the rest.
        """
        out = frame.select(c.value.expr.alias(c.header) for c in self.columns)
        text = [
            _cleared(pl.col(c.header), out.schema[c.header], fill=not self.all_clear).alias(c.header)
            for c in self.columns
            if c.clears
        ]
        return out.with_columns(text) if text else out

    @property
    def all_clear(self) -> bool:
        """Whether a null in any column clears."""
        return all(c.clears for c in self.columns)

    @property
    def null_text(self) -> str:
        """What the CSV writer prints for a null."""
        return CLEAR if self.all_clear else ""

    def text(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows as the texts that the CSV holds; the empty string where there is no value."""
        native = self.native(frame)
        return native.select(
            text_of(pl.col(name), dtype).fill_null(self.null_text).alias(name) for name, dtype in native.schema.items()
        )


def _cleared(column: pl.Expr, dtype: pl.DataType, *, fill: bool) -> pl.Expr:
    if dtype == pl.String:
        column = pl.when(column != "").then(column)  # an empty string is a null
    return text_of(column, dtype).fill_null(CLEAR) if fill else column


@dataclass(frozen=True, kw_only=True)
class Given:
    """What is known of the frame: labels in order, the dtypes of those that could be read, notes on both.

    Attributes:
        labels: All column labels of the frame, whatever they are.
        dtypes: Polars dtypes of the columns that a front end could read.
        marks: Columns whose text stands for something else; see `forms.NUMBERS`.
        index_names: Names in the frame's index, which isn't sent.
    """

    labels: Sequence[object]
    dtypes: Mapping[str, pl.DataType]
    marks: Mapping[str, str] = field(default_factory=dict)
    index_names: Sequence[object] = ()
