"""Plan screen: a plan as text, and as HTML for notebooks. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sfframe import markup
from sfframe.written import count, harmless, short, size

if TYPE_CHECKING:
    from sfframe.plan import Plan

_SHOWN: Final = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """What a plan shows.

    Attributes:
        title: What would be done, and where.
        is_ready: Whether it can be done.
        has_run: Whether it was done already.
        problems: What keeps rows, or the whole frame, from being sent.
        lines: What it is and what it costs: a word, and what is to be said of it.
        notes: What else is to be thought of.
    """

    title: str
    is_ready: bool
    has_run: bool
    problems: Sequence[str]
    lines: Sequence[tuple[str, str]]
    notes: Sequence[str]

    @property
    def verdict(self) -> str:
        """The first words."""
        if self.has_run:
            return "RUN ALREADY"
        return "READY" if self.is_ready else "NOT READY"

    @property
    def hint(self) -> str:
        """How to go on."""
        if self.has_run:
            return "these rows were sent already: .run() tells what became of them; the verb would send them again"
        if self.is_ready:
            return "nothing was sent yet: .run() sends it"
        return "nothing can be sent: mend these first (.problems has them as a frame)"


def text(picture: Picture) -> str:
    """The picture as lines."""
    width = max((len(word) for word, _ in picture.lines), default=0)
    lines = [f"{picture.verdict}  {harmless(picture.title)}"]
    lines += [f"  - {short(problem)}" for problem in _first(picture.problems)]
    lines += [f"  {word:<{width}}  {harmless(told)}" for word, told in picture.lines]
    lines += [f"  ! {short(note)}" for note in picture.notes]
    return "\n".join([*lines, f"  {picture.hint}"])


def page(picture: Picture) -> str:
    """The picture as a piece of HTML."""
    is_noted = bool(picture.notes) or picture.has_run
    color = (markup.NOTED if is_noted else markup.GOOD) if picture.is_ready else markup.BAD
    rows = [(markup.safe(word), markup.safe(told)) for word, told in picture.lines]
    parts = [
        markup.bullets(_first(picture.problems)),
        markup.table(rows) if rows else "",
        *markup.notes(picture.notes),
        f"<div><i>{markup.safe(picture.hint)}</i></div>",
    ]
    return markup.framed(color, picture.verdict, picture.title, parts)


def _first(problems: Sequence[str]) -> list[str]:
    more = len(problems) - _SHOWN
    return [*problems[:_SHOWN], *([f"and {more:,} more: see .problems"] if more > 0 else [])]


def lines_of(plan: Plan[Any]) -> list[tuple[str, str]]:
    """What a plan that can be run is and costs, line by line."""
    left_out = f"; {plan.rows_left_out:,} can't be sent and will be told as failed" if plan.rows_left_out else ""
    lines = [("rows", f"{plan.rows:,} to be sent{left_out}")]
    if plan.rows:
        batches = f"{count(plan.batches, 'batch', 'batches')} of up to 10,000 rows"
        lines += [
            ("records", _records(plan)),
            ("jobs", f"{count(plan.jobs, 'job')}, {batches}, {size(plan.bytes)} of CSV"),
            ("API calls", f"about {plan.api_calls:,}{_of(plan, 'DailyApiRequests')}"),
            ("batches", f"{plan.batches:,}{_of(plan, 'DailyBulkApiBatches')}"),
            ("time", f"about {time_of(plan.seconds)}, at {plan.rows / plan.seconds:,.0f} rows a second: {plan.basis}"),
        ]
    return lines


def _records(plan: Plan[Any]) -> str:
    words = (("updates", "to be updated"), ("deletes", "to be deleted"), ("inserts", "to be inserted"))
    told = [f"{n:,} {word}" for name, word in words if (n := getattr(plan, name))]
    if plan.missing:
        told.append(f"{plan.missing:,} not there")
    is_known = None not in (plan.inserts, plan.updates, plan.deletes, plan.missing)
    return ", ".join(told) if is_known else "not known"


def _of(plan: Plan[Any], name: str) -> str:
    limit = plan.limits.get(name)
    return f" of {limit['left']:,} left today (of {limit['max']:,})" if limit else ""


def time_of(seconds: float) -> str:
    """Seconds in units that suit them, such as `2 h 5 min`."""
    whole = max(1, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest and minutes < 10 else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min" if minutes else f"{hours:,} h"
