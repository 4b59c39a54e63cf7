"""The rows that every client sends: a million contacts with ten columns of mixed kinds, the same on each run.

Rows are made in chunks of their own seed, so a small table is the beginning of a large one.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq

KEY = "ExternalId__c"
CHUNK_ROWS = 100_000
SEED = 20_260_101

FIRST_NAMES = "Ada|Alan|Grace|Edsger|Zoë|Jürgen|Søren|Łukasz|José|Nguyễn|美咲|Ольга"
LAST_NAMES = (
    "Lovelace|Turing|Hopper|O'Neil|Müller|Dvořák|García|de la Cruz|田中|Иванова"
    '|Smith "Smitty"|Brown, Jr.|Åkesson|Nakamura|Okafor|Rossi'
)
HANDLES = "ada|alan|grace|ed|zoe|jg|soren|lu|jose|ng"
DOMAINS = "acme.com|example.org|mail.co.uk|firma.de"
NOTES = (
    'called|met in Zürich|said "maybe"|asks, politely, for a quote|prefers mail|名刺交換'
    "|back in May|VIP|no reply|paid 100 %"
)


def contacts(rows: int, folder: Path) -> Path:
    """The Parquet file of the first `rows` contacts, written on the first call."""
    path = folder / f"contacts-{rows}.parquet"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        _write(unfinished, rows)
        unfinished.rename(path)
    return path


def _write(path: Path, rows: int) -> None:
    first = _chunk(0).to_arrow()
    with pq.ParquetWriter(path, first.schema, compression="zstd") as writer:
        for start in range(0, rows, CHUNK_ROWS):
            chunk = _chunk(start // CHUNK_ROWS)
            writer.write_table(chunk.head(rows - start).to_arrow())


def _chunk(index: int) -> pl.DataFrame:
    rng = np.random.default_rng([SEED, index])
    row = pl.Series("row", np.arange(index * CHUNK_ROWS, (index + 1) * CHUNK_ROWS))
    return pl.DataFrame(
        {
            KEY: keys(row),
            "FirstName": _gaps(rng, _pick(rng, FIRST_NAMES), 0.04),
            "LastName": _pick(rng, LAST_NAMES),
            "Email": _gaps(rng, _emails(rng, row), 0.3),
            "Description": _gaps(rng, _notes(rng), 0.3),
            "Birthdate": _gaps(rng, _dates(rng), 0.2),
            "LastVisit__c": _gaps(rng, _instants(rng), 0.4),
            "Score__c": _gaps(rng, _scores(rng), 0.1),
            "Visits__c": _gaps(rng, pl.Series(rng.integers(0, 400, CHUNK_ROWS)), 0.3),
            "DoNotCall": pl.Series(rng.random(CHUNK_ROWS) < 0.2),
        }
    )


def keys(row: pl.Series) -> pl.Series:
    """The external ids of rows, such as `C-00000042`."""
    return "C-" + row.cast(pl.String).str.zfill(8)


def _pick(rng: np.random.Generator, pool: str) -> pl.Series:
    values = pool.split("|")
    return pl.Series(values).gather(rng.integers(0, len(values), CHUNK_ROWS))


def _gaps(rng: np.random.Generator, values: pl.Series, share: float) -> pl.Series:
    return pl.select(pl.when(pl.Series(rng.random(CHUNK_ROWS) >= share)).then(values)).to_series()


def _emails(rng: np.random.Generator, row: pl.Series) -> pl.Series:
    return _pick(rng, HANDLES) + row.cast(pl.String) + "@" + _pick(rng, DOMAINS)


def _notes(rng: np.random.Generator) -> pl.Series:
    one = _pick(rng, NOTES)
    two = one + "\n" + _pick(rng, NOTES)
    return two.zip_with(pl.Series(rng.random(CHUNK_ROWS) < 0.5), one)


def _dates(rng: np.random.Generator) -> pl.Series:
    days = (date(2006, 1, 1) - date(1970, 1, 1)).days
    return pl.Series(rng.integers(-10_000, days, CHUNK_ROWS), dtype=pl.Int32).cast(pl.Date)


def _instants(rng: np.random.Generator) -> pl.Series:
    end = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
    ms = rng.integers(end - 5 * 365 * 86_400_000, end, CHUNK_ROWS)
    return pl.Series(ms).cast(pl.Datetime("ms", "UTC"))


def _scores(rng: np.random.Generator) -> pl.Series:
    """Mostly amounts with cents; some beyond ten million, which the org echoes with an exponent."""
    small = rng.uniform(0, 20_000, CHUNK_ROWS)
    large = rng.uniform(1e7, 1e9, CHUNK_ROWS)
    return pl.Series(np.round(np.where(rng.random(CHUNK_ROWS) < 0.03, large, small), 2))
