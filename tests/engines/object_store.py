"""An object store on this machine: S3 as moto has it, a process of its own that answers one request after the other.

What is made once there is so by that order, as it is by the vendor's promise elsewhere.

    python -m tests.engines.object_store        # tells its address, and serves until it is killed
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any
from unittest import mock

import fsspec

from sfframe.ingest.store import _reached

BUCKET = "warehouse"


@contextlib.contextmanager
def object_store() -> Iterator[str]:
    """The address of a bucket, which what runs in the block, and what it starts, finds by the environment."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.engines.object_store"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            endpoint = process.stdout.readline().strip()
            login = {
                "AWS_ENDPOINT_URL": endpoint,
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_DEFAULT_REGION": "us-east-1",
            }
            with mock.patch.dict(os.environ, login):
                forget()
                files().mkdir(BUCKET)
                yield f"s3://{BUCKET}"
        finally:
            process.kill()


def forget() -> None:
    """Have a process that knew an earlier store look for this one: fsspec keeps what it has reached."""
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    _reached.cache_clear()


def files() -> Any:
    """What is in the store, as fsspec has it."""
    return fsspec.filesystem("s3", use_listings_cache=False, skip_instance_cache=True)


def _serve() -> None:
    moto: Any = importlib.import_module("moto.server")
    werkzeug: Any = importlib.import_module("werkzeug.serving")
    application = _one_by_one(moto.DomainDispatcherApplication(moto.create_backend_app))
    server = werkzeug.make_server("127.0.0.1", 0, application, threaded=True)
    sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


def _one_by_one(application: Any) -> Any:
    """One request after the other; but none waits for what comes slowly, or isn't taken, of another."""
    turn = threading.Lock()

    def answer(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"]
        is_whole = environ.get("wsgi.input_terminated")
        environ["wsgi.input"] = io.BytesIO(
            body.read() if is_whole else body.read(int(environ.get("CONTENT_LENGTH") or 0))
        )
        with turn:
            return [b"".join(application(environ, start_response))]

    return answer


if __name__ == "__main__":
    _serve()
