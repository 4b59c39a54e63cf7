"""All that could be shown of a value or an error, by whatever prints, logs, pickles or debugs it."""

from __future__ import annotations

import base64
import pickle
import traceback
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import CellType, FunctionType, MethodType, TracebackType
from typing import Any
from urllib.parse import quote, quote_plus

from sfframe.org.secret import Secret

_TESTS = str(Path(__file__).parents[1])


def found_in(text: str | bytes, secrets: Mapping[str, str]) -> list[str]:
    """The names of the secrets that a text holds, as they are or encoded."""
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return [name for name, secret in secrets.items() if any(form in data for form in _forms(secret))]


def _forms(secret: str) -> set[bytes]:
    plain = secret.encode()
    # Whatever stands before it, some of the three ways to begin is in the text.
    encoded = {base64.b64encode(b"x" * shift + plain)[4 * (shift > 0) : -4].rstrip(b"=") for shift in range(3)}
    return {plain, quote(secret, safe="").encode(), quote_plus(secret).encode(), secret.encode("utf-16-le"), *encoded}


def of_error(error: BaseException) -> str:
    """Texts, reprs, attributes, notes and pickles of an error and all it came from, and of each frame's variables."""
    return "\n".join(_lines_of(error))


def _lines_of(error: BaseException) -> Iterator[str]:
    told = traceback.TracebackException.from_exception(error, capture_locals=True, compact=False)
    own = [frame for frame in told.stack if not frame.filename.startswith(_TESTS)]
    yield from traceback.StackSummary.from_list(own).format()
    for one in chain(error):
        yield from (repr(one), str(one), repr(one.args), repr(getattr(one, "__dict__", {})))
        yield from getattr(one, "__notes__", ())
        for frame in frames(one.__traceback__):
            for name, value in frame.items():
                yield f"{name}={shown_by_rich(value)}"
        with suppress(Exception):  # not everything does that others raise
            yield pickle.dumps(one, 0).decode("latin-1")


def chain(error: BaseException) -> list[BaseException]:
    """The error and its causes, contexts and members, those that are hidden from tracebacks included."""
    met: dict[int, BaseException] = {}
    left: list[BaseException | None] = [error]
    while left:
        one = left.pop()
        if one is not None and id(one) not in met:
            met[id(one)] = one
            left += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]
    return list(met.values())


def frames(trace: TracebackType | None) -> Iterator[dict[str, Any]]:
    """The variables of each frame that isn't a test's."""
    while trace is not None:
        if not trace.tb_frame.f_code.co_filename.startswith(_TESTS):
            yield dict(trace.tb_frame.f_locals)
        trace = trace.tb_next


def shown_by_rich(value: Any) -> str:
    """A variable as tools for people print it: its repr, and the beginning of a long text."""
    try:
        pieces = [repr(value)]
        if isinstance(value, str | bytes):
            pieces.append(repr(value[:80]))
        if isinstance(value, Mapping):
            pieces += [repr(one[:80]) for one in value.values() if isinstance(one, str | bytes)]
    except AttributeError as error:  # a half-made object
        return f"<{error!r}>"
    return " ".join(pieces)


def plain_texts(value: Any) -> Iterator[str | bytes]:
    """Every text that can be reached from a value and would show itself: of our objects and of containers."""
    met: dict[int, Any] = {}
    left = [value]
    while left:
        one = left.pop()
        if id(one) in met or isinstance(one, type | Secret):
            continue
        met[id(one)] = one
        if isinstance(one, str | bytes | bytearray):
            yield bytes(one) if isinstance(one, bytearray) else one
        else:
            left += _members(one)


def _members(one: Any) -> list[Any]:
    if isinstance(one, Mapping):
        return [*one.keys(), *one.values()]
    if isinstance(one, list | tuple | set | frozenset):
        return list(one)
    if isinstance(one, partial):
        return [one.func, one.args, one.keywords]
    if isinstance(one, MethodType):
        return [one.__self__]
    if isinstance(one, FunctionType):
        return [one.__closure__ or (), one.__defaults__ or ()]
    if isinstance(one, CellType):
        return [one.cell_contents]
    if isinstance(one, BaseException):
        return [one.args, vars(one), one.__cause__, one.__context__]
    if not type(one).__module__.startswith("sfframe"):
        return []
    slots = [getattr(one, name, None) for kind in type(one).__mro__ for name in getattr(kind, "__slots__", ())]
    return [*getattr(one, "__dict__", {}).values(), *slots]
