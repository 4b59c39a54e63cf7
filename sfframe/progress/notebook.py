"""Notebook: a drawing as an output of a Jupyter cell: needs no widgets, and a saved notebook has the last state."""

from __future__ import annotations

from typing import Any

from sfframe.progress.drawing import Drawing
from sfframe.progress.page import html_of, text_of


class NotebookPainter:
    """One output, drawn anew."""

    def __init__(self) -> None:
        self._handle: Any = None

    def __call__(self, drawing: Drawing) -> None:
        from IPython.display import display as untyped

        display: Any = untyped
        content = {"text/plain": text_of(drawing), "text/html": html_of(drawing)}
        if self._handle is None:
            self._handle = display(content, raw=True, display_id=True)
        else:
            self._handle.update(content, raw=True)
