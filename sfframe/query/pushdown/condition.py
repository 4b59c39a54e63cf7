"""Condition: what of a predicate a SOQL statement can ask for, and how conditions are put together. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

EXACT: Final = "SOQL finds exactly these rows"
NO_WORDS: Final = "SOQL has no condition that finds these rows"
_MAX_CHARS: Final = 90_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """A list that may be cut: each member finds rows that no other member finds.

    The condition is `head`, members joined by `joint`, then `tail`.
    """

    head: str
    members: tuple[str, ...]
    joint: str
    tail: str

    def soql(self, members: Sequence[str]) -> str:
        """The condition with some of the members."""
        return f"{self.head}{self.joint.join(members)}{self.tail}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """Rows that a statement can ask for.

    Attributes:
        soql: A condition that stands alone or in brackets; empty: all rows, or none.
        exact: It finds the rows that were meant and no others.
        reason: Why it is as it is, for a user.
        is_never: No row at all.
        choice: How it may be cut, if it is a list.
        narrower: A condition in its place where the list is too long, which finds more; or empty.
    """

    soql: str = ""
    exact: bool = False
    reason: str = NO_WORDS
    is_never: bool = False
    choice: Choice | None = None
    narrower: str = ""


NEVER: Final = Condition(exact=True, is_never=True, reason="no row can be meant")
ALWAYS: Final = Condition(exact=True, reason="every row is meant")


def exactly(soql: str) -> Condition:
    """A condition that finds what is meant."""
    return Condition(soql=soql, exact=True, reason=EXACT)


def more(soql: str, reason: str) -> Condition:
    """A condition that finds what is meant, and more."""
    return Condition(soql=soql, reason=reason)


def nothing(reason: str = NO_WORDS) -> Condition:
    """Nothing can be asked for: every row may be meant."""
    return Condition(reason=reason)


def every(conditions: Iterable[Condition]) -> Condition:
    """All of them; what can't be asked for is left out."""
    parts = list(dict.fromkeys(conditions))
    if any(one.is_never for one in parts):
        return NEVER
    asked = [one for one in parts if one.soql]
    inexact = next((one.reason for one in parts if not one.exact), None)
    if len(parts) == 1:
        return parts[0]
    if not asked:
        return ALWAYS if inexact is None else nothing(inexact)
    soql = asked[0].soql if len(asked) == 1 else f"({' AND '.join(one.soql for one in asked)})"
    return _made(soql, inexact)


def some(conditions: Iterable[Condition]) -> Condition:
    """One of them at least; nothing can be asked for where it can't be for all."""
    parts = list(dict.fromkeys(one for one in conditions if not one.is_never))
    if not parts:
        return NEVER
    for one in parts:
        if not one.soql:
            return ALWAYS if one.exact else nothing(one.reason)
    if len(parts) == 1:
        return parts[0]
    inexact = next((one.reason for one in parts if not one.exact), None)
    return _made(f"({' OR '.join(one.soql for one in parts)})", inexact)


def _made(soql: str, inexact: str | None) -> Condition:
    if len(soql) > _MAX_CHARS:
        return nothing("the condition is too long for a statement")
    return exactly(soql) if inexact is None else more(soql, inexact)


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """What a condition is about.

    Attributes:
        path: As a statement writes it.
        is_calculated: A formula, whose empty text may be null to SOQL or not: nulls aren't asked for (note 8).
        is_parent: Behind a lookup: a parent hidden from the user reads null, but may not filter as null (note 8).
    """

    path: str
    is_calculated: bool = False
    is_parent: bool = False

    def present(self, reason: str | None = None) -> Condition:
        """Rows that aren't null; with a reason, that's a part of what is meant."""
        if self.is_calculated:
            return nothing("it is calculated: SOQL may see nulls elsewhere")
        soql = f"{self.path} != null"
        return exactly(soql) if reason is None else more(soql, reason)

    def absent(self) -> Condition:
        """Rows that are null."""
        if self.is_calculated or self.is_parent:
            return nothing("SOQL may see nulls elsewhere: it is calculated, or behind a lookup")
        return exactly(f"{self.path} = null")

    def guarded(self, condition: str) -> str:
        """A condition that SOQL takes null rows for, without them (note 7)."""
        return condition if self.is_calculated else f"({condition} AND {self.path} != null)"
