"""Ahead: what pages are decoded to, in their order, whatever their sizes; and nothing after the page that fails."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfframe.query import ahead
from sfframe.query.ahead import Ahead
from sfframe.query.pages.page import Page

CONTENTS: dict[str, Any] = {
    "large": b"x" * ahead._LARGE,
    "small": b"x" * (ahead._LARGE - 1),
    "records": [{}] * ahead._LARGE,
}
Script = list[tuple[str, int, int, str]]


class Failure(Exception):  # noqa: N818  # no error of anybody's
    """A page that fails."""


@dataclass
class Source:
    """Pages, each with the number of turns of the loop that it takes to come and to be decoded, and where it fails.

    Attributes:
        script: Of each page its kind, those turns, and "", "page" or "decode".
        n_asked: How many pages were asked for.
        most_decoding: How many were decoded at once at most.
    """

    script: Script
    n_asked: int = 0
    most_decoding: int = 0
    _is_asked: bool = False
    _decoding: list[int] = field(default_factory=list)

    async def page(self) -> Page | None:
        assert not self._is_asked, "two at once"
        self._is_asked = True
        n, self.n_asked = self.n_asked, self.n_asked + 1
        try:
            if n >= len(self.script):
                return None
            kind, turns, _, fails = self.script[n]
            await turns_of(turns)
            if fails == "page":
                raise Failure(n)
            return Page(content=CONTENTS[kind], n_rows=n)
        finally:
            self._is_asked = False

    async def decode(self, page: Page) -> int:
        n = page.n_rows
        assert n is not None
        self._decoding.append(n)
        self.most_decoding = max(self.most_decoding, len(self._decoding))
        try:
            await turns_of(self.script[n][2])
        finally:
            self._decoding.remove(n)
        if self.script[n][3] == "decode":
            raise Failure(n)
        return n

    def ahead(self) -> Ahead[int]:
        return Ahead(self.page, self.decode)


async def turns_of(n: int) -> None:
    for _ in range(n):
        await asyncio.sleep(0)


@contextmanager
def nothing_left() -> Iterator[None]:
    """No task is left, and no failure of one that nobody took."""
    loop, odd = asyncio.get_running_loop(), list[Any]()
    loop.set_exception_handler(lambda _, context: odd.append(context))
    yield
    assert asyncio.all_tasks() == {asyncio.current_task()}
    gc.collect(1)  # what is young
    assert odd == []


async def cancelled_after(turns: int, awaitable: Any) -> Any:
    """What it gives, or `None` if it was cancelled after so many turns of the loop."""
    task = asyncio.ensure_future(awaitable)
    await turns_of(turns)
    task.cancel()
    await asyncio.wait({task})
    return None if task.cancelled() else task.result()


TURNS = st.integers(0, 4)
SCRIPTS = st.lists(
    st.tuples(st.sampled_from(["large", *CONTENTS]), TURNS, TURNS,
              st.sampled_from(["", "", "", "", "page", "decode"])), max_size=7)  # fmt: skip
# Between two calls so many turns pass; a number of turns after which the call is cancelled, or none.
CALLS = st.lists(st.tuples(TURNS, st.none() | TURNS), max_size=20)


@given(script=SCRIPTS, calls=CALLS, are_all_taken=st.booleans())
def test_all_up_to_the_page_that_fails_comes_once_and_in_order(
    script: Script, calls: list[tuple[int, int | None]], are_all_taken: bool
) -> None:
    source = Source(script)
    n_good = next((n for n, page in enumerate(script) if page[3]), len(script))

    async def taken() -> list[int]:
        rows, found = source.ahead(), list[int]()
        patient = [(0, None)] * (len(script) + 3) if are_all_taken else []
        try:
            for pause, patience in [*calls, *patient]:
                await turns_of(pause)
                call = rows.next() if patience is None else cancelled_after(patience, rows.next())
                (one,) = list[Any](await asyncio.gather(call, return_exceptions=True))
                if isinstance(one, Failure):
                    assert (one.args, len(found)) == ((n_good,), n_good)
                elif one is not None:
                    found.append(one)
                assert min(source.n_asked, len(script)) <= len(found) + 2
        finally:
            await rows.close()
        return found

    async def alone() -> list[int]:
        with nothing_left():
            return await taken()

    found = asyncio.run(alone())
    assert found == list(range(len(found)))
    assert len(found) == n_good if are_all_taken else len(found) <= n_good
    assert source.most_decoding <= 2


async def test_two_large_pages_are_decoded_at_once_and_no_more() -> None:
    both = asyncio.Barrier(2)
    source = Source([("large", 0, 0, "")] * 4)

    async def decode(page: Page) -> Any:
        await both.wait()  # nobody goes on before two are here
        await turns_of(5)
        return page.n_rows, source.n_asked

    rows = Ahead(source.page, decode)
    async with asyncio.timeout(10):  # else it would hang where it fails
        assert [await rows.next() for _ in range(4)] == [(0, 2), (1, 2), (2, 4), (3, 4)]
    await rows.close()


async def test_two_are_under_way_while_nobody_waits() -> None:
    source = Source([("large", 0, 0, "")] * 9)
    rows = source.ahead()
    for n in range(3):
        assert await rows.next() == n
        await turns_of(9)
        assert source.n_asked == n + 3
    await rows.close()


async def test_no_page_is_asked_for_before_the_one_before_it_is_here() -> None:
    source = Source([("large", 0, 1, ""), ("large", 9, 0, ""), ("large", 0, 0, "")])
    rows = source.ahead()
    assert [await rows.next() for _ in range(4)] == [0, 1, 2, None]
    await rows.close()


@pytest.mark.parametrize("kind", ["small", "records"])
async def test_after_a_small_page_the_next_one_is_asked_for_when_somebody_waits_for_it(kind: str) -> None:
    source = Source([(kind, 0, 1, "")] * 3)
    rows = source.ahead()
    for n in range(3):
        assert source.n_asked == n
        assert await rows.next() == n
        await turns_of(5)
    await rows.close()


async def test_rows_before_a_page_that_fails_come_first_and_its_failure_stays() -> None:
    rows = Source([("large", 0, 9, ""), ("large", 0, 1, "decode"), ("large", 0, 99, ""), ("large", 0, 0, "")]).ahead()
    assert await rows.next() == 0
    for _ in range(2):
        with nothing_left(), pytest.raises(Failure, match="1"):
            await rows.next()
    await rows.close()


@pytest.mark.parametrize("turns", range(1, 10))
@pytest.mark.parametrize("fails", ["", "page", "decode"])
async def test_closed_while_somebody_waits_it_leaves_nothing(turns: int, fails: str) -> None:
    rows = Source([("large", 1, 2, fails), ("large", 1, 2, ""), ("large", 1, 2, "decode")]).ahead()
    with nothing_left():
        waiting = asyncio.create_task(rows.next())
        await turns_of(turns)
        await rows.close()
        await asyncio.wait({waiting})
        assert waiting.cancelled() or waiting.exception() is None or isinstance(waiting.exception(), Failure)
