"""Dask, reading: an answer's pages as the partitions of a frame, fetched and decoded by the workers."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import dask
import dask.dataframe as dd
from dask.delayed import delayed

from sfframe.bridge import run
from sfframe.front import DtypeBackend, backend_of, register_reader
from sfframe.org.carried import Carried
from sfframe.org.org import current_org
from sfframe.paged import TARGET_BYTES, Paged, PageRef, check, paged, read_page
from sfframe.query.options import ReadOptions

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


PARTITION_BYTES: Final = TARGET_BYTES  # of CSV, some three times as many in a pandas frame


@dataclass(frozen=True)
class _Read:
    """One read, as its partitions need it; it travels to each worker."""

    org: Carried
    answer: Paged
    dtype_backend: DtypeBackend | None

    def frame(self, rows: pa.Table) -> pd.DataFrame:
        found: pd.DataFrame = backend_of("pandas", self.dtype_backend).to_frame(rows)
        return found


async def read(soql: str | None, options: ReadOptions, dtype_backend: DtypeBackend | None) -> dd.DataFrame:
    """The Dask frame of an answer that the org has made."""
    backend_of("pandas", dtype_backend)  # which it is known to have
    org = current_org(options.get("org"))
    answer = await paged(org, soql, options, target_bytes=PARTITION_BYTES)
    whole = _Read(Carried(org), answer, dtype_backend)
    name = f"read-soql-{secrets.token_hex(8)}"  # a hash of what is in it would be one of secrets
    shared = delayed(whole, name=f"{name}-call", traverse=False)
    load, count, checked = (delayed(one, pure=False) for one in (_loaded, len, _checked))
    parts = [load(ref, shared, dask_key_name=f"{name}-{ref.number}") for ref in answer.refs]
    if len(parts) > 1:
        counts = [count(part, dask_key_name=f"{name}-count-{at}") for at, part in enumerate(parts)]
        parts[-1] = checked(parts[-1], counts, shared, dask_key_name=f"{name}-checked")
    # Otherwise times, decimals and lists would be made texts.
    with dask.config.set({"dataframe.convert-string": False}):
        found: dd.DataFrame = dd.from_delayed(
            parts, meta=whole.frame(answer.empty()), prefix="read-soql", verify_meta=False
        )
    return found


def _loaded(ref: PageRef, whole: _Read) -> pd.DataFrame:
    return whole.frame(run(read_page(whole.org(), whole.answer, ref)))


def _checked(frame: pd.DataFrame, counts: Sequence[int], whole: _Read) -> pd.DataFrame:
    """The last partition, if all together have as many rows as the org says: whoever reads the whole gets the whole."""
    run(check(whole.org(), whole.answer, sum(counts)))
    return frame


register_reader("dask", read)
