"""What is sent, and pieces that all kinds of it share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, quote_plus

from tests.localorg.fuzz.words import Dice

DATA = "/services/data/v66.0"


@dataclass(frozen=True)
class Input:
    """What is sent.

    Attributes:
        kind: "request": one request, well formed as HTTP. "wire": bytes. "load": a whole ingest job. "query": a whole
            query job.
        method, path, headers, body: Of the request; of jobs the body is the data, or the statement. `{contact}` and
            the like stand for ids, `{token}` for the token.
        job: Members of the job, as JSON.
    """

    kind: Literal["request", "wire", "load", "query"]
    method: str = "GET"
    path: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    job: str = ""


def request(method: str, path: str, headers: dict[str, str] | None = None, body: str | bytes = b"") -> Input:
    return Input(
        "request", method, path, tuple((headers or {}).items()), encoded(body) if isinstance(body, str) else body
    )


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def quoted(random: Dice, text: str) -> str:
    return random.choice((quote, quote_plus))(encoded(text), safe="{}")[:14_000]
