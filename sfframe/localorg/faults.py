"""What can go wrong between a client and an org, made to happen on purpose (wire notes, 12 and 13)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Match = str | re.Pattern[str] | Callable[[Any], bool]
When = Literal["before", "uploading", "answering", "after"]

REQUESTS = frozenset(
    {
        "any",
        "token",
        "versions",
        "resources",
        "limits",
        "sobjects",
        "describe",
        "create",
        "put",
        "patch",
        "get_job",
        "results",
        "list",
        "delete",
        "query_create",
        "query_get",
        "query_patch",
        "query_list",
        "query_delete",
        "query_pages",
        "query_results",
        "rest",
    }
)
_BREAKS = frozenset({"drop", "reset", "stall"})
_INSTEAD = frozenset({"status", "html", "redirect"})
_CHANGES = frozenset({"truncate", "omit", "lag", "repeat"})
_EFFECTS = {
    **dict.fromkeys(REQUESTS, _BREAKS | _INSTEAD | _CHANGES | {"expire"}),
    "rows": frozenset({"lock", "error"}),
    "job": frozenset({"fail", "abort", "stuck", "vanish"}),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

        from sfframe.testing import Fault

        local.faults = [Fault("patch", "drop", when="after")]  # the job is closed, but the answer never comes
        result = contacts.sfbulk.upsert("Contact", "ExternalId__c")
        print(result.counts["successful"], local.faults_met)
        # 2 1

    Requests: "drop" (the connection is closed), "reset" (the same, by RST), "stall" (nothing more comes until the
    client goes away), "status" (an error), "html" (a gateway's page), "redirect" (to another host), "expire" (all
    tokens are dead from now on), "truncate" (the answer is cut), "omit" (headers and members are missing in it),
    "lag" (its counters are at half of the truth), "repeat" (it names the page that was asked for as the next one).
    Rows: "lock" (`UNABLE_TO_LOCK_ROW`), "error". Jobs, once they run: "fail", "abort" (by somebody else), "stuck" (all
    three half-way; stuck ones until they are looked at often enough, released or aborted), "vanish" (404 from then on).

    Attributes:
        where: A kind of request, "any" of them, or "rows", or "job".
        effect: What happens.
        when: Before the request has its effect in the org, or after it; "drop", "reset" and "stall" also in the middle
            of the request's body ("uploading", without effect) or of the answer's ("answering", with it). "vanish":
            before the job's rows are done, or after.
        nth: From the nth occurrence on; for rows, from the nth try of each row.
        times: So often; for rows, each row; None: for ever. Where several faults are due at once, the first in the
            list happens, and the others at the next occurrence.
        match: Only what fits: for requests the path and query, for jobs the object's name ("query Contact" for a query
            job), for rows the cells joined by commas, as regular expression to search; a callable gets the same, for
            rows a dict of header and text.
        status: Of "status" and "html"; of "redirect" if it is one of 3xx, otherwise 302.
        error_code: Of "status"; None: the status' usual one, or no body where there usually is none; "": no body.
        retry_after: Header of "status" and "html": seconds, or a date as text.
        at: Where "truncate" cuts: at the end of a row, or in the middle of one.
        looks_whole: "truncate" pretends that the answer ended there, instead of breaking the connection.
        chunked: "truncate" sends chunks, so that no length tells what is missing.
        names: What "omit" leaves out: headers and members of a JSON answer that are named so, `*` for anything.
        location: Where "redirect" leads; the path is added.
        error: Text of "error" (`CODE:message:fields --`), of "status", or errorMessage of "fail".
        after_rows: "fail", "abort", "stuck": rows that are done before; None: half of the chunks.
        looks: "stuck": the job goes on when it was looked at so often; None: it doesn't.
    """

    where: str
    effect: str
    when: When = "before"
    nth: int = 1
    times: int | None = 1
    match: Match | None = None
    status: int = 503
    error_code: str | None = None
    retry_after: float | str | None = None
    at: Literal["row", "middle"] = "row"
    looks_whole: bool = False
    chunked: bool = False
    names: tuple[str, ...] = ("Sforce-*", "numberRecords*")
    location: str = "https://elsewhere.invalid"
    error: str | None = None
    after_rows: int | None = None
    looks: int | None = None

    def __post_init__(self) -> None:
        effects = _EFFECTS.get(self.where)
        if effects is None:
            raise ValueError(f"no fault at {self.where!r}; known are {', '.join(sorted(_EFFECTS))}")
        if self.effect not in effects:
            raise ValueError(f"no effect {self.effect!r} at {self.where!r}; known are {', '.join(sorted(effects))}")
        moments = ("before", "uploading", "answering", "after") if self.effect in _BREAKS else ("before", "after")
        if self.when not in moments:
            raise ValueError(f"when of {self.effect!r} is {' or '.join(map(repr, moments))}, not {self.when!r}")
        if self.nth < 1 or any(count is not None and count < 1 for count in (self.times, self.looks)):
            raise ValueError("nth, times and looks count from 1")
        if self.effect == "error" and not self.error:
            raise ValueError("effect 'error' needs error='CODE:message:fields --'")
        names: object = self.names
        if isinstance(names, str):  # it would be taken for a tuple of letters
            raise TypeError(f"names is a tuple of names, ({names!r},)")

    @property
    def is_about_answer(self) -> bool:
        """It lets the request be carried out and spoils what comes back."""
        return self.effect in _CHANGES or self.when == "answering"

    def fits(self, where: str, subject: str, value: Any = None) -> bool:
        """Whether it is about this occurrence.

        Args:
            where: The kind of request, "rows" or "job".
            subject: What an expression is searched in.
            value: What a callable gets; None: the subject.
        """
        if self.where != where and not (self.where == "any" and where in REQUESTS):
            return False
        if self.effect == "repeat" and "ocator=" not in subject:
            return False  # the first page has no locator that could come again
        if self.match is None:
            return True
        if callable(self.match):
            return self.match(subject if value is None else value)
        return re.search(self.match, subject) is not None
