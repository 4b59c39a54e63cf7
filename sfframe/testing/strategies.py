"""The strategies behind `frames`: how many rows, then column by column, then their forms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from hypothesis import strategies as st

from sfframe.testing.fields import Field, Wanted
from sfframe.testing.forms import Backend
from sfframe.testing.in_arrow import Arrow, Polars
from sfframe.testing.in_pandas import Pandas
from sfframe.testing.refused import Refused, spoilers
from sfframe.testing.values import values_of

BACKENDS: Final[Mapping[str, Backend]] = {"pandas": Pandas(), "polars": Polars(), "arrow": Arrow()}
_MOST_FREE: Final = 6
# Kinds of fields whose columns look like those of another kind.
_FORMS_OF: Final = {"email": "text", "picklist": "text", "id": "text"}

Own = Mapping[str, Sequence[Any] | st.SearchStrategy[Any]]


@dataclass(frozen=True)
class _Sizes:
    least: int
    most: int


def strategy_of(
    wanted: Callable[[], Wanted], own: Own, *, backend: str, min_size: int, max_size: int, invalid: bool
) -> st.SearchStrategy[Any]:
    """Frames, or refused ones.

    Args:
        wanted: Gives the fields, for each example.
        own: The caller's values by field.
        backend: One of `BACKENDS`.
        min_size, max_size: How many rows.
        invalid: See `frames`.

    Raises:
        ValueError: There is no such backend, or no such size.
    """
    if backend not in BACKENDS:
        raise ValueError(f"no backend {backend!r}; known are {', '.join(BACKENDS)}")
    if not 0 <= min_size <= max_size or (invalid and max_size < 1):
        raise ValueError(f"there is no frame of {min_size} to {max_size} rows" + " that is refused" * invalid)
    by_name = {name.lower(): values for name, values in own.items()}
    made = _refused if invalid else _frames
    return made(wanted, by_name, BACKENDS[backend], _Sizes(min_size, max_size))


@st.composite
def _frames(draw: st.DrawFn, wanted: Callable[[], Wanted], own: Own, backend: Backend, sizes: _Sizes) -> Any:
    n_rows = draw(st.integers(sizes.least, sizes.most))
    columns = draw(_columns(wanted(), own, n_rows))
    made = {field.name: draw(_column(backend, field.kind, values)) for field, values in columns}
    return backend.frame(made, n_rows, draw(st.sampled_from(backend.indexes)))


@st.composite
def _refused(draw: st.DrawFn, wanted: Callable[[], Wanted], own: Own, backend: Backend, sizes: _Sizes) -> Refused:
    found, n_rows = wanted(), draw(st.integers(max(1, sizes.least), sizes.most))
    columns = draw(_columns(found, own, n_rows))
    fields, values = [field for field, _ in columns], {field.name: column for field, column in columns}
    spoiler = draw(st.sampled_from(spoilers(found, fields, values)))
    spoilt = spoiler.apply(values, draw(st.integers(0, n_rows - 1)))
    kinds: dict[str, str] = {**{field.name: field.kind for field in fields}, **spoiler.kinds}
    made = {name: draw(_column(backend, kinds[name], column)) for name, column in spoilt.items()}
    frame = backend.frame(made, n_rows, draw(st.sampled_from(backend.indexes)))
    return Refused(frame, spoiler.column, spoiler.field, spoiler.code, spoiler.reason)


@st.composite
def _columns(draw: st.DrawFn, wanted: Wanted, own: Own, n_rows: int) -> list[tuple[Field, list[Any]]]:
    """Some of the fields, and the values of each.

    A column is drawn in one piece and needn't know how many rows there are, so that examples can lose it, or rows.
    """
    if not (wanted.needed or wanted.free):
        raise ValueError(f"{wanted.sobject} has no field that can be filled")

    def column(field: Field) -> st.SearchStrategy[tuple[Field, list[Any]]]:
        cells = _cells(field, wanted.prefix) if field.name.lower() not in own else _own(field, own[field.name.lower()])
        if field.is_unique:
            values = st.lists(cells, min_size=n_rows, max_size=n_rows, unique_by=field.identity)
        else:
            values = st.lists(cells, min_size=1, max_size=max(1, n_rows)).map(lambda some: _repeated(some, n_rows))
        return st.tuples(st.just(field), values)

    free: list[tuple[Field, list[Any]]] = []
    if wanted.free:
        least = 0 if wanted.needed else 1
        picked = st.sampled_from(wanted.free).flatmap(column)
        free = draw(st.lists(picked, min_size=least, max_size=_MOST_FREE, unique_by=lambda pair: pair[0].name))
    needed = [draw(column(field)) for field in wanted.needed]
    return [*free, *needed] if draw(st.booleans()) else [*needed, *free]


def _repeated(values: list[Any], length: int) -> list[Any]:
    return [values[place % len(values)] for place in range(length)]


_cells = lru_cache(maxsize=None)(values_of)


def _own(field: Field, values: Sequence[Any] | st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    made = values if isinstance(values, st.SearchStrategy) else st.sampled_from(list(values))
    if field.kind == "number":
        return made.map(lambda value: None if value is None else Decimal(str(value)))
    if field.kind == "multi":
        return made.map(lambda value: tuple(value.split(";")) if isinstance(value, str) else value)
    return made


def _column(backend: Backend, kind: str, values: list[Any]) -> st.SearchStrategy[Any]:
    forms = [form for form in backend.forms[_FORMS_OF.get(kind, kind)] if form.takes(values)]
    return st.sampled_from(forms).map(lambda form: form.make(values))
