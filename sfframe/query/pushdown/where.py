"""Where: which part of a Polars predicate may travel as a WHERE clause, and as what; no I/O.

Whoever sends it filters the rows with the whole predicate again. So what travels finds the rows that are meant, or
more of them, but never fewer: where SOQL and Polars differ, the wider is sent, or nothing (SOQL notes, 11).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import polars as pl

from sfframe.query.pushdown.condition import ALWAYS, NEVER, Choice, Condition, every, nothing, some
from sfframe.query.pushdown.conditions import condition, is_ordinary
from sfframe.query.pushdown.expressions import Constant, Every, Node, Not, OneOf, Some, Unknown, conjuncts, read
from sfframe.query.schema.columns import Column

_AND: Final = " AND "


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What becomes of one conjunct of a predicate.

    Attributes:
        predicate: The conjunct, as Polars prints it.
        where: Sent as it is meant; sent as something wider and filtered again; not sent.
        reason: Why, in a short sentence.
        soql: The condition that travels: one comparison, or in brackets.
    """

    predicate: str
    where: Literal["sent", "prefilter", "local"]
    reason: str
    soql: str | None
    _choice: Choice | None = field(default=None, repr=False)
    _narrower: str = field(default="", repr=False)


def verdicts(predicate: pl.Expr, columns: Mapping[str, Column], *, sobject: str | None = None) -> tuple[Verdict, ...]:
    """What becomes of a predicate, as Polars hands it over to an IO source: row by row, without aggregates.

    Args:
        predicate: A boolean expression; a row counts where it is true.
        columns: The columns that it may speak of, by name.
        sobject: The object they are of: some kinds of objects take few conditions, and are asked for none.

    Returns:
        One verdict for each conjunct, in the predicate's order.
    """
    if sobject is not None and not is_ordinary(sobject):
        columns = {}
    return tuple(_verdict(one, columns) for one in conjuncts(predicate))


def where_clauses(
    verdicts: Sequence[Verdict], *, max_chars: int, measure: Callable[[str], int] = len
) -> tuple[str, ...]:
    """The WHERE clauses, without the word, with which a predicate's rows are asked for.

    Args:
        verdicts: Of all conjuncts.
        max_chars: The longest clause. What doesn't fit is widened or left out; of the lists that are too long the
            longest is cut, into clauses whose rows are disjoint.
        measure: The length of a part of a clause, the same for the whole as for its parts together.

    Returns:
        Nothing if all rows have to be asked for; together the clauses find all rows that are meant.
    """
    fitting = [one for one in fitted(verdicts, max_chars=max_chars, measure=measure) if one.soql]
    if not fitting:
        return ()
    if _length(fitting, measure) <= max_chars:
        return (_joined(fitting),)
    cut = _longest_list(fitting, measure)
    if cut is None or cut._choice is None:
        raise AssertionError("what is too long and no list was left out before")
    others = [one for one in fitting if one is not cut]
    room = max_chars - _length(others, measure) - (measure(_AND) if others else 0)
    return tuple(_joined([one if one is not cut else replace(cut, soql=part) for one in fitting])
                 for part in _parts(cut._choice, room, measure))  # fmt: skip


def fitted(verdicts: Sequence[Verdict], *, max_chars: int, measure: Callable[[str], int] = len) -> tuple[Verdict, ...]:
    """The verdicts as `where_clauses` uses them: conditions widened or left out for which there is no room.

    Args:
        verdicts: Of all conjuncts.
        max_chars: The longest clause.
        measure: The length of a part of a clause.
    """
    found = list(verdicts)
    cut = _longest_list([one for one in found if one.soql], measure)
    while _length(sent := [one for one in found if one.soql], measure) > max_chars:
        others = [one for one in sent if one is not cut]
        if (
            cut is not None
            and _length(others, measure) <= max_chars // 2
            and _fits_one(cut, others, max_chars, measure)
        ):
            break
        # The longest gives way; the list that may be cut stays unless even its parts are too long.
        waiting = others if others and (cut is None or _length(others, measure) > max_chars // 2) else sent
        longest = max(waiting, key=lambda one: measure(one.soql or ""))
        if longest is cut:
            cut = None
        found[found.index(longest)] = _without(longest)
    return tuple(found)


def _without(verdict: Verdict) -> Verdict:
    """A verdict with a shorter condition, or none."""
    if verdict._narrower:
        return replace(verdict, where="prefilter", reason="the list is too long: its range is sent",
                       soql=verdict._narrower, _choice=None, _narrower="")  # fmt: skip
    return replace(verdict, where="local", reason="the condition is too long for a statement", soql=None, _choice=None)


def _longest_list(verdicts: Sequence[Verdict], measure: Callable[[str], int]) -> Verdict | None:
    lists = [one for one in verdicts if one._choice is not None]
    return max(lists, key=lambda one: measure(one.soql or ""), default=None)


def _fits_one(cut: Verdict, others: Sequence[Verdict], max_chars: int, measure: Callable[[str], int]) -> bool:
    """Whether each member of a list that is to be cut has room beside the others."""
    choice = cut._choice
    if choice is None:
        return False
    longest = max(choice.members, key=measure)
    return _length([*others, replace(cut, soql=choice.soql([longest]))], measure) <= max_chars


def _parts(choice: Choice, room: int, measure: Callable[[str], int]) -> Iterator[str]:
    """The list in as few conditions as have room."""
    length = bare = measure(choice.head) + measure(choice.tail)
    joint = measure(choice.joint)
    part: list[str] = []
    for member in choice.members:
        more = measure(member) + (joint if part else 0)
        if part and length + more > room:
            yield choice.soql(part)
            part, length, more = [], bare, measure(member)
        part.append(member)
        length += more
    yield choice.soql(part)


def _joined(verdicts: Sequence[Verdict]) -> str:
    return _AND.join(one.soql or "" for one in verdicts)


def _length(verdicts: Sequence[Verdict], measure: Callable[[str], int]) -> int:
    return sum(measure(one.soql or "") for one in verdicts) + measure(_AND) * max(len(verdicts) - 1, 0)


def _verdict(expression: pl.Expr, columns: Mapping[str, Column]) -> Verdict:
    found = _ask(read(expression), columns, wanted=True)
    # No row of an org is without an id.
    soql = "Id = null" if found.is_never else found.soql
    where: Literal["sent", "prefilter", "local"] = "local" if not soql else "sent" if found.exact else "prefilter"
    return Verdict(
        predicate=str(expression), where=where, reason=found.reason, soql=soql or None,
        _choice=found.choice, _narrower=found.narrower,
    )  # fmt: skip


def _ask(node: Node, columns: Mapping[str, Column], *, wanted: bool) -> Condition:
    """The condition for the rows where something is true, or where it is false: null is neither."""
    match node:
        case Unknown():
            return nothing()
        case Constant():
            return ALWAYS if node.value is wanted else NEVER
        case Not():
            return _ask(node.part, columns, wanted=not wanted)
        case Every() | Some():
            joined = every if isinstance(node, Every) is wanted else some
            return joined(_ask(part, columns, wanted=wanted) for part in node.parts)
        case OneOf():
            one, other = node.left, node.right
            pairs = ((True, not wanted), (False, wanted))
            return some(
                every((_ask(one, columns, wanted=left), _ask(other, columns, wanted=right))) for left, right in pairs
            )
    column = columns.get(node.of.name)
    return nothing("it isn't a column of the object") if column is None else condition(node, column, wanted=wanted)
