"""Frames of pandas, with every dtype and every form of a gap that columns of theirs have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from sfframe.testing.forms import (
    ZONES,
    Form,
    Values,
    all_whole,
    as_text,
    before_nanoseconds_end,
    both,
    by,
    decimals,
    fit,
    fit_float,
    floats,
    has_no_gaps,
    in_offset,
    in_zones,
    lists,
    midnights,
    naive,
    scale_of,
    texts,
)  # fmt: skip


def _series(dtype: Any) -> Callable[[Values], pd.Series[Any]]:
    return lambda values: pd.Series(list(values), dtype=dtype)


def _objects(gap: Any = None) -> Callable[[Values], pd.Series[Any]]:
    return lambda values: pd.Series([gap if value is None else value for value in values], dtype=object)


def _arrow(kind: pa.DataType) -> Callable[[Values], pd.Series[Any]]:
    return _series(pd.ArrowDtype(kind))


def _zoned(unit: str, zone: str) -> Callable[[Values], pd.Series[Any]]:
    return lambda values: pd.Series(
        pd.DatetimeIndex(naive(values), dtype=f"datetime64[{unit}]").tz_localize("UTC").tz_convert(zone)
    )


_TEXT = (
    Form(_objects()),
    Form(_objects(np.nan)),
    Form(_objects(pd.NA)),
    Form(lambda values: pd.Series(list(values), dtype="str")),
    Form(_series("string")),
    Form(_series("category")),
    Form(_arrow(pa.string())),
    Form(_arrow(pa.large_string())),
)
_AS_TEXT = tuple(Form(by(texts, form.make)) for form in _TEXT)
_FLOATS = (Form(by(floats, _series("float64"))), Form(by(floats, _objects())), Form(by(floats, _series("Float64"))))


class Pandas:
    """pandas' frames; the rows have labels of several kinds, which sfframe keeps and never sends."""

    indexes = ("numbers", "backwards", "labels", "all the same")
    forms: Mapping[str, tuple[Form, ...]] = {
        "text": _TEXT,
        "whole": (
            Form(_objects()),
            Form(_series("int64"), has_no_gaps),
            Form(by(floats, _series("float64")), fit_float),
            Form(_series("Int64")),
            Form(_series("Int32"), fit(-(2**31), 2**31 - 1)),
            Form(_series("int16"), both(has_no_gaps, fit(-(2**15), 2**15 - 1))),
            Form(_series("UInt32"), fit(0, 2**32 - 1)),
            Form(_arrow(pa.int64())),
            Form(by(decimals, _objects())),
            *_AS_TEXT,
        ),
        "number": (
            *_FLOATS,
            Form(by(decimals, _objects())),
            Form(lambda values: _objects()([int(v) if v is not None and v == int(v) else v for v in values])),
            Form(_arrow(pa.float64())),
            Form(lambda values: _arrow(pa.decimal128(38, scale_of(values)))(values)),
            Form(_series("Int64"), all_whole),
            *_AS_TEXT,
        ),
        "boolean": (
            Form(_objects()),
            Form(_series("bool"), has_no_gaps),
            Form(_series("boolean")),
            Form(_arrow(pa.bool_())),
            *_AS_TEXT,
        ),
        "date": (
            Form(_objects()),
            Form(by(midnights, _series("datetime64[s]"))),
            Form(by(midnights, _series("datetime64[us]"))),
            Form(by(midnights, _series("datetime64[ns]")), before_nanoseconds_end),
            Form(_arrow(pa.date32())),
            *_AS_TEXT,
        ),
        "datetime": (
            *(Form(_zoned(unit, zone)) for unit, zone in zip(("us", "ns", "s", "ms"), ZONES, strict=True)),
            Form(_objects()),
            Form(by(in_zones, _objects())),
            Form(by(in_offset, _objects())),
            Form(_arrow(pa.timestamp("us", "Europe/Berlin"))),
            *_AS_TEXT,
        ),
        "time": (Form(_objects()), Form(_arrow(pa.time64("us"))), *_AS_TEXT),
        "multi": (Form(by(lists, _objects())), Form(by(lists, _arrow(pa.list_(pa.string())))), *_AS_TEXT),
        "float": _FLOATS[:2],
        "naive": (Form(by(naive, _series("datetime64[us]"))), Form(by(naive, _objects()))),
        "list": (Form(by(lists, _objects())),),
        "bytes": (Form(lambda values: _objects()([as_text(value).encode() for value in values])),),
    }

    def frame(self, columns: Mapping[str, Any], n_rows: int, index: str) -> pd.DataFrame:
        frame = pd.DataFrame(dict(columns), index=pd.RangeIndex(n_rows))
        labels: dict[str, Any] = {
            "numbers": frame.index,
            "backwards": pd.Index(range(n_rows, 0, -1), name="nr"),
            "labels": pd.Index([f"row {place}" for place in range(n_rows)], dtype=object),
            "all the same": pd.Index([7] * n_rows),
        }
        return frame.set_axis(labels[index], axis=0)
