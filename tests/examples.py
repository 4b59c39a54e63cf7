"""How many examples of a property are tried: fewer where each is dear, and more of all for a longer look."""

from __future__ import annotations

import os

from hypothesis import Phase

# Each run draws others, so many runs look far. Of a property that names no number of its own: SFFRAME_EXAMPLES=1000
# looks longer at once.
EXAMPLES = int(os.environ.get("SFFRAME_EXAMPLES", "20"))
_NAMED_FOR = 50  # the number that those which properties name go with

# SFFRAME_SHRINK=0: any example that fails will do, where a program and nobody else reads it.
_PHASES = {"0": (Phase.explicit, Phase.reuse, Phase.generate, Phase.target)}
PHASES = _PHASES.get(os.environ.get("SFFRAME_SHRINK", "1"), tuple(Phase))


def scaled(n: int) -> int:
    """So many examples where 50 are tried of others, and in proportion more or fewer where it is another number."""
    return max(1, n * EXAMPLES // _NAMED_FOR)
