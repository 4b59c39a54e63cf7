"""The table: each measure beside what it must reach and what it aims at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class Measure:
    """A figure and its bounds; `sense` says on which side of them it has to be."""

    name: str
    value: float
    must: float
    aim: float | None = None
    sense: Literal["<=", ">="] = "<="
    unit: str = ""

    @property
    def verdict(self) -> str:
        if not self._holds(self.must):
            return "MISSED"
        return "ok" if self.aim is None or not self._holds(self.aim) else "ok, aim too"

    def _holds(self, bound: float) -> bool:
        return self.value <= bound if self.sense == "<=" else self.value >= bound

    def cells(self) -> dict[str, str]:
        return {
            "measure": self.name,
            "value": (f"{self.value:.0f}" if abs(self.value) >= 100 else f"{self.value:.3g}") + self.unit,
            "must": f"{self.sense} {self.must:g}{self.unit}",
            "aim": "" if self.aim is None else f"{self.sense} {self.aim:g}{self.unit}",
            "": self.verdict,
        }


def table(rows: Sequence[Mapping[str, str]]) -> str:
    """Rows of text under their headings: the first column to the left, the others to the right."""
    lines = [list(rows[0]), *(list(row.values()) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(_aligned(line, widths) for line in lines)


def _aligned(line: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = zip(line, widths, strict=True)
    return "  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)])
