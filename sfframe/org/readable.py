"""Answers that can be read: a page of the edge or of maintenance may come as a success (wire notes, 9.1)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sfframe.errors import ApiError
from sfframe.org.answers import Response
from sfframe.org.retry import RetryPolicy

T = TypeVar("T")


async def readable(ask: Callable[[], Awaitable[Response]], read: Callable[[Response], T], retry: RetryPolicy) -> T:
    """What an answer says, asked for again while it says nothing that can be read.

    Args:
        ask: Asks; what it raises is raised. Asking twice does no harm.
        read: Reads the answer; raises `ApiError` if it isn't what it should be.
        retry: How often, and with which waits.

    Raises:
        ApiError: What `read` raised at the last try.
    """
    tries = 0
    while True:
        tries += 1
        response = await ask()
        try:
            return read(response)
        except ApiError:
            if tries >= retry.max_tries:
                raise
        await asyncio.sleep(retry.wait_s(tries))
