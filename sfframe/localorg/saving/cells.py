"""From the text of a cell to the value of a field, in SQL, and what is wrong with it (wire notes, 4.3, 4.4, 5.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sfframe.localorg.data.sql import coalesce, concat, literal
from sfframe.localorg.objects.schema import NUMBER_TYPES, XSD_TYPES, Field, SObject
from sfframe.localorg.saving.header import Column, cell

NULL_MARK = "#N/A"
JSON_ERROR = "JSON_PARSER_ERROR"
_NOT_WRITEABLE = (
    "Unable to create/update fields: ",
    ". Please check the security settings of this field and verify that it is read/write for your profile"
    " or permission set.",
)
_READERS = {
    "boolean": "_org.as_boolean",
    "int": "_org.as_int",
    "long": "_org.as_long",
    "date": "_org.as_date",
    "datetime": "_org.as_datetime",
    "time": "_org.as_time",
    **dict.fromkeys(NUMBER_TYPES, "_org.as_number"),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """SQL over the columns of an upload (`c0`, `c1`, ...) for one of them.

    Attributes:
        value: The value that the field would get, goes by the name `v0`, `v1`, ...; null for an empty cell and for
            `#N/A`.
        is_given: The row sets the field at all.
        unreadable: The error of text that isn't a value of the type, else null; looks at `v0`, `v1`, ... too.
    """

    value: str
    is_given: str
    unreadable: str


def read_cell(column: Column, *, typed: bool = False) -> Cell:
    """A column's cells as values. Lookups by external id keep the text that is looked up.

    Args:
        column: Which.
        typed: The cells come from JSON, where what isn't said is null and what is emptied is "". Otherwise they come
            from CSV, where what isn't said is "" and what is emptied is the mark (4.3).
    """
    text = cell(column.index)
    absent = f"{text} = ''" if typed else f"{text} IN ('', '{NULL_MARK}')"
    given = f"{text} IS NOT NULL" if typed else f"{text} <> ''"
    field = column.parent_field or column.field
    reader = _READERS.get(field.type)
    if reader is None:
        value = f"CASE WHEN {absent} THEN NULL ELSE _org.trimmed({text}) END"
        if field.type in ("id", "reference"):
            value = f"_org.normal_id({value})"
        return Cell(value, given, "NULL")
    value = f"{reader}({text})"
    why = _no_json_value(column, text) if typed else _no_csv_value(column, field, text)
    rounded = f"_org.rounded({value}, {field.scale})" if field.type in NUMBER_TYPES else value
    return Cell(rounded, given, f"CASE WHEN v{column.index} IS NULL AND NOT {absent} THEN {why} END")


def _no_csv_value(column: Column, field: Field, text: str) -> str:
    return concat(
        literal(f"INVALID_FIELD:Failed to deserialize field at col {column.index}. Due to, '"),
        text,
        literal(f"' is not a valid value for the type {XSD_TYPES[field.type]}:{column.field.name} --"),
    )


def _no_json_value(column: Column, text: str) -> str:
    kind = (column.parent_field or column.field).type
    return concat(
        literal(f"{JSON_ERROR}:Cannot deserialize instance of {kind} from VALUE_STRING value "),
        text,
        literal(f" or request may be missing a required field:{column.field.name} --"),
    )


def value_error(column: Column, value: str, is_given: str) -> str:
    """SQL for what a readable value breaks of its field's own rules, else null."""
    field = column.field
    checks = [_cleared(field, value, is_given)]
    if column.parent is None:
        checks += [
            _too_long(field, value),
            _out_of_range(field, value, f"t.{cell(column.index)}"),
            _too_many_digits(field, value),
            _not_listed(field, value),
            _email(field, value),
        ]
    return coalesce(*(check for check in checks if check))


def _cleared(field: Field, value: str, is_given: str) -> str | None:
    if field.nillable:
        return None
    return f"CASE WHEN {is_given} AND {value} IS NULL THEN {required_error([literal(field.name)])} END"


def required_error(names: list[str]) -> str:
    """SQL for the error that names all missing fields; each name is SQL, null where the field is there."""
    missing = f"concat_ws(', ', {', '.join(names)})"
    return f"'REQUIRED_FIELD_MISSING:Required fields are missing: [' || {missing} || ']:' || {missing} || ' --'"


def _too_long(field: Field, value: str) -> str | None:
    if not (field.is_text and field.length):
        return None
    why = concat(
        literal(f"STRING_TOO_LONG:{field.label}: data value too large: "),
        value,
        literal(f" (max length={field.length}):{field.name} --"),
    )
    return f"CASE WHEN _org.is_longer({value}, {field.length}) THEN {why} END"


def _out_of_range(field: Field, value: str, text: str) -> str | None:
    if field.type not in NUMBER_TYPES or not field.precision:
        return None
    why = concat(
        literal(f"NUMBER_OUTSIDE_VALID_RANGE:{field.label}: value outside of valid range on numeric field: "),
        f"_org.java_double({value})",
        literal(f":{field.name} --"),
    )
    # Near the limit doubles are too coarse: 9999999999999999.99 is one that has 16 digits, and 1e16 as a double.
    exact = f"round(try_cast({text} AS DECIMAL(38, 10)), {field.scale})"
    limit = f"1e{field.precision - field.scale}"
    beyond = f"coalesce(abs({exact}) >= CAST('{limit}' AS DECIMAL(38, 0)), true)"
    return f"CASE WHEN abs({value}) >= {limit} AND {beyond} THEN {why} END"


def _too_many_digits(field: Field, value: str) -> str | None:
    if field.type not in ("int", "long") or not field.digits:
        return None
    why = concat(
        literal(f"NUMBER_OUTSIDE_VALID_RANGE:{field.label}: value outside of valid range on numeric field: "),
        f"{value}::VARCHAR",
        literal(f":{field.name} --"),
    )
    return f"CASE WHEN abs({value}::HUGEINT) >= 1{'0' * field.digits} THEN {why} END"


def _not_listed(field: Field, value: str) -> str | None:
    if not field.restricted or not field.picklist:
        return None
    listed = f"[{', '.join(map(literal, field.picklist))}]"
    many = field.type == "multipicklist"
    outside = f"list_filter(string_split({value}, ';'), lambda x: x <> '' AND NOT list_contains({listed}, x))"
    bad = f"{outside}[1]" if many else f"CASE WHEN NOT list_contains({listed}, {value}) THEN {value} END"
    prefix = literal("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST:bad value for restricted picklist field: ")
    return concat(prefix, f"({bad})", literal(f":{field.name} --"))


def _email(field: Field, value: str) -> str | None:
    if field.type != "email":
        return None
    why = concat(
        literal(f"INVALID_EMAIL_ADDRESS:{field.label}: invalid email address: "), value, literal(f":{field.name} --")
    )
    return f"CASE WHEN NOT _org.is_email({value}) THEN {why} END"


def malformed_id(label: str, field_name: str, value: str) -> str:
    """SQL for the error of text that isn't an id of the right kind of record."""
    return concat(literal(f"MALFORMED_ID:{label}: id value of incorrect type: "), value, literal(f":{field_name} --"))


def is_id_of(value: str, objects: list[SObject]) -> str:
    """SQL for whether a value is an id that these objects' records could have, with a suffix that fits its case."""
    prefixes = ", ".join(literal(sobject.key_prefix) for sobject in objects)
    fits = f"_org.with_suffix(left({value}, 15)) = {value}"
    return f"_org.is_id({value}) AND substr({value}, 1, 3) IN ({prefixes}) AND {fits}" if prefixes else "false"


def not_writeable_text(name: str) -> str:
    """The message of one field that may not be written."""
    return name.join(_NOT_WRITEABLE)


def not_writeable(columns: Mapping[str, str]) -> str:
    """SQL for the error that names the fields which a row sets and may not; of field name -> "is set" in SQL."""
    if not columns:
        return "NULL"
    names = (f"CASE WHEN {is_given} THEN {literal(field)} END" for field, is_given in columns.items())
    listed = f"nullif(concat_ws(', ', {', '.join(names)}), '')"
    return concat(
        literal(f"INVALID_FIELD_FOR_INSERT_UPDATE:{_NOT_WRITEABLE[0]}"),
        listed,
        literal(f"{_NOT_WRITEABLE[1]}:"),
        listed,
        literal(" --"),
    )
