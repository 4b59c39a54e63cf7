"""Once: a load that is run a single time, however often it is asked for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sfframe.call import Ended
from sfframe.ingest.request import IngestRequest
from sfframe.org.org import Org

_Load = tuple[Any, ...]
ResultT = TypeVar("ResultT")


@dataclass(frozen=True, kw_only=True, eq=False)
class Run(Generic[ResultT]):
    """A frame's own part in a load.

    Attributes:
        send: Sends the rows; tells how that ended as soon as anything may have been sent.
        given_again: What the frame's rows have of a load that ended so.
        places: A digest of where in the frame the rows are that are sent, and why others aren't: of two frames with
            the same one, what became of the rows of one is what became of those of the other.
    """

    send: Callable[[Callable[[Ended], None]], Awaitable[ResultT]]
    given_again: Callable[[Ended], ResultT]
    places: str


class Once:
    """A load, and how it ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_running = False
        self._is_cancelled = False
        self._ended: Ended | None = None
        self._places = ""

    @property
    def is_over(self) -> bool:
        """Whether it was run: nothing is sent any more."""
        return self._ended is not None or self._is_cancelled

    async def do(self, run: Run[ResultT]) -> ResultT:
        """Do it the first time, and give a frame's rows what came of it each time.

        After an error by which nothing was sent it is done at the next try.

        Raises:
            RuntimeError: It is being done at the moment, or was cancelled on its way, or this frame has other rows
                beside those of the load.
        """
        if (ended := self._begun(run.places)) is not None:
            return run.given_again(ended)
        try:
            return await run.send(self._note)
        except asyncio.CancelledError:
            self._is_cancelled = True
            raise
        except BaseException as error:
            if getattr(error, "result", None) is None:  # nothing was sent
                self._ended = None
            raise
        finally:
            self._is_running = False

    def _begun(self, places: str) -> Ended | None:
        """How it ended; `None`: it begins now."""
        with self._lock:
            if self._is_cancelled:
                raise RuntimeError(
                    "this load was cancelled on its way, and some of its rows may be in the org: look at the org's "
                    "jobs, and call the verb if it is to be sent again"
                )
            if self._is_running:
                raise RuntimeError("this load is running already, by another call of run(): wait for that one")
            if self._ended is not None and self._places != places:
                raise RuntimeError(
                    "just these rows were loaded already by another plan, whose frame had others beside them that "
                    "weren't sent, or had them in another order: nothing was sent now. Call the verb if the rows are "
                    "to be sent again."
                )
            self._is_running, self._places = self._ended is None, places
            return self._ended

    def _note(self, ended: Ended) -> None:
        self._ended = ended


_known: dict[_Load, Once] = {}


def the_same(org: Org, request: IngestRequest, digest: str) -> Once:
    """The one of this process for a load: the same for the same rows, call and org.

    Args:
        org: Where the rows go.
        request: The call.
        digest: Of what would be sent.
    """
    call = (request.sobject, request.operation, request.external_id_field, request.options.assignment_rule_id)
    load = (org.host, org.user_id, *call, digest)
    return _known.setdefault(load, Once())
