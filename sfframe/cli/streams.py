"""Streams: stdout, stderr and stdin as a command finds them: closed, on a full disk, or with nobody who reads."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, Final

_CLOSED: Final = "it is closed"


class NotWrittenError(OSError):
    """stdout doesn't take what belongs there.

    Attributes:
        reason: Why, in the system's words.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"stdout can't be written to: {reason}. Let it go elsewhere, such as > FILE")
        self.reason = reason


class _Stream(io.BufferedIOBase):
    """Bytes on their way out. What goes wrong is told once; what is written afterwards goes nowhere.

    Args:
        beneath: Where they go; `None`: it was closed when the process began.
    """

    def __init__(self, beneath: BinaryIO | None) -> None:
        self._beneath = beneath
        self._is_over = False

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        if not self._is_over:
            try:
                if self._beneath is None:
                    raise OSError(_CLOSED)
                return self._beneath.write(data)
            except OSError as error:
                self._end(error)
        return memoryview(data).nbytes

    def flush(self) -> None:
        if self._is_over or self._beneath is None or self._beneath.closed:  # whoever closed it has flushed it
            return
        try:
            self._beneath.flush()
        except OSError as error:
            self._end(error)

    def fileno(self) -> int:
        if self._beneath is None:
            raise io.UnsupportedOperation("fileno")
        return self._beneath.fileno()

    def isatty(self) -> bool:
        return self._beneath is not None and self._beneath.isatty()

    def _end(self, error: OSError) -> None:
        self._is_over = True
        if self._beneath is not None:
            # What it still holds must not be written at exit either, for that would fail once more.
            with suppress(OSError):
                _to_nowhere(self._beneath.fileno())
        self.say(error)

    def say(self, error: OSError) -> None:
        """Tell what went wrong."""


class _Stdout(_Stream):
    """A reader that had enough (`| head`) is no trouble to tell of; all else is."""

    def say(self, error: OSError) -> None:
        """Tell what went wrong.

        Raises:
            BrokenPipeError: Nobody reads any more.
            NotWrittenError: It can't be written to.
        """
        if isinstance(error, BrokenPipeError):
            raise error
        raise NotWrittenError(error.strerror or str(error)) from error


class _Stderr(_Stream):
    """If nobody looks on, that says nothing of the call."""


@contextmanager
def guarded() -> Iterator[None]:
    """stdout, stderr and stdin that can be used whatever they are; a name that a terminal can't show is no trouble."""
    before = sys.stdin, sys.stdout, sys.stderr
    _hold_places(before)
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    sys.stdout, sys.stderr = _guarded(sys.stdout, _Stdout), _guarded(sys.stderr, _Stderr)
    try:
        yield
    finally:
        sys.stdin, sys.stdout, sys.stderr = before


def out() -> BinaryIO:
    """stdout, for bytes.

    Raises:
        NotWrittenError: It is closed.
    """
    stream: Any = sys.stdout.buffer
    if isinstance(stream, _Stream) and stream._beneath is None:
        raise NotWrittenError(_CLOSED)
    found: BinaryIO = stream
    return found


def _guarded(stream: Any, kind: type[_Stream]) -> Any:
    if stream is None:
        return io.TextIOWrapper(kind(None), encoding="utf-8", errors="backslashreplace")
    if getattr(stream, "buffer", None) is None:
        return stream  # a notebook's own, for instance
    stream.flush()
    return io.TextIOWrapper(
        kind(stream.buffer), encoding=stream.encoding, errors="backslashreplace", line_buffering=stream.isatty()
    )


def _hold_places(streams: tuple[Any, ...]) -> None:
    """The numbers of closed streams aren't free: what got one, such as a socket, would be taken for the stream."""
    for number, stream in enumerate(streams):
        if stream is None:
            try:
                os.fstat(number)
            except OSError:
                _to_nowhere(number)


def _to_nowhere(number: int) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere != number:
        os.dup2(nowhere, number)
        os.close(nowhere)
