"""Every mutant, in the order in which they are tried."""

from __future__ import annotations

from typing import Final

from . import jobs, wire
from .mutant import Mutant

MUTANTS: Final[tuple[Mutant, ...]] = (*wire.MUTANTS, *jobs.MUTANTS)
