"""Feeds the client, and judges what becomes of it; makes an input smaller that it doesn't bear."""

from __future__ import annotations

import asyncio
import pickle
import signal
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import FrameType
from typing import cast

import sfframe
from sfframe.org.org import Org
from sfframe.org.wire import Wire
from tests.fuzz.given import Given, Input
from tests.fuzz.org import URL, Answers, Server
from tests.fuzz.targets import TARGETS

HANG_S = 60
_MOST_MESSAGE = 3_000
_TRIES = 400
_RETRY = sfframe.RetryPolicy(max_tries=2, first_wait_s=0, max_wait_s=0, max_retry_after_s=0)
_POLL = sfframe.PollPolicy(first_wait_s=0, max_wait_s=0)
_TIMEOUTS = sfframe.Timeouts(connect_s=HANG_S, idle_s=HANG_S, upload_s=HANG_S)
_TOKEN = sfframe.AccessToken("00D000000000001!AQEAQ.known_before")


class HangError(BaseException):
    """It took too long."""


def _give_up(number: int, frame: FrameType | None) -> None:
    raise HangError


class Feeder:
    """Feeds inputs one after the other, on one loop."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._server = Server()
        self._runner.run(self._server.start())

    def close(self) -> None:
        self._runner.run(self._server.stop())
        self._runner.close()

    def feed(self, sent: Input) -> str | None:
        """Give the client an input; what is wrong with what it makes of it, or `None`."""
        signal.signal(signal.SIGALRM, _give_up)
        signal.alarm(HANG_S)
        try:
            self.call(sent)
        except sfframe.SfframeError as error:
            return _flaw_of(error)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            where = traceback.extract_tb(error.__traceback__)
            own = [f"{one.name} {one.filename.rpartition('/sfframe/')[2]}:{one.lineno}" for one in where]
            return f"{type(error).__name__}: {str(error)[:300]}\n   in {' > '.join(own[-6:])}"
        finally:
            signal.alarm(0)
        return None

    def call(self, sent: Input) -> None:
        """Give the client an input; what it raises is raised."""
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.filterwarnings("ignore", "Salesforce ends the SOAP login", FutureWarning)
            self._runner.run(self._call(sent))

    async def _call(self, sent: Input) -> None:
        target = TARGETS[sent.target]
        variant = target.variants[sent.variant]
        answers = Answers(sent, variant.answers)
        url = self._server.url if sent.by_socket else URL
        async with Org(url, target.login or _TOKEN, retry=_RETRY, poll=_POLL, timeouts=_TIMEOUTS) as org:
            if sent.by_socket:
                self._server.answers, self._server.trouble = answers, None
            else:
                org.transport._wire = cast("Wire", answers)
            try:
                await variant.call(org, sent)
            finally:
                if self._server.trouble is not None:
                    raise self._server.trouble
        if sent.by_socket:
            await self._server.rest()


def _flaw_of(error: sfframe.SfframeError) -> str | None:
    """What is wrong with an error's looks."""
    text = str(error)
    if len(text) > _MOST_MESSAGE:
        return f"a message of {len(text):,} characters: {text[:100]}"
    if not text.strip():
        return f"{type(error).__name__} without a word"
    try:
        text.encode()
        pickle.loads(pickle.dumps(error))
    except Exception as other:  # noqa: BLE001  (whatever it is)
        return f"an error that can't be printed and sent on: {type(other).__name__}: {text[:100]!r}"
    code = getattr(error, "error_code", None)
    return f"an error code that is {code!r:.40}" if not isinstance(code, str | None) else None


def smaller(sent: Input, fails: Callable[[Input], bool]) -> Input:
    """An input that fails like another one, and has less in it.

    Args:
        sent: What fails.
        fails: Whether an input fails likewise.
    """
    tries, is_smaller = 0, True
    while is_smaller and tries < _TRIES:
        is_smaller = False
        for other in _less(sent):
            tries += 1
            if fails(other):
                sent, is_smaller = other, True
                break
            if tries >= _TRIES:
                break
    return sent


def _less(sent: Input) -> Iterator[Input]:
    good = TARGETS[sent.target].variants[sent.variant].answers
    if sent.by_socket:
        yield replace(sent, by_socket=False)
    for kind, given in sent.answers.items():
        if kind in good and given != good[kind]:
            yield _with(sent, kind, good[kind])
        for nth, one in enumerate(given):
            seed = good[kind][min(nth, len(good[kind]) - 1)] if kind in good else Given()
            if one == seed:
                continue
            if one.headers != seed.headers:
                yield _with(sent, kind, (*given[:nth], replace(one, headers=seed.headers), *given[nth + 1 :]))
            for body in _cut(one.body) if one.body != seed.body else ():
                yield _with(sent, kind, (*given[:nth], replace(one, body=body), *given[nth + 1 :]))


def _with(sent: Input, kind: str, given: tuple[Given, ...]) -> Input:
    answers: Mapping[str, tuple[Given, ...]] = {**sent.answers, kind: given}
    return replace(sent, answers=answers)


def _cut(body: bytes) -> Iterator[bytes]:
    size = len(body) // 2
    while size:
        for start in range(0, len(body), size):
            yield body[:start] + body[start + size :]
        size //= 2
