"""Row errors: the org's `sf__Error` texts, taken apart and counted. No I/O."""

from __future__ import annotations

from typing import Final

import polars as pl

# `CODE:message:field1,field2 --` (wire notes, 5.2). The message may hold anything; the fields are what follows the
# last colon, if it looks like names.
_CODE: Final = r"^([A-Z][A-Z0-9_]*):"
_END: Final = r"\s*--\s*$"
_LAST: Final = r":([^:]*)$"
_NAMES: Final = r"^\s*(?:[A-Za-z]\w*(?:\.\w+)*(?:\s*,\s*[A-Za-z]\w*(?:\.\w+)*)*)?\s*$"
# sfframe's own `NOT_SENT:why:column --` ends with a column of the frame, which may have any name, and may be a
# polymorphic lookup's: `User:Owner.Username`.
_OWN: Final = "NOT_SENT"
_OWN_LAST: Final = r":((?:[A-Za-z]\w*:)?\w+\.\w+|[^:]*)$"
_TEXTS: Final = dict.fromkeys(("code", "fields", "message"), pl.String)
_COUNTED: Final = _TEXTS | {"count": pl.Int64, "row": pl.Int64}
_REASONS: Final = _TEXTS | {"messages": pl.Int64, "count": pl.Int64, "row": pl.Int64}


def parsed(texts: pl.Series) -> pl.DataFrame:
    """Errors as `code`, `fields`, `message`: text each, empty where the error doesn't have it, in the same order."""
    text = pl.col("text")
    code = text.str.extract(_CODE).fill_null("")
    rest = pl.when(text.str.contains(r"--\s*$")).then(text.str.replace(_END, "")).otherwise(text)
    rest = rest.str.replace(_CODE, "")
    is_own = code == _OWN
    last = pl.when(is_own).then(rest.str.extract(_OWN_LAST)).otherwise(rest.str.extract(_LAST))
    has_names = last.is_not_null() & (is_own | last.str.contains(_NAMES))
    before = pl.when(is_own).then(rest.str.replace(_OWN_LAST, "")).otherwise(rest.str.replace(_LAST, ""))
    return (
        pl.DataFrame({"text": texts.cast(pl.String).fill_null("")})
        .lazy()
        .select(
            code.alias("code"),
            pl.when(has_names).then(last.str.strip_chars()).otherwise(pl.lit("")).alias("fields"),
            pl.when(has_names).then(before).otherwise(rest).alias("message"),
        )
        .collect()
    )


def counted(texts: pl.Series, rows: pl.Series | None = None) -> pl.DataFrame:
    """The different errors, the most frequent first; of those that are as frequent, the one that is met first.

    Args:
        texts: The errors.
        rows: The number of the row that each is of; `None`: they are counted from 0.

    Returns:
        `code`, `fields`, `message`, `count`, `row` (the first that has it).
    """
    if not len(texts):
        return pl.DataFrame(schema=_COUNTED)
    numbers = pl.int_range(len(texts), dtype=pl.Int64, eager=True) if rows is None else rows.cast(pl.Int64)
    found = pl.DataFrame({"text": texts.cast(pl.String).fill_null(""), "row": numbers})
    found = found.group_by("text").agg(pl.len().cast(pl.Int64).alias("count"), pl.col("row").min())
    return (
        parsed(found["text"])
        .with_columns(found["count"], found["row"])
        .group_by("code", "fields", "message")
        .agg(pl.col("count").sum(), pl.col("row").min())
        .sort("count", "row", descending=[True, False])  # by text it would take ten times as long
    )


def reasons(errors: pl.DataFrame) -> pl.DataFrame:
    """What `counted` gives, by code and fields alone: messages often hold the row's value, and so differ by row.

    Returns:
        `code`, `fields`, `message` (the most frequent one), `messages` (how many different ones), `count`, `row` (the
        first of that message).
    """
    if not errors.height:
        return pl.DataFrame(schema=_REASONS)
    return (
        errors.group_by("code", "fields", maintain_order=True)
        .agg(
            pl.col("message").first(),
            pl.len().cast(pl.Int64).alias("messages"),
            pl.col("count").sum(),
            pl.col("row").first(),
        )
        .sort("count", "row", descending=[True, False])
    )
