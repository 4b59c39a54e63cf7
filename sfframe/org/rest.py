"""REST resources that aren't jobs: SOQL that answers at once, the list of objects, deletions (SOQL notes, 8, 10)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from sfframe.errors import ApiError
from sfframe.org.answers import NO_WORD, PASSING, Response, moment_of, parsed, refusal_in
from sfframe.org.body import LARGE_ANSWER_BYTES
from sfframe.org.names import is_name, sobject_name
from sfframe.org.readable import readable
from sfframe.org.retry import RetryPolicy
from sfframe.org.transport import Transport

# Bytes of an encoded path and query. URI and headers together may have 16,384 (wire notes, 9.2), and a token that is
# a JWT takes two thousand of them.
MAX_URI_BYTES: Final = 14_000
_BATCH: Final = {"Sforce-Query-Options": "batchSize=2000"}


class Rest:
    """The REST API of one org, as far as reading needs it."""

    def __init__(self, transport: Transport, base: str, *, retry: RetryPolicy | None = None) -> None:
        self._transport = transport
        self._base = base
        self._retry = retry or RetryPolicy()

    async def query(self, soql: str, *, all_rows: bool = False) -> Mapping[str, Any]:
        """The first page of an answer: `totalSize`, `done`, `records`, perhaps `nextRecordsUrl`.

        A statement that is too long for an address is sent inside of a composite request.
        """
        path = f"{self._base}/{'queryAll' if all_rows else 'query'}?q={quote(soql, safe='')}"
        return await (self._page(path) if len(path) <= MAX_URI_BYTES else self._page_inside(path))

    async def more(self, url: str) -> Mapping[str, Any]:
        """The page at a `nextRecordsUrl`."""
        return await self._page(url)

    async def sobjects(self) -> list[Mapping[str, Any]]:
        """What the org says of each of its objects, without their fields."""
        path = f"{self._base}/sobjects"
        ask = partial(self._transport.request, "GET", path, most_bytes=LARGE_ANSWER_BYTES)
        return await readable(ask, _sobjects_in, self._retry)

    async def limits(self) -> Mapping[str, Any]:
        """The org's limits by name, each with `Max` and `Remaining`."""
        return await readable(partial(self._transport.request, "GET", f"{self._base}/limits"), _object_in, self._retry)

    async def versions(self) -> list[str]:
        """The API versions that the org offers, as `66.0`, the oldest first."""
        return await readable(partial(self._transport.request, "GET", "/services/data/"), _versions_in, self._retry)

    async def now(self) -> datetime:
        """The time by the org's clock, in whole seconds: the `Date` of an answer that is made for this request.

        Raises:
            ApiError: The answer has no date.
        """
        # The list of resources: every user of the API may have it, and no cache keeps it, since it needs the token.
        given = (await self._transport.request("GET", f"{self._base}/")).headers.get("date", "")
        moment = moment_of(given)
        if moment is None:
            raise ApiError(f"the org's answer has no Date header that could be read, but {given[:40]!r}")
        return moment

    async def deleted(self, sobject: str, start: datetime, end: datetime) -> Mapping[str, Any]:
        """Ids of records deleted in a window; the org cuts seconds off and takes both minutes in.

        Returns:
            `deletedRecords` (each `id` and `deletedDate`), `earliestDateAvailable`, `latestDateCovered`.

        Raises:
            ValueError: `sobject` can't be a name.
        """
        window = {"start": _moment(start), "end": _moment(end)}
        path = f"{self._base}/sobjects/{sobject_name(sobject)}/deleted/"
        ask = partial(self._transport.request, "GET", path, params=window, most_bytes=LARGE_ANSWER_BYTES)
        return await readable(ask, _object_in, self._retry)

    async def _page(self, path: str) -> Mapping[str, Any]:
        ask = partial(self._transport.request, "GET", path, headers=_BATCH, most_bytes=LARGE_ANSWER_BYTES)
        return await readable(ask, lambda response: _answer(_read(response), len(response.body)), self._retry)

    async def _page_inside(self, path: str) -> Mapping[str, Any]:
        """The page that a GET gives which is sent inside of another request."""
        wish = {"allOrNone": False, "compositeRequest": [{"method": "GET", "url": path, "referenceId": "query"}]}
        composite = f"{self._base}/composite"
        ask = partial(self._transport.request, "POST", composite, json=wish, most_bytes=LARGE_ANSWER_BYTES)
        tries = 0
        while True:
            tries += 1
            inner = await readable(ask, _inner, self._retry)
            if inner.is_success:
                return _answer(inner.content, inner.n_bytes)
            # What would have been tried again by itself is so here too.
            if inner.status not in PASSING or tries >= self._retry.max_tries:
                raise inner.error()
            await asyncio.sleep(self._retry.wait_s(tries))


@dataclass(frozen=True, slots=True)
class _Inner:
    """The answer to a request within another one."""

    status: int
    content: Any
    n_bytes: int

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    def error(self) -> ApiError:
        code, message = refusal_in(self.content)
        return ApiError(message or NO_WORD, status=self.status, error_code=code)


def _inner(response: Response) -> _Inner:
    answer = _read(response)
    try:
        inner = answer["compositeResponse"][0]
        return _Inner(int(inner["httpStatusCode"]), inner["body"], len(response.body))
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise ApiError("the answer holds no answer to the query", status=response.status) from error


def _read(response: Response) -> Any:
    """The JSON of an answer, with each number as the text that stands there: no digit is lost on the way."""
    found, problem = parsed(response.body, number=str)
    if problem:
        raise ApiError(problem, status=response.status)
    return found


class Records(dict[str, Any]):
    """A page of records, and as how many bytes of JSON it came."""

    n_bytes = 0


def _answer(given: Any, n_bytes: int) -> Records:
    if not isinstance(given, dict) or not isinstance(given.get("records"), list):
        raise ApiError("the answer is no page of records")
    page = Records(given)
    page.n_bytes = n_bytes
    return page


def total_of(answer: Mapping[str, Any]) -> int | None:
    """How many rows the org says that there are, if it does."""
    given = str(answer.get("totalSize"))
    if re.fullmatch(r"[0-9]{1,18}", given):
        return int(given)
    try:
        total = float(given)
    except ValueError:
        return None
    return int(total) if 0 <= total < 2**53 else None


def _object_in(response: Response) -> Mapping[str, Any]:
    answer = response.json()
    if not isinstance(answer, dict):
        raise ApiError("the answer isn't what was asked for, but another kind of JSON", status=response.status)
    return answer


def _versions_in(response: Response) -> list[str]:
    answer = response.json()
    found = [one.get("version") for one in answer if isinstance(one, dict)] if isinstance(answer, list) else []
    versions = [one for one in found if isinstance(one, str) and re.fullmatch(r"[0-9]{1,4}\.[0-9]", one)]
    if not versions:
        raise ApiError("the answer lists no API versions", status=response.status)
    return sorted(versions, key=float)


def _sobjects_in(response: Response) -> list[Mapping[str, Any]]:
    listed = _object_in(response).get("sobjects")
    if not isinstance(listed, list) or not all(isinstance(one, dict) and is_name(one.get("name")) for one in listed):
        raise ApiError("the answer lists no objects", status=response.status)
    return listed


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")
