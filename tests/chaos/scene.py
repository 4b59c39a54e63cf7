"""What happens: the call, the org, the faults, the deaths; all of it drawn from one seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from tests.chaos.faults import AFTER, BEFORE, LATER, REQUESTS, SHORT, Fault, Outage
from tests.chaos.org import Habits

_VERBS = ("insert", "insert", "insert", "upsert", "update", "delete", "hard_delete")
_CODES = ("UNABLE_TO_LOCK_ROW", "UNKNOWN_EXCEPTION", "SERVER_UNAVAILABLE")
_MOST_ROWS = 8
_MOST_PARTS = 3
_DAY_S = 86_400.0


@dataclass(frozen=True, kw_only=True)
class Death:
    """The end of a process.

    Attributes:
        step: At which step of the loop, counted from the start of the process.
        gap_s: Seconds until somebody takes the run up.
        by_call: It is taken up by the same call, not by `resume`.
        torn: How many bytes of a write that was never finished are at the end of the log.
    """

    step: int
    gap_s: float
    by_call: bool
    torn: int


@dataclass(frozen=True)
class Twist:
    """One thing that is other than usual: an option, a habit, a fault, an outage, or a death."""

    kind: str
    value: Any


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One seed's story."""

    seed: int
    verb: str
    n_rows: int
    twists: tuple[Twist, ...]

    @classmethod
    def of(cls, seed: int) -> Scene:
        """The scene of a seed."""
        dice = Random(f"scene {seed}")
        verb, n_rows = dice.choice(_VERBS), dice.choice((0, 1, 1, 1, 2, 2, 3, 3, 4, _MOST_ROWS))
        drawn = [*_options(dice, n_rows), *_habits(dice, n_rows), *_faults(dice), *_deaths(dice)]
        return cls(seed=seed, verb=verb, n_rows=n_rows, twists=tuple(drawn))

    def keeping(self, numbers: Iterable[int]) -> Scene:
        """The same with some of its twists alone."""
        return replace(self, twists=tuple(self.twists[n] for n in sorted(set(numbers)) if n < len(self.twists)))

    def all(self, kind: str) -> list[Any]:
        """The values of all twists of a kind, in order."""
        return [twist.value for twist in self.twists if twist.kind == kind]

    @property
    def options(self) -> dict[str, Any]:
        """The options of the call."""
        return dict(self.all("option"))

    @property
    def has_journal(self) -> bool:
        """Whether the call has a journal."""
        return bool(self.all("journal"))

    def habits(self) -> Habits:
        """How the org treats jobs."""
        given: dict[str, Any] = {}
        for name, value in self.all("habit"):
            given[name] = {**given[name], **value} if name in given and isinstance(value, dict) else value
        return Habits(**given)


def _maybe(dice: Random, chance: float, draw: Callable[[], Twist]) -> list[Twist]:
    return [draw()] if dice.random() < chance else []


def _options(dice: Random, n_rows: int) -> list[Twist]:
    def option(name: str, *values: Any) -> Callable[[], Twist]:
        return lambda: Twist("option", (name, dice.choice(values)))

    return [
        *_maybe(dice, 0.6, lambda: Twist("journal", None)),
        *_maybe(dice, 0.5, option("max_records", *(n for n in (1, 2, 3, 5) if n * _MOST_PARTS >= n_rows))),
        *_maybe(dice, 0.2, option("max_payload_bytes", 250, 400)),
        *_maybe(dice, 0.3, option("max_concurrent_jobs", 1, 2, 3)),
        *_maybe(dice, 0.2, option("group_by", "FirstName")),
        *_maybe(dice, 0.2, option("retry_rows", None, {"UNABLE_TO_LOCK_ROW": 1}, {"UNKNOWN_EXCEPTION": 3})),
        *_maybe(dice, 0.2, option("timeout", 0.5, 5.0, 60.0, 200.0)),
        *_maybe(dice, 0.2, option("describe", False)),
        *_maybe(dice, 0.2, option("poll_interval", 0.5, 30.0)),
        *_maybe(dice, 0.2, option("nulls", {"FirstName": "clear"})),
        *_maybe(dice, 0.2, option("on_failure", "raise", "warn")),
        *_maybe(dice, 0.15, lambda: Twist("too long", dice.randrange(_MOST_ROWS))),
        *_maybe(dice, 0.2, lambda: Twist("frame", dice.choice(("pandas", "arrow", "lazy")))),
    ]


def _habits(dice: Random, n_rows: int) -> list[Twist]:
    def habit(name: str, draw: Callable[[], Any]) -> Callable[[], Twist]:
        return lambda: Twist("habit", (name, draw()))

    def rows() -> dict[str, int]:
        return {f"row {n}": dice.choice((1, 1, 1, 2, 5)) for n in range(n_rows) if dice.random() < 0.4}

    def nth(*values: float) -> Callable[[], dict[int, float]]:
        return lambda: {dice.choice((1, 1, 2, 3)): dice.choice(values)}

    return [
        *_maybe(dice, 0.6, habit("batch_rows", lambda: dice.choice((1, 2, 4)))),
        *_maybe(dice, 0.3, habit("batch_s", lambda: dice.choice((0.01, 1.0, 5.0)))),
        *_maybe(dice, 0.3, habit("locked", rows)),
        *_maybe(dice, 0.3, habit("codes", lambda: tuple(dice.choices(_CODES, k=2)))),
        *_maybe(dice, 0.3, habit("echo", lambda: "verbatim")),
        *_maybe(dice, 0.15, habit("fails", nth(0, 1, 2))),
        *_maybe(dice, 0.08, habit("aborted", nth(0, 1, 2))),
        *_maybe(dice, 0.06, habit("deleted", nth(0.0, 0.5, 30.0))),
        *_maybe(dice, 0.1, habit("stalls", nth(3.0, 10.0, 100.0))),
        *_maybe(dice, 0.1, habit("results_lag_s", lambda: dice.choice((0.2, 3.0, 30.0)))),
        *_maybe(dice, 0.05, habit("counters_lag_s", lambda: dice.choice((0.2, 3.0)))),
        *_maybe(dice, 0.1, habit("names_rest", lambda: False)),
        *_maybe(dice, 0.05, habit("refuses_lf", lambda: True)),
    ]


def _faults(dice: Random) -> list[Twist]:
    kinds = (*BEFORE, *AFTER, *LATER)

    def fault() -> Twist:
        request = dice.choice((*REQUESTS, "close", "close", "upload", "connect"))
        if request == "connect":
            what = dice.choice(("refused", "silent"))
            return Twist("fault", Fault(request=request, nth=dice.randint(1, 4), what=what))
        what = dice.choice((*kinds, SHORT, SHORT) if request in ("successful", "failed", "unprocessed") else kinds)
        seconds = dice.choice((0.1, 1.0, 10.0, 100.0, 400.0, 1500.0))
        nth = dice.choice((1, 1, 1, 2, 2, 3, 4))
        return Twist("fault", Fault(request=request, nth=nth, what=what, seconds=seconds))

    def outage() -> Twist:
        begin = dice.choice((0.0, 0.5, 1.0, 2.0, 5.0, 20.0)) * dice.random()
        length = dice.choice((0.5, 5.0, 60.0, 3000.0))
        return Twist("outage", Outage(begin=begin, end=begin + length, answers=dice.random() < 0.5))

    n_faults = dice.choice((0, 1, 1, 1, 2, 2, 3, 4))
    return [*(fault() for _ in range(n_faults)), *_maybe(dice, 0.15, outage)]


def _deaths(dice: Random) -> list[Twist]:
    def death() -> Twist:
        gap_s = dice.choice((0.0, 0.05, 1.0, 60.0, 3600.0, 2 * _DAY_S, 8 * _DAY_S))
        return Twist(
            "death",
            Death(
                step=int(dice.choice((30, 100, 300)) * dice.random()) + 1,
                gap_s=gap_s,
                by_call=dice.random() < 0.4,
                torn=dice.choice((0, 0, 1, 100, 5000)),
            ),
        )

    return [death() for _ in range(dice.choice((0, 0, 0, 0, 1, 1, 1, 2)))]
