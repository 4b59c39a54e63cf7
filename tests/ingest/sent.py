"""What a column becomes in a field: the texts of its cells, or the codes of its problems."""

from __future__ import annotations

import csv
import io
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


def column_frame(values: Any, field: str) -> Any:
    """A frame of this column and one with a value in every row, of the column's own library."""
    if isinstance(values, pl.Series):
        return pl.DataFrame({field: values, "Phone__c": ["0"] * len(values)})
    if isinstance(values, pd.Series):
        return pd.DataFrame({field: values, "Phone__c": ["0"] * len(values)})
    raise TypeError(type(values))


def sent(values: Any, field: str, org: sfframe.Org | None, **options: Any) -> list[str] | Bad:
    """What is sent for a column into a field: the cells as a CSV reader sees them, or what is wrong."""
    frame = column_frame(values, field)
    bulk = sfframe.bulk(frame)
    problems = bulk.check(EVERY, "insert", org=org, **options)
    codes = list(problems["code"])
    if codes:
        assert len(codes) == 1, codes
        return Bad(codes[0])
    (payload,) = bulk.payloads(EVERY, "insert", org=org, **options)
    return cells(payload, field)


def cells(payload: bytes, field: str) -> list[str]:
    """A column of a CSV, read strictly."""
    header, *rows = csv.reader(io.StringIO(payload.decode(), newline=""), strict=True)
    at = header.index(field)
    return [row[at] for row in rows]
