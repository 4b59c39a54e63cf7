"""Cost: what a call uses of an org's allowances. Arithmetic, and one pass of writing; no I/O but reading the rows."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sfframe.ingest.columns import Layout
from sfframe.ingest.payload import Cut, parts
from sfframe.ingest.spool import Rows
from sfframe.org.retry import PollPolicy

API_REQUESTS: Final = "DailyApiRequests"
BATCHES: Final = "DailyBulkApiBatches"
_BATCH: Final = 10_000  # rows that the org processes as one batch (wire notes, 3.9)
_CALLS_BESIDE_LOOKS: Final = 6  # create, PUT, PATCH, three results
_MOST_LOOKS: Final = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class PartSize:
    """How much is in one job."""

    n_rows: int
    n_bytes: int

    @property
    def n_batches(self) -> int:
        """Batches that the org makes of it."""
        return batches_of(self.n_rows)


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """What the CSV of a call came to.

    Attributes:
        parts: One job each, in order.
        digest: The same for the same bytes in the same parts.
    """

    parts: Sequence[PartSize]
    digest: str


def written(rows: Rows, layout: Layout, cut: Cut) -> Written:
    """Write the rows as they would be sent, and keep nothing of it but what it came to; one part is in memory."""
    sizes, digest = [], hashlib.blake2b(digest_size=16)
    for part in parts(rows, layout, cut):
        sizes.append(PartSize(n_rows=part.n_rows, n_bytes=len(part.data)))
        digest.update(part.data)
        digest.update(len(part.data).to_bytes(8))
        part.data = memoryview(b"")
    return Written(parts=tuple(sizes), digest=digest.hexdigest())


def batches_of(n_rows: int) -> int:
    """Batches that the org makes of a job's rows: each counts, also with one row in it (wire notes, 10)."""
    return max(1, math.ceil(n_rows / _BATCH))


def calls_for(n_looks: int) -> int:
    """API calls for one job that is looked at so often while it runs."""
    return _CALLS_BESIDE_LOOKS + n_looks


def looks_at(part: PartSize, seconds: float, poll: PollPolicy) -> int:
    """How often a job is looked at until its end, if it takes so long and its batches end one after the other.

    Args:
        part: What is in it.
        seconds: How long the org works on it.
        poll: How often it is looked at.
    """
    wait_s, now, n_done, changed = None, 0.0, 0, False
    for n_looks in range(1, _MOST_LOOKS):
        wait_s = poll.next_s(wait_s, changed=changed)
        now += wait_s
        if now >= seconds:
            return n_looks
        changed = int(part.n_batches * now / seconds) > n_done
        n_done = int(part.n_batches * now / seconds)
    return _MOST_LOOKS
