"""Terminal: a drawing as a line on stderr, by tqdm."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any, Final

from sfframe.progress.drawing import Drawing
from sfframe.progress.line import line_of

_UNTOLD: Final = 100  # columns of a terminal that doesn't tell its size


def is_shown() -> bool:
    """Whether stderr is a terminal that can draw a line anew."""
    with suppress(Exception):
        return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    return False


class TerminalPainter:
    """A line on stderr; the last one stays, and what comes next begins on a line of its own.

    tqdm keeps several of them apart, and draws the bar with what the terminal's encoding has.
    """

    def __init__(self) -> None:
        self._bar: Any = None

    def __call__(self, drawing: Drawing) -> None:
        # One column less: a full line makes some terminals begin a new one.
        n_columns = (_width() or _UNTOLD) - 1
        line = line_of(drawing, n_columns)
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(total=1.0, bar_format=" ", ncols=n_columns, nrows=24, leave=True, file=sys.stderr)
        self._bar.ncols = n_columns
        # Text goes through the format, so that braces in it must not be taken for tqdm's fields.
        before, after = _literal(line.before), _literal(line.after)
        middle = " {percentage:3.0f}%|{bar}| " if line.has_bar else ", " if line.after else ""
        self._bar.bar_format = f"{before}{middle}{after}"
        self._bar.n = drawing.share
        self._bar.refresh()
        if drawing.is_over:
            self._bar.close()


def _literal(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _width() -> int:
    with suppress(Exception):
        return os.get_terminal_size(sys.stderr.fileno()).columns
    return 0
