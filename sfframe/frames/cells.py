"""Cells: columns of Python objects as Arrow columns that a file can hold, and the very same objects again.

A column whose values are all of one usual type is a column of that type; every other is JSON, see `frames.tagged`.
Each form of a gap comes back as it was.
"""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa

from sfframe.frames.tagged import has_tag, of_json, to_json

_INT64 = range(-(2**63), 2**63)
_NAN = float("nan")

# Forms of a gap, by the one of each that there is; NaN is a float among others.
_GAPS: dict[str, Any] = {"None": None, "NaN": _NAN}
_GAP_OF_TYPE: dict[type, str] = {type(None): "None"}


def add_gap(name: str, gap: Any) -> None:
    """Add a form of a gap: an object that is the only one of its type."""
    _GAPS[name] = gap
    _GAP_OF_TYPE[type(gap)] = name


@dataclass(frozen=True)
class Cells:
    """How a column of objects is kept.

    Attributes:
        form: One of `_FORMS`.
        gaps: The forms of gaps in it. With several of them a second column says which one is where.
    """

    form: str
    gaps: tuple[str, ...]

    @property
    def types(self) -> list[pa.DataType]:
        """The types of the Arrow columns."""
        return [_FORMS[self.form].arrow_type, *([pa.int8()] if len(self.gaps) > 1 else [])]

    def arrays(self, values: list[Any], odd: dict[int, str]) -> list[Any]:
        """Some of the values as Arrow arrays.

        Args:
            values: The values.
            odd: Takes the JSON of those that have no Arrow form, by their places: text that is no Unicode.
        """
        gaps = _gaps_in(values) if len(self.gaps) > 1 or self.form == "json" else None
        if gaps is not None:
            values = [None if gap else value for value, gap in zip(values, gaps, strict=True)]
        form = _FORMS[self.form]
        try:
            array = form.pack(values)
        except UnicodeEncodeError:
            odd.update({at: to_json(value) for at, value in enumerate(values) if not _is_unicode(value)})
            array = form.pack([None if at in odd else value for at, value in enumerate(values)])
        if len(self.gaps) <= 1:
            return [array]
        codes = {gap: code for code, gap in enumerate(self.gaps, start=1)}
        return [array, pa.array([codes[gap] if gap else 0 for gap in gaps or ()], type=pa.int8())]

    def values(self, columns: Sequence[Any], odd: dict[int, str]) -> list[Any]:
        """The objects again."""
        values: list[Any] = _FORMS[self.form].unpack(columns[0])
        if len(self.gaps) > 1:
            gaps = [None, *(_GAPS[gap] for gap in self.gaps)]
            values = [gaps[c] if c else v for v, c in zip(values, columns[1].to_pylist(), strict=True)]
        elif self.gaps and self.gaps != ("None",):
            gap = _GAPS[self.gaps[0]]
            values = [gap if value is None else value for value in values]
        for at, text in odd.items():
            values[at] = of_json(text)
        return values


def cells_of(values: list[Any]) -> Cells:
    """How a column of these values is kept.

    Raises:
        NoFormError: It can't be: a value is of a type that can't be told from JSON.
    """
    types = set(map(type, values))
    gaps = {_GAP_OF_TYPE[cls] for cls in types if cls in _GAP_OF_TYPE}
    present = types - _GAP_OF_TYPE.keys()
    if float in types:
        n_nan = sum(value != value for value in values if type(value) is float)
        if n_nan:
            gaps.add("NaN")
        if n_nan == sum(type(value) is float for value in values):
            present -= {float}
    return Cells(_form_of(present, values), tuple(sorted(gaps)))


def _form_of(present: set[type], values: list[Any]) -> str:
    if not present:
        return "nothing"
    form = _FORM_OF.get(next(iter(present))) if len(present) == 1 else None
    if form is not None and _FORMS[form].holds(values):
        return form
    if not all(map(has_tag, present)):
        for value in values:
            to_json(value)
    return "json"


def _gaps_in(values: list[Any]) -> list[str | None]:
    return ["NaN" if type(v) is float and v != v else _GAP_OF_TYPE.get(type(v)) for v in values]


def _is_unicode(value: Any) -> bool:
    try:
        inner = chain(value, value.values()) if isinstance(value, dict) else value
        for text in inner if isinstance(value, list | dict) else [value]:
            _ = isinstance(text, str) and text.encode()
    except UnicodeEncodeError:
        return False
    return True


# --- forms ------------------------------------------------------------------------------------------------------------


def _always(values: list[Any]) -> bool:
    return True


@dataclass(frozen=True)
class _Form:
    """One way to keep values; gaps are null.

    Attributes:
        arrow_type: The column's type.
        pack: Values, and gaps in any form, as an array.
        unpack: The values again, `None` where there is a gap.
        holds: Whether it holds all values, which are of its Python type.
    """

    arrow_type: pa.DataType
    pack: Callable[[list[Any]], Any]
    unpack: Callable[[Any], list[Any]]
    holds: Callable[[list[Any]], bool] = _always


def _typed(
    arrow_type: pa.DataType,
    holds: Callable[[list[Any]], bool] = _always,
    unpack: Callable[[Any], list[Any]] = lambda array: array.to_pylist(),
) -> _Form:
    def pack(values: list[Any]) -> Any:
        return pa.array(values, type=arrow_type, from_pandas=True)

    return _Form(arrow_type, pack, unpack, holds)


def _in_text(to_text: Callable[[Any], str], of_text: Callable[[str], Any], cls: type = object) -> _Form:
    def pack(values: list[Any]) -> Any:
        texts = [to_text(v) if v is not None and isinstance(v, cls) else None for v in values]
        return pa.array(texts, type=pa.large_string())

    def unpack(array: Any) -> list[Any]:
        return [None if text is None else of_text(text) for text in array.to_pylist()]

    return _Form(pa.large_string(), pack, unpack)


def _are_int64(values: list[Any]) -> bool:
    return all(value in _INT64 for value in values if type(value) is int)


def _are_lists_of_text(values: list[Any]) -> bool:
    inner = chain.from_iterable(value for value in values if type(value) is list)
    return set(map(type, inner)) <= {str, type(None)}


def _maps(values: list[Any]) -> Any:
    pairs = [list(v.items()) if type(v) is dict else None for v in values]
    return pa.array(pairs, type=_MAP)


def _dicts(array: Any) -> list[Any]:
    return [None if pairs is None else dict(pairs) for pairs in array.to_pylist()]


def _are_maps_of_text(values: list[Any]) -> bool:
    dicts = [value for value in values if type(value) is dict]
    keys, inner = chain.from_iterable(dicts), chain.from_iterable(one.values() for one in dicts)
    return set(map(type, keys)) <= {str} and set(map(type, inner)) <= {str, type(None)}


def _moments(values: list[Any]) -> Any:
    # By the exact type: NaT is a datetime too.
    return pa.array([v if type(v) is dt.datetime else None for v in values], type=pa.timestamp("us"))


def _are_naive(values: list[Any]) -> bool:
    return all(v.tzinfo is None and not v.fold for v in values if type(v) is dt.datetime)


_MAP = pa.map_(pa.large_string(), pa.large_string())
_FORMS: dict[str, _Form] = {
    "nothing": _Form(pa.null(), lambda values: pa.nulls(len(values)), lambda array: array.to_pylist()),
    "text": _typed(pa.large_string(), unpack=lambda array: np.asarray(array).tolist()),  # faster than by themselves
    "boolean": _typed(pa.bool_()),
    "int": _typed(pa.int64(), _are_int64),
    "float": _typed(pa.float64()),
    "date": _typed(pa.date32()),
    "bytes": _typed(pa.large_binary()),
    "lists": _typed(pa.large_list(pa.large_string()), _are_lists_of_text),
    "maps": _Form(_MAP, _maps, _dicts, _are_maps_of_text),
    "moments": _Form(pa.timestamp("us"), _moments, lambda array: array.to_pylist(), _are_naive),
    "decimal": _in_text(str, decimal.Decimal, decimal.Decimal),
    "json": _in_text(to_json, of_json),
}
_FORM_OF: dict[type, str] = {
    str: "text",
    bool: "boolean",
    int: "int",
    float: "float",
    dt.date: "date",
    bytes: "bytes",
    list: "lists",
    dict: "maps",
    dt.datetime: "moments",
    decimal.Decimal: "decimal",
}


def made_of(form: str, gaps: Sequence[str]) -> Cells:
    """What `cells_of` gave once.

    Raises:
        KeyError: There is no such form, or form of a gap.
    """
    for known, names in ((_FORMS, [form]), (_GAPS, gaps)):
        for name in names:
            _ = known[name]
    return Cells(form, tuple(gaps))
