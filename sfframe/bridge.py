"""The one bridge from async to sync: `run()`, and `blocking()` which derives sync twins.

One event loop in one daemon thread serves every blocking call of the process, so that calls work inside a
notebook's running loop and from many threads at once, and share their connections.
"""

from __future__ import annotations

import asyncio
import atexit
import contextvars
import functools
import math
import os
import queue
import re
import selectors
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Generic, ParamSpec, TypeAlias, TypeVar, cast

P = ParamSpec("P")
T = TypeVar("T")

# What a task cancelled by Ctrl-C finds as the message of its CancelledError: it may answer with a
# KeyboardInterrupt of its own. A task that its own program cancels has to let the CancelledError through.
INTERRUPTED: Final = "interrupted by Ctrl-C"

_caller: contextvars.ContextVar[tuple[str, int, str] | None] = contextvars.ContextVar("sfframe_caller", default=None)
_Errands: TypeAlias = "queue.SimpleQueue[Callable[[], None]]"
_errands: contextvars.ContextVar[_Errands | None] = contextvars.ContextVar("sfframe_errands", default=None)

_EXIT_PATIENCE_S: Final = 5.0
_TASKS: Final = Path("/proc/self/task")  # one folder for each thread, on Linux
# Ctrl-C doesn't break the wait for a lock everywhere: not on Windows, and not once Polars is imported, whose
# handler lets interrupted system calls start again. It is seen when a wait ends, so waits are short.
_WAIT_SLICE_S: Final = 0.1


def run(coroutine: Coroutine[Any, Any, T], *, watch: Callable[[], None] | None = None) -> T:
    """Run a coroutine on sfframe's background loop and wait for its result.

        limits = sfframe.run(org.limits())
        print(limits["DailyApiRequests"]["Max"])
        # 1000000

    Works where a loop is running already (notebooks) and from any number of threads. The coroutine sees the
    caller's context variables. Ctrl-C cancels it and waits until it has tidied up; if it then raises a
    `KeyboardInterrupt` of its own, such as `sfframe.Interrupted`, the caller gets that one. A second Ctrl-C
    ends the waiting.

    Args:
        coroutine: What to run.
        watch: Called some times a second while it runs, in the calling thread; what it raises ends the call as
            Ctrl-C does, or at once if it is a `LoopBlockedError`. For threads that a signal never reaches.

    Raises:
        RuntimeError: The call comes from the background loop's own thread, where the coroutine is to be
            awaited, or from a forked process whose parent had already used Polars.
    """
    if not asyncio.iscoroutine(coroutine):
        raise TypeError(f"run() takes a coroutine, such as upsert_async(...), not {type(coroutine).__name__}")
    try:
        check_fork()
        call = _Call(coroutine, _background.loop_for(coroutine))
    except BaseException:
        coroutine.close()
        raise
    try:
        call.start()
        call.wait(watch)
    except LoopBlockedError:
        call.cancel()
        raise
    except BaseException as interrupt:
        call.cancel()
        call.wait()
        own = call.error
        if own is None or isinstance(own, asyncio.CancelledError):
            raise
        if isinstance(interrupt, KeyboardInterrupt) and isinstance(own, KeyboardInterrupt):
            raise own from None
        # An accident while tidying up must not turn Ctrl-C into something that `except Exception` swallows.
        raise interrupt from own
    return call.result()


def tidy(close: Callable[[], Coroutine[Any, Any, object]]) -> None:
    """Run what closes something that was left, from wherever that happens: garbage is collected in any thread.

    It is waited for, though not for long, since the thread may hold a lock that the loop needs; and not at all in the
    background loop's own thread. Its errors are dropped. Once the interpreter ends, the loop has closed everything.
    """
    loop = _background.loop
    if loop is None:
        return
    closing = close()
    call = _Call(closing, loop)
    try:
        call.start()
    except RuntimeError:  # the loop is closed
        closing.close()  # or CPython 3.13 warns that nobody has awaited it
        return
    if not _background.is_here():
        call.wait(patience_s=_EXIT_PATIENCE_S)


def blocking(async_fn: Callable[P, Awaitable[T]]) -> Callable[P, T]:
    """Derive the blocking twin of an async function or method: same arguments, same result, same docstring.

    The twin's name is that of `async_fn` without `_async`.
    """

    name = async_fn.__name__.removesuffix("_async")

    @functools.wraps(async_fn)
    def twin(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            coroutine = cast("Coroutine[Any, Any, T]", async_fn(*args, **kwargs))
        except TypeError as error:  # arguments that don't fit: nothing else has run so far
            raise TypeError(str(error).replace(f"{async_fn.__name__}()", f"{name}()")) from None
        return run(coroutine)

    twin.__name__ = name
    twin.__qualname__ = async_fn.__qualname__.removesuffix("_async")
    return twin


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a function in a worker thread, as `asyncio.to_thread`, safe from Ctrl-C.

    Polars raises `KeyboardInterrupt` in whatever thread has a query running. In a task that would end the loop
    for everyone, so it comes out as `InterruptedThread`, an exception like others.
    """
    return await asyncio.to_thread(_guarded, functools.partial(function, *args, **kwargs))


async def in_own_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """As `in_thread`, for what itself waits for calls: those threads are few, and all of them might come to wait."""
    threads = ThreadPoolExecutor(1, thread_name_prefix="sfframe-own")
    try:
        context = contextvars.copy_context()
        work = functools.partial(context.run, _guarded, functools.partial(function, *args, **kwargs))
        return await asyncio.get_running_loop().run_in_executor(threads, work)
    finally:
        threads.shutdown(wait=False)  # it goes once the function has ended


class InterruptedThread(Exception):  # noqa: N818  # an interrupt, no error
    """Ctrl-C reached a worker thread."""


def interrupt_in(error: BaseException) -> InterruptedThread | None:
    """The `InterruptedThread` that an error is, or that a task group brought out."""
    if isinstance(error, BaseExceptionGroup):
        return next((found for inner in error.exceptions if (found := interrupt_in(inner))), None)
    return error if isinstance(error, InterruptedThread) else None


def _guarded(function: Callable[[], T]) -> T:
    try:
        return function()
    except KeyboardInterrupt as interrupt:
        raise InterruptedThread from interrupt


def caller() -> tuple[str, int, str] | None:
    """Where in the calling thread's code the running call was made: file, line, module; for warnings.

    `None` outside of `run`.
    """
    return _caller.get()


class LoopBlockedError(RuntimeError):
    """The background loop's thread waits for the very thread that would wait for the loop."""


def in_caller(errand: Callable[[], None]) -> None:
    """Have something done soon by the thread that waits for the running call; at once in this one if none does.

    For what a thread alone may do, such as writing into the notebook cell that it runs. Nobody waits for the errand,
    and what is asked for after the call's end isn't done; what it raises but an interrupt is dropped.
    """
    errands = _errands.get()
    if errands is None or not _background.is_here():
        errand()
    else:
        errands.put(errand)


def is_on_loop() -> bool:
    """Whether this is the background loop's own thread, where a blocking call would wait for itself."""
    return threading.current_thread() is _background.thread


def loop_is_inside(package: str) -> bool:
    """Whether the background loop's thread is now inside of a package's code, and so can't serve anybody."""
    thread = _background.thread
    frame = sys._current_frames().get(thread.ident) if thread is not None and thread.ident is not None else None
    while frame is not None:
        if frame.f_globals.get("__name__", "").partition(".")[0] == package:
            return True
        frame = frame.f_back
    return False


def check_fork() -> None:
    """Refuse to go on in a process where Polars would hang.

    A fork copies the memory of Polars' thread pool but not its threads: whatever is given to the pool waits
    for ever. Nothing in the child can mend that.

    Raises:
        RuntimeError: This process, or one it descends from, was forked after its parent had used Polars.
    """
    if _fork.pool_was_lost:
        raise RuntimeError(
            "this process was forked from one that had already used Polars, and Polars would hang in it. "
            "Start processes by spawn or forkserver, as in multiprocessing.get_context('spawn') "
            "or ProcessPoolExecutor(mp_context=...)."
        )


class _Call(Generic[T]):
    """One coroutine on the background loop, and a thread that waits for it."""

    def __init__(self, coroutine: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> None:
        self._coroutine = coroutine
        self._loop = loop
        self._context = contextvars.copy_context()
        self._context.run(_caller.set, _outside())
        self._errands: _Errands = queue.SimpleQueue()
        self._context.run(_errands.set, self._errands)  # not the call itself, which holds its result
        self._task: asyncio.Task[None] | None = None
        self._done = threading.Event()
        self._value: T | None = None
        self.error: BaseException | None = None

    def start(self) -> None:
        self._loop.call_soon_threadsafe(self._start)

    def cancel(self) -> None:
        self._loop.call_soon_threadsafe(self._cancel)

    def wait(self, watch: Callable[[], None] | None = None, *, patience_s: float = math.inf) -> None:
        ends_at = time.monotonic() + patience_s
        while not self._done.wait(_WAIT_SLICE_S) and time.monotonic() < ends_at:
            self._do_errands()
            if watch is not None:
                watch()
        self._do_errands()

    def _do_errands(self) -> None:
        for _ in range(self._errands.qsize()):
            with suppress(Exception):
                self._errands.get_nowait()()

    def result(self) -> T:
        if self.error is None:
            return cast("T", self._value)
        try:
            raise self.error
        finally:
            self.error = None  # breaks the cycle of the error, its traceback and this frame

    def _start(self) -> None:
        if self._done.is_set():
            return
        self._task = self._loop.create_task(self._carry(), context=self._context)
        self._task.add_done_callback(self._finish)

    async def _carry(self) -> None:
        # A task lets KeyboardInterrupt and SystemExit out of run_forever: the loop would end for everyone.
        try:
            self._value = await self._coroutine
        except BaseException as error:  # noqa: BLE001  # raised again in the caller's thread
            self.error = error

    def _cancel(self) -> None:
        if self._task is None:  # Ctrl-C came before the start
            self._finish(None)
        else:
            self._task.cancel(INTERRUPTED)

    def _finish(self, task: asyncio.Task[None] | None) -> None:
        if task is None or task.cancelled():  # before its first step: _carry wasn't entered
            self.error = asyncio.CancelledError()
        self._coroutine.close()
        self._done.set()


def _outside() -> tuple[str, int, str]:
    """The innermost frame that is not of this package."""
    package = __name__.partition(".")[0]
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == package:
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno, frame.f_globals.get("__name__", "")


class _Background:
    """The loop and its thread, made at the first call and closed at the interpreter's exit."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lost: list[asyncio.AbstractEventLoop] = []

    @property
    def thread(self) -> threading.Thread | None:
        return self._thread

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        return self._loop

    def is_here(self) -> bool:
        """Whether this is the loop's own thread."""
        return threading.current_thread() is self._thread

    def loop_for(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.AbstractEventLoop:
        if self.is_here():
            name = getattr(coroutine, "__qualname__", "the async form")
            raise RuntimeError(
                f"a blocking call on sfframe's own event loop would wait for itself: use `await {name}(...)` there."
            )
        with self._lock:
            if self._loop is None:
                self._loop = _new_loop()
                self._thread = threading.Thread(target=_serve, args=(self._loop,), name="sfframe", daemon=True)
                self._thread.start()
            return self._loop

    def forget(self) -> None:
        """In a forked child: the loop's thread stayed in the parent."""
        if self._loop is not None:
            # The parent's epoll set is shared: a socket of the lost loop, closed the orderly way, would be
            # taken out of the parent's set too. Without a selector the lost loop can't do that.
            with suppress(Exception):
                self._loop._selector.close()  # type: ignore[attr-defined]  # the one handed over in _new_loop
            self._lost.append(self._loop)  # never finalized: that would close its sockets
        self._lock, self._loop, self._thread = threading.Lock(), None, None

    def close(self) -> None:
        loop, thread = self._loop, self._thread
        if loop is None or thread is None or not thread.is_alive():
            return
        with suppress(Exception):
            asyncio.run_coroutine_threadsafe(_wind_up(), loop).result(_EXIT_PATIENCE_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_EXIT_PATIENCE_S)
        if not thread.is_alive():
            loop.close()


def _new_loop() -> asyncio.AbstractEventLoop:
    if sys.platform == "win32":
        return asyncio.new_event_loop()
    return asyncio.SelectorEventLoop(selectors.DefaultSelector())


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    loop.run_forever()


async def _wind_up() -> None:
    """As `asyncio.run` ends: tasks are cancelled, then async generators (open sessions) closed."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=_EXIT_PATIENCE_S / 2)
    await asyncio.get_running_loop().shutdown_asyncgens()


class _Fork:
    """Watches forks for Polars' thread pool being left behind."""

    def __init__(self) -> None:
        self.pool_was_lost = False
        self._pool_runs = False

    def before(self) -> None:
        self._pool_runs = "polars" in sys.modules and _polars_pool_runs()

    def in_child(self) -> None:
        self.pool_was_lost = self.pool_was_lost or self._pool_runs
        _background.forget()


def _polars_pool_runs() -> bool:
    if not _TASKS.is_dir():
        return _background.loop is not None  # no way to see native threads; our own calls use the pool
    # Polars names its workers polars-0, polars-1, ...; merely imported, it has helper threads of other names.
    prefix = re.escape(os.environ.get("POLARS_THREAD_NAME", "polars"))
    for task in _TASKS.iterdir():
        with suppress(OSError):  # a thread that ended meanwhile
            name = (task / "comm").read_text().strip()
            if re.fullmatch(rf"{prefix}-\d+|async-executor-.*", name):
                return True
    return False


_background = _Background()
_fork = _Fork()
atexit.register(_background.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_fork.before, after_in_child=_fork.in_child)
