"""Reactive: a drawing as marimo's own bar, in the output of the cell that runs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeAlias

from sfframe.bridge import in_caller
from sfframe.progress.drawing import Drawing
from sfframe.progress.page import details_of, html_of, links_of, title_of
from sfframe.screens import in_marimo

Painter: TypeAlias = Callable[[Drawing], None]


def may_be_shown() -> bool:
    """Whether marimo is here; if a notebook of it makes the call, the calling thread alone can tell."""
    return "marimo" in sys.modules


class ReactivePainter:
    """A bar of `mo.status`; a spinner before it is known how much there is.

    marimo knows the running cell by its thread, so a drawing is made in the thread that waits for the call.
    """

    def __init__(self, otherwise: Painter | None) -> None:
        """Nothing is shown yet.

        Args:
            otherwise: Draws where marimo is imported and none of its notebooks makes the call; `None`: nobody does.
        """
        self._otherwise = otherwise
        self._is_here: bool | None = None
        self._context: Any = None
        self._bar: Any = None
        self._total: int | None = None
        self._done = 0

    def __call__(self, drawing: Drawing) -> None:
        in_caller(lambda: self._paint(drawing))

    def _paint(self, drawing: Drawing) -> None:
        if self._is_here is None:
            self._is_here = in_marimo()
        if self._is_here:
            self._show(drawing)
        elif self._otherwise is not None:
            self._otherwise(drawing)

    def _show(self, drawing: Drawing) -> None:
        total = drawing.total or None  # of nothing there is no bar
        if self._bar is not None and (total != self._total or (drawing.is_over and total is None)):
            self._bar.clear()
            self._end()
        if drawing.is_over and total is None:
            mo: Any = sys.modules["marimo"]
            mo.output.append(mo.Html(html_of(drawing)))
            return
        # Both are taken for HTML there.
        below = [details_of(drawing), links_of(drawing.links)]
        texts = {"title": title_of(drawing), "subtitle": "<br>".join(filter(None, below))}
        if self._bar is None:
            self._begin(total, texts)
        if total is None:
            self._bar.update(**texts)
        else:
            self._bar.update(increment=drawing.done - self._done, **texts)
            self._done = drawing.done
        if drawing.is_over:
            self._end()

    def _begin(self, total: int | None, texts: dict[str, str]) -> None:
        status: Any = sys.modules["marimo"].status
        if total is None:
            self._context = status.spinner(**texts, remove_on_exit=False)
        else:
            self._context = status.progress_bar(total=total, **texts, show_rate=False, show_eta=False)
        self._bar, self._total, self._done = self._context.__enter__(), total, 0

    def _end(self) -> None:
        self._context.__exit__(None, None, None)
        self._bar = self._context = None
