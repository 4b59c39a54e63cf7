"""The three result files of a job: its rows as the org gives them back (wire notes, 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, BinaryIO

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from sfframe.localorg.data.sql import literal
from sfframe.localorg.ingest.job import BATCH_ROWS
from sfframe.localorg.ingest.parse import read_rows
from sfframe.localorg.ingest.scan import DELIMITERS, LINE_ENDS, Layout
from sfframe.localorg.manners import Manners
from sfframe.localorg.objects.schema import NUMBER_TYPES
from sfframe.localorg.saving.cells import NULL_MARK
from sfframe.localorg.saving.header import ROW, Column, cell

_STRIDE = 5 * BATCH_ROWS
_STORED_FORMS = {
    "boolean": "_org.as_boolean({})::VARCHAR",
    "int": "_org.as_int({})::VARCHAR",
    "long": "_org.as_long({})::VARCHAR",
    "date": "_org.as_date({})::VARCHAR",
    "datetime": "strftime(_org.as_datetime({}), '%Y-%m-%dT%H:%M:%S.000Z')",
    "time": "strftime(DATE '2000-01-01' + _org.as_time({}), '%H:%M:%S.%gZ')",
    "id": "_org.normal_id({})",
    "reference": "_org.normal_id({})",
}


@dataclass(frozen=True, slots=True)
class Echo:
    """Writes the results of one job.

    Attributes:
        db: The connection of the caller's thread.
        manners: See there.
        upload: The bytes as they were sent.
        layout: Where its records are; None: it couldn't be read as CSV.
        columns: What its columns mean; none where the job failed for them.
        delimiter: The job's columnDelimiter, by name.
        line_ending: The job's lineEnding, by name.
    """

    db: duckdb.DuckDBPyConnection
    manners: Manners
    upload: Path
    layout: Layout | None
    columns: tuple[Column, ...]
    delimiter: str
    line_ending: str

    @property
    def _separator(self) -> str:
        return DELIMITERS[self.delimiter]

    @property
    def _line_end(self) -> str:
        return LINE_ENDS[self.line_ending]

    def write(self, successful: Path, failed: Path, *, job_id: str, seed: int, done: int) -> None:
        """Write the first `done` rows. The order is the seed's (3.9), never the upload's.

        Batches of rows are drawn one after the other, and the rows of each: so no more than one is held.
        """
        order = list(range(len(self.columns)))
        if self.manners.failed_columns_sorted:
            order.sort(key=lambda index: self.columns[index].header)
        with successful.open("wb") as good, failed.open("wb") as bad:
            good.write(self._header("sf__Created", range(len(self.columns))))
            bad.write(self._header("sf__Error", order))
            if self.layout is None or not self.columns:
                return
            starts = list(range(0, done, _STRIDE))
            Random(f"{seed} {job_id}").shuffle(starts)  # nosec B311  # any order will do
            query = self._query(order, job_id, seed)
            for start in starts:
                stride = min(_STRIDE, done - start)
                rows = read_rows(self.upload, self.layout, delimiter=self.delimiter, start=start, stride=stride)
                self._write_stride(next(rows), query, good, bad)

    def _write_stride(self, rows: pa.Table, query: str, good: BinaryIO, bad: BinaryIO) -> None:
        self.db.register("cells", rows)
        try:
            for batch in self.db.sql(query).to_arrow_reader(_STRIDE):
                split = int(pc.sum(batch.column(0).cast(pa.int64())).as_py() or 0)
                good.write(_text(batch.column(1).slice(0, batch.num_rows - split)))
                bad.write(_text(batch.column(1).slice(batch.num_rows - split)))
        finally:
            self.db.unregister("cells")

    def write_unprocessed(self, path: Path, *, done: int) -> None:
        """Write the rows that nobody looked at, as they were sent, with their own quotes."""
        with path.open("wb") as file:
            if self.layout is None:
                # It couldn't be read, so it can't be cut either.
                file.write(self.upload.read_bytes() if self.upload.exists() else b"")
                return
            if not self.layout.names:
                return
            file.write(self.layout.header + self._line_end.encode())
            if done < self.layout.rows:
                with self.upload.open("rb") as upload:
                    upload.seek(self.layout.start_of(done, upload))
                    while piece := upload.read(1 << 20):
                        file.write(piece)

    def _header(self, second: str, order: Sequence[int]) -> bytes:
        sf = f'"sf__Id"{self._separator}"{second}"'.encode()
        if self.layout is None or not self.layout.names:
            return sf + self._line_end.encode()
        sent = self.layout.header
        if list(order) != list(range(len(self.columns))):
            sent = self._separator.join(_quoted_name(self.columns[index].header) for index in order).encode()
        return sf + self._separator.encode() + sent + self._line_end.encode()

    def _query(self, order: Sequence[int], job_id: str, seed: int) -> str:
        good = ["coalesce(o.id, '')", "o.created::VARCHAR", *map(self._stored, self.columns)]
        bad = ["coalesce(o.id, '')", "o.error", *(self._sent(self.columns[index]) for index in order)]
        numbers = [c.index for c in self.columns if c.field.type in NUMBER_TYPES and c.parent is None]
        values = "".join(f", _org.as_number({cell(i)}) AS x{i}" for i in numbers)
        texts = "".join(f", abs(x{i})::VARCHAR AS p{i}" for i in numbers)
        return f"""
            WITH read AS (SELECT *{values} FROM cells), written AS (SELECT *{texts} FROM read)
            SELECT o.error IS NOT NULL AS is_bad,
                   CASE WHEN o.error IS NULL THEN {self._line(good)} ELSE {self._line(bad)} END AS line
            FROM written JOIN _org.outcomes o ON o.n = written.{ROW} AND o.job = {literal(job_id)}
            ORDER BY is_bad, hash({literal(f"{seed} {job_id}")}, written.{ROW})"""

    def _line(self, values: Sequence[str]) -> str:
        quoted = (f"""replace({value}, '"', '""')""" for value in values)
        between = f""" || '"{self._separator}"' || """
        return f"""'"' || {between.join(quoted)} || {literal('"' + self._line_end)}"""

    def _stored(self, column: Column) -> str:
        """A cell of a saved row: how the org writes the value (5.3)."""
        text, field = cell(column.index), column.field
        if self.manners.echo == "verbatim":
            return text
        if column.parent is not None:
            form = text
        elif field.type in NUMBER_TYPES:
            form = f"_org.java_text(x{column.index}, p{column.index})"
        else:
            form = _STORED_FORMS.get(field.type, "{}").format(text)
        return f"CASE WHEN {text} IN ('', '{NULL_MARK}') THEN '' ELSE coalesce({form}, {text}) END"

    def _sent(self, column: Column) -> str:
        """A cell of a failed row: what was sent, but for the known gap of headers in another case (4.5)."""
        if self.manners.drop_wrong_case and not column.is_exact:
            return "''"
        return cell(column.index)


def _quoted_name(header: str) -> str:
    return '"' + header.replace('"', '""') + '"'


def _text(lines: pa.Array[Any]) -> memoryview:
    """The lines one after the other, as the array holds them already."""
    if not len(lines):
        return memoryview(b"")
    wide = lines.cast(pa.large_string())
    _, offsets, data = wide.buffers()
    assert data is not None
    ends = pa.Array.from_buffers(pa.int64(), len(wide) + 1, [None, offsets], offset=wide.offset)
    return memoryview(data)[ends[0].as_py() : ends[len(wide)].as_py()]
