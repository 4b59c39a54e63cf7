"""pandas arrays: each as a few Arrow columns and what JSON says of its dtype, and the very same array again.

Dtypes of other libraries can't be kept so: nobody but they could tell what is in them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from sfframe.frames.cells import add_gap, cells_of, made_of
from sfframe.frames.shelf import can_be_kept
from sfframe.frames.tagged import NoFormError, add_tag, of_json, tagged, value_of, zone_of, zone_parts

Said = dict[str, Any]
Odd = dict[int, str]
_NUMBERS = {np.dtype(name) for name in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8", "?")}


@dataclass(eq=False)
class Packed:
    """An array that can be kept.

    Attributes:
        said: What JSON says of it.
        types: The types of its Arrow columns.
        slices: Gives its rows `start` to `stop` as Arrow columns; it may note cells that have no Arrow form.
        small: Short arrays that belong to it, such as categories.
        odd: Those cells as JSON, by row.
    """

    said: Said
    types: list[pa.DataType]
    slices: Callable[[int, int, Odd], list[Any]]
    small: list[Small] = field(default_factory=list)
    odd: Odd = field(default_factory=dict)

    def arrays(self, start: int, stop: int) -> list[Any]:
        """Rows `start` to `stop` as Arrow columns."""
        odd: Odd = {}
        arrays = self.slices(start, stop, odd)
        self.odd.update({start + at: text for at, text in odd.items()})
        return arrays


@dataclass(frozen=True, eq=False)
class Small:
    """A packed array of its own length."""

    packed: Packed
    n: int


def pack(values: Any) -> Packed:
    """A Series, an Index that is no MultiIndex, or an extension array, packed.

    Raises:
        NoFormError: It can't be kept; the text says what can't.
    """
    dtype = values.dtype
    if isinstance(dtype, np.dtype):
        return _pack_numpy(np.asarray(values))
    packer = _PACKERS.get(type(dtype))
    if packer is None:
        raise NoFormError(f"{dtype} values")
    return packer(values if isinstance(values, pd.api.extensions.ExtensionArray) else values.array)


def unpack(said: Said, columns: Sequence[Any], small: list[Any]) -> Any:
    """The array again.

    Args:
        said: What JSON said of it.
        columns: Its Arrow columns.
        small: The short arrays that belong to it, as they were.
    """
    (form,) = said.keys() & _UNPACKERS.keys()
    return _UNPACKERS[form](said, columns, small)


# --- NumPy ------------------------------------------------------------------------------------------------------------


def _pack_numpy(values: Any) -> Packed:
    dtype = values.dtype
    if dtype.hasobject:
        return _pack_objects(values)
    said: Said = {"numpy": dtype.str}
    if dtype in _NUMBERS:
        return Packed(said, [pa.from_numpy_dtype(dtype)], lambda start, stop, odd: [pa.array(values[start:stop])])
    if dtype.kind in "mM":  # as numbers: Arrow would make nulls of NaT
        return Packed(said, [pa.int64()], lambda start, stop, odd: [pa.array(values[start:stop].view("i8"))])
    if dtype.kind not in "biufc":
        raise NoFormError(f"{dtype} values")
    size = dtype.itemsize

    def slices(start: int, stop: int, odd: Odd) -> list[Any]:
        piece = np.ascontiguousarray(values[start:stop])
        buffer = pa.py_buffer(piece.tobytes())
        return [pa.Array.from_buffers(pa.binary(size), len(piece), [None, buffer])]

    return Packed(said, [pa.binary(size)], slices)


def _unpack_numpy(said: Said, columns: Sequence[Any], small: list[Any]) -> Any:
    dtype, (column,) = np.dtype(said["numpy"]), columns
    if dtype.kind not in "biufcmM":
        raise TypeError(dtype.str)
    if column.type == pa.binary(dtype.itemsize):
        return np.frombuffer(b"".join(column.to_pylist()), dtype).copy()
    return _numbers(column, np.dtype("i8") if dtype.kind in "mM" else dtype).view(dtype)


def _numbers(column: Any, dtype: np.dtype[Any]) -> Any:
    values = np.asarray(column)
    if values.dtype != dtype:
        raise TypeError(f"{values.dtype} for {dtype}")
    return values if values.flags.writeable else values.copy()


def _pack_objects(values: Any) -> Packed:
    try:
        cells = cells_of(values.tolist())
    except NoFormError as error:
        raise NoFormError(f"Python objects of type {error}") from None

    def slices(start: int, stop: int, odd: Odd) -> list[Any]:
        return cells.arrays(values[start:stop].tolist(), odd)

    return Packed({"objects": cells.form, "gaps": list(cells.gaps)}, cells.types, slices)


def _unpack_objects(said: Said, columns: Sequence[Any], small: list[Any]) -> Any:
    values = made_of(said["objects"], said["gaps"]).values(columns, _odd(said))
    return np.fromiter(values, np.object_, len(values))


def _odd(said: Said) -> Odd:
    return {int(row): text for row, text in said.get("odd", {}).items()}


# --- pandas' own ------------------------------------------------------------------------------------------------------


def _pack_categorical(array: Any) -> Packed:
    codes = _pack_numpy(array.codes)
    said = {"categorical": codes.said, "ordered": bool(array.ordered)}
    categories = pack_index(array.categories)
    return Packed(said, codes.types, codes.slices, [Small(categories, len(array.categories))])


def _unpack_categorical(said: Said, columns: Sequence[Any], small: list[Any]) -> Any:
    codes = _unpack_numpy(said["categorical"], columns, [])
    return pd.Categorical.from_codes(codes, categories=small[0], ordered=said["ordered"])


def _pack_zoned(array: Any) -> Packed:
    try:
        zone = zone_parts(array.dtype.tz)
    except NoFormError as error:
        raise NoFormError(f"datetimes in a time zone of {error}") from None
    instants = _pack_numpy(array.asi8)
    return Packed({"zoned": array.dtype.unit, "zone": zone}, instants.types, instants.slices)


def _unpack_zoned(said: Said, columns: Sequence[Any], small: list[Any]) -> Any:
    instants = _unpack_numpy({"numpy": f"<M8[{said['zoned']}]"}, columns, [])
    return pd.DatetimeIndex(instants).tz_localize("UTC").tz_convert(zone_of(said["zone"])).array


def _pack_period(array: Any) -> Packed:
    name = str(array.dtype)
    if _period_dtype(name) != array.dtype:
        raise NoFormError(f"{name} values")
    ordinals = _pack_numpy(array.asi8)
    return Packed({"period": name}, ordinals.types, ordinals.slices)


def _unpack_period(said: Said, columns: Sequence[Any], small: list[Any]) -> Any:
    ordinals = _numbers(columns[0], np.dtype("i8"))
    return pd.arrays.PeriodArray(ordinals, dtype=_period_dtype(said["period"]))


def _period_dtype(name: str) -> Any:
    try:
        return pd.PeriodDtype.construct_from_string(name)
    except TypeError:  # of a frequency that has no name
        return None


def _pack_interval(array: Any) -> Packed:
    left, right = pack(array.left), pack(array.right)

    def slices(start: int, stop: int, odd: Odd) -> list[Any]:
        return [*left.slices(start, stop, odd), *right.slices(start, stop, odd)]

    said = {"interval": array.closed, "left": left.said, "right": right.said}
    return Packed(said, [*left.types, *right.types], slices)


def _unpack_interval(said: Said, columns: Sequence[Any], small: list[Any]) -> Any:
    left, right = (unpack(said[side], [column], []) for side, column in zip(("left", "right"), columns, strict=True))
    return pd.arrays.IntervalArray.from_arrays(left, right, closed=said["interval"])


def _pack_sparse(array: Any) -> Packed:
    subtype = array.dtype.subtype
    if subtype.hasobject:
        raise NoFormError(f"{array.dtype} values")
    dense = _pack_numpy(np.empty(0, subtype))

    def slices(start: int, stop: int, odd: Odd) -> list[Any]:
        return _pack_numpy(np.asarray(array[start:stop].to_dense())).slices(0, stop - start, odd)

    return Packed({"sparse": dense.said, "fill": tagged(array.dtype.fill_value)}, dense.types, slices)


def _unpack_sparse(said: Said, columns: Sequence[Any], small: list[Any]) -> Any:
    dense = _unpack_numpy(said["sparse"], columns, [])
    return pd.arrays.SparseArray(dense, dtype=pd.SparseDtype(dense.dtype, value_of(said["fill"])))


def _pack_masked(array: Any) -> Packed:
    kind = pa.from_numpy_dtype(array.dtype.numpy_dtype)

    def slices(start: int, stop: int, odd: Odd) -> list[Any]:
        return [pa.array(array[start:stop], type=kind)]

    return Packed({"masked": array.dtype.name}, [kind], slices)


def _unpack_masked(said: Said, columns: Sequence[Any], small: list[Any]) -> Any:
    return _MASKED[said["masked"]].__from_arrow__(columns[0])


def _string_dtype(storage: str, na: str) -> Any:
    dtypes: list[Callable[[], Any]] = [
        lambda: pd.StringDtype(storage),  # older versions know no other argument
        lambda: pd.StringDtype(storage, na_value=np.nan if na == "NaN" else pd.NA),
    ]
    for make in dtypes:
        try:
            dtype = make()
        except (TypeError, ValueError):
            continue
        if _na_name(dtype) == na:
            return dtype
    raise TypeError(storage)


def _na_name(dtype: Any) -> str:
    return "NA" if dtype.na_value is pd.NA else "NaN"


def _pack_string(array: Any) -> Packed:
    kind = pa.large_string()
    said = {"string": array.dtype.storage, "na": _na_name(array.dtype)}
    if array.dtype.storage != "python":
        whole = _chunked(pa.array(array))
        return Packed(said, [kind], lambda start, stop, odd: [whole.slice(start, stop - start).cast(kind)])

    def slices(start: int, stop: int, odd: Odd) -> list[Any]:
        return made_of("text", ["None"]).arrays(array[start:stop].tolist(), odd)

    return Packed(said, [kind], slices)


def _unpack_string(said: Said, columns: Sequence[Any], small: list[Any]) -> Any:
    array = _string_dtype(said["string"], said["na"]).__from_arrow__(columns[0])
    for row, text in _odd(said).items():
        array[row] = of_json(text)
    return array


def _pack_arrow(array: Any) -> Packed:
    kind = array.dtype.pyarrow_dtype
    if not can_be_kept(kind):
        raise NoFormError(f"{array.dtype} values")
    whole = _chunked(pa.array(array))
    return Packed({"arrow": True}, [kind], lambda start, stop, odd: [whole.slice(start, stop - start)])


def _unpack_arrow(said: Said, columns: Sequence[Any], small: list[Any]) -> Any:
    return pd.arrays.ArrowExtensionArray(_chunked(columns[0]))


def _chunked(array: Any) -> pa.ChunkedArray[Any]:
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])


_MASKED_CLASSES = (
    *(pd.Int8Dtype, pd.Int16Dtype, pd.Int32Dtype, pd.Int64Dtype),
    *(pd.UInt8Dtype, pd.UInt16Dtype, pd.UInt32Dtype, pd.UInt64Dtype),
    *(pd.Float32Dtype, pd.Float64Dtype, pd.BooleanDtype),
)
_MASKED: dict[str, Any] = {cls().name: cls() for cls in _MASKED_CLASSES}
_PACKERS: dict[type, Callable[[Any], Packed]] = {
    pd.CategoricalDtype: _pack_categorical,
    pd.DatetimeTZDtype: _pack_zoned,
    pd.PeriodDtype: _pack_period,
    pd.IntervalDtype: _pack_interval,
    pd.SparseDtype: _pack_sparse,
    pd.StringDtype: _pack_string,
    pd.ArrowDtype: _pack_arrow,
    **dict.fromkeys(_MASKED_CLASSES, _pack_masked),
}


# --- indexes ----------------------------------------------------------------------------------------------------------


def pack_index(index: Any) -> Packed:
    """An index of any kind, packed.

    Raises:
        NoFormError: It can't be kept; the text says what can't.
    """
    if isinstance(index, pd.MultiIndex):
        return _pack_multi(index)
    name = tagged(index.name)
    if isinstance(index, pd.RangeIndex):
        return Packed({"range": [index.start, index.stop, index.step], "name": name}, [], lambda start, stop, odd: [])
    packed = pack(index)
    said = {"index": packed.said, "name": name, "freq": _freq_name(index)}
    return Packed(said, packed.types, packed.slices, packed.small, packed.odd)


def _freq_name(index: Any) -> str | None:
    freq = getattr(index, "freq", None) if isinstance(index, pd.DatetimeIndex | pd.TimedeltaIndex) else None
    if freq is None:
        return None
    try:  # one that has no name, such as days off of a country, doesn't come back
        return freq.freqstr if pd.tseries.frequencies.to_offset(freq.freqstr) == freq else None
    except ValueError:
        return None


def _unpack_index(said: Said, columns: Sequence[Any], small: list[Any]) -> Any:
    odd = {"odd": said["odd"]} if "odd" in said else {}
    values = unpack({**said["index"], **odd}, columns, small)
    dtype = np.dtype(object) if values.dtype == object else None
    index: Any = pd.Index(values, dtype=dtype, name=value_of(said["name"]), tupleize_cols=False)
    if said["freq"] is not None:
        index.freq = pd.tseries.frequencies.to_offset(said["freq"])
    return index


def _unpack_range(said: Said, columns: Sequence[Any], small: list[Any]) -> Any:
    start, stop, step = said["range"]
    return pd.RangeIndex(start, stop, step, name=value_of(said["name"]))


def _pack_multi(index: pd.MultiIndex) -> Packed:
    codes = [_pack_numpy(np.asarray(codes)) for codes in index.codes]
    levels = [Small(pack_index(level), len(level)) for level in index.levels]

    def slices(start: int, stop: int, odd: Odd) -> list[Any]:
        return [array for one in codes for array in one.slices(start, stop, odd)]

    said: Said = {"multi": [one.said for one in codes], "names": tagged(list(index.names))}
    return Packed(said, [kind for one in codes for kind in one.types], slices, levels)


def _unpack_multi(said: Said, columns: Sequence[Any], small: list[Any]) -> Any:
    codes = [_unpack_numpy(one, [column], []) for one, column in zip(said["multi"], columns, strict=True)]
    return pd.MultiIndex(levels=small, codes=codes, names=value_of(said["names"]))


_UNPACKERS: dict[str, Callable[[Said, Sequence[Any], list[Any]], Any]] = {
    "numpy": _unpack_numpy,
    "objects": _unpack_objects,
    "categorical": _unpack_categorical,
    "zoned": _unpack_zoned,
    "period": _unpack_period,
    "interval": _unpack_interval,
    "sparse": _unpack_sparse,
    "masked": _unpack_masked,
    "string": _unpack_string,
    "arrow": _unpack_arrow,
    "index": _unpack_index,
    "range": _unpack_range,
    "multi": _unpack_multi,
}


# --- single values ----------------------------------------------------------------------------------------------------


def _timestamp_parts(value: pd.Timestamp) -> Any:
    zone = zone_parts(value.tzinfo)
    return [int(value.asm8.view("i8")), value.unit, zone]


def _timestamp(parts: Any) -> Any:
    number, unit, zone = parts
    value = pd.Timestamp(np.datetime64(number, unit))
    return value if zone is None else value.tz_localize("UTC").tz_convert(zone_of(zone))


add_gap("NA", pd.NA)
add_gap("NaT", pd.NaT)
add_tag(type(pd.NA), "NA", lambda v: 0, lambda parts: pd.NA)
add_tag(type(pd.NaT), "NaT", lambda v: 0, lambda parts: pd.NaT)
add_tag(pd.Timestamp, "Timestamp", _timestamp_parts, _timestamp)
add_tag(
    pd.Timedelta,
    "Timedelta",
    lambda v: [int(v.asm8.view("i8")), v.unit],
    lambda parts: pd.Timedelta(np.timedelta64(*parts)),
)
add_tag(
    pd.Period,
    "Period",
    lambda v: [v.ordinal, v.freqstr],
    lambda parts: pd.Period(ordinal=parts[0], freq=parts[1]),
)
add_tag(
    pd.Interval,
    "Interval",
    lambda v: [tagged(v.left), tagged(v.right), v.closed],
    lambda parts: pd.Interval(value_of(parts[0]), value_of(parts[1]), parts[2]),
)
