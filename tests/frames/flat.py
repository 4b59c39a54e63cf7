"""What loads of a dataset take of memory, in a process of their own: of a few rows first, then of many.

    python -m tests.frames.flat URL FILE...

prints one JSON line: for each file the most megabytes that the process held while it was loaded and its result used.
"""

from __future__ import annotations

import json
import sys
import tempfile
import warnings
from typing import Any

import pyarrow.dataset as ds

import sfframe
from tests.benchmarks.data import KEY
from tests.benchmarks.measure import measured

PART_BYTES = 4_000_000  # so that what is in flight is small beside the rows


def load(frame: Any, org: sfframe.Org) -> None:
    """A load, and all that is done with its result."""
    options: Any = {"org": org, "max_payload_bytes": PART_BYTES}
    result = sfframe.ingest(frame, "Contact", "upsert", KEY, **options)
    assert result.errors["count"].to_pylist() == [result.counts["failed"]]
    assert sum(map(_n_rows, (result.successful_results, result.failed_results))) == len(result)
    with tempfile.TemporaryDirectory() as folder:
        result.save(folder)


def _n_rows(view: Any) -> int:
    # Not `view.to_batches()`: where rows are used more slowly than read, Arrow reads up to a gigabyte ahead.
    groups = [group for fragment in view.get_fragments() for group in fragment.split_by_row_group()]
    return sum(batch.num_rows for group in groups for batch in group.to_batches())


def peak_mb(frame: Any, org: sfframe.Org) -> float:
    _, cost = measured(lambda: load(frame, org))
    return cost.before_mb + cost.peak_mb


def main(url: str, *files: str) -> None:
    warnings.simplefilter("ignore")  # rows do fail, as meant
    org = sfframe.Org(url, sfframe.AccessToken("bench"))
    sys.stdout.write(json.dumps([peak_mb(ds.dataset(file), org) for file in files]) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
