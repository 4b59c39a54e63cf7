"""The port where all comes in: plain HTTP, TLS, and clients that take it for their proxy, told by the first byte."""

from __future__ import annotations

import asyncio
import errno
import logging
import re
import socket
import ssl
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any
from weakref import WeakSet

_logger = logging.getLogger(__name__)
_BACKLOG = 128
_TLS_HELLO = b"\x16"
_HANDSHAKE_S = 10.0
# A fault that hangs up doesn't wait for the client's goodbye.
_GOODBYE_S = 0.5
_PAUSE_S = 0.1
# Who connects and says nothing is let go; afterwards the HTTP library has its own patience.
_SILENCE_S = 60.0
# What a proxy is asked (RFC 9110, 9.3.6); of all hosts this one knows but its own org.
_METHOD = b"CONNECT "
_CONNECT = re.compile(rb"CONNECT ([\w.-]+):443 HTTP/1\.[01]\r\n", re.IGNORECASE)
_SALESFORCE = re.compile(rb"([\w-]+\.)+salesforce\.com", re.IGNORECASE)
_MAX_CONNECT = 16_384
_CONNECTED = b"HTTP/1.1 200 Connection established\r\n\r\n"
_FORBIDDEN = (
    b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
    b"localorg stands for port 443 of salesforce.com hosts alone, and lets nothing out\n"
)


class Port:
    """Listens, and hands each connection to a protocol, in the clear or decrypted.

    The needed peek at a socket is a thing of selectors: the loop must be a `SelectorEventLoop`.

    Args:
        protocol: Makes the protocol of a connection.
        tls: Makes the TLS context; called once, in `executor`, when the first client wants it.
        executor: See there.
    """

    def __init__(
        self, protocol: Callable[[], asyncio.BaseProtocol], tls: Callable[[], ssl.SSLContext], executor: Executor
    ) -> None:
        self._protocol, self._tls, self._executor = protocol, tls, executor
        self._listener: socket.socket | None = None
        self._context: asyncio.Future[ssl.SSLContext] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._encrypted: WeakSet[asyncio.Transport] = WeakSet()

    def open(self, host: str, port: int) -> int:
        """Listen; gives the port's number.

        Raises:
            OSError: The port is taken.
        """
        try:
            self._listener = listener = socket.create_server((host, port), backlog=_BACKLOG)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            text = f"port {port} is taken; name another one, or none to get a free one"
            raise OSError(errno.EADDRINUSE, text) from None
        listener.setblocking(False)
        self._loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self._own(self._accept(listener))
        return int(listener.getsockname()[1])

    async def close(self) -> None:
        """Listen no more; connections that are handed over stay."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._listener is not None:
            self._listener.close()

    async def cut_off(self) -> None:
        """Leave clients that haven't said goodbye in the TLS way; the loop ends, and would leave them open."""
        for transport in self._encrypted:
            transport.abort()
        await asyncio.sleep(0)

    def _own(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                sock, _ = await self._loop.sock_accept(listener)
            except OSError as error:
                # No more files may be open, or the client is gone already: others may have better luck.
                _logger.warning("the local org could not accept a connection: %s", error)
                await asyncio.sleep(_PAUSE_S)
            else:
                self._own(self._welcome(sock))

    async def _welcome(self, sock: socket.socket) -> None:
        try:
            first = await self._first_bytes(sock)
            if first and _METHOD.startswith(first):
                await self._stand_for_salesforce(sock)
                first = await self._first_bytes(sock)
            if first:
                await self._hand_over(sock, await self._tls_context() if first.startswith(_TLS_HELLO) else None)
            else:
                sock.close()
        except OSError:
            # Gone, or not of one mind with us about TLS.
            sock.close()
        except ImportError as error:
            _logger.warning("the local org could not speak TLS: %s", error)
            sock.close()
        except BaseException:
            sock.close()
            raise

    async def _first_bytes(self, sock: socket.socket) -> bytes:
        """What has come first, and stays to be read; empty where the client has gone."""
        end = self._loop.time() + _SILENCE_S
        while True:
            try:
                return sock.recv(len(_METHOD), socket.MSG_PEEK)
            except BlockingIOError:
                came: asyncio.Future[None] = self._loop.create_future()
                self._loop.add_reader(sock, _settle, came)
                try:
                    async with asyncio.timeout_at(end):
                        await came
                finally:
                    self._loop.remove_reader(sock)

    async def _hand_over(self, sock: socket.socket, context: ssl.SSLContext | None) -> None:
        if context is None:
            await self._loop.connect_accepted_socket(self._protocol, sock)
            return
        transport, _ = await self._loop.connect_accepted_socket(
            self._protocol, sock, ssl=context, ssl_handshake_timeout=_HANDSHAKE_S, ssl_shutdown_timeout=_GOODBYE_S
        )
        self._encrypted.add(transport)

    async def _tls_context(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = self._loop.run_in_executor(self._executor, self._tls)
        # Who leaves while it is made must not take it from the others.
        return await asyncio.shield(self._context)

    async def _stand_for_salesforce(self, sock: socket.socket) -> None:
        """Answer a client that takes this port for the proxy by which it gets to its org.

        Raises:
            ConnectionRefusedError: It wants to go elsewhere.
        """
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            piece = await self._loop.sock_recv(sock, _MAX_CONNECT)
            head += piece
            if not piece or len(head) > _MAX_CONNECT:
                raise ConnectionRefusedError
        wanted = _CONNECT.match(head)
        if wanted is None or not _SALESFORCE.fullmatch(wanted[1]):
            await self._loop.sock_sendall(sock, _FORBIDDEN)
            raise ConnectionRefusedError
        await self._loop.sock_sendall(sock, _CONNECTED)


def _settle(came: asyncio.Future[None]) -> None:
    if not came.done():
        came.set_result(None)
