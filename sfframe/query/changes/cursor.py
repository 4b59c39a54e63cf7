"""Cursor: how far a reader of changes has come, as a text to keep. No I/O."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sfframe.errors import CursorError
from sfframe.query.changes.given import Given

_VERSION: Final = 1
_REMEDY: Final = "give the text of an earlier changes.cursor, a datetime with a zone, or since=None for everything"


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """How far changes of one kind are known.

    Attributes:
        settled: All that is stamped before it was given, but for transactions that were still under way.
        kept: From here on it is known what was given.
    """

    settled: datetime
    kept: datetime

    def begin(self, overlap: timedelta) -> datetime:
        """Where the next window begins: what is read once more must be known, or it would be given twice."""
        return max(self.settled - overlap, self.kept)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cursor:
    """Where the next window begins, and what of it was given already.

    Attributes:
        org_id: The org's id, where the login tells it.
        host: The org's host.
        sobject: The object's name.
        changed: How far upserts are known.
        deleted: How far deletes are known.
        until: Nothing was given that is stamped at this moment or later.
        looks: Stands for the columns and dtypes that make up the second part of the fingerprints.
        given: What was given of the time since the two marks' `kept`.
    """

    org_id: str | None
    host: str
    sobject: str
    changed: Mark
    deleted: Mark
    until: datetime
    looks: str = ""
    given: Given = field(default_factory=Given)

    def to_text(self) -> str:
        """JSON in ASCII. It holds no value of a record, nor an Id."""
        return json.dumps(
            {
                "sfframe_changes": _VERSION,
                "org": self.org_id,
                "host": self.host,
                "object": self.sobject,
                "changed": [_seconds(self.changed.settled), _seconds(self.changed.kept)],
                "deleted": [_seconds(self.deleted.settled), _seconds(self.deleted.kept)],
                "until": _seconds(self.until),
                "looks": self.looks,
                "given": self.given.to_text(),
            },
            separators=(",", ":"),
        )

    @classmethod
    def from_text(cls, text: str) -> Cursor:
        """What `to_text` wrote.

        Raises:
            CursorError: It didn't, or that of a newer sfframe did.
        """
        try:
            found: Any = json.loads(text)
        except ValueError:
            found = None
        version = found.get("sfframe_changes") if isinstance(found, dict) else None
        if version is None:
            raise CursorError(f"since is a text that is no cursor: {_REMEDY}")
        if version != _VERSION:
            raise CursorError(f"since is a cursor of another version of sfframe (its form is {version}): {_REMEDY}")
        try:
            return cls(
                org_id=found["org"],
                host=found["host"],
                sobject=found["object"],
                changed=_mark(found["changed"]),
                deleted=_mark(found["deleted"]),
                until=_moment(found["until"]),
                looks=found["looks"],
                given=Given.from_text(found["given"]),
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise CursorError(f"since is a cursor that was cut or changed: {_REMEDY}") from error

    def check(self, *, org_id: str | None, host: str, sobject: str) -> None:
        """Compare it with what is to be read.

        Raises:
            CursorError: It is another org's or another object's.
        """
        ids_known = self.org_id and org_id
        if self.org_id[:15] != org_id[:15] if self.org_id and org_id else self.host != host:
            mine, its = (self.org_id, org_id) if ids_known else (self.host, host)
            raise CursorError(f"the cursor is of org {mine}, and this is {its}: {_REMEDY}")
        if self.sobject != sobject:
            raise CursorError(f"the cursor is of {self.sobject}, and {sobject} is to be read: {_REMEDY}")


def whole_second(moment: datetime) -> datetime:
    """The second that a moment is in, in UTC; the org's stamps and bounds know no smaller ones (SOQL notes, 2.2)."""
    return moment.astimezone(UTC).replace(microsecond=0)


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _mark(given: list[int]) -> Mark:
    settled, kept = given
    return Mark(settled=_moment(settled), kept=_moment(kept))
