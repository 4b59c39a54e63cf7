"""pandas kept: whole frames in a folder, with index, labels and dtypes, and the very same frames again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from sfframe.frames import shelf
from sfframe.frames.pandas_arrays import Packed, Said, Small, pack, pack_index, unpack
from sfframe.frames.tagged import NoFormError, of_json, to_json
from sfframe.ingest.spool import CHUNK
from sfframe.problems import Problem


class Packing:
    """A frame, its columns and its index packed.

    Attributes:
        problems: Columns that can't be kept, and what else can't.
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        self._n = len(frame)
        self._attrs = frame.attrs
        self._flags = bool(frame.flags.allows_duplicate_labels)
        self.problems: list[Problem] = []
        if type(frame) is not pd.DataFrame:
            self.problems.append(shelf.not_kept(None, f"a {type(frame).__name__}, other than a plain DataFrame,"))
        columns = [(label, frame.iloc[:, at]) for at, label in enumerate(frame.columns)]
        self._index = self._packed(None, pack_index, frame.index, "the frame's index: ")
        self._labels = self._packed(None, pack_index, frame.columns, "the frame's column labels: ")
        self._columns = [self._packed(label, pack, column, "") for label, column in columns]

    def _packed(self, label: object, packer: Callable[[Any], Packed], values: Any, where: str) -> Packed | None:
        try:
            return packer(values)
        except NoFormError as error:
            self.problems.append(shelf.not_kept(label, f"{where}{error}"))
            return None

    def write(self, folder: Path) -> None:
        """Write it all into the folder."""
        assert not self.problems
        arrays = [packed for packed in (self._index, *self._columns) if packed is not None]
        types = [arrow_type for packed in arrays for arrow_type in packed.types]
        schema = pa.schema([pa.field(str(at), arrow_type) for at, arrow_type in enumerate(types)])
        shelf.write_rows(folder, schema, self._batches(arrays))
        assert self._labels is not None
        small: list[shelf.Arrays] = []
        said = {
            "rows": self._n,
            "index": _said(arrays[0], small),
            "labels": _said_small(Small(self._labels, len(self._columns)), small),
            "columns": [_said(packed, small) for packed in arrays[1:]],
            "attrs": _attrs(self._attrs),
            "allows_duplicate_labels": self._flags,
        }
        shelf.write_small(folder, small)
        shelf.close(folder, "pandas", said)

    def _batches(self, arrays: Sequence[Packed]) -> Iterator[list[Any]]:
        if not any(packed.types for packed in arrays):
            return
        for start in range(0, self._n, CHUNK):
            stop = min(start + CHUNK, self._n)
            yield [column for packed in arrays for column in packed.arrays(start, stop)]


def _said(packed: Packed, small: list[shelf.Arrays]) -> Said:
    """What is written of a packed array; short arrays that belong to it are appended to `small`."""
    shorts = [_said_small(one, small) for one in packed.small]
    return {"said": packed.said | ({"odd": packed.odd} if packed.odd else {}), "n": len(packed.types), "small": shorts}


def _said_small(one: Small, small: list[shelf.Arrays]) -> Said:
    arrays = [a.combine_chunks() if isinstance(a, pa.ChunkedArray) else a for a in one.packed.arrays(0, one.n)]
    at = len(small)
    small.append(arrays)
    return {"at": at, **_said(one.packed, small)}


def _attrs(attrs: Any) -> str | None:
    try:
        return to_json(dict(attrs)) if attrs else None
    except NoFormError:  # pandas promises nothing of them either
        return None


def read_frame(folder: Path) -> pd.DataFrame:
    """The frame that was written into the folder."""
    said = shelf.opened(folder, "pandas")
    table, small = shelf.read_rows(folder), shelf.read_small(folder)
    columns = table.columns[::-1]

    def array(one: Said) -> Any:
        mine = [columns.pop() for _ in range(one["n"])]
        return unpack(one["said"], mine, [short(each) for each in one["small"]])

    def short(one: Said) -> Any:
        mine = [small[f"{one['at']}.{part}"] for part in range(one["n"])]
        return unpack(one["said"], mine, [short(each) for each in one["small"]])

    index = array(said["index"])
    # As a Series: of an array of objects pandas would tell a dtype.
    arrays = {
        at: pd.Series(made := array(one), index=index, dtype=made.dtype, copy=False)
        for at, one in enumerate(said["columns"])
    }
    frame = pd.DataFrame(arrays, index=index, copy=False)
    if len(frame) != said["rows"]:
        raise shelf.KeptError(f"{folder} has {len(frame):,} rows of {said['rows']:,}")
    frame.columns = short(said["labels"])
    frame.attrs = of_json(said["attrs"]) if said["attrs"] is not None else {}
    return frame if said["allows_duplicate_labels"] else frame.set_flags(allows_duplicate_labels=False)
