"""Every mutant, in the order in which they are tried."""

from __future__ import annotations

from typing import Final

from . import engines, jobs, journals, queries, results, rows, wire
from .mutant import Mutant

MUTANTS: Final[tuple[Mutant, ...]] = (
    *wire.MUTANTS,
    *jobs.MUTANTS,
    *journals.MUTANTS,
    *rows.MUTANTS,
    *results.MUTANTS,
    *queries.MUTANTS,
    *engines.MUTANTS,
)
