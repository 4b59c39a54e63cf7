"""Bar: the events of one call as drawings on the screen of whoever looks on, and anew while nothing happens."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeAlias

from sfframe.progress import notebook, reactive, terminal
from sfframe.progress.drawing import Drawing, Stage
from sfframe.progress.events import Event
from sfframe.progress.tally import Tally
from sfframe.screens import in_jupyter

Painter: TypeAlias = Callable[[Drawing], None]

_LEAST_S: Final = 0.1  # between two drawings of one stage
_TICK_S: Final = 0.5  # between two drawings while nothing happens: the clock goes on


class Bar:
    """Draws one call. Events may come from any thread, one after the other."""

    def __init__(self, paint: Painter, *, delay_s: float = 0.0, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing is drawn yet.

        Args:
            paint: Puts a drawing where a person sees it; the last one stays.
            delay_s: A call that is over before isn't drawn at all.
            clock: Seconds.
        """
        self._paint = paint
        self._delay_s = delay_s
        self._clock = clock
        self._tally = Tally()
        self._lock = threading.Lock()
        self._drawn: tuple[float, Stage] | None = None
        self._ticking: asyncio.TimerHandle | None = None
        self._is_over = False

    def __call__(self, event: Event) -> None:
        """Take the next event."""
        with self._lock:
            now = self._clock()
            self._tally.take(event, now)
            drawing = self._tally.drawing(now)
            if drawing.is_over:
                self._is_over = True
                self._stop()
            if self._tally.is_begun:
                self._draw(drawing, now)
        self._go_on()

    def _draw(self, drawing: Drawing, now: float) -> None:
        if self._drawn is None:
            if drawing.elapsed_s < self._delay_s:
                return
        else:
            drawn_s, stage = self._drawn
            if now - drawn_s < _LEAST_S and drawing.stage == stage and not drawing.is_over:
                return
        self._drawn = now, drawing.stage
        self._paint(drawing)

    def _go_on(self) -> None:
        """Draw again after a while, as long as the call runs."""
        if self._ticking is not None or self._is_over:
            return
        with suppress(RuntimeError):  # in a thread without a loop: the next event will do
            self._ticking = asyncio.get_running_loop().call_later(_TICK_S, self._tick)

    def _tick(self) -> None:
        with self._lock:
            self._ticking = None
            if self._is_over:
                return
            now = self._clock()
            try:
                self._draw(self._tally.drawing(now), now)
            except Exception:  # noqa: BLE001  # the next event is drawn too, and there it is told
                return
        self._go_on()

    def _stop(self) -> None:
        with suppress(RuntimeError):  # from a thread without a loop it can't be called off; it finds that all is over
            asyncio.get_running_loop()
            if self._ticking is not None:
                self._ticking.cancel()


def bar(*, delay_s: float = 0.0, is_wished: bool = False, is_foreign: bool = False) -> Bar | None:
    """A bar for the screen that there is: of a marimo or Jupyter notebook, or a terminal; `None` if there is none.

    Args:
        delay_s: A call that is over before isn't drawn.
        is_wished: Somebody asked for a bar: where no screen is found it goes to stderr all the same.
        is_foreign: Events come from threads that others own, of which marimo doesn't know for whom they work.
    """
    if is_foreign and reactive.may_be_shown():
        return None
    painter: Painter | None = None
    if in_jupyter():
        painter = notebook.NotebookPainter()
    elif is_wished or terminal.is_shown():
        painter = terminal.TerminalPainter()
    if reactive.may_be_shown():
        painter = reactive.ReactivePainter(painter)
    return Bar(painter, delay_s=delay_s) if painter is not None else None
