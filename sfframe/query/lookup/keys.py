"""Keys: a column as keys of a field: which are one, which the org can't hold at all, how SOQL writes them. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

from sfframe.errors import SoqlError
from sfframe.ingest.forms import NoFormError, value_of
from sfframe.ingest.printed import float_text, series_text
from sfframe.ingest.values import Kind, Value, kind_of, same_key
from sfframe.org.describe import Field, SObject
from sfframe.problems import Problem
from sfframe.query.soql.literals import MAX_TEXT, quote_soql

KEY: Final = "sf__key"  # no field of an org has such a name
WRITTEN: Final = "sf__written"
MOST_KEYS: Final = 2_000  # in a statement: the rows of one page over REST (SOQL notes, 8)
# Never stored at the ends of a text, unlike other blanks (SOQL notes, 2.2).
_BLANKS: Final = "".join(map(chr, range(1, 33)))
_SUFFIX: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_PLAIN: Final = r"^-?[0-9]+(\.[0-9]+)?$"  # a number as SOQL has it, without an exponent (SOQL notes, 1)
_NOTHING_TO_ESCAPE: Final = r"^[ -&(-\[\]-~]*$"
_NO_KEYS: Final = (Kind.BOOLEAN, Kind.TIME, Kind.MULTI)
# Values that an org may hold nevertheless: those that a picklist no longer has.
_HARMLESS: Final = ("NOT_IN_PICKLIST",)


class NotKeysError(Exception):
    """The column can't be read as keys of the field; `problem` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def key_field(sobject: SObject, name: str) -> Field:
    """The field of that name, in whatever case, if records can be found by it.

    Raises:
        SoqlError: There is none, or the org doesn't filter by it.
    """
    found = sobject.field(name)
    if found is None:
        close = " or ".join(map(repr, sobject.close_names(name)))
        hint = f"Did you mean {close}?" if close else sobject.fields_hint
        raise SoqlError(f"{sobject.name} has no field {name!r} that you may see. {hint}")
    if not found.filterable or found.is_compound or kind_of(found) in _NO_KEYS:
        keys = [one.name for one in sobject.fields if one.external_id or one.id_lookup]
        why = f"{found.name} of {sobject.name} is a {found.type} field by which no records can be looked up"
        raise SoqlError(f"{why}. Take a field that tells them apart, such as {', '.join(keys) or 'Id'}.")
    return found


def ignores_case(field: Field) -> bool:
    """Whether two keys that differ in case alone are one."""
    return kind_of(field) is Kind.TEXT and not field.case_sensitive


def keys_of(column: pl.Series, field: Field, mark: str | None = None) -> pl.DataFrame:
    """A column as keys of a field.

    Args:
        column: Values of a frame, or those that the org gave.
        field: The field.
        mark: What its text stands for; see `ingest.forms`.

    Returns:
        A row for each value: `KEY`, such that two values name one record exactly if it is equal, and `WRITTEN` (text),
        the key as it is put into a statement, but for quotes. Both are null where the org can't hold such a key: no
        value, text of another form than the field's, longer than it takes, with a NUL, a number out of its range.

    Raises:
        NotKeysError: Values of this dtype don't go into the field, or are datetimes without a zone.
    """
    kind = kind_of(field)
    frame = column.alias("value").to_frame()
    if column.dtype in (pl.String, pl.Categorical, pl.Enum):
        frame = frame.select(pl.col("value").cast(pl.String).str.strip_chars(_BLANKS))
    try:
        value = value_of(pl.col("value"), frame.schema["value"], field=field, mark=mark)
    except NoFormError as error:
        remedy = "Convert the column, or look up by another field."
        raise NotKeysError(_problem(column, field, "NO_KEY_FORM", str(error), remedy)) from None
    for flaw in value.flaws:
        if flaw.code == "NO_ZONE" and frame.select(flaw.bad.any()).item():
            remedy = "Localise the column, so that it has a zone."
            raise NotKeysError(_problem(column, field, flaw.code, flaw.message, remedy))
    bad = [flaw.bad.fill_null(False) for flaw in value.flaws if flaw.code not in _HARMLESS]
    texts = series_text(frame.select(value.expr.alias("text")).to_series())
    frame = frame.with_columns(texts.alias("text"))
    if bad:
        frame = frame.with_columns(text=pl.when(~pl.any_horizontal(bad)).then(pl.col("text")))
    key, written = _forms(kind, ignores_case=ignores_case(field))
    out = frame.select(key.alias(KEY), written.alias(WRITTEN))
    both = pl.col(KEY).is_not_null() & pl.col(WRITTEN).is_not_null()
    return out.select(pl.when(both).then(pl.col(name)) for name in (KEY, WRITTEN))


def _problem(column: pl.Series, field: Field, code: str, message: str, remedy: str) -> Problem:
    return Problem(column=column.name, field=field.name, code=code, message=message, remedy=remedy, kind="type")


def _forms(kind: Kind, *, ignores_case: bool) -> tuple[pl.Expr, pl.Expr]:
    """How the texts of a kind are compared, and how they are written."""
    text = pl.col("text")
    key = same_key(Value(kind, text), ignores_case=ignores_case)
    if kind is Kind.INTEGER:
        return key, key.cast(pl.String)
    if kind is Kind.NUMBER:
        finite = pl.when(key.is_finite()).then(key)
        plain = pl.when(text.str.contains(_PLAIN)).then(text)
        # Polars tells -0.0 from 0.0 where it joins.
        return pl.when(finite == 0).then(0.0).otherwise(finite), plain.fill_null(
            finite.map_batches(float_text, return_dtype=pl.String)
        )
    if kind is Kind.DATE:
        day = _in_range(text)
        return day, day
    if kind is Kind.DATETIME:
        second = _in_range(text.str.slice(0, 19))  # the org keeps whole seconds (SOQL notes, 2.2)
        return second, second + "Z"
    if kind is Kind.ID:
        whole = pl.when((text.str.len_bytes() == 15) | (text == key + _suffix(key))).then(key)
        return whole, whole
    return key, pl.when(text.str.len_chars() <= MAX_TEXT).then(text)


def _in_range(text: pl.Expr) -> pl.Expr:
    """What lies within the days that SOQL has, whatever the user's zone (SOQL notes, 1)."""
    return pl.when((text >= "1701") & (text < "4000")).then(text)


def _suffix(id15: pl.Expr) -> pl.Expr:
    """The three characters that tell the case of the fifteen before them (wire notes, 13)."""
    groups = []
    for start in (0, 5, 10):
        capitals = (id15.str.slice(start + place, 1).str.contains("[A-Z]") for place in range(5))
        number = pl.sum_horizontal(capital.cast(pl.UInt32) * (1 << place) for place, capital in enumerate(capitals))
        groups.append(number.replace_strict(list(range(32)), list(_SUFFIX), return_dtype=pl.String))
    return pl.concat_str(groups)


def literals(written: pl.Series, field: Field) -> list[str]:
    """Keys, as `keys_of` writes them, each once, as they stand in a statement."""
    keys = written.drop_nulls().unique(maintain_order=True)
    if kind_of(field) not in (Kind.TEXT, Kind.ID):
        return keys.to_list()
    # Most keys have nothing to be escaped, and need no look one by one.
    quoted = ("'" + keys + "'").to_list()
    for at in (~keys.str.contains(_NOTHING_TO_ESCAPE)).arg_true():
        quoted[at] = quote_soql(keys[at])
    return quoted


def batches(keys: Sequence[str], room: int) -> list[list[str]]:
    """Keys in as few batches as SOQL's limits and the size of a page allow.

    Args:
        keys: What `literals` gives.
        room: How many characters of a statement are left for them and the commas between.
    """
    made: list[list[str]] = []
    left = 0
    for key in keys:
        if not made or len(made[-1]) == MOST_KEYS or len(key) + 1 > left:
            made.append([])
            left = room + 1
        made[-1].append(key)
        left -= len(key) + 1
    return made
