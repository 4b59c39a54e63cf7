"""What can go wrong between a client and the org."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

LOGIN, ORG, STRANGER = "http://127.0.0.1:2001", "http://127.0.0.1:2002", "http://127.0.0.1:2003"
REQUESTS = (
    "token", "describe", "create", "upload", "close", "abort", "look", "successful", "failed", "unprocessed"
)  # fmt: skip
Answer: TypeAlias = tuple[int, str | None, Mapping[str, str]]  # status, code, headers


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something that goes wrong once.

    Attributes:
        request: With which kind of request, or `connect`.
        nth: With which of its kind, from 1.
        what: What.
        seconds: How long it takes, where it takes time.
    """

    request: str
    nth: int
    what: str
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Outage:
    """A time in which nothing gets through.

    Attributes:
        begin, end: When, in seconds since the start.
        answers: There is an edge that says 503; otherwise there is nobody.
    """

    begin: float
    end: float
    answers: bool


# Nothing of these reaches the org.
BEFORE: Final[Mapping[str, Answer | None]] = {
    "refused": None,
    "500": (500, "UNKNOWN_EXCEPTION", {}),
    "502": (502, None, {}),
    "503": (503, None, {}),
    "429": (429, "TOO_MANY_REQUESTS", {"Retry-After": "7"}),
    "busy": (403, "REQUEST_LIMIT_EXCEEDED", {}),
    "forbidden": (403, "REQUEST_LIMIT_EXCEEDED", {}),
    "redirect": (302, None, {"Location": f"{STRANGER}/here"}),
    "moved": (307, None, {"Location": f"{STRANGER}/there"}),
    "expired": None,
    "page": (200, None, {}),
}
# The org does what it was asked for, and its answer doesn't come, or not as it should.
AFTER = ("lost", "half", "late", "504 after", "500 after")
# The org does it later: a gateway had the request, and the client is gone.
LATER = ("postponed", "slow")
# A file that ends too early at the end of a line.
SHORT = "short"
MESSAGES = {"busy": "ConcurrentPerOrgLongTxn Limit exceeded", "forbidden": "TotalRequests Limit exceeded."}
