"""Small pieces of SQL: quoting, and the functions over whole columns that the org's rules are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb


def run(db: duckdb.DuckDBPyConnection, statement: str, parameters: Sequence[Any] = ()) -> list[Any]:
    """Execute and take every row: a connection with rows still to come accepts nothing else."""
    return db.execute(statement, parameters).fetchall()


def number(db: duckdb.DuckDBPyConnection, query: str, parameters: Sequence[Any] = ()) -> int:
    """The one number that a query gives; 0 for null or nothing."""
    rows = run(db, query, parameters)
    return int(rows[0][0] or 0) if rows else 0


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def name(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def concat(*parts: str) -> str:
    return " || ".join(parts)


def coalesce(*parts: str) -> str:
    return f"coalesce({', '.join(parts)})" if parts else "NULL"


# What Java's trim takes off: everything up to the blank. NUL doesn't get this far.
_BLANKS = literal("".join(map(chr, range(1, 33))))
_NUMBER = r"[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?"
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
_DATETIME = rf"{_DATE}T{_CLOCK}([.][0-9]+)?(Z|[+-][0-9]{{2}}:?[0-9]{{2}})"
_EMAIL = r"[A-Za-z0-9.!#$%&''*+/=?^_`{|}~-]+@[A-Za-z0-9-]+([.][A-Za-z0-9-]+)+"

# The shortest digits of a double, as DuckDB writes them, set in the form of Java's Double.toString (wire notes, 13):
# plain between 10^-3 and 10^7, otherwise one digit, point, digits, E, exponent without plus sign or padding.
# Arguments are named in full once each where it matters: a macro copies its argument to each place.
_JAVA = (
    "CREATE OR REPLACE MACRO _org.java_point(digits) AS digits[1] || '.' ||"
    " CASE WHEN length(digits) > 1 THEN digits[2:] ELSE '0' END",
    "CREATE OR REPLACE MACRO _org.java_exponent(plain) AS"
    " CASE WHEN contains(plain, 'e') THEN split_part(plain, 'e', 2)::INTEGER"
    " WHEN starts_with(plain, '0.') THEN length(ltrim(plain[3:], '0')) - length(plain[3:]) - 1"
    " ELSE length(split_part(plain, '.', 1)) - 1 END",
    "CREATE OR REPLACE MACRO _org.java_digits(plain) AS trim(replace(split_part(plain, 'e', 1), '.', ''), '0')",
    "CREATE OR REPLACE MACRO _org.java_text(x, plain) AS CASE"
    " WHEN x IS NULL THEN NULL WHEN x = 0 THEN x::DOUBLE::VARCHAR"
    " WHEN abs(x) >= 1e-3 AND abs(x) < 1e7 THEN CASE WHEN x < 0 THEN '-' ELSE '' END || plain"
    " ELSE CASE WHEN x < 0 THEN '-' ELSE '' END ||"
    " _org.java_point(_org.java_digits(plain)) || 'E' || _org.java_exponent(plain) END",
    "CREATE OR REPLACE MACRO _org.java_double(x) AS _org.java_text(x::DOUBLE, abs(x::DOUBLE)::VARCHAR)",
)

MACROS = (
    # Taking off blanks is slow, so it is asked first whether there are any; what is blank altogether is null.
    "CREATE OR REPLACE MACRO _org.trimmed(t) AS CASE"
    " WHEN regexp_matches(t, '^[\\x01-\\x20]|[\\x01-\\x20]$') THEN nullif(trim(t, " + _BLANKS + "), '') ELSE t END",
    # Lengths are counted in UTF-16 units; bytes are never fewer, so most values need no look at their characters.
    "CREATE OR REPLACE MACRO _org.units(t) AS"
    " length(t) + length(regexp_replace(t, '[^\\x{10000}-\\x{10FFFF}]', '', 'g'))",
    "CREATE OR REPLACE MACRO _org.is_longer(t, most) AS"
    " CASE WHEN strlen(t) <= most THEN false ELSE _org.units(t) > most END",
    "CREATE OR REPLACE MACRO _org.as_boolean(t) AS"
    " CASE WHEN lower(t) IN ('true', '1') THEN true WHEN lower(t) IN ('false', '0') THEN false END",
    "CREATE OR REPLACE MACRO _org.as_int(t) AS"
    " CASE WHEN regexp_full_match(t, '[+-]?[0-9]+') THEN try_cast(t AS INTEGER) END",
    "CREATE OR REPLACE MACRO _org.as_long(t) AS"
    " CASE WHEN regexp_full_match(t, '[+-]?[0-9]+') THEN try_cast(t AS BIGINT) END",
    f"CREATE OR REPLACE MACRO _org.as_number(t) AS CASE WHEN regexp_full_match(t, '{_NUMBER}')"
    " AND isfinite(try_cast(t AS DOUBLE)) THEN try_cast(t AS DOUBLE) END",
    f"CREATE OR REPLACE MACRO _org.as_date(t) AS"
    f" CASE WHEN regexp_full_match(t, '{_DATE}Z?') THEN try_cast(t[:10] AS DATE) END",
    # Whole seconds are kept (wire notes, 4.4). A cast to TIMESTAMP would drop the offset without a word.
    f"CREATE OR REPLACE MACRO _org.as_datetime(t) AS CASE WHEN regexp_full_match(t, '{_DATETIME}')"
    " THEN date_trunc('second', make_timestamp(epoch_us(try_cast(t AS TIMESTAMPTZ)))) END",
    f"CREATE OR REPLACE MACRO _org.as_time(t) AS CASE WHEN regexp_full_match(t, '{_CLOCK}([.][0-9]{{1,3}})?Z?')"
    " THEN try_cast(rtrim(t, 'Z') AS TIME) END",
    # Where doubles lie further apart than the last place, rounding would only move the value.
    "CREATE OR REPLACE MACRO _org.rounded(x, places) AS"
    " CASE WHEN abs(x) < 9007199254740992 / 10.0 ** places THEN round(x, places) ELSE x END",
    f"CREATE OR REPLACE MACRO _org.is_email(t) AS regexp_full_match(t, '{_EMAIL}')",
    *_JAVA,
)
