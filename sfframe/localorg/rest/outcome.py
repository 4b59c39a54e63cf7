"""What became of a record that came over REST, and its errors in REST's shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sfframe.localorg.wire import Refusal

ROLLED_BACK = "ALL_OR_NONE_OPERATION_ROLLED_BACK"
# What a row is refused for though the request is sound; everything else is the request's own mistake.
_NOT_THERE = {"ENTITY_IS_DELETED": 404}


@dataclass(frozen=True, slots=True)
class RowError:
    """Why a record wasn't saved."""

    code: str
    message: str
    fields: tuple[str, ...] = ()

    @classmethod
    def from_text(cls, text: str) -> RowError:
        """An error as the results of a job write it: `CODE:message:fields --` (wire notes, 5.2)."""
        code, _, rest = text.partition(":")
        message, colon, fields = rest.removesuffix("--").rstrip().rpartition(":")
        if not colon:
            return cls(code, rest)
        return cls(code, message, tuple(field for field in fields.split(", ") if field))

    def body(self) -> dict[str, Any]:
        """As it stands in the results of a collection."""
        return {"statusCode": self.code, "message": self.message, "fields": list(self.fields)}

    def refusal(self) -> Refusal:
        """As it answers a request about one record."""
        return Refusal(_NOT_THERE.get(self.code, 400), self.code, self.message, self.fields)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One record of a request, in the request's order.

    Attributes:
        id: Of the record; None where none was made or found.
        created: It is a new record.
        error: Why it wasn't saved.
    """

    id: str | None
    created: bool = False
    error: RowError | None = None

    def body(self, *, upsert: bool = False) -> dict[str, Any]:
        """As it stands in an answer: failed records have no id."""
        answer: dict[str, Any] = {} if self.error else {"id": self.id}
        answer |= {"success": self.error is None, "errors": [self.error.body()] if self.error else []}
        if upsert:
            answer["created"] = self.created
        return answer
