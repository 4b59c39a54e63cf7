"""How many examples of a property are tried: fewer where each is dear, and more of all for a longer look."""

from __future__ import annotations

import os

from hypothesis import Phase

_USUAL = 50
# Of a property that names no number of its own: SFFRAME_EXAMPLES=1000 looks longer.
EXAMPLES = int(os.environ.get("SFFRAME_EXAMPLES", str(_USUAL)))

# SFFRAME_SHRINK=0: any example that fails will do, where a program and nobody else reads it.
_PHASES = {"0": (Phase.explicit, Phase.reuse, Phase.generate, Phase.target)}
PHASES = _PHASES.get(os.environ.get("SFFRAME_SHRINK", "1"), tuple(Phase))


def scaled(n: int) -> int:
    """So many examples every day, and in proportion more or fewer where `SFFRAME_EXAMPLES` says so."""
    return max(1, n * EXAMPLES // _USUAL)
