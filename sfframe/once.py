"""Once: a load that is run a single time, however often it is asked for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from sfframe.ingest.request import IngestRequest
from sfframe.org.org import Org

_Load = tuple[Any, ...]


class Once:
    """What was asked for once, and how it ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_running = False
        self._result: Any = None
        self._error: BaseException | None = None

    async def do(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """Do it the first time, and give what came of it each time.

        An error by which something may have been sent, which carries a `result`, is raised again each time. After
        another one the work is done at the next try.

        Raises:
            RuntimeError: It is being done at the moment.
        """
        with self._lock:
            if self._error is not None:
                raise self._error
            if self._result is not None:
                return self._result
            if self._is_running:
                raise RuntimeError("this load is running already, by another call of run(): wait for that one")
            self._is_running = True
        try:
            self._result = await work()
        except asyncio.CancelledError:
            self._error = RuntimeError(
                "this load was cancelled on its way, and some of its rows may be in the org: look at the org's jobs, "
                "and call the verb if it is to be sent again"
            )
            raise
        except BaseException as error:
            if getattr(error, "result", None) is not None:
                self._error = error
            raise
        finally:
            self._is_running = False
        return self._result


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
