"""Slots: jobs in flight, bounded over all processes that share a folder; a slot goes with its process."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sfframe.bridge import in_thread
from sfframe.errors import JournalInUse
from sfframe.ingest.locked import Locked

_BETWEEN_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Slots:
    """A number of slots: folders, of which each is one process's at a time.

    Attributes:
        folder: Where they are.
        n: How many.
    """

    folder: Path
    n: int

    async def take(self) -> Locked:
        """One of them, as soon as one is free; whoever has it releases it.

        Raises:
            JournalError: The folder can't be used.
        """
        names = [self.folder / f"slot-{at}" for at in range(self.n)]
        random.shuffle(names)  # or all would ask for the same one
        while True:
            taken = await in_thread(_one_of, names)
            if taken is not None:
                return taken
            await asyncio.sleep(_BETWEEN_S)


def _one_of(folders: Sequence[Path]) -> Locked | None:
    for folder in folders:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            return Locked(folder)
        except JournalInUse:
            continue
    return None
