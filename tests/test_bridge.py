"""The bridge: sync twins, notebooks, threads, Ctrl-C, forks, and a clean exit."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Generic, TypeVar, assert_type

import pytest

from sfframe import bridge
from sfframe.bridge import blocking, run
from tests import nursery

T = TypeVar("T")
who: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="nobody")


async def double_async(number: int, *, plus: int = 0) -> int:
    """Twice the number."""
    await asyncio.sleep(0)
    return 2 * number + plus


double = blocking(double_async)


class Box(Generic[T]):
    def __init__(self, content: T) -> None:
        self.content = content

    async def get_async(self, times: int) -> list[T]:
        await asyncio.sleep(0)
        return [self.content] * times

    get = blocking(get_async)


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


async def for_ever() -> None:
    await asyncio.Event().wait()


def script(code: str, *options: str) -> subprocess.CompletedProcess[str]:
    """What a program says; only Python itself takes options."""
    if not options:
        return nursery.run(["-c", textwrap.dedent(code)])
    command = [sys.executable, *options, "-c", textwrap.dedent(code)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_blocking_twin_keeps_signature_and_docstring_and_loses_the_suffix() -> None:
    assert double(3, plus=1) == 7
    assert double.__name__ == "double"
    assert double.__doc__ == "Twice the number."
    assert inspect.signature(double) == inspect.signature(double_async)
    assert not inspect.iscoroutinefunction(double)


def test_a_blocking_twin_is_a_method_and_keeps_its_types() -> None:
    box = Box("x")
    assert_type(box.get(2), list[str])
    assert_type(double(1), int)
    assert box.get(2) == ["x", "x"]
    assert vars(Box)["get"].__qualname__ == "Box.get"


async def test_a_blocking_call_works_inside_a_running_loop() -> None:
    assert double(2) == 4


def test_arguments_that_dont_fit_are_told_by_the_name_that_was_called() -> None:
    with pytest.raises(TypeError, match=r"^Box\.get\(\) missing 1 required positional argument: 'times'$"):
        Box("a").get()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"^double\(\) got an unexpected keyword argument 'minus'$"):
        double(1, minus=2)  # type: ignore[call-arg]


def test_blocking_calls_of_many_threads_share_one_loop() -> None:
    async def loop_of_call() -> asyncio.AbstractEventLoop:
        await asyncio.sleep(0)
        return asyncio.get_running_loop()

    with ThreadPoolExecutor(8) as pool:
        loops = set(pool.map(lambda _: run(loop_of_call()), range(64)))
    assert len(loops) == 1


def test_calls_of_several_threads_run_at_the_same_time() -> None:
    barrier = asyncio.Barrier(4)

    async def meet() -> int:
        return await barrier.wait()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(lambda _: run(meet()), range(4))) == [0, 1, 2, 3]


def test_the_coroutine_sees_the_context_of_its_caller() -> None:
    async def ask() -> str:
        return who.get()

    token = who.set("ada")
    assert run(ask()) == "ada"
    who.reset(token)
    assert run(ask()) == "nobody"


def test_a_blocking_call_on_the_own_loop_names_the_async_twin() -> None:
    async def nested() -> int:
        return double(1)

    with pytest.raises(RuntimeError, match=r"await double_async\(\.\.\.\)"):
        run(nested())


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError()])
def test_whatever_a_coroutine_raises_reaches_its_caller_and_the_loop_goes_on(error: BaseException) -> None:
    async def fail() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        run(fail())
    assert caught.value is error
    assert double(1) == 2


def test_a_coroutine_that_cancels_itself_doesnt_leave_its_caller_waiting() -> None:
    async def cancel_myself() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    with pytest.raises(asyncio.CancelledError):
        run(cancel_myself())


def test_ctrl_c_waits_until_the_coroutine_has_tidied_up() -> None:
    steps: list[str] = []

    async def work() -> None:
        try:
            interrupt()
            await for_ever()
        finally:
            await double_async(1)
            steps.append("tidied")

    with pytest.raises(KeyboardInterrupt):
        run(work())
    assert steps == ["tidied"]


def test_ctrl_c_gives_the_coroutines_own_keyboard_interrupt() -> None:
    class Stopped(KeyboardInterrupt):
        pass

    async def work() -> None:
        try:
            interrupt()
            await for_ever()
        except asyncio.CancelledError:
            raise Stopped("with what is known") from None

    with pytest.raises(Stopped, match="with what is known"):
        run(work())
    assert double(1) == 2


def test_ctrl_c_stays_one_when_tidying_up_fails() -> None:
    async def work() -> None:
        try:
            interrupt()
            await for_ever()
        except asyncio.CancelledError:
            raise ValueError("while tidying up") from None

    with pytest.raises(KeyboardInterrupt) as caught:
        run(work())
    assert isinstance(caught.value.__cause__, ValueError)


def test_a_second_ctrl_c_ends_the_waiting() -> None:
    may_end = threading.Event()
    steps: list[str] = []

    async def work() -> None:
        try:
            interrupt()
            await for_ever()
        except asyncio.CancelledError:
            interrupt()
            await asyncio.to_thread(may_end.wait)
            steps.append("tidied")

    with pytest.raises(KeyboardInterrupt):
        run(work())
    assert steps == []
    may_end.set()


def test_an_exception_of_another_signal_handler_cancels_too() -> None:
    class LateError(Exception):
        pass

    def handler(*_: object) -> None:
        raise LateError

    async def work() -> None:
        os.kill(os.getpid(), signal.SIGUSR1)
        await for_ever()

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        with pytest.raises(LateError):
            run(work())
    finally:
        signal.signal(signal.SIGUSR1, before)


FORK = """
    import asyncio, multiprocessing, sys, warnings
    warnings.simplefilter("ignore", DeprecationWarning)   # Python 3.12 warns of forks of threaded processes
    import polars as pl
    from sfframe.bridge import run

    async def total(n):
        await asyncio.sleep(0)
        return int(pl.DataFrame({{"a": range(n)}}).lazy().filter(pl.col("a") > 0).sum().collect().item())

    async def nothing():
        await asyncio.sleep(0)

    def child(queue):
        try:
            queue.put(run(total(5)))
        except RuntimeError as error:
            queue.put(str(error))

    def fork():
        context = multiprocessing.get_context("fork")
        queue = context.Queue()
        process = context.Process(target=child, args=(queue,))
        process.start()
        print(queue.get(timeout=30))
        process.join(30)
        run(nothing())
        print("parent goes on, child ended with", process.exitcode)

    {forks}
"""

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


@needs_fork
def test_a_child_of_a_process_that_only_imported_polars_works() -> None:
    # The second time the parent has a loop.
    done = script(FORK.format(forks="fork(); fork()"))
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["10", "parent goes on, child ended with 0"] * 2


@needs_fork
@pytest.mark.parametrize("before", ["run(total(3))", "pl.Series([1, 2]).to_frame().filter(pl.col('') > 1)"])
def test_a_child_of_a_process_that_used_polars_is_told_at_once(before: str) -> None:
    done = script(FORK.format(forks=f"{before}; fork()"))
    assert "spawn or forkserver" in done.stdout
    assert "parent goes on, child ended with 0" in done.stdout


@needs_fork
def test_connections_of_the_parent_survive_a_child_that_throws_its_loop_away() -> None:
    done = script("""
        import asyncio, gc, os, sys
        from sfframe import bridge

        async def connected():
            async def answer(reader, writer):
                while line := await reader.readline():
                    writer.write(line)
            server = await asyncio.start_server(answer, "127.0.0.1", 0)
            return await asyncio.open_connection(*server.sockets[0].getsockname())

        async def echo(reader, writer):
            writer.write(b"still here\\n")
            return (await asyncio.wait_for(reader.readline(), 20)).decode().strip()

        pair = bridge.run(connected())
        if not (pid := os.fork()):
            pair[1].transport.abort()
            del pair
            gc.collect()
            os._exit(0)
        os.waitpid(pid, 0)
        print(bridge.run(echo(*pair)))
    """)
    assert done.stdout.strip() == "still here", done.stderr


def test_the_exit_closes_what_is_open_and_says_nothing() -> None:
    done = script(
        """
        import asyncio, logging
        from sfframe.bridge import run

        # How long a callback takes is the machine's affair.
        logging.getLogger("asyncio").addFilter(lambda record: not record.msg.startswith("Executing"))

        async def opened():
            try:
                yield
            finally:
                await asyncio.sleep(0)
                print("closed")

        generator = opened()

        async def start():
            asyncio.get_running_loop().create_task(asyncio.Event().wait())
            await anext(generator)

        run(start())
        """,
        "-X", "dev", "-W", "error",
    )  # fmt: skip
    assert (done.stdout, done.stderr, done.returncode) == ("closed\n", "", 0)


def test_a_call_in_an_exit_handler_works() -> None:
    done = script(
        """
        import atexit
        from sfframe.bridge import run

        async def last():
            print("last words")

        run(last())
        atexit.register(lambda: run(last()))
        """,
        "-X", "dev", "-W", "error",
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("last words\nlast words\n", "")


def test_what_isnt_a_coroutine_is_refused() -> None:
    with pytest.raises(TypeError, match="takes a coroutine, such as"):
        run(double_async)  # type: ignore[arg-type]  # that is the point


def test_a_refused_call_leaves_no_coroutine_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge._fork, "pool_was_lost", True)
    coroutine: Coroutine[Any, Any, int] = double_async(1)
    with pytest.raises(RuntimeError, match="forked"):
        run(coroutine)
    with pytest.raises(RuntimeError, match="cannot reuse"):
        coroutine.send(None)


def test_where_threads_cant_be_seen_own_calls_count_as_use_of_polars(monkeypatch: pytest.MonkeyPatch) -> None:
    background = bridge._Background()
    pool_runs: Callable[[], bool] = bridge._polars_pool_runs
    monkeypatch.setattr(bridge, "_background", background)
    monkeypatch.setattr(bridge, "_TASKS", Path("/nowhere"))
    assert not pool_runs()
    monkeypatch.setattr(background, "_loop", asyncio.SelectorEventLoop())
    assert pool_runs()
    loop = background._loop
    assert loop is not None
    loop.close()


def test_ctrl_c_is_seen_at_once_also_with_polars_imported() -> None:
    """Polars' handler lets system calls start again, the wait for a lock among them."""
    done = script(
        """
        import asyncio, os, signal, threading
        import polars
        from sfframe.bridge import run

        async def wait():
            asyncio.get_running_loop().call_later(0, lambda: os.kill(os.getpid(), signal.SIGINT))
            await asyncio.Event().wait()

        try:
            run(wait())
        except KeyboardInterrupt:
            print("seen")
        """
    )
    assert done.stdout.strip() == "seen", done.stderr


def test_what_a_watch_raises_cancels_the_coroutine_and_reaches_the_caller() -> None:
    cancelled: list[bool] = []

    async def wait() -> None:
        try:
            await for_ever()
        finally:
            cancelled.append(True)

    def watch() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(wait(), watch=watch)
    assert cancelled == [True]


async def test_ctrl_c_in_a_worker_thread_does_not_end_the_loop() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(bridge.InterruptedThread) as caught:
        await bridge.in_thread(interrupted)
    assert bridge.interrupt_in(BaseExceptionGroup("", [ValueError(), caught.value])) is caught.value
    assert bridge.interrupt_in(ValueError()) is None
