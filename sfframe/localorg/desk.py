"""Where faults are counted: which of them a request, a job or a row meets, and which were met."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from sfframe.localorg.faults import Fault
from sfframe.localorg.saving.header import ROW, cell

_LOCKED = "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record or 200 records:--"
_LOG_LENGTH = 10_000

# The same fault may stand in the list several times, or an equal one; each of them is one of its own.
_Key = tuple[int, int]


class MetFault(NamedTuple):
    """A fault that has happened, and to what: path and query of a request, a job's object, `row 17`.

    For example:

        from sfframe.testing import Fault

        local.faults = [Fault("put", "status", status=503, retry_after=0)]
        contacts.sfbulk.insert("Contact")
        for met in local.fault_log:
            print(met.fault.effect, met.subject.rsplit("/")[-1])
        # status batches
    """

    fault: Fault
    subject: str


class FaultDesk:
    """Counts what happens and says which fault it meets. Safe from any thread.

    Args:
        faults: The list, which may be changed at any time.
    """

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults
        self.met = 0
        self.log: deque[MetFault] = deque(maxlen=_LOG_LENGTH)
        self._lock = threading.Lock()
        self._seen: Counter[Any] = Counter()
        self._done: Counter[Any] = Counter()
        self._looks: dict[str, int] = {}
        self._kept: dict[int, Fault] = {}

    def forget(self) -> None:
        """Count from the beginning."""
        with self._lock:
            self.met = 0
            self.log.clear()
            self._seen.clear()
            self._done.clear()
            self._looks.clear()
            self._kept.clear()

    def meet(self, where: str, subject: str) -> Fault | None:
        """The fault that this request or job meets: the first of those that are due."""
        if not self.faults:
            return None
        fitting = [(key, fault) for key, fault in self._listed() if fault.fits(where, subject)]
        with self._lock:
            return self._pick(fitting, subject)

    # Jobs that are held back until somebody has looked often enough.

    def hold(self, job_id: str, fault: Fault) -> None:
        """Count the looks at a job that is stuck."""
        if fault.looks is not None:
            with self._lock:
                self._looks[job_id] = fault.looks

    def looked(self, job_id: str) -> bool:
        """Somebody looked at a job; says whether it may go on now."""
        if not self._looks:
            return False
        with self._lock:
            left = self._looks.pop(job_id, 0) - 1
            if left > 0:
                self._looks[job_id] = left
            return left == 0

    # Rows.

    def for_rows(self, headers: Sequence[str]) -> Callable[[pa.Table], Mapping[int, str]] | None:
        """Picks rows that fail, while there is such a fault at all."""
        if not any(fault.where == "rows" for fault in list(self.faults)):
            return None
        return lambda rows: self._pick_rows(headers, rows)

    def _pick_rows(self, headers: Sequence[str], rows: pa.Table) -> dict[int, str]:
        numbers: list[int] = rows.column(ROW).to_numpy().tolist()
        texts = zip(*(rows.column(cell(index)).to_pylist() for index in range(len(headers))), strict=True)
        listed = [(key, fault) for key, fault in self._listed() if fault.where == "rows"]
        picked: dict[int, str] = {}
        for number, cells in zip(numbers, texts, strict=True):
            joined, values = ",".join(cells), dict(zip(headers, cells, strict=True))
            fitting = [((key, joined), fault) for key, fault in listed if fault.fits("rows", joined, values)]
            with self._lock:
                fault = self._pick(fitting, f"row {number}")
            if fault is not None:
                picked[number] = fault.error or _LOCKED
        return picked

    # Counting.

    def _listed(self) -> Iterator[tuple[_Key, Fault]]:
        before: Counter[int] = Counter()
        for fault in list(self.faults):
            self._kept[id(fault)] = fault  # as long as it is counted its number isn't given to another
            yield (id(fault), before[id(fault)]), fault
            before[id(fault)] += 1

    def _pick(self, fitting: Sequence[tuple[Any, Fault]], subject: str) -> Fault | None:
        picked: Fault | None = None
        for key, fault in fitting:
            self._seen[key] += 1
            is_due = self._seen[key] >= fault.nth and (fault.times is None or self._done[key] < fault.times)
            if is_due and picked is None:
                picked = fault
                self._done[key] += 1
        if picked is not None:
            self.met += 1
            self.log.append(MetFault(picked, subject))
        return picked
