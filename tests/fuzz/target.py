"""Targets: a call of the client, answers as orgs give them, and what must be true of a result."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import polars as pl

import sfframe
from sfframe.org.org import Org
from tests.fuzz.given import Input
from tests.fuzz.good import Answers

Call = Callable[[Org, Input], Awaitable[None]]


class Wrong(Exception):  # noqa: N818  (what the search is for)
    """A result that can't be right, and was given without a word."""


@dataclass(frozen=True)
class Variant:
    """One call, and good answers to it."""

    call: Call
    answers: Answers


@dataclass(frozen=True)
class Target:
    """Calls of one kind.

    Attributes:
        weight: Its share of the inputs: what is slow gets fewer.
        login: The org logs in by itself, in place of a token that it has.
    """

    name: str
    variants: Sequence[Variant]
    weight: int = 10
    login: sfframe.ClientCredentials | sfframe.SoapLogin | None = None


def must(is_right: object, what: str) -> None:
    """Say what a result must be."""
    if not is_right:
        raise Wrong(what)


def is_finite(frame: pl.DataFrame) -> bool:
    """Whether each number is one."""
    floats = [column for column in frame.iter_columns() if column.dtype.is_float()]
    return all(column.is_finite().all() for column in floats)
