"""Tagged: Python values as JSON and back, told by their exact types; no way to run code, which a pickle would be.

Text, numbers of Python's own types, booleans, `None` and lists are themselves; every other value is an object of one
key, the tag of its type. Front ends add tags for the values of their libraries.
"""

from __future__ import annotations

import datetime as dt
import decimal
import importlib
import json
import uuid
import zoneinfo
from collections.abc import Callable
from typing import Any

import numpy as np

# Plain values of NumPy, by the kinds of their dtypes: neither references nor anything that has code.
_NUMPY_KINDS = "?biufcmMUS"


_encode = json.JSONEncoder(separators=(",", ":")).encode  # made once: `dumps` makes one each time


class NoFormError(Exception):
    """A value of this type has no tagged form; the text is the type's name."""


def to_json(value: Any) -> str:
    """A value as JSON, in ASCII.

    Raises:
        NoFormError: It, or something in it, has no such form.
    """
    try:
        return _encode(tagged(value))
    except (RecursionError, ValueError):  # a list within itself; an integer of too many digits
        raise NoFormError(type(value).__name__) from None


def of_json(text: str) -> Any:
    """The value of its JSON.

    Raises:
        ValueError: It is none that `to_json` gives.
    """
    try:
        return value_of(json.loads(text))
    except RecursionError:
        raise ValueError("no value that sfframe wrote (too deep)") from None


def tagged(value: Any) -> Any:
    """A value as what JSON has.

    Raises:
        NoFormError: It, or something in it, has no such form.
    """
    cls = type(value)
    if cls in _AS_THEY_ARE:
        return value
    if cls is list:
        return [tagged(one) for one in value]
    if cls not in _TAGS:
        if not isinstance(value, np.generic) or value.dtype.kind not in _NUMPY_KINDS:
            raise NoFormError(cls.__name__)
        return {"numpy": _numpy_parts(np.asarray(value))}
    tag, parts = _TAGS[cls]
    return {tag: parts(value)}


def value_of(thing: Any) -> Any:
    """The value of what `tagged` made.

    Raises:
        ValueError: It is nothing that `tagged` makes.
    """
    if isinstance(thing, list):
        return [value_of(one) for one in thing]
    if not isinstance(thing, dict):
        return thing
    try:
        ((tag, parts),) = thing.items()
        return _MAKERS[tag](parts)
    except (TypeError, KeyError, AttributeError, OSError, ArithmeticError, ImportError) as error:
        raise ValueError(f"no value that sfframe wrote ({type(error).__name__})") from None


def add_tag(cls: type, tag: str, parts: Callable[[Any], Any], make: Callable[[Any], Any]) -> None:
    """Add a type: its tag, what JSON has of a value, and the value again."""
    _TAGS[cls] = (tag, parts)
    _MAKERS[tag] = make


def has_tag(cls: type) -> bool:
    """Whether each value of exactly this type has a form, whatever is in it."""
    return cls in _AS_THEY_ARE - {int} or cls in _WHATEVER_IS_IN_THEM


_AS_THEY_ARE = {str, bool, int, float, type(None)}
_WHATEVER_IS_IN_THEM = {dt.date, dt.timedelta, decimal.Decimal, uuid.UUID, bytes, bytearray}
_TAGS: dict[type, tuple[str, Callable[[Any], Any]]] = {}
_MAKERS: dict[str, Callable[[Any], Any]] = {}


# --- zones ------------------------------------------------------------------------------------------------------------


def zone_parts(zone: dt.tzinfo | None) -> Any:
    """A time zone as what JSON has.

    Raises:
        NoFormError: It is of no library that is known, or no named one.
    """
    if zone is None or zone is dt.UTC:
        return None if zone is None else "utc"
    cls = type(zone)
    if cls is dt.timezone:
        offset = zone.utcoffset(None)
        assert offset is not None
        return ["offset", offset.days, offset.seconds, offset.microseconds]
    if isinstance(zone, zoneinfo.ZoneInfo) and zone.key:
        return ["zoneinfo", zone.key]
    if cls.__module__.partition(".")[0] == "pytz" and isinstance(getattr(zone, "zone", None), str):
        return ["pytz", zone.zone]  # type: ignore[attr-defined]  # just seen
    raise NoFormError(f"{cls.__module__}.{cls.__name__}")


def zone_of(parts: Any) -> dt.tzinfo | None:
    """The time zone of its parts."""
    if parts is None or parts == "utc":
        return None if parts is None else dt.UTC
    kind, *rest = parts
    if kind == "offset":
        return dt.timezone(dt.timedelta(*map(int, rest)))
    (name,) = rest
    if kind == "zoneinfo":
        return zoneinfo.ZoneInfo(name)
    if kind != "pytz":
        raise KeyError(kind)
    zone: dt.tzinfo = importlib.import_module("pytz").timezone(name)
    return zone


def _datetime_parts(value: dt.datetime) -> Any:
    zone = zone_parts(value.tzinfo)
    if zone is not None and zone[0] == "pytz":
        # Its zones are others by the offset, and found by the instant.
        return [value.astimezone(dt.UTC).replace(tzinfo=None).isoformat(), 0, zone]
    return [value.replace(tzinfo=None, fold=0).isoformat(), value.fold, zone]


def _datetime(parts: Any) -> dt.datetime:
    text, fold, zone_of_it = parts
    value, zone = dt.datetime.fromisoformat(text), zone_of(zone_of_it)
    if zone is not None and zone_of_it[0] == "pytz":
        return zone.fromutc(value)
    return value.replace(tzinfo=zone, fold=fold)


def _time(parts: Any) -> dt.time:
    text, fold, zone = parts
    return dt.time.fromisoformat(text).replace(tzinfo=zone_of(zone), fold=fold)


# --- NumPy ------------------------------------------------------------------------------------------------------------


def _numpy_parts(array: Any) -> Any:
    return [array.dtype.str, list(array.shape), array.tobytes().hex()]


def _array_parts(array: Any) -> Any:
    if array.dtype == object:
        return ["O", list(array.shape), [tagged(value) for value in array.ravel().tolist()]]
    if array.dtype.kind not in _NUMPY_KINDS:
        raise NoFormError(f"array of {array.dtype}")
    return _numpy_parts(array)


def _array(parts: Any) -> Any:
    dtype, shape, content = parts
    if dtype == "O":
        return np.fromiter(map(value_of, content), np.object_, len(content)).reshape(shape)
    found = np.dtype(dtype)
    if found.kind not in _NUMPY_KINDS:
        raise KeyError(dtype)
    return np.frombuffer(bytes.fromhex(content), found).reshape(shape).copy()


add_tag(tuple, "tuple", lambda v: [tagged(one) for one in v], lambda parts: tuple(map(value_of, parts)))
add_tag(
    dict,
    "dict",
    lambda v: [[tagged(key), tagged(one)] for key, one in v.items()],
    lambda parts: {value_of(key): value_of(one) for key, one in parts},
)
add_tag(set, "set", lambda v: [tagged(one) for one in v], lambda parts: set(map(value_of, parts)))
add_tag(frozenset, "frozenset", lambda v: [tagged(one) for one in v], lambda parts: frozenset(map(value_of, parts)))
add_tag(decimal.Decimal, "decimal", str, decimal.Decimal)
add_tag(dt.date, "date", dt.date.isoformat, dt.date.fromisoformat)
add_tag(
    dt.time,
    "time",
    lambda v: [v.replace(tzinfo=None, fold=0).isoformat(), v.fold, zone_parts(v.tzinfo)],
    _time,
)
add_tag(dt.datetime, "datetime", _datetime_parts, _datetime)
add_tag(
    dt.timedelta,
    "timedelta",
    lambda v: [v.days, v.seconds, v.microseconds],
    lambda parts: dt.timedelta(*map(int, parts)),
)
add_tag(bytes, "bytes", bytes.hex, bytes.fromhex)
add_tag(bytearray, "bytearray", bytearray.hex, bytearray.fromhex)
add_tag(uuid.UUID, "uuid", str, uuid.UUID)
add_tag(complex, "complex", lambda v: [v.real, v.imag], lambda parts: complex(*parts))
add_tag(np.ndarray, "array", _array_parts, _array)
_MAKERS["numpy"] = lambda parts: _array(parts)[()]
