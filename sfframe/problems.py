"""Problems: what keeps a frame, or rows of it, from being sent; as values, as a frame, as one error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sfframe.errors import PayloadError, SchemaError, UnsupportedTypeError

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

_SHOWN = 20
_CLASSES: dict[str, type[PayloadError]] = {
    "schema": SchemaError,
    "type": UnsupportedTypeError,
    "value": PayloadError,
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """One reason not to send a column, or some of its rows.

    Attributes:
        column: The frame's column, as the caller names it; `None` if no column of the frame is meant.
        code: A word for programs, such as `TOO_LONG`.
        message: What was found and what is expected; never a cell's content.
        remedy: What to do about it.
        kind: Whether the column doesn't fit the object, its type has no CSV form, or values are wrong.
        field: The field that it would go into, if known.
        rows: The rows it holds for, ascending, counted from 0; `None` if it is the whole column.
        n_keys: How many keys these rows have, where they share them.
        kinds: Kinds of values that don't go together, each with its first row.
    """

    column: str | None
    code: str
    message: str
    remedy: str
    kind: Literal["schema", "type", "value"] = "value"
    field: str | None = None
    rows: np.ndarray[Any, np.dtype[np.int64]] | None = None
    n_keys: int = 0
    kinds: tuple[tuple[str, int], ...] = ()

    @property
    def text(self) -> str:
        """The message, and of which kinds it is."""
        kinds = " and ".join(f"{kind} (first in row {row:,})" for kind, row in self.kinds)
        return f"{self.message}: {kinds}" if kinds else self.message

    def __str__(self) -> str:
        where = f"column {self.column!r}" if self.column is not None else "the frame"
        target = f" (field {self.field})" if self.field and self.field != self.column else ""
        count = ""
        if self.rows is not None:
            n = len(self.rows)
            count = f" in {n:,} row{'s' if n != 1 else ''}, first in row {int(self.rows[0]):,}"
        return f"{where}{target}: {self.text}{count}. {self.remedy}"


def frame_of(problems: Sequence[Problem]) -> pl.DataFrame:
    """A frame of problems: `column, field, code, rows, row, message, remedy`; see `PayloadError.problems`."""
    import polars as pl

    schema = {
        "column": pl.String,
        "field": pl.String,
        "code": pl.String,
        "rows": pl.Int64,
        "row": pl.Int64,
        "message": pl.String,
        "remedy": pl.String,
    }
    rows = [
        (
            p.column,
            p.field,
            p.code,
            None if p.rows is None else len(p.rows),
            None if p.rows is None else int(p.rows[0]),
            p.text,
            p.remedy,
        )
        for p in problems
    ]
    return pl.DataFrame(rows, schema=schema, orient="row")


def error_of(problems: Sequence[Problem]) -> PayloadError:
    """One error that tells all problems: the most special class that fits all of them."""
    kinds = {p.kind for p in problems}
    cls = _CLASSES[kinds.pop()] if len(kinds) == 1 else PayloadError
    lines = [f"- {p}" for p in problems[:_SHOWN]]
    if len(problems) > _SHOWN:
        lines.append(f"- and {len(problems) - _SHOWN} more; all are in `.problems`")
    many = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return cls(
        "\n".join([f"nothing was sent: {many} found before the first request.", *lines]),
        problems=frame_of(problems),
    )
