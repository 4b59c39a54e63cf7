"""What a column becomes in a field: the texts of its cells, or the codes of its problems."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

import pandas as pd
import polars as pl

import sfframe

EVERY = "Everything__c"
TEXT, LONG, PICK, RESTRICTED = "Text__c", "Long_Text__c", "Picklist__c", "Restricted_Picklist__c"
BOOL, INT, DOUBLE, CURRENCY, PERCENT = "Checkbox__c", "Integer__c", "Double__c", "Currency__c", "Percent__c"
DATE, DATETIME, TIME = "Date__c", "Datetime__c", "Time__c"
REF, MULTI, RESTRICTED_MULTI = "Account__c", "Multipicklist__c", "Restricted_Multipicklist__c"
TYPE, FORM = "NO_CSV_FORM", "WRONG_FORM"


class Bad(str):
    """The code of a problem."""

    __slots__ = ()


def column_frame(values: Any, *fields: str) -> Any:
    """A frame that has this column for each field and one with a value in every row, of the column's own library."""
    columns = {**dict.fromkeys(fields, values), "Phone__c": ["0"] * len(values)}
    if isinstance(values, pl.Series):
        return pl.DataFrame(columns)
    if isinstance(values, pd.Series):
        return pd.DataFrame(columns)
    raise TypeError(type(values))


def sent(values: Any, field: str, org: sfframe.Org | None, **options: Any) -> list[str] | Bad:
    """What is sent for a column into a field: the cells as a CSV reader sees them, or what is wrong."""
    return sent_into(values, [field], org, **options)[field]


def sent_into(
    values: Any, fields: Sequence[str], org: sfframe.Org | None, **options: Any
) -> dict[str, list[str] | Bad]:
    """What is sent for a column into each of some fields, all in one call."""
    bulk = sfframe.bulk(column_frame(values, *fields))
    problems = bulk.check(EVERY, "insert", org=org, **options)
    found = list(zip(problems["column"], problems["code"], strict=True))
    bad = {column: Bad(code) for column, code in found}
    assert len(bad) == len(found), found
    good = [field for field in fields if field not in bad]
    if not good:
        return {field: bad[field] for field in fields}
    (payload,) = bulk.payloads(EVERY, "insert", org=org, **{"columns": [*good, "Phone__c"], **options})
    return {field: bad[field] if field in bad else cells(payload, field) for field in fields}


def cells(payload: bytes, field: str) -> list[str]:
    """A column of a CSV, read strictly."""
    header, *rows = csv.reader(io.StringIO(payload.decode(), newline=""), strict=True)
    at = header.index(field)
    return [row[at] for row in rows]
