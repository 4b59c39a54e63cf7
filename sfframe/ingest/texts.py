"""Texts: values that the org reads as they stand: text, picklists, booleans, ids."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from sfframe.ingest.printed import utf16_length
from sfframe.ingest.values import CLEAR, Flaw, Kind, Source, Value, flaw, read

if TYPE_CHECKING:
    from sfframe.org.describe import Field

# Characters per field, as UTF-16 units (wire notes, 4.2).
MAX_FIELD_LENGTH = 131_072


def text(source: Source) -> Value:
    """Text into a text field: verbatim."""
    value = source.strings()
    return Value(Kind.TEXT, value, (_nul(value), *too_long(value, source.field), *not_in_picklist(value, source.field)))


def _nul(value: pl.Expr) -> Flaw:
    return flaw(
        "NUL",
        "a NUL character, which the org doesn't take",
        "Remove it, e.g. with str.replace.",
        value.str.contains("\0", literal=True),
    )


def too_long(value: pl.Expr, field: Field | None) -> Iterable[Flaw]:
    """Text longer than the field."""
    limit = (field.length if field is not None else 0) or MAX_FIELD_LENGTH
    of_what = f"{field.name} takes" if field is not None and field.length else "the org takes"
    yield flaw(
        "TOO_LONG",
        f"text longer than the {limit:,} characters (UTF-16 units) that {of_what}",
        "Shorten it, or leave the rows out with invalid='report'.",
        (utf16_length(value) > limit) & (value != CLEAR),
        value.str.len_bytes().max() > limit,  # bytes are never fewer than UTF-16 units
    )


def not_in_picklist(value: pl.Expr, field: Field | None) -> Iterable[Flaw]:
    """Text that a restricted picklist doesn't have."""
    if field is not None and field.restricted_picklist and field.picklist_values:
        # The org compares API names without case; what it makes of another case is its own affair.
        known = [v.lower() for v in (*field.picklist_values, "", CLEAR)]
        yield flaw(
            "NOT_IN_PICKLIST",
            f"a value that the restricted picklist doesn't have (it has {_listed(field.picklist_values)})",
            "Map the values to the picklist's API names.",
            ~value.str.to_lowercase().is_in(known),
        )


def _listed(values: Iterable[str], most: int = 8) -> str:
    values = list(values)
    return ", ".join(values[:most]) + (f" and {len(values) - most} more" if len(values) > most else "")


# --- several values ---------------------------------------------------------------------------------------------------


def multi_from_list(source: Source) -> Value:
    """A list of strings into a multi-select picklist."""
    items = source.column.arr.to_list() if isinstance(source.dtype, pl.Array) else source.column
    items = items.cast(pl.List(pl.String))
    element = pl.element()
    separator = flaw(
        "SEPARATOR",
        "a list with a value that holds ';', is empty or null",
        "The org separates the values by ';' and has no escape for it.",
        items.list.eval(element.str.contains(";", literal=True) | (element == "") | element.is_null()).list.any(),
    )
    joined = items.list.join(";")
    flaws = (separator, _nul(joined), *too_long(joined, None), *_items_not_in_picklist(items, source.field))
    return Value(Kind.MULTI, pl.when(joined != "").then(joined), flaws)


def multi_from_text(source: Source) -> Value:
    """Text `a;b` into a multi-select picklist."""
    value = text(replace(source, field=None))
    items = source.filled().str.split(";")
    return Value(Kind.MULTI, value.expr, (*value.flaws, *_items_not_in_picklist(items, source.field)))


def _items_not_in_picklist(items: pl.Expr, field: Field | None) -> Iterable[Flaw]:
    if field is not None and field.restricted_picklist and field.picklist_values:
        known = [v.lower() for v in field.picklist_values]
        yield flaw(
            "NOT_IN_PICKLIST",
            f"a value that the restricted list doesn't have (it has {_listed(field.picklist_values)})",
            "Map the values to the list's API names.",
            items.list.eval(~pl.element().str.to_lowercase().is_in(known)).list.any(),
        )


# --- booleans, ids ----------------------------------------------------------------------------------------------------


def boolean(source: Source) -> Value:
    """Booleans."""
    return Value(Kind.BOOLEAN, source.column)


def boolean_from_text(source: Source) -> Value:
    """The text true, false, 1, 0 into a boolean."""
    low = source.filled().str.to_lowercase()
    out = pl.when(low.is_in(["true", "1"])).then(pl.lit("true")).when(low.is_in(["false", "0"])).then(pl.lit("false"))
    return read(source, Kind.BOOLEAN, out, what="boolean", remedy="Write true, false, 1 or 0.")


def id_from_text(source: Source) -> Value:
    """Text into an id or a reference."""
    value = source.filled()
    out = pl.when(value.str.contains(r"^[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?$")).then(value)
    return read(source, Kind.ID, out, what="id", remedy="An id has 15 or 18 letters and digits.")
