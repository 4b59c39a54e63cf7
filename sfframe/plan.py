"""Plan: what a call would do and what it would cost; nothing is sent before `run`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, NoReturn, TypeVar

from sfframe import plan_screen
from sfframe.bridge import blocking
from sfframe.call import Ended, concluded, sent
from sfframe.ingest.cost import Written
from sfframe.ingest.request import IngestRequest
from sfframe.once import Once, Run
from sfframe.org.org import Org
from sfframe.org.pace import Pace
from sfframe.prepare import Prepared
from sfframe.problems import frame_of
from sfframe.result import IngestResult
from sfframe.sent import sent_of

FrameT = TypeVar("FrameT")


@dataclass(frozen=True, kw_only=True, slots=True)
class Existing:
    """What the org has of the records that rows name; `None`: it isn't known.

    Attributes:
        found: Rows whose record is there.
        missing: Rows whose record isn't.
        ambiguous: Rows among those found whose key several records have.
        why_unknown: Why it isn't known, as a sentence.
    """

    found: int | None = None
    missing: int | None = None
    ambiguous: int = 0
    why_unknown: str = ""


class Plan(Generic[FrameT]):
    """What a call would do and what it would cost. It is a snapshot: of the frame as it was, and of the org.

        plan = contacts.sfbulk.plan("Contact", "upsert", "ExternalId__c")
        print(plan.updates, "updates,", plan.inserts, "insert,", len(plan.problems), "problems")
        # 2 updates, 1 insert, 0 problems
        result = plan.run()

    Truth value: whether the frame can be sent, that is, there are no problems that keep it back.

    Attributes:
        sobject: The object.
        operation: What would be done with its records.
        rows: Rows that would be sent.
        rows_left_out: Rows that can't be sent and, with `invalid="report"`, would be told as failed.
        jobs: Jobs, each of one part of the rows. Rows that go again after a lock aren't foreseen.
        batches: Batches of up to 10,000 rows that the org makes of them; they count against its day's allowance.
        bytes: UTF-8 bytes of CSV, headers included, as they would go.
        api_calls: Requests, about: it depends on how often the jobs are looked at, and so on `seconds`.
        inserts: Records that would be new; `None`: it isn't known.
        updates: Records that are there and would be written; `None`: it isn't known.
        deletes: Records that are there and would be deleted; `None`: it isn't known.
        missing: Rows whose record isn't there, and which would fail therefore: of updates and deletes. `None`: it isn't
            known.
        limits: `{"DailyApiRequests": {"needed": 9, "left": 14990, "max": 15000}, "DailyBulkApiBatches": {...}}`, as
            the org tells them; empty where it doesn't.
        seconds: How long the org would take, about.
        basis: What that comes from.
        host: The org's host.
        notes: What else is to be thought of, as sentences.
        has_run: Whether this load was run already: `run` sends nothing more.
    """

    def __init__(
        self,
        prepared: Prepared,
        org: Org,
        *,
        size: Written,
        existing: Existing,
        pace: Pace,
        once: Once,
        api_calls: int = 0,
        limits: Mapping[str, Mapping[str, int]] | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        request = prepared.request
        self._prepared = prepared
        self._org = org
        self._once = once
        self.sobject = request.sobject
        self.operation = request.operation
        self.external_id_field = request.external_id_field
        self.host = org.host
        self.rows = sum(part.n_rows for part in size.parts)
        self.rows_left_out = len(prepared.left_out()) if not prepared.refused else 0
        self.jobs = len(size.parts)
        self.batches = sum(part.n_batches for part in size.parts)
        self.bytes = sum(part.n_bytes for part in size.parts)
        self.api_calls = api_calls
        self.inserts, self.updates, self.deletes, self.missing = _fates(request, self.rows, existing)
        self.limits = {name: dict(limit) for name, limit in (limits or {}).items()}
        self.seconds = self.rows / pace.rows_per_second
        self.basis = pace.basis
        self.notes = tuple(notes)
        self._answer: Callable[[], IngestResult[FrameT]] | None = None

    @property
    def has_run(self) -> bool:
        """Whether this load was run already: `run` sends nothing more.

        For example:

            plan = contacts.sfbulk.plan("Contact", "upsert", "ExternalId__c")
            plan.run()
            print(plan.has_run)
            # True
        """
        return self._once.is_over

    @property
    def problems(self) -> Any:
        """The problems, as `check` gives them: a frame of the caller's library, a row a problem."""
        return self._prepared.source.table(frame_of(self._prepared.problems))

    def __bool__(self) -> bool:
        return not self._prepared.refused

    async def run_async(self) -> IngestResult[FrameT]:
        """Send the frame as it was planned.

            plan = contacts.sfbulk.plan("Contact", "upsert", "ExternalId__c")
            result = plan.run()
            print(result.counts["successful"], plan.run() is result)
            # 2 True

        A plan is run once. Asked again it gives the same result, or raises the same error, and sends nothing; only
        where nothing had been sent it tries once more. In a notebook a plan made anew of the same rows for the same
        call sends nothing either, so that cells that run again, by themselves or by hand, load nothing twice: a
        reactive notebook is safe. It gives its own frame's rows what became of them then, says so in a note, and warns
        or raises as its own `on_failure` says. To send the same rows again on purpose, call the verb.

        Returns:
            The fate of every row.

        Raises:
            PayloadError: There are problems; nothing was sent.

        The rest as the verb.
        """
        if self._answer is None:
            run = Run(send=self._send, given_again=self._given_again, places=self._places())
            try:
                result = await self._once.do(run)
            except BaseException as error:
                if getattr(error, "result", None) is not None:
                    self._answer = partial(_raised, error)
                raise
            self._answer = lambda: result
        return self._answer()

    run = blocking(run_async)

    async def _send(self, note: Callable[[Ended], None]) -> IngestResult[FrameT]:
        async def as_planned(*_: Any, folder: Any = None) -> Prepared:
            return self._prepared

        return await sent(as_planned, self._prepared.request, self._org, note=note)

    def _given_again(self, ended: Ended) -> IngestResult[FrameT]:
        notes = ["this load was run already, by an earlier plan: nothing was sent now. The verb would send it again."]
        prepared = self._prepared
        return concluded(ended, prepared.source, prepared.request, org=self._org, sent=sent_of(prepared), notes=notes)

    def _places(self) -> str:
        """A digest of where the rows are that are sent, and why others aren't."""
        prepared = self._prepared
        if prepared.rows is None:
            return ""
        n = prepared.rows.n
        digest = hashlib.blake2b(f"{n} {prepared.reasons().write_csv()}".encode(), digest_size=16)
        if prepared.request.options.group_by:
            digest.update(prepared.in_sending_order().numbers(0, n).tobytes())
        return digest.hexdigest()

    # --- on the screen ------------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return plan_screen.text(self._picture())

    def _repr_html_(self) -> str:
        return plan_screen.page(self._picture())

    def _picture(self) -> plan_screen.Picture:
        key = f" by {self.external_id_field}" if self.external_id_field else ""
        return plan_screen.Picture(
            title=f"{self.operation} {self.sobject}{key} on {self.host}",
            is_ready=bool(self),
            has_run=self.has_run,
            problems=[str(problem) for problem in self._prepared.problems],
            lines=plan_screen.lines_of(self) if self else [],
            notes=self.notes,
        )


def _raised(error: BaseException) -> NoReturn:
    raise error


def _fates(
    request: IngestRequest, n_rows: int, existing: Existing
) -> tuple[int | None, int | None, int | None, int | None]:
    """Inserts, updates, deletes, and rows whose record is missing."""
    match request.operation:
        case "insert":
            return n_rows, 0, 0, 0
        case "upsert":
            return existing.missing, existing.found, 0, 0
        case "update":
            return 0, existing.found, 0, existing.missing
    return 0, 0, existing.found, existing.missing
