"""What doesn't fit in memory goes through it all the same: more rows take no more of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from tests.benchmarks.data import contacts
from tests.benchmarks.org import running

ROOT = Path(__file__).parents[2]
N_SMALL, N_BIG = 200_000, 600_000
NOTE_LENGTH = 250
# Beside what an allocator does as it likes: of each row some ten bytes are kept, to know all keys and fates.
MOST_MB = 60
# So that memory that isn't needed any longer isn't counted.
GIVING_BACK = {
    "_RJEM_MALLOC_CONF": "dirty_decay_ms:0,muzzy_decay_ms:0,narenas:2",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_TRIM_THRESHOLD_": "100000",
}


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Contacts with notes that nothing compresses: as a file they are as large as in memory."""
    folder = tmp_path_factory.mktemp("rows")
    frame = pl.read_parquet(contacts(N_BIG, folder)).with_columns(Description=_notes())
    for name, n in (("small", N_SMALL), ("big", N_BIG)):
        frame.head(n).write_parquet(folder / f"{name}.parquet", compression="uncompressed", row_group_size=100_000)
    assert (folder / "big.parquet").stat().st_size * (1 - N_SMALL / N_BIG) > 1.7e6 * MOST_MB
    yield folder
    shutil.rmtree(folder)  # half a gigabyte, of which pytest would keep that of three runs


def _notes() -> pl.Series:
    text = np.random.default_rng(1).bytes(N_BIG * NOTE_LENGTH // 2).hex().encode()
    ends = np.arange(0, len(text) + 1, NOTE_LENGTH, dtype=np.int32)
    return pl.Series(pa.StringArray.from_buffers(N_BIG, pa.py_buffer(ends.tobytes()), pa.py_buffer(text)))


def test_a_dataset_three_times_as_long_takes_no_more_memory(rows: Path) -> None:
    files = [str(rows / f"{name}.parquet") for name in ("small", "big")]
    with running(rows / "big.parquet") as bench:
        command = [sys.executable, "-m", "tests.frames.flat", bench.url, *files]
        env = os.environ | GIVING_BACK
        out = subprocess.run(command, cwd=ROOT, env=env, check=True, stdout=subprocess.PIPE, text=True).stdout
    small_mb, big_mb = json.loads(out)
    assert big_mb - small_mb < MOST_MB, (small_mb, big_mb)
