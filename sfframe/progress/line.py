"""Line: a drawing in one line of a terminal, whatever its width. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from sfframe.progress.drawing import Drawing

_LEAST_BAR: Final = 6  # columns of the bar itself, which goes last
_BESIDES: Final = 8  # what stands about the bar: "  45%|" and "| "

# What is left out where there is no room, in that order. How much is done, and how much has failed, always stays.
_BY_WORTH: Final = ("elapsed", "rate", "sent", "whole host", "jobs", "left", "host", "bar", "stage")


@dataclass(frozen=True, slots=True)
class Line:
    """What stands before the bar and after it.

    Attributes:
        before: What is done, and what is waited for.
        after: Counts and times.
        has_bar: Whether there is room for one, and something to show by it.
    """

    before: str
    after: str
    has_bar: bool

    @property
    def n_columns(self) -> int:
        """How much room it needs at least."""
        return len(self.before) + len(self.after) + (_LEAST_BAR + _BESIDES if self.has_bar else 2)


@dataclass(slots=True)
class _Parts:
    drawing: Drawing
    without: set[str] = field(default_factory=set)

    def line(self) -> Line:
        drawing = self.drawing
        counts = [drawing.count, *drawing.trouble, self._or_not("sent", drawing.sending)]
        times = [self._or_not("left", drawing.left), self._or_not("elapsed", drawing.elapsed)]
        after = [*counts, self._or_not("jobs", drawing.jobs), self._or_not("rate", drawing.rate), *times]
        has_bar = drawing.total is not None and "bar" not in self.without
        return Line(before=self._before(), after=", ".join(filter(None, after)), has_bar=has_bar)

    def _before(self) -> str:
        drawing = self.drawing
        host = drawing.host
        if "whole host" in self.without:
            host = host.partition(".")[0] if not host[:1].isdigit() else host
        title = drawing.what if "host" in self.without or not host else f"{drawing.what} on {host}"
        return title if "stage" in self.without else f"{title}: {drawing.words}"

    def _or_not(self, name: str, text: str) -> str:
        return "" if name in self.without else text


def line_of(drawing: Drawing, n_columns: int) -> Line:
    """The drawing in so many columns: what is worth least is left out until it fits."""
    parts = _Parts(drawing)
    line = parts.line()
    for name in _BY_WORTH:
        if line.n_columns <= n_columns:
            break
        parts.without.add(name)
        line = parts.line()
    return line
