"""When to try again and when to look again: values and arithmetic, no waiting."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy:
    """How often a request is repeated after a passing fault, and how long is waited before.

        org = sfframe.Org(local.url, local.org.auth, retry=sfframe.RetryPolicy(max_tries=3))

    Attributes:
        max_tries: Requests in all, the first one included.
        first_wait_s: Upper end of the first wait; each further one is twice as long.
        max_wait_s: Upper end of any wait of our own.
        max_retry_after_s: The longest wait that the org can ask for with `Retry-After`.
    """

    max_tries: int = 6
    first_wait_s: float = 0.5
    max_wait_s: float = 30.0
    max_retry_after_s: float = 300.0

    def wait_s(self, tries: int, *, retry_after_s: float | None = None) -> float:
        """Seconds to wait after `tries` requests: what the org asks for, else doubled each time, jittered."""
        if retry_after_s is not None:
            return min(max(retry_after_s, 0.0), self.max_retry_after_s)
        ceiling = min(self.max_wait_s, self.first_wait_s * 2.0 ** min(tries - 1, 30))
        # Jitter keeps jobs that met the same fault from coming back all at once; nobody gains by guessing it.
        return ceiling * random.uniform(0.5, 1.0)  # nosec B311

    def patient(self) -> RetryPolicy:
        """For what must not be given up lightly: twice the tries, some three minutes by default."""
        return replace(self, max_tries=self.max_tries * 2)

    def slow(self) -> RetryPolicy:
        """For limits that pass only when others are done: waits eight times as long."""
        return replace(self, first_wait_s=self.first_wait_s * 8, max_wait_s=self.max_wait_s * 2)


@dataclass(frozen=True, kw_only=True, slots=True)
class PollPolicy:
    """How long to wait between two looks at a job. Each look is an API call.

        org = sfframe.Org(local.url, local.org.auth, poll=sfframe.PollPolicy(first_wait_s=5, max_wait_s=60))

    Attributes:
        first_wait_s: Before the first look: short, a small job is done in no time.
        growth: Factor from wait to wait while nothing changes.
        max_wait_s: The longest wait.
    """

    first_wait_s: float = 0.2
    growth: float = 1.5
    max_wait_s: float = 20.0

    def next_s(self, wait_s: float | None = None, *, changed: bool = False) -> float:
        """Seconds to the next look.

        Args:
            wait_s: The wait before the last look; `None` if there was none yet.
            changed: The last look showed progress. Looks come closer again then, but not all the way.
        """
        if wait_s is None:
            return min(self.first_wait_s, self.max_wait_s)
        factor = self.growth**-2 if changed else self.growth
        return min(max(wait_s * factor, self.first_wait_s), self.max_wait_s)

    def starting_at(self, seconds: float) -> PollPolicy:
        """The same with a user's `poll_interval` as its first wait."""
        return replace(self, first_wait_s=seconds, max_wait_s=max(seconds, self.max_wait_s))


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeouts:
    """How long silence is taken for work, in seconds. No request has a limit in all: 100 MB take their time.

        org = sfframe.Org(local.url, local.org.auth, timeouts=sfframe.Timeouts(connect_s=10))

    Less than 100 bytes a second is silence too, so that nobody is held by a server that sends a byte a minute.

    Attributes:
        connect_s: Until a connection stands.
        idle_s: Without a byte of an answer, or without a byte of an upload being taken.
        upload_s: From the last byte of an upload to the first of its answer.
    """

    connect_s: float = 30.0
    idle_s: float = 120.0
    upload_s: float = 600.0
