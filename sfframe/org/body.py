"""Bodies: an answer's bytes as they come, unpacked, and never more of them than an answer of its kind may have.

A server that is broken or hostile sends without an end, or packs gigabytes into a megabyte. What it can make this
process hold is bounded here. No HTTP library.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import BinaryIO, Final

# Most bytes of an answer, unpacked. Python's objects for JSON may take some twenty times as much.
ANSWER_BYTES: Final = 2**24  # a job, a list of jobs, limits, a token: the longest known ones have less than one MB
LARGE_ANSWER_BYTES: Final = 2**26  # a describe, a page of records; over SOAP no answer has more than 50 MB
RESULT_BYTES: Final = 2**31 - 1  # a file of CSV, and the largest that can be read in one piece

# CSV with one value over and over packs as well as a bomb does, so up to here any ratio is taken.
_ANY_RATIO_BYTES: Final = 2**28
_MOST_RATIO: Final = 100

_PIECE: Final = 2**20  # unpacked at once
_FIRST_ROOM: Final = 2**24
_NOT_ASKED_FOR: Final = frozenset({"deflate", "br", "zstd", "compress"})

Chunks = AsyncGenerator[bytes, None]


class BadBodyError(Exception):
    """A body that is larger than it may be, or can't be unpacked; the text follows the words `the answer of HOST`."""

    def __init__(self, message: str, *, may_pass: bool) -> None:
        super().__init__(message)
        self.may_pass = may_pass


async def bounded(chunks: Chunks, *, encoding: str, most_bytes: int) -> Chunks:
    """The unpacked bytes of a body, in pieces of some hundred kB.

    Args:
        chunks: The body as it came.
        encoding: The answer's `Content-Encoding`: gzip is unpacked, a text that names no packing is passed over.
        most_bytes: How many bytes there may be.

    Raises:
        BadBodyError: There are more, or they can't be unpacked, or are packed in a way that wasn't asked for.
    """
    packing = encoding.strip().lower()
    if packing in _NOT_ASKED_FOR:
        raise BadBodyError(f"is packed by {packing!r}, and gzip alone was asked for", may_pass=True)
    is_packed = packing in ("gzip", "x-gzip")
    counted, n_bytes = _Counted(chunks), 0
    async with aclosing(_unpacked(counted.all()) if is_packed else counted.all()) as pieces:
        async for piece in pieces:
            n_bytes += len(piece)
            if n_bytes > most_bytes:
                reason = f"has more than the {most_bytes:,} bytes that such an answer may have"
                raise BadBodyError(reason, may_pass=False)
            if is_packed and n_bytes > max(_ANY_RATIO_BYTES, _MOST_RATIO * counted.n_bytes):
                ratio = n_bytes / counted.n_bytes
                raise BadBodyError(f"unpacks to {ratio:.0f} times its bytes, which no result does", may_pass=False)
            yield piece


class _Counted:
    """A body as it comes, and how much of it has come."""

    def __init__(self, chunks: Chunks) -> None:
        self._chunks = chunks
        self.n_bytes = 0

    async def all(self) -> Chunks:
        async with aclosing(self._chunks) as chunks:
            async for chunk in chunks:
                self.n_bytes += len(chunk)
                yield chunk


async def _unpacked(chunks: Chunks) -> Chunks:
    """Here rather than by aiohttp, which takes gzip that breaks off for whole, and in some versions all at once."""
    machine = zlib.decompressobj(wbits=31)
    is_begun = False
    async with aclosing(chunks):
        async for chunk in chunks:
            rest = chunk
            while rest:
                if machine.eof:  # several files of gzip, one after the other, are one
                    machine = zlib.decompressobj(wbits=31)
                is_begun = True
                try:
                    piece = machine.decompress(rest, _PIECE)
                except zlib.error as error:
                    raise BadBodyError("isn't gzip as it says", may_pass=True) from error
                rest = machine.unused_data.lstrip(b"\0") if machine.eof else machine.unconsumed_tail
                if piece:
                    yield piece
    if is_begun and not machine.eof:
        raise BadBodyError("broke off", may_pass=True)


async def in_memory(pieces: Chunks, *, expected: int | None) -> bytes:
    """All of a body in one piece; where its length is known, without a second copy beside it.

    Args:
        pieces: See `bounded`.
        expected: Its length, as far as the peer can be believed; `None`: not known.
    """
    body, room = io.BytesIO(), 0
    async for piece in pieces:
        n_bytes = body.tell() + len(piece)
        # A body that grows would be moved time and again; but who promises a gigabyte needn't ever send it.
        if expected and room < min(expected, n_bytes):
            room = min(expected, max(_FIRST_ROOM, 4 * n_bytes))
            body.seek(room - 1)
            body.write(b"\0")
            body.seek(n_bytes - len(piece))
        body.write(piece)
    body.truncate()
    return body.getvalue()


async def beginning(pieces: Chunks, n_bytes: int) -> bytes:
    """Some of a body, and perhaps a piece more."""
    body = bytearray()
    async for piece in pieces:
        body += piece
        if len(body) >= n_bytes:
            break
    return bytes(body[:n_bytes])


async def into_file(pieces: Chunks, file: BinaryIO) -> None:
    """A body into a file, from its position on."""
    # Written on the loop: a chunk goes into the page cache faster than a thread could be woken for it.
    async for piece in pieces:
        file.write(piece)
