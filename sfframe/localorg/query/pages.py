"""The result file of a query job, and any stretch of its records as a page (wire notes, 6.3)."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

# The server chooses how large a page is; this keeps the answer's memory bounded, whatever is asked for.
_PAGE_BYTES = 1 << 25
Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Page:
    """Some records in a row.

    Attributes:
        body: The header line and the records.
        records: How many.
        following: The first record of the next page; None: this one is the last.
    """

    body: bytes
    records: int
    following: int | None


@dataclass(frozen=True, slots=True)
class Pages:
    """The lines of one job on disk: `path` holds header and records, beside it lies where each record ends.

    Attributes:
        path: The result file.
    """

    path: Path

    @property
    def _ends(self) -> Path:
        return self.path.with_suffix(".ends")

    @property
    def exists(self) -> bool:
        return self.path.exists() and self._ends.exists()

    def write(self, header: bytes, batches: Iterable[pa.RecordBatch]) -> int:
        """Write the lines of the first column of all batches; gives the number of records.

        What is there under the name is whole: it is written under others first.
        """
        new, new_ends = self.path.with_suffix(".new"), self.path.with_suffix(".newends")
        position, records = len(header), 0
        with new.open("wb") as file, new_ends.open("wb") as ends:
            file.write(header)
            ends.write(np.array([position], np.int64).tobytes())
            for batch in batches:
                offsets, text = _lines(batch.column(0))
                file.write(text)
                ends.write((offsets[1:] - offsets[0] + position).astype(np.int64).tobytes())
                position, records = position + len(text), records + batch.num_rows
        new.replace(self.path)
        new_ends.replace(self._ends)
        return records

    def page(self, start: int, most: int) -> Page:
        """The page that begins with record `start`, of at most `most` records and some 32 MB."""
        ends = self._record_ends()
        stop = _page_end(ends, start, most)
        with self.path.open("rb") as file:
            header = file.read(int(ends[0]))
            file.seek(int(ends[start]))
            body = header + file.read(int(ends[stop] - ends[start]))
        return Page(body, stop - start, stop if stop < len(ends) - 1 else None)

    def starts(self, most: int) -> list[int]:
        """The first records of all pages; an empty result has one page."""
        ends, starts = self._record_ends(), [0]
        while (stop := _page_end(ends, starts[-1], most)) < len(ends) - 1:
            starts.append(stop)
        return starts

    def has_record(self, number: int) -> bool:
        return 0 <= number < max(1, self._ends.stat().st_size // 8 - 1)

    def _record_ends(self) -> Places:
        return np.fromfile(self._ends, np.int64)


def _page_end(ends: Places, start: int, most: int) -> int:
    """The record before which a page ends that begins with `start`."""
    within = int(np.searchsorted(ends, ends[start] + _PAGE_BYTES, "right")) - 1
    return min(start + most, max(within, start + 1), len(ends) - 1)


def make_locator(job_id: str, number: int) -> str:
    """The locator of the page that begins with a record: opaque, and of no use for another job."""
    plain = f"0:{_seal(job_id, number)}{job_id}:{number}"
    return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


def read_locator(job_id: str, locator: str) -> int | None:
    """The record with which a locator's page begins; None: it is none of this job."""
    try:
        plain = base64.urlsafe_b64decode(locator.encode("ascii") + b"=" * (-len(locator) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        return None
    number = plain.rpartition(":")[2]
    if not (number.isdecimal() and len(number) < 19):
        return None
    return int(number) if locator == make_locator(job_id, int(number)) else None


def _seal(job_id: str, number: int) -> str:
    return hashlib.blake2b(f"{job_id}-{number}".encode(), digest_size=6).hexdigest()


def _lines(lines: pa.Array[Any]) -> tuple[Places, memoryview]:
    """Where each line ends, and all of them one after the other, as the array holds them already."""
    wide = lines.cast(pa.large_string())
    _, offsets, data = wide.buffers()
    assert offsets is not None
    places = np.frombuffer(memoryview(offsets), np.int64, len(wide) + 1, offset=8 * wide.offset)
    text = memoryview(data)[places[0] : places[-1]] if data is not None else memoryview(b"")
    return places, text
