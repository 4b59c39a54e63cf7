"""Slots: jobs in flight, bounded over all processes of a call; a slot goes with its process."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sfframe.bridge import in_thread
from sfframe.errors import JournalInUse


class Slot(Protocol):
    """What one process has at a time."""

    def release(self) -> None:
        """Let others have it."""


@dataclass(frozen=True, slots=True)
class Slots:
    """A number of slots, by names of which each is one process's at a time.

    Attributes:
        taken: Takes a name, or raises `JournalInUse`.
        n: How many there are.
        between_s: Seconds between two looks at them.
    """

    taken: Callable[[str], Slot]
    n: int
    between_s: float

    async def take(self) -> Slot:
        """One of them, as soon as one is free; whoever has it releases it.

        Raises:
            JournalError: They can't be had.
        """
        names = [f"slots/slot-{at}" for at in range(self.n)]
        random.shuffle(names)  # or all would ask for the same one
        while True:
            taken = await in_thread(self._one_of, names)
            if taken is not None:
                return taken
            await asyncio.sleep(self.between_s)

    def _one_of(self, names: Sequence[str]) -> Slot | None:
        for name in names:
            try:
                return self.taken(name)
            except JournalInUse:
                continue
        return None
