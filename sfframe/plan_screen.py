"""Plan screen: a plan as text, and as HTML for notebooks. No I/O."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sfframe.screen import harmless, short

if TYPE_CHECKING:
    from sfframe.plan import Plan

_SHOWN: Final = 20
_NOTE: Final = 1_000
# White on these, and these beside white or black, can be read: both themes of a notebook are served alike.
_GOOD, _BAD, _NOTED = "#1a7f37", "#cf222e", "#9a6700"
_UNITS: Final = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """What a plan shows.

    Attributes:
        title: What would be done, and where.
        is_ready: Whether it can be done.
        problems: What keeps rows, or the whole frame, from being sent.
        lines: What it is and what it costs: a word, and what is to be said of it.
        notes: What else is to be thought of.
    """

    title: str
    is_ready: bool
    problems: Sequence[str]
    lines: Sequence[tuple[str, str]]
    notes: Sequence[str]

    @property
    def verdict(self) -> str:
        """The first word."""
        return "READY" if self.is_ready else "NOT READY"

    @property
    def hint(self) -> str:
        """How to go on."""
        if self.is_ready:
            return "nothing was sent yet: .run() sends it"
        return "nothing can be sent: mend these first (.problems has them as a frame)"


def text(picture: Picture) -> str:
    """The picture as lines."""
    width = max((len(word) for word, _ in picture.lines), default=0)
    lines = [f"{picture.verdict}  {harmless(picture.title)}"]
    lines += [f"  - {short(problem, _NOTE)}" for problem in _first(picture.problems)]
    lines += [f"  {word:<{width}}  {harmless(told)}" for word, told in picture.lines]
    lines += [f"  ! {short(note, _NOTE)}" for note in picture.notes]
    return "\n".join([*lines, f"  {picture.hint}"])


def page(picture: Picture) -> str:
    """The picture as a piece of HTML without scripts and style sheets; without its styles it still says all."""
    color = (_NOTED if picture.notes else _GOOD) if picture.is_ready else _BAD
    chip = f"background:{color};color:#ffffff;padding:1px 8px;border-radius:4px"
    problems = "".join(f"<li>{_safe(problem)}</li>" for problem in _first(picture.problems))
    rows = "".join(
        f'<tr style="vertical-align:top"><th style="text-align:left;white-space:nowrap">{_safe(word)}</th>'
        f'<td style="text-align:left">{_safe(told)}</td></tr>'
        for word, told in picture.lines
    )
    parts = [
        f'<div style="border-left:6px solid {color};padding:2px 0 2px 10px">',
        f'<div><b style="{chip}">{picture.verdict}</b> <b>{_safe(picture.title)}</b></div>',
        f"<ul>{problems}</ul>" if problems else "",
        f"<table><tbody>{rows}</tbody></table>" if rows else "",
        *(f"<div><b>! {_safe(note)}</b></div>" for note in picture.notes),
        f"<div><i>{_safe(picture.hint)}</i></div></div>",
    ]
    return "".join(parts)


def _safe(words: str) -> str:
    return html.escape(short(words, _NOTE))


def _first(problems: Sequence[str]) -> list[str]:
    more = len(problems) - _SHOWN
    return [*problems[:_SHOWN], *([f"and {more:,} more: see .problems"] if more > 0 else [])]


def lines_of(plan: Plan[Any]) -> list[tuple[str, str]]:
    """What a plan that can be run is and costs, line by line."""
    left_out = f"; {plan.rows_left_out:,} can't be sent and will be told as failed" if plan.rows_left_out else ""
    lines = [("rows", f"{plan.rows:,} to be sent{left_out}")]
    if plan.rows:
        batches = f"{_n(plan.batches, 'batch', 'batches')} of up to 10,000 rows"
        lines += [
            ("records", _records(plan)),
            ("jobs", f"{_n(plan.jobs, 'job')}, {batches}, {size_of(plan.bytes)} of CSV"),
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


def _n(n: int, one: str, many: str | None = None) -> str:
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def size_of(n_bytes: int) -> str:
    """Bytes in a unit that suits them, such as `1.2 MB`."""
    for factor, unit in _UNITS:
        if n_bytes >= factor:
            return f"{n_bytes / factor:,.1f} {unit}"
    return _n(n_bytes, "byte")


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
