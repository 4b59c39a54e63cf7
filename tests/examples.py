"""How many examples of a property are tried: fewer where each is dear, and more of all for a longer look."""

from __future__ import annotations

import os

_USUAL = 50
# Of a property that names no number of its own: SFFRAME_EXAMPLES=1000 looks longer.
EXAMPLES = int(os.environ.get("SFFRAME_EXAMPLES", str(_USUAL)))


def scaled(n: int) -> int:
    """So many examples every day, and in proportion more or fewer where `SFFRAME_EXAMPLES` says so."""
    return max(1, n * EXAMPLES // _USUAL)
