"""Pieces of SQL that carry their values with them: text is put together from names and `?` alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Sql:
    """SQL with the values of its `?`, in their order."""

    text: str
    parameters: tuple[Any, ...] = ()


def bind(value: Any) -> Sql:
    return Sql("?", (value,))


def put(template: str, *parts: Sql) -> Sql:
    """A template with a piece for each `{}`."""
    texts = template.split("{}")
    out = [texts[0]]
    parameters: list[Any] = []
    for text, part in zip(texts[1:], parts, strict=True):
        out += [part.text, text]
        parameters += part.parameters
    return Sql("".join(out), tuple(parameters))


def join(separator: str, parts: Iterable[Sql]) -> Sql:
    parts = tuple(parts)
    return Sql(
        separator.join(part.text for part in parts),
        tuple(value for part in parts for value in part.parameters),
    )
