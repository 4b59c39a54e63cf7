"""Page: a result as a piece of HTML for notebooks, in which failure can't be overlooked. No I/O.

No scripts, and no style sheet, which would reach the rest of the notebook: colors are those of the page around it but
for a few that can be read on light and on dark. Without any styles it still says all.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from sfframe.failures import Reason
from sfframe.job_lines import JobLine
from sfframe.screen import (
    MOST_JOBS,
    MOST_REASONS,
    NOTE,
    Picture,
    cause_of,
    example_of,
    message_of,
    reason_name,
    share,
    short,
)

# White on these, and these beside white or black, can be read: both themes of a notebook are served alike.
_COLORS: Final = {"successful": "#1a7f37", "failed": "#cf222e", "unprocessed": "#9a6700"}
_STRIPES: Final = "repeating-linear-gradient(135deg,transparent 0 4px,rgba(255,255,255,.35) 4px 7px)"
_LINE: Final = "1px solid rgba(128,128,128,.4)"
# What notebooks do to tables (stripes, right-aligned cells, no wrapping) is taken back.
_CELL: Final = (
    "text-align:left;vertical-align:top;white-space:normal;max-width:none;padding:3px 14px 3px 0;"
    f"border:0;border-bottom:{_LINE};background:transparent"
)


def page(picture: Picture) -> str:
    """The picture as HTML."""
    color = _COLORS["successful" if picture.is_good else "failed"]
    chip = f"background:{color};color:#ffffff;padding:1px 8px;border-radius:4px;white-space:nowrap"
    frame = f"border-left:6px solid {color};padding:2px 0 2px 10px;line-height:1.45;overflow-wrap:break-word"
    return "".join(
        [
            f'<div style="{frame}">',
            f'<div><b style="{chip}">{picture.verdict}</b> <b>{_safe(picture.summary, NOTE)}</b></div>',
            *_bar(picture),
            *(f"<div><b>! {_safe(note, NOTE)}</b></div>" for note in picture.notes),
            *_reasons(picture),
            *_jobs(picture),
            *_hints(picture),
            "</div>",
        ]
    )


def _safe(words: str, most: int = NOTE) -> str:
    return html.escape(short(words, most))


def _bar(picture: Picture) -> Iterator[str]:
    total = sum(n for _, n in picture.parts)
    if not total:
        return
    pieces = [
        # Even one failed row among millions is seen, and red isn't told from green by its color alone.
        f'<div title="{n:,} {word}" style="flex:{n} 0 6px;background:{_COLORS[word]}'
        f'{"" if word == "successful" else f";background-image:{_STRIPES}"}"></div>'
        for word, n in picture.parts
    ]
    yield f'<div style="display:flex;gap:1px;height:10px;max-width:480px;margin:6px 0 2px">{"".join(pieces)}</div>'
    told = [
        f'<span style="border-left:10px solid {_COLORS[word]};padding-left:5px;margin-right:14px;white-space:nowrap">'
        f"{_loud(n, word)} {share(n, total)}</span> "
        for word, n in picture.parts
    ]
    yield f"<div>{''.join(told)}</div>"


def _loud(n: int, word: str) -> str:
    return f"{n:,} {word}" if word == "successful" else f"<b>{n:,} {word.upper()}</b>"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are HTML; a narrow page scrolls it rather than that it grows."""
    names = "".join(f'<th style="{_CELL};font-weight:bold">{name}</th>' for name in head)
    lines = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    whole = "border-collapse:collapse;border:0;margin:6px 0 2px;font-size:inherit;background:transparent"
    return (
        f'<div style="overflow-x:auto"><table style="{whole}"><thead><tr>{names}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div>"
    )


def _cell(content: str) -> str:
    return f'<td style="{_CELL}">{content}</td>'


def _reasons(picture: Picture) -> Iterator[str]:
    if picture.reasons:
        yield _table(("rows", "error", "which rows"), map(_reason, picture.reasons[:MOST_REASONS]))
    if picture.more_reasons:
        yield f"<div>{picture.more_reasons}</div>"


def _reason(reason: Reason) -> tuple[str, ...]:
    code, *fields = map(html.escape, reason_name(reason))
    # A narrow page breaks a long code between its words.
    name = " ".join([f"<b><code>{code.replace('_', '_<wbr>')}</code></b>", *fields])
    cause = f"<div><b>cause:</b> {html.escape(cause_of(reason))}</div>" if reason.cause else ""
    said = f"<div>{html.escape(message_of(reason))}</div>"
    return f"<b>{reason.count:,}</b>", f"{name}{said}{cause}", html.escape(example_of(reason))


def _jobs(picture: Picture) -> Iterator[str]:
    if not picture.jobs:
        return
    jobs = picture.jobs[:MOST_JOBS]
    n = len(picture.jobs)
    is_open = " open" if any(not one.is_good for one in jobs) else ""
    more = f"<div>{picture.more_jobs}</div>" if picture.more_jobs else ""
    rows = _table(("job", "state", "rows", "failed", "seconds", "try"), map(_job, jobs))
    yield (
        f'<details{is_open} style="margin:4px 0"><summary style="cursor:pointer">{n:,} job{"" if n == 1 else "s"}'
        f"</summary>{rows}{more}</details>"
    )


def _job(job: JobLine) -> tuple[str, ...]:
    name = f"<code>{_safe(job.id)}</code>"
    if job.page is not None:
        name = f'<a href="{_safe(job.page)}" target="_blank" rel="noopener noreferrer">{name}</a>'
    state = _safe(job.state) if job.is_good else f"<b>{_safe(job.state)}</b>"
    failed = f"<b>{job.failed:,}</b>" if job.failed else "0"
    return name, state, f"{job.rows:,}", failed, f"{job.seconds:.1f}", f"{job.attempt}"


def _hints(picture: Picture) -> Iterator[str]:
    if picture.hints:
        items = "".join(f"<li>{_safe(hint)}</li>" for hint in picture.hints)
        yield f'<div>How to go on:</div><ul style="margin:0;padding-left:1.4em">{items}</ul>'
