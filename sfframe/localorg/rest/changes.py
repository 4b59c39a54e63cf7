"""What was changed and what was deleted in a window of time (SOQL notes, 10)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sfframe.localorg.data.sql import name, run
from sfframe.localorg.data.store import Store, records
from sfframe.localorg.objects.schema import SObject
from sfframe.localorg.wire import Refusal, plain, timestamp

_FORM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)")
_UPDATED_REACH = timedelta(days=30)
_DELETED_REACH = timedelta(days=15)
_MINUTE = timedelta(minutes=1)
_MOST_IDS = 600_000


@dataclass(frozen=True, slots=True)
class Window:
    """From the first minute to the last, both with all their seconds; in UTC without a zone."""

    start: datetime
    end: datetime


class Changes:
    """Answers `/updated` and `/deleted`.

    Args:
        store: Where the records are.
        now: The org's clock.
    """

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now

    def updated(self, sobject: SObject, start: str | None, end: str | None) -> dict[str, Any]:
        """The ids of records that were made or changed, the oldest change first."""
        window = self._window(start, end, _UPDATED_REACH)
        found = self._found(sobject, window, "NOT IsDeleted")
        return {"ids": [record_id for record_id, _ in found], "latestDateCovered": self._covered(window)}

    def deleted(self, sobject: SObject, start: str | None, end: str | None) -> dict[str, Any]:
        """The records that are in the bin, and since when."""
        window = self._window(start, end, _DELETED_REACH)
        found = self._found(sobject, window, "IsDeleted")
        return {
            "deletedRecords": [{"deletedDate": plain(moment), "id": record_id} for record_id, moment in found],
            "earliestDateAvailable": timestamp((self._now() - _DELETED_REACH).replace(second=0)),
            "latestDateCovered": self._covered(window),
        }

    def _found(self, sobject: SObject, window: Window, condition: str) -> list[tuple[str, datetime]]:
        stamp = next((field for field in ("SystemModstamp", "LastModifiedDate") if sobject.field(field)), None)
        if stamp is None or not sobject.answer.get("replicateable", True):
            raise Refusal(400, "INVALID_TYPE", f"entity {sobject.name} is not replicateable")
        query = f"""
            SELECT Id, {name(stamp)} FROM {records(sobject)}
            WHERE {condition} AND {name(stamp)} >= ? AND {name(stamp)} < ? ORDER BY 2, 1 LIMIT {_MOST_IDS + 1}"""
        with self._store.front() as db:
            found = run(db, query, [window.start, window.end + _MINUTE])
        if len(found) > _MOST_IDS:
            raise Refusal(400, "EXCEEDED_ID_LIMIT", f"more than {_MOST_IDS} ids; ask for a shorter time")
        return found

    def _window(self, start: str | None, end: str | None, reach: timedelta) -> Window:
        first, last = _minute(start, "start"), _minute(end, "end")
        if last - first < _MINUTE:
            raise _invalid("endDate must be at least one minute greater than startDate")
        if first < self._now().astimezone(UTC).replace(tzinfo=None) - reach - _MINUTE:
            raise _invalid(f"startDate is more than {reach.days} days ago, before org replication enabled date")
        return Window(first, last)

    def _covered(self, window: Window) -> str:
        covered: str = plain(min(window.end, self._now().astimezone(UTC).replace(tzinfo=None, second=0, microsecond=0)))
        return covered


def _minute(text: str | None, parameter: str) -> datetime:
    """A moment without its seconds (SOQL notes, 10)."""
    if not text:
        raise Refusal(400, "MISSING_ARGUMENT", f"The parameter {parameter} is required")
    try:
        if not _FORM.fullmatch(text):
            raise ValueError(text)
        moment = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _invalid(f"{parameter}Date is no datetime with an offset: {text}") from None
    return moment.replace(tzinfo=None, second=0, microsecond=0)


def _invalid(text: str) -> Refusal:
    return Refusal(400, "INVALID_REPLICATION_DATE", text)
