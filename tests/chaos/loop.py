"""A loop whose time passes only when there is nothing to do, and whose worker threads are steps of its own."""

from __future__ import annotations

import asyncio
import itertools
import selectors
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any, cast

# A thread is given work and gives it back in no time, though not in none: others come in between.
_LONGEST_WORK_S = 0.01


class StuckError(Exception):
    """Everything waits, and nothing is ever going to happen."""


class SimulatedLoop(asyncio.SelectorEventLoop):
    """One seed, one sequence of steps.

    Args:
        seed: Decides how long the work of threads takes, and so which of them is done first.

    Attributes:
        steps: How many there were.
        at_step: What is to happen at a step, by its number.
    """

    def __init__(self, seed: int) -> None:
        self._now = 1_000.0
        super().__init__(_Selector(self))
        self.steps = 0
        self.at_step: dict[int, Callable[[], None]] = {}
        self._dice = Random(f"loop {seed}")
        self._numbers = itertools.count()
        self.set_task_factory(cast("Any", self._task))

    def time(self) -> float:
        return self._now

    def skip(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        del executor
        done = self.create_future()
        self.call_later(self._dice.random() * _LONGEST_WORK_S, self._work, done, func, args)
        return done

    def _work(self, done: asyncio.Future[Any], func: Callable[..., Any], args: tuple[Any, ...]) -> None:
        if done.cancelled():
            return  # as a pool does with what no thread has begun
        try:
            result = func(*args)
        except BaseException as error:  # noqa: BLE001  (it is the caller's)
            done.set_exception(error)
        else:
            done.set_result(result)

    def create_future(self) -> asyncio.Future[Any]:
        return _Future(next(self._numbers), loop=self)

    def _task(self, loop: Any, coroutine: Coroutine[Any, Any, Any], **options: Any) -> asyncio.Task[Any]:
        return _Task(next(self._numbers), coroutine, loop=loop, **options)

    def _run_once(self) -> None:
        self.steps += 1
        if then := self.at_step.pop(self.steps, None):
            then()
        super()._run_once()  # type: ignore[misc]


# Sets of tasks are gone through in the order of their hashes, which are else the addresses of objects.


class _Future(asyncio.Future[Any]):
    def __init__(self, number: int, **options: Any) -> None:
        super().__init__(**options)
        self._number = number

    def __hash__(self) -> int:
        return self._number


class _Task(asyncio.Task[Any]):
    def __init__(self, number: int, coroutine: Coroutine[Any, Any, Any], **options: Any) -> None:
        self._number = number
        super().__init__(coroutine, **options)

    def __hash__(self) -> int:
        return self._number


class _Selector(selectors.DefaultSelector):
    """Both ends of each socket are here: what isn't ready now won't be before something else has happened."""

    def __init__(self, loop: SimulatedLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise StuckError("everything waits, and nothing will happen")
        if not ready and timeout:
            self._loop.skip(timeout)
        return ready
