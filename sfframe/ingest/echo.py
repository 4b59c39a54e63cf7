"""Echo: the org's result files as frames of text, and what two texts have in common when they mean the same.

The org's echo is not byte for byte what was sent (wire notes, 5.3), so texts are compared in a canonical form
that depends on how the org reads the field.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv

from sfframe.ingest.moments import moment_of_text
from sfframe.ingest.values import CLEAR, Kind
from sfframe.org.body import RESULT_BYTES

SUCCESSFUL, FAILED, UNPROCESSED = 1, 2, 3  # 0 is a row of which nothing is known yet
WORDS = {SUCCESSFUL: "successful", FAILED: "failed", UNPROCESSED: "unprocessed"}
_SF_COLUMNS = {SUCCESSFUL: ("sf__Id", "sf__Created"), FAILED: ("sf__Id", "sf__Error"), UNPROCESSED: ()}
_SF = ("sf__Id", "sf__Created", "sf__Error")
FATE = ("outcome", *_SF)
_LONGEST_HEADER = 1 << 16  # bytes; a longer one is read as any file is
_FORMS_KEPT = 1024  # expressions of columns, which are the same for each part of a call
_AGAIN = re.compile(r".*_duplicated_[0-9]+")  # what Polars calls a column that is there already


class NotAnEchoError(Exception):
    """A body that is no result file: HTML, a cut-off CSV, columns that don't belong there."""


@dataclass(frozen=True)
class Compared:
    """How a column's texts are compared.

    Attributes:
        kind: How the org reads it.
        scale: Digits that the org keeps after the point; `None` if not known.
        is_certain: Whether the kind comes from describe.
    """

    kind: Kind
    scale: int | None = None
    is_certain: bool = True


def read_echo(body: bytes, outcome: int, headers: Sequence[str], only: Sequence[str] | None = None) -> pl.DataFrame:
    """A result file as text.

    Args:
        body: The file, or where it lies.
        outcome: Which of the three files it is.
        headers: The headers that were sent.
        only: Which of them to read; `None`: all that are there.

    Returns:
        `outcome` (UInt8), `sf__Id`, `sf__Created`, `sf__Error` (text, null where empty), and the sent columns
        that the file has, under the headers as sent, whatever case and order the file has them in.

    Raises:
        NotAnEchoError: It is none.
    """
    names = _header(body)
    by_folded = {h.lower(): h for h in headers}
    own = _own_columns(names, outcome)
    wanted = {name: by_folded[name.lower()] for name in names if name.lower() in by_folded}
    if names and not own and not wanted:
        raise NotAnEchoError("none of the columns is one that was sent")
    if len(set(wanted.values())) < len(wanted) or any(_AGAIN.fullmatch(name) for name in names):
        raise NotAnEchoError("a column is there twice")
    if only is not None:
        wanted = {name: header for name, header in wanted.items() if header in only}
    if _is_one_line(body):
        return pl.DataFrame(schema={"outcome": pl.UInt8, **dict.fromkeys((*_SF, *wanted.values()), pl.String)})
    frame = _cells(body, names, [*own, *wanted]).rename(own)
    if all(column.null_count() for column in frame.iter_columns()) and _has_empty_row(frame):
        frame = _cells_of_rows(body, names, [*own, *wanted]).rename(own)
    if outcome == SUCCESSFUL and own and not _tells_of_records(frame):
        raise NotAnEchoError("a row that was written has no id, or doesn't say whether it was made")
    return pl.DataFrame(
        [
            pl.Series("outcome", [outcome], dtype=pl.UInt8).new_from_index(0, frame.height),
            *(_or_null(name, frame) for name in _SF),
            *(_filled(frame[name]).alias(header) for name, header in wanted.items()),
        ]
    )


def _is_one_line(body: bytes) -> bool:
    """Whether there is a whole header and nothing else: two of a job's three files mostly have no rows."""
    if len(body) > _LONGEST_HEADER:
        return False
    line, end, rest = bytes(body).partition(b"\n")
    return end == b"\n" and not rest and b"\r" not in line.rstrip(b"\r") and line.count(b'"') % 2 == 0


def _own_columns(names: Sequence[str], outcome: int) -> dict[str, str]:
    """The org's own columns, by the names that they have in a file."""
    found = {name: own for name in names for own in _SF_COLUMNS[outcome] if name.lower() == own.lower()}
    if names and sorted(found.values()) != sorted(_SF_COLUMNS[outcome]):
        raise NotAnEchoError(f"the columns begin with {names[0][:40]!r} and aren't those of {WORDS[outcome]} results")
    return found


def _tells_of_records(frame: pl.DataFrame) -> bool:
    is_told = (pl.col("sf__Id") != "") & pl.col("sf__Created").is_in(
        ["true", "false", "True", "False", "TRUE", "FALSE"]
    )
    return bool(frame.select(is_told.fill_null(False).all()).item())


def _or_null(name: str, frame: pl.DataFrame) -> pl.Series:
    if name not in frame.columns:
        return pl.Series(name, [None], dtype=pl.String).new_from_index(0, frame.height)
    has_none = frame[name] == ""
    return frame[name].set(has_none, None) if has_none.any() else frame[name]


def _filled(column: pl.Series) -> pl.Series:
    return column.fill_null("") if column.null_count() else column


def _header(body: bytes) -> list[str]:
    try:
        return pl.read_csv(io.BytesIO(body), n_rows=0, infer_schema=False).columns
    except pl.exceptions.NoDataError:
        return []
    except (pl.exceptions.PolarsError, OSError) as error:
        raise NotAnEchoError(str(error)[:200]) from error


def _cells(body: bytes, names: list[str], read: list[str]) -> pl.DataFrame:
    if not names:
        return pl.DataFrame(schema={"": pl.String})
    try:
        # Nothing of the file's may be lost to a width that doesn't fit: ragged lines are an error in Polars.
        return pl.read_csv(io.BytesIO(body), columns=read or names[:1], infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise NotAnEchoError(str(error)[:200]) from error


def _has_empty_row(frame: pl.DataFrame) -> bool:
    return bool(frame.select(pl.all_horizontal(pl.all().is_null()).any()).item())


def _cells_of_rows(body: bytes, names: list[str], read: list[str]) -> pl.DataFrame:
    """The same by Arrow's reader, which tells a line of empty cells, a row, from a blank one, which is none."""
    wanted = read or names[:1]
    try:
        table = pa_csv.read_csv(
            io.BytesIO(body),
            pa_csv.ReadOptions(block_size=min(len(body) + 1, RESULT_BYTES), use_threads=False),
            pa_csv.ParseOptions(newlines_in_values=True),
            pa_csv.ConvertOptions(
                include_columns=wanted, column_types=dict.fromkeys(wanted, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowException as error:
        raise NotAnEchoError(str(error)[:200]) from error
    return pl.DataFrame(table)


@lru_cache(_FORMS_KEPT)
def meaning(header: str, compared: Compared) -> pl.Expr:
    """A column's texts such that texts that mean the same to the org are equal; null for no value."""
    return _meaning(_value(header), compared.kind).alias(header)


@lru_cache(_FORMS_KEPT)
def stored(header: str, compared: Compared) -> pl.Expr:
    """The same, but as the org may store it: trimmed, rounded, to the second, lists in any order."""
    text = _value(header).str.strip_chars()
    text = pl.when(text != "").then(text)
    if compared.kind is Kind.NUMBER and compared.scale is not None:
        return _rounded(text, compared.scale).alias(header)
    if compared.kind is Kind.DATETIME:
        seconds = moment_of_text(text).dt.epoch("s").cast(pl.String)
        return pl.coalesce(seconds, text).alias(header)
    if compared.kind is Kind.MULTI:
        return text.str.split(";").list.sort().list.join(";").alias(header)
    return _meaning(text, compared.kind).alias(header)


@lru_cache(_FORMS_KEPT)
def any_meaning(header: str, compared: Compared) -> pl.Expr:
    """The same where the kind isn't certain: what reads as a number or a datetime is compared as one."""
    if compared.is_certain:
        return stored(header, compared)
    text = _value(header).str.strip_chars()
    text = pl.when(text != "").then(text)
    number = _unsigned_zero(text.cast(pl.Float64, strict=False)).cast(pl.String)
    moment = moment_of_text(text).dt.epoch("s").cast(pl.String)
    return pl.coalesce(number, moment, text.str.to_lowercase()).alias(header)


def _value(header: str) -> pl.Expr:
    text = pl.col(header)
    return pl.when((text != "") & (text != CLEAR)).then(text)


def _meaning(text: pl.Expr, kind: Kind) -> pl.Expr:
    if kind in (Kind.NUMBER, Kind.INTEGER):
        number = _unsigned_zero(text.cast(pl.Float64, strict=False))
        return pl.coalesce(number.cast(pl.String), text)
    if kind is Kind.BOOLEAN:
        return text.str.to_lowercase().replace({"1": "true", "0": "false"})
    if kind is Kind.DATE:
        return text.str.slice(0, 10)
    if kind is Kind.DATETIME:
        return pl.coalesce(moment_of_text(text).dt.epoch("ms").cast(pl.String), text)
    if kind is Kind.TIME:
        plain = text.str.strip_suffix("Z")
        return pl.when(plain.str.len_bytes() == 8).then(plain + ".000").otherwise(plain)
    if kind is Kind.ID:
        return text.str.slice(0, 15)
    return text


def _rounded(text: pl.Expr, scale: int) -> pl.Expr:
    """Numbers rounded half up at `scale`, as the org does; two bits' nudge makes 22.785 a true half in binary too."""
    scaled = text.cast(pl.Float64, strict=False) * 10.0**scale * (1 + 2**-51)
    return pl.coalesce(_unsigned_zero(scaled.round()).cast(pl.String), text)


def _unsigned_zero(number: pl.Expr) -> pl.Expr:
    """-0.0 as 0.0; Polars leaves it as it is when 0.0 is added."""
    return pl.when(number == 0).then(0.0).otherwise(number)


def canonical(frame: pl.DataFrame, compared: Mapping[str, Compared], form: object) -> pl.DataFrame:
    """The named columns of a frame of texts in one of the forms above, in the mapping's order."""
    assert callable(form)
    return frame.select(form(header, how) for header, how in compared.items())
