"""Shapes that many answers share: refusals, dates (wire notes, 3.1, 9.1)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Any


class Refusal(Exception):  # noqa: N818  (it is the answer that is refused, not an accident)
    """A request is answered with an error; as the array of the data endpoints.

    Args:
        status: Of HTTP.
        code: The errorCode.
        message: In the platform's words.
        fields: Which fields are to blame; only the errors of records have that member.
    """

    def __init__(self, status: int, code: str, message: str, fields: Sequence[str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.fields = fields

    def body(self) -> list[Any]:
        error: dict[str, Any] = {"errorCode": self.code, "message": self.message}
        if self.fields is not None:
            error["fields"] = list(self.fields)
        return [error]


def not_found() -> Refusal:
    return Refusal(404, "NOT_FOUND", "The requested resource does not exist")


def timestamp(moment: datetime) -> str:
    """`2026-01-02T21:33:43.000+0000`: REST writes the offset so, Bulk data writes Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def plain(value: Any) -> Any:
    """A stored value in REST's form: datetimes, which are UTC, with `+0000`, times with `Z`."""
    if isinstance(value, datetime):
        return f"{value.isoformat(timespec='milliseconds')}+0000"
    if isinstance(value, time):
        return f"{value.isoformat(timespec='milliseconds')}Z"
    return value.isoformat() if isinstance(value, date) else value


def moment_of(stamp: str) -> datetime:
    """The moment that `timestamp` wrote."""
    return datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%S.000%z")


def check_enum(body: dict[str, Any], member: str, values: tuple[str, ...], *, needed: bool = False) -> None:
    """Refuse a member of a job's wish that isn't one of the values it can have (wire notes, 3.1)."""
    value = body.get(member)
    if (value is None and needed) or (value is not None and value not in values):
        raise Refusal(400, "API_ERROR", f"Invalid value: '{value or ''}' supplied for property: '{member}'")
