"""What can go wrong between a client and an org, made to happen on purpose (wire notes, 12 and 13)."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

from sfframe.localorg.saving.header import ROW, cell

Match = str | re.Pattern[str] | Callable[[Any], bool]

REQUESTS = frozenset(
    {
        "token",
        "describe",
        "limits",
        "create",
        "put",
        "patch",
        "get_job",
        "results",
        "list",
        "delete",
        "query_create",
        "query_get",
        "query_pages",
        "query_results",
        "rest",
    }
)
_EFFECTS = {
    **dict.fromkeys(
        REQUESTS, frozenset({"drop", "reset", "stall", "status", "html", "truncate", "redirect", "expire"})
    ),
    "rows": frozenset({"lock", "error"}),
    "job": frozenset({"fail", "stuck", "vanish"}),
}
_LOCKED = "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record or 200 records:--"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        where: A kind of request, or "rows", or "job".
        effect: Requests: "drop" (connection closed without an answer), "reset" (the same, by RST), "stall" (no answer
            until the client goes away), "status" (an error), "html" (a gateway's page), "truncate" (the answer is cut),
            "redirect" (to another host), "expire" (all tokens are dead from now on). Rows: "lock", "error". Jobs, once
            they run: "fail" (half-way), "stuck" (half-way, until released or aborted), "vanish" (404 from then on).
        when: Requests and "vanish": before the request has its effect in the org, or after it.
        nth: From the nth occurrence on; for rows, from the nth try of each row.
        times: For so many occurrences; for rows, tries of each row; None: for ever.
        match: Only what fits: for requests the path and query, for jobs the object's name, for rows the cells joined by
            commas, as regular expression to search; a callable gets the same, for rows a dict of header and text.
        status: Of "status" and "html".
        error_code: Of "status".
        retry_after: Seconds, as header of "status" and "html".
        at: Where "truncate" cuts: at the end of a row, or in the middle of one.
        looks_whole: "truncate" pretends that the answer ended there, instead of breaking the connection.
        location: Where "redirect" leads; the path is added.
        error: Text of "error" (`CODE:message:fields --`), or errorMessage of "fail".
        after_rows: "fail", "stuck": rows that are done before; None: half of the chunks.
    """

    where: str
    effect: str
    when: Literal["before", "after"] = "before"
    nth: int = 1
    times: int | None = 1
    match: Match | None = None
    status: int = 503
    error_code: str = "SERVER_UNAVAILABLE"
    retry_after: float | None = None
    at: Literal["row", "middle"] = "row"
    looks_whole: bool = False
    location: str = "https://elsewhere.invalid"
    error: str | None = None
    after_rows: int | None = None

    def __post_init__(self) -> None:
        effects = _EFFECTS.get(self.where)
        if effects is None:
            raise ValueError(f"no fault at {self.where!r}; known are {', '.join(sorted(_EFFECTS))}")
        if self.effect not in effects:
            raise ValueError(f"no effect {self.effect!r} at {self.where!r}; known are {', '.join(sorted(effects))}")
        if self.when not in ("before", "after"):
            raise ValueError(f"when is 'before' or 'after', not {self.when!r}")
        if self.nth < 1 or (self.times is not None and self.times < 1):
            raise ValueError("nth and times count from 1")
        if self.effect == "error" and not self.error:
            raise ValueError("effect 'error' needs error='CODE:message:fields --'")

    def fits(self, subject: str, value: Any = None) -> bool:
        if self.match is None:
            return True
        if callable(self.match):
            return self.match(subject if value is None else value)
        return re.search(self.match, subject) is not None

    def hits(self, occurrence: int) -> bool:
        return occurrence >= self.nth and (self.times is None or occurrence < self.nth + self.times)


class FaultDesk:
    """Counts what happens and says which fault it meets. Safe from any thread."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults
        self.met = 0
        self._lock = threading.Lock()
        self._seen: Counter[Any] = Counter()
        self._kept: dict[int, Fault] = {}

    def forget(self) -> None:
        """Count from the beginning."""
        with self._lock:
            self.met = 0
            self._seen.clear()
            self._kept.clear()

    def meet(self, where: str, subject: str) -> Fault | None:
        """The fault that this request or job meets: the first of those that are due."""
        with self._lock:
            due = [
                fault for fault in self.faults if fault.where == where and fault.fits(subject) and self._is_due(fault)
            ]
            self.met += bool(due)
            return due[0] if due else None

    def for_rows(self, headers: tuple[str, ...]) -> Callable[[pa.Table], Mapping[int, str]] | None:
        """Picks rows that fail, while there is such a fault at all."""
        if not any(fault.where == "rows" for fault in self.faults):
            return None
        return lambda rows: self._pick_rows(headers, rows)

    def _pick_rows(self, headers: tuple[str, ...], rows: pa.Table) -> dict[int, str]:
        numbers: list[int] = rows.column(ROW).to_numpy().tolist()
        texts = zip(*(rows.column(cell(index)).to_pylist() for index in range(len(headers))), strict=True)
        picked: dict[int, str] = {}
        with self._lock:
            faults = [fault for fault in self.faults if fault.where == "rows"]
            for number, cells in zip(numbers, texts, strict=True):
                for fault in faults:
                    joined = ",".join(cells)
                    if fault.fits(joined, dict(zip(headers, cells, strict=True))) and self._is_due(fault, joined):
                        picked[number] = fault.error or _LOCKED
                        self.met += 1
                        break
        return picked

    def _is_due(self, fault: Fault, row: str = "") -> bool:
        # Faults compare by value, but two equal ones in the list are two faults.
        self._kept[id(fault)] = fault
        self._seen[id(fault), row] += 1
        return fault.hits(self._seen[id(fault), row])
