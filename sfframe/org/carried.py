"""Carried: an org on its way to other processes, of which each then has it once."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

from sfframe.org.org import Org

_AT_ONCE: Final = 8  # orgs that a process may be at
_here: deque[Org] = deque(maxlen=_AT_ONCE)
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Carried:
    """An org in what an engine sends to its workers, as often as it does: a process that gets it has it once.

    So its tasks share one token, one set of connections and one set of describes. Pickled, it holds the secrets of its
    login, as an Org does.

    Attributes:
        org: The org; the same is given by a call.
    """

    org: Org = field(repr=False)

    def __call__(self) -> Org:
        return self.org

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrived, (self.org,)


def _arrived(org: Org) -> Carried:
    """The org that is here already, if one that is equal came before: same login, same settings."""
    with _lock:
        known = next((one for one in _here if one == org), org)
        if known is org:
            _here.appendleft(org)
    return Carried(known)
