"""Conditions: one comparison of a Polars predicate as SOQL, exact or finding more, by its field's kind. No I/O.

The two ask differently: SOQL ignores case, keeps nulls in `!=`, has no null booleans, stores more digits than a float
shows. What is said here of each kind of field is the table of the SOQL notes, 11; its notes are cited by number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Final

import polars as pl

from sfframe.org.describe import Field
from sfframe.query.pushdown import bounds
from sfframe.query.pushdown.condition import (
    ALWAYS,
    NEVER,
    NO_WORDS,
    Condition,
    Subject,
    every,
    exactly,
    more,
    nothing,
    some,
)
from sfframe.query.pushdown.expressions import Compare, Flag, Has, Leaf, Member, Null, Operand, Operator
from sfframe.query.pushdown.written import alike, id_literal, is_sound, like_literal, text_literal
from sfframe.query.schema.columns import Column

_KINDS: Final = {
    "id": "id", "reference": "id",
    "string": "text", "textarea": "text", "email": "text", "phone": "text", "url": "text",
    "picklist": "picklist", "combobox": "picklist",
    "multipicklist": "multipicklist",
    "boolean": "boolean",
    "int": "int", "long": "int",
    "double": "number", "currency": "number", "percent": "number",
    "date": "date",
    "datetime": "datetime",
}  # fmt: skip
_NOT: Final[dict[Operator, Operator]] = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_LONG_TEXT: Final = 255
_MAX_LEVELS: Final = 5
_NOT_ORDINARY: Final = ("__mdt", "__b", "__x", "__dlm", "__kav")
_NO_CASE: Final = "SOQL ignores case"
_NULLS_ALONE: Final = "only rows without a value can be left out: SOQL's text comparisons ignore case"
_DOUBTFUL: Final = "SOQL may take the text for something else: empty, blanks at an end, control characters, not NFC"
_NO_PARENT: Final = "without a parent SOQL takes a boolean for false"
_IN_FLOATS: Final = 2**53
_PER_SECOND: Final = {"ms": 10**3, "us": 10**6, "ns": 10**9}
_DTYPES: Final[dict[str, tuple[type[pl.DataType], ...]]] = {
    "id": (pl.String,),
    "text": (pl.String,),
    "picklist": (pl.String,),
    "multipicklist": (pl.String, pl.List),
    "boolean": (pl.Boolean,),
    "int": (pl.Int64,),
    "number": (pl.Float64, pl.Decimal),
    "date": (pl.Date,),
    "datetime": (pl.Datetime,),
}


def is_ordinary(sobject: str) -> bool:
    """Whether an object takes all conditions: custom metadata, big, external, Data Cloud and article objects don't."""
    return not sobject.lower().endswith(_NOT_ORDINARY)


def condition(leaf: Leaf, column: Column, *, wanted: bool) -> Condition:
    """What SOQL can be asked for the rows where a comparison is true, or where it is false (not null)."""
    field, why = column.field, _why_not(column)
    if field is None or why is not None:
        return nothing(why or NO_WORDS)
    of = Subject(path=".".join(column.way), is_calculated=field.calculated, is_parent=bool(column.through))
    kind = _KINDS[field.type]
    found = _null(leaf, of, kind, wanted) if isinstance(leaf, Null) else _ASKS[kind](leaf, column, of, wanted)
    if field.encrypted and not (kind == "text" and wanted and _is_equality(leaf)):
        return nothing("it is encrypted: SOQL only finds equal texts")
    return _lowered(found, of)


def _why_not(column: Column) -> str | None:
    """Why nothing can be asked of a column, whatever is compared with it."""
    field = column.field
    if field is None:
        return "it is no field"
    if field.type not in _KINDS:
        return f"SOQL can't compare a field of type {field.type}"
    if not field.filterable or (field.type == "textarea" and field.length > _LONG_TEXT):
        return "the org's describe says that the field can't be filtered"
    if field.extra_type_info in ("personname", "switchablepersonname") and field.name_field:
        return "the form of a person's whole name depends on the org's locale"
    if any(len(one.reference_to) != 1 for one in column.through):
        return "it is behind a lookup to several objects"
    if len(column.through) > _MAX_LEVELS or not all(is_ordinary(one.reference_to[0]) for one in column.through):
        return "SOQL can't filter by what is behind this lookup"
    if not isinstance(column.dtype, _DTYPES[_KINDS[field.type]]):
        return f"a column of {column.dtype} isn't compared as the org compares the field"
    return None


def _lowered(found: Condition, of: Subject) -> Condition:
    if not found.soql or not found.exact:
        return found
    if of.is_parent:
        return replace(found, exact=False, reason="behind a lookup SOQL may find more than this user can see")
    if of.is_calculated:
        return replace(found, exact=False, reason="it is calculated: SOQL may see nulls elsewhere")
    return found


def _null(leaf: Null, of: Subject, kind: str, wanted: bool) -> Condition:
    if leaf.of.cast is not None:
        return nothing()
    if kind == "boolean":
        if of.is_parent or of.is_calculated:
            return nothing("SOQL takes a boolean without a value for false")
        return NEVER if wanted else ALWAYS
    return of.absent() if wanted else of.present()


# A comparison or its contrary, with the null rules of the frame; what it says of values is each kind's own.


def _compared(leaf: Compare, of: Subject, wanted: bool, ask: Callable[[Operator], Condition]) -> Condition:
    """A comparison, or its contrary."""
    operator = leaf.operator if wanted else _NOT[leaf.operator]
    found = ask(operator)
    if not leaf.is_missing or operator == "==":
        return found
    return _or_absent(found, of)


def _among(leaf: Member, of: Subject, wanted: bool, ask: Callable[[pl.Series], Condition]) -> Condition:
    """Membership of a list, or its contrary."""
    values = leaf.values.drop_nulls().unique(maintain_order=True)
    has_null = len(leaf.values) > leaf.values.drop_nulls().len()
    if not len(leaf.values):
        return NEVER if wanted else nothing("nothing is in an empty list")
    if not wanted and has_null and not leaf.nulls_equal:
        return nothing("there is a null in the list")
    found = ask(values) if len(values) else (NEVER if wanted else of.present())
    return _or_absent(found, of) if leaf.nulls_equal and wanted == has_null else found


def _or_absent(found: Condition, of: Subject) -> Condition:
    if found.soql and found.soql == of.present().soql:
        return ALWAYS if found.exact else nothing(found.reason)
    return some([found, of.absent()])


def _is_equality(leaf: Leaf) -> bool:
    return isinstance(leaf, Member) or (isinstance(leaf, Compare) and leaf.operator == "==")


def _is_bare(operand: Operand) -> bool:
    return not operand.part and operand.cast is None


def _of_id(leaf: Leaf, column: Column, of: Subject, wanted: bool) -> Condition:
    if not _is_bare(leaf.of):
        return nothing()

    def compared(operator: Operator) -> Condition:
        assert isinstance(leaf, Compare)
        literal = id_literal(leaf.value.item())
        match operator:
            case "==":
                return exactly(f"{of.path} = {literal}") if literal else NEVER
            case "!=":
                return exactly(of.guarded(f"{of.path} != {literal}")) if literal else of.present()
        return nothing("SOQL has no order of ids")

    def among(values: pl.Series) -> Condition:
        literals = [literal for value in values if (literal := id_literal(value)) is not None]
        if not literals:
            return NEVER if wanted else of.present()
        if not wanted:
            return exactly(of.guarded(f"{of.path} NOT IN ({', '.join(literals)})"))
        return bounds.listed(of, literals, exactly(""))

    match leaf:
        case Compare() if leaf.value.dtype == pl.String:
            return _compared(leaf, of, wanted, compared)
        case Member() if leaf.values.dtype in (pl.String, pl.Null):
            return _among(leaf, of, wanted, among)
    return nothing()


def _of_text(leaf: Leaf, column: Column, of: Subject, wanted: bool) -> Condition:
    if not _is_bare(leaf.of):
        return nothing()

    def compared(operator: Operator) -> Condition:
        assert isinstance(leaf, Compare)
        match operator:
            case "==":
                return _equal_text(leaf.value.item(), column, of)
            case "!=":
                return of.present(_NULLS_ALONE)
        return nothing("SOQL orders texts by a rule of its own")

    match leaf:
        case Compare() if leaf.value.dtype == pl.String:
            return _compared(leaf, of, wanted, compared)
        case Member() if leaf.values.dtype in (pl.String, pl.Null):
            ask = (lambda values: _among_texts(values, column, of)) if wanted else (lambda _: of.present(_NULLS_ALONE))
            return _among(leaf, of, wanted, ask)
        case Has() if wanted:
            return _has(leaf, column, of)
    return nothing()


def _equal_text(text: str, column: Column, of: Subject) -> Condition:
    literal = text_literal(text)
    if literal is None:
        return nothing(_DOUBTFUL)
    if column.field is not None and column.field.type == "multipicklist":
        if not _are_values(text.split(";"), column.field):
            return nothing("one of the items is none of the field's values")
        return more(f"{of.path} = {literal}", "SOQL ignores case and order of the items")
    return more(f"{of.path} = {literal}", _NO_CASE)


def _among_texts(values: pl.Series, column: Column, of: Subject) -> Condition:
    if column.field is not None and column.field.type == "multipicklist":
        return nothing("SOQL has no list of combinations")
    groups: dict[str, list[str]] = {}
    for value in values:
        literal = text_literal(value)
        if literal is None:
            return nothing(_DOUBTFUL)
        groups.setdefault(alike(value), []).append(literal)
    # What the org may take for equal stays together wherever the list is cut.
    return bounds.listed(of, [", ".join(group) for group in groups.values()], more("", _NO_CASE))


def _has(leaf: Has, column: Column, of: Subject) -> Condition:
    if column.field is None or not is_sound(leaf.text):
        return nothing(_DOUBTFUL)
    kind = _KINDS[column.field.type]
    if leaf.how == "item":
        literal = text_literal(leaf.text)
        if kind != "multipicklist" or literal is None or not _are_values([leaf.text], column.field):
            return nothing("it is none of the field's values")
        return more(f"{of.path} INCLUDES ({literal})", _NO_CASE)
    if kind != "text":
        return nothing("SOQL looks into the labels that its user reads")
    pattern = like_literal(leaf.text, leaf.how)
    if pattern is None:
        return of.present("SOQL can't look for such characters")
    return more(f"{of.path} LIKE {pattern}", _NO_CASE)


def _are_values(items: Iterable[str], field: Field) -> bool:
    return all(";" not in item and item in field.picklist_values for item in items)


def _of_boolean(leaf: Leaf, column: Column, of: Subject, wanted: bool) -> Condition:
    if not _is_bare(leaf.of):
        return nothing()
    match leaf:
        case Flag():
            return _is(of, {True} if wanted else {False})
        case Compare() if leaf.operator in ("==", "!=") and leaf.value.dtype == pl.Boolean:
            if of.is_parent and leaf.is_missing and not wanted:
                return nothing(_NO_PARENT)
            return _is(of, {leaf.value.item() is ((leaf.operator == "==") is wanted)})
        case Member() if leaf.values.dtype == pl.Boolean:
            has_null = leaf.values.null_count() > 0
            if of.is_parent and leaf.nulls_equal and has_null is wanted:
                return nothing(_NO_PARENT)
            inside = set(leaf.values.drop_nulls())
            return _is(of, inside if wanted else {True, False} - inside)
    return nothing()


def _is(of: Subject, values: set[bool]) -> Condition:
    if len(values) == 2:
        return nothing(_NO_PARENT) if of.is_parent else ALWAYS
    return exactly(f"{of.path} = {str(*values).lower()}") if values else NEVER


def _of_int(leaf: Leaf, column: Column, of: Subject, wanted: bool) -> Condition:
    if leaf.of.part or leaf.of.cast not in (None, pl.Float64(), pl.Int64()):
        return nothing()
    grid = bounds.INTS if column.field is not None and column.field.type == "int" else bounds.LONGS
    match leaf:
        case Compare() if (value := _fraction(leaf.value)) is not None:
            return _compared(leaf, of, wanted, lambda operator: bounds.on_grid(of, operator, value[0], grid))
        case Member() if (members := _fraction(leaf.values.drop_nulls())) is not None:
            return _among(leaf, of, wanted, lambda _: bounds.among_grid(of, members, grid, wanted=wanted))
    return nothing()


def _fraction(values: pl.Series) -> list[Fraction] | None:
    """Numbers as they are compared with whole ones; `None` if a float can't tell whole numbers apart there."""
    if not values.dtype.is_numeric():
        return [] if values.dtype == pl.Null and not len(values) else None
    if values.dtype.is_float() and not all(abs(value) < _IN_FLOATS for value in values):
        return None
    return [Fraction(value) for value in values]


def _of_number(leaf: Leaf, column: Column, of: Subject, wanted: bool) -> Condition:
    if leaf.of.part or leaf.of.cast not in (None, pl.Float64()):
        return nothing()
    kind = bounds.Numbers(scale=column.dtype.scale if isinstance(column.dtype, pl.Decimal) else None)
    match leaf:
        case Compare() if (value := _numbers(leaf.value, kind)) is not None:
            return _compared(leaf, of, wanted, lambda operator: bounds.number(of, operator, value[0], kind))
        case Member() if (members := _numbers(leaf.values.drop_nulls(), kind)) is not None:
            return _among(leaf, of, wanted, lambda _: bounds.among_numbers(of, members, kind, wanted=wanted))
    return nothing()


def _numbers(values: pl.Series, kind: bounds.Numbers) -> list[float | Decimal] | None:
    if not values.dtype.is_numeric():
        return [] if values.dtype == pl.Null and not len(values) else None
    is_float = kind.scale is None or values.dtype.is_float()
    return [float(value) if is_float else Decimal(value) for value in values]


def _of_date(leaf: Leaf, column: Column, of: Subject, wanted: bool) -> Condition:
    if leaf.of.part == "year":
        return _of_stretch(leaf, of, wanted, _years, is_day=True)
    if leaf.of.part:
        return nothing()
    match leaf:
        case Compare() if (value := _days(leaf.value, leaf.of)) is not None:
            return _compared(leaf, of, wanted, lambda operator: bounds.on_grid(of, operator, value[0], bounds.DAYS))
        case Member() if (members := _days(leaf.values.drop_nulls(), leaf.of)) is not None:
            return _among(leaf, of, wanted, lambda _: bounds.among_grid(of, members, bounds.DAYS, wanted=wanted))
    return nothing()


def _days(values: pl.Series, of: Operand) -> list[Fraction] | None:
    """Days since the year 1, with their part of a day."""
    dtype = values.dtype
    if dtype == pl.Date and of.cast is None:
        return [Fraction(n + bounds.EPOCH) for n in values.to_physical()]
    # Days far away have no nanoseconds.
    if isinstance(dtype, pl.Datetime) and dtype.time_unit != "ns" and dtype.time_zone in (None, "UTC"):
        per_day = 86_400 * _PER_SECOND[dtype.time_unit]
        return [Fraction(n, per_day) + bounds.EPOCH for n in values.to_physical()]
    return None


def _of_datetime(leaf: Leaf, column: Column, of: Subject, wanted: bool) -> Condition:
    if leaf.of.part == "year":
        return _of_stretch(leaf, of, wanted, _years, is_day=False)
    if leaf.of.part == "date":
        return _of_stretch(leaf, of, wanted, _dates, is_day=False)
    if leaf.of.cast is not None:
        return nothing()
    match leaf:
        case Compare() if (value := _seconds(leaf.value)) is not None:
            start = value[0]
            return _compared(
                leaf, of, wanted, lambda operator: bounds.in_seconds(of, operator, start, start + 1, exact=False)
            )
        case Member() if (members := _seconds(leaf.values.drop_nulls())) is not None:
            operator: Operator = "==" if wanted else "!="
            return _among(
                leaf, of, wanted,
                lambda _: bounds.in_seconds(of, operator, min(members), max(members) + 1, exact=False),
            )  # fmt: skip
    return nothing()


def _seconds(values: pl.Series) -> list[int] | None:
    """Whole seconds since 1970, rounded down."""
    dtype = values.dtype
    if isinstance(dtype, pl.Datetime) and dtype.time_zone == "UTC":
        return [n // _PER_SECOND[dtype.time_unit] for n in values.to_physical()]
    return None


def _of_stretch(
    leaf: Leaf, of: Subject, wanted: bool, read: Callable[[pl.Series], list[tuple[int, int]] | None], *, is_day: bool
) -> Condition:
    """A comparison of a moment's or a day's year, or of a moment's date."""
    scale = 1 if is_day else 86_400

    def ask(operator: Operator, stretch: tuple[int, int]) -> Condition:
        start, end = stretch
        return bounds.in_seconds(of, operator, start * scale, end * scale, is_day=is_day, exact=True)

    if leaf.of.cast not in (None, pl.Int64()):
        return nothing()
    match leaf:
        case Compare() if (value := read(leaf.value)) is not None:
            return _compared(leaf, of, wanted, lambda operator: ask(operator, value[0]))
        case Member() if (members := read(leaf.values.drop_nulls())) is not None:
            if wanted:
                return _among(leaf, of, wanted, lambda _: some(ask("==", one) for one in members))
            return _among(leaf, of, wanted, lambda _: every(ask("!=", one) for one in members))
    return nothing()


def _years(values: pl.Series) -> list[tuple[int, int]] | None:
    """First day of each year and of the one after it, since 1970."""
    if not values.dtype.is_integer() or not all(1 <= year < 9999 for year in values):
        return None
    ordinals = [(date(year, 1, 1).toordinal(), date(year + 1, 1, 1).toordinal()) for year in values]
    return [(start - bounds.EPOCH, end - bounds.EPOCH) for start, end in ordinals]


def _dates(values: pl.Series) -> list[tuple[int, int]] | None:
    return [(n, n + 1) for n in values.to_physical()] if values.dtype == pl.Date else None


_ASKS: Final[dict[str, Callable[[Leaf, Column, Subject, bool], Condition]]] = {
    "id": _of_id,
    "text": _of_text,
    "picklist": _of_text,
    "multipicklist": _of_text,
    "boolean": _of_boolean,
    "int": _of_int,
    "number": _of_number,
    "date": _of_date,
    "datetime": _of_datetime,
}
