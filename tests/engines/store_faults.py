"""Has an object store fail at random, and holds the org to what the results say: each row once.

    python -m tests.engines.store_faults 50

Before the store stands a proxy that refuses requests, or does what they ask and loses the answer, or does it late, when
whoever asked has given it up. A call that comes to a clear end is made again, until it is finished. A seed decides
everything but the machine's own time.
"""

from __future__ import annotations

import contextlib
import faulthandler
import http.client
import os
import random
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import dask
import dask.dataframe as dd
import s3fs

import sfframe
import sfframe.frames.dask
from tests.journal.kills import OPERATIONS, hold, prepared_frame

from .dask_kills import _org, _Whole
from .object_store import forget, object_store

FAULTS = ("refused", "error", "answer lost", "late")
_LATE_S = 0.5
_SILENT_S = 1.0
_MOST_TRIES = 40
_HANGS_S = 240.0


@dataclass
class Tally:
    """What was seen.

    Attributes:
        calls: How many calls there were.
        again: How often one had to be made again, by what it had said.
        faults: How many requests to the store failed, and how.
    """

    calls: int = 0
    again: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)


class RandomFaults:
    """Decides at random which requests fail, and how; any thread may ask."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._lock = threading.Lock()
        self.set(random.Random(0), 0.0)

    def set(self, chance: random.Random, share: float) -> None:
        """From here on so many of them fail, and none until then."""
        with self._lock:
            self._chance, self._share, self._out_until = chance, share, 0.0

    def __call__(self, command: str, path: str) -> str | None:
        """What goes wrong with a request."""
        del command, path
        with self._lock:
            if self._share and time.monotonic() < self._out_until:
                found = "refused"
            elif self._chance.random() < self._share:
                found = self._chance.choice(FAULTS)
                if self._chance.random() < 0.05:
                    self._out_until = time.monotonic() + self._chance.uniform(0, 3 * _SILENT_S)
            else:
                return None
            self._tally.faults[found] += 1
            return found


@contextlib.contextmanager
def proxy(faults: Callable[[str, str], str | None]) -> Iterator[None]:
    """Before the store of `object_store`, what hands requests on to it, but for those that fail.

    Args:
        faults: Told a request's verb and path; which of `FAULTS` befalls it, `None`: none.
    """
    behind = os.environ["AWS_ENDPOINT_URL"]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            body, fault = self._body(), faults(self.command, self.path)
            if fault == "refused":
                self._answer(503, {}, b"")
            elif fault == "late":
                self._hang_up()
                time.sleep(_LATE_S)
                self._asked(body)
            else:
                status, headers, data = self._asked(body)
                if fault == "answer lost":
                    self._hang_up()
                elif fault == "error":
                    self._answer(500, {}, b"")
                else:
                    self._answer(status, headers, data)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _any  # noqa: N815  # as the library calls them

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            whole = b""
            while n := int(self.rfile.readline().split(b";")[0], 16):
                whole += self.rfile.read(n)
                self.rfile.readline()
            self.rfile.readline()
            return whole

        def _asked(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
            left_out = ("transfer-encoding", "content-length", "connection", "expect")
            headers = {name: value for name, value in self.headers.items() if name.lower() not in left_out}
            connection = http.client.HTTPConnection(urlsplit(behind).netloc)
            try:
                connection.request(self.command, self.path, body, {**headers, "Content-Length": str(len(body))})
                answer = connection.getresponse()
                return answer.status, dict(answer.getheaders()), answer.read()
            finally:
                connection.close()

        def _answer(self, status: int, headers: dict[str, str], data: bytes) -> None:
            self.send_response(status)
            length = headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(data))
            left_out = ("transfer-encoding", "content-length", "connection", "server", "date")
            for name, value in headers.items():
                if name.lower() not in left_out:
                    self.send_header(name, value)
            self.send_header("Content-Length", length)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        def _hang_up(self) -> None:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

        def log_message(self, *_: Any) -> None:
            """Nothing is told of requests."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """Those who hung up are nobody's business."""

    with Server(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        serving.start()
        address = f"http://127.0.0.1:{server.server_port}"
        # The library's own tries would hide most of the faults, and take long.
        tries = mock.patch.object(s3fs.S3FileSystem, "retries", 1)
        try:
            with mock.patch.dict(os.environ, {"AWS_ENDPOINT_URL": address, "AWS_MAX_ATTEMPTS": "1"}), tries:
                forget()
                yield
        finally:
            forget()
            server.shutdown()
            serving.join()


def main(n: int, *, first_seed: int = 0) -> Tally:
    """Make so many calls."""
    tally = Tally()
    faults = RandomFaults(tally)
    with (
        sfframe.LocalOrg() as local,
        object_store() as address,
        proxy(faults),
        dask.config.set({"scheduler": "threads", "sfframe.silent-seconds": _SILENT_S}),
    ):
        for seed in range(first_seed, first_seed + n):
            _one(local, f"{address}/runs-{seed}", faults, seed, tally)
            sys.stdout.write(f"after seed {seed}: {tally}\n")
            sys.stdout.flush()
    return tally


def _one(local: sfframe.LocalOrg, journal: str, faults: RandomFaults, seed: int, tally: Tally) -> None:
    chance = random.Random(seed)
    local.reset()
    operation = chance.choice(OPERATIONS)
    frame = prepared_frame(local, chance, seed, operation)
    spread = dd.from_pandas(frame.to_pandas(), npartitions=chance.randint(1, 4))
    options = {
        "max_records": chance.choice([20, 50, 1000]),
        "max_concurrent_jobs": chance.choice([1, 2, 4]),
        "on_failure": "return",
        "journal": journal,
    }
    key = ["ExternalId__c"] if operation == "upsert" else []
    share = chance.choice([0.003, 0.01, 0.03])
    tally.calls += 1
    result = None
    for tries in range(_MOST_TRIES):
        faults.set(chance, share if tries < _MOST_TRIES // 2 else 0.0)
        faulthandler.dump_traceback_later(_HANGS_S, exit=True)
        began = time.monotonic()
        try:
            found = getattr(spread.sfbulk, operation)("Contact", *key, org=_org(local), **options)
            if not found.counts["unprocessed"]:
                result = found
                break
            tally.again["unprocessed"] += 1
        except sfframe.SfframeError as error:
            tally.again[type(error).__name__] += 1
            sys.stdout.write(f"  seed {seed}, {time.monotonic() - began:.1f} s: {type(error).__name__}: {error}\n")
        finally:
            faulthandler.cancel_dump_traceback_later()
            faults.set(chance, 0.0)
    assert result is not None, f"seed {seed}: the call was never finished"
    try:
        hold(local, frame, operation, _Whole(result, frame))
    except AssertionError as error:
        raise AssertionError(f"seed {seed}, {operation}: {error}") from error


if __name__ == "__main__":
    seen = main(int(sys.argv[1]), first_seed=int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    sys.stdout.write(f"{seen}\n")
