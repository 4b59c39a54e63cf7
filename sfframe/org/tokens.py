"""One token for all loops and threads of an Org, renewed once for however many wait."""

from __future__ import annotations

import asyncio
import copy
import logging
import os
import re
import shutil
import subprocess  # nosec B404  # for the Salesforce CLI alone
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from typing import Final, cast

from sfframe.errors import ApiError, AuthenticationError
from sfframe.org.address import host_of
from sfframe.org.answers import Response
from sfframe.org.auth import AccessToken, Auth, Command, Flow, RefreshToken, Token, TokenRequest
from sfframe.org.retry import RetryPolicy

_log = logging.getLogger("sfframe.org")
_COMMAND_PATIENCE_S: Final = 120.0

Send = Callable[[TokenRequest], Awaitable[Response]]


class Tokens:
    """Holds the token and drives the flow that makes it."""

    def __init__(self, url: str, auth: Auth, *, retry: RetryPolicy) -> None:
        self._url = url
        self._auth = auth
        self._retry = retry
        self._token: Token | None = None
        self._flight: Future[Token | None] | None = None
        self._lock = threading.Lock()
        self._pid = os.getpid()

    @property
    def current(self) -> Token | None:
        """The token in use, if one was fetched."""
        return self._token

    @property
    def can_renew(self) -> bool:
        return not isinstance(self._auth, AccessToken)

    async def get(self, send: Send, *, instead_of: Token | None = None) -> Token:
        """The token; fetched if there is none yet, or if the one there is `instead_of`.

        Whoever comes first fetches, all others wait for it, on whatever loop or thread they are. If the first
        is cancelled meanwhile, the next one fetches.

        Raises:
            AuthenticationError: The login was refused.
            ApiError: The login host can't be reached.
        """
        while True:
            token, flight, leads = self._look(instead_of)
            if token is not None or flight is None:
                return cast("Token", token)
            if leads:
                return await self._lead(flight, send)
            try:
                fetched = await asyncio.wrap_future(flight)
            except (ApiError, AuthenticationError) as error:
                # Each waiter raises its own copy: one error in many tasks would mix up their tracebacks.
                raise copy.copy(error) from error
            if fetched is not None:
                return fetched

    def _look(self, instead_of: Token | None) -> tuple[Token | None, Future[Token | None] | None, bool]:
        if self._pid != os.getpid():  # forked: whoever held the lock or was fetching stayed in the parent
            self._pid, self._lock, self._flight = os.getpid(), threading.Lock(), None
        with self._lock:
            token = self._token if self._token is not instead_of else None
            leads = token is None and self._flight is None
            if leads:
                self._flight = Future()
                self._flight.set_running_or_notify_cancel()  # so that a waiter's cancellation stays its own
            return token, self._flight, leads

    async def _lead(self, flight: Future[Token | None], send: Send) -> Token:
        try:
            token = await self._fetch(send)
        except BaseException as error:
            with self._lock:
                self._flight = None
            if isinstance(error, Exception):
                flight.set_exception(error)
            else:
                flight.set_result(None)
            raise
        with self._lock:
            self._token, self._flight = token, None
        flight.set_result(token)
        return token

    async def _fetch(self, send: Send) -> Token:
        tries = 0
        while True:
            tries += 1
            try:
                token = _usable(await _walk(self._auth.flow(self._url), send))
            except AuthenticationError as error:
                if error.error_code != "rate_limit_exceeded" or tries >= self._retry.max_tries:
                    raise
            else:
                _log.debug("a token for %s by %s", host_of(token.instance_url), type(self._auth).__name__)
                if isinstance(self._auth, RefreshToken):
                    self._auth = self._auth.rotated(token)
                return token
            await asyncio.sleep(self._retry.slow().wait_s(tries))


def _usable(token: Token) -> Token:
    if not re.fullmatch(r"[!-~]+", token.access_token):
        raise AuthenticationError(
            "the access token holds a blank, a line break or another character that no token has; "
            "where it was read from a file, strip it"
        )
    return token


async def _walk(flow: Flow, send: Send) -> Token:
    try:
        step = next(flow)
        while True:
            answer = await (_run(step) if isinstance(step, Command) else send(step))
            step = flow.send(answer)
    except StopIteration as end:
        return cast("Token", end.value)


async def _run(command: Command) -> Response:
    program = shutil.which(command.args[0])
    if program is None:
        raise AuthenticationError(f"`{command.args[0]}` isn't installed, or not on the PATH")
    try:
        return await asyncio.to_thread(_answer, (program, *command.args[1:]))
    except (OSError, subprocess.TimeoutExpired):
        pass
    # Neither of these errors is handed on: both may hold what the program has printed.
    raise AuthenticationError(f"`{' '.join(command.args)}` gave no answer")


def _answer(args: Sequence[str]) -> Response:
    done = subprocess.run(  # nosec B603  # no shell; the alias is looked at before
        args,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_COMMAND_PATIENCE_S,
        check=False,
        # The program has its own session; the logins of other orgs are no affair of it and its plug-ins.
        env={name: value for name, value in os.environ.items() if not name.startswith("SFFRAME_")},
    )
    return Response(done.returncode, {}, done.stdout)
