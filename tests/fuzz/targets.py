"""All that is fed."""

from __future__ import annotations

from tests.fuzz import describes, files, jobs, logins, reads
from tests.fuzz.target import Target

TARGETS: dict[str, Target] = {one.name: one for room in (jobs, logins, describes, reads, files) for one in room.TARGETS}
