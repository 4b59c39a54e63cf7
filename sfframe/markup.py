"""Markup: what all HTML for notebooks has in common. Pure.

No scripts, and no style sheet, which would reach the rest of the notebook. Colors are those of the page around it but
for three, on which white can be read, and which can be read on white and on black: both themes of a notebook are served
alike. Without any styles it still says all.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Final

from sfframe.written import harmless, short

GOOD: Final = "#1a7f37"
BAD: Final = "#cf222e"
NOTED: Final = "#9a6700"

_LINE: Final = "1px solid rgba(128,128,128,.4)"
# What notebooks do to tables (stripes, right-aligned cells, no wrapping) is taken back.
_CELL: Final = (
    "text-align:left;vertical-align:top;white-space:normal;max-width:none;padding:3px 14px 3px 0;"
    f"border:0;border-bottom:{_LINE};background:transparent"
)
# Old manners of layout (no doctype, as in mails) would give it a color and a size of its own.
_TABLE: Final = (
    "border-collapse:collapse;border:0;margin:6px 0 2px;font-size:inherit;color:inherit;background:transparent"
)


def safe(words: str) -> str:
    """One harmless line of a text, escaped."""
    return html.escape(short(words))


def framed(color: str, verdict: str, title: str, rest: Iterable[str]) -> str:
    """A piece of a page with a verdict in front and a coloured edge.

    Args:
        color: Of the edge and of what is behind the verdict.
        verdict: The first words.
        title: The other ones of the first line, as text.
        rest: What is below, as HTML.
    """
    chip = f"background:{color};color:#ffffff;padding:1px 8px;border-radius:4px;white-space:nowrap"
    frame = f"border-left:6px solid {color};padding:2px 0 2px 10px;line-height:1.45;overflow-wrap:break-word"
    first = f'<div><b style="{chip}">{verdict}</b> <b>{safe(title)}</b></div>'
    return f'<div style="{frame}">{first}{"".join(rest)}</div>'


def notes(texts: Iterable[str]) -> list[str]:
    """What else is to be thought of, a line each."""
    return [f"<div><b>! {safe(text)}</b></div>" for text in texts]


def bullets(texts: Iterable[str]) -> str:
    """A list, or nothing if there is nothing in it."""
    items = "".join(f"<li>{safe(text)}</li>" for text in texts)
    return f'<ul style="margin:0;padding-left:1.4em">{items}</ul>' if items else ""


def table(rows: Iterable[Sequence[str]], head: Sequence[str] = ()) -> str:
    """A table of cells that are HTML; a narrow page scrolls it rather than that it grows.

    Args:
        rows: Its lines.
        head: Names of the columns; without them the first cell of a line names the line.
    """
    names = "".join(f'<th style="{_CELL};font-weight:bold">{name}</th>' for name in head)
    first = f"<thead><tr>{names}</tr></thead>" if head else ""
    lines = "".join(_line(row, is_named=not head) for row in rows)
    return f'<div style="overflow-x:auto"><table style="{_TABLE}">{first}<tbody>{lines}</tbody></table></div>'


def _line(cells: Sequence[str], *, is_named: bool) -> str:
    tags = ["th" if is_named and not at else "td" for at in range(len(cells))]
    styles = [f"{_CELL};font-weight:bold;white-space:nowrap" if tag == "th" else _CELL for tag in tags]
    written = (f'<{tag} style="{style}">{cell}</{tag}>' for tag, style, cell in zip(tags, styles, cells, strict=True))
    return f"<tr>{''.join(written)}</tr>"


def link(address: str, content: str, style: str = "") -> str:
    """A link that leaves the notebook open.

    Args:
        address: Where to, as text.
        content: What is seen of it, as HTML.
        style: How it looks.
    """
    styled = f' style="{style}"' if style else ""
    return f'<a href="{html.escape(harmless(address))}" target="_blank" rel="noopener noreferrer"{styled}>{content}</a>'
