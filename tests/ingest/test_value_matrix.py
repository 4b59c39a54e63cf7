"""From frame to CSV: every form of value into every kind of field, as the text sent or the problem told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import sfframe

from .sent import (
    BOOL,
    DATE,
    DATETIME,
    DOUBLE,
    FORM,
    INT,
    MULTI,
    PICK,
    REF,
    TEXT,
    TIME,
    TYPE,
    Bad,
    sent,
    sent_into,
)

Expected = str | Bad
WRONG: Final = Bad("WRONG_TYPE")
NO_ZONE: Final = Bad("NO_ZONE")
NO_FORM: Final = Bad(TYPE)
FIELDS = (TEXT, PICK, BOOL, INT, DOUBLE, DATE, DATETIME, TIME, REF, MULTI)

DAY = dt.date(2026, 1, 31)
NAIVE = dt.datetime(2026, 1, 31, 23, 30, 15, 123_999)
BERLIN = NAIVE.replace(tzinfo=ZoneInfo("Europe/Berlin"))
UTC = NAIVE.replace(tzinfo=dt.UTC)
CLOCK = dt.time(8, 5, 6, 123_999)

# What each form becomes in each field; fields not named don't take it.
TEXTUAL: Mapping[str, Expected] = {
    TEXT: "Ada", PICK: "Ada", MULTI: "Ada",
    **dict.fromkeys((BOOL, INT, DOUBLE, DATE, DATETIME, TIME, REF), Bad(FORM)),
}  # fmt: skip
WHOLE: Mapping[str, Expected] = {TEXT: "7", PICK: "7", INT: "7", DOUBLE: "7"}
BOOLEAN: Mapping[str, Expected] = {TEXT: "true", PICK: "true", BOOL: "true"}
DAYS: Mapping[str, Expected] = {TEXT: "2026-01-31", PICK: "2026-01-31", DATE: "2026-01-31", DATETIME: NO_ZONE}
NAIVES: Mapping[str, Expected] = {TEXT: NO_ZONE, PICK: NO_ZONE, DATE: "2026-01-31", DATETIME: NO_ZONE}
TIMES: Mapping[str, Expected] = dict.fromkeys((TEXT, PICK, TIME), "08:05:06.123Z")
LISTS: Mapping[str, Expected] = {MULTI: "Red;Blue"}
NOTHING: Mapping[str, Expected] = dict.fromkeys(FIELDS, "")
UNSENDABLE: Mapping[str, Expected] = dict.fromkeys(FIELDS, NO_FORM)
STRUCTS: Mapping[str, Expected] = dict.fromkeys(FIELDS, Bad("UNKNOWN_RELATIONSHIP"))


def _moments(day: str, instant: str) -> Mapping[str, Expected]:
    return {TEXT: instant, PICK: instant, DATE: day, DATETIME: instant}


BERLINS = _moments("2026-01-31", "2026-01-31T22:30:15.123Z")
UTCS = _moments("2026-01-31", "2026-01-31T23:30:15.123Z")
SECONDS = _moments("2026-01-31", "2026-01-31T23:30:15.000Z")

Form = tuple[Callable[[], Any], Mapping[str, Expected]]


def _pl(value: Any, dtype: Any) -> Callable[[], pl.Series]:
    return lambda: pl.Series([value], dtype=dtype, strict=False)


def _float(width: str) -> Mapping[str, Expected]:
    return {TEXT: "0.1", PICK: "0.1", INT: Bad("FRACTION"), DOUBLE: "0.1"} if width != "Float16" else dict(WHOLE)


POLARS: dict[str, Form] = {
    "string": (_pl("Ada", pl.String), TEXTUAL),
    "categorical": (_pl("Ada", pl.Categorical), TEXTUAL),
    "enum": (_pl("Ada", pl.Enum(["Ada", "Bob"])), TEXTUAL),
    **{
        str(t): (_pl(7, t), WHOLE)
        for t in (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64)
    },
    **{name: (_pl(7, getattr(pl, name)), WHOLE) for name in ("Int128", "UInt128") if hasattr(pl, name)},
    "Float32": (_pl(0.1, pl.Float32), _float("Float32")),
    "Float64": (_pl(0.1, pl.Float64), _float("Float64")),
    **({"Float16": (_pl(7.0, pl.Float16), _float("Float16"))} if hasattr(pl, "Float16") else {}),
    "decimal": (
        _pl(Decimal("1.50"), pl.Decimal(10, 2)),
        {TEXT: "1.50", PICK: "1.50", INT: Bad("FRACTION"), DOUBLE: "1.50"},
    ),
    "whole decimal": (_pl(Decimal("7.00"), pl.Decimal(10, 2)), {**WHOLE, TEXT: "7.00", PICK: "7.00", DOUBLE: "7.00"}),
    "boolean": (_pl(True, pl.Boolean), BOOLEAN),
    "date": (_pl(DAY, pl.Date), DAYS),
    **{f"naive {u}": (_pl(NAIVE, pl.Datetime(u)), NAIVES) for u in ("ms", "us", "ns")},
    **{f"utc {u}": (_pl(UTC, pl.Datetime(u, "UTC")), UTCS) for u in ("ms", "us", "ns")},
    **{f"berlin {u}": (_pl(BERLIN, pl.Datetime(u, "Europe/Berlin")), BERLINS) for u in ("ms", "us", "ns")},
    "kathmandu": (
        _pl(UTC.astimezone(ZoneInfo("Asia/Kathmandu")), pl.Datetime("us", "Asia/Kathmandu")),
        _moments("2026-02-01", "2026-01-31T23:30:15.123Z"),
    ),
    "time": (_pl(CLOCK, pl.Time), TIMES),
    "list": (_pl(["Red", "Blue"], pl.List(pl.String)), LISTS),
    "list of categories": (lambda: pl.Series([["Red", "Blue"]], dtype=pl.List(pl.Categorical)), LISTS),
    "list of enums": (lambda: pl.Series([["Red", "Blue"]], dtype=pl.List(pl.Enum(["Red", "Blue"]))), LISTS),
    "array": (_pl(["Red", "Blue"], pl.Array(pl.String, 2)), LISTS),
    "null": (_pl(None, pl.Null), NOTHING),
    "list of nulls": (_pl([None], pl.List(pl.Null)), {MULTI: Bad("SEPARATOR")}),
    "list of numbers": (_pl([1], pl.List(pl.Int64)), UNSENDABLE),
    "nested list": (_pl([["a"]], pl.List(pl.List(pl.String))), UNSENDABLE),
    "binary": (_pl(b"x", pl.Binary), UNSENDABLE),
    "duration": (_pl(dt.timedelta(1), pl.Duration("us")), UNSENDABLE),
    "object": (lambda: pl.Series([object()], dtype=pl.Object), UNSENDABLE),
    "struct": (_pl({"Name": "x"}, pl.Struct({"Name": pl.String})), STRUCTS),
    "struct of two": (
        _pl({"a": "x", "b": "y"}, pl.Struct({"a": pl.String, "b": pl.String})),
        dict.fromkeys(FIELDS, Bad("STRUCT")),
    ),
}


def _pd(value: Any, dtype: Any = None) -> Callable[[], pd.Series[Any]]:
    return lambda: pd.Series([value], dtype=dtype)


def _objects(*values: Any) -> Callable[[], pd.Series[Any]]:
    def make() -> pd.Series[Any]:
        return pd.Series(np.fromiter(values, dtype=object, count=len(values)), dtype=object)

    return make


def _arrow(value: Any, arrow_type: pa.DataType) -> Callable[[], pd.Series[Any]]:
    return lambda: pd.Series(pd.arrays.ArrowExtensionArray(pa.array([value], type=arrow_type)))


PANDAS: dict[str, Form] = {
    "str": (_pd("Ada"), TEXTUAL),
    "string": (_pd("Ada", "string"), TEXTUAL),
    "string[pyarrow]": (_pd("Ada", "string[pyarrow]"), TEXTUAL),
    "string[python]": (_pd("Ada", "string[python]"), TEXTUAL),
    "category of text": (_pd("Ada", "category"), TEXTUAL),
    "category of numbers": (_pd(7, "category"), WHOLE),
    "category of booleans": (_pd(True, "category"), BOOLEAN),
    "category of dates": (_pd(DAY, "category"), DAYS),
    "category of naive": (_pd(pd.Timestamp(NAIVE), "category"), NAIVES),
    "category of zoned": (_pd(pd.Timestamp(BERLIN), "category"), BERLINS),
    "category of intervals": (lambda: pd.Series(pd.cut([1, 2], 2)).head(1), UNSENDABLE),
    **{
        t: (_pd(7, t), WHOLE)
        for t in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "Int8", "Int64", "UInt64")
    },
    "float16": (_pd(7.0, "float16"), WHOLE),
    "float32": (_pd(0.1, "float32"), _float("Float32")),
    "float64": (_pd(0.1), _float("Float64")),
    "Float32": (_pd(0.1, "Float32"), _float("Float32")),
    "Float64": (_pd(0.1, "Float64"), _float("Float64")),
    "bool": (_pd(True), BOOLEAN),
    "boolean": (_pd(True, "boolean"), BOOLEAN),
    **{f"datetime64[{u}]": (_pd(NAIVE, f"datetime64[{u}]"), NAIVES) for u in ("s", "ms", "us", "ns")},
    **{f"berlin {u}": (_pd(BERLIN, f"datetime64[{u}, Europe/Berlin]"), BERLINS) for u in ("ms", "us", "ns")},
    "utc s": (_pd(UTC, "datetime64[s, UTC]"), SECONDS),
    "half an hour": (
        lambda: pd.Series(pd.to_datetime(["2026-01-31T23:30:15.123+05:30"])),
        _moments("2026-01-31", "2026-01-31T18:00:15.123Z"),
    ),
    "whole hours": (
        lambda: pd.Series(pd.to_datetime(["2026-01-31T23:30:15.123+02:00"])),
        _moments("2026-01-31", "2026-01-31T21:30:15.123Z"),
    ),
    "timedelta": (_pd(pd.Timedelta(1, "D")), UNSENDABLE),
    "period": (_pd(pd.Period("2026-01", "M")), UNSENDABLE),
    "interval": (_pd(pd.Interval(0, 1)), UNSENDABLE),
    "complex": (_pd(1j), UNSENDABLE),
    "sparse": (lambda: pd.Series(pd.arrays.SparseArray([7])), WHOLE),
    "arrow string": (_arrow("Ada", pa.string()), TEXTUAL),
    "arrow large string": (_arrow("Ada", pa.large_string()), TEXTUAL),
    "arrow int8": (_arrow(7, pa.int8()), WHOLE),
    "arrow uint64": (_arrow(7, pa.uint64()), WHOLE),
    "arrow double": (_arrow(0.1, pa.float64()), _float("Float64")),
    "arrow float": (_arrow(0.1, pa.float32()), _float("Float32")),
    "arrow decimal": (_arrow(Decimal("7.00"), pa.decimal128(10, 2)), {**POLARS["whole decimal"][1]}),
    "arrow wide decimal": (_arrow(Decimal("7.00"), pa.decimal256(60, 2)), {**POLARS["whole decimal"][1]}),
    "arrow decimal of tens": (
        _arrow(Decimal("70"), pa.decimal128(5, -1)),
        {TEXT: "70", PICK: "70", INT: "70", DOUBLE: "70"},
    ),
    "arrow bool": (_arrow(True, pa.bool_()), BOOLEAN),
    "arrow date32": (_arrow(DAY, pa.date32()), DAYS),
    "arrow date64": (_arrow(DAY, pa.date64()), DAYS),
    **{f"arrow naive {u}": (_arrow(NAIVE, pa.timestamp(u)), NAIVES) for u in ("s", "ms", "us", "ns")},
    "arrow berlin": (_arrow(BERLIN, pa.timestamp("us", "Europe/Berlin")), BERLINS),
    "arrow half an hour": (
        _arrow(BERLIN, pa.timestamp("us", "+05:30")),
        _moments("2026-02-01", "2026-01-31T22:30:15.123Z"),
    ),
    "arrow time32": (_arrow(dt.time(8, 5, 6), pa.time32("s")), dict.fromkeys((TEXT, PICK, TIME), "08:05:06.000Z")),
    "arrow time64": (_arrow(CLOCK, pa.time64("ns")), TIMES),
    "arrow list": (_arrow(["Red", "Blue"], pa.list_(pa.string())), LISTS),
    "arrow fixed list": (_arrow(["Red", "Blue"], pa.list_(pa.string(), 2)), LISTS),
    "arrow null": (_arrow(None, pa.null()), NOTHING),
    "arrow binary": (_arrow(b"x", pa.binary()), UNSENDABLE),
    "arrow duration": (_arrow(dt.timedelta(1), pa.duration("s")), UNSENDABLE),
    "arrow map": (_arrow([("a", 1)], pa.map_(pa.string(), pa.int64())), UNSENDABLE),
    "arrow struct": (_arrow({"Name": "x"}, pa.struct([("Name", pa.string())])), STRUCTS),
    "arrow dictionary": (
        lambda: pd.Series(pd.arrays.ArrowExtensionArray(pa.array(["Ada"]).dictionary_encode())),
        TEXTUAL,
    ),
    "text objects": (_objects("Ada"), TEXTUAL),
    "int objects": (_objects(7), WHOLE),
    "numpy int objects": (_objects(np.int16(7)), WHOLE),
    "float objects": (_objects(0.1), _float("Float64")),
    "float32 objects": (_objects(np.float32(0.1)), _float("Float32")),
    "decimal objects": (_objects(Decimal("1.50")), POLARS["decimal"][1]),
    "bool objects": (_objects(True), BOOLEAN),
    "numpy bool objects": (_objects(np.True_), BOOLEAN),
    "date objects": (_objects(DAY), DAYS),
    "naive objects": (_objects(NAIVE), NAIVES),
    "timestamp objects": (_objects(pd.Timestamp(NAIVE)), NAIVES),
    "zoned objects": (_objects(BERLIN), BERLINS),
    "zoned timestamps": (_objects(pd.Timestamp(BERLIN)), BERLINS),
    "time objects": (_objects(CLOCK), TIMES),
    "list objects": (_objects(["Red", "Blue"]), LISTS),
    "tuple objects": (_objects(("Red", "Blue")), LISTS),
    "array objects": (_objects(np.array(["Red", "Blue"])), LISTS),
    "dict objects": (_objects({"Name": "x"}), STRUCTS),
    "None objects": (_objects(None), NOTHING),
    "NaN objects": (_objects(float("nan")), NOTHING),
    "bytes objects": (_objects(b"x"), UNSENDABLE),
    "timedelta objects": (_objects(dt.timedelta(1)), UNSENDABLE),
    "period objects": (_objects(pd.Period("2026-01", "M")), UNSENDABLE),
    "set objects": (_objects({"a"}), UNSENDABLE),
    "other objects": (_objects(object()), UNSENDABLE),
    "lists of numbers": (_objects([1, 2]), UNSENDABLE),
    "nested list objects": (_objects([["a"]]), UNSENDABLE),
}
MATRIX = [
    pytest.param(make, {field: expected.get(field, WRONG) for field in FIELDS}, id=f"{library}-{form}")
    for library, forms in (("polars", POLARS), ("pandas", PANDAS))
    for form, (make, expected) in forms.items()
]


@pytest.mark.parametrize(("make", "expected"), MATRIX)
def test_a_form_of_value_goes_into_each_kind_of_field_as_the_contract_says(
    make: Callable[[], Any], expected: Mapping[str, Expected], started_org: sfframe.Org
) -> None:
    told = sent_into(make(), FIELDS, started_org)
    assert told == {field: text if isinstance(text, Bad) else [text] for field, text in expected.items()}


# --- values -----------------------------------------------------------------------------------------------------------

S, N = pl.String, None
TINY, HUGE = "0." + "0" * 323 + "5", "1" + "0" * 300


def _case(field: str, dtype: Any, *pairs: tuple[Any, str]) -> Any:
    """Values that are sent, with their texts, in one column."""
    values, texts = zip(*pairs, strict=True)
    return pytest.param(pl.Series(values, dtype=dtype, strict=False), field, list(texts), id=f"{field}-{dtype}-ok")


def _bad(field: str, dtype: Any, code: str, *values: Any) -> list[Any]:
    """Values that each are a problem of their row."""
    return [
        pytest.param(
            pl.Series([v, v, None], dtype=dtype, strict=False), field, Bad(code), id=f"{field}-{dtype}-{code}-{i}"
        )
        for i, v in enumerate(values)
    ]


def _at(zone: str | None = None, unit: str = "us") -> pl.Datetime:
    return pl.Datetime(unit, zone)  # type: ignore[arg-type]  # the unit is one


E16 = 10**16
VALUES = [
    # text
    _case(
        TEXT,
        S,
        ("  a ", "  a "),
        ("", ""),
        (N, ""),
        ("a,b\"c'", "a,b\"c'"),
        ("#N/A", "#N/A"),
        ("NaN", "NaN"),
        ("a\r\nb\nc\rd\x0b\x0c\x1c\x85\u2028\u2029e", "a\r\nb\nc\rd\x0b\x0c\x1c\x85\u2028\u2029e"),
        ("\ufeffx", "\ufeffx"),
        ("\U0001f600" * 127 + "x", "\U0001f600" * 127 + "x"),
        ("\t", "\t"),
        ("007", "007"),
        ("null", "null"),
    ),
    *_bad(TEXT, S, "TOO_LONG", "\U0001f600" * 128, "ü" * 256),
    *_bad(TEXT, S, "NUL", "a\0b", "\0"),
    *_bad("Long_Text__c", S, "TOO_LONG", "x" * 131_073),
    *_bad(PICK, S, "NUL", "\0"),
    *_bad(MULTI, S, "NUL", "a;\0"),
    *_bad(MULTI, pl.List(S), "NUL", ["a", "\0"]),
    _case(PICK, S, ("anything", "anything"), ("", "")),
    _case("Restricted_Picklist__c", S, ("One", "One"), ("two", "two"), ("", ""), ("#N/A", "#N/A"), (N, "")),
    _case("Restricted_Picklist__c", pl.Enum(["One", "Two"]), ("One", "One"), (N, "")),
    *_bad("Restricted_Picklist__c", S, "NOT_IN_PICKLIST", "Three", " One"),
    *_bad("Restricted_Picklist__c", pl.Int64, "NOT_IN_PICKLIST", 1),
    # multi-select
    _case(MULTI, pl.List(S), (["a", "b"], "a;b"), (["a"], "a"), ([], ""), (N, ""), (["a,b"], "a,b")),
    _case(MULTI, S, ("a;b", "a;b"), ("", ""), ("#N/A", "#N/A")),
    *_bad(MULTI, pl.List(S), "SEPARATOR", ["a;b"], ["a", ""], ["a", None]),
    _case("Restricted_Multipicklist__c", pl.List(S), (["Red", "Blue"], "Red;Blue"), ([], ""), (["red"], "red")),
    _case("Restricted_Multipicklist__c", S, ("Red;Blue", "Red;Blue"), ("", ""), ("#N/A", "#N/A"), (N, "")),
    *_bad("Restricted_Multipicklist__c", pl.List(S), "NOT_IN_PICKLIST", ["Red", "Pink"]),
    *_bad("Restricted_Multipicklist__c", S, "NOT_IN_PICKLIST", "Pink", "Red;Pink", "Red, Blue"),
    # booleans
    _case(BOOL, pl.Boolean, (True, "true"), (False, "false"), (N, "")),
    _case(BOOL, S, ("true", "true"), ("FALSE", "false"), ("1", "true"), ("0", "false"), ("", ""), (N, "")),
    *_bad(BOOL, S, FORM, "yes", "t", " true", "2", "1.0", "on"),
    # whole numbers
    _case(INT, pl.Int64, (0, "0"), (-5, "-5"), (2**31 - 1, "2147483647"), (-(2**31), "-2147483648"), (N, "")),
    _case(INT, pl.Float64, (1.0, "1"), (float("nan"), ""), (N, ""), (-3.0, "-3"), (1e9, "1000000000"), (-0.0, "0")),
    _case(INT, pl.Float32, (7.0, "7"), (float("nan"), "")),
    _case(INT, pl.Decimal(20, 3), (Decimal("5.000"), "5"), (Decimal("-12"), "-12"), (N, "")),
    _case(
        INT,
        S,
        ("7", "7"),
        ("7.0", "7"),
        ("7.", "7"),
        ("-7", "-7"),
        ("+7", "7"),
        ("007", "007"),
        ("#N/A", "#N/A"),
        ("", ""),
    ),
    *_bad(INT, pl.Float64, "FRACTION", 1.5, -0.1, 1e-7),
    *_bad(INT, pl.Float64, "INFINITE", float("inf"), float("-inf")),
    *_bad(INT, pl.Float64, "OUT_OF_RANGE", 2.0**31, -(2.0**31) - 1, 1e20),
    *_bad(INT, pl.Int64, "OUT_OF_RANGE", 2**31, -(2**31) - 1),
    *_bad(INT, pl.UInt64, "OUT_OF_RANGE", 2**64 - 1),
    *_bad(INT, pl.Decimal(20, 2), "FRACTION", Decimal("0.01")),
    *_bad(INT, pl.Decimal(20, 2), "OUT_OF_RANGE", Decimal("2147483648")),
    *_bad(INT, S, FORM, "1e3", "1,000", " 7", "seven", "٧", "0x7", "--7", "."),
    *_bad(INT, S, "FRACTION", "7.5", ".5", "-0.01"),
    *_bad(INT, S, "OUT_OF_RANGE", "2147483648", "9" * 30),
    # numbers
    _case(
        DOUBLE,
        pl.Float64,
        (1.0, "1"),
        (0.1, "0.1"),
        (-0.0, "-0"),
        (1e-7, "0.0000001"),
        (123456.789, "123456.789"),
        (5e-324, TINY),
        (float("nan"), ""),
        (N, ""),
        (19.99 * 1.19, "23.788099999999996"),
        (0.1 + 0.2, "0.30000000000000004"),
    ),
    _case(
        DOUBLE, pl.Float32, (0.1, "0.1"), (1.0, "1"), (1e-7, "0.0000001"), (16777216.0, "16777216"), (float("nan"), "")
    ),
    _case(TEXT, pl.Float64, (1e20, "1" + "0" * 20), (1e-7, "0.0000001"), (1.0, "1"), (1e254, "1" + "0" * 254)),
    _case(TEXT, pl.Float32, (1e20, "1" + "0" * 20), (3.4e38, "34" + "0" * 37)),
    _case(DOUBLE, pl.Int64, (10**12 - 1, "999999999999"), (-7, "-7")),
    _case(
        DOUBLE,
        pl.Decimal(38, 6),
        (Decimal("999999999999.999999"), "999999999999.999999"),
        (Decimal("-0.5"), "-0.500000"),
    ),
    _case(
        DOUBLE,
        S,
        ("1.50", "1.50"),
        ("1e3", "1e3"),
        ("-1.5E-7", "-1.5E-7"),
        (".5", ".5"),
        ("5.", "5."),
        ("+5", "+5"),
        ("#N/A", "#N/A"),
        ("", ""),
        ("999999999999.999999", "999999999999.999999"),
    ),
    _case("Currency__c", pl.Int64, (E16 - 1, "9" * 16), (-E16 + 1, "-" + "9" * 16)),
    _case("Currency__c", pl.UInt64, (E16 - 1, "9" * 16)),
    _case("Currency__c", S, ("9" * 16, "9" * 16), ("9" * 16 + ".99", "9" * 16 + ".99")),
    _case("Currency__c", pl.Decimal(38, 2), (Decimal("9" * 16 + ".99"), "9" * 16 + ".99")),
    _case("Percent__c", pl.Float64, (999.999, "999.999"), (12.5, "12.5")),
    *_bad(TEXT, pl.Float64, "TOO_LONG", 1e300, 5e-324),
    *_bad(DOUBLE, pl.Float64, "INFINITE", float("inf"), float("-inf")),
    *_bad(TEXT, pl.Float64, "INFINITE", float("inf")),
    *_bad(DOUBLE, pl.Float64, "TOO_MANY_DIGITS", 1e12, -1e300),
    *_bad(DOUBLE, pl.Float32, "TOO_MANY_DIGITS", 1e20),
    *_bad(DOUBLE, pl.Int64, "TOO_MANY_DIGITS", 10**12, -(10**12)),
    *_bad(DOUBLE, pl.UInt64, "TOO_MANY_DIGITS", 2**64 - 1),
    *_bad(DOUBLE, pl.Decimal(38, 6), "TOO_MANY_DIGITS", Decimal(10**12)),
    *_bad(DOUBLE, S, "TOO_MANY_DIGITS", "1000000000000", "1e12", "-1e300"),
    *_bad("Currency__c", pl.Int64, "TOO_MANY_DIGITS", E16, -E16, -(2**63)),
    *_bad("Currency__c", S, "TOO_MANY_DIGITS", "1" + "0" * 16, "-" + "1" + "0" * 16 + ".5", "9" * 40),
    *_bad("Percent__c", pl.Float64, "TOO_MANY_DIGITS", 1000.0),
    *_bad(DOUBLE, S, FORM, "1,5", "$5", "5%", "1_000", "NaN", "inf", "e5", "٧", " 5", "5 ", "1e", "."),
    *_bad(DOUBLE, S, "INFINITE", "1e999"),
    # dates
    _case(
        DATE,
        pl.Date,
        (DAY, "2026-01-31"),
        (dt.date(1, 1, 1), "0001-01-01"),
        (dt.date(9999, 12, 31), "9999-12-31"),
        (N, ""),
    ),
    _case(
        DATE,
        _at(),
        (dt.datetime(2026, 1, 31, 23, 59, 59), "2026-01-31"),
        (dt.datetime(1969, 12, 31, 0, 0, 1), "1969-12-31"),
    ),
    _case(DATE, S, ("2026-01-31", "2026-01-31"), ("0001-01-01", "0001-01-01"), ("", ""), ("#N/A", "#N/A")),
    *_bad(
        DATE,
        S,
        FORM,
        "2026-02-30",
        "31.01.2026",
        "2026-1-31",
        "2026-01-31T00:00:00Z",
        "20260131",
        "٢٠٢٦-01-31",
        " 2026-01-31",
    ),
    *_bad(DATE, S, "OUT_OF_RANGE", "0000-01-01"),
    # datetimes
    _case(
        DATETIME,
        _at("UTC"),
        (UTC, "2026-01-31T23:30:15.123Z"),
        (dt.datetime(1969, 12, 31, 23, 59, 59, 999_999, dt.UTC), "1969-12-31T23:59:59.999Z"),
        (dt.datetime(1, 1, 1, 0, 0, 0, 1, dt.UTC), "0001-01-01T00:00:00.000Z"),
        (dt.datetime(9999, 12, 31, 23, 59, 59, 999_999, dt.UTC), "9999-12-31T23:59:59.999Z"),
        (N, ""),
    ),
    _case(DATETIME, _at("UTC", "ns"), (dt.datetime(1960, 1, 1, 0, 0, 0, 1_999, dt.UTC), "1960-01-01T00:00:00.001Z")),
    _case(
        DATETIME,
        S,
        ("2026-01-31T08:00:00Z", "2026-01-31T08:00:00.000Z"),
        ("2026-01-31T08:00:00+01:00", "2026-01-31T07:00:00.000Z"),
        ("2026-01-31 08:00+0530", "2026-01-31T02:30:00.000Z"),
        ("2026-01-31T08:00:00.1239-05", "2026-01-31T13:00:00.123Z"),
        ("1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999Z"),
        ("2026-01-31T08:00:00,5z", "2026-01-31T08:00:00.500Z"),
        ("2026-01-31T00:00:00+14:00", "2026-01-30T10:00:00.000Z"),
        ("", ""),
        ("#N/A", "#N/A"),
        (N, ""),
    ),
    *_bad(
        DATETIME,
        S,
        FORM,
        "2026-01-31",
        "2026-01-31T08:00:00",
        "2026-01-31T25:00:00Z",
        "2026-02-30T08:00:00Z",
        "20260131T080000Z",
        "2016-12-31T23:59:60Z",
        "2026-01-31T08:00:00+99:99",
        "2026-01-31T08:00:00 Europe/Berlin",
        "1769846400",
    ),
    *_bad(
        DATETIME, S, "OUT_OF_RANGE", "0000-06-01T00:00:00Z", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"
    ),
    *_bad(DATETIME, pl.Date, "NO_ZONE", DAY),
    *_bad(DATETIME, _at(), "NO_ZONE", NAIVE),
    *_bad(TEXT, _at(), "NO_ZONE", NAIVE),
    # times
    _case(
        TIME,
        pl.Time,
        (CLOCK, "08:05:06.123Z"),
        (dt.time(23, 59, 59, 999_999), "23:59:59.999Z"),
        (dt.time(0), "00:00:00.000Z"),
        (N, ""),
    ),
    _case(
        TIME,
        S,
        ("08:05", "08:05:00.000Z"),
        ("08:05:06", "08:05:06.000Z"),
        ("08:05:06.1", "08:05:06.100Z"),
        ("08:05:06.1239", "08:05:06.123Z"),
        ("08:05:06.123Z", "08:05:06.123Z"),
        ("", ""),
        ("#N/A", "#N/A"),
    ),
    *_bad(TIME, S, FORM, "8:05", "24:00", "08:60", "08:05:60", "08:05:06+01:00", "08", "08:05 PM"),
    # ids
    _case(
        REF,
        S,
        ("001000000000001", "001000000000001"),
        ("001000000000001AAA", "001000000000001AAA"),
        ("", ""),
        ("#N/A", "#N/A"),
        (N, ""),
    ),
    _case(REF, pl.Categorical, ("001000000000001", "001000000000001"), (N, "")),
    *_bad(
        REF,
        S,
        FORM,
        "001",
        "0010000000000010",
        "00100000000000-",
        "001000000000001AA",
        " 001000000000001",
        "٠٠١٠٠٠٠٠٠٠٠٠٠٠١",
    ),
]


@pytest.mark.parametrize(("values", "field", "expected"), VALUES)
def test_a_value_is_sent_as_the_contract_says_or_is_a_problem_of_its_row(
    values: pl.Series, field: str, expected: list[str] | Bad, started_org: sfframe.Org
) -> None:
    assert sent(values, field, started_org) == expected


_EPOCH = pl.Series([0], dtype=pl.Int32)


@pytest.mark.parametrize("field", [DATE, DATETIME])
@pytest.mark.parametrize("days", [-719_529, 2_932_897])
def test_years_beyond_four_digits_are_out_of_range(days: int, field: str, started_org: sfframe.Org) -> None:
    dates = pl.Series([days], dtype=pl.Int32).cast(pl.Date)
    options = {"naive_datetimes": "UTC"} if field == DATETIME else {}
    assert sent(dates, field, started_org, **options) == Bad("OUT_OF_RANGE")
    moments = dates.cast(pl.Datetime("ms")).dt.replace_time_zone("UTC")
    assert sent(moments, field, started_org) == Bad("OUT_OF_RANGE")


# --- clocks -----------------------------------------------------------------------------------------------------------


def _naive(*texts: str) -> pl.Series:
    return pl.Series([dt.datetime.fromisoformat(text) for text in texts])


def test_datetimes_without_a_zone_are_read_in_the_zone_named(started_org: sfframe.Org) -> None:
    clocks = _naive("2026-01-31T08:00:00", "2026-07-31T08:00:00")
    assert sent(clocks, DATETIME, started_org, naive_datetimes="Europe/Berlin") == [
        "2026-01-31T07:00:00.000Z",
        "2026-07-31T06:00:00.000Z",
    ]


def test_a_date_in_a_datetime_field_begins_at_midnight_of_the_zone_named(started_org: sfframe.Org) -> None:
    days = pl.Series([DAY, dt.date(2026, 7, 1)])
    assert sent(days, DATETIME, started_org, naive_datetimes="America/New_York") == [
        "2026-01-31T05:00:00.000Z",
        "2026-07-01T04:00:00.000Z",
    ]


def test_a_date_field_takes_the_date_of_a_datetime_without_a_zone_as_it_stands(started_org: sfframe.Org) -> None:
    clocks = _naive("2026-01-31T23:59:00", "2026-01-31T00:00:00")
    assert sent(clocks, DATE, started_org, naive_datetimes="Pacific/Auckland") == ["2026-01-31"] * 2


@pytest.mark.parametrize("clock", ["2026-10-25T02:30:00", "2026-03-29T02:30:00"], ids=["twice", "not at all"])
def test_a_clock_time_that_the_zone_has_twice_or_not_at_all_is_a_problem(clock: str, started_org: sfframe.Org) -> None:
    clocks = _naive("2026-01-01T00:00:00", clock)
    assert sent(clocks, DATETIME, started_org, naive_datetimes="Europe/Berlin") == Bad("AMBIGUOUS_TIME")


def test_a_midnight_that_the_zone_has_not_is_a_problem(started_org: sfframe.Org) -> None:
    days = pl.Series([dt.date(2018, 11, 4)])  # clocks went from 00:00 to 01:00
    assert sent(days, DATETIME, started_org, naive_datetimes="America/Sao_Paulo") == Bad("AMBIGUOUS_TIME")


# --- columns of Python objects ----------------------------------------------------------------------------------------

PLUS_2, MINUS_5 = dt.timezone(dt.timedelta(hours=2)), dt.timezone(dt.timedelta(hours=-5))
LATE = dt.datetime(2026, 1, 31, 23, 30, tzinfo=MINUS_5)
EARLY = dt.datetime(2026, 1, 31, 0, 30, tzinfo=PLUS_2)
OLD = dt.datetime(1890, 1, 1, 12, tzinfo=ZoneInfo("Europe/Berlin"))  # its offset has seconds
TEXT_ID = "001000000000001"
OBJECTS: list[tuple[str, tuple[Any, ...], str, list[str] | Bad]] = [
    ("nulls of every kind", ("a", None, float("nan"), pd.NaT, pd.NA, np.nan, ""), TEXT, ["a", "", "", "", "", "", ""]),
    ("whole numbers with gaps", (1, None, 3), INT, ["1", "", "3"]),
    ("whole numbers with gaps", (1, float("nan"), 3), DOUBLE, ["1", "", "3"]),
    (
        "numbers of each type",
        (1, 0.5, Decimal("2.50"), np.int8(4), np.float32(0.1)),
        DOUBLE,
        ["1", "0.5", "2.50", "4", "0.1"],
    ),
    ("numbers of each type", (1, 2.0, Decimal("3.0")), INT, ["1", "2", "3"]),
    ("numbers of each type", (1, 2.5), INT, Bad("FRACTION")),
    ("numbers of each type", (1, 2.0, Decimal("3.0"), Decimal("1E+5")), TEXT, ["1", "2", "3.0", "100000"]),
    ("small and large", (1e-7, 1, 1e20), TEXT, ["0.0000001", "1", "1" + "0" * 20]),
    ("decimals of several scales", (Decimal("1.5"), Decimal("2.25")), DOUBLE, ["1.5", "2.25"]),
    ("decimal NaN", (Decimal("1.5"), Decimal("NaN")), DOUBLE, ["1.5", ""]),
    ("infinite decimal", (Decimal("1.5"), Decimal("Infinity")), DOUBLE, Bad("INFINITE")),
    ("infinite float and int", (1, float("inf")), DOUBLE, Bad("INFINITE")),
    ("infinite float and int", (1, float("inf")), TEXT, Bad("INFINITE")),
    ("beyond 64 bits", (2**70, 1), TEXT, [str(2**70), "1"]),
    ("beyond 64 bits", (2**70, 1), INT, Bad("OUT_OF_RANGE")),
    ("beyond 64 bits", (2**70, 1), DOUBLE, Bad("TOO_MANY_DIGITS")),
    ("booleans with gaps", (True, None, False), BOOL, ["true", "", "false"]),
    ("booleans and numbers", (True, 1), BOOL, Bad("MIXED_TYPES")),
    ("numbers and text", (1, "1"), TEXT, Bad("MIXED_TYPES")),
    ("dates and datetimes", (DAY, NAIVE), DATE, Bad("MIXED_TYPES")),
    ("aware and naive", (UTC, NAIVE), DATETIME, Bad("MIXED_TYPES")),
    ("text and bytes", ("a", b"a"), TEXT, Bad("MIXED_TYPES")),
    ("lists and text", (["a"], "a"), MULTI, Bad("MIXED_TYPES")),
    ("several offsets", (LATE, EARLY, None), DATETIME, ["2026-02-01T04:30:00.000Z", "2026-01-30T22:30:00.000Z", ""]),
    ("several offsets", (LATE, EARLY, None), DATE, ["2026-01-31", "2026-01-31", ""]),
    ("one offset", (LATE, None), DATE, ["2026-01-31", ""]),
    ("offsets with seconds", (OLD, EARLY), DATETIME, ["1890-01-01T11:06:32.000Z", "2026-01-30T22:30:00.000Z"]),
    ("offsets with seconds", (OLD, EARLY), DATE, ["1890-01-01", "2026-01-31"]),
    ("several zones", (BERLIN, UTC), DATETIME, ["2026-01-31T22:30:15.123Z", "2026-01-31T23:30:15.123Z"]),
    ("one zone", (BERLIN, BERLIN.replace(month=7)), DATETIME, ["2026-01-31T22:30:15.123Z", "2026-07-31T21:30:15.123Z"]),
    (
        "the clock that is there twice",
        (dt.datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1),),
        DATETIME,
        ["2026-10-25T01:30:00.000Z"],
    ),
    (
        "before 1970",
        (dt.datetime(1969, 12, 31, 23, 59, 59, 999_999, MINUS_5), UTC),
        DATETIME,
        ["1970-01-01T04:59:59.999Z", "2026-01-31T23:30:15.123Z"],
    ),
    ("nanoseconds", (pd.Timestamp("2026-01-31T08:00:00.123456789Z"),), DATETIME, ["2026-01-31T08:00:00.123Z"]),
    (
        "nanoseconds before 1970",
        (pd.Timestamp("1960-01-31T08:00:00.123999999Z"),),
        DATETIME,
        ["1960-01-31T08:00:00.123Z"],
    ),
    ("far dates", (dt.date(1, 1, 1), dt.date(9999, 12, 31)), DATE, ["0001-01-01", "9999-12-31"]),
    ("lists", (["a", "b"], ("c",), None, []), MULTI, ["a;b", "c", "", ""]),
    ("half a surrogate pair", ("a", "\ud800"), TEXT, Bad("LONE_SURROGATE")),
    ("half a surrogate pair in a list", (["a"], ["\ud800"]), MULTI, Bad("LONE_SURROGATE")),
    ("half a surrogate pair in an id", (TEXT_ID, "\udc80"), REF, Bad("LONE_SURROGATE")),
]


@pytest.mark.parametrize(
    ("values", "field", "expected"),
    [pytest.param(values, field, expected, id=f"{name}-{field}") for name, values, field, expected in OBJECTS],
)
def test_objects_are_what_their_python_types_say(
    values: tuple[Any, ...], field: str, expected: list[str] | Bad, started_org: sfframe.Org
) -> None:
    assert sent(_objects(*values)(), field, started_org) == expected


def test_text_that_is_no_unicode_is_found_in_text_dtypes_and_categories(started_org: sfframe.Org) -> None:
    broken = pd.Index(["a", "\ud800"], dtype=object)
    for texts in (pd.Series(broken, dtype="string[python]"), pd.Series(pd.Categorical(broken, categories=broken))):
        assert sent(texts, TEXT, started_org) == Bad("LONE_SURROGATE")


def test_integers_with_gaps_never_become_floats_as_text(started_org: sfframe.Org) -> None:
    for gaps in (pd.Series([1, None, 3]), pd.Series([1, None, 3], dtype="Int64")):
        assert sent(gaps, TEXT, started_org) == ["1", "", "3"]
        assert sent(gaps, INT, started_org) == ["1", "", "3"]


def test_categories_with_gaps_are_their_values(started_org: sfframe.Org) -> None:
    assert sent(pd.Series(["a", None], dtype="category"), TEXT, started_org) == ["a", ""]
    assert sent(pd.Series([1, None, 3], dtype="category"), INT, started_org) == ["1", "", "3"]
    assert sent(pd.Series([UTC, None], dtype="category"), DATETIME, started_org) == ["2026-01-31T23:30:15.123Z", ""]


def test_a_column_that_is_all_null_is_empty_in_every_row(started_org: sfframe.Org) -> None:
    for nothing in (pl.Series([None] * 3, dtype=pl.Null), pd.Series([None] * 3, dtype=object)):
        assert sent(nothing, TEXT, started_org) == ["", "", ""]
        assert sent(nothing, DATE, started_org, nulls="clear") == ["#N/A"] * 3


# --- without describe -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pl.Series(["1e5", "007", " "]), ["1e5", "007", " "]),
        (pl.Series([1.0, 1e20, float("nan")]), ["1", "1" + "0" * 20, ""]),
        (pl.Series([2**70], dtype=pl.Decimal(38, 0)), [str(2**70)]),
        (pl.Series([True, None]), ["true", ""]),
        (pl.Series([DAY]), ["2026-01-31"]),
        (pl.Series([UTC]), ["2026-01-31T23:30:15.123Z"]),
        (pl.Series([NAIVE]), NO_ZONE),
        (pl.Series([CLOCK]), ["08:05:06.123Z"]),
        (pl.Series([["a", "b"]]), ["a;b"]),
        (pl.Series([float("inf")]), Bad("INFINITE")),
        (pl.Series(["\0"]), Bad("NUL")),
        (pl.Series(["x" * 131_073]), Bad("TOO_LONG")),
        (pl.Series([b"x"]), NO_FORM),
    ],
)
def test_without_describe_the_dtype_alone_decides(values: pl.Series, expected: list[str] | Bad) -> None:
    assert sent(values, "Anything__c", None, describe=False) == expected


# --- nulls ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [pl.String, pl.Int64, pl.Float64, pl.Float32, pl.Boolean, pl.Date, pl.Time, pl.Null])
def test_a_null_clears_where_it_is_told_to(dtype: Any, started_org: sfframe.Org) -> None:
    values = pl.Series([None, None], dtype=dtype)
    field = {pl.Date: DATE, pl.Time: TIME}.get(dtype, TEXT)
    assert sent(values, field, started_org, nulls="clear") == ["#N/A", "#N/A"]
    assert sent(values, field, started_org, nulls={field: "clear"}) == ["#N/A", "#N/A"]
    assert sent(values, field, started_org, nulls={"Phone__c": "clear"}) == ["", ""]


def test_an_empty_text_and_an_empty_list_clear_as_a_null_does(started_org: sfframe.Org) -> None:
    assert sent(pl.Series(["", "a"]), TEXT, started_org, nulls="clear") == ["#N/A", "a"]
    assert sent(pl.Series([[], ["a"]], dtype=pl.List(pl.String)), MULTI, started_org, nulls="clear") == ["#N/A", "a"]


def test_nan_clears_as_a_null_does(started_org: sfframe.Org) -> None:
    for dtype in (pl.Float64, pl.Float32):
        nan = pl.Series([float("nan"), 1.0], dtype=dtype)
        assert sent(nan, DOUBLE, started_org, nulls="clear") == ["#N/A", "1"]
        assert sent(nan, DOUBLE, started_org, nulls={DOUBLE: "clear"}) == ["#N/A", "1"]
