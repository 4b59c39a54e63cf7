"""Page: a result as a piece of HTML for notebooks, in which failure can't be overlooked. No I/O."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Final

from sfframe import markup
from sfframe.failures import Reason
from sfframe.job_lines import JobLine
from sfframe.screen import (
    MOST_JOBS,
    MOST_REASONS,
    Picture,
    cause_of,
    example_of,
    message_of,
    reason_name,
    share,
)
from sfframe.written import count

_COLORS: Final = {"successful": markup.GOOD, "failed": markup.BAD, "unprocessed": markup.NOTED}
_STRIPES: Final = "repeating-linear-gradient(135deg,transparent 0 4px,rgba(255,255,255,.35) 4px 7px)"


def page(picture: Picture) -> str:
    """The picture as HTML."""
    color = markup.BAD if not picture.is_whole else markup.GOOD if picture.is_good else markup.NOTED
    parts = [
        *_bar(picture),
        *markup.notes(picture.notes),
        *_reasons(picture),
        *_jobs(picture),
        *_hints(picture),
    ]
    return markup.framed(color, picture.verdict, picture.summary, parts)


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


def _reasons(picture: Picture) -> Iterator[str]:
    if picture.reasons:
        yield markup.table(map(_reason, picture.reasons[:MOST_REASONS]), ("rows", "error", "which rows"))
    if picture.more_reasons:
        yield f"<div>{picture.more_reasons}</div>"


def _reason(reason: Reason) -> tuple[str, ...]:
    code, *fields = map(html.escape, reason_name(reason))
    # A narrow page breaks a long code between its words.
    name = " ".join([f"<b><code>{code.replace('_', '_<wbr>')}</code></b>", *fields])
    cause = f"<div><b>cause:</b> {html.escape(cause_of(reason))}</div>" if reason.cause else ""
    said = f"<div>{html.escape(message_of(reason))}</div>"
    # A long key is broken before it takes the width from what is wrong with it.
    which = f'<div style="overflow-wrap:anywhere;min-width:8em">{html.escape(example_of(reason))}</div>'
    return f"<b>{reason.count:,}</b>", f"{name}{said}{cause}", which


def _jobs(picture: Picture) -> Iterator[str]:
    if not picture.jobs:
        return
    jobs = picture.jobs[:MOST_JOBS]
    is_open = " open" if any(not one.is_good for one in jobs) else ""
    more = f"<div>{picture.more_jobs}</div>" if picture.more_jobs else ""
    rows = markup.table(map(_job, jobs), ("job", "state", "rows", "failed", "seconds", "try"))
    yield (
        f'<details{is_open} style="margin:4px 0"><summary style="cursor:pointer">{count(len(picture.jobs), "job")}'
        f"</summary>{rows}{more}</details>"
    )


def _job(job: JobLine) -> tuple[str, ...]:
    name = f"<code>{markup.safe(job.id)}</code>"
    if job.page is not None:
        name = markup.link(job.page, name)
    state = markup.safe(job.state) if job.is_good else f"<b>{markup.safe(job.state)}</b>"
    failed = f"<b>{job.failed:,}</b>" if job.failed else "0"
    return name, state, f"{job.rows:,}", failed, f"{job.seconds:.1f}", f"{job.attempt}"


def _hints(picture: Picture) -> Iterator[str]:
    if picture.hints:
        yield f"<div>How to go on:</div>{markup.bullets(picture.hints)}"
