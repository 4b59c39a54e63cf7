"""Progress: what happens during a call, as frozen events, and a bar that draws them.

Events hold counts, ids and the org's host; never a cell of the frame and never a secret.
"""

from __future__ import annotations

import html
import logging
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from sfframe.bridge import is_on_loop

_log = logging.getLogger("sfframe.progress")

# Failed rows come before the times: a narrow window cuts the end.
_BAR: Final = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} rows{postfix} [{elapsed}<{remaining}, {rate_fmt}]"
_LEAST_S: Final = 0.1  # between two drawings in a notebook


@dataclass(frozen=True, kw_only=True, slots=True)
class Started:
    """The rows are checked; sending begins."""

    host: str
    sobject: str
    operation: str
    rows: int


@dataclass(frozen=True, kw_only=True, slots=True)
class JobCreated:
    """The org has made a job for some rows."""

    job_id: str
    rows: int
    payload_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PartUploaded:
    """The org has the job's rows and is told to process them: from here on they may be in the org."""

    job_id: str
    rows: int
    payload_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class JobProgressed:
    """The org has processed so many of the job's rows, failed ones included."""

    job_id: str
    state: str
    rows_processed: int
    rows_failed: int


@dataclass(frozen=True, kw_only=True, slots=True)
class JobFinished:
    """The job is over and its rows are matched."""

    job_id: str
    state: str
    rows: int
    successful: int
    failed: int
    unprocessed: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RowsRetried:
    """So many rows go again in a new job."""

    rows: int
    attempt: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """The call is over."""

    successful: int
    failed: int
    unprocessed: int


Event = Started | JobCreated | PartUploaded | JobProgressed | JobFinished | RowsRetried | Finished
Listener = Callable[[Event], None]


def listener(wish: bool | Callable[[Any], None] | None) -> Listener:
    """What gets the events of a call: the caller's own function, a bar, or nobody."""
    if callable(wish):
        return _careful(wish)
    if wish is False or (wish is None and not _somebody_looks_on()):
        return _nobody
    return _careful(Bar())


def _nobody(event: Event) -> None:
    """Takes an event and does nothing."""


def _careful(function: Listener) -> Listener:
    """A listener that fails must not end a load half-way: it is told once and then left alone."""
    failed = False

    def tell(event: Event) -> None:
        nonlocal failed
        if failed:
            return
        try:
            function(event)
        except BaseException as error:  # whatever it is, the load goes on
            # An interrupt can only be the function's own in sfframe's thread, where it would end all calls.
            if not isinstance(error, Exception) and not is_on_loop():
                raise
            failed = True
            _log.exception("the progress function failed; it gets no more events of this call")

    return tell


def _somebody_looks_on() -> bool:
    if _in_notebook():
        return True
    with suppress(Exception):
        return sys.stderr.isatty()
    return False


def _in_notebook() -> bool:
    """Whether this process serves a notebook, which shows HTML: Jupyter, VS Code, Colab, ..."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module is not None else None
    return shell is not None and hasattr(shell, "kernel")


@dataclass(kw_only=True, slots=True)
class Drawing:
    """What a bar shows: `title`, how many of `total` rows are done, how many failed, and what else is to be said."""

    title: str
    total: int
    done: int = 0
    failed: int = 0
    unprocessed: int = 0
    sending: int = 0
    running: int = 0

    @property
    def is_good(self) -> bool:
        """Whether nothing has failed so far."""
        return not (self.failed or self.unprocessed)

    @property
    def tail(self) -> str:
        """What is to be said beside the bar, in one line."""
        jobs = [f"{n:,} job{'' if n == 1 else 's'} {word}"
                for n, word in ((self.sending, "sending"), (self.running, "running")) if n]  # fmt: skip
        rows = [f"{n:,} {word}" for n, word in ((self.failed, "failed"), (self.unprocessed, "unprocessed")) if n]
        return ", ".join([*jobs, *rows])


class Painter(Protocol):
    """Puts a drawing where a person sees it; the last one stays."""

    def __call__(self, drawing: Drawing, *, is_last: bool = False) -> None: ...


class Bar:
    """Draws the events of one call as a bar over its rows: on a terminal by tqdm, in notebooks as HTML."""

    def __init__(self) -> None:
        self._drawing: Drawing | None = None
        self._paint: Painter | None = None
        self._processed: dict[str, int] = {}
        self._failed = 0
        self._jobs: dict[str, Literal["open", "running", "done"]] = {}

    def __call__(self, event: Event) -> None:
        """Take the next event."""
        match event:
            case Started():
                self._drawing = Drawing(title=f"{event.operation} {event.sobject} on {event.host}", total=event.rows)
                self._paint = NotebookPainter() if _in_notebook() else TerminalPainter()
            case JobCreated():
                self._jobs[event.job_id] = "open"
            case PartUploaded():
                self._jobs[event.job_id] = "running"
            case JobProgressed():
                self._processed[event.job_id] = event.rows_processed
            case JobFinished():
                self._jobs[event.job_id] = "done"
                self._processed[event.job_id] = event.rows
                self._failed += event.failed + event.unprocessed
            case RowsRetried():
                self._failed -= event.rows
                self._processed["again"] = self._processed.get("again", 0) - event.rows
        self._draw(event if isinstance(event, Finished) else None)

    def _draw(self, end: Finished | None) -> None:
        drawing = self._drawing
        if drawing is None or self._paint is None:
            return
        states = list(self._jobs.values())
        drawing.sending, drawing.running = states.count("open"), states.count("running")
        drawing.done, drawing.failed = min(sum(self._processed.values()), drawing.total), self._failed
        if end is not None:
            drawing.sending = drawing.running = 0
            drawing.done, drawing.failed, drawing.unprocessed = end.successful + end.failed, end.failed, end.unprocessed
        self._paint(drawing, is_last=end is not None)


class TerminalPainter:
    """A line on stderr, by tqdm."""

    def __init__(self) -> None:
        self._bar: Any = None

    def __call__(self, drawing: Drawing, *, is_last: bool = False) -> None:
        if self._bar is None:
            from tqdm import tqdm

            # A terminal that doesn't tell its size (0 by 0) would get an empty line.
            size: dict[str, Any] = {"dynamic_ncols": True} if _terminal_width() else {"ncols": 100, "nrows": 24}
            self._bar = tqdm(
                total=drawing.total, desc=drawing.title, unit_scale=drawing.total >= 100_000, unit=" rows",
                bar_format=_BAR, **size,
            )  # fmt: skip
        self._bar.set_postfix_str(drawing.tail, refresh=False)
        self._bar.update(drawing.done - self._bar.n)
        self._bar.refresh()
        if is_last:
            self._bar.close()


def _terminal_width() -> int:
    with suppress(Exception):
        return os.get_terminal_size(sys.stderr.fileno()).columns
    return 0


class NotebookPainter:
    """An output of the cell that is drawn anew: needs no widgets, and a saved notebook has the last state."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._began = self._drawn = time.monotonic()

    def __call__(self, drawing: Drawing, *, is_last: bool = False) -> None:
        from IPython.display import display as untyped

        display: Any = untyped
        now = time.monotonic()
        if self._handle is not None and now - self._drawn < _LEAST_S and not is_last:
            return
        self._drawn = now
        text = f"{drawing.title}: {drawing.done:,} of {drawing.total:,} rows"
        text = ", ".join(filter(None, [text, drawing.tail, f"{now - self._began:.1f} s"]))
        content = {"text/plain": text, "text/html": _bar_html(drawing, text)}
        if self._handle is None:
            self._handle = display(content, raw=True, display_id=True)
        else:
            self._handle.update(content, raw=True)


def _bar_html(drawing: Drawing, text: str) -> str:
    share = 100 * drawing.done / (drawing.total or 1)
    color = "#1a7f37" if drawing.is_good else "#cf222e"
    return (
        f'<div>{html.escape(text)}</div><div style="max-width:480px;height:6px;border:1px solid #8c959f">'
        f'<div style="width:{share:.1f}%;height:6px;background:{color}"></div></div>'
    )
