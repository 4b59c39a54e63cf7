"""Page: a drawing as HTML, without scripts, and as the text for those who show none. Pure."""

from __future__ import annotations

import html
from itertools import islice
from typing import Final

from sfframe.markup import BAD, GOOD, link
from sfframe.progress.drawing import Drawing, JobLink

_MOST_LINKS: Final = 5
_TRACK: Final = "rgba(128,128,128,.25)"
_UNDERLINED: Final = "text-decoration:underline"  # where links have the colour of the text
# Nearer to that colour it is darker on white, and lighter on black, as text must be to be read.
_BAD_TEXT: Final = f"color:{BAD};color:color-mix(in srgb,{BAD} 70%,currentcolor)"


def text_of(drawing: Drawing) -> str:
    """All of it, in one line."""
    parts = [
        drawing.count,
        *drawing.trouble,
        drawing.sending,
        drawing.jobs,
        drawing.rate,
        drawing.elapsed,
        drawing.left,
    ]
    return f"{drawing.title}: {', '.join(filter(None, [drawing.words, *parts]))}"


def html_of(drawing: Drawing) -> str:
    """A title, a bar in which failed rows are red, counts and times, and links to the org's pages of the jobs."""
    links = links_of(drawing.links)
    return (
        '<div class="sfframe-progress" style="max-width:640px;line-height:1.5">'
        f"<div>{title_of(drawing)}</div>{_bar(drawing)}<div>{details_of(drawing)}</div>"
        f"{f'<div>{links}</div>' if links else ''}</div>"
    )


def title_of(drawing: Drawing) -> str:
    """What is done, where, and how far it is, as HTML."""
    words = _bad(drawing.words) if drawing.error else html.escape(drawing.words)
    return f"<strong>{html.escape(drawing.title)}</strong>: {words}"


def details_of(drawing: Drawing) -> str:
    """Counts and times, as HTML in one line."""
    rest = [drawing.sending, drawing.jobs, drawing.rate, drawing.elapsed, drawing.left]
    return " · ".join(filter(None, [drawing.count, *map(_bad, drawing.trouble), *rest]))


def links_of(links: tuple[JobLink, ...]) -> str:
    """The first jobs, each a link to its page in the org."""
    shown = [link(job.page, html.escape(job.job_id), _UNDERLINED) for job in islice(links, _MOST_LINKS)]
    more = [f"{len(links) - _MOST_LINKS:,} more"] if len(links) > _MOST_LINKS else []
    return f"in the org: {', '.join([*shown, *more])}" if shown else ""


def _bad(text: str) -> str:
    return f'<strong style="{_BAD_TEXT}">{html.escape(text)}</strong>'


def _bar(drawing: Drawing) -> str:
    if drawing.total is None and not drawing.is_over:
        return ""
    failed = min(drawing.share, drawing.failed / drawing.total) if drawing.total else 0.0
    pieces = [(drawing.share - failed, GOOD), (failed, BAD)]
    fill = "".join(
        # What has failed can be seen, however few rows it is.
        f'<div style="width:{100 * share:.1f}%;background:{color};min-width:{"4px" if color == BAD else "0"}"></div>'
        for share, color in pieces
        if share > 0
    )
    style = f"display:flex;height:8px;margin:2px 0;border-radius:4px;overflow:hidden;background:{_TRACK}"
    value = f'aria-valuemin="0" aria-valuemax="100" aria-valuenow="{100 * drawing.share:.0f}"'
    return f'<div role="progressbar" {value} style="{style}">{fill}</div>'
