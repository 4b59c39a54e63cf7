"""What an org answers, as values: written down, made odd, sent as HTTP, and told in one line."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sfframe.org.answers import Response

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Given:
    """An answer.

    Attributes:
        headers: As a client reads them: text that isn't UTF-8 has surrogates for its bytes.
        wire: The bytes of the whole answer, where they aren't what the other three make.
    """

    body: bytes = b""
    status: int = 200
    headers: Headers = ()
    wire: bytes | None = None

    def response(self) -> Response:
        """The same as a client has it that has read it."""
        return Response(self.status, {name.lower(): text for name, text in self.headers}, self.body)

    def sent(self) -> bytes:
        """The same as a server sends it, which closes the connection then."""
        if self.wire is not None:
            return self.wire
        lines = [f"HTTP/1.1 {self.status} x", *(f"{name}: {text}" for name, text in self.headers)]
        head = "\r\n".join([*lines, f"Content-Length: {len(self.body)}", "Connection: close"])
        return head.encode("utf-8", "surrogateescape") + b"\r\n\r\n" + self.body


@dataclass(frozen=True)
class Input:
    """What one call of the client is answered.

    Attributes:
        target: What is called.
        variant: Which of the target's calls.
        answers: For each kind of request its answers, the last one again and again.
        by_socket: Over a connection, not straight into the client.
    """

    target: str
    variant: int
    answers: Mapping[str, tuple[Given, ...]] = field(default_factory=dict)
    by_socket: bool = False

    def line(self) -> str:
        """ASCII without blanks, for `from_line`."""
        answers = {
            kind: [
                [
                    base64.b64encode(one.body).decode(),
                    one.status,
                    one.headers,
                    None if one.wire is None else base64.b64encode(one.wire).decode(),
                ]
                for one in given
            ]
            for kind, given in self.answers.items()
        }
        told = json.dumps([self.target, self.variant, self.by_socket, answers])
        return base64.urlsafe_b64encode(zlib.compress(told.encode(), 9)).decode()

    @classmethod
    def from_line(cls, line: str) -> Input:
        """What `line` wrote."""
        told: Any = json.loads(zlib.decompress(base64.urlsafe_b64decode(line)))
        target, variant, by_socket, listed = told
        answers = {kind: tuple(_given(*one) for one in given) for kind, given in listed.items()}
        return cls(target, variant, answers, by_socket)


def _given(body: str, status: int, headers: list[list[str]], wire: str | None) -> Given:
    pairs = tuple((name, text) for name, text in headers)
    return Given(base64.b64decode(body), status, pairs, None if wire is None else base64.b64decode(wire))


def json_of(content: Any, status: int = 200, **headers: str) -> Given:
    """An answer in JSON."""
    return Given(json.dumps(content).encode(), status, (("Content-Type", "application/json"), *_named(headers)))


def csv_of(body: str, **headers: str) -> Given:
    """An answer in CSV."""
    return Given(body.encode(), 200, (("Content-Type", "text/csv"), *_named(headers)))


def _named(headers: Mapping[str, str]) -> Headers:
    return tuple((name.replace("_", "-"), text) for name, text in headers.items())
