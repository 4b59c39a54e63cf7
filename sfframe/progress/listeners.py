"""Listeners: who is told of a call's events: the log, and the caller's function or a bar."""

from __future__ import annotations

import inspect
import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, TypeAlias, TypeVar

from sfframe.bridge import is_on_loop
from sfframe.progress.bar import bar
from sfframe.progress.events import Event, Finished, IngestEvent, QueryFinished, ReadEvent, Stopped
from sfframe.progress.log import Log

_log = logging.getLogger("sfframe.progress")

EventT = TypeVar("EventT")
Listener: TypeAlias = Callable[[EventT], None]
# A function that takes events of both kinds fits either.
IngestProgress: TypeAlias = bool | Callable[[IngestEvent], None] | None
ReadProgress: TypeAlias = bool | Callable[[ReadEvent], None] | None

_SOON_S: Final = 0.5  # a read that is over by then needs no bar


def checked(wish: Any) -> Any:
    """A value of the option `progress`.

    Raises:
        ValueError: It is none.
    """
    if wish is not None and not isinstance(wish, bool) and not callable(wish):
        raise ValueError(f"progress={wish!r}: True, False, or a function that takes an event")
    if inspect.iscoroutinefunction(wish) or inspect.iscoroutinefunction(getattr(wish, "__call__", None)):  # noqa: B004
        raise ValueError(f"progress={wish!r} is async, and nobody would await it: give a plain function")
    return wish


class Telling:
    """Tells one call's events to its listeners, up to the one that ends it."""

    def __init__(self, listeners: Sequence[Callable[[Any], None]]) -> None:
        self._listeners = [_careful(one) for one in listeners]
        self._is_over = False

    def __call__(self, event: Event) -> None:
        """Tell the next event; after the end none is."""
        if self._is_over:
            return
        self._is_over = isinstance(event, Finished | QueryFinished | Stopped)
        for listener in self._listeners:
            listener(event)

    def stopped(self, error: BaseException) -> None:
        """Tell what ends the call, unless it is over."""
        self(Stopped(error=type(error).__name__))


def telling(
    wish: bool | Callable[[Any], None] | None,
    kind: Literal["ingest", "query"],
    *others: Callable[[Any], None],
    is_foreign: bool = False,
) -> Telling:
    """Whoever gets the events of a call.

    Args:
        wish: The option `progress`.
        kind: What the call does, as the logger is named.
        others: Who else listens, before the caller does.
        is_foreign: Events come from threads that others own.
    """
    return Telling([Log(kind), *others, *_wished(wish, kind, is_foreign=is_foreign)])


def _wished(
    wish: bool | Callable[[Any], None] | None, kind: Literal["ingest", "query"], *, is_foreign: bool
) -> list[Listener[Any]]:
    if callable(wish):
        return [wish]
    if wish is False:
        return []
    delay_s = _SOON_S if kind == "query" and wish is None else 0.0
    drawn = bar(delay_s=delay_s, is_wished=wish is True, is_foreign=is_foreign)
    return [drawn] if drawn is not None else []


def nobody(event: Event) -> None:
    """Takes an event and does nothing."""


def _careful(function: Listener[Any]) -> Listener[Any]:
    """A listener that fails must not end a load half-way: it is told once and then left alone."""
    failed = False

    def tell(event: Event) -> None:
        nonlocal failed
        if failed:
            return
        try:
            function(event)
        except BaseException as error:  # whatever it is, the load goes on
            if not isinstance(error, Exception) and not _is_its_own():
                raise
            failed = True
            _log.exception("the progress function failed; it gets no more events of this call")

    return tell


def _is_its_own() -> bool:
    """Whether an interrupt in this thread can only be the function's: Ctrl-C reaches the main thread alone.

    In sfframe's own thread it would end all calls.
    """
    return is_on_loop() or threading.current_thread() is not threading.main_thread()
