"""Progress: what happens during a call, as frozen events, and a bar that draws them.

Events hold counts, ids and the org's host; never a cell of the frame and never a secret.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

_log = logging.getLogger("sfframe.progress")


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
        except Exception:
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
    shell = sys.modules.get("IPython")
    instance = shell.get_ipython() if shell is not None else None
    return instance is not None and type(instance).__name__ == "ZMQInteractiveShell"


class Bar:
    """Draws the events of one call as a bar over its rows, by tqdm; in notebooks as a widget where that is there."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._processed: dict[str, int] = {}
        self._failed = 0
        self._jobs: dict[str, Literal["open", "running", "done"]] = {}

    def __call__(self, event: Event) -> None:
        """Take the next event."""
        match event:
            case Started():
                self._bar = _new_bar(event)
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
            case Finished():
                self._close(event)
                return
        self._draw()

    def _draw(self) -> None:
        if self._bar is None:
            return
        states = list(self._jobs.values())
        words = {"sending": states.count("open"), "running": states.count("running"), "failed": self._failed}
        self._bar.set_postfix({k: f"{v:,}" for k, v in words.items() if v}, refresh=False)
        self._bar.update(min(sum(self._processed.values()), self._bar.total) - self._bar.n)
        self._bar.refresh()

    def _close(self, event: Finished) -> None:
        if self._bar is None:
            return
        done = {"failed": event.failed, "unprocessed": event.unprocessed}
        self._bar.set_postfix({k: f"{v:,}" for k, v in done.items() if v}, refresh=False)
        self._bar.update(event.successful + event.failed - self._bar.n)
        self._bar.close()


def _new_bar(event: Started) -> Any:
    from tqdm import tqdm

    bar: Any = tqdm
    if _in_notebook():
        with suppress(ImportError):  # ipywidgets isn't there: the text bar serves
            import ipywidgets  # noqa: F401
            from tqdm.notebook import tqdm as bar
    return bar(
        total=event.rows,
        unit="rows",
        unit_scale=event.rows >= 100_000,
        desc=f"{event.operation} {event.sobject} on {event.host}",
        dynamic_ncols=True,
    )
