"""How values come out of a query job: each record one line of CSV, made by the database (wire notes, 6.5)."""

from __future__ import annotations

from collections.abc import Callable

from sfframe.localorg.data.sql import literal, name
from sfframe.localorg.objects.schema import NUMBER_TYPES
from sfframe.localorg.soql import Query

# A timestamp of milliseconds would be made one of nanoseconds, which ends in 2262.
_FORMS: dict[str, Callable[[str], str]] = {
    "boolean": "{}::VARCHAR".format,
    "int": "{}::VARCHAR".format,
    "long": "{}::VARCHAR".format,
    "date": "{}::VARCHAR".format,
    "datetime": "strftime({}::TIMESTAMP, '%Y-%m-%dT%H:%M:%S.000Z')".format,
    "time": "strftime(DATE '2000-01-01' + {}, '%H:%M:%S.%gZ')".format,
    **dict.fromkeys(NUMBER_TYPES, "_org.java_double({})".format),
}


def line_query(query: Query, delimiter: str, line_end: str) -> str:
    """SQL that gives the records of a query as lines: one text column, in the query's order.

    Args:
        query: Its parameters are this one's too.
        delimiter: Between values.
        line_end: After each record.
    """
    values = (_text(output.type, name(output.column)) for output in query.outputs)
    between = literal(f'"{delimiter}"')
    return f"""SELECT '"' || {f" || {between} || ".join(values)} || {literal('"' + line_end)} FROM ({query.sql})"""


def header_line(query: Query, delimiter: str, line_end: str) -> bytes:
    """The header, its names as the schema has them and quoted like everything else."""
    names = (".".join(output.path) for output in query.outputs)
    return (delimiter.join(f'"{path}"' for path in names) + line_end).encode()


def _text(kind: str, value: str) -> str:
    """A value between quotes. Null and the empty string can't be told apart."""
    form = _FORMS.get(kind)
    if form is None:
        return f"""coalesce(replace({value}::VARCHAR, '"', '""'), '')"""
    return f"coalesce({form(value)}, '')"
