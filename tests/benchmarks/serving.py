"""How an org of the benchmarks is served: a process of its own that lives no longer than who started it."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from aiohttp import web

ROOT = Path(__file__).parents[2]


async def serve(served: web.Application) -> None:
    """Serve until stdin ends; the port is the first line out."""
    runner = web.AppRunner(served, access_log=None, read_bufsize=1 << 20)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


@contextlib.contextmanager
def served_by(module: str, data: Path) -> Iterator[str]:
    """The address of an org that a module serves; its process ends with the block, or with this process."""
    command = [sys.executable, "-m", module, str(data)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()
