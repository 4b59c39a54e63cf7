"""A little proxy that opens tunnels (CONNECT) and remembers all that it is told."""

from __future__ import annotations

import asyncio
import ssl
import threading
from contextlib import suppress
from typing import Self


class ConnectProxy:
    """A proxy in a thread of its own.

    Attributes:
        asked: The head of each request, as it came.
        passed: The bytes that clients sent through its tunnels.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, *, refuses: bytes = b"") -> None:
        self._tls, self._refuses = tls, refuses
        self.asked: list[str] = []
        self.passed = bytearray()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._tunnels: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._met, "127.0.0.1", 0, ssl=self._tls)
        self.port: int = server.sockets[0].getsockname()[1]
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"
        self._ready.set()
        await self._stop.wait()
        server.close()
        for tunnel in self._tunnels:
            tunnel.cancel()
        await asyncio.gather(*self._tunnels, return_exceptions=True)

    def _met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tunnel = asyncio.ensure_future(self._talk(reader, writer))
        self._tunnels.add(tunnel)
        tunnel.add_done_callback(self._tunnels.discard)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.asked.append(head)
            method, target, _ = head.split(" ", 2)
            if method != "CONNECT" or self._refuses:
                writer.write(self._refuses or b"HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n")
                await writer.drain()
                return
            host, _, port = target.rpartition(":")
            far_reader, far_writer = await asyncio.open_connection(host, int(port))
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._pour(reader, far_writer, self.passed))
                    both.create_task(self._pour(far_reader, writer, bytearray()))
            finally:
                far_writer.transport.abort()
        finally:
            with suppress(Exception):
                writer.transport.abort()

    @staticmethod
    async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: bytearray) -> None:
        with suppress(ConnectionError):
            while chunk := await reader.read(2**16):
                seen += chunk
                writer.write(chunk)
                await writer.drain()
        writer.transport.abort()
