"""Try the loads, or one of them: `python -m tests.load`, `python -m tests.load soak`."""

from __future__ import annotations

import logging
import sys
import time

from tests.load import loads

LOADS = {"jobs": loads.jobs, "threads": loads.threads, "parts": loads.parts, "soak": loads.soak}


def main(names: list[str]) -> None:
    """Try those named, or all."""
    logging.disable(logging.CRITICAL)
    for name in names or LOADS:
        begun = time.monotonic()
        told = LOADS[name]()
        sys.stdout.write(f"{name}: {told} ({time.monotonic() - begun:.0f} s)\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
