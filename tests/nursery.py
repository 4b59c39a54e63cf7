"""Python processes that begin in no time: forked off one that has imported the libraries and used none of them.

What such a process does is all its own: it imports sfframe, and it ends as the interpreter ends. What it doesn't show
is how Python itself begins, its options and the variables that it reads then: for that there is `subprocess`.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import io
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import types
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import IO, Any, Final, Self

# What takes the time of a start. A process that was forked after the import of DuckDB 1 aborts when it ends.
LIBRARIES: Final = (
    "numpy", "pandas", "polars", "pyarrow.compute", "pyarrow.dataset", "pyarrow.parquet", "aiohttp", "tqdm",
    *(() if version("duckdb").startswith("1.") else ("duckdb",)),
)  # fmt: skip
_LONGEST_S: Final = 60.0


class _Forked:
    """A process with what is used of `subprocess.Popen`: text, UTF-8.

    Args:
        command: Words after `python`: `-c` and a script, or `-m` and a module, and its arguments.
        stdin, stdout, stderr: `PIPE`, `DEVNULL`, a descriptor, or this process's.
        env: All its variables; `None`: those of this process.
        cwd: Where it begins.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        stdin: int | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | str | None = None,
    ) -> None:
        self.returncode: int | None = None
        ends = [_ends(wanted, number) for number, wanted in enumerate((stdin, stdout, stderr))]
        theirs = [child for _, child in ends]
        told, telling = os.pipe()
        variables = dict(os.environ if env is None else env)
        self.pid = nursery().start({"command": list(command), "env": variables, "cwd": str(cwd or Path.cwd())},
                                   [*theirs, telling])  # fmt: skip
        for descriptor in {telling, *theirs} - {0, 1, 2}:
            os.close(descriptor)
        self._told = told
        self.stdin, self.stdout, self.stderr = (
            _opened(mine, mode) for (mine, _), mode in zip(ends, "wrr", strict=True)
        )

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait(self) -> int:
        """Its exit code, or the number of the signal that it died of, less than 0."""
        if self.returncode is None:
            self.returncode = int(os.read(self._told, 20))
            os.close(self._told)
        return self.returncode

    def communicate(self, *, timeout: float = _LONGEST_S) -> tuple[str, str]:
        """All that it says until its end, for which it has so many seconds."""
        said = {1: "", 2: ""}

        def read(number: int, stream: IO[str]) -> None:
            said[number] = stream.read()

        streams = [(number, stream) for number, stream in ((1, self.stdout), (2, self.stderr)) if stream is not None]
        readers = [threading.Thread(target=read, args=pair, daemon=True) for pair in streams]
        for reader in readers:
            reader.start()
        patience = threading.Timer(timeout, self.kill)
        patience.start()
        self.wait()
        patience.cancel()
        for reader in readers:
            reader.join(timeout)
        return said[1], said[2]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        self.wait()


class _Begun(subprocess.Popen[str]):
    """The same, begun as any process, where none can be forked."""

    def __init__(self, command: Sequence[str], **settings: Any) -> None:
        super().__init__([sys.executable, *command], text=True, encoding="utf-8", **settings)


if sys.platform == "linux":
    Child = _Forked
else:
    Child = _Begun


def run(
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | str | None = None,
    timeout: float = _LONGEST_S,
) -> subprocess.CompletedProcess[str]:
    """A process from its begin to its end, without anything to read; see `Child`."""
    with Child(command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env=env, cwd=cwd) as child:
        out, err = child.communicate(timeout=timeout)
    return subprocess.CompletedProcess(list(command), child.wait(), out, err)


def _ends(wanted: int | None, number: int) -> tuple[int | None, int]:
    """This process's end of a stream, if it has one, and the child's."""
    if wanted is None:
        return None, number
    if wanted == DEVNULL:
        return None, os.open(os.devnull, os.O_RDWR)
    if wanted != PIPE:
        return None, os.dup(wanted)
    reading, writing = os.pipe()
    return (writing, reading) if number == 0 else (reading, writing)


def _opened(descriptor: int | None, mode: str) -> IO[str] | None:
    return None if descriptor is None else os.fdopen(descriptor, mode, encoding="utf-8")


class Nursery:
    """Where they come from: a process of this one, gone when this one is."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", "tests.nursery", str(theirs.fileno())]
            self._process = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], cwd=Path(__file__).parents[1], stdin=subprocess.DEVNULL
            )
        self._socket = ours
        self._answers = ours.makefile("r")
        self._one_at_a_time = threading.Lock()
        atexit.register(self._close)

    def _close(self) -> None:
        self._answers.close()
        self._socket.close()
        self._process.wait()

    def start(self, task: Mapping[str, Any], descriptors: Sequence[int]) -> int:
        """Start a process; gives its id.

        Args:
            task: `command`, `env`, `cwd`; see `Child`.
            descriptors: Its standard streams, and where to tell how it ended.
        """
        text = (json.dumps(task) + "\n").encode()
        with self._one_at_a_time:
            sent = socket.send_fds(self._socket, [text], list(descriptors))
            self._socket.sendall(text[sent:])
            return int(self._answers.readline())


_nurseries: list[Nursery] = []


def nursery() -> Nursery:
    """The one of this process."""
    if not _nurseries:
        _nurseries.append(Nursery())
    return _nurseries[0]


# --- in the nursery ---------------------------------------------------------------------------------------------------


def _children(control: socket.socket) -> dict[str, Any]:
    """Have children, until nobody wants any more; returns in each child, with what it is to do."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for task, descriptors in _tasks(control):
        if os.fork():
            for descriptor in descriptors:
                os.close(descriptor)
            continue
        # Who waits for the child, and tells how it ended.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if child := os.fork():
            control.sendall(f"{child}\n".encode())
            _, status = os.waitpid(child, 0)
            os.write(descriptors[3], str(os.waitstatus_to_exitcode(status)).encode())
            os._exit(0)
        control.close()
        os.close(descriptors[3])
        for number, descriptor in enumerate(descriptors[:3]):
            os.dup2(descriptor, number)
            os.close(descriptor)
        return task
    os._exit(0)


def _tasks(control: socket.socket) -> Iterator[tuple[dict[str, Any], list[int]]]:
    while True:
        text, descriptors, *_ = socket.recv_fds(control, 1 << 16, 4)
        while text and not text.endswith(b"\n"):
            text += control.recv(1 << 16)
        if not text:
            return
        yield json.loads(text), descriptors


def _become(task: Mapping[str, Any]) -> None:
    """Be the process that was asked for, as far as the interpreter makes it one."""
    os.environ.clear()
    os.environ.update(task["env"])
    os.chdir(task["cwd"])
    encoding, _, errors = os.environ.get("PYTHONIOENCODING", "utf-8").partition(":")
    for name, number, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        how = errors or ("backslashreplace" if number == 2 else "strict")
        raw: Any = os.fdopen(number, f"{mode}b", buffering=-1 if number < 2 else 0, closefd=False)
        stream = io.TextIOWrapper(raw, encoding, how, line_buffering=raw.isatty(), write_through=number == 2)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _work(kind: str, what: str, *arguments: str) -> None:
    """Do what `python -c` and `python -m` do."""
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    if kind == "-m":
        sys.path[0], sys.argv = str(Path.cwd()), [what, *arguments]
        runpy.run_module(what, run_name="__main__", alter_sys=True)
        return
    sys.path[0], sys.argv = "", ["-c", *arguments]
    exec(compile(what, "<string>", "exec"), main.__dict__)


if __name__ == "__main__":
    for library in LIBRARIES:
        importlib.import_module(library)
    gc.freeze()  # so that no child looks for garbage among the libraries
    mine = _children(socket.socket(fileno=int(sys.argv[1])))
    _become(mine)
    _work(*mine["command"])
