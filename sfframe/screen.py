"""Screen: a result as text, and as HTML for notebooks; failure can't be overlooked in either. No I/O.

What comes from the org (messages, notes) is made harmless: no markup, no control characters.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

_SHOWN: Final = 8
_LINE: Final = 120
_CELL: Final = 300
_NOTE: Final = 1_000
# White on these, and these beside white or black, can be read: both themes of a notebook are served alike.
_COLORS: Final = {"successful": "#1a7f37", "failed": "#cf222e", "unprocessed": "#9a6700"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """What a result shows.

    Attributes:
        summary: One line: what was done, and how many rows had which fate.
        counts: Rows by outcome.
        notes: What went wrong with jobs as such.
        reasons: Why rows failed: `code`, `fields`, `message`, `messages`, `count`.
        hints: What to do next.
    """

    summary: str
    counts: Mapping[str, int]
    notes: Sequence[str]
    reasons: pl.DataFrame
    hints: Sequence[str]

    @property
    def is_good(self) -> bool:
        """Whether there is nothing to look after."""
        return not (self.counts["failed"] or self.counts["unprocessed"] or self.notes)

    @property
    def verdict(self) -> str:
        """The first word."""
        return "OK" if self.is_good else "NOT OK"


def text(picture: Picture, *, messages: bool = True) -> str:
    """The picture as lines.

    Args:
        picture: What is shown.
        messages: Whether to show the org's messages. They quote values of rows: not for logs.
    """
    lines = [f"{picture.verdict}  {harmless(picture.summary)}"]
    lines += [f"  ! {short(note, _NOTE)}" for note in picture.notes]
    if picture.reasons.height:
        lines += ["  errors:", *(f"    {line}" for line in _reason_lines(picture.reasons, messages))]
    return "\n".join([*lines, *(f"  {hint}" for hint in picture.hints)])


def _reason_lines(reasons: pl.DataFrame, messages: bool) -> Iterator[str]:
    width = len(f"{reasons['count'][0]:,}")
    for row in reasons.head(_SHOWN).iter_rows(named=True):
        code, fields, message = _reason(row, _LINE)
        words = (f"{row['count']:>{width},} ×", code, f"[{fields}]" if fields else "", message if messages else "")
        yield " ".join(filter(None, words))
    if reasons.height > _SHOWN:
        yield f"{'':>{width}}   and {reasons.height - _SHOWN:,} more reasons: see .errors"


def _reason(row: Mapping[str, Any], most: int) -> tuple[str, str, str]:
    """Code, fields and message of a reason, fit to be shown."""
    more = row["messages"] - 1
    others = f" (and {more:,} other message{'' if more == 1 else 's'})" if more else ""
    code, fields, message = (short(row[name], most) for name in ("code", "fields", "message"))
    return code or "(no code)", fields, message + others


def short(words: str, most: int) -> str:
    """One harmless line of a text, at most so long."""
    line = harmless(" ".join(words.split()))
    return line if len(line) <= most else line[: most - 1] + "…"


def harmless(words: str) -> str:
    """A text without control characters, which could move a terminal's cursor or turn text around."""
    return words if words.isprintable() else "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in words)


# --- HTML -------------------------------------------------------------------------------------------------------------


def page(picture: Picture) -> str:
    """The picture as a piece of HTML without scripts and style sheets; without its styles it still says all."""
    color = _COLORS["successful" if picture.is_good else "failed"]
    chip = f"background:{color};color:#ffffff;padding:1px 8px;border-radius:4px"
    parts = [
        f'<div style="border-left:6px solid {color};padding:2px 0 2px 10px">',
        f'<div><b style="{chip}">{picture.verdict}</b> <b>{_safe(picture.summary, _NOTE)}</b></div>',
        _bar(picture.counts),
        *(f"<div><b>! {_safe(note, _NOTE)}</b></div>" for note in picture.notes),
        _reason_table(picture.reasons) if picture.reasons.height else "",
        *(f"<div><i>{_safe(hint, _NOTE)}</i></div>" for hint in picture.hints),
        "</div>",
    ]
    return "".join(parts)


def _safe(words: str, most: int) -> str:
    return html.escape(short(words, most))


def _bar(counts: Mapping[str, int]) -> str:
    total = sum(counts.values())
    if not total:
        return ""
    pieces = [
        # Even one failed row among millions is seen.
        f'<div title="{n:,} {word}" style="width:max(6px,{100 * n / total:.3f}%);background:{_COLORS[word]}"></div>'
        for word, n in counts.items()
        if n
    ]
    return f'<div style="display:flex;height:8px;max-width:480px;margin:6px 0">{"".join(pieces)}</div>'


def _reason_table(reasons: pl.DataFrame) -> str:
    names = ("rows", "code", "fields", "message")
    head = "".join(f'<th style="text-align:left">{name}</th>' for name in names)
    rows = []
    for row in reasons.head(_SHOWN).iter_rows(named=True):
        code, fields, message = _reason(row, _CELL)
        cells = (f"{row['count']:,}", code, fields, message)
        rows.append(
            "<tr>" + "".join(f'<td style="text-align:left">{html.escape(cell)}</td>' for cell in cells) + "</tr>"
        )
    more = reasons.height - _SHOWN
    tail = f"<div>and {more:,} more reasons: see <code>.errors</code></div>" if more > 0 else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>{tail}"
