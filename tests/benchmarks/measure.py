"""Wall, CPU and memory of one call in the process that makes it."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What a call took; `peak_mb` is resident memory above what the process held before the call."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    before_mb: float


def measured(call: Callable[[], T]) -> tuple[T, Cost]:
    before_mb = _forget_peak()
    cpu, wall = cpu_s(), time.perf_counter()
    answer = call()
    wall_s, used_s = time.perf_counter() - wall, cpu_s() - cpu
    return answer, Cost(wall_s=wall_s, cpu_s=used_s, peak_mb=_peak_mb() - before_mb, before_mb=before_mb)


def cpu_s() -> float:
    """CPU seconds of this process, all its threads, and the processes it waited for."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _forget_peak() -> float:
    """Resident memory now, in MB, with the peak so far forgotten where the system can do that.

    Where it can't, the peak so far counts as held now, and growth below it is not seen.
    """
    if not _CLEAR_REFS.exists():
        return _peak_mb()
    _CLEAR_REFS.write_text("5")
    return _status_mb("VmRSS")


def _peak_mb() -> float:
    if _STATUS.exists():
        return _status_mb("VmHWM")
    unit = 1e6 if sys.platform == "darwin" else 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def _status_mb(name: str) -> float:
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024 / 1e6
