"""Frames of Polars and of Arrow, with every type that columns of theirs have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl
import pyarrow as pa

from sfframe.testing.forms import (
    ZONES,
    Form,
    Values,
    all_whole,
    as_text,
    before_nanoseconds_end,
    by,
    decimals,
    fit,
    fit_float,
    floats,
    in_offset,
    lists,
    midnights,
    naive,
    scale_of,
    texts,
)  # fmt: skip


def _ints(values: Values) -> list[Any]:
    return [None if value is None else int(value) for value in values]


# --- Polars -----------------------------------------------------------------------------------------------------------


def _series(dtype: Any) -> Callable[[Values], pl.Series]:
    return lambda values: pl.Series(values=list(values), dtype=dtype)


def _enum(values: Values) -> pl.Series:
    return _series(pl.Enum(list(dict.fromkeys(value for value in values if value is not None))))(values)


def _zoned(unit: Any, zone: str) -> Callable[[Values], pl.Series]:
    return lambda values: (
        pl.Series(values=naive(values), dtype=pl.Datetime(unit)).dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
    )


_TEXT = (Form(_series(pl.String)), Form(_series(pl.Categorical)), Form(_enum))
_AS_TEXT = (Form(by(texts, _series(pl.String))),)


class Polars:
    """DataFrames of Polars."""

    indexes = ("none",)
    forms: Mapping[str, tuple[Form, ...]] = {
        "text": _TEXT,
        "whole": (
            Form(_series(pl.Int64)),
            Form(_series(pl.Int32), fit(-(2**31), 2**31 - 1)),
            Form(_series(pl.Int8), fit(-128, 127)),
            Form(_series(pl.UInt64), fit(0, 2**64 - 1)),
            Form(by(floats, _series(pl.Float64)), fit_float),
            Form(by(decimals, _series(pl.Decimal(38, 0)))),
            *_AS_TEXT,
        ),
        "number": (
            Form(by(floats, _series(pl.Float64))),
            Form(lambda values: _series(pl.Decimal(38, scale_of(values)))(values)),
            Form(by(_ints, _series(pl.Int64)), all_whole),
            *_AS_TEXT,
        ),
        "boolean": (Form(_series(pl.Boolean)), *_AS_TEXT),
        "date": (
            Form(_series(pl.Date)),
            Form(by(midnights, _series(pl.Datetime("us")))),
            Form(by(midnights, _series(pl.Datetime("ns"))), before_nanoseconds_end),
            *_AS_TEXT,
        ),
        "datetime": (
            *(Form(_zoned(unit, zone)) for unit, zone in zip(("us", "ns", "ms", "us"), ZONES, strict=True)),
            Form(by(in_offset, _series(pl.String))),
            *_AS_TEXT,
        ),
        "time": (Form(_series(pl.Time)), *_AS_TEXT),
        "multi": (Form(by(lists, _series(pl.List(pl.String)))), *_AS_TEXT),
        "float": (Form(by(floats, _series(pl.Float64))),),
        "naive": (Form(by(naive, _series(pl.Datetime("us")))),),
        "list": (Form(by(lists, _series(pl.List(pl.String)))),),
        "bytes": (Form(lambda values: _series(pl.Binary)([as_text(value).encode() for value in values])),),
    }

    def frame(self, columns: Mapping[str, Any], n_rows: int, index: str) -> pl.DataFrame:
        return pl.DataFrame(dict(columns))


# --- Arrow ------------------------------------------------------------------------------------------------------------


def _array(kind: pa.DataType) -> Callable[[Values], pa.Array[Any]]:
    return lambda values: pa.array(list(values), type=kind)


def _moments(unit: Any, zone: str) -> Callable[[Values], pa.Array[Any]]:
    return _array(pa.timestamp(unit, zone))


_ARROW_TEXT = (Form(_array(pa.string())), Form(_array(pa.large_string())), Form(_array(pa.string_view())),
               Form(lambda values: pa.array(list(values), type=pa.string()).dictionary_encode()))  # fmt: skip
_ARROW_AS_TEXT = (Form(by(texts, _array(pa.string()))),)


class Arrow:
    """Arrow's tables."""

    indexes = ("none",)
    forms: Mapping[str, tuple[Form, ...]] = {
        "text": _ARROW_TEXT,
        "whole": (
            Form(_array(pa.int64())),
            Form(_array(pa.int32()), fit(-(2**31), 2**31 - 1)),
            Form(_array(pa.uint8()), fit(0, 255)),
            Form(by(floats, _array(pa.float64())), fit_float),
            Form(by(decimals, _array(pa.decimal128(38, 0)))),
            *_ARROW_AS_TEXT,
        ),
        "number": (
            Form(by(floats, _array(pa.float64()))),
            Form(lambda values: _array(pa.decimal128(38, scale_of(values)))(values)),
            Form(by(_ints, _array(pa.int64())), all_whole),
            *_ARROW_AS_TEXT,
        ),
        "boolean": (Form(_array(pa.bool_())), *_ARROW_AS_TEXT),
        "date": (
            Form(_array(pa.date32())),
            Form(_array(pa.date64())),
            Form(by(midnights, _array(pa.timestamp("s")))),
            *_ARROW_AS_TEXT,
        ),
        "datetime": (
            *(Form(_moments(unit, zone)) for unit, zone in zip(("us", "s", "ms", "us"), ZONES, strict=True)),
            Form(_moments("us", "+05:30")),
            *_ARROW_AS_TEXT,
        ),
        "time": (Form(_array(pa.time64("us"))), Form(_array(pa.time32("ms"))), *_ARROW_AS_TEXT),
        "multi": (
            Form(by(lists, _array(pa.list_(pa.string())))),
            Form(by(lists, _array(pa.large_list(pa.string())))),
            *_ARROW_AS_TEXT,
        ),
        "float": (Form(by(floats, _array(pa.float64()))),),
        "naive": (Form(by(naive, _array(pa.timestamp("us")))),),
        "list": (Form(by(lists, _array(pa.list_(pa.string())))),),
        "bytes": (Form(lambda values: _array(pa.binary())([as_text(value).encode() for value in values])),),
    }

    def frame(self, columns: Mapping[str, Any], n_rows: int, index: str) -> pa.Table:
        return pa.table(dict(columns))
