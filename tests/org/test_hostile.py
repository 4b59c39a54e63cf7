"""Servers that send what no server should: each ends in an `ApiError`, and this process holds no more than it must."""

from __future__ import annotations

import asyncio
import inspect
import itertools
import json
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import polars as pl
import pytest

import sfframe
from sfframe.errors import ApiError
from sfframe.org import body
from sfframe.org.auth import AccessToken
from sfframe.org.ingest_jobs import most_result_bytes
from sfframe.org.org import Org
from sfframe.org.retry import RetryPolicy, Timeouts
from tests.at_once import AT_ONCE

from .conftest import SHORT
from .site import JOBS, Site, job, reply

ID = "7505e00000Abc12AAB"
MB = 2**20
LONG = Timeouts(connect_s=30, idle_s=30, upload_s=30)
ONCE = RetryPolicy(max_tries=1)  # the bytes of a server are there once
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CSV = b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\n"
PIECE = b'{"id":"7505e00000Abc12AAB",' * 2_000
counts_headers = pytest.mark.skipif(
    "max_headers" not in inspect.signature(aiohttp.ClientSession).parameters, reason="this aiohttp counts no headers"
)


@asynccontextmanager
async def server(pieces: Iterable[bytes], pause_s: float = 0.0, timeouts: Timeouts = LONG) -> AsyncIterator[Org]:
    """An org behind a server that answers the first request with these bytes, and then closes the connection."""
    answering: set[asyncio.Task[None] | None] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.add(asyncio.current_task())
        with suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause_s)
            writer.close()
            await writer.wait_closed()

    listener = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with Org(f"http://127.0.0.1:{port}", AccessToken("t" * 20), retry=ONCE, timeouts=timeouts) as org:
        yield org
    listener.close()
    await asyncio.gather(*filter(None, answering))  # the client is gone: they end


async def refused(asking: Awaitable[object], *, most_mb: float, match: str) -> None:
    """The call ends in an `ApiError`, and held no more than so much at any moment."""
    tracemalloc.start()
    try:
        with pytest.raises(ApiError, match=match) as caught:
            await asking
        assert len(str(caught.value)) < 1_000
        assert tracemalloc.get_traced_memory()[1] < most_mb * MB
    finally:
        tracemalloc.stop()


def endless(piece: bytes, *, after: bytes) -> Iterator[bytes]:
    return itertools.chain([after], itertools.repeat(piece))


def chunked(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)


def bomb() -> Iterator[bytes]:
    """A megabyte of zeros in a kilobyte, over and over."""
    machine = zlib.compressobj(9, wbits=31)
    pieces = [machine.compress(bytes(MB)) + machine.flush(zlib.Z_FULL_FLUSH) for _ in range(2)]
    return itertools.chain(pieces[:1], itertools.repeat(pieces[1]))


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_a_job_without_an_end_is_read_up_to_a_bound(is_chunked: bool) -> None:
    head = OK + (b"Transfer-Encoding: chunked\r\n\r\n" if is_chunked else b"\r\n")
    async with server(endless(chunked(PIECE) if is_chunked else PIECE, after=head)) as org:
        await refused(org.query.get_job(ID), most_mb=3 * body.ANSWER_BYTES / MB, match="more than the 16,777,216 bytes")


async def test_packed_json_without_an_end_is_read_up_to_a_bound() -> None:
    head = OK + b"Content-Encoding: gzip\r\n\r\n"
    async with server(itertools.chain([head], bomb())) as org:
        await refused(org.query.get_job(ID), most_mb=3 * body.ANSWER_BYTES / MB, match="more than the 16,777,216 bytes")


@pytest.mark.parametrize("to_file", [False, True])
async def test_a_bomb_among_results_is_refused_by_its_ratio(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, to_file: bool
) -> None:
    monkeypatch.setattr(body, "_ANY_RATIO_BYTES", 8 * MB)
    head = CSV + b"Content-Encoding: gzip\r\n\r\n"
    async with server(itertools.chain([head], bomb())) as org:
        path = tmp_path / "x.csv"
        asking = org.ingest.download(ID, "failed_results", path) if to_file else org.query.results(ID)
        await refused(asking, most_mb=5 if to_file else 24, match="unpacks to .* times its bytes")


async def test_a_file_of_results_is_no_larger_than_what_was_sent_lets_expect() -> None:
    async with server(endless(b'"003","boom","x"\n' * 2_000, after=CSV + b"\r\n")) as org:
        asking = org.ingest.download(ID, "failed_results", most_bytes=most_result_bytes(1_000, 10))
        await refused(asking, most_mb=8, match="more than the 1,096,576 bytes")


async def test_a_call_bounds_the_results_of_its_jobs(site: Site) -> None:
    site.on("POST", JOBS, reply(job()))
    site.on("PUT", f"{JOBS}/{ID}/batches", reply(status=201))
    site.on("PATCH", f"{JOBS}/{ID}", reply(job("UploadComplete")))
    site.on("GET", f"{JOBS}/{ID}", reply(job("JobComplete", numberRecordsProcessed=1)))
    large = b'"sf__Id","sf__Created","LastName"\n' + b'"003","true","Ng"\n' * 100_000
    for kind in ("successfulResults", "failedResults", "unprocessedrecords"):
        site.on("GET", f"{JOBS}/{ID}/{kind}", reply(large))
    async with Org(site.url, AccessToken("t" * 20), retry=AT_ONCE, timeouts=SHORT) as org:
        frame = pl.DataFrame({"LastName": ["Ng"]})
        with pytest.raises(sfframe.OutcomeUnknown, match=r"more than such an answer may have"):
            await sfframe.ingest_async(frame, "Contact", "insert", describe=False, org=org)


async def test_pages_of_results_that_never_end_and_hold_nothing_are_refused(site: Site) -> None:
    numbers = itertools.count()

    async def page(_: object) -> object:
        return await reply(b'"sf__Id"\n', headers={"Sforce-Locator": f"n{next(numbers)}"})(None)  # type: ignore[arg-type]

    site.on("GET", f"{JOBS}/{ID}/failedResults", page)  # type: ignore[arg-type]
    async with Org(site.url, AccessToken("t" * 20), retry=AT_ONCE, timeouts=SHORT) as org:
        with pytest.raises(ApiError, match="none is the last"):
            await org.ingest.failed_results(ID)


async def test_of_a_refusal_without_an_end_the_beginning_is_read() -> None:
    head = b"HTTP/1.1 400 Bad Request\r\n\r\n"
    async with server(endless(b"<p>no</p>" * 5_000, after=head)) as org:
        await refused(org.query.get_job(ID), most_mb=8, match="400: no no")


async def test_a_refusal_that_cant_be_unpacked_is_a_refusal() -> None:
    async with server([b"HTTP/1.1 400 Bad Request\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope"]) as org:
        await refused(org.query.get_job(ID), most_mb=8, match="400: no explanation")


HEADS: dict[str, Callable[[], Iterable[bytes]]] = {
    "a header line": lambda: endless(b"a" * 100_000, after=OK + b"X: "),
    "a header's name": lambda: endless(b"a" * 100_000, after=OK),
    "a status line": lambda: endless(b"a" * 100_000, after=b"HTTP/1.1 200 "),
    "one line": lambda: endless(b"a" * 100_000, after=b""),
}


@pytest.mark.parametrize("name", HEADS)
async def test_lines_without_an_end_are_refused(name: str) -> None:
    async with server(HEADS[name]()) as org:
        await refused(org.query.get_job(ID), most_mb=8, match="is no HTTP|broke off")


@counts_headers
@pytest.mark.parametrize("where", ["head", "trailer"])
async def test_headers_without_an_end_are_refused(where: str) -> None:
    after = OK if where == "head" else OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
    lines = (b"X-%d: y\r\n" % n * 1_000 for n in itertools.count())
    async with server(itertools.chain([after], lines)) as org:
        await refused(org.query.get_job(ID), most_mb=8, match="is no HTTP|broke off")


async def test_a_head_that_never_comes_to_its_end_is_waited_for_no_longer_than_silence() -> None:
    async with server(itertools.chain([OK], itertools.repeat(b"X: y\r\n")), pause_s=0.02, timeouts=SHORT) as org:
        await refused(org.query.get_job(ID), most_mb=8, match="fell silent")


async def test_answers_that_only_say_that_there_will_be_one_are_no_answer() -> None:
    async with server(itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n"), pause_s=0.001, timeouts=SHORT) as org:
        await refused(org.query.get_job(ID), most_mb=8, match="fell silent")


@pytest.mark.parametrize("piece", [b"0", b";", b"a=b;"])
async def test_a_chunk_whose_size_never_ends_is_as_good_as_silence(piece: bytes) -> None:
    after = OK + b"Transfer-Encoding: chunked\r\n\r\n2;"
    async with server(endless(piece * 10_000, after=after), timeouts=SHORT) as org:
        await refused(org.query.get_job(ID), most_mb=8, match="fell silent|broke off|is no HTTP")


@pytest.mark.parametrize("encoding", [b"", b"Content-Encoding: gzip\r\n"])
async def test_a_body_that_drips_is_as_good_as_silence(encoding: bytes) -> None:
    data = zlib.compress(bytes(range(256)) * 100, 0, wbits=31) if encoding else bytes(1_000)
    drops = (data[n : n + 1] for n in range(1_000))
    async with server(itertools.chain([OK + encoding + b"\r\n"], drops), pause_s=0.02, timeouts=SHORT) as org:
        await refused(org.query.get_job(ID), most_mb=8, match="fell silent")


WRONG: dict[str, tuple[bytes, str]] = {
    "longer than said": (OK + b"Content-Length: 100\r\n\r\n{}", "broke off"),
    "longer than may be": (OK + b"Content-Length: 17000000\r\n\r\n{}", "is to have 17,000,000 bytes"),
    "longer than a disk": (OK + b"Content-Length: 9000000000000000000\r\n\r\n{}", "is to have 9,000,000,000"),
    "longer than a number": (OK + b"Content-Length: 90000000000000000000\r\n\r\n{}", "is no HTTP"),
    "a negative length": (OK + b"Content-Length: -2\r\n\r\n{}", "is no HTTP"),
    "two lengths": (OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "is no HTTP"),
    "a chunk beyond numbers": (OK + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}", "is no HTTP|broke"),
    "a chunk that isn't there": (OK + b"Transfer-Encoding: chunked\r\n\r\nffffff\r\n{}", "broke off"),
    "no last chunk": (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", "broke off"),
    "a chunk of x": (OK + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n{}", "is no HTTP|broke off"),
    "another packing": (OK + b"Content-Encoding: br\r\nContent-Length: 2\r\n\r\n{}", "is packed by 'br'"),
    "no packing": (OK + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", "isn't gzip"),
    "nothing": (b"", "broke"),
    "SSH": (b"SSH-2.0-OpenSSH_9.6\r\n", "is no HTTP"),
    "TLS": (b"\x15\x03\x01\x00\x02\x02\x50", "is no HTTP"),
    "another version": (b"HTTP/9.9 200 OK\r\n\r\n", "is no HTTP|broke"),
    "a status of letters": (b"HTTP/1.1 abc OK\r\n\r\n", "is no HTTP"),
    "a status too many": (b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n", "is no HTTP|2000"),
    "a line of old times": (b"<html>hello</html>\n", "is no HTTP"),
    "switched protocols": (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nabc", "101|broke"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_what_is_no_answer_is_told_as_such(name: str) -> None:
    given, told = WRONG[name]
    async with server([given]) as org:
        await refused(org.query.get_job(ID), most_mb=4, match=told)


async def test_gzip_that_breaks_off_isnt_taken_for_whole() -> None:
    packed = zlib.compress(b'"LastName"\n' + b'"Ng"\n' * 1_000, wbits=31)[:-9]
    head = CSV + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    async with server([head, packed]) as org:
        await refused(org.query.results(ID), most_mb=4, match="broke off")


async def test_gzip_in_several_files_is_one_answer() -> None:
    told = json.dumps(job("JobComplete")).encode()
    packed = zlib.compress(told[:30], wbits=31) + zlib.compress(told[30:], wbits=31) + bytes(10)
    head = OK + b"Content-Encoding: x-gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    async with server([head, packed[:50], packed[50:]]) as org:
        assert (await org.ingest.get_job(ID)).state == "JobComplete"


@pytest.mark.parametrize("status", [206, 304])
async def test_a_part_of_a_file_or_no_news_of_it_isnt_the_file(site: Site, status: int) -> None:
    site.on("GET", f"{JOBS}/{ID}/failedResults", reply(b'"sf__Id"\n' if status == 206 else b"", status=status))
    async with Org(site.url, AccessToken("t" * 20), retry=ONCE, timeouts=LONG) as org:
        with pytest.raises(ApiError, match=str(status)):
            await org.ingest.failed_results(ID)
