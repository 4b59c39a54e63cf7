"""The local org on a loopback port: HTTP around `org`, in a thread and an event loop of its own."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
from aiohttp import web

from sfframe.localorg.desk import MetFault
from sfframe.localorg.faults import Fault
from sfframe.localorg.login.certificate import authority_of, server_context
from sfframe.localorg.manners import Manners
from sfframe.localorg.objects.describe import FieldSpec
from sfframe.localorg.org import Clock, Org
from sfframe.localorg.saving.rules import Rules
from sfframe.localorg.web.answers import Area
from sfframe.localorg.web.collections import CollectionAnswers
from sfframe.localorg.web.composite import CompositeAnswers
from sfframe.localorg.web.front import Front
from sfframe.localorg.web.gate import Gate, Served
from sfframe.localorg.web.identity import Identity
from sfframe.localorg.web.ingest import IngestJobs
from sfframe.localorg.web.meta import Meta
from sfframe.localorg.web.page import Page
from sfframe.localorg.web.port import Port
from sfframe.localorg.web.query import QueryJobAnswers
from sfframe.localorg.web.rows import Rows
from sfframe.localorg.web.soql import RestQueries

_HOST = "127.0.0.1"
_LOG_LENGTH = 10_000
_AREAS = (Meta, Identity, IngestJobs, QueryJobAnswers, RestQueries, Rows, CollectionAnswers, Page)


class Server:
    """A Bulk API 2.0 server with an embedded database, for tests and for trying things out.

    Takes tokens from its own token endpoint alone and listens on loopback alone.

    Args:
        database: A DuckDB file, made where there is none (with a folder `<file>.uploads` beside it); None: in memory.
        objects: Paths or dicts of describe answers, added to the standard objects; the same name replaces.
        faults: What goes wrong, and when.
        seed: Orders the rows of results.
        manners: Which of several reported behaviours the org shows.
        clock: Gives the time, with a zone.
        port: Where to listen; 0: any free port.
    """

    def __init__(
        self,
        database: str | Path | None = None,
        *,
        objects: Iterable[str | Path | Mapping[str, Any]] = (),
        faults: Iterable[Fault] = (),
        seed: int = 0,
        manners: Manners | None = None,
        clock: Clock | None = None,
        port: int = 0,
    ) -> None:
        self._settings: dict[str, Any] = {
            "objects": tuple(objects),
            "seed": seed,
            "manners": manners or Manners(),
            "clock": clock,
        }
        self._database, self._port = database, port
        self.faults: list[Fault] = list(faults)
        self.requests: deque[Served] = deque(maxlen=_LOG_LENGTH)
        self.url = ""
        self._org: Org | None = None
        self._thread: threading.Thread | None = None

    # Life.

    def start(self) -> Server:
        """Listen; returns when requests are taken.

        Raises:
            RuntimeError: It runs already.
            OSError: The port is taken.
        """
        if self._thread is not None:
            raise RuntimeError("the local org runs already")
        self._org = Org(self._database, faults=self.faults, **self._settings)
        ready: list[BaseException | None] = []
        event = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready, event), name="localorg-server", daemon=True)
        self._thread.start()
        event.wait()
        if ready[0] is not None:
            self._thread.join()
            self._thread = None
            self._org.stop()
            self._org = None
            raise ready[0]
        self._org.start()
        return self

    def stop(self) -> None:
        """Stop listening, let the database go, take away what was temporary. Does nothing where nothing runs."""
        if self._thread is None or self._org is None:
            return
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        self._thread = None
        self._org.stop()

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # What tests look at and turn.

    @property
    def org(self) -> Org:
        if self._org is None:
            raise RuntimeError("the local org isn't started")
        return self._org

    @property
    def client_id(self) -> str:
        return self.org.tokens.client_id

    @property
    def client_secret(self) -> str:
        return self.org.tokens.client_secret

    @property
    def username(self) -> str:
        return self.org.tokens.username

    @property
    def password(self) -> str:
        return self.org.tokens.password

    @property
    def security_token(self) -> str:
        return self.org.tokens.security_token

    @property
    def refresh_token(self) -> str:
        return self.org.tokens.refresh_token

    @property
    def private_key(self) -> str:
        """The PEM text of the key for JWTs, random for each database; needs the package `cryptography`."""
        return self.org.tokens.private_key

    @property
    def certificate(self) -> str:
        """The PEM text of the authority that a client must trust for `https://` at the port of `url`; random for
        each database. Needs the package `cryptography`."""
        return authority_of(self.org.certificates)

    @property
    def rules(self) -> Rules:
        """Validation rules by object: each gets a record as it would be saved and says what is wrong, or None.

        To set one for an object that isn't there is a LookupError.
        """
        return self.org.rules

    @property
    def faults_met(self) -> int:
        """How many faults have happened since the start or `reset`."""
        return self.org.desk.met

    @property
    def fault_log(self) -> list[MetFault]:
        """Those faults in the order in which they happened, each with what it happened to."""
        return list(self.org.desk.log)

    def count(self, kind: str) -> int:
        """How many requests of a kind are in the log."""
        return sum(served.kind == kind for served in self.requests.copy())  # while others are served

    def define(self, api_name: str, fields: Mapping[str, FieldSpec]) -> None:
        """Add an object, or redefine one.

        Args:
            api_name: As in `Invoice__c`.
            fields: A type or describe attributes for each field:
                `{"Total__c": "currency", "Ext__c": {"type": "string", "externalId": True, "unique": True}}`.
        """
        self.org.define(api_name, fields)

    def describe(self, api_name: str) -> dict[str, Any]:
        """The describe answer of an object."""
        return self.org.describe(api_name)

    def rows(self, api_name: str) -> pa.Table:
        """All records of an object, deleted ones included, by Id."""
        return self.org.rows(api_name)

    def reset(self) -> None:
        """Take away records, jobs, counts and the request log; all that was set or defined stays."""
        self.org.reset()
        self.requests.clear()

    def new_access_token(self) -> str:
        """A token as a login gives it, for clients that are told one (2.4)."""
        return self.org.tokens.new_token()

    def expire_tokens(self) -> None:
        """From now on no token is valid that was given before."""
        self.org.tokens.expire()

    def release_jobs(self) -> None:
        """Let jobs go on that a fault made stuck."""
        self.org.release_jobs()

    # The thread.

    def _run(self, ready: list[BaseException | None], event: threading.Event) -> None:
        try:
            # The port peeks at sockets, which the loop that is usual on Windows can't.
            with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
                runner.run(self._serve(ready, event))
        except BaseException as error:  # noqa: BLE001  (whoever waits in `start` has to know)
            ready.append(error)
        finally:
            event.set()

    async def _serve(self, ready: list[BaseException | None], event: threading.Event) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        with ThreadPoolExecutor(4, "localorg-request") as executor:
            areas: tuple[Area, ...] = tuple(area(self.org, executor) for area in _AREAS)
            areas = (*areas, CompositeAnswers(self.org, executor, areas))
            gate = Gate(self.org, areas, self.requests, self._stopping)
            server = Front(gate.handle)
            runner = web.ServerRunner(server, shutdown_timeout=0.5)
            await runner.setup()
            port = Port(server, self._tls_context, executor)
            try:
                self.url = f"http://{_HOST}:{port.open(_HOST, self._port)}"
                ready.append(None)
                event.set()
                await self._stopping.wait()
            finally:
                await port.close()
                await runner.cleanup()
                await port.cut_off()

    def _tls_context(self) -> ssl.SSLContext:
        return server_context(self.org.certificates, self.org.store.scratch)
