"""Screen: a result as text, in which failure can't be overlooked. No I/O.

What comes from the org and from the caller's rows (messages, notes, labels, keys) is made harmless: no control
characters, and not too much of it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sfframe.failures import Reason
from sfframe.job_lines import JobLine
from sfframe.written import count, harmless, short, verdict

MOST_REASONS: Final = 8
MOST_JOBS: Final = 5
_MESSAGE: Final = 240
_LABEL: Final = 120
_WIDTH: Final = 80
_BAR: Final = 40
_SIGNS: Final = {"failed": "x", "unprocessed": "?", "successful": "="}


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """What a result shows.

    Attributes:
        summary: One line: what was done, and how many rows had which fate.
        counts: Rows by outcome.
        notes: What went wrong with jobs as such.
        reasons: Why rows failed, the most frequent first.
        n_reasons: How many reasons there are in all.
        jobs: The jobs, those that have to be looked at first.
        hints: What to do next.
    """

    summary: str
    counts: Mapping[str, int]
    notes: Sequence[str] = ()
    reasons: Sequence[Reason] = ()
    n_reasons: int = 0
    jobs: Sequence[JobLine] = ()
    hints: Sequence[str] = ()

    @property
    def is_whole(self) -> bool:
        """Whether every row was successful."""
        return not (self.counts["failed"] or self.counts["unprocessed"])

    @property
    def is_good(self) -> bool:
        """Whether there is nothing to look after."""
        return self.is_whole and not self.notes

    @property
    def verdict(self) -> str:
        """The first words, which say what the result's truth value does."""
        return verdict(is_ok=self.is_whole, has_notes=bool(self.notes))

    @property
    def parts(self) -> list[tuple[str, int]]:
        """Outcomes that rows had, and how many rows: the bad ones first."""
        return [(word, self.counts[word]) for word in _SIGNS if self.counts[word]]

    @property
    def more_reasons(self) -> str:
        """How many reasons aren't shown, if any."""
        more = max(self.n_reasons, len(self.reasons)) - MOST_REASONS
        return f"and {count(more, 'more reason')}: see .errors" if more > 0 else ""

    @property
    def more_jobs(self) -> str:
        """How many jobs aren't shown, if any."""
        more = len(self.jobs) - MOST_JOBS
        return f"and {more:,} more: see .jobs" if more > 0 else ""


def text(picture: Picture) -> str:
    """The picture as lines, most of them of 80 characters at most. Of a clean result with one job it is one line."""
    lines = [_headline(picture)]
    if not picture.is_good:
        lines += _bar(picture)
    lines += _notes(picture)
    if picture.reasons:
        lines += ["  errors:", *_reasons(picture)]
    if picture.jobs and (not picture.is_good or len(picture.jobs) > 1):
        lines += ["  jobs:", *_jobs(picture)]
    if picture.hints:
        lines.append("  how to go on:")
        lines += [line for hint in picture.hints for line in _wrapped(hint, "    - ", "      ")]
    return "\n".join(lines)


def report(picture: Picture) -> str:
    """What the picture says without what rows hold (messages, labels, keys): fit for logs."""
    lines = [_headline(picture), *_notes(picture)]
    if picture.reasons:
        lines.append("  errors:")
        lines += [f"    {_counted(one, picture)}, first in row {one.row}" for one in picture.reasons[:MOST_REASONS]]
    if picture.more_reasons:
        lines.append(f"    {picture.more_reasons}")
    return "\n".join([*lines, *(f"  {hint}" for hint in picture.hints)])


def _headline(picture: Picture) -> str:
    return f"{picture.verdict}  {harmless(picture.summary)}"


def _notes(picture: Picture) -> list[str]:
    return [f"  ! {short(note)}" for note in picture.notes]


def _bar(picture: Picture) -> Iterator[str]:
    total = sum(n for _, n in picture.parts)
    # Even one failed row among millions is seen.
    cells = {word: max(1, _BAR * n // total) for word, n in picture.parts}
    most = max(cells, key=lambda word: cells[word], default=None)
    if most is not None:
        cells[most] += _BAR - sum(cells.values())
        drawn = "".join(_SIGNS[word] * n for word, n in cells.items())
        told = ", ".join(f"{_SIGNS[word]} {share(n, total)} {word}" for word, n in picture.parts)
        yield f"  [{drawn}] {told}"


def share(n: int, total: int) -> str:
    """A part of all rows in percent; neither none nor all where it isn't."""
    percent = 100 * n / total
    if n in (0, total):
        return f"{percent:.0f}%"
    if percent < 0.01:
        return "<0.01%"
    return f"{percent:.2f}%" if percent < 1 else f"{min(percent, 99.9):.1f}%"


def _counted(reason: Reason, picture: Picture) -> str:
    width = len(f"{max(one.count for one in picture.reasons[:MOST_REASONS]):,}")
    return " ".join([f"{reason.count:>{width},} ×", *reason_name(reason)])


def reason_name(reason: Reason) -> list[str]:
    """Code and, if there are any, fields of a reason, fit to be shown."""
    fields = short(reason.fields, _LABEL)
    return [short(reason.code, _LABEL) or "(no code)", *([f"[{fields}]"] if fields else [])]


def message_of(reason: Reason) -> str:
    """The org's message of a reason, fit to be shown, and how many others there are."""
    more = reason.messages - 1
    return short(reason.message, _MESSAGE) + (f" (and {count(more, 'other message')})" if more else "")


def example_of(reason: Reason) -> str:
    """Which of the caller's rows they are, if they are few; else one of them."""
    labels = [short(label, _LABEL) for label in reason.examples] or [f"row {reason.row}"]
    return "; ".join(labels) if len(labels) == reason.count else f"e.g. {labels[0]}"


def _where(reason: Reason) -> str:
    example = example_of(reason)
    return example if example.startswith("e.g. ") else f"in {example}"


def cause_of(reason: Reason) -> str:
    """What is known of its cause, fit to be shown."""
    return short(reason.cause or "", _MESSAGE)


def _reasons(picture: Picture) -> Iterator[str]:
    for reason in picture.reasons[:MOST_REASONS]:
        counted = _counted(reason, picture)
        indent = " " * (4 + counted.index("×") + 2)
        yield from _wrapped(f"{counted} {_where(reason)}", "    ", indent)
        yield from _wrapped(message_of(reason), indent, indent)
        if reason.cause:
            yield from _wrapped(f"cause: {cause_of(reason)}", indent, f"{indent}  ")
    if picture.more_reasons:
        yield f"    {picture.more_reasons}"


def _jobs(picture: Picture) -> Iterator[str]:
    jobs = picture.jobs[:MOST_JOBS]
    rows = [
        (short(one.id, _LABEL), short(one.state, _LABEL), f"{one.rows:,} row{' ' if one.rows == 1 else 's'}",
         f"{one.failed:,} FAILED" if one.failed else "", f"{one.seconds:.1f} s",
         f"(try {one.attempt})" if one.attempt > 1 else "")
        for one in jobs
    ]  # fmt: skip
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    for name, state, *figures, attempt in rows:
        cells = [f"{cell:>{width}}" for cell, width in zip(figures, widths[2:-1], strict=True) if width]
        yield "  ".join([f"    {name:<{widths[0]}}", f"{state:<{widths[1]}}", *cells, attempt]).rstrip()
    if picture.more_jobs:
        yield f"    {picture.more_jobs}"


def _wrapped(line: str, first: str, others: str) -> list[str]:
    return textwrap.wrap(
        line, _WIDTH, initial_indent=first, subsequent_indent=others, break_long_words=False, break_on_hyphens=False
    )
