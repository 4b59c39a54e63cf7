"""Uploads as the benchmark's org reads them: which rows they hold at once, every cell when nobody waits."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl

_KEY = re.compile(rb"C-(\d{8})")
_LOOK_BYTES = 65_536


def header(upload: list[bytes]) -> bytes:
    """The first line, as it was written, without its line end."""
    return b"".join(upload[:2])[:_LOOK_BYTES].split(b"\n", 1)[0].rstrip(b"\r")


def row_range(upload: list[bytes]) -> tuple[int, int]:
    """The run of rows in an upload, from the first to behind the last, told by the keys at its two ends."""
    head = _KEY.search(_end(upload, 1))
    tail = _KEY.findall(_end(upload, -1))
    if head is None or not tail:
        raise ValueError("an upload without a key in its first or last rows")
    return int(head[1]), int(tail[-1]) + 1


def _end(upload: list[bytes], step: int) -> bytes:
    """At least `_LOOK_BYTES` bytes of the beginning (`step` 1) or the end (-1), if there are as many."""
    chunks: list[bytes] = []
    for chunk in upload[::step]:
        chunks.append(chunk)
        if sum(map(len, chunks)) >= _LOOK_BYTES:
            break
    return b"".join(chunks[::step])


def differences(upload: list[bytes], data: Path) -> dict[str, int]:
    """How many cells of each column aren't what the rows hold, by value; empty if the upload is true."""
    first, last = row_range(upload)
    rows = pl.scan_parquet(data).slice(first, last - first).collect()
    sent = pl.read_csv(b"".join(upload), infer_schema=False)
    if len(sent) != len(rows):
        return {"rows": abs(len(sent) - len(rows))}
    wrong = {name: _unlike(sent[name], rows[name]) for name in rows.columns}
    return {name: count for name, count in wrong.items() if count}


def _unlike(sent: pl.Series, row: pl.Series) -> int:
    return int(_read(sent.replace("", None), row.dtype).ne_missing(row).sum())


def _read(text: pl.Series, dtype: pl.DataType) -> pl.Series:
    if dtype == pl.Datetime:
        return text.str.slice(0, 23).str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="ms", time_zone="UTC")
    if dtype == pl.Date:
        return text.str.to_date("%Y-%m-%d")
    if dtype == pl.Boolean:
        return text == "true"
    if dtype.is_integer():
        return text.cast(pl.Float64).cast(dtype)
    return text.cast(dtype)


def is_whole(ranges: list[tuple[int, int]], rows: int) -> bool:
    """Whether runs of rows hold each of the first `rows` rows once."""
    ends = [0, *(last for _, last in sorted(ranges))]
    return [first for first, _ in sorted(ranges)] == ends[:-1] and ends[-1] == rows
