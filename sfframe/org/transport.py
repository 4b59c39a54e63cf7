"""Between us and the network: the token, the retry loop, and the door where foreign errors become ours."""

from __future__ import annotations

import asyncio
import enum
import json as jsonlib
import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from sfframe.errors import ApiError
from sfframe.org.address import host_of, is_loopback
from sfframe.org.answers import (
    ApiUsage,
    Response,
    api_usage,
    error_of,
    is_concurrency_limit,
    passes,
    retry_after_s,
)
from sfframe.org.auth import Auth, Token, TokenRequest
from sfframe.org.body import ANSWER_BYTES
from sfframe.org.lost import LostError
from sfframe.org.proxy import Proxy
from sfframe.org.retry import RetryPolicy, Timeouts
from sfframe.org.secret import Secret
from sfframe.org.tokens import Tokens
from sfframe.org.trust import Authorities
from sfframe.org.wire import Body as Body
from sfframe.org.wire import Request, Wire
from sfframe.org.wire import Sink as Sink


def _client() -> str:
    try:
        return f"sfframe/{version('sfframe')}"
    except PackageNotFoundError:  # frozen into a program, or run from its sources
        return "sfframe"


CLIENT: Final = _client()
_NOT_ACCEPTABLE_TRIES: Final = 3  # 406 is passing trouble of the edge at times, and no more than that


class Repeat(enum.Enum):
    """What is done about a request whose answer didn't come, or was a passing fault.

    Whatever its kind, a request is sent again when it surely wasn't carried out: after a 401, or when no
    connection could be made.
    """

    ALWAYS = "always"
    NEVER = "never"


class Transport:
    """Sends requests to one org.

    May be used on any number of loops and threads at once; they share the token.
    """

    def __init__(
        self,
        url: str,
        auth: Auth,
        *,
        retry: RetryPolicy,
        timeouts: Timeouts,
        proxy: Proxy | None = None,
        ca: Authorities | None = None,
    ) -> None:
        self._tokens = Tokens(url, auth, retry=retry)
        self._retry = retry
        self._wire = Wire(timeouts, user_agent=CLIENT, proxy=proxy, ca=ca)
        self._holders: Counter[asyncio.AbstractEventLoop] = Counter()
        self._made: Counter[int] = Counter()  # by thread, so that each counts its own without a lock
        self.api_usage: ApiUsage | None = None

    @property
    def token(self) -> Token | None:
        """The token in use; `None` before the first request."""
        return self._tokens.current

    @property
    def requests_made(self) -> int:
        """Requests sent, those for tokens and repetitions included."""
        return sum(self._made.copy().values())

    async def close(self) -> None:
        """Close the connections of the running loop. The next request opens new ones."""
        await self._wire.close()

    def hold(self) -> None:
        """Say that the running loop's connections are wanted until `release`."""
        self._holders[asyncio.get_running_loop()] += 1

    async def release(self) -> None:
        """Close the running loop's connections, if nobody else holds them."""
        loop = asyncio.get_running_loop()
        self._holders[loop] -= 1
        if self._holders[loop] <= 0:
            del self._holders[loop]
            await self.close()

    async def log_in(self) -> None:
        """Get a token, if there is none yet: from then on it is known which org this is.

        Raises:
            AuthenticationError: There is none to be had.
            ApiError: No answer came.
        """
        await self._tokens.get(self._ask_for_token)

    async def request(
        self,
        method: str,
        path: str,
        *,
        repeat: Repeat = Repeat.ALWAYS,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
        sink: Sink | None = None,
        job_id: str | None = None,
        fine_when_repeated: Collection[int] = (),
        retry: RetryPolicy | None = None,
        most_bytes: int = ANSWER_BYTES,
        sent: Callable[[int], None] | None = None,
    ) -> Response:
        """Send a request with the token and give the answer, if it is a success (2xx or 304).

        Args:
            method: The HTTP method.
            path: From the host's root, or an address on the org's own host.
            repeat: Whether the request may be carried out twice.
            params: For the query part.
            json: A value to send as JSON.
            body: Bytes or the path of a file to send as it is.
            headers: Added to the usual ones.
            sink: Takes the body of a success in place of the response. It is written from its position on,
                and cut back to that when the request is repeated.
            job_id: The job in question, for errors.
            fine_when_repeated: Statuses that are a success where an earlier answer was lost.
            retry: In place of the org's own policy.
            most_bytes: What the body of a success may have, unpacked.
            sent: Told how many bytes of the body have gone up, as they go.

        Raises:
            AuthenticationError: No token could be had, or the org refused a fresh one.
            ApiError: The org refused, or no answer came that can be taken. `status` is None then.
        """
        request = Request(
            method=method,
            url=f"{path}?{urlencode(params)}" if params else path,
            headers=_headers(headers, is_json=json is not None),
            body=body if json is None else jsonlib.dumps(json).encode(),
            sink=sink,
            sink_start=0 if sink is None or isinstance(sink, Path) else sink.tell(),
            is_upload=method == "PUT",
            most_bytes=most_bytes,
            sent=sent,
        )
        token = await self._tokens.get(self._ask_for_token)
        persist = partial(self._persist, repeat=repeat, job_id=job_id, retry=retry or self._retry)
        response, repeated = await persist(_bound(request, token))
        # A redirect wasn't carried out; what may be carried out twice is sent again, never to where it leads.
        has_moved = response.is_redirect and (method == "GET" or repeat is Repeat.ALWAYS)
        if (response.status == 401 or has_moved) and self._tokens.can_renew:
            token = await self._tokens.get(self._ask_for_token, instead_of=token)
            response, again = await persist(_bound(request, token))
            repeated = repeated or again
        is_unchanged = response.status == 304 and "If-Modified-Since" in request.headers
        if response.is_success or is_unchanged or (repeated and response.status in fine_when_repeated):
            # A page in place of data will be quoted, and may be one that shows the request.
            return response.without((token.access_token,)) if response.is_page else response
        raise error_of(response.without((token.access_token,)), job_id=job_id)

    async def _ask_for_token(self, step: TokenRequest) -> Response:
        headers = {**_headers(step.headers), "Accept-Encoding": "identity"}
        request = Request(method="POST", url=step.url, headers=headers, body=step.body, most_bytes=ANSWER_BYTES)
        definite = step.refusal_status
        response, _ = await self._persist(request, repeat=Repeat.ALWAYS, retry=self._retry, definite=definite)
        return response if response.is_success else response.without(step.secrets)

    async def _persist(
        self,
        request: Request,
        *,
        repeat: Repeat,
        retry: RetryPolicy,
        job_id: str | None = None,
        definite: int | None = None,
    ) -> tuple[Response, bool]:
        """The last answer, of whatever kind, and whether there was a try before it."""
        tries = 0
        while True:
            tries += 1
            wait_s = retry.wait_s(tries)
            response = await self._once(request)
            if isinstance(response, LostError):
                lost = response
                is_final = not lost.may_pass or (lost.was_sent and repeat is Repeat.NEVER)
                if is_final or tries >= retry.max_tries:
                    raise ApiError(lost.reason, job_id=job_id) from lost.__cause__
            else:
                is_final = response.status == definite or not _may_do_better(response, request.method, tries)
                if is_final or repeat is Repeat.NEVER or tries >= retry.max_tries:
                    return response, tries > 1
                policy = retry.slow() if is_concurrency_limit(response) else retry
                wait_s = policy.wait_s(tries, retry_after_s=retry_after_s(response))
            await asyncio.sleep(wait_s)

    async def _once(self, request: Request) -> Response | LostError:
        self._made[threading.get_ident()] += 1
        response = await self._wire.exchange(request)
        if isinstance(response, Response):
            self.api_usage = api_usage(response.headers.get("sforce-limit-info")) or self.api_usage
        return response


def _headers(own: Mapping[str, str] | None, *, is_json: bool = False) -> dict[str, str]:
    headers = {"Accept": "application/json", "Sforce-Call-Options": f"client={CLIENT}"}
    if is_json:
        headers["Content-Type"] = "application/json; charset=UTF-8"
    return {**headers, **(own or {})}


def _bound(request: Request, token: Token) -> Request:
    """The request with the token, for the token's own host and no other."""
    base, path = token.instance_url, request.url
    if not path.startswith(("/", f"{base}/")):
        raise ApiError(f"no request to {host_of(path)}: the token is for {host_of(base)} alone")
    # On this machine there is nothing to gain from smaller answers; a server that insists may still send them.
    encoding = "identity, gzip;q=0.5" if is_loopback(urlsplit(base).hostname or "") else "gzip"
    headers = {
        **request.headers,
        "Authorization": Secret(f"Bearer {token.access_token}"),
        "Accept-Encoding": encoding,
    }
    return replace(request, url=path if path.startswith(base) else base + path, headers=headers)


def _may_do_better(response: Response, method: str, tries: int) -> bool:
    if response.status == 406:
        return method == "GET" and tries < _NOT_ACCEPTABLE_TRIES
    return not response.is_success and passes(response)
