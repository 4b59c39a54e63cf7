"""Chaos: bad days by seed, bad enough to find what a client does wrong and no worse than a right one can bear."""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from sfframe.localorg.faults import Fault, When

Profile = Literal["network", "org", "all"]

# What a client that follows the wire notes (section 12) can settle by itself, whichever moment it strikes.
_SETTLED: Final = (
    "token", "describe", "create", "put", "patch", "get_job", "results", "list",
    "query_create", "query_get", "query_results", "query_pages",
)  # fmt: skip
_PAGED: Final = ("results", "query_results")
_STATUSES: Final = (420, 429, 500, 502, 503, 504)
_CONCURRENT: Final = "ConcurrentRequests (Concurrent API Requests) Limit exceeded."


@dataclass(frozen=True)
class SomeRows:
    """Picks a share of all rows, always the same ones.

    Attributes:
        seed: Which ones.
        share: How many, from 0 to 1.
    """

    seed: int
    share: float

    def __call__(self, row: Mapping[str, str]) -> bool:
        text = json.dumps([self.seed, *row.values()])
        return zlib.crc32(text.encode()) < self.share * 2**32


def chaos(seed: int = 0, profile: Profile = "all") -> list[Fault]:
    """Faults for a bad day, for `LocalOrg(faults=...)`: the same for the same seed.

        from sfframe.testing import chaos

        local.faults = chaos(seed=7, profile="network")
        result = contacts.sfbulk.upsert("Contact", "ExternalId__c")
        print(result.counts["successful"], local.rows("Contact").num_rows)
        # 2 2

    All of them pass: a client that repeats what may be repeated, and looks before it repeats the rest, gets through
    with some three tries for each request, and with each row written once. What no client can mend by itself, such as
    a job that fails half-way, is to be asked for by name: `Fault("job", "fail")`.

    Args:
        seed: Another seed, another day.
        profile: "network": connections break before, during and after a request, answers are cut, gateways and
            limits answer in the org's place, the token dies. "org": rows are locked, jobs hang for some looks,
            counters lag or are missing, the org is busy. "all": both.

    Raises:
        ValueError: There is no such profile.
    """
    if profile not in get_args(Profile):
        raise ValueError(f"no profile {profile!r}; known are {', '.join(get_args(Profile))}")
    faults: list[Fault] = []
    if profile != "org":
        faults += _network(random.Random(f"network {seed}"))  # nosec B311  # the same for a seed
    if profile != "network":
        faults += _org(random.Random(f"org {seed}"))  # nosec B311  # likewise
    return faults


def _network(dice: random.Random) -> list[Fault]:
    faults = [_of_network(where, dice) for where in _SETTLED if dice.random() < 0.6]
    if dice.random() < 0.5:
        # What was done over REST before the answer was lost can't be seen; so nothing was.
        faults.append(Fault("rest", "status", status=dice.choice(_STATUSES), nth=dice.randint(1, 4)))
    if dice.random() < 0.7:
        # Once in all: to find the token dead again right after it was renewed is a refusal.
        faults.append(Fault(dice.choice(_SETTLED[1:]), "expire", dice.choice(("before", "after"))))
    dice.shuffle(faults)
    return faults


def _of_network(where: str, dice: random.Random) -> Fault:
    nth, times = dice.randint(1, 4), dice.randint(1, 2)
    effect = dice.choice(("drop", "reset", "status", "html", "truncate"))
    if effect in ("drop", "reset"):
        when = dice.choice(get_args(When))
        return Fault(where, effect, when, nth, times)
    if effect == "status":
        return Fault(where, effect, dice.choice(("before", "after")), nth, times, status=dice.choice(_STATUSES),
                     retry_after=dice.choice((None, 0, 1)))  # fmt: skip
    if effect == "html":
        return Fault(where, effect, dice.choice(("before", "after")), nth, times, status=dice.choice((502, 503, 504)))
    # Only where the number of rows is told elsewhere can a client see that a body is too short.
    looks_whole = where in _PAGED and dice.random() < 0.5
    at: Literal["row", "middle"] = "row" if dice.random() < 0.5 else "middle"
    return Fault(where, effect, "before", nth, times, at=at, looks_whole=looks_whole, chunked=dice.random() < 0.5)


def _org(dice: random.Random) -> list[Fault]:
    rows = SomeRows(dice.randrange(2**32), dice.choice((0.05, 0.3, 1.0)))
    faults = [
        Fault("rows", "lock", times=dice.randint(1, 2), match=rows),
        Fault("job", "stuck", nth=dice.randint(1, 3), after_rows=dice.choice((0, 1, 200, None)),
              looks=dice.randint(1, 5)),
        Fault("get_job", "lag", nth=dice.randint(1, 4), times=dice.randint(1, 3)),
        Fault("query_get", "lag", nth=dice.randint(1, 4), times=dice.randint(1, 3)),
        Fault("get_job", "omit", nth=dice.randint(1, 4), times=dice.randint(1, 2)),
        Fault("query_get", "omit", nth=dice.randint(1, 4), times=dice.randint(1, 2)),
        Fault("any", "omit", nth=dice.randint(1, 9), times=5, names=("Sforce-Limit-Info",)),
        Fault(dice.choice(_SETTLED[1:]), "status", status=403, error_code="REQUEST_LIMIT_EXCEEDED",
              error=_CONCURRENT, nth=dice.randint(1, 3)),
        Fault(dice.choice(_SETTLED[1:]), "status", status=500, nth=dice.randint(1, 3)),
        Fault(dice.choice(_SETTLED[1:]), "status", status=503, nth=dice.randint(1, 3), retry_after=1),
    ]  # fmt: skip
    return [fault for fault in faults if dice.random() < 0.6]
