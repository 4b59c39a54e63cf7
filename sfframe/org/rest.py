"""REST resources that aren't jobs: SOQL that answers at once, the list of objects, deletions (SOQL notes, 8, 10)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from sfframe.errors import ApiError
from sfframe.org.answers import Response
from sfframe.org.transport import Transport

# Bytes of an encoded URI, host and headers' share left out (SOQL notes, 4).
MAX_URI_BYTES: Final = 16_000
_BATCH: Final = {"Sforce-Query-Options": "batchSize=2000"}


class Rest:
    """The REST API of one org, as far as reading needs it."""

    def __init__(self, transport: Transport, base: str) -> None:
        self._transport = transport
        self._base = base

    async def query(self, soql: str, *, all_rows: bool = False) -> Mapping[str, Any]:
        """The first page of an answer: `totalSize`, `done`, `records`, perhaps `nextRecordsUrl`.

        A statement that is too long for an address is sent inside of a composite request.
        """
        path = f"{self._base}/{'queryAll' if all_rows else 'query'}?q={quote(soql, safe='')}"
        if len(path) <= MAX_URI_BYTES:
            return _answer(_read(await self._transport.request("GET", path, headers=_BATCH)))
        return _answer(await self._inside(path))

    async def more(self, url: str) -> Mapping[str, Any]:
        """The page at a `nextRecordsUrl`."""
        return _answer(_read(await self._transport.request("GET", url, headers=_BATCH)))

    async def sobjects(self) -> list[Mapping[str, Any]]:
        """What the org says of each of its objects, without their fields."""
        answer = (await self._transport.request("GET", f"{self._base}/sobjects")).json()
        return list(answer["sobjects"])

    async def deleted(self, sobject: str, start: datetime, end: datetime) -> Mapping[str, Any]:
        """Ids of records deleted in a window; the org cuts seconds off and takes both minutes in.

        Returns:
            `deletedRecords` (each `id` and `deletedDate`), `earliestDateAvailable`, `latestDateCovered`.
        """
        window = {"start": _moment(start), "end": _moment(end)}
        path = f"{self._base}/sobjects/{quote(sobject, safe='')}/deleted/"
        answer = (await self._transport.request("GET", path, params=window)).json()
        return dict(answer)

    async def _inside(self, path: str) -> Any:
        wish = {"allOrNone": False, "compositeRequest": [{"method": "GET", "url": path, "referenceId": "query"}]}
        answer = _read(await self._transport.request("POST", f"{self._base}/composite", json=wish))
        inner = answer["compositeResponse"][0]
        status = int(inner["httpStatusCode"])
        if status < 300:
            return inner["body"]
        first = inner["body"][0] if isinstance(inner["body"], list) and inner["body"] else {}
        message = str(first.get("message") or "no explanation was given")
        raise ApiError(message, status=status, error_code=first.get("errorCode"))


def _read(response: Response) -> Any:
    """The JSON of an answer, with each number as the text that stands there: no digit is lost on the way."""
    try:
        return json.loads(response.body, parse_float=str, parse_int=str)
    except ValueError:
        return response.json()  # whose error says what it is instead


def _answer(given: Any) -> Mapping[str, Any]:
    if not isinstance(given, dict) or not isinstance(given.get("records"), list):
        raise ApiError("the answer is no page of records")
    return given


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")
